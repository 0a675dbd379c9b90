"""Exercises on data loaders, evaluation mode and mini-batches."""

import contextlib
import copy
from collections.abc import Callable
from functools import partial

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, THREE_DECIMALS, Exercise, Mistake
from cnnbook.exercises._messages import say

__all__ = ["EXERCISES"]

_left_out_images = Exercise(
    "A training has 60,000 images, and its loader has ``batch_size=128``, ``shuffle=True`` and "
    "``drop_last=True``. How many of the images are left out in each epoch?",
    hint="How many full mini-batches are there, and how many images are in all of them?",
    solution="""
from torch.utils.data import DataLoader

loader = DataLoader(range(60_000), batch_size=128, shuffle=True, drop_last=True)
answer = 60_000 - sum(len(batch) for batch in loader)
""",
    kind=Numbers("one number"),
    right=lambda: 60_000 % 128,
    mistakes=(
        Mistake(
            "that is how many are missing in the last mini-batch",
            lambda: 128 - 60_000 % 128,
            "How many does it have?",
        ),
        Mistake(
            "that is how many are used",
            lambda: 60_000 - 60_000 % 128,
            "The question asks for the others.",
        ),
        Mistake(
            "that is the number of mini-batches",
            lambda: 60_000 // 128,
            "The question asks for images.",
            others=(lambda: 60_000 // 128 + 1, lambda: 60_000 / 128),
        ),
        Mistake(
            "every image is used",
            lambda: 0,
            "That would be so without ``drop_last``, or if the mini-batches divided the images "
            "without a remainder.",
        ),
        Mistake(
            "a whole mini-batch is left out",
            lambda: 128,
            "What is left out is the one that is not full.",
        ),
        Mistake(
            "that is the share of a mini-batch",
            lambda: 0.75,
            "Multiply it by the size of a mini-batch.",
        ),
    ),
    remark="468 * 128 = 59,904. In the next epoch they are other images.",
)


def _networks_and_images() -> list[tuple[torch.nn.Module, torch.Tensor]]:
    norm = torch.nn.BatchNorm1d(2)
    norm.running_mean = torch.tensor([1.0, -2.0])
    norm.running_var = torch.tensor([4.0, 0.25])
    images = torch.tensor([[3.0, -1.0], [5.0, 1.0], [2.0, 0.0]])
    return [(norm, images), (copy.deepcopy(norm).eval(), images[:2] - 0.5)]


def _scores(net: torch.nn.Module, images: torch.Tensor, *, training: bool) -> torch.Tensor:
    with torch.no_grad():
        scores: torch.Tensor = copy.deepcopy(net).train(training)(images)
    return scores


def _object_to_predict(predict: Callable[[torch.nn.Module, torch.Tensor], object]) -> str:
    """Say what else is wrong with a function whose scores are right."""
    # A function that fails now, after results that were right, is judged by what it did until then.
    with contextlib.suppress(Exception):
        for net, images in _networks_and_images():
            was_training = net.training
            scores = predict(net, images)
            if isinstance(scores, torch.Tensor) and scores.requires_grad:
                return say("recorded")
            if net.training != was_training:
                return say("left_evaluating" if was_training else "left_training")
    return ""


_predict_function = Exercise(
    "Write a function ``predict(net, images)`` that returns the scores of a network in evaluation "
    "mode, without recording anything for ``backward``. Afterwards the network must be in the mode "
    "in which it was before. Hand in the function.",
    hint="``net.training`` says in which mode a network is, and ``net.train(mode)`` sets it.",
    solution="""
import torch


@torch.no_grad()
def predict(net, images):
    mode = net.training
    net.eval()
    scores = net(images)
    net.train(mode)
    return scores


answer = predict
""",
    kind=Function(_networks_and_images),
    right=lambda: partial(_scores, training=False),
    condition=_object_to_predict,
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the network has computed in training mode",
            lambda: partial(_scores, training=True),
            "``no_grad`` does not change the mode.",
        ),
        Mistake(
            "the network has computed in the mode in which it was",
            lambda: lambda net, images: _scores(net, images, training=net.training),
            "In training mode, dropout and batch normalization compute something else.",
        ),
        Mistake(
            "that is the number of the class",
            lambda: lambda net, images: _scores(net, images, training=False).argmax(dim=1),
            "All scores are asked for.",
        ),
        Mistake(
            "those are probabilities",
            lambda: lambda net, images: _scores(net, images, training=False).softmax(dim=1),
            "The scores are what the network returns, before a softmax.",
        ),
        Mistake(
            "that is the largest score of each image",
            lambda: lambda net, images: _scores(net, images, training=False).amax(dim=1),
            "The scores of all classes are asked for.",
        ),
        Mistake(
            "the images have not gone through the network",
            lambda: lambda net, images: images.clone(),
            "Call the network, with the images.",
        ),
    ),
    remark="cnnbook.metrics.predict_scores does this, too.",
)

_two_small_updates = Exercise(
    "A network computes weight times pixel, and its weight is 0. There are two images of one "
    "pixel each: the first pixel is 1, the second 2, and the target of both is 6. The loss is the "
    "mean of the squared errors, the optimizer SGD with a rate of 1/8. What is the weight after "
    "one epoch with ``batch_size=1`` and without shuffling?",
    hint="There are two updates. The gradient of an image is twice its error times its pixel. With "
    "which weight is the second error computed?",
    solution="""
weight = 0
for pixel in (1, 2):
    weight = weight - 2 * (weight * pixel - 6) * pixel / 8
answer = weight
""",
    kind=Numbers("one number"),
    right=lambda: 1.5 + (6 - 2 * 1.5) * 2 * 2 / 8,
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "that is the weight after one update with both images, or the pixel is forgotten",
            lambda: 2.25,
            "With one image at a time there are two updates, and each gradient is twice the error "
            "times the pixel.",
        ),
        Mistake(
            "both gradients are computed with the first weight",
            lambda: 4.5,
            "The second image sees the weight that the first update has left.",
        ),
        Mistake(
            "that is the weight after the first image",
            lambda: 1.5,
            "An epoch takes all images.",
        ),
        Mistake(
            "the factor of the square is forgotten",
            lambda: 1.875,
            "The gradient of a squared error is twice the error times the pixel.",
        ),
        Mistake(
            "the steps go along the gradient",
            lambda: -6,
            "A step goes against it.",
            others=(lambda: -4.5, lambda: -2.25),
        ),
        Mistake(
            "the images are taken in the other order",
            lambda: 3.75,
            "Without shuffling, the first image comes first.",
        ),
    ),
    remark="The full batch makes one update, with the mean of the gradients -12 and -24, to 2.25.",
)


EXERCISES = (
    _left_out_images,
    _predict_function,
    _two_small_updates,
)
