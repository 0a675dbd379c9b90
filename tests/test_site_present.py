"""Present mode, in a browser: what fits on the screen, which keys move, and what comes back."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from site_browser import FROM_DISK, barriers, needs_browser
from site_builds import Site

PAGE = "gallery/2_layers/plot_07_moving_average.html"
pytestmark = needs_browser

# What is asked of every block, once on the small screen and once on the large one. Guesses are
# opened and covered without being kept. Returns the number of blocks, and what is wrong with them.
WALK = """async (first) => {
  const {presentation} = window.cnnbook, {article} = presentation;
  const boxes = [...document.querySelectorAll('guess-box')], range = document.createRange();
  const guess = (said) => boxes.forEach((box) => { box.guess = said; box.show(); });
  const wrong = [];
  const complain = (text) => wrong.push(`${presentation.number + 1}: ${text}`);
  const isScrolled = () => presentation.block.length === 1
    && ['figure', 'widget'].includes(presentation.block[0].kind);
  const isSeen = (node) => {
    const {parentElement} = node;
    const leftOut =
      '.board, .made-with-title, .made-with, .sphx-glr-footer, .headerlink, script, guess-box';
    if (!node.data.trim() || parentElement.closest(leftOut)) return false;
    return parentElement.checkVisibility()
      || parentElement.closest('guess-cover') && !parentElement.closest('details');
  };
  const texts = (inside) => {
    const found = [], walker = document.createTreeWalker(inside, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) found.push(walker.currentNode);
    return found;
  };
  const fits = () => {
    const {scrollHeight, clientHeight, scrollWidth, clientWidth} = article;
    if (scrollHeight > clientHeight + 1 && !isScrolled())
      complain(`${scrollHeight - clientHeight} px are cut off`);
    if (scrollWidth > clientWidth) complain(`${scrollWidth - clientWidth} px too wide`);
  };
  // What is inside of a widget is its own matter.
  const html = () => {
    const copy = article.cloneNode(true);
    copy.querySelectorAll('conv-explorer, kernel-learner, live-network, moving-window')
      .forEach((widget) => widget.remove());
    // Some time after the window has changed, the theme lets the keyboard reach what scrolls.
    copy.querySelectorAll('pre').forEach((one) => one.removeAttribute('tabindex'));
    return copy.outerHTML;
  };
  if (first) {
    window.before = html();
    window.words = texts(article).filter(isSeen);
    // No picture is loaded ahead: their sizes are in the page.
    window.Image = function () {};
    presentation.start();
    if (boxes.some((box) => box.guess !== null)) complain('a guess is not covered');
  } else {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  }
  const unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / 28;
  const missing = new Set(window.words);
  for (let number = 0; number < presentation.blocks.length; number += 1) {
    presentation.number = number;
    presentation.mark();
    const isCovered = presentation.block.some(({item}) => item.closest('guess-cover'));
    if (isCovered) {
      fits();
      guess('');
      presentation.mark();
    }
    fits();
    for (const {item, kind, slice} of presentation.block) {
      const box = (slice ? slice.scroller : article).getBoundingClientRect();
      for (const node of texts(item)) {
        if (!missing.has(node)) continue;
        range.selectNodeContents(node);
        const rect = range.getBoundingClientRect();
        if (rect.right > box.right + 1 || rect.left < box.left - 1)
          complain(`beside the screen: ${node.data}`);
        // A slice shows some lines; the others are in other slices.
        const above = rect.bottom < box.top + 2, below = rect.top > box.bottom - 2;
        if (slice && (above || below)) continue;
        if (!slice && !isScrolled() && (rect.bottom > box.bottom + 1 || rect.top < box.top - 1))
          complain(`not on the screen: ${node.data}`);
        missing.delete(node);
        const {parentElement} = node;
        if (parentElement.closest('math, svg')) continue;
        const size = parseFloat(getComputedStyle(parentElement).fontSize)
          * parentElement.currentCSSZoom / unit;
        const isText = item === parentElement && item.matches('p');
        const least = kind === 'widget' ? 13 : isText ? 28 : 18;
        if (size < least - 0.1 || size > 52) complain(`${size.toFixed(1)} px: ${node.data}`);
      }
    }
    if (isCovered) guess(null);
  }
  missing.forEach((node) => wrong.push(`never shown: ${node.data}`));
  const blocks = presentation.blocks.length;
  if (!first) {
    presentation.leave();
    const after = html(), at = [...after].findIndex((one, at) => one !== window.before[at]);
    if (after !== window.before) wrong.push(`not as before: ${after.slice(at, at + 50)}`);
  }
  return {blocks, wrong: wrong.slice(0, 20).map((text) => text.slice(0, 70))};
}"""


def _open(site: Site, tab: Page, page: str = PAGE, query: str = "?present") -> None:
    tab.goto((site.folder / page).as_uri() + query, wait_until="domcontentloaded")


def _number(tab: Page) -> int:
    said = tab.locator(".present-position").inner_text()
    assert re.fullmatch(r"\d+ of \d+", said)
    return int(said.split()[0])


def _press(tab: Page, keys: str) -> list[int]:
    """Press keys one after another and return which block each of them has led to."""
    numbers = []
    for key in keys.split():
        tab.keyboard.press(key)
        numbers.append(_number(tab))
    return numbers


def walk(tab: Page, pages: list[Path]) -> int:
    """Walk through pages on both screens and return how many blocks they have on the smaller."""
    found: dict[str, list[str]] = {}
    blocks = 0
    # Nothing plays by itself.
    tab.emulate_media(reduced_motion="reduce")
    for page in pages:
        tab.set_viewport_size({"width": 1280, "height": 720})
        tab.goto(page.as_uri(), wait_until="domcontentloaded")
        for width, height in ((1280, 720), (1920, 1080)):
            tab.set_viewport_size({"width": width, "height": height})
            tab.wait_for_function(
                "(size) => `${innerWidth} ${innerHeight}` === size", arg=f"{width} {height}"
            )
            said = tab.evaluate(WALK, width == 1280)
            blocks += said["blocks"] * (width == 1280)
            if said["wrong"]:
                found[f"{page.name} at {width}"] = said["wrong"]
    assert not found, json.dumps(found, indent=1)
    return blocks


# One test for each part, so that several workers share the pages.
@pytest.mark.sweep
@pytest.mark.parametrize("part", ["1_why", "2_layers", "3_inside", "4_training", "5_beyond"])
def test_every_page_of_the_gallery_fits_block_by_block(site: Site, tab: Page, part: str) -> None:
    pages = sorted(Path(site.folder, "gallery", part).glob("plot_*.html"))
    assert len(pages) >= 5
    assert walk(tab, pages) > 15 * len(pages)


@pytest.mark.sweep
def test_other_pages_fit_block_by_block(site: Site, tab: Page) -> None:
    names = ["index", "install", "glossary", "exercises", "benchmarks", "play", "references"]
    assert walk(tab, [site.folder / f"{name}.html" for name in names]) > 100


@pytest.mark.long
def test_the_pages_of_the_library_fit_block_by_block(site: Site, tab: Page) -> None:
    assert walk(tab, sorted(Path(site.folder, "api").glob("*.html"))) > 500


def test_keys_move_and_escape_returns_to_the_same_place(site: Site, tab: Page) -> None:
    tab.set_viewport_size({"width": 1280, "height": 720})
    tab.goto((site.folder / PAGE).as_uri())
    tab.evaluate(
        "document.getElementById('three-ways-to-the-same-numbers')"
        ".scrollIntoView({behavior: 'instant'})"
    )
    place = tab.evaluate("scrollY")
    assert place > 500
    # Playwright's own click would scroll the page.
    tab.locator(".present-button").first.dispatch_event("click")
    start = _number(tab)
    assert tab.locator("#three-ways-to-the-same-numbers > h2").is_visible()
    assert not tab.locator(".bd-header, .bd-sidebar-primary, .bd-footer").first.is_visible()
    moves = _press(tab, "PageDown Space ArrowRight ArrowDown PageUp Shift+Space ArrowLeft ArrowUp")
    assert [at - start for at in moves] == [1, 2, 3, 4, 3, 2, 1, 0]
    # A screen reader reads what has the focus.
    assert tab.evaluate("document.activeElement.closest('article') !== null")
    tab.keyboard.press("Escape")
    assert tab.evaluate("scrollY") == place
    assert "?" not in tab.url
    assert not tab.evaluate("document.documentElement.classList.contains('presenting')")
    # After a move, Escape returns to what was shown last.
    tab.locator(".present-button").first.dispatch_event("click")
    assert _press(tab, "Home") == [1]
    last = _press(tab, "End")[0]
    assert tab.locator(".present-next").is_disabled()
    onward = tab.locator(".present-onward").get_attribute("href") or ""
    assert onward.endswith("plot_08_many_images.html?present")
    assert _press(tab, "PageDown") == [last]
    tab.locator(".present-previous").click()
    assert _number(tab) == last - 1
    # The address follows a little later.
    tab.wait_for_function(f"location.search === '?present={last - 1}'")
    tab.reload()
    assert _number(tab) == last - 1
    tab.locator(".present-leave").click()
    assert tab.evaluate("scrollY") > place
    # An anchor says where to begin; letters and keys with Control do nothing.
    _open(site, tab, query="?present#a-larger-window")
    assert tab.locator("#a-larger-window > h2").is_visible()
    assert len(set(_press(tab, "n j Control+PageDown Enter"))) == 1


def test_keys_belong_to_what_has_the_focus(site: Site, tab: Page) -> None:
    tab.set_viewport_size({"width": 1280, "height": 720})
    _open(site, tab, query="?present#guess-1")
    here = _number(tab)
    field = tab.locator("#guess-1").get_by_role("textbox")
    field.fill("nine")
    assert _press(tab, "ArrowLeft Home Space") == [here] * 3
    assert field.input_value() == " nine"
    tab.locator("#guess-1").get_by_role("button", name="Show the answer").focus()
    assert _press(tab, "ArrowRight Space") == [here, here]
    assert _press(tab, "PageDown") == [here + 1], "a clicker moves from everywhere"
    # A fold opens with Space, and what is then too tall is scrolled before the next block.
    tab.evaluate("location.hash = '#exercise-7-3'")
    tab.locator("#exercise-7-3").wait_for(state="visible")
    here = _number(tab)
    tab.locator("#exercise-7-3 summary", has_text="Solution").focus()
    assert _press(tab, "Space") == [here]
    assert tab.locator("#exercise-7-3 details pre").first.is_visible()
    moves = _press(tab, "PageDown PageDown")
    assert moves == [here, here + 1]
    # The arrows of a widget, here of a matrix of buttons.
    if site.executed:
        _open(site, tab, "gallery/1_why/plot_01_accuracy.html", "")
        tab.evaluate(
            "window.cnnbook.presentation.start(document.querySelector('confusion-browser'))"
        )
        here = _number(tab)
        tab.locator("confusion-browser td button").first.click()
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press("ArrowDown")
        assert _number(tab) == here
        assert tab.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
        # A figure that is enlarged closes with Escape, and the presentation stays.
        tab.evaluate("window.cnnbook.presentation.start(document.querySelector('a.enlarge'))")
        tab.locator("a.enlarge:visible").click()
        tab.locator("dialog.enlarged").wait_for(state="visible")
        tab.keyboard.press("Escape")
        tab.locator("dialog.enlarged").wait_for(state="detached")
        assert tab.locator(".present-bar").count() >= 1


def test_guesses_and_answers_are_hidden_and_come_back(site: Site, tab: Page) -> None:
    tab.set_viewport_size({"width": 1280, "height": 720})
    kept = {"key": ""}
    tab.goto((site.folder / PAGE).as_uri())
    guess = tab.locator("#guess-1").get_by_role("textbox")
    guess.fill("my own guess")
    tab.locator("#guess-1").get_by_role("button", name="This is my guess").click()
    answer = tab.locator("#exercise-7-2 answer-field input")
    answer.fill("[1, 1, 24, 16]")
    tab.locator("#exercise-7-2").get_by_role("button", name="Check").click()
    verdict = tab.locator("#exercise-7-2 .answer-verdict")
    said, kept["key"] = verdict.inner_text(), tab.evaluate("JSON.stringify(localStorage)")
    solved = tab.locator("#exercise-7-2 .exercise-solved")
    assert solved.is_visible()

    tab.goto((site.folder / PAGE).as_uri() + "?present#guess-1")
    assert guess.input_value() == ""
    assert tab.locator("guess-cover[for=guess-1]:not([covered])").count() == 0
    # The result is uncovered with its own button, on this block or the next.
    tab.keyboard.press("PageDown")
    tab.locator("#guess-1").get_by_role("button", name="Show the answer").click()
    tab.get_by_text("There are nine windows, three in each direction").wait_for(state="visible")
    tab.evaluate("location.hash = '#exercise-7-2'")
    answer.wait_for(state="visible")
    assert answer.input_value() == ""
    assert not verdict.is_visible() or verdict.inner_text() == ""
    assert not solved.is_visible()
    answer.fill("3")
    tab.locator("#exercise-7-2").get_by_role("button", name="Check").click()
    assert verdict.inner_text() not in ("", said)
    answer.press("Escape")
    assert answer.input_value() == "[1, 1, 24, 16]"
    assert verdict.inner_text() == said
    assert guess.input_value() == "my own guess"
    assert tab.evaluate("JSON.stringify(localStorage)") == kept["key"]
    assert solved.is_visible()


@pytest.mark.parametrize(
    "tab",
    [pytest.param({"scheme": one, "forgiven": FROM_DISK}, id=one) for one in ("light", "dark")],
    indirect=True,
)
def test_a_presentation_has_no_barrier_and_prints_the_page(site: Site, tab: Page) -> None:
    tab.set_viewport_size({"width": 1280, "height": 720})
    for anchor in ("#guess-1", "#exercise-7-1"):
        _open(site, tab, query=f"?present{anchor}")
        # The colours of code come with a style sheet of their own.
        tab.wait_for_load_state()
        assert not barriers(tab)
        sizes = tab.evaluate(
            "[...document.querySelectorAll('.present-bar button:not([hidden])')]"
            ".map((one) => one.getBoundingClientRect())"
            ".map((box) => Math.min(box.width, box.height))"
        )
        assert len(sizes) >= 3
        assert min(sizes) >= 44
    tab.emulate_media(media="print")
    assert tab.get_by_text("In torch it is").count() == 0
    assert tab.locator("#the-moving-average > h1").is_visible()
    assert tab.locator("#on-an-image-of-a-shoe > h2").is_visible()
    assert not tab.locator(".present-bar").is_visible()
    assert tab.evaluate("getComputedStyle(document.documentElement).fontSize") == "16px"


def test_a_new_size_keeps_the_block_and_a_telephone_can_present(site: Site, tab: Page) -> None:
    tab.set_viewport_size({"width": 1280, "height": 720})
    _open(site, tab, query="?present#a-larger-window")
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.wait_for_function("window.cnnbook.presentation.width < 390")
    assert tab.locator("#a-larger-window > h2").is_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.locator(".present-leave").click()
    tab.locator(".primary-toggle").dispatch_event("click")
    button = tab.get_by_role("button", name="Present").last
    button.wait_for(state="visible")
    button.click()
    assert tab.locator("#a-larger-window > h2").is_visible()


def test_without_javascript_there_is_no_button(site: Site, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site.folder / PAGE).as_uri() + "?present")
    buttons = page.locator(".present-button")
    assert buttons.count() > 0
    assert not any(buttons.nth(at).is_visible() for at in range(buttons.count()))
    assert page.locator("#a-larger-window > h2").is_visible()
    context.close()
