"""Learning a kernel in the browser: the numbers are torch's and the page's, by hand and by keys."""

import base64
import json
import re
from typing import Any

import pytest
import torch
from bs4 import BeautifulSoup
from kernel_learner import LARGEST_LOSS, START, TEXTS, WANTED
from playwright.sync_api import Locator, Page, expect
from site_browser import FROM_DISK, barriers, each_look, from_disk, needs_browser
from site_builds import Site

from cnnbook.images import load_fashion_mnist

PAGE = "gallery/3_inside/plot_16_edges.html"
pytestmark = needs_browser


def _open(site: Site, tab: Page, *, motion: bool = False) -> Locator:
    tab.emulate_media(reduced_motion="no-preference" if motion else "reduce")
    tab.goto((site.folder / PAGE).as_uri())
    return tab.locator("kernel-learner")


def _data(site: Site) -> dict[str, Any]:
    page = BeautifulSoup((site.folder / PAGE).read_text("utf-8"), "html.parser")
    (island,) = page.select("kernel-learner > script")
    data = json.loads(island.get_text())
    assert isinstance(data, dict)
    return data


def _images(site: Site) -> torch.Tensor:
    data = _data(site)
    numbers = torch.frombuffer(bytearray(base64.b64decode(data["pixels"])), dtype=torch.float32)
    return numbers.reshape(-1, 1, data["rows"], data["columns"])


def _learn(
    images: torch.Tensor, wanted: tuple[float, float], rate: float, steps: int
) -> tuple[list[list[float]], list[float]]:
    """Return kernels and losses of gradient descent, with torch's gradients in float64."""
    outputs = torch.nn.functional.conv2d(images, torch.tensor([[[wanted]]], dtype=torch.float64))
    kernel = torch.tensor([[[START]]], dtype=torch.float64, requires_grad=True)
    kernels, losses = [], []
    for _ in range(steps + 1):
        loss = torch.nn.functional.mse_loss(torch.nn.functional.conv2d(images, kernel), outputs)
        (gradient,) = torch.autograd.grad(loss, kernel)
        kernels.append(kernel.flatten().tolist())
        losses.append(loss.item())
        kernel = (kernel - rate * gradient).detach().requires_grad_()
    return kernels, losses


def test_every_step_is_torchs(site: Site, tab: Page) -> None:
    images = _images(site)
    assert images.shape == (20, 1, 28, 28)
    if _data(site)["drawn"]:
        data = load_fashion_mnist(200, 1, download=False, fallback="drawn")
        assert torch.equal(images, data.train_images[:20])
    else:
        assert torch.equal((images * 255).round() / 255, images), "the published bytes"
    _open(site, tab)
    runs = [("difference", 1.0), ("difference", 2.5), ("difference", 7.0), ("pixel", 0.1)]
    runs += [("sum", 2.4)]
    found = tab.evaluate(
        """(runs) => runs.map(([wanted, rate]) => {
          const one = document.querySelector("kernel-learner");
          one.wanted.value = wanted;
          one.rate.value = String(rate);
          one.changed();
          const kernels = [[...one.kernel]];
          for (let step = 0; step < 100; step += 1) {
            one.step();
            kernels.push([...one.kernel]);
          }
          return {kernels, losses: one.losses};
        })""",
        runs,
    )
    for (wanted, rate), run in zip(runs, found, strict=True):
        kernels, losses = _learn(images.double(), WANTED[wanted], rate, 100)
        # It makes no step when the loss is above the limit.
        made = next((at for at, loss in enumerate(losses) if loss > LARGEST_LOSS), 100)
        assert made == 100 or rate == 7
        assert len(run["losses"]) == made + 1
        for mine, theirs in ((run["losses"], losses), (run["kernels"], kernels)):
            found_there, expected = (
                torch.tensor(each[: made + 1], dtype=torch.float64) for each in (mine, theirs)
            )
            torch.testing.assert_close(found_there, expected, rtol=1e-9, atol=1e-9)


