"""The loader: the right tensors from every folder, in the documented order; and the command.

The real 31 MB are used where CNNBOOK_DATA names them. Everything else runs on a published set of
a few images: four small files with their own SHA-256.
"""

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from small_data import ARCHIVES, CONTENT, IMAGES, LABELS, Mirror, assert_right, lay, snapshot
from torchvision.datasets import FashionMNIST
from torchvision.transforms import ToTensor

from cnnbook._data.cache import raw_folder
from cnnbook._data.registry import FILES, MIRRORS
from cnnbook.images import cache_folder, load_fashion_mnist, main

# Read at import: the fixture that isolates the tests unsets it.
REAL = os.environ.get("CNNBOOK_DATA")
needs_real = pytest.mark.skipif(not REAL, reason="CNNBOOK_DATA does not name Fashion-MNIST")


def test_the_first_mirror_is_torchvisions() -> None:
    assert FashionMNIST.mirrors == [MIRRORS[0]]
    assert [name for name, _ in FashionMNIST.resources] == [file.archive_name for file in FILES]


@needs_real
def test_the_registry_is_torchvisions() -> None:
    """Torchvision gives MD5 only; an archive with that MD5 must have our SHA-256."""
    published = dict(FashionMNIST.resources)
    for file in FILES:
        archive = raw_folder(Path(str(REAL))) / file.archive_name
        content = archive.read_bytes()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == published[archive.name]
        assert hashlib.sha256(content).hexdigest() == file.archive_sha256
        assert len(content) == file.archive_size


@needs_real
def test_bit_for_bit_the_lectures_tensors(tmp_path: Path) -> None:
    assert REAL is not None
    shutil.copytree(Path(REAL) / "FashionMNIST", tmp_path / "FashionMNIST")
    data = load_fashion_mnist(5000, 1000, root=tmp_path)
    for train, images, labels in (
        (True, data.train_images, data.train_labels),
        (False, data.test_images, data.test_labels),
    ):
        whole = FashionMNIST(tmp_path, train=train)
        published = [whole[index] for index in range(len(images))]
        assert torch.equal(torch.stack([ToTensor()(image) for image, _ in published]), images)
        numbers = torch.tensor([label for _, label in published])
        assert torch.equal(torch.nn.functional.one_hot(numbers).float(), labels)
    assert data.class_names == tuple(FashionMNIST.classes)
    assert data.source == "Fashion-MNIST, from root"
    full = load_fashion_mnist(60_000, 10_000, root=tmp_path, one_hot=False)
    assert full.train_images.shape == (60_000, 1, 28, 28)
    assert torch.equal(full.train_images[:5000], data.train_images)
    assert torch.bincount(full.train_labels).tolist() == [6000] * 10
    assert torch.bincount(full.test_labels).tolist() == [1000] * 10


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("extracted", [False, True])
@pytest.mark.parametrize("one_hot", [False, True])
def test_root_with_archives_or_extracted_files(
    tmp_path: Path, extracted: bool, one_hot: bool
) -> None:
    lay(tmp_path / "with spaces 한글", extracted=extracted)
    data = load_fashion_mnist(10, 7, root=tmp_path / "with spaces 한글", one_hot=one_hot)
    assert_right(data)
    assert data.train_labels.shape == ((10, 10) if one_hot else (10,))
    assert data.train_labels.dtype == (torch.float32 if one_hot else torch.int64)
    assert data.test_images.shape == (7, 1, 28, 28)


@pytest.mark.usefixtures("small")
def test_archives_are_extracted_once_as_torchvision_does(tmp_path: Path) -> None:
    raw = lay(tmp_path)
    load_fashion_mnist(3, 3, root=tmp_path)
    assert snapshot(raw) == ARCHIVES | CONTENT
    for name in ARCHIVES:
        (raw / name).unlink()
    assert_right(load_fashion_mnist(3, 3, root=tmp_path))


@pytest.mark.usefixtures("small")
def test_the_order_of_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lay(cache_folder())
    lay(tmp_path / "environment")
    lay(tmp_path / "root")
    caplog.set_level(logging.INFO, "cnnbook.images")
    monkeypatch.setenv("CNNBOOK_DATA", str(tmp_path / "environment"))
    assert load_fashion_mnist(3, 3, root=tmp_path / "root").source == "Fashion-MNIST, from root"
    assert load_fashion_mnist(3, 3).source == "Fashion-MNIST, from CNNBOOK_DATA"
    monkeypatch.setenv("CNNBOOK_DATA", "")
    assert load_fashion_mnist(3, 3).source == "Fashion-MNIST, from the cache folder"
    # An empty folder is skipped.
    (tmp_path / "empty").mkdir()
    data = load_fashion_mnist(3, 3, root=tmp_path / "empty")
    assert data.source == "Fashion-MNIST, from the cache folder"
    logged = [record.__dict__["source"] for record in caplog.records if "source" in record.__dict__]
    assert len(logged) == 4
    assert logged[-1] == data.source


