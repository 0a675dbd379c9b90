"""Convolution by three oracles: arithmetic spelled out, torch, and properties."""

from typing import Any

import pytest
import torch
from cases import CONV_CASES, ConvCase

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
from cnnbook.kernels import averaging_kernel

both = pytest.mark.parametrize("convolve", [conv2d, conv2d_loop])
every_case = pytest.mark.parametrize("case", CONV_CASES, ids=lambda case: case.name)
# torch warns that it copies the images for "same" with an even kernel.
copies = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")


def _options(case: ConvCase) -> dict[str, Any]:
    return {
        "stride": case.stride,
        "padding": case.padding,
        "dilation": case.dilation,
        "groups": case.groups,
    }


@both
def test_the_arithmetic_spelled_out(convolve: Any) -> None:
    image = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]])[None, None]
    kernel = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    expected = [
        [0 * 1 + 1 * 2 + 3 * 3 + 4 * 4, 1 * 1 + 2 * 2 + 4 * 3 + 5 * 4],
        [3 * 1 + 4 * 2 + 6 * 3 + 7 * 4, 4 * 1 + 5 * 2 + 7 * 3 + 8 * 4],
    ]
    assert convolve(image, kernel)[0, 0].tolist() == expected
    with_bias = convolve(image, kernel, torch.tensor([0.5]))[0, 0].tolist()
    assert with_bias == [[number + 0.5 for number in line] for line in expected]


@both
@every_case
@copies
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.complex128])
def test_the_same_as_torch_to_the_last_bit(
    convolve: Any, case: ConvCase, dtype: torch.dtype
) -> None:
    images, weight, bias = case.tensors(dtype)
    expected = torch.nn.functional.conv2d(images, weight, bias, **_options(case))
    got = convolve(images, weight, bias, **_options(case))
    assert got.dtype == dtype
    assert torch.equal(got, expected)


@both
@every_case
@copies
def test_gradients_are_torchs(convolve: Any, case: ConvCase) -> None:
    gradients = []
    functions: tuple[Any, Any] = (torch.nn.functional.conv2d, convolve)
    for function in functions:
        leaves = [tensor.requires_grad_() for tensor in case.tensors() if tensor is not None]
        output = function(*leaves, **_options(case))
        # A different factor at every output, so that a swap of two outputs shows.
        output.mul(torch.arange(output.numel()).reshape(output.shape)).sum().backward()
        gradients.append([leaf.grad for leaf in leaves])
    for torchs, ours in zip(*gradients, strict=True):
        assert torch.equal(torchs, ours)


@both
def test_fractions_agree_within_rounding(convolve: Any) -> None:
    images, weight = torch.rand(2, 3, 8, 8), torch.rand(4, 3, 3, 3)
    expected = torch.nn.functional.conv2d(images, weight)
    torch.testing.assert_close(convolve(images, weight), expected, rtol=1e-5, atol=1e-5)


@both
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_follows_the_input(convolve: Any, dtype: torch.dtype) -> None:
    images, weight = torch.ones(1, 1, 3, 3, dtype=dtype), torch.ones(1, 1, 2, 2, dtype=dtype)
    output = convolve(images, weight)
    assert output.dtype == dtype
    assert output.flatten().tolist() == [4.0] * 4


@both
def test_linear_in_the_images(convolve: Any) -> None:
    a, b = torch.randint(-9, 10, (2, 1, 2, 6, 6)).double()
    weight = torch.randint(-9, 10, (3, 2, 3, 3)).double()
    assert torch.equal(
        convolve(2 * a + 3 * b, weight), 2 * convolve(a, weight) + 3 * convolve(b, weight)
    )


@both
def test_shifting_the_image_shifts_the_result(convolve: Any) -> None:
    image = torch.zeros(1, 1, 9, 9)
    image[..., 3:5, 3:5] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    kernel = torch.tensor([[1.0, -1.0], [2.0, 5.0]])[None, None]
    shifted = torch.roll(image, (2, 1), dims=(2, 3))
    assert torch.equal(
        convolve(shifted, kernel), torch.roll(convolve(image, kernel), (2, 1), dims=(2, 3))
    )


