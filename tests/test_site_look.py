"""Looking inside figures: enlarged, by the field of a table of mistakes, shuffled and put back."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page
from site_browser import barriers, each_look, from_disk, needs_browser
from site_builds import Site

FIGURES = "gallery/2_layers/plot_06_one_window.html"
pytestmark = needs_browser


def _open(site: Site, tab: Page, page: str) -> None:
    if not site.executed:
        pytest.skip("the site was not built with `make site`")
    tab.goto((site.folder / page).as_uri())


def _link(tab: Page) -> Locator:
    return tab.locator("a.enlarge").first


def test_a_figure_is_enlarged_with_a_click(site: Site, tab: Page) -> None:
    _open(site, tab, FIGURES)
    for _ in each_look(tab):
        _enlarge(tab)


def _enlarge(tab: Page) -> None:
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


@pytest.mark.sweep
@from_disk
def test_an_enlarged_figure_has_no_barrier(site: Site, tab: Page) -> None:
    _open(site, tab, FIGURES)
    for look in each_look(tab):
        assert not barriers(tab), look
        _link(tab).click()
        assert not barriers(tab), look
        tab.get_by_role("button", name="Close").click()


CONFUSION = "gallery/1_why/plot_01_accuracy.html"
SHUFFLE = "gallery/1_why/plot_05_shuffle.html"


def _told(tab: Page) -> dict[str, Any]:
    told = json.loads(tab.locator("confusion-browser").get_attribute("data-told") or "")
    assert isinstance(told, dict)
    return told


def _choose(tab: Page, name: str) -> None:
    tab.locator("confusion-browser").get_by_role("button", name=name, exact=True).click()


def test_a_field_of_the_confusion_matrix_shows_its_images(site: Site, tab: Page) -> None:
    _open(site, tab, CONFUSION)
    told, browser = _told(tab), tab.locator("confusion-browser")
    classes = told["classes"]
    for at, network in enumerate(told["networks"]):
        browser.get_by_role("radio", name=network).check()
        counts = told["counts"][at]
        assert sum(map(sum, counts)) in (500, 1000)
        shown = browser.locator("td button").all_inner_texts()
        assert shown == [str(count or "") for line in counts for count in line]
        # The mistake that is made most often, and a field of the diagonal.
        wrong = [(counts[r][c], r, c) for r in range(10) for c in range(10) if r != c]
        count, row, column = max(wrong)
        _choose(tab, f"{classes[row]}, predicted as {classes[column]}: {count}")
        said = browser.get_by_role("status").inner_text()
        assert said.startswith(
            f"{network}: {count} images of the class {classes[row]} were predicted as "
            f"{classes[column]}."
        )
        pictures = browser.locator(".images span")
        assert pictures.count() == min(count, told["most"])
        assert ("The first" in said) == (count > told["most"])
        for image in [i for i in told["images"] if i[0] == row and i[1 + at] == column]:
            assert image[1 + at] != image[0]
        _choose(tab, f"{classes[9]}, predicted as {classes[9]}: {counts[9][9]}")
        assert "were predicted correctly" in browser.get_by_role("status").inner_text()
    # Each picture is another part of the one file that stands in the page.
    places = pictures.evaluate_all("(all) => all.map((one) => one.style.backgroundPosition)")
    assert len(set(places)) == len(places) > 3
    assert told["sprite"].startswith("data:image/png;base64,")


def test_the_confusion_matrix_is_worked_with_the_keyboard(site: Site, tab: Page) -> None:
    _open(site, tab, CONFUSION)
    browser, told = tab.locator("confusion-browser"), _told(tab)
    assert browser.locator("td button[tabindex='0']").count() == 1
    browser.locator("td button[tabindex='0']").focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowUp")
    focused = tab.evaluate("document.activeElement.getAttribute('aria-label')")
    count = told["counts"][0][0][1]
    assert focused == f"{told['classes'][0]}, predicted as {told['classes'][1]}: {count}"
    assert tab.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    tab.keyboard.press("ArrowUp")
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == focused


def test_the_pixels_are_shuffled_and_put_back(site: Site, tab: Page) -> None:
    _open(site, tab, SHUFFLE)
    browser = tab.locator("shuffle-browser")

    def seen() -> list[str]:
        alts = browser.locator("img").evaluate_all(
            "(all) => all.filter((one) => one.checkVisibility()).map((one) => one.alt)"
        )
        return list(alts)

    before = seen()
    assert [alt.rpartition(", ")[2] for alt in before] == ["in order"] * 3
    height = browser.evaluate("(one) => one.getBoundingClientRect().height")
    browser.get_by_role("button", name="Shuffle the pixels").focus()
    tab.keyboard.press("Enter")
    assert [alt.rpartition(", ")[2] for alt in seen()] == ["shuffled"] * 3
    assert browser.get_by_role("status").inner_text() == "The pixels are shuffled."
    assert browser.evaluate("(one) => one.getBoundingClientRect().height") == height
    browser.get_by_role("button", name="Put the pixels back").click()
    assert seen() == before


def test_without_javascript_mistakes_are_listed_and_all_images_shown(
    site: Site, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    _open(site, page, CONFUSION)
    lines = page.locator("confusion-browser li").all_inner_texts()
    assert [line.partition(":")[0] for line in lines] == ["MLP", "CNN"]
    assert all(" predicted as " in line for line in lines)
    _open(site, page, SHUFFLE)
    pictures = page.locator("shuffle-browser img")
    assert [picture.is_visible() for picture in pictures.all()] == [True] * 6
    assert page.locator("shuffle-browser button, confusion-browser button").count() == 0
    context.close()


@pytest.mark.sweep
@from_disk
@pytest.mark.parametrize("page", [CONFUSION, SHUFFLE])
def test_what_can_be_looked_into_has_no_barrier_and_fits(site: Site, tab: Page, page: str) -> None:
    _open(site, tab, page)
    tab.locator("shuffle-browser > button, confusion-browser td button").first.click()
    element = "confusion-browser" if page == CONFUSION else "shuffle-browser"
    for look in each_look(tab):
        assert not barriers(tab, within=element), look
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), look
        sizes = tab.locator(f"{element} button").evaluate_all(
            "(all) => all.map((one) => Math.min(one.offsetWidth, one.offsetHeight))"
        )
        assert min(sizes) >= 24, look
