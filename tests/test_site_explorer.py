"""The convolution explorer as a reader meets it: keys, pointer, finger, links, tasks, a monkey."""

import json
import random
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import torch
from explorer import TEXTS
from explorer_data import TASKS, images, kernels, task_query
from playwright.sync_api import Browser, Locator, Page, expect
from site_browser import (
    barriers,
    barriers_in_each_look,
    each_look,
    from_disk,
    needs_browser,
)
from site_builds import Site
from test_explorer_arithmetic import SOLUTIONS

pytestmark = needs_browser

LESSON = "gallery/2_layers/plot_07_moving_average.html"


def _open(site: Site, tab: Page, query: str = "", page: str = "play.html") -> Locator:
    tab.goto((site.folder / page).as_uri() + (f"?{query}" if query else ""))
    explorer = tab.locator("conv-explorer").first
    explorer.and_(tab.locator("[data-ready]")).wait_for(state="attached")
    return explorer


def _marked(explorer: Locator, panel: str, kind: str) -> list[list[int]]:
    """Return the places with a mark, in the order of the table."""
    found: list[list[int]] = explorer.locator(f".panel.{panel} td.{kind}").evaluate_all(
        "(all) => all.map((one) => [Number(one.dataset.row), Number(one.dataset.column)])"
    )
    return found


def _cell(explorer: Locator, panel: str, row: int, column: int) -> Locator:
    place = f"td[data-row='{row}'][data-column='{column}'] button"
    return explorer.locator(f".panel.{panel} {place}")


def _sum(explorer: Locator) -> str:
    return explorer.locator(".sum").inner_text()


def _shown(explorer: Locator, panel: str = "output") -> list[list[float]]:
    rows: list[list[float]] = explorer.locator(f".panel.{panel} tr:has(button)").evaluate_all(
        "(all) => all.map((row) => [...row.querySelectorAll('button')].map((one) =>"
        " Number(one.textContent)))"
    )
    return rows


def _stages(query: str) -> list[torch.Tensor]:
    """Compute with torch what a link shows: convolution, ReLU, MaxPool."""
    given = {name: values[0] for name, values in parse_qs(query).items()}
    known = {
        # To one decimal: as float32, 0.1 is 0.10000000149.
        "image": {name: (one.pixels.double() * 10).round() / 10 for name, one in images().items()},
        "kernel": {name: one.double() for name, (_, one) in kernels().items()},
    }

    def grid(name: str) -> torch.Tensor:
        if given[name] in known[name]:
            return known[name][given[name]]
        rows = [[float(value) for value in line.split(",")] for line in given[name].split(";")]
        return torch.tensor(rows, dtype=torch.float64)

    image, kernel = grid("image"), grid("kernel")
    output = torch.nn.functional.conv2d(
        image[None, None],
        kernel[None, None],
        torch.tensor([float(given.get("bias", 0))], dtype=torch.float64),
        stride=int(given.get("stride", 1)),
        padding=int(given.get("padding", 0)),
        dilation=int(given.get("dilation", 1)),
    )[0]
    rectified = output.relu() if given.get("relu") == "1" else output
    pool = int(given.get("pool", 0))
    if pool and min(output.shape[1:]) < pool:
        return [output[0], rectified[0], torch.empty(0)]
    pooled = torch.nn.functional.max_pool2d(rectified, pool) if pool else rectified
    return [output[0], rectified[0], pooled[0]]


