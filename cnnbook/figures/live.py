"""The lecture's CNN, before and after training, for the page that runs it in the browser."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from cnnbook._checks import check_bool, check_net
from cnnbook.figures._drawing import check_drawable, check_grey_images, check_strings

__all__ = ["SHIFT", "BrowsableNetwork", "browse_network"]

SHIFT = 4  # Pixels. The largest shift after which a person still sees the whole garment.
# How each set of images is made from the first one: rows, columns, mirrored.
_CHANGES = {
    "unchanged": (0, 0, False),
    "left": (0, -SHIFT, False),
    "right": (0, SHIFT, False),
    "up": (-SHIFT, 0, False),
    "down": (SHIFT, 0, False),
    "mirrored": (0, 0, True),
}


@dataclass(frozen=True)
class BrowsableNetwork:
    """A network, its random start and some images: in words, and as data for a script.

    Attributes:
        text: How many images each network classifies correctly, unchanged, shifted and mirrored.
        correct: The same numbers: for each change, those of the trained and the untrained network.
        data: Weights, images, labels and these numbers, as ``json`` can write them.
    """

    text: str
    correct: Mapping[str, tuple[int, int]]
    data: Mapping[str, object]

    def __str__(self) -> str:
        """Return the words."""
        return self.text

    __repr__ = __str__


def browse_network(
    trained: torch.nn.Module,
    untrained: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    class_names: Sequence[str],
    drawn: bool = False,
) -> BrowsableNetwork:
    """Collect the lecture's CNN before and after training, to run both in the browser.

    The site stores the result beside the page and runs both networks from it. In a notebook it is a
    table: the images that each network classifies correctly, unchanged, shifted by 4 pixels and
    mirrored. The pixels are rounded to 256 greys, as they are published.

    Args:
        trained: A :func:`~cnnbook.networks.small_cnn` for grey images of 28 x 28.
        untrained: The same network before training.
        images: Grey images ``(n, 1, 28, 28)`` with numbers from 0 to 1.
        labels: The classes ``(n,)``.
        class_names: The names of the classes.
        drawn: Whether the images are the drawn stand-in; the site says so.

    Returns:
        The table, with the data for the site.

    Raises:
        ValueError: A network is not the lecture's, or images, labels and names do not belong
            together.

    Examples:
        >>> import torch
        >>> from cnnbook.figures import browse_network
        >>> from cnnbook.networks import small_cnn
        >>> net = small_cnn()
        >>> for parameter in net.parameters():
        ...     _ = torch.nn.init.zeros_(parameter)
        >>> images, labels = torch.zeros(2, 1, 28, 28), torch.tensor([0, 3])
        >>> names = ["class " + str(number) for number in range(10)]
        >>> print(browse_network(net, net, images, labels, class_names=names))
        correct of 2  trained  untrained
        unchanged           1          1
        left 4              1          1
        right 4             1          1
        up 4                1          1
        down 4              1          1
        mirrored            1          1
        >>> browse_network(net, net[:1], images, labels, class_names=names)
        Traceback (most recent call last):
            ...
        ValueError: untrained: expected the parameters of small_cnn(classes=10), of the shapes \
(16, 1, 2, 2), (16,), (10, 2704), (10,); got (16, 1, 2, 2), (16,)
    """
    check_grey_images(images)
    check_strings(class_names, name="class_names")
    check_drawable(labels, name="labels")
    check_bool(drawn, name="drawn")
    count, classes = len(images), len(class_names)
    if tuple(images.shape[1:]) != (1, 28, 28):
        raise ValueError(f"images: expected (n, 1, 28, 28), got {tuple(images.shape)}")
    if tuple(labels.shape) != (count,):
        raise ValueError(f"labels: expected {(count,)}, got {tuple(labels.shape)}")
    labels = labels.cpu().long()
    if not ((labels >= 0) & (labels < classes)).all():
        raise ValueError(f"labels: expected classes from 0 to {classes - 1}, got another")
    nets = {
        name: _parameters(net, classes, name=name)
        for name, net in (("trained", trained), ("untrained", untrained))
    }
    pixels = (images.detach().cpu().float() * 255).round().clamp(0, 255)
    correct = {
        change: _correct(nets, _changed(pixels / 255, *how), labels)
        for change, how in _CHANGES.items()
    }
    data = {
        "networks": {
            name: _base64(torch.cat([one.flatten() for one in parameters]))
            for name, parameters in nets.items()
        },
        "images": _base64(pixels.byte()),
        "labels": labels.tolist(),
        "classes": list(class_names),
        "correct": correct,
        "shift": SHIFT,
        "drawn": drawn,
    }
    return BrowsableNetwork(_table(correct, count), correct, data)


def _parameters(net: torch.nn.Module, classes: int, *, name: str) -> list[torch.Tensor]:
    check_net(net, name=name)
    parameters = [one.detach().cpu().float() for one in net.parameters()]
    expected = [(16, 1, 2, 2), (16,), (classes, 16 * 13 * 13), (classes,)]
    shapes = [tuple(one.shape) for one in parameters]
    if shapes != expected:
        raise ValueError(
            f"{name}: expected the parameters of small_cnn(classes={classes}), of the shapes "
            f"{', '.join(map(str, expected))}; got {', '.join(map(str, shapes)) or 'none'}"
        )
    return parameters


def _changed(images: torch.Tensor, rows: int, columns: int, mirrored: bool) -> torch.Tensor:
    """Mirror images and shift them; what leaves an image is lost, and black comes in."""
    images = images.flip(3) if mirrored else images
    images = images.roll((rows, columns), (2, 3))
    # What has left at one side would come in at the other.
    images[:, :, : max(rows, 0)] = 0
    images[:, :, 28 + min(rows, 0) :] = 0
    images[:, :, :, : max(columns, 0)] = 0
    images[:, :, :, 28 + min(columns, 0) :] = 0
    return images


def _correct(
    nets: Mapping[str, Sequence[torch.Tensor]], images: torch.Tensor, labels: torch.Tensor
) -> tuple[int, int]:
    found = []
    for kernels, biases, weights, score_biases in nets.values():
        maps = torch.nn.functional.conv2d(images, kernels, biases).relu()
        pooled = torch.nn.functional.max_pool2d(maps, 2).flatten(1)
        scores = torch.nn.functional.linear(pooled, weights, score_biases)
        found.append(int((scores.argmax(dim=1) == labels).sum()))
    trained, untrained = found
    return trained, untrained


def _table(correct: Mapping[str, tuple[int, int]], count: int) -> str:
    names = {
        change: f"{change} {SHIFT}" if rows or columns else change
        for change, (rows, columns, _) in _CHANGES.items()
    }
    head = f"correct of {count}"
    width = max(map(len, (head, *names.values())))
    lines = [f"{head:{width}}  trained  untrained"]
    for change, (trained, untrained) in correct.items():
        lines.append(f"{names[change]:{width}}  {trained:7}  {untrained:9}")
    return "\n".join(lines)


def _base64(numbers: torch.Tensor) -> str:
    # Little-endian on every machine, as scripts read it.
    array = numbers.contiguous().numpy()
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()
