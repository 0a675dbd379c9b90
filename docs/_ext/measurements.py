"""Tables and bars of what the benchmarks measured, read from their files when the site is built.

No figure of a measurement stands in a page's text. The role ``measured`` puts one there by name,
the directive ``measured`` a whole table; both read ``docs/benchmarks/*.json``.
"""

import functools
import html
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

_ = get_translation("sphinx")
_log = logging.getLogger(__name__)

FOLDER = "benchmarks"
Record = dict[str, Any]


def number(value: float) -> str:
    """Write a measured number with three digits that count, a whole one with all of its own.

    Args:
        value: The number.

    Returns:
        Such as ``"0.131"``, ``"1,600"`` or ``"5.3e-08"``.
    """
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    if value == 0:
        return "0"
    return f"{value:#.3g}" if abs(value) >= 1e-4 else f"{value:.1e}"


def loss(value: float) -> str:
    """Write a loss with four decimals."""
    return f"{value:.4f}"


def ratio(first: float, second: float) -> str:
    """Write a ratio with both of its ends."""
    return f"{number(first)} / {number(second)} = {number(first / second)}"


def _measured(comparison: Record) -> dict[str, Record]:
    """Return the ways that have figures."""
    return {name: way for name, way in comparison["ways"].items() if "missing" not in way}


def _named(record: Record, name: str) -> str:
    """Return what a reader knows a way as; of peers also the version."""
    way = record["ways"][name]
    if name in ("lecture", "ours"):
        return str(way["title"])
    return f"{way['title']} {way['version']}" if way["version"] else str(way["title"])


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> nodes.table:
    """Return a table whose first column names its rows.

    Args:
        caption: What the table is of.
        head: The heading of each column.
        rows: The cells of each row.

    Returns:
        The table.
    """
    made = nodes.table("", nodes.title("", caption), classes=["measured"])
    group = nodes.tgroup(cols=len(head))
    made += group
    for column in range(len(head)):
        spec = nodes.colspec(colwidth=1)
        if not column:
            spec["stub"] = 1
        group += spec

    def line(cells: Sequence[str]) -> nodes.row:
        return nodes.row("", *(nodes.entry("", nodes.paragraph("", cell)) for cell in cells))

    group += nodes.thead("", line(head))
    group += nodes.tbody("", *(line(cells) for cells in rows))
    return made


def bars(caption: str, rows: Sequence[tuple[str, str, float]], unit: str) -> nodes.raw:
    """Draw bars without a script or a picture: they fit every width and follow light and dark.

    Args:
        caption: What they are of.
        rows: Of each bar the kind, the name and the length; the kinds ``ours`` and ``lecture``
            have colours of their own.
        unit: What the lengths are counted in.

    Returns:
        The bars, as one picture whose words say all that it shows.
    """
    maximum = max((value for _kind, _name, value in rows), default=0) or 1
    words = "; ".join(f"{name}: {number(value)} {unit}" for _kind, name, value in rows)
    lines = []
    for kind, name, value in rows:
        share = 100 * max(value, 0) / maximum
        lines.append(
            f'<div class="bar-row {kind}"><span class="bar-name">{html.escape(name)}</span>'
            f'<span class="bar-track"><span class="bar" style="width:{share:.2f}%"></span></span>'
            f'<span class="bar-value">{number(value)} {html.escape(unit)}</span></div>'
        )
    alternative = html.escape(f"{caption}. {words}.", quote=True)
    return nodes.raw(
        "",
        f'<figure class="bars"><div role="img" aria-label="{alternative}">{"".join(lines)}</div>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>",
        format="html",
    )


def _text(words: str) -> nodes.paragraph:
    return nodes.paragraph("", words)


def _warning(words: str) -> nodes.warning:
    return nodes.warning("", _text(words))


def _list(lines: Sequence[str]) -> nodes.bullet_list:
    return nodes.bullet_list("", *(nodes.list_item("", _text(line)) for line in lines))


def trial(record: Record) -> list[nodes.Node]:
    """Warn where a run was too short to say anything, or the machine was busy."""
    made: list[nodes.Node] = []
    if record["trial"]:
        made.append(
            _warning(
                _(
                    "The figures of trainings below come from a trial run, too short to mean "
                    "anything. They show that the page works. Measure anew before you believe one "
                    "of them."
                )
            )
        )
    load, cores = (record["environment"][key] for key in ("load_at_start", "cores"))
    if load > cores / 4:
        made.append(
            _warning(
                _(
                    "The machine was busy when this was measured: {load} processes wanted its "
                    "{cores} cores."
                ).format(load=number(load), cores=number(cores))
            )
        )
    return made


