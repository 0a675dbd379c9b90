"""
5. Is it the image, or the pixels?
==================================

*Does a network use which pixels are neighbours, or only the 784 numbers of an image?*

You need the two networks of :doc:`/gallery/1_why/plot_01_accuracy`, and the ten starts and the
intervals of :doc:`/gallery/1_why/plot_04_fair`. You also need to know that a kernel of the CNN
multiplies windows of 2 x 2 neighbouring pixels with its weights.
"""

# %%
# The experiment
# --------------
#
# Choose one random order of the 784 pixels, a permutation. Put the pixels of all images into this
# order, of the training images and of the test images. No information is lost: if you know the
# order, you can restore the images. But neighbouring pixels are no longer neighbours.

from dataclasses import replace

from cnnbook.images import load_fashion_mnist, shuffle_pixels

data = load_fashion_mnist(n_train=5000, n_test=1000, fallback="drawn")
if data.drawn:
    data = load_fashion_mnist(n_train=500, n_test=500, fallback="drawn")
shuffled = replace(
    data,
    train_images=shuffle_pixels(data.train_images),
    test_images=shuffle_pixels(data.test_images),
)
print(data)

# %%
# As on the page before, drawn images are used if Fashion-MNIST [Xiao2017]_ is unavailable; they say
# nothing about real clothes. The experiment is from the literature [Zhang2017]_. Here are three
# images before and after the permutation:

import torch

from cnnbook.figures import plot_images

# sphinx_gallery_thumbnail_number = 1
classes = data.train_labels.argmax(dim=1)
three = [int((classes == k).nonzero()[0]) for k in (1, 7, 8)]
both = torch.cat([data.train_images[three], shuffled.train_images[three]])
names = [data.class_names[k] for k in (1, 7, 8)]
figure = plot_images(both, titles=names * 2, columns=3, size=1.7)

# %%
# The upper row shows a trouser, a sneaker and a bag, the lower row the same pixels in the new
# order. You recognize the upper ones without a mistake. Could you learn to recognize the lower
# ones? On the website, a button shuffles the pixels and puts them back:

from cnnbook.figures import browse_shuffle

browse_shuffle(data.train_images[three], shuffled.train_images[three], titles=names)

# %%
# Guess: how does the test accuracy of the MLP change if it is trained and tested with shuffled
# images, and how does that of the CNN change?
#
# The order of a sum does not matter
# ----------------------------------
#
# For the MLP we need no measurement. Take a pencil, an image of four pixels, 1, 2, 3 and 4, and a
# hidden unit with the weights 5, 6, 7 and 8. It computes a sum:

pixels, weights = [1, 2, 3, 4], [5, 6, 7, 8]
order = [2, 0, 3, 1]
before = sum(w * x for w, x in zip(weights, pixels, strict=True))
after = sum(weights[k] * pixels[k] for k in order)
print(before, after)
assert before == after == 1 * 5 + 2 * 6 + 3 * 7 + 4 * 8 == 70

# %%
# If the weights are put into the same new order as the pixels, the sum is 70 as before. So for
# every MLP there is another one that gives the same scores for the shuffled images: the columns of
# its first :term:`weight` are in the new order, and all other parameters are the same. Here are
# both, with the order that was used above:

from cnnbook.networks import mlp

numbers = torch.arange(784.0).reshape(1, 1, 28, 28)
order = shuffle_pixels(numbers).flatten().long()
torch.manual_seed(0)
plain, moved = mlp(), mlp()
moved.load_state_dict(plain.state_dict())
with torch.no_grad():
    moved[1].weight.copy_(plain[1].weight[:, order])
    difference = plain(data.test_images) - moved(shuffled.test_images)
print("largest difference of a score below 0.00001:", difference.abs().max().item() < 0.00001)
assert difference.abs().max() < 0.00001

# %%
# The scores of all test images are the same up to rounding. They differ by less than 0.00001,
# because the products are added up in another order.
#
# And after training? For one image, the :term:`gradient` of a weight in the first layer is the
# pixel that it multiplies, times the gradient of its hidden unit. The gradients of all images are
# added up. Weight and pixel have moved to the same new position, so the gradient has moved there,
# too.
# And Adam updates each weight separately. So we expect the two networks to stay equal during
# training. Ten updates of each:

from cnnbook.training import fit_full_batch

curves = [
    fit_full_batch(net, clothes.train_images, clothes.train_labels, epochs=10).losses
    for net, clothes in ((plain, data), (moved, shuffled))
]
apart = max(abs(one / other - 1) for one, other in zip(*curves, strict=True))
print(f"from {curves[0][0]:.3f} to {curves[0][-1]:.3f}")
print("apart by less than 0.0001:", apart < 0.0001)
assert apart < 0.0001
assert curves[0][-1] < curves[0][0]

