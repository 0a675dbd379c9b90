"""Alternative texts of figures: they contain the numbers that were drawn."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text

from cnnbook import figures
from cnnbook.figures import alt_text
from cnnbook.figures._alt_text import describe

COUNT = torch.arange(16.0).reshape(1, 1, 4, 4)
ONES = torch.ones(1, 1, 2, 2)
STEP = torch.tensor([[[[0.0, 0, 9], [0, 0, 9]]]])


def changed(numbers: torch.Tensor, position: tuple[int, ...], value: float) -> torch.Tensor:
    other = numbers.clone()
    other[position] = value
    return other


# The function, its arguments, what its alt text must say, and arguments that must change the text.
CASES: dict[str, tuple[Callable[..., Figure], dict[str, Any], list[str], dict[str, Any]]] = {
    "images": (
        figures.plot_images,
        {"images": torch.cat([STEP, 9 - STEP]), "titles": ["thin", "fat"]},
        ["Two grey images of 2 x 3 pixels", "33 % of thin", "67 % of fat"],
        {"images": torch.cat([STEP, changed(9 - STEP, (0, 0, 0, 0), 0)])},
    ),
    "many images": (
        figures.plot_images,
        {"images": torch.cat([STEP, STEP, STEP, 9 - STEP]), "titles": ["a", "b", "c", "d"]},
        ["Four", "33 % of a to 67 % of d", "a; b; c; d"],
        {"images": torch.cat([9 - STEP, STEP, STEP, STEP])},
    ),
    "losses": (
        figures.plot_curves,
        {
            "panels": {
                "loss": {"MLP": [2.31, 1.0, 0.0204], "CNN": [2.3, 0.11], "x:": [1.0, 50.0, 2.0]}
            },
            "yscale": "log",
        },
        [
            "One panel of curves against the epoch, on a logarithmic axis",
            "loss: MLP falls from 2.31 to 0.0204 in 3 epochs; CNN",
            "CNN falls from 2.3 to 0.11 in 2 epochs",
            "x rises from 1 to 2 in 3 epochs, highest 50 at epoch 2",
        ],
        {
            "panels": {
                "loss": {"MLP": [2.31, 1.0, 0.0304], "CNN": [2.3, 0.11], "x:": [1.0, 50.0, 2.0]}
            }
        },
    ),
    "a loss that stays": (
        figures.plot_curves,
        {"panels": {"loss": {"a": [1.0, 0.5, 1.0], "b": [3.0]}}},
        ["a begins and ends at 1, 3 epochs, lowest 0.5 at epoch 2", "b is 3 at epoch 1"],
        {"panels": {"loss": {"a": [1.0, 0.5, 1.0], "b": [4.0]}}},
    ),
    "bars": (
        figures.plot_bars,
        {
            "groups": {"parameters": {"MLP": 407_050, "CNN": 10}, "images": {"all": 5}},
            "xscale": "log",
        },
        ["Two panels", "logarithmic", "parameters: MLP 407,050, CNN 10; images: all 5"],
        {"groups": {"parameters": {"MLP": 407_050, "CNN": 10}, "images": {"all": 6}}},
    ),
    "highlighted bars": (
        figures.plot_bars,
        {"groups": {"error, %": {"2011": 25.8, "2012": 16.4}}, "highlight": ["2012"]},
        ["One panel", "linear", "2012 in orange", "error, %: 2011 25.8, 2012 16.4"],
        {"highlight": ()},
    ),
    "confusion": (
        figures.plot_confusion,
        {
            "matrices": {"net": torch.tensor([[8, 2], [3, 9]]), "best": torch.eye(2).long()},
            "class_names": ["shirt", "coat"],
        },
        [
            "2 actual classes",
            "net: 17 of 22 right, most often, 3 times, coat is predicted as shirt",
            "best: 2 of 2 right, no mistake",
        ],
        {"matrices": {"net": torch.tensor([[8, 4], [3, 9]]), "best": torch.eye(2).long()}},
    ),
    "window": (
        figures.plot_window,
        {"images": COUNT, "weight": ONES / 4, "row": 1, "column": 1},
        [
            "0 1 2 3 / 4 5 6 7 / 8 9 10 11 / 12 13 14 15",
            "0.25 everywhere",
            "rows 1 to 2, columns 1 to 2 covers 5 6 / 9 10 and gives 7.5.",
        ],
        {"row": 2},
    ),
    "window with a bias": (
        figures.plot_window,
        {"images": COUNT, "weight": ONES, "bias": torch.tensor([1.0]), "row": 0, "column": 2},
        ["rows 0 to 1, columns 2 to 3 covers 2 3 / 6 7 and gives 19."],
        {"bias": torch.tensor([2.0])},
    ),
    "conv options": (
        figures.plot_conv_options,
        {
            "image_size": 5,
            "kernel_size": 3,
            "settings": {"both": {"padding": 1, "stride": 2}, "far": {"dilation": 2}},
        },
        [
            "5 x 5 pixels, kernel 3 x 3",
            "both: 3 x 3, span 3, step 2, 1 added around",
            "far: 1 x 1, span 5.",
        ],
        {"settings": {"both": {"padding": 1, "stride": 1}, "far": {"dilation": 2}}},
    ),
    "matrices": (
        figures.plot_conv_matrix,
        {"matrices": {"A": torch.tensor([[1.0, 0, 2], [0, 0, 1]]), "50 x 50": torch.eye(50)}},
        [
            "A, 2 x 3: 3 of 6 entries not 0, 50 %, 0 to 2 in a column, 1 0 2 / 0 0 1",
            "50 x 50: 50 of 2,500 entries not 0, 2 %, 1 in each column, each 1",
        ],
        {"matrices": {"A": torch.tensor([[1.0, 0, 3], [0, 0, 1]]), "50 x 50": torch.eye(50)}},
    ),
    "a full matrix": (
        figures.plot_conv_matrix,
        {"matrices": {"full": torch.ones(10, 10)}},
        ["100 of 100 entries not 0, 100 %, 10 in each column"],
        {"matrices": {"full": changed(torch.ones(10, 10), (0, 0), 0)}},
    ),
    "equivariance": (
        figures.plot_equivariance,
        {
            "corners": [STEP, -STEP, STEP.flip(3), torch.zeros(1, 1, 2, 3)],
            "across": "convolve",
            "down": "mirror",
        },
        [
            "to the right: convolve, downwards: mirror",
            "upper left 0.5, 2.0 (0 to 9); upper right 0.5, 2.0 (-9 to 0)",
            "lower left 0.5, 0.0 (0 to 9); lower right nowhere",
        ],
        {"corners": [STEP, -STEP, STEP.roll(1, 3), torch.zeros(1, 1, 2, 3)][::-1]},
    ),
    "shifted strips": (
        figures.plot_pooling_shift,
        {"strips": {"a": torch.tensor([3.0, 7, 0, 1]), "b": torch.tensor([0.0, 3, 7, 0])}},
        ["Two rows of 4 pixels in windows of 2", "a: 3 7 0 1 gives 7 1; b: 0 3 7 0 gives 3 7"],
        {"size": 4},
    ),
    "maps": (
        figures.plot_feature_maps,
        {"features": torch.tensor([[[[-4.0, 1.5]], [[0, 0.5]]]]), "titles": ["edges", "rest"]},
        ["Two feature maps of 1 x 2 numbers", "scale to 4.", "edges: -4 to 1.5; rest: 0 to 0.5"],
        {"features": torch.tensor([[[[-4.0, 1.25]], [[0, 0.5]]]])},
    ),
    "grids": (
        figures.plot_number_grids,
        {"grids": {"first": torch.tensor([[1.0, -2], [0, 3]]), "large": torch.arange(25.0)[None]}},
        ["first, 2 x 2: 1 -2 / 0 3; large, 1 x 25: from 0 to 24"],
        {"grids": {"first": torch.tensor([[1.0, -2], [0, 4]]), "large": torch.arange(25.0)[None]}},
    ),
    "table": (
        figures.plot_feature_table,
        {
            "images": torch.tensor([[[[1.0, 2]]], [[[3, 4]]]]),
            "weight": torch.ones(1, 1, 1, 2),
            "image_titles": ["a", "b"],
            "kernel_titles": ["sum"],
        },
        [
            "two images of 1 x 2 down, one kernel of 1 x 2 across",
            "Feature maps, from top to bottom: sum: 3, then 7.",
        ],
        {"weight": torch.full((1, 1, 1, 2), 2.0)},
    ),
    "pooling": (
        figures.plot_pooling,
        {"images": torch.arange(25.0).reshape(1, 1, 5, 5)},
        ["5 x 5 pixels, from 0 to 24", "stays: 6 8 / 16 18.", "Nine pixels at the edge"],
        {"images": changed(torch.arange(25.0).reshape(1, 1, 5, 5), (0, 0, 0, 0), 23)},
    ),
    "pooling without a remainder": (
        figures.plot_pooling,
        {"images": COUNT},
        ["4 x 4 pixels, 0 1 2 3 /", "2 x 2. Of each window the largest stays: 5 7 / 13 15."],
        {"kernel_size": 4},
    ),
    "overlap": (
        figures.plot_overlap,
        {"parts": torch.tensor([[[[1.0, 1, 0]], [[0, 1, 1]]]])},
        ["Two pictures of 1 x 3 numbers", "sum: 1 2 1.", "Up to 2 of them meet"],
        {"parts": torch.tensor([[[[1.0, 1, 0]], [[0, 1, 2]]]])},
    ),
    "field": (
        figures.plot_receptive_field,
        {
            "images": torch.eye(4)[None, None].repeat(2, 1, 1, 1),
            "fields": [(range(-1, 3), range(3)), (range(4), range(4))],
            "titles": ["small", "whole"],
        },
        [
            "small: 4 of 16 pixels not 0, 1 of them outside the frame at rows -1 to 2, "
            "columns 0 to 2",
            "whole: 4 of 16 pixels not 0, none of them outside",
        ],
        {"fields": [(range(1), range(1)), (range(4), range(4))]},
    ),
    "growth": (
        figures.plot_receptive_field_growth,
        {"sizes": {"plain": [1, 3, 5], "fast": [1, 7, 31]}, "image_size": 28},
        [
            "a line at 28",
            "plain: 1 to 5 in 2 layers, stays below; fast: 1 to 31 in 2 layers, reaches it after 2",
        ],
        {"image_size": 5},
    ),
    "layers": (
        figures.plot_layers,
        {"values": {"Kaiming": [0.5, 0.625], "std 1": [2.0, 4e9]}, "label": "spread"},
        [
            "Two curves of spread against the layer, on a logarithmic axis.",
            "Kaiming: 0.5 after layer 1, 0.625 after layer 2; std 1: 2 after layer 1, 4e+09",
        ],
        {"values": {"Kaiming": [0.5, 0.75], "std 1": [2.0, 4e9]}},
    ),
    "maps beside images": (
        figures.plot_map_rows,
        {
            "images": torch.cat([STEP, STEP]),
            "maps": {"x": torch.tensor([[[[-2.0, 0]]], [[[1, 1]]]]), "y": STEP.repeat(2, 1, 1, 1)},
            "titles": ["first", "second"],
            "outline": False,
        },
        [
            "Two grey images and, below, two rows of maps, blue above",
            "x: first -2 (0, 0), second 1 (0, 0); y: first 9 (0, 2), second 9 (0, 2)",
        ],
        {"outline": True},
    ),
    "maps over images": (
        figures.plot_map_rows,
        {"images": COUNT, "maps": {"drop": ONES * torch.tensor([[1.0, -3], [2, 0]])}},
        [
            "One grey image and, below, one row of maps over their outlines",
            "(row, column): drop: image 1 -3 (0, 1)",
        ],
        {"maps": {"drop": ONES * torch.tensor([[1.0, -3], [4, 0]])}},
    ),
    "panels of curves": (
        figures.plot_curves,
        {"panels": {"loss": {"MLP": [2.5, 1.25], "CNN": [3.0]}, "accuracy": {"MLP": [0.5, 0.75]}}},
        [
            "Two panels",
            "on a linear axis",
            "loss: MLP falls from 2.5 to 1.25 in 2 epochs; CNN is 3",
            "accuracy: MLP rises from 0.5 to 0.75",
        ],
        {"panels": {"loss": {"MLP": [2.5, 1.25], "CNN": [3.0]}, "accuracy": {"MLP": [0.5, 0.7]}}},
    ),
    "micro-batches": (
        figures.plot_micro_batches,
        {
            "images": torch.ones(3, 1, 2, 2),
            "gradients": torch.tensor([-8.0, -16.0]).reshape(2, 1, 1),
            "sizes": [2, 1],
            "names": ["first", "rest"],
        },
        ["three images in two micro-batches", "their sum, -24", "first: two images, gradient -8"],
        {
            "images": torch.ones(3, 1, 2, 2),
            "gradients": torch.tensor([-8.0, -17.0]).reshape(2, 1, 1),
            "sizes": [2, 1],
        },
    ),
    "sizes": (
        figures.plot_sizes,
        {"panels": {"seconds": {50: 0.25, 5000: 0.125}}, "label": "images at a time"},
        ["One panel of numbers against images at a time", "seconds: 0.25 at 50, 0.125 at 5,000"],
        {"panels": {"seconds": {50: 0.25, 5000: 0.5}}, "label": "images at a time"},
    ),
    "ratios": (
        figures.plot_bars,
        {"groups": {"parameters": {"MLP": 600, "CNN": 10}}, "ratios": True},
        ["parameters: MLP 600, CNN 10"],
        {"groups": {"parameters": {"MLP": 500, "CNN": 10}}},
    ),
    "functions": (
        figures.plot_functions,
        {"functions": {"ReLU": torch.relu, "half": lambda x: x / 2 + 1}, "stop": 4},
        [
            "Two functions of a number, drawn as curves.",
            "ReLU: 0 at -3, 0 at 0, 4 at 4; half: -0.5 at -3, 1 at 0, 3 at 4",
        ],
        {"stop": 5},
    ),
    "networks": (
        figures.plot_networks,
        {
            "networks": {
                "CNN": torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU()),
                "MLP": torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(25, 3)),
            },
            "input_shape": (1, 5, 5),
        },
        [
            "Two networks, from top to bottom.",
            "CNN: 1 x 5 x 5, Conv2d to 2 x 3 x 3; MLP: 1 x 5 x 5, Flatten to 25, Linear to 3",
        ],
        {"networks": {"CNN": torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3))}},
    ),
    "seeds": (
        figures.plot_seeds,
        {"values": {"MLP": [0.5, 0.75], "CNN": [0.875]}, "label": "accuracy"},
        [
            "Two rows of dots, one for each seed, along an axis of accuracy, with the mean.",
            "MLP: 2 from 0.5 to 0.75, mean 0.625",
        ],
        {"values": {"MLP": [0.5, 0.75], "CNN": [0.125]}},
    ),
    "seeds and intervals": (
        figures.plot_seeds,
        {
            "values": {"MLP": [0.5, 0.75], "CNN": [0.875]},
            "label": "accuracy",
            "intervals": {"MLP": (0.25, 1.0), "CNN": (0.75, 1.0)},
        },
        ["the mean and its interval", "MLP: 2 from 0.5 to 0.75, mean 0.625 (0.25 to 1)"],
        {"intervals": {"MLP": (0.125, 1.0), "CNN": (0.75, 1.0)}},
    ),
    "colour images": (
        figures.plot_colour_images,
        {"images": torch.eye(3).reshape(1, 3, 3, 1).repeat(1, 1, 1, 2), "titles": ["rows"]},
        ["One colour image of 3 x 2 pixels", "rows: red, green, blue; green."],
        {"images": torch.eye(3).reshape(1, 3, 1, 3).repeat(1, 1, 2, 1)},
    ),
    "channel sum": (
        figures.plot_channel_sum,
        {"image": torch.arange(1.0, 7).reshape(1, 3, 1, 2), "weight": torch.ones(1, 3, 1, 2)},
        ["three channels of 1 x 2", "slice of 1 x 2", "red 3, green 7, blue 11; sum 21."],
        {"weight": torch.tensor([0.0, 0, 0, 0, 0, 1]).reshape(1, 3, 1, 2)},
    ),
}


def draw_and_describe(function: Callable[..., Figure], arguments: Mapping[str, Any]) -> str:
    text = alt_text(function(**arguments))
    plt.close("all")
    return text


@pytest.mark.parametrize("name", CASES)
def test_alt_text_says_the_numbers_that_were_drawn(name: str) -> None:
    function, arguments, phrases, other = CASES[name]
    text = draw_and_describe(function, arguments)
    for phrase in phrases:
        assert phrase in text
    assert 40 <= len(text) <= 300
    assert draw_and_describe(function, {**arguments, **other}) != text, (
        "another number must change the text"
    )


def test_every_function_has_a_case_and_no_two_texts_are_equal() -> None:
    drawing = {
        function
        for name in figures.__all__
        if inspect.isfunction(function := getattr(figures, name))
        and inspect.signature(function).return_annotation is Figure
    }
    missing = {function.__name__ for function in drawing - {case[0] for case in CASES.values()}}
    assert not missing, (
        f"add a case to CASES for each of {sorted(missing)}: the function, its arguments, what its "
        "alt text must say, and arguments that must change the text"
    )
    texts = [draw_and_describe(function, arguments) for function, arguments, _, _ in CASES.values()]
    assert len(set(texts)) == len(texts)


# The grid of that name has 25 columns, which no page has.
@pytest.mark.parametrize("name", sorted(CASES.keys() - {"grids"}))
def test_text_can_be_read_on_a_telephone(name: str) -> None:
    """A telephone shows a wide figure 350 pixels wide; nine pixels can just be read."""
    function, arguments, _, _ = CASES[name]
    figure = function(**arguments)
    figure.draw_without_rendering()
    scale = min(1, 350 / figure.bbox.width) * figure.dpi / 72
    sizes = {
        text.get_text(): float(text.get_fontsize()) * scale
        for text in figure.findobj(Text)
        if text.get_text() and text.get_visible()
    }
    plt.close("all")
    assert min(sizes.values()) >= 9, min(sizes.items(), key=lambda item: item[1])


@settings(deadline=None)
@given(st.lists(st.text() | st.lists(st.text(min_size=1)), min_size=1))
def test_alt_text_is_short_and_on_one_line_whatever_is_drawn(parts: list[Any]) -> None:
    figure = Figure()
    describe(figure, "A picture.", *parts)
    text = alt_text(figure)
    assert text.startswith("A picture.")
    assert len(text) <= 300
    assert len(text.splitlines()) == 1


def test_names_of_any_length_leave_room_for_numbers() -> None:
    for name in ("x" * 1000, "", "\n\t", "two\nlines:"):
        text = alt_text(figures.plot_curves({"loss": {name: [2.0, 1.0]}}))
        assert "falls from 2 to 1 in 2 epochs." in text
        assert len(text) <= 300


def test_items_that_do_not_fit_are_counted() -> None:
    text = alt_text(
        figures.plot_curves({"loss": {f"net number {i}": [1.0, 0.5] for i in range(20)}})
    )
    kept = text.count("falls")
    assert 1 < kept < 20
    assert text.endswith(f" and {20 - kept} more.")


def test_the_text_is_the_label_of_the_figure() -> None:
    figure = figures.plot_bars({"a": {"b": 2}})
    assert figure.get_label() == alt_text(figure)
    figure.set_label("Drawn by hand,\n  in two lines. ")
    assert alt_text(figure) == "Drawn by hand, in two lines."
    with pytest.raises(ValueError, match=r"^figure: expected a figure with a description"):
        alt_text(Figure())
    with pytest.raises(TypeError, match=r"^figure: expected a matplotlib Figure, got Axes"):
        alt_text(figure.axes[0])  # type: ignore[arg-type]
