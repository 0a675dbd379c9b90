"""Exercises on batch normalization and residual blocks."""

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import THREE_DECIMALS, Exercise, Mistake

__all__ = ["EXERCISES"]


def _batches() -> list[tuple[object, ...]]:
    # Two channels of different size, and images that differ, so that no two sets of axes agree.
    count = torch.arange(48.0).reshape(3, 2, 2, 4)
    return [(count**2 % 23 + 10 * (count // 8 % 2),), (torch.arange(8.0).reshape(2, 1, 2, 2) ** 2,)]


def _normalize(images: torch.Tensor, *axes: int, **options: int) -> torch.Tensor:
    mean = images.mean(dim=axes, keepdim=True)
    variance = images.var(dim=axes, keepdim=True, **(options or {"correction": 0}))
    return (images - mean) / (variance + 1e-5).sqrt()


_normalize_function = Exercise(
    "Write a function ``normalize(images)`` that does what a new ``BatchNorm2d`` does in training "
    "mode: for a batch ``(n, c, h, w)``, it normalizes each channel and returns the same shape. "
    "Use no layer of torch. Hand in the function.",
    hint="Which three axes must the mean be taken over, so that one number is left for each "
    "channel? ``keepdim=True`` makes the shapes fit. Which denominator does the variance have?",
    solution="""
def normalize(images):
    mean = images.mean(dim=(0, 2, 3), keepdim=True)
    variance = images.var(dim=(0, 2, 3), correction=0, keepdim=True)
    return (images - mean) / (variance + 1e-5).sqrt()


answer = normalize
""",
    kind=Function(_batches),
    right=lambda: lambda images: torch.nn.functional.batch_norm(images, None, None, training=True),
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "the variance is the unbiased one",
            lambda: lambda images: _normalize(images, 0, 2, 3, correction=1),
            "That one is for the running variance; a batch is normalized with the mean of the "
            "squares.",
        ),
        Mistake(
            "the channels are not kept apart",
            lambda: lambda images: _normalize(images, 0, 1, 2, 3),
            "Each channel has a mean and a variance of its own.",
            others=(lambda: lambda images: _normalize(images, 0, 1, 2, 3, correction=1),),
        ),
        Mistake(
            "each image is normalized alone",
            lambda: lambda images: _normalize(images, 2, 3),
            "The mean is taken over all images of the batch as well.",
            others=(
                lambda: lambda images: _normalize(images, 2, 3, correction=1),
                lambda: lambda images: _normalize(images, 1, 2, 3),
                lambda: lambda images: _normalize(images, 1, 2, 3, correction=1),
            ),
        ),
        Mistake(
            "each pixel is normalized alone",
            lambda: lambda images: _normalize(images, 0),
            "The mean is taken over all pixels of the channel as well.",
            others=(lambda: lambda images: _normalize(images, 0, correction=1),),
        ),
        Mistake(
            "it is divided by the variance",
            lambda: (
                lambda images: (
                    (images - images.mean(dim=(0, 2, 3), keepdim=True))
                    / images.var(dim=(0, 2, 3), correction=0, keepdim=True)
                )
            ),
            "Divide by its square root, the standard deviation.",
        ),
        Mistake(
            "only the mean is subtracted",
            lambda: lambda images: images - images.mean(dim=(0, 2, 3), keepdim=True),
            "The variance of each channel becomes 1.",
        ),
        Mistake(
            "that is evaluation mode",
            lambda: lambda images: torch.nn.BatchNorm2d(images.shape[1]).eval()(images),
            "In training mode, a batch is normalized with its own mean and variance.",
        ),
    ),
    remark="The axes 0, 2 and 3, and the biased variance.",
)

_running_variance = Exercise(
    "A channel of a batch has the five numbers 0, 2, 3, 4 and 6. A new ``BatchNorm2d`` (its "
    "``momentum`` is 0.1) sees this batch twice in training mode. What is its running variance "
    "then?",
    hint="It begins at 1, and each time it moves a tenth of the way to the variance of the batch. "
    "Which denominator does that variance have?",
    solution="""
import torch

layer = torch.nn.BatchNorm2d(1)
batch = torch.tensor([0.0, 2.0, 3.0, 4.0, 6.0]).reshape(5, 1, 1, 1)
layer(batch)
layer(batch)
answer = layer.running_var[0]
""",
    kind=Numbers("one number"),
    right=lambda: 0.9 * (0.9 * 1 + 0.1 * 5) + 0.1 * 5,
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "the variance of the batch is the biased one",
            lambda: 0.9 * (0.9 * 1 + 0.1 * 4) + 0.1 * 4,
            "The running variance uses the denominator that is one less.",
        ),
        Mistake(
            "that is after one batch",
            lambda: 0.9 * 1 + 0.1 * 5,
            "The layer sees the batch twice.",
            others=(lambda: 0.9 * 1 + 0.1 * 4,),
        ),
        Mistake(
            "the two weights are exchanged",
            lambda: 0.1 * (0.1 * 1 + 0.9 * 5) + 0.9 * 5,
            "The old value keeps most of its weight.",
            others=(lambda: 0.1 * (0.1 * 1 + 0.9 * 4) + 0.9 * 4,),
        ),
        Mistake(
            "the running variance begins at 0",
            lambda: 0.9 * 0.5 + 0.5,
            "Only the running mean begins there.",
            others=(lambda: 0.9 * 0.4 + 0.4,),
        ),
        Mistake(
            "that is the running mean",
            lambda: 0.9 * 0.3 + 0.3,
            "The question is about the variance.",
        ),
        Mistake(
            "that is the variance of the batch",
            lambda: 5,
            "The running variance only moves towards it.",
            others=(lambda: 4,),
        ),
        Mistake(
            "that is the standard deviation",
            lambda: (0.9 * (0.9 * 1 + 0.1 * 5) + 0.1 * 5) ** 0.5,
            "The layer keeps the variance, before the root is taken.",
        ),
    ),
    remark="0.9*1 + 0.1*5 = 1.4, and 0.9*1.4 + 0.1*5 = 1.76.",
)

