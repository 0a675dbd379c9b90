"""Evaluating a network: scores, accuracy, confusion matrix, intervals over seeds, occlusion."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from cnnbook._checks import (
    check_float,
    check_images,
    check_int,
    check_net,
    check_number_type,
    pair,
)
from cnnbook._devices import best_device, check_device
from cnnbook._intervals import MeanInterval, PairedComparison, compare_paired, mean_interval
from cnnbook.networks import preserve_mode

__all__ = [
    "MeanInterval",
    "PairedComparison",
    "TopLosses",
    "accuracy",
    "compare_paired",
    "confusion_matrix",
    "mean_interval",
    "occlusion_map",
    "predict_scores",
    "top_losses",
]

_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
# Classes of the largest confusion matrix: 800 MB of counts.
_MAXIMUM_CLASSES = 10_000


@contextmanager
def _preserve_device(net: torch.nn.Module, device: torch.device) -> Iterator[None]:
    """Move a network to a device, and afterwards give every layer its own tensors back."""
    held = [
        (module, name, tensor, tensor.data)
        for module in net.modules()
        for name, tensor in (
            *module.named_parameters(recurse=False, remove_duplicate=False),
            *module.named_buffers(recurse=False, remove_duplicate=False),
        )
    ]
    # A network may be spread over several devices: modules() yields a container before its layers,
    # so that each layer's own device comes last.
    devices = {module: tensor.device for module, _, tensor, _ in held}
    # to() would move the gradients as well.
    gradients = [(parameter, parameter.grad) for parameter in net.parameters()]
    try:
        for parameter, _ in gradients:
            parameter.grad = None
        net.to(device)
        yield
    finally:
        # The same tensors as before, and not copies: two layers may share one, and an optimizer or
        # another network may hold it.
        for module, name, tensor, numbers in held:
            setattr(module, name, tensor)
            tensor.data = numbers
        for parameter, gradient in gradients:
            parameter.grad = gradient
        # A layer may hold other tensors, which only its own to() moves.
        for module, original in devices.items():
            module.to(original)


def predict_scores(
    net: torch.nn.Module,
    images: torch.Tensor,
    *,
    batch_size: int = 250,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Compute a network's scores, in evaluation mode and without gradients.

    Args:
        net: The network; afterwards its mode and its device are as before.
        images: Images ``(n, c, h, w)``.
        batch_size: Images per forward pass, which bounds the memory.
        device: Where to compute; ``best_device()`` by default.

    Returns:
        The scores, shape ``(n, classes)``, on the images' device.

    Raises:
        TypeError: A lazy layer has no sizes yet.
        ValueError: ``images`` is empty, or the network does not accept the images or does not
            return one row of scores for each.

    Examples:
        >>> import torch
        >>> from cnnbook.metrics import predict_scores
        >>> predict_scores(torch.nn.Flatten(), torch.arange(4.0).reshape(2, 1, 1, 2)).tolist()
        [[0.0, 1.0], [2.0, 3.0]]
        >>> predict_scores(torch.nn.Flatten(), torch.zeros(0, 1, 1, 2))
        Traceback (most recent call last):
            ...
        ValueError: images: expected at least one image, got an empty batch
    """
    check_net(net)
    check_images(images)
    if len(images) == 0:
        raise ValueError("images: expected at least one image, got an empty batch")
    batch_size = check_int(batch_size, name="batch_size", minimum=1)
    device = best_device() if device is None else check_device(device)
    with _preserve_device(net, device), preserve_mode(net, training=False), torch.no_grad():
        # A copy, since the first layer may overwrite its input.
        scores = [
            _forward(net, batch.to(device, copy=True)).to(images.device)
            for batch in torch.split(images, batch_size)
        ]
    return torch.cat(scores)


