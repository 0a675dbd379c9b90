"""Several networks of the same layers trained at once, with their weights stacked."""

import copy
import time
from collections.abc import Callable, Sequence
from typing import Literal

import torch

from cnnbook._checks import check_bool, check_int, summarize
from cnnbook._devices import best_device, check_device, cpu_by_default
from cnnbook.engine.allowlist import batch_layer, optimizer_hooks, unknown_part
from cnnbook.engine.cuda_graphs import WARM_UP, can_capture, side_stream, try_capture
from cnnbook.engine.gradients import gradient_sum_like
from cnnbook.engine.history import Diverged, History
from cnnbook.engine.losses import Loss, check_loss, check_loss_fn
from cnnbook.engine.micro_batches import MicroBatches, split_into_micro_batches
from cnnbook.engine.options import (
    check_micro_batch_size,
    check_trainable_net,
    check_training_images,
    plan_batch,
)
from cnnbook.engine.precision import Precision, check_precision, precision_context

__all__ = ["fit_ensemble"]

# Elementwise: the update of a weight depends only on that weight, its gradients and its own state,
# so each network in a stack is updated as it would be alone. Exact types: a subclass may do
# anything.
_ELEMENTWISE_OPTIMIZERS = {
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
        check_trainable_net(net, name="nets")
    if not checked:
        raise ValueError("nets: expected at least one network, got none")
    if len({id(net) for net in checked}) < len(checked):
        raise ValueError("nets: expected each network once, got one several times")
    own = [id(parameter) for net in checked for parameter in net.parameters()]
    if len(set(own)) < len(own):
        raise ValueError(
            "nets: expected networks with parameters of their own, got one that several share; "
            "make each network anew, or copy it with copy.deepcopy"
        )
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
        reason = unknown_part(net) or batch_layer(net)
        if reason is None and next(net.buffers(), None) is not None:
            reason = "it has buffers, which are not stacked"
        if reason:
            raise ValueError(
                "nets: expected layers without state and random numbers, such as Conv2d, Linear, "
                f"ReLU and MaxPool2d, got number {number}, of which {reason}; train them one by "
                "one with fit_full_batch"
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
    precision: Precision = "full",
    deterministic: bool = False,
) -> tuple[History, ...]:
    """Train several networks of the same layers on the same batch at the same time.

    Their weights are stacked, and each operation works on the whole stack. If a GPU needs less
    time for an operation than the CPU needs to launch it, ten networks cost little more than one.
    Each network gets the gradients that it would get alone.

    Args:
        nets: Networks that differ in the values of their weights only; trained in place.
        images: Images ``(n, c, h, w)``, floating-point.
        labels: One-hot or other float targets ``(n, classes)``, or class numbers ``(n,)`` int64.
        epochs: Number of updates.
        loss_fn: Takes scores and labels; ``torch.nn.CrossEntropyLoss()`` by default.
        make_optimizer: Makes an optimizer from the stacked parameters; its update must be
            elementwise, as that of SGD, Adam and their variants. Adam by default.
        micro_batch_size: How many images go through the networks at a time, as for
            ``fit_full_batch``; the more networks, the fewer images.
        device: Where to train; ``best_device()`` by default.
        precision: As for ``fit_full_batch``.
        deterministic: As for ``fit_full_batch``.

    Returns:
        One history for each network, each with the ``seconds`` of the whole ensemble. There are no
        checkpoints: a training that is interrupted leaves the networks unchanged.

    Raises:
        TypeError: An argument has the wrong type or dtype.
        ValueError: There is no network, or the networks differ in their layers, or have a layer
            that draws random numbers or mixes the images of a batch; ``images``, ``labels`` or a
            number do not fit; the optimizer's update is not known to be elementwise.
        Diverged: A loss or a weight became infinite or NaN; the networks are unchanged.

    Examples:
        Three networks of one weight, initially 0, 1 and 2, and one image of one pixel, 1. The loss
        is half the squared score, so its gradient is the score.

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
    loss_fn = check_loss_fn(loss_fn)
    if isinstance(loss_fn, torch.nn.Module) and next(loss_fn.parameters(), None) is not None:
        raise ValueError(
            f"loss_fn: expected a loss without parameters of its own, got {summarize(loss_fn)}; "
            "train the networks one by one with fit_full_batch"
        )
    if make_optimizer is not None and (
        not callable(make_optimizer) or isinstance(make_optimizer, torch.nn.Module)
    ):
        raise TypeError(f"make_optimizer: expected a function, got {summarize(make_optimizer)}")
    micro_batch_size = check_micro_batch_size(micro_batch_size)
    deterministic = check_bool(deterministic, name="deterministic")
    device = best_device() if device is None else check_device(device)
    precision = check_precision(precision, device)

    with precision_context(device, precision, deterministic=deterministic):
        example = copy.deepcopy(checked[0]).to(device)
        plan = plan_batch(
            example,
            images,
            labels,
            loss_fn,
            micro_batch_size=micro_batch_size,
            device=device,
            nets=len(checked),
        )
        assert plan.scores is not None  # Its layers are known.
        size = plan.micro_batch_size
        stack = _Stack(checked, example, device, make_optimizer, precision, size)
        micro_batches = split_into_micro_batches(
            images.to(device), labels.to(device), loss_fn, size=size, scores=plan.scores
        )
        losses, seconds = stack.train(micro_batches, epochs)
    stack.write_back()
    return tuple(
        History(tuple(row), seconds, str(device), torch.initial_seed(), size)
        for row in losses.t().tolist()
    )


class _Stack:
    """The weights of several networks, each parameter stacked in one tensor."""

    def __init__(
        self,
        nets: list[torch.nn.Module],
        example: torch.nn.Module,
        device: torch.device,
        make_optimizer: _MakeOptimizer | None,
        precision: Precision,
        micro_batch_size: int,
    ) -> None:
        self.micro_batch_size = micro_batch_size
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
            with cpu_by_default():
                self.optimizer = make_optimizer(self.trained)
        if not isinstance(self.optimizer, torch.optim.Optimizer):
            raise TypeError(
                "make_optimizer: expected a function that makes an optimizer, got one that makes "
                f"{type(self.optimizer).__name__}"
            )
        if type(self.optimizer) not in _ELEMENTWISE_OPTIMIZERS:
            raise ValueError(
                "make_optimizer: expected an optimizer that updates each number by itself, such "
                f"as SGD or Adam, got {type(self.optimizer).__name__}"
            )
        updated = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        if not updated <= {id(weight) for weight in self.trained}:
            raise ValueError(
                "make_optimizer: expected an optimizer of the parameters that the function is "
                "given, got one of others, which would not be trained; write "
                "lambda parameters: torch.optim.Adam(parameters)"
            )
        if optimizer_hooks(self.optimizer):
            raise ValueError(
                "make_optimizer: expected an optimizer without hooks, since a hook would see all "
                "networks at once, such as one norm of all their gradients; train them one by one "
                "with fit_full_batch"
            )

    def losses(self, loss_fn: Loss, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Compute each network's loss."""

        def loss_of_one(weights: dict[str, torch.Tensor]) -> torch.Tensor:
            # The first layer may overwrite its input.
            scores = torch.func.functional_call(self.example, weights, (images.clone(),))
            return check_loss(loss_fn(scores, labels), inside_vmap=True)

        with torch.autocast(
            self.device.type, torch.bfloat16, self.precision == "bf16", cache_enabled=False
        ):
            losses: torch.Tensor = torch.func.vmap(loss_of_one)(self.weights)
        check_loss(losses.sum())
        return losses

    def train(self, micro_batches: MicroBatches, epochs: int) -> tuple[torch.Tensor, float]:
        """Do all updates; return the losses ``(epochs, nets)`` and the seconds."""
        shape = epochs, len(self.nets)
        losses = torch.zeros(shape, dtype=torch.float64, device=self.device)
        latest = torch.zeros(len(self.nets), dtype=torch.float64, device=self.device)

        sums = [gradient_sum_like(weight) for weight in self.trained]

        def update() -> None:
            latest.zero_()
            for gradient_sum in sums:
                gradient_sum.zero_()
            for images, labels, loss_weight in zip(
                micro_batches.images, micro_batches.labels, micro_batches.loss_weights, strict=True
            ):
                parts = self.losses(micro_batches.loss_fn, images, labels) * loss_weight
                # A loss depends on its own network's weights only, so each gets its own gradient.
                gradients = torch.autograd.grad(parts.sum(), self.trained)
                for gradient_sum, gradient in zip(sums, gradients, strict=True):
                    gradient_sum += gradient
                latest.add_(parts.detach())
            for weight, gradient_sum in zip(self.trained, sums, strict=True):
                weight.grad = gradient_sum.to(weight.dtype)
            with cpu_by_default():
                self.optimizer.step()

        replay: Callable[[], None] | None = None
        capturable = can_capture(
            self.example,
            micro_batches.loss_fn,
            self.optimizer,
            device=self.device,
            updates=epochs,
            processes=1,
        )
        started = time.perf_counter()
        with side_stream(self.device):
            for epoch in range(epochs):
                if capturable and epoch == WARM_UP:
                    replay = try_capture(update, self.trained, self.device)
                if replay is None:
                    self.optimizer.zero_grad()
                    update()
                else:
                    replay()
                losses[epoch].copy_(latest)
                if self.device.type == "cpu":
                    # On a GPU this would make the host wait; there they are checked at the end.
                    self.check_losses(losses[: epoch + 1], time.perf_counter() - started)
            self.optimizer.zero_grad()
            seconds = time.perf_counter() - started
            self.check_losses(losses, seconds)
            self.check_weights(losses, seconds)
        return losses.cpu(), time.perf_counter() - started

    def diverged(self, message: str, losses: torch.Tensor, net: int, seconds: float) -> Diverged:
        finite = tuple(losses[:, net].tolist())
        history = History(
            finite, seconds, str(self.device), torch.initial_seed(), self.micro_batch_size
        )
        return Diverged(f"{message}; the networks are unchanged", history)

    def check_losses(self, losses: torch.Tensor, seconds: float) -> None:
        """Stop if a loss is not finite."""
        finite = torch.isfinite(losses)
        if not finite.all():
            epoch, net = (int(index) for index in finite.logical_not().nonzero()[0])
            raise self.diverged(
                f"epoch {epoch + 1}: expected finite losses, got {losses[epoch, net].item()} from "
                f"network {net}; lower the learning rate, or check the images and the initial "
                "weights",
                losses[:epoch],
                net,
                seconds,
            )

    def check_weights(self, losses: torch.Tensor, seconds: float) -> None:
        """Stop if a weight is not finite."""
        for name, weight in self.weights.items():
            broken = torch.isfinite(weight).flatten(1).all(dim=1).logical_not().nonzero()[:, 0]
            if len(broken):
                net = int(broken[0])
                raise self.diverged(
                    f"epoch {len(losses)}: expected finite weights after the update, got NaN "
                    f"or infinity in {name!r} of network {net}; lower the learning rate",
                    losses,
                    net,
                    seconds,
                )

    def write_back(self) -> None:
        """Copy the weights to their networks, on the device where they were trained."""
        with torch.no_grad():
            for number, net in enumerate(self.nets):
                net.to(self.device)
                for name, weight in self.weights.items():
                    net.get_parameter(name).copy_(weight[number])
