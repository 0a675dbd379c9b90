"""Checks of arguments: every error says what was expected, what came and what to do."""

import math
import operator
from collections.abc import Iterable, Iterator

import torch

__all__ = [
    "check_bool",
    "check_float",
    "check_generator",
    "check_image_shape",
    "check_images",
    "check_int",
    "check_net",
    "check_number_type",
    "check_parameter_count",
    "check_same_dtype_and_device",
    "check_tensor_size",
    "pair",
    "per_axis",
    "summarize",
    "tensor_remedy",
]

# The dtypes in which torch multiplies and adds everywhere.
_COMPUTING_DTYPES = (
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.complex64,
    torch.complex128,
)
# The limit of many sizes in torch; larger ones overflow or raise an error.
_MAX_INT = 2**31 - 1
# 256 GB in float32, more than the memory of any reader's machine.
_MAX_ENTRIES = 2**36
# 4 GB in float32. A larger network is a mistake, such as a pixel count in place of a width, and
# would fail in torch or run out of memory.
_MAX_PARAMETERS = 10**9


def summarize(value: object) -> str:
    """Describe an argument for an error message, briefly even if it is a large tensor.

    Examples:
        >>> import torch
        >>> from cnnbook._checks import summarize
        >>> summarize(torch.zeros(2, 3)), summarize(3.5)
        ('a tensor of shape (2, 3), torch.float32', '3.5')
    """
    if isinstance(value, (torch.nn.Module, torch.optim.Optimizer)):
        return f"a {type(value).__name__}"
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and dtype is not None:
        kind = "a tensor" if isinstance(value, torch.Tensor) else f"an {type(value).__name__}"
        return f"{kind} of shape {tuple(shape)}, {dtype}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def check_int(value: int, *, name: str, minimum: int, maximum: int = _MAX_INT) -> int:
    """Return a whole number as an ``int``, or refuse it.

    Other integer types, such as ``numpy.int64``, are accepted. ``True`` is not: it is an ``int``
    in Python, but ``stride=True`` is a mistake.

    Examples:
        >>> from cnnbook._checks import check_int
        >>> check_int(3, name="stride", minimum=1)
        3
        >>> check_int(2.0, name="stride", minimum=1)
        Traceback (most recent call last):
            ...
        TypeError: stride: expected a whole number, got 2.0
        >>> check_int(0, name="stride", minimum=1)
        Traceback (most recent call last):
            ...
        ValueError: stride: expected at least 1, got 0
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(f"{name}: expected a whole number, got {summarize(value)}")
    if number < minimum:
        raise ValueError(f"{name}: expected at least {minimum}, got {number}")
    if number > maximum:
        raise ValueError(f"{name}: expected at most {maximum}, got {number}")
    return number


def check_float(value: float, *, name: str, above: float, maximum: float = math.inf) -> float:
    """Return a finite number above ``above``, at most ``maximum``, as a ``float``, or refuse it.

    Examples:
        >>> from cnnbook._checks import check_float
        >>> check_float(2, name="sigma", above=0)
        2.0
        >>> check_float(float("nan"), name="sigma", above=0)
        Traceback (most recent call last):
            ...
        ValueError: sigma: expected a finite number, got nan
        >>> check_float(-1.5, name="sigma", above=0)
        Traceback (most recent call last):
            ...
        ValueError: sigma: expected a number above 0, got -1.5
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: expected a number, got {summarize(value)}")
    try:
        finite = math.isfinite(value)
    except OverflowError:  # An int that no float can hold.
        finite = False
    if not finite:
        raise ValueError(f"{name}: expected a finite number, got {value}")
    if value <= above:
        raise ValueError(f"{name}: expected a number above {above}, got {value}")
    if value > maximum:
        raise ValueError(f"{name}: expected at most {maximum}, got {value}")
    return float(value)


def pair(value: int | tuple[int, int], *, name: str, minimum: int) -> tuple[int, int]:
    """Return one whole number as ``(rows, columns)``, or check a pair of them.

    This is the rule of ``torch.nn.modules.utils._pair``, with errors that name the argument.

    Examples:
        >>> from cnnbook._checks import pair
        >>> pair(3, name="kernel_size", minimum=1)
        (3, 3)
        >>> pair((2, 5), name="kernel_size", minimum=1)
        (2, 5)
        >>> pair((1, 2, 3), name="kernel_size", minimum=1)
        Traceback (most recent call last):
            ...
        TypeError: kernel_size: expected a whole number or a pair of them, got (1, 2, 3)
    """
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(values) == 2:
        try:
            rows, columns = (check_int(number, name=name, minimum=minimum) for number in values)
            return rows, columns
        except TypeError:
            pass  # The error below shows the whole pair.
    raise TypeError(f"{name}: expected a whole number or a pair of them, got {summarize(value)}")


