"""Present mode: a button on every page, or ``?present`` in its address, projects it block by block.

The script (``present.js``) hides and scales what is on the page and changes nothing else, so the
page is the same when the presentation ends.
"""

import json
from typing import Any

from docutils import nodes
from page_scripts import translated
from sphinx.application import Sphinx

# Every text that the script shows.
STRINGS = {
    "name": "Presentation",
    "position": "{number} of {count}",
    "section": "{page}: {section}",
    "previous": "Previous",
    "next": "Next",
    "leave": "Leave",
    "full_screen": "Full screen",
    "next_page": "Next page: {title}",
}


def _page_context(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    # The template present-button.html is empty on pages without text, such as the search.
    context["can_present"] = doctree is not None
    if doctree is None:
        return
    texts = json.dumps(translated(STRINGS), ensure_ascii=False)
    # Not deferred: with ``?present``, the page itself must never be painted.
    attributes: dict[str, Any] = {"data-texts": texts}
    app.add_js_file("present-blocks.js")
    app.add_js_file("present.js", **attributes)
    app.add_css_file("present.css")


def setup(app: Sphinx) -> dict[str, object]:
    """Load the script and its style on every page with text."""
    app.connect("html-page-context", _page_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
