"""The benchmark's trainers, the order of their turns, and the files that a run writes."""

import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from bench_training import (
    NETWORKS,
    ROUNDS,
    Memory,
    WorkerFailed,
    per_epoch,
    run_rounds,
    turn_order,
)
from result_tables import Record, page_files
from ways import WAYS

ROOT = Path(__file__).resolve().parents[1]
PEERS = [name for name, way in WAYS.items() if way.package]


def test_every_peer_is_in_the_extra_and_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extra = {re.split(r"[<>=]", line)[0] for line in project["optional-dependencies"]["peers"]}
    pinned = {
        line.split("==")[0] for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    }
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
def test_a_trainer_has_the_losses_of_the_lecture(name: str, tmp_path: Path) -> None:
    module = WAYS[name].package.replace("-", "_")
    if module and importlib.util.find_spec(module) is None:
        pytest.skip(f"{WAYS[name].package} is not installed")
    images = torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    labels = torch.eye(10)[torch.arange(40) % 10]
    losses = _train(name, tmp_path)
    # Keras' Adam puts its epsilon elsewhere in the formula, which shows from the second loss on.
    near = 2e-2 if name == "keras" else 1e-5
    for network, make in NETWORKS.items():
        torch.manual_seed(0)
        expected = WAYS["lecture"].train(make(), images, labels, 2)
        assert expected[1] != expected[0]
        assert losses[network][0] == pytest.approx(expected[0], rel=1e-6), network
        assert losses[network] == pytest.approx(expected, rel=near), network


class _Fake:
    """Trains without taking time, and fails at the call with the given number."""

    def __init__(self, name: str, called: list[str], *, fails_at: int = -1) -> None:
        self.name, self.called, self.left = name, called, fails_at

    def train(self, network: str, epochs: int, images: int | None = None) -> Record:
        self.called.append(self.name)
        if self.left == 0:
            raise WorkerFailed("out of memory")
        self.left -= 1
        return {"seconds": 0.5 + epochs, "peak": 1.0, "losses": [1.0] * epochs}


def test_every_trainer_has_every_position_once_and_follows_every_other_once() -> None:
    names = list(WAYS)
    orders = [turn_order(names, number) for number in range(ROUNDS)]
    assert len(names) == ROUNDS == 6
    for position in zip(*orders, strict=True):
        assert sorted(position) == sorted(names)
    pairs = [pair for order in orders for pair in itertools.pairwise(order)]
    assert len(set(pairs)) == len(pairs) == 6 * 5
    assert sorted(turn_order(["a"], 3) + turn_order(["b", "c", "d"], 1)) == ["a", "b", "c", "d"]
    assert turn_order([], 0) == []


def test_a_turn_is_a_training_of_one_epoch_and_one_of_many() -> None:
    called: list[str] = []
    workers: Any = {name: _Fake(name, called) for name in "ab"}
    results = run_rounds("CNN", workers, epochs=3, rounds=2, failed={})
    assert sorted(called[:2]) == ["a", "b"], "once each, to warm up"
    assert "".join(called[2:]) == "aabbbbaa"
    assert results["a"] == {"one": [1.5] * 2, "many": [3.5] * 2, "losses": [1.0] * 3}
    assert per_epoch(results["a"]["one"], results["a"]["many"], 3) == 1


@pytest.mark.parametrize("calls", [0, 1, 2, 4])
def test_a_trainer_that_fails_is_recorded_and_the_others_go_on(calls: int) -> None:
    called: list[str] = []
    workers: Any = {"a": _Fake("a", called), "b": _Fake("b", called, fails_at=calls)}
    failed: dict[str, str] = {}
    results = run_rounds("CNN", workers, epochs=2, rounds=3, failed=failed)
    assert failed == {"b": "failed: out of memory"}
    assert list(results) == ["a"]
    assert len(results["a"]["many"]) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc of Linux")
def test_memory_is_the_peak_and_not_what_is_left() -> None:
    memory = Memory(torch.device("cpu"))
    # 20.8 MB: Linux counts pages per core and adds them up late, up to a quarter of an MB here.
    held = torch.ones(5_200_000)
    assert held.sum() == 5_200_000
    del held
    peak = memory.peak()
    assert peak is not None
    assert 20 <= peak < 40, "5,200,000 numbers of 4 bytes"


def test_the_benchmark_records_its_results_and_writes_the_tables(tmp_path: Path) -> None:
    results = tmp_path / "results"
    words = "--epochs 2 --rounds 1 --images 120 --grow 120 --grow-epochs 2 --grow-rounds 1"
    words += f" --networks MLP --drawn --device cpu --ways lecture ours --results {results}"
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
    record: Record = json.loads((results / "training.json").read_text("utf-8"))
    written = {path.name for path in results.iterdir()}
    assert written == {"training.json", *page_files(results)}
    assert "This run is a trial" in (results / "notice.md").read_text("utf-8")
    assert "The CNN was not measured" in (results / "comparison-cnn.md").read_text("utf-8")
    assert record["trial"]
    assert "drawn" in record["data"]
    (found,) = record["comparisons"]
    assert found["ways"]["ours"]["largest_relative_difference"] < 1e-5
    assert found["ways"]["skorch"] == {"missing": "not asked for"}
    assert record["growth"][0]["ways"]["ours"]["seconds_per_epoch"] != 0
