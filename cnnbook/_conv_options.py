"""Checks of kernels, weights and padding that every convolution of the book shares."""

from typing import Literal

import torch

from cnnbook._checks import (
    check_images,
    check_int,
    check_number_type,
    check_same_dtype_and_device,
    pair,
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
    """Return ``((top, bottom), (left, right))`` for every way to ask for padding."""
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(
                f"padding: expected 'same', 'valid', a whole number or a pair, got {padding!r}"
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


def weight_size(weight: torch.Tensor) -> tuple[int, int]:
    return weight.shape[2], weight.shape[3]


def check_groups(groups: int, weight: torch.Tensor) -> int:
    groups = check_int(groups, name="groups", minimum=1)
    if weight.shape[0] % groups:
        raise ValueError(
            f"groups: expected a divisor of the {weight.shape[0]} kernels, got {groups}"
        )
    return groups


def padded_size(size: tuple[int, int], borders: Borders) -> tuple[int, int]:
    return size[0] + sum(borders[0]), size[1] + sum(borders[1])


def check_kernel(
    images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, *, groups: int
) -> None:
    """Refuse a kernel or a bias that does not belong to these images.

    Args:
        images: Images ``(n, c, h, w)``.
        weight: Kernels ``(out, c / groups, kh, kw)``.
        bias: One number for each kernel, shape ``(out,)``, or None.
        groups: How many groups the channels are divided into.

    Raises:
        TypeError: Something is not a tensor, counts in whole numbers, or differs in dtype.
        ValueError: A shape or a device does not fit.

    Examples:
        >>> import torch
        >>> from cnnbook._conv_options import check_kernel
        >>> check_kernel(torch.zeros(1, 3, 4, 4), torch.zeros(5, 3, 2, 2), None, groups=1)
        >>> check_kernel(torch.zeros(1, 3, 4, 4), torch.zeros(5, 1, 2, 2), None, groups=1)
        Traceback (most recent call last):
            ...
        ValueError: weight: expected (out, 3, kh, kw) for images of 3 channels in 1 group(s), \
got (5, 1, 2, 2)

    Source:
        Derived here; the shapes are those of torch.nn.functional.conv2d.
    """
    check_images(images)
    check_number_type(images, name="images")
    channels = images.shape[1]
    groups = check_int(groups, name="groups", minimum=1)
    if channels % groups:
        raise ValueError(
            f"groups: expected a divisor of the {channels} image channels, got {groups}"
        )
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
    """Refuse a weight that does not have the four axes of a convolution's.

    Args:
        weight: What should be a tensor of that many axes, none of them empty.
        axes: What the axes stand for, for the error message.

    Raises:
        TypeError: ``weight`` is not a tensor, or counts in whole numbers.
        ValueError: It does not have four axes, or one is empty.

    Examples:
        >>> import torch
        >>> from cnnbook._conv_options import check_weight
        >>> check_weight(torch.zeros(1, 1, 2, 2))
        >>> check_weight(torch.zeros(2, 2))
        Traceback (most recent call last):
            ...
        ValueError: weight: expected (out, in / groups, kh, kw), got (2, 2); \
add axes with weight[None, None]

    Source:
        Derived here; the axes are those of torch.nn.functional.conv2d.
    """
    if not isinstance(weight, torch.Tensor):
        raise TypeError(
            f"weight: expected a torch.Tensor of shape {axes}, got {type(weight).__name__}; "
            "convert with torch.tensor(weight)"
        )
    if weight.layout != torch.strided:
        raise TypeError(
            f"weight: expected a dense tensor, got {weight.layout}; convert with weight.to_dense()"
        )
    check_number_type(weight, name="weight")
    shape = tuple(weight.shape)
    if len(shape) != 4:
        remedy = "; add axes with weight[None, None]" if len(shape) == 2 else ""
        raise ValueError(f"weight: expected {axes}, got {shape}{remedy}")
    if 0 in shape:
        raise ValueError(f"weight: expected at least one weight along every axis, got {shape}")


def check_bias(bias: torch.Tensor | None, channels: int) -> None:
    """Refuse a bias that does not hold one number for each output channel.

    Args:
        bias: What should be a tensor ``(channels,)`` or None.
        channels: How many output channels there are.

    Raises:
        TypeError: ``bias`` is something else.
        ValueError: Its shape differs.

    Examples:
        >>> import torch
        >>> from cnnbook._conv_options import check_bias
        >>> check_bias(torch.zeros(3), 3)
        >>> check_bias(torch.zeros(3, 1), 3)
        Traceback (most recent call last):
            ...
        ValueError: bias: expected one number for each kernel, shape (3,), got (3, 1)

    Source:
        Derived here.
    """
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
    """Refuse a gradient whose shape is not that of the layer's output.

    Args:
        grad_output: What should be the gradient of a loss by a layer's output.
        expected: The output's shape; None where any number of images or channels will do.

    Raises:
        TypeError: ``grad_output`` is not a tensor, or counts in whole numbers.
        ValueError: Its shape differs.

    Examples:
        >>> import torch
        >>> from cnnbook._conv_options import check_grad_output
        >>> check_grad_output(torch.zeros(5, 1, 2, 2), (None, 1, 2, 2))
        >>> check_grad_output(torch.zeros(5, 1, 2, 2), (None, 1, 3, 3))
        Traceback (most recent call last):
            ...
        ValueError: grad_output: expected the shape of the output, (n, 1, 3, 3), got (5, 1, 2, 2)

    Source:
        Derived here.
    """
    check_images(grad_output, name="grad_output")
    check_number_type(grad_output, name="grad_output")
    shape = tuple(grad_output.shape)
    if any(want not in (None, got) for want, got in zip(expected, shape, strict=True)):
        named = ", ".join(
            name if want is None else str(want)
            for name, want in zip(("n", "out", "oh", "ow"), expected, strict=True)
        )
        raise ValueError(f"grad_output: expected the shape of the output, ({named}), got {shape}")
