"""Present mode, in a browser: what fits on the screen, which keys move, and what comes back."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from site_browser import FROM_DISK, barriers, needs_browser
from site_builds import Site

PAGE = "gallery/2_layers/plot_07_moving_average.html"
pytestmark = needs_browser

# What is asked of every block, once on the small screen and once on the large one. Guesses are opened
# and covered without being kept. Returns the number of blocks, and what is wrong with them.
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
    if (!node.data.trim() || parentElement.closest(
      '.made-with-title, .made-with, .sphx-glr-footer, .headerlink, script, guess-box')) return false;
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
  if (first) {
    window.before = article.outerHTML;
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
    presentation.show(number);
    if (presentation.block.some(({item}) => item.closest('guess-cover'))) {
      fits();
      guess('');
      presentation.refresh();
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
        if (parentElement.closest('math')) continue;
        const size = parseFloat(getComputedStyle(parentElement).fontSize)
          * parentElement.currentCSSZoom / unit;
        const least = kind === 'widget' ? 13 : item === parentElement && item.matches('p') ? 28 : 18;
        if (size < least - 0.1 || size > 52) complain(`${size.toFixed(1)} px: ${node.data}`);
      }
    }
    if (boxes.length) guess(null);
  }
  missing.forEach((node) => wrong.push(`never shown: ${node.data}`));
  const blocks = presentation.blocks.length;
  if (!first) {
    presentation.leave();
    if (article.outerHTML !== window.before) wrong.push('the page is not as before');
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


def _walk(tab: Page, pages: list[Path]) -> int:
    """Walk through pages on both screens and return how many blocks they have on the smaller."""
    found: dict[str, list[str]] = {}
    blocks = 0
    # Nothing plays by itself.
    tab.emulate_media(reduced_motion="reduce")
    for page in pages:
        tab.set_viewport_size({"width": 1280, "height": 720})
        tab.goto(page.as_uri())
        for width, height in ((1280, 720), (1920, 1080)):
            tab.set_viewport_size({"width": width, "height": height})
            said = tab.evaluate(WALK, width == 1280)
            blocks += said["blocks"] * (width == 1280)
            if said["wrong"]:
                found[f"{page.name} at {width}"] = said["wrong"]
    assert not found, json.dumps(found, indent=1)
    return blocks


def test_every_page_of_the_gallery_fits_block_by_block(site: Site, tab: Page) -> None:
    pages = sorted(Path(site.folder, "gallery").glob("*/plot_*.html"))
    assert len(pages) == 28
    assert _walk(tab, pages) > 28 * 15


def test_other_pages_fit_block_by_block(site: Site, tab: Page) -> None:
    names = ["index", "install", "glossary", "exercises", "benchmarks", "play", "references"]
    assert _walk(tab, [site.folder / f"{name}.html" for name in names]) > 100


@pytest.mark.long
def test_the_pages_of_the_library_fit_block_by_block(site: Site, tab: Page) -> None:
    assert _walk(tab, sorted(Path(site.folder, "api").glob("*.html"))) > 500
