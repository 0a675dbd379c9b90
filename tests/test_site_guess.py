"""Guess first, in a browser: what is covered, what uncovers it, and who never sees a cover."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from site_browser import barriers_in_each_look, each_look, from_disk, needs_browser
from site_builds import Site

PAGE = "gallery/2_layers/plot_07_moving_average.html"
pytestmark = needs_browser


def _open(site: Site, tab: Page, page: str = PAGE, anchor: str = "") -> None:
    tab.goto((site.folder / page).as_uri() + anchor)


def _covers(tab: Page, box: str) -> list[bool]:
    """Say of each part that a guess covers whether it is visible."""
    covers = tab.locator(f"guess-cover[for={box}] > div")
    return [covers.nth(at).is_visible() for at in range(covers.count())]


def _words(tab: Page, box: str) -> dict[str, Any]:
    told = json.loads(tab.locator(f"#{box}").get_attribute("data-guess") or "")
    assert isinstance(told, dict)
    return told


def test_a_result_is_covered_until_a_guess_which_then_stands_beside_it(
    site: Site, tab: Page
) -> None:
    _open(site, tab)
    box = tab.locator("#guess-1")
    answer = tab.get_by_text("There are nine windows, three in each direction")
    question = tab.get_by_text("Before you look: how many windows")
    assert question.is_visible()
    assert not answer.is_visible()
    assert set(_covers(tab, "guess-1")) == {False}
    # The code of the cell stays open.
    assert tab.locator("pre", has_text="result = average(image)").first.is_visible()
    field = box.get_by_role("textbox", name="Windows, and the first number")
    described = field.get_attribute("aria-describedby")
    assert tab.locator(f"#{described}").inner_text().startswith("Before you look: how many windows")
    field.fill("<b>nine</b>, 2.5")
    box.get_by_role("button", name="This is my guess").click()
    assert answer.is_visible()
    assert set(_covers(tab, "guess-1")) == {True}
    said = tab.locator("guess-cover[for=guess-1] .guess-said")
    assert said.all_inner_texts() == ["You guessed: <b>nine</b>, 2.5"]
    assert set(_covers(tab, "guess-2")) == {False}, "another guess has a cover of its own"
    tab.reload()
    assert answer.is_visible(), "a guess is kept"
    assert said.all_inner_texts() == ["You guessed: <b>nine</b>, 2.5"]
    box.get_by_role("button", name="Cover again").click()
    assert not answer.is_visible()
    tab.reload()
    assert not answer.is_visible()
    assert said.count() == 0


def test_the_answer_can_be_shown_without_a_guess(site: Site, tab: Page) -> None:
    _open(site, tab)
    box = tab.locator("#guess-1")
    box.get_by_role("button", name="This is my guess").click()
    assert box.get_by_role("status").inner_text() == _words(tab, "guess-1")["texts"]["missing"]
    assert set(_covers(tab, "guess-1")) == {False}
    box.get_by_role("button", name="Show the answer").click()
    assert set(_covers(tab, "guess-1")) == {True}
    assert tab.locator(".guess-said").count() == 0
    assert box.get_by_role("status").inner_text() == _words(tab, "guess-1")["texts"]["shown"]


def test_a_guess_is_made_with_the_keyboard_alone(site: Site, tab: Page) -> None:
    _open(site, tab, "gallery/2_layers/plot_10_max_pool.html")
    boxes = tab.locator("guess-box")
    at = next(at for at in range(boxes.count()) if boxes.nth(at).get_by_role("radio").count())
    box = boxes.nth(at)
    name = box.get_attribute("id") or ""
    choices = _words(tab, name)["choices"]
    assert box.get_by_role("radio").count() == len(choices) == 3
    box.get_by_role("radio").first.focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    assert set(_covers(tab, name)) == {True}
    said = tab.locator(f"guess-cover[for={name}] .guess-said").first
    assert said.inner_text() == f"You guessed: {choices[1]}"
    # The focus is on what takes the place of the buttons.
    assert tab.evaluate("document.activeElement.textContent") == "Cover again"
    tab.keyboard.press("Enter")
    assert set(_covers(tab, name)) == {False}
    assert tab.evaluate("document.activeElement.type") == "radio"


def test_nothing_that_is_covered_is_reached_with_tab(site: Site, tab: Page) -> None:
    _open(site, tab)
    hidden = tab.evaluate(
        "[...document.querySelectorAll('guess-cover a, guess-cover pre, guess-cover summary')]"
        ".filter((one) => { one.focus(); return document.activeElement === one; }).length"
    )
    inside = tab.locator("guess-cover :is(a, pre, summary)").count()
    assert inside >= 3
    assert hidden == 0


def test_a_link_into_a_cover_opens_it(site: Site, tab: Page) -> None:
    _open(site, tab)
    tab.evaluate("document.querySelector('guess-cover[for=guess-2] p').id = 'here'")
    tab.evaluate("location.hash = '#here'")
    tab.locator("#here").wait_for(state="visible")
    assert set(_covers(tab, "guess-2")) == {True}
    assert set(_covers(tab, "guess-1")) == {False}
    tab.locator("#guess-2").get_by_role("button", name="Cover again").click()
    tab.evaluate(
        "document.querySelector('#guess-2').insertAdjacentHTML('beforebegin',"
        '\'<a href="#here" id="again">again</a>\')'
    )
    tab.locator("#again").click()
    tab.locator("#here").wait_for(state="visible")


def test_what_is_covered_is_never_painted(site: Site, tab: Page) -> None:
    # The cover is there as soon as the parser has read its start tag.
    tab.add_init_script(
        "new MutationObserver(() => document.querySelectorAll('guess-cover > div')"
        ".forEach((one) => { if (one.checkVisibility()) window.seen = true; }))"
        ".observe(document, {childList: true, subtree: true})"
    )
    _open(site, tab)
    assert tab.locator("guess-cover").count() > 3
    assert tab.evaluate("window.seen") is None


def test_on_paper_nothing_is_covered(site: Site, tab: Page) -> None:
    _open(site, tab)
    tab.emulate_media(media="print")
    boxes = tab.locator("guess-box")
    assert boxes.count() > 2
    assert not any(boxes.nth(at).is_visible() for at in range(boxes.count()))
    assert set(_covers(tab, "guess-1")) == {True}
    assert tab.get_by_text("There are nine windows, three in each direction").is_visible()


def test_without_javascript_nothing_is_covered(site: Site, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    _open(site, page)
    assert set(_covers(page, "guess-1")) == {True}
    assert page.locator("guess-box").first.inner_text() == ""
    box = page.locator("guess-box").first.bounding_box()
    assert box is None or box["height"] == 0
    context.close()


def test_a_refused_or_damaged_storage_stops_no_guess(site: Site, tab: Page) -> None:
    for script in (
        "Object.defineProperty(window, 'localStorage',"
        " {get() { throw new DOMException('no', 'SecurityError'); }})",
        "localStorage.setItem('cnnbook.en.guesses', '[1, {')",
        "localStorage.setItem('cnnbook.en.guesses', 'null')",
    ):
        page = tab.context.new_page()
        page.add_init_script(script)
        _open(site, page)
        page.locator("#guess-1 input").fill("9")
        page.locator("#guess-1").get_by_role("button", name="This is my guess").click()
        assert set(_covers(page, "guess-1")) == {True}
        said = page.locator("guess-cover[for=guess-1] .guess-said").first
        assert said.inner_text() == "You guessed: 9"
        page.close()


@pytest.mark.sweep
@from_disk
def test_guesses_have_no_barrier_and_fit(site: Site, tab: Page) -> None:
    _open(site, tab, "gallery/2_layers/plot_10_max_pool.html")
    assert not barriers_in_each_look(tab)
    tab.locator("guess-box").nth(1).get_by_role("radio").nth(1).check()
    for button in tab.get_by_role("button", name="This is my guess").all()[1:2]:
        button.click()
    heights = """() =>
      [...document.querySelectorAll("guess-box :is(button, input[type=text], fieldset label)")]
      .filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect().height)"""
    for look in each_look(tab):
        sizes = tab.evaluate(heights)
        assert len(sizes) > 5
        assert min(sizes) >= 24, look
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), look


def test_every_guess_of_the_book_covers_something_and_has_its_own_key(site: Site) -> None:
    from bs4 import BeautifulSoup

    keys: list[str] = []
    for path in sorted(Path(site.folder, "gallery").glob("*/plot_*.html")):
        page = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        boxes = page.find_all("guess-box")
        covered = {cover["for"] for cover in page.find_all("guess-cover")}
        assert boxes, f"{path.name} asks for no guess"
        for box in boxes:
            assert box["id"] in covered, f"{path.name}: {box['id']}"
            keys.append(json.loads(str(box["data-guess"]))["key"])
        # What is covered holds no question of another guess.
        for box in boxes:
            assert box.find_parent("guess-cover") is None, path.name
            asked = page.find(id=str(box.get("data-question", "")))
            assert asked is None or asked.find_parent("guess-cover") is None, path.name
    assert len(keys) > 150
    assert len(set(keys)) == len(keys)
