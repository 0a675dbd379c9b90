"""What a page costs: bytes, pictures that are fetched when they are near, nothing that moves."""

import re

import pytest
from playwright.sync_api import Page
from site_browser import needs_browser
from site_builds import Site

# Bytes of a page without its figures.
MOST = 300_000
PAGES = ["index", "gallery/2_layers/index", "gallery/2_layers/plot_07_moving_average", "exercises"]


def test_no_page_is_heavy(site: Site) -> None:
    sizes = {
        path.relative_to(site.folder).as_posix(): path.stat().st_size
        for path in site.folder.rglob("*.html")
    }
    assert len(sizes) > 50
    assert not {name: size for name, size in sizes.items() if size >= MOST}


def test_every_picture_has_its_size_and_is_fetched_when_it_is_near(site: Site) -> None:
    seen = 0
    for page in site.folder.rglob("*.html"):
        article = page.read_text("utf-8").partition("<article")[2].partition("</article")[0]
        # Sphinx's own index of modules has little signs as pictures.
        for picture in re.findall(r'<img (?![^>]*class="toggler")[^>]*>', article):
            assert re.search(r' width="\d+"', picture), f"{page.name}: {picture}"
            assert re.search(r' height="\d+"', picture), f"{page.name}: {picture}"
            # What is part of the page itself is not fetched.
            assert ' loading="lazy"' in picture or 'src="data:' in picture, (
                f"{page.name}: {picture}"
            )
            seen += 1
    assert seen > 60


_SHIFT = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


# To the end of the page, with time for the pictures that come near.
_SCROLL = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  for (let place = 0; place < document.documentElement.scrollHeight; place += 600) {
    window.scrollTo(0, place);
    await frame();
    await frame();
  }
  await new Promise((done) => setTimeout(done, 200));
}"""


@pytest.mark.sweep
@needs_browser
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(
    "tab", [pytest.param({"width": width}, id=str(width)) for width in (1280, 390)], indirect=True
)
def test_nothing_moves_while_a_page_arrives_and_is_scrolled(
    site: Site, tab: Page, name: str
) -> None:
    tab.add_init_script(_SHIFT)
    tab.goto((site.folder / f"{name}.html").as_uri())
    tab.evaluate(_SCROLL)
    assert tab.evaluate("window.shifted") < 0.01


@needs_browser
def test_a_picture_without_a_size_would_be_noticed(tab: Page) -> None:
    tab.add_init_script(_SHIFT)
    tab.goto(f"data:text/html,<p id=first>one</p>{'<p>many words</p>' * 20}")
    tab.wait_for_timeout(100)
    tab.evaluate("first.style.height = '300px'")
    tab.wait_for_timeout(200)
    assert tab.evaluate("window.shifted") > 0.01


@needs_browser
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("tab", [pytest.param({"width": 640}, id="200 %")], indirect=True)
def test_at_200_percent_a_page_scrolls_in_one_direction_only(
    site: Site, tab: Page, name: str
) -> None:
    # A window of 1280 x 900 at 200 % shows what one of 640 x 450 does.
    tab.set_viewport_size({"width": 640, "height": 450})
    tab.goto((site.folder / f"{name}.html").as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= 640
    wide = """() => [...document.querySelectorAll("article :is(p, img, figure, li)")]
      .filter((one) => one.checkVisibility() && !one.closest("[tabindex], pre, table, .math"))
      .filter((one) => one.getBoundingClientRect().right > 641).map((one) => one.outerHTML)"""
    assert tab.evaluate(wide) == []
