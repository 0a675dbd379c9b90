"""Figures of curves, bars and dots."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from cnnbook._checks import check_bool, check_float, check_int, summarize
from cnnbook.figures._alt_text import count_noun, describe, format_short, name_in_sentence
from cnnbook.figures._drawing import (
    COLOURS,
    SMALL,
    TEXT,
    WIDTH,
    check_mapping,
    check_series,
    check_strings,
    style_axes,
    write_log_ticks,
)
from cnnbook.figures._themes import INK, LINE, PAPER, name_colours

__all__ = ["plot_bars", "plot_curves", "plot_functions", "plot_seeds", "plot_sizes"]

_Scale = Literal["linear", "log"]


def _check_scale(scale: str, *, name: str) -> None:
    if not isinstance(scale, str):
        raise TypeError(f"{name}: expected 'linear' or 'log', got {summarize(scale)}")
    if scale not in ("linear", "log"):
        raise ValueError(f"{name}: expected 'linear' or 'log', got {summarize(scale)}")


def plot_curves(
    panels: Mapping[str, Mapping[str, Sequence[float]]], *, yscale: _Scale = "linear"
) -> Figure:
    """Draw what was measured in each epoch of one or several trainings, a panel for each measure.

    Args:
        panels: A measure, such as the loss, and in it a name for each training and its numbers,
            one for each epoch.
        yscale: ``"log"`` draws a number that shrinks by the same factor each time as a straight
            line; numbers that are not above 0 are then left out.

    Returns:
        The figure: the panels one below the other, each training in the same colour and dashes in
        all of them, and each curve's last number at its end. Trainings of one network have one
        colour, unless there are more than four curves.

    Examples:
        >>> from cnnbook.figures import plot_curves
        >>> figure = plot_curves({"loss": {"MLP": [2.0, 1.0]}, "accuracy": {"MLP": [0.5, 0.75]}})
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['loss', 'accuracy']
        >>> [text.get_text() for axes in figure.axes for text in axes.texts]
        ['1', '0.75']
        >>> plot_curves({"loss": {"MLP": []}})
        Traceback (most recent call last):
            ...
        ValueError: panels: expected at least one number for 'MLP', got none
    """
    check_mapping(panels, Mapping, name="panels", what="curves by name")
    for curves in panels.values():
        check_series(curves, name="panels")
    _check_scale(yscale, name="yscale")
    figure, grid = plt.subplots(
        len(panels),
        1,
        figsize=(WIDTH, 1.3 + 2.1 * len(panels)),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    # Dashes as well as colours: for the curves of one network, which have one colour, and for
    # readers who cannot tell the colours apart.
    dashes = ("-", "--", "-.", ":")
    colours = name_colours(names, distinct=len(names) > len(dashes))
    lines = {}
    for axes, (measure, curves) in zip(grid.flat, panels.items(), strict=True):
        for name, numbers in curves.items():
            (lines[name],) = axes.plot(
                range(1, len(numbers) + 1),
                list(numbers),
                dashes[names.index(name) % len(dashes)],
                color=colours[name],
                lw=2,
            )
        axes.set_yscale(yscale)
        axes.set_ylabel(measure, fontsize=TEXT)
        style_axes(axes)
        if yscale == "log":
            write_log_ticks(axes.yaxis)
        _write_last_numbers(axes, curves.values())
    grid[-1, 0].set_xlabel("epoch", fontsize=TEXT)
    # There is no epoch 1.5, also where few epochs leave room for such a tick.
    whole = MaxNLocator("auto", steps=(1, 2, 2.5, 5, 10), integer=True)
    grid[-1, 0].xaxis.set_major_locator(whole)
    # Above the panels, where the legend hides no curve.
    figure.legend(
        [lines[name] for name in names], names, loc="outside upper center", ncols=2, fontsize=TEXT
    )
    axis = "logarithmic" if yscale == "log" else "linear"
    describe(
        figure,
        f"{count_noun(len(panels), 'panel')} of curves against the epoch, on a {axis} axis.",
        [
            # The measure is said once, before its first curve.
            (f"{name_in_sentence(measure)}: " if name == next(iter(curves)) else "")
            + f"{name_in_sentence(name)} {_course(numbers)}"
            for measure, curves in panels.items()
            for name, numbers in curves.items()
        ],
    )
    return figure


def _write_last_numbers(axes: Axes, curves: Iterable[Sequence[float]]) -> None:
    """Write each curve's last number at its end, and keep numbers of close ends apart."""
    axes.autoscale_view()
    to_fraction = axes.transScale + axes.transLimits
    ends = [(len(numbers), numbers[-1]) for numbers in curves]
    # A 0 on a logarithmic axis is far below the axes.
    heights = [max(float(to_fraction.transform(end)[1]), 0.0) for end in ends]
    for line, (epoch, number), height in zip(
        axes.lines, ends, _spread(heights, gap=0.09), strict=True
    ):
        axes.annotate(
            format_short(number),
            (epoch, height),
            xycoords=axes.get_xaxis_transform(),
            xytext=(6, 0),
            textcoords="offset points",
            color=line.get_color(),
            va="center",
        )


