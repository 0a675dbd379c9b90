"""What is known of a network and a loss: torch's own parts, unchanged."""

import torch

from cnnbook.engine.rewrites import hooked_parameter

__all__ = ["unknown_loss", "unknown_part"]

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _changed(module: torch.nn.Module) -> str | None:
    if "forward" in vars(module):
        return "has a forward of its own"
    if any(getattr(module, name, None) for name in _HOOKS):
        return "has a hook"
    return None


def unknown_part(net: torch.nn.Module) -> str | None:
    """Return why what a network computes is not known, or None if it is.

    Known are the exact layer types of ``torch.nn``, without hooks and with their own ``forward``,
    in any nesting of ``torch.nn.Sequential``. A subclass may do anything.

    Args:
        net: The network.

    Returns:
        The reason, in words; ``None`` if every part is known.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.allowlist import unknown_part
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
        >>> print(unknown_part(net))
        None
        >>> class Own(torch.nn.Linear): ...
        >>> unknown_part(torch.nn.Sequential(Own(4, 2)))
        "layer '0' (Own) is not a layer of torch.nn"
    """
    for name, module in net.named_modules():
        kind = type(module)
        what = f"layer {name!r} ({kind.__name__})" if name else f"the network ({kind.__name__})"
        if getattr(torch.nn, kind.__name__, None) is not kind:
            return f"{what} is not a layer of torch.nn"
        if kind is not torch.nn.Sequential and next(module.children(), None) is not None:
            return f"{what} is not a Sequential but contains layers"
        if changed := _changed(module):
            return f"{what} {changed}"
    if hooked := hooked_parameter(net):
        return f"parameter {hooked!r} has a hook"
    return None


def unknown_loss(loss_fn: object) -> str | None:
    """Return why what a loss computes is not known, or None if it is.

    Args:
        loss_fn: The loss; known are the exact loss types of ``torch.nn``, without hooks.

    Returns:
        The reason, in words; ``None`` if it is known.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.allowlist import unknown_loss
        >>> print(unknown_loss(torch.nn.CrossEntropyLoss()))
        None
        >>> unknown_loss(torch.nn.functional.cross_entropy)
        'the loss cross_entropy is not a loss module of torch.nn'
    """
    name = getattr(loss_fn, "__name__", type(loss_fn).__name__)
    if not isinstance(loss_fn, torch.nn.modules.loss._Loss) or getattr(
        torch.nn, type(loss_fn).__name__, None
    ) is not type(loss_fn):
        return f"the loss {name} is not a loss module of torch.nn"
    if changed := _changed(loss_fn):
        return f"the loss {name} {changed}"
    return None
