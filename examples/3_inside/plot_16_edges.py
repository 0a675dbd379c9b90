"""
16. Edges, and learning a kernel
================================

*Which kernel finds an edge, and how can a network learn it?*

You need :doc:`/gallery/2_layers/plot_07_moving_average`, where we chose the kernel ourselves, and
:doc:`/gallery/3_inside/plot_14_backpropagation`, which says what the :term:`gradient` with respect
to a kernel is.
"""

# %%
# The smallest edge detector
# --------------------------
#
# The moving average has equal weights and blurs edges. The smallest kernel that does the opposite
# has two weights, -1 and 1: a pixel minus its left neighbour. Here is a row with a bright part.
# What comes out? Guess the signs.
#
# .. guess:: Signs

import torch

from cnnbook.convolution import conv2d

difference = torch.tensor([[[[-1.0, 1.0]]]])
row = torch.tensor([[[[0.0, 0.0, 1.0, 1.0, 1.0, 0.0]]]])
print(conv2d(row, difference).flatten().int().tolist())
assert conv2d(row, difference).flatten().tolist() == [0, 1, 0, 0, -1]

# %%
# 0 where nothing changes, 1 where it gets brighter, -1 where it gets darker. Only the two edges are
# not 0, and the sign is the direction of the change. This works because the two weights add up to
# 0: where all pixels are the same grey, they cancel.
#
# Sobel and Laplace
# -----------------
#
# With two pixels, a single noisy pixel looks like an edge. Sobel's kernels compare the pixels on
# both sides of the middle, and add up three rows, with the middle row counted twice [Sobel2014]_:

from cnnbook.kernels import laplacian_kernel, sobel_kernel

print(sobel_kernel("x").int().tolist())
print(sobel_kernel("y").int().tolist())
print(laplacian_kernel().int().tolist())
assert sobel_kernel("x").tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
assert torch.equal(sobel_kernel("y"), sobel_kernel("x").T)
assert laplacian_kernel().tolist() == [[0, 1, 0], [1, -4, 1], [0, 1, 0]]

# %%
# The first is for a change along a row, the second, its transpose, for a change down a column. The
# third is the Laplacian: the four neighbours minus four times the middle [Gonzalez2018]_. The
# weights of each add up to 0. Take the pencil for two images, a step and a slope. For each, the
# cell prints the output of the first kernel, of the second and of the third:
#
# .. guess:: Step and slope

weight = torch.stack([sobel_kernel("x"), sobel_kernel("y"), laplacian_kernel()])[:, None]
step = torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]).expand(1, 1, 3, 6)
slope = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).expand(1, 1, 3, 6)
for name, image in (("step", step), ("slope", slope)):
    print(name, conv2d(image, weight)[0, :, 0].int().tolist())
assert conv2d(step, weight)[0, :, 0].tolist() == [[0, 4, 4, 0], [0, 0, 0, 0], [0, 1, -1, 0]]
assert conv2d(slope, weight)[0, :, 0].tolist() == [[8, 8, 8, 8], [0, 0, 0, 0], [0, 0, 0, 0]]

# %%
# On the step, Sobel's first kernel gives 1 + 2 + 1 = 4, twice. On the slope it gives 8 everywhere.
# Sobel's second kernel gives 0, as nothing changes from row to row. The Laplacian is 0 on the
# slope, and at the step it has both signs, 1 before and -1 behind it. It responds to a change of
# the change.
#
# On images of clothes
# --------------------
#
# Trousers, a sneaker and a bag. The long edges of trousers are vertical, those of a sneaker
# horizontal. Which of Sobel's two kernels will respond more strongly to the trousers, and which to
# the sneaker?
#
# .. guess:: More strongly respond
#    :choices: the first to the trousers, the second to the sneaker
#      | the second to the trousers, the first to the sneaker

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
# Blue is above 0, orange below, and 0 has no colour, as on every page. Areas of one grey have none,
# both the black and the bright ones. The long sides of the trousers are strong in *Sobel x*, blue
# on the left, where the image gets brighter to the right, and orange on the right. In *Sobel y*
# they have nearly no colour. With the sneaker it is the other way round. The Laplacian draws thin
# outlines in every direction. The bag is mostly pattern, and every kernel responds everywhere on
# it. The kernels know nothing of bags: they see windows of 3 x 3 pixels.
#
# That was one image of each. Take all trousers and all sneakers among the first 200, and divide the
# mean absolute value of the first feature map by that of the second:

