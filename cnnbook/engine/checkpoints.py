"""Files that are whole or refused: written at once, checked by SHA-256, the one before kept."""

import hashlib
import io
import os
import warnings
from pathlib import Path
from typing import Any

import torch

__all__ = [
    "digest",
    "pack",
    "previous_path",
    "read_checkpoint",
    "unpack",
    "write_checkpoint",
]

# Says what the file is to whoever opens it; the number changes when the content's keys do.
_MAGIC = b"cnnbook checkpoint 1\n"
_HEAD = len(_MAGIC) + hashlib.sha256().digest_size


def digest(tensor: torch.Tensor) -> str:
    """Compute a tensor's SHA-256, over its dtype, its shape and its numbers.

    Args:
        tensor: Any tensor.

    Returns:
        64 hexadecimal digits; the same for equal tensors in any memory layout, on any device.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.checkpoints import digest
        >>> digest(torch.zeros(2, 3))[:8]
        '0494e76d'
        >>> digest(torch.zeros(3, 2)) == digest(torch.zeros(2, 3))
        False
        >>> digest(torch.zeros(3, 2).T) == digest(torch.zeros(2, 3))
        True

    Source:
        Derived here; NIST (2015), FIPS 180-4, for SHA-256.
    """
    plain = tensor.detach().cpu().contiguous()
    name = f"{plain.dtype} {tuple(plain.shape)} "
    content = plain.flatten().view(torch.uint8).numpy()
    whole = hashlib.sha256(name.encode())
    whole.update(content.data)
    return whole.hexdigest()


def previous_path(path: str | os.PathLike[str]) -> Path:
    """Name the file that holds the checkpoint before the newest.

    Args:
        path: The newest checkpoint's file.

    Returns:
        The same with ``.previous`` at its end.

    Examples:
        >>> from cnnbook.engine.checkpoints import previous_path
        >>> previous_path("run.ckpt").name
        'run.ckpt.previous'

    Source:
        Derived here.
    """
    path = Path(path)
    return path.with_name(path.name + ".previous")


