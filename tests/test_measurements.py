"""The recorded results of the benchmarks, the tables made from them, and the page."""

import copy
import functools
import html
import json
import operator
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from bench_training import (
    BOUNDS,
    EPOCHS,
    IMAGES,
    MAXIMUM_RELATIVE_DIFFERENCE,
    NETWORKS,
    ROUNDS,
    per_epoch,
    turns,
)
from result_tables import (
    BELOW_NOISE,
    NOT_AVAILABLE,
    RESULTS,
    Record,
    behind_table,
    bounds_table,
    comparison_tables,
    escaped,
    full_ratio,
    growth_tables,
    loss,
    measured,
    notice,
    number,
    page_files,
    ratio,
    setup_seconds,
    steps_table,
    write_tables,
)
from ways import STEPS, WAYS

ROOT = Path(__file__).resolve().parents[1]
PEERS = [name for name, way in WAYS.items() if way.package]
TRAININGS = sorted(RESULTS.glob("training*.json"))
RECORDS = [*TRAININGS, RESULTS / "layers.json"]
# The raw times of single rounds, which only the files have.
NOT_SHOWN = ("all_seconds_one_epoch", "all_seconds_many_epochs")


def _record(path: Path = RESULTS / "training.json") -> Record:
    record: Record = json.loads(path.read_text("utf-8"))
    return record


# The recorded results.


def test_trainers_and_layers_have_recorded_results() -> None:
    assert {"training.json", "layers.json"} <= {path.name for path in RESULTS.iterdir()}


@pytest.mark.parametrize("path", TRAININGS, ids=lambda path: path.stem)
def test_a_record_of_trainings_has_what_the_page_shows(path: Path) -> None:
    record = _record(path)
    settings = record["settings"]
    too_short = (
        settings["epochs"] < EPOCHS or settings["rounds"] < ROUNDS or settings["images"] < IMAGES
    )
    drawn = "drawn" in record["data"]
    assert record["trial"] == (too_short or drawn)
    assert record["bounds"] == BOUNDS
    assert (record["environment"]["device"] == "cpu") == (path.stem == "training")
    assert set(record["ways"]) == set(WAYS)
    assert list(record["steps"]) == list(STEPS)
    device = torch.device("cpu" if path.stem == "training" else "cuda")
    assert [found["network"] for found in record["comparisons"]] == list(NETWORKS)
    for found in record["comparisons"]:
        assert list(found["ways"]) == list(WAYS), "each is measured, or has a reason why not"
        lecture = found["ways"]["lecture"]
        assert lecture["largest_relative_difference"] == 0
        for name, way in found["ways"].items():
            if "missing" in way:
                assert name in PEERS
                assert way["missing"]
                continue
            one, many = way["all_seconds_one_epoch"], way["all_seconds_many_epochs"]
            assert len(one) == len(many) == settings["rounds"]
            assert min(one + many) > 0
            each = per_epoch(one, many, settings["epochs"])
            assert way["seconds_per_epoch"] == pytest.approx(each)
            assert way["seconds_per_epoch_with_setup"] == min(many) / settings["epochs"]
            assert way["setup_seconds"] == pytest.approx(min(one) - each)
            assert way["final_loss"] == pytest.approx(lecture["final_loss"], rel=0.01), name
        names = [name for name in turns(found["network"], device) if name in STEPS]
        assert list(found["steps"]) == names
        for step in found["steps"].values():
            one, many = step["all_seconds_one_epoch"], step["all_seconds_many_epochs"]
            assert len(one) == len(many) == settings["rounds"]
            each = per_epoch(one, many, settings["epochs"])
            assert step["seconds_per_epoch"] == pytest.approx(each)
            assert step["largest_relative_difference"] <= MAXIMUM_RELATIVE_DIFFERENCE
    for row in record["growth"]:
        assert set(row["ways"]) == {"lecture", "ours"}
        assert "missing" not in row["ways"]["ours"]
        assert row["data_mb"] == row["images"] * 28 * 28 * 4 / 1e6


def test_the_record_of_layers_has_ratios_of_its_times() -> None:
    record = _record(RESULTS / "layers.json")
    assert record["layers"]
    for row in record["layers"].values():
        # Both times are rounded to 0.001 ms, the ratio to 0.01.
        near = row["ratio"] * 0.0005 / row["torch_ms"] + 0.006
        assert row["ratio"] == pytest.approx(row["ours_ms"] / row["torch_ms"], abs=near)
    for row in record["sparse_conv_matrix"]:
        assert row["ns_per_entry"] == pytest.approx(1e6 * row["ms"] / row["entries"], rel=0.01)


