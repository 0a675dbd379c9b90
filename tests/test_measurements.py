"""The benchmark's ways to train, the files that it writes, and the page that shows them."""

import copy
import html
import importlib.util
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from bench_training import (
    BOUNDS,
    EPOCHS,
    IMAGES,
    NETWORKS,
    ROUNDS,
    Failed,
    Memory,
    order_of,
    per_epoch,
    rounds_of,
)
from measurements import Record, behind, checks, loss, number, ratio, trial
from ways import WAYS

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "benchmarks"
PEERS = [name for name, way in WAYS.items() if way.package]
TRAININGS = sorted(RESULTS.glob("training*.json"))


def _record(path: Path = RESULTS / "training.json") -> Record:
    record: Record = json.loads(path.read_text("utf-8"))
    return record


# The files.


def test_there_is_a_file_of_trainings_and_one_of_layers() -> None:
    assert {"training.json", "layers.json"} <= {path.name for path in RESULTS.iterdir()}


@pytest.mark.parametrize("path", TRAININGS, ids=lambda path: path.stem)
def test_a_file_of_trainings_has_what_the_page_shows(path: Path) -> None:
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
    assert [found["network"] for found in record["comparisons"]] == list(NETWORKS)
    for found in record["comparisons"]:
        assert list(found["ways"]) == list(WAYS), "each is measured, or it is said why not"
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
    for row in record["growth"]:
        assert set(row["ways"]) == {"lecture", "ours"}
        assert "missing" not in row["ways"]["ours"]
        assert row["data_mb"] == row["images"] * 28 * 28 * 4 / 1e6


def test_the_file_of_layers_has_ratios_of_its_times() -> None:
    record = _record(RESULTS / "layers.json")
    assert record["layers"]
    for row in record["layers"].values():
        # Both times are rounded to 0.001 ms, the ratio to 0.01.
        near = row["ratio"] * 0.0005 / row["torch_ms"] + 0.006
        assert row["ratio"] == pytest.approx(row["ours_ms"] / row["torch_ms"], abs=near)
    for row in record["sparse_conv_matrix"]:
        assert row["ns_per_entry"] == pytest.approx(1e6 * row["ms"] / row["entries"], rel=0.01)


# The words.


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
def test_a_number_keeps_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_a_ratio_has_both_ends() -> None:
    assert ratio(0.131, 0.688) == "0.131 / 0.688 = 0.190"


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


@pytest.fixture
def record() -> Record:
    """Figures that keep both bounds exactly: 1/5 of an epoch, 500 MB."""
    return {
        "trial": False,
        "environment": {"load_at_start": 0.1, "cores": 2},
        "settings": {"epochs": 10},
        "bounds": copy.deepcopy(BOUNDS),
        "ways": {name: {"title": way.title, "version": "1"} for name, way in WAYS.items()},
        "comparisons": [
            {
                "network": "CNN",
                "ways": {
                    "lecture": _way(1.0),
                    "ours": _way(0.2),
                    "skorch": _way(1.0),
                    "keras": {"missing": "not installed"},
                },
            }
        ],
        "growth": [{"images": 60000, "data_mb": 188.0, "ways": {"ours": _way(2.0, 500.0)}}],
    }


def test_a_bound_is_kept_up_to_itself_and_missed_above(record: Record) -> None:
    assert [kept for *_, kept in checks(record)] == [True, True]
    record["comparisons"][0]["ways"]["ours"]["seconds_per_epoch"] = 0.2001
    record["growth"][0]["ways"]["ours"]["peak_memory_mb"] = 500.1
    assert [kept for *_, kept in checks(record)] == [False, False]


