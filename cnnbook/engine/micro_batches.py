"""Whether a batch may be cut into pieces, and by what the pieces' losses add up exactly."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch

from cnnbook.engine.rewrites import hooked_parameter
from cnnbook.networks import preserve_mode

__all__ = ["Loss", "MicroBatches", "cut", "loss_denominator", "unsplittable_reason"]

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

# Losses that are a sum or a mean over the batch and nothing else, so that a batch can be cut.
# Exact types: a subclass may do anything.
_ADDITIVE = (
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

# Of these two, torch divides the sum by the labels' weights and not by their number.
_BY_LABEL = (torch.nn.CrossEntropyLoss, torch.nn.NLLLoss)

# Layers that compute with the whole batch in training, or whose running numbers move once for
# each batch that goes through.
_MIXING = (
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
        elif isinstance(module, _MIXING):
            return f"layer {name!r} ({type(module).__name__}) mixes the images of a batch"
    return None


def _mixing_seen(net: torch.nn.Module, images: torch.Tensor) -> str | None:
    """Try whether three images together give what they give one by one.

    The list above cannot know other people's layers. The network is copied, so that nothing
    that moves in training moves in the one to be trained.
    """
    # Not the images themselves: three equal ones would hide it. On the CPU, whose numbers do not
    # depend on the batch's size by more than a rounding.
    numbers = torch.rand((3, *images.shape[1:]), generator=torch.Generator().manual_seed(0))
    some = numbers.to(images.dtype)
    try:
        twin = copy.deepcopy(net).cpu().requires_grad_(False)
        with torch.random.fork_rng([]), preserve_mode(twin, training=True), torch.no_grad():
            for module in twin.modules():
                if isinstance(module, torch.nn.modules.dropout._DropoutNd):
                    module.eval()
            before = [buffer.clone() for buffer in twin.buffers()]
            together, again = twin(some), twin(some)
            if any(not torch.equal(x, y) for x, y in zip(before, twin.buffers(), strict=True)):
                return "a buffer of the network changes with each batch that goes through"
            if not torch.equal(together, again):
                return None  # It draws random numbers, and two draws cannot be compared.
            singly = torch.cat([twin(one) for one in torch.split(some, 1)])
    except (RuntimeError, TypeError, ValueError):
        # It cannot be copied, or bears no other device or batch; then the list above has to do.
        return None
    near = max(1e-4, 8 * torch.finfo(together.dtype).eps)
    scale = float(together.nan_to_num().abs().max())
    if together.shape != singly.shape or not torch.allclose(
        together, singly, rtol=near, atol=near * scale, equal_nan=True
    ):
        return "the network gives other scores for images together than one by one"
    return None


def _mixing_loss(loss_fn: Loss, scores: torch.Tensor) -> str | None:
    if type(loss_fn) not in _ADDITIVE:
        called = getattr(loss_fn, "__name__", type(loss_fn).__name__)
        return f"loss {called} is not known to be a sum or a mean over the images"
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
    """Say why a batch must be taken whole, if it must.

    Args:
        net: The network.
        loss_fn: The loss.
        images: Images ``(n, c, h, w)``, of which shape, dtype and device count.
        scores: What the network gives for one of them, shape ``(1, ...)``.

    Returns:
        The reason, in words; ``None`` where the gradients of pieces add up to the batch's.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.micro_batches import unsplittable_reason
        >>> net = torch.nn.Sequential(torch.nn.BatchNorm2d(1), torch.nn.Flatten())
        >>> images = torch.zeros(2, 1, 1, 2)
        >>> unsplittable_reason(net, torch.nn.CrossEntropyLoss(), images, torch.zeros(1, 2))
        "layer '0' (BatchNorm2d) mixes the images of a batch"
        >>> print(unsplittable_reason(net[1], torch.nn.CrossEntropyLoss(), images, torch.zeros(1, 2)))
        None

    Source:
        Ioffe and Szegedy (2015), Batch normalization, section 3, for the layer that mixes.
    """
    return _mixing_layer(net) or _mixing_loss(loss_fn, scores) or _mixing_seen(net, images)


def loss_denominator(loss_fn: Loss, labels: torch.Tensor) -> float:
    """Compute by what torch divides the sum of these labels' losses.

    Args:
        loss_fn: A loss of torch, reduced by mean or sum.
        labels: Class numbers ``(n,)`` or float targets ``(n, classes)``.

    Returns:
        1 for a sum; for a mean, the number of labels, or for the losses of class numbers the
        sum of the weights of the labels that are not ignored. Label smoothing leaves it as it
        is.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.micro_batches import loss_denominator
        >>> labels = torch.tensor([0, 1, 1, 2])
        >>> loss_denominator(torch.nn.CrossEntropyLoss(), labels)
        4.0
        >>> loss_denominator(torch.nn.CrossEntropyLoss(ignore_index=1), labels)
        2.0
        >>> loss_denominator(torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 4.0])), labels)
        9.0

    Source:
        torch.nn.CrossEntropyLoss, "reduction".
    """
    if getattr(loss_fn, "reduction", "mean") == "sum":
        return 1.0
    if not isinstance(loss_fn, _BY_LABEL) or labels.is_floating_point():
        return float(len(labels))
    counted = labels[labels != loss_fn.ignore_index]
    if loss_fn.weight is None:
        return float(len(counted))
    return float(loss_fn.weight.to(labels.device, torch.float64)[counted].sum())


@dataclass(frozen=True, eq=False)
class MicroBatches:
    """A batch in pieces, and the loss of each as a part of the whole batch's.

    Attributes:
        images: Each piece's images.
        labels: Each piece's labels.
        loss_weights: By what each piece's loss is multiplied, so that all of them add up.
        loss_fn: The loss that the factors belong to.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.micro_batches import cut
        >>> labels = torch.tensor([0, 1, 1])
        >>> micro_batches = cut(torch.zeros(3, 1, 1, 1), labels, torch.nn.MSELoss(), size=2, of=labels)
        >>> [len(some) for some in pieces.images], [f"{loss_weight:.3f}" for factor in pieces.factors]
        ([2, 1], ['0.667', '0.333'])
    """

    images: tuple[torch.Tensor, ...]
    labels: tuple[torch.Tensor, ...]
    loss_weights: tuple[float, ...]
    loss_fn: Loss


def cut(
    images: torch.Tensor, labels: torch.Tensor, loss_fn: Loss, *, size: int, of: torch.Tensor
) -> MicroBatches:
    """Cut a batch, or a process's share of it, so that the losses add up to the batch's.

    Args:
        images: Images ``(n, c, h, w)``.
        labels: Their labels.
        loss_fn: The loss of the whole batch.
        size: Images in a piece; the last may be smaller.
        of: The labels of the whole batch; ``labels`` itself where there is one process.

    Returns:
        The pieces. A batch that is one piece keeps its loss; for class numbers the others sum
        and are divided by what torch divides the batch by, since a mean over a piece of which
        every label is ignored is 0 / 0.

    Raises:
        ValueError: No label of the batch counts: all are ignored, or of weight zero.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.micro_batches import cut
        >>> labels = torch.tensor([0, 1, 1, 2])
        >>> loss_fn = torch.nn.CrossEntropyLoss(ignore_index=1)
        >>> micro_batches = cut(torch.zeros(4, 1, 1, 1), labels, loss_fn, size=2, of=labels)
        >>> pieces.loss_weights, pieces.loss_fn.reduction
        ((0.5, 0.5), 'sum')

    Source:
        Derived here: a mean is a sum over one divisor, and the gradient of a sum is the sum of
        the gradients.
    """
    divisor = loss_denominator(loss_fn, of)
    if divisor == 0:
        raise ValueError(
            "labels: expected at least one that counts for the loss, got only ignored ones "
            "or classes of weight zero"
        )
    some_images, some_labels = torch.split(images, size), torch.split(labels, size)
    if not len(images):
        return MicroBatches((), (), (), loss_fn)
    if len(images) == len(of) <= size:
        return MicroBatches(some_images, some_labels, (1.0,), loss_fn)
    if getattr(loss_fn, "reduction", None) == "mean" and isinstance(loss_fn, _BY_LABEL):
        summed = copy.copy(loss_fn)
        summed.reduction = "sum"
        return MicroBatches(some_images, some_labels, (1 / divisor,) * len(some_images), summed)
    if getattr(loss_fn, "reduction", None) == "sum":
        return MicroBatches(some_images, some_labels, (1.0,) * len(some_images), loss_fn)
    loss_weights = tuple(len(some) / divisor for some in some_images)
    return MicroBatches(some_images, some_labels, loss_weights, loss_fn)
