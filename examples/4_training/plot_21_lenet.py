"""
A bigger network: LeNet-5
=========================

*Is a bigger network a better one, if both are trained in the same way?*

You need :doc:`/gallery/1_why/plot_02_parameters`, for how parameters are counted,
:doc:`/gallery/3_inside/plot_11_sizes`, for the sizes, and
:doc:`/gallery/4_training/plot_20_what_it_learned`, where one layer of kernels had little to do.
"""

# %%
# Two convolutions, three linear layers
# -------------------------------------
#
# LeNet-5 [LeCun1998]_ read the digits on bank cheques. Here it is as one is taught it today: a
# convolution with six kernels of 5 x 5, one with sixteen, ReLU and pooling behind each, and three
# linear layers. Take a pencil: the image has 28 x 28 pixels, and the first convolution is padded by
# 2. How many numbers arrive at the first linear layer?

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
# 400. The padding keeps 28, pooling makes 14, five by five takes 4 off, pooling makes 5. The small
# CNN hands 2704 numbers to ``Linear``.
#
# Now the parameters, by pencil too. Mind that a kernel of the second convolution looks at all six
# maps of the first.

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
# 156 and 2,416 for the convolutions, 48,120, 10,164 and 850 for the linear layers: 61,706. How are
# they shared out between the two kinds, and how is the work?

from cnnbook.figures import plot_bars

both = {"convolutions": "Conv2d", "linear layers": "Linear"}
kinds = [(row, kind) for row in table.rows for kind, name in both.items() if row.kind == name]
parameters = {kind: sum(row.parameters for row, of in kinds if of == kind) for kind in both}
macs = {kind: sum(row.macs for row, of in kinds if of == kind) for kind in both}
figure = plot_bars({"parameters": parameters, "multiplications for an image": macs}, xscale="log")
assert (*parameters.values(), *macs.values()) == (2_572, 59_134, 357_600, 58_920)
print(f"convolutions: {2_572 / 61_706:.1%} of the parameters, {357_600 / 416_520:.1%} of the work")
assert (round(2_572 / 61_706, 3), round(357_600 / 416_520, 3)) == (0.042, 0.859)
assert table.macs == 357_600 + 58_920 == 416_520

# %%
# The convolutions have 4.2 % of the parameters and do 85.9 % of the work (mind the axes: each step
# on them is a factor). A weight of a kernel is used at every place, one of a linear layer once.
#
# And against the small CNN of the first page:

small = cost_table(small_cnn(), (1, 28, 28))
for what in ("parameters", "macs", "activations"):
    print(f"{what}: {getattr(small, what):,} and {getattr(table, what):,}")
assert (small.parameters, small.macs, small.activations) == (27_130, 73_696, 28_746)
assert table.activations == 15_002
assert round(61_706 / 27_130, 2) == 2.27
assert round(416_520 / 73_696, 2) == 5.65

# %%
# 2.27 times the parameters, 5.65 times the multiplications. But its layers have fewer outputs:
# 15,002 numbers an image and not 28,746. It begins with six maps, not with sixteen. "Bigger" is not
# one number.
#
# The one of 1998
# ---------------
#
# The network that was published differs from this one in nearly everything but the sizes. Which
# rows of its table would you not expect?

from cnnbook.counting import parameter_table

original = lenet5("1998")
print(parameter_table(original))
assert parameter_table(original).total == 156 + 12 + 1_516 + 32 + 48_120 + 10_164 == 60_000
assert 60 * 5 * 5 + 16 == 1_516
assert sum(len(maps) for maps in original.C3.connections) == 60 < 6 * 16

# %%
# Pooling has parameters there, 12 and 32 of them: it adds up four neighbours, multiplies the sum
# with one trained weight for the map and adds a trained bias. The second convolution, C3, has 1,516
# in place of 2,416. Its kernels do not look at all six maps but at three to six of them, by a table
# of 60 connections out of 96, to save work, and so that they do not all learn the same. A scaled
# tanh stands where we have ReLU, and the images were 32 x 32.

from cnnbook.figures import plot_images
from cnnbook.lenet import digit_codes

