"""What ``cnnbook.figures.browse`` has put on a page becomes tables of buttons, by a script."""

import json
from typing import Any

from docutils import nodes
from page_scripts import translated
from sphinx.application import Sphinx

# Every text that the script shows.
STRINGS = {
    "network": "Network",
    "caption": "{network}: rows are the actual class, columns the predicted class",
    "field": "{actual}, predicted as {predicted}: {count}",
    "choose": "Choose a number to see its images.",
    "right": "{network}: {count} images of the class {actual} were predicted correctly.",
    "wrong": "{network}: {count} images of the class {actual} were predicted as {predicted}.",
    "one_right": "{network}: 1 image of the class {actual} was predicted correctly.",
    "one_wrong": "{network}: 1 image of the class {actual} was predicted as {predicted}.",
    "none": "{network}: no image of the class {actual} was predicted as {predicted}.",
    "first": "The first {shown} are shown.",
    "shuffle": "Shuffle the pixels",
    "back": "Put the pixels back",
    "shuffled": "The pixels are shuffled.",
    "in_order": "The pixels are in order.",
}


def _page_context(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    body = str(context.get("body", ""))
    if "<confusion-browser " in body or "<shuffle-browser " in body:
        texts = json.dumps(translated(STRINGS))
        attributes: dict[str, Any] = {"data-texts": texts}
        app.add_js_file("browse.js", loading_method="defer", **attributes)


def setup(app: Sphinx) -> dict[str, object]:
    """Load the script where it has something to do."""
    app.connect("html-page-context", _page_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
