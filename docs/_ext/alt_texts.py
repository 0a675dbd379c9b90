"""The gallery's figures: saved for the light and for the dark page, with an alternative text.

The text is the result of ``cnnbook.figures.alt_text``. A page contains both pictures with the same
text; the theme hides one of them with ``display: none``, so that no screen reader reads it. Without
the theme's script, and on paper, the light one is shown.

sphinx-gallery's own scraper takes the titles on a figure or the name of its file, neither of which
describes the figure. It also writes the text into the HTML unescaped, so a quotation mark would end
the attribute.

Each figure is a link to its picture in twice the size.
"""

import html
import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from alt_text_patterns import translate_alt_text
from docutils import nodes
from matplotlib.figure import Figure
from pictures import with_size
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
from cnnbook.figures._themes import darken

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
    descriptions, figures = [], [plt.figure(number) for number in plt.get_fignums()]
    for figure in figures:
        try:
            text = alt_text(figure)
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
    names = block_vars["image_path_iterator"]
    before = len(names)
    rst: str = matplotlib_scraper(block, block_vars, gallery_conf, **kwargs)
    for figure, name in zip(figures, names.paths[before:], strict=True):
        _save_dark(figure, Path(name), gallery_conf["image_srcset"], **kwargs)
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


def dark_name(name: str) -> str:
    """Return the file of the same picture for the dark page.

    ``a_001_dark_2_00x.png`` for ``a_001_2_00x.png``.

    Args:
        name: The path of the picture for the light page.

    Returns:
        The path of the other.
    """
    return re.sub(r"((?:_\d+_\d+x)?\.\w+)$", r"_dark\1", name)


def _save_dark(figure: Figure, file: Path, factors: list[float], **options: Any) -> None:  # noqa: ANN401
    darken(figure)
    # sphinx-gallery's own settings would save it on white.
    options = {"dpi": figure.dpi, **options, "facecolor": figure.get_facecolor()}
    for factor in (1.0, *factors):
        # sphinx-gallery's names: 2.0 is 2_00x.
        suffix = "" if factor == 1 else f"_{factor:.2f}x".replace(".", "_")
        name = dark_name(str(file.with_name(f"{file.stem}{suffix}{file.suffix}")))
        figure.savefig(name, **(options | {"dpi": factor * options["dpi"]}))


def _translated(text: str, source: Path, language: str) -> str:
    patterns = source / "locale" / language / "alt_texts.toml"
    return translate_alt_text(text, patterns) if patterns.is_file() else text


def _translate_images(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Translate the alternative texts of the images that are written on pages by hand."""
    for image in doctree.findall(nodes.image):
        if image.get("alt"):
            image["alt"] = _translated(image["alt"], Path(app.srcdir), app.config.language)


def _visit_html(translator: HTML5Translator, node: imgsgnode) -> None:
    """Write a picture for each theme, with the text escaped.

    Without a ``srcset`` Sphinx writes the image, and escapes the text itself.
    """
    if node["srcset"] is None:
        visit_imgsg_html(translator, node)
        return
    light = node.deepcopy()
    source = Path(translator.builder.srcdir)
    light["alt"] = html.escape(_translated(node["alt"], source, translator.config.language))
    dark = light.deepcopy()
    dark["uri"] = dark_name(node["uri"])
    entries = [entry.split() for entry in node["srcset"].split(",")]
    dark["srcset"] = ", ".join(" ".join([dark_name(name), *rest]) for name, *rest in entries)
    pictures = {"only-light": light}
    if (source / dark["uri"].lstrip("/")).is_file():
        pictures["only-dark"] = dark
    begin = len(translator.body)
    for theme, picture in pictures.items():
        first = len(translator.body)
        visit_imgsg_html(translator, picture)
        (written,) = translator.body[first:]
        if len(pictures) > 1:
            written = re.sub(r'class = "([^"]*)"', rf'class="\1 {theme}"', written)
        # The hidden picture of the other theme is not fetched at all, since it is never near.
        translator.body[first:] = [with_size(written, source / picture["uri"].lstrip("/"))]
    # A link to the large picture; docs/_static/enlarge.js shows it on the page instead.
    large = re.findall(r'[ "](\S+) [\d.]+x[,"]', translator.body[begin])
    if large:
        translator.body.insert(begin, f'<a class="enlarge" href="{large[-1]}">')
        translator.body.append("</a>\n")


def setup(app: Sphinx) -> dict[str, object]:
    """Replace the writer of sphinx-gallery's images."""
    app.setup_extension("sphinx_gallery.gen_gallery")
    app.connect("doctree-resolved", _translate_images)
    app.add_node(
        imgsgnode,
        override=True,
        html=(_visit_html, depart_imgsg_html),
        latex=(visit_imgsg_latex, depart_imgsg_latex),
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
