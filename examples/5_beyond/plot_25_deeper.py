"""
25. Deeper
==========

*Can a network have more layers and fewer parameters than the sloppy CNN, and is it then better?*

You need the sizes of :doc:`/gallery/3_inside/plot_11_sizes`, the receptive field of
:doc:`/gallery/3_inside/plot_15_receptive_field`, and the weak start of
:doc:`/gallery/4_training/plot_21_lenet`, which Kaiming initialization cured.

This page is long. It has four parts, and you can stop after each:

* *The network*: small windows, its parameters, and how far it sees.
* *The end of the network*, from "A window of one pixel": this window, and the mean in place of
  ``Flatten``.
* *The start of the training*, from "Ten layers, five starts": how large the first weights should
  be, and why.
* *The comparison*, from "Is it better?": five networks, and a map that shows what speaks for a
  class.
"""

# %%
# Two small windows in place of a large one
# -----------------------------------------
#
# A number sees more pixels if the window is larger, for example 5 x 5. Another way is two
# convolutions with windows of 3 x 3, one after the other, each with a :term:`padding` of 1, which
# keeps the size of the image. Take a pencil: with 16 channels everywhere, how many parameters does
# the one convolution have, and how many do the two have together?
#
# .. guess:: Parameters of one, and of two

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
# a ReLU can stand between them. This is why VGG, a famous network, has windows of 3 x 3 in all its
# convolutions [Simonyan2015]_.

assert receptive_field(one).size == receptive_field(two).size == (5, 5)
assert count_parameters(one) == 16 * 16 * 5 * 5 + 16 == 6_416
assert count_parameters(two) == 2 * (16 * 16 * 3 * 3 + 16) == 4_640

# %%
# The deeper network
# ------------------
#
# Ours has five convolutions of that kind, each with a ReLU, and two poolings. A list says what
# follows what: a number is a convolution with that many kernels, and "pool" halves the size. (VGG
# is usually written in this way.)


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
convolutions = (160, 2_320, 2_320, 4_640, 9_248)
assert convolutions[:2] == (16 * 9 + 16, 16 * 16 * 9 + 16)
assert convolutions[2:] == (16 * 16 * 9 + 16, 32 * 16 * 9 + 32, 32 * 32 * 9 + 32)
assert table.parameters == sum(convolutions) + 330 == 19_018
assert 10 * 32 + 10 == 330

# %%
# 19,018 parameters. The sloppy CNN has 27,130, and 27,050 of them are in its linear layer, which
# takes 2704 numbers. Here the linear layer takes 32 means and has 330 parameters. Does the deeper
# network also save work?

sloppy = cost_table(small_cnn(), (1, 28, 28))
print(f"{table.macs / sloppy.macs:.0f} times as many multiplications")
activations = table.hidden_activations / sloppy.hidden_activations
print(f"{activations:.1f} times as many hidden activations")
assert sloppy.parameters == 16 * 4 + 16 + 10 * 2704 + 10 == 27_130
assert 10 * 2704 + 10 == 27_050
assert (table.macs, sloppy.macs) == (1_693_760, 73_696)
assert round(table.macs / sloppy.macs) == 23
assert round(activations, 1) == 1.9

# %%
# No: it needs 23 times as many multiplications, and 1.9 times as many hidden activations.
#
# How far it sees
# ---------------
#
# Before ``Linear``, a number of the sloppy CNN sees 3 x 3 pixels. Make a guess for a number of the
# deeper network's last feature maps, which have 7 x 7 numbers.
#
# .. guess:: Pixels

torch.manual_seed(0)
features = deeper()[:-3]
field = receptive_field(features)
sizes = [row.size[0] for row in field.rows if "ReLU" not in row.name]
print(sizes)
assert sizes == [1, 3, 4, 8, 12, 14, 22, 30]
assert receptive_field(small_cnn()[:3]).size == (3, 3)
assert features(torch.zeros(1, 1, 28, 28)).shape == (1, 32, 7, 7)

