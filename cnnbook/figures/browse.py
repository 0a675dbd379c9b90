"""Figures to look inside: the images behind a confusion matrix; pixels shuffled and put back.

The result is shown where it is a cell's last line. In a notebook it is a list and pictures; on the
site, a script turns them into tables of buttons. A plain script shows nothing.
"""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from cnnbook._checks import check_int
from cnnbook.figures._drawing import (
    check_drawable,
    check_grey_images,
    check_mapping,
    check_strings,
    check_titles,
)
from cnnbook.figures._png import grey_data_url

__all__ = ["COLUMNS", "Browsable", "browse_confusion", "browse_shuffle"]

COLUMNS = 20  # Images in a row of the one picture that has all of them.


@dataclass(frozen=True)
class Browsable:
    """What a notebook and the site show; printed, it is the same in words.

    Attributes:
        text: A line for each thing to see.
        markup: The same with pictures, as HTML.
    """

    text: str
    markup: str

    def __str__(self) -> str:
        """Return the words."""
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.markup


def browse_confusion(
    images: torch.Tensor,
    scores: Mapping[str, torch.Tensor],
    labels: torch.Tensor,
    *,
    class_names: Sequence[str],
    most: int = 16,
) -> Browsable:
    """Show the images behind each field of a confusion matrix.

    A count says how often a mistake was made, the images show why: some shirts look like T-shirts
    to people, too. The words name the mistakes that were made most often.

    Args:
        images: Grey images ``(n, 1, h, w)`` with numbers from 0 to 1.
        scores: A name for each network, and its scores ``(n, classes)``.
        labels: The classes ``(n,)``, or one-hot ``(n, classes)``.
        class_names: The names of the classes.
        most: How many images are kept of each field.

    Returns:
        What a notebook and the site show.

    Raises:
        ValueError: Images, scores, labels and names do not belong together.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import browse_confusion
        >>> images, labels = torch.zeros(3, 1, 28, 28), torch.tensor([0, 1, 1])
        >>> scores = {"CNN": torch.tensor([[2.0, 1.0], [2.0, 1.0], [0.0, 1.0]])}
        >>> browse_confusion(images, scores, labels, class_names=["shirt", "coat"])
        CNN: 1 of 3 images wrong; coat predicted as shirt: 1
        >>> browse_confusion(images, scores, labels, class_names=["shirt"])
        Traceback (most recent call last):
            ...
        ValueError: CNN: expected scores (3, 1) for 3 images and 1 class names, got (3, 2)
    """
    check_grey_images(images)
    check_mapping(scores, torch.Tensor, name="scores", what="scores")
    check_strings(class_names, name="class_names")
    check_int(most, name="most", minimum=1)
    check_drawable(labels, name="labels")
    count, classes = len(images), len(class_names)
    for name, of_net in scores.items():
        if tuple(of_net.shape) != (count, classes):
            raise ValueError(
                f"{name}: expected scores {(count, classes)} for {count} images and {classes} "
                f"class names, got {tuple(of_net.shape)}"
            )
    if tuple(labels.shape) not in ((count,), (count, classes)):
        raise ValueError(
            f"labels: expected {(count,)} or {(count, classes)}, got {tuple(labels.shape)}"
        )
    actual = (labels.argmax(dim=1) if labels.ndim == 2 else labels).cpu().long()
    if not ((actual >= 0) & (actual < classes)).all():
        raise ValueError(f"labels: expected classes from 0 to {classes - 1}, got another")
    predicted = {name: of_net.argmax(dim=1).cpu() for name, of_net in scores.items()}
    kept, counts, lines = set[int](), [], []
    for name, called in predicted.items():
        fields = torch.bincount(actual * classes + called, minlength=classes**2)
        counts.append(fields.reshape(classes, classes).tolist())
        for field in fields.nonzero().flatten().tolist():
            there = (actual * classes + called == field).nonzero().flatten()
            kept.update(there[:most].tolist())
        lines.append(_mistakes(name, fields.reshape(classes, classes), class_names))
    order = sorted(kept)
    told = {
        "classes": list(class_names),
        "networks": list(scores),
        "counts": counts,
        "images": [[int(actual[i]), *(int(p[i]) for p in predicted.values())] for i in order],
        "sprite": grey_data_url(_side_by_side(images[order, 0])),
        "columns": COLUMNS,
        "most": most,
    }
    listed = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    # These words are those of the code's output, in every edition of the site.
    inside = f'<ul lang="en">{listed}</ul>'
    return Browsable("\n".join(lines), _element("confusion-browser", told, inside))


