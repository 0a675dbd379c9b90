"""Check arguments, so that every mistake gets one sentence: expected, got, what to do."""

import math
import operator
from collections.abc import Iterable, Iterator

import torch

_Size = int | tuple[int, int]

__all__ = [
    "check_bool",
    "check_dtype",
    "check_float",
    "check_generator",
    "check_image_shape",
    "check_images",
    "check_int",
    "check_net",
    "check_number_type",
    "check_parameter_count",
    "check_room",
    "check_same_dtype_and_device",
    "pair",
    "per_axis",
]

# Numbers that torch multiplies and adds everywhere; the narrower ones are for storing only.
_FRACTIONS = (
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.complex64,
    torch.complex128,
)


def check_int(value: int, *, name: str, minimum: int, maximum: int | None = None) -> int:
    """Return a whole number, or say what is wrong with it.

    Args:
        value: An ``int``, or anything that stands for one, such as ``numpy.int64(3)``.
        name: The argument's name, for the error message.
        minimum: The smallest number that makes sense.
        maximum: The largest; ``2**31 - 1`` where it is left out, beyond which torch itself counts
            wrongly or not at all.

    Returns:
        The number as an ``int``.

    Raises:
        TypeError: ``value`` is not a whole number; ``True`` and ``2.0`` are not.
        ValueError: ``value`` is below ``minimum`` or above ``maximum``.

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

    Source:
        Derived here.
    """
    try:
        # bool is an int to Python, but stride=True is a slip and not a stride of one.
        number = None if isinstance(value, bool) else operator.index(value)
    # RuntimeError: a tensor of the meta device, which has a type and no value.
    except (TypeError, RuntimeError):
        number = None
    if number is None:
        raise TypeError(f"{name}: expected a whole number, got {value!r}")
    if number < minimum:
        raise ValueError(f"{name}: expected at least {minimum}, got {number}")
    largest = 2**31 - 1 if maximum is None else maximum
    if number > largest:
        raise ValueError(f"{name}: expected at most {largest}, got {number}")
    return number


def check_float(value: float, *, name: str, above: float, maximum: float | None = None) -> float:
    """Return a finite number, or say what is wrong with it.

    Args:
        value: An ``int`` or a ``float``.
        name: The argument's name, for the error message.
        above: What the number must be larger than; ``-math.inf`` allows every finite one.
        maximum: The largest number that makes sense; every finite one where it is left out.

    Returns:
        The number as a ``float``.

    Raises:
        TypeError: ``value`` is not a number; ``True`` and ``1j`` are not.
        ValueError: ``value`` is infinite, NaN, not above ``above``, or above ``maximum``.

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

    Source:
        Derived here.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    try:
        finite = math.isfinite(value)
    except OverflowError:  # A whole number that no float can hold.
        finite = False
    if not finite:
        raise ValueError(f"{name}: expected a finite number, got {value}")
    if value <= above:
        raise ValueError(f"{name}: expected a number above {above}, got {value}")
    if maximum is not None and value > maximum:
        raise ValueError(f"{name}: expected at most {maximum}, got {value}")
    return float(value)


def pair(value: int | tuple[int, int], *, name: str, minimum: int) -> tuple[int, int]:
    """Return one whole number as (rows, columns), or check a pair of them.

    torch lets every knob of a two-dimensional layer be one number or two; this is that rule in
    one place, with an error that says which knob was meant.

    Args:
        value: One whole number for both axes, or a pair ``(rows, columns)``.
        name: The argument's name, for the error message.
        minimum: The smallest number that makes sense.

    Returns:
        The pair ``(rows, columns)``.

    Raises:
        TypeError: ``value`` is neither a whole number nor a pair of them.
        ValueError: A number is below ``minimum``.

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

    Source:
        torch.nn.modules.utils._pair, the same rule without the checks.
    """
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    try:
        rows, columns = (check_int(one, name=name, minimum=minimum) for one in values)
    except TypeError:
        wrong = True
    except ValueError:
        # Too few or too many values to unpack, or a number that is too small.
        if len(values) == 2:
            raise
        wrong = True
    else:
        wrong = False
    if wrong:
        raise TypeError(f"{name}: expected a whole number or a pair of them, got {value!r}")
    return rows, columns


def check_bool(value: bool, *, name: str) -> bool:
    """Return a truth value, or say that something else came.

    Python takes anything for true or false, so ``ceil_mode="no"`` would count as yes.

    Args:
        value: ``True`` or ``False``.
        name: The argument's name, for the error message.

    Returns:
        The same.

    Raises:
        TypeError: ``value`` is neither.

    Examples:
        >>> from cnnbook._checks import check_bool
        >>> check_bool(True, name="ceil_mode")
        True
        >>> check_bool("no", name="ceil_mode")
        Traceback (most recent call last):
            ...
        TypeError: ceil_mode: expected True or False, got 'no'

    Source:
        Derived here.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {value!r}")
    return value


