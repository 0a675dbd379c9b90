"""Exercises in the page: what is typed is read, graded, kept, counted, saved and loaded."""

import json
import random
import re
from pathlib import Path

import pytest
from answer_field import TEXTS
from answer_pages import (
    KEY,
    KINDS,
    ON_PAGE,
    ONE,
    PAGES,
    RIGHT,
    WRONG,
    box,
    empty_verdict,
    entry,
    field,
    give,
    go,
    kept,
    load,
    page_of,
    right_text,
    save,
    verdict,
    with_a_reload,
)
from playwright.sync_api import Page, expect
from site_browser import FROM_DISK, barriers_in_each_look, each_look, from_disk, needs_browser
from site_builds import ROOT, Site

from cnnbook.exercises import check, exercise, exercises
from cnnbook.exercises._answers import Numbers

pytestmark = needs_browser


@pytest.mark.parametrize("number", KINDS)
def test_each_kind_of_numbers_is_typed_checked_kept_and_marked(
    site: Site, tab: Page, number: str
) -> None:
    go(tab, site, page_of(number))
    label = box(tab, number).locator("label").first.inner_text()
    assert label.startswith(f"Your answer: {exercise(number).kind.description}")
    expect(box(tab, number)).not_to_have_class(re.compile("solved"))
    text = right_text(number)
    field(tab, number).fill(text)
    field(tab, number).press("Enter")
    for _ in with_a_reload(tab):
        expect(verdict(tab, number)).to_contain_text("Right.")
        expect(verdict(tab, number)).to_contain_text("Read as ")
        expect(field(tab, number)).to_have_value(text)
        expect(field(tab, number)).to_have_attribute("aria-invalid", "false")
        expect(box(tab, number)).to_have_class(re.compile("solved"))
        name = f"Exercise {number} solved"
        expect(tab.get_by_role("group", name=name, exact=True)).to_be_visible()
        assert kept(tab)[number]["solved_with"] == text


def test_a_wrong_answer_gets_the_librarys_verdict_and_is_kept_checked_or_not(
    site: Site, tab: Page
) -> None:
    go(tab, site, page_of(ONE))
    give(tab, ONE, WRONG)
    for _ in with_a_reload(tab):
        expect(verdict(tab, ONE)).to_contain_text(str(check(ONE, WRONG)))
        expect(field(tab, ONE)).to_have_attribute("aria-invalid", "true")
        described = field(tab, ONE).get_attribute("aria-describedby")
        assert described == verdict(tab, ONE).get_attribute("id")
        expect(box(tab, ONE)).not_to_have_class(re.compile("solved"))
    # Typed and not checked: what was said stays to be read, and the field is no longer marked.
    field(tab, ONE).press("End")
    tab.keyboard.type(" and more")
    expect(verdict(tab, ONE)).to_contain_text("Not yet")
    expect(field(tab, ONE)).not_to_have_attribute("aria-invalid", "true")
    tab.reload()
    expect(field(tab, ONE)).to_have_value(f"{WRONG} and more")
    expect(verdict(tab, ONE)).to_be_empty()
    # Without an answer.
    give(tab, ONE, "")
    expect(verdict(tab, ONE)).to_contain_text("No answer yet")
    expect(field(tab, ONE)).to_have_attribute("aria-invalid", "false")
    assert kept(tab)[ONE]["verdict"] == ""


def test_what_is_solved_stays_solved_and_is_counted_everywhere(site: Site, tab: Page) -> None:
    total = len(exercises())
    go(tab, site, page_of(ONE))
    progress = tab.locator("answer-progress")
    expect(progress).to_contain_text(f"0 of {ON_PAGE} solved.")
    give(tab, ONE, RIGHT)
    give(tab, ONE, WRONG)
    expect(verdict(tab, ONE)).to_contain_text("Not yet")
    expect(box(tab, ONE)).to_have_class(re.compile("solved"))
    mark = box(tab, "6.2").get_by_role("checkbox", name="I have solved it in Python")
    mark.check()
    expect(progress).to_contain_text(f"2 of {ON_PAGE} solved.")
    for index in ("gallery/2_layers/index.html", "gallery/index.html"):
        go(tab, site, index)
        cards = tab.locator(".answer-count", has_text="solved")
        expect(cards).to_have_text([f"2 of {ON_PAGE} exercises solved"])
    go(tab, site, "exercises.html")
    expect(tab.locator(".answer-total")).to_have_text(f"2 of {total} exercises solved.")
    expect(tab.locator("answer-progress[page='6']")).to_have_text(f"2 of {ON_PAGE} solved.")
    expect(tab.locator("answer-progress[page='7']")).to_contain_text("0 of ")
    expect(field(tab, ONE)).to_have_value(WRONG)
    box(tab, "6.2").get_by_role("checkbox").uncheck()
    expect(tab.locator(".answer-total")).to_have_text(f"1 of {total} exercises solved.")


