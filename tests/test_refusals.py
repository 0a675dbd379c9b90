"""Every public function refuses wrong values of each parameter, with an error that names it.

The functions are found in each module's ``__all__`` and the parameters in their signatures, so a
new function needs no entry here unless it has a parameter of a new name without a default.
"""

import collections.abc
import copy
import importlib
import inspect
import re
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib.pyplot as plt
import pytest
import torch
from bad_values import check_refusals, slips
from matplotlib.figure import Figure

import cnnbook
from cnnbook import figures
from cnnbook.images import ImageSet
from cnnbook.networks import small_cnn
from cnnbook.training import Diverged

PACKAGES = ("exercises", "figures")
# Tested in other files, and why.
BY_HAND = {
    "main": "a command, whose words argparse checks: test_images.py",
    "answer": "anything is an answer, and gets feedback: test_exercise_answers.py",
    "loss_fn": "any function of scores and labels: test_training.py tries some that are not",
}

IMAGES, LABELS, SQUARE = torch.ones(2, 1, 3, 3), torch.tensor([0, 1]), torch.ones(1, 1, 3, 3)
COLOUR = torch.ones(1, 3, 3, 3)
DESCRIBED = Figure()
DESCRIBED.set_label("A white ground with nothing on it.")

# A right value by the parameter's name, if neither its default nor one made from its annotation can
# be used. The values fit together: images of 3 x 3 pixels, kernels of 2 x 2 weights.
RIGHT: dict[str, Any] = {
    "axis": "x",
    "bias": torch.ones(2),
    "codes": torch.ones(2, 3),
    "connections": [(0,)],
    "corners": [SQUARE] * 4,
    "data": ImageSet(IMAGES, LABELS, IMAGES, LABELS, ("a", "b"), "by hand", drawn=True),
    "device": "cpu",
    "download": False,
    "epochs": 1,
    "fallback": "drawn",
    "features": SQUARE,
    "fields": [(range(2), range(2))],
    "figure": DESCRIBED,
    "functions": {"a": torch.relu},
    "generator": torch.Generator(),
    "grad_output": torch.ones(2, 2, 2, 2),
    "gradients": torch.ones(2, 1, 1),
    "grids": {"a": torch.ones(2, 2)},
    "in_channels": 1,
    "input_shape": (1, 3, 3),
    "kernel": torch.ones(2, 2),
    "kernel_size": 2,
    "labels": LABELS,
    "make_net": lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 10)),
    "matrices": {"a": torch.ones(2, 2, dtype=torch.int64)},
    "n_test": 1,
    "n_train": 1,
    "net": torch.nn.Sequential(torch.nn.Flatten()),
    "networks": {"a": torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 3))},
    "number": "6.1",
    "parameters": 27_130,
    **dict.fromkeys(("row", "column"), 0),
    "scores": torch.tensor([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0]]),
    "seeds": [0],
    "settings": {"a": {"stride": 2}},
    "steps": [torch.nn.ReLU()],
    "strips": {"a": torch.ones(4)},
    "weight": torch.ones(2, 1, 2, 2),
    "weights": torch.ones(2),
    "windows": torch.ones(2, 1, 2, 2, 2, 2),
}
POOLED = torch.ones(2, 1, 1, 1)
RIGHT_IN: dict[tuple[str, str], Any] = {
    ("conv_from_kernel", "bias"): 0.0,
    ("conv_transpose2d", "weight"): torch.ones(1, 2, 2, 2),
    ("avg_pool2d_grad", "grad_output"): POOLED,
    ("max_pool2d_grad", "grad_output"): POOLED,
    ("relu_grad", "grad_output"): IMAGES,
    ("occlusion_map", "classes"): torch.tensor([0, 8]),
    ("fit_full_batch", "net"): torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 3)),
    ("RadialBasis.forward", "features"): torch.ones(2, 3),
    ("Subsampling", "channels"): 1,
    ("Subsampling.forward", "images"): torch.ones(1, 1, 4, 4),
    **{(f"plot_{name}", "images"): SQUARE for name in ("pooling", "receptive_field", "window")},
    ("plot_window", "weight"): torch.ones(1, 1, 2, 2),
    ("plot_window", "bias"): None,
    ("plot_colour_images", "images"): COLOUR,
    ("browse_confusion", "scores"): {"a": torch.tensor([[3.0, 1.0], [0.0, 2.0]])},
    ("browse_network", "trained"): small_cnn(),
    ("browse_network", "untrained"): small_cnn(),
    ("browse_network", "images"): torch.zeros(2, 1, 28, 28),
    ("browse_network", "labels"): torch.tensor([0, 1]),
    ("browse_network", "class_names"): [f"class {number}" for number in range(10)],
    ("browse_shuffle", "shuffled"): IMAGES,
    ("plot_channel_sum", "image"): COLOUR,
    ("plot_channel_sum", "weight"): COLOUR[:, :, :2, :2],
}