def _forward(net: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """Return a network's scores for one batch, after their shape has been checked."""
    try:
        scores = net(batch)
    # A network may raise anything for images that it does not accept.
    except Exception as error:
        message = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"net: expected a network that takes images of shape {tuple(batch.shape[1:])} and "
            f"dtype {batch.dtype}, {len(batch)} at a time, got an error: {message}"
        ) from error
    if not isinstance(scores, torch.Tensor) or scores.ndim != 2 or len(scores) != len(batch):
        got = getattr(scores, "shape", type(scores).__name__)
        raise ValueError(
            f"net: expected scores ({len(batch)}, classes) for {len(batch)} images, got "
            f"{got if isinstance(got, str) else tuple(got)}"
        )
    return scores


def _class_numbers(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the labels as class numbers, after both have been checked."""
    for name, tensor in (("scores", scores), ("labels", labels)):
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"{name}: expected a torch.Tensor, got {type(tensor).__name__}")
    if scores.is_complex() or scores.dtype == torch.bool:
        raise TypeError(
            f"scores: expected real numbers, got {scores.dtype}; convert with scores.float()"
        )
    if scores.ndim != 2 or 0 in scores.shape:
        raise ValueError(
            "scores: expected (n, classes) with at least one of each, got "
            f"{tuple(scores.shape)}; predict_scores(net, images) returns them"
        )
    # argmax treats NaN as the largest value, so a diverged network would seem to predict class 0
    # for every image and to have an accuracy of about 10 %.
    if torch.isnan(scores).any():
        bad = int(torch.isnan(scores).any(dim=1).sum())
        raise ValueError(
            f"scores: expected numbers, got NaN for {bad} of {len(scores)} images; look for NaN "
            "in the network's weights and in the images"
        )
    if torch.isinf(scores).any():
        bad = int(torch.isinf(scores).any(dim=1).sum())
        raise ValueError(
            f"scores: expected finite numbers, got infinity for {bad} of {len(scores)} images; "
            f"they overflow {scores.dtype}, or the network's weights have diverged"
        )
    count, classes = scores.shape
    if labels.shape == scores.shape:
        ones = labels == 1
        if not ((ones | (labels == 0)).all() and (ones.sum(dim=1) == 1).all()):
            raise ValueError("labels: expected one 1 and otherwise 0 in each row, got others")
        # argmax does not accept booleans.
        return ones.to(torch.uint8).argmax(dim=1).to(scores.device)
    if labels.shape != (count,):
        raise ValueError(
            f"labels: expected class numbers ({count},) or one-hot ({count}, {classes}), "
            f"got {tuple(labels.shape)}"
        )
    if labels.dtype not in _INTEGERS:
        raise TypeError(
            f"labels: expected an integer dtype, got {labels.dtype}; convert with labels.long()"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"labels: expected class numbers 0 to {classes - 1}, since there are {classes} "
            f"scores an image, got {low} to {high}"
        )
    return labels.to(scores.device, torch.int64)


def accuracy(scores: torch.Tensor, labels: torch.Tensor) -> float:
    """Compute the fraction of images whose largest score is that of their class.

    Args:
        scores: A network's scores ``(n, classes)``, as from ``predict_scores``.
        labels: Class numbers ``(n,)`` or one-hot labels ``(n, classes)``.

    Returns:
        A number from 0 to 1. Of equal largest scores the first counts as the prediction.

    Raises:
        ValueError: A score is NaN or infinite, or a label is out of range.

    Examples:
        >>> import torch
        >>> from cnnbook.metrics import accuracy
        >>> scores = torch.tensor([[3.0, 1.0], [0.0, 2.0], [5.0, 4.0], [1.0, 0.0]])
        >>> accuracy(scores, torch.tensor([0, 1, 1, 0]))
        0.75
        >>> accuracy(scores, torch.eye(2)[[0, 1, 0, 0]])
        1.0
        >>> accuracy(scores / 0 * 0, torch.tensor([0, 1, 1, 0]))
        Traceback (most recent call last):
            ...
        ValueError: scores: expected numbers, got NaN for 4 of 4 images; look for NaN in the \
network's weights and in the images

    Source:
        Fawcett (2006), An introduction to ROC analysis, section 2.
    """
    actual = _class_numbers(scores, labels)
    return int((scores.argmax(dim=1) == actual).sum()) / len(actual)


def confusion_matrix(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Count the images of each class by predicted class.

    Args:
        scores: A network's scores ``(n, classes)``, as from ``predict_scores``.
        labels: Class numbers ``(n,)`` or one-hot labels ``(n, classes)``.

    Returns:
        Counts, shape ``(classes, classes)``, int64: row ``i`` and column ``j`` count the images
        of class ``i`` that were classified as ``j``. Correct predictions are on the diagonal.

    Raises:
        ValueError: A score is NaN or infinite, a label is out of range, or there are more than
            10,000 classes.

    Examples:
        >>> import torch
        >>> from cnnbook.metrics import confusion_matrix
        >>> scores = torch.tensor([[3.0, 1.0], [0.0, 2.0], [5.0, 4.0], [1.0, 0.0]])
        >>> confusion_matrix(scores, torch.tensor([0, 1, 1, 0])).tolist()
        [[2, 0], [1, 1]]

        A class without images has a row of zeros.

        >>> confusion_matrix(scores, torch.tensor([0, 0, 0, 0])).tolist()
        [[3, 1], [0, 0]]
        >>> confusion_matrix(scores, torch.tensor([0, 1, 2, 0]))
        Traceback (most recent call last):
            ...
        ValueError: labels: expected class numbers 0 to 1, since there are 2 scores an image, \
got 0 to 2

    Source:
        Fawcett (2006), An introduction to ROC analysis, section 2.
    """
    actual = _class_numbers(scores, labels)
    classes = scores.shape[1]
    if classes > _MAXIMUM_CLASSES:
        raise ValueError(f"scores: expected at most {_MAXIMUM_CLASSES:,} classes, got {classes:,}")
    pairs = actual * classes + scores.argmax(dim=1)
    return torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True, eq=False)
