"""Grades answers: right, or what is wrong and why."""

import contextlib
import copy
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

__all__ = [
    "FLOAT32_TOLERANCE",
    "THREE_DECIMALS",
    "Exercise",
    "Feedback",
    "Function",
    "Kind",
    "Layer",
    "Mistake",
    "Numbers",
    "grade",
]

# Wide enough for a mistake that was rounded to three decimals; what is right is looked at first.
_MISTAKE_TOLERANCE = 1e-3


class _Misfit(Exception):
    """The answer can be judged without looking at its numbers; the message says why."""


@dataclass(frozen=True, repr=False)
class Feedback:
    """What a check says. It is true where the answer is right, and prints as its message.

    Attributes:
        right: Whether the answer is right.
        message: One or two sentences for the reader.
        mistake: The name of the mistake that was recognised; empty where there is none.

    Examples:
        >>> from cnnbook.exercises._grading import Verdict
        >>> Feedback(False, "Not yet: the bias is missing.", "the bias is missing")
        Not yet: the bias is missing.
        >>> bool(Feedback(True, "Right."))
        True
    """

    right: bool
    message: str
    mistake: str = ""

    def __str__(self) -> str:
        """Return the message."""
        return self.message

    def __repr__(self) -> str:
        """Return the message, so that a prompt shows it as ``print`` does."""
        return self.message

    def __bool__(self) -> bool:
        """Return whether the answer is right, for ``assert check(...)``."""
        return self.right


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that many give, and what to tell them.

    Attributes:
        name: What was done wrong, as the end of the sentence "Not yet: ...".
        answer: Makes the wrong answer, so that nothing is computed before it is needed.
        why: What to think of instead, without the right answer.

    Examples:
        >>> from cnnbook.exercises._grading import Mistake
        >>> Mistake("the bias is missing", lambda: 8, "Every kernel has one.").answer()
        8
    """

    name: str
    answer: Callable[[], object]
    why: str


class Kind(Protocol):
    """What an exercise asks for, and how an answer of that kind becomes numbers.

    Examples:
        >>> from cnnbook.exercises._grading import Kind, Numbers
        >>> asked: Kind = Numbers("one number")
        >>> asked.read(2)
        {'': tensor(2., dtype=torch.float64)}
    """

    @property
    def what(self) -> str:
        """Name what is asked for, with its article."""

    @property
    def loose(self) -> bool:
        """Say whether leading axes of length 1 do not matter."""

    def read(self, answer: object) -> Mapping[str, torch.Tensor]:
        """Return the answer's numbers, under the names of what they are."""


@dataclass(frozen=True)
class Numbers:
    """Asks for a number, or for several in a list or a tensor.

    Attributes:
        what: What is asked for, such as "one number".
        loose: Whether leading axes of length 1 do not matter, as those of one image of one
            channel; they do in a shape.

    Examples:
        >>> from cnnbook.exercises._grading import Numbers
        >>> Numbers("2 x 2 numbers").read([[1, 2], [3, 4]])[""].tolist()
        [[1.0, 2.0], [3.0, 4.0]]
        >>> Numbers("one number").read("three")
        Traceback (most recent call last):
            ...
        TypeError: answer: expected a number, numbers in a list or tensor, a layer or a function, \
got 'three'
    """

    what: str
    loose: bool = True

    def read(self, answer: object) -> dict[str, torch.Tensor]:
        """Return the numbers in float64, which holds every number that is asked for."""
        found = _kind(answer)
        if found != "numbers":
            raise _Misfit(
                f"{self.what} is asked for, and this is {found}. Call it, and hand in what comes "
                "out."
            )
        return {"": _numbers(answer)}


@dataclass(frozen=True)
class Layer:
    """Asks for a layer, and puts images through it.

    Attributes:
        images: Makes the images.
        measure: Takes layer and images and returns named numbers; what the layer puts out, where
            it is left out.

    Examples:
        >>> import torch
        >>> from cnnbook.exercises._grading import Layer
        >>> asked = Layer(lambda: torch.ones(1, 1, 2, 2))
        >>> asked.read(torch.nn.MaxPool2d(2))["what comes out"].tolist()
        [[[[1.0]]]]
    """

    images: Callable[[], torch.Tensor]
    measure: (
        Callable[[Callable[[torch.Tensor], torch.Tensor], torch.Tensor], dict[str, object]] | None
    ) = None
    what: str = "a layer"
    loose: bool = False

    def read(self, answer: object) -> dict[str, torch.Tensor]:
        """Return what a copy of the layer puts out, in evaluation mode on the CPU."""
        found = _kind(answer)
        if not isinstance(answer, torch.nn.Module):
            raise _Misfit(
                f"a layer is asked for, a torch.nn.Module such as Conv2d, and this is {found}."
            )
        images = self.images()
        try:
            # A copy: a lazy layer takes its shape from the first image that it sees.
            layer = copy.deepcopy(answer).eval().to("cpu", torch.float32)
            given = (
                {"what comes out": layer(images)}
                if self.measure is None
                else self.measure(layer, images)
            )
        except Exception as error:
            raise _Misfit(_stopped("layer", error, [images])) from None
        return {name: _result(value, "layer") for name, value in given.items()}


