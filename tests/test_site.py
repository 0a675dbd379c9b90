"""The site as a reader meets it: in a browser, at two widths, in light and dark, without a network.

Where `make site` has been run its result is looked at; elsewhere the pages are built here without
running them, which is enough for all but what they computed.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlparse

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from cnnbook.convolution import conv2d
from cnnbook.shapes import derive_output_size

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
GALLERY = [
    f"gallery/{path.relative_to(ROOT / 'examples').with_suffix('.html').as_posix()}"
    for path in sorted((ROOT / "examples").rglob("plot_*.py"))
]
# One page of each kind.
KINDS = (
    "index",
    "install",
    "glossary",
    "references",
    "search",
    "api/index",
    "api/convolution",
    "api/counting",
    "exercises",
    "benchmarks",
    "gallery/index",
)
LOOKED_AT = [*(f"{name}.html" for name in KINDS), *GALLERY]


@dataclass(frozen=True)
class Site:
    """A built site, and whether its pages were run."""

    folder: Path
    executed: bool


def _build(root: Path, *settings: str) -> subprocess.CompletedProcess[str]:
    command = ["-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", *settings, "docs", "site"]
    return subprocess.run([sys.executable, *command], cwd=root, capture_output=True, text=True)


def _copy(target: Path) -> Path:
    """Copy what the site is made from, without what was built from it."""
    built = shutil.ignore_patterns("gallery", "gen_modules", "__pycache__", "_build")
    for part in ("docs", "examples", "cnnbook", "tests/benchmarks"):
        shutil.copytree(ROOT / part, target / part, ignore=built)
    return target


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = ROOT / "build" / "site" / "en"
    if (made / "index.html").is_file():
        return Site(made, executed=True)
    root = _copy(tmp_path_factory.mktemp("site"))
    done = _build(root, "-D", "plot_gallery=0")
    assert done.returncode == 0, done.stderr
    return Site(root / "site", executed=False)


class _Links(HTMLParser):
    """Collects what a page refers to, and the names that can be referred to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.images_without_words: list[str] = []
        self.figures: dict[str, str] = {}
        self.cards: dict[str, str | None] = {}
        self.titles: list[str] = []
        self.in_title = False
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        self.handlers += [name for name in values if name.startswith("on")]
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and values.get("rel") in (
            "stylesheet",
            "icon",
            "preload",
            "modulepreload",
        ):
            self.loaded.append(values.get("href", ""))
        if tag in ("script", "img", "iframe", "source") and "src" in values:
            self.loaded.append(values["src"])
        if tag in ("title", "h1", "h2", "h3"):
            self.in_title = True
            self.titles.append("")
        if tag == "img" and "/sphx_glr_" in values.get("src", ""):
            if "_thumb.png" in values["src"]:
                self.cards[values["src"]] = dict(attrs).get("alt")
            else:
                self.figures[values["src"]] = values.get("alt", "")
        # A gallery card's picture stands beside the link that names it, and says nothing itself.
        if tag == "img" and not (values.get("alt") or "_thumb.png" in values.get("src", "")):
            self.images_without_words.append(values.get("src", ""))

    def handle_endtag(self, tag: str) -> None:
        self.in_title &= tag not in ("title", "h1", "h2", "h3")

    def handle_data(self, data: str) -> None:
        if self.in_title:
            self.titles[-1] += data


def _pages(site: Site) -> dict[Path, _Links]:
    return {
        path: _Links(path.read_text("utf-8"))
        for path in sorted(site.folder.rglob("*.html"))
        if "_static" not in path.parts
    }


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site: Site) -> None:
    pages = _pages(site)
    assert len(pages) > 15
    followed = 0
    for page, found in pages.items():
        for address in found.loaded:
            assert not urlparse(address).netloc, f"{page} loads {address}"
        for address in [*found.links, *found.loaded]:
            parts = urlparse(address)
            if parts.scheme or parts.netloc:
                continue
            path, anchor = urldefrag(address)
            target = (page.parent / unquote(urlparse(path).path)).resolve() if path else page
            assert target.exists(), f"{page} leads to {address}, which is not there"
            if anchor and target in pages:
                assert unquote(anchor) in pages[target].ids, f"{page}: no {address}"
            followed += 1
    assert followed > 500


def test_every_picture_has_words_and_nothing_is_scripted_in_attributes(site: Site) -> None:
    for page, found in _pages(site).items():
        assert not found.images_without_words, page
        assert not found.handlers, page


