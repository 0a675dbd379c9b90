"""Measure the trainer beside the lecture's loop and its peers, in turns, in one run; write JSON.

    python tests/benchmarks/bench_training.py

Each way to train (``ways.py``) lives in a process of its own, as it would on a reader's machine,
and waits there until it is its turn. In each round every way trains, each time in another order, so
that whatever else the machine does falls on all. A turn is two trainings: one of a single epoch
and one of many. What the many take more, divided by how many more they are, is an epoch without
set-up; the least time of the rounds counts, and all of them are written. Memory is measured once
more, each time in a fresh process. A way that is not installed, or fails, is written down as such.

Run it on an idle machine; the load is written too. The figures of a GPU go into a file of their
own, ``training-cuda.json``.
"""

import argparse
import copy
import ctypes
import gc
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from ways import WAYS

from cnnbook.images import load_fashion_mnist
from cnnbook.networks import mlp, small_cnn
from cnnbook.training import best_device

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"
NETWORKS: dict[str, Callable[[], torch.nn.Module]] = {"CNN": small_cnn, "MLP": mlp}
# What the trainer is held to on a CPU of 2 cores: the share of an epoch of the lecture's loop that
# one of ours may take at most, and the memory that the largest batch may take.
BOUNDS: dict[str, Any] = {
    "share_of_lecture": {"CNN": 1 / 5, "MLP": 1 / 1.15},
    "peak_memory_mb": {"images": 60000, "most": 500},
}
# Above this the lecture's loop would want over 10 GB.
LECTURE_MOST = 20000
# A run with less than this shows that the script works, and nothing else.
EPOCHS, ROUNDS, IMAGES = 10, 6, 5000
WARM_UP_IMAGES = 100


def environment(device: torch.device) -> dict[str, Any]:
    """Return what the figures depend on."""
    cpu = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((x.split(": ")[1] for x in lines if x.startswith("model name")), cpu)
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


class Memory:
    """The largest memory that is taken above what was taken when this was made, in 10**6 bytes."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        gc.collect()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self.before = float(torch.cuda.memory_allocated(device))
        elif sys.platform == "linux":
            # Give back what is free, or the training would take it without being seen to.
            ctypes.CDLL(None).malloc_trim(0)
            # Linux' word for "forget the peak so far".
            Path("/proc/self/clear_refs").write_text("5")
            self.before = self._status("VmRSS")

    @staticmethod
    def _status(name: str) -> float:
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024.0 * next(int(x.split()[1]) for x in lines if x.startswith(f"{name}:"))

    def peak(self) -> float | None:
        """Return it; None where the system does not tell."""
        if self.device.type == "cuda":
            return (torch.cuda.max_memory_allocated(self.device) - self.before) / 1e6
        return (self._status("VmHWM") - self.before) / 1e6 if sys.platform == "linux" else None


def work(name: str, count: int, device: torch.device, *, drawn: bool) -> None:
    """Be one way's process: read what to train, a line each, and answer in a line."""
    # Whatever a framework prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    way = WAYS[name]
    data = load_fashion_mnist(n_train=count, one_hot=True, fallback="drawn" if drawn else "error")
    images, labels = data.train_images.to(device), data.train_labels.to(device)
    nets = {}
    for network, make in NETWORKS.items():
        torch.manual_seed(0)
        nets[network] = make()
    print(json.dumps({"data": data.source}), file=answers)
    for line in sys.stdin:
        asked = json.loads(line)
        some, wanted = images[: asked["images"]], labels[: asked["images"]]
        model = way.prepare(copy.deepcopy(nets[asked["network"]]).to(device))
        memory = Memory(device)
        began = time.perf_counter()
        losses = way.train(model, some, wanted, asked["epochs"])
        seconds = time.perf_counter() - began
        peak = memory.peak()
        print(json.dumps({"seconds": seconds, "peak": peak, "losses": losses}), file=answers)


class Failed(Exception):
    """A way's process ended."""


