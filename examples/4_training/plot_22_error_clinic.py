"""
22. The error clinic
====================

*It does not run, or it runs and learns nothing: what is wrong?*

You need :doc:`/gallery/4_training/plot_17_one_update`, the four lines in which everything below
goes wrong, and :doc:`/gallery/3_inside/plot_11_sizes` for the sizes. Twelve patients are waiting.
Nine of them have an error message. Three have none, and these are the more dangerous ones.
"""

# %%
# The waiting room
# ----------------
#
# Read a traceback from the bottom: its last line says what happened, the lines above say where. So
# here is a function that tries something and, if it fails, returns that line. (Where torch writes
# several, we take the first of them, and ``fill`` breaks a long line where we print it. In another
# version of torch the words may be a little different.)

from collections.abc import Callable
from textwrap import fill

import torch


def attempt(action: Callable[[], object]) -> str:
    """Return what came out, or the last line of the traceback."""
    try:
        return f"works: {action()}"
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


# %%
# The data are 20 images of each class, and the network is the small CNN of the first page.

from cnnbook.images import load_fashion_mnist
from cnnbook.networks import small_cnn

data = load_fashion_mnist(n_train=1000, n_test=1, one_hot=False, fallback="drawn")
chosen = torch.cat([(data.train_labels == kind).nonzero()[:20, 0] for kind in range(10)])
images, labels = data.train_images[chosen], data.train_labels[chosen]
torch.manual_seed(0)
net = small_cnn()
print(attempt(lambda: tuple(net(images).shape)))
assert labels.bincount().tolist() == [20] * 10
assert net(images).shape == (20 * 10, 10)

# %%
# Ten scores for each of 200 images: this is a healthy network.
#
# The missing axis
# ----------------
#
# The first patient has a single image and wants its scores. ``images[0]`` has the shape ``(1, 28,
# 28)``. Before you look: which of the five layers will raise an error?
#
# .. guess:: The error comes from
#    :choices: Conv2d | ReLU | MaxPool2d | Flatten | Linear

message = attempt(lambda: net(images[0]))
print(message)
assert "cannot be multiplied" in message
assert "16x169 and 2704x10" in message

# %%
# The last one, and the error is about matrices. The convolution accepts three axes, for a single
# image, and makes sixteen :term:`feature maps <feature map>`. Then comes ``Flatten``, which keeps
# the first axis, because that is the batch. So it took sixteen feature maps for sixteen images of
# 13 x 13 = 169 numbers each. All 2704 are there, along the wrong axes.

print(attempt(lambda: tuple(net(images[0][None]).shape)))
assert 13 * 13 == 169
assert 16 * 169 == 2704
assert torch.allclose(net(images[0][None]), net(images[:1]))

# %%
# The cure is an axis: ``images[0][None]``, or ``images[:1]``, a batch of one. The layer that raises
# an error is not always the one where the mistake was made.
#
# Why 2704?
# ---------
#
# The second patient has written the CNN from memory, and thought: 28 pixels, pooled in pairs, make
# 14.

layers = [torch.nn.Conv2d(1, 16, 2), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten()]
guessed = torch.nn.Sequential(*layers, torch.nn.Linear(16 * 14 * 14, 10))
message = attempt(lambda: guessed(images))
print(message)
assert "200x2704 and 3136x10" in message
assert 16 * 14 * 14 == 3136

# %%
# The same error as before, with other numbers. Read these numbers: first what arrived, 200 images
# of 2704 numbers; then what the layer was made for, 3136. So the layer must be changed. But why
# 2704? :func:`~cnnbook.shapes.shape_table` computes the shape after each layer, and where one does
# not fit, its error says which number would:

from cnnbook.shapes import shape_table