def _mistakes(name: str, fields: torch.Tensor, class_names: Sequence[str]) -> str:
    wrong = fields - torch.diag(fields.diagonal())
    most = sorted(wrong.nonzero().tolist(), key=lambda at: -int(wrong[at[0], at[1]]))[:3]
    often = "; ".join(
        f"{class_names[row]} predicted as {class_names[column]}: {int(wrong[row, column])}"
        for row, column in most
    )
    return f"{name}: {int(wrong.sum())} of {int(fields.sum())} images wrong" + (
        f"; {often}" if often else ""
    )


def _side_by_side(images: torch.Tensor) -> torch.Tensor:
    """Put images ``(n, h, w)`` into rows of one picture."""
    count, height, width = images.shape
    rows = -(-count // COLUMNS)
    filled = torch.zeros(rows * COLUMNS, height, width, dtype=torch.float32, device="cpu")
    filled[:count] = images.cpu().float()
    in_rows = filled.reshape(rows, COLUMNS, height, width).transpose(1, 2)
    return in_rows.reshape(rows * height, COLUMNS * width)


def browse_shuffle(
    images: torch.Tensor, shuffled: torch.Tensor, *, titles: Sequence[str]
) -> Browsable:
    """Show images whose pixels can be shuffled and put back.

    To see the same image change its pixels' order, there and back, says more than two images side
    by side: nothing is lost, and nothing can be recognized.

    Args:
        images: Grey images ``(n, 1, h, w)`` with numbers from 0 to 1.
        shuffled: The same images with their pixels in another order.
        titles: What each image shows.

    Returns:
        What a notebook and the site show.

    Raises:
        ValueError: An image and its shuffled one do not have the same pixels.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import browse_shuffle
        >>> from cnnbook.images import shuffle_pixels
        >>> image = torch.linspace(0, 1, 784).reshape(1, 1, 28, 28)
        >>> browse_shuffle(image, shuffle_pixels(image), titles=["ramp"])
        ramp: 784 pixels in order, and shuffled
        >>> browse_shuffle(image, image / 2, titles=["ramp"])
        Traceback (most recent call last):
            ...
        ValueError: shuffled: expected the pixels of images in another order, got other pixels
    """
    check_grey_images(images)
    check_drawable(shuffled, name="shuffled")
    check_titles(titles, len(images), optional=False)
    same = images.shape == shuffled.shape and torch.equal(
        images.flatten(1).sort().values, shuffled.flatten(1).sort().values
    )
    if not same:
        raise ValueError(
            "shuffled: expected the pixels of images in another order, got other pixels"
        )
    pixels = images[0].numel()
    told = {"titles": list(titles)}
    pictures = "".join(
        f'<p lang="en">{words}</p><p lang="en">'
        + "".join(
            f'<img src="{grey_data_url(one)}" alt="{html.escape(title)}, {words}" '
            f'class="dark-light" width="{4 * one.shape[1]}" height="{4 * one.shape[0]}">'
            for one, title in zip(every[:, 0], titles, strict=True)
        )
        + "</p>"
        for every, words in ((images, "in order"), (shuffled, "shuffled"))
    )
    lines = [f"{title}: {pixels} pixels in order, and shuffled" for title in titles]
    return Browsable("\n".join(lines), _element("shuffle-browser", told, pictures))


def _element(name: str, told: Mapping[str, object], inside: str) -> str:
    data = html.escape(json.dumps(told, ensure_ascii=False, separators=(",", ":")))
    return f'<{name} data-told="{data}">{inside}</{name}>'
