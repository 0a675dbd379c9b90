"""Checks of arguments: what passes, and what each mistake is told."""

import re

import numpy as np
import pytest
import torch

from cnnbook._checks import check_images, check_int, check_number_type, pair
from cnnbook._devices import check_device


@pytest.mark.parametrize(
    ("value", "number"), [(3, 3), (np.int64(3), 3), (torch.tensor(3), 3), (np.uint8(3), 3)]
)
def test_whole_number_takes_what_stands_for_one(value: int, number: int) -> None:
    result = check_int(value, name="k", minimum=1)
    assert result == number
    assert type(result) is int


@pytest.mark.parametrize(
    "value",
    [True, False, 2.0, float("nan"), float("inf"), "2", None, [2], (2,), 2j, torch.ones(2), {2}],
)
def test_whole_number_refuses_other_types(value: object) -> None:
    with pytest.raises(TypeError, match=r"^k: expected a whole number, got "):
        check_int(value, name="k", minimum=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1, -(10**30)])
def test_whole_number_refuses_small_ones(value: int) -> None:
    with pytest.raises(ValueError, match=f"^k: expected at least 1, got {value}$"):
        check_int(value, name="k", minimum=1)


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


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.bool])
def test_check_number_type_refuses_whole_numbers(dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match=r"convert with images.float\(\)$"):
        check_number_type(torch.zeros(1, dtype=dtype), name="images")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.complex64])
def test_check_number_type_takes_fractions(dtype: torch.dtype) -> None:
    check_number_type(torch.zeros(1, dtype=dtype), name="images")


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
