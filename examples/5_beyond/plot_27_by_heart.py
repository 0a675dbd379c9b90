"""
27. Known by heart
==================

*A network classifies every training image correctly. How good is it on new images, and what makes
it better there?*

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
# A network that knows its training images tells us little about other images. So the images are
# divided into three sets, and each set has one task. The *training set* gives the gradients. The
# :term:`validation set` is for every choice: which network, which options, when to stop. The
# *test set* is used once, at the end, for the number that is reported.

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
# Why is a third set needed? Because a choice makes the number that it was based on too good. Here
# are 1,000 "networks" that have learned nothing: each of them guesses a class for every image. We
# keep the ten that are best on the first 100 validation images. Before you run it, guess: how many
# of these 100 images do the ten classify correctly on average, and how many of 100 among the other
# 400 images?

dice = torch.Generator().manual_seed(0)
guesses = torch.randint(10, (1000, 500), generator=dice)
correct = (guesses == validation_labels).double()
ten_best = correct[:, :100].mean(dim=1).topk(10).indices
seen, unseen = correct[ten_best, :100].mean().item(), correct[ten_best, 100:].mean().item()
print(f"{seen:.2f} on the images that chose them, {unseen:.2f} on the others")
assert abs(seen - 0.19) < 0.02
assert abs(unseen - 0.10) < 0.02

# %%
# 19 of 100 where they were chosen, and 10 of 100 on the others, which is what guessing gives. The
# same happens, to a smaller extent, to anybody who trains twenty networks and reports the best
# validation accuracy. If the test images choose something, no number is left that can be trusted.
#
# A network with room
# -------------------
#
# The network of this page has one convolution with a stride of 2, one pooling layer and a hidden
# layer with 128 units. ``Dropout`` is explained below; with ``p=0`` it does nothing.

from torch import nn

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


def judge(net: nn.Module, some: tuple[torch.Tensor, torch.Tensor]) -> tuple[float, float]:
    """Return loss and accuracy in evaluation mode; afterwards the network is in its old mode."""
    scores = predict_scores(net, some[0], device="cpu")
    return cross_entropy(scores, some[1]).item(), accuracy(scores, some[1])


# %%
# The loop is the usual one: 40 epochs, and in each of them 20 mini-batches of 25 images. ``yield``
# hands out the network after each epoch. The options ``decay`` and ``augment`` come later; without
# them, ``AdamW`` does what ``Adam`` does, and the images stay as they are.

from collections.abc import Callable, Iterator

unchanged = nn.Identity()


def train(
    net: nn.Module, targets: torch.Tensor, seed: int, decay: float = 0, augment: Callable = unchanged
) -> Iterator[nn.Module]:
    """Train on the training images for 40 epochs, and hand out the network after each."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.003, weight_decay=decay)
    order = torch.Generator().manual_seed(seed)
    for _ in range(40):
        for pick in torch.randperm(500, generator=order).split(25):
            cross_entropy(net(augment(images[pick])), targets[pick]).backward()
            optimizer.step()
            optimizer.zero_grad()
        yield net


# %%
# Overfitting
# -----------
#
# .. index:: ! overfitting
#
# Now we train it. After each epoch we measure it on the training images and on the validation
# images. Before you run it, draw the four curves that you expect: loss and accuracy on both sets.

from cnnbook.figures import plot_curves

# sphinx_gallery_thumbnail_number = 1
torch.manual_seed(0)
after = [(judge(net, training), judge(net, validation)) for net in train(make_net(), labels, 0)]
curves = {
    what: {name: [epoch[at][number] for epoch in after] for at, name in enumerate(names)}
    for number, what in enumerate(("loss", "accuracy"))
    for names in [("training", "validation")]
}
figure = plot_curves(curves)

# %%
# The two losses fall together at first, and then they separate. The training loss goes to 0: the
# network classifies all 500 training images correctly, it knows them by heart. The validation loss
# has its lowest value after a few epochs and then rises again.

losses, fractions = curves["loss"]["validation"], curves["accuracy"]["validation"]
lowest = losses.index(min(losses)) + 1
print(f"accuracy: training {curves['accuracy']['training'][-1]:.3f}, validation {fractions[-1]:.3f}")
print(f"validation loss: {min(losses):.2f} after epoch {lowest}, {losses[-1]:.2f} at the end")
if not data.drawn:
    assert curves["accuracy"]["training"][-1] == 1.0
    assert curves["loss"]["training"][-1] < 0.02

