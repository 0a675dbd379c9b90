"""
18. Full batch, in micro-batches
================================

*Must a network see all its images at once, if each update uses all of them?*

You need :doc:`/gallery/4_training/plot_17_one_update`, where ``backward`` adds to what is there,
and from :doc:`/gallery/1_why/plot_02_parameters` how many activations a small CNN has to keep.
"""

# %%
# With a pencil
# -------------
#
# A network of one :term:`weight`, which is 1, computes weight times pixel. There are six images of
# one pixel each, and a target for each of them. The :term:`loss` is the squared error, so each
# image's part of the :term:`gradient` is twice its error times its pixel. Take the pencil: what are
# the six parts, and what is their sum?
#
# .. guess:: Sum of the six parts

import torch

pixels = torch.tensor([1.0, 2.0, 1.0, 2.0, 3.0, 1.0])
targets = torch.tensor([2.0, 3.0, 2.0, 2.0, 5.0, 3.0])
parts = 2 * (1 * pixels - targets) * pixels
print(parts.tolist(), "sum", parts.sum().item(), "mean", parts.mean().item())
assert (pixels - targets).tolist() == [-1, -1, -1, 0, -2, -2]
assert parts.tolist() == [-2, -4, -2, 0, -12, -4]
assert parts.sum() == -2 - 4 - 2 - 0 - 12 - 4 == -24
assert parts.mean() == -24 / 6 == -4

# %%
# The sum is -24 and the mean -4. The six need not be added in one go. You may write down the sum of
# the first four, -8, and of the other two, -16, and add these. torch does the same when
# ``backward`` is called once for each of these two :term:`micro-batches <micro-batch>`, which is
# called :term:`gradient accumulation`:

weight = torch.ones((), requires_grad=True)
for x, target in zip(pixels.split(4), targets.split(4), strict=True):
    (weight * x - target).square().sum().backward()
    print(len(x), "images more, the gradient is", weight.grad.item())
assert [part.sum().item() for part in parts.split(4)] == [-8, -16]
assert weight.grad.item() == -8 - 16 == -24

# %%
# First -8, then -24, as with all six together. The gradient of a sum is the sum of the gradients.
# That is the whole trick of this page.
#
# .. guess-end::
#
# The mean of the means
# ---------------------
#
# But a loss is usually a mean. So take the mean of each micro-batch, -8 / 4 and -16 / 2, and then
# the mean of the two. Is this the same? What do you expect?
#
# .. guess:: Is it the same?
#    :choices: yes | no

means = [part.mean().item() for part in parts.split(4)]
print("means", means, "- their mean", sum(means) / 2)
assert means == [-2, -8]
assert sum(means) / 2 == -5

# %%
# -5, and -4 would be right. The four images of the first micro-batch have half of the weight
# together, and the two of the second the other half, so each of the two counts twice as much as
# each of the four. For all to count the same, a mean must be weighted by its share of the images:

print("weighted", (4 * means[0] + 2 * means[1]) / 6)
assert (4 * -2 + 2 * -8) / 6 == -4

# %%
# .. guess-end::
#
# The library's :func:`~cnnbook.engine.micro_batches.split_into_micro_batches` splits a batch and
# returns the weight of the loss of each micro-batch. For our six images, four at a time, with the
# targets as a column, which is the shape of a network's scores:

from cnnbook.engine.micro_batches import split_into_micro_batches

squares = torch.nn.MSELoss()
column = targets[:, None]
six = pixels.reshape(6, 1, 1, 1)
micro_batches = split_into_micro_batches(six, column, squares, size=4, scores=column[:1])
print([len(x) for x in micro_batches.images])
print([f"{factor:.4f}" for factor in micro_batches.loss_weights])
assert micro_batches.loss_weights == (4 / 6, 2 / 6)