class TopLosses:
    """The misclassified images with the highest cross-entropy loss, highest first.

    Attributes:
        indices: The images' indices, shape ``(k,)``, int64.
        actual: Their classes, shape ``(k,)``.
        predicted: The predicted classes, shape ``(k,)``.
        probability: The predicted probabilities of their classes, shape ``(k,)``; the loss is
            minus their logarithm.

    Examples:
        >>> import torch
        >>> from cnnbook.metrics import TopLosses
        >>> one = torch.tensor([1])
        >>> print(TopLosses(one, one, one - 1, torch.tensor([0.0625])))
        image 1: class 1 predicted as 0, probability of class 1: 0.0625
    """

    indices: torch.Tensor
    actual: torch.Tensor
    predicted: torch.Tensor
    probability: torch.Tensor

    def __str__(self) -> str:
        """Return one line for each image."""
        if not len(self.indices):
            return "no image is misclassified"
        return "\n".join(
            f"image {index}: class {actual} predicted as {predicted}, "
            f"probability of class {actual}: {probability:.4f}"
            for index, actual, predicted, probability in zip(
                self.indices.tolist(),
                self.actual.tolist(),
                self.predicted.tolist(),
                self.probability.tolist(),
                strict=True,
            )
        )


def top_losses(scores: torch.Tensor, labels: torch.Tensor, *, count: int = 10) -> TopLosses:
    """Find the misclassified images with the highest cross-entropy loss.

    They are the images to whose class the network assigns the lowest probability.

    Args:
        scores: A network's scores ``(n, classes)``, as from ``predict_scores``.
        labels: Class numbers ``(n,)`` or one-hot labels ``(n, classes)``.
        count: Maximum number of images.

    Returns:
        The images, highest loss first.

    Raises:
        ValueError: A score is NaN or infinite, or a label is out of range.

    Examples:
        >>> import torch
        >>> from cnnbook.metrics import top_losses
        >>> scores = torch.tensor([[3.0, 1.0], [9.0, 2.0], [5.0, 4.0], [1.0, 0.0]])
        >>> print(top_losses(scores, torch.tensor([0, 1, 1, 0])))
        image 1: class 1 predicted as 0, probability of class 1: 0.0009
        image 2: class 1 predicted as 0, probability of class 1: 0.2689
        >>> print(top_losses(scores, torch.tensor([0, 0, 0, 0])))
        no image is misclassified
        >>> top_losses(scores, torch.tensor([0, 1, 1, 0]), count=0)
        Traceback (most recent call last):
            ...
        ValueError: count: expected at least 1, got 0

    Source:
        Howard and Gugger (2020), Deep Learning for Coders, chapter 2 (plot_top_losses).
    """
    actual = _class_numbers(scores, labels)
    count = check_int(count, name="count", minimum=1)
    predicted = scores.argmax(dim=1)
    log_probability = torch.log_softmax(scores.double(), dim=1)
    of_actual = log_probability.gather(1, actual[:, None])[:, 0]
    wrong = (predicted != actual).nonzero()[:, 0]
    # Stable, so that images with equal losses keep their order.
    worst = wrong[of_actual[wrong].argsort(stable=True)][:count]
    return TopLosses(worst, actual[worst], predicted[worst], of_actual[worst].exp())


