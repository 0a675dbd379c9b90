"""What is checked and set before a network is trained."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

import torch

from cnnbook._checks import check_images
from cnnbook.engine.micro_batches import Loss
from cnnbook.networks import preserve_mode

__all__ = [
    "ACTIVATION_BUDGET",
    "Precision",
    "check_labels",
    "check_loss",
    "check_optimizer",
    "check_training_images",
    "check_validation",
    "precision_context",
    "probe_forward",
]


def check_validation(
    validation: tuple[torch.Tensor, torch.Tensor] | None,
    images: torch.Tensor,
    scores: torch.Tensor,
    device: torch.device,
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return the validation images and their class numbers where the network is."""
    if validation is None:
        return None
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        raise TypeError(
            f"validation: expected images and labels, got {type(validation).__name__}; "
            "write validation=(images, labels)"
        )
    some, labels = validation
    check_training_images(some, name="validation images")
    if some.shape[1:] != images.shape[1:]:
        raise ValueError(
            f"validation images: expected the shape {tuple(images.shape[1:])} of the training "
            f"images, got {tuple(some.shape[1:])}"
        )
    if scores.ndim != 2:
        raise ValueError(
            f"validation: expected a network that gives (n, classes), got {tuple(scores.shape)}"
        )
    check_labels(labels, len(some), scores, None, name="validation labels")
    numbers = labels.argmax(dim=1) if labels.is_floating_point() else labels
    return some.to(device), numbers.to(device)


def check_optimizer(optimizer: torch.optim.Optimizer | None, net: torch.nn.Module) -> None:
    if optimizer is None:
        return
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer: expected a torch.optim.Optimizer, got {optimizer!r}; "
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


Precision = Literal["full", "tf32", "bf16"]

# Bytes of layer outputs that one piece of the batch may make. A fixed number rather than a
# measured one, so that the same call takes the same steps everywhere: on a CPU about what stays
# in a core's caches, on a GPU what any card has to spare.
ACTIVATION_BUDGET = {"cpu": 4 << 20, "cuda": 4 << 30}


def check_training_images(images: torch.Tensor, *, name: str) -> None:
    """Refuse what is no batch of images to train on.

    Args:
        images: Images ``(n, c, h, w)``.
        name: How the caller names them.

    Raises:
        TypeError: They are no tensor, or not of a floating-point dtype.
        ValueError: They have other axes, or there is none.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.options import check_training_images
        >>> check_training_images(torch.zeros(0, 1, 2, 2), name="images")
        Traceback (most recent call last):
            ...
        ValueError: images: expected at least one image, got an empty batch

    Source:
        The conventions of this book.
    """
    check_images(images, name=name)
    if not images.is_floating_point():
        raise TypeError(
            f"{name}: expected a floating-point dtype, got {images.dtype}; "
            f"convert with {name}.float() / 255"
        )
    if len(images) == 0:
        raise ValueError(f"{name}: expected at least one image, got an empty batch")
    if images.is_meta:
        raise ValueError(f"{name}: expected numbers, got a tensor of the meta device, without any")


