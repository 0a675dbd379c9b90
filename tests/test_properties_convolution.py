"""Convolution, its matrix, its gradients and its windows on drawn cases, against torch."""

import importlib
import inspect
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from drawn_cases import Drawn, F, both, cases, convolutions, covered_functions, numbers, pairs, same
from hypothesis import assume, given
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
)
from cnnbook.kernels import conv_from_kernel, shift_kernel
from cnnbook.shapes import (
    transposed_output_size,
)
from cnnbook.windows import fold_windows, window_sum, windows

# torch warns that it copies the images for "same" with an even kernel.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")


@cases(conv2d, conv2d_loop)
@given(convolutions())
def test_convolution_is_torchs(drawn: Drawn) -> None:
    expected = F.conv2d(drawn.images, drawn.weight, drawn.bias, **drawn.options)
    before = drawn.images.clone(), drawn.weight.clone()
    for convolve in (conv2d, conv2d_loop):
        got = convolve(drawn.images, drawn.weight, drawn.bias, **drawn.options)
        same(got, expected, drawn.whole)
    assert torch.equal(drawn.images, before[0])
    assert torch.equal(drawn.weight, before[1])


@cases(conv_matrix)
@given(convolutions(), st.booleans())
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


@cases(conv2d_input_grad, conv2d_weight_grad, conv2d_bias_grad)
@given(convolutions(), st.integers(0, 10**6))
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


@cases(conv2d)
@given(convolutions())
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


@cases(conv_transpose2d, transposed_output_size)
@given(convolutions(strings=False), pairs(0, 2), st.integers(0, 10**6))
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


@cases(windows, fold_windows)
@given(convolutions(strings=False), st.integers(0, 10**6))
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


@cases(window_sum)
@given(convolutions(strings=False), st.data())
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


@cases(conv2d, fold_windows)
@given(convolutions(), st.integers(-5, 5), st.integers(-5, 5))
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


@cases(conv2d, shift_kernel)
@given(convolutions(strings=False), st.integers(-2, 2), st.integers(-2, 2))
def test_shifting_before_is_shifting_after_away_from_the_edges(
    drawn: Drawn, down: int, right: int
) -> None:
    # A wide frame of zeros, so that no other pixel leaves the image.
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


@cases(separable_factors, band_matrix)
@given(convolutions(strings=False), st.integers(0, 10**6))
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


@cases(conv_from_kernel)
@given(convolutions(strings=False))
def test_a_layer_from_a_kernel_does_what_the_kernel_does(drawn: Drawn) -> None:
    depth, (kh, kw) = drawn.weight.shape[1], drawn.kernel_size
    # One group's channels, with room for the kernel.
    images = F.pad(drawn.images[:, :depth], (0, kw, 0, kh))
    state = torch.get_rng_state()
    layer = conv_from_kernel(drawn.weight, bias=0.0 if drawn.bias is None else drawn.bias)
    assert torch.equal(torch.get_rng_state(), state)
    same(layer(images).detach(), F.conv2d(images, drawn.weight, drawn.bias), drawn.whole)


@cases(expand_features)
@given(
    st.integers(0, 2),
    st.integers(1, 3),
    st.integers(1, 6),
    pairs(1, 3),
    st.integers(0, 3),
    st.integers(0, 10**6),
)
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


def test_every_numeric_function_is_covered() -> None:
    modules = ("shapes", "receptive_field", "kernels", "windows", "convolution", "conv_matrix")
    public = {
        name
        for module in (*modules, "pooling", "counting")
        for name in importlib.import_module(f"cnnbook.{module}").__all__
        if inspect.isfunction(getattr(importlib.import_module(f"cnnbook.{module}"), name))
    }
    public.add("fit_full_batch")
    # A function may have its drawn cases here or in the tests of its module.
    files = sorted(Path(__file__).parent.glob("test_*.py"))
    tests = [path.stem for path in files if "from drawn_cases import" in path.read_text("utf-8")]
    assert covered_functions(*map(importlib.import_module, tests)) == public


def test_too_few_cases_would_be_noticed() -> None:
    @cases()
    @given(st.integers(0, 3))
    def four_at_most(number: int) -> None:
        assert number < 4

    with pytest.raises(AssertionError, match="only 4 cases were drawn that fit"):
        four_at_most()
