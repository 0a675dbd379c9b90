"""Exercises on edge detectors, and on learning a kernel."""

from typing import Literal

import torch

from cnnbook.exercises._answers import Layer, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, Exercise, Mistake
from cnnbook.exercises._samples import asymmetric_image, conv_from_rows

__all__ = ["EXERCISES"]


def _padded(*rows: list[float]) -> torch.nn.Conv2d:
    layer = conv_from_rows(*rows)
    layer.padding = (1, 1)
    return layer


def _laplacian_padded_with(mode: Literal["circular", "reflect", "replicate"]) -> torch.nn.Conv2d:
    layer = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode=mode, bias=False)
    layer.weight = _padded([0.0, 1, 0], [1.0, -4, 1], [0.0, 1, 0]).weight
    return layer


_sobel_by_hand = Exercise(
    "All three rows of an image are ``[5, 5, 2, 2]``. What is the output of the Sobel kernel "
    "``[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]``? Use a pencil, and hand in the two numbers.",
    hint="In the first window, the left column is all 5 and the right one all 2.",
    solution="""
import torch

from cnnbook.convolution import conv2d
from cnnbook.kernels import sobel_kernel

image = torch.tensor([[5.0, 5.0, 2.0, 2.0]] * 3)[None, None]
answer = conv2d(image, sobel_kernel("x")[None, None])[0, 0]
""",
    kind=Numbers("two numbers in a row"),
    right=lambda: [-12, -12],
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the sign is reversed",
            lambda: [12, 12],
            "The kernel takes right minus left, without a flip, and it gets darker to the right.",
        ),
        Mistake(
            "that is the other Sobel kernel",
            lambda: [0, 0],
            "This one compares columns, and they differ.",
        ),
        Mistake(
            "only one row is counted",
            lambda: [-3, -3],
            "Every row of the kernel has weights, and those of the middle row are doubled.",
        ),
        Mistake(
            "the middle row counts like the others",
            lambda: [-9, -9],
            "Its weights are -2 and 2.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: [[-12], [-12]],
            "The window moves to the right: the two stand side by side.",
        ),
        Mistake(
            "only the middle row is counted",
            lambda: [-6, -6],
            "The other two rows of the kernel have weights, too.",
        ),
    ),
    remark="A negative output: the edge goes from light to dark.",
)

_laplacian_layer = Exercise(
    "Make a ``Conv2d`` whose output is, for every pixel, the sum of its four neighbours minus four "
    "times the pixel itself, with zeros around the image, so that the size is unchanged. Hand in "
    "the layer.",
    hint="A kernel of 3 x 3 with 0 in its corners, and ``padding=1``. What is the bias?",
    solution="""
import torch

from cnnbook.kernels import laplacian_kernel

layer = torch.nn.Conv2d(1, 1, 3, padding=1, bias=False)
with torch.no_grad():
    layer.weight.copy_(laplacian_kernel(4))
answer = layer
""",
    kind=Layer(lambda: asymmetric_image(2, 1, 4, 5)),
    right=lambda: _padded([0.0, 1, 0], [1.0, -4, 1], [0.0, 1, 0]),
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the padding is forgotten",
            lambda: conv_from_rows([0.0, 1, 0], [1.0, -4, 1], [0.0, 1, 0]),
            "Without it the window cannot be centred on the edge, and the image gets smaller.",
        ),
        Mistake(
            "the sign is wrong",
            lambda: _padded([0.0, -1, 0], [-1.0, 4, -1], [0.0, -1, 0]),
            "The neighbours are added and the pixel is subtracted.",
        ),
        Mistake(
            "there are eight neighbours",
            lambda: _padded([1.0, 1, 1], [1.0, -8, 1], [1.0, 1, 1]),
            "Diagonal neighbours do not count.",
        ),
        Mistake(
            "the pixel is subtracted once",
            lambda: _padded([0.0, 1, 0], [1.0, -1, 1], [0.0, 1, 0]),
            "On a constant image the result must be 0, so the weights must add up to 0.",
        ),
        Mistake(
            "the pixel itself is forgotten",
            lambda: _padded([0.0, 1, 0], [1.0, 0, 1], [0.0, 1, 0]),
            "On a constant image the result must be 0, so the weights must add up to 0.",
        ),
        Mistake(
            "the pixel is added",
            lambda: _padded([0.0, 1, 0], [1.0, 4, 1], [0.0, 1, 0]),
            "A pixel that is subtracted has a negative weight.",
        ),
        Mistake(
            "the neighbours are the diagonal ones",
            lambda: _padded([1.0, 0, 1], [0.0, -4, 0], [1.0, 0, 1]),
            "They are above, below, to the left and to the right.",
        ),
        Mistake(
            "the pixels around the image are not zeros",
            lambda: _laplacian_padded_with("replicate"),
            "torch pads with zeros by default.",
            others=(
                lambda: _laplacian_padded_with("reflect"),
                lambda: _laplacian_padded_with("circular"),
            ),
        ),
    ),
    remark="It is 0 wherever the image is constant or rises linearly.",
)

_gradient_descent_step = Exercise(
    "A kernel of two weights starts at ``[0, 0]``. On the row ``[1, 2, 0]`` its output should be "
    "``[-1, 2]``. The loss is the sum of the squared differences, the learning rate 0.1, there is "
    "no bias. What are the weights after one step of gradient descent?",
    hint="At the start both results are 0, so the differences are 1 and -2. The gradient with "
    "respect to a weight is twice the sum of difference times pixel. A step goes against it.",
    solution="""
import torch

row, target = torch.tensor([[[1.0, 2.0, 0.0]]]), torch.tensor([[[-1.0, 2.0]]])
weight = torch.zeros(1, 1, 2, requires_grad=True)
loss = (torch.nn.functional.conv1d(row, weight) - target).square().sum()
loss.backward()
answer = (weight - 0.1 * weight.grad).flatten()
""",
    kind=Numbers("a row of two weights"),
    right=lambda: [0.6, -0.4],
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the step goes uphill",
            lambda: [-0.6, 0.4],
            "The gradient points to where the loss grows; go the other way.",
        ),
        Mistake(
            "the step is half as long",
            lambda: [0.3, -0.2],
            "A square has a factor of 2 in its gradient, and the loss is a sum, not a mean.",
        ),
        Mistake(
            "that is the gradient",
            lambda: [-6, 4],
            "Multiply it by the learning rate, and subtract it from the weights.",
        ),
        Mistake(
            "the learning rate is forgotten",
            lambda: [6, -4],
            "The step is a tenth of that.",
        ),
        Mistake(
            "the kernel is flipped",
            lambda: [-0.4, 0.6],
            "The first weight meets the first pixel of each window.",
        ),
        Mistake(
            "those are the weights at the end of all steps",
            lambda: [1, -1],
            "One step does not get there.",
        ),
        Mistake(
            "that is the start",
            lambda: [0, 0],
            "Take one step from there.",
        ),
    ),
    remark="That is on the way to [1, -1].",
)


EXERCISES = (
    _sobel_by_hand,
    _laplacian_layer,
    _gradient_descent_step,
)