@both
@pytest.mark.parametrize("layout", ["channels_last", "transposed", "strided"])
def test_layout_does_not_matter_and_inputs_stay_as_they_are(convolve: Any, layout: str) -> None:
    images = torch.randint(-9, 10, (2, 3, 6, 6)).double()
    if layout == "channels_last":
        images = images.contiguous(memory_format=torch.channels_last)
    elif layout == "transposed":
        images = images.transpose(2, 3)
    else:
        images = images[..., ::2]
    weight = torch.randint(-9, 10, (4, 3, 2, 2)).double()
    before = images.clone(), weight.clone()
    expected = torch.nn.functional.conv2d(images, weight)
    assert torch.equal(convolve(images, weight), expected)
    assert torch.equal(images, before[0])
    assert torch.equal(weight, before[1])


@both
@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"padding": "full"}, ValueError, "^padding: expected 'same', 'valid', a whole number"),
        ({"padding": "same", "stride": 2}, ValueError, "'same' expects stride 1, got stride 2"),
        ({"padding": -1}, ValueError, "^padding: expected at least 0, got -1"),
        ({"padding": 0.5}, TypeError, "^padding: expected a whole number or a pair"),
        ({"padding": None}, TypeError, "^padding: expected a whole number or a pair"),
        ({"padding": (1, 2, 3)}, TypeError, "^padding: expected a whole number or a pair"),
        ({"stride": 0}, ValueError, "^stride: expected at least 1, got 0"),
        ({"stride": (1, -1)}, ValueError, "^stride: expected at least 1, got -1"),
        ({"stride": "1"}, TypeError, "^stride: expected a whole number or a pair"),
        ({"dilation": 0}, ValueError, "^dilation: expected at least 1, got 0"),
        ({"dilation": float("nan")}, TypeError, "^dilation: expected a whole number or a pair"),
        ({"dilation": 5}, ValueError, "^kernel_size: expected at most the padded size 5"),
        ({"weight": torch.zeros(1, 1, 6, 1)}, ValueError, "a smaller kernel or more padding"),
        ({"images": torch.zeros(5, 5)}, ValueError, r"add axes with images\[None, None\]$"),
        ({"images": [[1.0]]}, TypeError, "^images: expected a torch.Tensor"),
        ({"bias": torch.zeros(2)}, ValueError, "^bias: expected one number for each kernel"),
    ],
)
def test_every_mistake_is_named(
    convolve: Any, changed: dict[str, Any], kind: type[Exception], message: str
) -> None:
    arguments: dict[str, Any] = {
        "images": torch.zeros(1, 1, 5, 5),
        "weight": torch.zeros(1, 1, 2, 2),
    }
    with pytest.raises(kind, match=message):
        convolve(**(arguments | changed))


def test_moving_average_takes_each_channel_by_itself() -> None:
    images = torch.arange(2 * 2 * 3 * 3.0).reshape(2, 2, 3, 3)
    expected = torch.nn.functional.avg_pool2d(images, 2, stride=1)
    assert torch.equal(moving_average(images, size=2), expected)


