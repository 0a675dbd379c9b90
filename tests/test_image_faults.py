"""The fault matrix: whatever happens to files, network and disk, right data or one clear error.

Every fault has a name, and ends in one of two ways: the published data, bit for bit, or one
exception that names the file, what was expected, what came, and what to do. In both cases nothing
good was destroyed, nothing unfinished is left, the next load without the fault succeeds, and all
of it takes bounded time.
"""

import errno
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_data import (
    ARCHIVES,
    CONTENT,
    IMAGES,
    LABELS,
    Mirror,
    Request,
    assert_right,
    lay,
    publish,
    serving,
    snapshot,
)

from cnnbook import fetching, published_files
from cnnbook.fetching import FetchError, fetch
from cnnbook.images import cache_folder, load_fashion_mnist, main
from cnnbook.published_files import raw_folder
from cnnbook.whole_files import exclusive_lock, leftovers, replacing, sweep

WORKER = Path(__file__).with_name("data_worker.py")
ALL = ARCHIVES | CONTENT


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """End a test that hangs, and fail one that takes long: three deadlines are enough for each."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def give_up(*_: Any) -> None:
        raise AssertionError("it hangs: 60 s and no end")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 60)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def _load(**changed: Any) -> Any:
    arguments: dict[str, Any] = {"n_train": 12, "n_test": 7}
    return load_fashion_mnist(**(arguments | changed))


def _refused(raw: Path, *causes: str, seconds: float = 6, **arguments: Any) -> str:
    """Load, and check that the one error names the cause and the remedy, and leaves all as is."""
    before = snapshot(raw) if raw.is_dir() else {}
    started = time.monotonic()
    with pytest.raises((RuntimeError, FileNotFoundError), match=r"^Fashion-MNIST ") as caught:
        _load(**arguments)
    assert time.monotonic() - started < seconds
    message = str(caught.value)
    for cause in causes:
        assert re.search(cause, message), message
    assert f"put the four .gz files into {raw}, or set CNNBOOK_DATA" in message
    after = snapshot(raw) if raw.is_dir() else {}
    # The damaged file too: it may be all that somebody has.
    assert {name: after.get(name) for name in before} == before
    assert leftovers(raw) == []
    return message


# Cached files: what is wrong with one extracted file, and what the error says of it.


def _flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _header(data: bytes, *shape: int) -> bytes:
    """Let the header tell of another shape."""
    return struct.pack(f">i{len(shape)}I", 2048 + len(shape), *shape) + data[4 + 4 * len(shape) :]


def _recount(name: str, change: int) -> bytes:
    """Make a file that is right in itself, but of more or fewer entries."""
    data, each = CONTENT[name], 784 if "images" in name else 1
    axes = struct.unpack(">" + "I" * data[3], data[4 : 4 + 4 * data[3]])
    body = data[4 + 4 * len(axes) :]
    body = body + body[: change * each] if change > 0 else body[: change * each]
    return _header(data, axes[0] + change, *axes[1:])[: 4 + 4 * len(axes)] + body


_SIZE = "expected the published data, .* bytes with SHA-256 .*, got .* bytes"
_DIGEST = "expected the published data, .* with SHA-256 .*, got SHA-256"
Change = Callable[[bytes], bytes]
CACHED: dict[str, tuple[str, Change, str]] = {
    "images: empty": (IMAGES, lambda data: b"", _SIZE),
    "images: one byte": (IMAGES, lambda data: data[:1], _SIZE),
    "images: half of the header": (IMAGES, lambda data: data[:8], _SIZE),
    "images: the header alone": (IMAGES, lambda data: data[:16], _SIZE),
    "images: one image": (IMAGES, lambda data: data[: 16 + 784], _SIZE),
    "images: half": (IMAGES, lambda data: data[: len(data) // 2], _SIZE),
    "images: one byte short": (IMAGES, lambda data: data[:-1], _SIZE),
    "images: one byte more": (IMAGES, lambda data: data + b"\0", _SIZE),
    "images: twice": (IMAGES, lambda data: data * 2, _SIZE),
    "images: one bit of the first pixel": (IMAGES, lambda data: _flip(data, 128), _DIGEST),
    "images: one bit in the middle": (IMAGES, lambda data: _flip(data, 4 * len(data)), _DIGEST),
    "images: the last bit": (IMAGES, lambda data: _flip(data, 8 * len(data) - 1), _DIGEST),
    "images: all pixels zero": (IMAGES, lambda data: data[:16] + bytes(len(data) - 16), _DIGEST),
    "images: a hole of zeros": (
        IMAGES,
        lambda data: data[:500] + bytes(4096) + data[4596:],
        _DIGEST,
    ),
    "images: rolled by one image": (
        IMAGES,
        lambda data: data[:16] + data[-784:] + data[16:-784],
        _DIGEST,
    ),
    "images: one bit of the magic number": (
        IMAGES,
        lambda data: _flip(data, 0),
        "expected an idx file, which starts with two zero bytes",
    ),
    "images: another type of number": (
        IMAGES,
        lambda data: data[:2] + b"\x0d" + data[3:],
        "expected numbers of type 8, unsigned bytes, got type 13",
    ),
    "images: no axes": (
        IMAGES,
        lambda data: data[:3] + b"\0" + data[4:],
        "expected 1 to 3 axes, got 0",
    ),
    "images: 255 axes": (
        IMAGES,
        lambda data: data[:3] + b"\xff" + data[4:],
        "expected 1 to 3 axes, got 255",
    ),
    "images: one bit of the count": (
        IMAGES,
        lambda data: _flip(data, 7 * 8),
        r"the header tells of a shape of \(13, 28, 28\), got 9424",
    ),
    "images: a header of 14 x 56": (
        IMAGES,
        lambda data: _header(data, 12, 14, 56),
        r"expected a shape of \(12, 28, 28\), got \(12, 14, 56\)",
    ),
    "images: a header of single pixels": (
        IMAGES,
        lambda data: _header(data, 12 * 784, 1, 1),
        r"expected a shape of \(12, 28, 28\), got \(9408, 1, 1\)",
    ),
    "images: a header of 2**32 - 1 cubed": (
        IMAGES,
        lambda data: _header(data, *[2**32 - 1] * 3),
        r"expected 79228162458924105385300197391 bytes, since the header",
    ),
    "images: a header of 2**31 cubed, whose product is 0 in 64 bits": (
        IMAGES,
        lambda data: _header(data, *[2**31] * 3),
        "since the header tells of a shape of",
    ),
    "images: a header of 0 images": (
        IMAGES,
        lambda data: _header(data, 0, 28, 28),
        r"expected 16 bytes, since the header tells of a shape of \(0, 28, 28\), got 9424",
    ),
    "images: one fewer, the header agrees": (IMAGES, lambda data: _recount(IMAGES, -1), _SIZE),
    "images: one more, the header agrees": (IMAGES, lambda data: _recount(IMAGES, 1), _SIZE),
    "images: the test images": (IMAGES, lambda data: CONTENT["t10k-images-idx3-ubyte"], _SIZE),
    "images: the labels": (IMAGES, lambda data: CONTENT[LABELS], _SIZE),
    "images: a page of HTML": (IMAGES, lambda data: b"<html></html>", "begin with b'<html>"),
    "images: the archive": (IMAGES, lambda data: ARCHIVES[f"{IMAGES}.gz"], r"begin with b'\\x1f"),
    "labels: empty": (LABELS, lambda data: b"", _SIZE),
    "labels: one byte short": (LABELS, lambda data: data[:-1], _SIZE),
    "labels: rolled by one": (LABELS, lambda data: data[:8] + data[-1:] + data[8:-1], _DIGEST),
    "labels: two swapped": (LABELS, lambda data: data[:8] + data[9:7:-1] + data[10:], _DIGEST),
    "labels: all zero": (LABELS, lambda data: data[:8] + bytes(12), _DIGEST),
    "labels: the last one 255": (LABELS, lambda data: data[:-1] + b"\xff", _DIGEST),
    "labels: one bit": (LABELS, lambda data: _flip(data, 70), _DIGEST),
    "labels: one fewer, the header agrees": (LABELS, lambda data: _recount(LABELS, -1), _SIZE),
    "labels: one more, the header agrees": (LABELS, lambda data: _recount(LABELS, 1), _SIZE),
    "labels: the test labels": (LABELS, lambda data: CONTENT["t10k-labels-idx1-ubyte"], _SIZE),
    "labels: a page of HTML of the right size": (
        LABELS,
        lambda data: b"<html>503</html>    ",
        "starts with two zero bytes, got b'<html>503",
    ),
    "labels: the archive": (LABELS, lambda data: ARCHIVES[f"{LABELS}.gz"], r"begin with b'\\x1f"),
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", CACHED)
def test_cached_file(tmp_path: Path, name: str, mirror: Mirror) -> None:
    damaged, change, message = CACHED[name]
    raw = lay(tmp_path, extracted=True)
    wrong = change(CONTENT[damaged])
    assert wrong != CONTENT[damaged]
    (raw / damaged).write_bytes(wrong)
    # Alone and offline: told.
    _refused(raw, f"{raw / damaged}: expected ", message, root=tmp_path, download=False)
    assert mirror.asked == []
    # Beside a good archive: mended, offline.
    (raw / f"{damaged}.gz").write_bytes(ARCHIVES[f"{damaged}.gz"])
    assert_right(_load(root=tmp_path, download=False))
    assert (raw / damaged).read_bytes() == CONTENT[damaged]
    # Alone and online: that one file is fetched, no other.
    (raw / damaged).write_bytes(wrong)
    (raw / f"{damaged}.gz").unlink()
    assert_right(_load(root=tmp_path))
    assert mirror.asked == [f"/one/{damaged}.gz"]
    assert snapshot(raw) == CONTENT | {f"{damaged}.gz": ARCHIVES[f"{damaged}.gz"]}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", ["images: one bit in the middle", "labels: rolled by one"])
def test_a_damage_that_keeps_size_and_time_is_noticed_within_one_process(
    tmp_path: Path, name: str
) -> None:
    raw = lay(tmp_path, extracted=True)
    assert_right(_load(root=tmp_path))
    damaged, change, message = CACHED[name]
    before = (raw / damaged).stat()
    with (raw / damaged).open("r+b") as file:
        file.write(change(CONTENT[damaged]))
    os.utime(raw / damaged, ns=(before.st_atime_ns, before.st_mtime_ns))
    _refused(raw, message, root=tmp_path, download=False)


ARCHIVED: dict[str, tuple[Change, str]] = {
    "archive: empty": (lambda data: b"", "got 0 bytes: an unfinished"),
    "archive: one byte": (lambda data: data[:1], "got 1 bytes"),
    "archive: half": (lambda data: data[: len(data) // 2], "an unfinished or altered copy"),
    "archive: one byte short": (lambda data: data[:-1], "an unfinished or altered copy"),
    "archive: one byte more": (lambda data: data + b"\0", "an unfinished or altered copy"),
    "archive: one bit": (lambda data: _flip(data, 4 * len(data)), "got MD5"),
    "archive: the time in its header": (lambda data: data[:4] + b"\1" + data[5:], "got MD5"),
    "archive: zeros": (lambda data: bytes(len(data)), "got MD5"),
    "archive: a page of HTML": (lambda data: b"<html></html>", "begin with b'<html>"),
    "archive: the file inside": (lambda data: CONTENT[IMAGES], "an unfinished or altered copy"),
    "archive: another level of compression": (
        lambda data: gzip.compress(CONTENT[IMAGES], 1, mtime=1),
        "an unfinished or altered copy",
    ),
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", ARCHIVED)
def test_archive(tmp_path: Path, name: str, mirror: Mirror) -> None:
    change, message = ARCHIVED[name]
    raw = lay(tmp_path)
    archive = raw / f"{IMAGES}.gz"
    archive.write_bytes(change(ARCHIVES[archive.name]))
    mirror.always["one"] = "404"
    _refused(raw, f"{archive}: expected the published archive, .* {message}", root=tmp_path)
    _refused(raw, message, root=tmp_path, download=False)
    mirror.always.clear()
    mirror.asked.clear()
    assert_right(_load(root=tmp_path))
    assert mirror.asked == [f"/one/{archive.name}"]
    assert snapshot(raw) == ALL
    # A damaged archive beside a good extracted file does no harm, and is left alone.
    archive.write_bytes(change(ARCHIVES[archive.name]))
    assert_right(_load(root=tmp_path, download=False))
    assert archive.read_bytes() == change(ARCHIVES[archive.name])


def _publish_archive(monkeypatch: pytest.MonkeyPatch, archive: bytes) -> None:
    """Make this the published archive of the training images, so that its digest is right."""
    publish(monkeypatch.setattr, archives=ARCHIVES | {f"{IMAGES}.gz": archive})


@pytest.mark.parametrize(
    ("inside", "told"),
    [
        (CONTENT[IMAGES][:-1], "expected 9424 bytes inside, got 9423 bytes"),
        (CONTENT[IMAGES] + b"\0", "expected 9424 bytes inside, got 9425 bytes"),
        (bytes(50_000_000), "expected 9424 bytes inside, got more than 9424 bytes"),
        (_flip(CONTENT[IMAGES], 999), "expected data with SHA-256 .* inside, got"),
    ],
    ids=["short", "long", "bomb", "other"],
)
def test_archive_with_the_right_digest_and_the_wrong_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bytes, message: str
) -> None:
    raw = lay(tmp_path)
    (raw / f"{IMAGES}.gz").write_bytes(gzip.compress(inside, mtime=0))
    _publish_archive(monkeypatch, gzip.compress(inside, mtime=0))
    _refused(raw, f"{IMAGES}.gz: {message}", root=tmp_path, download=False)


@pytest.mark.parametrize("cut", [30, -4])
def test_archive_that_cannot_be_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    raw = lay(tmp_path)
    whole = ARCHIVES[f"{IMAGES}.gz"]
    broken = whole[:cut] if cut > 0 else whole[:cut] + b"abcd"
    (raw / f"{IMAGES}.gz").write_bytes(broken)
    _publish_archive(monkeypatch, broken)
    message = "cannot be unpacked|expected 9424 bytes inside, got"
    _refused(raw, f"{IMAGES}.gz: ({message})", root=tmp_path, download=False)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            LABELS,
            CONTENT[LABELS][:-1] + b"\xff",
            "expected labels from 0 to 9, got 255 at place 11",
        ),
        (LABELS, CONTENT[LABELS][:-1] + b"\x0a", "expected labels from 0 to 9, got 10 at place 11"),
    ],
)
def test_labels_are_looked_at_even_where_the_digest_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, message: str
) -> None:
    raw = lay(tmp_path, extracted=True)
    (raw / name).write_bytes(content)
    publish(monkeypatch.setattr, content=CONTENT | {name: content})
    _refused(raw, f"{name}: {message}", root=tmp_path, download=False)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling link", "link to itself"])
def test_something_else_in_a_files_place(tmp_path: Path, kind: str, packed: bool) -> None:
    raw = lay(tmp_path, extracted=not packed)
    name = f"{IMAGES}.gz" if packed else IMAGES
    (raw / name).unlink()
    if kind == "folder":
        (raw / name).mkdir()
        (raw / name / "precious").write_text("mine")
        message = f"{name}: expected a file, got a folder; move it away"
    elif kind == "pipe":
        os.mkfifo(raw / name)
        message = f"{name}: expected a file, got something else"
    elif kind == "dangling link":
        (raw / name).symlink_to(tmp_path / "nowhere")
        message = f"{IMAGES}.gz: not there"
    else:
        (raw / name).symlink_to(name)
        message = f"{name}: cannot be read"
    _refused(raw, message, root=tmp_path, download=False)
    if packed:
        (raw / IMAGES).write_bytes(CONTENT[IMAGES])
    else:
        (raw / f"{name}.gz").write_bytes(ARCHIVES[f"{name}.gz"])
    assert_right(_load(root=tmp_path, download=False))
    # Whatever it is, it is not ours to replace.
    if kind == "folder":
        assert (raw / name / "precious").read_text() == "mine"
    elif kind == "pipe":
        assert (raw / name).is_fifo()


@pytest.mark.usefixtures("small")
def test_a_folder_in_the_archives_place_is_found_before_anything_is_downloaded(
    tmp_path: Path, mirror: Mirror
) -> None:
    raw = raw_folder(tmp_path)
    (raw / f"{IMAGES}.gz").mkdir(parents=True)
    _refused(raw, f"{IMAGES}.gz: expected a file, got a folder; move it away", root=tmp_path)
    assert mirror.asked == []


# The network: what the only mirror does, and how it ends. "" stands for the right data.

NETWORK: dict[str, str] = {
    "drop": "Remote end closed connection",
    "cut": "got 3[0-9]+ bytes before the connection ended",
    "reset": "reset by peer",
    "reset at once": "reset by peer",
    "chunked": "",
    "chunked cut": "IncompleteRead",
    "stall": "timed out, after 5 of",
    "silent": "timed out, after 0 of",
    "drip": "too slow: the time for all was over after [0-9]+ of",
    "drip headers": "too slow: the time for all was over after 0 of",
    "403": "HTTP Error 403",
    "404": "HTTP Error 404",
    "410": "HTTP Error 410",
    "500": "HTTP Error 500",
    "503": "HTTP Error 503",
    "busy": "HTTP Error 429",
    "no length": "",
    "no length cut": "bytes before the connection ended",
    "length too long": "",
    "length nonsense": "",
    "half a file": "bytes that begin with",
    "endless": r"begin with b'\\x00",
    "html": r"got 55 bytes that begin with b'<html>Please log",
    "html no length": "got 26 bytes before the connection ended",
    "empty": "got 0 bytes that begin with",
    "wrong bytes": r"begin with b'\\x00",
    "204": "got an answer with status 204",
    "nonsense": "SSH-2.0",
    "flood of headers": "got more than 100 headers",
    "redirect": "",
    "redirect loop": "infinite loop",
    "redirect to file": "file:///etc/passwd",
    "redirect to ftp": "ftp://127.0.0.1/x",
    "redirect to nowhere": "Connection refused",
}


LASTING = {"403", "404", "410", "204", "html", "empty", "half a file", "wrong bytes", "endless"} | {
    "redirect to file",
    "redirect to ftp",
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("fault", NETWORK)
def test_network(tmp_path: Path, fault: str, mirror: Mirror) -> None:
    raw = raw_folder(tmp_path)
    mirror.always["one"] = fault
    # A server without ranges: with them, every cut connection would get there in the end.
    mirror.ranges = False
    if message := NETWORK[fault]:
        message = _refused(raw, message, root=tmp_path)
        assert f"{mirror.mirror('one')}/{IMAGES}.gz: " in message
        assert snapshot(raw) == {}
        # A wrong answer is not asked for again; a failure that may pass is, but not for ever.
        if fault in LASTING:
            assert len(mirror.asked) == 1
        elif "redirect" not in fault and "drip" not in fault and fault != "busy":
            # One more where the first try brought something new.
            assert len(mirror.asked) - fetching._TRIES in (0, 1)
    else:
        assert_right(_load(root=tmp_path))
        assert snapshot(raw) == ALL
    mirror.always.clear()
    assert_right(_load(root=tmp_path))
    assert snapshot(raw) == ALL


def test_the_matrix_has_its_sixty_faults() -> None:
    assert len(CACHED) + len(ARCHIVED) + len(NETWORK) >= 80
    faults = {name.removeprefix("fault_") for name in vars(Request) if name.startswith("fault_")}
    # Those that are used elsewhere: the healthy ones, and those that take two requests.
    faults -= {"", "slow", "wrong_bytes_cut", "wrong_range"}
    assert faults == {n.replace(" ", "_") for n in NETWORK if not n.isdigit() or n == "204"}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("fault", [name for name, message in NETWORK.items() if message])
def test_a_second_mirror_that_is_good(
    tmp_path: Path, fault: str, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNBOOK_MIRROR", f"{mirror.mirror('one')}  {mirror.mirror('two')}/")
    mirror.always["one"] = fault
    mirror.ranges = fault == "cut"
    if fault.startswith("drip"):
        # Nobody can tell a slow mirror from a good one before the time is over.
        message = _refused(raw_folder(tmp_path), "too slow", root=tmp_path)
        assert "/two/" not in message or "no time was left" in message
        return
    started = time.monotonic()
    assert_right(_load(root=tmp_path))
    assert time.monotonic() - started < 3
    assert snapshot(raw_folder(tmp_path)) == ALL
    # The mirror that works is asked first from then on.
    asked = [path for path in mirror.asked if path.startswith("/one/")]
    assert {path.rpartition("/")[2] for path in asked} == {f"{IMAGES}.gz"}


PASSING = ("drop", "cut", "reset", "reset at once", "stall", "503", "500", "chunked cut", "silent")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("ranges", [False, True])
def test_a_failure_that_passes(tmp_path: Path, fault: str, ranges: bool, mirror: Mirror) -> None:
    mirror.plan["one"] = [fault, fault]
    mirror.ranges = ranges
    assert_right(_load(root=tmp_path))
    assert snapshot(raw_folder(tmp_path)) == ALL
    assert len(mirror.asked) == 6


@pytest.mark.usefixtures("small")
def test_a_mirror_that_asks_for_a_pause_gets_it(tmp_path: Path, mirror: Mirror) -> None:
    mirror.plan["one"] = ["busy"]
    started = time.monotonic()
    assert_right(_load(root=tmp_path))
    assert 1 <= time.monotonic() - started < 2


def _fetch(tmp_path: Path, mirror: Mirror, *names: str, seconds: float = 3) -> bytes:
    """Fetch a file of 200,000 bytes."""
    fetch(
        tmp_path / "big",
        [mirror.mirror(name) for name in names],
        size=len(mirror.files["big"]),
        md5=hashlib.md5(mirror.files["big"]).hexdigest(),
        seconds=seconds,
    )
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["big"]
    return (tmp_path / "big").read_bytes()


@pytest.fixture
def big(mirror: Mirror, small: None) -> bytes:
    mirror.files["big"] = os.urandom(200_000)
    return mirror.files["big"]


def test_a_broken_download_goes_on_where_it_broke(
    tmp_path: Path, mirror: Mirror, big: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges = []
    real = Request.do_GET

    def noting(self: Request) -> None:
        ranges.append(self.headers.get("Range"))
        real(self)

    monkeypatch.setattr(Request, "do_GET", noting)
    mirror.always["one"] = "cut"
    assert _fetch(tmp_path, mirror, "one") == big
    third = len(big) // 3
    assert ranges == [None, *(f"bytes={n * third}-" for n in (1, 2, 3))]
    # It goes on at another mirror too.
    ranges.clear()
    (tmp_path / "big").unlink()
    mirror.always["one"] = "reset"
    assert _fetch(tmp_path, mirror, "one", "two") == big
    assert ranges[0] is None
    assert ranges[1] is None or ranges[1].startswith("bytes=")


def test_progress_starts_the_tries_anew(
    tmp_path: Path, mirror: Mirror, big: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that breaks more often than there are tries, but never without some new bytes."""

    def little(self: Request, data: bytes, start: int) -> None:
        self.answer(data, start)
        self.wfile.write(data[start : start + 20_000])

    monkeypatch.setattr(Request, "fault_cut", little)
    mirror.always["one"] = "cut"
    assert _fetch(tmp_path, mirror, "one") == big
    assert len(mirror.asked) == 10 > fetching._TRIES
    # Without any new bytes the tries are counted.
    mirror.ranges = False
    mirror.asked.clear()
    (tmp_path / "big").unlink()
    with pytest.raises(FetchError, match="before the connection ended"):
        _fetch(tmp_path, mirror, "one")
    assert len(mirror.asked) == fetching._TRIES + 1


