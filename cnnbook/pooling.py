"""Max pooling, average pooling and ReLU, and their gradients by hand.

Pooling takes one number from each window. The windows are those of a convolution; only what is
computed from a window differs.
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
    """Refuse integers, as everywhere, and complex numbers, which have no order."""
    check_number_type(tensor, name=name)
    if tensor.is_complex():
        raise TypeError(
            f"{name}: expected a real floating-point dtype, got {tensor.dtype}, "
            f"whose numbers have no order; pool {name}.real and {name}.imag, or {name}.abs()"
        )


class _Geometry:
    """Where the windows of a pooling layer lie: its options, checked, and the sizes they give."""

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
        """Return which entries of the padded image are pixels and not padding."""
        return self.pad(torch.ones(1, 1, *self.size, device="cpu"), 0)[0, 0] > 0

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
    images: torch.Tensor, geometry: _Geometry, *, with_indices: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the largest number of each window and, if asked, the index of its pixel."""
    padded = geometry.pad(images, float("-inf"))
    # Which entries are padding does not depend on pixel values, so it is computed on the CPU.
    inside = geometry.inside()
    taps = geometry.taps()
    best = padded[:, :, *taps[0]]
    # The entry of each window that is the largest so far, one byte each; and whether a window has
    # covered a pixel of the image so far, rather than padding.
    entry = torch.zeros(best.shape if with_indices else (), dtype=torch.uint8, device=images.device)
    seen = inside[taps[0]].clone()
    may_miss = not bool(seen.all())
    # Entry by entry, all windows at once, in the order in which torch compares.
    for number, position in enumerate(taps[1:], start=1):
        value = padded[:, :, *position]
        # Strictly larger, so the first of equal numbers stays; NaN is larger than everything.
        take = (value > best) | value.isnan()
        if may_miss:
            # The first pixel replaces the padding even if it is minus infinity itself.
            take |= (inside[position] & ~seen).to(images.device)
            seen |= inside[position]
        best = torch.where(take, value, best)
        if with_indices:
            # A byte counts to 255.
            if number == 256:
                entry = entry.to(torch.int32)
            entry = entry.masked_fill(take, number)
    if len(taps) == 1:
        # With one entry a window, this is still a view of the images.
        best = best.clone()
    if not with_indices:
        return best, None
    # A pixel's index is that of its window's first entry plus the steps to its own entry.
    steps = torch.tensor(
        [down.start * geometry.size[1] + right.start for down, right in taps], device=images.device
    )
    rows, columns = (
        torch.arange(geometry.output[axis], device=images.device) * geometry.step[axis]
        - geometry.border[axis]
        for axis in (0, 1)
    )
    chosen = steps[entry.long()] + (rows[:, None] * geometry.size[1] + columns)
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

    A feature anywhere in the window counts as found, so small shifts of the image matter less, and
    the next layer has fewer inputs.

    Args:
        images: Images ``(n, c, h, w)``, real.
        kernel_size: Rows and columns of a window.
        stride: Pixels from one window to the next; the kernel size by default, so that windows
            touch and do not overlap.
        padding: Rows and columns of minus infinity at each end, at most half a window.
        dilation: Pixels from one entry of a window to the next.
        ceil_mode: Whether a last window that reaches beyond the end counts.
        return_indices: Whether to return the index of each number's pixel as well.

    Returns:
        The largest numbers, shape ``(n, c, oh, ow)``; with ``return_indices`` a pair of these and
        the pixels' indices ``row * w + column`` within their channel, int64. Of equal numbers the
        first counts; NaN counts as the largest. A window that dilation spreads so far that it
        covers only padding gives minus infinity and the index -1.

    Examples:
        >>> import torch
        >>> from cnnbook.pooling import max_pool2d
        >>> image = torch.tensor([[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, 5.0]])[None, None]
        >>> max_pool2d(image, 2).tolist()
        [[[[4.0, 5.0]]]]
        >>> max_pool2d(image, 2, return_indices=True)[1].tolist()
        [[[[4, 7]]]]

        Two windows of two fit into five pixels: the last row and column do not count.

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
    geometry = _Geometry(
        (images.shape[2], images.shape[3]), kernel_size, stride, padding, dilation, ceil_mode
    )
    best, chosen = _largest(images, geometry, with_indices=return_indices)
    return best if chosen is None else (best, chosen)


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
    """Compute the gradient of a loss with respect to the images of max pooling.

    A small change of a pixel changes the output only if that pixel is the largest of its window, so
    the pixel that gave an output receives its whole gradient, and the others receive none.

    Args:
        grad_output: Gradient with respect to the output, ``(n, c, oh, ow)``.
        images: The images that were pooled, ``(n, c, h, w)``.
        kernel_size: Rows and columns of a window.
        stride: Pixels from one window to the next; the kernel size by default.
        padding: Rows and columns of minus infinity at each end.
        dilation: Pixels from one entry of a window to the next.
        ceil_mode: Whether a last window that reaches beyond the end counts.

    Returns:
        Gradient with respect to the images, ``(n, c, h, w)``. Of equal numbers in a window the
        first receives all, as in torch.

    Examples:
        >>> import torch
        >>> from cnnbook.pooling import max_pool2d_grad
        >>> image = torch.tensor([[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, 5.0]])[None, None]
        >>> max_pool2d_grad(torch.tensor([[[[10.0, 20.0]]]]), image, 2)[0, 0].tolist()
        [[0.0, 0.0, 0.0, 0.0], [10.0, 0.0, 0.0, 20.0]]

        A pixel that is the largest of several windows receives the sum.

        >>> image = torch.tensor([[[[1.0, 7.0, 2.0]]]])
        >>> max_pool2d_grad(torch.ones(1, 1, 1, 2), image, (1, 2), stride=1).tolist()
        [[[[0.0, 2.0, 0.0]]]]
        >>> max_pool2d_grad(torch.ones(1, 1, 1, 1), image, (1, 2), stride=1)
        Traceback (most recent call last):
            ...
        ValueError: grad_output: expected the shape of the output, (1, 1, 1, 2), got (1, 1, 1, 1)
    """
    check_images(images)
    _check_ordered(images, "images")
    geometry = _Geometry(
        (images.shape[2], images.shape[3]), kernel_size, stride, padding, dilation, ceil_mode
    )
    n, channels = images.shape[:2]
    check_grad_output(grad_output, (n, channels, *geometry.output))
    check_same_dtype_and_device(images, "images", grad_output=grad_output)
    _, chosen = _largest(images.detach(), geometry, with_indices=True)
    assert chosen is not None
    grad_images = images.new_zeros(images.shape).flatten(2)
    # A window that covers only padding has no pixel to send its gradient to.
    sent = torch.where(chosen < 0, torch.zeros_like(grad_output), grad_output)
    indices = chosen.clamp(min=0)
    return grad_images.scatter_add(2, indices.flatten(2), sent.flatten(2)).reshape(images.shape)


