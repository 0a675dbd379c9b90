"""Alternative texts of the gallery's figures: the result of ``cnnbook.figures.alt_text``.

sphinx-gallery's own scraper takes the titles on a figure or the name of its file, neither of which
describes the figure. It also writes the text into the HTML unescaped, so a quotation mark would end
the attribute.
"""

import html
import re
from typing import Any

import matplotlib.pyplot as plt
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.writers.html5 import HTML5Translator
from sphinx_gallery.directives import (
    depart_imgsg_html,
    depart_imgsg_latex,
    imgsgnode,
    visit_imgsg_html,
    visit_imgsg_latex,
)
from sphinx_gallery.scrapers import matplotlib_scraper

from cnnbook.figures import alt_text

# A shorter text is a name or a title, not a description.
MIN_CHARACTERS = 40


def described_figures(
    block: tuple[str, str, int],
    block_vars: dict[str, Any],
    gallery_conf: dict[str, Any],
    **kwargs: object,
) -> str:
    """Save the open figures as sphinx-gallery does, and put their descriptions beside them.

    Args:
        block: The cell that has run: its kind, its code, its line.
        block_vars: sphinx-gallery's variables of the page.
        gallery_conf: sphinx-gallery's configuration.
        kwargs: Options for matplotlib's ``savefig``.

    Returns:
        The images in reStructuredText.
    """
    descriptions = []
    for number in plt.get_fignums():
        try:
            text = alt_text(plt.figure(number))
            if len(text) < MIN_CHARACTERS:
                raise ValueError(
                    f"figure: expected a description of at least {MIN_CHARACTERS} characters, "
                    f"got {text!r}"
                )
        except ValueError as error:
            plt.close("all")
            page = block_vars.get("src_file", "a page")
            raise ExtensionError(
                f"{page}, cell at line {block[2]}: a figure has no alternative text: {error}"
            ) from None
        descriptions.append(text)
    rst: str = matplotlib_scraper(block, block_vars, gallery_conf, **kwargs)
    remaining = iter(descriptions)
    rst, replaced = re.subn(
        r"^( *:alt:).*$",
        # A function, because in a replacement string a backslash refers to a group.
        lambda found: f"{found[1]} {next(remaining)}",
        rst,
        flags=re.MULTILINE,
    )
    if replaced != len(descriptions):
        raise ExtensionError(
            f"expected {len(descriptions)} images from sphinx-gallery, got {replaced}"
        )
    return rst


def _visit_html(translator: HTML5Translator, node: imgsgnode) -> None:
    """Write an image with its text escaped; without a ``srcset`` Sphinx escapes it itself."""
    if node["srcset"] is not None:
        node = node.deepcopy()
        node["alt"] = html.escape(node["alt"])
    visit_imgsg_html(translator, node)


def setup(app: Sphinx) -> dict[str, object]:
    """Replace the writer of sphinx-gallery's images."""
    app.setup_extension("sphinx_gallery.gen_gallery")
    app.add_node(
        imgsgnode,
        override=True,
        html=(_visit_html, depart_imgsg_html),
        latex=(visit_imgsg_latex, depart_imgsg_latex),
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
