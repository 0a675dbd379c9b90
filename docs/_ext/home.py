"""The directive ``moving-window``: a picture of a coat, a kernel, and the output that it fills.

Pictures, kernel and one sum are on the page as they are; the script only moves the window. So the
finished picture is shown without JavaScript, on paper and to a reader who wants no motion.
"""

import base64
import html
import io
from typing import Any

import numpy as np
import torch
from docutils import nodes
from make_moving_window import HELD, coat
from page_scripts import data_island, load_scripts
from PIL import Image
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from cnnbook.convolution import conv2d
from cnnbook.figures._themes import NEGATIVE, POSITIVE
from cnnbook.kernels import sobel_kernel
from cnnbook.windows import window_sum

_ = get_translation("sphinx")

# The texts of the script; the names in braces are filled in there.
PLAY, PAUSE = _("Play"), _("Pause")
POSITION = _("Position of the window")
SUM = _("Row {row}, column {column}: {sum}")


class moving_window(nodes.General, nodes.Element):
    """The element in which the window moves."""


class MovingWindow(SphinxDirective):
    """Put the moving window on the page."""

    def run(self) -> list[nodes.Node]:
        """Return the element."""
        return [moving_window()]


def _data_uri(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def picture_of_image(image: torch.Tensor) -> str:
    """Return a grey image ``(h, w)`` with values from 0 to 1 as the address of a PNG."""
    return _data_uri(Image.fromarray((image * 255).round().byte().numpy()))


def picture_of_output(output: torch.Tensor) -> str:
    """Return an output ``(h, w)`` as the address of a PNG in the colours of its signs.

    The nearer a number is to 0, the more transparent is its pixel, so that the picture fits the
    light and the dark page.
    """
    pixels = np.zeros((*output.shape, 4), dtype=np.uint8)
    for colour, where in ((POSITIVE, output > 0), (NEGATIVE, output < 0)):
        pixels[where.numpy(), :3] = np.frombuffer(bytes.fromhex(colour[1:]), dtype=np.uint8)
    pixels[..., 3] = (output.abs() / output.abs().max() * 255).round().byte().numpy()
    return _data_uri(Image.fromarray(pixels))


def _panel(name: str, size: torch.Size, source: str, words: str) -> str:
    rows, columns = size
    title = f"{name}, {rows} x {columns}"
    return (
        f"<figure><figcaption>{html.escape(title)}</figcaption>"
        # The theme puts white below other pictures on the dark page.
        f'<div class="cells"><img class="dark-light" src="{source}" alt="{html.escape(words)}" '
        f'width="{columns}" height="{rows}"></div></figure>\n'
    )


def _visit(self: HTML5Translator, node: moving_window) -> None:
    image, kernel = coat(), sobel_kernel("x")[None, None]
    output = conv2d(image, kernel)[0, 0]
    held = window_sum(image, kernel, row=HELD[0], column=HELD[1])
    told = str(SUM).format(row=HELD[0], column=HELD[1], sum=held)
    data: dict[str, Any] = {
        "play": str(PLAY),
        "pause": str(PAUSE),
        "position": str(POSITION),
        "sum": str(SUM),
        # One decimal, as everywhere in this image.
        "image": [[round(value, 1) for value in line] for line in image[0, 0].tolist()],
        "kernel": kernel[0, 0].tolist(),
        "start": HELD,
    }
    weights = "".join(
        f"<tr>{''.join(f'<td>{weight:g}</td>' for weight in line)}</tr>"
        for line in kernel[0, 0].tolist()
    )
    self.body.append(
        '<moving-window>\n<div class="panels">\n'
        + _panel(_("image"), image.shape[2:], picture_of_image(image[0, 0]), _("A drawn coat."))
        + f"<table><caption>{html.escape(_('kernel'))}, 3 x 3</caption>{weights}</table>\n"
        + _panel(
            _("output"),
            output.shape,
            picture_of_output(output),
            _("The coat's vertical edges: blue where it begins, orange where it ends."),
        )
        + f'</div>\n<p class="sum">{html.escape(told)}</p>\n'
        + f"{data_island(data)}</moving-window>\n"
    )
    raise nodes.SkipNode


def _skip(self: nodes.NodeVisitor, node: moving_window) -> None:
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, object]:
    """Register node and directive."""
    app.add_node(moving_window, html=(_visit, None), gettext=(_skip, None), text=(_skip, None))
    app.add_directive("moving-window", MovingWindow)
    load_scripts(app, moving_window, ["moving-window.js"])
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
