"""The random state that a training may use: torch's on its devices, Python's and numpy's."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = [
    "get_python_random_state",
    "get_random_state",
    "preserve_random_state",
    "set_python_random_state",
    "set_random_state",
]


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


def get_python_random_state() -> dict[str, Any]:
    """Copy the state of Python's ``random`` and, if numpy is imported, of ``numpy.random``.

    Layers and losses may draw from them. Generators that a layer holds itself are part of that
    layer.

    Returns:
        Tensors, numbers and strings, which a checkpoint can hold.

    Examples:
        >>> import random
        >>> from cnnbook.engine.random_state import get_python_random_state
        >>> from cnnbook.engine.random_state import set_python_random_state
        >>> state = get_python_random_state()
        >>> first = random.random()
        >>> set_python_random_state(state)
        >>> random.random() == first
        True

    Source:
        Python documentation, random.getstate; numpy documentation, numpy.random.get_state.
    """
    version, numbers, gauss = random.getstate()
    # 625 numbers: much faster to read again as a tensor.
    state: dict[str, Any] = {"random": (version, torch.tensor(numbers, device="cpu"), gauss)}
    # Not imported for this: what has not been imported has drawn nothing.
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        state["numpy"] = _arrays_to_tensors(numpy.random.get_state(legacy=False))
    return state


def set_python_random_state(state: dict[str, Any]) -> None:
    """Restore a state that ``get_python_random_state`` has copied.

    Args:
        state: As that function returned it, or as a checkpoint gave it back.

    Examples:
        >>> from cnnbook.engine.random_state import get_python_random_state
        >>> from cnnbook.engine.random_state import set_python_random_state
        >>> set_python_random_state(get_python_random_state())
    """
    version, numbers, gauss = state["random"]
    random.setstate((version, tuple(numbers.tolist()), gauss))
    numpy = sys.modules.get("numpy")
    if numpy is not None and "numpy" in state:
        numpy.random.set_state(_tensors_to_arrays(state["numpy"]))


def _arrays_to_tensors(state: dict[str, Any]) -> dict[str, Any]:
    tensors: dict[str, Any] = {}
    for key, part in state.items():
        if isinstance(part, dict):
            tensors[key] = _arrays_to_tensors(part)
        # Cloned, because numpy may go on writing to the array.
        else:
            tensors[key] = torch.from_numpy(part).clone() if hasattr(part, "shape") else part
    return tensors


def _tensors_to_arrays(state: dict[str, Any]) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for key, part in state.items():
        if isinstance(part, dict):
            arrays[key] = _tensors_to_arrays(part)
        else:
            arrays[key] = part.numpy() if isinstance(part, torch.Tensor) else part
    return arrays


@contextmanager
def preserve_random_state(device: torch.device) -> Iterator[None]:
    """Restore torch's, Python's and numpy's random state after the block.

    Args:
        device: Where the block computes.

    Yields:
        Nothing.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.random_state import preserve_random_state
        >>> with preserve_random_state(torch.device("cpu")):
        ...     first = torch.rand(1)
        >>> torch.equal(torch.rand(1), first)
        True
    """
    state, python_state = get_random_state(device), get_python_random_state()
    try:
        yield
    finally:
        set_random_state(state, device)
        set_python_random_state(python_state)
