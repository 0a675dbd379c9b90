"""Rewritten order and memory format: the same numbers and gradients, the network unchanged."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from cnnbook.engine.allowlist import altered_part
from cnnbook.engine.gradients import GradientAccumulator
from cnnbook.engine.rewrites import (
    channels_last_gradients,
    channels_last_helps,
    fuse_gradient_accumulation,
    fused_parameters,
    inplace_relu,
    pool_before_relu,
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
        numbers[numbers == 0] *= -1  # Half of the zeros are -0.0.
    elif kind == "negative":
        numbers = -numbers.abs()
    elif kind == "not a number":
        numbers[1, 1, 3, 3] = float("nan")
    net = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.MaxPool2d(**pooling))
    rewritten = pool_before_relu(net)
    assert [type(layer) for layer in rewritten] == [torch.nn.MaxPool2d, torch.nn.ReLU]  # type: ignore[attr-defined]
    results = []
    for network in (net, rewritten):
        images = numbers.clone().requires_grad_()
        out = network(images)
        weights = torch.arange(1.0, out.numel() + 1).reshape(out.shape)
        (out * weights).nansum().backward()
        assert images.grad is not None
        results.append((out.detach(), images.grad))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0, equal_nan=True)


def test_the_callers_network_is_left_as_it_is() -> None:
    net = small_cnn()
    before = repr(net), [id(layer) for layer in net.modules()], list(net.state_dict())
    rewritten = pool_before_relu(net)
    assert rewritten is not net
    assert (repr(net), [id(layer) for layer in net.modules()], list(net.state_dict())) == before
    shared = {id(parameter) for parameter in rewritten.parameters()}
    assert shared == {id(parameter) for parameter in net.parameters()}
    strides = [parameter.stride() for parameter in net.parameters()]
    fit_full_batch(net, torch.rand(5, 1, 28, 28), torch.arange(5), epochs=2, device="cpu")
    assert (repr(net), [id(layer) for layer in net.modules()], list(net.state_dict())) == before
    assert [parameter.stride() for parameter in net.parameters()] == strides


def test_nested_networks_are_rewritten_and_others_left() -> None:
    block = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 2), torch.nn.ReLU(), torch.nn.MaxPool2d(2))
    rewritten = pool_before_relu(torch.nn.Sequential(block, torch.nn.Flatten()))
    assert [type(layer).__name__ for layer in rewritten[0]] == ["Conv2d", "MaxPool2d", "ReLU"]  # type: ignore[index]

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
        assert pool_before_relu(net) is net


def test_a_hook_sees_the_layers_in_their_order() -> None:
    net = small_cnn()
    seen: list[tuple[int, ...]] = []
    net[1].register_forward_hook(lambda _, __, output: seen.append(tuple(output.shape)))
    assert altered_part(net) == "layer '1' (ReLU) has a hook"
    assert pool_before_relu(net) is net
    fit_full_batch(net, torch.rand(5, 1, 28, 28), torch.arange(5), epochs=1, device="cpu")
    assert {shape[1:] for shape in seen} == {(16, 27, 27)}
    assert seen[-1][0] == 5


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last_has_the_same_numbers(channels: int) -> None:
    images = torch.rand(4, channels, 6, 5)
    for given in (images, images.transpose(2, 3), images[::2], images[..., 1:]):
        rewritten = to_channels_last(given)
        assert torch.equal(rewritten, given)
        assert rewritten.stride()[1] == 1
        assert torch.nn.Conv2d(channels, 4, 2)(rewritten).stride()[1] == 1, "the layer follows"


def test_channels_last_gradients_are_the_same_numbers() -> None:
    net = small_cnn()
    rewritten = channels_last_gradients(net)
    images = to_channels_last(torch.rand(5, 1, 28, 28))
    grads = []
    for network in (net, rewritten):
        net.zero_grad()
        network(images).square().sum().backward()
        grads.append([parameter.grad for parameter in net.parameters()])
    torch.testing.assert_close(grads[0], grads[1])
    assert channels_last_gradients(net[0]) is net[0]
    assert channels_last_gradients(torch.nn.Sequential(net[0])) is not None
    nested = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Flatten()), torch.nn.Linear(784, 1))
    assert channels_last_gradients(nested)(images).shape == (5, 1)
    net[0].register_forward_hook(lambda *_: None)
    assert channels_last_gradients(net) is net


def test_where_channels_last_is_chosen() -> None:
    images = torch.zeros(1, 1, 28, 28)
    assert channels_last_helps(small_cnn(), images)
    assert not channels_last_helps(mlp(), images)
    assert not channels_last_helps(small_cnn().double(), images.double())
    # torch's gradient of this layer is wrong for one image whose gradient is channels-last.
    normalized = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.InstanceNorm2d(2))
    assert not channels_last_helps(normalized, images)


def test_training_in_any_layout_gives_the_same_losses() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 8, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(8 * 2 * 2, 4),
    )  # fmt: skip
    twin = copy.deepcopy(net).double()
    images, labels = torch.rand(20, 3, 14, 14), torch.arange(20) % 4
    ours = fit_full_batch(net, images, labels, epochs=10, device="cpu", micro_batch_size=7)
    exact = fit_full_batch(twin, images.double(), labels, epochs=10, device="cpu")
    assert ours.losses == pytest.approx(exact.losses, rel=1e-5)


def _chain() -> torch.nn.Sequential:
    """One ReLU after each kind of layer whose output may be overwritten, and one that may not."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 2), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.ReLU(),
        torch.nn.Tanh(), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(3 * 2 * 2, 6), torch.nn.ReLU(), torch.nn.Linear(6, 4, bias=False),
    ).double()  # fmt: skip


