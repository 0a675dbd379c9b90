"""Figures of images and feature maps."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnnbook._checks import check_bool, check_float, check_images, check_int
from cnnbook.convolution import conv2d
from cnnbook.figures._alt_text import (
    as_float64,
    count_noun,
    describe,
    format_extent,
    format_numbers,
    format_percent,
    format_size,
    name_in_sentence,
    title_in_sentence,
)
from cnnbook.figures._drawing import (
    SMALL,
    WIDTH,
    add_scale,
    check_drawable,
    check_grey_images,
    check_mapping,
    check_titles,
    draw_image,
    draw_number_table,
    draw_signed_image,
    tint_by_sign,
)
from cnnbook.figures._themes import INK, LINE

__all__ = ["plot_feature_maps", "plot_feature_table", "plot_images", "plot_map_rows"]


def plot_images(
    images: torch.Tensor, *, titles: Sequence[str] = (), columns: int = 5, size: float = 1.0
) -> Figure:
    """Draw grey images side by side.

    Args:
        images: Images ``(n, 1, h, w)``, each shown from its darkest to its brightest pixel.
        titles: A title for each image, or none.
        columns: Images in a row.
        size: Inches for each image.

    Returns:
        The figure.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_images
        >>> figure = plot_images(torch.zeros(3, 1, 4, 4), titles=["a", "b", "c"], columns=2)
        >>> [axes.get_title() for axes in figure.axes if axes.get_visible()]
        ['a', 'b', 'c']
        >>> plot_images(torch.zeros(3, 1, 4, 4), titles=["a"])
        Traceback (most recent call last):
            ...
        ValueError: titles: expected one for each of the 3 images or none, got 1
    """
    check_grey_images(images)
    check_titles(titles, len(images))
    figure, panels = _panels_in_rows(len(images), titles, columns, size)
    for axes, image in zip(panels, images[:, 0], strict=True):
        draw_image(axes, image)
    names = [title_in_sentence(titles, index, f"image {index + 1}") for index in range(len(images))]
    # Each image has its own scale, so the threshold between dark and bright is its own as well.
    pixels = as_float64(images).flatten(1)
    darkest, brightest = pixels.amin(1, keepdim=True), pixels.amax(1, keepdim=True)
    bright = (pixels > (darkest + brightest) / 2).double().mean(1)
    shares = [
        f"{format_percent(share, 1)} of {name}" for share, name in zip(bright, names, strict=True)
    ]
    extent = f"{shares[int(bright.argmin())]} to {shares[int(bright.argmax())]}"
    describe(
        figure,
        f"{count_noun(len(images), 'grey image')} of {format_size(images.shape[2:])} pixels, "
        f"{min(columns, len(images))} in a row.",
        f"Bright pixels cover {', '.join(shares) if len(shares) < 4 else extent}.",
        names if titles and len(shares) > 3 else "",
    )
    return figure


def plot_feature_maps(
    features: torch.Tensor, *, titles: Sequence[str] = (), columns: int = 4, size: float = 1.1
) -> Figure:
    """Draw the feature maps of one image: blue above 0, orange below.

    The nearer a number is to 0, the nearer its colour is to that of the page. All maps share one
    scale, which is drawn beside them.

    Args:
        features: Feature maps of one image, ``(1, channels, h, w)``.
        titles: A title for each map, or none.
        columns: Maps in a row.
        size: Inches for each map.

    Returns:
        The figure.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_feature_maps
        >>> figure = plot_feature_maps(torch.tensor([[[[-1.0]], [[3.0]]]]), titles=["a", "b"])
        >>> [axes.get_title() for axes in figure.axes[:2]]
        ['a', 'b']
        >>> figure.axes[0].images[0].get_clim()
        (-3.0, 3.0)
        >>> plot_feature_maps(torch.zeros(2, 3, 4, 4))
        Traceback (most recent call last):
            ...
        ValueError: features: expected (1, channels, h, w), got (2, 3, 4, 4); choose one image \
