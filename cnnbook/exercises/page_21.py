"""Exercises on LeNet-5 and mini-batches."""

import math

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, Exercise, Mistake

__all__ = ["EXERCISES"]

_colour_lenet_parameters = Exercise(
    "LeNet-5, as it is taught today, takes colour images with three channels instead of grey ones, "
    "of the same 28 x 28 pixels. How many more parameters does it have?",
    hint="Only the first layer sees the image. Each of its six kernels has a slice of weights for "
    "each channel.",
    solution="""
from cnnbook.counting import count_parameters
from cnnbook.lenet import lenet5

colour = count_parameters(lenet5(image_shape=(3, 28, 28)))
answer = colour - count_parameters(lenet5())
""",
    kind=Numbers("one number"),
    right=lambda: 6 * 2 * 5 * 5,
    mistakes=(
        Mistake(
            "that is the number of weights that the layer has now",
            lambda: 6 * 3 * 5 * 5,
            "One of the three channels was there before.",
            others=(lambda: 6 * (3 * 5 * 5 + 1),),
        ),
        Mistake(
            "each channel gets a bias of its own",
            lambda: 6 * 2 * (5 * 5 + 1),
            "A kernel has one bias, however many channels it sees.",
        ),
        Mistake(
            "that is for one kernel",
            lambda: 2 * 5 * 5,
            "There are several kernels, and each sees all channels.",
        ),
        Mistake(
            "all layers are multiplied",
            lambda: 2 * 61_706,
            "The output of the first layer has as many channels as before.",
        ),
        Mistake(
            "that is one channel more",
            lambda: 6 * 5 * 5,
            "From one to three is a step of two.",
        ),
        Mistake(
            "that is how many it has then",
            lambda: 62_006,
            "How many more are these than before?",
        ),
    ),
    remark="Less than half a percent of the network: colour is cheap.",
)

_number_of_updates = Exercise(
    "A training has 60,000 images, mini-batches of 128 and 5 epochs; the last mini-batch of an "
    "epoch may be smaller. How many updates are made?",
    hint="How many mini-batches does an epoch have, when none of the images is left out?",
    solution="""
import torch

answer = 5 * len(torch.arange(60_000).split(128))
""",
    kind=Numbers("one number"),
    right=lambda: 5 * math.ceil(60_000 / 128),
    mistakes=(
        Mistake(
            "the last mini-batch is left out",
            lambda: 5 * (60_000 // 128),
            "It is smaller, and it is used.",
        ),
        Mistake(
            "that is not a whole number of updates per epoch",
            lambda: 5 * 60_000 / 128,
            "Round up in each epoch.",
        ),
        Mistake(
            "that is one epoch",
            lambda: math.ceil(60_000 / 128),
            "There are more epochs than one.",
            others=(lambda: 60_000 // 128,),
        ),
        Mistake(
            "that is the full batch",
            lambda: 5,
            "There is an update for each mini-batch, not for each epoch.",
        ),
        Mistake(
            "the images of all epochs are split together",
            lambda: math.ceil(5 * 60_000 / 128),
            "A mini-batch ends where its epoch ends.",
        ),
        Mistake(
            "every image is taken for an update",
            lambda: 5 * 60_000,
            "There is one update for each mini-batch.",
        ),
    ),
    remark="With the full batch there would have been five.",
)

_epoch_loss_function = Exercise(
    "Write a function ``epoch_loss(losses, sizes)``. It takes two tensors of shape ``(n,)``: the "
    "losses of the mini-batches of an epoch, each the mean over its images, and the number of "
    "images of each. It returns the mean over all images, one number. Hand in the function.",
    hint="A mean is a sum divided by a count. Which sum belongs to each mini-batch, and how many "
    "images are there in all?",
    solution="""
def epoch_loss(losses, sizes):
    return (losses * sizes).sum() / sizes.sum()


answer = epoch_loss
""",
    kind=Function(
        lambda: [
            (torch.tensor([2.0, 1.0, 6.0]), torch.tensor([4.0, 4.0, 2.0])),
            (torch.tensor([1.0, 3.0, 2.0, 5.0]), torch.tensor([3, 1, 4, 2])),
        ],
    ),
    right=lambda: (
        lambda losses, sizes: torch.dot(losses.double(), sizes.double() / sizes.double().sum())
    ),
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "every mini-batch counts the same",
            lambda: lambda losses, sizes: losses.mean(),
            "A smaller one has fewer images, and each image should count the same.",
        ),
        Mistake(
            "the losses are added up",
            lambda: lambda losses, sizes: losses.sum(),
            "Each is a mean already, over a different number of images.",
        ),
        Mistake(
            "that is the sum over all images",
            lambda: lambda losses, sizes: (losses * sizes).sum(),
            "Divide by the number of images.",
        ),
        Mistake(
            "it is divided by the number of mini-batches",
            lambda: lambda losses, sizes: (losses * sizes).mean(),
            "Divide by the number of images.",
        ),
        Mistake(
            "small mini-batches count most",
            lambda: lambda losses, sizes: (losses / sizes).sum() / (1 / sizes).sum(),
            "A mini-batch of many images should count more.",
        ),
        Mistake(
            "the sizes are left out of the sum",
            lambda: lambda losses, sizes: losses.sum() / sizes.sum(),
            "Each loss is a mean: turn it into a sum before you add.",
        ),
    ),
    remark="The loss of a full batch is added up from micro-batches in the same way.",
)


EXERCISES = (
    _colour_lenet_parameters,
    _number_of_updates,
    _epoch_loss_function,
)
