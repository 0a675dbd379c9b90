"""The report of a run on a GPU: made here on a CPU; what the site and README.md take from it."""

import copy
import json
import os
import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gpu_report
import pytest
import torch
from result_tables import (
    GPU_ROW,
    RESULTS,
    Record,
    gpu_ratios,
    gpu_report_table,
    page_files,
    read,
    readme_row,
    write_readme,
)
from small_data import NO_MIRROR

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "docs" / "gpu_report.ipynb"
# No card has made it: the names and numbers are those of nothing that exists.
MADE_UP: Record = {
    "trial": False,
    "environment": {
        "device": "A made-up card",
        "torch": "9.8.7",
        "cuda": "6.5",
        "python": "4.3.2",
        "cnnbook": "0.0.0",
        "date": "2001-02-03T04:05:06+00:00",
    },
    "tests": {"passed": 57, "failed": 0, "skipped": 1, "failures": [], "seconds": 1.0},
    "benchmark": {
        "CNN": {"lecture": 0.5, "ours": 0.125},
        "MLP": {"lecture": 0.25, "ours": 0.2},
    },
    "pages": {
        "1": {"passed": True, "seconds": 1.0, "said": ""},
        "18": {"passed": True, "seconds": 1.0, "said": ""},
    },
}


def test_the_readme_agrees_with_the_report() -> None:
    (row,) = GPU_ROW.findall((ROOT / "README.md").read_text("utf-8"))
    assert row == readme_row(read(RESULTS, "gpu-report"))


def test_the_site_agrees_with_the_report() -> None:
    assert (RESULTS / "gpu.md").read_text("utf-8") == page_files(RESULTS)["gpu.md"]


def test_without_a_report_both_say_that_nothing_was_run(tmp_path: Path) -> None:
    assert readme_row(None) == "| NVIDIA GPU | | | not run |"
    assert (
        "\nNot run: there is no report of a run on a GPU yet.\n" in page_files(tmp_path)["gpu.md"]
    )


def test_a_report_replaces_both(tmp_path: Path) -> None:
    (tmp_path / "gpu-report.json").write_text(json.dumps(MADE_UP), "utf-8")
    readme = tmp_path / "README.md"
    readme.write_text("before\n| NVIDIA GPU | | | not run |\nafter\n", "utf-8")
    row = (
        "| NVIDIA GPU: A made-up card | 4.3.2 | 9.8.7 | 57 of 57 GPU tests passed; pages 1 and 18 "
        "ran; an epoch takes 0.250 (CNN) and 0.800 (MLP) of the lecture's loop |"
    )
    for _ in range(2):
        write_readme(readme, tmp_path)
        assert readme.read_text("utf-8") == f"before\n{row}\nafter\n"
    text = page_files(tmp_path)["gpu.md"]
    assert "Not run" not in text
    for line in (
        "| Card | A made-up card |",
        "| Date | 2001-02-03 |",
        "| GPU tests passed | 57 of 57 |",
        "| Page 18 | ran |",
        "| CNN: epoch, ours / the lecture's loop | 0.250 (within the bound of 0.333) |",
        "| MLP: epoch, ours / the lecture's loop | 0.800 (above the bound of 0.333) |",
    ):
        assert f"\n{line}\n" in text


def test_failures_are_shown_and_not_hidden() -> None:
    report = copy.deepcopy(MADE_UP)
    report["tests"] |= {"failed": 2, "failures": ["tests.a::one", "tests.b::two"]}
    report["pages"]["18"] |= {"passed": False, "said": "AssertionError"}
    report["benchmark"] = {"missing": "failed: CUDA out of memory"}
    assert gpu_ratios(report) == {}
    assert readme_row(report).endswith("| 57 of 59 GPU tests passed; page 1 ran; page 18 failed |")
    text = gpu_report_table(report)
    for line in (
        "| GPU tests passed | 57 of 59 |",
        "| Failed | tests.a::one |",
        "| Page 18 | failed: AssertionError |",
        "| Benchmark | failed: CUDA out of memory |",
    ):
        assert line in text
    assert "trial" not in text
    assert "This report is a trial" in gpu_report_table(report | {"trial": True})