def test_two_halves_that_do_not_belong_together(tmp_path: Path, mirror: Mirror, big: bytes) -> None:
    """The first mirror begins with wrong bytes and breaks off; the second is good."""
    mirror.always["one"] = "wrong bytes cut"
    assert _fetch(tmp_path, mirror, "one", "two") == big


def test_a_server_that_goes_on_at_the_wrong_place(
    tmp_path: Path, mirror: Mirror, big: bytes, written: list[int]
) -> None:
    mirror.plan["one"] = ["cut", "wrong range"]
    assert _fetch(tmp_path, mirror, "one") == big
    # What came from the wrong place was not even read.
    assert sum(written) == len(big) // 3 + len(big)
    mirror.plan["one"] = ["cut", "416"]
    (tmp_path / "big").unlink()
    assert _fetch(tmp_path, mirror, "one") == big


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_size_and_rate(
    tmp_path: Path, mirror: Mirror, big: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert _fetch(tmp_path, mirror, "one") == big
    shown = r"\rbig: 0\.2 of 0\.2 MB, [0-9]+\.[0-9] MB/s  \n$"
    assert re.search(shown, terminal.getvalue())
    # A terminal that is gone, and none at all.
    for gone in (_Terminal(), None):
        if gone:
            gone.close()
            monkeypatch.setattr(gone, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stderr", gone)
        assert _fetch(tmp_path, mirror, "one") == big


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many bytes a download writes."""
    noted = []
    real = fetching._Wanted.add

    def noting(self: fetching._Wanted, chunk: bytes) -> None:
        noted.append(len(chunk))
        real(self, chunk)

    monkeypatch.setattr(fetching._Wanted, "add", noting)
    return noted


def test_no_more_is_written_than_was_published(
    tmp_path: Path, mirror: Mirror, big: bytes, written: list[int]
) -> None:
    mirror.always["one"] = "endless"
    with pytest.raises(FetchError, match="expected MD5"):
        _fetch(tmp_path, mirror, "one")
    assert sum(written) == len(big)


def test_what_lay_there_stays_until_the_new_file_is_whole(
    tmp_path: Path, mirror: Mirror, big: bytes
) -> None:
    (tmp_path / "big").write_bytes(b"old")
    for fault in ("stall", "wrong bytes", "drip", "reset"):
        mirror.always["one"] = fault
        mirror.ranges = False
        with pytest.raises(FetchError):
            _fetch(tmp_path, mirror, "one", seconds=0.5)
        assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"big"}
        assert (tmp_path / "big").read_bytes() == b"old"


@pytest.mark.parametrize("fault", ["drip", "drip headers", "stall", "silent", "503"])
def test_the_end_comes_when_it_was_promised(
    tmp_path: Path, mirror: Mirror, big: bytes, fault: str
) -> None:
    mirror.always["one"] = fault
    started = time.monotonic()
    with pytest.raises(FetchError):
        _fetch(tmp_path, mirror, "one", seconds=0.7)
    assert time.monotonic() - started < 0.7 + 0.5


def test_without_the_watcher_a_drip_would_go_on(
    tmp_path: Path, mirror: Mirror, big: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test of the deadline would notice if nothing kept it."""
    monkeypatch.setattr(fetching._CutOff, "reach", lambda self: None)
    mirror.always["one"] = "drip"
    started = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 1.5)
    with pytest.raises(AssertionError, match="it hangs"):
        _fetch(tmp_path, mirror, "one", seconds=0.2)
    assert time.monotonic() - started > 1.2


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "wrong", ["file:///etc", "ftp://127.0.0.1", "/data", "nonsense", "http:/x"]
)
def test_an_address_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("CNNBOOK_MIRROR", wrong)
    _refused(
        raw_folder(tmp_path),
        f"{wrong}/{IMAGES}.gz: expected an address that begins with http:// or https://",
        root=tmp_path,
    )


