"""Figures of whole networks."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnnbook._checks import summarize
from cnnbook.figures._alt_text import count_noun, describe, format_size, name_in_sentence
from cnnbook.figures._drawing import SMALL, TEXT, WIDTH, add_box, check_mapping
from cnnbook.figures._themes import FAINT, INK, PAPER, name_colours
from cnnbook.shapes import shape_table

__all__ = ["plot_networks"]

# Inches from one shape to the next, and of an image of the input's size.
_STEP, _SIDE = 0.72, 0.5


def plot_networks(
    networks: Mapping[str, torch.nn.Sequential], input_shape: Sequence[int]
) -> Figure:
    """Draw networks side by side: the shape of one image after each layer, from top to bottom.

    Layers that keep the shape, such as ReLU, are written with the layer before them.

    Args:
        networks: A name and its network, of layers that ``shape_table`` knows.
        input_shape: Shape of one image ``(channels, rows, columns)``, without the axis of the
            images.

    Returns:
        The figure: feature maps as squares, in proportion to their sizes, rows of numbers as bars,
        and on each arrow the layer and how many parameters it has.

    Raises:
        ValueError: A layer does not fit the shape before it.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_networks
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU())
        >>> figure = plot_networks({"CNN": net}, (1, 5, 5))
        >>> [text.get_text().splitlines() for text in figure.axes[0].texts if text.get_text()]
        [['1 x 5 x 5'], ['Conv2d, ReLU', '20 parameters'], ['2 x 3 x 3']]
        >>> plot_networks({"CNN": net}, (5, 5))
        Traceback (most recent call last):
            ...
        ValueError: input_shape: expected (channels, rows, columns), got (5, 5)
    """
    check_mapping(networks, torch.nn.Sequential, name="networks", what="a torch.nn.Sequential")
    if not isinstance(input_shape, (list, tuple)):
        raise TypeError(
            f"input_shape: expected (channels, rows, columns), got {summarize(input_shape)}"
        )
    if len(input_shape) != 3:
        raise ValueError(
            f"input_shape: expected (channels, rows, columns), got {tuple(input_shape)}"
        )
    steps = {name: _steps(net, tuple(input_shape)) for name, net in networks.items()}
    colours = name_colours([*networks], distinct=True)
    height = (max(map(len, steps.values())) - 1) * _STEP + 0.95
    width = WIDTH / 2 * len(networks)
    figure = plt.figure(figsize=(width, height))
    for index, (name, parts) in enumerate(steps.items()):
        axes = figure.add_axes((index / len(networks), 0, 1 / len(networks), 1))
        # In inches, so that a square is one.
        axes.set(xlim=(0, width / len(networks)), ylim=(height, 0))
        axes.set_axis_off()
        axes.set_title(name, fontsize=TEXT, y=1 - 0.3 / height, color=INK)
        for position, (shape, layers, parameters) in enumerate(parts):
            middle = 0.62 + position * _STEP
            if layers:
                text = ", ".join(layers) + (f"\n{parameters:,} parameters" if parameters else "")
                _draw_step(axes, middle - _STEP / 2, text)
            _draw_shape(axes, middle, shape, colours[name], largest=max(input_shape[1:]))
    describe(
        figure,
        f"{count_noun(len(networks), 'network')}, from top to bottom.",
        [
            f"{name_in_sentence(name)}: "
            + ", ".join(
                (f"{layers[0]} to " if layers else "") + format_size(shape)
                for shape, layers, _ in parts
            )
            for name, parts in steps.items()
        ],
    )
    return figure


def _steps(
    net: torch.nn.Sequential, input_shape: tuple[int, ...]
) -> list[tuple[tuple[int, ...], list[str], int]]:
    """Return each new shape with the layers that lead to it, and the number of their parameters."""
    steps: list[tuple[tuple[int, ...], list[str], int]] = [(input_shape, [], 0)]
    for row in shape_table(net, input_shape).rows:
        count = sum(one.numel() for one in net.get_submodule(row.name).parameters())
        shape, layers, parameters = steps[-1]
        if row.output_shape == shape and layers:
            steps[-1] = (shape, [*layers, row.kind], parameters + count)
        else:
            steps.append((row.output_shape, [row.kind], count))
    return steps


def _draw_shape(
    axes: Axes, middle: float, shape: tuple[int, ...], colour: str, *, largest: int
) -> None:
    """Draw a shape, and write it beside its drawing."""
    style: dict[str, Any] = {"facecolor": PAPER, "edgecolor": colour, "lw": 1.5}
    centre = 0.45
    if len(shape) == 3:
        channels, rows, columns = shape
        high, wide = (max(_SIDE * extent / largest, 0.08) for extent in (rows, columns))
        # Up to four squares stand for the channels.
        behind = 0.05 * (min(channels, 4) - 1)
        for offset in range(min(channels, 4)):
            shift = behind / 2 - 0.05 * offset
            add_box(axes, middle - high / 2 - shift, centre - wide / 2 + shift, high, wide, **style)
    else:
        # In proportion to its root, because 2,704 would be 270 times as long as 10.
        wide = min(0.014 * shape[-1] ** 0.5, 0.8)
        style["facecolor"] = colour
        add_box(axes, middle - 0.06, centre - wide / 2, 0.12, wide, **style)
    axes.text(0.95, middle, format_size(shape), va="center", fontsize=TEXT)


def _draw_step(axes: Axes, middle: float, text: str) -> None:
    axes.annotate(
        "",
        (0.45, middle + 0.1),
        (0.45, middle - 0.1),
        arrowprops={"arrowstyle": "-|>", "color": FAINT, "lw": 1.5, "shrinkA": 0, "shrinkB": 0},
    )
    axes.text(0.95, middle, text, va="center", fontsize=SMALL, color=FAINT, linespacing=1.1)
