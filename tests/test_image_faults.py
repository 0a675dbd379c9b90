"""Faults of files and folders: damaged, unreadable, in unusual places, on disks that fail."""

import errno
import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_faults import (
    ALL,
    ARCHIVED,
    ARCHIVED_BY_DEFAULT,
    CACHED,
    CACHED_BY_DEFAULT,
    NETWORK,
    flip,
    load,
    refused,
    sampled,
)
from small_data import ARCHIVES, CONTENT, IMAGES, Mirror, assert_right, lay, publish, snapshot

from cnnbook._data import cache
from cnnbook._data.cache import raw_folder
from cnnbook._files import exclusive_lock, find_leftovers
from cnnbook.images import cache_folder

pytestmark = pytest.mark.usefixtures("bounded", "small")

_GOT = r"expected [0-9]+ bytes with SHA-256 [0-9a-f]{64}, got (more|[0-9]+ bytes|SHA-256 \w{64}) "


def test_the_matrix_has_its_faults() -> None:
    assert len(CACHED) + len(ARCHIVED) + len(NETWORK) >= 80


@pytest.mark.parametrize("name", sampled(CACHED, CACHED_BY_DEFAULT))
def test_cached_file(tmp_path: Path, name: str, mirror: Mirror) -> None:
    damaged, change = CACHED[name]
    raw = lay(tmp_path, extracted=True)
    wrong = change(CONTENT[damaged])
    assert wrong != CONTENT[damaged]
    (raw / damaged).write_bytes(wrong)
    # Alone and offline: refused.
    message = re.escape(f"{raw / damaged}: ") + _GOT + re.escape(f"(it starts {wrong[:16]!r})")
    refused(raw, message, root=tmp_path, download=False)
    assert mirror.asked == []
    # Beside a good archive: repaired, offline.
    (raw / f"{damaged}.gz").write_bytes(ARCHIVES[f"{damaged}.gz"])
    assert_right(load(root=tmp_path, download=False))
    assert (raw / damaged).read_bytes() == CONTENT[damaged]
    # Alone and online: this file is downloaded, no other.
    (raw / damaged).write_bytes(wrong)
    (raw / f"{damaged}.gz").unlink()
    assert_right(load(root=tmp_path))
    assert mirror.asked == [f"/one/{damaged}.gz"]
    assert snapshot(raw) == CONTENT | {f"{damaged}.gz": ARCHIVES[f"{damaged}.gz"]}


def test_damage_that_keeps_size_and_time_is_noticed_within_one_process(tmp_path: Path) -> None:
    raw = lay(tmp_path, extracted=True)
    assert_right(load(root=tmp_path))
    before = (raw / IMAGES).stat()
    (raw / IMAGES).write_bytes(flip(CONTENT[IMAGES], 4000))
    os.utime(raw / IMAGES, ns=(before.st_atime_ns, before.st_mtime_ns))
    refused(raw, _GOT, root=tmp_path, download=False)


@pytest.mark.parametrize("name", sampled(ARCHIVED, ARCHIVED_BY_DEFAULT))
def test_archive(tmp_path: Path, name: str, mirror: Mirror) -> None:
    raw = lay(tmp_path)
    archive = raw / f"{IMAGES}.gz"
    wrong = ARCHIVED[name](ARCHIVES[archive.name])
    archive.write_bytes(wrong)
    mirror.always["one"] = "404"
    message = re.escape(f"{archive}: ") + _GOT + r"\(it starts .*\): an incomplete or altered copy"
    refused(raw, message, "HTTP error 404", root=tmp_path)
    refused(raw, message, root=tmp_path, download=False)
    mirror.always.clear()
    mirror.asked.clear()
    assert_right(load(root=tmp_path))
    assert mirror.asked == [f"/one/{archive.name}"]
    assert snapshot(raw) == ALL
    # A damaged archive beside a good extracted file does no harm, and is left alone.
    archive.write_bytes(wrong)
    assert_right(load(root=tmp_path, download=False))
    assert archive.read_bytes() == wrong


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        (CONTENT[IMAGES][:-1], "expected 9424 bytes with SHA-256 .*, got 9423 bytes"),
        (CONTENT[IMAGES] + b"\0", "expected 9424 bytes with SHA-256 .*, got more"),
        (bytes(50_000_000), "expected 9424 bytes with SHA-256 .*, got more"),
        (flip(CONTENT[IMAGES], 999), "expected 9424 bytes with SHA-256 .*, got SHA-256"),
    ],
    ids=["short", "long", "bomb", "other"],
)
def test_archive_with_the_right_hash_and_the_wrong_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bytes, message: str
) -> None:
    raw, archive = lay(tmp_path), f"{IMAGES}.gz"
    (raw / archive).write_bytes(gzip.compress(inside, mtime=0))
    publish(monkeypatch.setattr, archives=ARCHIVES | {archive: gzip.compress(inside, mtime=0)})
    refused(raw, f"{archive}: inside, {message}", root=tmp_path, download=False)


