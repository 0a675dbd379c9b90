"""Exercises on receptive fields."""

import torch

from cnnbook.exercises._answers import Numbers
from cnnbook.exercises._grading import Exercise, Mistake

__all__ = ["EXERCISES"]

_receptive_field_by_hand = Exercise(
    "A network has a ``Conv2d`` with windows of 3 x 3, then ``MaxPool2d(2)``, then a ``Conv2d`` "
    "with windows of 3 x 3 again. How many pixels of a row of the image does one number of the "
    "output see?",
    hint="Go backwards. One number of the output is computed from 3 numbers in a row, and the "
    "pooling has made each of these from 2. How many numbers of the first layer's output are "
    "that in a row, and how many pixels does the first layer add?",
    solution="""
from torch import nn

from cnnbook.receptive_field import receptive_field

answer = receptive_field([nn.Conv2d(1, 1, 3), nn.MaxPool2d(2), nn.Conv2d(1, 1, 3)]).size[1]
""",
    kind=Numbers("one number"),
    right=lambda: 8,
    mistakes=(
        Mistake(
            "the stride of the pooling is forgotten",
            lambda: 6,
            "After it, neighbours are two pixels of the image apart.",
        ),
        Mistake(
            "the pooling is forgotten",
            lambda: 5,
            "It makes the last layer look at a larger part of the image.",
        ),
        Mistake(
            "the sides are multiplied",
            lambda: 18,
            "Windows of stride 1 overlap.",
        ),
        Mistake(
            "the pooling counts twice",
            lambda: 9,
            "Its own window adds pixels at the jump before it, not after it.",
        ),
        Mistake(
            "that is the last layer alone",
            lambda: 3,
            "Each number in front of that layer sees several pixels of the image.",
        ),
        Mistake(
            "the pixels of the whole square are counted",
            lambda: 64,
            "The question asks for a row.",
        ),
    ),
    remark="3 windows of the pooling cover 6 numbers of the first layer's output, and these see "
    "6 + 2 pixels.",
)


def _mask(rows: range, columns: range) -> torch.Tensor:
    mask = torch.zeros(5, 5)
    mask[rows.start : rows.stop, columns.start : columns.stop] = 1
    return mask


_receptive_field_mask = Exercise(
    "An image of 5 x 5 goes through two convolutions with windows of 2 x 2, one after the other. "
    "Which pixels can change the output in row 0, column 1? Hand in five rows, with 1 for a pixel "
    "that can and 0 for one that cannot.",
    hint="Two windows of 2 see three pixels together. Where do the first of them lie?",
    solution="""
import torch

image = torch.zeros(1, 1, 5, 5, requires_grad=True)
ones = torch.ones(1, 1, 2, 2)
conv2d = torch.nn.functional.conv2d
conv2d(conv2d(image, ones), ones)[0, 0, 0, 1].backward()
answer = (image.grad[0, 0] != 0).int()
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: _mask(range(3), range(1, 4)),
    mistakes=(
        Mistake(
            "rows and columns are swapped",
            lambda: _mask(range(1, 4), range(3)),
            "Row 0 is at the top, column 1 is one to the right.",
        ),
        Mistake(
            "only one convolution is counted",
            lambda: _mask(range(2), range(1, 3)),
            "The second sees several outputs of the first.",
        ),
        Mistake(
            "those are the pixels of column 0",
            lambda: _mask(range(3), range(3)),
            "One step to the right in the output is one step to the right in the image.",
        ),
        Mistake(
            "the windows do not overlap",
            lambda: _mask(range(4), range(1, 5)),
            "With stride 1, another window of two adds a single pixel.",
        ),
        Mistake(
            "that is how strongly each pixel counts",
            lambda: [[0, 1, 2, 1, 0], [0, 2, 4, 2, 0], [0, 1, 2, 1, 0], [0] * 5, [0] * 5],
            "The question is only whether a pixel can change the output: 1 or 0.",
        ),
    ),
    remark="The gradient of one output shows all of them.",
)

_layers_needed = Exercise(
    "How many convolutions with windows of 3 x 3 and stride 1 are needed, one after the other, "
    "until one number of the output sees 28 pixels of a row or more?",
    hint="The first sees 3. How many pixels does each further one add?",
    solution="""
layers, sees = 0, 1
while sees < 28:
    layers, sees = layers + 1, sees + 2
answer = layers
""",
    kind=Numbers("one number"),
    right=lambda: 14,
    mistakes=(
        Mistake(
            "that is not enough",
            lambda: 13,
            "These see 27 pixels of a row.",
        ),
        Mistake(
            "the windows do not overlap",
            lambda: 10,
            "With stride 1, another window of three adds two pixels.",
        ),
        Mistake(
            "the sides are multiplied",
            lambda: 4,
            "That would need a stride of 3 in every layer.",
        ),
        Mistake(
            "each adds one pixel",
            lambda: 27,
            "A window of three adds one pixel on either side.",
        ),
    ),
    remark="That is many. Pooling gets there faster.",
)


EXERCISES = (
    _receptive_field_by_hand,
    _receptive_field_mask,
    _layers_needed,
)
