"""The layers of a network in the order in which they run, and what is known about each."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch

__all__ = ["ELEMENTWISE", "as_pair", "layer_channels", "named_layers", "unknown_computation"]

# Each output element depends on the input element at the same position, in evaluation mode.
ELEMENTWISE = (
    torch.nn.Identity,
    torch.nn.ReLU,
    torch.nn.ReLU6,
    torch.nn.LeakyReLU,
    torch.nn.PReLU,
    torch.nn.ELU,
    torch.nn.SELU,
    torch.nn.GELU,
    torch.nn.SiLU,
    torch.nn.Mish,
    torch.nn.Hardswish,
    torch.nn.Sigmoid,
    torch.nn.Tanh,
    torch.nn.Softplus,
    torch.nn.Dropout,
    torch.nn.Dropout2d,
    torch.nn.BatchNorm2d,
)


def named_layers(net: Iterable[object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield every layer with its name; a nested Sequential is replaced by its own layers.

    A layer that is used twice is yielded twice, unlike in ``net.named_children()``.

    Args:
        net: A Sequential, or any other iterable of layers, which are numbered from 0.
        prefix: What each name starts with.

    Yields:
        Name and layer, the names as in ``net.named_modules()``.

    Examples:
        >>> import torch
        >>> from cnnbook._layers import named_layers
        >>> block = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3), torch.nn.ReLU())
        >>> [name for name, _ in named_layers(torch.nn.Sequential(block, torch.nn.Flatten()))]
        ['0.0', '0.1', '1']
    """
    named = (
        zip(net._modules, net, strict=True)
        if isinstance(net, torch.nn.Sequential)
        else ((str(index), layer) for index, layer in enumerate(net))
    )
    for name, layer in named:
        if isinstance(layer, torch.nn.Sequential) and unknown_computation(layer) is None:
            yield from named_layers(layer, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", layer


def unknown_computation(layer: torch.nn.Module) -> str | None:
    """Say why a layer may not compute what its class in ``torch.nn`` computes, or cannot run.

    Args:
        layer: A layer of torch, or of a class derived from one.

    Returns:
        The reason, a clause without a subject; None if the layer computes what torch's does.

    Examples:
        >>> import torch
        >>> from cnnbook._layers import unknown_computation
        >>> unknown_computation(torch.nn.MaxPool2d(2))
        >>> unknown_computation(torch.nn.MaxPool2d(2, padding=2))
        'has padding 2, but torch accepts at most half of the kernel size 2'
        >>> class Twice(torch.nn.Conv2d):
        ...     def forward(self, x):
        ...         return super().forward(super().forward(x))
        >>> unknown_computation(Twice(1, 1, 3))
        'has a forward of its own, so that what it computes is not known'
    """
    tensors = (*layer.parameters(recurse=False), *layer.buffers(recurse=False))
    if any(torch.nn.parameter.is_lazy(tensor) for tensor in tensors):
        return "is lazy and has no sizes yet; pass one image through the network first"
    kind = type(layer)
    torchs = next(base for base in kind.__mro__ if base.__module__.startswith("torch.nn."))
    for method in ("forward", "__call__", "_conv_forward"):
        changed = getattr(kind, method, None) is not getattr(torchs, method, None)
        if changed or method in vars(layer):
            return f"has a {method} of its own, so that what it computes is not known"
    hooks = (*layer._forward_hooks.values(), *layer._forward_pre_hooks.values())
    # Those of torch.nn.utils compute the weight, such as that of weight_norm.
    if any(not type(hook).__module__.startswith("torch.nn.utils.") for hook in hooks):
        return "has a forward hook, which may change what it computes; remove the hook"
    if isinstance(layer, (torch.nn.MaxPool2d, torch.nn.AvgPool2d)):
        for border, count in zip(as_pair(layer.padding), as_pair(layer.kernel_size), strict=True):
            if border > count // 2:
                return (
                    f"has padding {border}, but torch accepts at most half of the kernel size "
                    f"{count}"
                )
        if getattr(layer, "return_indices", False):
            return (
                "returns indices as well, which no layer after it accepts; leave out "
                "return_indices=True"
            )
        if getattr(layer, "divisor_override", None) == 0:
            return "divides by divisor_override=0"
    return None


def layer_channels(layer: object) -> tuple[int | None, int | None]:
    """Return the channels that a layer accepts and those that it returns, None where any.

    Args:
        layer: A layer of torch.

    Returns:
        The two numbers; a layer that accepts any number returns as many as it gets.

    Examples:
        >>> import torch
        >>> from cnnbook._layers import layer_channels
        >>> layer_channels(torch.nn.Conv2d(3, 8, 2)), layer_channels(torch.nn.BatchNorm2d(8))
        ((3, 8), (8, 8))
        >>> layer_channels(torch.nn.ReLU()), layer_channels(torch.nn.PReLU())
        ((None, None), (None, None))
    """
    if isinstance(layer, (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
        return layer.in_channels, layer.out_channels
    count = None
    if isinstance(layer, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
        count = layer.num_features
    elif isinstance(layer, torch.nn.GroupNorm):
        count = layer.num_channels
    # One parameter serves any number of channels.
    elif isinstance(layer, torch.nn.PReLU) and layer.num_parameters > 1:
        count = layer.num_parameters
    return count, count


def as_pair(value: object) -> tuple[Any, Any]:
    """Return a layer's option, one value or a pair, as (rows, columns).

    Args:
        value: As the layer stores it: some layers convert an int to a pair, others keep the int,
            a tuple or a list.

    Returns:
        The pair.

    Raises:
        ValueError: There are more or fewer than two numbers.

    Examples:
        >>> import torch
        >>> from cnnbook._layers import as_pair
        >>> as_pair(torch.nn.Conv2d(1, 1, 3).kernel_size), as_pair(torch.nn.MaxPool2d(2).stride)
        ((3, 3), (2, 2))
        >>> as_pair((2, 2, 2))
        Traceback (most recent call last):
            ...
        ValueError: expected options of one number or two, got (2, 2, 2)
    """
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise ValueError(f"expected options of one number or two, got {values}")
    return values[0], values[1]
