"""The trained network in the browser: its numbers are torch's, and it is worked in every way.

Where the site was built without running its pages there are no weights; then the same tests run
with random weights and drawn garments.
"""

import json
import random
from itertools import pairwise
from typing import Any

import pytest
import torch
from live_network import TEXTS
from network_data import images_of, networks_of, random_data, site_data
from playwright.sync_api import Locator, Page, expect
from site_browser import FROM_DISK, LOOKS, barriers, needs_browser
from site_builds import Site

from cnnbook.metrics import occlusion_map

pytestmark = needs_browser

TOLERANCE = 1e-4
MISSING = TEXTS["empty"]
NEXT_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Scores of the image that the networks see now, and what is shown of them.
STATE = """() => {
    const element = document.querySelector("live-network");
    element.show();
    return {
        input: element.input && [...element.input],
        scores: element.outputs && element.outputs.map((output) => output.scores),
        shown: [...element.querySelectorAll("tbody tr")].map((row) =>
            [...row.querySelectorAll(".number")].map((number) => number.textContent)),
        kind: element.shownKind,
        votes: element.outputs && element.votes.map((votes) => [...votes]),
        drops: element.outputs && element.drops.map((drops) => [...drops]),
        bare: element.uncovered && [...element.uncovered],
        fill: element.fill,
    };
}"""


@pytest.fixture
def data(site: Site) -> dict[str, Any]:
    return site_data(site) or random_data()


def _open(site: Site, tab: Page, page: str = "play.html") -> Locator:
    if site_data(site) is None:
        # The site's own script cannot write over it.
        tab.add_init_script(
            "window.cnnbook = {}; Object.defineProperty(window.cnnbook, 'networkData', "
            f"{{ value: {json.dumps(random_data())} }});"
        )
    tab.goto((site.folder / page).as_uri())
    element = tab.locator("live-network")
    expect(element).to_have_attribute("data-ready", "true")
    return element


@pytest.fixture
def live(site: Site, tab: Page) -> Locator:
    return _open(site, tab)


def _check(tab: Page, data: dict[str, Any], *, images: torch.Tensor | None = None) -> float:
    """Compare everything that is shown now with torch, and return the largest difference."""
    state = tab.evaluate(STATE)
    seen = torch.tensor(state["input"]).reshape(1, 1, 28, 28)
    if images is not None:
        assert torch.equal(seen[0, 0], images)
    return _compare(state, networks_of(data))


def _compare(
    state: dict[str, Any], nets: list[torch.nn.Sequential], *, occlusion: bool = True
) -> float:
    seen = torch.tensor(state["input"]).reshape(1, 1, 28, 28)
    bare = torch.tensor(state["bare"]).reshape(1, 1, 28, 28)
    kind, worst = state["kind"], 0.0
    for at, net in enumerate(nets):
        scores = net(seen)[0]
        numbers = torch.tensor(state["scores"][at])
        worst = max(worst, (numbers - scores).abs().max().item())
        for row, score, share in zip(state["shown"], scores, scores.softmax(0), strict=True):
            assert abs(float(row[2 * at]) - score) < 0.006
            assert abs(float(row[2 * at + 1].removesuffix("\u00a0%")) - 100 * share) < 0.06
        last = net[4]
        assert isinstance(last, torch.nn.Linear)
        weights = last.weight.reshape(10, 16, 13, 13)[kind]
        votes = (weights * net[:3](seen)[0]).sum(dim=0).flatten()
        worst = max(worst, (torch.tensor(state["votes"][at]) - votes).abs().max().item())
        assert abs(sum(state["votes"][at]) + last.bias[kind] - scores[kind]) < TOLERANCE
        if not occlusion:
            continue
        drops = occlusion_map(net, bare, torch.tensor([kind]), patch=5, fill=state["fill"])
        worst = max(worst, (torch.tensor(state["drops"][at]) - drops.flatten()).abs().max().item())
    assert worst < TOLERANCE
    return worst


