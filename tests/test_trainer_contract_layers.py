"""The trainer's contract for torch's own layers: split where they treat images alike, in any mode.

"auto" would take these small batches whole in any case, so ``small_budget`` makes it split what it
may.
"""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from plain_loop import IMAGES, LABELS, check_whole, compare, fit, linear, state_of

from cnnbook.engine.options import ACTIVATION_BUDGET
from cnnbook.metrics import predict_scores

F = torch.nn.functional
nn = torch.nn


@pytest.fixture(autouse=True)
def small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACTIVATION_BUDGET, "cpu", 1)


# torch's own layers that mix the images or draw random numbers

MIXING: dict[str, Callable[[], nn.Module]] = {
    "BatchNorm2d": lambda: nn.Sequential(nn.BatchNorm2d(1), *linear(3)),
    "BatchNorm1d": lambda: nn.Sequential(*linear(3), nn.BatchNorm1d(3)),
    "BatchNorm2d, average": lambda: nn.Sequential(nn.BatchNorm2d(1, momentum=None), *linear(3)),
    "BatchNorm2d, evaluated without statistics": lambda: nn.Sequential(
        nn.BatchNorm2d(1, track_running_stats=False).eval(), *linear(3)
    ),
    "InstanceNorm2d with statistics": lambda: nn.Sequential(
        nn.InstanceNorm2d(1, track_running_stats=True), *linear(3)
    ),
    "Dropout": lambda: nn.Sequential(*linear(8), nn.Dropout(0.5), nn.Linear(8, 3)),
    "Dropout in a part": lambda: nn.Sequential(nn.Sequential(nn.Dropout(0.25)), *linear(3)),
    "Dropout2d": lambda: nn.Sequential(nn.Conv2d(1, 4, 2), nn.Dropout2d(), nn.Flatten()),
    "AlphaDropout": lambda: nn.Sequential(*linear(3), nn.AlphaDropout(0.1)),
    "FeatureAlphaDropout": lambda: nn.Sequential(nn.Conv2d(1, 4, 2), nn.FeatureAlphaDropout(0.1),
                                                 nn.Flatten()),
    "RReLU": lambda: nn.Sequential(*linear(8), nn.RReLU(), nn.Linear(8, 3)),
    "Softmax over the images": lambda: nn.Sequential(*linear(3), nn.Softmax(dim=0)),
    "Softmin over the images": lambda: nn.Sequential(*linear(3), nn.Softmin(dim=-2)),
    "LogSoftmax over the images": lambda: nn.Sequential(*linear(3), nn.LogSoftmax(dim=-2)),
    # Two axes are a sequence, so that the images attend to each other.
    "attention": lambda: nn.Sequential(
        nn.Flatten(), nn.TransformerEncoderLayer(4, 1, 4, dropout=0.0), nn.Linear(4, 3)
    ),
    "attention with dropout": lambda: nn.Sequential(
        nn.Flatten(), nn.TransformerEncoderLayer(4, 1, 4), nn.Linear(4, 3)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXING)
def test_torchs_layers_that_mix_or_draw_get_the_whole_batch(name: str) -> None:
    check_whole(MIXING[name], "")


# Modes


def _frozen(net: nn.Sequential) -> nn.Sequential:
    """Freeze the first layers as in transfer learning: no gradient, evaluation mode."""
    net[0].eval().requires_grad_(False)
    return net


def _body() -> nn.Sequential:
    body = nn.Sequential(
        nn.Conv2d(1, 4, 2, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5)
    )
    # Statistics that differ from those of the batch.
    body.get_buffer("1.running_mean").fill_(0.25)
    body.get_buffer("1.running_var").fill_(4.0)
    return body


MODES: dict[str, Callable[[], nn.Module]] = {
    "a frozen part": lambda: _frozen(nn.Sequential(_body(), nn.Flatten(), nn.Linear(36, 3))),
    "the whole network": lambda: nn.Sequential(_body(), nn.Flatten(), nn.Linear(36, 3)).eval(),
    "all but the container": lambda: nn.Sequential(_body().eval(), nn.Flatten(), nn.Linear(36, 3)),
}


@pytest.mark.parametrize("options", [{}, {"validation": (IMAGES, LABELS), "validate_every": 1}],
                         ids=["", "with validation"])  # fmt: skip
@pytest.mark.parametrize("name", MODES)
def test_what_was_handed_in_in_evaluation_mode_stays_so(name: str, options: Any) -> None:
    make_net = MODES[name]
    compare(make_net, dtype=torch.float32, epochs=3, **options)
    net = make_net()
    before = {key: value for key, value in state_of(net).items() if "0.1.running" in key}
    modes = [module.training for module in net.modules()]
    fit(net, IMAGES, LABELS, epochs=3, **options)
    assert len(before) == 2
    assert all(torch.equal(state_of(net)[key], value) for key, value in before.items())
    assert [module.training for module in net.modules()] == modes


@pytest.mark.parametrize("name", MODES)
def test_what_is_in_evaluation_mode_may_be_split(name: str) -> None:
    assert compare(MODES[name], micro_batch_size=5).micro_batch_size == 5


@pytest.mark.parametrize("training", [True, False])
def test_a_layer_sees_the_modes_that_were_handed_in(training: bool) -> None:
    seen: list[bool] = []

    class Sees(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            if torch.is_grad_enabled():
                seen.append(self.training)
            return images

    net = nn.Sequential(Sees().train(training), *linear(3).train(not training))
    fit(net, IMAGES, LABELS, epochs=3)
    assert seen
    assert set(seen) == {training}


def test_a_part_in_training_mode_within_one_in_evaluation_mode_is_trained() -> None:
    def make_net() -> nn.Module:
        net = nn.Sequential(_body(), nn.Flatten(), nn.Linear(36, 3)).eval()
        net.get_submodule("0.3").train()
        return net

    # Its layers are known, so convolutions work in the channels-last format and round differently.
    check_whole(make_net, "Dropout", exact=False)


@pytest.mark.parametrize("size", [3, 12, "auto"])
@pytest.mark.parametrize("first", [nn.ReLU, partial(nn.LeakyReLU, 0.5)], ids=["ReLU", "LeakyReLU"])
def test_a_first_layer_that_works_in_place_gets_the_images_as_they_are(
    first: Callable[..., nn.Module], size: Any
) -> None:
    """In every update, on every core: micro-batches are views of one tensor."""
    images = IMAGES - 0.5
    before, validation = images.clone(), (images.clone(), LABELS)
    rest, results = linear(3), []
    for inplace in (False, True):
        net = nn.Sequential(first(inplace=inplace), *copy.deepcopy(rest))
        options = {"epochs": 20, "micro_batch_size": size, "validation": validation}
        history = fit(net, images, LABELS, **options)
        scores = predict_scores(net, images, device="cpu").tolist()
        results.append((history.losses, history.accuracies, scores))
    assert results[0] == results[1]
    assert torch.equal(images, before)
    assert torch.equal(validation[0], before)


def test_a_window_that_sees_only_padding_gives_minus_infinity() -> None:
    """ReLU would turn it into 0 if pooling ran first, and a finite loss would hide it."""
    net = nn.Sequential(
        nn.ReLU(), nn.MaxPool2d(2, stride=3, padding=1, dilation=3), nn.Flatten(), nn.Linear(1, 3)
    )
    assert net[:2](IMAGES).isinf().all()
    with pytest.raises(RuntimeError, match=r"^epoch 1: expected a finite loss"):
        fit(net, IMAGES, LABELS)


SINGLE_IMAGES: dict[str, Callable[[], nn.Module]] = {
    "InstanceNorm2d": lambda: nn.InstanceNorm2d(2),
    "InstanceNorm2d with weights": lambda: nn.InstanceNorm2d(2, affine=True),
    "InstanceNorm2d, evaluated": lambda: nn.InstanceNorm2d(2, track_running_stats=True).eval(),
    "BatchNorm2d, evaluated": lambda: nn.BatchNorm2d(2).eval(),
    "GroupNorm": lambda: nn.GroupNorm(1, 2),
    "LayerNorm": lambda: nn.LayerNorm([2, 5, 5]),
    "LocalResponseNorm": lambda: nn.LocalResponseNorm(2),
    "PReLU": lambda: nn.PReLU(2),
    "Conv2d by channel": lambda: nn.Conv2d(2, 2, 3, padding=1, groups=2),
    "MaxPool2d": lambda: nn.MaxPool2d(3, 1, 1),
    "AvgPool2d": lambda: nn.AvgPool2d(3, 1, 1),
    "Softmax": lambda: nn.Softmax(dim=1),
}


@pytest.mark.parametrize("name", SINGLE_IMAGES)
def test_one_image_at_a_time_gives_the_same_gradient_in_float32(name: str) -> None:
    # In float32 the images are channels-last, and of one image that is also another format.
    images = torch.randn(3, 2, 5, 5, generator=torch.Generator().manual_seed(1))
    history = compare(
        lambda: nn.Sequential(
            nn.Conv2d(2, 2, 1), SINGLE_IMAGES[name](), nn.Flatten(), nn.Linear(50, 3)
        ),
        images, torch.arange(3), dtype=torch.float32, micro_batch_size=1,
    )  # fmt: skip
    assert history.micro_batch_size == 1
