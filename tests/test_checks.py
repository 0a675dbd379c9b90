"""Checks of arguments: what passes, and the message for each mistake."""

import re
import types

import numpy as np
import pytest
import torch

from cnnbook._checks import (
    check_bool,
    check_float,
    check_generator,
    check_image_shape,
    check_images,
    check_int,
    check_net,
    check_number_type,
    check_parameter_count,
    check_same_dtype_and_device,
    check_tensor_size,
    pair,
    per_axis,
    summarize,
    tensor_remedy,
)
from cnnbook._devices import check_device
from cnnbook.figures import plot_images
from cnnbook.images import ImageSet
from cnnbook.training import fit_full_batch


@pytest.mark.parametrize(
    ("value", "number"), [(3, 3), (np.int64(3), 3), (torch.tensor(3), 3), (np.uint8(3), 3)]
)
def test_check_int_takes_integers_of_numpy_and_torch(value: int, number: int) -> None:
    result = check_int(value, name="k", minimum=1)
    assert result == number
    assert type(result) is int


@pytest.mark.parametrize(
    "value",
    [True, False, 2.0, float("nan"), float("inf"), "2", None, [2], (2,), 2j, torch.ones(2), {2}],
)
def test_check_int_refuses_other_types(value: object) -> None:
    with pytest.raises(TypeError, match=r"^k: expected a whole number, got "):
        check_int(value, name="k", minimum=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1, -(10**30)])
def test_check_int_refuses_small_numbers(value: int) -> None:
    with pytest.raises(ValueError, match=f"^k: expected at least 1, got {value}$"):
        check_int(value, name="k", minimum=1)


def test_check_int_refuses_large_numbers() -> None:
    assert check_int(2**31 - 1, name="k", minimum=1) == 2**31 - 1
    for value in (2**31, 10**30):
        with pytest.raises(ValueError, match=f"^k: expected at most 2147483647, got {value}$"):
            check_int(value, name="k", minimum=1)
    with pytest.raises(ValueError, match=r"^k: expected at most 5, got 6$"):
        check_int(6, name="k", minimum=1, maximum=5)


@pytest.mark.parametrize("value", [True, "1", None, [1.0], 1j, np.ones(1), torch.ones(1)])
def test_check_float_refuses_other_types(value: object) -> None:
    with pytest.raises(TypeError, match=r"^s: expected a number, got "):
        check_float(value, name="s", above=0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "^s: expected a finite number, got nan$"),
        (float("-inf"), "^s: expected a finite number, got -inf$"),
        (10**400, "^s: expected a finite number, got 10000"),
        (0, "^s: expected a number above 0, got 0$"),
        (2.5, "^s: expected at most 2, got 2.5$"),
    ],
)
def test_check_float_refuses_other_numbers(value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_float(value, name="s", above=0, maximum=2)


def test_check_float_takes_whole_numbers_as_well() -> None:
    assert check_float(2, name="s", above=0, maximum=2) == 2.0
    assert type(check_float(2, name="s", above=0)) is float
    assert check_float(np.float64(0.5), name="s", above=0) == 0.5


def test_pair() -> None:
    assert pair(2, name="k", minimum=1) == (2, 2)
    assert pair((1, 3), name="k", minimum=1) == (1, 3)
    assert pair([1, 3], name="k", minimum=1) == (1, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [(), (1,), (1, 2, 3), "22", None, (1, 2.0), (True, 1), 1.5])
def test_pair_refuses_other_things(value: object) -> None:
    message = f"k: expected a whole number or a pair of them, got {value!r}"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        pair(value, name="k", minimum=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, (0, 1), (1, 0), (-3, 1)])
def test_pair_refuses_small_numbers(value: int | tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"^k: expected at least 1, got "):
        pair(value, name="k", minimum=1)


def test_per_axis_names_the_option_that_is_wrong() -> None:
    axes, any_pair = per_axis(stride=2, output_padding=0)
    assert list(axes) == [{"stride": 2, "output_padding": 0}] * 2
    assert not any_pair
    with pytest.raises(ValueError, match=r"^stride: expected at least 1, got 0$"):
        per_axis(stride=(1, 0), output_padding=0)


@pytest.mark.parametrize("value", [0, 1, "yes", None, np.bool_(True), torch.tensor(True)])
def test_check_bool_refuses_what_python_takes_for_true_or_false(value: object) -> None:
    assert check_bool(False, name="b") is False
    with pytest.raises(TypeError, match=r"^b: expected True or False, got "):
        check_bool(value, name="b")  # type: ignore[arg-type]


def test_check_generator() -> None:
    check_generator(torch.Generator())
    check_generator(None, optional=True)
    for value in (None, 0, torch.Generator):
        with pytest.raises(TypeError, match=r"^generator: expected a torch.Generator, got "):
            check_generator(value)  # type: ignore[arg-type]


def test_check_images_takes_an_empty_batch() -> None:
    check_images(torch.zeros(0, 3, 1, 1))


@pytest.mark.parametrize(
    ("shape", "remedy"),
    [
        ((), ""),
        ((4,), ""),
        ((28, 28), "; add axes with images[None, None]"),
        ((5, 28, 28), "images[:, None], or the batch axis of one image with images[None]"),
        ((1, 1, 1, 4, 4), ""),
    ],
)
def test_check_images_names_the_missing_axes(shape: tuple[int, ...], remedy: str) -> None:
    with pytest.raises(ValueError, match=r"^images: expected \(n, c, h, w\), got ") as caught:
        check_images(torch.zeros(shape))
    assert str(caught.value).endswith(remedy or str(shape))


