"""What the browser needs to grade typed numbers as Python does."""

import torch

from cnnbook.exercises._answers import Numbers
from cnnbook.exercises._grading import MISTAKE_TOLERANCE, Exercise
from cnnbook.exercises._language import translate
from cnnbook.exercises._messages import SHARED
from cnnbook.exercises._reading import to_tensor

__all__ = ["exercise_data", "exercise_messages", "is_typed"]

JSON = str | float | list["JSON"] | dict[str, "JSON"]


def is_typed(exercise: Exercise) -> bool:
    """Return whether the answer to an exercise can be typed and graded in the browser.

    Examples:
        >>> from cnnbook.exercises import exercise
        >>> from cnnbook.exercises._export import is_typed
        >>> is_typed(exercise("6.1")), is_typed(exercise("6.2"))
        (True, False)
    """
    return isinstance(exercise.kind, Numbers) and exercise.condition is None


def exercise_data(exercise: Exercise, language: str = "en") -> dict[str, JSON]:
    """Return what `docs/_static/grading.js` needs to grade answers to an exercise.

    Args:
        exercise: One that asks for numbers.
        language: The language of its texts.

    Returns:
        What is asked for, the right answers, the known mistakes with their wrong answers and texts,
        the remark and the tolerances. It can be written as JSON.

    Raises:
        ValueError: The exercise asks for something else, has a condition, or has a right answer
            with more than two axes, or one that is not finite.

    Examples:
        >>> from cnnbook.exercises import exercise
        >>> from cnnbook.exercises._export import exercise_data
        >>> data = exercise_data(exercise("6.1"))
        >>> data["asked"], data["tolerance"]
        ('one number', 0.005)
        >>> [mistake["answers"] for mistake in data["mistakes"]][2:4]
        [[23], [14]]
    """
    if not is_typed(exercise):
        raise ValueError(
            f"exercise: expected one that asks for numbers without a condition, got "
            f"{exercise.number or exercise.kind!r}"
        )
    right = [to_tensor(make()) for make in (exercise.right, *exercise.others)]
    wrong = [
        [to_tensor(make()) for make in (mistake.answer, *mistake.others)]
        for mistake in exercise.mistakes
    ]
    for numbers in (*right, *(one for each in wrong for one in each)):
        if not numbers.isfinite().all() or not numbers.numel():
            raise ValueError(f"exercise: expected finite numbers, got {numbers.tolist()}")
    # Of images, the difference is described in Python only.
    if any(numbers.ndim > 2 for numbers in right):
        raise ValueError("exercise: expected right answers of at most two axes, got more")
    mistakes: list[JSON] = [
        {
            "name": translate(mistake.name, language),
            "advice": translate(mistake.advice, language),
            "answers": [_plain(one) for one in each],
        }
        for mistake, each in zip(exercise.mistakes, wrong, strict=True)
    ]
    assert isinstance(exercise.kind, Numbers)
    return {
        "number": exercise.number,
        "asked": translate(exercise.kind.description, language),
        "right": [_plain(one) for one in right],
        "tolerance": exercise.tolerance,
        "mistakes": mistakes,
        "mistakeTolerance": MISTAKE_TOLERANCE,
        "remark": translate(exercise.remark, language),
    }


def exercise_messages(language: str = "en") -> dict[str, str]:
    """Return the texts of all verdicts on typed numbers, by their keys.

    Args:
        language: The language of the texts.

    Examples:
        >>> from cnnbook.exercises._export import exercise_messages
        >>> exercise_messages()["too_large"]
        '{number} is too large.'
    """
    return {key: translate(text, language) for key, text in SHARED.items()}


def _plain(numbers: torch.Tensor) -> JSON:
    """Return numbers in lists, whole ones as integers, which are shorter."""
    if numbers.ndim:
        return [_plain(one) for one in numbers]
    number = float(numbers.item())
    return int(number) if number.is_integer() else number
