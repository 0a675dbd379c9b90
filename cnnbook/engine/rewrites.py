"""The same network and numbers in an order and a memory layout that move fewer bytes."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

__all__ = [
    "channels_last_gradients",
    "channels_last_helps",
    "fuse_gradient_accumulation",
    "fused_parameters",
    "has_hooks",
    "hooked_parameter",
    "inplace_relu",
    "pool_before_relu",
    "to_channels_last",
]

# What these put out, they do not look at again on the way back.
_FORGETFUL = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.MaxPool2d)

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)


def has_hooks(net: torch.nn.Module) -> bool:
    """Tell whether anything has been hooked onto a network, one of its layers or its weights.

    Args:
        net: The network.

    Returns:
        Whether somebody looks at what goes through it, so that it has to go through as it is.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.rewrites import has_hooks
        >>> net = torch.nn.Sequential(torch.nn.ReLU())
        >>> has_hooks(net)
        False
        >>> _ = net[0].register_forward_hook(lambda *_: None)
        >>> has_hooks(net)
        True

    Source:
        torch.nn.Module.register_forward_hook.
    """
    return hooked_parameter(net) is not None or any(
        getattr(module, name, None) for module in net.modules() for name in _HOOKS
    )


def hooked_parameter(net: torch.nn.Module) -> str | None:
    """Name a parameter whose gradient somebody looks at or changes.

    Args:
        net: The network.

    Returns:
        The first one's name, or ``None``.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.rewrites import hooked_parameter
        >>> net = torch.nn.Sequential(torch.nn.Linear(1, 1))
        >>> print(hooked_parameter(net))
        None
        >>> _ = net[0].bias.register_hook(lambda gradient: gradient.clamp(-1, 1))
        >>> hooked_parameter(net)
        '0.bias'

    Source:
        torch.Tensor.register_hook, torch.Tensor.register_post_accumulate_grad_hook.
    """
    for name, parameter in net.named_parameters():
        if parameter._backward_hooks or getattr(parameter, "_post_accumulate_grad_hooks", None):
            return name
    return None


def _rearranged(
    net: torch.nn.Module, rearrange: Callable[[list[torch.nn.Module]], list[torch.nn.Module]]
) -> torch.nn.Module:
    """Return a ``Sequential`` with other layers in it, or the network itself where none changes."""
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"net: expected a torch.nn.Module, got {type(net).__name__}")
    # Exact types: a subclass may do anything.
    if type(net) is not torch.nn.Sequential or has_hooks(net):
        return net
    layers = rearrange([_rearranged(layer, rearrange) for layer in net])
    same = len(layers) == len(net) and all(a is b for a, b in zip(layers, net, strict=True))
    return net if same else torch.nn.Sequential(*layers)


def pool_before_relu(net: torch.nn.Module) -> torch.nn.Module:
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
        >>> from cnnbook.engine.rewrites import pool_before_relu
        >>> net = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.MaxPool2d(2))
        >>> [type(layer).__name__ for layer in pool_before_relu(net)]
        ['MaxPool2d', 'ReLU']
        >>> [type(layer).__name__ for layer in net]
        ['ReLU', 'MaxPool2d']
        >>> image = torch.tensor([[[[-1.0, 2.0], [3.0, -4.0]]]])
        >>> net(image).tolist(), pool_before_relu(net)(image).tolist()
        ([[[[3.0]]]], [[[[3.0]]]])
        >>> pool_before_relu("net")
        Traceback (most recent call last):
            ...
        TypeError: net: expected a torch.nn.Module, got str

    Source:
        Derived here.
    """

    def turn(layers: list[torch.nn.Module]) -> list[torch.nn.Module]:
        for index in range(len(layers) - 1):
            first, second = layers[index], layers[index + 1]
            if (
                type(first) is torch.nn.ReLU
                and type(second) is torch.nn.MaxPool2d
                # With indices, the place of the largest of several zeros would differ.
                and not second.return_indices
            ):
                layers[index], layers[index + 1] = second, first
        return layers

    return _rearranged(net, turn)


def channels_last_helps(net: torch.nn.Module, images: torch.Tensor) -> bool:
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
        >>> from cnnbook.engine.rewrites import channels_last_helps
        >>> from cnnbook.networks import mlp, small_cnn
        >>> images = torch.zeros(1, 1, 28, 28)
        >>> channels_last_helps(small_cnn(), images), channels_last_helps(mlp(), images)
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
        >>> from cnnbook.engine.rewrites import to_channels_last
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