def test_every_figure_is_described_and_cards_are_named_by_their_links(site: Site) -> None:
    pages = _pages(site)
    cards = [alt for found in pages.values() for alt in found.cards.values()]
    assert len(cards) >= len(GALLERY)
    # Empty, and not left out: a reader of screens passes over it, to the link that follows.
    assert set(cards) == {""}
    if not site.executed:
        pytest.skip("the site was not built with `make site`")
    described = 0
    for page, found in pages.items():
        for source, alt in found.figures.items():
            assert len(alt) >= 40, f"{page}: {source} is described by {alt!r}"
            # Titles on the page, and the last sign of a sentence, which titles on figures lack.
            assert alt not in {title.strip() for title in found.titles}, f"{page}: {alt!r}"
            assert alt.endswith("."), f"{page}: {alt!r}"
        described += len(found.figures)
        alike = len(found.figures) - len(set(found.figures.values()))
        assert not alike, f"{page}: two figures are described alike"
    assert described >= len(GALLERY)


@pytest.mark.parametrize("page", GALLERY)
def test_a_page_says_what_it_was_made_with(site: Site, page: str) -> None:
    if not site.executed:
        pytest.skip("the site was not built with `make site`")
    text = (site.folder / page).read_text("utf-8")
    assert "has not been run yet" not in text
    made = text.partition('class="made-with')[2]
    assert made, "no record"
    assert torch.__version__ in made
    for word in ("Device", "torch", "Data", "Time"):
        assert f">{word}<" in made
    warned = "drawn-garments" in text
    assert warned == ("drawn garments, since" in made), "drawn garments are told at the top"


def test_the_first_page_trained_both_networks(site: Site) -> None:
    if not site.executed:
        pytest.skip("the site was not built with `make site`")
    text = (site.folder / GALLERY[0]).read_text("utf-8")
    found = re.findall(r"(MLP|CNN): training (\d\.\d{3}), test (\d\.\d{3})", text)
    test = {name: float(after) for name, _, after in found}
    assert set(test) == {"MLP", "CNN"}
    assert len(re.findall(r"(?:MLP|CNN): 499 epochs", text)) == 2
    if "drawn-garments" not in text:
        assert "5000 images (5000, 1, 28, 28)" in text
        assert 0.86 <= test["CNN"] <= 0.89
        assert 0.84 <= test["MLP"] <= 0.87


