"""Atomic writes and a lock per folder, for the data cache, checkpoints and kept results.

However a program ends, by an error, Ctrl-C, ``kill -9`` or a full disk, a reader finds the old
file or the new one, never half of one. The next program that locks the folder removes what a killed
one left behind.
"""

import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

__all__ = [
    "atomic_write",
    "exclusive_lock",
    "find_leftovers",
    "remove_leftovers",
    "staging_folder",
]

_log = logging.getLogger(__name__)

_LOCK = ".cnnbook.lock"
# The random part tells our unfinished files from other programs' hidden ones.
_UNFINISHED = re.compile(r"\..+-[0-9a-f]{16}\.part")


def _unfinished(folder: Path, name: str) -> Path:
    return folder / f".{name}-{secrets.token_hex(8)}.part"


@contextmanager
def atomic_write(target: Path, *, keep_previous: Path | None = None) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces ``target`` if, and only if, the block succeeds.

    The bytes are on the disk (fsync) before the name changes.

    Args:
        target: The file to write. Its folder must exist.
        keep_previous: A second name, in the same folder, for the file that is replaced. It is
            given before ``target`` changes, so one of the two names always has a complete file.
            Only one process may write such a ``target``: the temporary file then has a fixed
            name, so that what a killed process left is overwritten and does not pile up.

    Yields:
        An empty file, open for reading and writing. If the block raises, it is removed and
        ``target`` is unchanged.

    Raises:
        OSError: The file cannot be written, or ``target`` is a folder.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from cnnbook._files import atomic_write
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target, older = Path(folder, "run"), Path(folder, "run.previous")
        ...     for content in (b"first", b"second"):
        ...         with atomic_write(target, keep_previous=older) as file:
        ...             written = file.write(content)
        ...     print(target.read_bytes(), older.read_bytes(), len(list(Path(folder).iterdir())))
        b'second' b'first' 2

    Source:
        Pillai et al. (2014), All file systems are not created equal, section 2 (atomic
        replacement by a synchronised temporary file).
    """
    if keep_previous is None:
        part, create = _unfinished(target.parent, target.name), os.O_EXCL
    else:
        part, create = target.with_name(f".{target.name}.part"), os.O_TRUNC
    flags = os.O_RDWR | os.O_CREAT | create | getattr(os, "O_BINARY", 0)
    # Not tempfile: only their owner may read its files, and a data folder may be shared.
    handle = os.open(part, flags, 0o666)
    try:
        with open(handle, "w+b") as file:
            yield file
            file.flush()
            # Without it, a power cut may leave the new name with none of the bytes.
            os.fsync(file.fileno())
        if keep_previous is not None:
            _hard_link(target, keep_previous)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _hard_link(target: Path, second: Path) -> None:
    """Make ``second`` a hard link to the file ``target``, if that exists."""
    link = second.with_name(f".{second.name}.part")
    link.unlink(missing_ok=True)
    try:
        os.link(target, link)
    except FileNotFoundError:
        return
    except OSError:
        # A file system without hard links: for a moment only the second name exists.
        os.replace(target, second)
        return
    os.replace(link, second)
    # If both were links to one file already, POSIX renames nothing and ``link`` is left.
    link.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    # Without it, a power cut could undo the renaming. Windows cannot open a folder, and some
    # network file systems cannot sync one; the file itself is on the disk either way.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """Make an empty folder in ``parent`` for files that are still unfinished.

    Moving a file from it into ``parent`` is atomic, since both are on the same file system.

    Args:
        parent: An existing folder.

    Yields:
        The new folder; it is removed with all its files when the block ends.

    Raises:
        OSError: ``parent`` cannot be written to.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from cnnbook._files import staging_folder
        >>> with tempfile.TemporaryDirectory() as parent:
        ...     with staging_folder(Path(parent)) as folder:
        ...         print(folder.parent == Path(parent), list(folder.iterdir()))
        ...     print(folder.exists())
        True []
        False
    """
    folder = _unfinished(parent, "staging")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_leftovers(folder: Path) -> list[Path]:
    """Find what killed programs left in a folder: unfinished files, staging folders, a lock file.

    Those of a program that is still running look the same; see ``remove_leftovers``.

    Args:
        folder: Where to look; it need not exist.

    Returns:
        Their paths.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook._files import find_leftovers
        >>> find_leftovers(Path("no such folder"))
        []
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(folder / name for name in names if name == _LOCK or _UNFINISHED.fullmatch(name))


@contextmanager
def exclusive_lock(folder: Path, *, seconds: float) -> Iterator[bool]:
    """Let only one process or thread at a time enter a block that locks the same folder.

    The leftovers of killed programs are removed first. The lock only saves repeated work; it is
    ``atomic_write`` that keeps files complete. So a folder that cannot be locked, as on some
    network file systems, is not an error.

    Args:
        folder: The folder to be written to.
        seconds: How long to wait for another process; 0 means not at all.

    Yields:
        Whether the folder is locked; ``False`` where the file system has no locks.

    Raises:
        TimeoutError: Another process held the lock for all of ``seconds``.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from cnnbook._files import exclusive_lock
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with exclusive_lock(Path(folder), seconds=0) as locked:
        ...         print(locked)
        True
    """
    # Imported here, since a load that finds every file locks nothing.
    from filelock import FileLock, Timeout

    path = folder / _LOCK
    # A soft lock, the mere existence of a file, would outlive a killed process.
    lock = FileLock(path, fallback_to_soft=False)
    locked = True
    try:
        lock.acquire(timeout=seconds, poll_interval=0.02)
    except Timeout:
        raise TimeoutError(
            f"{path}: another process has held this lock for {seconds:g} s; wait for it, or end it"
        ) from None
    except (OSError, NotImplementedError) as error:
        _log.info("%s cannot be locked: %s", folder, error)
        locked = False
    try:
        # Unfinished files are made under the lock only, so no running program owns these.
        for part in find_leftovers(folder) if locked else ():
            if part != path:
                _remove(part)
                _log.info("removed %s, left by a killed program", part)
        yield locked
    finally:
        if locked:
            # Before the release, so that a newcomer does not lock a file that is about to vanish;
            # filelock notices when the file it waited for is gone, and makes a new one.
            with suppress(OSError):
                path.unlink()
            lock.release()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def remove_leftovers(folder: Path) -> None:
    """Remove what killed programs left in a folder, unless another process is writing there.

    Args:
        folder: Where to look; a folder that does not exist or cannot be written is left alone.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook._files import remove_leftovers
        >>> remove_leftovers(Path("no such folder"))
    """
    if not find_leftovers(folder):
        return
    try:
        with exclusive_lock(folder, seconds=0):
            pass
    except TimeoutError:
        # These are not leftovers: the other process is writing them.
        _log.info("%s: another process is writing there", folder)
