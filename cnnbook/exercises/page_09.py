"""Exercises on convolutions without and with ReLU between them."""

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, Exercise, Mistake
from cnnbook.exercises._operations import object_to_operations
from cnnbook.exercises._samples import asymmetric_image

__all__ = ["EXERCISES"]

_composed_kernel = Exercise(
    "A row of pixels goes through a convolution with the kernel ``[1, 2]``, and the result through "
    "one with ``[3, -1]``, with no bias and nothing in between. One kernel of three weights does "
    "the same in one step. What are its weights?",
    hint="Call three neighbours a, b, c. The first kernel computes a + 2b and b + 2c. What does "
    "the second compute from these two? Collect the terms of a, b and c.",
    solution="""
import torch

from cnnbook.convolution import conv2d

first, second = torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([[[[3.0, -1.0]]]])
# Pass in a alone, then b, then c: the output is the weight of each.
alone = torch.eye(3)[:, None, None]
answer = conv2d(conv2d(alone, first), second).flatten()
""",
    kind=Numbers("a row of three weights"),
    right=lambda: [3, 5, -2],
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the kernel is flipped",
            lambda: [-2, 5, 3],
            "The first weight belongs to the first pixel.",
        ),
        Mistake(
            "one of the two kernels was flipped",
            lambda: [-1, 1, 6],
            "In the second kernel, 3 is the weight of a + 2b and -1 is the weight of b + 2c.",
        ),
        Mistake(
            "the weights are multiplied one by one",
            lambda: [3, -2],
            "The second kernel sees two results of the first, and so three pixels.",
        ),
        Mistake(
            "the weights are added",
            lambda: [4, 1],
            "The second kernel is applied to the results of the first: weights are multiplied.",
        ),
    ),
    remark="3(a + 2b) - (b + 2c). With a ReLU in between, no single kernel does this.",
)

_composed_kernel_size = Exercise(
    "Three convolutions with kernels of 3 x 3 follow one another, with no ReLU between them. A "
    "single kernel of k x k can do the same. What is k?",
    hint="Two of them are one of 5 x 5. How many rows and columns does each further one add?",
    solution="""
from torch import nn

from cnnbook.receptive_field import receptive_field

stack = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3))
answer = receptive_field(stack).size[0]
""",
    kind=Numbers("one number"),
    right=lambda: 7,
    others=(lambda: (7, 7),),
    mistakes=(
        Mistake(
            "the sides are added up",
            lambda: 9,
            "The windows overlap: a further kernel adds fewer pixels than it has.",
            others=(lambda: (9, 9),),
        ),
        Mistake(
            "the sides are multiplied",
            lambda: 27,
            "That would be right for windows that do not overlap.",
            others=(lambda: (27, 27),),
        ),
        Mistake(
            "those are two convolutions",
            lambda: 5,
            "There is a third.",
            others=(lambda: (5, 5),),
        ),
        Mistake(
            "the weights are counted",
            lambda: 49,
            "The question asks for the side of the window.",
        ),
    ),
    remark="1 + 2 + 2 + 2.",
)


_absolute_value_function = Exercise(
    "Write a function ``absolute(x)`` that returns the absolute value of each number of a tensor, "
    "using nothing but ReLU, plus and minus.",
    hint="ReLU keeps what is positive. What does it keep of ``-x``?",
    solution="""
from cnnbook.pooling import relu

def absolute(x):
    return relu(x) + relu(-x)

answer = absolute
""",
    kind=Function(
        lambda: [(torch.tensor([-2.0, -0.5, 0.0, 3.0]),), (asymmetric_image(1, 1, 3, 3) - 4,)]
    ),
    right=lambda: torch.abs,
    condition=object_to_operations,
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "that is x again",
            lambda: lambda x: x,
            "Both parts, ReLU of x and ReLU of -x, are positive, and so is the absolute value.",
        ),
        Mistake(
            "the negative numbers are lost",
            lambda: torch.relu,
            "ReLU sets them to 0; keep them with a second ReLU.",
        ),
        Mistake(
            "the positive numbers are lost",
            lambda: lambda x: torch.relu(-x),
            "Keep them with a second ReLU.",
        ),
        Mistake(
            "the sign is wrong",
            lambda: lambda x: -torch.abs(x),
            "An absolute value is never negative.",
        ),
    ),
    remark="Two ReLUs make a function that no linear layer can compute.",
)


EXERCISES = (
    _composed_kernel,
    _composed_kernel_size,
    _absolute_value_function,
)
