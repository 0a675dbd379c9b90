"""Exercises on dropout, weight decay and early stopping."""

from collections.abc import Callable, Sequence

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, THREE_DECIMALS, Exercise, Mistake

__all__ = ["EXERCISES"]

_dropout = Exercise(
    "Four hidden units have the activations ``[2, 6, -4, 8]``. Dropout with ``p=0.6`` keeps the "
    "first and the third, and drops the others. What are the four outputs, during training?",
    hint="What is dropped becomes 0. By which factor must the others grow, so that the mean over "
    "all masks is the activation itself? Each unit is kept with probability 1 - p.",
    solution="""
import torch

activations = torch.tensor([2.0, 6.0, -4.0, 8.0])
kept = torch.tensor([1.0, 0.0, 1.0, 0.0])
answer = activations * kept / (1 - 0.6)
""",
    kind=Numbers("four numbers"),
    right=lambda: [5, 0, -10, 0],
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "the scaling is missing",
            lambda: [2, 0, -4, 0],
            "Without it, the sum of a layer would be smaller in training than in evaluation.",
        ),
        Mistake(
            "it is divided by p",
            lambda: [2 / 0.6, 0, -4 / 0.6, 0],
            "In torch, p is the probability that a unit is dropped, not that it is kept.",
            others=(lambda: [3.33, 0, -6.67, 0],),
        ),
        Mistake(
            "it is multiplied and not divided",
            lambda: [0.8, 0, -1.6, 0],
            "The units that are left have to make up for the others.",
            others=(lambda: [1.2, 0, -2.4, 0],),
        ),
        Mistake(
            "the wrong units are dropped",
            lambda: [0, 15, 0, 20],
            "A unit that is kept does not become 0.",
            others=(lambda: [0, 6, 0, 8], lambda: [0, 10, 0, 8 / 0.6]),
        ),
        Mistake(
            "that is what evaluation gives",
            lambda: [2, 6, -4, 8],
            "During training, units are dropped.",
            others=(lambda: [5, 15, -10, 20],),
        ),
    ),
    remark="The factor is 1 / (1 - 0.6) = 2.5.",
)

_adamw = Exercise(
    "A weight is 10 and its gradient is 2. What is the weight after the first update of "
    "``torch.optim.AdamW`` with ``lr=0.1`` and ``weight_decay=0.5``?",
    hint="AdamW does two things one after the other. The decay multiplies the weight by 1 minus "
    "the product of two options. How long is Adam's first step, whatever the gradient?",
    solution="""
import torch

answer = torch.tensor([10.0], requires_grad=True)
optimizer = torch.optim.AdamW([answer], lr=0.1, weight_decay=0.5)
answer.grad = torch.tensor([2.0])
optimizer.step()
""",
    kind=Numbers("one number"),
    right=lambda: (1 - 0.1 * 0.5) * 10 - 0.1,
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "the decay has no effect",
            lambda: 9.9,
            "That is Adam, with the decay in the gradient or without decay: its first step has the "
            "length of the learning rate.",
        ),
        Mistake(
            "that is plain gradient descent with decay",
            lambda: 10 - 0.1 * (2 + 0.5 * 10),
            "Adam divides the gradient by its size.",
        ),
        Mistake(
            "only the decay is done",
            lambda: 9.5,
            "The step of Adam comes on top.",
        ),
        Mistake(
            "the gradient is taken as it is",
            lambda: 9.8,
            "Adam divides it by its size, and the decay is missing.",
        ),
        Mistake(
            "the decay is not multiplied by the learning rate",
            lambda: 4.9,
            "In torch, the factor is 1 - lr * weight_decay.",
            others=(lambda: 5.0,),
        ),
        Mistake(
            "the step goes up",
            lambda: 9.6,
            "A positive gradient makes the weight smaller.",
        ),
    ),
    remark="(1 - 0.1 * 0.5) * 10 - 0.1: the decay depends on the weight, the step only on the sign "
    "of the gradient.",
)


