"""Output sizes along one axis or both with their derivations; the padding that keeps a size."""

from dataclasses import dataclass
from typing import overload

from cnnbook._checks import check_bool, check_int, per_axis

__all__ = [
    "SizeDerivation",
    "derive_output_size",
    "derive_transposed_size",
    "output_size",
    "same_padding",
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

        A kernel as large as the image has one window. A larger one does not fit, except with
        ``ceil_mode`` if it reaches less than a stride beyond the end.

        >>> derive_output_size(4, 4).output_size
        1
        >>> print(derive_output_size(2, 3, stride=2, ceil_mode=True))
        ceil((2 + 2*0 - 1*(3 - 1) - 1)/2) + 1 = 1
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
    remaining = size + 2 * padding - span
    steps = -(-remaining // stride) if ceil_mode else remaining // stride
    # Rounding up lets even the only window reach beyond the end, by less than a stride.
    if steps < 0:
        beyond = f" plus stride - 1 = {stride - 1} with ceil_mode" if ceil_mode else ""
        raise ValueError(
            f"kernel_size: expected at most the padded size {size} + 2*{padding} = "
            f"{size + 2 * padding}{beyond}, got a kernel that spans {dilation}*({kernel_size} - 1) "
            f"+ 1 = {span}; use a smaller kernel or more padding"
        )
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
    rows, columns = (derive_transposed_size(**axis)[0] for axis in axes)
    return (rows, columns) if any_pair else rows


def derive_transposed_size(
    *, size: int, kernel_size: int, stride: int, padding: int, output_padding: int, dilation: int
) -> tuple[int, str]:
    """Return the size along one axis and its derivation.

    Examples:
        >>> from cnnbook._sizes import derive_transposed_size
        >>> derive_transposed_size(
        ...     size=13, kernel_size=2, stride=2, padding=0, output_padding=1, dilation=1
        ... )
        (27, '(13 - 1)*2 - 2*0 + 1*(2 - 1) + 1 + 1 = 27')
    """
    size = check_int(size, name="size", minimum=1)
    kernel_size = check_int(kernel_size, name="kernel_size", minimum=1)
    stride = check_int(stride, name="stride", minimum=1)
    padding = check_int(padding, name="padding", minimum=0)
    output_padding = check_int(output_padding, name="output_padding", minimum=0)
    dilation = check_int(dilation, name="dilation", minimum=1)
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
