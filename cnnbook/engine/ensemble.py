"""Several networks of one kind trained at once, as one stack of weights."""

import copy
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch

from cnnbook._checks import check_int
from cnnbook._devices import best_device, check_device
from cnnbook.engine.cuda_graphs import WARM_UP, can_capture, side_stream, try_capture
from cnnbook.engine.history import Diverged, History
from cnnbook.engine.micro_batches import Loss, cut, unsplittable_reason
from cnnbook.engine.options import (
    ACTIVATION_BUDGET,
    check_labels,
    check_loss,
    check_training_images,
    precision_context,
    probe_forward,
)
from cnnbook.engine.threads import is_thread_safe
from cnnbook.networks import preserve_mode

__all__ = ["fit_ensemble"]

# What these do to one number depends on that number and its own past alone, so that a stack of
# weights is updated as each of its layers would be. Exact types: a subclass may do anything.
_ELEMENT_BY_ELEMENT = {
    *(torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam, torch.optim.RAdam),
    *(torch.optim.Adamax, torch.optim.Adagrad, torch.optim.Adadelta, torch.optim.RMSprop),
}

_MakeOptimizer = Callable[[Sequence[torch.nn.Parameter]], torch.optim.Optimizer]


def _check_nets(nets: Sequence[torch.nn.Module]) -> list[torch.nn.Module]:
    if isinstance(nets, torch.nn.Module) or not isinstance(nets, Sequence):
        raise TypeError(
            f"nets: expected a list of networks, got {type(nets).__name__}; "
            "train a single one with fit_full_batch"
        )
    checked = list(nets)
    for net in checked:
        if not isinstance(net, torch.nn.Module):
            raise TypeError(f"nets: expected networks, got {type(net).__name__}")
    if not checked:
        raise ValueError("nets: expected at least one network, got none")
    if len({id(net) for net in checked}) < len(checked):
        raise ValueError("nets: expected each network once, got one several times")
    for number, net in enumerate(checked):
        if str(net) != str(checked[0]):
            raise ValueError(
                f"nets: expected networks of the same layers, got {checked[0]} and, as number "
                f"{number}, {net}"
            )
        shapes = [(p.shape, p.dtype, p.requires_grad) for p in net.parameters()]
        first = [(p.shape, p.dtype, p.requires_grad) for p in checked[0].parameters()]
        if shapes != first:
            raise ValueError(
                f"nets: expected the same shapes, dtypes and frozen weights, got others in number "
                f"{number}"
            )
    if not any(parameter.requires_grad for parameter in checked[0].parameters()):
        raise ValueError("nets: expected at least one trainable parameter, got none")
    if not is_thread_safe(checked[0]):
        raise ValueError(
            "nets: expected layers that keep nothing and draw no random numbers, such as Conv2d, "
            f"Linear, ReLU and MaxPool2d, got {checked[0]}; train them one by one with "
            "fit_full_batch"
        )
    return checked


