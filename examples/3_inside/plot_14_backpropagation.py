"""
14. Backpropagation by hand
===========================

*How does a convolution pass a gradient back, to its weights, its bias and its pixels?*

You need :doc:`/gallery/3_inside/plot_12_img_at_what`, where a convolution is written as a matrix,
and from :doc:`/gallery/3_inside/plot_13_equivariance` that torch does not flip the kernel. A
:term:`gradient` is what it was for linear regression: how much the :term:`loss` grows when a number
grows by a little.
"""

# %%
# The example
# -----------
#
# The numbers from 0 to 15, the 3 x 3 average, four windows. The loss is the simplest possible: the
# sum of the output.

import torch

from cnnbook.kernels import averaging_conv

image = torch.arange(16.0).reshape(1, 1, 4, 4).requires_grad_()
average = averaging_conv(3)
output = average(image)
loss = output.sum()
print(output.detach().round(decimals=4)[0, 0].tolist(), f"{loss.item():.4f}")
assert torch.allclose(output, torch.tensor([[[[5.0, 6.0], [9.0, 10.0]]]]))
assert abs(loss.item() - (5 + 6 + 9 + 10)) < 1e-5

# %%
# The loss is 5 + 6 + 9 + 10 = 30. It depends on nine weights, one bias and sixteen pixels. For each
# of these 26 numbers we ask: if it grows by a little, how many times as much does the loss grow?
#
# :term:`Backpropagation <backpropagation>` starts at the loss and goes backwards. If one output
# grows by a little, the sum grows by the same. So the gradient with respect to the output is four
# ones. This is what the loss passes back to the convolution:

grad_output = torch.ones(1, 1, 2, 2)
print(grad_output[0, 0].tolist())
assert 9 + 1 + 16 == 26

# %%
# From here on, take a pencil and compute each answer before you run its cell.
#
# The bias
# --------
#
# The bias was added to every output. If it grows by a little, all four of them do. How many times
# as much does the loss grow?
#
# .. guess:: Gradient of the bias

by_hand_bias = 1 + 1 + 1 + 1
print(by_hand_bias)
assert by_hand_bias == 4

# %%
# Its gradient is 4, the sum of the output's gradient.
#
# The weights
# -----------
#
# The upper left weight is multiplied by the upper left pixel of every window. There are four
# windows, so it meets four pixels, and each product is a part of the loss. Which four pixels are
# they? And which does the weight in the middle meet?
#
# .. guess:: The pixels

pixels = image.detach()[0, 0]
by_hand_weight = torch.zeros(3, 3)
for row in range(3):
    for column in range(3):
        met = pixels[row : row + 2, column : column + 2]
        by_hand_weight[row, column] = met.sum()
        if row == column:
            print(f"weight {row}, {column} meets {met.flatten().int().tolist()}")
print(by_hand_weight.int().tolist())
assert by_hand_weight.tolist() == [[10, 14, 18], [26, 30, 34], [42, 46, 50]]

# %%
# The first weight meets 0, 1, 4 and 5, whose sum is 10. The middle one meets 5, 6, 9 and 10, whose
# sum is 30. The last one's sum is 50. The gradient with respect to a :term:`weight` is the sum of
# the pixels that it meets, each times the gradient of its output, here 1. It does not depend on the
# weight itself.

assert (0 + 1 + 4 + 5, 5 + 6 + 9 + 10, 10 + 11 + 14 + 15) == (10, 30, 50)

# %%
# Look again at how ``met`` moves over the image: a window of 2 x 2, one step at a time, with a sum
# at each position. It is a weighted sum, whose weights are the output's gradient, here four ones.
# So the gradient with respect to the kernel is itself a :term:`convolution`, of the image with the
# output's gradient:

from cnnbook.convolution import conv2d

print(conv2d(image, grad_output).int()[0, 0].tolist())
assert torch.equal(conv2d(image, grad_output)[0, 0], by_hand_weight)

# %%
# The same nine numbers. The kernel of this convolution is as large as the output was.
#
# The pixels
# ----------
#
# Now the image. A pixel is in several windows, and each time it is multiplied by a weight of 1/9.
# So its gradient is a ninth of a count: in how many windows is it? Guess for a corner, for an edge,
# for the middle. Then add a 1 to all pixels of each window:
#
# .. guess:: Corner, edge, middle

parts = torch.zeros(2, 2, 4, 4)
for row in range(2):
    for column in range(2):
        parts[row, column, row : row + 3, column : column + 3] = 1
counts = parts.sum(dim=(0, 1))
print(*counts.int().tolist(), sep="\n")
assert counts.tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]

