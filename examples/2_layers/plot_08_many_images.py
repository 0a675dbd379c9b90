"""
Many images, many features
==========================

*How does one layer take many pictures at once, and how does it make sixteen out of each?*

You need :doc:`/gallery/2_layers/plot_07_moving_average`: the same weighted sum in every
:term:`window`, one pixel of the output from each. There was one image and one :term:`kernel`. A
network sees thousands of images, and one kernel finds only one feature.
"""

# %%
# A second image
# --------------
#
# First let the window grow: 3 x 3, still averaging, on the image from 0 to 15. Before you run the
# cell: how many of these windows fit into 4 x 4, and what is the mean of the first?

import torch

from cnnbook.convolution import moving_average
from cnnbook.kernels import averaging_conv

images = torch.arange(32.0).reshape(2, 1, 4, 4)
first, second = images[:1], images[1:]
print(first[0, 0])
print(moving_average(first, size=3)[0, 0])

# %%
# Two in each direction, so 2 x 2 means. The numbers grow evenly from left to right and from top to
# bottom, so the mean of nine of them is the one in their middle: 5, 6, 9 and 10.

from cnnbook.shapes import derive_output_size

print(derive_output_size(4, 3))
assert derive_output_size(4, 3).output_size == 2
assert moving_average(first, size=3)[0, 0].tolist() == [[5, 6], [9, 10]]
assert (0 + 1 + 2 + 4 + 5 + 6 + 8 + 9 + 10) / 9 == 5

# %%
# The second image holds the numbers from 16 to 31. Both lie in one tensor, ``(2, 1, 4, 4)``: two
# images of one channel. What will the layer of torch make of the second one?

average = averaging_conv(3)
together = average(images).detach()
print(tuple(images.shape), "becomes", tuple(together.shape))
print(second[0, 0])
print(together[1, 0])

# %%
# ``[[21, 22], [25, 26]]``: every pixel is larger by 16, so every mean is. (A ninth has no exact
# place in floating point, and nine of them may miss by a last digit. We allow for 0.00001.)

expected = torch.tensor([[[[5.0, 6.0], [9.0, 10.0]]], [[[21.0, 22.0], [25.0, 26.0]]]])
assert (images.shape, together.shape) == ((2, 1, 4, 4), (2, 1, 2, 2))
assert (first.max(), second.min(), second.max()) == (15, 16, 31)
assert torch.equal(moving_average(images, size=3), expected)
assert torch.allclose(together, expected, rtol=0, atol=0.00001)

# %%
# Does anything pass from one image to the other? Make the second a thousand times brighter and see
# whether the result of the first changes.

one_by_one = torch.cat([average(first), average(second)])
disturbed = average(torch.cat([first, 1_000 * second]))
print(disturbed[:, 0].round().int())
assert torch.allclose(one_by_one, together, rtol=0, atol=0.00001)
assert torch.allclose(disturbed[:1], together[:1], rtol=0, atol=0.00001)

# %%
# Nothing: its means are 5, 6, 9 and 10 as before. Passing the images in one by one gives the same
# numbers, too. Doing it all at once only saves time.
#
# So a layer does not know how many images there are. It has nine weights and one bias for two of
# them, and it would have the same ten for 5,000.

from cnnbook.counting import parameter_table

print(parameter_table(average))
assert parameter_table(average).total == 9 + 1 == 10
assert average(torch.zeros(5_000, 1, 4, 4)).shape == (5_000, 1, 2, 2)

# %%
# More than one kernel
# --------------------
#
# Now keep the images and add kernels. Three of them, of whole numbers: one that takes the middle of
# the window, one that subtracts its left column from its right, one that subtracts the upper row
# from the lower. Take a pencil: what does each give for the first image, and which of the three
# notices that the second image is brighter?

from cnnbook.convolution import conv2d
from cnnbook.figures import plot_feature_maps, plot_feature_table, plot_images
from cnnbook.kernels import identity_kernel, prewitt_kernel

kernels = torch.stack([identity_kernel(3), prewitt_kernel("x"), prewitt_kernel("y")])[:, None]
features = conv2d(images, kernels)
figure = plot_feature_table(
    images,
    kernels,
    image_titles=["first image", "second image"],
    kernel_titles=["the middle", "right - left", "below - above"],
)

# %%
# A row for each image, a column for each kernel, and where they meet, what comes out. One step to
# the right is 1 more, so from the left column to the right one it is 2 more, three times: 6. One
# step down is 4 more, so it is 8 more, three times: 24. The weights of these two kernels add up to
# 0, and what is added to every pixel cancels: they see change and are blind to brightness. Only the
# kernel in the first column sees which image is which. (The other two are named after Prewitt
# [Prewitt1970]_, who found edges with them.)

assert features[:, 0].tolist() == expected[:, 0].tolist()
assert torch.equal(features[:, 1], torch.full((2, 2, 2), 6.0))
assert torch.equal(features[:, 2], torch.full((2, 2, 2), 24.0))
assert (3 * 2 * 1, 3 * 2 * 4) == (6, 24)
assert kernels.sum(dim=(1, 2, 3)).tolist() == [1, 0, 0]

# %%
# As it happens, the first column is what the average gave as well. Two kernels can agree on one
# image and still be two kernels.
#
# .. index:: ! feature map
#
# Each kernel has made an image of its own, of how strongly it responds where. That is a
# :term:`feature map`. The maps lie side by side as the channels of the output:

