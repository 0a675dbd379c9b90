"""Figures of the tensors they are given.

Every function returns its matplotlib figure and shows nothing. Colours are Okabe and Ito's, which
colour-blind readers can tell apart, on a white ground, which reads in a light and in a dark page.
For those who see no figure, each carries a text that says what is to be seen, with its numbers:
:func:`alt_text`.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from cnnbook.arguments import check_images, real_number, whole_number
from cnnbook.convolution import conv2d
from cnnbook.pooling import max_pool2d
from cnnbook.windows import window_sum, windows

__all__ = [
    "COLOURS",
    "alt_text",
    "bars",
    "confusion_heatmaps",
    "curve_panels",
    "dot_rows",
    "feature_maps",
    "feature_rows",
    "feature_table",
    "field_growth",
    "field_picture",
    "image_grid",
    "knob_panels",
    "loss_curves",
    "matrix_pictures",
    "number_grids",
    "overlap_picture",
    "overlay_rows",
    "pieces_picture",
    "pooling_picture",
    "pooling_strips",
    "seed_dots",
    "size_panels",
    "two_ways",
    "window_picture",
    "yearly_bars",
]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def _check_named(
    value: Mapping[str, Any], kind: type | tuple[type, ...], *, name: str, what: str
) -> None:
    """Refuse anything but a dict of names, each with what belongs to it."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: expected a dict of names and {what}, got {type(value).__name__}")
    for heading, item in value.items():
        if not isinstance(heading, str):
            raise TypeError(f"{name}: expected names that are texts, got {heading!r}")
        if not isinstance(item, kind) or isinstance(item, (str, bytes)):
            raise TypeError(f"{name}: expected {what} for {heading!r}, got {type(item).__name__}")


def _check_fields(fields: Sequence[tuple[range, range]]) -> None:
    pairs = isinstance(fields, (list, tuple)) and all(
        isinstance(field, (list, tuple))
        and len(field) == 2
        and all(isinstance(axis, range) for axis in field)
        for field in fields
    )
    if not pairs:
        raise TypeError(f"fields: expected a list of pairs of ranges, got {fields!r}")


def _check_grey(images: torch.Tensor) -> None:
    if len(images) == 0 or images.shape[1] != 1:
        raise ValueError(
            f"images: expected (n, 1, h, w) with at least one image, got {tuple(images.shape)}"
        )


def _check_texts(texts: Sequence[str], *, name: str) -> None:
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{name}: expected a list of texts, got {texts!r}")


def _check_seen(tensor: torch.Tensor, *, name: str, sparse: bool = False) -> None:
    """Refuse numbers that cannot be drawn: none at all, complex ones, ones that are nowhere."""
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(
            f"{name}: expected a torch.Tensor, got {type(tensor).__name__}; "
            f"convert with torch.tensor({name})"
        )
    if tensor.is_meta:
        raise ValueError(f"{name}: expected numbers to draw, got a tensor on 'meta'")
    if tensor.layout != torch.strided and not sparse:
        raise TypeError(
            f"{name}: expected a dense tensor, got {tensor.layout}; convert with {name}.to_dense()"
        )
    if tensor.is_complex() or tensor.dtype in _NARROW:
        raise TypeError(f"{name}: expected real numbers to draw, got {tensor.dtype}")


# For storing only: torch neither compares nor sums them.
_NARROW = tuple(
    getattr(torch, kind) for kind in dir(torch) if kind.startswith(("float8", "float4"))
)


def alt_text(figure: Figure) -> str:
    """Return what is to be seen on a figure, in words, for those who do not see it.

    Every function of this module says what it drew from the numbers it was given, and keeps the
    text as the label of the figure, matplotlib's ``figure.get_label()``. A figure drawn by hand is
    described with ``figure.set_label``.

    Args:
        figure: A figure of this module, or one with a label.

    Returns:
        Its description, on one line.

    Raises:
        TypeError: ``figure`` is not a matplotlib figure.
        ValueError: Nobody has described it.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import alt_text, number_grids
        >>> alt_text(number_grids({"step": torch.tensor([[1.0, -2.0]])}))
        'One grid of numbers, blue above 0 and orange below. step, 1 x 2: 1 -2.'
        >>> from matplotlib.figure import Figure
        >>> alt_text(Figure())
        Traceback (most recent call last):
            ...
        ValueError: figure: expected a figure with a description, got one without; draw it with a \
function of cnnbook.figures, or say what is to be seen with figure.set_label(...)

    Source:
        Derived here.
    """
    if not isinstance(figure, Figure):
        raise TypeError(f"figure: expected a matplotlib Figure, got {type(figure).__name__}")
    text = " ".join(str(figure.get_label()).split())
    if not text:
        raise ValueError(
            "figure: expected a figure with a description, got one without; draw it with a "
            "function of cnnbook.figures, or say what is to be seen with figure.set_label(...)"
        )
    return text


# About what a screen reader says in twenty seconds.
_MOST_CHARACTERS = 300


def _describe(figure: Figure, *parts: str | list[str]) -> None:
    """Keep with a figure what is to be seen on it, for ``alt_text``.

    Every function here calls this once, before it returns its figure, with what it drew: which kind
    of picture, what the axes are, and the numbers that decide, written as on the figure.

    Args:
        figure: The figure.
        parts: Sentences, the weightiest first, since what no longer fits is left out; a list is
            joined to a sentence of as many items as fit, with a word on how many do not.
    """
    told = ""
    for part in parts:
        if not part:
            continue
        room = _MOST_CHARACTERS - len(told) - bool(told)
        sentence = part if isinstance(part, str) else f"{_listed(part, room - 1)}."
        sentence = " ".join(sentence.split())
        if len(sentence) > room and told:
            break
        if len(sentence) > room:
            sentence = f"{sentence[: room - 3]}..."
        told = f"{told} {sentence}".strip()
    figure.set_label(told)


def _listed(items: list[str], room: int) -> str:
    """Join as many items as there is room for, and count the others."""
    for kept in range(len(items), 0, -1):
        rest = f" and {len(items) - kept} more" if kept < len(items) else ""
        text = "; ".join(items[:kept]) + rest
        if len(text) <= room:
            return text
    return f"{items[0][: max(room - 3, 0)]}..."


def _titled(titles: Sequence[str], index: int, otherwise: str) -> str:
    """Return a title as it reads within a sentence, or what it is called without one."""
    text = " ".join(titles[index].split()).rstrip(" :.,;") if titles else ""
    return (text if len(text) <= 60 else f"{text[:57]}...") or otherwise


def _named(name: str) -> str:
    return _titled([name], 0, "without a name")


def _count(number: int, noun: str) -> str:
    words = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
    return f"{words[number] if number < len(words) else number} {noun}{'' if number == 1 else 's'}"


def _percent(part: float, whole: float) -> str:
    share = 100 * part / whole
    # Two digits would make 1e+02 of a hundred.
    return f"{share:.2g} %" if share < 99.5 else f"{share:.3g} %"


