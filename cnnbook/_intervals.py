"""The mean over seeds with its interval, and two networks compared seed by seed."""

import math
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from cnnbook._checks import summarize

__all__ = ["MeanInterval", "PairedComparison", "compare_paired", "mean_interval"]

# The square of a larger number may overflow.
_MAXIMUM = 1e100


def _check_values(values: Sequence[float] | torch.Tensor, *, name: str) -> list[float]:
    """Return the values as floats, or refuse what is not at least two finite numbers."""
    if isinstance(values, torch.Tensor):
        if values.ndim != 1:
            raise ValueError(f"{name}: expected a tensor of one axis, got {tuple(values.shape)}")
        if values.is_complex() or values.dtype == torch.bool:
            raise TypeError(f"{name}: expected real numbers, got {values.dtype}")
        checked = [float(value) for value in values.tolist()]
    else:
        is_text = isinstance(values, (str, bytes, bytearray))
        if is_text or not isinstance(values, Sequence):
            convertible = isinstance(values, Iterable) and not is_text
            remedy = f"; convert with list({name})" if convertible else ""
            raise TypeError(
                f"{name}: expected a sequence of numbers or a tensor of one axis, got "
                f"{type(values).__name__}{remedy}"
            )
        checked = []
        for position, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, numbers.Real):
                raise TypeError(
                    f"{name}: expected real numbers, got {summarize(value)} at position {position}"
                )
            try:
                checked.append(float(value))
            except OverflowError:
                checked.append(math.inf)
    if len(checked) < 2:
        raise ValueError(
            f"{name}: expected at least 2 values, got {len(checked)}; one run does not show how "
            "much runs differ"
        )
    for position, number in enumerate(checked):
        # Not abs(number) > _MAXIMUM, which is False for NaN.
        if not abs(number) <= _MAXIMUM:
            raise ValueError(
                f"{name}: expected finite numbers of magnitude at most {_MAXIMUM:g}, got {number} "
                f"at position {position}"
            )
    return checked


def _check_confidence(confidence: float) -> float:
    if isinstance(confidence, bool) or not isinstance(confidence, numbers.Real):
        raise TypeError(
            f"confidence: expected a number between 0 and 1, got {summarize(confidence)}"
        )
    # Compared before the conversion, which raises an OverflowError for 10**400.
    if not 0 < confidence < 1 or not 0 < float(confidence) < 1:
        raise ValueError(
            f"confidence: expected a number between 0 and 1, got {summarize(confidence)}"
            + ("; 95 % is 0.95" if 1 <= confidence <= 100 else "")
        )
    return float(confidence)


@dataclass(frozen=True)
class MeanInterval:
    """The mean over several runs and its confidence interval.

    Attributes:
        mean: The mean of the values.
        low: The lower bound.
        high: The upper bound.
        deviation: The sample standard deviation of the values, with denominator ``count - 1``.
        count: Number of values.
        confidence: The fraction of such intervals that contain the true mean.

    Examples:
        >>> from cnnbook.metrics import MeanInterval
        >>> print(MeanInterval(0.8714, 0.8671, 0.8757, 0.006, 10, 0.95))
        0.871 +- 0.004 (95 % interval of the mean of 10)
    """

    mean: float
    low: float
    high: float
    deviation: float
    count: int
    confidence: float

    def __str__(self) -> str:
        """Return mean and half width, rounded to the first digit of the half width."""
        half = (self.high - self.low) / 2
        # Two digits where the half width starts with 1: rounding 0.014 to 0.01 would make the
        # interval 30 % narrower.
        leading = f"{half:.0e}"
        decimals = max(0, -int(leading[2:]) + leading.startswith("1"))
        # "z" drops the sign of a mean that rounds to zero.
        shown = f"{self.mean:z.{decimals}f} +- {half:.{decimals}f}"
        # Avoid long rows of zeros.
        if not half or decimals > 15 or half >= 1e6:
            shown = f"{self.mean:.6g} +- {half:.1g}"
        percent = f"{100 * self.confidence:.12g}"
        return f"{shown} ({percent} % interval of the mean of {self.count})"


def mean_interval(
    values: Sequence[float] | torch.Tensor, *, confidence: float = 0.95
) -> MeanInterval:
    """Compute the mean over seeds and its confidence interval by Student's t distribution.

    One run shows the result of one seed. The interval shows how precisely a few runs determine the
    mean over all seeds: of 100 such intervals, each from new seeds, about 95 contain the true
    mean. The values are assumed to be normally distributed.

    Args:
        values: One number for each seed, such as accuracies; a sequence, or a tensor ``(n,)``.
        confidence: Confidence level, between 0 and 1.

    Returns:
        Mean, bounds, sample standard deviation, count and confidence.

    Raises:
        ValueError: There are fewer than 2 values, or one is larger than 1e100 in magnitude.

    Examples:
        >>> from cnnbook.metrics import mean_interval
        >>> interval = mean_interval([1, 2, 3])
        >>> interval.mean, interval.deviation
        (2.0, 1.0)
        >>> print(interval)
        2 +- 2 (95 % interval of the mean of 3)

        The table of Student's t distribution has 4.303 for 2 degrees of freedom and 95 %.

        >>> round(interval.high - interval.mean, 3), round(4.303 * 1.0 / 3**0.5, 3)
        (2.484, 2.484)

        Equal values have an interval of width 0.

        >>> print(mean_interval([0.5, 0.5]))
        0.5 +- 0 (95 % interval of the mean of 2)
        >>> mean_interval([0.87])
        Traceback (most recent call last):
            ...
        ValueError: values: expected at least 2 values, got 1; one run does not show how much runs \
differ

    Source:
        Student (1908), The probable error of a mean.
    """
    checked = _check_values(values, name="values")
    return _interval(checked, _check_confidence(confidence))


