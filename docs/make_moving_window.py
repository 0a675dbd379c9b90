"""Draw the README's moving picture: a 3 x 3 window on a garment, and the output that it fills.

    python docs/make_moving_window.py [FILE]

The library draws the garment too, so the picture needs no data, and no licence but the book's.
"""

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from cnnbook.convolution import conv2d
from cnnbook.figures._drawing import (
    COLOURS,
    SIGNED_COLORMAP,
    add_box,
    draw_cells,
    draw_image,
    draw_signed_image,
)
from cnnbook.images import draw_garments
from cnnbook.kernels import sobel_kernel
from cnnbook.windows import window_sum

PICTURE = Path(__file__).resolve().parent / "_static" / "moving-window.gif"

# Pixels for one pixel of the garment, and of the whole picture.
CELL = 8
WIDTH, HEIGHT = 640, 290
# Milliseconds for a window, for the one whose sum is written out, for a row, and for the end. A
# browser shows a frame that asks for less than 20 for 100.
STEP, HOLD, ROW, END = 20, 4000, 150, 4000
# That window is half on the left sleeve. After it, a frame for each window would double the file.
HELD = (13, 5)
# Not white, which is the output 0.
UNFILLED = "#dddddd"


def coat() -> torch.Tensor:
    """Return a drawn coat ``(1, 1, 28, 28)``; with one decimal, so that a sum fits on a line."""
    images, _ = draw_garments(40, generator=torch.Generator().manual_seed(0))
    return (images[31:32] * 10).round() / 10


def _palette() -> Image.Image:
    """Return the colours of the file: the fewer they are, the smaller it is."""
    greys = np.linspace((0, 0, 0), (1, 1, 1), 11)
    # Without the middle, which is nearly white and would be taken for white.
    signed = np.delete(SIGNED_COLORMAP(np.linspace(0, 1, 19))[:, :3], 9, axis=0)
    marks = np.array([to_rgb(UNFILLED), to_rgb(COLOURS[2])])
    palette = Image.new("P", (1, 1))
    palette.putpalette(
        (np.concatenate([greys, signed, marks]) * 255).round().astype("uint8").tobytes()
    )
    return palette


def _panel(figure: Figure, left: int, bottom: int, cells: int, size: int) -> Axes:
    """Add axes whose cells have a whole number of pixels, so that no edge is blurred."""
    width, height = figure.bbox.size
    side = cells * size
    return figure.add_axes((left / width, bottom / height, side / width, side / height))


def frames(image: torch.Tensor, kernel: torch.Tensor) -> Iterator[tuple[Image.Image, int]]:
    """Draw the picture once for each window up to ``HELD``, then once for each row.

    Args:
        image: One grey image ``(1, 1, h, w)``.
        kernel: One kernel ``(1, 1, kh, kw)``.

    Yields:
        A frame and the milliseconds for which it is shown.
    """
    output = conv2d(image, kernel)[0, 0]
    rows, columns = output.shape
    figure = plt.figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    picture = _panel(figure, 20, 36, image.shape[3], CELL)
    weights = _panel(figure, 275, 103, kernel.shape[3], 30)
    # A window's centre and its output are at the same height.
    result = _panel(figure, 396, 36 + CELL, columns, CELL)
    draw_image(picture, image[0, 0], extent=(0, image.shape[3], image.shape[2], 0))
    draw_cells(weights, kernel[0, 0], "kernel, 3 x 3", fontsize=10)
    filled = torch.full_like(output, torch.nan)
    draw_signed_image(result, filled, output.abs().max().item(), extent=(0, columns, rows, 0))
    picture.set_title("image, 28 x 28")
    result.set_title("output, 26 x 26", pad=6 + CELL * 72 / 100)
    for axes in (picture, result):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    result.set_facecolor(UNFILLED)
    canvas.draw()  # type: ignore[no-untyped-call]
    background = canvas.copy_from_bbox(figure.bbox)  # type: ignore[no-untyped-call]
    boxes = {picture: kernel.shape[2:], result: (1, 1)}
    for axes, size in boxes.items():
        add_box(axes, 0, 0, *size, fill=False, edgecolor=COLOURS[2], lw=3)
    message = figure.text(0.5, 0.035, "", ha="center", fontsize=9.5)
    for row, column in itertools.product(range(rows), range(columns)):
        filled[row, column] = output[row, column]
        if (row, column) > HELD and column < columns - 1:
            continue
        held = (row, column) == HELD
        message.set_text(str(window_sum(image, kernel, row=row, column=column)) if held else "")
        result.images[0].set_data(filled.numpy())
        canvas.restore_region(background)  # type: ignore[no-untyped-call]
        figure.draw_artist(result.images[0])
        for axes in boxes:
            axes.patches[0].set(xy=(column, row))
            figure.draw_artist(axes.patches[0])
        figure.draw_artist(message)
        shown = HOLD if held else STEP if (row, column) < HELD else ROW
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        yield Image.fromarray(pixels[..., :3].copy()), shown
    plt.close(figure)


def main() -> None:
    """Write the moving picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=PICTURE)
    options = parser.parse_args()
    mpl.use("agg")
    image, kernel = coat(), sobel_kernel("x")[None, None]
    pictures, times = zip(*frames(image, kernel), strict=True)
    palette = _palette()
    first, *others = (one.quantize(palette=palette, dither=Image.Dither.NONE) for one in pictures)
    first.save(
        options.file,
        save_all=True,
        append_images=others,
        duration=[*times[:-1], END],
        # Three times in all: what moves without an end distracts from the text beside it.
        loop=2,
        optimize=True,
    )


if __name__ == "__main__":
    main()
