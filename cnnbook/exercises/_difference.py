"""Compares results, and describes how they differ without saying what is right."""

import math
from collections.abc import Mapping

import torch

from cnnbook.exercises._answers import Kind, Layer, Numbers
from cnnbook.exercises._reading import Unreadable

__all__ = ["describe_difference", "equal"]

# Numbers that are called nearly right differ by at most 2 %, as 0.33 does from 1/3.
_NEARLY = 0.02
# Wide enough for float32. A difference of the same size everywhere must be larger than this.
_ROUNDING = 1e-3

Results = Mapping[str, torch.Tensor | Unreadable]


def equal(given: Results, other: Results, kind: Kind, *, tolerance: float) -> bool:
    """Return whether all results are equal; results without numbers are, whatever the reasons.

    Examples:
        >>> import torch
        >>> from cnnbook.exercises._answers import Numbers
        >>> from cnnbook.exercises._difference import equal
        >>> kind = Numbers("one number")
        >>> equal(kind.read(7), kind.read([[7.0004]]), kind, tolerance=1e-3)
        True
    """
    return all(_same(given[name], other[name], kind, tolerance) for name in other)


def _same(
    got: torch.Tensor | Unreadable, want: torch.Tensor | Unreadable, kind: Kind, tolerance: float
) -> bool:
    if isinstance(got, Unreadable) or isinstance(want, Unreadable):
        return isinstance(got, Unreadable) and isinstance(want, Unreadable)
    return _close(*_aligned(got, want, kind), tolerance)


def _aligned(
    got: torch.Tensor, want: torch.Tensor, kind: Kind
) -> tuple[torch.Tensor, torch.Tensor]:
    """Drop axes of length 1 around a single number, and before any numbers that are handed in."""
    if not want.ndim and got.numel() == 1:
        return got.reshape(()), want
    if isinstance(kind, Numbers):
        return _without_leading_ones(got), _without_leading_ones(want)
    return got, want


def _without_leading_ones(numbers: torch.Tensor) -> torch.Tensor:
    while numbers.ndim and numbers.shape[0] == 1:
        numbers = numbers[0]
    return numbers


def _close(got: torch.Tensor, want: torch.Tensor, tolerance: float) -> bool:
    return got.shape == want.shape and torch.allclose(got, want, rtol=0, atol=tolerance)


def describe_difference(given: Results, expected: Results, kind: Kind, *, tolerance: float) -> str:
    """Describe the first result that differs from the expected one, in whole sentences.

    Examples:
        >>> from cnnbook.exercises._answers import Numbers
        >>> from cnnbook.exercises._difference import describe_difference
        >>> kind = Numbers("two numbers")
        >>> describe_difference(kind.read([3, 5]), kind.read([3, 4]), kind, tolerance=0)
        '1 of 2 numbers is wrong, the one at index 1.'
    """
    for name, want in expected.items():
        got = given[name]
        if isinstance(got, Unreadable):
            return str(got)
        if isinstance(want, Unreadable):
            raise AssertionError("the right answer can be read")
        if _same(got, want, kind, tolerance):
            continue
        if isinstance(kind, Layer) and kind.measure is not None:
            return f"{name}, {_show(got)}, is not the one that is asked for."
        if isinstance(kind, Numbers) and want.ndim == 1 and list(got.shape) == want.tolist():
            return "that is the result and not its shape: hand in the shape."
        got, want = _aligned(got, want, kind)
        return (
            _describe_not_finite(name, got)
            or _describe_shape(name, got, want, kind)
            or _describe_number(name, got, want, kind)
            or _describe_order(name, got, want)
            or _describe_offset(name, got, want, kind)
            or _describe_count(name, got, want, kind, tolerance)
        )
    raise AssertionError("called for answers that differ")


def _show(numbers: torch.Tensor) -> str:
    if numbers.ndim:
        return f"({', '.join(_show(one) for one in numbers)})"
    number = numbers.item()
    return f"{number:,.0f}" if number == round(number) and abs(number) < 1e15 else f"{number:.6g}"


def _describe_not_finite(name: str, got: torch.Tensor) -> str:
    if got.isnan().any():
        return f'{name} contains NaN, "not a number", as 0 / 0 gives it.'
    if got.isinf().any():
        return f"{name} contains infinity: a number was divided by 0 or grew too large."
    return ""


