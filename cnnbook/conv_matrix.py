"""A convolution as a matrix product, ``img @ What``, and kernels that are a column times a row."""

import torch

from cnnbook._checks import check_bool, check_int, check_number_type, check_tensor_size, pair
from cnnbook._conv_options import (
    Padding,
    borders_of,
    check_groups,
    check_weight,
    padded_size,
    weight_size,
)
from cnnbook.shapes import output_size
from cnnbook.windows import windows

__all__ = ["band_matrix", "conv_matrix", "separable_factors"]

# A larger dense matrix is most likely a forgotten sparse=True.
_MAX_BYTES = 16 * 10**9


def conv_matrix(
    weight: torch.Tensor,
    image_size: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    sparse: bool = False,
) -> torch.Tensor:
    """Write a convolution as a matrix, the lecture's ``What`` in ``conv(img) = img @ What``.

    A convolution is linear, so it has a matrix once the image is flattened into a row:
    ``images.flatten(1) @ What == conv2d(images, weight, ...).flatten(1)``. Each column belongs to
    one output pixel and holds the kernel's weights at the pixels of its window, 0 elsewhere: the
    same few weights in every column. The gradient of the images is a product with its transpose.
    A bias is added afterwards.

    Args:
        weight: Kernels ``(out, c / groups, kh, kw)``.
        image_size: Rows and columns of the images.
        stride: Pixels from one window to the next.
        padding: As for ``conv2d``; weights on padded zeros are left out of the matrix.
        dilation: Pixels from one weight to the next.
        groups: Groups of channels, each with kernels of its own.
        sparse: Whether to store only the entries that hold a weight, as a sparse COO tensor; ``@``
            accepts it as well.

    Returns:
        The matrix, shape ``(c*h*w, out*oh*ow)``. Autograd works through it.

    Raises:
        MemoryError: The dense matrix would take more than 16 GB; the sparse one takes 24 bytes an
            entry in float64.

    Examples:
        >>> import torch
        >>> from cnnbook.conv_matrix import conv_matrix
        >>> from cnnbook.convolution import conv2d
        >>> image = torch.tensor([[[[1.0, 2.0, 3.0]]]])
        >>> weight = torch.tensor([[[[10.0, 1.0]]]])
        >>> what = conv_matrix(weight, (1, 3))
        >>> what.tolist()
        [[10.0, 0.0], [1.0, 10.0], [0.0, 1.0]]
        >>> (image.flatten(1) @ what).tolist(), conv2d(image, weight).flatten(1).tolist()
        ([[12.0, 23.0]], [[12.0, 23.0]])

        For the 3 x 3 average on 4 x 4: 16 pixels, 4 windows of 9 weights each.

        >>> what = conv_matrix(torch.ones(1, 1, 3, 3), 4)
        >>> what.shape, int(what.count_nonzero())
        (torch.Size([16, 4]), 36)
        >>> conv_matrix(torch.ones(1, 1, 3, 3), 4, sparse=True).values().numel()
        36
        >>> conv_matrix(torch.ones(3, 3), 4)
        Traceback (most recent call last):
            ...
        ValueError: weight: expected (out, in / groups, kh, kw), got (3, 3); add axes with \
weight[None, None]

    Source:
        Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, section
        4.1 (there for column vectors, so transposed).
    """
    check_weight(weight)
    sparse = check_bool(sparse, name="sparse")
    groups = check_groups(groups, len(weight), "kernels")
    height, width = pair(image_size, name="image_size", minimum=1)
    kernel_size = weight_size(weight)
    borders = borders_of(kernel_size, stride, padding, dilation)
    full = padded_size((height, width), borders)
    rows, columns = output_size(full, kernel_size, stride=stride, dilation=dilation)
    kernels, depth = weight.shape[:2]
    shape = (depth * groups * height * width, kernels * rows * columns)
    if not sparse and shape[0] * shape[1] * weight.element_size() > _MAX_BYTES:
        gigabytes = shape[0] * shape[1] * weight.element_size() / 1e9
        raise MemoryError(
            f"sparse: expected True for a matrix of {shape[0]} x {shape[1]}, got False, which "
            f"would take {gigabytes:.0f} GB"
        )
    check_tensor_size(full, name="padding")
    check_tensor_size((kernels, depth, *kernel_size, rows, columns), name="image_size")
    # Number the pixels from 0, the padding -1, and view these numbers through every window.
    numbers = torch.arange(height * width, device=weight.device).reshape(1, 1, height, width)
    (top, bottom), (left, right) = borders
    numbers = torch.nn.functional.pad(numbers, (left, right, top, bottom), value=-1)
    # Entry (tap, position): the pixel under weight number tap of the window at that position.
    covered = windows(numbers, kernel_size, stride=stride, dilation=dilation)[0, 0]
    covered = covered.permute(2, 3, 0, 1).reshape(kernel_size[0] * kernel_size[1], rows * columns)
    inside = covered >= 0
    tap, position = inside.nonzero(as_tuple=True)
    pixel = covered[inside]
    # Every kernel covers them in each channel of its group: axes (out, c / groups, entry).
    kernel = torch.arange(kernels, device=weight.device)[:, None, None]
    channel = torch.arange(depth, device=weight.device)[:, None]
    channel = channel + kernel // (kernels // groups) * depth
    row = (channel * (height * width) + pixel).flatten()
    column = (kernel * (rows * columns) + position).expand(kernels, depth, -1).flatten()
    values = weight.flatten(2)[:, :, tap].flatten()
    if not sparse:
        return weight.new_zeros(shape).index_put((row, column), values)
    # Sorted by row and column, which torch calls coalesced, so that torch need not sort again.
    order = torch.argsort(row * shape[1] + column)
    return torch.sparse_coo_tensor(
        torch.stack([row[order], column[order]]),
        values[order],
        shape,
        device=values.device,
        is_coalesced=True,
        check_invariants=False,
    )