def test_tests_are_counted_by_their_result(tmp_path: Path) -> None:
    path = tmp_path / "tests.xml"
    path.write_text(
        '<testsuites><testsuite><testcase classname="a" name="p"/>'
        '<testcase classname="a" name="f"><failure/></testcase>'
        '<testcase classname="a" name="e"><error/></testcase>'
        '<testcase classname="a" name="s"><skipped/></testcase></testsuite></testsuites>',
        "utf-8",
    )
    assert gpu_report.count_tests(path) == {
        "passed": 1, "failed": 2, "skipped": 1, "failures": ["a::f", "a::e"],
    }  # fmt: skip


def test_a_run_without_tests_has_failed(tmp_path: Path) -> None:
    counted = gpu_report.run_tests("tests/test_no_such_file.py", tmp_path)
    assert (counted["passed"], counted["failed"]) == (0, 1)
    assert counted["failures"] == ["pytest ended with exit code 4"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        gpu_report.main(["--results", str(tmp_path / "results")])
    assert "expected an NVIDIA GPU that torch can use, got none" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@dataclass(frozen=True)
class Trial:
    """What a small run on a CPU has written into its folder and printed."""

    results: Path
    printed: str
    readme_before: bytes


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """Run the report with a small benchmark: ten processes that load torch, so once for all."""
    here = tmp_path_factory.mktemp("trial")
    benchmark = "--ways lecture ours inplace_relu --epochs 2 --rounds 1 --images 120"
    benchmark += " --grow 120 --grow-epochs 2 --grow-rounds 1 --networks MLP --drawn"
    readme = (ROOT / "README.md").read_bytes()
    done = subprocess.run(
        [
            *(sys.executable, str(ROOT / "tests/benchmarks/gpu_report.py"), "--device", "cpu"),
            *("--results", str(here / "results")),
            *("--tests", "tests/test_tables.py tests/test_shuffle.py"),
            *("--benchmark", benchmark, "--pages"),
        ],
        cwd=here,
        env={name: value for name, value in os.environ.items() if name != "CNNBOOK_DATA"}
        | {
            "CNNBOOK_MIRROR": NO_MIRROR,
            "XDG_CACHE_HOME": str(here),
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return Trial(here / "results", done.stdout, readme)


def test_a_trial_on_a_cpu_makes_the_whole_report(trial: Trial) -> None:
    report = json.loads((trial.results / "gpu-report.json").read_text("utf-8"))
    assert report["trial"]
    assert report["environment"]["torch"] == torch.__version__
    assert report["tests"]["passed"] > 5
    if not torch.cuda.is_available():
        # The one test that needs a GPU fails here, and is not skipped.
        (failure,) = report["tests"]["failures"]
        assert failure.endswith("::test_the_order_is_the_same_on_a_gpu")
    assert set(report["benchmark"]) == {"MLP"}
    assert set(report["benchmark"]["MLP"]) == {"lecture", "ours"}
    assert report["pages"] == {}
    printed = trial.printed.split("Paste everything below this line into an issue.\n")[1]
    assert json.loads(re.findall(r"^```json\n(.*)^```", printed, re.M | re.S)[0]) == report
    assert "| GPU tests passed | " in printed
    assert "| GPU tests passed | " in (trial.results / "gpu.md").read_text("utf-8")
    now = (ROOT / "README.md").read_bytes()
    assert now == trial.readme_before, "only a run into the project writes it"


def test_the_benchmark_records_its_results_and_writes_the_tables(trial: Trial) -> None:
    record: Record = json.loads((trial.results / "training.json").read_text("utf-8"))
    written = {path.name for path in trial.results.iterdir()}
    assert written == {"training.json", "gpu-report.json", *page_files(trial.results)}
    assert "This run is a trial" in (trial.results / "notice.md").read_text("utf-8")
    assert "The CNN was not measured" in (trial.results / "comparison-cnn.md").read_text("utf-8")
    assert record["trial"]
    assert "drawn" in record["data"]
    (found,) = record["comparisons"]
    assert found["ways"]["ours"]["largest_relative_difference"] < 1e-5
    assert found["ways"]["skorch"] == {"missing": "not asked for"}
    assert list(found["steps"]) == ["micro_batches", "inplace_relu", "threads", "fused"]
    assert found["steps"]["inplace_relu"]["seconds_per_epoch"] != 0
    assert found["steps"]["threads"] == {"missing": "not asked for"}
    if sys.platform == "linux":
        assert record["environment"]["other_cores"] >= 0
    assert record["growth"][0]["ways"]["ours"]["seconds_per_epoch"] != 0


def test_a_page_that_fails_is_reported_with_its_last_line(tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text("assert 1 == 2, 'one is not two'\n", "utf-8")
    other = tmp_path / "other.py"
    other.write_text("import cnnbook\n", "utf-8")
    found = gpu_report.run_pages({"1": str(page), "2": str(other)})
    assert not found["1"]["passed"]
    assert found["1"]["said"] == "AssertionError: one is not two"
    assert (found["2"]["passed"], found["2"]["said"]) == (True, "")


def test_the_pages_of_the_report_exist() -> None:
    assert [number for number in gpu_report.PAGES if (ROOT / gpu_report.PAGES[number]).is_file()]
    for number, page in gpu_report.PAGES.items():
        assert f"plot_{int(number):02d}_" in page
        assert (ROOT / page).is_file()


# The notebook.


def _cells() -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    return cells


def test_the_notebook_is_valid_and_has_no_outputs() -> None:
    book = json.loads(NOTEBOOK.read_text("utf-8"))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert book["metadata"]["accelerator"] == "GPU"
    ids = [cell["id"] for cell in book["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in ids)
    for cell in book["cells"]:
        kinds = {
            "code": {"cell_type", "id", "metadata", "source", "outputs", "execution_count"},
            "markdown": {"cell_type", "id", "metadata", "source"},
        }
        assert set(cell) == kinds[cell["cell_type"]]
        assert all(isinstance(line, str) for line in cell["source"])
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    assert NOTEBOOK.stat().st_size < 5000


def test_the_notebook_unpacks_an_archive_installs_it_and_makes_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = ["".join(cell["source"]) for cell in _cells() if cell["cell_type"] == "code"]
    source, fetch, install, report = code
    with tarfile.open(tmp_path / "cnnbook.tar.gz", "w:gz") as archive:
        for name in ("pyproject.toml", "tests/benchmarks/gpu_report.py"):
            archive.add(ROOT / name, f"cnnbook-0.0.0/{name}")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # A second run of the cell changes nothing.
        exec(compile(f"{source}\n{fetch}", "source", "exec"), {})
    folder = re.findall(r'FOLDER = Path\("(.*)"\)', fetch)[0]
    # All that `make` installs, since pytest imports every test before it chooses.
    (extras,) = re.findall(r"-e '\.\[(.*?)\]'", (ROOT / "Makefile").read_text("utf-8"))
    assert install == f'%pip install --quiet --editable "./{folder}[{extras}]"'
    assert "[project.optional-dependencies]" in (tmp_path / folder / "pyproject.toml").read_text(
        "utf-8"
    )
    command = re.fullmatch(rf"!cd {folder} && python (\S+)", report)
    assert command
    assert (tmp_path / folder / command[1]).is_file()


# make test-gpu.


def _make_test_gpu() -> str:
    recipe = re.findall(r"^test-gpu:.*\n\t@(.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert len(recipe) == 1
    return str(recipe[0])


def test_make_test_gpu_fails_without_a_gpu_and_runs_nothing_else() -> None:
    words = _make_test_gpu().split()
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    assert settings["CNNBOOK_GPU"] == "1"
    assert words[words.index("-m", words.index("pytest")) + 1] == "gpu"
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "gpu", "tests/test_pooling.py", "-q", "-rN"],
        cwd=ROOT,
        env=os.environ | settings | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    if torch.cuda.is_available():
        assert listed.returncode == 0, listed.stdout
    else:
        assert listed.returncode == 1
        assert "no CUDA: `make test-gpu` needs a machine with an NVIDIA GPU" in listed.stdout
        assert re.search(r"\d+ deselected, 1 error", listed.stdout)


def test_the_report_runs_the_tests_of_make_test_gpu() -> None:
    assert _make_test_gpu().endswith(f" -m pytest {gpu_report.TESTS}")


def test_every_test_that_needs_cuda_is_marked() -> None:
    """Another way to skip it would leave it out of `make test-gpu`."""
    condition = "cuda.is_" + "available(), reason="
    for path in sorted((ROOT / "tests").glob("test_*.py")):
        text = path.read_text("utf-8").replace("\n    ", "")
        assert f"not torch.{condition}" not in text, path.name
