"""The files around the library agree with it: version, citation, checks, template for pages."""

import ast
import importlib
import os
import re
import subprocess
import sys
import tomllib
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
    # All other files read it from the package.
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
        # Words in capitals are placeholders for the contributor's choice.
        pattern = re.sub("MODULE|PART|NAME|FILE|PAGE|NN|MM", "*", file)
        assert list(ROOT.glob(pattern)), file


SOURCES = sorted(
    path
    for folder in ("cnnbook", "docs", "examples", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if "gallery" not in path.parts
)


def _unnamed_encodings(source: str) -> list[int]:
    """Return the lines at which text is read or written in the encoding of the machine."""
    lines = []
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or any(k.arg == "encoding" for k in call.keywords):
            continue
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        modes = [n.value for n in ast.walk(call) if isinstance(n, ast.Constant)]
        unnamed = (
            (name == "read_text" and not call.args)
            or (name == "write_text" and len(call.args) < 2)
            or (name == "open" and not {"rb", "wb", "ab", "w+b", "r+b"} & set(modes))
        )
        # os.open, tarfile.open, gzip.open and PIL's Image.open open bytes.
        owner = getattr(getattr(call.func, "value", None), "id", "")
        if unnamed and owner not in ("os", "tarfile", "gzip", "webbrowser", "Image"):
            lines.append(call.lineno)
    return lines


@pytest.mark.parametrize(
    "source",
    [
        "open('x')",
        "open('x', 'w')",
        "path.open()",
        "path.read_text()",
        "path.write_text('x')",
    ],
)
def test_a_file_without_an_encoding_would_be_noticed(source: str) -> None:
    # Windows would read and write it as cp949 or cp1252.
    assert _unnamed_encodings(source) == [1]
    assert _unnamed_encodings(f"{source[:-1]}{', ' * (source[-2] != '(')}encoding='utf-8')") == []


def test_every_file_is_opened_in_a_named_encoding() -> None:
    found = {path: _unnamed_encodings(path.read_text("utf-8")) for path in SOURCES}
    assert not {str(path.relative_to(ROOT)): lines for path, lines in found.items() if lines}


@pytest.mark.parametrize("encoding", ["cp949", "cp1252"])
def test_what_library_and_pages_print_is_in_every_encoding(encoding: str) -> None:
    """Into a file or a pipe, Windows prints in the encoding of its region, and raises otherwise.

    Verdicts in Korean are only for a reader who has asked for them, or whose system is Korean.
    """
    korean = ROOT / "cnnbook/exercises/_language.py"
    if encoding == "cp949":
        korean.with_name("ko.json").read_text("utf-8").encode(encoding)
    for path in SOURCES:
        if path == korean and encoding == "cp1252":
            continue
        if path.relative_to(ROOT).parts[0] in ("cnnbook", "examples"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    node.value.encode(encoding)


# The commands of `make`, for users without make.
def _commands(prompt: str) -> list[str]:
    text = (ROOT / "docs" / "install.md").read_text("utf-8")
    return re.findall(rf"^{re.escape(prompt)} (.*)$", text, re.MULTILINE)


def test_the_plain_commands_are_those_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    commands = _commands(">")
    assert len(commands) == 5
    install, tests = commands[1].split(" -m pip ")[1], commands[2].split(" -m ")[1]
    assert install.replace('"', "'").removeprefix("install ") in makefile
    assert tests in makefile
    build = commands[3].split(" -m sphinx ")[1].replace("/en", "/$$language")
    assert build in makefile.replace(" \\\n\t   ", "")
    assert commands[4].split("python ")[1] in makefile


def test_the_workflow_runs_the_commands_that_are_written_down() -> None:
    job = _yaml(".github/workflows/test.yml")["jobs"]["library"]
    assert job["strategy"]["matrix"]["os"] == ["macos-latest", "windows-latest"]
    for system, prefix, python in (
        ("Windows", ".venv\\Scripts\\python", "python"),
        ("macOS", ".venv/bin/python", "python3"),
    ):
        steps = [s["run"] for s in job["steps"] if s.get("if") == f"runner.os == '{system}'"]
        written = [c.replace(".venv\\Scripts\\python", prefix) for c in _commands(">")[:3]]
        assert steps[:3] == [f"{python} -m venv .venv", *written[1:]]


def test_the_oldest_torch_is_tested_and_constraints_are_within_the_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    matrix = _yaml(".github/workflows/test.yml")["jobs"]["versions"]["strategy"]["matrix"]
    oldest = matrix["include"][0]
    for package in ("torch", "torchvision"):
        (bound,) = (d for d in project["dependencies"] if re.match(rf"{package}>", d))
        assert oldest[package] == f"{bound.split('>=')[1]}.0"
    assert project["requires-python"].startswith(f">={oldest['python']},")
    pinned = {
        re.split("==", line)[0].lower().replace("_", "-").replace(".", "-")
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    }
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(d for name in extras for d in extras[name])]
    names = {re.split(r"[^\w.-]", d)[0].lower().replace("_", "-") for d in wanted}
    assert not names - pinned


@pytest.mark.parametrize("name", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=str)
def test_a_workflow_may_do_no_more_than_it_must(name: Path) -> None:
    workflow = _yaml(str(name.relative_to(ROOT)))
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            owner, _, version = step.get("uses", "actions/x@v1").partition("@")
            assert owner.startswith(("actions/", "pypa/"))
            assert re.fullmatch(r"v\d+|release/v\d+", version)
            if owner == "actions/checkout":
                assert step["with"] == {"persist-credentials": False}


def test_no_address_of_a_package_index_stands_in_the_project() -> None:
    # Put together, so that this file does not name them either.
    index = "py" + "pi"
    endings = "|".join((r"download\.pytorch", index, "python" + "hosted", rf"{index}\.nvidia"))
    hosts = re.compile(rf"({endings})\.(org|com)")
    names = ["Makefile", "pyproject.toml", "constraints.txt", ".ci/run", ".readthedocs.yaml"]
    names += [str(path.relative_to(ROOT)) for path in (ROOT / ".github").rglob("*.yml")]
    names += ["README.md", "docs/install.md", "docs/contributing.md"]
    assert not [n for n in names if hosts.search((ROOT / n).read_text("utf-8"))]