COMPUTE = """(data) => {
    const { network } = window.cnnbook;
    const images = network.readImages(data.images);
    const nets = [data.networks.trained, data.networks.untrained].map(network.readNetwork);
    const variants = [
        (image) => image,
        (image) => network.shifted(image, 3, -4),
        (image) => network.mirrored(image),
        (image) => network.patched(image, { row: 9, column: 20, fill: 0.5 }),
    ];
    const began = performance.now();
    const scores = nets.map((net) => variants.map((change) =>
        images.map((image) => network.forward(net, change(image)).scores)));
    const took = (performance.now() - began) / (images.length * 8);
    const maps = network.forward(nets[0], images[7]);
    return {
        scores, took,
        maps: ["convolved", "activated", "pooled"].map((stage) => [...maps[stage]]),
        shares: network.softmax([1000, 999, -1000]),
    };
}"""


@pytest.mark.parametrize("source", ["random weights", "trained weights"])
def test_scores_of_all_images_are_torchs(site: Site, tab: Page, source: str) -> None:
    """Both networks, 100 images, as they are, shifted, mirrored and covered."""
    data = site_data(site) if source == "trained weights" else random_data()
    if data is None:
        pytest.skip("the site was not built with `make site`")
    tab.goto((site.folder / "play.html").as_uri())
    found = tab.evaluate(COMPUTE, data)
    images = images_of(data)
    assert images.shape == (100, 1, 28, 28)
    shifted = torch.zeros_like(images)
    shifted[:, :, 3:, :24] = images[:, :, :25, 4:]
    covered = images.clone()
    covered[:, :, 9:14, 20:25] = 0.5
    variants = [images, shifted, images.flip(3), covered]
    expected = torch.stack(
        [torch.stack([net(variant) for variant in variants]) for net in networks_of(data)]
    )
    apart = (torch.tensor(found["scores"]) - expected).abs().max().item()
    assert apart < TOLERANCE
    assert expected.abs().max() > 1
    print(f"{source}: scores {apart:.1e} apart, {found['took']:.2f} ms an image")
    net = networks_of(data)[0]
    for stage, maps in zip((1, 2, 3), found["maps"], strict=True):
        torch.testing.assert_close(
            torch.tensor(maps), net[:stage](images[7:8]).flatten(), rtol=0, atol=TOLERANCE
        )
    assert found["shares"] == pytest.approx([1 / (1 + 2.718281828**-1), 0.2689414, 0], abs=1e-6)


def test_the_counts_and_the_data_are_those_of_page_20(site: Site, tab: Page) -> None:
    data = site_data(site)
    if data is None:
        pytest.skip("the site was not built with `make site`")
    images, labels = images_of(data), torch.tensor(data["labels"])
    nets = networks_of(data)
    assert labels.tolist() == [kind for kind in range(10) for _ in range(10)]
    counts = [int((net(images).argmax(dim=1) == labels).sum()) for net in nets]
    assert data["correct"]["unchanged"] == counts
    page = (site.folder / "gallery/4_training/plot_20_what_it_learned.html").read_text("utf-8")
    assert f"unchanged           {counts[0]:3}" in page
    script = site.folder / "_static/network-data.js"
    print(f"{script.stat().st_size} bytes of weights and images")
    assert script.stat().st_size < 420_000
    live = _open(site, tab)
    expect(live.locator(".help")).to_contain_text(f"it classifies {counts[0]} correctly")