def check_generator(
    generator: torch.Generator | None, *, name: str = "generator", optional: bool = False
) -> None:
    """Refuse anything that is not a source of random numbers on the CPU.

    Args:
        generator: What should be a ``torch.Generator``.
        name: The argument's name, for the error message.
        optional: Whether ``None``, for torch's own generator, is allowed.

    Raises:
        TypeError: ``generator`` is something else.
        ValueError: It belongs to another device.

    Examples:
        >>> import torch
        >>> from cnnbook._checks import check_generator
        >>> check_generator(torch.Generator())
        >>> check_generator(0)
        Traceback (most recent call last):
            ...
        TypeError: generator: expected a torch.Generator, got 0; make one with \
torch.Generator().manual_seed(0)

    Source:
        Derived here.
    """
    if generator is None and optional:
        return
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            f"{name}: expected a torch.Generator, got {generator!r}; "
            "make one with torch.Generator().manual_seed(0)"
        )
    if generator.device.type != "cpu":
        raise ValueError(
            f"{name}: expected one of the CPU, got one of {generator.device}; "
            "random numbers are drawn on the CPU, so that they are the same everywhere"
        )


def check_images(images: torch.Tensor, *, name: str = "images") -> None:
    """Refuse anything that is not a batch of images.

    torch itself takes three axes as one unbatched image, so a batch of grey images that lost
    its channel axis goes through many layers and gives wrong numbers; here it is an error.

    Args:
        images: What should be a tensor of shape ``(n, c, h, w)``.
        name: The argument's name, for the error message.

    Raises:
        TypeError: ``images`` is not a tensor.
        ValueError: It does not have four axes, or has no channel or no pixel. An empty batch,
            ``n = 0``, is allowed.

    Examples:
        >>> import torch
        >>> from cnnbook._checks import check_images
        >>> check_images(torch.zeros(0, 1, 4, 4))
        >>> check_images(torch.zeros(28, 28))
        Traceback (most recent call last):
            ...
        ValueError: images: expected (n, c, h, w), got (28, 28); add axes with images[None, None]

    Source:
        Derived here.
    """
    if not isinstance(images, torch.Tensor):
        raise TypeError(
            f"{name}: expected a torch.Tensor of shape (n, c, h, w), got {type(images).__name__}; "
            f"convert with torch.tensor({name})"
        )
    if images.layout != torch.strided:
        raise TypeError(
            f"{name}: expected a dense tensor, got {images.layout}; convert with {name}.to_dense()"
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
    """Refuse what is no network, and a network that has no numbers yet.

    Args:
        net: What should be a network.
        name: The argument's name, for the error message.

    Raises:
        TypeError: ``net`` is no ``torch.nn.Module``, or some parameter or buffer of it is lazy or
            on the meta device.

    Examples:
        >>> import torch
        >>> from cnnbook._checks import check_net
        >>> check_net(torch.nn.Linear(3, 2))
        >>> check_net(torch.nn.LazyLinear(2))
        Traceback (most recent call last):
            ...
        TypeError: net: expected numbers to train, got 'weight', which has none yet; put one \
image through a lazy network, and make others on a device

    Source:
        Derived here.
    """
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"{name}: expected a torch.nn.Module, got {type(net).__name__}")
    for part, tensor in (*net.named_parameters(), *net.named_buffers()):
        if torch.nn.parameter.is_lazy(tensor) or tensor.is_meta:
            raise TypeError(
                f"{name}: expected numbers to train, got {part!r}, which has none yet; put one "
                "image through a lazy network, and make others on a device"
            )


def check_number_type(tensor: torch.Tensor, *, name: str) -> None:
    """Refuse whole numbers and truth values where weights are multiplied and averaged.

    Args:
        tensor: The tensor whose dtype is checked.
        name: The argument's name, for the error message.

    Raises:
        TypeError: The dtype is neither floating-point nor complex, or one of those of 8 bits and
            fewer, with which torch does not compute.

    Examples:
        >>> import torch
        >>> from cnnbook._checks import check_number_type
        >>> check_number_type(torch.zeros(1), name="images")
        >>> check_number_type(torch.arange(4), name="images")
        Traceback (most recent call last):
            ...
        TypeError: images: expected a floating-point or complex dtype, got torch.int64; \
convert with images.float()

    Source:
        Derived here.
    """
    if tensor.dtype not in _FRACTIONS:
        raise TypeError(
            f"{name}: expected a floating-point or complex dtype, got {tensor.dtype}; "
            f"convert with {name}.float()"
        )


