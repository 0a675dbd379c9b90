"""A list under each function of the API: the pages that use it.

sphinx-gallery's mini-galleries would show a card with a picture for each page: 250 pixels high
instead of a line of links, and a thumbnail says nothing about a function.
"""

import ast
import functools
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.locale import get_translation

_ = get_translation("sphinx")

ROOT = Path(__file__).resolve().parents[2]


def used_names(source: str) -> set[str]:
    """Return the names that a page imports from the library.

    Args:
        source: The page's code.

    Returns:
        Full names, such as ``cnnbook.convolution.conv2d``.
    """
    return {
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cnnbook.")
        for alias in node.names
    }


@functools.cache
def pages_by_name(examples: Path) -> dict[str, list[str]]:
    """Collect for each name of the library the pages that import it.

    Args:
        examples: The folder of the pages' scripts.

    Returns:
        Document names in the order of the book, by full name.
    """
    pages: dict[str, list[str]] = {}
    for script in sorted(examples.rglob("plot_*.py"), key=lambda path: path.name):
        document = f"/gallery/{script.relative_to(examples).with_suffix('').as_posix()}"
        for name in used_names(script.read_text("utf-8")):
            pages.setdefault(name, []).append(document)
    return pages


def _add_links(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    documents = pages_by_name(ROOT / "examples").get(name, [])
    if documents:
        links = ", ".join(f":doc:`{document}`" for document in documents)
        lines += ["", f".. rubric:: {_('Used on')}", "", links, ""]


def setup(app: Sphinx) -> dict[str, object]:
    """Connect after napoleon, which would read the lines as part of a section."""
    app.connect("autodoc-process-docstring", _add_links, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
