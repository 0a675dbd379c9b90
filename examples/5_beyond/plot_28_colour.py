"""
28. Colour, and your own images
===============================

*What changes when images have three channels, and come from a folder of your own?*

You need :doc:`/gallery/2_layers/plot_08_many_images`, for images, channels and kernels,
:doc:`/gallery/3_inside/plot_11_sizes`, for ``groups``, and
:doc:`/gallery/5_beyond/plot_23_everybody`, for ``Dataset`` and ``DataLoader``. This is the last
page of the book.
"""

# %%
# Three channels
# --------------
#
# .. index:: ! RGB
#
# A colour image has three :term:`channels <channel>`: how much red, green and blue there is in each
# pixel (:term:`RGB`). A batch of ``n`` such images has the shape ``(n, 3, h, w)``. Here is one
# image of 3 x 3 pixels, and one kernel of 2 x 2. The kernel has a slice for each channel.

import torch

from cnnbook.convolution import conv2d

red = [[1, 2, 0], [0, 1, 3], [2, 0, 4]]
green = [[0, 1, 3], [2, 0, 1], [1, 1, 0]]
blue = [[3, 0, 1], [1, 2, 0], [0, 1, 2]]
image = torch.tensor([[red, green, blue]], dtype=torch.float32)
kernel = torch.tensor([[[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[1, 1], [-1, -1]]]]).float()
print(tuple(image.shape), tuple(kernel.shape))
assert image.shape == (1, 3, 3, 3)
assert kernel.shape == (1, 3, 2, 2)

# %%
# Make a guess before you look at the figure: how many grids of numbers come out, one or three?
#
# .. guess:: Grids
#    :choices: one | three

from cnnbook.figures import plot_channel_sum

# sphinx_gallery_thumbnail_number = 3
figure = plot_channel_sum(image, kernel)

# %%
# One grid comes out. Each channel is convolved with its own slice, as in
# :doc:`/gallery/2_layers/plot_06_one_window`, and the three results are added. At the upper left,
# red gives 1 + 1, green gives 1 + 2, blue gives 3 + 0 - 1 - 2, and the sum is 5. Torch computes the
# same four numbers:

upper_left = (1 * 1 + 1 * 1) + (1 * 1 + 2 * 1) + (3 * 1 + 0 * 1 - 1 * 1 - 2 * 1)
result = torch.nn.functional.conv2d(image, kernel)
parts = [conv2d(image[:, [c]], kernel[:, [c]]) for c in range(3)]
print(result.tolist())
assert upper_left == 2 + 3 + 0 == 5 == result[0, 0, 0, 0]
assert result.tolist() == [[[[5, 7], [3, 6]]]]
assert torch.equal(result, conv2d(image, kernel))
assert torch.equal(result, parts[0] + parts[1] + parts[2])

# %%
# A layer ``Conv2d(3, 16, 2)`` has sixteen such kernels, and each of them makes one feature map. The
# number of channels changes the first layer of a network, and nothing after it.
#
# .. guess-end::
#
# Which axis is the colour?
# -------------------------
#
# Torch puts the channels before the rows. Image files, matplotlib and most other libraries put them
# last: ``(h, w, 3)``, three numbers for each pixel. So you will have to move an axis. Two commands
# give the right shape, and only one of them gives the right image. Here are two pixels, and the red
# of the first is 1, its green 2, its blue 3:

stored = torch.tensor([[[1, 2, 3], [4, 5, 6]]])
moved, scrambled = stored.permute(2, 0, 1), stored.reshape(3, 1, 2)
print(moved.tolist(), "permute")
print(scrambled.tolist(), "reshape")
assert moved.shape == scrambled.shape == (3, 1, 2)
assert moved.tolist() == [[[1, 4]], [[2, 5]], [[3, 6]]]
assert scrambled.tolist() == [[[1, 2]], [[3, 4]], [[5, 6]]]

# %%
# Both have the shape ``(3, 1, 2)``. ``permute`` moves the axis: the first channel contains 1 and 4,
# the red of both pixels. ``reshape`` keeps the numbers in their order and only divides them into
# new groups: its first channel contains 1 and 2, a red and a green. There is no error. What does
# this do to a picture? We take six rows, two red, two green and two blue. Guess what ``reshape``
# makes of them.
#
# .. guess:: reshape makes

