"""What the convolution explorer knows: images, kernels, tasks, and how a link names them.

Images and kernels come from the library, so that their numbers and signs are the book's. All of it
is written into ``conv-explorer-data.js``, once for all pages: a script, since pages that are opened
from disk may not load JSON.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import torch
from sphinx.locale import get_translation

from cnnbook.images import draw_garments
from cnnbook.kernels import (
    averaging_kernel,
    gaussian_kernel,
    identity_kernel,
    laplacian_kernel,
    prewitt_kernel,
    sharpening_kernel,
    shift_kernel,
    sobel_kernel,
)

_ = get_translation("sphinx")

__all__ = [
    "CONTROLS",
    "LIMITS",
    "TASKS",
    "Task",
    "explorer_data",
    "explorer_texts",
    "images",
    "kernels",
    "query_problems",
    "task_query",
]

# What can be hidden, each by the name of its parameter in a link.
CONTROLS = (
    *("image", "kernel", "bias", "stride", "padding", "dilation", "relu", "pool"),
    *("arithmetic", "derivation", "matrix", "code"),
)
# The smallest and the largest value of each option; rows and columns of images and kernels.
LIMITS = {
    "stride": (1, 3),
    "padding": (0, 3),
    "dilation": (1, 3),
    "relu": (0, 1),
    "pool": (0, 3),
    "image": (1, 32),
    "kernel": (1, 5),
}
# The largest pixel, weight or bias.
LARGEST = 1000
# Up to this many rows and columns an image is a table, above it is drawn on a canvas.
LARGEST_TABLE = 8


@dataclass(frozen=True)
class Image:
    """An image by name: its label, its pixels ``(h, w)``, and code that makes it ``(1, 1, h, w)``.

    Without code, the explorer writes the numbers.
    """

    label: str
    pixels: torch.Tensor
    code: str = ""


@dataclass(frozen=True)
class Task:
    """A task: the text of its link, its sentence, and the state in which it starts."""

    title: str
    sentence: str
    start: str


_LETTER = ["1000001", "1100011", "1010101", "1001001", "1000001", "1000001", "1000001"]
_GARMENT = """\
from cnnbook.images import draw_garments
garments, _ = draw_garments(40, generator=torch.Generator().manual_seed(0))
image = (garments[{at}:{end}] * 10).round() / 10"""


@cache
def images() -> dict[str, Image]:
    """Return the images by name; the garments are those of ``draw_garments``, to one decimal."""
    garments, _ = draw_garments(40, generator=torch.Generator().manual_seed(0))
    garments = (garments * 10).round() / 10

    def garment(label: str, at: int) -> Image:
        return Image(label, garments[at, 0], _GARMENT.format(at=at, end=at + 1))

    square = torch.nn.functional.pad(torch.ones(4, 4), (2, 2, 2, 2))
    letter = torch.tensor([[float(pixel) for pixel in line] for line in _LETTER])
    return {
        "lecture": Image(
            "numbers 0 to 15",
            torch.arange(16.0).reshape(4, 4),
            "image = torch.arange(16.0).reshape(1, 1, 4, 4)",
        ),
        "square": Image(
            "square, 8 x 8",
            square,
            "image = F.pad(torch.ones(1, 1, 4, 4), (2, 2, 2, 2))",
        ),
        "letter": Image("letter, 7 x 7", letter),
        "empty": Image("empty, 6 x 6", torch.zeros(6, 6), "image = torch.zeros(1, 1, 6, 6)"),
        "pullover": garment("pullover, 28 x 28", 31),
        "trousers": garment("trousers, 28 x 28", 38),
        "boot": garment("boot, 28 x 28", 26),
    }


@cache
def kernels() -> dict[str, tuple[str, torch.Tensor]]:
    """Return the kernels by name, each with its label."""
    return {
        "average2": ("average 2 x 2", averaging_kernel(2)),
        "average3": ("average 3 x 3", averaging_kernel(3)),
        "gaussian": ("Gaussian 3 x 3", gaussian_kernel(3, sigma=1.0)),
        "identity": ("identity", identity_kernel(3)),
        "shift": ("shift to the right", shift_kernel(0, 1)),
        "difference": ("difference", torch.tensor([[-1.0, 1.0]])),
        "vertical": ("Prewitt x: vertical edges", prewitt_kernel("x")),
        "horizontal": ("Prewitt y: horizontal edges", prewitt_kernel("y")),
        "sobel-x": ("Sobel x: vertical edges", sobel_kernel("x")),
        "sobel-y": ("Sobel y: horizontal edges", sobel_kernel("y")),
        "laplacian": ("Laplacian", laplacian_kernel()),
        "sharpen": ("sharpen", sharpening_kernel()),
    }


# Every task is checked by the function of the same name in conv-arithmetic.js.
TASKS = {
    "all-ones": Task(
        "Every output a 1",
        "Find a kernel with which every number of the output is 1.",
        "image=lecture&kernel=0,0;0,0&hide=image,bias,stride,padding,dilation,relu,pool,matrix",
    ),
    "halve": Task(
        "Half the size",
        "Choose stride, padding and dilation so that the output has half the rows and half the "
        "columns of the image.",
        "image=square&kernel=average3&hide=image,kernel,bias,relu,pool,matrix",
    ),
    "same-size": Task(
        "The same size",
        "Choose the padding so that the output has as many rows and columns as the image. The "
        "kernel must have at least 3 x 3 weights.",
        "image=letter&kernel=1,1,1,1,1;1,1,1,1,1;1,1,1,1,1;1,1,1,1,1;1,1,1,1,1"
        "&hide=image,bias,relu,pool,matrix",
    ),
    "receptive-field": Task(
        "See 5 x 5 pixels with nine weights",
        "Make every window span 5 x 5 pixels, with a kernel of 3 x 3 weights.",
        "image=square&kernel=average3&hide=image,kernel,bias,relu,pool,matrix",
    ),
    "undo": Task(
        "Output equal to the image",
        "Make the output equal to the image, with a kernel of 3 x 3 weights.",
        "image=letter&kernel=average3&hide=image,bias,relu,pool,matrix",
    ),
    "shift": Task(
        "Move the image",
        "Move the letter to the right by one pixel: the output has the size of the image, and its "
        "first column is 0.",
        "image=letter&kernel=identity&padding=1&hide=image,bias,relu,pool,matrix",
    ),
    "invert": Task(
        "Exchange 0 and 1",
        "Exchange 0 and 1: the output is 1 where the image is 0, and 0 where it is 1.",
        "image=letter&kernel=1&hide=image,relu,pool,matrix",
    ),
    "vertical-edge": Task(
        "Only vertical edges",
        "Find a kernel whose output is 0 in every window that does not change along its rows, and "
        "not 0 in every window that holds a piece of a vertical edge and nothing else.",
        "image=square&kernel=average3&hide=image,bias,stride,padding,dilation,relu,pool,matrix",
    ),
    "left-edge": Task(
        "Only the left edge",
        "Keep only the left edge of the square: behind ReLU, every number that is not 0 belongs to "
        "a window on that edge.",
        "image=square&kernel=average3&hide=image,bias,stride,padding,dilation,pool,matrix",
    ),
    "draw": Task(
        "Draw for a kernel",
        "Draw with pixels of 0 and 1 so that the largest number of the output is 2 and no number "
        "is below 0.",
        "image=empty&kernel=-1,1;-1,1&hide=kernel,bias,stride,padding,dilation,relu,pool,matrix",
    ),
}


def task_query(name: str) -> str:
    """Return the query of the link that sets a task."""
    return f"task={name}&{TASKS[name].start}"


def explorer_texts() -> list[str]:
    """Return the labels of images and kernels, and the texts of the tasks, for translation."""
    texts = [one.label for one in images().values()]
    texts += [label for label, _kernel in kernels().values()]
    return texts + [text for task in TASKS.values() for text in (task.title, task.sentence)]


def explorer_data() -> dict[str, Any]:
    """Collect what the script needs, but its texts: names, numbers and limits."""
    return {
        "images": {
            name: {"label": str(_(one.label)), "code": one.code, "pixels": _rows(one.pixels)}
            for name, one in images().items()
        },
        "kernels": {
            name: {"label": str(_(label)), "weights": kernel.tolist()}
            for name, (label, kernel) in kernels().items()
        },
        "tasks": {name: str(_(task.sentence)) for name, task in TASKS.items()},
        "controls": CONTROLS,
        "limits": LIMITS,
        "largest": LARGEST,
        "largestTable": LARGEST_TABLE,
    }


def _rows(pixels: torch.Tensor) -> list[list[float]]:
    # One decimal: as float32, 0.1 is 0.10000000149.
    return [[round(pixel, 1) for pixel in line] for line in pixels.tolist()]


_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?")


def _is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text)) and abs(float(text)) <= LARGEST


def _is_grid(text: str, name: str) -> bool:
    least, most = LIMITS[name]
    rows = [line.split(",") for line in text.split(";")]
    sizes = [len(rows), *(len(line) for line in rows)]
    return (
        all(least <= size <= most for size in sizes)
        and len(set(sizes[1:])) == 1
        and all(_is_number(number) for line in rows for number in line)
    )


def query_problems(query: str) -> list[str]:
    """Return the parts of a link's query that the explorer would leave out.

    The pages' own links and start states are checked with this; what a reader's link holds is read
    by the script, which also sees whether the pinned output exists.

    Args:
        query: The part of a link between ``?`` and ``#``.

    Returns:
        ``name=value`` of each such part.
    """
    found = []
    for name, value in parse_qsl(query, keep_blank_values=True, strict_parsing=True):
        if name in ("image", "kernel"):
            known = images() if name == "image" else kernels()
            good = value in known or _is_grid(value, name)
        elif name in LIMITS:
            least, most = LIMITS[name]
            good = value.isdecimal() and least <= int(value) <= most
            good = good and not (name == "pool" and value == "1")
        elif name == "bias":
            good = _is_number(value)
        elif name == "at":
            good = bool(re.fullmatch(r"[0-9]+,[0-9]+", value))
        elif name == "hide":
            good = all(control in CONTROLS for control in value.split(","))
        else:
            good = name == "task" and value in TASKS
        if not good:
            found.append(f"{name}={value}")
    return found