# %%
# 30 x 30, more than the image has. The list begins with one pixel of the image and goes on with
# each convolution and each pooling. The convolutions after the first pooling add 4 pixels each, the
# ones after the second add 8.
#
# That is on paper. In the network, gradients show which pixels can change a number
# (:doc:`page 15 </gallery/3_inside/plot_15_receptive_field>`). We take the number in the corner of
# each feature map and the one in the middle, for twenty images of noise.


def gradient_sizes(row: int, column: int) -> torch.Tensor:
    """Return how strongly each pixel changes the numbers at one position, over all channels."""
    noise = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0)).requires_grad_()
    numbers = features(noise)[:, :, row, column]
    gradients = [torch.autograd.grad(n.sum(), noise, retain_graph=True)[0] for n in numbers.T]
    return torch.stack(gradients).abs().sum(dim=(0, 1))


# %%
# The orange frame is the field on paper, as far as it lies inside the image:

from cnnbook.figures import plot_receptive_field


def inside(pixels: range) -> range:
    """Return the part of the rows or columns that the image has."""
    return range(max(pixels.start, 0), min(pixels.stop, 28))


spots = torch.stack([gradient_sizes(0, 0), gradient_sizes(3, 3)])
frames = [tuple(map(inside, field.pixels(*position))) for position in ((0, 0), (3, 3))]
figure = plot_receptive_field(spots, frames, titles=["position (0, 0)", "position (3, 3)"])

# %%
# The number in the corner sees 17 x 17 pixels (the rest of its field is padding), and the one in
# the middle sees the whole image, all 784 pixels. Pixels in the middle of a field stand out most
# from the background, so they change the number most: more ways lead from them to the number.

# Folded on the site: are these the pixels of the frames?
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
# linear layer that is applied at every position (``movedim`` puts the channels last, where
# ``linear`` expects them, and back):

everywhere = nn.functional.linear(maps.movedim(1, 3), weight).movedim(3, 1)
print(everywhere.tolist())
assert mixed.tolist() == [[[[2 * 1 + 10 * 0, 2 * 2 + 10 * 1], [2 * 3 + 10 * 1, 2 * 4 + 10 * 0]]]]
assert (2 * 1 + 10 * 0, 2 * 2 + 10 * 1) == (2, 14)
assert torch.equal(everywhere, mixed)

# %%
# The same numbers.
#
# Now the end of our network, by hand: first the mean of each map, then a linear layer with the same
# two weights. And the other way round: first mix the maps, then take the mean. Which two numbers do
# you get?
#
# .. guess:: Two numbers

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
# class. The mean of this map, plus the bias, is the score. The map is called :term:`class
# activation map <CAM>`, CAM [Zhou2016]_. We will draw it when the network is trained.
#
# The mean has another effect: it does not know *where* a number was. Shuffle the 49 positions of
# the last feature maps, and the scores stay the same. With ``Flatten``, as in the sloppy CNN, they
# change.

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
# outputs each sum up ``n`` products (``n`` is the number of channels times the pixels of a window;
# torch calls it ``fan_in``):

from collections.abc import Callable

from cnnbook.images import load_fashion_mnist

