"""
The moving average
==================

*What comes out when the window moves over the whole image?*

You need :doc:`/gallery/2_layers/plot_06_one_window`: in one window, a convolution multiplies,
adds up and adds a bias. To see the moving clearly, we choose weights that anyone can check in
their head: all the same, so that each window gives its mean.
"""

# %%
# A kernel that averages
# ----------------------
#
# Four weights of 1/4 and no bias. A layer of torch starts with random weights;
# :func:`~cnnbook.kernels.averaging_conv` makes one and writes ours into it.

import torch

from cnnbook.kernels import averaging_conv

average = averaging_conv(2)
print(average)
print(average.weight.tolist(), average.bias.tolist())

# %%
# On the 2 x 2 image of the page before there is only one window. Its mean is (0 + 1 + 2 + 3) / 4,
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
# Before you run the next cell: how many windows of 2 x 2 fit into 4 x 4, if the window moves by one
# pixel at a time? And what is the first number that comes out?

result = average(image).detach()
print(result.shape)
print(result[0, 0])

# %%
# Nine windows, three in each direction, so the output is 3 x 3. The first number is
# (0 + 1 + 4 + 5) / 4 = 2.5. One step to the right, every pixel under the window is larger by one,
# and so is the mean; one step down, by four.

expected = [[2.5, 3.5, 4.5], [6.5, 7.5, 8.5], [10.5, 11.5, 12.5]]
assert result[0, 0].tolist() == expected
assert (0 + 1 + 4 + 5) / 4 == 2.5

# %%
# Why three? The window's left edge can stand at pixel 0, 1 or 2. The general rule, with all options
# of the layer, is written out by the library:

from cnnbook.shapes import derive_output_size

print(derive_output_size(4, 2))
assert derive_output_size(4, 2).output_size == 3 == 4 - 2 + 1

# %%
# ``floor`` rounds down. 4 is the image, and the 2 in ``(2 - 1)`` the window. The 0 is the
# :term:`padding`, the 1 before that bracket the :term:`dilation`, and the 1 under the line the
# :term:`stride`: three options, here with their default values. With these, the rule is no more
# than 4 - 2 + 1.
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
# A quarter of each, and the sum is 7.5. All nine windows at once, in the order in which they are
# visited, are a view of the image with two axes more:

every = windows(image, 2)
print(every.shape)
print(every[0, 0, 1].int().tolist())

# %%
# ``(images, channels, rows, columns, window rows, window columns)``: here the three windows of the
# middle row. The one in the middle is ``[[5, 6], [9, 10]]`` again. No pixel was copied for this.

assert every.shape == (1, 1, 3, 3, 2, 2)
assert every[0, 0, 1, 1].tolist() == [[5, 6], [9, 10]]
assert every.data_ptr() == image.data_ptr()

# %%
# Three ways to the same numbers
# ------------------------------
#
# If a convolution is "the same small sum in every window", then the mean of every window must be
# the same as torch's layer, and the same as a loop that visits one window after the other.

from cnnbook.convolution import conv2d, conv2d_loop, moving_average

assert moving_average(image, size=2)[0, 0].tolist() == expected
assert conv2d_loop(image, average.weight, average.bias)[0, 0].tolist() == expected
assert conv2d(image, average.weight, average.bias)[0, 0].tolist() == expected

# %%
# All three agree to the last digit, because sums of quarters of small whole numbers are exact in
# floating point.
#
# Try it
# ------
#
# Move the window with the arrow keys or the buttons, choose another kernel, or write your own. A
# riddle for the latter: with which weights is every number of the output a 1?
#
# .. conv-explorer::
#    :image: lecture
#    :kernel: average2

# %%
# On a picture
# ------------
#
# What does averaging do to a picture of a shoe? Guess: what happens to its edges, and what to
# its size, with a window of 5 x 5?

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
# Edges are spread out, and the picture loses two pixels on each side, 28 becomes 24: a window that
# hangs over the edge does not count. (The averaged picture is drawn with a black frame in the
# place of what was lost.)

assert (shoe.shape, blurred.shape) == ((1, 1, 28, 28), (1, 1, 24, 24))

# %%
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put
# ``from cnnbook.exercises import check`` before it, and see what the check says. Nothing is given
# away until you unfold it.
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
# The same weighted sum is taken in every window, and each gives one pixel of the output: four by
# four pixels become three by three. With equal weights that is the :term:`moving average`.
#
# That was one image and one kernel. What if there are many of both?
# :doc:`/gallery/2_layers/plot_08_many_images`.
