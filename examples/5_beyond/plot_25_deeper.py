"""
25. Deeper
==========

*Can a network have more layers and fewer parameters than the sloppy CNN, and is it then better?*

You need the sizes of :doc:`/gallery/3_inside/plot_11_sizes`, the receptive field of
:doc:`/gallery/3_inside/plot_15_receptive_field`, and the weak start of
:doc:`/gallery/4_training/plot_21_lenet`, which Kaiming initialization cured.
"""

# %%
# Two small windows in place of a large one
# -----------------------------------------
#
# A number in the second layer sees more pixels if the window is larger, for example 5 x 5. Or two
# convolutions with windows of 3 x 3 follow each other, each with a :term:`padding` of 1, which
# leaves the size of the image as it is. Take a pencil: with 16 channels everywhere, how many
# parameters does the one convolution have, and how many do the two have together?

import torch
from torch import nn

from cnnbook.counting import count_parameters
from cnnbook.receptive_field import receptive_field

one = nn.Sequential(nn.Conv2d(16, 16, 5, padding=2))
two = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1))
for layers in (one, two):
    print(receptive_field(layers).size, f"{count_parameters(layers):,}")

# %%
# Both see 5 x 5 pixels. The large window needs 6,416 parameters, the two small ones need 4,640, and
# a ReLU can stand between them. So VGG, a network of 2014, has windows of 3 x 3 in all its
# convolutions [Simonyan2015]_.

assert receptive_field(one).size == receptive_field(two).size == (5, 5)
assert count_parameters(one) == 16 * 16 * 5 * 5 + 16 == 6_416
assert count_parameters(two) == 2 * (16 * 16 * 3 * 3 + 16) == 4_640

# %%
# The deeper network
# ------------------
#
# Ours has five convolutions of that kind, each with a ReLU, and two poolings. A list says what
# follows what: a number is a convolution with that many kernels, and "pool" halves the size.
# (VGG is usually written in this way.)


def deeper() -> nn.Sequential:
    """Make the convolutions, the mean over all positions, and one linear layer."""
    layers: list[nn.Module] = []
    channels = 1
    for entry in (16, "pool", 16, 16, "pool", 32, 32):
        if isinstance(entry, str):
            layers += [nn.MaxPool2d(2)]
        else:
            layers += [nn.Conv2d(channels, entry, 3, padding=1), nn.ReLU()]
            channels = entry
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


# %%
# .. index:: ! global average pooling
#
# ``AdaptiveAvgPool2d(1)`` is new. It takes the mean of each feature map, whatever its size, so one
# number of each channel is left. This is :term:`global average pooling`, GAP [Lin2014]_. What does
# the network cost?

from cnnbook.counting import cost_table
from cnnbook.networks import small_cnn

table = cost_table(deeper(), (1, 28, 28))
print(table)

# %%
# 19,018 parameters. The sloppy CNN has 27,130, and 27,050 of them are in its linear layer, which
# takes 2704 numbers. Here the linear layer takes 32 means and has 330 parameters. The deeper network
# saves parameters, but it does not save work: 23 times as many multiplications, and 1.9 times as
# many hidden activations.

sloppy = cost_table(small_cnn(), (1, 28, 28))
convolutions = (16 * 9 + 16, 16 * 16 * 9 + 16, 16 * 16 * 9 + 16, 32 * 16 * 9 + 32, 32 * 32 * 9 + 32)
linear = 10 * 32 + 10
assert linear == 330
assert table.parameters == sum(convolutions) + linear == 19_018
assert sloppy.parameters == 16 * 4 + 16 + 10 * 2704 + 10 == 27_130
assert 10 * 2704 + 10 == 27_050
assert (table.macs, sloppy.macs) == (1_693_760, 73_696)
assert round(table.macs / sloppy.macs) == 23
assert round(table.hidden_activations / sloppy.hidden_activations, 1) == 1.9

# %%
# How far it sees
# ---------------
#
# Before ``Linear``, a number of the sloppy CNN sees 3 x 3 pixels. Make a guess for a number of the
# deeper network's last feature maps, which have 7 x 7 numbers.

torch.manual_seed(0)
features = deeper()[:-3]
field = receptive_field(features)
sizes = [row.size[0] for row in field.rows if "ReLU" not in row.name]
print(sizes)
assert sizes == [1, 3, 4, 8, 12, 14, 22, 30]
assert receptive_field(small_cnn()[:3]).size == (3, 3)
assert features(torch.zeros(1, 1, 28, 28)).shape == (1, 32, 7, 7)

