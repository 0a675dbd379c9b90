"""Accuracy, confusion matrix and worst cases by counting; intervals by tables and integration."""

import math
import re
import statistics
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from bad_values import check_refusals

from cnnbook.metrics import (
    MeanInterval,
    _t_probability,
    _t_quantile,
    accuracy,
    compare_paired,
    confusion_matrix,
    mean_interval,
    predict_scores,
    top_losses,
)

SCORES = torch.tensor(
    [[5.0, 1.0, 0.0], [0.0, 3.0, 2.0], [0.0, 9.0, 1.0], [1.0, 0.0, 2.0], [4.0, 4.0, 0.0]]
)
LABELS = torch.tensor([0, 2, 0, 2, 1])


def test_counting_by_hand() -> None:
    # Called 0, 1, 1, 2 and, of two equal scores, the first: 0.
    assert accuracy(SCORES, LABELS) == 2 / 5
    assert confusion_matrix(SCORES, LABELS).tolist() == [[1, 1, 0], [1, 0, 0], [0, 1, 1]]
    worst = top_losses(SCORES, LABELS)
    assert worst.indices.tolist() == [2, 1, 4]
    assert worst.actual.tolist() == [0, 2, 1]
    assert worst.predicted.tolist() == [1, 1, 0]
    assert worst.probability.tolist() == sorted(worst.probability.tolist())
    own = torch.softmax(SCORES.double(), dim=1)[[2, 1, 4], [0, 2, 1]]
    torch.testing.assert_close(worst.probability, own)


@pytest.mark.parametrize("score", [accuracy, confusion_matrix, top_losses])
def test_one_hot_labels_and_small_integers_are_the_same_as_class_numbers(score: Any) -> None:
    expected = str(score(SCORES, LABELS))
    one_hot = torch.nn.functional.one_hot(LABELS, 3)
    for labels in (one_hot, one_hot.float(), LABELS.to(torch.uint8), LABELS.int()):
        assert str(score(SCORES, labels)) == expected


def test_the_matrix_counts_every_image_once() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(500, 10, generator=generator)
    labels = torch.randint(0, 10, (500,), generator=generator)
    matrix = confusion_matrix(scores, labels)
    assert matrix.sum(dim=1).tolist() == torch.bincount(labels, minlength=10).tolist()
    assert matrix.diagonal().sum().item() == round(accuracy(scores, labels) * 500)
    mistakes = top_losses(scores, labels, count=500)
    assert len(mistakes.indices) == 500 - matrix.diagonal().sum()
    assert len(top_losses(scores, labels, count=7).indices) == 7


