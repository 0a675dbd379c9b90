"""Figures of a number that is measured after each layer."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from cnnbook._checks import check_float
from cnnbook.figures._alt_text import count_noun, describe, name_in_sentence
from cnnbook.figures._drawing import (
    TEXT,
    check_series,
    check_strings,
    draw_marked_curves,
    style_axes,
)

__all__ = ["plot_layers"]


def plot_layers(values: Mapping[str, Sequence[float]], *, label: str) -> Figure:
    """Draw a number that was measured after each layer, a curve for each network.

    A number that each layer multiplies by the same factor grows or shrinks exponentially. On the
    logarithmic axis of this figure that is a straight line.

    Args:
        values: A name and its numbers above 0, one for each layer.
        label: What the numbers are.

    Returns:
        The figure; layers are counted from 1.

    Examples:
        >>> from cnnbook.figures import plot_layers
        >>> figure = plot_layers({"halved": [1.0, 0.5, 0.25]}, label="spread")
        >>> axes = figure.axes[0]
        >>> axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()
        ('layer', 'spread', 'log')
        >>> plot_layers({"dead": [1.0, 0.0]}, label="spread")
        Traceback (most recent call last):
            ...
        ValueError: values: expected a number above 0, got 0.0
    """
    check_series(values, name="values")
    check_strings([label], name="label")
    for numbers in values.values():
        for number in numbers:
            check_float(number, name="values", above=0)
    figure, axes = plt.subplots(figsize=(5.0, 4.0), layout="constrained")
    draw_marked_curves(axes, values, first=1)
    axes.set_yscale("log")
    last = max(map(len, values.values()))
    # With more than a dozen layers, the numbers of all would run into each other.
    step = 1 if last <= 12 else 5 * math.ceil(last / 50)
    axes.set_xticks([1, *range(max(step, 2), last + 1, step)])
    axes.set_xlabel("layer", fontsize=TEXT)
    axes.set_ylabel(label, fontsize=TEXT)
    style_axes(axes)
    # Above the axes, where the legend hides no curve. Three long names are too wide for one row.
    figure.legend(loc="outside upper center", ncols=2, fontsize=TEXT)
    describe(
        figure,
        f"{count_noun(len(values), 'curve')} of {name_in_sentence(label)} against the layer, on a "
        "logarithmic axis.",
        [
            f"{name_in_sentence(name)}: {numbers[0]:.3g} after layer 1, "
            f"{numbers[-1]:.3g} after layer {len(numbers)}"
            for name, numbers in values.items()
        ],
    )
    return figure
