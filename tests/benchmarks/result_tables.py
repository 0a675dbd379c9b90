"""Write the tables of ``docs/benchmarks.md`` from the recorded results, without measuring.

    python tests/benchmarks/result_tables.py

It also writes the row of README.md that says what was run on a GPU. The benchmarks call
``write_tables`` after each run. The page includes the Markdown files written here, and its role
``measured`` quotes ``quoted.json``; so no number of the page is typed by hand. Sentences belong
into the page itself, where they can be translated once.
"""

import json
import re
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "benchmarks"
HEADER = "% Written by tests/benchmarks/result_tables.py from the JSON files. Do not edit.\n"
NOT_AVAILABLE = "n/a"
BELOW_NOISE = "below noise"
# More cores than this, used by others, make a machine busy.
BUSY_CORES = 0.5
# On a GPU: the time of our epoch as a share of the lecture's loop, for both networks.
GPU_BOUND = 1 / 3
GPU_ROW = re.compile(r"^\| NVIDIA GPU\b.*$", re.MULTILINE)
Record = dict[str, Any]


def number(value: float) -> str:
    """Format with three significant digits; an integer, and what is 100 or more, as an integer."""
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    if value == 0:
        return "0"
    return f"{value:#.3g}" if abs(value) >= 1e-4 else f"{value:.1e}"


def loss(value: float) -> str:
    """Format a loss with four decimals, since two trainers differ only in the last ones."""
    return f"{value:.4f}"


def ratio(numerator: float, denominator: float) -> str:
    """Format a ratio, or ``"n/a"`` where noise made the denominator zero or negative."""
    return number(numerator / denominator) if denominator > 0 else NOT_AVAILABLE


def full_ratio(numerator: float, denominator: float) -> str:
    """Format a ratio together with both of its terms."""
    return f"{number(numerator)} / {number(denominator)} = {ratio(numerator, denominator)}"


def memory(megabytes: float | None) -> str:
    """Format a peak of memory; not every system reports one."""
    return NOT_AVAILABLE if megabytes is None else number(megabytes)


def setup_seconds(record: Record, way: Record) -> float | None:
    """Return the time of the set-up, or None where it is not larger than its noise.

    It is the difference of two times. The noise of each is taken to be the median of its rounds
    minus their minimum.
    """
    one, many = (
        statistics.median(times) - min(times)
        for times in (way["all_seconds_one_epoch"], way["all_seconds_many_epochs"])
    )
    noise = one + many / (record["settings"]["epochs"] - 1)
    seconds: float = way["setup_seconds"]
    return seconds if seconds > max(noise, 0) else None


def escaped(text: str) -> str:
    """Escape what Markdown would interpret, such as a ``|`` in an error message."""
    return re.sub(r"([\\`*_{}\[\]<>|~$])", r"\\\1", text)


def table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, text: Sequence[int] = (0,)
) -> str:
    """Return a Markdown table whose columns are aligned to the right, except those in ``text``."""
    rule = [":--" if column in text else "--:" for column in range(len(head))]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]
    return "\n".join([f":::{{table}} {caption}", ":class: measured", "", *lines, "", ":::", ""])


def title(record: Record, name: str) -> str:
    """Return what a reader knows a trainer as, with the version of a library."""
    way = record["ways"].get(name) or record["steps"][name]
    if name == "ours":
        return f"`{way['title']}` (ours)"
    named = name != "lecture" and way.get("version")
    return escaped(f"{way['title']} {way['version']}" if named else way["title"])


def measured(ways: dict[str, Record]) -> dict[str, Record]:
    """Return the trainers that have results."""
    return {name: way for name, way in ways.items() if "missing" not in way}


def reasons(record: Record, ways: dict[str, Record], of: str = "") -> str:
    """Return a list of the trainers without results, each with the reason."""
    return "".join(
        f"- Not measured: {title(record, name)}{of}: {escaped(way['missing'])}\n"
        for name, way in ways.items()
        if "missing" in way
    )