def per_axis(
    **options: int | tuple[int, int],
) -> tuple[Iterator[dict[str, int]], bool]:
    """Split options into those of the rows and those of the columns; say if any was a pair.

    Paddings start at 0, all other options at 1.

    Examples:
        >>> from cnnbook._checks import per_axis
        >>> axes, any_pair = per_axis(kernel_size=(3, 5), padding=0)
        >>> list(axes), any_pair
        ([{'kernel_size': 3, 'padding': 0}, {'kernel_size': 5, 'padding': 0}], True)
    """
    pairs = {
        name: pair(value, name=name, minimum=0 if name.endswith("padding") else 1)
        for name, value in options.items()
    }
    axes = ({name: both[axis] for name, both in pairs.items()} for axis in (0, 1))
    return axes, any(isinstance(option, (tuple, list)) for option in options.values())


def check_bool(value: bool, *, name: str) -> bool:
    """Return ``True`` or ``False``, or refuse other values that Python treats as true or false.

    Examples:
        >>> from cnnbook._checks import check_bool
        >>> check_bool(True, name="ceil_mode")
        True
        >>> check_bool("no", name="ceil_mode")
        Traceback (most recent call last):
            ...
        TypeError: ceil_mode: expected True or False, got 'no'
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {summarize(value)}")
    return value


def check_generator(
    generator: torch.Generator | None, *, name: str = "generator", optional: bool = False
) -> None:
    """Refuse what is not a ``torch.Generator`` on the CPU; ``optional`` allows None.

    Examples:
        >>> import torch
        >>> from cnnbook._checks import check_generator
        >>> check_generator(torch.Generator())
        >>> check_generator(0)
        Traceback (most recent call last):
            ...
        TypeError: generator: expected a torch.Generator, got 0; make one with \
torch.Generator().manual_seed(0)
    """
    if generator is None and optional:
        return
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            f"{name}: expected a torch.Generator, got {summarize(generator)}; "
            "make one with torch.Generator().manual_seed(0)"
        )
    if generator.device.type != "cpu":
        raise ValueError(
            f"{name}: expected a generator on the CPU, got one on {generator.device}; "
            "random numbers are drawn on the CPU, so that they are the same everywhere"
        )


def tensor_remedy(value: object, *, name: str) -> str:
    """Say how to convert a wrong argument into the tensor that was expected.

    Examples:
        >>> from cnnbook._checks import tensor_remedy
        >>> tensor_remedy([1.0, 2.0], name="images")
        'convert with torch.tensor(images)'
    """
    # An ImageSet, which this module must not import.
    if isinstance(getattr(value, "train_images", None), torch.Tensor):
        return "pass its .train_images or .test_images"
    return f"convert with torch.tensor({name})"


def check_images(images: torch.Tensor, *, name: str = "images") -> None:
    """Refuse what is not a batch of images ``(n, c, h, w)``; ``n = 0`` is allowed.

    torch itself takes three axes as one image without a batch axis, so a batch of grey images that
    lost its channel axis passes through many layers and gives wrong numbers.

    Examples:
        >>> import torch
        >>> from cnnbook._checks import check_images
        >>> check_images(torch.zeros(0, 1, 4, 4))
        >>> check_images(torch.zeros(28, 28))
        Traceback (most recent call last):
            ...
        ValueError: images: expected (n, c, h, w), got (28, 28); add axes with images[None, None]
    """
    if not isinstance(images, torch.Tensor):
        raise TypeError(
            f"{name}: expected a torch.Tensor of shape (n, c, h, w), got {type(images).__name__}; "
            f"{tensor_remedy(images, name=name)}"
        )
    shape = tuple(images.shape)
    if len(shape) != 4:
        remedy = {
            2: f"; add axes with {name}[None, None]",
            3: f"; add the channel axis of grey images with {name}[:, None], "
            f"or the batch axis of one image with {name}[None]",
        }.get(len(shape), "")
        raise ValueError(f"{name}: expected (n, c, h, w), got {shape}{remedy}")
    if 0 in shape[1:]:
        raise ValueError(f"{name}: expected at least one channel and one pixel, got {shape}")


def check_net(net: torch.nn.Module, *, name: str = "net") -> None:
    """Refuse what is not a network, and a lazy network that has no parameters yet.

    Examples:
        >>> import torch
        >>> from cnnbook._checks import check_net
        >>> check_net(torch.nn.Linear(3, 2))
        >>> check_net(torch.nn.LazyLinear(2))
        Traceback (most recent call last):
            ...
        TypeError: net: expected parameters with values, got the lazy 'weight'; pass one image \