data = load_fashion_mnist(n_train=2000, n_test=1000, fallback="drawn")
starts: dict[str, Callable[[torch.Tensor], object]] = {
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
# Make a guess: after the tenth layer, by which factor do the largest and the smallest spread
# differ? The spread after the layers 1, 2, 5 and 10 is printed as well.
#
# .. guess:: Factor

from cnnbook.figures import plot_layers

spread = {name: spreads(draw) for name, draw in starts.items()}
figure = plot_layers(spread, label="spread (standard deviation)")
for name, numbers in spread.items():
    print(f"{name:16}", *(f"{numbers[layer - 1]:9.2g}" for layer in (1, 2, 5, 10)))

# %%
# By a factor of 10 to the power of 20. The axis is logarithmic, and the lines are nearly straight,
# so each layer multiplies the spread by about the same factor. With Kaiming this factor is near 1.
# With the others the numbers explode or vanish. After about thirty layers, ``std 1`` would be too
# large for float32. In the backward pass, the gradients are multiplied by the same factors, because
# these layers have as many outputs as inputs [He2015]_.

assert 10**19 < spread["std 1"][-1] / spread["std 0.01"][-1] < 10**21
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
# What is left is v times the sum of the n squared inputs.
#
# Then comes ReLU: an output and its negative are equally likely, so ReLU removes exactly half of
# the mean square.
#
# Here is an exact case: four inputs, and every weight is 1 or -1, so that there are 16 equally
# likely draws.

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
# ``std 0.01``. The measured ones differ from these by at most 3 %. They differ a little because the
# weights are one draw and not the mean over all draws, and because windows at the edge contain
# zeros. Xavier's variance is here 1/n, half of Kaiming's. It was made for activations such as tanh,
# which hardly change small numbers, so there is no half to make up for.

assert factors["Kaiming"] == 1
assert n == 576
assert abs(factors["std 1"] - 17) < 0.05
assert abs(factors["std 0.01"] - 0.17) < 0.005
assert abs(factors["Xavier"] - 0.707) < 0.0005
assert abs(factors["torch's default"] - 0.408) < 0.0005

# %%
# There are no biases here. With torch's random biases the outputs do not vanish, but they are
# nearly the same for all images, as :doc:`page 21 </gallery/4_training/plot_21_lenet>` showed.
#
# Is it better?
# -------------
#
# We compare five networks, a row for each: the sloppy CNN and the deeper network, each with torch's
# initialization and with Kaiming, and, because the new end may matter as much as the depth, the
# five convolutions with ``Flatten`` in place of the mean.

images, labels = data.train


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
# is 320 updates, Adam at its defaults, for each seed the images in the same order. Nothing is
# tuned. The numbers in the text are those of Fashion-MNIST.


def train(net: nn.Module, *, seed: int, epochs: int = 8) -> list[float]:
    """Train a network in place, and return the mean loss of each epoch."""
    optimizer, order = torch.optim.Adam(net.parameters()), torch.Generator().manual_seed(seed)
    means = [0.0] * epochs
    for epoch in range(epochs):
        for pick in torch.randperm(2000, generator=order).split(50):
            loss = nn.functional.cross_entropy(net(images[pick]), labels[pick])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            means[epoch] += loss.item() / 40
    return means


# %%
# Four seeds each. Which row will be the best, and which the worst? Make a guess.
#
# .. guess:: Best and worst

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

intervals = {name: mean_interval(row, confidence=0.95) for name, row in on_test.items()}
figure = plot_seeds(
    on_test,
    label="test accuracy after 320 updates",
    intervals={name: (interval.low, interval.high) for name, interval in intervals.items()},
)
for name, interval in intervals.items():
    print(f"{name:25} training {sum(on_training[name]) / 4:.2f}, test {interval}")

# %%
# The differences within each seed, in images of 100, and their 95 % intervals:

from cnnbook.metrics import compare_paired

pairs = {
    "Kaiming for the deeper network": ("deeper, Kaiming", "deeper"),
    "deeper in place of sloppy": ("deeper, Kaiming", "sloppy, Kaiming"),
    "Flatten in place of the mean": ("deeper, Kaiming, Flatten", "deeper, Kaiming"),
    "deeper with Flatten, or sloppy": ("deeper, Kaiming, Flatten", "sloppy, Kaiming"),
}
leads = {what: compare_paired(on_test[one], on_test[two]) for what, (one, two) in pairs.items()}
for what, lead in leads.items():
    mean, low, high = (100 * getattr(lead.interval, part) for part in ("mean", "low", "high"))
    print(f"{what:31} {mean:6.1f} ({low:.1f} to {high:.1f})")

# %%
# Three results. First, the initialization matters: of 100 test images, the deeper network
# classifies 63 correctly with torch's initialization and 72 with Kaiming. In the sloppy CNN, which
# has two layers with weights, the two initializations are about equal.
#
# Second, the deeper network is *not* better. With Kaiming in both, it is 11 images of 100 behind
# the sloppy CNN, which has 83. It has not overfitted: on its own training images it has 75 of 100,
# so it has learned too little.
#
# Third, the depth is not the reason. With ``Flatten`` the same five convolutions have 85 of 100, so
# the mean over all positions costs 12 of 100. A likely explanation: all clothes are centred in
# their images, so *where* something is says much about them (page 20), and the mean loses it. The
# network with ``Flatten`` has 34,378 parameters, more than the sloppy CNN, and four seeds do not
# show which of these two is better.

assert count_parameters(flattened()) == sum(convolutions) + 10 * 32 * 49 + 10 == 34_378
if not data.drawn:
    for name, mean in zip(rows, (0.82, 0.83, 0.63, 0.72, 0.85), strict=True):
        assert abs(intervals[name].mean - mean) < (0.06 if name == "deeper" else 0.03)
    assert abs(sum(on_training["deeper, Kaiming"]) / 4 - 0.75) < 0.04

    mean_leads = {what: 100 * lead.interval.mean for what, lead in leads.items()}
    assert mean_leads["Kaiming for the deeper network"] > 3
    assert -16 < mean_leads["deeper in place of sloppy"] < -7
    assert 8 < mean_leads["Flatten in place of the mean"] < 17
    assert leads["deeper with Flatten, or sloppy"].interval.low < 0.01

# %%
# Here are the mean losses of the eight epochs, for the first seed:

for name, epoch_means in losses.items():
    print(f"{name:25}", *(f"{mean:.2f}" for mean in epoch_means))
assert data.drawn or abs(losses["deeper"][0] - 2.30) < 0.05
assert data.drawn or losses["deeper, Kaiming"][0] < 2.2

# %%
# With torch's initialization, the loss of the deeper network in the whole first epoch is 2.30, the
# loss of guessing. With Kaiming it falls at once, but slowly, and after eight epochs it is still
# falling. How far does the deeper network get with three times as many updates? We train it for 16
# epochs more, with a new Adam:

net = nets["deeper, Kaiming"]
train(net, seed=0, epochs=16)
longer = {}
for name, part in {"training": data.train, "test": data.test}.items():
    longer[name] = accuracy(predict_scores(net, part[0], device="cpu"), part[1])
print({name: f"{fraction:.2f}" for name, fraction in longer.items()})
assert (8 + 16) / 8 == 3
assert data.drawn or abs(longer["training"] - 0.81) < 0.05
assert data.drawn or abs(longer["test"] - 0.77) < 0.05

# %%
# To 77 of 100 test images, with 81 of 100 training images: better, and still behind. This is a
# small network with 32 channels at its end, trained for a short time; the result says nothing about
# global average pooling in general. Many large networks end with it, such as ResNet [He2016]_. They
# have hundreds of channels and a normalization after each convolution, which is the subject of the
# next page.
#
# .. guess-end::
#
# The map of a class
# ------------------
#
# What the mean gives in return is the class activation map. ``net[:-3]`` are the convolutions, and
# the weights of ``Linear`` become a 1 x 1 convolution. We compute in float64, to see that the score
# is exactly the mean of the map plus the bias.

from copy import deepcopy

exact = deepcopy(net).double()
features, linear = exact[:-3], exact[-1]
with torch.no_grad():
    last = features(data.test_images.double())
    class_maps = nn.functional.conv2d(last, linear.weight[:, :, None, None])
    from_maps = class_maps.mean(dim=(2, 3)) + linear.bias
    scores = exact(data.test_images.double())
print(tuple(class_maps.shape), f"largest difference {(from_maps - scores).abs().max():.0e}")
assert class_maps.shape == (1000, 10, 7, 7)
assert (from_maps - scores).abs().max() < 1e-12

# %%
# For all 1,000 test images and ten classes, the two are equal except for rounding. We look at four
# classes, and in each at the image with the highest score for it. Below the images, the first row
# shows the map of the image's class, and the second row the map of the class with the next highest
# score, which is printed. Each row has a scale of its own.

from cnnbook.figures import plot_map_rows

# sphinx_gallery_thumbnail_number = 4
kinds = ("Bag", "Ankle boot", "Dress", "Trouser")
classes = torch.tensor([data.class_names.index(kind) for kind in kinds])
actual = data.test_labels.argmax(dim=1)
best = [int(scores[:, kind].where(actual == kind, -torch.inf).argmax()) for kind in classes]
others = scores[best].scatter(1, classes[:, None], -torch.inf).argmax(dim=1)
print([data.class_names[kind] for kind in others])
own, next_best = class_maps[best, classes][:, None], class_maps[best, others][:, None]
figure = plot_map_rows(
    data.test_images[best], {"its class": own, "next class": next_best}, titles=kinds, stride=4
)

# %%
# Blue raises the score, orange lowers it. The bag is blue nearly everywhere, the trousers on and
# between the legs, and the boot most of all in front of its shaft, above the toes, where a boot has
# nothing and a bag would be. On page 20, occlusion found the same empty area in another network.
# The next class of the boot is the sneaker, and its map is similar in that area: both are shoes.
# The rest of the map distinguishes the two.
#
# Be careful with the positions. Each of the 49 numbers sees up to 30 x 30 pixels, so the map shows
# at which position a number is, and not from which pixels it comes. Here is the share of positions
# that raise the score, for each map in the first row:

share = (own > 0).double().mean(dim=(1, 2, 3))
print([f"{part:.2f}" for part in share.tolist()])
if not data.drawn:
    boot = own[1, 0]
    assert boot[1:5, :4].mean() > 2 * boot.mean() > 0
    assert share[0] > 0.6
    assert share[0] == share.max()

# %%
# The bag has the largest share, as in the figure. And how is Grad-CAM (page 20) related to this
# map? It multiplies each feature map by the mean gradient of the score there, and adds up the
# products. Here the gradient is the same at all positions, namely the weight of ``Linear`` divided
# by 49. So Grad-CAM is the class activation map divided by 49, with all negative numbers set to 0
# [Selvaraju2017]_.

inside_maps = last[best].requires_grad_()
exact[-3:](inside_maps)[range(4), classes].sum().backward()
by_weights = linear.weight[classes][:, :, None, None] / 49
grad_cam = (inside_maps.grad.mean(dim=(2, 3), keepdim=True) * last[best]).sum(dim=1, keepdim=True)
print(f"largest difference {(grad_cam - own / 49).abs().max():.0e}")
assert torch.allclose(inside_maps.grad, by_weights.expand_as(last[best]), rtol=1e-12)
assert (grad_cam - own / 49).abs().max() < 1e-12

# %%
# The two are equal except for rounding.
#
# .. board::
#    :minutes: 35
#
#    1. Three convolutions of 3 x 3 see as far as one of 7 x 7. With 16 channels everywhere and
#       without biases, how many weights do the three have, and how many does the one have?
#
#       ``3*16*16*3*3 = 6912`` and ``16*16*7*7 = 12544``.
#
#    2. A 1 x 1 convolution turns 64 channels into 16, on maps of 7 x 7. How many weights does it
#       have, and how many multiplications does it make for one image?
#
#       ``64*16 = 1024`` weights, each used at 49 positions: ``1024*49 = 50176`` multiplications.
#
#    3. Each output sums 50 products, the weights have the variance 0.01, and a ReLU follows. By
#       what is the mean square multiplied in each layer, and by what is the spread multiplied in
#       ten layers?
#
#       By ``0.01*50/2 = 0.25`` in each layer. The spread is halved each time, so after ten layers
#       it is multiplied by 1/1024.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 25.1
#
# .. exercise:: 25.2
#
# .. exercise:: 25.3
#
# The answer
# ----------
#
# Yes, it can have more layers and fewer parameters; no, it is not better. With windows of 3 x 3 and
# the mean in place of ``Flatten``, a network of five convolutions has fewer parameters than the
# sloppy CNN with one, and its last feature maps see up to 30 x 30 pixels in place of 3 x 3. The
# mean also gives a map for each class: the mean of the map, plus the bias, is the score. Such a
# network needs a start with weights of the right size: with a variance of 2 divided by n, each
# layer keeps the mean square of its inputs, and the network learns already in the first epoch.
#
# But under the same conditions, the sloppy CNN classifies more test images correctly, and the
# reason is the mean at the end, not the depth.
#
# What lets networks of twenty layers learn? :doc:`/gallery/5_beyond/plot_26_normalize`.