@pytest.mark.usefixtures("small")
def test_download_into_the_cache_and_only_once(mirror: Mirror) -> None:
    data = load_fashion_mnist(5, 5)
    assert_right(data)
    assert data.source == "Fashion-MNIST, from the publisher, by download into the cache folder"
    assert sorted(mirror.asked) == sorted(f"/one/{name}" for name in ARCHIVES)
    assert_right(load_fashion_mnist(5, 5))
    assert len(mirror.asked) == 4
    assert snapshot(cache_folder() / "FashionMNIST" / "raw") == ARCHIVES | CONTENT


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("403", "HTTP error 403"),
        ("html", "got 55, the first b'<html>"),
        ("stall", "timed out"),
        ("404", "HTTP error 404"),
    ],
)
def test_a_failed_download_leaves_nothing_and_the_next_one_works(
    mirror: Mirror, fault: str, message: str
) -> None:
    mirror.always["one"] = fault
    if fault == "404":
        mirror.files.clear()
    started = time.monotonic()
    with pytest.raises(RuntimeError, match=r"^Fashion-MNIST is unavailable: ") as caught:
        load_fashion_mnist(5, 5)
    assert time.monotonic() - started < 4
    message = str(caught.value)
    assert message in message
    assert mirror.url in message
    assert "set CNNBOOK_DATA" in message
    raw = cache_folder() / "FashionMNIST" / "raw"
    assert list(raw.iterdir()) == []
    drawn = load_fashion_mnist(5, 5, fallback="drawn")
    assert drawn.drawn
    mirror.always, mirror.files = {}, dict(ARCHIVES)
    assert_right(load_fashion_mnist(5, 5, fallback="drawn"))


@pytest.mark.loopback
@pytest.mark.usefixtures("small")
def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNBOOK_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(RuntimeError, match="could not be downloaded"):
        load_fashion_mnist(5, 5)
    data = load_fashion_mnist(5, 5, fallback="drawn")
    assert data.drawn
    assert data.source == "drawn garments, since Fashion-MNIST is unavailable"


@pytest.mark.usefixtures("small")
def test_a_damaged_extracted_file_is_repaired_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    raw = lay(tmp_path)
    (raw / LABELS).write_bytes(b"half")
    assert_right(load_fashion_mnist(5, 5, root=tmp_path, download=False))
    assert "got 4 bytes (it starts b'half')" in caplog.text
    assert f"extracted again from {LABELS}.gz" in caplog.text
    assert (raw / LABELS).read_bytes() == CONTENT[LABELS]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("keep", [0, -1])
def test_half_a_download_is_refused_and_kept_until_there_is_a_better_one(
    tmp_path: Path, mirror: Mirror, keep: int
) -> None:
    raw = lay(tmp_path)
    archive = raw / f"{IMAGES}.gz"
    archive.write_bytes(ARCHIVES[archive.name][:keep])
    before = snapshot(raw)
    mirror.always["one"] = "403"
    with pytest.raises(RuntimeError, match="an incomplete or altered copy"):
        load_fashion_mnist(5, 5, root=tmp_path)
    with pytest.raises(RuntimeError, match="an incomplete or altered copy"):
        load_fashion_mnist(5, 5, root=tmp_path, download=False)
    after = snapshot(raw)
    assert {name: after[name] for name in before} == before
    mirror.always.clear()
    assert_right(load_fashion_mnist(5, 5, root=tmp_path))
    assert set(mirror.asked) == {f"/one/{archive.name}"}
    assert archive.read_bytes() == ARCHIVES[archive.name]


