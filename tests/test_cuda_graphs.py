"""One update captured and replayed: on a CPU with a tape in the place of the graph."""

import contextlib
import gc
import importlib
import random
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import small_nets
import torch
from taped_graph import TapedGraph, treat_cpu_as_gpu

from cnnbook.engine import cuda_graphs
from cnnbook.engine.cuda_graphs import WARM_UP, can_capture, side_stream, try_capture
from cnnbook.engine.ensemble import fit_ensemble
from cnnbook.images import draw_garments
from cnnbook.networks import mlp, small_cnn
from cnnbook.training import Diverged, fit_full_batch

Make = Callable[[], torch.nn.Module]
CPU = torch.device("cpu")
EPOCHS = 9


@pytest.fixture(scope="module")
def garments() -> tuple[torch.Tensor, torch.Tensor]:
    return draw_garments(60, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[TapedGraph]:
    return treat_cpu_as_gpu(monkeypatch)


@contextlib.contextmanager
def _on_a_cpu() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda_graphs, "_CAPTURING_DEVICES", set())
        yield


def _sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)


def _fit(
    garments: tuple[torch.Tensor, torch.Tensor],
    make: Make = lambda: small_cnn(channels=4),
    make_optimizer: Callable[[Any], torch.optim.Optimizer] = _sgd,
    **more: Any,
) -> tuple[Any, torch.nn.Module]:
    torch.manual_seed(0)
    random.seed(0)
    net = make()
    optimizer = make_optimizer(net.parameters())
    call: dict[str, Any] = {"epochs": EPOCHS, "device": "cpu"}
    return fit_full_batch(net, *garments, optimizer=optimizer, **(call | more)), net


@pytest.mark.parametrize(
    ("make", "more"),
    [
        (lambda: small_cnn(channels=4), {}),
        (lambda: small_cnn(channels=4), {"micro_batch_size": 25}),
        (lambda: small_cnn(channels=4), {"micro_batch_size": 25, "precision": "bf16"}),
        (lambda: mlp(hidden=8), {}),
        (small_nets.batch_norm, {}),
        (small_nets.dropout, {}),
    ],
    ids=["cnn", "micro-batches", "bf16", "mlp", "batch norm", "dropout"],
)
def test_a_known_network_is_replayed_to_the_losses_of_the_plain_loop(
    make: Make, more: dict[str, Any], garments: Any, graphs: list[TapedGraph]
) -> None:
    history, net = _fit(garments, make, **more)
    assert [graph.replays for graph in graphs] == [EPOCHS - WARM_UP]
    with _on_a_cpu():
        plain, twin = _fit(garments, make, **more)
    assert len(graphs) == 1
    assert history.losses == plain.losses
    assert len(set(history.losses)) == EPOCHS
    for replayed, expected in zip(net.state_dict().items(), twin.state_dict().items(), strict=True):
        assert replayed[0] == expected[0]
        assert torch.equal(replayed[1], expected[1]), replayed[0]


CAPTURABLE = [
    *(torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam, torch.optim.RAdam),
    *(torch.optim.Adamax, torch.optim.Adadelta, torch.optim.RMSprop, torch.optim.ASGD),
    torch.optim.Rprop,
]


@pytest.mark.parametrize("kind", CAPTURABLE)
@pytest.mark.parametrize("foreach", [False, True])
def test_an_optimizer_whose_state_is_on_the_gpu_is_replayed(
    kind: Any, foreach: bool, garments: Any, graphs: list[TapedGraph]
) -> None:
    def make_optimizer(parameters: Any) -> Any:
        return kind(parameters, capturable=True, foreach=foreach)

    history, _ = _fit(garments, lambda: mlp(hidden=4), make_optimizer)
    assert [graph.replays for graph in graphs] == [EPOCHS - WARM_UP]
    with _on_a_cpu():
        plain, _ = _fit(garments, lambda: mlp(hidden=4), make_optimizer)
    assert history.losses == plain.losses


def test_validation_and_checkpoints_go_with_replays(
    garments: Any, graphs: list[TapedGraph], tmp_path: Any
) -> None:
    more: dict[str, Any] = {"validation": garments, "validate_every": 4}
    with _on_a_cpu():
        plain, twin = _fit(garments, **more)
    history, net = _fit(garments, **more)
    assert (history.losses, history.accuracies) == (plain.losses, plain.accuracies)
    file = tmp_path / "run.ckpt"
    _fit(garments, checkpoint=file, epochs=5)
    resumed, again = _fit(garments, checkpoint=file, checkpoint_every=1)
    assert resumed.losses == plain.losses
    assert [graph.replays for graph in graphs] == [6, 2, 1]
    for replayed in (net, again):
        assert all(parameter.grad is None for parameter in replayed.parameters())
        for ours, theirs in zip(replayed.parameters(), twin.parameters(), strict=True):
            assert torch.equal(ours, theirs)