# The tables.


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.13126, "0.131"),
        (1.6, "1.60"),
        (41.87, "41.9"),
        (688.4, "688"),
        (1234.5, "1,234"),
        (60000, "60,000"),
        (2, "2"),
        (0.0, "0"),
        (-0.00123, "-0.00123"),
        (5.27e-8, "5.3e-08"),
    ],
)
def test_a_number_has_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_a_ratio_needs_a_positive_denominator() -> None:
    assert ratio(0.131, 0.688) == "0.190"
    assert full_ratio(0.131, 0.688) == "0.131 / 0.688 = 0.190"
    assert ratio(0.02, -0.01) == ratio(0.02, 0.0) == NOT_AVAILABLE


def _way(seconds: float, memory: float | None = 100.0) -> Record:
    return {
        "seconds_per_epoch": seconds,
        "seconds_per_epoch_with_setup": seconds + 0.01,
        "setup_seconds": 0.1,
        "peak_memory_mb": memory,
        "final_loss": 1.5,
        "largest_relative_difference": 0.0,
        "all_seconds_one_epoch": [seconds + 0.1],
        "all_seconds_many_epochs": [10 * seconds + 0.1],
    }


def _step(seconds: float, memory: float | None) -> Record:
    shown = ("seconds_per_epoch", "peak_memory_mb", "largest_relative_difference")
    return {key: value for key, value in _way(seconds, memory).items() if key in shown}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Copy the recorded results and the tables."""
    return shutil.copytree(RESULTS, tmp_path / "docs/benchmarks")


@pytest.fixture
def record() -> Record:
    """Return results that keep two bounds exactly: 1/5 of an epoch, 200 MB."""
    return {
        "trial": False,
        "environment": {"load_at_start": 0.1, "cores": 2},
        "settings": {"epochs": 10},
        "bounds": copy.deepcopy(BOUNDS),
        "ways": {name: {"title": way.title, "version": "1"} for name, way in WAYS.items()},
        "steps": {name: {"title": step.title} for name, step in STEPS.items()},
        "comparisons": [
            {
                "network": "CNN",
                "ways": {
                    "lecture": _way(1.0),
                    "ours": _way(0.2),
                    "skorch": _way(1.0),
                    "keras": {"missing": "not installed"},
                },
                "steps": {
                    "micro_batches": _step(0.8, 40.0),
                    "channels_last": {"missing": "failed: a|b"},
                    "fused": _step(0.25, None),
                },
            }
        ],
        "growth": [{"images": 60000, "data_mb": 188.0, "ways": {"ours": _way(2.0, 200.0)}}],
    }


def _rows(text: str) -> list[list[str]]:
    """Return the cells of all tables of a Markdown text, without heads and rules."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line[1:-1].split(" | ")] for line in lines]
    rules = [k for k, row in enumerate(rows) if set(row[0]) <= set(":-")]
    return [row for k, row in enumerate(rows) if k not in rules and k + 1 not in rules]


def test_a_bound_is_kept_up_to_itself_and_missed_above(record: Record) -> None:
    name = "CNN: epoch, ours / the lecture's loop"
    assert _rows(bounds_table(record)) == [
        [name, "0.200", "0.200 / 1.00 = 0.200", "yes"],
        ["MLP: epoch, ours / the lecture's loop", "0.870", "not measured", "n/a"],
        ["CNN: memory for 60,000 images (MB)", "200", "200", "yes"],
    ]
    record["comparisons"][0]["ways"]["ours"]["seconds_per_epoch"] = 0.2001
    record["growth"][0]["ways"]["ours"]["peak_memory_mb"] = 200.1
    assert [row[3] for row in _rows(bounds_table(record))] == ["**no**", "n/a", "**no**"]
    record["growth"][0]["images"] = 50000
    assert _rows(bounds_table(record))[2][2:] == ["not measured", "n/a"]


def test_every_result_in_which_ours_is_behind_is_listed(record: Record) -> None:
    layers: Record = {"layers": {"a_b": {"ours_ms": 1.0, "torch_ms": 2.0, "ratio": 0.5}}}
    assert behind_table(record, layers) == "There is no such result.\n"
    record["comparisons"][0]["ways"]["skorch"] = _way(0.1, memory=50.0)
    record["comparisons"][0]["ways"]["skorch"]["setup_seconds"] = -0.1
    record["comparisons"][0]["ways"]["ours"]["seconds_per_epoch"] = 0.25
    layers["layers"]["a_b"] = {"ours_ms": 3.0, "torch_ms": 2.0, "ratio": 1.5}
    bound = "CNN: epoch, ours / the lecture's loop"
    assert _rows(behind_table(record, layers)) == [
        [bound, "**the bound**", "0.250", "0.200", "1.25"],
        ["CNN: epoch (s)", "skorch 1", "0.250", "0.100", "2.50"],
        ["CNN: epoch with set-up (s)", "skorch 1", "0.210", "0.110", "1.91"],
        ["CNN: set-up (s)", "skorch 1", "0.100", "below noise", "n/a"],
        ["CNN: peak of memory (MB)", "skorch 1", "100", "50.0", "2.00"],
        [r"a\_b (ms)", "torch", "3.00", "2.00", "1.50"],
    ]


