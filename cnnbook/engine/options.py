"""The trainers' arguments: their checks and defaults."""

import copy
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from cnnbook._checks import check_images, check_int, check_net, summarize
from cnnbook.engine.allowlist import altered_part, batch_layer, unknown_part
from cnnbook.engine.losses import Loss, check_labels
from cnnbook.engine.micro_batches import unsplittable_reason
from cnnbook.engine.random_state import preserve_random_state
from cnnbook.engine.rewrites import pool_before_relu
from cnnbook.networks import preserve_mode

__all__ = [
    "ACTIVATION_BUDGET",
    "BatchPlan",
    "check_checkpoint",
    "check_micro_batch_size",
    "check_optimizer",
    "check_scores",
    "check_trainable_net",
    "check_training_images",
    "check_validation",
    "choose_micro_batch_size",
    "plan_batch",
    "probe_forward",
]

# Bytes of layer outputs per micro-batch. Fixed and not measured, so that the same call does the
# same everywhere: on a CPU about the size of a core's caches, on a GPU what any card has to spare.
ACTIVATION_BUDGET = {"cpu": 4 << 20, "cuda": 4 << 30}


# Their classes, or the classes of their parameters, come from one of these.
_WRAPPERS = ("torch.distributed.", "torch.nn.parallel.")


def check_trainable_net(net: torch.nn.Module, *, name: str = "net") -> None:
    """Refuse what is not a network, one without trainable parameters, and a wrapped one.

    Args:
        net: The network.
        name: The argument's name, for the error message.

    Raises:
        TypeError: It is not a network, or wrapped to be trained in parallel.
        ValueError: It has no trainable parameter, or one without numbers.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.options import check_trainable_net
        >>> check_trainable_net(torch.nn.Flatten())
        Traceback (most recent call last):
            ...
        ValueError: net: expected at least one trainable parameter, got none
        >>> check_trainable_net(torch.nn.DataParallel(torch.nn.Linear(1, 1)))
        Traceback (most recent call last):
            ...
        TypeError: net: expected the network itself, got DataParallel; hand in the network as it \
was before it was wrapped (under torchrun, the trainer shares the batch among the processes itself)
    """
    check_net(net, name=name)
    for part in (*net.modules(), *net.parameters()):
        if any(base.__module__.startswith(_WRAPPERS) for base in type(part).__mro__):
            raise TypeError(
                f"{name}: expected the network itself, got {type(part).__name__}; hand in the "
                "network as it was before it was wrapped (under torchrun, the trainer shares the "
                "batch among the processes itself)"
            )
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise ValueError(f"{name}: expected at least one trainable parameter, got none")
    for key, parameter in net.named_parameters():
        if parameter.is_meta:
            raise ValueError(
                f"{name}: expected parameters with numbers, got {key!r} on the device 'meta'; "
                "make the network without torch.device('meta')"
            )


def check_training_images(images: torch.Tensor, *, name: str) -> None:
    """Refuse anything but a batch of images to train on.

    Args:
        images: Images ``(n, c, h, w)``.
        name: The argument's name, for the error message.

    Raises:
        TypeError: They are not a tensor, or not of a floating-point dtype.
        ValueError: They have other axes, or there are none.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.options import check_training_images
        >>> check_training_images(torch.zeros(0, 1, 2, 2), name="images")
        Traceback (most recent call last):
            ...
        ValueError: images: expected at least one image, got an empty batch
    """
    check_images(images, name=name)
    if not images.is_floating_point():
        raise TypeError(
            f"{name}: expected a floating-point dtype, got {images.dtype}; "
            f"convert with {name}.float() / 255"
        )
    if len(images) == 0:
        raise ValueError(f"{name}: expected at least one image, got an empty batch")


def check_optimizer(optimizer: torch.optim.Optimizer | None, net: torch.nn.Module) -> None:
    """Refuse an optimizer that does not train this network with one gradient per update.

    Args:
        optimizer: The optimizer; ``None`` is accepted.
        net: The network.

    Raises:
        TypeError: It is not an optimizer.
        ValueError: It is LBFGS, or holds none of the network's parameters.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.options import check_optimizer
        >>> net, other = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
        >>> check_optimizer(torch.optim.SGD(net.parameters()), net)
        >>> check_optimizer(torch.optim.SGD(other.parameters()), net)
        Traceback (most recent call last):
            ...
        ValueError: optimizer: expected one made from net.parameters(), got one that holds none of \
this network's parameters; nothing would be trained
    """
    if optimizer is None:
        return
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer: expected a torch.optim.Optimizer, got {summarize(optimizer)}; "
            "make one with torch.optim.Adam(net.parameters())"
        )
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ValueError(
            "optimizer: expected one that takes one gradient an update, got LBFGS, which asks "
            "for the loss again within its step"
        )
    own = {id(parameter) for parameter in net.parameters()}
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not own & held:
        raise ValueError(
            "optimizer: expected one made from net.parameters(), got one that holds none of "
            "this network's parameters; nothing would be trained"
        )