@pytest.mark.loopback
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "wrong", ["http://127.0.0.1:9", "http://", "http://127.0.0.1:99999", "https://127.0.0.1:9"]
)
def test_an_address_where_nobody_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("CNNBOOK_MIRROR", wrong)
    _refused(raw_folder(tmp_path), f"{wrong.rstrip('/')}/.*: .+", root=tmp_path)


@pytest.mark.usefixtures("small")
def test_a_mirror_that_does_not_speak_tls(tmp_path: Path, mirror: Mirror) -> None:
    secure = mirror.url.replace("http:", "https:")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNBOOK_MIRROR", f"{secure} {mirror.mirror('two')}")
        assert_right(_load(root=tmp_path))
        shutil.rmtree(tmp_path / "FashionMNIST")
        patch.setenv("CNNBOOK_MIRROR", secure)
        _refused(raw_folder(tmp_path), "(?i)ssl", root=tmp_path)


@pytest.mark.usefixtures("small")
def test_a_name_that_cannot_be_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    monkeypatch.setenv("CNNBOOK_MIRROR", "https://no.such.host.invalid/data")
    _refused(raw_folder(tmp_path), "Name or service not known", root=tmp_path)


# Disk: where the files lie, and what cannot be done there.


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("extracted", [False, True])
@pytest.mark.parametrize(
    "how", ["link to root", "link to raw", "linked files", "한글 folder", "-x'$"]
)
def test_unusual_places(tmp_path: Path, how: str, extracted: bool) -> None:
    if how == "link to root":
        lay(tmp_path / "real", extracted=extracted)
        (tmp_path / "root").symlink_to("real")
        root = tmp_path / "root"
    elif how == "link to raw":
        lay(tmp_path / "real", extracted=extracted)
        root = tmp_path / "root"
        (root / "FashionMNIST").mkdir(parents=True)
        (root / "FashionMNIST" / "raw").symlink_to(raw_folder(tmp_path / "real"))
    elif how == "linked files":
        real = lay(tmp_path / "real", extracted=extracted)
        root = tmp_path / "root"
        raw_folder(root).mkdir(parents=True)
        for file in real.iterdir():
            (raw_folder(root) / file.name).symlink_to(file)
    else:
        root = tmp_path / how
        lay(root, extracted=extracted)
    assert_right(_load(root=root, download=False))
    assert_right(_load(root=str(root), download=False))
    assert leftovers(raw_folder(root)) == []


