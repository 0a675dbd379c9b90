"""
10. MaxPool
===========

*What does max pooling keep, what does it never use, and may it come before the ReLU?*

You need :doc:`/gallery/2_layers/plot_09_relu`. A convolution has made feature maps, and ReLU has
set every number below 0 to 0. The third of the lecture's layers makes the maps smaller.
"""

# %%
# The largest of each window
# --------------------------
#
# .. index:: ! pooling, ! max pooling
#
# As in the lecture [Choi2025]_, the image has 5 x 5 random pixels. It is the image of the page on
# ReLU, here without ReLU.

import torch

torch.manual_seed(26)
image = torch.randn(1, 1, 5, 5)
print(image[0, 0])

# %%
# :term:`Pooling <pooling>` makes one number of each :term:`window`, and *max* pooling takes the
# largest. The windows are 2 x 2, and they do not overlap: the :term:`stride`, the step from one
# window to the next, is 2 as well. Take a pencil: which windows are there, and what is the largest
# number in each?
#
# .. guess:: The largest numbers

from cnnbook.figures import plot_feature_maps, plot_pooling
from cnnbook.pooling import max_pool2d

pool = torch.nn.MaxPool2d(2)
print(pool(image)[0, 0])

# %%
# There are four windows, and their largest numbers are 1.2378, 2.0103, 0.6972 and -0.2781. In the
# fourth window all numbers are below 0. The library's :func:`~cnnbook.pooling.max_pool2d` gives the
# same:

print(torch.equal(max_pool2d(image, 2), pool(image)))
# sphinx_gallery_thumbnail_number = 1
figure = plot_pooling(image.round(decimals=1))
expected = [[1.2378, 2.0103], [0.6972, -0.2781]]
assert torch.allclose(pool(image)[0, 0], torch.tensor(expected), rtol=0, atol=0.0001)
assert torch.equal(max_pool2d(image, 2), pool(image))
assert (image[..., 2:4, 2:4] < 0).all()

# %%
# The figure shows the numbers rounded to one decimal. The fifth row and the fifth column are
# crossed out with thin lines: they are in no window.
#
# .. guess-end::
#
# A third window would need a sixth pixel, and a window that goes over the edge does not count. The
# formula for the output size says the same; the stride is the 2 after the ``/``:

from cnnbook.shapes import derive_output_size

print(derive_output_size(5, 2, stride=2))
assert derive_output_size(5, 2, stride=2).output_size == 2

# %%
# (5 - 2) / 2 is 1.5, and ``floor`` rounds it down to one step. One step makes two windows in each
# direction.
#
# What never counts
# -----------------
#
# So nine of 25 pixels do not count. The largest number of the image is among them, 2.2978 in the
# last row. What happens if we set all nine to a million?
#
# .. guess:: In the output
#    :choices: all numbers change | some numbers change | nothing changes

loud = image.clone()
loud[..., 4, :] = loud[..., :, 4] = 1_000_000
print(int((loud == 1_000_000).sum()), "pixels changed")
print(pool(loud)[0, 0])
assert (loud == 1_000_000).sum() == 9 == 25 - 4 * 4
assert torch.equal(pool(loud), pool(image))
assert image.max() == image[0, 0, 4].max()
assert abs(image.max() - 2.2978) < 0.0001
assert (5 - 2) / 2 == 1.5

# %%
# The output does not change: max pooling never uses these pixels.
#
# They have no part in training either. How fast does the sum of the output grow when one pixel
# grows a little? That is the :term:`gradient` with respect to this pixel. (The tensor of ones says
# that each output counts once in the sum.)

from cnnbook.pooling import max_pool2d_grad

gradient = max_pool2d_grad(torch.ones(1, 1, 2, 2), image, 2)
print(gradient[0, 0])
leaf = image.clone().requires_grad_()
pool(leaf).sum().backward()
assert torch.equal(leaf.grad, gradient)

# %%
# The gradient is 1 at the largest pixel of each window and 0 at the 21 others. If one of the other
# pixels grows a little, it is still not the largest, and the output stays the same. A pixel of the
# last row or column can grow by any amount: it is in no window. (The last two lines of the cell
# compute the gradient with torch alone. It is equal.)

assert gradient[0, 0].nonzero().tolist() == [[0, 0], [0, 2], [2, 1], [2, 2]]
assert int((gradient == 0).sum()) == 21

# %%
# If the last row and column must count, set ``ceil_mode=True``. Then a window may go over the edge,
# and takes the largest of the pixels that it has. The output is 3 x 3:

print(torch.nn.MaxPool2d(2, ceil_mode=True)(image)[0, 0])
larger = max_pool2d(image, 2, ceil_mode=True)
assert larger.shape == (1, 1, 3, 3)
assert torch.equal(larger, torch.nn.MaxPool2d(2, ceil_mode=True)(image))
assert larger.max() == image.max()

