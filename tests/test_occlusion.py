"""Occlusion maps: by hand, by covering one place after the other, and of a linear network."""

from typing import Any

import pytest
import torch
from bad_values import check_refusals

from cnnbook.metrics import occlusion_map
from cnnbook.networks import small_cnn


def _linear(weight: torch.Tensor, bias: float = 0.0) -> torch.nn.Sequential:
    """Make a network that gives one score, the sum of weights ``(c, h, w)`` times pixels."""
    linear = torch.nn.Linear(weight.numel(), 1, dtype=weight.dtype)
    with torch.no_grad():
        linear.weight.copy_(weight.reshape(1, -1))
        linear.bias.fill_(bias)
    return torch.nn.Sequential(torch.nn.Flatten(), linear)


def _one_by_one(
    net: torch.nn.Module,
    images: torch.Tensor,
    classes: torch.Tensor,
    patch: tuple[int, int],
    stride: tuple[int, int],
    fill: float,
) -> torch.Tensor:
    drops = []
    for image, kind in zip(images, classes.tolist(), strict=True):
        rows = []
        for top in range(0, image.shape[1] - patch[0] + 1, stride[0]):
            row = []
            for left in range(0, image.shape[2] - patch[1] + 1, stride[1]):
                covered = image.clone()
                covered[:, top : top + patch[0], left : left + patch[1]] = fill
                with torch.no_grad():
                    row.append(net(image[None])[0, kind] - net(covered[None])[0, kind])
            rows.append(torch.stack(row))
        drops.append(torch.stack(rows)[None])
    return torch.stack(drops)


def test_by_hand() -> None:
    image = torch.tensor([[[[1.0, 2.0, 0.0], [3.0, 1.0, 2.0]]]])
    net = _linear(torch.tensor([[2.0, 0.0, 1.0], [1.0, -1.0, 3.0]]), bias=7)
    zero = torch.tensor([0])
    left, right = 2 * 1 + 0 * 2 + 1 * 3 - 1 * 1, 0 * 2 + 1 * 0 - 1 * 1 + 3 * 2
    assert occlusion_map(net, image, zero, patch=2, fill=0).tolist() == [[[[left, right]]]]
    left, right = 2 * 0 + 0 * 1 + 1 * 2 - 1 * 0, 0 * 1 + 1 * -1 - 1 * 0 + 3 * 1
    assert occlusion_map(net, image, zero, patch=2, fill=1).tolist() == [[[[left, right]]]]
    assert occlusion_map(net, image, zero, patch=2, stride=2, fill=1).tolist() == [[[[left]]]]


@pytest.mark.parametrize("seed", range(30))
def test_against_one_place_after_the_other(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    n, channels, height, width = draw(1, 3), draw(1, 2), draw(3, 7), draw(3, 7)
    patch, stride = (draw(1, height), draw(1, width)), (draw(1, 3), draw(1, 3))
    fill = draw(-2, 2) / 2
    images = torch.rand(n, channels, height, width, generator=generator, dtype=torch.float64)
    classes = torch.randint(0, 4, (n,), generator=generator)
    net = small_cnn(image_shape=(channels, height, width), channels=3, classes=4).double()
    before = images.clone()
    got = occlusion_map(
        net, images, classes, patch=patch, stride=stride, fill=fill, micro_batch_size=draw(1, 9)
    )
    expected = _one_by_one(net, images, classes, patch, stride, fill)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)
    assert got.shape[2:] == torch.nn.functional.max_pool2d(images, patch, stride).shape[2:]
    assert torch.equal(images, before)


def test_of_a_linear_network_it_is_a_convolution_with_ones() -> None:
    generator = torch.Generator().manual_seed(0)
    images, weight = torch.randint(-9, 10, (2, 3, 2, 6, 5), generator=generator).double()
    weight, fill = weight[0], 2
    got = occlusion_map(
        _linear(weight, bias=3), images, torch.zeros(3).long(), patch=(3, 2), stride=2, fill=fill
    )
    ones = torch.ones(1, 2, 3, 2, dtype=torch.float64)
    expected = torch.nn.functional.conv2d(weight * (images - fill), ones, stride=2)
    assert torch.equal(got, expected)


def test_covering_black_with_black_changes_nothing() -> None:
    image = torch.zeros(1, 1, 9, 9)
    image[..., 4:, 4:] = torch.rand(5, 5)
    drop = occlusion_map(
        small_cnn(image_shape=(1, 9, 9)), image, torch.tensor([3]), patch=4, fill=0
    )
    assert drop[0, 0, 0, 0].abs() < 1e-5
    assert drop.abs().max() > 1e-3


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_the_network_is_put_back_and_classes_may_be_of_any_whole_type(dtype: torch.dtype) -> None:
    net = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Flatten())
    images = torch.ones(2, 1, 2, 2)
    drop = occlusion_map(net, images, torch.tensor([0, 3], dtype=dtype), patch=1, fill=0)
    assert drop.tolist() == [[[[1, 0], [0, 0]]], [[[0, 0], [0, 1]]]], "no dropout while looking"
    assert net.training
    assert not drop.requires_grad


ARGUMENTS: dict[str, Any] = {
    "net": torch.nn.Flatten(),
    "images": torch.ones(2, 1, 3, 3),
    "classes": torch.tensor([0, 8]),
    "patch": 2,
    "stride": 1,
    "fill": 0.5,
    "micro_batch_size": 250,
    "device": "cpu",
}
OCCLUDED: dict[str, set[str]] = {
    "net": set(),
    "images": {"tensor of four axes"},
    "classes": {"whole labels", "too large labels"},
    "patch": {"one"},
    "stride": {"one"},
    "fill": {"half", "minus one", "minus huge", "huge", "zero", "one"},
    "micro_batch_size": {"one"},
    "device": {"None"},
}


@pytest.mark.parametrize("name", OCCLUDED)
def test_every_bad_value_is_named(name: str) -> None:
    may_name = {"images": {"net", "classes"}}.get(name, set())
    check_refusals(occlusion_map, ARGUMENTS, name, taken=OCCLUDED[name], may_name=may_name)


@pytest.mark.parametrize(
    ("changed", "kind", "told"),
    [
        ({"patch": (4, 1)}, ValueError, r"^patch: expected at most the image's 3 x 3 pixels, got"),
        ({"classes": torch.tensor([0, 9])}, ValueError, "^classes: expected class numbers 0 to 8"),
        ({"classes": torch.tensor([-1, 0])}, ValueError, r"got -1 to 0$"),
        ({"classes": torch.eye(2).long()}, ValueError, r"classes\.argmax\(dim=1\)$"),
        ({"images": torch.full((2, 1, 3, 3), torch.nan)}, ValueError, "^images: expected finite"),
        ({"images": torch.ones(2, 1, 3, 3).to(torch.complex64)}, TypeError, "^images: expected re"),
        ({"images": torch.ones(2, 1, 3, 3).half(), "fill": 1e5}, ValueError, "^fill: expected a n"),
        ({"net": _linear(torch.full((1, 3, 3), torch.inf)), "classes": torch.zeros(2).long()},
         ValueError, "^net: expected finite scores"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(
    changed: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        occlusion_map(**(ARGUMENTS | changed))
