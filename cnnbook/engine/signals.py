"""Ctrl-C and SIGTERM, handled between two updates instead of in the middle of one."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["stop_requested"]

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_requested() -> Iterator[Callable[[], str | None]]:
    """Record Ctrl-C and SIGTERM, so that a loop can stop at a point of its choice.

    The first signal is recorded and the old handlers are restored, so that a second one acts
    immediately, as usual. Only the main thread can catch signals; in another thread, and for a
    signal that the process ignores, nothing changes.

    Yields:
        A function that returns the name of the signal that came, such as ``"SIGINT"``, or
        ``None`` if none has come.

    Examples:
        >>> import signal
        >>> from cnnbook.engine.signals import stop_requested
        >>> with stop_requested() as requested:
        ...     before = requested()
        ...     signal.raise_signal(signal.SIGTERM)
        ...     print(before, requested())
        None SIGTERM

    Source:
        Python's documentation of signal, "Execution of Python signal handlers".
    """
    received: list[str] = []
    old_handlers: dict[signal.Signals, Any] = {}

    def put_back() -> None:
        while old_handlers:
            signal.signal(*old_handlers.popitem())

    def note(number: int, _: FrameType | None) -> None:
        received.append(signal.Signals(number).name)
        put_back()

    if threading.current_thread() is threading.main_thread():
        for number in _STOP_SIGNALS:
            handler = signal.getsignal(number)
            # None: a handler that was not set by Python and could not be restored.
            if handler not in (signal.SIG_IGN, None):
                old_handlers[number] = handler
                signal.signal(number, note)
    try:
        yield lambda: received[0] if received else None
    finally:
        put_back()
