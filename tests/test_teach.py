"""The page for teachers: its plans add up, its links lead somewhere, its answers are computed."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import exam_answers
import pytest
from answer_pages import file_of, give, go, right_text, save
from bs4 import BeautifulSoup
from explorer_data import TASKS, query_problems, task_query
from playwright.sync_api import Page
from site_browser import needs_browser
from site_builds import ROOT, Site
from test_board import (
    NUMBERS,
    PAGES,
    board_of,
    contains,
    questions_in,
    unchecked_numbers,
    wrong_sums,
)

TEXT = (ROOT / "docs/teach.md").read_text("utf-8")
LINK = re.compile(r"\]\(gallery/\w+/plot_(\d\d)_\w+\)")


def _section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _table(text: str) -> list[list[str]]:
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return rows[2:]


def _blocks(directive: str) -> list[tuple[str, str]]:
    """Return argument and content of each directive of a kind."""
    return re.findall(rf"^```\{{{directive}\}}(.*)\n((?:(?!```).*\n)+)```", TEXT, re.MULTILINE)


def test_the_lecture_is_answered_in_its_order_and_the_results_are_those_of_the_pages() -> None:
    rows = _table(_section("The lecture, cell by cell"))
    pages = [[int(number) for number in LINK.findall(row[1])] for row in rows]
    assert [linked[0] for linked in pages] == [1, 2, 3, 6, 7, 7, 7, 8, 8, 12, 9, 10]
    for (_, _, result), linked in zip(rows, pages, strict=True):
        numbers = re.findall(r"\d[\d,.]*", result)
        assert numbers
        for number in numbers:
            texts = [PAGES[page].read_text("utf-8") for page in linked]
            assert any(re.search(rf"\b{re.escape(number.strip(','))}\b", t) for t in texts), number


def test_the_class_takes_two_hours_and_each_page_its_minutes() -> None:
    rows = _table(_section("A class of two hours"))
    assert sum(int(row[0]) for row in rows) == 120
    pages = {int(LINK.findall(row[1])[0]): int(row[0]) for row in rows if LINK.search(row[1])}
    assert pages == {page: board_of(page)[0] for page in (1, 6, 7, 8, 10)}
    for row in rows:
        # What is written on the board is right, and a number that is guessed is one of the page.
        for page in LINK.findall(row[1]):
            sums = re.findall(r"`([^`=]+) = ([\d.]+)`", row[2])
            assert all(eval(left.replace("floor", "int")) == float(right) for left, right in sums)
            text = PAGES[int(page)].read_text("utf-8")
            assert all(number in text for number in re.findall(r"\d\.\d+", row[3]))


def test_the_plans_have_the_weeks_that_are_promised_and_the_long_ones_have_every_page() -> None:
    plans = _blocks("course")
    weeks = [content.strip().splitlines() for _, content in plans]
    assert [len(lines) for lines in weeks] == [4, 8, 15]
    for lines, (_, content) in zip(weeks, plans, strict=True):
        pages = [int(n) for line in lines for n in re.findall(r"\d+", line.partition("|")[0])]
        homework = re.findall(r"\d+\.\d", content)
        assert len(set(homework)) == len(homework)
        assert len(set(pages)) == len(pages)
        if len(lines) > 4:
            assert pages == NUMBERS
        for line in lines:
            named, _, given = line.partition("|")
            # Homework is about a page of its own week.
            assert {n.split(".")[0] for n in given.split()} <= set(named.split())
            assert given or line == "examination"
    assert "fifteen pages" in TEXT
    assert len(re.findall(r"\d+", re.sub(r"\|.*", "", plans[0][1]))) == 15


def test_links_to_the_explorer_hold_what_it_knows() -> None:
    queries = re.findall(r"\(play\.html\?([^)#]*)#explorer\)\{\.external\}", TEXT)
    assert TEXT.count("play.html?") == len(queries) >= 8
    for query in queries:
        assert not query_problems(query), query
        task = re.match(r"task=([\w-]+)&", query)
        # A task begins where the explorer's own page begins it, so that it can be solved.
        assert not task or query == task_query(task[1])
    assert sum(query.startswith(tuple(f"task={name}&" for name in TASKS)) for query in queries) == 2


def test_the_keys_are_those_of_present_mode() -> None:
    script = (ROOT / "docs/_static/present.js").read_text("utf-8")
    keys = re.findall(r"^\| ((?:\w+(?:, )?)+) \|", _section("In the room"), re.MULTILINE)[1:]
    assert [key for row in keys for key in row.split(", ")] == [
        *("PageDown", "Space", "PageUp", "Home", "End", "Esc")
    ]
    for name in ("PageDown", '" "', "PageUp", "Home", "End", "Escape"):
        assert re.search(rf"{name}: \(\) =>", script), name


def test_the_answers_of_the_examination_are_computed() -> None:
    ((_, content),) = _blocks("exam")
    questions = questions_in(content)
    assert len(questions) == 10
    for (question, answer), expected in zip(questions, exam_answers.EXPECTED, strict=True):
        for text in expected:
            assert contains(answer, text), f"{text!r} is not in {answer!r}"
        assert not wrong_sums(answer)
        # In Markdown, a code span has one backtick.
        assert not unchecked_numbers(question, answer, expected), answer


@pytest.fixture
def read_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[list[str]]]:
    """Run the program of the page where the folder ``answers`` is, and return its table."""

    def run() -> list[list[str]]:
        (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
        monkeypatch.chdir(tmp_path)
        exec(compile(code, "teach.md", "exec"), {})
        with open("homework.csv", encoding="utf-8-sig", newline="") as table:
            return list(csv.reader(table))

    (tmp_path / "answers").mkdir()
    return run


@needs_browser
def test_the_program_reads_files_that_the_site_has_saved(
    site: Site,
    tab: Page,
    tmp_path: Path,
    read_answers: Callable[[], list[list[str]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "answers"
    go(tab, site, "exercises.html")
    give(tab, "6.1", right_text("6.1"))
    give(tab, "7.2", "[1, 1, 1, 1]")
    save(tab, folder, "Kim, 민수")
    # Solved, and changed afterwards; and without a name.
    give(tab, "6.1", "99")
    give(tab, "7.2", right_text("7.2"))
    give(tab, "7.1", right_text("7.1"))
    path = save(tab, folder)
    # Edited by hand: marked as solved, with a wrong answer.
    edited = path.read_text("utf-8").replace(f'"{right_text("7.1")}"', '"[[0, 0], [0, 0]]"')
    (folder / "edited.json").write_text(edited.replace('"name": ""', '"name": "Lee"'), "utf-8")
    (folder / "notes.json").write_bytes(b"\xff\xfe no answers")
    (folder / "part.json").write_bytes(file_of().replace(b'"answers"', b'"others"'))
    header, *rows = read_answers()
    assert header == ["name", "saved", "6.1", "7.1", "7.2", "sum"]
    assert {row[0]: row[2:] for row in rows} == {
        "Kim, 민수": ["1", "0", "0", "1"],
        path.stem: ["1", "1", "1", "3"],
        "Lee": ["1", "0", "1", "2"],
    }
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", row[1]) for row in rows)
    printed = capsys.readouterr().out.splitlines()
    assert printed == [f"{name}.json: not a file of answers" for name in ("notes", "part")]


@needs_browser
def test_on_paper_questions_are_open_and_answers_are_not_there(site: Site, tab: Page) -> None:
    def shown(selector: str) -> list[bool]:
        return [one.is_visible() for one in tab.locator(selector).all()]

    tab.goto((site.folder / "gallery/2_layers/plot_07_moving_average.html").as_uri())
    assert shown(".board li > p") == [False] * 3
    tab.emulate_media(media="print")
    assert shown(".board li > p") == [True] * 3
    tab.evaluate("document.querySelectorAll('.board details').forEach((d) => { d.open = true; })")
    assert shown(".board li > details") == [False] * 3
    tab.goto((site.folder / "teach.html").as_uri())
    assert shown(".exam li > p") == [True] * 10
    assert shown(".exam li > details") == [False] * 10


@needs_browser
def test_the_box_is_opened_with_the_keyboard_one_answer_at_a_time(site: Site, tab: Page) -> None:
    tab.goto((site.folder / "gallery/2_layers/plot_07_moving_average.html").as_uri())
    box = tab.locator("details.board")
    first, *others = box.locator("li > details").all()
    box.locator("summary").first.press("Enter")
    assert box.locator("li > p").first.is_visible()
    first.locator("summary").press("Space")
    assert first.locator("p").is_visible()
    assert not any(other.locator("p").first.is_visible() for other in others)
    for summary in box.locator("summary").all():
        size = summary.bounding_box()
        assert size
        assert size["height"] >= 32, "high enough for a finger"


def test_the_table_has_every_page_with_its_minutes_and_first_question(site: Site) -> None:
    page = BeautifulSoup((site.folder / "teach.html").read_text("utf-8"), "html.parser")
    rows = page.select("table")[-1].select("tbody tr")
    cells = [[cell.get_text(" ", strip=True) for cell in row.select("td")] for row in rows]
    assert len(cells) == len(PAGES) + 1
    minutes = [board_of(number)[0] for number in NUMBERS]
    assert [int(row[1]) for row in cells] == [*minutes, sum(minutes)]
    for row, number in zip(cells, NUMBERS, strict=False):
        assert row[0].startswith(f"{number}. ")
        (question, _), *_ = board_of(number)[1]
        assert re.findall(r"\w+", row[3]) == re.findall(r"\w+", question)
        assert (row[2] == "-") != site.executed