@pytest.mark.usefixtures("small")
def test_a_relative_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    assert_right(_load(root="data", download=False))


@pytest.mark.usefixtures("small")
def test_mending_replaces_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    raw = lay(tmp_path / "root")
    precious = tmp_path / "precious"
    precious.write_bytes(b"not images")
    (raw / IMAGES).symlink_to(precious)
    assert_right(_load(root=tmp_path / "root", download=False))
    assert precious.read_bytes() == b"not images"
    assert not (raw / IMAGES).is_symlink()


@pytest.mark.usefixtures("small")
def test_a_file_where_a_folder_should_be(tmp_path: Path, mirror: Mirror) -> None:
    for name in ("FashionMNIST", "FashionMNIST/raw"):
        root = tmp_path / str(len(name))
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("mine")
        _refused(raw_folder(root), r"cannot be made \((Not a directory|File exists)\)", root=root)
        assert (root / name).read_text() == "mine"
    assert mirror.asked == []


@pytest.mark.usefixtures("small")
def test_a_user_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(RuntimeError, match="expected a home folder for this user, got none; set"):
        _load()
    lay(tmp_path)
    assert_right(_load(root=tmp_path))
    # And a relative cache folder is none.
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache" / "cnnbook"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_fails_at_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: Mirror, step: str, code: int
) -> None:
    """Each step of writing fails once for the archive, and for each file that is extracted."""
    raw = raw_folder(tmp_path)

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    def fail_as_a_disk(*_: Any) -> Any:
        raise fetching._DiskError(OSError(code, os.strerror(code)))

    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        return fail() if flags & os.O_CREAT else real(path, flags, *rest, **named)

    with monkeypatch.context() as patch:
        if step == "open":
            patch.setattr(
                os,
                "open",
                lambda path, flags, *a, **k: (
                    fail() if flags & os.O_CREAT else real(path, flags, *a, **k)
                ),
            )
        elif step == "write":
            patch.setattr(fetching._Wanted, "add", fail_as_a_disk)
        else:
            patch.setattr(os, step, fail)
        message = rf"cannot be written \({os.strerror(code)}\), [0-9]+ bytes are needed"
        _refused(raw, f"{raw / IMAGES}.gz: {message}", root=tmp_path)
        # With the archives there, the disk is not needed.
        for name, data in ARCHIVES.items():
            (raw / name).write_bytes(data)
        assert_right(_load(root=tmp_path))
        if step != "write":
            assert snapshot(raw) == ARCHIVES
    assert_right(_load(root=tmp_path))
    assert snapshot(raw) == ALL


