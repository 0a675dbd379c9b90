"""
7. The moving average
=====================

*What comes out when the window moves over the whole image?*

You need :doc:`/gallery/2_layers/plot_06_one_window`: in one window, a convolution multiplies,
adds up and adds a bias. On this page all weights are equal, so that each window gives its mean,
which is easy to check without a computer.
"""

# %%
# A kernel that averages
# ----------------------
#
# The kernel has four weights of 1/4, and the bias is 0. A new layer of torch has random weights;
# :func:`~cnnbook.kernels.averaging_conv` makes a layer and sets its weights to 1/4.

import torch

from cnnbook.kernels import averaging_conv

average = averaging_conv(2)
print(average)
print(average.weight.tolist(), average.bias.tolist())

# %%
# In the 2 x 2 image of the page before there is only one window. Its mean is (0 + 1 + 2 + 3) / 4,
# so we expect 1.5.

small = torch.tensor([[0.0, 1.0], [2.0, 3.0]])[None, None]
print(average(small).tolist())
assert average(small).item() == 1.5 == (0 + 1 + 2 + 3) / 4

# %%
# It is 1.5. Now a larger image, with the numbers from 0 to 15.

image = torch.arange(16.0).reshape(1, 1, 4, 4)
print(image[0, 0])
assert (image.min(), image.max()) == (0, 15)

# %%
# Before you look: how many windows of 2 x 2 fit into 4 x 4, if the window moves by one
# pixel at a time? And what is the first number that comes out? (``detach`` gives the numbers alone,
# without what torch keeps for training.)
#
# .. guess:: Windows, and the first number

result = average(image).detach()
print(result.shape)
print(result[0, 0])

# %%
# There are nine windows, three in each direction, so the output is 3 x 3. The first number is
# (0 + 1 + 4 + 5) / 4 = 2.5. One step to the right, every pixel in the window is larger by 1, and so
# is the mean. One step down, every pixel and the mean are larger by 4.

expected = [[2.5, 3.5, 4.5], [6.5, 7.5, 8.5], [10.5, 11.5, 12.5]]
assert result[0, 0].tolist() == expected
assert (0 + 1 + 4 + 5) / 4 == 2.5

# %%
# Why three? The left column of the window can be column 0, 1 or 2 of the image. The library writes
# out the general formula, with all options of the layer:

from cnnbook.shapes import derive_output_size

print(derive_output_size(4, 2))
assert derive_output_size(4, 2).output_size == 3 == 4 - 2 + 1

# %%
# ``floor`` rounds down. 4 is the size of the image, and the 2 in ``(2 - 1)`` is the size of the
# window. The 0 in ``2*0`` is the :term:`padding`, the 1 before ``*(2 - 1)`` is the
# :term:`dilation`, and the 1 after the ``/`` is the :term:`stride`. These are three options, here
# with their default values; :doc:`/gallery/3_inside/plot_11_sizes` changes them. With the default
# values, the formula is 4 - 2 + 1.
#
# .. guess-end::
#
# Look at a single window
# -----------------------
#
# The pixel in the middle of the output comes from the middle window, 5, 6, 9 and 10.

from cnnbook.figures import plot_window
from cnnbook.windows import window_sum, windows

middle = window_sum(image, average.weight, average.bias, row=1, column=1)
print(middle)
figure = plot_window(image, average.weight, average.bias, row=1, column=1)
assert middle.pixels == (5, 6, 9, 10)
assert middle.total == 7.5

# %%
# A quarter of each, added up, is 7.5. The function :func:`~cnnbook.windows.windows` gives all nine
# windows at once, as a tensor with two more axes than the image:

every = windows(image, 2)
print(every.shape)
print(every[0, 0, 1].int().tolist())

# %%
# The axes are ``(images, channels, rows, columns, window rows, window columns)``. The cell prints
# the three windows of the middle row; the second of them is ``[[5, 6], [9, 10]]`` again. This
# tensor is a view of the image: no pixel is copied. (If every window is copied into a row of a
# matrix, this is called *im2col*: one matrix product then computes the whole convolution, as
# :doc:`/gallery/3_inside/plot_12_img_at_what` explains.)

assert every.shape == (1, 1, 3, 3, 2, 2)
assert every[0, 0, 1, 1].tolist() == [[5, 6], [9, 10]]
assert every.data_ptr() == image.data_ptr()

# %%
# Three ways to the same numbers
# ------------------------------
#
# If a convolution computes the same weighted sum in every window, then three results must be equal
# to the output of torch's layer: the mean of every window, a loop over the windows, and one product
# of all windows with the kernel.

from cnnbook.convolution import conv2d, conv2d_loop, moving_average

means = moving_average(image, size=2)
loop = conv2d_loop(image, average.weight, average.bias)
product = conv2d(image, average.weight, average.bias)
print([torch.equal(way, result) for way in (means, loop, product)])
assert means[0, 0].tolist() == expected
assert loop[0, 0].tolist() == expected
assert product[0, 0].tolist() == expected