def _refuse_what_needs_code(value: object, where: str) -> None:
    """Raise where a value could not be loaded again without running code from the file."""
    if value is None or isinstance(value, (torch.Tensor, str, int, float, bool)):
        return
    if isinstance(value, dict):
        for key, part in value.items():
            _refuse_what_needs_code(part, f"{where}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            _refuse_what_needs_code(part, f"{where}[{index}]")
    else:
        raise TypeError(
            f"{where}: expected tensors, numbers, texts, and lists and dicts of them, got "
            f"{type(value).__name__}; a checkpoint holds nothing that would need code to load"
        )


def pack(content: dict[str, Any]) -> bytes:
    """Turn a checkpoint's content into bytes that say themselves whether they are whole.

    Args:
        content: Tensors, numbers, texts, and lists and dicts of them.

    Returns:
        A line that says what it is, the SHA-256 of the rest, and the rest, as torch saves it.

    Raises:
        TypeError: ``content`` holds something that would need code to load.

    Examples:
        >>> from cnnbook.engine.checkpoints import pack
        >>> pack({"epoch": 3})[:20]
        b'cnnbook checkpoint 1'
        >>> pack({"net": print})
        Traceback (most recent call last):
            ...
        TypeError: content['net']: expected tensors, numbers, texts, and lists and dicts of \
them, got builtin_function_or_method; a checkpoint holds nothing that would need code to load

    Source:
        Derived here.
    """
    _refuse_what_needs_code(content, "content")
    buffer = io.BytesIO()
    torch.save(content, buffer)
    payload = buffer.getvalue()
    return _MAGIC + hashlib.sha256(payload).digest() + payload


def unpack(data: bytes) -> dict[str, Any]:
    """Turn bytes back into a checkpoint's content, if every bit is as it was written.

    Args:
        data: What ``pack`` gave.

    Returns:
        The content, its tensors on the CPU.

    Raises:
        ValueError: The bytes are cut off, changed, or something else.

    Examples:
        >>> from cnnbook.engine.checkpoints import pack, unpack
        >>> data = pack({"epoch": 3})
        >>> unpack(data)
        {'epoch': 3}
        >>> unpack(data[:-1])
        Traceback (most recent call last):
            ...
        ValueError: its SHA-256 is not the one that was written with it: it is cut off or damaged

    Source:
        Derived here. torch.load itself notices almost no changed bit: it leaves the checksums
        of its archive unread.
    """
    if not data:
        raise ValueError("it is empty")
    if not data.startswith(_MAGIC):
        raise ValueError("it does not start like a checkpoint of cnnbook")
    payload = memoryview(data)[_HEAD:]
    if hashlib.sha256(payload).digest() != data[len(_MAGIC) : _HEAD]:
        raise ValueError(
            "its SHA-256 is not the one that was written with it: it is cut off or damaged"
        )
    try:
        content = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    # Whole, but not made here: torch raises one of several kinds for what it refuses to run.
    except Exception as error:
        raise ValueError(f"torch cannot load it: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict):
        raise ValueError(f"it holds a {type(content).__name__}")
    return content


def _sync_folder(folder: Path) -> None:
    # Without this a power cut could undo the renaming. Windows cannot open a folder.
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_checkpoint(path: str | os.PathLike[str], content: dict[str, Any]) -> None:
    """Write a checkpoint so that a whole one is there at every moment.

    The content goes to a temporary file beside ``path``, is forced onto the disk, and only then
    takes the name; what had the name before is kept as ``previous_path(path)``. Killed at any
    moment, the newest or the one before can be read.

    Args:
        path: The file; its folder is made where it is missing.
        content: Tensors, numbers, texts, and lists and dicts of them.

    Raises:
        TypeError: ``content`` holds something that would need code to load.
        OSError: The file cannot be written.

    Examples:
        >>> import tempfile
        >>> from cnnbook.engine.checkpoints import read_checkpoint, write_checkpoint
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_checkpoint(f"{folder}/run.ckpt", {"epoch": 3})
        ...     read_checkpoint(f"{folder}/run.ckpt")
        {'epoch': 3}

    Source:
        Pillai et al. (2014), All file systems are not created equal, section 2 (atomic
        replacement by a synchronised temporary file).
    """
    path = Path(path)
    data = pack(content)
    path.parent.mkdir(parents=True, exist_ok=True)
    # One fixed name, so that what a killed process left is overwritten and never piles up.
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        os.replace(path, previous_path(path))
    os.replace(temporary, path)
    _sync_folder(path.parent)


def _read(path: Path) -> tuple[dict[str, Any] | None, str]:
    """Return the content, or None and what is wrong."""
    try:
        return unpack(path.read_bytes()), ""
    except FileNotFoundError:
        return None, "it is not there"
    except ValueError as error:
        return None, str(error)


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Read the newest whole checkpoint.

    A file that is cut off or has one bit changed is refused, with a warning, and the one before
    is taken; the damaged file is kept under another name, so that the next writing cannot put it
    in the place of the good one.

    Args:
        path: The file, as for ``write_checkpoint``.

    Returns:
        The content, its tensors on the CPU; ``None`` where nothing has been written yet.

    Raises:
        ValueError: There are files, but none that is whole.

    Examples:
        >>> import tempfile
        >>> from cnnbook.engine.checkpoints import read_checkpoint
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     print(read_checkpoint(f"{folder}/run.ckpt"))
        None

    Source:
        Derived here.
    """
    path = Path(path)
    before = previous_path(path)
    if not path.exists() and not before.exists():
        return None
    content, wrong = _read(path)
    if content is not None:
        return content
    older, wrong_before = _read(before)
    if older is None:
        raise ValueError(
            f"{path}: expected a whole checkpoint, but {wrong}, and of {before.name}, "
            f"{wrong_before}; delete both to start from the beginning"
        )
    # Killed between the two renamings, the newest is missing and nothing is wrong.
    if path.exists():
        damaged = path.with_name(path.name + ".damaged")
        os.replace(path, damaged)
        warnings.warn(
            f"{path}: refused, since {wrong}; going on from {before.name}, the one before "
            f"(the refused file is kept as {damaged.name})",
            stacklevel=2,
        )
    return older
