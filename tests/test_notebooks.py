"""The notebooks that the site offers: readable, whole, and running from top to bottom."""

import json
import os
import re
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from gallery_state import files_beside
from notebooks import Markdown, cells_of, install_cell, notebook
from site_builds import ROOT, Site
from small_data import NO_MIRROR

import cnnbook

PAGES = sorted((ROOT / "examples").rglob("plot_*.py"))
# Pages that take seconds; `make test-long` runs the notebooks of all.
SHORT = {"plot_06_one_window", "plot_09_relu", "plot_12_img_at_what"}


def _download(site: Site, page: Path, suffix: str) -> Path:
    (found,) = (site.folder / "_downloads").glob(f"*/{page.stem}{suffix}")
    return found


def _cells(site: Site, page: Path) -> list[tuple[str, str]]:
    content = json.loads(_download(site, page, ".ipynb").read_text("utf-8"))
    return [(cell["cell_type"], "".join(cell["source"])) for cell in content["cells"]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_notebook_has_no_markup_of_the_site_left(site: Site, page: Path) -> None:
    cells = _cells(site, page)
    text = "\n\n".join(text for kind, text in cells if kind == "markdown")
    # Code in the text may show what it likes.
    text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    assert not re.findall(r":\w+:`|^\s*\.\. |\[\w+\]_|``|\|\w+\|", text, re.MULTILINE)
    assert text.startswith("# ")
    assert not re.search(r"\]\((?!https?:)", text), "a link that leads nowhere from a notebook"


def test_a_notebook_has_what_the_site_covers_and_no_field(site: Site) -> None:
    (page,) = (page for page in PAGES if page.stem == "plot_07_moving_average")
    assert page.read_text("utf-8").count("# .. guess:: ") > 2
    text = "\n\n".join(text for kind, text in _cells(site, page) if kind == "markdown")
    question = text.index("Before you look: how many windows")
    assert question < text.index("There are nine windows, three in each direction")
    assert "Windows, and the first number" not in text, "the label of the field"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_notebook_asks_its_exercises(site: Site, page: Path) -> None:
    cells = _cells(site, page)
    asked = re.findall(r"^# \.\. exercise:: (\S+)", page.read_text("utf-8"), re.MULTILINE)
    checks = [re.findall(r'check\("([\d.]+)"', text) for kind, text in cells if kind == "code"]
    assert [number for numbers in checks for number in numbers] == asked
    for number in asked:
        (text,) = (t for k, t in cells if k == "markdown" and f"**Exercise {number}**" in t)
        assert len(text.partition("<details>")[0]) > 60, "the question"
        assert text.count("<details>") == 2, "hint and solution, folded"


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, marks=[] if p.stem in SHORT else [pytest.mark.long]) for p in PAGES],
    ids=lambda page: page.stem,
)
def test_a_notebook_runs_from_top_to_bottom(site: Site, page: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(_download(site, page, ".zip")) as archive:
        archive.extractall(tmp_path)
    content = json.loads((tmp_path / f"{page.stem}.ipynb").read_text("utf-8"))
    code = ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]
    script = tmp_path / "cells.py"
    script.write_text(
        # As in Jupyter, the cells are the module __main__, which has no file.
        "import json, sys\n"
        "del __file__\n"
        "for number, cell in enumerate(json.loads(sys.stdin.read())):\n"
        "    exec(compile(cell, f'cell {number}', 'exec'), globals())\n",
        "utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        input=json.dumps(code),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ
        | {
            "MPLBACKEND": "agg",
            "CNNBOOK_MIRROR": NO_MIRROR,
            "XDG_CACHE_HOME": str(tmp_path),
        },
    )
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    assert "No answer yet" in done.stdout


def test_what_a_page_reads_is_in_its_archive(site: Site) -> None:
    reading = [page for page in PAGES if files_beside(page)]
    assert reading, "pages 4, 5 and 19"
    for page in reading:
        with zipfile.ZipFile(_download(site, page, ".zip")) as archive:
            names = archive.namelist()
        assert {f"{page.stem}.py", f"{page.stem}.ipynb"} <= set(names)
        for path in files_beside(page):
            assert any(name == path.name or name.startswith(f"{path.name}/") for name in names)


def test_a_notebook_installs_a_version_and_never_a_branch() -> None:
    version = cnnbook.__version__
    assert f'"cnnbook=={version}"' in install_cell("", version)
    address = f"git+https://github.com/someone/book@v{version}"
    assert f'"cnnbook @ {address}"' in install_cell("someone/book", version)
    # Installed as it is here, it does nothing.
    exec(install_cell("", version), {})


def test_markdown_of_all_that_pages_hold() -> None:
    from docutils.core import publish_doctree

    page = publish_doctree(
        "Title\n=====\n\nA *b* **c** ``d`` and 2 * 3_000, a_b, $5.\n\n- one\n- two\n\n  more\n\n"
        "1. first\n2. second\n\n    quoted\n\n"
        "=== ===\nx   y\n=== ===\n1   2|3\n=== ===\n\n"
        ".. note:: Look.\n\n`link <https://example.org/a_b>`_\n",
        settings_overrides={"doctitle_xform": False},
    )
    cells = cells_of(page, "")
    assert cells == [
        (
            "markdown",
            "# Title\n\nA *b* **c** `d` and 2 \\* 3_000, a_b, \\$5.\n\n- one\n- two\n\n  more\n\n"
            "1. first\n2. second\n\n   > quoted\n\n"
            "| x | y |\n|---|---|\n| 1 | 2\\|3 |\n\n> Look.\n\n[link](https://example.org/a_b)",
        )
    ]
    made: dict[str, Any] = notebook(cells)
    assert made["nbformat"] == 4
    assert len({cell["id"] for cell in made["cells"]}) == len(made["cells"])


def test_the_address_of_the_site_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for given, made in (("https://a.example/book", "https://a.example/book/en/"), ("", "")):
        monkeypatch.setenv("CNNBOOK_BASE_URL", given)
        assert runpy.run_path(str(ROOT / "docs" / "conf.py"))["html_baseurl"] == made


def test_links_lead_to_the_published_page_or_are_plain_words() -> None:
    from docutils import nodes

    link = nodes.reference("", "the window", refuri="../../glossary.html#term-window")
    base = "https://example.org/en/gallery/1_why/plot_01.html"
    assert Markdown(base).inline(link) == (
        "[the window](https://example.org/en/glossary.html#term-window)"
    )
    assert Markdown("").inline(link) == "the window"
