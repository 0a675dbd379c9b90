"""The notebooks of the gallery, written from the finished pages.

sphinx-gallery makes a notebook from a page's script with a few replacements, which leave roles,
directives and citations unprocessed. Here each notebook is written again from the page as Sphinx
has resolved it, so that every reference is a link to the published page (plain words where
``html_baseurl`` is empty), every exercise has its question, and a translated page has a translated
notebook.
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from zipfile import ZipFile

from board import board
from checks import folded_code, shown_code
from docutils import nodes
from exercise import exercise_box, exercise_check, exercise_fold, exercise_title, fold_title
from gallery_state import ROOT, files_beside
from guess import guess, guess_cover
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.locale import get_translation
from sphinx_gallery._doctree_links import code_links_block
from sphinx_gallery.py_source_parser import remove_config_comments, split_code_and_text_blocks

import cnnbook

_ = get_translation("sphinx")

# Classes of the elements that sphinx-gallery and our extensions add to a page.
_ADDED = {
    *("sphx-glr-footer", "sphx-glr-download", "sphx-glr-script-out", "sphx-glr-timing"),
    *("sphx-glr-download-link-note", "drawn-garments", "not-run", "made-with", "made-with-title"),
}
# Characters that Markdown would interpret as markup.
_MARKS = re.compile(r"([\\`*$<])|(?<!\w)(_)|(_)(?!\w)|(\[)(?=[^\]]*\]\()")


def _escape(text: str) -> str:
    return _MARKS.sub(lambda found: f"\\{found.group()}", text.replace("\n", " "))


class Markdown:
    """Writes nodes of a resolved page as Markdown.

    Args:
        address: The page's own address, to which links are relative; empty where it is not
            published, and then links become plain words.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.level = 0

    def inline(self, node: nodes.Node) -> str:
        """Write an inline node."""
        if isinstance(node, nodes.Text):
            return _escape(node.astext())
        if isinstance(node, nodes.literal):
            text = node.astext().replace("\n", " ")
            ticks = "``" if "`" in text else "`"
            return f"{ticks}{text}{ticks}"
        if isinstance(node, nodes.math):
            return f"${node.astext()}$"
        words = "".join(self.inline(child) for child in node.children)
        if isinstance(node, nodes.emphasis):
            return f"*{words}*"
        if isinstance(node, nodes.strong):
            return f"**{words}**"
        if isinstance(node, nodes.reference):
            target = str(node.get("refuri", ""))
            if node.get("refid"):
                target = f"#{node['refid']}"
            if not self.address and not re.match(r"https?:", target):
                return words
            return f"[{words}]({urljoin(self.address, target)})" if target else words
        return words

    def block(self, node: nodes.Node) -> str:
        """Write a paragraph, a list, a table or any other block."""
        if isinstance(node, nodes.paragraph):
            return "".join(self.inline(child) for child in node.children)
        if isinstance(node, nodes.title):
            return f"{'#' * self.level} {''.join(map(self.inline, node.children))}"
        if code := _code(node):
            return f"```{code[0].lower()}\n{code[1]}\n```"
        if isinstance(node, nodes.math_block):
            return f"$$\n{node.astext()}\n$$"
        if isinstance(node, (nodes.bullet_list, nodes.enumerated_list)):
            numbered = isinstance(node, nodes.enumerated_list)
            items = [
                _indented(f"{number}. " if numbered else "- ", self.blocks(item))
                for number, item in enumerate(node.children, node.get("start", 1))
            ]
            return "\n".join(items)
        if isinstance(node, nodes.definition_list):
            return "\n\n".join(
                f"**{self.inline(item.children[0])}**: {self.blocks(item.children[-1])}"
                for item in node.children
            )
        if isinstance(node, nodes.block_quote):
            return _indented("> ", self.blocks(node), "> ")
        if isinstance(node, nodes.Admonition):
            return _indented("> ", self.blocks(node), "> ")
        if isinstance(node, nodes.table):
            return self.table(node)
        if isinstance(node, nodes.transition):
            return "---"
        if isinstance(node, (nodes.raw, nodes.comment, nodes.image, nodes.figure, nodes.target)):
            return ""
        return self.blocks(node)

    def blocks(self, node: nodes.Node) -> str:
        """Write the children of a node, separated by empty lines."""
        parts = [
            self.inline(child)
            if isinstance(child, (nodes.Text, nodes.Inline))
            else self.block(child)
            for child in node.children
        ]
        return "\n\n".join(part for part in parts if part)

    def table(self, node: nodes.table) -> str:
        """Write a table; its first row becomes the header, which Markdown requires."""
        rows = [
            [self.blocks(entry).replace("\n", " ").replace("|", "\\|") for entry in row.children]
            for row in node.findall(nodes.row)
        ]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([lines[0], f"|{'---|' * len(rows[0])}", *lines[1:]])


