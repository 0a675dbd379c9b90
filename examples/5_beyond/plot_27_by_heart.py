"""
27. Known by heart
==================

*A network knows every training image by heart. How good is it on new ones, and what helps?*

You need the loop with mini-batches and a validation set of
:doc:`/gallery/5_beyond/plot_23_everybody`, the layers of :doc:`/gallery/5_beyond/plot_25_deeper`,
Adam from :doc:`/gallery/4_training/plot_17_one_update`, and the intervals and paired differences of
:doc:`/gallery/1_why/plot_04_fair`.
"""

# %%
# Three sets of images
# --------------------
#
# .. index:: ! training set, ! validation set, ! test set
#
# A network can know its training images by heart: it has remembered the class of each of them. That
# tells us little about other images. So the images are divided into three sets, and each set has
# one task. The *training set* gives the gradients. The :term:`validation set` is for every choice:
# which network, which options, when to stop. The *test set* is used once, at the end, for the
# number that is reported.

import torch

from cnnbook.images import load_fashion_mnist

data = load_fashion_mnist(n_train=1000, n_test=5000, one_hot=False, fallback="drawn")
images, validation_images = data.train_images.split(500)
labels, validation_labels = data.train_labels.split(500)
training, validation = (images, labels), (validation_images, validation_labels)
print(len(images), len(validation_images), len(data.test_images))
assert (len(images), len(validation_images), len(data.test_images)) == (500, 500, 5000)

# %%
# We have labels for 1,000 images: 500 are for training and 500 for validation. (Often a tenth or a
# fifth is enough for validation. With 500, the curves below are smoother.) 5,000 other images are
# the test set.
#
# Why is a third set needed? If you choose the network with the best number, this number is too
# good: a part of it is luck. Here are 1,000 "networks" that have learned nothing: each of them
# guesses a class for every image. We keep the ten that are best on the first 100 validation images.
# Before you run it, guess: how many of these 100 images do the ten classify correctly on average,
# and how many of 100 among the other 400 images?
#
# .. guess:: Of 100: chosen, and others

dice = torch.Generator().manual_seed(2027)
guesses = torch.randint(10, (1000, 500), generator=dice)
correct = (guesses == validation_labels).double()
ten_best = correct[:, :100].mean(dim=1).topk(10).indices
seen, unseen = correct[ten_best, :100].mean().item(), correct[ten_best, 100:].mean().item()
print(f"{seen:.2f} on the images that chose them, {unseen:.2f} on the others")
assert abs(seen - 0.18) < 0.02
assert abs(unseen - 0.10) < 0.02

# %%
# On Fashion-MNIST, they classify 18 of 100 images correctly where they were chosen, and 9 of 100 on
# the others, close to the 10 that guessing gives. The same happens, to a smaller extent, to anybody
# who trains twenty networks and reports the best validation accuracy. If you choose something with
# the test images, too, no number is left that you can trust.
#
# A network with many parameters
# ------------------------------
#
# The network of this page has one convolution with a stride of 2, one pooling layer and a hidden
# layer with 128 units. ``Dropout`` is explained below; with ``p=0`` it does nothing.

from torch import Tensor, nn

from cnnbook.counting import count_parameters


def make_net(p: float = 0.0) -> nn.Sequential:
    """Make the network of this page, with dropout of probability ``p``."""
    convolution = (nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(), nn.MaxPool2d(2))
    hidden = (nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(p))
    return nn.Sequential(*convolution, *hidden, nn.Linear(128, 10))


print(f"{count_parameters(make_net()):,} parameters")
assert count_parameters(make_net()) == (16 * 25 + 16) + (784 * 128 + 128) + (128 * 10 + 10)
assert count_parameters(make_net()) == 102_186 > 200 * 500

# %%
# It has 102,186 parameters, more than 200 for each training image. We want to know its loss and its
# accuracy on any set of images:

from torch.nn.functional import cross_entropy

from cnnbook.metrics import accuracy, predict_scores


def judge(net: nn.Module, some: tuple[Tensor, Tensor]) -> tuple[float, float]:
    """Return loss and accuracy in evaluation mode; the network's mode stays as it was."""
    scores = predict_scores(net, some[0], device="cpu")
    return cross_entropy(scores, some[1]).item(), accuracy(scores, some[1])


