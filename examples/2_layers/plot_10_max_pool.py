"""
MaxPool
=======

*What does max pooling keep, what does it never look at, and may it come before the ReLU?*

You need :doc:`/gallery/2_layers/plot_09_relu`. A convolution has made feature maps, and ReLU has
cut off what is below 0. The third of the lecture's layers makes the maps small.
"""

# %%
# The largest of each window
# --------------------------
#
# .. index:: ! pooling, ! max pooling
#
# The lecture's image has the numbers from 0 to 24. :term:`Pooling <pooling>` takes one number from
# each :term:`window`, and *max* pooling the largest. The windows are 2 x 2 and, unlike those that
# we have met, they do not overlap: the :term:`stride`, the step from one to the next, is 2 as well.
# Take a pencil: which windows are there, and what comes out?

import torch

from cnnbook.figures import plot_feature_maps, plot_pooling

image = torch.arange(25.0).reshape(1, 1, 5, 5)
pool = torch.nn.MaxPool2d(2)
print(image[0, 0])
print(pool(image)[0, 0])

# %%
# Four windows, and in each the lower right number is the largest: 6, 8, 16 and 18.

from cnnbook.pooling import max_pool2d

assert (image.min(), image.max()) == (0, 24)
assert pool(image)[0, 0].tolist() == [[6, 8], [16, 18]]
assert torch.equal(max_pool2d(image, 2), pool(image))
figure = plot_pooling(image)
# sphinx_gallery_thumbnail_number = 1

# %%
# The fifth row and the fifth column are crossed out. A third window would need a sixth pixel, and a
# window that hangs over the edge does not count. It is the usual formula, with stride 2 under the
# line:

from cnnbook.shapes import derive_output_size

print(derive_output_size(5, 2, stride=2))
assert derive_output_size(5, 2, stride=2).output_size == 2

# %%
# (5 - 2) / 2 is one and a half steps, of which one is taken.
#
# What never counts
# -----------------
#
# So nine of 25 pixels do not count. What happens if we set all nine to a million?

loud = image.clone()
loud[..., 4, :] = loud[..., :, 4] = 1_000_000
print(int((loud == 1_000_000).sum()), "pixels changed")
print(pool(loud)[0, 0])
assert (loud == 1_000_000).sum() == 9 == 25 - 4 * 4
assert torch.equal(pool(loud), pool(image))

# %%
# Nothing. The largest numbers by far, and max pooling has not seen them. Nor do they have a part in
# training: ask how much each pixel would change the sum of the output, which is its
# :term:`gradient`. (The ones that we hand in mean that each output counts once in that sum.)

from cnnbook.pooling import max_pool2d_grad

gradient = max_pool2d_grad(torch.ones(1, 1, 2, 2), image, 2)
print(gradient[0, 0])
leaf = image.clone().requires_grad_()
pool(leaf).sum().backward()
assert torch.equal(leaf.grad, gradient)

# %%
# A 1 for each of the four pixels that won their window, 0 for the 21 others. A pixel that has lost
# could grow a little without changing the output. A pixel of the last row may grow without bound.

assert gradient[0, 0].nonzero().tolist() == [[1, 1], [1, 3], [3, 1], [3, 3]]
assert int((gradient == 0).sum()) == 21

# %%
# If the last row and column are to count, one has to say so. With ``ceil_mode=True`` a window may
# hang over the edge, and takes the largest of what it has.

print(torch.nn.MaxPool2d(2, ceil_mode=True)(image)[0, 0])
expected = [[6, 8, 9], [16, 18, 19], [21, 23, 24]]
assert max_pool2d(image, 2, ceil_mode=True)[0, 0].tolist() == expected

# %%
# Does any of this happen in a real network? The sloppy CNN of
# :doc:`/gallery/1_why/plot_02_parameters` has sixteen feature maps of 27 x 27 before its pooling,
# and 27 is odd. How many numbers does it compute for nothing?

