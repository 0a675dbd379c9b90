"""Find the four files of Fashion-MNIST, check every byte, repair them or download them.

A file either is what was published, byte for byte, or it is not used: it is extracted again from
the archive beside it, or downloaded again, or named in an error. A correct file is never written
to, and a wrong one stays until a correct one replaces it.
"""

import hashlib
import logging
import os
import stat
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch

from cnnbook._checks import summarize
from cnnbook._data import registry
from cnnbook._data.download import DownloadError, download
from cnnbook._data.registry import PublishedFile
from cnnbook._files import atomic_write, exclusive_lock, remove_leftovers

__all__ = [
    "FileState",
    "UnavailableError",
    "cache_folder",
    "download_files",
    "explicit_root",
    "find_files",
    "inspect_files",
    "raw_folder",
    "read_files",
    "remove_files",
    "search_path",
]

_log = logging.getLogger(__name__)

# Seconds that the four downloads may take together, including the wait for other processes.
_DEADLINE = 1800.0
# Seconds that a load waits for another process; then it does not save what it extracted.
_LOCK_TIMEOUT = 5.0


class UnavailableError(Exception):
    """A file is missing, damaged, or cannot be downloaded; the message names it and the cause.

    Attributes:
        damaged: Whether there is a file that is not what was published.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook._data.cache import UnavailableError, read_files
        >>> try:
        ...     read_files(Path("nowhere"), {"train": 1, "test": 1})
        ... except UnavailableError as error:
        ...     print(error.damaged, error)
        False nowhere/train-images-idx3-ubyte.gz: not there
    """

    def __init__(self, reason: str, *, damaged: bool) -> None:
        super().__init__(reason)
        self.damaged = damaged


@dataclass(frozen=True)
class FileState:
    """The state of one file in a folder.

    Attributes:
        path: The file.
        size: Its size in bytes, ``None`` if there is no file.
        published: Whether every byte is as published; ``None`` if there is no file.
        problem: What is wrong with it, empty if nothing.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook._data.cache import FileState
        >>> FileState(Path("x"), None, None, "not there").published is None
        True
    """

    path: Path
    size: int | None
    published: bool | None
    problem: str


def raw_folder(root: Path) -> Path:
    """Return the folder of the four files below a root, as torchvision lays it out.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook._data.cache import raw_folder
        >>> raw_folder(Path("data")).as_posix()
        'data/FashionMNIST/raw'
    """
    return root / "FashionMNIST" / "raw"


def cache_folder() -> Path:
    """Return the folder where a download is kept, whether it exists or not.

    Returns:
        ``$XDG_CACHE_HOME/cnnbook``, or ``~/.cache/cnnbook`` where that is not set; on macOS and
        Windows, the system's own folder for caches.

    Raises:
        RuntimeError: Neither is known, as in a container whose user has no home.

    Examples:
        >>> from cnnbook.images import cache_folder
        >>> cache_folder().name
        'cnnbook'
    """
    # Imported here, since functions that are given a folder do not need it.
    import pooch

    with suppress(RuntimeError):
        folder: Path = pooch.os_cache("cnnbook")
        if folder.is_absolute():
            return folder
    raise RuntimeError(
        "the cache folder: expected a home folder for this user, got none; set "
        "XDG_CACHE_HOME to a folder that can be written to, or CNNBOOK_DATA to the data"
    )


def explicit_root(root: str | os.PathLike[str] | None) -> tuple[Path, str] | None:
    """Return the folder that the caller or ``CNNBOOK_DATA`` names, and which of them named it.

    Raises:
        FileNotFoundError: The folder does not exist.
    """
    if root is not None:
        if not isinstance(root, (str, os.PathLike)):
            raise TypeError(f"root: expected a folder's path, got {summarize(root)}")
        folder, name = Path(root).expanduser(), "root"
    elif value := os.environ.get("CNNBOOK_DATA"):
        folder, name = Path(value).expanduser(), "CNNBOOK_DATA"
    else:
        return None
    try:
        what = "a folder" if folder.is_dir() else "a file" if folder.exists() else "nothing there"
    except OSError as error:
        # This user may not enter one of the folders above it.
        what = error.strerror or str(error)
    if what != "a folder":
        raise FileNotFoundError(
            f"{name}: expected the folder that holds FashionMNIST/raw/*.gz, got {str(folder)!r} "
            f"({what}); create the folder to have the data downloaded into it, or leave "
            f"{name} out to use the cache folder"
        )
    return folder, name


