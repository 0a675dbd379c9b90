"""Exercises on colour images and on fine-tuning."""

import torch

from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, WHOLE_NUMBERS, Exercise, Mistake
from cnnbook.exercises._samples import asymmetric_image

__all__ = ["EXERCISES"]

_separable_parameters = Exercise(
    "``Conv2d(16, 32, 5)`` is replaced by a depthwise convolution of 5 x 5 and a 1 x 1 convolution "
    "after it, both with a bias. How many parameters do these two layers have together?",
    hint="The depthwise convolution has one slice of 5 x 5 for each of its 16 channels, and a bias "
    "for each. Each kernel of the 1 x 1 convolution has one weight for each of the 16 channels.",
    solution="""
import torch

from cnnbook.counting import count_parameters

answer = count_parameters(
    torch.nn.Sequential(torch.nn.Conv2d(16, 16, 5, groups=16), torch.nn.Conv2d(16, 32, 1))
)
""",
    kind=Numbers("one number"),
    right=lambda: 960,
    tolerance=WHOLE_NUMBERS,
    mistakes=(
        Mistake(
            "the biases are forgotten",
            lambda: 912,
            "Both layers have one for each channel that comes out.",
        ),
        Mistake(
            "one of the two layers has no bias in this count",
            lambda: 944,
            "Both layers have one for each channel that comes out.",
            others=(lambda: 928,),
        ),
        Mistake(
            "that is the ordinary convolution",
            lambda: 12_832,
            "There, each of the 32 kernels has a slice of 5 x 5 for each channel.",
            others=(lambda: 12_800,),
        ),
        Mistake(
            "that is the depthwise convolution alone",
            lambda: 416,
            "The 1 x 1 convolution comes after it.",
            others=(lambda: 400,),
        ),
        Mistake(
            "that is the 1 x 1 convolution alone",
            lambda: 544,
            "The depthwise convolution comes before it.",
            others=(lambda: 512,),
        ),
        Mistake(
            "the depthwise convolution outputs 32 channels in this count",
            lambda: 32 * 25 + 32 + 32 * 32 + 32,
            "It keeps the number of channels; the 1 x 1 convolution changes it.",
        ),
    ),
    remark="16*25 + 16 + 32*16 + 32; the ordinary convolution has 12,832.",
)


def _to_batch(image: torch.Tensor) -> torch.Tensor:
    return image.permute(2, 0, 1)[None].float() / 255


def _photographs() -> list[tuple[torch.Tensor]]:
    shapes = ((2, 4, 3), (3, 3, 3))
    return [((23 * asymmetric_image(*shape)).to(torch.uint8),) for shape in shapes]


_bytes_to_batch = Exercise(
    "Write a function that takes an image as most programs store it, a ``uint8`` tensor of shape "
    "``(rows, columns, 3)`` with numbers from 0 to 255, and returns a batch of this one image for "
    "a network: shape ``(1, 3, rows, columns)``, floating-point numbers from 0 to 1. Hand in the "
    "function.",
    hint="Move the last axis to the front, put an axis before it, and divide by the largest byte.",
    solution="""
def answer(image):
    return image.permute(2, 0, 1)[None].float() / 255
""",
    kind=Function(_photographs),
    right=lambda: _to_batch,
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the image is scrambled",
            lambda: lambda image: image.reshape(1, 3, *image.shape[:2]).float() / 255,
            "``reshape`` and ``view`` keep the order of the numbers and only divide them into new "
            "groups. Move the axis.",
        ),
        Mistake(
            "the numbers still go from 0 to 255",
            lambda: lambda image: 255 * _to_batch(image),
            "A network expects numbers from 0 to 1.",
        ),
        Mistake(
            "the image is scrambled, and its numbers still go from 0 to 255",
            lambda: lambda image: image.reshape(1, 3, *image.shape[:2]),
            "``reshape`` keeps the order of the numbers. Move the axis.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: lambda image: _to_batch(image).mT,
            "The order of the two stays as it is, and only the channels move.",
        ),
        Mistake(
            "the axis of the images is missing",
            lambda: lambda image: _to_batch(image)[0],
            "A batch of one image has four axes.",
        ),
        Mistake(
            "the channels are still the last axis",
            lambda: lambda image: image[None].float() / 255,
            "In torch they come before the rows.",
        ),
        Mistake(
            "red and blue are swapped",
            lambda: lambda image: _to_batch(image).flip(1),
            "The order of the channels stays as it is.",
        ),
        Mistake(
            "the numbers are divided by 256",
            lambda: lambda image: _to_batch(image) * 255 / 256,
            "The largest byte, 255, becomes 1.",
        ),
        Mistake(
            "the fractions are cut off",
            lambda: lambda image: _to_batch(image).floor(),
            "Divide floating-point numbers, and not whole ones.",
        ),
        Mistake(
            "every image is stretched to its own range",
            lambda: lambda image: _to_batch(image) / _to_batch(image).max(),
            "Divide by the same number for every image.",
        ),
    ),
    remark="``torchvision.transforms.v2.functional.to_image`` and ``to_dtype`` do this too.",
)

_new_last_layer = Exercise(
    "``small_cnn(image_shape=(3, 32, 32))`` was trained on colour images of ten classes. It gets a "
    "new last layer for 4 classes, and only this layer is trained. How many parameters does the "
    "training change?",
    hint="The convolution makes 31 of 32 pixels, pooling makes 15, and there are 16 feature maps. "
    "The new layer has a weight for each of these numbers and each class, and a bias for each "
    "class.",
    solution="""
import torch

from cnnbook.counting import count_parameters
from cnnbook.networks import small_cnn

net = small_cnn(image_shape=(3, 32, 32))
net.requires_grad_(False)
net[4] = torch.nn.Linear(net[4].in_features, 4)
answer = count_parameters(net, trainable_only=True)
""",
    kind=Numbers("one number"),
    right=lambda: 14_404,
    tolerance=WHOLE_NUMBERS,
    mistakes=(
        Mistake(
            "the convolution is counted too",
            lambda: 14_404 + 208,
            "It is frozen: training does not change it.",
        ),
        Mistake("the biases are forgotten", lambda: 14_400, "There is one for each class."),
        Mistake(
            "those are the frozen parameters",
            lambda: 208,
            "Count those of the new last layer.",
        ),
        Mistake(
            "that is the old last layer",
            lambda: 36_010,
            "The new one has 4 classes.",
            others=(lambda: 36_000,),
        ),
        Mistake(
            "that is the old network",
            lambda: 36_218,
            "Count the new last layer alone.",
        ),
        Mistake(
            "that is for images of 28 x 28 pixels",
            lambda: 4 * 2704 + 4,
            "Here they are 32 x 32: follow the size through convolution and pooling.",
            others=(lambda: 4 * 2704,),
        ),
        Mistake(
            "pooling makes 16 of 31 in this count",
            lambda: 4 * 16 * 16 * 16 + 4,
            "The last row and column are in no window.",
            others=(lambda: 4 * 16 * 16 * 16,),
        ),
    ),
    remark="4*3600 + 4, where 3600 is 16*15*15. The 208 of the convolution stay as they are.",
)


EXERCISES = (
    _separable_parameters,
    _bytes_to_batch,
    _new_last_layer,
)