message = attempt(lambda: shape_table(guessed, (1, 28, 28)))
print(fill(message, 88))
mended = torch.nn.Sequential(*layers, torch.nn.Linear(2704, 10))
table = shape_table(mended, (1, 28, 28))
print(table)
assert "use torch.nn.Linear(2704, 10)" in message
assert [row.output_shape[-1] for row in table.rows] == [27, 27, 13, 2704, 10]
assert mended(images).shape == (200, 10)

# %%
# A window of two has 27 positions in 28 pixels. There are 13 pairs in 27, and one pixel is left
# over. Sixteen times 13 times 13 is 2704, and the network works.
#
# Three channels
# --------------
#
# The third patient has colour images: ``(200, 3, 28, 28)``. We make some by repeating ours.

colour = images.repeat(1, 3, 1, 1)
message = attempt(lambda: net(colour))
print(fill(message, 88))
assert "to have 1 channels, but got 3 channels" in message
assert small_cnn(image_shape=(3, 28, 28))(colour).shape == (200, 10)
assert torch.allclose(net(colour.mean(dim=1, keepdim=True)), net(images), atol=1e-5)

# %%
# "Expected 1, got 3": the weight has size ``[16, 1, 2, 2]``, a slice for one channel. There are two
# cures: a first layer for three channels, or grey images, the mean over the channels. If the
# message says "got 28 channels", the channel axis is the last one, and
# ``images.permute(0, 3, 1, 2)`` moves it.
#
# Two devices
# -----------
#
# The fourth patient has moved the images to the GPU, and not the network. You may have no GPU, so
# we take a device that every torch has: ``"meta"``, on which tensors have a shape and no numbers.

there = images.to("meta")
message = attempt(lambda: net(there))
print(message)
assert "device" in message
assert "meta" in message
assert images.device.type == "cpu"

# %%
# Two devices are named, and that is the diagnosis: what meets in a layer must be on one device. A
# common mistake is in how they are moved. ``net.to(...)`` moves the network itself.
# ``images.to(...)`` leaves the images where they are and returns a copy, so it needs ``images =``
# before it.

device = torch.device("meta")
moved = small_cnn()
moved.to(device)
images.to(device)
print(attempt(lambda: moved(images)))
print(attempt(lambda: tuple(moved(images.to(device)).shape)))
assert next(moved.parameters()).device == device
assert "device" in attempt(lambda: moved(images))
assert moved(images.to(device)).shape == (200, 10)

# %%
# With both on one device it works.
#
# The labels on another device
# ----------------------------
#
# The fifth patient has moved the network and the images to the GPU, but not the labels. The loss
# then raises this error. It is quoted here, since it needs a GPU:
#
# .. code-block:: text
#
#    Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!
#
# ``cuda:0`` is the first GPU and ``cpu`` the main memory. The same message comes from a tensor that
# you make inside ``forward`` without a device. The cure is ``labels = labels.to(device)``, or
# ``device=x.device`` where you make the tensor. (:func:`~cnnbook.training.fit_full_batch` moves
# images and labels itself.)
#
# Integer images
# --------------
#
# In its file an image is made of bytes, whole numbers from 0 to 255. The sixth patient gives them
# to the network as they are.

stored = (images * 255).round().to(torch.uint8)
message = attempt(lambda: net(stored))
print(message)
assert stored.max() == 255
assert message.startswith("RuntimeError")
assert "type" in message

# %%
# Weights are floating-point numbers, and torch does not mix the two dtypes by itself. "Then
# ``stored.float()``", says the patient, and the error is gone. Is everything correct then? A
# network that has learned nothing gives each of ten classes a tenth, so the :term:`loss` should
# begin near the logarithm of 10, which is 2.303. Where do you expect it for the bytes as floats,
# and where for the bytes divided by 255?
#
# .. guess:: Two losses

import math

cross_entropy = torch.nn.functional.cross_entropy
first = {"bytes as floats": cross_entropy(net(stored.float()), labels).item()}
first["divided by 255"] = cross_entropy(net(stored.float() / 255), labels).item()
first["equal scores"] = math.log(10)
for name, loss in first.items():
    print(f"{name}: {loss:.3f}")
