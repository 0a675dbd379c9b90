"""Colours, checks and drawing steps that the figures share."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from cnnbook._checks import check_float, check_images, summarize, tensor_remedy
from cnnbook.figures._themes import (
    COLOURS,
    FILL,
    LINE,
    NEGATIVE,
    PAPER,
    POSITIVE,
    SIGNED_COLORMAP,
)

__all__ = [
    "COLOURS",
    "SIGNED_COLORMAP",
    "add_box",
    "check_drawable",
    "check_grey_images",
    "check_mapping",
    "check_series",
    "check_strings",
    "check_titles",
    "draw_arrow",
    "draw_cells",
    "draw_image",
    "draw_number",
    "draw_number_table",
    "draw_signed_image",
    "shade_by_size",
    "style_axes",
    "tint_by_sign",
]


def check_mapping(
    value: Mapping[str, Any], kind: type | tuple[type, ...], *, name: str, what: str
) -> None:
    """Refuse anything but a dict from strings to ``kind`` with at least one entry."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: expected a dict of names and {what}, got {type(value).__name__}")
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"{name}: expected names that are strings, got {key!r}")
        if not isinstance(item, kind) or isinstance(item, (str, bytes)):
            raise TypeError(f"{name}: expected {what} for {key!r}, got {type(item).__name__}")
    if not value:
        raise ValueError(f"{name}: expected at least one name with {what}, got an empty dict")


def check_series(series: Mapping[str, Sequence[float]], *, name: str) -> None:
    """Refuse anything but a dict of names, each with a list of at least one finite number."""
    check_mapping(series, (list, tuple), name=name, what="a list of numbers")
    for key, numbers in series.items():
        if not numbers:
            raise ValueError(f"{name}: expected at least one number for {key!r}, got none")
        for number in numbers:
            check_float(number, name=name, above=-math.inf)


def check_strings(strings: Sequence[str], *, name: str) -> None:
    if not isinstance(strings, (list, tuple)) or not all(isinstance(text, str) for text in strings):
        raise TypeError(f"{name}: expected a list of strings, got {summarize(strings)}")


def check_titles(
    titles: Sequence[str],
    count: int,
    *,
    name: str = "titles",
    what: str = "images",
    optional: bool = True,
) -> None:
    """Refuse a list of titles that is not as long as the list of things to be named."""
    check_strings(titles, name=name)
    if len(titles) != count and (titles or not optional):
        raise ValueError(
            f"{name}: expected one for each of the {count} {what}{' or none' if optional else ''}, "
            f"got {len(titles)}"
        )


def check_drawable(tensor: torch.Tensor, *, name: str, finite: bool = False) -> None:
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(
            f"{name}: expected a torch.Tensor, got {type(tensor).__name__}; "
            f"{tensor_remedy(tensor, name=name)}"
        )
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{name}: expected real numbers to draw, got {tensor.dtype}")
    if finite and not torch.isfinite(tensor).all():
        raise ValueError(f"{name}: expected finite numbers to draw, got NaN or infinity")


def check_grey_images(images: torch.Tensor) -> None:
    check_drawable(images, name="images")
    check_images(images)
    if len(images) == 0 or images.shape[1] != 1:
        raise ValueError(
            f"images: expected (n, 1, h, w) with at least one image, got {tuple(images.shape)}"
        )


