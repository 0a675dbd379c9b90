"""The pages as scripts: each runs alone, without a network and without data.

`make site` runs every page with its assertions, and records with which code. A page that it has run
with the current code is not run again here; `make test-long` runs each of them alone.
"""

import ast
import hashlib
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import gallery_state
import pytest
from gallery_state import ran_in_the_site
from small_data import NO_MIRROR

from cnnbook import seeds

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "examples").rglob("plot_*.py"))
# Pages that train for half a minute and more: run by the site and by `make test-long`.
LONG = {
    *("plot_01_accuracy", "plot_20_what_it_learned", "plot_21_lenet", "plot_23_everybody"),
    *("plot_25_deeper", "plot_26_normalize", "plot_27_by_heart", "plot_28_colour"),
}
MAX_CODE_LINES = 12


def _cells(page: Path) -> list[str]:
    return re.split(r"^# %%.*$", page.read_text("utf-8"), flags=re.MULTILINE)


def _code_lines(cell: str) -> list[str]:
    return [line for line in cell.splitlines() if line.strip() and not line.startswith("#")]


def test_pages_are_numbered_without_a_gap_in_the_order_of_their_parts() -> None:
    numbers = [int(page.stem.split("_")[1]) for page in PAGES]
    assert numbers == list(range(1, len(PAGES) + 1))
    assert len(PAGES) > 20


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, marks=[pytest.mark.long] if p.stem in LONG else []) for p in PAGES],
    ids=lambda p: p.stem,
)
def test_page_runs_alone(page: Path, tmp_path: Path) -> None:
    if not os.environ.get("CNNBOOK_LONG") and ran_in_the_site(page):
        pytest.skip("`make site` has run this page with this code")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(page)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ
        | {"MPLBACKEND": "agg", "CNNBOOK_MIRROR": NO_MIRROR, "XDG_CACHE_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_a_page_counts_as_run_only_with_the_script_and_the_code_of_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "examples/1_part/plot_01_page.py"
    output = tmp_path / "docs/gallery/1_part/plot_01_page.py"
    module = tmp_path / "cnnbook/first.py"
    for file, text in ((page, "from cnnbook.first import f\n"), (module, "f = 1\n")):
        file.parent.mkdir(parents=True)
        file.write_text(text, "utf-8")
    output.parent.mkdir(parents=True)
    monkeypatch.setattr(gallery_state, "ROOT", tmp_path)
    assert not ran_in_the_site(page), "no site was built"
    output.with_suffix(".inputs").write_text(gallery_state.digest(page, module.parent), "utf-8")
    output.with_suffix(".run.json").write_text("{}", "utf-8")
    assert not ran_in_the_site(page), "it failed: sphinx-gallery notes a script that ended well"
    Path(f"{output}.md5").write_text(hashlib.md5(page.read_bytes()).hexdigest(), "utf-8")
    assert ran_in_the_site(page)
    page.write_text("from cnnbook.first import f\n\nf\n", "utf-8")
    assert not ran_in_the_site(page)
    page.write_text("from cnnbook.first import f\n", "utf-8")
    module.write_text("f = 2\n", "utf-8")
    assert not ran_in_the_site(page)


def test_the_script_that_trains_with_others_trains_alone_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = ROOT / "examples" / "4_training" / "train_distributed.py"
    environment = os.environ | {
        "CNNBOOK_MIRROR": NO_MIRROR,
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

    assert run(2, "--checkpoint=run.ckpt").splitlines()[-1].startswith("2 epochs, ")
    _, went_on, history = run(3, "--checkpoint=run.ckpt").splitlines()
    assert went_on == "goes on after epoch 2"

    # Here, and not in a process of its own, which takes seconds to start.
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", [str(script), "--images=7", "--epochs=3", "--device=cpu"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    assert ended.value.code == 0
    whole = capsys.readouterr().out
    assert re.match(r"process 0 of 1 \(pid \d+\) takes 7 images, from 0\n3 epochs, loss ", whole)
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
    assert re.search(r"^# \.\. guess:: \S", text, re.MULTILINE), "the page asks for a guess"
    assert re.search(r"^# The answer$", text, re.MULTILINE)
    assert ":doc:`/" in _cells(page)[-1], "the page says what to read next"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_cells_are_short_and_followed_by_a_sentence(page: Path) -> None:
    cells = _cells(page)[1:]
    for cell in cells:
        # The site folds away a cell that few readers need.
        folded = re.search(r"^# Folded on the site: \w", cell, flags=re.MULTILINE)
        assert folded or len(_code_lines(cell)) <= MAX_CODE_LINES, cell
        assert re.match(r"\n# \S", cell), f"no sentence before the code: {cell[:80]!r}"
    assert not _code_lines(cells[-1]), "the page ends with code"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_heading_stands_alone(page: Path) -> None:
    # Without an empty line above it, a heading is a part of the paragraph.
    lines = page.read_text("utf-8").splitlines()
    underlines = [at for at, line in enumerate(lines) if re.fullmatch(r"# [-~]{4,}", line)]
    assert underlines
    for at in underlines:
        assert lines[at - 2] == "#" or lines[at - 2].startswith("# %%"), lines[at - 1]
        assert len(lines[at]) == len(lines[at - 1]), lines[at - 1]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_every_measured_number_in_the_text_is_in_the_code(page: Path) -> None:
    """A number with a decimal point or above 12 stands in the code too, where it is asserted."""
    text = page.read_text("utf-8")
    tree = ast.parse(text)
    doc = ast.get_docstring(tree) or ""
    prose = doc + "\n" + "\n".join(line[1:] for line in text.splitlines() if line.startswith("#"))
    # The number of an exercise is a name; tests/test_exercises.py checks those.
    prose = re.sub(r"^ \.\. exercise:: \d+\.\d+$", " ", prose, flags=re.MULTILINE)
    # tests/test_board.py computes the answers to the questions for the board.
    prose = re.sub(r"^ \.\. board::\n(?: {4}.*\n|\n)*", " ", prose, flags=re.MULTILINE)
    # How an explorer starts; `test_site_explorer.py` compares it with the library.
    prose = re.sub(r"^ \.\. conv-explorer::\n(?: {4}:.*\n)*", " ", prose, flags=re.MULTILINE)
    # Of the numbers to choose from, some are wrong.
    prose = re.sub(r"^ \.\. guess::.*$|^    (?::choices:|  \|).*$", " ", prose, flags=re.MULTILINE)
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
    shuffled = {"mlp_shuffled", "cnn_shuffled"}
    assert set(files) == {"linear", "matched", "same_macs", "mlp", "cnn"} | shuffled
    for name, paths in files.items():
        found = [seeds._unpack(path.read_bytes(), path) for path in paths]
        # Otherwise a build of the page would train for an hour in silence.
        assert sorted(one["seed"] for one in found) == list(range(10)), name
        assert {len(one["losses"]) for one in found} == {499}
    assert sum(path.stat().st_size for paths in files.values() for path in paths) < 1_000_000