def test_an_image_is_chosen_moved_mirrored_and_covered(
    data: dict[str, Any], live: Locator, tab: Page
) -> None:
    images = images_of(data)[:, 0]
    expect(live.get_by_role("status")).to_contain_text("The class of this image is Ankle boot.")
    _check(tab, data, images=images[90])
    name = f"{data['classes'][2]}, image 4"
    live.get_by_role("button", name=name, exact=True).click()
    _check(tab, data, images=images[23])
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowRight")
    chosen = live.get_by_role("button", name=f"{data['classes'][3]}, image 5", exact=True)
    expect(chosen).to_be_focused()
    expect(chosen).to_have_attribute("aria-pressed", "true")
    assert live.locator(".images [tabindex='0']").count() == 1
    _check(tab, data, images=images[34])
    expect(live.locator(".position")).to_have_text("Not moved")
    # With the arrow keys, and beyond the edge.
    surface = live.locator(".surface")
    surface.focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft"):
        tab.keyboard.press(key)
    moved = torch.zeros(28, 28)
    moved[:26, :27] = images[34][2:, 1:]
    _check(tab, data, images=moved)
    expect(live.locator(".position")).to_have_text("Moved by -2 down and -1 to the right")
    # What is lost at an edge is there again when the image comes back.
    for _ in range(20):
        tab.keyboard.press("ArrowRight")
    for _ in range(14):
        tab.keyboard.press("ArrowLeft")
    live.get_by_role("button", name="Down", exact=True).click()
    live.get_by_role("button", name="Down", exact=True).click()
    _check(tab, data, images=images[34])
    live.get_by_role("button", name="Mirror").click()
    _check(tab, data, images=images[34].flip(1))
    # Dragged: 3 pixels down and 5 to the left.
    box = surface.bounding_box()
    assert box is not None
    pixel = box["width"] / 28
    tab.mouse.move(box["x"] + 14.5 * pixel, box["y"] + 14.5 * pixel)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 9.5 * pixel, box["y"] + 17.5 * pixel, steps=3)
    expect(live.get_by_role("status")).to_have_attribute("aria-live", "off")
    tab.mouse.up()
    expect(live.get_by_role("status")).to_have_attribute("aria-live", "polite")
    moved = torch.zeros(28, 28)
    moved[3:, :23] = images[34].flip(1)[:25, 5:]
    _check(tab, data, images=moved)
    live.get_by_role("button", name="Reset").click()
    live.get_by_role("radio", name="Cover").check()
    live.get_by_role("radio", name="mid-grey").check()
    surface.focus()
    for key in ("ArrowUp", "ArrowLeft", "ArrowLeft"):
        tab.keyboard.press(key)
    covered = images[34].clone()
    covered[11:16, 10:15] = 0.5
    _check(tab, data, images=covered)
    # The patch moves, and stays inside.
    tab.mouse.move(box["x"] + 5 * pixel, box["y"] + 5 * pixel)
    box = surface.bounding_box()
    assert box is not None
    tab.mouse.move(box["x"] + 5 * pixel, box["y"] + 5 * pixel)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 27.9 * pixel, box["y"] + 3 * pixel)
    tab.mouse.up()
    covered = images[34].clone()
    covered[:5, 23:] = 0.5
    state = tab.evaluate(STATE)
    at = (torch.tensor(state["input"]).reshape(28, 28) != images[34]).nonzero()
    assert at[:, 1].min() >= 23
    _check(tab, data)
    # The votes of another class, until another image is chosen.
    live.get_by_role("radio", name=data["classes"][7]).check()
    assert tab.evaluate(STATE)["kind"] == 7
    _check(tab, data)
    live.get_by_role("button", name=name, exact=True).click()
    best = networks_of(data)[0](torch.tensor(tab.evaluate(STATE)["input"]).reshape(1, 1, 28, 28))
    assert tab.evaluate(STATE)["kind"] == int(best.argmax())


SQUARE = [(9.0, 9.0), (18.0, 9.0), (18.0, 18.0), (9.0, 18.0), (9.0, 9.0)]


