"""Network faults: whatever mirrors do, a load gives the right data or one error in bounded time."""

import hashlib
import io
import os
import re
import shutil
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from data_faults import ALL, FINAL, NETWORK, NETWORK_BY_DEFAULT, load, refused, sampled
from small_data import IMAGES, Mirror, Request, assert_right, snapshot

from cnnbook._data import download as download_module
from cnnbook._data.cache import raw_folder
from cnnbook._data.download import DownloadError, download
from cnnbook.images import main

pytestmark = pytest.mark.usefixtures("bounded", "small")


@pytest.mark.parametrize("fault", sampled(NETWORK, NETWORK_BY_DEFAULT))
def test_network(tmp_path: Path, fault: str, mirror: Mirror) -> None:
    raw = raw_folder(tmp_path)
    mirror.always["one"] = fault
    if message := NETWORK[fault]:
        message = refused(raw, message, root=tmp_path)
        assert f"{IMAGES}.gz could not be downloaded ({mirror.mirror('one')}/" in message
        assert snapshot(raw) == {}
        # After a wrong answer a mirror is not asked again; after a failure it is, a few times.
        if fault in FINAL:
            assert len(mirror.asked) == 1
        elif "redirect" not in fault and "drip" not in fault:
            assert len(mirror.asked) == len(download_module._PAUSES)
    else:
        assert_right(load(root=tmp_path))
        assert snapshot(raw) == ALL
    mirror.always.clear()
    assert_right(load(root=tmp_path))
    assert snapshot(raw) == ALL


def test_every_fault_of_the_mirror_is_in_the_matrix() -> None:
    faults = {name.removeprefix("fault_") for name in vars(Request) if name.startswith("fault_")}
    # The answers without a fault are used in other tests.
    faults -= {"", "slow"}
    assert faults == {n.replace(" ", "_") for n in NETWORK if not n.isdigit() or n == "204"}


