"""Intervals over seeds and paired comparisons: printed tables, formulas, scipy and simulation."""

import math
import re
import statistics
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from cnnbook.metrics import MeanInterval, compare_paired, mean_interval

# Two-sided quantiles, as statistics books print them.
T_TABLE = {
    0.90: {1: 6.314, 2: 2.920, 3: 2.353, 4: 2.132, 5: 2.015, 10: 1.812, 20: 1.725, 30: 1.697,
           60: 1.671, 120: 1.658},
    0.95: {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306,
           9: 2.262, 10: 2.228, 15: 2.131, 20: 2.086, 30: 2.042, 40: 2.021, 60: 2.000, 120: 1.980},
    0.99: {1: 63.657, 2: 9.925, 3: 5.841, 4: 4.604, 5: 4.032, 6: 3.707, 7: 3.499, 8: 3.355,
           9: 3.250, 10: 3.169, 20: 2.845, 30: 2.750, 60: 2.660, 120: 2.617},
    0.999: {1: 636.619, 2: 31.599, 3: 12.924, 5: 6.869, 10: 4.587, 30: 3.646},
}  # fmt: skip


def _quantile(confidence: float, freedom: int) -> float:
    """Return the half width of an interval of ``freedom + 1`` values in standard errors."""
    interval = mean_interval([0.0] * freedom + [1.0], confidence=confidence)
    return (interval.high - interval.mean) * math.sqrt(freedom + 1) / interval.deviation


def test_quantiles_are_those_of_the_published_tables() -> None:
    for confidence, row in T_TABLE.items():
        for freedom, printed in row.items():
            assert round(_quantile(confidence, freedom), 3) == printed, (confidence, freedom)


def test_quantiles_where_they_have_a_formula() -> None:
    for confidence in (1e-6, 0.01, 0.3, 0.5, 0.8, 0.95, 0.999999):
        # The distribution with 1 degree of freedom is Cauchy's.
        expected = math.tan(math.pi / 2 * confidence)
        assert _quantile(confidence, 1) == pytest.approx(expected, rel=1e-9)
        # With 2, the probability of -t to t is t / sqrt(t**2 + 2).
        expected = confidence * math.sqrt(2 / (1 - confidence**2))
        assert _quantile(confidence, 2) == pytest.approx(expected, rel=1e-9)
    for confidence in (0.5, 0.9, 0.95, 0.99):
        expected = statistics.NormalDist().inv_cdf((1 + confidence) / 2)
        assert _quantile(confidence, 10**5) == pytest.approx(expected, rel=3e-5)


def test_p_values_where_they_have_a_formula_also_in_the_far_tails() -> None:
    for mean in (0.5, 1.0, 2.0, 1e3, 1e8, 1e15):
        # A standard error of 1, so that t = mean; 1 - 2/pi * atan(t) = 2/pi * atan(1/t).
        p_value = compare_paired([mean - 1, mean + 1], [0, 0]).p_value
        assert p_value == pytest.approx(2 / math.pi * math.atan(1 / mean), rel=1e-12)
        # A standard error of 1 / sqrt(3); 1 - t / length = 2 / (length * (length + t)).
        t = mean * math.sqrt(3)
        length = math.hypot(t, math.sqrt(2))
        p_value = compare_paired([mean - 1, mean, mean + 1], [0, 0, 0]).p_value
        assert p_value == pytest.approx(2 / (length * (length + t)), rel=1e-12)
    previous = 1.0
    for mean in range(1, 40):
        p_value = compare_paired([mean - 1, mean + 1] * 5, [0] * 10).p_value
        assert 0 < p_value < previous
        previous = p_value


@pytest.mark.parametrize("count", [2, 3, 10, 200])
def test_intervals_and_p_values_are_those_of_scipys_tests(count: int) -> None:
    generator = np.random.default_rng(count)
    first, second = generator.normal(0.87, 0.01, (2, count))
    for confidence in (0.5, 0.95, 0.999):
        result = compare_paired(first.tolist(), second.tolist(), confidence=confidence)
        test = stats.ttest_rel(first, second)
        expected = test.confidence_interval(confidence)
        assert result.p_value == pytest.approx(test.pvalue, rel=1e-9)
        assert result.interval.low == pytest.approx(expected.low, rel=1e-9)
        assert result.interval.high == pytest.approx(expected.high, rel=1e-9)


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
def test_every_type_of_numbers_has_the_same_interval(values: Any) -> None:
    expected = mean_interval([1.0, 2.0, 4.0])
    assert mean_interval(values) == expected
    assert compare_paired(values, [0.0, 0.0, 0.0]).interval == expected


def test_intervals_scale_with_the_values_and_grow_with_the_confidence() -> None:
    values = [0.3, 0.1, 0.7, 0.2, 0.4]
    base = mean_interval(values)
    # Powers of two, with which floats are multiplied exactly; the squares underflow or overflow.
    for factor in (2.0**-600, 2.0**-10, 2.0**300):
        scaled = mean_interval([factor * value for value in values])
        assert scaled.mean == factor * base.mean
        assert scaled.deviation == pytest.approx(factor * base.deviation, rel=1e-14)
        assert scaled.high == pytest.approx(factor * base.high, rel=1e-14)
    assert mean_interval(values[::-1]) == base
    widths = []
    for confidence in (1e-6, 0.5, 0.9, 0.95, 0.999999):
        interval = mean_interval(values, confidence=confidence)
        widths.append(interval.high - interval.low)
    assert widths == sorted(widths)
    assert len(set(widths)) == 5