# %%
# 30 x 30, more than the image has. The convolutions behind the first pooling add 4 pixels each, the
# ones behind the second add 8. That is on paper. In the network, gradients show which pixels can
# change a number (page 15). We take the number in the corner of each feature map and the one in the
# middle, for twenty images of noise.


def gradient_sizes(row: int, column: int) -> torch.Tensor:
    """Return how strongly each pixel changes the numbers at one position, over all channels."""
    noise = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0)).requires_grad_()
    numbers = features(noise)[:, :, row, column]
    gradients = [torch.autograd.grad(n.sum(), noise, retain_graph=True)[0] for n in numbers.T]
    return torch.stack(gradients).abs().sum(dim=(0, 1))


# %%
# The frame is the field on paper, as far as it lies inside the image:

from cnnbook.figures import plot_receptive_field


def inside(pixels: range) -> range:
    """Return the part of the rows or columns that the image has."""
    return range(max(pixels.start, 0), min(pixels.stop, 28))


spots = torch.stack([gradient_sizes(0, 0), gradient_sizes(3, 3)])
frames = [tuple(map(inside, field.pixels(*position))) for position in ((0, 0), (3, 3))]
figure = plot_receptive_field(spots, frames, titles=["position (0, 0)", "position (3, 3)"])

# %%
# The number in the corner sees 17 x 17 pixels (the rest of its field is padding), and the one in
# the middle sees the whole image, all 784 pixels. Pixels in the middle of a field are darker: more
# ways lead from them to the number.

for spot, (rows, columns) in zip(spots[:, 0], frames, strict=True):
    seen = torch.zeros(28, 28, dtype=torch.bool)
    seen[rows.start : rows.stop, columns.start : columns.stop] = True
    assert torch.equal(spot > 0, seen)
assert [len(rows) for rows, _ in frames] == [17, 28]
assert 28 * 28 == 784

# %%
# A window of one pixel
# ---------------------
#
# .. index:: ! 1 x 1 convolution
#
# A :term:`1 x 1 convolution` has a window of one pixel. It looks at no neighbour, so is it of any
# use? It mixes the *channels*: each output is a weighted sum of all channels at the same position.
# By hand, for two channels of 2 x 2, with the weights 2 and 10 and no bias:

maps = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [1.0, 0.0]]]])
weight = torch.tensor([[2.0, 10.0]])
mixed = nn.functional.conv2d(maps, weight.reshape(1, 2, 1, 1))
print(mixed.tolist())

# %%
# 2 * 1 + 10 * 0 = 2 in the upper left, 2 * 2 + 10 * 1 = 14 beside it. A 1 x 1 convolution is a
# linear layer that is applied at every position:

assert mixed.tolist() == [[[[2 * 1 + 10 * 0, 2 * 2 + 10 * 1], [2 * 3 + 10 * 1, 2 * 4 + 10 * 0]]]]
assert (2 * 1 + 10 * 0, 2 * 2 + 10 * 1) == (2, 14)
everywhere = nn.functional.linear(maps.movedim(1, 3), weight).movedim(3, 1)
assert torch.equal(everywhere, mixed)

# %%
# Now the end of our network, by hand: first the mean of each map, then a linear layer with the same
# two weights. And the other way round: first mix the maps, then take the mean. Which two numbers do
# you get?

means = maps.mean(dim=(2, 3))
print(means.tolist(), nn.functional.linear(means, weight).item(), mixed.mean().item())
assert means.tolist() == [[(1 + 2 + 3 + 4) / 4, (0 + 1 + 1 + 0) / 4]] == [[2.5, 0.5]]
assert 2 * 2.5 + 10 * 0.5 == (2 + 14 + 16 + 8) / 4 == 10
assert nn.functional.linear(means, weight).item() == mixed.mean().item() == 10

