"""The first page and the cards: the moving window, the doors, the questions, the copied code."""

import ast
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest
from make_moving_window import HELD, coat
from PIL import Image
from playwright.sync_api import Page
from site_browser import needs_browser
from site_builds import ROOT, Site

from cnnbook.kernels import sobel_kernel
from cnnbook.windows import window_sum

pytestmark = needs_browser


def _open_still(site: Site, tab: Page) -> None:
    tab.emulate_media(reduced_motion="reduce")
    tab.goto((site.folder / "index.html").as_uri())


def _sum(row: int, column: int) -> str:
    spelled = window_sum(coat(), sobel_kernel("x")[None, None], row=row, column=column)
    return f"Row {row}, column {column}: {spelled}"


def _shown(tab: Page) -> str:
    return tab.locator("moving-window .sum").inner_text()


@pytest.mark.parametrize("tab", [pytest.param({"scripts": False}, id="no script")], indirect=True)
def test_without_scripts_the_home_page_shows_the_finished_picture(site: Site, tab: Page) -> None:
    tab.goto((site.folder / "index.html").as_uri())
    assert _shown(tab) == _sum(*HELD)
    assert tab.locator("moving-window img").count() == 2
    assert tab.locator("moving-window :is(button, input)").count() == 0, "a control would be dead"


def test_the_moving_window_computes_what_the_library_does(site: Site, tab: Page) -> None:
    _open_still(site, tab)
    slider = tab.get_by_label("Position of the window")
    for row, column in ((0, 0), (0, 25), (25, 25), (13, 5), (4, 11), (12, 20), (7, 8)):
        slider.fill(str(26 * row + column))
        assert _shown(tab) == _sum(row, column)
        assert slider.get_attribute("aria-valuetext") == _sum(row, column)


def test_the_moving_window_rests_for_a_reader_who_wants_no_motion(site: Site, tab: Page) -> None:
    _open_still(site, tab)
    assert _shown(tab) == _sum(*HELD)
    tab.wait_for_timeout(200)
    assert _shown(tab) == _sum(*HELD)
    assert tab.locator("moving-window button").inner_text() == "Play"
    assert not tab.locator("moving-window .cover").first.is_visible()


def test_the_moving_window_fills_its_output_and_can_be_stopped(site: Site, tab: Page) -> None:
    tab.goto((site.folder / "index.html").as_uri())
    button, covers = tab.locator("moving-window button"), tab.locator("moving-window .cover")
    assert button.inner_text() == "Pause"
    tab.wait_for_function("Number(document.querySelector('moving-window input').value) > 3")
    assert covers.last.is_visible()
    button.focus()
    tab.keyboard.press("Enter")
    assert button.inner_text() == "Play"
    stopped = _shown(tab)
    tab.wait_for_timeout(200)
    assert _shown(tab) == stopped


def test_the_moving_window_follows_keys_and_pointer(site: Site, tab: Page) -> None:
    _open_still(site, tab)
    tab.get_by_label("Position of the window").focus()
    tab.keyboard.press("ArrowRight")
    assert _shown(tab) == _sum(HELD[0], HELD[1] + 1)
    panels = tab.locator("moving-window .cells")
    # The centre of the window is where the pointer is: one place further in the image.
    for panel, cells, further in ((0, 28, 1), (1, 26, 0)):
        box = panels.nth(panel).bounding_box()
        assert box
        cell = box["width"] / cells
        tab.mouse.move(
            box["x"] + (20 + further + 0.5) * cell, box["y"] + (3 + further + 0.5) * cell
        )
        assert _shown(tab) == _sum(3, 20)
        window = tab.locator("moving-window .window").nth(panel).bounding_box()
        assert window
        assert window["x"] == pytest.approx(box["x"] + 20 * cell, abs=2)
        assert window["y"] == pytest.approx(box["y"] + 3 * cell, abs=2)


