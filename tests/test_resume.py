"""What a checkpoint resumes and what it refuses: starts, numbers, conditions, state."""

import copy
import functools
import random
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from cnnbook.engine.checkpoints import pack, previous_path, read_checkpoint
from cnnbook.engine.distributed import Processes
from cnnbook.engine.fingerprint import describe, incomparable, state_fingerprint
from cnnbook.engine.gradients import GradientAccumulator
from cnnbook.engine.resume import TrainingState
from cnnbook.training import History, fit_full_batch

# 12 images of 2 by 2 pixels in 3 classes.
IMAGES = torch.rand(12, 1, 2, 2, generator=torch.Generator().manual_seed(3))
LABELS = torch.arange(12) % 3

CROSS_ENTROPY = torch.nn.functional.cross_entropy


class Killed(Exception):
    """Stands for a program that ends here: nothing of its memory is used again."""


class Adam(torch.optim.Adam):
    """Adam during whose step the program ends."""

    def __init__(self, parameters: Any, *, updates: int | None = None, **options: Any) -> None:
        super().__init__(parameters, **options)
        self._left = updates

    def step(self, closure: Any = None) -> Any:
        if self._left is not None:
            if self._left == 0:
                raise Killed
            self._left -= 1
        return super().step(closure)


def _net(seed: int = 0) -> torch.nn.Sequential:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))


def _fit(net: torch.nn.Module, file: Path | None = None, **more: Any) -> History:
    call: dict[str, Any] = {"epochs": 6, "device": "cpu", "checkpoint_every": 2}
    return fit_full_batch(net, IMAGES, LABELS, checkpoint=file, **(call | more))


def _bits(*modules: torch.nn.Module) -> list[torch.Tensor]:
    return [
        tensor.detach().clone()
        for module in modules
        for tensor in (*module.parameters(), *module.buffers())
    ]


def _all_equal(left: list[torch.Tensor], right: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(left, right, strict=True))


def _refused(
    net: torch.nn.Module, file: Path, message: str, error: type[Exception] = ValueError, **more: Any
) -> None:
    """Assert that a call is refused and leaves the network and the files as they were."""
    kept = {path: path.read_bytes() for path in file.parent.iterdir()}
    before, random_state = _bits(net), torch.get_rng_state()
    with pytest.raises(error, match=message):
        _fit(net, file, **more)
    assert _all_equal(_bits(net), before)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert {path: path.read_bytes() for path in file.parent.iterdir()} == kept


# A checkpoint of another start.


def test_one_file_for_several_seeds_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"
    first = _fit(_net(0), file)
    for seed in range(1, 5):
        message = (
            r"^net: expected the same as in the checkpoint .*run.ckpt, that is 1.weight: "
            r"torch.float32 of shape \(3, 4\) with SHA-256 [0-9a-f]{8}\.\.\., got 1.weight: .*; to "
            r"resume, hand in what that training started with; to start a new training, choose "
            r"another file, or delete this one$"
        )
        _refused(_net(seed), file, message)
    assert _fit(_net(0), file).losses == first.losses


