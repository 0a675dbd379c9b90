"""Exercises on global average pooling, class activation maps and the size of the first weights."""

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, THREE_DECIMALS, Exercise, Mistake
from cnnbook.exercises._samples import asymmetric_image

__all__ = ["EXERCISES"]

_saved_parameters = Exercise(
    "A network ends with 64 feature maps of 7 x 7, ``Flatten``, and a linear layer with ten "
    "outputs. Then ``Flatten`` is replaced by the mean of each map. How many fewer parameters does "
    "the network have?",
    hint="How many numbers does the linear layer take before, and how many after? The biases "
    "belong to the ten outputs.",
    solution="""
import torch

answer = 0
for inputs, sign in ((64 * 7 * 7, 1), (64, -1)):
    linear = torch.nn.Linear(inputs, 10)
    answer += sign * sum(parameter.numel() for parameter in linear.parameters())
""",
    kind=Numbers("one number"),
    right=lambda: 10 * 64 * (7 * 7 - 1),
    mistakes=(
        Mistake(
            "that is how many it had",
            lambda: 10 * 64 * 49 + 10,
            "A linear layer is still there.",
            others=(lambda: 10 * 64 * 49,),
        ),
        Mistake(
            "that is how many the linear layer has then",
            lambda: 10 * 64 + 10,
            "How many are these fewer than before?",
            others=(lambda: 10 * 64,),
        ),
        Mistake(
            "the biases do not cancel in this result",
            lambda: 10 * 64 * 48 - 10,
            "Both linear layers have ten, so the difference has none.",
            others=(lambda: 10 * 64 * 48 + 10,),
        ),
        Mistake(
            "that is for one class",
            lambda: 64 * 48,
            "Each of the outputs has weights of its own.",
        ),
        Mistake(
            "that is the difference in the numbers of one map",
            lambda: 48,
            "There are more maps, and more outputs.",
        ),
    ),
    remark="48 of 49 weights are gone, because a mean leaves one number of each map.",
)


def _features_and_weights() -> list[tuple[object, ...]]:
    return [
        (asymmetric_image(2, 3, 2, 4) - 3, asymmetric_image(5, 3) - 2),
        (asymmetric_image(1, 4, 3, 3) - 2, asymmetric_image(2, 4) - 4),
    ]


_class_maps_function = Exercise(
    "Write a function ``class_maps(features, weight)``. It takes the last feature maps of a batch, "
    "``(n, c, h, w)``, and the weights of the linear layer that follows global average pooling, "
    "``(classes, c)``. It returns the class activation maps, ``(n, classes, h, w)``, without the "
    "bias. Hand in the function.",
    hint="The weights are those of a convolution with a window of one pixel. Which shape do its "
    "weights have?",
    solution="""
import torch


def class_maps(features, weight):
    return torch.nn.functional.conv2d(features, weight[:, :, None, None])


answer = class_maps
""",
    kind=Function(_features_and_weights),
    right=lambda: (
        lambda features, weight: torch.einsum("nchw,kc->nkhw", features.double(), weight.double())
    ),
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "those are the scores",
            lambda: lambda features, weight: features.mean(dim=(2, 3)) @ weight.T,
            "Keep rows and columns: mix the channels, and take no mean.",
            others=(
                lambda: (
                    lambda features, weight: (
                        features.mean(dim=(2, 3), keepdim=True).movedim(1, 3) @ weight.T
                    ).movedim(3, 1)
                ),
            ),
        ),
        Mistake(
            "that is the mean over the channels",
            lambda: (
                lambda features, weight: (
                    torch.einsum("nchw,kc->nkhw", features, weight) / features.shape[1]
                )
            ),
            "A class activation map is a weighted sum over the channels.",
        ),
        Mistake(
            "negative numbers are set to 0",
            lambda: lambda features, weight: torch.einsum("nchw,kc->nkhw", features, weight).relu(),
            "A position may also lower the score.",
        ),
        Mistake(
            "everything is divided by the number of positions",
            lambda: (
                lambda features, weight: (
                    torch.einsum("nchw,kc->nkhw", features, weight) / features[0, 0].numel()
                )
            ),
            "The score is the mean of the map, so the map itself is not divided.",
        ),
        Mistake(
            "the classes are the last axis",
            lambda: lambda features, weight: features.movedim(1, 3) @ weight.T,
            "They belong where the channels were.",
        ),
        Mistake(
            "the weights are left out",
            lambda: (
                lambda features, weight: features.sum(dim=1, keepdim=True).expand(
                    -1, len(weight), -1, -1
                )
            ),
            "Each class weights the channels in its own way.",
        ),
    ),
    remark="The mean of each map, plus the bias, is a score.",
)

_kaiming_deviation = Exercise(
    "A convolution with windows of 3 x 3 takes 32 channels and has 48 kernels, and a ReLU follows. "
    "Which standard deviation must its weights have, so that the mean square after the ReLU is on "
    "average that of the inputs? Three decimals are enough.",
    hint="How many products does one output add up? The variance is 2 divided by that number, and "
    "a standard deviation is a square root.",
    solution="""
import torch

conv = torch.nn.Conv2d(32, 48, 3)
n = conv.weight[0].numel()
answer = (2 / n) ** 0.5
""",
    kind=Numbers("one number"),
    right=lambda: 1 / 12,
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "that is the variance",
            lambda: 2 / 288,
            "The standard deviation is its square root.",
        ),
        Mistake(
            "the 2 is missing",
            lambda: (1 / 288) ** 0.5,
            "ReLU removes half of the mean square.",
        ),
        Mistake(
            "that counts the kernels and not the channels",
            lambda: (2 / 432) ** 0.5,
            "One output adds up products of all the channels that come in.",
        ),
        Mistake(
            "that is Xavier",
            lambda: (2 / (288 + 432)) ** 0.5,
            "It was made for networks without ReLU.",
        ),
        Mistake(
            "only the window is counted",
            lambda: (2 / 9) ** 0.5,
            "A kernel has weights for every channel that comes in.",
        ),
        Mistake(
            "only the channels are counted",
            lambda: (2 / 32) ** 0.5,
            "For each channel there are as many products as the window has pixels.",
        ),
        Mistake(
            "that is torch's default",
            lambda: (1 / (3 * 288)) ** 0.5,
            "With it, the spread falls from layer to layer.",
        ),
    ),
    remark="The variance is 2/288, which is the square of 1/12.",
)


EXERCISES = (
    _saved_parameters,
    _class_maps_function,
    _kaiming_deviation,
)