def _code(node: nodes.Node) -> tuple[str, str] | None:
    """Return the language and the text of a block of code; None for any other node."""
    if isinstance(node, shown_code):
        return "Python", node["code"].strip()
    # sphinx-gallery replaces a block by a node of its own to link the names in its code.
    if isinstance(node, code_links_block):
        return node["lang"], node.astext().strip()
    if isinstance(node, nodes.literal_block):
        return node.get("language", ""), node.astext().strip()
    return None


def _indented(first: str, text: str, further: str | None = None) -> str:
    further = " " * len(first) if further is None else further
    lines = text.split("\n")
    return "\n".join([first + lines[0], *(f"{further}{line}".rstrip() for line in lines[1:])])


def _parts(node: nodes.Node) -> Iterator[tuple[nodes.Node, int]]:
    """Yield a page's blocks in order, each with the depth of its section."""

    def walk(node: nodes.Node, depth: int) -> Iterator[tuple[nodes.Node, int]]:
        for child in node.children:
            if not isinstance(child, nodes.Element) or set(child["classes"]) & _ADDED:
                continue
            if isinstance(child, folded_code | guess | board):
                continue
            if isinstance(child, nodes.section):
                yield from walk(child, depth + 1)
            elif isinstance(child, nodes.container | guess_cover):
                yield from walk(child, depth)
            else:
                yield child, depth

    return walk(node, 0)


def _exercise(box: exercise_box, markdown: Markdown) -> list[tuple[str, str]]:
    """Write an exercise: its question, hint and solution folded, and a cell that checks."""
    text, code = [], ""
    for child in box.children:
        if isinstance(child, exercise_title):
            text.append(f"**{child.astext()}**")
        elif isinstance(child, exercise_fold):
            heading, *content = child.children
            assert isinstance(heading, fold_title)
            inside = "\n\n".join(markdown.block(node) for node in content)
            text.append(f"<details><summary>{heading.astext()}</summary>\n\n{inside}\n\n</details>")
        elif isinstance(child, exercise_check):
            code = child["code"]
        else:
            text.append(markdown.block(child))
    return [("markdown", "\n\n".join(text)), ("code", code)]


def cells_of(page: nodes.document, address: str) -> list[tuple[str, str]]:
    """Write a page of the gallery as the cells of a notebook.

    Args:
        page: The page with its references resolved.
        address: Where it is published, or an empty text.

    Returns:
        Pairs of ``"markdown"`` or ``"code"`` and the cell's text.
    """
    markdown, cells = Markdown(address), list[tuple[str, str]]()
    for node, depth in _parts(page):
        markdown.level = depth
        # sphinx-gallery writes the script's code as "Python"; examples in the text are "python".
        code = _code(node)
        if code and code[0] == "Python":
            cells.append(("code", code[1]))
        elif isinstance(node, exercise_box):
            cells += _exercise(node, markdown)
        else:
            text = markdown.block(node)
            if not text:
                continue
            if cells and cells[-1][0] == "markdown" and depth == markdown.level:
                cells[-1] = ("markdown", f"{cells[-1][1]}\n\n{text}")
            else:
                cells.append(("markdown", text))
    return cells


def install_cell(repository: str, version: str) -> str:
    """Return the cell that installs the library where it is missing.

    Args:
        repository: ``owner/name`` on GitHub, or an empty text.
        version: The library's version; its tag is ``v`` and the version.

    Returns:
        Python code, which does nothing where the library is installed.
    """
    source = (
        f"cnnbook @ git+https://github.com/{repository}@v{version}"
        if repository
        else f"cnnbook=={version}"
    )
    return (
        "# Installs the book's library where it is missing, as in Colab.\n"
        "import importlib.util\nimport subprocess\nimport sys\n\n"
        'if importlib.util.find_spec("cnnbook") is None:\n'
        f'    command = [sys.executable, "-m", "pip", "install", "--quiet", "{source}"]\n'
        "    subprocess.check_call(command)"
    )


