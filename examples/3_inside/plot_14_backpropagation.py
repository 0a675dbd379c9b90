"""
Backpropagation by hand
=======================

*How does a convolution hand a gradient back, to its weights, its bias and its pixels?*

You need :doc:`/gallery/3_inside/plot_12_img_at_what`, where a convolution is written as a matrix,
and from :doc:`/gallery/3_inside/plot_13_equivariance` that torch does not flip the kernel. A
:term:`gradient` is what it was for linear regression: how much the :term:`loss` grows when a
number grows by a little.
"""

# %%
# The example
# -----------
#
# The numbers from 0 to 15, the 3 x 3 average, four windows. For a loss we take the simplest that
# there is: the sum of the output.

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
# The loss is 5 + 6 + 9 + 10 = 30. It depends on nine weights, one bias and sixteen pixels, and for
# each of these 26 numbers we want to know: if it grows by a little, by how many times that little
# does the loss grow?
#
# Start at the loss and walk backwards. If one output pixel grows by a little, the sum grows by
# the same. So the gradient at the output is four ones. They are what the convolution is handed:

grad_output = torch.ones(1, 1, 2, 2)
print(grad_output[0, 0].tolist())
assert 9 + 1 + 16 == 26

# %%
# From here on take a pencil, and work out each answer before its cell.
#
# The bias
# --------
#
# The bias was added to every output pixel. If it grows by a little, all four of them do.

by_hand_bias = 1 + 1 + 1 + 1
print(by_hand_bias)
assert by_hand_bias == 4

# %%
# Its gradient is 4: what the output pixels are handed, added up.
#
# The weights
# -----------
#
# The upper left weight meets the upper left pixel of every window. There are four windows, so it
# meets four pixels, and each product went into the loss. Which four pixels are they? And which
# does the weight in the middle meet?

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
# The first meets 0, 1, 4 and 5, which makes 10; the middle one meets 5, 6, 9 and 10, which makes
# 30; the last one's sum is 50. The gradient of a :term:`weight` is the sum of the pixels it has
# met, each times what its output was handed, here 1. How large the weight itself is plays no part.

assert (0 + 1 + 4 + 5, 5 + 6 + 9 + 10, 10 + 11 + 14 + 15) == (10, 30, 50)

# %%
# Look again at how ``met`` moves over the image: a window of 2 x 2, one step at a time, with a
# weighted sum in each place. We know that one. The gradient of the kernel is itself a
# :term:`convolution`, of the image with what was handed back:

from cnnbook.convolution import conv2d

print(conv2d(image, grad_output).int()[0, 0].tolist())
assert torch.equal(conv2d(image, grad_output)[0, 0], by_hand_weight)

# %%
# The same nine numbers. The kernel of this convolution is as large as the output was.
#
# The pixels
# ----------
#
# Now the image. A pixel goes into every window that sees it, each time multiplied with a weight
# of 1/9. So its gradient is a ninth of a count: in how many windows is it? Guess for a corner, for
# an edge, for the middle. Then let each window put a one on all the pixels that it sees:

parts = torch.zeros(2, 2, 4, 4)
for row in range(2):
    for column in range(2):
        parts[row, column, row : row + 3, column : column + 3] = 1
counts = parts.sum(dim=(0, 1))
print(counts.int().tolist())
assert counts.tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]

# %%
# A corner is in one window, an edge pixel in two, and a pixel in the middle in all four. Drawn,
# the four windows and their sum:

from cnnbook.figures import plot_overlap

# sphinx_gallery_thumbnail_number = 1
figure = plot_overlap(parts)

# %%
# Each small square is one window laid on the image. Where they overlap, the sum is darker. If you
# change a pixel in the middle the loss moves four times as much as if you change a corner, though
# no weight prefers the middle: the border is simply seen less often.
#
# autograd
# --------
#
# torch keeps a record of what was computed and walks it backwards. Here is its result for all 26
# numbers:

loss.backward()
print(average.bias.grad.tolist(), average.weight.grad[0, 0].tolist())
print((9 * image.grad)[0, 0].tolist())
assert average.bias.grad.item() == by_hand_bias
assert torch.equal(average.weight.grad[0, 0], by_hand_weight)
assert torch.allclose(9 * image.grad[0, 0], counts)

# %%
# The bias has 4, the weights have our nine sums, and nine times the gradient of the image is our
# count.
#
# The matrix, transposed
# ----------------------
#
# With the matrix of two pages ago the convolution is ``image @ What``: 16 pixels go in, 4 outputs
# come out. Row *i* of the matrix says how strongly pixel *i* goes into each output. To hand
# gradients back we ask the same the other way round, 4 go in, 16 come out. What would you do
# with the matrix?

from cnnbook.conv_matrix import conv_matrix

what = conv_matrix(average.weight.detach(), 4)
handed_back = grad_output.flatten(1) @ what.T
print(tuple(what.shape), tuple(what.T.shape))
print((9 * handed_back).reshape(4, 4).tolist())
assert what.shape == (16, 4)
assert torch.allclose(9 * handed_back.reshape(4, 4), counts)
assert torch.allclose(9 * what.T.reshape(2, 2, 4, 4), parts)

