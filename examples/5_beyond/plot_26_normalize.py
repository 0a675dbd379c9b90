"""
26. Normalize, and take a shortcut
==================================

*Why is it hard to train twenty layers, and which two changes help?*

You need :doc:`/gallery/5_beyond/plot_25_deeper`, for deeper networks and their initialization,
:doc:`/gallery/3_inside/plot_14_backpropagation`, for gradients by hand, and
:doc:`/gallery/4_training/plot_21_lenet`, for mini-batches.
"""

# %%
# Normalize by hand
# -----------------
#
# .. index:: ! BatchNorm, ! running statistics
#
# The first change is :term:`batch normalization` [Ioffe2015]_, in torch ``BatchNorm2d``. For each
# channel, it subtracts the mean and divides by the standard deviation. Both are computed over all
# images of the batch and all their pixels, that is, over the axes 0, 2 and 3 of ``(n, c, h, w)``.
#
# Here is a batch of two images, with two channels of one row and two pixels; the numbers are in the
# first lines of the cell. Take a pencil before you run it: what are the mean and the variance of
# each channel, and what is left of the channels afterwards?
#
# .. guess:: Means and variances

import torch

first = [[[0.0, 6.0]], [[4.0, 4.0]]]
second = [[[6.0, 0.0]], [[16.0, 16.0]]]
batch = torch.tensor([first, second])
mean = batch.mean(dim=(0, 2, 3), keepdim=True)
variance = batch.var(dim=(0, 2, 3), correction=0, keepdim=True)
normal = (batch - mean) / variance.sqrt()
print("mean", mean.flatten().tolist(), "variance", variance.flatten().tolist())
assert batch.shape == (2, 2, 1, 2)
assert mean.flatten().tolist() == [(0 + 6 + 6 + 0) / 4, (4 + 4 + 16 + 16) / 4] == [3, 10]
assert variance.flatten().tolist() == [(9 + 9 + 9 + 9) / 4, (36 + 36 + 36 + 36) / 4] == [9, 36]

# %%
# The means are 3 and 10, the variances 9 and 36. The figure shows channel 0 and channel 1,
# before and after. Each row is an image:

from cnnbook.figures import plot_number_grids

grids = {}
for channel in (0, 1):
    grids[f"{channel} before"] = batch[:, channel, 0]
    grids[f"{channel} after"] = normal[:, channel, 0]
figure = plot_number_grids(grids)
assert grids["0 after"].tolist() == [[-1, 1], [1, -1]]
assert grids["1 after"].tolist() == [[-1, -1], [1, 1]]

# %%
# Only -1 and 1 are left, in both channels. Each now has the mean 0 and the variance 1, however
# large its numbers were before. Look at channel 1: within one image, all its pixels are equal. A 4
# becomes -1 only because of the other image.
#
# .. guess-end::
#
# Two details are missing. First, a channel in which all numbers are equal has the variance 0, and 0
# divided by 0 is NaN. So a small number, *eps*, is added to the variance, by default 0.00001.
# Second, not every layer needs numbers of this size. So each channel is multiplied by a weight,
# *gamma*, and a bias, *beta*, is added. They begin at 1 and 0 and are trained:

gamma, beta = torch.tensor([2.0, 3.0]), torch.tensor([10.0, 20.0])


def batch_norm(
    batch: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor, eps: float = 0.00001
) -> torch.Tensor:
    """Normalize with the statistics given, one number for each channel; scale and shift."""
    by_channel = (1, -1, 1, 1)
    normal = (batch - mean.reshape(by_channel)) / (variance.reshape(by_channel) + eps).sqrt()
    return gamma.reshape(by_channel) * normal + beta.reshape(by_channel)


# %%
# With *eps* = 0 we get whole numbers. With the default, we compare with torch:

exact = batch_norm(batch, mean, variance, eps=0)
layer = torch.nn.BatchNorm2d(2)
with torch.no_grad():
    layer.weight.copy_(gamma)
    layer.bias.copy_(beta)
    output = layer(batch)
print(exact[:, :, 0].tolist())
assert exact[:, :, 0].tolist() == [[[8, 12], [17, 17]], [[12, 8], [23, 23]]]
assert torch.allclose(output, batch_norm(batch, mean, variance), rtol=0, atol=1e-5)
assert torch.allclose(output, exact, rtol=0, atol=1e-4)
assert layer.eps == 0.00001