def _is_a_square(tab: Page, data: dict[str, Any]) -> None:
    """Say that a filled grey square was drawn, and that the network sees it large and centred."""
    seen = torch.tensor(tab.evaluate(STATE)["input"]).reshape(28, 28)
    inside = seen[8:20, 8:20]
    assert (inside - 0.6).abs().max() < 1e-6, "filled"
    found = (seen > 0).nonzero()
    first, last = found.min(dim=0).values, found.max(dim=0).values
    boxes = [(image > 0).nonzero() for image in images_of(data)[:, 0]]
    sizes = [int((box.max(dim=0).values - box.min(dim=0).values).max()) + 1 for box in boxes]
    usual = sorted(sizes)[50]
    assert ((last - first + 1) - usual).abs().max() <= 1, "as large as the data"
    middles = torch.stack(
        [(box.max(dim=0).values + box.min(dim=0).values + 1) / 2 for box in boxes]
    )
    assert ((first + last + 1) / 2 - middles.median(dim=0).values).abs().max() <= 1, "centred"
    _check(tab, data)


def _blank(live: Locator) -> None:
    expect(live.get_by_role("status")).to_have_text(MISSING)
    assert live.locator(".number").all_inner_texts() == [""] * 40


def test_a_garment_is_drawn_by_pointer_touch_and_keyboard(
    data: dict[str, Any], live: Locator, tab: Page
) -> None:
    live.get_by_role("radio", name="Draw").check()
    expect(live.locator(".warning")).to_contain_text("A drawing is not the data.")
    _blank(live)
    surface = live.locator(".surface")

    def on_screen(*places: tuple[float, float]) -> list[tuple[float, float]]:
        surface.scroll_into_view_if_needed()
        box = surface.bounding_box()
        assert box is not None
        pixel = box["width"] / 28
        return [(box["x"] + x * pixel, box["y"] + y * pixel) for x, y in places]

    # With a mouse.
    path = on_screen(*SQUARE)
    tab.mouse.move(*path[0])
    tab.mouse.down()
    for place in path[1:]:
        tab.mouse.move(*place, steps=5)
    seen = torch.tensor(tab.evaluate(STATE)["input"]).reshape(28, 28)
    assert seen[14, 14] == 0, "filled when the line ends"
    tab.mouse.up()
    _is_a_square(tab, data)
    assert "your drawing" in live.get_by_role("status").inner_text()
    live.get_by_role("button", name="Undo").click()
    _blank(live)
    # With a finger; the page does not scroll.
    touch = tab.context.new_cdp_session(tab)
    path = on_screen(*SQUARE)
    before = tab.evaluate("scrollY")

    def send(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y} for x, y in places]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", path[0])
    for (x, y), (next_x, next_y) in pairwise(path):
        for step in (0.25, 0.5, 0.75, 1.0):
            send("touchMove", (x + (next_x - x) * step, y + (next_y - y) * step))
    send("touchEnd")
    _is_a_square(tab, data)
    assert tab.evaluate("scrollY") == before
    live.get_by_role("button", name="Clear").click()
    _blank(live)
    # With the keyboard: from row 14, column 14 to a corner, and round.
    surface.focus()
    for _ in range(5):
        tab.keyboard.press("ArrowUp")
        tab.keyboard.press("ArrowLeft")
    expect(live.locator(".position")).to_have_text("The brush is lifted: row 9, column 9")
    _blank(live)
    tab.keyboard.press("Space")
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        for _ in range(9):
            tab.keyboard.press(key)
    tab.keyboard.press("Space")
    _is_a_square(tab, data)
    # A hole that is erased stays open when something else is drawn.
    slider = live.get_by_role("slider")
    slider.fill("0")
    expect(live.locator(".brush")).to_contain_text("it erases")
    hole, first, last = on_screen((14, 14), (10, 10), (12, 10))
    tab.mouse.click(*hole)
    slider.fill("1")
    tab.mouse.move(*first)
    tab.mouse.down()
    tab.mouse.move(*last)
    tab.mouse.up()
    seen = torch.tensor(tab.evaluate(STATE)["input"]).reshape(28, 28)
    assert seen[13:15, 13:15].max() == 0
    assert seen.max() == 1
    _check(tab, data)
    # Moved as an image is; and it is still there when one has looked at an image.
    live.get_by_role("radio", name="Move").check()
    live.get_by_role("button", name="Left", exact=True).click()
    again = torch.tensor(tab.evaluate(STATE)["input"]).reshape(28, 28)
    assert torch.equal(again[:, :27], seen[:, 1:])
    _check(tab, data)
    live.get_by_role("button", name=f"{data['classes'][0]}, image 1", exact=True).click()
    _check(tab, data, images=images_of(data)[0, 0])
    live.get_by_role("radio", name="Draw").check()
    assert torch.equal(torch.tensor(tab.evaluate(STATE)["input"]).reshape(28, 28), seen)


