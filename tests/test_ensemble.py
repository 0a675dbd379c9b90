"""Several networks trained at once: each learns what it would learn alone."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from cnnbook.engine.ensemble import fit_ensemble
from cnnbook.images import draw_garments
from cnnbook.networks import mlp, small_cnn
from cnnbook.training import Diverged, fit_full_batch

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def _nets(make: Callable[[], torch.nn.Module], count: int = 3) -> list[torch.nn.Module]:
    nets = []
    for seed in range(count):
        torch.manual_seed(seed)
        nets.append(make())
    return nets


@pytest.fixture(scope="module")
def garments() -> tuple[torch.Tensor, torch.Tensor]:
    return draw_garments(60, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("micro_batch_size", ["auto", 17, 60])
@pytest.mark.parametrize(
    "make", [lambda: mlp(hidden=8), lambda: small_cnn(channels=2)], ids=["mlp", "cnn"]
)
def test_each_learns_what_it_would_learn_alone(
    make: Callable[[], torch.nn.Module],
    micro_batch_size: Any,
    device: str,
    garments: tuple[torch.Tensor, torch.Tensor],
) -> None:
    nets = _nets(make)
    alone = copy.deepcopy(nets)
    histories = fit_ensemble(
        nets, *garments, epochs=12, micro_batch_size=micro_batch_size, device=device
    )
    for net, twin, history in zip(nets, alone, histories, strict=True):
        single = fit_full_batch(twin, *garments, epochs=12, device=device)
        assert history.losses == pytest.approx(single.losses, rel=1e-5)
        for stacked, single_one in zip(net.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(stacked, single_one, rtol=1e-3, atol=1e-4)
            assert stacked.grad is None
    assert len({history.losses for history in histories}) == 3, "three starts, three histories"


@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.01),
        lambda parameters: torch.optim.AdamW(parameters, lr=0.01),
        lambda parameters: torch.optim.RMSprop(parameters),
    ],
    ids=["SGD", "AdamW", "RMSprop"],
)
def test_any_elementwise_optimizer(
    make_optimizer: Any, garments: tuple[torch.Tensor, torch.Tensor]
) -> None:
    images, labels = garments
    nets = _nets(lambda: mlp(hidden=8).double())
    alone = copy.deepcopy(nets)
    loss_fn = torch.nn.CrossEntropyLoss(
        weight=torch.rand(10, dtype=torch.float64), ignore_index=3, label_smoothing=0.1
    )
    histories = fit_ensemble(
        nets, images.double(), labels, epochs=5, micro_batch_size=7, loss_fn=loss_fn,
        make_optimizer=make_optimizer, device="cpu",
    )  # fmt: skip
    for history, twin in zip(histories, alone, strict=True):
        single = fit_full_batch(
            twin, images.double(), labels, epochs=5, loss_fn=loss_fn,
            optimizer=make_optimizer(list(twin.parameters())), device="cpu",
        )  # fmt: skip
        assert history.losses == pytest.approx(single.losses, rel=1e-9)


def test_frozen_weights_stay(garments: tuple[torch.Tensor, torch.Tensor]) -> None:
    nets = _nets(lambda: small_cnn(channels=2))
    for net in nets:
        net.get_parameter("0.weight").requires_grad_(False)
    before = [net.get_parameter("0.weight").clone() for net in nets]
    fit_ensemble(nets, *garments, epochs=2, device="cpu")
    for net, old in zip(nets, before, strict=True):
        assert torch.equal(net.get_parameter("0.weight"), old)
        assert not net.get_parameter("0.weight").requires_grad
        assert net.get_parameter("0.bias").requires_grad


def test_divergence_names_the_network_and_changes_nothing(
    garments: tuple[torch.Tensor, torch.Tensor],
) -> None:
    nets = _nets(lambda: mlp(hidden=4))
    with torch.no_grad():
        nets[1].get_parameter("3.bias").fill_(float("nan"))
    before = copy.deepcopy([net.state_dict() for net in nets])
    with pytest.raises(Diverged, match=r"epoch 1: expected finite losses, got nan from network 1"):
        fit_ensemble(nets, *garments, epochs=3, device="cpu")
    for net, state in zip(nets, before, strict=True):
        torch.testing.assert_close(net.state_dict(), state, equal_nan=True, rtol=0, atol=0)
    with pytest.raises(Diverged, match=r"expected finite weights .* of network 0; lower"):
        fit_ensemble(
            [nets[0]], garments[0] * 1e4, garments[1], epochs=1, device="cpu",
            make_optimizer=lambda p: torch.optim.SGD(p, lr=1e38),
        )  # fmt: skip
    assert all(torch.equal(nets[0].state_dict()[key], before[0][key]) for key in before[0])


NET = mlp(hidden=2)
BATCH_NORM = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.BatchNorm1d(784))


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"nets": NET}, TypeError, "^nets: expected a list of networks, got Sequential; train a"),
        ({"nets": 3}, TypeError, "^nets: expected a list of networks, got int"),
        ({"nets": ["net"]}, TypeError, "^nets: expected a torch.nn.Module, got str"),
        ({"nets": []}, ValueError, "^nets: expected at least one network, got none"),
        ({"nets": [NET, NET]}, ValueError, "^nets: expected each network once"),
        ({"nets": [NET, mlp(hidden=3)]}, ValueError, "^nets: expected networks of the same layers"),
        ({"nets": [NET, mlp(hidden=2).double()]}, ValueError, "^nets: expected the same shapes, d"),
        ({"nets": [BATCH_NORM]}, ValueError, "^nets: expected layers without state"),
        (
            {"nets": [torch.nn.Sequential(*NET, torch.nn.Dropout())]},
            ValueError,
            "^nets: expected layers without state and random numbers",
        ),
        ({"nets": [torch.nn.Flatten()]}, ValueError, "^nets: expected at least one trainable"),
        ({"images": torch.zeros(4, 28, 28)}, ValueError, "^images: expected"),
        ({"labels": torch.arange(3)}, ValueError, "^labels: expected one for each of the 4"),
        ({"epochs": 0}, ValueError, "^epochs: expected at least 1, got 0"),
        ({"loss_fn": "mse"}, TypeError, "^loss_fn: expected a function"),
        ({"loss_fn": lambda scores, _: 3.0}, TypeError, "^loss_fn: expected a .* got float"),
        ({"micro_batch_size": 0}, ValueError, "^micro_batch_size: expected at least 1, got 0"),
        ({"make_optimizer": NET}, TypeError, "^make_optimizer: expected a function, got a Seq"),
        ({"make_optimizer": lambda p: 3}, TypeError, "^make_optimizer: expected .* makes int"),
        (
            {"make_optimizer": torch.optim.LBFGS},
            ValueError,
            "^make_optimizer: expected an optimizer that updates each number by itself.*LBFGS",
        ),
        ({"device": "gpu"}, ValueError, "^device: expected a name such as 'cpu'"),
        ({"precision": "half"}, ValueError, "^precision: expected 'full', 'tf32' or 'bf16'"),
        ({"precision": "tf32"}, ValueError, "^precision: expected a GPU for 'tf32'"),
    ],
)
def test_every_mistake_is_named(
    changed: dict[str, Any], kind: type[Exception], message: str
) -> None:
    arguments: dict[str, Any] = {
        "nets": [mlp(hidden=2)],
        "images": torch.rand(4, 1, 28, 28),
        "labels": torch.arange(4),
        "epochs": 1,
        "device": "cpu",
    }
    with pytest.raises(kind, match=message):
        fit_ensemble(**(arguments | changed))
