"""Be asked to stop, by Ctrl-C or by the system, without being cut off in the middle."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["stop_requested"]

_ASKED_BY = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_requested() -> Iterator[Callable[[], str | None]]:
    """Turn Ctrl-C and SIGTERM into a question that a loop asks when it suits it.

    The first signal is remembered and the handlers are put back, so a second one does what it
    would have done without this. Signals can be caught in the main thread only; in another, and
    for a signal that the process ignores, nothing is changed.

    Yields:
        A function that returns the signal's name, such as ``"SIGINT"``, or ``None`` as long as
        none has come.

    Examples:
        >>> import signal
        >>> from cnnbook.engine.signals import stop_requested
        >>> with stop_requested() as asked:
        ...     before = asked()
        ...     signal.raise_signal(signal.SIGTERM)
        ...     print(before, asked())
        None SIGTERM

    Source:
        Python's documentation of signal, "Execution of Python signal handlers".
    """
    came: list[str] = []
    before: dict[signal.Signals, Any] = {}

    def put_back() -> None:
        while before:
            signal.signal(*before.popitem())

    def remember(number: int, _: FrameType | None) -> None:
        came.append(signal.Signals(number).name)
        put_back()

    if threading.current_thread() is threading.main_thread():
        for number in _ASKED_BY:
            present = signal.getsignal(number)
            # None: a handler that was not set by Python and could not be put back.
            if present not in (signal.SIG_IGN, None):
                before[number] = present
                signal.signal(number, remember)
    try:
        yield lambda: came[0] if came else None
    finally:
        put_back()