@pytest.mark.parametrize("score", [accuracy, confusion_matrix, top_losses])
@pytest.mark.parametrize(
    ("scores", "labels", "kind", "message"),
    [
        (SCORES.tolist(), LABELS, TypeError, "^scores: expected a torch.Tensor, got list"),
        (SCORES, LABELS.tolist(), TypeError, "^labels: expected a torch.Tensor, got list"),
        (SCORES[0], LABELS, ValueError, r"^scores: expected \(n, classes\)"),
        (SCORES[:0], LABELS[:0], ValueError, r"^scores: expected \(n, classes\)"),
        (SCORES, LABELS[:4], ValueError, r"^labels: expected class numbers \(5,\) or one-hot"),
        (SCORES, LABELS.float(), TypeError, r"convert with labels.long\(\)$"),
        (SCORES, LABELS.bool(), TypeError, r"convert with labels.long\(\)$"),
        (SCORES, LABELS + 1, ValueError, "^labels: expected class numbers 0 to 2"),
        (SCORES, LABELS - 1, ValueError, "^labels: expected class numbers 0 to 2"),
        (SCORES, torch.ones(5, 3), ValueError, "^labels: expected one 1 and otherwise 0"),
        (SCORES, torch.ones(5, 2), ValueError, "^labels: expected class numbers"),
        (SCORES * float("nan"), LABELS, ValueError, "got NaN for 5 of 5 images"),
    ],
)
def test_every_mistake_is_named(
    score: Any, scores: Any, labels: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        score(scores, labels)


def test_broken_scores_are_never_a_tenth_right() -> None:
    scores, labels = torch.full((100, 10), float("nan")), torch.arange(100) % 10
    assert (scores.argmax(dim=1) == labels).float().mean().item() == pytest.approx(0.1)
    with pytest.raises(ValueError, match="got NaN for 100 of 100 images"):
        accuracy(scores, labels)


def test_scores_do_not_depend_on_the_pieces_and_the_mode_comes_back() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Flatten(), torch.nn.Linear(4, 3))
    images = torch.rand(11, 1, 2, 2)
    results = [
        predict_scores(net, images, micro_batch_size=size, device="cpu") for size in (1, 4, 99)
    ]
    for result in results:
        torch.testing.assert_close(result, results[0])
        assert not result.requires_grad
    assert all(module.training for module in net.modules())


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"net": 3}, TypeError, "^net: expected a torch.nn.Module, got int"),
        ({"images": torch.zeros(2, 2)}, ValueError, "^images: expected"),
        ({"images": torch.zeros(0, 1, 2, 2)}, ValueError, "got an empty batch"),
        ({"micro_batch_size": 0}, ValueError, "^micro_batch_size: expected at least 1"),
        ({"device": "gpu"}, ValueError, "^device: expected a name"),
    ],
)
def test_predict_scores_names_every_mistake(
    changed: dict[str, Any], kind: type[Exception], message: str
) -> None:
    arguments: dict[str, Any] = {"net": torch.nn.Flatten(), "images": torch.zeros(2, 1, 2, 2)}
    with pytest.raises(kind, match=message):
        predict_scores(**(arguments | changed))


def test_truth_values_are_one_hot_labels_too() -> None:
    one_hot = torch.nn.functional.one_hot(LABELS, 3).bool()
    assert accuracy(SCORES, one_hot) == accuracy(SCORES, LABELS)
    assert accuracy(SCORES.long(), one_hot) == accuracy(SCORES.half(), one_hot)


def test_infinite_scores_are_refused() -> None:
    scores = SCORES.clone()
    scores[1, 2] = float("inf")
    scores[3, 0] = float("-inf")
    for score in (accuracy, confusion_matrix, top_losses):
        with pytest.raises(ValueError, match=r"^scores: expected finite .* infinity for 2 of 5 im"):
            score(scores, LABELS)


def test_a_matrix_beyond_any_machine_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^scores: expected at most 10,000 classes, got 10,001$"):
        confusion_matrix(torch.zeros(1, 10_001), torch.tensor([0]))


def test_worst_cases_are_complete_and_ordered_by_torchs_loss() -> None:
    generator = torch.Generator().manual_seed(1)
    scores = 3 * torch.randn(300, 10, generator=generator)
    labels = torch.randint(0, 10, (300,), generator=generator)
    worst = top_losses(scores, labels, count=10**6)
    wrong = (scores.argmax(dim=1) != labels).nonzero()[:, 0]
    assert sorted(worst.indices.tolist()) == wrong.tolist()
    losses = torch.nn.functional.cross_entropy(scores.double(), labels, reduction="none")
    assert losses[worst.indices].tolist() == sorted(losses[wrong].tolist(), reverse=True)
    torch.testing.assert_close(worst.probability, torch.exp(-losses[worst.indices]))
    assert torch.equal(worst.actual, labels[worst.indices])
    assert torch.equal(worst.predicted, scores.argmax(dim=1)[worst.indices])
    assert str(worst).count("\n") == len(wrong) - 1
    # Equal ones keep the order of the images.
    equal = top_losses(torch.tensor([[1.0, 0.0]] * 4), torch.tensor([1, 0, 1, 1]))
    assert equal.indices.tolist() == [0, 2, 3]