def search_path(explicit: tuple[Path, str] | None) -> list[tuple[Path, str]]:
    """List the folders to look in, in order, with a name for each.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook._data.cache import search_path
        >>> [name for _, name in search_path((Path("data"), "root"))]
        ['root', 'the cache folder']
    """
    places = [] if explicit is None else [explicit]
    try:
        places.append((cache_folder(), "the cache folder"))
    except RuntimeError:
        # A user without a home can still name a folder.
        if not places:
            raise
    return places


def _is_there(path: Path) -> bool:
    """Return whether there is a file, or raise if there is something else, such as a folder."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    if not stat.S_ISREG(mode):
        # A folder, a pipe that never sends a byte, a device that never ends.
        what = "a folder" if stat.S_ISDIR(mode) else "something else"
        raise UnavailableError(f"{path}: expected a file, got {what}; move it away", damaged=True)
    return True


def _difference(content: bytes, size: int, sha256: str) -> str:
    """Describe how the content differs from the published one; empty if it does not."""
    if len(content) != size:
        got = "more" if len(content) > size else f"{len(content)} bytes"
    else:
        digest = hashlib.sha256(content).hexdigest()
        if digest == sha256:
            return ""
        got = f"SHA-256 {digest}"
    return f"expected {size} bytes with SHA-256 {sha256}, got {got} (it starts {content[:16]!r})"


def _read_published(path: Path, size: int, sha256: str) -> bytes:
    # On every load, since it takes only 0.04 s for the four extracted files; a stored note that a
    # file was correct earlier could be wrong by now.
    with path.open("rb") as file:
        # One byte more than published shows that the file is too long.
        content = file.read(size + 1)
    if problem := _difference(content, size, sha256):
        raise UnavailableError(f"{path}: {problem}: an incomplete or altered copy", damaged=True)
    return content


def _read_extracted(path: Path, file: PublishedFile) -> bytes:
    return _read_published(path, file.size, file.sha256)


def _read_archive(path: Path, file: PublishedFile) -> bytes:
    """Return what is in an archive, if both are as published."""
    packed = _read_published(path, file.archive_size, file.archive_sha256)
    try:
        # At most one byte more than published, however much the archive would expand to.
        content = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(packed, file.size + 1)
    except zlib.error as error:
        raise UnavailableError(f"{path}: cannot be extracted ({error})", damaged=True) from None
    if problem := _difference(content, file.size, file.sha256):
        raise UnavailableError(f"{path}: inside, {problem}", damaged=True)
    return content


def _save_extracted(path: Path, content: bytes, *, locked: bool) -> None:
    """Write an extracted file if possible; otherwise the archive is read each time."""
    try:
        if path.exists() and not path.is_file():
            _log.info("%s was not saved: something else has its name", path)
        elif locked:
            with atomic_write(path) as part:
                part.write(content)
        else:
            with exclusive_lock(path.parent, seconds=_LOCK_TIMEOUT):
                _save_extracted(path, content, locked=True)
    except OSError as error:
        # On a read-only or full disk, the next load takes a third of a second longer.
        _log.info("%s was not saved: %s", path, error)


def _read(raw: Path, file: PublishedFile, *, locked: bool) -> bytes:
    """Return a file's bytes, from the extracted file or from the archive."""
    extracted, archive = raw / file.name, raw / file.archive_name
    problems = []
    for path, read in ((extracted, _read_extracted), (archive, _read_archive)):
        try:
            if not _is_there(path):
                continue
            content = read(path, file)
        except UnavailableError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{path}: cannot be read ({error.strerror or error})")
        else:
            if path == archive:
                if problems:
                    _log.warning("%s; extracted again from %s", problems[0], archive.name)
                _save_extracted(extracted, content, locked=locked)
            return content
    if problems:
        raise UnavailableError("; ".join(problems), damaged=True)
    raise UnavailableError(f"{archive}: not there", damaged=False)


