"""Exercises on accuracy and on the loss of a network that has learned nothing."""

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, THREE_DECIMALS, Exercise, Mistake

__all__ = ["EXERCISES"]

_accuracy_from_confusion = Exercise(
    "A network classifies 20 images into three classes. Its confusion matrix is ``[[8, 2, 0], [1, "
    "3, 0], [0, 1, 5]]``. What is its accuracy, from 0 to 1?",
    hint="Row and column, the actual and the predicted class, agree only on the diagonal.",
    solution="""
import torch

matrix = torch.tensor([[8, 2, 0], [1, 3, 0], [0, 1, 5]])
answer = matrix.diagonal().sum() / matrix.sum()
""",
    kind=Numbers("one number"),
    right=lambda: 0.8,
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "that is the number of correct images, not their fraction",
            lambda: 16,
            "Divide by the number of all images.",
        ),
        Mistake(
            "that is the fraction of mistakes",
            lambda: 0.2,
            "Accuracy counts the images on the diagonal.",
        ),
        Mistake(
            "that is the mean over the classes",
            lambda: (8 / 10 + 3 / 4 + 5 / 6) / 3,
            "Accuracy counts images, so a class of many images weighs more.",
        ),
        Mistake(
            "the sum is divided by the number of entries",
            lambda: 16 / 9,
            "An entry can count many images; divide by the number of images.",
        ),
        Mistake("that is in percent", lambda: 80, "A fraction is between 0 and 1."),
    ),
    remark="16 of 20 lie on the diagonal.",
)


def _accuracy(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return (scores.argmax(dim=1) == labels.argmax(dim=1)).float().mean()


_accuracy_function = Exercise(
    "Write a function ``accuracy(scores, labels)``. Both are tensors of shape ``(n, classes)``: "
    "the scores of a network, and one-hot labels. It returns the fraction of images whose "
    "largest score belongs to their class.",
    hint="``argmax(dim=1)`` finds the column of the largest number in each row. The same works for "
    "labels. Booleans have no mean: ``.float()`` turns False and True into 0 and 1.",
    solution="""
def accuracy(scores, labels):
    return (scores.argmax(dim=1) == labels.argmax(dim=1)).float().mean()

answer = accuracy
""",
    kind=Function(
        lambda: [
            (
                torch.tensor([[2.0, 1, 0], [0, 3, 1], [1, 0, 4], [0, 2, 1], [5, 1, 2]]),
                torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
            ),
            (torch.tensor([[-3.0, -1.0], [-1.0, -2.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])),
        ]
    ),
    right=lambda: _accuracy,
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "that is the number of correct images, not their fraction",
            lambda: lambda s, y: (s.argmax(1) == y.argmax(1)).sum(),
            "The mean of zeros and ones is a fraction.",
        ),
        Mistake(
            "the maximum is taken in each column",
            lambda: lambda s, y: (s.argmax(0) == y.argmax(0)).float().mean(),
            "An image is a row: axis 0 runs over the images, axis 1 over the classes.",
        ),
        Mistake(
            "the scores themselves are compared with the labels",
            lambda: lambda s, y: (s == y).float().mean(),
            "Scores can be any numbers; compare the positions of the largest in each row.",
        ),
        Mistake(
            "that is the fraction of mistakes",
            lambda: lambda s, y: (s.argmax(1) != y.argmax(1)).float().mean(),
            "Accuracy counts where the two agree.",
        ),
        Mistake(
            "that is in percent",
            lambda: lambda s, y: 100 * _accuracy(s, y),
            "A fraction is between 0 and 1.",
        ),
    ),
    remark="It is the line of the page, as a function.",
)

_loss_of_equal_scores = Exercise(
    "A network that has learned nothing gives each of ten classes the same score, and so the same "
    "probability. What is its cross-entropy? Three decimals are enough.",
    hint="The probability of the right class is 1/10. The loss is minus its natural logarithm, "
    "and the same for every image.",
    solution="""
import torch

scores = torch.zeros(4, 10)
answer = torch.nn.functional.cross_entropy(scores, torch.tensor([3, 1, 4, 1]))
""",
    kind=Numbers("one number"),
    right=lambda: 2.302585,
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "that is the probability",
            lambda: 0.1,
            "The loss is minus its logarithm.",
        ),
        Mistake(
            "the sign is wrong",
            lambda: -2.302585,
            "The logarithm of a probability is negative; the loss is minus that.",
        ),
        Mistake(
            "that is the logarithm to base 10",
            lambda: 1,
            "Cross-entropy uses the natural logarithm, ``math.log``.",
        ),
        Mistake(
            "that is the logarithm to base 2",
            lambda: 3.321928,
            "Cross-entropy uses the natural logarithm, ``math.log``.",
        ),
        Mistake(
            "that adds up over the classes",
            lambda: 23.02585,
            "Only the probability of the right class counts.",
        ),
    ),
    remark="If the first loss is far above that, the network is sure of wrong classes.",
)


EXERCISES = (
    _accuracy_from_confusion,
    _accuracy_function,
    _loss_of_equal_scores,
)