# %%
# Channel 0 is 10 - 2 = 8 and 10 + 2 = 12, channel 1 is 20 - 3 = 17 and 20 + 3 = 23, and torch
# agrees. And a channel of equal numbers?

constant = torch.full((2, 2, 1, 2), 7.0)
seven, zero = torch.tensor([7.0, 7.0]), torch.zeros(2)
print("eps = 0:", batch_norm(constant, seven, zero, eps=0).unique().tolist())
print("default:", batch_norm(constant, seven, zero).unique().tolist())
assert batch_norm(constant, seven, zero, eps=0).isnan().all()
assert batch_norm(constant, seven, zero).unique().tolist() == [10, 20]

# %%
# Without *eps*, each number is NaN. With *eps*, the numerator is still 0 but the denominator is
# not, so only *beta* is left: 10 and 20.
#
# There is also a parameter that you can leave out: the bias of the convolution before this layer.
# It adds the same number to a whole channel, and that number is subtracted again with the mean. We
# add 100 to each number of channel 0:

shifted = batch + torch.tensor([100.0, 0.0]).reshape(1, -1, 1, 1)
with torch.no_grad():
    apart = (torch.nn.BatchNorm2d(2)(shifted) - torch.nn.BatchNorm2d(2)(batch)).abs().max()
print(f"largest difference: {apart:.0e}")
assert apart < 1e-4
assert shifted[0, 0, 0].tolist() == [100, 106]

# %%
# Nothing changes, except for rounding. That is why you often see ``Conv2d(..., bias=False)`` before
# a ``BatchNorm2d``.
#
# How a single image is normalized
# --------------------------------
#
# A single image has no batch, and its scores should not depend on other images. So in training the
# layer also keeps :term:`running statistics`: after each batch, the running mean becomes 0.9 times
# its old value plus 0.1 times the mean of the batch. (This 0.1 is torch's ``momentum``.) The
# running variance is updated in the same way, but with the *unbiased* variance, whose denominator
# is one less: channel 0 has 4 numbers, so it is 36 / 3 = 12 and not 36 / 4 = 9. The running mean
# begins at 0, the running variance at 1. What are both after our batch?
#
# .. guess:: Running means and variances

unbiased = batch.var(dim=(0, 2, 3))
running_mean = 0.9 * torch.zeros(2) + 0.1 * mean.flatten()
running_variance = 0.9 * torch.ones(2) + 0.1 * unbiased
print("unbiased variances:", [round(number, 4) for number in unbiased.tolist()])
print("running mean:", [round(number, 4) for number in running_mean.tolist()])
print("running variance:", [round(number, 4) for number in running_variance.tolist()])
assert unbiased.tolist() == [36 / 3, 144 / 3] == [12, 48]
assert torch.allclose(running_mean, torch.tensor([0.3, 1.0]))
assert torch.allclose(running_variance, torch.tensor([2.1, 5.7]))
assert torch.allclose(layer.running_mean, running_mean)
assert torch.allclose(layer.running_var, running_variance)

# %%
# The running means are 0.3 and 1.0, the running variances 2.1 and 5.7. torch's layer has the same
# numbers, because it has seen the batch once. (``torch.no_grad()`` does not prevent this: a new
# layer is in training mode, and only the mode decides.) After ``eval()`` the layer uses the running
# statistics and does not change them:

layer.eval()
with torch.no_grad():
    alone, together = layer(batch[:1]), layer(batch)
print([round(number, 3) for number in alone.flatten().tolist()])
by_hand = batch_norm(batch, running_mean, running_variance)
assert torch.allclose(together, by_hand, rtol=0, atol=1e-4)
assert torch.allclose(alone, together[:1], rtol=0, atol=1e-6)
assert torch.allclose(layer.running_mean, running_mean)
assert round(2 * (6 - 0.3) / 2.1**0.5 + 10, 3) == round(alone[0, 0, 0, 1].item(), 3) == 17.867

# %%
# For the first image, the layer gives the same numbers alone and with the other image. But its 6
# has become 17.867, and in training it became 12: after one batch, the running statistics are still
# far from those of the data. How many such batches does it take until the running mean of channel 0
# is at 99 % of the batch's mean, 3?
#
# .. guess:: Batches