@dataclass(frozen=True)
class Function:
    """Asks for a function, and calls it.

    Attributes:
        calls: Makes the arguments of each call.

    Examples:
        >>> from cnnbook.exercises._grading import Function
        >>> Function(lambda: [(2, 3)]).read(lambda a, b: a * b)
        {'call 1': tensor(6., dtype=torch.float64)}
    """

    calls: Callable[[], Sequence[tuple[object, ...]]]
    what: str = "a function"
    loose: bool = False

    def read(self, answer: object) -> dict[str, torch.Tensor]:
        """Return what the function returns for each call."""
        found = _kind(answer)
        if not callable(answer):
            raise _Misfit(
                f"a function is asked for, and this is {found}. Hand in the function's name, "
                "without brackets behind it."
            )
        results = {}
        for number, arguments in enumerate(self.calls(), start=1):
            try:
                given = answer(*arguments)
            except Exception as error:
                raise _Misfit(_stopped("function", error, arguments)) from None
            results[f"call {number}"] = _result(given, "function")
        return results


def _stopped(kind: str, error: Exception, arguments: Sequence[object]) -> str:
    shapes = ", ".join(
        str(tuple(value.shape)) if isinstance(value, torch.Tensor) else repr(value)
        for value in arguments
    )
    message = (str(error).splitlines() or [""])[0]
    return f"the {kind} stopped with {type(error).__name__} when it was given {shapes}: {message}"


def _result(value: object, kind: str) -> torch.Tensor:
    try:
        return _numbers(value)
    except TypeError:
        returned = "nothing" if value is None else f"a {type(value).__name__}"
        raise _Misfit(f"the {kind} returned {returned}, not numbers.") from None


def _refusal(answer: object, remedy: str = "") -> TypeError:
    shown = repr(answer)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return TypeError(
        "answer: expected a number, numbers in a list or tensor, a layer or a function, "
        f"got {shown}{remedy}"
    )


def _kind(answer: object) -> str:
    """Name what kind of answer it is, or refuse what can be no answer at all."""
    if isinstance(answer, type):
        raise _refusal(answer, f"; make one of it with {answer.__name__}(...)")
    if isinstance(answer, torch.nn.Module):
        return "a layer"
    if callable(answer) and not isinstance(answer, torch.Tensor):
        return "a function"
    # Rows of different lengths are numbers all the same.
    with contextlib.suppress(_Misfit):
        _numbers(answer)
    return "numbers"


def _numbers(answer: object) -> torch.Tensor:
    """Return numbers as a tensor in float64, detached and on the CPU."""
    if isinstance(answer, (int, float)) and not isinstance(answer, bool):
        try:
            return torch.tensor(float(answer), dtype=torch.float64, device="cpu")
        except OverflowError:
            return torch.tensor(math.inf, dtype=torch.float64, device="cpu")
    if isinstance(answer, (list, tuple)):
        # In a list a truth value is 0 or 1, as it is in a mask.
        parts = [_numbers(int(part) if isinstance(part, bool) else part) for part in answer]
        if len({part.shape for part in parts}) > 1:
            raise _Misfit("the rows have different lengths.")
        empty = torch.zeros(0, dtype=torch.float64, device="cpu")
        return torch.stack(parts) if parts else empty
    if not isinstance(answer, torch.Tensor):
        if not hasattr(answer, "__array__"):
            raise _refusal(answer)
        try:
            answer = torch.as_tensor(answer)
        except TypeError:
            raise _refusal(answer) from None
    if answer.is_complex() or answer.is_meta:
        raise _refusal(answer, "; hand in real numbers")
    dense = answer.detach().to("cpu")
    return (dense if dense.layout == torch.strided else dense.to_dense()).to(torch.float64)