with features[:1]
    """
    check_drawable(features, name="features")
    check_images(features, name="features")
    if len(features) != 1:
        remedy = "; choose one image with features[:1]" if len(features) else ""
        raise ValueError(
            f"features: expected (1, channels, h, w), got {tuple(features.shape)}{remedy}"
        )
    maps = features[0]
    check_titles(titles, len(maps), what="maps")
    figure, panels = _panels_in_rows(len(maps), titles, columns, size, margin=0.6)
    largest = float(maps.detach().abs().max())
    for axes, feature_map in zip(panels, maps, strict=True):
        draw_signed_image(axes, feature_map, largest)
    add_scale(figure, panels, largest)
    describe(
        figure,
        f"{count_noun(len(maps), 'feature map')} of {format_size(maps.shape[1:])} numbers, blue "
        f"above 0 and orange below, on one scale to {largest:.4g}.",
        [
            f"{title_in_sentence(titles, channel, f'map {channel}')}: {format_extent(feature_map)}"
            for channel, feature_map in enumerate(maps)
        ],
    )
    return figure


def _panels_in_rows(
    count: int, titles: Sequence[str], columns: int, size: float, *, margin: float = 0
) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels in rows, each ``size`` inches wide, and a margin on the right."""
    size = check_float(size, name="size", above=0, maximum=100)
    columns = min(check_int(columns, name="columns", minimum=1), count)
    rows = -(-count // columns)
    lines = max((len(title.splitlines()) for title in titles), default=0)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(
            size * columns + margin,
            rows * (size + (0.06 + 0.17 * lines if titles else 0.05)),
        ),
        squeeze=False,
        layout="constrained",
    )
    for index, axes in enumerate(grid.flat):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(LINE)
        axes.set_visible(index < count)
        if titles and index < count:
            axes.set_title(titles[index], fontsize=SMALL)
    return figure, list(grid.flat[:count])


def plot_map_rows(
    images: torch.Tensor,
    maps: Mapping[str, torch.Tensor],
    *,
    titles: Sequence[str] = (),
    stride: int = 1,
    outline: bool = True,
) -> Figure:
    """Draw images and, in rows below them, maps of each: blue above 0, orange below.

    The nearer a number is to 0, the nearer its colour is to that of the page. All maps of a row
    share one scale, which is drawn beside the row. Each map is drawn at the position of its numbers
    on the image, centred.

    Args:
        images: Grey images ``(n, 1, h, w)``, a column for each.
        maps: A name for each row and its maps ``(n, 1, rows, columns)``, as from
            ``occlusion_map`` or of one channel of ``conv2d``.
        titles: A title for each image, or none.
        stride: Pixels from one number of a map to the next.
        outline: Whether to draw the outline of each image over its maps.

    Returns:
        The figure.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_map_rows
        >>> image = torch.eye(4)[None, None]
        >>> figure = plot_map_rows(image, {"drop": torch.ones(1, 1, 3, 3)}, titles=["a"])
        >>> figure.axes[1].images[0].get_extent()
        [0.0, 3.0, 3.0, 0.0]
        >>> figure.axes[1].get_ylabel()
        'drop'
        >>> plot_map_rows(image, {"drop": torch.ones(2, 1, 3, 3)})
        Traceback (most recent call last):
            ...
        ValueError: drop: expected (1, 1, rows, columns) for 1 images, got (2, 1, 3, 3)
    """
    check_grey_images(images)
    check_mapping(maps, torch.Tensor, name="maps", what="maps")
    check_titles(titles, len(images))
    stride = check_int(stride, name="stride", minimum=1)
    check_bool(outline, name="outline")
    for name, row_maps in maps.items():
        check_drawable(row_maps, name="maps")
        if row_maps.ndim != 4 or row_maps.shape[:2] != (len(images), 1) or 0 in row_maps.shape:
            raise ValueError(
                f"{name}: expected ({len(images)}, 1, rows, columns) for {len(images)} images, "
                f"got {tuple(row_maps.shape)}"
            )
    height, width = images.shape[2:]
    # With the names on the left and the scales on the right no wider than a telephone can show.
    side = min(1.4, max((WIDTH - 0.8) / len(images), 0.8))
    lines = max((len(title.splitlines()) for title in titles), default=0)
    figure, grid = plt.subplots(
        1 + len(maps),
        len(images),
        figsize=(side * len(images) + 0.8, side * (1 + len(maps)) + 0.17 * lines),
        squeeze=False,
        layout="constrained",
    )
    for column, axes in enumerate(grid[0]):
        draw_image(axes, images[column, 0])
        if titles:
            axes.set_title(titles[column], fontsize=SMALL)
    for panels, (name, row_maps) in zip(grid[1:], maps.items(), strict=True):
        rows, columns = row_maps.shape[2:]
        top, left = (height - rows * stride) / 2 - 0.5, (width - columns * stride) / 2 - 0.5
        largest = float(row_maps.detach().abs().max()) or 1.0
        for column, axes in enumerate(panels):
            draw_signed_image(
                axes,
                row_maps[column, 0],
                largest,
                extent=(left, left + columns * stride, top + rows * stride, top),
            )
            if outline:
                _draw_outline(axes, images[column, 0])
            axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        panels[0].set_ylabel(name, fontsize=SMALL)
        add_scale(figure, panels, largest)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(LINE)
    describe(
        figure,
        f"{count_noun(len(images), 'grey image')} and, below, {count_noun(len(maps), 'row')} of "
        f"maps{' over their outlines' if outline else ''}, blue above 0 and orange below.",
        "Strongest number in each (row, column):",
        [
            f"{name_in_sentence(name)}: "
            + ", ".join(
                f"{title_in_sentence(titles, column, f'image {column + 1}')} {_strongest(one)}"
                for column, one in enumerate(row_maps[:, 0])
            )
            for name, row_maps in maps.items()
        ],
    )
    return figure


