"""The questions for the board: three on every page, answered with what the library computes."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import board_answers
import pytest
from bs4 import BeautifulSoup
from site_builds import ROOT

from cnnbook.exercises import exercises

EXTENSIONS = ROOT / "docs/_ext"
PAGES = {int(path.stem[5:7]): path for path in (ROOT / "examples").rglob("plot_*.py")}
NUMBERS = sorted(PAGES)
BOARD = re.compile(r"^# \.\. board::\n#    :minutes: (\d+)\n#\n((?:#   .*\n|#\n)+)", re.MULTILINE)


def questions_in(text: str) -> list[tuple[str, str]]:
    """Read a numbered list of questions, each with its answer in the paragraphs below it."""
    found = []
    for entry in re.split(r"^\d+\. +", text, flags=re.MULTILINE)[1:]:
        question, _, answer = entry.partition("\n\n")
        found.append((" ".join(question.split()), " ".join(answer.split())))
    return found


def board_of(page: int) -> tuple[int, list[tuple[str, str]]]:
    """Return the minutes of a page and its questions with their answers."""
    (found,) = BOARD.findall(PAGES[page].read_text("utf-8"))
    return int(found[0]), questions_in(re.sub(r"^#(?:    )?", "", found[1], flags=re.MULTILINE))


def contains(answer: str, expected: str) -> bool:
    """Say whether a text stands in an answer, not as a part of a longer word or number."""
    start, end = r"(?<![\w.,-])" if re.match(r"[\w-]", expected) else "", r"(?![\w]|[.,]\d)"
    end = end if re.search(r"\w$", expected) else ""
    return bool(re.search(start + re.escape(expected) + end, answer))


_SUM = re.compile(r"`([^`=]*\d[^`=]*) = (-?[\d.]+)`")


def wrong_sums(text: str) -> list[str]:
    """Return the calculations in an answer whose two sides differ."""
    wrong = []
    for left, right in _SUM.findall(text):
        if re.fullmatch(r"[\d\s.+*/()-]+", left) and abs(eval(left) - float(right)) > 5e-4:
            wrong.append(f"{left} = {right}")
    return wrong


def unchecked_numbers(question: str, answer: str, expected: list[str]) -> set[str]:
    """Return the numbers above 12 or with a decimal point that nothing has computed."""

    def numbers(text: str) -> set[str]:
        return {n.replace(",", "").rstrip(".") for n in re.findall(r"\d[\d,]*(?:\.\d+)?", text)}

    known = numbers(question) | numbers(" ".join(expected))
    sums = " ".join(f"{left} {right}" for left, right in _SUM.findall(answer))
    left = numbers(answer) - known - numbers(sums)
    return {number for number in left if "." in number or int(number) > 12}


def test_the_checks_of_an_answer_find_mistakes() -> None:
    assert contains("It is 12.", "12")
    assert not contains("It is 12.", "1")
    assert not contains("None of them", "No")
    assert not contains("-6 everywhere", "6 everywhere")
    assert wrong_sums("``2*3 = 6``, ``2*3 = 7``") == ["2*3 = 7"]
    assert unchecked_numbers("20 of them?", "30 of ``4*5 = 20``", ["12"]) == {"30"}


@pytest.mark.parametrize("page", NUMBERS)
def test_a_page_asks_three_questions_before_its_exercises(page: int) -> None:
    _, questions = board_of(page)
    assert len(questions) == 3
    for question, answer in questions:
        assert question.endswith((".", "?", "``."))
        assert "?" in question
        assert len(question.split()) <= 70, "too long for the board"
        assert 1 < len(answer.split()) <= 70
    text = PAGES[page].read_text("utf-8")
    assert BOARD.sub("", text).index("# Exercises\n") == BOARD.search(text).start()  # type: ignore[union-attr]


@pytest.mark.parametrize("page", NUMBERS)
def test_answers_are_what_is_computed(page: int) -> None:
    _, questions = board_of(page)
    for (question, answer), expected in zip(questions, board_answers.EXPECTED[page], strict=True):
        for text in expected:
            assert text, "the claim is not true"
            assert contains(answer, text), f"{text!r} is not in {answer!r}"
        assert not wrong_sums(answer)
        assert not unchecked_numbers(question, answer, expected), answer


@pytest.mark.parametrize("page", NUMBERS)
def test_the_minutes_are_estimated_as_the_page_for_teachers_says(page: int) -> None:
    text = BOARD.sub("", PAGES[page].read_text("utf-8"))
    lines = [line[1:] for line in text.splitlines() if re.match(r"# (?!%%|\.\. |sphinx)", line)]
    prose = " ".join([ast.get_docstring(ast.parse(text)) or "", *lines])
    words = len(re.findall(r"\w[\w'.,-]*", prose))
    guesses = len(re.findall(r"^# \.\. guess:: ", text, re.MULTILINE))
    estimate = words / 120 + 2 * guesses + 2 * 3
    minutes, _ = board_of(page)
    assert minutes % 5 == 0
    assert abs(minutes - estimate) <= 5, f"estimated: {estimate:.0f}"


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{3,}|\d+", text.lower()))


def test_no_question_is_asked_twice_and_none_is_an_exercise() -> None:
    asked = {
        f"{page}, question {number}": _words(question)
        for page in NUMBERS
        for number, (question, _) in enumerate(board_of(page)[1], 1)
    }
    assert len(asked) == 84
    others = {one.number: _words(one.question) for one in exercises()} | asked
    alike = [
        (name, other)
        for name, words in asked.items()
        for other, theirs in others.items()
        if name != other and len(words & theirs) > 0.6 * len(words | theirs)
    ]
    assert not alike


GOOD = """\
.. board::
   :minutes: 25

   1. One?

      Yes.

   2. Two?

      It is 2.

   3. Three?

      ``3``.