def _sums(net: torch.nn.Module) -> dict[torch.Tensor, torch.Tensor]:
    return {parameter: torch.zeros_like(parameter) for parameter in net.parameters()}


def _linear(net: torch.nn.Sequential, index: int) -> torch.nn.Linear:
    layer = net[index]
    assert isinstance(layer, torch.nn.Linear)
    return layer


def _hook(parameter: torch.Tensor, call: Callable[[torch.Tensor], Any]) -> None:
    parameter.register_hook(call)  # type: ignore[no-untyped-call]


def test_relu_in_place_gives_the_same_bits() -> None:
    net = _chain()
    changed = inplace_relu(net)
    overwriting = [getattr(layer, "inplace", None) for layer in changed.children()]
    assert overwriting == [None, True, None, True, None, False, None, None, True, None]
    assert not any(getattr(layer, "inplace", False) for layer in net), (
        "the caller's network is unchanged"
    )
    images = torch.randn(5, 1, 6, 6, dtype=torch.float64)
    before = images.clone()
    grads = []
    for network in (net, changed):
        out = network(images)
        parameters = list(net.parameters())
        grads.append((out.detach(), *torch.autograd.grad(out.square().sum(), parameters)))
    assert all(torch.equal(x, y) for x, y in zip(*grads, strict=True))
    assert torch.equal(images, before)
    alone = torch.nn.Sequential(torch.nn.ReLU())
    assert inplace_relu(alone) is alone, "the images must not be overwritten"


