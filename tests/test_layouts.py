"""Another order and layout: the same numbers, the same gradients, the same network."""

import copy
from typing import Any

import pytest
import torch

from cnnbook.layouts import (
    channels_last_pays,
    gradients_turned,
    has_hooks,
    pooling_first,
    to_channels_last,
)
from cnnbook.networks import mlp, small_cnn
from cnnbook.training import fit_full_batch

POOLINGS: list[dict[str, Any]] = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 2, "dilation": 2},
    {"kernel_size": 2, "ceil_mode": True},
    {"kernel_size": (1, 3)},
]


@pytest.mark.parametrize("pooling", POOLINGS, ids=str)
@pytest.mark.parametrize("kind", ["random", "ties", "negative", "not a number"])
def test_pooling_before_relu_gives_the_same_bits(pooling: dict[str, Any], kind: str) -> None:
    """Values and gradients, above all where numbers are equal, below zero, or exactly zero."""
    numbers = torch.randn(3, 2, 7, 8)
    if kind == "ties":
        numbers = torch.randint(-1, 2, numbers.shape).float()
        numbers[numbers == 0] *= -1  # Half of the zeros are negative ones.
    elif kind == "negative":
        numbers = -numbers.abs()
    elif kind == "not a number":
        numbers[1, 1, 3, 3] = float("nan")
    net = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.MaxPool2d(**pooling))
    turned = pooling_first(net)
    assert [type(layer) for layer in turned] == [torch.nn.MaxPool2d, torch.nn.ReLU]  # type: ignore[attr-defined]
    results = []
    for one in (net, turned):
        images = numbers.clone().requires_grad_()
        out = one(images)
        weights = torch.arange(1.0, out.numel() + 1).reshape(out.shape)
        (out * weights).nansum().backward()
        assert images.grad is not None
        results.append((out.detach(), images.grad))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0, equal_nan=True)


def test_the_callers_network_is_left_as_it_is() -> None:
    net = small_cnn()
    before = repr(net), [id(layer) for layer in net.modules()], list(net.state_dict())
    turned = pooling_first(net)
    assert turned is not net
    assert (repr(net), [id(layer) for layer in net.modules()], list(net.state_dict())) == before
    shared = {id(parameter) for parameter in turned.parameters()}
    assert shared == {id(parameter) for parameter in net.parameters()}
    strides = [parameter.stride() for parameter in net.parameters()]
    fit_full_batch(net, torch.rand(5, 1, 28, 28), torch.arange(5), epochs=2, device="cpu")
    assert (repr(net), [id(layer) for layer in net.modules()], list(net.state_dict())) == before
    assert [parameter.stride() for parameter in net.parameters()] == strides


def test_nested_networks_are_turned_inside_and_others_left() -> None:
    block = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 2), torch.nn.ReLU(), torch.nn.MaxPool2d(2))
    turned = pooling_first(torch.nn.Sequential(block, torch.nn.Flatten()))
    assert [type(layer).__name__ for layer in turned[0]] == ["Conv2d", "MaxPool2d", "ReLU"]  # type: ignore[index]

    class Own(torch.nn.Sequential):
        pass

    for net in (
        mlp(),
        Own(torch.nn.ReLU(), torch.nn.MaxPool2d(2)),
        torch.nn.Sequential(torch.nn.ReLU(), torch.nn.MaxPool2d(2, return_indices=True)),
        torch.nn.Sequential(torch.nn.Sigmoid(), torch.nn.MaxPool2d(2)),
        torch.nn.Sequential(torch.nn.LeakyReLU(-1.0), torch.nn.MaxPool2d(2)),
        torch.nn.Sequential(torch.nn.ReLU(), torch.nn.AvgPool2d(2)),
    ):
        assert pooling_first(net) is net


def test_who_looks_at_the_layers_sees_them_in_their_order() -> None:
    net = small_cnn()
    seen: list[tuple[int, ...]] = []
    net[1].register_forward_hook(lambda _, __, output: seen.append(tuple(output.shape)))
    assert has_hooks(net)
    assert pooling_first(net) is net
    fit_full_batch(net, torch.rand(5, 1, 28, 28), torch.arange(5), epochs=1, device="cpu")
    assert {shape[1:] for shape in seen} == {(16, 27, 27)}
    assert seen[-1][0] == 5


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last_has_the_same_numbers(channels: int) -> None:
    images = torch.rand(4, channels, 6, 5)
    for given in (images, images.transpose(2, 3), images[::2], images[..., 1:]):
        turned = to_channels_last(given)
        assert torch.equal(turned, given)
        assert turned.stride()[1] == 1
        assert torch.nn.Conv2d(channels, 4, 2)(turned).stride()[1] == 1, "the layer follows"


def test_turned_gradients_are_the_same_numbers() -> None:
    net = small_cnn()
    turned = gradients_turned(net)
    images = to_channels_last(torch.rand(5, 1, 28, 28))
    grads = []
    for one in (net, turned):
        net.zero_grad()
        one(images).square().sum().backward()
        grads.append([parameter.grad for parameter in net.parameters()])
    torch.testing.assert_close(grads[0], grads[1])
    assert gradients_turned(net[0]) is net[0]
    assert gradients_turned(torch.nn.Sequential(net[0])) is not None
    nested = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Flatten()), torch.nn.Linear(784, 1))
    assert gradients_turned(nested)(images).shape == (5, 1)
    net[0].register_forward_hook(lambda *_: None)
    assert gradients_turned(net) is net


def test_where_channels_last_pays() -> None:
    images = torch.zeros(1, 1, 28, 28)
    assert channels_last_pays(small_cnn(), images)
    assert not channels_last_pays(mlp(), images)
    assert not channels_last_pays(small_cnn().double(), images.double())


def test_training_in_any_layout_gives_the_same_losses() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 8, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(8 * 2 * 2, 4),
    )  # fmt: skip
    twin = copy.deepcopy(net).double()
    images, labels = torch.rand(20, 3, 14, 14), torch.arange(20) % 4
    ours = fit_full_batch(net, images, labels, epochs=10, device="cpu", chunk_size=7)
    exact = fit_full_batch(twin, images.double(), labels, epochs=10, device="cpu")
    assert ours.losses == pytest.approx(exact.losses, rel=1e-5)
