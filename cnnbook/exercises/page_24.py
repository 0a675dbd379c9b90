"""Exercises on the way back: softmax minus one-hot, pooling and ReLU, the linear layer."""

import math
from collections.abc import Callable

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, THREE_DECIMALS, Exercise, Mistake

__all__ = ["EXERCISES"]

_score_gradient = Exercise(
    "The scores of one image are log 2, log 3 and log 5, and it belongs to the first class. What "
    "is the gradient of the cross-entropy with respect to the three scores?",
    hint="e to the power of log 2 is 2. Compute the three probabilities first.",
    solution="""
import torch

scores = torch.tensor([2.0, 3.0, 5.0]).log().requires_grad_()
torch.nn.functional.cross_entropy(scores, torch.tensor(0)).backward()
answer = scores.grad
""",
    kind=Numbers("three numbers"),
    right=lambda: [2 / 10 - 1, 3 / 10, 5 / 10],
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "those are the probabilities",
            lambda: [0.2, 0.3, 0.5],
            "The label is missing.",
        ),
        Mistake(
            "every sign is wrong",
            lambda: [0.8, -0.3, -0.5],
            "The loss falls if the score of the right class grows: there the gradient is below 0.",
        ),
        Mistake(
            "another class is taken for the right one",
            lambda: [0.2, -0.7, 0.5],
            "It is the first one.",
            others=(lambda: [0.2, 0.3, -0.5],),
        ),
        Mistake(
            "the label is subtracted from the scores",
            lambda: [math.log(2) - 1, math.log(3), math.log(5)],
            "Scores become probabilities first.",
        ),
        Mistake(
            "only the right class gets a gradient",
            lambda: [-0.8, 0, 0],
            "The other scores are in the softmax, too.",
        ),
        Mistake(
            "it is divided by the number of classes",
            lambda: [-0.8 / 3, 0.1, 0.5 / 3],
            "The loss is a mean over images, and there is one.",
        ),
        Mistake(
            "the powers are not divided by their sum",
            lambda: [1, 3, 5],
            "Probabilities add up to 1.",
        ),
    ),
    remark="The three add up to 0.",
)

_MAPS = ((-1, 3, -4, -5), (2, 1, -3, -2), (4, 1, -6, 2), (0, -2, 5, 1))


def _through_pooling(gradients: object, *, relu: bool = True) -> torch.Tensor:
    maps = torch.tensor(_MAPS, dtype=torch.float64)[None, None].requires_grad_()
    positive = torch.nn.functional.relu(maps) if relu else maps
    pooled = torch.nn.functional.max_pool2d(positive, 2)
    pooled.backward(torch.tensor(gradients, dtype=torch.float64)[None, None])  # type: ignore[no-untyped-call]
    assert maps.grad is not None
    return maps.grad[0, 0]


