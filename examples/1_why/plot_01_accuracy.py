"""
Why a CNN? Accuracy
===================

*Does a small convolutional network see clothes better than a large network without convolution?*

You need to know what a linear layer is and the idea of training by gradient descent. You need to
know nothing about convolution: this page only shows what it is good for, the next ones show what it
is. Where a word of later pages is used, it is a link to the glossary.
"""

# %%
# The data
# --------
#
# Fashion-MNIST [Xiao2017]_ is a collection of small grey pictures of clothes in ten classes. We
# take the first 5,000 training images and the first 1,000 test images, and the networks will
# never be trained on the latter.

import torch

from cnnbook.images import load_fashion_mnist

data = load_fashion_mnist(n_train=5000, n_test=1000, fallback="drawn")
print(data)

# %%
# An image is a grid of 28 x 28 = 784 numbers from 0 (black) to 1 (white), and the "1" in the shape
# is its one colour channel. A label has ten columns, one of which is 1: the
# :term:`one-hot` way to write a class.

from cnnbook.figures import plot_images

assert data.train_images.shape == (5000, 1, 28, 28)
assert data.test_images.shape == (1000, 1, 28, 28)
assert 28 * 28 == 784
labels = data.train_labels.argmax(dim=1)
first_of_each = [int((labels == k).nonzero()[0]) for k in range(10)]
figure = plot_images(data.train_images[first_of_each], titles=data.class_names)

# %%
# (An ``assert`` says nothing as long as it is true, and stops the page if it is not. That is how
# the numbers in the text are compared with the code, here and on every page.)
#
# The first image of each class. Some are easy to tell apart, such as a bag and a trouser. Others
# are not: look at pullover, coat and shirt.
#
# Two networks
# ------------
#
# The first network, an :term:`MLP`, is *desperate*: it flattens the picture into a row of 784
# numbers, so it no longer knows which pixels are neighbours, and throws 2,048 hidden units at them.

from cnnbook.networks import mlp, small_cnn

torch.manual_seed(0)
desperate = mlp()
print(desperate)
assert (desperate[1].in_features, desperate[1].out_features) == (784, 2048)

# %%
# The second, a :term:`CNN`, is *sloppy*: one :term:`convolution` with sixteen
# :term:`kernels <kernel>` of 2 x 2 weights, one :term:`pooling`, one linear layer, and that is all.
# Nobody has tuned it.

torch.manual_seed(0)
sloppy = small_cnn()
print(sloppy)

# %%
# Before you read on, guess: which one classifies more *training* images correctly after 499
# updates, and which one more *test* images? How far apart are they?
#
# Training
# --------
#
# Both are trained in the same way: :term:`cross-entropy`, the Adam optimizer with its default
# options, which is a gradient descent that adapts its step to each weight, and ``range(1, 500)``,
# that is 499 updates, each with the gradient of all 5,000 images (:term:`full batch`). So one
# update is one :term:`epoch`.

from cnnbook.training import fit_full_batch

histories = {
    "MLP": fit_full_batch(desperate, *data.train, epochs=499, progress=True),
    "CNN": fit_full_batch(sloppy, *data.train, epochs=499, progress=True),
}
for name, history in histories.items():
    print(f"{name}: {len(history.losses)} epochs, last loss {history.losses[-1]:.4f}")

# %%
# :func:`~cnnbook.training.fit_full_batch` is the lecture's loop of five lines, made faster: it puts
# the images through the network in micro-batches, and the pooling before the :term:`ReLU`. The
# numbers are the same, and later pages say why. How the :term:`loss` fell:

from cnnbook.figures import plot_curves

losses = {name: history.losses for name, history in histories.items()}
figure = plot_curves({"loss before the update": losses}, yscale="log")
assert histories["MLP"].losses[-1] < histories["CNN"].losses[-1]

# %%
# The axis is logarithmic: from one number to the next, the loss is ten times smaller. The desperate
# network learns its training images faster and further. If the training loss were
# all that counts, we could stop here and take it.
#
# What they learnt
# ----------------
#
# :func:`~cnnbook.metrics.predict_scores` asks a network for its ten scores per image, and
# :func:`~cnnbook.metrics.accuracy` counts how often the largest belongs to the right class.

