"""Looking inside figures: enlarged, by the field of a table of mistakes, shuffled and put back."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page
from site_browser import LOOKS, barriers, needs_browser
from site_builds import Site

FIGURES = "gallery/2_layers/plot_06_one_window.html"
pytestmark = needs_browser


def _open(site: Site, tab: Page, page: str) -> None:
    if not site.executed:
        pytest.skip("the site was not built with `make site`")
    tab.goto((site.folder / page).as_uri())


def _link(tab: Page) -> Locator:
    return tab.locator("a.enlarge").first


@pytest.mark.parametrize("tab", LOOKS, indirect=True)
def test_a_figure_is_enlarged_with_a_click(site: Site, tab: Page) -> None:
    _open(site, tab, FIGURES)
    link, dialog = _link(tab), tab.get_by_role("dialog", name="Enlarged figure")
    link.click()
    assert dialog.is_visible()
    (small,) = (one for one in link.locator("img").all() if one.is_visible())
    large = dialog.locator("img")
    assert large.get_attribute("alt") == small.get_attribute("alt")
    # The picture of this theme, in twice its size.
    dark = tab.evaluate("document.documentElement.dataset.theme") == "dark"
    source = str(large.get_attribute("src"))
    assert re.search(r"_2_00x\.png$", source)
    assert source.replace("_2_00x", "") == small.get_attribute("src")
    assert ("_dark" in source) == dark
    tab.wait_for_function("document.querySelector('.enlarged img').naturalWidth > 0")
    natural, width = large.evaluate(
        "(one) => [one.naturalWidth, one.getBoundingClientRect().width]"
    )
    assert natural == width == 2 * int(str(small.get_attribute("width")))
    # It stays inside the window, and what is larger is scrolled.
    box = dialog.bounding_box()
    window = tab.viewport_size
    assert box
    assert window
    assert box["width"] <= window["width"]
    assert box["height"] <= window["height"]
    inside = dialog.locator("> div")
    left = inside.evaluate("(one) => { one.scrollLeft = 9999; return one.scrollLeft; }")
    hidden = width - inside.evaluate("(one) => one.clientWidth")
    assert left == pytest.approx(max(0, hidden), abs=2)
    large.click(position={"x": width - 20, "y": 20})
    tab.locator("dialog.enlarged").wait_for(state="detached")
    assert link.evaluate("(one) => one === document.activeElement")


def test_a_figure_is_enlarged_with_the_keyboard(site: Site, tab: Page) -> None:
    _open(site, tab, FIGURES)
    link, dialog = _link(tab), tab.get_by_role("dialog", name="Enlarged figure")
    for key in ("Escape", "Enter"):
        link.focus()
        tab.keyboard.press("Enter")
        assert dialog.is_visible()
        # The focus stays in the dialog: Enter presses the button.
        assert tab.evaluate("document.activeElement.textContent") == "Close"
        tab.keyboard.press(key)
        tab.locator("dialog.enlarged").wait_for(state="detached")
        assert link.evaluate("(one) => one === document.activeElement")


def test_without_javascript_a_figure_is_a_link_to_the_large_picture(
    site: Site, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    _open(site, page, FIGURES)
    link = _link(page)
    target = str(link.get_attribute("href"))
    assert target.endswith("_2_00x.png")
    assert (site.folder / FIGURES).parent.joinpath(target).is_file()
    assert link.locator("img.only-light").is_visible()
    context.close()


@pytest.mark.parametrize("tab", LOOKS, indirect=True)
def test_an_enlarged_figure_has_no_barrier(site: Site, tab: Page) -> None:
    _open(site, tab, FIGURES)
    assert not barriers(tab, site.folder / FIGURES)
    _link(tab).click()
    assert not barriers(tab)
