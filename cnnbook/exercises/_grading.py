"""Grades answers: right, or what is wrong and why."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from cnnbook.exercises._answers import Kind, Numbers, Unreadable

__all__ = [
    "FLOAT32_TOLERANCE",
    "THREE_DECIMALS",
    "Exercise",
    "Feedback",
    "Mistake",
    "grade",
]

# Half a unit of the third decimal, where a question asks for three decimals.
THREE_DECIMALS = 5e-4
# The library computes in float32, in an order that may differ from the reader's.
FLOAT32_TOLERANCE = 1e-4
# Wide enough for a mistake that was rounded to three decimals. The right answer, which is compared
# first, has a tolerance of its own.
_MISTAKE_TOLERANCE = 1e-3


@dataclass(frozen=True, repr=False)
class Feedback:
    """The result of a check. It is true if the answer is right, and prints as its message.

    Attributes:
        right: Whether the answer is right.
        message: One or two sentences for the reader.
        mistake: The name of the mistake that was recognised; empty if none was.

    Examples:
        >>> from cnnbook.exercises._grading import Feedback
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
    """A common wrong answer, and the feedback on it.

    Attributes:
        name: What was done wrong, as the end of the sentence "Not yet: ...".
        answer: Makes the wrong answer; it is called only when the answer is compared.
        advice: What to think of instead, without the right answer.

    Examples:
        >>> from cnnbook.exercises._grading import Mistake
        >>> Mistake("the bias is missing", lambda: 8, "Every kernel has one.").answer()
        8
    """

    name: str
    answer: Callable[[], object]
    advice: str


def grade(
    answer: object,
    *,
    kind: Kind,
    right: Callable[[], object],
    mistakes: Sequence[Mistake] = (),
    tolerance: float = 0.0,
    remark: str = "",
) -> Feedback:
    """Compare an answer with the right one and with known mistakes.

    Args:
        answer: A number, numbers in a list or tensor, a layer or a function; ``...`` for none
            yet.
        kind: What is asked for.
        right: Makes a right answer of that kind.
        mistakes: Known wrong answers; the first that matches gives the feedback.
        tolerance: By how much a number may differ from the right one.
        remark: What to add if the answer is right.

    Returns:
        The feedback. A wrong answer raises no exception, not even a function that fails.

    Raises:
        TypeError: The answer is of a kind that cannot be graded, such as text.

    Examples:
        >>> from cnnbook.exercises._answers import Numbers
        >>> from cnnbook.exercises._grading import Mistake, grade
        >>> asked = dict(kind=Numbers("one number"), right=lambda: 7)
        >>> grade(7, **asked, remark="8 - 1.")
        Right. 8 - 1.
        >>> forgotten = Mistake("the bias is missing", lambda: 8, "Every kernel has one.")
        >>> grade(8, **asked, mistakes=[forgotten])
        Not yet: the bias is missing. Every kernel has one.
        >>> grade([8, 7], **asked)
        Not yet: expected one number, got 2 numbers.
        >>> grade(float("nan"), **asked)
        Not yet: the answer contains NaN, "not a number": somewhere 0 was divided by 0.
        >>> grade(..., **asked)
        No answer yet: put yours in the place of `...`.
    """
    if answer is ...:
        return Feedback(False, "No answer yet: put yours in the place of `...`.")
    # Making a layer draws random numbers, but a check must not change the reader's random state.
    # Tensors made without naming a device, also in the reader's function, must be on the CPU, where
    # the exercise is.
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        try:
            given = kind.read(answer)
        except Unreadable as reason:
            return Feedback(False, f"Not yet: {reason}")
        expected = kind.read(right())
        if _equal(given, expected, max(tolerance, 0.0), squeeze=kind.squeeze):
            return Feedback(True, f"Right. {remark}".rstrip())
        for mistake in mistakes:
            wrong = kind.read(mistake.answer())
            if _equal(given, wrong, _MISTAKE_TOLERANCE, squeeze=kind.squeeze):
                return Feedback(False, f"Not yet: {mistake.name}. {mistake.advice}", mistake.name)
        return Feedback(False, f"Not yet: {_describe_difference(given, expected, tolerance, kind)}")


