"""Figures of images and feature maps."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cnnbook._checks import check_float, check_images, check_int
from cnnbook.convolution import conv2d
from cnnbook.figures._alt_text import (
    as_float64,
    count_noun,
    describe,
    format_extent,
    format_numbers,
    format_percent,
    name_in_sentence,
    title_in_sentence,
)
from cnnbook.figures._drawing import (
    COLOURS,
    SIGNED_COLORMAP,
    check_drawable,
    check_grey,
    check_mapping,
    check_texts,
    draw_cells,
    equalize_cells,
    tint_by_sign,
)

__all__ = [
    "plot_feature_maps",
    "plot_feature_rows",
    "plot_feature_table",
    "plot_images",
    "plot_overlays",
]


def plot_images(
    images: torch.Tensor, *, titles: Sequence[str] = (), columns: int = 5, size: float = 1.1
) -> Figure:
    """Draw grey images side by side.

    Args:
        images: Images ``(n, 1, h, w)``, each shown from its darkest to its brightest pixel.
        titles: A title for each image, or none.
        columns: Images in a row.
        size: Inches for each image.

    Returns:
        The figure.

    Raises:
        TypeError: ``images`` is not a tensor or ``columns`` not a whole number.
        ValueError: ``images`` is empty, does not have four axes or has several channels, or the
            number of titles differs.

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

    Source:
        Derived here.
    """
    check_drawable(images, name="images")
    check_texts(titles, name="titles")
    size = check_float(size, name="size", above=0, maximum=100)
    check_images(images)
    check_grey(images)
    if titles and len(titles) != len(images):
        raise ValueError(
            f"titles: expected one for each of the {len(images)} images or none, got {len(titles)}"
        )
    columns = min(check_int(columns, name="columns", minimum=1), len(images))
    rows = -(-len(images) // columns)
    height = size * (1.35 if titles else 1.05)
    figure, grid = plt.subplots(
        rows, columns, figsize=(size * columns, height * rows), squeeze=False, layout="constrained"
    )
    for index, axes in enumerate(grid.flat):
        axes.set_axis_off()
        if index >= len(images):
            axes.set_visible(False)
            continue
        axes.imshow(images[index, 0].detach().cpu().numpy(), cmap="gray", interpolation="nearest")
        if titles:
            axes.set_title(titles[index], fontsize=8)
    height_width = " x ".join(map(str, images.shape[2:]))
    names = [title_in_sentence(titles, index, f"image {index + 1}") for index in range(len(images))]
    # Each image is shown from its darkest to its brightest pixel, so the middle is its own.
    flat = as_float64(images).flatten(1)
    lowest, highest = flat.amin(1, keepdim=True), flat.amax(1, keepdim=True)
    bright = (flat > (lowest + highest) / 2).double().mean(1)
    shares = [
        f"{format_percent(share, 1)} of {name}" for share, name in zip(bright, names, strict=True)
    ]
    minimum, maximum = shares[int(bright.argmin())], shares[int(bright.argmax())]
    describe(
        figure,
        f"{count_noun(len(images), 'grey image')} of {height_width} pixels, {columns} in a row.",
        f"Bright pixels cover {', '.join(shares) if len(shares) < 4 else f'{minimum} to {maximum}'}.",
        names if titles and len(shares) > 3 else "",
    )
    return figure


def plot_feature_maps(
    features: torch.Tensor, *, titles: Sequence[str] = (), columns: int = 4, size: float = 1.1
) -> Figure:
    """Draw the feature maps of one image: blue above 0, orange below, white at 0.

    All maps share one scale, so that a pale map is one with small numbers.

    Args:
        features: Feature maps of one image, ``(1, channels, h, w)``.
        titles: A title for each map, or none.
        columns: Maps in a row.
        size: Inches for each map.

    Returns:
        The figure.

    Raises:
        TypeError: ``features`` is not a tensor or ``columns`` not a whole number.
        ValueError: ``features`` is not those of one image, or the number of titles differs.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import feature_maps
        >>> figure = plot_feature_maps(torch.tensor([[[[-1.0]], [[3.0]]]]), titles=["a", "b"])
        >>> [axes.get_title() for axes in figure.axes]
        ['a', 'b']
        >>> figure.axes[0].images[0].get_clim()
        (-3.0, 3.0)
        >>> plot_feature_maps(torch.zeros(2, 3, 4, 4))
        Traceback (most recent call last):
            ...
        ValueError: features: expected (1, channels, h, w) with at least one channel, \
