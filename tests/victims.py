"""What the tests run in a process of its own, to kill it there or to start several."""

import os
import signal
from pathlib import Path
from typing import Any

import torch

from cnnbook.engine.checkpoints import digest, write_checkpoint
from cnnbook.images import draw_garments
from cnnbook.networks import mlp, small_cnn
from cnnbook.training import History, fit_full_batch

__all__ = ["EPOCHS", "digest", "make", "train", "train_and_die", "write_for_ever"]

EPOCHS = 40


def make(
    name: str, *, dropout: bool = True
) -> tuple[torch.nn.Sequential, torch.Tensor, torch.Tensor]:
    """Make a network, with usually with a layer that draws random numbers, and 16 garments."""
    images, labels = draw_garments(16, generator=torch.Generator().manual_seed(5))
    torch.manual_seed(1)
    net = mlp(hidden=32) if name == "mlp" else small_cnn(channels=4)
    if dropout:
        net.insert(len(net) - 1, torch.nn.Dropout(0.25))
    return net, images, labels


def train(name: str, file: str | None, **more: Any) -> tuple[History, list[torch.Tensor]]:
    """Train and return all that must be the same bit for bit."""
    net, images, labels = make(name, dropout=more.pop("dropout", True))
    adam = torch.optim.Adam(net.parameters())
    if "each" in more:
        adam.register_step_post_hook(more.pop("each"))
    fixed: dict[str, Any] = {"epochs": EPOCHS, "checkpoint_every": 3, "micro_batch_size": 5}
    more = fixed | {"device": "cpu"} | more
    before = torch.get_num_threads()
    # So little work is done sooner by one, above all where others use the machine too.
    torch.set_num_threads(more.pop("threads", 1))
    try:
        history = fit_full_batch(net, images, labels, optimizer=adam, checkpoint=file, **more)
    finally:
        torch.set_num_threads(before)
    moments = [value for one in adam.state.values() for value in one.values()]
    random = torch.get_rng_state()
    return history, [*(p.detach() for p in net.parameters()), *moments, random]


def train_and_die(
    name: str, file: str, updates: int, by: int, more: dict[str, Any] | None = None
) -> None:
    """Send this process a signal after so many of its updates."""
    left = updates

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), by)

    train(name, file, each=count, **(more or {}))


def write_for_ever(file: str) -> None:
    """Write one checkpoint after the other, until killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    number = 0
    while True:
        number += 1
        write_checkpoint(file, {"number": number, "zeros": torch.zeros(50_000)})
        Path(file).with_suffix(".started").touch()