@pytest.mark.parametrize("fuse", [False, True])
def test_gradients_are_fused_only_where_that_is_asked_for(fuse: bool) -> None:
    # Two micro-batches; the score is weight times pixel, and the loss their sum.
    layer = torch.nn.Linear(1, 1, bias=False)
    net = torch.nn.Sequential(torch.nn.Flatten(), layer)
    images = torch.tensor([1.0, 2.0, 4.0]).reshape(3, 1, 1, 1)
    targets = torch.zeros(3, 1)
    loss_fn = torch.nn.L1Loss(reduction="sum")
    torch.nn.init.ones_(layer.weight)
    gradients = GradientAccumulator(
        net,
        net,
        images,
        targets,
        targets,
        loss_fn,
        list(net.parameters()),
        micro_batch_size=2,
        scores=targets[:1],
        fuse=fuse,
    )
    fused = [parameter for one in gradients._nets for parameter in fused_parameters(one)]
    assert (len(fused) > 0) == fuse
    assert gradients.accumulate() == 1 + 2 + 4
    assert layer.weight.grad is not None
    assert layer.weight.grad.item() == 1 + 2 + 4


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_fused_gradients_of_micro_batches_add_up(rows: int) -> None:
    net = _chain()
    sums = _sums(net)
    fused = fuse_gradient_accumulation(net, sums)
    assert fused_parameters(fused) == [
        *net[7].parameters(),
        *net[9].parameters(),
    ]
    images = torch.randn(5, 1, 6, 6, dtype=torch.float64)
    net(images).square().sum().backward()
    expected = [parameter.grad for parameter in net.parameters()]
    parameters = list(net.parameters())
    for micro_batch in torch.split(images, rows):
        new = torch.autograd.grad(fused(micro_batch).square().sum(), parameters, allow_unused=True)
        assert [gradient is None for gradient in new] == [False, False, True, True, True]
        for parameter, gradient in zip(parameters, new, strict=True):
            if gradient is not None:
                sums[parameter] += gradient
    torch.testing.assert_close([sums[p] for p in parameters], expected, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        assert torch.equal(fused(images), net(images))


def test_layers_without_a_sum_or_with_a_hook_are_left_to_autograd() -> None:
    net = _chain()
    assert fuse_gradient_accumulation(net, {}) is net
    last_only = _sums(net[9])
    assert fused_parameters(fuse_gradient_accumulation(net, last_only)) == [*net[9].parameters()]
    weight, _ = net[7].parameters()
    without_bias: dict[torch.Tensor, torch.Tensor] = {weight: torch.zeros_like(weight)}
    assert fuse_gradient_accumulation(net, without_bias) is net
    sums = _sums(net)
    _hook(_linear(net, 7).bias, lambda gradient: gradient)
    assert altered_part(net) == "parameter '7.bias' has a hook"
    assert fuse_gradient_accumulation(net, sums) is net
    assert inplace_relu(net) is net


def test_a_hook_on_a_weight_sees_the_whole_batch_s_gradient_once() -> None:
    images, labels = torch.rand(12, 1, 28, 28), torch.arange(12) % 10
    net = small_cnn(channels=2)
    seen: list[torch.Tensor] = []
    _hook(_linear(net, 4).weight, lambda gradient: seen.append(gradient.clone()))
    torch.nn.CrossEntropyLoss()(net(images), labels).backward()
    fit_full_batch(net, images, labels, epochs=1, device="cpu")
    assert len(seen) == 2
    torch.testing.assert_close(seen[0], seen[1])
    with pytest.raises(ValueError, match=r"parameter '4\.weight' has a hook"):
        fit_full_batch(net, images, labels, epochs=1, device="cpu", micro_batch_size=5)


def test_weights_that_the_optimizer_does_not_hold_get_no_gradient() -> None:
    images, labels = torch.rand(12, 1, 28, 28), torch.arange(12) % 10
    for size in (5, 12):
        net = small_cnn(channels=2)
        first, _ = net[0].parameters()
        before = first.detach().clone()
        last = torch.optim.SGD(net[4].parameters(), lr=0.1)
        fit_full_batch(
            net, images, labels, epochs=3, optimizer=last, device="cpu", micro_batch_size=size
        )
        assert torch.equal(first, before)
        assert first.grad is None


@pytest.mark.parametrize("threads", [1, 2])
def test_bf16_and_tied_weights_add_up_too(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        images, labels = torch.rand(12, 1, 4, 4), torch.arange(12) % 16
        torch.manual_seed(0)
        tied = torch.nn.Linear(16, 16)
        net = torch.nn.Sequential(torch.nn.Flatten(), tied, torch.nn.ReLU(), tied)
        start = copy.deepcopy(net.state_dict())
        runs = {}
        for size in (5, 12):
            for precision in ("full", "bf16"):
                net.load_state_dict(start)
                history = fit_full_batch(
                    net, images, labels, epochs=8, device="cpu", micro_batch_size=size,
                    precision=precision,
                )  # fmt: skip
                runs[size, precision] = history.losses
        assert runs[5, "full"] == pytest.approx(runs[12, "full"], rel=1e-5)
        assert runs[5, "bf16"] == pytest.approx(runs[12, "bf16"], rel=2e-2)
        assert runs[5, "bf16"] != runs[5, "full"]
    finally:
        torch.set_num_threads(before)