@pytest.mark.parametrize("shape", [(1, 0, 4, 4), (1, 1, 0, 4), (1, 1, 4, 0)])
def test_check_images_refuses_images_without_pixels(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least one channel and one pixel"):
        check_images(torch.zeros(shape))


@pytest.mark.parametrize("value", [[[[[1.0]]]], np.zeros((1, 1, 2, 2)), None, "images"])
def test_check_images_refuses_what_is_not_a_tensor(value: object) -> None:
    with pytest.raises(TypeError, match=r"^images: expected a torch.Tensor"):
        check_images(value)  # type: ignore[arg-type]


def test_an_image_set_in_place_of_images_gets_a_hint_which_part_to_pass() -> None:
    images, labels = torch.zeros(2, 1, 2, 2), torch.tensor([0, 1])
    data = ImageSet(images, labels, images, labels, ("a", "b"), "by hand", drawn=True)
    message = r"got ImageSet; pass its \.train_images or \.test_images$"
    with pytest.raises(TypeError, match=r"^images: expected a torch.Tensor .*" + message):
        check_images(data)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^images: expected a torch.Tensor, " + message):
        plot_images(data)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^images: expected a torch.Tensor .*" + message):
        fit_full_batch(torch.nn.Linear(1, 1), data, labels)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [[1.0], None, "images", types.SimpleNamespace(train_images=3)])
def test_other_types_in_place_of_images_get_a_hint_to_convert(value: object) -> None:
    assert tensor_remedy(value, name="images") == "convert with torch.tensor(images)"


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.bool])
def test_check_number_type_refuses_integers(dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match=r"convert with images.float\(\)$"):
        check_number_type(torch.zeros(1, dtype=dtype), name="images")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.complex64])
def test_check_number_type_takes_floating_point(dtype: torch.dtype) -> None:
    check_number_type(torch.zeros(1, dtype=dtype), name="images")


def test_check_net() -> None:
    check_net(torch.nn.ReLU())
    for value in (None, torch.nn.ReLU, torch.ones(1), lambda x: x):
        with pytest.raises(TypeError, match=r"^net: expected a torch.nn.Module, got "):
            check_net(value)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"the lazy '1\.running_mean'; pass one image"):
        check_net(torch.nn.Sequential(torch.nn.ReLU(), torch.nn.LazyBatchNorm1d(affine=False)))


def test_check_same_dtype_and_device() -> None:
    image = torch.zeros(1)
    check_same_dtype_and_device(image, "images", weight=torch.ones(3), bias=None)
    with pytest.raises(TypeError, match=r"^bias: expected the dtype of images, torch.float32, got"):
        check_same_dtype_and_device(image, "images", weight=image, bias=image.half())
    # "meta" is a second device that every machine has.
    with pytest.raises(ValueError, match=r"^bias: expected the device of images, cpu, got meta"):
        check_same_dtype_and_device(image, "images", bias=image.to("meta"))


def test_check_room() -> None:
    check_tensor_size((2**18, 2**18), name="size")
    with pytest.raises(ValueError, match=r"^size: expected at most 2\*\*36 numbers in a"):
        check_tensor_size((2**18, 2**18 + 1), name="size")


@pytest.mark.parametrize("value", [None, 28, "abc", (28, 28), (1, 1, 28, 28), (1, 28, 28.0)])
def test_check_image_shape_refuses_what_is_not_three_sizes(value: object) -> None:
    assert check_image_shape((3, 32, 16)) == (3, 32, 16)
    with pytest.raises(TypeError, match=r"^image_shape: expected "):
        check_image_shape(value)  # type: ignore[arg-type]


def test_check_parameter_count_names_the_largest_size() -> None:
    check_parameter_count(10**9, classes=10)
    with pytest.raises(ValueError, match=r"^pixels: .*; choose less than 50,000,000$"):
        check_parameter_count(10**9 + 1, classes=10, pixels=50_000_000)


def test_check_device() -> None:
    assert check_device("cpu") == torch.device("cpu")
    assert check_device(torch.device("cpu")) == torch.device("cpu")
    with pytest.raises(ValueError, match=r"^device: expected a name such as"):
        check_device("gpu")
    with pytest.raises(TypeError, match=r"^device: expected a torch.device or its name, got 0$"):
        check_device(0)  # type: ignore[arg-type]
    missing = f"cuda:{torch.cuda.device_count() + 7}"
    with pytest.raises(RuntimeError, match=rf"^device: expected one that .* got '{missing}'"):
        check_device(missing)


def test_a_wrong_value_is_summarized_in_few_words_however_large_it_is() -> None:
    for value in (torch.zeros(100, 100), np.zeros((100, 100)), list(range(10_000)), "x" * 999):
        assert len(summarize(value)) <= 60
        with pytest.raises(TypeError) as error:
            check_int(value, name="size", minimum=1)  # type: ignore[arg-type]
        assert len(str(error.value)) < 120
    assert summarize(np.zeros((2, 3))) == "an ndarray of shape (2, 3), float64"
    assert summarize(torch.nn.Sequential(torch.nn.ReLU())) == "a Sequential"
    assert summarize(True) == "True"
