"""A click on a figure of the gallery shows it larger, on the page itself.

The figure is a link to the large picture (``alt_texts``), so it also works without a script.
"""

from page_scripts import load_scripts
from sphinx.application import Sphinx
from sphinx_gallery.directives import imgsgnode

# Every text that the script shows.
STRINGS = {"name": "Enlarged figure", "close": "Close", "hint": "Enlarge the figure"}


def setup(app: Sphinx) -> dict[str, object]:
    """Load the script where there are figures."""
    load_scripts(app, imgsgnode, ["enlarge.js"], texts=STRINGS)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
