"""Exercises on convolutions as matrix products."""

from cnnbook.exercises._answers import Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, Exercise, Mistake

__all__ = ["EXERCISES"]

_matrix_shape = Exercise(
    "A convolution with one kernel of 2 x 2 on an image of 3 x 5 is written as "
    "``image.flatten() @ What``. What is the shape of ``What``? Hand in two numbers.",
    hint="``row @ matrix`` needs as many rows in the matrix as the row has numbers, and returns as "
    "many numbers as the matrix has columns.",
    solution="""
import torch

from cnnbook.conv_matrix import conv_matrix

answer = conv_matrix(torch.ones(1, 1, 2, 2), (3, 5)).shape
""",
    kind=Numbers("a shape of two numbers"),
    right=lambda: (15, 8),
    mistakes=(
        Mistake(
            "rows and columns are swapped",
            lambda: (8, 15),
            "The image stands on the left, so its pixels meet the rows.",
        ),
        Mistake(
            "the size is unchanged",
            lambda: (15, 15),
            "There is a column for each position of the window, and there are fewer positions than "
            "pixels.",
        ),
        Mistake(
            "that is a matrix that mixes columns only",
            lambda: (5, 4),
            "The image is flattened first: all its pixels are in one row.",
        ),
        Mistake(
            "those are the weights of one window",
            lambda: (15, 4),
            "A column belongs to a position of the window, not to a weight.",
        ),
    ),
    remark="15 pixels in, 2 x 4 positions out.",
)

_matrix_by_hand = Exercise(
    "The image is a row of four pixels ``x``, the kernel is ``[3, -1]``. Write down the matrix for "
    "which ``x @ matrix`` is the convolution. Hand in its rows.",
    hint="The first output is 3 times the first pixel minus the second. Those are the weights of "
    "the first column, from top to bottom.",
    solution="""
import torch

from cnnbook.conv_matrix import conv_matrix

answer = conv_matrix(torch.tensor([[[[3.0, -1.0]]]]), (1, 4))
""",
    kind=Numbers("a matrix"),
    right=lambda: [[3, 0, 0], [-1, 3, 0], [0, -1, 3], [0, 0, -1]],
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "rows and columns are swapped",
            lambda: [[3, -1, 0, 0], [0, 3, -1, 0], [0, 0, 3, -1]],
            "That is for ``matrix @ x``. Here the pixels stand on the left.",
        ),
        Mistake(
            "the kernel is flipped",
            lambda: [[-1, 0, 0], [3, -1, 0], [0, 3, -1], [0, 0, 3]],
            "Read a column from top to bottom: first comes the weight of the first pixel.",
        ),
        Mistake(
            "there is one position too many",
            lambda: [[3, 0, 0, 0], [-1, 3, 0, 0], [0, -1, 3, 0], [0, 0, -1, 3]],
            "Count where a window of two can stand in four pixels.",
        ),
        Mistake(
            "each weight is used once",
            lambda: [[3, 0, 0], [0, -1, 0], [0, 0, 0], [0, 0, 0]],
            "The same two weights stand in every column, one pixel further down each time.",
        ),
    ),
    remark="Twelve entries, two weights.",
)

_separable_average_matrix = Exercise(
    "For the 2 x 2 moving average of an image of 5 x 5 there is a matrix ``A`` for which the "
    "result is ``A @ image @ A.T``. What is ``A``? Hand in its rows.",
    hint="``A @ image`` mixes rows: it must give the means of neighbouring rows. ``A.T`` then does "
    "the same to columns. Each pixel is multiplied by both, and the product must be a quarter.",
    solution="""
import torch

from cnnbook.conv_matrix import band_matrix

# It is made for ``row @ matrix``; a matrix on the left is its transpose.
answer = band_matrix(torch.tensor([0.5, 0.5]), 5).T
""",
    kind=Numbers("a matrix"),
    right=lambda: [[0.5 * (column - row in (0, 1)) for column in range(5)] for row in range(4)],
    # A stands on both sides, so that its sign cancels.
    others=(
        lambda: [[-0.5 * (column - row in (0, 1)) for column in range(5)] for row in range(4)],
    ),
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "each factor has the whole quarter",
            lambda: [[0.25 * (column - row in (0, 1)) for column in range(5)] for row in range(4)],
            "A stands on both sides, and the weights of the two are multiplied.",
        ),
        Mistake(
            "those are the sums",
            lambda: [[column - row in (0, 1) for column in range(5)] for row in range(4)],
            "Every row of A takes a mean, so its weights add up to 1.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: [[0.5 * (row - column in (0, 1)) for column in range(4)] for row in range(5)],
            "A stands on the left of five rows and makes four of them.",
        ),
        Mistake(
            "there is one row too many",
            lambda: [[0.5 * (column - row in (0, 1)) for column in range(5)] for row in range(5)],
            "Count where a window of two can stand in five rows.",
        ),
    ),
    remark="Rows and columns one after the other: the kernel is separable.",
)


EXERCISES = (
    _matrix_shape,
    _matrix_by_hand,
    _separable_average_matrix,
)
