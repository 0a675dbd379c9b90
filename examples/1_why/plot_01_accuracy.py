"""
1. Why a CNN? Accuracy
======================

*Does a small convolutional network classify clothes better than a large one without convolution?*

You need to know what a linear layer is, and the idea of training by gradient descent. You do not
need to know what a convolution is: this page only shows what it is good for, and later pages
explain it. Words that later pages explain are links to the glossary.
"""

# %%
# The data
# --------
#
# Fashion-MNIST [Xiao2017]_ is a collection of small grey images of clothes in ten classes. As in
# the lecture [Choi2025]_, we use the first 5,000 training images and the first 1,000 test images.
# The networks are never trained with the test images.

import torch

from cnnbook.images import load_fashion_mnist

data = load_fashion_mnist(n_train=5000, n_test=1000, fallback="drawn")
print(data)

# %%
# An image is a grid of 28 x 28 = 784 numbers from 0 (black) to 1 (white). The 1 in the shape is the
# number of its channels: grey images have one :term:`channel`. A label is a row of ten numbers,
# nine 0 and one 1 in the column of its class. This is called :term:`one-hot`. (The last line of the
# output says where the files were found; :doc:`/install` lists the places.)

from cnnbook.figures import plot_images

labels = data.train_labels.argmax(dim=1)
first_of_each = [int((labels == k).nonzero()[0]) for k in range(10)]
figure = plot_images(data.train_images[first_of_each], titles=data.class_names)
assert data.train_images.shape == (5000, 1, 28, 28)
assert data.test_images.shape == (1000, 1, 28, 28)
assert 28 * 28 == 784

# %%
# (The numbers in the text are compared with the code, here and on every page, by lines such as
# ``assert 28 * 28 == 784``. Such a line prints nothing if it is true, and stops the page if it is
# not. On the website these lines are folded: unfold "checked: 3 claims" to see them.)
#
# The figure shows the first image of each class. Some classes are easy to tell apart, such as bag
# and trouser. Others are not: look at pullover, coat and shirt.
#
# Two networks
# ------------
#
# The first network is an :term:`MLP`, a multi-layer perceptron. The lecture calls it *desperate*.
# It flattens the image into a row of 784 numbers, so it does not know which pixels are neighbours,
# and has 2,048 hidden units.

torch.manual_seed(0)
desperate = torch.nn.Sequential(
    torch.nn.Flatten(),
    torch.nn.Linear(784, 2048),
    torch.nn.ReLU(),
    torch.nn.Linear(2048, 10),
)

# %%
# The second network is a :term:`CNN`, a convolutional neural network. The lecture calls it
# *sloppy*: it has one :term:`convolution` with sixteen :term:`kernels <kernel>` of 2 x 2 weights,
# one :term:`pooling` and one linear layer, and nothing is tuned.

torch.manual_seed(0)
sloppy = torch.nn.Sequential(
    torch.nn.Conv2d(1, 16, 2),
    torch.nn.ReLU(),
    torch.nn.MaxPool2d(2),
    torch.nn.Flatten(),
    torch.nn.Linear(2704, 10),
)

# %%
# A drawing of both: the shape of one image after each layer, and how many parameters a layer has.
# The squares are in proportion to the sizes of the :term:`feature maps <feature map>`.

from cnnbook.figures import plot_networks

figure = plot_networks({"desperate MLP": desperate, "sloppy CNN": sloppy}, (1, 28, 28))

# %%
# Both networks compute ten numbers for each image, the :term:`scores <score>` of the classes. Later
# pages take them from the library, where they are called :func:`~cnnbook.networks.mlp` and
# :func:`~cnnbook.networks.small_cnn`.

from cnnbook.networks import mlp, small_cnn

for net in (desperate, sloppy):
    print(net(data.train_images[:3]).shape)
assert (str(mlp()), str(small_cnn())) == (str(desperate), str(sloppy))

# %%
# Training
# --------
#
# Both are trained in the same way: the :term:`loss` is the :term:`cross-entropy`, the
# :term:`optimizer` is :term:`Adam` with its default options, and each update uses the gradient of
# all 5,000 images, the :term:`full batch`. So one update is one :term:`epoch`. Here is the training
# loop, with a copy of each network and five epochs:

from copy import deepcopy

first_losses = {"MLP": [], "CNN": []}
for name, net in (("MLP", deepcopy(desperate)), ("CNN", deepcopy(sloppy))):
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(5):
        scores = net(data.train_images)
        loss = torch.nn.functional.cross_entropy(scores, data.train_labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        first_losses[name].append(loss.item())
    print(name, [f"{loss:.4f}" for loss in first_losses[name]])

# %%
# The loop computes scores, loss and gradients, updates the weights, and clears the gradients. The
# lecture repeats this for ``range(1, 500)``, which is 499 times.
# :func:`~cnnbook.training.fit_full_batch` does the same and is several times faster
# (:doc:`/benchmarks`). With ``progress=True`` it shows how far it is:

from cnnbook.training import fit_full_batch

histories = {
    "MLP": fit_full_batch(desperate, *data.train, epochs=499, progress=True),
    "CNN": fit_full_batch(sloppy, *data.train, epochs=499, progress=True),
}

# %%
# These are the first five losses of each network, and the last one:

for name, history in histories.items():
    print(f"{name}: first losses {[f'{loss:.4f}' for loss in history.losses[:5]]}")
    print(f"{name}: {len(history.losses)} epochs, last loss {history.losses[-1]:.4f}")

# %%
# The first losses are those of the loop above. The function is faster than the loop mainly because
# it divides the images into small parts, *micro-batches*, whose gradients it adds up
# (:term:`gradient accumulation`), and because it pools before the :term:`ReLU`. Later pages show
# why this does not change the result.

for name, history in histories.items():
    for plain, fast in zip(first_losses[name], history.losses, strict=False):
        assert abs(fast / plain - 1) < 0.0001

# %%
# This is how the loss fell:

from cnnbook.figures import plot_curves

losses = {name: history.losses for name, history in histories.items()}
figure = plot_curves({"loss before the update": losses}, yscale="log")
assert histories["MLP"].losses[-1] < histories["CNN"].losses[-1]

# %%
# The axis of the loss is logarithmic: from one number to the next below it, the loss is ten times
# smaller. The training loss of the MLP falls faster, and it is much smaller at the end. But what
# matters is the accuracy on images that were not used for training.
#
# Accuracy
# --------
#
# The predicted class of an image is the class with the largest score. The :term:`accuracy` is the
# share of images whose predicted class is right. In torch it is one line, the first of the
# loop below.
#
# Before you read on, guess: which network classifies more *training* images correctly after 499
# updates, and which classifies more *test* images correctly? How large is the difference?
#
# .. guess:: Training, test, and the difference

from cnnbook.metrics import accuracy, predict_scores

networks = {"MLP": desperate, "CNN": sloppy}
scores = {name: predict_scores(net, data.test_images) for name, net in networks.items()}
for name in networks:
    share = (scores[name].argmax(dim=1) == data.test_labels.argmax(dim=1)).float().mean()
    print(f"{name}: test accuracy {share:.3f}")

# %%
# (:func:`~cnnbook.metrics.predict_scores` computes the scores without gradients, a few hundred
# images at a time.) The same line is in the library, as :func:`~cnnbook.metrics.accuracy`. The
# accuracy on the training images and on the test images:

train_scores = {name: predict_scores(networks[name], data.train_images) for name in networks}
train = {name: accuracy(train_scores[name], data.train_labels) for name in networks}
test = {name: accuracy(scores[name], data.test_labels) for name in networks}
for name in networks:
    print(f"{name}: training {train[name]:.3f}, test {test[name]:.3f}")

# %%
# The desperate MLP knows the 5,000 training images by heart: its training accuracy is higher than
# that of the CNN. But on the test images, the sloppy CNN is better.

assert train["MLP"] >= 0.999 > train["CNN"]
assert test["CNN"] > test["MLP"]

# %%
# On Fashion-MNIST, the CNN classifies 87 of 100 test images correctly, and the MLP 86. Guessing
# would give 10.

if not data.drawn:
    assert 0.86 <= test["CNN"] <= 0.89
    assert 0.84 <= test["MLP"] <= 0.87
    assert abs(test["CNN"] - 0.87) < 0.01
    assert abs(test["MLP"] - 0.86) < 0.01

# %%
# This is one run of each network with one :term:`seed`, tested on 1,000 images. With another random
# start or other test images, each accuracy can change by one or two percentage points, as much as
# the difference between the two. Is the lead of the CNN more than luck? That needs many seeds, and
# they are on a page of their own: :doc:`/gallery/1_why/plot_04_fair`.
#
# .. guess-end::
#
# Which images are classified wrongly?
# ------------------------------------
#
# A :term:`confusion matrix` counts how often each class was predicted for the images of each class.
# A row is the actual class, and a column is the predicted class. The correct predictions are on the
# diagonal. All other fields are mistakes: the stronger the blue, the more often a mistake was made.

from cnnbook.figures import plot_confusion
from cnnbook.metrics import confusion_matrix

matrices = {name: confusion_matrix(scores[name], data.test_labels) for name in networks}
figure = plot_confusion(matrices, class_names=data.class_names)

# %%
# Both networks make most mistakes among the same four classes, T-shirt, pullover, coat and shirt.
# Few trousers and few bags are classified wrongly.

number = data.class_names.index
sleeves = [number(name) for name in ("T-shirt/top", "Pullover", "Coat", "Shirt")]
easy = [number(name) for name in ("Trouser", "Bag")]
for name, matrix in matrices.items():
    wrong = matrix.sum() - matrix.diagonal().sum()
    among_sleeves = matrix[sleeves][:, sleeves]
    among_sleeves = among_sleeves.sum() - among_sleeves.diagonal().sum()
    print(f"{name}: {wrong} mistakes, {among_sleeves} of them among these four classes")
    assert data.drawn or among_sleeves > wrong / 2
    assert data.drawn or (matrix.sum(dim=1) - matrix.diagonal())[easy].max() < 10

# %%
# On Fashion-MNIST, more than half of all mistakes are among these four. What do they look like? On
# the website, choose a number to see its images; elsewhere, the most frequent mistakes are listed:

from cnnbook.figures import browse_confusion

browse_confusion(data.test_images, scores, data.test_labels, class_names=data.class_names)

# %%
# Here are the ten test images for which the loss of the CNN is largest: it gives the lowest
# probability (the :term:`softmax` of its scores) to their class. Above each image is the class that
# the CNN predicted, and after "no" the class that is right.

from cnnbook.metrics import top_losses

worst = top_losses(scores["CNN"], data.test_labels, count=10)
titles = [
    f"{data.class_names[called]}?\nno, {data.class_names[actual]}"
    for called, actual in zip(worst.predicted, worst.actual, strict=True)
]
figure = plot_images(data.test_images[worst.indices], titles=titles, columns=4, size=1.25)

# %%
# Would you classify them correctly? Several of them are hard for people, too.
#
# .. board::
#    :minutes: 20
#
#    1. The scores of an image are ten numbers. By how much does its cross-entropy change if you add
#       5 to all ten?
#
#       By 0. Each ``exp(s + 5)`` is ``exp(5)`` times ``exp(s)``, and this factor cancels in the
#       softmax. Only the differences between scores matter.
#
#    2. A network gives the right class a probability of 1/2 for one image and of 1/8 for another.
#       What is the mean cross-entropy of the two, as a multiple of ln 2?
#
#       2 times ln 2, about 1.386. The two losses are ln 2 and ln 8, which is 3 times ln 2, and ``(1
#       + 3)/2 = 2``.
#
#    3. One network classifies 870 of 1,000 images correctly, another one 860 of the same images. On
#       how many images is exactly one of the two right: at least, and at most?
#
#       At least 10, and at most 270. They make 130 and 140 mistakes. If the first makes only
#       mistakes that the second makes too, ``140 - 130 = 10`` are left; if no mistake is shared,
#       ``130 + 140 = 270``.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
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
# In this run, yes: the small CNN classifies more test images correctly, although its training loss
# is larger and nothing about it was tuned. The lead is small, and this is only one run.
#
# The CNN is also much smaller. By how much, and what does it cost?
# :doc:`/gallery/1_why/plot_02_parameters`.
