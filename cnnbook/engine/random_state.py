"""torch's random state on the devices that a training uses."""

import torch

__all__ = ["get_random_state", "set_random_state"]


def get_random_state(device: torch.device) -> list[torch.Tensor]:
    """Copy the state of the random number generators that a training on a device may use.

    Args:
        device: Where the network is trained.

    Returns:
        The CPU's state and, if ``device`` is a GPU, that GPU's.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.random_state import get_random_state, set_random_state
        >>> cpu = torch.device("cpu")
        >>> state = get_random_state(cpu)
        >>> first = torch.rand(3)
        >>> set_random_state(state, cpu)
        >>> torch.equal(torch.rand(3), first)
        True
    """
    state = [torch.get_rng_state()]
    if device.type == "cuda":
        state.append(torch.cuda.get_rng_state(device))
    return state


def set_random_state(state: list[torch.Tensor], device: torch.device) -> None:
    """Restore a state that ``get_random_state`` has copied.

    Args:
        state: The CPU's state and, for a GPU, that GPU's; a GPU without one keeps its own.
        device: Where the network is trained.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.random_state import get_random_state, set_random_state
        >>> set_random_state(get_random_state(torch.device("cpu")), torch.device("cpu"))
    """
    # Cloned, because torch crashes on a state that is a row of a larger tensor.
    torch.set_rng_state(state[0].clone())
    if device.type == "cuda" and len(state) > 1:
        torch.cuda.set_rng_state(state[1].clone(), device)
