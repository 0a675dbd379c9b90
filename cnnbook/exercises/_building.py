"""Images and layers that several exercises use."""

import torch

from cnnbook.kernels import conv_from_kernel

__all__ = ["conv", "counting_image", "with_padding"]


def counting_image(*shape: int) -> torch.Tensor:
    """Return an image whose numbers have no symmetry that could hide a flip or a swap."""
    count = torch.Size(shape).numel()
    return (torch.arange(count) ** 2 % 11).float().reshape(shape)


def conv(*rows: list[float], bias: float = 0.0) -> torch.nn.Conv2d:
    """Return a layer with one kernel, given row by row."""
    return conv_from_kernel(torch.tensor(rows), bias)


def with_padding(layer: torch.nn.Conv2d, padding: int) -> torch.nn.Conv2d:
    """Give a layer a padding and return it."""
    layer.padding = (padding, padding)
    return layer
