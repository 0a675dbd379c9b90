"""The figure of a number after each layer: its points, ticks and errors."""

from typing import Any

import numpy as np
import pytest

from cnnbook import figures


def test_layers_are_counted_from_one_on_a_logarithmic_axis() -> None:
    (axes,) = figures.plot_layers({"a": [1.0, 10.0, 100.0], "b": [0.5]}, label="spread").axes
    points = [np.asarray(line.get_xydata()).T.tolist() for line in axes.lines]
    assert points == [[[1, 2, 3], [1, 10, 100]], [[1], [0.5]]]
    assert axes.get_yscale() == "log"
    assert [int(tick) for tick in axes.get_xticks()] == [1, 2, 3]
    assert axes.get_ylabel() == "spread"


def test_layers_differ_by_colour_and_by_marker() -> None:
    values = {f"network {index}": [1.0, 2.0] for index in range(len(figures.COLOURS))}
    (axes,) = figures.plot_layers(values, label="spread").axes
    assert len({str(line.get_color()) for line in axes.lines}) == len(values)
    assert len({str(line.get_marker()) for line in axes.lines}) == len(values)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"values": {}}, ValueError, "^values: expected at least one name"),
        ({"values": {"a": []}}, ValueError, "^values: expected at least one number for 'a'"),
        ({"values": {"a": [1.0, 0.0]}}, ValueError, "^values: expected a number above 0, got 0.0"),
        ({"values": {"a": [float("inf")]}}, ValueError, "^values: expected a finite number"),
        ({"values": {"a": 1.0}}, TypeError, "^values: expected a list of numbers for 'a'"),
        ({"label": 3}, TypeError, "^label: expected a list of strings"),
    ],
)
def test_layers_refuse(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        figures.plot_layers(**{"values": {"a": [1.0]}, "label": "spread", **arguments})


def test_the_layers_of_a_deep_network_are_numbered_apart() -> None:
    figure = figures.plot_layers({"deep": [1.0] * 21}, label="gradient")
    (axes,) = figure.axes
    assert [int(tick) for tick in axes.get_xticks()] == [1, 5, 10, 15, 20]


def test_the_legend_of_long_names_lies_inside_the_figure() -> None:
    names = ("plain", "plain, Kaiming", "BatchNorm", "residual", "residual, BatchNorm")
    figure = figures.plot_layers({name: [1.0, 2.0] for name in names}, label="gradient")
    figure.canvas.draw()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
