"""One update recorded and replayed: the loop around it here, the recording itself on a GPU."""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

from cnnbook.engine.cuda_graphs import WARM_UP, capture, uncapturable_reason
from cnnbook.engine.ensemble import fit_ensemble
from cnnbook.images import draw_garments
from cnnbook.networks import mlp, small_cnn
from cnnbook.training import Diverged, fit_full_batch

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")


@pytest.fixture(scope="module")
def garments() -> tuple[torch.Tensor, torch.Tensor]:
    return draw_garments(60, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the trainer take the CPU for a GPU, with a recording that just runs the update."""
    counted: list[int] = []

    def pretend(update: Callable[[], None], parameters: list[torch.nn.Parameter]) -> Any:
        def replay() -> None:
            for parameter in parameters:
                parameter.grad = None
            update()
            counted.append(1)

        return replay

    monkeypatch.setattr("cnnbook.engine.cuda_graphs._can_capture", lambda device: True)
    monkeypatch.setattr("cnnbook.engine.cuda_graphs.record", pretend)
    return counted


def _sgd(net: torch.nn.Module, lr: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)


def _fit(garments: tuple[torch.Tensor, torch.Tensor], **more: Any) -> Any:
    torch.manual_seed(0)
    net = small_cnn(channels=4)
    optimizer = _sgd(net, more.pop("lr", 0.1))
    call: dict[str, Any] = {"epochs": 10, "micro_batch_size": 25, "device": "cpu"}
    return fit_full_batch(net, *garments, optimizer=optimizer, **(call | more)), net


def test_replayed_updates_count_like_others(
    garments: tuple[torch.Tensor, torch.Tensor], replays: list[int], tmp_path: Any
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cnnbook.engine.cuda_graphs._can_capture", lambda device: False)
        plain, twin = _fit(garments, validation=garments, validate_every=4)
    assert not replays
    history, net = _fit(garments, validation=garments, validate_every=4)
    assert len(replays) == 10 - WARM_UP
    assert (history.losses, history.accuracies) == (plain.losses, plain.accuracies)
    file = tmp_path / "run.ckpt"
    _fit(garments, checkpoint=file, epochs=6)
    resumed, again = _fit(garments, checkpoint=file, checkpoint_every=1)
    assert resumed.losses == plain.losses
    for one in (net, again):
        assert all(parameter.grad is None for parameter in one.parameters())
        for ours, theirs in zip(one.parameters(), twin.parameters(), strict=True):
            assert torch.equal(ours, theirs)


def test_a_stack_is_replayed_and_told_of_like_one_network(
    garments: tuple[torch.Tensor, torch.Tensor],
    replays: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stacked() -> list[tuple[float, ...]]:
        nets = []
        for seed in range(2):
            torch.manual_seed(seed)
            nets.append(small_cnn(channels=2))
        histories = fit_ensemble(
            nets, *garments, epochs=8, micro_batch_size=25, device="cpu",
            make_optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
        )  # fmt: skip
        return [history.losses for history in histories]

    replayed = stacked()
    assert len(replays) == 8 - WARM_UP
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)

    def refuse(*_: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr("cnnbook.engine.cuda_graphs.record", refuse)
    with pytest.warns(UserWarning, match=r"cannot be recorded \(torch says: operation") as message:
        assert stacked() == replayed
    assert {warning.filename for warning in message} == {__file__}, "the line that asked for it"


def test_replayed_updates_that_diverge_are_noticed(
    garments: tuple[torch.Tensor, torch.Tensor], replays: list[int]
) -> None:
    with pytest.raises(
        Diverged, match=r"^epoch \d+: expected a finite loss, got (nan|inf)"
    ) as message:
        _fit(garments, lr=1e30)
    assert all(torch.isfinite(torch.tensor(message.value.history.losses)))


def test_what_cannot_be_recorded_is_told_and_trained_nevertheless(
    garments: tuple[torch.Tensor, torch.Tensor],
    replays: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.warns(UserWarning, match=r"^training without a CUDA graph, since Adam counts its"):
        fit_full_batch(small_cnn(), *garments, epochs=5, device="cpu")
    assert not replays

    def refuse(*_: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr("cnnbook.engine.cuda_graphs.record", refuse)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    with pytest.warns(
        UserWarning, match=r"cannot be recorded \(torch says: operation not perm.*g\)"
    ):
        history, _ = _fit(garments)
    assert len(history.losses) == 10


def test_what_is_known_beforehand() -> None:
    net = mlp(hidden=4)
    parameters = list(net.parameters())
    assert uncapturable_reason(net, _sgd(net), processes=1) is None
    ready = torch.optim.Adam(parameters)
    for group in ready.param_groups:
        group["capturable"] = True
    assert uncapturable_reason(net, ready, processes=1) is None
    assert "several processes" in str(uncapturable_reason(net, ready, processes=2))
    rprop = torch.optim.Adagrad(parameters)
    assert "Adagrad is not known to keep" in str(uncapturable_reason(net, rprop, processes=1))
    ready.register_step_post_hook(lambda *_: None)
    assert "hooks on Adam" in str(uncapturable_reason(net, ready, processes=1))
    net[1].register_forward_hook(lambda *_: None)
    assert "hooks on the network" in str(uncapturable_reason(net, ready, processes=1))


@on_a_gpu
@pytest.mark.parametrize("make", [mlp, small_cnn])
@pytest.mark.parametrize("micro_batch_size", ["auto", 25])
def test_on_a_gpu_the_recording_gives_the_losses_of_the_plain_loop(
    make: Callable[[], torch.nn.Module], micro_batch_size: Any, garments: Any
) -> None:
    images, labels = (one.cuda() for one in garments)
    torch.manual_seed(0)
    net = make().cuda()
    twin = copy.deepcopy(net)
    adam, loss_fn = torch.optim.Adam(twin.parameters()), torch.nn.CrossEntropyLoss()
    expected = []
    with torch.backends.cudnn.flags(allow_tf32=False):
        for _ in range(30):
            loss = loss_fn(twin(images), labels)
            torch.autograd.backward(loss)
            adam.step()
            adam.zero_grad()
            expected.append(loss.item())
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # No fallback.
        history = fit_full_batch(net, *garments, epochs=30, micro_batch_size=micro_batch_size)
    assert history.device.startswith("cuda")
    assert history.losses == pytest.approx(expected, rel=1e-3)


@on_a_gpu
def test_on_a_gpu_a_loss_that_looks_at_numbers_falls_back(garments: Any) -> None:
    def looking(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        loss = torch.nn.functional.cross_entropy(scores, labels)
        return loss if loss.item() < 1e9 else loss * 2

    with pytest.warns(UserWarning, match="without a CUDA graph, since the update cannot be recor"):
        history = fit_full_batch(small_cnn(), *garments, epochs=8, loss_fn=looking)
    assert history.losses[-1] < history.losses[0]


@on_a_gpu
def test_on_a_gpu_resuming_gives_the_same_losses(garments: Any, tmp_path: Any) -> None:
    losses = []
    for steps in ((20,), (9, 20)):
        for epochs in steps:
            torch.manual_seed(0)
            history = fit_full_batch(
                small_cnn(),
                *garments,
                epochs=epochs,
                checkpoint=tmp_path / f"{len(steps)}.ckpt",
                deterministic=True,
            )
        losses.append(history.losses)
    assert losses[0] == losses[1]


@on_a_gpu
def test_record_runs_nothing_by_itself() -> None:
    total = torch.zeros((), device="cuda")

    def add() -> None:
        total.add_(1)

    replay = capture(add, [])
    assert total.item() == 0
    replay()
    assert total.item() == 1
