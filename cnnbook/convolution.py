"""Convolution by a moving window, by all windows at once, and as layers of torch.

"Convolution" here is what torch and the whole field call so: the kernel is laid on the window as
it stands, without being flipped. Mathematics calls that cross-correlation.
"""

from typing import Literal

import torch

from cnnbook.arguments import check_images, check_number_type, pair
from cnnbook.kernels import averaging_kernel
from cnnbook.shapes import output_size
from cnnbook.windows import check_kernel, windows

__all__ = ["averaging_conv", "conv2d", "conv2d_loop", "conv_from_kernel", "moving_average"]

Padding = int | tuple[int, int] | Literal["same", "valid"]


def _pad(
    images: torch.Tensor,
    weight: torch.Tensor,
    stride: int | tuple[int, int],
    padding: Padding,
    dilation: int | tuple[int, int],
) -> torch.Tensor:
    """Return the images with their border of zeros, for every way to ask for one."""
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(
                f"padding: expected 'same', 'valid', a whole number or a pair, got {padding!r}"
            )
        if padding == "valid":
            return images
        if pair(stride, name="stride", least=1) != (1, 1):
            raise ValueError(
                f"padding: 'same' expects stride 1, got stride {stride}; "
                "a larger stride cannot keep the size"
            )
        gaps = pair(dilation, name="dilation", least=1)
        extra = [gap * (size - 1) for gap, size in zip(gaps, weight.shape[2:], strict=True)]
        # Of an odd number of zeros torch puts the one more at the end.
        top, left = (count // 2 for count in extra)
        return torch.nn.functional.pad(images, (left, extra[1] - left, top, extra[0] - top))
    rows, columns = pair(padding, name="padding", least=0)
    # Not even a copy of the images where there is nothing to add.
    if rows == columns == 0:
        return images
    return torch.nn.functional.pad(images, (columns, columns, rows, rows))


def conv2d_loop(
    images: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> torch.Tensor:
    """Convolve by moving a window over the image, one position after the other.

    This is the definition, written to be read: Python visits every output pixel, so it is meant
    for images up to 28 x 28 or so. ``conv2d`` computes the same at the speed of a matrix product.

    Args:
        images: Images ``(n, c, h, w)``.
        weight: Kernels ``(out, c / groups, kh, kw)``, of the images' dtype.
        bias: One number for each kernel, shape ``(out,)``, or None.
        stride: Pixels from one window to the next.
        padding: Rows and columns of zeros added at each end; ``"same"`` adds what keeps the
            size, ``"valid"`` adds none.
        dilation: Pixels from one weight to the next.
        groups: Into how many groups the channels are divided, each with kernels of its own.

    Returns:
        The images' features, shape ``(n, out, oh, ow)``.

    Raises:
        TypeError: An argument has the wrong type, or a dtype differs.
        ValueError: A shape does not fit, a knob is too small, or the kernel is larger than the
            padded image.

    Examples:
        >>> import torch
        >>> from cnnbook.convolution import conv2d_loop
        >>> image = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])[None, None]
        >>> kernel = torch.tensor([[1.0, 0.0], [0.0, 10.0]])[None, None]
        >>> conv2d_loop(image, kernel).tolist()
        [[[[40.0, 51.0]]]]

        A kernel of one weight scales the image.

        >>> conv2d_loop(image, torch.tensor([[[[2.0]]]]))[0, 0].tolist()
        [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]]
        >>> conv2d_loop(image, kernel[0, 0])
        Traceback (most recent call last):
            ...
        ValueError: weight: expected (out, in / groups, kh, kw), got (2, 2); \
add axes with weight[None, None]

    Source:
        Goodfellow, Bengio and Courville (2016), Deep Learning, equation 9.6 (there with one
        channel).
    """
    check_kernel(images, weight, bias, groups=groups)
    padded = _pad(images, weight, stride, padding, dilation)
    height, width = padded.shape[2:]
    kernel_size = (weight.shape[2], weight.shape[3])
    rows, columns = output_size((height, width), kernel_size, stride=stride, dilation=dilation)
    down, right = pair(stride, name="stride", least=1)
    gap_down, gap_right = pair(dilation, name="dilation", least=1)
    span_down, span_right = (
        gap_down * (kernel_size[0] - 1) + 1,
        gap_right * (kernel_size[1] - 1) + 1,
    )
    # Groups are independent: (n, groups, 1, c / groups, h, w) meets (groups, out / groups, ...).
    padded = torch.unflatten(padded, 1, (groups, 1, -1))
    kernels = torch.unflatten(weight, 0, (groups, -1))
    pixels = []
    for top in range(0, rows * down, down):
        for left in range(0, columns * right, right):
            window = padded[
                ..., top : top + span_down : gap_down, left : left + span_right : gap_right
            ]
            pixels.append((window * kernels).sum(dim=(-3, -2, -1)).flatten(1))
    features = torch.unflatten(torch.stack(pixels, dim=-1), -1, (rows, columns))
    return features if bias is None else features + bias[:, None, None]


def conv2d(
    images: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> torch.Tensor:
    """Convolve by viewing every window at once and multiplying with the kernels.

    The same numbers as ``conv2d_loop`` and as ``torch.nn.functional.conv2d``, whose argument
    names these are. Gradients flow through it.

    Args:
        images: Images ``(n, c, h, w)``.
        weight: Kernels ``(out, c / groups, kh, kw)``, of the images' dtype.
        bias: One number for each kernel, shape ``(out,)``, or None.
        stride: Pixels from one window to the next.
        padding: Rows and columns of zeros added at each end; ``"same"`` adds what keeps the
            size, ``"valid"`` adds none.
        dilation: Pixels from one weight to the next.
        groups: Into how many groups the channels are divided, each with kernels of its own.

    Returns:
        The images' features, shape ``(n, out, oh, ow)``.

    Raises:
        TypeError: An argument has the wrong type, or a dtype differs.
        ValueError: A shape does not fit, a knob is too small, or the kernel is larger than the
            padded image.

    Examples:
        >>> import torch
        >>> from cnnbook.convolution import conv2d
        >>> image = torch.arange(16.0).reshape(1, 1, 4, 4)
        >>> mean = torch.full((1, 1, 2, 2), 0.25)
        >>> conv2d(image, mean).tolist()
        [[[[2.5, 3.5, 4.5], [6.5, 7.5, 8.5], [10.5, 11.5, 12.5]]]]

        Zeros at the border count as pixels of value 0.

        >>> conv2d(image, mean, padding="same")[0, 0, 3].tolist()
        [6.25, 6.75, 7.25, 3.75]
        >>> conv2d(image.long(), mean)
        Traceback (most recent call last):
            ...
        TypeError: images: expected a floating-point or complex dtype, got torch.int64; \
convert with images.float()

    Source:
        Chellapilla, Puri and Simard (2006), High performance convolutional neural networks for
        document processing, section 3 (unrolling into a matrix product).
    """
    check_kernel(images, weight, bias, groups=groups)
    padded = _pad(images, weight, stride, padding, dilation)
    kernel_size = (weight.shape[2], weight.shape[3])
    every = windows(padded, kernel_size, stride=stride, dilation=dilation)
    # n image, g group, c channel in the group, o kernel in the group, yx output, ij kernel.
    features = torch.einsum(
        "ngcyxij,gocij->ngoyx",
        torch.unflatten(every, 1, (groups, -1)),
        torch.unflatten(weight, 0, (groups, -1)),
    ).flatten(1, 2)
    return features if bias is None else features + bias[:, None, None]


def conv_from_kernel(kernel: torch.Tensor, bias: float | torch.Tensor = 0.0) -> torch.nn.Conv2d:
    """Make a torch.nn.Conv2d layer that holds the given kernel.

    A layer of torch starts with random weights; to see what a layer does, one wants to choose
    them. No random number is drawn, so the surrounding program's seed is left alone.

    Args:
        kernel: One kernel ``(kh, kw)``, or kernels ``(out, in, kh, kw)``.
        bias: One number for every kernel, or a tensor ``(out,)``.

    Returns:
        A layer with stride 1 and no padding, with copies of kernel and bias as parameters.

    Raises:
        TypeError: ``kernel`` is not a tensor, or counts in whole numbers, or ``bias`` is neither
            a number nor a tensor.
        ValueError: ``kernel`` has neither two nor four axes, or ``bias`` not one number for each
            kernel.

    Examples:
        >>> import torch
        >>> from cnnbook.convolution import conv_from_kernel
        >>> difference = conv_from_kernel(torch.tensor([[1.0, -1.0]]))
        >>> difference(torch.tensor([[[[5.0, 3.0, 3.0, 9.0]]]])).tolist()
        [[[[2.0, 0.0, -6.0]]]]
        >>> conv_from_kernel(torch.ones(1, 1), bias=0.5)(torch.zeros(1, 1, 1, 1)).item()
        0.5
        >>> conv_from_kernel(torch.ones(3))
        Traceback (most recent call last):
            ...
        ValueError: kernel: expected (kh, kw) or (out, in, kh, kw), got (3,)

    Source:
        Derived here.
    """
    if not isinstance(kernel, torch.Tensor):
        raise TypeError(
            f"kernel: expected a torch.Tensor of shape (kh, kw), got {type(kernel).__name__}; "
            "convert with torch.tensor(kernel)"
        )
    check_number_type(kernel, name="kernel")
    shape = tuple(kernel.shape)
    if len(shape) not in (2, 4):
        raise ValueError(f"kernel: expected (kh, kw) or (out, in, kh, kw), got {shape}")
    if 0 in shape:
        raise ValueError(f"kernel: expected at least one weight along every axis, got {shape}")
    weight = kernel.detach() if len(shape) == 4 else kernel.detach()[None, None]
    if isinstance(bias, bool) or not isinstance(bias, (int, float, complex, torch.Tensor)):
        raise TypeError(f"bias: expected a number or a torch.Tensor, got {type(bias).__name__}")
    offsets = torch.as_tensor(bias, dtype=weight.dtype, device=weight.device).detach()
    if offsets.ndim and tuple(offsets.shape) != (weight.shape[0],):
        raise ValueError(
            f"bias: expected one number or one for each kernel, shape ({weight.shape[0]},), "
            f"got {tuple(offsets.shape)}"
        )
    # Made on "meta", which draws no random start, so the caller's random state stays as it is.
    layer = torch.nn.Conv2d(
        weight.shape[1],
        weight.shape[0],
        (weight.shape[2], weight.shape[3]),
        dtype=weight.dtype,
        device="meta",
    ).to_empty(device=weight.device)
    assert layer.bias is not None
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(offsets)
    return layer


def averaging_conv(size: int | tuple[int, int]) -> torch.nn.Conv2d:
    """Make a torch.nn.Conv2d layer whose output is the moving average of a grey image.

    Args:
        size: Rows and columns of the window.

    Returns:
        A layer from one channel to one channel, weights all ``1 / (kh * kw)``, bias 0.

    Raises:
        TypeError: ``size`` is not a whole number or a pair.
        ValueError: ``size`` is below 1.

    Examples:
        >>> import torch
        >>> from cnnbook.convolution import averaging_conv
        >>> averaging_conv(2)(torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])).item()
        1.5
        >>> averaging_conv((1, 4)).weight.tolist()
        [[[[0.25, 0.25, 0.25, 0.25]]]]
        >>> averaging_conv(-2)
        Traceback (most recent call last):
            ...
        ValueError: size: expected at least 1, got -2

    Source:
        Derived here.
    """
    return conv_from_kernel(averaging_kernel(size))


def moving_average(images: torch.Tensor, *, size: int | tuple[int, int]) -> torch.Tensor:
    """Average each window of each channel.

    The same numbers as ``averaging_conv(size)``, without any convolution: the windows are viewed
    and their mean is taken.

    Args:
        images: Images ``(n, c, h, w)``.
        size: Rows and columns of the window.

    Returns:
        The averages, shape ``(n, c, h - kh + 1, w - kw + 1)``.

    Raises:
        TypeError: ``images`` is not a tensor or counts in whole numbers, or ``size`` is not a
            whole number or a pair.
        ValueError: ``images`` does not have four axes, or ``size`` is below 1 or larger than an
            image.

    Examples:
        >>> import torch
        >>> from cnnbook.convolution import moving_average
        >>> moving_average(torch.arange(16.0).reshape(1, 1, 4, 4), size=2)[0, 0].tolist()
        [[2.5, 3.5, 4.5], [6.5, 7.5, 8.5], [10.5, 11.5, 12.5]]
        >>> moving_average(torch.arange(16.0).reshape(1, 1, 4, 4), size=4).item()
        7.5
        >>> moving_average(torch.arange(4.0), size=2)
        Traceback (most recent call last):
            ...
        ValueError: images: expected (n, c, h, w), got (4,)

    Source:
        Derived here.
    """
    check_images(images)
    check_number_type(images, name="images")
    return windows(images, pair(size, name="size", least=1)).mean(dim=(-2, -1))