def _first_entries(content: bytes, file: PublishedFile, count: int) -> torch.Tensor:
    shape = (count, *file.shape[1:])
    # A copy: it is writable and does not keep the whole file in memory.
    values = bytearray(memoryview(content)[file.header_size : file.header_size + prod(shape)])
    return torch.frombuffer(values, dtype=torch.uint8).reshape(shape)


def _tensors(
    contents: Mapping[PublishedFile, bytes], counts: Mapping[str, int]
) -> list[torch.Tensor]:
    return [_first_entries(content, file, counts[file.split]) for file, content in contents.items()]


def read_files(raw: Path, counts: Mapping[str, int]) -> list[torch.Tensor]:
    """Read the first entries of the four files as uint8, without a network.

    An extracted file that is missing or damaged is written again from its archive; in a read-only
    folder the archive is extracted in memory.

    Args:
        raw: The folder of the files.
        counts: How many entries to return of each split, ``"train"`` and ``"test"``.

    Raises:
        UnavailableError: A file is missing or not as published, and so is its archive.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook._data.cache import read_files
        >>> read_files(Path("nowhere"), {"train": 1, "test": 1})
        Traceback (most recent call last):
            ...
        cnnbook._data.cache.UnavailableError: nowhere/train-images-idx3-ubyte.gz: not there
    """
    remove_leftovers(raw)
    return _tensors({file: _read(raw, file, locked=False) for file in registry.FILES}, counts)


def _mirrors() -> list[str]:
    addresses = os.environ.get("CNNBOOK_MIRROR", "").split() or registry.MIRRORS
    return list(dict.fromkeys(f"{address.rstrip('/')}/" for address in addresses))


def download_files(raw: Path, counts: Mapping[str, int]) -> list[torch.Tensor]:
    """Read like ``read_files``, and download what is missing or damaged.

    If several processes ask at once, one downloads and the others wait for it.

    Raises:
        UnavailableError: A file cannot be downloaded or written.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook._data.cache import download_files
        >>> download_files(Path("/dev/null/raw"), {"train": 1, "test": 1})
        Traceback (most recent call last):
            ...
        cnnbook._data.cache.UnavailableError: /dev/null/raw: cannot be created (Not a directory)
    """
    deadline = time.monotonic() + _DEADLINE
    try:
        raw.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(
            f"{raw}: cannot be created ({error.strerror or error})", damaged=False
        ) from None
    mirrors = _mirrors()
    contents = {}
    try:
        with exclusive_lock(raw, seconds=_DEADLINE) as locked:
            for file in registry.FILES:
                try:
                    contents[file] = _read(raw, file, locked=locked)
                except UnavailableError:
                    _download(raw, file, mirrors, deadline)
                    contents[file] = _read(raw, file, locked=locked)
    except TimeoutError as error:
        raise UnavailableError(str(error), damaged=False) from None
    return _tensors(contents, counts)


def _download(raw: Path, file: PublishedFile, mirrors: list[str], deadline: float) -> None:
    archive = raw / file.archive_name
    with suppress(OSError):
        # Raises if a folder has that name, before 26 MB are downloaded in vain.
        _is_there(archive)
    try:
        sender = download(
            archive,
            mirrors,
            size=file.archive_size,
            sha256=file.archive_sha256,
            deadline=deadline,
        )
    except DownloadError as error:
        raise UnavailableError(
            f"{archive.name} could not be downloaded ({error})", damaged=False
        ) from None
    except OSError as error:
        raise UnavailableError(
            f"{archive}: cannot be written ({error.strerror or error}), {file.archive_size} bytes "
            "are needed; free some space there or allow writing",
            damaged=False,
        ) from None
    # The next file is requested first from the mirror that worked.
    mirrors.sort(key=lambda mirror: mirror != sender)


