"""Turns what a reader hands in into numbers, or says why that is impossible."""

import math
import re
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from numbers import Real
from typing import Any

import torch

from cnnbook.exercises._messages import Unreadable, say
from cnnbook.exercises._typed import read_text

__all__ = ["describe_reading", "describe_type", "show_number", "to_tensor"]

# More numbers than any exercise asks for. A `range` of many more would fill the memory.
_LONGEST = 100_000


def to_tensor(value: object) -> torch.Tensor:
    """Return numbers as a tensor in float64 on the CPU.

    Args:
        value: A number of any type, text with numbers, or numbers in a sequence, tensor or array.

    Raises:
        Unreadable: ``value`` contains something else.

    Examples:
        >>> from fractions import Fraction
        >>> from cnnbook.exercises._reading import to_tensor
        >>> to_tensor([Fraction(1, 2), 3]).tolist()
        [0.5, 3.0]
        >>> to_tensor("7 x 5").tolist()
        [7.0, 5.0]

        A percent sign changes nothing, so that a percentage is not taken for a fraction.

        >>> to_tensor("80%").item()
        80.0
        >>> to_tensor(None)
        Traceback (most recent call last):
            ...
        cnnbook.exercises._messages.Unreadable: None is not a number.
    """
    if isinstance(value, torch.Tensor):
        return _from_tensor(value)
    if isinstance(value, str):
        return to_tensor(read_text(value))
    if isinstance(value, (Real, Decimal)) and not isinstance(value, bool):
        return torch.tensor(_to_float(value), dtype=torch.float64, device="cpu")
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return _from_sequence(value)
    if hasattr(value, "__array__"):
        return _from_array(value.__array__())
    if isinstance(value, complex):
        raise Unreadable(say("complex"))
    key = "iterator" if isinstance(value, Iterator) else "no_number"
    raise Unreadable(say(key, given=describe_type(value)))


def describe_type(value: object) -> str:
    """Name the type of an answer, for a sentence.

    Examples:
        >>> import torch
        >>> from cnnbook.exercises._reading import describe_type
        >>> describe_type(torch.nn.ReLU()), describe_type(abs), describe_type({})
        ('the layer ReLU', 'a function', 'a value of type dict')
    """
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, type):
        return say("a_class", name=value.__name__)
    if isinstance(value, torch.nn.Module):
        return say("a_layer", name=type(value).__name__)
    if isinstance(value, torch.Tensor):
        return say("a_tensor")
    if isinstance(value, str):
        return say("text")
    return say("a_function") if callable(value) else say("a_value", type=type(value).__name__)


def show_number(number: float, *, digits: int = 6, separator: str = ",") -> str:
    """Write a number for a message; the browser writes it in the same way.

    Whole numbers are written in full. Others have six digits, but all of their digits from 100,000
    on, where six would make them look whole.

    Args:
        number: What is written.
        digits: How many digits a number has that is not whole.
        separator: What groups the thousands of a whole number.

    Examples:
        >>> from cnnbook.exercises._reading import show_number
        >>> [show_number(number) for number in (116730.0, 1 / 3, 123456.5, 1e-7, 1e20)]
        ['116,730', '0.333333', '123456.5', '1e-7', '1e+20']
    """
    if not math.isfinite(number):
        return str(number)
    size = abs(number)
    if number == math.floor(number) and size < 1e15:
        # Without the sign of a negative zero.
        return f"{number + 0.0:,.0f}".replace(",", separator)
    digits = 15 if 1e5 <= size < 1e15 else digits
    # As JavaScript's `toPrecision`, which rounds a half up.
    text = str(Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(number)).lower()
    return re.sub(r"\.?0*(?=e|$)", "", text, count=1) if "." in text else text


def describe_reading(numbers: torch.Tensor) -> str:
    """Say how an answer was read.

    Examples:
        >>> from cnnbook.exercises._reading import describe_reading, to_tensor
        >>> for text in ("80%", "7 x 7 x 1", "1 2; 3 4"):
        ...     print(describe_reading(to_tensor(text)))
        one number: 80
        3 numbers: 7, 7, 1
        2 x 2 numbers: [[1, 2], [3, 4]]
    """
    if not numbers.numel():
        return say("read_none")
    shown = _show_all(numbers)
    if numbers.numel() == 1:
        return say("read_one", number=shown.strip("[]"))
    if numbers.ndim == 1:
        return say("read_row", count=len(numbers), numbers=shown[1:-1])
    return say("read_grid", size=" x ".join(map(str, numbers.shape)), numbers=shown)


def _show_all(numbers: torch.Tensor) -> str:
    if numbers.ndim:
        return f"[{', '.join(_show_all(one) for one in numbers)}]"
    return show_number(numbers.item(), digits=10, separator="")


def _check_length(count: int) -> None:
    if count > _LONGEST:
        raise Unreadable(say("far_too_many", count=f"{count:,}"))


def _to_float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf


def _from_tensor(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.is_complex():
        raise Unreadable(say("complex"))
    if tensor.is_meta:
        raise Unreadable(say("meta"))
    _check_length(tensor.numel())
    plain = tensor.detach()
    plain = plain if type(plain) is torch.Tensor else plain.as_subclass(torch.Tensor)
    dense = plain.to("cpu")
    return (dense if dense.layout == torch.strided else dense.to_dense()).to(torch.float64)


def _from_sequence(sequence: Sequence[object]) -> torch.Tensor:
    _check_length(len(sequence))
    # In a list, True and False count as 1 and 0, as in a mask.
    parts = [to_tensor(int(part) if isinstance(part, bool) else part) for part in sequence]
    if len({part.shape for part in parts}) > 1:
        raise Unreadable(say("ragged"))
    empty = torch.zeros(0, dtype=torch.float64, device="cpu")
    return torch.stack(parts) if parts else empty


def _from_array(array: Any) -> torch.Tensor:  # noqa: ANN401 - numpy is not imported
    """Read an array of numpy, which torch does not need, and which is therefore not imported."""
    if array.dtype.kind == "c":
        raise Unreadable(say("complex"))
    _check_length(array.size)
    if array.dtype.kind in "biuf":
        # A copy, since torch warns of an array that must not be written.
        return torch.from_numpy(array.astype("float64", order="C")).to("cpu")
    return to_tensor(array.tolist())
