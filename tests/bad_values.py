"""Values that users may pass by mistake, and the errors that public functions must raise."""

import contextlib
import copy
import re
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pytest
import torch

# Passed in place of any argument.
SLIPS: dict[str, Any] = {
    "None": None,
    "text": "three",
    "list": [3],
    "empty list": [],
    "nested list": [[1.0, 2.0], [3.0]],
    "dict": {"a": 1},
    "array": np.ones((2, 3)),
    "NaN": float("nan"),
    "infinity": float("inf"),
    "half": 0.5,
    "minus one": -1,
    "zero": 0,
    "huge": 10**30,
    "true": True,
    "complex": 2 + 1j,
    "type": torch.nn.ReLU,
    "layer": torch.nn.Conv2d(7, 1, 1),
    "tensor of no axis": torch.tensor(1.5),
    "tensor of one axis": torch.tensor([1.0, 2.0, 3.0]),
    "tensor of six axes": torch.ones(1, 1, 1, 1, 1, 3),
}


def slips(right: object) -> dict[str, Any]:
    """Return the wrong values for an argument: those for any argument, and those for its kind."""
    if isinstance(right, torch.nn.Module):
        return SLIPS | {
            "lazy network": torch.nn.LazyLinear(3),
            "network without forward": torch.nn.Module(),
            "function": torch.relu,
        }
    if not isinstance(right, torch.Tensor):
        return SLIPS
    of_tensors = {
        "its list": right.tolist(),
        "its array": right.numpy(),
        "its first entry": right[0],
        "one axis more": right[None],
        "no entry": right[:0],
        "no column": right[..., :0],
        "truth values": right.bool(),
        "complex numbers": right.to(torch.complex64),
    }
    if right.is_floating_point():
        of_tensors |= {
            "integers": right.long(),
            "NaN everywhere": torch.full_like(right, torch.nan),
        }
    return SLIPS | of_tensors


def check_refusals(
    call: Callable[..., object],
    arguments: dict[str, Any],
    name: str,
    *,
    may_pass: Collection[str] = (),
    may_name: Collection[str] = (),
    errors: tuple[type[Exception], ...] = (TypeError, ValueError),
) -> None:
    """Replace one argument by each wrong value: the call must refuse it by name.

    Args:
        call: The function.
        arguments: Right arguments for it.
        name: The argument that is replaced.
        may_pass: The slips that are right after all. If they do not fit the other arguments, they
            are refused like the rest.
        may_name: Other arguments that the message may start with, where two do not fit together.
        errors: What may be raised.
    """
    values = slips(arguments[name])
    assert len(values) - len(set(may_pass) & set(values)) >= 5, f"{name}: hardly anything is tried"
    _run(call, arguments)
    start = rf"^({'|'.join(map(re.escape, [name, *may_name]))}): expected "
    for kind, value in values.items():
        try:
            # A copy, since a lazy network gets its sizes from the first function that calls it.
            is_net = isinstance(value, torch.nn.Module)
            _run(call, arguments | {name: copy.deepcopy(value) if is_net else value})
        except errors as error:
            message = str(error)
            assert re.match(start, message), f"{name} = {kind}: {message}"
            assert "got" in message, f"{name} = {kind}: {message}"
        else:
            if kind not in may_pass:
                pytest.fail(f"{name} = {kind}: was accepted")


def _run(call: Callable[..., object], arguments: dict[str, Any]) -> None:
    result = call(**arguments)
    # The body of a context manager does not run before it is entered.
    if isinstance(result, contextlib.AbstractContextManager):
        with result:
            pass