def grade(
    answer: object,
    *,
    kind: Kind,
    right: Callable[[], object],
    mistakes: Sequence[Mistake] = (),
    tolerance: float = 0.0,
    remark: str = "",
) -> Feedback:
    """Compare an answer with the right one and with the mistakes that are known.

    Args:
        answer: A number, numbers in a list or tensor, a layer or a function.
        kind: What is asked for.
        right: Makes a right answer of that kind.
        mistakes: Wrong answers, each with what to say to it; the first that fits is told.
        tolerance: By how much a number may differ from the right one.
        remark: What to add where the answer is right.

    Returns:
        The verdict. A wrong answer raises nothing, even where it is a function that does.

    Raises:
        TypeError: The answer is nothing that could be judged, such as text.

    Examples:
        >>> from cnnbook.exercises._grading import Mistake, Numbers, judge
        >>> asked = dict(kind=Numbers("one number"), right=lambda: 7)
        >>> grade(7, **asked, remark="8 - 1.")
        Right. 8 - 1.
        >>> forgotten = Mistake("the bias is missing", lambda: 8, "Every kernel has one.")
        >>> grade(8, **asked, mistakes=[forgotten])
        Not yet: the bias is missing. Every kernel has one.
        >>> grade([8, 7], **asked)
        Not yet: one number is asked for, and these are 2.
        >>> grade(float("nan"), **asked)
        Not yet: there is a NaN in it, which is no number; somewhere 0 was divided by 0.

    Source:
        Derived here.
    """
    # Making a layer draws random numbers; the reader's own must not depend on a check.
    with torch.random.fork_rng(devices=[]):
        try:
            given = kind.read(answer)
        except _Misfit as misfit:
            return Feedback(False, f"Not yet: {misfit}")
        expected = kind.read(right())
        if _same(given, expected, max(tolerance, 0.0), loose=kind.loose):
            return Feedback(True, f"Right. {remark}".rstrip())
        for mistake in mistakes:
            wrong = kind.read(mistake.answer())
            if _same(given, wrong, _MISTAKE_TOLERANCE, loose=kind.loose):
                return Feedback(False, f"Not yet: {mistake.name}. {mistake.why}", mistake.name)
        return Feedback(False, f"Not yet: {_difference(given, expected, tolerance, kind)}")


def _bare(numbers: torch.Tensor, *, loose: bool) -> torch.Tensor:
    while loose and numbers.ndim and numbers.shape[0] == 1:
        numbers = numbers[0]
    return numbers


def _alike(given: torch.Tensor, other: torch.Tensor, tolerance: float) -> bool:
    return given.shape == other.shape and torch.allclose(given, other, rtol=0, atol=tolerance)


def _same(
    given: Mapping[str, torch.Tensor],
    other: Mapping[str, torch.Tensor],
    tolerance: float,
    *,
    loose: bool,
) -> bool:
    return all(
        _alike(_bare(given[name], loose=loose), _bare(other[name], loose=loose), tolerance)
        for name in other
    )


def _difference(
    given: Mapping[str, torch.Tensor],
    expected: Mapping[str, torch.Tensor],
    tolerance: float,
    kind: Kind,
) -> str:
    """Say how the first numbers that differ do so, without saying what is right."""
    # Of a layer or a function the numbers are judged that it gives, and it is not one of them.
    asked = kind.what if isinstance(kind, Numbers) else ""
    for name, right in expected.items():
        found, wanted = _bare(given[name], loose=kind.loose), _bare(right, loose=kind.loose)
        if _alike(found, wanted, tolerance):
            continue
        message = (
            _not_finite(found)
            or _shapes_differ(found, wanted, tolerance, asked)
            or _numbers_differ(found, wanted, tolerance)
        )
        return message if len(expected) == 1 or not name else f"{name}: {message}"
    raise AssertionError("called for answers that differ")


def _not_finite(found: torch.Tensor) -> str:
    if found.isnan().any():
        return "there is a NaN in it, which is no number; somewhere 0 was divided by 0."
    if found.isinf().any():
        return "there is an infinity in it; somewhere a number was divided by 0 or grew too large."
    return ""