# %%
# One update is the usual four lines:


def update(
    net: nn.Module, optimizer: torch.optim.Optimizer, batch: Tensor, targets: Tensor
) -> None:
    """Make one update with one mini-batch."""
    loss = cross_entropy(net(batch), targets)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()


# %%
# There are 40 epochs with 20 mini-batches of 25 images each. ``yield`` makes ``train`` a generator:
# a ``for`` loop over it gets the network after each epoch. The options ``decay`` and ``augment``
# come later; without them, ``AdamW`` does what ``Adam`` does, and the images stay as they are.

from collections.abc import Callable, Iterator

same = nn.Identity()


def train(
    net: nn.Module, targets: Tensor, seed: int, decay: float = 0, augment: Callable = same
) -> Iterator[nn.Module]:
    """Train on the training images for 40 epochs, and hand out the network after each."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.003, weight_decay=decay)
    order = torch.Generator().manual_seed(seed)
    for _ in range(40):
        for pick in torch.randperm(500, generator=order).split(25):
            update(net, optimizer, augment(images[pick]), targets[pick])
        yield net


# %%
# Overfitting
# -----------
#
# .. index:: ! overfitting
#
# We train it once, and after each epoch we measure it on the training images and on the validation
# images.

Curves = dict[str, dict[str, list[float]]]


def follow(targets: Tensor) -> Curves:
    """Train from seed 0, and return loss and accuracy on training and validation images."""
    torch.manual_seed(0)
    curves: Curves = {key: {"training": [], "validation": []} for key in ("loss", "accuracy")}
    for net in train(make_net(), targets, seed=0):
        for name, some in {"training": (images, targets), "validation": validation}.items():
            for what, number in zip(curves, judge(net, some), strict=True):
                curves[what][name].append(number)
    return curves


# %%
# Before you run it, draw the four curves that you expect: loss and accuracy on both sets.
#
# .. guess:: The validation loss
#    :choices: falls until the end | falls and then rises | stays where it is

from cnnbook.figures import plot_curves

# sphinx_gallery_thumbnail_number = 1
curves = follow(labels)
figure = plot_curves(curves)

# %%
# At first both losses fall. Then they separate: the training loss goes on to 0, while the
# validation loss reaches a lowest value and rises again. The numbers:

losses, fractions = curves["loss"]["validation"], curves["accuracy"]["validation"]
lowest = losses.index(min(losses)) + 1
print(f"training accuracy at the end: {curves['accuracy']['training'][-1]:.3f}")
for epoch in (lowest, 40):
    loss, fraction = losses[epoch - 1], fractions[epoch - 1]
    print(f"validation, epoch {epoch}: loss {loss:.2f}, accuracy {fraction:.3f}")
if not data.drawn:
    assert curves["accuracy"]["training"][-1] > 0.99
    assert max(abs(fractions[-1] - 0.81), abs(fractions[lowest - 1] - 0.81)) < 0.03
    assert abs(losses[lowest - 1] - 0.54) < 0.06 < 0.15 < losses[-1] - losses[lowest - 1]
    assert abs(losses[-1] - 0.83) < 0.15
    assert 5 <= lowest <= 20

# %%
# On Fashion-MNIST the network classifies all of its training images correctly, and 81 of 100
# validation images. This gap is :term:`overfitting`: the network has learned properties of these
# 500 images that other images do not have.
#
# Look at both panels. From epoch 9 to the end, the validation loss rises from 0.54 to 0.83, but the
# validation accuracy stays at 81 of 100. The network becomes more and more certain of its answers,
# also of the wrong ones, and a wrong answer with a high probability has a large loss. Which epoch
# is the best depends on what you measure.
#
# .. guess-end::
#
# Random labels
# -------------
#
# Did the network learn a rule about clothes, or did it remember 500 images? [Zhang2017]_ separate
# the two in this way: give each training image a random class. Then there is no rule, and only
# remembering helps. The network, the updates and the options are those from above. Make a guess:
# for how many of the 500 training images will it learn the random class?
#
# .. guess:: Images of 500

diced = torch.randint(10, (500,), generator=dice)
curves = follow(diced)
figure = plot_curves(curves)

# %%
# It takes longer, but in the end the training images are learned again. The last numbers:

for what, both in curves.items():
    end = {name: round(numbers[-1], 3) for name, numbers in both.items()}
    print(what, end)
if not data.drawn:
    assert curves["accuracy"]["training"][-1] > 0.97
    assert curves["accuracy"]["validation"][-1] < 0.2
    assert abs(curves["loss"]["validation"][-1] - 6) < 1.2
    assert curves["loss"]["validation"][-1] > 2 * 2.303
assert round(torch.log(torch.tensor(10.0)).item(), 3) == 2.303

# %%
# On Fashion-MNIST, the network learns the random class of all 500 training images, or of all but
# one. Of the validation images it classifies 11 of 100 correctly, and guessing gives 10. The
# validation loss, about 6, is far above ln 10 = 2.303, the loss of a network that gives the same
# probability to all classes.
#
# So the training accuracy says nothing about other images: it was about 1 both times. And the
# number of parameters alone does not decide either: with the true labels, the same 102,186
# parameters were enough to remember everything, and 81 of 100 validation images were correct.
#
# .. guess-end::
#
# Methods that are meant to make a network better on new images, often at the price of a higher
# training loss, are called :term:`regularization`. Here are four of them.
#
# Early stopping
# --------------
#
# .. index:: ! early stopping
#
# The first is the simplest: keep the parameters of the epoch with the lowest validation loss
# [Prechelt1998]_. The number of epochs to wait for a new lowest loss is called the *patience*. By
# hand, with a patience of 3 and the validation losses 9, 7, 8, 6, 8, 7, 7: after which epoch does
# the training stop, and the parameters of which epoch are kept?
#
# .. guess:: Stops after, and keeps


def waits(losses: list[float]) -> list[int]:
    """Return, for each epoch, how many epochs have passed since the lowest loss so far."""
    return [n - losses[: n + 1].index(min(losses[: n + 1])) for n in range(len(losses))]


print(waits([9, 7, 8, 6, 8, 7, 7]))
assert waits([9, 7, 8, 6, 8, 7, 7]) == [0, 0, 1, 0, 1, 2, 3]

# %%
# It stops after epoch 7, because the last three epochs were not below 6, and the parameters of
# epoch 4 are kept. :term:`Early stopping <early stopping>` chooses an epoch, so it needs the
# validation set. If the test images decide when to stop, they are no longer test images.
#
# Dropout
# -------
#
# .. index:: ! dropout
#
# The second method disturbs the network while it learns [Srivastava2014]_. In each update,
# :term:`dropout` sets some numbers of a layer to 0, each with probability ``p``, and divides the
# others by 1 - p. The *mask*, which says what is kept, is drawn anew in each update. Take four
# hidden units, p = 0.5, and a mask that keeps the first and the last:

p, units, mask = 0.5, torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([1.0, 0.0, 0.0, 1.0])
dropped = units * mask / (1 - p)
print(dropped.tolist())
assert dropped.tolist() == [1 * 2, 0, 0, 4 * 2]

# %%
# The result is 2, 0, 0, 8. Why the division? There are 16 masks for four units, and with p = 0.5
# all of them are equally likely. What is the mean over all 16 results? Take a pencil and do it for
# the last unit.
#
# .. guess:: Mean of the last unit

from itertools import product

masks = torch.tensor(list(product([0.0, 1.0], repeat=4)))
mean = (units * masks / (1 - p)).mean(dim=0)
print(len(masks), mean.tolist())
assert len(masks) == 2**4 == 16
assert mean.tolist() == units.tolist()

# %%
# The last unit is 8 in eight of the masks and 0 in the other eight: the mean is 4, the unit itself.
# With the division, the next layer receives the same sum on average, so nothing has to be changed
# in evaluation, where dropout does nothing. torch does the same. We cannot choose its mask, but
# with the same seed it draws the same mask twice, and on a tensor of ones we can see it:

torch.manual_seed(0)
by_torch = nn.functional.dropout(units, p)
torch.manual_seed(0)
seen_mask = (nn.functional.dropout(torch.ones(4), p) != 0).float()
print(by_torch.tolist(), "with the mask", seen_mask.tolist())
assert torch.equal(by_torch, units * seen_mask / (1 - p))
assert torch.equal(nn.Dropout(p).eval()(units), units)
assert torch.equal(nn.Dropout(0.0)(units), units)

# %%
# There are two traps. In torch, ``p`` is the probability that a unit is dropped; in the paper, it
# is the probability that the unit is kept. (The paper also divides nothing in training and
# multiplies the weights by p in evaluation instead.) And if you forget ``eval()``, the network goes
# on dropping units when you use it.
#
# Weight decay
# ------------
#
# .. index:: ! weight decay
#
# The third method keeps the weights small. *L2 regularization* adds half the sum of their squares
# to the loss, times a factor; its gradient is the factor times the weight. So in each update of
# plain gradient descent, a weight loses a fixed fraction of itself, and the method is also called
# :term:`weight decay`. Here are two weights, 4 and -1, both with the gradient 1; the learning rate
# is 1, the factor 0.5:

weights, gradient = torch.tensor([4.0, -1.0]), torch.tensor([1.0, 1.0])
rate, factor = 1.0, 0.5
by_gradient = weights - rate * (gradient + factor * weights)
by_decay = (1 - rate * factor) * weights - rate * gradient
print(by_gradient.tolist(), by_decay.tolist())
assert by_gradient.tolist() == by_decay.tolist() == [4 - 3, -1 - 0.5] == [1, -1.5]

# %%
# For plain gradient descent, the gradient of the squares and the decay are the same thing. For
# Adam they are not. What will the first update of Adam do to the 4, if the decay is added to its
# gradient? Remember :doc:`/gallery/4_training/plot_17_one_update`: Adam's first step has the
# length of the learning rate, whatever the size of the gradient.
#
# .. guess:: The 4 becomes


def first_update(kind: type[torch.optim.Optimizer], decay: float) -> list[float]:
    """Return both weights after one update, rounded to four decimals."""
    parameter = weights.clone().requires_grad_()
    parameter.grad = gradient.clone()
    kind([parameter], lr=rate, weight_decay=decay).step()
    return [round(number, 4) for number in parameter.tolist()]


# %%
# All four, from the same start:

Adam, AdamW, SGD = torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD
for kind, decay in [(SGD, factor), (Adam, 0.0), (Adam, factor), (AdamW, factor)]:
    print(f"{kind.__name__:5} with decay {decay}: {first_update(kind, decay)}")
assert first_update(SGD, factor) == by_decay.tolist() == [1, -1.5]
assert first_update(Adam, 0.0) == first_update(Adam, factor) == [4 - 1, -1 - 1]
assert first_update(AdamW, factor) == [0.5 * 4 - 1, 0.5 * -1 - 1] == [1, -1.5]

# %%
# In ``Adam``, the decay has no effect here: it makes the gradient of the first weight 3 and that of
# the second 0.5, and Adam divides both by their size. ``AdamW`` [Loshchilov2019]_ takes the decay
# out of the gradient: it first multiplies the weights by 1 - 0.5, and then makes Adam's step. In
# later updates Adam's own decay has some effect, but less on weights with large gradients. So with
# Adam, use ``AdamW`` if you want decay.
#
# .. guess-end::
#
# Augmentation
# ------------
#
# .. index:: ! augmentation
#
# The fourth method makes more images out of those that we have: :term:`data augmentation`
# [Shorten2019]_. A boot that is moved by a pixel is a boot, and so is a mirrored one. torchvision
# has such transforms. ``RandomCrop`` adds two pixels at each edge and takes a random window of
# 28 x 28, which shifts the image by up to two pixels; the flip is done with probability 0.5.

from torchvision.transforms import v2

from cnnbook.figures import plot_images

transform = v2.Compose([v2.RandomCrop(28, padding=2), v2.RandomHorizontalFlip()])
boot = images[labels == 9][0]
torch.manual_seed(1)
versions = torch.stack([boot, *(transform(boot) for _ in range(9))])
figure = plot_images(versions, titles=["original", *(f"version {n}" for n in range(1, 10))])

# %%
# Nine random versions of one image. There are 5 x 5 shifts and two directions, so each of the nine
# must be one of 50 versions that we can make by hand:

padded = nn.functional.pad(boot, (2, 2, 2, 2))
shifted = [padded[:, r : r + 28, c : c + 28] for r in range(5) for c in range(5)]
every = shifted + [image.flip(-1) for image in shifted]
assert len(every) == 2 * 5 * 5 == 50
assert all(any(torch.equal(version, one) for one in every) for version in versions)

# %%
# Now a trap: what happens if the transform is called on a whole batch? Here is a batch of eight
# equal images, and the flip is called on it with eight seeds:
#
# .. guess:: Of the eight images it flips
#    :choices: about half | all or none

eight, counts = boot.expand(8, 1, 28, 28), []
for seed in range(8):
    torch.manual_seed(seed)
    flipped = [not torch.equal(image, boot) for image in v2.RandomHorizontalFlip()(eight)]
    counts.append(sum(flipped))
    print(f"seed {seed}: {counts[-1]} of {len(eight)} flipped")
assert set(counts) == {0, 8}

# %%
# Always 0 or 8: one draw for the whole batch. So a transform is called image by image, as a
# ``Dataset`` does. For thousands of small images that is slow, so for the training below we write
# one that draws for each image of a batch. A shifted image is a window of the padded image, and
# :func:`~cnnbook.windows.windows` has all 25 of them:

from cnnbook.windows import windows


def shift_and_flip(batch: Tensor) -> Tensor:
    """Shift each image by up to two pixels, and flip it with probability 0.5."""
    n = len(batch)
    row, column = torch.randint(5, (2, n))
    flip = torch.rand(n) < 0.5
    every_shift = windows(nn.functional.pad(batch, (2, 2, 2, 2)), 28)
    shifted = every_shift[torch.arange(n), :, row, column]
    return torch.where(flip[:, None, None, None], shifted.flip(-1), shifted)


# %%
# torchvision, with the same draws, must give the same images:

torch.manual_seed(0)
augmented = shift_and_flip(images)
torch.manual_seed(0)
(row, column), flip = torch.randint(5, (2, 500)).tolist(), torch.rand(500) < 0.5
for i, image in enumerate(images):
    theirs = v2.functional.crop(v2.functional.pad(image, [2]), row[i], column[i], 28, 28)
    theirs = v2.functional.horizontal_flip(theirs) if flip[i] else theirs
    assert torch.equal(augmented[i], theirs)
assert 0.4 < flip.double().mean() < 0.6

# %%
# They are equal, pixel by pixel.
#
# Does the flip keep the meaning?
# -------------------------------
#
# An augmentation must not change the class. Take the ten digits of
# :doc:`/gallery/4_training/plot_21_lenet`, drawn as on a pocket calculator: which of them are still
# digits when they are mirrored, and which digits?
#
# .. guess:: Digits

from cnnbook.lenet import digit_codes

digits = digit_codes().reshape(10, 1, 12, 7)
pair = torch.stack([digits[2], digits[2].flip(-1), digits[5], digits[5].flip(-1)])
# A white frame, so that the black digits are seen on a dark page as well.
framed = nn.functional.pad(-pair, (1, 1, 1, 1), value=1.0)
figure = plot_images(framed, titles=["2", "mirrored 2", "5", "mirrored 5"])
flipped = digits.flip(-1)
mirrored = {(a, b) for a, b in product(range(10), repeat=2) if digits[a].equal(flipped[b])}
assert mirrored == {(0, 0), (8, 8), (2, 5), (5, 2)}

# %%
# A mirrored 2 is a 5, with the label 2. Training on it would teach the network a mistake. (A
# mirrored 5 is a 2, and 0 and 8 are symmetric. The others are not digits when they are mirrored.)
#
# Clothes stay what they are, but do mirrored clothes occur? For each class we take the mean of the
# training images, and the mirrored mean. To which of the two is a validation image closer?
#
# .. guess:: It is closer
#    :choices: to the mean | to the mirrored mean | it depends on the class

means = torch.stack([images[labels == k].mean(dim=0) for k in range(10)])
closer = []
for k, name in enumerate(data.class_names):
    own = validation_images[validation_labels == k]
    to_mean, to_mirrored = (
        (own - m).square().sum((1, 2, 3)) for m in (means[k], means[k].flip(-1))
    )
    closer.append((to_mean < to_mirrored).double().mean().item())
    print(f"{name:12} {closer[-1]:.2f} of {len(own)} images closer to the mean")
assert data.drawn or min(closer[7], closer[9]) == 1.0
assert data.drawn or abs(closer[2] - 0.54) < 0.06

# %%
# On Fashion-MNIST, every sneaker and every ankle boot is closer to the mean of its class than to
# the mirrored mean: they all point to the left. Of the pullovers it is only 54 of 100, since their
# two halves are nearly equal. So a mirrored sneaker is still a sneaker, but there is none among the
# validation images, and the network has to learn images that do not occur. Look at your images
# before you flip them.
#
# What helps?
# -----------
#
# The strength of the decay has to be chosen, so we choose it on the validation images. The default
# of ``AdamW`` is 0.01.

choice = {}
for decay in (0.01, 0.1, 1.0):
    torch.manual_seed(0)
    *_, net = train(make_net(), labels, seed=0, decay=decay)
    choice[decay] = loss, fraction = judge(net, validation)
    print(f"decay {decay:4}: validation loss {loss:.2f}, accuracy {fraction:.3f}")
assert data.drawn or min(choice, key=lambda decay: choice[decay][0]) == 1.0

# %%
# A decay of 1 has the lowest validation loss, so we use it from here on. For dropout we take the
# usual p = 0.5, for the augmentation the shift and the flip. Each way is trained from five seeds;
# the seed also determines the order of the images, the same for all ways. Make your guess: which
# way classifies the most test images correctly?
#
# .. guess:: Most test images
#    :choices: plain | early stopping | dropout | weight decay | augmentation | all three

ways = {
    "plain": (0.0, {}),
    "dropout": (0.5, {}),
    "weight decay": (0.0, {"decay": 1.0}),
    "augmentation": (0.0, {"augment": shift_and_flip}),
    "all three": (0.5, {"decay": 1.0, "augment": shift_and_flip}),
}

# %%
# Early stopping needs no training of its own: while the plain network trains, its parameters and
# its validation loss are remembered after each epoch.

import copy

results: dict[str, list[tuple[float, ...]]] = {name: [] for name in ["plain", "early", *ways]}


def record(name: str, net: nn.Module) -> None:
    """Add test loss, test accuracy and training accuracy to the results."""
    results[name].append((*judge(net, data.test), judge(net, training)[1]))


def stop_early(net: nn.Module, losses: list[float], states: list[dict[str, Tensor]]) -> None:
    """Load the parameters that early stopping with a patience of 5 keeps."""
    stop = [*waits(losses), 5].index(5)
    net.load_state_dict(states[losses.index(min(losses[: stop + 1]))])


# %%
# The 25 trainings:

for seed, (name, (p, options)) in product(range(5), ways.items()):
    torch.manual_seed(seed)
    net, losses, states = make_net(p), [], []
    for _ in train(net, labels, seed, **options):
        if name == "plain":
            losses.append(judge(net, validation)[0])
            states.append(copy.deepcopy(net.state_dict()))
    record(name, net)
    if losses:
        stop_early(net, losses, states)
        record("early", net)
assert sum(map(len, results.values())) == 25 + 5

# %%
# The means over five seeds, with the 95 % interval for the test accuracy. The columns "training"
# and "test" say how many of 1,000 images are classified correctly; "early" is early stopping.

from cnnbook.metrics import compare_paired, mean_interval

test_loss, test_accuracy, fitted = (
    {name: [run[i] for run in five] for name, five in results.items()} for i in range(3)
)
print("way             training   test  95 % interval  test loss")
for name, row in test_accuracy.items():
    mean = mean_interval(row)
    print(f"{name:14} {1000 * sum(fitted[name]) / 5:9.0f} {1000 * mean.mean:6.0f}", end="")
    print(f"  {1000 * mean.low:5.0f} to {1000 * mean.high:3.0f}", end="")
    print(f"{sum(test_loss[name]) / 5:11.2f}")

# %%
# And the differences to the plain network, seed by seed, with their intervals:

leads, changes = {}, {}
print("way             images of 1,000   95 % interval  test loss   95 % interval")
for name in list(results)[1:]:
    leads[name] = lead = compare_paired(test_accuracy[name], test_accuracy["plain"])
    changes[name] = change = compare_paired(test_loss[name], test_loss["plain"])
    low, high = 1000 * lead.interval.low, 1000 * lead.interval.high
    print(f"{name:14} {1000 * lead.interval.mean:16.0f} {low:7.0f} to {high:4.0f}", end="")
    low, high = change.interval.low, change.interval.high
    print(f"{change.interval.mean:11.2f}  {low:6.2f} to {high:5.2f}")

# %%
# Read accuracy and loss separately. On Fashion-MNIST, every way has a lower test loss than the
# plain network, with each of the five seeds. But no way has a higher test accuracy. Dropout leaves
# it where it was. Weight decay and augmentation classify about 12 fewer of 1,000 images correctly,
# and both intervals contain 0, so this may be chance. Early stopping has about 22 fewer: the epoch
# with the lowest loss is not the epoch with the highest accuracy.

if not data.drawn:
    for change in changes.values():
        assert change.second_larger == 5
        assert change.interval.high < 0
    assert abs(mean_interval(test_accuracy["plain"]).mean - 0.814) < 0.02
    for name, fewer in {"dropout": 1, "weight decay": 12, "augmentation": 12}.items():
        assert abs(1000 * leads[name].interval.mean + fewer) < 20
        assert leads[name].interval.low < 0.005
    assert abs(1000 * leads["early"].interval.mean + 22) < 20

# %%
# And all three together have about 65 fewer. They classify only 81 of 100 *training* images
# correctly: this network has not learned enough of them. That is the opposite mistake,
# *underfitting*. Each of the three makes learning harder, and no strength was chosen for the three
# together.

if not data.drawn:
    assert leads["all three"].second_larger == 5
    assert abs(1000 * leads["all three"].interval.mean + 65) < 30
    assert abs(sum(fitted["all three"]) / 5 - 0.81) < 0.05
    assert min(fitted["plain"]) > 0.99

# %%
# What does this show, and what not? A lower loss without a higher accuracy means that the network
# is less certain where it is wrong, which matters if its probabilities are used. Its answers are
# not better. This is a small network with 500 images and 40 epochs. For large networks that are
# trained for a long time, [Srivastava2014]_ and [Shorten2019]_ report better accuracies; we have
# not tried that. And our decay was chosen with one seed on 500 images: of the three values, it had
# the highest validation accuracy, too, but on the test images it was no gain. That is why there is
# a test set.
#
# .. guess-end::

assert data.drawn or choice[1.0][1] > max(choice[0.01][1], choice[0.1][1]) - 0.02

# %%
# .. board::
#    :minutes: 45
#
#    1. Dropout with p = 0.5 is applied to three units. How many masks are there, and how likely is
#       it that all three are dropped?
#
#       ``2**3 = 8`` masks, all equally likely. One of them drops all three: probability 1/8.
#
#    2. An augmentation shifts an image by at most one pixel in each direction and may mirror it.
#       How many versions of one image are there?
#
#       ``3*3*2 = 18``: three shifts along the rows, three along the columns, mirrored or not.
#
#    3. Two networks guess between two classes, independently, with probability 1/2 each. You keep
#       the one that is right on a validation image, or any of them if they agree. How often is it
#       right on this image, and how often on a new one?
#
#       It is right with probability 3/4 on this image, and 1/2 on a new one. It is wrong on the
#       validation image only if both are wrong, which happens in one of four cases. On a new image
#       nothing was gained by choosing.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 27.1
#
# .. exercise:: 27.2
#
# .. exercise:: 27.3
#
# The answer
# ----------
#
# On Fashion-MNIST, the network that knows 500 images by heart classifies 81 of 100 new images
# correctly. It can also learn 500 random labels by heart, so the training accuracy says nothing
# about new images. For choices there is the validation set, for the final result the test set.
#
# What helps? Early stopping, dropout, weight decay and augmentation all made the loss on new images
# lower, and none made the accuracy higher; together they were too much. Whether a method helps is a
# question about your network and your images. Answer it with a validation set and several seeds.
#
# All images so far were grey and came from one collection. What about colour, and your own images?
# :doc:`/gallery/5_beyond/plot_28_colour`.
