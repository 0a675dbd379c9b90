"""Files of answers: saved, loaded, merged, refused; and how answers are deleted."""

import json
import re
from pathlib import Path

from answer_field import TEXTS
from answer_pages import (
    KEY,
    KINDS,
    ONE,
    RIGHT,
    WRONG,
    box,
    entry,
    field,
    file_of,
    give,
    go,
    kept,
    load,
    right_text,
    save,
    verdict,
)
from playwright.sync_api import Page, expect
from site_browser import needs_browser
from site_builds import Site

from cnnbook.exercises import exercises

pytestmark = needs_browser


def _delete(tab: Page) -> None:
    tab.get_by_role("button", name="Delete all answers").click()
    tab.get_by_role("button", name="Delete them").click()


def test_a_file_brings_back_all_that_was_deleted(site: Site, tab: Page, tmp_path: Path) -> None:
    go(tab, site, "exercises.html")
    for number in {ONE, *KINDS} - {"3.1"}:
        give(tab, number, right_text(number))
    give(tab, ONE, WRONG)
    field(tab, "3.1").fill('ㅌ not checked, "quoted", <b>, \u2212 and ５')
    box(tab, "6.2").get_by_role("checkbox").check()
    before = kept(tab)
    path = save(tab, tmp_path, "Kim, 민수")
    assert path.name == "cnnbook-answers-Kim-민수.json"
    # What a teacher reads.
    content = json.loads(path.read_text("utf-8"))
    assert content["name"] == "Kim, 민수"
    assert (content["version"], content["edition"]) == (1, "en")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", content["date"])
    assert content["total"] == len(exercises())
    saved = {answer["number"]: answer for answer in content["answers"]}
    assert list(saved) == [one.number for one in exercises() if one.number in before]
    assert saved[ONE] | {"answer": WRONG, "verdict": "wrong", "solved": True} == saved[ONE]
    assert saved["3.1"]["answer"].startswith("ㅌ not checked")
    assert saved["6.2"] | {"answer": "", "solved": True, "marked": True} == saved["6.2"]
    _delete(tab)
    expect(field(tab, ONE)).to_have_value("")
    assert tab.evaluate(f"localStorage.getItem('{KEY}')") is None
    assert load(tab, path) == (
        f"Loaded. Answers in the file: {len(before)}. Taken over: {len(before)}. "
        f"Solved now: {len(before) - 1} of {len(exercises())}."
    )
    assert kept(tab) == before
    expect(field(tab, ONE)).to_have_value(WRONG)
    # Once more: nothing changes.
    assert "Taken over: 0." in load(tab, path)
    assert kept(tab) == before


def test_answers_from_a_file_are_graded_again_and_the_newer_text_is_kept(
    site: Site, tab: Page
) -> None:
    go(tab, site, "exercises.html")
    give(tab, "1.1", "mine")
    said = load(
        tab,
        file_of(
            # Older than mine, right once.
            entry("1.1", "theirs", solved_with=right_text("1.1")),
            # Said to be right, and wrong.
            entry(ONE, WRONG),
            entry("6.2", "", verdict="", marked=True),
            # A function is not graded here: a text that "was right" counts for nothing.
            entry("6.3", "?"),
            # A clock that is ahead.
            entry("7.1", "later", changed="9999-01-01T00:00:00.000Z"),
            # Not checked before it was saved.
            entry("10.1", right_text("10.1"), verdict="", solved_with=""),
            # An exercise of another edition.
            entry("99.1", "1"),
        ),
    )
    assert "Answers in the file: 7. Taken over: 5. Solved now: 2 of" in said
    found = kept(tab)
    assert (found["1.1"]["answer"], found["1.1"]["solved_with"]) == ("mine", right_text("1.1"))
    assert (found[ONE]["answer"], found[ONE]["verdict"], found[ONE]["solved_with"]) == (
        *(WRONG, "wrong"),
        "",
    )
    assert found["6.2"]["marked"]
    assert found["10.1"]["verdict"] == found["10.1"]["solved_with"] == ""
    assert found["7.1"]["changed"] < "9999"
    assert "99.1" not in found
    expect(field(tab, "10.1")).to_have_value(right_text("10.1"))
    expect(verdict(tab, "10.1")).to_be_empty()
    load(tab, file_of(entry("1.1", "newer", changed="2999-01-01T00:00:00.000Z")))
    expect(field(tab, "1.1")).to_have_value("newer")
    expect(box(tab, "1.1")).to_have_class(re.compile("solved"))


