"""
21. A bigger network: LeNet-5
=============================

*Is a bigger network a better one, if both are trained in the same way?*

You need :doc:`/gallery/1_why/plot_02_parameters`, for how parameters are counted,
:doc:`/gallery/3_inside/plot_11_sizes`, for the sizes, and
:doc:`/gallery/4_training/plot_20_what_it_learned`, where training the kernels of one convolution
added little.
"""

# %%
# Two convolutions, three linear layers
# -------------------------------------
#
# LeNet-5 [LeCun1998]_ read the digits on bank cheques. Here it is as it is taught today: a
# convolution with six kernels of 5 x 5, one with sixteen, ReLU and pooling after each, and three
# linear layers. Take a pencil: the image has 28 x 28 pixels, and the first convolution has a
# padding of 2. How many numbers arrive at the first linear layer?
#
# .. guess:: Numbers

from cnnbook.lenet import lenet5
from cnnbook.networks import small_cnn
from cnnbook.shapes import shape_table

shapes = shape_table(lenet5(), (1, 28, 28))
print(shapes)
resizing = ("Conv2d", "MaxPool2d", "Flatten")
output_shapes = [row.output_shape for row in shapes.rows if row.kind in resizing]
assert output_shapes == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (400,)]
assert 16 * 5 * 5 == 400
assert small_cnn()[4].in_features == 2704

# %%
# 400. The padding keeps 28, pooling makes 14, a kernel of 5 makes 10, pooling makes 5, and 16 * 5 *
# 5 = 400. In the small CNN, 2704 numbers arrive at ``Linear``.
#
# Now the parameters, also by pencil. Remember that a kernel of the second convolution has weights
# for all six feature maps of the first.
#
# .. guess:: Parameters of the five layers

from cnnbook.counting import cost_table

table = cost_table(lenet5(), (1, 28, 28))
by_layer = [row.parameters for row in table.rows if row.parameters]
print(by_layer, table.parameters)
assert 6 * 1 * 5 * 5 + 6 == 156
assert 16 * 6 * 5 * 5 + 16 == 2_416
assert (120 * 400 + 120, 84 * 120 + 84, 10 * 84 + 10) == (48_120, 10_164, 850)
assert by_layer == [156, 2_416, 48_120, 10_164, 850]
assert table.parameters == sum(by_layer) == 61_706

# %%
# 156 and 2,416 for the convolutions, 48,120, 10,164 and 850 for the linear layers: 61,706.
#
# Which of the two kinds of layers has more parameters, and which computes more?
#
# .. guess:: Which kind of layers has more of what?
#    :choices: linear layers more parameters, convolutions more multiplications
#      | convolutions more parameters, linear layers more multiplications
#      | convolutions more of both | linear layers more of both

from cnnbook.figures import plot_bars

both = {"convolutions": "Conv2d", "linear layers": "Linear"}
kinds = [(row, kind) for row in table.rows for kind, name in both.items() if row.kind == name]
parameters = {kind: sum(row.parameters for row, of in kinds if of == kind) for kind in both}
macs = {kind: sum(row.macs for row, of in kinds if of == kind) for kind in both}
figure = plot_bars({"parameters": parameters, "multiplications for an image": macs}, ratios=True)
of_parameters = parameters["convolutions"] / table.parameters
of_work = macs["convolutions"] / table.macs
print(f"convolutions: {of_parameters:.1%} of the parameters, {of_work:.1%} of the work")
assert (*parameters.values(), *macs.values()) == (2_572, 59_134, 357_600, 58_920)
assert (round(2_572 / 61_706, 3), round(357_600 / 416_520, 3)) == (0.042, 0.859)
assert table.macs == 357_600 + 58_920 == 416_520

# %%
# The convolutions have 4.2 % of the parameters and do 85.9 % of the multiplications. A weight of a
# kernel is used at every position, one of a linear layer once.
#
# Compare with the small CNN of the first page. A :term:`MAC` is one multiplication and one
# addition. The first number is that of the small CNN, the second that of LeNet-5:

small = cost_table(small_cnn(), (1, 28, 28))
for what in ("parameters", "macs", "activations"):
    print(f"{what}: {getattr(small, what):,} and {getattr(table, what):,}")
assert (small.parameters, small.macs, small.activations) == (27_130, 73_696, 28_746)
assert table.activations == 15_002
assert round(61_706 / 27_130, 2) == 2.27
assert round(416_520 / 73_696, 2) == 5.65

