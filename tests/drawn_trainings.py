"""Draws trainings for the property tests: networks of known layers, optimizers, micro-batches."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import strategies as st

nn = torch.nn

# Another update than the one gradient asked for: a search along a line, sparse gradients, weights
# of two axes only.
OTHER_OPTIMIZERS = {"Optimizer", "LBFGS", "SparseAdam", "Muon"}
OPTIMIZERS = {
    name: value
    for name, value in vars(torch.optim).items()
    if isinstance(value, type)
    and issubclass(value, torch.optim.Optimizer)
    and name not in OTHER_OPTIMIZERS
}

# What to try where an optimizer has the option.
_OPTIONS: dict[str, tuple[Any, ...]] = {
    "weight_decay": (0.0, 0.1),
    "maximize": (False, True),
    "foreach": (None, False, True),
    "momentum": (0.0, 0.9),
    "dampening": (0.0, 0.5),
    "amsgrad": (False, True),
    "centered": (False, True),
    "decoupled_weight_decay": (False, True),
}


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Let the trainer find so many cores.

    torch itself goes on with as many as before: on busy cores, its threads wait for each other so
    long that a case takes half a second.
    """
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "get_num_threads", lambda: count)
        yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class DrawnOptimizer:
    """An optimizer of torch, its options, and those of a second group of parameters."""

    name: str
    options: dict[str, Any]
    second: dict[str, Any] | None
    leave_out: bool

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        given = list(parameters)
        # Now and then, a parameter that no optimizer updates.
        given = given[: max(1, len(given) - self.leave_out)]
        groups: list[dict[str, Any]] = [{"params": given}]
        if self.second is not None and len(given) > 1:
            groups = [{"params": given[1:]}, {"params": given[:1], **self.second}]
        return OPTIMIZERS[self.name](groups, **self.options)


@st.composite
def optimizers(draw: st.DrawFn) -> DrawnOptimizer:
    name = draw(st.sampled_from(sorted(OPTIMIZERS)))
    known = inspect.signature(OPTIMIZERS[name]).parameters
    options: dict[str, Any] = {"lr": draw(st.sampled_from([0.001, 0.02]))}
    for option, values in _OPTIONS.items():
        if option in known:
            options[option] = draw(st.sampled_from(values))
    if "nesterov" in known and options["momentum"] and not options["dampening"]:
        options["nesterov"] = draw(st.booleans())
    second = draw(st.sampled_from([None, {"lr": 0.005}, {"lr": 0.0, "weight_decay": 0.2}]))
    if second and "weight_decay" not in known:
        second = {"lr": 0.005}
    return DrawnOptimizer(name, options, second, draw(st.integers(0, 5)) == 0)


class DrawnNet:
    """A network that is made anew, with the same start, as often as it is needed.

    Not a dataclass: hypothesis would print the functions instead of the network.
    """

    def __init__(
        self,
        makers: list[Callable[[], nn.Module]],
        mixes: str | None,
        finish: Callable[[list[nn.Module]], nn.Module],
    ) -> None:
        # What makes each layer, called in order.
        self.makers = makers
        # Why the batch must not be split; None if each image goes by itself.
        self.mixes = mixes
        # Makes nested parts, tied weights and frozen weights of the layers.
        self.finish = finish

    def __call__(self) -> nn.Module:
        return self.finish([make() for make in self.makers])

    def __repr__(self) -> str:
        return f"{self()}, mixes: {self.mixes}"


_ACTIVATIONS: tuple[Callable[[], nn.Module], ...] = (
    nn.ReLU, nn.LeakyReLU, lambda: nn.LeakyReLU(-0.5), nn.GELU,
    nn.SiLU, nn.ELU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Hardtanh, nn.ReLU6, nn.PReLU, nn.Mish,
    nn.Identity, nn.Softsign, nn.Hardswish, lambda: nn.Threshold(0.1, -0.2), nn.CELU, nn.SELU,
)  # fmt: skip

_DRAWING: tuple[Callable[[], nn.Module], ...] = (
    lambda: nn.Dropout(0.4), lambda: nn.Dropout2d(0.4), lambda: nn.AlphaDropout(0.2), nn.RReLU,
)  # fmt: skip