# %%
# Four sixths and two sixths.
#
# The real thing
# --------------
#
# Now the small CNN with its 27,130 :term:`parameters <parameter>` and 5,000 images of clothes. We
# also try micro-batches of a single image, for which a second core costs more time than it saves.
# So for now torch uses one core.

from torch.nn.functional import cross_entropy

from cnnbook.images import load_fashion_mnist
from cnnbook.networks import small_cnn

data = load_fashion_mnist(n_train=5000, n_test=1, fallback="drawn")
images, labels = data.train_images, data.train_labels
threads = torch.get_num_threads()
torch.set_num_threads(1)


def fresh() -> torch.nn.Sequential:
    """Return the small CNN, with the same start every time."""
    torch.manual_seed(0)
    return small_cnn()


# %%
# A function that takes ``size`` images at a time, and returns the mean loss and its gradient. It
# sums within a micro-batch and divides by the number of *all* images; then a short last micro-batch
# needs no special case.


def accumulate(
    net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, size: int
) -> tuple[float, torch.Tensor]:
    """Return the loss of the whole batch and its gradient, one number for each parameter."""
    net.zero_grad()
    total = 0.0
    for x, y in zip(images.split(size), labels.split(size), strict=True):
        loss = cross_entropy(net(x), y, reduction="sum") / len(images)
        loss.backward()
        total += loss.item()
    return total, torch.cat([parameter.grad.flatten() for parameter in net.parameters()])


# %%
# One image at a time, 125, 250, and all 5,000. Before you look: will the gradients be the same to
# the last digit? We ask twice, with numbers of sixteen digits (float64) and with torch's usual ones
# of seven (float32); the second time without the 5,000 single images.
#
# .. guess:: The same to the last digit
#    :choices: in both | in float64 only | in neither

exact, usual = (torch.float64, 1e-12, (1, 125, 250)), (torch.float32, 1e-4, (125, 250))
for dtype, allowed, sizes in (exact, usual):
    net = fresh().to(dtype)
    whole, gradient = accumulate(net, images.to(dtype), labels.to(dtype), 5000)
    print(f"{dtype}, 5000 at a time: loss {whole:.5f}")
    for size in sizes:
        loss, summed = accumulate(net, images.to(dtype), labels.to(dtype), size)
        apart = ((summed - gradient).abs().max() / gradient.abs().max()).item()
        print(f"  {size} at a time: loss {loss:.5f}, gradient apart by {apart:.0e}")
        assert apart < allowed
        assert abs(loss - whole) < allowed * whole
assert len(gradient) == 27_130

# %%
# The loss is the same as far as it is printed. In float64 the gradients are apart by less than
# 1e-12 of the largest entry, in float32 by less than 1e-4: as much as the number of digits allows,
# because a sum in another order is rounded differently. On paper they are equal.
#
# Drawn for the first twelve images, five at a time, with the gradient of each micro-batch for the
# four weights of the first :term:`kernel`:

from cnnbook.figures import plot_micro_batches

net, twelve = fresh(), images[:12]
gradients = []
for x, y in zip(twelve.split(5), labels[:12].split(5), strict=True):
    net.zero_grad()
    cross_entropy(net(x), y, reduction="sum").backward()
    gradients.append(net[0].weight.grad[0, 0].clone())
names = ["five images", "five more", "the two that are left"]
shown = torch.stack(gradients).round(decimals=2)
figure = plot_micro_batches(twelve, shown, sizes=[5, 5, 2], names=names)
assert [len(x) for x in twelve.split(5)] == [5, 5, 2]
# sphinx_gallery_thumbnail_number = 1

# %%
# The images are on the left, their gradient is in the middle, and on the right is the sum of the
# three. As soon as the four numbers of a micro-batch are added, its activations can be freed.

net.zero_grad()
cross_entropy(net(twelve), labels[:12], reduction="sum").backward()
torch.set_num_threads(threads)
assert torch.allclose(torch.stack(gradients).sum(dim=0), net[0].weight.grad[0, 0], atol=1e-4)
assert torch.allclose(shown.sum(dim=0), net[0].weight.grad[0, 0], atol=0.02)