# %%
# The losses are the same, up to a relative difference below 0.0001. This is rounding again, and
# each update passes it on to the next.
#
# So an MLP does not use which pixels are neighbours. It gets 784 numbers and has no information on
# their positions. The same holds for the linear floor of the page before.
#
# The order matters for a kernel
# ------------------------------
#
# The CNN has sixteen kernels of four weights, and each kernel is used in every window. The pixels
# that were in one window are now in many different windows. No order of the four weights can
# correct this. Every pixel except the last of its row has a neighbour on its right. After
# shuffling, how many pixels still have the same neighbour on their right?
#
# .. guess:: Pixels with the same neighbour
#    :choices: nearly all | about half | a few or none

grid = order.reshape(28, 28)
left, right = grid[:, :-1], grid[:, 1:]
still = ((right - left == 1) & (right % 28 != 0)).sum().item()
print(f"{still} of {left.numel()} pairs")
assert left.numel() == 28 * 27 == 756
assert still == 0

# %%
# None of 756. A window of a shuffled image contains four pixels from different parts of the image.
#
# How well the CNN learns from such windows has to be measured: ten starts with the pixels in order,
# and ten with shuffled pixels. These trainings take an hour, so they were run once, and their
# results are read from the folder ``kept_seeds``, as on the page before. Before you look: of 1,000
# test images, how many fewer does the CNN classify correctly after shuffling?
#
# .. guess:: Images of 1,000

from pathlib import Path

from cnnbook.networks import small_cnn
from cnnbook.seeds import train_over_seeds

KEPT = (Path(__file__).parent if "__file__" in globals() else Path()) / "kept_seeds"
seeds, epochs = (range(3), 10) if data.drawn else (range(10), 499)
results = {}
for make_net, kind in ((mlp, "MLP"), (small_cnn, "CNN")):
    for clothes, name in ((data, kind), (shuffled, f"{kind} shuffled")):
        folder = None if data.drawn else KEPT / name.lower().replace(" ", "_")
        options = {"epochs": epochs, "folder": folder, "progress": True}
        results[name] = train_over_seeds(make_net, clothes, seeds, **options)
print(results["CNN shuffled"])

# %%
# The last lines say where and when they were trained. As before, we check the first losses in the
# files: those of the MLP from above, and those of ten updates of the CNN on shuffled images. They
# must agree within 2 % (0.02):

torch.manual_seed(0)
again = {
    "MLP": curves[0],
    "CNN shuffled": fit_full_batch(
        small_cnn(), shuffled.train_images, shuffled.train_labels, epochs=10
    ).losses,
}
for name, losses in again.items():
    kept = results[name].histories[0].losses
    differences = [abs(now / then - 1) for now, then in zip(losses, kept, strict=False)]
    print(f"{name}: {len(losses)} losses, all within 0.02: {max(differences) < 0.02}")
    assert max(differences) < 0.02

# %%
# The figure shows the starts as dots, and the 95 % :term:`confidence interval` of each mean:

from cnnbook.figures import plot_seeds

shares = {name: result.accuracies for name, result in results.items()}
intervals = {name: result.interval(confidence=0.95) for name, result in results.items()}
figure = plot_seeds(
    shares,
    label=f"accuracy on {len(data.test_images):,} test images",
    intervals={name: (interval.low, interval.high) for name, interval in intervals.items()},
)

# %%
# For the MLP the two rows are nearly the same; for the CNN they are not. The table shows the mean
# drop in accuracy that shuffling causes, in images of 1,000, its 95 % interval, the number of seeds
# that are better with the pixels in order, and the p value of the paired t test. A negative drop
# means that the network is better with shuffled pixels:

from cnnbook.metrics import compare_paired

drops = {}
for kind in ("MLP", "CNN"):
    drops[kind] = compare_paired(shares[kind], shares[f"{kind} shuffled"])
print("network  mean drop   95 % interval  better in order  p value")
for kind, drop in drops.items():
    interval = f"{1000 * drop.interval.low:.1f} to {1000 * drop.interval.high:.1f}"
    print(f"{kind:8} {1000 * drop.interval.mean:9.1f} {interval:>15}", end="")
    print(f"{drop.first_larger:11} of {len(seeds)} {drop.p_value:9.1g}")