@pytest.mark.parametrize(
    ("images", "size", "kind", "message"),
    [
        (torch.zeros(3, 3), 2, ValueError, "^images: expected"),
        (torch.zeros(1, 1, 3, 3).long(), 2, TypeError, "^images: expected a floating-point"),
        (torch.zeros(1, 1, 3, 3), 4, ValueError, "^kernel_size: expected at most"),
        (torch.zeros(1, 1, 3, 3), 0, ValueError, "^size: expected at least 1"),
        (torch.zeros(1, 1, 3, 3), 1.5, TypeError, "^size: expected a whole number"),
    ],
)
def test_moving_average_names_every_mistake(
    images: torch.Tensor, size: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        moving_average(images, size=size)


@pytest.mark.gpu
@both
@every_case
@copies
def test_the_same_on_a_gpu(convolve: Any, case: ConvCase) -> None:
    moved = [None if tensor is None else tensor.cuda() for tensor in case.tensors()]
    expected = torch.nn.functional.conv2d(*case.tensors(), **_options(case))
    got = convolve(*moved, **_options(case))
    assert got.device.type == "cuda"
    assert torch.equal(got.cpu(), expected)


LECTURE = torch.arange(16.0).reshape(1, 1, 4, 4)
MEAN = torch.full((1, 1, 3, 3), 1 / 9)


def test_what_of_the_lecture() -> None:
    """``conv(img) = img @ What``: not literally, but for a flat image, and with two factors."""
    expected = torch.nn.functional.conv2d(LECTURE, MEAN)
    # A product from the right keeps the 4 rows, each of which depends only on its own row.
    assert (LECTURE[0, 0] @ torch.rand(4, 2)).shape == (4, 2)
    what = conv_matrix(MEAN, 4)
    assert what.shape == (16, 4)
    assert int(what.count_nonzero()) == 36 == 4 * 9
    torch.testing.assert_close(LECTURE.flatten(1) @ what, expected.flatten(1))
    column, row = separable_factors(averaging_kernel(3))
    a, b = band_matrix(column, 4).T, band_matrix(row, 4)
    assert a.shape == (2, 4)
    torch.testing.assert_close(a @ LECTURE[0, 0] @ b, expected[0, 0])


def test_what_of_the_lectures_cnn_is_nearly_all_zeros() -> None:
    weight = torch.rand(16, 1, 2, 2)
    what = conv_matrix(weight, 28, sparse=True)
    assert what.shape == (784, 11_664)
    assert what.values().numel() == 46_656 == 16 * 27 * 27 * 4
    assert f"{100 * 46_656 / (784 * 11_664):.2f}" == "0.51"
    assert len(set(what.values().tolist())) == weight.numel() == 64
    images = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(
        images.flatten(1) @ what, torch.nn.functional.conv2d(images, weight).flatten(1)
    )


def test_gradients_of_example_4_spelled_out() -> None:
    ones = torch.ones(1, 1, 2, 2)
    windows = [[0, 1, 4, 5], [1, 2, 5, 6], [2, 3, 6, 7]]
    weight_grad = conv2d_weight_grad(LECTURE, ones, 3)[0, 0]
    assert weight_grad.tolist() == [[10, 14, 18], [26, 30, 34], [42, 46, 50]]
    assert weight_grad[0].tolist() == [sum(pixels) for pixels in windows]
    assert conv2d_bias_grad(ones).tolist() == [4]
    seen = conv2d_input_grad(ones, 9 * MEAN, 4)[0, 0]
    assert seen.tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]
    # The matrix of the forward pass, transposed, does the same.
    what = conv_matrix(9 * MEAN, 4)
    assert (ones.flatten(1) @ what.T).reshape(4, 4).tolist() == seen.tolist()


