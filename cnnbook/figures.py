"""Figures of the tensors they are given.

Every function returns its matplotlib figure and shows nothing. Colours are Okabe and Ito's, which
colour-blind readers can tell apart, on a white ground, which reads in a light and in a dark page.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cnnbook.arguments import check_images, whole_number
from cnnbook.convolution import conv2d
from cnnbook.windows import window_sum

__all__ = [
    "COLOURS",
    "bars",
    "confusion_heatmaps",
    "feature_rows",
    "field_growth",
    "field_picture",
    "image_grid",
    "loss_curves",
    "overlap_picture",
    "window_picture",
]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def image_grid(
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
        >>> from cnnbook.figures import image_grid
        >>> figure = image_grid(torch.zeros(3, 1, 4, 4), titles=["a", "b", "c"], columns=2)
        >>> [axes.get_title() for axes in figure.axes if axes.get_visible()]
        ['a', 'b', 'c']
        >>> image_grid(torch.zeros(3, 1, 4, 4), titles=["a"])
        Traceback (most recent call last):
            ...
        ValueError: titles: expected one for each of the 3 images or none, got 1

    Source:
        Derived here.
    """
    check_images(images)
    if len(images) == 0 or images.shape[1] != 1:
        raise ValueError(
            f"images: expected (n, 1, h, w) with at least one image, got {tuple(images.shape)}"
        )
    if titles and len(titles) != len(images):
        raise ValueError(
            f"titles: expected one for each of the {len(images)} images or none, got {len(titles)}"
        )
    columns = min(whole_number(columns, name="columns", least=1), len(images))
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
    return figure