unseen = 16 * (27 * 27 - 26 * 26)
print(f"{unseen} of {16 * 27 * 27:,}, {unseen / (16 * 27 * 27):.1%}")
assert unseen == 848
assert 16 * 27 * 27 == 11_664
assert f"{848 / 11_664:.1%}" == "7.3%"

# %%
# 848 of 11,664 for each image, which is 7.3 %. The price of a sloppy network is not high.
#
# Why throw away three of four?
# -----------------------------
#
# A feature map says how strongly a kernel responds where. After pooling it says how strongly it
# responds *somewhere in here*. Put a single bright pixel on a black image, and push it one pixel to
# the right, then one more. Guess what the output does.

for column in (2, 3, 4):
    dot = torch.zeros(1, 1, 6, 6)
    dot[..., 2, column] = 1
    print(column, pool(dot)[0, 0].tolist())

# %%
# From column 2 to column 3 nothing changes: both lie in the same window. From 3 to 4 the output
# moves by one. So pooling does not care about *some* small shifts, and about others it does.

dots = torch.zeros(3, 1, 6, 6)
for index, column in enumerate((2, 3, 4)):
    dots[index, 0, 2, column] = 1
pooled = pool(dots)
assert torch.equal(pooled[0], pooled[1])
assert pooled[1, 0].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
assert pooled[2, 0].tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]

# %%
# The other reason is plainer: what follows has a quarter of the numbers to look at. On the edges of
# a boot, after ReLU:

from cnnbook.convolution import conv2d
from cnnbook.images import load_fashion_mnist
from cnnbook.kernels import prewitt_kernel
from cnnbook.pooling import relu

data = load_fashion_mnist(n_train=100, n_test=1, one_hot=False, fallback="drawn")
boot = data.train_images[data.train_labels == data.class_names.index("Ankle boot")][:1]
edges = relu(conv2d(boot, prewitt_kernel("x")[None, None]))
small = torch.nn.functional.interpolate(pool(edges), scale_factor=2)
figure = plot_feature_maps(torch.cat([edges, small], 1), titles=["26 x 26", "13 x 13"], size=2)

# %%
# From 26 x 26 to 13 x 13, drawn with pixels twice as large. The front of the boot and the tip of
# its toe are where they were. Lines have become thicker: a window that is touched by one is filled.

assert (edges.shape, pool(edges).shape) == ((1, 1, 26, 26), (1, 1, 13, 13))

# %%
# Before the ReLU or after it?
# ----------------------------
#
# The lecture puts the ReLU first and then pools. Does the order matter? Here is a window with
# numbers on both sides of 0, and one with only negative numbers. Do both ways in your head before
# you run it.

window = torch.tensor([[-3.0, 5.0, -1.0, -2.0], [2.0, 1.0, -4.0, -2.0]])[None, None]
print("ReLU, then pool:", pool(relu(window)).tolist())
print("pool, then ReLU:", relu(pool(window)).tolist())
assert pool(relu(window)).tolist() == relu(pool(window)).tolist() == [[[[5, 0]]]]

# %%
# 5 and 0, both ways. This always holds. ReLU never puts a smaller number above a larger one, so the
# winner of a window stays its winner; and where all are below 0, the result is 0 whether they are
# cut off one by one or only the largest of them is.
#
# What about gradients? The second window is delicate: after ReLU it has four equal zeros, and the
# pooling has to choose one. We hand a different number back to each output, so that no mix-up can
# stay unseen, and look at what arrives.


def gradient_of(image: torch.Tensor, *layers: torch.nn.Module) -> torch.Tensor:
    """Hand 1, 2, 3 and so on back to the outputs, and return what arrives at the image."""
    leaf = image.clone().requires_grad_()
    output = torch.nn.Sequential(*layers)(leaf)
    output.backward(torch.arange(1.0, 1 + output.numel()).reshape(output.shape))
    return leaf.grad


