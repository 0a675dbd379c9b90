"""Run on a GPU what needs one, and write one report to paste into an issue.

    python tests/benchmarks/gpu_report.py

It runs the tests that need CUDA, measures both networks beside the lecture's loop, and runs the
pages 1 and 18. Each part may fail without stopping the others. The report goes to
``docs/benchmarks/gpu-report.json``, and is printed. Somebody without a GPU adds a pasted report to
the site and to README.md by saving it under that name and running ``result_tables.py``.
``docs/gpu_report.ipynb`` does all this in Google Colab.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import torch
from environment import environment
from result_tables import RESULTS, ROOT, Record, gpu_report_table, write_readme, write_tables

import cnnbook

PAGES = {
    "1": "examples/1_why/plot_01_accuracy.py",
    "18": "examples/4_training/plot_18_micro_batches.py",
}
# The eager updates before the capture, and the capture itself, are part of the longer training, so
# it must be long beside them; the lecture's has 499 epochs.
BENCHMARK = "--ways lecture ours --epochs 200 --rounds 6 --grow 5000 60000"
TESTS = "-m gpu tests"


def _environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    # The workspace with which cuBLAS repeats its bits.
    more = {"PYTHONPATH": path, "MPLBACKEND": "agg", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    return os.environ | more


def count_tests(path: Path) -> Record:
    """Return how many tests of a run passed, failed and were skipped, and which failed.

    Args:
        path: The file that ``pytest --junitxml`` has written.
    """
    passed = skipped = 0
    failures = []
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        results = {part.tag for part in case}
        if results & {"failure", "error"}:
            failures.append(f"{case.get('classname')}::{case.get('name')}")
        elif "skipped" in results:
            skipped += 1
        else:
            passed += 1
    return {"passed": passed, "failed": len(failures), "skipped": skipped, "failures": failures}


def run_tests(words: str, folder: Path) -> Record:
    """Run tests in a process of their own; without one that ran, the run itself has failed."""
    path = folder / "gpu-tests.xml"
    path.unlink(missing_ok=True)
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", f"--junitxml={path}", *shlex.split(words)],
        cwd=ROOT,
        env=_environment() | {"CNNBOOK_GPU": "1"},
    )
    counted = {"passed": 0, "failed": 0, "skipped": 0, "failures": []}
    if path.is_file():
        counted = count_tests(path)
        path.unlink()
    if done.returncode and not counted["failed"]:
        counted |= {"failed": 1, "failures": [f"pytest ended with exit code {done.returncode}"]}
    return counted | {"seconds": round(time.perf_counter() - began, 1)}


def last_line(text: str) -> str:
    """Return the last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def run_benchmark(words: str, device: str, folder: Path) -> Record:
    """Measure both networks, and return seconds for an epoch; or the reason why there are none."""
    command = [sys.executable, str(ROOT / "tests/benchmarks/bench_training.py")]
    command += [*shlex.split(words), "--device", device, "--results", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=_environment(), stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr)
        return {"missing": f"failed: {last_line(done.stderr)}"}
    name = "training-cuda.json" if device.startswith("cuda") else "training.json"
    record: Record = json.loads((folder / name).read_text("utf-8"))
    times: Record = {}
    for found in record["comparisons"]:
        ways = found["ways"]
        reasons = [way["missing"] for way in ways.values() if "missing" in way]
        reasons = [reason for reason in reasons if reason != "not asked for"]
        if reasons:
            return {"missing": f"{found['network']}: {reasons[0]}"}
        times[found["network"]] = {
            name: ways[name]["seconds_per_epoch"] for name in ("lecture", "ours")
        }
    return times


def run_pages(pages: dict[str, str]) -> Record:
    """Run pages of the gallery; each number in their text is asserted by their code."""
    found: Record = {}
    for number, page in pages.items():
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(ROOT / page)],
            cwd=ROOT,
            env=_environment(),
            capture_output=True,
            text=True,
        )
        found[number] = {
            "passed": done.returncode == 0,
            "seconds": round(time.perf_counter() - began, 1),
            "said": last_line(done.stderr) if done.returncode else "",
        }
    return found


def make_report(options: argparse.Namespace) -> Record:
    """Run every part and return the report."""
    device = torch.device(options.device)
    return {
        "trial": device.type != "cuda" or (options.tests, options.benchmark) != (TESTS, BENCHMARK),
        "environment": environment(device)
        | {"cuda": torch.version.cuda, "cnnbook": cnnbook.__version__},
        "tests": run_tests(options.tests, options.results),
        "benchmark": run_benchmark(options.benchmark, options.device, options.results),
        "pages": run_pages({page: PAGES[page] for page in options.pages}),
    }


def main(arguments: list[str] | None = None) -> None:
    """Run, write the report, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda", help="another one makes the report a trial")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write into")
    parser.add_argument("--tests", default=TESTS, help="arguments of pytest")
    parser.add_argument("--benchmark", default=BENCHMARK, help="arguments of bench_training.py")
    parser.add_argument("--pages", nargs="*", default=list(PAGES), choices=list(PAGES))
    options = parser.parse_args(arguments)
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error(
            "expected an NVIDIA GPU that torch can use, got none; in Colab choose Runtime > Change "
            "runtime type > T4 GPU"
        )
    options.results.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = make_report(options)
    path = options.results / "gpu-report.json"
    text = json.dumps(report, indent=1)
    path.write_text(text + "\n", "utf-8")
    write_tables(options.results)
    if options.results == RESULTS:
        write_readme(ROOT / "README.md", RESULTS)
    # Without the lines around the table, which are meant for the site.
    rows = [line for line in gpu_report_table(report).splitlines() if line.startswith("|")]
    sys.stdout.write("\nPaste everything below this line into an issue.\n\n")
    sys.stdout.write("\n".join([*rows, "", "```json", text, "```", ""]))


if __name__ == "__main__":
    main()
