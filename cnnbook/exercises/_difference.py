"""Compares results, and describes how they differ without saying what is right."""

import math
from collections.abc import Mapping

import torch

from cnnbook.exercises._answers import Kind, Layer, Numbers
from cnnbook.exercises._language import translate
from cnnbook.exercises._messages import Unreadable, say
from cnnbook.exercises._reading import show_number

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
            return say("other_fact", name=name, number=_show(got))
        if isinstance(kind, Numbers) and want.ndim == 1 and list(got.shape) == want.tolist():
            return say("result_of_shape")
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
    return show_number(numbers.item())


def _describe_not_finite(name: str, got: torch.Tensor) -> str:
    if got.isnan().any():
        return say("nan", name=name)
    if got.isinf().any():
        return say("infinity", name=name)
    return ""


def _describe_shape(name: str, got: torch.Tensor, want: torch.Tensor, kind: Kind) -> str:
    have, need = tuple(got.shape), tuple(want.shape)
    if have == need:
        return ""
    if not got.numel():
        return say("empty", name=name, shape=have)
    if not need:
        return say("several", name=name, count=got.numel(), asked=_asked(need, kind))
    if not have:
        return say("single", name=name, asked=_asked(need, kind))
    if got.numel() == want.numel() and _close(got.flatten(), want.flatten(), _ROUNDING):
        return say(_key_of_right_numbers(have, need), name=name, shape=have)
    if len(have) != len(need):
        return say("axes", name=name, shape=have, asked=_asked(need, kind))
    if len(have) == 1:
        return say("too_many" if have > need else "too_few", name=name, count=have[0])
    if have == (*need[:-2], need[-1], need[-2]):
        return say("shape_swapped", name=name, shape=have)
    if have[:-2] == need[:-2] and max(abs(a - b) for a, b in zip(have, need, strict=True)) == 1:
        return say("shape_off_by_one", name=name, shape=have)
    return say("shape", name=name, shape=have)


def _asked(need: tuple[int, ...], kind: Kind) -> str:
    """Describe the right shape. What a function or a layer returns has no words of its own."""
    if isinstance(kind, Numbers):
        return translate(kind.description)
    if len(need) > 1:
        return say("tensor_of_axes", count=len(need))
    return say("row_of_numbers" if need else "one_number")


def _key_of_right_numbers(have: tuple[int, ...], need: tuple[int, ...]) -> str:
    if len(need) == 4:
        return "right_numbers_of_images"
    if len(need) == 1:
        return "right_numbers_in_one_row"
    if len(have) == len(need):
        return "right_numbers_order"
    few = len(have) < len(need)
    return "right_numbers_axis_missing" if few else "right_numbers_axis_too_many"


def _describe_number(name: str, got: torch.Tensor, want: torch.Tensor, kind: Kind) -> str:
    if want.ndim:
        return ""
    key = "too_large" if got > want else "too_small"
    if _is_rounded(got.item(), want.item()):
        key = "rounded"
    if want and math.isclose(got, -want, rel_tol=1e-4, abs_tol=_ROUNDING):
        key = "sign"
    if not isinstance(kind, Numbers):
        return say(f"result_{key}", name=name, number=_show(got))
    whole = bool(want == want.round())
    if whole and (got - got.round()).abs() > _ROUNDING:
        key = "not_whole"
    return say(key, number=_show(got))


def _is_rounded(got: float, want: float) -> bool:
    """Return whether a number is another one, rounded or cut off after one to three decimals."""
    return any(
        math.isclose(
            got, math.copysign(math.floor(abs(want) * scale + half), want) / scale, abs_tol=1e-6
        )
        for scale in (10, 100, 1000)
        for half in (0.5, 0)
    )


def _describe_order(name: str, got: torch.Tensor, want: torch.Tensor) -> str:
    """Recognise the right numbers at other places."""
    if want.ndim == 1 and _close(got.sort().values, want.sort().values, _ROUNDING):
        return say("order", name=name)
    if want.ndim < 2:
        return ""
    if _close(got.mT, want, _ROUNDING):
        return say("swapped", name=name)
    flips = {"rows_reversed": (-2,), "columns_reversed": (-1,), "both_reversed": (-2, -1)}
    for key, axes in flips.items():
        if _close(got.flip(axes), want, _ROUNDING):
            return say(key, name=name)
    if want.ndim == 4 and want.shape[1] > 1:
        # Row k holds which channels of the right answer channel k is equal to.
        alike = (got[:, :, None] - want[:, None]).abs().amax(dim=(0, 3, 4)) <= _ROUNDING
        if alike.any(dim=0).all() and alike.any(dim=1).all():
            return say("channels", name=name)
    return ""


def _describe_offset(name: str, got: torch.Tensor, want: torch.Tensor, kind: Kind) -> str:
    """Recognise a wrong sign, results that were rounded on the way, and a wrong bias."""
    if _close(-got, want, _ROUNDING):
        return say("every_sign", name=name)
    difference = got - want
    # What is handed in as numbers has few decimals, and an answer beside it was not rounded.
    if not isinstance(kind, Numbers) and torch.allclose(got, want, rtol=_NEARLY, atol=_ROUNDING):
        return say("every_rounded", name=name)
    # Only a layer has a bias. A kernel whose weights are wrong changes pixels by different amounts.
    if isinstance(kind, Layer) and want.ndim == 4:
        by_channel = difference.movedim(1, 0).flatten(1)
        if (by_channel - by_channel[:, :1]).abs().max() <= _ROUNDING:
            return say("off" if len(by_channel) == 1 else "off_by_channel", name=name)
    return ""


def _describe_count(
    name: str, got: torch.Tensor, want: torch.Tensor, kind: Kind, tolerance: float
) -> str:
    wrong = (got - want).abs() > tolerance
    where = wrong.nonzero()[0].tolist()
    index = where[0] if len(where) == 1 else where
    count = int(wrong.sum())
    key = "one_wrong" if count == 1 else "several_wrong"
    key = key if isinstance(kind, Numbers) else f"{key}_of"
    return say(key, name=name, count=count, total=wrong.numel(), index=index)