def notice(record: Record) -> str:
    """Warn where a run was too short, or the machine busy; the texts are fixed, to translate."""
    texts = []
    if record["trial"]:
        texts.append(
            "This run is a trial: it was too short, or used drawn images. It shows that the\n"
            "benchmark works. Measure again before you rely on one of its numbers."
        )
    found = record["environment"]
    # Where the system does not tell others from us, the load before the run has none of ours.
    others = found["load_at_start"] if found.get("other_cores") is None else found["other_cores"]
    if others > BUSY_CORES:
        texts.append(
            "The machine was busy when this was measured: other processes used more than half a\n"
            "core. What they used is in the table of the environment."
        )
    return "\n".join(f":::{{warning}}\n{text}\n:::\n" for text in texts)


def comparison_tables(record: Record, network: str) -> str:
    """Return times, memory and losses of all trainers on one network."""
    found = next((c for c in record["comparisons"] if c["network"] == network), None)
    if found is None:
        return f"The {network} was not measured in this run.\n"
    ways = measured(found["ways"])
    names = {name: title(record, name) for name in ways}

    def relative(numerator: str, denominator: str, key: str) -> str:
        if not {numerator, denominator} <= set(ways):
            return NOT_AVAILABLE
        return ratio(ways[numerator][key], ways[denominator][key])

    each, with_setup = "seconds_per_epoch", "seconds_per_epoch_with_setup"
    tables = [
        table(
            f"Time for an epoch of the {network}",
            ["Trainer", "Epoch (s)", "Relative to the lecture's loop", "Ours / this"],
            [
                [
                    names[name],
                    number(way[each]),
                    relative(name, "lecture", each),
                    relative("ours", name, each),
                ]
                for name, way in ways.items()
            ],
        ),
        table(
            f"Set-up, and an epoch of the {network} with its share of the set-up",
            ["Trainer", "Set-up (s)", "Epoch with set-up (s)", "Ours / this"],
            [
                [
                    names[name],
                    BELOW_NOISE if setup is None else number(setup),
                    number(way[with_setup]),
                    relative("ours", name, with_setup),
                ]
                for name, way in ways.items()
                for setup in [setup_seconds(record, way)]
            ],
        ),
        table(
            f"Memory and losses of the {network}",
            ["Trainer", "Peak of memory (MB)", "Last loss", "Largest relative difference"],
            [
                [
                    names[name],
                    memory(way["peak_memory_mb"]),
                    loss(way["final_loss"]),
                    number(way["largest_relative_difference"]),
                ]
                for name, way in ways.items()
            ],
        ),
        reasons(record, found["ways"]),
    ]
    return "\n".join(filter(None, tables))


def steps_table(record: Record, network: str) -> str:
    """Return what each step from the lecture's loop to our trainer changes in time and memory."""
    found = next((c for c in record["comparisons"] if c["network"] == network), None)
    if found is None:
        return f"The {network} was not measured in this run.\n"
    both = measured(found["ways"] | found["steps"])
    shown = [name for name in ("lecture", *found["steps"], "ours") if name in both]
    each = "seconds_per_epoch"
    rows = [
        [
            title(record, name),
            number(both[name][each]),
            ratio(both[name][each], both[shown[0]][each]),
            ratio(both[name][each], both[above][each]) if above else NOT_AVAILABLE,
            memory(both[name]["peak_memory_mb"]),
            number(both[name]["largest_relative_difference"]),
        ]
        for above, name in zip(["", *shown], shown, strict=False)
    ]
    head = ["Step", "Epoch (s)", f"Relative to {title(record, shown[0])}"]
    head += ["Relative to the row above", "Peak of memory (MB)", "Largest relative difference"]
    made = table(f"The {network}, step by step", head, rows)
    return "\n".join(filter(None, [made, reasons(record, found["steps"])]))


class Check(NamedTuple):
    """A bound, and what was measured of it: a value and its text, or None."""

    name: str
    bound: float
    value: float | None = None
    text: str = "not measured"

    @property
    def kept(self) -> bool | None:
        """Whether the value is at most the bound; None where there is no value."""
        return None if self.value is None else self.value <= self.bound


