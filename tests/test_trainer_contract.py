"""The trainer's contract for losses, labels and dtypes: the plain loop's result, or a refusal.

Each test compares with the lecture's plain loop or with a number worked out by hand. "auto" would
take these small batches whole in any case, so ``small_budget`` makes it split what it may.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from loss_cases import (
    COLUMN,
    COLUMNS,
    LOSS_CASES,
    LOSS_KINDS,
    NOT_OF_SCORES_AND_LABELS,
    NUMBER,
    SQUARE,
    LossCase,
)
from plain_loop import (
    IMAGES,
    LABELS,
    check_refused,
    compare,
    fit,
    linear,
    patch_forward,
    plain_loop,
    seed_everything,
    sgd,
    state_of,
)

from cnnbook.engine.options import ACTIVATION_BUDGET

F = torch.nn.functional

# torch recommends "batchmean"; the other mean is torch's default and has to be right, too.
pytestmark = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss by both")


@pytest.fixture(autouse=True)
def small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACTIVATION_BUDGET, "cpu", 1)


def whole(make_net: Callable[[], torch.nn.Module], *batch: torch.Tensor, **options: Any) -> None:
    """Check that "auto" takes the batch whole, with the plain loop's bits."""
    history = compare(make_net, *batch, dtype=torch.float32, exact=True, **options)
    assert history.micro_batch_size == 12


def test_the_small_budget_makes_auto_split() -> None:
    assert compare(lambda: linear(3)).micro_batch_size < 12


# Loss normalisation


def test_every_loss_of_torch_is_covered() -> None:
    losses = {name for name in dir(torch.nn) if name.endswith(("Loss", "Loss2d"))}
    assert losses - NOT_OF_SCORES_AND_LABELS == {name.partition("/")[0] for name in LOSS_KINDS}


@pytest.mark.parametrize("case", [case for case in LOSS_CASES if case.shape != NUMBER], ids=str)
def test_a_split_loss_is_the_plain_loops(case: LossCase) -> None:
    history = compare(
        case.make_net, IMAGES, case.labels(12), make_loss=case.make_loss, micro_batch_size=5
    )
    assert history.micro_batch_size == 5


@pytest.mark.parametrize("case", [case for case in LOSS_CASES if case.shape == NUMBER], ids=str)
def test_a_loss_of_one_number_an_image_is_the_plain_loops(case: LossCase) -> None:
    compare(case.make_net, IMAGES, case.labels(12), make_loss=case.make_loss)


@pytest.mark.parametrize("size", [1, 6])
@pytest.mark.parametrize("options", [{}, {"ignore_index": 1}, {"label_smoothing": 0.1}])
def test_a_mean_over_pixels_is_not_multiplied_by_their_number(
    size: int, options: dict[str, Any]
) -> None:
    """Weights of zero: every pixel's loss is log 3, and so is any mean of them."""

    def make_net() -> torch.nn.Module:
        net = torch.nn.Conv2d(1, 3, 1)
        for parameter in net.parameters():
            torch.nn.init.zeros_(parameter)
        return torch.nn.Sequential(net)

    class_numbers = torch.arange(48).reshape(12, 2, 2) % 3
    one_hot = F.one_hot(class_numbers).permute(0, 3, 1, 2).double()
    # Class numbers to ignore are for class numbers only.
    targets = [class_numbers] if "ignore_index" in options else [class_numbers, one_hot]
    for labels in targets:
        history = compare(
            make_net, IMAGES, labels, micro_batch_size=size,
            make_loss=lambda: torch.nn.CrossEntropyLoss(**options),
        )  # fmt: skip
        assert history.losses[0] == pytest.approx(1.0986122886681098)


