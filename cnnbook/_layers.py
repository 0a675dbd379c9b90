"""The layers of a network in the order in which they run, and their options per axis."""

from collections.abc import Iterable, Iterator

import torch

__all__ = ["POINTWISE", "as_pair", "unrolled"]

# Layers that look at one number at a time; what a layer of them sees is what it is given.
POINTWISE = (
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


def unrolled(net: Iterable[object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Give every layer with its name, those of a Sequential within a Sequential too."""
    named = (
        net.named_children()
        if isinstance(net, torch.nn.Sequential)
        else ((str(index), layer) for index, layer in enumerate(net))
    )
    for name, layer in named:
        if isinstance(layer, torch.nn.Sequential):
            yield from unrolled(layer, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", layer


def as_pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    """Return torch's int or pair as a pair."""
    rows, columns = value if isinstance(value, tuple) else (value, value)
    return rows, columns