def checks(record: Record) -> Iterator[Check]:
    """Yield each bound with what was measured of it."""
    for network, bound in record["bounds"]["share_of_lecture"].items():
        check = Check(f"{network}: epoch, ours / the lecture's loop", bound)
        ways: dict[str, Record] = {}
        for found in record["comparisons"]:
            if found["network"] == network:
                ways = measured(found["ways"])
        if {"ours", "lecture"} <= set(ways):
            ours, lecture = (ways[name]["seconds_per_epoch"] for name in ("ours", "lecture"))
            check = check._replace(value=ours / lecture, text=full_ratio(ours, lecture))
        yield check
    bound = record["bounds"]["peak_memory_mb"]
    check = Check(f"CNN: memory for {number(bound['images'])} images (MB)", bound["most"])
    for row in record["growth"]:
        peak = row["ways"].get("ours", {}).get("peak_memory_mb")
        if row["images"] == bound["images"] and peak is not None:
            check = check._replace(value=peak, text=number(peak))
    yield check


def bounds_table(record: Record) -> str:
    """Return whether each bound was kept."""
    answers = {True: "yes", False: "**no**", None: NOT_AVAILABLE}
    rows = [
        [check.name, number(check.bound), check.text, answers[check.kept]]
        for check in checks(record)
    ]
    return table("Bounds", ["What", "At most", "Measured", "Kept"], rows)


def behind_table(training: Record | None, layers: Record | None) -> str:
    """Return every result in which another trainer or torch is better, and each bound missed."""
    rows: list[list[str]] = []

    def add(what: str, other: str, ours: float, theirs: float | None) -> None:
        texts = [number(ours), BELOW_NOISE if theirs is None else number(theirs)]
        rows.append([what, other, *texts, ratio(ours, theirs or 0)])

    if training is not None:
        for check in checks(training):
            if check.value is not None and not check.kept:
                add(check.name, "**the bound**", check.value, check.bound)
        labels = {
            "seconds_per_epoch": "epoch (s)",
            "seconds_per_epoch_with_setup": "epoch with set-up (s)",
            "setup_seconds": "set-up (s)",
            "peak_memory_mb": "peak of memory (MB)",
        }
        for found in training["comparisons"]:
            ways = {
                name: way | {"setup_seconds": setup_seconds(training, way)}
                for name, way in measured(found["ways"]).items()
            }
            ours = ways.pop("ours", {})
            for key, label in labels.items():
                what, own = f"{found['network']}: {label}", ours.get(key)
                for name, way in ways.items():
                    below_noise = key == "setup_seconds" and way[key] is None
                    if own is None or (way[key] is None and not below_noise):
                        continue
                    if below_noise or way[key] < own:
                        add(what, title(training, name), own, way[key])
    for name, row in (layers or {"layers": {}})["layers"].items():
        if row["ours_ms"] > row["torch_ms"]:
            add(f"{escaped(name)} (ms)", "torch", row["ours_ms"], row["torch_ms"])
    if not rows:
        return "There is no such result.\n"
    head = ["What", "Better", "Ours", "Other", "Ours / other"]
    return table("Where ours is behind", head, rows, text=(0, 1))


def growth_tables(record: Record) -> str:
    """Return how time and memory grow with the number of images."""

    def cells(row: Record, key: str) -> list[str]:
        ways = measured(row["ways"])
        values = [ways.get(name, {}).get(key) for name in names]
        return [NOT_AVAILABLE if value is None else number(value) for value in values]

    names = ("lecture", "ours")
    titles = [title(record, name) for name in names]
    return "\n".join(
        [
            table(
                "Seconds for an epoch of the CNN, by the number of images",
                ["Images", *titles],
                [
                    [number(row["images"]), *cells(row, "seconds_per_epoch")]
                    for row in record["growth"]
                ],
                text=(),
            ),
            table(
                "Peak of memory above the data (MB), by the number of images",
                ["Images", "Data (MB)", *titles],
                [
                    [number(row["images"]), number(row["data_mb"]), *cells(row, "peak_memory_mb")]
                    for row in record["growth"]
                ],
                text=(),
            ),
            "".join(
                reasons(record, row["ways"], of=f" on {number(row['images'])} images")
                for row in record["growth"]
            ),
        ]
    )


