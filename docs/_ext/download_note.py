"""Removes sphinx-gallery's note that leads from the top of each page to the downloads at its end.

It would stand between a page's title and its question, for readers of screens and for the search as
well. The downloads themselves stay where they are.
"""

from docutils import nodes
from sphinx.addnodes import only
from sphinx.application import Sphinx


def _remove_note(app: Sphinx, doctree: nodes.document) -> None:
    for note in list(doctree.findall(nodes.note)):
        if "sphx-glr-download-link-note" in note["classes"]:
            box = note.parent if isinstance(note.parent, only) else note
            box.parent.remove(box)


def setup(app: Sphinx) -> dict[str, object]:
    """Connect to the pages as they are read, before anything is made from them."""
    app.connect("doctree-read", _remove_note)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
