"""Micro-batches add up to the batch, or the batch is not split."""

import copy
from typing import Any

import pytest
import torch

from cnnbook.engine.losses import loss_denominator
from cnnbook.engine.micro_batches import split_into_micro_batches, unsplittable_reason
from cnnbook.training import fit_full_batch

N, CLASSES = 13, 3
WEIGHT = torch.tensor([1.0, 5.0, 0.25], dtype=torch.float64)
ZERO_FOR_CLASS_0 = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)

CLASS_LOSSES = {
    f"{kind.__name__} {reduction} {name} ignoring {ignored} smoothing {smoothing}": kind(
        weight=weight,
        ignore_index=ignored,
        reduction=reduction,
        **({"label_smoothing": smoothing} if smoothing else {}),
    )
    for kind in (torch.nn.CrossEntropyLoss, torch.nn.NLLLoss)
    for reduction in ("mean", "sum")
    for name, weight in (("plain", None), ("weighted", WEIGHT), ("weight zero", ZERO_FOR_CLASS_0))
    for ignored in (-100, 1)
    for smoothing in ((0.0, 0.1) if kind is torch.nn.CrossEntropyLoss else (0.0,))
}
FLOAT_LOSSES: dict[str, Any] = {
    f"{kind.__name__} {reduction}": kind(reduction=reduction)
    for kind in (
        torch.nn.CrossEntropyLoss,
        torch.nn.MSELoss,
        torch.nn.L1Loss,
        torch.nn.SmoothL1Loss,
        torch.nn.HuberLoss,
        torch.nn.BCEWithLogitsLoss,
        torch.nn.MultiLabelSoftMarginLoss,
    )
    for reduction in ("mean", "sum")
} | {
    "cross entropy of probabilities, weighted and smoothed": torch.nn.CrossEntropyLoss(
        weight=WEIGHT, label_smoothing=0.1
    ),
    "binary with a weight for each class": torch.nn.BCEWithLogitsLoss(
        weight=WEIGHT, pos_weight=ZERO_FOR_CLASS_0
    ),
}


def _gradient(scores: torch.Tensor, loss: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(loss, scores)[0]


def _compare(loss_fn: Any, labels: torch.Tensor, size: int) -> None:
    scores = torch.randn(N, CLASSES, dtype=torch.float64, requires_grad=True)
    whole = loss_fn(scores, labels)
    micro_batches = split_into_micro_batches(scores, labels, loss_fn, size=size, scores=scores[:1])
    assert len(micro_batches.images) == -(-N // size)
    added = sum(
        (
            micro_batches.loss_fn(part, part_labels) * loss_weight
            for part, part_labels, loss_weight in zip(
                micro_batches.images, micro_batches.labels, micro_batches.loss_weights, strict=True
            )
        ),
        start=torch.zeros((), dtype=torch.float64),
    )
    torch.testing.assert_close(added, whole, rtol=1e-13, atol=0)
    torch.testing.assert_close(
        _gradient(scores, added), _gradient(scores, whole), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("size", [1, 4, 13, 100])
@pytest.mark.parametrize("name", CLASS_LOSSES)
def test_class_numbers(name: str, size: int) -> None:
    # A run of ones, so that some micro-batches have only ignored labels or labels of weight zero.
    labels = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0, 2, 1, 0, 2, 1])
    _compare(CLASS_LOSSES[name], labels, size)


@pytest.mark.parametrize("size", [1, 4, 13])
@pytest.mark.parametrize("name", FLOAT_LOSSES)
def test_float_targets(name: str, size: int) -> None:
    _compare(FLOAT_LOSSES[name], torch.rand(N, CLASSES, dtype=torch.float64), size)


def test_the_denominator_in_numbers() -> None:
    labels = torch.tensor([0, 1, 1, 2])
    weighted = torch.nn.CrossEntropyLoss(weight=WEIGHT, ignore_index=2, label_smoothing=0.5)
    scores = torch.zeros(1, 3)
    assert loss_denominator(weighted, labels, scores) == 1 + 5 + 5
    assert loss_denominator(torch.nn.MSELoss(), torch.zeros(4, 3), scores) == 12
    assert loss_denominator(torch.nn.MSELoss(reduction="sum"), torch.zeros(4, 3), scores) == 1


def test_labels_of_which_none_counts_are_refused() -> None:
    labels = torch.tensor([1, 1])
    for loss_fn in (
        torch.nn.CrossEntropyLoss(ignore_index=1),
        torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 0.0])),
    ):
        with pytest.raises(ValueError, match=r"^labels: expected at least one that counts"):
            fit_full_batch(
                torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2)),
                torch.zeros(2, 1, 2, 2),
                labels,
                loss_fn=loss_fn,
                device="cpu",
            )


