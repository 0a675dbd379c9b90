"""
12. conv(img) = img @ What?
===========================

*A linear layer is a matrix product; can a convolution be written as one, and with which matrix?*

You need the 3 x 3 average on the numbers from 0 to 15, which is in
:doc:`/gallery/2_layers/plot_07_moving_average`, and the sizes of
:doc:`/gallery/3_inside/plot_11_sizes`. The lecture writes the line in the title and leaves the
question open. Read literally, the answer is no. With the image in one row it is yes, and with a
second matrix it is nearly yes. Frameworks use a fourth form.
"""

# %%
# Literally
# ---------
#
# An image of 4 x 4 pixels is a matrix already. Its :term:`convolution` with the average of 3 x 3
# has four windows:

import torch

from cnnbook.kernels import averaging_conv

img = torch.arange(16.0).reshape(1, 1, 4, 4)
conv = averaging_conv(3)
print(conv(img)[0, 0].round().int().tolist())
assert torch.allclose(conv(img), torch.tensor([[[[5.0, 6.0], [9.0, 10.0]]]]))
# sphinx_gallery_thumbnail_number = 2

# %%
# Now multiply from the right, ``img @ What``. Whatever numbers are in ``What``, it needs four rows,
# one for each column of ``img``. The number of its columns is our choice. Take a pencil: what shape
# can the product have?
#
# .. guess:: Shape

for columns in (1, 2, 3):
    print((img[0, 0] @ torch.ones(4, columns)).shape, "against", conv(img)[0, 0].shape)
    assert (img[0, 0] @ torch.ones(4, columns)).shape == (4, columns)

# %%
# It always has four rows, and we need two. That already answers the question, but there is a deeper
# reason.
#
# Add 9 to every pixel of row 2, which is the third row, as we count from 0. Which rows of the
# product and of the average change? Take a ``What`` of one column, 1, 10, 100 and 1000. To see by
# how much the product changes, it is enough to multiply what was added to the image:
#
# .. guess:: Rows of the product, rows of the average

changed = img.clone()
changed[0, 0, 2] += 9
product = (changed - img)[0, 0] @ torch.tensor([[1.0], [10.0], [100.0], [1000.0]])
print("product:", product[:, 0].tolist())
print("average:", conv(changed).sub(conv(img)).round()[0, 0].tolist())
assert product[:, 0].tolist() == [0, 0, 9999, 0]
assert torch.allclose(conv(changed) - conv(img), torch.full((2, 2), 3.0), atol=1e-5)

# %%
# Row 2 of the image changes row 2 of the product and no other. A matrix on the right mixes the
# numbers within a row, but never two rows. A window of 3 x 3 covers three rows, so both rows of the
# average rise, by 3 x 9 / 9 = 3.
#
# Read literally, the answer is no.

assert 3 * 9 / 9 == 3

# %%
# Flattened
# ---------
#
# So put all the pixels into *one* row. Then a matrix on the right can mix all of them. It must have
# 16 rows, one for each pixel, and four columns, one for each window. Which numbers are in a column?
#
# To tell the weights apart, use a kernel of the numbers 1 to 9 for a moment. How many of the 64
# entries will not be 0? Make a guess.
#
# .. guess:: Entries

from cnnbook.conv_matrix import conv_matrix
from cnnbook.convolution import conv2d
from cnnbook.figures import plot_conv_matrix

numbered = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
what = conv_matrix(numbered, 4)
figure = plot_conv_matrix({"one column for each window": what})

# %%
# Each column is a grid of 4 x 4, flattened: the kernel where the window is, and 0 elsewhere. Four
# windows see nine pixels each, which makes 36 of 64 entries. And these 36 are only 9 different
# numbers, each of them written down four times. That is what *shared* weights means.

assert what.shape == (16, 4)
assert int(what.count_nonzero()) == 4 * 9 == 36
assert what.numel() == 64
assert [int((what == weight).sum()) for weight in range(1, 10)] == [4] * 9

# %%
# Read the second column from top to bottom: 1, 2, 3 in the last three pixels of the first row, then
# a 0 for the first pixel of the second row, then 4, 5, 6. As a grid of 4 x 4 it is easier to read:

print(what[:, 1].reshape(4, 4).int())
assert what[:, 1].reshape(4, 4)[:3, 1:].equal(numbered[0, 0])

# %%
# .. guess-end::
#
# Does it give the average, if the weights are those of the average?
# :func:`~cnnbook.conv_matrix.conv_matrix` makes the matrix from the layer's weights.

what = conv_matrix(conv.weight.detach(), 4)
flat = img.flatten(1) @ what
print(flat.shape, flat.round().tolist())
print((what * 9).round().int()[:4].tolist())
assert torch.allclose(flat.reshape(1, 1, 2, 2), conv(img))
assert torch.equal(what != 0, conv_matrix(numbered, 4) != 0)

# %%
# 5, 6, 9 and 10 again, as a row. So ``conv(img)``, flattened, is the flattened ``img`` times
# ``What``: the answer is yes. (The last line shows the first four rows of ``What``, times nine: all
# the weights are 1/9.)

assert flat.round().tolist() == [[5, 6, 9, 10]]

# %%
# And the bias?
# -------------
#
# A layer adds a :term:`bias`. Can the bias be a part of ``What``? Try a black image.
#
# .. guess:: Can it?
#    :choices: yes | no

shifted = averaging_conv(3)
torch.nn.init.constant_(shifted.bias, 0.5)
black = torch.zeros(1, 1, 4, 4)
print(shifted(black).flatten(1).tolist(), "against", (black.flatten(1) @ what).tolist())
assert shifted(black).flatten(1).tolist() == [[0.5] * 4]
assert (black.flatten(1) @ what).tolist() == [[0.0] * 4]
assert torch.allclose(shifted(img).flatten(1), img.flatten(1) @ what + shifted.bias)

# %%
# It cannot. Zeros times any matrix are zeros, and the layer gives 0.5. The bias is added
# afterwards, the same for each window, just as in a linear layer: ``img @ What + bias``.
#
# Almost literally
# ----------------
#
# What if we allow a second matrix, on the left? A matrix on the left mixes the rows. Then the image
# could stay a square. The weights of the average are 1/9 = 1/3 x 1/3: an average down the columns,
# then one along the rows. So try a matrix that takes the mean of three neighbours:

from cnnbook.conv_matrix import band_matrix

thirds = torch.full((3,), 1 / 3)
A = band_matrix(thirds, 4).T
print((A * 3).round().int())
print((A @ img[0, 0] @ A.T).round().int().tolist())
assert (A * 3).round().tolist() == [[1, 1, 1, 0], [0, 1, 1, 1]]
assert torch.allclose(A @ img[0, 0] @ A.T, conv(img)[0, 0])

# %%
# 5, 6, 9 and 10: ``A @ img @ A.T``, with an image that was never flattened. The matrix on the left
# has two rows, so it makes two rows of four. The one on the right does the same to the columns.
# Each has 8 entries, instead of 64.
#
# This needs a kernel that is a column times a row, of *rank 1* in the words of linear algebra. Such
# a kernel is called *separable*. :func:`~cnnbook.conv_matrix.separable_factors` finds the two
# factors, or raises an error. In general they differ, so the two matrices do as well: ``A @ img @
# B``. An example is Sobel's kernel, ``[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]``, which compares the
# pixels on the right with those on the left:

from textwrap import fill

from cnnbook.conv_matrix import separable_factors
from cnnbook.kernels import laplacian_kernel, sobel_kernel

column, row = separable_factors(sobel_kernel("x"))
print(column.tolist(), "times", row.tolist())
A, B = band_matrix(column, 4).T, band_matrix(row, 4)
edges = conv2d(img, sobel_kernel("x")[None, None])[0, 0]
print((A @ img[0, 0] @ B).tolist())
assert (A @ img[0, 0] @ B).tolist() == edges.tolist() == [[8, 8], [8, 8]]

# %%
# Sobel's kernel measures how much brighter the image gets to the right. Our image gets brighter by
# 1 with each pixel, so a pixel on the right has 2 more than one on the left, with the weights 1, 2
# and 1: 2 x (1 + 2 + 1) = 8, everywhere. But not every kernel is separable. The Laplacian, ``[[0,
# 1, 0], [1, -4, 1], [0, 1, 0]]``, is not:

try:
    separable_factors(laplacian_kernel())
except ValueError as error:
    print(fill(str(error), 90))
rank = int(torch.linalg.matrix_rank(laplacian_kernel()))
print("rank", rank)
assert rank == 2
assert 2 * (1 + 2 + 1) == 8
assert sobel_kernel("x").tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
assert laplacian_kernel().tolist() == [[0, 1, 0], [1, -4, 1], [0, 1, 0]]

# %%
# Its middle row is not a multiple of its first row. A kernel of rank 2 is the sum of two kernels of
# rank 1, so it needs two such products, added. A kernel that a network has learned usually has full
# rank. Flattening works for every kernel. (What these two kernels are for is in
# :doc:`/gallery/3_inside/plot_16_edges`.)
#
# Windows times kernel: im2col
# ----------------------------
#
# .. index:: ! im2col
#
# The other way round: leave the kernel as it is, and copy the windows. Take the 2 x 2 kernel 1, 2,
# 3, 4. It has nine windows on the image, of four pixels each. Write each window into a row, and the
# kernel into a column. Before you run it: what are the two shapes, and what is the first product?
#
# .. guess:: Two shapes, and the first product

from cnnbook.windows import windows

small = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
columns = windows(img, 2).reshape(9, 4)
product = columns @ small.reshape(4, 1)
print(tuple(columns.shape), "@", (4, 1), "first row", columns[0].int().tolist())
print(product.reshape(3, 3).int().tolist())
assert product.shape == (9, 1)
assert product[0] == 1 * 0 + 2 * 1 + 3 * 4 + 4 * 5 == 34
assert torch.equal(product.reshape(1, 1, 3, 3), conv2d(img, small[None, None]))
assert torch.equal(product.reshape(1, 1, 3, 3), torch.nn.functional.conv2d(img, small[None, None]))

# %%
# ``(9, 4) @ (4, 1)`` gives nine numbers, and the first is 34. They are equal to those of the
# convolution to the last bit, because sums of small whole numbers are not rounded. This is called
# :term:`im2col`, image to columns, since some libraries write the windows into columns instead of
# rows. Unlike ``What``, this matrix holds pixels only, but it holds a pixel up to four times. With
# sixteen kernels the second factor has sixteen columns, one for each.

counts = [int((columns == pixel).sum()) for pixel in range(16)]
print("copies of pixels 0, 1 and 5:", counts[0], counts[1], counts[5])
assert (counts[0], counts[1], counts[5]) == (1, 2, 4)
assert sum(counts) == 9 * 4 == 36
assert (columns @ torch.ones(4, 16)).shape == (9, 16)

# %%
# A corner is copied once, an edge pixel twice, a pixel in the middle four times. Frameworks and the
# libraries under them often compute convolutions in this way, because computers are fastest at
# dense matrix products. They cut the image into pieces, so that the copies need little memory.
# :func:`~cnnbook.convolution.conv2d` of this book is also one such product.
#
# The lecture's CNN
# -----------------
#
# Now the lecture's convolution: 28 x 28 pixels, sixteen kernels of 2 x 2. How many rows and how
# many columns does its ``What`` have? And what percentage of its entries is not 0?
#
# .. guess:: Rows, columns, percentage

from cnnbook.networks import small_cnn

torch.manual_seed(0)
layer = small_cnn()[0]
what = conv_matrix(layer.weight.detach(), 28)
held = int(what.count_nonzero())
print(f"{what.shape[0]} x {what.shape[1]:,} = {what.numel():,} entries")
different = set(what[what != 0].tolist())
print(f"{held:,} not 0, {100 * held / what.numel():.2f} %, {len(different)} different")

# %%
# There is a row for each of the 784 pixels, and a column for each of the 16 x 27 x 27 = 11,664
# numbers that come out. 46,656 entries are not 0, which is 0.51 %, and they are the 64 weights of
# the layer, each written down 729 times, once for each window. A linear layer from 784 to 11,664
# numbers would have to learn all 9,144,576.

assert what.shape == (28 * 28, 16 * 27 * 27) == (784, 11_664)
assert held == 64 * 27 * 27 == 64 * 729 == 46_656
assert f"{100 * held / what.numel():.2f}" == "0.51"
assert len(different) == layer.weight.numel() == 64
assert what.numel() == 784 * 11_664 == 9_144_576