print(gradient_of(window, torch.nn.ReLU(), pool)[0, 0])
print(gradient_of(window, pool, torch.nn.ReLU())[0, 0])

# %%
# Only the 5 gets something, both ways. Whichever of the four zeros the pooling chooses, ReLU lets
# nothing through to it, since the number there was not above 0. Now the same on feature maps, made
# by sixteen random kernels of a hundred garments:

torch.manual_seed(43052)
features = torch.nn.Conv2d(1, 16, 2)(data.train_images).detach()
for case in (window, features):
    assert torch.equal(pool(relu(case)), relu(pool(case)))
    rectify_first = gradient_of(case, torch.nn.ReLU(), pool)
    assert torch.equal(rectify_first, gradient_of(case, pool, torch.nn.ReLU()))
print(f"{features.numel():,} numbers compared")

# %%
# All 1,166,400 are equal to the last bit, values and gradients alike, and there were numbers on
# both sides of 0 among them.

assert features.numel() == 100 * 11_664 == 1_166_400
assert gradient_of(window, pool, torch.nn.ReLU())[0, 0].nonzero().tolist() == [[0, 1]]
assert (features < 0).any()
assert (features > 0).any()

# %%
# So a network may pool first. What does it save? Not a parameter and not a product. But ReLU has to
# look at every number that it is given. Count them, for our CNN and for one whose maps are 26 x 26,
# which pooling divides without remainder.

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
# With a kernel of 3 x 3 it is 10,816 or 2,704: exactly a quarter. With the lecture's, of 2 x 2, it
# is 11,664 or 2,704, a little better still, 4.31 times fewer, because the 848 that pooling never
# sees need no ReLU either.

assert saved == {2: (11_664, 2_704), 3: (10_816, 2_704)}
assert 11_664 - 848 == 10_816 == 4 * 2_704
assert f"{11_664 / 2_704:.2f}" == "4.31"

# %%
# The saving is small. ReLU was never the expensive part. To find the largest of four numbers takes
# three comparisons, in either order, and the convolution before them takes its products:

products, comparisons = 16 * 27 * 27 * 4, 3 * 2_704
for name, rectified in (("ReLU first", 11_664), ("pooling first", 2_704)):
    print(f"{name}: {products:,} products, {rectified + comparisons:,} comparisons")
assert (products, comparisons) == (46_656, 8_112)
assert (11_664 + comparisons, 2_704 + comparisons) == (19_776, 10_816)

# %%
# Of comparisons, 10,816 in place of 19,776, beside 46,656 products either way. The saving costs
# nothing, and whether a clock would notice it is another question. We have counted, not timed.
#
# This works only for the maximum. The *average* of a window cannot change places with ReLU, and one
# window is enough to see it:

from cnnbook.pooling import avg_pool2d

torn = torch.tensor([[[[4.0, -4.0], [0.0, 0.0]]]])
print(avg_pool2d(relu(torn), 2).item(), relu(avg_pool2d(torn, 2)).item())
assert avg_pool2d(relu(torn), 2).item() == 1 == (4 + 0 + 0 + 0) / 4
assert relu(avg_pool2d(torn, 2)).item() == 0 == (4 - 4 + 0 + 0) / 4

# %%
# 1 one way and 0 the other: in an average, numbers below 0 count.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put
# ``from cnnbook.exercises import check`` before it, and see what the check says. Nothing is given
# away until you unfold it.
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
# Max pooling [Zhou1988]_ keeps the largest number of each window, so that four numbers become one.
# What does not fill a window it never looks at: of 5 x 5 the last row and column, of 27 x 27 as
# well. It has no parameters. And it may stand before the ReLU, with the same values and the same
# gradients, which leaves ReLU a quarter of its work.
#
# Convolution, ReLU, MaxPool: these are the layers that the sloppy CNN puts before its linear one.
# Two of them change the size of what comes in, and so far we have taken the sizes as they came.
# Time to compute them: :doc:`/gallery/3_inside/plot_11_sizes`.
