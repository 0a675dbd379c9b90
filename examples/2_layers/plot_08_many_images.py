"""
8. Many images, many features
=============================

*How does one layer process many images at once, and how does it make sixteen feature maps of each?*

You need :doc:`/gallery/2_layers/plot_07_moving_average`: a convolution computes the same weighted
sum in every :term:`window`, and each sum is one pixel of the output. There was one image and one
:term:`kernel`. A network gets thousands of images, and one kernel finds only one feature.
"""

# %%
# A second image
# --------------
#
# The first image has the numbers from 0 to 15, as on the page before, and the second the numbers
# from 16 to 31. Both are in one tensor, ``(2, 1, 4, 4)``: two images of one channel.

import torch

from cnnbook.convolution import moving_average
from cnnbook.kernels import averaging_conv

images = torch.arange(32.0).reshape(2, 1, 4, 4)
first, second = images[:1], images[1:]
print(moving_average(first, size=3)[0, 0])
assert (images.shape, first.max(), second.min(), second.max()) == ((2, 1, 4, 4), 15, 16, 31)

# %%
# The 3 x 3 average of the first image is 5, 6, 9 and 10. What do you expect for the second one?
#
# .. guess:: Four numbers

average = averaging_conv(3)
together = average(images).detach()
print(tuple(images.shape), "becomes", tuple(together.shape))
print(second[0, 0])
print(together[1, 0])

# %%
# ``[[21, 22], [25, 26]]``: every pixel is larger by 16, and so is every mean. (The checks allow a
# difference of 0.00001, since torch rounds 1/9.)

expected = [[[5.0, 6.0], [9.0, 10.0]], [[21.0, 22.0], [25.0, 26.0]]]
assert together.shape == (2, 1, 2, 2)
assert moving_average(images, size=3)[:, 0].tolist() == expected
assert torch.allclose(together[:, 0], torch.tensor(expected), rtol=0, atol=0.00001)

# %%
# Does one image change the result of the other? Make the second image a thousand times brighter,
# and look at the result of the first.
#
# .. guess:: Does the result change?
#    :choices: yes | no

one_by_one = torch.cat([average(first), average(second)])
disturbed = average(torch.cat([first, 1_000 * second]))
print(disturbed[:, 0].round().int())
assert torch.allclose(one_by_one, together, rtol=0, atol=0.00001)
assert torch.allclose(disturbed[:1], together[:1], rtol=0, atol=0.00001)

# %%
# It does not: the means of the first image are 5, 6, 9 and 10 as before. If the images go through
# the layer one by one, the numbers are the same, too. Passing all images at once, as a
# :term:`batch`, only saves time.
#
# So a layer does not depend on the number of images. It has nine weights and one bias for two
# images, and it would have the same ten parameters for 5,000 images.

from cnnbook.counting import parameter_table

print(parameter_table(average))
assert parameter_table(average).total == 9 + 1 == 10
assert average(torch.zeros(5_000, 1, 4, 4)).shape == (5_000, 1, 2, 2)

# %%
# More than one kernel
# --------------------
#
# Now use several kernels. Here are three with whole numbers: the first gives the middle pixel of
# the window, the second subtracts the left column from the right column, the third subtracts the
# upper row from the lower row. Take a pencil: what does each give for the first image, and for
# which of the three is the output of the second, brighter image different?
#
# .. guess:: The three outputs

from cnnbook.convolution import conv2d
from cnnbook.figures import plot_feature_maps, plot_feature_table, plot_images
from cnnbook.kernels import identity_kernel, prewitt_kernel

three = [identity_kernel(3), prewitt_kernel("x"), prewitt_kernel("y")]
kernels = torch.stack(three)[:, None]
features = conv2d(images, kernels)
figure = plot_feature_table(
    images,
    kernels,
    image_titles=["first image", "second image"],
    kernel_titles=["the middle", "right - left", "below - above"],
)

