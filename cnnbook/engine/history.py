"""What a training run returns, and the two exceptions with which it ends early."""

from dataclasses import dataclass

from cnnbook._tables import html_table

__all__ = ["Diverged", "History", "Interrupted"]


@dataclass(frozen=True, repr=False)
class History:
    """The record of a training run: its losses, time, device and seed.

    Attributes:
        losses: One number for each epoch: the loss of the whole batch before the epoch's update.
        seconds: Wall-clock time of all epochs together, over all resumed parts.
        device: Where it ran, such as ``"cpu"`` or ``"cuda:0"``.
        seed: torch's seed when it started (``torch.initial_seed()``).
        micro_batch_size: How many images went through the network at a time; all of them if the
            batch was not split.
        accuracies: Pairs of an epoch, counted from 1, and the accuracy on the validation images
            after its update.
        processes: Number of processes that trained together.

    Examples:
        >>> from cnnbook.training import History
        >>> print(History((2.5, 0.25), 4.0, "cpu", 7, 250))
        2 epochs, loss 2.5000 to 0.2500, in 4.0 s on cpu (0.50 epochs/s), seed 7, 250 images at a \
time
        >>> print(History((2.5, 0.25), 4.0, "cpu", 7, 250, accuracies=((2, 0.875),)))
        2 epochs, loss 2.5000 to 0.2500, accuracy 0.8750, in 4.0 s on cpu (0.50 epochs/s), \
seed 7, 250 images at a time
    """

    losses: tuple[float, ...]
    seconds: float
    device: str
    seed: int
    micro_batch_size: int
    accuracies: tuple[tuple[int, float], ...] = ()
    processes: int = 1

    def __str__(self) -> str:
        """Return epochs, first and last loss, accuracy, time and device in one line."""
        epochs = len(self.losses)
        if not epochs:
            return f"no epoch, on {self.device}, seed {self.seed}"
        accuracy = f", accuracy {self.accuracies[-1][1]:.4f}" if self.accuracies else ""
        rate = epochs / self.seconds if self.seconds else float("inf")
        others = f", {self.processes} processes" if self.processes > 1 else ""
        return (
            f"{epochs} epochs, loss {self.losses[0]:.4f} to {self.losses[-1]:.4f}{accuracy}, "
            f"in {self.seconds:.1f} s on {self.device} ({rate:.2f} epochs/s), "
            f"seed {self.seed}, {self.micro_batch_size} images at a time{others}"
        )

    def __repr__(self) -> str:
        """Return the same line in angle brackets instead of every loss."""
        return f"<History: {self}>"

    def _repr_html_(self) -> str:
        rows = [["epochs", str(len(self.losses))]]
        if self.losses:
            rows.append(["loss, first and last", f"{self.losses[0]:.4f}, {self.losses[-1]:.4f}"])
        if self.accuracies:
            rows.append(["validation accuracy", f"{self.accuracies[-1][1]:.4f}"])
        rows += [
            ["seconds", f"{self.seconds:.1f}"],
            ["device", self.device],
            ["images at a time", f"{self.micro_batch_size:,}"],
            ["seed", str(self.seed)],
        ]
        return html_table("Training", ["what", "value"], rows)


class Interrupted(KeyboardInterrupt):
    """Training was stopped by Ctrl-C or SIGTERM, after a complete update.

    It is a ``KeyboardInterrupt``, so that ``except Exception`` does not catch it and a script that
    does not handle it ends with an error.

    Attributes:
        history: The epochs until then.

    Examples:
        >>> from cnnbook.training import History, Interrupted
        >>> stop = Interrupted("SIGTERM after epoch 1", History((2.5,), 1.0, "cpu", 0, 10))
        >>> stop.history.losses, isinstance(stop, KeyboardInterrupt)
        ((2.5,), True)
    """

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


class Diverged(RuntimeError):
    """The loss or a weight became NaN or infinite.

    Attributes:
        history: The epochs whose loss was finite.

    Examples:
        >>> from cnnbook.training import Diverged, History
        >>> Diverged("epoch 2: ...", History((2.5,), 1.0, "cpu", 0, 10)).history.losses
        (2.5,)
    """

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history
