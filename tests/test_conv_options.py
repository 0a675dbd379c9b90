"""Checks that all convolutions share: what passes, and the message for each mistake."""

from typing import Any

import pytest
import torch

from cnnbook._conv_options import (
    borders_of,
    check_bias,
    check_grad_output,
    check_groups,
    check_kernel,
    check_weight,
    padded_size,
    weight_size,
)

IMAGES, WEIGHT, BIAS = torch.zeros(1, 4, 5, 5), torch.zeros(6, 4, 2, 2), torch.zeros(6)


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"images": IMAGES[0]}, ValueError, r"^images: expected \(n, c, h, w\), got \(4, 5, 5\)"),
        ({"images": IMAGES.long()}, TypeError, r"^images: expected a floating-point or complex"),
        ({"weight": [[1.0]]}, TypeError, r"^weight: expected a torch.Tensor"),
        ({"weight": WEIGHT[0, 0]}, ValueError, r"add axes with weight\[None, None\]$"),
        ({"weight": WEIGHT[0]}, ValueError, r"^weight: expected \(out, in / groups, kh, kw\)"),
        ({"weight": WEIGHT[:, :0]}, ValueError, "at least one weight along every axis"),
        ({"weight": WEIGHT[:, :3]}, ValueError, r"for images of 4 channels in 1 group\(s\)"),
        ({"weight": WEIGHT.double()}, TypeError, r"convert with weight.to\(images.dtype\)"),
        ({"weight": WEIGHT[:5, :2], "bias": None, "groups": 2}, ValueError, "divisible by groups"),
        ({"groups": 3}, ValueError, "^groups: expected a divisor of the 4 image channels, got 3"),
        ({"groups": 0}, ValueError, "^groups: expected at least 1"),
        ({"groups": 1.0}, TypeError, "^groups: expected a whole number"),
        ({"bias": 0.5}, TypeError, r"^bias: expected a torch.Tensor of shape \(6,\)"),
        ({"bias": BIAS[:5]}, ValueError, r"^bias: expected one number for each kernel"),
        ({"bias": BIAS[None]}, ValueError, r"^bias: expected one number for each kernel"),
        ({"bias": BIAS.half()}, TypeError, r"^bias: expected the dtype of images, torch.float32"),
        # "meta" is a second device that every machine has.
        ({"weight": WEIGHT.to("meta")}, ValueError, "^weight: expected the device of images, cpu"),
    ],
)
def test_check_kernel_says_what_does_not_fit(
    changed: dict[str, Any], kind: type[Exception], message: str
) -> None:
    arguments: dict[str, Any] = {"images": IMAGES, "weight": WEIGHT, "bias": BIAS, "groups": 1}
    with pytest.raises(kind, match=message):
        check_kernel(**(arguments | changed))


@pytest.mark.parametrize(
    ("kernel_size", "padding", "dilation", "borders", "size"),
    [
        ((3, 3), 0, 1, ((0, 0), (0, 0)), (5, 7)),
        ((3, 3), "valid", 1, ((0, 0), (0, 0)), (5, 7)),
        ((3, 3), (1, 2), 1, ((1, 1), (2, 2)), (5 + 1 + 1, 7 + 2 + 2)),
        ((3, 3), "same", 1, ((1, 1), (1, 1)), (5 + 1 + 1, 7 + 1 + 1)),
        # An even kernel needs an odd number of zeros: one more at the end, as in torch.
        ((2, 4), "same", 1, ((0, 1), (1, 2)), (5 + 0 + 1, 7 + 1 + 2)),
        ((3, 2), "same", (2, 3), ((2, 2), (1, 2)), (5 + 2 + 2, 7 + 1 + 2)),
    ],
)
def test_borders(
    kernel_size: tuple[int, int], padding: Any, dilation: Any, borders: Any, size: tuple[int, int]
) -> None:
    assert borders_of(kernel_size, 1, padding, dilation) == borders
    assert padded_size((5, 7), borders) == size


def test_same_with_a_stride_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^padding: 'same' expects stride 1, got stride \(1, 2\)"):
        borders_of((3, 3), (1, 2), "same", 1)


def test_weight_size() -> None:
    assert weight_size(torch.zeros(6, 4, 2, 3)) == (2, 3)


def test_groups_must_divide_the_number_of_channels() -> None:
    assert check_groups(3, 6, "kernels") == 3
    with pytest.raises(ValueError, match=r"^groups: expected a divisor of the 6 kernels, got 4$"):
        check_groups(4, 6, "kernels")


def test_an_error_about_a_weight_names_its_axes() -> None:
    check_weight(torch.zeros(1, 1, 2, 2))
    with pytest.raises(ValueError, match=r"^weight: expected \(in, out / groups, kh, kw\), got"):
        check_weight(torch.zeros(3), axes="(in, out / groups, kh, kw)")


def test_a_bias_is_none_or_one_number_for_each_kernel() -> None:
    check_bias(None, 3)
    check_bias(torch.zeros(3), 3)
    with pytest.raises(ValueError, match=r"^bias: .* shape \(3,\), got \(3, 1\)$"):
        check_bias(torch.zeros(3, 1), 3)


def test_a_gradient_has_the_shape_of_the_output() -> None:
    check_grad_output(torch.zeros(5, 1, 2, 2), (None, 1, 2, 2))
    with pytest.raises(ValueError, match=r"\(n, 1, 3, 3\), got \(5, 1, 2, 2\)$"):
        check_grad_output(torch.zeros(5, 1, 2, 2), (None, 1, 3, 3))
    with pytest.raises(TypeError, match=r"^grad_output: expected a floating-point"):
        check_grad_output(torch.zeros(5, 1, 2, 2).long(), (None, 1, 2, 2))
