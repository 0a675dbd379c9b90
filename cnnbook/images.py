"""Fashion-MNIST as tensors, every byte checked, and a drawn stand-in where it is unavailable.

The data is searched for in ``root`` or, if that is not given, in the folder that the environment
variable ``CNNBOOK_DATA`` names; then in the user's cache folder; then it is downloaded. Whatever
its source, it is compared with the published data before it is used. Importing this module reads no
file and opens no connection.
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

from cnnbook._checks import check_bool, check_images, check_int, summarize
from cnnbook._data import registry
from cnnbook._data.cache import (
    UnavailableError,
    cache_folder,
    download_files,
    explicit_root,
    find_files,
    inspect_files,
    raw_folder,
    remove_files,
    search_path,
)
from cnnbook._data.synthetic import GARMENT_NAMES, draw_garments
from cnnbook._devices import check_device

__all__ = [
    "GARMENT_NAMES",
    "ImageSet",
    "cache_folder",
    "draw_garments",
    "load_fashion_mnist",
    "main",
    "shuffle_pixels",
]

# Not __name__, which is __main__ when this module is run as a command.
_log = logging.getLogger("cnnbook.images")


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images and labels for training and for testing, and where they came from.

    Attributes:
        train_images: Shape ``(n, 1, 28, 28)``, float32 from 0 (black) to 1 (white).
        train_labels: Shape ``(n, 10)``, one-hot float32, or ``(n,)``, int64 from 0 to 9.
        test_images: Like ``train_images``; no image is in both.
        test_labels: Like ``train_labels``.
        class_names: The names of the ten classes.
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

        Each part as a pair, which ``fit_full_batch(net, *data.train, validation=data.test)`` takes:

        >>> data = ImageSet(image, label, image[:1], label[:1], ("a", "b"), "made by hand", True)
        >>> [tuple(part.shape) for part in data.test]
        [(1, 1, 28, 28), (1,)]
    """

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    class_names: tuple[str, ...]
    source: str
    drawn: bool

    @property
    def train(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The training images and their labels."""
        return self.train_images, self.train_labels

    @property
    def test(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The test images and their labels."""
        return self.test_images, self.test_labels

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


def _tensor(stored: torch.Tensor) -> torch.Tensor:
    if stored.ndim == 1:
        return stored.to(torch.int64)
    # Divided, not multiplied by 1/255: torchvision's ToTensor divides, and the last bit differs.
    return stored[:, None].to(torch.float32).div_(255)


def _published_count(split: str) -> int:
    return next(file.shape[0] for file in registry.FILES if file.split == split)


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

    The tensors equal, bit for bit, those of ``torchvision.datasets.FashionMNIST`` with
    ``ToTensor`` applied image by image, without the minute that this takes for all of them. The
    files may be laid out as torchvision leaves them, as archives or extracted. Every byte is
    compared with the published data on every load: a damaged file is extracted again from its
    archive or downloaded again, and never used.

    Args:
        n_train: How many training images, from 1 to 60,000; the first of the published order.
        n_test: How many test images, from 1 to 10,000.
        root: The folder that holds ``FashionMNIST/raw``; the environment variable
            ``CNNBOOK_DATA`` by default.
        download: Whether to download what is neither there nor in the cache folder, from the
            publisher's addresses or from those in ``CNNBOOK_MIRROR``, separated by spaces; 31 MB.
        fallback: What to do where the data is unavailable: ``"error"`` raises, ``"drawn"`` draws
            garments in its place and says so in ``source``.
        one_hot: Whether labels are ``(n, 10)`` float32 rather than ``(n,)`` int64.
        device: The device of the tensors; the CPU by default.

    Returns:
        Training and test images with labels, class names and source.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: ``n_train`` or ``n_test`` is out of range, or ``fallback`` is unknown.
        FileNotFoundError: ``root`` is not a folder, or the data is not there and a download is
            not allowed.
        RuntimeError: The data is damaged or cannot be downloaded, or ``device`` does not exist.

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
    for split, count in counts.items():
        counts[split] = check_int(count, name=f"n_{split}", minimum=1)
        published = _published_count(split)
        if count > published:
            raise ValueError(f"n_{split}: expected 1 to {published}, got {count}")
    check_bool(download, name="download")
    check_bool(one_hot, name="one_hot")
    if not isinstance(fallback, str) or fallback not in ("error", "drawn"):
        raise ValueError(f"fallback: expected 'error' or 'drawn', got {summarize(fallback)}")
    target = torch.device("cpu") if device is None else check_device(device)
    tensors: tuple[torch.Tensor, ...]
    # Outside the try: a folder that was named and does not exist is a mistake, whatever the
    # fallback.
    explicit = explicit_root(root)
    try:
        stored, place = find_files(explicit, counts, download=download)
    except (FileNotFoundError, RuntimeError) as error:
        if fallback == "error":
            raise
        # If there is no copy and no download was allowed, the stand-in is no surprise.
        expected = not download and isinstance(error, FileNotFoundError)
        _log.log(logging.INFO if expected else logging.WARNING, "%s", error)
        tensors, drawn = _draw(n_train, n_test), True
        source = "drawn garments, since Fashion-MNIST is unavailable"
    else:
        tensors = tuple(_tensor(one) for one in stored)
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
    """Put the pixels of every image into one random order, the same for all images.

    No information is lost: the shuffle can be undone. It makes no difference to an MLP, which has
    a weight of its own for every pixel and does not know which pixels are neighbours. It makes a
    difference to a CNN: its kernels look at neighbouring pixels, which are unrelated after the
    shuffle. The accuracy that the CNN loses is what it gained from the order of the pixels.

    Args:
        images: Images ``(n, c, h, w)`` of any dtype.
        seed: Chooses the order, from 0 to 2147483647. The order depends only on ``seed`` and on
            the number of rows and columns, so training and test images may be shuffled in separate
            calls. torch's global random generator is neither used nor advanced.

    Returns:
        New images of the same shape, dtype, device and memory format. All channels of a pixel
        move together.

    Raises:
        TypeError: ``images`` is not a dense tensor, or ``seed`` is not an integer.
        ValueError: ``images`` does not have four axes, or ``seed`` is out of range.

    Examples:
        >>> import torch
        >>> from cnnbook.images import shuffle_pixels
        >>> image = torch.arange(4).reshape(1, 1, 2, 2)
        >>> shuffled = shuffle_pixels(image)
        >>> sorted(shuffled.flatten().tolist())
        [0, 1, 2, 3]

        Shuffling the pixels' indices shows where each pixel comes from, and so how to undo it.

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
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(images.shape[2] * images.shape[3], generator=generator, device="cpu")
    shuffled = torch.empty_like(images)
    shuffled.copy_(images.flatten(2)[:, :, order.to(images.device)].reshape(images.shape))
    return shuffled


def _report(raw: Path) -> tuple[bool, bool]:
    """Print what a folder holds; return whether it is enough, and whether nothing is damaged."""
    print(raw)
    states = inspect_files(raw)
    for state in states:
        size = "" if state.size is None else f"{state.size} bytes"
        print(f"  {state.path.name:26} {size:>14}  {state.problem or 'verified'}")
    # Either the extracted file or the archive is enough.
    pairs = zip(states[::2], states[1::2], strict=True)
    complete = all(one.published or other.published for one, other in pairs)
    return complete, not any(state.published is False for state in states)


def main(arguments: Sequence[str] | None = None) -> int:
    """Report, download, verify or remove the files of Fashion-MNIST.

    This is ``python -m cnnbook.images``. Without an option it prints every folder that a load
    searches, and for each file whether it is there and as published. Only ``--download`` opens a
    connection.

    Args:
        arguments: The command's arguments; those of the process by default.

    Returns:
        The exit code: 0 if the data is there (with ``--verify``: and no file is damaged, not even
        one that a load does not need; with ``--remove``: if it was removed), 1 if not, 2 for wrong
        arguments, 130 after Ctrl-C.

    Examples:
        >>> import contextlib, io, tempfile
        >>> from cnnbook.images import main
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with contextlib.redirect_stdout(io.StringIO()) as report:
        ...         code = main(["--verify", "--root", folder])
        >>> code, report.getvalue().count("not there")
        (1, 8)
    """
    parser = argparse.ArgumentParser(
        prog="python -m cnnbook.images",
        description="Report which files of Fashion-MNIST are where, every byte verified.",
        epilog="Exit codes: 0 the data is there and as published, or was removed; 1 it is not; "
        "2 wrong arguments; 130 stopped by Ctrl-C.",
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
        help="repair what is damaged and download what is missing, 31 MB",
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
            # CNNBOOK_DATA may name the user's only copy.
            folder = cache_folder() if options.root is None else Path(options.root).expanduser()
            for path in remove_files(raw_folder(folder)):
                print(f"removed {path}")
            return 0
        explicit = explicit_root(options.root)
        places = [explicit] if options.root is not None and explicit else search_path(explicit)
        if options.download:
            places = places[:1]
            raw = raw_folder(places[0][0])
            try:
                download_files(raw, {"train": 1, "test": 1})
            except UnavailableError as error:
                raise RuntimeError(
                    f"{error}; put the four .gz files into {raw}, or set CNNBOOK_MIRROR to an "
                    "address that can be reached"
                ) from None
        reports = [_report(raw_folder(folder)) for folder, _ in places]
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    except (RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; what was there before is still there", file=sys.stderr)
        return 130
    complete = any(usable for usable, _ in reports)
    print("complete: no network is needed" if complete else "incomplete: --download gets the rest")
    return 0 if complete and (all(right for _, right in reports) or not options.verify) else 1


if __name__ == "__main__":
    sys.exit(main())
