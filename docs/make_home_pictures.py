"""Draw the pictures of the doors on the first page, each for the light and for the dark page.

    python docs/make_home_pictures.py [FOLDER]

The library draws the garments too, so the pictures need no data, and no licence but the book's.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnnbook.figures._drawing import add_box, draw_image, draw_number
from cnnbook.figures._themes import COLOURS, FILL, LINE, PAPER, darken
from cnnbook.images import draw_garments

PICTURES = Path(__file__).resolve().parent / "pictures"

# Half as many pixels are shown, so that they are sharp on a telephone, too.
WIDTH, HEIGHT, DPI = 5.6, 2.8, 100


def _panel(figure: Figure, left: float, bottom: float, height: float, cells: float = 1) -> Axes:
    """Add square axes without frame, in inches; row 0 of its cells is on top."""
    axes = figure.add_axes((left / WIDTH, bottom / HEIGHT, height / WIDTH, height / HEIGHT))
    # The outer half of a line is outside of the cells.
    axes.set(xlim=(-0.04, cells + 0.04), ylim=(cells + 0.04, -0.04))
    axes.set_axis_off()
    return axes


def _cell(axes: Axes, row: int, column: int, text: float | str, colour: str = PAPER) -> None:
    add_box(axes, row, column, facecolor=colour, edgecolor=LINE, lw=1.5)
    if isinstance(text, str):
        axes.text(column + 0.5, row + 0.5, text, fontsize=17, ha="center", va="center")
    else:
        draw_number(axes, row, column, text, fontsize=17)


def _arrow(figure: Figure, left: float) -> None:
    figure.text(left / WIDTH, 0.5, "\N{RIGHTWARDS ARROW}", fontsize=34, ha="center", va="center")


def draw_read() -> Figure:
    """Draw eight garments, which the networks of page 1 tell apart."""
    images, labels = draw_garments(60, generator=torch.Generator().manual_seed(0))
    figure = plt.figure(figsize=(WIDTH, HEIGHT))
    classes = [int(label) for label in labels]
    for number, label in enumerate((0, 1, 3, 7, 2, 5, 8, 9)):
        row, column = divmod(number, 4)
        axes = _panel(figure, 0.1 + column * 1.37, 1.43 - row * 1.37, 1.27)
        draw_image(axes, images[classes.index(label), 0], extent=(0, 1, 1, 0))
    return figure


def draw_play() -> Figure:
    """Draw a window of 2 x 2 pixels on the lecture's image, and the mean that comes out."""
    image = torch.arange(16.0).reshape(4, 4)
    means = torch.nn.functional.avg_pool2d(image[None, None], 2, stride=1)[0, 0]
    figure = plt.figure(figsize=(WIDTH, HEIGHT))
    left, right = _panel(figure, 0.1, 0.2, 2.4, 4), _panel(figure, 3.7, 0.5, 1.8, 3)
    for row in range(4):
        for column in range(4):
            seen = row in (1, 2) and column in (1, 2)
            _cell(left, row, column, float(image[row, column]), FILL if seen else PAPER)
    for row in range(3):
        for column in range(3):
            seen = (row, column) == (1, 1)
            _cell(right, row, column, float(means[row, column]), FILL if seen else PAPER)
    add_box(left, 1, 1, 2, 2, fill=False, edgecolor=COLOURS[0], lw=4)
    add_box(right, 1, 1, fill=False, edgecolor=COLOURS[0], lw=4)
    _arrow(figure, 3.1)
    return figure


def draw_teach() -> Figure:
    """Draw an exercise: the same image, and an output whose four numbers are asked for."""
    image = torch.arange(16.0).reshape(4, 4)
    figure = plt.figure(figsize=(WIDTH, HEIGHT))
    left, right = _panel(figure, 0.1, 0.2, 2.4, 4), _panel(figure, 3.8, 0.65, 1.5, 2)
    for row in range(4):
        for column in range(4):
            _cell(left, row, column, float(image[row, column]))
    for row in range(2):
        for column in range(2):
            add_box(left, 2 * row, 2 * column, 2, 2, fill=False, edgecolor=COLOURS[0], lw=4)
            answer: float | str = 5.0 if (row, column) == (0, 0) else "?"
            _cell(right, row, column, answer, FILL if answer == "?" else PAPER)
    _arrow(figure, 3.1)
    return figure


DRAWN: dict[str, Callable[[], Figure]] = {
    "read": draw_read,
    "play": draw_play,
    "teach": draw_teach,
}


def main() -> None:
    """Write all pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=PICTURES)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    mpl.use("agg")
    for name, draw in DRAWN.items():
        figure = draw()
        figure.savefig(folder / f"{name}.png", dpi=DPI, transparent=True)
        darken(figure)
        figure.savefig(folder / f"{name}_dark.png", dpi=DPI, transparent=True)
        plt.close(figure)


if __name__ == "__main__":
    main()
