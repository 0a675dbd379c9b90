"""Max and average pooling, ReLU beside them, and how each hands a gradient back.

Pooling takes one number from each window. Which windows there are is the same arithmetic as for a
convolution; what is done with a window is not.
"""

from typing import Literal, overload

import torch

from cnnbook._checks import (
    check_bool,
    check_images,
    check_int,
    check_number_type,
    check_same_dtype_and_device,
    pair,
)
from cnnbook._conv_options import check_grad_output
from cnnbook.shapes import output_size
from cnnbook.windows import fold_windows

__all__ = [
    "avg_pool2d",
    "avg_pool2d_grad",
    "max_pool2d",
    "max_pool2d_grad",
    "relu",
    "relu_grad",
]

_Size = int | tuple[int, int]
_Pair = tuple[int, int]


def _check_ordered(tensor: torch.Tensor, name: str) -> None:
    """Refuse whole numbers, as everywhere, and complex ones, of which none is the largest."""
    check_number_type(tensor, name=name)
    if tensor.is_complex():
        raise TypeError(
            f"{name}: expected a real floating-point dtype, got {tensor.dtype}, "
            f"whose numbers have no order; pool {name}.real and {name}.imag, or {name}.abs()"
        )


class _Windows:
    """Where the windows of a pooling lie: its knobs, checked, and what follows from them."""

    def __init__(
        self,
        size: _Pair,
        kernel_size: _Size,
        stride: _Size | None,
        padding: _Size,
        dilation: _Size,
        ceil_mode: bool,
    ) -> None:
        self.size = size
        self.kernel = pair(kernel_size, name="kernel_size", minimum=1)
        self.step = self.kernel if stride is None else pair(stride, name="stride", minimum=1)
        self.border = pair(padding, name="padding", minimum=0)
        self.gap = pair(dilation, name="dilation", minimum=1)
        self.spans = tuple(
            gap * (count - 1) + 1 for gap, count in zip(self.gap, self.kernel, strict=True)
        )
        for border, count in zip(self.border, self.kernel, strict=True):
            if border > count // 2:
                raise ValueError(
                    f"padding: expected at most half of the kernel size {count}, got {border}; "
                    "a window would see nothing but padding"
                )
        self.output: _Pair = output_size(
            size,
            self.kernel,
            stride=self.step,
            padding=self.border,
            dilation=self.gap,
            ceil_mode=ceil_mode,
        )
        # The padded image, made larger where ceil_mode lets the last window hang over its end.
        reach = [(self.output[axis] - 1) * self.step[axis] + self.spans[axis] for axis in (0, 1)]
        self.full: _Pair = (
            max(reach[0], size[0] + 2 * self.border[0]),
            max(reach[1], size[1] + 2 * self.border[1]),
        )

    def pad(self, images: torch.Tensor, value: float) -> torch.Tensor:
        """Return the images with the border, and what windows hang over, filled with a value."""
        (top, left), (height, width) = self.border, self.size
        below, right = self.full[0] - height - top, self.full[1] - width - left
        if top == left == below == right == 0:
            return images
        return torch.nn.functional.pad(images, (left, right, top, below), value=value)

    def inside(self) -> torch.Tensor:
        """Return which places of the padded image are pixels and not padding."""
        return self.pad(torch.ones(1, 1, *self.size), 0)[0, 0] > 0

    def taps(self) -> list[tuple[slice, slice]]:
        """Return, for each entry of a window, the slices that pick it out of all windows."""
        rows, columns = (
            [
                slice(start, start + self.step[axis] * (self.output[axis] - 1) + 1, self.step[axis])
                for start in range(0, self.spans[axis], self.gap[axis])
            ]
            for axis in (0, 1)
        )
        return [(down, right) for down in rows for right in columns]


