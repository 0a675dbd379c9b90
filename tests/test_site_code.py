"""The switch "Show all code" in the header, and what it opens."""

import pytest
from playwright.sync_api import Browser, Page
from site_browser import barriers, each_look, from_disk, needs_browser
from site_builds import Site

PAGES = ("gallery/2_layers/plot_07_moving_average.html", "gallery/2_layers/plot_06_one_window.html")
pytestmark = needs_browser


def _open(site: Site, tab: Page, page: str = PAGES[0]) -> None:
    tab.goto((site.folder / page).as_uri())


def _folds(tab: Page) -> list[bool]:
    found = tab.evaluate("[...document.querySelectorAll('details.checked')].map((one) => one.open)")
    assert len(found) > 2
    return list(found)


def test_the_switch_opens_and_closes_all_and_is_remembered(site: Site, tab: Page) -> None:
    _open(site, tab)
    switch = tab.get_by_role("button", name="Show all code")
    assert switch.get_attribute("aria-pressed") == "false"
    assert set(_folds(tab)) == {False}
    switch.focus()
    tab.keyboard.press("Space")
    assert switch.get_attribute("aria-pressed") == "true"
    assert set(_folds(tab)) == {True}
    _open(site, tab, PAGES[1])
    assert switch.get_attribute("aria-pressed") == "true"
    assert set(_folds(tab)) == {True}
    switch.click()
    assert switch.get_attribute("aria-pressed") == "false"
    assert set(_folds(tab)) == {False}
    tab.reload()
    assert set(_folds(tab)) == {False}


def test_a_page_without_folded_code_has_no_switch(site: Site, tab: Page) -> None:
    for page in ("index.html", "glossary.html", "search.html", "gallery/index.html"):
        _open(site, tab, page)
        assert tab.locator(".code-switch").count() == 0, page


def test_without_javascript_there_is_no_switch(site: Site, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    _open(site, page)
    switches = page.locator(".code-switch")
    assert switches.count() > 0
    assert not any(switches.nth(at).is_visible() for at in range(switches.count()))
    context.close()


def test_the_switch_works_where_storage_is_refused(site: Site, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage',"
        " {get() { throw new DOMException('no', 'SecurityError'); }})"
    )
    _open(site, page)
    page.get_by_role("button", name="Show all code").click()
    assert set(_folds(page)) == {True}
    context.close()


@pytest.mark.parametrize("tab", [pytest.param({"width": 390}, id="390")], indirect=True)
def test_on_a_narrow_screen_the_switch_is_in_the_menu(site: Site, tab: Page) -> None:
    _open(site, tab)
    tab.locator(".primary-toggle").click()
    switch = tab.get_by_role("button", name="Show all code").last
    switch.wait_for(state="visible")
    box = switch.bounding_box()
    assert box
    assert box["height"] >= 24
    switch.click()
    assert set(_folds(tab)) == {True}


@pytest.mark.sweep
@from_disk
def test_a_page_with_all_its_code_has_no_barrier(site: Site, tab: Page) -> None:
    tab.add_init_script("localStorage.setItem('cnnbook.en.code', 'shown')")
    _open(site, tab)
    for look in each_look(tab):
        assert not barriers(tab), look
        assert set(_folds(tab)) == {True}
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), look