class _Centred(torch.nn.Module):
    """Subtracts the batch's mean; no list of torch's layers can know it."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images - images.mean(dim=0, keepdim=True)


def _net_with(layer: torch.nn.Module) -> torch.nn.Sequential:
    return torch.nn.Sequential(layer, torch.nn.Flatten(), torch.nn.Linear(16, 3))


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (torch.nn.BatchNorm2d(1), r"layer '0' \(BatchNorm2d\) mixes the images"),
        (
            torch.nn.BatchNorm2d(1, track_running_stats=False),
            r"layer '0' \(BatchNorm2d\) mixes the images",
        ),
        (
            torch.nn.InstanceNorm2d(1, track_running_stats=True),
            "counts the batches that it has seen",
        ),
        (torch.nn.Dropout(0.5), r"layer '0' \(Dropout\) draws random numbers"),
        (torch.nn.Dropout2d(0.5), r"layer '0' \(Dropout2d\) draws random numbers"),
        (torch.nn.RReLU(), r"layer '0' \(RReLU\) draws random numbers"),
        (torch.nn.Softmax(dim=0), r"layer '0' \(Softmax\) may work on the axis of the images"),
        (_Centred(), r"layer '0' \(_Centred\) is not a layer of torch that is known"),
        (
            torch.nn.utils.parametrizations.spectral_norm(torch.nn.Conv2d(1, 4, 3)),
            r"layer '0' \(ParametrizedConv2d\) is not a layer of torch that is known",
        ),
    ],
)
def test_layers_that_mix_or_count_are_recognised(layer: torch.nn.Module, reason: str) -> None:
    net = _net_with(layer)
    before = copy.deepcopy(net.state_dict())
    random = torch.get_rng_state()
    images = torch.zeros(5, 1, 4, 4)
    why = unsplittable_reason(net, torch.nn.CrossEntropyLoss(), torch.zeros(1, 3))
    assert why is not None
    with pytest.raises(ValueError, match=reason):
        fit_full_batch(
            net, images, torch.zeros(5).long(), epochs=1, micro_batch_size=2, device="cpu"
        )
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    history = fit_full_batch(net, images, torch.zeros(5).long(), epochs=1, device="cpu")
    assert history.micro_batch_size == 5


@pytest.mark.parametrize(
    "layer",
    [
        torch.nn.GroupNorm(1, 2),
        torch.nn.LayerNorm([1, 4, 4]),
        torch.nn.InstanceNorm2d(1),
        torch.nn.LocalResponseNorm(2),
        torch.nn.Dropout(0.5).eval(),
        torch.nn.BatchNorm2d(1).eval(),
        torch.nn.Conv2d(1, 1, 3, padding=1),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_that_take_each_image_by_itself_are_split(layer: torch.nn.Module) -> None:
    for net in (_net_with(layer), copy.deepcopy(_net_with(layer)).bfloat16()):
        assert unsplittable_reason(net, torch.nn.CrossEntropyLoss(), torch.zeros(1, 3)) is None


def test_a_weight_for_each_image_is_recognised() -> None:
    net = _net_with(torch.nn.Identity())
    for name in ("weight", "pos_weight"):
        per_image: Any = {name: torch.rand(5, 3)}
        loss_fn = torch.nn.BCEWithLogitsLoss(**per_image)
        why = unsplittable_reason(net, loss_fn, torch.zeros(1, 3))
        assert why == f"the loss's {name} has a number for each image of the batch"
        per_class: Any = {name: torch.rand(3)}
        loss_fn = torch.nn.BCEWithLogitsLoss(**per_class)
        assert unsplittable_reason(net, loss_fn, torch.zeros(1, 3)) is None