def check_same_dtype_and_device(
    reference: torch.Tensor, name: str, **others: torch.Tensor | None
) -> None:
    """Refuse tensors that cannot be multiplied with each other.

    Args:
        reference: The tensor whose dtype and device the others must have.
        name: What it is called, for the error message.
        **others: The others by their names; None stands for one that is left out.

    Raises:
        TypeError: A dtype differs.
        ValueError: A device differs.

    Examples:
        >>> import torch
        >>> from cnnbook._checks import check_same_dtype_and_device
        >>> check_same_dtype_and_device(torch.zeros(1), "images", weight=torch.ones(2), bias=None)
        >>> check_same_dtype_and_device(torch.zeros(1), "images", weight=torch.ones(2).double())
        Traceback (most recent call last):
            ...
        TypeError: weight: expected the dtype of images, torch.float32, got torch.float64; \
convert with weight.to(images.dtype)

    Source:
        Derived here.
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


def check_room(counts: Iterable[int], *, name: str) -> None:
    """Refuse a tensor that no machine has room for, before it is asked for.

    Args:
        counts: The sizes of the tensor's axes.
        name: The argument that makes it so large, for the error message.

    Raises:
        ValueError: The tensor would have more than 2**36 numbers.

    Examples:
        >>> from cnnbook._checks import check_room
        >>> check_room((1, 1, 28, 28), name="padding")
        >>> check_room((1, 1, 10**6, 10**6), name="padding")
        Traceback (most recent call last):
            ...
        ValueError: padding: expected at most 2**36 numbers in a tensor, got (1, 1, 1000000, \
1000000)

    Source:
        Derived here.
    """
    shape = tuple(counts)
    if math.prod(shape) > 2**36:
        raise ValueError(f"{name}: expected at most 2**36 numbers in a tensor, got {shape}")


def check_dtype(dtype: torch.dtype, *, name: str = "dtype") -> None:
    """Refuse a type of numbers that has no fractions.

    Args:
        dtype: What should be a floating-point or complex dtype.
        name: The argument's name, for the error message.

    Raises:
        TypeError: ``dtype`` is something else.

    Examples:
        >>> import torch
        >>> from cnnbook._checks import check_dtype
        >>> check_dtype(torch.float64)
        >>> check_dtype(torch.int64)
        Traceback (most recent call last):
            ...
        TypeError: dtype: expected a floating-point or complex dtype, got torch.int64; in \
whole numbers 1/4 would be 0; use torch.float32

    Source:
        Derived here.
    """
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"{name}: expected a torch.dtype such as torch.float32, got {dtype!r}")
    if dtype not in _FRACTIONS:
        raise TypeError(
            f"{name}: expected a floating-point or complex dtype, got {dtype}; "
            "in whole numbers 1/4 would be 0; use torch.float32"
        )


def per_axis(**options: _Size) -> tuple[Iterator[dict[str, int]], bool]:
    """Split knobs into those of the rows and those of the columns; say whether any was a pair."""
    pairs = {
        name: pair(value, name=name, minimum=0 if name.endswith("padding") else 1)
        for name, value in options.items()
    }
    axes = ({name: both[axis] for name, both in pairs.items()} for axis in (0, 1))
    return axes, any(isinstance(option, (tuple, list)) for option in options.values())


# Parameters of the largest network that is made: 4 GB in float32. Beyond it a slip (a pixel count
# in place of a width) would end in torch's words, or in the machine's.
_MOST_PARAMETERS = 10**9


def check_image_shape(image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    if not isinstance(image_shape, (tuple, list)) or len(image_shape) != 3:
        raise TypeError(f"image_shape: expected (c, h, w), got {image_shape!r}")
    channels, height, width = (
        check_int(size, name="image_shape", minimum=1) for size in image_shape
    )
    return channels, height, width


def check_parameter_count(count: int, **sizes: int) -> None:
    """Refuse a network that is too large, and name the size that makes it so."""
    if count > _MOST_PARAMETERS:
        name, size = max(sizes.items(), key=lambda item: item[1])
        raise ValueError(
            f"{name}: expected a network of at most {_MOST_PARAMETERS:,} parameters, got "
            f"{count:,}; choose less than {size:,}"
        )