@pytest.mark.parametrize(
    "fault",
    sampled([name for name, message in NETWORK.items() if message], {"cut", "html", "stall"}),
)
def test_a_second_mirror_that_is_good(
    tmp_path: Path, fault: str, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNBOOK_MIRROR", f"{mirror.mirror('one')}  {mirror.mirror('two')}/")
    mirror.always["one"] = fault
    if fault.startswith("drip"):
        # A slow mirror looks like a good one until the time is over.
        message = refused(raw_folder(tmp_path), "not complete before", root=tmp_path)
        assert f"{mirror.mirror('two')}/{IMAGES}.gz: not asked before the deadline" in message
        return
    started = time.monotonic()
    assert_right(load(root=tmp_path))
    assert time.monotonic() - started < 3
    assert snapshot(raw_folder(tmp_path)) == ALL
    # From then on, the mirror that worked is asked first.
    asked = [path for path in mirror.asked if path.startswith("/one/")]
    assert asked == [f"/one/{IMAGES}.gz"] or "redirect" in fault


PASSING = ("drop", "cut", "reset", "reset at once", "stall", "503", "500", "chunked cut", "silent")


@pytest.mark.parametrize("fault", sampled(PASSING, {"cut", "503", "reset"}))
def test_a_failure_that_passes(tmp_path: Path, fault: str, mirror: Mirror) -> None:
    mirror.plan["one"] = [fault, fault]
    assert_right(load(root=tmp_path))
    assert snapshot(raw_folder(tmp_path)) == ALL
    assert len(mirror.asked) == 6


@pytest.fixture
def big(mirror: Mirror) -> bytes:
    mirror.files["big"] = os.urandom(200_000)
    return mirror.files["big"]


def _download(tmp_path: Path, mirror: Mirror, *, seconds: float = 3) -> bytes:
    """Download a file of 200,000 bytes."""
    download(
        tmp_path / "big",
        [f"{mirror.mirror('one')}/"],
        size=len(mirror.files["big"]),
        sha256=hashlib.sha256(mirror.files["big"]).hexdigest(),
        deadline=time.monotonic() + seconds,
    )
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["big"]
    return (tmp_path / "big").read_bytes()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_size_and_rate(
    tmp_path: Path, mirror: Mirror, big: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert _download(tmp_path, mirror) == big
    assert re.search(r"\rbig: 100%.* 200k/200k .*B/s", terminal.getvalue())
    # pooch's own messages would name a temporary folder.
    assert ".part" not in terminal.getvalue()
    # A terminal that is gone, and none at all.
    for gone in (_Terminal(), None):
        if gone:
            gone.close()
            monkeypatch.setattr(gone, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stderr", gone)
        assert _download(tmp_path, mirror) == big


def test_no_more_is_read_than_was_published(mirror: Mirror) -> None:
    mirror.always["one"] = "endless"
    url = f"{mirror.mirror('one')}/{IMAGES}.gz"
    for size in (1, 1000, 300_000):
        assert download_module._receive(url, size, threading.Event()) == bytes(size)


def test_what_lay_there_stays_until_the_new_file_is_whole(
    tmp_path: Path, mirror: Mirror, big: bytes
) -> None:
    (tmp_path / "big").write_bytes(b"old")
    for fault in ("stall", "wrong bytes", "drip", "reset"):
        mirror.always["one"] = fault
        with pytest.raises(DownloadError):
            _download(tmp_path, mirror, seconds=0.4)
        assert [path.name for path in tmp_path.iterdir()] == ["big"]
        assert (tmp_path / "big").read_bytes() == b"old"


def test_a_download_has_the_permissions_of_any_other_file(
    tmp_path: Path, mirror: Mirror, big: bytes
) -> None:
    before = os.umask(0o022)
    try:
        _download(tmp_path, mirror)
    finally:
        os.umask(before)
    assert (tmp_path / "big").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "fault", sampled(["drip", "drip headers", "stall", "silent", "503"], {"drip", "drip headers"})
)
def test_the_deadline_is_kept(tmp_path: Path, mirror: Mirror, big: bytes, fault: str) -> None:
    mirror.always["one"] = fault
    for seconds in (0.3, 0.9):
        started = time.monotonic()
        with pytest.raises(DownloadError):
            _download(tmp_path, mirror, seconds=seconds)
        took = time.monotonic() - started
        assert took < seconds + 0.5
        if "drip" in fault:
            # The deadline alone ends it: with more time it takes longer.
            assert took >= seconds


def test_a_reader_that_was_given_up_ends(tmp_path: Path, mirror: Mirror, big: bytes) -> None:
    mirror.always["one"] = "drip"
    before = {thread for thread in threading.enumerate() if "work" in thread.name}
    with pytest.raises(DownloadError, match="not complete before the deadline"):
        _download(tmp_path, mirror, seconds=0.2)
    for thread in threading.enumerate():
        if "work" in thread.name and thread not in before:
            thread.join(2)
            assert not thread.is_alive()


def test_the_guard_of_the_tests_is_not_taken_for_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is not the network's passes through, even where a stand-in is allowed."""
    monkeypatch.setenv("CNNBOOK_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(AssertionError, match="a test reached for the network"):
        load(fallback="drawn")


@pytest.mark.parametrize(
    "wrong", sampled(["file:///etc", "ftp://127.0.0.1", "/data", "x", "http:/x"], {"file:///etc"})
)
def test_an_address_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("CNNBOOK_MIRROR", wrong)
    message = f"{wrong}/{IMAGES}.gz: expected an address that starts with http:// or https://"
    refused(raw_folder(tmp_path), message, root=tmp_path)


@pytest.mark.loopback
@pytest.mark.parametrize(
    "wrong", ["http://127.0.0.1:9", "http://", "http://127.0.0.1:99999", "https://127.0.0.1:9"]
)
def test_an_address_where_nobody_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("CNNBOOK_MIRROR", wrong)
    refused(raw_folder(tmp_path), rf"{wrong.rstrip('/')}/.*: .+", root=tmp_path)


def test_a_mirror_that_does_not_speak_tls(
    tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    secure = mirror.url.replace("http:", "https:")
    monkeypatch.setenv("CNNBOOK_MIRROR", f"{secure} {mirror.mirror('two')}")
    assert_right(load(root=tmp_path))
    shutil.rmtree(tmp_path / "FashionMNIST")
    monkeypatch.setenv("CNNBOOK_MIRROR", secure)
    refused(raw_folder(tmp_path), "(?i)ssl", root=tmp_path)


def test_a_name_that_cannot_be_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    monkeypatch.setenv("CNNBOOK_MIRROR", "https://no.such.host.invalid/data")
    refused(raw_folder(tmp_path), "Name or service not known", root=tmp_path)


def test_ctrl_c_leaves_nothing(
    tmp_path: Path, mirror: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror.always["one"] = "drip"

    def press(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, press)
    signal.setitimer(signal.ITIMER_REAL, 0.4)
    started = time.monotonic()
    assert main(["--download", "--root", str(tmp_path)]) == 130
    assert time.monotonic() - started < 1
    assert "stopped" in capsys.readouterr().err
    assert snapshot(raw_folder(tmp_path)) == {}
    assert list(raw_folder(tmp_path).iterdir()) == []
