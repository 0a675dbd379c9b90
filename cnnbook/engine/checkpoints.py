"""Checkpoint files: written atomically, checked by SHA-256, the previous one kept."""

import hashlib
import io
import os
import re
import warnings
from collections import Counter, OrderedDict
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
_MAGIC = b"cnnbook checkpoint 3\n"
_ANY_MAGIC = re.compile(rb"cnnbook checkpoint (\d+)\n")
_SHA256_SIZE = hashlib.sha256().digest_size

# What ``torch.load`` reads without running code from the file. Exact types: of a subclass, such as
# a namedtuple, torch would write the class's name and then refuse to load it.
_DICTS = (dict, OrderedDict, Counter)
_LISTS = (list, tuple, set, torch.Size)
_VALUES = (torch.Tensor, bytes, torch.dtype, torch.device)


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


def _to_plain(value: object, where: str) -> object:
    """Return a value that can be loaded without running code from the file, or raise.

    Numbers of other libraries that are Python numbers too, such as ``numpy.float64``, become plain
    Python numbers, which are equal to them.
    """
    if value is None or isinstance(value, (bool, *_VALUES)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, complex):
        return complex(value)
    if isinstance(value, str):
        # Not ``str(value)``, which the subclass may define.
        return "".join(value)
    if isinstance(value, dict) and type(value) in _DICTS:
        pairs = {
            _to_plain(key, f"{where} (a key)"): _to_plain(part, f"{where}[{key!r}]")
            for key, part in value.items()
        }
        return pairs if type(value) is dict else type(value)(pairs)
    if isinstance(value, (list, tuple, set)) and type(value) in _LISTS:
        return type(value)(_to_plain(part, f"{where}[{i}]") for i, part in enumerate(value))
    raise TypeError(
        f"{where}: expected tensors, numbers, strings, and lists and dicts of them, got "
        f"{type(value).__name__}; a checkpoint holds nothing that would need code to load"
    )


def _equal(value: object, other: object) -> bool:
    """Return whether two plain values have the same types and the same numbers, bit for bit."""
    if type(value) is not type(other):
        return False
    if isinstance(value, torch.Tensor) and isinstance(other, torch.Tensor):
        return value.requires_grad == other.requires_grad and digest(value) == digest(other)
    if isinstance(value, dict) and isinstance(other, dict):
        return list(value) == list(other) and all(_equal(value[key], other[key]) for key in value)
    if isinstance(value, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(value) == len(other) and all(map(_equal, value, other))
    # NaN is not equal to itself.
    return value == other or repr(value) == repr(other)


def _check_loads_again(data: bytes, content: dict[str, object]) -> None:
    """Raise if what was packed does not come back as it was."""
    expected = "checkpoint: expected a training whose state can be written and read again"
    try:
        back = unpack(data)
    except ValueError as error:
        raise TypeError(f"{expected}, but {error}; train without a checkpoint") from None
    for key, value in content.items():
        if not _equal(value, back.get(key)):
            raise TypeError(
                f"{expected}, but {key!r} comes back changed; train without a checkpoint"
            )


def _sha256(head: bytes, payload: bytes | memoryview) -> bytes:
    # With the first line: a flipped bit in its number must not look like another format.
    sha256 = hashlib.sha256(head)
    sha256.update(payload)
    return sha256.digest()


def pack(content: dict[str, Any], *, read_back: bool = False) -> bytes:
    """Turn a checkpoint's content into bytes that carry their own SHA-256.

    Args:
        content: Tensors, numbers, strings, and lists and dicts of them.
        read_back: Whether to load the bytes again and compare them with ``content``.

    Returns:
        A line with the format, the SHA-256 of that line and the rest, and the rest as
        ``torch.save`` writes it.

    Raises:
        TypeError: ``content`` holds something that would need code to load, or that does not come
            back as it was.

    Examples:
        >>> import numpy
        >>> from cnnbook.engine.checkpoints import pack, unpack
        >>> pack({"epoch": 3})[:20]
        b'cnnbook checkpoint 3'
        >>> unpack(pack({"lr": numpy.float64(0.5)}))
        {'lr': 0.5}
        >>> pack({"net": print})
        Traceback (most recent call last):
            ...
        TypeError: content['net']: expected tensors, numbers, strings, and lists and dicts of \
them, got builtin_function_or_method; a checkpoint holds nothing that would need code to load
    """
    plain = {key: _to_plain(value, f"content[{key!r}]") for key, value in content.items()}
    buffer = io.BytesIO()
    torch.save(plain, buffer)
    payload = buffer.getvalue()
    data = _MAGIC + _sha256(_MAGIC, payload) + payload
    if read_back:
        _check_loads_again(data, plain)
    return data


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
    start = len(_MAGIC) + _SHA256_SIZE
    payload = memoryview(data)[start:]
    if _sha256(_MAGIC, payload) != data[len(_MAGIC) : start]:
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


def _other_format(data: bytes) -> int | None:
    """Return the format's number if another version of cnnbook has written these bytes."""
    match = _ANY_MAGIC.match(data)
    if match is None or match[0] == _MAGIC:
        return None
    start = match.end() + _SHA256_SIZE
    payload = memoryview(data)[start:]
    # Up to format 2 the first line was not part of what was hashed.
    intact = {_sha256(match[0], payload), _sha256(b"", payload)}
    return int(match[1]) if data[match.end() : start] in intact else None


def write_checkpoint(
    path: str | os.PathLike[str], content: dict[str, Any], *, read_back: bool = False
) -> None:
    """Write a checkpoint atomically and keep the previous one.

    The file that is replaced is kept as ``previous_path(path)``. Whenever the program is killed,
    the newest checkpoint or the previous one can be read.

    Args:
        path: The file; its folder is created if it is missing.
        content: Tensors, numbers, strings, and lists and dicts of them.
        read_back: Whether to make sure, before the file is replaced, that the bytes can be loaded.

    Raises:
        TypeError: ``content`` holds something that would need code to load, or that does not come
            back as it was.
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
    data = pack(content, read_back=read_back)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, keep_previous=previous_path(path)) as file:
        file.write(data)


def _read(path: Path) -> tuple[dict[str, Any] | None, str]:
    """Return the content, or None and a description of the problem."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None, "it does not exist"
    number = _other_format(data)
    if number is not None:
        # Undamaged, so no other file may take its place.
        raise ValueError(
            f"{path}: expected format {_MAGIC.split()[-1].decode()} of a checkpoint, got format "
            f"{number}, which another version of cnnbook has written; choose another file, or "
            "delete this one, to start from the beginning, or resume with that version"
        )
    try:
        return unpack(data), ""
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
        ValueError: There are files, but all of them are damaged, or another version of cnnbook
            has written them.

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