from cnnbook.metrics import accuracy, predict_scores

networks = {"MLP": desperate, "CNN": sloppy}
scores = {name: predict_scores(net, data.test_images) for name, net in networks.items()}
test = {name: accuracy(scores[name], data.test_labels) for name in networks}
train = {
    name: accuracy(predict_scores(net, data.train_images), data.train_labels)
    for name, net in networks.items()
}
for name in networks:
    print(f"{name}: training {train[name]:.3f}, test {test[name]:.3f}")

# %%
# The desperate network knows its 5,000 training images by heart: of a thousand it classifies at
# most one wrongly. On images it has not seen, the sloppy one is ahead all the same.

assert train["MLP"] >= 0.999 > train["CNN"]
assert test["CNN"] > test["MLP"]

# %%
# In this run on Fashion-MNIST, the CNN classifies between 86 and 89 of a hundred test images
# correctly and the MLP between 84 and 87. Guessing would give 10.

if not data.drawn:
    assert 0.86 <= test["CNN"] <= 0.89
    assert 0.84 <= test["MLP"] <= 0.87

# %%
# One run with one seed on 1,000 images is a thin basis. From another random start, or on another
# thousand images, each of the two may classify one or two in a hundred more or fewer correctly,
# which is as much as the lead. Whether the lead is more than luck, only many seeds can show. They
# have a page of their own: :doc:`/gallery/1_why/plot_03_fair`.
#
# Where they go wrong
# -------------------
#
# A :term:`confusion matrix` counts which class was taken for which. The diagonal holds the right
# answers; the darker another field, the more often that mistake was made.

from cnnbook.figures import plot_confusion
from cnnbook.metrics import confusion_matrix

matrices = {name: confusion_matrix(scores[name], data.test_labels) for name in networks}
figure = plot_confusion(matrices, class_names=data.class_names)

# %%
# Both networks make most mistakes in the same classes: those with sleeves. Of about a hundred
# trousers, and of as many bags, each takes fewer than ten for something else.

sleeves = [data.class_names.index(name) for name in ("T-shirt/top", "Pullover", "Coat", "Shirt")]
easy = [data.class_names.index(name) for name in ("Trouser", "Bag")]
for name, matrix in matrices.items():
    wrong = matrix.sum() - matrix.diagonal().sum()
    among_sleeves = matrix[sleeves][:, sleeves]
    among_sleeves = among_sleeves.sum() - among_sleeves.diagonal().sum()
    print(f"{name}: {wrong} mistakes, {among_sleeves} of them among the classes with sleeves")
    assert data.drawn or among_sleeves > wrong / 2
    assert data.drawn or (matrix.sum(dim=1) - matrix.diagonal())[easy].max() < 10

# %%
# More than half of all mistakes are made among T-shirt, pullover, coat and shirt. Here are the ten
# with the largest loss of the CNN, those to whose class it gave the lowest probability (the
# :term:`softmax` of its scores):

from cnnbook.metrics import top_losses

worst = top_losses(scores["CNN"], data.test_labels, count=10)
titles = [
    f"{data.class_names[called]}?\nno, {data.class_names[actual]}"
    for called, actual in zip(worst.predicted, worst.actual, strict=True)
]
figure = plot_images(data.test_images[worst.indices], titles=titles)

# %%
# Would you have known? Several of them could hang in either part of the shop.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put ``from cnnbook.exercises import
# check`` before it, and see what the check says. Nothing is given away until you unfold it.
# (:doc:`/install` explains how to install ``cnnbook``.)
#
# .. exercise:: 1.1
#
# .. exercise:: 1.2
#
# .. exercise:: 1.3
#
# The answer
# ----------
#
# In this run, yes: the small CNN is ahead on clothes it has never met, although it fits the
# training images less closely, and although nobody took any care of it. At the very least, it
# keeps up.
#
# It is also much smaller. How much, and what is the price for that?
# That is the next page: :doc:`/gallery/1_why/plot_02_parameters`.