def test_its_numbers_are_those_of_the_page(site: Site, tab: Page) -> None:
    if not site.executed:
        pytest.skip("the site was not built with `make site`")
    learner = _open(site, tab)
    outputs = "".join(tab.locator(".sphx-glr-script-out pre").all_text_contents())
    weights = re.findall(r"^(\d+) \[(-?[\d.]+), (-?[\d.]+)\]$", outputs, re.MULTILINE)
    assert [int(step) for step, *_ in weights] == [0, 10, 100, 400]
    rate, steps, run = (
        learner.get_by_label("Learning rate", exact=True),
        learner.get_by_label("Steps of a run"),
        learner.get_by_role("button", name="Run"),
    )
    for before, (step, left, right) in zip([0, 0, 10, 100], weights, strict=True):
        if int(step):
            steps.fill(str(int(step) - before))
            run.click()
        said = f"the weights are {float(left):.3f} and {float(right):.3f}."
        expect(learner.get_by_role("status")).to_contain_text(said)
        cells = learner.locator("td:nth-child(3)").all_inner_texts()
        assert cells == [f"{float(left):.3f}", f"{float(right):.3f}"]
    # Loss by learning rate: three digits are printed.
    losses = re.findall(r"rate ([\d.]+): loss ([\d.]+) at the start, (\S+) after 100", outputs)
    assert [float(one) for one, *_ in losses] == [0.1, 1, 2.4, 2.5]
    steps.fill("100")
    for value, first, last in losses:
        rate.fill("3")
        rate.fill(value)
        label = str(learner.locator("svg").get_attribute("aria-label"))
        assert f" {first} at the start" in label
        run.click()
        found = re.search(r"the loss is (\S+) and", learner.get_by_role("status").inner_text())
        assert found
        assert float(found[1]) == float(last)
    # Just below the boundary the loss falls in every step, and just above it grows in the end.
    boundary = re.search(r"2 / [\d.]+ = ([\d.]+)", outputs)
    assert boundary
    for change, grows in ((-0.02, False), (0.02, True)):
        rate.fill(f"{float(boundary[1]) + change:.2f}")
        steps.fill("2000")
        run.click()
        status = learner.get_by_role("status")
        assert ("too large" in status.inner_text()) == grows
        assert (TEXTS["learned"] in status.inner_text()) != grows


