"""The editions of the site: which page is which page's translation, and an offer of the other one.

The header's switch is a template of its own (``language-switcher.html``).
"""

import html
import json
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

# In the language that is offered, so these are not translated.
OFFERS = {
    "ko": {"link": "이 페이지를 한국어로 읽기", "close": "닫기"},
    "en": {"link": "Read this page in English", "close": "Close"},
}


def alternates(languages: dict[str, str], page: str, base_url: str, to_root: str) -> str:
    """Return the links of a page's head to the same page in each language.

    Args:
        languages: The languages' codes, the default first, with their names.
        page: The page's name, with ``.html``.
        base_url: Where the site is published; empty if it is not.
        to_root: From the page to the folder of all languages, used where it is not published.

    Returns:
        HTML; empty if there is one language only.
    """
    if len(languages) < 2:
        return ""
    root = f"{base_url}/" if base_url else to_root
    first = next(iter(languages))
    return "\n".join(
        f'<link rel="alternate" hreflang="{name}" href="{html.escape(root)}{code}/{page}">'
        for name, code in [*zip(languages, languages, strict=True), ("x-default", first)]
    )


def _page_context(
    app: Sphinx,
    page: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    languages: dict[str, str] = app.config.html_context["languages"]
    offers = {code: OFFERS[code] for code in languages if code != app.config.language}
    if not offers:
        return
    to_root = "../" * (page.count("/") + 1)
    base = app.config.html_baseurl.rstrip("/").rpartition("/")[0]
    links = alternates(languages, f"{page}.html", base, to_root)
    told = html.escape(json.dumps(offers, ensure_ascii=False))
    context["metatags"] = context.get("metatags", "") + links
    context["body"] = f'<template class="language-offer" data-texts="{told}"></template>' + str(
        context.get("body", "")
    )
    app.add_js_file("languages.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, object]:
    """Add the links and the offer to every page."""
    app.connect("html-page-context", _page_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