def _check_classes(classes: torch.Tensor, count: int) -> None:
    if not isinstance(classes, torch.Tensor):
        raise TypeError(
            f"classes: expected a torch.Tensor, got {type(classes).__name__}; "
            "convert with torch.tensor(classes)"
        )
    if classes.shape != (count,):
        # argmax does not accept booleans.
        one_hot = "classes.float()" if classes.dtype == torch.bool else "classes"
        remedy = f"; convert with {one_hot}.argmax(dim=1)" if classes.ndim == 2 else ""
        raise ValueError(
            f"classes: expected class numbers ({count},), one for each image, got "
            f"{tuple(classes.shape)}{remedy}"
        )
    if classes.dtype not in _INTEGERS:
        raise TypeError(
            f"classes: expected an integer dtype, got {classes.dtype}; convert with classes.long()"
        )


def occlusion_map(
    net: torch.nn.Module,
    images: torch.Tensor,
    classes: torch.Tensor,
    *,
    patch: int | tuple[int, int],
    stride: int | tuple[int, int] = 1,
    fill: float = 0.5,
    batch_size: int = 250,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Measure how much a class's score drops when a patch covers the image, at every position.

    Where the drop is above 0, either the covered pixels are evidence for the class or the patch
    itself is evidence against it: the network sees an image with a patch on it, not one with a
    hole. The map therefore depends on the size and the fill of the patch.

    Args:
        net: The network; afterwards its mode and its device are as before.
        images: Images ``(n, c, h, w)``, floating-point.
        classes: For each image the number of the class whose score is measured, shape ``(n,)``.
        patch: Rows and columns of the patch, one number or two.
        stride: Pixels from one position of the patch to the next, down and to the right.
        fill: Value of every pixel under the patch, in all channels.
        batch_size: Covered images per forward pass, which bounds the memory.
        device: Where to compute; ``best_device()`` by default.

    Returns:
        Score without the patch minus score with it, shape ``(n, 1, rows, columns)``: one number
        for each position, like the output of a convolution whose kernel has the patch's size.

    Raises:
        ValueError: ``images`` is empty or has values that are not finite, the patch is larger than
            the images, a class is out of range, or the network does not accept the images or
            returns scores that are not finite.

    Examples:
        The network adds up three pixels, the last one twice. Covering a pixel with 0 removes what
        it contributes:

        >>> import torch
        >>> from cnnbook.metrics import occlusion_map
        >>> linear = torch.nn.Linear(3, 1, bias=False)
        >>> with torch.no_grad():
        ...     _ = linear.weight.copy_(torch.tensor([[1.0, 1.0, 2.0]]))
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), linear)
        >>> image, first = torch.tensor([[[[4.0, 0.0, 3.0]]]]), torch.tensor([0])
        >>> occlusion_map(net, image, first, patch=1, fill=0).tolist()
        [[[[4.0, 0.0, 6.0]]]]

        A patch of ones adds to a pixel of 0, so that the drop there is below 0: 1 * (0 - 1).

        >>> occlusion_map(net, image, first, patch=1, fill=1).tolist()
        [[[[3.0, -1.0, 4.0]]]]

        A patch as large as the image has one position.

        >>> occlusion_map(net, image, first, patch=(1, 3), fill=0).tolist()
        [[[[10.0]]]]
        >>> occlusion_map(net, image, first, patch=2)
        Traceback (most recent call last):
            ...
        ValueError: patch: expected at most the image's 1 x 3 pixels, got 2 x 2

    Source:
        Zeiler and Fergus (2014), Visualizing and understanding convolutional networks, section 4.2,
        who measure the probability of the class. A probability also falls when another score
        rises; with scores, the map of a linear network can be computed by hand.
    """
    check_images(images)
    check_number_type(images, name="images")
    if images.is_complex():
        raise TypeError(f"images: expected real numbers, got {images.dtype}")
    _check_classes(classes, len(images))
    patch_rows, patch_columns = pair(patch, name="patch", minimum=1)
    down, right = pair(stride, name="stride", minimum=1)
    fill = check_float(fill, name="fill", above=-float("inf"))
    if abs(fill) > torch.finfo(images.dtype).max:
        raise ValueError(f"fill: expected a number that {images.dtype} can hold, got {fill:g}")
    batch_size = check_int(batch_size, name="batch_size", minimum=1)
    height, width = images.shape[2:]
    if patch_rows > height or patch_columns > width:
        raise ValueError(
            f"patch: expected at most the image's {height} x {width} pixels, got "
            f"{patch_rows} x {patch_columns}"
        )
    device = best_device() if device is None else check_device(device)
    scores = predict_scores(net, images, batch_size=batch_size, device=device)
    if not torch.isfinite(images).all():
        raise ValueError("images: expected finite numbers, got NaN or infinity among them")
    classes = classes.to(images.device, torch.int64)
    low, high = int(classes.min()), int(classes.max())
    if low < 0 or high >= scores.shape[1]:
        raise ValueError(
            f"classes: expected class numbers 0 to {scores.shape[1] - 1}, since there are "
            f"{scores.shape[1]} scores an image, got {low} to {high}"
        )
    top = torch.arange(0, height - patch_rows + 1, down, device=images.device)
    left = torch.arange(0, width - patch_columns + 1, right, device=images.device)
    row, column = (torch.arange(size, device=images.device) for size in (height, width))
    # (positions, pixels along the axis): whether the patch at this position covers the pixel.
    in_rows = (row >= top[:, None]) & (row < top[:, None] + patch_rows)
    in_columns = (column >= left[:, None]) & (column < left[:, None] + patch_columns)
    drops = []
    # Every pair of image and position, image by image.
    pairs = torch.arange(len(images) * len(top) * len(left), device=images.device)
    # Moved once here, and not by predict_scores for every batch.
    with _preserve_device(net, device):
        for batch in torch.split(pairs, batch_size):
            image = batch // (len(top) * len(left))
            position = batch % (len(top) * len(left))
            in_row, in_column = in_rows[position // len(left)], in_columns[position % len(left)]
            covered = in_row[:, None, :, None] & in_column[:, None, None, :]
            patched = torch.where(covered, fill, images[image])
            new_scores = predict_scores(net, patched, batch_size=batch_size, device=device)
            measured = classes[image][:, None]
            drops.append(scores[image].gather(1, measured) - new_scores.gather(1, measured))
    drop = torch.cat(drops).reshape(len(images), 1, len(top), len(left))
    if not torch.isfinite(drop).all():
        raise ValueError("net: expected finite scores, got NaN or infinity among them")
    return drop