def test_it_is_worked_with_the_keyboard_and_says_what_happens(site: Site, tab: Page) -> None:
    learner = _open(site, tab)
    status, complaint = learner.get_by_role("status"), learner.get_by_role("alert")
    rate = learner.get_by_label("Learning rate", exact=True)
    steps = learner.get_by_label("Steps of a run")
    slider = learner.get_by_label(TEXTS["slider"])
    made = "(one) => one.losses.length - 1"
    expect(status).to_contain_text("At the start, the loss is ")
    # From field to button to button, and each does what its name says.
    learner.get_by_label("Wanted kernel").focus()
    reached = []
    for _ in range(6):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.textContent"))
        if reached[-1] == "One step":
            tab.keyboard.press("Enter")
            tab.keyboard.press("Space")
    assert reached == ["", "", "", "One step", "Run", "Start again"]
    assert learner.evaluate(made) == 2
    expect(status).to_contain_text("After 2 steps, the loss is ")
    tab.keyboard.press("Enter")
    expect(status).to_contain_text("At the start")
    assert learner.evaluate("(one) => one.before.length") == 3
    expect(learner.locator("svg")).to_contain_text(TEXTS["run_before"])
    # The sum is learned in a few steps; too large a rate is named, and ends the run.
    learner.get_by_label("Wanted kernel").select_option("sum")
    steps.fill("20")
    steps.press("Enter")
    expect(status).to_contain_text(TEXTS["learned"])
    rate.fill("9")
    learner.get_by_role("button", name="One step").click()
    expect(status).to_contain_text("After 1 step, the loss is ")
    expect(status).to_contain_text(TEXTS["grew"])
    steps.fill("1,000")
    learner.get_by_role("button", name="Run").click()
    expect(status).to_contain_text(TEXTS["diverged"].format(limit="1.00e+9"))
    assert 5 < learner.evaluate(made) < 50
    learner.get_by_role("button", name="Run").click()
    expect(status).to_contain_text("the run has ended")
    # What is typed is read leniently, or asked for once more, and then no step is made.
    for text, read in {" 0.5": 0.5, "1/8": 0.125, "\uff12\uff0e\uff15": 2.5, ".3": 0.3}.items():
        rate.fill(text)
        expect(complaint).to_be_empty()
        expect(rate).to_have_attribute("aria-invalid", "false")
        learner.get_by_role("button", name="One step").click()
        first, second = learner.evaluate("(one) => [one.data.start[0], one.kernel[0]]")
        gradient = learner.evaluate("(one) => (one.restart(), one.gradient[0])")
        assert second == pytest.approx(first - read * gradient)
    rate_wrong = TEXTS["rate_wrong"].format(most=100)
    wrong = {"0,5": TEXTS["comma"]} | dict.fromkeys(["", "a", "-1", "0", "101", "1/0"], rate_wrong)
    for text, said in wrong.items():
        rate.fill(text)
        expect(complaint).to_have_text(said)
        expect(rate).to_have_attribute("aria-invalid", "true")
        learner.get_by_role("button", name="Run").click()
        assert learner.evaluate(made) == 0
    rate.fill("1")
    for text in ("0", "2.5", "2001", "many", ""):
        steps.fill(text)
        expect(complaint).to_have_text(TEXTS["steps_wrong"].format(most=2000))
        steps.press("Enter")
        assert learner.evaluate(made) == 0
    steps.fill("3")
    expect(complaint).to_be_empty()
    slider.focus()
    slider.press("ArrowRight")
    expect(rate).to_have_value("1.1")
    rate.fill("2")
    expect(slider).to_have_value("2")
    # Another image, with the picture of its output and its largest error.
    seen = "(one) => one.pictures[2].toDataURL() + one.pictures[0].toDataURL()"
    pictures = learner.evaluate(seen)
    learner.get_by_label("Image", exact=True).select_option("7")
    assert learner.evaluate(seen) != pictures
    name = learner.evaluate("(one) => one.data.names[7]")
    expect(learner.get_by_role("img", name=f"Image 8: {name}.")).to_be_visible()
    largest = (
        "(one) => { const {output} = window.cnnbook.learner, at = (kernel) =>"
        " output(one.images, 7, kernel); const now = at(one.kernel);"
        " return Math.max(...at(one.target()).map((value, i) => Math.abs(now[i] - value))); }"
    )
    expect(learner.locator(".error")).to_contain_text(f"{learner.evaluate(largest):.3f}")
    assert not re.search(r"[{}]|undefined|NaN", learner.inner_text())


def test_a_run_is_shown_step_by_step_and_can_be_stopped(site: Site, tab: Page) -> None:
    learner = _open(site, tab, motion=True)
    learner.evaluate(
        "(one) => { one.said = []; new MutationObserver(() => one.said.push(one.status.innerText))"
        ".observe(one.status, {childList: true}); }"
    )
    running = learner.get_by_role("button", name="Run")
    running.click()
    pause = learner.get_by_role("button", name="Pause")
    expect(learner.get_by_role("status")).to_have_text(TEXTS["running"])
    tab.wait_for_function("document.querySelector('kernel-learner').losses.length > 4")
    pause.click()
    stopped = learner.evaluate("(one) => one.losses.length")
    assert 4 < stopped < 400
    expect(learner.locator("caption")).to_have_text(f"Weights after {stopped - 1} steps")
    # The live region spoke twice: no step is announced.
    said = learner.evaluate("(one) => one.said")
    assert len(said) == 2
    learner.get_by_label("Steps of a run").fill("30")
    running.click()
    expect(learner.get_by_role("status")).to_contain_text(f"After {stopped + 29} steps, ")
    assert learner.evaluate("(one) => one.losses.length") == stopped + 30
    assert len(learner.evaluate("(one) => one.said")) == 4


@pytest.mark.parametrize("tab", [{"width": 1280}, {"width": 390}], indirect=True)
def test_its_room_is_kept_while_the_page_arrives(site: Site, tab: Page) -> None:
    learner = _open(site, tab)
    room, height = learner.evaluate(
        "(one) => [parseFloat(getComputedStyle(one).minHeight), one.getBoundingClientRect().height]"
    )
    assert room == pytest.approx(height, abs=0.5), "what is below would move when it is built"


