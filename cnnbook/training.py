"""Full-batch training as in the lecture, in pieces that fit the cache."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch

from cnnbook.arguments import check_device, check_images, whole_number
from cnnbook.networks import modes_kept

__all__ = ["History", "Loss", "best_device", "fit_full_batch"]

_log = logging.getLogger(__name__)

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

# Bytes of layer outputs that one piece of the batch may make. A fixed number rather than a
# measured one, so that the same call takes the same steps everywhere: on a CPU about what stays
# in the last cache and off the page allocator, on a GPU what any card has to spare.
_ROOM = {"cpu": 24 << 20, "cuda": 4 << 30}

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


@dataclass(frozen=True)
class History:
    """What a training run was and how its loss fell.

    Attributes:
        losses: One number for each epoch: the loss of the whole batch before that epoch's update.
        seconds: Wall-clock time of all epochs together.
        device: Where it ran, such as ``"cpu"`` or ``"cuda:0"``.
        seed: torch's seed when it started (``torch.initial_seed()``).
        chunk_size: Images that were taken at a time; the number of images where the batch was
            taken whole.

    Examples:
        >>> from cnnbook.training import History
        >>> print(History((2.5, 0.25), 4.0, "cpu", 7, 250))
        2 epochs, loss 2.5000 to 0.2500, in 4.0 s on cpu (0.50 epochs/s), seed 7, 250 images at a \
time
    """

    losses: tuple[float, ...]
    seconds: float
    device: str
    seed: int
    chunk_size: int

    def __str__(self) -> str:
        """Return epochs, first and last loss, time and place in one line."""
        epochs = len(self.losses)
        return (
            f"{epochs} epochs, loss {self.losses[0]:.4f} to {self.losses[-1]:.4f}, "
            f"in {self.seconds:.1f} s on {self.device} ({epochs / self.seconds:.2f} epochs/s), "
            f"seed {self.seed}, {self.chunk_size} images at a time"
        )


def best_device() -> torch.device:
    """Return the CUDA device that is in use where there is one, otherwise the CPU.

    Returns:
        ``cuda:0`` or whichever CUDA device torch currently uses, or ``cpu``.

    Examples:
        >>> from cnnbook.training import best_device
        >>> best_device().type in ("cuda", "cpu")
        True

    Source:
        torch.cuda.is_available.
    """
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def _look_at_one(net: torch.nn.Module, image: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Return the scores of one image, and the bytes that the layers' outputs for it take."""
    sizes: list[int] = []

    def weigh(_: torch.nn.Module, __: object, output: object) -> None:
        if isinstance(output, torch.Tensor):
            sizes.append(output.numel() * output.element_size())

    leaves = [module for module in net.modules() if next(module.children(), None) is None]
    hooks = [leaf.register_forward_hook(weigh) for leaf in leaves]
    try:
        # In evaluation mode nothing random is drawn and no running mean moves.
        with modes_kept(net, training=False), torch.no_grad():
            scores = net(image)
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


def _check_labels(labels: torch.Tensor, count: int, scores: torch.Tensor, loss_fn: Loss) -> None:
    if not isinstance(labels, torch.Tensor):
        raise TypeError(
            f"labels: expected a torch.Tensor, got {type(labels).__name__}; "
            "convert with torch.tensor(labels)"
        )
    if labels.ndim == 0 or len(labels) != count:
        raise ValueError(
            f"labels: expected one for each of the {count} images, got shape {tuple(labels.shape)}"
        )
    if labels.is_floating_point():
        if labels.ndim == 2 and scores.ndim == 2 and labels.shape[1] != scores.shape[1]:
            raise ValueError(
                f"labels: expected ({count}, {scores.shape[1]}), one column for each score of the "
                f"network, got {tuple(labels.shape)}"
            )
        return
    if labels.dtype != torch.int64:
        raise TypeError(
            "labels: expected float (one-hot) or torch.int64 (class numbers), "
            f"got {labels.dtype}; convert with labels.long()"
        )
    if labels.ndim != 1:
        raise ValueError(
            f"labels: expected class numbers ({count},) or one-hot floats ({count}, classes), got "
            f"{labels.dtype} of shape {tuple(labels.shape)}; convert one-hot with labels.float()"
        )
    ignored = getattr(loss_fn, "ignore_index", -100)
    counted = labels[labels != ignored]
    if scores.ndim == 2 and len(counted):
        low, high = int(counted.min()), int(counted.max())
        if low < 0 or high >= scores.shape[1]:
            raise ValueError(
                f"labels: expected class numbers 0 to {scores.shape[1] - 1}, since the network "
                f"gives {scores.shape[1]} scores, got {low} to {high}"
            )


