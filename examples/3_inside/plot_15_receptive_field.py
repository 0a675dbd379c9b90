"""
15. How far does a pixel see?
=============================

*Which pixels of the image can change one number inside a network?*

You need the sloppy CNN of :doc:`/gallery/1_why/plot_02_parameters`, the windows of
:doc:`/gallery/2_layers/plot_07_moving_average`, and one thing from
:doc:`/gallery/3_inside/plot_14_backpropagation`: the :term:`gradient` of a pixel is zero if the
pixel is in no window.
"""

# %%
# Two layers
# ----------
#
# After one 3 x 3 convolution, a number depends on nine pixels. A second 3 x 3 convolution takes the
# numbers of the first. On how many pixels of the image does one of *its* numbers depend? Make a
# guess before you run the cell.
#
# .. guess:: Pixels

import torch

from cnnbook.receptive_field import receptive_field

# sphinx_gallery_thumbnail_number = 1
two = [torch.nn.Conv2d(1, 1, 3), torch.nn.Conv2d(1, 1, 3)]
print(receptive_field(two))
assert receptive_field(two).size == (5, 5)
assert 3 + (3 - 1) * 1 == 5

# %%
# .. index:: ! receptive field
#
# On 5 x 5 pixels. These are called its :term:`receptive field`, and we say that the number *sees*
# them. The window of the second layer has three numbers in a row. The first sees 3 pixels of a row.
# The 2 others add one pixel each: 3 + 2 = 5. The column *jump* says how many pixels each adds, and
# *start* is the first pixel that the first number sees.
#
# The sloppy CNN
# --------------
#
# It has a 2 x 2 convolution, ReLU, and a 2 x 2 pooling, before ``Linear`` takes all the numbers.
# How large is the receptive field of a number that ``Linear`` takes? One might guess two times two,
# 4 x 4.
#
# .. guess:: Receptive field
#    :choices: 2 x 2 | 3 x 3 | 4 x 4 | 5 x 5

from cnnbook.networks import small_cnn

torch.manual_seed(0)
before_linear = small_cnn()[:3]
field = receptive_field(before_linear)
print(field)
assert [row.size for row in field.rows] == [(1, 1), (2, 2), (2, 2), (3, 3)]
assert 2 + (2 - 1) * 1 == 3

# %%
# It is 3 x 3: in a row, pooling takes two neighbouring windows, and they share a pixel. ReLU takes
# one number and adds no pixel. Each of the 2704 numbers that ``Linear`` takes depends on nine of
# the 784 pixels.
#
# After pooling the jump is 2: the next number starts two pixels further. Here are the rows that the
# first number of a column sees, those of the second, and those of the last, number 12. The image
# has rows 0 to 27. Which row is missing?
#
# .. guess:: Row

for row in (0, 1, 12):
    print(row, list(field.pixels(row, 0)[0]))
assert before_linear(torch.zeros(1, 1, 28, 28)).shape == (1, 16, 13, 13)
assert 16 * 13 * 13 == 2704
assert 28 * 28 == 784
assert list(field.pixels(1, 0)[0]) == [2, 3, 4]
assert list(field.pixels(12, 0)[0]) == [24, 25, 26]

# %%
# Neighbours overlap in one row, here row 2. And no number sees row 27. Pooling takes the 27 rows of
# the feature map in pairs. One row is left over, and only this row depends on the last row of the
# image. The same is true of the last column. This was computed on paper. Is it also true of the
# network itself?
#
# A gradient shows the receptive field
# ------------------------------------
#
# Take one number in the middle, number (6, 6) of a channel, as if it were the loss, and let
# autograd compute its gradient with respect to every pixel of the image. Where the gradient is not
# zero, the pixel can change the number. The images are noise, so that no two pixels are alike. (The
# code adds up the same number of all images before it asks for the gradient. Each of them depends
# on its own image only, so this changes nothing and saves time.)