def test_what_is_faster_or_smaller_than_ours_is_said(record: Record) -> None:
    layers: Record = {"layers": {"conv": {"ours_ms": 1.0, "torch_ms": 2.0, "ratio": 0.5}}}
    assert behind(record, layers) == []
    record["comparisons"][0]["ways"]["skorch"] = _way(0.1, memory=50.0)
    record["comparisons"][0]["ways"]["ours"]["seconds_per_epoch"] = 0.25
    layers["layers"]["conv"] = {"ours_ms": 3.0, "torch_ms": 2.0, "ratio": 1.5}
    assert behind(record, layers) == [
        "Bound missed: CNN: share of an epoch of the lecture's loop, at most 0.200, measured "
        "0.250 / 1.00 = 0.250.",
        "CNN, seconds for an epoch: ours 0.250, less in skorch 1 0.100 (0.250 / 0.100 = 2.50).",
        "CNN, seconds for an epoch with set-up: ours 0.210, less in skorch 1 0.110 "
        "(0.210 / 0.110 = 1.91).",
        "CNN, peak of memory in MB: ours 100, less in skorch 1 50.0 (100 / 50.0 = 2.00).",
        "conv: torch's is faster: 3.00 / 2.00 = 1.50 (milliseconds).",
    ]


def test_a_short_run_and_a_busy_machine_are_warned_of(record: Record) -> None:
    assert trial(record) == []
    record["trial"] = True
    assert "too short" in trial(record)[0].astext()
    record["environment"]["load_at_start"] = 1.5
    assert "1.50 processes wanted its 2 cores" in trial(record)[1].astext()


# The page.


def _build(root: Path) -> subprocess.CompletedProcess[str]:
    """Build the page alone, with nothing of the site but what it needs."""
    settings = 'project = "x"\nextensions = ["myst_parser", "measurements"]\n'
    (root / "docs/conf.py").write_text(settings, "utf-8")
    (root / "docs/index.md").write_text("# x\n\n```{toctree}\nbenchmarks\nconventions\n```\n")
    (root / "docs/conventions.md").write_text("# y\n", "utf-8")
    command = ["-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", "site"]
    return subprocess.run(
        [sys.executable, *command],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(ROOT / "docs/_ext")},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Copy the page, the files of measurements and the code that it shows."""
    shutil.copytree(RESULTS, tmp_path / "docs/benchmarks")
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
    if isinstance(value, dict):
        for name, item in value.items():
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
    """Put another number in the place of each, none of them twice."""
    if isinstance(value, dict):
        return {name: _distinct(item, numbers) for name, item in value.items()}
    if isinstance(value, list):
        return [_distinct(item, numbers) for item in value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    return type(value)(next(numbers))


def _shown(text: str) -> set[str]:
    return set(re.findall(r"-?\d[\d,]*(?:\.\d+)?(?:e-\d+)?", text))


def test_the_page_shows_every_number_and_text_of_the_files(book: Path) -> None:
    text = _text(book)
    files = [json.loads(path.read_text("utf-8")) for path in RESULTS.glob("*.json")]
    wanted = {_written(*found) for found in _numbers(files)}
    assert len(wanted) > 100
    assert wanted <= _shown(text)
    flat = " ".join(text.split()).replace("’", "'")
    for said in _texts(files):
        # Versions of the ways that the book needs itself are torch's.
        assert said in flat, said


def test_the_page_reads_its_numbers_from_the_files_and_has_none_of_its_own(book: Path) -> None:
    numbers = iter(range(10007, 10**6, 7))
    for path in (book / "docs/benchmarks").iterdir():
        path.write_text(json.dumps(_distinct(json.loads(path.read_text("utf-8")), numbers)))
    cuda = _distinct(_record(book / "docs/benchmarks/training.json"), numbers)
    (book / "docs/benchmarks/training-cuda.json").write_text(json.dumps(cuda), "utf-8")
    text = _text(book)
    assert "On a GPU nothing has been measured" not in text
    files = [json.loads(path.read_text("utf-8")) for path in (book / "docs/benchmarks").iterdir()]
    wanted = [_written(*found) for found in _numbers(files)]
    assert len(set(wanted)) == len(wanted)
    # The card's bounds are the processor's; they are not told twice.
    left_out = {number(value) for _, value in _numbers(cuda["bounds"])}
    left_out |= {number(value) for _, value in _numbers(cuda["settings"])}
    assert set(wanted) - _shown(text) <= left_out
    old = {_written(*found) for found in _numbers(_record()["comparisons"])} - set(wanted)
    prose = (ROOT / "docs/benchmarks.md").read_text("utf-8")
    assert not old & _shown(prose) - {"0"}


def test_the_page_says_what_is_missing(book: Path) -> None:
    path = book / "docs/benchmarks/training.json"
    record = _record(path)
    for found in record["comparisons"]:
        found["ways"]["keras"] = {"missing": "not installed"}
    path.write_text(json.dumps(record), "utf-8")
    text = " ".join(_text(book).split())
    assert text.count("not installed") >= len(record["comparisons"])
    assert "Not measured: Keras on torch" in text
    if not (RESULTS / "training-cuda.json").exists():
        assert "On a GPU nothing has been measured" in text


def test_bars_say_in_words_what_they_show(book: Path) -> None:
    assert _build(book).returncode == 0
    page = (book / "site/benchmarks.html").read_text("utf-8")
    message = [
        html.unescape(words) for words in re.findall(r'role="img" aria-label="([^"]+)"', page)
    ]
    record = _record()
    for found in record["comparisons"]:
        words = next(text for text in message if f"an epoch of the {found['network']}," in text)
        for way in found["ways"].values():
            assert "missing" in way or f": {number(way['seconds_per_epoch'])} s" in words
    assert len(message) >= len(record["comparisons"]) + 2


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("{measured}`rounds`", "{measured}`tours`", "got 'tours'"),
        ("{measured} bounds", "{measured} limits", "got 'limits'"),
    ],
)
def test_a_name_that_is_not_there_stops_the_build(
    book: Path, good: str, bad: str, message: str
) -> None:
    page = book / "docs/benchmarks.md"
    text = page.read_text("utf-8")
    assert good in text
    page.write_text(text.replace(good, bad), "utf-8")
    done = _build(book)
    assert done.returncode != 0
    assert message in done.stderr


# The ways.


def test_every_peer_is_in_the_extra_and_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extra = {re.split(r"[<>=]", wanted)[0] for wanted in project["optional-dependencies"]["peers"]}
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert extra == {WAYS[name].package for name in PEERS}
    assert extra <= pinned


TRAIN = """
import json, sys, torch
from bench_training import NETWORKS
from ways import WAYS

