"""Grades answers: right, or what is wrong and why."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from cnnbook.exercises._answers import Kind, Numbers
from cnnbook.exercises._difference import describe_difference, equal
from cnnbook.exercises._language import translate
from cnnbook.exercises._messages import Unreadable, say
from cnnbook.exercises._reading import describe_reading, to_tensor
from cnnbook.exercises._typed import describe_product, is_blank

__all__ = [
    "FLOAT32_TOLERANCE",
    "MISTAKE_TOLERANCE",
    "THREE_DECIMALS",
    "WHOLE_NUMBERS",
    "Exercise",
    "Feedback",
    "Mistake",
    "grade",
]

# Half a unit of the third decimal, where a question asks for three decimals.
THREE_DECIMALS = 5e-4
# The library computes in float32, in an order that may differ from the reader's.
FLOAT32_TOLERANCE = 1e-4
# A count that was computed with floating-point numbers, such as 4523.999, is that count.
WHOLE_NUMBERS = 5e-3
# Wide enough for a mistake that was rounded to three decimals, and less than the third decimal. The
# right answer, which is compared first, has a tolerance of its own.
MISTAKE_TOLERANCE = 9e-4


@dataclass(frozen=True, repr=False)
class Feedback:
    """The result of a check. It is true if the answer is right, and prints as its message.

    Attributes:
        right: Whether the answer is right.
        message: One or two sentences for the reader.
        mistake: The name of the mistake that was recognised; empty if none was.
        reading: How a text was read as numbers; empty for other answers.

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
    reading: str = ""

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
        others: Make further wrong answers to which the same mistake leads.

    Examples:
        >>> from cnnbook.exercises._grading import Mistake
        >>> Mistake("the bias is missing", lambda: 8, "Every kernel has one.").answer()
        8
    """

    name: str
    answer: Callable[[], object]
    advice: str
    others: tuple[Callable[[], object], ...] = ()


def grade(
    answer: object,
    *,
    kind: Kind,
    right: Callable[[], object],
    others: Sequence[Callable[[], object]] = (),
    condition: Callable[[Any], str] | None = None,
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
        others: Make further right answers.
        condition: Takes an answer whose results are right, and says why it is wrong nevertheless,
            or returns an empty text.
        mistakes: Known wrong answers; the first that matches gives the feedback.
        tolerance: By how much a number may differ from the right one.
        remark: What to add if the answer is right.

    Returns:
        The feedback. No answer raises an exception, not even a function that fails.

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
        Not yet: the answer has 2 numbers, and the exercise asks for one number.
        >>> grade("7 * 1", **asked)
        Not yet: the text '7 * 1' is a calculation: hand in its result.
        >>> grade(float("nan"), **asked)
        Not yet: the answer contains NaN, "not a number", as 0 / 0 gives it.
        >>> grade("seven", **asked)
        Not yet: the text 'seven' is not a number: write only numbers, such as 0.5, 1/2 or \
[1, 2].
        >>> grade(..., **asked)
        No answer yet: put yours in the place of `...`.
    """
    if answer is ...:
        return Feedback(False, say("no_answer"))
    is_text = isinstance(kind, Numbers) and isinstance(answer, str)
    if is_text and is_blank(str(answer)):
        return Feedback(False, say("no_text"))
    # Making a layer draws random numbers, but a check must not change the reader's random state.
    # Tensors made without naming a device, also in the reader's function, must be on the CPU, where
    # the exercise is, and may need gradients.
    with (
        torch.random.fork_rng(devices=[]),
        torch.device("cpu"),
        torch.inference_mode(False),
        torch.enable_grad(),
    ):
        try:
            given = kind.read(answer)
        except Unreadable as reason:
            return Feedback(False, say("wrong", reason=reason))
        except Exception as error:
            # Reading runs code of the reader's types, and that may raise anything.
            found = {"type": type(answer).__name__, "error": type(error).__name__}
            problem = say("reading_raised", asked=translate(kind.description), **found)
            return Feedback(False, say("wrong", reason=problem))
        reading = describe_reading(to_tensor(answer)) if is_text else ""
        for make in (right, *others):
            if equal(given, kind.read(make()), kind, tolerance=tolerance):
                objection = condition(answer) if condition else ""
                if objection:
                    return Feedback(False, say("wrong", reason=objection), "", reading)
                message = say("right_remark", remark=translate(remark)) if remark else say("right")
                return Feedback(True, message, "", reading)
        for mistake in mistakes:
            for make in (mistake.answer, *mistake.others):
                if equal(given, kind.read(make()), kind, tolerance=MISTAKE_TOLERANCE):
                    texts = {"mistake": mistake.name, "advice": mistake.advice}
                    message = say("mistake", **{k: translate(t) for k, t in texts.items()})
                    return Feedback(False, message, mistake.name, reading)
        if is_text and not to_tensor(right()).ndim:
            product = describe_product(str(answer))
            if product:
                return Feedback(False, say("wrong", reason=product))
        difference = describe_difference(given, kind.read(right()), kind, tolerance=tolerance)
        return Feedback(False, say("wrong", reason=difference), "", reading)


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
        others: Make further right answers.
        condition: Says why an answer whose results are right is wrong nevertheless.
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
    others: tuple[Callable[[], object], ...] = field(default=(), repr=False)
    condition: Callable[[Any], str] | None = field(default=None, repr=False)
    remark: str = field(default="", repr=False)
    tolerance: float = field(default=WHOLE_NUMBERS, repr=False)
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
            others=self.others,
            condition=self.condition,
            mistakes=self.mistakes,
            tolerance=self.tolerance,
            remark=self.remark,
        )
