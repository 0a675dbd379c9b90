"""
6. One window
=============

*What does a convolution compute from the pixels in one window?*

You need to know how a linear layer computes one number from several: it multiplies each with a
weight, adds the products, and adds a bias. In one window, a convolution does the same.
"""

# %%
# The smallest convolution
# ------------------------
#
# .. index:: ! convolution, ! window
#
# This is the first example of the lecture [Choi2025]_. torch's layer is called ``Conv2d``. Ours has
# one input channel, one output channel, and a :term:`window` of 2 x 2 pixels. (A :term:`channel` is
# one grid of numbers. A grey image has one.) The weights are random, so we fix the
# :term:`seed` of the random numbers: then everybody gets the same weights.

import torch

torch.manual_seed(43052)
layer = torch.nn.Conv2d(1, 1, (2, 2))
print([f"{weight:.4f}" for weight in layer.weight.flatten().tolist()])
print(f"{layer.bias.item():.4f}")

# %%
# .. index:: ! kernel
#
# There are four weights, -0.1733, -0.4235, 0.1802 and 0.4668, and one bias, 0.2037. The weights
# together are called the :term:`kernel`, or :term:`filter`.

weights = [-0.1733, -0.4235, 0.1802, 0.4668]
assert torch.allclose(layer.weight.flatten(), torch.tensor(weights), atol=5e-5)
assert abs(layer.bias.item() - 0.2037) < 5e-5

# %%
# The image also has 2 x 2 pixels, so the window has exactly one position.

image = torch.tensor([[0.0, 1.0], [2.0, 3.0]])[None, None]
print(image.shape)

# %%
# ``[None, None]`` adds two axes in front, because torch expects many images with many channels:
# ``(images, channels, rows, columns)``. Here there is one image with one channel.
#
# By hand first
# -------------
#
# Multiply each pixel with the weight at the same position: upper left with upper left, lower right
# with lower right. Add up the four products, and add the bias:
#
# .. math:: w_{00} x_{00} + w_{01} x_{01} + w_{10} x_{10} + w_{11} x_{11} + b
#
# Here *x* is a pixel, *w* a weight and *b* the bias. The two small digits are the row and the
# column, counted from 0. Take a pencil: what is the output?
#
# .. guess:: Output

by_hand = -0.1733 * 0 + -0.4235 * 1 + 0.1802 * 2 + 0.4668 * 3 + 0.2037
print(f"{by_hand:.3f}")
assert f"{by_hand:.3f}" == "1.541"

# %%
# 1.541. And what does torch say?

output = layer(image)
print(output.shape, f"{output.item():.3f}")
assert f"{output.item():.3f}" == "1.541"

# %%
# The same. One window gives one number: the output has a single pixel.
#
# .. guess-end::
#
# The library writes it out
# -------------------------
#
# :func:`~cnnbook.windows.window_sum` does what we did with the pencil, and prints the calculation.
# It can do this at any position, for any kernel and any image.

from cnnbook.windows import window_sum

arithmetic = window_sum(image, layer.weight, layer.bias, row=0, column=0)
print(arithmetic)
print([round(product, 4) for product in arithmetic.products])

# %%
# The four products are 0, -0.4235, 0.3604 and 1.4003. The last is the largest, since its pixel is
# the brightest and has the largest weight. (With a pencil you get 1.4004, because torch's weights
# have more digits than the four that are printed. And the first product is printed as -0.0, because
# a negative weight times 0 is a negative zero in floating-point arithmetic.)

expected = [0, -0.4235, 0.3604, 1.4003]
assert [round(product, 4) for product in arithmetic.products] == expected
assert f"{0.4668 * 3:.4f}" == "1.4004"
assert abs(arithmetic.total - 1.541) < 5e-4

# %%
# As a figure, with the window marked on the image, the kernel, and the pixel of the output:

from cnnbook.figures import plot_window

figure = plot_window(image, layer.weight, layer.bias, row=0, column=0)

# %%
# The pixels in the window are blue. Here the window is the whole image; in a larger image it is a
# small part. The sign between image and kernel is not a matrix product: numbers at the same
# position are multiplied, and the products are added.
#
# In one window, a convolution is a linear layer
# ----------------------------------------------
#
# A linear layer with four inputs and one output also multiplies, adds up and adds a bias. Give it
# the same weights and the same bias, and flatten the window for it:

linear = torch.nn.Linear(4, 1)
with torch.no_grad():
    linear.weight.copy_(layer.weight.flatten()[None])
    linear.bias.copy_(layer.bias)
print(f"{linear(image.flatten(1)).item():.3f}")
assert torch.allclose(linear(image.flatten(1)).squeeze(), output.squeeze())

# %%
# The same number again. In one window, a convolution and a linear layer compute the same number.
# They differ when the image is larger than the window.
#
# .. board::
#    :minutes: 15
#
#    1. Use the weights and the bias of this page. Each of the four pixels may be 0 or 1. Which
#       image gives the largest output, and how large is it?
#
#       The image ``[[0, 0], [1, 1]]``, with a 1 where the weight is above 0. The output is ``0.1802
#       + 0.4668 + 0.2037 = 0.8507``.
#
#    2. All four pixels grow by 10. By how much does the output grow?
#
#       By 10 times the sum of the weights, ``10*(-0.1733 - 0.4235 + 0.1802 + 0.4668) = 0.502``. The
#       bias is added once, as before.
#
#    3. All four pixels of the image with 0, 1, 2, 3 are doubled. Is the output twice 1.541?
#
#       No, it is 2.878. The four products are doubled, and the bias is not: ``2*(1.541 - 0.2037) +
#       0.2037 = 2.8783``.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 6.1
#
# .. exercise:: 6.2
#
# .. exercise:: 6.3
#
# The answer
# ----------
#
# In one window, a convolution computes the weighted sum of the pixels, plus a bias. Here it is
# 1.541: by hand, by torch and by a linear layer.
#
# What happens when the window moves to its next position?
# :doc:`/gallery/2_layers/plot_07_moving_average`.
