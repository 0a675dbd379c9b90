"""The precision of torch's matrix products, and whether torch must be deterministic."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

import torch

from cnnbook._checks import summarize

__all__ = ["Precision", "check_precision", "precision_context"]

Precision = Literal["full", "tf32", "bf16"]


def check_precision(precision: Precision, device: torch.device) -> Precision:
    """Return the precision, or refuse it if the device does not support it.

    Args:
        precision: ``"full"``, ``"tf32"`` or ``"bf16"``.
        device: Where the network is trained.

    Returns:
        The precision.

    Raises:
        ValueError: It is none of the three, or ``"tf32"`` without a GPU.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.precision import check_precision
        >>> check_precision("bf16", torch.device("cpu"))
        'bf16'
        >>> check_precision("tf32", torch.device("cpu"))
        Traceback (most recent call last):
            ...
        ValueError: precision: expected a GPU for 'tf32', got device 'cpu'
    """
    if not isinstance(precision, str) or precision not in ("full", "tf32", "bf16"):
        raise ValueError(
            f"precision: expected 'full', 'tf32' or 'bf16', got {summarize(precision)}"
        )
    if precision == "tf32" and device.type != "cuda":
        raise ValueError(f"precision: expected a GPU for 'tf32', got device {str(device)!r}")
    return precision


@contextmanager
def precision_context(
    device: torch.device, precision: Precision, *, deterministic: bool
) -> Iterator[None]:
    """Set torch's precision and whether it must be deterministic, within the block.

    Args:
        device: Where the network is trained.
        precision: ``"tf32"`` allows a GPU to multiply in TF32; otherwise TF32 is forbidden, also
            for convolutions, for which torch allows it by default.
        deterministic: Whether torch must refuse operations that are not deterministic.

    Yields:
        Nothing.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.precision import precision_context
        >>> with precision_context(torch.device("cpu"), "full", deterministic=True):
        ...     torch.are_deterministic_algorithms_enabled()
        True
        >>> torch.are_deterministic_algorithms_enabled()
        False

    Source:
        PyTorch documentation, "Numerical accuracy" and "Reproducibility".
    """
    with ExitStack() as before:
        if deterministic:
            before.callback(
                torch.use_deterministic_algorithms,
                torch.are_deterministic_algorithms_enabled(),
                warn_only=torch.is_deterministic_algorithms_warn_only_enabled(),
            )
            torch.use_deterministic_algorithms(True)
        if device.type == "cuda":
            _set_precision("tf32" if precision == "tf32" else "ieee", before)
        yield


def _set_precision(precision: Literal["tf32", "ieee"], before: ExitStack) -> None:
    """Set the precision of a GPU's products, and add to ``before`` what restores it.

    torch keeps it for each kind of product, and a second time for its older functions, which raise
    an error wherever the two disagree. So both are set.
    """
    backends: tuple[Any, ...] = (
        torch.backends.cuda.matmul,
        # torch's own default for these two is TF32, which is less exact.
        torch.backends.cudnn.conv,  # type: ignore[attr-defined]
        torch.backends.cudnn.rnn,
    )
    # The last one is for the CPU, but the older function for products of matrices sets it, too.
    for backend in (*backends, torch.backends.mkldnn.matmul):  # type: ignore[attr-defined]
        before.callback(setattr, backend, "fp32_precision", backend.fp32_precision)
    older: tuple[tuple[Callable[[], Any], Callable[[Any], None], Any], ...] = (
        (
            lambda: torch.backends.cudnn.allow_tf32,
            lambda allowed: setattr(torch.backends.cudnn, "allow_tf32", allowed),
            precision == "tf32",
        ),
        (
            torch.get_float32_matmul_precision,
            torch.set_float32_matmul_precision,
            "high" if precision == "tf32" else "highest",
        ),
    )
    for read, write, value in older:
        try:
            current = _quietly(read)
        except RuntimeError:
            # They disagree already, so nobody can read the older one, here or in the block.
            continue
        before.callback(_quietly, write, current)
        _quietly(write, value)
    for backend in backends:
        backend.fp32_precision = precision


def _quietly(call: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
    """Call an older function of torch, of which some releases warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*arguments)