SCORED: dict[str, tuple[Any, dict[str, Any], dict[str, set[str]]]] = {
    score.__name__: (
        score,
        {
            "scores": torch.tensor([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0]]),
            "labels": torch.tensor([0, 1]),
        },
        {
            "scores": {"tensor of two axes"},
            "labels": {"whole labels", "truth values"},
        },
    )
    for score in (accuracy, confusion_matrix, top_losses)
}
NUMBERS = {"tensor of one axis", "whole labels", "too large labels"}
SCORED |= {
    "top_losses count": (top_losses, SCORED["top_losses"][1], {"count": {"one"}}),
    "mean_interval": (
        mean_interval,
        {"values": [1.0, 2.0]},
        {
            "values": NUMBERS | {"list of floats", "tuple of zeros", "tuple of huge numbers"},
            "confidence": {"half"},
        },
    ),
    "compare_paired": (
        compare_paired,
        {"first": [1.0, 2.0], "second": [3.0, 5.0]},
        {
            "first": {"whole labels", "too large labels"},
            "second": {"whole labels", "too large labels"},
            "confidence": {"half"},
        },
    ),
    "predict_scores": (
        predict_scores,
        {"net": torch.nn.Flatten(), "images": torch.ones(2, 1, 3, 3), "device": "cpu"},
        {
            "net": set(),
            "images": {"tensor of four axes", "whole images"},
            "micro_batch_size": {"one"},
        },
    ),
}


@pytest.mark.parametrize(
    ("name", "argument"),
    [(name, argument) for name, (_, _, checks) in SCORED.items() for argument in checks],
)
def test_every_bad_value_is_named(name: str, argument: str) -> None:
    call, arguments, checks = SCORED[name]
    # What is right alone may not fit the other argument.
    other = {"scores": {"labels"}, "first": {"second"}, "images": {"net"}}.get(argument, set())
    check_refusals(call, arguments, argument, taken=checks[argument], may_name=other)


@pytest.mark.parametrize("bad", [3, b"cpu", ["cpu"], 1.5, np.zeros(2), torch.zeros(1), True])
def test_devices_that_are_none(bad: Any) -> None:
    with pytest.raises(TypeError, match=r"^device: expected a torch.device or its name, got "):
        predict_scores(torch.nn.Flatten(), torch.ones(2, 1, 3, 3), device=bad)


def test_networks_that_give_no_scores() -> None:
    images = torch.ones(5, 1, 3, 3)
    with pytest.raises(ValueError, match=r"^net: expected scores \(5, classes\) .*, got \(5, 1, 3"):
        predict_scores(torch.nn.ReLU(), images)
    with pytest.raises(ValueError, match=r"^net: expected scores .*, got \(1, 45\)$"):
        predict_scores(_Joined(), images)
    with pytest.raises(
        ValueError, match=r"^net: expected a network that takes images of shape \(1"
    ):
        predict_scores(torch.nn.Conv2d(3, 4, 2), images)