got (2, 3, 4, 4); choose one image with features[:1]

    Source:
        Derived here.
    """
    check_drawable(features, name="features")
    check_texts(titles, name="titles")
    size = check_float(size, name="size", above=0, maximum=100)
    check_images(features, name="features")
    if features.shape[0] != 1 or features.shape[1] == 0:
        remedy = "; choose one image with features[:1]" if len(features) > 1 else ""
        raise ValueError(
            "features: expected (1, channels, h, w) with at least one channel, "
            f"got {tuple(features.shape)}{remedy}"
        )
    maps = features.detach()[0].cpu()
    figure = plot_images(maps[:, None], titles=titles, columns=columns, size=size)
    rows = len(figure.axes) // min(columns, len(maps))
    figure.set_size_inches(figure.get_figwidth(), rows * (size + (0.3 if titles else 0.05)))
    largest = float(maps.abs().max()) or 1.0
    for axes in figure.axes[: len(maps)]:
        axes.images[0].set(cmap=SIGNED_COLORMAP, clim=(-largest, largest))
        # White at 0 would run into the white page.
        axes.add_patch(
            Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, ec="#999999", lw=1)
        )
    describe(
        figure,
        f"{count_noun(len(maps), 'feature map')} of {maps.shape[1]} x {maps.shape[2]} numbers, blue "
        f"above 0 and orange below, on one scale to {float(maps.abs().max()):.4g}.",
        [
            f"{title_in_sentence(titles, i, f'map {i}')}: {format_extent(one)}"
            for i, one in enumerate(maps)
        ],
    )
    return figure


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

    Raises:
        TypeError: An argument has the wrong type, or a dtype differs.
        ValueError: A shape does not fit, there is no image, or the number of titles differs.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_feature_table
        >>> images = torch.tensor([[[[1.0, 2.0]]], [[[3.0, 4.0]]]])
        >>> figure = plot_feature_table(
        ...     images, torch.ones(1, 1, 1, 2), image_titles=["a", "b"], kernel_titles=["sum"]
        ... )
        >>> [[text.get_text() for text in axes.texts] for axes in figure.axes[1:]]
        [['1', '1'], ['1', '2'], ['3'], ['3', '4'], ['7']]
        >>> plot_feature_table(images, torch.ones(1, 1, 1, 2), image_titles=["a"], kernel_titles=["sum"])
        Traceback (most recent call last):
            ...
        ValueError: image_titles: expected one for each of the 2 images, got 1

    Source:
        Derived here.
    """
    check_drawable(images, name="images")
    check_drawable(weight, name="weight")
    check_texts(image_titles, name="image_titles")
    check_texts(kernel_titles, name="kernel_titles")
    features = conv2d(images, weight).detach().cpu()
    check_grey(images)
    for name, titles, count, things in (
        ("image_titles", image_titles, len(images), "images"),
        ("kernel_titles", kernel_titles, len(weight), "kernels"),
    ):
        if len(titles) != count:
            raise ValueError(
                f"{name}: expected one for each of the {count} {things}, got {len(titles)}"
            )
    (height, width), (kernel_height, kernel_width) = images.shape[2:], weight.shape[2:]
    heights = [kernel_height, *[height] * len(images)]
    widths = [width, *[max(kernel_width, features.shape[3])] * len(weight)]
    cell = 0.4
    figure, grid = plt.subplots(
        len(heights),
        len(widths),
        figsize=(cell * (sum(widths) + len(widths)), cell * (sum(heights) + len(heights))),
        height_ratios=heights,
        width_ratios=widths,
        squeeze=False,
        layout="constrained",
    )
    grid[0, 0].set_axis_off()
    for column, title in enumerate(kernel_titles, start=1):
        kernel = weight.detach()[column - 1, 0].cpu()
        draw_cells(grid[0, column], kernel, title, fontsize=12)
        equalize_cells(grid[0, column], kernel_height, widths[column])
        tint_by_sign(grid[0, column], kernel)
    for row, title in enumerate(image_titles, start=1):
        draw_cells(grid[row, 0], images.detach()[row - 1, 0].cpu(), title, fontsize=12)
        for column in range(1, len(widths)):
            draw_cells(grid[row, column], features[row - 1, column - 1], "", fontsize=12)
            equalize_cells(grid[row, column], height, widths[column])
    describe(
        figure,
        f"A table of numbers: {count_noun(len(images), 'image').lower()} of {height} x {width} down, "
        f"{count_noun(len(weight), 'kernel').lower()} of {kernel_height} x {kernel_width} across.",
        "What comes out, from top to bottom:",
        [
            f"{name_in_sentence(title)}: {', then '.join(format_numbers(one) for one in features[:, column])}"
            for column, title in enumerate(kernel_titles)
        ],
    )
    return figure


