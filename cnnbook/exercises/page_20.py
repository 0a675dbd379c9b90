"""Exercises on occlusion, on what a kernel is made of, and on the votes of a class."""

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, THREE_DECIMALS, Exercise, Mistake
from cnnbook.exercises._samples import asymmetric_image

__all__ = ["EXERCISES"]

_occlusion_by_hand = Exercise(
    "A network with the weights ``[1, -2, 3, 0]`` and the bias 5 scores a row of four pixels, "
    "``[4, 1, 2, 6]``. A grey patch of two pixels, both 1, is moved along the row. What are the "
    "drops of the score at its three positions?",
    hint="Each pixel under the patch counts with its weight times the difference of pixel and "
    "patch.",
    solution="""
import torch

row, weights = torch.tensor([4.0, 1.0, 2.0, 6.0]), torch.tensor([1.0, -2.0, 3.0, 0.0])
answer = []
for start in range(3):
    covered = row.clone()
    covered[start : start + 2] = 1
    answer.append(weights @ row - weights @ covered)
""",
    kind=Numbers("a row of three drops"),
    right=lambda: [1 * 3 + -2 * 0, -2 * 0 + 3 * 1, 3 * 1 + 0 * 5],
    mistakes=(
        Mistake(
            "the patch is black",
            lambda: [2, 4, 6],
            "A grey patch replaces a pixel by another one; it does not set it to 0.",
        ),
        Mistake(
            "the sign is wrong",
            lambda: [-3, -3, -3],
            "A drop is the score without the patch minus the score with it.",
        ),
        Mistake(
            "those are the scores with the patch",
            lambda: [10, 10, 10],
            "How far are they below the score of the uncovered row?",
        ),
        Mistake(
            "those are the scores with the patch, without the bias",
            lambda: [5, 5, 5],
            "A drop is a difference of two scores.",
        ),
        Mistake(
            "the weights are left out",
            lambda: [3, 1, 6],
            "A pixel changes the score by its weight times the change of the pixel.",
        ),
    ),
    remark="For this patch the three positions count the same; a black patch would distinguish "
    "them.",
)

_fraction_of_average = Exercise(
    "What is the fraction of the average in the kernel ``[[4, 2], [1, 1]]``, from 0 to 1? Three "
    "decimals are enough.",
    hint="Half the sum of the weights, squared, is the part of the average; the whole is the sum "
    "of the squared weights.",
    solution="""
import torch

kernel = torch.tensor([[4.0, 2.0], [1.0, 1.0]])
answer = (kernel.sum() / 2).square() / kernel.square().sum()
""",
    kind=Numbers("one number"),
    right=lambda: 16 / 22,
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "that is in percent",
            lambda: 1600 / 22,
            "A fraction of a kernel is between 0 and 1.",
            others=(lambda: 72.7, lambda: 73),
        ),
        Mistake(
            "the part is not squared",
            lambda: 4 / 22,
            "The squares of orthogonal parts add up, as with Pythagoras.",
        ),
        Mistake(
            "the pattern is not normalized to length 1",
            lambda: 64 / 22,
            "It cannot be above 1; a pattern of four ones has length 2.",
        ),
        Mistake(
            "that is the mean of the weights",
            lambda: 2,
            "The fraction compares it with the whole kernel.",
        ),
        Mistake(
            "that is the fraction of all the differences",
            lambda: 6 / 22,
            "They are what is left without the average.",
        ),
        Mistake(
            "that is the square of the average's part",
            lambda: 16,
            "Divide by the sum of the squared weights.",
        ),
    ),
    remark="16 of 22 parts; what is left is mostly above minus below.",
)


def _weights_and_maps() -> list[tuple[object, ...]]:
    return [
        (asymmetric_image(12) - 4, asymmetric_image(2, 2, 3) + 1),
        (asymmetric_image(12) - 3, asymmetric_image(3, 1, 4) + 2),
    ]


_points_function = Exercise(
    "Write a function ``points(weights, maps)``. It takes the weights of one class, ``(c*h*w,)``, "
    "as they are in ``Linear``, and the feature maps of one image before flattening, ``(c, h, "
    "w)``. It returns ``(h, w)``: how many points each position gives to the class. Hand in the "
    "function.",
    hint="Undo the flattening first: channels, then rows, then columns. Which axis is not in the "
    "result?",
    solution="""
def points(weights, maps):
    return (weights.reshape(maps.shape) * maps).sum(dim=0)


answer = points
""",
    kind=Function(_weights_and_maps),
    right=lambda: (
        lambda weights, maps: torch.einsum("chw,chw->hw", weights.view_as(maps), maps).double()
    ),
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "that is the mean over the channels",
            lambda: lambda weights, maps: (weights.reshape(maps.shape) * maps).mean(dim=0),
            "Points add up, so that all positions together make the score.",
        ),
        Mistake(
            "the maps are left out",
            lambda: lambda weights, maps: weights.reshape(maps.shape).sum(dim=0),
            "A weight is half a vote; the other half is the feature map.",
        ),
        Mistake(
            "the channels are taken for the last axis",
            lambda: (
                lambda weights, maps: (
                    weights.reshape(*maps.shape[1:], -1).permute(2, 0, 1) * maps
                ).sum(dim=0)
            ),
            "Flatten puts one channel after the other.",
        ),
        Mistake(
            "that is what each channel gives",
            lambda: lambda weights, maps: (weights.reshape(maps.shape) * maps).sum(dim=(1, 2)),
            "Add up over the channels, and keep rows and columns.",
        ),
        Mistake(
            "that is Grad-CAM",
            lambda: (
                lambda weights, maps: (
                    weights.reshape(maps.shape).mean(dim=(1, 2), keepdim=True) * maps
                ).sum(dim=0)
            ),
            "Each position has weights of its own; leave out the mean.",
        ),
        Mistake(
            "negative points are set to 0",
            lambda: lambda weights, maps: (weights.reshape(maps.shape) * maps).sum(dim=0).relu(),
            "A position can also speak against the class.",
        ),
    ),
    remark="Their sum, and the bias, is the score.",
)


EXERCISES = (
    _occlusion_by_hand,
    _fraction_of_average,
    _points_function,
)
