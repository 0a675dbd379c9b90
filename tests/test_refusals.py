"""Every public function and every one of its parameters, given some sixty wrong values.

The tables name right arguments for each function and, of the values in ``bad_values``, those that
are right after all. A public function, or a parameter, that stands in no table fails the test.
"""

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from bad_values import BAD_VALUES, check_refusals
from test_counting import REFUSED as COUNTED
from test_metrics import SCORED
from test_networks import SIZES
from test_occlusion import OCCLUDED

import cnnbook
from cnnbook import (
    _conv_options,
    conv_matrix,
    convolution,
    exercises,
    images,
    kernels,
    metrics,
    networks,
    pooling,
    receptive_field,
    shapes,
    windows,
)

IMAGES, WEIGHT, BIAS = torch.ones(2, 1, 3, 3), torch.ones(2, 1, 2, 2), torch.ones(2)
OUTPUT, POOLED = torch.ones(2, 2, 2, 2), torch.ones(2, 1, 1, 1)
OPTIONS = {"stride": 1, "padding": 0, "dilation": 1}
POOLING = {"kernel_size": 2, "stride": 2, "padding": 0}
AVERAGE = {**POOLING, "ceil_mode": False, "count_include_pad": True, "divisor_override": 3}
PLACE = {"dtype": torch.float32, "device": "cpu"}

# Right arguments for each function, all of its parameters among them.
CALLS: dict[Any, dict[str, Any]] = {
    shapes.derive_output_size: {"size": 3, "kernel_size": 2, **OPTIONS, "ceil_mode": False},
    shapes.output_size: {"size": 3, "kernel_size": 2, **OPTIONS, "ceil_mode": False},
    shapes.transposed_output_size: {"size": 3, "kernel_size": 2, **OPTIONS, "output_padding": 0},
    shapes.same_padding: {"kernel_size": 2, "dilation": 1},
    receptive_field.receptive_field: {"steps": [torch.nn.ReLU()]},
    shapes.shape_table: {
        "net": torch.nn.Sequential(torch.nn.Flatten()),
        "input_shape": (1, 3, 3),
    },
    kernels.averaging_kernel: {"size": 2, **PLACE},
    kernels.identity_kernel: {"size": 2, **PLACE},
    kernels.shift_kernel: {"down": 1, "right": 1, **PLACE},
    kernels.gaussian_kernel: {"size": 2, "sigma": 1.0, **PLACE},
    kernels.sobel_kernel: {"axis": "x", **PLACE},
    kernels.prewitt_kernel: {"axis": "x", **PLACE},
    kernels.laplacian_kernel: {"neighbours": 4, **PLACE},
    kernels.sharpening_kernel: {"amount": 1.0, **PLACE},
    windows.windows: {"images": IMAGES, "kernel_size": 2, **OPTIONS},
    windows.fold_windows: {"windows": torch.ones(2, 1, 2, 2, 2, 2), "image_size": 3, **OPTIONS},
    windows.window_sum: {
        "images": IMAGES,
        "weight": WEIGHT,
        "bias": BIAS,
        **dict.fromkeys(("row", "column", "image", "channel"), 0),
        **OPTIONS,
        "groups": 1,
    },
    **{
        function: {"images": IMAGES, "weight": WEIGHT, "bias": BIAS, **OPTIONS, "groups": 1}
        for function in (convolution.conv2d, convolution.conv2d_loop)
    },
    convolution.conv2d_input_grad: {
        "grad_output": OUTPUT,
        "weight": WEIGHT,
        "image_size": 3,
        **OPTIONS,
        "groups": 1,
    },
    convolution.conv2d_weight_grad: {
        "images": IMAGES,
        "grad_output": OUTPUT,
        "kernel_size": 2,
        **OPTIONS,
        "groups": 1,
    },
    convolution.conv2d_bias_grad: {"grad_output": OUTPUT},
    convolution.conv_transpose2d: {
        "images": IMAGES,
        "weight": torch.ones(1, 2, 2, 2),
        "bias": BIAS,
        **OPTIONS,
        "output_padding": 0,
        "groups": 1,
    },
    conv_matrix.conv_matrix: {
        "weight": WEIGHT,
        "image_size": 3,
        **OPTIONS,
        "groups": 1,
        "sparse": False,
    },
    conv_matrix.band_matrix: {"weights": BIAS, "size": 3, **OPTIONS},
    conv_matrix.separable_factors: {"kernel": torch.ones(2, 2)},
    convolution.averaging_conv: {"size": 2},
    convolution.conv_from_kernel: {"kernel": torch.ones(2, 2), "bias": 0.0},
    convolution.moving_average: {"images": IMAGES, "size": 2},
    convolution.expand_features: {
        "images": IMAGES,
        "out_channels": 2,
        "kernel_size": 2,
        "generator": torch.Generator(),
    },
    pooling.max_pool2d: {
        "images": IMAGES,
        **POOLING,
        "dilation": 1,
        "ceil_mode": False,
        "return_indices": False,
    },
    pooling.max_pool2d_grad: {
        "grad_output": POOLED,
        "images": IMAGES,
        **POOLING,
        "dilation": 1,
        "ceil_mode": False,
    },
    pooling.avg_pool2d: {"images": IMAGES, **AVERAGE},
    pooling.avg_pool2d_grad: {"grad_output": POOLED, "image_size": 3, **AVERAGE},
    pooling.relu: {"images": IMAGES},
    pooling.relu_grad: {"grad_output": IMAGES, "images": IMAGES},
    exercises.check: {"number": "6.1", "answer": 15},
    **{
        function: {"number": "6.1"}
        for function in (exercises.exercise, exercises.hint, exercises.solution)
    },
    images.draw_garments: {"n": 1, "generator": torch.Generator()},
    images.shuffle_pixels: {"images": IMAGES, "seed": 0},
    images.load_fashion_mnist: {
        "n_train": 1,
        "n_test": 1,
        "root": None,
        "download": False,
        "fallback": "drawn",
        "one_hot": True,
        "device": "cpu",
    },
}