# %%
# All three are exactly equal to torch's output, because sums of quarters of small whole numbers are
# exact in floating-point arithmetic.
#
# A larger window
# ---------------
#
# The next example of the lecture [Choi2025]_ has a window of 3 x 3 on the same image. Before you
# look: how many of these windows fit into 4 x 4, and what is the mean of the first?
#
# .. guess:: Windows, and the mean of the first

print(derive_output_size(4, 3))
larger = averaging_conv(3)(image).detach()
print(larger[0, 0])

# %%
# Two windows fit in each direction, so the output is 2 x 2. The numbers grow evenly from left to
# right and from top to bottom, so the mean of nine of them is the number in the middle of the
# window: 5, 6, 9 and 10. (1/9 has no exact floating-point number, and torch rounds it. The checks
# allow a difference of 0.00001.)

middles = [[5, 6], [9, 10]]
assert derive_output_size(4, 3).output_size == 2 == 4 - 3 + 1
assert (0 + 1 + 2 + 4 + 5 + 6 + 8 + 9 + 10) / 9 == 5
assert torch.allclose(larger[0, 0], torch.tensor(middles).float(), rtol=0, atol=0.00001)
assert moving_average(image, size=3)[0, 0].tolist() == middles
assert image[0, 0, 1:3, 1:3].tolist() == middles

# %%
# Try it
# ------
#
# Move the window with the arrow keys or the buttons, choose another kernel, or write your own. With
# which weights is every number of the output 1?
#
# .. conv-explorer::
#    :image: lecture
#    :kernel: average2
#    :hide: relu,pool,matrix
#    :room: 605 930
#
# .. guess:: The four weights
#
# One answer is -1 and 1 in the upper row of the kernel and two zeros below: each pixel is larger by
# 1 than the pixel to its left.
#
# .. guess-end::

assert conv2d(image, torch.tensor([[[[-1.0, 1.0], [0.0, 0.0]]]])).unique().tolist() == [1]

# %%
# On an image of a shoe
# ---------------------
#
# What does averaging do to an image of a shoe? Guess: what happens to its edges, and what happens
# to its size, with a window of 5 x 5?
#
# .. guess:: Edges and size

from cnnbook.figures import plot_images
from cnnbook.images import load_fashion_mnist

data = load_fashion_mnist(n_train=100, n_test=1, one_hot=False, fallback="drawn")
is_boot = data.train_labels == data.class_names.index("Ankle boot")
shoe = data.train_images[is_boot][:1]
blurred = moving_average(shoe, size=5)
print(tuple(shoe.shape[2:]), "becomes", tuple(blurred.shape[2:]))
frame = torch.nn.functional.pad(blurred, (2, 2, 2, 2))
figure = plot_images(torch.cat([shoe, frame]), titles=["before", "5 x 5 average"], size=2.2)

# %%
# Edges become wider and less sharp. The image loses two pixels on each side, and 28 becomes 24,
# because a window that goes over the edge does not count. (In the figure, the averaged image has a
# black frame where pixels are lost.)

assert (shoe.shape, blurred.shape) == ((1, 1, 28, 28), (1, 1, 24, 24))

# %%
# .. board::
#    :minutes: 20
#
#    1. Average the numbers from 0 to 15 with 2 x 2 windows, and the result once more with 2 x 2
#       windows. Which size and which numbers come out?
#
#       2 x 2 numbers: 5, 6, 9 and 10. For example, ``(2.5 + 3.5 + 6.5 + 7.5)/4 = 5``. On this image
#       the 3 x 3 average gives the same numbers, but its weights are others: twice 2 x 2 has 1/16
#       in its corners and 4/16 in the middle.
#
#    2. One pixel of the 4 x 4 image grows by 8. How many outputs of the 2 x 2 average change, and
#       by how much: for a corner, and for a pixel in the middle?
#
#       1 output for a corner and 4 outputs for a pixel in the middle, each by ``8/4 = 2``.
#
#    3. A chessboard of 0 and 1 is averaged with 2 x 2 windows, and with 3 x 3 windows. Which
#       numbers come out?
#
#       1/2 everywhere for 2 x 2: each window has two ones. For 3 x 3 it is 4/9 or 5/9 in turn, as
#       the middle is 0 or 1 and the ones are 4 or 5.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 7.1
#
# .. exercise:: 7.2
#
# .. exercise:: 7.3
#
# The answer
# ----------
#
# The window moves over the image, and at each position the same weighted sum gives one pixel of the
# output. With windows of 2 x 2, 4 x 4 pixels become 3 x 3; with windows of 3 x 3 they become 2 x 2.
# If all weights are equal and add up to 1, this is the :term:`moving average`.
#
# That was one image and one kernel. What happens with many images and many kernels?
# :doc:`/gallery/2_layers/plot_08_many_images`.
