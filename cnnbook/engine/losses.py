"""What is known of losses: the labels that they take, and the number by which a mean divides."""

import copy
import math
import warnings
from collections.abc import Callable
from typing import Any

import torch

from cnnbook._checks import summarize
from cnnbook.engine.allowlist import altered_part

__all__ = [
    "Loss",
    "check_labels",
    "check_loss",
    "check_loss_fn",
    "loss_denominator",
    "sum_reduced",
    "unknown_loss",
]

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

# One number for each pair of a score and a label, so both have one shape.
_ELEMENTWISE_LOSSES = {
    *(torch.nn.MSELoss, torch.nn.L1Loss, torch.nn.SmoothL1Loss, torch.nn.HuberLoss),
    *(torch.nn.BCELoss, torch.nn.BCEWithLogitsLoss, torch.nn.SoftMarginLoss),
    *(torch.nn.MultiLabelSoftMarginLoss, torch.nn.PoissonNLLLoss, torch.nn.KLDivLoss),
    *(torch.nn.HingeEmbeddingLoss, torch.nn.MultiLabelMarginLoss),
}
# Axis 1 of the scores is the classes.
_CLASS_LOSSES = {torch.nn.CrossEntropyLoss, torch.nn.NLLLoss, torch.nn.MultiMarginLoss}


def check_loss_fn(loss_fn: Loss | None) -> Loss:
    """Return the loss function, cross-entropy by default.

    Args:
        loss_fn: Takes scores and labels.

    Returns:
        ``loss_fn``, or ``torch.nn.CrossEntropyLoss()``.

    Raises:
        TypeError: It cannot be called, or is a class.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.losses import check_loss_fn
        >>> check_loss_fn(None)
        CrossEntropyLoss()
        >>> check_loss_fn(torch.nn.MSELoss)
        Traceback (most recent call last):
            ...
        TypeError: loss_fn: expected a function or a loss of torch, got the class MSELoss; write \
MSELoss()
    """
    if loss_fn is None:
        return torch.nn.CrossEntropyLoss()
    if isinstance(loss_fn, type):
        name = loss_fn.__name__
        raise TypeError(
            f"loss_fn: expected a function or a loss of torch, got the class {name}; write {name}()"
        )
    if not callable(loss_fn):
        raise TypeError(
            f"loss_fn: expected a function or a loss of torch, got {summarize(loss_fn)}"
        )
    return loss_fn


def unknown_loss(loss_fn: Loss) -> str | None:
    """Find out why a loss is not known to be a sum, or a mean, over the images.

    Args:
        loss_fn: Takes scores and labels.

    Returns:
        The reason, in words; ``None`` for a loss of torch that nothing observes or replaces.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.losses import unknown_loss
        >>> print(unknown_loss(torch.nn.CrossEntropyLoss()))
        None
        >>> unknown_loss(torch.nn.CrossEntropyLoss(reduction="none"))
        "the loss has reduction='none'"
        >>> unknown_loss(torch.nn.functional.cross_entropy)
        'loss cross_entropy is not known to be a sum or a mean over the images'
    """
    # Exact types: a subclass may do anything.
    if type(loss_fn) not in _ELEMENTWISE_LOSSES | _CLASS_LOSSES:
        name = getattr(loss_fn, "__name__", type(loss_fn).__name__)
        return f"loss {name} is not known to be a sum or a mean over the images"
    assert isinstance(loss_fn, torch.nn.Module)
    if loss_fn.reduction not in ("mean", "sum", "batchmean"):
        return f"the loss has reduction={loss_fn.reduction!r}"
    if any(tensor.requires_grad for tensor in (*loss_fn.parameters(), *loss_fn.buffers())):
        return "the loss has weights that are trained"
    altered = altered_part(loss_fn)
    return altered and f"in the loss, {altered}"


def check_labels(
    labels: torch.Tensor, count: int, scores: torch.Tensor, loss_fn: Loss, *, name: str
) -> None:
    """Refuse labels that do not fit the images, the scores or the loss.

    A loss of one's own may take any labels, so only their number is checked. torch's own losses
    would broadcast scores ``(n, 1)`` and labels ``(n,)`` to ``(n, n)``, or count a label wrongly.

    Args:
        labels: Float targets, or class numbers int64; for losses of one's own any tensor.
        count: How many images there are.
        scores: The network's scores for one of them, ``(1, ...)``.
        loss_fn: The loss.
        name: The argument's name, for the error message.

    Raises:
        TypeError: They are not a tensor, or of another dtype.
        ValueError: There are more or fewer labels than images, their shape does not fit the
            scores, or there are classes without a score.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.losses import check_labels
        >>> loss_fn = torch.nn.CrossEntropyLoss()
        >>> check_labels(torch.tensor([0, 3]), 2, torch.zeros(1, 3), loss_fn, name="labels")
        Traceback (most recent call last):
            ...
        ValueError: labels: expected class numbers 0 to 2, since the network gives 3 scores, got 0 \
to 3
        >>> check_labels(torch.zeros(2), 2, torch.zeros(1, 1), torch.nn.MSELoss(), name="labels")
        Traceback (most recent call last):
            ...
        ValueError: labels: expected the shape (2, 1) of the network's scores, which MSELoss \
compares one by one, got (2,)

    Source:
        torch.nn.CrossEntropyLoss, "Shape"; torch.nn.MSELoss, "Shape".
    """
    if not isinstance(labels, torch.Tensor):
        raise TypeError(
            f"{name}: expected a torch.Tensor, got {type(labels).__name__}; "
            f"convert with torch.tensor({name})"
        )
    if labels.ndim == 0 or len(labels) != count:
        raise ValueError(
            f"{name}: expected one for each of the {count} images, got shape {tuple(labels.shape)}"
        )
    if type(loss_fn) in _ELEMENTWISE_LOSSES:
        _check_elementwise_labels(labels, scores, loss_fn, name=name)
    elif type(loss_fn) in _CLASS_LOSSES:
        _check_class_labels(labels, scores, loss_fn, name=name)


