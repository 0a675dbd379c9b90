"""Colours, checks and small drawing steps that all figures share."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

__all__ = [
    "COLOURS",
    "SIGNED_COLORMAP",
    "check_drawable",
    "check_fields",
    "check_grey",
    "check_mapping",
    "check_texts",
    "draw_arrow",
    "draw_cells",
    "draw_shaded_cells",
    "equalize_cells",
    "tint_by_sign",
]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def check_mapping(
    value: Mapping[str, Any], kind: type | tuple[type, ...], *, name: str, what: str
) -> None:
    """Refuse anything but a dict of names, each with what belongs to it."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: expected a dict of names and {what}, got {type(value).__name__}")
    for heading, item in value.items():
        if not isinstance(heading, str):
            raise TypeError(f"{name}: expected names that are texts, got {heading!r}")
        if not isinstance(item, kind) or isinstance(item, (str, bytes)):
            raise TypeError(f"{name}: expected {what} for {heading!r}, got {type(item).__name__}")


def check_fields(fields: Sequence[tuple[range, range]]) -> None:
    pairs = isinstance(fields, (list, tuple)) and all(
        isinstance(field, (list, tuple))
        and len(field) == 2
        and all(isinstance(axis, range) for axis in field)
        for field in fields
    )
    if not pairs:
        raise TypeError(f"fields: expected a list of pairs of ranges, got {fields!r}")


def check_grey(images: torch.Tensor) -> None:
    if len(images) == 0 or images.shape[1] != 1:
        raise ValueError(
            f"images: expected (n, 1, h, w) with at least one image, got {tuple(images.shape)}"
        )


def check_texts(texts: Sequence[str], *, name: str) -> None:
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{name}: expected a list of texts, got {texts!r}")


def check_drawable(tensor: torch.Tensor, *, name: str, sparse: bool = False) -> None:
    """Refuse numbers that cannot be drawn: none at all, complex ones, ones that are nowhere."""
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(
            f"{name}: expected a torch.Tensor, got {type(tensor).__name__}; "
            f"convert with torch.tensor({name})"
        )
    if tensor.is_meta:
        raise ValueError(f"{name}: expected numbers to draw, got a tensor on 'meta'")
    if tensor.layout != torch.strided and not sparse:
        raise TypeError(
            f"{name}: expected a dense tensor, got {tensor.layout}; convert with {name}.to_dense()"
        )
    if tensor.is_complex() or tensor.dtype in _NARROW:
        raise TypeError(f"{name}: expected real numbers to draw, got {tensor.dtype}")


# For storing only: torch neither compares nor sums them.
_NARROW = tuple(
    getattr(torch, kind) for kind in dir(torch) if kind.startswith(("float8", "float4"))
)


def draw_cells(axes: Axes, numbers: torch.Tensor, title: str, *, fontsize: float = 10) -> None:
    """Write numbers into a grid of cells, as on squared paper."""
    rows, columns = numbers.shape
    for row in range(rows):
        for column in range(columns):
            axes.add_patch(
                Rectangle((column, row), 1, 1, facecolor="white", edgecolor="#999999", lw=1)
            )
            axes.text(
                column + 0.5,
                row + 0.5,
                f"{numbers[row, column]:.4g}",
                ha="center",
                va="center",
                fontsize=fontsize,
            )
    axes.set(xlim=(-0.08, columns + 0.08), ylim=(rows + 0.08, -0.08), aspect="equal")
    axes.set_title(title)
    axes.set_axis_off()


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


# Below 0, at 0, above 0.
SIGNED_COLORMAP = LinearSegmentedColormap.from_list("signed", [COLOURS[1], "white", COLOURS[0]])


def tint_by_sign(axes: Axes, numbers: torch.Tensor) -> None:
    """Colour the cells of a grid by the sign of their numbers."""
    for row, column in numbers.nonzero().tolist():
        colour = COLOURS[0] if numbers[row, column] > 0 else COLOURS[1]
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, alpha=0.25, ec="none"))


def equalize_cells(axes: Axes, rows: int, columns: int) -> None:
    """Give a grid of cells the room of a larger one, around its middle, so that cells are equal."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    middle, centre = (left + right) / 2, (bottom + top) / 2
    axes.set_xlim(middle - columns / 2 - 0.08, middle + columns / 2 + 0.08)
    axes.set_ylim(centre + rows / 2 + 0.08, centre - rows / 2 - 0.08)


def draw_shaded_cells(
    axes: Axes, numbers: torch.Tensor, maximum: float, font: int, *, zeros: bool = False
) -> None:
    """Write numbers into cells that are the bluer the larger the number; zeros if wanted."""
    rows, columns = numbers.shape
    for row in range(rows):
        for column in range(columns):
            number = numbers[row, column].item()
            shade = 0.75 * min(abs(number) / maximum, 1)
            axes.add_patch(
                Rectangle((column, row), 1, 1, facecolor="white", edgecolor="#999999", lw=1)
            )
            axes.add_patch(
                Rectangle((column, row), 1, 1, facecolor=COLOURS[5], alpha=shade, edgecolor="none")
            )
            if number or zeros:
                axes.text(
                    column + 0.5,
                    row + 0.5,
                    # Adding 0 takes the sign from a -0.0.
                    f"{number + 0.0:.4g}",
                    ha="center",
                    va="center",
                    fontsize=font,
                )
    axes.set(xlim=(-0.08, columns + 0.08), ylim=(rows + 0.08, -0.08), aspect="equal")
    axes.set_axis_off()