# %%
# The number 46,656 is also in :doc:`/gallery/1_why/plot_02_parameters`: this layer computes as many
# products for an image. Here they can be seen, one for each entry. On the right is the upper left
# corner of the matrix: three rows of pixels, two rows of windows.

figure = plot_conv_matrix({"784 x 11,664": what, "the corner": what[: 3 * 28, : 2 * 27]})

# %%
# On the left, the sixteen stripes are the sixteen kernels. They are drawn much too thick, because
# they would be invisible otherwise. On the right nothing is thickened: enlarge the figure to see
# the single entries. There are four colours for four weights, and each column has all four of them:
# two for one row of pixels, and two for the next, 28 pixels further down. Where a row of windows
# ends, the stripe skips a pixel.

corner = what[: 3 * 28, : 2 * 27]
weights = set(corner[corner != 0].tolist())
print(len(weights), "weights; in each column", (corner != 0).sum(dim=0).unique().tolist())
assert len(weights) == 4
assert all(int(count) == 4 for count in (corner != 0).sum(dim=0))

# %%
# A matrix with so many zeros is a waste of memory, and nobody multiplies with it. If only the
# entries that are not 0 are stored, it is called *sparse*. It still has to give the layer's output,
# here on an image of the data:

from cnnbook.images import load_fashion_mnist

data = load_fashion_mnist(n_train=1, n_test=1, one_hot=False, fallback="drawn")
image = data.train_images
sparse = conv_matrix(layer.weight.detach(), 28, sparse=True)
by_matrix = (image.flatten(1) @ sparse).reshape(1, 16, 27, 27) + layer.bias[:, None, None]
apart = (by_matrix - layer(image)).abs().max().item()
print(f"{sparse.values().numel():,} stored; less than 0.00001 apart: {apart < 0.00001}")
assert sparse.values().numel() == 46_656
assert apart < 0.00001

# %%
# They are less than 0.00001 apart, which is rounding. The layer and the matrix are the same
# function.
#
# Try it
# ------
#
# Choose an output, and read its column of ``What`` below, written in rows as the image. Where do
# the weights go in the column when the window moves to the right by one pixel, and where when it
# moves down by one? And what does padding leave out?
#
# .. conv-explorer::
#    :image: lecture
#    :kernel: average3
#    :hide: relu,pool
#    :open: matrix
#    :room: 753 1171
#
# .. board::
#    :minutes: 30
#
#    1. A kernel of 3 x 3 is applied to a 4 x 4 image by im2col. Which shape does the matrix of the
#       windows have? How often does it hold a corner pixel, and how often a pixel in the middle?
#
#       4 x 9: a row for each of the four windows. A corner is held once, a pixel in the middle 4
#       times. There are 36 numbers for 16 pixels.
#
#    2. A convolution with a kernel of 1 x 1 multiplies a 4 x 4 image by 3. What is ``What``, and
#       how many of its entries are not 0?
#
#       3 times the 16 x 16 identity matrix. 16 of its 256 entries are not 0, those on the diagonal.
#
#    3. Which of the kernels ``[[1, 2], [2, 4]]`` and ``[[1, 2], [2, 5]]`` is a column times a row?
#
#       The first: its second row is twice the first, so it is the column 1, 2 times the row 1, 2.
#       Its determinant is ``1*4 - 2*2 = 0``; that of the second is ``1*5 - 2*2 = 1``.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 12.1
#
# .. exercise:: 12.2
#
# .. exercise:: 12.3
#
# The answer
# ----------
#
# Literally no: a matrix on the right keeps the four rows and never mixes them. Flattened, yes: a
# convolution *is* a linear layer. Most entries of its matrix are 0, the others are the same few
# weights over and over, and the bias is added after it. For a kernel that is a column times a row,
# the answer is nearly literal: ``A @ img @ B``. And frameworks multiply the windows, one in each
# row, with the kernels: im2col.
#
# The same weights at every position: what does that mean if the shoe is at another position in the
# image? :doc:`/gallery/3_inside/plot_13_equivariance`.