def loss_curves(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the losses of several trainings over their epochs, on a logarithmic axis.

    Args:
        curves: A name and its losses, one for each epoch.

    Returns:
        The figure.

    Raises:
        ValueError: There is no curve, or one is empty.

    Examples:
        >>> from cnnbook.figures import loss_curves
        >>> figure = loss_curves({"MLP": [2.3, 1.0], "CNN": [2.3, 1.5]})
        >>> figure.axes[0].get_xlabel(), figure.axes[0].get_yscale()
        ('epoch', 'log')
        >>> loss_curves({})
        Traceback (most recent call last):
            ...
        ValueError: curves: expected at least one loss in each of at least one curve, got {}

    Source:
        Derived here.
    """
    if not curves or not all(len(losses) for losses in curves.values()):
        raise ValueError(
            f"curves: expected at least one loss in each of at least one curve, got {dict(curves)}"
        )
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    # A second sign beside the colour, for those who see no difference in it.
    dashes = ("-", "--", "-.", ":")
    for index, (name, losses) in enumerate(curves.items()):
        colour, dash = COLOURS[index % len(COLOURS)], dashes[index % len(dashes)]
        axes.plot(range(1, len(losses) + 1), list(losses), dash, color=colour, label=name, lw=2)
        axes.annotate(
            f"{name} {losses[-1]:.3g}",
            (len(losses), losses[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            va="center",
        )
    axes.set(xlabel="epoch", ylabel="loss before the update", yscale="log")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def bars(groups: Mapping[str, Mapping[str, int]]) -> Figure:
    """Draw a few numbers of very different size as bars, the number written beside each.

    Args:
        groups: A heading for each panel, and in it a name and its number, at least 1.

    Returns:
        The figure; every panel has its own logarithmic axis.

    Raises:
        ValueError: There is no panel, or a number is below 1.

    Examples:
        >>> from cnnbook.figures import bars
        >>> figure = bars({"parameters": {"MLP": 1000, "CNN": 10}})
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1,000', '10']
        >>> bars({"parameters": {"MLP": 0}})
        Traceback (most recent call last):
            ...
        ValueError: parameters: expected numbers of at least 1, got {'MLP': 0}

    Source:
        Derived here.
    """
    if not groups:
        raise ValueError("groups: expected at least one panel, got none")
    for heading, numbers in groups.items():
        if not numbers or min(numbers.values()) < 1:
            raise ValueError(f"{heading}: expected numbers of at least 1, got {dict(numbers)}")
    figure, panels = plt.subplots(
        1, len(groups), figsize=(3.0 * len(groups), 2.0), squeeze=False, layout="constrained"
    )
    for axes, (heading, numbers) in zip(panels.flat, groups.items(), strict=True):
        names = list(numbers)
        axes.barh(names, list(numbers.values()), color=COLOURS[: len(names)], height=0.6)
        axes.set_xscale("log")
        # Room for the number beside the longest bar.
        axes.set_xlim(1, max(numbers.values()) * 300)
        for index, number in enumerate(numbers.values()):
            axes.text(number * 1.3, index, f"{number:,}", va="center", fontsize=9)
        axes.set_title(heading, fontsize=10)
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def confusion_heatmaps(
    matrices: Mapping[str, torch.Tensor], *, class_names: Sequence[str]
) -> Figure:
    """Draw confusion matrices side by side, counts written in, mistakes in colour.

    The diagonal is left uncoloured: the right answers are many, and would hide the rest.

    Args:
        matrices: A title and its counts ``(classes, classes)``, as from ``confusion_matrix``.
        class_names: What the rows and columns stand for.

    Returns:
        The figure.

    Raises:
        ValueError: There is no matrix, or a shape does not match the names.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import confusion_heatmaps
        >>> counts = torch.tensor([[8, 2], [0, 9]])
        >>> figure = confusion_heatmaps({"CNN": counts}, class_names=["shirt", "coat"])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['8', '2', '9']
        >>> confusion_heatmaps({"CNN": counts}, class_names=["shirt"])
        Traceback (most recent call last):
            ...
        ValueError: CNN: expected (1, 1) counts for 1 classes, got (2, 2)

    Source:
        Derived here.
    """
    if not matrices:
        raise ValueError("matrices: expected at least one, got none")
    classes = len(class_names)
    for title, counts in matrices.items():
        if tuple(counts.shape) != (classes, classes):
            raise ValueError(
                f"{title}: expected {(classes, classes)} counts for {classes} classes, "
                f"got {tuple(counts.shape)}"
            )
    side = 1.6 + 0.34 * classes
    figure, panels = plt.subplots(
        1,
        len(matrices),
        figsize=(side * len(matrices), side),
        squeeze=False,
        layout="constrained",
        sharey=True,
    )
    off_diagonal = {
        title: counts.cpu() - torch.diag(counts.cpu().diagonal())
        for title, counts in matrices.items()
    }
    # One scale for all, so that colours can be compared between the panels.
    most = max(1, max(int(wrong.max()) for wrong in off_diagonal.values()))
    for axes, (title, counts) in zip(panels.flat, matrices.items(), strict=True):
        axes.imshow(off_diagonal[title].numpy(), cmap="Blues", vmin=0, vmax=most)
        for i, line in enumerate(counts.tolist()):
            for j, number in enumerate(line):
                if number:
                    dark = i != j and number > 0.6 * most
                    axes.text(
                        j,
                        i,
                        str(number),
                        ha="center",
                        va="center",
                        fontsize=8,
                        color="white" if dark else "black",
                        weight="bold" if i == j else "normal",
                    )
        axes.set_title(title)
        axes.set_xticks(range(classes), class_names, rotation=60, ha="right", fontsize=8)
        axes.set_yticks(range(classes), class_names, fontsize=8)
        axes.set_xlabel("called")
    panels[0, 0].set_ylabel("actual class")
    return figure


def _cells(axes: Axes, numbers: torch.Tensor, title: str) -> None:
    """Write numbers into a grid of cells, as on squared paper."""
    rows, columns = numbers.shape
    for row in range(rows):
        for column in range(columns):
            axes.add_patch(
                Rectangle((column, row), 1, 1, facecolor="white", edgecolor="#999999", lw=1)
            )
            axes.text(
                column + 0.5, row + 0.5, f"{numbers[row, column]:.4g}", ha="center", va="center"
            )
    axes.set(xlim=(-0.08, columns + 0.08), ylim=(rows + 0.08, -0.08), aspect="equal")
    axes.set_title(title)
    axes.set_axis_off()


def window_picture(
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
        >>> from cnnbook.figures import window_picture
        >>> image = torch.arange(4.0).reshape(1, 1, 2, 2)
        >>> figure = window_picture(image, torch.ones(1, 1, 2, 2), row=0, column=0)
        >>> figure.get_supxlabel()
        '1*0 + 1*1 + 1*2 + 1*3 = 6'
        >>> window_picture(image, torch.ones(1, 1, 2, 2), row=1, column=0)
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
    figure, axes = plt.subplots(
        1,
        3,
        figsize=(cell * (sum(widths) + 2.5), cell * tallest + 1.2),
        width_ratios=widths,
        layout="constrained",
    )
    for one, (title, numbers) in zip(axes, panels, strict=True):
        _cells(one, numbers, title)
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
    figure.supxlabel(str(arithmetic), fontsize=11)
    return figure


def overlap_picture(parts: torch.Tensor) -> Figure:
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
        >>> from cnnbook.figures import overlap_picture
        >>> parts = torch.tensor([[[[1.0, 1.0, 0.0]], [[0.0, 1.0, 1.0]]]])
        >>> figure = overlap_picture(parts)
        >>> [text.get_text() for text in figure.axes[-1].texts]
        ['1', '2', '1']
        >>> overlap_picture(parts[0])
        Traceback (most recent call last):
            ...
        ValueError: parts: expected (oh, ow, h, w) with none of them 0, got (2, 1, 3)

    Source:
        Derived here.
    """
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
    most = max(total.abs().max().item(), 1e-12)
    for line, few in zip(names, parts, strict=True):
        for name, part in zip(line, few, strict=True):
            _shaded_cells(panels[name], part, most, 8)
            panels[name].set_title("+" if name != "0 0" else "", fontsize=10, loc="left", pad=2)
    _shaded_cells(panels["sum"], total, most, 14)
    panels["sum"].set_title("= sum", fontsize=11)
    return figure


def _shaded_cells(axes: Axes, numbers: torch.Tensor, most: float, font: int) -> None:
    """Write numbers into cells that are the bluer the larger the number; zeros stay empty."""
    rows, columns = numbers.shape
    for row in range(rows):
        for column in range(columns):
            number = numbers[row, column].item()
            shade = 0.75 * min(abs(number) / most, 1)
            axes.add_patch(
                Rectangle((column, row), 1, 1, facecolor="white", edgecolor="#999999", lw=1)
            )
            axes.add_patch(
                Rectangle((column, row), 1, 1, facecolor=COLOURS[5], alpha=shade, edgecolor="none")
            )
            if number:
                axes.text(
                    column + 0.5,
                    row + 0.5,
                    f"{number:.4g}",
                    ha="center",
                    va="center",
                    fontsize=font,
                )
    axes.set(xlim=(-0.08, columns + 0.08), ylim=(rows + 0.08, -0.08), aspect="equal")
    axes.set_axis_off()


def field_picture(
    images: torch.Tensor,
    fields: Sequence[tuple[range, range]],
    *,
    titles: Sequence[str] = (),
    margin: int | None = None,
) -> Figure:
    """Draw where images are not zero, and a frame around the pixels where they may be.

    Made for gradients: a pixel with a gradient of 0 cannot change the number that the gradient is
    of, so all colour should lie within the frame of its receptive field.

    Args:
        images: Sizes of gradients ``(n, 1, h, w)``, none below 0; white is 0, black the largest
            of each image, and grey whatever is between, be it ever so small.
        fields: Rows and columns of the frame on each image, as from ``ReceptiveField.pixels``.
        titles: A title for each image, or none.
        margin: Pixels to show around the frame; the whole image where it is left out.

    Returns:
        The figure; the numbers beside it are those of the pixels.

    Raises:
        TypeError: ``images`` is not a tensor or ``margin`` not a whole number.
        ValueError: A shape or a count does not fit, or a number is below 0.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import field_picture
        >>> figure = field_picture(torch.eye(4)[None, None], [(range(1, 3), range(0, 2))])
        >>> figure.axes[0].patches[0].get_xy()
        (-0.5, 0.5)
        >>> field_picture(torch.eye(4)[None, None], [])
        Traceback (most recent call last):
            ...
        ValueError: fields: expected one for each of the 1 images, got 0

    Source:
        Derived here.
    """
    check_images(images)
    if len(images) == 0 or images.shape[1] != 1:
        raise ValueError(
            f"images: expected (n, 1, h, w) with at least one image, got {tuple(images.shape)}"
        )
    if len(fields) != len(images):
        raise ValueError(
            f"fields: expected one for each of the {len(images)} images, got {len(fields)}"
        )
    if titles and len(titles) != len(images):
        raise ValueError(
            f"titles: expected one for each of the {len(images)} images or none, got {len(titles)}"
        )
    images = images.detach().cpu()
    if (images < 0).any():
        raise ValueError(
            f"images: expected sizes, none below 0, got {images.min():.4g}; use images.abs()"
        )
    if margin is not None:
        margin = whole_number(margin, name="margin", least=0)
    figure, panels = plt.subplots(
        1,
        len(images),
        figsize=(3.2 * len(images), 3.4),
        squeeze=False,
        layout="constrained",
    )
    for index, axes in enumerate(panels.flat):
        rows, columns = fields[index]
        image = images[index, 0]
        # A very small gradient is still one, so nothing but 0 may look white.
        shade = torch.where(image > 0, 0.15 + 0.85 * image / image.max(), 0)
        axes.imshow(shade.numpy(), cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
        axes.add_patch(
            Rectangle(
                (columns.start - 0.5, rows.start - 0.5),
                len(columns),
                len(rows),
                fill=False,
                edgecolor=COLOURS[1],
                lw=3,
            )
        )
        if margin is not None:
            axes.set_xlim(columns.start - margin - 0.5, columns.stop + margin - 0.5)
            axes.set_ylim(rows.stop + margin - 0.5, rows.start - margin - 0.5)
            axes.set_xticks(range(columns.start - margin, columns.stop + margin))
            axes.set_yticks(range(rows.start - margin, rows.stop + margin))
        axes.tick_params(labelsize=9, length=0)
        if titles:
            axes.set_title(titles[index], fontsize=11)
    return figure


def field_growth(sizes: Mapping[str, Sequence[int]], *, image_size: int) -> Figure:
    """Draw how far one number sees after each layer, against the size of the image.

    Args:
        sizes: A name and its receptive fields: of the input, 1, then after each layer.
        image_size: Pixels along a side of the image, drawn as a line across.

    Returns:
        The figure; the vertical axis is logarithmic, so that doubling is a straight line.

    Raises:
        TypeError: ``image_size`` is not a whole number.
        ValueError: There is no network, or a size is below 1.

    Examples:
        >>> from cnnbook.figures import field_growth
        >>> figure = field_growth({"3 x 3": [1, 3, 5]}, image_size=28)
        >>> figure.axes[0].get_xlabel(), figure.axes[0].get_yscale()
        ('layers', 'log')
        >>> field_growth({}, image_size=28)
        Traceback (most recent call last):
            ...
        ValueError: sizes: expected at least one size, from 1, for at least one network, got {}

    Source:
        Derived here.
    """
    if not sizes or not all(line and min(line) >= 1 for line in sizes.values()):
        raise ValueError(
            "sizes: expected at least one size, from 1, for at least one network, "
            f"got {dict(sizes)}"
        )
    image_size = whole_number(image_size, name="image_size", least=1)
    figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    axes.axhline(image_size, color="#555555", ls="--", lw=1.5)
    markers = "osD^v"
    for index, (name, line) in enumerate(sizes.items()):
        axes.plot(
            range(len(line)),
            list(line),
            marker=markers[index % len(markers)],
            color=COLOURS[index % len(COLOURS)],
            label=name,
            lw=2,
            ms=6,
        )
    most = max(len(line) for line in sizes.values()) - 1
    axes.text(-0.2, image_size * 1.08, "the whole image", fontsize=10, color="#555555")
    axes.set_yscale("log", base=2)
    ticks = [2**power for power in range(12) if 2**power < 2 * max(map(max, sizes.values()))]
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.set_xticks(range(0, most + 1, 1 if most < 8 else 2))
    axes.set(xlabel="layers", ylabel="pixels seen along a side")
    axes.legend(frameon=False, loc="lower right", fontsize=10)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def feature_rows(
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
        >>> from cnnbook.figures import feature_rows
        >>> figure = feature_rows(torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 3, 3))
        >>> len(figure.axes)
        4
        >>> feature_rows(torch.zeros(2, 1, 4, 4), torch.ones(1, 1, 3, 3))
        Traceback (most recent call last):
            ...
        ValueError: features: expected (2, c, oh, ow) for 2 images, got (1, 1, 3, 3)

    Source:
        Derived here.
    """
    check_images(images)
    check_images(features, name="features")
    if len(images) == 0 or images.shape[1] != 1:
        raise ValueError(
            f"images: expected (n, 1, h, w) with at least one image, got {tuple(images.shape)}"
        )
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
    most = features.abs().amax(dim=(0, 2, 3)).clamp(min=1e-12).tolist()
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
            far = most[channel]
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
    return figure