print(tuple(images.shape), "becomes", tuple(features.shape))
print(tuple(kernels.shape))
assert features.shape == (2, 3, 2, 2)
assert kernels.shape == (3, 1, 3, 3)

# %%
# Read ``(2, 3, 2, 2)`` as: two images, three features of each, two rows, two columns. And the
# weights, ``(3, 1, 3, 3)``, as: three kernels, each for one channel, three rows, three columns.
#
# .. index:: ! channel
#
# A grey image has one :term:`channel`, a colour photograph has three, and the output of a
# convolution has as many as there are kernels. If several go into a layer, each of its kernels has
# weights for every one of them. What would you expect of one kernel on two channels: one number or
# two?

two_channels = torch.tensor([[[[1.0, 2.0]], [[10.0, 20.0]]]])
one_kernel = torch.tensor([[[[1.0, 1.0]], [[3.0, 0.0]]]])
print(tuple(two_channels.shape), tuple(one_kernel.shape))
print(conv2d(two_channels, one_kernel).tolist())
assert conv2d(two_channels, one_kernel).item() == 33 == (1 * 1 + 1 * 2) + (3 * 10 + 0 * 20)
assert (1 * 1 + 1 * 2, 3 * 10 + 0 * 20) == (3, 30)

# %%
# One: 3 from the first channel and 30 from the second are added, 33, and a bias would be added
# once, after that. However many channels go in, one comes out for each kernel.
#
# Sixteen
# -------
#
# Who chooses the kernels? In a network, nobody. We say how many there are, they start at random,
# and training makes something of them. Ask torch for sixteen and guess: which shape comes out of
# ``(2, 1, 4, 4)``, and how many parameters does the layer have?

torch.manual_seed(43052)
layer = torch.nn.Conv2d(1, 16, (3, 3))
print(tuple(images.shape), "becomes", tuple(layer(images).shape))
print(parameter_table(layer))

# %%
# ``(2, 16, 2, 2)``. Sixteen kernels of nine weights and a bias for each kernel: 160 parameters. The
# number of images is nowhere in it, nor is their size.

assert layer(images).shape == (2, 16, 2, 2)
assert parameter_table(layer).formula == "16*1*3*3 + 16"
assert parameter_table(layer).total == 16 * 1 * 3 * 3 + 16 == 160

# %%
# .. index:: ! feature expansion
#
# The lecture calls this *popping*, after the rice that goes into the machine by the spoonful and
# comes out by the bucket; on paper it is called :term:`feature expansion`. Four by four pixels went
# in, sixteen features of two by two came out:

print(first.numel(), "numbers become", layer(first).numel())
assert (first.numel(), layer(first).numel()) == (16, 64)
assert 16 * 2 * 2 == 64

# %%
# As with rice, there is more volume and no more substance. Each of the 64 numbers is a weighted sum
# of nine pixels that were there before; nothing was learnt about the image that was not in it. The
# same content now lies in sixteen different views, and the next layer may take the one that suits
# it.
#
# On real images
# --------------
#
# The same layer, on two garments.

from cnnbook.images import load_fashion_mnist

data = load_fashion_mnist(n_train=100, n_test=1, one_hot=False, fallback="drawn")
names = ["Ankle boot", "Dress"]
labels = [data.class_names.index(name) for name in names]
clothes = torch.cat([data.train_images[data.train_labels == label][:1] for label in labels])
maps = layer(clothes).detach()
print(tuple(clothes.shape), "becomes", tuple(maps.shape))
figure = plot_images(clothes, titles=names, size=1.8)

# %%
# Two images of 28 x 28 become two times sixteen of 26 x 26: a window of 3 x 3 loses one pixel on
# each side. Here are the sixteen of the boot. Blue is above 0, orange below, white is 0.

assert (clothes.shape, maps.shape) == ((2, 1, 28, 28), (2, 16, 26, 26))
figure = plot_feature_maps(maps[:1], titles=[str(channel) for channel in range(16)])
# sphinx_gallery_thumbnail_number = 3

# %%
# One boot, sixteen feature maps, and the layer has not been trained yet. Some maps are the boot in
# another shade, some are its negative, and some keep little more than an outline.
#
# The background can be read off the parameters. There the boot's picture is black, all products
# are 0, and what is left is the :term:`bias`. A map with an orange background has a negative one.

corners = maps[0, :, 0, 0]
assert clothes[0, 0, :3, :3].count_nonzero() == 0
assert torch.allclose(corners, layer.bias, rtol=0, atol=0.00001)
print(f"{(corners < 0).sum()} of 16 backgrounds are orange")
assert (corners < 0).sum() == (layer.bias < 0).sum()

# %%
# Where one shade of grey fills the whole window, a map shows that shade times the sum of the nine
# weights, plus the bias: a flat colour. Only at outlines and seams does it matter which weight lies
# where, and that is what a kernel is for.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put
# ``from cnnbook.exercises import check`` before it, and see what the check says. Nothing is given
# away until you unfold it.
#
# .. exercise:: 8.1
#
# .. exercise:: 8.2
#
# .. exercise:: 8.3
#
# The answer
# ----------
#
# A layer treats every image by itself, with the same weights, so it can take any number of them:
# ``(2, 1, 4, 4)`` or 5,000. It makes one feature map with each kernel, so with sixteen kernels
# ``(2, 1, 4, 4)`` becomes ``(2, 16, 2, 2)``, for 160 parameters.
#
# A good part of the maps above is orange, that is, below 0. The next layer of the lecture's network
# throws all of that away. Why would anybody do such a thing?
# :doc:`/gallery/2_layers/plot_09_relu`.
