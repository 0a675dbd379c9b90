"""Translate the alternative texts of figures, which the library writes with a run's numbers."""

import re
import tomllib
from functools import cache
from pathlib import Path

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COUNT = rf"(?:\d[\d,]*(?<!,)|(?:{'|'.join(_WORDS)})\b)"
_NUMBER = r"-?\d[\d.,]*(?:e[+-]?\d+)?(?<![.,])"
_SIZE = r"[\d,]+(?: x [\d,]+)+"
# Of what a place may hold by its name; any other name: anything in the same part of a sentence.
_KINDS = dict.fromkeys("nmk", _COUNT) | dict.fromkeys("abcde", _NUMBER)
_KINDS |= dict.fromkeys(("size", "size2"), _SIZE)


@cache
def _patterns(path: Path) -> list[tuple[re.Pattern[str], str, str]]:
    def place(found: re.Match[str]) -> str:
        return f"(?P<{found[1]}>{_KINDS.get(found[1], '[^;:]+?')})"

    texts = tomllib.loads(path.read_text("utf-8"))["text"]
    return [
        # A text begins with a capital letter, also where it begins with a count.
        (
            re.compile(re.sub(r"\{(\w+)\}", place, one["en"]), re.IGNORECASE),
            one["ko"],
            one.get("where", ""),
        )
        for one in texts
    ]


def translate_alt_text(text: str, path: Path) -> str:
    """Translate what the patterns of a file describe; the rest stays as it is.

    Args:
        text: The English text.
        path: A file like ``docs/locale/ko/alt_texts.toml``.

    Returns:
        The text with the same numbers, and with the labels of the figure.
    """
    for pattern, translation, where in _patterns(path):
        if where not in text:
            continue

        def filled(found: re.Match[str], translation: str = translation) -> str:
            values = {
                name: str(_WORDS.index(value.lower())) if value.lower() in _WORDS else value
                for name, value in found.groupdict().items()
            }
            return translation.format(**values)

        text = pattern.sub(filled, text)
    return text