# %%
# All twelve at once give the same sum. (Up to 0.02, because the figure has two decimals.) And torch
# has all its cores again.
#
# A last micro-batch of one
# -------------------------
#
# Back to the mean of means. Take 4,999 images at a time: then the second micro-batch is a single
# image. Each micro-batch takes its mean, and the two means are averaged. How wrong will that be?
#
# .. guess:: Compared with the gradient, the mistake is
#    :choices: small | about as large | several times as large

net = fresh()
_, right = accumulate(net, images, labels, 5000)
_, first = accumulate(net, images[:4999], labels[:4999], 250)
_, last = accumulate(net, images[4999:], labels[4999:], 1)
for name, found in (
    ("mean of means", (first + last) / 2),
    ("weighted", (4999 * first + 1 * last) / 5000),
):
    error = ((found - right).norm() / right.norm()).item()
    print(f"{name}: wrong by {error:.6f} of the gradient's length")
    assert error > (0.5 if data.drawn else 4) if name == "mean of means" else error < 1e-4

# %%
# With Fashion-MNIST, the mistake is about five times as long as the gradient itself. One garment
# counts as much as 4,999 others, and its gradient has another direction. No error is raised; this
# is a kind of mistake that stays unnoticed for long. With the right weights the difference is below
# 1e-4.
#
# When micro-batches are not allowed
# ----------------------------------
#
# .. index:: ! batch normalization
#
# The trick needs a loss that is a sum of one part for each image. There is a popular layer that
# breaks this: :term:`batch normalization` [Ioffe2015]_ subtracts from each channel its mean over
# the whole batch. Put it after the convolution, and compute the scores of two images, once together
# with four others and once without:

normed = fresh()
normed.insert(1, torch.nn.BatchNorm2d(16))
for name, net in (("without it", fresh()), ("with it", normed)):
    with torch.no_grad():
        apart = (net(images[:6])[:2] - net(images[:2])).abs().max().item()
    print(f"{name}, the scores differ by {apart:.1e}")
    assert apart < 1e-4 if name == "without it" else apart > 0.01

# %%
# Without that layer the scores of an image do not depend on the rest of the batch. With it, they
# differ by more than 0.01, so the micro-batches would add up to another loss. What should a library
# do? Ours refuses:

from textwrap import fill

from cnnbook.training import fit_full_batch

message = ""
try:
    fit_full_batch(normed, images[:6], labels[:6], epochs=1, micro_batch_size=2, device="cpu")
except ValueError as error:
    message = str(error)
print(fill(message, 88))
assert "layer '1' (BatchNorm2d) mixes the images of a batch" in message

# %%
# The message names the layer and what is wrong with it: it mixes the images of a batch. With
# ``micro_batch_size="auto"``, the default, the trainer takes such a batch whole.
#
# What a micro-batch saves: memory
# --------------------------------
#
# For the backward pass, torch keeps the outputs of the layers. Pass one image through, layer by
# layer, and count. (:func:`~cnnbook.engine.rewrites.pool_before_relu` has put the :term:`pooling`
# before the ReLU, which changes no result; :doc:`/gallery/2_layers/plot_10_max_pool` shows why.
# ReLU then has a quarter of the work.)

from cnnbook.engine.rewrites import pool_before_relu

numbers = {}
out = images[:1]
for layer in pool_before_relu(fresh()):
    out = layer(out)
    numbers[type(layer).__name__] = out.numel()
    print(f"{type(layer).__name__}: {tuple(out.shape[1:])}, {out.numel():,} numbers")
assert numbers["Conv2d"] == 16 * 27 * 27 == 11_664
assert numbers["ReLU"] == 16 * 13 * 13 == 2_704 < 11_664 / 4

# %%
# The convolution alone outputs 11,664 numbers. A number in float32 has four bytes. How many bytes
# is that for 5,000 images? And for fifty, which is how many the trainer takes at a time?
#
# .. guess:: Bytes

