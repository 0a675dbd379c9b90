"""Exercises on cross-correlation, convolution and shifts."""

import torch

from cnnbook.convolution import conv2d
from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, Exercise, Mistake
from cnnbook.exercises._samples import asymmetric_image

__all__ = ["EXERCISES"]

_impulse_response = Exercise(
    "The image is 0 except for a 1 in the middle: ``[[0, 0, 0], [0, 1, 0], [0, 0, 0]]``. What is "
    "the result of torch's ``conv2d`` with the kernel ``[[1, 2], [3, 4]]``? Use a pencil, and hand "
    "in rows.",
    hint="In the first window the 1 lies at the lower right. Which weight does it meet?",
    solution="""
import torch

image = torch.zeros(1, 1, 3, 3)
image[0, 0, 1, 1] = 1
kernel = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
answer = torch.nn.functional.conv2d(image, kernel[None, None])[0, 0]
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: [[4, 3], [2, 1]],
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the kernel is flipped",
            lambda: [[1, 2], [3, 4]],
            "That is the mathematical convolution. torch applies the kernel without a flip.",
        ),
        Mistake(
            "only the columns are reversed",
            lambda: [[2, 1], [4, 3]],
            "Look at the rows as well: in the upper windows the 1 is in the lower row.",
        ),
        Mistake(
            "only the rows are reversed",
            lambda: [[3, 4], [1, 2]],
            "Look at the columns as well: in the left windows the 1 is in the right column.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: [[4, 2], [3, 1]],
            "The second window stands to the right of the first.",
        ),
    ),
    remark="The result is the kernel, rotated by half a turn; the mathematical convolution gives "
    "the kernel itself.",
)


def _convolution(images: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    return conv2d(images, kernel.flip(0, 1)[None, None])


_convolution_function = Exercise(
    "Write a function ``convolve(images, kernel)``: images of shape ``(n, 1, rows, columns)``, a "
    "kernel with two axes. It flips the kernel and returns the mathematical convolution of each "
    "image, at every position where the kernel fits. The result has four axes as well.",
    hint="``kernel.flip(0, 1)`` flips both axes. torch's ``conv2d`` takes a kernel with four axes: "
    "``kernel[None, None]``.",
    solution="""
from torch.nn.functional import conv2d

def convolve(images, kernel):
    return conv2d(images, kernel.flip(0, 1)[None, None])

answer = convolve
""",
    kind=Function(
        lambda: [
            (asymmetric_image(2, 1, 4, 5), torch.tensor([[1.0, 2.0], [3.0, 5.0]])),
            (asymmetric_image(1, 1, 5, 4), torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])),
        ]
    ),
    right=lambda: _convolution,
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the kernel is not flipped",
            lambda: lambda images, kernel: conv2d(images, kernel[None, None]),
            "That is cross-correlation.",
        ),
        Mistake(
            "only the columns of the kernel are flipped",
            lambda: lambda images, kernel: conv2d(images, kernel.flip(1)[None, None]),
            "Both axes must be.",
        ),
        Mistake(
            "only the rows of the kernel are flipped",
            lambda: lambda images, kernel: conv2d(images, kernel.flip(0)[None, None]),
            "Both axes must be.",
        ),
        Mistake(
            "the image is flipped instead",
            lambda: lambda images, kernel: conv2d(images.flip(2, 3), kernel[None, None]),
            "Then the result is reversed as well. Flip the kernel.",
        ),
        Mistake(
            "the axes for images and channels are lost",
            lambda: lambda images, kernel: _convolution(images, kernel)[0, 0],
            "Many images go in, and as many come out.",
        ),
        Mistake(
            "the kernel is transposed",
            lambda: lambda images, kernel: conv2d(images, kernel.T[None, None]),
            "A flip reverses rows and columns; it does not swap them.",
        ),
    ),
    remark="For a kernel that is the same after half a turn there is no difference.",
)

_shifted_pooling = Exercise(
    "The row ``[2, 0, 5, 1, 0, 0, 0, 0]`` is shifted one pixel to the right, so that a 0 comes in "
    "at the left. Then it is max-pooled in pairs. What is the result? Hand in four numbers.",
    hint="Write the shifted row down, and draw a line after every second number.",
    solution="""
import torch

row = torch.tensor([2.0, 0, 5, 1, 0, 0, 0, 0])
shifted = torch.cat([torch.zeros(1), row[:-1]])
answer = shifted.reshape(4, 2).max(dim=1).values
""",
    kind=Numbers("a row of four numbers"),
    right=lambda: [2, 5, 1, 0],
    mistakes=(
        Mistake(
            "that is the pooled row without a shift",
            lambda: [2, 5, 0, 0],
            "Shift first: then the pairs are different.",
        ),
        Mistake(
            "the pooled row is shifted",
            lambda: [0, 2, 5, 0],
            "One pixel is half a pair: shift first, then pool.",
        ),
        Mistake(
            "it is shifted to the left",
            lambda: [5, 1, 0, 0],
            "To the right, the first number becomes a 0.",
        ),
        Mistake(
            "those are the means",
            lambda: [1, 2.5, 0.5, 0],
            "The largest of each pair counts.",
        ),
        Mistake(
            "that is the shifted row without pooling",
            lambda: [0, 2, 0, 5, 1, 0, 0, 0],
            "Take the larger number of each pair.",
        ),
        Mistake(
            "the windows overlap",
            lambda: [2, 2, 5, 5, 1, 0, 0],
            "Pairs lie side by side.",
        ),
    ),
    remark="That is not a shift of ``[2, 5, 0, 0]``: pooling in pairs is equivariant to even "
    "shifts only.",
)


EXERCISES = (
    _impulse_response,
    _convolution_function,
    _shifted_pooling,
)