layer.train()
means = [layer.running_mean[0].item()]
while means[-1] < 0.99 * 3:
    with torch.no_grad():
        layer(batch)
    means.append(layer.running_mean[0].item())
print(f"{[round(m, 2) for m in means[:4]]} after {len(means)} batches: {means[-1]:.2f}")
assert all(abs(mean - 3 * (1 - 0.9**k)) < 1e-5 for k, mean in enumerate(means, start=1))
assert len(means) == int(layer.num_batches_tracked) == 44

# %%
# It takes 44 batches, with the first one: after k batches, a fraction of 0.9 to the power of k is
# still missing. If a network is evaluated after ten updates, its running statistics are not yet
# those of the data.
#
# How many numbers does this layer, with its two channels, add to a network? Count those that are
# trained, and those that are only kept.
#
# .. guess:: Trained, and only kept

from cnnbook.counting import parameter_table

table = parameter_table(torch.nn.BatchNorm2d(2))
print(table)
buffers = {name: buffer.numel() for name, buffer in layer.named_buffers()}
assert table.total == 2 + 2
assert buffers == {"running_mean": 2, "running_var": 2, "num_batches_tracked": 1}
assert sum(buffers.values()) == 5
assert len(layer.state_dict()) == 5

# %%
# There are 4 parameters, *gamma* and *beta* for each channel. The running statistics are *buffers*:
# no optimizer changes them, but they are saved with the parameters in the ``state_dict``. They are
# 5 numbers here: two means, two variances and the number of batches.
#
# One image and the rest of its batch
# -----------------------------------
#
# Now real images. The numbers in the text are those of Fashion-MNIST.

from cnnbook.images import load_fashion_mnist
from cnnbook.networks import small_cnn

data = load_fashion_mnist(n_train=3000, n_test=1000, fallback="drawn", one_hot=False)
images, labels = data.train
print(data)

# %%
# We put the layer into the small CNN and ask for the scores of one image, first together with five
# others and then with five different ones. In which mode will the scores be equal?
#
# .. guess:: Equal
#    :choices: in training mode | in evaluation mode | in both | in neither

torch.manual_seed(0)
net = small_cnn().insert(1, torch.nn.BatchNorm2d(16))
apart = {}
for mode in ("train", "eval"):
    net.train(mode == "train")
    with torch.no_grad():
        scores = [net(images[[0, *others]])[0] for others in (range(1, 6), range(6, 11))]
    apart[mode] = (scores[0] - scores[1]).abs().max().item()
    print(f"{mode}: the scores of the image differ by {apart[mode]:.1e}")

# %%
# In training mode they differ, here in the second decimal. In evaluation mode they are equal.

assert apart["train"] > 0.01
assert apart["eval"] < 1e-6

# %%
# This has three consequences:
#
# * The loss of a batch is no longer a sum in which each image has its own part. So micro-batches
#   give another gradient than the whole batch, and cnnbook's trainer takes the batch of such a
#   network only as a whole: :doc:`/gallery/4_training/plot_18_micro_batches`.
# * A forgotten ``eval()`` gives scores that depend on the other images, without any error:
#   :doc:`/gallery/4_training/plot_22_error_clinic`. At the end of this page you see how much.
# * A channel of a batch needs at least two numbers. With one, torch raises an error:
#
# .. guess-end::

message = ""
try:
    torch.nn.BatchNorm2d(2)(torch.zeros(1, 2, 1, 1))
except ValueError as error:
    message = str(error)
print(message)
assert "Expected more than 1 value per channel when training" in message

# %%
# Layers such as ``GroupNorm`` and ``LayerNorm`` compute their statistics within each image. With
# them, the first two problems do not occur:

in_each = torch.nn.GroupNorm(1, 2)
apart = (in_each(batch)[:1] - in_each(batch[:1])).abs().max()
print("GroupNorm, first image alone or with the other: difference", apart.item())
assert apart < 1e-6

# %%
# The shortcut
# ------------
#
# .. index:: ! residual block, ! shortcut
#
# The second change needs no new layer. A :term:`residual block` [He2016]_ adds its input to its
# output: y = x + f(x), where f is a few layers. The path of the x is called the *shortcut*. What is
# the derivative of y? Try f(x) = x * x at x = 3 with a pencil.
#
# .. guess:: Derivative

