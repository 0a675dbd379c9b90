"""Exercises on the networks of 1989 and 1998, and on the top-5 error."""

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, Exercise, Mistake

__all__ = ["EXERCISES"]

_connections_of_c1 = Exercise(
    "The first layer of LeNet-5, C1, has six kernels of 5 x 5 weights, each with a bias, and takes "
    "images of 32 x 32 pixels. It has 156 parameters. How many connections does it have, counting "
    "every use of a weight or a bias?",
    hint="Along a side, a window of 5 fits into 32 pixels at 28 positions. At each of them a "
    "kernel uses all its weights and its bias once.",
    solution="""
places = (32 - 5 + 1) ** 2
answer = 6 * places * (5 * 5 + 1)
""",
    kind=Numbers("one number"),
    right=lambda: 122_304,
    mistakes=(
        Mistake(
            "the biases are forgotten",
            lambda: 117_600,
            "A bias is used at every position too.",
        ),
        Mistake(
            "the window stands at every pixel",
            lambda: 159_744,
            "It has to fit into the image.",
        ),
        Mistake(
            "only one kernel is counted",
            lambda: 20_384,
            "There are six.",
        ),
        Mistake(
            "those are the parameters",
            lambda: 156,
            "Each is used at many positions; count the uses.",
        ),
        Mistake(
            "the positions are counted along one side only",
            lambda: 4_368,
            "There are 28 rows of them.",
        ),
        Mistake(
            "a bias is counted once",
            lambda: 117_606,
            "A bias is used at every position, as the weights are.",
        ),
    ),
    remark="The paper has the same number.",
)

_one_bias_per_kernel = Exercise(
    "In the network of 1989, each unit of the two convolutions has its own bias. Today each kernel "
    "has one. How many parameters would the network have today, instead of 9,760, if everything "
    "else stays the same?",
    hint="The two layers have 12 x 8 x 8 and 12 x 4 x 4 units, and twelve kernels each. The linear "
    "layers stay as they are.",
    solution="""
biases = 12 * 8 * 8 + 12 * 4 * 4
answer = 9_760 - biases + 12 + 12
""",
    kind=Numbers("one number"),
    right=lambda: 8_824,
    mistakes=(
        Mistake(
            "the convolutions have no bias",
            lambda: 8_800,
            "Each kernel keeps one.",
        ),
        Mistake(
            "only the first layer is changed",
            lambda: 9_004,
            "The second convolution has as many kernels.",
        ),
        Mistake(
            "only the second layer is changed",
            lambda: 9_580,
            "The first convolution has a bias for each unit too.",
        ),
        Mistake(
            "that is how many it loses",
            lambda: 936,
            "Subtract that from the number of its parameters.",
        ),
        Mistake(
            "those are the biases of the two convolutions in 1989",
            lambda: 960,
            "The question is about all parameters of today, and some biases stay.",
        ),
    ),
    remark="A tenth of that network's parameters were biases.",
)


def _scores_and_labels(ranks: list[int], *, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scores among which that of the label has the given rank; 1 is the largest."""
    # Each row holds every number once, since 5 and the number of classes have no common factor.
    scores = (5 * torch.arange(classes) + torch.arange(len(ranks))[:, None]) % classes
    labels = (scores == classes - torch.tensor(ranks)[:, None]).int().argmax(dim=1)
    return scores.float() - 4, labels


def _top_error(scores: torch.Tensor, labels: torch.Tensor, count: int) -> torch.Tensor:
    # The right class is among them if fewer scores are larger.
    right = scores[torch.arange(len(scores)), labels]
    return ((scores > right[:, None]).sum(dim=1) >= count).float().mean()


def _top5_error(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return _top_error(scores, labels, 5)


_top5_error_function = Exercise(
    "Write a function ``top5_error(scores, labels)``. ``scores`` has shape ``(n, classes)``, "
    "``labels`` holds the number of the right class of each image, shape ``(n,)``. It returns the "
    "fraction of images whose class is not among their five largest scores.",
    hint="``scores.topk(5, dim=1).indices`` has the five classes of each row. Compare them with "
    "``labels[:, None]``.",
    solution="""
def top5_error(scores, labels):
    named = scores.topk(5, dim=1).indices
    found = (named == labels[:, None]).any(dim=1)
    return (~found).float().mean()

answer = top5_error
""",
    # Every rank occurs, so that no other number of classes gives the same two errors.
    kind=Function(
        lambda: [
            _scores_and_labels([5, 1, 6, 3, 8, 4, 7, 2, 6], classes=8),
            _scores_and_labels([4, 6, 2, 5, 6, 1, 4, 3], classes=6),
        ]
    ),
    right=lambda: _top5_error,
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "that looks at the largest score only",
            lambda: lambda s, y: (s.argmax(1) != y).float().mean(),
            "Five classes may be named; one of them has to be right.",
        ),
        Mistake(
            "that is the fraction of images that are found",
            lambda: lambda s, y: 1 - _top5_error(s, y),
            "The error is the fraction of the others.",
        ),
        Mistake(
            "those are the five smallest scores",
            lambda: lambda s, y: _top5_error(-s, y),
            "The program names the most likely classes.",
        ),
        Mistake(
            "that is in percent",
            lambda: lambda s, y: 100 * _top5_error(s, y),
            "A fraction is between 0 and 1.",
        ),
        Mistake(
            "that is the number of images that are not found, not their fraction",
            lambda: lambda s, y: _top5_error(s, y) * len(s),
            "Divide by the number of images.",
        ),
        Mistake(
            "another number of classes is named",
            lambda: lambda s, y: _top_error(s, y, 2),
            "A program may name five.",
            others=(
                lambda: lambda s, y: _top_error(s, y, 3),
                lambda: lambda s, y: _top_error(s, y, 4),
                lambda: lambda s, y: _top_error(s, y, 6),
            ),
        ),
        Mistake(
            "each of the five named classes is counted by itself",
            lambda: lambda s, y: (s.topk(5).indices != y[:, None]).float().mean(),
            "An image is found if any of them is right.",
        ),
    ),
    remark="With ten classes, a program would name half of them.",
)


EXERCISES = (
    _connections_of_c1,
    _one_bias_per_kernel,
    _top5_error_function,
)