def test_another_start_is_refused_before_the_first_update_too(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"
    net = _net(0)
    with pytest.raises(Killed):
        _fit(net, file, optimizer=Adam(net.parameters(), updates=0))
    other = _net(1)
    _refused(other, file, r"^net: .*1.weight", optimizer=Adam(other.parameters()))


def test_the_start_and_the_kept_weights_resume_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"
    net = _net()
    whole = _fit(_net(), epochs=9)
    _fit(net, file)
    # The network of the first call, trained; a copy on the way to a third state; a new start.
    between = copy.deepcopy(net)
    assert _fit(net, file, epochs=7).losses == whole.losses[:7]
    _refused(between, file, "^net: ")
    assert _fit(_net(), file, epochs=9).losses == whole.losses


@pytest.mark.parametrize("change", ["buffer", "hidden buffer", "loss", "constant", "frozen"])
def test_every_part_of_the_start_counts(tmp_path: Path, change: str) -> None:
    def make(other: bool) -> tuple[torch.nn.Module, torch.nn.Module]:
        net, loss_fn = _net(), _TemperatureLoss()
        net.append(_Scaled(scale=3.0 if other and change == "constant" else 2.0))
        net.append(_Noted())
        if other:
            with torch.no_grad():
                if change == "buffer":
                    net[3].get_buffer("kept").add_(1)
                elif change == "hidden buffer":
                    net[3].get_buffer("hidden").add_(1)
                elif change == "loss":
                    loss_fn.temperature.add_(1)
                elif change == "frozen":
                    net[1].get_parameter("bias").requires_grad_(False)
        return net, loss_fn

    file = tmp_path / "run.ckpt"
    net, loss_fn = make(other=False)
    first = _fit(net, file, loss_fn=loss_fn)
    argument, what = {
        "buffer": ("net", "3.kept"),
        "hidden buffer": ("net", "3.hidden"),
        "loss": ("loss_fn", "temperature"),
        "constant": ("net", "layer '2': scale=2.0, got layer '2': scale=3.0"),
        "frozen": ("net", "fewer entries, got 1.bias: frozen"),
    }[change]
    net, loss_fn = make(other=True)
    _refused(net, file, f"^{argument}: expected .*that is {re.escape(what)}", loss_fn=loss_fn)
    net, loss_fn = make(other=False)
    assert _fit(net, file, loss_fn=loss_fn).losses == first.losses


def test_the_start_is_the_same_in_another_memory_format(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 2), torch.nn.Conv2d(4, 3, 1), torch.nn.Flatten()
    )
    twin = copy.deepcopy(net).to(memory_format=torch.channels_last)
    assert twin[1].get_parameter("weight").is_contiguous(memory_format=torch.channels_last)
    file = tmp_path / "run.ckpt"
    first = _fit(net, file)
    assert _fit(twin, file).losses == first.losses


def test_a_layer_in_another_mode_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"
    _fit(_net().append(torch.nn.Dropout(0.5)), file)
    net = _net().append(torch.nn.Dropout(0.5).eval())
    _refused(net, file, "^modes: .* fewer entries, got layer '2': in evaluation mode")
    # It makes no difference to a linear layer.
    _fit(_net(), tmp_path / "other.ckpt")
    _fit(_net().eval(), tmp_path / "other.ckpt")


# The format of the file.


def test_an_older_format_is_refused_and_left(tmp_path: Path) -> None:
    import hashlib

    file = tmp_path / "run.ckpt"
    _fit(_net(), file)
    assert previous_path(file).exists()
    file.write_bytes(b"cnnbook checkpoint 2\n" + hashlib.sha256(b"rest").digest() + b"rest")
    message = (
        r"run.ckpt: expected format 3 of a checkpoint, got format 2, which another version of "
        r"cnnbook has written; choose another file, or delete this one, to start from the beginning"
    )
    _refused(_net(), file, message)
    # Not another format but a damaged file: the previous one is used.
    _fit(_net(), file := tmp_path / "flipped.ckpt")
    file.write_bytes(file.read_bytes().replace(b"cnnbook checkpoint 3", b"cnnbook checkpoint 2"))
    with pytest.warns(UserWarning, match="it does not start like a checkpoint of cnnbook"):
        assert read_checkpoint(file) is not None


# Numbers of other kinds.


@pytest.mark.parametrize(
    "options",
    [
        {"lr": numpy.float64(0.01)},
        {"weight_decay": numpy.float64(0.1)},
        {"betas": (numpy.float64(0.8), numpy.float64(0.99))},
        {"lr": torch.tensor(0.01)},
    ],
    ids=["lr", "weight_decay", "betas", "tensor"],
)
def test_numbers_of_numpy_resume(tmp_path: Path, options: dict[str, Any]) -> None:
    file = tmp_path / "run.ckpt"
    whole_net, net, again = _net(), _net(), _net()
    whole = _fit(whole_net, optimizer=Adam(whole_net.parameters(), **options))
    with pytest.raises(Killed):
        _fit(net, file, optimizer=Adam(net.parameters(), updates=5, **options))
    adam = Adam(again.parameters(), **options)
    assert _fit(again, file, optimizer=adam).losses == whole.losses
    assert _all_equal(_bits(again), _bits(whole_net))
    name = next(iter(options))
    assert type(adam.param_groups[0][name]) is type(options[name])


class _Extra(torch.nn.Module):
    """Multiplies by a number that it counts up, and keeps it as it is told."""

    def __init__(self, wrap: Callable[[float], object] = float) -> None:
        super().__init__()
        self._wrap, self._count = wrap, 0.0

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        if self.training:
            self._count += 1
        return scores * (1 + self._count / 8)

    def get_extra_state(self) -> object:
        return {"count": self._wrap(self._count), "names": ["a", ("b", None, True)]}

    def set_extra_state(self, state: Any) -> None:
        self._count = float(state["count"])


