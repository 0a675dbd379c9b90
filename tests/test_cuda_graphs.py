"""One update captured and replayed: the loop around it here, the capture itself on a GPU."""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

from cnnbook.engine.cuda_graphs import WARM_UP, can_capture, try_capture
from cnnbook.engine.ensemble import fit_ensemble
from cnnbook.images import draw_garments
from cnnbook.networks import mlp, small_cnn
from cnnbook.training import Diverged, fit_full_batch

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")


@pytest.fixture(scope="module")
def garments() -> tuple[torch.Tensor, torch.Tensor]:
    return draw_garments(60, generator=torch.Generator().manual_seed(5))


def _treat_as_gpu(patch: pytest.MonkeyPatch, *devices: str) -> None:
    patch.setattr("cnnbook.engine.cuda_graphs._CAPTURING_DEVICES", set(devices))


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the trainers treat the CPU as a GPU, with a capture that just runs the update."""
    counted: list[int] = []

    def fake_capture(
        update: Callable[[], None], parameters: list[torch.nn.Parameter], _: torch.device
    ) -> Callable[[], None]:
        def replay() -> None:
            for parameter in parameters:
                parameter.grad = None
            update()
            counted.append(1)

        return replay

    _treat_as_gpu(monkeypatch, "cpu")
    for trainer in ("cnnbook.training", "cnnbook.engine.ensemble"):
        monkeypatch.setattr(f"{trainer}.try_capture", fake_capture)
    return counted


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the trainers treat the CPU as a GPU on which torch refuses every capture."""

    def refuse() -> None:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    _treat_as_gpu(monkeypatch, "cpu")
    monkeypatch.setattr(torch.cuda, "CUDAGraph", refuse)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)


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
        _treat_as_gpu(patch)
        plain, twin = _fit(garments, validation=garments, validate_every=4)
    assert not replays
    history, net = _fit(garments, validation=garments, validate_every=4)
    assert len(replays) == 10 - WARM_UP
    assert (history.losses, history.accuracies) == (plain.losses, plain.accuracies)
    file = tmp_path / "run.ckpt"
    _fit(garments, checkpoint=file, epochs=6)
    resumed, again = _fit(garments, checkpoint=file, checkpoint_every=1)
    assert resumed.losses == plain.losses
    for replayed in (net, again):
        assert all(parameter.grad is None for parameter in replayed.parameters())
        for ours, theirs in zip(replayed.parameters(), twin.parameters(), strict=True):
            assert torch.equal(ours, theirs)


def _fit_ensemble(garments: tuple[torch.Tensor, torch.Tensor]) -> list[tuple[float, ...]]:
    nets = []
    for seed in range(2):
        torch.manual_seed(seed)
        nets.append(small_cnn(channels=2))
    histories = fit_ensemble(
        nets, *garments, epochs=8, micro_batch_size=25, device="cpu",
        make_optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    )  # fmt: skip
    return [history.losses for history in histories]


def test_replayed_updates_of_an_ensemble_count_like_others(
    garments: tuple[torch.Tensor, torch.Tensor], replays: list[int]
) -> None:
    replayed = _fit_ensemble(garments)
    assert len(replays) == 8 - WARM_UP
    with pytest.MonkeyPatch.context() as patch:
        _treat_as_gpu(patch)
        assert _fit_ensemble(garments) == replayed
    assert len(replays) == 8 - WARM_UP


def test_replayed_updates_that_diverge_are_noticed(
    garments: tuple[torch.Tensor, torch.Tensor], replays: list[int]
) -> None:
    with pytest.raises(
        Diverged, match=r"^epoch \d+: expected a finite loss, got (nan|inf)"
    ) as message:
        _fit(garments, lr=1e30)
    assert all(torch.isfinite(torch.tensor(message.value.history.losses)))


@pytest.mark.parametrize("ensemble", [False, True])
def test_an_update_that_cannot_be_captured_is_trained_with_a_warning(
    garments: tuple[torch.Tensor, torch.Tensor], refused: None, ensemble: bool
) -> None:
    with pytest.warns(
        UserWarning, match=r"cannot be captured \(torch says: operation not perm.*g\)$"
    ) as caught:
        losses = _fit_ensemble(garments) if ensemble else _fit(garments)[0].losses
    assert {warning.filename for warning in caught} == {__file__}, "the line that asked for it"
    with pytest.MonkeyPatch.context() as patch:
        _treat_as_gpu(patch)
        plain = _fit_ensemble(garments) if ensemble else _fit(garments)[0].losses
    assert losses == plain


def test_a_known_reason_is_warned_of_at_the_users_line(
    garments: tuple[torch.Tensor, torch.Tensor], replays: list[int]
) -> None:
    with pytest.warns(
        UserWarning, match=r"^training without a CUDA graph, since Adam counts its"
    ) as caught:
        fit_full_batch(small_cnn(), *garments, epochs=5, device="cpu")
    assert {warning.filename for warning in caught} == {__file__}
    assert not replays


def test_known_reasons_against_a_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    _treat_as_gpu(monkeypatch, "cpu")
    net = mlp(hidden=4)
    parameters = list(net.parameters())

    def reason(optimizer: torch.optim.Optimizer, *, processes: int = 1) -> str | None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            capturable = can_capture(
                net, optimizer, device=torch.device("cpu"), updates=9, processes=processes
            )
        assert capturable == (not caught)
        return None if capturable else str(caught[0].message)

    assert reason(_sgd(net)) is None
    adam = torch.optim.Adam(parameters)
    for group in adam.param_groups:
        group["capturable"] = True
    assert reason(adam) is None
    assert "since several processes" in str(reason(adam, processes=2))
    assert "since Adagrad is not known to keep" in str(reason(torch.optim.Adagrad(parameters)))
    assert "since Adam counts its steps on" in str(reason(torch.optim.Adam(parameters)))
    adam.register_step_post_hook(lambda *_: None)
    assert "since hooks on Adam" in str(reason(adam))
    net[1].register_forward_hook(lambda *_: None)
    assert "since hooks on the network" in str(reason(adam))


@on_a_gpu
@pytest.mark.parametrize("make", [mlp, small_cnn])
@pytest.mark.parametrize("micro_batch_size", ["auto", 25])
def test_on_a_gpu_the_captured_update_gives_the_losses_of_the_plain_loop(
    make: Callable[[], torch.nn.Module], micro_batch_size: Any, garments: Any
) -> None:
    images, labels = (tensor.cuda() for tensor in garments)
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
def test_on_a_gpu_a_loss_that_reads_numbers_falls_back(garments: Any) -> None:
    def reading(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        loss = torch.nn.functional.cross_entropy(scores, labels)
        return loss if loss.item() < 1e9 else loss * 2

    with pytest.warns(UserWarning, match="without a CUDA graph, since the update cannot be captu"):
        history = fit_full_batch(small_cnn(), *garments, epochs=8, loss_fn=reading)
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
def test_a_capture_runs_nothing() -> None:
    total = torch.zeros((), device="cuda")

    def add() -> None:
        total.add_(1)

    replay = try_capture(add, [], total.device)
    assert replay is not None
    assert total.item() == 0
    replay()
    assert total.item() == 1
