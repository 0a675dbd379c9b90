"""How good a network is: accuracy, which class is taken for which, and the worst mistakes."""

from dataclasses import dataclass

import torch

from cnnbook.arguments import check_device, check_images, whole_number
from cnnbook.networks import modes_kept
from cnnbook.training import best_device

__all__ = ["WorstCases", "accuracy", "confusion_matrix", "most_wrong", "predict_scores"]


def predict_scores(
    net: torch.nn.Module,
    images: torch.Tensor,
    *,
    chunk_size: int = 250,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Compute a network's scores, in evaluation mode and without gradients.

    Args:
        net: The network; it is moved to ``device``, its mode is put back.
        images: Images ``(n, c, h, w)``.
        chunk_size: Images taken at a time, which bounds the memory.
        device: Where to compute; ``best_device()`` where it is left out.

    Returns:
        The scores, shape ``(n, classes)``, on the images' device.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: ``images`` is empty or does not have four axes, or ``chunk_size`` is below 1.
        RuntimeError: ``device`` is not there.

    Examples:
        >>> import torch
        >>> from cnnbook.scoring import predict_scores
        >>> predict_scores(torch.nn.Flatten(), torch.arange(4.0).reshape(2, 1, 1, 2)).tolist()
        [[0.0, 1.0], [2.0, 3.0]]
        >>> predict_scores(torch.nn.Flatten(), torch.zeros(0, 1, 1, 2))
        Traceback (most recent call last):
            ...
        ValueError: images: expected at least one image, got an empty batch

    Source:
        Derived here.
    """
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"net: expected a torch.nn.Module, got {type(net).__name__}")
    check_images(images)
    if len(images) == 0:
        raise ValueError("images: expected at least one image, got an empty batch")
    chunk_size = whole_number(chunk_size, name="chunk_size", least=1)
    place = best_device() if device is None else check_device(device)
    net.to(place)
    with modes_kept(net, training=False), torch.no_grad():
        scores = [net(some.to(place)).to(images.device) for some in torch.split(images, chunk_size)]
    return torch.cat(scores)


def _class_numbers(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the labels as class numbers, after both have been checked."""
    for name, tensor in (("scores", scores), ("labels", labels)):
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"{name}: expected a torch.Tensor, got {type(tensor).__name__}")
    if scores.ndim != 2 or 0 in scores.shape:
        raise ValueError(
            "scores: expected (n, classes) with at least one of each, got "
            f"{tuple(scores.shape)}; predict_scores(net, images) gives them"
        )
    # argmax takes NaN for the largest, so a broken network would look like one that always
    # answers class 0: right in a tenth of the cases, and nobody would ask further.
    if torch.isnan(scores).any():
        bad = int(torch.isnan(scores).any(dim=1).sum())
        raise ValueError(
            f"scores: expected numbers, got NaN for {bad} of {len(scores)} images; "
            "the network's weights or the images are broken"
        )
    count, classes = scores.shape
    if labels.shape == scores.shape:
        is_one_hot = ((labels == 0) | (labels == 1)).all() and (labels.sum(dim=1) == 1).all()
        if not is_one_hot:
            raise ValueError("labels: expected one 1 and otherwise 0 in each row, got others")
        return labels.argmax(dim=1).to(scores.device)
    if labels.shape != (count,):
        raise ValueError(
            f"labels: expected class numbers ({count},) or one-hot ({count}, {classes}), "
            f"got {tuple(labels.shape)}"
        )
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(
            f"labels: expected whole class numbers, got {labels.dtype}; convert with labels.long()"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"labels: expected class numbers 0 to {classes - 1}, since there are {classes} "
            f"scores an image, got {low} to {high}"
        )
    return labels.to(scores.device, torch.int64)


def accuracy(scores: torch.Tensor, labels: torch.Tensor) -> float:
    """Compute the share of images whose largest score belongs to their class.

    Args:
        scores: A network's scores ``(n, classes)``, as from ``predict_scores``.
        labels: Class numbers ``(n,)`` or one-hot labels ``(n, classes)``.

    Returns:
        A number from 0 to 1. Of equal largest scores the first counts as the answer.

    Raises:
        TypeError: An argument is not a tensor, or labels are not whole numbers.
        ValueError: Shapes do not fit, a label is out of range, or a score is NaN.

    Examples:
        >>> import torch
        >>> from cnnbook.scoring import accuracy
        >>> scores = torch.tensor([[3.0, 1.0], [0.0, 2.0], [5.0, 4.0], [1.0, 0.0]])
        >>> accuracy(scores, torch.tensor([0, 1, 1, 0]))
        0.75
        >>> accuracy(scores, torch.eye(2)[[0, 1, 0, 0]])
        1.0
        >>> accuracy(scores / 0 * 0, torch.tensor([0, 1, 1, 0]))
        Traceback (most recent call last):
            ...
        ValueError: scores: expected numbers, got NaN for 4 of 4 images; the network's weights \
or the images are broken

    Source:
        Fawcett (2006), An introduction to ROC analysis, section 2.
    """
    actual = _class_numbers(scores, labels)
    return int((scores.argmax(dim=1) == actual).sum()) / len(actual)