def _check_elementwise_labels(
    labels: torch.Tensor, scores: torch.Tensor, loss_fn: Loss, *, name: str
) -> None:
    loss = type(loss_fn).__name__
    shape = (len(labels), *scores.shape[1:])
    if labels.shape != shape:
        class_numbers = labels.dtype == torch.int64 and labels.ndim == 1 and len(shape) == 2
        remedy = (
            f"; for class numbers, write torch.nn.functional.one_hot({name}, {shape[1]}).float()"
            if class_numbers and shape[1] > 1
            else ""
        )
        raise ValueError(
            f"{name}: expected the shape {shape} of the network's scores, which {loss} compares "
            f"one by one, got {tuple(labels.shape)}{remedy}"
        )
    if type(loss_fn) is torch.nn.MultiLabelMarginLoss:
        _check_class_lists(labels, shape[1], name=name)
    # Counts are whole numbers.
    elif not labels.is_floating_point() and type(loss_fn) is not torch.nn.PoissonNLLLoss:
        raise TypeError(
            f"{name}: expected a floating-point dtype for {loss}, got {labels.dtype} of shape "
            f"{tuple(labels.shape)}; convert with {name}.float()"
        )


def _check_class_lists(labels: torch.Tensor, classes: int, *, name: str) -> None:
    if labels.dtype != torch.int64:
        raise TypeError(
            f"{name}: expected class numbers of the dtype torch.int64 for MultiLabelMarginLoss, "
            f"got {labels.dtype}; convert with {name}.long()"
        )
    low, high = int(labels.min()), int(labels.max())
    if classes < 2 or low < -1 or high >= classes:
        raise ValueError(
            f"{name}: expected at least two classes, and in each row class numbers up to "
            f"{classes - 1}, followed by -1, got {low} to {high}"
        )


def _check_class_labels(
    labels: torch.Tensor, scores: torch.Tensor, loss_fn: Loss, *, name: str
) -> None:
    loss = type(loss_fn).__name__
    if scores.ndim < 2 or scores.shape[1] < 2:
        got = ", ".join(["n", *map(str, scores.shape[1:])])
        raise ValueError(
            f"net: expected at least two scores for each image, (n, classes), since {loss} compares"
            f" the scores of the classes, got ({got}); for one score, use "
            "torch.nn.BCEWithLogitsLoss and float labels of the same shape"
        )
    shape = (len(labels), *scores.shape[1:])
    if labels.is_floating_point() and type(loss_fn) is torch.nn.CrossEntropyLoss:
        if labels.shape != shape:
            raise ValueError(
                f"{name}: expected {shape}, one column for each score of the network, got "
                f"{tuple(labels.shape)}"
            )
        return
    if labels.dtype != torch.int64:
        one_hot = type(loss_fn) is torch.nn.CrossEntropyLoss
        # As many axes as the scores means one-hot labels, which have to be floats.
        wanted = "float" if one_hot and labels.ndim == scores.ndim else "long"
        expected = "float (one-hot) or torch.int64 (class numbers)" if one_hot else "torch.int64"
        raise TypeError(
            f"{name}: expected {expected}, got {labels.dtype} of shape {tuple(labels.shape)}; "
            f"convert with {name}.{wanted}()"
        )
    if labels.shape != (shape[0], *shape[2:]):
        raise ValueError(
            f"{name}: expected class numbers {(shape[0], *shape[2:])} or one-hot floats {shape}, "
            f"since the network gives scores {shape}, got {labels.dtype} of shape "
            f"{tuple(labels.shape)}; convert one-hot with {name}.float()"
        )
    ignored = getattr(loss_fn, "ignore_index", None)
    counted = labels if ignored is None else labels[labels != ignored]
    if counted.numel():
        low, high = int(counted.min()), int(counted.max())
        if low < 0 or high >= shape[1]:
            raise ValueError(
                f"{name}: expected class numbers 0 to {shape[1] - 1}, since the network "
                f"gives {shape[1]} scores, got {low} to {high}"
            )
    # MultiMarginLoss does not divide by its weights.
    weight = None if type(loss_fn) is torch.nn.MultiMarginLoss else getattr(loss_fn, "weight", None)
    if not counted.numel() or (weight is not None and not weight.to(labels.device)[counted].any()):
        raise ValueError(
            f"{name}: expected at least one that counts for the loss, got only ignored ones "
            "or classes of weight zero"
        )