history = fit_full_batch(fresh(), images, labels, epochs=1, device="cpu")
print(history.micro_batch_size, "images at a time")
for count in (5000, 50):
    print(f"{count} images: {count * 11_664 * 4:,} bytes")
assert history.micro_batch_size == 50
assert 11_664 * 4 == 46_656
assert 5000 * 46_656 == 233_280_000
assert 50 * 46_656 == 2_332_800

# %%
# 233 million bytes against 2.3 million, a hundredth. Both fit into the memory of a computer, but
# only one of them fits into its *cache*. A :term:`cache` is a small store beside the processor's
# core, of a few million bytes, from which numbers come many times faster than from the memory. With
# 5,000 images at once, each layer reads from the memory what the one before has just written there.

assert round(233_280_000 / 1e6) == 233
assert round(2_332_800 / 1e6, 1) == 2.3

# %%
# What a micro-batch saves: time
# ------------------------------
#
# So micro-batches should be faster, although the same numbers are multiplied. The trainer also
# stores the sixteen channels of a pixel side by side, which is called *channels last*:

from cnnbook.engine.rewrites import to_channels_last

features = torch.zeros(1, 16, 27, 27)
for name, stored in (("as usual", features), ("channels last", to_channels_last(features))):
    print(f"{name}: {stored.stride(1)} steps from a channel to the next")
assert features.stride(1) == 27 * 27 == 729
assert to_channels_last(features).stride(1) == 1
assert torch.equal(features, to_channels_last(features))

# %%
# From a number to that of the next channel it is 729 steps in memory, or 1. A core processes
# several neighbours with one instruction, and sixteen kernels look at the same window, so it pays
# to store their results side by side.
#
# How much time does each of these changes save? We add them one after another and measure each
# step. First the lecture's loop. Its first three lines (scores, loss, ``backward``) are a function
# of their own here, because the steps change only these:

from collections.abc import Callable

loss_fn = torch.nn.CrossEntropyLoss()


def train(net: torch.nn.Module, backward: Callable[[], torch.Tensor]) -> list[float]:
    """Do two updates with the gradients of ``backward``, and return the losses."""
    optimizer = torch.optim.Adam(net.parameters())
    losses = []
    for _ in range(2):
        losses.append(backward().item())
        optimizer.step()
        optimizer.zero_grad()
    return losses


# %%
# For the plain loop, ``backward`` takes all images at once:


def plain_loop() -> list[float]:
    """Train as the lecture does."""
    net = fresh()

    def backward() -> torch.Tensor:
        loss = loss_fn(net(images), labels)
        loss.backward()
        return loss

    return train(net, backward)


# %%
# Micro-batches are the first step. Three more steps change the memory format or the layers:
# channels last, pooling before ReLU as above, and ReLU *in place*, which writes its output over its
# input and so needs no new memory.

# Folded on the site: the code of these three steps
from cnnbook.engine.rewrites import channels_last_gradients, inplace_relu


def rewrite(net: torch.nn.Module, steps: list[str]) -> tuple[torch.nn.Module, torch.Tensor]:
    """Return the network and the images, changed by some of the steps."""
    inputs = images
    if "channels last" in steps:
        net, inputs = channels_last_gradients(net), to_channels_last(images)
    if "pooling before ReLU" in steps:
        net = pool_before_relu(net)
    if "ReLU in place" in steps:
        net = inplace_relu(net)
    return net, inputs


# %%
# The last two steps change how the gradients are added up. Usually torch divides each operation
# among all cores, and after each operation it waits for the slowest core. With *threads*, each core
# computes micro-batches of its own, and waits for the others once an update. The last step is about
# the sum itself. The gradient of a micro-batch has a number for each weight, and all these numbers
# are added to the sum. With *fused accumulation*, a linear layer adds its part to the sum in the
# same matrix product that computes it. The trainer's
# :class:`~cnnbook.engine.gradients.GradientAccumulator` does both.

