"""Resuming under other conditions: refused by name, or warned of where nothing is compared."""

import functools
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from interrupted import (
    CROSS_ENTROPY,
    IMAGES,
    LABELS,
    Adam,
    check_refused,
    fit,
    make_net,
)

from cnnbook.engine.checkpoints import pack, read_checkpoint
from cnnbook.engine.distributed import Processes
from cnnbook.engine.fingerprint import describe, incomparable, state_fingerprint
from cnnbook.engine.gradients import GradientAccumulator
from cnnbook.engine.resume import TrainingState


def test_reordered_parameters_and_another_layer_are_refused(tmp_path: Path) -> None:
    def make() -> torch.nn.Sequential:
        torch.manual_seed(0)
        # Four layers of one shape: their moments would fit each other.
        linear = [torch.nn.Linear(4, 4, bias=False) for _ in range(4)]
        return torch.nn.Sequential(torch.nn.Flatten(), *linear)

    file = tmp_path / "run.ckpt"
    net = make()
    first = fit(net, file, optimizer=Adam(net[1:3].parameters()))
    where = "parameter 0 of group 0 is '1.weight', got parameter 0 of group 0 is"
    for layers, got in (((2, 1), "'2.weight'"), ((3, 4), "'3.weight'")):
        net = make()
        weights = [net[layer].get_parameter("weight") for layer in layers]
        check_refused(net, file, f"^optimizer: .* {where} {got}", optimizer=Adam(weights))
    net = make()
    groups = [{"params": [net[layer].get_parameter("weight")]} for layer in (1, 2)]
    check_refused(net, file, "^optimizer: ", optimizer=Adam(groups))
    net = make()
    assert fit(net, file, optimizer=Adam(net[1:3].parameters())).losses == first.losses


def _smoothed(scores: torch.Tensor, labels: torch.Tensor, *, by: float) -> torch.Tensor:
    return CROSS_ENTROPY(scores, labels, label_smoothing=by)


def _focal(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return CROSS_ENTROPY(scores, labels) ** 2


class _ConstantLoss(torch.nn.Module):
    def __init__(self, constant: float, smoothing: float = 0.0) -> None:
        super().__init__()
        self.constant = constant
        self.inner = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = self.inner(scores, labels)
        return loss * self.constant


class _CallableLoss:
    def __init__(self, constant: float) -> None:
        self._constant = constant

    def __call__(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return CROSS_ENTROPY(scores, labels) * self._constant

    def method(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self(scores, labels)


@pytest.mark.parametrize(
    ("before", "now", "message"),
    [
        (
            lambda: functools.partial(_smoothed, by=0.1),
            lambda: functools.partial(_smoothed, by=0.2),
            r"that is partial\(_smoothed, by=0.1\), got partial\(_smoothed, by=0.2\)",
        ),
        (lambda: _focal, lambda: CROSS_ENTROPY, "that is _focal, got cross_entropy"),
        (lambda: _ConstantLoss(1.0), lambda: _ConstantLoss(2.0), "constant=1.0, got constant=2"),
        (
            lambda: _ConstantLoss(1.0, 0.1),
            lambda: _ConstantLoss(1.0, 0.2),
            "inner.label_smoothing=0.1, got inner.label_smoothing=0.2",
        ),
        (lambda: _CallableLoss(1.0), lambda: _CallableLoss(2.0), "_constant=1.0.*_constant=2.0"),
        (
            lambda: _CallableLoss(1.0).method,
            lambda: _CallableLoss(2.0).method,
            r"_constant=1.0\).method.*_constant=2.0",
        ),
        (
            lambda: torch.nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 3.0])),
            lambda: torch.nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 4.0])),
            "weight: torch.float32",
        ),
    ],
    ids=["partial", "function", "constant", "inner loss", "object", "method", "weights"],
)
def test_another_loss_is_refused(
    tmp_path: Path, before: Callable[[], Any], now: Callable[[], Any], message: str
) -> None:
    file = tmp_path / "run.ckpt"
    first = fit(make_net(), file, loss_fn=before())
    check_refused(make_net(), file, f"^loss_fn: expected .*{message}", loss_fn=now())
    # The same again, made anew: accepted without a warning, which would be an error here.
    assert fit(make_net(), file, loss_fn=before()).losses == first.losses