def style_axes(axes: Axes, *, grid: Literal["both", "x"] | None = "both") -> None:
    if grid:
        axes.grid(axis=grid, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def draw_arrow(figure: Figure, start: tuple[float, float], end: tuple[float, float]) -> None:
    figure.add_artist(
        FancyArrowPatch(
            start,
            end,
            transform=figure.transFigure,
            arrowstyle="-|>",
            mutation_scale=18,
            color=COLOURS[0],
            lw=2.5,
        )
    )


def draw_image(
    axes: Axes,
    picture: torch.Tensor,
    *,
    cmap: str | Colormap = "gray",
    **style: Any,  # noqa: ANN401
) -> None:
    """Draw numbers ``(h, w)`` as pixels with sharp edges."""
    numbers = picture.detach().cpu().float().numpy()  # numpy has no bfloat16.
    axes.imshow(numbers, cmap=cmap, interpolation="nearest", **style)


def draw_signed_image(
    axes: Axes,
    picture: torch.Tensor,
    largest: float,
    **style: Any,  # noqa: ANN401
) -> None:
    """Draw numbers from ``-largest`` to ``largest`` in colours, white at 0."""
    limit = largest or 1.0
    draw_image(axes, picture, cmap=SIGNED_COLORMAP, vmin=-limit, vmax=limit, **style)


def add_box(
    axes: Axes,
    row: float,
    column: float,
    rows: float = 1,
    columns: float = 1,
    **style: Any,  # noqa: ANN401
) -> None:
    """Draw a rectangle of cells, given in a tensor's order of axes: rows first, row 0 on top."""
    axes.add_patch(Rectangle((column, row), columns, rows, **style))


def draw_number(
    axes: Axes,
    row: float,
    column: float,
    number: float | torch.Tensor,
    **style: Any,  # noqa: ANN401
) -> None:
    """Write a number into the middle of a cell."""
    # Adding 0 takes the sign from a -0.0.
    text = f"{number + 0:.4g}"
    axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", **style)


def draw_cells(
    axes: Axes, numbers: torch.Tensor, title: str = "", *, fontsize: float = 12, zeros: bool = True
) -> None:
    """Write numbers into a grid of cells; ``zeros=False`` leaves the cells of zeros empty."""
    rows, columns = numbers.shape
    for row in range(rows):
        for column in range(columns):
            add_box(axes, row, column, facecolor=PAPER, edgecolor=LINE, lw=1)
            if zeros or numbers[row, column] != 0:
                draw_number(axes, row, column, numbers[row, column], fontsize=fontsize)
    axes.set(xlim=(-0.08, columns + 0.08), ylim=(rows + 0.08, -0.08), aspect="equal")
    axes.set_title(title)
    axes.set_axis_off()


def draw_number_table(
    table: Sequence[Sequence[tuple[str, torch.Tensor] | None]],
    *,
    cell: float,
    fontsize: float = 12,
    footer: float = 0,
) -> tuple[Figure, list[list[Axes]]]:
    """Draw grids of numbers in rows and columns, with cells of one size in all of them.

    Args:
        table: Rows of grids: a title and numbers ``(h, w)``, or None for an empty place.
        cell: Inches for a cell.
        fontsize: Points of the numbers.
        footer: Inches to leave free below the table.

    Returns:
        The figure, and its axes in rows.
    """
    sizes = [[numbers[1].shape if numbers else (0, 0) for numbers in line] for line in table]
    heights = [max(size[0] for size in line) for line in sizes]
    widths = [max(size[1] for size in line) for line in zip(*sizes, strict=True)]
    figure, grid = plt.subplots(
        len(heights),
        len(widths),
        figsize=(cell * (sum(widths) + len(widths)), cell * (sum(heights) + len(heights)) + footer),
        height_ratios=heights,
        width_ratios=widths,
        squeeze=False,
        layout="constrained",
    )
    for row, line in enumerate(table):
        for column, entry in enumerate(line):
            axes = grid[row, column]
            if entry is None:
                axes.set_axis_off()
                continue
            title, numbers = entry
            draw_cells(axes, numbers.detach().cpu(), title, fontsize=fontsize)
            _pad_limits(axes, heights[row], widths[column])
    return figure, grid.tolist()


def _pad_limits(axes: Axes, rows: int, columns: int) -> None:
    """Pad a grid's limits to those of a larger one, so that their cells are equally large."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    middle, centre = (left + right) / 2, (bottom + top) / 2
    axes.set_xlim(middle - columns / 2 - 0.08, middle + columns / 2 + 0.08)
    axes.set_ylim(centre + rows / 2 + 0.08, centre - rows / 2 - 0.08)


def tint_by_sign(axes: Axes, numbers: torch.Tensor) -> None:
    """Colour the cells of a grid by the sign of their numbers."""
    for row, column in numbers.nonzero().tolist():
        colour = POSITIVE if numbers[row, column] > 0 else NEGATIVE
        add_box(axes, row, column, facecolor=colour, alpha=0.25, ec="none")


def shade_by_size(axes: Axes, numbers: torch.Tensor, maximum: float) -> None:
    """Colour the cells of a grid: the farther a number is from 0, the bluer its cell."""
    for row, column in numbers.nonzero().tolist():
        shade = 0.75 * min(abs(numbers[row, column].item()) / maximum, 1)
        add_box(axes, row, column, facecolor=FILL, alpha=shade, ec="none")
