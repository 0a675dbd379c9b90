"""
ReLU
====

*Why does something that only cuts off what is below 0 have to stand between two layers?*

You need :doc:`/gallery/2_layers/plot_08_many_images`: a convolution makes one
:term:`feature map` with each :term:`kernel`, and much of what it makes is below 0.
"""

# %%
# A layer without a parameter
# ---------------------------
#
# :term:`ReLU` is short for *rectified linear unit* [Nair2010]_: what is below 0 becomes 0,
# everything else stays. Guess what it makes of these four numbers.

import torch

from cnnbook.pooling import relu

numbers = torch.tensor([[-2.0, -0.5], [0.0, 3.0]])
print(relu(numbers))
print(torch.nn.ReLU()(numbers))

# %%
# Three zeros and a 3, from :func:`~cnnbook.pooling.relu` as from torch's layer. It looks at one
# number at a time, so the shape stays; it has nothing that could be trained.

assert relu(numbers).tolist() == [[0, 0], [0, 3]]
assert torch.equal(torch.nn.ReLU()(numbers), relu(numbers))
assert list(torch.nn.ReLU().parameters()) == []

# %%
# On a feature map, take the kernel that subtracts the left column of its window from the right. It
# answers above 0 where the picture gets brighter to the right, below 0 where it gets darker. What
# is left of a boot after ReLU? And what if the kernel's signs had been the other way round?

from cnnbook.convolution import conv2d
from cnnbook.figures import plot_feature_maps, plot_number_grids
from cnnbook.images import load_fashion_mnist
from cnnbook.kernels import prewitt_kernel

data = load_fashion_mnist(n_train=100, n_test=1, one_hot=False, fallback="drawn")
boot = data.train_images[data.train_labels == data.class_names.index("Ankle boot")][:1]
right_minus_left = prewitt_kernel("x")
edges = conv2d(boot, right_minus_left[None, None])
panels = {"edges": edges, "after ReLU": relu(edges), "signs swapped": relu(-edges)}
figure = plot_feature_maps(
    torch.cat([*panels.values()], dim=1), titles=[*panels], columns=3, size=1.5
)
# sphinx_gallery_thumbnail_number = 1

# %%
# The first panel has both kinds of edges, blue where it gets brighter and orange where it gets
# darker. ReLU keeps the blue ones. The kernel with its signs swapped finds the same edges with
# opposite colours, so its ReLU keeps the others.
#
# A network that needs both can have both, for one kernel more, and then nothing is lost: the one
# minus the other is the map that we had.

assert torch.equal(relu(edges) - relu(-edges), edges)
assert torch.equal(conv2d(boot, -right_minus_left[None, None]), -edges)

# %%
# So ReLU may do little harm. Does it do any good? Leave it out and see.
#
# Two layers, nothing between them
# --------------------------------
#
# First the kernel from above, which finds edges; then one whose nine weights are 1, which adds up
# what was found in each neighbourhood. How many pixels of the picture does a number of the second
# output depend on?

adding_up = torch.ones(3, 3)
summed = conv2d(edges, adding_up[None, None])
print(tuple(boot.shape[2:]), tuple(edges.shape[2:]), tuple(summed.shape[2:]))

# %%
# It looks at 3 x 3 edges, each of which has looked at 3 x 3 pixels, and side by side these reach
# over 5 x 5 pixels. The size says the same. From 28 to 26 to 24: a single window of 5 x 5 would
# have brought us from 28 to 24 in one go.

from cnnbook.shapes import output_size

assert (boot.shape[3], edges.shape[3], summed.shape[3]) == (28, 26, 24)
assert output_size(28, 5) == 24

# %%
# That may be chance, or there may be a 5 x 5 kernel that does the work of both. If so, we can find
# it. Each weight of the second kernel takes up one number of the first output, and that number is
# the first kernel, laid at that place. So: nine copies of the first kernel, each at its place, each
# times the weight that takes it up, all added. Take a pencil: what stands in the upper left corner,
# and what in the middle of the left edge?

both = torch.zeros(5, 5)
for row in range(3):
    for column in range(3):
        both[row : row + 3, column : column + 3] += adding_up[row, column] * right_minus_left
figure = plot_number_grids({"first": right_minus_left, "second": adding_up, "both": both})

# %%
# Only one of the nine copies reaches the corner, with its own corner: -1. The left edge's middle is
# reached by three copies: -3. And does this kernel do the same?

expected = [[-1, -1, 0, 1, 1], [-2, -2, 0, 2, 2], [-3, -3, 0, 3, 3], [-2, -2, 0, 2, 2]]
assert both.tolist() == [*expected, expected[0]]
at_once = conv2d(boot, both[None, None])
print("the same within 0.00001:", torch.allclose(at_once, summed, rtol=0, atol=0.00001))
assert torch.allclose(at_once, summed, rtol=0, atol=0.00001)

# %%
# It does, up to rounding. On whole numbers, where nothing is rounded, it does to the last digit:

whole = torch.arange(64.0).reshape(1, 1, 8, 8)
twice = conv2d(conv2d(whole, right_minus_left[None, None]), adding_up[None, None])
assert torch.equal(conv2d(whole, both[None, None]), twice)
print(twice[0, 0, 0].tolist())
assert twice[0, 0, 0].tolist() == [54, 54, 54, 54]
assert (2 * 3 * 3, 5 * 5) == (18, 25)

# %%
# So the two layers were one. Their 18 weights can do nothing that the 25 of one layer could not do,
# and not even all of that, since 18 numbers do not reach everything that 25 can be set to.
#
# The same holds for all kernels
# ------------------------------
#
# Let torch draw them, with biases, and with sixteen channels between the layers. What would one
# layer need in their place?