# Files that are whole or absent.


def test_replacing_leaves_the_old_file_when_the_block_raises(tmp_path: Path) -> None:
    target = tmp_path / "kept"
    target.write_bytes(b"old")

    def stop_halfway(error: type[BaseException]) -> None:
        with replacing(target) as part:
            part.write(b"half")
            raise error

    for error in (ValueError, KeyboardInterrupt, SystemExit):
        with pytest.raises(error):
            stop_halfway(error)
    assert snapshot(tmp_path) == {"kept": b"old"}
    with replacing(target) as part:
        part.write(b"new")
        assert target.read_bytes() == b"old"
    assert snapshot(tmp_path) == {"kept": b"new"}
    # Two at once, where there is no lock: each has a file of its own, and one of them remains.
    with replacing(target) as one, replacing(target) as other:
        one.write(b"one")
        other.write(b"other")
    assert snapshot(tmp_path) == {"kept": b"one"}


def test_a_new_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with replacing(tmp_path / "kept") as part:
            part.write(b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o644


def test_only_one_at_a_time_and_then_the_next(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path, seconds=0) as locked:
        assert locked
        started = time.monotonic()
        message = r"another process has been writing there for 0\.1 s"
        with pytest.raises(TimeoutError, match=message), exclusive_lock(tmp_path, seconds=0.1):
            pass
        assert time.monotonic() - started < 1
        # A sweep does not touch what is being written.
        with replacing(tmp_path / "kept") as part:
            sweep(tmp_path)
            part.write(b"new")
    assert snapshot(tmp_path) == {"kept": b"new"}
    with exclusive_lock(tmp_path, seconds=0) as locked:
        assert locked


def test_a_sweep_takes_only_what_is_ours(tmp_path: Path) -> None:
    stale = [".x.gz-0123456789abcdef.part", ".cnnbook.lock"]
    theirs = [".bashrc", ".x.part", "x-0123456789abcdef.part", ".git.lock", ".y-short.part"]
    for name in stale + theirs:
        (tmp_path / name).write_text("")
    sweep(tmp_path)
    assert sorted(snapshot(tmp_path)) == sorted(theirs)


@pytest.mark.usefixtures("small")
def test_what_a_killed_program_left_is_swept_by_a_load_that_writes_nothing(tmp_path: Path) -> None:
    raw = lay(tmp_path, extracted=True)
    (raw / f".{IMAGES}-0123456789abcdef.part").write_bytes(b"half")
    assert_right(_load(root=tmp_path, download=False))
    assert snapshot(raw) == CONTENT


@pytest.mark.usefixtures("small")
def test_a_folder_that_another_process_writes_to_can_be_read(tmp_path: Path) -> None:
    raw = lay(tmp_path, extracted=True)
    with exclusive_lock(raw, seconds=0):
        assert_right(_load(root=tmp_path))


@pytest.mark.usefixtures("small")
def test_waiting_for_another_process_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: Mirror
) -> None:
    monkeypatch.setattr(published_files, "_DEADLINE", 0.3)
    raw = raw_folder(tmp_path)
    raw.mkdir(parents=True)
    with exclusive_lock(raw, seconds=0):
        started = time.monotonic()
        with pytest.raises(
            RuntimeError, match=r"another process has been writing there for 0\.3 s"
        ):
            _load(root=tmp_path)
        assert time.monotonic() - started < 1
    assert mirror.asked == []
    monkeypatch.undo()


