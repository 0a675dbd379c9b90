"""Several cores, each with its own micro-batches: the same sums, and torch's settings kept."""

import threading
from typing import Any

import pytest
import torch
import victims

from cnnbook.engine.allowlist import is_stateless
from cnnbook.engine.threads import thread_pool
from cnnbook.networks import mlp, small_cnn
from cnnbook.training import fit_full_batch


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_any_number_of_cores_gives_the_same_losses(name: str, threads: int) -> None:
    net, images, labels = victims.make(name, dropout=False)
    alone = fit_full_batch(net, images, labels, epochs=20, device="cpu")
    assert alone.micro_batch_size == 16, "a single micro-batch, on one core"
    runs = []
    for _ in range(2):
        net, images, labels = victims.make(name, dropout=False)
        history = fit_full_batch(net, images, labels, epochs=20, micro_batch_size=3, device="cpu")
        runs.append((history, [parameter.detach() for parameter in net.parameters()]))
    assert runs[0][0].losses == pytest.approx(alone.losses, rel=1e-5)
    assert runs[0][0].losses == runs[1][0].losses, "bit for bit, whichever core is first"
    assert all(torch.equal(x, y) for x, y in zip(runs[0][1], runs[1][1], strict=True))
    assert torch.get_num_threads() == threads
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


def test_frozen_and_unused_parameters_stay_as_they_are(threads: int) -> None:
    net, images, labels = victims.make("cnn", dropout=False)
    for parameter in net[0].parameters():
        parameter.requires_grad_(False)
    before = [parameter.clone() for parameter in net[0].parameters()]
    history = fit_full_batch(net, images, labels, epochs=5, micro_batch_size=3, device="cpu")
    assert history.losses[-1] < history.losses[0]
    assert all(torch.equal(x, y) for x, y in zip(before, net[0].parameters(), strict=True))


def test_a_failure_in_one_core_is_raised_after_all_have_ended() -> None:
    ended: list[int] = []
    before = torch.get_num_threads()

    def work(number: int) -> int:
        if number == 1:
            raise RuntimeError("core 1")
        ended.append(number)
        return number

    def run() -> None:
        with thread_pool(4) as run_in_threads:
            run_in_threads(work)

    with pytest.raises(RuntimeError, match="core 1"):
        run()
    assert sorted(ended) == [0, 2, 3]
    assert torch.get_num_threads() == before


def test_layers_that_draw_or_count_or_are_unknown_are_left_to_one_core() -> None:
    class Own(torch.nn.ReLU):
        pass

    assert is_stateless(mlp())
    assert is_stateless(torch.nn.Sequential(small_cnn(), torch.nn.GELU()))
    for layer in (torch.nn.Dropout(), torch.nn.BatchNorm2d(1), torch.nn.RReLU(), Own()):
        assert not is_stateless(torch.nn.Sequential(layer))
    net = mlp()
    net[0].register_forward_hook(lambda *_: None)
    assert not is_stateless(net)
