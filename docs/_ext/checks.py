"""Folded checks: the assertions at the end of a cell, and the code that only draws a figure.

A page asserts every number in its text. On the site these lines would stand between the reader and
the code that is to be learned, so they are folded behind "checked: 3 claims". The script and the
notebook show them as they are. A folded part is a ``<details>`` element, which needs no script; a
switch in the header opens all of them.

A cell whose first line is ``# Folded on the site: SUMMARY`` is folded whole.
"""

import ast
from dataclasses import dataclass
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.writers.html5 import HTML5Translator

_ = get_translation("sphinx")


MARK = "# Folded on the site: "
# What only selects, arranges or rounds numbers that are there already.
_ARRANGING = frozenset(
    {"argmax", "cat", "dict", "enumerate", "float", "index", "int", "interval", "items", "len"}
    | {"list", "nonzero", "range", "reshape", "round", "sorted", "stack", "str", "sum", "tolist"}
    | {"transpose", "tuple", "values", "zip"}
)


class shown_code(nodes.General, nodes.Element):
    """What is shown of a cell's code; ``code`` is all of it, for the notebook."""


class folded_code(nodes.General, nodes.Element):
    """What is folded of a cell's code; ``summary`` is always shown."""


@dataclass(frozen=True)
class Cell:
    """The code of one cell in two parts.

    Attributes:
        shown: What the reader should see.
        folded: What is folded.
        claims: How many assertions are folded.
        draws: Whether the folded part draws a figure.
        title: What the page calls the folded part; empty if it gives it no name.
    """

    shown: str
    folded: str
    claims: int
    draws: bool
    title: str = ""


def split_cell(code: str) -> Cell:
    """Split the code of a cell into what is shown and what is folded.

    The statements at its end that only assert are folded, with the literals that only they compare
    with. If the others do nothing but arrange data for a figure and draw it, the whole cell is
    folded.

    Args:
        code: The code of one cell.

    Returns:
        The two parts. Code that cannot be parsed is shown.
    """
    try:
        statements = ast.parse(code).body
    except SyntaxError:
        return Cell(code, "", 0, False)
    first = len(statements)
    while first and _only_asserts(statements[first - 1]):
        first -= 1
    while first < len(statements) and first and _is_expected(statements, first - 1):
        first -= 1
    claims = sum(isinstance(n, ast.Assert) for s in statements[first:] for n in ast.walk(s))
    if code.startswith(MARK):
        title, *rest = code.removeprefix(MARK).split("\n", 1)
        return Cell("", "".join(rest).strip("\n"), claims, False, title)
    if _only_draws(statements[:first]):
        return Cell("", code.strip("\n"), claims, True)
    if not claims:
        return Cell(code, "", 0, False)
    lines = code.splitlines()
    start = statements[first].lineno - 1
    # A comment directly above the first assertion is about it.
    while start and lines[start - 1].startswith("#"):
        start -= 1
    shown, folded = ("\n".join(part).strip("\n") for part in (lines[:start], lines[start:]))
    return Cell(shown, folded, claims, False)


def _only_asserts(statement: ast.stmt) -> bool:
    match statement:
        case ast.If(body=body, orelse=orelse):
            # What is asserted of real clothes only may first be named.
            inner = [line for line in (*body, *orelse) if not isinstance(line, ast.Assign)]
            return bool(inner) and all(map(_only_asserts, inner))
        case ast.For(body=body, orelse=orelse):
            return all(map(_only_asserts, (*body, *orelse)))
        case ast.With(body=body):
            return all(map(_only_asserts, body))
    return isinstance(statement, ast.Assert)


def _is_expected(statements: list[ast.stmt], index: int) -> bool:
    """Say whether a statement names a literal with which the statements after it compare."""
    match statements[index]:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            after = (node for later in statements[index + 1 :] for node in ast.walk(later))
            return _is_literal(value) and any(
                isinstance(node, ast.Name) and node.id == name for node in after
            )
    return False