@pytest.mark.parametrize("cut", [30, -4])
def test_archive_that_cannot_be_extracted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    raw, archive = lay(tmp_path), f"{IMAGES}.gz"
    broken = ARCHIVES[archive][:cut] + (b"" if cut > 0 else b"abcd")
    (raw / archive).write_bytes(broken)
    publish(monkeypatch.setattr, archives=ARCHIVES | {archive: broken})
    message = f"{archive}: (cannot be extracted|inside, expected 9424 bytes)"
    refused(raw, message, root=tmp_path, download=False)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling link", "link to itself"])
def test_something_else_in_a_files_place(tmp_path: Path, kind: str, packed: bool) -> None:
    raw = lay(tmp_path, extracted=not packed)
    name = f"{IMAGES}.gz" if packed else IMAGES
    (raw / name).unlink()
    if kind == "folder":
        (raw / name).mkdir()
        (raw / name / "precious").write_text("mine", "utf-8")
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
    refused(raw, message, root=tmp_path, download=False)
    if packed:
        (raw / IMAGES).write_bytes(CONTENT[IMAGES])
    else:
        (raw / f"{name}.gz").write_bytes(ARCHIVES[f"{name}.gz"])
    assert_right(load(root=tmp_path, download=False))
    # Whatever it is, it is not ours to replace.
    if kind == "folder":
        assert (raw / name / "precious").read_text("utf-8") == "mine"
    elif kind == "pipe":
        assert (raw / name).is_fifo()


def test_a_folder_in_the_archives_place_is_found_before_anything_is_downloaded(
    tmp_path: Path, mirror: Mirror
) -> None:
    raw = raw_folder(tmp_path)
    (raw / f"{IMAGES}.gz").mkdir(parents=True)
    refused(raw, f"{IMAGES}.gz: expected a file, got a folder; move it away", root=tmp_path)
    assert mirror.asked == []


# Unusual places.


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
    assert_right(load(root=root, download=False))
    assert_right(load(root=str(root), download=False))
    assert find_leftovers(raw_folder(root)) == []


def test_a_relative_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: Mirror) -> None:
    lay(tmp_path / "data")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert_right(load(root="data", download=False))
    assert_right(load(root="empty"))
    assert snapshot(raw_folder(tmp_path / "empty")) == ALL


def test_a_repair_replaces_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    raw = lay(tmp_path / "root")
    precious = tmp_path / "precious"
    precious.write_bytes(b"not images")
    (raw / IMAGES).symlink_to(precious)
    assert_right(load(root=tmp_path / "root", download=False))
    assert precious.read_bytes() == b"not images"
    assert not (raw / IMAGES).is_symlink()


def test_a_file_where_a_folder_should_be(tmp_path: Path, mirror: Mirror) -> None:
    for name in ("FashionMNIST", "FashionMNIST/raw"):
        root = tmp_path / str(len(name))
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("mine", "utf-8")
        message = r"cannot be created \((Not a directory|File exists)\)"
        refused(raw_folder(root), message, root=root)
        assert (root / name).read_text("utf-8") == "mine"
    assert mirror.asked == []


def test_a_user_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.delenv("XDG_CACHE_HOME")
        # As platformdirs answers, by its release.
        for answer in (Path("~/.cache/cnnbook"), RuntimeError("no home")):
            patch.setattr("pooch.os_cache", _answering(answer))
            message = "expected a home folder for this user, got none; set"
            with pytest.raises(RuntimeError, match=message):
                load()
            lay(tmp_path / type(answer).__name__)
            assert_right(load(root=tmp_path / type(answer).__name__))