# %%
# TODO overfitting named
#
# Labels by dice
# --------------
#
# TODO intro

torch.manual_seed(0)
diced = torch.randint(10, (500,))
after = [
    (judge(net, (images, diced)), judge(net, validation)) for net in train(make_net(), diced, 0)
]
curves = {
    what: {name: [epoch[at][number] for epoch in after] for at, name in enumerate(names)}
    for number, what in enumerate(("loss", "accuracy"))
    for names in [("training", "validation")]
}
figure = plot_curves(curves)

# %%
# TODO read
#
# Early stopping
# --------------
#
# .. index:: ! early stopping
#
# TODO

few, patience = [9, 7, 8, 6, 8, 7, 7], 3
waited = [n - 1 - few[:n].index(min(few[:n])) for n in range(1, len(few) + 1)]
print(waited)
assert waited == [0, 0, 1, 0, 1, 2, 3]

# %%
# Dropout
# -------
#
# TODO

from itertools import product

units, p = torch.tensor([1.0, 2.0, 3.0, 4.0]), 0.5
mask = torch.tensor([1.0, 0.0, 0.0, 1.0])
print((units * mask / (1 - p)).tolist())
assert (units * mask / (1 - p)).tolist() == [2, 0, 0, 8]
masks = torch.tensor(list(product([0.0, 1.0], repeat=4)))
assert (units * masks / (1 - p)).mean(dim=0).tolist() == units.tolist()
torch.manual_seed(0)
by_torch = nn.functional.dropout(units, p)
torch.manual_seed(0)
m = nn.functional.dropout(torch.ones(4), p) * (1 - p)
assert torch.equal(by_torch, units * m / (1 - p))
assert torch.equal(nn.Dropout(p).eval()(units), units)

# %%
# Augmentation
# ------------

from torchvision.transforms import v2

from cnnbook.windows import windows


def shift_and_flip(batch: torch.Tensor) -> torch.Tensor:
    """Shift each image by up to two pixels, and flip every second one, at random."""
    count = len(batch)
    row, column = torch.randint(5, (2, count))
    shifts = windows(nn.functional.pad(batch, (2, 2, 2, 2)), 28)
    shifted = shifts[torch.arange(count), :, row, column]
    flip = torch.rand(count) < 0.5
    return torch.where(flip[:, None, None, None], shifted.flip(-1), shifted)


# %%
# Choose decay

choice = {}
for decay in (0.01, 0.1, 1.0):
    torch.manual_seed(0)
    for net in train(make_net(), labels, 0, decay):
        pass
    choice[decay] = judge(net, validation)
    print(choice)

import copy
import time

start = time.process_time()
ways = {"plain": (0, {}), "dropout": (.5, {}), "weight decay": (0, {"decay": 1.0}), "augmentation": (0, {"augment": shift_and_flip}), "all three": (.5, {"decay": 1.0, "augment": shift_and_flip})}
res = {}
for seed in range(5):
    for name, (p, opt) in ways.items():
        torch.manual_seed(seed)
        net = make_net(p)
        h, st = [], []
        for _ in train(net, labels, seed, **opt):
            if name == "plain":
                h.append(judge(net, validation)[0])
                st.append(copy.deepcopy(net.state_dict()))
        res.setdefault(name, []).append(judge(net, data.test))
        tr = judge(net, training)
        print(seed, name, res[name][-1], tr, f"{time.process_time()-start:.1f}", flush=True)
        if h:
            net.load_state_dict(st[h.index(min(h))])
            res.setdefault("early", []).append(judge(net, data.test))
            w = [n - 1 - h[:n].index(min(h[:n])) for n in range(1, 41)]
            print("early", h.index(min(h)) + 1, res["early"][-1], w)
from cnnbook.metrics import compare_paired, mean_interval
for n, v in res.items():
    for k in (0, 1):
        print(n, mean_interval([x[k] for x in v]), compare_paired([x[k] for x in v], [x[k] for x in res["plain"]]))
means = torch.stack([images[labels == k].mean(0) for k in range(10)])
for k, nm in enumerate(data.class_names):
    own = validation_images[validation_labels == k]
    near = (own - means[k]).square().sum((1, 2, 3)) < (own - means[k].flip(-1)).square().sum((1, 2, 3))
    print(nm, int(near.sum()), len(own))
for s in range(8):
    torch.manual_seed(s)
    f = v2.RandomHorizontalFlip()
    b = images[:1].expand(8, -1, -1, -1)
    print([torch.equal(i, images[0]) for i in f(b)])