MONKEY = """async (actions) => {
    const element = document.querySelector("live-network");
    const surface = element.querySelector(".surface");
    const state = STATE;
    // A pointer that no device has made cannot be captured.
    surface.setPointerCapture = () => {};
    const states = [], errors = [];
    addEventListener("error", (event) => errors.push(event.message));
    const visible = (part) => !part.disabled && part.checkVisibility();
    const pointer = (type, [x, y], id = 1) => {
        const edge = surface.getBoundingClientRect();
        const clientX = edge.left + x * edge.width, clientY = edge.top + y * edge.height;
        const where = { clientX, clientY };
        surface.dispatchEvent(new PointerEvent(type, { pointerId: id, button: 0, ...where }));
    };
    const times = [];
    for (const [at, [kind, number, places]] of actions.entries()) {
        const began = performance.now();
        if (kind === "key") {
            const arrows = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];
            const key = [...arrows, " ", "Enter", "a", "Escape"][number % 8];
            surface.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
        } else if (kind === "drag") {
            pointer("pointerdown", places[0]);
            for (const place of places.slice(1)) pointer("pointermove", place, number % 5 ? 1 : 2);
            // Sometimes the end is missed.
            if (number % 7) pointer(number % 3 ? "pointerup" : "pointercancel", places[0]);
        } else if (kind === "slide") {
            const slider = element.querySelector("[type=range]");
            slider.value = String(number % 11 / 10);
            slider.dispatchEvent(new Event("input"));
        } else if (kind === "image") {
            element.querySelectorAll(".images button")[number % 100].click();
        } else {
            const parts = [...element.querySelectorAll(".actions button, [type=radio]")];
            const there = parts.filter(visible);
            there[number % there.length].click();
        }
        if (at % 10 === 9) {
            element.show();
            times.push(performance.now() - began);
        }
        if (at % 40 === 39) states.push(state());
    }
    return { states, errors, median: times.sort((one, other) => one - other)[times.length >> 1] };
}""".replace("STATE", f"({STATE})")


@pytest.mark.sweep
def test_a_monkey_of_2000_actions_sees_no_wrong_number(
    data: dict[str, Any], live: Locator, tab: Page
) -> None:
    seed = random.Random(15)
    actions = []
    for _ in range(2000):
        kind = seed.choices(("key", "drag", "slide", "image", "part"), weights=(30, 25, 5, 10, 30))[
            0
        ]
        places = [
            (round(seed.uniform(-0.2, 1.2), 3), round(seed.uniform(-0.2, 1.2), 3))
            for _ in range(seed.randrange(2, 5))
        ]
        actions.append([kind, seed.randrange(10_000), places])
    found = tab.evaluate(MONKEY, actions)
    assert found["errors"] == []
    nets = networks_of(data)
    worst, empty = 0.0, 0
    for at, state in enumerate(found["states"]):
        if state["input"] is None:
            empty += 1
            assert {text for row in state["shown"] for text in row} == {""}
        else:
            # The drops of a quarter of them, because torch computes 576 images for each.
            worst = max(worst, _compare(state, nets, occlusion=at % 4 == 0))
    assert len(found["states"]) == 50
    assert empty < 40
    print(f"{worst:.1e} apart; {found['median']:.1f} ms to show an action")


