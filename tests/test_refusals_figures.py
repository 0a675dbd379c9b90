"""The figures' and the trainer's parameters, given the wrong values of ``bad_values``.

As in ``test_refusals.py``, for functions whose arguments are pictures, names and whole trainings.
"""

import inspect
import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
import torch
from bad_values import BAD_VALUES, check_refusals
from matplotlib.figure import Figure

from cnnbook import figures
from cnnbook.training import fit_full_batch

IMAGES, KERNEL = torch.ones(2, 1, 3, 3), torch.ones(1, 1, 2, 2)
GRID, STRIP = torch.ones(2, 2), torch.ones(4)
FIELD = (range(2), range(2))
SQUARE = torch.ones(1, 1, 3, 3)
DESCRIBED = Figure()
DESCRIBED.set_label("A white ground with nothing on it.")

CALLS: dict[Any, dict[str, Any]] = {
    figures.alt_text: {"figure": DESCRIBED},
    figures.plot_bars: {"groups": {"a": {"b": 1}}, "xscale": "linear", "highlight": ()},
    figures.plot_confusion: {"matrices": {"a": GRID.long()}, "class_names": ["a", "b"]},
    figures.plot_curves: {"panels": {"a": {"a": [2.0, 1.0]}}, "yscale": "linear"},
    figures.plot_feature_maps: {"features": SQUARE, "titles": (), "columns": 2, "size": 1.0},
    figures.plot_feature_table: {
        "images": IMAGES,
        "weight": KERNEL,
        "image_titles": ["a", "b"],
        "kernel_titles": ["c"],
    },
    figures.plot_receptive_field_growth: {"sizes": {"a": [1, 3]}, "image_size": 28},
    figures.plot_receptive_field: {
        "images": SQUARE,
        "fields": [FIELD],
        "titles": (),
        "margin": None,
    },
    figures.plot_images: {"images": IMAGES, "titles": (), "columns": 2, "size": 1.0},
    figures.plot_conv_options: {
        "image_size": 5,
        "kernel_size": 3,
        "settings": {"a": {"stride": 2}},
    },
    figures.plot_conv_matrix: {"matrices": {"a": GRID}},
    figures.plot_number_grids: {"grids": {"a": GRID}},
    figures.plot_overlap: {"parts": torch.ones(2, 1, 3, 3)},
    figures.plot_map_rows: {
        "images": IMAGES,
        "maps": {"a": IMAGES},
        "titles": (),
        "stride": 1,
        "outline": True,
    },
    figures.plot_micro_batches: {
        "images": IMAGES,
        "gradients": torch.ones(2, 1, 1),
        "sizes": [1, 1],
        "names": (),
    },
    figures.plot_pooling: {"images": SQUARE, "kernel_size": 2},
    figures.plot_pooling_shift: {"strips": {"a": STRIP}, "size": 2},
    figures.plot_seeds: {"values": {"a": [1.0]}, "label": "x", "intervals": {"a": (0.5, 1.5)}},
    figures.plot_sizes: {"panels": {"a": {1: 2.0}}, "label": "images"},
    figures.plot_equivariance: {"corners": [SQUARE] * 4, "across": "shift", "down": "convolve"},
    figures.plot_window: {
        "images": SQUARE,
        "weight": KERNEL,
        "bias": None,
        "row": 0,
        "column": 0,
    },
    fit_full_batch: {
        "net": torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 3)),
        "images": IMAGES,
        "labels": torch.tensor([0, 1]),
        "epochs": 1,
        "optimizer": None,
        "micro_batch_size": "auto",
        "device": "cpu",
        "checkpoint": None,
        "checkpoint_every": 50,
        "validation": None,
        "validate_every": 10,
        "precision": "full",
        "deterministic": False,
        "progress": False,
    },
}
# Which of the values are right after all, by the parameter's name.
TAKEN: dict[str, set[str]] = {
    "titles": {"empty list"},
    "names": {"empty list"},
    "gradients": {"tensor of three axes"},
    "highlight": {"empty list"},
    "columns": {"one"},
    "kernel_size": {"one"},
    "image_size": {"one"},
    "size": {"half", "one"},
    "margin": {"None", "zero", "one"},
    "stride": {"one"},
    **{name: {"text", "empty text"} for name in ("across", "down", "label")},
    **{name: {"zero", "one"} for name in ("row", "column")},
    **{name: {"None"} for name in ("bias", "intervals", "optimizer", "device", "validation")},
    "parts": {"tensor of four axes", "whole images"},
    "images": {"tensor of four axes", "whole images"},
    "labels": {"tensor of two axes", "whole labels"},
    **{
        name: {"one"}
        for name in ("epochs", "micro_batch_size", "checkpoint_every", "validate_every")
    },
    "checkpoint": {"None", "text"},
    "deterministic": {"true", "false"},
    "progress": {"true", "false"},
    "outline": {"true", "false"},
}
BY_FUNCTION: dict[tuple[Any, str], set[str]] = {
    **{
        (function, "images"): set()
        for function in (figures.plot_receptive_field, figures.plot_pooling, figures.plot_window)
    },
    **{
        (function, "images"): {"tensor of four axes"}
        for function in (figures.plot_feature_table, fit_full_batch)
    },
    (figures.plot_conv_options, "image_size"): set(),
    (figures.plot_pooling_shift, "size"): {"one"},
}


@pytest.mark.parametrize(
    ("function", "name"),
    [(function, name) for function, arguments in CALLS.items() for name in arguments],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_every_wrong_value_is_named(
    function: Any, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # A checkpoint may have any name.
    taken = BY_FUNCTION.get((function, name), TAKEN.get(name, set()))
    assert len(BAD_VALUES) - len(taken) >= 12

    def call(**arguments: Any) -> None:
        try:
            function(**arguments)
        finally:
            plt.close("all")

    # "a" is the name that the dicts above have; labels of NaN are told of by the first epoch.
    others = {*CALLS[function], "images, weight", "kernel_size", "image", "a", "epoch 1"}
    check_refusals(call, CALLS[function], name, taken=taken, may_name=others)


def test_no_parameter_is_left_out() -> None:
    drawing = {
        getattr(figures, name)
        for name in figures.__all__
        if inspect.isfunction(getattr(figures, name))
    }
    assert drawing <= set(CALLS)
    for function, arguments in CALLS.items():
        # A loss may be any function of scores and labels; test_training.py tries some that are not.
        given = set(arguments) | ({"loss_fn"} if function is fit_full_batch else set())
        assert given == set(inspect.signature(function).parameters), function.__name__


@pytest.mark.parametrize(
    "function",
    [function for function in CALLS if inspect.signature(function).return_annotation is Figure],
    ids=lambda function: str(function.__name__),
)
def test_every_figure_says_what_is_to_be_seen(function: Any) -> None:
    figure = function(**CALLS[function])
    assert figure.get_label(), (
        f"{function.__name__}: its figure has no description. Before `return figure`, call "
        "_describe(figure, ...) with what was drawn: which kind of picture, what the axes are, and "
        "the numbers that decide; then add the function to tests/test_alt_texts.py"
    )
    text = figures.alt_text(figure)
    assert 40 <= len(text) <= 300, text
    assert text[0].isupper() or text[0].isdigit(), text
    assert text.endswith("."), text
    assert not re.search(r"tensor\(|\bnan\b|None|<|\{", text), text
