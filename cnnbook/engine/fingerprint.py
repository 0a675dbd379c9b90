"""What a training is, so that what was kept of another one is refused and not gone on with."""

from pathlib import Path

import torch

from cnnbook.engine.checkpoints import digest
from cnnbook.engine.micro_batches import Loss

__all__ = ["check_fingerprint", "device_name", "start_fingerprint", "training_fingerprint"]


def training_fingerprint(
    net: torch.nn.Module, loss_fn: Loss, optimizer: torch.optim.Optimizer
) -> dict[str, list[str]]:
    """Describe what is trained and how, argument by argument, line by line.

    The numbers in the weights are left out, since they change as the training goes on; so is what
    changes how the arithmetic is carried out and not what it is.

    Args:
        net: The network.
        loss_fn: Takes scores and labels.
        optimizer: Made from the network's parameters.

    Returns:
        Lines for ``net``, ``loss_fn`` and ``optimizer``; two trainings with the same lines differ
        in nothing but their images, labels and start.

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

    Source:
        Derived here.
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
    rules = [type(optimizer).__qualname__]
    for group in optimizer.param_groups:
        rules += [
            f"{key}={float(value) if isinstance(value, torch.Tensor) else value!r}"
            for key, value in sorted(group.items())
            # How the arithmetic is carried out is no other training.
            if key not in ("params", "foreach", "fused", "capturable")
        ]
        rules.append(f"{len(group['params'])} parameters")
    return {"net": layers + weights, "loss_fn": loss, "optimizer": rules}


def start_fingerprint(net: torch.nn.Module) -> list[str]:
    """Describe the weights with which a training starts, so that another start is noticed.

    Not by a SHA-256: the last bit of a random weight may differ from machine to machine, and is no
    other start.

    Args:
        net: The network before its first update.

    Returns:
        A line for each parameter, with four digits of its sum with rising factors from 1 to 2,
        which is another one where two weights change places.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.fingerprint import start_fingerprint
        >>> net = torch.nn.Linear(3, 1, bias=False)
        >>> net.weight.data = torch.tensor([[1.0, 2.0, 4.0]])

        1*1 + 1.5*2 + 2*4 = 12, and with the first two in each other's place 2 + 1.5 + 8 = 11.5.

        >>> start_fingerprint(net)
        ["'weight' starts with 12"]
        >>> net.weight.data = torch.tensor([[2.0, 1.0, 4.0]])
        >>> start_fingerprint(net)
        ["'weight' starts with 11.5"]

    Source:
        Derived here.
    """
    lines = []
    for name, parameter in net.named_parameters():
        values = parameter.detach().cpu().flatten()
        if not values.is_floating_point():
            continue
        factors = torch.linspace(1, 2, len(values), dtype=torch.float64)
        lines.append(f"{name!r} starts with {float((values.double() * factors).sum()):.4g}")
    return lines


def device_name(device: torch.device) -> str:
    """Name a device as far as the last bits of its numbers depend on it.

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
    mine: dict[str, list[str]], theirs: dict[str, list[str]], *, kept: Path, what: str
) -> None:
    """Refuse what was kept of another training, saying what differs.

    Args:
        mine: What this training is, argument by argument.
        theirs: The same of the training that was kept.
        kept: The file that it was kept in.
        what: What kind of file that is, and what to name instead to begin anew, such as
            ``"checkpoint, file"``.

    Raises:
        ValueError: A line of one is no line of the other; the first argument that differs is
            named.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook.engine.fingerprint import check_fingerprint
        >>> mine, theirs = {"epochs": ["20"]}, {"epochs": ["499"]}
        >>> check_fingerprint(mine, mine, kept=Path("run.ckpt"), what="checkpoint, file")
        >>> check_fingerprint(mine, theirs, kept=Path("run.ckpt"), what="checkpoint, file")
        Traceback (most recent call last):
            ...
        ValueError: epochs: expected the same as in the checkpoint run.ckpt, that is 499, got 20; \
name another file to begin a training of its own

    Source:
        Derived here.
    """
    kind, _, device = what.partition(", ")
    for name, lines in mine.items():
        before = theirs.get(name, [])
        if lines == before:
            continue
        here = next((line for line in lines if line not in before), "less")
        there = next((line for line in before if line not in lines), "less")
        raise ValueError(
            f"{name}: expected the same as in the {kind} {kept}, that is {there}, got {here}; "
            f"name another {device} to begin a training of its own"
        )
