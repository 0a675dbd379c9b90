"""torch's losses of scores and labels: what scores and labels each takes, and at which shapes."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

CLASSES = 3
# What follows the number of images: numbers, columns, columns over pixels in a row or in a square.
NUMBER: tuple[int, ...] = ()
COLUMN, COLUMNS, ROW, SQUARE = (1,), (CLASSES,), (CLASSES, 4), (CLASSES, 2, 2)
EVERY_SHAPE = (NUMBER, COLUMN, COLUMNS, ROW, SQUARE)

_WEIGHT = torch.tensor([1.0, 5.0, 0.25], dtype=torch.float64)
_ZERO_FOR_CLASS_0 = torch.tensor([0.0, 2.0, 1.0], dtype=torch.float64)


@dataclass(frozen=True)
class LossKind:
    """One of torch's losses.

    Attributes:
        labels: What the labels are: "classes", "floats", "probabilities", "signs", "counts" or
            "sets of classes".
        head: The layer that makes scores which the loss takes.
        shapes: The shapes of the scores of one image.
        options: Options to try, besides the reduction.
        reductions: The reductions that give one number.
    """

    labels: str
    head: Callable[[], torch.nn.Module] = torch.nn.Identity
    shapes: tuple[tuple[int, ...], ...] = EVERY_SHAPE
    options: tuple[dict[str, Any], ...] = ({},)
    reductions: tuple[str, ...] = ("mean", "sum")


_CLASS_SHAPES = (COLUMNS, ROW, SQUARE)
_CLASS_OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"weight": _WEIGHT},
    {"ignore_index": 1},
    {"weight": _ZERO_FOR_CLASS_0, "ignore_index": 1},
)
_SMOOTHED: tuple[dict[str, Any], ...] = (
    {"label_smoothing": 0.1},
    {"weight": _WEIGHT, "label_smoothing": 0.25},
)


def _log_softmax() -> torch.nn.Module:
    return torch.nn.LogSoftmax(dim=1)


# A loss may stand here twice, with two kinds of labels; "/" and what follows tells them apart.
LOSS_KINDS: dict[str, LossKind] = {
    "CrossEntropyLoss": LossKind(
        "classes",
        shapes=_CLASS_SHAPES,
        options=(
            *_CLASS_OPTIONS,
            *_SMOOTHED,
            {"weight": _WEIGHT, "ignore_index": 0, "label_smoothing": 0.1},
        ),
    ),
    "CrossEntropyLoss/probabilities": LossKind(
        "distributions", shapes=_CLASS_SHAPES, options=({}, {"weight": _WEIGHT}, *_SMOOTHED)
    ),
    "NLLLoss": LossKind("classes", _log_softmax, _CLASS_SHAPES, _CLASS_OPTIONS),
    "MSELoss": LossKind("floats"),
    "L1Loss": LossKind("floats"),
    "SmoothL1Loss": LossKind("floats", options=({}, {"beta": 0.25})),
    "HuberLoss": LossKind("floats", options=({}, {"delta": 0.25})),
    "BCELoss": LossKind("probabilities", torch.nn.Sigmoid),
    "BCELoss/weighted": LossKind(
        "probabilities", torch.nn.Sigmoid, (COLUMNS,), ({"weight": _WEIGHT},)
    ),
    "BCEWithLogitsLoss": LossKind("probabilities"),
    "BCEWithLogitsLoss/weighted": LossKind(
        "probabilities",
        shapes=(COLUMNS,),
        options=({"weight": _WEIGHT[None]}, {"weight": _WEIGHT, "pos_weight": _ZERO_FOR_CLASS_0}),
    ),
    "BCEWithLogitsLoss/weighted pixels": LossKind(
        "probabilities", shapes=(SQUARE,), options=({"pos_weight": _WEIGHT.reshape(3, 1, 1)},)
    ),
    "SoftMarginLoss": LossKind("signs"),
    "HingeEmbeddingLoss": LossKind("signs", options=({}, {"margin": 0.5})),
    "MultiLabelSoftMarginLoss": LossKind(
        "probabilities", shapes=(COLUMNS,), options=({}, {"weight": _WEIGHT})
    ),
    "MultiMarginLoss": LossKind(
        "classes",
        shapes=(COLUMNS,),
        options=({}, {"p": 2, "margin": 0.5}, {"weight": _WEIGHT}),
    ),
    "MultiLabelMarginLoss": LossKind("sets of classes", shapes=(COLUMNS,)),
    "KLDivLoss": LossKind(
        "distributions",
        _log_softmax,
        _CLASS_SHAPES,
        reductions=("mean", "sum", "batchmean"),
    ),
    "KLDivLoss/log": LossKind(
        "log distributions",
        _log_softmax,
        _CLASS_SHAPES,
        ({"log_target": True},),
        ("mean", "sum", "batchmean"),
    ),
    "PoissonNLLLoss": LossKind("counts", options=({}, {"full": True})),
    "PoissonNLLLoss/rates": LossKind(
        "counts", torch.nn.Softplus, options=({"log_input": False, "eps": 1e-6},)
    ),
}

# These take three arguments or more, return more than one number, or are replaced by another.
NOT_OF_SCORES_AND_LABELS = {
    *("CTCLoss", "CosineEmbeddingLoss", "GaussianNLLLoss", "MarginRankingLoss"),
    *("TripletMarginLoss", "TripletMarginWithDistanceLoss"),
    *("AdaptiveLogSoftmaxWithLoss", "NLLLoss2d"),
    # Has a layer and weights of its own; tested with the losses that have parameters.
    "LinearCrossEntropyLoss",
}


@dataclass(frozen=True)
class LossCase:
    """One loss with its options, and a shape of the scores."""

    name: str
    shape: tuple[int, ...]
    reduction: str
    options: dict[str, Any]

    @property
    def kind(self) -> LossKind:
        return LOSS_KINDS[self.name]

    def __str__(self) -> str:
        options = ",".join(self.options)
        return f"{self.name} {self.reduction} {options} {self.shape}".replace("  ", " ")

    def make_loss(self) -> torch.nn.Module:
        made: torch.nn.Module = getattr(torch.nn, self.name.partition("/")[0])(
            reduction=self.reduction, **self.options
        )
        return made

    def make_net(self) -> torch.nn.Sequential:
        """Make a network of known layers that gives scores of this shape for 2 by 2 pixels."""
        head = self.kind.head()
        if self.shape == NUMBER:
            return torch.nn.Sequential(
                torch.nn.Flatten(), torch.nn.Linear(4, 1), torch.nn.Flatten(0), head
            )
        if len(self.shape) == 1:
            return torch.nn.Sequential(
                torch.nn.Flatten(), torch.nn.Linear(4, self.shape[0]), head
            )  # fmt: skip
        convolution = torch.nn.Conv2d(1, CLASSES, 1)
        if self.shape == ROW:
            return torch.nn.Sequential(convolution, torch.nn.Flatten(2), head)
        return torch.nn.Sequential(convolution, head)

    def labels(self, count: int, seed: int | None = None) -> torch.Tensor:
        """Draw labels for so many images; of class numbers, the first six images have only 1."""
        generator = torch.Generator().manual_seed(
            zlib.crc32(str(self).encode()) if seed is None else seed
        )
        shape = (count, *self.shape)
        kind = self.kind.labels
        if kind == "classes":
            classes = torch.randint(CLASSES, (count, *self.shape[1:]), generator=generator)
            # Micro-batches in which every label is ignored; one label of the batch counts.
            classes[:6] = 1
            classes.flatten()[-1] = 2
            return classes
        if kind == "sets of classes":
            order = torch.rand(shape, generator=generator).argsort(dim=1)
            # -1 ends the set.
            order[torch.rand(shape, generator=generator) < 0.3] = -1
            return order
        numbers = torch.rand(shape, generator=generator, dtype=torch.float64)
        if kind == "signs":
            return numbers.sub(0.5).sign()
        if kind == "counts":
            return numbers.mul(5).floor()
        if kind == "distributions":
            return numbers.softmax(dim=1)
        if kind == "log distributions":
            return numbers.log_softmax(dim=1)
        assert kind in ("floats", "probabilities")
        return numbers


LOSS_CASES = tuple(
    LossCase(name, shape, reduction, options)
    for name, kind in LOSS_KINDS.items()
    for shape in kind.shapes
    for reduction in kind.reductions
    for options in kind.options
)
