"""Figures of colour images and of a convolution over their channels."""

import itertools
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from cnnbook._checks import check_float, check_images, check_int
from cnnbook.convolution import conv2d
from cnnbook.figures._alt_text import (
    as_float64,
    count_noun,
    describe,
    format_numbers,
    format_size,
    title_in_sentence,
)
from cnnbook.figures._drawing import (
    SMALL,
    check_drawable,
    check_titles,
    draw_number_table,
    tint_by_sign,
)

__all__ = ["plot_channel_sum", "plot_colour_images"]

_CHANNELS = ("red", "green", "blue")
# In a line of pixels, for the alternative text.
_MOST_NAMES = 6
_COLOUR_NAMES = {
    (True, False, False): "red",
    (False, True, False): "green",
    (False, False, True): "blue",
    (True, True, False): "yellow",
    (True, False, True): "magenta",
    (False, True, True): "cyan",
}


def plot_colour_images(
    images: torch.Tensor, *, titles: Sequence[str] = (), columns: int = 4, size: float = 1.6
) -> Figure:
    """Draw colour images side by side, each pixel in its own colour.

    Args:
        images: Images ``(n, 3, h, w)``, red, green and blue from 0 to 1.
        titles: A title for each image, or none.
        columns: Images in a row.
        size: Inches for each image.

    Returns:
        The figure.

    Raises:
        ValueError: A number is below 0 or above 1, as in images of bytes; matplotlib would cut it
            off.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_colour_images
        >>> red = torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1)
        >>> figure = plot_colour_images(red.expand(-1, -1, 2, 2), titles=["red"])
        >>> figure.axes[0].images[0].get_array().tolist()[0]
        [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
        >>> plot_colour_images(255 * red)
        Traceback (most recent call last):
            ...
        ValueError: images: expected numbers from 0 to 1, got 0 to 255; divide bytes by 255
    """
    check_drawable(images, name="images", finite=True)
    check_images(images)
    if len(images) == 0 or images.shape[1] != 3:
        raise ValueError(
            f"images: expected (n, 3, h, w) with at least one image, got {tuple(images.shape)}"
        )
    low, high = images.min().item(), images.max().item()
    if low < 0 or high > 1:
        remedy = "; divide bytes by 255" if low >= 0 else ""
        raise ValueError(f"images: expected numbers from 0 to 1, got {low:g} to {high:g}{remedy}")
    check_titles(titles, len(images))
    size = check_float(size, name="size", above=0, maximum=100)
    columns = min(check_int(columns, name="columns", minimum=1), len(images))
    rows = -(-len(images) // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(size * columns, rows * (size + (0.3 if titles else 0.05))),
        squeeze=False,
        layout="constrained",
    )
    for index, axes in enumerate(grid.flat):
        axes.set(xticks=[], yticks=[])
        axes.set_visible(index < len(images))
        if index < len(images):
            pixels = images[index].detach().cpu().float().permute(1, 2, 0).numpy()
            axes.imshow(pixels, interpolation="nearest")
            axes.set_title(titles[index] if titles else "", fontsize=SMALL)
    describe(
        figure,
        f"{count_noun(len(images), 'colour image')} of {format_size(images.shape[2:])} pixels.",
        "Colours down the middle column and across the middle row:",
        [
            f"{title_in_sentence(titles, index, f'image {index + 1}')}: "
            f"{_name_runs(image[:, :, image.shape[2] // 2])}; "
            f"{_name_runs(image[:, image.shape[1] // 2])}"
            for index, image in enumerate(as_float64(images))
        ],
    )
    return figure


def _name_runs(pixels: torch.Tensor) -> str:
    """Name the colours in a line of pixels ``(3, n)``, each run of equal names once."""
    names = [name for name, _ in itertools.groupby(map(_name_colour, pixels.T))]
    return ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")


def _name_colour(pixel: torch.Tensor) -> str:
    if pixel.max() - pixel.min() < 0.2:
        return "black" if pixel.mean() < 0.2 else "white" if pixel.mean() > 0.8 else "grey"
    # A channel counts as on where it is above the middle of the weakest and the strongest.
    return _COLOUR_NAMES[tuple((pixel > (pixel.max() + pixel.min()) / 2).tolist())]


def plot_channel_sum(image: torch.Tensor, weight: torch.Tensor) -> Figure:
    """Draw how one kernel convolves a colour image: channel by channel, and the sum at the end.

    Args:
        image: One colour image ``(1, 3, h, w)``, small enough to write its numbers down.
        weight: One kernel with a slice for each channel, ``(1, 3, kh, kw)``.

    Returns:
        The figure: a row for each channel with the channel, its slice of the kernel and the result
        of both, and below them the sum of the results, with the signs of arithmetic between them.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_channel_sum
        >>> image = torch.tensor([1.0, 2, 3]).reshape(1, 3, 1, 1)
        >>> figure = plot_channel_sum(image, torch.tensor([1.0, 0, -1]).reshape(1, 3, 1, 1))
        >>> " ".join(axes.texts[0].get_text() for axes in figure.axes if axes.texts)
        '1 × 1 = 1 + 2 × 0 = 0 + 3 × -1 = -3 = -2'
        >>> plot_channel_sum(image[:, :1], torch.ones(1, 1, 1, 1))
        Traceback (most recent call last):
            ...
        ValueError: image: expected one colour image (1, 3, h, w), got (1, 1, 1, 1)
    """
    check_drawable(image, name="image")
    check_drawable(weight, name="weight")
    for tensor, name, what in ((image, "image", "h, w"), (weight, "weight", "kh, kw")):
        if tensor.ndim != 4 or tensor.shape[:2] != (1, 3) or 0 in tensor.shape:
            kind = "colour image" if name == "image" else "kernel"
            raise ValueError(
                f"{name}: expected one {kind} (1, 3, {what}), got {tuple(tensor.shape)}"
            )
    image, weight = as_float64(image), as_float64(weight)
    maps = torch.cat([conv2d(image[:, [c]], weight[:, [c]]) for c in range(3)], dim=1)[0]
    total = maps.sum(dim=0)
    table: list[list[tuple[str, torch.Tensor] | str | None]] = []
    for channel, name in enumerate(_CHANNELS):
        table += [
            [
                (name, image[0, channel]),
                "\N{MULTIPLICATION SIGN}",
                (f"kernel, {name}", weight[0, channel]),
                "=",
                (f"result, {name}", maps[channel]),
            ],
            # The results are added from top to bottom.
            [None, None, None, None, "=" if name == _CHANNELS[-1] else "+"],
        ]
    table.append([None, None, None, None, ("sum", total)])
    figure, grid = draw_number_table(table, cell=0.43)
    for line, numbers in zip(grid[::2], weight[0], strict=False):
        tint_by_sign(line[2], numbers)
    results = [
        f"{name} {format_numbers(result)}" for name, result in zip(_CHANNELS, maps, strict=True)
    ]
    describe(
        figure,
        f"Grids of numbers: three channels of {format_size(image.shape[2:])}, the kernel's "
        f"slice of {format_size(weight.shape[2:])} for each, and the results.",
        f"Results: {', '.join(results)}; sum {format_numbers(total)}.",
    )
    return figure
