"""Another default device of torch: tensors made without naming a device must not follow it.

``torch.device("meta")`` holds no numbers, so a tensor that is there by mistake causes a failure.
Every public function is called under it in test_refusals.py.
"""

import copy
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import cnnbook
from cnnbook.counting import cost_table
from cnnbook.engine.ensemble import fit_ensemble
from cnnbook.exercises import check, exercises
from cnnbook.exercises._grading import Exercise
from cnnbook.images import ImageSet, draw_garments
from cnnbook.lenet import lenet5
from cnnbook.networks import mlp, small_cnn
from cnnbook.seeds import train_over_seeds
from cnnbook.training import History, fit_full_batch

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.rand(20, 1, 4, 4, generator=GENERATOR)
LABELS = torch.randint(3, (20,), generator=GENERATOR)
META = torch.device("meta")


def _net() -> torch.nn.Sequential:
    torch.manual_seed(1)
    return small_cnn(channels=2, image_shape=(1, 4, 4), classes=3)


def _train(**options: Any) -> History:
    return fit_full_batch(_net(), IMAGES, LABELS, epochs=5, device="cpu", **options)


def _train_under_meta(**options: Any) -> History:
    net = _net()
    with META:
        return fit_full_batch(net, IMAGES, LABELS, epochs=5, device="cpu", **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"micro_batch_size": 3},
        {"validation": (IMAGES, LABELS)},
        {"deterministic": True},
        {"precision": "bf16"},
        {"loss_fn": torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]))},
    ],
    ids=["plain", "micro-batches", "validation", "deterministic", "bf16", "class weights"],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_training_on_the_cpu_gives_the_same_losses(options: dict[str, Any], threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        expected, history = _train(**options), _train_under_meta(**options)
    finally:
        torch.set_num_threads(before)
    assert history.losses == expected.losses
    assert history.accuracies == expected.accuracies


def test_a_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    net = _net()
    with META:
        fit_full_batch(net, IMAGES, LABELS, epochs=2, device="cpu", checkpoint=path)
    assert _train_under_meta(checkpoint=path).losses == _train().losses


@pytest.mark.parametrize(
    "make_optimizer",
    [
        torch.optim.NAdam,
        torch.optim.RAdam,
        torch.optim.Adamax,
        torch.optim.Adagrad,
        torch.optim.ASGD,
    ],
)
def test_optimizers_may_count_in_tensors(
    make_optimizer: Callable[[Any], torch.optim.Optimizer],
) -> None:
    """They make them in their first step, most of them without naming a device."""
    losses = []
    for device in ("cpu", "meta"):
        net = _net()
        optimizer = make_optimizer(net.parameters())
        with torch.device(device):
            history = fit_full_batch(
                net, IMAGES, LABELS, epochs=5, device="cpu", optimizer=optimizer
            )
        losses.append(history.losses)
    assert losses[0] == losses[1]


def test_an_ensemble_gives_the_same_losses() -> None:
    nets = [_net(), small_cnn(channels=2, image_shape=(1, 4, 4), classes=3)]
    twins = copy.deepcopy(nets)
    expected = fit_ensemble(nets, IMAGES, LABELS, epochs=5, device="cpu", micro_batch_size=3)
    with META:
        histories = fit_ensemble(twins, IMAGES, LABELS, epochs=5, device="cpu", micro_batch_size=3)
    assert [history.losses for history in histories] == [history.losses for history in expected]


@pytest.mark.parametrize("ensemble", [False, True])
def test_a_seed_gives_the_same_start(ensemble: bool, tmp_path: Path) -> None:
    data = ImageSet(IMAGES, LABELS, IMAGES, LABELS, ("a", "b", "c"), "by hand", drawn=True)

    def train() -> Any:
        return train_over_seeds(
            lambda: mlp(hidden=2, image_shape=(1, 4, 4), classes=3),
            data,
            [0, 1],
            folder=tmp_path,
            epochs=3,
            device="cpu",
            make_optimizer=torch.optim.Adagrad,
            ensemble=ensemble,
        )

    with META:
        results = train()
    for file in tmp_path.iterdir():
        file.unlink()
    expected = train()
    assert [one.losses for one in results.histories] == [one.losses for one in expected.histories]
    assert results.accuracies == expected.accuracies


def test_garments_are_the_same() -> None:
    expected = draw_garments(30, generator=torch.Generator().manual_seed(3))
    with META:
        drawn = draw_garments(30, generator=torch.Generator().manual_seed(3))
    assert all(torch.equal(*pair) for pair in zip(drawn, expected, strict=True))


@pytest.mark.parametrize(
    "make", [mlp, small_cnn, lenet5, lambda: lenet5("1998")], ids=["mlp", "cnn", "lenet", "1998"]
)
def test_networks_follow_it_as_a_whole(make: Callable[[], torch.nn.Module]) -> None:
    with META:
        net = make()
        tensors = [*net.parameters(), *net.buffers()]
        assert {tensor.device.type for tensor in tensors} == {"meta"}
        assert net(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
        table = cost_table(net, (1, 28, 28))
    assert str(table) == str(cost_table(make(), (1, 28, 28)))


def test_a_check_gives_the_same_feedback() -> None:
    with META:
        feedback = check("6.1", 23)
    assert feedback == check("6.1", 23)
    assert feedback.mistake == "the kernel is flipped"


@pytest.mark.parametrize("one", exercises(), ids=lambda one: one.number)
def test_each_exercise_is_graded_as_before(one: Exercise) -> None:
    answers = [one.right(), *(mistake.answer() for mistake in one.mistakes)]
    expected = [one.grade(answer) for answer in answers]
    with META:
        assert [one.grade(answer) for answer in answers] == expected


def test_a_readers_function_may_make_tensors() -> None:
    def epoch_loss(losses: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(())
        for loss, size in zip(losses, sizes, strict=True):
            total = total + loss * size
        return total / sizes.sum()

    with META:
        feedback = check("21.3", epoch_loss)
    assert feedback, feedback


def _tensors(value: object) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        yield from (tensor for part in value.values() for tensor in _tensors(part))
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from (tensor for part in value for tensor in _tensors(part))


def test_no_module_keeps_a_tensor() -> None:
    """It would be made on the device that was torch's default at the import."""
    for module in pkgutil.walk_packages(cnnbook.__path__, "cnnbook."):
        if not module.name.endswith("__main__"):
            names = vars(importlib.import_module(module.name))
            own = {name: value for name, value in names.items() if not name.startswith("__")}
            assert not list(_tensors(own)), module.name