@pytest.mark.sweep
@pytest.mark.parametrize("tab", LOOKS, indirect=True)
def test_no_barrier_that_axe_finds(live: Locator, tab: Page) -> None:
    assert tab.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    # axe takes a second for each: one tool in each look.
    wide = tab.evaluate("window.innerWidth") > 600
    dark = tab.evaluate("document.documentElement.dataset.theme") == "dark"
    for tool in ("Move", "Cover", "Draw"):
        live.get_by_role("radio", name=tool).check()
        assert tab.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        if tool == ("Draw" if not wide else "Cover" if dark else "Move"):
            assert not barriers(tab, within="live-network")
    sizes = tab.evaluate(
        """() => [...document.querySelectorAll("live-network :is(button, label, [type=range])")]
            .filter((part) => part.checkVisibility() && !part.closest(".brush label"))
            .map((part) => part.getBoundingClientRect())
            .map(({ width, height }) => Math.min(width, height))"""
    )
    assert len(sizes) > 100
    assert min(sizes) >= 24, "large enough for a finger"


def test_the_maps_have_the_colours_of_the_theme(live: Locator, tab: Page) -> None:
    strongest = """() => {
        const canvas = document.querySelector("live-network .maps");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let best = 0;
        for (let at = 0; at < data.length; at += 4) if (data[at + 3] > data[best + 3]) best = at;
        return [...data.slice(best, best + 4)];
    }"""
    live.get_by_role("radio", name="ReLU").check()
    colours = []
    for theme in ("light", "dark"):
        tab.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        tab.wait_for_function(
            "() => new Promise((done) => requestAnimationFrame(() => done(true)))"
        )
        colours.append(tab.evaluate(strongest))
    assert colours == [[0x00, 0x72, 0xB2, 255], [0x58, 0xB6, 0xF0, 255]]


@pytest.mark.parametrize("tab", [pytest.param({"scripts": False}, id="no scripts")], indirect=True)
def test_without_scripts_a_sentence_says_what_is_missing(site: Site, tab: Page) -> None:
    tab.goto((site.folder / "play.html").as_uri())
    element = tab.locator("live-network")
    assert element.inner_text() == (
        "Here the trained network runs in your browser. It needs JavaScript."
    )
    assert not element.locator("button, input, canvas").count()


@pytest.mark.parametrize(
    "tab", [pytest.param({"forgiven": FROM_DISK}, id="from disk")], indirect=True
)
def test_storage_is_not_needed(site: Site, tab: Page, data: dict[str, Any]) -> None:
    for name in ("localStorage", "sessionStorage"):
        tab.add_init_script(
            f"Object.defineProperty(window, '{name}', {{ configurable: true, "
            "get() { throw new DOMException('denied', 'SecurityError'); } })"
        )
    _open(site, tab, "gallery/4_training/plot_20_what_it_learned.html")
    _check(tab, data, images=images_of(data)[90, 0])


def test_without_weights_the_element_says_so(site: Site, tab: Page) -> None:
    """A page whose script of weights is that of a site that did not run its pages."""
    tab.add_init_script(
        "window.cnnbook = {};Object.defineProperty(window.cnnbook, 'networkData', { value: null });"
    )
    tab.goto((site.folder / "play.html").as_uri())
    element = tab.locator("live-network")
    expect(element).to_have_text(TEXTS["not_run"])
    box = element.bounding_box()
    assert box is not None
    assert box["height"] < 200


@pytest.mark.parametrize("tab", [{"width": 1280}, {"width": 390}], indirect=True, ids=str)
@pytest.mark.parametrize("page", ["play.html", "gallery/4_training/plot_20_what_it_learned.html"])
def test_its_room_is_kept_until_the_script_has_built_it(site: Site, tab: Page, page: str) -> None:
    live = _open(site, tab, page)
    kept, needed = live.evaluate(
        """(element) => {
            const kept = Number.parseFloat(getComputedStyle(element).minHeight);
            element.style.minHeight = 0;
            return [kept, element.offsetHeight];
        }"""
    )
    # Drawn garments need one line more, which says what they are.
    line = 40 if site_data(site) is None else 0
    assert needed - line <= kept <= needed + 40