from cnnbook.figures import plot_colour_images

rows = torch.eye(3).repeat_interleave(2, dim=0)
flag = rows[:, None].repeat(1, 6, 1)
flags = torch.stack([flag.permute(2, 0, 1), flag.reshape(3, 6, 6)])
figure = plot_colour_images(flags, titles=["permute", "reshape"])
assert flag.shape == (6, 6, 3)
assert flag[:2].flatten().tolist() == [1, 0, 0] * 12
assert flag[:2].numel() == 36
assert flag[:, 0].argmax(dim=1).tolist() == [0, 0, 1, 1, 2, 2]
assert flags[1].argmax(dim=0).tolist() == [[0, 1, 2, 0, 1, 2]] * 6

# %%
# The rows have become columns. The 36 numbers of the two red rows are stored first: 1, 0, 0, 1, 0,
# 0 and so on. They fill the red channel row by row, so every third column is red. A network can be
# trained on such images without any error, so this mistake is easily overlooked.
#
# With a landscape you see it at once. We draw one with PIL, the library with which torchvision
# opens image files.

from PIL import Image, ImageDraw


def landscape() -> Image.Image:
    """Draw a red house under a blue sky, 48 pixels wide and 60 high."""
    picture = Image.new("RGB", (48, 60), "deepskyblue")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 44, 47, 59), fill="green")
    pen.rectangle((12, 26, 35, 47), fill="red")
    pen.ellipse((34, 4, 43, 13), fill="yellow")
    return picture


# %%
# PIL gives the size as (width, height). A tensor has the rows first, so it is 60 x 48:

from torchvision.transforms.v2 import functional as image_functions

house = image_functions.pil_to_tensor(landscape()) / 255
stored = house.permute(1, 2, 0)
print(landscape().size, tuple(stored.shape), tuple(house.shape))
houses = torch.stack([stored.permute(2, 0, 1), stored.reshape(3, 60, 48)])
figure = plot_colour_images(houses, titles=["permute", "reshape"])
assert landscape().size == (48, 60)
assert stored.shape == (60, 48, 3)
assert torch.equal(houses[0], house)
assert not torch.equal(houses[1], house)

# %%
# ``permute`` gives back the picture. (torchvision's own functions move the axis themselves.)
#
# Each channel on its own, then a mixture
# ---------------------------------------
#
# The convolution at the top of this page did two things: a weighted sum over the window, and a sum
# over the channels. They can be two layers. With ``groups=3``, a :term:`depthwise convolution` as
# in :doc:`/gallery/3_inside/plot_11_sizes`, each channel keeps its own result. A convolution of 1 x
# 1 then adds the channels up, pixel by pixel. With three weights of 1 this must give the numbers
# from above:

depthwise = torch.nn.functional.conv2d(image, kernel.reshape(3, 1, 2, 2), groups=3)
mixed = torch.nn.functional.conv2d(depthwise, torch.ones(1, 3, 1, 1))
print(depthwise.tolist())
print(mixed.tolist())
assert depthwise.shape == (1, 3, 2, 2)
assert torch.equal(depthwise, torch.cat(parts, dim=1))
assert torch.equal(mixed, result)

# %%
# The three results of the figure come out of the first layer, and their sum out of the second. With
# other weights the 1 x 1 convolution makes other mixtures, for example the mean of the channels, a
# grey image. Such a pair is called a :term:`depthwise separable convolution` [Howard2017]_. What
# does it save? Take 32 channels that become 64, with kernels of 3 x 3 on 28 x 28 pixels, without
# biases. By pencil: how many weights does the one layer have, and how many do the two have
# together?
#
# .. guess:: Weights of one, and of two

from cnnbook.counting import cost_table

