"""
11. Which sizes come out?
=========================

*How many numbers does a layer output, and which of its options change that?*

You need :doc:`/gallery/2_layers/plot_07_moving_average`, where a :term:`window` moves by one pixel
at a time, and :doc:`/gallery/2_layers/plot_10_max_pool`, where it moves by its own width. Nothing
is trained on this page. We count, and then change five options.
"""

# %%
# Counting with a finger
# ----------------------
#
# The images of clothes have 28 pixels in a row. Put a window of 2 pixels at the left end and move
# it by one until it reaches the right end. At how many positions does it stand? Make a guess first.
#
# .. guess:: Positions

from cnnbook.shapes import derive_output_size

moved = derive_output_size(28, 2)
print(moved)
assert str(moved) == "floor((28 + 2*0 - 1*(2 - 1) - 1)/1) + 1 = 27"
# sphinx_gallery_thumbnail_number = 1

# %%
# 27 positions. Read the formula from the inside. There are 28 pixels, and 2*0 that were added at
# the two ends. The window's second :term:`weight` is 1*(2 - 1) pixels to the right of its first:
# this is subtracted. The next 1 that is subtracted is the pixel under the first weight. The
# remaining 26 is how far the window can move. We divide by the step, 1, and add 1 for the position
# where the window started.

assert (28 + 2 * 0 - 1 * (2 - 1) - 1) // 1 == 26
assert 26 + 1 == moved.output_size == 27

# %%
# Pooling moves its window by 2. How many outputs do these 27 numbers give?
#
# .. guess:: Outputs

pooled = derive_output_size(27, 2, stride=2)
print(pooled)
print((27 + 2 * 0 - 1 * (2 - 1) - 1) / 2, "steps fit")
assert pooled.output_size == 13 == int(12.5) + 1

# %%
# The window can move 12.5 times, and no window makes half a step. ``floor`` rounds down, so 13
# numbers come out. The last of the 27 is in no window.
#
# The whole network on paper
# --------------------------
#
# :func:`~cnnbook.shapes.shape_table` goes through a network and writes down the shape after each
# layer and how it was computed. It does not run the network. Here is the sloppy CNN of the lecture:

from cnnbook.networks import small_cnn
from cnnbook.shapes import shape_table

net = small_cnn()
table = shape_table(net, (1, 28, 28))
print(table)
shapes = [row.output_shape for row in table.rows]
assert shapes == [(16, 27, 27), (16, 27, 27), (16, 13, 13), (2704,), (10,)]

# %%
# 28, 27, 13, and then the 2704 in ``Linear(2704, 10)``: sixteen feature maps of 13 x 13, written
# into one row. ReLU changes one number at a time, so it keeps the shape.

assert 16 * 13 * 13 == 2704
assert table.output_shape == (10,)

# %%
# Three options that move windows
# -------------------------------
#
# .. index:: ! stride, ! padding, ! dilation
#
# The :term:`stride` is the step from one window to the next. :term:`Padding` puts pixels of value 0
# around the image. :term:`Dilation` is the step from one weight of the kernel to the next: with 2,
# there is a gap of one pixel between neighbours.
#
# Take an image of 7 x 7 and a kernel of 3 x 3. With the default options, five windows fit in each
# direction. Change one option at a time. Before you look: how many windows with stride 2, with
# padding 1, with dilation 2?
#
# .. guess:: Stride, padding, dilation

from cnnbook.figures import plot_conv_options
from cnnbook.shapes import output_size

settings = {
    "defaults": {},
    "stride 2": {"stride": 2},
    "padding 1": {"padding": 1},
    "dilation 2": {"dilation": 2},
}
print({name: output_size(7, 3, **options) for name, options in settings.items()})
figure = plot_conv_options(7, 3, settings)

# %%
# Blue pixels belong to the first window, and pixels with a dot to its right neighbour. The titles
# count the windows. The stride moves the neighbour away. The padding, the pixels with thin lines,
# lets the first window start one pixel outside, and the output is as large as the image. The
# dilation spreads the window: it has nine weights, as before, but they span five pixels.

assert [output_size(7, 3, **options) for options in settings.values()] == [5, 3, 7, 3]
assert 2 * (3 - 1) + 1 == 5