class _Joined(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.reshape(1, -1)


# Two-sided, as every book of statistics prints them.
T_TABLE = {
    0.90: {1: 6.314, 2: 2.920, 3: 2.353, 4: 2.132, 5: 2.015, 10: 1.812, 20: 1.725, 30: 1.697,
           60: 1.671, 120: 1.658},
    0.95: {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306,
           9: 2.262, 10: 2.228, 15: 2.131, 20: 2.086, 30: 2.042, 40: 2.021, 60: 2.000, 120: 1.980},
    0.99: {1: 63.657, 2: 9.925, 3: 5.841, 4: 4.604, 5: 4.032, 6: 3.707, 7: 3.499, 8: 3.355,
           9: 3.250, 10: 3.169, 20: 2.845, 30: 2.750, 60: 2.660, 120: 2.617},
    0.999: {1: 636.619, 2: 31.599, 3: 12.924, 5: 6.869, 10: 4.587, 30: 3.646},
}  # fmt: skip


def test_quantiles_are_those_of_the_published_tables() -> None:
    for confidence, row in T_TABLE.items():
        for freedom, printed in row.items():
            assert round(_t_quantile(confidence, freedom), 3) == printed, (confidence, freedom)


def test_quantiles_where_they_have_a_formula() -> None:
    for confidence in (1e-12, 0.01, 0.3, 0.5, 0.8, 0.95, 0.999999):
        # Cauchy's distribution, and A = t / sqrt(t**2 + 2).
        assert _t_quantile(confidence, 1) == pytest.approx(
            math.tan(math.pi / 2 * confidence), rel=1e-9
        )
        expected = confidence * math.sqrt(2 / (1 - confidence**2))
        assert _t_quantile(confidence, 2) == pytest.approx(expected, rel=1e-9)
    normal = statistics.NormalDist()
    for confidence in (0.5, 0.9, 0.95, 0.99):
        wanted = normal.inv_cdf((1 + confidence) / 2)
        assert _t_quantile(confidence, 10**6) == pytest.approx(wanted, rel=3e-6)


def _density(freedom: int) -> Callable[[float], float]:
    scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    front = math.exp(scale) / math.sqrt(freedom * math.pi)
    return lambda t: front * (1 + t * t / freedom) ** (-(freedom + 1) / 2)


def _simpson(function: Callable[[float], float], end: float, steps: int) -> float:
    """Integrate from 0 to ``end``; an even number of steps."""
    width = end / steps
    inner = sum((4 if k % 2 else 2) * function(k * width) for k in range(1, steps))
    return width / 3 * (function(0.0) + inner + function(end))


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 6, 7, 9, 10, 29, 30, 101, 500])
@pytest.mark.parametrize("t", [1e-3, 0.5, 1.0, 2.1, 5.0, 12.0])
def test_probabilities_are_integrals_of_the_density(t: float, freedom: int) -> None:
    inside, outside = _t_probability(t, freedom)
    density = _density(freedom)
    assert inside == pytest.approx(2 * _simpson(density, t, 2000), rel=1e-9)
    assert inside + outside == pytest.approx(1, abs=1e-15)

    def from_far(u: float) -> float:
        """Return the density at ``t / u``, in units of u, so that infinity lies at 0."""
        return density(t / u) * t / u**2 if u else _limit(freedom, t)

    if t >= 0.5:
        assert outside == pytest.approx(2 * _simpson(from_far, 1.0, 4000), rel=1e-7)


def _limit(freedom: int, t: float) -> float:
    # Of Cauchy's density 1 / (pi x**2) far out; all others fall faster than u**2.
    return 1 / (math.pi * t) if freedom == 1 else 0.0


def test_far_tails_keep_their_digits() -> None:
    # 1 - 2/pi * atan(t) = 2/pi * atan(1/t), and 1 - t / sqrt(t**2 + 2) = about 1 / t**2.
    for t in (1e3, 1e8, 1e15):
        assert _t_probability(t, 1)[1] == pytest.approx(2 / math.pi * math.atan(1 / t), rel=1e-12)
        length = math.hypot(t, math.sqrt(2))
        assert _t_probability(t, 2)[1] == pytest.approx(2 / (length * (length + t)), rel=1e-12)
    previous = 1.0
    for t in range(1, 40):
        outside = _t_probability(float(t), 9)[1]
        assert 0 < outside < previous
        previous = outside


def test_mean_interval_by_hand_and_by_the_statistics_module() -> None:
    values = [0.8, 0.9, 0.85, 0.87]
    interval = mean_interval(values)
    assert interval.mean == pytest.approx((0.8 + 0.9 + 0.85 + 0.87) / 4, rel=1e-15)
    squares = (-0.055) ** 2 + 0.045**2 + (-0.005) ** 2 + 0.015**2
    assert interval.deviation == pytest.approx(math.sqrt(squares / 3), rel=1e-12)
    assert interval.deviation == pytest.approx(statistics.stdev(values), rel=1e-12)
    half = 3.182446305284263 * interval.deviation / 2
    assert interval.low == pytest.approx(interval.mean - half, rel=1e-12)
    assert interval.high == pytest.approx(interval.mean + half, rel=1e-12)
    assert (interval.count, interval.confidence) == (4, 0.95)