@pytest.mark.parametrize("wrap", [float, numpy.float64, torch.tensor])
def test_extra_state_resumes(tmp_path: Path, wrap: Callable[[float], object]) -> None:
    file = tmp_path / "run.ckpt"
    whole_net, net, again = (_net().append(_Extra(wrap)) for _ in range(3))
    whole = _fit(whole_net)
    with pytest.raises(Killed):
        _fit(net, file, optimizer=Adam(net.parameters(), updates=5))
    content = read_checkpoint(file)
    assert content is not None
    assert type(content["weights"]["2._extra_state"]["count"]) in (float, torch.Tensor)
    resumed = _fit(again, file, optimizer=Adam(again.parameters()))
    assert resumed.losses == whole.losses
    # The trained network, whose count is the kept one, may go on.
    assert len(_fit(again, file, optimizer=Adam(again.parameters()), epochs=7).losses) == 7


@pytest.mark.parametrize(
    ("wrap", "name"),
    [
        (numpy.float32, "float32"),
        (numpy.array, "ndarray"),
        (lambda _: re.compile("a"), "Pattern"),
        (lambda _: History((), 0.0, "cpu", 0, 1), "History"),
        (lambda _: {numpy.int64(1): 2}, "int64"),
        (lambda _: 1 << 9999, "checkpoint: expected a training whose state can be written and re"),
    ],
)
def test_what_cannot_be_read_again_is_refused_before_the_first_update(
    tmp_path: Path, wrap: Callable[[float], object], name: str
) -> None:
    file = tmp_path / "run.ckpt"
    _refused(_net().append(_Extra(wrap)), file, name, TypeError)
    assert not file.exists()


# Schedulers.


def _cosine_after_warm_up(optimizer: torch.optim.Optimizer) -> Any:
    return torch.optim.lr_scheduler.SequentialLR(
        optimizer,
        [
            torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=3),
            torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5),
        ],
        milestones=[3],
    )


def _halve_every_third(epoch: int) -> float:
    return 0.5 ** (epoch // 3)


SCHEDULERS: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda adam: torch.optim.lr_scheduler.StepLR(adam, 2, gamma=0.5),
    "MultiStepLR": lambda adam: torch.optim.lr_scheduler.MultiStepLR(adam, [2, 4, 4]),
    "CosineAnnealingLR": lambda adam: torch.optim.lr_scheduler.CosineAnnealingLR(adam, 8),
    "OneCycleLR": lambda adam: torch.optim.lr_scheduler.OneCycleLR(adam, 0.1, total_steps=9),
    "SequentialLR": _cosine_after_warm_up,
    "LambdaLR": lambda adam: torch.optim.lr_scheduler.LambdaLR(adam, _halve_every_third),
    "ChainedScheduler": lambda adam: torch.optim.lr_scheduler.ChainedScheduler(
        [
            torch.optim.lr_scheduler.ConstantLR(adam, total_iters=3),
            torch.optim.lr_scheduler.ExponentialLR(adam, 0.9),
        ]
    ),
    "CyclicLR": lambda adam: torch.optim.lr_scheduler.CyclicLR(
        adam, 0.01, 0.1, step_size_up=2, cycle_momentum=False
    ),
    "CosineAnnealingWarmRestarts": (
        lambda adam: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(adam, 3)
    ),
}


