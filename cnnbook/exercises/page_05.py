"""Exercises on shuffled pixels."""

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import THREE_DECIMALS, Exercise, Mistake
from cnnbook.exercises._samples import asymmetric_image

__all__ = ["EXERCISES"]

_inverse_permutation = Exercise(
    "A row of five pixels is shuffled with ``shuffled = pixels[order]``, and ``order`` is ``[3, 0, "
    "4, 1, 2]``. For which list ``back`` is ``shuffled[back]`` equal to ``pixels`` again?",
    hint="Pixel 0 is now at index 1, so the list starts with 1. Where is pixel 1?",
    solution="""
import torch

order = torch.tensor([3, 0, 4, 1, 2])
answer = order.argsort()
""",
    kind=Numbers("five numbers"),
    right=lambda: [[3, 0, 4, 1, 2].index(position) for position in range(5)],
    mistakes=(
        Mistake(
            "that is the order itself",
            lambda: [3, 0, 4, 1, 2],
            "Shuffling twice in the same way does not restore the pixels.",
        ),
        Mistake(
            "that is the order read from the end",
            lambda: [2, 1, 4, 0, 3],
            "Ask for each pixel where it is now.",
        ),
        Mistake(
            "that is the order applied twice",
            lambda: [1, 3, 2, 0, 4],
            "Ask for each pixel where it is now.",
        ),
        Mistake("that counts from 1", lambda: [2, 4, 5, 1, 3], "Indices start at 0."),
        Mistake(
            "that changes nothing",
            lambda: [0, 1, 2, 3, 4],
            "The pixels would stay shuffled.",
        ),
    ),
    remark="So nothing is lost.",
)


def _permuted_weight(weight: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    followed = torch.empty_like(weight)
    for position, source in enumerate(order.tolist()):
        followed[:, position] = weight[:, source]
    return followed


_permuted_weight_function = Exercise(
    "Write a function ``follow(weight, order)``. ``weight`` is the weight of a linear layer, of "
    "shape ``(out, pixels)``. The function returns another weight: with it, the layer gives the "
    "same output for ``pixels[order]`` as before for ``pixels``.",
    hint="Each column of the weight belongs to one pixel.",
    solution="""
def follow(weight, order):
    return weight[:, order]

answer = follow
""",
    # First square, so that swapped rows and columns raise no error.
    kind=Function(
        lambda: [
            (torch.arange(16.0).reshape(4, 4), torch.tensor([2, 0, 3, 1])),
            (asymmetric_image(2, 5), torch.tensor([3, 0, 4, 1, 2])),
        ]
    ),
    right=lambda: _permuted_weight,
    mistakes=(
        Mistake(
            "the weight is unchanged",
            lambda: lambda weight, order: weight,
            "Each weight has to follow its pixel.",
        ),
        Mistake(
            "the rows were moved",
            lambda: lambda weight, order: weight[order],
            "A row belongs to an output; which axis belongs to the pixels?",
        ),
        Mistake(
            "rows and columns were moved",
            lambda: lambda weight, order: weight[order][:, order],
            "The order of the outputs does not change.",
        ),
        Mistake(
            "that is the inverse order",
            lambda: lambda weight, order: weight[:, order.argsort()],
            "The columns are put into the same order as the pixels.",
        ),
    ),
    remark="A convolution has no such function.",
)

_surviving_neighbours = Exercise(
    "In 28 rows of 28 pixels, 756 pairs of positions are side by side. After a random permutation, "
    "how many of these pairs do you expect to hold two pixels that were side by side before, in "
    "the same order? Three decimals are enough.",
    hint="Two pixels at two given positions can be any of the 784*783 ordered pairs, all with the "
    "same probability. How many of these were neighbours?",
    solution="""
pairs = 28 * 27
answer = pairs * pairs / (784 * 783)
""",
    kind=Numbers("one number"),
    right=lambda: 27 / 28 * 756 / 783,
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "that is for one pair of positions",
            lambda: 756 / (784 * 783),
            "Add up the expectations of all pairs of positions.",
        ),
        Mistake(
            "pairs in reverse order are counted too",
            lambda: 2 * 756 * 756 / (784 * 783),
            "The right pixel must be on the right again.",
        ),
        Mistake(
            "every pixel is given a right neighbour",
            lambda: 784 * 784 / (784 * 783),
            "The last pixel of each row has none, neither before nor after.",
        ),
        Mistake(
            "every position is given a right neighbour",
            lambda: 756 / 783,
            "The last position of each row has none.",
        ),
        Mistake(
            "that is the number of pairs",
            lambda: 756,
            "Only few of these stay together.",
        ),
    ),
    remark="About one pair of 756: hardly any pixel keeps its neighbour.",
)


EXERCISES = (
    _inverse_permutation,
    _permuted_weight_function,
    _surviving_neighbours,
)