"""
# Each with a part of what is said of it.
BAD = {
    GOOD.replace("   :minutes: 25\n", ""): "board: expected the option 'minutes', got none",
    GOOD.replace("25", "0"): "must be positive",
    f"{GOOD}\n   4. Four?\n\n      Yes.\n": "board: expected 3 questions, got 4",
    ".. board::\n   :minutes: 5\n\n   Text.\n": "each with an answer, got ['paragraph']",
    ".. exam::\n\n   1. One?\n\n   2. Two?\n\n      Yes.\n": "got ['paragraph'] in question 1",
    # docutils reads this answer as a list that begins with 4.
    ".. exam::\n\n   1. One?\n\n      4. It is four.\n": "got ['paragraph', 'enumerated_list'",
}


def test_the_box_is_folded_and_what_is_not_whole_is_refused(tmp_path: Path) -> None:
    (tmp_path / "conf.py").write_text("extensions = ['exercise', 'board']\n", "utf-8")
    boxes = [GOOD, *BAD]
    text = "\n".join(f"Box {at}\n-----\n\n{box}" for at, box in enumerate(boxes))
    (tmp_path / "index.rst").write_text(f"Book\n====\n\n{text}", "utf-8")
    done = subprocess.run(
        [*(sys.executable, "-m", "sphinx", "-q"), str(tmp_path), str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{EXTENSIONS}"},
        capture_output=True,
        text=True,
    )
    said = done.stderr.partition("ERROR: ")[2].split("ERROR: ")
    assert len(said) == len(BAD), done.stderr
    for complaint, message in zip(BAD.values(), said, strict=True):
        assert complaint in " ".join(message.split())
    page = BeautifulSoup((tmp_path / "out/index.html").read_text("utf-8"), "html.parser")
    (box,) = page.select("details.board")
    assert box.summary is not None
    assert box.summary.get_text() == "For class: 25 minutes, three questions for the board"
    answers = [answer.get_text(" ", strip=True) for answer in box.select("li > details")]
    assert answers == ["Answer Yes.", "Answer It is 2.", "Answer 3 ."]
    assert not page.select("details[open]")