def test_about_95_of_100_intervals_contain_the_true_mean() -> None:
    generator = torch.Generator().manual_seed(0)
    samples = 3 + 2 * torch.randn(4000, 5, generator=generator, dtype=torch.float64)
    for confidence in (0.5, 0.95):
        intervals = [mean_interval(sample, confidence=confidence) for sample in samples]
        fraction = sum(interval.low <= 3 <= interval.high for interval in intervals) / 4000
        # Four standard deviations of a fraction of 4000.
        assert abs(fraction - confidence) < 4 * math.sqrt(confidence * (1 - confidence) / 4000)


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
def test_intervals_are_rounded_to_the_first_digit_of_the_half_width(
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


def test_the_reversed_comparison_and_the_confidence_at_which_an_interval_reaches_zero() -> None:
    result = compare_paired(FIRST_DRUG, SECOND_DRUG)
    other = compare_paired(SECOND_DRUG, FIRST_DRUG)
    assert other.p_value == result.p_value
    assert other.interval.mean == -result.interval.mean
    assert (other.first_larger, other.ties) == (9, 1)
    assert other.differences == tuple(-x for x in result.differences)
    # The bound of the interval with confidence 1 - p is zero.
    edge = compare_paired(FIRST_DRUG, SECOND_DRUG, confidence=1 - result.p_value).interval
    assert edge.high == pytest.approx(0, abs=1e-12)
    # In a comparison with zeros the differences are the values.
    assert compare_paired(FIRST_DRUG, [0] * 10).interval == mean_interval(FIRST_DRUG)


def test_differences_that_are_all_equal() -> None:
    assert compare_paired([2, 3, 4], [1, 2, 3]).p_value == 0.0
    assert compare_paired([2, 3, 4], [2, 3, 4]).p_value == 1.0
    tiny = compare_paired([0.0] * 200, [0.0] * 199 + [5e-324])
    assert 0.3 < tiny.p_value <= 1.0


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ([1.0], ValueError, r"^values: expected at least 2 values, got 1; one run does not show"),
        ([], ValueError, r"^values: expected at least 2 values, got 0"),
        ([1.0, float("nan")], ValueError, r"^values: expected finite .* got nan at position 1$"),
        ([1.0, 2.0, -math.inf], ValueError, r"^values: expected finite .* got -inf at position 2$"),
        ([10**400, 1], ValueError, r"^values: expected finite .* got inf at position 0$"),
        ([1, 1e101], ValueError, r"^values: expected finite numbers of magnitude at most 1e\+100,"),
        ([1.0, True], TypeError, r"^values: expected real numbers, got True at position 1$"),
        ([1.0, "2"], TypeError, r"^values: expected real numbers, got '2' at position 1$"),
        ([1.0, None], TypeError, r"^values: expected real numbers, got None at position 1$"),
        ([1.0, 1j], TypeError, r"^values: expected real numbers, got 1j at position 1$"),
        (
            [[1.0, 2.0]],
            TypeError,
            r"^values: expected real numbers, got \[1.0, 2.0\] at position 0$",
        ),
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
        (
            torch.tensor([True, False]),
            TypeError,
            r"^values: expected real numbers, got torch.bool$",
        ),
        (torch.ones(2, 2), ValueError, r"^values: expected a tensor of one axis, got \(2, 2\)$"),
    ],
)
def test_values_that_are_not_finite_numbers_are_refused(
    values: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        mean_interval(values)
    for name, pair in (("first", (values, [1.0, 2.0])), ("second", ([1.0, 2.0], values))):
        with pytest.raises(kind, match=re.sub(r"\bvalues(?=[:\\])", name, message)):
            compare_paired(*pair)


@pytest.mark.parametrize("confidence", [None, "0.95", True, 1j, [0.95], torch.ones(1)])
def test_confidences_that_are_not_numbers_are_refused(confidence: Any) -> None:
    with pytest.raises(TypeError, match=r"^confidence: expected a number between 0 and 1, got "):
        mean_interval([1, 2], confidence=confidence)
    with pytest.raises(TypeError, match=r"^confidence: expected a number between 0 and 1, got "):
        compare_paired([1, 2], [3, 5], confidence=confidence)


@pytest.mark.parametrize("confidence", [0, 1, -0.1, 1.5, 95, float("nan"), math.inf, 10**400])
def test_confidences_outside_0_and_1_are_refused(confidence: Any) -> None:
    with pytest.raises(ValueError, match=r"^confidence: expected a number between 0 and 1, got "):
        mean_interval([1, 2], confidence=confidence)
    with pytest.raises(ValueError, match=r"^confidence: expected a number between 0 and 1, got "):
        compare_paired([1, 2], [3, 5], confidence=confidence)
