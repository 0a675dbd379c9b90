"""
Is it the picture, or the pixels?
=================================

*Does a network look at the picture, or only at the 784 numbers that it is made of?*

You need :doc:`/gallery/1_why/plot_03_fair`, with its dots and its intervals, and the two networks
of :doc:`/gallery/1_why/plot_01_accuracy`.
"""

# %%
# A cruel experiment
# ------------------
#
# Draw one random order of the 784 pixels. Put the pixels of every image into this order, the same
# for all of them, training and test. Nothing is lost, since whoever knows the order can put them
# back. But it is no picture any more.

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
# As on the page before, 500 clothes are drawn where Fashion-MNIST [Xiao2017]_ is unavailable. They
# say nothing about real clothes. The experiment itself is from the literature [Zhang2017]_. Three
# garments, before and after:

import torch

from cnnbook.figures import plot_images

# sphinx_gallery_thumbnail_number = 1
classes = data.train_labels.argmax(dim=1)
three = [int((classes == k).nonzero()[0]) for k in (1, 7, 8)]
both = torch.cat([data.train_images[three], shuffled.train_images[three]])
names = [data.class_names[k] for k in (1, 7, 8)]
figure = plot_images(both, titles=names * 2, columns=3, size=1.7)

# %%
# Above a trouser, a sneaker and a bag, below the same numbers. You would sort the upper ones
# without a mistake. Could you learn to sort the lower ones?
#
# Guess what becomes of the MLP, and what of the CNN. Which of them learns less from the lower kind,
# and by how much?
#
# A sum has no order
# ------------------
#
# For the MLP nothing needs to be measured. Take a pencil and a picture of four pixels, 1, 2, 3 and
# 4, and a hidden unit with the weights 5, 6, 7 and 8. It computes a sum:

pixels, weights = [1, 2, 3, 4], [5, 6, 7, 8]
order = [2, 0, 3, 1]
before = sum(w * x for w, x in zip(weights, pixels, strict=True))
after = sum(weights[k] * pixels[k] for k in order)
print(before, after)
assert before == after == 1 * 5 + 2 * 6 + 3 * 7 + 4 * 8 == 70

# %%
# If the weights are put into the same new order as the pixels, the sum is 70 as before. So for
# every MLP that knows the pictures there is another one that knows the shuffled pictures exactly as
# well: the columns of its first :term:`weight` stand in the new order, and everything behind is
# left alone. Here are both, with the order that was used above:

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
# All scores of all test images are the same, up to a rounding below 0.00001, because the sums are
# added up in another order. And training? The :term:`gradient` of a weight is a sum over the images
# of its pixel, times what was handed back. The pixel has moved with its weight, so the gradient
# has, too, and Adam treats each weight by itself. So the two networks should stay equal in this
# sense. Ten updates of each:

from cnnbook.training import fit_full_batch

curves = [
    fit_full_batch(net, clothes.train_images, clothes.train_labels, epochs=10).losses
    for net, clothes in ((plain, data), (moved, shuffled))
]
apart = max(abs(one / other - 1) for one, other in zip(*curves, strict=True))
print(
    f"from {curves[0][0]:.3f} to {curves[0][-1]:.3f}; apart by less than 0.0001: {apart < 0.0001}"
)
assert apart < 0.0001
assert curves[0][-1] < curves[0][0]

# %%
# The losses fall together and are apart by less than 0.0001 of their size. That is rounding again,
# which each update carries on to the next.
#
# So an MLP does not look at the picture. It gets 784 numbers, and no information on which of them
# are neighbours. The same holds for the linear floor of the page before.
#
# A kernel has no such partner
# ----------------------------
#
# The CNN has sixteen kernels of four weights, and each is used in every window. What should a
# kernel do to follow the pixels? Those that it met in one window are now spread over many, in each
# of them at another place. There is no order of four weights that puts this right. How many of the
# pairs that were side by side are so still?

grid = order.reshape(28, 28)
left, right = grid[:, :-1], grid[:, 1:]
still = ((right - left == 1) & (right % 28 != 0)).sum().item()
print(f"{still} of {left.numel()} pairs")
assert left.numel() == 28 * 27 == 756
assert still == 0