def plot_feature_rows(
    images: torch.Tensor, features: torch.Tensor, *, titles: Sequence[str] = ()
) -> Figure:
    """Draw each image and, beside it, its feature maps, with their sign in colour.

    White is 0, blue is below and orange above it; in each column the strongest colour is the
    number farthest from 0, so that the images in a column can be compared.

    Args:
        images: Grey images ``(n, 1, h, w)``.
        features: What a convolution made of them, ``(n, c, oh, ow)``.
        titles: A title for each column: for the images, then for each feature map; or none.

    Returns:
        The figure: a row for each image.

    Raises:
        TypeError: ``images`` or ``features`` is not a tensor.
        ValueError: A shape or a count does not fit.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_feature_rows
        >>> figure = plot_feature_rows(torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 3, 3))
        >>> len(figure.axes)
        4
        >>> plot_feature_rows(torch.zeros(2, 1, 4, 4), torch.ones(1, 1, 3, 3))
        Traceback (most recent call last):
            ...
        ValueError: features: expected (2, c, oh, ow) for 2 images, got (1, 1, 3, 3)

    Source:
        Derived here.
    """
    check_drawable(images, name="images")
    check_drawable(features, name="features")
    check_texts(titles, name="titles")
    check_images(images)
    check_images(features, name="features")
    check_grey(images)
    if len(features) != len(images):
        raise ValueError(
            f"features: expected ({len(images)}, c, oh, ow) for {len(images)} images, "
            f"got {tuple(features.shape)}"
        )
    count = features.shape[1] + 1
    if titles and len(titles) != count:
        raise ValueError(f"titles: expected one for each of the {count} columns, got {len(titles)}")
    signs = LinearSegmentedColormap.from_list("signs", [COLOURS[0], "white", COLOURS[1]])
    features = features.detach().cpu()
    maximum = features.abs().amax(dim=(0, 2, 3)).clamp(min=1e-12).tolist()
    figure, grid = plt.subplots(
        len(images),
        count,
        figsize=(1.6 * count, 1.6 * len(images) + (0.3 if titles else 0)),
        squeeze=False,
        layout="constrained",
    )
    for row, line in enumerate(grid):
        line[0].imshow(images[row, 0].detach().cpu().numpy(), cmap="gray", interpolation="nearest")
        for channel, axes in enumerate(line[1:]):
            far = maximum[channel]
            axes.imshow(
                features[row, channel].numpy(),
                cmap=signs,
                vmin=-far,
                vmax=far,
                interpolation="nearest",
            )
        for column, axes in enumerate(line):
            axes.set(xticks=[], yticks=[])
            if titles and row == 0:
                axes.set_title(titles[column], fontsize=11)
    sizes = features.abs().double().mean(dim=(2, 3))
    describe(
        figure,
        f"{count_noun(len(images), 'row')}: a grey image and "
        f"{count_noun(count - 1, 'feature map').lower()} of it, white at 0, orange above and blue "
        "below, paler where weaker.",
        "Mean size from row to row:",
        [
            f"{title_in_sentence(titles, channel + 1, f'map {channel}')} "
            + ", ".join(f"{size:.2g}" for size in sizes[:, channel])
            for channel in range(count - 1)
        ],
    )
    return figure


