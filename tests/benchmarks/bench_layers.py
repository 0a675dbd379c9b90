"""Measure the library's layers beside torch's own, in turn in one run; write JSON and tables.

    python tests/benchmarks/bench_layers.py

Run it on an idle machine. It writes ``docs/benchmarks/layers.json`` with the environment, and from
it the tables of the page. Nothing here is asserted: a test of a time fails on a busy machine.
"""

import functools
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from environment import environment
from result_tables import RESULTS, write_tables

from cnnbook.conv_matrix import conv_matrix
from cnnbook.convolution import conv2d, conv2d_loop
from cnnbook.pooling import avg_pool2d, max_pool2d

ROUNDS = 15


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def paired(ours: Callable[[], object], torchs: Callable[[], object]) -> dict[str, float]:
    """Time both in turn; return the medians and their ratio."""
    ours(), torchs()
    pairs = [(_seconds(ours), _seconds(torchs)) for _ in range(ROUNDS)]
    our_median, torch_median = (statistics.median(times) for times in zip(*pairs, strict=True))
    return {
        "ours_ms": round(1e3 * our_median, 3),
        "torch_ms": round(1e3 * torch_median, 3),
        "ratio": round(our_median / torch_median, 2),
    }


def layers() -> dict[str, Any]:
    """Compare convolution and pooling with torch's."""
    torch.manual_seed(0)
    images, weight, bias = torch.rand(64, 3, 64, 64), torch.rand(16, 3, 3, 3), torch.rand(16)
    features = torch.rand(64, 16, 64, 64)
    functional = torch.nn.functional
    return {
        "conv2d, 64 images 3 x 64 x 64, 16 kernels 3 x 3": paired(
            lambda: conv2d(images, weight, bias), lambda: functional.conv2d(images, weight, bias)
        ),
        "max_pool2d, 64 images 16 x 64 x 64, windows 2 x 2": paired(
            lambda: max_pool2d(features, 2), lambda: functional.max_pool2d(features, 2)
        ),
        "max_pool2d with indices, windows 3 x 3, stride 2": paired(
            lambda: max_pool2d(features, 3, stride=2, return_indices=True),
            lambda: functional.max_pool2d(features, 3, 2, return_indices=True),
        ),
        "avg_pool2d, 64 images 16 x 64 x 64, windows 2 x 2": paired(
            lambda: avg_pool2d(features, 2), lambda: functional.avg_pool2d(features, 2)
        ),
        "conv2d_loop, one image 28 x 28, 16 kernels 2 x 2": paired(
            lambda: conv2d_loop(images[:1, :1, :28, :28], weight[:, :1, :2, :2]),
            lambda: functional.conv2d(images[:1, :1, :28, :28], weight[:, :1, :2, :2]),
        ),
    }


def matrices() -> list[dict[str, float]]:
    """Time the sparse matrix at increasing numbers of entries; the lecture's CNN comes first."""
    torch.manual_seed(0)
    rows = []
    for kernels, kernel, size in ((16, 2, 28), (16, 3, 64), (16, 3, 128), (32, 3, 186)):
        weight = torch.rand(kernels, 1, kernel, kernel)
        call = functools.partial(conv_matrix, weight, size, sparse=True)
        entries = call().values().numel()
        seconds = statistics.median(_seconds(call) for _ in range(7))
        rows.append(
            {
                "entries": entries,
                "ms": round(1e3 * seconds, 2),
                "ns_per_entry": round(1e9 * seconds / entries, 1),
            }
        )
    return rows


def main() -> None:
    """Measure and write."""
    before = environment(torch.device("cpu"))
    results = {"environment": before, "layers": layers(), "sparse_conv_matrix": matrices()}
    path = RESULTS / "layers.json"
    path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    write_tables(RESULTS)
    sys.stdout.write(f"wrote {path} and the tables of the page\n")


if __name__ == "__main__":
    main()