def comparison(record: Record, network: str) -> list[nodes.Node]:
    """Show the times, the memory and the losses of all ways to train one network."""
    found = next((c for c in record["comparisons"] if c["network"] == network), None)
    if found is None:
        return [_text(_("The {network} has not been measured.").format(network=network))]
    ways = _measured(found)
    mine = ways.get("ours", {})

    def against(way: Record, key: str) -> str:
        return "" if way is mine or not mine else ratio(mine[key], way[key])

    drawn = sorted(ways, key=lambda name: float(ways[name]["seconds_per_epoch"]))
    each, setup = "seconds_per_epoch", "seconds_per_epoch_with_setup"
    made: list[nodes.Node] = [
        bars(
            _("Seconds for an epoch of the {network}, less is better").format(network=network),
            [(name, _named(record, name), ways[name][each]) for name in drawn],
            "s",
        ),
        table(
            _("Time for an epoch of the {network}").format(network=network),
            [_("way"), _("an epoch, s"), _("ours / this"), _("set-up, s")],
            [
                [
                    _named(record, name),
                    number(way[each]),
                    against(way, each),
                    number(way["setup_seconds"]),
                ]
                for name, way in ways.items()
            ],
        ),
        table(
            _("The same with set-up, spread over {epochs} epochs").format(
                epochs=number(record["settings"]["epochs"])
            ),
            [_("way"), _("an epoch, s"), _("ours / this")],
            [
                [_named(record, name), number(way[setup]), against(way, setup)]
                for name, way in ways.items()
            ],
        ),
        table(
            _("Memory and losses of the {network}").format(network=network),
            [
                _("way"),
                _("peak of memory, MB"),
                _("last loss"),
                _("largest difference of a loss, relative"),
            ],
            [
                [
                    _named(record, name),
                    _("not told")
                    if way["peak_memory_mb"] is None
                    else number(way["peak_memory_mb"]),
                    loss(way["final_loss"]),
                    number(way["largest_relative_difference"]),
                ]
                for name, way in ways.items()
            ],
        ),
    ]
    missing = [
        f"{_named(record, name)}: {way['missing']}"
        for name, way in found["ways"].items()
        if "missing" in way
    ]
    if missing:
        made += [_text(_("Not measured:")), _list(missing)]
    return made


def rounds(record: Record) -> list[nodes.Node]:
    """Show the seconds of every round, folded."""
    made: list[nodes.Node] = []
    epochs = number(record["settings"]["epochs"])
    for found in record["comparisons"]:
        summary = html.escape(_("Every round of the {network}").format(network=found["network"]))
        made.append(
            nodes.raw("", f'<details class="rounds"><summary>{summary}</summary>', format="html")
        )
        rows = [
            [
                _named(record, name),
                " ".join(number(seconds) for seconds in way["all_seconds_one_epoch"]),
                " ".join(number(seconds) for seconds in way["all_seconds_many_epochs"]),
            ]
            for name, way in _measured(found).items()
        ]
        head = [_("way"), _("1 epoch, s"), _("{epochs} epochs, s").format(epochs=epochs)]
        caption = _("Seconds of whole trainings, round by round")
        made += [table(caption, head, rows), nodes.raw("", "</details>", format="html")]
    return made


def checks(record: Record) -> list[tuple[str, str, str, bool]]:
    """Compare what was measured with the bounds.

    Args:
        record: The file's content.

    Returns:
        Of each bound that was measured: its name, the bound, the measurement and whether it
        was kept.
    """
    made = []
    for found in record["comparisons"]:
        bound = record["bounds"]["share_of_lecture"][found["network"]]
        ways = _measured(found)
        if {"ours", "lecture"} <= set(ways):
            mine, theirs = (ways[name]["seconds_per_epoch"] for name in ("ours", "lecture"))
            name = _("{network}: share of an epoch of the lecture's loop").format(
                network=found["network"]
            )
            made.append(
                (
                    name,
                    _("at most") + f" {number(bound)}",
                    ratio(mine, theirs),
                    mine <= bound * theirs,
                )
            )
    bound = record["bounds"]["peak_memory_mb"]
    for row in record["growth"]:
        peak = row["ways"].get("ours", {}).get("peak_memory_mb")
        if row["images"] == bound["images"] and peak is not None:
            name = _("memory for {images} images").format(images=number(bound["images"]))
            limit = _("at most") + f" {number(bound['most'])} MB"
            made.append((name, limit, f"{number(peak)} MB", peak <= bound["most"]))
    return made


