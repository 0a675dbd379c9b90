"""Sizes, receptive fields and kernels on drawn cases, counted one by one or against torch."""

import itertools
from typing import Any

import pytest
import torch
from drawn_cases import F, both, cases, numbers, pairs
from hypothesis import assume, given
from hypothesis import strategies as st

from cnnbook.conv_matrix import separable_factors
from cnnbook.convolution import conv2d, moving_average
from cnnbook.kernels import (
    averaging_conv,
    averaging_kernel,
    gaussian_kernel,
    identity_kernel,
    laplacian_kernel,
    prewitt_kernel,
    sharpening_kernel,
    shift_kernel,
    sobel_kernel,
)
from cnnbook.receptive_field import WindowStep, receptive_field
from cnnbook.shapes import (
    derive_output_size,
    output_size,
    same_padding,
    shape_table,
)

# torch warns that it copies the images for "same" with an even kernel.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")


@st.composite
def axis_numbers(draw: st.DrawFn) -> dict[str, int]:
    options = {
        "kernel_size": draw(st.integers(1, 9)),
        "stride": draw(st.integers(1, 5)),
        "padding": draw(st.integers(0, 5)),
        "dilation": draw(st.integers(1, 4)),
    }
    span = options["dilation"] * (options["kernel_size"] - 1) + 1
    # Sometimes too small, at least without ceil_mode.
    minimum = span - 2 * options["padding"] - draw(st.integers(0, 5))
    options["size"] = max(1, minimum) + draw(st.integers(0, 30))
    return options