def _draw_outline(axes: Axes, image: torch.Tensor) -> None:
    """Draw a line where an image rises from dark to bright, if it does."""
    image = image.detach().cpu().float()
    darkest, brightest = float(image.min()), float(image.max())
    if min(image.shape) > 1 and darkest < brightest:
        level = darkest + (brightest - darkest) / 4
        axes.contour(image.numpy(), [level], colors=INK, linewidths=0.8)


def _strongest(feature_map: torch.Tensor) -> str:
    values = as_float64(feature_map)
    row, column = divmod(int(values.abs().argmax()), values.shape[1])
    return f"{values[row, column]:.3g} ({row}, {column})"


def plot_feature_table(
    images: torch.Tensor,
    weight: torch.Tensor,
    *,
    image_titles: Sequence[str],
    kernel_titles: Sequence[str],
) -> Figure:
    """Draw what each kernel makes of each image: a row for an image, a column for a kernel.

    Args:
        images: Grey images ``(n, 1, h, w)``, small enough to write their numbers down.
        weight: Kernels ``(out, 1, kh, kw)``.
        image_titles: A title for each image.
        kernel_titles: A title for each kernel.

    Returns:
        The figure: kernels at the top, images at the left, feature maps where they meet.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_feature_table
        >>> images = torch.tensor([[[[1.0, 2.0]]], [[[3.0, 4.0]]]])
        >>> kernel = torch.ones(1, 1, 1, 2)
        >>> figure = plot_feature_table(
        ...     images, kernel, image_titles=["a", "b"], kernel_titles=["sum"]
        ... )
        >>> [[text.get_text() for text in axes.texts] for axes in figure.axes[2:]]
        [['1', '1'], ['1', '2'], ['='], ['3'], ['3', '4'], ['='], ['7']]
        >>> plot_feature_table(images, kernel, image_titles=["a"], kernel_titles=["sum"])
        Traceback (most recent call last):
            ...
        ValueError: image_titles: expected one for each of the 2 images, got 1
    """
    check_grey_images(images)
    check_drawable(weight, name="weight")
    features = conv2d(images, weight)
    check_titles(image_titles, len(images), name="image_titles", optional=False)
    check_titles(kernel_titles, len(weight), name="kernel_titles", what="kernels", optional=False)
    kernels = weight[:, 0]
    table: list[list[tuple[str, torch.Tensor] | str | None]] = [
        ["\N{MULTIPLICATION SIGN}", None, *zip(kernel_titles, kernels, strict=True)]
    ]
    for title, image, maps in zip(image_titles, images[:, 0], features, strict=True):
        table.append([(title, image), "=", *[("", feature_map) for feature_map in maps]])
    figure, grid = draw_number_table(table, cell=0.31, fontsize=SMALL)
    for axes, kernel in zip(grid[0][2:], kernels, strict=True):
        tint_by_sign(axes, kernel)
    describe(
        figure,
        f"A table of numbers: {count_noun(len(images), 'image')} of "
        f"{format_size(images.shape[2:])} down, {count_noun(len(weight), 'kernel')} of "
        f"{format_size(weight.shape[2:])} across.",
        "Feature maps, from top to bottom:",
        [
            f"{name_in_sentence(title)}: {', then '.join(map(format_numbers, maps))}"
            for title, maps in zip(kernel_titles, features.transpose(0, 1), strict=True)
        ],
    )
    return figure