x = torch.tensor(3.0, requires_grad=True)
y = x + x * x
y.backward()
print("y", y.item(), "derivative", x.grad.item())
assert y.item() == 3 + 9
assert x.grad.item() == 1 + 2 * 3 == 7

# %%
# It is 1 + f'(x), here 1 + 6 = 7. The 1 comes from the shortcut.
#
# By the chain rule, the derivatives of layers that follow one another are multiplied. Take twenty
# layers of the simplest kind: each multiplies x by 0.25. What is the derivative with and without
# shortcuts?
#
# .. guess:: With and without shortcuts


def twenty(shortcut: bool) -> float:
    """Return the derivative through twenty layers."""
    x = y = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    for _ in range(20):
        y = y + 0.25 * y if shortcut else 0.25 * y
    y.backward()
    return x.grad.item()


print(f"plain {twenty(False):.1e}, residual {twenty(True):.1f}")
assert twenty(False) == 0.25**20
assert abs(twenty(True) - 1.25**20) < 1e-9

# %%
# Without shortcuts it is 0.25 to the power of 20, about 9e-13, which is 9 divided by 10 to the
# power of 13: hardly anything of the gradient arrives at the first layer. With shortcuts it is 1.25
# to the power of 20, about 87. That is not too small, but it has grown, and so has y. This is why
# shortcuts are often used together with normalization.

assert f"{twenty(False):.0e}" == "9e-13"
assert round(twenty(True)) == 87

# %%
# Here is the block of [He2016]_: two convolutions of 3 x 3, and a ReLU after the sum. Ours has
# eight channels. Both changes, BatchNorm and shortcut, can be switched on and off.


def convolution(norm: bool) -> list[torch.nn.Module]:
    """Make a convolution that keeps the size, with or without a BatchNorm after it."""
    layers: list[torch.nn.Module] = [torch.nn.Conv2d(8, 8, 3, padding=1)]
    return [*layers, torch.nn.BatchNorm2d(8)] if norm else layers


# %%
# The block as an ``nn.Module``:


class Block(torch.nn.Module):
    """Two convolutions, with or without a shortcut."""

    def __init__(self, *, shortcut: bool, norm: bool) -> None:
        super().__init__()
        self.f = torch.nn.Sequential(*convolution(norm), torch.nn.ReLU(), *convolution(norm))
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ReLU of f(x), or of x + f(x)."""
        return torch.relu(x + self.f(x) if self.shortcut else self.f(x))


# %%
# (Where f changes the number of channels or the size, x does not fit its output. Then the shortcut
# gets a convolution of 1 x 1.)
#
# Set the last *gamma* of a block to 0. What does the block compute now?
#
# .. guess:: The block computes

block = Block(shortcut=True, norm=True)
torch.nn.init.zeros_(block.f[-1].weight)
x = torch.rand(4, 8, 7, 7, requires_grad=True)
y = block(x)
y.sum().backward()
print("output equals input:", torch.equal(y, x), "- gradient:", x.grad.unique().tolist())
assert torch.equal(y, x)
assert x.grad.unique().tolist() == [1]

# %%
# f is 0, so the block returns its input, and the gradient goes through without a change. (The input
# has no number below 0, so the ReLU does not change it.) A network of such blocks begins as a
# shallow one, and each block adds something when it has learned something. Many networks are
# initialized like this [Goyal2017]_. The residual networks below are not: they begin with torch's
# own initialization.
#
# Twenty layers
# -------------
#
# Ten blocks make twenty convolutions. Before them, a convolution of 4 x 4 with stride 4 makes 7 x 7
# pixels of the image, so that this page runs in a minute. After them come global average
# pooling and a linear layer.


def deep(*, shortcut: bool = False, norm: bool = False) -> torch.nn.Sequential:
    """Make a network of ten blocks between a first convolution and a linear layer."""
    first = [torch.nn.Conv2d(1, 8, 4, stride=4), *([torch.nn.BatchNorm2d(8)] if norm else [])]
    blocks = [Block(shortcut=shortcut, norm=norm) for _ in range(10)]
    last = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 10)]
    return torch.nn.Sequential(*first, torch.nn.ReLU(), *blocks, *last)


for norm in (False, True):
    print("parameters:", sum(p.numel() for p in deep(norm=norm).parameters()))
    assert deep(norm=norm)(images[:2]).shape == (2, 10)
without, per_norm = (8 * 16 + 8) + 20 * (8 * 8 * 9 + 8) + (10 * 8 + 10), 2 * 8
assert sum(p.numel() for p in deep(shortcut=True).parameters()) == without == 11_906
assert sum(p.numel() for p in deep(norm=True).parameters()) == without + 21 * per_norm == 12_242

# %%
# There are 11,906 parameters, and 12,242 with BatchNorm. A shortcut has none.
#
# :doc:`/gallery/5_beyond/plot_25_deeper` and :doc:`/gallery/4_training/plot_21_lenet` used another
# way to begin with gradients of the right size, Kaiming initialization [He2015]_. It belongs in the
# comparison:


def kaiming(net: torch.nn.Sequential) -> torch.nn.Sequential:
    """Draw the weights of the convolutions anew, in place, and set their biases to 0."""
    for layer in net.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            torch.nn.init.zeros_(layer.bias)
    return net


# %%
# So there are five networks:

makers = {
    "plain": deep,
    "plain, Kaiming": lambda: kaiming(deep()),
    "BatchNorm": lambda: deep(norm=True),
    "residual": lambda: deep(shortcut=True),
    "residual, BatchNorm": lambda: deep(shortcut=True, norm=True),
}

# %%
# The gradient at the start
# -------------------------
#
# How large is the gradient of the loss before any training, at the first and at the last
# convolution? Guess by which factor they differ in the plain network.
#
# .. guess:: Factor

from torch.nn.functional import cross_entropy


def gradient_sizes(net: torch.nn.Module) -> list[float]:
    """Return the length of the weights' gradient for each convolution, on 100 images."""
    cross_entropy(net(images[:100]), labels[:100]).backward()
    convolutions = [layer for layer in net.modules() if isinstance(layer, torch.nn.Conv2d)]
    return [layer.weight.grad.norm().item() for layer in convolutions]


