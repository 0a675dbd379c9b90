"""Exercises on several images, channels and kernels."""

import torch

from cnnbook.exercises._answers import Layer, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, Exercise, Mistake
from cnnbook.exercises._samples import asymmetric_image, conv_from_rows
from cnnbook.kernels import conv_from_kernel

__all__ = ["EXERCISES"]

_output_shape = Exercise(
    "Five colour photographs of 32 rows and 48 columns, ``(5, 3, 32, 48)``, go through "
    "``Conv2d(3, 8, (3, 5))``. What shape comes out? Hand in four numbers.",
    hint="The number of images stays the same, and the channels are now the output channels of the "
    "layer. For the rows and the columns, count the positions of the window in each direction.",
    solution="""
import torch

answer = torch.nn.Conv2d(3, 8, (3, 5))(torch.zeros(5, 3, 32, 48)).shape
""",
    kind=Numbers("a shape of four numbers"),
    right=lambda: (5, 8, 30, 44),
    mistakes=(
        Mistake(
            "the channels are those of the input",
            lambda: (5, 3, 30, 44),
            "Each kernel makes one channel.",
        ),
        Mistake(
            "the input channels are kept apart",
            lambda: (5, 24, 30, 44),
            "A kernel adds up over all of them.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: (5, 8, 44, 30),
            "Rows come before columns, in the image and in the result.",
        ),
        Mistake(
            "the axes are in another order",
            lambda: (8, 5, 30, 44),
            "In torch the order is images, channels, rows, columns.",
            others=(lambda: (5, 30, 44, 8), lambda: (30, 44, 5, 8), lambda: (30, 44, 8, 5)),
        ),
        Mistake(
            "the axis of the images is missing",
            lambda: (8, 30, 44),
            "Many images go in, and as many come out.",
        ),
        Mistake(
            "rows and columns of the window are swapped",
            lambda: (5, 8, 28, 46),
            "The kernel size is (rows, columns).",
        ),
        Mistake(
            "the size is off by one",
            lambda: (5, 8, 29, 43),
            "Count the positions where the window can start, including the first and the last.",
        ),
        Mistake(
            "the size is unchanged",
            lambda: (5, 8, 32, 48),
            "A window that goes over the edge does not count.",
        ),
    ),
    remark="Images, kernels, and the positions of the window.",
)

_two_channels_by_hand = Exercise(
    "An image has two channels, ``[[1, 2], [3, 4]]`` and ``[[5, 6], [7, 9]]``. A kernel has ``[[1, "
    "0], [0, 1]]`` for the first and ``[[0, 1], [1, 0]]`` for the second, and the bias 2. What is "
    "the output of this kernel? Use a pencil.",
    hint="Multiply and add up in each channel. One kernel gives one number.",
    solution="""
first = 1 * 1 + 4 * 1
second = 6 * 1 + 7 * 1
answer = first + second + 2
""",
    kind=Numbers("one number"),
    right=lambda: 20,
    mistakes=(
        Mistake("the bias is forgotten", lambda: 18, "It is added at the end."),
        Mistake(
            "the bias is added in each channel",
            lambda: 22,
            "A kernel has one, however many channels it sees.",
        ),
        Mistake(
            "only the first channel is used",
            lambda: 7,
            "A kernel sees all of them.",
        ),
        Mistake(
            "the channels are kept apart",
            lambda: [7, 15],
            "Their sums are added, and the bias after that.",
        ),
        Mistake(
            "the channels are kept apart, and the bias is forgotten",
            lambda: [5, 13],
            "One kernel gives one number, of all channels and its bias.",
        ),
        Mistake(
            "both channels use the same weights",
            lambda: 1 + 4 + 5 + 9 + 2,
            "Each channel has weights of its own.",
        ),
        Mistake(
            "only the second channel is used",
            lambda: 15,
            "A kernel sees all of them.",
        ),
    ),
    remark="5 + 13 + 2.",
)


def _three_kernels(
    *order: int, scale: float = 0.25, sign: float = 1.0, flip: bool = False
) -> torch.nn.Conv2d:
    kernels = torch.tensor(
        [[[1.0, 0.0], [0.0, 0.0]], [[scale, scale], [scale, scale]], [[-sign, 0.0], [0.0, sign]]]
    )
    kernels = kernels.flip(1, 2) if flip else kernels
    return conv_from_kernel(kernels[list(order), None])


_three_feature_layer = Exercise(
    "Make one ``Conv2d`` with windows of 2 x 2 that takes one channel and outputs three: the upper "
    "left pixel, the mean of the window, and the lower right pixel minus the upper left one, in "
    "this order. Hand in the layer.",
    hint="The weights have the shape ``(3, 1, 2, 2)``, one kernel after the other; the biases are "
    "0. ``conv_from_kernel`` takes such a tensor.",
    solution="""
import torch

from cnnbook.kernels import conv_from_kernel

corner = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
mean = torch.full((2, 2), 1 / 4)
edge = torch.tensor([[-1.0, 0.0], [0.0, 1.0]])
answer = conv_from_kernel(torch.stack([corner, mean, edge])[:, None])
""",
    kind=Layer(lambda: asymmetric_image(2, 1, 4, 5)),
    right=lambda: _three_kernels(0, 1, 2),
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the kernels stand in the opposite order",
            lambda: _three_kernels(2, 1, 0),
            "The first kernel makes the first channel.",
        ),
        Mistake(
            "the second channel is the sum",
            lambda: _three_kernels(0, 1, 2, scale=1.0),
            "The weights of a mean add up to 1.",
        ),
        Mistake(
            "the third channel has the opposite sign",
            lambda: _three_kernels(0, 1, 2, sign=-1.0),
            "A pixel that is subtracted has a negative weight.",
        ),
        Mistake(
            "the kernels are flipped",
            lambda: _three_kernels(0, 1, 2, flip=True),
            "They are applied without a flip.",
        ),
        Mistake(
            "the three are added up into one channel",
            lambda: conv_from_rows([0.25, 0.25], [0.25, 1.25]),
            "One kernel gives one channel; three kernels are needed.",
        ),
    ),
    remark="Three features of one image, from one layer.",
)


EXERCISES = (
    _output_shape,
    _two_channels_by_hand,
    _three_feature_layer,
)
