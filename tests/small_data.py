"""A Fashion-MNIST of a few images, and a mirror of it that can fail on request.

The files have the published format and their own SHA-256. The mirror is a real server on this
machine; no test replaces the HTTP library by a mock.
"""

import gzip
import hashlib
import http.server
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from cnnbook._data import cache, download, registry
from cnnbook._data.registry import FILES, PublishedFile
from cnnbook.images import ImageSet

COUNTS = {"train": 12, "test": 7}
IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"
# For CNNBOOK_MIRROR where a script is to draw its images: an address that is refused at once, while
# one where nobody answers is tried three times, for four seconds.
NO_MIRROR = "no-mirror"


def make_files(counts: dict[str, int]) -> dict[str, bytes]:
    """Make the four files, with the given numbers of images; the labels go from 0 to 9."""
    # Python's generator, since hundreds of forked processes should not start torch's threads.
    numbers = random.Random(0)
    files = {}
    for file in FILES:
        count = counts[file.split]
        if len(file.shape) == 1:
            files[file.name] = struct.pack(">ii", 2049, count) + bytes(i % 10 for i in range(count))
        else:
            header = struct.pack(">iiii", 2051, count, 28, 28)
            files[file.name] = header + numbers.randbytes(count * 784)
    return files


def pack(files: dict[str, bytes]) -> dict[str, bytes]:
    """Make an archive of each."""
    return {f"{name}.gz": gzip.compress(data, mtime=0) for name, data in files.items()}


CONTENT = make_files(COUNTS)
ARCHIVES = pack(CONTENT)


def publish(
    set_attribute: Callable[[Any, str, Any], None],
    content: dict[str, bytes] = CONTENT,
    archives: dict[str, bytes] = ARCHIVES,
    counts: dict[str, int] = COUNTS,
) -> None:
    """Make these files the published ones, and give up after tenths of seconds."""

    def small(file: PublishedFile) -> PublishedFile:
        archive = archives[file.archive_name]
        return replace(
            file,
            shape=(counts[file.split], *file.shape[1:]),
            sha256=hashlib.sha256(content[file.name]).hexdigest(),
            archive_size=len(archive),
            archive_sha256=hashlib.sha256(archive).hexdigest(),
        )

    files = tuple(map(small, FILES))
    set_attribute(registry, "FILES", files)
    set_attribute(cache, "_DEADLINE", 1.5)
    set_attribute(download, "_TIMEOUT", 0.3)
    set_attribute(download, "_PAUSES", (0.0, 0.02, 0.02))


def lay(root: Path, *, extracted: bool = False) -> Path:
    """Write the small files in torchvision's layout; return their folder."""
    raw = cache.raw_folder(root)
    raw.mkdir(parents=True)
    for name, data in (CONTENT if extracted else ARCHIVES).items():
        (raw / name).write_bytes(data)
    return raw


def assert_right(data: ImageSet, content: dict[str, bytes] = CONTENT) -> None:
    """Compare every number with the files' bytes."""
    if data.drawn:
        raise AssertionError("these are drawings")
    for part, images, labels in (
        ("train", data.train_images, data.train_labels),
        ("t10k", data.test_images, data.test_labels),
    ):
        stored = torch.frombuffer(
            bytearray(content[f"{part}-images-idx3-ubyte"][16:]), dtype=torch.uint8
        )
        numbers = labels.argmax(dim=1) if labels.ndim == 2 else labels
        # Not assert: processes under -O use this too.
        if not torch.equal(images.flatten(), stored[: images.numel()].float() / 255):
            raise AssertionError(f"wrong images: {part}")
        if numbers.tolist() != [i % 10 for i in range(len(labels))]:
            raise AssertionError(f"wrong labels: {part}")


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return all that a folder holds, hidden files too."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


Fault = Callable[["Request"], None]


