"""The examples of the documentation, run as readers run them."""

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sybil.document import Document
from sybil.parsers.myst import PythonCodeBlockParser

import cnnbook

PACKAGE = Path(cnnbook.__file__).parent
ROOT = PACKAGE.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


# Without __main__.py: run by -m, doctest has that name itself and would test its own file.
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.stem != "__main__")
# pytest itself runs the examples of all modules; that a file also works on its own is tested with
# one file of each folder, and in `make test-long` with every file.
FIRST = {next(file for file in FILES if file.parent == folder.parent) for folder in FILES}


@pytest.mark.parametrize(
    "file",
    [pytest.param(f, marks=[] if f in FIRST else [pytest.mark.long]) for f in FILES],
    ids=lambda file: file.relative_to(PACKAGE).with_suffix("").as_posix(),
)
def test_file_passes_when_run_as_a_script(file: Path, tmp_path: Path) -> None:
    # From another folder, since the file's own comes first on the path either way.
    done = subprocess.run(
        # Each example of a figure leaves one open.
        [
            *(sys.executable, "-W", "error", "-W", "ignore:More than 20 figures:RuntimeWarning"),
            *("-m", "doctest", str(file)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_file_hides_a_module_that_the_library_needs() -> None:
    """`python -m doctest FILE` puts the file's folder first, so a name there hides all others."""
    modules = [f"cnnbook.{f.relative_to(PACKAGE).with_suffix('').as_posix()}" for f in FILES]
    imports = "\n".join(f"import {name.replace('/', '.')}" for name in modules if "__" not in name)
    code = f"{imports}\nimport doctest, sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    needed = {name.partition(".")[0] for name in done.stdout.split()} | sys.stdlib_module_names
    assert {"torch", "numpy", "matplotlib", "doctest"} <= needed
    assert not ({file.stem for file in FILES} - {"__init__"}) & needed


def test_a_wrong_number_would_be_noticed(tmp_path: Path) -> None:
    """Break one number of one docstring: the command of the test above must fail."""
    module = PACKAGE / "convolution.py"
    text = module.read_text("utf-8")
    broken = tmp_path / "convolution.py"
    broken.write_text(text.replace("[2.5, 3.5", "[2.5, 3.6", 1), "utf-8")
    assert broken.read_text("utf-8") != text
    done = subprocess.run(
        [sys.executable, "-m", "doctest", str(broken)], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "3.6" in done.stdout


def test_every_module_has_examples() -> None:
    finder = doctest.DocTestFinder()
    for path in PACKAGE.glob("[a-z]*.py"):
        module = importlib.import_module(f"cnnbook.{path.stem}")
        assert any(test.examples for test in finder.find(module)), path.stem


def _documents_with_code() -> list[Path]:
    return [
        path
        for path in DOCUMENTS
        if re.search(r"^```python", path.read_text("utf-8"), re.MULTILINE)
    ]


def test_readme_has_code() -> None:
    assert ROOT / "README.md" in _documents_with_code()


@pytest.mark.parametrize("path", _documents_with_code(), ids=lambda path: path.name)
def test_document_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where it may write files
    parser = PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS)
    document = Document.parse(str(path), parser)
    examples = list(document)
    assert examples
    for example in examples:
        example.evaluate()