def bounds(record: Record) -> list[nodes.Node]:
    """Show whether the bounds were kept."""
    rows = [
        [name, bound, got, _("yes") if kept else _("no")]
        for name, bound, got, kept in checks(record)
    ]
    limit = record["bounds"]["peak_memory_mb"]
    words = []
    if not any(row["images"] == limit["images"] for row in record["growth"]):
        words.append(
            _("The bound on memory, {maximum} MB for {images} images, was not measured.").format(
                maximum=number(limit["most"]), images=number(limit["images"])
            )
        )
    head = [_("what"), _("bound"), _("measured"), _("kept")]
    return [table(_("Bounds"), head, rows), *map(_text, words)]


def behind(record: Record, layers: Record) -> list[str]:
    """Say in what ours is behind.

    Args:
        record: What the trainings took.
        layers: What the layers took.

    Returns:
        One sentence for each figure in which another way is better, and for each bound missed.
    """
    lines = [
        _("Bound missed: {name}, {bound}, measured {got}.").format(name=name, bound=bound, got=got)
        for name, bound, got, kept in checks(record)
        if not kept
    ]
    kinds = {
        "seconds_per_epoch": _("seconds for an epoch"),
        "seconds_per_epoch_with_setup": _("seconds for an epoch with set-up"),
        "setup_seconds": _("seconds of set-up"),
        "peak_memory_mb": _("peak of memory in MB"),
    }
    for found in record["comparisons"]:
        ways = _measured(found)
        mine = ways.pop("ours", {})
        for key, words in kinds.items():
            better = [
                f"{_named(record, name)} {number(way[key])}"
                # A ratio to what noise made negative would say nothing.
                + (f" ({ratio(mine[key], way[key])})" if way[key] > 0 else "")
                for name, way in ways.items()
                if None not in (way[key], mine.get(key)) and way[key] < mine[key]
            ]
            if better:
                lines.append(
                    _("{network}, {what}: ours {ours}, less in {others}.").format(
                        network=found["network"],
                        what=words,
                        ours=number(mine[key]),
                        others="; ".join(better),
                    )
                )
    for name, row in layers["layers"].items():
        if row["ours_ms"] > row["torch_ms"]:
            lines.append(
                _("{name}: torch's is faster: {ratio} (milliseconds).").format(
                    name=name, ratio=_layer(row)
                )
            )
    return lines


def growth(record: Record) -> list[nodes.Node]:
    """Show how time and memory grow with the number of images."""
    rows, drawn = [], []
    for row in record["growth"]:
        for name, way in row["ways"].items():
            title = _("{images} images, {way}").format(
                images=number(row["images"]), way=record["ways"][name]["title"]
            )
            if "missing" in way:
                rows.append([title, number(row["data_mb"]), way["missing"], ""])
                continue
            peak = way["peak_memory_mb"]
            rows.append(
                [
                    title,
                    number(row["data_mb"]),
                    number(way["seconds_per_epoch"]),
                    _("not told") if peak is None else number(peak),
                ]
            )
            drawn.append((name, title, way))
    return [
        bars(
            _("Seconds for an epoch of the CNN, by images"),
            [(name, title, way["seconds_per_epoch"]) for name, title, way in drawn],
            "s",
        ),
        bars(
            _("Peak of memory above the data, by images"),
            [
                (name, title, way["peak_memory_mb"])
                for name, title, way in drawn
                if way["peak_memory_mb"] is not None
            ],
            "MB",
        ),
        table(
            _("The CNN on more and more images"),
            [_("training"), _("data, MB"), _("an epoch, s"), _("peak of memory, MB")],
            rows,
        ),
    ]


def _layer(row: Record) -> str:
    return f"{number(row['ours_ms'])} / {number(row['torch_ms'])} = {number(row['ratio'])}"


def layer_table(record: Record) -> list[nodes.Node]:
    """Show the layers beside torch's."""
    rows = [[name, _layer(row)] for name, row in record["layers"].items()]
    head = [_("layer"), _("ours / torch, milliseconds")]
    return [table(_("The book's layers beside torch's"), head, rows)]


def matrix_table(record: Record) -> list[nodes.Node]:
    """Show what the sparse matrix of a convolution takes."""
    rows = [
        [number(row["entries"]), number(row["ms"]), number(row["ns_per_entry"])]
        for row in record["sparse_conv_matrix"]
    ]
    head = [_("entries"), _("milliseconds"), _("nanoseconds an entry")]
    return [table(_("Writing down the sparse matrix of a convolution"), head, rows)]


