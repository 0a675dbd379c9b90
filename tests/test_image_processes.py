"""Loads in other processes: killed, at once, as another user, on read-only and full disks."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_data import serving

import cnnbook
from cnnbook._data.cache import raw_folder

pytestmark = pytest.mark.usefixtures("bounded", "small")

WORKER = Path(__file__).with_name("data_worker.py")


def _work(job: str, *arguments: object, seconds: float = 50, prefix: tuple[str, ...] = ()) -> Any:
    done = subprocess.run(
        [*prefix, sys.executable, str(WORKER), job, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        # The package that is tested here, not one that happens to be installed.
        env=os.environ | {"PYTHONPATH": str(Path(cnnbook.__file__).parents[1])},
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


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Do the jobs that need root in one process, which imports torch once; add what was asked."""
    folder = tmp_path_factory.mktemp("disks")
    # Another user must get to the files.
    for parent in (folder, *folder.parents):
        if not parent.stat().st_mode & 1:
            parent.chmod(parent.stat().st_mode | 0o011)
        if parent == Path(folder.root) / "tmp":
            break
    with serving() as mirror:
        ends = _work("disks", folder, mirror.url, prefix=_mounts())
        yield ends | {"asked": mirror.asked}


@needs_root
def test_no_space_at_each_step(disks: dict[str, Any]) -> None:
    """On disks of 1, 2, 3... pages: room for a part of the first archive, ... for all eight."""
    rounds = disks["no_space"]
    ends = [one["end"] for one in rounds]
    assert all(one["next"] == "right" and not one["left"] for one in rounds), rounds
    refusals = [end for end in ends if end != "right"]
    assert len(refusals) >= 4, "the disks were not small enough"
    assert ends[-1] == "right"
    for end in refusals:
        assert re.search(
            r"raw(/\S+\.gz)?: cannot be (written|created) \(No space left on device\)", end
        )
        assert "put the four .gz files into" in end
    # Somewhere in between, the archives fit and the extracted files do not.
    assert any(one["end"] == "right" and len(one["names"]) < 8 for one in rounds)


@needs_root
def test_read_only(disks: dict[str, Any]) -> None:
    ends = disks["read_only"]
    assert ends["archives"] == ends["extracted"] == ends["stale"] == "right"
    for name in ("empty", "damaged"):
        assert "Read-only file system" in ends[name]
        assert "put the four .gz files into" in ends[name]
    assert "incomplete or altered copy" in ends["damaged"]
    assert not any("read_only" in path for path in disks["asked"])


@needs_root
def test_another_user(disks: dict[str, Any]) -> None:
    ends = disks["another_user"]
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


@pytest.mark.parametrize("kills", [10, pytest.param(50, marks=pytest.mark.long)])
def test_killed_at_random_moments(quick_folder: Path, kills: int) -> None:
    from data_worker import ARCHIVES as LARGER

    with serving(LARGER) as mirror:
        mirror.always["one"] = "slow"
        result = _work("killed", quick_folder, mirror.mirror("one"), kills)
    assert result["next loads that were right"] == kills
    assert result["left after the next load"] == []
    # No process waits for a dead one.
    assert result["seconds of the slowest next load"] < 5, result
    # Some kills came in the middle of a load. On a busy machine many come late: low bounds.
    assert result["killed before the end"] >= 0.2 * kills, result
    assert result["left by the killed"] >= 0.06 * kills, result


def _rounds(tmp_path: Path, rounds: int, seconds: float) -> None:
    from data_worker import ARCHIVES as LARGER

    with serving(LARGER) as mirror:
        mirror.always["one"] = "slow"
        result = _work("together", tmp_path, mirror.mirror("one"), rounds, seconds=seconds)
        asked = len(mirror.asked)
    assert result == {"failed": [], "left": [], "rounds": rounds}
    # If several ask at once, one downloads.
    assert asked == 4 * rounds


def test_four_rounds_of_processes_at_once(quick_folder: Path) -> None:
    _rounds(quick_folder, 4, 50)


@pytest.mark.long
def test_a_hundred_rounds_of_processes_at_once(tmp_path: Path) -> None:
    signal.setitimer(signal.ITIMER_REAL, 300)
    _rounds(tmp_path, 100, 280)


@pytest.mark.parametrize(
    ("examples_of", "at_least"),
    [("_data|images", 30), pytest.param(".", 100, marks=pytest.mark.long)],
)
def test_no_socket_at_import_in_doctests_or_in_a_load_from_the_cache(
    tmp_path: Path, examples_of: str, at_least: int
) -> None:
    raw_folder(tmp_path).mkdir(parents=True)
    result = _work("no-sockets", tmp_path, "http://127.0.0.1:9", examples_of)
    assert result["opened"] == []
    assert result["modules"] >= 15
    assert result["examples"] >= at_least
    # The audit hook works: it notices a load that does use the network.
    assert result["a download opens"] >= 1
