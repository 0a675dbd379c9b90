"""Figures of pooling."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from cnnbook._checks import check_int
from cnnbook.figures._alt_text import (
    count_noun,
    describe,
    format_numbers,
    format_size,
    name_in_sentence,
)
from cnnbook.figures._drawing import (
    COLOURS,
    SMALL,
    TEXT,
    add_box,
    check_drawable,
    check_mapping,
    draw_number,
    draw_number_rows,
    shade_by_size,
    wrap_grids,
)
from cnnbook.figures._themes import FILL, LINE, PAPER, SHADE
from cnnbook.pooling import max_pool2d

__all__ = ["plot_overlap", "plot_pooling", "plot_pooling_shift"]


def plot_pooling_shift(strips: Mapping[str, torch.Tensor], *, size: int = 2) -> Figure:
    """Draw rows of pixels with the pooling windows marked, and the largest number of each.

    Args:
        strips: A label and its row of pixels ``(w,)``, all of one length.
        size: Pixels in a window; windows touch and do not overlap.

    Returns:
        The figure: the pixels on the left, what pooling keeps of them on the right.

    Raises:
        ValueError: Lengths differ, or ``size`` does not divide them.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_pooling_shift
        >>> figure = plot_pooling_shift({"a": torch.tensor([3.0, 7.0, 0.0, 0.0])})
        >>> [[text.get_text() for text in axes.texts] for axes in figure.axes]
        [['a', '3', '7', '0', '0'], ['7', '0']]
        >>> plot_pooling_shift({"a": torch.zeros(3)})
        Traceback (most recent call last):
            ...
        ValueError: strips: expected rows (w,) of one length, a multiple of 2, got [(3,)]
    """
    check_mapping(strips, torch.Tensor, name="strips", what="a row of numbers")
    for strip in strips.values():
        check_drawable(strip, name="strips")
    size = check_int(size, name="size", minimum=1)
    shapes = [tuple(strip.shape) for strip in strips.values()]
    if len(set(shapes)) != 1 or len(shapes[0]) != 1 or shapes[0][0] % size or not shapes[0][0]:
        raise ValueError(
            f"strips: expected rows (w,) of one length, a multiple of {size}, got {shapes}"
        )
    width = shapes[0][0]
    figure, panels = plt.subplots(
        1,
        2,
        figsize=(0.33 * (width + width // size + 3.6), 0.5 * len(strips) + 0.35),
        width_ratios=[width + 3.3, width // size + 0.3],
        layout="constrained",
    )
    details = []
    for index, (label, strip) in enumerate(strips.items()):
        row = 1.5 * index
        panels[0].text(-0.3, row + 0.5, label, ha="right", va="center", fontsize=TEXT)
        pooled = strip.detach().cpu().reshape(-1, size).amax(dim=1)
        for axes, numbers in ((panels[0], strip), (panels[1], pooled)):
            for column, number in enumerate(numbers.tolist()):
                colour = FILL if number else PAPER
                add_box(axes, row, column, facecolor=colour, edgecolor=LINE)
                draw_number(axes, row, column, number, fontsize=SMALL)
        for first in range(0, width, size):
            add_box(panels[0], row, first, 1, size, fill=False, edgecolor=COLOURS[0], lw=2.5)
        details.append(
            f"{name_in_sentence(label)}: {format_numbers(strip)} gives {format_numbers(pooled)}"
        )
    for axes, title, left, right in (
        (panels[0], "pixels", -3.2, width),
        (panels[1], "largest", -0.2, width // size),
    ):
        axes.set(xlim=(left, right + 0.1), ylim=(1.5 * len(strips) - 0.4, -0.1), aspect="equal")
        axes.set_title(title, fontsize=TEXT)
        axes.set_axis_off()
    describe(
        figure,
        f"{count_noun(len(strips), 'row')} of {width} pixels in windows of {size}, and the largest "
        "of each window.",
        details,
    )
    return figure


def plot_pooling(images: torch.Tensor, kernel_size: int = 2) -> Figure:
    """Draw the windows of a max pooling, the pixel that each keeps, and pixels in no window.

    Args:
        images: One grey image ``(1, 1, h, w)``, small enough to write its numbers down.
        kernel_size: Rows and columns of a window, which is also the stride.

    Returns:
        The figure: windows framed, their largest pixel coloured, pixels in no window crossed out.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_pooling
        >>> figure = plot_pooling(torch.arange(9.0).reshape(1, 1, 3, 3))
        >>> [text.get_text() for text in figure.axes[1].texts]
        ['4']
        >>> plot_pooling(torch.zeros(1, 2, 3, 3))
        Traceback (most recent call last):
            ...
        ValueError: images: expected one grey image (1, 1, h, w), got (1, 2, 3, 3)
    """
    check_drawable(images, name="images")
    stride = check_int(kernel_size, name="kernel_size", minimum=1)
    pooled, indices = max_pool2d(images, stride, return_indices=True)
    if images.shape[:2] != (1, 1):
        raise ValueError(f"images: expected one grey image (1, 1, h, w), got {tuple(images.shape)}")
    (height, width), (rows, columns) = images.shape[2:], pooled.shape[2:]
    figure, [before, after] = draw_number_rows(
        [[("image", images[0, 0]), r"$\rightarrow$", ("max pooling", pooled[0, 0])]],
        cells=[0.49],
        fontsizes=[12],
    )
    for window, pixel in enumerate(indices.flatten().tolist()):
        colour = COLOURS[window % (len(COLOURS) - 1)]
        row, column = divmod(window, columns)
        frame = {"fill": False, "edgecolor": colour, "lw": 3}
        # Drawn inside the window, so that the frames of neighbours do not hide each other.
        side = stride - 0.12
        add_box(before, row * stride + 0.06, column * stride + 0.06, side, side, **frame)
        add_box(after, row + 0.06, column + 0.06, 0.88, 0.88, **frame)
        add_box(before, *divmod(pixel, width), facecolor=colour, alpha=0.3, ec="none")
        add_box(after, row, column, facecolor=colour, alpha=0.3, ec="none")
    for row in range(height):
        for column in range(width):
            if row >= rows * stride or column >= columns * stride:
                add_box(before, row, column, facecolor=SHADE, ec=LINE, hatch="//")
                # No line of the hatching may cross a digit.
                behind = {"facecolor": SHADE, "edgecolor": "none", "pad": 1.5}
                before.texts[row * width + column].set_bbox(behind)
    unused = height * width - rows * stride * columns * stride
    describe(
        figure,
        f"An image of {format_size((height, width))} pixels, {format_numbers(images)}, in framed "
        f"windows of {stride} x {stride}.",
        f"Of each window the largest stays: {format_numbers(pooled)}.",
        f"{count_noun(unused, 'pixel')} at the edge, in no window, crossed out.".capitalize()
        if unused
        else "",
    )
    return figure


def plot_overlap(parts: torch.Tensor) -> Figure:
    """Draw what each window adds to the image, and the sum of all.

    Where windows overlap, their numbers add up: that is how the gradient of an image is computed.

    Args:
        parts: One small picture for each window, ``(oh, ow, h, w)``, zero outside the window.

    Returns:
        The figure: the parts in the order of their windows, then their sum, larger.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_overlap
        >>> parts = torch.tensor([[[[1.0, 1.0, 0.0]], [[0.0, 1.0, 1.0]]]])
        >>> figure = plot_overlap(parts)
        >>> [text.get_text() for text in figure.axes[-1].texts]
        ['1', '2', '1']
        >>> plot_overlap(parts[0])
        Traceback (most recent call last):
            ...
        ValueError: parts: expected (oh, ow, h, w) with none of them 0, got (2, 1, 3)
    """
    check_drawable(parts, name="parts", finite=True)
    if parts.ndim != 4 or 0 in parts.shape:
        raise ValueError(
            f"parts: expected (oh, ow, h, w) with none of them 0, got {tuple(parts.shape)}"
        )
    parts = parts.detach().cpu()
    rows, columns = parts.shape[:2]
    total = parts.sum(dim=(0, 1))
    lines: list[list[tuple[str, torch.Tensor] | str]] = []
    for row in range(rows):
        entries: list[tuple[str, torch.Tensor] | str] = []
        for column in range(columns):
            entries += [*(["+"] if row or column else []), ("", parts[row, column])]
        lines += wrap_grids(entries, cell=0.25)
    figure, panels = draw_number_rows(
        [*lines, ["=", ("", total)]],
        cells=[0.25] * len(lines) + [0.4],
        fontsizes=[SMALL] * len(lines) + [13],
        zeros=False,
    )
    maximum = max(total.abs().max().item(), 1e-12)
    for axes, numbers in zip(panels, (*parts.flatten(0, 1), total), strict=True):
        shade_by_size(axes, numbers, maximum)
    overlapping = int((parts != 0).sum(dim=(0, 1)).max())
    describe(
        figure,
        f"{count_noun(rows * columns, 'picture')} of {format_size(parts.shape[2:])} numbers, one "
        f"for each window, and their sum: {format_numbers(total)}.",
        f"Up to {overlapping} of them meet in a cell.",
    )
    return figure
