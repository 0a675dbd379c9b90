"""The lecture's plain loop, and the comparison of the trainer with it.

The trainer's contract is that its result is this loop's result, so nothing here knows how the
trainer decides what to split.
"""

import random
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch

from cnnbook.training import History, fit_full_batch

MakeOptimizer = Callable[[Iterable[torch.nn.Parameter]], torch.optim.Optimizer]

# One stack of pixels, 2 by 2: the smallest batch that has a remainder at 5 and none at 6.
IMAGES = torch.rand(12, 1, 2, 2, generator=torch.Generator().manual_seed(4))
LABELS = torch.arange(12) % 3


def plain_loop(
    net: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epochs: int,
    loss_fn: Any,
    optimizer: torch.optim.Optimizer,
) -> list[float]:
    """Train as the lecture does, in the modes that the network has, and keep the losses."""
    losses = []
    for _ in range(epochs):
        loss = loss_fn(net(images), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def linear(outputs: int) -> torch.nn.Sequential:
    """Make the smallest network for ``IMAGES``."""
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, outputs))


def sgd(parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    # Its step is linear in the gradient; Adam would enlarge the rounding of a gradient near 0.
    return torch.optim.SGD(parameters, lr=0.1)


def fit(net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, **options: Any) -> Any:
    """Train on the CPU, two updates if not told otherwise."""
    arguments: dict[str, Any] = {"epochs": 2, "device": "cpu"} | options
    return fit_full_batch(net, images, labels, **arguments)


def patch_forward(module: torch.nn.Module, forward: Callable[..., Any]) -> None:
    """Give this one module another ``forward``."""
    vars(module)["forward"] = forward


def seed_everything(seed: int) -> None:
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def state_of(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return all tensors of a network, buffers that are not persistent too."""
    tensors = (*net.named_parameters(), *net.named_buffers())
    return {name: tensor.detach().clone() for name, tensor in tensors}


def compare(
    make_net: Callable[[], torch.nn.Module],
    images: torch.Tensor = IMAGES,
    labels: torch.Tensor = LABELS,
    *,
    make_loss: Callable[[], Any] = torch.nn.CrossEntropyLoss,
    make_optimizer: MakeOptimizer = sgd,
    epochs: int = 3,
    dtype: torch.dtype = torch.float64,
    exact: bool = False,
    seed: int = 0,
    **options: Any,
) -> History:
    """Train two networks of one start, by the plain loop and by the trainer: they end equal.

    Args:
        make_net: Makes the network; called twice, so that hooks refer to the right one.
        images: Images of any floating-point dtype.
        labels: Labels; those of a floating-point dtype are converted with the images.
        make_loss: Makes the loss; parameters of its own are trained too.
        make_optimizer: Makes the optimizer from all parameters.
        epochs: Number of updates.
        dtype: What network, loss, images and float labels are converted to.
        exact: Whether all bits must be equal; otherwise sums may be rounded differently.
        seed: Where torch's, Python's and numpy's random numbers start, before the networks are
            made and again before they are trained.
        options: Options of the trainer.

    Returns:
        The trainer's history.
    """
    images = images.to(dtype)
    labels = labels.to(dtype) if labels.is_floating_point() else labels

    def make() -> tuple[torch.nn.Module, Any, torch.optim.Optimizer]:
        seed_everything(seed)
        net, loss_fn = make_net().to(dtype), make_loss()
        parameters = list(net.parameters())
        if isinstance(loss_fn, torch.nn.Module):
            parameters += loss_fn.to(dtype).parameters()
        optimizer = make_optimizer(parameters)
        seed_everything(seed + 1)
        return net, loss_fn, optimizer

    theirs, their_loss, their_optimizer = make()
    # Copies, since an in-place layer would change the images for the second training.
    expected = plain_loop(
        theirs, images.clone(), labels.clone(), epochs=epochs, loss_fn=their_loss,
        optimizer=their_optimizer,
    )  # fmt: skip
    ours, our_loss, our_optimizer = make()
    history: History = fit(
        ours, images.clone(), labels.clone(), epochs=epochs, loss_fn=our_loss,
        optimizer=our_optimizer, **options,
    )  # fmt: skip
    rtol, atol = (1e-9, 1e-11) if dtype == torch.float64 else (1e-4, 1e-6)
    if exact:
        rtol = atol = 0
    assert list(history.losses) == pytest.approx(expected, rel=rtol, abs=atol)
    _check_equal(state_of(ours), state_of(theirs), rtol, atol)
    if isinstance(our_loss, torch.nn.Module):
        _check_equal(state_of(our_loss), state_of(their_loss), rtol, atol)
    assert [m.training for m in ours.modules()] == [m.training for m in theirs.modules()]
    return history


def _check_equal(
    ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor], rtol: float, atol: float
) -> None:
    assert list(ours) == list(theirs)
    for name, tensor in ours.items():
        try:
            torch.testing.assert_close(tensor, theirs[name], rtol=rtol, atol=atol)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


def check_refused(
    net: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    match: str,
    *,
    trainer: Callable[..., Any] = fit,
    **options: Any,
) -> None:
    """Train: it must be refused with this message, before anything has changed."""
    before, modes = state_of(net), [module.training for module in net.modules()]
    random_states = torch.get_rng_state(), random.getstate()
    with pytest.raises((ValueError, TypeError), match=match):
        trainer(net, images, labels, **options)
    _check_equal(state_of(net), before, 0, 0)
    assert [module.training for module in net.modules()] == modes
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(torch.get_rng_state(), random_states[0])
    assert random.getstate() == random_states[1]


def check_whole(
    make_net: Callable[[], torch.nn.Module], reason: str, *, exact: bool = True, **options: Any
) -> None:
    """Check that the batch is trained whole with the plain loop's bits, and never split."""
    history = compare(make_net, dtype=torch.float32, exact=exact, **options)
    assert history.micro_batch_size == 12
    check_refused(
        make_net(), IMAGES, LABELS, f"^micro_batch_size: expected .*since .*{reason}",
        micro_batch_size=5,
    )  # fmt: skip
