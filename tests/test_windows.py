"""Windows against torch's unfold, and the window sum against arithmetic."""

from typing import Any

import pytest
import torch

from cnnbook.windows import WindowSum, fold_windows, window_sum, windows


@pytest.mark.parametrize("stride", [1, 2, (3, 1)])
@pytest.mark.parametrize("padding", [0, 1, (0, 2)])
@pytest.mark.parametrize("dilation", [1, 2, (2, 1)])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "transposed"])
def test_windows_are_the_columns_of_unfold(
    stride: Any, padding: Any, dilation: Any, layout: str
) -> None:
    images = torch.arange(2 * 3 * 7 * 6.0).reshape(2, 3, 7, 6)
    if layout == "channels_last":
        images = images.contiguous(memory_format=torch.channels_last)
    if layout == "transposed":
        images = images.transpose(2, 3)
    got = windows(images, (2, 3), stride=stride, padding=padding, dilation=dilation)
    columns = torch.nn.functional.unfold(
        images, (2, 3), stride=stride, padding=padding, dilation=dilation
    )
    n, c, oh, ow, kh, kw = got.shape
    assert torch.equal(got.permute(0, 1, 4, 5, 2, 3).reshape(n, c * kh * kw, oh * ow), columns)


def test_windows_share_the_pixels_unless_there_is_padding() -> None:
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    view = windows(image, 2)
    assert view.data_ptr() == image.data_ptr()
    assert view[0, 0, 1, 1].tolist() == [[5, 6], [9, 10]]
    assert windows(image, 2, padding=1).data_ptr() != image.data_ptr()


def test_windows_keep_any_dtype_and_the_gradient() -> None:
    assert windows(torch.zeros(1, 1, 3, 3, dtype=torch.bool), 2).dtype == torch.bool
    image = torch.zeros(1, 1, 3, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(windows(image, 2).sum(), image)
    # How many windows of 2 x 2 cover each pixel of 3 x 3.
    assert gradient[0, 0].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]


def test_windows_of_an_empty_batch() -> None:
    assert windows(torch.zeros(0, 2, 3, 3), 2).shape == (0, 2, 2, 2, 2, 2)


def test_window_sum_of_the_lecture() -> None:
    torch.manual_seed(43052)
    layer = torch.nn.Conv2d(1, 1, (2, 2))
    image = torch.tensor([[0.0, 1.0], [2.0, 3.0]])[None, None]
    result = window_sum(image, layer.weight, layer.bias, row=0, column=0)
    assert str(result) == "(-0.1733)*0 + (-0.4235)*1 + 0.1802*2 + 0.4668*3 + 0.2037 = 1.541"
    assert result.total == pytest.approx(layer(image).item(), rel=1e-6)


@pytest.mark.parametrize("groups", [1, 2])
def test_window_sum_is_a_pixel_of_conv2d(groups: int) -> None:
    images = torch.randint(-9, 10, (2, 4, 7, 6)).double()
    weight = torch.randint(-9, 10, (6, 4 // groups, 3, 2)).double()
    bias = torch.randint(-9, 10, (6,)).double()
    options: dict[str, Any] = {"stride": (2, 1), "padding": 1, "dilation": 2, "groups": groups}
    output = torch.nn.functional.conv2d(images, weight, bias, **options)
    for image in range(2):
        for channel in range(6):
            for row in range(output.shape[2]):
                for column in range(output.shape[3]):
                    got: WindowSum = window_sum(
                        images,
                        weight,
                        bias,
                        row=row,
                        column=column,
                        image=image,
                        channel=channel,
                        **options,
                    )
                    assert got.total == output[image, channel, row, column].item()
                    assert sum(got.products) + (got.bias or 0) == got.total
                    assert len(got.pixels) == len(got.weights) == 3 * 2 * 4 // groups


def test_window_sum_prints_complex_numbers() -> None:
    image = torch.tensor([[[[1 + 2j]]]])
    result = window_sum(image, torch.tensor([[[[2 + 0j]]]]), row=0, column=0)
    assert str(result) == "(2+0j)*(1+2j) = 2+4j"


@pytest.mark.parametrize("name", ["row", "column", "image", "channel"])
@pytest.mark.parametrize("bad", [-1, 9, 1.0, None, True])
def test_window_sum_refuses_a_window_that_does_not_exist(name: str, bad: object) -> None:
    position: dict[str, Any] = {"row": 0, "column": 0}
    position[name] = bad
    kind = ValueError if isinstance(bad, int) and not isinstance(bad, bool) else TypeError
    with pytest.raises(kind, match=f"^{name}: expected "):
        window_sum(torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 2, 2), **position)


def test_fold_windows_counts_the_windows_that_cover_each_pixel() -> None:
    image = torch.ones(1, 1, 3, 3, dtype=torch.int64)
    counts = fold_windows(windows(image, 2), 3)
    assert counts[0, 0].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    assert torch.equal(
        fold_windows(windows(image.float(), 2), 3),
        torch.nn.functional.fold(torch.nn.functional.unfold(image.float(), 2), 3, 2),
    )
    # With the window's size as stride nothing overlaps, and the last row and column stay 0.
    five = torch.arange(25).reshape(1, 1, 5, 5)
    back = fold_windows(windows(five, 2, stride=2), 5, stride=2)
    assert torch.equal(back[..., :4, :4], five[..., :4, :4])
    assert back[..., 4, :].count_nonzero() == back[..., :, 4].count_nonzero() == 0


def test_fold_windows_drops_sums_that_fall_into_the_padding() -> None:
    image = torch.rand(2, 3, 4, 4).double()
    padded = windows(image, 3, padding=1)
    values = torch.rand_like(padded)
    assert (padded * values).sum().item() == pytest.approx(
        (image * fold_windows(values, 4, padding=1)).sum().item()
    )


def test_fold_windows_does_not_change_its_input() -> None:
    given = torch.ones(1, 1, 2, 2, 2, 2)
    fold_windows(given, 3)
    assert torch.equal(given, torch.ones(1, 1, 2, 2, 2, 2))