def test_by_the_keyboard_window_pixels_and_weights(site: Site, tab: Page) -> None:
    explorer = _open(site, tab)
    assert _sum(explorer) == "0.25*0 + 0.25*1 + 0.25*4 + 0.25*5 = 2.5"
    # One stop of Tab for each grid.
    assert explorer.locator("td button[tabindex='0']").count() == 2
    _cell(explorer, "output", 0, 0).focus()
    for key in (
        "ArrowDown",
        "ArrowRight",
        "ArrowUp",
        "ArrowUp",
        "ArrowLeft",
        "ArrowDown",
        "ArrowRight",
    ):
        tab.keyboard.press(key)
    assert _sum(explorer) == "0.25*5 + 0.25*6 + 0.25*9 + 0.25*10 = 7.5"
    assert _marked(explorer, "image", "seen") == [[1, 1], [1, 2], [2, 1], [2, 2]]
    focused = tab.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == "row 1, column 1: 7.5"
    # With Alt, an arrow is the browser's.
    tab.keyboard.press("Alt+ArrowDown")
    assert _marked(explorer, "output", "now") == [[1, 1]]
    _cell(explorer, "image", 0, 0).focus()
    tab.keyboard.press("ArrowRight")
    assert _marked(explorer, "image", "now") == [[0, 1]]
    assert _marked(explorer, "output", "reached") == [[0, 0], [0, 1]]
    expect(explorer.locator(".told")).to_contain_text("in row 0, column 1 is in 2 windows")
    weight = explorer.get_by_label("Weight in row 0, column 1")
    weight.focus()
    assert (
        len(_marked(explorer, "image", "joined")) == len(_marked(explorer, "output", "joined")) == 9
    )
    pairs = explorer.locator(".panel.image td.joined").evaluate_all(
        "(all) => all.map((one) => one.dataset.pair)"
    )
    assert pairs == [str(number) for number in range(1, 10)]
    weight.fill("2")
    assert explorer.get_by_label("Kernel", exact=True).first.input_value() == ""
    assert _shown(explorer)[0] == [
        0.25 * (0 + 4 + 5) + 2,
        0.25 * (1 + 5 + 6) + 4,
        0.25 * (2 + 6 + 7) + 6,
    ]
    for text in ("0,5", "x"):
        weight.fill(text)
        assert weight.get_attribute("aria-invalid") == "true"
        expect(explorer.locator(".problem")).to_contain_text(f"{text} cannot be read.")
        assert _shown(explorer)[0][0] == 0.25 * 9 + 2, "what cannot be read changes nothing"
    weight.fill("1/4")
    expect(explorer.locator(".problem")).to_be_empty()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    # Behind the last weight comes the output, and its window is shown again.
    assert _sum(explorer) == "0.25*5 + 0.25*6 + 0.25*9 + 0.25*10 = 7.5"
    for name, row, column in (("Forward", 1, 2), ("Back", 1, 1)):
        explorer.get_by_role("button", name=name).press("Enter")
        assert _marked(explorer, "output", "now") == [[row, column]]


def test_pixels_are_set_by_keys_and_by_pointer(site: Site, tab: Page) -> None:
    explorer = _open(site, tab, "image=empty&kernel=1")
    paint = explorer.get_by_role("button", name="Set pixels")
    expect(explorer.get_by_label("New value")).to_be_hidden()
    paint.press("Enter")
    assert paint.get_attribute("aria-pressed") == "true"
    explorer.get_by_label("New value").fill("3")
    _cell(explorer, "image", 0, 0).focus()
    for key in ("Enter", "ArrowRight", "Space", "ArrowDown", "Enter", "Enter"):
        tab.keyboard.press(key)
    assert _shown(explorer)[0][:3] == [3, 3, 0]
    assert _shown(explorer)[1] == [0] * 6, "the same value once more takes it away"
    boxes = [_cell(explorer, "image", 3, column).bounding_box() for column in range(4)]
    places = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes if box]
    tab.mouse.move(*places[0])
    tab.mouse.down()
    for place in places[1:]:
        tab.mouse.move(*place)
    tab.mouse.up()
    assert _shown(explorer)[3] == [3, 3, 3, 3, 0, 0]
    assert explorer.get_by_label("Image", exact=True).input_value() == ""
    paint.click()
    _cell(explorer, "image", 0, 0).click()
    assert _shown(explorer)[0][0] == 3
    assert _marked(explorer, "output", "reached") == [[0, 0]]