through the network first
    """
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"{name}: expected a torch.nn.Module, got {type(net).__name__}")
    for tensor_name, tensor in (*net.named_parameters(), *net.named_buffers()):
        if torch.nn.parameter.is_lazy(tensor):
            raise TypeError(
                f"{name}: expected parameters with values, got the lazy {tensor_name!r}; pass one "
                "image through the network first"
            )


def check_number_type(tensor: torch.Tensor, *, name: str) -> None:
    """Refuse integer and bool tensors where weights are multiplied and averaged.

    Examples:
        >>> import torch
        >>> from cnnbook._checks import check_number_type
        >>> check_number_type(torch.zeros(1), name="images")
        >>> check_number_type(torch.arange(4), name="images")
        Traceback (most recent call last):
            ...
        TypeError: images: expected a floating-point or complex dtype, got torch.int64; \
convert with images.float()
    """
    if tensor.dtype not in _COMPUTING_DTYPES:
        raise TypeError(
            f"{name}: expected a floating-point or complex dtype, got {tensor.dtype}; "
            f"convert with {name}.float()"
        )


def check_same_dtype_and_device(
    reference: torch.Tensor, name: str, **others: torch.Tensor | None
) -> None:
    """Refuse tensors that cannot be multiplied with the reference, which is called ``name``.

    Examples:
        >>> import torch
        >>> from cnnbook._checks import check_same_dtype_and_device
        >>> check_same_dtype_and_device(torch.zeros(1), "images", weight=torch.ones(2), bias=None)
        >>> check_same_dtype_and_device(torch.zeros(1), "images", weight=torch.ones(2).double())
        Traceback (most recent call last):
            ...
        TypeError: weight: expected the dtype of images, torch.float32, got torch.float64; \
convert with weight.to(images.dtype)
    """
    for other, tensor in others.items():
        if tensor is None:
            continue
        if tensor.dtype != reference.dtype:
            raise TypeError(
                f"{other}: expected the dtype of {name}, {reference.dtype}, got {tensor.dtype}; "
                f"convert with {other}.to({name}.dtype)"
            )
        if tensor.device != reference.device:
            raise ValueError(
                f"{other}: expected the device of {name}, {reference.device}, got "
                f"{tensor.device}; move it with {other}.to({name}.device)"
            )


def check_tensor_size(shape: Iterable[int], *, name: str) -> None:
    """Refuse a shape too large for any machine's memory; ``name`` is the argument that caused it.

    Examples:
        >>> from cnnbook._checks import check_tensor_size
        >>> check_tensor_size((1, 1, 28, 28), name="padding")
        >>> check_tensor_size((1, 1, 10**6, 10**6), name="padding")
        Traceback (most recent call last):
            ...
        ValueError: padding: expected at most 2**36 numbers in a tensor, got (1, 1, 1000000, \
1000000)
    """
    sizes = tuple(shape)
    if math.prod(sizes) > _MAX_ENTRIES:
        raise ValueError(f"{name}: expected at most 2**36 numbers in a tensor, got {sizes}")


def check_image_shape(image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the channels, rows and columns of an image, or refuse what is not three of them.

    Examples:
        >>> from cnnbook._checks import check_image_shape
        >>> check_image_shape([1, 28, 28])
        (1, 28, 28)
        >>> check_image_shape((28, 28))
        Traceback (most recent call last):
            ...
        TypeError: image_shape: expected (c, h, w), got (28, 28)
    """
    if not isinstance(image_shape, (tuple, list)) or len(image_shape) != 3:
        raise TypeError(f"image_shape: expected (c, h, w), got {summarize(image_shape)}")
    channels, height, width = (
        check_int(size, name="image_shape", minimum=1) for size in image_shape
    )
    return channels, height, width


def check_parameter_count(count: int, **sizes: int) -> None:
    """Refuse a network with too many parameters, and name the size that makes it so large.

    Examples:
        >>> from cnnbook._checks import check_parameter_count
        >>> check_parameter_count(1_628_170, hidden=2048, classes=10)
        >>> check_parameter_count(10**9 + 1, hidden=10**8, classes=10)
        Traceback (most recent call last):
            ...
        ValueError: hidden: expected a network of at most 1,000,000,000 parameters, got \
1,000,000,001; choose less than 100,000,000
    """
    if count > _MAX_PARAMETERS:
        name, size = max(sizes.items(), key=lambda item: item[1])
        raise ValueError(
            f"{name}: expected a network of at most {_MAX_PARAMETERS:,} parameters, got "
            f"{count:,}; choose less than {size:,}"
        )
