"""A browser for the tests of the site: tabs that fail on errors and on requests."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    options = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-sync",
        "--disable-background-networking",
        "--disable-component-update",
    ]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield running
        running.close()


@pytest.fixture
def tab(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Open a tab that fails the test when a page asks for anything that is not a file."""
    wanted: dict[str, Any] = {"width": 1280, "scheme": "light", "scripts": True}
    wanted |= getattr(request, "param", {})
    context = browser.new_context(
        viewport={"width": wanted["width"], "height": 900},
        color_scheme=wanted["scheme"],
        java_script_enabled=wanted["scripts"],
    )
    page = context.new_page()
    complaints: list[str] = []
    # Messages of requests that browsers refuse to pages that are opened from disk.
    forgiven = re.compile(wanted.get("forgiven", r"\A\Z"))

    def complain(text: str) -> None:
        if not forgiven.search(text):
            complaints.append(text)

    page.on("pageerror", lambda error: complain(str(error)))
    page.on("console", lambda said: complain(said.text) if said.type == "error" else None)
    page.on(
        "request",
        lambda asked: (
            complaints.append(asked.url)
            if urlparse(asked.url).scheme not in ("file", "data", "blob")
            else None
        ),
    )
    yield page
    context.close()
    assert not complaints


RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
# axe asks for the style sheets once more, and the search for the pages that it has found; browsers
# refuse both to pages that are opened from disk, and the pages do without.
FROM_DISK = "blocked by CORS|ERR_FAILED|Failed to fetch"
LOOKS = [
    pytest.param({"width": width, "scheme": scheme, "forgiven": FROM_DISK}, id=f"{width}-{scheme}")
    for width in (1280, 390)
    for scheme in ("light", "dark")
]


def barriers(tab: Page, page: Path | None = None, *, within: str | None = None) -> list[str]:
    """Return what axe finds on a page, or on the one that is open, in all of it or in a part."""
    if page:
        tab.goto(page.as_uri())
    return [
        f"{tab.url}: {fault['id']} at {node['target']}"
        for fault in Axe().run(tab, within, RULES).response["violations"]
        for node in fault["nodes"]
    ]
