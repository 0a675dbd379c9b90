"""The site as a reader meets it: in a browser, at two widths, in light and dark, without a network.

Where `make site` has been run its result is looked at; elsewhere the pages are built here without
running them, which is enough for all but what they computed. axe looks at a lesson, and in `make
test-site` at a page of each kind, and in `make test-long` at every page.
"""

import inspect
import re
import shutil
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest
import torch
from playwright.sync_api import Page
from site_browser import (
    barriers,
    barriers_in_each_look,
    each_look,
    from_disk,
    needs_browser,
)
from site_builds import Site, build_site, copy_book

import cnnbook

ROOT = Path(__file__).resolve().parents[1]
GALLERY = [
    f"gallery/{path.relative_to(ROOT / 'examples').with_suffix('.html').as_posix()}"
    for path in sorted((ROOT / "examples").rglob("plot_*.py"))
]
LESSON = "gallery/2_layers/plot_07_moving_average"
# One page of each other kind: home, prose, terms, search, functions by task, functions, exercises,
# plans with folded answers, tables of numbers, cards, sources.
KINDS = [
    *("index", "contributing", "glossary", "search", "api/index", "api/convolution"),
    *("exercises", "teach", "benchmarks", "gallery/index"),
    *("_modules/index", "_modules/cnnbook/networks"),
]


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
            if "_thumb" in values["src"]:
                self.cards[values["src"]] = dict(attrs).get("alt")
            else:
                # The picture for the dark page has the same words, since only one of both is shown.
                figure, words = values["src"].replace("_dark", ""), values.get("alt", "")
                assert self.figures.setdefault(figure, words) == words, values["src"]
        # A gallery card's picture is beside the link that names it, so its own text is empty.
        if tag == "img" and not (values.get("alt") or "_thumb" in values.get("src", "")):
            self.images_without_words.append(values.get("src", ""))

    def handle_endtag(self, tag: str) -> None:
        self.in_title &= tag not in ("title", "h1", "h2", "h3")

    def handle_data(self, data: str) -> None:
        if self.in_title:
            self.titles[-1] += data


@cache
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


def _described(site: Site) -> dict[str, list[str]]:
    """Return the names that each page of the API describes, in order."""
    return {
        path.stem: re.findall(r'<dt class="sig[^>]* id="([\w.]+)"', path.read_text("utf-8"))
        for path in sorted((site.folder / "api").glob("*.html"))
    }


def test_every_public_name_is_described_and_what_is_used_first_comes_first(site: Site) -> None:
    pages = _described(site)
    described = {name for names in pages.values() for name in names}
    for module in cnnbook.__all__:
        for name in getattr(cnnbook, module).__all__:
            thing = getattr(getattr(cnnbook, module), name)
            if inspect.isfunction(thing) or inspect.isclass(thing):
                assert f"cnnbook.{module}.{name}" in described
    assert pages["training"][0] == "cnnbook.training.fit_full_batch"
    assert pages["data"][0] == "cnnbook.images.load_fashion_mnist"
    internals = {*pages["internals"], *pages["internals_resume"]}
    assert not [name for name in described - internals if ".engine." in name]


def test_types_of_what_is_returned_are_types(site: Site) -> None:
    types = [
        unescape(re.sub(r"<[^>]+>", "", found))
        for path in (site.folder / "api").glob("*.html")
        for found in re.findall(
            r"<dt[^>]*>Return type<.*?<dd[^>]*>(.*?)</dd>", path.read_text("utf-8"), re.DOTALL
        )
    ]
    assert len(types) > 100
    assert {"Figure", "Tensor"} <= {text.strip() for text in types}
    # Words side by side are a sentence.
    assert not [text for text in types if re.search(r"\w \w", text)]


def test_every_picture_has_words_and_nothing_is_scripted_in_attributes(site: Site) -> None:
    for page, found in _pages(site).items():
        assert not found.images_without_words, page
        assert not found.handlers, page


def test_every_figure_is_described_and_cards_are_named_by_their_links(site: Site) -> None:
    pages = _pages(site)
    cards = [alt for found in pages.values() for alt in found.cards.values()]
    assert len(cards) >= len(GALLERY)
    # Empty, not missing: a screen reader then skips the picture and reads the link that follows.
    assert set(cards) == {""}
    if not site.executed:
        pytest.skip("the site was not built with `make site`")
    described = 0
    for page, found in pages.items():
        for source, alt in found.figures.items():
            assert len(alt) >= 40, f"{page}: {source} is described by {alt!r}"
            # Titles on the page, and a full stop at the end, which titles on figures lack.
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
    assert warned == ("drawn garments, since" in made), "no warning about drawn garments at the top"


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