@pytest.mark.parametrize(
    "values",
    [
        (1, 2, 4),
        [1, 2.0, Fraction(4)],
        [np.float32(1), np.int64(2), 4],
        torch.tensor([1, 2, 4]),
        torch.tensor([1, 2, 4], dtype=torch.uint8),
        torch.tensor([1.0, 2.0, 4.0], requires_grad=True),
        torch.tensor([1.0, 0.0, 2.0, 0.0, 4.0, 0.0]).half()[::2],
    ],
    ids=str,
)
def test_every_kind_of_numbers_gives_the_same(values: Any) -> None:
    expected = mean_interval([1.0, 2.0, 4.0])
    assert mean_interval(values) == expected
    assert compare_paired(values, [0.0, 0.0, 0.0]).interval == expected


def test_intervals_move_and_grow_with_the_values() -> None:
    values = [0.3, 0.1, 0.7, 0.2, 0.4]
    base = mean_interval(values)
    # By powers of two, which floats multiply exactly; far beyond what squares could hold.
    for factor in (2.0**-600, 2.0**-10, 2.0**300):
        scaled = mean_interval([factor * value for value in values])
        assert scaled.mean == factor * base.mean
        assert scaled.deviation == pytest.approx(factor * base.deviation, rel=1e-14)
        assert scaled.high == pytest.approx(factor * base.high, rel=1e-14)
    assert mean_interval(values[::-1]) == base
    widths = [
        one.high - one.low
        for one in (mean_interval(values, confidence=c) for c in (1e-6, 0.5, 0.9, 0.95, 0.999999))
    ]
    assert widths == sorted(widths)
    assert len(set(widths)) == 5


def test_about_95_of_100_intervals_hold_the_true_mean() -> None:
    generator = torch.Generator().manual_seed(0)
    samples = 3 + 2 * torch.randn(4000, 5, generator=generator, dtype=torch.float64)
    for confidence in (0.5, 0.95):
        intervals = [mean_interval(sample, confidence=confidence) for sample in samples]
        share = sum(one.low <= 3 <= one.high for one in intervals) / 4000
        # Four standard deviations of a share of 4000.
        assert abs(share - confidence) < 4 * math.sqrt(confidence * (1 - confidence) / 4000)


@pytest.mark.parametrize(
    ("mean", "half", "confidence", "shown"),
    [
        (0.871, 0.004, 0.95, "0.871 +- 0.004 (95 % interval of the mean of 10)"),
        (0.871, 0.0149, 0.95, "0.871 +- 0.015 (95 % interval of the mean of 10)"),
        (0.871, 0.0151, 0.99, "0.87 +- 0.02 (99 % interval of the mean of 10)"),
        (0.871, 0.02, 0.999, "0.87 +- 0.02 (99.9 % interval of the mean of 10)"),
        (-0.0004, 0.003, 0.29, "0.000 +- 0.003 (29 % interval of the mean of 10)"),
        (12.34, 3.0, 0.95, "12 +- 3 (95 % interval of the mean of 10)"),
        (1234.5, 120.0, 0.95, "1234 +- 120 (95 % interval of the mean of 10)"),
        (0.75, 0.0, 0.95, "0.75 +- 0 (95 % interval of the mean of 10)"),
        (0.0, 2e60, 0.95, "0 +- 2e+60 (95 % interval of the mean of 10)"),
        (0.0, 3e-20, 0.95, "0 +- 3e-20 (95 % interval of the mean of 10)"),
    ],
)
def test_intervals_are_shown_to_the_digit_that_is_certain(
    mean: float, half: float, confidence: float, shown: str
) -> None:
    assert str(MeanInterval(mean, mean - half, mean + half, 1.0, 10, confidence)) == shown


# Student's own example: hours of sleep gained by ten patients from two drugs.
FIRST_DRUG = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND_DRUG = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_students_own_example() -> None:
    result = compare_paired(FIRST_DRUG, SECOND_DRUG)
    # What R prints for t.test(extra ~ group, data = sleep, paired = TRUE).
    assert result.p_value == pytest.approx(0.002833, abs=5e-7)
    assert result.interval.low == pytest.approx(-2.4598858, abs=5e-8)
    assert result.interval.high == pytest.approx(-0.7001142, abs=5e-8)
    assert result.interval.mean == pytest.approx(-1.58)
    assert (result.first_larger, result.second_larger, result.ties) == (0, 9, 1)
    assert str(result) == (
        "First minus second: -1.6 +- 0.9 (95 % interval of the mean of 10); the first is larger "
        "0 times, the second 9 times, 1 tie; p = 0.0028 (two-sided paired t test)."
    )


