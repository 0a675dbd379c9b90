"""The trainer's contract for several networks at once: what one may not do, the stack may not."""

import copy
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
import torch
from loss_cases import CLASSES, COLUMNS, NUMBER, SQUARE, LossCase
from plain_loop import (
    IMAGES,
    LABELS,
    check_refused,
    fit,
    linear,
    patch_forward,
    plain_loop,
    sgd,
    state_of,
)

from cnnbook.engine.ensemble import fit_ensemble
from cnnbook.training import History

nn = torch.nn


def _fit_together(
    nets: Sequence[nn.Module], images: torch.Tensor, labels: torch.Tensor, **options: Any
) -> tuple[History, ...]:
    arguments: dict[str, Any] = {"epochs": 2, "device": "cpu", "make_optimizer": sgd} | options
    return fit_ensemble(nets, images, labels, **arguments)


def _fit_two(net: nn.Module, images: torch.Tensor, labels: torch.Tensor, **options: Any) -> Any:
    return _fit_together([net, copy.deepcopy(net)], images, labels, **options)


def _starts(make_net: Callable[[], nn.Module], count: int = 3) -> list[nn.Module]:
    torch.manual_seed(0)
    return [make_net().double() for _ in range(count)]


# What each network learns


@pytest.mark.parametrize("micro_batch_size", [5, 12])
@pytest.mark.parametrize(
    "case",
    [
        LossCase("CrossEntropyLoss", COLUMNS, "mean", {"label_smoothing": 0.1}),
        LossCase("CrossEntropyLoss", SQUARE, "mean", {"ignore_index": 1}),
        LossCase("CrossEntropyLoss/probabilities", SQUARE, "mean", {}),
        LossCase("MSELoss", SQUARE, "mean", {}),
        LossCase("HuberLoss", COLUMNS, "sum", {}),
        LossCase("KLDivLoss", SQUARE, "batchmean", {}),
        LossCase("PoissonNLLLoss", COLUMNS, "mean", {}),
    ],
    ids=str,
)
# torch computes it network by network, and says so.
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_each_network_has_the_plain_loops_result(case: LossCase, micro_batch_size: int) -> None:
    nets, labels = _starts(case.make_net), case.labels(12)
    twins = copy.deepcopy(nets)
    histories = _fit_together(
        nets, IMAGES.double(), labels, loss_fn=case.make_loss().double(), epochs=3,
        micro_batch_size=micro_batch_size,
    )  # fmt: skip
    assert [history.micro_batch_size for history in histories] == [micro_batch_size] * 3
    for net, twin, history in zip(nets, twins, histories, strict=True):
        losses = plain_loop(
            twin, IMAGES.double(), labels, epochs=3, loss_fn=case.make_loss().double(),
            optimizer=sgd(twin.parameters()),
        )  # fmt: skip
        assert list(history.losses) == pytest.approx(losses, rel=1e-9)
        for ours, theirs in zip(net.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


def test_gradients_of_narrow_networks_are_summed_in_float32() -> None:
    """As in one network: 500 images of which the first has nearly all of the gradient."""
    nets = [nn.Sequential(nn.Flatten(), nn.Linear(1, 2, bias=False)).bfloat16() for _ in range(2)]
    for net in nets:
        nn.init.zeros_(net.get_parameter("1.weight"))
    images = torch.ones(500, 1, 1, 1, dtype=torch.bfloat16)
    images[0] = 4_000
    _fit_together(
        nets, images, torch.zeros(500, dtype=torch.int64), epochs=1, micro_batch_size=1,
        make_optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1.0),
    )  # fmt: skip
    step = (4_000 + 499) / 2 / 500
    for net in nets:
        steps = net.get_parameter("1.weight").flatten().tolist()
        assert steps == pytest.approx([step, -step], rel=0.01)


