"""Fetch one published file from the first of several mirrors that sends it whole.

A mirror may be dead, silent, slow, cut off in the middle, or a hotel's log-in page with a
friendly 200. Each of these ends in the right bytes, if need be from the next mirror, or in one
error that says of every mirror what it did; and the end comes in bounded time.
"""

import hashlib
import http.client
import logging
import os
import socket
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from cnnbook.whole_files import replacing

__all__ = ["FetchError", "fetch"]

_log = logging.getLogger(__name__)

# Seconds without a byte before a mirror counts as silent.
_PATIENCE = 30.0
# How often in a row a mirror may fail without having sent anything new.
_TRIES = 4
# Seconds of pause after the first round of failures; each further pause is twice as long.
_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
# As many bytes more than ever before count as progress, after which the tries begin anew.
_PROGRESS = 1 << 16


class FetchError(Exception):
    """No mirror sent the published file; the message says of each what it did.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook.fetching import FetchError, fetch
        >>> try:
        ...     fetch(Path("x.gz"), ["file:///etc/"], size=1, md5="", seconds=1)
        ... except FetchError as error:
        ...     print(error)
        file:///etc/x.gz: expected an address that begins with http:// or https://
    """


class _Passing(Exception):
    """A failure that another try may not meet; ``wait`` is what the mirror asks for."""

    def __init__(self, reason: str, *, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class _Lasting(Exception):
    """A failure that another try would only repeat."""


class _NotThisTime(Exception):
    """Leaves the block that would put the file into its place."""


class _DiskError(Exception):
    """The file cannot be written here: no mirror can help."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _CutOff:
    """Ends the connections of one try when their time is up.

    A socket's own time-out runs anew with every byte, so a mirror that sends one byte a second,
    in the headers or in the file, would never meet it.
    """

    def __init__(self) -> None:
        self.reached = False
        self._lines: list[socket.socket] = []

    def watch(self, line: socket.socket) -> None:
        # A duplicate: ssl takes the original out of its object and wraps it in its own.
        self._lines.append(line.dup())
        if self.reached:
            self.reach()

    def reach(self) -> None:
        self.reached = True
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for line in self._lines:
            line.close()


@contextmanager
def _cut_off(seconds: float) -> Iterator[_CutOff]:
    watcher = _CutOff()
    timer = threading.Timer(seconds, watcher.reach)
    timer.daemon = True
    timer.start()
    try:
        yield watcher
    finally:
        timer.cancel()
        timer.join()
        watcher.close()


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a mirror to another address of the web only; urllib would follow to ftp too."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not _is_web(newurl):
            fp.close()
            raise _Lasting(f"redirects to {newurl!r}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _opener(watcher: _CutOff) -> urllib.request.OpenerDirector:
    """Return what opens addresses of the web and, unlike urllib's own, nothing else."""

    class Line(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            watcher.watch(self.sock)

    # In this order HTTPSConnection.connect() goes through Line.connect() before TLS begins.
    class SecureLine(http.client.HTTPSConnection, Line):
        pass

    class Handler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Line, req)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(SecureLine, req, context=ssl.create_default_context())

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        Handler(),
        SecureHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _seconds(text: str | None) -> float:
    """Return what a Retry-After header asks for, 0 where it gives no number."""
    return float(text) if text and text.isascii() and text.isdigit() else 0.0


class _Progress:
    """A line on the terminal: how much of the file is there, and how fast it comes.

    Not tqdm: its lock is shared by all processes that were forked from the same one, and stays
    locked when one of them is killed while it draws; the others would hang.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size
        self._began = self._shown = time.monotonic()
        self._came = 0
        # Windows programs without a console have none.
        self._terminal = sys.stderr is not None and sys.stderr.isatty()

    def add(self, count: int, have: int) -> None:
        """Note that so many bytes came, and that the file has so many now."""
        self._came += count
        now = time.monotonic()
        if self._terminal and (now - self._shown > 0.1 or have == self._size):
            self._shown = now
            rate = self._came / max(now - self._began, 1e-6)
            self._write(
                f"\r{self._name}: {have / 1e6:.1f} of {self._size / 1e6:.1f} MB, "
                f"{rate / 1e6:.1f} MB/s  "
            )

    def close(self) -> None:
        """Leave the line."""
        if self._terminal and self._came:
            self._write("\n")

    def _write(self, text: str) -> None:
        # A terminal that has gone away is no reason to end a download.
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()


@dataclass
class _Wanted:
    """The file that is asked for, and how much of it is there."""

    name: str
    size: int
    md5: str
    part: BinaryIO
    progress: _Progress
    deadline: float
    resume: bool = True

    @property
    def expected(self) -> str:
        return f"expected MD5 {self.md5} ({self.size} bytes)"

    def have(self) -> int:
        return self.part.seek(0, os.SEEK_END)

    def forget(self) -> None:
        self.part.seek(0)
        self.part.truncate()

    def add(self, chunk: bytes) -> None:
        try:
            self.part.write(chunk)
            # Now, so that a full disk is not found out later and taken for the mirror's fault.
            self.part.flush()
        except OSError as error:
            raise _DiskError(error) from error
        self.progress.add(len(chunk), self.part.tell())


def _receive(mirror: str, file: _Wanted) -> None:
    """Add to a file what it lacks, or raise why not; what came stays in it for the next try."""
    left = file.deadline - time.monotonic()
    if left <= 0:
        raise _Passing("no time was left to ask")
    # The name: some servers answer 403 to urllib's own.
    request = urllib.request.Request(mirror + file.name, headers={"User-Agent": "cnnbook"})
    if not file.resume:
        file.forget()
    if have := file.have():
        # From whichever mirror: they publish the same bytes, and the digest tells if not.
        request.add_header("Range", f"bytes={have}-")
    with _cut_off(left) as watcher:
        try:
            with _opener(watcher).open(request, timeout=min(_PATIENCE, left)) as reply:
                _take(reply, file)
        except urllib.error.HTTPError as error:
            with error:
                reason = f"HTTP Error {error.code}: {error.reason}"
                wait = _seconds(error.headers.get("Retry-After"))
            if error.code == 416:
                file.forget()
            # 408, 425, 429: too slow, too early, too many requests. 416: not from that byte.
            if error.code in (408, 416, 425, 429) or error.code >= 500:
                raise _Passing(reason, wait=wait) from None
            raise _Lasting(reason) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = str(error) or type(error).__name__
            if not watcher.reached:
                raise _Passing(f"{reason}, after {file.have()} of {file.size} bytes") from None
        if watcher.reached:
            raise _Passing(
                f"too slow: the time for all was over after {file.have()} of {file.size} bytes"
            )
    if file.have() < file.size:
        raise _Passing(f"{file.expected}, got {file.have()} bytes before the connection ended")
    file.part.seek(0)
    digest = hashlib.md5(usedforsecurity=False)
    while chunk := file.part.read(1 << 20):
        digest.update(chunk)
    if digest.hexdigest() == file.md5:
        return
    file.part.seek(0)
    wrong = (
        f"{file.expected}, got {digest.hexdigest()} ({file.size} bytes that begin with "
        f"{file.part.read(32)!r})"
    )
    file.forget()
    if have:
        # Perhaps two halves that do not belong together: from here on each try is one piece.
        file.resume = False
        raise _Passing(wrong)
    raise _Lasting(wrong)


def _take(reply: http.client.HTTPResponse, file: _Wanted) -> None:
    """Write a reply's bytes into a file, at its end or from its start."""
    have = file.have()
    if reply.status == 206 and have:
        message = reply.headers.get("Content-Range", "")
        if not message.startswith(f"bytes {have}-"):
            file.forget()
            raise _Passing(f"asked for the bytes from {have} on, got {message!r}")
    elif reply.status == 200:
        file.forget()
        have = 0
    else:
        raise _Lasting(f"{file.expected}, got an answer with status {reply.status}")
    if reply.length is not None and have + reply.length < file.size:
        # A page to log in on, or half a file: known before it is read.
        whole, begin = have + reply.length, reply.read1(32)
        raise _Lasting(f"{file.expected}, got {whole} bytes that begin with {begin!r}")
    # No byte more than was published, however many are offered. And read1, not read: it gives what
    # has come instead of waiting until a whole piece is full.
    while have < file.size and (chunk := reply.read1(min(1 << 16, file.size - have))):
        have += len(chunk)
        file.add(chunk)


def _ask(waiting: list[str], file: _Wanted, failures: dict[str, str]) -> str | None:
    """Ask mirror after mirror, round after round; return the one that sent the last byte."""
    maximum, rounds = 0, 0
    while waiting:
        pause = min(_PAUSE * 2**rounds, _LONGEST_PAUSE)
        for mirror in list(waiting):
            try:
                _receive(mirror, file)
            except _Lasting as failure:
                failures[mirror] = str(failure)
                waiting.remove(mirror)
            except _Passing as failure:
                failures[mirror] = str(failure)
                pause = max(pause, min(failure.wait, _LONGEST_PAUSE))
            else:
                return mirror
        rounds += 1
        if file.have() >= maximum + _PROGRESS:
            maximum, rounds = file.have(), 0
        if rounds >= _TRIES or time.monotonic() + pause >= file.deadline:
            break
        if waiting:
            time.sleep(pause)
    return None


def fetch(target: Path, mirrors: Sequence[str], *, size: int, md5: str, seconds: float) -> str:
    """Download one file, whole or not at all.

    The mirrors are asked in their order; those that fail for a while are asked again, after a
    pause that doubles, and go on where the connection broke if they can. A line on the terminal
    shows size and rate.

    Args:
        target: Where the file goes; its name is what is asked for. What lies there stays until
            the new file is whole.
        mirrors: Addresses of folders, each beginning with ``http://`` or ``https://``.
        size: How many bytes were published. No more are ever written.
        md5: Their MD5, in hexadecimal.
        seconds: How long all of it may take.

    Returns:
        The mirror that sent the last byte.

    Raises:
        FetchError: No mirror sent the file in the given time.
        OSError: The file cannot be written.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook.fetching import fetch
        >>> fetch(Path("x.gz"), [], size=1, md5="", seconds=1)
        Traceback (most recent call last):
            ...
        cnnbook.fetching.FetchError: no mirror is known

    Source:
        RFC 9110, section 14, for going on; the rest is derived here.
    """
    started = time.monotonic()
    waiting, failures = [], {}
    for mirror in dict.fromkeys(f"{url.rstrip('/')}/" for url in mirrors):
        if _is_web(mirror):
            waiting.append(mirror)
        else:
            failures[mirror] = "expected an address that begins with http:// or https://"
    came_from = None
    if waiting:
        try:
            with replacing(target) as part:
                progress = _Progress(target.name, size)
                file = _Wanted(target.name, size, md5, part, progress, started + seconds)
                try:
                    came_from = _ask(waiting, file, failures)
                finally:
                    progress.close()
                if came_from is None:
                    raise _NotThisTime
        except _NotThisTime:
            pass
        except _DiskError as error:
            raise error.cause from None
    if came_from is None:
        message = [f"{mirror}{target.name}: {why}" for mirror, why in failures.items()]
        raise FetchError("; ".join(message) or "no mirror is known")
    _log.info("downloaded %s%s in %.1f s", came_from, target.name, time.monotonic() - started)
    return came_from
