"""Pooling and ReLU on drawn cases, against torch and their own laws."""

import pytest
import torch
from drawn_cases import F, Pooled, cases, numbers, poolings
from hypothesis import given
from hypothesis import strategies as st

from cnnbook.pooling import (
    avg_pool2d,
    avg_pool2d_grad,
    max_pool2d,
    max_pool2d_grad,
    relu,
    relu_grad,
)

# torch warns that it copies the images for "same" with an even kernel.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")


def _equal(got: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)


@cases(max_pool2d, max_pool2d_grad)
@given(poolings(dilated=True), st.integers(0, 10**6))
def test_max_pooling_is_torchs_with_ties_nan_and_infinity(drawn: Pooled, seed: int) -> None:
    images = drawn.images.clone().requires_grad_()
    torchs, indices = F.max_pool2d(images, drawn.kernel_size, **drawn.options, return_indices=True)
    got, chosen = max_pool2d(drawn.images, drawn.kernel_size, **drawn.options, return_indices=True)
    _equal(got, torchs.detach())
    _equal(max_pool2d(drawn.images, drawn.kernel_size, **drawn.options), torchs.detach())
    # With dilation a window can step over the whole image and see nothing but padding. torch then
    # returns the index of a pixel that does not exist and gives it the gradient; here the index is
    # -1 and no pixel gets a gradient.
    seen = chosen >= 0
    assert torch.equal(chosen[seen], indices[seen])
    assert (got[~seen] == float("-inf")).all()
    grad = seen * numbers(tuple(got.shape), got.dtype, seed, True)
    (expected,) = torch.autograd.grad(torchs, images, grad)
    _equal(max_pool2d_grad(grad, drawn.images, drawn.kernel_size, **drawn.options), expected)
    ours = max_pool2d(images, drawn.kernel_size, **drawn.options)
    _equal(torch.autograd.grad(ours, images, grad)[0], expected)


@cases(avg_pool2d, avg_pool2d_grad)
@given(
    poolings(dilated=False),
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 9), st.integers(-9, -1)),
    st.integers(0, 10**6),
)
def test_average_pooling_is_torchs(
    drawn: Pooled, count_include_pad: bool, divisor: int | None, seed: int
) -> None:
    options = drawn.options | {"count_include_pad": count_include_pad, "divisor_override": divisor}
    images = drawn.images.clone().requires_grad_()
    torchs = F.avg_pool2d(images, drawn.kernel_size, **options)
    got = avg_pool2d(drawn.images, drawn.kernel_size, **options)
    torch.testing.assert_close(got, torchs.detach(), rtol=1e-12, atol=1e-12, equal_nan=True)
    grad = numbers(tuple(got.shape), got.dtype, seed, True)
    (expected,) = torch.autograd.grad(torchs, images, grad)
    size = (images.shape[2], images.shape[3])
    ours = avg_pool2d_grad(grad, size, drawn.kernel_size, **options)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)


@cases(relu, relu_grad)
@given(st.lists(st.floats(width=64), max_size=12), st.integers(0, 10**6))
def test_relu_is_torchs(values: list[float], seed: int) -> None:
    given_numbers = torch.tensor(values, dtype=torch.float64)
    leaf = given_numbers.clone().requires_grad_()
    torchs = F.relu(leaf)
    _equal(relu(given_numbers), torchs.detach())
    grad = numbers(tuple(given_numbers.shape), torch.float64, seed, True)
    (expected,) = torch.autograd.grad(torchs, leaf, grad)
    _equal(relu_grad(grad, given_numbers), expected)
    _equal(torch.autograd.grad(relu(leaf), leaf, grad)[0], expected)


@cases(max_pool2d, relu)
@given(poolings(dilated=True))
def test_relu_and_max_pooling_commute(drawn: Pooled) -> None:
    before = max_pool2d(relu(drawn.images), drawn.kernel_size, **drawn.options)
    after, chosen = max_pool2d(
        drawn.images, drawn.kernel_size, **drawn.options, return_indices=True
    )
    # Only where a window sees a pixel at all.
    _equal(before[chosen >= 0], relu(after)[chosen >= 0])