def check_checkpoint(checkpoint: str | os.PathLike[str] | None) -> Path | None:
    """Return the path of the checkpoint.

    Args:
        checkpoint: A file, which need not exist yet; ``None`` for no checkpoint.

    Returns:
        The path, or ``None``.

    Raises:
        TypeError: It is not a path.
        ValueError: It is a folder.

    Examples:
        >>> from cnnbook.engine.options import check_checkpoint
        >>> check_checkpoint("run.ckpt").name
        'run.ckpt'
        >>> check_checkpoint(3)
        Traceback (most recent call last):
            ...
        TypeError: checkpoint: expected the path of a file, got 3
    """
    if checkpoint is None:
        return None
    if not isinstance(checkpoint, (str, os.PathLike)):
        raise TypeError(f"checkpoint: expected the path of a file, got {summarize(checkpoint)}")
    path = Path(checkpoint)
    if path.is_dir():
        raise ValueError(f"checkpoint: expected the path of a file, got the folder {path}")
    return path


def check_micro_batch_size(micro_batch_size: int | Literal["auto"]) -> int | Literal["auto"]:
    """Return the number of images to take at a time, or ``"auto"``.

    Args:
        micro_batch_size: A whole number from 1, or ``"auto"``.

    Returns:
        The same.

    Raises:
        TypeError: It is neither a whole number nor ``"auto"``.
        ValueError: It is below 1.

    Examples:
        >>> from cnnbook.engine.options import check_micro_batch_size
        >>> check_micro_batch_size("auto"), check_micro_batch_size(250)
        ('auto', 250)
    """
    if isinstance(micro_batch_size, str) and micro_batch_size == "auto":
        return "auto"
    return check_int(micro_batch_size, name="micro_batch_size", minimum=1)


