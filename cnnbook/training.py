"""Full-batch training as in the lecture: fast, on any device, and resumable."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from cnnbook._checks import check_bool, check_int
from cnnbook._devices import best_device, check_device, cpu_by_default
from cnnbook.engine.checkpoints import digest
from cnnbook.engine.cuda_graphs import WARM_UP, can_capture, side_stream, try_capture
from cnnbook.engine.distributed import Processes, init_distributed
from cnnbook.engine.fingerprint import mode_fingerprint, state_fingerprint
from cnnbook.engine.gradients import GradientAccumulator, within_memory
from cnnbook.engine.history import Diverged, History, Interrupted
from cnnbook.engine.losses import Loss, check_labels, check_loss, check_loss_fn
from cnnbook.engine.module_state import parameter_names
from cnnbook.engine.options import (
    check_checkpoint,
    check_micro_batch_size,
    check_optimizer,
    check_scores,
    check_trainable_net,
    check_training_images,
    check_validation,
    plan_batch,
)
from cnnbook.engine.precision import Precision, check_precision, precision_context
from cnnbook.engine.resume import TrainingState
from cnnbook.engine.rewrites import (
    channels_last_gradients,
    channels_last_helps,
    inplace_relu,
    pool_before_relu,
    to_channels_last,
)
from cnnbook.engine.schedulers import check_resumable, check_scheduler
from cnnbook.engine.signals import stop_requested
from cnnbook.networks import preserve_mode

__all__ = ["Diverged", "History", "Interrupted", "Loss", "best_device", "fit_full_batch"]

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Trainer:
    """One training, ready to go."""

    net: torch.nn.Module
    optimizer: torch.optim.Optimizer
    gradients: GradientAccumulator
    state: TrainingState
    processes: Processes
    # Whether the network is run as it is, with the whole batch.
    plain: bool
    validation: tuple[torch.Tensor, torch.Tensor] | None
    # For a network that could not be tried before: checks its first scores, and returns the
    # validation images and labels.
    check_first: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor] | None] | None

    def __post_init__(self) -> None:
        self.device = self.gradients.device
        # Why this process was asked to stop, and whether any process was.
        self.requested: Callable[[], str | None] = lambda: None
        self.stop = False
        # A captured update writes its loss here.
        self.captured_loss = torch.zeros((), dtype=torch.float64, device=self.device)

    def step(self) -> None:
        """Do one update: the five lines of the lecture's loop."""
        if self.plain:
            loss = self.whole_batch_backward()
        else:
            # The same three lines, micro-batch by micro-batch.
            loss = self.gradients.accumulate_within_memory()
        self.record(loss)
        with cpu_by_default():
            self.optimizer.step()
        self.optimizer.zero_grad()

    def whole_batch_backward(self) -> torch.Tensor:
        """Compute scores, loss and gradients: the first three lines of the lecture's loop."""
        images, labels = self.gradients.images, self.gradients.labels
        with within_memory(len(images), str(self.gradients.unsplittable)):
            with self.gradients.autocast():
                scores = check_scores(self.gradients.scores_of(self.net, images), len(images))
                if self.check_first is not None:
                    self.validation, self.check_first = self.check_first(scores), None
                loss = check_loss(self.gradients.loss_fn(scores, labels))
            loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def record(self, loss: torch.Tensor) -> None:
        """Keep the loss, summed over all processes as the gradients are, and check it."""
        loss, self.stop = self.processes.all_reduce_gradients(
            self.gradients.parameters, loss, stop=self.requested() is not None
        )
        self.state.losses[self.state.epoch] = loss
        if self.device.type == "cpu":
            # On a GPU the host would have to wait for the loss; there it is checked later.
            self.state.check_losses(self.state.epoch + 1)

    def captured_step(self) -> None:
        """Do one update without reading a number on the host: what a CUDA graph captures."""
        self.captured_loss.copy_(self.gradients.accumulate())
        with cpu_by_default():
            self.optimizer.step()

    def replay(self, graph: Callable[[], None]) -> None:
        """Do one update as it was captured."""
        graph()
        self.state.losses[self.state.epoch].copy_(self.captured_loss)

    def train(self, *, save_every: int, validate_every: int, progress: bool) -> History:
        """Do all remaining updates."""
        state, epochs = self.state, len(self.state.losses)
        step, updates = self.step, 0
        capturable = can_capture(
            self.net,
            self.gradients.loss_fn,
            self.optimizer,
            device=self.device,
            updates=epochs - state.epoch,
            processes=self.processes.world_size,
            scheduler=state.scheduler,
        )
        with (
            stop_requested() as self.requested,
            self.gradients.use_cores(),
            _progress_bar(epochs, done=state.epoch, shown=progress) as show,
            side_stream(self.device),
        ):
            self.optimizer.zero_grad()
            while state.epoch < epochs:
                if capturable and updates == WARM_UP:
                    graph = try_capture(self.captured_step, self.gradients.parameters, self.device)
                    step = self.step if graph is None else partial(self.replay, graph)
                    if graph is None:
                        self.optimizer.zero_grad()
                step()
                if state.scheduler is not None:
                    state.scheduler.step()
                updates += 1
                state.epoch += 1
                if self.processes.world_size == 1:
                    self.stop = self.requested() is not None
                last = state.epoch == epochs
                if self.validation and (state.epoch % validate_every == 0 or last):
                    state.accuracies += ((state.epoch, self.validate()),)
                # Also after the first update, since an optimizer has no state before it.
                if state.epoch % save_every == 0 or last or self.stop or updates == 1:
                    state.save()
                show(state.losses[state.epoch - 1], state.accuracies)
                if self.stop:
                    raise self.interrupted()
            self.optimizer.zero_grad()
            state.check_losses_and_weights()
            return state.history()

    def interrupted(self) -> Interrupted:
        """Describe where the training was stopped, and how to go on."""
        state = self.state
        where = f"; the same call resumes from {state.path}" if state.path else ""
        return Interrupted(
            f"{self.requested() or 'another process was asked to stop'} after epoch "
            f"{state.epoch} of {len(state.losses)}{where}",
            state.history(),
        )

    def validate(self) -> float:
        """Compute the accuracy on the validation images."""
        self.state.check_losses_and_weights()
        assert self.validation is not None
        images, labels = self.validation
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        size = len(images) if self.plain else self.gradients.micro_batch_size
        with preserve_mode(self.net, training=False), torch.no_grad():
            for part, expected in zip(
                torch.split(images, size), torch.split(labels, size), strict=True
            ):
                scores = self.gradients.scores_of(self.gradients.optimized_net, part)
                correct += (scores.argmax(dim=1) == expected).sum()
        return int(correct) / len(labels)


