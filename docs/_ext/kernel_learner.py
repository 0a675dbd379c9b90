"""The directive ``kernel-learner``: page 16's experiment, run step by step in the browser.

A kernel of two weights is learned by gradient descent. The images are those with which the page
ran; it leaves them beside itself in the gallery. The arithmetic is in
``docs/_static/learner-arithmetic.js``.
"""

import base64
import html
import json
from pathlib import Path
from typing import Any

from docutils import nodes
from page_scripts import data_island, load_scripts
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from cnnbook.figures._themes import NEGATIVE, POSITIVE
from cnnbook.images import ImageSet, load_fashion_mnist

_ = get_translation("sphinx")

SUFFIX = ".images.json"
# How many images page 16 learns from, of how many that it loads.
IMAGES, LOADED = 20, 200
START = (0.5, 0.5)
# The kernels to be learned; their names are in TEXTS.
WANTED = {"difference": (-1, 1), "pixel": (0, 1), "sum": (1, 1)}
MOST_STEPS = 2000
LARGEST_RATE = 100
# Above this loss a run is stopped.
LARGEST_LOSS = 1e9

# Every text that the script shows; the names in braces are filled in there.
TEXTS = {
    "title": "Learn a kernel",
    "wanted": "Wanted kernel",
    "difference": "-1 and 1: right minus left",
    "pixel": "0 and 1: the right pixel",
    "sum": "1 and 1: the sum",
    "rate": "Learning rate",
    "slider": "Learning rate from 0.1 to 4",
    "steps": "Steps of a run",
    "step": "One step",
    "run": "Run",
    "pause": "Pause",
    "restart": "Start again",
    "rate_wrong": "Write the learning rate as a number above 0, at most {most}, for example 0.5.",
    "comma": "Write the decimal point as a point, for example 0.5 and not 0,5.",
    "steps_wrong": "Write the steps as a whole number from 1 to {most}, for example 400.",
    "running": "Steps are being made.",
    "now": "After {step} steps, the loss is {loss} and the weights are {left} and {right}.",
    "now_one": "After 1 step, the loss is {loss} and the weights are {left} and {right}.",
    "at_start": "At the start, the loss is {loss} and the weights are {left} and {right}.",
    "learned": "To three decimals, these are the weights of the wanted kernel.",
    "grew": "The last step made the loss larger: the learning rate is too large.",
    "diverged": "The learning rate is too large: the loss has grown above {limit}, so the run has "
    "ended. Choose a smaller rate.",
    "weights": "Weights after {step} steps",
    "left": "left",
    "right": "right",
    "target": "wanted",
    "weight": "weight",
    "gradient": "gradient",
    "next": "Next weights, weight - rate * gradient:",
    "next_left": "left: {weight} - {rate} * {gradient} = {next}",
    "next_right": "right: {weight} - {rate} * {gradient} = {next}",
    "loss": "loss",
    "axis": "{step} steps",
    "curve": "Curve of the loss on a logarithmic axis: {first} at the start, {last} after {step} "
    "steps.",
    "this_run": "this run",
    "run_before": "the run before",
    "image": "Image",
    "image_name": "{number}: {name}",
    "input": "image",
    "output_wanted": "wanted output",
    "output_now": "output now",
    "input_alt": "Image {number}: {name}.",
    "output_alt": "Numbers from {low} to {high}; blue is above 0, orange below.",
    "error": "Of this image, the largest error of an output is {error}.",
}


class kernel_learner(nodes.General, nodes.Element):
    """The element in which a kernel is learned."""


class KernelLearner(SphinxDirective):
    """Put page 16's experiment on the page."""

    def run(self) -> list[nodes.Node]:
        """Return the element."""
        return [kernel_learner(ids=["kernel-learner"])]


def keep_images(
    block: tuple[str, str, int], block_vars: dict[str, Any], gallery_conf: dict[str, Any]
) -> str:
    """Write the images of a page with the directive beside it.

    A later build of the site may find other data, or none.

    Args:
        block: The cell that has run: its kind, its code, its line.
        block_vars: sphinx-gallery's variables of the page.
        gallery_conf: sphinx-gallery's configuration.

    Returns:
        No text: nothing of it is on the page itself.
    """
    data = block_vars["example_globals"].get("data")
    page = Path(block_vars["target_file"])
    if data is not None and "\n# .. kernel-learner::\n" in page.read_text("utf-8"):
        page.with_suffix(SUFFIX).write_text(f"{json.dumps(_kept(data))}\n", "utf-8")
    return ""


def _kept(data: ImageSet) -> dict[str, Any]:
    images = data.train_images[:IMAGES]
    return {
        # float32, little-endian.
        "pixels": base64.b64encode(images.numpy().astype("<f4").tobytes()).decode(),
        "rows": images.shape[2],
        "columns": images.shape[3],
        "names": [data.class_names[label] for label in data.train_labels[:IMAGES].tolist()],
        "drawn": data.drawn,
    }


def learner_data(page: Path) -> dict[str, Any]:
    """Return the page's images and start, and what else the script needs to know.

    Args:
        page: The page in the gallery. If it has not run, its images are loaded without a download,
            or drawn.

    Returns:
        What ``kernel-learner.js`` reads.
    """
    kept = page.with_suffix(SUFFIX)
    if kept.is_file():
        images: dict[str, Any] = json.loads(kept.read_text("utf-8"))
    else:
        images = _kept(
            load_fashion_mnist(LOADED, 1, one_hot=False, download=False, fallback="drawn")
        )
    return images | {
        "start": START,
        "wanted": WANTED,
        "most_steps": MOST_STEPS,
        "largest_rate": LARGEST_RATE,
        "largest_loss": LARGEST_LOSS,
        "positive": POSITIVE,
        "negative": NEGATIVE,
    }


def _visit(self: HTML5Translator, node: kernel_learner) -> None:
    message = _("Here the experiment can be run with other learning rates. It needs JavaScript.")
    data = learner_data(Path(self.builder.env.doc2path(self.builder.current_docname)))
    self.body.append(
        f'<kernel-learner id="{node["ids"][0]}">{data_island(data)}'
        f"<p>{html.escape(message)}</p></kernel-learner>\n"
    )
    if data["drawn"]:
        note = _(
            "Fashion-MNIST was unavailable when this page was built: these are drawn garments."
        )
        self.body.append(f"<p>{html.escape(note)}</p>\n")
    raise nodes.SkipNode


def _skip(self: nodes.NodeVisitor, node: kernel_learner) -> None:
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, object]:
    """Register node and directive."""
    app.add_node(kernel_learner, html=(_visit, None), gettext=(_skip, None), text=(_skip, None))
    app.add_directive("kernel-learner", KernelLearner)
    scripts = ["learner-arithmetic.js", "kernel-learner.js"]
    load_scripts(app, kernel_learner, scripts, styles=["kernel-learner.css"], texts=TEXTS)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
