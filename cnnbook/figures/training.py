"""Figures of a training: which classes it confuses, and how its batch is split."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from cnnbook._checks import check_int, summarize
from cnnbook.figures._alt_text import (
    count_noun,
    describe,
    format_numbers,
    name_in_sentence,
    title_in_sentence,
)
from cnnbook.figures._drawing import (
    SMALL,
    TEXT,
    WIDTH,
    check_drawable,
    check_grey_images,
    check_mapping,
    check_strings,
    check_titles,
    draw_arrow,
    draw_cells,
    draw_image,
    shade_by_size,
)
from cnnbook.figures._themes import INK, SIZE_COLORMAP

__all__ = ["plot_confusion", "plot_micro_batches"]


def plot_confusion(matrices: Mapping[str, torch.Tensor], *, class_names: Sequence[str]) -> Figure:
    """Draw confusion matrices one below the other, counts written in, mistakes in colour.

    The diagonal is left uncoloured: correct predictions are many, and would hide the mistakes.

    Args:
        matrices: A title and its counts ``(classes, classes)``, as from ``confusion_matrix``.
        class_names: The classes of the rows and columns.

    Returns:
        The figure.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_confusion
        >>> counts = torch.tensor([[8, 2], [0, 9]])
        >>> figure = plot_confusion({"CNN": counts}, class_names=["shirt", "coat"])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['8', '2', '9']
        >>> plot_confusion({"CNN": counts}, class_names=["shirt"])
        Traceback (most recent call last):
            ...
        ValueError: CNN: expected (1, 1) counts for 1 classes, got (2, 2)
    """
    check_mapping(matrices, torch.Tensor, name="matrices", what="counts")
    check_strings(class_names, name="class_names")
    classes = len(class_names)
    for title, counts in matrices.items():
        check_drawable(counts, name="matrices")
        if tuple(counts.shape) != (classes, classes):
            raise ValueError(
                f"{title}: expected {(classes, classes)} counts for {classes} classes, "
                f"got {tuple(counts.shape)}"
            )
    side = 1.6 + 0.34 * classes
    # One below the other: side by side they could not be read on a telephone.
    figure, panels = plt.subplots(
        len(matrices),
        1,
        figsize=(min(side + 0.2, WIDTH), (side - 0.8) * len(matrices) + 0.8),
        squeeze=False,
        layout="constrained",
        sharex=True,
    )
    mistakes = {
        title: counts.cpu() - torch.diag(counts.cpu().diagonal())
        for title, counts in matrices.items()
    }
    # One scale for all, so that colours can be compared between the panels.
    maximum = max(1, max(int(counts.max()) for counts in mistakes.values()))
    details = []
    for axes, (title, counts) in zip(panels.flat, matrices.items(), strict=True):
        draw_image(axes, mistakes[title], cmap=SIZE_COLORMAP, vmin=0, vmax=maximum)
        for row, column in counts.nonzero().tolist():
            number = counts[row, column].item()
            axes.text(
                column,
                row,
                str(number),
                ha="center",
                va="center",
                fontsize=SMALL,
                color=INK,
                weight="bold" if row == column else "normal",
            )
        axes.set_title(title, fontsize=TEXT)
        axes.set_xticks(range(classes), class_names, rotation=60, ha="right", fontsize=SMALL)
        axes.set_yticks(range(classes), class_names, fontsize=SMALL)
        axes.set_ylabel("actual class", fontsize=TEXT)
        row, column = divmod(int(mistakes[title].argmax()), classes)
        most = mistakes[title][row, column].item()
        mistake = f"most often, {most} times, {class_names[row]} is called {class_names[column]}"
        details.append(
            f"{name_in_sentence(title)}: {counts.diagonal().sum()} of {counts.sum()} right, "
            f"{mistake if most else 'no mistake'}"
        )
    panels[-1, 0].set_xlabel("predicted class", fontsize=TEXT)
    describe(
        figure,
        f"{count_noun(len(matrices), 'table')} of counts, a row for each of {classes} actual "
        "classes, a column for the predicted class.",
        details,
    )
    return figure


def plot_micro_batches(
    images: torch.Tensor,
    gradients: torch.Tensor,
    *,
    sizes: Sequence[int],
    names: Sequence[str] = (),
) -> Figure:
    """Draw a batch in micro-batches: the images of each, its gradient, and the sum of all.

    Args:
        images: The whole batch ``(n, 1, h, w)``, in the order of the micro-batches.
        gradients: What each micro-batch adds to the sum, ``(micro_batches, rows, columns)``.
        sizes: How many images each micro-batch has; together ``n``.
        names: A name for each micro-batch, or none.

    Returns:
        The figure: a row for each micro-batch, and on the right the sum.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import plot_micro_batches
        >>> gradients = torch.tensor([-8.0, -16.0]).reshape(2, 1, 1)
        >>> figure = plot_micro_batches(torch.ones(6, 1, 2, 2), gradients, sizes=[4, 2])
        >>> [text.get_text() for axes in figure.axes for text in axes.texts]
        ['-8', '-16', '-24']
        >>> plot_micro_batches(torch.ones(6, 1, 2, 2), gradients, sizes=[4, 3])
        Traceback (most recent call last):
            ...
        ValueError: sizes: expected 2 sizes that add up to 6, got [4, 3]
    """
    check_grey_images(images)
    check_drawable(gradients, name="gradients", finite=True)
    if gradients.ndim != 3 or 0 in gradients.shape:
        raise ValueError(
            "gradients: expected (micro_batches, rows, columns) with none of them 0, got "
            f"{tuple(gradients.shape)}"
        )
    if not isinstance(sizes, (list, tuple)):
        raise TypeError(f"sizes: expected a list of whole numbers, got {summarize(sizes)}")
    counts = [check_int(size, name="sizes", minimum=1) for size in sizes]
    if len(counts) != len(gradients) or sum(counts) != len(images):
        raise ValueError(
            f"sizes: expected {len(gradients)} sizes that add up to {len(images)}, got {counts}"
        )
    check_titles(names, len(counts), name="names", what="micro-batches")
    images, gradients = images.detach().cpu(), gradients.detach().cpu()
    total = gradients.sum(dim=0)
    maximum = max(total.abs().max().item(), gradients.abs().max().item(), 1e-12)
    figure = plt.figure(figsize=(5.2, 1.35 * len(counts) + 0.3))
    row_height, (height, width) = 0.96 / len(counts), images.shape[2:]
    # A pixel between two images, which is not drawn, and each row as wide as the longest.
    longest = max(counts) * (width + 1) - 1
    for index, batch in enumerate(torch.split(images[:, 0], counts)):
        bottom = 0.98 - (index + 1) * row_height
        middle = bottom + 0.42 * row_height
        columns = len(batch) * (width + 1) - 1
        strip = torch.full((height, columns), torch.nan, dtype=torch.float64, device="cpu")
        for position, image in enumerate(batch):
            first = position * (width + 1)
            strip[:, first : first + width] = image
        axes = figure.add_axes(
            (0.02, bottom + 0.05 * row_height, 0.43, 0.74 * row_height), anchor="W"
        )
        draw_image(axes, strip)
        axes.set_xlim(-0.5, longest - 0.5)
        axes.set_axis_off()
        if names:
            figure.text(0.02, bottom + 0.88 * row_height, names[index], fontsize=TEXT, va="center")
        axes = figure.add_axes((0.52, bottom + 0.02 * row_height, 0.2, 0.8 * row_height))
        draw_cells(axes, gradients[index], fontsize=SMALL)
        shade_by_size(axes, gradients[index], maximum)
        draw_arrow(figure, (0.455, middle), (0.515, middle))
        draw_arrow(figure, (0.725, middle), (0.785, 0.5 + 0.1 * (middle - 0.5)))
    axes = figure.add_axes((0.79, 0.5 - 0.4 * row_height, 0.2, 0.8 * row_height))
    draw_cells(axes, total, fontsize=SMALL)
    shade_by_size(axes, total, maximum)
    figure.text(0.89, 0.5 + 0.46 * row_height, "sum", fontsize=TEXT, ha="center", va="center")
    describe(
        figure,
        f"A batch of {count_noun(len(images), 'image')} in "
        f"{count_noun(len(counts), 'micro-batch', plural='micro-batches')}, an arrow from each to "
        f"its gradient, and from the gradients to their sum, {format_numbers(total)}.",
        [
            f"{title_in_sentence(names, index, f'micro-batch {index + 1}')}: "
            f"{count_noun(count, 'image')}, gradient {format_numbers(gradients[index])}"
            for index, count in enumerate(counts)
        ],
    )
    return figure
