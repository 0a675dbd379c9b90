"""Read the idx format, in which MNIST and its kin are published, and believe no field of it.

A file says in its first bytes how many numbers follow and in what shape. A damaged or hostile
file says something else than is there, so every field is compared with the file's size before
anything is set aside for the numbers.
"""

import math

import torch

__all__ = ["IdxError", "check_labels", "decode_idx", "idx_shape"]

# The format has types of several bytes too; no published set of images uses them.
_UNSIGNED_BYTES = 8
_MOST_AXES = 3


class IdxError(ValueError):
    """Bytes that are not what the idx format, or their own header, says.

    Examples:
        >>> from cnnbook.idx_format import IdxError, decode_idx
        >>> try:
        ...     decode_idx(b"<html>", name="labels")
        ... except IdxError as error:
        ...     print(error)
        labels: expected an idx file, which starts with two zero bytes, got b'<html>'
    """


def idx_shape(start: bytes | bytearray, *, size: int, name: str) -> tuple[int, ...]:
    """Return the shape that an idx file's first bytes tell, if its size agrees.

    Args:
        start: The file's first bytes, 16 or more, or all where it is shorter.
        size: How many bytes the file has.
        name: The file's name, for the error message.

    Returns:
        The length of each axis, one to three of them.

    Raises:
        IdxError: The header is cut short, is another format's, or tells of more or of fewer
            numbers than are there.

    Examples:
        >>> from cnnbook.idx_format import idx_shape
        >>> header = bytes([0, 0, 8, 2]) + bytes([0, 0, 0, 3]) + bytes([0, 0, 0, 5])
        >>> idx_shape(header, size=12 + 3 * 5, name="grid")
        (3, 5)
        >>> idx_shape(header, size=12 + 14, name="grid")
        Traceback (most recent call last):
            ...
        cnnbook.idx_format.IdxError: grid: expected 27 bytes, since the header tells of a shape \
of (3, 5), got 26

    Source:
        LeCun, Cortes and Burges, The MNIST database of handwritten digits, "The idx file format".
    """
    if bytes(start[:2]) != b"\0\0"[: len(start)] or not start:
        raise IdxError(
            f"{name}: expected an idx file, which starts with two zero bytes, "
            f"got {bytes(start[:16])!r}"
        )
    if len(start) < 4:
        raise IdxError(f"{name}: expected a header of at least 8 bytes, got {size} bytes in all")
    kind, axes = start[2], start[3]
    if kind != _UNSIGNED_BYTES:
        raise IdxError(
            f"{name}: expected numbers of type {_UNSIGNED_BYTES}, unsigned bytes, got type {kind}"
        )
    if not 1 <= axes <= _MOST_AXES:
        raise IdxError(f"{name}: expected 1 to {_MOST_AXES} axes, got {axes}")
    header = 4 * (axes + 1)
    if len(start) < header:
        raise IdxError(
            f"{name}: expected a header of {header} bytes for {axes} axes, got {size} bytes in all"
        )
    shape = tuple(int.from_bytes(start[at : at + 4], byteorder="big") for at in range(4, header, 4))
    # Python's whole numbers do not overflow: three axes of 2**32 - 1 give a large product, not a
    # small one.
    expected = header + math.prod(shape)
    if size != expected:
        raise IdxError(
            f"{name}: expected {expected} bytes, since the header tells of a shape of {shape}, "
            f"got {size}"
        )
    return shape


def decode_idx(content: bytes | bytearray, *, name: str, first: int | None = None) -> torch.Tensor:
    """Return the numbers of an idx file.

    Args:
        content: The whole file.
        name: The file's name, for the error message.
        first: How many entries of the first axis to return; all where it is left out. No more
            than these are copied.

    Returns:
        A tensor of the shape that the file tells, uint8.

    Raises:
        IdxError: The file is not what the format or its own header says, or has fewer entries
            than ``first``.

    Examples:
        >>> from cnnbook.idx_format import decode_idx
        >>> content = bytes([0, 0, 8, 1]) + bytes([0, 0, 0, 3]) + bytes([7, 8, 9])
        >>> decode_idx(content, name="labels").tolist()
        [7, 8, 9]
        >>> decode_idx(content, name="labels", first=2).tolist()
        [7, 8]
        >>> decode_idx(content[:-1], name="labels")
        Traceback (most recent call last):
            ...
        cnnbook.idx_format.IdxError: labels: expected 11 bytes, since the header tells of a shape \
of (3,), got 10

    Source:
        The format as in ``idx_shape``; the checks are derived here.
    """
    shape = idx_shape(content[:16], size=len(content), name=name)
    if first is not None:
        if first > shape[0]:
            raise IdxError(f"{name}: expected at least {first} entries, got {shape[0]}")
        shape = (first, *shape[1:])
    numbers = math.prod(shape)
    if not numbers:
        # torch refuses a buffer without bytes.
        return torch.empty(shape, dtype=torch.uint8)
    start = 4 * (len(shape) + 1)
    # A copy, so that the tensor is the caller's own and may be written to.
    stored = bytearray(memoryview(content)[start : start + numbers])
    return torch.frombuffer(stored, dtype=torch.uint8).reshape(shape)


def check_labels(labels: torch.Tensor, *, images: int, classes: int, name: str) -> None:
    """Refuse labels that stand for no class, or that are more or fewer than the images.

    torch finds neither: a label of -100 is left out of a loss without a word, and two tensors of
    different lengths are noticed when the last image is asked for.

    Args:
        labels: Shape ``(n,)``, whole numbers.
        images: How many images they belong to.
        classes: How many classes there are; labels go from 0 to one less.
        name: The file's name, for the error message.

    Raises:
        IdxError: There are more labels than images, or fewer, or one of them stands for no class.

    Examples:
        >>> import torch
        >>> from cnnbook.idx_format import check_labels
        >>> check_labels(torch.tensor([0, 9]), images=2, classes=10, name="labels")
        >>> check_labels(torch.tensor([0, 255]), images=2, classes=10, name="labels")
        Traceback (most recent call last):
            ...
        cnnbook.idx_format.IdxError: labels: expected labels from 0 to 9, got 255 at place 1

    Source:
        Derived here.
    """
    if labels.ndim != 1 or len(labels) != images:
        raise IdxError(
            f"{name}: expected one label for each of {images} images, got a shape of "
            f"{tuple(labels.shape)}"
        )
    wrong = ((labels < 0) | (labels >= classes)).nonzero()[:, 0]
    if len(wrong):
        position = int(wrong[0])
        raise IdxError(
            f"{name}: expected labels from 0 to {classes - 1}, got {int(labels[position])} "
            f"at place {position}"
        )