def test_each_trainer_is_compared_with_the_lecture_and_with_ours(record: Record) -> None:
    record["comparisons"][0]["ways"]["skorch"] = _way(0.5, memory=None)
    text = comparison_tables(record, "CNN")
    rows = _rows(text)
    assert rows[:3] == [
        ["the lecture's loop", "1.00", "1.00", "0.200"],
        ["`fit_full_batch` (ours)", "0.200", "0.200", "1.00"],
        ["skorch 1", "0.500", "0.500", "0.400"],
    ]
    assert rows[5] == ["skorch 1", "0.100", "0.510", "0.412"]
    assert rows[8] == ["skorch 1", "n/a", "1.5000", "0"]
    assert text.endswith("- Not measured: Keras on torch 1: not installed\n")
    assert "was not measured" in comparison_tables(record, "MLP")
    record["comparisons"][0]["ways"]["ours"] = {"missing": "failed: a|b"}
    text = comparison_tables(record, "CNN")
    assert _rows(text)[1] == ["skorch 1", "0.500", "0.500", "n/a"]
    assert r"failed: a\|b" in text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.31, "0.310"), (0.3, BELOW_NOISE), (0.0, BELOW_NOISE), (-1, BELOW_NOISE)],
)
def test_a_setup_that_is_not_above_the_noise_has_no_number(
    record: Record, seconds: float, shown: str
) -> None:
    # Medians minus minima: 2.25 - 2, and 4.5 - 4 for four further epochs.
    record["settings"]["epochs"] = 11
    way = _way(1.0) | {"setup_seconds": seconds}
    way["all_seconds_one_epoch"] = [2.25, 9.0, 2.0]
    way["all_seconds_many_epochs"] = [4.5, 4.0, 9.0]
    record["comparisons"][0]["ways"]["lecture"] = way
    assert setup_seconds(record, way) == (seconds if shown != BELOW_NOISE else None)
    assert _rows(comparison_tables(record, "CNN"))[3][:2] == ["the lecture's loop", shown]


def test_a_setup_below_the_noise_is_never_behind(record: Record) -> None:
    for name in ("lecture", "ours", "skorch"):
        record["comparisons"][0]["ways"][name]["setup_seconds"] = -0.1
    record["comparisons"][0]["ways"]["lecture"]["setup_seconds"] = -0.2
    assert behind_table(record, None) == "There is no such result.\n"


def test_each_step_is_compared_with_the_lecture_and_with_the_row_above(record: Record) -> None:
    text = steps_table(record, "CNN")
    assert _rows(text) == [
        ["the lecture's loop", "1.00", "1.00", "n/a", "100", "0"],
        ["+ micro-batches", "0.800", "0.800", "0.800", "40.0", "0"],
        ["+ fused gradient accumulation", "0.250", "0.250", "0.312", "n/a", "0"],
        ["`fit_full_batch` (ours)", "0.200", "0.200", "0.800", "100", "0"],
    ]
    assert text.endswith("- Not measured: + channels last: failed: a\\|b\n")
    assert "was not measured" in steps_table(record, "MLP")


def test_a_trainer_without_a_result_has_a_reason_beside_the_growth(record: Record) -> None:
    record["growth"][0]["ways"]["lecture"] = {"missing": "not tried"}
    text = growth_tables(record)
    assert _rows(text) == [["60,000", "n/a", "2.00"], ["60,000", "188", "n/a", "200"]]
    assert "- Not measured: the lecture's loop on 60,000 images: not tried" in text


def test_a_trial_and_a_busy_machine_have_a_warning(record: Record) -> None:
    assert notice(record) == ""
    record["trial"] = True
    assert notice(record).count("{warning}") == 1
    assert "This run is a trial" in notice(record)
    for cores, warnings in ((0.5, 1), (0.51, 2)):
        record["environment"]["other_cores"] = cores
        assert notice(record).count("{warning}") == warnings
    assert notice(record).count("{warning}") == 2
    assert "The machine was busy" in notice(record)