_map_gradient = Exercise(
    "A convolution outputs ``[[-1, 3, -4, -5], [2, 1, -3, -2], [4, 1, -6, 2], [0, -2, 5, 1]]``. "
    "ReLU and ``MaxPool2d(2)`` follow. The gradients of the four pooled numbers are ``[[10, 20], "
    "[30, 40]]``. What is the gradient of the 16 numbers before ReLU? Hand in four rows.",
    hint="Which number of each window is the largest, and is it above 0?",
    solution="""
import torch

rows = [[-1, 3, -4, -5], [2, 1, -3, -2], [4, 1, -6, 2], [0, -2, 5, 1]]
maps = torch.tensor(rows).float()[None, None].requires_grad_()
pooled = torch.nn.functional.max_pool2d(maps.relu(), 2)
pooled.backward(torch.tensor([[[[10.0, 20.0], [30.0, 40.0]]]]))
answer = maps.grad[0, 0]
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: [[0, 10, 0, 0], [0, 0, 0, 0], [30, 0, 0, 0], [0, 0, 40, 0]],
    mistakes=(
        Mistake(
            "ReLU is forgotten",
            lambda: _through_pooling([[10, 20], [30, 40]], relu=False),
            "In one window all numbers are below 0.",
        ),
        Mistake(
            "the first of the four zeros gets a gradient",
            lambda: [[0, 10, 20, 0], [0, 0, 0, 0], [30, 0, 0, 0], [0, 0, 40, 0]],
            "Before ReLU it was below 0.",
        ),
        Mistake(
            "every positive number gets a gradient",
            lambda: [[0, 10, 0, 0], [10, 10, 0, 0], [30, 30, 0, 40], [0, 0, 40, 40]],
            "A number that is not the largest of its window does not change the result.",
        ),
        Mistake(
            "every number gets a share",
            lambda: (
                torch.tensor([[10.0, 20], [30, 40]])
                .repeat_interleave(2, dim=0)
                .repeat_interleave(2, dim=1)
                / 4
            ),
            "That is average pooling.",
        ),
        Mistake(
            "each gradient is multiplied by the number itself",
            lambda: [[0, 30, 0, 0], [0, 0, 0, 0], [120, 0, 0, 0], [0, 0, 200, 0]],
            "The derivative of the largest number with respect to itself is 1.",
        ),
        Mistake(
            "those are the numbers that pass",
            lambda: [[0, 3, 0, 0], [0, 0, 0, 0], [4, 0, 0, 0], [0, 0, 5, 0]],
            "The question asks for gradients.",
        ),
        Mistake(
            "the gradients are those of the sum",
            lambda: _through_pooling([[1, 1], [1, 1]]),
            "What arrives at the pooled numbers is given, and is passed on.",
        ),
        Mistake(
            "that is one number for each window",
            lambda: [[10, 0], [30, 40]],
            "The question asks for all numbers before ReLU.",
        ),
    ),
    remark="Three of 16: the fourth window is dead for this image.",
)


def _features_scores_labels() -> list[tuple[object, ...]]:
    features = torch.tensor([[1.0, 0.0, 2.0], [0.5, 3.0, 0.0]])
    scores = torch.tensor([[0.5, -1.0], [2.0, 1.0]])
    more = torch.tensor([[2.0, 1.0], [0.0, 4.0], [1.0, 1.0]])
    four = torch.tensor([[0.0, 1.0, 2.0, -1.0], [1.0, 0.5, 0.0, 0.0], [3.0, 2.0, 1.0, 0.0]])
    return [
        (features, scores, torch.tensor([0, 1])),
        (more, four, torch.tensor([3, 0, 1])),
    ]


_Gradient = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def _by_autograd(
    features: torch.Tensor, scores: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Add a matrix of zeros times the features to the scores, and differentiate by the matrix."""
    matrix = torch.zeros(scores.shape[1], features.shape[1], requires_grad=True)
    loss = torch.nn.functional.cross_entropy(scores + features @ matrix.T, labels)
    return torch.autograd.grad(loss, matrix)[0]


def _by_rule(rule: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> _Gradient:
    """Return a function that makes the gradient of the scores by a rule."""

    def gradient(
        features: torch.Tensor, scores: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        one_hot = torch.nn.functional.one_hot(labels, scores.shape[1]).to(scores.dtype)
        return rule(scores, one_hot).T @ features

    return gradient


_matrix_gradient = Exercise(
    "Write a function ``matrix_grad(features, scores, labels)``: the gradient of the mean "
    "cross-entropy with respect to the weights of the last linear layer. ``features`` has the "
    "shape ``(n, features)``, ``scores`` ``(n, classes)``, and ``labels`` are the ``n`` numbers of "
    "the right classes. The result has the shape of the weights, ``(classes, features)``. Hand in "
    "the function.",
    hint="``torch.nn.functional.one_hot`` makes the labels one-hot. The matrix product of which "
    "two tensors has the right shape and adds up over the images?",
    solution="""
import torch


def matrix_grad(features, scores, labels):
    one_hot = torch.nn.functional.one_hot(labels, scores.shape[1])
    g_scores = (scores.softmax(dim=1) - one_hot) / len(scores)
    return g_scores.T @ features


answer = matrix_grad
""",
    kind=Function(_features_scores_labels),
    right=lambda: _by_autograd,
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "it is the gradient of the sum and not of the mean",
            lambda: _by_rule(lambda scores, one_hot: scores.softmax(1) - one_hot),
            "Divide by the number of images.",
        ),
        Mistake(
            "the sign is wrong",
            lambda: _by_rule(lambda scores, one_hot: (one_hot - scores.softmax(1)) / len(scores)),
            "It is the probabilities minus the label.",
        ),
        Mistake(
            "the label is missing",
            lambda: _by_rule(lambda scores, one_hot: scores.softmax(1) / len(scores)),
            "Subtract it from the probabilities.",
        ),
        Mistake(
            "the scores have not become probabilities",
            lambda: _by_rule(lambda scores, one_hot: (scores - one_hot) / len(scores)),
            "There is a softmax in the loss.",
        ),
        Mistake(
            "the softmax is taken over the images",
            lambda: _by_rule(lambda scores, one_hot: (scores.softmax(0) - one_hot) / len(scores)),
            "The probabilities of an image add up to 1, so the softmax runs over ``dim=1``.",
        ),
        Mistake(
            "it is divided by the number of all scores",
            lambda: _by_rule(
                lambda scores, one_hot: (scores.softmax(1) - one_hot) / scores.numel()
            ),
            "The mean is over the images.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: lambda *given: _by_autograd(*given).T,
            "A row belongs to a class.",
        ),
        Mistake(
            "the features are forgotten",
            lambda: (
                lambda features, scores, labels: _by_autograd(
                    torch.ones_like(features), scores, labels
                )
            ),
            "A weight gets the gradient of its score times its feature.",
        ),
    ),
    remark="The last layer of nearly every classifier has this gradient.",
)


EXERCISES = (
    _score_gradient,
    _map_gradient,
    _matrix_gradient,
)