@pytest.mark.parametrize(
    ("door", "page"),
    [(0, "gallery/1_why/plot_01_accuracy.html"), (1, "play.html"), (2, "teach.html")],
    ids=["read", "play", "teach"],
)
def test_a_door_opens_where_its_picture_is_clicked(
    site: Site, tab: Page, door: int, page: str
) -> None:
    _open_still(site, tab)
    cards = tab.locator(".doors .sd-card")
    assert cards.count() == 3
    picture = cards.nth(door).locator("img.only-light").bounding_box()
    assert picture
    tab.mouse.click(picture["x"] + picture["width"] / 2, picture["y"] + picture["height"] / 2)
    tab.wait_for_url(f"**/{page}")
    assert not urlparse(tab.url).fragment


def test_every_card_shows_the_question_of_its_page(site: Site) -> None:
    asked = 0
    for script in sorted((ROOT / "examples").rglob("plot_*.py")):
        part = site.folder / "gallery" / script.parent.name / "index.html"
        text = re.sub(r"<[^>]*>", "", part.read_text("utf-8"))
        docstring = ast.get_docstring(ast.parse(script.read_text("utf-8")))
        assert docstring
        # Behind the title and its line.
        question = docstring.split("\n\n")[1].translate({ord("`"): "", ord("*"): ""})
        words = " ".join(unescape(text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
        assert " ".join(question.split()) in words, script.stem
        asked += question.endswith("?")
        assert "tooltip=" not in part.read_text("utf-8")
    assert asked > 20


def _copied(tab: Page, block: str) -> str:
    """Press the copy button of a block of code, and paste what it has copied."""
    box = tab.locator(block).first
    box.hover()
    box.locator("button.copybtn").click()
    tab.evaluate("document.body.prepend(document.createElement('textarea'))")
    field = tab.locator("body > textarea")
    field.focus()
    tab.keyboard.press("ControlOrMeta+V")
    return field.input_value()


@pytest.mark.parametrize(
    ("page", "block", "expected"),
    [
        (
            "api/convolution",
            "#cnnbook\\.convolution\\.conv2d + dd .doctest .highlight",
            r"import torch\n(?:(?!>>>|\.\.\.|tensor\().*\n?)+",
        ),
        ("install", ".highlight-console .highlight", r"make site\nmake test"),
        (
            "gallery/2_layers/plot_06_one_window",
            ".highlight-Python .highlight",
            r"import torch\n(?:.*\n?)+",
        ),
    ],
)
def test_what_is_copied_is_code_without_prompts_and_outputs(
    site: Site, tab: Page, page: str, block: str, expected: str
) -> None:
    tab.goto((site.folder / f"{page}.html").as_uri())
    copied = _copied(tab, block)
    assert re.fullmatch(expected, copied.strip()), copied


def test_outputs_have_no_copy_button_and_code_has_one_for_a_finger(site: Site, tab: Page) -> None:
    tab.goto((site.folder / "gallery/2_layers/plot_07_moving_average.html").as_uri())
    button = tab.locator(".highlight-Python button.copybtn").first
    box = button.bounding_box()
    assert box
    assert min(box["width"], box["height"]) >= 24
    button.focus()
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Tab")
    # It appears within 0.3 seconds.
    tab.wait_for_function("(one) => getComputedStyle(one).opacity > 0", arg=button.element_handle())
    assert tab.locator(".sphx-glr-script-out button.copybtn").count() == 0


def test_the_script_draws_the_pictures_of_the_doors(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "docs/make_home_pictures.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    kept = sorted((ROOT / "docs/pictures").glob("*.png"))
    assert [file.name for file in kept] == sorted(file.name for file in tmp_path.glob("*.png"))
    for file in kept:
        assert file.stat().st_size < 40_000
        pixels, again = (
            np.asarray(Image.open(one).convert("RGBA"), float)
            for one in (file, tmp_path / file.name)
        )
        # Another version of matplotlib may draw its letters another way.
        assert np.abs(pixels - again).mean() < 2, file.name