DAMAGED = TEXTS["import_damaged"].format(position=2)
BAD_FILES = {
    "not JSON": (b"answers", TEXTS["import_foreign"]),
    "empty": (b"", TEXTS["import_foreign"]),
    "null": (b"null", TEXTS["import_foreign"]),
    "binary": (b"\x89PNG\xff\xfe\x00", TEXTS["import_foreign"]),
    "another program's": (b'{"format": "notes", "answers": []}', TEXTS["import_foreign"]),
    "no list": (file_of(answers={"6.1": 1}), TEXTS["import_foreign"]),
    "version as text": (file_of(version="<b>1</b>"), TEXTS["import_foreign"]),
    "later version": (file_of(version=2), TEXTS["import_version"].format(version=2, known=1)),
    "too large": (file_of(pad="x" * 5_000_000), TEXTS["import_too_large"].format(limit=5)),
    "twice": (file_of(entry("2.1", "1"), entry("2.1", "2")), DAMAGED),
    **{
        name: (file_of(entry("2.1", "1"), bad), DAMAGED)
        for name, bad in {
            "a number as answer": entry("2.2", 1),
            "unknown verdict": entry("2.2", "1", verdict="great"),
            "no date": entry("2.2", "1", changed="today"),
            "marked by a word": entry("2.2", "1", marked="yes"),
            "without a number": entry("__proto__", "1"),
            "null": entry("2.2", "1", solved_with=None),
        }.items()
    },
    "no entry": (file_of(entry("2.1", "1"), None), DAMAGED),  # type: ignore[arg-type]
}


def test_a_file_that_is_not_ours_is_refused_in_a_sentence_and_changes_nothing(
    site: Site, tab: Page
) -> None:
    go(tab, site, "exercises.html")
    give(tab, ONE, RIGHT)
    for day, (name, (content, sentence)) in enumerate(BAD_FILES.items(), 1):
        before = kept(tab)
        assert load(tab, content) == sentence, name
        assert kept(tab) == before, name
        # And a good one, newer than the one before, is loaded afterwards.
        good = entry("2.1", str(day), changed=f"2026-01-{day:02}T00:00:00.000Z")
        assert "Taken over: 1." in load(tab, file_of(good)), name
        assert kept(tab)["2.1"]["answer"] == str(day), name


def test_deleting_asks_first_and_deletes_nothing_else(site: Site, tab: Page) -> None:
    go(tab, site, "exercises.html")
    tab.evaluate(
        "localStorage.setItem('mode', 'dark'); localStorage.setItem('cnnbook.ko.answers', '1')"
    )
    give(tab, ONE, RIGHT)
    delete = tab.get_by_role("button", name="Delete all answers")
    question = tab.get_by_text(TEXTS["reset_question"])
    delete.click()
    expect(question).to_be_visible()
    expect(tab.get_by_role("button", name="Keep them")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(delete).to_be_focused()
    delete.press("Enter")
    tab.get_by_role("button", name="Keep them").press("Enter")
    assert kept(tab)[ONE]["answer"] == RIGHT
    _delete(tab)
    expect(question).to_be_hidden()
    expect(tab.locator("answer-book > [role=status]")).to_have_text(TEXTS["reset_done"])
    expect(field(tab, ONE)).to_have_value("")
    expect(verdict(tab, ONE)).to_be_empty()
    expect(box(tab, ONE)).not_to_have_class(re.compile("solved"))
    expect(tab.locator(".answer-total")).to_contain_text("0 of ")
    left = tab.evaluate("Object.fromEntries(Object.entries(localStorage))")
    assert left["mode"] == "dark"
    assert left["cnnbook.ko.answers"] == "1"
    assert KEY not in left