def _is_literal(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except ValueError:
        return False
    return True


def _only_draws(statements: list[ast.stmt]) -> bool:
    """Say whether statements arrange data for figures and draw them, and do nothing else."""
    draws = False
    for statement in statements:
        match statement:
            case ast.ImportFrom(module=str(module)) if _is_drawing(module):
                continue
            case ast.Import(names=names) if all(_is_drawing(alias.name) for alias in names):
                continue
            case ast.Assign(
                targets=[ast.Name(id="figure")], value=ast.Call(func=ast.Name(id=name))
            ) if name.startswith("plot_"):
                draws = True
            case ast.Assign(targets=[ast.Name()], value=value) if _only_arranges(value):
                continue
            case _:
                return False
    return draws


def _only_arranges(value: ast.expr) -> bool:
    """Say whether a value is made of what is there already, without computing anything new."""
    for node in ast.walk(value):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                if name not in _ARRANGING:
                    return False
            case ast.Call() | ast.Lambda():
                return False
    return True


def _is_drawing(module: str) -> bool:
    return module.split(".")[0] in ("matplotlib", "torch") or module.startswith("cnnbook.figures")


def _summary(cell: Cell) -> str:
    if cell.title:
        return str(_(cell.title))
    if not cell.claims:
        return str(_("code of the figure"))
    checked = _("checked: 1 claim") if cell.claims == 1 else _("checked: {count} claims")
    checked = str(checked).format(count=cell.claims)
    return f"{_('code of the figure')}; {checked}" if cell.draws else checked


def _fold(app: Sphinx, document: nodes.document) -> None:
    if not app.env.docname.startswith("gallery/"):
        return
    for block in list(document.findall(nodes.literal_block)):
        # sphinx-gallery names the language of a cell so; exercises and quotations do not.
        if block.get("language") != "Python":
            continue
        code = block.astext()
        cell = split_cell(code)
        if not cell.folded:
            continue
        folded = folded_code("", _with_code(block, cell.folded), summary=_summary(cell))
        shown = shown_code("", code=code)
        if cell.shown:
            shown += _with_code(block, cell.shown)
        parent = block.parent
        parent.replace(block, shown)
        parent.insert(_end_of_output(parent, parent.index(shown) + 1), folded)


def _end_of_output(parent: nodes.Element, position: int) -> int:
    """Return where the output of a cell ends: it stands directly below the code that printed it."""
    while position < len(parent) and not (
        # sphinx-gallery puts a comment before each cell and a footer behind the last one.
        isinstance(parent[position], nodes.comment | nodes.section | addnodes.only)
    ):
        position += 1
    return position


def _with_code(block: nodes.literal_block, code: str) -> nodes.literal_block:
    part = block.copy()
    part.rawsource = code
    part += nodes.Text(code)
    return part


def _visit_shown(self: HTML5Translator, node: shown_code) -> None:
    """Write nothing but the code itself."""


def _visit_folded(self: HTML5Translator, node: folded_code) -> None:
    self.body.append(self.starttag(node, "details", "", CLASS="checked"))
    self.body.append(f"<summary>{self.encode(node['summary'])}</summary>\n")


def _depart_folded(self: HTML5Translator, node: folded_code) -> None:
    self.body.append("</details>\n")


def _page_context(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    # The template code-switch.html is empty elsewhere.
    context["folded_code"] = (
        doctree is not None and next(iter(doctree.findall(folded_code)), None) is not None
    )
    if context["folded_code"]:
        app.add_js_file("code-switch.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, object]:
    """Register the nodes, and fold when a page has been read."""
    app.add_node(shown_code, html=(_visit_shown, _visit_shown))
    app.add_node(folded_code, html=(_visit_folded, _depart_folded))
    app.connect("doctree-read", _fold)
    app.connect("html-page-context", _page_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
