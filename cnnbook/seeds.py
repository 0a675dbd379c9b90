"""One training from many random starts, so that luck is not taken for skill."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from cnnbook.arguments import whole_number
from cnnbook.images import ImageSet
from cnnbook.scoring import MeanInterval, accuracy, mean_interval, predict_scores
from cnnbook.tables import html_table, text_table
from cnnbook.training import History, Loss, fit_full_batch

__all__ = ["SeedResults", "compare_over_seeds"]


@dataclass(frozen=True)
class SeedResults:
    """What came out of one training from several random starts.

    Attributes:
        seeds: The seeds, in the order in which they were given.
        accuracies: For each, the share of the test images that was right at the end.
        histories: For each, how the training went.

    Examples:
        >>> from cnnbook.seeds import SeedResults
        >>> from cnnbook.training import History
        >>> one, other = (History((2.5, loss), 1.0, "cpu", 0, 8) for loss in (0.25, 0.5))
        >>> print(SeedResults((0, 1), (0.875, 0.75), (one, other)))
        seed  last loss  accuracy
        -------------------------
           0     0.2500    0.8750
           1     0.5000    0.7500
        -------------------------
        mean     0.3750    0.8125
        accuracy: 0.8 +- 0.8 (95 % interval of the mean of 2)
    """

    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]
    histories: tuple[History, ...]

    def interval(self, *, confidence: float = 0.95) -> MeanInterval:
        """Compute the mean accuracy and Student's interval around it.

        Args:
            confidence: How sure the interval is, between 0 and 1.

        Returns:
            Mean, bounds and deviation, as ``scoring.mean_interval`` gives them.

        Raises:
            TypeError: ``confidence`` is no number.
            ValueError: There are fewer than two seeds, or ``confidence`` is not between 0 and 1.
        """
        return mean_interval(self.accuracies, confidence=confidence)

    def _lines(self) -> tuple[list[str], list[list[str]], list[str]]:
        losses = [history.losses[-1] for history in self.histories]
        rows = [
            [str(seed), f"{loss:.4f}", f"{share:.4f}"]
            for seed, loss, share in zip(self.seeds, losses, self.accuracies, strict=True)
        ]
        count = len(self.seeds)
        means = sum(losses) / count, sum(self.accuracies) / count
        header = ["seed", "last loss", "accuracy"]
        return header, rows, ["mean", *(f"{mean:.4f}" for mean in means)]

    def __str__(self) -> str:
        """Return one line for each seed, the means, and the interval of the accuracy."""
        if not self.seeds:
            return "no seed"
        header, rows, footer = self._lines()
        table = text_table(header, rows, footer, right=header)
        # One seed says nothing of how much seeds differ.
        return f"{table}\naccuracy: {self.interval()}" if len(self.seeds) > 1 else table

    def _repr_html_(self) -> str:
        if not self.seeds:
            return "<p>no seed</p>"
        caption = f"Accuracy: {self.interval()}" if len(self.seeds) > 1 else "Accuracy"
        return html_table(caption, *self._lines())


def _all_seeds(seeds: Iterable[int]) -> tuple[int, ...]:
    if isinstance(seeds, (str, bytes)) or not isinstance(seeds, Iterable):
        raise TypeError(
            f"seeds: expected several whole numbers, got {seeds!r}; write range(5) or [0, 1, 2]"
        )
    numbers = tuple(whole_number(seed, name="seeds", least=0) for seed in seeds)
    if not numbers:
        raise ValueError("seeds: expected at least one, got none")
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"seeds: expected each once, got {list(numbers)}")
    return numbers


def compare_over_seeds(
    make_net: Callable[[], torch.nn.Module],
    data: ImageSet,
    seeds: Iterable[int],
    *,
    folder: str | os.PathLike[str] | None = None,
    make_optimizer: Callable[[Sequence[torch.nn.Parameter]], torch.optim.Optimizer] | None = None,
    epochs: int = 499,
    loss_fn: Loss | None = None,
    chunk_size: int | Literal["auto"] = "auto",
    device: torch.device | str | None = None,
    checkpoint_every: int = 50,
    precision: Literal["full", "tf32", "bf16"] = "full",
    deterministic: bool = False,
    progress: bool = False,
) -> SeedResults:
    """Train the same network from several random starts and test each.

    A single training says little: another seed may well change the order of two networks.

    Args:
        make_net: Makes a network; called once for each seed, after ``torch.manual_seed(seed)``.
        data: Images to train on and to test with.
        seeds: Whole numbers, each once.
        folder: Where each seed keeps its checkpoint, ``seed-0.ckpt`` and so on. The same call
            made again leaves out what is done and goes on with what is half done.
        make_optimizer: Makes an optimizer from the parameters; Adam where it is left out.
        epochs: As for ``fit_full_batch``, like all that follow: how many updates in all.
        loss_fn: Takes scores and labels.
        chunk_size: Images taken at a time.
        device: Where to train and to test.
        checkpoint_every: Epochs from one checkpoint to the next.
        precision: How exactly numbers are multiplied.
        deterministic: Whether torch must refuse what gives other bits each time.
        progress: Whether to show a bar for each seed.

    Returns:
        Seeds, accuracies on the test images, and histories. torch's own random numbers go on
        afterwards as if nothing had been drawn.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: ``seeds`` is empty or holds one twice, or ``fit_full_batch`` refuses.

    Examples:
        >>> import torch
        >>> from cnnbook.images import ImageSet
        >>> from cnnbook.seeds import compare_over_seeds
        >>> images, labels = torch.tensor([[1.0], [-1.0]])[:, :, None, None], torch.tensor([0, 1])
        >>> data = ImageSet(images, labels, images, labels, ("light", "dark"), "two pixels", True)
        >>> def make_net():
        ...     return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 2))
        >>> def make_sgd(parameters):
        ...     return torch.optim.SGD(parameters, lr=10.0)
        >>> results = compare_over_seeds(
        ...     make_net, data, range(3), epochs=50, make_optimizer=make_sgd, device="cpu"
        ... )
        >>> results.accuracies
        (1.0, 1.0, 1.0)
        >>> compare_over_seeds(make_net, data, [1, 1])
        Traceback (most recent call last):
            ...
        ValueError: seeds: expected each once, got [1, 1]

    Source:
        Bouthillier et al. (2021), Accounting for variance in machine learning benchmarks,
        section 2.
    """
    if not callable(make_net):
        raise TypeError(f"make_net: expected a function that makes a network, got {make_net!r}")
    if not isinstance(data, ImageSet):
        raise TypeError(f"data: expected an ImageSet, got {type(data).__name__}")
    numbers = _all_seeds(seeds)
    if make_optimizer is not None and not callable(make_optimizer):
        raise TypeError(f"make_optimizer: expected a function, got {make_optimizer!r}")
    if folder is not None and not isinstance(folder, (str, os.PathLike)):
        raise TypeError(f"folder: expected the path of a folder, got {folder!r}")
    cards = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    accuracies, histories = [], []
    for seed in numbers:
        with torch.random.fork_rng(cards):
            torch.manual_seed(seed)
            net = make_net()
            if not isinstance(net, torch.nn.Module):
                raise TypeError(f"make_net: expected a network, got {type(net).__name__}")
            optimizer = None
            if make_optimizer is not None:
                optimizer = make_optimizer(list(net.parameters()))
            history = fit_full_batch(
                net,
                data.train_images,
                data.train_labels,
                optimizer=optimizer,
                checkpoint=None if folder is None else Path(folder) / f"seed-{seed}.ckpt",
                epochs=epochs,
                loss_fn=loss_fn,
                chunk_size=chunk_size,
                device=device,
                checkpoint_every=checkpoint_every,
                precision=precision,
                deterministic=deterministic,
                progress=progress,
            )
        scores = predict_scores(net, data.test_images, device=device)
        accuracies.append(accuracy(scores, data.test_labels))
        histories.append(history)
    return SeedResults(numbers, tuple(accuracies), tuple(histories))