@pytest.mark.parametrize("page", GALLERY)
def test_downloads_stand_at_the_end_of_a_page_and_nothing_of_them_at_its_top(
    site: Site, page: str
) -> None:
    text = (site.folder / page).read_text("utf-8")
    before, _, after = text.partition('class="sphx-glr-footer')
    for download in ("jupyter", "python", "zip"):
        assert f"sphx-glr-download-{download}" in after
    assert "sphx-glr-download-link-note" not in before
    assert "to download the full example code" not in text


def test_every_page_names_the_licences(site: Site) -> None:
    for page in _pages(site):
        foot = page.read_text("utf-8").partition("<footer")[2]
        for words in ("Code: MIT", "https://creativecommons.org/licenses/by/4.0/", "Zalando SE"):
            assert words in foot, page


PAGE = "examples/2_layers/plot_06_one_window.py"
FIGURE = "figure = plot_window(image, layer.weight, layer.bias, row=0, column=0)\n"


@pytest.fixture
def small_book(tmp_path: Path) -> Path:
    """Copy the book with one page of the gallery and two of prose, which builds in seconds."""
    root = copy_book(tmp_path / "book")
    for example in (root / "examples").rglob("plot_*.py"):
        if example != root / PAGE:
            example.unlink()
    for folder in (root / "examples").iterdir():
        if folder.is_dir() and folder != (root / PAGE).parent:
            shutil.rmtree(folder)
    page = root / PAGE
    # Without its links to the other pages.
    text = re.sub(r":(doc|func|class):`[^`]*`", "this", page.read_text("utf-8"))
    page.write_text(re.sub(r"\[\w+\]_", "", text), "utf-8")
    kept = {"index", "words", "glossary"}
    (root / "docs/words.md").write_text(
        "# Words\n\n{term}`kernel`, [a link](glossary), and $x^2$.\n", "utf-8"
    )
    (root / "docs/index.md").write_text(
        "# Book\n\n```{toctree}\nwords\nglossary\ngallery/index\n```\n", "utf-8"
    )
    glossary = (root / "docs/glossary.md").read_text("utf-8")
    glossary = re.sub(r"\[([^]]*)\]\([^)]*\)|\{(?:doc|func|class)\}`[^`]*`", r"\1", glossary)
    (root / "docs/glossary.md").write_text(glossary, "utf-8")
    for path in [*(root / "docs").rglob("*.md"), *(root / "docs").rglob("*.rst")]:
        if path.stem not in kept or path.parent != root / "docs":
            path.unlink()
    return root


def _plant(root: Path, file: str, good: str, bad: str) -> None:
    text = (root / file).read_text("utf-8")
    assert good in text
    (root / file).write_text(text.replace(good, bad, 1), "utf-8")


def test_a_book_without_faults_is_built_and_its_page_is_run(small_book: Path) -> None:
    """Otherwise the next two tests would prove nothing."""
    done = build_site(small_book)
    assert done.returncode == 0, done.stderr
    page = small_book / "site" / PAGE.replace("examples", "gallery").replace(".py", ".html")
    assert "1.541" in page.read_text("utf-8")


def test_faults_in_prose_stop_the_build(small_book: Path) -> None:
    words = "docs/words.md"
    _plant(small_book, words, "(glossary)", "(nowhere)")
    _plant(small_book, words, "{term}`kernel`", "{term}`colonel`")
    _plant(small_book, words, "$x^2$", r"$\nonsense$")
    done = build_site(small_book, "-D", "plot_gallery=0")
    assert done.returncode != 0
    for complaint in ("nowhere", "term not in glossary: 'colonel'", "nonsense"):
        assert complaint in done.stderr


