"""Jobs in separate processes: killed, concurrent, as another user, on another disk.

Run by test_image_processes. It imports torch once and forks from there, so that a round takes
milliseconds; each job prints its results as JSON, which the test checks.
"""

import contextlib
import doctest
import encodings.idna
import importlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# filelock, pooch, requests: the library imports them where it uses them. They are imported here so
# that forked processes need not, nor another user, who may not be able to read Python's folder.
import filelock
import pooch
import requests
import small_data
import torch
from small_data import assert_right, make_files, pack, publish

import cnnbook
from cnnbook._data.cache import raw_folder
from cnnbook._files import find_leftovers
from cnnbook.images import load_fashion_mnist

PRELOADED = (encodings.idna, filelock, pooch, requests)

# Larger than the other tests', so that a kill can hit the middle of a file.
COUNTS = {"train": 300, "test": 200}
CONTENT = make_files(COUNTS)
ARCHIVES = pack(CONTENT)


def end_of_load(root: Path, *, download: bool = True, content: dict[str, bytes] = CONTENT) -> str:
    """Load, and return "right", or the error's message; everything else raises."""
    n_train, n_test = (content[f"{part}-labels-idx1-ubyte"][7] for part in ("train", "t10k"))
    if content is CONTENT:
        n_train, n_test = COUNTS["train"], COUNTS["test"]
    try:
        data = load_fashion_mnist(n_train, n_test, root=root, download=download)
    except (RuntimeError, FileNotFoundError) as error:
        return str(error)
    assert_right(data, content)
    return "right"


def small_load(root: Path, *, download: bool = True) -> str:
    return end_of_load(root, download=download, content=small_data.CONTENT)