sizes: dict[str, list[list[float]]] = {name: [] for name in makers}
for name, make in makers.items():
    for seed in range(3):
        torch.manual_seed(seed)
        sizes[name].append(gradient_sizes(make()))

# %%
# Three random starts for each network. The first start, at all 21 convolutions:

from cnnbook.figures import plot_layers

starts = {name: three[0] for name, three in sizes.items()}
figure = plot_layers(starts, label="length of the gradient")
ratios = {name: [start[0] / start[-1] for start in three] for name, three in sizes.items()}
for name, start in starts.items():
    line = f"{name:20} first {start[0]:.0e}, last {start[-1]:.0e}"
    print(f"{line}, ratio {ratios[name][0]:.0e}")
assert all(len(start) == 21 for three in sizes.values() for start in three)

# %%
# (In the output, 3e-11 is 3 divided by 10 to the power of 11.) The axis is logarithmic. From layer
# 21 down to layer 5, the curve of the plain network is nearly a straight line: each layer makes the
# gradient smaller by about the same factor.
#
# In the plain network the gradient at the first convolution is about 500 million times smaller than
# at the last one. Adam divides each gradient by its own size, which usually makes up for a small
# one (:doc:`/gallery/4_training/plot_17_one_update`). But it adds 1e-8 to that size, so that it
# never divides by 0, and these gradients are far smaller than 1e-8. So the first layers hardly
# change.
#
# .. guess-end::
#
# In each of the other four networks, the gradients at the first and at the last convolution differ
# by a factor of about 5 or less in the first start, and of less than 20 in all three.

assert all(ratio < 1e-6 for ratio in ratios.pop("plain"))
assert all(1 / 100 < ratio < 100 for three in ratios.values() for ratio in three)
if not data.drawn:
    assert all(1 / 20 < ratio < 20 for three in ratios.values() for ratio in three)
    assert 1e8 < sizes["plain"][0][-1] / sizes["plain"][0][0] < 1e10
    assert f"{sizes['plain'][0][0]:.0e}" == "3e-11"
    assert abs(sizes["plain"][0][-1] / sizes["plain"][0][0] / 500e6 - 1) < 0.2
    assert max(start[0] for start in sizes["plain"]) < 1e-9
assert torch.optim.Adam(net.parameters()).defaults["eps"] == 1e-8 > 10 * sizes["plain"][0][0]

