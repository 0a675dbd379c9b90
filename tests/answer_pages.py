"""What tests of the answers do on a page: find an exercise, answer it, look at what is kept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect
from site_builds import ROOT, Site

from cnnbook.exercises import exercise, exercises
from cnnbook.exercises._answers import Numbers
from cnnbook.exercises._export import exercise_data

KEY = "cnnbook.en.answers"
PAGES = {
    int(path.stem[5:7]): f"gallery/{path.relative_to(ROOT / 'examples').with_suffix('.html')}"
    for path in (ROOT / "examples").rglob("plot_*.py")
}
NUMBERS = [one for one in exercises() if isinstance(one.kind, Numbers)]
# One exercise for each description of what is asked for.
KINDS = list({one.kind.description: one.number for one in NUMBERS}.values())
# A right answer, a wrong one, and how many exercises there are on their page.
ONE, RIGHT, WRONG, ON_PAGE = "6.1", "15", "23", 3


def go(tab: Page, site: Site, page: str) -> None:
    tab.goto((site.folder / page).as_uri())


def page_of(number: str) -> str:
    return PAGES[exercise(number).page]


def box(tab: Page, number: str) -> Locator:
    return tab.locator(f"#exercise-{number.replace('.', '-')}")


def field(tab: Page, number: str) -> Locator:
    return box(tab, number).get_by_role("textbox")


def verdict(tab: Page, number: str) -> Locator:
    return box(tab, number).get_by_role("status")


def empty_verdict(tab: Page, number: str) -> None:
    """Take away what is said, so that what is said next is about the next answer."""
    verdict(tab, number).evaluate("(one) => one.replaceChildren()")


def give(tab: Page, number: str, text: str) -> None:
    field(tab, number).fill(text)
    box(tab, number).get_by_role("button", name="Check").click()


def kept(tab: Page) -> dict[str, Any]:
    found = json.loads(tab.evaluate(f"localStorage.getItem('{KEY}')"))
    assert found["version"] == 1
    answers = found["answers"]
    assert isinstance(answers, dict)
    return answers


def with_a_reload(tab: Page) -> Iterator[None]:
    """Let the same be asserted before and after the page is loaded again."""
    yield
    tab.reload()
    yield


def right_text(number: str) -> str:
    """Return a right answer, as one may type it."""
    rights = exercise_data(exercise(number))["right"]
    assert isinstance(rights, list)
    return str(rights[0])


def save(tab: Page, folder: Path, name: str = "") -> Path:
    tab.get_by_label("Your name").fill(name)
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Save as a file").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def load(tab: Page, content: bytes | Path) -> str:
    """Load a file, and return what the page says."""
    status = tab.locator("answer-book > [role=status]")
    status.evaluate("element => { element.textContent = ''; }")
    file: Any = {"name": "answers.json", "mimeType": "application/json", "buffer": content}
    tab.get_by_label("Load from a file").set_input_files(
        content if isinstance(content, Path) else file
    )
    expect(status).not_to_be_empty()
    return status.inner_text()


def file_of(*answers: dict[str, Any], **others: Any) -> bytes:
    default = {"format": "cnnbook answers", "version": 1, "answers": list(answers)}
    return json.dumps(default | others).encode()


def entry(number: str, answer: Any, **others: Any) -> dict[str, Any]:
    default = {"number": number, "answer": answer, "verdict": "right", "solved_with": answer}
    return default | {"marked": False, "changed": "2026-01-01T00:00:00.000Z"} | others