# %%
# 2.27 times the parameters, 5.65 times the multiplications. But its layers have fewer outputs, if
# those of ReLU and pooling are counted as well: 15,002 numbers an image and not 28,746, because its
# first layer has six feature maps and not sixteen. So "bigger" depends on what is counted.
#
# The network of 1998
# -------------------
#
# The published network has these sizes, but nearly everything else is different. Make a guess
# before you run it: which of its layers have parameters - the convolutions, the pooling layers, the
# linear layers, the last layer with the scores?
#
# .. guess:: Layers with parameters

from cnnbook.counting import parameter_table

original = lenet5("1998")
print(parameter_table(original))
assert parameter_table(original).total == 156 + 12 + 1_516 + 32 + 48_120 + 10_164 == 60_000
assert 60 * 5 * 5 + 16 == 1_516
assert sum(len(maps) for maps in original.C3.connections) == 60 < 6 * 16
assert sorted(map(len, original.C3.connections)) == [3] * 6 + [4] * 9 + [6]

# %%
# C is a convolution, S a pooling layer (it was called "subsampling") and F a linear layer. C5 is
# listed with kernels of 5 x 5, but its input is 5 x 5 as well, so it computes what a linear layer
# computes. In this network pooling has parameters, 12 and 32 of them: it adds up four neighbours,
# multiplies the sum by one trained weight for each feature map and adds a trained bias. The second
# convolution, C3, has 1,516 parameters in place of 2,416. Only one of its sixteen kernels uses all
# six feature maps; the others use three or four. That makes 60 connections out of 96. It saves
# work, and the kernels cannot all learn the same. In place of ReLU there is a scaled tanh, and the
# images were 32 x 32. The buffers are fixed numbers: the table of these 60 connections, and the 840
# of the last layer, which are drawings:

from cnnbook.figures import plot_images
from cnnbook.lenet import digit_codes

figure = plot_images(digit_codes().reshape(10, 1, 12, 7), size=0.9)  # Ink is 1.
assert 6 * 16 == 96
assert digit_codes().shape == (10, 84)
assert 12 * 7 == 84
assert 10 * 84 == 840 == 900 - 60

# %%
# The last layer has no parameters at all. It compares the 84 numbers before it with a drawing of
# each digit, 12 x 7 pixels in black and white, and the most similar drawing is the answer. (Ours
# are drawn like the digits of a pocket calculator. The ink is white, the number 1, and the
# background is black, the number 0.) Such drawings are hard to make for trousers and most other
# things, which is one reason why a linear layer is used today.
#
# .. guess-end::
#
# The same number of updates
# --------------------------
#
# Now we train both, the small CNN and LeNet-5 as it is taught today, on the data of the first page,
# with the same trainer and 60 updates each; 499 would take minutes. The numbers in the text are
# those of Fashion-MNIST. Which one do you expect to be better?
#
# .. guess:: Better is
#    :choices: the small CNN | LeNet-5 | neither

import torch

from cnnbook.images import load_fashion_mnist
from cnnbook.training import fit_full_batch

data = load_fashion_mnist(n_train=5000, n_test=1000, fallback="drawn")
images, labels = data.train_images, data.train_labels
test = (data.test_images, data.test_labels)
makers = {"small CNN": small_cnn, "LeNet-5": lenet5}
long = {}
for name, make in makers.items():
    torch.manual_seed(0)
    long[name] = fit_full_batch(make(), images, labels, epochs=60, validation=test, progress=True)

# %%
# Each update uses all 5,000 images, so one update is one epoch here, and the axis of the figure
# says "epoch". This is how the loss falls:

from cnnbook.figures import plot_curves

losses = {name: history.losses for name, history in long.items()}
figure = plot_curves({"loss before the update": losses}, yscale="log")
for name, history in long.items():
    print(name, [f"{fraction:.3f}" for _, fraction in history.accuracies])
assert len(long["LeNet-5"].losses) == 60 < 499
assert data.drawn or long["small CNN"].accuracies[-1][1] > long["LeNet-5"].accuracies[-1][1]
assert abs(long["LeNet-5"].losses[0] - 2.303) < 0.01
assert data.drawn or long["LeNet-5"].losses[9] > 2.0 > long["small CNN"].losses[9]

# %%
# The small CNN is ahead, at every tenth update and at the end. LeNet-5 learns almost nothing at
# first: before its tenth update the loss is still above 2.0, not far from the first loss, 2.303,
# which is that of guessing. The small CNN is well below. Why? Let us follow the images through a
# fresh LeNet-5. How much do the outputs of each layer differ from one test image to the next,
# before any training?
#
# .. guess-end::