torch.manual_seed(43052)
first, second = torch.nn.Conv2d(1, 16, 3), torch.nn.Conv2d(16, 1, 3)
pair = torch.nn.Sequential(first, second)
print(f"{sum(tensor.numel() for tensor in pair.parameters())} parameters")
assert 16 * 1 * 9 + 16 + 1 * 16 * 9 + 1 == 305
assert sum(tensor.numel() for tensor in pair.parameters()) == 305

# %%
# The kernel is laid together as before, once for each of the sixteen channels, and the sixteen
# results are added: :func:`~cnnbook.convolution.conv_transpose2d` does that. The :term:`bias` of a
# first layer is the same number everywhere, so the second layer makes the same number of it
# everywhere, and adds its own.

from cnnbook.convolution import conv_transpose2d
from cnnbook.kernels import conv_from_kernel

kernel = conv_transpose2d(second.weight, first.weight)
bias = second.bias + second.weight.sum(dim=(2, 3)) @ first.bias
single = conv_from_kernel(kernel, bias)
print(tuple(kernel.shape), f"{sum(tensor.numel() for tensor in single.parameters())} parameters")
assert torch.allclose(single(boot), pair(boot), rtol=0, atol=0.00001)
assert sum(tensor.numel() for tensor in single.parameters()) == 25 + 1 == 26

# %%
# 305 parameters doing the work of 26. It is the same with linear layers, whose matrices can be
# multiplied beforehand. Take the ReLU out of the desperate MLP of
# :doc:`/gallery/1_why/plot_02_parameters`. How many parameters are left when the rest is written as
# one layer?

from cnnbook.counting import count_parameters
from cnnbook.networks import mlp

flatten, hidden, rectify, output = mlp()
without = torch.nn.Sequential(flatten, hidden, output)
weight, offset = output.weight @ hidden.weight, output.weight @ hidden.bias + output.bias
assert torch.allclose(without(boot), boot.flatten(1) @ weight.T + offset, rtol=0, atol=0.00001)
assert weight.shape == (10, 784)
assert count_parameters(without) == count_parameters(mlp()) == 1_628_170
print(f"{count_parameters(without):,} do the work of {weight.numel() + offset.numel():,}")
assert weight.numel() + offset.numel() == 10 * 785 == 7_850

# %%
# What is left is one weight for each of 784 pixels and a bias, ten times: ten linear regressions of
# 785 parameters, at the price of 1,628,170. Desperate indeed.
#
# Now put it back
# ---------------
#
# The two kernels once more, on the simplest picture with two edges: black, with one bright column.
# Read along a row, the first kernel gives 3 where it gets brighter and -3 where it gets darker. The
# second adds up three neighbours in each of three rows. All rows come out alike, so we print the
# first. Before you look: what does it find in the middle, without ReLU and with it?


def two_layers(images: torch.Tensor, *, with_relu: bool) -> torch.Tensor:
    """Find edges, then add them up."""
    between = conv2d(images, right_minus_left[None, None])
    return conv2d(relu(between) if with_relu else between, adding_up[None, None])


stripe = torch.zeros(1, 1, 7, 7)
stripe[..., 3] = 1
print("edges:       ", conv2d(stripe, right_minus_left[None, None])[0, 0, 0].tolist())
print("without ReLU:", two_layers(stripe, with_relu=False)[0, 0, 0].tolist())
print("with ReLU:   ", two_layers(stripe, with_relu=True)[0, 0, 0].tolist())

# %%
# Without ReLU the middle is 0: the edge on one side of the stripe and the edge on the other cancel,
# and the layer that should add up edges reports that there are none. With ReLU it reports 9. One
# says "the stripe's two sides are equally dark", the other says "here is an edge".

assert conv2d(stripe, right_minus_left[None, None])[0, 0, 0].tolist() == [0, 3, 0, -3, 0]
assert two_layers(stripe, with_relu=False)[0, 0, 0].tolist() == [9, 0, -9]
assert two_layers(stripe, with_relu=True)[0, 0, 0].tolist() == [9, 9, 0]

# %%
# Might some other 5 x 5 kernel give 9, 9 and 0? Take also the picture's negative, in which the
# column is -1. Whatever weighted sum one convolution makes of the picture, it makes the opposite of
# the negative. Add its two answers, and all that is left is twice its bias: the same number in
# every place. And the two layers with the ReLU?

negative = two_layers(-stripe, with_relu=True)[0, 0, 0]
added = two_layers(stripe, with_relu=True)[0, 0, 0] + negative
print(negative.tolist(), added.tolist())
assert negative.tolist() == [0, 9, 9]
assert added.tolist() == [9, 18, 9]
added = two_layers(stripe, with_relu=False) + two_layers(-stripe, with_relu=False)
assert added.abs().max() == 0

# %%
# 9, 18 and 9 is not the same number in every place. So no kernel of 5 x 5, and no bias, does what
# these two layers do with a ReLU between them. There are now two layers where there was one.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put
# ``from cnnbook.exercises import check`` before it, and see what the check says. Nothing is given
# away until you unfold it.
#
# .. exercise:: 9.1
#
# .. exercise:: 9.2
#
# .. exercise:: 9.3
#
# The answer
# ----------
#
# Sums of sums are sums. Two convolutions of 3 x 3 with nothing between them are one of 5 x 5, and
# any number of linear layers is one linear layer. ReLU, which does almost nothing, is enough to
# stop that, and therefore stands after the convolution in the lecture's network. It is also the
# choice that [Goodfellow2016]_ recommends to start with.
#
# One layer is left between here and the end of that network, and it throws away even more: three
# numbers of every four. :doc:`/gallery/2_layers/plot_10_max_pool`.
