"""Figures of one window, its options, and the convolution as a matrix."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cnnbook._checks import check_int
from cnnbook.convolution import conv2d
from cnnbook.figures._alt_text import (
    count_noun,
    describe,
    describe_centre,
    format_extent,
    format_numbers,
    format_percent,
    format_range,
    name_in_sentence,
)
from cnnbook.figures._drawing import (
    COLOURS,
    check_drawable,
    check_mapping,
    check_texts,
    draw_arrow,
    draw_cells,
    equalize_cells,
    tint_by_sign,
)
from cnnbook.windows import window_sum, windows

__all__ = [
    "plot_conv_matrix",
    "plot_conv_options",
    "plot_equivariance",
    "plot_number_grids",
    "plot_window",
]


def plot_window(
    images: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    row: int,
    column: int,
) -> Figure:
    """Draw one window on the pixels, the kernel, the output, and the arithmetic below them.

    Args:
        images: One grey image ``(1, 1, h, w)``, small enough to write its numbers down.
        weight: One kernel ``(1, 1, kh, kw)``.
        bias: One number, shape ``(1,)``, or None.
        row: Output row of the window, counted from 0.
        column: Output column of the window, counted from 0.

    Returns:
        The figure.

    Raises:
        TypeError: An argument has the wrong type, or a dtype differs.
        ValueError: A shape does not fit, or there is no such window.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_window
        >>> image = torch.arange(4.0).reshape(1, 1, 2, 2)
        >>> figure = plot_window(image, torch.ones(1, 1, 2, 2), row=0, column=0)
        >>> figure.get_supxlabel()
        '1*0 + 1*1 + 1*2 + 1*3 = 6'
        >>> plot_window(image, torch.ones(1, 1, 2, 2), row=1, column=0)
        Traceback (most recent call last):
            ...
        ValueError: row: expected 0 to 0, since the output is 1 x 1, got 1

    Source:
        Derived here.
    """
    arithmetic = window_sum(images, weight, bias, row=row, column=column)
    if images.shape[:2] != (1, 1) or weight.shape[:2] != (1, 1):
        raise ValueError(
            "images, weight: expected one grey image (1, 1, h, w) and one kernel (1, 1, kh, kw), "
            f"got {tuple(images.shape)} and {tuple(weight.shape)}"
        )
    features = conv2d(images, weight, bias).detach()[0, 0].cpu()
    panels = (
        ("image", images.detach()[0, 0].cpu()),
        ("kernel", weight.detach()[0, 0].cpu()),
        ("output", features),
    )
    widths = [numbers.shape[1] for _, numbers in panels]
    tallest = max(numbers.shape[0] for _, numbers in panels)
    cell = 0.62
    width_in_inches = cell * (sum(widths) + 2.5)
    # Ten characters to the inch: a longer sum would run out of the figure on both sides.
    message = textwrap.fill(str(arithmetic), width=int(10 * width_in_inches))
    figure, axes = plt.subplots(
        1,
        3,
        figsize=(width_in_inches, cell * tallest + 1.0 + 0.2 * len(message.splitlines())),
        width_ratios=widths,
        layout="constrained",
    )
    for one, (title, numbers) in zip(axes, panels, strict=True):
        draw_cells(one, numbers, title)
    kernel_rows, kernel_columns = weight.shape[2:]
    marks = (
        (axes[0], (column, row), kernel_columns, kernel_rows),
        (axes[1], (0, 0), kernel_columns, kernel_rows),
        (axes[2], (column, row), 1, 1),
    )
    for one, corner, width, height in marks:
        one.add_patch(
            Rectangle(corner, width, height, facecolor=COLOURS[5], alpha=0.3, edgecolor="none")
        )
        one.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=COLOURS[0], lw=3))
    figure.supxlabel(message, fontsize=11)
    covered = images.detach()[0, 0, row : row + kernel_rows, column : column + kernel_columns]
    rows, columns = (
        format_range("row", row, row + kernel_rows - 1),
        format_range("column", column, column + kernel_columns - 1),
    )
    describe(
        figure,
        f"Grids of numbers: an image, {format_numbers(panels[0][1])}, a kernel, "
        f"{format_numbers(panels[1][1])}, and the output, {format_numbers(features)}.",
        f"The window at {rows}, {columns} covers {format_numbers(covered)} and gives "
        f"{arithmetic.total:.4g}.",
    )
    return figure


def plot_conv_options(
    image_size: int, kernel_size: int, settings: Mapping[str, Mapping[str, int]]
) -> Figure:
    """Draw what each knob does to the windows: the first one and its right neighbour.

    The pixels of the first window are filled, those of the window beside it carry a dot, and
    pixels that padding has added are hatched. The headings count the windows.

    Args:
        image_size: Rows, and columns, of the image.
        kernel_size: Rows, and columns, of the kernel.
        settings: A heading for each panel, and in it the knobs that are not at their default:
            ``stride``, ``padding``, ``dilation``.

    Returns:
        The figure, two panels in a row.

    Raises:
        TypeError: A number is not a whole one, or there is no such knob.
        ValueError: There is no panel, a number is too small, or the kernel does not fit.

    Examples:
        >>> from cnnbook.figures import plot_conv_options
        >>> figure = plot_conv_options(5, 3, {"plain": {}, "stride 2": {"stride": 2}})
        >>> [axes.get_title() for axes in figure.axes]
        ['plain: 3 x 3', 'stride 2: 2 x 2']
        >>> plot_conv_options(5, 3, {})
        Traceback (most recent call last):
            ...
        ValueError: settings: expected at least one panel, got none

    Source:
        Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, chapter 2
        (there one window a picture).
    """
    check_mapping(settings, Mapping, name="settings", what="knobs by name")
    if not settings:
        raise ValueError("settings: expected at least one panel, got none")
    size = check_int(image_size, name="image_size", minimum=1)
    rows = -(-len(settings) // 2)
    columns = min(2, len(settings))
    figure, panels = plt.subplots(
        rows, columns, figsize=(2.5 * columns, 2.7 * rows), squeeze=False, layout="constrained"
    )
    # One scale for all panels, so that a padded image is larger by its padding.
    reach = max(options.get("padding", 0) for options in settings.values())
    for axes in panels.flat[len(settings) :]:
        axes.set_visible(False)
    message = []
    for axes, (heading, options) in zip(panels.flat, settings.items(), strict=False):
        padding = options.get("padding", 0)
        side = size + 2 * padding
        # Row and column of every pixel, counted from the image's upper left one.
        places = torch.stack(torch.meshgrid(*(torch.arange(side) - padding,) * 2, indexing="ij"))[
            None
        ]
        rest = {name: value for name, value in options.items() if name != "padding"}
        every = windows(places, kernel_size, **rest)[0]
        for row, column in places[0].flatten(1).T.tolist():
            added = not (0 <= row < size and 0 <= column < size)
            axes.add_patch(
                Rectangle(
                    (column, row),
                    1,
                    1,
                    facecolor="#EEEEEE" if added else "white",
                    edgecolor="#999999",
                    hatch="////" if added else None,
                    lw=1,
                )
            )
        for row, column in every[:, 0, 0].flatten(1).T.tolist():
            axes.add_patch(
                Rectangle(
                    (column, row), 1, 1, facecolor=COLOURS[5], edgecolor=COLOURS[0], lw=2, zorder=2
                )
            )
        if every.shape[2] > 1:
            beside = every[:, 0, 1].flatten(1).T + 0.5
            axes.scatter(beside[:, 1], beside[:, 0], s=60, color=COLOURS[1], zorder=3)
        axes.set(
            xlim=(-reach - 0.1, size + reach + 0.1),
            ylim=(size + reach + 0.1, -reach - 0.1),
            aspect="equal",
        )
        axes.set_title(f"{heading}: {every.shape[1]} x {every.shape[2]}", fontsize=11)
        axes.set_axis_off()
        reached = int(every[0, 0, 0].max() - every[0, 0, 0].min()) + 1
        step = f", step {every[1, 0, 1].min() - every[1, 0, 0].min()}" if every.shape[2] > 1 else ""
        border = f", {padding} added around" if padding else ""
        message.append(
            f"{name_in_sentence(heading)}: {every.shape[1]} x {every.shape[2]}, span {reached}{step}{border}"
        )
    kernel = " x ".join(map(str, every.shape[-2:]))
    describe(
        figure,
        f"Image of {size} x {size} pixels, kernel {kernel}: first window filled, the next dotted. "
        "Windows there are:",
        message,
    )
    return figure


def plot_conv_matrix(matrices: Mapping[str, torch.Tensor]) -> Figure:
    """Draw where matrices hold numbers other than 0, and say how many.

    Where there are few rows and columns the numbers are written in. A large matrix is drawn
    coarser, and a dot then means that something stands near it, so that nothing is lost. Up to six
    different numbers have a colour each.

    Args:
        matrices: A heading and its matrix ``(rows, columns)``, dense or sparse.

    Returns:
        The figure, panels side by side.

    Raises:
        ValueError: There is no matrix, or one has not two axes or no entry.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_conv_matrix
        >>> figure = plot_conv_matrix({"A": torch.tensor([[1.0, 0.0], [2.0, 1.0]])})
        >>> figure.axes[0].get_xlabel()
        '3 of 4 entries, 75 %'
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1', '2', '1']
        >>> plot_conv_matrix({"A": torch.zeros(2)})
        Traceback (most recent call last):
            ...
        ValueError: A: expected (rows, columns) with at least one entry, got (2,)

    Source:
        Derived here.
    """
    check_mapping(matrices, torch.Tensor, name="matrices", what="a matrix")
    for matrix in matrices.values():
        check_drawable(matrix, name="matrices", sparse=True)
    if not matrices:
        raise ValueError("matrices: expected at least one, got none")
    for heading, matrix in matrices.items():
        if matrix.ndim != 2 or 0 in matrix.shape:
            raise ValueError(
                f"{heading}: expected (rows, columns) with at least one entry, "
                f"got {tuple(matrix.shape)}"
            )
    figure, panels = plt.subplots(
        1,
        len(matrices),
        figsize=(2.6 * len(matrices), 4.0),
        squeeze=False,
        layout="constrained",
    )
    message = []
    for axes, (heading, matrix) in zip(panels.flat, matrices.items(), strict=True):
        numbers = matrix.detach().cpu()
        numbers = numbers.to_dense() if numbers.is_sparse else numbers
        rows, columns = numbers.shape
        filled = numbers != 0
        held = int(filled.sum())
        kinds = sorted(set(numbers[filled].tolist()))
        # 0 for no entry, else the number of its colour.
        colour = torch.zeros(rows, columns)
        for index, value in enumerate(kinds if len(kinds) <= 6 else ()):
            colour[numbers == value] = index + 1
        if len(kinds) > 6:
            colour[filled] = 1
        # Coarser than the screen, which would skip pixels of a finer picture.
        steps = [-(-extent // 120) for extent in (rows, columns)]
        coarse = torch.nn.functional.max_pool2d(
            colour[None, None], steps, stride=steps, ceil_mode=True
        )
        axes.imshow(
            coarse[0, 0].numpy(),
            cmap=ListedColormap(["white", *COLOURS[:6]]),
            vmin=0,
            vmax=6,
            extent=(0, columns, rows, 0),
            interpolation="nearest",
            aspect="auto",
        )
        if max(rows, columns) <= 20:
            for row, column in filled.nonzero().tolist():
                axes.text(
                    column + 0.5,
                    row + 0.5,
                    f"{numbers[row, column]:.4g}",
                    ha="center",
                    va="center",
                    fontsize=9,
                    color="white",
                )
            axes.set_xticks(range(columns + 1), [])
            axes.set_yticks(range(rows + 1), [])
            axes.grid(color="#BBBBBB", lw=0.6)
            axes.tick_params(length=0)
        else:
            axes.set_xticks([0, columns], ["0", f"{columns:,}"], fontsize=9)
            axes.set_yticks([0, rows], ["0", f"{rows:,}"], fontsize=9)
        entries = rows * columns
        axes.set_title(heading, fontsize=11)
        axes.set_xlabel(
            f"{held:,} of {entries:,} entries, {format_percent(held, entries)}", fontsize=9
        )
        minimum, maximum = (int(count) for count in filled.sum(dim=0).aminmax())
        each = (
            f"{maximum} in each column"
            if minimum == maximum
            else f"{minimum} to {maximum} in a column"
        )
        those = f"each {kinds[0]:.4g}" if len(kinds) == 1 else f"from {format_extent(numbers)}"
        shape = f"{rows:,} x {columns:,}"
        message.append(
            ("" if heading == shape else f"{name_in_sentence(heading)}, ")
            + f"{shape}: {held:,} of {entries:,} entries not 0, {format_percent(held, entries)}"
            + (f", {each}, {those if entries > 16 else format_numbers(numbers)}" if held else "")
        )
    describe(
        figure,
        f"{count_noun(len(matrices), 'picture')} of where a matrix is not 0, coloured by number.",
        message,
    )
    return figure


def plot_equivariance(corners: Sequence[torch.Tensor], *, across: str, down: str) -> Figure:
    """Draw four pictures at the corners of a square: from the first to the last by two ways.

    Args:
        corners: Grey images ``(1, 1, h, w)``: the first one, what ``across`` makes of it, what
            ``down`` makes of it, and what both make of it.
        across: What is written on the arrows to the right.
        down: What is written on the arrows downwards.

    Returns:
        The figure; pictures with a number below 0 are shown around grey.

    Raises:
        ValueError: There are not four images, or one is no grey image.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_equivariance
        >>> figure = plot_equivariance([torch.eye(3)[None, None]] * 4, across="flip", down="turn")
        >>> len(figure.axes), [text.get_text() for text in figure.texts]
        (4, ['flip', 'turn', 'flip', 'turn'])
        >>> plot_equivariance([torch.eye(3)[None, None]], across="flip", down="turn")
        Traceback (most recent call last):
            ...
        ValueError: corners: expected four grey images (1, 1, h, w), got [(1, 1, 3, 3)]

    Source:
        Derived here.
    """
    if not isinstance(corners, (list, tuple)):
        raise TypeError(f"corners: expected four images in a list, got {type(corners).__name__}")
    for corner in corners:
        check_drawable(corner, name="corners")
    check_texts([across], name="across")
    check_texts([down], name="down")
    shapes = [tuple(corner.shape) for corner in corners]
    if len(shapes) != 4 or any(len(shape) != 4 or shape[:2] != (1, 1) for shape in shapes):
        raise ValueError(f"corners: expected four grey images (1, 1, h, w), got {shapes}")
    figure = plt.figure(figsize=(4.8, 4.8))
    side, gap = 0.36, 0.22
    for index, corner in enumerate(corners):
        row, column = divmod(index, 2)
        axes = figure.add_axes(
            (0.03 + column * (side + gap), 0.97 - side - row * (side + gap), side, side)
        )
        picture = corner.detach()[0, 0].cpu()
        maximum = float(picture.abs().max()) or 1.0
        signed = bool((picture < 0).any())
        axes.imshow(
            picture.numpy(),
            cmap="gray",
            vmin=-maximum if signed else 0,
            vmax=maximum,
            interpolation="nearest",
        )
        axes.set(xticks=[], yticks=[])
    start, middle = 0.03 + side, 0.97 - side / 2
    for row in (0, 1):
        level = middle - row * (side + gap)
        draw_arrow(figure, (start + 0.02, level), (start + gap - 0.02, level))
        figure.text(start + gap / 2, level + 0.02, across, ha="center", va="bottom", fontsize=11)
        centre = 0.03 + side / 2 + row * (side + gap)
        top = 0.97 - side
        draw_arrow(figure, (centre, top - 0.02), (centre, top - gap + 0.02))
        figure.text(centre + 0.02, top - gap / 2, down, ha="left", va="center", fontsize=11)
    places = ("upper left", "upper right", "lower left", "lower right")
    describe(
        figure,
        f"Four grey images at the corners of a square, arrows to the right: {name_in_sentence(across)}, "
        f"downwards: {name_in_sentence(down)}.",
        "Middle of what is not 0, by row and column:",
        [
            f"{position} {describe_centre(corner.detach()[0, 0])}"
            for position, corner in zip(places, corners, strict=True)
        ],
    )
    return figure


def plot_number_grids(grids: Mapping[str, torch.Tensor]) -> Figure:
    """Draw small grids of numbers side by side, blue above 0 and orange below.

    Args:
        grids: A title and its numbers ``(h, w)``, few enough to write them down.

    Returns:
        The figure; a cell is equally large in all grids.

    Raises:
        ValueError: There is no grid, or one does not have two axes or is empty.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_number_grids
        >>> figure = plot_number_grids({"a": torch.tensor([[1.0, -2.0]]), "b": torch.zeros(1, 1)})
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1', '-2']
        >>> plot_number_grids({"a": torch.zeros(3)})
        Traceback (most recent call last):
            ...
        ValueError: a: expected numbers (h, w), got (3,)

    Source:
        Derived here.
    """
    check_mapping(grids, torch.Tensor, name="grids", what="a grid of numbers")
    for grid in grids.values():
        check_drawable(grid, name="grids")
    if not grids:
        raise ValueError("grids: expected at least one grid, got none")
    for title, numbers in grids.items():
        if numbers.ndim != 2 or 0 in numbers.shape:
            raise ValueError(f"{title}: expected numbers (h, w), got {tuple(numbers.shape)}")
    widths = [numbers.shape[1] for numbers in grids.values()]
    tallest = max(numbers.shape[0] for numbers in grids.values())
    cell = 0.46
    figure, axes = plt.subplots(
        1,
        len(grids),
        figsize=(cell * (sum(widths) + len(grids)), cell * tallest + 0.5),
        width_ratios=widths,
        squeeze=False,
        layout="constrained",
    )
    for one, (title, numbers) in zip(axes.flat, grids.items(), strict=True):
        draw_cells(one, numbers.detach().cpu(), title, fontsize=12)
        tint_by_sign(one, numbers.detach().cpu())
        equalize_cells(one, tallest, numbers.shape[1])
    describe(
        figure,
        f"{count_noun(len(grids), 'grid')} of numbers, blue above 0 and orange below.",
        [
            f"{name_in_sentence(title)}, {numbers.shape[0]} x {numbers.shape[1]}: {format_numbers(numbers)}"
            for title, numbers in grids.items()
        ],
    )
    return figure
