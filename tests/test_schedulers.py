"""Schedulers: followed as in the plain loop, resumed with the same bits, or refused."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from interrupted import (
    IMAGES,
    LABELS,
    Adam,
    Killed,
    all_equal,
    bits,
    check_refused,
    fit,
    make_net,
)
from torch.optim.optimizer import register_optimizer_step_post_hook

from cnnbook.training import History


def _cosine_after_warm_up(optimizer: torch.optim.Optimizer) -> Any:
    return torch.optim.lr_scheduler.SequentialLR(
        optimizer,
        [
            torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=3),
            torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5),
        ],
        milestones=[3],
    )


def _halve_every_third(epoch: int) -> float:
    return 0.5 ** (epoch // 3)


SCHEDULERS: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda adam: torch.optim.lr_scheduler.StepLR(adam, 2, gamma=0.5),
    "MultiStepLR": lambda adam: torch.optim.lr_scheduler.MultiStepLR(adam, [2, 4, 4]),
    "CosineAnnealingLR": lambda adam: torch.optim.lr_scheduler.CosineAnnealingLR(adam, 8),
    "OneCycleLR": lambda adam: torch.optim.lr_scheduler.OneCycleLR(adam, 0.1, total_steps=9),
    "SequentialLR": _cosine_after_warm_up,
    "LambdaLR": lambda adam: torch.optim.lr_scheduler.LambdaLR(adam, _halve_every_third),
    "ChainedScheduler": lambda adam: torch.optim.lr_scheduler.ChainedScheduler(
        [
            torch.optim.lr_scheduler.ConstantLR(adam, total_iters=3),
            torch.optim.lr_scheduler.ExponentialLR(adam, 0.9),
        ]
    ),
    "CyclicLR": lambda adam: torch.optim.lr_scheduler.CyclicLR(
        adam, 0.01, 0.1, step_size_up=2, cycle_momentum=False
    ),
    "CosineAnnealingWarmRestarts": (
        lambda adam: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(adam, 3)
    ),
}


@pytest.mark.parametrize("rate", [0.1, numpy.float64(0.1), torch.tensor(0.1)], ids=type)
@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_schedule_is_followed_and_resumed(tmp_path: Path, name: str, rate: Any) -> None:
    def make(updates: int | None = None) -> tuple[torch.nn.Module, Adam, Any]:
        net = make_net()
        adam = Adam(net.parameters(), updates=updates, lr=copy.deepcopy(rate))
        return net, adam, SCHEDULERS[name](adam)

    # The plain loop.
    net, adam, scheduler = make()
    expected, rates = [], []
    for _ in range(8):
        adam.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(IMAGES), LABELS)
        torch.autograd.backward(loss)
        adam.step()
        scheduler.step()
        expected.append(loss.item())
        rates.append(float(adam.param_groups[0]["lr"]))
    assert len(set(rates)) > 2

    whole_net, adam, scheduler = make()
    whole = fit(whole_net, epochs=8, optimizer=adam, scheduler=scheduler)
    assert whole.losses == pytest.approx(expected, rel=1e-5)
    assert float(adam.param_groups[0]["lr"]) == rates[-1]

    file = tmp_path / "run.ckpt"
    # Twice, so that what was resumed is interrupted too.
    for updates in (3, 2):
        net, adam, scheduler = make(updates)
        with pytest.raises(Killed):
            fit(net, file, epochs=8, optimizer=adam, scheduler=scheduler)
    again, adam, scheduler = make()
    resumed = fit(again, file, epochs=8, optimizer=adam, scheduler=scheduler)
    assert resumed.losses == whole.losses
    assert all_equal(bits(again), bits(whole_net))
    assert float(adam.param_groups[0]["lr"]) == rates[-1]
    # The same objects, which are now as the checkpoint holds them.
    assert fit(again, file, epochs=8, optimizer=adam, scheduler=scheduler).losses == whole.losses


def test_a_lambda_in_a_schedule_warns_when_it_resumes(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"

    def train(epochs: int) -> History:
        net = make_net()
        adam = Adam(net.parameters())
        scheduler = torch.optim.lr_scheduler.LambdaLR(adam, lambda epoch: 0.9**epoch)
        return fit(net, file, epochs=epochs, optimizer=adam, scheduler=scheduler)

    first = train(5)
    message = r"run.ckpt: resumed without comparing scheduler: lr_lambdas=\[.*<lambda>\]; make sure"
    with pytest.warns(UserWarning, match=message) as caught:
        assert train(6).losses[:5] == first.losses
    assert len(caught) == 1
    assert caught[0].filename == str(Path(fit.__code__.co_filename)), "the line that called"


def test_another_schedule_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"

    def refused(message: str, make: Callable[[Any], Any]) -> None:
        net = make_net()
        adam = Adam(net.parameters())
        check_refused(net, file, message, optimizer=adam, scheduler=make(adam))

    net = make_net()
    adam = Adam(net.parameters())
    fit(net, file, optimizer=adam, scheduler=torch.optim.lr_scheduler.StepLR(adam, 2))
    refused(
        r"^scheduler: expected .* that is step_size=2, got step_size=3; ",
        lambda adam: torch.optim.lr_scheduler.StepLR(adam, 3),
    )
    refused(
        r"^scheduler: .* that is StepLR, got ExponentialLR",
        lambda adam: torch.optim.lr_scheduler.ExponentialLR(adam, 0.5),
    )
    net = make_net()
    check_refused(net, file, "^optimizer: .*initial_lr=0.001", optimizer=Adam(net.parameters()))
    # Stepped once before: neither the start nor where the file is.
    net = make_net()
    adam = Adam(net.parameters())
    scheduler = torch.optim.lr_scheduler.StepLR(adam, 2)
    adam.step()
    scheduler.step()
    check_refused(net, file, "^scheduler: ", optimizer=adam, scheduler=scheduler)


def test_schedulers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    net = make_net()
    adam, other = Adam(net.parameters()), Adam(net.parameters())
    step = torch.optim.lr_scheduler.StepLR(adam, 2)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(adam)
    file = tmp_path / "run.ckpt"
    check_refused(net, file, "^scheduler: .*got a StepLR alone; hand in the optim", scheduler=step)
    message = "^scheduler: expected one made from the given optimizer, got a StepLR of another"
    check_refused(net, file, message, optimizer=other, scheduler=step)
    message = "^scheduler: .*got ReduceLROnPlateau, which needs a metric for each step; use for "
    check_refused(net, file, message, optimizer=adam, scheduler=plateau)
    check_refused(net, file, "^scheduler: expected a torch.optim.lr", TypeError, scheduler=0.1)


@pytest.mark.parametrize("when", ["pre", "post"])
def test_hooks_on_the_optimizer_with_a_checkpoint_are_refused(tmp_path: Path, when: str) -> None:
    net = make_net()
    adam = torch.optim.Adam(net.parameters())
    calls: list[int] = []
    getattr(adam, f"register_step_{when}_hook")(lambda *_: calls.append(0))
    message = "^optimizer: expected one without hooks, .* got 1 on Adam; remove them, or train with"
    check_refused(net, tmp_path / "run.ckpt", message, optimizer=adam)
    fit(net, optimizer=adam)
    assert len(calls) == 6


def test_hooks_on_all_optimizers_with_a_checkpoint_are_refused(tmp_path: Path) -> None:
    net = make_net()
    adam = torch.optim.Adam(net.parameters())
    hook = register_optimizer_step_post_hook(lambda *_: None)
    try:
        message = "^optimizer: expected one without hooks, .* got 1 on Adam"
        check_refused(net, tmp_path / "run.ckpt", message, optimizer=adam)
    finally:
        hook.remove()