ordinary = torch.nn.Sequential(torch.nn.Conv2d(32, 64, 3, padding=1, bias=False))
separable = torch.nn.Sequential(
    torch.nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False),
    torch.nn.Conv2d(32, 64, 1, bias=False),
)
costs = [cost_table(net, (32, 28, 28)) for net in (ordinary, separable)]
for cost in costs:
    print(f"{cost.parameters:,} parameters, {cost.macs:,} multiplications")

# %%
# 18,432 weights in one layer, and 288 + 2,048 = 2,336 in the two. Each weight is used once at each
# of the 784 positions, so the multiplications have the same ratio, 0.127.

from fractions import Fraction

ratio = Fraction(costs[1].parameters, costs[0].parameters)
print(ratio, round(float(ratio), 3))
assert costs[0].parameters == 64 * 32 * 3 * 3 == 18_432
assert costs[1].parameters == 32 * 3 * 3 + 64 * 32 == 288 + 2_048 == 2_336
assert [cost.macs for cost in costs] == [18_432 * 784, 2_336 * 784] == [14_450_688, 1_831_424]
assert 28 * 28 == 784
assert ratio == Fraction(1, 64) + Fraction(1, 3 * 3) == Fraction(73, 576)
assert round(float(ratio), 3) == 0.127

# %%
# The ratio is 1/64 + 1/9: one divided by the number of output channels, plus one divided by the
# number of weights of a window. So here the pair costs about an eighth, and with more output
# channels it comes close to a ninth. The price: for each input channel there is only one slice, and
# each output channel can only multiply it by its own factor. MobileNet, a network for phones, is
# built of such pairs.
#
# .. guess-end::
#
# Your own images
# ---------------
#
# .. index:: ! ImageFolder
#
# Put the images of each class into a folder with the name of the class. torchvision's
# ``ImageFolder`` makes a ``Dataset`` of it. We make such a folder, and draw what is in it: red
# balls and blue boxes.

import tempfile
from pathlib import Path

temporary = tempfile.TemporaryDirectory()
root = Path(temporary.name)


def draw(kind: str, size: tuple[int, int] = (32, 32)) -> Image.Image:
    """Draw a red ball or a blue box on white; the size is (width, height), as in PIL."""
    picture = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(picture)
    shape, colour = (pen.ellipse, "red") if kind == "ball" else (pen.rectangle, "blue")
    shape((6, 6, size[0] - 7, size[1] - 7), fill=colour)
    return picture


# %%
# Two images of each, in ``ball/1.png``, ``ball/2.png`` and so on. ``attempt`` returns what came out
# or the error, as in :doc:`the error clinic </gallery/4_training/plot_22_error_clinic>`.

from collections.abc import Callable

for kind in ("ball", "box"):
    (root / kind).mkdir()
    for number in (1, 2):
        draw(kind).save(root / kind / f"{number}.png")


def attempt(action: Callable[[], object]) -> str:
    """Return what came out, or the error's type and first line, without the folder's name."""
    try:
        return f"works: {action()}"
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        message = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        return message.replace(str(root), "images")


# %%
# The images are put into batches by a ``DataLoader``. The first attempt:

import textwrap

from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder


def first_batch(dataset: ImageFolder) -> tuple[int, ...]:
    """Return the shape of the first batch, with all images in it."""
    images, _ = next(iter(DataLoader(dataset, batch_size=len(dataset))))
    return tuple(images.shape)


message = attempt(lambda: first_batch(ImageFolder(root)))
print(textwrap.fill(message, 88))
assert message.startswith("TypeError: default_collate: batch must contain tensors")

# %%
# ``ImageFolder`` gives PIL images, and the loader needs tensors. A *transform* is a function that
# is applied to each image. ``ToImage`` makes a tensor of three channels, and moves the axis.
# ``ToDtype`` makes floating-point numbers of the bytes.

from torchvision.transforms import v2

to_tensor = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
dataset = ImageFolder(root, to_tensor)
print(dataset.class_to_idx, attempt(lambda: first_batch(dataset)))
assert dataset.class_to_idx == {"ball": 0, "box": 1}
assert first_batch(dataset) == (4, 3, 32, 32)

# %%
# Four images of three channels. This folder is correct; now come the mistakes, each with its cure.
#
# **Bytes.** Without ``scale=True`` the numbers go from 0 to 255, and there is no error. The error
# clinic showed what a network makes of it. Look at the largest number of your first batch:

unscaled = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32)])
largest = {
    "unscaled": unscaled(draw("ball")).max().item(),
    "scaled": to_tensor(draw("ball")).max().item(),
}
print(largest)
assert largest == {"unscaled": 255, "scaled": 1}

# %%
# **Sizes.** Photos have different sizes, and a batch is one tensor. One more ball, 48 pixels wide
# and 32 high:

draw("ball", (48, 32)).save(root / "ball" / "3.png")
shorter = v2.Compose([v2.Resize(32), to_tensor])
both = v2.Compose([v2.Resize((32, 32)), to_tensor])
cropped = v2.Compose([v2.Resize(32), v2.CenterCrop(32), to_tensor])
tries = [
    attempt(lambda t=t: first_batch(ImageFolder(root, t)))
    for t in (to_tensor, shorter, both, cropped)
]
print(*(textwrap.fill(text, 88) for text in tries), sep="\n")
assert "stack expects each tensor to be equal size" in tries[0]
assert tries[1] == tries[0]
assert tries[2:] == ["works: (5, 3, 32, 32)"] * 2

# %%
# The batch cannot be stacked. ``Resize(32)`` does not help, because it brings only the shorter side
# to 32. ``Resize((32, 32))`` brings both to 32 and distorts the picture. ``Resize(32)`` with
# ``CenterCrop(32)`` keeps the shape and cuts off the ends.
#
# **Grey, palette, transparency.** Not every image file contains red, green and blue. PIL calls what
# it contains the *mode*. We save a ball in three other modes, and make tensors of the files as PIL
# opens them. Before you look: how many channels does each of them have?
#
# .. guess:: Grey, palette, transparent

clear = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
ImageDraw.Draw(clear).ellipse((6, 6, 25, 25), fill="red")
shapes = {}
for picture in (draw("ball"), draw("ball").convert("L"), draw("ball").convert("P"), clear):
    path = root / "ball" / f"mode_{picture.mode}.png"
    picture.save(path)
    with Image.open(path) as file:
        shapes[file.mode] = tuple(to_tensor(file).shape)
print(shapes)
assert shapes == {"RGB": (3, 32, 32), "L": (1, 32, 32), "P": (1, 32, 32), "RGBA": (4, 32, 32)}

# %%
# A grey image (``L``) has one channel. An image with a *palette* (``P``) also has one, but its
# numbers are not grey values: each is the number of a colour in a table. The fourth channel of
# ``RGBA``, *alpha*, says where a pixel is transparent. Images of different modes cannot be stacked.
# The cure is ``convert("RGB")``, and ``ImageFolder`` calls it by itself, so the folder works:

message = attempt(lambda: first_batch(ImageFolder(root, both)))
with Image.open(root / "ball" / "mode_L.png") as file:
    channels = to_tensor(file.convert("RGB"))
print(message)
assert message == "works: (9, 3, 32, 32)"
assert torch.equal(channels[0], channels[1])
assert torch.equal(channels[1], channels[2])

# %%
# A converted grey image has three equal channels. But what is the colour of a transparent pixel?
# ``convert("RGB")`` throws alpha away and keeps the colour that happens to be stored, here black.
# Such images must be pasted on white. And there is one more thing that only a look at the pictures
# shows.
#
# **Orientation.** A phone that is held upright often stores the photo on its side, with a note in
# the file, in the so-called EXIF data, that it must be turned by 90 degrees. We store the landscape
# in this way.

photo = landscape().rotate(90, expand=True)
exif = photo.getexif()
exif[0x0112] = 6  # The number of the tag "orientation"; 6 means: turn it clockwise.
photo.save(root / "box" / "photo.jpg", exif=exif)
sideways = ImageFolder(root).loader(str(root / "box" / "photo.jpg"))
print(sideways.size, landscape().size)
assert sideways.size == (60, 48)
assert landscape().size == (48, 60)

# %%
# ``ImageFolder`` does not turn it. A program that shows photos does, so you do not notice it there.
# ``ImageOps.exif_transpose`` reads the note and turns the image. This function cures
# both mistakes, the transparency and the orientation. It replaces the loader of ``ImageFolder``:

from PIL import ImageOps


def load(path: str) -> Image.Image:
    """Open an image upright, on white where it is transparent, with three channels."""
    with Image.open(path) as file:
        picture = ImageOps.exif_transpose(file).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


# %%
# The transparent ball and the photo, at the left with torchvision's loader, at the right with ours:

files = ("ball/mode_RGBA.png", "box/photo.jpg")
loaders = {"torchvision": ImageFolder(root).loader, "ours": load}
pictures = {
    f"{file.partition('/')[2]}\n{name}": both(loader(str(root / file)))
    for file in files
    for name, loader in loaders.items()
}
figure = plot_colour_images(torch.stack([*pictures.values()]), titles=[*pictures], columns=2)
before, after = (list(pictures.values())[k][:, 0, 0] for k in (0, 1))
assert (before.tolist(), after.tolist()) == ([0, 0, 0], [1, 1, 1])
assert load(str(root / "box" / "photo.jpg")).size == (48, 60)

# %%
# Black became white, and the house stands upright. Neither mistake had a message. So draw a batch
# of your images, as the network gets them, before you train with it.
#
# **Files that do not belong there.** What happens to a text file, to a broken image, and to an
# empty folder? Make three guesses.
#
# .. guess:: Three guesses

(root / "ball" / "notes.txt").write_text("bought on Monday", "utf-8")
count = len(ImageFolder(root, both, loader=load))
print(count, "images with notes.txt")
assert count == len(list(root.glob("*/*"))) - 1 == 10

# %%
# ``ImageFolder`` takes the files whose names end like those of images, and skips the others without
# a message. Count them once: is ``len(dataset)`` what you expect? Now the broken image and the
# empty folder:

broken = root / "box" / "broken.png"
broken.write_bytes(b"not an image")
message = attempt(lambda: first_batch(ImageFolder(root, both, loader=load)))
broken.unlink()
hidden = root / ".ipynb_checkpoints"
hidden.mkdir()
empty = attempt(lambda: ImageFolder(root))
print(message, empty.partition(". ")[0], sep="\n")
assert message.startswith("UnidentifiedImageError: cannot identify image file")
assert empty.startswith("FileNotFoundError: Found no valid file for the classes .ipynb_checkpoints")

# %%
# The broken image is found only when it is loaded, which may be an hour after the start: load every
# image once before you train. The empty folder is one that Jupyter makes. Every folder is a class,
# also a hidden one. This one raises an error because it is empty. With an image in it, it would be
# class 0, and the number of every other class would be one larger:
#
# .. guess-end::

draw("ball").save(hidden / "1.png")
print(ImageFolder(root).class_to_idx)
assert ImageFolder(root).class_to_idx == {".ipynb_checkpoints": 0, "ball": 1, "box": 2}
(hidden / "1.png").unlink()
hidden.rmdir()
assert ImageFolder(root).classes == ["ball", "box"]

# %%
# **The order of the classes.** The classes are numbered in the order of the alphabet. Guess which
# number the folder ``2`` gets, beside ``1`` and ``10``:
#
# .. guess:: The folder 2 gets
#    :choices: 0 | 1 | 2

with tempfile.TemporaryDirectory() as digits:
    for name in ("1", "2", "10"):
        (Path(digits) / name).mkdir()
        draw("ball").save(Path(digits) / name / "1.png")
    order = ImageFolder(digits).class_to_idx
print(order)
assert order == {"1": 0, "10": 1, "2": 2}

# %%
# As text, "10" comes before "2". So never assume a number: look it up in ``class_to_idx``, and save
# ``dataset.classes`` together with the network. The whole folder, with all cures:

cured = ImageFolder(root, both, loader=load)
images, labels = next(iter(DataLoader(cured, batch_size=len(cured))))
print(tuple(images.shape), labels.tolist(), f"{images.min():.0f} to {images.max():.0f}")
temporary.cleanup()
assert images.shape == (10, 3, 32, 32)
assert labels.tolist() == [0] * 7 + [1] * 3
assert (images.min(), images.max()) == (0, 1)

