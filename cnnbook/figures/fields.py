"""Figures of receptive fields."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from cnnbook._checks import check_int, summarize
from cnnbook.figures._alt_text import (
    count_noun,
    describe,
    format_range,
    name_in_sentence,
    title_in_sentence,
)
from cnnbook.figures._drawing import (
    COLOURS,
    SMALL,
    TEXT,
    WIDTH,
    add_box,
    check_grey_images,
    check_mapping,
    check_titles,
    draw_image,
    draw_marked_curves,
    style_axes,
)
from cnnbook.figures._themes import FAINT, INK_COLORMAP

__all__ = ["plot_receptive_field", "plot_receptive_field_growth"]


def plot_receptive_field(
    images: torch.Tensor,
    fields: Sequence[tuple[range, range]],
    *,
    titles: Sequence[str] = (),
    margin: int | None = None,
) -> Figure:
    """Draw where images are not zero, and a frame around the pixels where they may be nonzero.

    Meant for gradients of one output: a pixel outside the output's receptive field cannot change
    it and has gradient 0, so every coloured pixel should be inside the frame.

    Args:
        images: Absolute gradients ``(n, 1, h, w)``; 0 has the colour of the page, the largest
            number of each image that of its text, and every number above 0 is grey, however small.
        fields: Rows and columns of the frame on each image, as from ``ReceptiveField.pixels``.
        titles: A title for each image, or none.
        margin: Pixels to show around the frame; the whole image by default.

    Returns:
        The figure; the numbers beside it are those of the pixels.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_receptive_field
        >>> figure = plot_receptive_field(torch.eye(4)[None, None], [(range(1, 3), range(0, 2))])
        >>> figure.axes[0].patches[0].get_xy()
        (-0.5, 0.5)
        >>> plot_receptive_field(torch.eye(4)[None, None], [])
        Traceback (most recent call last):
            ...
        ValueError: fields: expected one for each of the 1 images, got 0
    """
    check_grey_images(images)
    _check_fields(fields)
    check_titles(titles, len(images))
    if margin is not None:
        margin = check_int(margin, name="margin", minimum=0)
    if len(fields) != len(images):
        raise ValueError(
            f"fields: expected one for each of the {len(images)} images, got {len(fields)}"
        )
    images = images.detach().cpu()
    if (images < 0).any():
        raise ValueError(
            f"images: expected no number below 0, got {images.min():.4g}; use images.abs()"
        )
    figure, panels = plt.subplots(
        1, len(images), figsize=(2.55 * len(images), 2.8), squeeze=False, layout="constrained"
    )
    details = []
    for index, axes in enumerate(panels.flat):
        rows, columns = fields[index]
        image = images[index, 0]
        # However small a gradient is, only 0 may look like the page.
        shade = torch.where(image > 0, 0.35 + 0.65 * image / image.max(), 0)
        draw_image(axes, shade, cmap=INK_COLORMAP, vmin=0, vmax=1)
        add_box(
            axes,
            rows.start - 0.5,
            columns.start - 0.5,
            len(rows),
            len(columns),
            fill=False,
            edgecolor=COLOURS[1],
            lw=3,
        )
        if margin is not None:
            axes.set_xlim(columns.start - margin - 0.5, columns.stop + margin - 0.5)
            axes.set_ylim(rows.stop + margin - 0.5, rows.start - margin - 0.5)
            axes.set_xticks(range(columns.start - margin, columns.stop + margin))
            axes.set_yticks(range(rows.start - margin, rows.stop + margin))
        axes.tick_params(labelsize=SMALL, length=0)
        if titles:
            axes.set_title(titles[index], fontsize=TEXT)
        nonzero = image > 0
        inside = nonzero[max(rows.start, 0) : rows.stop, max(columns.start, 0) : columns.stop]
        outside = int(nonzero.sum() - inside.sum())
        details.append(
            f"{title_in_sentence(titles, index, f'image {index + 1}')}: {int(nonzero.sum())} of "
            f"{nonzero.numel()} pixels not 0, {outside or 'none'} of them outside the frame at "
            f"{format_range('row', rows.start, rows.stop - 1)}, "
            f"{format_range('column', columns.start, columns.stop - 1)}"
        )
    describe(
        figure,
        f"{count_noun(len(images), 'image')} of absolute gradients, empty at 0, with a frame.",
        details,
    )
    return figure


def _check_fields(fields: Sequence[tuple[range, range]]) -> None:
    are_pairs = isinstance(fields, (list, tuple)) and all(
        isinstance(field, (list, tuple))
        and len(field) == 2
        and all(isinstance(axis, range) for axis in field)
        for field in fields
    )
    if not are_pairs:
        raise TypeError(f"fields: expected a list of pairs of ranges, got {summarize(fields)}")


def plot_receptive_field_growth(sizes: Mapping[str, Sequence[int]], *, image_size: int) -> Figure:
    """Draw how many pixels an output depends on after each layer, against the size of the image.

    Args:
        sizes: A name and its receptive fields: of the input, 1, then after each layer.
        image_size: Pixels along a side of the image, drawn as a line across.

    Returns:
        The figure; the vertical axis is logarithmic, so that doubling is a straight line.

    Examples:
        >>> from cnnbook.figures import plot_receptive_field_growth
        >>> figure = plot_receptive_field_growth({"3 x 3": [1, 3, 5]}, image_size=28)
        >>> figure.axes[0].get_xlabel(), figure.axes[0].get_yscale()
        ('layers', 'log')
        >>> plot_receptive_field_growth({"3 x 3": [0, 3, 5]}, image_size=28)
        Traceback (most recent call last):
            ...
        ValueError: sizes: expected at least 1, got 0
    """
    check_mapping(sizes, (list, tuple), name="sizes", what="a list of sizes")
    for name, fields in sizes.items():
        if not fields:
            raise ValueError(f"sizes: expected at least one size for {name!r}, got none")
        for field in fields:
            check_int(field, name="sizes", minimum=1)
    image_size = check_int(image_size, name="image_size", minimum=1)
    figure, axes = plt.subplots(figsize=(WIDTH, 3.6), layout="constrained")
    axes.axhline(image_size, color=FAINT, ls="--", lw=1.5)
    draw_marked_curves(axes, sizes, first=0)
    details = []
    for name, fields in sizes.items():
        layer = next((layer for layer, field in enumerate(fields) if field >= image_size), None)
        reached = "stays below" if layer is None else f"reaches it after {layer}"
        details.append(
            f"{name_in_sentence(name)}: {fields[0]} to {fields[-1]} in {len(fields) - 1} layers, "
            f"{reached}"
        )
    depth = max(map(len, sizes.values())) - 1
    axes.text(-0.2, image_size * 1.08, "whole image", fontsize=SMALL, color=FAINT)
    axes.set_yscale("log", base=2)
    ticks = [2**power for power in range(12) if 2**power < 2 * max(map(max, sizes.values()))]
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.set_xticks(range(0, depth + 1, 1 if depth < 8 else 2))
    axes.set(xlabel="layers", ylabel="pixels seen along a side")
    axes.legend(frameon=False, loc="lower right", fontsize=SMALL)
    style_axes(axes)
    describe(
        figure,
        f"{count_noun(len(sizes), 'curve')} of pixels seen along a side against layers, on a "
        f"logarithmic axis; a line at {image_size}, the whole image.",
        details,
    )
    return figure