assert round(math.log(10), 3) == 2.303
assert abs(first["divided by 255"] - first["equal scores"]) < 0.2
assert first["bytes as floats"] > 10

# %%
# Divided by 255, the loss begins within 0.2 of that. Undivided it begins above 10: the scores are
# large, and the network is very sure of wrong answers. This mistake has no traceback. Only the
# first loss shows it, to a reader who knows what it should be.
#
# A class that does not exist
# ---------------------------
#
# The seventh patient counts the classes from 1 to 10.

message = attempt(lambda: cross_entropy(net(images), labels + 1))
print(message)
assert message.startswith("IndexError")
assert "out of bounds" in message
assert (labels + 1).unique().tolist() == list(range(1, 11))
assert cross_entropy(net(images), (labels + 1) - 1).isfinite()

# %%
# Ten scores belong to the classes 0 to 9, and there is no score number 10. The cure is to subtract
# 1 from the labels. (On a GPU the same mistake is reported as "CUDA error: device-side assert
# triggered", often at a later line. Run the batch on the CPU, and the message is the one above.)
#
# Backward twice
# --------------
#
# The eighth patient wants the mean loss of an epoch, adds the losses up, and calls ``backward`` on
# the sum in every round. What happens in the second round? Take a guess.
#
# .. guess:: The second round
#    :choices: works as it should | raises an error | gives a wrong gradient without an error


def two_rounds() -> float:
    """Add up the losses of two batches, and go backwards through the sum each time."""
    total = torch.zeros(())
    for batch in (slice(0, 100), slice(100, 200)):
        total = total + cross_entropy(net(images[batch]), labels[batch])
        total.backward()
    return total.item()


message = attempt(two_rounds)
print(fill(message.partition(". ")[0], 88))
assert "backward through the graph a second time" in message

# %%
# The sum still contains the first batch. ``backward`` frees the tensors that it has used, so it
# cannot go through the first batch again. The rest of the message, which is not printed here,
# suggests ``retain_graph=True``. That would count the first batch twice and keep more in memory in
# every round. The cure is to call ``backward`` on the loss of this batch, and to add up numbers,
# with ``item()``:

net.zero_grad()
total = 0.0
for batch in (slice(0, 100), slice(100, 200)):
    loss = cross_entropy(net(images[batch]), labels[batch])
    loss.backward()
    total += loss.item()
print(f"mean loss {total / 2:.3f}")
net.zero_grad()
assert abs(total / 2 - cross_entropy(net(images), labels).item()) < 1e-5

# %%
# The mean of the two is the loss of all 200 images.
#
# Out of memory
# -------------
#
# The ninth patient puts all images through the network at once. With too many the memory is full.
# We ask for so many that no machine has enough: a million times a million images. ``expand`` makes
# them of one, without a copy, but the convolution needs a copy of 4 bytes for each pixel.

many = images[:1].expand(10**12, -1, -1, -1)
message = attempt(lambda: net(many))
print(fill(message, 88))
print(f"{10**12 * 28 * 28 * 4:,} bytes")
with torch.no_grad():
    parts = torch.cat([net(part) for part in images.split(50)])
assert "tried to allocate" in message
assert torch.allclose(parts, net(images), atol=1e-5)

# %%
# The message says how much was asked for. On a GPU it begins, quoted: "torch.OutOfMemoryError: CUDA
# out of memory. Tried to allocate". The cure is fewer images at a time. For scores, take parts,
# under ``torch.no_grad()``, which keeps nothing for ``backward``. For training, take mini-batches,
# or micro-batches whose gradients are added up, as
# :doc:`/gallery/4_training/plot_18_micro_batches` does. If memory fills up slowly from epoch to
# epoch, look for losses that are kept without ``item()``.
#
# Softmax twice
# -------------
#
# From here on there are no messages. The tenth patient knows that a softmax turns scores into
# probabilities, and has put one at the end of the network, before the :term:`cross-entropy`. It
# runs, and the loss even falls. We train with it and without it, 60 epochs each.