SOME_IMAGES = {"tensor of four axes", "empty batch"}
EVERY_FRACTION = {
    *(f"tensor of {count} ax{'is' if count in ('no', 'one') else 'es'}"
      for count in ("no", "one", "two", "three", "four", "five")),
    *("images of no pixel", "empty tensor", "empty batch", "NaN scores", "infinite scores"),
    *("NaN tensor", "meta tensor", "meta scores", "meta images"),
}  # fmt: skip
NUMBERS = {"half", "minus one", "minus huge", "huge", "huge float", "zero", "one"}
# Which of the values are right, by the parameter's name; most knobs take a one.
BY_NAME: dict[str, set[str]] = {
    **{name: {"zero", "one"} for name in ("padding", "row", "column", "image", "channel", "seed")},
    **{name: {"minus one", "zero", "one"} for name in ("down", "right")},
    **{
        name: {"true", "false"}
        for name in (
            *("ceil_mode", "return_indices", "count_include_pad", "sparse"),
            *("download", "one_hot"),
        )
    },
    **{name: {"None"} for name in ("device", "bias", "generator")},
    **{
        name: set()
        for name in ("dtype", "axis", "neighbours", "image_size", "windows", "grad_output")
    },
    "output_padding": {"zero"},
    # No text is this folder.
    "root": {"None", "empty text"},
    "fallback": set(),
    "images": SOME_IMAGES,
    "weight": {"tensor of four axes"},
    "divisor_override": {"None", "minus one", "one"},
    "weights": {"tensor of one axis", "complex tensor", "NaN tensor"},
    "steps": {"empty list"},
    "net": {"meta network"},
    "input_shape": {"list"},
    "amount": NUMBERS,
    "sigma": {"half", "huge", "huge float", "one"},
}
# Where a function takes others, for example because they fit its other arguments.
BY_FUNCTION: dict[tuple[Any, str], set[str]] = {
    **{
        (function, "size"): set()
        for function in (shapes.derive_output_size, shapes.output_size, conv_matrix.band_matrix)
    },
    **{
        (function, "images"): SOME_IMAGES | {"meta images"}
        for function in (
            convolution.moving_average,
            convolution.expand_features,
            pooling.max_pool2d,
            pooling.avg_pool2d,
        )
    },
    **{
        (function, "images"): SOME_IMAGES | {"whole images", "meta images"}
        for function in (windows.windows, images.shuffle_pixels)
    },
    **{
        (function, "images"): {"tensor of four axes"}
        for function in (
            windows.window_sum,
            convolution.conv2d_weight_grad,
            pooling.max_pool2d_grad,
            pooling.relu_grad,
        )
    },
    **{
        (function, "padding"): {"zero"}
        for function in (
            windows.fold_windows,
            convolution.conv2d_input_grad,
            convolution.conv2d_weight_grad,
            pooling.max_pool2d_grad,
            pooling.avg_pool2d_grad,
        )
    },
    **{
        (function, option): takes
        for function in (pooling.max_pool2d_grad, pooling.avg_pool2d_grad)
        for option, takes in (
            ("kernel_size", set()),
            ("stride", {"None"}),
            ("ceil_mode", {"false"}),
        )
    },
    **{
        (function, "stride"): {"None", "one"}
        for function in (pooling.max_pool2d, pooling.avg_pool2d)
    },
    **{
        (function, "weight"): set()
        for function in (convolution.conv2d_input_grad, convolution.conv_transpose2d)
    },
    (convolution.conv2d_weight_grad, "kernel_size"): set(),
    (convolution.conv2d_bias_grad, "grad_output"): SOME_IMAGES | {"meta images"},
    (pooling.relu_grad, "grad_output"): {"tensor of four axes"},
    (pooling.relu, "images"): EVERY_FRACTION,
    (conv_matrix.separable_factors, "kernel"): {"complex scores"},
    (convolution.conv_from_kernel, "kernel"): {
        "tensor of two axes",
        "tensor of four axes",
        "complex scores",
        "NaN scores",
        "infinite scores",
    },
    (convolution.conv_from_kernel, "bias"): {
        *NUMBERS,
        "NaN",
        "infinity",
        "minus infinity",
        "tensor of no axis",
    },
    (images.draw_garments, "generator"): set(),
    **{
        (function, "number"): set()
        for function in (
            exercises.check,
            exercises.exercise,
            exercises.hint,
            exercises.solution,
        )
    },
    # Whatever has numbers in it can be judged, and is told that it is wrong.
    (exercises.check, "answer"): {
        *EVERY_FRACTION,
        *NUMBERS,
        *("list", "empty list", "list of floats", "list of NaN", "array", "empty array"),
        *(f"tuple of {what}" for what in ("zeros", "truth values", "huge numbers")),
        *("NaN", "infinity", "minus infinity"),
        *("whole images", "whole labels", "too large labels", "truth values", "one truth value"),
        *("narrow floats", "sparse tensor", "sparse images"),
        *("meta network", "network of other images", "lazy network", "network without forward"),
    }
    - {"meta tensor", "meta scores", "meta images"},
}

