"""Named kernels as tensors, to be looked at, multiplied and put into a layer.

Every function returns one kernel ``(kh, kw)``; ``kernel[None, None]`` makes it a weight for one
channel, ``convolution.conv_from_kernel`` a layer. A kernel that is called separable is the product
of a column and a row, which ``convolution.separable_factors`` finds.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch

from cnnbook._checks import check_dtype, check_float, check_int, pair
from cnnbook._devices import check_device

__all__ = [
    "averaging_kernel",
    "gaussian_kernel",
    "identity_kernel",
    "laplacian_kernel",
    "prewitt_kernel",
    "sharpening_kernel",
    "shift_kernel",
    "sobel_kernel",
]

_Device = torch.device | str | None
# More weights than any image has pixels are a slip of the keyboard, not a kernel.
_MOST = 100_000_000


def _made(
    rows: Sequence[Sequence[float]] | torch.Tensor, dtype: torch.dtype, device: _Device
) -> torch.Tensor:
    """Return numbers as a kernel of the wanted type and place."""
    check_dtype(dtype)
    device = torch.device("cpu") if device is None else check_device(device)
    # By way of float64, so that a weight is rounded once.
    return torch.as_tensor(rows, dtype=torch.float64).to(dtype).to(device)


def _size(size: int | tuple[int, int]) -> tuple[int, int]:
    rows, columns = pair(size, name="size", minimum=1)
    if rows * columns > _MOST:
        raise ValueError(f"size: expected at most {_MOST:,} weights, got {rows} x {columns}")
    return rows, columns


def averaging_kernel(
    size: int | tuple[int, int],
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Make the kernel whose window sum is the mean of the window.

    Every weight is one over the number of weights, so the output is the moving average of the
    image. Separable: averaging the rows and then the columns is the same.

    Args:
        size: Weights along the rows and the columns, one number or ``(kh, kw)``.
        dtype: A floating-point or complex dtype.
        device: Where the kernel is made; the CPU where it is left out.

    Returns:
        The kernel, shape ``(kh, kw)``; its weights sum to 1.

    Raises:
        TypeError: ``size`` is not a whole number or a pair, or ``dtype`` counts in whole numbers.
        ValueError: ``size`` is below 1 or makes more than 100,000,000 weights.
        RuntimeError: ``device`` is not there.

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
    rows, columns = _size(size)
    mean = torch.full((rows, columns), 1 / (rows * columns), dtype=torch.float64)
    return _made(mean, dtype, device)


def identity_kernel(
    size: int | tuple[int, int] = 3,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Make the kernel that leaves an image as it is, with ``padding="same"``.

    Separable.

    Args:
        size: Weights along the rows and the columns, one number or ``(kh, kw)``.
        dtype: A floating-point or complex dtype.
        device: Where the kernel is made; the CPU where it is left out.

    Returns:
        The kernel, shape ``(kh, kw)``: 1 in the middle, 0 elsewhere. An even size has no middle;
        there the 1 stands before it, where ``padding="same"`` expects it.

    Raises:
        TypeError: ``size`` is not a whole number or a pair, or ``dtype`` counts in whole numbers.
        ValueError: ``size`` is below 1 or makes more than 100,000,000 weights.
        RuntimeError: ``device`` is not there.

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

    Source:
        Derived here.
    """
    rows, columns = _size(size)
    kernel = torch.zeros(rows, columns, dtype=torch.float64)
    kernel[(rows - 1) // 2, (columns - 1) // 2] = 1
    return _made(kernel, dtype, device)


def shift_kernel(
    down: int,
    right: int,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Make the kernel that moves an image, with ``padding="same"``.

    What is moved over the edge is lost, and zeros come in on the other side. Separable.

    Args:
        down: Rows to move down; below 0, up.
        right: Columns to move right; below 0, left.
        dtype: A floating-point or complex dtype.
        device: Where the kernel is made; the CPU where it is left out.

    Returns:
        The kernel, shape ``(2*|down| + 1, 2*|right| + 1)``, with a single 1.

    Raises:
        TypeError: ``down`` or ``right`` is not a whole number, or ``dtype`` counts in whole
            numbers.
        ValueError: ``down`` or ``right`` is above 4,999 or below -4,999.
        RuntimeError: ``device`` is not there.

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

    Source:
        Derived here.
    """
    down = check_int(down, name="down", minimum=-4999, maximum=4999)
    right = check_int(right, name="right", minimum=-4999, maximum=4999)
    kernel = torch.zeros(2 * abs(down) + 1, 2 * abs(right) + 1, dtype=torch.float64)
    kernel[abs(down) - down, abs(right) - right] = 1
    return _made(kernel, dtype, device)


def gaussian_kernel(
    size: int | tuple[int, int],
    *,
    sigma: float,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Make the kernel of a weighted average whose weights fall off like a bell.

    Unlike the plain average it treats all directions alike and leaves no hard edges. Separable:
    the bell over the plane is the product of a bell along each axis.

    Args:
        size: Weights along the rows and the columns, one number or ``(kh, kw)``.
        sigma: Standard deviation of the bell, in pixels, above 0.
        dtype: A floating-point or complex dtype.
        device: Where the kernel is made; the CPU where it is left out.

    Returns:
        The kernel, shape ``(kh, kw)``; its weights sum to 1.

    Raises:
        TypeError: An argument has the wrong type, or ``dtype`` counts in whole numbers.
        ValueError: ``size`` is below 1 or makes more than 100,000,000 weights, or ``sigma`` is
            not a finite number above 0.
        RuntimeError: ``device`` is not there.

    Examples:
        >>> from cnnbook.kernels import gaussian_kernel
        >>> [round(weight, 4) for weight in gaussian_kernel((1, 3), sigma=1.0)[0].tolist()]
        [0.2741, 0.4519, 0.2741]

        A very wide bell is flat: the plain average.

        >>> [round(weight, 4) for weight in gaussian_kernel((1, 4), sigma=1e6)[0].tolist()]
        [0.25, 0.25, 0.25, 0.25]
        >>> gaussian_kernel(3, sigma=0)
        Traceback (most recent call last):
            ...
        ValueError: sigma: expected a number above 0, got 0

    Source:
        Gonzalez and Woods (2018), Digital Image Processing, section 3.5, Gaussian filter.
    """
    sizes = _size(size)
    width = check_float(sigma, name="sigma", above=0)
    # Scaled so that the largest exponent is 0: a narrow bell on an even kernel must not vanish.
    column, row = (
        torch.softmax(
            -0.5 * ((torch.arange(count, dtype=torch.float64) - (count - 1) / 2) / width) ** 2,
            dim=0,
        )
        for count in sizes
    )
    return _made(torch.outer(column, row), dtype, device)


def _edge(
    smooth: Sequence[float], axis: Literal["x", "y"], dtype: torch.dtype, device: _Device
) -> torch.Tensor:
    """Return the change along one axis, averaged with the given weights along the other."""
    if not isinstance(axis, str) or axis not in ("x", "y"):
        raise ValueError(f"axis: expected 'x' (along a row) or 'y' (down a column), got {axis!r}")
    along_a_row = torch.outer(
        torch.tensor(smooth, dtype=torch.float64), torch.tensor([-1.0, 0.0, 1.0]).double()
    )
    return _made(along_a_row if axis == "x" else along_a_row.T, dtype, device)


def sobel_kernel(
    axis: Literal["x", "y"],
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Make Sobel's edge kernel: the change along one axis, smoothed along the other.

    Laid on as it stands, it is positive where the image gets brighter to the right (``"x"``) or
    downwards (``"y"``). Separable: a column 1, 2, 1 and a row -1, 0, 1, or the reverse.

    Args:
        axis: ``"x"`` for the change along a row, ``"y"`` for the change down a column.
        dtype: A floating-point or complex dtype.
        device: Where the kernel is made; the CPU where it is left out.

    Returns:
        The kernel, shape ``(3, 3)``; its weights sum to 0.

    Raises:
        TypeError: ``dtype`` counts in whole numbers.
        ValueError: ``axis`` is neither ``"x"`` nor ``"y"``.
        RuntimeError: ``device`` is not there.

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
    return _edge([1, 2, 1], axis, dtype, device)


def prewitt_kernel(
    axis: Literal["x", "y"],
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Make Prewitt's edge kernel: the change along one axis, summed along the other.

    Separable: a column 1, 1, 1 and a row -1, 0, 1, or the reverse.

    Args:
        axis: ``"x"`` for the change along a row, ``"y"`` for the change down a column.
        dtype: A floating-point or complex dtype.
        device: Where the kernel is made; the CPU where it is left out.

    Returns:
        The kernel, shape ``(3, 3)``; its weights sum to 0.

    Raises:
        TypeError: ``dtype`` counts in whole numbers.
        ValueError: ``axis`` is neither ``"x"`` nor ``"y"``.
        RuntimeError: ``device`` is not there.

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
    return _edge([1, 1, 1], axis, dtype, device)


def laplacian_kernel(
    neighbours: Literal[4, 8] = 4,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Make the kernel of the second change: neighbours minus as many times the middle.

    It is 0 on an even slope and answers to edges of every direction. Not separable.

    Args:
        neighbours: 4 for those beside, above and below, 8 for those at the corners too.
        dtype: A floating-point or complex dtype.
        device: Where the kernel is made; the CPU where it is left out.

    Returns:
        The kernel, shape ``(3, 3)``; its weights sum to 0.

    Raises:
        TypeError: ``neighbours`` is not a whole number, or ``dtype`` counts in whole numbers.
        ValueError: ``neighbours`` is neither 4 nor 8.
        RuntimeError: ``device`` is not there.

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
    return _made([outer, [1.0, -float(count), 1.0], outer], dtype, device)


def sharpening_kernel(
    amount: float = 1.0,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Make the kernel that takes the Laplacian away from the image, which brings out edges.

    Not separable.

    Args:
        amount: How many times the Laplacian is taken away; 0 leaves the image as it is.
        dtype: A floating-point or complex dtype.
        device: Where the kernel is made; the CPU where it is left out.

    Returns:
        The kernel, shape ``(3, 3)``; its weights sum to 1, so even areas stay as they are.

    Raises:
        TypeError: ``amount`` is not a number, or ``dtype`` counts in whole numbers.
        ValueError: ``amount`` is infinite or not a number.
        RuntimeError: ``device`` is not there.

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
    part = check_float(amount, name="amount", above=-math.inf)
    # Adding 0 turns the -0.0 of an amount of 0 into 0.0.
    side = -part + 0.0
    return _made([[0.0, side, 0.0], [side, 1 + 4 * part, side], [0.0, side, 0.0]], dtype, device)
