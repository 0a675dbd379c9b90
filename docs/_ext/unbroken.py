"""Keep sizes and numbers such as "28 x 28", "3.8 %" and "1e-5" on one line."""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

_NUMBER = r"\d(?:[\d,.]*\d)?"
UNBROKEN = re.compile(rf"{_NUMBER}(?: x {_NUMBER})+|{_NUMBER} %|{_NUMBER}e-\d+")
_SKIPPED = (nodes.literal, nodes.math, nodes.FixedTextElement, nodes.title)


class KeepTogether(SphinxPostTransform):
    """Mark them for the style sheet, where a browser would break a line at a space or a hyphen.

    Non-breaking spaces would do for some of them, but they would also be copied with the text.
    """

    # Before sphinx-gallery replaces the code of the cells by nodes of its own, at 5.
    default_priority = 4
    formats = ("html",)

    def run(self, **_: object) -> None:
        """Change the text of a page, except code, formulas and titles."""
        for text in list(self.document.findall(nodes.Text)):
            if not UNBROKEN.search(text) or _is_skipped(text):
                continue
            parts: list[nodes.Node] = []
            end = 0
            for match in UNBROKEN.finditer(text):
                parts.append(nodes.Text(text[end : match.start()]))
                parts.append(nodes.inline("", match[0], classes=["unbroken"]))
                end = match.end()
            parts.append(nodes.Text(text[end:]))
            text.parent.replace(text, [part for part in parts if part.astext()])


def _is_skipped(text: nodes.Text) -> bool:
    node = text.parent
    while node is not None and not isinstance(node, _SKIPPED):
        node = node.parent
    return node is not None


def setup(app: Sphinx) -> dict[str, object]:
    """Register the transform."""
    app.add_post_transform(KeepTogether)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