def _fit_ensemble(garments: Any, **more: Any) -> list[tuple[float, ...]]:
    nets = []
    for seed in range(2):
        torch.manual_seed(seed)
        nets.append(small_cnn(channels=2))
    call: dict[str, Any] = {"epochs": EPOCHS, "micro_batch_size": 25, "device": "cpu"}
    histories = fit_ensemble(nets, *garments, make_optimizer=_sgd, **(call | more))
    return [history.losses for history in histories]


def test_an_ensemble_is_replayed_to_the_losses_of_the_plain_loop(
    garments: Any, graphs: list[TapedGraph]
) -> None:
    replayed = _fit_ensemble(garments)
    assert [graph.replays for graph in graphs] == [EPOCHS - WARM_UP]
    with _on_a_cpu():
        assert _fit_ensemble(garments) == replayed
    assert len(graphs) == 1


def test_replayed_updates_that_diverge_are_noticed(garments: Any, graphs: list[TapedGraph]) -> None:
    images, labels = garments
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
    targets = torch.nn.functional.one_hot(labels, 10).float()
    with pytest.raises(
        Diverged,
        match=r"look for a learning rate .*: the loss was finite before update \d+ and not",
    ) as message:
        fit_full_batch(
            net, images, targets, epochs=60, loss_fn=torch.nn.MSELoss(), device="cpu",
            optimizer=torch.optim.SGD(net.parameters(), lr=10.0),
        )  # fmt: skip
    assert graphs[0].replays == 60 - WARM_UP
    losses = message.value.history.losses
    assert len(losses) > WARM_UP
    assert all(torch.isfinite(torch.tensor(losses)))
    text = str(message.value)
    assert text.startswith(f"epoch {len(losses) + 1}: expected a finite loss, got ")
    assert f"before update {len(losses)} and not" in text


# What only Python knows, and a graph would keep.


