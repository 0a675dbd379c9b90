"""The four files of Fashion-MNIST: what was published, and how a folder comes to hold just that.

Every file is either what was published, byte for byte, or it is not used: it is mended from the
archive beside it, or downloaded anew, or told of. A file that is right is never written to, and
one that is wrong stays until a right one takes its place.
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
from pathlib import Path
from typing import Literal

import torch

from cnnbook.fetching import FetchError, fetch
from cnnbook.garments import GARMENT_NAMES
from cnnbook.idx_format import IdxError, check_labels, decode_idx, idx_shape
from cnnbook.whole_files import exclusive_lock, replacing, sweep

__all__ = [
    "FILES",
    "FileState",
    "PublishedFile",
    "UnusableError",
    "download_files",
    "look_at",
    "raw_folder",
    "read_files",
    "remove_files",
]

_log = logging.getLogger(__name__)

# Seconds that all four downloads may take together, waiting for other processes included.
_DEADLINE = 1800.0
# Seconds that a load waits for another process before it does without keeping what it extracted.
_BRIEFLY = 5.0
# The publisher's other address, from the README of github.com/zalandoresearch/fashion-mnist; the
# first is torchvision's.
_SECOND_MIRROR = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
)


@dataclass(frozen=True)
class PublishedFile:
    """One of the four files: its name, what it holds, and sizes and digests as published.

    Attributes:
        name: Its name; the archive's ends in ``.gz``.
        part: Whether it belongs to the training or to the test set.
        shape: The shape of its numbers, the count of entries first.
        packed: The archive's size in bytes.
        md5: The archive's MD5, as the publisher and torchvision give it.
        sha256: The SHA-256 of the file inside, which neither gives.

    Examples:
        >>> from cnnbook.published_files import FILES, PublishedFile
        >>> PublishedFile("labels", "train", (3,), 0, "", "").size
        11
        >>> FILES[0].name, FILES[0].size
        ('train-images-idx3-ubyte', 47040016)
    """

    name: str
    part: Literal["train", "test"]
    shape: tuple[int, ...]
    packed: int
    md5: str
    sha256: str

    @property
    def size(self) -> int:
        """The file's size in bytes: four for each axis and four more, then the numbers."""
        return 4 * (len(self.shape) + 1) + torch.Size(self.shape).numel()