def environment(record: Record, caption: str = "") -> list[nodes.Node]:
    """Show what the figures depend on."""
    names = {
        "date": _("date"),
        "cpu": _("processor"),
        "cores": _("cores"),
        "threads": _("threads of torch"),
        "capability": _("widest instructions"),
        "device": _("device"),
        "gpu": _("GPU"),
        "torch": "torch",
        "python": "Python",
        "system": _("system"),
        "load_at_start": _("load before"),
        "load_at_end": _("load after"),
    }
    message = record["environment"]
    rows = [
        [
            names[key],
            number(message[key]) if isinstance(message[key], (int, float)) else str(message[key]),
        ]
        for key in names
        if message.get(key) is not None
    ]
    return [table(caption or _("The machine and the run"), [_("what"), _("which")], rows)]


def facts(record: Record) -> dict[str, str]:
    """Collect what can be named in a sentence.

    Args:
        record: What the trainings took.

    Returns:
        Texts by name.
    """
    settings, maximum = record["settings"], record["bounds"]["peak_memory_mb"]
    return {
        **{name.replace("_", "-"): number(value) for name, value in settings.items()},
        **{
            f"bound-{network}": number(value)
            for network, value in record["bounds"]["share_of_lecture"].items()
        },
        "bound-memory": number(maximum["most"]),
        "bound-images": number(maximum["images"]),
        "date": str(record["environment"]["date"])[:10],
        "cores": number(record["environment"]["cores"]),
        "data": str(record["data"]),
    }


@functools.cache
def _read(path: Path, changed: int) -> Record:
    record: Record = json.loads(path.read_text("utf-8"))
    return record


def read(folder: Path, name: str) -> Record | None:
    """Read a file of measurements.

    Args:
        folder: Where the files are.
        name: The file's name without its ending.

    Returns:
        Its content, or None where there is no such file.
    """
    path = folder / f"{name}.json"
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else None


def _gpu(record: Record | None) -> Iterator[nodes.Node]:
    if record is None:
        yield _text(_("On a GPU nothing has been measured; there is no file of such figures."))
        return
    yield from trial(record)
    for found in record["comparisons"]:
        yield from comparison(record, found["network"])
    yield from growth(record)
    yield from rounds(record)
    yield from environment(record)


class Measured(SphinxDirective):
    """Show a part of the measurements: a view's name and, for ``comparison``, the network."""

    required_arguments = 1
    optional_arguments = 1
    views: ClassVar[dict[str, Callable[[Record], list[nodes.Node]]]] = {
        "trial": trial,
        "rounds": rounds,
        "bounds": bounds,
        "growth": growth,
        "environment": environment,
    }

    def run(self) -> list[nodes.Node]:
        """Return what is shown."""
        folder = Path(self.env.srcdir) / FOLDER
        # The folder too: a file that comes later makes the page be read again.
        self.env.note_dependency(str(folder))
        for path in folder.glob("*.json"):
            self.env.note_dependency(str(path))
        view = self.arguments[0]
        training, layers = read(folder, "training"), read(folder, "layers")
        if training is None or layers is None:
            raise self.error(f"{FOLDER}: expected training.json and layers.json; run 'make bench'")
        if view == "comparison" and len(self.arguments) == 2:
            return comparison(training, self.arguments[1])
        if len(self.arguments) == 1:
            if view in self.views:
                return self.views[view](training)
            if view == "gpu":
                return list(_gpu(read(folder, "training-cuda")))
            if view == "layers":
                message = environment(layers, _("What the layers were measured on"))
                return [*layer_table(layers), *matrix_table(layers), *message]
            if view == "behind":
                lines = behind(training, layers)
                return [_list(lines)] if lines else [_text(_("In none of these figures."))]
        raise self.error(
            f"measured: expected {', '.join([*self.views, 'gpu', 'layers', 'behind'])} or "
            f"'comparison NETWORK', got {' '.join(self.arguments)!r}"
        )


class MeasuredText(SphinxRole):
    """Put one figure into a sentence, by its name."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the figure."""
        folder = Path(self.env.srcdir) / FOLDER
        self.env.note_dependency(str(folder / "training.json"))
        record = read(folder, "training")
        known = facts(record) if record else {}
        if self.text not in known:
            _log.warning(
                "measured: expected one of %s, got %r",
                ", ".join(known),
                self.text,
                location=self.get_location(),
            )
        return [nodes.Text(known.get(self.text, self.text))], []


def setup(app: Sphinx) -> dict[str, object]:
    """Register directive and role."""
    app.add_directive("measured", Measured)
    app.add_role("measured", MeasuredText())
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
