"""Figures of one window, its options, and the convolution as a matrix."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

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
    check_strings,
    draw_arrow,
    draw_image,
    draw_number,
    draw_number_rows,
    draw_signed_image,
    row_width,
    tint_by_sign,
    wrap_grids,
)
from cnnbook.figures._themes import FILL, INK, LINE, PAPER, SHADE
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
    """Draw one window on the pixels, the kernel, bias and output, and the arithmetic below them.

    Args:
        images: One grey image ``(1, 1, h, w)``, small enough to write its numbers down.
        weight: One kernel ``(1, 1, kh, kw)``.
        bias: One number, shape ``(1,)``, or None.
        row: Output row of the window, counted from 0.
        column: Output column of the window, counted from 0.

    Returns:
        The figure.

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
    """
    arithmetic = window_sum(images, weight, bias, row=row, column=column)
    if images.shape[:2] != (1, 1) or weight.shape[:2] != (1, 1):
        raise ValueError(
            "images, weight: expected one grey image (1, 1, h, w) and one kernel (1, 1, kh, kw), "
            f"got {tuple(images.shape)} and {tuple(weight.shape)}"
        )
    image, kernel = images[0, 0], weight[0, 0]
    output = conv2d(images, weight, bias)[0, 0]
    longest = max(len(f"{number:.4g}") for part in (image, kernel) for number in part.flatten())
    cell = 0.42 + 0.075 * max(longest - 3, 0)
    grids: list[tuple[str, torch.Tensor] | str] = [
        ("image", image),
        "\N{MULTIPLICATION SIGN}",
        ("kernel", kernel),
    ]
    if bias is not None:
        grids += ["+", ("bias", bias.detach().reshape(1, 1))]
    grids += ["=", ("output", output)]
    rows = wrap_grids(grids, cell=cell)
    # Eleven characters per inch: a longer line would extend beyond the figure on both sides.
    inches = max(row_width(row, cell=cell) for row in rows)
    sum_text = textwrap.fill(str(arithmetic), width=int(11 * inches))
    figure, axes_of_grids = draw_number_rows(
        rows,
        cells=[cell] * len(rows),
        fontsizes=[SMALL + 0.5] * len(rows),
        footer=0.15 + 0.2 * len(sum_text.splitlines()),
    )
    panels = [*axes_of_grids[:2], axes_of_grids[-1]]
    kernel_rows, kernel_columns = kernel.shape
    for axes, box in zip(
        panels,
        (
            (row, column, kernel_rows, kernel_columns),
            (0, 0, kernel_rows, kernel_columns),
            (row, column),
        ),
        strict=True,
    ):
        add_box(axes, *box, facecolor=FILL, alpha=0.3, edgecolor="none")
        add_box(axes, *box, fill=False, edgecolor=COLOURS[0], lw=3)
    figure.supxlabel(sum_text, fontsize=TEXT)
    covered = image[row : row + kernel_rows, column : column + kernel_columns]
    height = format_range("row", row, row + kernel_rows - 1)
    width = format_range("column", column, column + kernel_columns - 1)
    describe(
        figure,
        f"Grids of numbers: an image, {format_numbers(image)}, a kernel, {format_numbers(kernel)}, "
        + ("" if bias is None else f"a bias, {format_numbers(bias)}, ")
        + f"and the output, {format_numbers(output)}.",
        f"The window at {height}, {width} covers {format_numbers(covered)} and gives "
        f"{arithmetic.total:.4g}.",
    )
    return figure


def plot_conv_options(
    image_size: int, kernel_size: int, settings: Mapping[str, Mapping[str, int]]
) -> Figure:
    """Draw what each option does to the windows: the first one and its right neighbour.

    The pixels of the first window are filled, those of the next window carry a dot, and pixels
    added by padding are hatched. The titles count the windows.

    Args:
        image_size: Rows, and columns, of the image.
        kernel_size: Rows, and columns, of the kernel.
        settings: A title for each panel, and in it the options that are not at their default:
            ``stride``, ``padding``, ``dilation``.

    Returns:
        The figure, two panels in a row.

    Raises:
        TypeError: An option is unknown.

    Examples:
        >>> from cnnbook.figures import plot_conv_options
        >>> figure = plot_conv_options(5, 3, {"plain": {}, "stride 2": {"stride": 2}})
        >>> [axes.get_title() for axes in figure.axes]
        ['plain: 3 x 3', 'stride 2: 2 x 2']
        >>> plot_conv_options(5, 3, {})
        Traceback (most recent call last):
            ...
        ValueError: settings: expected at least one name with options, got an empty dict

    Source:
        Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, chapter 2
        (there one window a picture).
    """
    check_mapping(settings, Mapping, name="settings", what="options")
    size = check_int(image_size, name="image_size", minimum=1)
    rows = -(-len(settings) // 2)
    columns = min(2, len(settings))
    figure, panels = plt.subplots(
        rows, columns, figsize=(2.5 * columns, 2.7 * rows), squeeze=False, layout="constrained"
    )
    # One scale for all panels, so that a padded image is larger by its padding.
    border = max(options.get("padding", 0) for options in settings.values())
    for axes in panels.flat[len(settings) :]:
        axes.set_visible(False)
    details = []
    for axes, (title, options) in zip(panels.flat, settings.items(), strict=False):
        padding = options.get("padding", 0)
        # Row and column of every pixel, counted from the image's upper left one: (1, 2, h, w).
        axis = torch.arange(size + 2 * padding, device="cpu") - padding
        pixels = torch.stack(torch.meshgrid(axis, axis, indexing="ij"))[None]
        # The padding is in the pixels already.
        others = {name: value for name, value in options.items() if name != "padding"}
        # (2, oh, ow, kh, kw): row and column of each window's pixels.
        covered = windows(pixels, kernel_size, **others)[0]
        (_, out_rows, out_columns), kernel = covered.shape[:3], covered.shape[3:]
        for row, column in pixels[0].flatten(1).T.tolist():
            is_added = not (0 <= row < size and 0 <= column < size)
            add_box(
                axes,
                row,
                column,
                facecolor=SHADE if is_added else PAPER,
                edgecolor=LINE,
                hatch="////" if is_added else None,
                lw=1,
            )
        for row, column in covered[:, 0, 0].flatten(1).T.tolist():
            add_box(axes, row, column, facecolor=FILL, edgecolor=COLOURS[0], lw=2, zorder=2)
        span = int(covered[0, 0, 0].max() - covered[0, 0, 0].min()) + 1
        detail = f"{name_in_sentence(title)}: {out_rows} x {out_columns}, span {span}"
        if out_columns > 1:
            dots = covered[:, 0, 1].flatten(1) + 0.5
            axes.scatter(dots[1], dots[0], s=60, color=INK, zorder=3)
            detail += f", step {covered[1, 0, 1].min() - covered[1, 0, 0].min()}"
        if padding:
            detail += f", {padding} added around"
        details.append(detail)
        axes.set(
            xlim=(-border - 0.1, size + border + 0.1),
            ylim=(size + border + 0.1, -border - 0.1),
            aspect="equal",
        )
        axes.set_title(f"{title}: {out_rows} x {out_columns}", fontsize=TEXT)
        axes.set_axis_off()
    describe(
        figure,
        f"Image of {size} x {size} pixels, kernel {format_size(kernel)}: first window filled, the "
        "next dotted. Number of windows:",
        details,
    )
    return figure


def plot_conv_matrix(matrices: Mapping[str, torch.Tensor]) -> Figure:
    """Draw where matrices hold numbers other than 0, and say how many.

    With few rows and columns, the numbers are written into the cells. A large matrix is drawn
    coarser: a dot then means that at least one entry near it is not 0, so that none is lost. Up to
    six different numbers have a colour each.

    Args:
        matrices: A title and its matrix ``(rows, columns)``, dense or sparse.

    Returns:
        The figure, panels side by side.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_conv_matrix
        >>> figure = plot_conv_matrix({"A": torch.tensor([[1.0, 0.0], [2.0, 1.0]])})
        >>> figure.axes[0].get_xlabel().splitlines()
        ['3 of 4 entries,', '75 %']
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1', '2', '1']
        >>> plot_conv_matrix({"A": torch.zeros(2)})
        Traceback (most recent call last):
            ...
        ValueError: A: expected (rows, columns) with at least one entry, got (2,)
    """
    check_mapping(matrices, torch.Tensor, name="matrices", what="a matrix")
    for title, matrix in matrices.items():
        check_drawable(matrix, name="matrices")
        if matrix.ndim != 2 or 0 in matrix.shape:
            raise ValueError(
                f"{title}: expected (rows, columns) with at least one entry, "
                f"got {tuple(matrix.shape)}"
            )
    figure, panels = plt.subplots(
        1,
        len(matrices),
        figsize=(2.55 * len(matrices), 4.0),
        squeeze=False,
        layout="constrained",
    )
    details = []
    for axes, (title, matrix) in zip(panels.flat, matrices.items(), strict=True):
        numbers = matrix.detach().cpu().to_dense()
        _draw_matrix(axes, numbers)
        count, entries = int((numbers != 0).sum()), numbers.numel()
        label = f"{count:,} of {entries:,} entries, {format_percent(count, entries)}"
        axes.set_title(title, fontsize=TEXT)
        axes.set_xlabel(label.replace(" entries, ", " entries,\n"), fontsize=SMALL)
        size = format_size(numbers.shape)
        details.append(
            ("" if title == size else f"{name_in_sentence(title)}, ")
            + f"{size}: {label.replace(' entries', ' entries not 0')}"
            + (f", {_describe_entries(numbers)}" if count else "")
        )
    describe(
        figure,
        f"{count_noun(len(matrices), 'picture')} of where a matrix is not 0, coloured by number.",
        details,
    )
    return figure


def _draw_matrix(axes: Axes, numbers: torch.Tensor) -> None:
    """Draw the entries other than 0, and write the numbers in if there are few."""
    rows, columns = numbers.shape
    nonzero = numbers != 0
    values = sorted(set(numbers[nonzero].tolist()))
    # 0 for an entry of 0, otherwise the index of its colour.
    colours = nonzero.float()
    if len(values) <= 6:
        for index, value in enumerate(values):
            colours[numbers == value] = index + 1
    # Coarser than the screen, which would skip some pixels of a finer picture.
    steps = [-(-extent // 120) for extent in (rows, columns)]
    coarse = torch.nn.functional.max_pool2d(
        colours[None, None], steps, stride=steps, ceil_mode=True
    )
    draw_image(
        axes,
        coarse[0, 0],
        cmap=ListedColormap([PAPER, *COLOURS[:6]]),
        vmin=0,
        vmax=6,
        extent=(0, columns, rows, 0),
        aspect="auto",
    )
    if max(rows, columns) <= 20:
        for row, column in nonzero.nonzero().tolist():
            draw_number(axes, row, column, numbers[row, column], fontsize=SMALL, color=PAPER)
        axes.set_xticks(range(columns + 1), [])
        axes.set_yticks(range(rows + 1), [])
        axes.grid(color=LINE, lw=0.6)
        axes.tick_params(length=0)
    else:
        axes.set_xticks([0, columns], ["0", f"{columns:,}"], fontsize=SMALL)
        axes.set_yticks([0, rows], ["0", f"{rows:,}"], fontsize=SMALL)


def _describe_entries(numbers: torch.Tensor) -> str:
    """Say how many entries of a column are not 0, and which numbers they are."""
    nonzero = numbers != 0
    minimum, maximum = (int(count) for count in nonzero.sum(dim=0).aminmax())
    text = f"{minimum} to {maximum} in a column"
    if minimum == maximum:
        text = f"{maximum} in each column"
    values = set(numbers[nonzero].tolist())
    if numbers.numel() <= 16:
        return f"{text}, {format_numbers(numbers)}"
    if len(values) == 1:
        return f"{text}, each {values.pop():.4g}"
    return f"{text}, from {format_extent(numbers)}"


def plot_equivariance(corners: Sequence[torch.Tensor], *, across: str, down: str) -> Figure:
    """Draw four images at the corners of a square: two paths from the first to the last.

    Args:
        corners: Grey images ``(1, 1, h, w)``: the first one, what ``across`` makes of it, what
            ``down`` makes of it, and what both make of it.
        across: What is written on the arrows to the right.
        down: What is written on the arrows downwards.

    Returns:
        The figure; where a number is below 0, blue is above 0 and orange below, with the limits
        of the scale written below.

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
    """
    if not isinstance(corners, (list, tuple)):
        raise TypeError(f"corners: expected four images in a list, got {type(corners).__name__}")
    for corner in corners:
        check_drawable(corner, name="corners")
    check_strings([across], name="across")
    check_strings([down], name="down")
    shapes = [tuple(corner.shape) for corner in corners]
    if len(shapes) != 4 or any(len(shape) != 4 or shape[:2] != (1, 1) for shape in shapes):
        raise ValueError(f"corners: expected four grey images (1, 1, h, w), got {shapes}")
    figure = plt.figure(figsize=(4.8, 4.9))
    side, gap = 0.35, 0.22
    for index, corner in enumerate(corners):
        row, column = divmod(index, 2)
        axes = figure.add_axes(
            (0.03 + column * (side + gap), 0.98 - side - row * (side + gap), side, side)
        )
        maximum = float(corner.detach().abs().max()) or 1.0
        if (corner < 0).any():
            draw_signed_image(axes, corner[0, 0], maximum)
            axes.set_xlabel(f"{-maximum:.3g} to {maximum:.3g}", fontsize=SMALL, labelpad=3)
        else:
            draw_image(axes, corner[0, 0], vmin=0, vmax=maximum)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(LINE)
    start, middle = 0.03 + side, 0.98 - side / 2
    for row in (0, 1):
        level = middle - row * (side + gap)
        draw_arrow(figure, (start + 0.02, level), (start + gap - 0.02, level))
        figure.text(start + gap / 2, level + 0.02, across, ha="center", va="bottom", fontsize=TEXT)
        centre = 0.03 + side / 2 + row * (side + gap)
        top = 0.98 - side
        draw_arrow(figure, (centre, top - 0.06), (centre, top - gap + 0.02))
        figure.text(centre + 0.02, top - gap / 2, down, ha="left", va="center", fontsize=TEXT)
    positions = ("upper left", "upper right", "lower left", "lower right")
    describe(
        figure,
        "Four images at the corners of a square, arrows to the right: "
        f"{name_in_sentence(across)}, downwards: {name_in_sentence(down)}"
        + ("; blue above 0 and orange below." if any((c < 0).any() for c in corners) else "."),
        "Centre of what is not 0, by row and column:",
        [
            f"{position} {describe_centre(corner[0, 0])}"
            for position, corner in zip(positions, corners, strict=True)
        ],
    )
    return figure


def plot_number_grids(grids: Mapping[str, torch.Tensor]) -> Figure:
    """Draw small grids of numbers side by side, blue above 0 and orange below.

    Args:
        grids: A title and its numbers ``(h, w)``, few enough to write them down.

    Returns:
        The figure; a cell is equally large in all grids, which go on in the next row where they are
        too wide for one.

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
    """
    check_mapping(grids, torch.Tensor, name="grids", what="a grid of numbers")
    for title, numbers in grids.items():
        check_drawable(numbers, name="grids")
        if numbers.ndim != 2 or 0 in numbers.shape:
            raise ValueError(f"{title}: expected numbers (h, w), got {tuple(numbers.shape)}")
    rows = wrap_grids(list(grids.items()), cell=0.43)
    figure, panels = draw_number_rows(rows, cells=[0.43] * len(rows), fontsizes=[TEXT] * len(rows))
    for axes, numbers in zip(panels, grids.values(), strict=True):
        tint_by_sign(axes, numbers)
    describe(
        figure,
        f"{count_noun(len(grids), 'grid')} of numbers, blue above 0 and orange below.",
        [
            f"{name_in_sentence(title)}, {format_size(numbers.shape)}: {format_numbers(numbers)}"
            for title, numbers in grids.items()
        ],
    )
    return figure