def test_by_pointer_what_is_looked_at_and_what_is_pinned(site: Site, tab: Page) -> None:
    explorer = _open(site, tab, "image=lecture&kernel=average2&relu=1&pool=2")
    _cell(explorer, "output", 2, 1).hover()
    assert _sum(explorer).endswith("= 11.5")
    assert explorer.locator(".explained").get_attribute("aria-live") == "off"
    tab.mouse.move(1, 1)
    assert _sum(explorer).endswith("= 2.5")
    assert explorer.locator(".explained").get_attribute("aria-live") == "polite"
    _cell(explorer, "output", 2, 1).click()
    tab.mouse.move(1, 1)
    assert _sum(explorer).endswith("= 11.5")
    assert _marked(explorer, "relu", "now") == [[2, 1]]
    _cell(explorer, "image", 1, 1).hover()
    assert _marked(explorer, "output", "reached") == [[0, 0], [0, 1], [1, 0], [1, 1]]
    explorer.get_by_label("Weight in row 1, column 1").hover()
    assert len(_marked(explorer, "output", "joined")) == 9
    _cell(explorer, "pool", 0, 0).click()
    assert len(_marked(explorer, "image", "seen")) == 9
    assert _marked(explorer, "relu", "seen") == [[0, 0], [0, 1], [1, 0], [1, 1]]
    expect(explorer.locator(".told")).to_have_text(
        "MaxPool in row 0, column 0: the largest of 2.5, 3.5, 6.5, 7.5 is 7.5."
    )


