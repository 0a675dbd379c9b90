r"""Compile the catalogues of a translation, so that they can be written as Korean is written.

reStructuredText ends inline markup only before a space or punctuation, but a Korean particle
follows its word at once: ````kernel``을``. Here ``\ `` is put between them, which is not shown.
Sphinx would compile the catalogues as they are (``gettext_auto_build``).
"""

import re
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from sphinx.application import Sphinx
from sphinx.config import Config

# A star behind a digit or a Latin letter multiplies: 2*0.
_MARKUP = re.compile(
    r"(?P<markup>``.+?``|(?::[\w:+-]+:)?`[^`]+`_{0,2}|\*\*(?=\S).+?(?<=\S)\*\*|"
    r"(?<![*0-9A-Za-z)])\*(?=[^\s*]).+?(?<=[^\s*])\*(?!\*)|\[\w+\]_)"
)

# Beside these docutils finds markup; "" is the end of the text.
_BEFORE = ("", *"'\"([{<-/:")
_AFTER = ("", *"'\")]}>-/\\:.,;!?")
# A title such as "5. ReLU" and a cell of a table such as "+ ReLU" are no lists.
_LIST = re.compile(r"^(\d*)([.+*-] )")


def part_markup(text: str) -> str:
    """Put an escaped space between inline markup and what would hide it.

    Args:
        text: reStructuredText.

    Returns:
        The same, so that docutils finds the markup.
    """

    def parted(found: re.Match[str]) -> str:
        before, after = text[: found.start()][-1:], text[found.end() :][:1]
        return (
            ("" if before.isspace() or before in _BEFORE else "\\ ")
            + found["markup"]
            + ("" if after.isspace() or after in _AFTER else "\\ ")
        )

    return _MARKUP.sub(parted, text)


def compile_catalogues(folder: Path, sources: Path) -> list[Path]:
    """Compile each catalogue that is newer than its compiled form, or has none.

    Args:
        folder: ``LC_MESSAGES`` of a language.
        sources: The folder of the pages; the catalogue of a Markdown page is compiled as it is.

    Returns:
        What was written.
    """
    written = []
    for path in sorted(folder.rglob("*.po")):
        target = path.with_suffix(".mo")
        if target.is_file() and target.stat().st_mtime > path.stat().st_mtime:
            continue
        with path.open("rb") as file:
            catalogue = read_po(file)
        name = path.relative_to(folder)
        for message in catalogue:
            if name.name != "sphinx.po" and message.id and isinstance(message.string, str):
                message.string = _LIST.sub(r"\1\\\2", message.string)
                if not (sources / name).with_suffix(".md").is_file():
                    message.string = part_markup(message.string)
        with target.open("wb") as file:
            write_mo(file, catalogue)
        written.append(target)
    return written


def _compile(app: Sphinx, config: Config) -> None:
    for place in config.locale_dirs:
        folder = Path(app.srcdir, place, config.language, "LC_MESSAGES")
        if folder.is_dir():
            compile_catalogues(folder, Path(app.srcdir))


def setup(app: Sphinx) -> dict[str, object]:
    """Compile before Sphinx looks for what is to be compiled."""
    app.connect("config-inited", _compile, priority=5)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
