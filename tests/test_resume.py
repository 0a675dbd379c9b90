"""What a checkpoint keeps: starts, formats, numbers, buffers, losses, random state."""

import copy
import hashlib
import random
import re
from collections.abc import Callable
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
    Killed,
    Noted,
    Scaled,
    TemperatureLoss,
    all_equal,
    bits,
    check_refused,
    fit,
    make_net,
)

from cnnbook.engine.checkpoints import previous_path, read_checkpoint
from cnnbook.engine.distributed import Processes
from cnnbook.engine.gradients import GradientAccumulator
from cnnbook.engine.resume import TrainingState
from cnnbook.training import History

# A checkpoint of another start.


def test_one_file_for_several_seeds_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"
    first = fit(make_net(0), file)
    for seed in range(1, 5):
        message = (
            r"^net: expected the same as in the checkpoint .*run.ckpt, that is 1.weight: "
            r"torch.float32 of shape \(3, 4\) with SHA-256 [0-9a-f]{8}\.\.\., got 1.weight: .*; to "
            r"resume, hand in what that training started with; to start a new training, choose "
            r"another file, or delete this one$"
        )
        check_refused(make_net(seed), file, message)
    assert fit(make_net(0), file).losses == first.losses


def test_another_start_is_refused_before_the_first_update_too(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"
    net = make_net(0)
    with pytest.raises(Killed):
        fit(net, file, optimizer=Adam(net.parameters(), updates=0))
    other = make_net(1)
    check_refused(other, file, r"^net: .*1.weight", optimizer=Adam(other.parameters()))


def test_the_start_and_the_kept_weights_resume_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"
    net = make_net()
    whole = fit(make_net(), epochs=9)
    fit(net, file)
    # The network of the first call, trained; a copy on the way to a third state; a new start.
    between = copy.deepcopy(net)
    assert fit(net, file, epochs=7).losses == whole.losses[:7]
    check_refused(between, file, "^net: ")
    assert fit(make_net(), file, epochs=9).losses == whole.losses


@pytest.mark.parametrize("change", ["buffer", "hidden buffer", "loss", "constant", "frozen"])
def test_every_part_of_the_start_counts(tmp_path: Path, change: str) -> None:
    def make(other: bool) -> tuple[torch.nn.Module, torch.nn.Module]:
        net, loss_fn = make_net(), TemperatureLoss()
        net.append(Scaled(scale=3.0 if other and change == "constant" else 2.0))
        net.append(Noted())
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
    first = fit(net, file, loss_fn=loss_fn)
    argument, what = {
        "buffer": ("net", "3.kept"),
        "hidden buffer": ("net", "3.hidden"),
        "loss": ("loss_fn", "temperature"),
        "constant": ("net", "layer '2': scale=2.0, got layer '2': scale=3.0"),
        "frozen": ("net", "fewer entries, got 1.bias: frozen"),
    }[change]
    net, loss_fn = make(other=True)
    check_refused(net, file, f"^{argument}: expected .*that is {re.escape(what)}", loss_fn=loss_fn)
    net, loss_fn = make(other=False)
    assert fit(net, file, loss_fn=loss_fn).losses == first.losses


def test_the_start_is_the_same_in_another_memory_format(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 2), torch.nn.Conv2d(4, 3, 1), torch.nn.Flatten()
    )
    twin = copy.deepcopy(net).to(memory_format=torch.channels_last)
    assert twin[1].get_parameter("weight").is_contiguous(memory_format=torch.channels_last)
    file = tmp_path / "run.ckpt"
    first = fit(net, file)
    assert fit(twin, file).losses == first.losses


def test_a_layer_in_another_mode_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"
    fit(make_net().append(torch.nn.Dropout(0.5)), file)
    net = make_net().append(torch.nn.Dropout(0.5).eval())
    check_refused(net, file, "^modes: .* fewer entries, got layer '2': in evaluation mode")
    # It makes no difference to a linear layer.
    fit(make_net(), tmp_path / "other.ckpt")
    fit(make_net().eval(), tmp_path / "other.ckpt")


# The format of the file.


