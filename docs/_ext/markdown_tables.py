"""Completes Markdown's tables: cells that can be translated, and headers for rows."""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

# A letter that begins a word, as in "Epoch (s)"; not those in "5.3e-08" or "2.15.0+cu132".
WORD = re.compile(r"(?<![\w.+:-])[^\W\d_]")


class CompleteTables(SphinxTransform):
    """Complete the tables that MyST reads.

    MyST gives cells no source, and Sphinx translates only text that has one. Cells without a word,
    such as numbers, stay out of the catalogue. In tables of the class ``measured`` the first column
    becomes the header of the rows, so that a screen reader says it with each number.
    """

    # Before sphinx.transforms.i18n.Locale, which translates, at 20.
    default_priority = 15

    def apply(self, **_: object) -> None:
        """Change all tables of the page."""
        for table in self.document.findall(nodes.table):
            for cell in table.findall(nodes.paragraph):
                if cell.source is None:
                    cell.source, cell.line = self.document["source"], table.line
                    cell["translatable"] = bool(WORD.search(cell.astext()))
            if "measured" in table["classes"]:
                next(table.findall(nodes.colspec))["stub"] = 1


def setup(app: Sphinx) -> dict[str, object]:
    """Register the transform."""
    app.add_transform(CompleteTables)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