sizes = conv2d(data.train_images, weight).abs().mean(dim=(2, 3))
mean_sizes = [sizes[data.train_labels == kind].mean(dim=0).tolist() for kind in kinds]
trousers, sneakers = (mean[0] / mean[1] for mean in mean_sizes[:2])
print(f"Sobel x over Sobel y: trousers {trousers:.1f}, sneakers {sneakers:.1f}")
each = [sizes[data.train_labels == kind] for kind in kinds]
lowest, highest = (each[0][:, 0] / each[0][:, 1]).min(), (each[1][:, 0] / each[1][:, 1]).max()
print(f"lowest of the trousers {lowest:.1f}, highest of the sneakers {highest:.1f}")
assert data.drawn or lowest > 1 > highest
assert data.drawn or abs(trousers - 5.8) < 0.1
assert data.drawn or abs(sneakers - 0.4) < 0.1
assert trousers > 2
assert sneakers < 0.7

# %%
# On Fashion-MNIST, the ratio is 5.8 for trousers and 0.4 for sneakers. It is above 1 for each
# single pair of trousers here, and below 1 for each sneaker. Two means are enough to tell them
# apart: that is what a :term:`feature map` is good for.
#
# .. guess-end::
#
# Try it
# ------
#
# Sobel's first kernel on a drawn pullover. Move the window over a sleeve: which pixels make the sum
# positive, and which negative? Then choose another kernel, or type other weights.
#
# .. conv-explorer::
#    :image: pullover
#    :kernel: sobel-x
#    :at: 12,4
#    :hide: pool,matrix
#    :room: 744 1320
#
# Learning the weights
# --------------------
#
# Sobel chose his nine weights. In a CNN nobody chooses the weights; they minimize a :term:`loss`.
# Here is an experiment. We are given 20 images, and for each of them the output of a kernel that we
# do not know. (It is -1 and 1.) We start with a kernel that does the opposite, the average of two
# pixels, and follow the gradient. The loss is the mean of the squared errors, as in linear
# regression.

from cnnbook.convolution import conv2d_weight_grad

images = data.train_images[:20]
outputs = conv2d(images, difference)
guess = torch.tensor([[[[0.5, 0.5]]]])
losses, path = [], [guess]
for _ in range(400):
    errors = conv2d(images, guess) - outputs
    losses.append(errors.square().mean().item())
    guess = guess - 2 * conv2d_weight_grad(images, errors, (1, 2)) / errors.numel()
    path.append(guess)

# %%
# The line that changes the kernel uses a result of
# :doc:`/gallery/3_inside/plot_14_backpropagation`: the gradient with respect to a weight is the sum
# of the pixels that it meets, each times the gradient of its output. Here the gradient of an output
# is twice its error, because of the square, divided by the number of outputs, because of the mean.
# Each step subtracts the whole gradient: the learning rate is 1.
#
# Where do you expect the two weights to be after 10 steps, and after all 400?
#
# .. guess:: After 10 and after 400 steps

for steps in (0, 10, 100, 400):
    print(steps, [round(number, 3) for number in path[steps].flatten().tolist()])
assert path[10].sum().abs() < 0.05
assert path[10].flatten()[1] < 0.5
assert (path[400] - difference).abs().max() < 0.01

# %%
# After 400 steps they are -1 and 1, learned from the images. The training has two parts. After 10
# steps the weights add up to nearly 0, so the kernel is an edge detector already; but the right one
# is still below 0.5, so it is a weak one. The loss shows both parts:

from cnnbook.figures import plot_curves

# sphinx_gallery_thumbnail_number = 1
figure = plot_curves({"loss": {"learned kernel": losses}}, yscale="log")
assert losses[-1] < losses[0] / 1_000_000

# %%
# The loss falls fast in the first steps, and then slowly, along a straight line, to less than a
# millionth of its first value. (The axis is logarithmic. With a full batch, a step is an
# :term:`epoch`.) Neighbouring pixels are nearly alike. While the weights do not add up to 0, every
# area of one grey has an error, and much of an image is such an area: a few steps correct this. How
# strong the detector is matters only at edges, which are few, so its gradient is small. (If the
# line is flat at its very end, the weights have reached the precision of float32.)
#
# The learning rate
# -----------------
#
# Each of these steps subtracted the whole gradient. On the site, the same experiment runs here, on
# the same 20 images and from the same start: with a learning rate of 1, its weights are those
# above. Try smaller and larger rates. Then choose another wanted kernel: which of the three is
# learned in the fewest steps?
#
# .. kernel-learner::
#
# If the learning rate is too large, the loss grows. Find the largest rate with which it does not,
# to one decimal.
#
# .. guess:: The largest learning rate