def fit_ensemble(
    nets: Sequence[torch.nn.Module],
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epochs: int = 499,
    loss_fn: Loss | None = None,
    make_optimizer: _MakeOptimizer | None = None,
    micro_batch_size: int | Literal["auto"] = "auto",
    device: torch.device | str | None = None,
    precision: Literal["full", "tf32", "bf16"] = "full",
    deterministic: bool = False,
) -> tuple[History, ...]:
    """Train several networks of the same layers on the same batch, all in one.

    The weights of all are laid on one another, and each operation works on the whole stack: for
    networks so small that a GPU is done before the next operation has been handed to it, ten cost
    little more than one. Each gets the gradients that it would get alone.

    Args:
        nets: Networks that differ in their numbers alone; trained in place.
        images: Images ``(n, c, h, w)``, floating-point.
        labels: One-hot or other float targets ``(n, classes)``, or class numbers ``(n,)`` int64.
        epochs: How many updates in all.
        loss_fn: Takes scores and labels; ``torch.nn.CrossEntropyLoss()`` where it is left out.
        make_optimizer: Makes an optimizer from the stacked parameters; it must treat each number
            on its own, as SGD, Adam and their relatives do. Adam where it is left out.
        micro_batch_size: Images taken at a time, as for ``fit_full_batch``; the more networks, the
            fewer images fit.
        device: Where to train; ``best_device()`` where it is left out.
        precision: As for ``fit_full_batch``.
        deterministic: As for ``fit_full_batch``.

    Returns:
        One history for each network; ``seconds`` is what all took together. Nothing is kept on
        the way: a training that is interrupted leaves the networks as they were.

    Raises:
        TypeError: An argument has the wrong type or dtype.
        ValueError: The networks differ in their layers, hold a layer that draws random numbers or
            mixes the images of a batch, or are none; ``images``, ``labels`` or a number do not
            fit; the optimizer mixes its numbers.
        Diverged: A loss or a weight became infinite or NaN; the networks are as they were.

    Examples:
        Three networks of one weight, which start at 0, 1 and 2, on one image, whose pixel is 1;
        the loss is half the square of the score, whose gradient is the score.

        >>> import torch
        >>> from cnnbook.engine.ensemble import fit_ensemble
        >>> nets = [
        ...     torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 1, bias=False))
        ...     for _ in range(3)
        ... ]
        >>> for start, net in enumerate(nets):
        ...     _ = torch.nn.init.constant_(net[1].weight, start)
        >>> histories = fit_ensemble(
        ...     nets, torch.ones(1, 1, 1, 1), torch.zeros(1, 1), epochs=1, device="cpu",
        ...     loss_fn=lambda scores, _: scores.square().sum() / 2,
        ...     make_optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.5),
        ... )
        >>> [history.losses for history in histories]
        [(0.0,), (0.5,), (2.0,)]
        >>> [net[1].weight.item() for net in nets]
        [0.0, 0.5, 1.0]
        >>> fit_ensemble([], torch.ones(1, 1, 1, 1), torch.zeros(1, 1))
        Traceback (most recent call last):
            ...
        ValueError: nets: expected at least one network, got none

    Source:
        PyTorch tutorial "Model ensembling", on torch.func.stack_module_state and vmap.
    """
    checked = _check_nets(nets)
    check_training_images(images, name="images")
    epochs = check_int(epochs, name="epochs", minimum=1)
    if loss_fn is None:
        loss_fn = torch.nn.CrossEntropyLoss()
    elif not callable(loss_fn) or isinstance(loss_fn, type):
        raise TypeError(f"loss_fn: expected a function or a loss of torch, got {loss_fn!r}")
    if make_optimizer is not None and (
        not callable(make_optimizer) or isinstance(make_optimizer, torch.nn.Module)
    ):
        raise TypeError(f"make_optimizer: expected a function, got {make_optimizer!r}")
    if not isinstance(micro_batch_size, str) or micro_batch_size != "auto":
        micro_batch_size = check_int(micro_batch_size, name="micro_batch_size", minimum=1)
    device = best_device() if device is None else check_device(device)
    if not isinstance(precision, str) or precision not in ("full", "tf32", "bf16"):
        raise ValueError(f"precision: expected 'full', 'tf32' or 'bf16', got {precision!r}")
    if precision == "tf32" and device.type != "cuda":
        raise ValueError(f"precision: expected a GPU for 'tf32', got device {str(device)!r}")

    first = images[:1].to(device)
    example = copy.deepcopy(checked[0]).to(device)
    scores, bytes_each = probe_forward(example, example, first)
    check_labels(labels, len(images), scores, loss_fn, name="labels")
    whole = unsplittable_reason(example, loss_fn, first, scores)
    size = len(images)
    if micro_batch_size != "auto":
        if whole and micro_batch_size < size:
            raise ValueError(
                f"micro_batch_size: expected 'auto' or all {size} images, since {whole}"
            )
        size = min(size, micro_batch_size)
    elif not whole:
        room = ACTIVATION_BUDGET.get(device.type, ACTIVATION_BUDGET["cpu"])
        size = min(size, max(1, room // (bytes_each * len(checked))))
    with precision_context(device, precision, deterministic=deterministic):
        stack = _Stack(checked, example, device, make_optimizer, precision, size)
        on_place = labels.to(device)
        micro_batches = cut(images.to(device), on_place, loss_fn, size=size, of=on_place)
        losses, seconds = stack.train(micro_batches, epochs)
    stack.write_back()
    return tuple(
        History(tuple(row), seconds, str(device), torch.initial_seed(), size)
        for row in losses.t().tolist()
    )


class _Stack:
    """The weights of several networks in one tensor each."""

    def __init__(
        self,
        nets: list[torch.nn.Module],
        example: torch.nn.Module,
        device: torch.device,
        make_optimizer: _MakeOptimizer | None,
        precision: str,
        size: int,
    ) -> None:
        self.size = size
        self.nets = nets
        self.example = example.requires_grad_(False)
        self.device = device
        self.precision = precision
        self.weights: dict[str, torch.Tensor] = {}
        for name, parameter in nets[0].named_parameters():
            stacked = torch.stack([net.get_parameter(name).detach().to(device) for net in nets])
            self.weights[name] = torch.nn.Parameter(stacked, parameter.requires_grad)
        self.trained = [
            weight
            for weight in self.weights.values()
            if isinstance(weight, torch.nn.Parameter) and weight.requires_grad
        ]
        if make_optimizer is None:
            self.optimizer: torch.optim.Optimizer = torch.optim.Adam(
                self.trained, capturable=device.type == "cuda"
            )
        else:
            self.optimizer = make_optimizer(self.trained)
        if not isinstance(self.optimizer, torch.optim.Optimizer):
            raise TypeError(
                "make_optimizer: expected a function that makes an optimizer, got one that makes "
                f"{type(self.optimizer).__name__}"
            )
        if type(self.optimizer) not in _ELEMENT_BY_ELEMENT:
            raise ValueError(
                "make_optimizer: expected an optimizer that treats each number on its own, such "
                f"as SGD or Adam, got {type(self.optimizer).__name__}"
            )

    def losses(self, loss_fn: Loss, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Compute each network's loss."""

        def one(weights: dict[str, torch.Tensor]) -> torch.Tensor:
            scores = torch.func.functional_call(self.example, weights, (images,))
            return check_loss(loss_fn(scores, labels), inside_vmap=True)

        with torch.autocast(
            self.device.type, torch.bfloat16, self.precision == "bf16", cache_enabled=False
        ):
            each: torch.Tensor = torch.func.vmap(one)(self.weights)
        check_loss(each.sum())
        return each

    def train(self, micro_batches: Any, epochs: int) -> tuple[torch.Tensor, float]:  # noqa: ANN401
        """Take all updates; return the losses ``(epochs, nets)`` and the seconds."""
        shape = epochs, len(self.nets)
        losses = torch.zeros(shape, dtype=torch.float64, device=self.device)
        latest = torch.zeros(len(self.nets), dtype=torch.float64, device=self.device)

        def update() -> None:
            latest.zero_()
            for images, labels, loss_weight in zip(
                micro_batches.images, micro_batches.labels, micro_batches.loss_weights, strict=True
            ):
                each = self.losses(micro_batches.loss_fn, images, labels) * loss_weight
                # No network's loss depends on another's weights, so each gets its own gradient.
                torch.autograd.backward(each.sum())
                latest.add_(each.detach())
            self.optimizer.step()

        replay: Callable[[], None] | None = None
        recordable = can_capture(
            self.example, self.optimizer, device=self.device, updates=epochs, processes=1
        )
        started = time.perf_counter()
        with preserve_mode(self.example, training=True), side_stream(self.device):
            for epoch in range(epochs):
                if recordable and epoch == WARM_UP:
                    replay = try_capture(update, self.trained, self.device)
                if replay is None:
                    self.optimizer.zero_grad()
                    update()
                else:
                    replay()
                losses[epoch].copy_(latest)
                if self.device.type == "cpu":
                    # On a GPU this look would make the host wait; there it is taken at the end.
                    self.check_losses(losses[: epoch + 1], time.perf_counter() - started)
            self.optimizer.zero_grad()
            seconds = time.perf_counter() - started
            self.check_losses(losses, seconds)
            self.check_weights(losses, seconds)
        return losses.cpu(), time.perf_counter() - started

    def diverged(self, message: str, losses: torch.Tensor, net: int, seconds: float) -> Diverged:
        kept = tuple(losses[:, net].tolist())
        history = History(kept, seconds, str(self.device), torch.initial_seed(), self.size)
        return Diverged(f"{message}; the networks are as they were", history)

    def check_losses(self, losses: torch.Tensor, seconds: float) -> None:
        """Stop where a loss is not a number."""
        finite = torch.isfinite(losses)
        if not finite.all():
            epoch, net = (int(index) for index in finite.logical_not().nonzero()[0])
            raise self.diverged(
                f"epoch {epoch + 1}: expected finite losses, got {losses[epoch, net].item()} from "
                f"network {net}; lower the learning rate, or look at the images and at what the "
                "network starts from",
                losses[:epoch],
                net,
                seconds,
            )

    def check_weights(self, losses: torch.Tensor, seconds: float) -> None:
        """Stop where a weight is not a number."""
        for name, weight in self.weights.items():
            broken = torch.isfinite(weight).flatten(1).all(dim=1).logical_not().nonzero()[:, 0]
            if len(broken):
                net = int(broken[0])
                raise self.diverged(
                    f"epoch {len(losses)}: expected finite weights after the update, got others "
                    f"in {name!r} of network {net}; lower the learning rate",
                    losses,
                    net,
                    seconds,
                )

    def write_back(self) -> None:
        """Give each network its weights, on the device where it was trained."""
        with torch.no_grad():
            for number, net in enumerate(self.nets):
                net.to(self.device)
                for name, weight in self.weights.items():
                    net.get_parameter(name).copy_(weight[number])
