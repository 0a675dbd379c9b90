"""Checks of weights, biases, groups and padding that all convolutions of the book share."""

from typing import Literal

import torch

from cnnbook._checks import (
    check_images,
    check_int,
    check_number_type,
    check_same_dtype_and_device,
    pair,
    summarize,
)
from cnnbook.shapes import same_padding

__all__ = [
    "Borders",
    "Padding",
    "borders_of",
    "check_bias",
    "check_grad_output",
    "check_groups",
    "check_kernel",
    "check_weight",
    "padded_size",
    "weight_size",
]

Padding = int | tuple[int, int] | Literal["same", "valid"]
Borders = tuple[tuple[int, int], tuple[int, int]]


def borders_of(
    kernel_size: tuple[int, int],
    stride: int | tuple[int, int],
    padding: Padding,
    dilation: int | tuple[int, int],
) -> Borders:
    """Return ``((top, bottom), (left, right))`` for every form of ``padding``."""
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(
                f"padding: expected 'same', 'valid', a whole number or a pair, "
                f"got {summarize(padding)}"
            )
        if padding == "valid":
            return (0, 0), (0, 0)
        if pair(stride, name="stride", minimum=1) != (1, 1):
            raise ValueError(
                f"padding: 'same' expects stride 1, got stride {stride}; "
                "a larger stride cannot keep the size"
            )
        return same_padding(kernel_size, dilation=dilation)
    rows, columns = pair(padding, name="padding", minimum=0)
    return (rows, rows), (columns, columns)


def padded_size(size: tuple[int, int], borders: Borders) -> tuple[int, int]:
    """Return the rows and columns of an image with its borders."""
    return size[0] + sum(borders[0]), size[1] + sum(borders[1])


def weight_size(weight: torch.Tensor) -> tuple[int, int]:
    """Return the rows and columns of a weight's kernels."""
    return weight.shape[2], weight.shape[3]


def check_groups(groups: int, count: int, counted: str) -> int:
    """Return ``groups``, or refuse it if it does not divide ``count`` (of ``counted``)."""
    groups = check_int(groups, name="groups", minimum=1)
    if count % groups:
        raise ValueError(f"groups: expected a divisor of the {count} {counted}, got {groups}")
    return groups


def check_kernel(
    images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, *, groups: int
) -> None:
    """Refuse a weight ``(out, c / groups, kh, kw)`` or a bias that does not fit the images."""
    check_images(images)
    check_number_type(images, name="images")
    channels = images.shape[1]
    groups = check_groups(groups, channels, "image channels")
    check_weight(weight)
    shape = tuple(weight.shape)
    if shape[1] != channels // groups:
        raise ValueError(
            f"weight: expected (out, {channels // groups}, kh, kw) for images of {channels} "
            f"channels in {groups} group(s), got {shape}"
        )
    if shape[0] % groups:
        raise ValueError(
            f"weight: expected a number of kernels divisible by groups={groups}, got {shape[0]}"
        )
    check_bias(bias, shape[0])
    check_same_dtype_and_device(images, "images", weight=weight, bias=bias)


def check_weight(weight: torch.Tensor, *, axes: str = "(out, in / groups, kh, kw)") -> None:
    """Refuse a weight without the four axes of a convolution, none of them empty."""
    if not isinstance(weight, torch.Tensor):
        raise TypeError(
            f"weight: expected a torch.Tensor of shape {axes}, got {type(weight).__name__}; "
            "convert with torch.tensor(weight)"
        )
    check_number_type(weight, name="weight")
    shape = tuple(weight.shape)
    if len(shape) != 4:
        remedy = "; add axes with weight[None, None]" if len(shape) == 2 else ""
        raise ValueError(f"weight: expected {axes}, got {shape}{remedy}")
    if 0 in shape:
        raise ValueError(f"weight: expected at least one weight along every axis, got {shape}")


def check_bias(bias: torch.Tensor | None, channels: int) -> None:
    """Refuse a bias that is neither None nor one number for each output channel."""
    if bias is None:
        return
    if not isinstance(bias, torch.Tensor):
        raise TypeError(
            f"bias: expected a torch.Tensor of shape ({channels},), got "
            f"{type(bias).__name__}; convert with torch.tensor([bias])"
        )
    if tuple(bias.shape) != (channels,):
        raise ValueError(
            f"bias: expected one number for each kernel, shape ({channels},), "
            f"got {tuple(bias.shape)}"
        )


def check_grad_output(
    grad_output: torch.Tensor, expected: tuple[int | None, int | None, int, int]
) -> None:
    """Refuse a gradient that lacks the output's shape; None in the shape allows any size."""
    check_images(grad_output, name="grad_output")
    check_number_type(grad_output, name="grad_output")
    shape = tuple(grad_output.shape)
    if any(want not in (None, got) for want, got in zip(expected, shape, strict=True)):
        named = ", ".join(
            name if want is None else str(want)
            for name, want in zip(("n", "out", "oh", "ow"), expected, strict=True)
        )
        raise ValueError(f"grad_output: expected the shape of the output, ({named}), got {shape}")