@pytest.mark.parametrize("name", ["weight", "pos_weight"])
def test_a_weight_for_each_image_is_trained_whole(name: str) -> None:
    weights = torch.rand(12, 3, generator=torch.Generator().manual_seed(1))
    labels = (weights > 0.5).float()

    def make_loss() -> torch.nn.Module:
        options: dict[str, Any] = {name: weights.clone()}
        return torch.nn.BCEWithLogitsLoss(**options)

    whole(lambda: linear(3), IMAGES, labels, make_loss=make_loss)
    check_refused(
        linear(3), IMAGES, labels, rf"^micro_batch_size: .*since .*{name}",
        loss_fn=make_loss(), micro_batch_size=5,
    )  # fmt: skip


# Losses that torch's classes do not describe


class _Smoothed(torch.nn.CrossEntropyLoss):
    """A subclass: the sum of its losses is not its mean times a number."""

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return super().forward(scores, labels).square()


class _Annealed(torch.nn.Module):
    """A loss with a counter: one call an update is what the plain loop makes."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return F.cross_entropy(scores, labels) / self.calls


def _patched() -> torch.nn.Module:
    loss_fn = torch.nn.CrossEntropyLoss()
    patch_forward(loss_fn, lambda scores, labels: F.cross_entropy(scores, labels).square())
    return loss_fn


def _hooked() -> torch.nn.Module:
    loss_fn = torch.nn.CrossEntropyLoss()
    loss_fn.register_forward_hook(lambda module, batch, loss: loss.square())
    return loss_fn


def _hooked_before() -> torch.nn.Module:
    loss_fn = torch.nn.CrossEntropyLoss()
    loss_fn.register_forward_pre_hook(lambda module, batch: (batch[0] - batch[0].mean(0), batch[1]))
    return loss_fn


@pytest.mark.parametrize(
    "make_loss",
    [
        lambda: F.cross_entropy,
        lambda: lambda scores, labels: F.cross_entropy(scores, labels, reduction="none").max(),
        _Smoothed, _Annealed, _patched, _hooked, _hooked_before,
    ],
    ids=["function", "worst image", "subclass", "annealed", "patched", "hooked", "hooked before"],
)  # fmt: skip
def test_a_loss_that_is_not_known_gets_the_whole_batch(make_loss: Callable[[], Any]) -> None:
    whole(lambda: linear(3), make_loss=make_loss)
    check_refused(
        linear(3), IMAGES, LABELS, "^micro_batch_size: expected .*since .*loss",
        loss_fn=make_loss(), micro_batch_size=5,
    )  # fmt: skip


# A loss with a parameter: (t - 3)**2 and SGD with lr=0.1 multiply 3 - t by 0.8 in each update.


def _check_distance(t: torch.Tensor) -> None:
    assert t.item() == pytest.approx(3 * (1 - 0.8**20), rel=1e-5)
    assert f"{t.item():.2f}" == "2.97"


def test_a_parameter_that_a_loss_function_uses_is_trained() -> None:
    net, t = linear(3), torch.nn.Parameter(torch.zeros(()))
    fit(
        net, IMAGES, LABELS, epochs=20, optimizer=sgd([*net.parameters(), t]),
        loss_fn=lambda scores, labels: F.cross_entropy(scores, labels) + (t - 3) ** 2,
    )  # fmt: skip
    _check_distance(t)
    assert t.grad is None


class _Distance(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.t = torch.nn.Parameter(torch.zeros(()))

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(scores, labels) + (self.t - 3) ** 2


def test_a_parameter_of_a_loss_module_is_trained() -> None:
    net, loss_fn = linear(3), _Distance()
    optimizer = sgd([*net.parameters(), *loss_fn.parameters()])
    fit(net, IMAGES, LABELS, epochs=20, optimizer=optimizer, loss_fn=loss_fn)
    _check_distance(loss_fn.t)
    whole(lambda: linear(3), make_loss=_Distance, epochs=20)


def test_a_parameter_of_the_loss_in_a_group_of_its_own() -> None:
    def train(run: Callable[..., Any]) -> list[torch.Tensor]:
        seed_everything(0)
        net, loss_fn = linear(3), _Distance()
        groups: list[dict[str, Any]] = [
            {"params": [loss_fn.t], "lr": 0.2, "momentum": 0.5},
            {"params": list(net.parameters())},
        ]
        run(net, IMAGES, LABELS, epochs=4, loss_fn=loss_fn, optimizer=torch.optim.SGD(groups, 0.1))
        return [loss_fn.t.detach(), *state_of(net).values()]

    for ours, theirs in zip(train(fit), train(plain_loop), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.skipif(
    not hasattr(torch.nn, "LinearCrossEntropyLoss"), reason="this torch has no such loss"
)
def test_torchs_loss_with_a_layer_of_its_own_is_trained() -> None:
    # Labels up to 4 for a network of three "scores": the loss makes five of them.
    compare(
        lambda: linear(3), IMAGES, torch.arange(12) % 5, dtype=torch.float32, exact=True,
        make_loss=lambda: torch.nn.LinearCrossEntropyLoss(3, 5),
    )  # fmt: skip


# Scores and labels whose shapes do not fit

_BROADCASTING = {
    "MSELoss": torch.nn.Identity,
    "L1Loss": torch.nn.Identity,
    "SmoothL1Loss": torch.nn.Identity,
    "HuberLoss": torch.nn.Identity,
    "BCELoss": torch.nn.Sigmoid,
    "BCEWithLogitsLoss": torch.nn.Identity,
    "SoftMarginLoss": torch.nn.Identity,
    "HingeEmbeddingLoss": torch.nn.Identity,
    "MultiLabelSoftMarginLoss": torch.nn.Identity,
    "KLDivLoss": torch.nn.Identity,
    "PoissonNLLLoss": torch.nn.Identity,
}


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("micro_batch_size", ["auto", 5, 12])
@pytest.mark.parametrize("name", _BROADCASTING)
def test_scores_in_a_column_and_labels_in_a_row_are_refused(
    name: str, micro_batch_size: Any
) -> None:
    net = torch.nn.Sequential(linear(1), _BROADCASTING[name]())
    check_refused(
        net, IMAGES, torch.rand(12), r"^(?=.*\(12, 1\))labels: expected .*got .*\(12,\)",
        loss_fn=getattr(torch.nn, name)(), micro_batch_size=micro_batch_size,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(
    ("scores", "labels"),
    [
        (NUMBER, COLUMN),
        (COLUMNS, COLUMN),
        (COLUMN, COLUMNS),
        (SQUARE, COLUMNS),
        (SQUARE, (3, 1, 1)),
        (SQUARE, (1, 2, 2)),
    ],
    ids=str,
)
def test_shapes_that_broadcast_are_refused(
    scores: tuple[int, ...], labels: tuple[int, ...]
) -> None:
    net = LossCase("MSELoss", scores, "mean", {}).make_net()
    given, expected = str((12, *labels)), str((12, *scores))
    assert given != expected
    pattern = "".join(f"(?=.*{part})" for part in map(_quoted, (given, expected)))
    check_refused(
        net, IMAGES, torch.rand(12, *labels), f"^{pattern}labels: ", loss_fn=torch.nn.MSELoss()
    )


def _quoted(shape: str) -> str:
    return shape.replace("(", r"\(").replace(")", r"\)")


def test_three_images_and_three_scores_broadcast_in_silence() -> None:
    """The worst case: (3, 3) and (3,) fit in torch's eyes, column by image."""
    with pytest.raises(ValueError, match=r"^(?=.*\(3, 3\))labels: .*\(3,\)"):
        fit(linear(3), IMAGES[:3], torch.rand(3), loss_fn=torch.nn.SoftMarginLoss())