def _shapes_differ(found: torch.Tensor, wanted: torch.Tensor, tolerance: float, asked: str) -> str:
    have, want = tuple(found.shape), tuple(wanted.shape)
    if have == want:
        return ""
    if not found.numel():
        return f"there is no number in it, the shape is {have}."
    if not want:
        return f"{asked or 'one number'} is asked for, and these are {found.numel()}."
    if not have:
        return f"this is one number, and {asked or 'more than one'} is asked for."
    if found.numel() == wanted.numel() and torch.allclose(
        found.flatten(), wanted.flatten(), rtol=0, atol=max(tolerance, _MISTAKE_TOLERANCE)
    ):
        axis = "an axis is missing" if len(have) < len(want) else "the axes are others"
        return (
            f"the numbers are right, but {axis}: the shape is {have}. Images have four axes, "
            "(images, channels, rows, columns), a grid has two."
        )
    if len(have) >= 2 and have == (*want[:-2], *want[:-3:-1]):
        return f"rows and columns are swapped: the shape is {have}."
    if len(have) == len(want) == 1:
        return f"these are {have[0]} numbers, and {asked or 'another count'} is asked for."
    if len(have) == len(want):
        off = [abs(a - b) for a, b in zip(have, want, strict=True)]
        if max(off) == 1:
            return f"the shape {have} is off by one. Count the places where a window can stand."
        return f"the shape {have} does not fit."
    if len(want) == 1:
        return f"these are numbers in {len(have)} axes, and {asked or 'a row'} is asked for."
    axes = "1 axis" if len(have) == 1 else f"{len(have)} axes"
    return f"the shape is {have}: that has {axes}, and {len(want)} are asked for."


def _numbers_differ(found: torch.Tensor, wanted: torch.Tensor, tolerance: float) -> str:
    if not wanted.ndim:
        # Where nothing may differ, things are counted.
        if not tolerance and wanted == wanted.round() and found != found.round():
            return f"{found.item():g} is no whole number."
        return f"{found.item():g} is too {'large' if found > wanted else 'small'}."
    near = max(tolerance, _MISTAKE_TOLERANCE)
    if wanted.ndim >= 2 and _alike(found.flip(-1, -2), wanted, near):
        return "everything is upside down and left to right: something was flipped."
    if wanted.ndim >= 2 and _alike(found.mT, wanted, near):
        return "rows and columns are swapped."
    offset = (found - wanted).flatten()
    if len(offset) > 1 and (offset - offset[0]).abs().max() <= near:
        return "every number is off by the same amount. Look at the bias."
    if wanted.ndim == 4 and wanted[:, 0].numel() > 1:
        apart = (found - wanted).movedim(1, 0).flatten(1)
        if (apart - apart[:, :1]).abs().max() <= near:
            return "in each channel, every number is off by the same amount. Look at the biases."
    wrong = (found - wanted).abs() > tolerance
    first = wrong.nonzero()[0].tolist()
    position = first[0] if len(first) == 1 else first
    if wrong.sum() == 1:
        return f"1 of {wrong.numel()} numbers is wrong, the one at {position}."
    return f"{int(wrong.sum())} of {wrong.numel()} numbers are wrong, the first at {position}."


# Half a unit of the third decimal, which is what the questions ask for.
THREE_DECIMALS = 5e-4
# The library computes in float32, in an order that may differ from the reader's.
FLOAT32_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Exercise:
    """One exercise. Printing it shows the question and nothing else.

    Attributes:
        question: What is asked, in plain text with code in double backticks.
        hint: What helps.
        solution: Python code that leaves a right answer in ``answer``.
        kind: What kind of answer is asked for.
        right: Makes a right answer in another way than the solution.
        mistakes: Wrong answers that are known, and what is said to them.
        remark: What a right answer is told.
        tolerance: By how much a number may differ.
        number: Page and place on the page, such as "6.1"; empty until ``cnnbook.exercises``
            numbers the exercises of all pages.

    Examples:
        >>> from cnnbook.exercises import exercise
        >>> exercise("1.1").grade(2)
        Not yet: 2 is too large.
    """

    question: str
    hint: str = field(repr=False)
    solution: str = field(repr=False)
    kind: Kind = field(repr=False)
    right: Callable[[], object] = field(repr=False)
    mistakes: tuple[Mistake, ...] = field(repr=False)
    remark: str = field(default="", repr=False)
    tolerance: float = field(default=0.0, repr=False)
    number: str = ""

    def __str__(self) -> str:
        """Return number and question, in lines that fit a terminal."""
        return textwrap.fill(f"Exercise {self.number}. {self.question}", width=79)

    @property
    def page(self) -> int:
        """The number of the page that the exercise belongs to."""
        return int(self.number.partition(".")[0])

    def grade(self, answer: object) -> Feedback:
        """Say whether an answer is right, or what is wrong and why."""
        return grade(
            answer,
            kind=self.kind,
            right=self.right,
            mistakes=self.mistakes,
            tolerance=self.tolerance,
            remark=self.remark,
        )
