"""A description of a training, so that a checkpoint or result of another one is refused."""

import functools
import re
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import torch

from cnnbook.engine.allowlist import may_depend_on_mode
from cnnbook.engine.checkpoints import digest
from cnnbook.engine.losses import Loss
from cnnbook.engine.module_state import get_module_state

__all__ = [
    "check_fingerprint",
    "describe",
    "device_name",
    "incomparable",
    "mode_fingerprint",
    "start_fingerprint",
    "state_fingerprint",
    "training_fingerprint",
    "update_fingerprint",
]

_INCOMPARABLE = " (cannot be compared)"

_PLAIN = (bool, complex, str, bytes, Path, torch.dtype, torch.device)

# What every module has; the rest are its own constants and counters.
_OF_EVERY_MODULE = frozenset(vars(torch.nn.Module()))


def describe(value: object) -> str:
    """Describe a constant, a function or an object, the same in every process.

    Args:
        value: Anything.

    Returns:
        One line. It says ``(cannot be compared)`` of a lambda, of a function that is defined within
        another, and of an object without attributes: two of these may look the same and differ.

    Examples:
        >>> import functools
        >>> import torch
        >>> from cnnbook.engine.fingerprint import describe
        >>> loss = functools.partial(torch.nn.functional.cross_entropy, label_smoothing=0.1)
        >>> describe(loss)
        'partial(cross_entropy, label_smoothing=0.1)'
        >>> describe(lambda scores, labels: scores.sum())
        '<lambda> (cannot be compared)'
    """
    return _describe(value, depth=4)


def _describe(value: object, *, depth: int) -> str:
    if isinstance(value, torch.Tensor):
        return f"{value.dtype} of shape {tuple(value.shape)} with SHA-256 {digest(value)}"
    # As Python writes them: numpy.float64 has a name for itself.
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return repr(int(value))
    if value is None or isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, type):
        return value.__qualname__
    if isinstance(value, types.ModuleType):
        return value.__name__
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
        # As a tensor, where torch has its dtype.
        numeric = value.dtype.kind in "biufc"
        return _describe(torch.as_tensor(value) if numeric else value.tolist(), depth=depth)
    if depth == 0:
        return f"{type(value).__qualname__}{_INCOMPARABLE}"

    def inner(part: object) -> str:
        return _describe(part, depth=depth - 1)

    if isinstance(value, Mapping):
        items = ", ".join(f"{inner(key)}: {inner(part)}" for key, part in value.items())
        return f"{{{items}}}"
    if isinstance(value, (list, tuple)):
        items = ", ".join(inner(part) for part in value)
        return f"[{items}]" if isinstance(value, list) else f"({items})"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(inner(part) for part in value))}}}"
    if isinstance(value, functools.partial):
        arguments = [inner(value.func), *map(inner, value.args)]
        arguments += [f"{key}={inner(part)}" for key, part in sorted(value.keywords.items())]
        return f"partial({', '.join(arguments)})"
    if isinstance(value, types.MethodType):
        return f"{inner(value.__self__)}.{value.__name__}"
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType)):
        name = value.__qualname__
        return name + _INCOMPARABLE * ("<lambda>" in name or "<locals>" in name)
    if isinstance(value, torch.nn.Module):
        return f"{type(value).__qualname__}({', '.join(_module_lines(value, inner))})"
    if not hasattr(value, "__dict__") or _from_torch(value):
        return f"{type(value).__qualname__}{_INCOMPARABLE}"
    return f"{type(value).__qualname__}({', '.join(_attributes(vars(value), inner))})"