# %%
# Stride 2 and dilation 2 both give 3 x 3, but they do different things. With stride 2, the nine
# windows are two pixels apart. With dilation 2, they are one pixel apart, and each covers a larger
# part of the image. The size alone does not tell the two apart. Does the formula?

for name, options in settings.items():
    print(f"{name:10}", derive_output_size(7, 3, **options))

# %%
# It does. The stride is a divisor. The dilation increases the number that is subtracted before the
# division.
#
# .. guess-end::

assert (7 + 2 * 0 - 1 * (3 - 1) - 1) // 2 + 1 == 3
assert (7 + 2 * 0 - 2 * (3 - 1) - 1) // 1 + 1 == 3

# %%
# Does torch agree?
# -----------------
#
# The formula is one line [Dumoulin2016]_. We compare it with torch's layer, whose output we can
# measure: five kernel sizes, three strides, three paddings, three dilations, in every combination.

import itertools

import torch

image = torch.zeros(1, 1, 28, 28)
options = list(itertools.product(range(1, 6), (1, 2, 3), (0, 1, 2), (1, 2, 3)))
for kernel_size, stride, padding, dilation in options:
    layer = torch.nn.Conv2d(1, 1, kernel_size, stride, padding, dilation)
    size = output_size(28, kernel_size, stride=stride, padding=padding, dilation=dilation)
    assert layer(image).shape == (1, 1, size, size)
print(len(options), "settings, no disagreement")

# %%
# In all 135 settings, torch's output has the size that the formula gives.

assert len(options) == 5 * 3 * 3 * 3 == 135

# %%
# Keeping the size
# ----------------
#
# Often a layer should not make the image smaller. A kernel of 3 needs padding 1, a kernel of 5
# needs padding 2. What does a kernel of 2 need? Guess, then read the second line of the output.
#
# .. guess:: Padding

from cnnbook.shapes import same_padding

print(output_size(28, 3, padding=1), output_size(28, 5, padding=2))
print([output_size(28, 2, padding=padding) for padding in (0, 1)])
print("before and after:", same_padding(2))
assert output_size(28, 3, padding=1) == output_size(28, 5, padding=2) == 28
assert [output_size(28, 2, padding=padding) for padding in (0, 1)] == [27, 29]
assert same_padding(2) == (0, 1)

# %%
# It needs half a pixel on each side. Padding 0 gives 27, padding 1 gives 29, and neither gives 28.
# So torch's ``padding="same"`` adds no pixel before the image and one after it, as the third line
# says. This is one reason why kernels mostly have an odd number of rows and columns.
#
# Two options that do not move windows
# ------------------------------------
#
# The number of channels and of :term:`groups` does not change the windows. It decides which input
# channels each output channel uses. With ``groups=2``, the input channels and the kernels are
# divided into two groups each, and a kernel sees only the channels of its own group. Four channels
# go in, eight feature maps come out: how large is each of the eight, and how many parameters does
# the layer have with one, two and four groups?
#
# .. guess:: Size, and parameters

