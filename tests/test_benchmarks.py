"""The benchmark's trainers, the order of their turns, and the files that a run writes."""

import argparse
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

import environment
import pytest
import torch
from bench_training import (
    MAXIMUM_RELATIVE_DIFFERENCE,
    NETWORKS,
    ROUNDS,
    Memory,
    WorkerFailed,
    compare,
    per_epoch,
    run_rounds,
    turn_order,
    turns,
)
from environment import OtherProcesses
from result_tables import Record
from ways import STEPS, WAYS, Way

from cnnbook.engine.gradients import GradientAccumulator
from cnnbook.engine.rewrites import fused_parameters
from cnnbook.networks import small_cnn

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


@pytest.mark.parametrize("network", NETWORKS)
def test_a_step_has_the_losses_of_the_lecture(network: str) -> None:
    # So many that each network takes them in several micro-batches.
    count = {"CNN": 120, "MLP": 2500}[network]
    images = torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    labels = torch.eye(10)[torch.arange(count) % 10]

    def losses(way: Way) -> list[float]:
        torch.manual_seed(0)
        return way.train(NETWORKS[network](), images, labels, 2)

    expected = losses(WAYS["lecture"])
    for name in turns(network, torch.device("cpu")):
        if name in STEPS:
            assert losses(STEPS[name]) == pytest.approx(expected, rel=1e-5), name


def test_each_step_adds_its_own_part(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, bool]] = []

    def look(gradients: GradientAccumulator) -> torch.Tensor:
        layers = list(gradients.optimized_net.children())
        kinds = [type(layer) for layer in layers]
        assert gradients.micro_batch_size < len(gradients.images)
        seen.append(
            {
                "channels_last": gradients.images.stride()[1] == 1,
                "pool_first": kinds.index(torch.nn.MaxPool2d) < kinds.index(torch.nn.ReLU),
                "inplace_relu": any(getattr(layer, "inplace", False) for layer in layers),
                "threads": gradients._run_in_threads is not None,
                "fused": any(fused_parameters(net) for net in gradients._nets),
            }
        )
        return accumulate(gradients)

    accumulate = GradientAccumulator.accumulate
    # With one core there would be no threads.
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(GradientAccumulator, "accumulate", look)
    for step in STEPS.values():
        step.train(small_cnn(), torch.rand(120, 1, 28, 28), torch.arange(120) % 10, 1)
    names = list(STEPS)[1:]
    for number, parts in enumerate(seen):
        assert parts == {name: names.index(name) < number for name in names}
    # The last step is what the trainer does.
    WAYS["ours"].train(small_cnn(), torch.rand(120, 1, 28, 28), torch.arange(120) % 10, 1)
    assert seen[-1] == seen[-2]
    assert len(seen) == len(STEPS) + 1


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


@pytest.mark.parametrize("count", [2, 6, 10, 12])
def test_every_trainer_has_every_position_once_and_follows_every_other_once(count: int) -> None:
    names = [chr(ord("a") + number) for number in range(count)]
    orders = [turn_order(names, number) for number in range(count)]
    for position in zip(*orders, strict=True):
        assert sorted(position) == names
    pairs = [pair for order in orders for pair in itertools.pairwise(order)]
    assert len(set(pairs)) == len(pairs) == count * (count - 1)


def test_an_odd_number_of_trainers_has_every_position_once() -> None:
    for position in zip(*(turn_order(list("abc"), number) for number in range(3)), strict=True):
        assert sorted(position) == ["a", "b", "c"]
    assert turn_order(["a"], 3) == ["a"]
    assert turn_order([], 0) == []


@pytest.mark.parametrize("network", NETWORKS)
def test_the_rounds_of_a_run_are_fair_to_each_turn(network: str) -> None:
    names = turns(network, torch.device("cpu"))
    orders = [turn_order(names, number) for number in range(ROUNDS)]
    # On average, each turn is in the middle, and none follows the same other turn twice.
    for name in names:
        positions = [order.index(name) for order in orders]
        assert sum(positions) / ROUNDS == (len(names) - 1) / 2
    pairs = [pair for order in orders for pair in itertools.pairwise(order)]
    assert len(set(pairs)) == len(pairs)


def test_a_step_has_turns_where_it_changes_something() -> None:
    steps = ["micro_batches", "channels_last", "pool_first", "inplace_relu", "threads", "fused"]
    cpu = torch.device("cpu")
    assert turns("CNN", cpu) == [*WAYS, *steps]
    assert turns("MLP", cpu) == [*WAYS, *(s for s in steps if s[:4] not in ("chan", "pool"))]
    assert turns("CNN", torch.device("cuda")) == list(WAYS)


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


@pytest.mark.parametrize("away", [0.5, 2])
def test_a_step_with_other_losses_than_the_lecture_has_no_time(
    away: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fake(_Fake):
        def __init__(self, name: str, *_: object) -> None:
            super().__init__(name, [])

        def train(self, network: str, epochs: int, images: int | None = None) -> Record:
            answer = super().train(network, epochs, images)
            if self.name == "pool_first":
                answer["losses"][-1] += away * MAXIMUM_RELATIVE_DIFFERENCE
            return answer

        def close(self) -> None:
            pass

    monkeypatch.setattr("bench_training.Worker", Fake)
    options = argparse.Namespace(epochs=3, rounds=2, images=5, device=torch.device("cpu"))
    workers: Any = {name: Fake(name) for name in WAYS | STEPS}
    found = compare("CNN", workers, options, failed={})
    assert list(found["ways"]) == list(WAYS)
    assert list(found["steps"]) == list(STEPS)
    assert found["steps"]["fused"]["seconds_per_epoch"] == 1
    step = found["steps"]["pool_first"]
    if away < 1:
        assert step["largest_relative_difference"] == pytest.approx(5e-5)
    else:
        assert step == {"missing": "failed: its losses differ by 2.0e-04"}


def test_other_cores_are_all_that_work_but_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    # Seconds by the clock, of all cores, of our own processes.
    for name, readings in (
        ("time.monotonic", [100.0, 110.0]),
        ("environment._busy_seconds", [50.0, 64.0]),
        ("environment._own_seconds", [3.0, 11.0]),
    ):
        monkeypatch.setattr(name, iter(readings).__next__)
    assert OtherProcesses().cores() == (14 - 8) / 10


def test_other_cores_are_not_reported_where_the_system_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("environment._busy_seconds", lambda: None)
    assert OtherProcesses().cores() is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc of Linux")
def test_a_process_that_has_ended_is_our_own_and_the_system_counts_it() -> None:
    busy, own = environment._busy_seconds(), environment._own_seconds()
    burn = "import time\nwhile time.process_time() < 1: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    all_of_them = environment._busy_seconds()
    mine = environment._own_seconds() - own
    assert busy is not None
    assert all_of_them is not None
    # The system counts in hundredths of a second, for each core.
    assert mine > 0.9
    assert all_of_them - busy > mine - 0.1


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
