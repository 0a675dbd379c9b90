"""Networks rewritten for speed, in order and memory layout, with the same results."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from cnnbook.engine.allowlist import unknown_part

__all__ = [
    "channels_last_gradients",
    "channels_last_helps",
    "fuse_gradient_accumulation",
    "fused_parameters",
    "inplace_relu",
    "pool_before_relu",
    "to_channels_last",
]

# Their backward pass does not read their output.
_BACKWARD_IGNORES_OUTPUT = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.MaxPool2d)


def _rewrite(
    net: torch.nn.Module, rewrite_layers: Callable[[list[torch.nn.Module]], list[torch.nn.Module]]
) -> torch.nn.Module:
    """Return a ``Sequential`` of other layers, or the network itself if none changes."""
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"net: expected a torch.nn.Module, got {type(net).__name__}")
    # The layers of an earlier rewrite are known, too.
    if unknown_part(net, also=(_ChannelsLastGradientLayer, _FusedLinear)):
        return net

    def rewrite(part: torch.nn.Module) -> torch.nn.Module:
        if type(part) is not torch.nn.Sequential:
            return part
        layers = rewrite_layers([rewrite(layer) for layer in part])
        same = len(layers) == len(part) and all(a is b for a, b in zip(layers, part, strict=True))
        return part if same else torch.nn.Sequential(*layers)

    return rewrite(net)


def pool_before_relu(net: torch.nn.Module) -> torch.nn.Module:
    """Return a network of the same layers in which max pooling runs before ReLU.

    ReLU is monotonic, so the maximum of the rectified numbers is the rectified maximum. A nonzero
    gradient reaches the same element, the first of the largest. After 2 by 2 pooling, ReLU has to
    process a quarter of the numbers.

    Args:
        net: The network. It is not changed; the result shares its layers and weights.

    Returns:
        A new ``Sequential`` if in a ``Sequential`` a ``ReLU`` is directly followed by a
        ``MaxPool2d``; otherwise, and if a part is unknown, ``net`` itself.

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
    """

    def swap(layers: list[torch.nn.Module]) -> list[torch.nn.Module]:
        for index in range(len(layers) - 1):
            first, second = layers[index], layers[index + 1]
            if (
                type(first) is torch.nn.ReLU
                and type(second) is torch.nn.MaxPool2d
                # The index of the maximum of several zeros would differ.
                and not second.return_indices
                # A dilated window may see nothing but padding: its maximum is minus infinity.
                and (second.dilation in (1, (1, 1)) or second.padding in (0, (0, 0)))
            ):
                layers[index], layers[index + 1] = second, first
        return layers

    return _rewrite(net, swap)


def channels_last_helps(net: torch.nn.Module, images: torch.Tensor) -> bool:
    """Return whether a network is faster in the channels-last memory format.

    The types of the layers decide, not a measurement, so that a run is reproducible.

    Args:
        net: The network.
        images: Images ``(n, c, h, w)``.

    Returns:
        True for float32 on a CPU if there is a ``Conv2d``: oneDNN and torch's pooling then work
        on whole vectors of channels. On a GPU it is not faster in float32. False with an
        ``InstanceNorm2d``: from a channels-last gradient of a single image, torch 2.15 computes a
        wrong gradient for it.

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
    types = {type(module) for module in net.modules()}
    return (
        images.device.type == "cpu"
        and images.dtype == torch.float32
        and torch.nn.Conv2d in types
        and torch.nn.InstanceNorm2d not in types
    )


def to_channels_last(images: torch.Tensor) -> torch.Tensor:
    """Give images the channels-last memory format: the channels of a pixel are adjacent.

    Args:
        images: Images ``(n, c, h, w)``.

    Returns:
        The same numbers and shape in another layout. Images of a single channel are not copied,
        but need other strides: ``contiguous`` would keep the old ones.

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


class _ChannelsLastGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
        return images.view_as(images)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
        return gradient.contiguous(memory_format=torch.channels_last)


class _ChannelsLastGradientLayer(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return _ChannelsLastGradient.apply(images) if images.ndim == 4 else images


def channels_last_gradients(net: torch.nn.Module) -> torch.nn.Module:
    """Return a network of the same layers in which gradients are channels-last, too.

    The input of a ``Flatten`` may be channels-last, but the gradient that it returns never is. The
    layers before it would then mix both formats; converting the gradient once is faster.

    Args:
        net: The network. It is not changed; the result shares its layers and weights.

    Returns:
        A new ``Sequential`` with a layer before each ``Flatten`` that changes the format of the
        gradient only; ``net`` itself if it is not a ``Sequential``, has no ``Flatten`` or an
        unknown part.

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
    """

    def insert(layers: list[torch.nn.Module]) -> list[torch.nn.Module]:
        inserted: list[torch.nn.Module] = []
        for layer in layers:
            if type(layer) is torch.nn.Flatten:
                inserted.append(_ChannelsLastGradientLayer())
            inserted.append(layer)
        return inserted

    return _rewrite(net, insert)


def inplace_relu(net: torch.nn.Module) -> torch.nn.Module:
    """Return a network of the same layers in which ReLU overwrites its input.

    For a large new tensor in each micro-batch, the operating system has to provide the memory page
    by page; overwriting the input needs no new tensor.

    Args:
        net: The network. It is not changed; the result shares its layers and weights.

    Returns:
        A new ``Sequential`` if a ``ReLU`` directly follows a layer that does not need its own
        output for its gradient; otherwise, and if a part is unknown, ``net`` itself.

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

    def overwrite(layers: list[torch.nn.Module]) -> list[torch.nn.Module]:
        for index in range(1, len(layers)):
            if (
                type(layers[index]) is torch.nn.ReLU
                and type(layers[index - 1]) in _BACKWARD_IGNORES_OUTPUT
            ):
                layers[index] = torch.nn.ReLU(inplace=True)
        return layers

    return _rewrite(net, overwrite)