# %%
# A corner is in one window, an edge pixel in two, and a pixel in the middle in all four. Here are
# the four windows and their sum:

from cnnbook.figures import plot_overlap

# sphinx_gallery_thumbnail_number = 1
figure = plot_overlap(parts)

# %%
# Each small square is one window on the image. Where windows overlap, the sum is larger. If a pixel
# in the middle changes, the loss changes four times as much as if a corner does. This is not
# because of the weights, which are all equal: a corner is in fewer windows.
#
# .. guess-end::
#
# Autograd
# --------
#
# torch records what was computed and goes through it backwards. Here are its gradients for all 26
# numbers:

loss.backward()
print("bias", average.bias.grad.tolist())
print("weights", average.weight.grad[0, 0].tolist())
print("pixels, times 9:", *(9 * image.grad)[0, 0].tolist(), sep="\n")
assert average.bias.grad.item() == by_hand_bias
assert torch.equal(average.weight.grad[0, 0], by_hand_weight)
assert torch.allclose(9 * image.grad[0, 0], counts)

# %%
# The bias has 4, the weights have our nine sums, and nine times the gradient of the image is our
# count.
#
# The matrix, backwards
# ---------------------
#
# With the matrix of :doc:`/gallery/3_inside/plot_12_img_at_what`, the convolution is ``image @
# What``, with the image in one row: 16 pixels go in, 4 outputs come out. Row *i* of the matrix says
# how much each output changes with pixel *i*. Backwards, 4 gradients go in and 16 come out. Which
# matrix do you need for that?
#
# .. guess:: Matrix

from cnnbook.conv_matrix import conv_matrix

what = conv_matrix(average.weight.detach(), 4)
input_grad = grad_output.flatten(1) @ what.T
print(tuple(what.shape), tuple(what.T.shape))
print(*(9 * input_grad).reshape(4, 4).tolist(), sep="\n")
assert what.shape == (16, 4)
assert torch.allclose(9 * input_grad.reshape(4, 4), counts)
assert torch.allclose(9 * what.T.reshape(2, 2, 4, 4), parts)

# %%
# Forwards with the matrix, backwards with its transpose. The four rows of the transpose, as images,
# are the four small squares of the figure; this is checked as well.
#
# When the gradient is not all ones
# ---------------------------------
#
# With ones and equal weights, two things could not be seen. So take the kernel 1 to 9, and a
# gradient that is 0 except for a 1 at the lower right output. Which gradient does each pixel get?
#
# .. guess:: The pixels get

from cnnbook.convolution import conv2d_input_grad

kernel = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
one_output = torch.tensor([[[[0.0, 0.0], [0.0, 1.0]]]])
received = conv2d_input_grad(one_output, kernel, 4)[0, 0]
print(*received.int().tolist(), sep="\n")
assert received.tolist() == [[0, 0, 0, 0], [0, 1, 2, 3], [0, 4, 5, 6], [0, 7, 8, 9]]

# %%
# The pixels of that window get the kernel, not flipped.
# :func:`~cnnbook.convolution.conv2d_input_grad` does so for every output: it multiplies the kernel
# by this output's gradient, writes it at the window's place, and adds up. That factor is the first
# of the two things.
#
# For the second, look at pixel (2, 2), which is in all four windows. The upper left output
# multiplied it by the weight 9, the upper right one by 8, the lower left one by 6 and the lower
# right one by 5. If the gradients of these outputs are 1, 2, 3 and 4, what is the gradient of the
# pixel?
#
# .. guess:: Gradient of the pixel

numbered = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
received = conv2d_input_grad(numbered, kernel, 4)
print(*received[0, 0].int().tolist(), sep="\n")
assert received[0, 0, 2, 2].item() == 9 * 1 + 8 * 2 + 6 * 3 + 5 * 4 == 63

# %%
# 9 + 16 + 18 + 20 = 63. The weights came in the order 9, 8, 6, 5, backwards: from the pixel's point
# of view the kernel is flipped. torch leaves out the flip on the way forward, and needs it on the
# way back. Put zeros around the output's gradient, two rows or columns on each side, and convolve
# it with the flipped kernel:

around = torch.nn.functional.pad(numbered, (2, 2, 2, 2))
print(*conv2d(around, kernel.flip(2, 3))[0, 0].int().tolist(), sep="\n")
assert torch.equal(conv2d(around, kernel.flip(2, 3)), received)
assert torch.equal(numbered.flatten(1) @ conv_matrix(kernel, 4).T, received.flatten(1))
assert (8 * 2, 6 * 3, 5 * 4) == (16, 18, 20)