def loss_of(kernel: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of a kernel."""
    return (conv2d(images, kernel) - outputs).square().mean()


after: dict[float, float] = {}
for rate in (0.1, 1.0, 2.4, 2.5):
    kernel = path[0]
    for _ in range(100):
        errors = conv2d(images, kernel) - outputs
        kernel = kernel - rate * 2 * conv2d_weight_grad(images, errors, (1, 2)) / errors.numel()
    after[rate] = loss_of(kernel).item()
    print(f"rate {rate}: loss {losses[0]:.3f} at the start, {after[rate]:.3g} after 100 steps")
assert data.drawn or after[2.4] < after[1.0] < after[0.1] < losses[0] < after[2.5]

# %%
# With 2.4 the loss falls, and faster than with 1; with 2.5 it grows. What is special about a rate
# between them? :doc:`/gallery/4_training/plot_17_one_update` derives the rule: the loss grows if
# the rate is above 2 divided by the largest *curvature* of the loss. The curvatures are the
# eigenvalues of the matrix of the second derivatives, and torch computes them:

hessian = torch.autograd.functional.hessian(loss_of, guess).reshape(2, 2)
curvatures, directions = torch.linalg.eigh(hessian)
flat, steep = curvatures.tolist()
print(f"curvatures {flat:.3f} and {steep:.3f}, 2 / {steep:.3f} = {2 / steep:.2f}")
assert data.drawn or (round(flat, 3), round(steep, 3), round(2 / steep, 2)) == (0.036, 0.810, 2.47)
assert directions[:, 0].sum().abs() < 0.01
assert directions[:, 1].diff().abs() < 0.01

# %%
# On Fashion-MNIST, the boundary is 2.47. The large curvature, 0.810, belongs to the direction in
# which both weights change alike, the small one, 0.036, to the direction in which they change by
# opposite amounts. So a kernel that differs from the start in the first direction only, like 1 and
# 1, is learned in a few steps, and -1 and 1 needs hundreds: these are the two parts of the curve
# again.
#
# .. guess-end::
#
# The same by linear regression
# -----------------------------
#
# This is linear regression: each window is a row with two columns, as in :term:`im2col`, and the
# output that belongs to it is the number to be predicted. Linear regression has a formula, and
# needs no steps:

from cnnbook.windows import windows

rows = windows(images, (1, 2)).reshape(-1, 2)
solution = torch.linalg.lstsq(rows, outputs.reshape(-1, 1)).solution
print(tuple(rows.shape), [round(number, 3) for number in solution.flatten().tolist()])
assert rows.shape == (20 * 28 * 27, 2) == (15_120, 2)
assert (solution.flatten() - difference.flatten()).abs().max() < 0.001

# %%
# There are 15,120 rows of two columns, and the solution is -1 and 1 to three decimals. Twenty
# images are many examples for two weights, because every window is one: that is the advantage of
# shared weights.
#
# Why do we need steps at all? Because the formula is only for one layer with nothing behind it, and
# one layer is not enough for most tasks. Suppose the outputs had been the *absolute values* of the
# differences, so that edges of both signs count alike. No weights give that: a weighted sum that is
# 1 at one side of an object is -1 at the other. What would you put behind the convolution?
#
# .. guess:: Behind the convolution

both = torch.cat([difference, -difference])
rectified = torch.relu(conv2d(images, both)).sum(dim=1, keepdim=True)
print(both.flatten(1).int().tolist(), torch.equal(rectified, outputs.abs()))
assert torch.equal(rectified, outputs.abs())

# %%
# Two kernels, a ReLU, and a sum. One kernel finds the edges where it gets brighter, the other those
# where it gets darker, and their sum has all of them. No formula gives these weights, but the
# loss still has a gradient, so they can be learned in steps.
#
# .. board::
#    :minutes: 30
#
#    1. Apply the kernel ``[-1, 1]`` to the row 0, 1, 4, 9, 16, and once more to the result. What
#       comes out, and which single kernel does both steps?
#
#       First 1, 3, 5, 7, and then 2, 2, 2. The single kernel is ``[1, -2, 1]``: the difference of
#       two differences.
#
#    2. Each pixel of an image is 3 times the number of its column, plus 7. What does Sobel's first
#       kernel give?
#
#       It gives 24 everywhere. Right and left differ by two columns, which is ``2*3 = 6``, with the
#       weights 1, 2 and 1: ``6*(1 + 2 + 1) = 24``. The 7 cancels.
#
#    3. Two of the three weights of a kernel are 1 and -3. It must give 0 wherever all pixels have
#       the same grey. What is the third weight?
#
#       It is 2, because the weights must add up to 0: ``1 - 3 + 2 = 0``.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
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
# A kernel whose weights add up to 0 gives 0 in areas of one grey and responds to edges. Two weights
# are enough. Sobel's nine are less sensitive to noise and distinguish directions, which the
# Laplacian does not do. And a network can learn such kernels. From images and the outputs that are
# wanted, gradient descent finds the weights, here -1 and 1 from 20 images [Zhang2023]_. In a
# classifier only the labels are given, and gradient descent finds kernels that help to predict
# them.
#
# This was the last page on what is inside a layer. The next part is on training. On this page we
# made 400 steps and wrote the gradient by hand. In torch, a step is four lines:
# :doc:`/gallery/4_training/plot_17_one_update`.
