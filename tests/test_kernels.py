"""Named kernels: their weights, their effect on an image, and layers made from them."""

import inspect
import math
from typing import Any

import pytest
import torch
from drawn_cases import cases
from hypothesis import given
from hypothesis import strategies as st

from cnnbook import kernels
from cnnbook.conv_matrix import separable_factors
from cnnbook.convolution import conv2d, moving_average
from cnnbook.kernels import averaging_conv, conv_from_kernel

SEPARABLE: dict[str, Any] = {
    "averaging": kernels.averaging_kernel((3, 2)),
    "identity": kernels.identity_kernel(3),
    "shift": kernels.shift_kernel(1, -2),
    "gaussian": kernels.gaussian_kernel(5, sigma=1.0),
    "sobel x": kernels.sobel_kernel("x"),
    "sobel y": kernels.sobel_kernel("y"),
    "prewitt x": kernels.prewitt_kernel("x"),
    "prewitt y": kernels.prewitt_kernel("y"),
}
OTHERS: dict[str, Any] = {
    "laplacian": kernels.laplacian_kernel(),
    "laplacian 8": kernels.laplacian_kernel(8),
    "laplacian_of_gaussian": kernels.laplacian_of_gaussian_kernel(5, sigma=1.0),
    "sharpening": kernels.sharpening_kernel(),
}


@pytest.mark.parametrize("name", SEPARABLE)
def test_a_kernel_that_is_called_separable_is(name: str) -> None:
    kernel = SEPARABLE[name]
    column, row = separable_factors(kernel)
    torch.testing.assert_close(column[:, None] * row, kernel, rtol=1e-6, atol=1e-7)
    assert torch.linalg.matrix_rank(kernel) == 1
    function = getattr(kernels, f"{name.split(maxsplit=1)[0]}_kernel")
    assert "Separable" in function.__doc__


@pytest.mark.parametrize("name", OTHERS)
def test_a_kernel_that_is_not_separable_says_so(name: str) -> None:
    with pytest.raises(ValueError, match="rows are not multiples of each other"):
        separable_factors(OTHERS[name])
    function = getattr(kernels, f"{name.split(maxsplit=1)[0]}_kernel")
    assert "Not separable" in function.__doc__


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_factors_of_a_kernel_that_is_not_finite_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match=r"^kernel: expected finite weights, got infinite ones or"):
        separable_factors(torch.tensor([[1.0, number], [1.0, 1.0]]))


def test_a_kernel_of_zeros_is_separable() -> None:
    column, row = separable_factors(torch.zeros(2, 3))
    assert (column[:, None] * row).tolist() == torch.zeros(2, 3).tolist()


def test_separable_within_the_rounding_of_the_dtype() -> None:
    factor = torch.exp(-((torch.arange(5, dtype=torch.float64) - 2) ** 2) / (2 * 1.3**2))
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        kernel = torch.outer(factor, factor).to(dtype)
        column, row = separable_factors(kernel)
        assert column.dtype == row.dtype == dtype
        eps = torch.finfo(dtype).eps
        torch.testing.assert_close(column[:, None] * row, kernel, rtol=8 * eps, atol=eps)


@pytest.mark.parametrize("name", SEPARABLE | OTHERS)
def test_kernels_are_float32_on_the_cpu_whatever_the_default_dtype(name: str) -> None:
    function = getattr(kernels, f"{name.split(maxsplit=1)[0]}_kernel")
    needed = {"size": 3, "sigma": 1.0, "down": 1, "right": 0, "axis": "x"}
    parameters = inspect.signature(function).parameters
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        kernel = function(**{key: needed[key] for key in parameters if key in needed})
    finally:
        torch.set_default_dtype(default)
    assert kernel.dtype == torch.float32
    assert kernel.device == torch.device("cpu")
    assert kernel.ndim == 2
    assert kernel.is_contiguous()


def test_an_averaging_kernel_as_large_as_the_image_is_its_mean() -> None:
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    got = conv2d(image, kernels.averaging_kernel((3, 4))[None, None])
    assert got.item() == pytest.approx(image.mean().item())


def test_edges_of_a_square() -> None:
    image = torch.zeros(1, 1, 6, 6)
    image[..., 2:4, 2:4] = 1
    across = conv2d(image, kernels.sobel_kernel("x")[None, None], padding="same")[0, 0]
    # Positive where the image gets brighter to the right, negative where darker.
    assert across[2].tolist() == [0, 3, 3, -3, -3, 0]
    down = conv2d(image, kernels.sobel_kernel("y")[None, None], padding="same")[0, 0]
    assert torch.equal(down, across.T)


def test_laplacian_of_gaussian_spelled_out() -> None:
    # With sigma 1, g = exp(-r*r / 2) and the weight is g * (r*r - 2), over the sum of g.
    side, corner = math.exp(-1 / 2), math.exp(-2 / 2)
    total = 1 + 4 * side + 4 * corner
    middle, beside = 1 * (0 - 2) / total, side * (1 - 2) / total
    mean = (1 * middle + 4 * beside + 4 * corner * (2 - 2) / total) / 9
    kernel = kernels.laplacian_of_gaussian_kernel(3, sigma=1.0)
    assert kernel[1, 1].item() == pytest.approx(middle - mean)
    assert kernel[0, 1].item() == pytest.approx(beside - mean)
    assert kernel[0, 0].item() == pytest.approx(0 - mean)