@cases(output_size, derive_output_size)
@given(axis_numbers(), st.booleans())
def test_output_size_counts_the_windows_that_fit(options: dict[str, int], ceil_mode: bool) -> None:
    """Count them one by one: the third oracle beside the formula and torch."""
    # Only pooling rounds up, and it takes no more padding than this.
    assume(not ceil_mode or options["padding"] <= options["kernel_size"] // 2)
    reach = options["dilation"] * (options["kernel_size"] - 1)
    first, last = -options["padding"], options["size"] + options["padding"] - 1
    starts = range(first, last + 1, options["stride"])
    fitting = sum(start + reach <= last for start in starts)
    # The last pixel that a window covers, before the image if there is none.
    covered = first + (fitting - 1) * options["stride"] + reach
    if ceil_mode and covered < last:
        # One more may hang over the end, if it starts in the image or in the padding before it.
        fitting += first + fitting * options["stride"] < options["size"]
    if not fitting:
        with pytest.raises(ValueError, match=r"^kernel_size: expected at most the padded size"):
            output_size(**options, ceil_mode=ceil_mode)
        return
    assert output_size(**options, ceil_mode=ceil_mode) == fitting
    assert derive_output_size(**options, ceil_mode=ceil_mode).output_size == fitting
    if not ceil_mode:
        weight = torch.zeros(1, 1, options["kernel_size"])
        sliding: Any = {name: options[name] for name in ("stride", "padding", "dilation")}
        assert F.conv1d(torch.zeros(1, 1, options["size"]), weight, **sliding).shape[2] == fitting


@cases(same_padding)
@given(st.integers(1, 40), st.integers(1, 30), st.integers(1, 60))
def test_same_padding_keeps_the_size_and_is_torchs(kernel: int, dilation: int, size: int) -> None:
    before, after = same_padding(kernel, dilation=dilation)
    assert 0 <= after - before <= 1
    assert output_size(size + before + after, kernel, dilation=dilation) == size
    layer = torch.nn.Conv1d(1, 1, kernel, dilation=dilation, padding="same")
    assert tuple(layer._reversed_padding_repeated_twice) == (before, after)
    assert same_padding((kernel, 1), dilation=dilation) == ((before, after), (0, 0))


@st.composite
def stacks(draw: st.DrawFn) -> list[WindowStep]:
    steps = []
    for _ in range(draw(st.integers(1, 3))):
        kernel = draw(pairs(1, 3))
        steps.append(
            WindowStep(
                kernel,
                draw(pairs(1, 2)),
                draw(st.integers(0, min(both(kernel)) // 2)),
                draw(pairs(1, 2)),
            )
        )
    return steps


@cases(receptive_field, shape_table)
@given(stacks(), st.integers(0, 10**6))
def test_the_receptive_field_is_where_the_gradient_is(steps: list[WindowStep], seed: int) -> None:
    layers: list[torch.nn.Module] = []
    for step in steps:
        layer = torch.nn.Conv2d(
            1, 1, step.kernel_size, step.stride, step.padding, step.dilation, bias=False
        ).double()
        # Positive weights: no two ways to a pixel can cancel.
        torch.nn.init.ones_(layer.weight)
        layers.append(layer)
    net = torch.nn.Sequential(*layers)
    image = torch.zeros(1, 1, 31, 30, dtype=torch.float64, requires_grad=True)
    output = net(image)
    ledger = shape_table(net, (1, 31, 30))
    assert ledger.output_shape == tuple(output.shape[1:])
    field = receptive_field(steps)
    assert field.rows[1:] == tuple(
        type(row)("window", row.size, row.jump, row.start) for row in receptive_field(net).rows[1:]
    )
    generator = torch.Generator().manual_seed(seed)
    row, column = (int(torch.randint(size, (), generator=generator)) for size in output.shape[2:])
    (gradient,) = torch.autograd.grad(output[0, 0, row, column], image)
    seen = gradient[0, 0].nonzero()
    # With dilation or large strides the field has holes, and its first or last pixel may be
    # padding. So the pixels seen are inside the field, and include its ends where these are in the
    # image.
    for axis, pixels in enumerate(field.pixels(row, column)):
        inside = range(image.shape[2 + axis])
        assert set(seen[:, axis].tolist()) <= set(pixels)
        if len(seen) and pixels[0] in inside:
            assert int(seen[:, axis].min()) == pixels[0]
        if len(seen) and pixels[-1] in inside:
            assert int(seen[:, axis].max()) == pixels[-1]


@cases(averaging_kernel, averaging_conv, moving_average)
@given(
    st.integers(1, 5), st.integers(1, 5), st.integers(0, 4), st.integers(0, 4), st.integers(0, 99)
)
def test_three_ways_to_the_moving_average(
    kh: int, kw: int, more: int, wide: int, seed: int
) -> None:
    images = numbers((2, 1, kh + more, kw + wide), torch.float64, seed, True)
    expected = F.avg_pool2d(images, (kh, kw), stride=1)
    kernel = averaging_kernel((kh, kw)).double()
    assert kernel.shape == (kh, kw)
    # A kernel's weights are rounded to float32, the same for all.
    assert kernel.sum().item() == pytest.approx(1, rel=1e-7)
    torch.testing.assert_close(
        conv2d(images, kernel[None, None]), kernel.sum() * expected, rtol=1e-12, atol=1e-12
    )
    torch.testing.assert_close(
        moving_average(images, size=(kh, kw)), expected, rtol=1e-12, atol=1e-12
    )
    layer = averaging_conv((kh, kw))
    assert torch.equal(layer.weight[0, 0], averaging_kernel((kh, kw)))
    torch.testing.assert_close(
        layer(images.float()).detach(), expected.float(), rtol=1e-5, atol=1e-5
    )


@cases(identity_kernel, shift_kernel)
@given(pairs(1, 6), st.integers(-4, 4), st.integers(-4, 4), pairs(1, 6), st.integers(0, 99))
def test_identity_and_shift_move_pixels_and_change_none(
    size: int | tuple[int, int],
    down: int,
    right: int,
    image_size: int | tuple[int, int],
    seed: int,
) -> None:
    image = numbers((1, 1, *both(image_size)), torch.float64, seed, True)
    kernel = identity_kernel(size).double()[None, None]
    assert torch.equal(F.conv2d(image, kernel, padding="same"), image)
    moved = F.conv2d(image, shift_kernel(down, right).double()[None, None], padding="same")
    expected = torch.zeros_like(image)
    height, width = both(image_size)
    for r, c in itertools.product(range(height), range(width)):
        if 0 <= r - down < height and 0 <= c - right < width:
            expected[0, 0, r, c] = image[0, 0, r - down, c - right]
    assert torch.equal(moved, expected)


@cases(gaussian_kernel, separable_factors)
@given(pairs(1, 7), st.floats(0.05, 50))
def test_a_gaussian_is_a_symmetric_product_that_falls_off(size: Any, sigma: float) -> None:
    kernel = gaussian_kernel(size, sigma=sigma)
    assert kernel.shape == both(size)
    assert kernel.double().sum().item() == pytest.approx(1, rel=1e-6)
    assert torch.equal(kernel, kernel.flip(0, 1))
    assert kernel.max() == kernel[(kernel.shape[0] - 1) // 2, (kernel.shape[1] - 1) // 2]
    column, row = separable_factors(kernel)
    torch.testing.assert_close(column[:, None] * row, kernel, rtol=1e-6, atol=1e-7)
    # The density of the normal distribution, sampled and made to sum to 1.
    places = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in kernel.shape]
    down, along = (torch.exp((p.abs().min() ** 2 - p**2) / (2 * sigma**2)) for p in places)
    expected = down[:, None] * along
    # One rounding, to float32.
    expected = (expected / expected.sum()).float()
    torch.testing.assert_close(kernel, expected, rtol=2**-23, atol=2**-149)


@cases(sobel_kernel, prewitt_kernel, laplacian_kernel, sharpening_kernel)
@given(
    st.integers(-9, 9),
    st.integers(-9, 9),
    st.integers(-9, 9),
    st.integers(-3, 3),
    st.integers(-4, 4),
    st.sampled_from(["x", "y"]),
    st.sampled_from([4, 8]),
)
def test_edge_kernels_measure_slope_and_curvature(
    a: int, b: int, c: int, bend: int, amount: int, axis: Any, neighbours: Any
) -> None:
    """On a*x + b*y + c + bend*(x*x + y*y) the changes are known."""
    y, x = torch.meshgrid(torch.arange(5.0).double(), torch.arange(6.0).double(), indexing="ij")
    image = (a * x + b * y + c + bend * (x * x + y * y))[None, None]
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))

    def answer(kernel: torch.Tensor) -> torch.Tensor:
        return F.conv2d(image, kernel.double()[None, None])

    # From one pixel before to one pixel after, the slope in the middle counts twice.
    slope = 2 * (a if axis == "x" else b) + 4 * bend * (x if axis == "x" else y)[None, None]
    assert torch.equal(answer(sobel_kernel(axis)), 4 * slope[inner])
    assert torch.equal(answer(prewitt_kernel(axis)), 3 * slope[inner])
    curvature = {4: 4 * bend, 8: 12 * bend}[neighbours]
    assert torch.equal(
        answer(laplacian_kernel(neighbours)), torch.full_like(image[inner], curvature)
    )
    sharp = answer(sharpening_kernel(amount))
    assert torch.equal(sharp, image[inner] - amount * 4 * bend)
