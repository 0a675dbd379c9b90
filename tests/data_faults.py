"""The fault matrix of the data: named faults of files and mirrors, and how a load must end.

Each fault ends in one of two ways: the published data, bit for bit, or one exception that names
the file, what was expected, what was found, and what to do. In both cases no good file is
destroyed, nothing unfinished is left, the next load without the fault succeeds, and everything
takes bounded time. About twenty representative faults run by default, the others in
``make test-long``.
"""

import gzip
import re
import struct
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from small_data import ARCHIVES, CONTENT, IMAGES, LABELS, snapshot

from cnnbook._files import find_leftovers
from cnnbook.images import ImageSet, load_fashion_mnist

ALL = ARCHIVES | CONTENT


def load(**changed: Any) -> ImageSet:
    """Load all of the small images."""
    arguments: dict[str, Any] = {"n_train": 12, "n_test": 7}
    return load_fashion_mnist(**(arguments | changed))


def refused(raw: Path, *causes: str, seconds: float = 5, **arguments: Any) -> str:
    """Load; the one error must name cause and remedy, and all files must be unchanged."""
    before = snapshot(raw) if raw.is_dir() else {}
    started = time.monotonic()
    with pytest.raises((RuntimeError, FileNotFoundError), match=r"^Fashion-MNIST is ") as caught:
        load(**arguments)
    assert time.monotonic() - started < seconds
    message = str(caught.value)
    for cause in causes:
        assert re.search(cause, message), message
    assert f"put the four .gz files into {raw}, or set CNNBOOK_DATA" in message
    after = snapshot(raw) if raw.is_dir() else {}
    # Including the damaged file, which may be the only copy.
    assert {name: after.get(name) for name in before} == before
    assert find_leftovers(raw) == []
    return message


def sampled(names: Iterable[str], default: set[str]) -> list[Any]:
    """Return parameters, of which only the default ones run outside ``make test-long``."""
    listed = list(names)
    assert default <= set(listed)
    return [
        pytest.param(name, marks=() if name in default else pytest.mark.long) for name in listed
    ]