# Values from bad_values that are right for some parameters, by the parameter's name. Whether None,
# bool and so on are right follows from the annotation. An empty batch, complex numbers and NaN are
# right for most layers; where they are not, the function's own tests check it.
NUMBERS = {"half", "minus one", "zero", "huge"}
TENSOR = {"no entry", "complex numbers", "NaN everywhere"}
ANY_SHAPE = {name for name in slips(IMAGES) if re.search("tensor|ax|entry|column|NaN every", name)}
MAY_PASS: dict[str, Collection[str]] = {
    "amount": NUMBERS,
    "checkpoint": {"text"},
    "divisor_override": {"minus one"},
    "down": {"minus one", "zero", "text"},
    "fill": NUMBERS,
    "input_shape": {"list"},
    "right": {"minus one", "zero"},
    "root": {"text"},
    "scores": {"integers"},
    "seeds": {"list"},
    "sigma": {"half", "huge"},
    **dict.fromkeys(("start", "stop"), NUMBERS),
    "steps": {"empty list"},
    **dict.fromkeys(("classes", "labels", "number"), ()),
    **dict.fromkeys(("channel", "column", "image", "margin", "row", "seed"), ("zero",)),
    **dict.fromkeys(("output_padding", "padding"), ("zero",)),
}
MAY_PASS_IN: dict[tuple[str, str], Collection[str]] = {
    **{
        (function, parameter): TENSOR | {"integers", "truth values"}
        for function, parameter in (
            ("windows", "images"),
            ("fold_windows", "windows"),
            ("shuffle_pixels", "images"),
            ("predict_scores", "images"),
        )
    },
    ("relu", "images"): ANY_SHAPE,
    ("ScaledTanh.forward", "x"): ANY_SHAPE | {"complex numbers"},
    ("band_matrix", "weights"): TENSOR | {"tensor of one axis"},
    ("conv_from_kernel", "bias"): NUMBERS | {"NaN", "infinity", "tensor of no axis"},
    ("mean_interval", "values"): {"tensor of one axis"},
    **{
        ("plot_channel_sum", name): {"integers", "truth values", "NaN everywhere"}
        for name in ("image", "weight")
    },
    **{
        (function, "net"): {"layer", "network without forward"}
        for function in ("count_parameters", "parameter_table")
    },
    ("preserve_mode", "net"): {"layer", "network without forward", "lazy network"},
}
# Names that an error may have in place of the argument's: "a" is the key of the mappings.
MAY_NAME = ("a", "epoch 1", "images, weight", "kernel_size", "net", "validation images")
# A missing device is not a wrong value, and NaN is noticed in the first loss.
OTHER_ERRORS: dict[str, tuple[type[Exception], ...]] = {
    "device": (RuntimeError,),
    "root": (FileNotFoundError,),
    "images": (Diverged,),
    "labels": (Diverged,),
}


def _modules() -> list[str]:
    files = Path(cnnbook.__file__).parent.glob("*.py")
    return sorted({path.stem for path in files if not path.stem.startswith("_")} | {*PACKAGES})


def _public() -> dict[str, Callable[..., Any]]:
    """Return the functions of every module, its layers, and what these layers compute."""
    found: dict[str, Callable[..., Any]] = {}
    for module_name in _modules():
        module = importlib.import_module(f"cnnbook.{module_name}")
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isfunction(thing) and name not in BY_HAND:
                assert found.setdefault(name, thing) is thing, f"two functions {name}"
            elif inspect.isclass(thing) and issubclass(thing, torch.nn.Module):
                found[name] = thing
                found[f"{name}.forward"] = thing(**_arguments(name, thing)).forward
    return found


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    named = inspect.signature(function, eval_str=True).parameters.items()
    return {
        key: each for key, each in named if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    }


def _members(annotation: Any) -> tuple[Any, ...]:
    """Return the types of a union, or the one type."""
    is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if is_union else (annotation,)


def _example(annotation: Any) -> Any:
    """Make a value from an annotation; ``...`` where there is no rule for it."""
    simple = {torch.Tensor: IMAGES, bool: False, int: 3, float: 1.0, str: "a", object: 15}
    annotation = _members(annotation)[0]
    inner = typing.get_args(annotation)
    match typing.get_origin(annotation):
        case typing.Literal:
            return inner[0]
        case collections.abc.Mapping:
            return {_example(inner[0]): _example(inner[1])}
        case collections.abc.Sequence:
            pairs = {float: [1.0, 2.0], int: [1, 1], str: ["a", "b"]}
            return pairs.get(inner[0], ...)
    return simple.get(annotation, ...)