noise = torch.rand(100, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def seen(images: torch.Tensor, row: int, column: int) -> torch.Tensor:
    """Return the sizes of the gradients of one place's 16 numbers, by image and channel."""
    images = images.clone().requires_grad_()
    numbers = before_linear(images)[:, :, row, column]
    gradients = [torch.autograd.grad(n.sum(), images, retain_graph=True)[0] for n in numbers.T]
    return torch.stack(gradients, dim=1).abs().squeeze(2)


# %%
# Before you look: how many pixels have a gradient that is not zero, for a single image and a single
# channel?
#
# .. guess:: Pixels

sizes = seen(noise, 6, 6)
alive = sizes.flatten(0, 1)[sizes.flatten(0, 1).amax(dim=(1, 2)) > 0]
spots = (alive > 0).sum(dim=(1, 2))
print(len(alive), "of", sizes.shape[0] * sizes.shape[1], "numbers have a gradient somewhere")
print("pixels in a spot:", spots.unique().tolist())
assert spots.unique().tolist() == [4]

# %%
# Four pixels, 2 x 2, never nine. (The other numbers have no gradient: ReLU has set them to 0.)
# Pooling takes the *largest* of its four numbers. If one of the other three grows a little, the
# maximum stays the same, so only the window of the largest has a gradient. On one image, a number
# depends on one window. Which one it is depends on the image.
#
# So the gradient of a single image shows too little. The receptive field is all pixels that *can*
# change the number, on any image. Add up the absolute gradients over all channels and all hundred
# images.

from cnnbook.figures import plot_receptive_field

total = sizes.sum(dim=(0, 1))
figure = plot_receptive_field(
    torch.stack([alive[0], total])[:, None],
    [field.pixels(6, 6)] * 2,
    titles=["one image, one channel", "100 images, 16 channels"],
    margin=3,
)

# %%
# A pixel without a gradient has the colour of the background, and every other pixel is grey; the
# larger the gradient, the more the pixel stands out. The frame is the receptive field as computed
# on paper, from row 12 to 14 and from column 12 to 14. On the left there is a spot of 2 x 2 in it.
# On the right the spots fill the frame, all nine pixels of it, and no pixel outside has a gradient.
#
# .. guess-end::

rows, columns = field.pixels(6, 6)
inside = torch.zeros(28, 28, dtype=torch.bool)
inside[rows.start : rows.stop, columns.start : columns.stop] = True
print(int((total > 0).sum()), "pixels with a gradient,", int((total == 0).sum()), "without")
assert (list(rows), list(columns)) == ([12, 13, 14], [12, 13, 14])
assert torch.equal(total > 0, inside)
assert (int((total > 0).sum()), int((total == 0).sum())) == (9, 775)

# %%
# Nine pixels have a gradient, and the other 775 have none. Paper and network agree. On the right,
# the middle is strongest: that pixel is in all four windows that the pooling chooses from, and a
# corner is in one of them.
#
# And the row that no number sees? Now let the loss be the sum of *all* numbers that ``Linear``
# takes.

images = noise.clone().requires_grad_()
before_linear(images).sum().backward()
everything = images.grad.abs().sum(dim=(0, 1))
unseen = (everything == 0).nonzero()
print(len(unseen), "pixels are never seen; the first and the last:", unseen[[0, -1]].tolist())
assert len(unseen) == 28 + 28 - 1 == 55
assert all(27 in position for position in unseen.tolist())

# %%
# 55 pixels, all of them in row 27 or in column 27. The sloppy CNN really is sloppy: it uses 27 x 27
# pixels. If trousers end in row 27, it cannot know that.
#
# To see more
# -----------
#
# Nine pixels are enough for edges and spots, but not for a sleeve. How many 3 x 3 convolutions does
# it take until the receptive field is as wide as the image, 28 pixels? Each adds 2. A padding of 1
# keeps the size, so that any number of them can run on 28 x 28:
#
# .. guess:: Convolutions

plain = [torch.nn.Conv2d(1, 1, 3, padding=1) for _ in range(14)]
sizes_plain = [row.size[0] for row in receptive_field(plain).rows]
print(sizes_plain)
assert sizes_plain == [2 * layers + 1 for layers in range(15)]
assert (sizes_plain[13], sizes_plain[14]) == (27, 29)
assert torch.nn.Sequential(*plain)(torch.zeros(1, 1, 28, 28)).shape == (1, 1, 28, 28)

# %%
# Fourteen: the 1 at the beginning of the list is the image itself. That is many.
#
# The column *jump* shows how to need fewer: if a layer has a stride of two, the jump doubles for
# every layer behind it. With a :term:`stride` of 2 in every layer, how many does it take? (Pencil:
# each layer adds 2 jumps, then the jump doubles.)
#
# .. guess:: Convolutions with stride 2

strided = [torch.nn.Conv2d(1, 1, 3, stride=2, padding=1) for _ in range(4)]
print(receptive_field(strided))
sizes_strided = [row.size[0] for row in receptive_field(strided).rows]
ends = [receptive_field(strided).pixels(0, column)[1] for column in (0, 1)]
print("columns:", [(end.start, end.stop - 1) for end in ends])
assert [(end.start, end.stop - 1) for end in ends] == [(-15, 15), (1, 31)]
assert sizes_strided == [1, 3, 7, 15, 31]
assert 1 + 2 * 1 + 2 * 2 + 2 * 4 + 2 * 8 == 31
assert torch.nn.Sequential(*strided)(torch.zeros(1, 1, 28, 28)).shape == (1, 1, 2, 2)
assert [(max(end.start, 0), min(end.stop - 1, 27)) for end in ends] == [(0, 15), (1, 27)]

# %%
# Four: 1 + 2 + 4 + 8 + 16 = 31. (Two numbers in a row are left. They see the columns from -15 to 15
# and from 1 to 31. The columns below 0 and above 27 are padding, so 0 to 15 and 1 to 27 remain.)
# Many networks use a pooling as the layer with stride 2. The three networks in one figure:

from cnnbook.figures import plot_receptive_field_growth

mixed = [torch.nn.Conv2d(1, 1, 3, padding=1), torch.nn.MaxPool2d(2)] * 3
mixed.append(torch.nn.Conv2d(1, 1, 3, padding=1))
sizes_mixed = [row.size[0] for row in receptive_field(mixed).rows]
print(sizes_mixed)
names = ("3 x 3", "3 x 3, stride 2", "3 x 3 and pooling 2 x 2 in turn")
figure = plot_receptive_field_growth(
    dict(zip(names, (sizes_plain, sizes_strided, sizes_mixed), strict=True)), image_size=28
)
assert sizes_mixed == [1, 3, 4, 8, 10, 18, 22, 38]
assert torch.nn.Sequential(*mixed)(torch.zeros(1, 1, 28, 28)).shape == (1, 1, 3, 3)

# %%
# Each tick of the vertical axis is twice the one before. Adding the same width in each layer makes
# a curve that bends, and doubling makes a line that is nearly straight. The dashed line is the
# width of the image: with strides of 2 it is passed at the fourth layer, with a pooling after each
# convolution at the seventh, and with neither at the fourteenth.
#
# .. guess-end::
#
# Not all pixels count the same
# -----------------------------
#
# That a pixel can change a number does not say by how much. Take two layers whose three weights in
# a row are all 1, and one number behind them. In how many ways does each of the five pixels reach
# it?
#
# .. guess:: Five numbers

row_of_ones = torch.ones(1, 1, 1, 3)
pixels = torch.zeros(1, 1, 1, 5, requires_grad=True)
once = torch.nn.functional.conv2d(pixels, row_of_ones)
twice = torch.nn.functional.conv2d(once, row_of_ones)
twice.sum().backward()
print(twice.shape, pixels.grad.flatten().int().tolist())
assert pixels.grad.flatten().tolist() == [1, 2, 3, 2, 1]

# %%
# 1, 2, 3, 2, 1: the pixel in the middle has three ways, the ones at the ends have one. With more
# layers this becomes a bell curve, and the pixels that matter most are a region much smaller than
# the receptive field [Luo2016]_.
#
# .. board::
#    :minutes: 30
#
#    1. Which sees more pixels in a row: two convolutions with windows of 5 x 5, or four with
#       windows of 3 x 3? Which has fewer weights, with one channel everywhere?
#
#       Both see 9 pixels: ``1 + 4 + 4 = 9`` and ``1 + 2 + 2 + 2 + 2 = 9``. The four have fewer
#       weights: ``4*9 = 36``, and the two have ``2*25 = 50``.
#
#    2. Three convolutions of 3 x 3 follow one another, with the dilations 1, 2 and 4. How many
#       pixels in a row does a number at the end see?
#
#       It sees 15. Each layer adds twice its dilation: ``1 + 2 + 4 + 8 = 15``.
#
#    3. A 1 x 1 convolution, ReLU and a 3 x 3 convolution follow one another. How many pixels does a
#       number at the end see, and does the order of the two convolutions matter for that?
#
#       ``3*3 = 9`` pixels. The order does not matter: a window of one pixel adds none, wherever it
#       stands.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 15.1
#
# .. exercise:: 15.2
#
# .. exercise:: 15.3
#
# The answer
# ----------
#
# A number sees the pixels of its receptive field, and no other. Each layer makes the field wider,
# by the window minus one, times the jump; a stride multiplies the jump [Araujo2019]_. In the sloppy
# CNN the field is 3 x 3 before ``Linear``, and the gradients show exactly these nine pixels.
#
# What can be found with so few pixels? Edges, for example, and a network can learn them:
# :doc:`/gallery/3_inside/plot_16_edges`.
