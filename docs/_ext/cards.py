"""The cards of the gallery: the page's question, and a second small picture for the dark page.

sphinx-gallery scales a page's figure to a thumbnail, and shows it on the page of the gallery. The
dark one is scaled from the same figure, and the theme shows one of both. The question, with which
each page begins, would be in a tooltip, which a finger cannot open.
"""

import html
import re
from pathlib import Path

from alt_texts import dark_name
from sphinx.application import Sphinx
from sphinx_gallery.utils import scale_image

_NUMBER = re.compile(r"^# sphinx_gallery_thumbnail_number = (\d+)", re.MULTILINE)
_CARD = re.compile(
    r"^(?P<indent> *)\.\. image:: (?P<uri>/\S+/thumb/\S+_thumb\.png)\n"
    r"(?P<options>(?P=indent) +:.*\n)",
    re.MULTILINE,
)
_QUESTION = re.compile(
    r' tooltip="(?P<question>[^"]*)"(?P<picture>>\n.*?\n(?P<indent> +):doc:`[^`]+`\n)', re.DOTALL
)


def scale_dark(app: Sphinx) -> None:
    """Scale the dark figures of the cards, when the gallery has run."""
    for script in Path(app.srcdir, "gallery").glob("*/plot_*.py"):
        chosen = _NUMBER.search(script.read_text("utf-8"))
        images = script.parent / "images"
        figure = images / f"sphx_glr_{script.stem}_{int(chosen[1] if chosen else 1):03}.png"
        dark = Path(dark_name(str(figure)))
        if dark.is_file():
            thumbnail = dark_name(str(images / "thumb" / f"sphx_glr_{script.stem}_thumb.png"))
            scale_image(dark, thumbnail, *app.config.sphinx_gallery_conf["thumbnail_size"])


def show_both(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give each card its dark picture, if there is one; the theme shows one of both."""

    def both(card: re.Match[str]) -> str:
        dark = dark_name(card["uri"])
        if not Path(app.srcdir, dark.lstrip("/")).is_file():
            return card[0]
        indent, options = card["indent"], card["options"]
        return "\n".join(
            f"{indent}.. image:: {uri}\n{options}{indent}  :class: {theme}\n"
            for uri, theme in ((card["uri"], "only-light"), (dark, "only-dark"))
        )

    if docname.startswith("gallery/"):
        source[0] = _CARD.sub(both, source[0])


def show_questions(app: Sphinx, docname: str, source: list[str]) -> None:
    """Write below the title of each card the question that its page answers."""

    def below(card: re.Match[str]) -> str:
        question = re.sub(r"([\\*`_|])", r"\\\1", html.unescape(card["question"]))
        return f"{card['picture']}\n{card['indent']}{question}\n"

    if docname.startswith("gallery/"):
        source[0] = _QUESTION.sub(below, source[0])


def drop_titles(app: Sphinx, docname: str, source: list[str]) -> None:
    """Drop the second title of each card, which is hidden, and English in every edition."""
    if docname.startswith("gallery/"):
        source[0] = re.sub(
            r'^ *<div class="sphx-glr-thumbnail-title">.*</div>\n', "", source[0], flags=re.M
        )


def setup(app: Sphinx) -> dict[str, object]:
    """Scale the thumbnails after the gallery has run, and show them where cards are shown."""
    app.setup_extension("sphinx_gallery.gen_gallery")
    app.connect("builder-inited", scale_dark, priority=900)
    app.connect("source-read", show_both)
    app.connect("source-read", show_questions)
    app.connect("source-read", drop_titles)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