def _arguments(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    """Return a right value for every parameter."""
    found = {}
    for key, parameter in _parameters(function).items():
        fallback = parameter.default
        if fallback is inspect.Parameter.empty:
            fallback = _example(parameter.annotation)
        found[key] = RIGHT_IN.get((name, key), RIGHT.get(key, fallback))
        assert found[key] is not ..., (
            f"{name}({key}): no rule gives a right value; add one for {key!r} to RIGHT in "
            f"{Path(__file__).name}"
        )
    return found


def _may_pass(name: str, parameter: inspect.Parameter, right: object) -> Collection[str]:
    key, annotated = parameter.name, _members(parameter.annotation)
    named = MAY_PASS_IN.get((name, key), MAY_PASS.get(key))
    found = {"None"} if type(None) in annotated else set()
    found |= {"true"} if bool in annotated else set()
    found |= {"empty list"} if parameter.default == () else set()
    if named is not None:
        return found.union(named)
    found |= {"text"} if str in annotated else set()
    found |= {"half"} if float in annotated else set()
    if isinstance(right, torch.Tensor):
        found |= TENSOR
        # Any real numbers can be drawn as grey values.
        found |= {"integers", "truth values"} if name in figures.__all__ else set()
    return found


PUBLIC = _public()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (name, key)
        for name, function in PUBLIC.items()
        for key in _parameters(function)
        if key not in BY_HAND
    ],
)
def test_slips_are_refused_by_name(
    name: str, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # An address that is refused before any connection, for download=True.
    monkeypatch.setenv("CNNBOOK_MIRROR", "nowhere")
    monkeypatch.chdir(tmp_path)  # A checkpoint may have any name.
    function = PUBLIC[name]
    arguments = _arguments(name, function)

    def call(**changed: Any) -> object:
        try:
            return function(**changed)
        finally:
            plt.close("all")

    check_refusals(
        call,
        arguments,
        key,
        may_pass=_may_pass(name, _parameters(function)[key], arguments[key]),
        # A value that does not fit the other arguments may name one of those; "a" is a dict's key.
        may_name={*arguments, *MAY_NAME},
        errors=(TypeError, ValueError, *OTHER_ERRORS.get(key, ())),
    )


def test_the_rules_name_parameters_that_exist() -> None:
    signatures = {name: set(_parameters(function)) for name, function in PUBLIC.items()}
    every = set().union(*signatures.values())
    assert every >= {*RIGHT, *MAY_PASS}
    assert all(key in signatures[name] for name, key in {*RIGHT_IN, *MAY_PASS_IN})
    assert len(PUBLIC) > 80


def test_a_parameter_without_a_rule_says_what_to_add() -> None:
    def rotate(images: torch.Tensor, angles: set[float]) -> torch.Tensor:
        raise NotImplementedError

    with pytest.raises(
        AssertionError, match=r"^rotate\(angles\): no rule .* for 'angles' to RIGHT"
    ):
        _arguments("rotate", rotate)


def test_right_values_follow_the_annotation() -> None:
    def draw(
        curves: Mapping[str, Mapping[str, Sequence[float]]],
        scale: Literal["log", "linear"],
        images: torch.Tensor | None,
        size: int = 7,
    ) -> None:
        raise NotImplementedError

    arguments = _arguments("draw", draw)
    assert arguments.pop("images") is IMAGES
    assert arguments == {"curves": {"a": {"a": [1.0, 2.0]}}, "scale": "log", "size": 7}


def test_a_slip_that_is_accepted_fails() -> None:
    def accepts_all(images: torch.Tensor) -> torch.Tensor:
        return images

    with pytest.raises(pytest.fail.Exception, match="images = None: was accepted"):
        check_refusals(accepts_all, {"images": IMAGES}, "images")


def test_an_error_that_does_not_name_the_parameter_fails() -> None:
    def raises(error: Exception) -> Callable[..., object]:
        def call(images: Any) -> None:
            if not isinstance(images, torch.Tensor):
                raise error

        return call

    with pytest.raises(AttributeError):
        check_refusals(raises(AttributeError()), {"images": IMAGES}, "images")
    for message in (
        "wrong images",
        "other: expected a tensor, got it",
        "images: expected a tensor",
    ):
        with pytest.raises(AssertionError, match=f"images = None: {message}"):
            check_refusals(raises(ValueError(message)), {"images": IMAGES}, "images")


@pytest.mark.parametrize("name", [name for name in figures.__all__ if name.startswith("plot_")])
def test_every_figure_says_what_is_to_be_seen(name: str) -> None:
    figure = PUBLIC[name](**_arguments(name, PUBLIC[name]))
    assert figure.get_label(), (
        f"{name}: its figure has no description. Before `return figure`, call "
        "describe(figure, ...) with what was drawn: which kind of picture, what the axes are, and "
        "the numbers that decide; then add the function to tests/test_alt_texts.py"
    )
    text = figures.alt_text(figure)
    assert 40 <= len(text) <= 300, text
    assert text[0].isupper() or text[0].isdigit(), text
    assert text.endswith("."), text
    assert not re.search(r"tensor\(|\bnan\b|None|<|\{", text), text


@pytest.mark.parametrize("name", PUBLIC)
def test_another_default_device_changes_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After ``torch.set_default_device``, tensors made without a device are on another one."""
    monkeypatch.chdir(tmp_path)
    arguments = copy.deepcopy(_arguments(name, PUBLIC[name]))
    with torch.device("meta"):
        result = PUBLIC[name](**arguments)
    plt.close("all")
    parts = vars(result).values() if hasattr(result, "__dict__") else [result]
    for part in [result, *parts]:
        if isinstance(part, torch.Tensor):
            assert part.device.type == "cpu"