FAULTS = {
    "a wrong number": ('== "1.541"', '== "1.542"', "plot_06_one_window"),
    "a figure without words": (
        FIGURE,
        f"{FIGURE}figure.set_label('')\n",
        "a figure has no alternative text: figure: expected",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_on_a_page_stops_the_build(name: str, small_book: Path) -> None:
    good, bad, complaint = FAULTS[name]
    _plant(small_book, PAGE, good, bad)
    done = build_site(small_book)
    assert done.returncode != 0
    assert complaint in done.stderr + done.stdout


@needs_browser
@from_disk
@pytest.mark.parametrize(
    "name",
    [
        name if name == LESSON else pytest.param(name, marks=pytest.mark.sweep)
        for name in (LESSON, *KINDS)
    ],
)
def test_a_page_of_each_kind_has_no_barrier_that_axe_finds(
    site: Site, tab: Page, name: str
) -> None:
    tab.goto((site.folder / f"{name}.html").as_uri())
    assert not barriers_in_each_look(tab)


_SEEN = """() => [...document.querySelectorAll("html, body *")]
  .filter((one) => one.checkVisibility()).map((one) => {
    const { color, backgroundColor, borderColor } = getComputedStyle(one);
    const { x, width, height } = one.getBoundingClientRect();
    return [one.tagName, color, backgroundColor, borderColor, x, width, height].join(" ");
  })"""


@pytest.mark.sweep
@needs_browser
@pytest.mark.parametrize("name", ["index", "gallery/2_layers/plot_07_moving_average"])
def test_a_page_that_takes_on_a_look_is_as_if_it_were_opened_in_it(
    site: Site, tab: Page, name: str
) -> None:
    tab.emulate_media(reduced_motion="reduce")
    tab.goto((site.folder / f"{name}.html").as_uri())
    taken = {look: tab.evaluate(_SEEN) for look in each_look(tab)}
    assert len({str(seen) for seen in taken.values()}) == 4
    for look in each_look(tab):
        tab.reload()
        tab.evaluate("document.fonts.ready")
        assert tab.evaluate(_SEEN) == taken[look], look


@needs_browser
@from_disk
@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_no_page_has_a_barrier_that_axe_finds(site: Site, tab: Page, part: int) -> None:
    found = []
    for page in list(_pages(site))[part::4]:
        tab.goto(page.as_uri())
        found += barriers_in_each_look(tab)
    assert not found


@pytest.mark.sweep
@needs_browser
@from_disk
def test_every_page_fits_the_window(site: Site, tab: Page) -> None:
    wide = {}
    widths = [390, 1280]
    for page in _pages(site):
        tab.goto(page.as_uri())
        # The width of the page before comes first.
        widths.reverse()
        for width in widths:
            tab.set_viewport_size({"width": width, "height": 900})
            wider = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            if wider > 0:
                wide[page.name, width] = wider
    assert not wide, "pixels by which pages are wider than the window"


@needs_browser
def test_axe_would_find_a_barrier(tab: Page) -> None:
    tab.set_content("<html lang=en><title>t</title><img src='data:image/gif;base64,R0lGOD'></html>")
    (found,) = barriers(tab)
    assert "image-alt at img" in found


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
@from_disk
def test_search_works_on_pages_opened_from_disk(site: Site, tab: Page) -> None:
    tab.goto((site.folder / "search.html").as_uri() + "?q=stride")
    tab.locator("#search-results li").first.wait_for()
    assert tab.locator("#search-results li a").count() > 1


@needs_browser
@from_disk
@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("stride", "3_inside/plot_11_sizes"),
        ("padding", "3_inside/plot_11_sizes"),
        ("kernel", "2_layers/plot_06_one_window"),
        ("pooling", "2_layers/plot_10_max_pool"),
        ("receptive field", "3_inside/plot_15_receptive_field"),
    ],
)
def test_search_lists_the_page_about_it_and_the_glossary_first_and_attributes_last(
    site: Site, tab: Page, query: str, page: str
) -> None:
    tab.goto(f"{(site.folder / 'search.html').as_uri()}?q={query}")
    tab.get_by_text("Search finished").wait_for()
    links = tab.locator("#search-results li a")
    found = [str(link.get_attribute("href")) for link in links.all()]
    assert found[0].startswith(f"gallery/{page}.html#")
    assert found[1] == f"glossary.html#term-{query.replace(' ', '-')}"
    pages = [place for place, link in enumerate(found) if link.startswith(("gallery", "glossary"))]
    attributes = [place for place, link in enumerate(found) if re.search(r"\.[A-Z]\w*\.", link)]
    assert max(pages) < min(attributes, default=len(found))


@needs_browser
@from_disk
def test_search_lists_a_function_first_that_is_searched_by_its_name(site: Site, tab: Page) -> None:
    tab.goto((site.folder / "search.html").as_uri() + "?q=output_size")
    first = tab.locator("#search-results li a").first
    first.wait_for()
    assert first.inner_text() == "cnnbook.shapes.output_size"


@needs_browser
def test_folded_checks_open_with_the_keyboard_and_are_not_printed(site: Site, tab: Page) -> None:
    tab.goto((site.folder / "gallery/2_layers/plot_07_moving_average.html").as_uri())
    fold = tab.locator("details.checked").first
    summary, code = fold.locator("summary"), fold.locator("pre")
    assert re.fullmatch(r"checked: \d+ claims?", summary.inner_text())
    assert not code.is_visible()
    summary.focus()
    tab.keyboard.press("Enter")
    assert code.inner_text().startswith("assert ")
    box = summary.bounding_box()
    assert box
    assert box["height"] >= 32, "high enough for a finger"
    tab.emulate_media(media="print")
    assert not fold.is_visible()
