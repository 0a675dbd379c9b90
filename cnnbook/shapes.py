"""Output sizes of layers with their derivations, and shapes layer by layer through a network."""

import math
from dataclasses import dataclass
from typing import overload

import torch

from cnnbook._checks import check_bool, check_int, per_axis, summarize
from cnnbook._layers import ELEMENTWISE, as_pair, named_layers
from cnnbook._tables import html_table, text_table

__all__ = [
    "ShapeRow",
    "ShapeTable",
    "SizeDerivation",
    "derive_output_size",
    "output_size",
    "same_padding",
    "shape_table",
    "transposed_output_size",
]

_Size = int | tuple[int, int]


@dataclass(frozen=True)
class SizeDerivation:
    """The output size along one axis of a layer, with the arithmetic that gives it.

    Attributes:
        size: Input pixels along the axis.
        kernel_size: Kernel elements along the axis.
        stride: Pixels from one window to the next.
        padding: Pixels added at each end.
        dilation: Pixels from one kernel element to the next.
        ceil_mode: Whether a last, incomplete window counts.
        output_size: Windows along the axis.

    Examples:
        >>> from cnnbook.shapes import derive_output_size
        >>> print(derive_output_size(28, 2))
        floor((28 + 2*0 - 1*(2 - 1) - 1)/1) + 1 = 27
    """

    size: int
    kernel_size: int
    stride: int
    padding: int
    dilation: int
    ceil_mode: bool
    output_size: int

    def __str__(self) -> str:
        """Return the derivation as one line of arithmetic."""
        rounding = "ceil" if self.ceil_mode else "floor"
        line = (
            f"{rounding}(({self.size} + 2*{self.padding} - {self.dilation}*({self.kernel_size} - 1)"
            f" - 1)/{self.stride}) + 1"
        )
        remaining = self.size + 2 * self.padding - self.dilation * (self.kernel_size - 1) - 1
        if self.ceil_mode and -(-remaining // self.stride) + 1 != self.output_size:
            line += " - 1 (the last window would start beyond the image)"
        return f"{line} = {self.output_size}"


def derive_output_size(
    size: int,
    kernel_size: int,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> SizeDerivation:
    """Derive how many windows fit along one axis.

    The formula is the same for convolution and for pooling; ``str()`` of the result is the
    formula with the numbers filled in, to be compared with a calculation on paper.

    Args:
        size: Input pixels along the axis.
        kernel_size: Kernel elements along the axis.
        stride: Pixels from one window to the next.
        padding: Pixels added at each end.
        dilation: Pixels from one kernel element to the next.
        ceil_mode: Round up: a last window that extends beyond the end counts too.

    Returns:
        The arguments and the resulting size, in windows.

    Examples:
        >>> from cnnbook.shapes import derive_output_size
        >>> derive_output_size(4, 2).output_size
        3
        >>> print(derive_output_size(27, 2, stride=2))
        floor((27 + 2*0 - 1*(2 - 1) - 1)/2) + 1 = 13

        A kernel as large as the image has one window; a larger one does not fit.

        >>> derive_output_size(4, 4).output_size
        1
        >>> derive_output_size(4, 5)
        Traceback (most recent call last):
            ...
        ValueError: kernel_size: expected at most the padded size 4 + 2*0 = 4, got a kernel that \
spans 1*(5 - 1) + 1 = 5; use a smaller kernel or more padding

    Source:
        Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning,
        relationship 15; ``ceil_mode`` as documented for torch.nn.MaxPool2d.
    """
    size = check_int(size, name="size", minimum=1)
    kernel_size = check_int(kernel_size, name="kernel_size", minimum=1)
    stride = check_int(stride, name="stride", minimum=1)
    padding = check_int(padding, name="padding", minimum=0)
    dilation = check_int(dilation, name="dilation", minimum=1)
    ceil_mode = check_bool(ceil_mode, name="ceil_mode")
    span = dilation * (kernel_size - 1) + 1
    if span > size + 2 * padding:
        raise ValueError(
            f"kernel_size: expected at most the padded size {size} + 2*{padding} = "
            f"{size + 2 * padding}, got a kernel that spans {dilation}*({kernel_size} - 1) + 1 = "
            f"{span}; use a smaller kernel or more padding"
        )
    remaining = size + 2 * padding - span
    steps = -(-remaining // stride) if ceil_mode else remaining // stride
    # Like torch, drop a window that rounding up has added if it would start beyond the image.
    dropped = ceil_mode and steps * stride >= size + padding
    return SizeDerivation(
        size, kernel_size, stride, padding, dilation, ceil_mode, steps + 1 - dropped
    )


@overload
def output_size(
    size: int,
    kernel_size: int,
    *,
    stride: int = ...,
    padding: int = ...,
    dilation: int = ...,
    ceil_mode: bool = ...,
) -> int: ...
@overload
def output_size(
    size: tuple[int, int],
    kernel_size: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] = ...,
    padding: int | tuple[int, int] = ...,
    dilation: int | tuple[int, int] = ...,
    ceil_mode: bool = ...,
) -> tuple[int, int]: ...
@overload
def output_size(
    size: int,
    kernel_size: tuple[int, int],
    *,
    stride: int | tuple[int, int] = ...,
    padding: int | tuple[int, int] = ...,
    dilation: int | tuple[int, int] = ...,
    ceil_mode: bool = ...,
) -> tuple[int, int]: ...
def output_size(
    size: int | tuple[int, int],
    kernel_size: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    ceil_mode: bool = False,
) -> int | tuple[int, int]:
    """Count the windows that fit along one axis, or along both.

    Args:
        size: Input size in pixels, one number or (rows, columns).
        kernel_size: Kernel elements along the axis or axes.
        stride: Pixels from one window to the next.
        padding: Pixels added at each end.
        dilation: Pixels from one kernel element to the next.
        ceil_mode: Round up: a last window that extends beyond the end counts too.

    Returns:
        One number where every argument is one number, otherwise (rows, columns).

    Examples:
        >>> from cnnbook.shapes import output_size
        >>> output_size(4, 2)
        3
        >>> output_size((28, 20), 3, stride=(1, 2))
        (26, 9)

        Five pixels hold two windows of two, side by side. The last pixel is left over, unless
        an incomplete window counts.

        >>> output_size(5, 2, stride=2), output_size(5, 2, stride=2, ceil_mode=True)
        (2, 3)
        >>> output_size(28, 2.0)
        Traceback (most recent call last):
            ...
        TypeError: kernel_size: expected a whole number or a pair of them, got 2.0

    Source:
        Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning,
        relationship 15.
    """
    axes, any_pair = per_axis(
        size=size, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation
    )
    rows, columns = (derive_output_size(**axis, ceil_mode=ceil_mode).output_size for axis in axes)
    return (rows, columns) if any_pair else rows


@overload
def transposed_output_size(
    size: int,
    kernel_size: int,
    *,
    stride: int = ...,
    padding: int = ...,
    output_padding: int = ...,
    dilation: int = ...,
) -> int: ...
@overload
def transposed_output_size(
    size: tuple[int, int],
    kernel_size: _Size,
    *,
    stride: _Size = ...,
    padding: _Size = ...,
    output_padding: _Size = ...,
    dilation: _Size = ...,
) -> tuple[int, int]: ...
@overload
def transposed_output_size(
    size: int,
    kernel_size: tuple[int, int],
    *,
    stride: _Size = ...,
    padding: _Size = ...,
    output_padding: _Size = ...,
    dilation: _Size = ...,
) -> tuple[int, int]: ...
def transposed_output_size(
    size: _Size,
    kernel_size: _Size,
    *,
    stride: _Size = 1,
    padding: _Size = 0,
    output_padding: _Size = 0,
    dilation: _Size = 1,
) -> int | tuple[int, int]:
    """Compute the output size of a transposed convolution.

    It inverts ``output_size``: with the same options, an image of
    ``transposed_output_size(n, ...)`` pixels holds ``n`` windows. Where a stride leaves pixels
    over, several image sizes hold ``n`` windows, and ``output_padding`` chooses among them.

    Args:
        size: Input size in pixels, one number or (rows, columns).
        kernel_size: Kernel elements along the axis or axes.
        stride: Pixels from one window to the next in the output.
        padding: Pixels removed from each end of the output; a convolution with the same options
            adds them.
        output_padding: Pixels added at the end of the output, fewer than stride or dilation.
        dilation: Pixels from one kernel element to the next.

    Returns:
        One number where every argument is one number, otherwise (rows, columns).

    Examples:
        >>> from cnnbook.shapes import output_size, transposed_output_size
        >>> transposed_output_size(3, 2), output_size(4, 2)
        (4, 3)
        >>> transposed_output_size((13, 13), 2, stride=2)
        (26, 26)

        Pooling 27 pixels in pairs leaves the last one over; ``output_padding`` adds it again.

        >>> transposed_output_size(13, 2, stride=2, output_padding=1)
        27
        >>> transposed_output_size(1, 2, padding=1)
        Traceback (most recent call last):
            ...
        ValueError: padding: expected at least one pixel to be left, got \
(1 - 1)*1 - 2*1 + 1*(2 - 1) + 0 + 1 = 0; use less padding

    Source:
        Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning,
        relationship 14; ``output_padding`` as documented for torch.nn.ConvTranspose2d.
    """
    axes, any_pair = per_axis(
        size=size,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
    )
    rows, columns = (_derive_transposed_size(**axis)[0] for axis in axes)
    return (rows, columns) if any_pair else rows


def _derive_transposed_size(
    size: int, kernel_size: int, stride: int, padding: int, output_padding: int, dilation: int
) -> tuple[int, str]:
    """Return the size along one axis and its derivation."""
    if output_padding >= max(stride, dilation):
        raise ValueError(
            f"output_padding: expected fewer pixels than stride {stride} or dilation {dilation}, "
            f"got {output_padding}"
        )
    formula = (
        f"({size} - 1)*{stride} - 2*{padding} + {dilation}*({kernel_size} - 1) "
        f"+ {output_padding} + 1"
    )
    result = (size - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1
    if result < 1:
        raise ValueError(
            f"padding: expected at least one pixel to be left, got {formula} = {result}; "
            "use less padding"
        )
    return result, f"{formula} = {result}"


@overload
def same_padding(kernel_size: int, *, dilation: int = ...) -> tuple[int, int]: ...
@overload
def same_padding(
    kernel_size: tuple[int, int], *, dilation: _Size = ...
) -> tuple[tuple[int, int], tuple[int, int]]: ...
@overload
def same_padding(
    kernel_size: int, *, dilation: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]: ...
def same_padding(
    kernel_size: _Size, *, dilation: _Size = 1
) -> tuple[int, int] | tuple[tuple[int, int], tuple[int, int]]:
    """Compute the padding with which a convolution of stride 1 keeps the size.

    An odd kernel needs the same padding on both sides. An even one needs an odd number of pixels
    in all; like torch's ``padding="same"``, the end gets the additional pixel.

    Args:
        kernel_size: Kernel elements along the axis or axes.
        dilation: Pixels from one kernel element to the next.

    Returns:
        ``(before, after)`` in pixels where both arguments are one number, otherwise
        ``((top, bottom), (left, right))``.

    Examples:
        >>> from cnnbook.shapes import same_padding
        >>> same_padding(3)
        (1, 1)
        >>> same_padding((5, 2), dilation=1)
        ((2, 2), (0, 1))

        A 1 x 1 kernel needs none.

        >>> same_padding(1)
        (0, 0)
        >>> same_padding(0)
        Traceback (most recent call last):
            ...
        ValueError: kernel_size: expected at least 1, got 0

    Source:
        Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning,
        relationship 3 (half padding); even kernels as documented for torch.nn.Conv2d.
    """
    axes, any_pair = per_axis(kernel_size=kernel_size, dilation=dilation)
    totals = [axis["dilation"] * (axis["kernel_size"] - 1) for axis in axes]
    rows, columns = ((total // 2, total - total // 2) for total in totals)
    return (rows, columns) if any_pair else rows


@dataclass(frozen=True)
class ShapeRow:
    """One layer of a shape table.

    Attributes:
        name: The layer's name in its network.
        kind: Its class, such as ``Conv2d``.
        output_shape: Shape of its output for one image, without the batch axis.
        derivation: The arithmetic behind that shape; empty where the layer keeps the shape.

    Examples:
        >>> from cnnbook.shapes import ShapeRow
        >>> ShapeRow("3", "Flatten", (2704,), "16*13*13 = 2704").kind
        'Flatten'
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    derivation: str


@dataclass(frozen=True)
class ShapeTable:
    """The shape after every layer of a network with its derivation, for ``print``.

    Attributes:
        input_shape: Shape of one image.
        rows: One for each layer.

    Examples:
        >>> import torch
        >>> from cnnbook.shapes import shape_table
        >>> shape_table(torch.nn.Sequential(torch.nn.Flatten()), (1, 2, 2)).output_shape
        (4,)
    """

    input_shape: tuple[int, ...]
    rows: tuple[ShapeRow, ...]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the network's output for one image."""
        return self.rows[-1].output_shape if self.rows else self.input_shape

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        first = ["input", _format_shape(self.input_shape), ""]
        others = [
            [f"{row.name} {row.kind}", _format_shape(row.output_shape), row.derivation]
            for row in self.rows
        ]
        return ["layer", "output", "because"], [first, *others]

    def __str__(self) -> str:
        """Return the table as text."""
        return text_table(*self._cells())

    def _repr_html_(self) -> str:
        return html_table("Shapes for one image", *self._cells())


def _format_shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


class _ShapeMismatch(Exception):
    """A layer does not accept the shape of its input."""


def shape_table(net: torch.nn.Sequential, input_shape: tuple[int, ...]) -> ShapeTable:
    """Compute the shape after every layer for one image, without running the network.

    torch reports a layer of the wrong size as "mat1 and mat2 shapes cannot be multiplied". Here
    the error names the layer and the size that would fit.

    Args:
        net: A Sequential of convolutions, transposed convolutions, poolings, Flatten, Linear and
            layers that keep the shape.
        input_shape: Shape of one image, ``(c, h, w)``.

    Returns:
        A row for each layer with its output shape and the derivation of it.

    Raises:
        ValueError: A layer does not fit its input, or its class is not among those above.

    Examples:
        >>> import torch
        >>> from cnnbook.shapes import shape_table
        >>> net = torch.nn.Sequential(
        ...     torch.nn.Conv2d(1, 16, 2),
        ...     torch.nn.ReLU(),
        ...     torch.nn.MaxPool2d(2),
        ...     torch.nn.Flatten(),
        ...     torch.nn.Linear(2704, 10),
        ... )
        >>> print(shape_table(net, (1, 28, 28)))
        layer        output        because
        -----------------------------------------------------------------------
        input        1 x 28 x 28
        0 Conv2d     16 x 27 x 27  floor((28 + 2*0 - 1*(2 - 1) - 1)/1) + 1 = 27
        1 ReLU       16 x 27 x 27
        2 MaxPool2d  16 x 13 x 13  floor((27 + 2*0 - 1*(2 - 1) - 1)/2) + 1 = 13
        3 Flatten    2704          16*13*13 = 2704
        4 Linear     10            out_features = 10
        >>> shape_table(torch.nn.Sequential(), (3,)).output_shape
        (3,)
        >>> shape_table(net, (1, 32, 32))
        Traceback (most recent call last):
            ...
        ValueError: net: layer '4' (Linear) expects 2704 numbers, but gets 3600; \
use torch.nn.Linear(3600, 10)
    """
    if not isinstance(net, torch.nn.Sequential):
        raise TypeError(f"net: expected a torch.nn.Sequential, got {type(net).__name__}")
    if not isinstance(input_shape, (tuple, list)) or not input_shape:
        raise TypeError(f"input_shape: expected (c, h, w), got {summarize(input_shape)}")
    first = shape = tuple(check_int(size, name="input_shape", minimum=1) for size in input_shape)
    rows = []
    for name, layer in named_layers(net):
        kind = type(layer).__name__
        try:
            shape, derivation = _layer_shape(layer, shape)
        except _ShapeMismatch as error:
            raise ValueError(f"net: layer {name!r} ({kind}) {error}") from None
        except ValueError as error:
            raise ValueError(
                f"net: layer {name!r} ({kind}) cannot take {_format_shape(shape)}: {error}"
            ) from None
        rows.append(ShapeRow(name, kind, shape, derivation))
    return ShapeTable(first, tuple(rows))


def _layer_shape(layer: object, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
    """Return a layer's output shape and its derivation, or raise why it does not fit."""
    if isinstance(layer, torch.nn.Linear):
        if shape[-1] != layer.in_features:
            raise _ShapeMismatch(
                f"expects {layer.in_features} numbers, but gets {shape[-1]}; "
                f"use torch.nn.Linear({shape[-1]}, {layer.out_features})"
            )
        return (*shape[:-1], layer.out_features), f"out_features = {layer.out_features}"
    if isinstance(layer, torch.nn.Flatten):
        if (layer.start_dim, layer.end_dim) != (1, -1):
            raise _ShapeMismatch("is supported only with its default axes")
        count = math.prod(shape)
        return (count,), f"{'*'.join(map(str, shape))} = {count}"
    if isinstance(layer, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
        if len(shape) != 3 or shape[0] != layer.in_channels:
            raise _ShapeMismatch(
                f"expects {layer.in_channels} x h x w, but gets {_format_shape(shape)}"
            )
        sizes, derivation = _spatial_size(layer, shape)
        return (layer.out_channels, *sizes), derivation
    if isinstance(layer, torch.nn.BatchNorm2d) and shape[0] != layer.num_features:
        raise _ShapeMismatch(
            f"expects {layer.num_features} channels, but gets {_format_shape(shape)}"
        )
    if isinstance(layer, (*ELEMENTWISE, torch.nn.Softmax, torch.nn.LogSoftmax)):
        return shape, ""
    if isinstance(layer, (torch.nn.MaxPool2d, torch.nn.AvgPool2d, torch.nn.ZeroPad2d)):
        if len(shape) != 3:
            raise _ShapeMismatch(f"expects c x h x w, but gets {_format_shape(shape)}")
        sizes, derivation = _spatial_size(layer, shape)
        return (shape[0], *sizes), derivation
    raise _ShapeMismatch("is not among the supported classes; cost_table runs any network")


def _spatial_size(layer: torch.nn.Module, shape: tuple[int, ...]) -> tuple[tuple[int, int], str]:
    """Return the output rows and columns of a layer with windows or padding, and why."""
    results = []
    for axis, size in enumerate(shape[1:]):
        if isinstance(layer, torch.nn.ZeroPad2d):
            left, right, top, bottom = layer.padding
            before, after = ((top, bottom), (left, right))[axis]
            padded = size + before + after
            results.append((padded, f"{size} + {before} + {after} = {padded}"))
        elif isinstance(layer, torch.nn.ConvTranspose2d):
            results.append(
                _derive_transposed_size(
                    size,
                    layer.kernel_size[axis],
                    layer.stride[axis],
                    as_pair(layer.padding)[axis] if not isinstance(layer.padding, str) else 0,
                    layer.output_padding[axis],
                    layer.dilation[axis],
                )
            )
        elif isinstance(layer, torch.nn.Conv2d) and layer.padding == "same":
            results.append((size, f"'same' keeps {size}"))
        else:
            results.append(_window_size(layer, axis, size))
    (rows, why_rows), (columns, why_columns) = results
    same = why_rows == why_columns
    return (rows, columns), why_rows if same else f"rows: {why_rows}; columns: {why_columns}"


def _window_size(layer: torch.nn.Module, axis: int, size: int) -> tuple[int, str]:
    assert isinstance(layer, (torch.nn.Conv2d, torch.nn.MaxPool2d, torch.nn.AvgPool2d))
    padding = 0 if isinstance(layer.padding, str) else as_pair(layer.padding)[axis]
    derived = derive_output_size(
        size,
        as_pair(layer.kernel_size)[axis],
        stride=as_pair(layer.stride)[axis],
        padding=padding,
        dilation=1 if isinstance(layer, torch.nn.AvgPool2d) else as_pair(layer.dilation)[axis],
        ceil_mode=False if isinstance(layer, torch.nn.Conv2d) else layer.ceil_mode,
    )
    return derived.output_size, str(derived)
