"""The description that a figure carries for readers who cannot see it."""

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
    "format_short",
    "format_size",
    "join_items",
    "name_in_sentence",
    "title_in_sentence",
]


def alt_text(figure: Figure) -> str:
    """Return a figure's description in words, for readers who cannot see it.

    Every function of ``cnnbook.figures`` makes the description from the numbers that it draws, and
    stores it as the figure's label, matplotlib's ``figure.get_label()``. Describe a figure that
    you draw yourself with ``figure.set_label``.

    Args:
        figure: A figure of ``cnnbook.figures``, or one with a label.

    Returns:
        Its description, on one line.

    Raises:
        TypeError: ``figure`` is not a matplotlib figure.
        ValueError: The figure has no description.

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
function of cnnbook.figures, or describe it with figure.set_label(...)
    """
    if not isinstance(figure, Figure):
        raise TypeError(f"figure: expected a matplotlib Figure, got {type(figure).__name__}")
    text = " ".join(str(figure.get_label()).split())
    if not text:
        raise ValueError(
            "figure: expected a figure with a description, got one without; draw it with a "
            "function of cnnbook.figures, or describe it with figure.set_label(...)"
        )
    return text


# About what a screen reader reads aloud in twenty seconds.
MAX_CHARACTERS = 300


def describe(figure: Figure, *parts: str | list[str]) -> None:
    """Store a description with a figure, for ``alt_text``.

    Every function that draws calls this once, before it returns its figure, with what it drew: the
    kind of picture, its axes, and the numbers that matter, written as on the figure.

    Args:
        figure: The figure.
        parts: Sentences, the most important first, since what does not fit is left out. A list is
            joined to one sentence of as many items as fit, which says how many are left out.
    """
    text = ""
    for part in parts:
        if not part:
            continue
        room = MAX_CHARACTERS - len(text) - bool(text)
        sentence = part if isinstance(part, str) else f"{join_items(part, room - 1)}."
        sentence = " ".join(sentence.split())
        if len(sentence) > room and text:
            break
        if len(sentence) > room:
            sentence = f"{sentence[: room - 3]}..."
        text = f"{text} {sentence}".strip()
    figure.set_label(text[:1].upper() + text[1:])


def join_items(items: list[str], max_characters: int) -> str:
    """Join the items that fit into ``max_characters``, and count the others."""
    for kept in range(len(items), 0, -1):
        rest = f" and {len(items) - kept} more" if kept < len(items) else ""
        text = "; ".join(items[:kept]) + rest
        if len(text) <= max_characters:
            return text
    return f"{items[0][: max(max_characters - 3, 0)]}..."


def name_in_sentence(name: str, default: str = "without a name") -> str:
    """Return a name as it reads within a sentence: on one line, not too long, without a colon."""
    text = " ".join(name.split()).rstrip(" :.,;")
    return (text if len(text) <= 60 else f"{text[:57]}...") or default


def title_in_sentence(titles: Sequence[str], index: int, default: str) -> str:
    """Return one of the titles as it reads within a sentence; ``titles`` may be empty."""
    return name_in_sentence(titles[index] if titles else "", default)


def count_noun(number: int, noun: str, *, plural: str = "") -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    count = words[number] if number < len(words) else number
    return f"{count} {noun if number == 1 else plural or noun + 's'}"


def format_percent(part: float, whole: float) -> str:
    percentage = 100 * part / whole
    # With two digits 100 would become 1e+02.
    return f"{percentage:.2g} %" if percentage < 99.5 else f"{percentage:.3g} %"


def format_short(number: float) -> str:
    """Write a number with three digits, or one from 1,000 up to a million to the unit."""
    return f"{number:,.0f}" if 999.5 <= abs(number) < 999_999.5 else f"{number:.3g}"


def format_range(noun: str, first: int, last: int) -> str:
    return f"{noun} {first}" if first == last else f"{noun}s {first} to {last}"


def format_size(shape: Sequence[int]) -> str:
    return " x ".join(f"{extent:,}" for extent in shape)


def as_float64(numbers: torch.Tensor) -> torch.Tensor:
    """Return numbers of any dtype as float64 on the CPU, so that they can be compared and added."""
    # Adding 0 takes the sign from a -0.0.
    return numbers.detach().cpu().double() + 0


def format_extent(numbers: torch.Tensor) -> str:
    values = as_float64(numbers)
    return f"{values.min():.4g} to {values.max():.4g}"


def format_numbers(numbers: torch.Tensor, *, maximum: int = 16) -> str:
    """Write numbers row by row, or only the smallest and the largest of more than ``maximum``."""
    values = as_float64(numbers)
    if values.numel() > 1 and bool((values == values.flatten()[0]).all()):
        return f"{values.flatten()[0]:.4g} everywhere"
    if values.numel() > maximum:
        return f"from {format_extent(values)}"
    rows = values.reshape(-1, values.shape[-1]).tolist()
    return " / ".join(" ".join(f"{number:.4g}" for number in row) for row in rows)


def describe_centre(picture: torch.Tensor) -> str:
    """Write the centre of a picture's numbers, weighted by their sizes, and the numbers' range."""
    sizes = as_float64(picture).abs()
    total = sizes.sum()
    if not bool(total > 0):
        return "nowhere"
    positions = (torch.arange(count, device=sizes.device) for count in sizes.shape)
    centre = (
        float((sizes.sum(dim=1 - axis) * numbers).sum() / total)
        for axis, numbers in enumerate(positions)
    )
    return f"{', '.join(f'{position:.1f}' for position in centre)} ({format_extent(picture)})"
