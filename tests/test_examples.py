"""The pages as scripts: each runs alone, without a network and without data.

Some pages train for longer; `make site` runs them, with their assertions, and the site's own
tests look at what came out. `make test-long` runs them alone, too.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cnnbook import seeds

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "examples").rglob("plot_*.py"))
# Pages that train for half a minute and more.
LONG = {"plot_01_accuracy", "plot_20_what_it_learned", "plot_21_lenet"}
MAX_CODE_LINES = 12


def _cells(page: Path) -> list[str]:
    return re.split(r"^# %%.*$", page.read_text("utf-8"), flags=re.MULTILINE)


def _code_lines(cell: str) -> list[str]:
    return [line for line in cell.splitlines() if line.strip() and not line.startswith("#")]


def test_all_pages_are_there_in_order() -> None:
    by_part = [page.stem.split("_")[1] for page in PAGES]
    assert by_part == [f"{number:02}" for number in range(1, 23)]


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, marks=[pytest.mark.long] if p.stem in LONG else []) for p in PAGES],
    ids=lambda p: p.stem,
)
def test_page_runs_alone(page: Path, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9/"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(page)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ
        | {"MPLBACKEND": "agg", "CNNBOOK_MIRROR": nowhere, "XDG_CACHE_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_script_that_trains_with_others_trains_alone_and_goes_on(tmp_path: Path) -> None:
    script = ROOT / "examples" / "4_training" / "train_distributed.py"
    environment = os.environ | {
        "CNNBOOK_MIRROR": "http://127.0.0.1:9/",
        "XDG_CACHE_HOME": str(tmp_path),
        "OMP_NUM_THREADS": "1",
    }

    def run(epochs: int, *more: str) -> str:
        command = [sys.executable, str(script), "--images=7", f"--epochs={epochs}", *more]
        done = subprocess.run(
            [*command, "--device=cpu"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=environment,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    whole = run(3)
    assert re.match(r"process 0 of 1 \(pid \d+\) takes 7 images, from 0\n3 epochs, loss ", whole)
    assert run(2, "--checkpoint=run.ckpt").splitlines()[-1].startswith("2 epochs, ")
    _, went_on, history = run(3, "--checkpoint=run.ckpt").splitlines()
    assert went_on == "goes on after epoch 2"
    until = ", in "
    assert history.partition(until)[0] == whole.splitlines()[-1].partition(until)[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_page_has_its_parts(page: Path) -> None:
    doc = ast.get_docstring(ast.parse(page.read_text("utf-8"))) or ""
    title, underline = doc.splitlines()[:2]
    assert set(underline) == {"="}
    assert len(underline) == len(title)
    assert re.search(r"^\*[A-Z].*\?\*$", doc, re.MULTILINE), "the page asks its question first"
    assert "You need" in doc
    text = page.read_text("utf-8")
    assert re.search(r"guess|pencil|expect|Before you", text), "the page asks for a guess"
    assert re.search(r"^# The answer$", text, re.MULTILINE)
    assert ":doc:`/" in _cells(page)[-1], "the page says what to read next"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_cells_are_short_and_followed_by_a_sentence(page: Path) -> None:
    cells = _cells(page)[1:]
    for cell in cells:
        assert len(_code_lines(cell)) <= MAX_CODE_LINES, cell
        assert re.match(r"\n# \S", cell), f"no sentence before the code: {cell[:80]!r}"
    assert not _code_lines(cells[-1]), "the page ends with code"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_every_measured_number_in_the_text_is_in_the_code(page: Path) -> None:
    """A number with a decimal point or above 12 stands in the code too, where it is asserted."""
    text = page.read_text("utf-8")
    tree = ast.parse(text)
    doc = ast.get_docstring(tree) or ""
    prose = doc + "\n" + "\n".join(line[1:] for line in text.splitlines() if line.startswith("#"))
    # The number of an exercise is a name; tests/test_exercises.py looks after those.
    prose = re.sub(r"^ \.\. exercise:: \d+\.\d+$", " ", prose, flags=re.MULTILINE)
    prose = re.sub(r"``[^`]*``|:\w+:`[^`]*`|\[\w+\]_|https?://\S+", " ", prose)
    named = {
        number.replace(",", "").rstrip(".")
        for number in re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?", prose)
    }
    code = {str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    code |= set(re.findall(r"\d+(?:\.\d+)?", " ".join(code - {doc})))
    missing = {
        number
        for number in named
        if ("." in number or int(number) > 12)
        and number not in code
        and str(float(number)) not in code
        and f"{float(number) / 100:g}" not in code
    }
    assert not missing


def test_what_is_kept_beside_the_pages_is_whole_and_small() -> None:
    kept = ROOT / "examples" / "1_why" / "kept_seeds"
    files = {folder.name: sorted(folder.glob("*.json")) for folder in kept.iterdir()}
    assert set(files) == {"linear", "matched", "mlp", "cnn", "mlp_shuffled", "cnn_shuffled"}
    for name, paths in files.items():
        found = [seeds._unpack(path.read_bytes(), path) for path in paths]
        # Otherwise a build of the page would train for an hour in silence.
        assert sorted(one["seed"] for one in found) == list(range(10)), name
        assert {len(one["losses"]) for one in found} == {499}
    assert sum(path.stat().st_size for paths in files.values() for path in paths) < 1_000_000
