"""A convolution as a matrix product, ``img @ What``, and kernels that factor into two vectors."""

import torch

from cnnbook._checks import check_bool, check_int, check_number_type, check_room, pair
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
    """Write a convolution down as a matrix: the What in ``conv(img) = img @ What``.

    A convolution is linear, so there is a matrix for it, once the image is flattened into a row:
    ``images.flatten(1) @ What == conv2d(images, weight, ...).flatten(1)``. Each column belongs to
    one output pixel and holds the kernel's weights at the pixels of its window, 0 elsewhere: the
    same few weights in every column. Its transpose carries gradients back. A bias is added after
    it.

    Args:
        weight: Kernels ``(out, c / groups, kh, kw)``.
        image_size: Rows and columns of the images.
        stride: Pixels from one window to the next.
        padding: Rows and columns of zeros added at each end, ``"same"`` or ``"valid"``. They add
            nothing to the matrix, so zeros are only left out.
        dilation: Pixels from one weight to the next.
        groups: Into how many groups the channels are divided.
        sparse: Whether to store only the entries that hold a weight, as a sparse COO tensor;
            ``images.flatten(1) @ What`` is written the same.

    Returns:
        The matrix, shape ``(c*h*w, out*oh*ow)``, of the weight's dtype and device. Gradients
        flow through it back to ``weight``.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A shape does not fit, a knob is too small, or the kernel is larger than the
            padded image.
        MemoryError: The matrix, written out, would take more than 16 GB; the sparse one takes 24
            bytes an entry in float64.

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
    if weight.is_meta:
        raise ValueError("weight: expected weights to write down, got a tensor on 'meta'")
    sparse = check_bool(sparse, name="sparse")
    groups = check_groups(groups, weight)
    height, width = pair(image_size, name="image_size", minimum=1)
    kernel_size = weight_size(weight)
    borders = borders_of(kernel_size, stride, padding, dilation)
    full = padded_size((height, width), borders)
    rows, columns = output_size(full, kernel_size, stride=stride, dilation=dilation)
    kernels, depth = weight.shape[:2]
    shape = (depth * groups * height * width, kernels * rows * columns)
    if not sparse and shape[0] * shape[1] * weight.element_size() > _MOST_BYTES:
        gigabytes = shape[0] * shape[1] * weight.element_size() / 1e9
        raise MemoryError(
            f"sparse: expected True for a matrix of {shape[0]} x {shape[1]}, got False, which "
            f"would take {gigabytes:.0f} GB"
        )
    check_room(full, name="padding")
    check_room((kernels, depth, *kernel_size, rows, columns), name="image_size")
    # Number the pixels from 0, the padding -1, and look at the numbers through every window.
    numbers = torch.arange(height * width, device=weight.device).reshape(1, 1, height, width)
    (top, bottom), (left, right) = borders
    numbers = torch.nn.functional.pad(numbers, (left, right, top, bottom), value=-1)
    # Entry (tap, position): which pixel the weight number tap meets at that position.
    met = windows(numbers, kernel_size, stride=stride, dilation=dilation)[0, 0]
    met = met.permute(2, 3, 0, 1).reshape(kernel_size[0] * kernel_size[1], rows * columns)
    inside = met >= 0
    tap, position = inside.nonzero(as_tuple=True)
    pixel = met[inside]
    # Every kernel meets these pixels in each channel of its group: axes (out, c / groups, entry).
    kernel = torch.arange(kernels, device=weight.device)[:, None, None]
    channel = torch.arange(depth, device=weight.device)[:, None]
    channel = channel + kernel // (kernels // groups) * depth
    row = (channel * (height * width) + pixel).flatten()
    column = (kernel * (rows * columns) + position).expand(kernels, depth, -1).flatten()
    values = weight.flatten(2)[:, :, tap].flatten()
    if not sparse:
        return weight.new_zeros(shape).index_put((row, column), values)
    # In order of rows and columns, which torch calls coalesced, so that it need not sort again.
    order = torch.argsort(row * shape[1] + column)
    return torch.sparse_coo_tensor(
        torch.stack([row[order], column[order]]),
        values[order],
        shape,
        is_coalesced=True,
        check_invariants=False,
    )


# A dense matrix above this is a slip, since one line more asks for the sparse one.
_MOST_BYTES = 16 * 10**9


def band_matrix(
    weights: torch.Tensor,
    size: int,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> torch.Tensor:
    """Write a convolution along one axis down as a matrix.

    Together with ``separable_factors`` this answers ``conv(img) = A @ img @ B`` for a separable
    kernel: ``A = band_matrix(column, height).T`` mixes the rows, ``B = band_matrix(row, width)``
    the columns, and no pixel has to be flattened.

    Args:
        weights: The weights ``(k,)``.
        size: Pixels along the axis.
        stride: Pixels from one window to the next.
        padding: Zeros added at each end.
        dilation: Pixels from one weight to the next.

    Returns:
        The matrix, shape ``(size, windows)``: a row of pixels times it is the row's convolution.

    Raises:
        TypeError: ``weights`` is not a tensor of fractions, or another argument not a whole
            number.
        ValueError: ``weights`` does not have one axis, a number is too small, or the weights
            reach further than the padded row.

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

    Source:
        Derived here.
    """
    if not isinstance(weights, torch.Tensor):
        raise TypeError(
            f"weights: expected a torch.Tensor of shape (k,), got {type(weights).__name__}; "
            "convert with torch.tensor(weights)"
        )
    check_number_type(weights, name="weights")
    if weights.is_meta or weights.layout != torch.strided:
        raise ValueError(
            "weights: expected a dense tensor that can be read, got one on "
            f"{weights.device} ({weights.layout})"
        )
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
    """Split a kernel into a column and a row whose product it is, where there are such.

    Convolving with the column and then with the row takes ``kh + kw`` products a pixel in place of
    ``kh * kw``, and is ``A @ img @ B`` with the ``band_matrix`` of each.

    Args:
        kernel: One kernel ``(kh, kw)``.

    Returns:
        ``(column, row)``, shapes ``(kh,)`` and ``(kw,)``, with
        ``column[:, None] * row == kernel`` up to rounding. The row is 1 at the kernel's largest
        weight; of many such pairs, which differ by a factor, that one is chosen.

    Raises:
        TypeError: ``kernel`` is not a tensor of fractions.
        ValueError: ``kernel`` does not have two axes, is not finite, or is no such product.

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
    if kernel.is_meta or kernel.layout != torch.strided:
        raise ValueError(
            "kernel: expected a dense tensor that can be read, got one on "
            f"{kernel.device} ({kernel.layout})"
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
    misses = (column[:, None] * row - exact).abs()
    allowed = 8 * torch.finfo(kernel.dtype).eps * exact[i, j].abs()
    if misses.max() > allowed:
        i, j = divmod(int(misses.argmax()), kernel.shape[1])
        raise ValueError(
            "kernel: expected the product of a column and a row, got one whose rows are not "
            f"multiples of each other: row {i} is off by {misses[i, j].item():.4g} in column {j}"
        )
    return column.to(kernel.dtype), row.to(kernel.dtype)
