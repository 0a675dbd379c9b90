"""A click on a figure of the gallery shows it larger, on the page itself.

The figure is a link to the large picture (``alt_texts``), so it also works without a script.
"""

import json
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx_gallery.directives import imgsgnode

_ = get_translation("sphinx")

# Every text that the script shows.
STRINGS = {"name": "Enlarged figure", "close": "Close", "hint": "Enlarge the figure"}


def _page_context(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    if doctree is not None and next(iter(doctree.findall(imgsgnode)), None) is not None:
        texts = json.dumps({name: str(_(text)) for name, text in STRINGS.items()})
        attributes: dict[str, Any] = {"data-texts": texts}
        app.add_js_file("enlarge.js", loading_method="defer", **attributes)


def setup(app: Sphinx) -> dict[str, object]:
    """Load the script where there are figures."""
    app.connect("html-page-context", _page_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