def _triplet(distance: Callable[..., torch.Tensor]) -> torch.nn.Module:
    return torch.nn.TripletMarginWithDistanceLoss(distance_function=distance)


def test_what_is_compared() -> None:
    """The same lines for what is made anew, others for what differs."""
    cosine, pairwise = torch.nn.functional.cosine_similarity, torch.nn.functional.pairwise_distance
    assert describe(_triplet(cosine)) == describe(_triplet(cosine))
    assert ".pairwise_distance, " in describe(_triplet(pairwise))
    assert describe(numpy.ones(2)) == describe(numpy.ones(2)) != describe(numpy.zeros(2))
    assert describe({"a": [1, (2.5, None)], "b": {3}}) == "{'a': [1, (2.5, None)], 'b': {3}}"
    assert describe(numpy.float64(0.5)) == describe(0.5) == "0.5"
    for kept, now in ((_CallableLoss(1.0), _CallableLoss(2.0)), (signal.SIGINT, signal.SIGTERM)):
        assert describe(kept) != describe(now)
    assert describe(torch.Generator()) == "Generator (cannot be compared)"
    around = _CallableLoss(1.0)
    around.myself = around  # type: ignore[attr-defined]
    assert describe(around).count("_CallableLoss") == 5, "it ends"


def test_a_compiled_network_is_described_without_addresses() -> None:
    lines = []
    for _ in range(2):
        net = make_net()
        compiled: Any = torch.compile(net)
        lines.append(state_fingerprint(compiled, CROSS_ENTROPY)["net"])
    assert lines[0] == lines[1]
    assert not incomparable({"net": lines[0]})


def test_the_processes_compare_the_start_of_the_first(tmp_path: Path) -> None:
    """The others' numbers have been replaced by the first one's, but are described before."""

    @dataclass(frozen=True)
    class Second(Processes):
        sent: bytes = b""

        def broadcast_bytes(self, data: bytes | None) -> bytes | None:
            assert data is None, "only the first process sends"
            return self.sent

    file = tmp_path / "run.ckpt"

    def state(start: torch.nn.Module, first: torch.nn.Module) -> TrainingState:
        net, loss_fn = make_net(), torch.nn.CrossEntropyLoss()
        gradients = GradientAccumulator(
            net, net, IMAGES, LABELS, LABELS, loss_fn, list(net.parameters()), 12
        )
        content = read_checkpoint(file)
        sent = pack({"content": content, "start": state_fingerprint(first, loss_fn)})
        return TrainingState(
            net,
            torch.optim.Adam(net.parameters()),
            gradients,
            Second(1, 2, torch.device("cpu"), sent),
            torch.zeros(9, dtype=torch.float64),
            file,
            state_fingerprint(start, loss_fn),
            seed=0,
        )

    fit(make_net(0), file)
    resumed = state(start=make_net(1), first=make_net(0))
    with pytest.warns(UserWarning, match="processes: 1 then, 2 now"):
        assert resumed.load(keep_micro_batch_size=True)
    assert resumed.epoch == 6
    with pytest.raises(ValueError, match=r"^net: expected the same as in the checkpoint"):
        state(start=make_net(0), first=make_net(1)).load(keep_micro_batch_size=True)


def test_a_loss_that_cannot_be_compared_warns_once_when_it_resumes(tmp_path: Path) -> None:
    def local(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return CROSS_ENTROPY(scores, labels)

    for number, loss_fn in enumerate((local, lambda x, y: CROSS_ENTROPY(x, y))):
        file = tmp_path / f"{number}.ckpt"
        fit(make_net(), file, loss_fn=loss_fn, epochs=3)
        with pytest.warns(UserWarning, match=r"resumed without comparing loss_fn: ") as caught:
            fit(make_net(), file, loss_fn=loss_fn)
        assert len(caught) == 1
