"""How good a network is: scores, accuracy, confusion, intervals over seeds, occlusion."""

import functools
import math
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from cnnbook._checks import check_float, check_images, check_int, check_number_type, pair
from cnnbook._devices import best_device, check_device
from cnnbook.networks import preserve_mode

__all__ = [
    "MeanInterval",
    "PairedComparison",
    "TopLosses",
    "accuracy",
    "compare_paired",
    "confusion_matrix",
    "mean_interval",
    "occlusion_map",
    "predict_scores",
    "top_losses",
]

_WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
_REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
# Classes of the largest confusion matrix: 800 MB of counts.
_MOST_CLASSES = 10_000
# Beyond this the square of a number may overflow.
_LARGEST = 1e100


def _check_stored(tensor: torch.Tensor, *, name: str) -> None:
    """Refuse anything that is not a tensor with numbers in rows and columns."""
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"{name}: expected a torch.Tensor, got {type(tensor).__name__}")
    if tensor.layout != torch.strided:
        raise TypeError(f"{name}: expected a dense tensor, got {tensor.layout}")
    if tensor.is_meta:
        raise ValueError(f"{name}: expected numbers, got a tensor of the meta device, without any")


def predict_scores(
    net: torch.nn.Module,
    images: torch.Tensor,
    *,
    micro_batch_size: int = 250,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Compute a network's scores, in evaluation mode and without gradients.

    Args:
        net: The network; it is moved to ``device``, its mode is put back.
        images: Images ``(n, c, h, w)``.
        micro_batch_size: Images taken at a time, which bounds the memory.
        device: Where to compute; ``best_device()`` where it is left out.

    Returns:
        The scores, shape ``(n, classes)``, on the images' device.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: ``images`` is empty or does not have four axes, ``micro_batch_size`` is below 1, or
            the network does not take the images or does not give one row of scores for each.
        RuntimeError: ``device`` is not there.

    Examples:
        >>> import torch
        >>> from cnnbook.metrics import predict_scores
        >>> predict_scores(torch.nn.Flatten(), torch.arange(4.0).reshape(2, 1, 1, 2)).tolist()
        [[0.0, 1.0], [2.0, 3.0]]
        >>> predict_scores(torch.nn.Flatten(), torch.zeros(0, 1, 1, 2))
        Traceback (most recent call last):
            ...
        ValueError: images: expected at least one image, got an empty batch

    Source:
        Derived here.
    """
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"net: expected a torch.nn.Module, got {type(net).__name__}")
    check_images(images)
    _check_stored(images, name="images")
    if len(images) == 0:
        raise ValueError("images: expected at least one image, got an empty batch")
    micro_batch_size = check_int(micro_batch_size, name="micro_batch_size", minimum=1)
    device = best_device() if device is None else check_device(device)
    scores = []
    with preserve_mode(net, training=False), torch.no_grad():
        for some in torch.split(images, micro_batch_size):
            try:
                some_scores = net.to(device)(some.to(device))
            # What a network raises for images that it does not take is up to its author.
            except Exception as error:
                message = (str(error).splitlines() or [type(error).__name__])[0]
                raise ValueError(
                    "net: expected a network that takes images of shape "
                    f"{tuple(images.shape[1:])} and dtype {images.dtype}, {len(some)} at a time, "
                    f"got an error: {message}"
                ) from error
            if not isinstance(some_scores, torch.Tensor) or (
                some_scores.ndim != 2 or len(some_scores) != len(some)
            ):
                got = getattr(some_scores, "shape", type(some_scores).__name__)
                raise ValueError(
                    f"net: expected scores ({len(some)}, classes) for {len(some)} images, got "
                    f"{got if isinstance(got, str) else tuple(got)}"
                )
            scores.append(some_scores.to(images.device))
    return torch.cat(scores)


def _class_numbers(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the labels as class numbers, after both have been checked."""
    for name, tensor in (("scores", scores), ("labels", labels)):
        _check_stored(tensor, name=name)
    if scores.dtype not in (*_WHOLE, *_REAL):
        raise TypeError(
            f"scores: expected real numbers, got {scores.dtype}; convert with scores.float()"
        )
    if scores.ndim != 2 or 0 in scores.shape:
        raise ValueError(
            "scores: expected (n, classes) with at least one of each, got "
            f"{tuple(scores.shape)}; predict_scores(net, images) gives them"
        )
    # argmax takes NaN for the largest, so a broken network would look like one that always
    # answers class 0: right in a tenth of the cases, and nobody would ask further.
    if torch.isnan(scores).any():
        bad = int(torch.isnan(scores).any(dim=1).sum())
        raise ValueError(
            f"scores: expected numbers, got NaN for {bad} of {len(scores)} images; "
            "the network's weights or the images are broken"
        )
    if torch.isinf(scores).any():
        bad = int(torch.isinf(scores).any(dim=1).sum())
        raise ValueError(
            f"scores: expected finite numbers, got infinity for {bad} of {len(scores)} images; "
            f"{scores.dtype} was too narrow for them, or the network's weights are broken"
        )
    count, classes = scores.shape
    if labels.shape == scores.shape:
        if labels.dtype not in (*_WHOLE, *_REAL, torch.bool):
            raise TypeError(f"labels: expected ones and zeros, got {labels.dtype}")
        ones = labels == 1
        if not ((ones | (labels == 0)).all() and (ones.sum(dim=1) == 1).all()):
            raise ValueError("labels: expected one 1 and otherwise 0 in each row, got others")
        # As whole numbers, since torch finds no largest truth value.
        return ones.to(torch.uint8).argmax(dim=1).to(scores.device)
    if labels.shape != (count,):
        raise ValueError(
            f"labels: expected class numbers ({count},) or one-hot ({count}, {classes}), "
            f"got {tuple(labels.shape)}"
        )
    if labels.dtype not in _WHOLE:
        raise TypeError(
            f"labels: expected whole class numbers, got {labels.dtype}; convert with labels.long()"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"labels: expected class numbers 0 to {classes - 1}, since there are {classes} "
            f"scores an image, got {low} to {high}"
        )
    return labels.to(scores.device, torch.int64)


def accuracy(scores: torch.Tensor, labels: torch.Tensor) -> float:
    """Compute the share of images whose largest score belongs to their class.

    Args:
        scores: A network's scores ``(n, classes)``, as from ``predict_scores``.
        labels: Class numbers ``(n,)`` or one-hot labels ``(n, classes)``.

    Returns:
        A number from 0 to 1. Of equal largest scores the first counts as the answer.

    Raises:
        TypeError: An argument is not a tensor, or labels are not whole numbers.
        ValueError: Shapes do not fit, a label is out of range, or a score is NaN or infinite.

    Examples:
        >>> import torch
        >>> from cnnbook.metrics import accuracy
        >>> scores = torch.tensor([[3.0, 1.0], [0.0, 2.0], [5.0, 4.0], [1.0, 0.0]])
        >>> accuracy(scores, torch.tensor([0, 1, 1, 0]))
        0.75
        >>> accuracy(scores, torch.eye(2)[[0, 1, 0, 0]])
        1.0
        >>> accuracy(scores / 0 * 0, torch.tensor([0, 1, 1, 0]))
        Traceback (most recent call last):
            ...
        ValueError: scores: expected numbers, got NaN for 4 of 4 images; the network's weights \
or the images are broken

    Source:
        Fawcett (2006), An introduction to ROC analysis, section 2.
    """
    actual = _class_numbers(scores, labels)
    return int((scores.argmax(dim=1) == actual).sum()) / len(actual)


def confusion_matrix(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Count which class was taken for which.

    Args:
        scores: A network's scores ``(n, classes)``, as from ``predict_scores``.
        labels: Class numbers ``(n,)`` or one-hot labels ``(n, classes)``.

    Returns:
        Counts, shape ``(classes, classes)``, int64: row ``i`` and column ``j`` count the images
        of class ``i`` that were called ``j``. The diagonal holds the right answers.

    Raises:
        TypeError: An argument is not a tensor, or labels are not whole numbers.
        ValueError: Shapes do not fit, a label is out of range, a score is NaN or infinite, or
            there are over 10,000 classes.

    Examples:
        >>> import torch
        >>> from cnnbook.metrics import confusion_matrix
        >>> scores = torch.tensor([[3.0, 1.0], [0.0, 2.0], [5.0, 4.0], [1.0, 0.0]])
        >>> confusion_matrix(scores, torch.tensor([0, 1, 1, 0])).tolist()
        [[2, 0], [1, 1]]

        A class that did not occur has a row of zeros.

        >>> confusion_matrix(scores, torch.tensor([0, 0, 0, 0])).tolist()
        [[3, 1], [0, 0]]
        >>> confusion_matrix(scores, torch.tensor([0, 1, 2, 0]))
        Traceback (most recent call last):
            ...
        ValueError: labels: expected class numbers 0 to 1, since there are 2 scores an image, \
got 0 to 2

    Source:
        Fawcett (2006), An introduction to ROC analysis, section 2.
    """
    actual = _class_numbers(scores, labels)
    classes = scores.shape[1]
    if classes > _MOST_CLASSES:
        raise ValueError(f"scores: expected at most {_MOST_CLASSES:,} classes, got {classes:,}")
    pairs = actual * classes + scores.argmax(dim=1)
    return torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True, eq=False)
class TopLosses:
    """The images that a network got wrong with the most confidence, worst first.

    Attributes:
        indices: Which images, shape ``(k,)``, int64.
        actual: Their classes, shape ``(k,)``.
        predicted: What the network called them, shape ``(k,)``.
        probability: The probability it gave to their own class, shape ``(k,)``, from 0 to 1.

    Examples:
        >>> import torch
        >>> from cnnbook.metrics import TopLosses
        >>> one = torch.tensor([1])
        >>> print(TopLosses(one, one, one - 1, torch.tensor([0.0625])))
        image 1: class 1 called 0, probability of its own class 0.0625
    """

    indices: torch.Tensor
    actual: torch.Tensor
    predicted: torch.Tensor
    probability: torch.Tensor

    def __str__(self) -> str:
        """Return one line for each image."""
        if not len(self.indices):
            return "no image was called another class"
        return "\n".join(
            f"image {index}: class {actual} called {predicted}, "
            f"probability of its own class {probability:.4f}"
            for index, actual, predicted, probability in zip(
                self.indices.tolist(),
                self.actual.tolist(),
                self.predicted.tolist(),
                self.probability.tolist(),
                strict=True,
            )
        )


def top_losses(scores: torch.Tensor, labels: torch.Tensor, *, count: int = 10) -> TopLosses:
    """Find the wrongly classified images whose own class got the lowest probability.

    Args:
        scores: A network's scores ``(n, classes)``, as from ``predict_scores``.
        labels: Class numbers ``(n,)`` or one-hot labels ``(n, classes)``.
        count: How many to return; fewer where there are fewer mistakes.

    Returns:
        The images, worst first.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: Shapes do not fit, a label is out of range, a score is NaN or infinite, or
            ``count`` is below 1.

    Examples:
        >>> import torch
        >>> from cnnbook.metrics import top_losses
        >>> scores = torch.tensor([[3.0, 1.0], [9.0, 2.0], [5.0, 4.0], [1.0, 0.0]])
        >>> print(top_losses(scores, torch.tensor([0, 1, 1, 0])))
        image 1: class 1 called 0, probability of its own class 0.0009
        image 2: class 1 called 0, probability of its own class 0.2689
        >>> print(top_losses(scores, torch.tensor([0, 0, 0, 0])))
        no image was called another class
        >>> top_losses(scores, torch.tensor([0, 1, 1, 0]), count=0)
        Traceback (most recent call last):
            ...
        ValueError: count: expected at least 1, got 0

    Source:
        Derived here; ranking by the loss of the true class is common practice, see Howard and
        Gugger (2020), Deep Learning for Coders, chapter 2 (plot_top_losses).
    """
    actual = _class_numbers(scores, labels)
    count = check_int(count, name="count", minimum=1)
    predicted = scores.argmax(dim=1)
    log_probability = torch.log_softmax(scores.double(), dim=1)
    own = log_probability.gather(1, actual[:, None])[:, 0]
    wrong = (predicted != actual).nonzero()[:, 0]
    # Stable, so that equal ones keep the order of the images.
    worst = wrong[own[wrong].argsort(stable=True)][:count]
    return TopLosses(worst, actual[worst], predicted[worst], own[worst].exp())


def _t_probability(t: float, freedom: int) -> tuple[float, float]:
    """Return how probable it is that Student's t lies within -t to t, and outside.

    With ``angle = atan(t / sqrt(freedom))`` the probability within is a finite sum of powers of
    its cosine. The infinite sum is 1, so what follows the last term is the probability outside;
    it is added up where it is the smaller, since 1 minus the other would lose its digits.

    Source: Abramowitz and Stegun (1964), formulas 26.7.3 (odd) and 26.7.4 (even); the remainder
    is derived here from the series of arcsin(x) and of (1 - x**2) ** -0.5.
    """
    length = math.hypot(t, math.sqrt(freedom))
    sine, cosine = t / length, math.sqrt(freedom) / length
    angle = math.atan2(t, math.sqrt(freedom))
    odd = freedom % 2
    # The first term; of the odd sum without the angle itself, which stands before it.
    first = sine * cosine * 2 / math.pi if odd else sine
    terms = (freedom - 1) // 2 if odd else freedom // 2

    def ratios(start: int, count: int) -> torch.Tensor:
        """Return each term divided by the one before it."""
        k = torch.arange(start, start + count, dtype=torch.float64)
        factor = 2 * k / (2 * k + 1) if odd else (2 * k - 1) / (2 * k)
        return factor * cosine**2

    # Products of the ratios give the terms behind the first, in units of the first.
    behind = torch.cumprod(ratios(1, max(terms - 1, 0)), 0)
    if t * t <= freedom:
        inside = first * (1 + behind.sum().item()) if terms else 0.0
        inside += angle * 2 / math.pi if odd else 0.0
        return inside, 1 - inside
    # Each ratio is at most 1/2 here, so that 60 terms leave less than float64 can tell.
    last = first * (behind[-1].item() if len(behind) else 1.0)
    if terms == 0:
        # Of one degree of freedom the sum is empty, and all of it is remainder.
        rest = first * (1 + torch.cumprod(ratios(1, 60), 0).sum().item())
    else:
        rest = last * torch.cumprod(ratios(terms, 60), 0).sum().item()
    return 1 - rest, rest


@functools.lru_cache
def _t_quantile(confidence: float, freedom: int) -> float:
    """Return the t that Student's t exceeds in size with probability ``1 - confidence``."""

    def too_small(t: float) -> bool:
        inside, outside = _t_probability(t, freedom)
        # The smaller of the two has the digits.
        return inside < confidence if confidence < 0.5 else outside > 1 - confidence

    low, high = 0.0, 1.0
    while too_small(high):
        low, high = high, 2 * high
    while low < (middle := low + (high - low) / 2) < high:
        low, high = (middle, high) if too_small(middle) else (low, middle)
    return high


def _numbers(values: Sequence[float] | torch.Tensor, *, name: str) -> list[float]:
    """Return at least two finite numbers as floats, after they have been checked."""
    if isinstance(values, torch.Tensor):
        _check_stored(values, name=name)
        if values.ndim != 1:
            raise ValueError(f"{name}: expected a tensor of one axis, got {tuple(values.shape)}")
        if values.dtype not in (*_WHOLE, *_REAL):
            raise TypeError(f"{name}: expected real numbers, got {values.dtype}")
        found = [float(value) for value in values.tolist()]
    else:
        text = isinstance(values, (str, bytes, bytearray))
        if text or not isinstance(values, Sequence):
            iterable = isinstance(values, Iterable) and not text
            remedy = f"; convert with list({name})" if iterable else ""
            raise TypeError(
                f"{name}: expected a sequence of numbers or a tensor of one axis, got "
                f"{type(values).__name__}{remedy}"
            )
        found = []
        for position, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, numbers.Real):
                raise TypeError(
                    f"{name}: expected real numbers, got {value!r} at position {position}"
                )
            try:
                found.append(float(value))
            except OverflowError:
                found.append(math.inf)
    if len(found) < 2:
        raise ValueError(
            f"{name}: expected at least 2 values, got {len(found)}; "
            "one run says nothing of how much runs differ"
        )
    for position, number in enumerate(found):
        # Written so that NaN does not pass.
        if not abs(number) <= _LARGEST:
            raise ValueError(
                f"{name}: expected finite numbers of at most {_LARGEST:g} in size, got {number} "
                f"at position {position}"
            )
    return found


def _check_confidence(confidence: float) -> float:
    if isinstance(confidence, bool) or not isinstance(confidence, numbers.Real):
        raise TypeError(f"confidence: expected a number between 0 and 1, got {confidence!r}")
    # Compared before it is converted: a float would round 10**400 to an error.
    if not 0 < confidence < 1 or not 0 < float(confidence) < 1:
        raise ValueError(
            f"confidence: expected a number between 0 and 1, got {confidence!r}"
            + ("; 95 % is 0.95" if 1 <= confidence <= 100 else "")
        )
    return float(confidence)


@dataclass(frozen=True)
class MeanInterval:
    """A mean over several runs, and between which bounds the true mean probably lies.

    Attributes:
        mean: The mean of the values.
        low: The lower bound.
        high: The upper bound.
        deviation: The sample standard deviation of the values, with ``count - 1`` below the sum.
        count: How many values there are.
        confidence: How many of such intervals hold the true mean, from 0 to 1.

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
        """Return mean and half width, to the digit that the half width leaves certain."""
        half = (self.high - self.low) / 2
        # One digit of the half width, two where it starts with 1: 0.014 as 0.01 would be a third
        # too narrow.
        leading = f"{half:.0e}"
        places = max(0, -int(leading[2:]) + leading.startswith("1"))
        # With a z a mean that rounds to zero has no sign.
        shown = f"{self.mean:z.{places}f} +- {half:.{places}f}"
        # Where that would be a row of noughts.
        if not half or places > 15 or half >= 1e6:
            shown = f"{self.mean:.6g} +- {half:.1g}"
        percent = f"{100 * self.confidence:.12g}"
        return f"{shown} ({percent} % interval of the mean of {self.count})"


def mean_interval(
    values: Sequence[float] | torch.Tensor, *, confidence: float = 0.95
) -> MeanInterval:
    """Compute the mean over seeds and Student's t interval around it.

    One run says how good one start was. The interval says how well the mean over all starts is
    known from the few that were tried: of 100 such intervals, each from new seeds, about 95 hold
    the true mean. It supposes that the values scatter like a normal distribution.

    Args:
        values: One number for each seed, such as accuracies; a sequence, or a tensor ``(n,)``.
        confidence: How sure the interval is, between 0 and 1.

    Returns:
        Mean, bounds, sample standard deviation, count and confidence.

    Raises:
        TypeError: ``values`` is no sequence or tensor of real numbers, or ``confidence`` is no
            number.
        ValueError: There are fewer than 2 values, one is NaN, infinite or above 1e100 in size, or
            ``confidence`` is not between 0 and 1.

    Examples:
        >>> from cnnbook.metrics import mean_interval
        >>> interval = mean_interval([1, 2, 3])
        >>> interval.mean, interval.deviation
        (2.0, 1.0)
        >>> print(interval)
        2 +- 2 (95 % interval of the mean of 3)

        The table of Student's t gives 4.303 for 2 degrees of freedom and 95 %.

        >>> round(interval.high - interval.mean, 3), round(4.303 * 1.0 / 3**0.5, 3)
        (2.484, 2.484)

        Equal values leave no doubt, as far as they can tell.

        >>> print(mean_interval([0.5, 0.5]))
        0.5 +- 0 (95 % interval of the mean of 2)
        >>> mean_interval([0.87])
        Traceback (most recent call last):
            ...
        ValueError: values: expected at least 2 values, got 1; one run says nothing of how much \
runs differ

    Source:
        Student (1908), The probable error of a mean; Abramowitz and Stegun (1964), formulas 26.7.3
        and 26.7.4, for the distribution.
    """
    found = _numbers(values, name="values")
    return _interval(found, _check_confidence(confidence))


def _interval(found: Sequence[float], confidence: float) -> MeanInterval:
    count = len(found)
    mean = math.fsum(found) / count
    # hypot scales before it squares, so that neither 1e-200 nor 1e99 is lost.
    deviation = math.hypot(*(value - mean for value in found)) / math.sqrt(count - 1)
    half = _t_quantile(confidence, count - 1) * deviation / math.sqrt(count)
    return MeanInterval(mean, mean - half, mean + half, deviation, count, confidence)


@dataclass(frozen=True)
class PairedComparison:
    """How two networks compare over the same seeds.

    Attributes:
        differences: First minus second, one for each seed.
        interval: Mean of the differences and the interval around it.
        first_larger: For how many seeds the first is the larger.
        second_larger: For how many the second is.
        ties: For how many they are equal.
        p_value: How probable a mean difference of this size or more would be if the two did not
            differ: the two-sided paired t test.

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
        """Return difference, wins and p value as one sentence."""

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
    """Compare two networks that were trained with the same seeds.

    Seeds differ, and a lucky one is often lucky for both. The difference within each seed leaves
    that out, so that a smaller effect can be told from chance than by comparing two means.

    Args:
        first: One number for each seed; a sequence, or a tensor ``(n,)``.
        second: The other network's numbers, in the same order of seeds.
        confidence: How sure the interval of the difference is, between 0 and 1.

    Returns:
        Differences, their mean with its interval, how often each is larger, and the p value. Where
        all differences are equal the p value is 0, or 1 if they are all 0.

    Raises:
        TypeError: ``first`` or ``second`` is no sequence or tensor of real numbers, or
            ``confidence`` is no number.
        ValueError: There are fewer than 2 values, or not as many of both, one is NaN, infinite or
            above 1e100 in size, or ``confidence`` is not between 0 and 1.

    Examples:
        >>> from cnnbook.metrics import compare_paired
        >>> result = compare_paired([5, 7, 9], [4, 5, 6])
        >>> result.differences, result.first_larger
        ((1.0, 2.0, 3.0), 3)
        >>> print(result)
        First minus second: 2 +- 2 (95 % interval of the mean of 3); the first is larger 3 times, \
the second 0 times, 0 ties; p = 0.074 (two-sided paired t test).

        With 2 degrees of freedom the p value is 1 - t / sqrt(t**2 + 2), here of t = 2 * sqrt(3).

        >>> round(result.p_value, 6), round(1 - (12 / 14) ** 0.5, 6)
        (0.07418, 0.07418)
        >>> compare_paired([1, 2], [1, 2]).p_value
        1.0
        >>> compare_paired([1, 2, 3], [1, 2])
        Traceback (most recent call last):
            ...
        ValueError: second: expected 3 values, one for each of first, got 2

    Source:
        Student (1908), The probable error of a mean, section IX, compares two drugs so.
    """
    left, right = _numbers(first, name="first"), _numbers(second, name="second")
    confidence = _check_confidence(confidence)
    if len(left) != len(right):
        raise ValueError(
            f"second: expected {len(left)} values, one for each of first, got {len(right)}"
        )
    differences = tuple(a - b for a, b in zip(left, right, strict=True))
    interval = _interval(differences, confidence)
    if interval.deviation:
        t = abs(interval.mean) * math.sqrt(interval.count) / interval.deviation
        _, p_value = _t_probability(t, interval.count - 1)
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


_WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def _check_classes(classes: torch.Tensor, count: int) -> None:
    if not isinstance(classes, torch.Tensor):
        raise TypeError(
            f"classes: expected a torch.Tensor, got {type(classes).__name__}; "
            "convert with torch.tensor(classes)"
        )
    if classes.dtype not in _WHOLE or classes.layout != torch.strided:
        raise TypeError(
            "classes: expected a dense tensor of whole class numbers, got "
            f"{classes.dtype} ({classes.layout})"
        )
    if classes.shape != (count,):
        remedy = "; convert with classes.argmax(dim=1)" if classes.ndim == 2 else ""
        raise ValueError(
            f"classes: expected class numbers ({count},), one for each image, got "
            f"{tuple(classes.shape)}{remedy}"
        )
    if classes.is_meta:
        raise ValueError("classes: expected numbers, got a tensor of the meta device, without any")


def occlusion_map(
    net: torch.nn.Module,
    images: torch.Tensor,
    classes: torch.Tensor,
    *,
    patch: int | tuple[int, int],
    stride: int | tuple[int, int] = 1,
    fill: float = 0.5,
    micro_batch_size: int = 250,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Cover each image with a patch, place by place, and note by how much a class's score drops.

    Where the drop is above 0, what lay under the patch spoke for the class, or the patch itself
    speaks against it: the network sees an image with a patch on it, not one with a hole. A map is
    that of one patch size and one fill.

    Args:
        net: The network; it is moved to ``device``, its mode is put back.
        images: Images ``(n, c, h, w)``, floating-point.
        classes: For each image the number of the class whose score is watched, shape ``(n,)``.
        patch: Rows and columns of the patch, one number or two.
        stride: The step from one place to the next, down and to the right.
        fill: What every pixel under the patch becomes, in all channels.
        micro_batch_size: Covered images taken at a time, which bounds the memory.
        device: Where to compute; ``best_device()`` where it is left out.

    Returns:
        Score without the patch minus score with it, shape ``(n, 1, rows, columns)``: a number for
        each place, as many as a convolution with a kernel of the patch's size has.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: ``images`` is empty, does not have four axes or has numbers that are not
            finite, the patch is larger than the images, a class is out of range, a number is too
            small or too large, or the network does not take the images or gives scores that are
            not finite.
        RuntimeError: ``device`` is not there.

    Examples:
        A network that adds up three pixels, the last one twice. Covered with zeros, each takes with
        it what it gave:

        >>> import torch
        >>> from cnnbook.metrics import occlusion_map
        >>> linear = torch.nn.Linear(3, 1, bias=False)
        >>> with torch.no_grad():
        ...     _ = linear.weight.copy_(torch.tensor([[1.0, 1.0, 2.0]]))
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), linear)
        >>> image, first = torch.tensor([[[[4.0, 0.0, 3.0]]]]), torch.tensor([0])
        >>> occlusion_map(net, image, first, patch=1, fill=0).tolist()
        [[[[4.0, 0.0, 6.0]]]]

        A patch of ones adds to a pixel of 0, so the drop is below 0 there: 1 * (0 - 1).

        >>> occlusion_map(net, image, first, patch=1, fill=1).tolist()
        [[[[3.0, -1.0, 4.0]]]]

        A patch over the whole image leaves one place.

        >>> occlusion_map(net, image, first, patch=(1, 3), fill=0).tolist()
        [[[[10.0]]]]
        >>> occlusion_map(net, image, first, patch=2)
        Traceback (most recent call last):
            ...
        ValueError: patch: expected at most the image's 1 x 3 pixels, got 2 x 2

    Source:
        Zeiler and Fergus (2014), Visualizing and understanding convolutional networks, section 4.2,
        who watch the probability of the class. A probability falls when another score rises;
        scores are watched here, so that the map of a linear network can be worked out by hand.
    """
    check_images(images)
    check_number_type(images, name="images")
    if images.is_complex():
        raise TypeError(f"images: expected real numbers, got {images.dtype}")
    _check_classes(classes, len(images))
    patch_rows, patch_columns = pair(patch, name="patch", minimum=1)
    down, right = pair(stride, name="stride", minimum=1)
    fill = check_float(fill, name="fill", above=-float("inf"))
    if abs(fill) > torch.finfo(images.dtype).max:
        raise ValueError(f"fill: expected a number that {images.dtype} can hold, got {fill:g}")
    micro_batch_size = check_int(micro_batch_size, name="micro_batch_size", minimum=1)
    height, width = images.shape[2:]
    if patch_rows > height or patch_columns > width:
        raise ValueError(
            f"patch: expected at most the image's {height} x {width} pixels, got "
            f"{patch_rows} x {patch_columns}"
        )
    scores = predict_scores(net, images, micro_batch_size=micro_batch_size, device=device)
    if not torch.isfinite(images).all():
        raise ValueError("images: expected finite numbers, got NaN or infinity among them")
    classes = classes.to(images.device, torch.int64)
    low, high = int(classes.min()), int(classes.max())
    if low < 0 or high >= scores.shape[1]:
        raise ValueError(
            f"classes: expected class numbers 0 to {scores.shape[1] - 1}, since there are "
            f"{scores.shape[1]} scores an image, got {low} to {high}"
        )
    top = torch.arange(0, height - patch_rows + 1, down, device=images.device)
    left = torch.arange(0, width - patch_columns + 1, right, device=images.device)
    row, column = (torch.arange(size, device=images.device) for size in (height, width))
    # (places, pixels along the side): whether the patch at this place covers the pixel.
    in_rows = (row >= top[:, None]) & (row < top[:, None] + patch_rows)
    in_columns = (column >= left[:, None]) & (column < left[:, None] + patch_columns)
    drops = []
    # Every pair of image and place, image by image.
    everything = torch.arange(len(images) * len(top) * len(left), device=images.device)
    for some in torch.split(everything, micro_batch_size):
        image = some // (len(top) * len(left))
        position = some % (len(top) * len(left))
        covered = in_rows[position // len(left), :, None] & in_columns[position % len(left), None]
        patched = torch.where(covered[:, None], fill, images[image])
        still = predict_scores(net, patched, micro_batch_size=micro_batch_size, device=device)
        watched = classes[image][:, None]
        drops.append(scores[image].gather(1, watched) - still.gather(1, watched))
    drop = torch.cat(drops).reshape(len(images), 1, len(top), len(left))
    if not torch.isfinite(drop).all():
        raise ValueError("net: expected finite scores, got NaN or infinity among them")
    return drop
