"""The precision of a GPU's products: set in torch's new and older flags alike, and put back.

torch keeps these flags in builds without CUDA, too, so a context for a card is entered here.
"""

from collections.abc import Iterator
from typing import Any, Literal

import pytest
import torch

from cnnbook.engine.precision import _quietly, precision_context

CARD = torch.device("cuda")
PRODUCTS: dict[str, Any] = {
    "matmul": torch.backends.cuda.matmul,
    "conv": torch.backends.cudnn.conv,  # type: ignore[attr-defined]
    "rnn": torch.backends.cudnn.rnn,
    "mkldnn": torch.backends.mkldnn.matmul,  # type: ignore[attr-defined]
}
OLDER = {
    "allow_tf32 of cuDNN": lambda: torch.backends.cudnn.allow_tf32,
    "allow_tf32 of cuBLAS": lambda: torch.backends.cuda.matmul.allow_tf32,
    "float32_matmul_precision": torch.get_float32_matmul_precision,
}


def _flags() -> dict[str, Any]:
    """Return every flag; for an older one that cannot be read, that it cannot."""
    found = {name: backend.fp32_precision for name, backend in PRODUCTS.items()}
    for name, read in OLDER.items():
        try:
            found[name] = _quietly(read)
        except RuntimeError:
            found[name] = "cannot be read"
    return found


def _older(*, convolutions: bool, products: str) -> None:
    _quietly(setattr, torch.backends.cudnn, "allow_tf32", convolutions)
    _quietly(torch.set_float32_matmul_precision, products)


def _newer(precision: str) -> None:
    for name in ("matmul", "conv", "rnn"):
        PRODUCTS[name].fp32_precision = precision


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    before = {name: backend.fp32_precision for name, backend in PRODUCTS.items()}
    yield
    _older(convolutions=True, products="highest")
    for name, backend in PRODUCTS.items():
        backend.fp32_precision = before[name]


STARTS = {
    "torch's own": lambda: None,
    "older, full": lambda: _older(convolutions=False, products="highest"),
    "older, TF32": lambda: _older(convolutions=True, products="high"),
    "older, medium": lambda: _older(convolutions=True, products="medium"),
    "newer, TF32": lambda: _newer("tf32"),
    "newer, full": lambda: _newer("ieee"),
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize(
    ("precision", "newer"), [("full", "ieee"), ("bf16", "ieee"), ("tf32",) * 2]
)
def test_the_flags_are_set_and_put_back(
    start: Any, precision: Literal["full", "tf32", "bf16"], newer: str
) -> None:
    start()
    before = _flags()
    with precision_context(CARD, precision, deterministic=False):
        within = _flags()
    assert [within[name] for name in ("matmul", "conv", "rnn")] == [newer] * 3
    # What could not be read before, since new and older flags disagreed, is not made worse.
    expected = {
        "allow_tf32 of cuDNN": newer == "tf32",
        "allow_tf32 of cuBLAS": newer == "tf32",
        "float32_matmul_precision": "high" if newer == "tf32" else "highest",
    }
    for name, value in expected.items():
        if before[name] != "cannot be read":
            assert within[name] == value, name
    assert _flags() == before


def test_the_older_flags_can_be_read_in_the_block() -> None:
    with precision_context(CARD, "full", deterministic=False):
        assert torch.backends.cudnn.allow_tf32 is False
        assert torch.backends.cuda.matmul.allow_tf32 is False
        assert torch.get_float32_matmul_precision() == "highest"
    assert torch.backends.cudnn.allow_tf32 is True


def test_the_flags_are_put_back_after_an_error() -> None:
    before = _flags()
    with (
        pytest.raises(KeyboardInterrupt),
        precision_context(CARD, "tf32", deterministic=True),
    ):
        raise KeyboardInterrupt
    assert _flags() == before
    assert not torch.are_deterministic_algorithms_enabled()


def test_on_a_cpu_they_are_left_alone() -> None:
    before = _flags()
    with precision_context(torch.device("cpu"), "full", deterministic=False):
        assert _flags() == before
