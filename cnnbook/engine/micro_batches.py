"""Splitting a batch into micro-batches whose losses and gradients add up to the batch's."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch

from cnnbook.engine.rewrites import hooked_parameter
from cnnbook.networks import preserve_mode

__all__ = [
    "Loss",
    "MicroBatches",
    "loss_denominator",
    "split_into_micro_batches",
    "unsplittable_reason",
]

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

# Losses that are a sum or a mean over the batch and nothing else, so that a batch can be split.
# Exact types: a subclass may do anything.
_ADDITIVE_LOSSES = (
    torch.nn.CrossEntropyLoss,
    torch.nn.NLLLoss,
    torch.nn.MSELoss,
    torch.nn.L1Loss,
    torch.nn.SmoothL1Loss,
    torch.nn.HuberLoss,
    torch.nn.BCELoss,
    torch.nn.BCEWithLogitsLoss,
    torch.nn.SoftMarginLoss,
    torch.nn.MultiLabelSoftMarginLoss,
    torch.nn.MultiMarginLoss,
)

# For these two, torch's mean divides the sum by the labels' total weight, not by their number.
_LOSSES_WITH_CLASS_WEIGHTS = (torch.nn.CrossEntropyLoss, torch.nn.NLLLoss)

# Layers that in training compute with the whole batch, or whose running statistics change once for
# each batch.
_BATCH_LAYERS = (
    torch.nn.modules.batchnorm._BatchNorm,
    torch.nn.modules.instancenorm._InstanceNorm,
)


def _mixing_layer(net: torch.nn.Module) -> str | None:
    hooked = hooked_parameter(net)
    if hooked:
        return f"a hook on {hooked!r} is meant for the gradient of the whole batch"
    for name, module in net.named_modules():
        if isinstance(module, torch.nn.modules.instancenorm._InstanceNorm):
            if module.track_running_stats:
                return f"layer {name!r} ({type(module).__name__}) counts the batches it has seen"
        elif isinstance(module, _BATCH_LAYERS):
            return f"layer {name!r} ({type(module).__name__}) mixes the images of a batch"
    return None


def _mixing_found_by_probe(net: torch.nn.Module, images: torch.Tensor) -> str | None:
    """Compare the scores of three images in one batch with those of each image alone.

    The lists above do not contain custom layers. The probe uses a copy, so that the running
    statistics of the network itself do not change.
    """
    # Random numbers instead of the images: three equal images would show nothing. On the CPU, where
    # only the rounding of a result depends on the batch size.
    generator = torch.Generator().manual_seed(0)
    numbers = torch.rand((3, *images.shape[1:]), generator=generator, device="cpu")
    probe = numbers.to(images.dtype)
    try:
        twin = copy.deepcopy(net).cpu().requires_grad_(False)
        with (
            # Tensors that the layers make without naming a device must be on the CPU, too.
            torch.device("cpu"),
            torch.random.fork_rng([]),
            preserve_mode(twin, training=True),
            torch.no_grad(),
        ):
            for module in twin.modules():
                if isinstance(module, torch.nn.modules.dropout._DropoutNd):
                    module.eval()
            before = [buffer.clone() for buffer in twin.buffers()]
            together, again = twin(probe), twin(probe)
            if any(not torch.equal(x, y) for x, y in zip(before, twin.buffers(), strict=True)):
                return "a buffer of the network changes with each batch that goes through"
            if not torch.equal(together, again):
                return None  # It draws random numbers, and two draws cannot be compared.
            singly = torch.cat([twin(image) for image in torch.split(probe, 1)])
    except (RuntimeError, TypeError, ValueError):
        # It cannot be copied, or needs another device or batch size; the lists above decide.
        return None
    tolerance = max(1e-4, 8 * torch.finfo(together.dtype).eps)
    scale = float(together.nan_to_num().abs().max())
    if together.shape != singly.shape or not torch.allclose(
        together, singly, rtol=tolerance, atol=tolerance * scale, equal_nan=True
    ):
        return "the network's scores for a batch differ from those of each image alone"
    return None


def _unsplittable_loss(loss_fn: Loss, scores: torch.Tensor) -> str | None:
    if type(loss_fn) not in _ADDITIVE_LOSSES:
        name = getattr(loss_fn, "__name__", type(loss_fn).__name__)
        return f"loss {name} is not known to be a sum or a mean over the images"
    if getattr(loss_fn, "reduction", None) not in ("mean", "sum"):
        return f"the loss has reduction={getattr(loss_fn, 'reduction', None)!r}"
    if isinstance(loss_fn, (torch.nn.BCELoss, torch.nn.BCEWithLogitsLoss)):
        for name in ("weight", "pos_weight"):
            weight = getattr(loss_fn, name, None)
            if weight is not None and weight.ndim >= scores.ndim and weight.shape[0] > 1:
                return f"the loss's {name} has a number for each image of the batch"
    return None


def unsplittable_reason(
    net: torch.nn.Module, loss_fn: Loss, images: torch.Tensor, scores: torch.Tensor
) -> str | None:
    """Return why a batch must not be split, or None if it may be.

    Args:
        net: The network.
        loss_fn: The loss.
        images: Images ``(n, c, h, w)``; only their shape, dtype and device matter.
        scores: The network's scores for one of them, ``(1, ...)``.

    Returns:
        The reason, in words; ``None`` if the gradients of micro-batches add up to the batch's.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.micro_batches import unsplittable_reason
        >>> net = torch.nn.Sequential(torch.nn.BatchNorm2d(1), torch.nn.Flatten())
        >>> images, loss_fn = torch.zeros(2, 1, 1, 2), torch.nn.CrossEntropyLoss()
        >>> unsplittable_reason(net, loss_fn, images, torch.zeros(1, 2))
        "layer '0' (BatchNorm2d) mixes the images of a batch"
        >>> print(unsplittable_reason(net[1], loss_fn, images, torch.zeros(1, 2)))
        None

    Source:
        Ioffe and Szegedy (2015), Batch normalization, section 3, for the layer that mixes.
    """
    return (
        _mixing_layer(net)
        or _unsplittable_loss(loss_fn, scores)
        or _mixing_found_by_probe(net, images)
    )


def loss_denominator(loss_fn: Loss, labels: torch.Tensor) -> float:
    """Compute the number by which torch divides the sum of these labels' losses.

    Args:
        loss_fn: A loss of torch, reduced by mean or sum.
        labels: Class numbers ``(n,)`` or float targets ``(n, classes)``.

    Returns:
        1 for a sum. For a mean, the number of labels; for losses of class numbers, the sum of
        the weights of the labels that are not ignored. Label smoothing does not change it.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.micro_batches import loss_denominator
        >>> labels = torch.tensor([0, 1, 1, 2])
        >>> loss_denominator(torch.nn.CrossEntropyLoss(), labels)
        4.0
        >>> loss_denominator(torch.nn.CrossEntropyLoss(ignore_index=1), labels)
        2.0
        >>> weight = torch.tensor([1.0, 2.0, 4.0])
        >>> loss_denominator(torch.nn.CrossEntropyLoss(weight=weight), labels)
        9.0

    Source:
        torch.nn.CrossEntropyLoss, "reduction".
    """
    if getattr(loss_fn, "reduction", "mean") == "sum":
        return 1.0
    if not isinstance(loss_fn, _LOSSES_WITH_CLASS_WEIGHTS) or labels.is_floating_point():
        return float(len(labels))
    counted = labels[labels != loss_fn.ignore_index]
    if loss_fn.weight is None:
        return float(len(counted))
    return float(loss_fn.weight.to(labels.device, torch.float64)[counted].sum())


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
        ...     torch.zeros(3, 1, 1, 1), labels, torch.nn.MSELoss(), size=2, all_labels=labels
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
    all_labels: torch.Tensor,
) -> MicroBatches:
    """Split a batch, or one process's shard, so that the weighted losses add up to the batch's.

    A mean is a sum divided by one number, and the gradient of a sum is the sum of the gradients.

    Args:
        images: Images ``(n, c, h, w)``.
        labels: Their labels.
        loss_fn: The loss of the whole batch.
        size: Images in a micro-batch; the last may be smaller.
        all_labels: The labels of the whole batch; ``labels`` itself if there is one process.

    Returns:
        The micro-batches. If there is only one, the loss is unchanged. Otherwise, for class
        numbers, losses are summed and divided by torch's denominator for the whole batch: a mean
        over a micro-batch in which all labels are ignored would be 0 / 0.

    Raises:
        ValueError: No label of the batch counts: all are ignored, or of weight zero.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.micro_batches import split_into_micro_batches
        >>> labels = torch.tensor([0, 1, 1, 2])
        >>> loss_fn = torch.nn.CrossEntropyLoss(ignore_index=1)
        >>> micro_batches = split_into_micro_batches(
        ...     torch.zeros(4, 1, 1, 1), labels, loss_fn, size=2, all_labels=labels
        ... )
        >>> micro_batches.loss_weights, micro_batches.loss_fn.reduction
        ((0.5, 0.5), 'sum')
    """
    denominator = loss_denominator(loss_fn, all_labels)
    if denominator == 0:
        raise ValueError(
            "labels: expected at least one that counts for the loss, got only ignored ones "
            "or classes of weight zero"
        )
    if not len(images):
        return MicroBatches((), (), (), loss_fn)
    parts, label_parts = torch.split(images, size), torch.split(labels, size)
    if len(images) == len(all_labels) <= size:
        return MicroBatches(parts, label_parts, (1.0,), loss_fn)
    if getattr(loss_fn, "reduction", None) == "mean" and isinstance(
        loss_fn, _LOSSES_WITH_CLASS_WEIGHTS
    ):
        summed = copy.copy(loss_fn)
        summed.reduction = "sum"
        return MicroBatches(parts, label_parts, (1 / denominator,) * len(parts), summed)
    if getattr(loss_fn, "reduction", None) == "sum":
        return MicroBatches(parts, label_parts, (1.0,) * len(parts), loss_fn)
    loss_weights = tuple(len(part) / denominator for part in parts)
    return MicroBatches(parts, label_parts, loss_weights, loss_fn)
