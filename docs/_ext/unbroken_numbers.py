"""Numbers that stay on one line: "1e-5", "2026-11-25", "28 x 28" and "7.3 %"; and short code.

A browser may end a line after a hyphen within a number, and at each space, as in the code
``(0 + 1 + 4 + 5) / 4``. No character is changed: the search and what a reader copies stay as they
are.
"""

import re
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

_AS_THEY_ARE = (nodes.literal, nodes.math, nodes.raw, nodes.FixedTextElement)
_NUMBER = r"\d(?:[\d.,]*\d)?"
# Longer code could be wider than a telephone, beside the margins of lists.
_LONGEST_CODE = 24
_UNBROKEN = re.compile(rf"\d{{4}}-\d\d-\d\d|{_NUMBER}(?:e[-+]?\d+| %|(?: x {_NUMBER})+)")


def split_at_numbers(text: str) -> Iterator[nodes.Node]:
    """Split a text so that each number that a line could break stands in an inline node.

    Args:
        text: Prose.

    Yields:
        Texts, and nodes of the class ``unbroken``, in their order.
    """
    end = 0
    for match in _UNBROKEN.finditer(text):
        if match.start() > end:
            yield nodes.Text(text[end : match.start()])
        yield nodes.inline("", match[0], classes=["unbroken"])
        end = match.end()
    if end < len(text):
        yield nodes.Text(text[end:])


class KeepNumbersWhole(SphinxPostTransform):
    """Mark the numbers and the short code of all paragraphs for the style sheet."""

    default_priority = 900
    formats = ("html",)

    def run(self, **_: object) -> None:
        """Change the page."""
        for paragraph in self.document.findall(nodes.paragraph):
            for text in list(paragraph.findall(nodes.Text)):
                if text.parent is not None and not isinstance(text.parent, _AS_THEY_ARE):
                    text.parent.replace(text, list(split_at_numbers(text.astext())))
            for code in paragraph.findall(nodes.literal):
                if len(code.astext()) <= _LONGEST_CODE:
                    code["classes"].append("unbroken")


def setup(app: Sphinx) -> dict[str, object]:
    """Register the transform."""
    app.add_post_transform(KeepNumbersWhole)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
