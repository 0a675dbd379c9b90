"""The directive ``conv-explorer``: an interactive convolution in the reader's browser.

Without JavaScript there is the picture of its start: image, kernel and output, computed by the
library. The directive ``explorer-tasks`` lists the tasks, each a link that sets it.
"""

import html
import json
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs

import torch
from docutils import nodes
from docutils.parsers.rst import directives
from explorer_data import (
    LARGEST_TABLE,
    TASKS,
    explorer_data,
    images,
    kernels,
    query_problems,
    task_query,
)
from home import picture_of_image, picture_of_output
from page_scripts import load_scripts, translated
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec
from sphinx.writers.html5 import HTML5Translator

from cnnbook.convolution import conv2d

_ = get_translation("sphinx")

# The page that has the explorer to itself: links that hold a state lead there.
PAGE = "play"
SCRIPTS = [
    *("conv-explorer-data.js", "conv-arithmetic.js", "conv-marks.js", "conv-grids.js"),
    *("conv-fields.js", "conv-explorer.js"),
]

# Every text that the scripts show, but the names of images, kernels and tasks.
TEXTS = {
    "title": "Convolution explorer",
    "image": "Image",
    "kernel": "Kernel",
    "own": "your own",
    "kernel_rows": "Kernel rows",
    "kernel_columns": "Kernel columns",
    "bias": "Bias",
    "stride": "Stride",
    "padding": "Padding",
    "dilation": "Dilation",
    "relu": "ReLU",
    "pool": "MaxPool",
    "pool_none": "none",
    "pool_size": "{size} x {size}",
    "back": "Back",
    "forward": "Forward",
    "play": "Play",
    "pause": "Pause",
    "reset": "Start again",
    "open": "Open on a page of its own",
    "copy_link": "Copy link",
    "link_copied": "The link is copied. It holds what you see.",
    "link_not_copied": "The browser does not allow copying. The link is {link}",
    "copy_code": "Copy code",
    "code_copied": "The code is copied.",
    "code_not_copied": "The browser does not allow copying. Select the code and copy it.",
    "bad_link": "This part of the link could not be read and was left out: {problems}",
    "bad_number": "{text} cannot be read. Write a number from -{largest} to {largest}, such as 2, "
    "-0.5 or 1/4.",
    "paint": "Set pixels",
    "brush": "New value",
    "cell": "row {row}, column {column}: {value}",
    "weight": "Weight in row {row}, column {column}",
    "caption_image": "Image, {rows} x {columns}",
    "caption_padded": "Image, {rows} x {columns}, padding {padding}",
    "caption_kernel": "Kernel, {rows} x {columns}",
    "caption_output": "Output, {rows} x {columns}",
    "caption_relu": "Output after ReLU, {rows} x {columns}",
    "caption_pool": "Output after MaxPool, {rows} x {columns}",
    "told_output": "Output in row {row}, column {column}: each weight times its pixel, added up.",
    "told_input": "The pixel in row {row}, column {column} is in {count} windows. It reaches the "
    "{count} marked outputs.",
    "told_input_one": "The pixel in row {row}, column {column} is in one window. It reaches the "
    "marked output.",
    "told_input_none": "The pixel in row {row}, column {column} is in no window. It reaches no "
    "output.",
    "told_weight": "The weight {weight} in row {row}, column {column} joins {count} pairs of a "
    "pixel and an output: the marked cells, in the same order.",
    "told_weight_one": "The weight {weight} in row {row}, column {column} joins one pair of a "
    "pixel and an output: the marked cells.",
    "told_pool": "MaxPool in row {row}, column {column}: the largest of {values} is {value}.",
    "relu_keeps": "ReLU gives {value}, since it is above 0.",
    "relu_cuts": "ReLU gives 0, since {value} is not above 0.",
    "too_high": "The kernel spans {span} rows, and the padded image has only {size}: choose a "
    "smaller kernel, less dilation or more padding.",
    "too_wide": "The kernel spans {span} columns, and the padded image has only {size}: choose a "
    "smaller kernel, less dilation or more padding.",
    "pool_too_large": "MaxPool needs {pool} rows and {pool} columns, and the output has {rows} x "
    "{columns}.",
    "rows": "Rows: {derivation}",
    "columns": "Columns: {derivation}",
    "pool_rows": "Rows after MaxPool: {derivation}",
    "pool_columns": "Columns after MaxPool: {derivation}",
    "matrix_title": "The same as a matrix: conv(img) = img @ What",
    "matrix_told": "The matrix What has {entries} rows, one for each pixel, and {outputs} columns, "
    "one for each output. This is column {index}, written in rows as the image. {held} of its "
    "numbers are not 0.",
    "matrix_entries": "The numbers that are not 0, each behind its row in What: {entries}.",
    "code_title": "The same in torch",
    "task_open": "Task: {sentence}",
    "task_solved": "Solved: {sentence}",
}


class conv_explorer(nodes.General, nodes.Element):
    """The element that becomes an explorer."""


