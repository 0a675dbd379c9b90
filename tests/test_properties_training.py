"""The trainer on drawn cases: the result of the lecture's plain loop, however it is computed."""

from typing import Any

import pytest
import torch
from drawn_cases import cases
from drawn_trainings import (
    OPTIMIZERS,
    OTHER_OPTIMIZERS,
    DrawnNet,
    DrawnOptimizer,
    nets,
    on_cores,
    optimizers,
)
from hypothesis import given
from hypothesis import strategies as st
from loss_cases import LOSS_CASES, NUMBER, LossCase
from plain_loop import compare, fit, seed_everything

from cnnbook.engine.options import ACTIVATION_BUDGET
from cnnbook.training import fit_full_batch

# torch recommends "batchmean"; the other mean is torch's default and has to be right, too.
pytestmark = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss by both")

DTYPES = st.sampled_from([torch.float64, torch.float64, torch.float32])
SIZES = st.one_of(st.just("auto"), st.integers(1, 13))


def _images(count: int, channels: int, size: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, channels, size, size, generator=generator, dtype=torch.float64)


def _compare(*arguments: Any, cores: int, **options: Any) -> Any:
    # "auto" would take these small batches whole in any case.
    with pytest.MonkeyPatch.context() as patch, on_cores(cores):
        patch.setitem(ACTIVATION_BUDGET, "cpu", 1)
        return compare(*arguments, **options)


@cases(fit_full_batch, few=100)
@given(
    st.sampled_from(LOSS_CASES),
    st.integers(2, 12),
    SIZES,
    DTYPES,
    st.integers(1, 2),
    st.integers(0, 10**6),
)
def test_every_loss_adds_up(
    case: LossCase, count: int, size: Any, dtype: torch.dtype, cores: int, seed: int
) -> None:
    # A network that gives one number an image has no axis of images left to split by.
    size = "auto" if case.shape == NUMBER else size
    history = _compare(
        case.make_net, _images(count, 1, 2, seed), case.labels(count, seed), epochs=2, seed=seed,
        make_loss=case.make_loss, micro_batch_size=size, dtype=dtype, cores=cores,
    )  # fmt: skip
    assert size == "auto" or history.micro_batch_size == min(size, count)


def test_every_optimizer_of_torch_is_drawn_or_named() -> None:
    made = {
        name
        for name, value in vars(torch.optim).items()
        if isinstance(value, type) and issubclass(value, torch.optim.Optimizer)
    }
    assert made == OTHER_OPTIMIZERS & made | set(OPTIMIZERS)
    assert len(OPTIMIZERS) >= 10


def _two_layers() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 2), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(2, 3)
    )


@cases(fit_full_batch, few=100)
@given(optimizers(), st.integers(2, 12), SIZES, st.integers(1, 2), st.integers(0, 10**6))
def test_every_optimizer_takes_the_plain_loops_steps(
    make_optimizer: DrawnOptimizer, count: int, size: Any, cores: int, seed: int
) -> None:
    labels = torch.arange(count) % 3
    _compare(
        _two_layers, _images(count, 1, 2, seed), labels, make_optimizer=make_optimizer, epochs=4,
        micro_batch_size=size, seed=seed, cores=cores,
    )  # fmt: skip


@cases(fit_full_batch, few=100)
@given(nets(), st.integers(2, 9), SIZES, DTYPES, st.integers(1, 2), st.integers(0, 10**6))
def test_every_network_of_known_layers_learns_the_same(
    make_net: DrawnNet, count: int, size: Any, dtype: torch.dtype, cores: int, seed: int
) -> None:
    images, labels = _images(count, 2, 5, seed), torch.arange(count) % 3
    splits = size != "auto" and size < count
    if make_net.mixes and splits:
        seed_everything(seed)
        with pytest.raises(ValueError, match=r"^micro_batch_size: expected .*since"):
            fit(make_net().double(), images, labels, micro_batch_size=size)
        size, splits = "auto", False
    history = _compare(
        make_net, images, labels, epochs=2, micro_batch_size=size, dtype=dtype, seed=seed,
        cores=cores,
    )  # fmt: skip
    if splits:
        assert history.micro_batch_size == size
    if make_net.mixes:
        assert history.micro_batch_size == count