# %%
# The training
# ------------
#
# A gradient of the right size is not yet a trained network. Now we train all five with 3,000
# images: five epochs of mini-batches of 100, Adam at its defaults, and three random starts each. As
# a comparison there is the small CNN of the first page, which is not deep. Before you run it, write
# down which of the six will be best, which second, and so on.
#
# .. guess:: From best to worst


def train(net: torch.nn.Module, seed: int) -> list[float]:
    """Train for five epochs, and return the mean loss of each."""
    optimizer, order = torch.optim.Adam(net.parameters()), torch.Generator().manual_seed(seed)
    losses = torch.zeros(5, 30)
    for epoch in range(5):
        for number, pick in enumerate(torch.randperm(3000, generator=order).split(100)):
            loss = cross_entropy(net(images[pick]), labels[pick])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses[epoch, number] = loss.item()
    return losses.mean(dim=1).tolist()


# %%
# All networks stay in training mode meanwhile, and ``predict_scores`` switches to ``eval()`` by
# itself.

from cnnbook.metrics import accuracy, predict_scores

losses, accuracies, trained = {}, {}, {}
for name, make in {**makers, "small CNN": small_cnn}.items():
    losses[name], accuracies[name] = [], []
    for seed in range(3):
        torch.manual_seed(seed)
        trained[name] = make()
        losses[name].append(train(trained[name], seed))
        scores = predict_scores(trained[name], data.test_images, device="cpu")
        accuracies[name].append(accuracy(scores, data.test_labels))

# %%
# The losses of the first start:

from cnnbook.figures import plot_curves

figure = plot_curves({"mean loss": {name: three[0] for name, three in losses.items()}})
assert all(len(start) == 5 for three in losses.values() for start in three)
assert 3000 // 100 == 30

# %%
# And the test accuracies of all three starts. Each dot is one start, and the line below the dots is
# their mean. The interval of the mean is printed:

from cnnbook.figures import plot_seeds
from cnnbook.metrics import compare_paired, mean_interval

# sphinx_gallery_thumbnail_number = 4
figure = plot_seeds(accuracies, label="test accuracy after five epochs")
for name, fractions in accuracies.items():
    found = mean_interval(fractions)
    print(f"{name:20} {found.mean:.2f}, interval {found.low:.2f} to {found.high:.2f}")
means = {name: sum(fractions) / 3 for name, fractions in accuracies.items()}

# %%
# Of 100 test images, the plain network classifies 12 correctly, hardly more than the 10 of
# guessing. With Kaiming initialization or BatchNorm it is about 40, with shortcuts about 53, and
# with both BatchNorm and shortcuts about 69. (Your numbers may differ by a few: another processor
# rounds differently, and each update makes the difference larger.) The intervals of three starts
# are wide. So we compare start by start, and trust only clear differences:

pairs = [
    ("residual", "plain"),
    ("residual, BatchNorm", "BatchNorm"),
    ("BatchNorm", "plain, Kaiming"),
]
differences = {}
for pair in pairs:
    found = compare_paired(accuracies[pair[0]], accuracies[pair[1]]).interval
    print(f"{' minus '.join(pair)}: {found.mean:.2f}, {found.low:.2f} to {found.high:.2f}")
    differences[pair] = found

# %%
# Two differences are clear. In each of the three starts the network with shortcuts was better than
# the one without: by about 0.4 on average where there is no BatchNorm, and by about 0.3 where
# there is. Between BatchNorm alone and Kaiming initialization there is no clear difference: the
# interval goes far to both sides of 0. A gradient of the right size, which both of them have, was
# not enough to train twenty layers well in 150 updates. [He2016]_ saw the same in larger networks:
# without shortcuts, a deeper network had the higher training error, although BatchNorm kept its
# gradients from vanishing.
#
# And the small CNN classifies 80 of 100 correctly. So depth was no advantage here. Twenty layers
# with eight channels on 7 x 7 pixels are not a good network for these images. They are an
# experiment on what can be trained.
#
# .. guess-end::

