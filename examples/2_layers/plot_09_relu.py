"""
9. ReLU
=======

*Why does a layer that only sets negative numbers to 0 have to stand between two convolutions?*

You need :doc:`/gallery/2_layers/plot_08_many_images`: a convolution makes one
:term:`feature map` with each :term:`kernel`, and many numbers in these maps are below 0.
"""

# %%
# A layer without a parameter
# ---------------------------
#
# :term:`ReLU` is short for *rectified linear unit* [Nair2010]_: numbers below 0 become 0, all
# others stay. Guess what it makes of the four numbers -2, -0.5, 0 and 3.
#
# .. guess:: Four numbers

import torch

from cnnbook.pooling import relu

numbers = torch.tensor([[-2.0, -0.5], [0.0, 3.0]])
print(relu(numbers))
print(torch.nn.ReLU()(numbers))

# %%
# :func:`~cnnbook.pooling.relu` and torch's layer both give three zeros and a 3. ReLU works on one
# number at a time, so the shape stays the same. It has no parameters to train.

assert relu(numbers).tolist() == [[0, 0], [0, 3]]
assert torch.equal(torch.nn.ReLU()(numbers), relu(numbers))
assert list(torch.nn.ReLU().parameters()) == []

# %%
# The curve of ReLU has a corner at 0. On its left the result is 0, on its right the number itself.

from cnnbook.figures import plot_functions

figure = plot_functions({"ReLU": relu})

# %%
# The lecture [Choi2025]_ shows it on an image of 5 x 5 random pixels. They are drawn from the
# standard normal distribution, so each is below 0 with probability 1/2. How many zeros do you
# expect after ReLU?
#
# .. guess:: Zeros

torch.manual_seed(26)
image = torch.randn(1, 1, 5, 5)
rectified = torch.nn.ReLU()(image)
print(image[0, 0])
print(rectified[0, 0])
print((rectified == 0).sum().item(), "zeros")

# %%
# ReLU has set 8 of the 25 numbers to 0, and left the others as they were. As a figure, rounded to
# one digit:

from cnnbook.figures import plot_feature_maps, plot_number_grids

grids = {"image": image[0, 0], "after ReLU": rectified[0, 0]}
figure = plot_number_grids({name: grid.round(decimals=1) for name, grid in grids.items()})
assert (rectified == 0).sum() == (image < 0).sum() == 8
assert torch.equal(rectified[image > 0], image[image > 0])

# %%
# .. guess-end::
#
# Now on a feature map. Take the kernel that subtracts the left column of its window from the right
# column. Its output is above 0 where the image gets brighter to the right, and below 0 where it
# gets darker. What is left of a boot after ReLU? And what is left if all signs of the kernel are
# changed?
#
# .. guess:: What is left

from cnnbook.convolution import conv2d
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
# sphinx_gallery_thumbnail_number = 2

# %%
# The first panel has both kinds of edges, blue where the image gets brighter and orange where it
# gets darker. ReLU keeps the blue edges. The kernel with its signs swapped finds the same edges
# with opposite colours, so ReLU keeps the other edges.
#
# A network that needs both kinds can use two kernels. Then nothing is lost: the one feature map
# minus the other is the map before ReLU.

assert torch.equal(relu(edges) - relu(-edges), edges)
assert torch.equal(conv2d(boot, -right_minus_left[None, None]), -edges)

# %%
# So ReLU does little harm. But what is it good for? Leave it out and see.
#
# Two layers, nothing between them
# --------------------------------
#
# The first convolution has the kernel from above, which finds edges. The second has nine weights of
# 1, so it adds up the edges in each window. On how many pixels of the image does a number of the
# second output depend?
#
# .. guess:: Pixels

adding_up = torch.ones(3, 3)
summed = conv2d(edges, adding_up[None, None])
print(tuple(boot.shape[2:]), tuple(edges.shape[2:]), tuple(summed.shape[2:]))

# %%
# It depends on 3 x 3 numbers of the first output. Each of these depends on 3 x 3 pixels, and
# together they depend on 5 x 5 pixels. The sizes say the same: from 28 to 26 to 24. A single window
# of 5 x 5 gives 24 from 28 in one step.

from cnnbook.shapes import output_size

print(output_size(28, 5))
assert (boot.shape[3], edges.shape[3], summed.shape[3]) == (28, 26, 24)
assert output_size(28, 5) == 24

