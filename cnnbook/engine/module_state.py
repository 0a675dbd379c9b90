"""What a module remembers from one update to the next: parameters, buffers, extra state."""

import types
from collections.abc import Callable, Mapping
from typing import Any

import torch

__all__ = ["get_module_state", "loss_module", "parameter_names", "set_module_state"]


def loss_module(loss_fn: Callable[..., Any]) -> torch.nn.Module:
    """Return the module whose parameters and buffers a loss uses.

    Args:
        loss_fn: Takes scores and labels.

    Returns:
        The loss itself, or the module whose method it is; an empty module for a plain function,
        whose state nobody can list.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.module_state import loss_module
        >>> loss_module(torch.nn.MSELoss())
        MSELoss()
        >>> loss_module(torch.nn.functional.mse_loss)
        Identity()
    """
    owner = loss_fn.__self__ if isinstance(loss_fn, types.MethodType) else loss_fn
    return owner if isinstance(owner, torch.nn.Module) else torch.nn.Identity()


def get_module_state(module: torch.nn.Module) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return all that a module remembers, including what its ``state_dict`` leaves out.

    Args:
        module: A network or a loss.

    Returns:
        Its ``state_dict`` (parameters, persistent buffers, extra state) and its other buffers, each
        by name. The tensors are the module's own.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.module_state import get_module_state
        >>> module = torch.nn.Identity()
        >>> module.register_buffer("kept", torch.ones(1))
        >>> module.register_buffer("mean", torch.zeros(1), persistent=False)
        >>> get_module_state(module)
        ({'kept': tensor([1.])}, {'mean': tensor([0.])})
    """
    state = dict(module.state_dict())
    buffers = {name: buffer for name, buffer in module.named_buffers() if name not in state}
    return state, buffers


def set_module_state(
    module: torch.nn.Module, state: dict[str, Any], buffers: Mapping[str, torch.Tensor]
) -> None:
    """Restore what ``get_module_state`` has returned.

    Args:
        module: A network or a loss of the same parts.
        state: Its ``state_dict``.
        buffers: Its other buffers.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.module_state import set_module_state
        >>> module = torch.nn.Identity()
        >>> module.register_buffer("mean", torch.zeros(1), persistent=False)
        >>> set_module_state(module, {}, {"mean": torch.full((1,), 0.5)})
        >>> module.mean
        tensor([0.5000])
    """
    module.load_state_dict(state)
    for name, value in buffers.items():
        owner_name, _, key = name.rpartition(".")
        owner = module.get_submodule(owner_name)
        own = owner._buffers[key]
        if own is not None and own.shape == value.shape and own.dtype == value.dtype:
            # In place: other objects may hold the same tensor.
            with torch.no_grad():
                own.copy_(value)
        else:
            # A buffer whose shape changes while the network is trained.
            owner._buffers[key] = value if own is None else value.to(own.device)


def parameter_names(net: torch.nn.Module, loss_fn: Callable[..., Any]) -> dict[torch.Tensor, str]:
    """Name the parameters of a network and of its loss.

    Args:
        net: The network.
        loss_fn: Takes scores and labels.

    Returns:
        For each parameter the name that its module gives it; a loss's starts with ``loss_fn.``.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.module_state import parameter_names
        >>> list(parameter_names(torch.nn.Linear(1, 1), torch.nn.PReLU()).values())
        ['weight', 'bias', 'loss_fn.weight']
    """
    names: dict[torch.Tensor, str] = {}
    for prefix, module in (("", net), ("loss_fn.", loss_module(loss_fn))):
        for name, parameter in module.named_parameters():
            names.setdefault(parameter, prefix + name)
    return names
