"""Convolution by a moving window and by all windows at once, and its gradients by hand.

"Convolution" is used as in torch: the kernel is not flipped. Mathematics calls this operation
cross-correlation.
"""

import torch

from cnnbook._checks import (
    check_generator,
    check_images,
    check_int,
    check_number_type,
    check_same_dtype_and_device,
    check_tensor_size,
    pair,
)
from cnnbook._conv_options import (
    Borders,
    Padding,
    borders_of,
    check_bias,
    check_grad_output,
    check_groups,
    check_kernel,
    check_weight,
    padded_size,
    weight_size,
)
from cnnbook.shapes import output_size, transposed_output_size
from cnnbook.windows import fold_windows, windows

__all__ = [
    "conv2d",
    "conv2d_bias_grad",
    "conv2d_input_grad",
    "conv2d_loop",
    "conv2d_weight_grad",
    "conv_transpose2d",
    "expand_features",
    "moving_average",
]


def _pad(images: torch.Tensor, borders: Borders) -> torch.Tensor:
    """Return the images with zeros around them, or the images themselves if there is no border."""
    (top, bottom), (left, right) = borders
    if borders == ((0, 0), (0, 0)):
        return images
    size = padded_size((images.shape[2], images.shape[3]), borders)
    check_tensor_size((*images.shape[:2], *size), name="padding")
    return torch.nn.functional.pad(images, (left, right, top, bottom))


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
    for images up to about 28 x 28. ``conv2d`` computes the same with one fast matrix product.

    Args:
        images: Images ``(n, c, h, w)``.
        weight: Kernels ``(out, c / groups, kh, kw)``, of the images' dtype.
        bias: One number for each kernel, shape ``(out,)``, or None.
        stride: Pixels from one window to the next.
        padding: Rows and columns of zeros at each end; ``"same"`` keeps the size, ``"valid"``
            adds none.
        dilation: Pixels from one weight to the next.
        groups: Groups of channels, each with kernels of its own.

    Returns:
        The images' features, shape ``(n, out, oh, ow)``.

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
    kernel_size = weight_size(weight)
    padded = _pad(images, borders_of(kernel_size, stride, padding, dilation))
    size = (padded.shape[2], padded.shape[3])
    rows, columns = output_size(size, kernel_size, stride=stride, dilation=dilation)
    down, right = pair(stride, name="stride", minimum=1)
    gap_down, gap_right = pair(dilation, name="dilation", minimum=1)
    reach_down = gap_down * (kernel_size[0] - 1) + 1
    reach_right = gap_right * (kernel_size[1] - 1) + 1
    # Groups are independent: (n, groups, 1, c / groups, h, w) meets (groups, out / groups, ...).
    padded = torch.unflatten(padded, 1, (groups, 1, -1))
    kernels = torch.unflatten(weight, 0, (groups, -1))
    pixels = []
    for top in range(0, rows * down, down):
        for left in range(0, columns * right, right):
            window = padded[
                ..., top : top + reach_down : gap_down, left : left + reach_right : gap_right
            ]
            pixels.append((window * kernels).sum(dim=(-3, -2, -1)))
    features = torch.stack(pixels, dim=-1).reshape(len(images), len(weight), rows, columns)
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

    The numbers are those of ``conv2d_loop`` and of ``torch.nn.functional.conv2d``. Autograd works
    through it.

    Args:
        images: Images ``(n, c, h, w)``.
        weight: Kernels ``(out, c / groups, kh, kw)``, of the images' dtype.
        bias: One number for each kernel, shape ``(out,)``, or None.
        stride: Pixels from one window to the next.
        padding: Rows and columns of zeros at each end; ``"same"`` keeps the size, ``"valid"``
            adds none.
        dilation: Pixels from one weight to the next.
        groups: Groups of channels, each with kernels of its own.

    Returns:
        The images' features, shape ``(n, out, oh, ow)``.

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
    kernel_size = weight_size(weight)
    padded = _pad(images, borders_of(kernel_size, stride, padding, dilation))
    columns, size = _columns(padded, kernel_size, stride, dilation, groups)
    kernels = weight.reshape(groups, len(weight) // groups, -1)
    features = torch.matmul(kernels, columns).reshape(len(images), len(weight), *size)
    return features if bias is None else features + bias[:, None, None]


def _columns(
    padded: torch.Tensor,
    kernel_size: tuple[int, int],
    stride: int | tuple[int, int],
    dilation: int | tuple[int, int],
    groups: int,
) -> tuple[torch.Tensor, tuple[int, int]]:
    """Copy every window into a column: ``(n, groups, c*kh*kw / groups, oh*ow)``, ``(oh, ow)``."""
    all_windows = windows(padded, kernel_size, stride=stride, dilation=dilation)
    n, channels, rows, columns = all_windows.shape[:4]
    entries = channels // groups * kernel_size[0] * kernel_size[1]
    # Window entries before positions: the copy then reads along rows of the image, which is fast,
    # and the product has the output in its final order.
    ordered = all_windows.permute(0, 1, 4, 5, 2, 3)
    return ordered.reshape(n, groups, entries, rows * columns), (rows, columns)


def conv2d_input_grad(
    grad_output: torch.Tensor,
    weight: torch.Tensor,
    image_size: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> torch.Tensor:
    """Compute the gradient of a loss with respect to a convolution's images.

    Each output pixel sends its gradient, times the weight, to every pixel of its window, and a
    pixel sums what it receives. That is a product with the transposed matrix of the convolution,
    without building that matrix.

    Args:
        grad_output: Gradient with respect to the output, ``(n, out, oh, ow)``.
        weight: Kernels ``(out, c / groups, kh, kw)``.
        image_size: Rows and columns of the images.
        stride: Pixels from one window to the next.
        padding: As for ``conv2d``.
        dilation: Pixels from one weight to the next.
        groups: Groups of channels, each with kernels of its own.

    Returns:
        Gradient with respect to the images, ``(n, c, h, w)``.

    Examples:
        The loss is the sum of the 3 x 3 average of a 4 x 4 image: a pixel's gradient is the
        number of windows that see it, over 9.

        >>> import torch
        >>> from cnnbook.convolution import conv2d_input_grad
        >>> ones = torch.ones(1, 1, 2, 2)
        >>> conv2d_input_grad(ones, torch.ones(1, 1, 3, 3), 4)[0, 0].tolist()
        [[1.0, 2.0, 2.0, 1.0], [2.0, 4.0, 4.0, 2.0], [2.0, 4.0, 4.0, 2.0], [1.0, 2.0, 2.0, 1.0]]

        A kernel with one weight of 1 passes the gradient on unchanged.

        >>> conv2d_input_grad(ones, torch.ones(1, 1, 1, 1), 2).tolist()
        [[[[1.0, 1.0], [1.0, 1.0]]]]
        >>> conv2d_input_grad(ones, torch.ones(1, 1, 3, 3), 5)
        Traceback (most recent call last):
            ...
        ValueError: grad_output: expected the shape of the output, (n, 1, 3, 3), got (1, 1, 2, 2)

    Source:
        Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, section 4;
        the same numbers as torch.nn.grad.conv2d_input.
    """
    check_weight(weight)
    groups = check_groups(groups, len(weight), "kernels")
    size = pair(image_size, name="image_size", minimum=1)
    kernel_size = weight_size(weight)
    borders = borders_of(kernel_size, stride, padding, dilation)
    full = padded_size(size, borders)
    check_grad_output(
        grad_output,
        (None, len(weight), *output_size(full, kernel_size, stride=stride, dilation=dilation)),
    )
    check_same_dtype_and_device(grad_output, "grad_output", weight=weight)
    # n image, g group, o kernel, c channel, yx output, ij kernel. The conjugate, which leaves real
    # numbers as they are, makes it the adjoint for complex ones, as in torch.
    sent = torch.einsum(
        "ngoyx,gocij->ngcyxij",
        torch.unflatten(grad_output, 1, (groups, -1)),
        torch.unflatten(weight.conj(), 0, (groups, -1)),
    ).flatten(1, 2)
    padded = fold_windows(sent, full, stride=stride, dilation=dilation)
    top, left = borders[0][0], borders[1][0]
    return padded[:, :, top : top + size[0], left : left + size[1]]


def conv2d_weight_grad(
    images: torch.Tensor,
    grad_output: torch.Tensor,
    kernel_size: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> torch.Tensor:
    """Compute the gradient of a loss with respect to a convolution's weights.

    A weight is multiplied with one pixel of every window: its gradient is the sum of these pixels,
    each times the gradient of that window's output.

    Args:
        images: Images ``(n, c, h, w)``.
        grad_output: Gradient with respect to the output, ``(n, out, oh, ow)``.
        kernel_size: Rows and columns of the kernels.
        stride: Pixels from one window to the next.
        padding: As for ``conv2d``.
        dilation: Pixels from one weight to the next.
        groups: Groups of channels, each with kernels of its own.

    Returns:
        Gradient with respect to the weights, ``(out, c / groups, kh, kw)``.

    Examples:
        The loss is the sum of the output: a weight's gradient is the sum of its pixels.

        >>> import torch
        >>> from cnnbook.convolution import conv2d_weight_grad
        >>> image = torch.arange(16.0).reshape(1, 1, 4, 4)
        >>> conv2d_weight_grad(image, torch.ones(1, 1, 2, 2), 3)[0, 0].tolist()
        [[10.0, 14.0, 18.0], [26.0, 30.0, 34.0], [42.0, 46.0, 50.0]]
        >>> 0 + 1 + 4 + 5
        10

        The sum over no images is 0.

        >>> conv2d_weight_grad(image[:0], torch.ones(0, 1, 4, 4), 1).item()
        0.0
        >>> conv2d_weight_grad(image, torch.ones(1, 1, 2, 2), 2)
        Traceback (most recent call last):
            ...
        ValueError: grad_output: expected the shape of the output, (1, out, 3, 3), got (1, 1, 2, 2)

    Source:
        Goodfellow, Bengio and Courville (2016), Deep Learning, equation 9.11; the same numbers as
        torch.nn.grad.conv2d_weight.
    """
    check_images(images)
    check_number_type(images, name="images")
    kernel = pair(kernel_size, name="kernel_size", minimum=1)
    n, channels = images.shape[:2]
    groups = check_groups(groups, channels, "image channels")
    borders = borders_of(kernel, stride, padding, dilation)
    full = padded_size((images.shape[2], images.shape[3]), borders)
    check_grad_output(
        grad_output, (n, None, *output_size(full, kernel, stride=stride, dilation=dilation))
    )
    kernels = grad_output.shape[1]
    if kernels % groups:
        raise ValueError(
            f"grad_output: expected a number of channels divisible by groups={groups}, "
            f"got {kernels}"
        )
    check_same_dtype_and_device(images, "images", grad_output=grad_output)
    columns, _ = _columns(_pad(images, borders), kernel, stride, dilation, groups)
    gradients = torch.unflatten(grad_output.flatten(2), 1, (groups, -1))
    # Over images and positions at once; the conjugate as in conv2d_input_grad.
    summed = torch.einsum("ngop,ngep->goe", gradients, columns.conj())
    return summed.reshape(kernels, channels // groups, *kernel)


def conv2d_bias_grad(grad_output: torch.Tensor) -> torch.Tensor:
    """Compute the gradient of a loss with respect to a convolution's bias.

    The bias is added to every output pixel of its channel, so its gradient is the sum of the
    output's gradients there.

    Args:
        grad_output: Gradient with respect to the output, ``(n, out, oh, ow)``.

    Returns:
        Gradient with respect to the bias, ``(out,)``.

    Examples:
        >>> import torch
        >>> from cnnbook.convolution import conv2d_bias_grad
        >>> conv2d_bias_grad(torch.ones(1, 1, 2, 2)).tolist()
        [4.0]
        >>> conv2d_bias_grad(torch.ones(0, 2, 1, 1)).tolist()
        [0.0, 0.0]
        >>> conv2d_bias_grad(torch.ones(2, 2))
        Traceback (most recent call last):
            ...
        ValueError: grad_output: expected (n, c, h, w), got (2, 2); add axes with \
grad_output[None, None]

    Source:
        Goodfellow, Bengio and Courville (2016), Deep Learning, section 9.5.
    """
    check_images(grad_output, name="grad_output")
    check_number_type(grad_output, name="grad_output")
    return grad_output.sum(dim=(0, 2, 3))


def conv_transpose2d(
    images: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    output_padding: int | tuple[int, int] = 0,
    groups: int = 1,
    dilation: int | tuple[int, int] = 1,
) -> torch.Tensor:
    """Spread each pixel over a window of the output, weighted by a kernel.

    It computes what ``conv2d_input_grad`` does, used as a layer, mostly to enlarge images. It does
    not invert a convolution.

    Args:
        images: Images ``(n, c, h, w)``.
        weight: Kernels ``(c, out / groups, kh, kw)``, of the images' dtype, input channels first.
        bias: One number for each output channel, shape ``(out,)``, or None.
        stride: Pixels from one window to the next in the output.
        padding: Rows and columns cut off at each end of the output.
        output_padding: Rows and columns added at the end of the output after that.
        groups: Groups of channels, each with kernels of its own.
        dilation: Pixels from one weight to the next.

    Returns:
        The images' features, shape ``(n, out, oh, ow)``.

    Raises:
        ValueError: ``padding`` leaves no pixel of the output.

    Examples:
        >>> import torch
        >>> from cnnbook.convolution import conv_transpose2d
        >>> image = torch.tensor([[[[1.0, 2.0]]]])
        >>> conv_transpose2d(image, torch.tensor([[[[1.0, 10.0]]]])).tolist()
        [[[[1.0, 12.0, 20.0]]]]

        The middle pixel belongs to both windows: 10*1 + 1*2. With stride 2 no pixel does.

        >>> conv_transpose2d(image, torch.tensor([[[[1.0, 10.0]]]]), stride=(1, 2)).tolist()
        [[[[1.0, 10.0, 2.0, 20.0]]]]
        >>> conv_transpose2d(image, torch.ones(2, 1, 1, 1))
        Traceback (most recent call last):
            ...
        ValueError: weight: expected (1, out / groups, kh, kw) for images of 1 channels, \
got (2, 1, 1, 1)

    Source:
        Zeiler, Krishnan, Taylor and Fergus (2010), Deconvolutional networks; Dumoulin and Visin
        (2016), A guide to convolution arithmetic for deep learning, section 4.
    """
    check_images(images)
    check_number_type(images, name="images")
    check_weight(weight, axes="(in, out / groups, kh, kw)")
    channels = images.shape[1]
    groups = check_groups(groups, channels, "image channels")
    if weight.shape[0] != channels:
        raise ValueError(
            f"weight: expected ({channels}, out / groups, kh, kw) for images of {channels} "
            f"channels, got {tuple(weight.shape)}"
        )
    check_bias(bias, weight.shape[1] * groups)
    check_same_dtype_and_device(images, "images", weight=weight, bias=bias)
    size, kernel_size = (images.shape[2], images.shape[3]), weight_size(weight)
    # Before padding is cut off, and after.
    full = transposed_output_size(size, kernel_size, stride=stride, dilation=dilation)
    rows, columns = transposed_output_size(
        size,
        kernel_size,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
    )
    top, left = pair(padding, name="padding", minimum=0)
    spread = torch.einsum(
        "ngcyx,gcoij->ngoyxij",
        torch.unflatten(images, 1, (groups, -1)),
        torch.unflatten(weight, 0, (groups, -1)),
    ).flatten(1, 2)
    features = fold_windows(spread, full, stride=stride, dilation=dilation)
    # Pixels of output_padding that no window reaches are 0.
    below, right = max(0, top + rows - full[0]), max(0, left + columns - full[1])
    features = torch.nn.functional.pad(features, (0, right, 0, below))
    features = features[:, :, top : top + rows, left : left + columns]
    return features if bias is None else features + bias[:, None, None]


def moving_average(images: torch.Tensor, *, size: int | tuple[int, int]) -> torch.Tensor:
    """Average each window of each channel.

    The result equals that of ``kernels.averaging_conv(size)``; here the mean of each window is
    taken directly.

    Args:
        images: Images ``(n, c, h, w)``.
        size: Rows and columns of the window.

    Returns:
        The averages, shape ``(n, c, h - kh + 1, w - kw + 1)``.

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
    """
    check_images(images)
    check_number_type(images, name="images")
    return windows(images, pair(size, name="size", minimum=1)).mean(dim=(-2, -1))


def expand_features(
    images: torch.Tensor,
    out_channels: int,
    *,
    kernel_size: int | tuple[int, int] = 3,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Compute many features of each image by convolving it with that many random kernels.

    This is what a layer does before training: it turns one image into many, each the response to
    one random pattern.

    Args:
        images: Images ``(n, c, h, w)``.
        out_channels: How many features to make.
        kernel_size: Rows and columns of the kernels.
        generator: Source of the random numbers; torch's global one by default.

    Returns:
        The features, shape ``(n, out_channels, h - kh + 1, w - kw + 1)``; a new
        ``torch.nn.Conv2d(c, out_channels, kernel_size)`` draws the same kernels from the same
        random state.

    Examples:
        Two images of one channel become two of sixteen, with 16*1*3*3 weights and 16 biases.

        >>> import torch
        >>> from cnnbook.convolution import expand_features
        >>> images = torch.arange(32.0).reshape(2, 1, 4, 4)
        >>> expand_features(images, 16).shape
        torch.Size([2, 16, 2, 2])
        >>> 16*1*3*3 + 16
        160
        >>> expand_features(images, 1, kernel_size=4).shape
        torch.Size([2, 1, 1, 1])
        >>> expand_features(images, 16, kernel_size=5)
        Traceback (most recent call last):
            ...
        ValueError: kernel_size: expected at most the padded size 4 + 2*0 = 4, got a kernel that \
spans 1*(5 - 1) + 1 = 5; use a smaller kernel or more padding

    Source:
        The lecture; He, Zhang, Ren and Sun (2015), Delving deep into rectifiers, for the
        distribution, with torch's choice of its width.
    """
    check_images(images)
    check_number_type(images, name="images")
    channels = images.shape[1]
    kernels = check_int(out_channels, name="out_channels", minimum=1)
    size = pair(kernel_size, name="kernel_size", minimum=1)
    check_generator(generator, optional=True)
    # Refuses a kernel that is too large before any random number is drawn.
    output_size((images.shape[2], images.shape[3]), size)
    bound = 1 / (channels * size[0] * size[1]) ** 0.5
    weight, bias = (
        torch.empty(shape, device="cpu").uniform_(-bound, bound, generator=generator).to(images)
        for shape in ((kernels, channels, *size), (kernels,))
    )
    return conv2d(images, weight, bias)
