"""Pooling and ReLU: the lecture's case, arithmetic spelled out, differences, ties and NaN."""

from typing import Any

import pytest
import torch

from cnnbook.pooling import (
    avg_pool2d,
    avg_pool2d_grad,
    max_pool2d,
    max_pool2d_grad,
    relu,
    relu_grad,
)

LECTURE = torch.arange(25.0).reshape(1, 1, 5, 5)


def test_the_lecture_five_by_five_leaves_out_the_last_row_and_column() -> None:
    pooled = max_pool2d(LECTURE, 2)
    assert pooled[0, 0].tolist() == [[6, 8], [16, 18]]
    changed = LECTURE.clone()
    changed[..., 4, :] = changed[..., :, 4] = 1e6
    assert torch.equal(max_pool2d(changed, 2), pooled)
    assert torch.equal(torch.nn.MaxPool2d(2)(LECTURE), pooled)
    # Unless an incomplete window counts.
    assert max_pool2d(LECTURE, 2, ceil_mode=True)[0, 0].tolist() == [
        [6, 8, 9],
        [16, 18, 19],
        [21, 23, 24],
    ]


def test_ceil_mode_with_a_kernel_larger_than_the_image() -> None:
    image = torch.tensor([[1.0, 2.0], [3.0, 6.0]])[None, None]
    options: dict[str, Any] = {"stride": 2, "ceil_mode": True}
    # The only window begins in the image and covers all of it.
    largest, index = max_pool2d(image, 3, **options, return_indices=True)
    assert (largest.tolist(), index.tolist()) == ([[[[6.0]]]], [[[[3]]]])
    assert torch.equal(torch.nn.MaxPool2d(3, 2, ceil_mode=True)(image), largest)
    # What lies beyond the image does not count.
    assert avg_pool2d(image, 3, **options).tolist() == [[[[(1 + 2 + 3 + 6) / 4]]]]
    grad = torch.full((1, 1, 1, 1), 8.0)
    assert max_pool2d_grad(grad, image, 3, **options)[0, 0].tolist() == [[0.0, 0.0], [0.0, 8.0]]
    assert avg_pool2d_grad(grad, 2, 3, **options)[0, 0].tolist() == [[2.0, 2.0], [2.0, 2.0]]
    # It may reach beyond the end by less than a stride.
    for pool in (max_pool2d, avg_pool2d):
        with pytest.raises(ValueError, match=r"plus stride - 1 = 0 with ceil_mode, got a kernel"):
            pool(image, 3, stride=1, ceil_mode=True)


def test_averages_spelled_out() -> None:
    assert avg_pool2d(LECTURE, 2)[0, 0].tolist() == [
        [(0 + 1 + 5 + 6) / 4, (2 + 3 + 7 + 8) / 4],
        [(10 + 11 + 15 + 16) / 4, (12 + 13 + 17 + 18) / 4],
    ]
    # At the lower right corner, a window of one pixel in the image and three beyond it.
    corner = avg_pool2d(LECTURE, 2, ceil_mode=True)[0, 0, 2, 2].item()
    assert corner == 24 / 1
    padded = avg_pool2d(LECTURE, 2, padding=1)[0, 0]
    assert padded[0, 0].item() == (0 + 0 + 0 + 0) / 4
    assert padded[0, 1].item() == (0 + 0 + 1 + 2) / 4
    assert avg_pool2d(LECTURE, 2, padding=1, count_include_pad=False)[0, 0, 0, 1].item() == 3 / 2
    assert avg_pool2d(LECTURE, 2, divisor_override=1)[0, 0, 0, 0].item() == 0 + 1 + 5 + 6


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
def test_half_precision_is_pooled_as_torch_does(pool: Any, dtype: torch.dtype) -> None:
    images = torch.randn(2, 3, 9, 8).to(dtype)
    expected = getattr(torch.nn.functional, pool.__name__)(images, 3, 2, 1)
    got = pool(images, 3, stride=2, padding=1)
    assert got.dtype == dtype
    # One unit in the last place: both keep the sums in float32.
    torch.testing.assert_close(got, expected, rtol=torch.finfo(dtype).eps, atol=0)


def test_complex_numbers_have_a_mean_and_no_largest() -> None:
    image = torch.tensor([[[[1 + 2j, 3 + 4j]]]])
    assert avg_pool2d(image, (1, 2)).item() == 2 + 3j
    with pytest.raises(TypeError, match=r"whose numbers have no order; pool images\.real"):
        max_pool2d(image, (1, 2))
    with pytest.raises(TypeError, match="whose numbers have no order"):
        relu(image)


