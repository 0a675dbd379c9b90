"""The content of charts and of figures of a training: numbers, colours and limits."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from cnnbook import figures
from cnnbook.figures._themes import name_colours
from cnnbook.networks import mlp, small_cnn

IMAGE = torch.arange(16.0).reshape(1, 1, 4, 4)
MEAN = torch.full((1, 1, 2, 2), 0.25)


def boxes(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_curves_start_at_epoch_one_and_end_with_their_last_number() -> None:
    curves = {"a": [3.0, 2.0, 1.0], "b": [1.0]}
    (axes,) = figures.plot_curves({"loss": curves}, yscale="log").axes
    points = [np.asarray(line.get_xydata()).T.tolist() for line in axes.lines]
    assert points == [[[1, 2, 3], [3, 2, 1]], [[1], [1]]]
    assert len({line.get_linestyle() for line in axes.lines}) == 2, "distinct without colour"
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "loss"
    assert [text.get_text() for text in axes.texts] == ["1", "1"]


def test_curves_of_one_network_have_its_colour_and_other_dashes() -> None:
    names = ["CNN, full batch", "CNN, mini-batches", "MLP", "LeNet-5"]
    lines = figures.plot_curves({"loss": {name: [1.0, 0.5] for name in names}}).axes[0].lines
    assert [line.get_color() for line in lines] == [*name_colours(names).values()]
    assert lines[0].get_color() == lines[1].get_color()
    assert len({line.get_linestyle() for line in lines}) == 4
    # With more curves than dashes, colours tell them apart.
    names += ["CNN, tiny batches"]
    lines = figures.plot_curves({"loss": {name: [1.0, 0.5] for name in names}}).axes[0].lines
    assert len({line.get_color() for line in lines}) == 5


def test_last_numbers_of_near_curves_do_not_cover_each_other() -> None:
    curves = {"a": [0.0, 0.51], "b": [1.0, 0.5], "c": [0.0, 0.505], "d": [0.0, 1.0]}
    figure = figures.plot_curves({"share": curves})
    figure.draw_without_rendering()
    extents = {text.get_text(): text.get_window_extent() for text in figure.axes[0].texts}
    assert list(extents) == ["0.51", "0.5", "0.505", "1"]
    ordered = [extents[number] for number in ("0.5", "0.505", "0.51", "1")]
    # A box of text has some space above and below its digits.
    assert all(lower.y1 <= upper.y0 + 2 for lower, upper in itertools.pairwise(ordered))


def test_a_loss_of_zero_on_a_logarithmic_axis_is_written_at_its_bottom() -> None:
    figure = figures.plot_curves({"loss": {"a": [1.0, 0.5, 0.0]}}, yscale="log")
    figure.draw_without_rendering()
    (text,) = figure.axes[0].texts
    assert text.get_text() == "0"
    extent, axes = text.get_window_extent(), figure.axes[0].bbox
    assert extent.y0 < axes.y0 < extent.y1


def test_curves_keep_a_colour_for_each_name_in_all_panels() -> None:
    figure = figures.plot_curves({"x": {"a": [3.0, 1.0], "b": [2.0]}, "y": {"b": [1.0, 4.0]}})
    upper, lower = figure.axes
    points = [np.asarray(line.get_xydata()).T.tolist() for line in (*upper.lines, *lower.lines)]
    assert points == [[[1, 2], [3, 1]], [[1], [2]], [[1, 2], [1, 4]]]
    assert upper.lines[1].get_color() == lower.lines[0].get_color() != upper.lines[0].get_color()
    assert upper.lines[1].get_linestyle() == lower.lines[0].get_linestyle() == "--"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]


def test_curves_refuse() -> None:
    wrong: tuple[dict[str, dict[str, list[float]]], ...] = ({}, {"x": {}}, {"x": {"a": []}})
    for panels in wrong:
        with pytest.raises(ValueError, match=r"^panels: expected at least one n"):
            figures.plot_curves(panels)
    with pytest.raises(ValueError, match=r"^panels: expected a finite number"):
        figures.plot_curves({"x": {"a": [float("nan")]}})
    with pytest.raises(ValueError, match=r"^yscale: expected 'linear' or 'log', got 'square'"):
        figures.plot_curves({"x": {"a": [1.0]}}, yscale="square")  # type: ignore[arg-type]


def test_confusion_write_every_count_but_zeros() -> None:
    counts = torch.tensor([[50, 0, 3], [1, 40, 0], [0, 0, 7]])
    figure = figures.plot_confusion({"net": counts}, class_names=["a", "b", "c"])
    written = {text.get_position(): int(text.get_text()) for text in figure.axes[0].texts}
    assert written == {(0, 0): 50, (2, 0): 3, (0, 1): 1, (1, 1): 40, (2, 2): 7}
    # Rows are the actual class, so the axis that says so is the vertical one.
    assert figure.axes[0].get_ylabel() == "actual class"
    assert figure.axes[0].get_xlabel() == "predicted class"


def test_confusion_colour_mistakes_on_one_scale() -> None:
    few, many = torch.tensor([[9, 1], [0, 9]]), torch.tensor([[9, 6], [0, 9]])
    figure = figures.plot_confusion({"few": few, "many": many}, class_names=["a", "b"])
    assert {axes.images[0].get_clim() for axes in figure.axes} == {(0.0, 6.0)}


def test_bars_are_as_long_as_their_numbers() -> None:
    figure = figures.plot_bars({"one": {"a": 10, "b": 1000}, "two": {"a": 5}}, xscale="log")
    widths = [[box.get_width() for box in boxes(axes)] for axes in figure.axes]
    assert widths == [[10, 1000], [5]]
    above, below = (axes.get_position() for axes in figure.axes)
    assert above.y0 > below.y1
    assert [axes.get_xscale() for axes in figure.axes] == ["log", "log"]


def test_bars_begin_at_zero_and_highlight_a_name() -> None:
    figure = figures.plot_bars({"error": {"2011": 25.8, "2012": 16.4}}, highlight=["2012"])
    (axes,) = figure.axes
    bars = boxes(axes)
    assert [bar.get_width() for bar in bars] == [25.8, 16.4]
    assert [bar.get_x() for bar in bars] == [0, 0]
    assert [to_hex(bar.get_facecolor()).upper() for bar in bars] == list(figures.COLOURS[:2])
    assert axes.get_xlim()[0] == 0
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first name is on top"
    assert [text.get_text() for text in axes.texts] == ["25.8", "16.4"]


def test_bars_write_whole_numbers_with_every_digit() -> None:
    figure = figures.plot_bars({"parameters": {"AlexNet": 60_965_224, "none": 0}})
    assert [text.get_text() for text in figure.axes[0].texts] == ["60,965,224", "0"]
    assert figures.plot_bars({"a": {"b": 0}}).axes[0].get_xlim() == (0, 1)


@pytest.mark.parametrize("xscale", ["linear", "log"])
def test_bars_leave_space_for_what_is_written_beside_them(xscale: Any) -> None:
    numbers = {"the MLP": 1_628_170, "CNN": 27_130, "x": 1_000_000}
    figure = figures.plot_bars({"a": numbers, "b": {"y": 30}}, xscale=xscale, ratios=True)
    assert [text.get_text() for text in figure.axes[0].texts] == [
        "1,628,170 (60.0 x)",
        "27,130",
        "1,000,000 (36.9 x)",
    ]
    figure.draw_without_rendering()
    for axes in figure.axes:
        assert all(tick <= max(numbers.values()) for tick in axes.get_xticks())
        assert len(axes.get_xticks()) >= 2
        for text in axes.texts:
            assert text.get_window_extent().x1 <= figure.bbox.x1


def test_bars_of_networks_have_the_colours_of_the_book() -> None:
    (axes,) = figures.plot_bars({"parameters": {"other": 3, "MLP": 2, "CNN": 1}}).axes
    colours = [to_hex(bar.get_facecolor()) for bar in boxes(axes)]
    expected = name_colours(["other", "MLP", "CNN"])
    assert colours == [colour.lower() for colour in expected.values()]
    assert expected["MLP"] == name_colours(["MLP"])["MLP"]


def test_bars_refuse() -> None:
    wrong: tuple[tuple[dict[str, dict[str, float]], str], ...] = (
        ({}, "at least one name with numbers"),
        ({"error": {}}, "at least one name with a number"),
        ({"error": {"2012": -1.0}}, "numbers of at least 0 for 'error'"),
        ({"error": {"2012": float("nan")}}, "a finite number"),
        ({"error": {"2012": float("inf")}}, "a finite number"),
    )
    for groups, message in wrong:
        with pytest.raises(ValueError, match=f"^groups: expected {message}"):
            figures.plot_bars(groups)
    with pytest.raises(ValueError, match=r"^groups: expected numbers of at least 1 for 'a'"):
        figures.plot_bars({"a": {"b": 0.5}}, xscale="log")
    with pytest.raises(ValueError, match=r"^highlight: expected names among \['2012'\], got"):
        figures.plot_bars({"error": {"2012": 1.0}}, highlight=["2013"])
    with pytest.raises(TypeError, match=r"^xscale: expected 'linear' or 'log', got 1"):
        figures.plot_bars({"error": {"2012": 1.0}}, xscale=1)  # type: ignore[arg-type]


def test_micro_batches_show_every_image_in_its_batch_and_the_sum() -> None:
    images = torch.arange(1.0, 7.0).reshape(6, 1, 1, 1).expand(6, 1, 2, 3)
    gradients = torch.tensor([[[1.0, -0.0]], [[10.0, -7.0]]])
    figure = figures.plot_micro_batches(images, gradients, sizes=[4, 2], names=["a", "b"])
    first, part, second, other, total = figure.axes
    for axes, numbers in ((first, [1, 2, 3, 4]), (second, [5, 6])):
        shown = axes.images[0].get_array()
        assert shown is not None
        # An image of three columns, one of white, an image, ...
        assert torch.as_tensor(shown.data)[0, ::4].tolist() == numbers
        assert shown.shape == (2, 4 * len(numbers) - 1)
        assert axes.get_xlim() == (-0.5, 14.5), "one scale for all rows"
    written = [[text.get_text() for text in axes.texts] for axes in (part, other, total)]
    assert written == [["1", "0"], ["10", "-7"], ["11", "-7"]]
    assert [text.get_text() for text in figure.texts] == ["a", "b", "sum"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sizes": [2, 2]}, r"^sizes: expected 2 sizes that add up to 3, got \[2, 2\]"),
        ({"sizes": [3]}, r"^sizes: expected 2 sizes that add up to 3, got \[3\]"),
        ({"sizes": [3, 0]}, r"^sizes: expected at least 1, got 0"),
        ({"names": ["a"]}, r"^names: expected one for each of the 2 micro-batches or none, got 1"),
        ({"images": torch.ones(3, 2, 2, 2)}, r"^images: expected \(n, 1, h, w\)"),
        ({"gradients": torch.ones(2, 2)}, r"^gradients: expected \(micro_batches, rows, columns\)"),
    ],
)
def test_micro_batches_refuse(changed: dict[str, Any], message: str) -> None:
    right: dict[str, Any] = {"images": torch.ones(3, 1, 2, 2), "sizes": [2, 1]}
    right["gradients"] = torch.ones(2, 1, 1)
    figures.plot_micro_batches(**right)
    with pytest.raises(ValueError, match=message):
        figures.plot_micro_batches(**(right | changed))


def test_sizes_put_each_number_at_its_size() -> None:
    figure = figures.plot_sizes({"s": {1: 0.5, 10: 0.25}, "MB": {10: 30}}, label="images")
    points = [np.asarray(axes.lines[0].get_xydata()).tolist() for axes in figure.axes]
    assert points == [[[1, 0.5], [10, 0.25]], [[10, 30]]]
    assert [axes.get_title() for axes in figure.axes] == ["s", "MB"]
    assert {axes.get_xlabel() for axes in figure.axes} == {"images"}
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["1", "10"]


def test_sizes_refuse() -> None:
    nothing: tuple[dict[str, dict[int, float]], ...] = ({}, {"a": {}})
    for panels in nothing:
        with pytest.raises(ValueError, match=r"^panels: expected at least one (name|size)"):
            figures.plot_sizes(panels, label="images")
    with pytest.raises(ValueError, match=r"^panels: expected a number above 0, got 0"):
        figures.plot_sizes({"a": {1: 0}}, label="images")
    with pytest.raises(ValueError, match=r"^panels: expected at least 1, got 0"):
        figures.plot_sizes({"a": {0: 1}}, label="images")


def test_seeds_show_every_seed_the_mean_and_the_interval() -> None:
    values = {"MLP": [0.85, 0.86, 0.85], "CNN": [0.87, 0.88, 0.9]}
    intervals = {"CNN": (0.86, 0.9), "MLP": (0.84, 0.87)}
    (axes,) = figures.plot_seeds(values, label="accuracy", intervals=intervals).axes
    dots = [np.asarray(line.get_xydata())[0] for line in axes.lines if line.get_marker() == "o"]
    assert sorted(x for x, _ in dots) == sorted([*values["MLP"], *values["CNN"]])
    # Dots of equal values are stacked, so that none is hidden.
    assert len({(float(x), float(y)) for x, y in dots}) == 6
    lines = [np.asarray(line.get_xdata()).tolist() for line in axes.lines]
    assert [ends for ends in lines if len(ends) == 2] == [[0.84, 0.87], [0.86, 0.9]]
    means = [np.asarray(line.get_xdata()).item() for line in axes.lines if line.get_marker() == "|"]
    assert means == pytest.approx([2.56 / 3, 2.65 / 3])
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first row is on top"
    assert axes.get_xlabel() == "accuracy"


def test_seeds_without_intervals_have_a_mean_and_no_bar() -> None:
    (axes,) = figures.plot_seeds({"a": [0.25, 0.75], "b": [1.0]}, label="accuracy").axes
    assert {len(np.asarray(line.get_xdata())) for line in axes.lines} == {1}
    means = [np.asarray(line.get_xdata()).item() for line in axes.lines if line.get_marker() == "|"]
    assert means == [0.5, 1.0]


def test_seeds_of_equal_values_are_stacked() -> None:
    (axes,) = figures.plot_seeds({"a": [2.0, 2.0]}, label="x", intervals={"a": [2.0, 2.0]}).axes
    dots = [np.asarray(line.get_xydata())[0] for line in axes.lines if line.get_marker() == "o"]
    assert dots[0][0] == dots[1][0] == 2
    assert dots[0][1] != dots[1][1]


def test_seeds_refuse() -> None:
    empty: list[dict[str, list[float]]] = [{}, {"a": []}]
    for values in empty:
        with pytest.raises(ValueError, match=r"^values: expected at least one n"):
            figures.plot_seeds(values, label="accuracy")
    with pytest.raises(ValueError, match=r"^values: expected a finite number"):
        figures.plot_seeds({"a": [float("inf")]}, label="x")
    with pytest.raises(ValueError, match=r"^intervals: expected at least one n"):
        figures.plot_seeds({"a": [1.0]}, label="accuracy", intervals={"a": []})
    wrong: list[list[float]] = [[1.0], [2.0, 1.0], [1.0, 2.0, 3.0]]
    for bounds in wrong:
        with pytest.raises(ValueError, match=r"^intervals: expected a lower and an upper bound"):
            figures.plot_seeds({"a": [1.0]}, label="accuracy", intervals={"a": bounds})


def test_functions_are_drawn_where_they_are() -> None:
    (axes,) = figures.plot_functions({"ReLU": torch.relu, "half": lambda x: x / 2}, stop=2).axes
    relu, half = (np.asarray(line.get_xydata()) for line in axes.lines[:2])
    assert relu[[0, -1]].tolist() == [[-3, 0], [2, 2]]
    assert np.array_equal(relu[:, 1], np.maximum(relu[:, 0], 0))
    assert np.array_equal(half[:, 1], half[:, 0] / 2)
    assert axes.get_aspect() == 1


def test_functions_refuse() -> None:
    with pytest.raises(TypeError, match=r"^functions: expected a dict of functions, got"):
        figures.plot_functions({"a": 1})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match=r"^functions: expected at least one name"):
        figures.plot_functions({})
    with pytest.raises(ValueError, match=r"^stop: expected a number above -3"):
        figures.plot_functions({"ReLU": torch.relu}, stop=-4)


def test_networks_say_every_shape_and_number_of_parameters() -> None:
    networks = {"desperate MLP": mlp(), "sloppy CNN": small_cnn()}
    figure = figures.plot_networks(networks, (1, 28, 28))
    written = [[text.get_text() for text in axes.texts if text.get_text()] for axes in figure.axes]
    assert written[0] == [
        "1 x 28 x 28",
        "Flatten",
        "784",
        "Linear, ReLU\n1,607,680 parameters",
        "2,048",
        "Linear\n20,490 parameters",
        "10",
    ]
    assert written[1][1:4] == ["Conv2d, ReLU\n80 parameters", "16 x 27 x 27", "MaxPool2d"]
    assert [axes.get_title() for axes in figure.axes] == list(networks)
    # Four squares stand for sixteen maps, and one for one channel; 27 of 28 is nearly as large.
    squares = [box for box in boxes(figure.axes[1]) if box.get_width() == box.get_height()]
    assert len(squares) == 1 + 4 + 4
    sides = [box.get_width() for box in squares]
    assert sides[1] / sides[0] == pytest.approx(27 / 28)
    assert sides[-1] / sides[0] == pytest.approx(13 / 28)


def test_networks_refuse() -> None:
    with pytest.raises(TypeError, match=r"^networks: expected a torch.nn.Sequential for 'a', got"):
        figures.plot_networks({"a": torch.nn.ReLU()}, (1, 4, 4))  # type: ignore[dict-item]
    with pytest.raises(TypeError, match=r"^input_shape: expected \(channels, rows, col.*, got 4"):
        figures.plot_networks({"a": mlp()}, 4)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"784"):
        figures.plot_networks({"a": mlp()}, (1, 4, 4))


def test_ticks_of_logarithmic_axes_are_numbers_and_not_powers() -> None:
    figure = figures.plot_curves({"loss": {"a": [2.3, 0.55]}}, yscale="log")
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_ylim()
    ticks = [
        text.get_text()
        for text in figure.axes[0].get_yticklabels()
        if low <= text.get_position()[1] <= high
    ]
    assert ticks == ["0.6", "0.8", "1", "1.5", "2"]
    assert not any(text.get_text() for text in figure.axes[0].get_yticklabels(minor=True))