from itertools import pairwise

from cnnbook.metrics import accuracy, predict_scores

kinds_with_weights = (torch.nn.Conv2d, torch.nn.Linear)


def spreads(net: torch.nn.Sequential) -> list[float]:
    """Return, after each layer with weights, the mean standard deviation over the test images."""
    found, numbers = [], test[0]
    for layer in net:
        with torch.no_grad():
            numbers = layer(numbers)
        if isinstance(layer, kinds_with_weights):
            found.append(numbers.std(dim=0).mean().item())
    return found


# %%
# A number for each layer with weights, for both networks:

for name, make in makers.items():
    torch.manual_seed(0)
    spread = spreads(make())
    print(f"{name}:", [f"{number:.3f}" for number in spread])
assert data.drawn or (round(spread[0], 2), round(spread[-1], 3)) == (0.14, 0.004)
assert all(after < before for before, after in pairwise(spread))
assert round((1 / 3 / 2) ** 0.5, 2) == 0.41
assert data.drawn or all(after < before / 2 for before, after in pairwise(spread))

# %%
# In LeNet-5, each layer has a smaller spread than the one before, less than half of it: from 0.14
# after the first to 0.004 in the scores. To a fresh LeNet-5, all clothes look nearly the same. The
# reason is torch's initialization of the weights. Their mean square is 1/3 divided by the number of
# inputs, so each layer multiplies the mean square of its inputs by 1/3, and ReLU, which removes one
# half of it, by another 1/2. Together that is 1/6 of the mean square. The spread is the root of a
# mean square, and the root of 1/6 is 0.41.
#
# The cure is *Kaiming initialization* [He2015]_: a mean square of 2 divided by the number of
# inputs. Before you run it: what will the five numbers be like? Compute the factor as above.
#
# .. guess:: From layer to layer, the numbers
#    :choices: shrink | stay about the same | grow


def kaiming(net: torch.nn.Sequential) -> torch.nn.Sequential:
    """Draw the weights anew, in place, and set the biases to 0."""
    for layer in net:
        if isinstance(layer, kinds_with_weights):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            torch.nn.init.zeros_(layer.bias)
    return net


torch.manual_seed(0)
cured = kaiming(lenet5())
spread = spreads(cured)
print("LeNet-5, Kaiming:", [f"{number:.3f}" for number in spread])
assert min(spread) > max(spread) / 3

# %%
# The five numbers stay about the same: a layer multiplies the mean square by 2, and ReLU by 1/2.
#
# How does LeNet-5 train now, with everything else as before?

long["LeNet-5, Kaiming"] = fit_full_batch(cured, images, labels, epochs=60, validation=test)
losses = {name: history.losses for name, history in long.items()}
figure = plot_curves({"loss before the update": losses}, yscale="log")
finals = {name: history.accuracies[-1][1] for name, history in long.items()}
print({name: f"{fraction:.3f}" for name, fraction in finals.items()})
if not data.drawn:
    assert losses["LeNet-5, Kaiming"][9] < 1.8
    assert finals["LeNet-5, Kaiming"] > finals["LeNet-5"] + 0.02
    for name, fraction in {"small CNN": 0.79, "LeNet-5": 0.75, "LeNet-5, Kaiming": 0.80}.items():
        assert abs(finals[name] - fraction) < 0.03

# %%
# The weak start is cured: after 60 updates LeNet-5 classifies 80 of 100 test images correctly, and
# not 75. The small CNN has 79, so the two are about equal now. In a deeper network, such a start
# decides whether it can be trained at all.
#
# Smaller steps, and more of them
# -------------------------------
#
# .. index:: ! mini-batch, ! epoch
#
# The gradient of an update is the mean over all 5,000 images. The mean over a hundred, drawn at
# random, is a less accurate direction for a fiftieth of the work, so there can be fifty times as
# many updates. That is training with :term:`mini-batches <mini-batch>`. An :term:`epoch`, one pass
# through all images, is then 50 updates and not one. In plain torch:


def one_epoch(
    net: torch.nn.Module, optimizer: torch.optim.Optimizer, order: torch.Generator
) -> float:
    """Make 50 updates, and return the mean of their losses."""
    losses = []
    for pick in torch.randperm(5000, generator=order).split(100):
        loss = torch.nn.functional.cross_entropy(net(images[pick]), labels[pick])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return sum(losses) / 50


