"""Sections "Returns" and "Yields" that begin with prose.

napoleon takes what stands before a colon in their first line for a type. Here the types are in the
signatures, and the line is the beginning of a sentence.
"""

from sphinx.application import Sphinx


def mark_as_prose(lines: list[str]) -> None:
    """Say that the first line of what is returned has no type before its colon.

    Args:
        lines: A docstring's lines, which are changed.
    """
    for number, line in enumerate(lines[:-1]):
        # An empty type, which napoleon leaves out.
        if line.strip() in ("Returns:", "Yields:") and ":" in lines[number + 1]:
            text = lines[number + 1]
            indent = text[: len(text) - len(text.lstrip())]
            lines[number + 1] = f"{indent}: {text.lstrip()}"


def _process(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    mark_as_prose(lines)


def setup(app: Sphinx) -> dict[str, object]:
    """Connect before napoleon."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
