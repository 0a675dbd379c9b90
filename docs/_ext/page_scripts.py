"""Loads the scripts and styles of an element on the pages that have one."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import get_translation

_ = get_translation("sphinx")


def data_island(data: object) -> str:
    """Return data for a script, as the HTML element that holds it.

    Args:
        data: What ``json`` can write.

    Returns:
        The element; an unescaped "<" could end it.
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f'<script type="application/json">{text.replace("<", chr(92) + "u003c")}</script>'


def translated(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of a script in the language of the build.

    Args:
        texts: English texts by name.

    Returns:
        The same names with their translations.
    """
    return {name: str(_(text)) for name, text in texts.items()}


def load_scripts(
    app: Sphinx,
    kinds: type[nodes.Node] | tuple[type[nodes.Node], ...],
    scripts: Iterable[str],
    *,
    styles: Iterable[str] = (),
    texts: Mapping[str, str] | None = None,
    deferred: bool = True,
) -> None:
    """Load scripts and styles on every page that has a node of one of these kinds.

    The scripts are classic ones: browsers refuse modules on pages that are opened from disk.

    Args:
        app: The Sphinx application.
        kinds: The kinds of nodes.
        scripts: Files of ``_static``, in the order in which they run.
        styles: Style sheets of ``_static``.
        texts: What the scripts show, by name; they read it from ``data-texts`` of their element.
        deferred: Whether the scripts run after the page has been read.
    """

    def on_page(
        app: Sphinx,
        page: str,
        template: str,
        context: dict[str, Any],
        doctree: nodes.document | None,
    ) -> None:
        if doctree is None or not any(isinstance(node, kinds) for node in doctree.findall()):
            return
        attributes: dict[str, Any] = {"loading_method": "defer"} if deferred else {}
        if texts is not None:
            attributes["data-texts"] = json.dumps(translated(texts), ensure_ascii=False)
        for style in styles:
            app.add_css_file(style)
        for script in scripts:
            app.add_js_file(script, **attributes)

    app.connect("html-page-context", on_page)