# Tested with the same values in the files of their modules, or not meant for a caller's values.
ELSEWHERE = {
    "arguments": "checks themselves: what they say is what the others are tested for",
    "tables": "lays out text that the library made itself",
    **dict.fromkeys(
        ("fetching", "idx_format", "published_files", "whole_files"),
        "inside of the loader: tested with faulty files, mirrors and disks in test_image_faults.py",
    ),
    "judging": "inside of the exercises: test_exercises.py",
    **dict.fromkeys(
        (
            *("checkpoints", "cutting", "distributed", "graphs", "identities", "layouts"),
            *("preparing", "stopping", "workers"),
        ),
        "inside of the trainer: tested with cut files, kills and odd networks in their own files",
    ),
    "seeds": "tested by hand in test_seeds.py",
    "together": "tested by hand in test_ensemble.py",
    "figures": "in a file of its own, test_refusals_figures.py",
    "training": "in the same file",
}
BY_HAND = {
    (images.main, "a command: argparse checks its words; test_image_faults.py"),
    (images.cache_folder, "takes nothing"),
    (exercises.exercises, "takes nothing"),
    (networks.preserve_mode, "test_networks.py, inside a with block"),
    (metrics.predict_scores, "device: test_metrics.py"),
    (_conv_options.check_bias, "a check"),
    (_conv_options.check_grad_output, "a check"),
    (_conv_options.check_kernel, "a check, tested by hand in test_windows.py"),
    (_conv_options.check_weight, "a check"),
}


def _taken(function: Any, name: str) -> set[str]:
    return BY_FUNCTION.get((function, name), BY_NAME.get(name, {"one"}))


@pytest.mark.parametrize(
    ("function", "name"),
    [(function, name) for function, arguments in CALLS.items() for name in arguments],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_every_wrong_value_is_named(
    function: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An address that is refused before anything is opened: download=True is right here.
    monkeypatch.setenv("CNNBOOK_MIRROR", "nowhere")
    arguments = CALLS[function]
    taken = _taken(function, name)
    assert len(BAD_VALUES) - len(taken) >= 12
    # What is right alone may not fit the other arguments, and then one of those may be named.
    others = set(arguments) | {"kernel_size"}
    check_refusals(function, arguments, name, taken=taken, may_name=others)


def _public_functions() -> dict[str, Any]:
    modules = sorted(path.stem for path in Path(cnnbook.__file__).parent.glob("*.py"))
    return {
        f"{module}.{name}": thing
        for module in modules
        if module not in ELSEWHERE and module != "__init__"
        for name in importlib.import_module(f"cnnbook.{module}").__all__
        if inspect.isfunction(thing := getattr(importlib.import_module(f"cnnbook.{module}"), name))
    }


def test_no_public_parameter_is_left_out() -> None:
    covered: dict[Any, set[str]] = {function: set(given) for function, given in CALLS.items()}
    for call, _, checks in (*SIZES.values(), *SCORED.values()):
        covered.setdefault(call, set()).update(checks)
    covered[metrics.occlusion_map] = set(OCCLUDED)
    for call, _, name, _ in COUNTED:
        covered.setdefault(call, set()).add(name)
    by_hand = {function for function, _ in BY_HAND}
    missing = {
        f"{name}({parameter})"
        for name, function in _public_functions().items()
        if function not in by_hand
        for parameter in inspect.signature(function).parameters
        if parameter not in covered.get(function, set())
    }
    assert not missing
    assert by_hand <= set(_public_functions().values())


def test_a_wrong_value_that_is_taken_would_be_noticed() -> None:
    def takes_anything(images: Any) -> Any:
        return images

    with pytest.raises(pytest.fail.Exception, match="images = None: was taken"):
        check_refusals(takes_anything, {"images": IMAGES}, "images", taken=set())

    def says_nothing(images: Any) -> Any:
        return images.reshape(2, 1, 3, 3)

    with pytest.raises(AttributeError):
        check_refusals(says_nothing, {"images": IMAGES}, "images", taken=set())
