"""Exercises on common errors: sizes, a second softmax, unscaled images."""

import math

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import THREE_DECIMALS, Exercise, Mistake

__all__ = ["EXERCISES"]

_linear_in_features = Exercise(
    "An image of 1 x 32 x 32 goes through ``Conv2d(1, 8, 3)``, ``ReLU()``, ``MaxPool2d(2)`` and "
    "``Flatten()``. How many inputs must the ``Linear`` after them have?",
    hint="How many positions does a window of three have in 32 pixels? And how many pairs are in "
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
            "the convolution's output is as large as the image",
            lambda: 8 * 16 * 16,
            "Without padding, a window of three cannot start at the last two pixels.",
        ),
        Mistake(
            "the pooling is forgotten",
            lambda: 8 * 30 * 30,
            "It halves rows and columns.",
        ),
        Mistake(
            "only one channel is counted",
            lambda: 15 * 15,
            "Every kernel makes a feature map of its own, and all are put into one row.",
        ),
        Mistake(
            "only the rows are pooled",
            lambda: 8 * 15 * 30,
            "The pooling window is 2 x 2.",
        ),
        Mistake(
            "that is one side",
            lambda: 15,
            "Flatten puts all channels, rows and columns into one row.",
        ),
    ),
    remark="32 - 2 = 30, half of that is 15, and 8*15*15 = 1800.",
)

_lowest_loss_after_softmax = Exercise(
    "A network for two classes ends with a softmax, and its loss is torch's cross-entropy, which "
    "applies another. What is the lowest possible loss? Three decimals are enough.",
    hint="At best, the input of the loss is ``[1, 0]``, with the 1 at the right class.",
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
            "that is the lowest loss with one softmax",
            lambda: 0,
            "The second softmax turns 1 and 0 into two probabilities that are neither.",
        ),
        Mistake(
            "that is for ten classes",
            lambda: math.log(math.e + 9) - 1,
            "With two classes the denominator has one other score, not nine.",
        ),
        Mistake(
            "that is the loss of a network that has learned nothing",
            lambda: math.log(2),
            "Take the best case: the scores are 1 and 0.",
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
        Mistake(
            "that is the probability of the wrong class",
            lambda: 1 / (math.e + 1),
            "The loss is minus the logarithm of the probability of the right class.",
        ),
    ),
    remark="log(e + 1) - 1 = 0.313.",
)


def _stored_images() -> list[tuple[object, ...]]:
    # None is as light as 255 or as dark as 0, so that no maximum and minimum of a batch will do.
    light = (torch.arange(24) * 9 + 30).to(torch.uint8).reshape(2, 3, 4)
    return [(light,), (light[:1, :2, :2] // 3,)]


_prepare_function = Exercise(
    "Write a function ``ready(images)``. It takes grey images as they are stored, of shape ``(n, "
    "h, w)``, as integers from 0 to 255, and returns the input of a CNN: ``(n, 1, h, w)``, with "
    "numbers from 0 to 1. Hand in the function.",
    hint="Indexing with ``None`` inserts an axis. It must stand where the channels are.",
    solution="""
def ready(images):
    return images[:, None].float() / 255


answer = ready
""",
    kind=Function(_stored_images),
    right=lambda: lambda images: images.unsqueeze(1).to(torch.float64).div(255),
    # Wide enough for float16, which is an input of a CNN, too.
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "the channel axis is missing",
            lambda: lambda images: images / 255,
            "A CNN would take the images for the channels of a single image.",
        ),
        Mistake(
            "the axis is inserted first",
            lambda: lambda images: images[None] / 255,
            "That is one image of many channels; the images come first, then the channel.",
        ),
        Mistake(
            "the numbers go up to 255",
            lambda: lambda images: images[:, None].float(),
            "The largest number that can be stored should become 1.",
        ),
        Mistake(
            "the batch is divided by its own largest number",
            lambda: lambda images: images[:, None] / images.max(),
            "The same grey must become the same number in every batch.",
        ),
        Mistake(
            "each image is divided by its own largest number",
            lambda: lambda images: (images / images.amax(dim=(1, 2), keepdim=True))[:, None],
            "The same grey must become the same number in every image.",
        ),
        Mistake(
            "the smallest number is set to 0 and the largest to 1",
            lambda: (
                lambda images: ((images - images.min()) / (images.max() - images.min()))[:, None]
            ),
            "The same grey must become the same number in every batch.",
        ),
        Mistake(
            "the numbers are divided by 256",
            lambda: lambda images: images[:, None] / 256,
            "The largest number that can be stored should become 1.",
        ),
        Mistake(
            "the fractions are cut off",
            lambda: lambda images: images[:, None] // 255,
            "Nearly everything is black now: ``/`` divides, ``//`` rounds down.",
        ),
        Mistake(
            "the axis is inserted last",
            lambda: lambda images: images[..., None] / 255,
            "In torch the channel axis comes before rows and columns.",
        ),
        Mistake(
            "the numbers are from -1 to 1",
            lambda: lambda images: images[:, None] / 127.5 - 1,
            "0 stays 0, and 255 becomes 1.",
        ),
        Mistake(
            "light and dark are exchanged",
            lambda: lambda images: 1 - images[:, None] / 255,
            "0 stays 0, and 255 becomes 1.",
        ),
    ),
    remark="An axis and a division cure two of the patients.",
)


EXERCISES = (
    _linear_in_features,
    _lowest_loss_after_softmax,
    _prepare_function,
)
