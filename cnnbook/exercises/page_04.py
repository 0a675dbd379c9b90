"""Exercises on intervals, standard errors and paired comparisons."""

import math

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, THREE_DECIMALS, Exercise, Mistake

__all__ = ["EXERCISES"]

_interval_half_width = Exercise(
    "Five starts of a network classify 85, 86, 87, 88 and 89 percent of the test images correctly. "
    "How many percentage points does the 95 % interval of the mean extend to either side? "
    "Student's t for five values is 2.776. Three decimals are enough.",
    hint="It is t times the standard error of the mean. That is the sample standard deviation, in "
    "which the sum of squares is divided by 4, divided by the square root of 5.",
    solution="""
from cnnbook.metrics import mean_interval

interval = mean_interval([85, 86, 87, 88, 89])
answer = (interval.high - interval.low) / 2
""",
    kind=Numbers("one number"),
    right=lambda: 2.776445 * math.sqrt((4 + 1 + 0 + 1 + 4) / 4 / 5),
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "that is the width of the whole interval",
            lambda: 2 * 2.776445 * math.sqrt(10 / 4 / 5),
            "The question is how far it extends to one side.",
        ),
        Mistake(
            "the root of the number of starts is forgotten",
            lambda: 2.776445 * math.sqrt(10 / 4),
            "That is how far single starts scatter; their mean scatters less.",
        ),
        Mistake(
            "that uses the 1.96 of the normal distribution",
            lambda: 1.96 * math.sqrt(10 / 4 / 5),
            "The deviation is itself estimated, from five values; Student's t allows for that.",
        ),
        Mistake(
            "the sum of squares is divided by the number of starts",
            lambda: 2.776445 * math.sqrt(10 / 5 / 5),
            "The mean was estimated from the same values, so there is one degree of freedom less.",
        ),
        Mistake(
            "that is the standard error",
            lambda: math.sqrt(10 / 4 / 5),
            "The interval is Student's t times as wide.",
        ),
        Mistake(
            "that is the standard deviation",
            lambda: math.sqrt(10 / 4),
            "It says how far single starts scatter; the interval is that of their mean.",
        ),
    ),
    remark="With so few starts the interval is wide: Student's t for ten is 2.262.",
)

_test_set_size = Exercise(
    "A network classifies 87 % of its test images correctly, and the standard error of this "
    "accuracy must be half a percentage point, 0.005. How many test images are needed?",
    hint="The standard error is the square root of 0.87 * 0.13 / n. Solve for n.",
    solution="""
variance = 0.87 * 0.13
answer = round(variance / 0.005**2)
""",
    kind=Numbers("one number"),
    right=lambda: 4524,
    mistakes=(
        Mistake(
            "that is for an error of one percentage point",
            lambda: 1131,
            "Half the error needs more images.",
        ),
        Mistake(
            "that is twice as many as for a whole percentage point",
            lambda: 2262,
            "The error shrinks with the root of the number: half of it needs more than that.",
        ),
        Mistake(
            "the root is forgotten",
            lambda: 22.62,
            "The standard error is a root; square both sides before you solve.",
        ),
        Mistake(
            "that is the number for which two standard errors are 0.005",
            lambda: 18_096,
            "The question is about one standard error.",
        ),
        Mistake(
            "the fraction of wrong images is forgotten",
            lambda: 34_800,
            "The variance of one image is 0.87 times the fraction of wrong images.",
        ),
        Mistake(
            "half a percentage point is taken for a half",
            lambda: 0.4524,
            "As a fraction it is 0.005.",
        ),
    ),
    remark="Fashion-MNIST has 10,000 of them.",
)


def _paired_t(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    differences = first - second
    count = len(differences)
    variance = (differences - differences.sum() / count).square().sum() / (count - 1)
    return differences.sum() / count / (variance / count).sqrt()


def _unpaired_t(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return (first.mean() - second.mean()) / ((first.var() + second.var()) / len(first)).sqrt()


_paired_t_function = Exercise(
    "Write a function ``paired_t(first, second)``. Both are tensors ``(n,)`` with the accuracies "
    "of two networks, from the same seeds in the same order. It returns the mean of the "
    "differences, first minus second, divided by the standard error of that mean.",
    hint="Take the differences first; after that there is only one list of numbers. ``std()`` "
    "already divides by n - 1.",
    solution="""
def paired_t(first, second):
    differences = first - second
    return differences.mean() / (differences.std() / len(differences) ** 0.5)

answer = paired_t
""",
    kind=Function(
        lambda: [
            (torch.tensor([5.0, 7.0, 9.0]), torch.tensor([4.0, 5.0, 6.0])),
            (torch.tensor([1.0, 5.0, 2.0, 8.0]), torch.tensor([2.0, 5.5, 4.0, 8.0])),
        ]
    ),
    right=lambda: _paired_t,
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the seeds are not paired",
            lambda: _unpaired_t,
            "Use the deviation of the differences, not that of each network.",
        ),
        Mistake(
            "the sign is wrong",
            lambda: lambda first, second: _paired_t(second, first),
            "The difference is first minus second.",
        ),
        Mistake(
            "the root of the number of seeds is forgotten",
            lambda: lambda first, second: (first - second).mean() / (first - second).std(),
            "That divides by the deviation of one difference, not of their mean.",
        ),
        Mistake(
            "that divides by n, not by n - 1",
            lambda: (
                lambda first, second: (
                    _paired_t(first, second) * (len(first) / (len(first) - 1)) ** 0.5
                )
            ),
            "The sample standard deviation divides the sum of squares by n - 1.",
        ),
        Mistake(
            "that is the mean of the differences alone",
            lambda: lambda first, second: (first - second).mean(),
            "Divide it by its standard error.",
        ),
        Mistake(
            "the sign is lost",
            lambda: lambda first, second: _paired_t(first, second).abs(),
            "It is negative where the second network is better.",
        ),
        Mistake(
            "the root is not taken",
            lambda: lambda first, second: _paired_t(first, second) * len(first) ** 0.5,
            "The standard error is the deviation divided by the root of the number of seeds.",
        ),
    ),
    remark="``compare_paired`` turns it into a p value.",
)


EXERCISES = (
    _interval_half_width,
    _test_set_size,
    _paired_t_function,
)
