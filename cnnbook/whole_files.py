"""Files that are whole or absent: written aside, moved into place, one process at a time.

Whatever stops a program, an error, Ctrl-C, ``kill -9`` or a full disk, a reader finds the old file
or the new one and never half of one. What a killed program leaves is swept by the next.
"""

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["exclusive_lock", "leftovers", "replacing", "sweep"]

_log = logging.getLogger(__name__)

_LOCK = ".cnnbook.lock"
_PART = ".part"


@contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """Give a new file beside ``target`` that takes its place if, and only if, all went well.

    Args:
        target: The file to write. Its folder must be there.

    Yields:
        An empty file, open for reading and writing. It has a name of its own until the block
        ends; if the block raises, it is removed, and ``target`` is as it was.

    Raises:
        OSError: The file cannot be written, or something that is no file has its name.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from cnnbook.whole_files import replacing
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = Path(folder) / "kept.txt"
        ...     with replacing(target) as part:
        ...         print(part.write(b"whole"), target.exists())
        ...     print(target.read_bytes(), len(list(Path(folder).iterdir())))
        5 False
        b'whole' 1

    Source:
        The order write, fsync, rename is that of PyTorch Lightning's and Hugging Face's caches.
    """
    part = target.with_name(f".{target.name}-{secrets.token_hex(8)}{_PART}")
    # Not tempfile: its files are for their owner alone, and a data folder may be shared.
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with open(handle, "w+b") as file:
            yield file
            file.flush()
            # Without it, a power cut may leave the new name with none of the bytes.
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def leftovers(folder: Path) -> list[Path]:
    """Find the files that ``replacing`` and ``exclusive_lock`` of a killed program left in a folder.

    Those of a program that is still at work look the same; see ``sweep``.

    Args:
        folder: Where to look; it need not be there.

    Returns:
        The files, unfinished ones and a lock.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook.whole_files import leftovers
        >>> leftovers(Path("no such folder"))
        []

    Source:
        Derived here.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(".")]
    except OSError:
        return []
    # The random part is as replacing() makes it: other programs' hidden files are their own.
    return sorted(
        folder / name
        for name in names
        if name == _LOCK
        or (name.endswith(_PART) and len(name.removesuffix(_PART).rpartition("-")[2]) == 16)
    )


@contextmanager
def exclusive_lock(folder: Path, *, seconds: float) -> Iterator[bool]:
    """Let one process or thread at a time into the block, of all that name the same folder.

    What killed programs left there is removed first. The lock saves work; it is
    ``replacing`` that keeps files whole. So a folder that cannot be locked, as on some network
    disks, is no error.

    Args:
        folder: The folder that is to be written to.
        seconds: How long to wait for the others, 0 not at all.

    Yields:
        Whether the folder is really locked: ``False`` where it does not let itself be.

    Raises:
        TimeoutError: Another process was inside all the time.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from cnnbook.whole_files import exclusive_lock
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with exclusive_lock(Path(folder), seconds=0) as locked:
        ...         print(locked)
        True

    Source:
        py-filelock, whose lock the system itself gives back when its holder dies.
    """
    # Not at the top: a load that finds all it needs locks nothing.
    from filelock import FileLock, Timeout

    path = folder / _LOCK
    # No lock of a mere file where the system has none: it would outlive a killed holder.
    lock = FileLock(path, fallback_to_soft=False)
    locked = True
    try:
        lock.acquire(timeout=seconds, poll_interval=0.02)
    except Timeout:
        raise TimeoutError(
            f"{path}: another process has been writing there for {seconds:g} s; wait for it, or "
            "end it"
        ) from None
    except (OSError, NotImplementedError) as error:
        _log.info("%s cannot be locked: %s", folder, error)
        locked = False
    try:
        # Every unfinished file is begun in here, so what lies there now has no owner any more.
        for part in leftovers(folder) if locked else ():
            if part != path:
                with suppress(OSError):
                    part.unlink()
                    _log.info("removed %s, which a killed program had left", part)
        yield locked
    finally:
        if locked:
            # While it is still held, so that nobody who comes now takes the file for a free lock;
            # whoever waits for it sees that its name is gone, and starts anew.
            with suppress(OSError):
                path.unlink()
            lock.release()


def sweep(folder: Path) -> None:
    """Remove what killed programs left in a folder, unless one is at work there.

    Args:
        folder: Where to look; a folder that is not there or cannot be written is left alone.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook.whole_files import sweep
        >>> sweep(Path("no such folder"))

    Source:
        Derived here.
    """
    if not leftovers(folder):
        return
    try:
        with exclusive_lock(folder, seconds=0):
            pass
    except TimeoutError:
        # They are not left over: somebody is writing them.
        _log.info("%s: another process is writing there", folder)