@every_case
@copies
def test_gradients_by_hand_are_finite_differences(case: ConvCase) -> None:
    images, weight, _ = case.tensors()
    output = torch.nn.functional.conv2d(images, weight, **_options(case))
    generator = torch.Generator().manual_seed(1)
    grad = torch.randint(-9, 10, output.shape, generator=generator).double()

    def loss(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return (torch.nn.functional.conv2d(x, w, **_options(case)) * grad).sum()

    size = (images.shape[2], images.shape[3])
    kernel = (weight.shape[2], weight.shape[3])
    by_hand = (
        conv2d_input_grad(grad, weight, size, **_options(case)),
        conv2d_weight_grad(images, grad, kernel, **_options(case)),
    )
    for index, tensor in enumerate((images, weight)):
        assert by_hand[index].shape == tensor.shape
        for position in ((0,) * 4, tuple(n - 1 for n in tensor.shape)):
            if tensor.numel():
                moved = [images.clone(), weight.clone()]
                moved[index][position] += 1
                # A convolution is linear in each: a step of 1 is as good as a small one.
                assert by_hand[index][position] == loss(*moved) - loss(images, weight)


def test_gradient_checks_of_torch_pass_in_float64() -> None:
    images = torch.randn(2, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(4, dtype=torch.float64, requires_grad=True)

    def convolve(*tensors: torch.Tensor) -> torch.Tensor:
        return conv2d(*tensors, stride=(2, 1), padding=1, dilation=(1, 2), groups=2)

    def spread(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return conv_transpose2d(x, w, stride=2, padding=1, output_padding=1)

    assert torch.autograd.gradcheck(convolve, (images, weight, bias))
    kernels = torch.randn(2, 3, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(spread, (images, kernels))


@pytest.mark.parametrize("sparse", [False, True])
def test_gradients_flow_through_the_matrix_to_the_weight(sparse: bool) -> None:
    weight = torch.rand(2, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    images = torch.rand(3, 1, 4, 4, dtype=torch.float64)
    through = images.flatten(1) @ conv_matrix(weight, 4, sparse=sparse)
    (got,) = torch.autograd.grad(through.square().sum(), weight)
    direct = torch.nn.functional.conv2d(images, weight)
    (expected,) = torch.autograd.grad(direct.square().sum(), weight)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.complex64])
def test_dtypes(dtype: torch.dtype) -> None:
    """Small integers, whose sums these dtypes hold exactly."""
    images = torch.arange(32.0).remainder(5).reshape(2, 1, 4, 4).to(dtype)
    weight = torch.tensor([[[[1, 2], [0, -1]]]]).to(dtype)
    expected = torch.nn.functional.conv2d(images, weight)
    assert torch.equal(conv2d(images, weight), expected)
    assert torch.equal(conv2d_loop(images, weight), expected)
    assert conv_matrix(weight, 4).dtype == dtype
    assert torch.equal(images.flatten(1) @ conv_matrix(weight, 4), expected.flatten(1))
    assert torch.equal(images.flatten(1) @ conv_matrix(weight, 4, sparse=True), expected.flatten(1))
    assert conv2d_input_grad(expected, weight, 4).dtype == dtype
    assert conv2d_weight_grad(images, expected, 2).dtype == dtype
    assert conv_transpose2d(images, weight).dtype == dtype
    assert expand_features(images, 3).dtype == dtype
    assert moving_average(images, size=2).dtype == dtype


def test_feature_expansion_of_the_lecture() -> None:
    images = torch.arange(32.0).reshape(2, 1, 4, 4)
    # The second image's first window of the moving average of 2 x 2: [[21, 22], [25, 26]].
    second = torch.nn.functional.unfold(images, 2)[1, :, 4]
    assert second.tolist() == [21, 22, 25, 26]
    features = expand_features(images, 16, generator=torch.Generator().manual_seed(0))
    assert features.shape == (2, 16, 2, 2)
    state = torch.get_rng_state()
    again = expand_features(images, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again, features)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_dense_matrix_beyond_the_memory_is_refused_before_it_is_made() -> None:
    with pytest.raises(
        MemoryError, match=r"^sparse: expected True for a matrix of 50176 x 3154176"
    ):
        conv_matrix(torch.ones(64, 1, 3, 3), 224)


@pytest.mark.gpu
def test_matrix_and_gradients_on_a_gpu() -> None:
    images, weight = torch.rand(2, 2, 6, 6).double(), torch.rand(4, 2, 3, 3).double()
    grad = torch.rand(2, 4, 4, 4).double()
    calls: tuple[tuple[Any, tuple[Any, ...]], ...] = (
        (conv_matrix, (weight, 6)),
        (conv2d_input_grad, (grad, weight, 6)),
        (conv2d_weight_grad, (images, grad, 3)),
        (conv_transpose2d, (grad, weight)),
    )
    for function, arguments in calls:
        moved = [x.cuda() if isinstance(x, torch.Tensor) else x for x in arguments]
        there = function(*moved)
        assert there.is_cuda
        torch.testing.assert_close(there.cpu(), function(*arguments))
