"""The trainer on a real GPU: captured updates beside eager ones, cards, streams and failures.

What can be tested without a GPU is in test_cuda_graphs.py. Warnings are errors in every test, so a
training that falls back from its graph fails the test unless it expects the warning.
"""

import copy
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import small_nets
import torch

from cnnbook._devices import best_device, check_device
from cnnbook.engine import cuda_graphs
from cnnbook.engine.cuda_graphs import WARM_UP, side_stream, try_capture
from cnnbook.engine.ensemble import fit_ensemble
from cnnbook.engine.precision import precision_context
from cnnbook.images import draw_garments
from cnnbook.networks import mlp, small_cnn
from cnnbook.training import Diverged, fit_full_batch

pytestmark = pytest.mark.gpu

ROOT = Path(__file__).resolve().parents[1]
Make = Callable[[], torch.nn.Module]


@pytest.fixture(scope="module")
def garments() -> tuple[torch.Tensor, torch.Tensor]:
    return draw_garments(60, generator=torch.Generator().manual_seed(5))


@contextmanager
def _eager() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda_graphs, "_CAPTURING_DEVICES", set())
        yield


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Count the graphs that are captured."""
    made: list[object] = []
    graph = torch.cuda.CUDAGraph

    def make() -> Any:
        made.append(1)
        return graph()

    monkeypatch.setattr(torch.cuda, "CUDAGraph", make)
    return made


def _fit(
    garments: tuple[torch.Tensor, torch.Tensor],
    make: Make,
    make_optimizer: Callable[[Any], torch.optim.Optimizer] | None = None,
    **more: Any,
) -> tuple[Any, torch.nn.Module]:
    torch.manual_seed(0)
    net = make().cuda()
    optimizer = make_optimizer(net.parameters()) if make_optimizer else None
    return fit_full_batch(net, *garments, optimizer=optimizer, **more), net


def _sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9)


@pytest.mark.parametrize("make", [mlp, small_cnn, small_nets.batch_norm])
@pytest.mark.parametrize("more", [{}, {"micro_batch_size": 60}, {"precision": "bf16"}])
def test_one_captured_update_equals_an_eager_one(
    make: Make, more: dict[str, Any], garments: Any, captures: list[object]
) -> None:
    """Plain SGD: Adam would turn a rounding error in a tiny gradient into a full step."""
    history, net = _fit(garments, make, _sgd, epochs=WARM_UP + 1, **more)
    assert len(captures) == 1
    with _eager():
        expected, twin = _fit(garments, make, _sgd, epochs=WARM_UP + 1, **more)
    assert len(captures) == 1
    near = 1e-2 if more.get("precision") == "bf16" else 1e-4
    assert history.losses == pytest.approx(expected.losses, rel=near)
    for (name, ours), theirs in zip(
        net.state_dict().items(), twin.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=near, atol=near * 0.1, msg=name)


@pytest.mark.parametrize("make", [mlp, small_cnn])
@pytest.mark.parametrize("micro_batch_size", ["auto", 25])
def test_the_losses_are_those_of_the_plain_loop(
    make: Make, micro_batch_size: Any, garments: Any, captures: list[object]
) -> None:
    images, labels = (tensor.cuda() for tensor in garments)
    torch.manual_seed(0)
    net = make().cuda()
    twin = copy.deepcopy(net)
    adam, loss_fn = torch.optim.Adam(twin.parameters()), torch.nn.CrossEntropyLoss()
    expected = []
    with precision_context(images.device, "full", deterministic=False):
        for _ in range(30):
            loss = loss_fn(twin(images), labels)
            torch.autograd.backward(loss)
            adam.step()
            adam.zero_grad()
            expected.append(loss.item())
    history = fit_full_batch(net, *garments, epochs=30, micro_batch_size=micro_batch_size)
    assert len(captures) == 1
    assert history.device == str(images.device)
    assert history.losses == pytest.approx(expected, rel=1e-3)


def test_an_ensemble_is_captured_to_the_losses_of_its_networks_alone(
    garments: Any, captures: list[object]
) -> None:
    nets = []
    for seed in range(3):
        torch.manual_seed(seed)
        nets.append(small_cnn(channels=4))
    twins = copy.deepcopy(nets)
    histories = fit_ensemble(nets, *garments, epochs=20, device="cuda")
    assert len(captures) == 1
    with _eager():
        for history, twin in zip(histories, twins, strict=True):
            single = fit_full_batch(twin, *garments, epochs=20, device="cuda")
            assert history.losses == pytest.approx(single.losses, rel=1e-3)


def test_each_replay_drops_other_pixels(garments: Any, captures: list[object]) -> None:
    def standing(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=0.0)

    history, _ = _fit(garments, small_nets.dropout, standing, epochs=40)
    assert len(captures) == 1
    # The weights stand still, so the losses differ only by the pixels that were dropped.
    replayed = history.losses[WARM_UP:]
    assert len(set(replayed)) > len(replayed) / 2
    with _eager():
        expected, _ = _fit(garments, small_nets.dropout, standing, epochs=40)
    mean, other = (sum(losses) / 40 for losses in (history.losses, expected.losses))
    assert mean == pytest.approx(other, rel=0.05), "loose: another sequence of random numbers"


@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda p, lr: torch.optim.Adam(p, lr=lr, capturable=True),
        lambda p, lr: torch.optim.AdamW(p, lr=lr, capturable=True, foreach=False),
        lambda p, lr: torch.optim.SGD(p, lr=lr, fused=True),
    ],
)
def test_a_graph_follows_a_learning_rate_in_a_tensor(make_optimizer: Any) -> None:
    device = best_device()
    rows, targets = torch.rand(8, 4, device=device), torch.rand(8, 2, device=device)

    def train(*, capture: bool) -> list[float]:
        torch.manual_seed(0)
        net = torch.nn.Linear(4, 2).to(device)
        optimizer = make_optimizer(net.parameters(), torch.tensor(0.1, device=device))
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
        kept, losses = torch.zeros((), device=device), []

        def update() -> None:
            loss = torch.nn.functional.mse_loss(net(rows), targets)
            kept.copy_(loss.detach())
            torch.autograd.backward(loss)
            optimizer.step()

        replay = None
        with side_stream(device):
            for number in range(12):
                if capture and number == WARM_UP:
                    replay = try_capture(update, list(net.parameters()), device)
                    assert replay is not None
                if replay is None:
                    optimizer.zero_grad()
                (replay or update)()
                scheduler.step()
                losses.append(kept.item())
        return losses

    assert train(capture=True) == pytest.approx(train(capture=False), rel=1e-4)


@pytest.mark.parametrize(
    "kind",
    [
        *(torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam, torch.optim.RAdam),
        *(torch.optim.Adamax, torch.optim.Adadelta, torch.optim.RMSprop, torch.optim.ASGD),
        torch.optim.Rprop,
    ],
)
def test_every_optimizer_that_is_said_to_be_capturable_is(
    kind: Any, garments: Any, captures: list[object]
) -> None:
    def make_optimizer(parameters: Any) -> Any:
        return kind(parameters, capturable=True)

    history, _ = _fit(garments, lambda: mlp(hidden=16), make_optimizer, epochs=8)
    assert len(captures) == 1
    with _eager():
        expected, _ = _fit(garments, lambda: mlp(hidden=16), make_optimizer, epochs=8)
    assert history.losses == pytest.approx(expected.losses, rel=1e-3)


def test_a_capture_runs_nothing() -> None:
    total = torch.zeros((), device=best_device())

    def add() -> None:
        total.add_(1)

    with side_stream(total.device):
        replay = try_capture(add, [], total.device)
        assert replay is not None
        assert total.item() == 0
        replay()
        assert total.item() == 1


def test_after_a_capture_that_failed_all_goes_on(garments: Any, captures: list[object]) -> None:
    total = torch.zeros((), device=best_device())

    def read() -> None:
        total.add_(1)
        total.item()

    with (
        side_stream(total.device),
        pytest.warns(UserWarning, match="without a CUDA graph, since the update cannot be captur"),
    ):
        assert try_capture(read, [], total.device) is None
    read()
    assert total.item() == 1
    # Random numbers, and another capture.
    history, _ = _fit(garments, small_nets.dropout, epochs=30)
    assert len(captures) == 2
    assert history.losses[-1] < history.losses[0]


def test_an_own_loss_is_trained_without_a_graph(garments: Any, captures: list[object]) -> None:
    def reading(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        loss = torch.nn.functional.cross_entropy(scores, labels)
        return loss if loss.item() < 1e9 else loss * 2

    with pytest.warns(UserWarning, match=r"^training without a CUDA graph, since .*reading"):
        history = fit_full_batch(small_cnn(), *garments, epochs=8, loss_fn=reading)
    assert not captures
    assert history.losses[-1] < history.losses[0]


def _plain_and_kept(garments: Any) -> tuple[torch.nn.Module, torch.Tensor]:
    """Return a network that the plain loop has looked at, and the loss that it has left alive."""
    images, labels = (tensor.cuda() for tensor in garments)
    torch.manual_seed(0)
    net = small_cnn(channels=4).cuda()
    return net, torch.nn.functional.cross_entropy(net(images), labels)


def test_an_older_graph_that_is_alive_is_named(garments: Any, captures: list[object]) -> None:
    net, loss = _plain_and_kept(garments)
    with warnings.catch_warnings(record=True) as caught:
        # torch itself may warn of the older graph's stream.
        warnings.simplefilter("always")
        history = fit_full_batch(net, *garments, epochs=8)
    assert not captures
    assert [1 for one in caught if "older autograd graph of this network" in str(one.message)]
    del loss
    with _eager():
        expected, _ = _fit(garments, lambda: small_cnn(channels=4), epochs=8)
    assert history.losses == pytest.approx(expected.losses, rel=1e-3)
    net, loss = _plain_and_kept(garments)
    del loss
    fit_full_batch(net, *garments, epochs=8)
    assert len(captures) == 1, "nothing is alive any more"


OLDER = """
import warnings
from cnnbook.engine import cuda_graphs
from cnnbook.images import draw_garments
from cnnbook.networks import small_cnn
from cnnbook.training import fit_full_batch
import torch

