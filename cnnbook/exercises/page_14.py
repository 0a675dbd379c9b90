"""Exercises on the gradients of a convolution."""

import torch

from cnnbook.exercises._answers import Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, Exercise, Mistake

__all__ = ["EXERCISES"]

_weight_gradient = Exercise(
    "A kernel of 2 x 2 is applied to ``[[1, 2, 3], [4, 5, 6], [7, 8, 9]]``, and the loss is the "
    "sum of the output. What is the gradient with respect to the four weights? Hand in two rows.",
    hint="Which pixels does the upper left weight meet while the window moves? The loss grows by "
    "their sum when that weight grows by 1.",
    solution="""
import torch

image = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
weight = torch.zeros(1, 1, 2, 2, requires_grad=True)
torch.nn.functional.conv2d(image, weight).sum().backward()
answer = weight.grad[0, 0]
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: [[12, 16], [24, 28]],
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "those are the means",
            lambda: [[3, 4], [6, 7]],
            "The loss is the sum, so every window counts in full.",
        ),
        Mistake(
            "everything is flipped",
            lambda: [[28, 24], [16, 12]],
            "The upper left weight meets the upper left pixels.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: [[12, 24], [16, 28]],
            "The upper right weight meets what lies one column further to the right.",
        ),
        Mistake(
            "only the first window is counted",
            lambda: [[1, 2], [4, 5]],
            "Each weight is used in all four.",
        ),
        Mistake(
            "that is the gradient with respect to the pixels",
            lambda: [[1, 2, 1], [2, 4, 2], [1, 2, 1]],
            "There is one number for each weight.",
        ),
        Mistake(
            "every weight meets every pixel",
            lambda: torch.full((2, 2), 45.0),
            "A weight meets the pixels of one window of 2 x 2.",
        ),
    ),
    remark="Each is the sum of one window of 2 x 2: the gradient is a convolution again.",
)

_input_gradient = Exercise(
    "The kernel ``[[1, 2], [3, 4]]`` is applied to an image of 3 x 3, and the loss is the sum of "
    "the output. What is the gradient with respect to the nine pixels? Hand in three rows.",
    hint="The upper left pixel lies in one window, under one weight. The middle one lies in all "
    "four. Write the kernel down at every position, and add up.",
    solution="""
import torch

image = torch.zeros(1, 1, 3, 3, requires_grad=True)
kernel = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
torch.nn.functional.conv2d(image, kernel[None, None]).sum().backward()
answer = image.grad[0, 0]
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: [[1, 3, 2], [4, 10, 6], [3, 7, 4]],
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the kernel is flipped",
            lambda: [[4, 7, 3], [6, 10, 4], [2, 3, 1]],
            "The upper left pixel only ever meets the upper left weight.",
        ),
        Mistake(
            "that counts the windows of each pixel",
            lambda: [[1, 2, 1], [2, 4, 2], [1, 2, 1]],
            "In each window it meets a weight: add those up.",
        ),
        Mistake(
            "every pixel meets every weight",
            lambda: torch.full((3, 3), 10.0),
            "Only the one in the middle does; a corner lies in one window.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: [[1, 4, 3], [3, 10, 7], [2, 6, 4]],
            "The 2 of the kernel is at its upper right.",
        ),
        Mistake(
            "that is the gradient with respect to the weights",
            lambda: torch.zeros(2, 2),
            "There is one number for each pixel.",
            others=(lambda: [[12, 16], [24, 28]],),
        ),
        Mistake(
            "that is the kernel",
            lambda: [[1, 2], [3, 4]],
            "Write it down at each of its four positions, and add up.",
        ),
    ),
    remark="The pixels themselves do not matter: the layer is linear in them.",
)

_bias_gradient = Exercise(
    "A convolution turns 8 images into 16 channels of 13 x 13 each, and the loss is the sum of the "
    "whole output. What is the gradient with respect to the bias of the first channel?",
    hint="To how many numbers of the output is this bias added?",
    solution="""
import torch

layer = torch.nn.Conv2d(1, 16, 2)
layer(torch.zeros(8, 1, 14, 14)).sum().backward()
answer = layer.bias.grad[0]
""",
    kind=Numbers("one number"),
    right=lambda: 1352,
    mistakes=(
        Mistake(
            "the batch is forgotten",
            lambda: 169,
            "The same bias is added in every image.",
        ),
        Mistake(
            "all channels are counted",
            lambda: 21_632,
            "Each channel has a bias of its own.",
            others=(lambda: 16 * 13 * 13, lambda: 16 * 8, lambda: 16),
        ),
        Mistake(
            "only one side of the feature map is counted",
            lambda: 8 * 13,
            "A feature map has rows and columns.",
            others=(lambda: 13,),
        ),
        Mistake(
            "that is the mean over the batch or over the positions",
            lambda: 0.125,
            "The loss is a sum, so that every number of the output counts in full.",
            others=(lambda: 1 / 16,),
        ),
        Mistake(
            "that is one window",
            lambda: 1,
            "The bias is added in every window, and the loss adds all of them.",
        ),
        Mistake(
            "the positions of the window are forgotten",
            lambda: 8,
            "The bias is added in every window of an image.",
        ),
    ),
    remark="8*13*13: once for each image and each position.",
)


EXERCISES = (
    _weight_gradient,
    _input_gradient,
    _bias_gradient,
)
