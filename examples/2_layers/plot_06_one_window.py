"""
One window
==========

*What does a convolution do with the pixels that it sees at one place?*

You need to know how a linear layer makes one number from several: it multiplies each with a
weight, adds the products, and adds a bias. A convolution does nothing else.
"""

# %%
# The smallest convolution
# ------------------------
#
# .. index:: ! convolution, ! window
#
# torch's layer is called ``Conv2d``. We ask for one that takes one channel, gives one channel, and
# looks through a :term:`window` of 2 x 2 pixels. Its weights are random, so we fix the seed to all
# see the same ones.

import torch

torch.manual_seed(43052)
layer = torch.nn.Conv2d(1, 1, (2, 2))
print([f"{weight:.4f}" for weight in layer.weight.flatten().tolist()])
print(f"{layer.bias.item():.4f}")

# %%
# .. index:: ! kernel
#
# Four weights, -0.1733, -0.4235, 0.1802 and 0.4668, and one bias, 0.2037. Together the weights are
# called the :term:`kernel`.

weights = [-0.1733, -0.4235, 0.1802, 0.4668]
assert torch.allclose(layer.weight.flatten(), torch.tensor(weights), atol=5e-5)
assert abs(layer.bias.item() - 0.2037) < 5e-5

# %%
# The image has 2 x 2 pixels as well, so the window fits at exactly one place.

image = torch.tensor([[0.0, 1.0], [2.0, 3.0]])[None, None]
print(image.shape)

# %%
# The two axes in front, which ``[None, None]`` adds, are there because torch always thinks of many
# images with many channels: ``(images, channels, rows, columns)``. Here both are 1.
#
# By hand first
# -------------
#
# Lay the kernel on the window: upper left on upper left, lower right on lower right. Multiply what
# lies on top of each other, add up, add the bias. Take a pencil: what comes out?

by_hand = -0.1733 * 0 + -0.4235 * 1 + 0.1802 * 2 + 0.4668 * 3 + 0.2037
print(f"{by_hand:.3f}")
assert f"{by_hand:.3f}" == "1.541"

# %%
# 1.541. And what does torch say?

output = layer(image)
print(output.shape, f"{output.item():.3f}")
assert f"{output.item():.3f}" == "1.541"

# %%
# The same. One window gives one number: the output is an image of a single pixel.
#
# The library spells it out
# -------------------------
#
# :func:`~cnnbook.windows.window_sum` does what we did with the pencil, and prints it as we wrote
# it. It is made for looking: at any position, of any kernel, on any image.

from cnnbook.windows import window_sum

arithmetic = window_sum(image, layer.weight, layer.bias, row=0, column=0)
print(arithmetic)
print([round(product, 4) for product in arithmetic.products])

# %%
# The four products are 0, -0.4235, 0.3604 and 1.4003; the last is the largest, since its pixel is
# the brightest and has the largest weight. (Your pencil has 1.4004 for it: torch's weights have
# more than the four digits that we see. And a 0 that comes of something negative keeps its minus
# sign.)

expected = [0, -0.4235, 0.3604, 1.4003]
assert [round(product, 4) for product in arithmetic.products] == expected
assert f"{0.4668 * 3:.4f}" == "1.4004"
assert abs(arithmetic.total - 1.541) < 5e-4

# %%
# As a picture, with the window marked on the image, the kernel, and the pixel that comes out:

from cnnbook.figures import plot_window

figure = plot_window(image, layer.weight, layer.bias, row=0, column=0)

# %%
# Blue pixels take part. Here that is the whole image; in a larger one it will be a small part.
#
# A convolution is a linear layer with a view
# -------------------------------------------
#
# Multiplying, adding up, adding a bias: a linear layer with four inputs and one output does that
# as well. Give it the same numbers, and flatten the window for it:

linear = torch.nn.Linear(4, 1)
with torch.no_grad():
    linear.weight.copy_(layer.weight.flatten()[None])
    linear.bias.copy_(layer.bias)
print(f"{linear(image.flatten(1)).item():.3f}")
assert torch.allclose(linear(image.flatten(1)).squeeze(), output.squeeze())

# %%
# The same number again. In one window there is no difference between the two. The difference
# begins when the image is larger than the window.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put ``from cnnbook.exercises import
# check`` before it, and see what the check says. Nothing is given away until you unfold it.
# (:doc:`/install` explains how to install ``cnnbook``.)
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
# At one place a convolution is a weighted sum of the pixels it sees, plus a bias: 1.541 here, by
# hand, by torch and by a linear layer.
#
# What happens at the next place, and the one after that?
# :doc:`/gallery/2_layers/plot_07_moving_average`.
