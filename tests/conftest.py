"""Set-up of every test: no network, a cache folder of its own, and a few shared fixtures."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before any figure is made: tests have no screen.
os.environ["MPLBACKEND"] = "agg"
# Also where the system is Korean, verdicts are English but for the tests that ask for another.
os.environ["CNNBOOK_LANGUAGE"] = "en"
# Before torch is loaded: where several workers share the cores, each computes on one.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

import matplotlib.pyplot as plt
import pytest
import torch
from filelock import FileLock
from site_browser import browser, tab, windows
from site_builds import ROOT, Site, build_site, copy_book
from small_data import Mirror, publish, serving

# Fixtures of all tests of the site.
__all__ = ["browser", "tab", "windows"]

if sys.platform == "win32":
    # Tests that fork, kill, mount, link, forbid access, call make or build the site. The layers,
    # the trainer, the figures, the exercises and the pages are tested on Windows too.
    collect_ignore = [
        *("test_benchmarks.py", "test_checkpoints.py", "test_distributed.py", "test_extensions.py"),
        *("test_files.py", "test_image_faults.py", "test_image_fuzz.py", "test_image_network.py"),
        *("test_image_processes.py", "test_makefile.py", "test_measurements.py"),
        *("test_notebooks.py", "test_packaging.py", "test_repository.py", "test_seeds.py"),
        *("test_signals.py", "test_guess.py"),
    ]
    collect_ignore_glob = ["test_site*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin `make test-long` with what `make test` leaves out, the site before all else.

    On Windows, skip the examples that show paths as POSIX writes them.
    """
    if sys.platform == "win32":
        for item in items:
            if item.path.parent.name == "_data":
                item.add_marker(pytest.mark.skip(reason="shows paths of POSIX"))
    if os.environ.get("CNNBOOK_LONG"):
        items.sort(key=lambda item: (not item.get_closest_marker("long"), not _of_the_site(item)))
        # Each worker is given a part without gaps, and begins with its first.
        workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
        items[:] = [item for at in range(workers) for item in items[at::workers]]


def _of_the_site(item: pytest.Item) -> bool:
    return item.path.stem.startswith(("test_site", "test_notebooks"))


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts a job in the background with Ctrl-C ignored; the tests send that signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests that have not started at CNNBOOK_TESTS_END, in seconds since 1970, if it is set.

    A run with little time then ends by itself, reports its results, and says what it left out.

    Without CUDA, tests marked ``gpu`` are skipped; `make test-gpu` asks for them, so there they
    fail.
    """
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        if os.environ.get("CNNBOOK_GPU"):
            pytest.fail(
                "no CUDA: `make test-gpu` needs a machine with an NVIDIA GPU and a build of torch "
                "that can use it",
                pytrace=False,
            )
        pytest.skip("no CUDA")
    if time.time() > float(os.environ.get("CNNBOOK_TESTS_END", "inf")):
        pytest.skip("no time was left: CNNBOOK_TESTS_END")


@pytest.fixture(autouse=True)
def isolated(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """Refuse connections and look-ups of names, and keep the user's data out of the tests.

    Only a test marked ``loopback``, or one with a mirror of its own, may connect to this machine.
    """
    mine = {"127.0.0.1", "::1", "localhost"}
    allowed = mine if {"loopback", "mirror"} & set(_marks(request)) else set()

    def guard(real: Any, address_at: int) -> Any:
        def guarded(*arguments: Any, **named: Any) -> Any:
            address = arguments[address_at]
            host = address[0] if isinstance(address, tuple) else address
            # A socket's path in the file system is not the network.
            named_file = address_at and arguments[0].family not in (
                socket.AF_INET,
                socket.AF_INET6,
            )
            if host not in allowed and not named_file:
                raise AssertionError(f"a test reached for the network: {address}")
            return real(*arguments, **named)

        return guarded

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guard(getattr(socket.socket, name), 1))
    monkeypatch.setattr(socket, "getaddrinfo", guard(socket.getaddrinfo, 0))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("CNNBOOK_DATA", "CNNBOOK_MIRROR", "http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    # Only a machine that loses its power tells the difference, and a busy disk takes long. Where
    # this call is tested, the test puts its own in this place.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    torch.manual_seed(0)
    # The docstrings' examples, which this fixture does not reach, leave figures open.
    plt.close("all")
    yield
    plt.close("all")


def _marks(request: pytest.FixtureRequest) -> list[str]:
    return [mark.name for mark in request.node.iter_markers()] + list(request.fixturenames)


@pytest.fixture
def bounded() -> Iterator[None]:
    """End a test that hangs: 60 s are several deadlines of the small published files."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def give_up(*_: Any) -> None:
        raise AssertionError("no end after 60 s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 60)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish the small files instead of the real ones."""
    publish(monkeypatch.setattr)


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """Serve the archives on this machine, and make the loader ask here."""
    with serving() as state:
        monkeypatch.setenv("CNNBOOK_MIRROR", state.mirror("one"))
        yield state


def _edition(language: str, base: Path, worker_id: str) -> Site:
    made = ROOT / "build" / "site" / language
    if (made / "index.html").is_file():
        return Site(made, executed=True)
    # Several workers need the site, but only one builds it.
    root = (base if worker_id == "master" else base.parent) / f"site-{language}"
    with FileLock(f"{root}.lock"):
        if not (root / "site" / "index.html").is_file():
            done = build_site(copy_book(root), "-D", "plot_gallery=0", language=language)
            assert done.returncode == 0, done.stderr
    return Site(root / "site", executed=False)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Site:
    return _edition("en", tmp_path_factory.getbasetemp(), worker_id)


@pytest.fixture(scope="session")
def korean(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Site:
    return _edition("ko", tmp_path_factory.getbasetemp(), worker_id)