@dataclass(frozen=True)
class Exercise:
    """One exercise. Printing it shows the question and nothing else.

    Attributes:
        question: What is asked, in plain text with code in double backticks.
        hint: What helps.
        solution: Python code that leaves a right answer in ``answer``.
        kind: What kind of answer is asked for.
        right: Makes a right answer in another way than the solution.
        mistakes: Known wrong answers, with the feedback on each.
        remark: What to add to "Right."
        tolerance: By how much a number may differ.
        number: Page and position on the page, such as "6.1"; empty until ``cnnbook.exercises``
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


def _squeezed(numbers: torch.Tensor, *, squeeze: bool) -> torch.Tensor:
    while squeeze and numbers.ndim and numbers.shape[0] == 1:
        numbers = numbers[0]
    return numbers


def _close(given: torch.Tensor, other: torch.Tensor, tolerance: float) -> bool:
    return given.shape == other.shape and torch.allclose(given, other, rtol=0, atol=tolerance)


def _equal(
    given: Mapping[str, torch.Tensor],
    other: Mapping[str, torch.Tensor],
    tolerance: float,
    *,
    squeeze: bool,
) -> bool:
    return all(
        _close(
            _squeezed(given[name], squeeze=squeeze),
            _squeezed(other[name], squeeze=squeeze),
            tolerance,
        )
        for name in other
    )


def _describe_difference(
    given: Mapping[str, torch.Tensor],
    expected: Mapping[str, torch.Tensor],
    tolerance: float,
    kind: Kind,
) -> str:
    """Describe the first numbers that differ, without saying what is right."""
    # For a layer or a function, results are compared, and the kind's description is not of those.
    description = kind.description if isinstance(kind, Numbers) else ""
    for name, right in expected.items():
        got = _squeezed(given[name], squeeze=kind.squeeze)
        right = _squeezed(right, squeeze=kind.squeeze)
        if _close(got, right, tolerance):
            continue
        message = (
            _describe_not_finite(got)
            or _describe_shape(got, right, tolerance, description)
            or _describe_values(got, right, tolerance)
        )
        return message if len(expected) == 1 or not name else f"{name}: {message}"
    raise AssertionError("called for answers that differ")


def _describe_not_finite(got: torch.Tensor) -> str:
    if got.isnan().any():
        return 'the answer contains NaN, "not a number": somewhere 0 was divided by 0.'
    if got.isinf().any():
        return "the answer contains infinity: a number was divided by 0 or grew too large."
    return ""


def _describe_shape(
    got: torch.Tensor, right: torch.Tensor, tolerance: float, description: str
) -> str:
    have, want = tuple(got.shape), tuple(right.shape)
    if have == want:
        return ""
    if not got.numel():
        return f"the answer is empty, its shape is {have}."
    if not want:
        return f"expected {description or 'one number'}, got {got.numel()} numbers."
    if not have:
        return f"expected {description or 'more than one number'}, got one number."
    if got.numel() == right.numel() and torch.allclose(
        got.flatten(), right.flatten(), rtol=0, atol=max(tolerance, _MISTAKE_TOLERANCE)
    ):
        axes = "an axis is missing" if len(have) < len(want) else "the axes differ"
        return (
            f"the numbers are right, but {axes}: the shape is {have}. Images have four axes, "
            "(images, channels, rows, columns), a grid has two."
        )
    if len(have) >= 2 and have == (*want[:-2], *want[:-3:-1]):
        return f"rows and columns are swapped: the shape is {have}."
    if len(have) == len(want) == 1:
        return f"expected {description or 'another count'}, got {have[0]} numbers."
    if len(have) == len(want):
        if max(abs(a - b) for a, b in zip(have, want, strict=True)) == 1:
            return f"the shape {have} is off by one. Count the positions where a window fits."
        return f"the shape {have} is wrong."
    axes = "1 axis" if len(have) == 1 else f"{len(have)} axes"
    if len(want) == 1:
        return f"expected {description or 'a row'}, got numbers in {axes}."
    return f"the shape {have} has {axes}, expected {len(want)}."


def _describe_values(got: torch.Tensor, right: torch.Tensor, tolerance: float) -> str:
    if not right.ndim:
        # A tolerance of 0 means that the question asks for a count.
        if not tolerance and right == right.round() and got != got.round():
            return f"{got.item():g} is not a whole number."
        return f"{got.item():g} is too {'large' if got > right else 'small'}."
    near = max(tolerance, _MISTAKE_TOLERANCE)
    if right.ndim >= 2 and _close(got.flip(-1, -2), right, near):
        return "rows and columns are in reverse order: something was flipped."
    if right.ndim >= 2 and _close(got.mT, right, near):
        return "rows and columns are swapped."
    offset = (got - right).flatten()
    if len(offset) > 1 and (offset - offset[0]).abs().max() <= near:
        return "every number is off by the same amount. Check the bias."
    if right.ndim == 4 and right[:, 0].numel() > 1:
        by_channel = (got - right).movedim(1, 0).flatten(1)
        if (by_channel - by_channel[:, :1]).abs().max() <= near:
            return "in each channel, every number is off by the same amount. Check the biases."
    wrong = (got - right).abs() > tolerance
    first = wrong.nonzero()[0].tolist()
    index = first[0] if len(first) == 1 else first
    if wrong.sum() == 1:
        return f"1 of {wrong.numel()} numbers is wrong, the one at index {index}."
    return f"{int(wrong.sum())} of {wrong.numel()} numbers are wrong, the first at index {index}."