def test_our_own_load_does_not_make_a_machine_busy(record: Record) -> None:
    # The benchmark of the layers may have run in the minute before.
    record["environment"] |= {"load_at_start": 1.9, "load_at_end": 2.0, "other_cores": 0.02}
    assert notice(record) == ""
    # Where the system does not tell others from us.
    record["environment"]["other_cores"] = None
    assert "The machine was busy" in notice(record)


def test_what_markdown_would_interpret_is_escaped() -> None:
    assert escaped("a|b <c> `d` x_y*") == r"a\|b \<c\> \`d\` x\_y\*"


def test_the_committed_tables_are_those_of_the_committed_results() -> None:
    written = {
        path.name: path.read_text("utf-8")
        for path in RESULTS.iterdir()
        if path not in RECORDS and path.is_file()
    }
    assert written == page_files(RESULTS), "run tests/benchmarks/result_tables.py"


def _leaves(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path to every number that the page shows."""
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if key not in NOT_SHOWN:
                yield from _leaves(item, *path, key)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path


def test_every_changed_number_changes_the_tables(results: Path) -> None:
    before = page_files(results)
    changed = 0
    for name in ("training.json", "layers.json"):
        text = (results / name).read_text("utf-8")
        for *parents, key in _leaves(json.loads(text)):
            record = json.loads(text)
            parent = functools.reduce(operator.getitem, parents, record)
            parent[key] = 2 * parent[key] + 1
            (results / name).write_text(json.dumps(record), "utf-8")
            assert page_files(results) != before, (name, *parents, key)
            changed += 1
        (results / name).write_text(text, "utf-8")
    assert changed > 100


# The page.


def _build(root: Path, builder: str = "html", *options: str) -> subprocess.CompletedProcess[str]:
    """Build the page alone, with nothing of the site but what it needs."""
    (root / "docs/conf.py").write_text(
        'project = "x"\nextensions = ["myst_parser", "markdown_tables", "measurements"]\n'
        'myst_enable_extensions = ["colon_fence"]\nexclude_patterns = ["benchmarks/*.md"]\n',
        "utf-8",
    )
    (root / "docs/index.md").write_text(
        "# x\n\n```{toctree}\nbenchmarks\nconventions\n```\n", "utf-8"
    )
    (root / "docs/conventions.md").write_text("# y\n", "utf-8")
    command = ["-m", "sphinx", "-W", "--keep-going", "-q", "-b", builder, *options]
    return subprocess.run(
        [sys.executable, *command, "docs", "site"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(ROOT / "docs/_ext")},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def book(results: Path, tmp_path: Path) -> Path:
    """Copy the page, the results and the code that it shows."""
    shutil.copy(ROOT / "docs/benchmarks.md", tmp_path / "docs")
    (tmp_path / "tests/benchmarks").mkdir(parents=True)
    shutil.copy(ROOT / "tests/benchmarks/ways.py", tmp_path / "tests/benchmarks")
    return tmp_path


def _text(book: Path) -> str:
    done = _build(book)
    assert done.returncode == 0, done.stderr
    page = (book / "site/benchmarks.html").read_text("utf-8")
    body = page.partition('role="main"')[2].partition('class="sphinxsidebar"')[0]
    return html.unescape(re.sub(r"<[^>]+>", " ", body))


def _numbers(value: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number that the page shows, with its name."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name not in NOT_SHOWN:
                yield from _numbers(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _numbers(item, key)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield key, value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _written(key: str, value: float) -> str:
    return loss(value) if key == "final_loss" else number(value)


def _distinct(value: Any, numbers: Iterator[int]) -> Any:
    """Replace each number by another one, none of them twice."""
    if isinstance(value, dict):
        return {name: _distinct(item, numbers) for name, item in value.items()}
    if isinstance(value, list):
        return [_distinct(item, numbers) for item in value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    return type(value)(next(numbers))


def _shown(text: str) -> set[str]:
    return set(re.findall(r"-?\d[\d,]*(?:\.\d+)?(?:e-\d+)?", text))


def test_the_page_shows_every_number_and_text_of_the_records(book: Path) -> None:
    text = _text(book)
    records = [json.loads(path.read_text("utf-8")) for path in RECORDS]
    hidden = 0
    for record in records[: len(TRAININGS)]:
        for found in record["comparisons"]:
            for way in measured(found["ways"]).values():
                if setup_seconds(record, way) is None:
                    del way["setup_seconds"]
                    hidden += 1
    expected = {_written(*found) for found in _numbers(records)}
    assert len(expected) + hidden > 100
    assert expected <= _shown(text)
    assert text.count(BELOW_NOISE) >= hidden
    flat = " ".join(text.split()).replace("’", "'")
    for phrase in _texts(records):
        assert phrase in flat, phrase


def test_the_page_has_the_numbers_of_the_records_and_none_of_its_own(book: Path) -> None:
    results = book / "docs/benchmarks"
    numbers = iter(range(10007, 10**6, 7))
    names = ("training", "layers", "training-cuda")
    originals = [_record(results / f"{name}.json") for name in ("training", "layers", "training")]
    records = [_distinct(record, numbers) for record in originals]
    for name, record in zip(names, records, strict=True):
        (results / f"{name}.json").write_text(json.dumps(record), "utf-8")
    write_tables(results)
    text = _text(book)
    assert "On a GPU nothing has been measured" not in text
    expected = [_written(*found) for found in _numbers(records)]
    assert len(set(expected)) == len(expected)
    # Bounds and settings are shown for the run on a CPU only.
    cuda = records[2]
    left_out = {number(value) for _, value in _numbers([cuda["bounds"], cuda["settings"]])}
    assert set(expected) - _shown(text) <= left_out
    old = {_written(*found) for found in _numbers(_record()["comparisons"])} - set(expected)
    prose = (ROOT / "docs/benchmarks.md").read_text("utf-8")
    assert not old & _shown(prose) - {"0"}


def test_the_page_says_what_is_missing(book: Path) -> None:
    path = book / "docs/benchmarks/training.json"
    record = _record(path)
    for found in record["comparisons"]:
        found["ways"]["keras"] = {"missing": "not <installed> | `here`"}
    path.write_text(json.dumps(record), "utf-8")
    write_tables(path.parent)
    text = " ".join(_text(book).split())
    missing = f"Not measured: Keras on torch {record['ways']['keras']['version']}: not <installed>"
    assert text.count(f"{missing} | `here`") == len(record["comparisons"])
    if not (RESULTS / "training-cuda.json").exists():
        assert "On a GPU nothing has been measured" in text


def test_a_table_names_its_rows_and_columns_for_a_screen_reader(book: Path) -> None:
    assert _build(book).returncode == 0
    page = (book / "site/benchmarks.html").read_text("utf-8")
    tables = re.findall(r'<table class="measured.*?</table>', page, re.DOTALL)
    assert len(tables) == sum(
        text.count("{table}") for text in page_files(book / "docs/benchmarks").values()
    )
    for table in tables:
        assert "<caption>" in table
        head, *rows = re.findall(r"<tr.*?</tr>", table, re.DOTALL)
        assert "<td" not in head
        for row in rows:
            assert re.match(r"<tr[^>]*><th", row)
            assert row.count("<th") == 1
            assert not re.search(r"<p>\s*</p>", row), "an empty cell"


def test_new_tables_are_read_by_the_next_build(book: Path) -> None:
    assert "On a GPU nothing has been measured" in _text(book)
    path = book / "docs/benchmarks/gpu.md"
    path.write_text(path.read_text("utf-8").replace("nothing", "something"), "utf-8")
    assert "On a GPU something has been measured" in _text(book)


def test_sentences_captions_and_cells_can_be_translated(book: Path) -> None:
    done = _build(book, "gettext")
    assert done.returncode == 0, done.stderr
    catalogue = (book / "site/benchmarks.pot").read_text("utf-8")
    for text in ("How it is measured", "Time for an epoch of the CNN", "Ours / this", "Cores"):
        assert f'msgid "{text}"' in catalogue
    assert not re.search(r'msgid "-?\d\S*"', catalogue), "a number needs no translation"


def test_a_translated_cell_is_shown(book: Path) -> None:
    folder = book / "docs/locale/ko/LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "benchmarks.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        'msgid "Ours / this"\nmsgstr "우리 / 이것"\n',
        "utf-8",
    )
    done = _build(book, "html", "-D", "language=ko", "-D", "locale_dirs=locale")
    assert done.returncode == 0, done.stderr
    page = (book / "site/benchmarks.html").read_text("utf-8")
    assert page.count("<p>우리 / 이것</p>") == 4
    assert "<p>Ours / this</p>" not in page


def test_an_unknown_name_stops_the_build(book: Path) -> None:
    page = book / "docs/benchmarks.md"
    text = page.read_text("utf-8")
    assert "{measured}`rounds`" in text
    page.write_text(text.replace("{measured}`rounds`", "{measured}`tours`"), "utf-8")
    done = _build(book)
    assert done.returncode != 0
    assert "got 'tours'" in done.stderr
    assert "rounds, growth-epochs" in done.stderr