@dataclass
class Mirror:
    """A server on this machine: what it has, what it was asked, how it fails.

    The first part of an address's path names a mirror, so that one server acts as several.
    """

    url: str
    files: dict[str, bytes]
    asked: list[str] = field(default_factory=list)
    # The fault for each request to a mirror, in order; then the fault for all further requests.
    plan: dict[str, list[str]] = field(default_factory=dict)
    always: dict[str, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def mirror(self, name: str) -> str:
        return f"{self.url}/{name}"


class Request(http.server.BaseHTTPRequestHandler):
    """One request, answered as the mirror's plan says."""

    state: Mirror

    def do_GET(self) -> None:
        state = self.state
        state.asked.append(self.path)
        mirror, _, name = self.path.strip("/").rpartition("/")
        planned = state.plan.get(mirror, [])
        fault = planned.pop(0) if planned else state.always.get(mirror, "")
        data = state.files.get(name)
        if data is None:
            self.send_error(404)
            return
        if fault.isdigit():
            self.send_error(int(fault))
            return
        getattr(self, "fault_" + fault.replace(" ", "_"))(data)

    def answer(self, data: bytes, *, length: int | None = -1, **headers: str) -> None:
        """Send status and headers; a length of -1 means the right length, None omits it."""
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(len(data) if length < 0 else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def fault_(self, data: bytes) -> None:
        self.answer(data)
        self.wfile.write(data)

    def fault_slow(self, data: bytes) -> None:
        """Send the data in pieces, slowly enough for something to happen in the meantime."""
        self.answer(data)
        for at in range(0, len(data), 1 << 14):
            self.wfile.write(data[at : at + (1 << 14)])
            time.sleep(0.001)

    def fault_drop(self, data: bytes) -> None:
        """Close the connection without an answer."""

    def fault_cut(self, data: bytes) -> None:
        self.answer(data)
        self.wfile.write(data[: max(1, len(data) // 3)])

    def fault_reset(self, data: bytes) -> None:
        self.answer(data)
        self.wfile.write(data[: max(1, len(data) // 3)])
        self.reset()

    def fault_reset_at_once(self, data: bytes) -> None:
        self.reset()

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def fault_chunked(self, data: bytes) -> None:
        self.chunked(data, len(data))

    def fault_chunked_cut(self, data: bytes) -> None:
        self.chunked(data, len(data) // 2)

    def chunked(self, data: bytes, keep: int) -> None:
        self.protocol_version = "HTTP/1.1"
        self.answer(data, length=None, Transfer_Encoding="chunked", Connection="close")
        self.wfile.write(f"{len(data):x}\r\n".encode() + data[:keep])
        if keep == len(data):
            self.wfile.write(b"\r\n0\r\n\r\n")

    def fault_stall(self, data: bytes) -> None:
        self.answer(data)
        self.wfile.write(data[:5])
        self.state.stop.wait(30)

    def fault_silent(self, data: bytes) -> None:
        """Take the request and never answer."""
        self.state.stop.wait(30)

    def fault_drip(self, data: bytes) -> None:
        self.answer(data)
        for at in range(len(data)):
            if self.state.stop.wait(0.05):
                return
            self.wfile.write(data[at : at + 1])

    def fault_drip_headers(self, data: bytes) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(1000):
            if self.state.stop.wait(0.05):
                return
            self.wfile.write(b"x")

    def fault_no_length(self, data: bytes) -> None:
        self.answer(data, length=None)
        self.wfile.write(data)

    def fault_no_length_cut(self, data: bytes) -> None:
        self.answer(data, length=None)
        self.wfile.write(data[: max(1, len(data) // 3)])

    def fault_length_too_long(self, data: bytes) -> None:
        self.answer(data, length=len(data) + 1000)
        self.wfile.write(data)

    def fault_length_nonsense(self, data: bytes) -> None:
        self.answer(data, length=None, Content_Length="many")
        self.wfile.write(data)

    def fault_half_a_file(self, data: bytes) -> None:
        self.answer(data[: len(data) // 2])
        self.wfile.write(data[: len(data) // 2])

    def fault_endless(self, data: bytes) -> None:
        self.answer(data, length=None)
        while not self.state.stop.is_set():
            self.wfile.write(bytes(1 << 16))

    def fault_html(self, data: bytes) -> None:
        page = b"<html>Please log in to the network of this hotel</html>"
        self.answer(page, Content_Type="text/html")
        self.wfile.write(page)

    def fault_html_no_length(self, data: bytes) -> None:
        self.answer(data, length=None, Content_Type="text/html")
        self.wfile.write(b"<html>Please log in</html>")

    def fault_empty(self, data: bytes) -> None:
        self.answer(b"")

    def fault_wrong_bytes(self, data: bytes) -> None:
        self.answer(data)
        self.wfile.write(bytes(len(data)))

    def fault_204(self, data: bytes) -> None:
        self.send_response(204)
        self.end_headers()

    def fault_nonsense(self, data: bytes) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")

    def fault_flood_of_headers(self, data: bytes) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n")

    def redirect(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.end_headers()

    def fault_redirect(self, data: bytes) -> None:
        self.redirect(f"{self.state.url}/elsewhere/{self.path.rpartition('/')[2]}")

    def fault_redirect_loop(self, data: bytes) -> None:
        self.redirect(self.path)

    def fault_redirect_to_file(self, data: bytes) -> None:
        self.redirect("file:///etc/passwd")

    def fault_redirect_to_ftp(self, data: bytes) -> None:
        self.redirect("ftp://127.0.0.1/x")

    def fault_redirect_to_nowhere(self, data: bytes) -> None:
        self.redirect("http://127.0.0.1:9/x")

    def log_message(self, *_: Any) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    # Many of these tests make a client give up, which is no error here.
    def handle_error(self, *_: Any) -> None:
        pass


@contextmanager
def serving(files: dict[str, bytes] = ARCHIVES) -> Iterator[Mirror]:
    """Serve the files on this machine."""
    handler = type("Bound", (Request,), {})
    server = _Server(("127.0.0.1", 0), handler)
    state = Mirror(f"http://127.0.0.1:{server.server_port}", dict(files))
    handler.state = state  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()
