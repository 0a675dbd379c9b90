"""How the texts of the book write numbers and grids; what the tests of their answers share."""

from collections.abc import Callable

import torch
from torch import Tensor


def image_of(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)[None, None]


def written(tensor: Tensor) -> str:
    """Write a grid as in the texts; whole numbers have no point."""
    grid = tensor.reshape(tensor.shape[-2:]).tolist()
    return str([[int(x) if x == int(x) else x for x in row] for row in grid])


def listed(numbers: Tensor | list[float]) -> str:
    values = numbers.flatten().tolist() if isinstance(numbers, Tensor) else numbers
    return ", ".join(f"{number:g}" for number in values)


def distinct(tensor: Tensor) -> list[float]:
    return sorted(set(tensor.flatten().tolist()))


def word(claim: object, true: str, false: str) -> str:
    return true if claim else false


def gradient_of(function: Callable[[Tensor], Tensor], *at: float) -> list[float]:
    leaf = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    numbers: list[float] = torch.autograd.grad(function(leaf), leaf)[0].tolist()
    return numbers