assert 6 * 16 == 96
figure = plot_images(-digit_codes().reshape(10, 1, 12, 7), size=0.9)  # Ink is black.
assert digit_codes().shape == (10, 84)
assert 12 * 7 == 84

# %%
# Strangest of all, the last layer has no parameters. It compares the 84 numbers before it with a
# drawing of each digit, 12 x 7 pixels in black and white, and the nearest drawing wins. (Ours are
# drawn like the digits of a pocket calculator.) That is hard to do for trousers and for most other
# things, which is one reason why a linear layer has taken its place.
#
# As many updates
# ---------------
#
# Now we train both, the small CNN and LeNet-5 as it is taught, on the data of the first page, with
# the same trainer and 60 updates each; 499 would take minutes. Which one do you expect in front?

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
# Each update uses all 5,000 images. How the loss fell:

from cnnbook.figures import plot_curves

losses = {name: history.losses for name, history in long.items()}
figure = plot_curves({"loss before the update": losses}, yscale="log")
for name, history in long.items():
    print(name, [f"{share:.3f}" for _, share in history.accuracies])
assert len(long["LeNet-5"].losses) == 60 < 499
assert data.drawn or long["small CNN"].accuracies[-1][1] > long["LeNet-5"].accuracies[-1][1]
assert abs(long["LeNet-5"].losses[0] - 2.303) < 0.01
assert data.drawn or long["LeNet-5"].losses[9] > 2.0 > long["small CNN"].losses[9]

# %%
# The small one, at every tenth update and at the end. LeNet-5 hardly moves at first: before its
# tenth update the loss is still above 2.0, not far from the 2.303 where it began, which is the loss
# of guessing, and the small CNN is well below. The output of the first layer must pass through four
# others until it is a score, and torch starts them with weights so small that each passes on a
# weaker version of its input. How much do the scores differ from one test image to the next, before
# any training?

from cnnbook.metrics import accuracy, predict_scores

spread = {}
for name, make in makers.items():
    torch.manual_seed(0)
    spread[name] = predict_scores(make(), test[0]).std(dim=0).mean().item()
print({name: f"{number:.4f}" for name, number in spread.items()})
assert spread["LeNet-5"] < spread["small CNN"] / 10

# %%
# Less than a tenth as much as in the small CNN. To a fresh LeNet-5, all clothes look alike.
#
# So it is slower, and has more to learn. Is it worse? With sixty steps one cannot say. It needs
# more of them.
#
# Smaller steps, and more of them
# -------------------------------
#
# .. index:: ! mini-batch, ! epoch
#
# An update asks all 5,000 images which way is down. If you asked a hundred, picked at random, you
# would get a rougher answer for a fiftieth of the work, and could ask again. That is training with
# :term:`mini-batches <mini-batch>`. An :term:`epoch`, one passage through all images, is then 50
# updates and not one. In plain torch:


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
# The four lines are in the middle. Around them, ``randperm`` shuffles the images, anew for each
# epoch, and ``split`` deals them out by the hundred.
#
# Ten such epochs, and behind each the accuracy on the test images:


def mini_batches(net: torch.nn.Module, seed: int) -> list[tuple[float, float]]:
    """Return loss and test accuracy of ten epochs of mini-batches."""
    optimizer, order = torch.optim.Adam(net.parameters()), torch.Generator().manual_seed(seed)
    history = []
    for _ in range(10):
        loss = one_epoch(net, optimizer, order)
        history.append((loss, accuracy(predict_scores(net, test[0], device="cpu"), test[1])))
    return history


# %%
# The full batch has a trainer already, and makes the same notes.


def full_batch(net: torch.nn.Module, seed: int) -> list[tuple[float, float]]:
    """Return loss and test accuracy of ten epochs of the full batch; no order needs the seed."""
    settings = {"epochs": 10, "validation": test, "validate_every": 1}
    history = fit_full_batch(net, images, labels, **settings)
    shares = [share for _, share in history.accuracies]
    return list(zip(history.losses, shares, strict=True))


ways = {"full batch": full_batch, "mini-batches": mini_batches}
assert 10 * len(torch.arange(5000).split(100)) == 10 * 50 == 500

