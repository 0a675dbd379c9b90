"""Drawn cases: every numeric function against torch and against its own laws.

Hypothesis draws shapes, knobs, layouts and dtypes, at least 1,000 cases for each public function
of the numeric modules; the last test counts them. Numbers are whole and held in float64 (or
complex128), so that every sum is exact in any order and results are compared with ==; one case in
six has random fractions and is compared within 1e-9.
"""

import functools
import importlib
import inspect
import itertools
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cnnbook.conv_matrix import band_matrix, conv_matrix, separable_factors
from cnnbook.convolution import (
    conv2d,
    conv2d_bias_grad,
    conv2d_input_grad,
    conv2d_loop,
    conv2d_weight_grad,
    conv_transpose2d,
    expand_features,
    moving_average,
)
from cnnbook.kernels import (
    averaging_conv,
    averaging_kernel,
    conv_from_kernel,
    gaussian_kernel,
    identity_kernel,
    laplacian_kernel,
    prewitt_kernel,
    sharpening_kernel,
    shift_kernel,
    sobel_kernel,
)
from cnnbook.pooling import (
    avg_pool2d,
    avg_pool2d_grad,
    max_pool2d,
    max_pool2d_grad,
    relu,
    relu_grad,
)
from cnnbook.receptive_field import WindowStep, receptive_field
from cnnbook.shapes import (
    derive_output_size,
    output_size,
    same_padding,
    shape_table,
    transposed_output_size,
)
from cnnbook.windows import fold_windows, window_sum, windows

CASES = 1_000
RAN: Counter[str] = Counter()
WANTED: set[str] = set()
# torch's layer for "same" with an even kernel says that it copies; that is its own affair.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
F = torch.nn.functional


def cases(*functions: Callable[..., Any]) -> Callable[[Any], Any]:
    """Run a test on 1,000 drawn cases, the same ones each time, and count them for functions."""
    names = [
        f"{function.__module__.partition('.')[2]}.{function.__name__}" for function in functions
    ]
    WANTED.update(names)

    def wrap(test: Any) -> Any:
        @functools.wraps(test)
        def counted(*args: Any, **kwargs: Any) -> None:
            test(*args, **kwargs)
            RAN.update(names)

        # More than are wanted, since a case that is drawn twice is passed over.
        return settings(
            max_examples=CASES + 100,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )(counted)

    return wrap


def numbers(shape: tuple[int, ...], dtype: torch.dtype, seed: int, whole: bool) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)

    def draw() -> torch.Tensor:
        if whole:
            return torch.randint(-9, 10, shape, generator=generator).double()
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    real = draw()
    return (torch.complex(real, draw()) if dtype.is_complex else real).to(dtype)


def laid_out(tensor: torch.Tensor, layout: str) -> torch.Tensor:
    """Return the same numbers, placed otherwise in memory."""
    if layout == "channels last":
        return tensor.contiguous(memory_format=torch.channels_last)
    if layout == "transposed":
        return tensor.transpose(2, 3).contiguous().transpose(2, 3)
    if layout == "every second":
        spread = tensor.new_full((*tensor.shape[:3], 2 * tensor.shape[3]), 99)
        spread[..., ::2] = tensor
        return spread[..., ::2]
    return tensor


def same(got: torch.Tensor, expected: torch.Tensor, whole: bool) -> None:
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    if whole:
        assert torch.equal(got, expected)
    else:
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


pairs = functools.cache(
    lambda low, high: st.one_of(
        st.integers(low, high), st.tuples(st.integers(low, high), st.integers(low, high))
    )
)