def _divisors(
    geometry: _Geometry, *, count_include_pad: bool, divisor_override: int | None
) -> torch.Tensor:
    """Return the divisor of each window's sum, shape ``(oh, ow)``, float64."""
    if divisor_override is not None:
        return torch.full(
            geometry.output, float(divisor_override), dtype=torch.float64, device="cpu"
        )
    counts = []
    for axis in (0, 1):
        size, border = geometry.size[axis], geometry.border[axis]
        start = torch.arange(geometry.output[axis], device="cpu") * geometry.step[axis] - border
        # Entries beyond the padding never count.
        end = (start + geometry.kernel[axis]).clamp(max=size + border)
        if not count_include_pad:
            start, end = start.clamp(min=0), end.clamp(max=size)
        counts.append((end - start).double())
    return torch.outer(*counts)


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    """Return half-precision numbers as float32, in which torch accumulates their sums, too."""
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
        stride: Pixels from one window to the next; the kernel size by default, so that windows
            touch and do not overlap.
        padding: Rows and columns of zeros at each end, at most half a window.
        ceil_mode: Whether a last window that reaches beyond the end counts.
        count_include_pad: Whether the zeros of the padding count as pixels of the mean.
        divisor_override: Divisor of each window's sum, instead of the number of pixels.

    Returns:
        The means, shape ``(n, c, oh, ow)``.

    Examples:
        >>> import torch
        >>> from cnnbook.pooling import avg_pool2d
        >>> image = torch.tensor([[1.0, 2.0, 0.0, 0.0], [4.0, 5.0, 0.0, 4.0]])[None, None]
        >>> avg_pool2d(image, 2).tolist()
        [[[[3.0, 1.0]]]]

        At a corner, one pixel and three zeros: the mean of the four, or of the pixel alone.

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
        II.B (subsampling).
    """
    check_images(images)
    check_number_type(images, name="images")
    geometry = _Geometry(
        (images.shape[2], images.shape[3]), kernel_size, stride, padding, 1, ceil_mode
    )
    divisors = _divisors(
        geometry,
        count_include_pad=check_bool(count_include_pad, name="count_include_pad"),
        divisor_override=_check_divisor(divisor_override),
    )
    padded = geometry.pad(_wide(images), 0.0)
    first, *others = geometry.taps()
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
    """Compute the gradient of a loss with respect to the images of average pooling.

    Every pixel of a window has the same share of the mean, so an output's gradient is divided
    equally among them. The pixels' values do not matter.

    Args:
        grad_output: Gradient with respect to the output, ``(n, c, oh, ow)``.
        image_size: Rows and columns of the images that were pooled.
        kernel_size: Rows and columns of a window.
        stride: Pixels from one window to the next; the kernel size by default.
        padding: Rows and columns of zeros at each end.
        ceil_mode: Whether a last window that reaches beyond the end counts.
        count_include_pad: Whether the zeros of the padding count as pixels of the mean.
        divisor_override: Divisor of each window's sum, instead of the number of pixels.

    Returns:
        Gradient with respect to the images, ``(n, c, h, w)``.

    Examples:
        >>> import torch
        >>> from cnnbook.pooling import avg_pool2d_grad
        >>> avg_pool2d_grad(torch.tensor([[[[4.0, 8.0]]]]), (2, 4), 2)[0, 0].tolist()
        [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]

        A pixel that no window covers receives none.

        >>> avg_pool2d_grad(torch.ones(1, 1, 1, 1), (1, 3), (1, 2)).tolist()
        [[[[0.5, 0.5, 0.0]]]]
        >>> avg_pool2d_grad(torch.ones(1, 1, 1, 1), (2, 4), 2)
        Traceback (most recent call last):
            ...
        ValueError: grad_output: expected the shape of the output, (n, out, 1, 2), \
