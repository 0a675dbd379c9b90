"""Splitting a batch into micro-batches whose losses and gradients add up to the batch's."""

import copy
import random
from dataclasses import dataclass
from typing import Any

import torch

from cnnbook.engine.allowlist import altered_part, batch_layer, unknown_part
from cnnbook.engine.losses import Loss, loss_denominator, sum_reduced, unknown_loss

__all__ = [
    "Loss",
    "MicroBatches",
    "split_into_micro_batches",
    "unsplittable_reason",
]


def _plain_values(net: torch.nn.Module) -> list[dict[str, Any]]:
    plain = (bool, int, float, str)
    return [
        {key: value for key, value in vars(module).items() if isinstance(value, plain)}
        for module in net.modules()
    ]


def _mixing_found_by_probe(net: torch.nn.Module, images: torch.Tensor) -> str | None:
    """Compare scores and gradients of three images in one batch with those of each image alone.

    A copy of the network is probed, in float64 and on the CPU, where a result depends on the number
    of images by its last bits only.
    """
    altered = altered_part(net)
    if altered:
        return altered
    # Random numbers instead of the images: three equal images would show nothing.
    generator = torch.Generator().manual_seed(0)
    probe = torch.rand((3, *images.shape[1:]), generator=generator, device="cpu").double()

    def scores_and_gradients(
        twin: torch.nn.Module, parts: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, ...]:
        twin.zero_grad()
        scores = torch.cat([twin(part) for part in parts])
        # Factors that differ, so that two gradients that are exchanged are noticed.
        factors = torch.linspace(1, 2, scores.numel()).double().reshape(scores.shape)
        torch.autograd.backward(scores, factors)
        gradients = (parameter.grad for parameter in twin.parameters())
        return scores.detach(), *(gradient for gradient in gradients if gradient is not None)

    python_state = random.getstate()
    try:
        with (
            # Tensors that the layers make without naming a device must be on the CPU, too.
            torch.device("cpu"),
            torch.random.fork_rng([]),
            torch.enable_grad(),
        ):
            twin = copy.deepcopy(net).cpu().double()
            values, buffers = _plain_values(twin), [buffer.clone() for buffer in twin.buffers()]
            torch_state = torch.get_rng_state()
            together = scores_and_gradients(twin, (probe,))
            if random.getstate() != python_state or not torch.equal(
                torch.get_rng_state(), torch_state
            ):
                return "the network draws random numbers"
            again = scores_and_gradients(twin, (probe,))
            if any(not torch.equal(x, y) for x, y in zip(buffers, twin.buffers(), strict=True)):
                return "a buffer of the network changes with each batch that goes through"
            if _plain_values(twin) != values:
                return "an attribute of the network changes with each batch that goes through"
            if any(not torch.equal(x, y) for x, y in zip(together, again, strict=True)):
                return "the network gives other scores for the same images"
            singly = scores_and_gradients(twin, torch.split(probe, 1))
    # The network is somebody else's code, which may raise anything.
    except Exception as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"a copy of the network in float64 could not be compared with itself ({first})"
    finally:
        random.setstate(python_state)
    for x, y in zip(together, singly, strict=True):
        if x.shape != y.shape or not torch.allclose(
            x, y, rtol=1e-9, atol=1e-9 * float(x.nan_to_num().abs().max()), equal_nan=True
        ):
            return "the network's scores for a batch differ from those of each image alone"
    return None


def unsplittable_reason(
    net: torch.nn.Module, loss_fn: Loss, images: torch.Tensor, scores: torch.Tensor
) -> str | None:
    """Return why a batch must not be split, or None if it may be.

    Known layers and losses (``cnnbook.engine.allowlist``, ``cnnbook.engine.losses``) may be split
    unless they mix the images or draw random numbers. Another network may be split if a copy of it
    gives three images together and one by one the same scores and gradients.

    Args:
        net: The network, each layer in the mode in which it is trained.
        loss_fn: The loss.
        images: Images ``(n, c, h, w)``; only their shape matters.
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
    """
    reason = unknown_loss(loss_fn)
    if reason:
        return reason
    for name in ("weight", "pos_weight"):
        weight = getattr(loss_fn, name, None)
        if weight is not None and weight.ndim >= scores.ndim and weight.shape[0] > 1:
            return f"the loss's {name} has a number for each image of the batch"
    if unknown_part(net) is None:
        return batch_layer(net)
    return batch_layer(net) or _mixing_found_by_probe(net, images)


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
