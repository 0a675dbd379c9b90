"""A page on paper: text, shown code and figures, and nothing to click on."""

import re

import pytest
from playwright.sync_api import Page
from site_browser import needs_browser
from site_builds import Site

pytestmark = needs_browser
LESSON = "gallery/2_layers/plot_07_moving_average"


def _print(site: Site, tab: Page, name: str) -> None:
    tab.goto((site.folder / f"{name}.html").as_uri())
    tab.evaluate("document.querySelectorAll('img').forEach((one) => { one.loading = 'eager'; })")
    # Whether a reader has opened them or not.
    tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    # A4 without its margins.
    tab.set_viewport_size({"width": 700, "height": 1000})
    tab.emulate_media(media="print")


@pytest.mark.parametrize("name", [LESSON, "exercises"])
def test_hints_solutions_and_checks_are_not_printed(site: Site, tab: Page, name: str) -> None:
    _print(site, tab, name)
    printed = tab.locator("article").inner_text()
    assert "Exercise 7.1" in printed
    assert tab.locator(".exercise details").count() > 3
    for fold in tab.locator(".exercise details, .checked").all():
        assert not fold.is_visible()
    assert not re.search(r"^(Hint|Solution|assert .*)$", printed, re.MULTILINE)


def test_navigation_and_buttons_are_not_printed(site: Site, tab: Page) -> None:
    _print(site, tab, LESSON)
    assert tab.locator("article h1").is_visible()
    for selector in (
        "header",
        "nav",
        "dialog",
        "button:not(td > *)",
        ".copybtn",
        ".sphx-glr-footer",
    ):
        for one in tab.locator(selector).all():
            assert not one.is_visible(), one.evaluate("(one) => one.outerHTML.slice(0, 200)")


def test_an_address_can_be_read_on_paper_and_the_dark_page_is_black_on_white(
    site: Site, tab: Page
) -> None:
    tab.emulate_media(color_scheme="dark")
    _print(site, tab, "install")
    link = tab.locator("article a.external").first
    shown = link.evaluate("(one) => getComputedStyle(one, '::after').content")
    assert shown == f'" ({link.get_attribute("href")})"'
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    colours = """() => [...document.querySelectorAll("article p, article h1, article pre span")]
      .map((one) => getComputedStyle(one).color)"""
    assert set(tab.evaluate(colours)) <= {"rgb(0, 0, 0)", "rgb(51, 51, 51)"}
    _print(site, tab, LESSON)
    grounds = """() => [...document.querySelectorAll("article :is(pre, .highlight, img, p)")]
      .filter((one) => one.checkVisibility()).map((one) => getComputedStyle(one).backgroundColor)"""
    assert set(tab.evaluate(grounds)) <= {"rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"}


def test_nothing_is_cut_off_at_the_edge_of_the_paper(site: Site, tab: Page) -> None:
    _print(site, tab, LESSON)
    wide = """() => [...document.querySelectorAll("article :is(img, pre, table, .math, p)")]
      .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > 701)
      .map((one) => one.outerHTML.slice(0, 200))"""
    assert tab.evaluate(wide) == []
    paper = tab.pdf(format="A4")
    sheets = len(re.findall(rb"/Type\s*/Page\b", paper))
    assert 2 <= sheets <= 8