@st.composite
def nets(draw: st.DrawFn, *, channels: int = 2, size: int = 5, classes: int = 3) -> DrawnNet:
    """Draw a network of exact torch.nn layers for images ``(n, channels, size, size)``."""
    makers: list[Callable[[], nn.Module]] = []
    mixes: str | None = None

    def add(kind: Callable[..., nn.Module], *args: Any, train: bool = True, **options: Any) -> None:
        makers.append(lambda: kind(*args, **options).train(train))

    def integer(low: int, high: int) -> int:
        return draw(st.integers(low, high))

    if integer(0, 7) == 0:
        # It overwrites the images: for the plain loop, they are the same after its first update.
        add(nn.ReLU, inplace=True)
    for _ in range(integer(1, 5)):
        kind = draw(
            st.sampled_from(
                ["conv", "conv", "activation", "activation", "pool", "pool", "norm", "batch norm",
                 "drawing", "pad", "relu and pool"]
            )
        )  # fmt: skip
        if kind == "conv":
            kernel, groups = integer(1, min(3, size)), draw(st.sampled_from([1, channels]))
            out = groups * integer(1, 2)
            stride, padding = integer(1, 2), integer(0, 1)
            mode = draw(st.sampled_from(["zeros", "zeros", "replicate"]))
            add(nn.Conv2d, channels, out, kernel, stride, padding, groups=groups,
                bias=draw(st.booleans()), padding_mode=mode)  # fmt: skip
            channels, size = out, (size + 2 * padding - kernel) // stride + 1
            if integer(0, 3) == 0:
                # Only here: many other layers need their output for the gradient.
                add(nn.ReLU, inplace=True)
        elif kind in ("pool", "relu and pool"):
            if kind == "relu and pool":
                add(nn.ReLU)
            kernel = integer(1, min(3, size))
            stride = integer(1, 2)
            pool = draw(st.sampled_from([nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d]))
            if kind == "relu and pool":
                pool = nn.MaxPool2d
            if pool is nn.AdaptiveAvgPool2d:
                add(pool, kernel)
                size = kernel
            else:
                padding = integer(0, kernel // 2)
                add(pool, kernel, stride, padding)
                size = (size + 2 * padding - kernel) // stride + 1
        elif kind == "activation":
            makers.append(draw(st.sampled_from(_ACTIVATIONS)))
        elif kind == "norm":
            which = integer(0, 3)
            if which == 0:
                groups = draw(st.sampled_from([1, channels]))
                add(nn.GroupNorm, groups, channels)
                if groups == channels:
                    # torch refuses a group of a single number, as one image may give.
                    mixes = "single numbers"
            elif which == 1:
                add(nn.LayerNorm, [channels, size, size])
            elif which == 2:
                add(nn.LocalResponseNorm, 2)
            elif size > 1:
                add(nn.InstanceNorm2d, channels, affine=draw(st.booleans()))
        elif kind == "batch norm" and size > 1:
            train, tracks = draw(st.booleans()), integer(0, 3) > 0
            add(nn.BatchNorm2d, channels, track_running_stats=tracks, train=train)
            if train or not tracks:
                mixes = "BatchNorm2d"
        elif kind == "drawing":
            train = draw(st.booleans())
            add(draw(st.sampled_from(_DRAWING)), train=train)
            if train:
                mixes = "random numbers"
        elif kind == "pad":
            add(nn.ZeroPad2d, (1, 0, 0, 1))
            size += 1
    tie = draw(st.booleans())
    width = channels * size * size
    add(nn.Flatten)
    if tie:
        add(nn.Linear, width, width, bias=draw(st.booleans()))
        add(nn.Tanh)
        add(nn.Linear, width, width)
    add(nn.Linear, width, classes)
    cut = draw(st.integers(0, len(makers)))
    twice, freeze = draw(st.booleans()), draw(st.integers(0, 3)) == 0

    def finish(layers: list[nn.Module]) -> nn.Module:
        if tie and twice:
            layers[-2] = layers[-4]
        elif tie:
            layers[-2].weight = layers[-4].weight
        if freeze:
            layers[0].requires_grad_(False)
        if cut == 0:
            return nn.Sequential(*layers)
        # The modes of the parts stay as they are.
        return nn.Sequential(nn.Sequential(*layers[:cut]), *layers[cut:])

    return DrawnNet(makers, mixes, finish)
