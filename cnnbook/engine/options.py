"""The trainers' arguments: their checks and defaults."""

import os
from pathlib import Path
from typing import Literal

import torch

from cnnbook._checks import check_images, check_int, summarize
from cnnbook.engine.micro_batches import Loss
from cnnbook.networks import preserve_mode

__all__ = [
    "ACTIVATION_BUDGET",
    "check_checkpoint",
    "check_labels",
    "check_loss",
    "check_loss_fn",
    "check_micro_batch_size",
    "check_optimizer",
    "check_training_images",
    "check_validation",
    "choose_micro_batch_size",
    "probe_forward",
]

# Bytes of layer outputs per micro-batch. Fixed and not measured, so that the same call does the
# same everywhere: on a CPU about the size of a core's caches, on a GPU what any card has to spare.
ACTIVATION_BUDGET = {"cpu": 4 << 20, "cuda": 4 << 30}


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
        >>> from cnnbook.engine.options import check_loss_fn
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
            or the network does not give a score for each class.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.options import check_validation
        >>> images, one_hot = torch.zeros(2, 1, 3, 3), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> _, labels = check_validation(
        ...     (images, one_hot), images, torch.zeros(1, 2), torch.device("cpu")
        ... )
        >>> labels
        tensor([1, 0])
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
    if scores.ndim != 2:
        raise ValueError(
            f"validation: expected a network that gives (n, classes), got {tuple(scores.shape)}"
        )
    check_labels(labels, len(validation_images), scores, None, name="validation labels")
    class_numbers = labels.argmax(dim=1) if labels.is_floating_point() else labels
    return validation_images.to(device), class_numbers.to(device)


def probe_forward(
    net: torch.nn.Module, optimized_net: torch.nn.Module, image: torch.Tensor
) -> tuple[torch.Tensor, int]:
    """Return the scores of one image, and the size of the layers' outputs for it.

    Args:
        net: The network, whose layers' outputs are counted.
        optimized_net: The same layers in the order in which they are computed.
        image: One image ``(1, c, h, w)``.

    Returns:
        Scores ``(1, ...)``, and bytes, including those of the image. No random number is drawn and
        no running statistic changes.

    Raises:
        ValueError: The network cannot take the image, or returns no scores for it.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.options import probe_forward
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
        >>> scores, size = probe_forward(net, net, torch.zeros(1, 1, 2, 2))
        >>> tuple(scores.shape), size, (4 + 4 + 3) * 4
        ((1, 3), 44, 44)
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
            scores = optimized_net(image)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"net: expected a network that takes images of shape {tuple(image.shape[1:])}, "
            f"got an error for one of them: {str(error).splitlines()[0]}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    if not isinstance(scores, torch.Tensor) or scores.shape[:1] != (1,):
        got = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__
        raise ValueError(f"net: expected scores (1, classes) for one image, got {got}")
    return scores, image.numel() * image.element_size() + sum(sizes)


def check_labels(
    labels: torch.Tensor, count: int, scores: torch.Tensor, loss_fn: Loss | None, *, name: str
) -> None:
    """Refuse labels that do not fit the images, the scores or the loss.

    Args:
        labels: Float targets ``(n, classes)`` or class numbers ``(n,)`` int64.
        count: How many images there are.
        scores: The network's scores for one of them.
        loss_fn: The loss, which may ignore some labels.
        name: The argument's name, for the error message.

    Raises:
        TypeError: They are not a tensor, or of another dtype.
        ValueError: There are more or fewer labels than images, or classes without a score.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.options import check_labels
        >>> check_labels(torch.tensor([0, 3]), 2, torch.zeros(1, 3), None, name="labels")
        Traceback (most recent call last):
            ...
        ValueError: labels: expected class numbers 0 to 2, since the network gives 3 scores, got 0 \
to 3

    Source:
        torch.nn.CrossEntropyLoss.
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
    if labels.is_floating_point():
        # Cross-entropy needs scores and targets of one shape; other losses need not.
        same_shape = (
            isinstance(loss_fn, torch.nn.CrossEntropyLoss) or labels.ndim == scores.ndim == 2
        )
        if same_shape and labels.shape[1:] != scores.shape[1:]:
            raise ValueError(
                f"{name}: expected {(count, *scores.shape[1:])}, one column for each score of the "
                f"network, got {tuple(labels.shape)}"
            )
        return
    if labels.dtype != torch.int64:
        # A second axis means one-hot labels, which have to be floats.
        wanted = "long" if labels.ndim == 1 else "float"
        raise TypeError(
            f"{name}: expected float (one-hot) or torch.int64 (class numbers), "
            f"got {labels.dtype} of shape {tuple(labels.shape)}; convert with {name}.{wanted}()"
        )
    if labels.ndim != 1:
        raise ValueError(
            f"{name}: expected class numbers ({count},) or one-hot floats ({count}, classes), got "
            f"{labels.dtype} of shape {tuple(labels.shape)}; convert one-hot with {name}.float()"
        )
    ignored = getattr(loss_fn, "ignore_index", -100)
    counted = labels[labels != ignored]
    if scores.ndim == 2 and len(counted):
        low, high = int(counted.min()), int(counted.max())
        if low < 0 or high >= scores.shape[1]:
            raise ValueError(
                f"{name}: expected class numbers 0 to {scores.shape[1] - 1}, since the network "
                f"gives {scores.shape[1]} scores, got {low} to {high}"
            )


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
        >>> from cnnbook.engine.options import check_loss
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
