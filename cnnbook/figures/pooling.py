"""Figures of pooling."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cnnbook._checks import check_int
from cnnbook.figures._alt_text import count_noun, describe, format_numbers, name_in_sentence
from cnnbook.figures._drawing import (
    COLOURS,
    check_drawable,
    check_mapping,
    draw_cells,
    draw_shaded_cells,
    equalize_cells,
)
from cnnbook.pooling import max_pool2d

__all__ = ["plot_overlap", "plot_pooling", "plot_pooling_shift"]


def plot_pooling_shift(strips: Mapping[str, torch.Tensor], *, size: int = 2) -> Figure:
    """Draw rows of pixels with the pooling windows marked, and the largest number of each.

    Args:
        strips: A label and its row of pixels ``(w,)``, all of one length.
        size: Pixels in a window; windows touch and do not overlap.

    Returns:
        The figure: the pixels on the left, what pooling leaves of them on the right.

    Raises:
        TypeError: ``size`` is not a whole number.
        ValueError: There is no strip, one has not one axis, lengths differ, or ``size`` does not
            divide them.

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

    Source:
        Derived here.
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
        figsize=(0.36 * (width + width // size + 3.6), 0.54 * len(strips) + 0.35),
        width_ratios=[width + 3.3, width // size + 0.3],
        layout="constrained",
    )
    for line, (label, strip) in enumerate(strips.items()):
        top = 1.5 * line
        panels[0].text(-0.3, top + 0.5, label, ha="right", va="center", fontsize=11)
        pooled = strip.detach().cpu().reshape(-1, size).amax(dim=1)
        for axes, numbers in ((panels[0], strip), (panels[1], pooled)):
            for column, number in enumerate(numbers.tolist()):
                axes.add_patch(
                    Rectangle(
                        (column, top),
                        1,
                        1,
                        facecolor=COLOURS[5] if number else "white",
                        edgecolor="#999999",
                    )
                )
                axes.text(column + 0.5, top + 0.5, f"{number:.4g}", ha="center", va="center")
        for first in range(0, width, size):
            panels[0].add_patch(
                Rectangle((first, top), size, 1, fill=False, edgecolor=COLOURS[0], lw=2.5)
            )
    for axes, title, left, right in (
        (panels[0], "pixels", -3.2, width),
        (panels[1], "largest", -0.2, width // size),
    ):
        axes.set(xlim=(left, right + 0.1), ylim=(1.5 * len(strips) - 0.4, -0.1), aspect="equal")
        axes.set_title(title, fontsize=11)
        axes.set_axis_off()
    describe(
        figure,
        f"{count_noun(len(strips), 'row')} of {width} pixels in windows of {size}, and the largest of "
        "each window.",
        [
            f"{name_in_sentence(label)}: {format_numbers(strip)} gives "
            f"{format_numbers(strip.detach().cpu().reshape(-1, size).amax(dim=1))}"
            for label, strip in strips.items()
        ],
    )
    return figure


def plot_pooling(images: torch.Tensor, kernel_size: int = 2) -> Figure:
    """Draw the windows of a max pooling, the pixel that each keeps, and what no window sees.

    Args:
        images: One grey image ``(1, 1, h, w)``, small enough to write its numbers down.
        kernel_size: Rows and columns of a window, which is also the step to the next.

    Returns:
        The figure: windows framed, their largest pixel coloured, pixels of no window crossed out.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A shape does not fit.

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

    Source:
        Derived here.
    """
    check_drawable(images, name="images")
    step = check_int(kernel_size, name="kernel_size", minimum=1)
    pooled, chosen = max_pool2d(images, step, return_indices=True)
    if images.shape[:2] != (1, 1):
        raise ValueError(f"images: expected one grey image (1, 1, h, w), got {tuple(images.shape)}")
    (height, width), (rows, columns) = images.shape[2:], pooled.shape[2:]
    cell = 0.5
    figure, (before, after) = plt.subplots(
        1,
        2,
        figsize=(cell * (width + columns + 1.5), cell * height + 0.5),
        width_ratios=(width, columns),
        layout="constrained",
    )
    draw_cells(before, images.detach()[0, 0].cpu(), "image", fontsize=12)
    draw_cells(after, pooled.detach()[0, 0].cpu(), "max pooling", fontsize=12)
    equalize_cells(after, height, columns)
    for index, pixel in enumerate(chosen.flatten().tolist()):
        colour = COLOURS[index % (len(COLOURS) - 1)]
        row, column = divmod(index, columns)
        for axes, corner, side in (
            (before, (column * step + 0.06, row * step + 0.06), step - 0.12),
            (after, (column + 0.06, row + 0.06), 0.88),
        ):
            axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=colour, lw=3))
        for axes, position in ((before, divmod(pixel, width)), (after, (row, column))):
            axes.add_patch(
                Rectangle((position[1], position[0]), 1, 1, facecolor=colour, alpha=0.3, ec="none")
            )
    for row in range(height):
        for column in range(width):
            if row >= rows * step or column >= columns * step:
                before.add_patch(
                    Rectangle((column, row), 1, 1, facecolor="#EEEEEE", ec="#BBBBBB", hatch="//")
                )
    unseen = height * width - rows * step * columns * step
    describe(
        figure,
        f"An image of {height} x {width} pixels, {format_numbers(images)}, in framed windows of "
        f"{step} x {step}.",
        f"Of each window the largest stays: {format_numbers(pooled)}.",
        f"{count_noun(unseen, 'pixel')} at the edge, in no window, crossed out." if unseen else "",
    )
    return figure


def plot_overlap(parts: torch.Tensor) -> Figure:
    """Draw what each window puts on the image, and the sum of all, large.

    Where windows overlap the sum adds up: that is all there is to the gradient of an image.

    Args:
        parts: One small picture for each window, ``(oh, ow, h, w)``, zero outside the window.

    Returns:
        The figure: the parts in the order of their windows, then their sum.

    Raises:
        TypeError: ``parts`` is not a tensor.
        ValueError: ``parts`` does not have four axes, or one is empty.

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

    Source:
        Derived here.
    """
    check_drawable(parts, name="parts")
    if not isinstance(parts, torch.Tensor):
        raise TypeError(f"parts: expected a torch.Tensor, got {type(parts).__name__}")
    if parts.ndim != 4 or 0 in parts.shape:
        raise ValueError(
            f"parts: expected (oh, ow, h, w) with none of them 0, got {tuple(parts.shape)}"
        )
    parts = parts.detach().cpu()
    rows, columns = parts.shape[:2]
    total = parts.sum(dim=(0, 1))
    names = [[f"{row} {column}" for column in range(columns)] for row in range(rows)]
    # The sum takes half of the width: it is what one looks at.
    figure, panels = plt.subplot_mosaic(
        [[*line, *["sum"] * columns] for line in names], figsize=(6.4, 3.2), layout="constrained"
    )
    maximum = max(total.abs().max().item(), 1e-12)
    for line, few in zip(names, parts, strict=True):
        for name, part in zip(line, few, strict=True):
            draw_shaded_cells(panels[name], part, maximum, 8)
            panels[name].set_title("+" if name != "0 0" else "", fontsize=10, loc="left", pad=2)
    draw_shaded_cells(panels["sum"], total, maximum, 14)
    panels["sum"].set_title("= sum", fontsize=11)
    meeting = int((parts != 0).sum(dim=(0, 1)).max())
    describe(
        figure,
        f"{count_noun(rows * columns, 'picture')} of {parts.shape[2]} x {parts.shape[3]} numbers, one "
        f"for each window, and their sum: {format_numbers(total)}.",
        f"Up to {meeting} of them meet in a cell.",
    )
    return figure