# %%
# Ten images, three channels, numbers from 0 to 1, and a class for each. From here on everything is
# as on page 23.
#
# A network that has already learned
# ----------------------------------
#
# .. index:: ! fine-tuning, ! transfer learning
#
# Your own folder usually has few images. Can a network help that was trained with other images?
# Using it is called :term:`transfer learning`: take a :term:`pretrained network <pretrained
# network>`, replace its last layer by a new one for your classes, and train further, which is
# :term:`fine-tuning`. What is transferred? All parameters before the last layer:

from cnnbook.counting import count_parameters
from cnnbook.lenet import lenet5
from cnnbook.networks import small_cnn

kept = {
    name: count_parameters(make()[:-1])
    for name, make in {"small CNN": small_cnn, "LeNet-5": lenet5}.items()
}
print(kept, count_parameters(lenet5()))
assert kept == {"small CNN": 80, "LeNet-5": 60_856}
assert count_parameters(lenet5()) == 61_706

# %%
# In the lecture's CNN these are 80 parameters, in LeNet-5 60,856 of 61,706. So we take
# :doc:`LeNet-5 </gallery/4_training/plot_21_lenet>`. The new task: is it a pullover or a coat? For
# this there are ten images of each. Before that, the network learns other classes, from 300 images
# of each. We try two sets of classes: the *eight* others, and all *ten*, with pullovers and coats
# among them.

from cnnbook.images import load_fashion_mnist

data = load_fashion_mnist(n_train=10_000, n_test=5000, one_hot=False, fallback="drawn")
new = (2, 4)
earlier = {"eight": (0, 1, 3, 5, 6, 7, 8, 9), "ten": tuple(range(10))}
print([data.class_names[kind] for kind in new])
assert [data.class_names[kind] for kind in new] == ["Pullover", "Coat"]

# %%
# A function picks as many images of each class as we ask for, at random.

Examples = tuple[torch.Tensor, torch.Tensor]
Net = torch.nn.Sequential


def choose(split: Examples, kinds: tuple[int, ...], count: int, seed: int) -> Examples:
    """Return ``count`` random images of each kind, and for each kind a number from 0."""
    images, labels = split
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    chosen = torch.cat([order[labels[order] == kind][:count] for kind in kinds])
    return images[chosen], torch.arange(len(kinds)).repeat_interleave(count)


# %%
# The training has the usual four lines. ``requires_grad`` says which parameters it may change.


def train(net: Net, examples: Examples, batches: list, rate: float) -> Net:
    """Make one update with each batch, of the parameters that are not frozen."""
    images, labels = examples
    free = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(free, lr=rate)
    for batch in batches:
        torch.nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
        optimizer.step()
        optimizer.zero_grad()
    return net


# %%
# A copy of a network with a new last layer, in which everything before that layer is *frozen*. How
# many parameters are left to train, for two classes and 84 numbers each?
#
# .. guess:: Parameters

import copy


def with_last_layer(net: torch.nn.Sequential, classes: int) -> torch.nn.Sequential:
    """Return a frozen copy of a LeNet-5, with a new last layer that is not frozen."""
    copied = copy.deepcopy(net).requires_grad_(False)
    copied[-1] = torch.nn.Linear(84, classes)
    return copied


example = with_last_layer(lenet5(), 2)
free, total = count_parameters(example, trainable_only=True), count_parameters(example)
print(f"{free} of {total:,} parameters are trained")
assert (free, total) == (2 * 84 + 2, 60_856 + 170) == (170, 61_026)

# %%
# First the earlier classes: mini-batches of 50, four epochs, from five random starts.


def pretrain(kinds: tuple[int, ...], seed: int) -> torch.nn.Sequential:
    """Return a LeNet-5 that has learned some classes of clothes."""
    torch.manual_seed(seed)
    net = with_last_layer(lenet5(), len(kinds)).requires_grad_(True)
    batches = [b for _ in range(4) for b in torch.randperm(300 * len(kinds)).split(50)]
    train(net, choose(data.train, kinds, 300, seed), batches, 1e-3)
    return net


