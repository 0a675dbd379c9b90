"""The layers of a network in the order in which they run, and their options per axis."""

from collections.abc import Iterable, Iterator

import torch

__all__ = ["ELEMENTWISE", "as_pair", "named_layers"]

# Each output element depends on the input element at the same position, in evaluation mode.
ELEMENTWISE = (
    torch.nn.Identity,
    torch.nn.ReLU,
    torch.nn.LeakyReLU,
    torch.nn.PReLU,
    torch.nn.ELU,
    torch.nn.GELU,
    torch.nn.SiLU,
    torch.nn.Sigmoid,
    torch.nn.Tanh,
    torch.nn.Softplus,
    torch.nn.Dropout,
    torch.nn.Dropout2d,
    torch.nn.BatchNorm2d,
)


def named_layers(net: Iterable[object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield every layer with its name; a nested Sequential is replaced by its own layers.

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
        net.named_children()
        if isinstance(net, torch.nn.Sequential)
        else ((str(index), layer) for index, layer in enumerate(net))
    )
    for name, layer in named:
        if isinstance(layer, torch.nn.Sequential):
            yield from named_layers(layer, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", layer


def as_pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    """Return a layer's option, an int or a pair, as (rows, columns).

    Args:
        value: As the layer stores it: some layers convert an int to a pair, others do not.

    Returns:
        The pair.

    Examples:
        >>> import torch
        >>> from cnnbook._layers import as_pair
        >>> as_pair(torch.nn.Conv2d(1, 1, 3).kernel_size), as_pair(torch.nn.MaxPool2d(2).stride)
        ((3, 3), (2, 2))
    """
    rows, columns = value if isinstance(value, tuple) else (value, value)
    return rows, columns