class ConvExplorer(SphinxDirective):
    """Put a convolution explorer on the page; the options are its start, as in a link.

    Two more options are for the page only: ``open`` names the parts that are unfolded, and ``room``
    is the height of the start in pixels, on a broad and on a narrow screen. It is kept free until
    the script has run, so that nothing below moves.
    """

    option_spec: ClassVar[OptionSpec] = dict.fromkeys(
        (
            *("image", "kernel", "bias", "stride", "padding", "dilation", "relu", "pool"),
            *("at", "hide", "open", "task", "room"),
        ),
        directives.unchanged_required,
    )

    def run(self) -> list[nodes.Node]:
        """Return the element."""
        room = [int(height) for height in self.options.pop("room", "").split()]
        unfolded = self.options.pop("open", "")
        query = "&".join(f"{name}={value}" for name, value in self.options.items())
        if query and (problems := query_problems(query)):
            raise self.error(f"conv-explorer: expected what a link can hold, got {problems}")
        number = self.env.new_serialno("explorer")
        node = conv_explorer(ids=[f"explorer-{number}" if number else "explorer"])
        linked = self.env.docname == PAGE
        if linked and not number:
            # So that other pages can link to it: [the explorer](explorer).
            labels = self.env.domains.standard_domain
            labels.note_hyperlink_target("explorer", self.env.docname, "explorer", "Explorer")
        node["query"], node["linked"] = query, linked
        node["open"], node["room"] = unfolded, room
        return [node]


class ExplorerTasks(SphinxDirective):
    """List the tasks, each as a link that sets it; for the page of the explorer."""

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        entries = nodes.bullet_list()
        for name, task in TASKS.items():
            address = f"?{task_query(name)}#explorer"
            link = nodes.reference("", str(_(task.title)), refuri=address, internal=True)
            sentence = nodes.Text(f": {_(task.sentence)}")
            entries += nodes.list_item("", nodes.paragraph("", "", link, sentence))
        return [entries]


def _still(query: str) -> str:
    """Return image, kernel and output of a start, as they are without JavaScript."""
    given = {name: values[0] for name, values in parse_qs(query).items()}

    def grid(name: str, first: str, known: dict[str, torch.Tensor]) -> torch.Tensor:
        text = given.get(name, first)
        if text in known:
            return known[text].double()
        rows = [[float(value) for value in line.split(",")] for line in text.split(";")]
        return torch.tensor(rows, dtype=torch.float64)

    image = grid("image", "lecture", {name: one.pixels for name, one in images().items()})
    kernel = grid("kernel", "average2", {name: one for name, (label, one) in kernels().items()})
    stride, padding, dilation = (
        int(given.get(name, first))
        for name, first in (("stride", 1), ("padding", 0), ("dilation", 1))
    )
    output = conv2d(
        image[None, None],
        kernel[None, None],
        torch.tensor([float(given.get("bias", 0))], dtype=torch.float64),
        stride=stride,
        padding=padding,
        dilation=dilation,
    )[0, 0]
    small = max(image.shape) <= LARGEST_TABLE
    panels = [
        _table(TEXTS["caption_image"], image) if small else _picture("caption_image", image),
        _table(TEXTS["caption_kernel"], kernel),
        _table(TEXTS["caption_output"], output) if small else _picture("caption_output", output),
    ]
    return f'<div class="still">{"".join(panels)}</div>'


def _table(caption: str, values: torch.Tensor) -> str:
    rows, columns = values.shape
    cells = "".join(
        f"<tr>{''.join(f'<td>{round(value, 2) + 0:g}</td>' for value in line)}</tr>"
        for line in values.tolist()
    )
    title = html.escape(str(_(caption)).format(rows=rows, columns=columns))
    return f"<table><caption>{title}</caption>{cells}</table>"


def _picture(name: str, values: torch.Tensor) -> str:
    rows, columns = values.shape
    title = html.escape(str(_(TEXTS[name])).format(rows=rows, columns=columns))
    source = picture_of_image(values) if name == "caption_image" else picture_of_output(values)
    return (
        f'<figure><figcaption>{title}</figcaption><img class="dark-light" src="{source}" '
        f'alt="{title}" width="{columns}" height="{rows}"></figure>'
    )


def _visit(self: HTML5Translator, node: conv_explorer) -> None:
    message = html.escape(str(_("An interactive convolution is shown here. It needs JavaScript.")))
    names = ("--room", "--room-narrow")
    room = ";".join(f"{name}:{height}px" for name, height in zip(names, node["room"], strict=False))
    self.body.append(
        f'<conv-explorer id="{node["ids"][0]}" state="{html.escape(node["query"])}" style="{room}"'
        f'{" linked" if node["linked"] else ""} open="{html.escape(node["open"])}">'
        f"<p>{message}</p>{_still(node['query'])}</conv-explorer>\n"
    )
    raise nodes.SkipNode


def _skip(self: nodes.NodeVisitor, node: conv_explorer) -> None:
    raise nodes.SkipNode


def _write_data(app: Sphinx) -> None:
    if app.builder.format != "html":
        return
    data = explorer_data()
    for table in (data["images"], data["kernels"]):
        for one in table.values():
            one["label"] = str(_(one["label"]))
    data["tasks"] = translated(data["tasks"])
    data["texts"] = translated(TEXTS)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    target = Path(app.outdir, "_static", SCRIPTS[0])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"window.cnnbook.explorerData = {text};\n", "utf-8")


def setup(app: Sphinx) -> dict[str, object]:
    """Register nodes, directives and scripts."""
    app.add_node(conv_explorer, html=(_visit, None), gettext=(_skip, None), text=(_skip, None))
    app.add_directive("conv-explorer", ConvExplorer)
    app.add_directive("explorer-tasks", ExplorerTasks)
    app.connect("builder-inited", _write_data)
    load_scripts(app, conv_explorer, SCRIPTS, styles=["conv-explorer.css"])
    # So that pages are written again when a text changes.
    app.add_config_value("explorer_texts", [*TEXTS.values(), *TASKS.items()], "html")
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