# %%
# For the MLP we know the true difference: it is 0. If the columns of a random start are put into
# another order, the result is another random start with the same probability. So the ten starts on
# shuffled images are like ten other starts on images in order. The measured difference is chance,
# and on Fashion-MNIST its interval contains 0.
#
# On Fashion-MNIST, the CNN is worse on shuffled images with each of the ten seeds, by 17 images of
# 1,000 on average. That is the part of its accuracy that depends on which pixels are neighbours.
#
# .. guess-end::

if not data.drawn:
    assert -0.005 < drops["MLP"].interval.low < 0 < drops["MLP"].interval.high < 0.005
    assert drops["CNN"].first_larger == 10
    assert 5 < 1000 * drops["CNN"].interval.low < 1000 * drops["CNN"].interval.high < 30
    assert round(1000 * drops["CNN"].interval.mean) == 17

# %%
# Why it still learns
# -------------------
#
# Did you expect a larger drop? Compare with two networks of the page before, the linear floor and
# the MLP with as many parameters as the CNN. For these two, the order of the pixels makes no
# difference:

from cnnbook.networks import matched_mlp

others = {
    "linear": lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)),
    "matched": lambda: matched_mlp(27_130),
}
for name, make_net in others.items():
    folder = None if data.drawn else KEPT / name
    results[name] = train_over_seeds(
        make_net, data, seeds, epochs=epochs, folder=folder, progress=True
    )

# %%
# As a table of the means and their 95 % intervals:

print("network       mean   95 % interval")
for name in ("linear", "matched", "CNN shuffled", "CNN"):
    interval = results[name].interval()
    print(f"{name:13} {interval.mean:.3f}  {interval.low:.3f} to {interval.high:.3f}")

# %%
# On Fashion-MNIST, the CNN is better than both, even with shuffled pixels:

means = {name: result.interval().mean for name, result in results.items()}
left = means["CNN shuffled"] - means["matched"]
lost = means["CNN"] - means["CNN shuffled"]
print(f"lead over the matched MLP: {lost:.3f} lost, {left:.3f} left")
if not data.drawn:
    assert min(shares["CNN shuffled"]) > 0.82
    assert means["linear"] < means["matched"] < intervals["CNN shuffled"].low
    assert lost > left
    assert (f"{lost:.3f}", f"{left:.3f}") == ("0.017", "0.009")
assert small_cnn()[4].in_features == 2704

# %%
# The convolution computes a weighted sum of four pixels from different parts of the image.
# Neighbours would be better, but these are also pixels of the image. ReLU and pooling compute from
# them what a linear layer cannot compute. After them there is a linear layer, which does not use
# neighbours either: each class has a weight for each of 2,704 numbers.
#
# So on Fashion-MNIST the lead over the matched MLP has two parts. The larger part, 0.017, depends
# on the order of the pixels and is lost by shuffling. The smaller part, 0.009, is left. Shuffling
# does not show what causes it. The matched MLP has as many parameters as the CNN, but fewer MACs
# and activations.
#
# The experiment does not show that a CNN needs the right order to learn. It shows that a CNN learns
# more with it, and that an MLP learns equally well with any order. It does not show which part of
# the CNN is affected, the :term:`convolution` or the :term:`pooling`. And all ten starts had the
# same permutation: with another one, the drop could be a little larger or smaller.
#
# .. board::
#    :minutes: 20
#
#    1. An image of 2 x 2 pixels can be put into how many orders? In how many of them does the upper
#       left pixel still have its old neighbour on its right?
#
#       24 orders, ``4*3*2*1 = 24``. In 4 of them: the pair stands in the upper or in the lower row,
#       and the two other pixels have two orders each time.
#
#    2. Suppose that every image is shuffled in an order of its own. Which of these numbers of an
#       image stay the same: the mean of its pixels, its largest pixel, the output of a hidden unit
#       of the MLP?
#
#       The mean and the largest pixel. The hidden unit changes, because its weights no longer meet
#       the pixels for which they were trained. So the MLP would suffer, too.
#
#    3. Shuffle the rows of an image, but leave the pixels within each row in order. A convolution
#       has windows of 1 x 2. What happens to its feature map?
#
#       It has the same numbers, with its rows in the new order. Each window lies within one row, so
#       no window is torn apart.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 5.1
#
# .. exercise:: 5.2
#
# .. exercise:: 5.3
#
# The answer
# ----------
#
# The MLP uses only the values of the pixels. It learns from shuffled images exactly what it learns
# from images in order, up to rounding, because the order of a sum does not matter. The CNN also
# uses which pixels are neighbours: with shuffled pixels it loses a part of its accuracy.
#
# What does the layer that uses neighbours compute in a single window?
# :doc:`/gallery/2_layers/plot_06_one_window`.