@pytest.mark.parametrize("micro_batch_size", ["auto", 4, 12])
def test_cross_entropy_of_one_number_an_image_is_refused(micro_batch_size: Any) -> None:
    """With (12,) scores and (12,) floats, torch sees one image of twelve classes."""
    net = LossCase("CrossEntropyLoss", NUMBER, "mean", {}).make_net()
    for labels in (torch.rand(12), torch.zeros(12, dtype=torch.int64)):
        check_refused(
            net, IMAGES, labels, "^(net|labels|loss_fn): expected",
            micro_batch_size=micro_batch_size,
        )  # fmt: skip


@pytest.mark.parametrize("micro_batch_size", ["auto", 4, 12])
@pytest.mark.parametrize(
    "labels", [torch.zeros(12, dtype=torch.int64), torch.rand(12, 1)], ids=["classes", "floats"]
)
def test_cross_entropy_of_one_score_is_refused(labels: torch.Tensor, micro_batch_size: Any) -> None:
    """The softmax of one score is 1, so the loss is 0 whatever the network does."""
    check_refused(
        linear(1), IMAGES, labels, "^(net|labels|loss_fn): expected",
        micro_batch_size=micro_batch_size,
    )  # fmt: skip


def test_cross_entropy_of_one_channel_is_refused() -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1))
    check_refused(
        net, IMAGES, torch.zeros(12, 2, 2).long(), "^(net|labels|loss_fn): expected"
    )  # fmt: skip