def _fetch_cells(example: Path, base: str, archive: str) -> list[tuple[str, str]]:
    """Write the cells that fetch the files beside a page, which are not part of the library."""
    beside = [path.name for path in files_beside(example)]
    if not beside:
        return []
    names = _(" and ").join(f"`{name}`" for name in beside)
    if not base:
        return [
            (
                "markdown",
                _(
                    "This notebook reads {names}, from the folder `{folder}` of the project: copy "
                    "it beside the notebook first."
                ).format(names=names, folder=example.parent.relative_to(ROOT).as_posix()),
            )
        ]
    return [
        (
            "markdown",
            _("This notebook reads {names}; the next cell fetches it.").format(names=names),
        ),
        (
            "code",
            "import shutil\nfrom pathlib import Path\nfrom urllib.request import urlretrieve\n\n"
            f"if not all(Path(name).exists() for name in {beside!r}):\n"
            f'    urlretrieve("{urljoin(base, f"_downloads/{archive}")}", "page.zip")\n'
            '    shutil.unpack_archive("page.zip")',
        ),
    ]


def notebook(cells: list[tuple[str, str]]) -> dict[str, Any]:
    """Return a notebook, ready to be written as JSON.

    Args:
        cells: Pairs of ``"markdown"`` or ``"code"`` and the cell's text.

    Returns:
        The notebook in format 4.5.
    """
    written = []
    for number, (kind, text) in enumerate(cells):
        cell: dict[str, Any] = {
            "cell_type": kind,
            "id": f"cell-{number}",
            "metadata": {},
            "source": text.splitlines(keepends=True),
        }
        written.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": written,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


# The pages that this build has written.
_written: set[str] = set()


def _page_context(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    _written.add(pagename)


def _write(app: Sphinx, error: Exception | None) -> None:
    """Write the notebooks of the pages that have been written, and take the others as they were.

    Sphinx copies those of sphinx-gallery at each build, so ours are kept beside the doctrees.
    """
    written = set(_written)
    _written.clear()
    if error or app.builder.name != "html":
        return
    downloads = Path(app.outdir, "_downloads")
    for example in sorted((ROOT / "examples").rglob("plot_*.py")):
        docname = f"gallery/{example.relative_to(ROOT / 'examples').with_suffix('').as_posix()}"
        if docname not in app.env.found_docs:
            continue
        kept = Path(app.doctreedir, "notebooks", f"{docname}.zip")
        # A process that writes pages beside this one does not say which.
        if docname in written or app.parallel > 1 or not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            _write_one(app, docname, example, kept)
        for file in (kept, kept.with_suffix(".ipynb")):
            name = app.env.dlfiles[Path(docname).with_suffix(file.suffix)][1]
            shutil.copyfile(file, downloads / name)


def _write_one(app: Sphinx, docname: str, example: Path, archive_file: Path) -> None:
    base = app.config.html_baseurl and f"{app.config.html_baseurl.rstrip('/')}/"
    page = app.env.get_and_resolve_doctree(docname, app.builder)
    cells = cells_of(page, urljoin(base, f"{docname}.html") if base else "")
    script = split_code_and_text_blocks(str(example))[1]
    code = [
        remove_config_comments(block.content).strip() for block in script if block.type == "code"
    ]
    if code != [text for kind, text in cells if kind == "code" and "answer = ..." not in text]:
        raise ExtensionError(f"{docname}: the notebook's code is not the script's")
    zipped = str(app.env.dlfiles[Path(f"{docname}.zip")][1])
    first = ("code", install_cell(app.config.colab_repository, cnnbook.__version__))
    # The title and the question come first.
    made = notebook([first, cells[0], *_fetch_cells(example, base, zipped), *cells[1:]])
    target = archive_file.with_suffix(".ipynb")
    target.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", "utf-8")
    with ZipFile(archive_file, "w") as archive:
        for file in (target, example, *_files(files_beside(example))):
            name = file.relative_to(example.parent) if file != target else file.name
            archive.write(file, name)


def _files(paths: list[Path]) -> list[Path]:
    """Return the files among some paths and in the folders among them."""
    inside = [sorted(path.rglob("*")) if path.is_dir() else [path] for path in paths]
    return [file for files in inside for file in files if file.is_file()]


def setup(app: Sphinx) -> dict[str, object]:
    """Write the notebooks when the pages are done."""
    app.connect("html-page-context", _page_context)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
