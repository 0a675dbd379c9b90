"""Functions that tests run in another process, to kill it or to start several."""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from cnnbook.engine.checkpoints import digest, write_checkpoint
from cnnbook.images import draw_garments
from cnnbook.networks import mlp, small_cnn
from cnnbook.training import History, Interrupted, fit_full_batch

__all__ = [
    "EPOCHS",
    "SERVER",
    "WatchedAdam",
    "make",
    "train",
    "train_and_die",
    "train_as_rank",
    "write_forever",
]

EPOCHS = 40

# A server that imports torch, and what torch's optimizers import on their first use, once, and
# forks for each process: without it each process would spend seconds on that.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["torch", "torch._dynamo"])


def make(
    name: str, *, dropout: bool = True
) -> tuple[torch.nn.Sequential, torch.Tensor, torch.Tensor]:
    """Make a network, usually with a layer that draws random numbers, and 16 garments."""
    images, labels = draw_garments(16, generator=torch.Generator().manual_seed(5))
    torch.manual_seed(1)
    net = mlp(hidden=32) if name == "mlp" else small_cnn(channels=4)
    if dropout:
        net.insert(len(net) - 1, torch.nn.Dropout(0.25))
    return net, images, labels


class WatchedAdam(torch.optim.Adam):
    """Adam that calls a function after each step, since a checkpoint refuses hooks."""

    def __init__(
        self, parameters: Iterable[torch.nn.Parameter], after_step: Callable[[], object]
    ) -> None:
        super().__init__(parameters)
        self._after_step = after_step

    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        self._after_step()
        return loss


def train(name: str, file: str | None, **more: Any) -> tuple[History, list[torch.Tensor]]:
    """Train; return the history and every tensor that must be the same bit for bit."""
    dropout = more.pop("dropout", True)
    net, images, labels = make(name, dropout=dropout)
    adam = WatchedAdam(net.parameters(), more.pop("after_step", lambda: None))
    fixed: dict[str, Any] = {"epochs": EPOCHS, "checkpoint_every": 3}
    # Random numbers are drawn for the whole batch.
    fixed |= {} if dropout else {"micro_batch_size": 5}
    more = fixed | {"device": "cpu"} | more
    before = torch.get_num_threads()
    # For so little work one thread is fastest, above all on a busy machine.
    torch.set_num_threads(more.pop("threads", 1))
    try:
        history = fit_full_batch(net, images, labels, optimizer=adam, checkpoint=file, **more)
    finally:
        torch.set_num_threads(before)
    moments = [moment for state in adam.state.values() for moment in state.values()]
    return history, [*(p.detach() for p in net.parameters()), *moments, torch.get_rng_state()]


def train_and_die(
    name: str, file: str, updates: int, number: int, more: dict[str, Any] | None = None
) -> None:
    """Train, and send this process a signal after a given number of updates."""
    left = updates

    def count() -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), number)

    train(name, file, after_step=count, **(more or {}))


def train_as_rank(plan: dict[str, Any], folder: str, environment: dict[str, str]) -> bool:
    """Train as one of several processes, and leave what came out in ``rank0.json`` and so on.

    ``plan`` says which ``file`` is the checkpoint, and may say ``after`` how many updates the
    process of which ``rank`` gets which ``signal``, in which ``attempts`` of torchrun. Returns
    whether the training was interrupted.
    """
    os.environ.update(environment)
    os.chdir(folder)
    rank, attempt = os.environ["RANK"], os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    left = plan.get("after", 0)

    def act() -> None:
        nonlocal left
        left -= 1
        if not left and int(rank) == plan["rank"] and attempt in plan["attempts"]:
            os.kill(os.getpid(), plan["signal"])

    tensors: list[torch.Tensor] = []
    try:
        history, tensors = train("cnn", plan["file"], dropout=False, after_step=act)
        end = "done"
    except Interrupted as stop:
        history, end = stop.history, str(stop)
    result = {
        "losses": history.losses,
        "end": end,
        "processes": history.processes,
        "digest": [digest(tensor) for tensor in tensors],
    }
    Path(f"rank{rank}.json").write_text(json.dumps(result), "utf-8")
    return end != "done"


def write_forever(file: str) -> None:
    """Write one checkpoint after another, until killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    number = 0
    while True:
        number += 1
        write_checkpoint(file, {"number": number, "zeros": torch.zeros(50_000)})
        Path(file).with_suffix(".started").touch()