# %%
# .. index:: ! class activation map
#
# Twice the same: 2 * 2.5 + 10 * 0.5 = 10, and the mean of 2, 14, 16 and 8 is 10. A mean and a
# weighted sum may change places, because both are sums. So a network that ends with GAP and one
# linear layer contains a map for each class: mix the last feature maps with the weights of the
# class. The mean of this map, plus the bias, is the score. The map is called
# :term:`class activation map <CAM>`, CAM [Zhou2016]_. We will draw it when the network is trained.
#
# The mean has another effect: it does not know *where* a number was. Shuffle the 49 positions of
# the last feature maps, and the scores stay the same. In the sloppy CNN they change.

shuffle = torch.randperm(49, generator=torch.Generator().manual_seed(0))
head = deeper()[-3:]
flat_head = nn.Sequential(nn.Flatten(), nn.Linear(32 * 49, 10))
last = torch.rand(1, 32, 7, 7)
shuffled = last.flatten(2)[:, :, shuffle].reshape(last.shape)
for name, end in {"mean": head, "Flatten": flat_head}.items():
    print(name, f"{(end(last) - end(shuffled)).abs().max():.6f}")
assert torch.allclose(head(last), head(shuffled), atol=1e-6)
assert (flat_head(last) - flat_head(shuffled)).abs().max() > 0.01
assert 7 * 7 == 49

# %%
# Ten layers, five starts
# -----------------------
#
# .. index:: ! initialization
#
# More layers make the start of the training harder. The first weights are random numbers, and their
# size is a choice: the :term:`initialization`. Here are five choices, for a convolution whose
# outputs each sum up ``n`` products (``n`` is channels times window, and is called fan-in):

starts = {
    "std 1": lambda weight: nn.init.normal_(weight, std=1.0),
    "Kaiming": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "Xavier": nn.init.xavier_normal_,
    "torch's default": lambda weight: weight,
    "std 0.01": lambda weight: nn.init.normal_(weight, std=0.01),
}

# %%
# Two fixed standard deviations, 1 and 0.01; Kaiming, with the variance 2/n [He2015]_; Xavier, with
# the variance 2/(n + m), where m counts the products in which an input takes part, here n as well
# [Glorot2010]_; and what torch does by itself, which has the variance 1/(3n). Now twenty images go
# through ten padded 3 x 3 convolutions of 64 channels and the ReLU after each, without training.

from collections.abc import Callable

from cnnbook.images import load_fashion_mnist

data = load_fashion_mnist(n_train=2000, n_test=1000, fallback="drawn")


@torch.no_grad()
def spreads(draw: Callable[[torch.Tensor], object]) -> list[float]:
    """Return the standard deviation of each convolution's outputs, before the ReLU."""
    torch.manual_seed(0)
    numbers, found = data.test_images[:20], []
    for channels in (1, *[64] * 9):
        conv = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        draw(conv.weight)
        outputs = conv(numbers)
        found.append(outputs.std().item())
        numbers = outputs.relu()
    return found


# %%
# Make a guess: by how much does the spread after the tenth layer differ from start to start?

from cnnbook.figures import plot_layers

spread = {name: spreads(draw) for name, draw in starts.items()}
figure = plot_layers(spread, label="spread (standard deviation)")
for name, numbers in spread.items():
    print(f"{name:16}", *(f"{numbers[layer - 1]:9.2g}" for layer in (1, 2, 5, 10)))

# %%
# By twenty powers of ten. The straight lines say that each layer multiplies the spread by the same
# factor. With Kaiming the factor is near 1. With all others the numbers explode or vanish: in
# float32, ``std 1`` would reach infinity after some thirty layers, and the images that arrive at
# the end of ``std 0.01`` are nearly zero, and so are the gradients on the way back.

assert spread["std 1"][-1] / spread["std 0.01"][-1] > 1e19
assert 0.25 < spread["Kaiming"][-1] / spread["Kaiming"][0] < 4
assert spread["torch's default"][-1] < 1e-3 < spread["Xavier"][-1] < 0.03
assert 1e38 < torch.finfo(torch.float32).max < 17.0**32

# %%
# Why two divided by n
# --------------------
#
# One output, before the ReLU, is a sum of n products. The weights are drawn independently, with
# mean 0 and variance v. Square the sum, and take the mean over all draws of the weights: the
# products of two different weights have the mean 0, and the square of each weight has the mean v.
# What is left is v times the sum of the n squared inputs. Then ReLU: an output and its negative are
# equally likely, so ReLU removes exactly half of the mean square. An exact case: four inputs, and
# every weight is 1 or -1, so that there are 16 equally likely draws.