def _describe_shape(name: str, got: torch.Tensor, want: torch.Tensor, kind: Kind) -> str:
    have, need = tuple(got.shape), tuple(want.shape)
    if have == need:
        return ""
    # What a function or a layer returns has no description of its own.
    asked = {0: "one number", 1: "a row of numbers"}.get(len(need), f"a tensor of {len(need)} axes")
    asked = kind.description if isinstance(kind, Numbers) else asked
    if not got.numel():
        return f"{name} is empty: its shape is {have}."
    if not need:
        return f"{name} has {got.numel()} numbers, and the exercise asks for {asked}."
    if not have:
        return f"{name} is a single number, and the exercise asks for {asked}."
    if got.numel() == want.numel() and _close(got.flatten(), want.flatten(), _ROUNDING):
        return f"the numbers are right, but {name} has the shape {have}: {_axes_rule(have, need)}"
    if len(have) != len(need):
        return f"{name} has the shape {have}, and the exercise asks for {asked}."
    if len(have) == 1:
        return f"{name} has {have[0]} numbers, which is too {'many' if have > need else 'few'}."
    if have == (*need[:-2], need[-1], need[-2]):
        return f"{name} has the shape {have}: rows and columns are swapped."
    if have[:-2] == need[:-2] and max(abs(a - b) for a, b in zip(have, need, strict=True)) == 1:
        return f"{name} has the shape {have}, which is off by one."
    return f"{name} has the wrong shape, {have}."


def _axes_rule(have: tuple[int, ...], need: tuple[int, ...]) -> str:
    if len(need) == 4:
        return "images have four axes, (images, channels, rows, columns)."
    if len(need) == 1:
        return "the numbers belong in one row."
    if len(have) == len(need):
        return "look at the order of its axes."
    return "an axis is missing." if len(have) < len(need) else "that is an axis too many."


def _describe_number(name: str, got: torch.Tensor, want: torch.Tensor, kind: Kind) -> str:
    if want.ndim:
        return ""
    whole = bool(want == want.round())
    is_result = not isinstance(kind, Numbers)
    shown = f"{name} is {_show(got)}, which is" if is_result else f"{_show(got)} is"
    if whole and not is_result and got != got.round():
        return f"{shown} not a whole number."
    if want and math.isclose(got, -want, rel_tol=1e-4, abs_tol=_ROUNDING):
        return f"{shown} wrong only in its sign."
    if _is_rounded(got.item(), want.item()):
        return f"{shown} nearly right: compute with more decimals, and round at the end."
    return f"{shown} too {'large' if got > want else 'small'}."


def _is_rounded(got: float, want: float) -> bool:
    """Return whether a number is another one, rounded or cut off after one to three decimals."""
    return any(
        math.isclose(got, shorten(want * 10**digits) / 10**digits, abs_tol=1e-6)
        for digits in (1, 2, 3)
        for shorten in (round, math.trunc)
    )


def _describe_order(name: str, got: torch.Tensor, want: torch.Tensor) -> str:
    """Recognise the right numbers at other places."""
    if want.ndim == 1 and _close(got.sort().values, want.sort().values, _ROUNDING):
        return f"{name} has the right numbers in another order."
    if want.ndim < 2:
        return ""
    if _close(got.mT, want, _ROUNDING):
        return f"{name} has its rows and columns swapped."
    flips = {"rows": (-2,), "columns": (-1,), "rows and columns": (-2, -1)}
    for reversed_ones, axes in flips.items():
        if _close(got.flip(axes), want, _ROUNDING):
            return f"{name} has its {reversed_ones} in reverse order: something was flipped."
    if want.ndim == 4 and want.shape[1] > 1:
        # Row k holds which channels of the right answer channel k is equal to.
        alike = (got[:, :, None] - want[:, None]).abs().amax(dim=(0, 3, 4)) <= _ROUNDING
        if alike.any(dim=0).all() and alike.any(dim=1).all():
            return f"{name} has the right channels in another order."
    return ""


def _describe_offset(name: str, got: torch.Tensor, want: torch.Tensor, kind: Kind) -> str:
    """Recognise a wrong sign, results that were rounded on the way, and a wrong bias."""
    if _close(-got, want, _ROUNDING):
        return f"every number of {name} has the wrong sign."
    difference = got - want
    # What is handed in as numbers has few decimals, and an answer beside it was not rounded.
    if not isinstance(kind, Numbers) and torch.allclose(got, want, rtol=_NEARLY, atol=_ROUNDING):
        return (
            f"every number of {name} is nearly right, as if something was rounded on the way: "
            "write fractions such as 1/3, and compute in float32."
        )
    # Only a layer has a bias. A kernel whose weights are wrong changes pixels by different amounts.
    if isinstance(kind, Layer) and want.ndim == 4:
        by_channel = difference.movedim(1, 0).flatten(1)
        if (by_channel - by_channel[:, :1]).abs().max() <= _ROUNDING:
            if len(by_channel) == 1:
                return f"every number of {name} is off by the same amount. Check the bias."
            return f"in each channel, {name} is off by the same amount. Check the biases."
    return ""


def _describe_count(
    name: str, got: torch.Tensor, want: torch.Tensor, kind: Kind, tolerance: float
) -> str:
    wrong = (got - want).abs() > tolerance
    where = wrong.nonzero()[0].tolist()
    index = where[0] if len(where) == 1 else where
    of = "" if isinstance(kind, Numbers) else f" of {name}"
    if wrong.sum() == 1:
        return f"1 of {wrong.numel()} numbers{of} is wrong, the one at index {index}."
    count = int(wrong.sum())
    return f"{count} of {wrong.numel()} numbers{of} are wrong, the first at index {index}."