# %%
# None of 756. A window of the shuffled picture holds four pixels from anywhere. Whether the CNN can
# make do with these has to be measured. Ten starts, with the pixels in order and out of order. They
# take an hour, so they were kept as on the page before, and a notebook without the folder
# ``kept_seeds`` beside it trains them now:

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
# Below the table it says where and when. As before, a file is believed as far as it can be checked.
# The MLP of ten updates above was the first start on pictures; here are ten updates of the CNN on
# shuffled ones. The losses in the files must be the same within two in a hundred:

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
# The starts as dots, and the 95 % :term:`confidence interval` of each mean:

from cnnbook.figures import plot_seeds

shares = {name: result.accuracies for name, result in results.items()}
intervals = {name: result.interval(confidence=0.95) for name, result in results.items()}
figure = plot_seeds(
    shares,
    label=f"accuracy on {len(data.test_images):,} test images",
    intervals={name: (interval.low, interval.high) for name, interval in intervals.items()},
)

# %%
# For the MLP the two rows look like the same row twice, for the CNN they do not. Seed by seed:

from cnnbook.metrics import compare_paired

drops = {kind: compare_paired(shares[kind], shares[f"{kind} shuffled"]) for kind in ("MLP", "CNN")}
for kind, drop in drops.items():
    print(f"{kind}, in order and shuffled. {drop}")
if not data.drawn:
    assert -0.005 < drops["MLP"].interval.low < 0 < drops["MLP"].interval.high < 0.005
    assert drops["CNN"].first_larger == 10
    assert 5 < 1000 * drops["CNN"].interval.low < 1000 * drops["CNN"].interval.high < 30

# %%
# For the MLP we knew. Moving the columns of a random start gives a random start again, and each is
# as probable as the other. So ten starts on shuffled pixels are nothing but ten other starts on
# pictures. The true difference is 0, and what the ten pairs show is luck. Their interval holds the
# 0 and keeps within 0.005 of it.
#
# The CNN loses accuracy, with every one of its ten starts. On the mean it loses between 5 and 30 of
# a thousand test images when the pixels are shuffled. This is what it owes to the picture: its
# windows assume that certain pixels are neighbours, and in the picture they are.
#
# Why it still learns
# -------------------
#
# But then, did you expect it to lose more? Compare with two networks of the page before, the linear
# floor and the MLP with as many parameters as the CNN. For these it makes no difference whether the
# pixels are in order:

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
for name in ("linear", "matched", "CNN shuffled", "CNN"):
    print(f"{name:13}{results[name].interval()}")

# %%
# The CNN is above both even when the pixels are shuffled:

means = {name: result.interval().mean for name, result in results.items()}
left = means["CNN shuffled"] - means["matched"]
lost = means["CNN"] - means["CNN shuffled"]
print(f"lead over the matched MLP: {lost:.3f} lost, {left:.3f} left")
if not data.drawn:
    assert min(shares["CNN shuffled"]) > 0.82
    assert means["linear"] < means["matched"] < intervals["CNN shuffled"].low
    assert lost > left
assert small_cnn()[4].in_features == 2704

# %%
# With every start it classifies more than 82 of a hundred correctly. The convolution looks at four
# pixels from anywhere, which is a poor choice, but they are pixels. Sum, ReLU and maximum make
# something of them that no linear layer could. And behind them stands a linear layer with a weight
# for each of 2,704 places, which knows nothing about neighbours either, and does not need to.
#
# So the lead over the matched MLP, of which page 3 made so much, has two parts. The larger one is
# owed to the picture, and is lost with it. The smaller one is left. Shuffling does not show what
# causes that part; but page 3 could not make everything equal, and the CNN keeps and computes more.
#
# The experiment does not say that a CNN needs pictures to learn. It says that it learns more from
# pictures, and that an MLP does not. Nor does it say which part of the CNN suffers, the
# :term:`convolution` or the :term:`pooling`. And it was one order for all ten starts: another order
# might cost a little more or less.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put ``from cnnbook.exercises import
# check`` before it, and see what the check says. Nothing is given away until you unfold it.
#
# .. exercise:: 4.1
#
# .. exercise:: 4.2
#
# .. exercise:: 4.3
#
# The answer
# ----------
#
# The MLP looks at the pixels only. It learns from shuffled ones exactly what it learns from
# pictures, up to rounding, because a sum has no order. The CNN looks at the picture: whoever
# shuffles it takes away what the windows are good for, and some of what it knew is gone. The rest
# it owes to the pixels, like the MLP.
#
# A layer that knows which pixels are neighbours: who had the idea, and when?
# :doc:`/gallery/1_why/plot_05_history`.
