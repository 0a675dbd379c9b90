"""The directive ``conv-explorer``: an interactive convolution in the reader's browser."""

import html
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from page_scripts import data_island, load_scripts
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec
from sphinx.writers.html5 import HTML5Translator

_ = get_translation("sphinx")

IMAGES = ("lecture", "square", "letter")
KERNELS = (
    "average2",
    "average3",
    "identity",
    "vertical",
    "horizontal",
    "sharpen",
    "laplacian",
    "custom",
)

# Every text that the script shows; the script looks up its translation by the English text.
STRINGS = (
    "Convolution explorer",
    "Image",
    "numbers 0 to 15",
    "square",
    "letter",
    "Kernel",
    "average 2 x 2",
    "average 3 x 3",
    "identity",
    "vertical edges",
    "horizontal edges",
    "sharpen",
    "Laplacian",
    "your own",
    "Stride",
    "Padding",
    "Dilation",
    "Back",
    "Forward",
    "Play",
    "Pause",
    "Input, {rows} x {columns}",
    "Output, {rows} x {columns}",
    "Weight, row {row}, column {column}",
    "Row {row}, column {column}: {arithmetic}",
    "Output size: {rows} rows, {columns} columns",
    "The kernel spans {span} pixels, the padded image has only {size}: choose a smaller kernel, "
    "less dilation or more padding.",
)


class conv_explorer(nodes.General, nodes.Element):
    """The element that becomes an explorer."""


class ConvExplorer(SphinxDirective):
    """Put a convolution explorer on the page; the options are its first settings."""

    option_spec: ClassVar[OptionSpec] = {
        "image": lambda given: directives.choice(given, IMAGES),
        "kernel": lambda given: directives.choice(given, KERNELS),
        "stride": directives.positive_int,
        "padding": directives.nonnegative_int,
        "dilation": directives.positive_int,
    }

    def run(self) -> list[nodes.Node]:
        """Return the element."""
        number = self.env.new_serialno("explorer")
        node = conv_explorer(ids=[f"explorer-{number}" if number else "explorer"])
        # So that other pages can link to the first one: [the explorer](explorer).
        labels = self.env.domains.standard_domain
        if "explorer" not in labels.anonlabels:
            labels.note_hyperlink_target("explorer", self.env.docname, "explorer", "Explorer")
        node["start"] = {name: str(value) for name, value in self.options.items()}
        return [node]


def _visit(self: HTML5Translator, node: conv_explorer) -> None:
    words = data_island({text: _(text) for text in STRINGS})
    start = "".join(f' {name}="{html.escape(value)}"' for name, value in node["start"].items())
    message = _("An interactive convolution is shown here. It needs JavaScript.")
    self.body.append(
        f'<conv-explorer id="{node["ids"][0]}"{start}>'
        f"{words}<p>{html.escape(message)}</p></conv-explorer>\n"
    )
    raise nodes.SkipNode


def _skip(self: nodes.NodeVisitor, node: conv_explorer) -> None:
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, object]:
    """Register node and directive."""
    app.add_node(conv_explorer, html=(_visit, None), gettext=(_skip, None), text=(_skip, None))
    app.add_directive("conv-explorer", ConvExplorer)
    load_scripts(app, conv_explorer, ["conv-explorer.js"])
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