@pytest.mark.parametrize(
    "labels",
    [LABELS, torch.zeros(12, 3).long(), torch.zeros(12, 3, 2, 1).long(), torch.rand(12, 3, 2, 1)],
    ids=["numbers", "columns", "other pixels", "other probabilities"],
)
def test_labels_of_other_pixels_than_the_scores_are_refused(labels: torch.Tensor) -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 1))
    check_refused(net, IMAGES, labels, r"^(net|labels): expected")


def test_a_class_number_of_one_pixel_without_a_score_is_refused() -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 1))
    labels = torch.zeros(12, 2, 2, dtype=torch.int64)
    labels[11, 1, 1] = 3
    check_refused(net, IMAGES, labels, r"^labels: expected class numbers 0 to 2.*got 0 to 3")


# Labels that are unusual but legal


def test_a_loss_of_ones_own_may_ignore_any_label() -> None:
    labels = torch.where(LABELS == 1, -1, LABELS)
    whole(
        lambda: linear(3), IMAGES, labels,
        make_loss=lambda: lambda scores, of: F.cross_entropy(scores, of, ignore_index=-1),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.float32], ids=str)
@pytest.mark.parametrize("shape", [COLUMN, COLUMNS], ids=str)
def test_counts_are_trained(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    counts = torch.arange(12 * shape[0]).reshape(12, *shape) % 7
    compare(
        lambda: linear(shape[0]), IMAGES, counts.to(dtype), make_loss=torch.nn.PoissonNLLLoss
    )  # fmt: skip
    whole(
        lambda: linear(shape[0]), IMAGES, counts.to(dtype),
        make_loss=lambda: lambda scores, of: (scores.exp() - of * scores).mean(),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int32, torch.int64], ids=str)
def test_a_loss_of_ones_own_gets_its_labels_as_they_are(dtype: torch.dtype) -> None:
    def loss_fn(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        assert labels.dtype == dtype
        return F.binary_cross_entropy_with_logits(scores[:, 0], labels.float())

    whole(lambda: linear(1), IMAGES, (LABELS == 1).to(dtype), make_loss=lambda: loss_fn)


# Narrow dtypes: a sum of many small gradients must not stop growing


def _step_of_one_at_a_time(images: torch.Tensor) -> tuple[float, float]:
    """Do one update of SGD with a learning rate of 1 from weights of 0; return the two weights.

    Both classes start with probability 1/2, so the gradient of an image is half its pixel.
    """
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 2, bias=False))
    weight = torch.nn.init.zeros_(net.to(images.dtype).get_parameter("1.weight"))
    history = fit(
        net, images.reshape(-1, 1, 1, 1), torch.zeros(len(images), dtype=torch.int64), epochs=1,
        optimizer=torch.optim.SGD(net.parameters(), lr=1.0), micro_batch_size=1,
    )  # fmt: skip
    assert history.losses[0] == pytest.approx(0.6931, rel=0.01)
    assert weight.dtype == images.dtype
    first, second = weight.flatten().tolist()
    return first, second