def choose_micro_batch_size(
    micro_batch_size: int | Literal["auto"],
    count: int,
    *,
    image_bytes: int,
    minimum_budget: int = 0,
    device: torch.device,
    unsplittable: str | None,
) -> int:
    """Choose how many images go through the network at a time.

    Args:
        micro_batch_size: The user's choice, or ``"auto"``.
        count: Images of the whole batch.
        image_bytes: Bytes of layer outputs for one image.
        minimum_budget: Bytes of layer outputs that a micro-batch may have in any case.
        device: Where the network is trained.
        unsplittable: Why the batch must not be split; ``None`` if it may be.

    Returns:
        At least 1 and at most ``count``.

    Raises:
        ValueError: A size is given for a batch that must not be split.

    Examples:
        4 MiB on a CPU hold the outputs of four images of 1 MiB each.

        >>> import torch
        >>> from cnnbook.engine.options import choose_micro_batch_size
        >>> cpu = torch.device("cpu")
        >>> choose_micro_batch_size("auto", 60, image_bytes=1 << 20, device=cpu, unsplittable=None)
        4
        >>> choose_micro_batch_size(99, 60, image_bytes=1 << 20, device=cpu, unsplittable=None)
        60
        >>> choose_micro_batch_size(
        ...     5, 60, image_bytes=1 << 20, device=cpu, unsplittable="the loss has no reduction"
        ... )
        Traceback (most recent call last):
            ...
        ValueError: micro_batch_size: expected 'auto' or at least the 60 images, since the loss \
has no reduction, got 5
    """
    if micro_batch_size == "auto":
        if unsplittable:
            return count
        budget = ACTIVATION_BUDGET.get(device.type, ACTIVATION_BUDGET["cpu"])
        return min(count, max(1, max(budget, minimum_budget) // image_bytes))
    if unsplittable and micro_batch_size < count:
        raise ValueError(
            f"micro_batch_size: expected 'auto' or at least the {count} images, since "
            f"{unsplittable}, got {micro_batch_size}"
        )
    return min(count, micro_batch_size)


def check_validation(
    validation: tuple[torch.Tensor, torch.Tensor] | None,
    images: torch.Tensor,
    scores: torch.Tensor,
    device: torch.device,
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return validation images and their class numbers on the network's device.

    Args:
        validation: Images and labels, or ``None``.
        images: The training images.
        scores: The network's scores for one of them.
        device: Where the network is trained.

    Returns:
        Images and class numbers, or ``None``.

    Raises:
        TypeError: It is not a pair, or a part has the wrong type or dtype.
        ValueError: The images have another shape than the training images, the labels do not fit,
            or the accuracy is not defined: the network does not give a score for each of several
            classes, or an image has several labels.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.options import check_validation
        >>> images, one_hot = torch.zeros(2, 1, 3, 3), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> _, labels = check_validation(
        ...     (images, one_hot), images, torch.zeros(1, 2), torch.device("cpu")
        ... )
        >>> labels
        tensor([1, 0])
        >>> check_validation(
        ...     (images, one_hot + 1), images, torch.zeros(1, 2), torch.device("cpu")
        ... )
        Traceback (most recent call last):
            ...
        ValueError: validation labels: expected one class for each image, with rows that add up to \
1, got a row with the sum 3; the accuracy of several labels is not defined, so compute your own \
measure after the training
    """
    if validation is None:
        return None
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        raise TypeError(
            f"validation: expected images and labels, got {type(validation).__name__}; "
            "write validation=(images, labels)"
        )
    validation_images, labels = validation
    check_training_images(validation_images, name="validation images")
    if validation_images.shape[1:] != images.shape[1:]:
        raise ValueError(
            f"validation images: expected the shape {tuple(images.shape[1:])} of the training "
            f"images, got {tuple(validation_images.shape[1:])}"
        )
    if scores.ndim != 2 or scores.shape[1] < 2:
        got = ", ".join(["n", *map(str, scores.shape[1:])])
        raise ValueError(
            f"validation: expected a network that gives (n, classes) with at least two classes, "
            f"got ({got}); compute your own measure after the training"
        )
    # With this loss, labels are class numbers or one-hot, as for the accuracy.
    accuracy_like = torch.nn.CrossEntropyLoss()
    name = "validation labels"
    check_labels(labels, len(validation_images), scores, accuracy_like, name=name)
    if labels.is_floating_point():
        sums = labels.double().sum(dim=1)
        wrong = ((sums - 1).abs() > 1e-3).nonzero()
        if len(wrong):
            raise ValueError(
                f"{name}: expected one class for each image, with rows that add up to 1, got a row "
                f"with the sum {float(sums[wrong[0, 0]]):.4g}; the accuracy of several labels is "
                "not defined, so compute your own measure after the training"
            )
        labels = labels.argmax(dim=1)
    return validation_images.to(device), labels.to(device)


def check_scores(scores: object, count: int) -> torch.Tensor:
    """Return what a network gave for images, or refuse it if it cannot be its scores.

    Args:
        scores: What the network returned.
        count: How many images it was given.

    Returns:
        The same: a floating-point tensor ``(count, ...)``.

    Raises:
        TypeError: It is not a tensor, or not of a floating-point dtype.
        ValueError: It has not one entry for each image.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.options import check_scores
        >>> check_scores((torch.zeros(2, 3), None), 2)
        Traceback (most recent call last):
            ...
        TypeError: net: expected a network that returns a tensor of scores, got tuple; wrap it in \
one whose forward returns the scores only
    """
    if not isinstance(scores, torch.Tensor):
        raise TypeError(
            "net: expected a network that returns a tensor of scores, got "
            f"{type(scores).__name__}; wrap it in one whose forward returns the scores only"
        )
    if not scores.is_floating_point():
        raise TypeError(f"net: expected floating-point scores, got {scores.dtype}")
    if scores.shape[:1] != (count,):
        raise ValueError(
            f"net: expected scores ({count}, ...), one entry for each image, got "
            f"{tuple(scores.shape)}"
        )
    return scores


def probe_forward(net: torch.nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Return the scores of a few images, and the size of the layers' outputs for each.

    Args:
        net: The network.
        images: Images ``(n, c, h, w)``.

    Returns:
        Scores ``(n, ...)``, and the bytes of an image and of the layers' outputs for it. In a known
        network, no random number is drawn and no running statistic changes.

    Raises:
        TypeError: The network returns something else than scores.
        ValueError: The network cannot take the images, or returns no scores for them.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.options import probe_forward
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
        >>> scores, size = probe_forward(net, torch.zeros(2, 1, 2, 2))
        >>> tuple(scores.shape), size, (4 + 4 + 3) * 4
        ((2, 3), 44, 44)
    """
    sizes: list[int] = []

    def count(_: torch.nn.Module, __: object, output: object) -> None:
        if isinstance(output, torch.Tensor):
            sizes.append(output.numel() * output.element_size())

    leaves = [module for module in net.modules() if next(module.children(), None) is None]
    hooks = [leaf.register_forward_hook(count) for leaf in leaves]
    try:
        # In evaluation mode no random number is drawn and no running statistic changes.
        with preserve_mode(net, training=False), torch.no_grad():
            scores = net(images)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise ValueError(
            f"net: expected a network that takes images of shape {tuple(images.shape[1:])}, "
            f"got an error for one of them: {str(error).splitlines()[0]}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    total = images.numel() * images.element_size() + sum(sizes)
    return check_scores(scores, len(images)), total // len(images)


@dataclass(frozen=True, eq=False)
class BatchPlan:
    """How a batch goes through a network.

    Attributes:
        scores: The network's scores for one image, ``(1, ...)``; ``None`` if the network could not
            be tried without changing it.
        rewritable: Whether the network may be rewritten for speed: all its layers are known, and
            none depends on the batch or draws random numbers, which it would draw in another order
            in another memory format.
        unsplittable: Why the batch must not be split; ``None`` if it may be.
        micro_batch_size: How many images go through the network at a time.

    Examples:
        >>> from cnnbook.engine.options import BatchPlan
        >>> BatchPlan(None, rewritable=False, unsplittable="it has a hook", micro_batch_size=9)
        BatchPlan(scores=None, rewritable=False, unsplittable='it has a hook', micro_batch_size=9)
    """

    scores: torch.Tensor | None
    rewritable: bool
    unsplittable: str | None
    micro_batch_size: int


def _copy_to_try(net: torch.nn.Module) -> torch.nn.Module | None:
    """Return a copy of a network that is not known, or None if it need not behave the same."""
    if altered_part(net):
        return None
    try:
        return copy.deepcopy(net)
    # The network is somebody else's code, which may raise anything.
    except Exception:
        return None


def plan_batch(
    net: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    loss_fn: Loss,
    *,
    micro_batch_size: int | Literal["auto"],
    device: torch.device,
    nets: int = 1,
) -> BatchPlan:
    """Decide whether and how a batch is split, and refuse labels that do not fit the scores.

    A network that is not known is not run, since its ``forward`` may count or draw numbers: a copy
    of it is, if that is possible.

    Args:
        net: The network, on its device.
        images: Images ``(n, c, h, w)``.
        labels: Their labels.
        loss_fn: The loss.
        micro_batch_size: The user's choice, or ``"auto"``.
        device: Where the network is trained.
        nets: How many such networks are trained at the same time.

    Returns:
        The plan.

    Raises:
        TypeError: Labels or scores have another type or dtype than the loss needs.
        ValueError: Labels, scores and loss do not fit, the network cannot take the images, or a
            size is given for a batch that must not be split.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.options import plan_batch
        >>> from cnnbook.networks import small_cnn
        >>> plan = plan_batch(
        ...     small_cnn(), torch.zeros(5000, 1, 28, 28), torch.zeros(5000).long(),
        ...     torch.nn.CrossEntropyLoss(), micro_batch_size="auto", device=torch.device("cpu"),
        ... )
        >>> plan.micro_batch_size, plan.rewritable, plan.unsplittable
        (50, True, None)
    """
    # Two, since some layers refuse a single one. A copy, since the first layer may overwrite it.
    count, few = len(images), images[:2].to(device, copy=True)
    known = unknown_part(net) is None
    tried = pool_before_relu(net) if known else _copy_to_try(net)
    scores, image_bytes = None, 1
    if tried is not None:
        with preserve_random_state(device):
            scores, image_bytes = probe_forward(tried, few)
            scores = scores[:1]
        check_labels(labels, count, scores, loss_fn, name="labels")
    unsplittable = unsplittable_reason(net, loss_fn, scores)
    weight_bytes = sum(p.numel() * p.element_size() for p in net.parameters())
    size = choose_micro_batch_size(
        micro_batch_size,
        count,
        image_bytes=image_bytes * nets,
        # Each micro-batch adds a full set of gradients to the sums; its layers should cost more
        # than that addition.
        minimum_budget=2 * weight_bytes * nets,
        device=device,
        unsplittable=unsplittable,
    )
    return BatchPlan(scores, known and batch_layer(net) is None, unsplittable, size)