from cnnbook.training import fit_full_batch

torch.manual_seed(0)
plain = small_cnn()
torch.manual_seed(0)
twice = torch.nn.Sequential(*small_cnn(), torch.nn.Softmax(dim=1))
losses = {
    name: fit_full_batch(network, images, labels, epochs=60, device="cpu").losses
    for name, network in (("plain", plain), ("softmax", twice))
}

# %%
# Both began with the same weights. Guess how far apart the two losses are at the end.
#
# .. guess:: Difference of the losses

from cnnbook.figures import plot_curves

# sphinx_gallery_thumbnail_number = 1
figure = plot_curves({"loss before the update": losses}, yscale="log")
assert losses["plain"][-1] < 1
assert losses["softmax"][-1] > 1.461

# %%
# Without it the loss is below 1 and falling. With it, it stays above 1.461, however long it is
# trained. torch's cross-entropy computes the softmax itself, so here it is computed twice. After
# the first softmax the scores are between 0 and 1. At best the right one is 1 and the nine others
# 0, and the second softmax turns this into a probability of e / (e + 9):

best = torch.eye(10)[:1]
floor = cross_entropy(best, torch.tensor([0])).item()
print(f"probability {math.e / (math.e + 9):.3f}, loss {floor:.3f}")
assert round(math.e / (math.e + 9), 3) == 0.232
assert round(floor, 3) == round(math.log(math.e + 9) - 1, 3) == 1.461

# %%
# That is a probability of 0.232 at best, and a loss of 1.461. If a loss with ten classes does not
# go below 1.461, look for a second softmax first. The cure is to take the softmax out: the loss
# takes scores, and probabilities are only for reading.
#
# .. guess-end::
#
# The 10 % plateau
# ----------------
#
# The eleventh patient has read that images should be brought to mean 0 and standard deviation 1,
# and does so for each pixel. The network then classifies a tenth correctly, however long it is
# trained. We look at it before any training. Is it exactly a tenth?
#
# .. guess:: Exactly?
#    :choices: yes | no

scaled = (images - images.mean(dim=0)) / images.std(dim=0)
scores = net(scaled)
right = int((scores.argmax(dim=1) == labels).sum())
print(right, "of", len(labels), "right; answers:", scores.argmax(dim=1).unique().tolist())
assert right / len(labels) == 20 / 200 == 0.1
assert scores.argmax(dim=1).unique().tolist() == [0]

# %%
# Exactly. Every answer is class 0, and 20 of the 200 images belong to it. A network that has
# learned nothing also classifies about a tenth correctly, but rarely exactly. Look at the scores:

print(scores[0, :3].tolist(), "NaN in", int(scores.isnan().any(dim=1).sum()), "images")
dead = images.std(dim=0) == 0
print("pixels that are the same in all images:", int(dead.sum()))
assert scores.isnan().all()
assert torch.equal(scaled.isnan().any(dim=0), dead)
assert dead.any()

# %%
# NaN means "not a number". Some pixels in the corners are black in all 200 images. There the
# standard deviation is 0, and 0 divided by 0 is NaN. The linear layer adds up what comes from all
# pixels, so a single NaN makes all ten scores NaN. And the ``argmax`` of ten NaN is 0, without an
# error.
#
# .. guess-end::
#
# The book's functions raise one. :func:`~cnnbook.metrics.accuracy` refuses such scores, and the
# trainer refuses such losses:

from cnnbook.metrics import accuracy

for message in (
    attempt(lambda: accuracy(scores, labels)),
    attempt(lambda: fit_full_batch(small_cnn(), scaled, labels, epochs=3, device="cpu")),
):
    print(fill(message, 88))
    assert "NaN" in message
    assert "200 of 200" in message

