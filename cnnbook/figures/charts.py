"""Figures of curves, bars and dots."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnnbook._checks import check_float, check_int, summarize
from cnnbook.figures._alt_text import count_noun, describe, name_in_sentence
from cnnbook.figures._drawing import (
    COLOURS,
    check_mapping,
    check_series,
    check_strings,
    style_axes,
)
from cnnbook.figures._themes import INK, PAPER

__all__ = ["plot_bars", "plot_curves", "plot_seeds", "plot_sizes"]

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
        all of them, and each curve's last number at its end.

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
        figsize=(6.4, 1.5 + 2.1 * len(panels)),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    # Dashes as well as colours, for readers who cannot tell the colours apart.
    dashes = ("-", "--", "-.", ":")
    lines = {}
    for axes, (measure, curves) in zip(grid.flat, panels.items(), strict=True):
        for name, numbers in curves.items():
            index = names.index(name)
            (lines[name],) = axes.plot(
                range(1, len(numbers) + 1),
                list(numbers),
                dashes[index % len(dashes)],
                color=COLOURS[index % len(COLOURS)],
                lw=2,
            )
        axes.set_yscale(yscale)
        axes.set_ylabel(measure, fontsize=11)
        style_axes(axes)
        _write_last_numbers(axes, curves.values())
    grid[-1, 0].set_xlabel("epoch", fontsize=11)
    # Above the panels, where the legend hides no curve.
    figure.legend(
        [lines[name] for name in names], names, loc="outside upper center", ncols=2, fontsize=11
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
            f"{number:.3g}",
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
    first, last, count = f"{numbers[0]:.3g}", f"{numbers[-1]:.3g}", len(numbers)
    if count == 1:
        return f"is {first} at epoch 1"
    moves = "falls" if numbers[-1] < numbers[0] else "rises"
    text = f"{moves} from {first} to {last} in {count} epochs"
    if first == last:
        text = f"begins and ends at {first}, {count} epochs"
    top, bottom = max(numbers), min(numbers)
    if top > 1.2 * max(numbers[0], numbers[-1]):
        text += f", highest {top:.3g} at epoch {numbers.index(top) + 1}"
    if bottom < min(numbers[0], numbers[-1]) / 1.2:
        text += f", lowest {bottom:.3g} at epoch {numbers.index(bottom) + 1}"
    return text


def plot_bars(
    groups: Mapping[str, Mapping[str, float]],
    *,
    xscale: _Scale = "linear",
    highlight: Sequence[str] = (),
) -> Figure:
    """Draw numbers as horizontal bars, each number written beside its bar.

    Args:
        groups: A heading for each panel, and in it a name and its number: at least 0, or at least 1
            on a logarithmic axis, where the bars begin at 1.
        xscale: ``"log"`` shows numbers of very different size.
        highlight: Names whose bars are orange, among blue ones; by default each name has a colour
            of its own.

    Returns:
        The figure: the panels below each other, each with an axis of its own.

    Examples:
        >>> from cnnbook.figures import plot_bars
        >>> figure = plot_bars({"parameters": {"MLP": 1000, "CNN": 10}}, xscale="log")
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1,000', '10']
        >>> plot_bars({"parameters": {"MLP": 0}}, xscale="log")
        Traceback (most recent call last):
            ...
        ValueError: groups: expected numbers of at least 1 for 'parameters', got {'MLP': 0}
    """
    check_mapping(groups, Mapping, name="groups", what="numbers by name")
    _check_scale(xscale, name="xscale")
    check_strings(highlight, name="highlight")
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
        figsize=(4.5, sum(heights)),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for axes, (heading, numbers) in zip(panels.flat, groups.items(), strict=True):
        colours: Iterable[str] = COLOURS[: len(numbers)]
        if highlight:
            colours = [COLOURS[1] if name in highlight else COLOURS[0] for name in numbers]
        bars = axes.barh(list(numbers), list(numbers.values()), color=colours, height=0.6)
        labels = [_format_exact(number) for number in numbers.values()]
        axes.bar_label(bars, labels, padding=4, fontsize=9)
        axes.set_xscale(xscale)
        # Space for the number beside the longest bar.
        maximum = max(numbers.values())
        axes.set_xlim(start, maximum * 300 if xscale == "log" else (maximum or 1) * 1.2)
        axes.set_title(heading, fontsize=10)
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
    figure, axes = plt.subplots(figsize=(6.0, 0.8 + 0.8 * len(values)), layout="constrained")
    spread = max(map(max, values.values())) - min(map(min, values.values()))
    details = []
    for row, (name, numbers) in enumerate(values.items()):
        colour = COLOURS[row % len(COLOURS)]
        # A dot is about a fiftieth of the axis wide; dots closer than that are stacked.
        stacks: dict[int, int] = {}
        for number in sorted(numbers):
            position = round(number / spread * 50) if spread else 0
            level = stacks[position] = stacks.get(position, -1) + 1
            axes.plot(number, row - 0.13 * level, "o", color=colour, ms=6, alpha=0.75, mew=0)
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
    axes.set_xlabel(label, fontsize=11)
    axes.tick_params(labelsize=11)
    axes.tick_params(axis="y", length=0)
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
        The figure: a panel for each quantity, the number written at each size.

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
        1, len(panels), figsize=(3.2 * len(panels), 3.0), squeeze=False, layout="constrained"
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
                fontsize=11,
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1, "alpha": 0.8},
            )
        axes.set_title(heading, fontsize=11)
        axes.set_xticks(list(numbers), [f"{size:,}" for size in numbers])
        axes.minorticks_off()
        axes.margins(x=0.15, y=0.2)
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