@pytest.mark.usefixtures("small")
def test_a_root_that_is_not_there_is_a_mistake_whatever_the_fallback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    for wrong in (tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(FileNotFoundError, match=r"^root: expected the folder that holds"):
            load_fashion_mnist(5, 5, root=wrong, fallback="drawn")
    monkeypatch.setenv("CNNBOOK_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"^CNNBOOK_DATA: expected the folder"):
        load_fashion_mnist(5, 5, fallback="drawn")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("inside", ["FashionMNIST", "FashionMNIST/raw"])
def test_a_root_one_folder_too_deep_gets_a_hint(tmp_path: Path, inside: str) -> None:
    lay(tmp_path)
    with pytest.raises(FileNotFoundError, match="root should name the folder that holds"):
        load_fashion_mnist(5, 5, root=tmp_path / inside, download=False)


@pytest.mark.usefixtures("small")
def test_nothing_there_and_no_download() -> None:
    with pytest.raises(FileNotFoundError, match="is not there and download=False") as caught:
        load_fashion_mnist(5, 5, download=False)
    assert "fallback='drawn'" in str(caught.value)
    assert not cache_folder().exists()


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"n_train": 0}, ValueError, "^n_train: expected at least 1, got 0"),
        ({"n_train": -1}, ValueError, "^n_train: expected at least 1, got -1"),
        ({"n_train": 60_001}, ValueError, "^n_train: expected 1 to 60000, got 60001"),
        ({"n_test": 10_001}, ValueError, "^n_test: expected 1 to 10000, got 10001"),
        ({"n_test": 0}, ValueError, "^n_test: expected at least 1, got 0"),
        ({"n_train": 5.0}, TypeError, "^n_train: expected a whole number"),
        ({"n_train": None}, TypeError, "^n_train: expected a whole number"),
        ({"n_test": True}, TypeError, "^n_test: expected a whole number"),
        ({"root": 5}, TypeError, "^root: expected a folder's path, got 5"),
        ({"fallback": "draw"}, ValueError, "^fallback: expected 'error' or 'drawn', got 'draw'"),
        ({"device": "gpu"}, ValueError, "^device: expected a name such as"),
        ({"device": "cuda:99"}, RuntimeError, "^device: expected one that this machine has"),
    ],
)
def test_every_mistake_is_named(
    changed: dict[str, Any], kind: type[Exception], message: str
) -> None:
    arguments: dict[str, Any] = {"download": False, "fallback": "drawn"}
    with pytest.raises(kind, match=message):
        load_fashion_mnist(**(arguments | changed))


def test_the_stand_in_is_the_same_each_time_and_says_what_it_is() -> None:
    first, second = (load_fashion_mnist(20, 10, download=False, fallback="drawn") for _ in range(2))
    assert first.drawn
    assert torch.equal(first.train_images, second.train_images)
    assert torch.equal(first.test_labels, second.test_labels)
    assert "drawn garments" in str(first)
    # The test set does not depend on how many are trained on.
    other = load_fashion_mnist(5, 10, download=False, fallback="drawn")
    assert torch.equal(first.test_images, other.test_images)


def test_importing_opens_no_connection_and_loads_no_torchvision() -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise SystemExit('a socket was opened')\n"
        "socket.socket.connect = refuse\n"
        "import cnnbook.images, cnnbook.training, cnnbook.metrics, cnnbook.convolution\n"
        # Not tqdm: torch brings it along itself.
        "heavy = {'torchvision', 'matplotlib', 'filelock', 'pooch', 'requests'}\n"
        "loaded = heavy & set(sys.modules)\n"
        "raise SystemExit(f'loaded {loaded}' if loaded else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("small")
def test_the_command_tells_verifies_and_removes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--root", str(tmp_path)]
    assert main(root) == 1
    assert "incomplete" in capsys.readouterr().out
    raw = lay(tmp_path)
    assert main(root) == main([*root, "--verify"]) == 0
    assert capsys.readouterr().out.count("verified") == 8
    # A damaged file beside a good archive: a load repairs it, --verify reports it.
    (raw / LABELS).write_bytes(b"")
    (raw / "mine.txt").write_text("", "utf-8")
    before = snapshot(raw)
    assert main(root) == 0
    assert main([*root, "--verify"]) == 1
    assert snapshot(raw) == before
    assert "got 0 bytes" in capsys.readouterr().out
    assert main([*root, "--download"]) == main([*root, "--verify"]) == 0
    # Other files are not removed, and so the folder stays.
    assert main([*root, "--remove"]) == 0
    assert snapshot(raw) == {"mine.txt": b""}
    (raw / "mine.txt").unlink()
    assert main([*root, "--remove"]) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small")
def test_the_command_downloads_into_the_folder_that_is_named(
    tmp_path: Path, mirror: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    # Even if the cache folder has everything.
    lay(cache_folder())
    assert main(["--root", str(tmp_path), "--download"]) == 0
    assert snapshot(raw_folder(tmp_path)) == ARCHIVES | CONTENT
    assert len(mirror.asked) == 4
    capsys.readouterr()
    mirror.always["one"] = "404"
    (tmp_path / "empty").mkdir()
    assert main(["--root", str(tmp_path / "empty"), "--download"]) == 1
    message = capsys.readouterr().err
    assert "HTTP error 404" in message
    assert "put the four .gz files into" in message


@pytest.mark.usefixtures("small")
def test_the_command_never_removes_what_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs, ours = lay(tmp_path), lay(cache_folder())
    monkeypatch.setenv("CNNBOOK_DATA", str(tmp_path))
    assert main([]) == 0
    message = capsys.readouterr().out
    assert str(theirs) in message
    assert str(ours) in message
    assert main(["--remove"]) == 0
    assert snapshot(theirs) == ARCHIVES
    assert not ours.exists()


def test_the_command_misused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(tmp_path / "nowhere")]) == 2
    assert "expected the folder that holds FashionMNIST/raw" in capsys.readouterr().err
    for wrong in (["--verify", "--remove"], ["--frobnicate"]):
        with pytest.raises(SystemExit) as caught:
            main(wrong)
        assert caught.value.code == 2