def _answering(answer: Path | Exception) -> Callable[[str], Path]:
    def os_cache(project: str) -> Path:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return os_cache


@pytest.mark.skipif(not Path("/proc").exists(), reason="macOS has a folder of its own")
def test_a_relative_cache_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache" / "cnnbook"


# Disks that fail.


@pytest.mark.parametrize("step", ["open", "mkdir", "write", "fsync", "replace"])
@pytest.mark.parametrize(
    "code",
    [errno.ENOSPC, *(pytest.param(e, marks=pytest.mark.long) for e in (errno.EIO, errno.EROFS))],
)
def test_a_disk_that_fails_at_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: Mirror, step: str, code: int
) -> None:
    """Each step of writing fails once for the archive, and for each file that is extracted."""
    raw = raw_folder(tmp_path)
    raw.mkdir(parents=True)
    real_open, real_replace = os.open, os.replace

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    def no_new_files(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        new = flags & os.O_CREAT and not str(path).endswith(".lock")
        return fail() if new else real_open(path, flags, *rest, **named)

    def no_final_name(source: Any, target: Any) -> None:
        (fail if Path(target).parent == raw else real_replace)(source, target)

    with monkeypatch.context() as patch:
        if step == "open":
            patch.setattr(os, "open", no_new_files)
        elif step == "mkdir":
            patch.setattr(os, "mkdir", fail)
        elif step == "write":
            patch.setattr("cnnbook._files.open", _full_disk(code), raising=False)
        elif step == "fsync":
            patch.setattr(os, "fsync", fail)
        else:
            patch.setattr(os, "replace", no_final_name)
        message = rf"cannot be written \({os.strerror(code)}\), [0-9]+ bytes are needed"
        refused(raw, re.escape(f"{raw / IMAGES}.gz: ") + message, root=tmp_path)
        # With the archives there, the disk is not needed.
        for name, data in ARCHIVES.items():
            (raw / name).write_bytes(data)
        assert_right(load(root=tmp_path))
        assert snapshot(raw) == (ALL if step == "mkdir" else ARCHIVES)
    assert_right(load(root=tmp_path))
    assert snapshot(raw) == ALL


def _full_disk(code: int) -> Callable[..., Any]:
    """Return an ``open`` that fails as the first write on a full disk would."""

    def opened(*arguments: Any, **named: Any) -> Any:
        os.close(arguments[0])
        raise OSError(code, os.strerror(code))

    return opened


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_a_folder_that_cannot_be_written_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = lay(tmp_path)
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, *rest, **named)

    # root may write anywhere; test_image_processes has a file system that really is read-only.
    monkeypatch.setattr(os, "open", refuse)
    assert_right(load(root=tmp_path))
    assert snapshot(raw) == ARCHIVES


# Locks and leftovers.


def test_leftovers_of_a_killed_program_are_removed_by_a_load_that_writes_nothing(
    tmp_path: Path,
) -> None:
    raw = lay(tmp_path, extracted=True)
    (raw / f".{IMAGES}-0123456789abcdef.part").write_bytes(b"half")
    staging = raw / ".staging-0123456789abcdef.part"
    staging.mkdir()
    (staging / "tmpabcd").write_bytes(b"half")
    assert_right(load(root=tmp_path, download=False))
    assert sorted(path.name for path in raw.iterdir()) == sorted(CONTENT)


def test_a_folder_that_another_process_writes_to_can_be_read(tmp_path: Path) -> None:
    raw = lay(tmp_path, extracted=True)
    with exclusive_lock(raw, seconds=0):
        assert_right(load(root=tmp_path))


def test_waiting_for_another_process_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: Mirror
) -> None:
    monkeypatch.setattr(cache, "_DEADLINE", 0.3)
    raw = raw_folder(tmp_path)
    raw.mkdir(parents=True)
    message = r"another process has held this lock for 0\.3 s"
    with exclusive_lock(raw, seconds=0), pytest.raises(RuntimeError, match=message):
        load(root=tmp_path)
    assert mirror.asked == []


def test_a_folder_that_cannot_be_locked_is_used_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: Mirror
) -> None:
    """As on network file systems without flock."""

    def unsupported(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", unsupported)
    assert_right(load(root=tmp_path))
    found = snapshot(raw_folder(tmp_path))
    assert {name: found[name] for name in ALL} == ALL
