"""Measure the trainer against the lecture's loop, in pairs, in one run; write JSON.

    python tests/benchmarks/bench_training.py [--epochs 5] [--rounds 4] [--out FILE]

Both train the same network from the same start on the same images, in turns, so that whatever else
the machine does falls on both. The least time of the rounds counts, and all of them are written.
Run it on an idle machine; the load is written too.
"""

import argparse
import copy
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from cnnbook.images import load_fashion_mnist
from cnnbook.networks import mlp, small_cnn
from cnnbook.training import best_device, fit_full_batch

NETWORKS: dict[str, Callable[[], torch.nn.Module]] = {"CNN": small_cnn, "MLP": mlp}
# The bounds that the trainer is held to: what share of the lecture's time ours may take on 2 cores.
BOUNDS = {"CNN": 1 / 5, "MLP": 1 / 1.15}


def lecture(
    net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int
) -> list[float]:
    """Train as the lecture does, line for line."""
    loss_fn = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters())
    losses = []
    for _ in range(epochs):
        scores = net(images)
        loss = loss_fn(scores, labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def ours(
    net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int
) -> list[float]:
    """Train with the book's trainer at its defaults."""
    return list(fit_full_batch(net, images, labels, epochs=epochs, device=images.device).losses)


WAYS = {"lecture": lecture, "ours": ours}


def environment(place: torch.device) -> dict[str, Any]:
    """Return what the figures depend on."""
    cpu = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(place) if place.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "load_at_start": os.getloadavg(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def compare(
    name: str, images: torch.Tensor, labels: torch.Tensor, *, epochs: int, rounds: int
) -> dict[str, Any]:
    """Train one network in all ways, in turns."""
    torch.manual_seed(0)
    start = NETWORKS[name]().to(images.device)
    nets = {way: copy.deepcopy(start) for way in WAYS}
    for way, train in WAYS.items():
        train(copy.deepcopy(nets[way]), images, labels, 1)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    losses: dict[str, list[float]] = {}
    for number in range(rounds):
        # Now one first and now the other.
        for way in sorted(WAYS, reverse=bool(number % 2)):
            net = copy.deepcopy(nets[way])
            began = time.perf_counter()
            losses[way] = WAYS[way](net, images, labels, epochs)
            seconds[way].append((time.perf_counter() - began) / epochs)
    least = {way: min(times) for way, times in seconds.items()}
    pairs = sorted(b / a for a, b in zip(seconds["lecture"], seconds["ours"], strict=True))
    return {
        "network": name,
        "images": len(images),
        "epochs": epochs,
        "seconds_per_epoch": least,
        "all_seconds_per_epoch": seconds,
        "ratio_of_least": least["ours"] / least["lecture"],
        "ratio_of_pairs_median": pairs[len(pairs) // 2],
        "bound": BOUNDS[name],
        "final_loss": {way: values[-1] for way, values in losses.items()},
        "largest_relative_difference": max(
            abs(a - b) / abs(a) for a, b in zip(losses["lecture"], losses["ours"], strict=True)
        ),
    }


def grow(images: torch.Tensor, labels: torch.Tensor, counts: list[int]) -> list[dict[str, Any]]:
    """Train the CNN on more and more images; how do time and memory grow?"""
    rows = []
    for count in counts:
        some, wanted = images[:count], labels[:count]
        torch.manual_seed(0)
        net = small_cnn().to(images.device)
        fit_full_batch(net, some, wanted, epochs=1, device=images.device)
        began = time.perf_counter()
        fit_full_batch(net, some, wanted, epochs=2, device=images.device)
        rows.append(
            {
                "images": count,
                "seconds_per_epoch": (time.perf_counter() - began) / 2,
                # Of the whole process so far, data included; Linux counts in KiB.
                "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "data_mib": some.numel() * some.element_size() / 2**20,
            }
        )
    return rows


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--grow", type=int, nargs="*", default=[1000, 5000, 20000, 60000])
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    place = best_device()
    report: dict[str, Any] = {"environment": environment(place)}
    data = load_fashion_mnist(n_train=60000, one_hot=True)
    report["data"] = data.source
    images, labels = data.train_images.to(place), data.train_labels.to(place)
    # First, since the memory's peak is that of the process and never falls.
    report["growth"] = grow(images, labels, options.grow)
    report["comparisons"] = [
        compare(
            name,
            images[: options.images],
            labels[: options.images],
            epochs=options.epochs,
            rounds=options.rounds,
        )
        for name in options.networks
    ]
    report["environment"]["load_at_end"] = os.getloadavg()
    text = json.dumps(report, indent=2)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n", "utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