def _span(noun: str, first: int, last: int) -> str:
    return f"{noun} {first}" if first == last else f"{noun}s {first} to {last}"


def _values(numbers: torch.Tensor) -> torch.Tensor:
    """Return numbers of any kind as ones that can be compared and added up."""
    # Added to 0, -0 becomes 0.
    return numbers.detach().cpu().double() + 0


def _from_to(numbers: torch.Tensor) -> str:
    values = _values(numbers)
    return f"{values.min():.4g} to {values.max():.4g}"


def _written(numbers: torch.Tensor, *, most: int = 16) -> str:
    """Write numbers row by row, or from which to which they go where they are many."""
    values = _values(numbers)
    if values.numel() > 1 and bool((values == values.flatten()[0]).all()):
        return f"{values.flatten()[0]:.4g} everywhere"
    if values.numel() > most:
        return f"from {_from_to(values)}"
    lines = values.reshape(-1, values.shape[-1]).tolist()
    return " / ".join(" ".join(f"{number:.4g}" for number in line) for line in lines)


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
    _check_seen(images, name="images")
    _check_texts(titles, name="titles")
    size = real_number(size, name="size", above=0, most=100)
    check_images(images)
    _check_grey(images)
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
    height_width = " x ".join(map(str, images.shape[2:]))
    names = [_titled(titles, index, f"image {index + 1}") for index in range(len(images))]
    # Each image is shown from its darkest to its brightest pixel, so the middle is its own.
    flat = _values(images).flatten(1)
    lowest, highest = flat.amin(1, keepdim=True), flat.amax(1, keepdim=True)
    bright = (flat > (lowest + highest) / 2).double().mean(1)
    shares = [f"{_percent(share, 1)} of {name}" for share, name in zip(bright, names, strict=True)]
    least, most = shares[int(bright.argmin())], shares[int(bright.argmax())]
    _describe(
        figure,
        f"{_count(len(images), 'grey image')} of {height_width} pixels, {columns} in a row.",
        f"Bright pixels cover {', '.join(shares) if len(shares) < 4 else f'{least} to {most}'}.",
        names if titles and len(shares) > 3 else "",
    )
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
    _check_named(curves, (list, tuple), name="curves", what="a list of losses")
    for losses in curves.values():
        for loss in losses:
            real_number(loss, name="curves", above=-math.inf)
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
    _describe(
        figure,
        f"{_count(len(curves), 'curve')} of loss against epoch, on a logarithmic axis.",
        [f"{_named(name)} {_course(losses)}" for name, losses in curves.items()],
    )
    return figure


