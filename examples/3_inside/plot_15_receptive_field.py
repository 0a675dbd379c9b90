"""
How far does a pixel see?
=========================

*Which pixels of the image can change one number inside a network?*

You need the sloppy CNN of :doc:`/gallery/1_why/plot_02_parameters`, the windows of
:doc:`/gallery/2_layers/plot_07_moving_average`, and one thing from
:doc:`/gallery/3_inside/plot_14_backpropagation`: a pixel's :term:`gradient` is zero if no window
sees it.
"""

# %%
# Two layers
# ----------
#
# After one 3 x 3 convolution a number has seen nine pixels. Now a second 3 x 3 convolution looks at
# the numbers of the first. How far does one of *its* numbers see, back in the image? Make a guess
# before you run the cell.

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
# 5 x 5 pixels. These are called its :term:`receptive field`. The window of the second layer has a
# first number, which sees 3 pixels along a side, and 2 more behind it, each of which sees one
# pixel farther: 3 + 2 = 5. The column *jump* says how much farther, and *start* where the very
# first number begins to see.
#
# The sloppy CNN
# --------------
#
# It has a 2 x 2 convolution, ReLU, and a 2 x 2 pooling, before ``Linear`` looks at everything. So
# how far does a number see that arrives at ``Linear``? Two times two makes four, one might guess.

from cnnbook.networks import small_cnn

torch.manual_seed(0)
before_linear = small_cnn()[:3]
field = receptive_field(before_linear)
print(field)
assert [row.size for row in field.rows] == [(1, 1), (2, 2), (2, 2), (3, 3)]
assert 2 + (2 - 1) * 1 == 3

# %%
# It is 3 x 3: pooling looks at two neighbouring windows, and they share a column of pixels. ReLU
# looks at one number and sees no farther. Each of the 2704 numbers that ``Linear`` gets knows nine
# pixels, and nothing else of the 784.
#
# After pooling the jump is 2: one number farther is two pixels farther. Here are the rows that the
# first number of a column sees, those of its neighbour, and those of the last, number 12. The
# image has rows 0 to 27. Do you see what is odd?

for row in (0, 1, 12):
    print(row, list(field.pixels(row, 0)[0]))
assert before_linear(torch.zeros(1, 1, 28, 28)).shape == (1, 16, 13, 13)
assert 16 * 13 * 13 == 2704
assert 28 * 28 == 784
assert list(field.pixels(1, 0)[0]) == [2, 3, 4]
assert list(field.pixels(12, 0)[0]) == [24, 25, 26]

# %%
# Neighbours overlap in one row, here row 2. And no number sees row 27. Pooling takes 27 rows in
# pairs, one is left over, and with it goes the last row of the image. The same is true of the last
# column. So much for paper; does the network know about it?
#
# A gradient as an instrument
# ---------------------------
#
# Take one number in the middle, number (6, 6) of a channel, as if it were the loss, and ask
# autograd for its gradient at every pixel of the image. Where the gradient is not zero, the pixel
# can change the number. The images are noise, so that no two pixels are alike.

