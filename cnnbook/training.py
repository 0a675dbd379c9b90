"""Full-batch training as in the lecture: in pieces, on any device, and never lost."""

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from cnnbook._checks import check_bool, check_int, check_net
from cnnbook._devices import best_device, check_device
from cnnbook.engine.checkpoints import digest, pack, read_checkpoint, unpack, write_checkpoint
from cnnbook.engine.cuda_graphs import WARM_UP, can_capture, side_stream, try_capture
from cnnbook.engine.distributed import Processes, init_distributed
from cnnbook.engine.divergence import broken_parameter, likely_cause
from cnnbook.engine.fingerprint import check_fingerprint, device_name, training_fingerprint
from cnnbook.engine.gradients import is_out_of_memory
from cnnbook.engine.history import Diverged, History, Interrupted
from cnnbook.engine.micro_batches import Loss, MicroBatches, cut, unsplittable_reason
from cnnbook.engine.options import (
    ACTIVATION_BUDGET,
    Precision,
    check_labels,
    check_loss,
    check_optimizer,
    check_training_images,
    check_validation,
    precision_context,
    probe_forward,
)
from cnnbook.engine.rewrites import (
    channels_last_gradients,
    channels_last_helps,
    fuse_gradient_accumulation,
    fused_parameters,
    inplace_relu,
    pool_before_relu,
    to_channels_last,
)
from cnnbook.engine.signals import stop_requested
from cnnbook.engine.threads import is_thread_safe, thread_pool
from cnnbook.networks import preserve_mode