def confusion_matrix(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Count which class was taken for which.

    Args:
        scores: A network's scores ``(n, classes)``, as from ``predict_scores``.
        labels: Class numbers ``(n,)`` or one-hot labels ``(n, classes)``.

    Returns:
        Counts, shape ``(classes, classes)``, int64: row ``i`` and column ``j`` count the images
        of class ``i`` that were called ``j``. The diagonal holds the right answers.

    Raises:
        TypeError: An argument is not a tensor, or labels are not whole numbers.
        ValueError: Shapes do not fit, a label is out of range, or a score is NaN.

    Examples:
        >>> import torch
        >>> from cnnbook.scoring import confusion_matrix
        >>> scores = torch.tensor([[3.0, 1.0], [0.0, 2.0], [5.0, 4.0], [1.0, 0.0]])
        >>> confusion_matrix(scores, torch.tensor([0, 1, 1, 0])).tolist()
        [[2, 0], [1, 1]]

        A class that did not occur has a row of zeros.

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
    pairs = actual * classes + scores.argmax(dim=1)
    return torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True, eq=False)
class WorstCases:
    """The images that a network got wrong with the most confidence, worst first.

    Attributes:
        indices: Which images, shape ``(k,)``, int64.
        actual: Their classes, shape ``(k,)``.
        predicted: What the network called them, shape ``(k,)``.
        probability: The probability it gave to their own class, shape ``(k,)``, from 0 to 1.

    Examples:
        >>> import torch
        >>> from cnnbook.scoring import WorstCases
        >>> one = torch.tensor([1])
        >>> print(WorstCases(one, one, one - 1, torch.tensor([0.0625])))
        image 1: class 1 called 0, probability of its own class 0.0625
    """

    indices: torch.Tensor
    actual: torch.Tensor
    predicted: torch.Tensor
    probability: torch.Tensor

    def __str__(self) -> str:
        """Return one line for each image."""
        if not len(self.indices):
            return "no image was called another class"
        return "\n".join(
            f"image {index}: class {actual} called {predicted}, "
            f"probability of its own class {probability:.4f}"
            for index, actual, predicted, probability in zip(
                self.indices.tolist(),
                self.actual.tolist(),
                self.predicted.tolist(),
                self.probability.tolist(),
                strict=True,
            )
        )


def most_wrong(scores: torch.Tensor, labels: torch.Tensor, *, count: int = 10) -> WorstCases:
    """Find the wrongly classified images whose own class got the lowest probability.

    Args:
        scores: A network's scores ``(n, classes)``, as from ``predict_scores``.
        labels: Class numbers ``(n,)`` or one-hot labels ``(n, classes)``.
        count: How many to return; fewer where there are fewer mistakes.

    Returns:
        The images, worst first.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: Shapes do not fit, a label is out of range, a score is NaN, or ``count`` is
            below 1.

    Examples:
        >>> import torch
        >>> from cnnbook.scoring import most_wrong
        >>> scores = torch.tensor([[3.0, 1.0], [9.0, 2.0], [5.0, 4.0], [1.0, 0.0]])
        >>> print(most_wrong(scores, torch.tensor([0, 1, 1, 0])))
        image 1: class 1 called 0, probability of its own class 0.0009
        image 2: class 1 called 0, probability of its own class 0.2689
        >>> print(most_wrong(scores, torch.tensor([0, 0, 0, 0])))
        no image was called another class
        >>> most_wrong(scores, torch.tensor([0, 1, 1, 0]), count=0)
        Traceback (most recent call last):
            ...
        ValueError: count: expected at least 1, got 0

    Source:
        Derived here; ranking by the loss of the true class is common practice, see Howard and
        Gugger (2020), Deep Learning for Coders, chapter 2 (plot_top_losses).
    """
    actual = _class_numbers(scores, labels)
    count = whole_number(count, name="count", least=1)
    predicted = scores.argmax(dim=1)
    log_probability = torch.log_softmax(scores.double(), dim=1)
    own = log_probability.gather(1, actual[:, None])[:, 0]
    wrong = (predicted != actual).nonzero()[:, 0]
    # Stable, so that equal ones keep the order of the images.
    worst = wrong[own[wrong].argsort(stable=True)][:count]
    return WorstCases(worst, actual[worst], predicted[worst], own[worst].exp())