inputs = torch.tensor([1.0, 2.0, 3.0, 4.0])
draws = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 4)
outputs = draws @ inputs
print(len(draws), outputs.square().mean().item(), outputs.relu().square().mean().item())

# %%
# The mean square of the output is 30, which is 1 + 4 + 9 + 16, and ReLU leaves 15. The mean square
# of the *inputs* is 7.5. To keep it, the variance must not be 1 but 7.5 / 15 = 0.5, and that is 2
# divided by 4, the number of inputs.

assert len(draws) == 2**4 == 16
assert outputs.square().mean() == 1 + 4 + 9 + 16 == 30
assert outputs.relu().square().mean() == 30 / 2 == 15
assert inputs.square().mean() == 30 / 4 == 7.5
assert 7.5 / 15 == 2 / 4 == 0.5
assert abs(((0.5**0.5) * outputs).relu().square().mean() - 7.5) < 1e-5

# %%
# In general: v * n / 2 is the factor of the mean square, and its root is the factor of the spread.
# For the layers with 64 channels n is 576, and the factors of the five starts should be:

n = 64 * 3 * 3
variances = dict(zip(starts, (1, 2 / n, 2 / (n + n), 1 / (3 * n), 0.01**2), strict=True))
factors = {name: (variance * n / 2) ** 0.5 for name, variance in variances.items()}
print("start            on paper   measured, mean of nine layers")
for name, numbers in spread.items():
    measured = (numbers[-1] / numbers[0]) ** (1 / 9)
    print(f"{name:16} {factors[name]:8.3f} {measured:10.3f}")
    assert abs(measured / factors[name] - 1) < 0.1

# %%
# 17 on paper for ``std 1``, exactly 1 for Kaiming, 0.707 for Xavier, 0.408 for torch, 0.17 for
# ``std 0.01``. The measured ones are within a tenth of these. They differ a little because the
# weights are one draw and not the mean over all draws, and because windows at the edge contain
# zeros. Xavier lacks the 2: it was made for networks without ReLU, in which nothing is removed.

assert factors["Kaiming"] == 1
assert n == 576
assert abs(factors["std 1"] - 17) < 0.05
assert abs(factors["std 0.01"] - 0.17) < 0.005
assert abs(factors["Xavier"] - 0.707) < 0.0005
assert abs(factors["torch's default"] - 0.408) < 0.0005

# %%
# A second check uses one window and many draws: 50,000 kernels for 16 channels.

torch.manual_seed(0)
window = torch.rand(16, 3, 3)
kernels = starts["Kaiming"](torch.empty(50_000, 16, 3, 3))
outputs = kernels.flatten(1) @ window.flatten()
kept = outputs.relu().square().mean() / window.square().mean()
print(f"mean square after ReLU, divided by that of the inputs: {kept:.2f}")
assert abs(kept - 1) < 0.05

# %%
# The mean square stays. (There are no biases here. With torch's random biases the outputs do not
# vanish, but they are nearly the same for all images, as page 21 showed.)
#
# Is it better?
# -------------
#
# We train the sloppy CNN and the deeper network, with torch's initialization and with Kaiming. And
# because the new end may matter as much as the depth, there is a fifth row: the same five
# convolutions with ``Flatten`` in place of the mean.


def kaiming(net: nn.Sequential) -> nn.Sequential:
    """Draw the weights anew, in place, and set the biases to 0."""
    for layer in net:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return net


def flattened() -> nn.Sequential:
    """Make the deeper network with a linear layer that takes all numbers in place of their mean."""
    return nn.Sequential(*deeper()[:-3], nn.Flatten(), nn.Linear(32 * 49, 10))


# %%
# All are trained under the same conditions: 2,000 images, eight epochs of mini-batches of 50, which
# is 320 updates, Adam at its defaults, the same order of the images for the same seed, nothing
# tuned.

images, labels = data.train


def train(net: nn.Module, *, seed: int, epochs: int = 8) -> list[float]:
    """Train a network in place, and return the mean loss of each epoch."""
    optimizer, order = torch.optim.Adam(net.parameters()), torch.Generator().manual_seed(seed)
    means = []
    for _ in range(epochs):
        means.append(0.0)
        for pick in torch.randperm(2000, generator=order).split(50):
            loss = nn.functional.cross_entropy(net(images[pick]), labels[pick])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            means[-1] += loss.item() / 40
    return means