# %%
# The four lines of :doc:`/gallery/4_training/plot_17_one_update` are in the middle. Around them,
# ``randperm`` shuffles the images again in each epoch, and ``split`` makes mini-batches of 100.
#
# We train ten such epochs, and after each we measure the accuracy on the test images:


def mini_batches(net: torch.nn.Module, seed: int) -> list[tuple[float, float]]:
    """Return loss and test accuracy of ten epochs of mini-batches."""
    optimizer, order = torch.optim.Adam(net.parameters()), torch.Generator().manual_seed(seed)
    history = []
    for _ in range(10):
        loss = one_epoch(net, optimizer, order)
        history.append((loss, accuracy(predict_scores(net, test[0], device="cpu"), test[1])))
    return history


# %%
# For the full batch there is the trainer, and it records the same two numbers.


def full_batch(net: torch.nn.Module, seed: int) -> list[tuple[float, float]]:
    """Return loss and test accuracy of ten epochs of the full batch; no order needs the seed."""
    settings = {"epochs": 10, "validation": test, "validate_every": 1}
    history = fit_full_batch(net, images, labels, **settings)
    fractions = [fraction for _, fraction in history.accuracies]
    return list(zip(history.losses, fractions, strict=True))


ways = {"full batch": full_batch, "mini-batches": mini_batches}
assert 10 * len(torch.arange(5000).split(100)) == 10 * 50 == 500

# %%
# The seed is for the order of the images, and the full batch has no order.
#
# The same number of epochs
# -------------------------
#
# Ten epochs for all. That is ten updates with the full batch and 500 with mini-batches, and as many
# images go through the network in both. One random start may be lucky, so there are three for each
# network and each way, with torch's initialization. How far apart will the two ways be? Make a
# guess.
#
# .. guess:: Difference in accuracy

import time

runs, train, seconds = {}, {}, {}
for name, make in makers.items():
    for way, fit in ways.items():
        key, begin = f"{name}, {way}", time.perf_counter()
        runs[key], train[key] = [], []
        for seed in range(3):
            torch.manual_seed(seed)
            net = make()
            runs[key].append(fit(net, seed))
            train[key].append(accuracy(predict_scores(net, images), labels))
        seconds[key] = (time.perf_counter() - begin) / (3 * 10)

# %%
# The results, with a dot for each start and a line at their mean:

from cnnbook.figures import plot_seeds

# sphinx_gallery_thumbnail_number = 5
last = {key: [run[-1][1] for run in three] for key, three in runs.items()}
figure = plot_seeds(last, label="test accuracy after 10 epochs")
for key, fractions in last.items():
    training, testing = sum(train[key]) / 3, sum(fractions) / 3
    print(f"{key:25} training {training:.3f}, test {testing:.3f}, {seconds[key]:.2f} s an epoch")
for name in makers:
    assert data.drawn or min(last[f"{name}, mini-batches"]) > max(last[f"{name}, full batch"])

# %%
# The difference is large. For both networks, the worst of three starts with mini-batches is ahead
# of the best with the full batch. The seconds are those of this machine.

if not data.drawn:
    worst = {key: min(fractions) for key, fractions in last.items()}
    assert worst["LeNet-5, mini-batches"] > max(last["LeNet-5, full batch"]) + 0.3
    assert worst["LeNet-5, mini-batches"] > 0.76
    assert worst["small CNN, mini-batches"] > 0.82
    assert worst["small CNN, mini-batches"] > max(last["LeNet-5, mini-batches"])
    assert worst["small CNN, full batch"] > max(last["LeNet-5, full batch"])

# %%
# On average, 80 of 100 test images are classified correctly by LeNet-5 with mini-batches, and 84 by
# the small CNN. With the full batch it is fewer, by half of all test images for LeNet-5 and by a
# sixth for the small CNN. In both ways the small CNN is ahead. These are the curves of the first of
# the three starts:

first = {key: three[0] for key, three in runs.items()}
figure = plot_curves(
    {
        "training loss": {key: [loss for loss, _ in run] for key, run in first.items()},
        "test accuracy": {key: [fraction for _, fraction in run] for key, run in first.items()},
    }
)

# %%
# After one epoch, which is 50 updates, the mini-batches are better than the full batch after ten
# epochs, which are ten updates. To compare the same number of updates, we look at the longer
# training of LeNet-5 above, after 50 of its 60 updates:

at_fifty = dict(long["LeNet-5"].accuracies)[50]
after_one = [run[0][1] for run in runs["LeNet-5, mini-batches"]]
print(f"50 updates, 5,000 images each: {at_fifty:.3f}")
print(f"50 updates, 100 images each:   {', '.join(f'{fraction:.3f}' for fraction in after_one)}")
assert 5000 - 100 == 4_900
assert data.drawn or at_fifty > max(after_one) > at_fifty - 0.2
for name in makers:
    assert data.drawn or first[f"{name}, mini-batches"][0][1] > last[f"{name}, full batch"][0]

# %%
# For the same number of updates, the full batch is ahead, because its direction is more accurate.
# But it is ahead by only 11 of 100 test images, and each of its updates costs as much as fifty of
# the others. Early in training, the gradients of nearly any hundred images agree, and the other
# 4,900 add little [Bottou2018]_.
#
# .. guess-end::
#
# Until it is fitted
# ------------------
#
# All these trainings were short. Now we train LeNet-5, with Kaiming initialization, until it has
# learned its training images: until the mean loss of an epoch is below 0.05. Guess two numbers: how
# many of the training images will then be correct, and how many of the test images?
#
# .. guess:: Of 100: training and test

torch.manual_seed(0)
fitted = kaiming(lenet5())
optimizer, order = torch.optim.Adam(fitted.parameters()), torch.Generator().manual_seed(0)
fall = [one_epoch(fitted, optimizer, order)]
while fall[-1] > 0.05 and len(fall) < 60:
    fall.append(one_epoch(fitted, optimizer, order))
on_training = accuracy(predict_scores(fitted, images), labels)
on_test = accuracy(predict_scores(fitted, test[0]), test[1])
print(f"{len(fall)} epochs: training {on_training:.3f}, test {on_test:.3f}")
assert data.drawn or fall[-1] < 0.05
assert data.drawn or abs(on_training - 0.99) < 0.02
assert data.drawn or abs(on_test - 0.85) < 0.03

# %%
# On the training images 99 of 100 are correct, on the test images 85. This gap is called
# :term:`overfitting`: the network knows its training images by heart, and that does not help with
# other images. The small CNN had about as many test images correct after ten epochs of
# mini-batches. With 5,000 images, the larger network is not the better one here.
#
# Then why does this book use the full batch?
# -------------------------------------------
#
# Not because it is faster. The lecture uses it, and we wanted to follow the lecture number by
# number. And it has one advantage for a book: there is no order of the images, so nothing depends
# on how they were shuffled. The batch may be cut into micro-batches of any size and divided among
# any number of machines, and the update is the same except for rounding. A run can be repeated and
# checked by hand. If you want a good network soon, take mini-batches, as nearly everybody does.
#
# .. board::
#    :minutes: 35
#
#    1. LeNet-5 without its padding of 2, on 28 x 28 pixels: how many numbers arrive at the first
#       linear layer?
#
#       There are 256 numbers. The sizes are 28, 24, 12, 8 and 4, with sixteen maps at the end:
#       ``16*4*4 = 256``.
#
#    2. The second convolution gets 32 kernels in place of 16. How many parameters does LeNet-5
#       gain?
#
#       It gains 50,416. The convolution gains ``16*(6*5*5 + 1) = 2416``, and the first linear layer
#       gains ``16*5*5*120 = 48000`` weights. Together, ``2416 + 48000 = 50416``.
#
#    3. With torch's initialization, each layer multiplies the mean square by 1/6. After how many
#       layers is the spread below a hundredth of what it was?
#
#       After 6. The spread is below 1/100 when the mean square is below 1/10,000, and ``6**5 =
#       7776`` is too small, but ``6**6 = 46656`` is enough.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 21.1
#
# .. exercise:: 21.2
#
# .. exercise:: 21.3
#
# The answer
# ----------
#
# Here, no. With torch's initialization, LeNet-5 stays behind the small CNN, with the full batch and
# with mini-batches, although it has more than twice the parameters and computes more than five
# times as much. With Kaiming initialization it is as good after 60 updates, and trained until it is
# fitted, it classifies about as many test images correctly as the small CNN. With more images this
# may be different; we have not tried it. A network is good or bad only together with its data and
# its training.
#
# The training made the greater difference: 500 small updates in place of ten large ones, for the
# same number of images. And what if your own training makes no progress, or does not even run?
# :doc:`/gallery/4_training/plot_22_error_clinic`.