def _uncuttable(net: torch.nn.Module, loss_fn: Loss) -> str | None:
    """Return why the batch must be taken whole, or None where it may be cut."""
    for name, module in net.named_modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            return f"layer {name!r} ({type(module).__name__}) mixes the images of a batch"
    if type(loss_fn) not in _ADDITIVE:
        called = getattr(loss_fn, "__name__", type(loss_fn).__name__)
        return f"loss {called} is not known to be a sum or a mean over the images"
    if getattr(loss_fn, "reduction", None) not in ("mean", "sum"):
        return f"the loss has reduction={getattr(loss_fn, 'reduction', None)!r}"
    return None


def _denominator(loss_fn: Loss, labels: torch.Tensor) -> float:
    """Return by what torch divides the sum of these labels' losses."""
    if getattr(loss_fn, "reduction", "mean") == "sum":
        return 1.0
    if not isinstance(loss_fn, (torch.nn.CrossEntropyLoss, torch.nn.NLLLoss)):
        return float(len(labels))
    if labels.is_floating_point():
        return float(len(labels))
    counted = labels[labels != loss_fn.ignore_index]
    if loss_fn.weight is None:
        return float(len(counted))
    return float(loss_fn.weight.to(labels.device, torch.float64)[counted].sum())


def fit_full_batch(
    net: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epochs: int = 499,
    loss_fn: Loss | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    chunk_size: int | Literal["auto"] = "auto",
    device: torch.device | str | None = None,
    progress: bool = False,
) -> History:
    """Train a network on the whole batch, one update an epoch.

    This is the lecture's loop (scores, loss, backward, step, zero) with one change that does not
    change the numbers: the batch goes through the network in pieces. The gradient of a sum is
    the sum of the gradients, so the pieces' gradients add up to the batch's, while what the
    layers put out stays small enough for the cache.

    Args:
        net: The network; it is trained in place, on ``device``.
        images: Images ``(n, c, h, w)``, floating-point.
        labels: One-hot or other float targets ``(n, classes)``, or class numbers ``(n,)`` int64.
        epochs: How many updates; the lecture's ``range(1, 500)`` is 499.
        loss_fn: Takes scores and labels; ``torch.nn.CrossEntropyLoss()`` where it is left out.
        optimizer: Made from the network's parameters; ``torch.optim.Adam`` at its defaults where
            it is left out.
        chunk_size: Images taken at a time. ``"auto"`` takes as many as make 24 MiB of layer
            outputs (4 GiB on a GPU), a number that depends on network and image size alone.
            Where the network or the loss mixes the images of a batch, the batch is taken whole.
        device: Where to train; ``best_device()`` where it is left out.
        progress: Whether to show a bar with the loss.

    Returns:
        Losses, seconds, device, seed and chunk size.

    Raises:
        TypeError: An argument has the wrong type or dtype.
        ValueError: Shapes do not fit, a number is too small, the network cannot take the images,
            a label is out of range, or ``chunk_size`` is given for a network or a loss that
            mixes the images of a batch.
        RuntimeError: ``device`` is not there, or the loss became infinite or NaN.

    Examples:
        Two pixels, two classes, a network of one layer that starts at zero: both classes have
        probability 1/2, so the first loss is the logarithm of 2.

        >>> import torch
        >>> from cnnbook.training import fit_full_batch
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 2))
        >>> for parameter in net.parameters():
        ...     _ = torch.nn.init.zeros_(parameter)
        >>> images, labels = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1), torch.tensor([0, 1])
        >>> sgd = torch.optim.SGD(net.parameters(), lr=1.0)
        >>> history = fit_full_batch(
        ...     net, images, labels, epochs=2, optimizer=sgd, device="cpu", chunk_size=1
        ... )
        >>> [f"{loss:.4f}" for loss in history.losses]
        ['0.6931', '0.3133']

        After the first update the scores of the first image are 0.5 and -0.5, so its loss is
        log(1 + exp(-1)) = 0.3133.

        >>> fit_full_batch(net, images, labels, epochs=0)
        Traceback (most recent call last):
            ...
        ValueError: epochs: expected at least 1, got 0

    Source:
        The lecture; Bottou, Curtis and Nocedal (2018), Optimization methods for large-scale
        machine learning, section 3.1 (the batch approach); Kingma and Ba (2015), Adam.
    """
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"net: expected a torch.nn.Module, got {type(net).__name__}")
    check_images(images)
    if not images.is_floating_point():
        raise TypeError(
            f"images: expected a floating-point dtype, got {images.dtype}; "
            "convert with images.float() / 255"
        )
    count = len(images)
    if count == 0:
        raise ValueError("images: expected at least one image, got an empty batch")
    epochs = whole_number(epochs, name="epochs", least=1)
    if loss_fn is None:
        loss_fn = torch.nn.CrossEntropyLoss()
    elif not callable(loss_fn):
        raise TypeError(f"loss_fn: expected a function or a loss of torch, got {loss_fn!r}")
    place = best_device() if device is None else check_device(device)
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise ValueError("net: expected at least one trainable parameter, got none")
    _check_optimizer(optimizer, net)
    if chunk_size != "auto":
        chunk_size = whole_number(chunk_size, name="chunk_size", least=1)

    net.to(place)
    images, labels = images.to(place), labels.to(place) if hasattr(labels, "to") else labels
    if isinstance(loss_fn, torch.nn.Module):
        loss_fn.to(place)
    scores, bytes_each = _look_at_one(net, images[:1])
    _check_labels(labels, count, scores, loss_fn)
    whole = _uncuttable(net, loss_fn)
    if chunk_size == "auto":
        room = _ROOM.get(place.type, _ROOM["cpu"])
        at_a_time = count if whole else min(count, max(1, room // bytes_each))
    elif whole and chunk_size < count:
        raise ValueError(
            f"chunk_size: expected 'auto' or at least the {count} images, since {whole}, "
            f"got {chunk_size}"
        )
    else:
        at_a_time = min(count, chunk_size)
    # Made after the network has moved, so that its moments are made where the parameters are.
    if optimizer is None:
        optimizer = torch.optim.Adam(net.parameters())

    pieces = list(zip(torch.split(images, at_a_time), torch.split(labels, at_a_time), strict=True))
    if len(pieces) == 1:
        shares = [1.0]
    else:
        total = _denominator(loss_fn, labels)
        # A piece of which every label is ignored has no loss; torch would call it 0 / 0.
        kept = [(piece, _denominator(loss_fn, piece[1])) for piece in pieces]
        pieces = [piece for piece, part in kept if part]
        shares = [part / total for _, part in kept if part]

    seed = torch.initial_seed()
    losses = torch.zeros(epochs, dtype=torch.float64, device=place)
    started = time.perf_counter()
    with modes_kept(net, training=True), _bar(epochs, shown=progress) as show:
        optimizer.zero_grad()
        for epoch in range(epochs):
            for (some_images, some_labels), share in zip(pieces, shares, strict=True):
                loss = loss_fn(net(some_images), some_labels) * share
                loss.backward()
                losses[epoch] += loss.detach()
            if place.type == "cpu":
                # On a GPU this look would make the host wait; there it is taken at the end.
                _check_finite(losses[epoch], epoch)
            optimizer.step()
            optimizer.zero_grad()
            show(losses[epoch])
    values = losses.tolist()
    seconds = time.perf_counter() - started
    for epoch, value in enumerate(losses.cpu()):
        _check_finite(value, epoch)
    history = History(tuple(values), seconds, str(place), seed, at_a_time)
    _log.info("%s", history, extra={"device": str(place)})
    return history


def _check_optimizer(optimizer: torch.optim.Optimizer | None, net: torch.nn.Module) -> None:
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


def _check_finite(loss: torch.Tensor, epoch: int) -> None:
    if not torch.isfinite(loss):
        raise RuntimeError(
            f"epoch {epoch + 1}: expected a finite loss, got {loss.item()}; look for NaN or very "
            "large numbers in the images, or lower the learning rate"
        )


@contextmanager
def _bar(epochs: int, *, shown: bool) -> Iterator[Callable[[torch.Tensor], None]]:
    if not shown:
        yield lambda loss: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=epochs, unit="epoch") as bar:

        def show(loss: torch.Tensor) -> None:
            # Reading the loss makes a GPU wait, so only when the bar is drawn anyway.
            if bar.update(1):
                bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)

        yield show