# %%
# Four seeds each. Which row will be the best, and which the worst? Make a guess.

from cnnbook.metrics import accuracy, predict_scores

rows: dict[str, Callable[[], nn.Sequential]] = {
    "sloppy": small_cnn,
    "sloppy, Kaiming": lambda: kaiming(small_cnn()),
    "deeper": deeper,
    "deeper, Kaiming": lambda: kaiming(deeper()),
    "deeper, Kaiming, Flatten": lambda: kaiming(flattened()),
}
assert 8 * 2000 // 50 == 320
assert 2000 // 50 == 40

# %%
# After each training we keep the accuracy on the training images and on 1,000 test images, and of
# each row the network of the first seed:

nets, losses, on_training, on_test = {}, {}, {}, {}
for name, make in rows.items():
    on_training[name], on_test[name] = [], []
    for seed in range(4):
        torch.manual_seed(seed)
        net = make()
        means = train(net, seed=seed)
        for kept_values, part in ((on_training, data.train), (on_test, data.test)):
            scores = predict_scores(net, part[0], device="cpu")
            kept_values[name].append(accuracy(scores, part[1]))
        if seed == 0:
            nets[name], losses[name] = net, means

# %%
# The results, with 95 % intervals of the mean of the four seeds:

from cnnbook.figures import plot_seeds
from cnnbook.metrics import mean_interval

intervals = {name: mean_interval(fractions) for name, fractions in on_test.items()}
figure = plot_seeds(
    on_test,
    label="test accuracy after 320 updates",
    intervals={name: (interval.low, interval.high) for name, interval in intervals.items()},
)
for name, interval in intervals.items():
    print(f"{name:25} training {sum(on_training[name]) / 4:.2f}, test {interval}")

# %%
# Differences.

from cnnbook.metrics import compare_paired

pairs = [
    ("deeper, Kaiming", "deeper"),
    ("deeper, Kaiming", "sloppy, Kaiming"),
    ("deeper, Kaiming, Flatten", "deeper, Kaiming"),
    ("deeper, Kaiming, Flatten", "sloppy, Kaiming"),
]
leads = {pair: compare_paired(on_test[pair[0]], on_test[pair[1]]) for pair in pairs}
for (first, second), lead in leads.items():
    print(f"{first} minus {second}: {100 * lead.interval.mean:.1f}", end=" ")
    print(f"({100 * lead.interval.low:.1f} to {100 * lead.interval.high:.1f}) of 100")

# %%
# More.

net = nets["deeper, Kaiming"]
more = train(net, seed=0, epochs=16)
for name, part in {"training": data.train, "test": data.test}.items():
    print(f"{name} {accuracy(predict_scores(net, part[0], device='cpu'), part[1]):.3f}")

# %%
# CAM

from copy import deepcopy

exact = deepcopy(net).double()
features, linear = exact[:-3], exact[-1]
with torch.no_grad():
    last = features(data.test_images.double())
    scores = exact(data.test_images.double())
    class_maps = nn.functional.conv2d(last, linear.weight[:, :, None, None])
    from_maps = class_maps.mean(dim=(2, 3)) + linear.bias
difference = (from_maps - scores).abs().max()
print(class_maps.shape, f"{difference:.1e}")

from cnnbook.figures import plot_map_rows

kinds = ("Bag", "Ankle boot", "Dress", "Trouser", "Pullover", "Sneaker")
classes = torch.tensor([data.class_names.index(kind) for kind in kinds])
actual = data.test_labels.argmax(dim=1)
best = [int(scores[:, kind].where(actual == kind, -torch.inf).argmax()) for kind in classes]
others = scores[best].topk(2, dim=1).indices[:, 1]
own = class_maps[best, classes][:, None]
other = class_maps[best, others][:, None]
figure = plot_map_rows(data.test_images[best], {"own": own, "second": other}, titles=kinds, stride=4)
figure.savefig("/tmp/cam.png", dpi=80)
print([data.class_names[k] for k in others], scores[best, classes], scores[best].argmax(1))
spots = torch.tensor(data.test_images)
torch.save((nets, losses, on_test), "/tmp/nets25.pt")
import matplotlib.pyplot as plt
for i in plt.get_fignums(): plt.figure(i).savefig(f"/tmp/f25_{i}.png", dpi=70)