def sum_reduced(loss_fn: Any) -> Any:  # noqa: ANN401
    """Return a copy of a loss of torch that adds up instead of taking a mean.

    Args:
        loss_fn: A loss that ``unknown_loss`` knows.

    Returns:
        The copy, with the same weights.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.losses import sum_reduced
        >>> sum_reduced(torch.nn.L1Loss())(torch.zeros(2, 3), torch.ones(2, 3)).item()
        6.0
    """
    summed = copy.copy(loss_fn)
    summed.reduction = "sum"
    return summed


def loss_denominator(loss_fn: Any, labels: torch.Tensor, scores: torch.Tensor) -> float:  # noqa: ANN401
    """Compute the number by which torch divides the sum of these labels' losses.

    What it is depends on the loss: images, or numbers, or weights of the labels that are not
    ignored. It does not depend on the scores, so it is the ratio of sum and mean for any scores.

    Args:
        loss_fn: A loss that ``unknown_loss`` knows.
        labels: What the loss takes with scores ``(n, ...)``.
        scores: The network's scores for one image, ``(1, ...)``; only their shape matters.

    Returns:
        1 for a sum; 0 for a mean of nothing, if all labels are ignored or of weight zero.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.losses import loss_denominator
        >>> labels, scores = torch.tensor([0, 1, 1, 2]), torch.zeros(1, 3)
        >>> loss_denominator(torch.nn.CrossEntropyLoss(), labels, scores)
        4.0
        >>> loss_denominator(torch.nn.CrossEntropyLoss(ignore_index=1), labels, scores)
        2.0
        >>> weight = torch.tensor([1.0, 2.0, 4.0])
        >>> loss_denominator(torch.nn.CrossEntropyLoss(weight=weight), labels, scores)
        9.0
        >>> loss_denominator(torch.nn.MSELoss(), torch.zeros(4, 3), scores)
        12.0

    Source:
        torch.nn.CrossEntropyLoss, "reduction".
    """
    if loss_fn.reduction == "sum":
        return 1.0
    generator = torch.Generator().manual_seed(0)
    # Between 0 and 1, as BCELoss needs; in float64, so that the ratio is exact to 15 digits.
    made = torch.rand(
        (len(labels), *scores.shape[1:]), dtype=torch.float64, generator=generator, device="cpu"
    )
    if labels.is_floating_point():
        # It does not depend on the values of float labels either; some would give a sum of zero.
        targets = torch.full(labels.shape, 0.5, dtype=torch.float64, device="cpu")
    elif type(loss_fn) is torch.nn.MultiLabelMarginLoss:
        # The same: all rows might be empty.
        targets = torch.zeros(labels.shape, dtype=torch.int64, device="cpu")
    else:
        targets = labels.cpu()
    exact = copy.deepcopy(loss_fn).cpu().double()
    if labels.is_floating_point() or type(loss_fn) is torch.nn.MultiMarginLoss:
        # Nor on these weights, which may all be zero.
        for weight in exact.buffers():
            weight.fill_(1)
    with warnings.catch_warnings():
        # KLDivLoss warns of its mean at each call; the user sees it in the training.
        warnings.simplefilter("ignore")
        mean, total = float(exact(made, targets)), float(sum_reduced(exact)(made, targets))
    if math.isnan(mean):
        return 0.0
    ratio = total / mean
    return float(round(ratio)) if abs(ratio - round(ratio)) < 1e-9 * ratio else ratio


def check_loss(loss: object, *, inside_vmap: bool = False) -> torch.Tensor:
    """Return a loss as a scalar tensor, or refuse it if it cannot be differentiated.

    Args:
        loss: What the loss function returned.
        inside_vmap: Whether it was called inside ``torch.func.vmap``, where a tensor does not show
            whether it needs a gradient.

    Returns:
        A tensor without axes.

    Raises:
        TypeError: It is not a tensor.
        ValueError: It is more than one number, or does not depend on the scores.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.losses import check_loss
        >>> check_loss(torch.ones(1, requires_grad=True)).shape
        torch.Size([])
        >>> check_loss(0.5)
        Traceback (most recent call last):
            ...
        TypeError: loss_fn: expected a function of scores and labels that returns one number, a \
tensor, got float; compute it with torch

    Source:
        torch.Tensor.backward, which needs a scalar that requires a gradient.
    """
    expected = "loss_fn: expected a function of scores and labels that returns one number"
    if not isinstance(loss, torch.Tensor):
        raise TypeError(f"{expected}, a tensor, got {type(loss).__name__}; compute it with torch")
    if loss.numel() != 1 or not loss.is_floating_point():
        raise ValueError(
            f"{expected}, got {loss.dtype} of shape {tuple(loss.shape)}; take the mean or the sum"
        )
    if not loss.requires_grad and not inside_vmap:
        raise ValueError(
            f"{expected} that depends on the scores, got one without a gradient; "
            "leave out .item(), .detach() and torch.no_grad()"
        )
    return loss.reshape(())
