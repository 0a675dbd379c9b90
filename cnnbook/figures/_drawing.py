"""Sizes, checks and drawing steps that the figures share."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.ticker import LogLocator, NullFormatter

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
    "SMALL",
    "TEXT",
    "WIDTH",
    "add_box",
    "add_scale",
    "check_drawable",
    "check_grey_images",
    "check_mapping",
    "check_series",
    "check_strings",
    "check_titles",
    "draw_arrow",
    "draw_cells",
    "draw_image",
    "draw_marked_curves",
    "draw_number",
    "draw_number_rows",
    "draw_number_table",
    "draw_signed_image",
    "row_width",
    "shade_by_size",
    "style_axes",
    "tint_by_sign",
    "wrap_grids",
    "write_log_ticks",
]

# Inches of the widest figure, and points of its text. A telephone shows it 350 pixels wide, where
# the smallest text has 9.5 pixels.
WIDTH = 5.1
SMALL, TEXT = 10, 11


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


def draw_marked_curves(axes: Axes, curves: Mapping[str, Sequence[float]], *, first: int) -> None:
    """Draw curves with a marker at each number, for readers who cannot tell colours apart."""
    markers = "osD^vP*"
    for index, (name, numbers) in enumerate(curves.items()):
        axes.plot(
            range(first, first + len(numbers)),
            list(numbers),
            marker=markers[index % len(markers)],
            color=COLOURS[index % len(COLOURS)],
            label=name,
            lw=2,
            ms=6,
        )


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
    """Draw numbers from ``-largest`` to ``largest`` in colours, that of the page at 0."""
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


def add_scale(figure: Figure, panels: Sequence[Axes], largest: float) -> None:
    """Draw the scale of the signed images of some panels beside them: what each colour means."""
    limit = largest or 1.0
    rows = {panel.get_subplotspec().rowspan.start for panel in panels}  # type: ignore[union-attr]
    style: dict[str, Any] = {"ax": list(panels), "aspect": 12 * len(rows), "pad": 0.02}
    if len(rows) == 1:
        # Within the column of the last panel, so that the panels of other rows stay in line.
        style = {"cax": panels[-1].inset_axes((1.06, 0, 0.08, 1))}
    bar = figure.colorbar(
        panels[0].images[0],
        ticks=[-limit, 0, limit],
        format=lambda number, _: f"{number:,.0f}" if abs(number) >= 100 else f"{number:.2g}",
        **style,
    )
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_edgecolor(LINE)


def write_log_ticks(axis: Axis) -> None:
    """Write the numbers of a logarithmic axis as 2 and 0.6, not as 2 x 10^0."""
    low, high = axis.get_view_interval()
    decades = math.log10(high / low) if 0 < low < high else 1.0
    if decades < 1.2:
        digits: Sequence[float] = (1, 1.5, 2, 3, 4, 6, 8)
    else:
        digits = (1, 2, 5) if decades < 2.5 else (1,)
    axis.set_major_locator(LogLocator(subs=digits, numticks=8))
    # More than six zeros are counted more quickly in an exponent.
    if decades < 6:
        axis.set_major_formatter(lambda number, _: f"{number:,.10g}")
    axis.set_minor_formatter(NullFormatter())


_Entry = tuple[str, torch.Tensor] | str
# Inches around an operator, between two grids, and of the letters of a title.
_OPERATOR, _GAP, _LETTER = 0.36, 0.22, 0.088


def _entry_width(entry: _Entry, cell: float) -> float:
    if isinstance(entry, str):
        return _OPERATOR + _LETTER * (len(entry) - 1)
    title, numbers = entry
    return max(numbers.shape[1] * cell, max(map(len, title.split("\n"))) * _LETTER) + _GAP


def row_width(row: Sequence[_Entry], *, cell: float) -> float:
    """Return the inches of a row of grids and operators."""
    return sum(_entry_width(entry, cell) for entry in row)


def wrap_grids(grids: Sequence[_Entry], *, cell: float) -> list[list[_Entry]]:
    """Put grids, and operators between them, into as many rows as their widths need."""
    rows: list[list[_Entry]] = [[]]
    for position, entry in enumerate(grids):
        # An operator stays with the grid that follows it.
        pair = grids[position : position + 2] if isinstance(entry, str) else [entry]
        width = row_width([*rows[-1], *pair], cell=cell)
        follows_operator = rows[-1] and isinstance(rows[-1][-1], str)
        if rows[-1] and width > WIDTH - 0.2 and not follows_operator:
            rows.append([])
        rows[-1].append(entry)
    return rows


def draw_number_rows(
    rows: Sequence[Sequence[_Entry]],
    *,
    cells: Sequence[float],
    fontsizes: Sequence[float],
    footer: float = 0,
    zeros: bool = True,
) -> tuple[Figure, list[Axes]]:
    """Draw rows of grids of numbers, with operators such as "x", "+" and "=" between them.

    Args:
        rows: In each row grids, a title and numbers ``(h, w)``, and operators, a string each.
        cells: Inches for a cell in each row.
        fontsizes: Points of the numbers in each row.
        footer: Inches to leave free below.
        zeros: Whether to write zeros.

    Returns:
        The figure, and the axes of the grids.
    """
    widths = [row_width(row, cell=cell) for row, cell in zip(rows, cells, strict=True)]
    heights, titles = [], []
    for row, cell in zip(rows, cells, strict=True):
        grids = [entry for entry in row if not isinstance(entry, str)]
        lines = max((len(title.split("\n")) for title, _ in grids if title), default=0)
        titles.append(0.12 + 0.2 * lines)
        heights.append(titles[-1] + max(numbers.shape[0] for _, numbers in grids) * cell + 0.06)
    width, height = max(widths) + 0.1, sum(heights) + 0.06 + footer
    figure = plt.figure(figsize=(width, height))
    drawn = []
    top = height
    for index, row in enumerate(rows):
        cell, left = cells[index], (width - widths[index]) / 2
        # The middle of the cells, without the titles.
        middle = top - titles[index] - (heights[index] - titles[index] - 0.06) / 2
        for entry in row:
            extent = _entry_width(entry, cell)
            centre = left + extent / 2
            if isinstance(entry, str):
                figure.text(
                    centre / width, middle / height, entry, ha="center", va="center", fontsize=15
                )
            else:
                title, numbers = entry
                rows_across, columns = numbers.shape
                # draw_cells leaves 0.08 of a cell on each side.
                size = ((columns + 0.16) * cell / width, (rows_across + 0.16) * cell / height)
                place = (centre / width - size[0] / 2, middle / height - size[1] / 2)
                axes = figure.add_axes((*place, *size))
                draw_cells(axes, numbers.detach().cpu(), fontsize=fontsizes[index], zeros=zeros)
                axes.set_title(title, fontsize=TEXT, pad=4)
                drawn.append(axes)
            left += extent
        top -= heights[index]
    return figure, drawn


def draw_number_table(
    table: Sequence[Sequence[_Entry | None]], *, cell: float, fontsize: float = 12
) -> tuple[Figure, list[list[Axes]]]:
    """Draw grids of numbers in rows and columns, with cells of one size in all of them.

    Args:
        table: Rows of grids: a title and numbers ``(h, w)``, an operator, or None for an empty
            place. A row of operators only needs no space for titles.
        cell: Inches for a cell.
        fontsize: Points of the numbers.

    Returns:
        The figure, and its axes in rows.
    """
    sizes = [
        [(0.6, 0.6) if isinstance(one, str) else one[1].shape if one else (0, 0) for one in line]
        for line in table
    ]
    heights = [max(size[0] for size in line) for line in sizes]
    widths = [max(size[1] for size in line) for line in zip(*sizes, strict=True)]
    titled = sum(any(isinstance(one, tuple) for one in line) for line in table)
    figure, grid = plt.subplots(
        len(heights),
        len(widths),
        figsize=(cell * (sum(widths) + 0.6 * len(widths)), cell * (sum(heights) + titled)),
        height_ratios=heights,
        width_ratios=widths,
        squeeze=False,
        layout="constrained",
    )
    for row, line in enumerate(table):
        for column, entry in enumerate(line):
            axes = grid[row, column]
            if entry is None or isinstance(entry, str):
                axes.set_axis_off()
                if entry:
                    style = {"ha": "center", "va": "center", "fontsize": 15}
                    axes.text(0.5, 0.5, entry, transform=axes.transAxes, **style)
                continue
            title, numbers = entry
            draw_cells(axes, numbers.detach().cpu(), title, fontsize=fontsize)
            axes.set_title(title, fontsize=TEXT)
            _pad_limits(axes, heights[row], widths[column])
    return figure, grid.tolist()


def _pad_limits(axes: Axes, rows: float, columns: float) -> None:
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