def both(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


@dataclass(frozen=True)
class Drawn:
    """A convolution that fits: tensors and knobs."""

    images: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor | None
    options: dict[str, Any]
    whole: bool

    @property
    def groups(self) -> int:
        return int(self.options["groups"])

    @property
    def size(self) -> tuple[int, int]:
        return (self.images.shape[2], self.images.shape[3])

    @property
    def kernel_size(self) -> tuple[int, int]:
        return (self.weight.shape[2], self.weight.shape[3])


@st.composite
def convolutions(draw: st.DrawFn, *, strings: bool = True) -> Drawn:
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    dilation = draw(pairs(1, 3))
    spans = [gap * (count - 1) + 1 for gap, count in zip(both(dilation), kernel, strict=True)]
    padding: Any = draw(pairs(0, 3))
    stride: Any = draw(pairs(1, 3))
    if strings and draw(st.integers(0, 5)) == 0:
        padding = draw(st.sampled_from(["same", "valid"]))
        stride = 1 if padding == "same" else stride
    border = (0, 0) if isinstance(padding, str) else both(padding)
    minimum = [max(1, span - 2 * b) for span, b in zip(spans, border, strict=True)]
    if padding == "same":
        minimum = [1, 1]
    size = [low + draw(st.integers(0, 5)) for low in minimum]
    groups = draw(st.integers(1, 3))
    depth, kernels = draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    n, seed = draw(st.integers(0, 2)), draw(st.integers(0, 10**6))
    whole = draw(st.integers(0, 5)) > 0
    dtype = draw(st.sampled_from([torch.float64] * 3 + [torch.complex128]))
    layout = draw(st.sampled_from(["plain", "channels last", "transposed", "every second"]))
    images = numbers((n, groups * depth, *size), dtype, seed, whole)
    weight = numbers((kernels, depth, *kernel), dtype, seed + 1, whole)
    bias = numbers((kernels,), dtype, seed + 2, whole) if draw(st.booleans()) else None
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return Drawn(laid_out(images, layout), weight, bias, options, whole)


@given(convolutions())
@cases(conv2d, conv2d_loop)
def test_convolution_is_torchs(drawn: Drawn) -> None:
    expected = F.conv2d(drawn.images, drawn.weight, drawn.bias, **drawn.options)
    before = drawn.images.clone(), drawn.weight.clone()
    for convolve in (conv2d, conv2d_loop):
        got = convolve(drawn.images, drawn.weight, drawn.bias, **drawn.options)
        same(got, expected, drawn.whole)
    assert torch.equal(drawn.images, before[0])
    assert torch.equal(drawn.weight, before[1])


@given(convolutions(), st.booleans())
@cases(conv_matrix)
def test_the_matrix_is_the_convolution_and_its_transpose_the_gradient(
    drawn: Drawn, sparse: bool
) -> None:
    what = conv_matrix(drawn.weight, drawn.size, **drawn.options, sparse=sparse)
    expected = F.conv2d(drawn.images, drawn.weight, **drawn.options)
    assert what.shape == (math.prod(drawn.images.shape[1:]), math.prod(expected.shape[1:]))
    assert what.is_sparse == sparse
    if sparse:
        # torch's own check of order and bounds.
        torch._validate_sparse_coo_tensor_args(what._indices(), what._values(), what.shape, True)
        what = what.to_dense()
        assert torch.equal(what, conv_matrix(drawn.weight, drawn.size, **drawn.options))
    same(drawn.images.flatten(1) @ what, expected.flatten(1), drawn.whole)
    back = conv2d_input_grad(expected, drawn.weight, drawn.size, **drawn.options)
    same(expected.flatten(1) @ what.mH, back.flatten(1), drawn.whole)


@given(convolutions(), st.integers(0, 10**6))
@cases(conv2d_input_grad, conv2d_weight_grad, conv2d_bias_grad)
def test_gradients_are_autograds_and_the_input_gradient_is_the_adjoint(
    drawn: Drawn, seed: int
) -> None:
    images, weight = drawn.images.clone().requires_grad_(), drawn.weight.clone().requires_grad_()
    bias = numbers((len(weight),), weight.dtype, 0, True).requires_grad_()
    output = F.conv2d(images, weight, bias, **drawn.options)
    grad = numbers(tuple(output.shape), output.dtype, seed, drawn.whole)
    torchs = torch.autograd.grad(output, (images, weight, bias), grad)
    ours = (
        conv2d_input_grad(grad, weight.detach(), drawn.size, **drawn.options),
        conv2d_weight_grad(images.detach(), grad, drawn.kernel_size, **drawn.options),
        conv2d_bias_grad(grad),
    )
    for got, expected in zip(ours, torchs, strict=True):
        same(got, expected, drawn.whole)
    # <conv(x), y> = <x, conv'(y)>
    forward = torch.vdot(
        F.conv2d(drawn.images, drawn.weight, **drawn.options).flatten(), grad.flatten()
    )
    backward = torch.vdot(drawn.images.flatten(), ours[0].flatten())
    same(forward, backward, drawn.whole)


@given(convolutions())
@cases(conv2d)
def test_autograd_goes_through_our_convolution_as_through_torchs(drawn: Drawn) -> None:
    gradients = []
    functions: tuple[Any, Any] = (F.conv2d, conv2d)
    for function in functions:
        leaves = [drawn.images.clone().requires_grad_(), drawn.weight.clone().requires_grad_()]
        output = function(*leaves, **drawn.options)
        steps = torch.arange(output.numel(), dtype=torch.float64).reshape(output.shape)
        gradients.append(torch.autograd.grad(output, leaves, steps.to(output.dtype)))
    for torchs, ours in zip(*gradients, strict=True):
        same(ours, torchs, drawn.whole)


@given(convolutions(strings=False), pairs(0, 2), st.integers(0, 10**6))
@cases(conv_transpose2d, transposed_output_size)
def test_transposed_convolution_is_torchs(
    drawn: Drawn, output_padding: int | tuple[int, int], seed: int
) -> None:
    # Fewer pixels than a step or a gap are added, and something is left between the paddings.
    steps = zip(both(drawn.options["stride"]), both(drawn.options["dilation"]), strict=True)
    added = [min(o, max(step) - 1) for o, step in zip(both(output_padding), steps, strict=True)]
    taken = [
        min(p, (count - 1 + o) // 2)
        for p, count, o in zip(
            both(drawn.options["padding"]), drawn.kernel_size, added, strict=True
        )
    ]
    options = drawn.options | {"padding": tuple(taken), "output_padding": tuple(added)}
    images = numbers(
        (len(drawn.images), len(drawn.weight), *drawn.size), drawn.weight.dtype, seed, drawn.whole
    )
    bias = numbers((drawn.images.shape[1],), images.dtype, seed + 1, drawn.whole)
    got = conv_transpose2d(images, drawn.weight, bias, **options)
    sizes = {name: options[name] for name in options if name != "groups"}
    size = transposed_output_size(drawn.size, drawn.kernel_size, **sizes)
    assert got.shape == (len(images), len(bias), *size)
    if len(images):  # torch itself takes no empty batch here.
        expected = F.conv_transpose2d(images, drawn.weight, bias, **options)
        same(got, expected, drawn.whole)


@given(convolutions(strings=False), st.integers(0, 10**6))
@cases(windows, fold_windows)
def test_windows_and_their_adjoint(drawn: Drawn, seed: int) -> None:
    options = {name: drawn.options[name] for name in ("stride", "padding", "dilation")}
    every = windows(drawn.images, drawn.kernel_size, **options)
    n, oh, ow = every.shape[0], *every.shape[2:4]
    if n and not drawn.images.is_complex():
        columns = F.unfold(drawn.images, drawn.kernel_size, **options)
        assert torch.equal(every.permute(0, 1, 4, 5, 2, 3).reshape(n, -1, oh * ow), columns)
    handed = numbers(tuple(every.shape), every.dtype, seed, drawn.whole)
    folded = fold_windows(handed, drawn.size, **options)
    assert folded.shape == drawn.images.shape
    same(
        torch.vdot(every.flatten(), handed.flatten()),
        torch.vdot(drawn.images.flatten(), folded.flatten()),
        drawn.whole,
    )


@given(convolutions(strings=False), st.data())
@cases(window_sum)
def test_one_window_is_one_pixel_of_the_output(drawn: Drawn, data: st.DataObject) -> None:
    expected = F.conv2d(drawn.images, drawn.weight, drawn.bias, **drawn.options)
    assume(len(expected) > 0)
    image, channel, row, column = (data.draw(st.integers(0, size - 1)) for size in expected.shape)
    got = window_sum(
        drawn.images,
        drawn.weight,
        drawn.bias,
        row=row,
        column=column,
        image=image,
        channel=channel,
        **drawn.options,
    )
    total = expected[image, channel, row, column].item()
    assert got.total == (total if drawn.whole else pytest.approx(total, rel=1e-9, abs=1e-9))
    summed = sum(w * p for w, p in zip(got.weights, got.pixels, strict=True)) + (got.bias or 0)
    assert summed == (total if drawn.whole else pytest.approx(total, rel=1e-9, abs=1e-9))
    assert str(got).count("*") == drawn.weight[0].numel()


@given(convolutions(), st.integers(-5, 5), st.integers(-5, 5))
@cases(conv2d, fold_windows)
def test_convolution_is_linear_in_images_and_weights(drawn: Drawn, a: int, b: int) -> None:
    other = drawn.images.flip(3)
    mixed = conv2d(a * drawn.images + b * other, drawn.weight, **drawn.options)
    parts = (
        conv2d(drawn.images, drawn.weight, **drawn.options),
        conv2d(other, drawn.weight, **drawn.options),
    )
    same(mixed, a * parts[0] + b * parts[1], drawn.whole)
    turned = drawn.weight.flip(2)
    same(
        conv2d(drawn.images, a * drawn.weight + b * turned, **drawn.options),
        a * parts[0] + b * conv2d(drawn.images, turned, **drawn.options),
        drawn.whole,
    )


@given(convolutions(strings=False), st.integers(-2, 2), st.integers(-2, 2))
@cases(conv2d, shift_kernel)
def test_shifting_before_is_shifting_after_away_from_the_edges(
    drawn: Drawn, down: int, right: int
) -> None:
    # A wide frame of zeros, so that nothing that matters leaves the image.
    images = F.pad(drawn.images, (9, 9, 9, 9))
    shift = shift_kernel(down, right).to(images.dtype)
    channels = images.shape[1]

    def shifted(features: torch.Tensor) -> torch.Tensor:
        each = shift.expand(features.shape[1], 1, *shift.shape)
        return conv2d(features, each, padding="same", groups=features.shape[1])

    assert torch.equal(shifted(images), torch.roll(images, (down, right), dims=(2, 3)))
    options = drawn.options | {"stride": 1, "padding": 0}
    before = conv2d(shifted(images), drawn.weight, **options)
    after = shifted(conv2d(images, drawn.weight, **options))
    same(before, after, drawn.whole)
    assert channels == drawn.images.shape[1]


@st.composite
def axis_numbers(draw: st.DrawFn) -> dict[str, int]:
    options = {
        "kernel_size": draw(st.integers(1, 9)),
        "stride": draw(st.integers(1, 5)),
        "padding": draw(st.integers(0, 5)),
        "dilation": draw(st.integers(1, 4)),
    }
    span = options["dilation"] * (options["kernel_size"] - 1) + 1
    options["size"] = max(1, span - 2 * options["padding"]) + draw(st.integers(0, 30))
    return options


@given(axis_numbers(), st.booleans())
@cases(output_size, derive_output_size)
def test_output_size_counts_the_windows_that_fit(options: dict[str, int], ceil_mode: bool) -> None:
    """Count them one by one: the third oracle beside the formula and torch."""
    # Only pooling rounds up, and it takes no more padding than this.
    assume(not ceil_mode or options["padding"] <= options["kernel_size"] // 2)
    reach = options["dilation"] * (options["kernel_size"] - 1)
    first, last = -options["padding"], options["size"] + options["padding"] - 1
    starts = range(first, last + 1, options["stride"])
    fitting = sum(start + reach <= last for start in starts)
    if ceil_mode and (starts[fitting - 1] + reach < last):
        # One more may hang over the end, if it starts in the image or in the padding before it.
        fitting += first + fitting * options["stride"] < options["size"]
    assert output_size(**options, ceil_mode=ceil_mode) == fitting
    assert derive_output_size(**options, ceil_mode=ceil_mode).output_size == fitting
    if not ceil_mode:
        weight = torch.zeros(1, 1, options["kernel_size"])
        sliding: Any = {name: options[name] for name in ("stride", "padding", "dilation")}
        assert F.conv1d(torch.zeros(1, 1, options["size"]), weight, **sliding).shape[2] == fitting


@given(st.integers(1, 40), st.integers(1, 30), st.integers(1, 60))
@cases(same_padding)
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


@given(stacks(), st.integers(0, 10**6))
@cases(receptive_field, shape_table)
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
    # With a step over pixels the field has holes, and its first or last pixel may lie in the
    # padding; so what is seen lies in the field, and touches its ends where they are in the image.
    for axis, pixels in enumerate(field.pixels(row, column)):
        inside = range(image.shape[2 + axis])
        assert set(seen[:, axis].tolist()) <= set(pixels)
        if len(seen) and pixels[0] in inside:
            assert int(seen[:, axis].min()) == pixels[0]
        if len(seen) and pixels[-1] in inside:
            assert int(seen[:, axis].max()) == pixels[-1]


@given(
    st.integers(1, 5), st.integers(1, 5), st.integers(0, 4), st.integers(0, 4), st.integers(0, 99)
)
@cases(averaging_kernel, averaging_conv, moving_average)
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


@given(pairs(1, 6), st.integers(-4, 4), st.integers(-4, 4), pairs(1, 6), st.integers(0, 99))
@cases(identity_kernel, shift_kernel)
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


@given(pairs(1, 7), st.floats(0.05, 50))
@cases(gaussian_kernel, separable_factors)
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


@given(
    st.integers(-9, 9),
    st.integers(-9, 9),
    st.integers(-9, 9),
    st.integers(-3, 3),
    st.integers(-4, 4),
    st.sampled_from(["x", "y"]),
    st.sampled_from([4, 8]),
)
@cases(sobel_kernel, prewitt_kernel, laplacian_kernel, sharpening_kernel)
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


@given(convolutions(strings=False), st.integers(0, 10**6))
@cases(separable_factors, band_matrix)
def test_a_separable_kernel_is_two_matrices(drawn: Drawn, seed: int) -> None:
    assume(not drawn.images.is_complex())
    column = numbers((drawn.kernel_size[0],), torch.float64, seed, False)
    row = numbers((drawn.kernel_size[1],), torch.float64, seed + 1, False)
    kernel = column[:, None] * row
    down, along = separable_factors(kernel)
    torch.testing.assert_close(down[:, None] * along, kernel, rtol=1e-12, atol=1e-15)
    (h, w), options = drawn.size, drawn.options
    a, b = (
        band_matrix(
            part,
            size,
            stride=both(options["stride"])[axis],
            padding=both(options["padding"])[axis],
            dilation=both(options["dilation"])[axis],
        )
        for axis, (part, size) in enumerate(((down, h), (along, w)))
    )
    image = drawn.images[:, :1]
    options = {name: options[name] for name in ("stride", "padding", "dilation")}
    expected = F.conv2d(image, kernel[None, None], **options)
    torch.testing.assert_close(a.T @ image @ b, expected, rtol=1e-9, atol=1e-9)


@given(convolutions(strings=False))
@cases(conv_from_kernel)
def test_a_layer_from_a_kernel_does_what_the_kernel_does(drawn: Drawn) -> None:
    depth, (kh, kw) = drawn.weight.shape[1], drawn.kernel_size
    # One group's channels, with room for the kernel.
    images = F.pad(drawn.images[:, :depth], (0, kw, 0, kh))
    state = torch.get_rng_state()
    layer = conv_from_kernel(drawn.weight, bias=0.0 if drawn.bias is None else drawn.bias)
    assert torch.equal(torch.get_rng_state(), state)
    same(layer(images).detach(), F.conv2d(images, drawn.weight, drawn.bias), drawn.whole)


@given(
    st.integers(0, 2),
    st.integers(1, 3),
    st.integers(1, 6),
    pairs(1, 3),
    st.integers(0, 3),
    st.integers(0, 10**6),
)
@cases(expand_features)
def test_features_are_those_of_a_new_layer_of_torch(
    n: int, channels: int, out: int, kernel: Any, more: int, seed: int
) -> None:
    kh, kw = both(kernel)
    images = numbers((n, channels, kh + more, kw + more), torch.float32, seed, True)
    torch.manual_seed(seed)
    expected = torch.nn.Conv2d(channels, out, kernel)(images).detach()
    generator = torch.Generator().manual_seed(seed)
    got = expand_features(images, out, kernel_size=kernel, generator=generator)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
    torch.manual_seed(seed)
    assert torch.equal(expand_features(images, out, kernel_size=kernel), got)


@dataclass(frozen=True)
class Pooled:
    """A pooling that fits: images and knobs."""

    images: torch.Tensor
    kernel_size: Any
    options: dict[str, Any]
    whole: bool


@st.composite
def poolings(draw: st.DrawFn, *, dilated: bool) -> Pooled:
    kernel: Any = draw(pairs(1, 4))
    gap: Any = draw(pairs(1, 2)) if dilated else 1
    spans = [g * (k - 1) + 1 for g, k in zip(both(gap), both(kernel), strict=True)]
    padding = tuple(draw(st.integers(0, count // 2)) for count in both(kernel))
    size = [
        max(1, span - 2 * border) + draw(st.integers(0, 6))
        for span, border in zip(spans, padding, strict=True)
    ]
    options = {
        "stride": draw(st.one_of(st.none(), pairs(1, 4))),
        "padding": padding,
        "ceil_mode": draw(st.booleans()),
    } | ({"dilation": gap} if dilated else {})
    whole = draw(st.integers(0, 5)) > 0
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 2)), *size)
    images = numbers(shape, torch.float64, draw(st.integers(0, 10**6)), whole)
    if whole:
        # Few different numbers, so that there are ties; sometimes NaN and infinities.
        images = images.div(4, rounding_mode="trunc")
        for special in draw(st.sets(st.sampled_from([float("nan"), float("inf"), float("-inf")]))):
            images[images == draw(st.integers(-2, 2))] = special
    layout = draw(st.sampled_from(["plain", "channels last", "transposed", "every second"]))
    return Pooled(laid_out(images, layout), kernel, options, whole)


def _equal(got: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)


@given(poolings(dilated=True), st.integers(0, 10**6))
@cases(max_pool2d, max_pool2d_grad)
def test_max_pooling_is_torchs_with_ties_nan_and_infinity(drawn: Pooled, seed: int) -> None:
    images = drawn.images.clone().requires_grad_()
    torchs, indices = F.max_pool2d(images, drawn.kernel_size, **drawn.options, return_indices=True)
    got, chosen = max_pool2d(drawn.images, drawn.kernel_size, **drawn.options, return_indices=True)
    _equal(got, torchs.detach())
    _equal(max_pool2d(drawn.images, drawn.kernel_size, **drawn.options), torchs.detach())
    # With dilation a window can step over the whole image and see nothing but padding. torch names
    # a pixel that is not there and hands it the gradient; here no pixel is named and none gets it.
    seen = chosen >= 0
    assert torch.equal(chosen[seen], indices[seen])
    assert (got[~seen] == float("-inf")).all()
    grad = seen * numbers(tuple(got.shape), got.dtype, seed, True)
    (expected,) = torch.autograd.grad(torchs, images, grad)
    _equal(max_pool2d_grad(grad, drawn.images, drawn.kernel_size, **drawn.options), expected)
    ours = max_pool2d(images, drawn.kernel_size, **drawn.options)
    _equal(torch.autograd.grad(ours, images, grad)[0], expected)


@given(
    poolings(dilated=False),
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 9), st.integers(-9, -1)),
    st.integers(0, 10**6),
)
@cases(avg_pool2d, avg_pool2d_grad)
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


@given(st.lists(st.floats(width=64), max_size=12), st.integers(0, 10**6))
@cases(relu, relu_grad)
def test_relu_is_torchs(values: list[float], seed: int) -> None:
    given_numbers = torch.tensor(values, dtype=torch.float64)
    leaf = given_numbers.clone().requires_grad_()
    torchs = F.relu(leaf)
    _equal(relu(given_numbers), torchs.detach())
    grad = numbers(tuple(given_numbers.shape), torch.float64, seed, True)
    (expected,) = torch.autograd.grad(torchs, leaf, grad)
    _equal(relu_grad(grad, given_numbers), expected)
    _equal(torch.autograd.grad(relu(leaf), leaf, grad)[0], expected)


@given(poolings(dilated=True))
@cases(max_pool2d, relu)
def test_relu_and_max_pooling_commute(drawn: Pooled) -> None:
    before = max_pool2d(relu(drawn.images), drawn.kernel_size, **drawn.options)
    after, chosen = max_pool2d(
        drawn.images, drawn.kernel_size, **drawn.options, return_indices=True
    )
    # Where a window sees a pixel at all.
    _equal(before[chosen >= 0], relu(after)[chosen >= 0])


NUMERIC = ("shapes", "kernels", "windows", "convolution", "pooling")


def test_every_numeric_function_has_its_thousand_cases(request: pytest.FixtureRequest) -> None:
    public = {
        f"{module}.{name}"
        for module in NUMERIC
        for name in importlib.import_module(f"cnnbook.{module}").__all__
        if inspect.isfunction(getattr(importlib.import_module(f"cnnbook.{module}"), name))
        and not name.startswith("check_")
    }
    assert public == WANTED
    drawn = {item.name for item in request.session.items if item.path.name == "test_properties.py"}
    if len(drawn) < sum(name.startswith("test_") for name in globals()):
        pytest.skip("only some of the tests of this file were run")
    assert {name: RAN[name] for name in public if RAN[name] < CASES} == {}