def _from_torch(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == "torch"


def _attributes(
    attributes: Mapping[str, object], describe_one: Callable[[object], str] = describe
) -> list[str]:
    return [f"{key}={describe_one(value)}" for key, value in sorted(attributes.items())]


def _own_attributes(module: torch.nn.Module) -> dict[str, object]:
    """Return what a module computes with, but its tensors and its parts."""
    own = {key: value for key, value in vars(module).items() if key not in _OF_EVERY_MODULE}
    if not _from_torch(module):
        return own
    if not type(module).__module__.startswith("torch.nn."):
        # What torch.compile wraps around a network holds addresses in memory.
        return {}
    return {key: value for key, value in own.items() if not key.startswith("_")}


def incomparable(fingerprint: Mapping[str, list[str]]) -> list[str]:
    """Find what cannot be compared with the training that wrote a checkpoint.

    Args:
        fingerprint: Argument by argument, line by line.

    Returns:
        The arguments and their lines that hold a lambda or the like.

    Examples:
        >>> from cnnbook.engine.fingerprint import describe, incomparable
        >>> incomparable({"net": ["Linear"], "loss_fn": [describe(lambda *_: 0)]})
        ['loss_fn: <lambda>']
    """
    return [
        f"{name}: {line.replace(_INCOMPARABLE, '')}"
        for name, lines in fingerprint.items()
        for line in lines
        if _INCOMPARABLE in line
    ]


def _is_plain_layer(module: torch.nn.Module) -> bool:
    """Return whether ``extra_repr`` says all that a module computes with, but its tensors."""
    leaf = next(module.children(), None) is None
    known = type(module).__module__.startswith("torch.nn.")
    return type(module) is torch.nn.Sequential or (leaf and known)


def _layer_lines(net: torch.nn.Module) -> list[str]:
    return [
        f"layer {name!r}: {type(module).__qualname__}({module.extra_repr()})"
        for name, module in net.named_modules()
        if next(module.children(), None) is None
    ]


def _module_lines(
    module: torch.nn.Module, describe_one: Callable[[object], str] = describe
) -> list[str]:
    """Describe a module's constants and tensors, and those of its parts."""
    lines = []
    for name, part in module.named_modules():
        if name:
            lines.append(f"{name}: {type(part).__qualname__}")
        prefix = f"{name}." if name else ""
        lines += [prefix + line for line in _attributes(_own_attributes(part), describe_one)]
    return lines + _state_lines(module)


def _state_lines(module: torch.nn.Module) -> list[str]:
    state, buffers = get_module_state(module)
    return [f"{key}: {describe(value)}" for key, value in (state | buffers).items()]


def _option_lines(optimizer: torch.optim.Optimizer) -> list[str]:
    options = [type(optimizer).__qualname__]
    for group in optimizer.param_groups:
        options += [
            f"{key}={describe(value.item() if isinstance(value, torch.Tensor) else value)}"
            for key, value in sorted(group.items())
            # These change how an update is computed, but not what it computes.
            if key not in ("params", "foreach", "fused", "capturable")
        ]
        options.append(f"{len(group['params'])} parameters")
    return options


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
    weights = [
        f"{name!r} of shape {tuple(value.shape)}, {value.dtype}"
        for name, value in net.state_dict().items()
        if isinstance(value, torch.Tensor)
    ]
    return {
        "net": _layer_lines(net) + weights,
        "loss_fn": _loss_lines(loss_fn),
        "optimizer": _option_lines(optimizer),
    }


def _loss_lines(loss_fn: Loss) -> list[str]:
    if isinstance(loss_fn, torch.nn.Module):
        return [type(loss_fn).__qualname__, *_module_lines(loss_fn)]
    return [describe(loss_fn)]


def state_fingerprint(net: torch.nn.Module, loss_fn: Loss) -> dict[str, list[str]]:
    """Describe a network and a loss with every number in them, as they are now.

    Args:
        net: The network.
        loss_fn: Takes scores and labels.

    Returns:
        Lines for ``net`` and ``loss_fn``: layers, constants, which parameters are frozen, and the
        SHA-256 of every parameter and buffer; the same on every device and in every memory format.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.fingerprint import state_fingerprint
        >>> net = torch.nn.Linear(1, 1, bias=False)
        >>> net.weight.data.fill_(0.5)
        tensor([[0.5000]])
        >>> layer, weight = state_fingerprint(net, torch.nn.MSELoss())["net"]
        >>> layer
        "layer '': Linear(in_features=1, out_features=1, bias=False)"
        >>> weight[:52]
        'weight: torch.float32 of shape (1, 1) with SHA-256 9'
    """
    lines = _layer_lines(net)
    for name, module in net.named_modules():
        if not _is_plain_layer(module):
            lines.append(f"layer {name!r}: {type(module).__qualname__}")
            lines += [f"layer {name!r}: {line}" for line in _attributes(_own_attributes(module))]
    lines += [f"{name}: frozen" for name, p in net.named_parameters() if not p.requires_grad]
    return {"net": lines + _state_lines(net), "loss_fn": _loss_lines(loss_fn)}


def mode_fingerprint(net: torch.nn.Module) -> list[str]:
    """Describe which layers are in evaluation mode, if it matters to them.

    Args:
        net: The network, as it was handed in.

    Returns:
        A line for each.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.fingerprint import mode_fingerprint
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout())
        >>> mode_fingerprint(net), mode_fingerprint(net.eval())
        ([], ["layer '1': in evaluation mode"])
    """
    return [
        f"layer {name!r}: in evaluation mode"
        for name, module in net.named_modules()
        if not module.training and may_depend_on_mode(module)
    ]


def update_fingerprint(
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None,
    names: Mapping[torch.Tensor, str],
) -> dict[str, list[str]]:
    """Describe an optimizer and a scheduler, as they are now, without the moments.

    Args:
        optimizer: The optimizer.
        scheduler: The scheduler of its learning rates; ``None`` if there is none.
        names: The name of each parameter that it updates.

    Returns:
        Lines for ``optimizer`` and ``scheduler``: options, which parameters are in which group and
        in which order, and how far the scheduler is.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.fingerprint import update_fingerprint
        >>> net = torch.nn.Linear(1, 1)
        >>> sgd = torch.optim.SGD(net.parameters(), lr=0.5)
        >>> halve = torch.optim.lr_scheduler.StepLR(sgd, step_size=10, gamma=0.5)
        >>> names = {parameter: name for name, parameter in net.named_parameters()}
        >>> lines = update_fingerprint(sgd, halve, names)
        >>> lines["optimizer"][-2:]
        ["parameter 0 of group 0 is 'weight'", "parameter 1 of group 0 is 'bias'"]
        >>> lines["scheduler"][0], "gamma=0.5" in lines["scheduler"]
        ('StepLR', True)
    """
    lines = _option_lines(optimizer)
    if not type(optimizer).__module__.startswith("torch.optim."):
        # Its own constants. The rest is described here or in its state; a scheduler replaces
        # ``step``.
        known = ("defaults", "state", "param_groups", "step")
        own = {k: v for k, v in vars(optimizer).items() if k not in known and k[0] != "_"}
        lines += _attributes(own)
    for index, group in enumerate(optimizer.param_groups):
        lines += [
            f"parameter {position} of group {index} is {names[parameter]!r}"
            for position, parameter in enumerate(group["params"])
        ]
    return {"optimizer": lines, "scheduler": [] if scheduler is None else _steps(scheduler)}


def _steps(scheduler: torch.optim.lr_scheduler.LRScheduler) -> list[str]:
    """Describe a scheduler, its counters and the schedulers in it."""
    lines = [type(scheduler).__qualname__]
    for key, value in sorted(vars(scheduler).items()):
        if key == "_schedulers":
            for index, part in enumerate(value):
                lines += [f"{index}: {line}" for line in _steps(part)]
        # CyclicLR sets ``_scale_fn_ref`` from its mode.
        elif key not in ("optimizer", "_scale_fn_ref"):
            lines.append(f"{key}={describe(value)}")
    return lines


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
    last: Mapping[str, list[str]] | None = None,
) -> None:
    """Refuse a checkpoint or a result of another training, and name what differs.

    Args:
        fingerprint: Of this training, argument by argument.
        kept: Of the training whose checkpoint or result was kept.
        kind: What was kept.
        path: Its file.
        last: Of that training when the file was written; an argument may be equal to this instead
            of ``kept``.

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
        if lines == kept_lines or (last is not None and lines == last.get(name)):
            continue
        here = next((line for line in lines if line not in kept_lines), "fewer entries")
        there = next((line for line in kept_lines if line not in lines), "fewer entries")
        remedy = {
            "checkpoint": "to resume, hand in what that training started with; to start a new "
            "training, choose another file, or delete this one",
            "result": "choose another folder to start a new training",
        }[kind]
        message = (
            f"{name}: expected the same as in the {kind} {path}, that is {there}, got {here}; "
            f"{remedy}"
        )
        raise ValueError(re.sub(r"(SHA-256 [0-9a-f]{8})[0-9a-f]+", r"\1...", message))