# %%
# The same sixteen numbers, and the transposed matrix gives them too.
#
# .. guess-end::
#
# And the gradient with respect to the weights, when the output's gradient is 1, 2, 3 and 4? It is
# the convolution of the image with this gradient:

from cnnbook.convolution import conv2d_weight_grad

print(conv2d_weight_grad(image.detach(), numbered, 3).int()[0, 0].tolist())
assert torch.equal(conv2d_weight_grad(image, numbered, 3), conv2d(image, numbered))
assert conv2d_weight_grad(image, numbered, 3)[0, 0, 0, 0] == 1 * 0 + 2 * 1 + 3 * 4 + 4 * 5 == 34

# %%
# The upper left weight gets 1*0 + 2*1 + 3*4 + 4*5 = 34: the pixels that it meets, each times the
# gradient of its output. So the layer is a convolution, and the gradients with respect to its image
# and to its kernel are convolutions, too.
#
# An independent check
# --------------------
#
# The three ways, by hand, by autograd and by matrix, all use the same rules. A gradient can also be
# found without them, by a *finite difference*: let one number grow, and see how the loss changes.
# This loss is a straight line in each single number, so we may let it grow by a whole 1.

from cnnbook.kernels import averaging_kernel

start = {
    "weight": averaging_kernel(3).double()[None, None],
    "bias": torch.zeros(1, dtype=torch.float64),
    "images": torch.arange(16.0, dtype=torch.float64).reshape(1, 1, 4, 4),
}


def growth(name: str, entry: int) -> float:
    """Return by how much the loss grows when one number grows by 1."""
    grown = {key: value.clone() for key, value in start.items()}
    grown[name].view(-1)[entry] += 1
    return (conv2d(**grown).sum() - conv2d(**start).sum()).item()


# %%
# Nine weights, one bias, sixteen pixels: 26 times two convolutions, for what backpropagation
# computes in one pass. That is too slow for training, but it is a good check.

found = {name: [growth(name, i) for i in range(start[name].numel())] for name in start}
print([round(number, 6) for number in found["weight"] + found["bias"]])
print([round(9 * number, 6) for number in found["images"]])
expected = {"weight": by_hand_weight, "bias": average.bias.grad, "images": counts / 9}
for name, numbers in expected.items():
    nearly = torch.tensor(found[name])
    assert torch.allclose(nearly, numbers.flatten(), atol=1e-5)

# %%
# 10, 14, 18 and so on to 50, then 4, then our count: the same numbers again. For losses that are
# not straight lines the step has to be small. torch has such a check, ``torch.autograd.gradcheck``,
# and the tests of this library use it.
#
# .. board::
#    :minutes: 30
#
#    1. Let the loss be the mean of the four outputs in place of their sum. What are the gradients
#       of the bias and of the weight in the middle?
#
#       They are 1 and 7.5. Each output now counts a quarter, so every gradient is a quarter of what
#       it was: ``4/4 = 1`` and ``30/4 = 7.5``.
#
#    2. A 2 x 2 kernel of ones moves over the 4 x 4 image with stride 2, and the loss is the sum of
#       the output. What is the gradient of each pixel?
#
#       It is 1 for every pixel. The four windows do not overlap and cover the image, so each pixel
#       is in exactly one window.
#
#    3. Let the loss be the upper left output alone. What are the gradients of the nine weights and
#       of the bias, and how many pixels have a gradient that is not 0?
#
#       The weights get the pixels of the first window, ``[[0, 1, 2], [4, 5, 6], [8, 9, 10]]``, and
#       the bias gets 1. The 9 pixels of that window have a gradient.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 14.1
#
# .. exercise:: 14.2
#
# .. exercise:: 14.3
#
# The answer
# ----------
#
# A convolution passes its gradient back with three sums. The bias gets the sum of the output's
# gradient, here 4. A weight gets the sum of the pixels that it meets, here ``[[10, 14, 18], [26,
# 30, 34], [42, 46, 50]]``. A pixel gets a part from every window that it is in, here a ninth of
# ``[[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]``; with matrices, that is the
# transpose. More is in [Goodfellow2016]_, chapter 9, and, with many figures, in [Dumoulin2016]_.
#
# This is one layer. :doc:`/gallery/5_beyond/plot_24_backwards` goes backwards through all layers of
# the CNN, from the loss to the kernels, and trains it without autograd.
#
# A pixel that is in no window has a gradient of 0. So the gradient also shows which pixels a
# network uses: :doc:`/gallery/3_inside/plot_15_receptive_field`.