class Worker:
    """The process of one way."""

    def __init__(self, name: str, count: int, options: argparse.Namespace) -> None:
        words = ["--work", name, "--images", str(count), "--device", str(options.device)]
        words += ["--drawn"] if options.drawn else []
        self.name, self.count = name, count
        # A file, since a pipe that nobody empties would stop whoever has much to say.
        self.said = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, __file__, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            text=True,
            encoding="utf-8",
        )
        self.data = self._answer()["data"]

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.said.seek(0)
            said = self.said.read().strip().splitlines()
            raise Failed(said[-1] if said else f"exit code {code}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def train(self, network: str, epochs: int, images: int | None = None) -> dict[str, Any]:
        """Train from the start, and return seconds, peak and losses."""
        assert self.process.stdin is not None
        asked = {"network": network, "epochs": epochs, "images": images or self.count}
        try:
            self.process.stdin.write(json.dumps(asked) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.said.close()


@contextmanager
def fresh(name: str, count: int, options: argparse.Namespace, network: str) -> Iterator[Worker]:
    """Give a new process that has loaded its data and what a first training loads."""
    worker = Worker(name, count, options)
    try:
        worker.train(network, 2, min(WARM_UP_IMAGES, count))
        yield worker
    finally:
        worker.close()


def per_epoch(one: list[float], many: list[float], epochs: int) -> float:
    """Return what an epoch takes without set-up."""
    return (min(many) - min(one)) / (epochs - 1)


def order_of(names: list[str], number: int) -> list[str]:
    """Return who comes when in a round.

    Over as many rounds as there are names, each has every place once and, where their number is
    even, follows each other one once (Williams, 1949): what one leaves behind for the next, in the
    caches or as heat, falls on all.
    """
    count = len(names)
    places = [(k + 1) // 2 if k % 2 else -(k // 2) for k in range(count)]
    return [names[(device + number) % count] for device in places]


def rounds_of(
    network: str, workers: dict[str, Worker], *, epochs: int, rounds: int, failed: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """Train one network in all ways, in turns; return seconds of each round and losses."""
    message: dict[str, dict[str, Any]] = {}
    for number in range(-1, rounds):
        names = [name for name in workers if name not in failed]
        for name in order_of(names, number):
            try:
                # The round before the first one is to warm up, and does not count.
                if number < 0:
                    workers[name].train(network, 1)
                    continue
                one = workers[name].train(network, 1)
                many = workers[name].train(network, epochs)
            except Failed as error:
                failed[name] = f"failed: {error}"
                message.pop(name, None)
                continue
            row = message.setdefault(name, {"one": [], "many": [], "losses": many["losses"]})
            row["one"].append(one["seconds"])
            row["many"].append(many["seconds"])
    return message


def compare(
    network: str, workers: dict[str, Worker], options: argparse.Namespace, failed: dict[str, str]
) -> dict[str, Any]:
    """Compare all ways on one network."""
    epochs, count = options.epochs, options.images
    message = rounds_of(network, workers, epochs=epochs, rounds=options.rounds, failed=failed)
    ways: dict[str, Any] = {}
    for name, row in message.items():
        try:
            with fresh(name, count, options, network) as worker:
                peak = worker.train(network, 2)["peak"]
        except Failed as error:
            failed[name] = f"failed: {error}"
            continue
        each = per_epoch(row["one"], row["many"], epochs)
        ways[name] = {
            "seconds_per_epoch": each,
            "seconds_per_epoch_with_setup": min(row["many"]) / epochs,
            "setup_seconds": min(row["one"]) - each,
            "peak_memory_mb": peak,
            "final_loss": row["losses"][-1],
            "largest_relative_difference": max(
                abs(a - b) / abs(a)
                for a, b in zip(message["lecture"]["losses"], row["losses"], strict=True)
            ),
            "all_seconds_one_epoch": row["one"],
            "all_seconds_many_epochs": row["many"],
        }
    for name, reason in failed.items():
        ways[name] = {"missing": reason}
    return {"network": network, "ways": {name: ways[name] for name in WAYS if name in ways}}


def grow(name: str, count: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train the CNN in one way on so many images: time for an epoch, and peak of memory."""
    if name == "lecture" and count > LECTURE_MOST:
        return {"missing": f"not tried above {LECTURE_MOST} images"}
    epochs = options.grow_epochs
    one, many = [], []
    try:
        with fresh(name, count, options, "CNN") as worker:
            peak = worker.train("CNN", epochs)["peak"]
            for _ in range(options.grow_rounds):
                one.append(worker.train("CNN", 1)["seconds"])
                many.append(worker.train("CNN", epochs)["seconds"])
    except Failed as error:
        return {"missing": f"failed: {error}"}
    return {"seconds_per_epoch": per_epoch(one, many, epochs), "peak_memory_mb": peak}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run all of it."""
    device: torch.device = options.device
    report: dict[str, Any] = {
        # Too short to say anything; the page says so in its turn.
        "trial": options.drawn
        or (options.epochs < EPOCHS or options.rounds < ROUNDS or options.images < IMAGES),
        "environment": environment(device),
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
    }
    failed = {name: "not installed" for name, way in WAYS.items() if way.version() is None}
    failed |= {name: "not asked for" for name in WAYS if name not in ["lecture", *options.ways]}
    with ExitStack() as running:
        workers: dict[str, Worker] = {}
        for name in WAYS:
            if name in failed:
                continue
            try:
                workers[name] = Worker(name, options.images, options)
            except Failed as error:
                failed[name] = f"failed: {error}"
                continue
            running.callback(workers[name].close)
        if "lecture" in failed:
            raise SystemExit(
                f"the lecture's loop, which all are compared with, {failed['lecture']}"
            )
        report["data"] = workers["lecture"].data
        report["comparisons"] = [
            compare(network, workers, options, failed) for network in options.networks
        ]
    report["growth"] = [
        {
            "images": count,
            "data_mb": count * 28 * 28 * 4 / 1e6,
            "ways": {name: grow(name, count, options) for name in ("lecture", "ours")},
        }
        for count in options.grow
    ]
    report["environment"]["load_at_end"] = round(os.getloadavg()[0], 2)
    return report


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the longer training, from 2")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--grow", type=int, nargs="*", default=[1000, 5000, 20000, 60000])
    parser.add_argument("--grow-epochs", type=int, default=5)
    parser.add_argument("--grow-rounds", type=int, default=3)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--device", type=torch.device)
    parser.add_argument("--drawn", action="store_true", help="drawn images will do: for a trial")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", choices=list(WAYS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.images, options.device, drawn=options.drawn)
        return
    if min(options.epochs, options.grow_epochs) < 2:
        parser.error("--epochs and --grow-epochs: expected 2 or more, for an epoch without set-up")
    options.device = options.device or best_device()
    name = "training-cuda.json" if options.device.type == "cuda" else "training.json"
    out = options.out or RESULTS / name
    report = measure(options)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    sys.stdout.write(f"wrote {out}\n")


if __name__ == "__main__":
    main()