def _interval(values: Sequence[float], confidence: float) -> MeanInterval:
    # Imported here: it takes about a second, and only an interval needs it.
    from scipy import stats

    count = len(values)
    mean = math.fsum(values) / count
    # Not statistics.stdev or scipy's intervals: hypot scales before it squares, so that values
    # such as 1e-200 do not underflow to a deviation of 0.
    deviation = math.hypot(*(value - mean for value in values)) / math.sqrt(count - 1)
    half = float(stats.t.isf((1 - confidence) / 2, count - 1)) * deviation / math.sqrt(count)
    return MeanInterval(mean, mean - half, mean + half, deviation, count, confidence)


@dataclass(frozen=True)
class PairedComparison:
    """The comparison of two networks over the same seeds.

    Attributes:
        differences: First minus second, one for each seed.
        interval: Mean of the differences with its confidence interval.
        first_larger: Number of seeds for which the first is larger.
        second_larger: Number of seeds for which the second is larger.
        ties: Number of seeds for which both are equal.
        p_value: Probability of a mean difference of at least this magnitude if the true mean
            difference is 0, by the two-sided paired t test.

    Examples:
        >>> from cnnbook.metrics import MeanInterval, PairedComparison
        >>> interval = MeanInterval(0.5, 0.0, 1.0, 0.4, 3, 0.95)
        >>> print(PairedComparison((0.0, 0.5, 1.0), interval, 2, 0, 1, 0.05))
        First minus second: 0.5 +- 0.5 (95 % interval of the mean of 3); the first is larger 2 \
times, the second 0 times, 1 tie; p = 0.05 (two-sided paired t test).
    """

    differences: tuple[float, ...]
    interval: MeanInterval
    first_larger: int
    second_larger: int
    ties: int
    p_value: float

    def __str__(self) -> str:
        """Return difference, counts and p value as one sentence."""

        def counted(count: int, noun: str) -> str:
            return f"{count} {noun}{'' if count == 1 else 's'}"

        return (
            f"First minus second: {self.interval}; the first is larger "
            f"{counted(self.first_larger, 'time')}, the second "
            f"{counted(self.second_larger, 'time')}, {counted(self.ties, 'tie')}; "
            f"p = {self.p_value:.2g} (two-sided paired t test)."
        )


def compare_paired(
    first: Sequence[float] | torch.Tensor,
    second: Sequence[float] | torch.Tensor,
    *,
    confidence: float = 0.95,
) -> PairedComparison:
    """Compare two networks that were trained with the same seeds, by the paired t test.

    A seed that is good for one network is often good for the other. The difference within each
    seed removes what both have in common, so that a smaller effect is significant than in a
    comparison of two means.

    Args:
        first: One number for each seed; a sequence, or a tensor ``(n,)``.
        second: The other network's numbers, in the same order of seeds.
        confidence: Confidence level of the difference's interval, between 0 and 1.

    Returns:
        Differences, their mean with its interval, how often each is larger, and the p value. If
        all differences are equal, the p value is 0, or 1 if they are all 0.

    Raises:
        ValueError: There are fewer than 2 values, the lengths differ, or a value is larger than
            1e100 in magnitude.

    Examples:
        >>> from cnnbook.metrics import compare_paired
        >>> result = compare_paired([5, 7, 9], [4, 5, 6])
        >>> result.differences, result.first_larger
        ((1.0, 2.0, 3.0), 3)
        >>> print(result)
        First minus second: 2 +- 2 (95 % interval of the mean of 3); the first is larger 3 times, \
the second 0 times, 0 ties; p = 0.074 (two-sided paired t test).

        With 2 degrees of freedom the p value is 1 - t / sqrt(t**2 + 2); here t = 2 * sqrt(3).

        >>> round(result.p_value, 6), round(1 - (12 / 14) ** 0.5, 6)
        (0.07418, 0.07418)
        >>> compare_paired([1, 2], [1, 2]).p_value
        1.0
        >>> compare_paired([1, 2, 3], [1, 2])
        Traceback (most recent call last):
            ...
        ValueError: second: expected 3 values, one for each of first, got 2

    Source:
        Student (1908), The probable error of a mean, section IX, which compares two drugs.
    """
    from scipy import stats

    left, right = _check_values(first, name="first"), _check_values(second, name="second")
    confidence = _check_confidence(confidence)
    if len(left) != len(right):
        raise ValueError(
            f"second: expected {len(left)} values, one for each of first, got {len(right)}"
        )
    differences = tuple(a - b for a, b in zip(left, right, strict=True))
    interval = _interval(differences, confidence)
    # stats.ttest_rel(left, right), but with the deviation above, which does not underflow.
    if interval.deviation:
        t = abs(interval.mean) * math.sqrt(interval.count) / interval.deviation
        p_value = 2 * float(stats.t.sf(t, interval.count - 1))
    else:
        p_value = 0.0 if interval.mean else 1.0
    return PairedComparison(
        differences,
        interval,
        first_larger=sum(a > b for a, b in zip(left, right, strict=True)),
        second_larger=sum(a < b for a, b in zip(left, right, strict=True)),
        ties=sum(a == b for a, b in zip(left, right, strict=True)),
        p_value=p_value,
    )