# %%
# The figure has a row for each image and a column for each kernel, and the outputs are in the
# cells. One pixel to the right, the numbers are larger by 1. The left and the right column of a
# window are two pixels apart, so they differ by 2 in each of three rows: 6. One pixel down, the
# numbers are larger by 4, so the upper and the lower row differ by 8 in each of three columns: 24.
#
# The weights of these two kernels add up to 0. If every pixel is larger by the same number, their
# output does not change: they find differences, not brightness. Only the output of the first kernel
# differs between the images. (The other two are named after Prewitt [Prewitt1970]_, who found edges
# with them.)
#
# .. guess-end::

assert features[:, 0].tolist() == expected
assert torch.equal(features[:, 1], torch.full((2, 2, 2), 6.0))
assert torch.equal(features[:, 2], torch.full((2, 2, 2), 24.0))
assert (3 * 2 * 1, 3 * 2 * 4) == (6, 24)
assert kernels.sum(dim=(1, 2, 3)).tolist() == [1, 0, 0]

# %%
# On these two images the middle pixel is equal to the average of the window. On other images it is
# not.
#
# .. index:: ! feature map
#
# Each kernel makes one grid of numbers, which says how strongly the kernel responds at each
# position. That is a :term:`feature map`. The feature maps are the channels of the output:

print(tuple(images.shape), "becomes", tuple(features.shape))
print(tuple(kernels.shape))
assert features.shape == (2, 3, 2, 2)
assert kernels.shape == (3, 1, 3, 3)

# %%
# ``(2, 3, 2, 2)`` means: two images, three feature maps of each, two rows, two columns. The shape
# of the weights, ``(3, 1, 3, 3)``, means: three kernels, each for one channel, three rows, three
# columns.
#
# .. index:: ! channel
#
# A grey image has one :term:`channel`, a colour photograph has three, and the output of a
# convolution has one channel for each kernel. If the input of a layer has several channels, each
# kernel has weights for all of them. Below, an image has two channels of 1 x 2 pixels, and the
# kernel has 1 x 2 weights for each. How many numbers does this kernel give, one or two?
#
# .. guess:: This kernel gives
#    :choices: one number | two numbers

two_channels = torch.tensor([[[[1.0, 2.0]], [[10.0, 20.0]]]])
one_kernel = torch.tensor([[[[1.0, 1.0]], [[3.0, 0.0]]]])
print(tuple(two_channels.shape), tuple(one_kernel.shape))
print(conv2d(two_channels, one_kernel).tolist())
assert conv2d(two_channels, one_kernel).item() == 33 == (1 * 1 + 1 * 2) + (3 * 10 + 0 * 20)
assert (1 * 1 + 1 * 2, 3 * 10 + 0 * 20) == (3, 30)

# %%
# One. The first channel gives 1*1 + 1*2 = 3 and the second 3*10 + 0*20 = 30. The two sums are
# added: 33. A bias would be added once, at the end. The number of channels that come out is the
# number of kernels. (A layer that does not add up the channels is called *depthwise*;
# :doc:`/gallery/3_inside/plot_11_sizes` has one.)
#
# Sixteen
# -------
#
# Who chooses the kernels? We only choose how many there are. Their weights are random at the start,
# and training changes them. Make a layer of torch with sixteen kernels and guess: which shape comes
# out of ``(2, 1, 4, 4)``, and how many parameters does the layer have?
#
# .. guess:: Shape and parameters

torch.manual_seed(43052)
layer = torch.nn.Conv2d(1, 16, (3, 3))
print(tuple(images.shape), "becomes", tuple(layer(images).shape))
print(parameter_table(layer))

# %%
# ``(2, 16, 2, 2)``. Sixteen kernels have nine weights and a bias each: 160 parameters. This number
# does not depend on how many images there are, or how large they are.

assert layer(images).shape == (2, 16, 2, 2)
assert parameter_table(layer).formula == "16*1*3*3 + 16"
assert parameter_table(layer).total == 16 * 1 * 3 * 3 + 16 == 160

# %%
# .. index:: ! feature expansion
#
# The lecture [Choi2025]_ calls this *popping*, after popped rice: a spoon of rice becomes a bucket
# of popped rice. This book calls it :term:`feature expansion`. One image of 4 x 4 pixels goes in,
# sixteen feature maps of 2 x 2 numbers come out:

print(first.numel(), "numbers become", layer(first).numel())
assert (first.numel(), layer(first).numel()) == (16, 64)
assert 16 * 2 * 2 == 64

# %%
# As with rice, the volume is larger, but there is nothing new in it. Each of the 64 numbers is a
# weighted sum of nine pixels, so the feature maps contain no information that was not in the image.
# But they show it in sixteen different ways, and the next layer can use those that help.
#
# .. guess-end::
#
# On real images
# --------------
#
# The same layer, on two images of clothes.

from cnnbook.images import load_fashion_mnist

data = load_fashion_mnist(n_train=100, n_test=1, one_hot=False, fallback="drawn")
names = ["Ankle boot", "Dress"]
labels = [data.class_names.index(name) for name in names]
clothes = torch.cat([data.train_images[data.train_labels == label][:1] for label in labels])
maps = layer(clothes).detach()
print(tuple(clothes.shape), "becomes", tuple(maps.shape))
figure = plot_images(clothes, titles=names, size=1.8)

# %%
# Two images of 28 x 28 become two times sixteen feature maps of 26 x 26: with a window of 3 x 3,
# one pixel is lost on each side. Here are the sixteen feature maps of the boot. Blue is above 0,
# orange is below 0, and a number near 0 has almost the colour of the page.

figure = plot_feature_maps(maps[:1], titles=[str(channel) for channel in range(16)])
assert (clothes.shape, maps.shape) == ((2, 1, 28, 28), (2, 16, 26, 26))
assert data.drawn or maps[0, 8, 10:20, 15:22].mean() > 0.8
assert data.drawn or maps[0, 15, 10:20, 15:22].mean() < -0.2
assert data.drawn or (maps[0, 14, 10:20, 15:22].mean() - layer.bias[14]).abs() < 0.1
# sphinx_gallery_thumbnail_number = 3

# %%
# The layer has not been trained yet. In some maps the boot is blue, as in map 8, in some it is
# orange, as in map 15, and map 14 shows little more than its outline.
#
# The parameters explain the background. There the image is black, all products are 0, and the
# output is the :term:`bias` alone. Where the background is orange, the bias is negative.

corners = maps[0, :, 0, 0]
print(f"{(corners < 0).sum()} of 16 backgrounds are orange")
assert clothes[0, 0, :3, :3].count_nonzero() == 0
assert torch.allclose(corners, layer.bias, rtol=0, atol=0.00001)
assert (corners < 0).sum() == (layer.bias < 0).sum()

# %%
# Where all pixels of a window have the same grey, the output is this grey times the sum of the nine
# weights, plus the bias. The positions of the weights in the kernel matter only where the pixels of
# a window differ: at outlines and seams.
#
# .. board::
#    :minutes: 25
#
#    1. In a layer with sixteen kernels you exchange kernel 0 and kernel 5, with their biases. What
#       changes in the output?
#
#       Feature maps 0 and 5 change places, and nothing else. If a linear layer follows, its weights
#       for these two maps must be exchanged, too; then the scores stay the same.
#
#    2. How many multiplications does ``Conv2d(1, 16, 3)`` make for the batch ``(2, 1, 4, 4)``?
#
#       It makes 1,152. There are ``2*16*2*2 = 128`` outputs with nine products each, and ``128*9 =
#       1152``.
#
#    3. Mirror the image with the numbers from 0 to 15, so that left becomes right. What does the
#       kernel "right - left" give now?
#
#       It gives -6 everywhere. The numbers now get smaller by 1 with each step to the right, so all
#       differences change their sign.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
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
# A layer processes each image separately, with the same weights, so the number of images can be 2
# or 5,000. It makes one feature map with each kernel: with sixteen kernels ``(2, 1, 4, 4)`` becomes
# ``(2, 16, 2, 2)``. The layer has 160 parameters.
#
# Many numbers in the feature maps above are below 0. The next layer of the lecture's network sets
# all of them to 0. Why? :doc:`/gallery/2_layers/plot_09_relu`.
