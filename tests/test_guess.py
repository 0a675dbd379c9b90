"""The directive ``guess``: what it covers, what stays open, and what it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from test_extensions import EXTENSIONS

OUT = "\n.. rst-class:: sphx-glr-script-out\n\n .. code-block:: none\n\n    {}\n"


def _cell(code: str, out: str = "") -> str:
    """Write a cell as sphinx-gallery does, with the comment before the text that follows."""
    shown = "\n    ".join(code.splitlines())
    return (
        f"\n.. GENERATED FROM\n\n.. code-block:: Python\n\n    {shown}\n"
        f"{OUT.format(out) if out else ''}\n.. GENERATED FROM\n\n"
    )


def _build(folder: Path, text: str, builder: str = "html") -> subprocess.CompletedProcess[str]:
    (folder / "gallery").mkdir(exist_ok=True)
    (folder / "gallery/page.rst").write_text(f"Title\n=====\n\n{text}", "utf-8")
    (folder / "index.rst").write_text("Book\n====\n\n.. toctree::\n\n   gallery/page\n", "utf-8")
    (folder / "conf.py").write_text("extensions = ['checks', 'guess']\n", "utf-8")
    return subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "-W", "-q", "-b", builder),
            str(folder),
            f"{folder}/out",
        ],
        env={**os.environ, "PYTHONPATH": str(EXTENSIONS)},
        capture_output=True,
        text=True,
    )


def _page(folder: Path, text: str) -> BeautifulSoup:
    done = _build(folder, text)
    assert done.returncode == 0, done.stderr
    return BeautifulSoup((folder / "out/gallery/page.html").read_text("utf-8"), "html.parser")


def _covered(page: BeautifulSoup, box: str = "guess-1") -> list[str]:
    covers = page.select(f'guess-cover[for="{box}"]')
    return [" ".join(cover.get_text().split()) for cover in covers]


def test_the_next_result_and_the_paragraph_after_it_are_covered(tmp_path: Path) -> None:
    page = _page(
        tmp_path,
        "How many?\n\n.. guess:: Windows\n"
        + _cell("print(9)\nassert 9 == 3 * 3", "nine")
        + "There are nine.\n\nMore text.\n"
        + _cell("print(1)", "one")
        + "Text\n----\n\nIn a section.\n",
    )
    assert _covered(page) == ["nine checked: 1 claim assert 9 == 3 * 3 There are nine."]
    (box,) = page.select("guess-box")
    asked = page.find(id=str(box["data-question"]))
    assert asked is not None
    assert asked.get_text() == "How many?"
    told = json.loads(str(box["data-guess"]))
    assert (told["label"], told["choices"]) == ("Windows", [])
    # Without a script the box is empty, and nothing is hidden by an attribute.
    assert box.get_text() == ""
    assert not page.select("[hidden], [inert]")
    assert page.select('script[src^="../_static/guess.js"]')
    assert not page.select('script[src^="../_static/guess.js"][defer]')


def test_a_mark_ends_the_cover_later_and_code_stays_open(tmp_path: Path) -> None:
    page = _page(
        tmp_path,
        "Which?\n\n.. guess::\n   :choices: the <first>\n     | the second | none\n"
        + _cell("first = 1")
        + "Between.\n"
        + _cell("print(2)", "two")
        + "It is two.\n\n.. guess-end::\n\nAfter.\n",
    )
    assert _covered(page) == ["Between.", "two It is two."]
    told = json.loads(str(page.select("guess-box")[0]["data-guess"]))
    assert told["choices"] == ["the <first>", "the second", "none"]
    assert told["label"] == told["texts"]["label"]
    code = page.select(".highlight-Python pre")
    assert [part.get_text().strip() for part in code] == ["first = 1", "print(2)"]
    assert not [part for part in code if part.find_parent("guess-cover")]


def test_an_answer_in_words_needs_no_cell(tmp_path: Path) -> None:
    page = _page(tmp_path, "Why?\n\n.. guess:: Reason\n\nBecause.\n\n.. guess-end::\n\nAfter.\n")
    assert _covered(page) == ["Because."]


def test_a_cover_ends_before_the_next_guess_and_the_next_section(tmp_path: Path) -> None:
    page = _page(
        tmp_path,
        "One?\n\n.. guess:: A\n"
        + _cell("print(1)", "one")
        + "It is one.\n\nTwo?\n\n.. guess:: B\n"
        + _cell("print(2)", "two")
        + "Text\n----\n\nIn a section.\n",
    )
    assert _covered(page) == ["one It is one."]
    assert _covered(page, "guess-2") == ["two"]
    keys = [json.loads(str(box["data-guess"]))["key"] for box in page.select("guess-box")]
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Why?\n\n.. guess::\n\nText\n----\n\nMore.\n", "nothing follows that it could cover"),
        ("Why?\n\n.. guess::\n   :choices: one\n", "expected two choices or more"),
        ("Why?\n\n.. guess::\n   :choices: one | | two\n", "expected two choices or more"),
        ("Why?\n\n.. guess::\n   :choices:\n", "argument required"),
    ],
)
def test_a_guess_that_makes_no_sense_stops_the_build(
    tmp_path: Path, text: str, complaint: str
) -> None:
    done = _build(tmp_path, text)
    assert done.returncode != 0
    assert complaint in done.stderr


def test_label_and_choices_enter_the_catalogue(tmp_path: Path) -> None:
    text = "Why?\n\n.. guess:: Reason\n   :choices: this | that\n\nSo.\n\n.. guess-end::\n"
    done = _build(tmp_path, text, "gettext")
    assert done.returncode == 0, done.stderr
    catalogue = (tmp_path / "out/gallery.pot").read_text("utf-8")
    for words in ("Reason", "this", "that"):
        assert f'msgid "{words}"' in catalogue