def _spread(heights: Sequence[float], *, gap: float) -> list[float]:
    """Raise numbers, from the lowest one up, until no two are closer than ``gap``."""
    spread = list(heights)
    lowest = -math.inf
    for index in sorted(range(len(heights)), key=heights.__getitem__):
        spread[index] = max(heights[index], lowest)
        lowest = spread[index] + gap
    return spread


def _course(numbers: Sequence[float]) -> str:
    """Say where a curve begins and ends, and its extremum if that is far from both."""
    first, last, count = format_short(numbers[0]), format_short(numbers[-1]), len(numbers)
    if count == 1:
        return f"is {first} at epoch 1"
    moves = "falls" if numbers[-1] < numbers[0] else "rises"
    text = f"{moves} from {first} to {last} in {count} epochs"
    if first == last:
        text = f"begins and ends at {first}, {count} epochs"
    top, bottom = max(numbers), min(numbers)
    if top > 1.2 * max(numbers[0], numbers[-1]):
        text += f", highest {format_short(top)} at epoch {numbers.index(top) + 1}"
    if bottom < min(numbers[0], numbers[-1]) / 1.2:
        text += f", lowest {format_short(bottom)} at epoch {numbers.index(bottom) + 1}"
    return text


def plot_bars(
    groups: Mapping[str, Mapping[str, float]],
    *,
    xscale: _Scale = "linear",
    highlight: Sequence[str] = (),
    ratios: bool = False,
) -> Figure:
    """Draw numbers as horizontal bars, each number written beside its bar.

    Args:
        groups: A heading for each panel, and in it a name and its number: at least 0, or at least 1
            on a logarithmic axis, where the bars begin at 1.
        xscale: ``"log"`` shows numbers of very different size, but a number that is ten times
            larger no longer looks so.
        highlight: Names whose bars are orange, among blue ones; by default a network has its colour
            and each other name one of its own.
        ratios: Whether to write beside each number how many times the smallest of its panel it is.

    Returns:
        The figure: the panels below each other, each with an axis of its own.

    Examples:
        >>> from cnnbook.figures import plot_bars
        >>> figure = plot_bars({"parameters": {"MLP": 1000, "CNN": 10}}, xscale="log")
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1,000', '10']
        >>> figure = plot_bars({"parameters": {"MLP": 1000, "CNN": 10}}, ratios=True)
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1,000 (100.0 x)', '10']
        >>> plot_bars({"parameters": {"MLP": 0}}, xscale="log")
        Traceback (most recent call last):
            ...
        ValueError: groups: expected numbers of at least 1 for 'parameters', got {'MLP': 0}
    """
    check_mapping(groups, Mapping, name="groups", what="numbers by name")
    _check_scale(xscale, name="xscale")
    check_strings(highlight, name="highlight")
    check_bool(ratios, name="ratios")
    start = 1 if xscale == "log" else 0
    for heading, numbers in groups.items():
        check_mapping(numbers, (int, float), name="groups", what="a number")
        for number in numbers.values():
            check_float(number, name="groups", above=-math.inf)
        if min(numbers.values()) < start:
            raise ValueError(
                f"groups: expected numbers of at least {start} for {heading!r}, got {dict(numbers)}"
            )
    names = {name for numbers in groups.values() for name in numbers}
    if not set(highlight) <= names:
        raise ValueError(f"highlight: expected names among {sorted(names)}, got {list(highlight)}")
    # One below the other: side by side they could not be read on a telephone.
    heights = [0.7 + 0.35 * len(numbers) for numbers in groups.values()]
    figure, panels = plt.subplots(
        len(groups),
        1,
        figsize=(WIDTH, sum(heights)),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for axes, (heading, numbers) in zip(panels.flat, groups.items(), strict=True):
        colours = name_colours([*numbers])
        if highlight:
            colours = {name: COLOURS[1] if name in highlight else COLOURS[0] for name in numbers}
        bars = axes.barh([*numbers], [*numbers.values()], color=[*colours.values()], height=0.6)
        labels = [_format_exact(number) for number in numbers.values()]
        smallest = min(numbers.values())
        if ratios and smallest > 0:
            labels = [
                label if number == smallest else f"{label} ({number / smallest:,.1f} x)"
                for label, number in zip(labels, numbers.values(), strict=True)
            ]
        axes.bar_label(bars, labels, padding=4, fontsize=SMALL)
        axes.set_xscale(xscale)
        axes.set_xlim(start, _end_of_axis(numbers, labels, is_log=xscale == "log"))
        axes.set_title(heading, fontsize=TEXT)
        axes.tick_params(labelsize=SMALL)
        # Ticks only where there are bars: the rest of the axis is for what is written beside them.
        longest = max(numbers.values()) or 1
        locator = LogLocator(numticks=6) if xscale == "log" else MaxNLocator(4)
        ticks = [tick for tick in locator.tick_values(start, longest) if start <= tick <= longest]
        axes.set_xticks(ticks, None if xscale == "log" else [f"{tick:,.10g}" for tick in ticks])
        axes.minorticks_off()
        axes.spines["bottom"].set_bounds(start, longest)
        axes.invert_yaxis()
        style_axes(axes, grid=None)
    describe(
        figure,
        f"{count_noun(len(groups), 'panel')} of horizontal bars, on "
        f"{'logarithmic' if xscale == 'log' else 'linear'} axes"
        + (
            f", with {', '.join(map(name_in_sentence, highlight))} in orange." if highlight else "."
        ),
        [
            f"{name_in_sentence(heading)}: "
            + ", ".join(
                f"{name_in_sentence(name)} {_format_exact(number)}"
                for name, number in numbers.items()
            )
            for heading, numbers in groups.items()
        ],
    )
    return figure


def _end_of_axis(numbers: Mapping[str, float], labels: Sequence[str], *, is_log: bool) -> float:
    """Return where an axis ends that leaves space for the label beside each bar."""
    # Inches of the axis, and of a label, for which bars must leave space.
    axis = WIDTH - 0.25 - 0.088 * max(map(len, numbers))
    lengths = [math.log10(number) if is_log else number for number in numbers.values()]
    ends = [
        length * axis / max(axis - 0.2 - 0.086 * len(label), 0.5)
        for length, label in zip(lengths, labels, strict=True)
    ]
    end = max(ends) or 1.0
    return 10**end if is_log else end


def _format_exact(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,g}"


def plot_seeds(
    values: Mapping[str, Sequence[float]],
    *,
    label: str,
    intervals: Mapping[str, Sequence[float]] | None = None,
) -> Figure:
    """Draw each seed as a dot, a row for each network, and below the dots their mean.

    Means alone hide how much the seeds of one network vary, and whether the seeds of two networks
    overlap; the dots show both.

    Args:
        values: A name and its numbers, one for each seed. Equal ones are stacked.
        label: What the numbers are, with their unit.
        intervals: For each of these names the lower and the upper bound of the mean, drawn as a
            bar; leave them out for two or three seeds, whose interval would say little.

    Returns:
        The figure; the first name is on top.

    Examples:
        >>> from cnnbook.figures import plot_seeds
        >>> accuracies = {"MLP": [0.85, 0.86]}
        >>> figure = plot_seeds(accuracies, label="accuracy", intervals={"MLP": (0.84, 0.87)})
        >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
        ['MLP']
        >>> plot_seeds(accuracies, label="accuracy", intervals={"CNN": (0.84, 0.87)})
        Traceback (most recent call last):
            ...
        ValueError: intervals: expected one for each of ['MLP'], got ['CNN']

    Source:
        Weissgerber, Milic, Winham and Garovic (2015), Beyond bar and line graphs, for dots instead
        of bars.
    """
    check_series(values, name="values")
    check_strings([label], name="label")
    if intervals is not None:
        check_series(intervals, name="intervals")
        if set(intervals) != set(values):
            raise ValueError(
                f"intervals: expected one for each of {list(values)}, got {list(intervals)}"
            )
        for name, bounds in intervals.items():
            if len(bounds) != 2 or bounds[0] > bounds[1]:
                raise ValueError(
                    f"intervals: expected a lower and an upper bound for {name!r}, "
                    f"got {list(bounds)}"
                )
    figure, axes = plt.subplots(figsize=(WIDTH, 0.8 + 0.8 * len(values)), layout="constrained")
    spread = max(map(max, values.values())) - min(map(min, values.values()))
    details = []
    colours = name_colours([*values])
    for row, (name, numbers) in enumerate(values.items()):
        colour = colours[name]
        # A dot is about a fiftieth of the axis wide; dots closer than that are stacked.
        stacks: dict[int, int] = {}
        for number in sorted(numbers):
            position = round(number / spread * 50) if spread else 0
            level = stacks[position] = stacks.get(position, -1) + 1
            axes.plot(number, row - 0.13 * level, "o", color=colour, ms=6, alpha=0.85, mew=0)
        mean = math.fsum(numbers) / len(numbers)
        detail = f"{len(numbers)} from {min(numbers):.4g} to {max(numbers):.4g}, mean {mean:.4g}"
        if intervals is not None:
            low, high = intervals[name]
            axes.plot([low, high], [row + 0.24] * 2, color=INK, lw=3, solid_capstyle="butt")
            detail += f" ({low:.4g} to {high:.4g})"
        axes.plot(mean, row + 0.24, "|", color=INK, ms=13, mew=2)
        details.append(f"{name_in_sentence(name)}: {detail}")
    axes.set_yticks(range(len(values)), list(values))
    axes.set_ylim(len(values) - 0.45, -0.75)
    axes.set_xlabel(label, fontsize=TEXT)
    axes.tick_params(labelsize=TEXT)
    axes.tick_params(axis="y", length=0)
    # More ticks of four characters would touch each other on a narrow screen.
    axes.locator_params(axis="x", nbins=6)
    style_axes(axes, grid="x")
    axes.spines["left"].set_visible(False)
    describe(
        figure,
        f"{count_noun(len(values), 'row')} of dots, one for each seed, along an axis of "
        f"{name_in_sentence(label)}, with the mean{' and its interval' if intervals else ''}.",
        details,
    )
    return figure


def plot_sizes(panels: Mapping[str, Mapping[int, float]], *, label: str) -> Figure:
    """Draw several quantities against the same sizes, each on logarithmic axes of its own.

    Args:
        panels: A heading with its unit, and for each size a number above 0.
        label: What the sizes are.

    Returns:
        The figure: a panel for each quantity, one below the other, the number written at each size.

    Examples:
        >>> from cnnbook.figures import plot_sizes
        >>> figure = plot_sizes({"MB": {1: 0.5, 100: 50.0}}, label="images at a time")
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['0.5', '50']
        >>> plot_sizes({"MB": {}}, label="images at a time")
        Traceback (most recent call last):
            ...
        ValueError: panels: expected at least one size for 'MB', got none
    """
    check_mapping(panels, Mapping, name="panels", what="numbers by size")
    check_strings([label], name="label")
    for heading, numbers in panels.items():
        if not numbers:
            raise ValueError(f"panels: expected at least one size for {heading!r}, got none")
        for size, number in numbers.items():
            check_int(size, name="panels", minimum=1)
            check_float(number, name="panels", above=0)
    figure, grid = plt.subplots(
        len(panels), 1, figsize=(WIDTH, 2.4 * len(panels)), squeeze=False, layout="constrained"
    )
    for index, (axes, (heading, numbers)) in enumerate(zip(grid.flat, panels.items(), strict=True)):
        colour = COLOURS[index % len(COLOURS)]
        axes.plot(list(numbers), list(numbers.values()), "o-", color=colour, lw=2, ms=7)
        axes.set(xscale="log", yscale="log", xlabel=label)
        for size, number in numbers.items():
            axes.annotate(
                f"{number:.3g}",
                (size, number),
                xytext=(0, 9),
                textcoords="offset points",
                ha="center",
                fontsize=TEXT,
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1, "alpha": 0.8},
            )
        axes.set_title(heading, fontsize=TEXT)
        axes.set_xticks(list(numbers), [f"{size:,}" for size in numbers])
        axes.minorticks_off()
        axes.margins(x=0.1, y=0.25)
        write_log_ticks(axes.yaxis)
        style_axes(axes)
    describe(
        figure,
        f"{count_noun(len(panels), 'panel')} of numbers against {name_in_sentence(label)}, both "
        "axes logarithmic.",
        [
            f"{name_in_sentence(heading)}: "
            + ", ".join(f"{number:.3g} at {size:,}" for size, number in numbers.items())
            for heading, numbers in panels.items()
        ],
    )
    return figure


