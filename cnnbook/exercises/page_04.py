"""Exercises on shuffled pixels."""

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import THREE_DECIMALS, Exercise, Mistake
from cnnbook.exercises._samples import asymmetric_image

__all__ = ["EXERCISES"]

_inverse_permutation = Exercise(
    "A row of five pixels is shuffled with ``shuffled = pixels[order]``, and ``order`` is "
    "``[3, 0, 4, 1, 2]``. With which list ``back`` does ``shuffled[back]`` give ``pixels`` again?",
    hint="Pixel 0 now stands at place 1, so the list starts with that. Where is pixel 1?",
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
            "Shuffled twice in the same way, the pixels are shuffled.",
        ),
        Mistake(
            "that is the order read from the end",
            lambda: [2, 1, 4, 0, 3],
            "Ask of each pixel where it went.",
        ),
        Mistake(
            "that is the order applied twice",
            lambda: [1, 3, 2, 0, 4],
            "Ask of each pixel where it went.",
        ),
        Mistake("that counts from 1", lambda: [2, 4, 5, 1, 3], "Places are counted from 0."),
        Mistake(
            "that leaves everything where it is",
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
    "Write a function ``follow(weight, order)``. ``weight`` is that of a linear layer, of shape "
    "``(out, pixels)``. It returns the weight with which the layer gives for ``pixels[order]`` "
    "what it gave for ``pixels``.",
    hint="Each column of the weight belongs to one pixel.",
    solution="""
def follow(weight, order):
    return weight[:, order]

answer = follow
""",
    # Square, so that mixing up rows and columns is a mistake that can be told and no crash.
    kind=Function(
        lambda: [
            (torch.arange(16.0).reshape(4, 4), torch.tensor([2, 0, 3, 1])),
            (asymmetric_image(5, 5), torch.tensor([3, 0, 4, 1, 2])),
        ]
    ),
    right=lambda: _permuted_weight,
    mistakes=(
        Mistake(
            "the weight is as before",
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
            "The outputs stay in the order in which they are.",
        ),
        Mistake(
            "that goes the way back",
            lambda: lambda weight, order: weight[:, order.argsort()],
            "The columns go the same way as the pixels.",
        ),
    ),
    remark="A convolution has no such function.",
)

_surviving_neighbours = Exercise(
    "In 28 rows of 28 pixels, 756 pairs of places are side by side. After a random order, in how "
    "many of them do you expect a pixel and, to the right of it, the one that was to the right of "
    "it before? Three decimals are enough.",
    hint="Two pixels in two given places can be any of the 784*783 ordered pairs, all with the "
    "same probability. How many of these were such a pair?",
    solution="""
pairs = 28 * 27
answer = pairs * pairs / (784 * 783)
""",
    kind=Numbers("one number"),
    right=lambda: 27 / 28 * 756 / 783,
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "that is for one pair of places",
            lambda: 756 / (784 * 783),
            "Expectations add up, over all pairs of places.",
        ),
        Mistake(
            "pairs that were turned round are counted too",
            lambda: 2 * 756 * 756 / (784 * 783),
            "The right one shall be on the right again.",
        ),
        Mistake(
            "every pixel is given a right neighbour",
            lambda: 784 * 784 / (784 * 783),
            "The last pixel of each row has none, neither before nor after.",
        ),
        Mistake(
            "every place is given a right neighbour",
            lambda: 756 / 783,
            "The last place of each row has none.",
        ),
        Mistake(
            "that is the number of pairs",
            lambda: 756,
            "So many there are; few of them stay together.",
        ),
    ),
    remark="About one, of 756. To a kernel, next to nothing is left of the picture.",
)


EXERCISES = (
    _inverse_permutation,
    _permuted_weight_function,
    _surviving_neighbours,
)
