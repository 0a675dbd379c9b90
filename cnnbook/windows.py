"""Every window of an image batch, the sum over windows back to pixels, and one sum spelled out."""

from dataclasses import dataclass

import torch

from cnnbook._checks import check_images, check_int, check_tensor_size, pair
from cnnbook._conv_options import check_kernel, weight_size
from cnnbook.shapes import output_size

__all__ = ["WindowSum", "fold_windows", "window_sum", "windows"]


def windows(
    images: torch.Tensor,
    kernel_size: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
) -> torch.Tensor:
    """View every window that a kernel visits, in visiting order.

    A convolution is a weighted sum over each of these windows, and a pooling layer a maximum or a
    mean: the layers differ only in what they do with a window. The windows are those of
    ``torch.nn.functional.unfold``, before it copies them into columns.

    Args:
        images: Images ``(n, c, h, w)`` of any dtype.
        kernel_size: Rows and columns of a window.
        stride: Pixels from one window to the next.
        padding: Rows and columns of zeros at each end.
        dilation: Pixels from one entry of a window to the next.

    Returns:
        The windows, shape ``(n, c, oh, ow, kh, kw)``: entry ``[i, k, r, s]`` is the window of
        channel ``k`` of image ``i`` in output row ``r`` and column ``s``. It is a view of
        ``images``, or of a padded copy if ``padding`` is not 0; do not write into it, since
        overlapping windows share their pixels.

    Examples:
        >>> import torch
        >>> from cnnbook.windows import windows
        >>> image = torch.arange(6).reshape(1, 1, 2, 3)
        >>> image[0, 0].tolist()
        [[0, 1, 2], [3, 4, 5]]
        >>> windows(image, 2).shape
        torch.Size([1, 1, 1, 2, 2, 2])
        >>> windows(image, 2)[0, 0, 0].tolist()
        [[[0, 1], [3, 4]], [[1, 2], [4, 5]]]

        A window as large as the image is the image.

        >>> windows(image, (2, 3))[0, 0, 0, 0].tolist()
        [[0, 1, 2], [3, 4, 5]]
        >>> windows(image, 3)
        Traceback (most recent call last):
            ...
        ValueError: kernel_size: expected at most the padded size 2 + 2*0 = 2, got a kernel that \
spans 1*(3 - 1) + 1 = 3; use a smaller kernel or more padding
    """
    check_images(images)
    kernel = pair(kernel_size, name="kernel_size", minimum=1)
    step = pair(stride, name="stride", minimum=1)
    border = pair(padding, name="padding", minimum=0)
    gap = pair(dilation, name="dilation", minimum=1)
    height, width = images.shape[2:]
    # Refuses a window that is larger than the padded image.
    output_size((height, width), kernel, stride=step, padding=border, dilation=gap)
    if border != (0, 0):
        full = (height + 2 * border[0], width + 2 * border[1])
        check_tensor_size((*images.shape[:2], *full), name="padding")
        images = torch.nn.functional.pad(images, (border[1], border[1], border[0], border[0]))
    spans = [gap[axis] * (kernel[axis] - 1) + 1 for axis in (0, 1)]
    viewed = images.unfold(2, spans[0], step[0]).unfold(3, spans[1], step[1])
    return viewed[..., :: gap[0], :: gap[1]]


def fold_windows(
    windows: torch.Tensor,
    image_size: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
) -> torch.Tensor:
    """Add every window to the pixels that it was taken from.

    This is the adjoint of ``windows``, the sum of ``torch.nn.functional.fold``: a pixel receives
    one number from each window that covers it. It is not the inverse, since a pixel that four
    windows cover counts four times. It takes gradients from windows to pixels, and is the part of a
    transposed convolution that has no weights.

    Args:
        windows: Windows ``(n, c, oh, ow, kh, kw)`` of any dtype but bool.
        image_size: Rows and columns of the images.
        stride: Pixels from one window to the next.
        padding: Rows and columns that ``windows`` added at each end; sums that fall there are
            dropped.
        dilation: Pixels from one entry of a window to the next.

    Returns:
        Images ``(n, c, h, w)``; pixels that no window covers are 0.

    Examples:
        >>> import torch
        >>> from cnnbook.windows import fold_windows, windows
        >>> image = torch.tensor([[[[1, 2, 3]]]])
        >>> fold_windows(windows(image, (1, 2)), (1, 3)).tolist()
        [[[[1, 4, 3]]]]

        The middle pixel is in both windows. Windows that do not overlap give the image back.

        >>> image = torch.arange(4).reshape(1, 1, 2, 2)
        >>> torch.equal(fold_windows(windows(image, 1), 2), image)
        True
        >>> fold_windows(windows(image, 1), 3)
        Traceback (most recent call last):
            ...
        ValueError: windows: expected 3 x 3 windows for images of 3 x 3 pixels, got 2 x 2
    """
    if not isinstance(windows, torch.Tensor):
        raise TypeError(
            "windows: expected a torch.Tensor of shape (n, c, oh, ow, kh, kw), "
            f"got {type(windows).__name__}"
        )
    if windows.dtype == torch.bool:
        raise TypeError("windows: expected numbers, got torch.bool; convert with windows.long()")
    shape = tuple(windows.shape)
    if len(shape) != 6 or 0 in shape[1:]:
        raise ValueError(
            f"windows: expected (n, c, oh, ow, kh, kw) with at least one of each but n, got {shape}"
        )
    n, channels, rows, columns, kernel_rows, kernel_columns = shape
    height, width = pair(image_size, name="image_size", minimum=1)
    step = pair(stride, name="stride", minimum=1)
    border = pair(padding, name="padding", minimum=0)
    gap = pair(dilation, name="dilation", minimum=1)
    expected = output_size(
        (height, width),
        (kernel_rows, kernel_columns),
        stride=step,
        padding=border,
        dilation=gap,
    )
    if expected != (rows, columns):
        raise ValueError(
            f"windows: expected {expected[0]} x {expected[1]} windows for images of {height} x "
            f"{width} pixels, got {rows} x {columns}"
        )
    full = (n, channels, height + 2 * border[0], width + 2 * border[1])
    check_tensor_size(full, name="image_size")
    padded = windows.new_zeros(full)
    # Entry by entry: the same entry of two windows never falls on the same pixel.
    for i in range(kernel_rows):
        for j in range(kernel_columns):
            top, left = i * gap[0], j * gap[1]
            padded[
                :,
                :,
                top : top + step[0] * (rows - 1) + 1 : step[0],
                left : left + step[1] * (columns - 1) + 1 : step[1],
            ] += windows[..., i, j]
    return padded[:, :, border[0] : border[0] + height, border[1] : border[1] + width]