noise = torch.rand(100, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def seen(images: torch.Tensor, row: int, column: int) -> torch.Tensor:
    """Return the sizes of the gradients of one place's 16 numbers, by image and channel."""
    images = images.clone().requires_grad_()
    numbers = before_linear(images)[:, :, row, column]
    gradients = [torch.autograd.grad(n.sum(), images, retain_graph=True)[0] for n in numbers.T]
    return torch.stack(gradients, dim=1).abs().squeeze(2)


# %%
# Before you look: of which size will the spot be, for a single image and a single channel?

sizes = seen(noise, 6, 6)
alive = sizes.flatten(0, 1)[sizes.flatten(0, 1).amax(dim=(1, 2)) > 0]
spots = (alive > 0).sum(dim=(1, 2))
print(tuple(sizes.shape), "to", len(alive), "that are not zero everywhere")
print("pixels in a spot:", spots.unique().tolist())
assert spots.unique().tolist() == [4]

# %%
# Four pixels, 2 x 2, never nine. (And in some channels none: there ReLU has set the number to 0.)
# Pooling takes the *largest* of its four numbers. The other three may grow a little, and nothing
# changes; so only the winner's window has a gradient. On one image a number looks through one
# window. Which one it is depends on the image.
#
# So a single gradient image shows too little. The receptive field is what *can* change the number,
# on any image: add up the sizes over all channels and all hundred images.

from cnnbook.figures import plot_receptive_field

total = sizes.sum(dim=(0, 1))
figure = plot_receptive_field(
    torch.stack([alive[0], total])[:, None],
    [field.pixels(6, 6)] * 2,
    titles=["one image, one channel", "100 images, 16 channels"],
    margin=3,
)

# %%
# The frame is the receptive field as computed on paper, rows and columns 12 to 14. On the left a
# 2 x 2 spot sits in it. On the right the spots have filled the frame, all nine pixels of it, and
# not one pixel outside.

rows, columns = field.pixels(6, 6)
assert (list(rows), list(columns)) == ([12, 13, 14], [12, 13, 14])
inside = torch.zeros(28, 28, dtype=torch.bool)
inside[rows.start : rows.stop, columns.start : columns.stop] = True
assert torch.equal(total > 0, inside)
print(int((total > 0).sum()), "pixels with a gradient,", int((total == 0).sum()), "without")
assert (int((total > 0).sum()), int((total == 0).sum())) == (9, 775)

# %%
# Nine pixels have a gradient, and the other 775 have none. Paper and network agree. Note that the
# right spot is darkest in its middle: all four windows that the pooling chooses from see that
# pixel, and only one of them sees a corner.
#
# And the row that nobody sees? For this, let the loss be the sum of *all* numbers that arrive at
# ``Linear``.

images = noise.clone().requires_grad_()
before_linear(images).sum().backward()
everything = images.grad.abs().sum(dim=(0, 1))
unseen = (everything == 0).nonzero()
print(len(unseen), "pixels are never seen; the first and the last:", unseen[[0, -1]].tolist())
assert len(unseen) == 28 + 28 - 1 == 55
assert all(27 in position for position in unseen.tolist())

# %%
# 55 pixels, all of them in row 27 or in column 27. The sloppy CNN really is sloppy: it sees 27 x 27
# pixels. It cannot see where trousers end in row 27.
#
# To see more
# -----------
#
# A network whose numbers know nine pixels can find edges and spots, but not a sleeve. How many
# 3 x 3 convolutions does it take until one number sees all 28 pixels along a side? Each adds 2:

plain = [torch.nn.Conv2d(1, 1, 3) for _ in range(14)]
sizes_plain = [row.size[0] for row in receptive_field(plain).rows]
print(sizes_plain)
assert sizes_plain == [2 * layers + 1 for layers in range(15)]
assert (sizes_plain[13], sizes_plain[14]) == (27, 29)

# %%
# Fourteen. That is slow. The faster way is in the column *jump*: if a layer moves in steps of two,
# everything behind it moves in steps of two pixels and more. With a :term:`stride` of 2 in every
# layer, how many does it take? (Pencil: each layer adds 2 jumps, then the jump doubles.)

strided = [torch.nn.Conv2d(1, 1, 3, stride=2) for _ in range(4)]
print(receptive_field(strided))
sizes_strided = [row.size[0] for row in receptive_field(strided).rows]
assert sizes_strided == [1, 3, 7, 15, 31]
assert 1 + 2 * 1 + 2 * 2 + 2 * 4 + 2 * 8 == 31

# %%
# Four: 1 + 2 + 4 + 8 + 16 = 31. Many networks go a middle way and let a pooling do the stepping.
# The three in one picture:

from cnnbook.figures import plot_receptive_field_growth

mixed = [torch.nn.Conv2d(1, 1, 3), torch.nn.MaxPool2d(2)] * 3
mixed.append(torch.nn.Conv2d(1, 1, 3))
sizes_mixed = [row.size[0] for row in receptive_field(mixed).rows]
print(sizes_mixed)
assert sizes_mixed == [1, 3, 4, 8, 10, 18, 22, 38]
names = ("3 x 3", "3 x 3, stride 2", "3 x 3, then pooling 2 x 2, by turns")
figure = plot_receptive_field_growth(
    dict(zip(names, (sizes_plain, sizes_strided, sizes_mixed), strict=True)), image_size=28
)

# %%
# One mark on the vertical axis is a doubling. Equal steps bend over, and doublings are straight
# lines. The dashed line is the side of the image: with strides of 2 it is passed at the fourth
# layer, with a pooling after each convolution at the seventh, without either at the fourteenth.
#
# Not all pixels are equal
# ------------------------
#
# One caution. That a pixel can change a number does not say by how much. Take two layers whose
# weights are all 1, 3 in a row, and one number behind them. In how many ways does each of the
# five pixels reach it?

row_of_ones = torch.ones(1, 1, 1, 3)
pixels = torch.zeros(1, 1, 1, 5, requires_grad=True)
once = torch.nn.functional.conv2d(pixels, row_of_ones)
twice = torch.nn.functional.conv2d(once, row_of_ones)
twice.sum().backward()
print(twice.shape, pixels.grad.flatten().int().tolist())
assert pixels.grad.flatten().tolist() == [1, 2, 3, 2, 1]

# %%
# 1, 2, 3, 2, 1: the middle has three ways, the ends one. With more layers this becomes a bell, and
# the region that matters most is much smaller than the receptive field [Luo2016]_.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put
# ``from cnnbook.exercises import check`` before it, and see what the check says. Nothing is given
# away until you unfold it.
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
# A number sees the pixels of its receptive field, and no other. Layer by layer it grows by the
# window minus one, times the jump; a stride multiplies the jump. In the sloppy CNN it is 3 x 3
# before ``Linear``, and a gradient image shows exactly these nine pixels [Araujo2019]_.
#
# What can be found with so few pixels? Edges, for one, and those a network can learn by itself:
# :doc:`/gallery/3_inside/plot_16_edges`.
