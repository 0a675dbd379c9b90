"""How fast the library's layers are beside torch's own: ratios, measured in pairs in one run.

Run it by hand on a machine that does nothing else::

    python tests/benchmarks/bench_layers.py

It writes ``docs/benchmarks/layers.json``, with the environment. Nothing here is asserted: a time
that a test demands fails on the day when the machine is busy.
"""

import functools
import json
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from cnnbook.conv_matrix import conv_matrix
from cnnbook.convolution import conv2d, conv2d_loop
from cnnbook.pooling import avg_pool2d, max_pool2d

ROUNDS = 15


def environment() -> dict[str, Any]:
    """Return what the numbers depend on."""
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(": ")[2] if names else cpu
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cpu": cpu,
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def paired(ours: Callable[[], object], theirs: Callable[[], object]) -> dict[str, float]:
    """Time both in turn; return medians and the ratio of the medians."""
    ours(), theirs()
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(ROUNDS)]
    mine, others = (statistics.median(times) for times in zip(*pairs, strict=True))
    return {
        "ours_ms": round(1e3 * mine, 3),
        "torch_ms": round(1e3 * others, 3),
        "ratio": round(mine / others, 2),
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
    """Time the sparse matrix for more and more entries; the lecture's CNN comes first."""
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


if __name__ == "__main__":
    result = {"environment": environment(), "layers": layers(), "sparse_conv_matrix": matrices()}
    target = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "layers.json"
    target.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(target.read_text("utf-8"))