@dataclass(frozen=True, eq=False)
class WindowSum:
    """One window under a kernel: what is multiplied, what is added, and the result.

    ``print()`` shows the arithmetic as one would write it by hand. The numbers are Python's, which
    print and compare without a tensor around them.

    Attributes:
        row: Output row of the window.
        column: Output column of the window.
        pixels: The window's pixels, channel by channel and row by row.
        weights: The weight of each pixel, in the same order.
        products: Weight times pixel, in the same order.
        bias: The number added at the end, or None.
        total: The sum, computed by torch in the images' dtype.

    Examples:
        >>> import torch
        >>> from cnnbook.windows import window_sum
        >>> image = torch.tensor([[0.0, 1.0], [2.0, 3.0]])[None, None]
        >>> kernel = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
        >>> print(window_sum(image, kernel, torch.tensor([0.5]), row=0, column=0))
        1*0 + 2*1 + 3*2 + 4*3 + 0.5 = 20.5
    """

    row: int
    column: int
    pixels: tuple[float | complex, ...]
    weights: tuple[float | complex, ...]
    products: tuple[float | complex, ...]
    bias: float | complex | None
    total: float | complex

    def __str__(self) -> str:
        """Return the arithmetic, weights before pixels, to four digits."""
        terms = [
            f"{_number(weight)}*{_number(pixel)}"
            for weight, pixel in zip(self.weights, self.pixels, strict=True)
        ]
        if self.bias is not None:
            terms.append(_number(self.bias))
        return f"{' + '.join(terms)} = {f'{self.total:.4g}'}"


def _number(value: float | complex) -> str:
    text = f"{value:.4g}"
    # A sign in the middle of a sum, or the two parts of a complex number, need brackets.
    return f"({text})" if isinstance(value, complex) or text.startswith("-") else text


def window_sum(
    images: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    row: int,
    column: int,
    image: int = 0,
    channel: int = 0,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> WindowSum:
    """Spell out the one output pixel in the given row and column of a convolution.

    Args:
        images: Images ``(n, c, h, w)``.
        weight: Kernels ``(out, c / groups, kh, kw)``, of the images' dtype.
        bias: One number for each kernel, shape ``(out,)``, or None.
        row: Output row, counted from 0.
        column: Output column, counted from 0.
        image: Index of the image in the batch.
        channel: Index of the output channel, that is, of the kernel.
        stride: Pixels from one window to the next.
        padding: Rows and columns of zeros at each end.
        dilation: Pixels from one weight to the next.
        groups: Groups of channels, each with kernels of its own.

    Returns:
        Pixels, weights, products, bias and total of the window.

    Examples:
        >>> import torch
        >>> from cnnbook.windows import window_sum
        >>> image = torch.arange(16.0).reshape(1, 1, 4, 4)
        >>> mean = torch.full((1, 1, 2, 2), 0.25)
        >>> print(window_sum(image, mean, row=1, column=1))
        0.25*5 + 0.25*6 + 0.25*9 + 0.25*10 = 7.5
        >>> window_sum(image, mean, row=2, column=2).total
        12.5
        >>> window_sum(image, mean, row=3, column=0)
        Traceback (most recent call last):
            ...
        ValueError: row: expected 0 to 2, since the output is 3 x 3, got 3
    """
    check_kernel(images, weight, bias, groups=groups)
    if len(images) == 0:
        raise ValueError(f"images: expected at least one image, got {tuple(images.shape)}")
    kernels, depth = weight.shape[:2]
    all_windows = windows(
        images, weight_size(weight), stride=stride, padding=padding, dilation=dilation
    )
    rows, columns = all_windows.shape[2:4]
    limits = (
        ("row", row, rows, f", since the output is {rows} x {columns}"),
        ("column", column, columns, f", since the output is {rows} x {columns}"),
        ("image", image, images.shape[0], ", the images of the batch"),
        ("channel", channel, kernels, ", the kernels"),
    )
    for name, value, count, reason in limits:
        if check_int(value, name=name, minimum=0) >= count:
            raise ValueError(f"{name}: expected 0 to {count - 1}{reason}, got {value}")
    first = channel // (kernels // groups) * depth
    window = all_windows[image, first : first + depth, row, column].detach()
    kernel = weight[channel].detach()
    total = (kernel * window).sum()
    if bias is not None:
        total = total + bias[channel].detach()
    return WindowSum(
        row=row,
        column=column,
        pixels=tuple(window.flatten().tolist()),
        weights=tuple(kernel.flatten().tolist()),
        products=tuple((kernel * window).flatten().tolist()),
        bias=None if bias is None else bias[channel].item(),
        total=total.item(),
    )
