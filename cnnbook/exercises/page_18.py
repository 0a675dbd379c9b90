"""Exercises on micro-batches: their loss, their gradient, their memory."""

from collections.abc import Callable

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, THREE_DECIMALS, Exercise, Mistake

__all__ = ["EXERCISES"]

_loss_of_micro_batches = Exercise(
    "A batch is cut into micro-batches of 100, 100 and 50 images. Their mean losses are 2, 1 and "
    "3.5. What is the mean loss of the whole batch?",
    hint="A micro-batch of 50 images counts half as much as one of 100.",
    solution="""
sizes, means = [100, 100, 50], [2, 1, 3.5]
answer = sum(size * mean for size, mean in zip(sizes, means)) / sum(sizes)
""",
    kind=Numbers("one number"),
    right=lambda: 475 / 250,
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "every micro-batch has the same weight",
            lambda: 6.5 / 3,
            "Weight each mean by its number of images.",
        ),
        Mistake(
            "the means are added up",
            lambda: 6.5,
            "A mean lies between the smallest and the largest.",
        ),
        Mistake(
            "that is the sum of all images' losses",
            lambda: 475,
            "It still has to be divided by the number of images.",
        ),
        Mistake(
            "the last micro-batch is left out",
            lambda: 1.5,
            "Its images belong to the batch like all others.",
        ),
        Mistake(
            "the sum is divided by the images of one micro-batch",
            lambda: 4.75,
            "Divide by the images of all micro-batches together.",
        ),
        Mistake(
            "the sum is divided by the number of micro-batches",
            lambda: 475 / 3,
            "Divide by the number of images.",
        ),
    ),
    remark="(200 + 100 + 175) / 250 = 1.9.",
)


def _pixels_and_targets() -> list[tuple[object, ...]]:
    pixels = torch.tensor([1.0, 2.0, -1.0, 3.0, 0.5, 2.0, 4.0])
    targets = torch.tensor([2.0, 0.0, 1.0, 4.0, 3.0, -2.0, 5.0])
    return [(1.5, pixels, targets, size) for size in (3, 7, 1, 5)]


def _combining(
    combine: Callable[[list[torch.Tensor], int], torch.Tensor], *, factor: float = 2.0
) -> Callable[[float, torch.Tensor, torch.Tensor, int], torch.Tensor]:
    """Return a function that combines the gradients of micro-batches in the given way."""

    def gradient(
        weight: float, pixels: torch.Tensor, targets: torch.Tensor, size: int
    ) -> torch.Tensor:
        parts = factor * (weight * pixels - targets) * pixels
        return combine(list(torch.split(parts, size)), len(pixels))

    return gradient


_gradient_function = Exercise(
    "A network computes weight times pixel, and the loss is the mean of all squared errors. Write "
    "a function ``gradient(weight, pixels, targets, size)`` that takes ``size`` pixels at a time, "
    "or fewer in the last micro-batch, and returns the gradient with respect to the weight for the "
    "whole batch. ``pixels`` and ``targets`` are tensors of shape ``(n,)``, ``weight`` is a float. "
    "Hand in the function.",
    hint="``pixels.split(size)`` gives the micro-batches. Add up twice the error times the pixel, "
    "and divide when all have been added.",
    solution="""
def gradient(weight, pixels, targets, size):
    total = 0
    for x, target in zip(pixels.split(size), targets.split(size)):
        total = total + (2 * (weight * x - target) * x).sum()
    return total / len(pixels)


answer = gradient
""",
    kind=Function(_pixels_and_targets),
    right=lambda: (
        lambda weight, pixels, targets, size: (
            (2 * weight * pixels @ pixels - 2 * targets @ pixels) / len(pixels)
        )
    ),
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "it is the mean of the micro-batches' means",
            lambda: _combining(lambda parts, n: torch.stack([p.mean() for p in parts]).mean()),
            "Where the last micro-batch is smaller, its pixels count too much.",
        ),
        Mistake(
            "it is the sum and not the mean",
            lambda: _combining(lambda parts, n: torch.stack([p.sum() for p in parts]).sum()),
            "The loss is a mean over all pixels, so its gradient is one too.",
        ),
        Mistake(
            "it is divided by the number of micro-batches",
            lambda: _combining(lambda parts, n: torch.stack([p.sum() for p in parts]).mean()),
            "The mean is over pixels; the number of micro-batches must not matter.",
        ),
        Mistake(
            "the means are added up",
            lambda: _combining(lambda parts, n: torch.stack([p.mean() for p in parts]).sum()),
            "Add up sums, and divide once, at the end.",
        ),
        Mistake(
            "the last micro-batch is left out",
            lambda: _combining(
                lambda parts, n: torch.cat([p for p in parts if len(p) == len(parts[0])]).sum() / n
            ),
            "It is smaller, and its pixels belong to the batch.",
        ),
        Mistake(
            "that is the loss",
            lambda: (
                lambda weight, pixels, targets, size: (weight * pixels - targets).square().mean()
            ),
            "The gradient of a squared error is twice the error times the pixel.",
        ),
        Mistake(
            "the pixel is forgotten",
            lambda: lambda weight, pixels, targets, size: (2 * (weight * pixels - targets)).mean(),
            "The weight is multiplied with the pixel, so its gradient has each error times its "
            "pixel.",
        ),
        Mistake(
            "only the last micro-batch counts",
            lambda: _combining(lambda parts, n: parts[-1].sum() / n),
            "Add to the total within the loop; do not reset it.",
        ),
        Mistake(
            "the 2 of the square is forgotten",
            lambda: _combining(lambda parts, n: torch.cat(parts).sum() / n, factor=1.0),
            "The gradient of a squared error is twice the error.",
        ),
    ),
    remark="Any size gives the same result, so the size can be chosen for speed and memory.",
)


_images_that_fit = Exercise(
    "``Conv2d(3, 32, 3)`` takes images of 3 x 32 x 32 in float32. How many images can it take at a "
    "time if its output must fit into 4 MiB, that is ``4 * 1024 * 1024`` bytes?",
    hint="How many numbers does it output for one image, and how many bytes is that?",
    solution="""
from cnnbook.shapes import output_size

side = output_size(32, 3)
answer = 4 * 1024 * 1024 // (32 * side * side * 4)
""",
    kind=Numbers("one number"),
    right=lambda: 4_194_304 // 115_200,
    mistakes=(
        Mistake(
            "a number is counted as one byte",
            lambda: 4_194_304 // 28_800,
            "A number in float32 has four.",
        ),
        Mistake(
            "the output is as large as the image",
            lambda: 4_194_304 // 131_072,
            "Without padding, a window of three cannot start at the last two pixels.",
        ),
        Mistake(
            "that is more than fits",
            lambda: 4_194_304 // 115_200 + 1,
            "Multiply it by the bytes of one image and compare with 4 MiB.",
        ),
        Mistake(
            "only one channel is counted",
            lambda: 4_194_304 // 3_600,
            "There are as many feature maps as kernels.",
        ),
        Mistake(
            "the input is counted",
            lambda: 4_194_304 // 12_288,
            "The question is about the output.",
        ),
        Mistake(
            "a MiB is taken for a million bytes",
            lambda: 4_000_000 // 115_200,
            "It is a little more than that.",
        ),
        Mistake(
            "that is not a whole number of images",
            lambda: 4_194_304 / 115_200,
            "A micro-batch has no fractions of images.",
        ),
    ),
    remark="32*30*30 numbers of 4 bytes are 115,200 bytes, and these fit 36 times.",
)


EXERCISES = (
    _loss_of_micro_batches,
    _gradient_function,
    _images_that_fit,
)