def layer_tables(record: Record) -> str:
    """Return the layers beside torch's, and the time for the sparse matrix of a convolution."""
    return "\n".join(
        [
            table(
                "The book's layers beside torch's",
                ["Layer", "Ours (ms)", "torch (ms)", "Ours / torch"],
                [
                    [
                        escaped(name),
                        number(row["ours_ms"]),
                        number(row["torch_ms"]),
                        number(row["ratio"]),
                    ]
                    for name, row in record["layers"].items()
                ],
            ),
            table(
                "Building the sparse matrix of a convolution",
                ["Entries", "Time (ms)", "Time per entry (ns)"],
                [
                    [number(row["entries"]), number(row["ms"]), number(row["ns_per_entry"])]
                    for row in record["sparse_conv_matrix"]
                ],
                text=(),
            ),
            environment_table(record, "The environment of the layers' run"),
        ]
    )


def environment_table(record: Record, caption: str) -> str:
    """Return what the results depend on."""
    labels = {
        "date": "Date",
        "cpu": "Processor",
        "cores": "Cores",
        "threads": "Threads of torch",
        "capability": "Widest instruction set",
        "device": "Device",
        "gpu": "GPU",
        "torch": "torch",
        "python": "Python",
        "system": "System",
        "load_at_start": "Load before",
        "load_at_end": "Load after",
        "other_cores": "Cores used by other processes",
    }
    values = {key: record["environment"].get(key) for key in labels}
    rows = [
        [labels[key], number(value) if isinstance(value, (int, float)) else escaped(value)]
        for key, value in values.items()
        if value is not None
    ]
    return table(caption, ["What", "Value"], rows, text=(0, 1))


def gpu_ratios(report: Record) -> dict[str, float]:
    """Return our time for an epoch as a share of the lecture's loop, by network."""
    return {
        network: times["ours"] / times["lecture"]
        for network, times in report["benchmark"].items()
        if network != "missing" and times["lecture"] > 0
    }


def gpu_report_table(report: Record | None) -> str:
    """Return what ``gpu_report.py`` has found on a GPU; "Not run" if there is no report."""
    if report is None:
        return "Not run: there is no report of a run on a GPU yet.\n"
    tests, ratios = report["tests"], gpu_ratios(report)
    asked = tests["passed"] + tests["failed"]
    rows = [
        ["Card", escaped(report["environment"]["device"])],
        ["Date", str(report["environment"]["date"])[:10]],
        *(
            [name, escaped(str(report["environment"][key]))]
            for name, key in (("torch", "torch"), ("CUDA", "cuda"), ("Python", "python"))
        ),
        ["cnnbook", report["environment"]["cnnbook"]],
        ["GPU tests passed", f"{number(tests['passed'])} of {number(asked)}"],
        *(["Failed", escaped(name)] for name in tests["failures"]),
        *(
            [f"Page {page}", "ran" if found["passed"] else f"failed: {escaped(found['said'])}"]
            for page, found in report["pages"].items()
        ),
        *(
            [
                f"{network}: epoch, ours / the lecture's loop",
                f"{number(ratio)} ({'within' if ratio <= GPU_BOUND else 'above'} the bound of "
                f"{number(GPU_BOUND)})",
            ]
            for network, ratio in ratios.items()
        ),
    ]
    if "missing" in report["benchmark"]:
        rows.append(["Benchmark", escaped(report["benchmark"]["missing"])])
    made = table("The run on a GPU", ["What", "Value"], rows, text=(0, 1))
    trial = "This report is a trial: it shows only that the report works.\n\n"
    return (trial if report["trial"] else "") + made


