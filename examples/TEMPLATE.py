"""
How often is a pixel seen?
==========================

*A window of 2 x 2 moves over an image: is every pixel in equally many windows?*

You need to know what a window is: :doc:`/gallery/2_layers/plot_06_one_window`.
"""

# %%
# Guess first
# -----------
#
# The image has 4 x 4 pixels, and the window moves by one pixel at a time. Before you read on,
# guess: which pixels does it see most often, and how often?
#
# .. guess:: Pixels, and how often

# TEMPLATE: copy this file to examples/PART/plot_NN_name.py, write your page over it, and delete
# the comments that begin with TEMPLATE. docs/contributing.md lists the other files of a page.
# TEMPLATE: the title is a question or names the subject; the line in italics asks the question.
import torch

from cnnbook.windows import fold_windows, windows

image = torch.arange(16.0).reshape(1, 1, 4, 4)
seen = windows(image, 2)
print(seen.shape)

# %%
# Nine windows, three by three, of four pixels each: the pixels are seen 36 times in all.

# TEMPLATE: a sentence before each cell, at most 12 lines of code in it. A number in the text is
# asserted in the cell that follows: an exact one with ==, a measured one with its bounds.
assert seen.shape == (1, 1, 3, 3, 2, 2)
assert seen.numel() == 36

# %%
# The numbers
# -----------
#
# :func:`~cnnbook.windows.fold_windows` puts windows back to where they came from and adds up where
# they overlap. Windows full of ones therefore count how often each pixel is seen.

# TEMPLATE: imports stand in the first cell that needs them.
from cnnbook.figures import plot_number_grids

counts = fold_windows(torch.ones_like(seen), 4)[0, 0]
# TEMPLATE: figures come from cnnbook.figures, which also writes their alternative texts.
figure = plot_number_grids({"times that a pixel is seen": counts})

# %%
# The four pixels in the middle are seen four times, those at an edge twice, a corner once. A
# second way must come to the same: pixel (1, 1) lies in each window whose first row is 0 or 1 and
# whose first column is 0 or 1.

# TEMPLATE: after this cell, ".. board::" has three questions for a class, with chalk and in two
# minutes each. They are neither guesses nor exercises, and tests/board_answers.py computes them.

# TEMPLATE: what is claimed is computed in a second, independent way, or compared with torch.
assert counts.tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]
assert counts[1, 1] == len([(row, column) for row in (0, 1) for column in (0, 1)])
print(counts.int().tolist())

# %%
# .. board::
#    :minutes: 10
#
#    1. How often is a pixel in the middle of a 5 x 5 image seen by a window of 3 x 3?
#
#       9 times: the window can be at three rows and three columns, ``3*3 = 9``.
#
#    2. Which image and window see every pixel equally often?
#
#       A window as large as the image: it has one position. A window of one pixel does it, too.
#
#    3. The 4 x 4 counts of this page add up to 36. How do you get this number without adding?
#
#       Nine windows of four pixels: ``9*4 = 36``.
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
# The answer
# ----------
#
# No. A pixel in the middle is seen four times and a corner once, so a corner has less influence on
# the output.
#
# What do other strides and paddings change? :doc:`/gallery/3_inside/plot_11_sizes`.