def test_every_exercise_is_on_the_page_of_all_and_has_a_field_or_a_box_to_tick(
    site: Site, tab: Page
) -> None:
    go(tab, site, "exercises.html")
    for one in exercises():
        role = "textbox" if isinstance(one.kind, Numbers) else "checkbox"
        assert box(tab, one.number).get_by_role(role).count() == 1  # type: ignore[arg-type]
    assert tab.locator(".answer-total").inner_text().startswith("0 of ")


def test_two_tabs_show_the_same(site: Site, tab: Page) -> None:
    go(tab, site, page_of(ONE))
    other = tab.context.new_page()
    go(other, site, "exercises.html")
    give(tab, ONE, RIGHT)
    expect(field(other, ONE)).to_have_value(RIGHT)
    expect(box(other, ONE)).to_have_class(re.compile("solved"))
    # What another page writes there is not taken for answers, and empties no field.
    other.evaluate(f"localStorage.setItem('{KEY}', 'garbage')")
    other.evaluate(f"localStorage.setItem('{KEY}', 'garbage, again')")
    tab.wait_for_timeout(100)
    expect(field(tab, ONE)).to_have_value(RIGHT)


REFUSALS = {
    "throws": "get() { throw new DOMException('denied', 'SecurityError'); }",
    "is null": "get() { return null; }",
}


@pytest.mark.parametrize(
    "tab", [pytest.param({"width": 390, "forgiven": FROM_DISK}, id="390")], indirect=True
)
@pytest.mark.parametrize("how", REFUSALS)
def test_where_storage_is_refused_answers_search_and_menu_work(
    site: Site, tab: Page, how: str
) -> None:
    for name in ("localStorage", "sessionStorage"):
        tab.add_init_script(
            f"Object.defineProperty(window, '{name}', {{ configurable: true, {REFUSALS[how]} }})"
        )
    go(tab, site, "exercises.html")
    expect(tab.locator("answer-book")).to_contain_text(TEXTS["not_kept"])
    give(tab, ONE, RIGHT)
    expect(verdict(tab, ONE)).to_contain_text("Right.")
    expect(tab.locator(".answer-total")).to_contain_text("1 of ")
    tab.keyboard.press("Control+k")
    expect(tab.locator("#pst-search-dialog")).to_be_visible()
    tab.keyboard.press("Escape")
    tab.locator(".primary-toggle").press("Enter")
    expect(tab.get_by_role("link", name="Install and run").last).to_be_visible()
    tab.goto(f"{(site.folder / 'search.html').as_uri()}?q=stride")
    tab.locator("#search-results li").first.wait_for()