@pytest.mark.parametrize("rate", [0.1, numpy.float64(0.1), torch.tensor(0.1)], ids=type)
@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_schedule_is_followed_and_resumed(tmp_path: Path, name: str, rate: Any) -> None:
    def make(updates: int | None = None) -> tuple[torch.nn.Module, Adam, Any]:
        net = _net()
        adam = Adam(net.parameters(), updates=updates, lr=copy.deepcopy(rate))
        return net, adam, SCHEDULERS[name](adam)

    # The plain loop.
    net, adam, scheduler = make()
    expected, rates = [], []
    for _ in range(8):
        adam.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(IMAGES), LABELS)
        torch.autograd.backward(loss)
        adam.step()
        scheduler.step()
        expected.append(loss.item())
        rates.append(float(adam.param_groups[0]["lr"]))
    assert len(set(rates)) > 2

    whole_net, adam, scheduler = make()
    whole = _fit(whole_net, epochs=8, optimizer=adam, scheduler=scheduler)
    assert whole.losses == pytest.approx(expected, rel=1e-5)
    assert float(adam.param_groups[0]["lr"]) == rates[-1]

    file = tmp_path / "run.ckpt"
    # Twice, so that what was resumed is interrupted too.
    for updates in (3, 2):
        net, adam, scheduler = make(updates)
        with pytest.raises(Killed):
            _fit(net, file, epochs=8, optimizer=adam, scheduler=scheduler)
    again, adam, scheduler = make()
    resumed = _fit(again, file, epochs=8, optimizer=adam, scheduler=scheduler)
    assert resumed.losses == whole.losses
    assert _all_equal(_bits(again), _bits(whole_net))
    assert float(adam.param_groups[0]["lr"]) == rates[-1]
    # The same objects, which are now as the checkpoint holds them.
    assert _fit(again, file, epochs=8, optimizer=adam, scheduler=scheduler).losses == whole.losses