def band_matrix(
    weights: torch.Tensor,
    size: int,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> torch.Tensor:
    """Write a convolution along one axis as a matrix.

    With ``separable_factors`` it gives ``conv(img) = A @ img @ B`` for a separable kernel:
    ``A = band_matrix(column, height).T`` mixes the rows, ``B = band_matrix(row, width)`` the
    columns, and the image is not flattened.

    Args:
        weights: The weights ``(k,)``.
        size: Pixels along the axis.
        stride: Pixels from one window to the next.
        padding: Zeros added at each end.
        dilation: Pixels from one weight to the next.

    Returns:
        The matrix, shape ``(size, windows)``; a row of pixels times the matrix is convolved.

    Examples:
        >>> import torch
        >>> from cnnbook.conv_matrix import band_matrix
        >>> band_matrix(torch.tensor([10.0, 1.0]), 3).tolist()
        [[10.0, 0.0], [1.0, 10.0], [0.0, 1.0]]
        >>> band_matrix(torch.ones(1), 2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
        >>> band_matrix(torch.ones(2, 2), 3)
        Traceback (most recent call last):
            ...
        ValueError: weights: expected (k,) with at least one weight, got (2, 2)
    """
    if not isinstance(weights, torch.Tensor):
        raise TypeError(
            f"weights: expected a torch.Tensor of shape (k,), got {type(weights).__name__}; "
            "convert with torch.tensor(weights)"
        )
    check_number_type(weights, name="weights")
    if weights.ndim != 1 or not len(weights):
        raise ValueError(
            f"weights: expected (k,) with at least one weight, got {tuple(weights.shape)}"
        )
    return conv_matrix(
        weights[None, None, None],
        (1, check_int(size, name="size", minimum=1)),
        stride=(1, check_int(stride, name="stride", minimum=1)),
        padding=(0, check_int(padding, name="padding", minimum=0)),
        dilation=(1, check_int(dilation, name="dilation", minimum=1)),
    )


def separable_factors(kernel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Factor a separable kernel into a column and a row.

    Convolving with the column and then with the row takes ``kh + kw`` multiplications a pixel
    instead of ``kh * kw``, and is ``A @ img @ B`` with the ``band_matrix`` of each.

    Args:
        kernel: One kernel ``(kh, kw)``.

    Returns:
        ``(column, row)``, shapes ``(kh,)`` and ``(kw,)``, with
        ``column[:, None] * row == kernel`` up to rounding. The pair is unique up to a factor,
        which is chosen so that the row is 1 in the column of the kernel's largest weight.

    Raises:
        ValueError: ``kernel`` is not finite, or not the product of a column and a row.

    Examples:
        >>> from cnnbook.conv_matrix import separable_factors
        >>> from cnnbook.kernels import averaging_kernel, laplacian_kernel, sobel_kernel
        >>> [part.tolist() for part in separable_factors(sobel_kernel("x"))]
        [[-1.0, -2.0, -1.0], [1.0, 0.0, -1.0]]
        >>> [part.tolist() for part in separable_factors(averaging_kernel((1, 2)))]
        [[0.5], [1.0, 1.0]]
        >>> separable_factors(laplacian_kernel())
        Traceback (most recent call last):
            ...
        ValueError: kernel: expected the product of a column and a row, got one whose rows are \
not multiples of each other: row 0 is off by 0.25 in column 0

    Source:
        Gonzalez and Woods (2018), Digital Image Processing, section 3.4, separable filter
        kernels.
    """
    if not isinstance(kernel, torch.Tensor):
        raise TypeError(
            f"kernel: expected a torch.Tensor of shape (kh, kw), got {type(kernel).__name__}; "
            "convert with torch.tensor(kernel)"
        )
    check_number_type(kernel, name="kernel")
    if kernel.ndim != 2 or 0 in kernel.shape:
        raise ValueError(
            f"kernel: expected (kh, kw) with at least one weight, got {tuple(kernel.shape)}"
        )
    if not torch.isfinite(kernel).all():
        raise ValueError("kernel: expected finite weights, got infinite ones or NaN")
    exact = kernel.detach().to(torch.promote_types(kernel.dtype, torch.float64))
    pivot = int(exact.abs().argmax())
    i, j = divmod(pivot, kernel.shape[1])
    if exact[i, j] == 0:
        # All weights are 0: a column of zeros and a row of ones.
        return kernel[:, 0].clone(), torch.ones_like(kernel[0])
    # Adding 0 turns the -0.0 of a division by a negative weight into 0.0.
    column, row = exact[:, j], exact[i] / exact[i, j] + 0.0
    errors = (column[:, None] * row - exact).abs()
    tolerance = 8 * torch.finfo(kernel.dtype).eps * exact[i, j].abs()
    if errors.max() > tolerance:
        i, j = divmod(int(errors.argmax()), kernel.shape[1])
        raise ValueError(
            "kernel: expected the product of a column and a row, got one whose rows are not "
            f"multiples of each other: row {i} is off by {errors[i, j].item():.4g} in column {j}"
        )
    return column.to(kernel.dtype), row.to(kernel.dtype)