# %%
# Does any of this happen in a real network? The sloppy CNN of
# :doc:`/gallery/1_why/plot_02_parameters` has sixteen feature maps of 27 x 27 before its pooling,
# and 27 is odd. How many numbers does it compute for nothing?
#
# .. guess:: Numbers

unseen = 16 * (27 * 27 - 26 * 26)
print(f"{unseen} of {16 * 27 * 27:,}, {unseen / (16 * 27 * 27):.1%}")
assert unseen == 848
assert 16 * 27 * 27 == 11_664
assert f"{848 / 11_664:.1%}" == "7.3%"

# %%
# It computes 848 of 11,664 numbers for nothing in each image, which is 7.3 %. The sloppy network
# wastes little.
#
# Why throw away three of four?
# -----------------------------
#
# A feature map says how strongly a kernel responds at each position. After pooling it only says how
# strongly the kernel responds somewhere in each window. Put a single bright pixel on a black image
# and move it one pixel to the right, then one more. Such a shift is called a :term:`translation`.
# Guess what happens to the output.
#
# .. guess:: The output
#    :choices: moves both times | moves once | never moves

dots = torch.zeros(3, 1, 6, 6)
for index, column in enumerate((2, 3, 4)):
    dots[index, 0, 2, column] = 1
    print(column, pool(dots)[index, 0].int().tolist())

# %%
# From column 2 to column 3 nothing changes, because both lie in the same window. From 3 to 4 the
# output moves by one. So the output is the same for *some* small translations, and not for others.
# This is the first reason for pooling.

assert torch.equal(pool(dots)[0], pool(dots)[1])
assert pool(dots)[1, 0].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
assert pool(dots)[2, 0].tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]

# %%
# The second reason is simple: the next layer gets a quarter of the numbers. Here are the edges of a
# boot, after ReLU, before and after pooling:

from cnnbook.convolution import conv2d
from cnnbook.images import load_fashion_mnist
from cnnbook.kernels import prewitt_kernel
from cnnbook.pooling import relu

data = load_fashion_mnist(n_train=100, n_test=1, one_hot=False, fallback="drawn")
boot = data.train_images[data.train_labels == data.class_names.index("Ankle boot")][:1]
edges = relu(conv2d(boot, prewitt_kernel("x")[None, None]))
small = torch.nn.functional.interpolate(pool(edges), scale_factor=2)
both = torch.cat([edges, small], dim=1)
figure = plot_feature_maps(both, titles=["26 x 26", "13 x 13"], size=2)

# %%
# The right map has 13 x 13 numbers, drawn with pixels twice as large. The front of the boot and the
# tip of its toe are where they were. The lines are thicker, because one large number fills its
# whole window.

assert (edges.shape, pool(edges).shape) == ((1, 1, 26, 26), (1, 1, 13, 13))

# %%
# Before the ReLU or after it?
# ----------------------------
#
# The lecture's network applies ReLU first and then pools. Does the order matter? The next image has
# two windows: the left one has positive and negative numbers, the right one only negative numbers.
# Guess both results before you run the cell.
#
# .. guess:: Both results

window = torch.tensor([[-3.0, 5.0, -1.0, -2.0], [2.0, 1.0, -4.0, -2.0]])[None, None]
print("ReLU, then pool:", pool(relu(window)).tolist())
print("pool, then ReLU:", relu(pool(window)).tolist())
assert pool(relu(window)).tolist() == relu(pool(window)).tolist() == [[[[5, 0]]]]

# %%
# 5 and 0, both ways. The order never matters. If one number is smaller than another, ReLU does not
# make it the larger one, so the largest number of a window stays the largest. And if all numbers of
# a window are below 0, the result is 0 in both orders.
#
# What about gradients? The right window is special: after ReLU it has four equal zeros, and the
# pooling has to choose one of them. We pass a different number back from each output, so that we
# can see which output a gradient comes from, and look at the gradient of the image.


def gradient_of(image: torch.Tensor, *layers: torch.nn.Module) -> torch.Tensor:
    """Return the image's gradient if the gradients of the outputs are 1, 2, 3 and so on."""
    leaf = image.clone().requires_grad_()
    output = torch.nn.Sequential(*layers)(leaf)
    output.backward(torch.arange(1.0, 1 + output.numel()).reshape(output.shape))
    return leaf.grad


print(gradient_of(window, torch.nn.ReLU(), pool)[0, 0])
print(gradient_of(window, pool, torch.nn.ReLU())[0, 0])

# %%
# Only the 5 has a gradient, both ways. In the right window the pooling chooses one of the four
# zeros, but ReLU passes no gradient to it, because the number before ReLU was below 0. If the
# pooling comes first, the largest number is below 0, and ReLU passes no gradient either. Now the
# same on the feature maps that sixteen random kernels make of a hundred images:

torch.manual_seed(43052)
features = torch.nn.Conv2d(1, 16, 2)(data.train_images).detach()
for case in (window, features):
    assert torch.equal(pool(relu(case)), relu(pool(case)))
    rectify_first = gradient_of(case, torch.nn.ReLU(), pool)
    assert torch.equal(rectify_first, gradient_of(case, pool, torch.nn.ReLU()))
