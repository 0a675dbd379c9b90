"""Exercises on output sizes, dilation and groups."""

import torch

from cnnbook.exercises._answers import Layer, Numbers
from cnnbook.exercises._grading import Exercise, Mistake

__all__ = ["EXERCISES"]

_output_size_by_hand = Exercise(
    "How many windows fit into a row of 28 pixels with ``kernel_size=5``, ``stride=2``, "
    "``padding=4`` and ``dilation=2``? Use a pencil.",
    hint="How many pixels does the kernel span, from its first weight to its last? How far can it "
    "move in the padded row, and how many steps of 2 are that?",
    solution="""
from cnnbook.shapes import output_size

answer = output_size(28, 5, stride=2, padding=4, dilation=2)
""",
    kind=Numbers("one number"),
    right=lambda: 14,
    mistakes=(
        Mistake(
            "that was rounded up",
            lambda: 15,
            "A last, incomplete step does not count.",
        ),
        Mistake(
            "the first window is forgotten",
            lambda: 13,
            "There is one more position than there are steps.",
        ),
        Mistake(
            "the padding is added at one end only",
            lambda: 12,
            "It is added at both.",
        ),
        Mistake(
            "the dilation is forgotten",
            lambda: 16,
            "With it, the kernel spans more pixels than it has weights.",
        ),
        Mistake(
            "the padding is forgotten",
            lambda: 10,
            "It makes the row longer, at both ends.",
        ),
        Mistake(
            "the stride is forgotten",
            lambda: 28,
            "The window moves by two pixels at a time.",
        ),
    ),
    remark="The kernel spans 9 pixels of 36, so it can move by 27, which is 13 steps of 2 from "
    "the first position.",
)


def _measure(layer: torch.nn.Conv2d, images: torch.Tensor) -> dict[str, object]:
    return {
        "the shape of the output": layer(images).shape,
        "the kernel size": layer.kernel_size,
        "the dilation": layer.dilation,
        "the number of channels that a kernel sees": layer.weight.shape[1],
    }


def _dilated(padding: int, *, groups: int = 4, dilation: int = 2) -> torch.nn.Conv2d:
    return torch.nn.Conv2d(4, 4, 3, padding=padding, dilation=dilation, groups=groups)


_depthwise_layer = Exercise(
    "Make a ``Conv2d`` of 3 x 3 weights with dilation 2 that takes four channels and gives four, "
    "each computed from one channel alone, and that keeps the numbers of rows and columns. Hand in "
    "the layer; its weights do not matter.",
    hint="``groups`` keeps channels apart. The kernel spans five pixels; how many are lost at each "
    "end without padding?",
    solution="""
from torch import nn

answer = nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4)
""",
    kind=Layer(lambda: torch.zeros(2, 4, 9, 12), _measure),
    right=lambda: _dilated(2),
    mistakes=(
        Mistake(
            "the padding is that of a kernel without dilation",
            lambda: _dilated(1),
            "With dilation the kernel spans more pixels, and more are lost.",
        ),
        Mistake(
            "the padding is forgotten",
            lambda: _dilated(0),
            "Without it, rows and columns are lost at every edge.",
        ),
        Mistake(
            "the dilation is forgotten",
            lambda: _dilated(1, dilation=1),
            "There must be a gap of one pixel between neighbouring weights.",
        ),
        Mistake(
            "every output channel sees all four",
            lambda: _dilated(2, groups=1),
            "As many groups as channels keep each channel separate.",
        ),
        Mistake(
            "the channels are in pairs",
            lambda: _dilated(2, groups=2),
            "As many groups as channels keep each channel separate.",
        ),
    ),
    remark="40 parameters; without groups it would be 148.",
)

_group_parameters = Exercise(
    "How many parameters does ``Conv2d(8, 16, 3, groups=4)`` have?",
    hint="Each kernel sees only the channels of its own group. How many are those?",
    solution="""
import torch

layer = torch.nn.Conv2d(8, 16, 3, groups=4)
answer = layer.weight.numel() + layer.bias.numel()
""",
    kind=Numbers("one number"),
    right=lambda: 304,
    mistakes=(
        Mistake("the biases are forgotten", lambda: 288, "Every kernel has one."),
        Mistake(
            "the groups are forgotten",
            lambda: 1168,
            "A kernel has no weights for the channels of other groups.",
        ),
        Mistake(
            "there is one bias for each group",
            lambda: 292,
            "Every output channel has its own.",
        ),
        Mistake(
            "input and output channels are both divided",
            lambda: 88,
            "There are still sixteen kernels; only the number of channels that each sees is "
            "divided.",
        ),
        Mistake(
            "that is one group",
            lambda: 76,
            "There are four of them.",
        ),
    ),
    remark="16*2*3*3 + 16.",
)


EXERCISES = (
    _output_size_by_hand,
    _depthwise_layer,
    _group_parameters,
)
