"""The state of a training, and a checkpoint from which it resumes with the same bits."""

import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from cnnbook.engine.checkpoints import pack, read_checkpoint, unpack, write_checkpoint
from cnnbook.engine.distributed import Processes
from cnnbook.engine.divergence import check_losses, check_weights
from cnnbook.engine.fingerprint import (
    check_fingerprint,
    device_name,
    incomparable,
    state_fingerprint,
    update_fingerprint,
)
from cnnbook.engine.gradients import GradientAccumulator
from cnnbook.engine.history import History
from cnnbook.engine.module_state import (
    get_module_state,
    loss_module,
    parameter_names,
    set_module_state,
)
from cnnbook.engine.random_state import (
    get_python_random_state,
    get_random_state,
    set_python_random_state,
    set_random_state,
)
from cnnbook.engine.schedulers import load_optimizer, load_scheduler

__all__ = ["TrainingState"]


@dataclass(eq=False)
class TrainingState:
    """What the next update depends on, and what has been recorded so far.

    Attributes:
        net: The network that is trained.
        optimizer: What updates it.
        gradients: What computes its gradients.
        processes: The processes that train together.
        losses: One number for each epoch, on the network's device; zero for later epochs.
        path: The checkpoint's file; ``None`` if there is none.
        fingerprint: What is trained and how, and from which numbers it starts, as it was handed in
            (``state_fingerprint``, images, labels); the optimizer and the scheduler are added here.
        seed: torch's seed when the training started.
        epoch: How many updates have been done.
        seconds: Training time before this run, from the checkpoint.
        accuracies: Pairs of an epoch and the accuracy on the validation images after it.
        scheduler: What sets the optimizer's learning rates; ``None`` if nothing does.
        started: When this run started, by ``time.perf_counter()``.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.distributed import Processes
        >>> from cnnbook.engine.gradients import GradientAccumulator
        >>> from cnnbook.engine.resume import TrainingState
        >>> net = torch.nn.Linear(1, 1)
        >>> rows = torch.ones(3, 1)
        >>> gradients = GradientAccumulator(
        ...     net, net, rows, rows, rows, torch.nn.MSELoss(), list(net.parameters()), 3
        ... )
        >>> losses = torch.tensor([2.5, 0.25, 0.0], dtype=torch.float64)
        >>> state = TrainingState(
        ...     net, torch.optim.SGD(net.parameters()), gradients,
        ...     Processes(0, 1, torch.device("cpu")), losses, None, {}, seed=7, epoch=2,
        ... )
        >>> state.history().losses
        (2.5, 0.25)
        >>> state.load(keep_micro_batch_size=False)
        False
    """

    net: torch.nn.Module
    optimizer: torch.optim.Optimizer
    gradients: GradientAccumulator
    processes: Processes
    losses: torch.Tensor
    path: Path | None
    fingerprint: dict[str, list[str]]
    seed: int
    epoch: int = 0
    seconds: float = 0.0
    accuracies: tuple[tuple[int, float], ...] = ()
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None
    started: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        # The first checkpoint of a run, and the first with an optimizer's state, are read back.
        self._saved = 0
        if self.path is not None:
            self.fingerprint = self.fingerprint | self._update_fingerprint()

    def _update_fingerprint(self) -> dict[str, list[str]]:
        names = parameter_names(self.net, self.gradients.loss_fn)
        return update_fingerprint(self.optimizer, self.scheduler, names)

    def history(self, epochs: int | None = None) -> History:
        """Return what has been recorded.

        Args:
            epochs: Number of epochs to return; all so far by default.

        Returns:
            The history.
        """
        losses = self.losses[: self.epoch if epochs is None else epochs].tolist()
        return History(
            tuple(losses),
            self.seconds + time.perf_counter() - self.started,
            str(self.gradients.device),
            self.seed,
            self.gradients.micro_batch_size,
            self.accuracies,
            self.processes.world_size,
        )

    def check_losses(self, epochs: int) -> None:
        """Stop if one of the first losses is not finite.

        Args:
            epochs: How many losses there are.

        Raises:
            Diverged: A loss is NaN or infinite.
        """
        data = {"images": self.gradients.images, "labels": self.gradients.labels}
        check_losses(
            self.losses[:epochs],
            self.net,
            data,
            updates=self.epoch,
            history=self.history,
            hint=self._last_checkpoint(),
        )

    def check_losses_and_weights(self) -> None:
        """Stop if a loss so far, or a weight, is not finite.

        Raises:
            Diverged: A loss or a weight is NaN or infinite.
        """
        self.check_losses(self.epoch)
        check_weights(self.net, self.epoch, history=self.history, hint=self._last_checkpoint())

    def _last_checkpoint(self) -> str:
        return f"; the last finite state is in {self.path}" if self.path else ""

    def environment(self) -> dict[str, str | int]:
        """Return everything else on which the last bits of the results depend."""
        return {
            "torch": str(torch.__version__),
            "device": device_name(self.gradients.device),
            "threads": self.gradients.threads,
            "processes": self.processes.world_size,
            "precision": self.gradients.precision,
            "micro_batch_size": self.gradients.micro_batch_size,
        }

    def save(self) -> None:
        """Write the checkpoint; every process takes part, the first one writes.

        Raises:
            Diverged: A loss or a weight is not finite; the last checkpoint is kept.
            TypeError: The state holds something that could not be read again; the last checkpoint
                is kept.
            OSError: The file cannot be written.
        """
        if self.path is None:
            return
        self.check_losses_and_weights()
        states = get_random_state(self.gradients.device)
        random_state = [self.processes.gather(state) for state in states]
        read_back = self._saved < 2
        self._saved += 1
        if self.processes.rank and not read_back:
            return
        weights, buffers = get_module_state(self.net)
        loss_state, loss_buffers = get_module_state(loss_module(self.gradients.loss_fn))
        content = {
            "fingerprint": self.fingerprint,
            # The same at this epoch: a network that has been trained up to here may go on, too.
            "last_fingerprint": self.fingerprint
            | state_fingerprint(self.net, self.gradients.loss_fn)
            | self._update_fingerprint(),
            "environment": self.environment(),
            "weights": weights,
            "buffers": buffers,
            "loss_fn": {"state": loss_state, "buffers": loss_buffers},
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "random_state": random_state,
            "python_random_state": get_python_random_state(),
            "losses": self.losses[: self.epoch].cpu(),
            "accuracies": self.accuracies,
            "seconds": self.seconds + time.perf_counter() - self.started,
            "seed": self.seed,
        }
        if self.processes.rank:
            # So that what cannot be read again ends every process, and none waits for the first.
            pack(content, read_back=True)
        else:
            write_checkpoint(self.path, content, read_back=read_back)

    def load(self, *, keep_micro_batch_size: bool) -> bool:
        """Load the state from the checkpoint, if there is one.

        Args:
            keep_micro_batch_size: Whether to keep the current size instead of the checkpoint's.

        Returns:
            Whether there is a checkpoint.

        Raises:
            ValueError: The checkpoint is damaged, of another training or another start, or has more
                epochs than this training. Then nothing has changed, neither the file nor the
                network.
        """
        if self.path is None:
            return False
        content = self._read()
        if content is None:
            return False
        epoch = len(content["losses"])
        if epoch > len(self.losses):
            raise ValueError(
                f"epochs: expected at least the {epoch} that the checkpoint {self.path} holds, "
                f"got {len(self.losses)}"
            )
        # Everything has been checked: from here on the training's state changes.
        self._warn_of_incomparable_parts()
        if not keep_micro_batch_size:
            self.gradients.resize(int(content["environment"]["micro_batch_size"]))
        self._warn_of_another_environment(content["environment"])
        self.fingerprint = content["fingerprint"]
        set_module_state(self.net, content["weights"], content["buffers"])
        loss = content["loss_fn"]
        set_module_state(loss_module(self.gradients.loss_fn), loss["state"], loss["buffers"])
        load_optimizer(self.optimizer, content["optimizer"])
        if self.scheduler is not None:
            load_scheduler(self.scheduler, content["scheduler"])
        rank = self.processes.rank
        set_random_state(
            [states[rank if rank < len(states) else 0] for states in content["random_state"]],
            self.gradients.device,
        )
        set_python_random_state(content["python_random_state"])
        self.losses[:epoch] = content["losses"].to(self.losses.device)
        self.accuracies = tuple(
            (int(epoch), float(accuracy)) for epoch, accuracy in content["accuracies"]
        )
        self.seconds, self.seed, self.epoch = content["seconds"], content["seed"], epoch
        return True

    def _read(self) -> dict[str, Any] | None:
        """Return the checkpoint's content, or None; refuse one of another training or start."""
        assert self.path is not None
        # One process reads the file and sends it: no shared disk is needed, and all agree. It also
        # sends what it starts from: the other processes' numbers have been replaced by its own.
        fingerprint, content = self.fingerprint, None
        if not self.processes.rank:
            content = read_checkpoint(self.path)
        if self.processes.world_size > 1:
            sent = None if content is None else pack({"content": content, "start": fingerprint})
            data = self.processes.broadcast_bytes(sent)
            if data is not None:
                received = unpack(data)
                content, start = received["content"], received["start"]
                fingerprint = fingerprint | {name: start[name] for name in ("net", "loss_fn")}
        if content is None:
            return None
        check_fingerprint(
            fingerprint,
            content["fingerprint"],
            kind="checkpoint",
            path=self.path,
            last=content["last_fingerprint"],
        )
        return content

    def _warn_of_incomparable_parts(self) -> None:
        parts = incomparable(self.fingerprint)
        if parts:
            warnings.warn(
                f"{self.path}: resumed without comparing {'; '.join(parts)}; make sure that it is "
                "the same as before (a function of a module, outside any other function, is "
                "compared by its name)",
                # The line that called ``fit_full_batch``.
                stacklevel=5,
            )

    def _warn_of_another_environment(self, before: dict[str, str | int]) -> None:
        now = self.environment()
        changed = [
            f"{name}: {value} then, {now.get(name)} now"
            for name, value in before.items()
            if now.get(name) != value
        ]
        if changed:
            warnings.warn(
                f"{self.path}: resumed in another environment ({'; '.join(changed)}); the last "
                "bits may differ from those of an uninterrupted training",
                # The line that called ``fit_full_batch``.
                stacklevel=5,
            )