if not data.drawn:
    for name, percent in zip(accuracies, (12, 40, 40, 53, 69, 80), strict=True):
        assert abs(means[name] - percent / 100) < 0.2, name
    assert means["plain"] < 0.25
    for better, worse in pairs[:2]:
        assert all(a > b for a, b in zip(accuracies[better], accuracies[worse], strict=True))
    assert differences[pairs[2]].low < 0 < differences[pairs[2]].high
    assert means["residual, BatchNorm"] > max(means["BatchNorm"], means["residual"]) + 0.05
    assert means["small CNN"] > max(means[name] for name in makers) + 0.03
    for pair, mean_difference in zip(pairs, (0.4, 0.3, 0.0), strict=True):
        assert abs(differences[pair].mean - mean_difference) < 0.25
assert 5 * 30 == 150

# %%
# Why does BatchNorm help at all? Its authors said that it keeps the inputs of each layer from
# drifting while the layers before it are trained. [Santurkar2018]_ found that networks train about
# as well if such a drift is added again after each BatchNorm, and explain the effect by a smoother
# loss. The question is not settled.
#
# A forgotten ``eval()``
# ----------------------
#
# The residual network with BatchNorm, as trained from the third start, classifies the test images
# again: in evaluation mode, and in training mode in batches of 100, first as they come and then
# sorted by class, so that the images of a batch are nearly all of one class. What do you expect
# from the last?
#
# .. guess:: Of 100, sorted by class

import copy

test_images, test_labels = data.test
by_class = test_labels.argsort(stable=True)
right = {"eval": accuracies["residual, BatchNorm"][-1]}
for name, order in {"train, mixed": torch.arange(1000), "train, sorted": by_class}.items():
    forgotten = copy.deepcopy(trained["residual, BatchNorm"]).train()
    with torch.no_grad():
        scores = torch.cat([forgotten(part) for part in test_images[order].split(100)])
    right[name] = accuracy(scores, test_labels[order])
print({name: round(fraction, 2) for name, fraction in right.items()})

# %%
# In evaluation mode it is 67 of 100, and with mixed batches it is nearly the same, so you may not
# notice the mistake. Sorted by class, it is 24. The layer subtracts from each batch what its images
# have in common. In a batch of dresses, all images have in common that they look like a dress, and
# just this is subtracted.

if not data.drawn:
    assert abs(right["eval"] - 0.67) < 0.15
    assert abs(right["train, mixed"] - right["eval"]) < 0.06
    assert abs(right["train, sorted"] - 0.24) < 0.15
    assert right["train, sorted"] < right["eval"] - 0.2
assert len(test_images.split(100)) == 10
assert "Dress" in data.class_names

# %%
# .. board::
#    :minutes: 45
#
#    1. A channel of a batch has the numbers 1, 1, 5 and 5. What does normalizing make of them, with
#       eps = 0? And if all are multiplied by ten before?
#
#       -1, -1, 1 and 1, both times. The mean is 3 and the standard deviation 2; with numbers ten
#       times as large, both are ten times as large.
#
#    2. A ``BatchNorm2d`` follows ``Conv2d(1, 16, 2, bias=False)``. How many parameters do the two
#       have together, and how many has the convolution with its bias alone?
#
#       ``16*4 + 2*16 = 96``, and ``16*4 + 16 = 80``. The layer adds two numbers for each channel
#       and makes sixteen biases useless.
#
#    3. A residual block computes y = x + f(x), and it has learned f(x) = -x. What are y and its
#       derivative? Does a shortcut always keep the gradient?
#
#       Both are 0: ``1 - 1 = 0``. So no: the shortcut adds 1 to the derivative, and f can take it
#       away.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 26.1
#
# .. exercise:: 26.2
#
# .. exercise:: 26.3
#
# The answer
# ----------
#
# With torch's initialization, the gradient becomes smaller in each of the twenty layers, and the
# first ones are hardly trained. BatchNorm brings each channel of a batch to the mean 0 and the
# variance 1, so the gradient arrives at the first layer. The price: the images of a batch depend on
# each other, and ``eval()`` must not be forgotten. A shortcut adds the input of a block to its
# output, and a 1 to its derivative. In our runs the plain network classified 12 of 100 test images
# correctly, with BatchNorm alone it was about 40, with shortcuts alone 53, and with both together
# 69.
#
# These accuracies were measured on images that the networks were not trained with. How much higher
# can the accuracy on the training images be, and what reduces the difference?
# :doc:`/gallery/5_beyond/plot_27_by_heart`.
