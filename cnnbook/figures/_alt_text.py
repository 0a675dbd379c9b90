"""The text that a figure carries for those who do not see it."""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure

__all__ = [
    "MAX_CHARACTERS",
    "alt_text",
    "as_float64",
    "count_noun",
    "describe",
    "describe_centre",
    "format_extent",
    "format_numbers",
    "format_percent",
    "format_range",
    "join_items",
    "name_in_sentence",
    "title_in_sentence",
]


def alt_text(figure: Figure) -> str:
    """Return what is to be seen on a figure, in words, for those who do not see it.

    Every function of this module says what it drew from the numbers it was given, and keeps the
    text as the label of the figure, matplotlib's ``figure.get_label()``. A figure drawn by hand is
    described with ``figure.set_label``.

    Args:
        figure: A figure of this module, or one with a label.

    Returns:
        Its description, on one line.

    Raises:
        TypeError: ``figure`` is not a matplotlib figure.
        ValueError: Nobody has described it.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import alt_text, plot_number_grids
        >>> alt_text(plot_number_grids({"step": torch.tensor([[1.0, -2.0]])}))
        'One grid of numbers, blue above 0 and orange below. step, 1 x 2: 1 -2.'
        >>> from matplotlib.figure import Figure
        >>> alt_text(Figure())
        Traceback (most recent call last):
            ...
        ValueError: figure: expected a figure with a description, got one without; draw it with a \
function of cnnbook.figures, or say what is to be seen with figure.set_label(...)

    Source:
        Derived here.
    """
    if not isinstance(figure, Figure):
        raise TypeError(f"figure: expected a matplotlib Figure, got {type(figure).__name__}")
    text = " ".join(str(figure.get_label()).split())
    if not text:
        raise ValueError(
            "figure: expected a figure with a description, got one without; draw it with a "
            "function of cnnbook.figures, or say what is to be seen with figure.set_label(...)"
        )
    return text


# About what a screen reader says in twenty seconds.
MAX_CHARACTERS = 300


def describe(figure: Figure, *parts: str | list[str]) -> None:
    """Keep with a figure what is to be seen on it, for ``alt_text``.

    Every function here calls this once, before it returns its figure, with what it drew: which kind
    of picture, what the axes are, and the numbers that decide, written as on the figure.

    Args:
        figure: The figure.
        parts: Sentences, the weightiest first, since what no longer fits is left out; a list is
            joined to a sentence of as many items as fit, with a word on how many do not.
    """
    message = ""
    for part in parts:
        if not part:
            continue
        room = MAX_CHARACTERS - len(message) - bool(message)
        sentence = part if isinstance(part, str) else f"{join_items(part, room - 1)}."
        sentence = " ".join(sentence.split())
        if len(sentence) > room and message:
            break
        if len(sentence) > room:
            sentence = f"{sentence[: room - 3]}..."
        message = f"{message} {sentence}".strip()
    figure.set_label(message)


def join_items(items: list[str], room: int) -> str:
    """Join as many items as there is room for, and count the others."""
    for kept in range(len(items), 0, -1):
        rest = f" and {len(items) - kept} more" if kept < len(items) else ""
        text = "; ".join(items[:kept]) + rest
        if len(text) <= room:
            return text
    return f"{items[0][: max(room - 3, 0)]}..."


def title_in_sentence(titles: Sequence[str], index: int, otherwise: str) -> str:
    """Return a title as it reads within a sentence, or what it is called without one."""
    text = " ".join(titles[index].split()).rstrip(" :.,;") if titles else ""
    return (text if len(text) <= 60 else f"{text[:57]}...") or otherwise


def name_in_sentence(name: str) -> str:
    return title_in_sentence([name], 0, "without a name")


def count_noun(number: int, noun: str) -> str:
    words = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
    return f"{words[number] if number < len(words) else number} {noun}{'' if number == 1 else 's'}"


def format_percent(part: float, whole: float) -> str:
    share = 100 * part / whole
    # Two digits would make 1e+02 of a hundred.
    return f"{share:.2g} %" if share < 99.5 else f"{share:.3g} %"


def format_range(noun: str, first: int, last: int) -> str:
    return f"{noun} {first}" if first == last else f"{noun}s {first} to {last}"


def as_float64(numbers: torch.Tensor) -> torch.Tensor:
    """Return numbers of any kind as ones that can be compared and added up."""
    # Added to 0, -0 becomes 0.
    return numbers.detach().cpu().double() + 0


def format_extent(numbers: torch.Tensor) -> str:
    values = as_float64(numbers)
    return f"{values.min():.4g} to {values.max():.4g}"


def format_numbers(numbers: torch.Tensor, *, maximum: int = 16) -> str:
    """Write numbers row by row, or from which to which they go where they are many."""
    values = as_float64(numbers)
    if values.numel() > 1 and bool((values == values.flatten()[0]).all()):
        return f"{values.flatten()[0]:.4g} everywhere"
    if values.numel() > maximum:
        return f"from {format_extent(values)}"
    lines = values.reshape(-1, values.shape[-1]).tolist()
    return " / ".join(" ".join(f"{number:.4g}" for number in line) for line in lines)


def describe_centre(picture: torch.Tensor) -> str:
    """Say where the middle of a picture's numbers lies, each weighed by its size."""
    sizes = as_float64(picture).abs()
    whole = sizes.sum()
    if not bool(whole > 0):
        return "nowhere"
    middle = (
        float((sizes.sum(dim=1 - axis) * torch.arange(sizes.shape[axis])).sum() / whole)
        for axis in (0, 1)
    )
    return f"{', '.join(f'{position:.1f}' for position in middle)} ({format_extent(picture)})"
