"""Bars, curves and dots."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from cnnbook._checks import check_float, check_int
from cnnbook.figures._alt_text import count_noun, describe, name_in_sentence
from cnnbook.figures._drawing import COLOURS, check_mapping, check_texts

__all__ = [
    "plot_bars",
    "plot_curve_panels",
    "plot_dot_rows",
    "plot_losses",
    "plot_seed_dots",
    "plot_sizes",
    "plot_yearly_bars",
]


def plot_losses(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the losses of several trainings over their epochs, on a logarithmic axis.

    Args:
        curves: A name and its losses, one for each epoch.

    Returns:
        The figure.

    Raises:
        ValueError: There is no curve, or one is empty.

    Examples:
        >>> from cnnbook.figures import plot_losses
        >>> figure = plot_losses({"MLP": [2.3, 1.0], "CNN": [2.3, 1.5]})
        >>> figure.axes[0].get_xlabel(), figure.axes[0].get_yscale()
        ('epoch', 'log')
        >>> plot_losses({})
        Traceback (most recent call last):
            ...
        ValueError: curves: expected at least one loss in each of at least one curve, got {}

    Source:
        Derived here.
    """
    check_mapping(curves, (list, tuple), name="curves", what="a list of losses")
    for losses in curves.values():
        for loss in losses:
            check_float(loss, name="curves", above=-math.inf)
    if not curves or not all(len(losses) for losses in curves.values()):
        raise ValueError(
            f"curves: expected at least one loss in each of at least one curve, got {dict(curves)}"
        )
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    # A second sign beside the colour, for those who see no difference in it.
    dashes = ("-", "--", "-.", ":")
    for index, (name, losses) in enumerate(curves.items()):
        colour, dash = COLOURS[index % len(COLOURS)], dashes[index % len(dashes)]
        axes.plot(range(1, len(losses) + 1), list(losses), dash, color=colour, label=name, lw=2)
        axes.annotate(
            f"{name} {losses[-1]:.3g}",
            (len(losses), losses[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            va="center",
        )
    axes.set(xlabel="epoch", ylabel="loss before the update", yscale="log")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    describe(
        figure,
        f"{count_noun(len(curves), 'curve')} of loss against epoch, on a logarithmic axis.",
        [f"{name_in_sentence(name)} {_course(losses)}" for name, losses in curves.items()],
    )
    return figure


def _course(losses: Sequence[float]) -> str:
    """Say where a curve begins and ends, and where it turns if that is far from both."""
    first, last, count = f"{losses[0]:.3g}", f"{losses[-1]:.3g}", len(losses)
    if count == 1:
        return f"is {first} at epoch 1"
    moves = "falls" if losses[-1] < losses[0] else "rises"
    message = f"{moves} from {first} to {last} in {count} epochs"
    if first == last:
        message = f"begins and ends at {first}, {count} epochs"
    top, bottom = max(losses), min(losses)
    if top > 1.2 * max(losses[0], losses[-1]):
        message += f", highest {top:.3g} at epoch {losses.index(top) + 1}"
    if bottom < min(losses[0], losses[-1]) / 1.2:
        message += f", lowest {bottom:.3g} at epoch {losses.index(bottom) + 1}"
    return message


def plot_bars(groups: Mapping[str, Mapping[str, int]]) -> Figure:
    """Draw a few numbers of very different size as bars, the number written beside each.

    Args:
        groups: A heading for each panel, and in it a name and its number, at least 1.

    Returns:
        The figure; every panel has its own logarithmic axis.

    Raises:
        ValueError: There is no panel, or a number is below 1.

    Examples:
        >>> from cnnbook.figures import bars
        >>> figure = plot_bars({"parameters": {"MLP": 1000, "CNN": 10}})
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1,000', '10']
        >>> plot_bars({"parameters": {"MLP": 0}})
        Traceback (most recent call last):
            ...
        ValueError: parameters: expected numbers of at least 1, got {'MLP': 0}

    Source:
        Derived here.
    """
    check_mapping(groups, Mapping, name="groups", what="numbers by name")
    for numbers in groups.values():
        check_mapping(numbers, (int, float), name="groups", what="a number")
    if not groups:
        raise ValueError("groups: expected at least one panel, got none")
    for heading, numbers in groups.items():
        if not numbers or min(numbers.values()) < 1:
            raise ValueError(f"{heading}: expected numbers of at least 1, got {dict(numbers)}")
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
        names = list(numbers)
        axes.barh(names, list(numbers.values()), color=COLOURS[: len(names)], height=0.6)
        axes.set_xscale("log")
        # Room for the number beside the longest bar.
        axes.set_xlim(1, max(numbers.values()) * 300)
        for index, number in enumerate(numbers.values()):
            axes.text(number * 1.3, index, f"{number:,}", va="center", fontsize=9)
        axes.set_title(heading, fontsize=10)
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
    describe(
        figure,
        f"{count_noun(len(groups), 'panel')} of horizontal bars, on logarithmic axes.",
        [
            f"{name_in_sentence(heading)}: "
            + ", ".join(f"{name_in_sentence(name)} {number:,}" for name, number in numbers.items())
            for heading, numbers in groups.items()
        ],
    )
    return figure


def plot_yearly_bars(
    numbers: Mapping[int, float], *, label: str, marked: Sequence[int] = ()
) -> Figure:
    """Draw one number a year as bars from 0, the number written on each.

    Args:
        numbers: A year and its number, at least 0.
        label: What the numbers are, with their unit.
        marked: Years whose bars have another colour.

    Returns:
        The figure.

    Raises:
        ValueError: There is no year, a number is below 0 or not finite, or a marked year has none.

    Examples:
        >>> from cnnbook.figures import plot_yearly_bars
        >>> figure = plot_yearly_bars({2011: 25.8, 2012: 16.4}, label="error, %", marked=[2012])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['25.8', '16.4']
        >>> plot_yearly_bars({2011: 25.8}, label="error, %", marked=[2012])
        Traceback (most recent call last):
            ...
        ValueError: marked: expected years among [2011], got [2012]

    Source:
        Derived here.
    """
    if not isinstance(numbers, Mapping):
        raise TypeError(f"numbers: expected a dict of years and numbers, got {numbers!r}")
    for year, number in numbers.items():
        check_int(year, name="numbers", minimum=0)
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise TypeError(f"numbers: expected a number for {year}, got {number!r}")
    check_texts([label], name="label")
    if not isinstance(marked, (list, tuple)):
        raise TypeError(f"marked: expected a list of years, got {marked!r}")
    if not numbers or not all(0 <= number < float("inf") for number in numbers.values()):
        raise ValueError(
            f"numbers: expected at least one year, with a number from 0, got {dict(numbers)}"
        )
    if not set(marked) <= set(numbers):
        raise ValueError(f"marked: expected years among {sorted(numbers)}, got {list(marked)}")
    figure, axes = plt.subplots(figsize=(6.0, 3.4), layout="constrained")
    colours = [COLOURS[1] if year in marked else COLOURS[0] for year in numbers]
    plot_bars = axes.bar(list(numbers), list(numbers.values()), color=colours, width=0.7)
    axes.bar_label(
        plot_bars, [f"{number:g}" for number in numbers.values()], padding=2, fontsize=11
    )
    axes.set_xticks(list(numbers))
    axes.set_ylabel(label, fontsize=11)
    axes.tick_params(labelsize=11)
    axes.margins(y=0.1)
    axes.spines[["top", "right"]].set_visible(False)
    describe(
        figure,
        f"{count_noun(len(numbers), 'vertical bar')} of {name_in_sentence(label)}, by year"
        + (f", with {', '.join(map(str, marked))} in another colour." if marked else "."),
        [f"{year}: {number:g}" for year, number in numbers.items()],
    )
    return figure


def plot_curve_panels(panels: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw several measures of the same trainings over their epochs, a panel for each measure.

    Args:
        panels: A measure, and in it a name for each training and its numbers, one an epoch.

    Returns:
        The figure: the panels below each other, a training in the same colour in all of them.

    Raises:
        TypeError: ``panels`` is not such a dict.
        ValueError: There is no panel, no curve in one, no number in a curve, or one is not finite.

    Examples:
        >>> from cnnbook.figures import plot_curve_panels
        >>> figure = plot_curve_panels({"loss": {"a": [2.0, 1.0]}, "accuracy": {"a": [0.5, 0.75]}})
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['loss', 'accuracy']
        >>> plot_curve_panels({"loss": {}})
        Traceback (most recent call last):
            ...
        ValueError: panels: expected at least one number in each curve of each panel, got \
{'loss': {}}

    Source:
        Derived here.
    """
    check_mapping(panels, Mapping, name="panels", what="curves by name")
    for curves in panels.values():
        check_mapping(curves, (list, tuple), name="panels", what="a list of numbers")
        for numbers in curves.values():
            for number in numbers:
                check_float(number, name="panels", above=-math.inf)
    if not panels or not all(
        curves and all(len(numbers) for numbers in curves.values()) for curves in panels.values()
    ):
        raise ValueError(
            "panels: expected at least one number in each curve of each panel, got "
            f"{ {name: dict(curves) for name, curves in panels.items()} }"
        )
    figure, grid = plt.subplots(
        len(panels),
        1,
        figsize=(6.0, 0.5 + 2.1 * len(panels)),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    dashes = ("-", "--", "-.", ":")
    for axes, (label, curves) in zip(grid.flat, panels.items(), strict=True):
        for name, numbers in curves.items():
            index = names.index(name)
            axes.plot(
                range(1, len(numbers) + 1),
                list(numbers),
                dashes[index % len(dashes)],
                color=COLOURS[index % len(COLOURS)],
                label=name,
                lw=2,
            )
        axes.set_ylabel(label, fontsize=11)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    grid[-1, 0].set_xlabel("epoch", fontsize=11)
    lines = {line.get_label(): line for axes in grid.flat for line in axes.lines}
    # Above the panels, where it hides no curve.
    figure.legend(
        [lines[name] for name in names], names, loc="outside upper center", ncols=2, fontsize=11
    )
    describe(
        figure,
        f"{count_noun(len(panels), 'panel')} of curves against epochs.",
        [
            f"{name_in_sentence(label)} of {name_in_sentence(name)}: {numbers[0]:.3g} to {numbers[-1]:.3g} in "
            f"{len(numbers)} epochs"
            for label, curves in panels.items()
            for name, numbers in curves.items()
        ],
    )
    return figure


def plot_dot_rows(groups: Mapping[str, Sequence[float]], *, label: str) -> Figure:
    """Draw a dot for each number, a row for each group, and a line at the mean of each.

    For a few seeds: of two or three, an interval would say little.

    Args:
        groups: A name and its numbers, such as one for each seed.
        label: What the numbers are.

    Returns:
        The figure; the first group is on top.

    Raises:
        TypeError: ``groups`` is not such a dict, or ``label`` not a text.
        ValueError: There is no group, one is empty, or a number is not finite.

    Examples:
        >>> from cnnbook.figures import plot_dot_rows
        >>> figure = plot_dot_rows({"CNN": [0.75, 0.25], "MLP": [0.5]}, label="accuracy")
        >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
        ['CNN', 'MLP']
        >>> plot_dot_rows({}, label="accuracy")
        Traceback (most recent call last):
            ...
        ValueError: groups: expected at least one number in each of at least one group, got {}

    Source:
        Derived here.
    """
    check_mapping(groups, (list, tuple), name="groups", what="a list of numbers")
    check_texts([label], name="label")
    for numbers in groups.values():
        for number in numbers:
            check_float(number, name="groups", above=-math.inf)
    if not groups or not all(len(numbers) for numbers in groups.values()):
        raise ValueError(
            "groups: expected at least one number in each of at least one group, got "
            f"{dict(groups)}"
        )
    figure, axes = plt.subplots(figsize=(6.0, 0.9 + 0.55 * len(groups)), layout="constrained")
    for row, numbers in enumerate(groups.values()):
        colour = COLOURS[row % len(COLOURS)]
        axes.plot(list(numbers), [row] * len(numbers), "o", color=colour, ms=9, alpha=0.7)
        mean = math.fsum(numbers) / len(numbers)
        axes.plot([mean, mean], [row - 0.32, row + 0.32], color=colour, lw=2)
    axes.set_yticks(range(len(groups)), list(groups), fontsize=11)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlabel(label, fontsize=11)
    axes.tick_params(axis="x", labelsize=10)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    describe(
        figure,
        f"{count_noun(len(groups), 'row')} of dots along an axis of {name_in_sentence(label)}, with a line at "
        "each mean.",
        [
            f"{name_in_sentence(name)}: {len(numbers)} from {min(numbers):.3g} to {max(numbers):.3g}, mean "
            f"{math.fsum(numbers) / len(numbers):.3g}"
            for name, numbers in groups.items()
        ],
    )
    return figure


def plot_sizes(panels: Mapping[str, Mapping[int, float]], *, label: str) -> Figure:
    """Draw several quantities against the same sizes, each on logarithmic axes of its own.

    Args:
        panels: A heading with its unit, and for each size a number above 0.
        label: What the sizes are.

    Returns:
        The figure: a panel for each quantity, the number written at each size.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: There is no panel, one is empty, or a number is not above 0.

    Examples:
        >>> from cnnbook.figures import plot_sizes
        >>> figure = plot_sizes({"MB": {1: 0.5, 100: 50.0}}, label="images at a time")
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['0.5', '50']
        >>> plot_sizes({"MB": {}}, label="images at a time")
        Traceback (most recent call last):
            ...
        ValueError: panels: expected at least one number in each of at least one panel, got \
{'MB': {}}

    Source:
        Derived here.
    """
    check_mapping(panels, Mapping, name="panels", what="numbers by size")
    check_texts([label], name="label")
    for numbers in panels.values():
        for size, number in numbers.items():
            check_int(size, name="panels", minimum=1)
            check_float(number, name="panels", above=0)
    if not panels or not all(panels.values()):
        raise ValueError(
            "panels: expected at least one number in each of at least one panel, "
            f"got {dict(panels)}"
        )
    figure, grid = plt.subplots(
        1, len(panels), figsize=(3.2 * len(panels), 3.0), squeeze=False, layout="constrained"
    )
    for axes, (heading, numbers), colour in zip(grid.flat, panels.items(), COLOURS, strict=False):
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
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
            )
        axes.set_title(heading, fontsize=11)
        axes.set_xticks(list(numbers), [f"{size:,}" for size in numbers])
        axes.minorticks_off()
        axes.margins(x=0.15, y=0.2)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    describe(
        figure,
        f"{count_noun(len(panels), 'panel')} of numbers against {name_in_sentence(label)}, both axes "
        "logarithmic.",
        [
            f"{name_in_sentence(heading)}: "
            + ", ".join(f"{number:.3g} at {size:,}" for size, number in numbers.items())
            for heading, numbers in panels.items()
        ],
    )
    return figure


def plot_seed_dots(
    values: Mapping[str, Sequence[float]],
    intervals: Mapping[str, Sequence[float]],
    *,
    label: str,
) -> Figure:
    """Draw each seed as a dot, a row for each network, and below the dots the mean's interval.

    Means alone hide how far the seeds of one network lie apart, and whether the seeds of two
    networks overlap; the dots show both.

    Args:
        values: A name and its numbers, one for each seed. Equal ones are stacked.
        intervals: For each of these names the lower and the upper bound of the mean; the mean
            itself is drawn half way between them.
        label: What the numbers are, with their unit.

    Returns:
        The figure.

    Raises:
        TypeError: ``values`` or ``intervals`` is no dict of names and lists of numbers.
        ValueError: There is no row, one has no number, one has no interval, or an interval is not
            two numbers in order.

    Examples:
        >>> from cnnbook.figures import plot_seed_dots
        >>> figure = plot_seed_dots({"MLP": [0.85, 0.86]}, {"MLP": (0.84, 0.87)}, label="accuracy")
        >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
        ['MLP']
        >>> plot_seed_dots({"MLP": [0.85, 0.86]}, {"CNN": (0.84, 0.87)}, label="accuracy")
        Traceback (most recent call last):
            ...
        ValueError: intervals: expected one for each of ['MLP'], got ['CNN']

    Source:
        Derived here; Weissgerber, Milic, Winham and Garovic (2015), Beyond bar and line graphs,
        for dots in the place of bars.
    """
    for name, rows in (("values", values), ("intervals", intervals)):
        check_mapping(rows, (list, tuple), name=name, what="a list of numbers")
        for row in rows.values():
            for number in row:
                check_float(number, name=name, above=-math.inf)
    check_texts([label], name="label")
    if not values or not all(len(row) for row in values.values()):
        raise ValueError(
            f"values: expected at least one number in each of at least one row, got {dict(values)}"
        )
    if set(intervals) != set(values):
        raise ValueError(
            f"intervals: expected one for each of {list(values)}, got {list(intervals)}"
        )
    for name, bounds in intervals.items():
        if len(bounds) != 2 or bounds[0] > bounds[1]:
            raise ValueError(
                f"intervals: expected a lower and an upper bound for {name!r}, got {list(bounds)}"
            )
    figure, axes = plt.subplots(figsize=(6.0, 0.8 + 0.8 * len(values)), layout="constrained")
    spread = max(max(row) for row in values.values()) - min(min(row) for row in values.values())
    for index, (name, row) in enumerate(values.items()):
        colour = COLOURS[index % len(COLOURS)]
        # A dot is as wide as about a fiftieth of the axis; closer ones go on top of each other.
        heights: dict[int, int] = {}
        for value in sorted(row):
            position = round(value / spread * 50) if spread else 0
            level = heights[position] = heights.get(position, -1) + 1
            axes.plot(value, index - 0.13 * level, "o", color=colour, ms=6, alpha=0.75, mew=0)
        low, high = intervals[name]
        axes.plot([low, high], [index + 0.24] * 2, color=COLOURS[6], lw=3, solid_capstyle="butt")
        axes.plot((low + high) / 2, index + 0.24, "|", color=COLOURS[6], ms=13, mew=2)
    axes.set_yticks(range(len(values)), list(values))
    axes.set_ylim(len(values) - 0.45, -0.75)
    axes.set_xlabel(label, fontsize=11)
    axes.tick_params(labelsize=11)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right", "left"]].set_visible(False)
    describe(
        figure,
        f"{count_noun(len(values), 'row')} of dots along an axis of {name_in_sentence(label)}, a dot for each "
        "seed; below each row a bar, the interval of the mean.",
        [
            f"{name_in_sentence(name)}: {len(row)} from {min(row):.4g} to {max(row):.4g}, mean between "
            f"{intervals[name][0]:.4g} and {intervals[name][1]:.4g}"
            for name, row in values.items()
        ],
    )
    return figure
