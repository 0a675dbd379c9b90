"""Remove sphinx-gallery's note that leads from the top of each page to the downloads at its end.

It would come between a page's title and its question, also for screen readers and for the search.
The downloads themselves stay where they are.
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
    """Connect to the event after each page is read, before anything is made from it."""
    app.connect("doctree-read", _remove_note)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
