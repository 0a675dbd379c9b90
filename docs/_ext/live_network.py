"""The directive ``live-network``: the lecture's trained CNN and its random start in the browser.

A page that makes a result of ``cnnbook.figures.browse_network`` leaves the weights and images
beside itself in the gallery. They become ``_static/network-data.js``, which the pages with the
element load: browsers let no page that is opened from disk read any other file.
"""

import html
import json
from pathlib import Path
from typing import Any

from docutils import nodes
from page_scripts import data_island, load_scripts, translated
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from cnnbook.figures.live import BrowsableNetwork

_ = get_translation("sphinx")

SUFFIX = ".network.json"
SCRIPTS = (
    *("network-arithmetic.js", "network-drawing.js", "network-painting.js"),
    *("network-data.js", "live-network.js"),
)

# Every text that the script shows.
TEXTS = {
    "title": "The network in your browser",
    "not_run": "The weights of the network are written when page 20 runs, and this site was built "
    "without running it.",
    "drawn": "This site was built without Fashion-MNIST: the images are drawn garments.",
    "tools": "Image",
    "move": "Move",
    "cover": "Cover",
    "draw": "Draw",
    "move_help": "Drag the image, or press the arrow keys on it: one pixel at a time. The trained "
    "network knows garments in their usual place: of the {count} images below, it classifies "
    "{unchanged} correctly; shifted by {shift} pixels to the left, right, up or down, {left}, "
    "{right}, {up} or {down}; mirrored, {mirrored}.",
    "cover_help": "Drag the patch of {patch} x {patch} pixels, or press the arrow keys on the "
    "image. The two maps at the end show by how much the score drops for each place of the patch. "
    "They depend on the patch: try both.",
    "draw_help": "Draw with a mouse or a finger; what a line encloses is filled. With the "
    "keyboard, the arrow keys move the brush, and the space bar lowers and lifts it.",
    "draw_warning": "A drawing is not the data. The network was trained on images of garments "
    "that are filled with many greys and have a usual size and place. So your drawing gets that "
    "size and place before the network sees it. Even then the network may be sure and wrong, and "
    "an outline that is not filled is often taken for another garment.",
    "canvas_move": "The image. The arrow keys move it by one pixel.",
    "canvas_cover": "The image with a patch. The arrow keys move the patch by one pixel.",
    "canvas_draw": "Drawing surface. The arrow keys move the brush; the space bar lowers and "
    "lifts it.",
    "left": "Left",
    "right": "Right",
    "up": "Up",
    "down": "Down",
    "mirror": "Mirror",
    "reset": "Reset",
    "position_unmoved": "Not moved",
    "position": "Moved by {down} down and {right} to the right",
    "patch": "Patch",
    "black": "black",
    "grey": "mid-grey",
    "patch_position": "Rows {top} to {bottom}, columns {left} to {right}",
    "brush": "Grey of the brush: {percent}\u00a0%",
    "eraser": "Grey of the brush: 0\u00a0%, it erases",
    "undo": "Undo",
    "clear": "Clear",
    "brush_up": "The brush is lifted: row {row}, column {column}",
    "brush_down": "The brush is down: row {row}, column {column}",
    "prepared": "What the network sees",
    "images": "Test images by class",
    "image": "{kind}, image {number}",
    "scores": "Score and probability of each class",
    "class": "Class",
    "trained": "Trained",
    "untrained": "Untrained",
    "percent": "{percent}\u00a0%",
    "trained_head": "Trained: score, probability",
    "untrained_head": "Untrained: score, probability",
    "result": "The class of this image is {actual}. The trained network predicts {trained} "
    "({trained_percent}\u00a0%), the untrained one {untrained} ({untrained_percent}\u00a0%).",
    "result_drawing": "The trained network takes your drawing for {trained} "
    "({trained_percent}\u00a0%), the untrained one for {untrained} ({untrained_percent}\u00a0%).",
    "empty": "Nothing is drawn yet, so nothing is predicted. The network would give an empty "
    "image ten scores, too, but they would say nothing.",
    "stage": "Feature maps after",
    "convolved": "convolution",
    "activated": "ReLU",
    "pooled": "pooling",
    "maps": "{network}: 16 feature maps of {size} x {size}",
    "maps_scale": "Blue is above 0, orange below; the strongest colour is {largest}.",
    "maps_label": "{network}, 16 feature maps after {stage}: {active} of 16 are above 0 "
    "somewhere, the largest number is {largest}",
    "votes": "Votes for {kind}: weights times feature maps, by position",
    "votes_sum": "{network}: {points} points + bias {bias} = score {score}; the strongest colour "
    "is {largest}.",
    "drops_black": "Drop of the score for {kind} when a black patch covers the place",
    "drops_grey": "Drop of the score for {kind} when a mid-grey patch covers the place",
    "drops_largest": "{network}: the largest drop is {largest}, with the patch at rows {top} to "
    "{bottom}, columns {left} to {right}.",
    "choose": "Choose a class in the table to see its votes.",
}


class live_network(nodes.General, nodes.Element):
    """The element in which the network runs."""


class LiveNetwork(SphinxDirective):
    """Put the network on the page."""

    def run(self) -> list[nodes.Node]:
        """Return the element."""
        return [live_network(ids=["network"])]


def keep_data(
    block: tuple[str, str, int], block_vars: dict[str, Any], gallery_conf: dict[str, Any]
) -> str:
    """Write the networks that a page has collected beside it.

    Args:
        block: The cell that has run: its kind, its code, its line.
        block_vars: sphinx-gallery's variables of the page.
        gallery_conf: sphinx-gallery's configuration.

    Returns:
        No text: nothing of it is on the page itself.
    """
    for made in block_vars["example_globals"].values():
        if isinstance(made, BrowsableNetwork):
            text = json.dumps(made.data, ensure_ascii=False, separators=(",", ":"))
            Path(block_vars["target_file"]).with_suffix(SUFFIX).write_text(f"{text}\n", "utf-8")
    return ""


def _write_script(app: Sphinx) -> None:
    if app.builder.format != "html":
        return
    files = sorted(Path(app.srcdir, "gallery").rglob(f"*{SUFFIX}"))
    data = files[0].read_text("utf-8").strip() if files else "null"
    target = Path(app.outdir, "_static/network-data.js")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"(window.cnnbook = window.cnnbook || {{}}).networkData = {data};\n", "utf-8")


def _visit(self: HTML5Translator, node: live_network) -> None:
    message = _("Here the trained network runs in your browser. It needs JavaScript.")
    self.body.append(
        f'<live-network id="{node["ids"][0]}">{data_island(translated(TEXTS))}'
        f"<p>{html.escape(message)}</p></live-network>\n"
    )
    raise nodes.SkipNode


def _skip(self: nodes.NodeVisitor, node: live_network) -> None:
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, object]:
    """Register node, directive, scripts and texts."""
    app.add_node(live_network, html=(_visit, None), gettext=(_skip, None), text=(_skip, None))
    app.add_directive("live-network", LiveNetwork)
    load_scripts(app, live_network, SCRIPTS, styles=["live-network.css"])
    # When the gallery has run.
    app.connect("builder-inited", _write_script, priority=600)
    # So that pages are written again when a text changes.
    app.add_config_value("live_network_texts", list(TEXTS.values()), "html")
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
