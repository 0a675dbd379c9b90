"""Values that somebody may pass by mistake, and what each public function must say to them."""

import copy
import re
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pytest
import torch

BAD_VALUES: dict[str, Any] = {
    "None": None,
    "text": "three",
    "empty text": "",
    "bytes": b"3",
    "list": [3],
    "empty list": [],
    "list of text": ["a", "b", "c"],
    "list of floats": [1.5, 28.0, 28.0],
    "list of NaN": [float("nan")] * 3,
    "tuple of zeros": (0, 0, 0),
    "tuple of truth values": (True, True, True),
    "tuple of huge numbers": (10**30, 10**30, 10**30),
    "dict": {"a": 1},
    "set": {1, 2},
    "array": np.ones((2, 3)),
    "empty array": np.zeros(0),
    "NaN": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "half": 0.5,
    "minus one": -1,
    "minus huge": -(10**30),
    "huge": 10**30,
    "huge float": 1e300,
    "zero": 0,
    "one": 1,
    "true": True,
    "false": False,
    "complex": 2 + 1j,
    "object": object(),
    "type": torch.nn.ReLU,
    "tensor of no axis": torch.tensor(1.5),
    "tensor of one axis": torch.tensor([1.0, 2.0, 3.0]),
    "tensor of two axes": torch.tensor([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0]]),
    "tensor of three axes": torch.ones(2, 3, 3),
    "tensor of four axes": torch.ones(2, 1, 3, 3),
    "tensor of five axes": torch.ones(2, 1, 3, 3, 3),
    "images of no pixel": torch.ones(2, 1, 0, 3),
    "empty tensor": torch.zeros(0),
    "empty batch": torch.zeros(0, 1, 3, 3),
    "whole images": torch.ones(2, 1, 3, 3, dtype=torch.int64),
    "whole labels": torch.tensor([0, 1]),
    "too large labels": torch.tensor([0, 7]),
    "truth values": torch.tensor([[True, False, False], [False, True, False]]),
    "one truth value": torch.tensor([True, False]),
    "complex scores": torch.ones(2, 3, dtype=torch.complex64),
    "complex tensor": torch.ones(2, dtype=torch.complex64),
    "NaN scores": torch.full((2, 3), float("nan")),
    "infinite scores": torch.full((2, 3), float("inf")),
    "NaN tensor": torch.full((3,), float("nan")),
    "narrow floats": torch.ones(2, 3).to(torch.float8_e4m3fn),
    "sparse tensor": torch.eye(3).to_sparse(),
    "sparse images": torch.ones(2, 1, 3, 3).to_sparse(),
    "meta number": torch.zeros((), dtype=torch.int64, device="meta"),
    "meta tensor": torch.zeros(3, device="meta"),
    "meta scores": torch.zeros(2, 3, device="meta"),
    "meta images": torch.zeros(2, 1, 3, 3, device="meta"),
    "meta network": torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 3, device="meta")),
    "network of other images": torch.nn.Conv2d(7, 1, 1),
    "lazy network": torch.nn.LazyLinear(3),
    "network without forward": torch.nn.Module(),
}


def check_refusals(
    call: Callable[..., object],
    arguments: dict[str, Any],
    name: str,
    *,
    taken: Collection[str],
    may_name: Collection[str] = (),
) -> None:
    """Put every value in the place of one argument: those in ``taken`` pass, the others are named.

    Args:
        call: The function.
        arguments: Right arguments for it.
        name: The argument that is replaced.
        taken: Which of the values are right, by their names.
        may_name: Other arguments that the message may start with, where two do not fit together.
    """
    assert set(taken) <= set(BAD_VALUES)
    call(**arguments)
    # A device or a folder that is not there is no wrong value but something missing; and labels
    # of NaN make a loss that is none.
    missing = {"device": RuntimeError, "root": FileNotFoundError, "labels": RuntimeError}
    expected = (TypeError, ValueError, missing.get(name, ValueError))
    start = rf"^({'|'.join([name, *may_name])}): expected "
    for kind, kept in BAD_VALUES.items():
        # A lazy network would get its sizes from the first function that calls it.
        value = copy.deepcopy(kept) if isinstance(kept, torch.nn.Module) else kept
        changed = arguments | {name: value}
        if kind in taken:
            call(**changed)
            continue
        try:
            call(**changed)
        except expected as error:
            message = str(error)
            assert re.match(start, message), f"{name} = {kind}: {message}"
            assert "got" in message, f"{name} = {kind}: {message}"
        else:
            pytest.fail(f"{name} = {kind}: was taken")
