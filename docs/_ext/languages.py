"""The editions of the site: which page is which page's translation, and an offer of the other one.

The header's switch is a template of its own (``language-switcher.html``).
"""

import html
import json
import re
from typing import Any

from docutils import nodes
from page_scripts import translated
from sphinx.application import Sphinx
from sphinx.locale import get_translation

_ = get_translation("sphinx")

# In the language that is offered, so these are not translated.
OFFERS = {
    "ko": {"label": "언어", "link": "이 페이지를 한국어로 읽기", "close": "닫기"},
    "en": {"label": "Language", "link": "Read this page in English", "close": "Close"},
}

# What the theme shows and Sphinx has no translation of: here, so that it is in our catalogue.
THEME_TEXTS = (
    "Announcement",
    "Back to top",
    "Breadcrumb",
    "Collapse Sidebar",
    "Color mode",
    "Dark",
    "Edit",
    "Expand Sidebar",
    "Home",
    "Indices",
    "Light",
    "Link to this code",
    "Link to this definition",
    "Link to this heading",
    "Link to this image",
    "Link to this table",
    "Link to this term",
    "More",
    "On this page",
    "Please activate JavaScript to enable the search functionality.",
    "Search the docs ...",
    "Section Navigation",
    "Show Source",
    "Site navigation",
    "Skip to main content",
    "System Settings",
    "Version warning",
    "next page",
    "previous page",
    "\u00a9 Copyright %(copyright)s.",
)
# sphinx-copybutton has no Korean. The keys are its own.
COPY_TEXTS = {
    "copy": "Copy",
    "copy_to_clipboard": "Copy to clipboard",
    "copy_success": "Copied!",
    "copy_failure": "Failed to copy",
}
# What the search says at its end; Sphinx's Korean has no words for it.
SEARCH_TEXTS = {
    "found": "Search finished, found ${resultCount} pages matching the search query.",
}
# Pages that are English in every edition, but for their headings.
ENGLISH = re.compile(r"api/(?!index\b)|_modules/|changelog\b|contributing\b")


def mark_english(body: str, language: str) -> str:
    """Say that a page's text is English, and that its translated headings are not.

    Args:
        body: The HTML of the page.
        language: The language of the edition.

    Returns:
        The HTML with ``lang`` attributes, for screen readers, hyphenation and search engines.
    """

    def heading(found: re.Match[str]) -> str:
        words = re.sub(r"<[^>]+>", "", found["inside"])
        lang = "" if words.isascii() else f' lang="{language}"'
        return f"<{found['tag']}{lang}{found['inside']}</{found['tag']}>"

    pattern = r"<(?P<tag>h[1-3])(?P<inside>[ >].*?)</(?P=tag)>"
    return f'<div lang="en">{re.sub(pattern, heading, body, flags=re.DOTALL)}</div>'


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
    to_root = "../" * (page.count("/") + 1)
    base = app.config.html_baseurl.rstrip("/").rpartition("/")[0]
    links = alternates(languages, f"{page}.html", base, to_root)
    context["metatags"] = context.get("metatags", "") + links
    context["theme_search_bar_text"] = _("Search the docs ...")
    if app.config.language != "en" and ENGLISH.match(page) and "body" in context:
        context["body"] = mark_english(context["body"], app.config.language)
    app.add_css_file("languages.css")
    if app.config.language == "en" and not offers:
        return
    texts = {"offers": offers, "copy": translated(COPY_TEXTS), **translated(SEARCH_TEXTS)}
    app.add_js_file(
        "languages.js",
        loading_method="defer",
        **{"data-texts": json.dumps(texts, ensure_ascii=False)},  # type: ignore[arg-type]
    )


def setup(app: Sphinx) -> dict[str, object]:
    """Add the links and the offer to every page."""
    app.connect("html-page-context", _page_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