def plot_functions(
    functions: Mapping[str, Callable[[torch.Tensor], torch.Tensor]],
    *,
    start: float = -3,
    stop: float = 3,
) -> Figure:
    """Draw what functions of one number, such as ReLU, give for each number.

    Args:
        functions: A name and its function, which is called with many numbers at a time.
        start: The smallest number.
        stop: The largest number.

    Returns:
        The figure: numbers to the right, what a function gives upwards, one unit equally long in
        both directions.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_functions
        >>> figure = plot_functions({"ReLU": torch.relu})
        >>> [text.get_text() for text in figure.legends[0].get_texts()]
        ['ReLU']
        >>> plot_functions({"ReLU": torch.relu}, start=3, stop=3)
        Traceback (most recent call last):
            ...
        ValueError: stop: expected a number above 3.0, got 3
    """
    if not isinstance(functions, Mapping) or not all(map(callable, functions.values())):
        raise TypeError(f"functions: expected a dict of functions, got {summarize(functions)}")
    check_mapping(functions, object, name="functions", what="a function")
    start = check_float(start, name="start", above=-math.inf)
    stop = check_float(stop, name="stop", above=start)
    numbers = torch.linspace(start, stop, 601, dtype=torch.float64, device="cpu")
    figure, axes = plt.subplots(figsize=(4.6, 3.3), layout="constrained")
    colours = name_colours([*functions], distinct=True)
    dashes = ("-", "--", "-.", ":")
    lines, details = [], []
    for index, (name, function) in enumerate(functions.items()):
        results = function(numbers).detach()
        lines += axes.plot(
            numbers.numpy(),
            results.numpy(),
            dashes[index % len(dashes)],
            color=colours[name],
            lw=2.5,
        )
        middle = function(numbers.new_zeros(1)).item()
        zero = f", {middle:.3g} at 0" if start < 0 < stop else ""
        details.append(
            f"{name_in_sentence(name)}: {results[0]:.3g} at {start:.3g}{zero}, "
            f"{results[-1]:.3g} at {stop:.3g}"
        )
    axes.axhline(0, color=LINE, lw=1, zorder=0)
    axes.axvline(0, color=LINE, lw=1, zorder=0)
    axes.set_aspect("equal")
    bottom, top = axes.get_ylim()
    tall = (top - bottom) / (stop - start)
    figure.set_figheight(min(max(3.8 * tall, 1.2), 4.5) + 1.1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel("number", fontsize=TEXT)
    axes.set_ylabel("result", fontsize=TEXT)
    axes.tick_params(labelsize=SMALL)
    style_axes(axes)
    figure.legend(lines, [*functions], loc="outside upper center", ncols=2, fontsize=TEXT)
    describe(
        figure,
        f"{count_noun(len(functions), 'function')} of a number, drawn as "
        f"{'a curve' if len(functions) == 1 else 'curves'}.",
        details,
    )
    return figure