got (1, 1, 1, 1)
    """
    size = pair(image_size, name="image_size", minimum=1)
    geometry = _Geometry(size, kernel_size, stride, padding, 1, ceil_mode)
    divisors = _divisors(
        geometry,
        count_include_pad=check_bool(count_include_pad, name="count_include_pad"),
        divisor_override=_check_divisor(divisor_override),
    )
    check_grad_output(grad_output, (None, None, *geometry.output))
    wide = _wide(grad_output)
    shares = (wide / divisors.to(wide))[..., None, None].expand(*wide.shape, *geometry.kernel)
    padded = fold_windows(shares, geometry.full, stride=geometry.step)
    (top, left), (height, width) = geometry.border, size
    return padded[:, :, top : top + height, left : left + width].to(grad_output.dtype)


def _check_real(tensor: torch.Tensor, name: str) -> None:
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(
            f"{name}: expected a torch.Tensor, got {type(tensor).__name__}; "
            f"convert with torch.tensor({name})"
        )
    _check_ordered(tensor, name)


def relu(images: torch.Tensor) -> torch.Tensor:
    """Replace every negative number by 0.

    Two linear layers without a nonlinear function between them are equivalent to one linear layer:
    only nonlinear functions such as this one make a deep network more than a shallow one.

    Args:
        images: Numbers of any shape, real.

    Returns:
        The same shape; NaN stays NaN.

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
    _check_real(images, "images")
    # With "<=" NaN stays, since no comparison with NaN is true.
    return torch.where(images <= 0, torch.zeros_like(images), images)


def relu_grad(grad_output: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Compute the gradient of a loss with respect to the input of ReLU.

    The gradient passes where the input is above 0 and stops elsewhere.

    Args:
        grad_output: Gradient with respect to the output, of the images' shape.
        images: The input of ReLU, of any shape, real.

    Returns:
        Gradient with respect to ``images``. At 0, where ReLU has a corner, it is 0, as in torch.

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
    """
    _check_real(images, "images")
    _check_real(grad_output, "grad_output")
    if grad_output.shape != images.shape:
        raise ValueError(
            f"grad_output: expected the shape of images, {tuple(images.shape)}, "
            f"got {tuple(grad_output.shape)}"
        )
    check_same_dtype_and_device(images, "images", grad_output=grad_output)
    return torch.where(images <= 0, torch.zeros_like(grad_output), grad_output)
