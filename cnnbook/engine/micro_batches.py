"""Splitting a batch into micro-batches whose losses and gradients add up to the batch's."""

from dataclasses import dataclass

import torch

from cnnbook.engine.allowlist import batch_layer, unknown_part
from cnnbook.engine.losses import Loss, loss_denominator, sum_reduced, unknown_loss

__all__ = [
    "MicroBatches",
    "split_into_micro_batches",
    "unsplittable_reason",
]


def unsplittable_reason(
    net: torch.nn.Module, loss_fn: Loss, scores: torch.Tensor | None
) -> str | None:
    """Return why a batch must not be split, or None if it may be.

    Only layers and losses that are known may be split, unless they mix the images or draw random
    numbers. Trying others would prove nothing: a layer may mix its images only when there are many,
    or only after some updates.

    Args:
        net: The network, each layer in the mode in which it is trained.
        loss_fn: The loss.
        scores: The network's scores for one image, ``(1, ...)``; ``None`` if they are not known.

    Returns:
        The reason, in words; ``None`` if the gradients of micro-batches add up to the batch's.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.micro_batches import unsplittable_reason
        >>> net = torch.nn.Sequential(torch.nn.BatchNorm2d(1), torch.nn.Flatten())
        >>> loss_fn, scores = torch.nn.CrossEntropyLoss(), torch.zeros(1, 2)
        >>> unsplittable_reason(net, loss_fn, scores)
        "layer '0' (BatchNorm2d) mixes the images of a batch"
        >>> print(unsplittable_reason(net[1], loss_fn, scores))
        None
    """
    reason = unknown_loss(loss_fn) or unknown_part(net) or batch_layer(net)
    if reason or scores is None:
        return reason
    for name in ("weight", "pos_weight"):
        weight = getattr(loss_fn, name, None)
        if weight is not None and weight.ndim >= scores.ndim and weight.shape[0] > 1:
            return f"the loss's {name} has a number for each image of the batch"
    return None


@dataclass(frozen=True, eq=False)
class MicroBatches:
    """A split batch, with the factor of each micro-batch's loss in the batch's loss.

    Attributes:
        images: Each micro-batch's images.
        labels: Each micro-batch's labels.
        loss_weights: The factor of each micro-batch's loss; the products add up to the batch's
            loss.
        loss_fn: The loss that the weights belong to.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.micro_batches import split_into_micro_batches
        >>> labels = torch.tensor([[0.0], [1.0], [1.0]])
        >>> micro_batches = split_into_micro_batches(
        ...     torch.zeros(3, 1, 1, 1), labels, torch.nn.MSELoss(), size=2, scores=labels[:1]
        ... )
        >>> [len(images) for images in micro_batches.images]
        [2, 1]
        >>> [f"{loss_weight:.3f}" for loss_weight in micro_batches.loss_weights]
        ['0.667', '0.333']
    """

    images: tuple[torch.Tensor, ...]
    labels: tuple[torch.Tensor, ...]
    loss_weights: tuple[float, ...]
    loss_fn: Loss


def split_into_micro_batches(
    images: torch.Tensor,
    labels: torch.Tensor,
    loss_fn: Loss,
    *,
    size: int,
    scores: torch.Tensor,
    all_labels: torch.Tensor | None = None,
) -> MicroBatches:
    """Split a batch, or one process's shard, so that the weighted losses add up to the batch's.

    A mean is a sum divided by one number, and the gradient of a sum is the sum of the gradients.

    Args:
        images: Images ``(n, c, h, w)``.
        labels: Their labels.
        loss_fn: The loss of the whole batch.
        size: Images in a micro-batch; the last may be smaller.
        scores: The network's scores for one image, ``(1, ...)``; only their shape matters.
        all_labels: The labels of the whole batch, if ``labels`` are those of a shard.

    Returns:
        The micro-batches. If there is only one, the loss is unchanged. Otherwise cross-entropies
        are summed and divided by torch's denominator for the whole batch: a mean over a micro-batch
        in which all labels are ignored would be 0 / 0.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.micro_batches import split_into_micro_batches
        >>> labels = torch.tensor([0, 1, 1, 2])
        >>> loss_fn = torch.nn.CrossEntropyLoss(ignore_index=1)
        >>> micro_batches = split_into_micro_batches(
        ...     torch.zeros(4, 1, 1, 1), labels, loss_fn, size=2, scores=torch.zeros(1, 3)
        ... )
        >>> micro_batches.loss_weights, micro_batches.loss_fn.reduction
        ((0.5, 0.5), 'sum')
    """
    if all_labels is None:
        all_labels = labels
    if not len(images):
        return MicroBatches((), (), (), loss_fn)
    parts, label_parts = torch.split(images, size), torch.split(labels, size)
    if len(images) == len(all_labels) <= size:
        return MicroBatches(parts, label_parts, (1.0,), loss_fn)
    if getattr(loss_fn, "reduction", None) == "sum":
        return MicroBatches(parts, label_parts, (1.0,) * len(parts), loss_fn)
    # Part by part, so that the made-up scores need little memory.
    total = sum(loss_denominator(loss_fn, part, scores) for part in torch.split(all_labels, size))
    if type(loss_fn) in (torch.nn.CrossEntropyLoss, torch.nn.NLLLoss):
        return MicroBatches(parts, label_parts, (1 / total,) * len(parts), sum_reduced(loss_fn))
    weights = tuple(loss_denominator(loss_fn, part, scores) / total for part in label_parts)
    return MicroBatches(parts, label_parts, weights, loss_fn)
