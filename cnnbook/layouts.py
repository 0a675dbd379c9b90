"""The same network and numbers in an order and a memory layout that move fewer bytes."""

from typing import Any

import torch

__all__ = [
    "channels_last_pays",
    "gradients_turned",
    "has_hooks",
    "pooling_first",
    "to_channels_last",
]

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)


def has_hooks(net: torch.nn.Module) -> bool:
    """Tell whether anything has been hooked onto a network or one of its layers.

    Args:
        net: The network.

    Returns:
        Whether somebody looks at what goes through it, so that it has to go through as it is.

    Examples:
        >>> import torch
        >>> from cnnbook.layouts import has_hooks
        >>> net = torch.nn.Sequential(torch.nn.ReLU())
        >>> has_hooks(net)
        False
        >>> _ = net[0].register_forward_hook(lambda *_: None)
        >>> has_hooks(net)
        True

    Source:
        torch.nn.Module.register_forward_hook.
    """
    return any(getattr(module, name, None) for module in net.modules() for name in _HOOKS)


def pooling_first(net: torch.nn.Module) -> torch.nn.Module:
    """Return a network of the same layers in which max pooling runs before ReLU.

    ReLU never turns an order round, so the largest of the rectified numbers is the rectified
    largest number; and where a gradient comes through, it comes to the same place, the first of
    the largest. Two by two pooling leaves ReLU a quarter of the numbers.

    Args:
        net: The network. It is left as it is; the layers, and so the weights, are shared.

    Returns:
        A new ``Sequential`` where a ``ReLU`` stands directly before a ``MaxPool2d`` in a
        ``Sequential``; otherwise, and where hooks look at the layers, ``net`` itself.

    Raises:
        TypeError: ``net`` is not a network.

    Examples:
        >>> import torch
        >>> from cnnbook.layouts import pooling_first
        >>> net = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.MaxPool2d(2))
        >>> [type(layer).__name__ for layer in pooling_first(net)]
        ['MaxPool2d', 'ReLU']
        >>> [type(layer).__name__ for layer in net]
        ['ReLU', 'MaxPool2d']
        >>> image = torch.tensor([[[[-1.0, 2.0], [3.0, -4.0]]]])
        >>> net(image).tolist(), pooling_first(net)(image).tolist()
        ([[[[3.0]]]], [[[[3.0]]]])
        >>> pooling_first("net")
        Traceback (most recent call last):
            ...
        TypeError: net: expected a torch.nn.Module, got str

    Source:
        Derived here.
    """
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"net: expected a torch.nn.Module, got {type(net).__name__}")
    # Exact types: a subclass may do anything.
    if type(net) is not torch.nn.Sequential or has_hooks(net):
        return net
    layers = [pooling_first(layer) for layer in net]
    changed = any(new is not old for new, old in zip(layers, net, strict=True))
    for index in range(len(layers) - 1):
        first, second = layers[index], layers[index + 1]
        if (
            type(first) is torch.nn.ReLU
            and type(second) is torch.nn.MaxPool2d
            # With indices, the place of the largest of several zeros would differ.
            and not second.return_indices
        ):
            layers[index], layers[index + 1] = second, first
            changed = True
    return torch.nn.Sequential(*layers) if changed else net


def channels_last_pays(net: torch.nn.Module, images: torch.Tensor) -> bool:
    """Tell whether a network takes its images faster with the channels side by side.

    Decided from the kinds of layers, not by timing, so that a run is reproducible.

    Args:
        net: The network.
        images: Images ``(n, c, h, w)``.

    Returns:
        True for float32 on a CPU where there is a ``Conv2d``: oneDNN and torch's pooling then
        work on whole vectors of channels. On a GPU it does not pay in float32.

    Examples:
        >>> import torch
        >>> from cnnbook.layouts import channels_last_pays
        >>> from cnnbook.networks import mlp, small_cnn
        >>> images = torch.zeros(1, 1, 28, 28)
        >>> channels_last_pays(small_cnn(), images), channels_last_pays(mlp(), images)
        (True, False)

    Source:
        PyTorch tutorial "Channels last memory format"; measured in tests/benchmarks.
    """
    return (
        images.device.type == "cpu"
        and images.dtype == torch.float32
        and any(type(module) is torch.nn.Conv2d for module in net.modules())
    )


def to_channels_last(images: torch.Tensor) -> torch.Tensor:
    """Lay images out with the channels of a pixel side by side.

    Args:
        images: Images ``(n, c, h, w)``.

    Returns:
        The same numbers and shape, in another layout. A single channel needs no copying, but
        torch has to be told: it leaves such images marked as they were.

    Examples:
        >>> import torch
        >>> from cnnbook.layouts import to_channels_last
        >>> to_channels_last(torch.zeros(2, 3, 4, 5)).stride()
        (60, 1, 15, 3)
        >>> to_channels_last(torch.zeros(2, 1, 4, 5)).stride()
        (20, 1, 5, 1)

    Source:
        PyTorch tutorial "Channels last memory format".
    """
    _, channels, height, width = images.shape
    if channels == 1:
        area = height * width
        return images.contiguous().as_strided(images.shape, (area, 1, width, 1))
    return images.contiguous(memory_format=torch.channels_last)


class _Turn(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
        return images.view_as(images)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
        return gradient.contiguous(memory_format=torch.channels_last)


class _TurnGradient(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return _Turn.apply(images) if images.ndim == 4 else images


def gradients_turned(net: torch.nn.Module) -> torch.nn.Module:
    """Return a network of the same layers in which gradients, too, have their channels last.

    What a ``Flatten`` takes may have its channels last, but the gradient that comes back through
    it never has, and the layers before would go through one in strides of the other. Turning it
    once is faster.

    Args:
        net: The network. It is left as it is; the layers, and so the weights, are shared.

    Returns:
        A new ``Sequential`` with a step before each ``Flatten`` that passes numbers through;
        where ``net`` is none or has no such layer, and where hooks look at it, ``net`` itself.

    Raises:
        TypeError: ``net`` is not a network.

    Examples:
        >>> import torch
        >>> from cnnbook.layouts import gradients_turned
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Flatten())
        >>> len(gradients_turned(net))
        3
        >>> gradients_turned(net[0]) is net[0]
        True

    Source:
        Derived here; measured in tests/benchmarks.
    """
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"net: expected a torch.nn.Module, got {type(net).__name__}")
    if type(net) is not torch.nn.Sequential or has_hooks(net):
        return net
    layers: list[torch.nn.Module] = []
    for layer in net:
        if type(layer) is torch.nn.Flatten:
            layers.append(_TurnGradient())
        layers.append(gradients_turned(layer))
    changed = len(layers) > len(net) or any(a is not b for a, b in zip(layers, net, strict=False))
    return torch.nn.Sequential(*layers) if changed else net