@cases(kernels.laplacian_of_gaussian_kernel)
@given(st.tuples(st.integers(1, 12), st.integers(1, 12)), st.floats(0.3, 4))
def test_laplacian_of_gaussian_is_autograds_second_derivative(
    size: tuple[int, int], sigma: float
) -> None:
    y, x = (torch.arange(count, dtype=torch.float64) - (count - 1) / 2 for count in size)
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij")).requires_grad_()
    gaussian = torch.exp(-grid.square().sum(dim=0) / (2 * sigma**2))
    (slope,) = torch.autograd.grad(gaussian.sum(), grid, create_graph=True)
    bends = [torch.autograd.grad(slope[i].sum(), grid, retain_graph=True)[0][i] for i in (0, 1)]
    expected = ((bends[0] + bends[1]) / gaussian.sum()).detach()
    expected -= expected.mean()
    kernel = kernels.laplacian_of_gaussian_kernel(size, sigma=sigma)
    torch.testing.assert_close(kernel, expected.float(), rtol=1e-6, atol=1e-7)
    assert torch.equal(kernel, kernel.flip(0))
    assert torch.equal(kernel, kernel.flip(1))


def test_laplacian_of_gaussian_answers_to_curvature_only() -> None:
    weight = kernels.laplacian_of_gaussian_kernel(13, sigma=1.5)[None, None].double()
    y, x = torch.meshgrid(torch.arange(20.0).double(), torch.arange(16.0).double(), indexing="ij")
    flat, slope, bowl = torch.full_like(x, 7), 3 * x - 2 * y, x * x + y * y
    responses = conv2d(torch.stack([flat, slope, bowl])[:, None], weight)
    torch.testing.assert_close(responses[:2], torch.zeros_like(responses[:2]), rtol=0, atol=1e-5)
    # The second derivatives of x*x + y*y are 2 + 2; the rest is cut off beyond 4 sigma.
    torch.testing.assert_close(
        responses[2], torch.full_like(responses[2], 2 + 2), rtol=0, atol=0.02
    )


def test_laplacian_of_gaussian_changes_sign_at_an_edge() -> None:
    image = torch.zeros(1, 1, 15, 24)
    image[..., 12:] = 1
    weight = kernels.laplacian_of_gaussian_kernel(9, sigma=1.2)[None, None]
    row = conv2d(image, weight, padding="same")[0, 0, 7]
    # Positive on the dark side, negative on the bright side, and nothing far from the edge.
    assert row[8:12].min() > 0.005
    torch.testing.assert_close(row[12:16], -row[8:12].flip(0), rtol=1e-5, atol=1e-6)
    assert row[4:8].abs().max() < 1e-6


def test_a_kernel_with_more_weights_than_any_image_has_pixels_is_refused() -> None:
    for size in (10_001, (1, 10**8 + 1)):
        with pytest.raises(ValueError, match=r"^size: expected at most 100,000,000 weights, got"):
            kernels.averaging_kernel(size)


def test_conv_from_kernel_is_a_layer_of_torch_that_can_be_trained() -> None:
    layer = conv_from_kernel(torch.tensor([[1.0, 2.0]]), bias=3)
    assert type(layer) is torch.nn.Conv2d
    assert (layer.in_channels, layer.out_channels, layer.kernel_size) == (1, 1, (1, 2))
    assert all(parameter.requires_grad for parameter in layer.parameters())
    assert layer(torch.tensor([[[[10.0, 100.0]]]])).item() == 1 * 10 + 2 * 100 + 3


def test_conv_from_kernel_copies_and_leaves_the_random_state_alone() -> None:
    state = torch.get_rng_state()
    kernel = torch.ones(2, 3, 2, 2, dtype=torch.float64)
    layer = conv_from_kernel(kernel, bias=torch.tensor([1.0, 2.0]))
    kernel.zero_()
    assert layer.weight.sum().item() == 24
    assert layer.weight.dtype == layer.bias.dtype == torch.float64  # type: ignore[union-attr]
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("kernel", "bias", "kind", "message"),
    [
        ([[1.0]], 0.0, TypeError, "^kernel: expected a torch.Tensor"),
        (torch.ones(2, 2).long(), 0.0, TypeError, "^kernel: expected a floating-point"),
        (torch.ones(2, 2, 2), 0.0, ValueError, r"^kernel: expected \(kh, kw\) or"),
        (torch.ones(0, 2), 0.0, ValueError, "^kernel: expected at least one weight"),
        (torch.ones(2, 2), "0", TypeError, "^bias: expected a number or a torch.Tensor, got str"),
        (torch.ones(2, 2), True, TypeError, "^bias: expected a number"),
        (torch.ones(2, 2), torch.zeros(2), ValueError, "^bias: expected one number or one for"),
    ],
)
def test_conv_from_kernel_names_every_mistake(
    kernel: Any, bias: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        conv_from_kernel(kernel, bias)


@pytest.mark.parametrize("size", [1, 2, 4, (1, 3), (4, 2)])
def test_averaging_conv_is_the_moving_average(size: int | tuple[int, int]) -> None:
    images = torch.randint(0, 8, (2, 1, 4, 4)).float() * 96
    got = averaging_conv(size)(images).detach()
    torch.testing.assert_close(got, moving_average(images, size=size), rtol=1e-6, atol=1e-4)
