"""Measure the trainer beside the lecture's loop and other libraries; write JSON and tables.

    python tests/benchmarks/bench_training.py

Each trainer (``ways.py``) has its own process, as it would on a reader's machine, and waits there
for its turn. In each round every trainer has one turn, in an order that changes from round to
round, so that other load on the machine affects all alike. A turn is two trainings: one of a single
epoch and one of many. Their difference, divided by the number of further epochs, is the time of an
epoch without set-up. The minimum over the rounds is reported, and every round is recorded. Memory
is measured separately, each time in a new process. A trainer that is not installed or fails is
recorded with the reason. On a CPU, the steps from the lecture's loop to the book's trainer have
turns in the same rounds.

Run it on an idle machine; the load is recorded too. Results of a GPU go into their own file,
``training-cuda.json``.
"""

import argparse
import copy
import ctypes
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from environment import OtherProcesses, environment
from result_tables import RESULTS, write_tables
from ways import STEPS, WAYS

from cnnbook.images import load_fashion_mnist
from cnnbook.networks import mlp, small_cnn
from cnnbook.training import best_device

NETWORKS: dict[str, Callable[[], torch.nn.Module]] = {"CNN": small_cnn, "MLP": mlp}
# Upper bounds for our trainer on 2 CPU cores: the time of its epoch as a share of the lecture's
# loop, and its memory for the largest batch.
BOUNDS: dict[str, Any] = {
    "share_of_lecture": {"CNN": 1 / 5, "MLP": 1 / 1.15},
    "peak_memory_mb": {"images": 60000, "most": 200},
}
# Above this the lecture's loop would need over 10 GB.
LECTURE_MAXIMUM = 20000
# A smaller run is a trial: it shows only that the script works.
EPOCHS, ROUNDS, IMAGES = 10, 6, 5000
WARM_UP_IMAGES = 100
# A step whose losses are further from those of the lecture's loop is wrong, however fast it is.
MAXIMUM_RELATIVE_DIFFERENCE = 1e-4


