"""Exercises on the moving average."""

import torch

from cnnbook.exercises._answers import Layer, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, Exercise, Mistake
from cnnbook.exercises._samples import asymmetric_image, conv_from_rows
from cnnbook.kernels import conv_from_kernel

__all__ = ["EXERCISES"]

_average_by_hand = Exercise(
    "What is the 2 x 2 moving average of ``[[1, 3, 5], [3, 5, 7], [1, 1, 3]]``? Use a pencil, and "
    "hand in rows, as in ``[[1, 2], [3, 4]]``.",
    hint="The window has two positions in each direction.",
    solution="""
import torch

from cnnbook.convolution import moving_average

image = torch.tensor([[1.0, 3.0, 5.0], [3.0, 5.0, 7.0], [1.0, 1.0, 3.0]])
answer = moving_average(image[None, None], size=2)[0, 0]
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: [[3, 5], [2.5, 4]],
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "those are the sums",
            lambda: [[12, 20], [10, 16]],
            "The mean of four pixels is a quarter of their sum.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: [[3, 2.5], [5, 4]],
            "The window first moves to the right, along a row.",
        ),
        Mistake(
            "those are the largest pixels",
            lambda: [[5, 7], [5, 7]],
            "The window takes the mean.",
        ),
        Mistake(
            "the window moves by two",
            lambda: 3,
            "It moves by one pixel at a time, and the windows overlap.",
        ),
        Mistake(
            "the window is 3 x 3",
            lambda: 29 / 9,
            "It has two rows and two columns.",
        ),
    ),
    remark="Four windows, four means.",
)

_average_shape = Exercise(
    "A photograph of 28 rows and 20 columns, a tensor of shape ``(1, 1, 28, 20)``, is averaged "
    "with windows of 5 x 5. What is the shape of the result? Hand in four numbers.",
    hint="How many positions does a window of 5 rows have in 28 rows? It can start at row 0, and "
    "its last row is row 27 at most.",
    solution="""
from cnnbook.shapes import output_size

answer = (1, 1, *output_size((28, 20), 5))
""",
    kind=Numbers("a shape of four numbers"),
    right=lambda: (1, 1, 24, 16),
    mistakes=(
        Mistake(
            "rows and columns are swapped",
            lambda: (1, 1, 16, 24),
            "Rows come first, and there are more of them.",
        ),
        Mistake(
            "the axes for images and channels are forgotten",
            lambda: (24, 16),
            "torch always has four: images, channels, rows, columns.",
        ),
        Mistake(
            "the size is off by one",
            lambda: (1, 1, 23, 15),
            "Count the positions where the window can start, including the first and the last.",
        ),
        Mistake(
            "the size is unchanged",
            lambda: (1, 1, 28, 20),
            "A window that goes over the edge does not count.",
        ),
        Mistake(
            "the windows lie side by side",
            lambda: (1, 1, 5, 4),
            "The window moves by one pixel at a time, and the windows overlap.",
        ),
    ),
    remark="Four rows and four columns are lost.",
)


def _padded_average() -> torch.nn.Conv2d:
    layer = conv_from_rows([1 / 3, 1 / 3, 1 / 3])
    layer.padding = (0, 1)
    return layer


_row_average_layer = Exercise(
    "Make a ``Conv2d`` whose output is the mean of a pixel and its two neighbours to the right, in "
    "the same row. Hand in the layer.",
    hint="The window has one row and three columns: ``kernel_size=(1, 3)``. What is the bias?",
    solution="""
from cnnbook.kernels import averaging_conv

answer = averaging_conv((1, 3))
""",
    kind=Layer(lambda: asymmetric_image(2, 1, 4, 5)),
    right=lambda: conv_from_rows([1 / 3, 1 / 3, 1 / 3]),
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "rows and columns are swapped",
            lambda: conv_from_rows([1 / 3], [1 / 3], [1 / 3]),
            "The size of a window is (rows, columns), and neighbours in a row stand in columns.",
        ),
        Mistake(
            "that is the sum",
            lambda: conv_from_rows([1.0, 1.0, 1.0]),
            "The weights of a mean add up to 1.",
        ),
        Mistake(
            "that is the mean of three rows",
            lambda: conv_from_kernel(torch.full((3, 3), 1 / 9)),
            "The window has a single row.",
        ),
        Mistake(
            "only one neighbour is averaged",
            lambda: conv_from_rows([1 / 2, 1 / 2]),
            "The window has three columns: the pixel itself and two more.",
        ),
        Mistake(
            "the neighbour to the left is averaged, too",
            _padded_average,
            "The window starts at the pixel itself: no padding is needed.",
        ),
    ),
    remark="It blurs vertical edges and leaves horizontal ones as they are.",
)


EXERCISES = (
    _average_by_hand,
    _average_shape,
    _row_average_layer,
)