print(f"{pool(features).numel():,} outputs and {features.numel():,} gradients compared")

# %%
# All 270,400 outputs and all 1,166,400 gradients are equal to the last bit. The feature maps have
# numbers on both sides of 0.

assert pool(features).numel() == 100 * 2_704 == 270_400
assert features.numel() == 100 * 11_664 == 1_166_400
assert gradient_of(window, pool, torch.nn.ReLU())[0, 0].nonzero().tolist() == [[0, 1]]
assert (features < 0).any()
assert (features > 0).any()

# %%
# So a network may pool first. What does that save? No parameters and no products. But ReLU has to
# process every number that it gets. Count these numbers for our CNN, and for a CNN whose feature
# maps are 26 x 26, which pooling divides without a remainder.

from cnnbook.counting import cost_table

saved = {}
for size in (2, 3):
    conv, rectify = torch.nn.Conv2d(1, 16, size), torch.nn.ReLU()
    lecture = cost_table(torch.nn.Sequential(conv, rectify, pool), (1, 28, 28)).rows
    pool_first = cost_table(torch.nn.Sequential(conv, pool, rectify), (1, 28, 28)).rows
    saved[size] = (lecture[1].activations, pool_first[2].activations)
    before, after = saved[size]
    print(f"{size} x {size}: {before:,} or {after:,}, {before / after:.2f} times fewer")

# %%
# With kernels of 3 x 3, ReLU processes 2,704 numbers instead of 10,816: exactly a quarter. With the
# lecture's kernels of 2 x 2 it is 2,704 instead of 11,664, which is 4.31 times fewer, because the
# 848 numbers that pooling never uses need no ReLU either.

assert saved == {2: (11_664, 2_704), 3: (10_816, 2_704)}
assert 11_664 - 848 == 10_816 == 4 * 2_704
assert f"{11_664 / 2_704:.2f}" == "4.31"

# %%
# The saving is small, because ReLU is cheap. ReLU makes one comparison for each number, the largest
# of four numbers takes three comparisons, and the convolution before them needs many products:

products, comparisons = 16 * 27 * 27 * 4, 3 * 2_704
for name, rectified in (("ReLU first", 11_664), ("pooling first", 2_704)):
    print(f"{name}: {products:,} products, {rectified + comparisons:,} comparisons")
assert (products, comparisons) == (46_656, 8_112)
assert (11_664 + comparisons, 2_704 + comparisons) == (19_776, 10_816)

# %%
# There are 10,816 comparisons instead of 19,776, and 46,656 products in both orders. We have
# counted here, not measured time.
#
# This works for the maximum, but not for the *average*: here the order matters. One window is
# enough to see it:

from cnnbook.pooling import avg_pool2d

mixed = torch.tensor([[[[4.0, -4.0], [0.0, 0.0]]]])
print(avg_pool2d(relu(mixed), 2).item(), relu(avg_pool2d(mixed, 2)).item())
assert avg_pool2d(relu(mixed), 2).item() == 1 == (4 + 0 + 0 + 0) / 4
assert relu(avg_pool2d(mixed, 2)).item() == 0 == (4 - 4 + 0 + 0) / 4

# %%
# ReLU first gives 1, the average first gives 0: in an average, the numbers below 0 count.
#
# .. board::
#    :minutes: 25
#
#    1. ``MaxPool2d(2)`` is applied twice to 28 x 28 pixels. Which size comes out, and is it the
#       same as one ``MaxPool2d(4)``?
#
#       7 x 7, and it is the same: the largest of four maxima of four numbers is the largest of the
#       sixteen.
#
#    2. You have only max pooling and minus signs. How do you get the smallest number of each
#       window? Try ``[[1, 2], [3, 0]]``.
#
#       Change all signs, pool, and change the sign of the result: ``-max(-x)``. With the signs
#       changed, the largest is 0, so the smallest is 0.
#
#    3. One single pixel changes. How many outputs of ``MaxPool2d(2)`` can change at most? And how
#       many with ``stride=1``?
#
#       Only 1 can, because the windows do not overlap. With ``stride=1`` a pixel is in up to 4
#       windows, so 4 outputs can change.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 10.1
#
# .. exercise:: 10.2
#
# .. exercise:: 10.3
#
# The answer
# ----------
#
# Max pooling [Zhou1988]_ keeps the largest number of each window, so four numbers become one. It
# never uses pixels that do not fill a window: the last row and column of 5 x 5 pixels, and of
# 27 x 27. It has no parameters. And it may stand before the ReLU, with the same values and the same
# gradients; then ReLU has a quarter of the work.
#
# Convolution, ReLU, MaxPool: these are the layers before the linear layer of the sloppy CNN. Two of
# them change the size of their input. How are these sizes computed?
# :doc:`/gallery/3_inside/plot_11_sizes`.