FOREIGN = {
    "not JSON": "{",
    "null": "null",
    "a number": "7",
    "a later version": '{"version": 2, "answers": {"6.1": "15"}}',
    "no answers": '{"version": 1, "answers": null}',
    "a list": '{"version": 1, "answers": [1, null]}',
    "damaged answers": json.dumps(
        {"version": 1, "answers": {"6.1": {"answer": 15}, "__proto__": {}, "x": entry("x", "1")}}
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_stored_and_not_ours_is_ignored_until_something_is_saved(
    site: Site, tab: Page, name: str
) -> None:
    go(tab, site, page_of(ONE))
    tab.evaluate(f"text => localStorage.setItem('{KEY}', text)", FOREIGN[name])
    for page in ("exercises.html", "gallery/index.html", page_of(ONE)):
        go(tab, site, page)
        assert tab.evaluate(f"localStorage.getItem('{KEY}')") == FOREIGN[name]
    expect(field(tab, ONE)).to_have_value("")
    expect(tab.locator("answer-progress")).to_contain_text("0 of ")
    give(tab, ONE, RIGHT)
    assert list(kept(tab)) == [ONE]


def test_where_storage_is_full_the_page_says_so_and_goes_on(
    site: Site, tab: Page, tmp_path: Path
) -> None:
    tab.add_init_script(
        "const { setItem } = Storage.prototype; Storage.prototype.setItem = function (key, text) {"
        f" if (key === '{KEY}') throw new DOMException('', 'QuotaExceededError');"
        " setItem.call(this, key, text); }"
    )
    go(tab, site, "exercises.html")
    expect(tab.locator("answer-book")).to_contain_text(TEXTS["kept"])
    give(tab, ONE, RIGHT)
    give(tab, "7.1", "two")
    expect(field(tab, ONE)).to_have_value(RIGHT)
    expect(box(tab, ONE)).to_have_class(re.compile("solved"))
    expect(tab.locator("answer-book")).to_contain_text(TEXTS["not_kept"])
    saved = json.loads(save(tab, tmp_path).read_text("utf-8"))
    assert [answer["answer"] for answer in saved["answers"]] == [RIGHT, "two"]


@pytest.mark.parametrize("tab", [pytest.param({"scripts": False}, id="no scripts")], indirect=True)
def test_without_scripts_all_text_is_there_and_nothing_is_dead(site: Site, tab: Page) -> None:
    for page in (page_of(ONE), "exercises.html"):
        go(tab, site, page)
        assert not tab.locator(".bd-article :is(input, button, textarea)").count()
        assert tab.locator("answer-field").count()
        assert box(tab, ONE).inner_text().startswith("Exercise 6.1\n\nThe window is")
        fold = box(tab, ONE).locator("details", has_text="Solution")
        fold.locator("summary").click()
        expect(fold.locator("pre")).to_be_visible()
        expect(box(tab, "6.3").get_by_text('check("6.3", answer)')).to_be_visible()
        assert "answer-" not in tab.locator("main").inner_text()


MISTYPED = [
    *("1/9", "0,5", "2,5", "7 ㅌ 7", "７", "\u22127", "1,628,170", "[[1, 2], [3, 4]", "80 %", ";"),
    *("  15  ", "15.", "１５", "fifteen", "\t15", "NaN", "1e999", "<b>15</b>", "15" * 600),
]


def test_what_is_typed_is_not_altered_whatever_it_is(site: Site, tab: Page) -> None:
    go(tab, site, page_of(ONE))
    for text in MISTYPED:
        empty_verdict(tab, ONE)
        give(tab, ONE, text)
        expect(verdict(tab, ONE)).not_to_be_empty()
        # An answer that cannot be read is not shown as read.
        if text in {"fifteen", "<b>15</b>", "0,5", "2,5", "[[1, 2], [3, 4]", "15" * 600}:
            expect(verdict(tab, ONE)).not_to_contain_text("Read as")
        for _ in with_a_reload(tab):
            assert field(tab, ONE).input_value() == text
            assert kept(tab)[ONE]["answer"] == text
            assert tab.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


BETWEEN = (", ", " x ", "x", "X", "×", " * ", "ㅌ")


@pytest.mark.parametrize(
    ("number", "texts"),
    [
        ("12.1", [by.join(right_text("12.1").strip("[]").split(", ")) for by in BETWEEN]),
        ("2.1", [f"{int(right_text('2.1')):,}"]),
        ("6.1", ["１５", "30/2"]),
    ],
)
def test_a_right_answer_may_be_typed_in_many_ways(
    site: Site, tab: Page, number: str, texts: list[str]
) -> None:
    go(tab, site, page_of(number))
    for text in texts:
        empty_verdict(tab, number)
        give(tab, number, text)
        expect(verdict(tab, number)).to_contain_text("Right.")


def test_the_themes_shortcuts_take_nothing_of_what_is_typed(site: Site, tab: Page) -> None:
    go(tab, site, page_of(ONE))
    field(tab, ONE).focus()
    tab.keyboard.type("1/4")
    expect(field(tab, ONE)).to_have_value("1/4")
    expect(field(tab, ONE)).to_be_focused()
    expect(tab.locator("#pst-search-dialog")).to_be_hidden()
    tab.keyboard.press("Control+k")
    expect(tab.locator("#pst-search-dialog")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.locator("#pst-search-dialog")).to_be_hidden()
    expect(field(tab, ONE)).to_have_value("1/4")
    assert kept(tab)[ONE]["answer"] == "1/4"


@pytest.mark.parametrize(
    "tab", [{"width": 1280}, {"width": 390}], indirect=True, ids=["1280", "390"]
)
def test_an_exercise_is_answered_with_the_keyboard_alone(site: Site, tab: Page) -> None:
    go(tab, site, page_of(ONE))
    field(tab, ONE).focus()
    tab.keyboard.type(WRONG)
    tab.keyboard.press("Tab")
    expect(box(tab, ONE).get_by_role("button", name="Check")).to_be_focused()
    tab.keyboard.press("Space")
    expect(verdict(tab, ONE)).to_contain_text("Not yet")
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Control+a")
    tab.keyboard.type(RIGHT)
    tab.keyboard.press("Enter")
    expect(verdict(tab, ONE)).to_contain_text("Right.")
    expect(field(tab, ONE)).to_be_focused()
    box(tab, "6.2").get_by_role("checkbox").focus()
    tab.keyboard.press("Space")
    expect(tab.locator("answer-progress")).to_contain_text(f"2 of {ON_PAGE}")
    for control in tab.locator(
        "answer-field :is(input, button), answer-mark label, .exercise summary"
    ).all():
        size = control.bounding_box()
        assert size is not None
        assert size["height"] >= 24, "high enough for a finger"


@pytest.mark.sweep
@from_disk
def test_verdicts_have_no_barrier_that_axe_finds(site: Site, tab: Page) -> None:
    go(tab, site, page_of("7.1"))
    give(tab, "7.1", "two")
    give(tab, "7.2", right_text("7.2"))
    expect(verdict(tab, "7.2")).to_contain_text("Right.")
    assert not barriers_in_each_look(tab, within="article")
    # Typed, and not checked again.
    field(tab, "7.1").fill("[[1, 2], [3, 4]]")
    assert not barriers_in_each_look(tab, within="#exercise-7-1")
    go(tab, site, "gallery/2_layers/index.html")
    expect(tab.locator(".answer-count", has_text="solved")).to_have_count(1)
    assert not barriers_in_each_look(tab, within="article")
    go(tab, site, "exercises.html")
    assert load(tab, b"{}") == TEXTS["import_foreign"]
    tab.get_by_role("button", name="Delete all answers").click()
    assert not barriers_in_each_look(tab, within="answer-book")
    for look in each_look(tab):
        assert tab.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, look


PASTED = {
    "1 2\n3 4\n": "1 2; 3 4",
    "tensor([[1., 2.],\r\n        [3., 4.]])": "tensor([[1., 2.], [3., 4.]])",
    "15\n": "15",
}


@pytest.mark.parametrize("text", PASTED)
def test_lines_that_are_pasted_stay_rows(site: Site, tab: Page, text: str) -> None:
    go(tab, site, page_of("7.1"))
    field(tab, "7.1").fill("<here>")
    field(tab, "7.1").select_text()
    tab.evaluate(
        """text => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", text);
            const paste = { clipboardData, bubbles: true, cancelable: true };
            if (document.activeElement.dispatchEvent(new ClipboardEvent("paste", paste))) {
                document.execCommand("insertText", false, text);
            }
        }""",
        text,
    )
    expect(field(tab, "7.1")).to_have_value(PASTED[text])
    assert kept(tab)["7.1"]["answer"] == PASTED[text]
    field(tab, "7.1").press("Enter")
    reading = "one number: 15" if "15" in text else "2 x 2 numbers: [[1, 2], [3, 4]]"
    expect(verdict(tab, "7.1")).to_contain_text(f"Read as {reading}")


ALPHABET = [
    *"0123456789.,/-[]() xX×*ㅌ５\u2212%",
    "\U0001f600",
    "<b>",
    '"',
    "\\",
    "``x``",
    "{kind}",
]


# What is kept, and what the fields show; then the next field gets the focus.
# Does what is asked for in the fields, and returns what is kept and shown after each action. Within
# the page, since no frame is then painted in between; other tests use the keyboard itself.
ACT = f"""async ([numbers, actions]) => {{
    const inputs = numbers.map(one =>
        document.querySelector(`answer-field[number="${{one}}"] input`));
    const states = [];
    for (const [number, action, text] of actions) {{
        const input = inputs[numbers.indexOf(number)];
        input.focus();
        input.setSelectionRange(action === 'replace' ? 0 : input.value.length, input.value.length);
        const key = {{ key: text, bubbles: true, cancelable: true }};
        const pressed = new KeyboardEvent('keydown', key);
        // A shortcut of the page may take a key for itself.
        const isTyped = action !== 'press' || input.dispatchEvent(pressed);
        if (action === 'check') input.form.requestSubmit();
        else if (text && isTyped) document.execCommand('insertText', false, text);
        else if (action === 'replace') document.execCommand('delete');
        await scheduler.yield();
        const kept = JSON.parse(localStorage.getItem('{KEY}') ?? '{{"answers": {{}}}}').answers;
        states.push({{ kept, shown: inputs.map(one => one?.value) }});
    }}
    return states;
}}"""


@pytest.mark.sweep
def test_a_monkey_at_the_fields_loses_nothing(site: Site, tab: Page) -> None:
    """What is kept and shown is what a model says, after each of 2,000 actions."""
    seed = random.Random(14)
    numbers = ["6.1", "7.1", "7.2"]
    model, solved = dict.fromkeys(numbers, ""), set()
    page = page_of(seed.choice(numbers))
    go(tab, site, page)
    step = 0
    while step < 2000:
        here = [one for one in numbers if page_of(one) == page]
        actions: list[tuple[str, str, str]] = []
        expected = []
        # Until the page is left or loaded again.
        while (move := seed.random()) < 0.99 or not actions:
            number, what = seed.choice(here), seed.random()
            text = ""
            if what < 0.56:
                action, text = "insert", "".join(seed.choices(ALPHABET, k=seed.randrange(4)))
                model[number] += text
            elif what < 0.66:
                action, text = "press", "/"
                model[number] += text
            elif what < 0.73:
                action, text = "replace", seed.choice(["", right_text(number)])
                model[number] = text
            else:
                action = "check"
                if check(number, model[number]):
                    solved.add(number)
            actions.append((number, action, text))
            expected.append((dict(model), set(solved)))
        for state, (answers, right) in zip(
            tab.evaluate(ACT, [numbers, actions]), expected, strict=True
        ):
            for one, shown in zip(numbers, state["shown"], strict=True):
                kept_one = state["kept"].get(one, {"answer": "", "solved_with": ""})
                assert kept_one["answer"] == answers[one], f"step {step}"
                assert (kept_one["solved_with"] != "") == (one in right), f"step {step}"
                assert shown == (answers[one] if one in here else None), f"step {step}"
            step += 1
        if move < 0.995:
            tab.reload()
            for one in here:
                assert field(tab, one).input_value() == model[one]
        else:
            page = page_of(seed.choice(numbers))
            go(tab, site, page)
    assert solved == set(numbers), "the monkey has typed right answers"


def test_the_scripts_use_every_text_and_no_other() -> None:
    static = ROOT / "docs/_static"
    scripts = "".join(
        (static / name).read_text("utf-8") for name in ("answers.js", "answers-store.js")
    )
    used = set(re.findall(r'(?:say\(|problem: |\? |: )"(\w+)"', scripts))
    # Two are filled in by Python.
    assert set(TEXTS) - {"label", "label_with_example"} <= used
    assert set(re.findall(r'say\("(\w+)"', scripts)) <= set(TEXTS)


def test_no_page_of_exercises_is_large(site: Site) -> None:
    sizes = {
        page: (site.folder / page).stat().st_size for page in (*PAGES.values(), "exercises.html")
    }
    assert {page: size for page, size in sizes.items() if size > 300_000} == {}
