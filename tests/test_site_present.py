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

# One walk through a page: all blocks with covered guesses, the page as it was, all blocks with their
# results. Returns what is wrong, as text.
WALK = """() => {
  const {presentation} = window.cnnbook, {article} = presentation, root = document.documentElement;
  // No picture is loaded ahead: their sizes are in the page.
  window.Image = function () {};
  const wrong = [], html = () => article.outerHTML, before = html();
  const boxes = [...document.querySelectorAll('guess-box')];
  const place = () => `${presentation.number + 1} of ${presentation.blocks.length}`;
  const tooTall = (block) => block.length === 1 && ['figure', 'widget'].includes(block[0].kind);
  const fits = () => {
    const {scrollHeight, clientHeight, scrollWidth, clientWidth} = article;
    if (scrollHeight > clientHeight + 1 && !tooTall(presentation.block))
      wrong.push(`${place()}: ${scrollHeight - clientHeight} px are cut off`);
    if (scrollWidth > clientWidth) wrong.push(`${place()}: ${scrollWidth - clientWidth} px too wide`);
  };
  const walk = (look) => {
    for (let number = 0; number < presentation.blocks.length; number += 1) {
      presentation.show(number);
      look();
    }
  };
  presentation.start();
  if (boxes.some((box) => box.guess !== null)) wrong.push('a guess is not covered');
  walk(fits);
  presentation.leave();
  if (html() !== before) wrong.push('the page is not as before');

  // What is to be seen: all words of the page, with its results.
  boxes.forEach((box) => box.open(''));
  const words = new Set();
  const nodes = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) {
    const node = nodes.currentNode, parent = node.parentElement;
    if (node.data.trim() && parent.checkVisibility() && !parent.closest(
      '.made-with-title, .made-with, .sphx-glr-footer, .headerlink, script, .visually-hidden'))
      words.add(node);
  }
  presentation.start();
  boxes.forEach((box) => box.open(''));
  const unit = parseFloat(getComputedStyle(root).fontSize) / 28;
  const range = document.createRange();
  walk(() => {
    fits();
    const screen = article.getBoundingClientRect();
    for (const {item, kind, slice} of presentation.block) {
      const box = slice ? slice.scroller.getBoundingClientRect() : screen;
      const tall = tooTall(presentation.block);
      const inner = document.createTreeWalker(item, NodeFilter.SHOW_TEXT);
      while (inner.nextNode()) {
        const node = inner.currentNode;
        if (!words.has(node)) continue;
        range.selectNodeContents(node);
        const rect = range.getBoundingClientRect();
        if (rect.right > box.right + 1 || rect.left < box.left - 1)
          wrong.push(`${place()}: beside the screen: ${node.data.slice(0, 40)}`);
        if (!tall && (rect.bottom > box.bottom + 1 || rect.top < box.top - 1)) {
          // A slice shows some lines of a text; the others are in other slices.
          if (!slice) wrong.push(`${place()}: not on the screen: ${node.data.slice(0, 40)}`);
          if (rect.bottom < box.top + 1 || rect.top > box.bottom - 1) continue;
        }
        words.delete(node);
        const parent = node.parentElement;
        if (parent.closest('math')) continue;
        const size = parseFloat(getComputedStyle(parent).fontSize) * parent.currentCSSZoom / unit;
        const least = kind === 'widget' ? 13 : item.matches('p') && item === parent ? 27.9 : 18;
        if (size < least - 0.05 || size > 52)
          wrong.push(`${place()}: ${size.toFixed(1)} px: ${node.data.slice(0, 40)}`);
      }
    }
  });
  words.forEach((node) => wrong.push(`never shown: ${node.data.slice(0, 40)}`));
  const blocks = presentation.blocks.length;
  presentation.leave();
  return {blocks, wrong: wrong.slice(0, 20)};
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
    for page in pages:
        tab.set_viewport_size({"width": 1280, "height": 720})
        tab.goto(page.as_uri(), wait_until="domcontentloaded")
        for width, height in ((1280, 720), (1920, 1080)):
            tab.set_viewport_size({"width": width, "height": height})
            said = tab.evaluate(WALK)
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