def channels_last_gradients(net: torch.nn.Module) -> torch.nn.Module:
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
        >>> from cnnbook.engine.rewrites import channels_last_gradients
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Flatten())
        >>> len(channels_last_gradients(net))
        3
        >>> channels_last_gradients(net[0]) is net[0]
        True

    Source:
        Derived here; measured in tests/benchmarks.
    """

    def turn(layers: list[torch.nn.Module]) -> list[torch.nn.Module]:
        turned: list[torch.nn.Module] = []
        for layer in layers:
            if type(layer) is torch.nn.Flatten:
                turned.append(_TurnGradient())
            turned.append(layer)
        return turned

    return _rearranged(net, turn)


def inplace_relu(net: torch.nn.Module) -> torch.nn.Module:
    """Return a network of the same layers in which ReLU writes over what it is given.

    A large output that is made anew for each piece has to be fetched from the operating system,
    page by page; one that is not made costs nothing.

    Args:
        net: The network. It is left as it is; the layers, and so the weights, are shared.

    Returns:
        A new ``Sequential`` where a ``ReLU`` stands directly behind a layer that does not need
        its own output for its gradient; otherwise, and where hooks look on, ``net`` itself.

    Raises:
        TypeError: ``net`` is not a network.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.rewrites import inplace_relu
        >>> net = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.ReLU())
        >>> inplace_relu(net)[1], net[1]
        (ReLU(inplace=True), ReLU())
        >>> tanh = torch.nn.Sequential(torch.nn.Tanh(), torch.nn.ReLU())
        >>> inplace_relu(tanh) is tanh
        True

    Source:
        PyTorch documentation, "Autograd mechanics", on operations in place.
    """

    def write_over(layers: list[torch.nn.Module]) -> list[torch.nn.Module]:
        for index in range(1, len(layers)):
            if type(layers[index]) is torch.nn.ReLU and type(layers[index - 1]) in _FORGETFUL:
                layers[index] = torch.nn.ReLU(inplace=True)
        return layers

    return _rearranged(net, write_over)


class _Add(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        rows: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        sums: tuple[torch.Tensor, torch.Tensor | None],
    ) -> torch.Tensor:
        ctx.save_for_backward(rows, weight)
        ctx.sums = sums
        return torch.nn.functional.linear(rows, weight, bias)

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401
        gradient: torch.Tensor,
    ) -> tuple[torch.Tensor | None, None, None, None]:
        rows, weight = ctx.saved_tensors
        of_weight, of_bias = ctx.sums
        of_weight.addmm_(gradient.t(), rows)
        if of_bias is not None:
            of_bias.add_(gradient.sum(dim=0))
        return gradient @ weight if ctx.needs_input_grad[0] else None, None, None, None


class _AddingLinear(torch.nn.Module):
    def __init__(self, layer: torch.nn.Linear, sums: Mapping[torch.Tensor, torch.Tensor]) -> None:
        super().__init__()
        self.layer = layer
        bias = None if layer.bias is None else sums[layer.bias]
        self.sums = sums[layer.weight], bias

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        if rows.ndim != 2 or rows.dtype != self.layer.weight.dtype or not torch.is_grad_enabled():
            output: torch.Tensor = self.layer(rows)
            return output
        added: torch.Tensor = _Add.apply(rows, self.layer.weight, self.layer.bias, self.sums)
        return added


def fuse_gradient_accumulation(
    net: torch.nn.Module, sums: Mapping[torch.Tensor, torch.Tensor]
) -> torch.nn.Module:
    """Return a network of the same layers in which ``Linear`` adds its gradients to given sums.

    Autograd makes a gradient of its own for every piece of a batch, as large as the weights, and
    then adds it to the others. One product that adds as it goes does both at once.

    Args:
        net: The network. It is left as it is; the layers, and so the weights, are shared.
        sums: For each parameter, where its gradients are added; of the same shape.

    Returns:
        A new ``Sequential``. The weights and biases of its ``Linear`` layers get no gradient from
        autograd, but are added to ``sums`` at each way back. Where ``net`` is no ``Sequential``,
        or holds no ``Linear`` whose weights all have a sum, and where hooks look on, ``net``.

    Raises:
        TypeError: ``net`` is not a network.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.rewrites import fuse_gradient_accumulation
        >>> net = torch.nn.Sequential(torch.nn.Linear(2, 1, bias=False))
        >>> sums = {net[0].weight: torch.zeros(1, 2)}
        >>> adding = fuse_gradient_accumulation(net, sums)
        >>> for row in ([1.0, 2.0], [10.0, 20.0]):
        ...     adding(torch.tensor([row])).sum().backward()
        >>> sums[net[0].weight].tolist(), net[0].weight.grad
        ([[11.0, 22.0]], None)

    Source:
        Derived here; measured in tests/benchmarks.
    """

    def add(layers: list[torch.nn.Module]) -> list[torch.nn.Module]:
        return [
            _AddingLinear(layer, sums)
            # Exact types: a subclass may do anything.
            if type(layer) is torch.nn.Linear and all(p in sums for p in layer.parameters())
            else layer
            for layer in layers
        ]

    return _rearranged(net, add)


def fused_parameters(net: torch.nn.Module) -> list[torch.nn.Parameter]:
    """Return the parameters whose gradients a network adds to sums of its own.

    Args:
        net: What ``fuse_gradient_accumulation`` returned.

    Returns:
        Weights and biases, in the order of the layers; none for any other network.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.rewrites import fused_parameters, fuse_gradient_accumulation
        >>> net = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.ReLU())
        >>> sums = {parameter: torch.zeros_like(parameter) for parameter in net.parameters()}
        >>> [len(fused_parameters(one)) for one in (fuse_gradient_accumulation(net, sums), net)]
        [2, 0]

    Source:
        Derived here.
    """
    adding = [layer for layer in net.modules() if isinstance(layer, _AddingLinear)]
    return [parameter for layer in adding for parameter in layer.layer.parameters()]
