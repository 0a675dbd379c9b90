"""Figures of what a training did."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from cnnbook._checks import check_images, check_int
from cnnbook.figures._alt_text import (
    count_noun,
    describe,
    format_numbers,
    name_in_sentence,
    title_in_sentence,
)
from cnnbook.figures._drawing import (
    check_drawable,
    check_grey,
    check_mapping,
    check_texts,
    draw_arrow,
    draw_shaded_cells,
)

__all__ = ["plot_confusion", "plot_micro_batches"]


def plot_confusion(matrices: Mapping[str, torch.Tensor], *, class_names: Sequence[str]) -> Figure:
    """Draw confusion matrices one below the other, counts written in, mistakes in colour.

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
        >>> from cnnbook.figures import plot_confusion
        >>> counts = torch.tensor([[8, 2], [0, 9]])
        >>> figure = plot_confusion({"CNN": counts}, class_names=["shirt", "coat"])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['8', '2', '9']
        >>> plot_confusion({"CNN": counts}, class_names=["shirt"])
        Traceback (most recent call last):
            ...
        ValueError: CNN: expected (1, 1) counts for 1 classes, got (2, 2)

    Source:
        Derived here.
    """
    check_mapping(matrices, torch.Tensor, name="matrices", what="counts")
    check_texts(class_names, name="class_names")
    for counts in matrices.values():
        check_drawable(counts, name="matrices")
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
    # One below the other: side by side they could not be read on a telephone.
    figure, panels = plt.subplots(
        len(matrices),
        1,
        figsize=(side + 0.4, (side - 0.6) * len(matrices) + 0.6),
        squeeze=False,
        layout="constrained",
        sharex=True,
    )
    off_diagonal = {
        title: counts.cpu() - torch.diag(counts.cpu().diagonal())
        for title, counts in matrices.items()
    }
    # One scale for all, so that colours can be compared between the panels.
    maximum = max(1, max(int(wrong.max()) for wrong in off_diagonal.values()))
    for axes, (title, counts) in zip(panels.flat, matrices.items(), strict=True):
        axes.imshow(off_diagonal[title].numpy(), cmap="Blues", vmin=0, vmax=maximum)
        for i, line in enumerate(counts.tolist()):
            for j, number in enumerate(line):
                if number:
                    dark = i != j and number > 0.6 * maximum
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
        axes.set_ylabel("actual class")
    panels[-1, 0].set_xlabel("called")
    message = []
    for title, counts in matrices.items():
        right, whole = counts.diagonal().sum().item(), counts.sum().item()
        row, column = divmod(int(off_diagonal[title].argmax()), classes)
        often = off_diagonal[title][row, column].item()
        mistake = f"most often, {often} times, {class_names[row]} is called {class_names[column]}"
        message.append(
            f"{name_in_sentence(title)}: {right} of {whole} right, {mistake if often else 'no mistake'}"
        )
    describe(
        figure,
        f"{count_noun(len(matrices), 'table')} of counts, a row for each of {classes} actual classes, "
        "a column for what it was called.",
        message,
    )
    return figure


def plot_micro_batches(
    images: torch.Tensor,
    gradients: torch.Tensor,
    *,
    sizes: Sequence[int],
    names: Sequence[str] = (),
) -> Figure:
    """Draw a batch in pieces: the images of each, its gradient, and the sum of the gradients.

    Args:
        images: The whole batch ``(n, 1, h, w)``, in the order of the pieces.
        gradients: What each piece adds to the sum, ``(pieces, rows, columns)``.
        sizes: How many images each piece has; together ``n``.
        names: A name for each piece, or none.

    Returns:
        The figure: a row for each piece, and on the right the sum.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A shape or a count does not fit.

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

    Source:
        Derived here.
    """
    check_drawable(images, name="images")
    check_drawable(gradients, name="gradients")
    check_texts(names, name="names")
    check_images(images)
    check_grey(images)
    if gradients.ndim != 3 or 0 in gradients.shape:
        raise ValueError(
            "gradients: expected (pieces, rows, columns) with none of them 0, got "
            f"{tuple(gradients.shape)}"
        )
    if not isinstance(sizes, (list, tuple)):
        raise TypeError(f"sizes: expected a list of whole numbers, got {sizes!r}")
    counts = [check_int(size, name="sizes", minimum=1) for size in sizes]
    if len(counts) != len(gradients) or sum(counts) != len(images):
        raise ValueError(
            f"sizes: expected {len(gradients)} sizes that add up to {len(images)}, got {counts}"
        )
    if names and len(names) != len(counts):
        raise ValueError(
            f"names: expected one for each of the {len(counts)} pieces or none, got {len(names)}"
        )
    images, gradients = images.detach().cpu(), gradients.detach().cpu()
    total = gradients.sum(dim=0)
    maximum = max(total.abs().max().item(), gradients.abs().max().item(), 1e-12)
    figure = plt.figure(figsize=(6.4, 1.3 * len(counts) + 0.3))
    each, (height, width) = 0.96 / len(counts), images.shape[2:]
    # One pixel of white from each image to the next, and each row as wide as the fullest.
    longest = max(counts) * (width + 1) - 1
    start = 0
    for index, count in enumerate(counts):
        bottom = 0.98 - (index + 1) * each
        middle = bottom + 0.42 * each
        strip = torch.ones(height, count * (width + 1) - 1, dtype=torch.float64)
        for position, image in enumerate(images[start : start + count, 0]):
            first = position * (width + 1)
            strip[:, first : first + width] = image
        start += count
        axes = figure.add_axes((0.02, bottom + 0.05 * each, 0.5, 0.74 * each), anchor="W")
        axes.imshow(strip.numpy(), cmap="gray", interpolation="nearest")
        axes.set_xlim(-0.5, longest - 0.5)
        axes.set_axis_off()
        if names:
            figure.text(0.02, bottom + 0.88 * each, names[index], fontsize=11, va="center")
        axes = figure.add_axes((0.6, bottom + 0.02 * each, 0.16, 0.8 * each))
        draw_shaded_cells(axes, gradients[index], maximum, 11, zeros=True)
        draw_arrow(figure, (0.53, middle), (0.6, middle))
        draw_arrow(figure, (0.765, middle), (0.83, 0.5 + 0.1 * (middle - 0.5)))
    axes = figure.add_axes((0.83, 0.5 - 0.4 * each, 0.16, 0.8 * each))
    draw_shaded_cells(axes, total, maximum, 11, zeros=True)
    figure.text(0.91, 0.5 + 0.46 * each, "sum", fontsize=12, ha="center", va="center")
    pieces = [
        f"{title_in_sentence(names, index, f'piece {index + 1}')}: {count_noun(count, 'image').lower()}, "
        f"gradient {format_numbers(gradients[index])}"
        for index, count in enumerate(counts)
    ]
    describe(
        figure,
        f"A batch of {count_noun(len(images), 'image').lower()} in "
        f"{count_noun(len(counts), 'piece').lower()}, an arrow from each to its gradient, and from "
        f"the gradients to their sum, {format_numbers(total)}.",
        pieces,
    )
    return figure
