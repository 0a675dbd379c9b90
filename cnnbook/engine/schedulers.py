"""Optimizers and learning-rate schedulers: what is refused, and how their state is restored."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from cnnbook._checks import summarize
from cnnbook.engine.allowlist import optimizer_hooks

__all__ = ["check_resumable", "check_scheduler", "load_optimizer", "load_scheduler"]


def check_scheduler(scheduler: LRScheduler | None, optimizer: torch.optim.Optimizer | None) -> None:
    """Refuse a scheduler that does not set this optimizer's learning rates once an update.

    Args:
        scheduler: The scheduler; ``None`` is accepted.
        optimizer: The optimizer, or ``None``.

    Raises:
        TypeError: It is not a scheduler.
        ValueError: It needs a metric, or belongs to another optimizer.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.schedulers import check_scheduler
        >>> net = torch.nn.Linear(1, 1)
        >>> sgd, other = torch.optim.SGD(net.parameters()), torch.optim.SGD(net.parameters())
        >>> check_scheduler(torch.optim.lr_scheduler.StepLR(sgd, 10), sgd)
        >>> check_scheduler(torch.optim.lr_scheduler.StepLR(sgd, 10), other)
        Traceback (most recent call last):
            ...
        ValueError: scheduler: expected one made from the given optimizer, got a StepLR of \
another; make it from the optimizer that is handed in

    Source:
        torch.optim.lr_scheduler.
    """
    if scheduler is None:
        return
    # Before the type: in older versions of torch it is no LRScheduler.
    if isinstance(scheduler, ReduceLROnPlateau):
        raise ValueError(
            "scheduler: expected one that needs nothing but the number of updates, got "
            "ReduceLROnPlateau, which needs a metric for each step; use for example StepLR or "
            "CosineAnnealingLR"
        )
    name = type(scheduler).__name__
    if not isinstance(scheduler, LRScheduler):
        raise TypeError(
            "scheduler: expected a torch.optim.lr_scheduler.LRScheduler, got "
            f"{summarize(scheduler)}; make one with torch.optim.lr_scheduler.StepLR(optimizer, 100)"
        )
    if optimizer is None:
        raise ValueError(
            f"scheduler: expected an optimizer with it, got a {name} alone; hand in the optimizer "
            "from which it is made, too"
        )
    if scheduler.optimizer is not optimizer:
        raise ValueError(
            f"scheduler: expected one made from the given optimizer, got a {name} of another; "
            "make it from the optimizer that is handed in"
        )


def check_resumable(
    optimizer: torch.optim.Optimizer | None, names: Mapping[torch.Tensor, str]
) -> None:
    """Refuse an optimizer that a checkpoint could not restore.

    Args:
        optimizer: The optimizer; ``None`` is accepted.
        names: The name of each parameter of the network and of the loss.

    Raises:
        ValueError: It has hooks, whose state is unknown, or parameters without a name.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.schedulers import check_resumable
        >>> net = torch.nn.Linear(1, 1)
        >>> sgd = torch.optim.SGD(net.parameters())
        >>> names = {parameter: name for name, parameter in net.named_parameters()}
        >>> check_resumable(sgd, names)
        >>> hook = sgd.register_step_post_hook(lambda *_: None)
        >>> check_resumable(sgd, names)
        Traceback (most recent call last):
            ...
        ValueError: optimizer: expected one without hooks, since a checkpoint cannot hold what \