# %%
# Is there a 5 x 5 kernel that does the same as both layers? We can compute it. Each weight of the
# second kernel is multiplied with one number of the first output. This number is itself a weighted
# sum of 3 x 3 pixels, with the weights of the first kernel. So the 5 x 5 kernel is the sum of nine
# copies of the first kernel, one for each weight of the second kernel: the copy is moved to the
# position of this weight and multiplied with it. Take a pencil: what is in the upper left corner of
# the sum, and what is in the middle of its left edge?
#
# .. guess:: The two numbers

both = torch.zeros(5, 5)
for row in range(3):
    for column in range(3):
        both[row : row + 3, column : column + 3] += adding_up[row, column] * right_minus_left
figure = plot_number_grids({"first": right_minus_left, "second": adding_up, "both": both})

# %%
# Only one of the nine copies covers the corner: -1. Three copies cover the middle of the left edge:
# -3. Does this kernel give the same output?

at_once = conv2d(boot, both[None, None])
print("the same within 0.00001:", torch.allclose(at_once, summed, rtol=0, atol=0.00001))
expected = [[-1, -1, 0, 1, 1], [-2, -2, 0, 2, 2], [-3, -3, 0, 3, 3], [-2, -2, 0, 2, 2]]
assert both.tolist() == [*expected, expected[0]]
assert torch.allclose(at_once, summed, rtol=0, atol=0.00001)

# %%
# It does, up to rounding. On whole numbers, where nothing is rounded, both are exactly equal:

whole = torch.arange(64.0).reshape(1, 1, 8, 8)
twice = conv2d(conv2d(whole, right_minus_left[None, None]), adding_up[None, None])
print(twice[0, 0, 0].tolist())
assert torch.equal(conv2d(whole, both[None, None]), twice)
assert twice[0, 0, 0].tolist() == [54, 54, 54, 54]
assert (2 * 3 * 3, 5 * 5) == (18, 25)

# %%
# So the two layers are one layer. Their 18 weights can compute nothing that the 25 weights of one
# layer cannot compute. They can even compute less: not every 5 x 5 kernel is made of two 3 x 3
# kernels.
#
# The same holds for all kernels
# ------------------------------
#
# Take random kernels with biases, and sixteen channels between the two layers. How many parameters
# do the two layers have, and how many does a single layer need to do the same?
#
# .. guess:: Parameters of the two, and of one

from cnnbook.counting import count_parameters

torch.manual_seed(43052)
first, second = torch.nn.Conv2d(1, 16, 3), torch.nn.Conv2d(16, 1, 3)
pair = torch.nn.Sequential(first, second)
print(count_parameters(pair), "parameters")
assert 16 * 1 * 9 + 16 + 1 * 16 * 9 + 1 == 305
assert count_parameters(pair) == 305

# %%
# The first layer has 16 * 9 weights and 16 biases, the second 16 * 9 weights and one bias: 305. The
# 5 x 5 kernel is computed as before, once for each of the sixteen channels, and the sixteen
# results are added: :func:`~cnnbook.convolution.conv_transpose2d` does that. The :term:`bias` of
# the first layer is the same at every position, so it adds the same number to every output of the
# second layer.

from cnnbook.convolution import conv_transpose2d
from cnnbook.kernels import conv_from_kernel

kernel = conv_transpose2d(second.weight, first.weight)
bias = second.bias + second.weight.sum(dim=(2, 3)) @ first.bias
single = conv_from_kernel(kernel, bias)
print(tuple(kernel.shape), count_parameters(single), "parameters")
assert torch.allclose(single(boot), pair(boot), rtol=0, atol=0.00001)
assert count_parameters(single) == 25 + 1 == 26

# %%
# On the boot, the single layer gives the same output as the two, up to rounding. So 305 parameters
# do the work of 26.
#
# .. guess-end::
#
# The same holds for two linear layers: the product of their matrices is one
# matrix. Take the ReLU out of the desperate MLP of
# :doc:`/gallery/1_why/plot_02_parameters`. How many parameters does it have when it is written as
# one layer?
#
# .. guess:: Parameters

from cnnbook.networks import mlp