def _kept_epoch(losses: Sequence[float], patience: int) -> int:
    best, kept, waited = float("inf"), 0, 0
    for epoch, loss in enumerate(losses, start=1):
        waited += 1
        if loss < best:
            best, kept, waited = loss, epoch, 0
        if waited >= patience:
            break
    return kept


def _first_rise(losses: Sequence[float], patience: int) -> int:
    rises = (epoch for epoch in range(1, len(losses)) if losses[epoch] >= losses[epoch - 1])
    return next(rises, len(losses))


def _stopping_epoch(losses: Sequence[float], patience: int) -> int:
    return min(_kept_epoch(losses, patience) + patience, len(losses))


def _shifted(
    function: Callable[[Sequence[float], int], int], by: int
) -> Callable[[Sequence[float], int], int]:
    return lambda losses, patience: function(losses, patience + by)


_early_stopping = Exercise(
    "Write a function ``kept_epoch(losses, patience)``. It takes the validation losses of the "
    "epochs, a list. Training stops as soon as ``patience`` epochs in a row are not below the "
    "lowest loss before them, or at the end of the list. The function returns the epoch, counted "
    "from 1, whose parameters are kept. Hand in the function.",
    hint="Go through the list. Remember the lowest loss so far and its epoch. How many epochs have "
    "passed since?",
    solution="""
def kept_epoch(losses, patience):
    best = 0
    for epoch in range(len(losses)):
        if losses[epoch] < losses[best]:
            best = epoch
        if epoch - best == patience:
            break
    return best + 1


answer = kept_epoch
""",
    kind=Function(
        lambda: [
            ([0.9, 0.7, 0.8, 0.6, 0.65, 0.7, 0.61, 0.5, 0.6, 0.7, 0.8, 0.9, 0.4], 3),
            ([3.0, 2.0, 2.0, 1.0, 1.5, 0.5], 2),
            ([2.0, 1.0, 1.0, 1.5, 0.5, 0.7], 2),
            ([1.0, 2.0, 3.0, 0.5], 2),
            ([4.0, 3.0, 2.0], 1),
        ],
    ),
    right=lambda: _kept_epoch,
    mistakes=(
        Mistake(
            "the epochs are counted from 0",
            lambda: lambda losses, patience: _kept_epoch(losses, patience) - 1,
            "The first epoch has the number 1.",
        ),
        Mistake(
            "that is the epoch after which training stops",
            lambda: _stopping_epoch,
            "The parameters that are kept are those of an earlier epoch.",
        ),
        Mistake(
            "the training does not stop",
            lambda: lambda losses, patience: losses.index(min(losses)) + 1,
            "What comes after the stop was never computed.",
        ),
        Mistake(
            "it has no patience",
            lambda: _first_rise,
            "Training goes on until `patience` epochs in a row have brought nothing.",
        ),
        Mistake(
            "that is the loss and not the epoch",
            lambda: lambda losses, patience: losses[_kept_epoch(losses, patience) - 1],
            "Return the number of the epoch.",
        ),
        Mistake(
            "it stops one epoch late",
            lambda: _shifted(_kept_epoch, 1),
            "With a patience of 1, the first epoch that is not better is the last.",
        ),
        Mistake(
            "it stops one epoch early",
            lambda: _shifted(_kept_epoch, -1),
            "With a patience of 2, one epoch that is not better may be followed by a better one.",
        ),
        Mistake(
            "an equal loss counts as better",
            lambda: _kept_epoch_with_ties,
            "Only a loss below the lowest one starts the count again.",
        ),
    ),
    tolerance=FLOAT32_TOLERANCE,
    remark="Patience is a choice as well: a long one costs epochs, a short one may stop too early.",
)


def _kept_epoch_with_ties(losses: Sequence[float], patience: int) -> int:
    best = 0
    for epoch, loss in enumerate(losses):
        best = epoch if loss <= losses[best] else best
        if epoch - best == patience:
            break
    return best + 1


EXERCISES = (
    _dropout,
    _adamw,
    _early_stopping,
)
