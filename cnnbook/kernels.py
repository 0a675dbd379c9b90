"""Named kernels as tensors, to be looked at, multiplied and put into a layer."""

import torch

from cnnbook.arguments import pair

__all__ = ["averaging_kernel"]


def averaging_kernel(
    size: int | tuple[int, int],
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Make the kernel whose window sum is the mean of the window.

    Every weight is one over the number of weights, so the output is the moving average of the
    image.

    Args:
        size: Weights along the rows and the columns, one number or ``(kh, kw)``.
        dtype: A floating-point or complex dtype.
        device: Where the kernel is made; the CPU where it is left out.

    Returns:
        The kernel, shape ``(kh, kw)``; its weights sum to 1.

    Raises:
        TypeError: ``size`` is not a whole number or a pair, or ``dtype`` counts in whole numbers.
        ValueError: ``size`` is below 1.

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
    rows, columns = pair(size, name="size", least=1)
    if not (dtype.is_floating_point or dtype.is_complex):
        raise TypeError(
            f"dtype: expected a floating-point or complex dtype, got {dtype}, "
            "in which 1/4 would be 0; use torch.float32"
        )
    return torch.full((rows, columns), 1 / (rows * columns), dtype=dtype, device=device)