@pytest.fixture
def phone(site: Site, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert not complaints


def _drag(page: Page, places: list[tuple[float, float]]) -> None:
    """Put a finger down, move it, and lift it."""
    touch = page.context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": x, "y": y} for x, y in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    send("touchStart", places[0])
    for place in places[1:]:
        send("touchMove", place)
    send("touchEnd")


def test_by_finger(site: Site, phone: Page) -> None:
    explorer = _open(site, phone, "image=square&kernel=average3&padding=3&pool=2")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    _cell(explorer, "output", 1, 1).tap()
    assert _marked(explorer, "output", "now") == [[1, 1]]
    _cell(explorer, "image", 0, 0).tap()
    assert len(_marked(explorer, "output", "reached")) == 9
    small = explorer.evaluate(
        "(one) => [...one.querySelectorAll('button, select, input, summary')].filter((field) => {"
        " const { width, height } = field.getBoundingClientRect();"
        " return width && (width < 24 || height < 24); }).map((field) => field.outerHTML)"
    )
    assert small == []
    # Drawing does not scroll the page.
    explorer.get_by_role("button", name="Set pixels").tap()
    first = _cell(explorer, "image", 0, 0)
    first.scroll_into_view_if_needed()
    scrolled = phone.evaluate("scrollY")
    boxes = [_cell(explorer, "image", at, at).bounding_box() for at in range(3)]
    places = [(box["x"] + 12, box["y"] + 12) for box in boxes if box]
    _drag(phone, places)
    assert [_shown(explorer, "image")[at][at] for at in range(3)] == [1, 1, 1]
    assert phone.evaluate("scrollY") == scrolled
    # On a canvas a finger moves the window along.
    explorer = _open(site, phone, "image=pullover&kernel=sobel-x")
    canvas = explorer.locator(".panel.output canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    cell = box["width"] / 26
    across = [(box["x"] + (at + 0.5) * cell, box["y"] + 5.5 * cell) for at in (3, 4, 6, 9, 12)]
    _drag(phone, across)
    expect(explorer.locator(".told")).to_contain_text("row 5, column 12")


def test_a_canvas_is_worked_with_keys_and_pointer(site: Site, tab: Page) -> None:
    explorer = _open(site, tab, "image=pullover&kernel=sobel-x&at=12,4&relu=1&pool=2")
    assert explorer.locator("table").count() == 0
    output = explorer.get_by_role("application", name="Output, 26 x 26")
    output.focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowRight")
    told = explorer.locator(".told")
    expect(told).to_contain_text("row 13, column 5")
    expected = _stages("image=pullover&kernel=sobel-x")[0]
    assert _sum(explorer).endswith(f" = {expected[13, 5]:.4g}")
    box = output.bounding_box()
    assert box
    cell = box["width"] / 26
    tab.mouse.move(box["x"] + 20.5 * cell, box["y"] + 2.5 * cell)
    expect(told).to_contain_text("row 2, column 20")
    tab.mouse.move(1, 1)
    expect(told).to_contain_text("row 13, column 5")
    output.click(position={"x": 20.5 * cell, "y": 2.5 * cell})
    tab.mouse.move(1, 1)
    expect(told).to_contain_text("row 2, column 20")
    image = explorer.get_by_role("application", name="Image, 28 x 28")
    image.focus()
    tab.keyboard.press("ArrowRight")
    expect(told).to_contain_text("The pixel in row 0, column 1 is in 2 windows.")
    # A pixel that is set is seen in the output.
    explorer.get_by_role("button", name="Set pixels").click()
    image.focus()
    tab.keyboard.press("Enter")
    result = explorer.evaluate("(one) => one.result.output[0].slice(0, 3)")
    assert result == (expected[0, :3] + torch.tensor([0.0, -1.0, 0.0])).tolist()
    # The grey levels and the signs are on the canvas.
    grey = image.evaluate(
        "(one) => [...one.getContext('2d').getImageData(14.5 * 18, 14.5 * 18, 1, 1).data]"
    )
    assert grey[0] == grey[1] == grey[2] > 100


def test_it_plays_and_stops_and_is_quiet_meanwhile(site: Site, tab: Page) -> None:
    tab.clock.install()
    explorer = _open(site, tab)
    explorer.get_by_role("button", name="Play").click()
    for step in range(1, 4):
        tab.clock.run_for(800)
        assert _marked(explorer, "output", "now") == [[step // 3, step % 3]]
    assert explorer.locator(".explained").get_attribute("aria-live") == "off"
    assert "at=" not in tab.url, "the address is left alone while it plays"
    explorer.get_by_role("button", name="Pause").click()
    assert explorer.locator(".explained").get_attribute("aria-live") == "polite"
    tab.clock.run_for(3000)
    assert _marked(explorer, "output", "now") == [[1, 0]]
    assert "at=1,0" in tab.url
    # A reader who wants no motion gets none unasked, and a slower one when asked.
    tab.emulate_media(reduced_motion="reduce")
    explorer = _open(site, tab, "image=pullover&kernel=sobel-x")
    tab.clock.run_for(2000)
    expect(explorer.locator(".told")).to_contain_text("row 0, column 0")
    explorer.get_by_role("button", name="Play").click()
    tab.clock.run_for(1000)
    expect(explorer.locator(".told")).to_contain_text("row 0, column 3")


def test_links_hold_the_state_and_the_address_follows(site: Site, tab: Page) -> None:
    query = (
        "task=all-ones&image=0,1,2;3,4,5;6,7,8&kernel=-1,1;0.5,0&bias=0.25&stride=2&padding=1"
        "&dilation=2&relu=1&pool=2&at=1,1&hide=image,matrix,code"
    )
    tab.clock.install()
    explorer = _open(site, tab, f"from=class&{query}#explorer")
    for panel, expected in zip(("output", "relu", "pool"), _stages(query), strict=True):
        torch.testing.assert_close(
            torch.tensor(_shown(explorer, panel), dtype=torch.float64),
            expected,
            rtol=0,
            atol=0.0051,
        )
    assert _marked(explorer, "output", "now") == [[1, 1]]
    expect(explorer.get_by_label("Image", exact=True)).to_be_hidden()
    for name in ("matrix", "code"):
        expect(explorer.locator(f".fold.{name}")).to_be_hidden()
    assert explorer.evaluate("(one) => one.link()").split("?")[1] == f"{query}#explorer"
    # Every change at once, but the address only when it is over; what belongs to others stays.
    before = tab.url
    for value in ("1", "2", "1"):
        explorer.get_by_label("Stride").select_option(value)
    assert tab.url == before
    tab.clock.run_for(1000)
    changed = urlsplit(tab.url)
    assert parse_qs(changed.query, keep_blank_values=True) == {
        **{name: values for name, values in parse_qs(query).items() if name != "stride"},
        "from": ["class"],
    }
    assert changed.fragment == "explorer"
    tab.reload()
    assert explorer.evaluate("(one) => one.state.stride") == 1
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    explorer.get_by_role("button", name="Copy link").click()
    expect(explorer.locator(".said")).to_have_text(TEXTS["link_copied"])
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert urlsplit(copied).path.endswith("/play.html")
    held = parse_qs(changed.query)
    # A link holds the explorer's own state and nothing else.
    del held["from"]
    assert parse_qs(urlsplit(copied).query) == held
    # Start again goes to where the link began.
    explorer.get_by_label("Padding", exact=True).select_option("3")
    explorer.get_by_label("Weight in row 0, column 0").fill("7")
    explorer.get_by_role("button", name="Start again").click()
    again = urlsplit(explorer.evaluate("(one) => one.link()")).query
    assert parse_qs(again) == held


def test_a_bad_link_is_told_and_breaks_nothing(site: Site, tab: Page) -> None:
    explorer = _open(site, tab, "image=<b>x</b>&kernel=1,2;3&stride=9&padding=1&at=99,99#explorer")
    expect(explorer.locator(".problem")).to_have_text(
        TEXTS["bad_link"].format(problems="image=<b>x</b>, kernel=1,2;3, stride=9, at=99,99")
    )
    assert explorer.locator(".problem b").count() == 0
    assert explorer.evaluate("(one) => one.state.padding") == 1
    assert len(_shown(explorer)) == 5


def test_a_lesson_starts_as_it_is_written_and_leaves_the_address_alone(
    site: Site, tab: Page
) -> None:
    starts = {
        LESSON: "image=lecture&kernel=average2",
        "gallery/3_inside/plot_11_sizes.html": "image=square&kernel=average3&stride=2&padding=1",
        "gallery/3_inside/plot_12_img_at_what.html": "image=lecture&kernel=average3",
        "gallery/3_inside/plot_16_edges.html": "image=pullover&kernel=sobel-x&at=12,4",
    }
    for page, query in starts.items():
        # A query is for the page of the explorer.
        explorer = _open(site, tab, "stride=3&kernel=1", page)
        result = torch.tensor(explorer.evaluate("(one) => one.result.output"), dtype=torch.float64)
        torch.testing.assert_close(result, _stages(query)[0], rtol=0, atol=1e-6)
        # A guess may cover it.
        link = explorer.locator("a.open").get_attribute("href")
        assert link
        assert parse_qs(urlsplit(link).query).items() >= parse_qs(query).items()
        address = tab.url
        explorer.locator("button.forward").evaluate("(one) => one.click()")
        assert tab.url == address
        column = explorer.locator(".fold.matrix li > *").all_inner_texts()
        assert [text != "0" for text in column] == [
            row < 3 and column > 0 for row in range(4) for column in range(4) if "plot_12" in page
        ]


def test_each_task_is_a_link_and_says_when_it_is_solved(site: Site, tab: Page) -> None:
    _open(site, tab)
    links = tab.locator("article li a[href*='task=']")
    assert links.all_inner_texts() == [task.title for task in TASKS.values()]
    assert [link.get_attribute("href") for link in links.all()] == [
        f"?{task_query(name)}#explorer" for name in TASKS
    ]
    links.first.click()
    explorer, task = tab.locator("conv-explorer"), tab.locator("conv-explorer .task")
    expect(task).to_have_text(f"Task: {TASKS['all-ones'].sentence}")
    expect(explorer.get_by_label("Stride")).to_be_hidden()
    explorer.get_by_label("Weight in row 0, column 0").fill("-1")
    expect(task).to_contain_text("Task: ")
    explorer.get_by_label("Weight in row 0, column 1").fill("1")
    expect(task).to_have_text(f"Solved: {TASKS['all-ones'].sentence}")
    # A kernel that must not be changed can be read.
    explorer = _open(site, tab, task_query("halve"))
    field = explorer.get_by_label("Weight in row 0, column 0")
    assert not field.is_editable()
    assert field.input_value() == "1/9"
    for change in SOLUTIONS["halve"].split("&"):
        name, _, value = change.partition("=")
        explorer.get_by_label(name.capitalize()).select_option(value)
    expect(explorer.locator(".task")).to_have_class(re.compile("solved"))


def test_what_does_not_fit_is_said(site: Site, tab: Page) -> None:
    explorer = _open(site, tab, "image=lecture&kernel=average3&dilation=2")
    told = explorer.locator(".told")
    expect(told).to_have_text(TEXTS["too_high"].format(span=5, size=4))
    expect(explorer.locator(".panel.output")).to_be_hidden()
    explorer.get_by_label("Kernel rows").select_option("1")
    expect(told).to_have_text(TEXTS["too_wide"].format(span=5, size=4))
    for name in ("Forward", "Back", "Play"):
        explorer.get_by_role("button", name=name).click()
    explorer.get_by_role("button", name="Pause").click()
    explorer.get_by_label("Padding").select_option("1")
    explorer.get_by_label("MaxPool").select_option("3")
    assert (
        _shown(explorer)
        == _stages("image=lecture&kernel=1,1,1&dilation=2&padding=1")[0]
        .div(9)
        .mul(100)
        .round()
        .div(100)
        .tolist()
    )
    expect(explorer.locator(".behind")).to_have_text(
        TEXTS["pool_too_large"].format(pool=3, rows=6, columns=2)
    )


def test_the_code_is_copied(site: Site, tab: Page) -> None:
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    explorer = _open(site, tab, "image=lecture&kernel=average2&stride=2")
    explorer.get_by_text("The same in torch").click()
    explorer.get_by_role("button", name="Copy code").click()
    expect(explorer.locator(".said")).to_have_text(TEXTS["code_copied"])
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert "output = F.conv2d(image, kernel, stride=2)" in copied
    names: dict[str, Any] = {}
    exec(copied, names)
    assert names["output"][0, 0].tolist() == _shown(explorer)
    # Where copying is refused, the old way is tried, and then the link is shown.
    tab.evaluate(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
        "document.execCommand = () => false;"
    )
    explorer.get_by_role("button", name="Copy link").click()
    expect(explorer.locator(".said")).to_contain_text(
        "play.html?image=lecture&kernel=average2&stride=2"
    )


@pytest.mark.parametrize("tab", [{"width": 1280}, {"width": 390}], indirect=True)
def test_nothing_moves_when_the_page_arrives(site: Site, tab: Page) -> None:
    tab.add_init_script(
        "window.shifted = 0;"
        "new PerformanceObserver((list) => { for (const one of list.getEntries())"
        " if (!one.hadRecentInput) window.shifted += one.value; })"
        ".observe({ type: 'layout-shift', buffered: true });"
    )
    _open(site, tab)
    tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert tab.evaluate("window.shifted") < 0.01


@pytest.mark.sweep
@from_disk
def test_no_barrier_in_any_look(site: Site, tab: Page) -> None:
    explorer = _open(
        site,
        tab,
        "task=halve&image=square&kernel=vertical&stride=2&padding=1&relu=1&pool=2&dilation=7",
    )
    for fold in explorer.locator("summary").all():
        fold.click()
    explorer.get_by_role("button", name="Set pixels").click()
    explorer.get_by_label("Bias").fill("x")
    explorer.get_by_label("Weight in row 0, column 0").focus()
    for look in each_look(tab):
        assert barriers(tab, within="conv-explorer") == [], look
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), look
    explorer = _open(site, tab, "image=pullover&kernel=sobel-x&padding=2&relu=1&pool=3")
    assert barriers_in_each_look(tab, within="conv-explorer") == []
    # The colours follow the page.
    colours = explorer.evaluate(
        "(one) => { const grid = one.grids.get('output'); const before = grid.ink.mark;"
        " const root = document.documentElement;"
        " root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark';"
        " return new Promise((done) => setTimeout(() => done([before, grid.ink.mark]), 0)); }"
    )
    assert colours[0] != colours[1]


@pytest.mark.parametrize("tab", [{"scripts": False}], indirect=True)
def test_without_javascript_there_is_a_sentence_and_the_picture_of_the_start(
    site: Site, tab: Page
) -> None:
    tab.goto((site.folder / "play.html").as_uri())
    explorer = tab.locator("conv-explorer")
    expect(explorer.get_by_text("It needs JavaScript")).to_be_visible()
    rows = explorer.locator("table").nth(2).locator("tr")
    shown = [[float(text) for text in row.locator("td").all_inner_texts()] for row in rows.all()]
    assert shown == _stages("image=lecture&kernel=average2")[0].tolist()
    assert explorer.locator("button, input, select").count() == 0
    tab.goto((site.folder / "gallery/3_inside/plot_16_edges.html").as_uri())
    pictures = tab.locator("conv-explorer img")
    assert [picture.get_attribute("alt") for picture in pictures.all()] == [
        "Image, 28 x 28",
        "Output, 26 x 26",
    ]
    assert all(picture.is_visible() for picture in pictures.all())


_MONKEY = r"""
([seed, count]) => {
  const explorer = document.querySelector("conv-explorer"), { conv, explorerData } = window.cnnbook;
  let state = seed;
  const random = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const pick = (list) => list[random(list.length)];
  const visible = (selector) =>
    [...explorer.querySelectorAll(selector)].filter((one) => !one.closest("[hidden]"));
  const typed = ["0", "1", "-2", "0.5", "1/4", "-1/3", "0,5", "", "x", "999", "\u22123", "1e3"];
  const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Enter", " ", "a"];
  const grids = "td button, canvas";
  const point = (target, kind, clientX, clientY, pointerType) =>
    target.dispatchEvent(new PointerEvent(kind, { bubbles: true, clientX, clientY, pointerType,
      pointerId: 1, buttons: kind === "pointerup" ? 0 : 1 }));
  const actions = [
    () => {
      const one = pick(visible("select"));
      one.value = pick([...one.options]).value;
      one.dispatchEvent(new Event("change"));
    },
    () => {
      const one = pick(visible("input[type=text]:not([readonly])"));
      one.focus();
      one.value = pick(typed);
      one.dispatchEvent(new Event("input"));
    },
    () => pick(visible("td button, button:not(.link):not(.copy-code)")).click(),
    () => {
      pick(visible(grids).concat(visible(".buttons button"))).focus();
      for (let times = random(4); times >= 0; times -= 1) {
        document.activeElement.dispatchEvent(
          new KeyboardEvent("keydown", { key: pick(keys), bubbles: true }));
      }
    },
    () => {
      const one = pick(visible(grids));
      if (!one) return;
      const box = one.getBoundingClientRect(), type = pick(["mouse", "touch"]);
      const at = () => [box.left + (random(100) / 100) * box.width,
        box.top + (random(100) / 100) * box.height];
      point(one, "pointerdown", ...at(), type);
      point(one, "pointermove", ...at(), type);
      point(one, pick(["pointerup", "pointercancel", "pointerleave"]), ...at(), type);
    },
    () => pick(visible("input[type=checkbox]")).click(),
    () => pick(visible("summary")).click(),
  ];
  const seen = [];
  for (let number = 1; number <= count; number += 1) {
    pick(actions)();
    if (number % 20 && number < count) continue;
    const { state: now, result } = explorer;
    const rows = [...explorer.querySelectorAll(".panel.output:not([hidden]) tr")].slice(1);
    seen.push({
      query: conv.writeQuery(now, explorerData),
      at: now.at,
      stages: [result.output, result.relu, result.pool],
      table: rows.map((row) =>
        [...row.querySelectorAll("button")].map((one) => Number(one.textContent))),
      sum: explorer.querySelector(".sum").textContent,
      looked: explorer.looked,
      text: explorer.textContent,
    });
  }
  return JSON.stringify(seen);
}
"""


def _check_seen(seen: dict[str, Any]) -> int:
    """Compare what is shown with torch; return how many numbers were compared."""
    assert not re.search(r"undefined|NaN|\{\w+\}|\[object", seen["text"]), seen["query"]
    try:
        expected = _stages(seen["query"])
    except RuntimeError:
        assert seen["stages"][0] == [], "torch refuses a kernel that is too large"
        return 0
    for got, want in zip(seen["stages"], expected, strict=True):
        given = torch.tensor(got, dtype=torch.float64)
        assert given.shape == want.shape, seen["query"]
        assert given.numel() == 0 or (given - want).abs().max() < 1e-6 * max(
            1.0, want.abs().max().item()
        )
    if seen["table"]:
        shown = torch.tensor(seen["table"], dtype=torch.float64)
        assert (shown - expected[0]).abs().max() < 0.0051, seen["query"]
    row, column = seen["at"]
    if seen["sum"] and not seen["looked"]:
        total = float(seen["sum"].rpartition(" = ")[2])
        assert total == pytest.approx(expected[0][row, column].item(), rel=1e-3, abs=1e-6)
    return sum(stage.numel() for stage in expected)


@pytest.mark.sweep
def test_a_monkey_meets_no_exception_and_no_wrong_number(site: Site, tab: Page) -> None:
    draw = random.Random(15)
    compared = 0
    tables: set[bool] = set()
    for query in (
        "",
        "image=pullover&kernel=sobel-x",
        "image=square&kernel=vertical&relu=1&pool=2",
    ):
        _open(site, tab, query)
        for _ in range(4):
            for seen in json.loads(tab.evaluate(_MONKEY, [draw.randrange(2**32), 167])):
                compared += _check_seen(seen)
                tables.add(bool(seen["table"]))
    assert compared > 5000
    assert tables == {True, False}
