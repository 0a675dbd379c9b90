"""
Edges, and learning a kernel
============================

*Which kernel finds an edge, and who is to choose it?*

You need :doc:`/gallery/2_layers/plot_07_moving_average`, where we chose the kernel ourselves, and
:doc:`/gallery/3_inside/plot_14_backpropagation`, which says what the :term:`gradient` of a kernel
is.
"""

# %%
# The smallest edge detector
# --------------------------
#
# The moving average has equal weights and makes edges soft. The smallest kernel that does the
# opposite has two weights, 1 and -1: a pixel minus its right neighbour. Here is a row with a
# bright part in it. What comes out?

import torch

from cnnbook.convolution import conv2d

difference = torch.tensor([[[[1.0, -1.0]]]])
row = torch.tensor([[[[0.0, 0.0, 1.0, 1.0, 1.0, 0.0]]]])
print(conv2d(row, difference).flatten().int().tolist())
assert conv2d(row, difference).flatten().tolist() == [0, -1, 0, 0, 1]

# %%
# Nothing where nothing changes; -1 where it gets brighter, 1 where it gets darker. Only the two
# edges are left, and the sign says which way they go. This works because the two weights add up
# to 0: on an even grey, of whatever brightness, they cancel.
#
# Sobel and Laplace
# -----------------
#
# With two pixels, a single bad pixel looks like an edge. Sobel's kernels look one pixel to each
# side, and add up three rows, the middle one counting double [Sobel2014]_:

from cnnbook.kernels import laplacian_kernel, sobel_kernel

print(sobel_kernel("x").int().tolist())
print(sobel_kernel("y").int().tolist())
print(laplacian_kernel().int().tolist())
assert sobel_kernel("x").tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
assert torch.equal(sobel_kernel("y"), sobel_kernel("x").T)
assert laplacian_kernel().tolist() == [[0, 1, 0], [1, -4, 1], [0, 1, 0]]

# %%
# The first is for a change along a row, the second, its transpose, for a change down a column.
# The third is the Laplacian: the four neighbours minus four times the middle [Gonzalez2018]_. All
# three add up to 0. Take the pencil for two images, a step and a slope:

weight = torch.stack([sobel_kernel("x"), sobel_kernel("y"), laplacian_kernel()])[:, None]
step = torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]).expand(1, 1, 3, 6)
slope = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).expand(1, 1, 3, 6)
for name, image in (("step", step), ("slope", slope)):
    print(name, conv2d(image, weight)[0, :, 0].int().tolist())
assert conv2d(step, weight)[0, :, 0].tolist() == [[0, 4, 4, 0], [0, 0, 0, 0], [0, 1, -1, 0]]
assert conv2d(slope, weight)[0, :, 0].tolist() == [[8, 8, 8, 8], [0, 0, 0, 0], [0, 0, 0, 0]]

# %%
# Sobel's first kernel answers the step with 1 + 2 + 1 = 4, twice, and the slope with 8 everywhere.
# The second sees no change, as from row to row there is none. The Laplacian is more particular: on
# a slope it is 0, and at a step it answers with both signs, 1 before and -1 behind it. It answers
# to a change of the change.
#
# On pictures
# -----------
#
# Trousers, a sneaker and a bag. Trousers hang, a sneaker lies. Which of Sobel's two kernels will
# answer more strongly to the trousers, and which to the sneaker?

from cnnbook.figures import plot_map_rows
from cnnbook.images import load_fashion_mnist

data = load_fashion_mnist(n_train=200, n_test=1, one_hot=False, fallback="drawn")
kinds = [data.class_names.index(name) for name in ("Trouser", "Sneaker", "Bag")]
firsts = torch.stack([data.train_images[data.train_labels == kind][0] for kind in kinds])
edges = conv2d(firsts, weight)
maps = {"Sobel x": edges[:, :1], "Sobel y": edges[:, 1:2], "Laplacian": edges[:, 2:]}
titles = [data.class_names[kind] for kind in kinds]
figure = plot_map_rows(firsts, maps, titles=titles, outline=False)

# %%
# Blue is above zero, orange below, white is zero: even areas are white, be they black or bright.
# The long sides of the trousers stand out in *Sobel x*, blue on the left, where the picture gets
# brighter, and orange on the right. In *Sobel y* little is left of them. With the sneaker it is the
# other way round. The Laplacian draws thin outlines, whichever way they run. And the bag is mostly
# pattern: every kernel answers all over it. They know nothing of bags; they see three pixels by
# three.
#
# But one picture is one picture. Over all trousers and all sneakers among the first 200, the mean
# size of the one answer, divided by that of the other:

sizes = conv2d(data.train_images, weight).abs().mean(dim=(2, 3))
mean_sizes = [sizes[data.train_labels == kind].mean(dim=0).tolist() for kind in kinds]
trousers, sneakers = (mean[0] / mean[1] for mean in mean_sizes[:2])
print(f"x over y: trousers {trousers:.1f}, sneakers {sneakers:.1f}")
assert trousers > 2
assert sneakers < 0.7

