"""Fashion-MNIST as tensors whose every byte was checked, and a drawn stand-in without it.

The data is looked for in ``root`` or, where that is left out, in the folder that the environment
variable ``CNNBOOK_DATA`` names; then in the user's cache folder; then it is downloaded. Whatever
the place, the bytes are compared with the published data before they are used. Nothing is looked
for and nothing is downloaded when this module is imported.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from cnnbook._checks import check_bool, check_images, check_int
from cnnbook._devices import check_device
from cnnbook.garments import GARMENT_NAMES, draw_garments
from cnnbook.published_files import (
    FILES,
    UnusableError,
    download_files,
    look_at,
    raw_folder,
    read_files,
    remove_files,
)

__all__ = [
    "ImageSet",
    "cache_folder",
    "draw_garments",
    "load_fashion_mnist",
    "main",
    "shuffle_pixels",
]

# By name: run as a command, this module's own is __main__.
_log = logging.getLogger("cnnbook.images")


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

    Raises:
        RuntimeError: Neither is known, as in a container whose user has no home.

    Examples:
        >>> from cnnbook.images import cache_folder
        >>> cache_folder().name
        'cnnbook'

    Source:
        The XDG Base Directory Specification; torch keeps its own downloads by the same rule.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The specification asks to ignore a relative path: it would be another folder each time.
    if os.path.isabs(base):
        return Path(base) / "cnnbook"
    try:
        return Path.home() / ".cache" / "cnnbook"
    except RuntimeError:
        raise RuntimeError(
            "the cache folder: expected a home folder for this user, got none; set "
            "XDG_CACHE_HOME to a folder that can be written to, or CNNBOOK_DATA to the data"
        ) from None


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
    try:
        what = "a folder" if folder.is_dir() else "a file" if folder.exists() else "nothing there"
    except OSError as error:
        # Somewhere above it is a folder that this user may not enter.
        what = error.strerror or str(error)
    if what != "a folder":
        raise FileNotFoundError(
            f"{name}: expected the folder that holds FashionMNIST/raw/*.gz, got {str(folder)!r} "
            f"({what}); create the folder to have the data downloaded into it, or leave "
            f"{name} out to use the cache folder"
        )
    return folder, name


def _places(explicit: tuple[Path, str] | None) -> list[tuple[Path, str]]:
    """Return the folders to look in, in order, and what to call them."""
    places = [] if explicit is None else [explicit]
    try:
        places.append((cache_folder(), "the cache folder"))
    except RuntimeError:
        # Whoever has no home can still name a folder.
        if not places:
            raise
    return places


def _find(
    explicit: tuple[Path, str] | None, counts: dict[str, int], *, download: bool
) -> tuple[list[torch.Tensor], str]:
    """Return the four files' first entries and where they came from, or raise what was wrong."""
    places = _places(explicit)
    problems: list[UnusableError] = []
    for folder, name in places:
        try:
            return read_files(raw_folder(folder), counts), name
        except UnusableError as error:
            if error.damaged:
                _log.warning("%s", error)
            problems.append(error)
    folder, name = places[0]
    raw = raw_folder(folder)
    if download:
        try:
            return download_files(raw, counts), f"the publisher, by download into {name}"
        except UnusableError as error:
            problems.append(error)
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


def _tensor(stored: torch.Tensor) -> torch.Tensor:
    if stored.ndim == 1:
        return stored.to(torch.int64)
    # Divided, not multiplied by 1/255: torchvision's ToTensor divides, and the last bit differs.
    return stored[:, None].to(torch.float32).div_(255)