FAULTS = {
    "a wrong number": ("examples/2_layers/plot_06_one_window.py", '== "1.541"', '== "1.542"', ()),
    "a figure without words": (
        "examples/2_layers/plot_06_one_window.py",
        "figure = plot_window(image, layer.weight, layer.bias, row=0, column=0)\n",
        "figure = plot_window(image, layer.weight, layer.bias, row=0, column=0)\n"
        "figure.set_label('')\n",
        (),
    ),
    "a dead link": ("docs/install.md", "(references)", "(nowhere)", ("plot_gallery=0",)),
    "an unknown term": (
        "docs/conventions.md",
        "{term}`one-hot`",
        "{term}`one`",
        ("plot_gallery=0",),
    ),
    "a formula that cannot be set": (
        "docs/install.md",
        "1. in",
        "$\\nonsense$ in",
        ("plot_gallery=0",),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_stops_the_build(name: str, tmp_path: Path) -> None:
    file, good, bad, settings = FAULTS[name]
    root = _copy(tmp_path)
    text = (root / file).read_text("utf-8")
    assert good in text
    (root / file).write_text(text.replace(good, bad, 1), "utf-8")
    # The page with the fault alone, since the others take minutes.
    for example in (root / "examples").rglob("plot_*.py"):
        if not settings and example != root / file:
            example.write_text('"""\nTitle\n=====\n"""\n', "utf-8")
    done = _build(root, *(word for value in settings for word in ("-D", value)))
    assert done.returncode != 0
    # What was planted is what is complained of.
    complaint = {
        "a wrong number": "plot_06_one_window",
        "a figure without words": "a figure has no alternative text: figure: expected",
        "a dead link": "nowhere",
    }.get(name, "term not in glossary" if "term" in name else "nonsense")
    assert complaint in done.stderr + done.stdout


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
    wanted: dict[str, Any] = {"width": 1280, "scheme": "light"} | getattr(request, "param", {})
    context = browser.new_context(
        viewport={"width": wanted["width"], "height": 900}, color_scheme=wanted["scheme"]
    )
    page = context.new_page()
    complaints: list[str] = []
    # What a browser refuses to pages that are opened from disk, and says so each time.
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


@needs_browser
@pytest.mark.parametrize("tab", LOOKS, indirect=True)
def test_pages_fit_and_have_no_barrier_that_axe_finds(site: Site, tab: Page) -> None:
    axe = Axe()
    found = []
    for name in LOOKED_AT:
        tab.goto((site.folder / name).as_uri())
        wider = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if wider > 0:
            found.append(f"{name}: {wider} px too wide")
        results = axe.run(tab, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
        found += [
            f"{name}: {fault['id']} at {node['target']}"
            for fault in results.response["violations"]
            for node in fault["nodes"]
        ]
    assert not found


@needs_browser
def test_axe_would_find_a_barrier(tab: Page) -> None:
    tab.set_content("<html lang=en><title>t</title><img src='data:image/gif;base64,R0lGOD'></html>")
    assert "image-alt" in {fault["id"] for fault in Axe().run(tab).response["violations"]}


@needs_browser
@pytest.mark.parametrize("tab", [pytest.param({"width": 390}, id="390")], indirect=True)
def test_the_menu_of_a_narrow_screen_opens_with_the_keyboard(site: Site, tab: Page) -> None:
    tab.goto((site.folder / "index.html").as_uri())
    button = tab.locator(".primary-toggle")
    button.focus()
    tab.keyboard.press("Enter")
    entry = tab.get_by_role("link", name="Install and run").last
    entry.wait_for(state="visible")
    entry.click()
    tab.wait_for_url("**/install.html")


@needs_browser
@pytest.mark.parametrize(
    "tab",
    [pytest.param({"forgiven": FROM_DISK}, id="from disk")],
    indirect=True,
)
def test_search_works_on_pages_opened_from_disk(site: Site, tab: Page) -> None:
    tab.goto((site.folder / "search.html").as_uri() + "?q=stride")
    tab.locator("#search-results li").first.wait_for()
    assert tab.locator("#search-results li a").count() > 1


def _grid(page: Page, table: int) -> list[list[float]]:
    rows = page.locator("conv-explorer table").nth(table).locator("tr")
    texts = [rows.nth(row).locator("td").all_inner_texts() for row in range(rows.count())]
    return [[float(text) for text in line] for line in texts]


@needs_browser
@pytest.mark.parametrize(
    ("stride", "padding", "dilation"), [(1, 0, 1), (2, 0, 1), (1, 1, 2), (3, 2, 1), (2, 1, 2)]
)
def test_the_explorer_computes_what_the_library_does(
    site: Site, tab: Page, stride: int, padding: int, dilation: int
) -> None:
    if not site.executed:
        pytest.skip("the site was not built with `make site`")
    tab.goto((site.folder / "gallery/2_layers/plot_07_moving_average.html").as_uri())
    for label, value in (("Stride", stride), ("Padding", padding), ("Dilation", dilation)):
        tab.locator("conv-explorer").get_by_label(label).select_option(str(value))
    image = torch.arange(16.0, dtype=torch.float64).reshape(1, 1, 4, 4)
    mean = torch.full((1, 1, 2, 2), 0.25, dtype=torch.float64)
    expected = conv2d(image, mean, stride=stride, padding=padding, dilation=dilation)
    padded = torch.nn.functional.pad(image, (padding,) * 4)
    assert _grid(tab, 0) == padded[0, 0].tolist()
    shown = torch.tensor(_grid(tab, 1), dtype=torch.float64)
    torch.testing.assert_close(shown, expected[0, 0], rtol=0, atol=5e-4)
    derived = derive_output_size(4, 2, stride=stride, padding=padding, dilation=dilation)
    assert str(derived) in tab.locator("conv-explorer .derivation").inner_text()


@needs_browser
def test_the_explorer_is_worked_with_the_keyboard(site: Site, tab: Page) -> None:
    tab.goto((site.folder / "gallery/2_layers/plot_07_moving_average.html").as_uri())
    explorer = tab.locator("conv-explorer")
    message = explorer.locator("output")
    assert message.inner_text().startswith("Row 0, column 0: 1/4*0 + 1/4*1 + 1/4*4 + 1/4*5 = 2.5")
    explorer.locator("button.now").focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowRight")
    assert message.inner_text().endswith("1/4*5 + 1/4*6 + 1/4*9 + 1/4*10 = 7.5")
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowLeft")
    assert message.inner_text().startswith("Row 0, column 2"), "one place back is the line before"
    explorer.get_by_label("Kernel").select_option("custom")
    explorer.get_by_label("Weight, row 0, column 0").fill("2")
    assert message.inner_text() == "Row 0, column 0: 2*0 + 0*1 + 0*4 + (-1)*5 = -5"


@needs_browser
def test_the_explorer_says_when_a_kernel_does_not_fit(site: Site, tab: Page) -> None:
    tab.goto((site.folder / "gallery/2_layers/plot_07_moving_average.html").as_uri())
    explorer = tab.locator("conv-explorer")
    explorer.get_by_label("Kernel").select_option("average3")
    explorer.get_by_label("Dilation").select_option("2")
    assert explorer.locator("output").inner_text() == (
        "The kernel spans 5 pixels, the padded image has only 4: choose a smaller kernel, "
        "less dilation or more padding."
    )