@pytest.mark.usefixtures("small")
def test_a_folder_that_cannot_be_locked_is_used_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: Mirror
) -> None:
    """As on network disks without flock."""

    def unsupported(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", unsupported)
    assert_right(_load(root=tmp_path))
    assert {
        name: data for name, data in snapshot(raw_folder(tmp_path)).items() if name in ALL
    } == ALL


def test_ctrl_c_leaves_nothing(
    tmp_path: Path, small: None, mirror: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror.always["one"] = "drip"

    def press(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, press)
    signal.setitimer(signal.ITIMER_REAL, 0.4)
    assert main(["--download", "--root", str(tmp_path)]) == 130
    assert "stopped" in capsys.readouterr().err
    assert snapshot(raw_folder(tmp_path)) == {}


# Other processes, other users, other file systems: see data_worker.py.


def _work(job: str, *arguments: object, seconds: float = 50, prefix: tuple[str, ...] = ()) -> Any:
    done = subprocess.run(
        [*prefix, sys.executable, str(WORKER), job, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        # The package that is tested here, not one that happens to be installed.
        env=os.environ | {"PYTHONPATH": str(Path(fetching.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts and other users need root"
)


def _mounts() -> tuple[str, ...]:
    """Return what makes a process's mounts its own, or skip."""
    prefix = ("unshare", "--mount", "--propagation", "private")
    if (
        not shutil.which("unshare")
        or subprocess.run(
            [*prefix, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("a file system cannot be mounted here")
    return prefix


@needs_root
def test_no_space_at_each_step(tmp_path: Path, mirror: Mirror) -> None:
    """On disks of 1, 2, 3... pages: room for a part of the first archive, ... for all eight."""
    rounds = _work("no-space", tmp_path, mirror.mirror("one"), prefix=_mounts())
    ends = [one["end"] for one in rounds]
    assert all(one["next"] == "right" and not one["left"] for one in rounds), rounds
    message = [end for end in ends if end != "right"]
    assert len(message) >= 4, "the disks were not small enough"
    assert ends[-1] == "right"
    for end in message:
        assert re.search(
            r"raw(/\S+\.gz)?: cannot be (written|made) \(No space left on device\)", end
        )
        assert "put the four .gz files into" in end
    # Somewhere in between, the archives fit and what is in them does not.
    assert any(one["end"] == "right" and len(one["names"]) < 8 for one in rounds)


@needs_root
def test_read_only(tmp_path: Path, mirror: Mirror) -> None:
    ends = _work("read-only", tmp_path, mirror.mirror("one"), prefix=_mounts())
    assert ends["archives"] == ends["extracted"] == ends["stale"] == "right"
    for name in ("empty", "damaged"):
        assert "Read-only file system" in ends[name]
        assert "put the four .gz files into" in ends[name]
    assert "unfinished or altered copy" in ends["damaged"]
    assert mirror.asked == []


@needs_root
def test_another_user(tmp_path: Path, mirror: Mirror) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 1:
            folder.chmod(folder.stat().st_mode | 0o011)
        if folder == Path(tmp_path.root) / "tmp":
            break
    ends = _work("another-user", tmp_path, mirror.mirror("one"))
    assert ends["root's archives"] == ends["one unreadable, packed beside"] == "right"
    for name in ("unreadable", "closed folder", "empty and not ours"):
        assert "Permission denied" in ends[name], ends[name]
        assert "put the four .gz files into" in ends[name]
    assert re.search(
        r"root: expected the folder .*Permission denied\); ", ends["inside a closed folder"]
    )
    assert ends["their cache folder"] == "right"


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """Give a folder in memory where there is one: on a disk, fsync is most of the time."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_killed_at_fifty_moments(quick_folder: Path) -> None:
    from data_worker import ARCHIVES as LARGER

    with serving(LARGER) as mirror:
        mirror.always["one"] = "slow"
        message = _work("killed", quick_folder, mirror.mirror("one"), 50)
    assert message["next loads that were right"] == 50
    assert message["left after the next load"] == []
    # Nobody waits for the dead.
    assert message["seconds of the slowest next load"] < 5, message
    # The kills hit something: half of them before the end, and some in the middle of a file.
    assert message["killed before the end"] >= 20, message
    assert message["left by the killed"] >= 3, message


def _rounds(tmp_path: Path, rounds: int, seconds: float) -> None:
    from data_worker import ARCHIVES as LARGER

    with serving(LARGER) as mirror:
        mirror.always["one"] = "slow"
        message = _work("together", tmp_path, mirror.mirror("one"), rounds, seconds=seconds)
        asked = len(mirror.asked)
    assert message == {"failed": [], "left": [], "rounds": rounds}
    # Of all that ask at once, one downloads.
    assert asked == 4 * rounds


def test_ten_rounds_of_processes_at_once(quick_folder: Path) -> None:
    _rounds(quick_folder, 10, 50)


@pytest.mark.long
def test_a_hundred_rounds_of_processes_at_once(tmp_path: Path) -> None:
    signal.setitimer(signal.ITIMER_REAL, 300)
    _rounds(tmp_path, 100, 280)


def test_no_socket_at_import_in_doctests_or_in_a_load_from_the_cache(tmp_path: Path) -> None:
    raw_folder(tmp_path).mkdir(parents=True)
    message = _work("no-sockets", tmp_path)
    assert message["opened"] == []
    assert message["modules"] >= 15
    assert message["examples"] >= 100
    # The watch is awake: it hears a load that does reach for the network.
    assert message["a download opens"] >= 1
