"""Choosing a device and checking that this machine has it."""

import os
import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch

from cnnbook._checks import summarize

__all__ = ["best_device", "check_device", "cpu_by_default"]


def check_device(device: torch.device | str, *, name: str = "device") -> torch.device:
    """Return the device, or raise an error if this machine does not have it.

    Args:
        device: A device or its name, such as ``"cpu"`` or ``"cuda:0"``. ``"cuda"`` means torch's
            current card, and under ``torchrun`` the one whose index is the process's
            ``LOCAL_RANK``, so that each process has its own.
        name: The argument's name, for the error message.

    Returns:
        The device, ready for use; a card with its index.

    Raises:
        TypeError: It is neither a device nor a name.
        ValueError: It is no device, or neither a CPU nor a CUDA device. MPS, the GPU of a Mac,
            has no float64, in which losses are added up.
        RuntimeError: This machine does not have it.

    Examples:
        >>> from cnnbook._devices import check_device
        >>> check_device("cpu")
        device(type='cpu')
        >>> check_device("gpu")
        Traceback (most recent call last):
            ...
        ValueError: device: expected a name such as 'cpu', 'cuda' or 'cuda:0', got 'gpu'
        >>> check_device("mps")
        Traceback (most recent call last):
            ...
        ValueError: device: expected 'cpu' or a CUDA device, got 'mps', which has no float64 to \
add up losses in; pass device='cpu'
    """
    if not isinstance(device, (torch.device, str)):
        raise TypeError(f"{name}: expected a torch.device or its name, got {summarize(device)}")
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(
            f"{name}: expected a name such as 'cpu', 'cuda' or 'cuda:0', got {summarize(device)}"
        ) from None
    if found.type not in ("cpu", "cuda"):
        lacks = ", which has no float64 to add up losses in" if found.type == "mps" else ""
        raise ValueError(
            f"{name}: expected 'cpu' or a CUDA device, got {str(found)!r}{lacks}; pass {name}='cpu'"
        )
    if found.type == "cuda" and torch.cuda.is_available():
        if found.index is None:
            return _own_card(name)
        # Asked for a missing one, torch raises an error that may come late and names no index.
        if found.index >= torch.cuda.device_count():
            raise RuntimeError(
                f"{name}: expected one that this machine has ({_present()}), got {str(found)!r}; "
                f"leave {name} out to use the best one"
            )
    try:
        torch.zeros(1, device=found).add(1).cpu()
    # Which of these a missing device raises depends on how torch was built.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise RuntimeError(
            f"{name}: expected one that this machine has ({_present()}), got "
            f"{str(found)!r}; leave {name} out to use the best one "
            f"(torch says: {str(error).splitlines()[0]})"
        ) from None
    return found


def _present() -> str:
    return ", ".join(["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))])


def _own_card(name: str) -> torch.device:
    """Return this process's card: that of its local rank under ``torchrun``, or torch's current."""
    local = os.environ.get("LOCAL_RANK")
    if local is None:
        return torch.device("cuda", torch.cuda.current_device())
    if not local.isdecimal():
        raise ValueError(
            f"LOCAL_RANK: expected a whole number, as torchrun sets it, got {local!r}; unset it"
        )
    if int(local) >= torch.cuda.device_count():
        # Also where each process sees one card only: its index is then not the local rank.
        raise RuntimeError(
            f"{name}: expected a card for each process of torchrun, got LOCAL_RANK {local} on a "
            f"machine with {_present()}; start fewer processes, or name the card or 'cpu' as "
            f"{name}"
        )
    return torch.device("cuda", int(local))


def best_device() -> torch.device:
    """Return the current CUDA device if there is one, otherwise the CPU.

    Warns if the machine has an NVIDIA card that torch cannot use.

    Returns:
        torch's current CUDA device, ``cuda:0`` by default; under ``torchrun`` the one whose index
        is the process's ``LOCAL_RANK``; without CUDA ``cpu``, also on a Mac with MPS, which has no
        float64 to add up losses in.

    Raises:
        RuntimeError: ``torchrun`` has started more processes than there are cards.

    Examples:
        >>> from cnnbook.training import best_device
        >>> best_device().type in ("cuda", "cpu")
        True
    """
    if torch.cuda.is_available():
        return _own_card("device")
    # The NVIDIA driver makes this file. A set CUDA_VISIBLE_DEVICES hides the cards on purpose.
    if Path("/dev/nvidia0").exists() and "CUDA_VISIBLE_DEVICES" not in os.environ:
        warnings.warn(
            "this machine has an NVIDIA card that torch cannot use, so the CPU is used; "
            "torch.cuda.init() says why; pass device='cpu' if the CPU is intended",
            stacklevel=2,
        )
    return torch.device("cpu")


def cpu_by_default() -> AbstractContextManager[Any]:
    """Create tensors on the CPU within the block if no device is named.

    Some of torch's optimizers count their steps in such a tensor, which must not follow
    ``torch.set_default_device``. If the CPU is the default already, nothing is changed, since
    ``with torch.device("cpu")`` makes every call of torch slower.

    Returns:
        A context manager.

    Examples:
        >>> import torch
        >>> from cnnbook._devices import cpu_by_default
        >>> with torch.device("meta"), cpu_by_default():
        ...     torch.zeros(2)
        tensor([0., 0.])
    """
    if torch.get_default_device().type == "cpu":
        return nullcontext()
    return torch.device("cpu")
