"""A description of a training, so that a checkpoint or result of another one is refused."""

from pathlib import Path
from typing import Literal

import torch

from cnnbook.engine.checkpoints import digest
from cnnbook.engine.micro_batches import Loss

__all__ = ["check_fingerprint", "device_name", "start_fingerprint", "training_fingerprint"]


def training_fingerprint(
    net: torch.nn.Module, loss_fn: Loss, optimizer: torch.optim.Optimizer
) -> dict[str, list[str]]:
    """Describe what is trained and how, argument by argument, line by line.

    The values of the weights are left out, since training changes them, and so are options that
    change how something is computed but not what.

    Args:
        net: The network.
        loss_fn: Takes scores and labels.
        optimizer: Made from the network's parameters.

    Returns:
        Lines for ``net``, ``loss_fn`` and ``optimizer``. Two trainings with the same lines differ
        only in their images, labels and initial weights.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.fingerprint import training_fingerprint
        >>> net = torch.nn.Linear(3, 2)
        >>> sgd = torch.optim.SGD(net.parameters(), lr=0.5)
        >>> lines = training_fingerprint(net, torch.nn.MSELoss(), sgd)
        >>> lines["net"][0]
        "layer '': Linear(in_features=3, out_features=2, bias=True)"
        >>> lines["loss_fn"], "lr=0.5" in lines["optimizer"]
        (['MSELoss', "reduction='mean'"], True)
    """
    layers = [
        f"layer {name!r}: {type(module).__qualname__}({module.extra_repr()})"
        for name, module in net.named_modules()
        if next(module.children(), None) is None
    ]
    weights = [
        f"{name!r} of shape {tuple(value.shape)}, {value.dtype}"
        for name, value in net.state_dict().items()
        if isinstance(value, torch.Tensor)
    ]
    loss = [getattr(loss_fn, "__qualname__", type(loss_fn).__qualname__)]
    if isinstance(loss_fn, torch.nn.Module):
        plain = {key: value for key, value in vars(loss_fn).items() if not key.startswith("_")}
        loss += [f"{key}={value!r}" for key, value in sorted(plain.items()) if key != "training"]
        loss += [f"{key}: {digest(value)}" for key, value in loss_fn.state_dict().items()]
    options = [type(optimizer).__qualname__]
    for group in optimizer.param_groups:
        options += [
            f"{key}={float(value) if isinstance(value, torch.Tensor) else value!r}"
            for key, value in sorted(group.items())
            # These change how an update is computed, but not what it computes.
            if key not in ("params", "foreach", "fused", "capturable")
        ]
        options.append(f"{len(group['params'])} parameters")
    return {"net": layers + weights, "loss_fn": loss, "optimizer": options}


def start_fingerprint(net: torch.nn.Module) -> list[str]:
    """Describe the initial weights, so that other initial weights are noticed.

    A SHA-256 would be too strict: on another machine the last bit of a random weight may differ,
    although the seed is the same.

    Args:
        net: The network before its first update.

    Returns:
        A line for each parameter, with four digits of the weighted sum of its values. The factors
        rise from 1 to 2, so that the sum changes if two values are exchanged.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.fingerprint import start_fingerprint
        >>> net = torch.nn.Linear(3, 1, bias=False)
        >>> net.weight.data = torch.tensor([[1.0, 2.0, 4.0]])

        1*1 + 1.5*2 + 2*4 = 12, and with the first two exchanged 2 + 1.5 + 8 = 11.5.

        >>> start_fingerprint(net)
        ["'weight' starts with 12"]
        >>> net.weight.data = torch.tensor([[2.0, 1.0, 4.0]])
        >>> start_fingerprint(net)
        ["'weight' starts with 11.5"]
    """
    lines = []
    for name, parameter in net.named_parameters():
        values = parameter.detach().cpu().flatten()
        if not values.is_floating_point():
            continue
        factors = torch.linspace(1, 2, len(values), dtype=torch.float64, device="cpu")
        lines.append(f"{name!r} starts with {float((values.double() * factors).sum()):.4g}")
    return lines


def device_name(device: torch.device) -> str:
    """Name the hardware on which the last bits of a device's results depend.

    Args:
        device: A CPU or a CUDA device of this machine.

    Returns:
        The card's name, or ``"cpu with"`` the instructions that torch uses on it.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.fingerprint import device_name
        >>> device_name(torch.device("cpu")).startswith("cpu with ")
        True

    Source:
        torch.cuda.get_device_name, torch.backends.cpu.get_cpu_capability.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu with {torch.backends.cpu.get_cpu_capability()}"


def check_fingerprint(
    fingerprint: dict[str, list[str]],
    kept: dict[str, list[str]],
    *,
    kind: Literal["checkpoint", "result"],
    path: Path,
) -> None:
    """Refuse a checkpoint or a result of another training, and name what differs.

    Args:
        fingerprint: Of this training, argument by argument.
        kept: Of the training whose checkpoint or result was kept.
        kind: What was kept.
        path: Its file.

    Raises:
        ValueError: The two differ; the first argument that does is named.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook.engine.fingerprint import check_fingerprint
        >>> now, before, path = {"epochs": ["20"]}, {"epochs": ["499"]}, Path("seed-0.json")
        >>> check_fingerprint(now, now, kind="result", path=path)
        >>> check_fingerprint(now, before, kind="result", path=path)
        Traceback (most recent call last):
            ...
        ValueError: epochs: expected the same as in the result seed-0.json, that is 499, got 20; \
choose another folder to start a new training
    """
    for name, lines in fingerprint.items():
        kept_lines = kept.get(name, [])
        if lines == kept_lines:
            continue
        here = next((line for line in lines if line not in kept_lines), "fewer entries")
        there = next((line for line in kept_lines if line not in lines), "fewer entries")
        other = {"checkpoint": "file", "result": "folder"}[kind]
        raise ValueError(
            f"{name}: expected the same as in the {kind} {path}, that is {there}, got {here}; "
            f"choose another {other} to start a new training"
        )
