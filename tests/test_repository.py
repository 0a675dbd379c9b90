"""The files around the library agree with it: version, citation, checks, template for pages."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import test_examples

import cnnbook

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "examples" / "TEMPLATE.py"


def _yaml(name: str) -> Any:
    # Sphinx's Markdown parser depends on PyYAML, for which no types are installed.
    return importlib.import_module("yaml").safe_load((ROOT / name).read_text("utf-8"))


def test_the_version_is_written_in_one_place_and_cited() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", cnnbook.__version__)
    assert _yaml("CITATION.cff")["version"] == cnnbook.__version__
    latest = re.search(r"^## (\S+?),? ", (ROOT / "docs/changelog.md").read_text("utf-8"), re.M)
    assert latest
    assert latest[1] == cnnbook.__version__
    # Everything else reads it from the package.
    for name in ("pyproject.toml", "docs/conf.py", "README.md"):
        assert cnnbook.__version__ not in (ROOT / name).read_text("utf-8"), name


def test_the_citation_names_the_lecture() -> None:
    citation = _yaml("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    (lecture,) = citation["references"]
    assert lecture["authors"] == [{"family-names": "Choi", "given-names": "Guebin"}]
    assert (lecture["collection-title"], lecture["year"]) == ("DL2025", 2025)


def test_pre_commit_runs_the_commands_of_make_check() -> None:
    (local,) = _yaml(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    hooks = [hook["entry"] for hook in local["hooks"]]
    check = re.search(r"^check:.*\n\t@(.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert check
    assert hooks == check[1].replace("$(BIN)", ".venv/bin").split(" && ")


def test_issues_ask_for_what_reproduces_them() -> None:
    questions = {part["id"]: part for part in _yaml(".github/ISSUE_TEMPLATE/bug.yml")["body"]}
    assert {"problem", "example", "versions", "data"} == set(questions)
    command = re.search(r'python -c "(.*)"`', questions["versions"]["attributes"]["description"])
    assert command
    done = subprocess.run([sys.executable, "-c", command[1]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert cnnbook.__version__ in done.stdout


def test_the_template_has_all_that_a_page_has() -> None:
    test_examples.test_page_has_its_parts(TEMPLATE)
    test_examples.test_cells_are_short_and_followed_by_a_sentence(TEMPLATE)
    test_examples.test_every_measured_number_in_the_text_is_in_the_code(TEMPLATE)
    assert re.search(r"^# \.\. exercise:: ", TEMPLATE.read_text("utf-8"), re.MULTILINE)


def test_the_template_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(TEMPLATE)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"MPLBACKEND": "agg"},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", test_examples.PAGES, ids=lambda page: page.stem)
def test_no_page_keeps_a_comment_of_the_template(page: Path) -> None:
    assert "TEMPLATE" in TEMPLATE.read_text("utf-8")
    assert "TEMPLATE" not in page.read_text("utf-8")


def test_the_checklists_name_files_that_exist() -> None:
    text = (ROOT / "docs" / "contributing.md").read_text("utf-8")
    steps = re.findall(r"^\d\. `([^`]+)`", text, re.MULTILINE)
    assert len(steps) > 10
    for file in steps:
        # Words in capitals stand for what the contributor chooses.
        pattern = re.sub("MODULE|PART|NAME|FILE|PAGE|NN|MM", "*", file)
        if not pattern.startswith("docs/locale/"):
            assert list(ROOT.glob(pattern)), file
