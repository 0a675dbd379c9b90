"""Download one published file with pooch, from the first mirror that sends all of it.

A mirror may be down, silent, slow, cut off, or a hotel's login page with status 200. In every case
a download returns the published bytes, perhaps from the next mirror, or raises one error that says
what each mirror did; and it ends before a deadline.
"""

import http.client
import logging
import os
import queue
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from cnnbook._files import atomic_write, staging_folder

__all__ = ["DownloadError", "download"]

_log = logging.getLogger(__name__)

# Seconds without a byte before a connection counts as dead.
_TIMEOUT = 30.0
# Seconds to wait before each round through the mirrors.
_PAUSES = (0.0, 1.0, 3.0)
_CHUNK = 1 << 16


class DownloadError(Exception):
    """No mirror sent the published file; the message says what each one did.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from cnnbook._data.download import DownloadError, download
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     try:
        ...         download(Path(folder, "x.gz"), ["file:///a/"], size=1, sha256="", deadline=0.0)
        ...     except DownloadError as error:
        ...         print(error)
        file:///a/x.gz: expected an address that starts with http:// or https://
    """


@contextmanager
def _progress_bar(url: str, size: int) -> Iterator[Any]:
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]  # Generic in its stubs only.
        # Disable tqdm's monitor thread, which a forked process would not have.
        monitor_interval = 0

    # tqdm's lock is shared with forked processes; one killed while drawing would never release it.
    Bar.set_lock(threading.RLock())
    # None: only on a terminal. Windows programs without a console have no stderr.
    disable = True if sys.stderr is None else None
    name = url.rpartition("/")[2]
    with Bar(total=size, desc=name, unit="B", unit_scale=True, disable=disable) as bar:
        yield bar


def _receive(url: str, size: int, stop: threading.Event) -> bytes:
    """Read a reply, at most ``size`` bytes of it."""
    # urllib, not requests: it can return bytes as they arrive, and never decompresses what a server
    # declares as compressed. Some servers answer 403 to urllib's default User-Agent.
    request = urllib.request.Request(url, headers={"User-Agent": "cnnbook"})
    body = bytearray()
    with (
        urllib.request.urlopen(request, timeout=_TIMEOUT) as reply,
        _progress_bar(url, size) as bar,
    ):
        # read1 returns what has arrived; read would wait for a whole chunk.
        while not stop.is_set() and (chunk := reply.read1(min(_CHUNK, size - len(body)))):
            body += chunk
            bar.update(len(chunk))
    return bytes(body)


def _http_downloader(
    url: str, output_file: str, _pooch: object, *, size: int, deadline: float
) -> None:
    """Download like ``pooch.HTTPDownloader``, with a size limit and a total deadline.

    A socket's time-out restarts with every byte, so a server that sends one byte a second would
    never reach it. The download therefore runs in a thread, which is abandoned at the deadline.
    """
    outcome: queue.SimpleQueue[bytes | BaseException] = queue.SimpleQueue()
    stop = threading.Event()

    def work() -> None:
        try:
            outcome.put(_receive(url, size, stop))
        except BaseException as error:
            outcome.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        got = outcome.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise DownloadError("not complete before the deadline for all downloads") from None
    finally:
        stop.set()
    if isinstance(got, urllib.error.HTTPError):
        with got:
            # 4xx: asking again would give the same answer.
            kind = ValueError if got.code < 500 else DownloadError
            raise kind(f"HTTP error {got.code}: {got.reason}")
    if isinstance(got, (OSError, http.client.HTTPException, ValueError)):
        raise DownloadError(str(got) or type(got).__name__)
    if isinstance(got, BaseException):
        raise got
    if len(got) < size:
        raise DownloadError(f"expected {size} bytes, got {len(got)}, the first {got[:16]!r}")
    # Only its owner may read the file that pooch made; this one has the usual permissions.
    with atomic_write(Path(output_file)) as file:
        file.write(got)


@contextmanager
def _quiet_pooch() -> Iterator[Any]:
    """Import pooch without its messages, which would name our temporary folder."""
    # Imported here, since a load from the cache does not need it.
    import pooch

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield pooch
    finally:
        logger.setLevel(level)


def download(
    target: Path, mirrors: Sequence[str], *, size: int, sha256: str, deadline: float
) -> str:
    """Download one file atomically.

    The mirrors are tried in turn, in three rounds; one that refuses or sends something else is
    not tried again. pooch compares the SHA-256 before the file gets its name.

    Args:
        target: Where the file goes; its name is appended to the mirror's address. A file that is
            already there stays until the new one is complete.
        mirrors: Addresses of folders, each starting with ``http://`` or ``https://``.
        size: The published size in bytes; no more are read.
        sha256: The published SHA-256 in hexadecimal.
        deadline: The time of ``time.monotonic()`` at which to give up.

    Returns:
        The mirror that sent the file.

    Raises:
        DownloadError: No mirror sent the file before the deadline.
        OSError: The file cannot be written.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from cnnbook._data.download import download
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     download(Path(folder, "x.gz"), [], size=1, sha256="", deadline=0.0)
        Traceback (most recent call last):
            ...
        cnnbook._data.download.DownloadError: no mirror is known
    """
    failures: dict[str, str] = {}
    for mirror in mirrors:
        if not mirror.lower().startswith(("http://", "https://")):
            failures[mirror] = "expected an address that starts with http:// or https://"
    waiting = [mirror for mirror in mirrors if mirror not in failures]
    downloader = partial(_http_downloader, size=size, deadline=deadline)
    with staging_folder(target.parent) as folder, _quiet_pooch() as pooch:
        for pause in _PAUSES:
            if waiting:
                time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            for mirror in list(waiting):
                if time.monotonic() >= deadline:
                    failures.setdefault(mirror, "not asked before the deadline for all downloads")
                    continue
                source = pooch.create(folder, mirror, registry={target.name: sha256})
                try:
                    os.replace(source.fetch(target.name, downloader=downloader), target)
                except DownloadError as error:
                    failures[mirror] = str(error)
                except ValueError as error:
                    failures[mirror] = str(error)
                    waiting.remove(mirror)
                else:
                    _log.info("downloaded %s%s", mirror, target.name)
                    return mirror
    message = [f"{mirror}{target.name}: {why}" for mirror, why in failures.items()]
    raise DownloadError("; ".join(message) or "no mirror is known")
