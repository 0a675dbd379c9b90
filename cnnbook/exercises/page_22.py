"""Exercises on common errors: sizes, a second softmax, unscaled images."""

import math

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, THREE_DECIMALS, Exercise, Mistake

__all__ = ["EXERCISES"]

_linear_in_features = Exercise(
    "An image of 1 x 32 x 32 goes through ``Conv2d(1, 8, 3)``, ``ReLU()``, ``MaxPool2d(2)`` and "
    "``Flatten()``. How many inputs must the ``Linear`` behind them have?",
    hint="How many places are there for a window of three in 32 pixels? And how many pairs in "
    "these?",
    solution="""
import torch

from cnnbook.shapes import shape_table

net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 8, 3),
    torch.nn.ReLU(),
    torch.nn.MaxPool2d(2),
    torch.nn.Flatten(),
)
answer = shape_table(net, (1, 32, 32)).output_shape[0]
""",
    kind=Numbers("one number"),
    right=lambda: 8 * 15 * 15,
    mistakes=(
        Mistake(
            "the window costs no pixel here",
            lambda: 8 * 16 * 16,
            "Without padding, a window of three cannot stand at the last two pixels.",
        ),
        Mistake(
            "the pooling is forgotten",
            lambda: 8 * 30 * 30,
            "It halves rows and columns.",
        ),
        Mistake(
            "only one channel is counted",
            lambda: 15 * 15,
            "Every kernel makes a picture of its own, and all are laid in one row.",
        ),
        Mistake(
            "only the rows are pooled",
            lambda: 8 * 15 * 30,
            "The pooling window is 2 x 2.",
        ),
        Mistake(
            "that is one side",
            lambda: 15,
            "Flatten lays all channels, rows and columns in one row.",
        ),
    ),
    remark="32 - 2 = 30, half of that is 15, and 8*15*15 = 1800.",
)

_lowest_loss_after_softmax = Exercise(
    "A network for two classes ends with a softmax, and its loss is torch's cross-entropy, which "
    "makes another. How low can the loss get? Three decimals will do.",
    hint="At best, what goes into the loss is ``[1, 0]``, with the 1 at the right class.",
    solution="""
import torch

best = torch.tensor([[1.0, 0.0]])
answer = torch.nn.functional.cross_entropy(best, torch.tensor([0]))
""",
    kind=Numbers("one number"),
    right=lambda: math.log(1 + math.exp(-1)),
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "so low it gets with one softmax",
            lambda: 0,
            "The second softmax makes of 1 and 0 two probabilities that are neither.",
        ),
        Mistake(
            "that is for ten classes",
            lambda: math.log(math.e + 9) - 1,
            "With two there is one other score below the line, not nine.",
        ),
        Mistake(
            "that is the loss of a network that knows nothing",
            lambda: math.log(2),
            "It may know everything; the scores are still 1 and 0 at best.",
        ),
        Mistake(
            "that is the probability",
            lambda: math.e / (math.e + 1),
            "The loss is minus its logarithm.",
        ),
        Mistake(
            "the right score is forgotten",
            lambda: math.log(math.e + 1),
            "The loss is the logarithm of the sum, minus the score of the right class.",
        ),
    ),
    remark="log(e + 1) - 1 = 0.313.",
)


def _stored_images() -> torch.Tensor:
    return (torch.arange(24) * 11 + 2).to(torch.uint8).reshape(2, 3, 4)


_prepare_function = Exercise(
    "Write a function ``ready(images)``. It gets grey images as they are stored, of shape "
    "``(n, h, w)``, in whole numbers from 0 to 255, and returns what a CNN takes: "
    "``(n, 1, h, w)``, with numbers from 0 to 1. Hand in the function.",
    hint="An axis can be put in with ``None``, and its place is that of the channels.",
    solution="""
def ready(images):
    return images[:, None].float() / 255


answer = ready
""",
    kind=Function(lambda: [(_stored_images(),)]),
    right=lambda: lambda images: images.unsqueeze(1).to(torch.float64).div(255),
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the channels' axis is missing",
            lambda: lambda images: images / 255,
            "A CNN would take the images for the channels of a single one.",
        ),
        Mistake(
            "the axis is in front",
            lambda: lambda images: images[None] / 255,
            "That is one image of many channels; the images come first, then the channel.",
        ),
        Mistake(
            "the numbers go up to 255",
            lambda: lambda images: images[:, None].float(),
            "The largest number that can be stored should become 1.",
        ),
        Mistake(
            "the fractions are cut off",
            lambda: lambda images: images[:, None] // 255,
            "Nearly everything is black now: a single stroke divides, two cut off.",
        ),
        Mistake(
            "the axis is behind",
            lambda: lambda images: images[..., None] / 255,
            "torch has the channel before rows and columns.",
        ),
    ),
    remark="An axis and a division: two patients less.",
)


EXERCISES = (
    _linear_in_features,
    _lowest_loss_after_softmax,
    _prepare_function,
)