def find_files(
    explicit: tuple[Path, str] | None, counts: Mapping[str, int], *, download: bool
) -> tuple[list[torch.Tensor], str]:
    """Read the four files from the first folder that has them, or download them.

    Args:
        explicit: The result of ``explicit_root``: the folder to look in before the cache folder,
            and to download into.
        counts: How many entries to return of each split, ``"train"`` and ``"test"``.
        download: Whether a download is allowed.

    Returns:
        The tensors of ``read_files``, and in words where they came from.

    Raises:
        FileNotFoundError: There are no files and a download is not allowed.
        RuntimeError: Every copy is damaged, or the download failed.
    """
    places = search_path(explicit)
    problems: list[UnavailableError] = []
    for folder, name in places:
        try:
            return read_files(raw_folder(folder), counts), name
        except UnavailableError as error:
            if error.damaged:
                _log.warning("%s", error)
            problems.append(error)
    folder, name = places[0]
    raw = raw_folder(folder)
    if download:
        try:
            return download_files(raw, counts), f"the publisher, by download into {name}"
        except UnavailableError as error:
            problems.append(error)
    damaged = [str(problem) for problem in problems if problem.damaged]
    others = [str(problem) for problem in problems if not problem.damaged]
    hint = ""
    if explicit is not None and list(folder.glob("*-ubyte*")) + list(folder.glob("raw/*-ubyte*")):
        hint = f"; {name} should name the folder that holds FashionMNIST/raw, not one inside it"
    remedy = (
        f"put the four .gz files into {raw}, or set CNNBOOK_DATA to a folder that has them in "
        f"FashionMNIST/raw, or pass fallback='drawn' to continue with drawn garments{hint}"
    )
    reason = "; ".join(dict.fromkeys(damaged + others))
    if damaged or download:
        raise RuntimeError(f"Fashion-MNIST is unavailable: {reason}; {remedy}")
    raise FileNotFoundError(f"Fashion-MNIST is not there and download=False: {reason}; {remedy}")


def inspect_files(raw: Path) -> list[FileState]:
    """Compare each extracted file, and then its archive, with the published one.

    Every byte is read and every archive extracted in memory, 0.5 s for all of them. Nothing in the
    folder is changed.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook._data.cache import inspect_files
        >>> [state.problem for state in inspect_files(Path("nowhere"))][:2]
        ['not there', 'not there']
    """
    states = []
    for file in registry.FILES:
        for name, read in ((file.name, _read_extracted), (file.archive_name, _read_archive)):
            path = raw / name
            size, published, problem = None, None, "not there"
            try:
                if _is_there(path):
                    size, published, problem = path.stat().st_size, True, ""
                    read(path, file)
            except UnavailableError as error:
                published, problem = False, str(error).removeprefix(f"{path}: ")
            except OSError as error:
                published, problem = False, f"cannot be read ({error.strerror or error})"
            states.append(FileState(path, size, published, problem))
    return states


def remove_files(raw: Path) -> list[Path]:
    """Remove the eight files, leftovers of killed programs, and the folders if now empty.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook._data.cache import remove_files
        >>> remove_files(Path("nowhere"))
        []
    """
    removed = []
    if raw.is_dir():
        with exclusive_lock(raw, seconds=_LOCK_TIMEOUT):
            for file in registry.FILES:
                for path in (raw / file.name, raw / file.archive_name):
                    if path.is_symlink() or path.is_file():
                        path.unlink(missing_ok=True)
                        removed.append(path)
        # Only the folders that were made for the files, and only if nothing else is in them.
        with suppress(OSError):
            raw.rmdir()
            raw.parent.rmdir()
    return removed