@pytest.mark.sweep
@from_disk
def test_it_has_no_barrier_in_any_look(site: Site, tab: Page) -> None:
    learner = _open(site, tab)
    learner.get_by_role("button", name="Run").click()
    learner.get_by_label("Learning rate", exact=True).fill("30")
    learner.get_by_role("button", name="Run").click()
    learner.get_by_label("Steps of a run").fill("none")
    for look in each_look(tab):
        assert not barriers(tab, within="kernel-learner"), look
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), look
        targets = learner.locator("button, select, input").evaluate_all(
            "(all) => all.map((one) => Math.min(one.offsetWidth, one.offsetHeight))"
        )
        assert min(targets) >= 24, look


@pytest.mark.parametrize("tab", [pytest.param({"scripts": False}, id="no script")], indirect=True)
def test_without_scripts_a_sentence_says_so(site: Site, tab: Page) -> None:
    learner = _open(site, tab)
    expect(learner.get_by_text("It needs JavaScript.")).to_be_visible()
    assert learner.locator("button, input, select, svg, canvas").count() == 0


_MONKEY = """(seed) => {
  const one = document.querySelector("kernel-learner");
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const pick = (list) => list[Math.floor(random() * list.length)];
  const set = (field, value, type) => {
    field.value = value;
    field.dispatchEvent(new Event(type, {bubbles: true}));
  };
  const buttons = [...one.querySelectorAll("button")];
  const press = (field, key) =>
    field.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  const rates = ["0.1", "1", "2.4", "2.5", "8", "100", "0,5", "", "-", "1/3", "x"];
  const actions = [
    ...Array(4).fill(() => pick(buttons).click()),
    () => set(one.rate, pick(rates), "input"),
    () => set(one.slider, String(random() * 4), "input"),
    () => set(one.steps, pick(["1", "7", "40", "0", "", "2,000", "9e9", "3.5"]), "input"),
    // Not the right pixel: from the start it differs in the flat direction only, and with a large
    // rate what grows in the steep one is rounding.
    () => set(one.wanted, pick(["difference", "sum"]), "change"),
    () => set(one.image, String(Math.floor(random() * 20)), "change"),
    () => press(pick([one.rate, one.steps]), pick(["Enter", "Escape", "ArrowUp"])),
  ];
  // The means of left * left, left * right and right * right say all about the loss.
  const means = [0, 0, 0], {pixels, columns} = one.images;
  let windows = 0;
  pixels.forEach((left, at) => {
    if (at % columns === columns - 1) return;
    const right = pixels[at + 1];
    [left * left, left * right, right * right].forEach((each, i) => { means[i] += each; });
    windows += 1;
  });
  const [a, b, c] = means.map((mean) => mean / windows);
  const near = (x, y) => Math.abs(x - y) <= 1e-6 * Math.max(1, Math.abs(y));
  const wrong = [];
  let steps = 0, rate = 1;
  for (let action = 0; action < 600; action += 1) {
    pick(actions)();
    // A text that is no number changes nothing yet.
    const typed = one.rate.value === "1/3" ? 1 / 3 : Number(one.rate.value);
    if (typed > 0) rate = typed;
    const target = one.target(), losses = one.losses;
    let [x, y] = one.data.start.map((start, at) => start - target[at]);
    for (const [at, loss] of losses.entries()) {
      if (!near(loss, a * x * x + 2 * b * x * y + c * y * y)) { wrong.push([action, at]); break; }
      if (at === losses.length - 1) break;
      [x, y] = [x - 2 * rate * (a * x + b * y), y - 2 * rate * (b * x + c * y)];
    }
    if (!near(one.kernel[0], x + target[0])) wrong.push([action, "kernel"]);
    const invalid = one.querySelector("[aria-invalid=true]") !== null;
    if (invalid !== (one.complaint.textContent !== "")) wrong.push([action, "complaint"]);
    if (/NaN|undefined|Infinity/.test(one.textContent)) wrong.push([action, one.textContent]);
    steps = Math.max(steps, losses.length - 1);
  }
  return {wrong, steps};
}"""


@pytest.mark.parametrize("tab", [{"forgiven": FROM_DISK}], indirect=True)
def test_whatever_is_done_its_numbers_are_right(site: Site, tab: Page) -> None:
    _open(site, tab)
    found = tab.evaluate(_MONKEY, 1)
    assert found["wrong"] == []
    assert found["steps"] > 100, "the monkey made few steps"
