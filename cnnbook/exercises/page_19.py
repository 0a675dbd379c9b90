"""Exercises on sharing a batch among processes."""

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, Exercise, Mistake

__all__ = ["EXERCISES"]

_shard_sizes = Exercise(
    "A batch of 23 images is shared among five processes as evenly as possible; if a remainder is "
    "left, the first ones take one more each. How many images does each take?",
    hint="``divmod(23, 5)``: how many has each at least, and how many are left over?",
    solution="""
import torch

from cnnbook.engine.distributed import Processes

cpu = torch.device("cpu")
shards = [Processes(rank, 5, cpu).shard(23) for rank in range(5)]
answer = [shard.stop - shard.start for shard in shards]
""",
    kind=Numbers("a row of five numbers"),
    right=lambda: [5, 5, 5, 4, 4],
    mistakes=(
        Mistake(
            "the last process has too few",
            lambda: [5, 5, 5, 5, 3],
            "No two may differ by more than one.",
        ),
        Mistake(
            "one process has too many",
            lambda: [4, 4, 4, 4, 7],
            "The remainder is shared too, one image each.",
            others=(lambda: [7, 4, 4, 4, 4],),
        ),
        Mistake(
            "the last ones take one more",
            lambda: [4, 4, 5, 5, 5],
            "The first ones do.",
        ),
        Mistake(
            "some images are lost",
            lambda: [4, 4, 4, 4, 4],
            "Add them up: it must be the whole batch.",
        ),
        Mistake(
            "there are fewer images than that",
            lambda: [5, 5, 5, 5, 5],
            "Add them up: it must be the whole batch.",
        ),
        Mistake(
            "an image cannot be divided",
            lambda: [4.6, 4.6, 4.6, 4.6, 4.6],
            "Share whole images.",
        ),
    ),
    remark="All wait for the slowest, and it has at most one image more than the others.",
)


def _means_and_counts() -> list[tuple[object, ...]]:
    gradients = torch.tensor([[2.0, 0.0, -1.0], [-1.0, 3.0, 5.0], [4.0, 6.0, 2.0]])
    return [
        (gradients, torch.tensor([5, 3, 2])),
        (gradients[:2], torch.tensor([1, 4])),
    ]


_joined_gradient_function = Exercise(
    "Each process has the gradient of the *mean* loss of its own images. Write a function "
    "``joined(gradients, counts)``. It takes these gradients, a row for each process, of shape "
    "``(processes, parameters)``, and how many images each process had, ``(processes,)``, and "
    "returns the gradient of the mean loss of all images, ``(parameters,)``. Hand in the function.",
    hint="Turn each row into a sum again, with the number of its images: ``counts[:, None]`` is a "
    "column.",
    solution="""
def joined(gradients, counts):
    sums = gradients * counts[:, None]
    return sums.sum(dim=0) / counts.sum()


answer = joined
""",
    kind=Function(_means_and_counts),
    right=lambda: lambda gradients, counts: (counts.to(gradients) @ gradients) / counts.sum(),
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "all processes have the same weight",
            lambda: lambda gradients, counts: gradients.mean(dim=0),
            "A process with more images must count more.",
        ),
        Mistake(
            "the means are added up",
            lambda: lambda gradients, counts: gradients.sum(dim=0),
            "A sum of means is not a mean; the weights must add up to 1.",
        ),
        Mistake(
            "that is the gradient of the sum",
            lambda: lambda gradients, counts: (gradients * counts[:, None]).sum(dim=0),
            "It still has to be divided by the number of all images.",
        ),
        Mistake(
            "it is divided by the number of processes",
            lambda: lambda gradients, counts: (gradients * counts[:, None]).mean(dim=0),
            "The mean is over images.",
        ),
        Mistake(
            "the columns are multiplied by the counts",
            lambda: lambda gradients, counts: (gradients * counts).sum(dim=0) / counts.sum(),
            "A count belongs to a row: without an axis for columns, it meets the columns.",
        ),
        Mistake(
            "a process with fewer images counts more",
            lambda: (
                lambda gradients, counts: (
                    (gradients / counts[:, None]).sum(dim=0) / (1 / counts).sum()
                )
            ),
            "Multiply by the number of images; do not divide by it.",
        ),
    ),
    remark="The trainer needs no such step: its processes send sums.",
)


_gradient_bytes = Exercise(
    "Several processes train the desperate MLP: ``Linear(784, 2048)``, ReLU, ``Linear(2048, 10)``. "
    "How many bytes has the gradient that each of them sends in an update, in float32?",
    hint="The gradient has one number for each parameter. The biases are parameters too.",
    solution="""
from cnnbook.counting import count_parameters
from cnnbook.networks import mlp

answer = 4 * count_parameters(mlp())
""",
    kind=Numbers("one number"),
    right=lambda: 4 * (2048 * 784 + 2048 + 10 * 2048 + 10),
    mistakes=(
        Mistake(
            "those are the numbers and not their bytes",
            lambda: 2048 * 784 + 2048 + 10 * 2048 + 10,
            "A number in float32 has four bytes.",
        ),
        Mistake(
            "the biases are forgotten",
            lambda: 4 * (2048 * 784 + 10 * 2048),
            "Each unit has one, and it is trained like the weights.",
        ),
        Mistake(
            "that is for the small CNN",
            lambda: 4 * 27_130,
            "The MLP has many more parameters.",
        ),
        Mistake(
            "bits are taken for bytes",
            lambda: 32 * (2048 * 784 + 2048 + 10 * 2048 + 10),
            "The 32 in the name of float32 are bits, and eight of them are a byte.",
        ),
        Mistake(
            "a number is counted as eight bytes",
            lambda: 8 * (2048 * 784 + 2048 + 10 * 2048 + 10),
            "That would be float64.",
        ),
    ),
    remark="Sixty times as much as for the CNN: with few parameters there is also little to send.",
)


EXERCISES = (
    _shard_sizes,
    _joined_gradient_function,
    _gradient_bytes,
)