def test_comparing_the_other_way_round_and_at_the_edge_of_the_interval() -> None:
    result = compare_paired(FIRST_DRUG, SECOND_DRUG)
    other = compare_paired(SECOND_DRUG, FIRST_DRUG)
    assert other.p_value == result.p_value
    assert other.interval.mean == -result.interval.mean
    assert (other.first_larger, other.ties) == (9, 1)
    assert other.differences == tuple(-x for x in result.differences)
    # The interval of confidence 1 - p just reaches zero.
    edge = compare_paired(FIRST_DRUG, SECOND_DRUG, confidence=1 - result.p_value).interval
    assert edge.high == pytest.approx(0, abs=1e-12)
    # A comparison with zeros is the interval of the values.
    assert compare_paired(FIRST_DRUG, [0] * 10).interval == mean_interval(FIRST_DRUG)


def test_differences_that_are_all_equal() -> None:
    assert compare_paired([2, 3, 4], [1, 2, 3]).p_value == 0.0
    assert compare_paired([2, 3, 4], [2, 3, 4]).p_value == 1.0
    tiny = compare_paired([0.0] * 200, [0.0] * 199 + [5e-324])
    assert 0.3 < tiny.p_value <= 1.0


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ([1.0], ValueError, r"^values: expected at least 2 values, got 1; one run says nothing"),
        ([], ValueError, r"^values: expected at least 2 values, got 0"),
        ([1.0, float("nan")], ValueError, r"^values: expected finite .* got nan at place 1$"),
        ([1.0, 2.0, -math.inf], ValueError, r"^values: expected finite .* got -inf at place 2$"),
        ([10**400, 1], ValueError, r"^values: expected finite .* got inf at place 0$"),
        ([1, 1e101], ValueError, r"^values: expected finite numbers of at most 1e\+100 in size"),
        ([1.0, True], TypeError, r"^values: expected real numbers, got True at place 1$"),
        ([1.0, "2"], TypeError, r"^values: expected real numbers, got '2' at place 1$"),
        ([1.0, None], TypeError, r"^values: expected real numbers, got None at place 1$"),
        ([1.0, 1j], TypeError, r"^values: expected real numbers, got 1j at place 1$"),
        ([[1.0, 2.0]], TypeError, r"^values: expected real numbers, got \[1.0, 2.0\] at place 0$"),
        (np.ones(3), TypeError, r"one axis, got ndarray; convert with list\(values\)$"),
        (
            iter([1.0, 2.0]),
            TypeError,
            r"^values: expected a sequence .*; convert with list\(values\)$",
        ),
        (
            5,
            TypeError,
            r"^values: expected a sequence of numbers or a tensor of one axis, got int$",
        ),
        ("12", TypeError, r"^values: expected a sequence .* got str$"),
        (torch.ones(2, 2), ValueError, r"^values: expected a tensor of one axis, got \(2, 2\)$"),
    ],
)
def test_values_that_are_none(values: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        mean_interval(values)
    for name, pair in (("first", (values, [1.0, 2.0])), ("second", ([1.0, 2.0], values))):
        with pytest.raises(kind, match=re.sub(r"\bvalues(?=[:\\])", name, message)):
            compare_paired(*pair)


@pytest.mark.parametrize("confidence", [0, 1, -0.1, 1.5, 95, float("nan"), math.inf, 10**400])
def test_confidences_that_are_none(confidence: Any) -> None:
    with pytest.raises(ValueError, match=r"^confidence: expected a number between 0 and 1, got "):
        mean_interval([1, 2], confidence=confidence)
    with pytest.raises(ValueError, match=r"^confidence: expected a number between 0 and 1, got "):
        compare_paired([1, 2], [3, 5], confidence=confidence)
