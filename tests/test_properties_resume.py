"""Drawn trainings that are killed and resumed: every optimizer of torch, many networks."""

import inspect
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cnnbook.engine.checkpoints import digest
from cnnbook.training import fit_full_batch

LONG = bool(os.environ.get("CNNBOOK_LONG"))

EPOCHS = 7
IMAGES = torch.rand(9, 2, 4, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
LABELS = torch.arange(9) % 3

# Not LBFGS, which the trainer refuses, nor SparseAdam, which refuses dense gradients.
OPTIMIZERS = {
    name: kind
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type)
    and issubclass(kind, torch.optim.Optimizer)
    and name not in ("Optimizer", "LBFGS", "SparseAdam")
}


def _drawn(examples: int) -> settings:
    return settings(
        max_examples=examples * 20 if LONG else examples,
        derandomize=True,
        deadline=None,
        database=None,
        # A case that fails is small enough.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


class Killed(Exception):
    """Stands for a program that ends here: nothing of its memory is used again."""


def _kill_after(optimizer: torch.optim.Optimizer, updates: int) -> None:
    """Let the program end during a later step, without another class or a hook."""
    step, left = optimizer.step, updates

    def counted(closure: None = None) -> Any:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        return step(closure)

    optimizer.step = counted  # type: ignore[method-assign,assignment]


def _bits(net: torch.nn.Module, optimizer: torch.optim.Optimizer) -> list[Any]:
    """Return every number on which the next update would depend."""
    tensors = [*net.parameters(), *net.buffers(), torch.get_rng_state()]
    states = [optimizer.state[p] for p in net.parameters()]
    moments = [
        digest(value) if isinstance(value, torch.Tensor) else value
        for state in states
        for _, value in sorted(state.items())
    ]
    groups = [
        {key: value for key, value in group.items() if key != "params"}
        for group in optimizer.param_groups
    ]
    return [*map(digest, tensors), *moments, *map(repr, groups)]


def _check_kill_and_resume(make: Any, kills: list[int], **more: Any) -> None:
    """Train in one go and in several; all losses and all bits must be equal.

    ``kills`` says after how many updates each run ends. There is a checkpoint after every second
    update, so each run gets further, and none of them ends by itself.
    """
    net, optimizer = make()
    dtype = next(net.parameters()).dtype
    call: dict[str, Any] = {"epochs": EPOCHS, "device": "cpu", "checkpoint_every": 2} | more
    images = IMAGES.to(dtype)
    whole = fit_full_batch(net, images, LABELS, optimizer=optimizer, **call)
    expected = _bits(net, optimizer)
    with tempfile.TemporaryDirectory() as folder:
        call["checkpoint"] = Path(folder, "run.ckpt")
        for updates in kills:
            net, optimizer = make()
            _kill_after(optimizer, updates)
            with pytest.raises(Killed):
                fit_full_batch(net, images, LABELS, optimizer=optimizer, **call)
        net, optimizer = make()
        # Another program draws other numbers before it resumes.
        torch.rand(5)
        resumed = fit_full_batch(net, images, LABELS, optimizer=optimizer, **call)
    assert resumed.losses == whole.losses
    assert _bits(net, optimizer) == expected


@st.composite
def _options(draw: st.DrawFn, name: str) -> dict[str, Any]:
    known = inspect.signature(OPTIMIZERS[name]).parameters
    options: dict[str, Any] = {"lr": draw(st.sampled_from([0.003, 0.02]))}
    drawn = {
        "amsgrad": st.booleans(),
        "maximize": st.booleans(),
        "foreach": st.sampled_from([None, False, True]),
        "weight_decay": st.sampled_from([0.0, 0.1]),
        "momentum": st.sampled_from([0.0, 0.9]),
        "centered": st.booleans(),
        "decoupled_weight_decay": st.booleans(),
        "momentum_decay": st.sampled_from([0.0, 0.004]),
        "lr_decay": st.sampled_from([0.0, 0.1]),
        "initial_accumulator_value": st.sampled_from([0.0, 0.1]),
    }
    for key, values in drawn.items():
        if key in known:
            options[key] = draw(values)
    if name == "SGD":
        options["nesterov"] = options["momentum"] > 0 and draw(st.booleans())
    return options


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_resumes_with_the_same_bits(name: str, dtype: torch.dtype) -> None:
    @_drawn(4)
    @given(
        _options(name),
        st.lists(st.integers(2, 3), min_size=1, max_size=2),
        st.integers(0, 99),
        st.booleans(),
    )
    def run(options: dict[str, Any], kills: list[int], seed: int, two_groups: bool) -> None:
        def make() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
            torch.manual_seed(seed)
            # Matrices only, which is all that Muon takes.
            net = torch.nn.Sequential(
                torch.nn.Flatten(),
                torch.nn.Linear(32, 5, bias=False, dtype=dtype),
                torch.nn.ReLU(),
                torch.nn.Linear(5, 3, bias=False, dtype=dtype),
            )
            groups: list[Any] = list(net.parameters())
            if two_groups:
                groups = [{"params": [groups[1]]}, {"params": [groups[0]], "lr": 0.01}]
            return net, OPTIMIZERS[name](groups, **options)

        _check_kill_and_resume(make, kills)

    run()


@st.composite
def _layers(draw: st.DrawFn) -> list[Any]:
    """Draw layers for images (2, 4, 4), as functions that make them."""
    layers: list[Any] = []
    channels, size = 2, 4
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["conv", "norm", "group", "act", "drop", "drop2d", "pool"]))
        c = channels
        if kind == "conv":
            channels = draw(st.integers(1, 4))
            bias = draw(st.booleans())
            layers.append((torch.nn.Conv2d, (c, channels, 3), {"padding": 1, "bias": bias}))
        elif kind == "norm":
            momentum = draw(st.sampled_from([0.1, None]))
            layers.append((torch.nn.BatchNorm2d, (c,), {"momentum": momentum}))
        elif kind == "group":
            layers.append((torch.nn.GroupNorm, (1, c), {}))
        elif kind == "act":
            activation = draw(st.sampled_from([torch.nn.ReLU, torch.nn.Tanh, torch.nn.PReLU]))
            layers.append((activation, (), {}))
        elif kind == "drop":
            layers.append((torch.nn.Dropout, (0.3,), {}))
        elif kind == "drop2d":
            layers.append((torch.nn.Dropout2d, (0.3,), {}))
        elif size >= 2:
            pool = draw(st.sampled_from([torch.nn.MaxPool2d, torch.nn.AvgPool2d]))
            layers.append((pool, (2,), {}))
            size //= 2
    layers.append((torch.nn.Flatten, (), {}))
    features = channels * size * size
    if draw(st.booleans()):
        layers.append((torch.nn.Linear, (features, 6), {}))
        layers.append(draw(st.sampled_from([(torch.nn.BatchNorm1d, (6,), {}), _RANDOM_RELU])))
        layers.append((torch.nn.Dropout, (0.2,), {}))
        features = 6
    layers.append((torch.nn.Linear, (features, 3), {}))
    return layers


