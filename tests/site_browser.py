"""A browser for the tests of the site: tabs that fail on errors and on requests."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, sync_playwright

# The shell is Chromium without its windows, and takes a fifth less of the processor's time.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
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
        # One process for the pages of all tabs: otherwise each test would start one.
        "--disable-site-isolation-trials",
        "--renderer-process-limit=1",
    ]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield running
        running.close()


class Windows:
    """A window for all tests, and one without scripts: to open one takes as long as many tests.

    Each test gets a tab of its own. What pages have kept is deleted before.
    """

    def __init__(self, browser: Browser, empty: Path) -> None:
        self.browser, self.empty = browser, empty
        # Without a page that stays open, each test would start the pages' process again.
        self.first: dict[bool, Page] = {}

    def new_tab(self, scripts: bool) -> Page:
        if scripts not in self.first:
            context = self.browser.new_context(java_script_enabled=scripts)
            self.first[scripts] = context.new_page()
            self.first[scripts].goto(self.empty.as_uri())
        first = self.first[scripts]
        if scripts:
            # Pages that are opened from disk share what they keep.
            first.evaluate("localStorage.clear()")
        return first.context.new_page()

    def close_tabs(self) -> None:
        for first in self.first.values():
            for page in first.context.pages:
                if page != first:
                    page.close()


@pytest.fixture(scope="session")
def windows(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Windows:
    empty = tmp_path_factory.mktemp("browser") / "empty.html"
    empty.touch()
    return Windows(browser, empty)


@pytest.fixture
def tab(windows: Windows, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Open a tab that fails the test when a page asks for anything that is not a file."""
    wanted: dict[str, Any] = {"width": 1280, "scheme": "light", "scripts": True}
    wanted |= getattr(request, "param", {})
    page = windows.new_tab(wanted["scripts"])
    page.set_viewport_size({"width": wanted["width"], "height": 900})
    page.emulate_media(color_scheme=wanted["scheme"])
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
    windows.close_tabs()
    assert not complaints, complaints


RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    "resultTypes": ["violations"],
}
# axe asks for the style sheets once more, and the search for the pages that it has found; browsers
# refuse both to pages that are opened from disk, and the pages do without.
FROM_DISK = "blocked by CORS|ERR_FAILED|Failed to fetch|URL scheme .file. is not supported"
from_disk = pytest.mark.parametrize(
    "tab", [pytest.param({"forgiven": FROM_DISK}, id="disk")], indirect=True
)
_LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
# For what a page does only while it arrives; `each_look` is much faster.
LOOKS = [
    pytest.param({"width": width, "scheme": scheme, "forgiven": FROM_DISK}, id=f"{width}-{scheme}")
    for width, scheme in _LOOKS
]

# The next frame has the new size and colours; those that fade are made to arrive at once. A little
# later, the theme lets the keyboard reach what scrolls now.
_SETTLE = """async () => {
    const frame = () => new Promise(requestAnimationFrame);
    await frame();
    await frame();
    const moving = document.getAnimations();
    moving.filter((one) => one instanceof CSSTransition).forEach((one) => one.finish());
    const end = performance.now() + 1000;
    const scrolls = ({ scrollWidth: width, clientWidth, scrollHeight: height, clientHeight }) =>
        width > clientWidth || height > clientHeight;
    const late = (one) => scrolls(one) !== (one.tabIndex === 0);
    const all = [...document.querySelectorAll("pre")];
    while (all.some(late) && performance.now() < end) await frame();
}"""


def each_look(tab: Page) -> Iterator[str]:
    """Show the open page at two widths, in light and dark, in turn; yield the name of each look."""
    for width, scheme in _LOOKS:
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        tab.evaluate(_SETTLE)
        yield f"{width} {scheme}"


# Only what axe complains of comes back: to name all that it has found in order takes longer than
# to look for it.
_RUN_AXE = """async ([within, rules]) => {
    const { violations } = await axe.run(within ?? document, rules);
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id} at ${target}`));
}"""


def barriers(tab: Page, page: Path | None = None, *, within: str | None = None) -> list[str]:
    """Return what axe finds on a page, or on the one that is open, in all of it or in a part."""
    if page:
        tab.goto(page.as_uri())
    if not tab.evaluate("'axe' in window"):
        tab.evaluate(AXE_SCRIPT)
    return [f"{tab.url}: {fault}" for fault in tab.evaluate(_RUN_AXE, [within, RULES])]


def barriers_in_each_look(tab: Page, *, within: str | None = None) -> list[str]:
    """Return what axe finds on the page that is open, in all looks."""
    return [f"{look}: {fault}" for look in each_look(tab) for fault in barriers(tab, within=within)]
