"""Which sizes come out of a layer and which pixels it sees: arithmetic that prints itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import overload

import torch

from cnnbook._checks import check_bool, check_int, per_axis
from cnnbook._layers import POINTWISE, as_pair, unrolled
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
    """One axis of a layer: the numbers that decide its output size, and how they do.

    Attributes:
        size: Input pixels along the axis.
        kernel_size: Weights along the axis.
        stride: Pixels from one window to the next.
        padding: Pixels added at each end.
        dilation: Pixels from one weight to the next.
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
        room = self.size + 2 * self.padding - self.dilation * (self.kernel_size - 1) - 1
        if self.ceil_mode and -(-room // self.stride) + 1 != self.output_size:
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
    formula with the numbers put in, ready to be compared with one's own working.

    Args:
        size: Input pixels along the axis, at least 1.
        kernel_size: Weights along the axis, at least 1.
        stride: Pixels from one window to the next, at least 1.
        padding: Pixels added at each end, at least 0.
        dilation: Pixels from one weight to the next, at least 1.
        ceil_mode: Round up: a last window that hangs over the end counts too.

    Returns:
        The numbers and the resulting size, in windows.

    Raises:
        TypeError: An argument is not a whole number.
        ValueError: An argument is too small, or the kernel does not fit.

    Examples:
        >>> from cnnbook.shapes import derive_output_size
        >>> derive_output_size(4, 2).output_size
        3
        >>> print(derive_output_size(27, 2, stride=2))
        floor((27 + 2*0 - 1*(2 - 1) - 1)/2) + 1 = 13

        A kernel that just fits has one window; one pixel more is refused.

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
    room = size + 2 * padding - span
    steps = -(-room // stride) if ceil_mode else room // stride
    # torch drops a window that rounding up has added when it would start beyond the image.
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
        kernel_size: Weights along the axis or axes.
        stride: Pixels from one window to the next.
        padding: Pixels added at each end.
        dilation: Pixels from one weight to the next.
        ceil_mode: Round up: a last window that hangs over the end counts too.

    Returns:
        One number where every argument is one number, otherwise (rows, columns).

    Raises:
        TypeError: An argument is neither a whole number nor a pair of them.
        ValueError: An argument is too small, or the kernel does not fit.

    Examples:
        >>> from cnnbook.shapes import output_size
        >>> output_size(4, 2)
        3
        >>> output_size((28, 20), 3, stride=(1, 2))
        (26, 9)

        Five pixels hold two windows of two, side by side: the last pixel is left over, unless
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
    axes, many = per_axis(
        size=size, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation
    )
    rows, columns = (derive_output_size(**axis, ceil_mode=ceil_mode).output_size for axis in axes)
    return (rows, columns) if many else rows


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
    """Compute the size that a transposed convolution gives back.

    It undoes ``output_size``: with the same knobs, an image of ``transposed_output_size(n, ...)``
    pixels holds ``n`` windows. Where a stride leaves pixels over, several image sizes hold
    ``n`` windows, and ``output_padding`` chooses among them.

    Args:
        size: Input size in pixels, one number or (rows, columns).
        kernel_size: Weights along the axis or axes.
        stride: Pixels from one window to the next in the output.
        padding: Pixels that the forward convolution had added at each end.
        output_padding: Pixels more at the end of the output, fewer than stride or dilation.
        dilation: Pixels from one weight to the next.

    Returns:
        One number where every argument is one number, otherwise (rows, columns).

    Raises:
        TypeError: An argument is neither a whole number nor a pair of them.
        ValueError: An argument is too small, ``output_padding`` is too large, or nothing would be
            left between the paddings.

    Examples:
        >>> from cnnbook.shapes import output_size, transposed_output_size
        >>> transposed_output_size(3, 2), output_size(4, 2)
        (4, 3)
        >>> transposed_output_size((13, 13), 2, stride=2)
        (26, 26)

        Of 27 pixels, pooling in pairs leaves the last one over; asking for it gets it back.

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
    axes, many = per_axis(
        size=size,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
    )
    rows, columns = (_transposed(**axis)[0] for axis in axes)
    return (rows, columns) if many else rows


def _transposed(
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

    An odd kernel needs the same on both sides. An even one needs an odd number of pixels in all,
    of which the one more goes to the end, as ``padding="same"`` of torch puts it.

    Args:
        kernel_size: Weights along the axis or axes.
        dilation: Pixels from one weight to the next.

    Returns:
        ``(before, after)`` in pixels where both arguments are one number, otherwise
        ``((top, bottom), (left, right))``.

    Raises:
        TypeError: An argument is neither a whole number nor a pair of them.
        ValueError: An argument is below 1.

    Examples:
        >>> from cnnbook.shapes import same_padding
        >>> same_padding(3)
        (1, 1)
        >>> same_padding((5, 2), dilation=1)
        ((2, 2), (0, 1))

        One weight needs none.

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
    axes, many = per_axis(kernel_size=kernel_size, dilation=dilation)
    totals = [axis["dilation"] * (axis["kernel_size"] - 1) for axis in axes]
    rows, columns = ((total // 2, total - total // 2) for total in totals)
    return (rows, columns) if many else rows


def _each(numbers: Iterator[int]) -> tuple[int, int]:
    rows, columns = numbers
    return rows, columns


@dataclass(frozen=True)
class ShapeRow:
    """One layer of a ledger.

    Attributes:
        name: The layer's name in its network.
        kind: Its class, such as ``Conv2d``.
        output_shape: Shape of what it puts out for one image, without the batch axis.
        derivation: The arithmetic behind that shape; empty where the shape stays.

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
    """The shape after every layer of a network, and why, made to be printed.

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
        """Shape of what the network puts out for one image."""
        return self.rows[-1].output_shape if self.rows else self.input_shape

    def _lines(self) -> tuple[list[str], list[list[str]]]:
        first = ["input", _by(self.input_shape), ""]
        others = [
            [f"{row.name} {row.kind}", _by(row.output_shape), row.derivation] for row in self.rows
        ]
        return ["layer", "output", "because"], [first, *others]

    def __str__(self) -> str:
        """Return the table as text."""
        return text_table(*self._lines())

    def _repr_html_(self) -> str:
        return html_table("Shapes for one image", *self._lines())


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


class _Misfit(Exception):
    """A layer that cannot take the shape it is given."""


def shape_table(net: torch.nn.Sequential, input_shape: tuple[int, ...]) -> ShapeTable:
    """Follow one image's shape through a network on paper, without running it.

    Where a layer does not fit what comes before it, the error names the layer and the number
    that would fit: the usual "mat1 and mat2 shapes cannot be multiplied" is found on paper.

    Args:
        net: A Sequential of convolutions, transposed convolutions, poolings, Flatten, Linear and
            layers that keep the shape.
        input_shape: Shape of one image, ``(c, h, w)``.

    Returns:
        A row for each layer with its output shape and the derivation of it.

    Raises:
        TypeError: ``net`` is not a Sequential, or ``input_shape`` not a tuple of whole numbers.
        ValueError: A size is below 1, a layer does not fit, or it is of a kind not known here.

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
        4 Linear     10            one row of weights for each output
        >>> shape_table(torch.nn.Sequential(), (3,)).output_shape
        (3,)
        >>> shape_table(net, (1, 32, 32))
        Traceback (most recent call last):
            ...
        ValueError: net: layer '4' (Linear) expects 2704 numbers, but gets 3600; \
use torch.nn.Linear(3600, 10)

    Source:
        Derived here.
    """
    if not isinstance(net, torch.nn.Sequential):
        raise TypeError(f"net: expected a torch.nn.Sequential, got {type(net).__name__}")
    if not isinstance(input_shape, (tuple, list)) or not input_shape:
        raise TypeError(f"input_shape: expected (c, h, w), got {input_shape!r}")
    first = shape = tuple(check_int(size, name="input_shape", minimum=1) for size in input_shape)
    rows = []
    for name, layer in unrolled(net):
        try:
            shape, derivation = _follow(layer, shape)
        except _Misfit as error:
            raise ValueError(f"net: layer {name!r} ({type(layer).__name__}) {error}") from None
        except ValueError as error:
            raise ValueError(
                f"net: layer {name!r} ({type(layer).__name__}) cannot take {_by(shape)}: {error}"
            ) from None
        rows.append(ShapeRow(name, type(layer).__name__, shape, derivation))
    return ShapeTable(first, tuple(rows))


def _follow(layer: object, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
    """Return a layer's output shape and why, or raise what does not fit."""
    if isinstance(layer, torch.nn.Linear):
        if shape[-1] != layer.in_features:
            raise _Misfit(
                f"expects {layer.in_features} numbers, but gets {shape[-1]}; "
                f"use torch.nn.Linear({shape[-1]}, {layer.out_features})"
            )
        return (*shape[:-1], layer.out_features), "one row of weights for each output"
    if isinstance(layer, torch.nn.Flatten):
        if (layer.start_dim, layer.end_dim) != (1, -1):
            raise _Misfit("is known here only with its default axes")
        count = 1
        for size in shape:
            count *= size
        return (count,), f"{'*'.join(map(str, shape))} = {count}"
    if isinstance(layer, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
        if len(shape) != 3 or shape[0] != layer.in_channels:
            raise _Misfit(f"expects {layer.in_channels} x h x w, but gets {_by(shape)}")
        sizes, derivation = _slide(layer, shape)
        return (layer.out_channels, *sizes), derivation
    if isinstance(layer, torch.nn.BatchNorm2d) and shape[0] != layer.num_features:
        raise _Misfit(f"expects {layer.num_features} channels, but gets {_by(shape)}")
    if isinstance(layer, (*POINTWISE, torch.nn.Softmax, torch.nn.LogSoftmax)):
        return shape, ""
    if isinstance(layer, (torch.nn.MaxPool2d, torch.nn.AvgPool2d, torch.nn.ZeroPad2d)):
        if len(shape) != 3:
            raise _Misfit(f"expects c x h x w, but gets {_by(shape)}")
        sizes, derivation = _slide(layer, shape)
        return (shape[0], *sizes), derivation
    raise _Misfit("is of a kind that is not known here; cost_table runs any network")


def _slide(layer: torch.nn.Module, shape: tuple[int, ...]) -> tuple[tuple[int, int], str]:
    """Return rows and columns of a layer that moves a window, and the arithmetic of both."""
    results = []
    for axis, size in enumerate(shape[1:]):
        if isinstance(layer, torch.nn.ZeroPad2d):
            left, right, top, bottom = layer.padding
            before, after = ((top, bottom), (left, right))[axis]
            padded = size + before + after
            results.append((padded, f"{size} + {before} + {after} = {padded}"))
        elif isinstance(layer, torch.nn.ConvTranspose2d):
            results.append(
                _transposed(
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