class Memory:
    """The peak of memory above what was used when this object was created, in 10**6 bytes."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        gc.collect()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self.before = float(torch.cuda.memory_allocated(device))
        elif sys.platform == "linux":
            # Return free memory to the system; reusing it would not raise the peak.
            ctypes.CDLL(None).malloc_trim(0)
            # Linux: 5 resets the peak.
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            self.before = self._status("VmRSS")

    @staticmethod
    def _status(name: str) -> float:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
        return 1024.0 * next(int(x.split()[1]) for x in lines if x.startswith(f"{name}:"))

    def peak(self) -> float | None:
        """Return the peak, or None where the system does not report one."""
        if self.device.type == "cuda":
            return (torch.cuda.max_memory_allocated(self.device) - self.before) / 1e6
        return (self._status("VmHWM") - self.before) / 1e6 if sys.platform == "linux" else None


def work(name: str, count: int, device: torch.device, *, drawn: bool) -> None:
    """Run one trainer's process: read a request from each line and answer it with a line."""
    # The answers have their own descriptor, since a library may print to standard output.
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    way = (WAYS | STEPS)[name]
    data = load_fashion_mnist(
        n_train=count,
        one_hot=True,
        download=not drawn,
        fallback="drawn" if drawn else "error",
    )
    images, labels = data.train_images.to(device), data.train_labels.to(device)
    nets = {}
    for network, make in NETWORKS.items():
        torch.manual_seed(0)
        nets[network] = make()
    print(json.dumps({"data": data.source}), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        inputs, targets = images[: request["images"]], labels[: request["images"]]
        model = way.prepare(copy.deepcopy(nets[request["network"]]).to(device))
        memory = Memory(device)
        started = time.perf_counter()
        losses = way.train(model, inputs, targets, request["epochs"])
        seconds = time.perf_counter() - started
        peak = memory.peak()
        print(json.dumps({"seconds": seconds, "peak": peak, "losses": losses}), file=answers)


class WorkerFailed(Exception):
    """A trainer's process ended."""


class Worker:
    """The process of one trainer."""

    def __init__(self, name: str, count: int, options: argparse.Namespace) -> None:
        words = ["--work", name, "--images", str(count), "--device", str(options.device)]
        words += ["--drawn"] if options.drawn else []
        self.name, self.count = name, count
        # A file, since a process that fills an unread pipe would block.
        self.stderr = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, __file__, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            text=True,
            encoding="utf-8",
        )
        self.data = self._answer()["data"]

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.stderr.seek(0)
            messages = self.stderr.read().strip().splitlines()
            raise WorkerFailed(messages[-1] if messages else f"exit code {code}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def train(self, network: str, epochs: int, images: int | None = None) -> dict[str, Any]:
        """Train from the initial weights, and return seconds, peak and losses."""
        assert self.process.stdin is not None
        request = {"network": network, "epochs": epochs, "images": images or self.count}
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.stderr.close()


@contextmanager
def fresh_worker(
    name: str, count: int, options: argparse.Namespace, network: str
) -> Iterator[Worker]:
    """Start a new process, with its data loaded and a small training done."""
    worker = Worker(name, count, options)
    try:
        worker.train(network, 2, min(WARM_UP_IMAGES, count))
        yield worker
    finally:
        worker.close()


def per_epoch(one: list[float], many: list[float], epochs: int) -> float:
    """Return the time of an epoch without set-up."""
    return (min(many) - min(one)) / (epochs - 1)


def turn_order(names: list[str], number: int) -> list[str]:
    """Return the order of the turns in a round, balanced over the rounds.

    Over as many rounds as there are names, each name has every position once and, where their
    number is even, follows every other name once (Williams, 1949). So what a turn leaves behind
    for the next, in the caches or as heat, affects all alike. With fewer rounds, an even number of
    them is fair, too: each second order is the reverse of the one before.
    """
    count = len(names)
    positions = [(k + 1) // 2 if k % 2 else -(k // 2) for k in range(count)]
    shift = number // 2 + number % 2 * ((count + 1) // 2)
    return [names[(position + shift) % count] for position in positions]


def run_rounds(
    network: str, workers: dict[str, Worker], *, epochs: int, rounds: int, failed: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """Train one network with all trainers in turn; return the seconds of each round and losses."""
    results: dict[str, dict[str, Any]] = {}
    for number in range(-1, rounds):
        names = [name for name in workers if name not in failed]
        for name in turn_order(names, number):
            try:
                # The round before the first one is a warm-up and is not recorded.
                if number < 0:
                    workers[name].train(network, 1)
                    continue
                one = workers[name].train(network, 1)
                many = workers[name].train(network, epochs)
            except WorkerFailed as error:
                failed[name] = f"failed: {error}"
                results.pop(name, None)
                continue
            row = results.setdefault(name, {"one": [], "many": [], "losses": many["losses"]})
            row["one"].append(one["seconds"])
            row["many"].append(many["seconds"])
    return results


def turns(network: str, device: torch.device) -> list[str]:
    """Return the trainers of a network, and on a CPU the steps that apply to it."""
    net = NETWORKS[network]()
    steps = STEPS if device.type == "cpu" else {}
    return [*WAYS, *(name for name, step in steps.items() if step.applies(net))]


def compare(
    network: str, workers: dict[str, Worker], options: argparse.Namespace, failed: dict[str, str]
) -> dict[str, Any]:
    """Compare all trainers on one network, and the steps from the first to the second."""
    epochs, count = options.epochs, options.images
    names = turns(network, options.device)
    here = {name: workers[name] for name in names if name in workers}
    results = run_rounds(network, here, epochs=epochs, rounds=options.rounds, failed=failed)
    found: dict[str, Any] = {}
    for name, row in results.items():
        try:
            with fresh_worker(name, count, options, network) as worker:
                peak = worker.train(network, 2)["peak"]
        except WorkerFailed as error:
            failed[name] = f"failed: {error}"
            continue
        each = per_epoch(row["one"], row["many"], epochs)
        difference = max(
            abs(a - b) / abs(a)
            for a, b in zip(results["lecture"]["losses"], row["losses"], strict=True)
        )
        times = {"all_seconds_one_epoch": row["one"], "all_seconds_many_epochs": row["many"]}
        if name in WAYS:
            found[name] = {
                "seconds_per_epoch": each,
                "seconds_per_epoch_with_setup": min(row["many"]) / epochs,
                "setup_seconds": min(row["one"]) - each,
                "peak_memory_mb": peak,
                "final_loss": row["losses"][-1],
                "largest_relative_difference": difference,
                **times,
            }
        elif difference <= MAXIMUM_RELATIVE_DIFFERENCE:
            found[name] = {
                "seconds_per_epoch": each,
                "peak_memory_mb": peak,
                "largest_relative_difference": difference,
                **times,
            }
        else:
            found[name] = {"missing": f"failed: its losses differ by {difference:.1e}"}
    found |= {name: {"missing": reason} for name, reason in failed.items()}
    return {
        "network": network,
        "ways": {name: found[name] for name in names if name in found and name in WAYS},
        "steps": {name: found[name] for name in names if name in found and name in STEPS},
    }


def measure_growth(name: str, count: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train the CNN on ``count`` images; return the time of an epoch and the peak of memory."""
    if name == "lecture" and count > LECTURE_MAXIMUM:
        return {"missing": f"not tried above {LECTURE_MAXIMUM} images"}
    epochs = options.grow_epochs
    one, many = [], []
    try:
        with fresh_worker(name, count, options, "CNN") as worker:
            peak = worker.train("CNN", epochs)["peak"]
            for _ in range(options.grow_rounds):
                one.append(worker.train("CNN", 1)["seconds"])
                many.append(worker.train("CNN", epochs)["seconds"])
    except WorkerFailed as error:
        return {"missing": f"failed: {error}"}
    return {"seconds_per_epoch": per_epoch(one, many, epochs), "peak_memory_mb": peak}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the whole benchmark and return its results."""
    others = OtherProcesses()
    report: dict[str, Any] = {
        "trial": options.drawn
        or (options.epochs < EPOCHS or options.rounds < ROUNDS or options.images < IMAGES),
        "environment": environment(options.device),
        "settings": {
            "images": options.images,
            "epochs": options.epochs,
            "rounds": options.rounds,
            "growth_epochs": options.grow_epochs,
            "growth_rounds": options.grow_rounds,
        },
        "bounds": BOUNDS,
        "ways": {
            name: {"title": way.title, "version": way.version()} for name, way in WAYS.items()
        },
        "steps": {name: {"title": step.title} for name, step in STEPS.items()},
    }
    asked = ["lecture", *options.ways]
    failed = {name: "not installed" for name, way in WAYS.items() if way.version() is None}
    failed |= {name: "not asked for" for name in WAYS | STEPS if name not in asked}
    measured = {name for network in options.networks for name in turns(network, options.device)}
    with ExitStack() as running:
        workers: dict[str, Worker] = {}
        for name in WAYS | STEPS:
            if name in failed or name not in measured:
                continue
            try:
                workers[name] = Worker(name, options.images, options)
            except WorkerFailed as error:
                failed[name] = f"failed: {error}"
                continue
            running.callback(workers[name].close)
        if "lecture" in failed:
            raise SystemExit(
                f"the lecture's loop, with which all are compared, {failed['lecture']}"
            )
        report["data"] = workers["lecture"].data
        report["comparisons"] = [
            compare(network, workers, options, failed) for network in options.networks
        ]
    report["growth"] = [
        {
            "images": count,
            "data_mb": count * 28 * 28 * 4 / 1e6,
            "ways": {name: measure_growth(name, count, options) for name in ("lecture", "ours")},
        }
        for count in options.grow
    ]
    report["environment"] |= {
        "load_at_end": round(os.getloadavg()[0], 2),
        "other_cores": others.cores(),
    }
    return report


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, help="of the longer training, at least 2"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--grow", type=int, nargs="*", default=[1000, 5000, 20000, 60000])
    parser.add_argument("--grow-epochs", type=int, default=5)
    parser.add_argument("--grow-rounds", type=int, default=3)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--ways", nargs="*", default=[*WAYS, *STEPS], choices=[*WAYS, *STEPS])
    parser.add_argument("--device", type=torch.device)
    parser.add_argument("--drawn", action="store_true", help="allow drawn images, for a trial")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write into")
    parser.add_argument("--work", choices=[*WAYS, *STEPS], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.images, options.device, drawn=options.drawn)
        return
    if min(options.epochs, options.grow_epochs) < 2:
        parser.error("--epochs and --grow-epochs: expected 2 or more, to separate epoch and set-up")
    options.device = options.device or best_device()
    name = "training-cuda.json" if options.device.type == "cuda" else "training.json"
    report = measure(options)
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / name
    path.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    write_tables(options.results)
    sys.stdout.write(f"wrote {path} and the tables of the page\n")


if __name__ == "__main__":
    main()
