"""Atomic writes, the lock of a folder, and what killed programs leave behind."""

import errno
import os
import signal
import time
from pathlib import Path

import pytest
from small_data import snapshot

from cnnbook._files import (
    atomic_write,
    exclusive_lock,
    find_leftovers,
    remove_leftovers,
    staging_folder,
)


def test_an_atomic_write_leaves_the_old_file_when_the_block_raises(tmp_path: Path) -> None:
    target = tmp_path / "kept"
    target.write_bytes(b"old")

    def stop_halfway(error: type[BaseException]) -> None:
        with atomic_write(target) as part:
            part.write(b"half")
            raise error

    for error in (ValueError, KeyboardInterrupt, SystemExit):
        with pytest.raises(error):
            stop_halfway(error)
    assert snapshot(tmp_path) == {"kept": b"old"}
    with atomic_write(target) as part:
        part.write(b"new")
        assert target.read_bytes() == b"old"
    assert snapshot(tmp_path) == {"kept": b"new"}
    # Two at once, without a lock: each has its own temporary file, and one of them remains.
    with atomic_write(target) as one, atomic_write(target) as other:
        one.write(b"one")
        other.write(b"other")
    assert snapshot(tmp_path) == {"kept": b"one"}


def test_a_new_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with atomic_write(tmp_path / "kept") as part:
            part.write(b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o644


def _write_twice(folder: Path, content: bytes) -> None:
    with atomic_write(folder / "run", keep_previous=folder / "run.previous") as file:
        file.write(content)


def test_the_previous_file_is_kept_under_a_second_name(tmp_path: Path) -> None:
    for number in range(4):
        _write_twice(tmp_path, b"%d" % number)
        expected = {"run": b"%d" % number, "run.previous": b"%d" % (number - 1)}
        assert snapshot(tmp_path) == (expected if number else {"run": b"0"})


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("step", range(1, 9))
def test_one_whole_file_is_there_wherever_the_write_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, links: bool
) -> None:
    """Stop at the first, second, third... call that changes the folder, as a kill would."""
    for content in (b"1", b"2"):
        _write_twice(tmp_path, content)
    calls = 0

    class Killed(BaseException):
        pass

    with monkeypatch.context() as patch:

        def stopping(name: str) -> None:
            real = getattr(os, name)

            def call(*arguments: object, **named: object) -> object:
                nonlocal calls
                calls += 1
                # As after a kill, nothing more happens, not even the clean-up.
                if calls >= step:
                    raise Killed
                if name == "link" and not links:
                    raise OSError(errno.EPERM, "no hard links")
                return real(*arguments, **named)

            patch.setattr(os, name, call)

        for name in ("open", "fsync", "link", "replace", "unlink"):
            stopping(name)
        try:
            _write_twice(tmp_path, b"3")
        except Killed:
            assert calls >= step
        else:
            assert calls < step
    found = snapshot(tmp_path)
    newest = found.get("run", found["run.previous"])
    assert newest in (b"2", b"3")
    if links:
        # A file of that name always exists.
        assert "run" in found
    # The next write cleans up.
    _write_twice(tmp_path, b"4")
    assert snapshot(tmp_path) == {"run": b"4", "run.previous": found.get("run", b"2")}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_while_it_keeps_the_previous_file(tmp_path: Path) -> None:
    for number in range(12):
        child = os.fork()
        if not child:
            count = 0
            while True:
                count += 1
                _write_twice(tmp_path, b"%09d" % count * 1000)
        while not (tmp_path / "run.previous").exists():
            time.sleep(0.001)
        time.sleep(0.003 * number)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found = snapshot(tmp_path)
        for name in ("run", "run.previous"):
            assert len(found[name]) == 9000
            assert found[name] == found[name][:9] * 1000
        # Two at most, however often a process was killed.
        assert set(found) - {"run", "run.previous"} <= {".run.part", ".run.previous.part"}
    _write_twice(tmp_path, b"end")
    assert set(snapshot(tmp_path)) == {"run", "run.previous"}


def test_one_at_a_time_and_then_the_next(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path, seconds=0) as locked:
        assert locked
        started = time.monotonic()
        message = r"another process has held this lock for 0\.1 s"
        with pytest.raises(TimeoutError, match=message), exclusive_lock(tmp_path, seconds=0.1):
            pass
        assert time.monotonic() - started < 1
        # What is being written is not removed.
        with atomic_write(tmp_path / "kept") as part:
            remove_leftovers(tmp_path)
            part.write(b"new")
    assert snapshot(tmp_path) == {"kept": b"new"}
    with exclusive_lock(tmp_path, seconds=0) as locked:
        assert locked


def test_only_our_own_leftovers_are_removed(tmp_path: Path) -> None:
    stale = [".x.gz-0123456789abcdef.part", ".cnnbook.lock"]
    theirs = [".bashrc", ".x.part", "x-0123456789abcdef.part", ".git.lock", ".y-short.part"]
    theirs += [".z-0123456789ABCDEF.part", ".w-0123456789abcdef.parts"]
    for name in stale + theirs:
        (tmp_path / name).write_text("", "utf-8")
    assert [path.name for path in find_leftovers(tmp_path)] == sorted(stale)
    remove_leftovers(tmp_path)
    assert sorted(snapshot(tmp_path)) == sorted(theirs)


def test_a_staging_folder_and_one_that_was_left(tmp_path: Path) -> None:
    with staging_folder(tmp_path) as folder:
        (folder / "half").write_bytes(b"half")
        assert find_leftovers(tmp_path) == [folder]
        raised = pytest.raises(KeyboardInterrupt)
        with raised, staging_folder(tmp_path) as other:
            (other / "half").write_bytes(b"half")
            raise KeyboardInterrupt
        assert not other.exists()
        # As a killed program would leave it.
        left = tmp_path / ".staging-0123456789abcdef.part"
        left.mkdir()
        (left / "half").write_bytes(b"half")
        with exclusive_lock(tmp_path, seconds=0):
            assert not left.exists()
    assert list(tmp_path.iterdir()) == []
