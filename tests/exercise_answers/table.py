"""What a table of answers holds, and the names that the code in it uses."""

import importlib
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy
import torch
from torch import nn
from torch.nn import functional as F

from cnnbook.convolution import conv2d
from cnnbook.kernels import averaging_conv, conv_from_kernel
from cnnbook.pooling import relu


class Answers(NamedTuple):
    """Answers to one exercise, as Python code.

    Attributes:
        right: Forms of the right answer.
        wrong: Wrong answers, each with a part of the feedback on it.
    """

    right: tuple[str, ...]
    wrong: dict[str, str]


def conv(*rows: list[float], bias: float = 0.0, **options: Any) -> nn.Conv2d:
    """Make a layer of one kernel, given by its rows, with torch's own options."""
    layer = nn.Conv2d(1, 1, (len(rows), len(rows[0])), **options)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(rows))
        if layer.bias is not None:
            layer.bias.fill_(bias)
    return layer


def kernels(*each: list[list[float]], biases: tuple[float, ...] = (0, 0, 0)) -> nn.Conv2d:
    """Make a layer of three kernels of 2 x 2 for one channel."""
    layer = nn.Conv2d(1, 3, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(each)[:, None])
        layer.bias.copy_(torch.tensor(biases))  # type: ignore[union-attr]
    return layer


NAMES: dict[str, Any] = {
    "Decimal": Decimal,
    "F": F,
    "Fraction": Fraction,
    "averaging_conv": averaging_conv,
    "conv": conv,
    "conv2d": conv2d,
    "conv_from_kernel": conv_from_kernel,
    "kernels": kernels,
    "nn": nn,
    "np": np,
    "relu": relu,
    "scipy": scipy,
    "torch": torch,
}


def tables() -> dict[str, Answers]:
    """Return the answers to all exercises, by their numbers."""
    found: dict[str, Answers] = {}
    for file in sorted(Path(__file__).parent.glob("page_*.py")):
        found |= importlib.import_module(f"exercise_answers.{file.stem}").ANSWERS
    return found
