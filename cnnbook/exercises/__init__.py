"""Exercises with a hint, a check that says what is wrong and why, and a solution."""

import importlib
from dataclasses import replace
from numbers import Real
from pathlib import Path

from cnnbook.exercises._grading import Exercise, Feedback

__all__ = ["check", "exercise", "exercises", "hint", "solution"]


def _numbered_exercises() -> tuple[Exercise, ...]:
    """Number the exercises: the page from the file's name, then the position in its tuple."""
    numbered = []
    for file in sorted(Path(__file__).parent.glob("page_*.py")):
        page = int(file.stem.removeprefix("page_"))
        module = importlib.import_module(f"cnnbook.exercises.{file.stem}")
        for position, unnumbered in enumerate(module.EXERCISES, start=1):
            numbered.append(replace(unnumbered, number=f"{page}.{position}"))
    return tuple(numbered)


_EXERCISES = _numbered_exercises()


def check(number: str | float, answer: object) -> Feedback:
    """Say whether an answer is right, or what is wrong with it and why.

    Common mistakes are recognised: a flipped kernel, a forgotten bias, a size that is off by one,
    rows and columns swapped, a missing batch axis. The feedback never contains the right answer. It
    is in Korean if the variable ``CNNBOOK_LANGUAGE`` is ``ko``, or if that is not set and the
    system's language is Korean; else it is in English.

    Args:
        number: The exercise, such as ``"6.1"``.
        answer: What the exercise asks for: a number of any type, numbers in a list, tuple, tensor
            or array, a layer or a function. Numbers may also be text, such as ``"4/5"`` or
            ``"7 x 7"``. ``...``, with which the notebooks start, counts as no answer.

    Returns:
        The feedback, which prints as its message and is true if the answer is right. No answer
        raises an exception, not even a function that fails.

    Raises:
        TypeError: ``number`` is neither text nor a number.
        ValueError: There is no such exercise, or ``CNNBOOK_LANGUAGE`` is another language.

    Examples:
        >>> from cnnbook.exercises import check
        >>> check("6.1", 23)
        Not yet: the kernel is flipped. Here it is applied without a flip.
        >>> bool(check("6.1", 23))
        False

        A number may have axes of length 1 around it, as in the output of a layer.

        >>> check("6.1", [[[[23]]]]).mistake
        'the kernel is flipped'
        >>> check("6.9", 3)
        Traceback (most recent call last):
            ...
        ValueError: number: expected an exercise of page 6, one of 6.1, 6.2, 6.3, got '6.9'
    """
    return exercise(number).grade(answer)


def exercise(number: str | float) -> Exercise:
    """Look up an exercise.

    Args:
        number: Its page and its position there, such as ``"6.1"``. A page has fewer than ten
            exercises, so the number 6.1 means the same.

    Returns:
        The exercise. ``print()`` shows its question, and neither hint nor solution.

    Raises:
        TypeError: ``number`` is neither text nor a number.
        ValueError: There is no such exercise.

    Examples:
        >>> from cnnbook.exercises import exercise
        >>> print(exercise("2.1"))
        Exercise 2.1. How many parameters does ``Conv2d(3, 8, 5)`` have: three channels
        in, eight out, windows of 5 x 5?
        >>> exercise("2.7")
        Traceback (most recent call last):
            ...
        ValueError: number: expected an exercise of page 2, one of 2.1, 2.2, 2.3, got '2.7'
        >>> exercise([2, 1])
        Traceback (most recent call last):
            ...
        TypeError: number: expected text such as "6.1", got [2, 1]
    """
    if isinstance(number, bool) or not isinstance(number, (str, Real)):
        shown = repr(number)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        raise TypeError(f'number: expected text such as "6.1", got {shown}')
    number = str(number).strip()
    for candidate in _EXERCISES:
        if candidate.number == number:
            return candidate
    page = number.partition(".")[0]
    same_page = [candidate.number for candidate in _EXERCISES if str(candidate.page) == page]
    if same_page:
        raise ValueError(
            f"number: expected an exercise of page {page}, one of {', '.join(same_page)}, "
            f"got {number!r}"
        )
    pages = ", ".join(dict.fromkeys(str(candidate.page) for candidate in _EXERCISES))
    raise ValueError(f"number: expected a page with exercises, one of {pages}, got {number!r}")


def exercises() -> tuple[Exercise, ...]:
    """List all exercises in the order of the book.

    Returns:
        The exercises, each with its number.

    Examples:
        >>> from cnnbook.exercises import exercises
        >>> [one.number for one in exercises() if one.page == 6]
        ['6.1', '6.2', '6.3']
    """
    return _EXERCISES


def hint(number: str | float) -> str:
    """Return the hint of an exercise, which does not give away the answer.

    Args:
        number: The exercise, such as ``"6.1"``.

    Returns:
        The hint.

    Raises:
        TypeError: ``number`` is neither text nor a number.
        ValueError: There is no such exercise.

    Examples:
        >>> from cnnbook.exercises import hint
        >>> print(hint("6.1"))
        Upper left times upper left, and so on; add the four products and the bias.
    """
    return exercise(number).hint


def solution(number: str | float) -> str:
    """Return the solution of an exercise, as code that leaves the answer in ``answer``.

    Args:
        number: The exercise, such as ``"6.1"``.

    Returns:
        The code, which runs without changes. Other solutions may be right, too.

    Raises:
        TypeError: ``number`` is neither text nor a number.
        ValueError: There is no such exercise.

    Examples:
        >>> from cnnbook.exercises import check, solution
        >>> names = {}
        >>> exec(solution("2.1"), names)
        >>> check("2.1", names["answer"]).right
        True
    """
    return exercise(number).solution.strip()
