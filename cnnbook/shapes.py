"""Which sizes come out of a layer: integer arithmetic that prints its own derivation."""

from dataclasses import dataclass
from typing import overload

from cnnbook.arguments import pair, whole_number

__all__ = ["SizeDerivation", "derive_output_size", "output_size"]


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
    size = whole_number(size, name="size", least=1)
    kernel_size = whole_number(kernel_size, name="kernel_size", least=1)
    stride = whole_number(stride, name="stride", least=1)
    padding = whole_number(padding, name="padding", least=0)
    dilation = whole_number(dilation, name="dilation", least=1)
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
    dropped = bool(ceil_mode) and steps * stride >= size + padding
    return SizeDerivation(
        size, kernel_size, stride, padding, dilation, bool(ceil_mode), steps + 1 - dropped
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
    knobs = (size, kernel_size, stride, padding, dilation)
    names = ("size", "kernel_size", "stride", "padding", "dilation")
    rows_columns = [
        pair(value, name=name, least=0 if name == "padding" else 1)
        for name, value in zip(names, knobs, strict=True)
    ]
    rows, columns = (
        derive_output_size(
            numbers[0],
            numbers[1],
            stride=numbers[2],
            padding=numbers[3],
            dilation=numbers[4],
            ceil_mode=ceil_mode,
        ).output_size
        for numbers in zip(*rows_columns, strict=True)
    )
    return (rows, columns) if any(isinstance(knob, (tuple, list)) for knob in knobs) else rows
