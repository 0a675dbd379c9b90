"""The stand-in for a CUDA graph: it runs nothing when captured and no Python when replayed."""

import inspect

import pytest
import torch
from taped_graph import TapedGraph, Taping, treat_cpu_as_gpu

from cnnbook.engine.cuda_graphs import try_capture

CPU = torch.device("cpu")


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[TapedGraph]:
    return treat_cpu_as_gpu(monkeypatch)


def test_a_tape_runs_nothing_when_captured_and_no_python_when_replayed(
    graphs: list[TapedGraph],
) -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    total, drawn = torch.zeros(2), torch.zeros(2)
    runs = []

    def update() -> None:
        runs.append(1)
        torch.autograd.backward((weight * 3).sum())
        assert weight.grad is not None
        with torch.no_grad():
            weight.sub_(weight.grad)
        total.add_(weight.detach()).mul_(2)
        drawn.copy_(torch.rand(2))

    state = torch.get_rng_state()
    replay = try_capture(update, [weight], CPU)
    assert replay is not None
    assert (weight.tolist(), total.tolist(), drawn.tolist()) == ([1, 1], [0, 0], [0, 0])
    assert torch.equal(torch.get_rng_state(), state)
    replay()
    assert (weight.tolist(), total.tolist()) == ([-2, -2], [-4, -4])
    first = drawn.tolist()
    replay()
    assert (weight.tolist(), total.tolist()) == ([-5, -5], [-18, -18])
    assert drawn.tolist() != first
    torch.set_rng_state(state)
    assert [torch.rand(2).tolist() for _ in range(2)] == [first, drawn.tolist()]
    assert runs == [1]


def test_a_tape_is_put_back_after_a_failure(graphs: list[TapedGraph]) -> None:
    total = torch.zeros(())

    def update() -> None:
        total.add_(1)
        total.item()

    with pytest.warns(UserWarning, match="operation not permitted when stream is capturing"):
        assert try_capture(update, [], CPU) is None
    assert total.item() == 0


def test_taping_takes_the_arguments_of_torchs_own() -> None:
    ours, theirs = (inspect.signature(kind).parameters for kind in (Taping, torch.cuda.graph))
    assert next(iter(theirs)) == "cuda_graph"
    assert {name for name in ours if name != "graph"} <= set(theirs)