def test_an_older_format_is_refused_and_left(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"
    fit(make_net(), file)
    assert previous_path(file).exists()
    file.write_bytes(b"cnnbook checkpoint 2\n" + hashlib.sha256(b"rest").digest() + b"rest")
    message = (
        r"run.ckpt: expected format 3 of a checkpoint, got format 2, which another version of "
        r"cnnbook has written; choose another file, or delete this one, to start from the beginning"
    )
    check_refused(make_net(), file, message)
    # Not another format but a damaged file: the previous one is used.
    fit(make_net(), file := tmp_path / "flipped.ckpt")
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
    whole_net, net, again = make_net(), make_net(), make_net()
    whole = fit(whole_net, optimizer=Adam(whole_net.parameters(), **options))
    with pytest.raises(Killed):
        fit(net, file, optimizer=Adam(net.parameters(), updates=5, **options))
    adam = Adam(again.parameters(), **options)
    assert fit(again, file, optimizer=adam).losses == whole.losses
    assert all_equal(bits(again), bits(whole_net))
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
    whole_net, net, again = (make_net().append(_Extra(wrap)) for _ in range(3))
    whole = fit(whole_net)
    with pytest.raises(Killed):
        fit(net, file, optimizer=Adam(net.parameters(), updates=5))
    content = read_checkpoint(file)
    assert content is not None
    assert type(content["weights"]["2._extra_state"]["count"]) in (float, torch.Tensor)
    resumed = fit(again, file, optimizer=Adam(again.parameters()))
    assert resumed.losses == whole.losses
    # The trained network, whose count is the kept one, may go on.
    assert len(fit(again, file, optimizer=Adam(again.parameters()), epochs=7).losses) == 7


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
    check_refused(make_net().append(_Extra(wrap)), file, name, TypeError)
    assert not file.exists()


# A loss with its own parameter, and state outside the network's state_dict.


class NotedLoss(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.noted = Noted()

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return CROSS_ENTROPY(self.noted(scores), labels)


@pytest.mark.parametrize("place", ["net", "loss"])
def test_buffers_that_a_state_dict_leaves_out_resume(tmp_path: Path, place: str) -> None:
    def make(updates: int | None = None) -> tuple[torch.nn.Module, dict[str, Any]]:
        net = make_net()
        loss_fn = torch.nn.CrossEntropyLoss() if place == "net" else NotedLoss()
        if place == "net":
            net.append(Noted())
        more = {"loss_fn": loss_fn, "optimizer": Adam(net.parameters(), updates=updates)}
        return net, more | {"micro_batch_size": 12}

    whole_net, more = make()
    whole = fit(whole_net, **more)
    expected = bits(whole_net, more["loss_fn"])
    file = tmp_path / "run.ckpt"
    net, more = make(5)
    with pytest.raises(Killed):
        fit(net, file, **more)
    again, more = make()
    assert fit(again, file, **more).losses == whole.losses
    assert all_equal(bits(again, more["loss_fn"]), expected)


def test_the_parameters_of_a_loss_are_kept_and_restored(tmp_path: Path) -> None:
    """With the training state alone, so that it does not matter who computes the gradients."""
    file = tmp_path / "run.ckpt"

    def make() -> tuple[TrainingState, TemperatureLoss]:
        net, loss_fn = make_net(), TemperatureLoss()
        adam = torch.optim.Adam([*net.parameters(), *loss_fn.parameters()], lr=0.5)
        gradients = GradientAccumulator(
            net, net, IMAGES, LABELS, LABELS, loss_fn, list(net.parameters()), 12
        )
        processes = Processes(0, 1, torch.device("cpu"))
        losses = torch.zeros(4, dtype=torch.float64)
        state = TrainingState(net, adam, gradients, processes, losses, file, {}, seed=0)
        return state, loss_fn

    def update(state: TrainingState, loss_fn: TemperatureLoss) -> None:
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

    net = make_net()
    adam = torch.optim.Adam([*net.parameters(), hidden])
    message = (
        r"^optimizer: expected parameters of the network or of the loss, since a checkpoint keeps "
        r"them by name, got another one as number 2 of group 0, of shape \(2,\); make the loss a "
        r"torch.nn.Module that holds it, or train without a checkpoint"
    )
    check_refused(net, tmp_path / "run.ckpt", message, optimizer=adam, loss_fn=loss_fn)


class _Draws(torch.nn.Module):
    """Draws from the generators of Python and numpy."""

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return scores
        # gauss keeps a second number for the next call.
        return scores * (random.random() + random.gauss(1, 0.1) + numpy.random.normal())


def test_the_random_state_of_python_and_numpy_resumes(tmp_path: Path) -> None:
    def seeded(seed: int) -> torch.nn.Module:
        net = make_net().append(_Draws())
        random.seed(seed)
        numpy.random.seed(seed)
        return net

    outside = random.getstate(), numpy.random.get_state()
    try:
        whole_net = seeded(0)
        whole = fit(whole_net, micro_batch_size=12)
        drawn = random.random(), numpy.random.random()
        file = tmp_path / "run.ckpt"
        net = seeded(0)
        with pytest.raises(Killed):
            fit(net, file, micro_batch_size=12, optimizer=Adam(net.parameters(), updates=3))
        net = seeded(99)
        more = {"micro_batch_size": 12, "optimizer": Adam(net.parameters())}
        assert fit(net, file, **more).losses == whole.losses
        assert all_equal(bits(net), bits(whole_net))
        assert (random.random(), numpy.random.random()) == drawn
    finally:
        random.setstate(outside[0])
        numpy.random.set_state(outside[1])