def test_a_lambda_in_a_schedule_warns_when_it_resumes(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"

    def fit(epochs: int) -> History:
        net = _net()
        adam = Adam(net.parameters())
        scheduler = torch.optim.lr_scheduler.LambdaLR(adam, lambda epoch: 0.9**epoch)
        return _fit(net, file, epochs=epochs, optimizer=adam, scheduler=scheduler)

    first = fit(5)
    message = r"run.ckpt: resumed without comparing scheduler: lr_lambdas=\[.*<lambda>\]; make sure"
    with pytest.warns(UserWarning, match=message) as caught:
        assert fit(6).losses[:5] == first.losses
    assert len(caught) == 1
    assert caught[0].filename == str(Path(_fit.__code__.co_filename)), "the line that called"


def test_another_schedule_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"

    def refused(message: str, make: Callable[[Any], Any]) -> None:
        net = _net()
        adam = Adam(net.parameters())
        _refused(net, file, message, optimizer=adam, scheduler=make(adam))

    net = _net()
    adam = Adam(net.parameters())
    _fit(net, file, optimizer=adam, scheduler=torch.optim.lr_scheduler.StepLR(adam, 2))
    refused(
        r"^scheduler: expected .* that is step_size=2, got step_size=3; ",
        lambda adam: torch.optim.lr_scheduler.StepLR(adam, 3),
    )
    refused(
        r"^scheduler: .* that is StepLR, got ExponentialLR",
        lambda adam: torch.optim.lr_scheduler.ExponentialLR(adam, 0.5),
    )
    net = _net()
    _refused(net, file, "^optimizer: .*initial_lr=0.001", optimizer=Adam(net.parameters()))
    # Stepped once before: neither the start nor where the file is.
    net = _net()
    adam = Adam(net.parameters())
    scheduler = torch.optim.lr_scheduler.StepLR(adam, 2)
    adam.step()
    scheduler.step()
    _refused(net, file, "^scheduler: ", optimizer=adam, scheduler=scheduler)


def test_schedulers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    net = _net()
    adam, other = Adam(net.parameters()), Adam(net.parameters())
    step = torch.optim.lr_scheduler.StepLR(adam, 2)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(adam)
    file = tmp_path / "run.ckpt"
    _refused(net, file, "^scheduler: .*got a StepLR alone; hand in the optim", scheduler=step)
    message = "^scheduler: expected one made from the given optimizer, got a StepLR of another"
    _refused(net, file, message, optimizer=other, scheduler=step)
    message = "^scheduler: .*got ReduceLROnPlateau, which needs a metric for each step; use for "
    _refused(net, file, message, optimizer=adam, scheduler=plateau)
    _refused(net, file, "^scheduler: expected a torch.optim.lr", TypeError, scheduler=0.1)


@pytest.mark.parametrize("when", ["pre", "post"])
def test_hooks_on_the_optimizer_with_a_checkpoint_are_refused(tmp_path: Path, when: str) -> None:
    net = _net()
    adam = torch.optim.Adam(net.parameters())
    calls: list[int] = []
    getattr(adam, f"register_step_{when}_hook")(lambda *_: calls.append(0))
    message = "^optimizer: expected one without hooks, .* got 1 on Adam; remove them, or train with"
    _refused(net, tmp_path / "run.ckpt", message, optimizer=adam)
    _fit(net, optimizer=adam)
    assert len(calls) == 6


# Resuming under other conditions.


def test_reordered_parameters_and_another_layer_are_refused(tmp_path: Path) -> None:
    def make() -> torch.nn.Sequential:
        torch.manual_seed(0)
        # Four layers of one shape: their moments would fit each other.
        linear = [torch.nn.Linear(4, 4, bias=False) for _ in range(4)]
        return torch.nn.Sequential(torch.nn.Flatten(), *linear)

    file = tmp_path / "run.ckpt"
    net = make()
    first = _fit(net, file, optimizer=Adam(net[1:3].parameters()))
    where = "parameter 0 of group 0 is '1.weight', got parameter 0 of group 0 is"
    for layers, got in (((2, 1), "'2.weight'"), ((3, 4), "'3.weight'")):
        net = make()
        weights = [net[layer].get_parameter("weight") for layer in layers]
        _refused(net, file, f"^optimizer: .* {where} {got}", optimizer=Adam(weights))
    net = make()
    groups = [{"params": [net[layer].get_parameter("weight")]} for layer in (1, 2)]
    _refused(net, file, "^optimizer: ", optimizer=Adam(groups))
    net = make()
    assert _fit(net, file, optimizer=Adam(net[1:3].parameters())).losses == first.losses


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
    first = _fit(_net(), file, loss_fn=before())
    _refused(_net(), file, f"^loss_fn: expected .*{message}", loss_fn=now())
    # The same again, made anew: accepted without a warning, which would be an error here.
    assert _fit(_net(), file, loss_fn=before()).losses == first.losses


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
        net = _net()
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
        net, loss_fn = _net(), torch.nn.CrossEntropyLoss()
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

    _fit(_net(0), file)
    resumed = state(start=_net(1), first=_net(0))
    with pytest.warns(UserWarning, match="processes: 1 then, 2 now"):
        assert resumed.load(keep_micro_batch_size=True)
    assert resumed.epoch == 6
    with pytest.raises(ValueError, match=r"^net: expected the same as in the checkpoint"):
        state(start=_net(0), first=_net(1)).load(keep_micro_batch_size=True)


def test_a_loss_that_cannot_be_compared_warns_once_when_it_resumes(tmp_path: Path) -> None:
    def local(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return CROSS_ENTROPY(scores, labels)

    for number, loss_fn in enumerate((local, lambda x, y: CROSS_ENTROPY(x, y))):
        file = tmp_path / f"{number}.ckpt"
        _fit(_net(), file, loss_fn=loss_fn, epochs=3)
        with pytest.warns(UserWarning, match=r"resumed without comparing loss_fn: ") as caught:
            _fit(_net(), file, loss_fn=loss_fn)
        assert len(caught) == 1


# A loss with its own parameter, and state outside the network's state_dict.


class _TemperatureLoss(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.temperature = torch.nn.Parameter(torch.zeros(1))

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return CROSS_ENTROPY(scores, labels) + ((self.temperature - 3) ** 2).sum()


class _Scaled(torch.nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        return scores * self.scale


class _Noted(torch.nn.Module):
    """Adds what it remembers of all batches: in two buffers, one of which grows."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: torch.Tensor
        self.hidden: torch.Tensor
        self.grows: torch.Tensor
        self.register_buffer("kept", torch.zeros(3))
        self.register_buffer("hidden", torch.zeros(3), persistent=False)
        self.register_buffer("grows", torch.zeros(0), persistent=False)

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        if self.training:
            with torch.no_grad():
                self.kept += scores.mean(0)
                self.hidden += scores.mean(0)
                self.grows = torch.cat([self.grows, scores.mean().reshape(1)])
        return scores + self.hidden + self.kept + self.grows.sum()


class _NotedLoss(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.noted = _Noted()

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return CROSS_ENTROPY(self.noted(scores), labels)


@pytest.mark.parametrize("place", ["net", "loss"])
def test_buffers_that_a_state_dict_leaves_out_resume(tmp_path: Path, place: str) -> None:
    def make(updates: int | None = None) -> tuple[torch.nn.Module, dict[str, Any]]:
        net = _net()
        loss_fn = torch.nn.CrossEntropyLoss() if place == "net" else _NotedLoss()
        if place == "net":
            net.append(_Noted())
        more = {"loss_fn": loss_fn, "optimizer": Adam(net.parameters(), updates=updates)}
        return net, more | {"micro_batch_size": 12}

    whole_net, more = make()
    whole = _fit(whole_net, **more)
    expected = _bits(whole_net, more["loss_fn"])
    file = tmp_path / "run.ckpt"
    net, more = make(5)
    with pytest.raises(Killed):
        _fit(net, file, **more)
    again, more = make()
    assert _fit(again, file, **more).losses == whole.losses
    assert _all_equal(_bits(again, more["loss_fn"]), expected)


def test_the_parameters_of_a_loss_are_kept_and_restored(tmp_path: Path) -> None:
    """With the training state alone, so that it does not matter who computes the gradients."""
    file = tmp_path / "run.ckpt"

    def make() -> tuple[TrainingState, _TemperatureLoss]:
        net, loss_fn = _net(), _TemperatureLoss()
        adam = torch.optim.Adam([*net.parameters(), *loss_fn.parameters()], lr=0.5)
        gradients = GradientAccumulator(
            net, net, IMAGES, LABELS, LABELS, loss_fn, list(net.parameters()), 12
        )
        processes = Processes(0, 1, torch.device("cpu"))
        losses = torch.zeros(4, dtype=torch.float64)
        state = TrainingState(net, adam, gradients, processes, losses, file, {}, seed=0)
        return state, loss_fn

    def update(state: TrainingState, loss_fn: _TemperatureLoss) -> None:
        state.optimizer.zero_grad()
        loss_fn(state.net(IMAGES), LABELS).backward()
        state.optimizer.step()
        state.epoch += 1

    state, loss_fn = make()
    assert not state.load(keep_micro_batch_size=True)
    state.save()
    update(state, loss_fn)
    update(state, loss_fn)
    state.save()
    saved = loss_fn.temperature.item()
    assert saved > 0.9
    update(state, loss_fn)
    again, other_loss = make()
    assert again.load(keep_micro_batch_size=True)
    assert (other_loss.temperature.item(), again.epoch) == (saved, 2)
    update(again, other_loss)
    assert torch.equal(other_loss.temperature, loss_fn.temperature), "its moments were kept, too"
    names = state.fingerprint["optimizer"]
    assert names[-1] == "parameter 2 of group 0 is 'loss_fn.temperature'"


def test_parameters_without_a_name_are_refused_with_a_checkpoint(tmp_path: Path) -> None:
    hidden = torch.nn.Parameter(torch.zeros(2))

    def loss_fn(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return CROSS_ENTROPY(scores, labels) + (hidden**2).sum()

    net = _net()
    adam = torch.optim.Adam([*net.parameters(), hidden])
    message = (
        r"^optimizer: expected parameters of the network or of the loss, since a checkpoint keeps "
        r"them by name, got another one as number 2 of group 0, of shape \(2,\); make the loss a "
        r"torch.nn.Module that holds it, or train without a checkpoint"
    )
    _refused(net, tmp_path / "run.ckpt", message, optimizer=adam, loss_fn=loss_fn)


class _Draws(torch.nn.Module):
    """Draws from the generators of Python and numpy."""

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return scores
        # gauss keeps a second number for the next call.
        return scores * (random.random() + random.gauss(1, 0.1) + numpy.random.normal())


def test_the_random_state_of_python_and_numpy_resumes(tmp_path: Path) -> None:
    def seeded(seed: int) -> torch.nn.Module:
        net = _net().append(_Draws())
        random.seed(seed)
        numpy.random.seed(seed)
        return net

    outside = random.getstate(), numpy.random.get_state()
    try:
        whole_net = seeded(0)
        whole = _fit(whole_net, micro_batch_size=12)
        drawn = random.random(), numpy.random.random()
        file = tmp_path / "run.ckpt"
        net = seeded(0)
        with pytest.raises(Killed):
            _fit(net, file, micro_batch_size=12, optimizer=Adam(net.parameters(), updates=3))
        net = seeded(99)
        more = {"micro_batch_size": 12, "optimizer": Adam(net.parameters())}
        assert _fit(net, file, **more).losses == whole.losses
        assert _all_equal(_bits(net), _bits(whole_net))
        assert (random.random(), numpy.random.random()) == drawn
    finally:
        random.setstate(outside[0])
        numpy.random.set_state(outside[1])