def plot_overlays(
    images: torch.Tensor,
    maps: Mapping[str, torch.Tensor],
    *,
    titles: Sequence[str] = (),
    stride: int = 1,
) -> Figure:
    """Draw images and, in rows below them, maps of where something is, over the images' outlines.

    White is 0, blue above and orange below it. All maps of a row share one scale, whose end is
    written beside the row, so that a pale map is one with small numbers.

    Args:
        images: Grey images ``(n, 1, h, w)``, a column for each.
        maps: A name for each row and its maps ``(n, 1, rows, columns)``, as from
            ``occlusion_map``.
        titles: A title for each image, or none.
        stride: Pixels from one number of a map to the next; the map lies in the image's middle.

    Returns:
        The figure.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A shape or a count does not fit.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_overlays
        >>> image = torch.eye(4)[None, None]
        >>> figure = plot_overlays(image, {"drop": torch.ones(1, 1, 3, 3)}, titles=["a"])
        >>> figure.axes[1].images[0].get_extent()
        [0.0, 3.0, 3.0, 0.0]
        >>> figure.axes[1].get_ylabel().splitlines()
        ['drop', '-1 to 1']
        >>> plot_overlays(image, {"drop": torch.ones(2, 1, 3, 3)})
        Traceback (most recent call last):
            ...
        ValueError: drop: expected (1, 1, rows, columns) for 1 images, got (2, 1, 3, 3)

    Source:
        Derived here.
    """
    check_drawable(images, name="images")
    check_mapping(maps, torch.Tensor, name="maps", what="maps")
    check_texts(titles, name="titles")
    stride = check_int(stride, name="stride", minimum=1)
    check_images(images)
    check_grey(images)
    if titles and len(titles) != len(images):
        raise ValueError(
            f"titles: expected one for each of the {len(images)} images or none, got {len(titles)}"
        )
    if not maps:
        raise ValueError("maps: expected at least one row of maps, got none")
    for name, some in maps.items():
        check_drawable(some, name="maps")
        if some.ndim != 4 or some.shape[:2] != (len(images), 1) or 0 in some.shape:
            raise ValueError(
                f"{name}: expected ({len(images)}, 1, rows, columns) for {len(images)} images, "
                f"got {tuple(some.shape)}"
            )
    ends = {name: float(some.detach().abs().max()) or 1.0 for name, some in maps.items()}
    height, width = images.shape[2:]
    figure, grid = plt.subplots(
        1 + len(maps),
        len(images),
        figsize=(1.55 * len(images) + 0.5, 1.5 * (1 + len(maps)) + (0.4 if titles else 0)),
        squeeze=False,
        layout="constrained",
    )
    shown = images.detach().cpu()
    for column, axes in enumerate(grid[0]):
        axes.imshow(shown[column, 0].numpy(), cmap="gray", interpolation="nearest")
        if titles:
            axes.set_title(titles[column], fontsize=10)
    for line, (name, some) in zip(grid[1:], maps.items(), strict=True):
        rows, columns = some.shape[2:]
        top, left = (height - rows * stride) / 2 - 0.5, (width - columns * stride) / 2 - 0.5
        for column, axes in enumerate(line):
            image = shown[column, 0]
            axes.imshow(
                some[column, 0].detach().cpu().float().numpy(),
                cmap=SIGNED_COLORMAP,
                vmin=-ends[name],
                vmax=ends[name],
                extent=(left, left + columns * stride, top + rows * stride, top),
                interpolation="nearest",
            )
            dark, bright = float(image.min()), float(image.max())
            if min(image.shape) > 1 and dark < bright:
                level = dark + (bright - dark) / 4
                axes.contour(image.float().numpy(), [level], colors="#000000", linewidths=0.8)
            axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        line[0].set_ylabel(f"{name}\n{-ends[name]:.2g} to {ends[name]:.2g}", fontsize=9)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    message = []
    for name, some in maps.items():
        for column in range(len(images)):
            values = as_float64(some[column, 0])
            position = int(values.abs().argmax())
            row, left_over = divmod(position, values.shape[1])
            message.append(
                f"{name_in_sentence(name)}, {title_in_sentence(titles, column, f'image {column + 1}')}: strongest "
                f"{values.flatten()[position]:.3g} at row {row}, column {left_over}"
            )
    describe(
        figure,
        f"{count_noun(len(images), 'grey image')} and, below, {count_noun(len(maps), 'row').lower()} of "
        "maps over their outlines, blue above 0 and orange below.",
        message,
    )
    return figure