cuda_graphs._older_graph_is_alive = lambda parameters: False
garments = draw_garments(60, generator=torch.Generator().manual_seed(5))
net = small_cnn(channels=4).cuda()
loss = net(garments[0].cuda()).sum()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    history = fit_full_batch(net, *garments, epochs=8)
assert history.losses[-1] < history.losses[0]
print([str(one.message) for one in caught])
"""


def test_without_our_check_torch_would_refuse_the_capture(tmp_path: Path) -> None:
    """In a process of its own, since it is unknown in what state torch leaves the card."""
    done = subprocess.run(
        [sys.executable, "-c", OLDER],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "the update cannot be captured" in done.stdout


def test_resuming_gives_the_same_losses(garments: Any, tmp_path: Path) -> None:
    losses = []
    for steps in ((20,), (9, 20)):
        for epochs in steps:
            path = tmp_path / f"{len(steps)}.ckpt"
            history, _ = _fit(
                garments, small_cnn, epochs=epochs, checkpoint=path, deterministic=True
            )
        losses.append(history.losses)
    assert losses[0] == losses[1]


def test_a_divergence_that_is_noticed_late_has_a_true_cause(garments: Any) -> None:
    def fast(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=1e30)

    with pytest.raises(Diverged, match=r"look for a learning rate that is too high: the loss was"):
        _fit(garments, small_cnn, fast, epochs=12)
    huge = garments[0] * 3e38, garments[1]
    with pytest.raises(Diverged, match=r"^epoch 1: .*initial weights, or very large numbers"):
        _fit(huge, small_cnn, epochs=12)


def test_cuda_means_the_current_card_with_its_index(garments: Any) -> None:
    assert check_device("cuda") == torch.device("cuda", torch.cuda.current_device())
    with pytest.raises(RuntimeError, match=r"^device: expected one that this machine has \(cpu, c"):
        check_device(f"cuda:{torch.cuda.device_count()}")


def test_a_second_card_is_captured_after_the_first(garments: Any, captures: list[object]) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("one card only")
    losses = []
    for name in ("cuda:0", "cuda:1", "cuda:0"):
        torch.manual_seed(0)
        history = fit_full_batch(small_cnn(), *garments, epochs=12, device=name)
        assert history.device == name
        losses.append(history.losses)
    assert len(captures) == 3
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert losses[2] == pytest.approx(losses[0], rel=1e-3)
    assert torch.cuda.current_device() == 0