def probe_forward(
    net: torch.nn.Module, optimized_net: torch.nn.Module, image: torch.Tensor
) -> tuple[torch.Tensor, int]:
    """Return the scores of one image, and the bytes that the layers' outputs for it take.

    Args:
        net: The network, whose layers put out what is weighed.
        optimized_net: The same layers in the order in which they are computed.
        image: One image ``(1, c, h, w)``.

    Returns:
        Scores ``(1, ...)``, and bytes, those of the image among them. Nothing random is drawn and
        no running mean moves.

    Raises:
        ValueError: The network cannot take the image, or gives no scores for it.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.options import probe_forward
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
        >>> scores, size = probe_forward(net, net, torch.zeros(1, 1, 2, 2))
        >>> tuple(scores.shape), size, (4 + 4 + 3) * 4
        ((1, 3), 44, 44)

    Source:
        Derived here.
    """
    sizes: list[int] = []

    def weigh(_: torch.nn.Module, __: object, output: object) -> None:
        if isinstance(output, torch.Tensor):
            sizes.append(output.numel() * output.element_size())

    leaves = [module for module in net.modules() if next(module.children(), None) is None]
    hooks = [leaf.register_forward_hook(weigh) for leaf in leaves]
    try:
        # In evaluation mode nothing random is drawn and no running mean moves.
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
    """Refuse labels that do not belong to the images, the scores or the loss.

    Args:
        labels: Float targets ``(n, classes)`` or class numbers ``(n,)`` int64.
        count: How many images there are.
        scores: What the network gives for one of them.
        loss_fn: The loss, which may ignore some labels.
        name: How the caller names the labels.

    Raises:
        TypeError: They are no tensor of numbers, or of another dtype.
        ValueError: There are more or fewer than images, or they name classes without a score.

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
    if labels.layout != torch.strided or labels.is_meta:
        raise TypeError(
            f"{name}: expected a dense tensor with numbers, got {labels.layout} on {labels.device}"
        )
    if labels.ndim == 0 or len(labels) != count:
        raise ValueError(
            f"{name}: expected one for each of the {count} images, got shape {tuple(labels.shape)}"
        )
    if labels.is_floating_point() and labels.itemsize > 1:
        wanted = (count, *scores.shape[1:])
        # Cross-entropy takes scores and targets of one shape; other losses may do otherwise.
        strict = isinstance(loss_fn, torch.nn.CrossEntropyLoss) or labels.ndim == scores.ndim == 2
        if strict and labels.shape[1:] != scores.shape[1:]:
            raise ValueError(
                f"{name}: expected {wanted}, one column for each score of the "
                f"network, got {tuple(labels.shape)}"
            )
        return
    if labels.dtype != torch.int64:
        raise TypeError(
            f"{name}: expected float (one-hot) or torch.int64 (class numbers), "
            f"got {labels.dtype}; convert with {name}.long()"
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
    """Return what a loss function returned as a number, or say what it is instead.

    Args:
        loss: What it returned.
        inside_vmap: Whether it was called inside of ``torch.func.vmap``, where no tensor shows
            whether it has a gradient.

    Returns:
        A tensor without axes.

    Raises:
        TypeError: It is no tensor.
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
        torch.Tensor.backward, which wants a number that has a gradient.
    """
    wanted = "loss_fn: expected a function of scores and labels that returns one number"
    if not isinstance(loss, torch.Tensor):
        raise TypeError(f"{wanted}, a tensor, got {type(loss).__name__}; compute it with torch")
    if loss.numel() != 1 or not loss.is_floating_point():
        raise ValueError(
            f"{wanted}, got {loss.dtype} of shape {tuple(loss.shape)}; take the mean or the sum"
        )
    if not loss.requires_grad and not inside_vmap:
        raise ValueError(
            f"{wanted} that depends on the scores, got one without a gradient; "
            "leave out .item(), .detach() and torch.no_grad()"
        )
    return loss.reshape(())


@contextmanager
def precision_context(
    device: torch.device, precision: Precision, *, deterministic: bool
) -> Iterator[None]:
    """Choose how torch multiplies and whether it must be reproducible; put back what was.

    Args:
        device: Where it computes.
        precision: ``"tf32"`` lets a GPU multiply shorter numbers; otherwise it must not, though
            torch's own default for convolutions is that it may.
        deterministic: Whether torch must refuse what gives other bits each time.

    Yields:
        Nothing.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.options import arithmetic
        >>> with precision_context(torch.device("cpu"), "full", deterministic=True):
        ...     torch.are_deterministic_algorithms_enabled()
        True
        >>> torch.are_deterministic_algorithms_enabled()
        False

    Source:
        PyTorch documentation, "Numerical accuracy" and "Reproducibility".
    """
    with ExitStack() as before:
        if deterministic:
            before.callback(
                torch.use_deterministic_algorithms,
                torch.are_deterministic_algorithms_enabled(),
                warn_only=torch.is_deterministic_algorithms_warn_only_enabled(),
            )
            torch.use_deterministic_algorithms(True)
        if device.type == "cuda":
            # torch's own default is TF32 for convolutions, which would be less exact unasked.
            kinds: tuple[Any, ...] = (
                torch.backends.cuda.matmul,
                torch.backends.cudnn.conv,  # type: ignore[attr-defined]
            )
            for kind in kinds:
                before.callback(setattr, kind, "fp32_precision", kind.fp32_precision)
                kind.fp32_precision = "tf32" if precision == "tf32" else "ieee"
        yield