flatten, hidden, rectify, output = mlp()
without = torch.nn.Sequential(flatten, hidden, output)
weight, offset = output.weight @ hidden.weight, output.weight @ hidden.bias + output.bias
print(f"{count_parameters(without):,} do the work of {weight.numel() + offset.numel():,}")
assert torch.allclose(without(boot), boot.flatten(1) @ weight.T + offset, rtol=0, atol=0.00001)
assert weight.shape == (10, 784)
assert count_parameters(without) == count_parameters(mlp()) == 1_628_170
assert weight.numel() + offset.numel() == 10 * 785 == 7_850

# %%
# One layer has a weight for each of 784 pixels and a bias, ten times: ten linear regressions with
# 785 parameters each. Without ReLU, the MLP needs 1,628,170 parameters for the same.
#
# With the ReLU again
# -------------------
#
# Use the two kernels once more, on a simple image with two edges: it is black, with one bright
# column. Along a row, the first kernel gives 3 where the image gets brighter and -3 where it gets
# darker. The second kernel adds up the numbers in a 3 x 3 window. All rows of the output are equal,
# so we print the first. Before you look: what is the number in the middle, without ReLU and with
# it?
#
# .. guess:: Without and with ReLU


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
# Without ReLU the number in the middle is 0: the edges on the two sides of the column have opposite
# signs and cancel, so the layer that adds up edges finds none. With ReLU it is 9: only the edge
# where the image gets brighter is counted.

assert conv2d(stripe, right_minus_left[None, None])[0, 0, 0].tolist() == [0, 3, 0, -3, 0]
assert two_layers(stripe, with_relu=False)[0, 0, 0].tolist() == [9, 0, -9]
assert two_layers(stripe, with_relu=True)[0, 0, 0].tolist() == [9, 9, 0]
assert conv2d(stripe, torch.tensor([[[[0.0, 0, 9, 9, 0]]]]))[0, 0, 0].tolist() == [9, 9, 0]

# %%
# Can one layer with another 5 x 5 kernel do this, too? For this image alone it can: with 0, 0, 9, 9
# and 0 in the upper row and zeros below, it gives 9, 9 and 0. But it must give the same as the two
# layers for every image. Take also the negative of the image, in which the column is -1. In one
# convolution, the weighted sums of the negative are those of the image with the opposite sign. If
# the outputs for both images are added, the sums cancel and twice the bias is left: the same number
# at every position. And what is the sum for the two layers with ReLU?
#
# .. guess:: With ReLU, is it the same number everywhere?
#    :choices: yes | no

negative = two_layers(-stripe, with_relu=True)[0, 0, 0]
added = two_layers(stripe, with_relu=True)[0, 0, 0] + negative
print(negative.tolist(), added.tolist())
without = two_layers(stripe, with_relu=False) + two_layers(-stripe, with_relu=False)
print("without ReLU, the largest sum is", without.abs().max().item())
assert negative.tolist() == [0, 9, 9]
assert added.tolist() == [9, 18, 9]
assert without.abs().max() == 0

# %%
# Without ReLU every sum is 0. With ReLU the sums are 9, 18 and 9, which are not all equal. So no
# convolution with one 5 x 5 kernel and a bias does the same as two layers with a ReLU between them.
# With ReLU, two layers can do more than one.
#
# .. board::
#    :minutes: 35
#
#    1. One ReLU follows another. Can you leave the second one out? And what does ``relu(-relu(x))``
#       give?
#
#       Yes: after the first ReLU no number is below 0, so the second changes nothing.
#       ``relu(-relu(x))`` is 0 for every x, since its argument is never above 0.
#
#    2. Is ``relu(a + b)`` always equal to ``relu(a) + relu(b)``? If not, which of the two is
#       larger?
#
#       No. For a = 1 and b = -1 the first is 0 and the second is 1. The first is never the larger
#       one.
#
#    3. Three linear layers without ReLU follow one another: from 4 numbers to 3, to 2, to 1. How
#       many parameters do they have, and how many are needed for the same function?
#
#       They have ``(4*3 + 3) + (3*2 + 2) + (2*1 + 1) = 26``. One layer from 4 numbers to 1 does the
#       same with ``4 + 1 = 5``.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
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
# A weighted sum of weighted sums is a weighted sum. So two convolutions of 3 x 3 with nothing
# between them are one convolution of 5 x 5, and several linear layers are one linear layer. With a
# ReLU between them this is no longer so. That is why ReLU stands after the convolution in the
# lecture's network. [Goodfellow2016]_ recommends ReLU as the first choice.
#
# The next layer of that network throws away three numbers of every four:
# :doc:`/gallery/2_layers/plot_10_max_pool`.