class _LinearAddingGradients(torch.autograd.Function):
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
        weight_sum, bias_sum = ctx.sums
        weight_sum.addmm_(gradient.t(), rows)
        if bias_sum is not None:
            bias_sum.add_(gradient.sum(dim=0))
        return gradient @ weight if ctx.needs_input_grad[0] else None, None, None, None


class _FusedLinear(torch.nn.Module):
    def __init__(self, layer: torch.nn.Linear, sums: Mapping[torch.Tensor, torch.Tensor]) -> None:
        super().__init__()
        self.layer = layer
        bias = None if layer.bias is None else sums[layer.bias]
        self.sums = sums[layer.weight], bias

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        if rows.ndim != 2 or rows.dtype != self.layer.weight.dtype or not torch.is_grad_enabled():
            output: torch.Tensor = self.layer(rows)
            return output
        fused: torch.Tensor = _LinearAddingGradients.apply(
            rows, self.layer.weight, self.layer.bias, self.sums
        )
        return fused


def fuse_gradient_accumulation(
    net: torch.nn.Module, sums: Mapping[torch.Tensor, torch.Tensor]
) -> torch.nn.Module:
    """Return a network of the same layers in which ``Linear`` adds its gradients to given sums.

    Autograd makes a new gradient for every micro-batch, as large as the weights, and then adds it
    to the sum. One matrix product that adds its result to the sum does both at once.

    Args:
        net: The network. It is not changed; the result shares its layers and weights.
        sums: For each parameter the tensor of the same shape to which its gradients are added.

    Returns:
        A new ``Sequential``. Autograd gives no gradient for the weights and biases of its
        ``Linear`` layers; each backward pass adds them to ``sums``. ``net`` itself if it is not a
        ``Sequential``, has no ``Linear`` whose parameters all have a sum, or an unknown part.

    Raises:
        TypeError: ``net`` is not a network.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.rewrites import fuse_gradient_accumulation
        >>> net = torch.nn.Sequential(torch.nn.Linear(2, 1, bias=False))
        >>> sums = {net[0].weight: torch.zeros(1, 2)}
        >>> fused = fuse_gradient_accumulation(net, sums)
        >>> for row in ([1.0, 2.0], [10.0, 20.0]):
        ...     fused(torch.tensor([row])).sum().backward()
        >>> sums[net[0].weight].tolist(), net[0].weight.grad
        ([[11.0, 22.0]], None)
    """

    def fuse(layers: list[torch.nn.Module]) -> list[torch.nn.Module]:
        return [
            _FusedLinear(layer, sums)
            if type(layer) is torch.nn.Linear
            # A sum may be wider than a weight, and a matrix product has one dtype.
            and all(p in sums and sums[p].dtype == p.dtype for p in layer.parameters())
            else layer
            for layer in layers
        ]

    return _rewrite(net, fuse)


def fused_parameters(net: torch.nn.Module) -> list[torch.nn.Parameter]:
    """Return the parameters whose gradients a rewritten network adds to sums by itself.

    Args:
        net: A network that ``fuse_gradient_accumulation`` returned.

    Returns:
        Weights and biases, in the order of the layers; none for any other network.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.rewrites import fused_parameters, fuse_gradient_accumulation
        >>> net = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.ReLU())
        >>> sums = {parameter: torch.zeros_like(parameter) for parameter in net.parameters()}
        >>> len(fused_parameters(fuse_gradient_accumulation(net, sums)))
        2
        >>> fused_parameters(net)
        []
    """
    fused = [layer for layer in net.modules() if isinstance(layer, _FusedLinear)]
    return [parameter for layer in fused for parameter in layer.layer.parameters()]