torch.manual_seed(1)
images, labels = torch.rand(40, 1, 28, 28), torch.eye(10)[torch.arange(40) % 10]
losses = {}
for network, make in NETWORKS.items():
    torch.manual_seed(0)
    way = WAYS[sys.argv[1]]
    losses[network] = way.train(way.prepare(make()), images, labels, 2)
print(json.dumps(losses))
"""


def _train(name: str, home: Path) -> dict[str, list[float]]:
    # In a process of its own: libraries that change torch's classes must not change other tests'.
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests/benchmarks")])
    homes = {"KERAS_HOME": str(home), "FASTAI_HOME": str(home), "HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, name],
        cwd=home,
        env=os.environ | homes | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    losses: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return losses


@pytest.mark.parametrize("name", [name for name in WAYS if name != "lecture"])
def test_a_way_trains_to_the_losses_of_the_lecture(name: str, tmp_path: Path) -> None:
    module = WAYS[name].package.replace("-", "_")
    if module and importlib.util.find_spec(module) is None:
        pytest.skip(f"{WAYS[name].package} is not installed")
    images = torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    labels = torch.eye(10)[torch.arange(40) % 10]
    got = _train(name, tmp_path)
    # Keras' Adam puts its epsilon elsewhere in the formula, which shows from the second loss on.
    near = 2e-2 if name == "keras" else 1e-5
    for network, make in NETWORKS.items():
        torch.manual_seed(0)
        wanted = WAYS["lecture"].train(make(), images, labels, 2)
        assert wanted[1] != wanted[0]
        assert got[network][0] == pytest.approx(wanted[0], rel=1e-6), network
        assert got[network] == pytest.approx(wanted, rel=near), network


class _Fake:
    """Trains at once, and fails at the call that is told."""

    def __init__(self, name: str, called: list[str], *, fails_at: int = -1) -> None:
        self.name, self.called, self.left = name, called, fails_at

    def train(self, network: str, epochs: int, images: int | None = None) -> Record:
        self.called.append(self.name)
        if self.left == 0:
            raise Failed("out of memory")
        self.left -= 1
        return {"seconds": 0.5 + epochs, "peak": 1.0, "losses": [1.0] * epochs}


def test_every_way_has_every_place_once_and_follows_every_other_once() -> None:
    names = list(WAYS)
    orders = [order_of(names, number) for number in range(ROUNDS)]
    assert len(names) == ROUNDS == 6
    for device in zip(*orders, strict=True):
        assert sorted(device) == sorted(names)
    pairs = [pair for order in orders for pair in itertools.pairwise(order)]
    assert len(set(pairs)) == len(pairs) == 6 * 5
    assert sorted(order_of(["a"], 3) + order_of(["b", "c", "d"], 1)) == ["a", "b", "c", "d"]
    assert order_of([], 0) == []


def test_a_turn_is_a_training_of_one_epoch_and_one_of_many() -> None:
    called: list[str] = []
    workers: Any = {name: _Fake(name, called) for name in "ab"}
    message = rounds_of("CNN", workers, epochs=3, rounds=2, failed={})
    assert sorted(called[:2]) == ["a", "b"], "once each, to warm up"
    assert "".join(called[2:]) == "aabbbbaa"
    assert message["a"] == {"one": [1.5] * 2, "many": [3.5] * 2, "losses": [1.0] * 3}
    assert per_epoch(message["a"]["one"], message["a"]["many"], 3) == 1


@pytest.mark.parametrize("calls", [0, 1, 2, 4])
def test_a_way_that_fails_is_said_and_the_others_go_on(calls: int) -> None:
    called: list[str] = []
    workers: Any = {"a": _Fake("a", called), "b": _Fake("b", called, fails_at=calls)}
    failed: dict[str, str] = {}
    message = rounds_of("CNN", workers, epochs=2, rounds=3, failed=failed)
    assert failed == {"b": "failed: out of memory"}
    assert list(message) == ["a"]
    assert len(message["a"]["many"]) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process")
def test_memory_is_the_peak_and_not_what_is_left() -> None:
    memory = Memory(torch.device("cpu"))
    # 20.8 MB: Linux counts pages core by core and adds them up late, by a quarter of an MB here.
    held = torch.ones(5_200_000)
    assert held.sum() == 5_200_000
    del held
    peak = memory.peak()
    assert peak is not None
    assert 20 <= peak < 40, "5,200,000 numbers of 4 bytes"


def test_the_program_measures_and_writes_its_file(tmp_path: Path) -> None:
    out = tmp_path / "training.json"
    words = "--epochs 2 --rounds 1 --images 120 --grow 120 --grow-epochs 2 --grow-rounds 1"
    words += f" --networks MLP --drawn --device cpu --ways lecture ours --out {out}"
    nowhere = "http://127.0.0.1:9/"
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/benchmarks/bench_training.py"), *words.split()],
        env=os.environ
        | {
            "CNNBOOK_MIRROR": nowhere,
            "XDG_CACHE_HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    record = _record(out)
    assert record["trial"]
    assert "drawn" in record["data"]
    (found,) = record["comparisons"]
    assert found["ways"]["ours"]["largest_relative_difference"] < 1e-5
    assert found["ways"]["skorch"] == {"missing": "not asked for"}
    assert record["growth"][0]["ways"]["ours"]["seconds_per_epoch"] != 0
