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


@pytest.mark.parametrize("module", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_module_passes_when_run_as_a_file(module: Path, tmp_path: Path) -> None:
    # From another folder, since the module's own comes first on the path either way.
    done = subprocess.run(
        # Each example of a figure leaves one open.
        [
            *(sys.executable, "-W", "error", "-W", "ignore:More than 20 figures:RuntimeWarning"),
            *("-m", "doctest", str(module)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


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
    return [path for path in DOCUMENTS if re.search(r"^```python", path.read_text(), re.MULTILINE)]


def test_readme_has_code() -> None:
    assert ROOT / "README.md" in _documents_with_code()


@pytest.mark.parametrize("path", _documents_with_code(), ids=lambda path: path.name)
def test_document_runs(path: Path) -> None:
    parser = PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS)
    document = Document.parse(str(path), parser)
    examples = list(document)
    assert examples
    for example in examples:
        example.evaluate()