# %%
# Both messages say where to look. The cure is one mean and one standard deviation for all pixels
# together. This standard deviation is not 0, unless all images have the same grey everywhere:

scaled = (images - images.mean()) / images.std()
torch.manual_seed(0)
cured = small_cnn()
history = fit_full_batch(cured, scaled, labels, epochs=30, device="cpu")
right = accuracy(cured(scaled), labels)
print(f"loss {history.losses[-1]:.2f}, accuracy {right:.2f}")
assert right > 0.5

# %%
# After 30 epochs it classifies more than half of its training images correctly, and not a tenth:
# cured.
#
# Always in training mode
# -----------------------
#
# The last patient has trained a network with :term:`dropout`, which sets half of the numbers to 0
# at random during training. Now the network computes the scores of the same images twice. Do you
# expect the same scores?
#
# .. guess:: The scores are
#    :choices: equal | different

layers = [torch.nn.Conv2d(1, 16, 2), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten()]
torch.manual_seed(0)
dropout = torch.nn.Sequential(*layers, torch.nn.Dropout(0.5), torch.nn.Linear(2704, 10))
fit_full_batch(dropout, images, labels, epochs=30, device="cpu")
with torch.no_grad():
    while_training = torch.equal(dropout(images), dropout(images))
    dropout.eval()
    in_eval = torch.equal(dropout(images), dropout(images))
print("training mode, equal:", while_training)
print("eval mode, equal:", in_eval)
assert not while_training
assert in_eval

# %%
# In training mode the scores differ from call to call, and no error says so. ``net.eval()``
# switches dropout off, and :term:`batch normalization` to the means that it has collected.
# ``net.train()`` switches them on again, before the next epoch. (``torch.no_grad()`` does not do
# this: it only records nothing for ``backward``.) The book's
# :func:`~cnnbook.metrics.predict_scores` switches to ``eval`` and back by itself:

from cnnbook.metrics import predict_scores

dropout.train()
first, second = (predict_scores(dropout, images, device="cpu") for _ in range(2))
print("predict_scores, equal:", torch.equal(first, second), "- still training:", dropout.training)
assert torch.equal(first, second)
assert dropout.training

# %%
# Equal scores, and the network is still in training mode.
#
# .. board::
#    :minutes: 35
#
#    1. An error says that the shapes 64x1152 and 1568x10 cannot be multiplied. How many images are
#       in the batch, and what must the layer be?
#
#       64 images, and ``Linear(1152, 10)``. The first shape is what arrived; the second is what the
#       layer was made for.
#
#    2. The loss of a fresh network begins near 4.605, and nothing is wrong. How many classes does
#       it have?
#
#       It has 100. A network that has learned nothing has a loss near the logarithm of the number
#       of classes, and ln 100 = 4.605.
#
#    3. You give ``Conv2d(1, 16, 2)`` a tensor of shape ``(200, 28, 28)``. What does torch take it
#       for, and what is the cure?
#
#       For one image with 200 channels, and the error says so: 1 channel expected, 200 channels
#       found. The cure is an axis for the channel, ``images[:, None]``.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 22.1
#
# .. exercise:: 22.2
#
# .. exercise:: 22.3
#
# The answer
# ----------
#
# If it does not run, read the last line of the traceback and its numbers: what arrived, and what
# was expected. Then look for the first place where they differ, which is often some layers earlier:
# an axis, a size, a channel, a device, a dtype, a class number. If it runs and learns nothing,
# three numbers help, for ten classes: the loss begins near 2.303, a second softmax keeps it above
# 1.461, and an accuracy of exactly 0.1 points to NaN. And if two calls give different scores, look
# for ``eval()``.
#
# The networks of this book have been ``Sequential`` so far, and nearly all their updates used the
# full batch. Most tutorials look different:
# :doc:`/gallery/5_beyond/plot_23_everybody`.
