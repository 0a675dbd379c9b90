"""Says what a function computes with, where an exercise allows only ReLU, plus and minus."""

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from cnnbook.exercises._messages import say

__all__ = ["object_to_operations"]

_SUMS = frozenset(["add", "neg", "rsub", "sub"])
# These compute no new numbers. The comparisons are those of `torch.where(x > 0, x, 0)`.
_FREE = frozenset(
    (
        *("_to_copy", "alias", "clone", "copy", "detach", "lift_fresh"),
        *("_unsafe_view", "cat", "expand", "permute", "select", "slice", "squeeze", "stack", "t"),
        *("transpose", "unbind", "unsqueeze", "view"),
        *("empty", "empty_like", "scalar_tensor", "zeros", "zeros_like"),
        *("ge", "gt", "le", "lt"),
    )
)


class _Record(TorchDispatchMode):
    """Records whether a ReLU is computed, and what else but sums and differences."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.relu = False
        self.others: list[str] = []

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        name = func.overloadpacket.__name__.removesuffix("_")
        if _is_relu(name, args):
            self.relu = True
        elif name not in _SUMS | _FREE and not _is_repeated_sum(name, args):
            self.others.append(name)
        return func(*args, **(kwargs or {}))


def _is_relu(name: str, arguments: tuple[Any, ...]) -> bool:
    """Recognise ReLU by its name, and as the larger of a number and 0."""
    if name in ("clamp", "clamp_min"):
        return arguments[1] == 0 and all(more is None for more in arguments[2:])
    if name in ("maximum", "where"):
        numbers = [one for one in arguments if one.dtype != torch.bool]
        return any(not one.any() for one in numbers)
    return name == "relu"


def _is_repeated_sum(name: str, arguments: tuple[Any, ...]) -> bool:
    """Recognise ``-1 * x`` and ``2 * x``, which are ``-x`` and ``x + x``."""
    numbers = [one for one in arguments if isinstance(one, (int, float))]
    return name == "mul" and any(one == round(one) for one in numbers)


def object_to_operations(function: Callable[[torch.Tensor], object]) -> str:
    """Say what a function computes with besides ReLU, plus and minus.

    Args:
        function: It is called with a row of a negative and a positive number.

    Returns:
        What is wrong, as the end of a sentence; empty if nothing is.

    Examples:
        >>> import torch
        >>> from cnnbook.exercises._operations import object_to_operations
        >>> object_to_operations(lambda x: torch.relu(x) + torch.relu(-x))
        ''
        >>> print(object_to_operations(torch.abs))
        the numbers are right, but the function uses `abs`; only ReLU, plus and minus are allowed.
    """
    # A function that fails now, after results that were right, is judged by what it did until then.
    with _Record() as used, contextlib.suppress(Exception):
        function(torch.tensor([-2.0, 3.0]))
    if used.others:
        return say("other_operation", operation=used.others[0])
    return "" if used.relu else say("no_relu")