# %%
# On trousers the first kernel answers more than 2 times as strongly as the second, on sneakers less
# than 0.7 times. Two numbers nearly separate trousers from sneakers: that is what a :term:`feature
# map` is good for.
#
# Nobody chooses
# --------------
#
# Sobel chose his nine weights. In a CNN nobody chooses the weights; there is a :term:`loss`. So
# here is an experiment. Somebody shows us 20 pictures, and for each the answer of a kernel that we
# do not know. (It is 1 and -1, but we have not seen that.) We begin with a kernel that does the
# opposite, the average of two pixels, and let the gradient do the rest. The loss is the mean of the
# squared misses, as in linear regression.

from cnnbook.convolution import conv2d_weight_grad

images = data.train_images[:20]
answers = conv2d(images, difference)
guess = torch.tensor([[[[0.5, 0.5]]]])
losses, path = [], [guess]
for _ in range(400):
    misses = conv2d(images, guess) - answers
    losses.append(misses.square().mean().item())
    guess = guess - 2 * conv2d_weight_grad(images, misses, (1, 2)) / misses.numel()
    path.append(guess)

# %%
# In the line that changes the kernel stands what :doc:`/gallery/3_inside/plot_14_backpropagation`
# found: the gradient of a weight is the sum of the pixels it met, each times what was handed back.
# Here that is the miss, times 2 from the square, divided by their number for the mean. Each step
# takes the whole gradient away: the learning rate is 1.
#
# Where do you expect the two weights to be after 10 steps, and after all 400?

for steps in (0, 10, 100, 400):
    print(steps, [round(number, 3) for number in path[steps].flatten().tolist()])
left, right = path[10].flatten().tolist()
assert abs(left + right) < 0.05
assert left < 0.5
assert (path[400] - difference).abs().max() < 0.01

# %%
# They are 1 and -1, each to within 0.01, and nobody said so: the pictures did. The way there has
# two parts. After 10 steps the weights add up to 0, to within 0.05, so it is an edge detector
# already; but the left one is still below 0.5, so it is a weak one. The loss shows both parts:

from cnnbook.figures import plot_curves

# sphinx_gallery_thumbnail_number = 1
figure = plot_curves({"loss": {"learnt kernel": losses}}, yscale="log")
assert losses[-1] < losses[0] / 1_000_000

# %%
# A sharp fall at the left edge, then a long even slope, over which the loss shrinks to less than a
# millionth. (The axis is logarithmic, and with a full batch a step is an :term:`epoch`.)
# Neighbouring pixels are nearly alike. While the weights do not add up to 0, every even grey is a
# miss, and much of a picture is even: this is mended in a few steps. How strong the detector is
# matters only at edges, which are few, and so the loss is flat there. (If the line is level at its
# very end, the weights have reached the precision of float32.)
#
# You have met this before
# ------------------------
#
# Is that not linear regression? Write each window as a row with two columns, and each answer
# behind it. Linear regression has a formula, and needs no steps:

from cnnbook.windows import windows

rows = windows(images, (1, 2)).reshape(-1, 2)
solution = torch.linalg.lstsq(rows, answers.reshape(-1, 1)).solution
print(tuple(rows.shape), [round(number, 3) for number in solution.flatten().tolist()])
assert rows.shape == (20 * 28 * 27, 2) == (15_120, 2)
assert (solution.flatten() - difference.flatten()).abs().max() < 0.001

# %%
# 15,120 rows, two columns, and 1 and -1 to within 0.001. Twenty pictures are many examples for two
# weights, because every window is one: that is the gain from using the same weights everywhere.
#
# So why steps at all? Because the formula is for one layer with nothing behind it. And one layer is
# not enough for much. Suppose the answers had been the *sizes* of the differences, for edges of
# both signs alike. No weights give that: a weighted sum that says 1 at one side of a thing says -1
# at the other. What would you put behind the convolution?

both = torch.cat([difference, -difference])
rectified = torch.relu(conv2d(images, both)).sum(dim=1, keepdim=True)
print(both.flatten(1).int().tolist(), torch.equal(rectified, answers.abs()))
assert torch.equal(rectified, answers.abs())

# %%
# Two kernels, a ReLU, and a sum. One kernel keeps the edges where it gets darker, the other those
# where it gets brighter, and together they have all. This is no more regression by formula, but it
# still has a gradient, and so it can be learnt in steps.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put
# ``from cnnbook.exercises import check`` before it, and see what the check says. Nothing is given
# away until you unfold it.
#
# .. exercise:: 16.1
#
# .. exercise:: 16.2
#
# .. exercise:: 16.3
#
# The answer
# ----------
#
# A kernel whose weights add up to 0 is blind to even areas and answers to edges: two weights are
# enough, Sobel's nine are less sensitive to single bad pixels and distinguish directions, the
# Laplacian's do not. And nobody has to choose them. Given pictures and the answers that are wanted,
# the gradient finds the weights, here 1 and -1 from 20 pictures [Zhang2023]_. In a classifier the
# wanted answers are only the labels, and the gradient finds kernels that are of use for them.
#
# Here ends the part on what goes on inside, and the next one is on training. We have made 400
# steps here, with the gradient written by hand. What torch makes of such a step, in four lines, is
# to be seen in :doc:`/gallery/4_training/plot_17_one_update`.