pretrained = {name: [pretrain(kinds, s) for s in range(5)] for name, kinds in earlier.items()}

# %%
# Have they learned their first task? The accuracy on 100 test images of each of their classes:

from cnnbook.metrics import accuracy, predict_scores


def score(net: torch.nn.Module, examples: Examples) -> float:
    """Return the accuracy."""
    return accuracy(predict_scores(net, examples[0], device="cpu"), examples[1])


first = {
    name: [score(net, choose(data.test, earlier[name], 100, 0)) for net in nets]
    for name, nets in pretrained.items()
}
for name, five in first.items():
    print(name, [round(fraction, 2) for fraction in five])

# %%
# They have: all numbers are far above guessing. Now the new task, and 400 test images of each of
# its two classes. ``slice(None)`` takes all images, so each update uses the whole batch.

whole = [slice(None)] * 100
test = choose(data.test, new, 400, 0)
found: dict[str, list[float]] = {"from scratch": []}
print(tuple(test[0].shape), len(whole), "times the whole batch")

# %%
# There are three ways. In each start, all of them use the same twenty images in 200 updates.
# *From scratch*: new random weights, and all are trained. *Last layer*: only the new layer of a
# pretrained network is trained, with ten times the usual learning rate (a single layer allows it).
# *Then all*: after 100 such updates everything is trained, for 100 more, with a tenth of the usual
# rate, so that what was learned is changed only a little. Which will be best? Make a guess.
#
# .. guess:: The best
#    :choices: from scratch | last layer | then all | no clear difference

for seed in range(5):
    few = choose(data.train, new, 10, seed)
    torch.manual_seed(seed)
    scratch = with_last_layer(lenet5(), 2).requires_grad_(True)
    found["from scratch"].append(score(train(scratch, few, 2 * whole, 1e-3), test))
    for name, nets in pretrained.items():
        last = train(with_last_layer(nets[seed], 2), few, whole, 1e-2)
        every = train(copy.deepcopy(last).requires_grad_(True), few, whole, 1e-4)
        last = train(last, few, whole, 1e-2)
        for way, net in {"last layer": last, "then all": every}.items():
            found.setdefault(f"{name}, {way}", []).append(score(net, test))

# %%
# Each dot is one start, the bar below is the interval of the mean, and "eight" and "ten" say
# how many classes were learned before.

from cnnbook.figures import plot_seeds
from cnnbook.metrics import mean_interval

means = {name: mean_interval(fractions) for name, fractions in found.items()}
intervals = {name: (mean.low, mean.high) for name, mean in means.items()}
figure = plot_seeds(found, label="accuracy, pullover or coat", intervals=intervals)
for name, mean in means.items():
    print(f"{name}: {mean}")

# %%
# From scratch, 68 of 100 test images are classified correctly. With the network that had learned
# eight other classes it is 63 with a new last layer, and 64 after everything was trained. With the
# network that had learned all ten it is 67 and 68. Are these differences more than chance? The same
# five seeds, compared pair by pair, as in :doc:`/gallery/1_why/plot_04_fair`:

from cnnbook.metrics import compare_paired

differences = {
    name: compare_paired(fractions, found["from scratch"]).interval
    for name, fractions in found.items()
    if name != "from scratch"
}
for name, difference in differences.items():
    print(f"{name}, minus from scratch: {difference}")

# %%
# No interval lies above 0: five starts do not show that fine-tuning helps here. With the eight
# classes it is a little worse on average, with intervals that end near 0. One reason may be
# that this network never had to distinguish pullovers from coats, so it may have lost the details
# that distinguish them. Another may be that 2,400 small images are not many. This is one task and
# one network, and says nothing about others.
#
# .. guess-end::

assert 8 * 300 == 2_400
if not data.drawn:
    published = dict(zip(found, (0.68, 0.63, 0.64, 0.67, 0.68), strict=True))
    for name, fraction in published.items():
        assert abs(means[name].mean - fraction) < 0.04, name
    for name, difference in differences.items():
        assert difference.low < 0.02, name
    assert differences["eight, last layer"].mean < 0.01
    assert all(min(first[name]) > least for name, least in (("eight", 0.7), ("ten", 0.55)))

