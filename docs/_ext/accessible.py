"""Accessible names for elements that the theme leaves without one, and keyboard access to boxes."""

import re
from collections.abc import Callable
from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx


def name_summaries(tree: str) -> BeautifulSoup:
    """Give every fold-out of the sidebar the name of the link beside it.

    Args:
        tree: The sidebar's HTML.

    Returns:
        The same HTML with an ``aria-label`` on each ``<summary>``.
    """
    soup = BeautifulSoup(tree, "html.parser")
    for summary in soup.select("li > details > summary"):
        item = summary.parent.parent if summary.parent else None
        link = item.find("a", recursive=False) if item else None
        if link is not None:
            summary["aria-label"] = link.get_text(strip=True)
    return soup


def nest_lists(body: str) -> str:
    """Put each list that is a child of another list into the entry before it.

    Sphinx's index of the sources has lists directly in lists, which HTML does not allow.

    Args:
        body: HTML.

    Returns:
        The same with every inner list in an entry of the outer one.
    """
    soup = BeautifulSoup(body, "html.parser")
    for inner in soup.select("ul > ul"):
        entry = inner.find_previous_sibling("li")
        if entry is None:
            entry = inner.wrap(soup.new_tag("li"))
        else:
            entry.append(inner.extract())
    return str(soup)


def _page_context(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document
) -> None:
    generate: Callable[..., object] | None = context.get("generate_toctree_html")
    if generate is not None:
        context["generate_toctree_html"] = lambda *args, **kwargs: name_summaries(
            str(generate(*args, **kwargs))
        )
    # Code and tables that are wider than a narrow screen scroll inside their box, which needs a
    # tabindex to be reached with the keyboard.
    if "body" in context:
        body = context["body"].replace("<pre>", '<pre tabindex="0">')
        body = re.sub(r'<table class="(?=table|measured)', '<table tabindex="0" class="', body)
        # The role that docutils gives an entry of the bibliography is deprecated; the parent
        # element has the role of a list.
        body = body.replace('role="doc-biblioentry"', 'role="listitem"')
        context["body"] = nest_lists(body) if pagename == "_modules/index" else body


def setup(app: Sphinx) -> dict[str, object]:
    """Connect after the theme, which sets the context that is changed here."""
    app.connect("html-page-context", _page_context, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