def fit_full_batch(
    net: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epochs: int = 499,
    loss_fn: Loss | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    micro_batch_size: int | Literal["auto"] = "auto",
    device: torch.device | str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 50,
    validation: tuple[torch.Tensor, torch.Tensor] | None = None,
    validate_every: int = 10,
    precision: Precision = "full",
    deterministic: bool = False,
    progress: bool = False,
) -> History:
    """Train a network on the whole batch, one update an epoch.

    This is the lecture's loop: scores, loss, backward, step, zero. Where the layers and the loss
    are torch's own and known to treat each image by itself (``cnnbook.engine.allowlist``), it runs
    faster with the same result. The batch then goes through the network in micro-batches: the
    gradient of a sum is the sum of the gradients, so theirs add up to the batch's, while the
    outputs of the layers stay small enough for the cache. Pooling runs before ReLU; on a CPU,
    convolutions work in the channels-last format and linear layers add their gradients up in
    place (``cnnbook.engine.rewrites``), and each core works on its own micro-batches
    (``cnnbook.engine.threads``). On a GPU one update is captured and replayed. Under
    ``torchrun`` each process takes a shard of the batch. Everything else is trained by the plain
    loop: layers and losses of one's own, hooks, a replaced ``forward``, and layers that mix the
    images or draw random numbers. Each layer keeps the mode, training or evaluation, in which it
    is handed in.

    With ``checkpoint``, a training that was killed resumes from its last checkpoint when the same
    call is made again, and ends with the same bits as an uninterrupted one. The network handed in
    must be as it was at the start, or as the checkpoint holds it; otherwise the checkpoint is
    refused. Plain Python attributes of the network and the loss that change during training are
    not kept, unless their module has ``get_extra_state`` and ``set_extra_state``.

    Args:
        net: The network; it is trained in place, on ``device``.
        images: Images ``(n, c, h, w)``, floating-point. Under ``torchrun``, the whole batch in
            every process.
        labels: What the loss takes: one-hot or other float targets of the scores' shape, or class
            numbers ``(n, ...)`` int64; for a loss of one's own any tensor with ``n`` entries.
        epochs: How many updates in all; the lecture's ``range(1, 500)`` is 499.
        loss_fn: Takes scores and labels; ``torch.nn.CrossEntropyLoss()`` by default.
        optimizer: Made from the network's parameters; by default ``torch.optim.Adam`` with torch's
            default options. With ``checkpoint``, it must have no hooks.
        scheduler: Made from ``optimizer``; stepped once after each update. ``ReduceLROnPlateau``,
            which needs a metric, is refused.
        micro_batch_size: How many images go through the network at a time. ``"auto"`` chooses
            the size whose layer outputs take 4 MiB (4 GiB on a GPU), or twice the memory of the
            weights if that is more: it depends only on the network and the image size. A batch is
            not split if network or loss are not known; a size is then refused, with the reason. If
            memory runs out, the size is halved, with a warning.
        device: Where to train; ``best_device()`` by default.
        checkpoint: A file for the state; written at the start, every ``checkpoint_every`` epochs,
            when the training is asked to stop, and at the end.
        checkpoint_every: Epochs from one checkpoint to the next.
        validation: Images and their labels, whose accuracy is recorded.
        validate_every: Epochs from one accuracy to the next; the last epoch has one.
        precision: ``"tf32"`` (GPU) and ``"bf16"`` multiply faster and less exactly; never chosen
            automatically.
        deterministic: Whether torch must refuse operations that are not deterministic, as some on
            a GPU are.
        progress: Whether to show a bar with loss, accuracy and epochs per second.

    Returns:
        Losses, seconds, device, seed, micro-batch size, accuracies and number of processes.

    Raises:
        TypeError: An argument has the wrong type or dtype.
        ValueError: Shapes do not fit, a number is too small, the network cannot take the images,
            a label is out of range, ``micro_batch_size`` is given for a batch that must not be
            split, or the checkpoint is damaged, or of another training or another start.
        RuntimeError: ``device`` does not exist, or one image does not fit into memory.
        Diverged: The loss or a weight became infinite or NaN; a ``RuntimeError``.
        Interrupted: Ctrl-C or SIGTERM was received; a ``KeyboardInterrupt``, raised between two
            updates.

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
        ...     net, images, labels, epochs=2, optimizer=sgd, device="cpu", micro_batch_size=1
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
    device = best_device() if device is None else check_device(device)
    processes = init_distributed(device)
    with processes.fail_together():
        check_trainable_net(net)
        check_training_images(images, name="images")
        epochs = check_int(epochs, name="epochs", minimum=1)
        loss_fn = check_loss_fn(loss_fn)
        path = check_checkpoint(checkpoint)
        checkpoint_every = check_int(checkpoint_every, name="checkpoint_every", minimum=1)
        validate_every = check_int(validate_every, name="validate_every", minimum=1)
        deterministic = check_bool(deterministic, name="deterministic")
        progress = check_bool(progress, name="progress")
        precision = check_precision(precision, device)
        check_optimizer(optimizer, net)
        check_scheduler(scheduler, optimizer)
        micro_batch_size = check_micro_batch_size(micro_batch_size)
        fingerprint = {}
        if path:
            check_resumable(optimizer, parameter_names(net, loss_fn))
            # As they are handed in, before anything has run them.
            fingerprint = state_fingerprint(net, loss_fn) | {"modes": mode_fingerprint(net)}

    with precision_context(device, precision, deterministic=deterministic):
        before = next(net.parameters()).device
        net.to(device)
        if isinstance(loss_fn, torch.nn.Module):
            loss_fn.to(device)
        try:
            trainer = _prepare(
                net,
                images,
                labels,
                processes,
                epochs=epochs,
                loss_fn=loss_fn,
                optimizer=optimizer,
                scheduler=scheduler,
                micro_batch_size=micro_batch_size,
                device=device,
                path=path,
                fingerprint=fingerprint,
                validation=validation,
                precision=precision,
            )
        except BaseException:
            # Whatever is refused leaves the network as it was.
            net.to(before)
            raise
        first = processes.rank == 0
        history = trainer.train(
            save_every=checkpoint_every,
            validate_every=validate_every,
            progress=progress and first,
        )
    if first:
        _log.info("%s", history, extra={"device": history.device})
    return history


def _prepare(
    net: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    processes: Processes,
    *,
    epochs: int,
    loss_fn: Loss,
    optimizer: torch.optim.Optimizer | None,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None,
    micro_batch_size: int | Literal["auto"],
    device: torch.device,
    path: Path | None,
    fingerprint: dict[str, list[str]],
    validation: tuple[torch.Tensor, torch.Tensor] | None,
    precision: Precision,
) -> _Trainer:
    """Do the checks that run the network, set up the training and load its last checkpoint."""

    def check_first(scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
        check_labels(labels, len(images), scores, loss_fn, name="labels")
        return check_validation(validation, images, scores, device)

    with processes.fail_together():
        plan = plan_batch(
            net, images, labels, loss_fn, micro_batch_size=micro_batch_size, device=device
        )
        own_validation = None if plan.scores is None else check_first(plan.scores)
        if plan.unsplittable and processes.world_size > 1:
            raise ValueError(
                f"net: expected a batch that {processes.world_size} processes can share, but "
                f"{plan.unsplittable}"
            )
    if processes.world_size > 1:
        shapes = [(name, p.shape, p.dtype) for name, p in net.named_parameters()]
        data = {"images": digest(images), "labels": digest(labels)}
        processes.check_same({"net": shapes, **data, "epochs": epochs})
    processes.broadcast([*net.parameters(), *net.buffers()])
    if isinstance(loss_fn, torch.nn.Module):
        processes.broadcast([*loss_fn.parameters(), *loss_fn.buffers()])
    # After the network has moved, so that Adam's moments are on the parameters' device.
    if optimizer is None:
        optimizer = torch.optim.Adam(net.parameters(), capturable=device.type == "cuda")
    # Computed from the whole batch before any change of format, so that it is the same in every
    # process.
    if path:
        fingerprint |= {"images": [digest(images)], "labels": [digest(labels)]}
    shard = processes.shard(len(images))
    own_images, all_labels = images[shard].to(device), labels.to(device)
    optimized_net = pool_before_relu(net) if plan.rewritable else net
    if plan.rewritable and channels_last_helps(net, own_images):
        own_images = to_channels_last(own_images)
        optimized_net = channels_last_gradients(optimized_net)
        if own_validation is not None:
            own_validation = (to_channels_last(own_validation[0]), own_validation[1])
    if plan.rewritable and device.type == "cpu":
        optimized_net = inplace_relu(optimized_net)
    gradients = GradientAccumulator(
        net,
        optimized_net,
        own_images,
        all_labels[shard],
        all_labels,
        loss_fn,
        _trained_parameters(net, loss_fn, optimizer),
        plan.micro_batch_size,
        plan.unsplittable,
        precision,
        plan.scores,
    )
    losses = torch.zeros(epochs, dtype=torch.float64, device=device)
    state = TrainingState(
        net,
        optimizer,
        gradients,
        processes,
        losses,
        path,
        fingerprint,
        torch.initial_seed(),
        scheduler=scheduler,
    )
    resumed = state.load(keep_micro_batch_size=micro_batch_size != "auto")
    # The clock starts here, since reading a checkpoint is not training.
    state.started = time.perf_counter()
    if not resumed:
        # At once, so that a path that cannot be written is noticed before hours of training.
        state.save()
    return _Trainer(
        net,
        optimizer,
        gradients,
        state,
        processes,
        plain=not plan.rewritable,
        validation=own_validation,
        check_first=check_first if plan.scores is None else None,
    )


def _trained_parameters(
    net: torch.nn.Module, loss_fn: Loss, optimizer: torch.optim.Optimizer
) -> list[torch.nn.Parameter]:
    """Return what the optimizer updates: the network's parameters, the loss's, and others."""
    updated = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    loss_parameters = loss_fn.parameters() if isinstance(loss_fn, torch.nn.Module) else ()
    in_order = dict.fromkeys([*net.parameters(), *loss_parameters, *updated])
    return [p for p in in_order if p.requires_grad and p in set(updated)]


_Show = Callable[[torch.Tensor, tuple[tuple[int, float], ...]], None]


@contextmanager
def _progress_bar(epochs: int, *, done: int, shown: bool) -> Iterator[_Show]:
    if not shown:
        yield lambda loss, accuracies: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=epochs, initial=done, unit="epoch") as bar:

        def show(loss: torch.Tensor, accuracies: tuple[tuple[int, float], ...]) -> None:
            # Reading the loss makes a GPU wait: only when the bar is drawn anyway, and at the
            # end, since the bar of a short training would show no loss.
            last = bar.n + 1 == epochs
            if bar.update(1) or last:
                numbers = {"loss": f"{loss.item():.4f}"}
                if accuracies:
                    numbers["accuracy"] = f"{accuracies[-1][1]:.4f}"
                bar.set_postfix(numbers, refresh=last)

        yield show
