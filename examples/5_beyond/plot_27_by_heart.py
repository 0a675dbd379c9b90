"""
27. Known by heart
==================

*The network classifies every training image correctly. How good is it on new images, and what helps
if it is not?*

You need the training loop with mini-batches and validation of
:doc:`/gallery/5_beyond/plot_23_everybody`, the deeper network of
:doc:`/gallery/5_beyond/plot_25_deeper` for the question where all the parameters are, and the
intervals and paired differences of :doc:`/gallery/1_why/plot_04_fair`.
"""

# %%
# Three sets of images
# --------------------
#
# .. index:: ! training set, ! validation set, ! test set
#
# A network that knows its training images tells little about other images. So the images are
# divided into three sets, and each has one task. The *training set* gives the gradients. The
# :term:`validation set` is for every choice: when to stop, which network, which options. The
# *test set* is used once, at the end, to report the result.

import torch

from cnnbook.images import load_fashion_mnist

data = load_fashion_mnist(n_train=1000, n_test=5000, one_hot=False, fallback="drawn")
images, validation_images = data.train_images.split(500)
labels, validation_labels = data.train_labels.split(500)
test_images, test_labels = data.test
print(len(images), len(validation_images), len(test_images))
assert (len(images), len(validation_images), len(test_images)) == (500, 500, 5000)

# %%
# Suppose that we have labels for 1,000 images: 500 are for training, 500 for validation. (Often a
# tenth or a fifth is enough for validation. With 500 the curves below are smoother.) The 5,000 test
# images are kept aside.
#
# Why is there a third set? Because every choice is also a choice of luck. Here are 1,000
# "networks" that have learned nothing: each guesses a class for each image. We keep the one that
# is best on the first 100 validation images. How good is it on these 100 images, and how good on
# the other 400?

dice = torch.Generator().manual_seed(27)
guesses = torch.randint(10, (1000, 500), generator=dice)
correct = (guesses == validation_labels).double()
best = correct[:, :100].mean(dim=1).argmax()
chosen_on, others = correct[best, :100].mean().item(), correct[best, 100:].mean().item()
print(f"{chosen_on:.2f} on the images that chose it, {others:.2f} on the others")
assert chosen_on > 0.17
assert others < 0.15

# %%
# It has TODO of 100 correct where it was chosen, and TODO of 100 on the others, which is what
# guessing gives. The choice has made the first number too good. The same happens, to a smaller
# extent, when you train twenty networks and keep the one with the best validation accuracy. So the
# test images must not choose anything, or there is no number left that can be trusted.
#
# A network with room
# -------------------
#
# The network of this page is small: one convolution with a stride of 2, a pooling, a hidden layer
# with 128 units. The layer ``Dropout`` is explained below; with ``p=0`` it does nothing.

from torch import nn

from cnnbook.counting import count_parameters


def make_net(p: float = 0.0) -> nn.Sequential:
    """Make the network of this page, with dropout of probability p."""
    convolution = (nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(), nn.MaxPool2d(2))
    hidden = (nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(p))
    return nn.Sequential(*convolution, *hidden, nn.Linear(128, 10))


print(f"{count_parameters(make_net()):,} parameters")
assert count_parameters(make_net()) == (16 * 25 + 16) + (784 * 128 + 128) + (128 * 10 + 10)
assert count_parameters(make_net()) == 102_186 > 200 * 500

# %%
# 102,186 parameters, more than 200 for each training image. After each epoch we want two numbers,
# the loss and the accuracy, for any set of images:

from cnnbook.metrics import accuracy, predict_scores

training = (images, labels)
validation = (validation_images, validation_labels)


def judge(net: nn.Module, some: tuple[torch.Tensor, torch.Tensor]) -> tuple[float, float]:
    """Return loss and accuracy on some images, in evaluation mode."""
    scores = predict_scores(net, some[0], device="cpu")
    return nn.functional.cross_entropy(scores, some[1]).item(), accuracy(scores, some[1])


# %%
# The loop is the usual one: mini-batches of 25, 20 updates in each epoch, 40 epochs. The options
# ``decay`` and ``augment`` come later. Without them, ``AdamW`` is the same as ``Adam``.


def epochs_of(net, some, *, seed, decay=0.0, augment=None):
    """Train for 40 epochs, and give control back after each."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.003, weight_decay=decay)
    order = torch.Generator().manual_seed(seed)
    for _ in range(40):
        net.train()
        for pick in torch.randperm(500, generator=order).split(25):
            batch = augment(some[0][pick]) if augment else some[0][pick]
            nn.functional.cross_entropy(net(batch), some[1][pick]).backward()
            optimizer.step()
            optimizer.zero_grad()
        yield net


# %%
# Overfitting
# -----------
#
# .. index:: ! overfitting
#
# Now we train it, and after each epoch we look at the training images and at the validation images.
# Before you run it: draw the four curves that you expect, loss and accuracy on both sets.

from cnnbook.figures import plot_curves

# sphinx_gallery_thumbnail_number = 1
torch.manual_seed(0)
on_training, on_validation = [], []
for net in epochs_of(make_net(), training, seed=0):
    on_training.append(judge(net, training))
    on_validation.append(judge(net, validation))


def panels(**histories: list[tuple[float, float]]) -> dict[str, dict[str, list[float]]]:
    """Sort histories of (loss, accuracy) into a panel for each."""
    measures = enumerate(("loss", "accuracy"))
    return {what: {k: [h[i] for h in v] for k, v in histories.items()} for i, what in measures}


figure = plot_curves(panels(training=on_training, validation=on_validation))

# %%
# TODO read

losses = [loss for loss, _ in on_validation]
lowest = losses.index(min(losses)) + 1
print(f"training {on_training[-1][1]:.3f}, validation {on_validation[-1][1]:.3f}")
print(f"validation loss: lowest {min(losses):.2f} after epoch {lowest}, last {losses[-1]:.2f}")

# %%
# Labels by dice
# --------------

torch.manual_seed(0)
random_labels = torch.randint(10, (500,))
by_dice = {"training": [], "validation": []}
for net in epochs_of(make_net(), (images, random_labels), seed=0):
    by_dice["training"].append(judge(net, (images, random_labels)))
    by_dice["validation"].append(judge(net, validation))
figure = plot_curves(panels(**by_dice))
print({k: v[-1] for k, v in by_dice.items()})