def _largest(
    images: torch.Tensor, where: _Windows, *, with_places: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the largest number of each window and, if asked, which pixel of its channel it is."""
    padded = where.pad(images, float("-inf"))
    # Where the padding lies depends on no number, so it is worked out on the CPU.
    inside = where.inside()
    taps = where.taps()
    best = padded[:, :, *taps[0]]
    # Which entry of its window is the largest so far, a byte each; and where a window has seen a
    # pixel of the image so far, rather than padding.
    entry = torch.zeros(best.shape if with_places else (), dtype=torch.uint8, device=images.device)
    seen = inside[taps[0]].clone()
    may_miss = not bool(seen.all())
    # Entry by entry of the window, all windows at once, in the order in which torch compares.
    for number, position in enumerate(taps[1:], start=1):
        value = padded[:, :, *position]
        # Strictly larger, so of equal ones the first is kept; NaN wins over everything.
        take = (value > best) | value.isnan()
        if may_miss:
            # The first pixel wins over the padding even if it is minus infinity itself.
            take |= (inside[position] & ~seen).to(images.device)
            seen |= inside[position]
        best = torch.where(take, value, best)
        if with_places:
            # A window of more entries than a byte can count is counted in full.
            if number == 256:
                entry = entry.to(torch.int32)
            entry = entry.masked_fill(take, number)
    if len(taps) == 1:
        # A window of one pixel is a view of the images so far.
        best = best.clone()
    if not with_places:
        return best, None
    # From the entry and the window's first pixel, counted in the padded image, to the pixel.
    steps = torch.tensor(
        [down.start * where.size[1] + right.start for down, right in taps], device=images.device
    )
    rows, columns = (
        torch.arange(where.output[axis], device=images.device) * where.step[axis]
        - where.border[axis]
        for axis in (0, 1)
    )
    chosen = steps[entry.long()] + (rows[:, None] * where.size[1] + columns)
    return best, torch.where(seen.to(images.device), chosen, -1) if may_miss else chosen


@overload
def max_pool2d(
    images: torch.Tensor,
    kernel_size: _Size,
    *,
    stride: _Size | None = ...,
    padding: _Size = ...,
    dilation: _Size = ...,
    ceil_mode: bool = ...,
    return_indices: Literal[False] = ...,
) -> torch.Tensor: ...
@overload
def max_pool2d(
    images: torch.Tensor,
    kernel_size: _Size,
    *,
    stride: _Size | None = ...,
    padding: _Size = ...,
    dilation: _Size = ...,
    ceil_mode: bool = ...,
    return_indices: Literal[True],
) -> tuple[torch.Tensor, torch.Tensor]: ...
def max_pool2d(
    images: torch.Tensor,
    kernel_size: _Size,
    *,
    stride: _Size | None = None,
    padding: _Size = 0,
    dilation: _Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """Take the largest number of each window.

    A feature that is found anywhere in the window counts as found, so small shifts of the image
    matter less, and what follows has fewer numbers to look at.

    Args:
        images: Images ``(n, c, h, w)``, real.
        kernel_size: Rows and columns of a window.
        stride: Pixels from one window to the next; as far as the window is large where it is
            left out, so that windows touch and do not overlap.
        padding: Rows and columns of minus infinity added at each end, at most half a window.
        dilation: Pixels from one entry of a window to the next.
        ceil_mode: Whether a last window that hangs over the end counts.
        return_indices: Whether to return too which pixel each number came from.

    Returns:
        The largest numbers, shape ``(n, c, oh, ow)``; with ``return_indices`` a pair of these and
        the pixels' numbers ``row * w + column`` within their channel, int64. Of equal numbers the
        first counts; NaN counts as the largest. A window that dilation spreads so far that it
        sees nothing but padding gives minus infinity and the number -1.

    Raises:
        TypeError: An argument has the wrong type, or ``images`` counts in whole or complex
            numbers.
        ValueError: A shape does not fit, a knob is too small, or a window is larger than the
            padded image.

    Examples:
        >>> import torch
        >>> from cnnbook.pooling import max_pool2d
        >>> image = torch.tensor([[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, 5.0]])[None, None]
        >>> max_pool2d(image, 2).tolist()
        [[[[4.0, 5.0]]]]
        >>> max_pool2d(image, 2, return_indices=True)[1].tolist()
        [[[[4, 7]]]]

        Five pixels hold two windows of two: the last row and column never count.

        >>> max_pool2d(torch.arange(25.0).reshape(1, 1, 5, 5), 2)[0, 0].tolist()
        [[6.0, 8.0], [16.0, 18.0]]
        >>> max_pool2d(image, 3)
        Traceback (most recent call last):
            ...
        ValueError: kernel_size: expected at most the padded size 2 + 2*0 = 2, got a kernel that \
spans 1*(3 - 1) + 1 = 3; use a smaller kernel or more padding

    Source:
        Zhou and Chellappa (1988), Computation of optical flow using a neural network; ties, NaN
        and ``ceil_mode`` as in torch.nn.functional.max_pool2d.
    """
    check_images(images)
    _check_ordered(images, "images")
    return_indices = check_bool(return_indices, name="return_indices")
    where = _windows_of(images, kernel_size, stride, padding, dilation, ceil_mode)
    best, chosen = _largest(images, where, with_places=return_indices)
    return best if chosen is None else (best, chosen)


def _windows_of(
    images: torch.Tensor,
    kernel_size: _Size,
    stride: _Size | None,
    padding: _Size,
    dilation: _Size,
    ceil_mode: bool,
) -> _Windows:
    size = (images.shape[2], images.shape[3])
    return _Windows(size, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d_grad(
    grad_output: torch.Tensor,
    images: torch.Tensor,
    kernel_size: _Size,
    *,
    stride: _Size | None = None,
    padding: _Size = 0,
    dilation: _Size = 1,
    ceil_mode: bool = False,
) -> torch.Tensor:
    """Carry a gradient back through max pooling.

    A small change of a pixel changes the output only if that pixel was the largest of its window,
    so each output hands its whole gradient to the one pixel it came from; the others get none.

    Args:
        grad_output: Gradient of the loss by the output, ``(n, c, oh, ow)``.
        images: The images that were pooled, ``(n, c, h, w)``.
        kernel_size: Rows and columns of a window.
        stride: As for ``max_pool2d``, like all knobs.
        padding: Rows and columns of minus infinity added at each end.
        dilation: Pixels from one entry of a window to the next.
        ceil_mode: Whether a last window that hangs over the end counts.

    Returns:
        Gradient of the loss by the images, ``(n, c, h, w)``. Of equal numbers in a window the
        first gets all, as in torch.

    Raises:
        TypeError: An argument has the wrong type, or a dtype differs.
        ValueError: A shape does not fit, a knob is too small, or a window is larger than the
            padded image.

    Examples:
        >>> import torch
        >>> from cnnbook.pooling import max_pool2d_grad
        >>> image = torch.tensor([[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, 5.0]])[None, None]
        >>> max_pool2d_grad(torch.tensor([[[[10.0, 20.0]]]]), image, 2)[0, 0].tolist()
        [[0.0, 0.0, 0.0, 0.0], [10.0, 0.0, 0.0, 20.0]]

        A pixel that is the largest of several windows gets the sum.

        >>> image = torch.tensor([[[[1.0, 7.0, 2.0]]]])
        >>> max_pool2d_grad(torch.ones(1, 1, 1, 2), image, (1, 2), stride=1).tolist()
        [[[[0.0, 2.0, 0.0]]]]
        >>> max_pool2d_grad(torch.ones(1, 1, 1, 1), image, (1, 2), stride=1)
        Traceback (most recent call last):
            ...
        ValueError: grad_output: expected the shape of the output, (1, 1, 1, 2), got (1, 1, 1, 1)

    Source:
        Derived here; ties as in torch.nn.functional.max_pool2d.
    """
    check_images(images)
    _check_ordered(images, "images")
    where = _windows_of(images, kernel_size, stride, padding, dilation, ceil_mode)
    n, channels = images.shape[:2]
    check_grad_output(grad_output, (n, channels, *where.output))
    check_same_dtype_and_device(images, "images", grad_output=grad_output)
    _, chosen = _largest(images.detach(), where, with_places=True)
    assert chosen is not None
    handed = images.new_zeros(images.shape).flatten(2)
    # A window that saw no pixel hands nothing on.
    shares = torch.where(chosen < 0, torch.zeros_like(grad_output), grad_output)
    places = chosen.clamp(min=0)
    return handed.scatter_add(2, places.flatten(2), shares.flatten(2)).reshape(images.shape)


def _divisors(
    where: _Windows, *, count_include_pad: bool, divisor_override: int | None
) -> torch.Tensor:
    """Return by what each window's sum is divided, shape ``(oh, ow)``, float64."""
    if divisor_override is not None:
        return torch.full(where.output, float(divisor_override), dtype=torch.float64)
    counts = []
    for axis in (0, 1):
        size, border = where.size[axis], where.border[axis]
        start = torch.arange(where.output[axis]) * where.step[axis] - border
        # What hangs over the padding counts for nothing, whatever is asked for.
        end = (start + where.kernel[axis]).clamp(max=size + border)
        if not count_include_pad:
            start, end = start.clamp(min=0), end.clamp(max=size)
        counts.append((end - start).double())
    return torch.outer(*counts)


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    """Return half-precision numbers as float32, in which sums are kept, as torch does."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _check_divisor(divisor_override: int | None) -> int | None:
    if divisor_override is None:
        return None
    divisor = check_int(divisor_override, name="divisor_override", minimum=-(2**31))
    if divisor == 0:
        raise ValueError("divisor_override: expected a number other than 0, got 0")
    return divisor


def avg_pool2d(
    images: torch.Tensor,
    kernel_size: _Size,
    *,
    stride: _Size | None = None,
    padding: _Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> torch.Tensor:
    """Take the mean of each window.

    Args:
        images: Images ``(n, c, h, w)``.
        kernel_size: Rows and columns of a window.
        stride: Pixels from one window to the next; as far as the window is large where it is
            left out, so that windows touch and do not overlap.
        padding: Rows and columns of zeros added at each end, at most half a window.
        ceil_mode: Whether a last window that hangs over the end counts.
        count_include_pad: Whether the zeros of the padding count as pixels of the mean.
        divisor_override: What to divide each window's sum by, in place of the number of pixels.

    Returns:
        The means, shape ``(n, c, oh, ow)``.

    Raises:
        TypeError: An argument has the wrong type, or ``images`` counts in whole numbers.
        ValueError: A shape does not fit, a knob is too small, ``divisor_override`` is 0, or a
            window is larger than the padded image.

    Examples:
        >>> import torch
        >>> from cnnbook.pooling import avg_pool2d
        >>> image = torch.tensor([[1.0, 2.0, 0.0, 0.0], [4.0, 5.0, 0.0, 4.0]])[None, None]
        >>> avg_pool2d(image, 2).tolist()
        [[[[3.0, 1.0]]]]

        At a corner, one pixel and three zeros: their mean, or the pixel's own.

        >>> avg_pool2d(image, 2, padding=1)[0, 0, 0, 0].item()
        0.25
        >>> avg_pool2d(image, 2, padding=1, count_include_pad=False)[0, 0, 0, 0].item()
        1.0
        >>> avg_pool2d(image, 2, padding=2)
        Traceback (most recent call last):
            ...
        ValueError: padding: expected at most half of the kernel size 2, got 2; a window would see \
nothing but padding

    Source:
        LeCun et al. (1998), Gradient-based learning applied to document recognition, section
        II.B (subsampling); knobs as in torch.nn.functional.avg_pool2d.
    """
    check_images(images)
    check_number_type(images, name="images")
    where = _windows_of(images, kernel_size, stride, padding, 1, ceil_mode)
    divisors = _divisors(
        where,
        count_include_pad=check_bool(count_include_pad, name="count_include_pad"),
        divisor_override=_check_divisor(divisor_override),
    )
    padded = where.pad(_wide(images), 0.0)
    first, *others = where.taps()
    total = padded[:, :, *first]
    for position in others:
        total = total + padded[:, :, *position]
    return (total / divisors.to(total)).to(images.dtype)


def avg_pool2d_grad(
    grad_output: torch.Tensor,
    image_size: _Size,
    kernel_size: _Size,
    *,
    stride: _Size | None = None,
    padding: _Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> torch.Tensor:
    """Carry a gradient back through average pooling.

    Every pixel of a window had the same share in its mean, so each output divides its gradient
    equally among them. Which numbers the pixels had makes no difference.

    Args:
        grad_output: Gradient of the loss by the output, ``(n, c, oh, ow)``.
        image_size: Rows and columns of the images that were pooled.
        kernel_size: Rows and columns of a window.
        stride: As for ``avg_pool2d``, like all knobs.
        padding: Rows and columns of zeros added at each end.
        ceil_mode: Whether a last window that hangs over the end counts.
        count_include_pad: Whether the zeros of the padding count as pixels of the mean.
        divisor_override: What each window's sum was divided by, if given.

    Returns:
        Gradient of the loss by the images, ``(n, c, h, w)``.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A shape does not fit, a knob is too small, ``divisor_override`` is 0, or a
            window is larger than the padded image.

    Examples:
        >>> import torch
        >>> from cnnbook.pooling import avg_pool2d_grad
        >>> avg_pool2d_grad(torch.tensor([[[[4.0, 8.0]]]]), (2, 4), 2)[0, 0].tolist()
        [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]

        A pixel that no window sees gets none.

        >>> avg_pool2d_grad(torch.ones(1, 1, 1, 1), (1, 3), (1, 2)).tolist()
        [[[[0.5, 0.5, 0.0]]]]
        >>> avg_pool2d_grad(torch.ones(1, 1, 1, 1), (2, 4), 2)
        Traceback (most recent call last):
            ...
        ValueError: grad_output: expected the shape of the output, (n, out, 1, 2), \
got (1, 1, 1, 1)

    Source:
        Derived here.
    """
    size = pair(image_size, name="image_size", minimum=1)
    where = _Windows(size, kernel_size, stride, padding, 1, ceil_mode)
    divisors = _divisors(
        where,
        count_include_pad=check_bool(count_include_pad, name="count_include_pad"),
        divisor_override=_check_divisor(divisor_override),
    )
    check_grad_output(grad_output, (None, None, *where.output))
    wide = _wide(grad_output)
    shares = (wide / divisors.to(wide))[..., None, None].expand(*wide.shape, *where.kernel)
    padded = fold_windows(shares, where.full, stride=where.step)
    (top, left), (height, width) = where.border, size
    return padded[:, :, top : top + height, left : left + width].to(grad_output.dtype)


def _check_numbers(tensor: torch.Tensor, name: str) -> None:
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(
            f"{name}: expected a torch.Tensor, got {type(tensor).__name__}; "
            f"convert with torch.tensor({name})"
        )
    if tensor.layout != torch.strided:
        raise TypeError(
            f"{name}: expected a dense tensor, got {tensor.layout}; convert with {name}.to_dense()"
        )
    _check_ordered(tensor, name)


def relu(images: torch.Tensor) -> torch.Tensor:
    """Put 0 in the place of every negative number.

    Without something like it between them, two linear layers are one linear layer: this is what
    makes a deep network more than a shallow one.

    Args:
        images: Numbers of any shape, real.

    Returns:
        The same shape; NaN stays NaN.

    Raises:
        TypeError: ``images`` is not a tensor, or counts in whole or complex numbers.

    Examples:
        >>> import torch
        >>> from cnnbook.pooling import relu
        >>> relu(torch.tensor([-2.0, 0.0, 3.0])).tolist()
        [0.0, 0.0, 3.0]
        >>> relu(torch.tensor([float("nan"), float("-inf")])).tolist()
        [nan, 0.0]
        >>> relu(torch.tensor([1, 2]))
        Traceback (most recent call last):
            ...
        TypeError: images: expected a floating-point or complex dtype, got torch.int64; \
convert with images.float()

    Source:
        Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.
    """
    _check_numbers(images, "images")
    # Asked this way round, NaN, which is not at most 0, stays.
    return torch.where(images <= 0, torch.zeros_like(images), images)


def relu_grad(grad_output: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Carry a gradient back through ReLU: it passes where the number was above 0.

    Args:
        grad_output: Gradient of the loss by the output, of the images' shape.
        images: What ReLU was given, of any shape, real.

    Returns:
        Gradient of the loss by ``images``. At 0, where ReLU has a corner, it is 0, as in torch.

    Raises:
        TypeError: An argument has the wrong type, or a dtype differs.
        ValueError: The shapes differ.

    Examples:
        >>> import torch
        >>> from cnnbook.pooling import relu_grad
        >>> relu_grad(torch.tensor([5.0, 6.0, 7.0]), torch.tensor([-2.0, 0.0, 3.0])).tolist()
        [0.0, 0.0, 7.0]
        >>> relu_grad(torch.zeros(0), torch.zeros(0)).tolist()
        []
        >>> relu_grad(torch.ones(2), torch.ones(3))
        Traceback (most recent call last):
            ...
        ValueError: grad_output: expected the shape of images, (3,), got (2,)

    Source:
        Derived here; the corner as in torch.nn.functional.relu.
    """
    _check_numbers(images, "images")
    _check_numbers(grad_output, "grad_output")
    if grad_output.shape != images.shape:
        raise ValueError(
            f"grad_output: expected the shape of images, {tuple(images.shape)}, "
            f"got {tuple(grad_output.shape)}"
        )
    check_same_dtype_and_device(images, "images", grad_output=grad_output)
    return torch.where(images <= 0, torch.zeros_like(grad_output), grad_output)
