"""Exercises on max pooling, its gradient and its place before the ReLU."""

import torch

from cnnbook.exercises._answers import Numbers
from cnnbook.exercises._grading import Exercise, Mistake
from cnnbook.pooling import avg_pool2d, max_pool2d

__all__ = ["EXERCISES"]


def _pooling_image() -> torch.Tensor:
    rows = [[1, 2, 0, 1, 9], [3, 0, 1, 5, 9], [0, 1, 2, 0, 9], [4, 0, 0, 1, 9], [9, 9, 9, 9, 9]]
    return torch.tensor(rows).float()[None, None]


_max_pool_by_hand = Exercise(
    "An image has the rows ``[1, 2, 0, 1, 9]``, ``[3, 0, 1, 5, 9]``, ``[0, 1, 2, 0, 9]``, "
    "``[4, 0, 0, 1, 9]`` and ``[9, 9, 9, 9, 9]``. What does ``MaxPool2d(2)`` make of it? Use a "
    "pencil, and hand in rows, as in ``[[1, 2], [3, 4]]``.",
    hint="The windows lie side by side. Does the last column fill one?",
    solution="""
import torch

image = torch.tensor([
    [1.0, 2, 0, 1, 9],
    [3, 0, 1, 5, 9],
    [0, 1, 2, 0, 9],
    [4, 0, 0, 1, 9],
    [9, 9, 9, 9, 9],
])
answer = torch.nn.MaxPool2d(2)(image[None, None])[0, 0]
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: [[3, 5], [4, 2]],
    mistakes=(
        Mistake(
            "windows that are not full are counted",
            lambda: max_pool2d(_pooling_image(), 2, ceil_mode=True),
            "The last row and column are left over: torch rounds down.",
        ),
        Mistake(
            "the windows overlap",
            lambda: max_pool2d(_pooling_image(), 2, stride=1),
            "By default, pooling moves by the size of its window.",
        ),
        Mistake(
            "those are the means",
            lambda: avg_pool2d(_pooling_image(), 2),
            "MaxPool takes the largest number of each window.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: [[3, 4], [5, 2]],
            "The window first moves to the right, along a row.",
        ),
        Mistake(
            "it starts at the wrong end",
            lambda: max_pool2d(_pooling_image()[..., 1:, 1:], 2),
            "The first window stands at the upper left; what is left over is at the end.",
        ),
    ),
    remark="None of the nines counts.",
)

_max_pool_gradient = Exercise(
    "``MaxPool2d(2)`` is applied to an image with the rows ``[1, 2, 0, 1]``, ``[3, 0, 1, 5]``, "
    "``[0, 1, 2, 0]`` and ``[4, 0, 0, 1]``, and the loss is the sum of the output. What is the "
    "gradient of each pixel? Hand in four rows.",
    hint="Make one pixel a little brighter: does the loss change, and by how much?",
    solution="""
import torch

rows = [[1.0, 2, 0, 1], [3, 0, 1, 5], [0, 1, 2, 0], [4, 0, 0, 1]]
image = torch.tensor(rows).reshape(1, 1, 4, 4).requires_grad_()
torch.nn.MaxPool2d(2)(image).sum().backward()
answer = image.grad[0, 0]
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: [[0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0]],
    mistakes=(
        Mistake(
            "every pixel gets a share",
            lambda: torch.full((4, 4), 0.25),
            "That is the gradient of average pooling. Only one pixel of each window changes the "
            "loss.",
        ),
        Mistake(
            "every pixel counts",
            lambda: torch.ones(4, 4),
            "A pixel that is not the largest of its window does not change the loss.",
        ),
        Mistake(
            "those are the pixels themselves",
            lambda: [[0, 0, 0, 0], [3, 0, 0, 5], [0, 0, 2, 0], [4, 0, 0, 0]],
            "The gradient says how fast the loss grows when a pixel grows a little.",
        ),
        Mistake(
            "only the largest pixel of all has a gradient",
            lambda: [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]],
            "Each of the four windows has a largest one.",
        ),
        Mistake(
            "that is one number for each window",
            lambda: torch.ones(2, 2),
            "The question asks for the pixels of the image.",
        ),
        Mistake(
            "that is the output of the pooling",
            lambda: [[3, 5], [4, 2]],
            "The question is by how much each pixel of the image changes the sum of that.",
        ),
    ),
    remark="The four winners, and nothing for the others.",
)

_relu_after_pooling = Exercise(
    "In the sloppy CNN, the convolution outputs sixteen feature maps of 27 x 27. If "
    "``MaxPool2d(2)`` stands before the ReLU, how many numbers of one image must the ReLU process?",
    hint="How many whole pairs fit into 27 pixels?",
    solution="""
from cnnbook.shapes import output_size

side = output_size(27, 2, stride=2)
answer = 16 * side * side
""",
    kind=Numbers("one number"),
    right=lambda: 2704,
    mistakes=(
        Mistake(
            "that is the number without pooling",
            lambda: 11_664,
            "Pooling comes first now, and leaves fewer.",
        ),
        Mistake(
            "that is exactly a quarter",
            lambda: 2916,
            "27 is odd: one row and one column are left over.",
        ),
        Mistake(
            "only one of the sixteen feature maps is counted",
            lambda: 169,
            "ReLU processes all of them.",
        ),
        Mistake(
            "half of 27 is rounded up",
            lambda: 3136,
            "A window that is not full does not count.",
        ),
        Mistake(
            "only the rows are halved",
            lambda: 16 * 13 * 27,
            "Pooling works in both directions.",
        ),
    ),
    remark="A little less than a quarter of 11,664.",
)


EXERCISES = (
    _max_pool_by_hand,
    _max_pool_gradient,
    _relu_after_pooling,
)
