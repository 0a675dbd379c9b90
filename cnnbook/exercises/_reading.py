"""Turns what a reader hands in into numbers, or says why that is impossible."""

import ast
import math
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import torch

__all__ = ["Unreadable", "describe_type", "to_tensor"]

# More numbers than any exercise asks for. A `range` of many more would fill the memory.
_LONGEST = 100_000


class Unreadable(Exception):
    """The answer is wrong whatever numbers it contains; the message says why."""


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
        cnnbook.exercises._reading.Unreadable: None is not a number.
    """
    if isinstance(value, torch.Tensor):
        return _from_tensor(value)
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, (Real, Decimal)) and not isinstance(value, bool):
        return torch.tensor(_to_float(value), dtype=torch.float64, device="cpu")
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return _from_sequence(value)
    if hasattr(value, "__array__"):
        return _from_array(value.__array__())
    if isinstance(value, complex):
        raise Unreadable("the numbers are complex, and real ones are asked for.")
    remedy = " Make a list of it with `list`." if isinstance(value, Iterator) else ""
    raise Unreadable(f"{describe_type(value)} is not a number.{remedy}")


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
        return f"the class {value.__name__}"
    if isinstance(value, torch.nn.Module):
        return f"the layer {type(value).__name__}"
    if isinstance(value, torch.Tensor):
        return "a tensor"
    if isinstance(value, str):
        return "text"
    return "a function" if callable(value) else f"a value of type {type(value).__name__}"


def _check_length(count: int) -> None:
    if count > _LONGEST:
        raise Unreadable(f"there are {count:,} numbers, far more than the exercise asks for.")


def _to_float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf


def _from_tensor(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.is_complex():
        raise Unreadable("the numbers are complex, and real ones are asked for.")
    if tensor.is_meta:
        raise Unreadable("the tensor is on the device meta, which stores no numbers.")
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
        raise Unreadable("the rows have different lengths.")
    empty = torch.zeros(0, dtype=torch.float64, device="cpu")
    return torch.stack(parts) if parts else empty


def _from_array(array: Any) -> torch.Tensor:  # noqa: ANN401 - numpy is not imported
    """Read an array of numpy, which torch does not need, and which is therefore not imported."""
    if array.dtype.kind == "c":
        raise Unreadable("the numbers are complex, and real ones are asked for.")
    _check_length(array.size)
    if array.dtype.kind in "biuf":
        # A copy, since torch warns of an array that must not be written.
        return torch.from_numpy(array.astype("float64", order="C")).to("cpu")
    return to_tensor(array.tolist())


def _from_text(text: str) -> torch.Tensor:
    """Read text such as "0.8", "80%", "4/5", "27,130", "7 x 7" or "[[1, 2], [3, 4]]"."""
    shown = repr(text if len(text) <= 40 else f"{text[:37]}...")
    refusal = Unreadable(f"the text {shown} is not a number: hand in the number itself.")
    # Python's own parser must not be asked to read an essay.
    if len(text) > 1000:
        raise refusal
    plain = text.strip().removesuffix("%").strip()
    if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "")
    if re.fullmatch(r"\d+(\s*[x×]\s*\d+)+", plain):
        plain = re.sub(r"[x×]", ",", plain)
    plain = re.sub(r"^(?:torch\.Size|tensor)(?=\()", "", plain)
    numerator, _, denominator = plain.partition("/")
    try:
        if denominator:
            return to_tensor(float(numerator) / float(denominator))
        return to_tensor(ast.literal_eval(plain))
    except (ValueError, SyntaxError, ZeroDivisionError):
        raise refusal from None