# The SHA-256 were computed from archives whose MD5 is the published one.
FILES: tuple[PublishedFile, ...] = (
    PublishedFile(
        "train-images-idx3-ubyte",
        "train",
        (60_000, 28, 28),
        26_421_880,
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    PublishedFile(
        "train-labels-idx1-ubyte",
        "train",
        (60_000,),
        29_515,
        "25c81989df183df01b3e8a0aad5dffbe",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    PublishedFile(
        "t10k-images-idx3-ubyte",
        "test",
        (10_000, 28, 28),
        4_422_102,
        "bef4ecab320f06d8554ea6380940ec79",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    PublishedFile(
        "t10k-labels-idx1-ubyte",
        "test",
        (10_000,),
        5_148,
        "bb300cfdad3c16e7a12a480ee83cd310",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)


class UnusableError(Exception):
    """A file that is missing, damaged, or cannot be had; the message names it and says why.

    Attributes:
        damaged: Whether something is there that is not what was published.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook.published_files import UnusableError, read_files
        >>> try:
        ...     read_files(Path("nowhere"), {"train": 1, "test": 1})
        ... except UnusableError as error:
        ...     print(error.damaged, error)
        False nowhere/train-images-idx3-ubyte.gz: not there
    """

    def __init__(self, reason: str, *, damaged: bool) -> None:
        super().__init__(reason)
        self.damaged = damaged


@dataclass(frozen=True)
class FileState:
    """What is known of one file in a folder.

    Attributes:
        path: The file.
        size: Its size in bytes, ``None`` where there is none.
        published: Whether every byte is as published; ``None`` where it is not there.
        problem: What is wrong with it, empty if nothing.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook.published_files import FileState
        >>> FileState(Path("x"), None, None, "not there").published is None
        True
    """

    path: Path
    size: int | None
    published: bool | None
    problem: str


def raw_folder(root: Path) -> Path:
    """Return where torchvision keeps the files of Fashion-MNIST below a root.

    Args:
        root: The folder that is handed to torchvision as ``root``.

    Returns:
        The folder of the files.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook.published_files import raw_folder
        >>> raw_folder(Path("data")).as_posix()
        'data/FashionMNIST/raw'

    Source:
        ``torchvision.datasets.FashionMNIST.raw_folder``.
    """
    return root / "FashionMNIST" / "raw"


def _is_there(path: Path) -> bool:
    """Tell a file from nothing, and raise for all that is neither."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    if not stat.S_ISREG(mode):
        # A folder, a pipe that would never give a byte, a device that would never stop.
        what = "a folder" if stat.S_ISDIR(mode) else "something else"
        raise UnusableError(f"{path}: expected a file, got {what}; move it away", damaged=True)
    return True


def _read_at_most(path: Path, size: int) -> bytes:
    """Return a file of the given size, and no file of another."""
    with path.open("rb") as source:
        got = os.fstat(source.fileno()).st_size
        if got == size:
            # One byte more than there should be: it may have grown by now.
            content = source.read(size + 1)
            got = len(content)
            if got == size:
                return content
        source.seek(0)
        raise _WrongSize(got, source.read(16))


class _WrongSize(Exception):
    def __init__(self, got: int, begin: bytes) -> None:
        super().__init__(f"got {got} bytes" + (f" that begin with {begin!r}" if begin else ""))


def _read_extracted(extracted: Path, file: PublishedFile) -> bytes:
    """Return an extracted file's bytes, if they are the published ones."""
    expected = f"expected the published data, {file.size} bytes with SHA-256 {file.sha256}"
    try:
        content = _read_at_most(extracted, file.size)
    except _WrongSize as error:
        raise UnusableError(f"{extracted}: {expected}, {error}", damaged=True) from None
    # The header first: where it lies, it says more than the digest does.
    try:
        shape = idx_shape(content[:16], size=len(content), name=str(extracted))
    except IdxError as error:
        raise UnusableError(str(error), damaged=True) from None
    if shape != file.shape:
        raise UnusableError(
            f"{extracted}: expected a shape of {file.shape}, got {shape}", damaged=True
        )
    # On every load, since it takes 0.04 s for all four: a note that a file was right once would
    # have to be believed.
    got = hashlib.sha256(content).hexdigest()
    if got != file.sha256:
        raise UnusableError(f"{extracted}: {expected}, got SHA-256 {got}", damaged=True)
    return content


def _unpack(archive: Path, file: PublishedFile) -> bytes:
    """Return the bytes in an archive, if it is the published one."""
    expected = f"expected the published archive, {file.packed} bytes with MD5 {file.md5}"
    try:
        packed = _read_at_most(archive, file.packed)
    except _WrongSize as error:
        raise UnusableError(
            f"{archive}: {expected}, {error}: an unfinished or altered copy", damaged=True
        ) from None
    got = hashlib.md5(packed, usedforsecurity=False).hexdigest()
    if got != file.md5:
        raise UnusableError(
            f"{archive}: {expected}, got MD5 {got}: an unfinished or altered copy", damaged=True
        )
    # One byte more than there should be shows that there is more; a bomb unfolds no further.
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = unpacking.decompress(packed, file.size + 1)
    except zlib.error as error:
        raise UnusableError(f"{archive}: cannot be unpacked ({error})", damaged=True) from None
    if len(content) != file.size:
        more = len(content) > file.size and not unpacking.eof
        got = f"more than {file.size} bytes" if more else f"{len(content)} bytes"
        raise UnusableError(
            f"{archive}: expected {file.size} bytes inside, got {got}", damaged=True
        )
    got = hashlib.sha256(content).hexdigest()
    if got != file.sha256:
        raise UnusableError(
            f"{archive}: expected data with SHA-256 {file.sha256} inside, got {got}", damaged=True
        )
    return content


def _keep(extracted: Path, content: bytes, *, locked: bool) -> None:
    """Write an extracted file where that can be done; where it cannot, the archive serves."""
    try:
        if extracted.exists() and not extracted.is_file():
            _log.info("%s was not kept: something else has its name", extracted)
        elif locked:
            with replacing(extracted) as part:
                part.write(content)
        else:
            with exclusive_lock(extracted.parent, seconds=_BRIEFLY):
                _keep(extracted, content, locked=True)
    except OSError as error:
        # A read-only or full disk costs the next load a third of a second, nothing else.
        _log.info("%s was not kept: %s", extracted, error)


def _read(raw: Path, file: PublishedFile, *, locked: bool) -> bytes:
    """Return a file's bytes, from its extracted form or from its archive."""
    extracted, archive = raw / file.name, raw / f"{file.name}.gz"
    reasons = []
    for path, read in ((extracted, _read_extracted), (archive, _unpack)):
        try:
            if not _is_there(path):
                continue
            content = read(path, file)
        except UnusableError as error:
            reasons.append(str(error))
        except OSError as error:
            reasons.append(f"{path}: cannot be read ({error.strerror or error})")
        else:
            if path == archive:
                if reasons:
                    _log.warning("%s; mended from %s", reasons[0], archive.name)
                _keep(extracted, content, locked=locked)
            return content
    if reasons:
        raise UnusableError("; ".join(reasons), damaged=True)
    raise UnusableError(f"{archive}: not there", damaged=False)


def _decode(
    contents: Mapping[PublishedFile, bytes], counts: Mapping[str, int], raw: Path
) -> list[torch.Tensor]:
    """Return the first entries of each file as a tensor, the labels looked at."""
    try:
        return [
            _checked(content, file, str(raw / file.name), counts[file.part])
            for file, content in contents.items()
        ]
    except IdxError as error:
        raise UnusableError(str(error), damaged=True) from None


def _checked(content: bytes, file: PublishedFile, name: str, count: int) -> torch.Tensor:
    tensor = decode_idx(content, name=name, first=count)
    if len(file.shape) == 1:
        check_labels(tensor, images=count, classes=len(GARMENT_NAMES), name=name)
    return tensor


def read_files(raw: Path, counts: Mapping[str, int]) -> list[torch.Tensor]:
    """Read the first entries of the four files, without a network.

    An extracted file that is missing or damaged is mended from its archive, where the folder can
    be written to; where it cannot, the archive is read in memory.

    Args:
        raw: The folder of the files.
        counts: How many entries to return, by part, ``"train"`` and ``"test"``.

    Returns:
        Training images and labels, test images and labels, uint8.

    Raises:
        UnusableError: A file is missing, or is not what was published and has no archive that is.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook.published_files import read_files
        >>> read_files(Path("nowhere"), {"train": 1, "test": 1})
        Traceback (most recent call last):
            ...
        cnnbook.published_files.UnusableError: nowhere/train-images-idx3-ubyte.gz: not there

    Source:
        Derived here; the layout is torchvision's.
    """
    sweep(raw)
    return _decode({file: _read(raw, file, locked=False) for file in FILES}, counts, raw)


def _mirrors() -> list[str]:
    chosen = os.environ.get("CNNBOOK_MIRROR", "").split()
    if chosen:
        return chosen
    # Not at the top: torchvision costs more time to import than the rest of the package.
    from torchvision.datasets import FashionMNIST

    return [*FashionMNIST.mirrors, _SECOND_MIRROR]


def download_files(raw: Path, counts: Mapping[str, int]) -> list[torch.Tensor]:
    """Read the four files, and download those that are missing or damaged.

    Of all processes that ask at once, one downloads; the others wait for it.

    Args:
        raw: The folder of the files; it is made if need be.
        counts: How many entries to return, by part, ``"train"`` and ``"test"``.

    Returns:
        Training images and labels, test images and labels, uint8.

    Raises:
        UnusableError: A file cannot be downloaded, or cannot be written.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook.published_files import download_files
        >>> download_files(Path("/dev/null/raw"), {"train": 1, "test": 1})
        Traceback (most recent call last):
            ...
        cnnbook.published_files.UnusableError: /dev/null/raw: cannot be made (Not a directory)

    Source:
        Derived here.
    """
    deadline = time.monotonic() + _DEADLINE
    try:
        raw.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableError(
            f"{raw}: cannot be made ({error.strerror or error})", damaged=False
        ) from None
    contents = {}
    try:
        with exclusive_lock(raw, seconds=_DEADLINE) as locked:
            # Looked up once for all files; the one that worked is asked first from then on.
            mirrors: list[str] | None = None
            for file in FILES:
                try:
                    contents[file] = _read(raw, file, locked=locked)
                except UnusableError:
                    mirrors = _mirrors() if mirrors is None else mirrors
                    _download(raw, file, mirrors, deadline)
                    contents[file] = _read(raw, file, locked=locked)
    except TimeoutError as error:
        raise UnusableError(str(error), damaged=False) from None
    return _decode(contents, counts, raw)


def _download(raw: Path, file: PublishedFile, mirrors: list[str], deadline: float) -> None:
    archive = raw / f"{file.name}.gz"
    with suppress(OSError):
        # Before 26 MB are sent for nothing.
        _is_there(archive)
    try:
        worked = fetch(
            archive,
            mirrors,
            size=file.packed,
            md5=file.md5,
            seconds=max(0.0, deadline - time.monotonic()),
        )
    except FetchError as error:
        raise UnusableError(
            f"{archive.name} could not be downloaded ({error})", damaged=False
        ) from None
    except OSError as error:
        raise UnusableError(
            f"{archive}: cannot be written ({error.strerror or error}), {file.packed} bytes are "
            "needed; make room there or permit it",
            damaged=False,
        ) from None
    mirrors.sort(key=lambda mirror: f"{mirror.rstrip('/')}/" != worked)


def look_at(raw: Path) -> list[FileState]:
    """Compare all that a folder holds of the eight files with what was published.

    Every byte is read, every archive unpacked, every label looked at; 0.5 s for all of them.

    Args:
        raw: The folder of the files; nothing in it is changed.

    Returns:
        The state of each extracted file and of each archive.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook.published_files import look_at
        >>> [state.problem for state in look_at(Path("nowhere"))][:2]
        ['not there', 'not there']

    Source:
        Derived here.
    """
    states = []
    for file in FILES:
        for path, read in ((raw / file.name, _read_extracted), (raw / f"{file.name}.gz", _unpack)):
            size, published, problem = None, None, "not there"
            try:
                if _is_there(path):
                    size, published, problem = path.stat().st_size, True, ""
                    _checked(read(path, file), file, str(path), file.shape[0])
            except (UnusableError, IdxError) as error:
                published, problem = False, str(error).removeprefix(f"{path}: ")
            except OSError as error:
                published, problem = False, f"cannot be read ({error.strerror or error})"
            states.append(FileState(path, size, published, problem))
    return states


def remove_files(raw: Path) -> list[Path]:
    """Remove the eight files and what killed programs left, and folders that are empty then.

    Args:
        raw: The folder of the files; all else in it stays.

    Returns:
        What was removed.

    Raises:
        OSError: A file cannot be removed.

    Examples:
        >>> from pathlib import Path
        >>> from cnnbook.published_files import remove_files
        >>> remove_files(Path("nowhere"))
        []

    Source:
        Derived here.
    """
    names = [raw / f"{file.name}{ending}" for file in FILES for ending in ("", ".gz")]
    removed = []
    if raw.is_dir():
        with exclusive_lock(raw, seconds=_BRIEFLY):
            for path in names:
                if path.is_symlink() or path.is_file():
                    path.unlink(missing_ok=True)
                    removed.append(path)
        # Of the folders only those that were made for the files, and only if nothing else is there.
        with suppress(OSError):
            raw.rmdir()
            raw.parent.rmdir()
    return removed
