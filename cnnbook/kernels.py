"""Named kernels as tensors, and layers made from a kernel.

Every kernel has the shape ``(kh, kw)`` and is float32 on the CPU; ``.to(...)`` gives it another
dtype or device. ``kernel[None, None]`` makes it a weight for one channel, ``conv_from_kernel`` a
layer. A kernel that is called separable is the product of a column and a row, which
``conv_matrix.separable_factors`` finds.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch

from cnnbook._checks import check_float, check_int, check_number_type, pair, summarize

__all__ = [
    "averaging_conv",
    "averaging_kernel",
    "conv_from_kernel",
    "gaussian_kernel",
    "identity_kernel",
    "laplacian_kernel",
    "laplacian_of_gaussian_kernel",
    "prewitt_kernel",
    "sharpening_kernel",
    "shift_kernel",
    "sobel_kernel",
]

# A kernel with more weights than any image has pixels is a typing error.
_MAX_WEIGHTS = 100_000_000


def _check_size(size: int | tuple[int, int]) -> tuple[int, int]:
    rows, columns = pair(size, name="size", minimum=1)
    if rows * columns > _MAX_WEIGHTS:
        raise ValueError(f"size: expected at most {_MAX_WEIGHTS:,} weights, got {rows} x {columns}")
    return rows, columns


def averaging_kernel(size: int | tuple[int, int]) -> torch.Tensor:
    """Make the kernel whose weighted sum over a window is the window's mean.

    Every weight is one over the number of weights, so the output is the moving average of the
    image. Separable: averaging the rows and then the columns is the same.

    Args:
        size: Weights along the rows and the columns, one number or ``(kh, kw)``.

    Returns:
        The kernel; its weights sum to 1.

    Raises:
        ValueError: ``size`` makes more than 100,000,000 weights.

    Examples:
        >>> from cnnbook.kernels import averaging_kernel
        >>> averaging_kernel(2).tolist()
        [[0.25, 0.25], [0.25, 0.25]]
        >>> averaging_kernel((1, 2)).tolist()
        [[0.5, 0.5]]

        One weight averages one pixel: nothing changes.

        >>> averaging_kernel(1).tolist()
        [[1.0]]
        >>> averaging_kernel(0)
        Traceback (most recent call last):
            ...
        ValueError: size: expected at least 1, got 0

    Source:
        Gonzalez and Woods (2018), Digital Image Processing, section 3.5, box filter.
    """
    rows, columns = _check_size(size)
    return torch.full((rows, columns), 1 / (rows * columns), dtype=torch.float32, device="cpu")


def identity_kernel(size: int | tuple[int, int] = 3) -> torch.Tensor:
    """Make the kernel that leaves an image as it is, with ``padding="same"``.

    Separable.

    Args:
        size: Weights along the rows and the columns, one number or ``(kh, kw)``.

    Returns:
        The kernel: 1 in the middle, 0 elsewhere. An even size has no middle; the 1 is then just
        before the centre, where ``padding="same"`` expects it.

    Raises:
        ValueError: ``size`` makes more than 100,000,000 weights.

    Examples:
        >>> from cnnbook.kernels import identity_kernel
        >>> identity_kernel(3).tolist()
        [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
        >>> identity_kernel((1, 4)).tolist()
        [[0.0, 1.0, 0.0, 0.0]]
        >>> identity_kernel(1).tolist()
        [[1.0]]
        >>> identity_kernel(1.5)
        Traceback (most recent call last):
            ...
        TypeError: size: expected a whole number or a pair of them, got 1.5
    """
    rows, columns = _check_size(size)
    kernel = torch.zeros(rows, columns, dtype=torch.float32, device="cpu")
    kernel[(rows - 1) // 2, (columns - 1) // 2] = 1
    return kernel


def shift_kernel(down: int, right: int) -> torch.Tensor:
    """Make the kernel that moves an image, with ``padding="same"``.

    Pixels that move over the edge are lost, and zeros come in on the other side. Separable.

    Args:
        down: Rows to move down; below 0, up.
        right: Columns to move right; below 0, left.

    Returns:
        The kernel, shape ``(2*|down| + 1, 2*|right| + 1)``, with a single 1.

    Raises:
        ValueError: ``down`` or ``right`` is above 4,999 or below -4,999.

    Examples:
        To move the image to the right, the kernel looks to the left.

        >>> import torch
        >>> from cnnbook.convolution import conv2d
        >>> from cnnbook.kernels import shift_kernel
        >>> shift_kernel(0, 1).tolist()
        [[1.0, 0.0, 0.0]]
        >>> image = torch.tensor([[[[1.0, 2.0, 3.0]]]])
        >>> conv2d(image, shift_kernel(0, 1)[None, None], padding="same").tolist()
        [[[[0.0, 1.0, 2.0]]]]
        >>> shift_kernel(0, 0).tolist()
        [[1.0]]
        >>> shift_kernel(0.5, 0)
        Traceback (most recent call last):
            ...
        TypeError: down: expected a whole number, got 0.5
    """
    down = check_int(down, name="down", minimum=-4999, maximum=4999)
    right = check_int(right, name="right", minimum=-4999, maximum=4999)
    kernel = torch.zeros(2 * abs(down) + 1, 2 * abs(right) + 1, dtype=torch.float32, device="cpu")
    kernel[abs(down) - down, abs(right) - right] = 1
    return kernel


def _gaussian(count: int, sigma: float) -> torch.Tensor:
    """Return a Gaussian along one axis, centred and with a sum of 1, in float64."""
    offsets = torch.arange(count, dtype=torch.float64, device="cpu") - (count - 1) / 2
    # Softmax makes the largest exponent 0, so that a narrow Gaussian on an even kernel does not
    # underflow to 0.
    return torch.softmax(-0.5 * (offsets / sigma) ** 2, dim=0)


def gaussian_kernel(size: int | tuple[int, int], *, sigma: float) -> torch.Tensor:
    """Make the kernel of a weighted average whose weights fall off like a bell.

    Unlike the plain average it treats all directions alike and leaves no hard edges. Separable:
    the Gaussian over the plane is the product of a Gaussian along each axis.

    Args:
        size: Weights along the rows and the columns, one number or ``(kh, kw)``.
        sigma: Standard deviation of the Gaussian, in pixels, above 0.

    Returns:
        The kernel; its weights sum to 1.

    Raises:
        ValueError: ``size`` makes more than 100,000,000 weights.

    Examples:
        >>> from cnnbook.kernels import gaussian_kernel
        >>> [round(weight, 4) for weight in gaussian_kernel((1, 3), sigma=1.0)[0].tolist()]
        [0.2741, 0.4519, 0.2741]

        A very wide Gaussian is flat: the plain average.

        >>> [round(weight, 4) for weight in gaussian_kernel((1, 4), sigma=1e6)[0].tolist()]
        [0.25, 0.25, 0.25, 0.25]
        >>> gaussian_kernel(3, sigma=0)
        Traceback (most recent call last):
            ...
        ValueError: sigma: expected a number above 0, got 0

    Source:
        Gonzalez and Woods (2018), Digital Image Processing, section 3.5, Gaussian filter.
    """
    rows, columns = _check_size(size)
    sigma = check_float(sigma, name="sigma", above=0)
    return torch.outer(_gaussian(rows, sigma), _gaussian(columns, sigma)).float()


def _edge(smoothing: Sequence[float], axis: Literal["x", "y"]) -> torch.Tensor:
    """Return the change along one axis, averaged with the given weights along the other."""
    if not isinstance(axis, str) or axis not in ("x", "y"):
        raise ValueError(
            f"axis: expected 'x' (along a row) or 'y' (down a column), got {summarize(axis)}"
        )
    x_kernel = torch.tensor([[-w, 0.0, w] for w in smoothing], dtype=torch.float32, device="cpu")
    return x_kernel if axis == "x" else x_kernel.T.contiguous()


def sobel_kernel(axis: Literal["x", "y"]) -> torch.Tensor:
    """Make Sobel's edge kernel: the change along one axis, smoothed along the other.

    Without a flip, as in torch, its output is positive where the image gets brighter to the right
    (``"x"``) or downwards (``"y"``). Separable: a column 1, 2, 1 and a row -1, 0, 1, or the
    reverse.

    Args:
        axis: ``"x"`` for the change along a row, ``"y"`` for the change down a column.

    Returns:
        The kernel, shape ``(3, 3)``; its weights sum to 0.

    Examples:
        >>> from cnnbook.kernels import sobel_kernel
        >>> sobel_kernel("x").tolist()
        [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]
        >>> sobel_kernel("y").tolist()
        [[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]]
        >>> sobel_kernel("z")
        Traceback (most recent call last):
            ...
        ValueError: axis: expected 'x' (along a row) or 'y' (down a column), got 'z'

    Source:
        Sobel (2014), History and definition of the Sobel operator.
    """
    return _edge([1.0, 2.0, 1.0], axis)


def prewitt_kernel(axis: Literal["x", "y"]) -> torch.Tensor:
    """Make Prewitt's edge kernel: the change along one axis, summed along the other.

    Separable: a column 1, 1, 1 and a row -1, 0, 1, or the reverse.

    Args:
        axis: ``"x"`` for the change along a row, ``"y"`` for the change down a column.

    Returns:
        The kernel, shape ``(3, 3)``; its weights sum to 0.

    Examples:
        >>> from cnnbook.kernels import prewitt_kernel
        >>> prewitt_kernel("x").tolist()
        [[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]]
        >>> prewitt_kernel("y")[0].tolist()
        [-1.0, -1.0, -1.0]
        >>> prewitt_kernel(0)
        Traceback (most recent call last):
            ...
        ValueError: axis: expected 'x' (along a row) or 'y' (down a column), got 0

    Source:
        Prewitt (1970), Object enhancement and extraction, in Picture Processing and
        Psychopictorics.
    """
    return _edge([1.0, 1.0, 1.0], axis)


def laplacian_kernel(neighbours: Literal[4, 8] = 4) -> torch.Tensor:
    """Make the kernel of the second derivative: the sum of differences to the neighbours.

    It is 0 where the image is constant or rises linearly, and responds to edges of every direction.
    Not separable.

    Args:
        neighbours: 4 for those beside, above and below, 8 for those at the corners too.

    Returns:
        The kernel, shape ``(3, 3)``; its weights sum to 0.

    Examples:
        >>> from cnnbook.kernels import laplacian_kernel
        >>> laplacian_kernel().tolist()
        [[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]
        >>> laplacian_kernel(8)[1].tolist()
        [1.0, -8.0, 1.0]
        >>> laplacian_kernel(6)
        Traceback (most recent call last):
            ...
        ValueError: neighbours: expected 4 or 8, got 6

    Source:
        Gonzalez and Woods (2018), Digital Image Processing, section 3.6.
    """
    count = check_int(neighbours, name="neighbours", minimum=1)
    if count not in (4, 8):
        raise ValueError(f"neighbours: expected 4 or 8, got {count}")
    corner = 1.0 if count == 8 else 0.0
    outer = [corner, 1.0, corner]
    return torch.tensor(
        [outer, [1.0, -float(count), 1.0], outer], dtype=torch.float32, device="cpu"
    )


def laplacian_of_gaussian_kernel(size: int | tuple[int, int], *, sigma: float) -> torch.Tensor:
    """Make the kernel of the second derivative of an image that a Gaussian has smoothed.

    The Laplacian alone responds to every noisy pixel. Smoothing and then differentiating is one
    convolution, with the Laplacian of the Gaussian; its output changes sign at the edges that
    smoothing leaves. Not separable, but up to a constant the sum of two separable kernels.

    Args:
        size: Weights along the rows and the columns, one number or ``(kh, kw)``; about
            ``6 * sigma + 1`` holds nearly all of the Gaussian.
        sigma: Standard deviation of the Gaussian, in pixels, above 0.1; a narrower one falls
            between the pixels.

    Returns:
        The kernel. The mean of its weights is subtracted from them, so they sum to 0, and a
        constant area gives 0, even if ``size`` cuts the Gaussian off.

    Raises:
        ValueError: ``size`` makes more than 100,000,000 weights.

    Examples:
        In one row of three weights it is a multiple of the second difference, 1 - 2 + 1 = 0.

        >>> from cnnbook.kernels import laplacian_of_gaussian_kernel
        >>> kernel = laplacian_of_gaussian_kernel((1, 3), sigma=1.0)
        >>> (kernel / kernel[0, 0]).round().tolist()
        [[1.0, -2.0, 1.0]]

        One weight minus its mean is 0.

        >>> laplacian_of_gaussian_kernel(1, sigma=1.0).tolist()
        [[0.0]]
        >>> laplacian_of_gaussian_kernel(3, sigma=0.1)
        Traceback (most recent call last):
            ...
        ValueError: sigma: expected a number above 0.1, got 0.1

    Source:
        Marr and Hildreth (1980), Theory of edge detection, Proceedings of the Royal Society of
        London B 207.
    """
    rows, columns = _check_size(size)
    sigma = check_float(sigma, name="sigma", above=0.1)
    down, across = (
        ((torch.arange(count, dtype=torch.float64, device="cpu") - (count - 1) / 2) / sigma) ** 2
        for count in (rows, columns)
    )
    gaussian = torch.outer(_gaussian(rows, sigma), _gaussian(columns, sigma))
    weights = gaussian * (down[:, None] + across - 2) / sigma**2
    return (weights - weights.mean()).float()


def sharpening_kernel(amount: float = 1.0) -> torch.Tensor:
    """Make the kernel that subtracts the Laplacian from the image, which brings out edges.

    Not separable.

    Args:
        amount: How many times the Laplacian is subtracted; 0 leaves the image as it is.

    Returns:
        The kernel, shape ``(3, 3)``; its weights sum to 1, so constant areas do not change.

    Examples:
        >>> from cnnbook.kernels import sharpening_kernel
        >>> sharpening_kernel().tolist()
        [[0.0, -1.0, 0.0], [-1.0, 5.0, -1.0], [0.0, -1.0, 0.0]]
        >>> sharpening_kernel(0)[1].tolist()
        [0.0, 1.0, 0.0]
        >>> sharpening_kernel("strong")
        Traceback (most recent call last):
            ...
        TypeError: amount: expected a number, got 'strong'

    Source:
        Gonzalez and Woods (2018), Digital Image Processing, section 3.6.
    """
    amount = check_float(amount, name="amount", above=-math.inf)
    # Adding 0 turns the -0.0 of an amount of 0 into 0.0.
    side = -amount + 0.0
    middle = 1 + 4 * amount
    return torch.tensor(
        [[0.0, side, 0.0], [side, middle, side], [0.0, side, 0.0]],
        dtype=torch.float32,
        device="cpu",
    )


def conv_from_kernel(kernel: torch.Tensor, bias: float | torch.Tensor = 0.0) -> torch.nn.Conv2d:
    """Make a torch.nn.Conv2d layer that holds the given kernel.

    A new layer of torch has random weights; to see what a layer does, one chooses them.
    No random number is drawn, so the program's random state does not change.

    Args:
        kernel: One kernel ``(kh, kw)``, or kernels ``(out, in, kh, kw)``.
        bias: One number for every kernel, or a tensor ``(out,)``.

    Returns:
        A layer with stride 1 and no padding, with copies of kernel and bias as parameters.

    Examples:
        >>> import torch
        >>> from cnnbook.kernels import conv_from_kernel
        >>> difference = conv_from_kernel(torch.tensor([[1.0, -1.0]]))
        >>> difference(torch.tensor([[[[5.0, 3.0, 3.0, 9.0]]]])).tolist()
        [[[[2.0, 0.0, -6.0]]]]
        >>> conv_from_kernel(torch.ones(1, 1), bias=0.5)(torch.zeros(1, 1, 1, 1)).item()
        0.5
        >>> conv_from_kernel(torch.ones(3))
        Traceback (most recent call last):
            ...
        ValueError: kernel: expected (kh, kw) or (out, in, kh, kw), got (3,)
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
    offsets = _check_offsets(bias, weight)
    # On the "meta" device, torch draws no random initial weights.
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


def _check_offsets(bias: float | torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the bias as a tensor with the weight's dtype, or say what is wrong with it."""
    if isinstance(bias, bool) or not isinstance(bias, (int, float, complex, torch.Tensor)):
        raise TypeError(f"bias: expected a number or a torch.Tensor, got {type(bias).__name__}")
    is_complex = bias.is_complex() if isinstance(bias, torch.Tensor) else isinstance(bias, complex)
    if is_complex and not weight.is_complex():
        raise TypeError(f"bias: expected real numbers, as in the kernel, got {bias}")
    try:
        offsets = torch.as_tensor(bias, dtype=weight.dtype, device=weight.device).detach()
    except OverflowError:
        raise ValueError(f"bias: expected a number that a float can hold, got {bias}") from None
    if offsets.ndim and tuple(offsets.shape) != (weight.shape[0],):
        raise ValueError(
            f"bias: expected one number or one for each kernel, shape ({weight.shape[0]},), "
            f"got {tuple(offsets.shape)}"
        )
    return offsets


def averaging_conv(size: int | tuple[int, int]) -> torch.nn.Conv2d:
    """Make a torch.nn.Conv2d layer whose output is the moving average of a grey image.

    Args:
        size: Rows and columns of the window.

    Returns:
        A layer from one channel to one channel, weights all ``1 / (kh * kw)``, bias 0.

    Examples:
        >>> import torch
        >>> from cnnbook.kernels import averaging_conv
        >>> averaging_conv(2)(torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])).item()
        1.5
        >>> averaging_conv((1, 4)).weight.tolist()
        [[[[0.25, 0.25, 0.25, 0.25]]]]
        >>> averaging_conv(-2)
        Traceback (most recent call last):
            ...
        ValueError: size: expected at least 1, got -2
    """
    return conv_from_kernel(averaging_kernel(size))