layers = {groups: torch.nn.Conv2d(4, 8, 3, groups=groups) for groups in (1, 2, 4)}
for groups, layer in layers.items():
    count = sum(parameter.numel() for parameter in layer.parameters())
    sizes = tuple(layer(torch.zeros(1, 4, 28, 28)).shape), tuple(layer.weight.shape)
    print(f"groups={groups}: output {sizes[0]}, weight {sizes[1]}, {count} parameters")
    assert sizes == ((1, 8, 26, 26), (8, 4 // groups, 3, 3))
    assert count == 8 * (4 // groups) * 3 * 3 + 8

# %%
# The size is the same each time: eight feature maps of 26 x 26. The second axis of the weights
# changes. With one group, each kernel has 3 x 3 weights for each of the four channels, and the
# layer has 296 parameters. With two groups, a kernel has weights for two channels: 152 parameters.
# With four groups, it has weights for a single channel: 80 parameters.

assert (8 * 4 * 9 + 8, 8 * 2 * 9 + 8, 8 * 1 * 9 + 8) == (296, 152, 80)

# %%
# Which outputs does each input channel change? Set one input channel to 1 and the others to 0, and
# see which outputs are not 0. Below, each word of eight signs is one input channel, and each sign
# is an output: ``#`` where it is above 0.

for groups, layer in layers.items():
    torch.nn.init.ones_(layer.weight)
    one_lit = torch.eye(4).reshape(4, 4, 1, 1).expand(4, 4, 3, 3)
    answers = torch.nn.functional.conv2d(one_lit, layer.weight, groups=groups)[..., 0, 0] > 0
    print(f"groups={groups}", *("".join(".#"[a] for a in row) for row in answers.tolist()))
    assert answers.sum(dim=1).tolist() == [8 // groups] * 4

# %%
# With one group, every input reaches all eight outputs. With two, the first two inputs reach the
# first four outputs, and the last two inputs the last four: two convolutions side by side, with
# nothing in common. With four, each input has two outputs of its own. A convolution with as many
# groups as input channels is called *depthwise* (:term:`depthwise convolution`).
#
# Change an option, and another layer fails
# -----------------------------------------
#
# Give the lecture's convolution a padding of 1. With a pencil: what is the size after the
# convolution, after pooling, after flattening? And what will the linear layer say?
#
# .. guess:: Three sizes

net[0].padding = (1, 1)
print(shape_table(net[:4], (1, 28, 28)))
try:
    shape_table(net, (1, 28, 28))
except ValueError as error:
    message = str(error)
print(message)
assert shape_table(net[:4], (1, 28, 28)).output_shape == (3136,) == (16 * 14 * 14,)
assert message.endswith("expects 2704 numbers, but gets 3136; use torch.nn.Linear(3136, 10)")

# %%
# 29, 14, and 16 x 14 x 14 = 3136. The convolution accepts its input, and the error comes from a
# layer four lines further down. An error about a size is often raised in another layer than the one
# to change.

assert derive_output_size(28, 2, padding=1).output_size == 29
assert derive_output_size(29, 2, stride=2).output_size == 14

# %%
# Try it
# ------
#
# A square of 8 x 8, an average of 3 x 3, stride 2 and padding 1. Before you move the window: how
# many windows? Then choose the image of 4 x 4 numbers, and make the kernel too large for it without
# choosing another kernel.
#
# .. guess:: Windows in each direction
#
# .. conv-explorer::
#    :image: square
#    :kernel: average3
#    :stride: 2
#    :padding: 1
#    :hide: relu,matrix
#    :room: 806 1141

print(derive_output_size(8, 3, stride=2, padding=1))
assert derive_output_size(8, 3, stride=2, padding=1).output_size == 4

# %%
# Four in each direction. On 4 x 4 pixels, without padding, a dilation of 2 is too much: the kernel
# spans five pixels.
#
# .. board::
#    :minutes: 30
#
#    1. Which padding keeps the size with a kernel of 7 x 7? And with a kernel of 3 x 3 and dilation
#       2?
#
#       A padding of 3, and one of 2. The padding is half of what the window spans beyond its first
#       pixel: ``(7 - 1)/2 = 3`` and ``2*(3 - 1)/2 = 2``.
#
#    2. A window of 3 moves over a row of 10 pixels. How many windows fit with stride 1, 2 and 3,
#       and when is the last pixel in no window?
#
#       8, 4 and 3 windows. With stride 2 the last window starts at pixel 6 and ends at pixel 8,
#       with stride 3 as well, so pixel 9 is in none of them.
#
#    3. How many weights does ``Conv2d(8, 8, 3)`` have, and how many with ``groups=8``?
#
#       ``8*8*3*3 = 576`` weights, and with eight groups ``8*1*3*3 = 72``, eight times fewer, since
#       each kernel sees a single channel.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 11.1
#
# .. exercise:: 11.2
#
# .. exercise:: 11.3
#
# The answer
# ----------
#
# Along each axis, as many numbers come out as windows fit. Padding adds pixels, kernel and dilation
# take pixels away, the stride divides what is left, and a remainder is dropped. So 28 pixels become
# 27, then 13, and sixteen feature maps of 13 x 13 are 2704 numbers. Channels and groups change how
# many feature maps there are and which channels each one uses, but not their size.
#
# We now know how many numbers go in and how many come out. A matrix has a row for each number that
# goes in and a column for each that comes out. Is a convolution a matrix?
# :doc:`/gallery/3_inside/plot_12_img_at_what`.