def readme_row(report: Record | None) -> str:
    """Return the row of README.md's table "Tested on" for GPUs."""
    if report is None:
        return "| NVIDIA GPU | | | not run |"
    tests = report["tests"]
    parts = [f"{tests['passed']} of {tests['passed'] + tests['failed']} GPU tests passed"]
    for word in ("ran", "failed"):
        pages = [
            page for page, found in report["pages"].items() if found["passed"] == (word == "ran")
        ]
        if pages:
            parts.append(f"page{'s' if len(pages) > 1 else ''} {' and '.join(pages)} {word}")
    shares = [f"{number(ratio)} ({network})" for network, ratio in gpu_ratios(report).items()]
    if shares:
        parts.append(f"an epoch takes {' and '.join(shares)} of the lecture's loop")
    found = report["environment"]
    cells = [f"NVIDIA GPU: {found['device']}", found["python"], found["torch"], "; ".join(parts)]
    return f"| {' | '.join(cells)} |"


def gpu_tables(record: Record | None, report: Record | None) -> str:
    """Return the report of the run on a GPU, and all results of the benchmark there."""
    parts = [gpu_report_table(report)]
    if record is None:
        parts.append("On a GPU nothing has been measured yet.\n")
    else:
        parts += [
            notice(record),
            *(comparison_tables(record, found["network"]) for found in record["comparisons"]),
            *(
                steps_table(record, found["network"])
                for found in record["comparisons"]
                if found["steps"]
            ),
            growth_tables(record),
            environment_table(record, "The environment of the run on a GPU"),
        ]
    return "\n".join(filter(None, parts))


def quoted(record: Record) -> dict[str, str]:
    """Return the numbers that a sentence of the page can quote, by name."""
    memory_bound = record["bounds"]["peak_memory_mb"]
    return {
        **{name.replace("_", "-"): number(value) for name, value in record["settings"].items()},
        **{
            f"bound-{network}": number(value)
            for network, value in record["bounds"]["share_of_lecture"].items()
        },
        "bound-memory": number(memory_bound["most"]),
        "bound-images": number(memory_bound["images"]),
        "date": str(record["environment"]["date"])[:10],
        "cores": number(record["environment"]["cores"]),
        "processor": str(record["environment"]["cpu"]),
        "torch": str(record["environment"]["torch"]),
        "data": str(record["data"]),
    }


def read(folder: Path, name: str) -> Record | None:
    """Return a recorded run, or None where there is none."""
    path = folder / f"{name}.json"
    record: Record | None = json.loads(path.read_text("utf-8")) if path.is_file() else None
    return record


def page_files(folder: Path) -> dict[str, str]:
    """Return the text of every file that the page needs, by name.

    Args:
        folder: Where ``training.json``, ``layers.json``, ``training-cuda.json`` and
            ``gpu-report.json`` are. A file that is made of a missing one is left out.
    """
    training, layers = read(folder, "training"), read(folder, "layers")
    tables = {
        "behind": behind_table(training, layers),
        "gpu": gpu_tables(read(folder, "training-cuda"), read(folder, "gpu-report")),
    }
    if training is not None:
        for network in training["bounds"]["share_of_lecture"]:
            tables[f"comparison-{network.lower()}"] = comparison_tables(training, network)
            tables[f"steps-{network.lower()}"] = steps_table(training, network)
        tables |= {
            "notice": notice(training),
            "bounds": bounds_table(training),
            "growth": growth_tables(training),
            "environment": environment_table(training, "The environment of the trainers' run"),
        }
    if layers is not None:
        tables["layers"] = layer_tables(layers)
    files = {f"{name}.md": f"{HEADER}\n{text}".rstrip() + "\n" for name, text in tables.items()}
    if training is not None:
        files["quoted.json"] = json.dumps(quoted(training), indent=1) + "\n"
    return files


def write_tables(folder: Path) -> None:
    """Write every file that the page needs beside the recorded runs."""
    for name, text in page_files(folder).items():
        (folder / name).write_text(text, "utf-8")


def write_readme(readme: Path, folder: Path) -> None:
    """Write the row for GPUs into a README, from the report in a folder of results."""
    row = readme_row(read(folder, "gpu-report"))
    readme.write_text(GPU_ROW.sub(lambda _: row, readme.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    write_tables(RESULTS)
    write_readme(ROOT / "README.md", RESULTS)
    sys.stdout.write(f"wrote the tables in {RESULTS} and the row for GPUs in README.md\n")