# %%
# It has no use for the seed, which makes the order of the images. All are there at once, so there
# is none.
#
# Equal epochs
# ------------
#
# Ten epochs for everybody. That is ten updates with the full batch and 500 with mini-batches, and
# as many images go through the network in both. A random start may be lucky, so there are three for
# each network and each way. How far apart will the two ways be? Make a guess.

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
# And so they ended, a dot for each start and a line at their mean:

from cnnbook.figures import plot_seeds

# sphinx_gallery_thumbnail_number = 4
last = {key: [run[-1][1] for run in three] for key, three in runs.items()}
figure = plot_seeds(last, label="test accuracy after 10 epochs")
for key, shares in last.items():
    training, testing = sum(train[key]) / 3, sum(shares) / 3
    print(f"{key:25} training {training:.3f}, test {testing:.3f}, {seconds[key]:.2f} s an epoch")
for name in makers:
    assert data.drawn or min(last[f"{name}, mini-batches"]) > max(last[f"{name}, full batch"])

# %%
# It is not close. With mini-batches, the worst of three starts is ahead of the best with the full
# batch. The time of an epoch is that of this machine. The images are as many; how busy they keep
# the machine is another matter.

if not data.drawn:
    worst = {key: min(shares) for key, shares in last.items()}
    assert worst["LeNet-5, mini-batches"] > max(last["LeNet-5, full batch"]) + 0.3
    assert worst["LeNet-5, mini-batches"] > 0.76
    assert worst["small CNN, mini-batches"] > 0.82
    assert worst["small CNN, mini-batches"] > max(last["LeNet-5, mini-batches"])
    assert worst["small CNN, full batch"] > max(last["LeNet-5, full batch"])

# %%
# On the clothes, the gap of LeNet-5 is more than 0.3. With mini-batches, all three of LeNet-5 are
# above 0.76 and all three of the small CNN above 0.82, and either way the small one is ahead. How
# they got there, from the first of the three starts:

first = {key: three[0] for key, three in runs.items()}
figure = plot_curves(
    {
        "training loss": {key: [loss for loss, _ in run] for key, run in first.items()},
        "test accuracy": {key: [share for _, share in run] for key, run in first.items()},
    }
)

# %%
# The mini-batches have won after their first epoch, with 50 updates: they are where the full batch
# does not get in ten. It makes one update an epoch. But its longer run, from above, has come to 50
# updates as well:

at_fifty = dict(long["LeNet-5"].accuracies)[50]
after_one = [run[0][1] for run in runs["LeNet-5, mini-batches"]]
print(f"50 updates, 5,000 images each: {at_fifty:.3f}")
print(f"50 updates, 100 images each:   {', '.join(f'{share:.3f}' for share in after_one)}")
assert 5000 - 100 == 4_900
assert data.drawn or at_fifty > max(after_one) > at_fifty - 0.2
for name in makers:
    assert data.drawn or first[f"{name}, mini-batches"][0][1] > last[f"{name}, full batch"][0]

# %%
# Update for update, the full batch is ahead: its direction is the better one. But less than 0.2
# ahead, and each of its updates costs as much as fifty of the others. Early in training nearly any
# hundred images agree which way is down, and the other 4,900 add little [Bottou2018]_.
#
# Then why does this book use the full batch?
# -------------------------------------------
#
# Not because it is faster. The lecture does it, and we wanted to follow the lecture number by
# number. And it has one virtue that matters for a book: there is no order of the images, so nothing
# depends on how they were shuffled. The batch may be cut into micro-batches of any size and spread
# over any number of machines, and the update is the same but for rounding; a run can be repeated
# and checked by hand. If what you want is a good network soon, take mini-batches, as nearly
# everybody does.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put
# ``from cnnbook.exercises import check`` before it, and see what the check says. Nothing is given
# away until you unfold it.
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
# Here, no. With the same trainer, the same 5,000 images and the same number of updates, LeNet-5
# stays behind the small CNN, whichever way they are trained. It has more than twice the parameters
# and does more than five times the work. With more images and more updates that may well change,
# and we have not tried it. A network is not good or bad by itself, but together with its data and
# its training.
#
# The training made the greater difference: 500 small updates in place of ten large ones, for the
# same number of images. And if yours makes no progress at all, or does not even run:
# :doc:`/gallery/4_training/plot_22_error_clinic`.
