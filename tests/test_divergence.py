"""The cause that is named for a loss that is not finite: true also where the check comes late."""

import pytest
import torch

from cnnbook.engine.divergence import check_losses, likely_cause
from cnnbook.engine.history import Diverged, History

NAN = float("nan")


def _history(epochs: int) -> History:
    return History((1.0,) * epochs, 1.0, "cuda:0", 0, 4)


def _message(net: torch.nn.Module, losses: list[float], *, updates: int) -> str:
    data = {"images": torch.ones(2, 1)}
    with pytest.raises(Diverged) as raised:
        check_losses(torch.tensor(losses), net, data, updates=updates, history=_history)
    assert len(raised.value.history.losses) == len([x for x in losses if x == x])
    return str(raised.value)


def _trained_on(start: float, losses_per_check: int) -> tuple[torch.nn.Module, list[float]]:
    """Train without a check, as a GPU does; the images are so large that the loss overflows."""
    net = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(net.weight, start)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    losses = []
    for _ in range(losses_per_check):
        loss = net(torch.full((2, 1), 1e30)).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return net, losses


def test_weights_that_have_moved_on_are_not_blamed() -> None:
    net, losses = _trained_on(1.0, 3)
    assert losses[0] == float("inf")
    assert not torch.isfinite(next(net.parameters())).any(), "the updates have broken them"
    message = _message(net, [NAN] * 3, updates=3)
    assert "wrong initialization" not in message, "the weights began at 1"
    assert message.endswith(
        "look for NaN or infinity in the initial weights, or very large numbers in them or in the "
        "images: the loss was not finite before the first update"
    )


def test_a_late_check_names_the_update_after_which_the_loss_broke() -> None:
    net = torch.nn.Linear(1, 1)
    torch.nn.init.constant_(net.weight, NAN)
    message = _message(net, [2.5, 2.0, NAN, NAN, NAN], updates=5)
    assert message == (
        "epoch 3: expected a finite loss, got nan; look for a learning rate that is too high: the "
        "loss was finite before update 2 and not after it"
    )


def test_one_update_is_enough_to_be_late() -> None:
    net = torch.nn.Linear(1, 1)
    torch.nn.init.constant_(net.weight, NAN)
    assert "wrong initialization of 'weight'" in _message(net, [NAN], updates=0)
    assert "wrong initialization" not in _message(net, [NAN], updates=1)
    assert "the last update made 'weight'" in _message(net, [2.5, NAN], updates=1)
    assert "the last update" not in _message(net, [2.5, NAN], updates=2)


def test_the_data_is_looked_at_also_late() -> None:
    net = torch.nn.Linear(1, 1)
    cause = likely_cause(net, {"images": torch.tensor([[1.0], [NAN]])}, epoch=0, updates=50)
    assert cause == "NaN or infinity in the images: 1 of 2 have some, the first is number 1"
