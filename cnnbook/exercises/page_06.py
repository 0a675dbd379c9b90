"""Exercises on one window: by hand, as a layer and as a function."""

import torch

from cnnbook.exercises._answers import Function, Layer, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, Exercise, Mistake
from cnnbook.exercises._samples import asymmetric_image, conv_from_rows

__all__ = ["EXERCISES"]

_window_sum_by_hand = Exercise(
    "The window is ``[[5, 0], [1, 2]]``, the kernel ``[[1, 2], [3, 4]]``, the bias -1. What is the "
    "output of the convolution? Use a pencil.",
    hint="Upper left times upper left, and so on; add the four products and the bias.",
    solution="""
answer = 1 * 5 + 2 * 0 + 3 * 1 + 4 * 2 + -1
""",
    kind=Numbers("one number"),
    right=lambda: 15,
    mistakes=(
        Mistake("the bias is forgotten", lambda: 16, "It is added at the end."),
        Mistake(
            "the bias is subtracted",
            lambda: 17,
            "It is added, and it is negative.",
        ),
        Mistake(
            "the kernel is flipped",
            lambda: 23,
            "Here it is applied without a flip.",
        ),
        Mistake(
            "rows and columns of the kernel are swapped",
            lambda: 14,
            "The 2 is at the upper right, the 3 at the lower left.",
        ),
        Mistake(
            "the bias is added to every product",
            lambda: 12,
            "It is added once, to the sum.",
        ),
        Mistake(
            "the products are not added up",
            lambda: [[5, 0], [3, 8]],
            "One window gives one number.",
            others=(lambda: [[4, -1], [2, 7]],),
        ),
        Mistake(
            "that is a matrix product",
            lambda: [[7, 4], [19, 8]],
            "Multiply only the numbers that lie on top of each other, and add all products.",
            # In the other order, with the bias, and added up.
            others=(
                lambda: [[5, 10], [7, 10]],
                lambda: [[6, 3], [18, 7]],
                lambda: [[4, 9], [6, 9]],
                lambda: 7 + 4 + 19 + 8,
                lambda: 7 + 4 + 19 + 8 - 1,
                lambda: 5 + 10 + 7 + 10,
                lambda: 5 + 10 + 7 + 10 - 1,
            ),
        ),
    ),
    remark="5 + 0 + 3 + 8 - 1.",
)

_difference_layer = Exercise(
    "Make a ``Conv2d`` with windows of 2 x 2 whose output is the lower right pixel minus the upper "
    "left one, plus 0.5. Hand in the layer.",
    hint="Two of the four weights are 0. Write into ``layer.weight`` and ``layer.bias`` under "
    "``torch.no_grad()``, or use ``conv_from_kernel`` of ``cnnbook.kernels``.",
    solution="""
import torch

layer = torch.nn.Conv2d(1, 1, 2)
with torch.no_grad():
    layer.weight.copy_(torch.tensor([[[[-1.0, 0.0], [0.0, 1.0]]]]))
    layer.bias.fill_(0.5)
answer = layer
""",
    kind=Layer(lambda: asymmetric_image(2, 1, 4, 5)),
    right=lambda: conv_from_rows([-1.0, 0.0], [0.0, 1.0], bias=0.5),
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the bias is forgotten",
            lambda: conv_from_rows([-1.0, 0.0], [0.0, 1.0]),
            "The 0.5 does not depend on any pixel.",
        ),
        Mistake(
            "that is the upper left pixel minus the lower right one",
            lambda: conv_from_rows([1.0, 0.0], [0.0, -1.0], bias=0.5),
            "A weight stands where its pixel is, without a flip, and has the sign of that pixel.",
        ),
        Mistake(
            "that is the other diagonal",
            lambda: conv_from_rows([0.0, -1.0], [1.0, 0.0], bias=0.5),
            "Upper left is row 0, column 0.",
            others=(lambda: conv_from_rows([0.0, 1.0], [-1.0, 0.0], bias=0.5),),
        ),
        Mistake(
            "the upper left pixel is added",
            lambda: conv_from_rows([1.0, 0.0], [0.0, 1.0], bias=0.5),
            "A pixel that is subtracted has a negative weight.",
        ),
        Mistake(
            "both pixels are subtracted",
            lambda: conv_from_rows([-1.0, 0.0], [0.0, -1.0], bias=0.5),
            "The lower right pixel is added.",
        ),
    ),
    remark="It responds to edges that run from lower left to upper right.",
)


def _window_sum(window: torch.Tensor, kernel: torch.Tensor, bias: float) -> torch.Tensor:
    return (window * kernel).sum() + bias


_window_sum_function = Exercise(
    "Write a function ``one_window(window, kernel, bias)``: two tensors of the same shape ``(rows, "
    "columns)`` and a number. It returns the output of a convolution at that position.",
    hint="``*`` multiplies two tensors entry by entry, ``.sum()`` adds all entries.",
    solution="""
def one_window(window, kernel, bias):
    return (window * kernel).sum() + bias

answer = one_window
""",
    kind=Function(
        lambda: [
            (torch.tensor([[5.0, 0], [1, 2]]), torch.tensor([[1.0, 2], [3, 4]]), -1.0),
            (asymmetric_image(3, 3), torch.tensor([[1.0, 0, 2], [5, 1, 0], [0, 3, -1]]), 0.5),
            (asymmetric_image(2, 3), torch.tensor([[2.0, 1, 0], [-1, 3, 1]]), 2.0),
        ]
    ),
    right=lambda: _window_sum,
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the bias is forgotten",
            lambda: lambda w, k, b: (w * k).sum(),
            "It is the third argument.",
        ),
        Mistake(
            "the bias is added to every product",
            lambda: lambda w, k, b: (w * k + b).sum(),
            "It is added once, to the sum.",
        ),
        Mistake(
            "the kernel is flipped",
            lambda: lambda w, k, b: (w * k.flip(0, 1)).sum() + b,
            "Here it is applied without a flip.",
        ),
        Mistake(
            "that is a matrix product",
            lambda: lambda w, k, b: (w @ k).sum() + b,
            "``@`` multiplies rows with columns; entry by entry it is ``*``.",
            others=(
                lambda: lambda w, k, b: w @ k + b,
                lambda: lambda w, k, b: k @ w + b,
                lambda: lambda w, k, b: (k @ w).sum() + b,
            ),
        ),
        Mistake(
            "the products are not added up",
            lambda: lambda w, k, b: w * k + b,
            "One window gives one number.",
            others=(lambda: lambda w, k, b: w * k,),
        ),
        Mistake(
            "the bias is subtracted",
            lambda: lambda w, k, b: (w * k).sum() - b,
            "It is added.",
        ),
        Mistake(
            "that is the mean of the products",
            lambda: lambda w, k, b: (w * k).mean() + b,
            "A convolution adds them up.",
        ),
        Mistake(
            "rows and columns of the kernel are swapped",
            lambda: lambda w, k, b: (w * k.T).sum() + b,
            "The two have the same shape and are multiplied entry by entry.",
        ),
    ),
    remark="That is all that a convolution does at one position.",
)


EXERCISES = (
    _window_sum_by_hand,
    _difference_layer,
    _window_sum_function,
)