_three_blocks = Exercise(
    "Three residual blocks follow one another. Each computes y = x + f(x), with f(x) = x * x. The "
    "input of the first is 1. What is the derivative of the last output with respect to this "
    "input? Use a pencil.",
    hint="Compute the input of each block first. The derivative of a block is 1 + 2x at its own "
    "input.",
    solution="""
import torch

x = y = torch.tensor(1.0, requires_grad=True)
for block in range(3):
    y = y + y * y
y.backward()
answer = x.grad
""",
    kind=Numbers("one number"),
    right=lambda: (1 + 2 * 1) * (1 + 2 * 2) * (1 + 2 * 6),
    mistakes=(
        Mistake(
            "the shortcuts are forgotten",
            lambda: 2 * 2 * 2,
            "The x that is added has a derivative, too.",
            others=(lambda: 2 * 4 * 12,),
        ),
        Mistake(
            "every block is taken at the first input",
            lambda: 3 * 3 * 3,
            "The second block gets what the first has computed.",
        ),
        Mistake(
            "the derivatives are added",
            lambda: 3 + 5 + 13,
            "The chain rule multiplies them.",
        ),
        Mistake(
            "that is the output",
            lambda: 42,
            "The question is how fast it grows with the input.",
        ),
        Mistake(
            "that is the derivative of the last block alone",
            lambda: 13,
            "It is multiplied by those of the blocks before it.",
        ),
        Mistake(
            "that is the derivative through two blocks",
            lambda: 3 * 5,
            "There are three.",
        ),
    ),
    remark="The inputs are 1, 2 and 6, and 3*5*13 = 195.",
)


EXERCISES = (
    _normalize_function,
    _running_variance,
    _three_blocks,
)