# Folded on the site: the code of micro-batches and the last two steps
from contextlib import nullcontext

from cnnbook.engine.gradients import GradientAccumulator


def in_micro_batches(steps: list[str]) -> list[float]:
    """Train in micro-batches of 50 images, with some of the other steps."""
    net = fresh()
    rewritten, inputs = rewrite(net, steps)
    weights, scores, fuse = list(net.parameters()), torch.zeros(1, 10), "fused" in steps
    gradients = GradientAccumulator(
        net, rewritten, inputs, labels, labels, loss_fn, weights, 50, scores=scores, fuse=fuse
    )
    with gradients.use_cores() if "threads" in steps else nullcontext():
        return train(net, gradients.accumulate)


# %%
# Each step keeps those before it. The last run is the trainer itself. There are two rounds, with
# all runs in each, so that a busy moment of the machine slows down all of them. Before you look:
# which step saves the most time, and which saves none?
#
# .. guess:: Most, and none

# Folded on the site: the list of the runs
from collections.abc import Sequence
from functools import partial

steps = ["channels last", "pooling before ReLU", "ReLU in place", "threads", "fused"]
runs: dict[str, Callable[[], Sequence[float]]] = {"plain loop": plain_loop}
runs["+ micro-batches"] = partial(in_micro_batches, [])
for number, step in enumerate(steps, start=1):
    runs[f"+ {step}"] = partial(in_micro_batches, steps[:number])
runs["fit_full_batch"] = lambda: (
    fit_full_batch(fresh(), images, labels, epochs=2, device="cpu").losses
)

# %%
# The losses of each run must be those of the plain loop, and are checked each time.

import time

seconds = dict.fromkeys(runs, float("inf"))
expected = plain_loop()
for _ in range(2):
    for name, run in runs.items():
        began = time.perf_counter()
        losses = run()
        seconds[name] = min(seconds[name], (time.perf_counter() - began) / 2)
        for loss, plain in zip(losses, expected, strict=True):
            assert abs(loss - plain) < 1e-4 * plain

# %%
# The losses agree, to 1e-4 of their size. Now the times. The first number of a row is its time
# divided by that of the plain loop. The second is the step's own share: its time divided by that of
# the row above. Below 1 the step saves time, above 1 it costs time.

before = seconds["plain loop"]
print(f"{'divided by the':21} plain loop  row above")
for name, found in seconds.items():
    print(f"{name:21} {found / seconds['plain loop']:10.2f} {found / before:10.2f}")
    before = found

# %%
# In seconds an epoch, the better of the two rounds:

from cnnbook.figures import plot_bars

rounded = {name: round(found, 3) for name, found in seconds.items()}
figure = plot_bars({"seconds an epoch": rounded}, highlight=["fit_full_batch"])

# %%
# These are times of the machine that built this page, and yours will print others. Even the order
# may change: a step that saves much time on one machine may save none on another, and one that
# saves little alone may save much together with others. If other programs run at the same time, a
# bar can be many times too long. Then trust the table below more than the bars, because it was
# measured for longer. The last two bars should be about equal, because the trainer consists of
# these steps and a few checks. What is the same everywhere is that the losses agree. The time was
# not saved at the cost of the result.
#
# The same steps were also measured for longer, and the results were kept. That was on
# :measured:`date`, with torch :measured:`torch` on :measured:`cores` cores (:measured:`processor`),
# and each time is the shortest of :measured:`rounds` rounds:
#
# .. include:: /benchmarks/steps-cnn.md
#    :parser: myst_parser.sphinx_
#
# The column "Relative to the row above" is a step's own share: the smaller it is, the more time the
# step saved. Near 1.00, a step saved nothing that could be measured on that machine. The last
# column compares the losses with those of the lecture's loop. :doc:`/benchmarks` explains how this
# was measured, and has the steps of the MLP.
#
# .. guess-end::
#
# How many images at a time are best? The trainer, with micro-batches of four sizes:

sizes = (5, 50, 500, 5000)
seconds = dict.fromkeys(sizes, float("inf"))
for _ in range(2):
    for size in sizes:
        began = time.perf_counter()
        fit_full_batch(fresh(), images, labels, epochs=2, micro_batch_size=size, device="cpu")
        seconds[size] = min(seconds[size], (time.perf_counter() - began) / 2)

# %%
# The seconds are measured, the better of two runs each. The bytes are counted: the convolution's
# 46,656 bytes for each image of a micro-batch.

from cnnbook.figures import plot_sizes

memory = {size: size * 46_656 / 1e6 for size in sizes}
panels = {"seconds an epoch": seconds, "million bytes": memory}
figure = plot_sizes(panels, label="images at a time")

# %%
# The memory grows in proportion. The time does not: micro-batches that are too small are mostly
# overhead, because each adds 27,130 numbers to the sum, and micro-batches that are too large do not
# fit into the cache, so look for the best time somewhere in the middle. The trainer measures
# nothing. It counts the outputs of all layers, not only those of the convolution, and takes as many
# images as make about four million bytes. That is the same number on every machine.
#
# On a GPU
# --------
#
# On a GPU the bottleneck is another one. It computes each operation for all 5,000 images very fast,
# and then waits for the CPU to launch the next one, dozens of times in each update. So there the
# trainer makes a few updates one by one and then *captures* one, with all its launches, as a
# *CUDA graph*. From then on, one launch replays a whole update.

from cnnbook.engine.cuda_graphs import WARM_UP

print("updates before the capture:", WARM_UP)
if torch.cuda.is_available():
    history = fit_full_batch(fresh(), images, labels, epochs=100)
    print(history)
    assert history.micro_batch_size == 5000
    assert abs(history.losses[1] - expected[1]) < 1e-3 * expected[1]
else:
    print("no GPU that torch can use, so nothing is captured here")
assert WARM_UP == 3

# %%
# Three updates come first, because the GPU's libraries choose their algorithms in them. With a GPU
# you see above how many epochs a second that makes, and that all 5,000 images were taken at a time:
# the memory of a GPU is larger than a cache. Without one, the cell says so, and
# :doc:`/benchmarks` says what has been run on a GPU so far.
#
# .. board::
#    :minutes: 35
#
#    1. Ten images go through the network four at a time, and the loss is the mean. With which
#       weights are the mean losses of the micro-batches added?
#
#       With 0.4, 0.4 and 0.2. The micro-batches have 4, 4 and 2 of the ten images.
#
#    2. The loss is now the sum over the images, not the mean. With which weights are the losses of
#       the micro-batches added?
#
#       With 1 each. A sum of sums needs no shares: with the numbers of this page, ``-8 - 16 =
#       -24``.
#
#    3. Let the loss of a batch be the largest loss of its images. The four losses are 1, 3, 2 and
#       5. Can you get it by adding up micro-batches of two?
#
#       No. The two micro-batches have the losses 3 and 5, and ``3 + 5 = 8``, but the largest of all
#       four is 5. A maximum is no sum with a part for each image.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 18.1
#
# .. exercise:: 18.2
#
# .. exercise:: 18.3
#
# The answer
# ----------
#
# No. An update needs the sum of all gradients, and a sum can be made of partial sums: -8 and -16
# are -24. The mean losses of micro-batches must be weighted by their number of images, and the loss
# must be a sum of one part for each image, which batch normalization breaks. In return a hundredth
# of the memory is enough, which fits into the cache. How much time that and the other steps have
# saved on the machine that built this page is printed above. A full batch means that all gradients
# are added up before the update, not that all images are in memory at once.
#
# Once a batch is split into micro-batches, several processes can share them:
# :doc:`/gallery/4_training/plot_19_many_processes`.