def test_4000_images_move_a_bfloat16_network_by_half() -> None:
    # A bfloat16 sum stops at 1/16: the next number is more than 2 * 0.5 / 4000 away.
    images = torch.ones(4_000, dtype=torch.bfloat16)
    assert _step_of_one_at_a_time(images) == (0.5, -0.5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_small_gradients_count_after_a_large_one(dtype: torch.dtype) -> None:
    images = torch.ones(500, dtype=dtype)
    images[0] = 4_000
    step = (4_000 + 499) / 2 / 500
    assert _step_of_one_at_a_time(images) == pytest.approx((step, -step), rel=0.01)


def test_a_narrow_network_that_fits_is_the_plain_loops() -> None:
    compare(lambda: linear(3), dtype=torch.bfloat16, exact=True, micro_batch_size=12)


# Validation that is not a question of the largest score


def _accuracy_or_refusal(net: torch.nn.Module, labels: torch.Tensor, loss_fn: Any) -> float | None:
    try:
        history = fit(net, IMAGES, labels, epochs=1, loss_fn=loss_fn, validation=(IMAGES, labels))
    except ValueError as error:
        message = str(error)
        assert message.startswith("validation")
        assert "expected" in message
        return None
    return float(history.accuracies[-1][1])


def test_the_accuracy_of_one_score_is_right_or_refused() -> None:
    """Half of the labels are 1 and every score is 9, so half of the answers are right."""
    net = linear(1)
    torch.nn.init.zeros_(net.get_parameter("1.weight"))
    torch.nn.init.constant_(net.get_parameter("1.bias"), 9.0)
    labels = (torch.arange(12) % 2).float()[:, None]
    assert _accuracy_or_refusal(net, labels, torch.nn.BCEWithLogitsLoss()) in (0.5, None)


def test_the_accuracy_of_several_labels_an_image_is_right_or_refused() -> None:
    """All images have classes 1 and 2, and these two scores are positive."""
    net = linear(3)
    torch.nn.init.zeros_(net.get_parameter("1.weight"))
    with torch.no_grad():
        net.get_parameter("1.bias").copy_(torch.tensor([-9.0, 8.0, 9.0]))
    labels = torch.tensor([0.0, 1.0, 1.0]).repeat(12, 1)
    assert _accuracy_or_refusal(net, labels, torch.nn.BCEWithLogitsLoss()) in (1.0, None)


@pytest.mark.parametrize("shape", [NUMBER, SQUARE], ids=str)
def test_an_accuracy_that_is_not_defined_is_refused(shape: tuple[int, ...]) -> None:
    case = LossCase("MSELoss", shape, "mean", {})
    labels = case.labels(12).float()
    assert _accuracy_or_refusal(case.make_net(), labels, torch.nn.MSELoss()) is None


def test_an_accuracy_is_refused_before_the_first_update() -> None:
    labels = torch.rand(12, 1)
    check_refused(
        linear(1), IMAGES, labels, "^validation", loss_fn=torch.nn.MSELoss(),
        validation=(IMAGES, labels),
    )  # fmt: skip


# Gradients that an optimizer looks at


@pytest.mark.parametrize("micro_batch_size", ["auto", 5])
def test_a_hook_of_the_optimizer_sees_the_gradient_of_the_whole_batch(
    micro_batch_size: Any,
) -> None:
    def clipped(parameters: Any) -> torch.optim.Optimizer:
        kept = list(parameters)
        optimizer = sgd(kept)

        def clip(*_: Any) -> None:
            torch.nn.utils.clip_grad_norm_(kept, 0.01)

        optimizer.register_step_pre_hook(clip)
        return optimizer

    compare(lambda: linear(3), make_optimizer=clipped, micro_batch_size=micro_batch_size)