def forked(work: Callable[[], object]) -> int:
    """Run something in a process of its own; return its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def must_be_right(root: Path) -> None:
    end = end_of_load(root)
    if end != "right":
        raise RuntimeError(end)


def killed(folder: Path, rounds: int) -> dict[str, Any]:
    """Kill a load at random moments; the next one must be right and tidy up."""
    moments = random.Random(0)
    root = folder / "root"
    root.mkdir()
    seconds = []
    for _ in range(3):
        started = time.monotonic()
        os.waitpid(forked(lambda: must_be_right(root)), 0)
        seconds.append(time.monotonic() - started)
        shutil.rmtree(root / "FashionMNIST")
    whole = min(seconds)
    message: dict[str, Any] = {
        "seconds of a load": whole,
        "killed before the end": 0,
        "left by the killed": 0,
        "next loads that were right": 0,
        "left after the next load": [],
        "seconds of the slowest next load": 0.0,
    }
    for _ in range(rounds):
        child = forked(lambda: must_be_right(root))
        time.sleep(moments.uniform(0, 1.1 * whole))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        message["killed before the end"] += os.WIFSIGNALED(status)
        raw = raw_folder(root)
        message["left by the killed"] += any(path.suffix == ".part" for path in find_leftovers(raw))
        started = time.monotonic()
        message["next loads that were right"] += end_of_load(root) == "right"
        message["seconds of the slowest next load"] = max(
            message["seconds of the slowest next load"], time.monotonic() - started
        )
        message["left after the next load"] += [path.name for path in find_leftovers(raw)]
        # All files are complete; a kill may have come after an archive but before its file.
        everything = CONTENT | ARCHIVES
        for path in raw.iterdir():
            if path.read_bytes() != everything[path.name]:
                raise AssertionError(f"{path} is not whole")
        shutil.rmtree(root / "FashionMNIST")
    return message


def together(folder: Path, rounds: int) -> dict[str, Any]:
    """Let 2 to 4 processes load at once from nothing, up to 0.4 s apart."""
    numbers = random.Random(0)
    message: dict[str, Any] = {"rounds": rounds, "failed": [], "left": []}
    for number in range(rounds):
        root = folder / str(number)
        root.mkdir()

        def late(seconds: float, root: Path = root) -> None:
            time.sleep(seconds)
            must_be_right(root)

        waits = [numbers.uniform(0, 0.4) for _ in range(numbers.randint(2, 4))]
        if number % 2:
            # In every other round, exactly at the same time.
            waits = [wait / 100 for wait in waits]
        children = [forked(lambda wait=wait: late(wait)) for wait in waits]  # type: ignore[misc]
        for child in children:
            _, status = os.waitpid(child, 0)
            if status:
                message["failed"].append([number, status])
        raw = raw_folder(root)
        message["left"] += [path.name for path in find_leftovers(raw)]
        if {path.name: path.read_bytes() for path in raw.iterdir()} != CONTENT | ARCHIVES:
            message["failed"].append([number, "the folder is not as it should be"])
        shutil.rmtree(root)
    return message


def mount(where: Path, *options: str) -> None:
    subprocess.run(["mount", *options, "tmpfs", str(where)], check=True)


def no_space(folder: Path) -> list[dict[str, Any]]:
    """Load on disks of one page, two, three... until all eight files have room."""
    message = []
    for pages in range(1, 40):
        root = folder / f"{pages} pages"
        root.mkdir()
        mount(root, "-t", "tmpfs", "-o", f"size={pages * os.sysconf('SC_PAGE_SIZE')}")
        end = small_load(root)
        raw = raw_folder(root)
        names = sorted(path.name for path in raw.iterdir()) if raw.is_dir() else []
        left = [path.name for path in find_leftovers(raw)]
        everything = small_data.CONTENT | small_data.ARCHIVES
        for name in names:
            if (raw / name).read_bytes() != everything[name]:
                raise AssertionError(f"{name} is not whole")
        mount(root, "-o", "remount,size=1m")
        after = small_load(root)
        message.append({"pages": pages, "end": end, "names": names, "left": left, "next": after})
        subprocess.run(["umount", str(root)], check=True)
        if len(names) == 8:
            break
    return message


def read_only(folder: Path) -> dict[str, str]:
    """Load from folders that are mounted read-only."""
    message = {}
    for name in ("archives", "extracted", "stale", "empty", "damaged"):
        root = folder / name
        root.mkdir()
        if name == "empty":
            raw_folder(root).mkdir(parents=True)
        else:
            raw = small_data.lay(root, extracted=name == "extracted")
            if name == "stale":
                (raw / ".x-0123456789abcdef.part").write_bytes(b"half")
            if name == "damaged":
                (raw / f"{small_data.IMAGES}.gz").write_bytes(b"half")
        subprocess.run(["mount", "--bind", str(root), str(root)], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(root)], check=True)
        before = small_data.snapshot(raw_folder(root))
        message[name] = small_load(root)
        if small_data.snapshot(raw_folder(root)) != before:
            raise AssertionError(f"{name}: a read-only folder has changed")
        subprocess.run(["umount", str(root)], check=True)
    return message


def another_user(folder: Path) -> dict[str, str]:
    """Load as a user who, unlike root, is bound by permissions."""
    nobody = 65534
    roots = {}
    for name in (
        "root's archives",
        "unreadable",
        "one unreadable, packed beside",
        "closed folder",
        "empty and not ours",
    ):
        roots[name] = folder / name
        if name == "empty and not ours":
            roots[name].mkdir()
            continue
        raw = small_data.lay(roots[name], extracted=name == "unreadable")
        if name == "closed folder":
            raw.chmod(0o700)
        elif name == "one unreadable, packed beside":
            (raw / small_data.IMAGES).write_bytes(small_data.CONTENT[small_data.IMAGES])
            (raw / small_data.IMAGES).chmod(0o600)
        elif name == "unreadable":
            (raw / small_data.IMAGES).chmod(0o600)
    roots["inside a closed folder"] = folder / "closed" / "root"
    small_data.lay(roots["inside a closed folder"])
    (folder / "closed").chmod(0o700)
    theirs = folder / "their cache folder"
    theirs.mkdir()
    os.chown(theirs, nobody, nobody)
    os.environ["XDG_CACHE_HOME"] = str(theirs)
    os.setgroups([])
    os.setgid(nobody)
    os.setuid(nobody)
    message = {name: small_load(root) for name, root in roots.items()}
    small = load_fashion_mnist(12, 7)
    assert_right(small)
    message["their cache folder"] = "right"
    return message


def no_sockets(folder: Path, modules: str) -> dict[str, Any]:
    """Import everything, run examples, load from a cache; note each socket on the way.

    ``modules`` is a pattern: the examples of the modules that match it are run.
    """
    opened: list[str] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith("socket."):
            opened.append(f"{event} {arguments[1:]}")

    # An audit hook also sees sockets opened by C code, unlike a patch of the socket module.
    sys.addaudithook(watch)
    package = Path(cnnbook.__file__).parent
    names = sorted(
        ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for path in package.rglob("*.py")
        if path.stem != "__init__"
    )
    examples = 0
    os.environ["CNNBOOK_MIRROR"] = "http://127.0.0.1:9"
    os.environ["MPLBACKEND"] = "agg"
    with contextlib.redirect_stdout(io.StringIO()):
        for name in names:
            module = importlib.import_module(name)
            if not re.search(modules, name):
                continue
            result = doctest.testmod(module)
            if result.failed:
                raise AssertionError(f"{name}: {result.failed} examples failed")
            examples += result.attempted
    publish(setattr)
    for extracted in (False, True):
        root = folder / str(extracted)
        small_data.lay(root, extracted=extracted)
        if small_load(root) != "right":
            raise AssertionError("the load failed")
    quiet = list(opened)
    small_load(folder / "True" / "FashionMNIST")
    return {
        "opened": quiet,
        "modules": len(names),
        "examples": examples,
        "a download opens": len(opened) - len(quiet),
    }


def main(job: str, folder: str, *arguments: str) -> None:
    """Do one job and print what happened."""
    # OpenMP's threads do not survive a fork, and code that waits for them would wait forever.
    torch.set_num_threads(1)
    where = Path(folder)
    os.environ["XDG_CACHE_HOME"] = str(where / "cache")
    for name in ("CNNBOOK_DATA", "CNNBOOK_MIRROR", "http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        os.environ.pop(name, None)
    if arguments:
        os.environ["CNNBOOK_MIRROR"] = arguments[0]
    message: Any
    if job in ("killed", "together"):
        publish(setattr, CONTENT, ARCHIVES, COUNTS)
        message = (killed if job == "killed" else together)(where, int(arguments[1]))
    elif job == "no-sockets":
        message = no_sockets(where, arguments[1])
    elif job == "disks":
        publish(setattr)
        message = {}
        # The other user comes last, since a process cannot get root's rights back.
        for work in (no_space, read_only, another_user):
            name = work.__name__
            os.environ["CNNBOOK_MIRROR"] = f"{arguments[0]}/{name}"
            (where / name).mkdir()
            message[name] = work(where / name)
    print(json.dumps(message))


if __name__ == "__main__":
    main(*sys.argv[1:])
