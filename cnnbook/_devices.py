"""Which device computes."""

import os
import warnings
from pathlib import Path

import torch

__all__ = ["best_device", "check_device"]


def check_device(device: torch.device | str, *, name: str = "device") -> torch.device:
    """Return the device, or say that this machine does not have it.

    Args:
        device: A device or its name, such as ``"cpu"`` or ``"cuda:0"``.
        name: The argument's name, for the error message.

    Returns:
        The device, ready for use.

    Raises:
        TypeError: ``device`` is neither a device nor a name.
        ValueError: There is no device of that name in torch.
        RuntimeError: This machine does not have that device.

    Examples:
        >>> from cnnbook._devices import check_device
        >>> check_device("cpu")
        device(type='cpu')
        >>> check_device("gpu")
        Traceback (most recent call last):
            ...
        ValueError: device: expected a name such as 'cpu', 'cuda' or 'cuda:0', got 'gpu'

    Source:
        Derived here.
    """
    if not isinstance(device, (torch.device, str)):
        raise TypeError(f"{name}: expected a torch.device or its name, got {device!r}")
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(
            f"{name}: expected a name such as 'cpu', 'cuda' or 'cuda:0', got {device!r}"
        ) from None
    try:
        torch.zeros(1, device=found).add(1).cpu()
    # Depending on how torch was built, a missing device is any of these.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        present = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        raise RuntimeError(
            f"{name}: expected one that this machine has ({', '.join(present)}), got "
            f"{str(found)!r}; leave {name} out to use the best one "
            f"(torch says: {str(error).splitlines()[0]})"
        ) from None
    return found


def best_device() -> torch.device:
    """Return the CUDA device that is in use where there is one, otherwise the CPU.

    A graphics card that torch cannot use does not lead to the CPU in silence: a warning says so.

    Returns:
        ``cuda:0`` or whichever CUDA device torch currently uses, under ``torchrun`` the one with
        this process's number on its machine; or ``cpu``.

    Examples:
        >>> from cnnbook.training import best_device
        >>> best_device().type in ("cuda", "cpu")
        True

    Source:
        torch.cuda.is_available.
    """
    if torch.cuda.is_available():
        local = os.environ.get("LOCAL_RANK")
        index = torch.cuda.current_device() if local is None else int(local)
        return torch.device("cuda", index)
    # Made by the NVIDIA driver. Who hides the cards by the variable wants the CPU.
    if Path("/dev/nvidia0").exists() and "CUDA_VISIBLE_DEVICES" not in os.environ:
        warnings.warn(
            "this machine has an NVIDIA card that torch cannot use, so the CPU is taken; see "
            "torch.cuda.init() for the reason, or pass device='cpu' if that is meant",
            stacklevel=2,
        )
    return torch.device("cpu")