# %%
# In other work it helps, and often a lot. Yosinski and others [Yosinski2014]_ trained on one half
# of the thousand classes of ImageNet and transferred to the other half. Early layers were useful
# for both halves, late layers only for their own. A transferred network whose layers were all
# trained further was a little better at the end than one from scratch. So compare with training
# from scratch, as we did.
#
# The networks of torchvision were trained on more than a million photos in colour. Their weights
# are downloaded, so here is only the code. With the weights come the size, the means and the
# standard deviations with which your images must be prepared:
#
# .. code-block:: python
#
#    from torchvision.models import ResNet18_Weights, resnet18
#
#    weights = ResNet18_Weights.DEFAULT
#    dataset = ImageFolder(root, weights.transforms(), loader=load)
#    net = resnet18(weights=weights).requires_grad_(False)
#    net.fc = torch.nn.Linear(net.fc.in_features, len(dataset.classes))
#
# We can check the part that needs no download. What do these transforms do?

from torchvision.models import ResNet18_Weights, resnet18

prepare = ResNet18_Weights.DEFAULT.transforms()
white = prepare(Image.new("RGB", (48, 60), "white"))
print(tuple(white.shape), [round(value, 2) for value in white[:, 0, 0].tolist()])
print(prepare.mean, prepare.std)
assert white.shape == (3, 224, 224)
assert torch.allclose(white[:, 0, 0], (1 - torch.tensor(prepare.mean)) / torch.tensor(prepare.std))
assert (prepare.mean, prepare.std) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
assert resnet18(weights=None).fc.in_features == 512

# %%
# They resize and crop to 224 x 224, and then subtract a mean from each channel and divide by a
# standard deviation: 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225, those of ImageNet. A white pixel
# becomes (1 - 0.485) / 0.229 in red. Images that are prepared in another way look strange to the
# network, and there is no error. The layer ``fc`` is the last one, with 512 inputs.
#
# .. board::
#    :minutes: 45
#
#    1. How many more parameters does ``Conv2d(3, 16, 3)`` have than ``Conv2d(1, 16, 3)``?
#
#       It has 288 more: sixteen kernels have two more slices of nine weights, ``16*2*9 = 288``. The
#       biases are the same.
#
#    2. A photo has 4 rows and 6 columns and is stored as ``(4, 6, 3)``. At which index of its file,
#       counted from 0, is the green of the pixel in row 1, column 2?
#
#       At 25. Before it there are one row and two pixels, of three numbers each, and the red of
#       this pixel: ``(1*6 + 2)*3 + 1 = 25``.
#
#    3. A 1 x 1 convolution makes a grey image, the mean of the three channels. Which shape do its
#       weights have, and what does it make of a pixel with 0.9, 0.6 and 0?
#
#       ``(1, 3, 1, 1)``, with 1/3 three times. The pixel becomes ``(0.9 + 0.6 + 0)/3 = 0.5``.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 28.1
#
# .. exercise:: 28.2
#
# .. exercise:: 28.3
#
# The answer
# ----------
#
# Three channels change one layer, the first: each kernel has a slice for each channel, and their
# results are added. Depthwise and 1 x 1 convolutions do the two steps in two layers, here for about
# an eighth of the work. Most mistakes happen between the file and the tensor: an axis that is
# reshaped instead of moved, sizes, modes, transparency, orientation, bytes, files that do not
# belong there, the order of the classes. Many of these mistakes have no message, so draw a batch
# before you train. A pretrained network may help or not: compare it with a training from scratch.
#
# Where to go next
# ----------------
#
# This was the last page. The book began with one convolution, one pooling and one linear layer;
# with what came after, you can read most networks for images. :doc:`/exercises` lists what there is
# to try, and :doc:`/api/index` has all functions by task, for your own experiments. Four books go
# further: [Goodfellow2016]_ and [Prince2023]_ with more of the theory, [Zhang2023]_ with code for
# detection, segmentation and attention, and [Howard2020]_ from a pretrained network to an
# application. Then take a folder of your own images, and begin.