@pytest.mark.parametrize(
    ("row", "value", "position"),
    [
        ([1, 3, 3, 2], 3, 1),
        ([2, 2, 2, 2], 2, 0),
        ([float("nan"), 5, 1, 1], float("nan"), 0),
        ([1, float("nan"), float("inf"), 1], float("nan"), 1),
        ([float("nan"), 1, float("nan"), 1], float("nan"), 2),
        ([float("-inf")] * 4, float("-inf"), 0),
        ([-0.0, 0.0, -1, -1], 0, 0),
    ],
)
def test_ties_and_nan_are_resolved_as_in_torch(
    row: list[float], value: float, position: int
) -> None:
    image = torch.tensor(row, dtype=torch.float32).reshape(1, 1, 1, 4)
    largest, chosen = max_pool2d(image, (1, 4), return_indices=True)
    assert largest.item() == pytest.approx(value, nan_ok=True)
    assert chosen.item() == position
    _, torchs = torch.nn.functional.max_pool2d(image, (1, 4), return_indices=True)
    assert torchs.item() == position
    grad = torch.tensor([[[[7.0]]]])
    got = max_pool2d_grad(grad, image, (1, 4)).flatten().tolist()
    assert got == [7.0 if k == position else 0.0 for k in range(4)]


def test_a_window_over_padding_alone_passes_no_gradient_on() -> None:
    # Dilation makes the window step over the single column of the image.
    image = torch.tensor([[[[1.0], [2.0], [3.0]]]])
    options: dict[str, Any] = {"padding": (0, 1), "dilation": 2}
    largest, chosen = max_pool2d(image, 2, **options, return_indices=True)
    assert largest.tolist() == [[[[float("-inf")]]]]
    assert chosen.tolist() == [[[[-1]]]]
    assert max_pool2d_grad(torch.ones(1, 1, 1, 1), image, 2, **options).count_nonzero() == 0


def test_gradients_are_finite_differences() -> None:
    # Different numbers, well apart: no step crosses a tie or the corner of ReLU.
    image = (torch.randperm(60).double() - 29.5).reshape(1, 2, 6, 5).requires_grad_()
    for function in (
        lambda x: max_pool2d(x, 3, stride=2, padding=1),
        lambda x: max_pool2d(x, 2, dilation=2, ceil_mode=True),
        lambda x: avg_pool2d(x, 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
        relu,
    ):
        assert torch.autograd.gradcheck(function, image)
    step = 1e-6
    grad = torch.randn(1, 2, 3, 2, dtype=torch.float64)
    by_hand = max_pool2d_grad(grad, image, 2, ceil_mode=False)
    for position in [(0, 0, 0, 0), (0, 1, 3, 2), (0, 0, 5, 4)]:
        moved = image.detach().clone()
        moved[position] += step
        change = ((max_pool2d(moved, 2) - max_pool2d(image, 2)) * grad).sum() / step
        assert by_hand[position].item() == pytest.approx(change.item(), abs=1e-6)


def test_average_gradients_add_up_to_what_came_in() -> None:
    grad = torch.rand(2, 3, 4, 4, dtype=torch.float64)
    for options in ({}, {"padding": 1, "count_include_pad": False}):
        arguments: dict[str, Any] = {"kernel_size": 2, "stride": 2, **options}
        size = 8 if not options else 6
        assert avg_pool2d_grad(grad, size, **arguments).sum().item() == pytest.approx(
            grad.sum().item()
        )


def test_relu_keeps_its_input_and_its_corner() -> None:
    numbers = torch.tensor([-1.0, -0.0, 0.0, 1.0])
    before = numbers.clone()
    assert relu(numbers).tolist() == [0, 0, 0, 1]
    assert relu_grad(torch.ones(4), numbers).tolist() == [0, 0, 0, 1]
    assert torch.equal(numbers, before)
    nan = torch.tensor([float("nan")])
    assert relu(nan).isnan().all()
    assert relu_grad(torch.ones(1), nan).item() == 1


@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
def test_a_window_of_one_pixel_is_a_copy(pool: Any) -> None:
    image = LECTURE.clone()
    pooled = pool(image, 1)
    pooled.zero_()
    assert torch.equal(image, LECTURE)


def test_pooling_first_does_a_quarter_of_the_relus() -> None:
    features = torch.randn(3, 16, 27, 27)
    after = relu(max_pool2d(features, 2))
    assert torch.equal(after, max_pool2d(relu(features), 2))
    assert after.numel() * 4 < features.numel()
    leaf = features.clone().requires_grad_()
    grad = torch.randn_like(after)
    (first,) = torch.autograd.grad(relu(max_pool2d(leaf, 2)), leaf, grad)
    (last,) = torch.autograd.grad(max_pool2d(relu(leaf), 2), leaf, grad)
    assert torch.equal(first, last)


@pytest.mark.gpu
def test_on_a_gpu() -> None:
    images = torch.randint(-9, 10, (2, 3, 9, 8)).double()
    for pool in (max_pool2d, avg_pool2d):
        here = pool(images, 3, stride=2, padding=1)
        there = pool(images.cuda(), 3, stride=2, padding=1)
        assert there.is_cuda
        torch.testing.assert_close(there.cpu(), here)


def test_a_window_of_more_entries_than_a_byte_can_count() -> None:
    image = torch.arange(17 * 18.0).reshape(1, 1, 17, 18)
    largest, chosen = max_pool2d(image, 17, stride=1, return_indices=True)
    assert largest.flatten().tolist() == chosen.flatten().tolist() == [16 * 18 + 16, 16 * 18 + 17]
