"""Render formulas as MathML at build time: no script, no network, readable by screen readers."""

import html

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

_log = logging.getLogger(__name__)


def to_mathml(latex: str, *, block: bool) -> str:
    """Return a TeX formula as a MathML element.

    Args:
        latex: The formula without dollar signs.
        block: Whether it is displayed on a line of its own.

    Returns:
        A ``<math>`` element.

    Raises:
        MathError: docutils' converter does not support a command of the formula.
    """
    return str(latex2mathml.tex2mathml(latex, as_block=block))


def _append(translator: HTML5Translator, node: nodes.Element, *, block: bool) -> None:
    latex = node.astext()
    # Sphinx allows several lines in a displayed formula; the converter needs an environment.
    if block and r"\\" in latex and r"\begin" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    try:
        translator.body.append(to_mathml(latex, block=block))
    except MathError as error:
        # A warning, so that a build with -W fails and names the formula's line.
        _log.warning("formula %r cannot become MathML: %s", latex, error, location=node)
        translator.body.append(f"<code>{html.escape(latex)}</code>")


def _inline(self: HTML5Translator, node: nodes.math) -> None:
    _append(self, node, block=False)
    raise nodes.SkipNode


def _block(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if number := node.get("number"):
        self.body.append(f'<span class="eqno">({html.escape(str(number))})</span>')
    _append(self, node, block=True)
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, object]:
    """Register the renderer ``mathml``."""
    app.add_html_math_renderer(
        "mathml", inline_renderers=(_inline, None), block_renderers=(_block, None)
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
