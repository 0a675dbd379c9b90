"""Named kernels: their numbers, what they do to an image, and where they are made."""

from typing import Any

import pytest
import torch

from cnnbook import kernels
from cnnbook.conv_matrix import separable_factors
from cnnbook.convolution import conv2d

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


def test_nothing_but_zeros_is_a_product_too() -> None:
    column, row = separable_factors(torch.zeros(2, 3))
    assert (column[:, None] * row).tolist() == torch.zeros(2, 3).tolist()


def test_separable_within_the_rounding_of_the_dtype() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        kernel = kernels.gaussian_kernel(5, sigma=1.3, dtype=dtype)
        column, row = separable_factors(kernel)
        assert column.dtype == row.dtype == dtype
        eps = torch.finfo(dtype).eps
        torch.testing.assert_close(column[:, None] * row, kernel, rtol=8 * eps, atol=eps)


@pytest.mark.parametrize("name", kernels.__all__)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.complex64])
def test_kernels_are_made_where_and_as_asked(name: str, dtype: torch.dtype) -> None:
    function = getattr(kernels, name)
    needed: dict[str, dict[str, Any]] = {
        "averaging_kernel": {"size": 3},
        "gaussian_kernel": {"size": 3, "sigma": 1.0},
        "shift_kernel": {"down": 1, "right": 0},
        "sobel_kernel": {"axis": "x"},
        "prewitt_kernel": {"axis": "y"},
    }
    kernel = function(**needed.get(name, {}), dtype=dtype, device="cpu")
    assert kernel.dtype == dtype
    assert kernel.device == torch.device("cpu")
    assert kernel.ndim == 2
    assert function(**needed.get(name, {})).dtype == torch.float32


def test_an_averaging_kernel_as_large_as_the_image_is_its_mean() -> None:
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    got = conv2d(image, kernels.averaging_kernel((3, 4))[None, None])
    assert got.item() == pytest.approx(image.mean().item())


def test_edges_of_a_square() -> None:
    image = torch.zeros(1, 1, 6, 6)
    image[..., 2:4, 2:4] = 1
    across = conv2d(image, kernels.sobel_kernel("x")[None, None], padding="same")[0, 0]
    # Positive where it gets brighter to the right, negative where darker; nothing in the middle.
    assert across[2].tolist() == [0, 3, 3, -3, -3, 0]
    down = conv2d(image, kernels.sobel_kernel("y")[None, None], padding="same")[0, 0]
    assert torch.equal(down, across.T)


def test_a_kernel_of_more_weights_than_pixels_anywhere_is_a_slip() -> None:
    for size in (10_001, (1, 10**8 + 1)):
        with pytest.raises(ValueError, match=r"^size: expected at most 100,000,000 weights, got"):
            kernels.averaging_kernel(size)