# A batch with such a layer is not split.
_WHOLE_BATCH = {
    *(torch.nn.BatchNorm1d, torch.nn.BatchNorm2d),
    *(torch.nn.Dropout, torch.nn.Dropout2d, torch.nn.RReLU),
}
_RANDOM_RELU: tuple[Any, Any, Any] = (torch.nn.RReLU, (), {})


@_drawn(60)
@given(
    _layers(),
    st.lists(st.integers(2, 3), min_size=1, max_size=2),
    st.integers(0, 99),
    st.sampled_from(["auto", 1, 4]),
    st.booleans(),
)
def test_drawn_networks_resume_with_the_same_bits(
    layers: list[Any], kills: list[int], seed: int, size: Any, validate: bool
) -> None:
    def make() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(seed)
        net = torch.nn.Sequential(*(kind(*args, **more) for kind, args, more in layers))
        return net, torch.optim.Adam(net.parameters(), lr=0.02)

    # A group of one channel is refused in parts too: it may normalize a single number.
    if any(kind in _WHOLE_BATCH or args == (1, 1) for kind, args, _ in layers):
        size = "auto"
    more = {"validation": (IMAGES.float(), LABELS), "validate_every": 3} if validate else {}
    _check_kill_and_resume(make, kills, micro_batch_size=size, **more)