def _published_count(part: str) -> int:
    return next(file.shape[0] for file in FILES if file.part == part)


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
            the publisher's addresses or from those in ``CNNBOOK_MIRROR``, separated by spaces;
            31 MB.
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
        counts[part] = check_int(count, name=f"n_{part}", minimum=1)
        maximum = _published_count(part)
        if count > maximum:
            raise ValueError(f"n_{part}: expected 1 to {maximum}, got {count}")
    check_bool(download, name="download")
    check_bool(one_hot, name="one_hot")
    if not isinstance(fallback, str) or fallback not in ("error", "drawn"):
        raise ValueError(f"fallback: expected 'error' or 'drawn', got {fallback!r}")
    target = torch.device("cpu") if device is None else check_device(device)
    tensors: tuple[torch.Tensor, ...]
    # A folder that somebody named and that is not there is a mistake to be told, whatever the
    # fallback; so this stands outside the try.
    explicit = _explicit_root(root)
    try:
        stored, position = _find(explicit, counts, download=download)
    except (FileNotFoundError, RuntimeError) as error:
        if fallback == "error":
            raise
        # Whoever forbade the download expects drawings where there is no copy.
        expected = not download and isinstance(error, FileNotFoundError)
        _log.log(logging.INFO if expected else logging.WARNING, "%s", error)
        tensors, drawn = _draw(n_train, n_test), True
        source = "drawn garments, since Fashion-MNIST could not be had"
    else:
        tensors = tuple(_tensor(one) for one in stored)
        source, drawn = f"Fashion-MNIST, from {position}", False
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
    seed = check_int(seed, name="seed", minimum=0)
    # Drawn on the CPU, so that the order is the same on every device.
    order = torch.randperm(
        images.shape[2] * images.shape[3], generator=torch.Generator().manual_seed(seed)
    )
    shuffled = torch.empty_like(images)
    shuffled.copy_(images.flatten(2)[:, :, order.to(images.device)].reshape(images.shape))
    return shuffled


def _tell(raw: Path) -> tuple[bool, bool]:
    """Print what a folder holds; return whether a load can do with it, and whether all is right."""
    print(raw)
    states = look_at(raw)
    for state in states:
        size = "" if state.size is None else f"{state.size} bytes"
        print(f"  {state.path.name:26} {size:>14}  {state.problem or 'verified'}")
    # Extracted or packed, one of each two is enough.
    pairs = zip(states[::2], states[1::2], strict=True)
    complete = all(one.published or other.published for one, other in pairs)
    return complete, not any(state.published is False for state in states)


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell what there is of Fashion-MNIST, get it, verify it or remove it.

    This is ``python -m cnnbook.images``. Without an option it prints every folder that a load
    looks in, and of each file whether it is there and as published. Only ``--download`` opens a
    connection.

    Args:
        arguments: What stands after the command; the command's own where it is left out.

    Returns:
        The exit code: 0 if the data is there (with ``--verify``: and no file is damaged, even if
        a load could do without it; with ``--remove``: if it is gone), 1 if not, 2 if the command
        was misused, 130 if it was stopped by Ctrl-C.

    Examples:
        >>> import contextlib, io, tempfile
        >>> from cnnbook.images import main
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with contextlib.redirect_stdout(io.StringIO()) as told:
        ...         code = main(["--verify", "--root", folder])
        >>> code, told.getvalue().count("not there")
        (1, 8)

    Source:
        Derived here.
    """
    parser = argparse.ArgumentParser(
        prog="python -m cnnbook.images",
        description="Tell what there is of Fashion-MNIST and where, each byte verified.",
        epilog="Exit codes: 0 the data is there and as published, or was removed; 1 it is not; "
        "2 wrong use; 130 stopped by Ctrl-C.",
    )
    parser.add_argument(
        "--root",
        help="the folder that holds FashionMNIST/raw; without it, the one that CNNBOOK_DATA "
        "names, and the cache folder",
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--download",
        action="store_true",
        help="mend what is damaged and download what is missing, 31 MB",
    )
    action.add_argument(
        "--verify", action="store_true", help="count any damaged file as a failure, needed or not"
    )
    action.add_argument(
        "--remove",
        action="store_true",
        help="remove the files from --root or else from the cache folder, never from CNNBOOK_DATA",
    )
    options = parser.parse_args(arguments)
    try:
        if options.remove:
            # What the environment names may be the only copy of somebody else.
            folder = cache_folder() if options.root is None else Path(options.root).expanduser()
            for path in remove_files(raw_folder(folder)):
                print(f"removed {path}")
            return 0
        explicit = _explicit_root(options.root)
        places = [explicit] if options.root is not None and explicit else _places(explicit)
        if options.download:
            places = places[:1]
            raw = raw_folder(places[0][0])
            try:
                download_files(raw, {"train": 1, "test": 1})
            except UnusableError as error:
                raise RuntimeError(
                    f"{error}; put the four .gz files into {raw}, or set CNNBOOK_MIRROR to an "
                    "address that can be reached"
                ) from None
        message = [_tell(raw_folder(folder)) for folder, _ in places]
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    except (RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; what was there before is still there", file=sys.stderr)
        return 130
    complete = any(usable for usable, _ in message)
    print("complete: no network is needed" if complete else "incomplete: --download gets the rest")
    return 0 if complete and (all(right for _, right in message) or not options.verify) else 1


if __name__ == "__main__":
    sys.exit(main())
