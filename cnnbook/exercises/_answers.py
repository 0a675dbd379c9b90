"""The kinds of answers, and how an answer of each kind becomes numbers that can be compared."""

import contextlib
import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

__all__ = ["Function", "Kind", "Layer", "Numbers", "Unreadable"]


class Unreadable(Exception):
    """The answer is wrong whatever numbers it contains; the message says why."""


class Kind(Protocol):
    """What an exercise asks for, and how an answer of that kind becomes numbers.

    Examples:
        >>> from cnnbook.exercises._answers import Kind, Numbers
        >>> kind: Kind = Numbers("one number")
        >>> kind.read(2)
        {'': tensor(2., dtype=torch.float64)}
    """

    @property
    def description(self) -> str:
        """Describe what is asked for, such as "one number"."""

    @property
    def squeeze(self) -> bool:
        """Return whether leading axes of length 1 are ignored."""

    def read(self, answer: object) -> Mapping[str, torch.Tensor]:
        """Return the answer's numbers, each tensor with a name for messages."""


@dataclass(frozen=True)
class Numbers:
    """Asks for one number, or for several in a list or a tensor.

    Attributes:
        description: What is asked for, such as "one number".
        squeeze: Whether leading axes of length 1 are ignored, such as those of one image with one
            channel. In a shape they count.

    Examples:
        >>> from cnnbook.exercises._answers import Numbers
        >>> Numbers("2 x 2 numbers").read([[1, 2], [3, 4]])[""].tolist()
        [[1.0, 2.0], [3.0, 4.0]]
        >>> Numbers("one number").read("three")
        Traceback (most recent call last):
            ...
        TypeError: answer: expected a number, numbers in a list or tensor, a layer or a function, \
got 'three'
    """

    description: str
    squeeze: bool = True

    def read(self, answer: object) -> dict[str, torch.Tensor]:
        """Return the numbers in float64, which can represent every number that is asked for."""
        found = _kind_of(answer)
        if found != "numbers":
            raise Unreadable(
                f"expected {self.description}, got {found}. Call it and hand in the result."
            )
        return {"": _to_tensor(answer)}


@dataclass(frozen=True)
class Layer:
    """Asks for a layer, and applies it to images.

    Attributes:
        images: Makes the images.
        measure: Takes layer and images and returns named numbers; by default the layer's output
            is compared.

    Examples:
        >>> import torch
        >>> from cnnbook.exercises._answers import Layer
        >>> kind = Layer(lambda: torch.ones(1, 1, 2, 2))
        >>> kind.read(torch.nn.MaxPool2d(2))["the output"].tolist()
        [[[[1.0]]]]
    """

    images: Callable[[], torch.Tensor]
    measure: (
        Callable[[Callable[[torch.Tensor], torch.Tensor], torch.Tensor], dict[str, object]] | None
    ) = None
    description: str = "a layer"
    squeeze: bool = False

    def read(self, answer: object) -> dict[str, torch.Tensor]:
        """Return what a copy of the layer computes, in evaluation mode on the CPU."""
        found = _kind_of(answer)
        if not isinstance(answer, torch.nn.Module):
            raise Unreadable(f"expected a layer, a torch.nn.Module such as Conv2d, got {found}.")
        images = self.images()
        try:
            # A copy: a lazy layer takes its shape from the first image that it sees.
            layer = copy.deepcopy(answer).eval().to("cpu", torch.float32)
            results = (
                {"the output": layer(images)}
                if self.measure is None
                else self.measure(layer, images)
            )
        except Exception as error:
            raise Unreadable(_describe_error("layer", error, [images])) from None
        return {name: _read_result(value, "layer") for name, value in results.items()}


@dataclass(frozen=True)
class Function:
    """Asks for a function, and calls it.

    Attributes:
        calls: Makes the arguments of each call.

    Examples:
        >>> from cnnbook.exercises._answers import Function
        >>> Function(lambda: [(2, 3)]).read(lambda a, b: a * b)
        {'call 1': tensor(6., dtype=torch.float64)}
    """

    calls: Callable[[], Sequence[tuple[object, ...]]]
    description: str = "a function"
    squeeze: bool = False

    def read(self, answer: object) -> dict[str, torch.Tensor]:
        """Return what the function returns for each call."""
        found = _kind_of(answer)
        if not callable(answer):
            raise Unreadable(
                f"expected a function, got {found}. Hand in the function's name, without "
                "parentheses after it."
            )
        results = {}
        for number, arguments in enumerate(self.calls(), start=1):
            try:
                result = answer(*arguments)
            except Exception as error:
                raise Unreadable(_describe_error("function", error, arguments)) from None
            results[f"call {number}"] = _read_result(result, "function")
        return results


def _describe_error(kind: str, error: Exception, arguments: Sequence[object]) -> str:
    shown = ", ".join(
        f"a tensor of shape {tuple(value.shape)}"
        if isinstance(value, torch.Tensor)
        else repr(value)
        for value in arguments
    )
    first_line = (str(error).splitlines() or [""])[0]
    return f"the {kind} raised {type(error).__name__} when called with {shown}: {first_line}"


def _read_result(value: object, kind: str) -> torch.Tensor:
    try:
        return _to_tensor(value)
    except TypeError:
        returned = "None" if value is None else f"a {type(value).__name__}"
        raise Unreadable(f"the {kind} returned {returned}, not numbers.") from None


def _refuse(answer: object, remedy: str = "") -> TypeError:
    shown = repr(answer)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return TypeError(
        "answer: expected a number, numbers in a list or tensor, a layer or a function, "
        f"got {shown}{remedy}"
    )


def _kind_of(answer: object) -> str:
    """Name the kind of an answer, or refuse what cannot be an answer."""
    if isinstance(answer, type):
        raise _refuse(answer, f"; make one of it with {answer.__name__}(...)")
    if isinstance(answer, torch.nn.Module):
        return "a layer"
    if callable(answer) and not isinstance(answer, torch.Tensor):
        return "a function"
    # Rows of different lengths are numbers, too: they get feedback, not an exception.
    with contextlib.suppress(Unreadable):
        _to_tensor(answer)
    return "numbers"


def _to_tensor(answer: object) -> torch.Tensor:
    """Return numbers as a tensor in float64, detached and on the CPU."""
    if isinstance(answer, (int, float)) and not isinstance(answer, bool):
        try:
            return torch.tensor(float(answer), dtype=torch.float64, device="cpu")
        except OverflowError:
            return torch.tensor(math.inf, dtype=torch.float64, device="cpu")
    if isinstance(answer, (list, tuple)):
        # In a list, True and False count as 1 and 0, as in a mask.
        parts = [_to_tensor(int(part) if isinstance(part, bool) else part) for part in answer]
        if len({part.shape for part in parts}) > 1:
            raise Unreadable("the rows have different lengths.")
        empty = torch.zeros(0, dtype=torch.float64, device="cpu")
        return torch.stack(parts) if parts else empty
    if not isinstance(answer, torch.Tensor):
        if not hasattr(answer, "__array__"):
            raise _refuse(answer)
        try:
            answer = torch.as_tensor(answer)
        except TypeError:
            raise _refuse(answer) from None
    if answer.is_complex() or answer.is_meta:
        raise _refuse(answer, "; hand in real numbers")
    dense = answer.detach().to("cpu")
    return (dense if dense.layout == torch.strided else dense.to_dense()).to(torch.float64)
