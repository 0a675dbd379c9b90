"""Fashion-MNIST as tensors whose every byte was checked, and a drawn stand-in without it.

The data is looked for in ``root`` or, where that is left out, in the folder that the environment
variable ``CNNBOOK_DATA`` names; then in the user's cache folder; then it is downloaded. Whatever
the place, the bytes are compared with the published data before they are used. Nothing is looked
for and nothing is downloaded when this module is imported.
"""

import gzip
import hashlib
import http.client
import logging
import mmap
import os
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from cnnbook.arguments import check_device, check_images, true_or_false, whole_number
from cnnbook.garments import GARMENT_NAMES, draw_garments

__all__ = ["ImageSet", "cache_folder", "draw_garments", "load_fashion_mnist", "shuffle_pixels"]

_log = logging.getLogger(__name__)

_COUNTS = {"train": 60_000, "test": 10_000}
_SIZE = 28
# Seconds without a byte before a server counts as silent.
_PATIENCE = 30.0


@dataclass(frozen=True)
class _File:
    """One of the four files: its name, what it holds and the digests of the published bytes."""

    name: str
    part: Literal["train", "test"]
    header: int
    bytes_each: int
    sha256: str


# The MD5 of each archive comes from torchvision; these are of the files inside, which torchvision
# does not check. They were computed from archives whose MD5 is the published one.
_FILES = (
    _File(
        "train-images-idx3-ubyte",
        "train",
        16,
        _SIZE * _SIZE,
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    _File(
        "train-labels-idx1-ubyte",
        "train",
        8,
        1,
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    _File(
        "t10k-images-idx3-ubyte",
        "test",
        16,
        _SIZE * _SIZE,
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    _File(
        "t10k-labels-idx1-ubyte",
        "test",
        8,
        1,
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images and labels to train on, others to test with, and where they came from.

    Attributes:
        train_images: Shape ``(n, 1, 28, 28)``, float32 from 0 (black) to 1 (white).
        train_labels: Shape ``(n, 10)``, one-hot float32, or ``(n,)``, int64 from 0 to 9.
        test_images: Like ``train_images``, none of them among those.
        test_labels: Like ``train_labels``.
        class_names: What the ten labels stand for.
        source: Where the images came from, in words.
        drawn: Whether they are the drawn stand-in rather than Fashion-MNIST.

    Examples:
        >>> import torch
        >>> from cnnbook.images import ImageSet
        >>> image, label = torch.zeros(2, 1, 28, 28), torch.tensor([0, 9])
        >>> print(ImageSet(image, label, image[:1], label[:1], ("a", "b"), "made by hand", True))
        training: 2 images (2, 1, 28, 28), labels (2,)
        test: 1 images (1, 1, 28, 28), labels (1,)
        from: made by hand
    """

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    class_names: tuple[str, ...]
    source: str
    drawn: bool

    def __str__(self) -> str:
        """Return counts and shapes of both parts and the source, a line each."""
        parts = (
            ("training", self.train_images, self.train_labels),
            ("test", self.test_images, self.test_labels),
        )
        lines = [
            f"{name}: {len(images)} images {tuple(images.shape)}, labels {tuple(labels.shape)}"
            for name, images, labels in parts
        ]
        return "\n".join([*lines, f"from: {self.source}"])

    # A dataclass would print every pixel.
    __repr__ = __str__


def cache_folder() -> Path:
    """Return the folder where a download is kept, whether it exists or not.

    Returns:
        ``$XDG_CACHE_HOME/cnnbook``, or ``~/.cache/cnnbook`` where that is not set.

    Examples:
        >>> from cnnbook.images import cache_folder
        >>> cache_folder().name
        'cnnbook'

    Source:
        The XDG Base Directory Specification; torch keeps its own downloads by the same rule.
    """
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "cnnbook"


class _Unusable(Exception):
    """A file that is missing (``damaged`` False) or not what was published (True)."""

    def __init__(self, reason: str, *, damaged: bool) -> None:
        super().__init__(reason)
        self.damaged = damaged


def _archive_md5() -> dict[str, str]:
    # Not at the top: torchvision costs more time to import than the rest of the package.
    from torchvision.datasets import FashionMNIST

    return dict(FashionMNIST.resources)


def _mirrors() -> list[str]:
    from torchvision.datasets import FashionMNIST

    chosen = os.environ.get("CNNBOOK_MIRROR")
    return [f"{url.rstrip('/')}/" for url in ([chosen] if chosen else FashionMNIST.mirrors)]


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """Give a temporary file beside ``target`` that takes its place only if all went well."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", suffix=".part", dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _unpack(archive: Path, file: _File) -> bytes:
    """Return the bytes in an archive whose MD5 is the published one."""
    expected = _archive_md5()[archive.name]
    packed = archive.read_bytes()
    got = hashlib.md5(packed, usedforsecurity=False).hexdigest()
    if got != expected:
        raise _Unusable(
            f"{archive}: expected the published archive with MD5 {expected}, got {got} "
            f"({len(packed)} bytes): an unfinished or altered copy",
            damaged=True,
        )
    try:
        content = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise _Unusable(f"{archive}: cannot be unpacked ({error})", damaged=True) from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise _Unusable(f"{archive}: unpacks to other data than was published", damaged=True)
    return content


# Extracted files whose digest this process has seen to be right, by path, size, time and inode.
_verified: set[tuple[str, int, int, int]] = set()


def _read_extracted(extracted: Path, file: _File, count: int) -> bytes:
    """Return the first ``count`` entries of an extracted file, if it is the published one."""
    with extracted.open("rb") as source:
        state = os.fstat(source.fileno())
        expected = file.header + _COUNTS[file.part] * file.bytes_each
        if state.st_size != expected:
            raise _Unusable(
                f"{extracted}: expected {expected} bytes, got {state.st_size}", damaged=True
            )
        stamp = (str(extracted.resolve()), state.st_size, state.st_mtime_ns, state.st_ino)
        # Mapped, not read: the digest needs every byte once, the caller only the first ones.
        with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if stamp not in _verified:
                got = hashlib.sha256(content).hexdigest()
                if got != file.sha256:
                    raise _Unusable(
                        f"{extracted}: expected the published data with SHA-256 {file.sha256}, "
                        f"got {got}",
                        damaged=True,
                    )
                _verified.add(stamp)
            return content[file.header : file.header + count * file.bytes_each]


def _read(raw: Path, file: _File, count: int) -> bytes:
    """Return a file's first entries, from its extracted form or from its archive."""
    extracted, archive = raw / file.name, raw / f"{file.name}.gz"
    reasons = []
    if extracted.is_file():
        try:
            return _read_extracted(extracted, file, count)
        except _Unusable as error:
            reasons.append(str(error))
    if archive.is_file():
        try:
            content = _unpack(archive, file)
        except _Unusable as error:
            reasons.append(str(error))
        else:
            if reasons:
                _log.warning("%s; mended from %s", reasons[0], archive.name)
            try:
                with _replacing(extracted) as part:
                    part.write_bytes(content)
            except OSError as error:
                # A read-only or full disk costs the next load a third of a second, nothing else.
                _log.info("%s was not kept: %s", extracted, error)
            return content[file.header : file.header + count * file.bytes_each]
    if reasons:
        raise _Unusable("; ".join(reasons), damaged=True)
    raise _Unusable(f"{archive}: not there", damaged=False)


def _fetch(archive: Path) -> None:
    """Download one archive, whole or not at all."""
    from tqdm.auto import tqdm

    expected = _archive_md5()[archive.name]
    failures = []
    for mirror in _mirrors():
        url = mirror + archive.name
        digest = hashlib.md5(usedforsecurity=False)
        started = time.monotonic()
        try:
            with (
                _replacing(archive) as part,
                part.open("wb") as sink,
                urllib.request.urlopen(url, timeout=_PATIENCE) as reply,
                tqdm(
                    desc=archive.name,
                    total=int(reply.headers.get("Content-Length") or 0) or None,
                    unit="B",
                    unit_scale=True,
                    disable=None,
                ) as bar,
            ):
                while chunk := reply.read(1 << 16):
                    sink.write(chunk)
                    digest.update(chunk)
                    bar.update(len(chunk))
                size = sink.tell()
                if digest.hexdigest() != expected:
                    raise OSError(
                        f"expected MD5 {expected}, got {digest.hexdigest()} ({size} bytes)"
                    )
                sink.flush()
                os.fsync(sink.fileno())
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append(f"{url}: {error or type(error).__name__}")
            continue
        _log.info("downloaded %s in %.1f s", url, time.monotonic() - started)
        return
    raise _Unusable(
        f"{archive.name} could not be downloaded ({'; '.join(failures)})", damaged=False
    )


def _explicit_root(root: str | os.PathLike[str] | None) -> tuple[Path, str] | None:
    """Return the folder that the caller or the environment names, and who named it."""
    if root is not None:
        if not isinstance(root, (str, os.PathLike)):
            raise TypeError(f"root: expected a folder's path, got {root!r}")
        folder, name = Path(root).expanduser(), "root"
    elif value := os.environ.get("CNNBOOK_DATA"):
        folder, name = Path(value).expanduser(), "CNNBOOK_DATA"
    else:
        return None
    if not folder.is_dir():
        what = "a file" if folder.exists() else "nothing there"
        raise FileNotFoundError(
            f"{name}: expected the folder that holds FashionMNIST/raw/*.gz, got {str(folder)!r} "
            f"({what}); create the folder to have the data downloaded into it, or leave "
            f"{name} out to use {cache_folder()}"
        )
    return folder, name


def _find(
    explicit: tuple[Path, str] | None, counts: dict[str, int], *, download: bool
) -> tuple[list[bytes], str]:
    """Return the four files' first entries and where they came from, or raise what was wrong."""
    places = [] if explicit is None else [explicit]
    places.append((cache_folder(), "the cache folder"))
    problems: list[_Unusable] = []
    for folder, name in places:
        raw = folder / "FashionMNIST" / "raw"
        try:
            contents = [_read(raw, file, counts[file.part]) for file in _FILES]
        except _Unusable as error:
            if error.damaged:
                _log.warning("%s", error)
            problems.append(error)
        except OSError as error:
            problems.append(_Unusable(f"{raw}: cannot be read ({error})", damaged=True))
        else:
            return contents, name
    folder, name = places[0]
    raw = folder / "FashionMNIST" / "raw"
    if download:
        try:
            raw.mkdir(parents=True, exist_ok=True)
            contents = []
            for file in _FILES:
                try:
                    contents.append(_read(raw, file, counts[file.part]))
                except _Unusable:
                    _fetch(raw / f"{file.name}.gz")
                    contents.append(_read(raw, file, counts[file.part]))
        except _Unusable as error:
            problems.append(error)
        except OSError as error:
            problems.append(_Unusable(f"{raw}: cannot be written ({error})", damaged=False))
        else:
            return contents, f"the publisher, by download into {name}"
    damaged = [str(problem) for problem in problems if problem.damaged]
    others = [str(problem) for problem in problems if not problem.damaged]
    hint = ""
    if explicit is not None and list(folder.glob("*-ubyte*")) + list(folder.glob("raw/*-ubyte*")):
        hint = f"; {name} should name the folder that holds FashionMNIST/raw, not one inside it"
    remedy = (
        f"put the four .gz files into {raw}, or set CNNBOOK_DATA to a folder that has them in "
        f"FashionMNIST/raw, or pass fallback='drawn' to go on with drawn garments{hint}"
    )
    reason = "; ".join(dict.fromkeys(damaged + others))
    if damaged or download:
        raise RuntimeError(f"Fashion-MNIST cannot be had: {reason}; {remedy}")
    raise FileNotFoundError(f"Fashion-MNIST is not there and download=False: {reason}; {remedy}")


def _tensor(content: bytes, file: _File) -> torch.Tensor:
    stored = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    if file.bytes_each == 1:
        return stored.to(torch.int64)
    # Divided, not multiplied by 1/255: torchvision's ToTensor divides, and the last bit differs.
    return stored.reshape(-1, 1, _SIZE, _SIZE).to(torch.float32).div_(255)


def load_fashion_mnist(
    n_train: int = 5000,
    n_test: int = 1000,
    *,
    root: str | os.PathLike[str] | None = None,
    download: bool = True,
    fallback: Literal["error", "drawn"] = "error",
    one_hot: bool = True,
    device: torch.device | str | None = None,
) -> ImageSet:
    """Load the first images of Fashion-MNIST as tensors.

    The tensors are, bit for bit, those of ``torchvision.datasets.FashionMNIST`` put through
    ``ToTensor`` image by image, without the minute that takes for all of them. The files may lie
    as torchvision leaves them, as archives or extracted. Every byte is compared with the published
    data on every load: a damaged file is mended from its archive or downloaded anew, and never
    used as it is.

    Args:
        n_train: How many training images, from 1 to 60,000; the first of the published order.
        n_test: How many test images, from 1 to 10,000.
        root: The folder that holds ``FashionMNIST/raw``; the environment variable
            ``CNNBOOK_DATA`` where it is left out.
        download: Whether to download what is found neither there nor in the cache folder, from
            the address that torchvision knows or from ``CNNBOOK_MIRROR``; 31 MB.
        fallback: What to do where the data cannot be had: ``"error"`` raises, ``"drawn"`` draws
            garments in its place and says so in ``source``.
        one_hot: Whether labels are ``(n, 10)`` float32 rather than ``(n,)`` int64.
        device: Where the tensors are put; the CPU where it is left out.

    Returns:
        Training and test images with labels, class names and source.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: ``n_train`` or ``n_test`` is out of range, or ``fallback`` is unknown.
        FileNotFoundError: ``root`` is no folder, or the data is not there and must not be
            downloaded.
        RuntimeError: The data is damaged or cannot be downloaded, or ``device`` is not there.

    Examples:
        >>> from cnnbook.images import load_fashion_mnist
        >>> data = load_fashion_mnist(20, 10, download=False, fallback="drawn")
        >>> data.train_images.shape, data.test_labels.shape
        (torch.Size([20, 1, 28, 28]), torch.Size([10, 10]))
        >>> data.class_names[9]
        'Ankle boot'
        >>> load_fashion_mnist(60_001)
        Traceback (most recent call last):
            ...
        ValueError: n_train: expected 1 to 60000, got 60001

    Source:
        Xiao, Rasul and Vollgraf (2017), Fashion-MNIST: a novel image dataset for benchmarking
        machine learning algorithms.
    """
    counts = {"train": n_train, "test": n_test}
    for part, count in counts.items():
        counts[part] = whole_number(count, name=f"n_{part}", least=1)
        if count > _COUNTS[part]:
            raise ValueError(f"n_{part}: expected 1 to {_COUNTS[part]}, got {count}")
    true_or_false(download, name="download")
    true_or_false(one_hot, name="one_hot")
    if not isinstance(fallback, str) or fallback not in ("error", "drawn"):
        raise ValueError(f"fallback: expected 'error' or 'drawn', got {fallback!r}")
    target = torch.device("cpu") if device is None else check_device(device)
    tensors: tuple[torch.Tensor, ...]
    # A folder that somebody named and that is not there is a mistake to be told, whatever the
    # fallback; so this stands outside the try.
    explicit = _explicit_root(root)
    try:
        contents, place = _find(explicit, counts, download=download)
    except (FileNotFoundError, RuntimeError) as error:
        if fallback == "error":
            raise
        # Whoever forbade the download expects drawings where there is no copy.
        expected = not download and isinstance(error, FileNotFoundError)
        _log.log(logging.INFO if expected else logging.WARNING, "%s", error)
        tensors, drawn = _draw(n_train, n_test), True
        source = "drawn garments, since Fashion-MNIST could not be had"
    else:
        tensors = tuple(
            _tensor(content, file) for content, file in zip(contents, _FILES, strict=True)
        )
        source, drawn = f"Fashion-MNIST, from {place}", False
    train_images, train_labels, test_images, test_labels = tensors
    _log.info("images from %s", source, extra={"source": source, "drawn": drawn})
    if one_hot:
        train_labels, test_labels = (
            torch.nn.functional.one_hot(labels, len(GARMENT_NAMES)).to(torch.float32)
            for labels in (train_labels, test_labels)
        )
    return ImageSet(
        train_images=train_images.to(target),
        train_labels=train_labels.to(target),
        test_images=test_images.to(target),
        test_labels=test_labels.to(target),
        class_names=GARMENT_NAMES,
        source=source,
        drawn=drawn,
    )


def _draw(n_train: int, n_test: int) -> tuple[torch.Tensor, ...]:
    """Draw both sets, each from a seed of its own, so that neither depends on the other's size."""
    train = draw_garments(n_train, generator=torch.Generator().manual_seed(0))
    test = draw_garments(n_test, generator=torch.Generator().manual_seed(1))
    return (*train, *test)


def shuffle_pixels(images: torch.Tensor, *, seed: int = 0) -> torch.Tensor:
    """Put the pixels of every image into one random order, the same for all of them.

    No information is lost: the order can be undone. An MLP does not care, since it sees every
    pixel through a weight of its own and never knew which are neighbours. A CNN does: its kernels
    look at neighbours, and after the shuffle neighbours have nothing to do with each other. What
    it loses is what it owed to the order of the pixels.

    Args:
        images: Images ``(n, c, h, w)`` of any dtype.
        seed: Chooses the order, from 0 to 2147483647. It depends on ``seed`` and the number of
            rows and columns alone, so that training and test images, shuffled apart, fit together;
            torch's own random numbers are neither used nor moved on.

    Returns:
        New images of the same shape, dtype, device and memory format. All channels of a pixel go
        to the same place.

    Raises:
        TypeError: ``images`` is not a dense tensor, or ``seed`` not a whole number.
        ValueError: ``images`` does not have four axes, or ``seed`` is out of range.

    Examples:
        >>> import torch
        >>> from cnnbook.images import shuffle_pixels
        >>> image = torch.arange(4).reshape(1, 1, 2, 2)
        >>> shuffled = shuffle_pixels(image)
        >>> sorted(shuffled.flatten().tolist())
        [0, 1, 2, 3]

        Shuffled numbers of the pixels tell where each comes from, and so the way back.

        >>> photo = torch.tensor([[[[5.0, 6.0], [7.0, 8.0]]]])
        >>> back = shuffled.flatten().argsort()
        >>> shuffle_pixels(photo).flatten()[back].tolist()
        [5.0, 6.0, 7.0, 8.0]

        A single pixel stays where it is.

        >>> shuffle_pixels(torch.ones(2, 1, 1, 1)).flatten().tolist()
        [1.0, 1.0]
        >>> shuffle_pixels(image, seed=-1)
        Traceback (most recent call last):
            ...
        ValueError: seed: expected at least 0, got -1

    Source:
        Zhang, Bengio, Hardt, Recht and Vinyals (2017), Understanding deep learning requires
        rethinking generalization, section 2 ("shuffled pixels").
    """
    check_images(images)
    if images.layout != torch.strided:
        raise TypeError(f"images: expected a dense tensor, got {images.layout}")
    seed = whole_number(seed, name="seed", least=0)
    # Drawn on the CPU, so that the order is the same on every device.
    order = torch.randperm(
        images.shape[2] * images.shape[3], generator=torch.Generator().manual_seed(seed)
    )
    shuffled = torch.empty_like(images)
    shuffled.copy_(images.flatten(2)[:, :, order.to(images.device)].reshape(images.shape))
    return shuffled