__all__ = ["Diverged", "History", "Interrupted", "Loss", "best_device", "fit_full_batch"]

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Run:
    """One training: what it needs, and how far it is."""

    net: torch.nn.Module
    # The same layers in the order in which they are computed.
    optimized_net: torch.nn.Module
    images: torch.Tensor
    labels: torch.Tensor
    # Of the whole batch; the two above are this process's share.
    all_labels: torch.Tensor
    loss_fn: Loss
    optimizer: torch.optim.Optimizer
    device: torch.device
    processes: Processes
    precision: Precision
    whole: str | None
    size: int
    losses: torch.Tensor
    validation: tuple[torch.Tensor, torch.Tensor] | None
    file: Path | None
    fingerprint: dict[str, list[str]]
    seed: int
    done: int = 0
    seconds: float = 0.0
    accuracies: tuple[tuple[int, float], ...] = ()
    started: float = 0.0

    def __post_init__(self) -> None:
        updated = {p for group in self.optimizer.param_groups for p in group["params"]}
        self.parameters = [p for p in self.net.parameters() if p.requires_grad and p in updated]
        self.latest = torch.zeros((), dtype=torch.float64, device=self.device)
        # How many, before any thread of ours changes what torch answers.
        self.threads = torch.get_num_threads()
        self.cores = 1
        if self.device.type == "cpu" and self.whole is None and is_thread_safe(self.net):
            self.cores = self.threads
        self.in_all: Callable[[Callable[[int], Any]], list[Any]] | None = None
        # Layers that several threads may share are all of kinds that are known.
        self.known = self.device.type == "cpu" and is_thread_safe(self.net)
        if self.known:
            self.optimized_net = inplace_relu(self.optimized_net)
        self.cut()

    def cut(self) -> None:
        """Cut this process's share into pieces, for each core its own where several work."""
        # What fits into one piece is not worth a second core.
        cores = self.cores if len(self.images) > self.size else 1
        self.micro_batches: list[MicroBatches] = []
        for core in range(cores):
            share = Processes(core, cores, self.device).shard(len(self.images))
            images, labels = self.images[share], self.labels[share]
            self.micro_batches.append(
                cut(images, labels, self.loss_fn, size=self.size, of=self.all_labels)
            )
        # Where each core adds its gradients up, and its own way through the shared layers.
        self.sums: list[dict[torch.Tensor, torch.Tensor]] = []
        self.paths = [self.optimized_net] * cores
        if self.known and (cores > 1 or len(self.micro_batches[0].images) > 1):
            self.sums = [{p: torch.zeros_like(p) for p in self.parameters} for _ in range(cores)]
        # Shorter numbers are cast on the way, which is autograd's business.
        if self.precision == "full":
            self.paths = [
                fuse_gradient_accumulation(path, sums)
                for path, sums in zip(self.paths, self.sums or [{}], strict=False)
            ]

    # One update.

    def part(self, core: int) -> Iterator[torch.Tensor]:
        """Yield the losses of one core's pieces, each as its part of the whole."""
        micro_batches = self.micro_batches[core]
        for images, labels, loss_weight in zip(
            micro_batches.images, micro_batches.labels, micro_batches.loss_weights, strict=True
        ):
            # The cache of cast weights would outlive a recording.
            with torch.autocast(
                self.device.type, torch.bfloat16, self.precision == "bf16", cache_enabled=False
            ):
                loss = micro_batches.loss_fn(self.paths[core](images), labels)
            yield check_loss(loss) * loss_weight

    def gradients(self) -> torch.Tensor:
        """Add up the gradients of all pieces and return the loss of this process's share."""
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        if not self.sums:
            for loss in self.part(0):
                torch.autograd.backward(loss, inputs=self.parameters)
                total += loss.detach()
            return total
        cores = range(len(self.micro_batches))
        in_all = self.in_all or (lambda work: [work(core) for core in cores])
        # In the order of the cores and not of their arrival, so that the sum is always the same.
        for core, (loss, touched) in enumerate(in_all(self.gradients_of_a_core)):
            total += loss
            for parameter in touched:
                if parameter.grad is None:
                    parameter.grad = self.sums[core][parameter]
                else:
                    parameter.grad += self.sums[core][parameter]
        return total

    def gradients_of_a_core(self, core: int) -> tuple[torch.Tensor, list[torch.nn.Parameter]]:
        """Add up one core's gradients; return its loss, and the parameters it depends on."""
        total = torch.zeros((), dtype=torch.float64)
        sums = self.sums[core]
        for kept in sums.values():
            kept.zero_()
        touched: set[torch.Tensor] = set()
        for loss in self.part(core):
            total += loss.detach()
            new = torch.autograd.grad(loss, self.parameters, allow_unused=True)
            for parameter, gradient in zip(self.parameters, new, strict=True):
                if gradient is not None:
                    sums[parameter] += gradient
                    touched.add(parameter)
            touched.update(fused_parameters(self.paths[core]))
        return total, [p for p in self.parameters if p in touched]

    def gradients_in_memory(self) -> torch.Tensor:
        """Compute the gradients; where memory runs out, go on with pieces half as large."""
        while True:
            random = self.random_state()
            try:
                return self.gradients()
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                reason = str(error).splitlines()[0]
            # Out here the error no longer holds on to what the layers had put out.
            self.optimizer.zero_grad()
            size = min(self.size, len(self.images))
            if self.whole or size == 1:
                raise RuntimeError(
                    f"images: expected a batch that fits into memory, got {size} images at a time "
                    f"that do not and cannot be cut, since "
                    f"{self.whole or 'one image is the least'} (torch says: {reason})"
                )
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self.set_random_state(random)
            self.size = size // 2
            self.cut()
            warnings.warn(
                f"memory ran out with {size} images at a time; going on with {self.size} "
                f"(micro_batch_size={self.size} would do so from the start; torch says: {reason})",
                stacklevel=4,
            )

    def update(self) -> None:
        """Take one update without looking at a number: what is recorded on a GPU."""
        self.latest.copy_(self.gradients())
        self.optimizer.step()

    # Random numbers.

    def random_state(self) -> list[torch.Tensor]:
        state = [torch.get_rng_state()]
        if self.device.type == "cuda":
            state.append(torch.cuda.get_rng_state(self.device))
        return state

    def set_random_state(self, state: list[torch.Tensor]) -> None:
        # Cloned, because torch crashes on a state that is a row of a larger tensor.
        torch.set_rng_state(state[0].clone())
        if self.device.type == "cuda" and len(state) > 1:
            torch.cuda.set_rng_state(state[1].clone(), self.device)

    # Looking at what came out.

    def history(self, epochs: int | None = None) -> History:
        losses = self.losses[: self.done if epochs is None else epochs].tolist()
        return History(
            tuple(losses),
            self.seconds + time.perf_counter() - self.started,
            str(self.device),
            self.seed,
            self.size,
            self.accuracies,
            self.processes.world_size,
        )

    def check_finite(self, epochs: int) -> None:
        """Stop where one of the first so many losses, or a weight, is not a number."""
        values = self.losses[:epochs]
        finite = torch.isfinite(values)
        if not finite.all():
            epoch = int(finite.logical_not().nonzero()[0, 0])
            cause = likely_cause(
                self.net, {"images": self.images, "labels": self.labels}, first=epoch == 0
            )
            raise Diverged(
                f"epoch {epoch + 1}: expected a finite loss, got {values[epoch].item()}; "
                f"look for {cause}{self.kept()}",
                self.history(epoch),
            )

    def check_weights(self) -> None:
        self.check_finite(self.done)
        broken = broken_parameter(self.net)
        if broken:
            raise Diverged(
                f"epoch {self.done}: expected finite weights after the update, got others in "
                f"{broken!r}; lower the learning rate{self.kept()}",
                self.history(),
            )

    def kept(self) -> str:
        return f"; the last finite state is in {self.file}" if self.file else ""

    def validate(self) -> float:
        """Compute the share of the validation images that the network gets right."""
        self.check_weights()
        assert self.validation is not None
        right = torch.zeros((), dtype=torch.int64, device=self.device)
        images, labels = self.validation
        with preserve_mode(self.net, training=False), torch.no_grad():
            for some, wanted in zip(
                torch.split(images, self.size), torch.split(labels, self.size), strict=True
            ):
                right += (self.optimized_net(some).argmax(dim=1) == wanted).sum()
        return int(right) / len(labels)

    # Checkpoints.

    def environment(self) -> dict[str, str | int]:
        """Return what the last bits of the numbers depend on, besides the training itself."""
        return {
            "torch": str(torch.__version__),
            "device": device_name(self.device),
            "threads": self.threads,
            "processes": self.processes.world_size,
            "precision": self.precision,
            "images at a time": self.size,
        }

    def save(self) -> None:
        """Write the present state; every process takes part, the first one writes."""
        if self.file is None:
            return
        self.check_weights()
        random = [self.processes.gather(state) for state in self.random_state()]
        if self.processes.rank:
            return
        content = {
            "identity": self.fingerprint,
            "conditions": self.environment(),
            "weights": dict(self.net.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "random": random,
            "losses": self.losses[: self.done].cpu(),
            "accuracies": self.accuracies,
            "seconds": self.seconds + time.perf_counter() - self.started,
            "seed": self.seed,
        }
        write_checkpoint(self.file, content)

    def resume(self, *, keep_size: bool) -> bool:
        """Go back to the state of the checkpoint, if there is one."""
        if self.file is None:
            return False
        # One process reads and sends, so that nobody needs a common disk, and all agree.
        content = read_checkpoint(self.file) if not self.processes.rank else None
        if self.processes.world_size > 1:
            data = self.processes.broadcast_bytes(None if content is None else pack(content))
            content = None if data is None else unpack(data)
        if content is None:
            return False
        check_fingerprint(
            self.fingerprint, content["identity"], kept=self.file, what="checkpoint, file"
        )
        done = len(content["losses"])
        if done > len(self.losses):
            raise ValueError(
                f"epochs: expected at least the {done} that the checkpoint {self.file} holds, got "
                f"{len(self.losses)}"
            )
        if not keep_size:
            self.size = int(content["conditions"]["images at a time"])
            self.cut()
        now = self.environment()
        changed = [
            f"{key} {before} then, {now.get(key)} now"
            for key, before in content["conditions"].items()
            if now.get(key) != before
        ]
        if changed:
            warnings.warn(
                f"{self.file}: resumed under other conditions ({'; '.join(changed)}); the last "
                "bits may differ from those of a training without a break",
                stacklevel=4,
            )
        self.net.load_state_dict(content["weights"])
        state = content["optimizer"]
        for group, own in zip(state["param_groups"], self.optimizer.param_groups, strict=True):
            group.update({k: own[k] for k in ("foreach", "fused", "capturable") if k in own})
        self.optimizer.load_state_dict(state)
        rank = self.processes.rank
        self.set_random_state([s[rank if rank < len(s) else 0] for s in content["random"]])
        self.losses[:done] = content["losses"].to(self.device)
        self.accuracies = tuple(
            (int(epoch), float(share)) for epoch, share in content["accuracies"]
        )
        self.seconds, self.seed, self.done = content["seconds"], content["seed"], done
        return True

    # The whole of it.

    def train(self, *, save_every: int, validate_every: int, progress: bool) -> History:
        epochs = len(self.losses)
        shown = progress and not self.processes.rank
        replay: Callable[[], None] | None = None
        eager = 0
        recordable = can_capture(
            self.net,
            self.optimizer,
            device=self.device,
            updates=epochs - self.done,
            processes=self.processes.world_size,
        )
        with (
            preserve_mode(self.net, training=True),
            stop_requested() as asked,
            thread_pool(self.cores) if self.cores > 1 else nullcontext() as self.in_all,
            _bar(epochs, done=self.done, shown=shown) as show,
            side_stream(self.device),
        ):
            self.optimizer.zero_grad()
            while self.done < epochs:
                if recordable and eager == WARM_UP:
                    recordable = False
                    replay = try_capture(self.update, self.parameters, self.device)
                    if replay is None:
                        self.optimizer.zero_grad()
                if replay is None:
                    stop = self.training_step(stop=asked() is not None)
                    eager += 1
                else:
                    replay()
                    self.losses[self.done].copy_(self.latest)
                    self.done += 1
                    stop = False
                if self.processes.world_size == 1:
                    stop = asked() is not None
                last = self.done == epochs
                if self.validation and (self.done % validate_every == 0 or last):
                    self.accuracies += ((self.done, self.validate()),)
                if self.done % save_every == 0 or last or stop:
                    self.save()
                show(self.losses[self.done - 1], self.accuracies)
                if stop:
                    where = f"; it goes on from {self.file}" if self.file else ""
                    raise Interrupted(
                        f"{asked() or 'another process was asked to stop'} after epoch "
                        f"{self.done} of {epochs}{where}",
                        self.history(),
                    )
            self.optimizer.zero_grad()
            self.check_weights()
            return self.history()

    def training_step(self, *, stop: bool) -> bool:
        """Take one update; return whether a process was asked to stop."""
        loss, stop = self.processes.all_reduce_gradients(
            self.parameters, self.gradients_in_memory(), stop=stop
        )
        self.losses[self.done] = loss
        if self.device.type == "cpu":
            # On a GPU this look would make the host wait; there it is taken at the end.
            self.check_finite(self.done + 1)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.done += 1
        return stop


def fit_full_batch(
    net: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epochs: int = 499,
    loss_fn: Loss | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    micro_batch_size: int | Literal["auto"] = "auto",
    device: torch.device | str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 50,
    validation: tuple[torch.Tensor, torch.Tensor] | None = None,
    validate_every: int = 10,
    precision: Literal["full", "tf32", "bf16"] = "full",
    deterministic: bool = False,
    progress: bool = False,
) -> History:
    """Train a network on the whole batch, one update an epoch.

    This is the lecture's loop (scores, loss, backward, step, zero) with changes that do not
    change the numbers. The batch goes through the network in pieces: the gradient of a sum is
    the sum of the gradients, so the pieces' gradients add up to the batch's, while what the
    layers put out stays small enough for the cache. Pooling runs before ReLU; on a CPU
    convolutions get their channels side by side and linear layers add their gradients up in
    place (``cnnbook.engine.rewrites``), and each core works on pieces of its own
    (``cnnbook.engine.threads``). On a GPU one update is recorded and replayed. Under
    ``torchrun`` each process takes its share of the batch.

    With ``checkpoint``, a training that was killed goes on from its last checkpoint when the
    same call is made again, and ends with the same bits as one that was not.

    Args:
        net: The network; it is trained in place, on ``device``.
        images: Images ``(n, c, h, w)``, floating-point. Under ``torchrun``, the whole batch in
            every process.
        labels: One-hot or other float targets ``(n, classes)``, or class numbers ``(n,)`` int64.
        epochs: How many updates in all; the lecture's ``range(1, 500)`` is 499.
        loss_fn: Takes scores and labels; ``torch.nn.CrossEntropyLoss()`` where it is left out.
        optimizer: Made from the network's parameters; ``torch.optim.Adam`` at its defaults where
            it is left out.
        micro_batch_size: Images taken at a time. ``"auto"`` takes as many as make 4 MiB of layer
            outputs (4 GiB on a GPU), or twice the size of the weights where that is more: a
            number that depends on network and image size alone.
            Where the network or the loss mixes the images of a batch, the batch is taken whole.
            Where memory runs out, the pieces are halved, with a warning.
        device: Where to train; ``best_device()`` where it is left out.
        checkpoint: A file that holds the state; written at the start, every
            ``checkpoint_every`` epochs, when the training is asked to stop, and at the end.
        checkpoint_every: Epochs from one checkpoint to the next.
        validation: Images and their labels, whose accuracy is recorded.
        validate_every: Epochs from one accuracy to the next; the last epoch has one.
        precision: ``"tf32"`` (GPU) and ``"bf16"`` multiply shorter numbers, faster and less
            exactly; never taken unless asked for.
        deterministic: Whether torch must refuse operations that give other bits each time, which
            some do on a GPU.
        progress: Whether to show a bar with loss, accuracy and epochs per second.

    Returns:
        Losses, seconds, device, seed, chunk size, accuracies and the number of processes.

    Raises:
        TypeError: An argument has the wrong type or dtype.
        ValueError: Shapes do not fit, a number is too small, the network cannot take the images,
            a label is out of range, ``micro_batch_size`` is given for a network or a loss that mixes
            the images of a batch, or the checkpoint is damaged or of another training.
        RuntimeError: ``device`` is not there, or memory does not even hold the smallest piece.
        Diverged: The loss or a weight became infinite or NaN; a ``RuntimeError``.
        Interrupted: Ctrl-C or SIGTERM came; a ``KeyboardInterrupt``, after a whole update.

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
    check_net(net)
    check_training_images(images, name="images")
    epochs = check_int(epochs, name="epochs", minimum=1)
    if loss_fn is None:
        loss_fn = torch.nn.CrossEntropyLoss()
    elif not callable(loss_fn) or isinstance(loss_fn, type):
        raise TypeError(f"loss_fn: expected a function or a loss of torch, got {loss_fn!r}")
    if checkpoint is not None and not isinstance(checkpoint, (str, os.PathLike)):
        raise TypeError(f"checkpoint: expected the path of a file, got {checkpoint!r}")
    file = None if checkpoint is None else Path(checkpoint)
    if file is not None and file.is_dir():
        raise ValueError(f"checkpoint: expected the path of a file, got the folder {file}")
    checkpoint_every = check_int(checkpoint_every, name="checkpoint_every", minimum=1)
    validate_every = check_int(validate_every, name="validate_every", minimum=1)
    if not isinstance(precision, str) or precision not in ("full", "tf32", "bf16"):
        raise ValueError(f"precision: expected 'full', 'tf32' or 'bf16', got {precision!r}")
    deterministic = check_bool(deterministic, name="deterministic")
    progress = check_bool(progress, name="progress")
    device = best_device() if device is None else check_device(device)
    if precision == "tf32" and device.type != "cuda":
        raise ValueError(f"precision: expected a GPU for 'tf32', got device {str(device)!r}")
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise ValueError("net: expected at least one trainable parameter, got none")
    check_optimizer(optimizer, net)
    if not isinstance(micro_batch_size, str) or micro_batch_size != "auto":
        micro_batch_size = check_int(micro_batch_size, name="micro_batch_size", minimum=1)

    with ExitStack() as settings:
        settings.enter_context(precision_context(device, precision, deterministic=deterministic))
        net.to(device)
        if isinstance(loss_fn, torch.nn.Module):
            loss_fn.to(device)
        run = _prepare(
            net,
            images,
            labels,
            epochs=epochs,
            loss_fn=loss_fn,
            optimizer=optimizer,
            micro_batch_size=micro_batch_size,
            device=device,
            file=file,
            validation=validation,
            precision=precision,
        )
        history = run.train(
            save_every=checkpoint_every, validate_every=validate_every, progress=progress
        )
    if not run.processes.rank:
        _log.info("%s", history, extra={"device": str(device)})
    return history


def _prepare(
    net: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epochs: int,
    loss_fn: Loss,
    optimizer: torch.optim.Optimizer | None,
    micro_batch_size: int | Literal["auto"],
    device: torch.device,
    file: Path | None,
    validation: tuple[torch.Tensor, torch.Tensor] | None,
    precision: Precision,
) -> _Run:
    """Check what needs the network to be checked, and bring the training to where it starts."""
    count = len(images)
    optimized_net = pool_before_relu(net)
    first = images[:1].to(device)
    scores, bytes_each = probe_forward(net, optimized_net, first)
    check_labels(labels, count, scores, loss_fn, name="labels")
    validation = check_validation(validation, images, scores, device)
    whole = unsplittable_reason(net, loss_fn, first, scores)
    # Joined only when nothing is left to refuse, so that no process waits for one that has left.
    processes = init_distributed(device)
    if whole and processes.world_size > 1:
        raise ValueError(
            f"net: expected a batch that {processes.world_size} processes can share, but {whole}"
        )
    if micro_batch_size == "auto":
        # Each piece adds a whole set of gradients to the sum, so a piece should be more work than
        # that.
        weights = sum(p.numel() * p.element_size() for p in net.parameters())
        room = max(ACTIVATION_BUDGET.get(device.type, ACTIVATION_BUDGET["cpu"]), 2 * weights)
        size = count if whole else min(count, max(1, room // bytes_each))
    elif whole and micro_batch_size < count:
        raise ValueError(
            f"micro_batch_size: expected 'auto' or at least the {count} images, since {whole}, "
            f"got {micro_batch_size}"
        )
    else:
        size = min(count, micro_batch_size)
    processes.broadcast([*net.parameters(), *net.buffers()])
    # Made after the network has moved, so that its moments are made where the parameters are.
    if optimizer is None:
        optimizer = torch.optim.Adam(net.parameters(), capturable=device.type == "cuda")
    # Over the whole batch and before it is laid out, so that it is the same in every process.
    fingerprint = {}
    if file:
        fingerprint = {"images": [digest(images)], "labels": [digest(labels)]}
        fingerprint = training_fingerprint(net, loss_fn, optimizer) | fingerprint
    share = processes.shard(count)
    own_images, all_labels = images[share].to(device), labels.to(device)
    if channels_last_helps(net, own_images):
        own_images = to_channels_last(own_images)
        optimized_net = channels_last_gradients(optimized_net)
        if validation is not None:
            validation = (to_channels_last(validation[0]), validation[1])
    run = _Run(
        net=net,
        optimized_net=optimized_net,
        images=own_images,
        labels=all_labels[share],
        all_labels=all_labels,
        loss_fn=loss_fn,
        optimizer=optimizer,
        device=device,
        processes=processes,
        precision=precision,
        whole=whole,
        size=size,
        losses=torch.zeros(epochs, dtype=torch.float64, device=device),
        validation=validation,
        file=file,
        fingerprint=fingerprint,
        seed=torch.initial_seed(),
        started=time.perf_counter(),
    )
    resumed = run.resume(keep_size=micro_batch_size != "auto")
    # Counted anew: what reading took is no training.
    run.started = time.perf_counter()
    if not resumed:
        # At once, so that a path that cannot be written is noticed before hours have gone by.
        run.save()
    return run


_Show = Callable[[torch.Tensor, tuple[tuple[int, float], ...]], None]


@contextmanager
def _bar(epochs: int, *, done: int, shown: bool) -> Iterator[_Show]:
    if not shown:
        yield lambda loss, accuracies: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=epochs, initial=done, unit="epoch") as bar:

        def show(loss: torch.Tensor, accuracies: tuple[tuple[int, float], ...]) -> None:
            # Reading the loss makes a GPU wait, so only when the bar is drawn anyway, and at the
            # end, or a short training would show none.
            last = bar.n + 1 == epochs
            if bar.update(1) or last:
                numbers = {"loss": f"{loss.item():.4f}"}
                if accuracies:
                    numbers["accuracy"] = f"{accuracies[-1][1]:.4f}"
                bar.set_postfix(numbers, refresh=last)

        yield show