# %%
# Forwards with the matrix, backwards with its transpose. And the last line of the cell shows that
# the four rows of the transpose, as images, are the four small squares of the figure.
#
# When the gradient is not all ones
# ---------------------------------
#
# Ones and equal weights hide two things. So once more, with the kernel 1 to 9, and with only one
# output that is handed anything, the lower right one. What does it hand on, and to which pixels?

from cnnbook.convolution import conv2d_input_grad

kernel = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
one_output = torch.tensor([[[[0.0, 0.0], [0.0, 1.0]]]])
received = conv2d_input_grad(one_output, kernel, 4)[0, 0]
print(received.int().tolist())
assert received.tolist() == [[0, 0, 0, 0], [0, 1, 2, 3], [0, 4, 5, 6], [0, 7, 8, 9]]

# %%
# The kernel, as it stands, on the pixels of that window.
# :func:`~cnnbook.convolution.conv2d_input_grad` does so for every output, each time the kernel
# times what the output was handed, and adds up. That factor is the first hidden thing.
#
# For the second, look at pixel (2, 2), which all four windows see. The upper left output used the
# weight 9 on it, the upper right one 8, the lower left one 6 and the lower right one 5. If these
# outputs are handed 1, 2, 3 and 4, what arrives at the pixel?

handed = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
received = conv2d_input_grad(handed, kernel, 4)
print(received[0, 0].int().tolist())
assert received[0, 0, 2, 2].item() == 9 * 1 + 8 * 2 + 6 * 3 + 5 * 4 == 63

# %%
# 9 + 16 + 18 + 20 = 63. And in which order did the weights come: 9, 8, 6, 5, backwards. Seen from
# a pixel the kernel is turned around. This is the flip that torch leaves out on the way forward:
# on the way back it is there. What was handed, with two rows and columns of zeros around it,
# convolved with the flipped kernel:

around = torch.nn.functional.pad(handed, (2, 2, 2, 2))
assert torch.equal(conv2d(around, kernel.flip(2, 3)), received)
assert torch.equal(handed.flatten(1) @ conv_matrix(kernel, 4).T, received.flatten(1))
print(conv2d(around, kernel.flip(2, 3))[0, 0].int().tolist())
assert (8 * 2, 6 * 3, 5 * 4) == (16, 18, 20)

# %%
# The same sixteen numbers, and the transposed matrix gives them too. And the gradient of the
# weights, when 1, 2, 3 and 4 are handed back? It is the convolution of the image with just that:

from cnnbook.convolution import conv2d_weight_grad

print(conv2d_weight_grad(image.detach(), handed, 3).int()[0, 0].tolist())
assert torch.equal(conv2d_weight_grad(image, handed, 3), conv2d(image, handed))
assert conv2d_weight_grad(image, handed, 3)[0, 0, 0, 0] == 1 * 0 + 2 * 1 + 3 * 4 + 4 * 5 == 34

# %%
# The upper left weight gets 1*0 + 2*1 + 3*4 + 4*5 = 34: the pixels it met, each times what was
# handed back. So a convolution goes forwards, a convolution goes backwards, and a third one finds
# the gradient of the kernel.
#
# An independent check
# --------------------
#
# Hand, autograd and matrix agree, but all three follow the same rules. A gradient can also be
# found with no rule at all, by a *finite difference*: let one number grow, and look what the loss
# does. This loss is a straight line in each single number, so we may let it grow by a whole 1.

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
# Nine weights, one bias, sixteen pixels: 26 times two convolutions, for what backpropagation did in
# one pass. That is why nobody trains like this, but it is a fine way to check.

found = {name: [growth(name, i) for i in range(start[name].numel())] for name in start}
print([round(number, 6) for number in found["weight"] + found["bias"]])
print([round(9 * number, 6) for number in found["images"]])
expected = {"weight": by_hand_weight, "bias": average.bias.grad, "images": counts / 9}
for name, numbers in expected.items():
    nearly = torch.tensor(found[name])
    assert torch.allclose(nearly, numbers.flatten(), atol=1e-5)

# %%
# 10, 14, 18 and so on to 50, then 4, then our count: the same again. For losses that are no
# straight line the step has to be small; torch has that built in, as ``torch.autograd.gradcheck``,
# and the library's tests use it.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put
# ``from cnnbook.exercises import check`` before it, and see what the check says. Nothing is given
# away until you unfold it.
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
# A convolution hands its gradient back by three small sums. The bias gets what all output pixels
# were handed, here 4. A weight gets the sum of the pixels it met, here
# ``[[10, 14, 18], [26, 30, 34], [42, 46, 50]]``. A pixel gets a share from every window that sees
# it, here a ninth of ``[[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]``; in the language
# of the matrix, that is the transpose. More is in [Goodfellow2016]_, chapter 9, and, with many
# pictures, in [Dumoulin2016]_.
#
# A pixel that no window sees has a gradient of 0. Turn that around, and the gradient becomes an
# instrument, which shows what a network sees:
# :doc:`/gallery/3_inside/plot_15_receptive_field`.
