"""The four files of Fashion-MNIST as published: names, shapes, sizes, SHA-256, and mirrors.

A SHA-256 fixes every byte of a file, header included. A file that matches needs no parser for the
idx format: its pixels or labels start at a known offset.
"""

from dataclasses import dataclass
from math import prod
from typing import Literal

__all__ = ["FILES", "MIRRORS", "PublishedFile"]


@dataclass(frozen=True)
class PublishedFile:
    """One of the four files, extracted and as a gzip archive.

    Attributes:
        name: The extracted file's name.
        split: The set that it belongs to.
        shape: The shape of its uint8 values, the number of images or labels first.
        sha256: The SHA-256 of the extracted file.
        archive_size: The archive's size in bytes.
        archive_sha256: The archive's SHA-256.

    Examples:
        >>> from cnnbook._data.registry import FILES, PublishedFile
        >>> labels = PublishedFile("labels", "train", (3,), "", 0, "")
        >>> labels.header_size, labels.size, labels.archive_name
        (8, 11, 'labels.gz')
        >>> FILES[0].name, FILES[0].size
        ('train-images-idx3-ubyte', 47040016)

    Source:
        LeCun, Cortes and Burges, The MNIST database of handwritten digits, "The idx file format".
    """

    name: str
    split: Literal["train", "test"]
    shape: tuple[int, ...]
    sha256: str
    archive_size: int
    archive_sha256: str

    @property
    def archive_name(self) -> str:
        """The archive's name."""
        return f"{self.name}.gz"

    @property
    def header_size(self) -> int:
        """Bytes before the first value: four for the magic number, four for each axis."""
        return 4 + 4 * len(self.shape)

    @property
    def size(self) -> int:
        """The extracted file's size in bytes."""
        return self.header_size + prod(self.shape)


# The publisher gives MD5 only. These SHA-256 were computed from archives with the published MD5;
# a test repeats that where the data is available.
FILES: tuple[PublishedFile, ...] = (
    PublishedFile(
        name="train-images-idx3-ubyte",
        split="train",
        shape=(60_000, 28, 28),
        sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        archive_size=26_421_880,
        archive_sha256="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    PublishedFile(
        name="train-labels-idx1-ubyte",
        split="train",
        shape=(60_000,),
        sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        archive_size=29_515,
        archive_sha256="a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    PublishedFile(
        name="t10k-images-idx3-ubyte",
        split="test",
        shape=(10_000, 28, 28),
        sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        archive_size=4_422_102,
        archive_sha256="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    PublishedFile(
        name="t10k-labels-idx1-ubyte",
        split="test",
        shape=(10_000,),
        sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        archive_size=5_148,
        archive_sha256="67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)

# The publisher's two addresses: the one that torchvision uses, and the repository
# github.com/zalandoresearch/fashion-mnist. Plain HTTP is enough, since every byte is checked.
MIRRORS: tuple[str, ...] = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