# What is refused for one network is refused for several


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("name", ["MSELoss", "SoftMarginLoss", "BCEWithLogitsLoss"])
def test_shapes_that_broadcast_are_refused(name: str) -> None:
    check_refused(
        linear(1), IMAGES, torch.rand(12), r"^(?=.*\(12, 1\))labels: expected .*got .*\(12,\)",
        trainer=_fit_two, loss_fn=getattr(nn, name)(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("make_net", "labels"),
    [
        (LossCase("MSELoss", NUMBER, "mean", {}).make_net, torch.rand(12)),
        (lambda: linear(1), torch.zeros(12, dtype=torch.int64)),
        (lambda: linear(1), torch.rand(12, 1)),
    ],
    ids=["a number", "one score", "one score, floats"],
)
def test_cross_entropy_without_classes_is_refused(
    make_net: Callable[[], nn.Module], labels: torch.Tensor
) -> None:
    check_refused(make_net(), IMAGES, labels, "^(nets?|labels|loss_fn): expected", trainer=_fit_two)


def test_scores_that_do_not_fit_are_refused() -> None:
    net = nn.Sequential(nn.Conv2d(1, CLASSES, 1), nn.AdaptiveAvgPool2d(1))
    check_refused(net, IMAGES, LABELS, "^(nets?|labels): expected .*got", trainer=_fit_two)


@pytest.mark.parametrize("wrong", ["yes", 1, None])
def test_deterministic_is_checked(wrong: Any) -> None:
    match = "^deterministic: expected True or False, got"
    for trainer in (fit, _fit_two):
        check_refused(
            linear(3), IMAGES, LABELS, match, trainer=trainer, deterministic=wrong
        )  # fmt: skip


# Networks that are not what their layers say. Only the second is: the first is not an example.


def _patched(net: nn.Module) -> None:
    patch_forward(net, types.MethodType(lambda self, images: self[1](self[0](images)) * 2, net))


def _hooked(net: nn.Module) -> None:
    net.register_forward_hook(lambda module, batch, scores: scores * 2)


def _hooked_parameter(net: nn.Module) -> None:
    net.get_parameter("1.weight").register_hook(  # type: ignore[no-untyped-call]
        lambda gradient: gradient * 2
    )


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    "alter", [_patched, _hooked, _hooked_parameter], ids=lambda alter: alter.__name__
)
def test_an_altered_network_is_refused(alter: Callable[[nn.Module], None], number: int) -> None:
    nets: list[nn.Module] = [linear(3), linear(3)]
    alter(nets[number])
    before = [state_of(net) for net in nets]
    with pytest.raises(ValueError, match=r"^nets: expected"):
        _fit_together(nets, IMAGES, LABELS)
    for net, state in zip(nets, before, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in state_of(net).items())


# Optimizers


def _with_hook(register: str) -> Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]:
    def make(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        kept = list(parameters)

        def clip(*_: Any) -> None:
            # One norm over all networks.
            nn.utils.clip_grad_norm_(kept, 1.0)

        optimizer = sgd(kept)
        getattr(optimizer, register)(clip)
        return optimizer

    return make


@pytest.mark.parametrize("register", ["register_step_pre_hook", "register_step_post_hook"])
def test_a_hook_over_all_networks_is_refused(register: str) -> None:
    check_refused(
        linear(3), IMAGES, LABELS, "^make_optimizer: expected .*hook", trainer=_fit_two,
        make_optimizer=_with_hook(register),
    )  # fmt: skip


def test_a_parameter_that_all_networks_share_is_refused() -> None:
    """A parameter of the loss would get the sum of the networks' gradients."""
    t = nn.Parameter(torch.zeros(()))
    check_refused(
        linear(3), IMAGES, LABELS, "^make_optimizer: expected", trainer=_fit_two,
        loss_fn=lambda scores, of: nn.functional.cross_entropy(scores, of) + (t - 3) ** 2,
        make_optimizer=lambda parameters: sgd([*parameters, t]),
    )  # fmt: skip
    assert t.item() == 0


def test_an_optimizer_of_other_weights_is_refused() -> None:
    others = [*linear(3).parameters()]
    check_refused(
        linear(3), IMAGES, LABELS, "^make_optimizer: expected", trainer=_fit_two,
        make_optimizer=lambda parameters: sgd(others),
    )  # fmt: skip


# The budget


@pytest.mark.parametrize("count", [1, 2])
def test_the_budget_counts_the_weights_as_for_one_network(count: int) -> None:
    """Twice the weights are more than 4 MiB; weights and outputs both grow with the networks."""

    def make_net() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(256, 2_400), nn.ReLU(), nn.Linear(2_400, 2))

    images, labels = torch.zeros(300, 1, 16, 16), torch.zeros(300, dtype=torch.int64)
    single = fit(make_net(), images, labels, epochs=1).micro_batch_size
    weights = 4 * sum(parameter.numel() for parameter in make_net().parameters())
    # The image, flattened, hidden, rectified, scores.
    assert single == 2 * weights // (4 * (256 + 256 + 2_400 + 2_400 + 2)) < 300
    histories = _fit_together([make_net() for _ in range(count)], images, labels, epochs=1)
    assert {history.micro_batch_size for history in histories} == {single}
