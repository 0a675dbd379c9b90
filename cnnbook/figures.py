"""Figures of the tensors they are given.

Every function returns its matplotlib figure and shows nothing. Colours are Okabe and Ito's, which
colour-blind readers can tell apart, on a white ground, which reads in a light and in a dark page.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cnnbook.arguments import check_images, whole_number
from cnnbook.convolution import conv2d
from cnnbook.windows import window_sum

__all__ = ["COLOURS", "bars", "confusion_heatmaps", "image_grid", "loss_curves", "window_picture"]

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
