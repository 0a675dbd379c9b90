"""Checkpoint files: written atomically, checked by SHA-256, the previous one kept."""

import hashlib
import io
import os
import warnings
from pathlib import Path
from typing import Any

import torch

from cnnbook._files import atomic_write

__all__ = [
    "digest",
    "pack",
    "previous_path",
    "read_checkpoint",
    "unpack",
    "write_checkpoint",
]

# Identifies the file; the number changes when the content's keys do.
_MAGIC = b"cnnbook checkpoint 2\n"
_HEAD = len(_MAGIC) + hashlib.sha256().digest_size


def digest(tensor: torch.Tensor) -> str:
    """Compute the SHA-256 of a tensor's dtype, shape and numbers.

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
        NIST (2015), FIPS 180-4, for SHA-256.
    """
    plain = tensor.detach().cpu().contiguous()
    name = f"{plain.dtype} {tuple(plain.shape)} "
    content = plain.flatten().view(torch.uint8).numpy()
    sha256 = hashlib.sha256(name.encode())
    sha256.update(content.data)
    return sha256.hexdigest()


def previous_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of the checkpoint before the newest.

    Args:
        path: The newest checkpoint's file.

    Returns:
        The same path with ``.previous`` at its end.

    Examples:
        >>> from cnnbook.engine.checkpoints import previous_path
        >>> previous_path("run.ckpt").name
        'run.ckpt.previous'
    """
    path = Path(path)
    return path.with_name(path.name + ".previous")


def _check_loads_without_code(value: object, where: str) -> None:
    """Raise if a value could not be loaded again without running code from the file."""
    if value is None or isinstance(value, (torch.Tensor, str, int, float, bool)):
        return
    if isinstance(value, dict):
        for key, part in value.items():
            _check_loads_without_code(part, f"{where}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            _check_loads_without_code(part, f"{where}[{index}]")
    else:
        raise TypeError(
            f"{where}: expected tensors, numbers, strings, and lists and dicts of them, got "
            f"{type(value).__name__}; a checkpoint holds nothing that would need code to load"
        )


def pack(content: dict[str, Any]) -> bytes:
    """Turn a checkpoint's content into bytes that carry their own SHA-256.

    Args:
        content: Tensors, numbers, strings, and lists and dicts of them.

    Returns:
        A line with the format, the SHA-256 of the rest, and the rest as ``torch.save`` writes it.

    Raises:
        TypeError: ``content`` holds something that would need code to load.

    Examples:
        >>> from cnnbook.engine.checkpoints import pack
        >>> pack({"epoch": 3})[:20]
        b'cnnbook checkpoint 2'
        >>> pack({"net": print})
        Traceback (most recent call last):
            ...
        TypeError: content['net']: expected tensors, numbers, strings, and lists and dicts of \
them, got builtin_function_or_method; a checkpoint holds nothing that would need code to load
    """
    _check_loads_without_code(content, "content")
    buffer = io.BytesIO()
    torch.save(content, buffer)
    payload = buffer.getvalue()
    return _MAGIC + hashlib.sha256(payload).digest() + payload


def unpack(data: bytes) -> dict[str, Any]:
    """Turn bytes back into a checkpoint's content, after checking their SHA-256.

    ``torch.load`` itself detects almost no flipped bits: it does not check the checksums in its
    archive.

    Args:
        data: What ``pack`` returned.

    Returns:
        The content, its tensors on the CPU.

    Raises:
        ValueError: The bytes are truncated or changed, or are not a checkpoint.

    Examples:
        >>> from cnnbook.engine.checkpoints import pack, unpack
        >>> data = pack({"epoch": 3})
        >>> unpack(data)
        {'epoch': 3}
        >>> unpack(data[:-1])
        Traceback (most recent call last):
            ...
        ValueError: its SHA-256 is not the one that was written with it: it is truncated or damaged
    """
    if not data:
        raise ValueError("it is empty")
    if not data.startswith(_MAGIC):
        raise ValueError("it does not start like a checkpoint of cnnbook")
    payload = memoryview(data)[_HEAD:]
    if hashlib.sha256(payload).digest() != data[len(_MAGIC) : _HEAD]:
        raise ValueError(
            "its SHA-256 is not the one that was written with it: it is truncated or damaged"
        )
    try:
        content = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    # Undamaged, but not written by ``pack``: torch raises various types for what it refuses.
    except Exception as error:
        raise ValueError(f"torch cannot load it: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict):
        raise ValueError(f"it holds a {type(content).__name__}")
    return content


def write_checkpoint(path: str | os.PathLike[str], content: dict[str, Any]) -> None:
    """Write a checkpoint atomically and keep the previous one.

    The file that is replaced is kept as ``previous_path(path)``. Whenever the program is killed,
    the newest checkpoint or the previous one can be read.

    Args:
        path: The file; its folder is created if it is missing.
        content: Tensors, numbers, strings, and lists and dicts of them.

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
    """
    path = Path(path)
    data = pack(content)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, keep_previous=previous_path(path)) as file:
        file.write(data)


def _read(path: Path) -> tuple[dict[str, Any] | None, str]:
    """Return the content, or None and a description of the problem."""
    try:
        return unpack(path.read_bytes()), ""
    except FileNotFoundError:
        return None, "it does not exist"
    except ValueError as error:
        return None, str(error)


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Read the newest undamaged checkpoint.

    If the newest file is truncated or has a flipped bit, a warning says so and the previous one
    is read. The damaged file is renamed; otherwise the next write would keep it as the previous
    checkpoint and lose the good one.

    Args:
        path: The file, as for ``write_checkpoint``.

    Returns:
        The content, its tensors on the CPU; ``None`` if nothing has been written yet.

    Raises:
        ValueError: There are files, but all of them are damaged.

    Examples:
        >>> import tempfile
        >>> from cnnbook.engine.checkpoints import read_checkpoint
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     print(read_checkpoint(f"{folder}/run.ckpt"))
        None
    """
    path = Path(path)
    previous = previous_path(path)
    if not path.exists() and not previous.exists():
        return None
    content, problem = _read(path)
    if content is not None:
        return content
    older, older_problem = _read(previous)
    if older is None:
        raise ValueError(
            f"{path}: expected an undamaged checkpoint, but {problem}; {previous.name} cannot be "
            f"used either, since {older_problem}; delete both to start from the beginning"
        )
    # Without hard links the newest may be missing after a kill; then nothing is damaged.
    if path.exists():
        damaged = path.with_name(path.name + ".damaged")
        os.replace(path, damaged)
        warnings.warn(
            f"{path}: refused, since {problem}; continuing from {previous.name}, the previous "
            f"checkpoint (the refused file is kept as {damaged.name})",
            stacklevel=2,
        )
    return older