they remember, got 1 on SGD; remove them, or train without a checkpoint

    Source:
        torch.optim.Optimizer.register_step_pre_hook, register_step_post_hook.
    """
    if optimizer is None:
        return
    hooks = optimizer_hooks(optimizer)
    if hooks:
        raise ValueError(
            "optimizer: expected one without hooks, since a checkpoint cannot hold what they "
            f"remember, got {len(hooks)} on {type(optimizer).__name__}; remove them, or train "
            "without a checkpoint"
        )
    for index, group in enumerate(optimizer.param_groups):
        for position, parameter in enumerate(group["params"]):
            if parameter not in names:
                raise ValueError(
                    "optimizer: expected parameters of the network or of the loss, since a "
                    f"checkpoint keeps them by name, got another one as number {position} of group "
                    f"{index}, of shape {tuple(parameter.shape)}; make the loss a torch.nn.Module "
                    "that holds it, or train without a checkpoint"
                )


def _like(own: object, kept: object) -> object:
    """Return what was kept, with the types and on the devices of what is there."""
    if isinstance(own, torch.Tensor) and isinstance(kept, torch.Tensor):
        return kept.to(own.device)
    if isinstance(own, dict) and isinstance(kept, dict):
        alike = kept.copy()
        for key in kept:
            # Not ``update``, with which a Counter adds.
            alike[key] = _like(own.get(key), kept[key])
        return alike
    if isinstance(own, (list, tuple)) and type(own) is type(kept) and len(own) == len(kept):
        return type(own)(_like(a, b) for a, b in zip(own, kept, strict=True))
    # numpy.float64 again, as in the training that was not interrupted.
    if type(kept) is float and isinstance(own, float):
        return type(own)(kept)
    if type(kept) is int and isinstance(own, int) and not isinstance(own, bool):
        return type(own)(kept)
    return kept


def load_optimizer(optimizer: torch.optim.Optimizer, kept: dict[str, Any]) -> None:
    """Restore an optimizer's state with the same bits.

    Args:
        optimizer: Of the same class, with as many parameters in each group.
        kept: Its ``state_dict`` as a checkpoint gave it back.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.schedulers import load_optimizer
        >>> weight = torch.nn.Parameter(torch.ones(1))
        >>> before, after = torch.optim.SGD([weight], lr=0.5), torch.optim.SGD([weight], lr=0.1)
        >>> load_optimizer(after, before.state_dict())
        >>> after.param_groups[0]["lr"]
        0.5

    Source:
        torch.optim.Optimizer.load_state_dict.
    """
    groups = []
    for own, group in zip(optimizer.param_groups, kept["param_groups"], strict=True):
        # How an update is computed stays as it is in this process.
        here = {k: own[k] for k in ("foreach", "fused", "capturable") if k in own}
        values = {
            k: _like(own[k], v) if k in own and k != "params" else v for k, v in group.items()
        }
        groups.append(values | here)
    optimizer.load_state_dict(kept | {"param_groups": groups})
    # torch has given the state the dtype of the parameters, for example NAdam's product, which is
    # float32 for any network: it would go on with other bits.
    numbers = [number for group in kept["param_groups"] for number in group["params"]]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for number, parameter in zip(numbers, parameters, strict=True):
        state = optimizer.state.get(parameter, {})
        for key, value in kept["state"].get(number, {}).items():
            own = state[key]
            if isinstance(value, torch.Tensor) and own.dtype != value.dtype:
                state[key] = value.to(own.device)


def load_scheduler(scheduler: LRScheduler, kept: dict[str, Any]) -> None:
    """Restore a scheduler's state; after the optimizer's, which holds the learning rates.

    Args:
        scheduler: Made in the same way.
        kept: Its ``state_dict`` as a checkpoint gave it back.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.schedulers import load_scheduler
        >>> sgd = torch.optim.SGD(torch.nn.Linear(1, 1).parameters())
        >>> scheduler = torch.optim.lr_scheduler.StepLR(sgd, 10)
        >>> load_scheduler(scheduler, scheduler.state_dict() | {"last_epoch": 7})
        >>> scheduler.last_epoch
        7

    Source:
        torch.optim.lr_scheduler.LRScheduler.load_state_dict.
    """
    own = scheduler.state_dict()
    scheduler.load_state_dict({key: _like(own.get(key), value) for key, value in kept.items()})