def flip(data: bytes, bit: int) -> bytes:
    """Flip one bit."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _header(data: bytes, *shape: int) -> bytes:
    """Change the shape in the header."""
    return struct.pack(f">i{len(shape)}I", 2048 + len(shape), *shape) + data[4 + 4 * len(shape) :]


def _recount(name: str, change: int) -> bytes:
    """Make a file that agrees with its header, but has more or fewer entries."""
    data, each = CONTENT[name], 784 if "images" in name else 1
    axes = struct.unpack(">" + "I" * data[3], data[4 : 4 + 4 * data[3]])
    body = data[4 + 4 * len(axes) :]
    body = body + body[: change * each] if change > 0 else body[: change * each]
    return _header(data, axes[0] + change, *axes[1:])[: 4 + 4 * len(axes)] + body


Change = Callable[[bytes], bytes]

# One extracted file is wrong.
CACHED: dict[str, tuple[str, Change]] = {
    "images: empty": (IMAGES, lambda data: b""),
    "images: one byte": (IMAGES, lambda data: data[:1]),
    "images: half of the header": (IMAGES, lambda data: data[:8]),
    "images: the header alone": (IMAGES, lambda data: data[:16]),
    "images: one image": (IMAGES, lambda data: data[: 16 + 784]),
    "images: half": (IMAGES, lambda data: data[: len(data) // 2]),
    "images: one byte short": (IMAGES, lambda data: data[:-1]),
    "images: one byte more": (IMAGES, lambda data: data + b"\0"),
    "images: twice": (IMAGES, lambda data: data * 2),
    "images: one bit of the first pixel": (IMAGES, lambda data: flip(data, 128)),
    "images: one bit in the middle": (IMAGES, lambda data: flip(data, 4 * len(data))),
    "images: the last bit": (IMAGES, lambda data: flip(data, 8 * len(data) - 1)),
    "images: all pixels zero": (IMAGES, lambda data: data[:16] + bytes(len(data) - 16)),
    "images: a hole of zeros": (IMAGES, lambda data: data[:500] + bytes(4096) + data[4596:]),
    "images: rolled by one image": (IMAGES, lambda data: data[:16] + data[-784:] + data[16:-784]),
    "images: one bit of the magic number": (IMAGES, lambda data: flip(data, 0)),
    "images: another type of number": (IMAGES, lambda data: data[:2] + b"\x0d" + data[3:]),
    "images: no axes": (IMAGES, lambda data: data[:3] + b"\0" + data[4:]),
    "images: 255 axes": (IMAGES, lambda data: data[:3] + b"\xff" + data[4:]),
    "images: one bit of the count": (IMAGES, lambda data: flip(data, 7 * 8)),
    "images: a header of 14 x 56": (IMAGES, lambda data: _header(data, 12, 14, 56)),
    "images: a header of single pixels": (IMAGES, lambda data: _header(data, 12 * 784, 1, 1)),
    "images: a header of 2**32 - 1 cubed": (IMAGES, lambda data: _header(data, *[2**32 - 1] * 3)),
    "images: a header of 2**31 cubed, whose product is 0 in 64 bits": (
        IMAGES,
        lambda data: _header(data, *[2**31] * 3),
    ),
    "images: a header of 0 images": (IMAGES, lambda data: _header(data, 0, 28, 28)),
    "images: one fewer, the header agrees": (IMAGES, lambda data: _recount(IMAGES, -1)),
    "images: one more, the header agrees": (IMAGES, lambda data: _recount(IMAGES, 1)),
    "images: the test images": (IMAGES, lambda data: CONTENT["t10k-images-idx3-ubyte"]),
    "images: the labels": (IMAGES, lambda data: CONTENT[LABELS]),
    "images: a page of HTML": (IMAGES, lambda data: b"<html></html>"),
    "images: the archive": (IMAGES, lambda data: ARCHIVES[f"{IMAGES}.gz"]),
    "labels: empty": (LABELS, lambda data: b""),
    "labels: one byte short": (LABELS, lambda data: data[:-1]),
    "labels: rolled by one": (LABELS, lambda data: data[:8] + data[-1:] + data[8:-1]),
    "labels: two swapped": (LABELS, lambda data: data[:8] + data[9:7:-1] + data[10:]),
    "labels: all zero": (LABELS, lambda data: data[:8] + bytes(12)),
    "labels: the last one 255": (LABELS, lambda data: data[:-1] + b"\xff"),
    "labels: one bit": (LABELS, lambda data: flip(data, 70)),
    "labels: one fewer, the header agrees": (LABELS, lambda data: _recount(LABELS, -1)),
    "labels: one more, the header agrees": (LABELS, lambda data: _recount(LABELS, 1)),
    "labels: the test labels": (LABELS, lambda data: CONTENT["t10k-labels-idx1-ubyte"]),
    "labels: a page of HTML of the right size": (LABELS, lambda data: b"<html>503</html>    "),
    "labels: the archive": (LABELS, lambda data: ARCHIVES[f"{LABELS}.gz"]),
}
CACHED_BY_DEFAULT = {
    "images: empty",
    "images: one byte short",
    "images: one bit in the middle",
    "images: a header of 14 x 56",
    "labels: rolled by one",
    "labels: one more, the header agrees",
    "labels: a page of HTML of the right size",
}

# The archive of the training images is wrong.
ARCHIVED: dict[str, Change] = {
    "archive: empty": lambda data: b"",
    "archive: one byte": lambda data: data[:1],
    "archive: half": lambda data: data[: len(data) // 2],
    "archive: one byte short": lambda data: data[:-1],
    "archive: one byte more": lambda data: data + b"\0",
    "archive: one bit": lambda data: flip(data, 4 * len(data)),
    "archive: the time in its header": lambda data: data[:4] + b"\1" + data[5:],
    "archive: zeros": lambda data: bytes(len(data)),
    "archive: a page of HTML": lambda data: b"<html></html>",
    "archive: the file inside": lambda data: CONTENT[IMAGES],
    "archive: another level of compression": lambda data: gzip.compress(
        CONTENT[IMAGES], 1, mtime=1
    ),
}
ARCHIVED_BY_DEFAULT = {"archive: half", "archive: one bit", "archive: the file inside"}

# What the only mirror does, and what the error says; an empty text means the right data.
NETWORK: dict[str, str] = {
    "drop": "Remote end closed connection",
    "cut": "expected [0-9]+ bytes, got 3[0-9]+, the first",
    "reset": "reset by peer",
    "reset at once": "reset by peer",
    "chunked": "",
    "chunked cut": "IncompleteRead",
    "stall": "timed out",
    "silent": "timed out",
    "drip": "not complete before the deadline",
    "drip headers": "not complete before the deadline",
    "403": "HTTP error 403",
    "404": "HTTP error 404",
    "410": "HTTP error 410",
    "429": "HTTP error 429",
    "500": "HTTP error 500",
    "503": "HTTP error 503",
    "no length": "",
    "no length cut": "got 3[0-9]+, the first",
    "length too long": "",
    "length nonsense": "",
    "half a file": "got [0-9]+, the first",
    "endless": "SHA256 hash of downloaded file .* does not match",
    "html": "got 55, the first b'<html>Please",
    "html no length": "got 26, the first b'<html>Please",
    "empty": "got 0, the first b''",
    "wrong bytes": "SHA256 hash of downloaded file .* does not match",
    "204": "got 0, the first b''",
    "nonsense": "SSH-2.0",
    "flood of headers": "got more than 100 headers",
    "redirect": "",
    "redirect loop": "infinite loop",
    "redirect to file": "file:///etc/passwd",
    "redirect to ftp": "ftp error|Connection refused",
    "redirect to nowhere": "Connection refused",
}
NETWORK_BY_DEFAULT = {"cut", "reset", "stall", "drip headers", "404", "503", "html", "redirect"} | {
    "endless",
    "chunked cut",
}
# The mirror sent something else than the file, or refused: it is not asked again.
FINAL = {"403", "404", "410", "429", "wrong bytes", "endless", "redirect to file"}