class _Noisy(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images * (1 + random.random())


class _Counting(torch.nn.Module):
    calls = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return images * (1 + 1 / self.calls)


class _Annealed(torch.nn.Module):
    calls = 0

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        smoothing = 0.5 / self.calls
        return torch.nn.functional.cross_entropy(scores, labels, label_smoothing=smoothing)


FROZEN: list[tuple[str, Make, Make | None, bool]] = [
    ("_Noisy", lambda: torch.nn.Sequential(_Noisy(), *mlp(hidden=8)), None, False),
    ("_Counting", lambda: torch.nn.Sequential(_Counting(), *mlp(hidden=8)), None, False),
    ("_Annealed", lambda: mlp(hidden=8), _Annealed, False),
    ("_Annealed", lambda: mlp(hidden=8), _Annealed, True),
]


@pytest.mark.parametrize(
    ("name", "make", "make_loss", "ensemble"), FROZEN, ids=["draw", "count", "loss", "ensemble"]
)
def test_what_python_changes_would_be_frozen_and_is_not_captured(
    name: str,
    make: Make,
    make_loss: Make | None,
    ensemble: bool,
    garments: Any,
    graphs: list[TapedGraph],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def losses() -> Any:
        loss_fn: Any = make_loss() if make_loss else None
        if ensemble:
            return _fit_ensemble(garments, loss_fn=loss_fn, micro_batch_size="auto")
        return _fit(garments, make, loss_fn=loss_fn)[0].losses

    with _on_a_cpu():
        plain = losses()
    with pytest.warns(UserWarning, match=rf"^training without a CUDA graph, since .*{name}"):
        assert losses() == plain
    assert not graphs
    for unknown in ("unknown_part", "unknown_loss"):
        monkeypatch.setattr(cuda_graphs, unknown, lambda _: None)
    captured = losses()
    assert [graph.replays for graph in graphs] == [EPOCHS - WARM_UP]
    assert captured != plain, "the graph has kept what Python would have changed"


def _reason(net: Any = None, loss_fn: Any = None, optimizer: Any = None, **more: Any) -> str | None:
    """Return the reason against a capture, or None, and require that each reason is warned of."""
    net = net or mlp(hidden=4)
    optimizer = optimizer or _sgd(net.parameters())
    options: dict[str, Any] = {"device": CPU, "updates": 9, "processes": 1} | more
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        capturable = can_capture(net, loss_fn or torch.nn.MSELoss(), optimizer, **options)
    assert capturable == (not caught)
    if capturable:
        return None
    return str(caught[0].message).removeprefix("training without a CUDA graph, since ")


def test_reasons_in_network_loss_and_processes(graphs: list[TapedGraph]) -> None:
    assert _reason() is None
    assert "several processes" in str(_reason(processes=2))
    hooked = mlp(hidden=4)
    hooked[1].register_forward_hook(lambda *_: None)
    assert "hook" in str(_reason(hooked))
    patched = mlp(hidden=4)
    patched[1].forward = lambda images: images
    assert "forward" in str(_reason(patched))
    assert "cross_entropy" in str(_reason(loss_fn=torch.nn.functional.cross_entropy))
    assert _reason(small_nets.batch_norm()) is None
    assert _reason(small_nets.batch_norm(momentum=None)) == (
        "layer '1' (BatchNorm2d) reads its number of batches on the CPU; give it a momentum, such "
        "as 0.1"
    )


def test_nothing_is_captured_for_few_updates_or_on_a_cpu(graphs: list[TapedGraph]) -> None:
    net = mlp(hidden=4)
    arguments = net, torch.nn.MSELoss(), _sgd(net.parameters())
    assert can_capture(*arguments, device=CPU, updates=WARM_UP + 1, processes=1)
    # Without a warning, which would be an error here.
    assert not can_capture(*arguments, device=CPU, updates=WARM_UP, processes=1)
    with _on_a_cpu():
        assert not can_capture(*arguments, device=CPU, updates=WARM_UP + 1, processes=1)


def test_reasons_in_the_optimizer(graphs: list[TapedGraph]) -> None:
    class Own(torch.optim.SGD):
        pass

    parameters = list(mlp(hidden=4).parameters())
    for kind in (torch.optim.Adagrad, torch.optim.Adafactor, Own):
        assert f"{kind.__name__} is not known to keep all its state on the GPU" == _reason(
            optimizer=kind(parameters)
        )
    for capturable in CAPTURABLE:
        optimizer: Any = capturable(parameters)
        assert "counts its steps on the CPU; make it with capturable=True" in str(
            _reason(optimizer=optimizer)
        )
        optimizer = capturable(parameters, capturable=True)
        assert _reason(optimizer=optimizer) is None
    for register in ("register_step_pre_hook", "register_step_post_hook"):
        optimizer = _sgd(parameters)
        getattr(optimizer, register)(lambda *_: None)
        assert _reason(optimizer=optimizer) == "hooks on SGD would run during the capture only"
    for register in ("register_optimizer_step_pre_hook", "register_optimizer_step_post_hook"):
        handle = getattr(importlib.import_module("torch.optim.optimizer"), register)(
            lambda *_: None
        )
        try:
            assert "hooks on SGD" in str(_reason(optimizer=_sgd(parameters)))
        finally:
            handle.remove()
    optimizer = _sgd(parameters)
    optimizer.step = lambda: None
    assert "SGD has a step of its own" in str(_reason(optimizer=optimizer))


def _tensor(rate: float = 0.1) -> torch.Tensor:
    return torch.tensor(rate)


def test_reasons_in_the_learning_rate_and_its_scheduler(graphs: list[TapedGraph]) -> None:
    from torch.optim import lr_scheduler

    parameters = list(mlp(hidden=4).parameters())
    adam = torch.optim.Adam(parameters, lr=_tensor(), capturable=True)
    fused = torch.optim.SGD(parameters, lr=_tensor(), momentum=0.9, fused=True)
    for optimizer in (adam, fused):
        step: Any = lr_scheduler.StepLR(optimizer, 2)
        assert _reason(optimizer=optimizer, scheduler=step) is None
        assert _reason(optimizer=optimizer) is None, "a scheduler that is stepped by nobody"
        plateau = lr_scheduler.ReduceLROnPlateau(optimizer)
        assert _reason(optimizer=optimizer, scheduler=plateau) is None
        several = lr_scheduler.ChainedScheduler([step, lr_scheduler.ExponentialLR(optimizer, 0.9)])
        assert _reason(optimizer=optimizer, scheduler=several) is None
        cycle = lr_scheduler.OneCycleLR(optimizer, 0.1, 9)
        several = lr_scheduler.ChainedScheduler([step, cycle])
        for changing in (cycle, several):
            assert _reason(optimizer=optimizer, scheduler=changing) == (
                "OneCycleLR is not known to change the learning rate only"
            )
    number = _sgd(parameters)
    assert _reason(optimizer=number, scheduler=lr_scheduler.StepLR(number, 2)) == (
        "StepLR changes the learning rate, a Python number, which a graph would keep; make the "
        "optimizer with lr=torch.tensor(0.1, device='cpu')"
    )
    plain = torch.optim.SGD(parameters, lr=_tensor())
    assert _reason(optimizer=plain) == (
        "SGD reads a learning rate in a tensor on the CPU; make it with fused=True"
    )
    other = torch.optim.RMSprop(parameters, lr=_tensor(), capturable=True, foreach=False)
    assert "RMSprop is not known to leave a learning rate" in str(_reason(optimizer=other))
    elsewhere = torch.optim.Adam(parameters, lr=_tensor(), capturable=True)
    elsewhere.param_groups[0]["lr"] = torch.zeros((), device="meta")
    assert _reason(optimizer=elsewhere) == (
        "the learning rate is a tensor on meta, whose number a graph would keep; make it on cpu"
    )


RATES: list[tuple[Callable[[Any], Any], bool]] = [
    (lambda p: torch.optim.Adam(p, lr=_tensor(), capturable=True, foreach=False), True),
    (lambda p: torch.optim.Adam(p, lr=_tensor(), capturable=True, foreach=True), True),
    (lambda p: torch.optim.AdamW(p, lr=_tensor(), capturable=True, foreach=False), True),
    (lambda p: torch.optim.SGD(p, lr=_tensor(), momentum=0.9, fused=True), True),
    (lambda p: torch.optim.Adam(p, lr=0.1, capturable=True), False),
    (lambda p: torch.optim.SGD(p, lr=0.1), False),
]


@pytest.mark.parametrize(("make_optimizer", "followed"), RATES)
def test_a_graph_follows_a_scheduler_only_through_a_tensor(
    make_optimizer: Callable[[Any], Any], followed: bool, graphs: list[TapedGraph]
) -> None:
    rows, targets = torch.rand(8, 4), torch.rand(8, 2)

    def train(*, capture: bool) -> list[float]:
        torch.manual_seed(0)
        net = torch.nn.Linear(4, 2)
        optimizer = make_optimizer(net.parameters())
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
        kept, losses = torch.zeros(()), []

        def update() -> None:
            loss = torch.nn.functional.mse_loss(net(rows), targets)
            kept.copy_(loss.detach())
            torch.autograd.backward(loss)
            optimizer.step()

        replay = None
        for number in range(EPOCHS):
            if capture and number == WARM_UP:
                assert followed == (_reason(net, optimizer=optimizer, scheduler=scheduler) is None)
                replay = try_capture(update, list(net.parameters()), CPU)
                assert replay is not None
            if replay is None:
                optimizer.zero_grad()
            (replay or update)()
            scheduler.step()
            losses.append(kept.item())
        return losses

    assert (train(capture=True) == train(capture=False)) == followed


# Captures that fail.


@pytest.mark.parametrize("ensemble", [False, True])
def test_an_update_that_cannot_be_captured_is_trained_with_a_warning(
    garments: Any,
    graphs: list[TapedGraph],
    ensemble: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Reading(torch.nn.CrossEntropyLoss):
        def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            loss = super().forward(scores, labels)
            # Inside vmap a number cannot be read at all.
            if torch._C._functorch.is_batchedtensor(loss):
                return loss + torch.nonzero(labels)[0, 0] * 0
            return loss if loss.item() < 1e9 else loss * 2

    def losses() -> Any:
        more: dict[str, Any] = {"loss_fn": Reading(), "micro_batch_size": "auto"}
        return _fit_ensemble(garments, **more) if ensemble else _fit(garments, **more)[0].losses

    monkeypatch.setattr(cuda_graphs, "unknown_loss", lambda _: None)
    with pytest.warns(
        UserWarning,
        match=r"cannot be captured \(torch says: CUDA error: operation not permitted when str.*\)$",
    ) as caught:
        captured = losses()
    assert {warning.filename for warning in caught} == {__file__}, "the line that asked for it"
    assert [graph.replays for graph in graphs] == [0]
    with _on_a_cpu():
        assert losses() == captured


def test_a_layer_that_counts_on_the_cpu_could_not_be_captured(
    garments: Any, graphs: list[TapedGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda_graphs, "_counting_layer", lambda _: None)
    with pytest.warns(UserWarning, match="not permitted when stream is capturing"):
        _fit(garments, lambda: small_nets.batch_norm(momentum=None))


def test_a_known_reason_is_warned_of_at_the_users_line(
    garments: Any, graphs: list[TapedGraph]
) -> None:
    with pytest.warns(
        UserWarning, match=r"^training without a CUDA graph, since Adam counts its"
    ) as caught:
        fit_full_batch(small_cnn(), *garments, epochs=5, device="cpu")
    assert {warning.filename for warning in caught} == {__file__}
    assert not graphs


def test_an_older_graph_that_is_alive_is_named_with_the_remedy(
    garments: Any, graphs: list[TapedGraph]
) -> None:
    net = small_cnn(channels=2)
    loss = net(garments[0]).sum()
    loss.backward()
    with pytest.warns(
        UserWarning, match=r"older autograd graph .* still alive .*'del loss, scores'.*Out\[...\]"
    ) as caught:
        fit_full_batch(net, *garments, epochs=5, optimizer=_sgd(net.parameters()), device="cpu")
    assert {warning.filename for warning in caught} == {__file__}
    assert not graphs
    del loss
    fit_full_batch(net, *garments, epochs=5, optimizer=_sgd(net.parameters()), device="cpu")
    assert [graph.replays for graph in graphs] == [5 - WARM_UP]


def test_an_older_graph_in_a_cycle_is_collected_first(graphs: list[TapedGraph]) -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    holder: dict[str, Any] = {"loss": weight.sum()}
    holder["self"] = holder
    gc.disable()
    try:
        del holder
        assert cuda_graphs._older_graph_is_alive([weight])
        assert try_capture(lambda: None, [weight], CPU) is not None
    finally:
        gc.enable()


# Streams, with a stand-in for torch.cuda that notes what it is asked for.


class _Stream:
    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes

    def wait_stream(self, other: "_Stream") -> None:
        self.notes.append(f"{self.name} waits for {other.name}")


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    noted: list[str] = []
    current = {"device": 0}

    @contextlib.contextmanager
    def device(named: torch.device) -> Iterator[None]:
        before = current["device"]
        current["device"] = before if named.index is None else named.index
        yield
        current["device"] = before

    @contextlib.contextmanager
    def within(stream: _Stream) -> Iterator[None]:
        noted.append(f"on {stream.name}")
        yield

    @contextlib.contextmanager
    def graph(_: object, *, stream: _Stream) -> Iterator[None]:
        noted.append(f"captured on {stream.name} of card {current['device']}")
        yield

    fake = types.SimpleNamespace(
        Stream=lambda index: _Stream(f"stream {index}", noted),
        CUDAGraph=lambda: types.SimpleNamespace(replay=lambda: None),
        current_device=lambda: current["device"],
        current_stream=lambda: _Stream("default", noted),
        device=device,
        graph=graph,
        stream=within,
        synchronize=lambda device: None,
    )
    for name, value in vars(fake).items():
        monkeypatch.setattr(torch.cuda, name, value)
    cuda_graphs._stream_of.cache_clear()
    yield noted
    cuda_graphs._stream_of.cache_clear()


def test_each_card_has_one_stream_for_warm_up_and_capture(notes: list[str]) -> None:
    for name in ("cuda:0", "cuda:1", "cuda", "cuda:1"):
        device = torch.device(name)
        with side_stream(device):
            assert try_capture(lambda: None, [], device) is not None
    assert [line for line in notes if "on stream" in line] == [
        "on stream 0", "captured on stream 0 of card 0",
        "on stream 1", "captured on stream 1 of card 1",
        "on stream 0", "captured on stream 0 of card 0",
        "on stream 1", "captured on stream 1 of card 1",
    ]  # fmt: skip
    assert cuda_graphs._stream_of.cache_info().misses == 2


def test_the_outer_stream_waits_also_after_an_error(notes: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt), side_stream(torch.device("cuda:1")):
        raise KeyboardInterrupt
    assert notes == [
        "stream 1 waits for default",
        "on stream 1",
        "default waits for stream 1",
    ]