def _course(losses: Sequence[float]) -> str:
    """Say where a curve begins and ends, and where it turns if that is far from both."""
    first, last, count = f"{losses[0]:.3g}", f"{losses[-1]:.3g}", len(losses)
    if count == 1:
        return f"is {first} at epoch 1"
    moves = "falls" if losses[-1] < losses[0] else "rises"
    told = f"{moves} from {first} to {last} in {count} epochs"
    if first == last:
        told = f"begins and ends at {first}, {count} epochs"
    top, bottom = max(losses), min(losses)
    if top > 1.2 * max(losses[0], losses[-1]):
        told += f", highest {top:.3g} at epoch {losses.index(top) + 1}"
    if bottom < min(losses[0], losses[-1]) / 1.2:
        told += f", lowest {bottom:.3g} at epoch {losses.index(bottom) + 1}"
    return told


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
    _check_named(groups, Mapping, name="groups", what="numbers by name")
    for numbers in groups.values():
        _check_named(numbers, (int, float), name="groups", what="a number")
    if not groups:
        raise ValueError("groups: expected at least one panel, got none")
    for heading, numbers in groups.items():
        if not numbers or min(numbers.values()) < 1:
            raise ValueError(f"{heading}: expected numbers of at least 1, got {dict(numbers)}")
    # One below the other: side by side they could not be read on a telephone.
    heights = [0.7 + 0.35 * len(numbers) for numbers in groups.values()]
    figure, panels = plt.subplots(
        len(groups),
        1,
        figsize=(4.5, sum(heights)),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
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
    _describe(
        figure,
        f"{_count(len(groups), 'panel')} of horizontal bars, on logarithmic axes.",
        [
            f"{_named(heading)}: "
            + ", ".join(f"{_named(name)} {number:,}" for name, number in numbers.items())
            for heading, numbers in groups.items()
        ],
    )
    return figure


def confusion_heatmaps(
    matrices: Mapping[str, torch.Tensor], *, class_names: Sequence[str]
) -> Figure:
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
    _check_named(matrices, torch.Tensor, name="matrices", what="counts")
    _check_texts(class_names, name="class_names")
    for counts in matrices.values():
        _check_seen(counts, name="matrices")
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
        axes.set_ylabel("actual class")
    panels[-1, 0].set_xlabel("called")
    told = []
    for title, counts in matrices.items():
        right, whole = counts.diagonal().sum().item(), counts.sum().item()
        row, column = divmod(int(off_diagonal[title].argmax()), classes)
        often = off_diagonal[title][row, column].item()
        mistake = f"most often, {often} times, {class_names[row]} is called {class_names[column]}"
        told.append(
            f"{_named(title)}: {right} of {whole} right, {mistake if often else 'no mistake'}"
        )
    _describe(
        figure,
        f"{_count(len(matrices), 'table')} of counts, a row for each of {classes} actual classes, "
        "a column for what it was called.",
        told,
    )
    return figure


def _cells(axes: Axes, numbers: torch.Tensor, title: str, *, fontsize: float = 10) -> None:
    """Write numbers into a grid of cells, as on squared paper."""
    rows, columns = numbers.shape
    for row in range(rows):
        for column in range(columns):
            axes.add_patch(
                Rectangle((column, row), 1, 1, facecolor="white", edgecolor="#999999", lw=1)
            )
            axes.text(
                column + 0.5,
                row + 0.5,
                f"{numbers[row, column]:.4g}",
                ha="center",
                va="center",
                fontsize=fontsize,
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
    width_in_inches = cell * (sum(widths) + 2.5)
    # Ten characters to the inch: a longer sum would run out of the figure on both sides.
    told = textwrap.fill(str(arithmetic), width=int(10 * width_in_inches))
    figure, axes = plt.subplots(
        1,
        3,
        figsize=(width_in_inches, cell * tallest + 1.0 + 0.2 * len(told.splitlines())),
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
    figure.supxlabel(told, fontsize=11)
    covered = images.detach()[0, 0, row : row + kernel_rows, column : column + kernel_columns]
    rows, columns = (
        _span("row", row, row + kernel_rows - 1),
        _span("column", column, column + kernel_columns - 1),
    )
    _describe(
        figure,
        f"Grids of numbers: an image, {_written(panels[0][1])}, a kernel, "
        f"{_written(panels[1][1])}, and the output, {_written(features)}.",
        f"The window at {rows}, {columns} covers {_written(covered)} and gives "
        f"{arithmetic.total:.4g}.",
    )
    return figure


def knob_panels(
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
        >>> from cnnbook.figures import knob_panels
        >>> figure = knob_panels(5, 3, {"plain": {}, "stride 2": {"stride": 2}})
        >>> [axes.get_title() for axes in figure.axes]
        ['plain: 3 x 3', 'stride 2: 2 x 2']
        >>> knob_panels(5, 3, {})
        Traceback (most recent call last):
            ...
        ValueError: settings: expected at least one panel, got none

    Source:
        Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, chapter 2
        (there one window a picture).
    """
    _check_named(settings, Mapping, name="settings", what="knobs by name")
    if not settings:
        raise ValueError("settings: expected at least one panel, got none")
    size = whole_number(image_size, name="image_size", least=1)
    rows = -(-len(settings) // 2)
    columns = min(2, len(settings))
    figure, panels = plt.subplots(
        rows, columns, figsize=(2.5 * columns, 2.7 * rows), squeeze=False, layout="constrained"
    )
    # One scale for all panels, so that a padded image is larger by its padding.
    reach = max(knobs.get("padding", 0) for knobs in settings.values())
    for axes in panels.flat[len(settings) :]:
        axes.set_visible(False)
    told = []
    for axes, (heading, knobs) in zip(panels.flat, settings.items(), strict=False):
        padding = knobs.get("padding", 0)
        side = size + 2 * padding
        # Row and column of every pixel, counted from the image's upper left one.
        places = torch.stack(torch.meshgrid(*(torch.arange(side) - padding,) * 2, indexing="ij"))[
            None
        ]
        rest = {name: value for name, value in knobs.items() if name != "padding"}
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
        told.append(
            f"{_named(heading)}: {every.shape[1]} x {every.shape[2]}, span {reached}{step}{border}"
        )
    kernel = " x ".join(map(str, every.shape[-2:]))
    _describe(
        figure,
        f"Image of {size} x {size} pixels, kernel {kernel}: first window filled, the next dotted. "
        "Windows there are:",
        told,
    )
    return figure


def matrix_pictures(matrices: Mapping[str, torch.Tensor]) -> Figure:
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
        >>> from cnnbook.figures import matrix_pictures
        >>> figure = matrix_pictures({"A": torch.tensor([[1.0, 0.0], [2.0, 1.0]])})
        >>> figure.axes[0].get_xlabel()
        '3 of 4 entries, 75 %'
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1', '2', '1']
        >>> matrix_pictures({"A": torch.zeros(2)})
        Traceback (most recent call last):
            ...
        ValueError: A: expected (rows, columns) with at least one entry, got (2,)

    Source:
        Derived here.
    """
    _check_named(matrices, torch.Tensor, name="matrices", what="a matrix")
    for matrix in matrices.values():
        _check_seen(matrix, name="matrices", sparse=True)
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
    told = []
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
        axes.set_xlabel(f"{held:,} of {entries:,} entries, {_percent(held, entries)}", fontsize=9)
        least, most = (int(count) for count in filled.sum(dim=0).aminmax())
        each = f"{most} in each column" if least == most else f"{least} to {most} in a column"
        those = f"each {kinds[0]:.4g}" if len(kinds) == 1 else f"from {_from_to(numbers)}"
        shape = f"{rows:,} x {columns:,}"
        told.append(
            ("" if heading == shape else f"{_named(heading)}, ")
            + f"{shape}: {held:,} of {entries:,} entries not 0, {_percent(held, entries)}"
            + (f", {each}, {those if entries > 16 else _written(numbers)}" if held else "")
        )
    _describe(
        figure,
        f"{_count(len(matrices), 'picture')} of where a matrix is not 0, coloured by number.",
        told,
    )
    return figure


def two_ways(corners: Sequence[torch.Tensor], *, across: str, down: str) -> Figure:
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
        >>> from cnnbook.figures import two_ways
        >>> figure = two_ways([torch.eye(3)[None, None]] * 4, across="flip", down="turn")
        >>> len(figure.axes), [text.get_text() for text in figure.texts]
        (4, ['flip', 'turn', 'flip', 'turn'])
        >>> two_ways([torch.eye(3)[None, None]], across="flip", down="turn")
        Traceback (most recent call last):
            ...
        ValueError: corners: expected four grey images (1, 1, h, w), got [(1, 1, 3, 3)]

    Source:
        Derived here.
    """
    if not isinstance(corners, (list, tuple)):
        raise TypeError(f"corners: expected four images in a list, got {type(corners).__name__}")
    for corner in corners:
        _check_seen(corner, name="corners")
    _check_texts([across], name="across")
    _check_texts([down], name="down")
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
        most = float(picture.abs().max()) or 1.0
        signed = bool((picture < 0).any())
        axes.imshow(
            picture.numpy(),
            cmap="gray",
            vmin=-most if signed else 0,
            vmax=most,
            interpolation="nearest",
        )
        axes.set(xticks=[], yticks=[])
    start, middle = 0.03 + side, 0.97 - side / 2
    for row in (0, 1):
        level = middle - row * (side + gap)
        _arrow(figure, (start + 0.02, level), (start + gap - 0.02, level))
        figure.text(start + gap / 2, level + 0.02, across, ha="center", va="bottom", fontsize=11)
        centre = 0.03 + side / 2 + row * (side + gap)
        top = 0.97 - side
        _arrow(figure, (centre, top - 0.02), (centre, top - gap + 0.02))
        figure.text(centre + 0.02, top - gap / 2, down, ha="left", va="center", fontsize=11)
    places = ("upper left", "upper right", "lower left", "lower right")
    _describe(
        figure,
        f"Four grey images at the corners of a square, arrows to the right: {_named(across)}, "
        f"downwards: {_named(down)}.",
        "Middle of what is not 0, by row and column:",
        [
            f"{place} {_centre(corner.detach()[0, 0])}"
            for place, corner in zip(places, corners, strict=True)
        ],
    )
    return figure


def _centre(picture: torch.Tensor) -> str:
    """Say where the middle of a picture's numbers lies, each weighed by its size."""
    sizes = _values(picture).abs()
    whole = sizes.sum()
    if not bool(whole > 0):
        return "nowhere"
    middle = (
        float((sizes.sum(dim=1 - axis) * torch.arange(sizes.shape[axis])).sum() / whole)
        for axis in (0, 1)
    )
    return f"{', '.join(f'{place:.1f}' for place in middle)} ({_from_to(picture)})"


def _arrow(figure: Figure, start: tuple[float, float], end: tuple[float, float]) -> None:
    figure.add_artist(
        FancyArrowPatch(
            start,
            end,
            transform=figure.transFigure,
            arrowstyle="-|>",
            mutation_scale=18,
            color=COLOURS[0],
            lw=2.5,
        )
    )


def pooling_strips(strips: Mapping[str, torch.Tensor], *, size: int = 2) -> Figure:
    """Draw rows of pixels with the pooling windows marked, and the largest number of each.

    Args:
        strips: A label and its row of pixels ``(w,)``, all of one length.
        size: Pixels in a window; windows touch and do not overlap.

    Returns:
        The figure: the pixels on the left, what pooling leaves of them on the right.

    Raises:
        TypeError: ``size`` is not a whole number.
        ValueError: There is no strip, one has not one axis, lengths differ, or ``size`` does not
            divide them.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import pooling_strips
        >>> figure = pooling_strips({"a": torch.tensor([3.0, 7.0, 0.0, 0.0])})
        >>> [[text.get_text() for text in axes.texts] for axes in figure.axes]
        [['a', '3', '7', '0', '0'], ['7', '0']]
        >>> pooling_strips({"a": torch.zeros(3)})
        Traceback (most recent call last):
            ...
        ValueError: strips: expected rows (w,) of one length, a multiple of 2, got [(3,)]

    Source:
        Derived here.
    """
    _check_named(strips, torch.Tensor, name="strips", what="a row of numbers")
    for strip in strips.values():
        _check_seen(strip, name="strips")
    size = whole_number(size, name="size", least=1)
    shapes = [tuple(strip.shape) for strip in strips.values()]
    if len(set(shapes)) != 1 or len(shapes[0]) != 1 or shapes[0][0] % size or not shapes[0][0]:
        raise ValueError(
            f"strips: expected rows (w,) of one length, a multiple of {size}, got {shapes}"
        )
    width = shapes[0][0]
    figure, panels = plt.subplots(
        1,
        2,
        figsize=(0.36 * (width + width // size + 3.6), 0.54 * len(strips) + 0.35),
        width_ratios=[width + 3.3, width // size + 0.3],
        layout="constrained",
    )
    for line, (label, strip) in enumerate(strips.items()):
        top = 1.5 * line
        panels[0].text(-0.3, top + 0.5, label, ha="right", va="center", fontsize=11)
        pooled = strip.detach().cpu().reshape(-1, size).amax(dim=1)
        for axes, numbers in ((panels[0], strip), (panels[1], pooled)):
            for column, number in enumerate(numbers.tolist()):
                axes.add_patch(
                    Rectangle(
                        (column, top),
                        1,
                        1,
                        facecolor=COLOURS[5] if number else "white",
                        edgecolor="#999999",
                    )
                )
                axes.text(column + 0.5, top + 0.5, f"{number:.4g}", ha="center", va="center")
        for first in range(0, width, size):
            panels[0].add_patch(
                Rectangle((first, top), size, 1, fill=False, edgecolor=COLOURS[0], lw=2.5)
            )
    for axes, title, left, right in (
        (panels[0], "pixels", -3.2, width),
        (panels[1], "largest", -0.2, width // size),
    ):
        axes.set(xlim=(left, right + 0.1), ylim=(1.5 * len(strips) - 0.4, -0.1), aspect="equal")
        axes.set_title(title, fontsize=11)
        axes.set_axis_off()
    _describe(
        figure,
        f"{_count(len(strips), 'row')} of {width} pixels in windows of {size}, and the largest of "
        "each window.",
        [
            f"{_named(label)}: {_written(strip)} gives "
            f"{_written(strip.detach().cpu().reshape(-1, size).amax(dim=1))}"
            for label, strip in strips.items()
        ],
    )
    return figure


# Below 0, at 0, above 0.
_SIGNED = LinearSegmentedColormap.from_list("signed", [COLOURS[1], "white", COLOURS[0]])


def feature_maps(
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
        >>> figure = feature_maps(torch.tensor([[[[-1.0]], [[3.0]]]]), titles=["a", "b"])
        >>> [axes.get_title() for axes in figure.axes]
        ['a', 'b']
        >>> figure.axes[0].images[0].get_clim()
        (-3.0, 3.0)
        >>> feature_maps(torch.zeros(2, 3, 4, 4))
        Traceback (most recent call last):
            ...
        ValueError: features: expected (1, channels, h, w) with at least one channel, \
got (2, 3, 4, 4); choose one image with features[:1]

    Source:
        Derived here.
    """
    _check_seen(features, name="features")
    _check_texts(titles, name="titles")
    size = real_number(size, name="size", above=0, most=100)
    check_images(features, name="features")
    if features.shape[0] != 1 or features.shape[1] == 0:
        remedy = "; choose one image with features[:1]" if len(features) > 1 else ""
        raise ValueError(
            "features: expected (1, channels, h, w) with at least one channel, "
            f"got {tuple(features.shape)}{remedy}"
        )
    maps = features.detach()[0].cpu()
    figure = image_grid(maps[:, None], titles=titles, columns=columns, size=size)
    rows = len(figure.axes) // min(columns, len(maps))
    figure.set_size_inches(figure.get_figwidth(), rows * (size + (0.3 if titles else 0.05)))
    largest = float(maps.abs().max()) or 1.0
    for axes in figure.axes[: len(maps)]:
        axes.images[0].set(cmap=_SIGNED, clim=(-largest, largest))
        # White at 0 would run into the white page.
        axes.add_patch(
            Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, ec="#999999", lw=1)
        )
    _describe(
        figure,
        f"{_count(len(maps), 'feature map')} of {maps.shape[1]} x {maps.shape[2]} numbers, blue "
        f"above 0 and orange below, on one scale to {float(maps.abs().max()):.4g}.",
        [f"{_titled(titles, i, f'map {i}')}: {_from_to(one)}" for i, one in enumerate(maps)],
    )
    return figure


def _tint(axes: Axes, numbers: torch.Tensor) -> None:
    """Colour the cells of a grid by the sign of their numbers."""
    for row, column in numbers.nonzero().tolist():
        colour = COLOURS[0] if numbers[row, column] > 0 else COLOURS[1]
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, alpha=0.25, ec="none"))


def _room(axes: Axes, rows: int, columns: int) -> None:
    """Give a grid of cells the room of a larger one, around its middle, so that cells are equal."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    middle, centre = (left + right) / 2, (bottom + top) / 2
    axes.set_xlim(middle - columns / 2 - 0.08, middle + columns / 2 + 0.08)
    axes.set_ylim(centre + rows / 2 + 0.08, centre - rows / 2 - 0.08)


def number_grids(grids: Mapping[str, torch.Tensor]) -> Figure:
    """Draw small grids of numbers side by side, blue above 0 and orange below.

    Args:
        grids: A title and its numbers ``(h, w)``, few enough to write them down.

    Returns:
        The figure; a cell is equally large in all grids.

    Raises:
        ValueError: There is no grid, or one does not have two axes or is empty.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import number_grids
        >>> figure = number_grids({"a": torch.tensor([[1.0, -2.0]]), "b": torch.zeros(1, 1)})
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1', '-2']
        >>> number_grids({"a": torch.zeros(3)})
        Traceback (most recent call last):
            ...
        ValueError: a: expected numbers (h, w), got (3,)

    Source:
        Derived here.
    """
    _check_named(grids, torch.Tensor, name="grids", what="a grid of numbers")
    for grid in grids.values():
        _check_seen(grid, name="grids")
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
        _cells(one, numbers.detach().cpu(), title, fontsize=12)
        _tint(one, numbers.detach().cpu())
        _room(one, tallest, numbers.shape[1])
    _describe(
        figure,
        f"{_count(len(grids), 'grid')} of numbers, blue above 0 and orange below.",
        [
            f"{_named(title)}, {numbers.shape[0]} x {numbers.shape[1]}: {_written(numbers)}"
            for title, numbers in grids.items()
        ],
    )
    return figure


def feature_table(
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
        >>> from cnnbook.figures import feature_table
        >>> images = torch.tensor([[[[1.0, 2.0]]], [[[3.0, 4.0]]]])
        >>> figure = feature_table(
        ...     images, torch.ones(1, 1, 1, 2), image_titles=["a", "b"], kernel_titles=["sum"]
        ... )
        >>> [[text.get_text() for text in axes.texts] for axes in figure.axes[1:]]
        [['1', '1'], ['1', '2'], ['3'], ['3', '4'], ['7']]
        >>> feature_table(images, torch.ones(1, 1, 1, 2), image_titles=["a"], kernel_titles=["sum"])
        Traceback (most recent call last):
            ...
        ValueError: image_titles: expected one for each of the 2 images, got 1

    Source:
        Derived here.
    """
    _check_seen(images, name="images")
    _check_seen(weight, name="weight")
    _check_texts(image_titles, name="image_titles")
    _check_texts(kernel_titles, name="kernel_titles")
    features = conv2d(images, weight).detach().cpu()
    _check_grey(images)
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
        _cells(grid[0, column], kernel, title, fontsize=12)
        _room(grid[0, column], kernel_height, widths[column])
        _tint(grid[0, column], kernel)
    for row, title in enumerate(image_titles, start=1):
        _cells(grid[row, 0], images.detach()[row - 1, 0].cpu(), title, fontsize=12)
        for column in range(1, len(widths)):
            _cells(grid[row, column], features[row - 1, column - 1], "", fontsize=12)
            _room(grid[row, column], height, widths[column])
    _describe(
        figure,
        f"A table of numbers: {_count(len(images), 'image').lower()} of {height} x {width} down, "
        f"{_count(len(weight), 'kernel').lower()} of {kernel_height} x {kernel_width} across.",
        "What comes out, from top to bottom:",
        [
            f"{_named(title)}: {', then '.join(_written(one) for one in features[:, column])}"
            for column, title in enumerate(kernel_titles)
        ],
    )
    return figure


def pooling_picture(images: torch.Tensor, kernel_size: int = 2) -> Figure:
    """Draw the windows of a max pooling, the pixel that each keeps, and what no window sees.

    Args:
        images: One grey image ``(1, 1, h, w)``, small enough to write its numbers down.
        kernel_size: Rows and columns of a window, which is also the step to the next.

    Returns:
        The figure: windows framed, their largest pixel coloured, pixels of no window crossed out.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A shape does not fit.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import pooling_picture
        >>> figure = pooling_picture(torch.arange(9.0).reshape(1, 1, 3, 3))
        >>> [text.get_text() for text in figure.axes[1].texts]
        ['4']
        >>> pooling_picture(torch.zeros(1, 2, 3, 3))
        Traceback (most recent call last):
            ...
        ValueError: images: expected one grey image (1, 1, h, w), got (1, 2, 3, 3)

    Source:
        Derived here.
    """
    _check_seen(images, name="images")
    step = whole_number(kernel_size, name="kernel_size", least=1)
    pooled, chosen = max_pool2d(images, step, return_indices=True)
    if images.shape[:2] != (1, 1):
        raise ValueError(f"images: expected one grey image (1, 1, h, w), got {tuple(images.shape)}")
    (height, width), (rows, columns) = images.shape[2:], pooled.shape[2:]
    cell = 0.5
    figure, (before, after) = plt.subplots(
        1,
        2,
        figsize=(cell * (width + columns + 1.5), cell * height + 0.5),
        width_ratios=(width, columns),
        layout="constrained",
    )
    _cells(before, images.detach()[0, 0].cpu(), "image", fontsize=12)
    _cells(after, pooled.detach()[0, 0].cpu(), "max pooling", fontsize=12)
    _room(after, height, columns)
    for index, pixel in enumerate(chosen.flatten().tolist()):
        colour = COLOURS[index % (len(COLOURS) - 1)]
        row, column = divmod(index, columns)
        for axes, corner, side in (
            (before, (column * step + 0.06, row * step + 0.06), step - 0.12),
            (after, (column + 0.06, row + 0.06), 0.88),
        ):
            axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=colour, lw=3))
        for axes, place in ((before, divmod(pixel, width)), (after, (row, column))):
            axes.add_patch(
                Rectangle((place[1], place[0]), 1, 1, facecolor=colour, alpha=0.3, ec="none")
            )
    for row in range(height):
        for column in range(width):
            if row >= rows * step or column >= columns * step:
                before.add_patch(
                    Rectangle((column, row), 1, 1, facecolor="#EEEEEE", ec="#BBBBBB", hatch="//")
                )
    unseen = height * width - rows * step * columns * step
    _describe(
        figure,
        f"An image of {height} x {width} pixels, {_written(images)}, in framed windows of "
        f"{step} x {step}.",
        f"Of each window the largest stays: {_written(pooled)}.",
        f"{_count(unseen, 'pixel')} at the edge, in no window, crossed out." if unseen else "",
    )
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
    _check_seen(parts, name="parts")
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
    meeting = int((parts != 0).sum(dim=(0, 1)).max())
    _describe(
        figure,
        f"{_count(rows * columns, 'picture')} of {parts.shape[2]} x {parts.shape[3]} numbers, one "
        f"for each window, and their sum: {_written(total)}.",
        f"Up to {meeting} of them meet in a cell.",
    )
    return figure


def _shaded_cells(
    axes: Axes, numbers: torch.Tensor, most: float, font: int, *, zeros: bool = False
) -> None:
    """Write numbers into cells that are the bluer the larger the number; zeros if wanted."""
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
            if number or zeros:
                axes.text(
                    column + 0.5,
                    row + 0.5,
                    # Adding 0 takes the sign from a -0.0.
                    f"{number + 0.0:.4g}",
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
    _check_seen(images, name="images")
    _check_texts(titles, name="titles")
    _check_fields(fields)
    if margin is not None:
        margin = whole_number(margin, name="margin", least=0)
    check_images(images)
    _check_grey(images)
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
    told = []
    for index, (rows, columns) in enumerate(fields):
        held = images[index, 0] > 0
        within = held[max(rows.start, 0) : rows.stop, max(columns.start, 0) : columns.stop]
        outside = int(held.sum() - within.sum())
        told.append(
            f"{_titled(titles, index, f'image {index + 1}')}: {int(held.sum())} of {held.numel()} "
            f"pixels not 0, {outside or 'none'} of them outside the frame at "
            f"{_span('row', rows.start, rows.stop - 1)}, "
            f"{_span('column', columns.start, columns.stop - 1)}"
        )
    _describe(figure, f"{_count(len(images), 'image')} of sizes, white at 0, with a frame.", told)
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
    _check_named(sizes, (list, tuple), name="sizes", what="a list of sizes")
    for line in sizes.values():
        for number in line:
            # Numbers below 1 are told of further down, with the line that they are in.
            whole_number(number, name="sizes", least=-(2**31))
    image_size = whole_number(image_size, name="image_size", least=1)
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
    told = []
    for name, line in sizes.items():
        after = next((layer for layer, seen in enumerate(line) if seen >= image_size), None)
        reached = "stays below" if after is None else f"reaches it after {after}"
        told.append(f"{_named(name)}: {line[0]} to {line[-1]} in {len(line) - 1} layers, {reached}")
    _describe(
        figure,
        f"{_count(len(sizes), 'curve')} of pixels seen along a side against layers, on a "
        f"logarithmic axis; a line at {image_size}, the whole image.",
        told,
    )
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
    _check_seen(images, name="images")
    _check_seen(features, name="features")
    _check_texts(titles, name="titles")
    check_images(images)
    check_images(features, name="features")
    _check_grey(images)
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
    sizes = features.abs().double().mean(dim=(2, 3))
    _describe(
        figure,
        f"{_count(len(images), 'row')}: a grey image and "
        f"{_count(count - 1, 'feature map').lower()} of it, white at 0, orange above and blue "
        "below, paler where weaker.",
        "Mean size from row to row:",
        [
            f"{_titled(titles, channel + 1, f'map {channel}')} "
            + ", ".join(f"{size:.2g}" for size in sizes[:, channel])
            for channel in range(count - 1)
        ],
    )
    return figure


def yearly_bars(numbers: Mapping[int, float], *, label: str, marked: Sequence[int] = ()) -> Figure:
    """Draw one number a year as bars from 0, the number written on each.

    Args:
        numbers: A year and its number, at least 0.
        label: What the numbers are, with their unit.
        marked: Years whose bars have another colour.

    Returns:
        The figure.

    Raises:
        ValueError: There is no year, a number is below 0 or not finite, or a marked year has none.

    Examples:
        >>> from cnnbook.figures import yearly_bars
        >>> figure = yearly_bars({2011: 25.8, 2012: 16.4}, label="error, %", marked=[2012])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['25.8', '16.4']
        >>> yearly_bars({2011: 25.8}, label="error, %", marked=[2012])
        Traceback (most recent call last):
            ...
        ValueError: marked: expected years among [2011], got [2012]

    Source:
        Derived here.
    """
    if not isinstance(numbers, Mapping):
        raise TypeError(f"numbers: expected a dict of years and numbers, got {numbers!r}")
    for year, number in numbers.items():
        whole_number(year, name="numbers", least=0)
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise TypeError(f"numbers: expected a number for {year}, got {number!r}")
    _check_texts([label], name="label")
    if not isinstance(marked, (list, tuple)):
        raise TypeError(f"marked: expected a list of years, got {marked!r}")
    if not numbers or not all(0 <= number < float("inf") for number in numbers.values()):
        raise ValueError(
            f"numbers: expected at least one year, with a number from 0, got {dict(numbers)}"
        )
    if not set(marked) <= set(numbers):
        raise ValueError(f"marked: expected years among {sorted(numbers)}, got {list(marked)}")
    figure, axes = plt.subplots(figsize=(6.0, 3.4), layout="constrained")
    colours = [COLOURS[1] if year in marked else COLOURS[0] for year in numbers]
    bars = axes.bar(list(numbers), list(numbers.values()), color=colours, width=0.7)
    axes.bar_label(bars, [f"{number:g}" for number in numbers.values()], padding=2, fontsize=11)
    axes.set_xticks(list(numbers))
    axes.set_ylabel(label, fontsize=11)
    axes.tick_params(labelsize=11)
    axes.margins(y=0.1)
    axes.spines[["top", "right"]].set_visible(False)
    _describe(
        figure,
        f"{_count(len(numbers), 'vertical bar')} of {_named(label)}, by year"
        + (f", with {', '.join(map(str, marked))} in another colour." if marked else "."),
        [f"{year}: {number:g}" for year, number in numbers.items()],
    )
    return figure


def overlay_rows(
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
        >>> from cnnbook.figures import overlay_rows
        >>> image = torch.eye(4)[None, None]
        >>> figure = overlay_rows(image, {"drop": torch.ones(1, 1, 3, 3)}, titles=["a"])
        >>> figure.axes[1].images[0].get_extent()
        [0.0, 3.0, 3.0, 0.0]
        >>> figure.axes[1].get_ylabel().splitlines()
        ['drop', '-1 to 1']
        >>> overlay_rows(image, {"drop": torch.ones(2, 1, 3, 3)})
        Traceback (most recent call last):
            ...
        ValueError: drop: expected (1, 1, rows, columns) for 1 images, got (2, 1, 3, 3)

    Source:
        Derived here.
    """
    _check_seen(images, name="images")
    _check_named(maps, torch.Tensor, name="maps", what="maps")
    _check_texts(titles, name="titles")
    stride = whole_number(stride, name="stride", least=1)
    check_images(images)
    _check_grey(images)
    if titles and len(titles) != len(images):
        raise ValueError(
            f"titles: expected one for each of the {len(images)} images or none, got {len(titles)}"
        )
    if not maps:
        raise ValueError("maps: expected at least one row of maps, got none")
    for name, some in maps.items():
        _check_seen(some, name="maps")
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
                cmap=_SIGNED,
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
    told = []
    for name, some in maps.items():
        for column in range(len(images)):
            values = _values(some[column, 0])
            place = int(values.abs().argmax())
            row, left_over = divmod(place, values.shape[1])
            told.append(
                f"{_named(name)}, {_titled(titles, column, f'image {column + 1}')}: strongest "
                f"{values.flatten()[place]:.3g} at row {row}, column {left_over}"
            )
    _describe(
        figure,
        f"{_count(len(images), 'grey image')} and, below, {_count(len(maps), 'row').lower()} of "
        "maps over their outlines, blue above 0 and orange below.",
        told,
    )
    return figure


def curve_panels(panels: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw several measures of the same trainings over their epochs, a panel for each measure.

    Args:
        panels: A measure, and in it a name for each training and its numbers, one an epoch.

    Returns:
        The figure: the panels below each other, a training in the same colour in all of them.

    Raises:
        TypeError: ``panels`` is not such a dict.
        ValueError: There is no panel, no curve in one, no number in a curve, or one is not finite.

    Examples:
        >>> from cnnbook.figures import curve_panels
        >>> figure = curve_panels({"loss": {"a": [2.0, 1.0]}, "accuracy": {"a": [0.5, 0.75]}})
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['loss', 'accuracy']
        >>> curve_panels({"loss": {}})
        Traceback (most recent call last):
            ...
        ValueError: panels: expected at least one number in each curve of each panel, got \
{'loss': {}}

    Source:
        Derived here.
    """
    _check_named(panels, Mapping, name="panels", what="curves by name")
    for curves in panels.values():
        _check_named(curves, (list, tuple), name="panels", what="a list of numbers")
        for numbers in curves.values():
            for number in numbers:
                real_number(number, name="panels", above=-math.inf)
    if not panels or not all(
        curves and all(len(numbers) for numbers in curves.values()) for curves in panels.values()
    ):
        raise ValueError(
            "panels: expected at least one number in each curve of each panel, got "
            f"{ {name: dict(curves) for name, curves in panels.items()} }"
        )
    figure, grid = plt.subplots(
        len(panels),
        1,
        figsize=(6.0, 0.5 + 2.1 * len(panels)),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    dashes = ("-", "--", "-.", ":")
    for axes, (label, curves) in zip(grid.flat, panels.items(), strict=True):
        for name, numbers in curves.items():
            index = names.index(name)
            axes.plot(
                range(1, len(numbers) + 1),
                list(numbers),
                dashes[index % len(dashes)],
                color=COLOURS[index % len(COLOURS)],
                label=name,
                lw=2,
            )
        axes.set_ylabel(label, fontsize=11)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    grid[-1, 0].set_xlabel("epoch", fontsize=11)
    lines = {line.get_label(): line for axes in grid.flat for line in axes.lines}
    # Above the panels, where it hides no curve.
    figure.legend(
        [lines[name] for name in names], names, loc="outside upper center", ncols=2, fontsize=11
    )
    _describe(
        figure,
        f"{_count(len(panels), 'panel')} of curves against epochs.",
        [
            f"{_named(label)} of {_named(name)}: {numbers[0]:.3g} to {numbers[-1]:.3g} in "
            f"{len(numbers)} epochs"
            for label, curves in panels.items()
            for name, numbers in curves.items()
        ],
    )
    return figure


def dot_rows(groups: Mapping[str, Sequence[float]], *, label: str) -> Figure:
    """Draw a dot for each number, a row for each group, and a line at the mean of each.

    For a few seeds: of two or three, an interval would say little.

    Args:
        groups: A name and its numbers, such as one for each seed.
        label: What the numbers are.

    Returns:
        The figure; the first group is on top.

    Raises:
        TypeError: ``groups`` is not such a dict, or ``label`` not a text.
        ValueError: There is no group, one is empty, or a number is not finite.

    Examples:
        >>> from cnnbook.figures import dot_rows
        >>> figure = dot_rows({"CNN": [0.75, 0.25], "MLP": [0.5]}, label="accuracy")
        >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
        ['CNN', 'MLP']
        >>> dot_rows({}, label="accuracy")
        Traceback (most recent call last):
            ...
        ValueError: groups: expected at least one number in each of at least one group, got {}

    Source:
        Derived here.
    """
    _check_named(groups, (list, tuple), name="groups", what="a list of numbers")
    _check_texts([label], name="label")
    for numbers in groups.values():
        for number in numbers:
            real_number(number, name="groups", above=-math.inf)
    if not groups or not all(len(numbers) for numbers in groups.values()):
        raise ValueError(
            "groups: expected at least one number in each of at least one group, got "
            f"{dict(groups)}"
        )
    figure, axes = plt.subplots(figsize=(6.0, 0.9 + 0.55 * len(groups)), layout="constrained")
    for row, numbers in enumerate(groups.values()):
        colour = COLOURS[row % len(COLOURS)]
        axes.plot(list(numbers), [row] * len(numbers), "o", color=colour, ms=9, alpha=0.7)
        mean = math.fsum(numbers) / len(numbers)
        axes.plot([mean, mean], [row - 0.32, row + 0.32], color=colour, lw=2)
    axes.set_yticks(range(len(groups)), list(groups), fontsize=11)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlabel(label, fontsize=11)
    axes.tick_params(axis="x", labelsize=10)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    _describe(
        figure,
        f"{_count(len(groups), 'row')} of dots along an axis of {_named(label)}, with a line at "
        "each mean.",
        [
            f"{_named(name)}: {len(numbers)} from {min(numbers):.3g} to {max(numbers):.3g}, mean "
            f"{math.fsum(numbers) / len(numbers):.3g}"
            for name, numbers in groups.items()
        ],
    )
    return figure


def pieces_picture(
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
        >>> from cnnbook.figures import pieces_picture
        >>> gradients = torch.tensor([-8.0, -16.0]).reshape(2, 1, 1)
        >>> figure = pieces_picture(torch.ones(6, 1, 2, 2), gradients, sizes=[4, 2])
        >>> [text.get_text() for axes in figure.axes for text in axes.texts]
        ['-8', '-16', '-24']
        >>> pieces_picture(torch.ones(6, 1, 2, 2), gradients, sizes=[4, 3])
        Traceback (most recent call last):
            ...
        ValueError: sizes: expected 2 sizes that add up to 6, got [4, 3]

    Source:
        Derived here.
    """
    _check_seen(images, name="images")
    _check_seen(gradients, name="gradients")
    _check_texts(names, name="names")
    check_images(images)
    _check_grey(images)
    if gradients.ndim != 3 or 0 in gradients.shape:
        raise ValueError(
            "gradients: expected (pieces, rows, columns) with none of them 0, got "
            f"{tuple(gradients.shape)}"
        )
    if not isinstance(sizes, (list, tuple)):
        raise TypeError(f"sizes: expected a list of whole numbers, got {sizes!r}")
    counts = [whole_number(size, name="sizes", least=1) for size in sizes]
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
    most = max(total.abs().max().item(), gradients.abs().max().item(), 1e-12)
    figure = plt.figure(figsize=(6.4, 1.3 * len(counts) + 0.3))
    each, (height, width) = 0.96 / len(counts), images.shape[2:]
    # One pixel of white from each image to the next, and each row as wide as the fullest.
    longest = max(counts) * (width + 1) - 1
    start = 0
    for index, count in enumerate(counts):
        bottom = 0.98 - (index + 1) * each
        middle = bottom + 0.42 * each
        strip = torch.ones(height, count * (width + 1) - 1, dtype=torch.float64)
        for place, image in enumerate(images[start : start + count, 0]):
            first = place * (width + 1)
            strip[:, first : first + width] = image
        start += count
        axes = figure.add_axes((0.02, bottom + 0.05 * each, 0.5, 0.74 * each), anchor="W")
        axes.imshow(strip.numpy(), cmap="gray", interpolation="nearest")
        axes.set_xlim(-0.5, longest - 0.5)
        axes.set_axis_off()
        if names:
            figure.text(0.02, bottom + 0.88 * each, names[index], fontsize=11, va="center")
        axes = figure.add_axes((0.6, bottom + 0.02 * each, 0.16, 0.8 * each))
        _shaded_cells(axes, gradients[index], most, 11, zeros=True)
        _arrow(figure, (0.53, middle), (0.6, middle))
        _arrow(figure, (0.765, middle), (0.83, 0.5 + 0.1 * (middle - 0.5)))
    axes = figure.add_axes((0.83, 0.5 - 0.4 * each, 0.16, 0.8 * each))
    _shaded_cells(axes, total, most, 11, zeros=True)
    figure.text(0.91, 0.5 + 0.46 * each, "sum", fontsize=12, ha="center", va="center")
    pieces = [
        f"{_titled(names, index, f'piece {index + 1}')}: {_count(count, 'image').lower()}, "
        f"gradient {_written(gradients[index])}"
        for index, count in enumerate(counts)
    ]
    _describe(
        figure,
        f"A batch of {_count(len(images), 'image').lower()} in "
        f"{_count(len(counts), 'piece').lower()}, an arrow from each to its gradient, and from "
        f"the gradients to their sum, {_written(total)}.",
        pieces,
    )
    return figure


def size_panels(panels: Mapping[str, Mapping[int, float]], *, label: str) -> Figure:
    """Draw several quantities against the same sizes, each on logarithmic axes of its own.

    Args:
        panels: A heading with its unit, and for each size a number above 0.
        label: What the sizes are.

    Returns:
        The figure: a panel for each quantity, the number written at each size.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: There is no panel, one is empty, or a number is not above 0.

    Examples:
        >>> from cnnbook.figures import size_panels
        >>> figure = size_panels({"MB": {1: 0.5, 100: 50.0}}, label="images at a time")
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['0.5', '50']
        >>> size_panels({"MB": {}}, label="images at a time")
        Traceback (most recent call last):
            ...
        ValueError: panels: expected at least one number in each of at least one panel, got \
{'MB': {}}

    Source:
        Derived here.
    """
    _check_named(panels, Mapping, name="panels", what="numbers by size")
    _check_texts([label], name="label")
    for numbers in panels.values():
        for size, number in numbers.items():
            whole_number(size, name="panels", least=1)
            real_number(number, name="panels", above=0)
    if not panels or not all(panels.values()):
        raise ValueError(
            "panels: expected at least one number in each of at least one panel, "
            f"got {dict(panels)}"
        )
    figure, grid = plt.subplots(
        1, len(panels), figsize=(3.2 * len(panels), 3.0), squeeze=False, layout="constrained"
    )
    for axes, (heading, numbers), colour in zip(grid.flat, panels.items(), COLOURS, strict=False):
        axes.plot(list(numbers), list(numbers.values()), "o-", color=colour, lw=2, ms=7)
        axes.set(xscale="log", yscale="log", xlabel=label)
        for size, number in numbers.items():
            axes.annotate(
                f"{number:.3g}",
                (size, number),
                xytext=(0, 9),
                textcoords="offset points",
                ha="center",
                fontsize=11,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
            )
        axes.set_title(heading, fontsize=11)
        axes.set_xticks(list(numbers), [f"{size:,}" for size in numbers])
        axes.minorticks_off()
        axes.margins(x=0.15, y=0.2)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    _describe(
        figure,
        f"{_count(len(panels), 'panel')} of numbers against {_named(label)}, both axes "
        "logarithmic.",
        [
            f"{_named(heading)}: "
            + ", ".join(f"{number:.3g} at {size:,}" for size, number in numbers.items())
            for heading, numbers in panels.items()
        ],
    )
    return figure


def seed_dots(
    values: Mapping[str, Sequence[float]],
    intervals: Mapping[str, Sequence[float]],
    *,
    label: str,
) -> Figure:
    """Draw each seed as a dot, a row for each network, and below the dots the mean's interval.

    Means alone hide how far the seeds of one network lie apart, and whether the seeds of two
    networks overlap; the dots show both.

    Args:
        values: A name and its numbers, one for each seed. Equal ones are stacked.
        intervals: For each of these names the lower and the upper bound of the mean; the mean
            itself is drawn half way between them.
        label: What the numbers are, with their unit.

    Returns:
        The figure.

    Raises:
        TypeError: ``values`` or ``intervals`` is no dict of names and lists of numbers.
        ValueError: There is no row, one has no number, one has no interval, or an interval is not
            two numbers in order.

    Examples:
        >>> from cnnbook.figures import seed_dots
        >>> figure = seed_dots({"MLP": [0.85, 0.86]}, {"MLP": (0.84, 0.87)}, label="accuracy")
        >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
        ['MLP']
        >>> seed_dots({"MLP": [0.85, 0.86]}, {"CNN": (0.84, 0.87)}, label="accuracy")
        Traceback (most recent call last):
            ...
        ValueError: intervals: expected one for each of ['MLP'], got ['CNN']

    Source:
        Derived here; Weissgerber, Milic, Winham and Garovic (2015), Beyond bar and line graphs,
        for dots in the place of bars.
    """
    for name, rows in (("values", values), ("intervals", intervals)):
        _check_named(rows, (list, tuple), name=name, what="a list of numbers")
        for row in rows.values():
            for number in row:
                real_number(number, name=name, above=-math.inf)
    _check_texts([label], name="label")
    if not values or not all(len(row) for row in values.values()):
        raise ValueError(
            f"values: expected at least one number in each of at least one row, got {dict(values)}"
        )
    if set(intervals) != set(values):
        raise ValueError(
            f"intervals: expected one for each of {list(values)}, got {list(intervals)}"
        )
    for name, bounds in intervals.items():
        if len(bounds) != 2 or bounds[0] > bounds[1]:
            raise ValueError(
                f"intervals: expected a lower and an upper bound for {name!r}, got {list(bounds)}"
            )
    figure, axes = plt.subplots(figsize=(6.0, 0.8 + 0.8 * len(values)), layout="constrained")
    spread = max(max(row) for row in values.values()) - min(min(row) for row in values.values())
    for index, (name, row) in enumerate(values.items()):
        colour = COLOURS[index % len(COLOURS)]
        # A dot is as wide as about a fiftieth of the axis; closer ones go on top of each other.
        heights: dict[int, int] = {}
        for value in sorted(row):
            place = round(value / spread * 50) if spread else 0
            level = heights[place] = heights.get(place, -1) + 1
            axes.plot(value, index - 0.13 * level, "o", color=colour, ms=6, alpha=0.75, mew=0)
        low, high = intervals[name]
        axes.plot([low, high], [index + 0.24] * 2, color=COLOURS[6], lw=3, solid_capstyle="butt")
        axes.plot((low + high) / 2, index + 0.24, "|", color=COLOURS[6], ms=13, mew=2)
    axes.set_yticks(range(len(values)), list(values))
    axes.set_ylim(len(values) - 0.45, -0.75)
    axes.set_xlabel(label, fontsize=11)
    axes.tick_params(labelsize=11)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right", "left"]].set_visible(False)
    _describe(
        figure,
        f"{_count(len(values), 'row')} of dots along an axis of {_named(label)}, a dot for each "
        "seed; below each row a bar, the interval of the mean.",
        [
            f"{_named(name)}: {len(row)} from {min(row):.4g} to {max(row):.4g}, mean between "
            f"{intervals[name][0]:.4g} and {intervals[name][1]:.4g}"
            for name, row in values.items()
        ],
    )
    return figure
