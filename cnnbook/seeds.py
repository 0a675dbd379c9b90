"""One training from many random starts, so that luck is not taken for skill."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch

from cnnbook._checks import check_bool, check_int, check_net
from cnnbook._devices import check_device
from cnnbook._files import atomic_write, exclusive_lock
from cnnbook._tables import html_table, text_table
from cnnbook.engine.checkpoints import digest
from cnnbook.engine.distributed import init_distributed
from cnnbook.engine.ensemble import fit_ensemble
from cnnbook.engine.fingerprint import (
    check_fingerprint,
    device_name,
    start_fingerprint,
    training_fingerprint,
)
from cnnbook.images import ImageSet
from cnnbook.metrics import MeanInterval, accuracy, mean_interval, predict_scores
from cnnbook.training import History, Loss, best_device, fit_full_batch

__all__ = ["Provenance", "SeedResults", "train_over_seeds"]

# The number changes when the keys do.
_FORMAT = "cnnbook seed 1"


@dataclass(frozen=True)
class Provenance:
    """Where and when a network was trained.

    Attributes:
        device: The card's name, or ``"cpu with"`` the instructions that torch used on it.
        threads: How many threads torch had.
        torch_version: Such as ``"2.15.0"``.
        date: Such as ``"2026-11-24"``, by Greenwich.

    Examples:
        >>> from cnnbook.seeds import Origin
        >>> print(Provenance("cpu with AVX2", 2, "2.15.0", "2026-11-24"))
        cpu with AVX2 (2 threads), torch 2.15.0, 2026-11-24
    """

    device: str
    threads: int
    torch_version: str
    date: str

    def __str__(self) -> str:
        """Return all of it in a few words."""
        threads = f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        return f"{self.device} ({threads}), torch {self.torch_version}, {self.date}"


@dataclass(frozen=True)
class SeedResults:
    """What came out of one training from several random starts.

    Attributes:
        seeds: The seeds, in the order in which they were given.
        accuracies: For each, the share of the test images that was right at the end.
        histories: For each, how the training went.
        provenances: For each, where and when it was trained, which may be long ago and far away where
            it was kept in a folder.

    Examples:
        >>> from cnnbook.seeds import Provenance, SeedResults
        >>> from cnnbook.training import History
        >>> one, other = (History((2.5, loss), 1.0, "cpu", 0, 8) for loss in (0.25, 0.5))
        >>> here = Provenance("cpu with AVX2", 2, "2.15.0", "2026-11-24")
        >>> print(SeedResults((0, 1), (0.875, 0.75), (one, other), (here, here)))
        seed  last loss  accuracy
        -------------------------
           0     0.2500    0.8750
           1     0.5000    0.7500
        -------------------------
        mean     0.3750    0.8125
        accuracy: 0.8 +- 0.8 (95 % interval of the mean of 2)
        trained: cpu with AVX2 (2 threads), torch 2.15.0, 2026-11-24
    """

    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]
    histories: tuple[History, ...]
    provenances: tuple[Provenance, ...] = ()

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

    def _trained(self) -> list[str]:
        """Say where the seeds were trained, once where it is the same for all."""
        places: dict[Provenance, list[str]] = {}
        for seed, provenance in zip(self.seeds, self.provenances, strict=False):
            places.setdefault(provenance, []).append(str(seed))
        if len(places) == 1:
            return [f"trained: {provenance}" for provenance in places]
        return [
            f"trained: seed{'' if len(seeds) == 1 else 's'} {', '.join(seeds)}: {provenance}"
            for provenance, seeds in places.items()
        ]

    def __str__(self) -> str:
        """Return one line for each seed, the means, the interval, and where it was trained."""
        if not self.seeds:
            return "no seed"
        header, rows, footer = self._lines()
        lines = [text_table(header, rows, footer, right=header)]
        # One seed says nothing of how much seeds differ.
        if len(self.seeds) > 1:
            lines.append(f"accuracy: {self.interval()}")
        return "\n".join([*lines, *self._trained()])

    def _repr_html_(self) -> str:
        if not self.seeds:
            return "<p>no seed</p>"
        caption = f"Accuracy: {self.interval()}" if len(self.seeds) > 1 else "Accuracy"
        return html_table("; ".join([caption, *self._trained()]), *self._lines())


def _all_seeds(seeds: Iterable[int]) -> tuple[int, ...]:
    # A tensor of no axis and such an array say that they can be gone through, and cannot.
    axes = getattr(seeds, "ndim", 1)
    if isinstance(seeds, (str, bytes)) or not isinstance(seeds, Iterable) or axes == 0:
        raise TypeError(
            f"seeds: expected several whole numbers, got {seeds!r}; write range(5) or [0, 1, 2]"
        )
    numbers = tuple(check_int(seed, name="seeds", minimum=0) for seed in seeds)
    if not numbers:
        raise ValueError("seeds: expected at least one, got none")
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"seeds: expected each once, got {list(numbers)}")
    return numbers


def _sum_of(content: dict[str, Any]) -> str:
    """Compute the SHA-256 of a result, whatever the order and the spaces in its file."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _pack(content: dict[str, Any]) -> bytes:
    # A line for each key, so that it can be read. Python writes the shortest decimal number that
    # is read back to the same bits.
    whole = content | {"sha256": _sum_of(content)}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in whole.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _unpack(data: bytes, path: Path) -> dict[str, Any]:
    wrong = "its SHA-256 is not the one that was written with it: it is cut off or changed"
    try:
        content = json.loads(data)
        written = content.pop("sha256")
        if content["format"] != _FORMAT:
            wrong = f"it is {content['format']!r} and not {_FORMAT!r}"
        elif written == _sum_of(content):
            return dict(content)
    # All that bytes can be that are no such file: no text, no JSON, no dict, without a key, NaN.
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        pass
    raise ValueError(
        f"folder: expected whole results, got {path}, but {wrong}; delete it to train its seed "
        "again"
    )


def _keep(
    path: Path,
    fingerprint: dict[str, list[str]],
    share: float,
    history: History,
    provenance: Provenance,
) -> None:
    """Write what is kept of a seed, whole or not at all."""
    content = {
        "format": _FORMAT,
        "seed": history.seed,
        "accuracy": share,
        "seconds": history.seconds,
        "device": history.device,
        "micro_batch_size": history.micro_batch_size,
        "processes": history.processes,
        "origin": asdict(provenance),
        "identity": fingerprint,
        "losses": list(history.losses),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    # The lock sweeps what a killed program left; nobody writes for longer than a moment.
    with exclusive_lock(path.parent, seconds=60), atomic_write(path) as file:
        file.write(_pack(content))


def _origin(history: History) -> Provenance:
    return Provenance(
        device=device_name(torch.device(history.device)),
        threads=torch.get_num_threads(),
        torch_version=str(torch.__version__),
        date=datetime.now(UTC).date().isoformat(),
    )


def _make_both(
    make_net: Callable[[], torch.nn.Module],
    make_optimizer: Callable[[Sequence[torch.nn.Parameter]], torch.optim.Optimizer] | None,
    before: torch.nn.Module | None,
) -> tuple[torch.nn.Module, torch.optim.Optimizer | None]:
    """Make a network and its optimizer, and see to it that they are new."""
    net = make_net()
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"make_net: expected a network, got {type(net).__name__}")
    check_net(net, name="make_net")
    if net is before:
        raise ValueError(
            "make_net: expected a new network for each seed, got the same one again, which would "
            "go on where the seed before it ended; make it inside the function"
        )
    if make_optimizer is None:
        return net, None
    optimizer = make_optimizer(list(net.parameters()))
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"make_optimizer: expected an optimizer, got {type(optimizer).__name__}; return one "
            "such as torch.optim.Adam(parameters)"
        )
    return net, optimizer


def _check_makers(make_net: object, make_optimizer: object) -> None:
    if not callable(make_net):
        raise TypeError(f"make_net: expected a function that makes a network, got {make_net!r}")
    # A network can be called, but what comes out is no network.
    if isinstance(make_net, torch.nn.Module):
        raise TypeError(
            "make_net: expected a function that makes a network, got a network, "
            f"{type(make_net).__name__}; write make_net=small_cnn, without brackets, or "
            "lambda: small_cnn(channels=4)"
        )
    if make_optimizer is None:
        return
    if not callable(make_optimizer) or isinstance(make_optimizer, torch.nn.Module):
        got = repr(make_optimizer)
        if isinstance(make_optimizer, (torch.nn.Module, torch.optim.Optimizer)):
            kind = "a network" if isinstance(make_optimizer, torch.nn.Module) else "an optimizer"
            got = f"{kind}, {type(make_optimizer).__name__}"
        raise TypeError(
            f"make_optimizer: expected a function that makes an optimizer, got {got}; write "
            "lambda parameters: torch.optim.SGD(parameters, lr=0.1)"
        )


def train_over_seeds(
    make_net: Callable[[], torch.nn.Module],
    data: ImageSet,
    seeds: Iterable[int],
    *,
    folder: str | os.PathLike[str] | None = None,
    make_optimizer: Callable[[Sequence[torch.nn.Parameter]], torch.optim.Optimizer] | None = None,
    epochs: int = 499,
    loss_fn: Loss | None = None,
    micro_batch_size: int | Literal["auto"] = "auto",
    device: torch.device | str | None = None,
    checkpoint_every: int = 50,
    precision: Literal["full", "tf32", "bf16"] = "full",
    deterministic: bool = False,
    progress: bool = False,
    together: bool = False,
) -> SeedResults:
    """Train the same network from several random starts and test each.

    A single training says little: another seed may well change the order of two networks.

    Args:
        make_net: Makes a network; called once for each seed, after ``torch.manual_seed(seed)``.
        data: Images to train on and to test with.
        seeds: Whole numbers, each once.
        folder: Where each seed keeps its checkpoint, ``seed-0.ckpt`` and so on, and when it is
            done its result, ``seed-0.json``. The same call made again goes on with what is half
            done. Where a result is there it is taken, and nothing is trained or written: it needs
            no checkpoint, and may have been made elsewhere.
        make_optimizer: Makes an optimizer from the parameters; Adam where it is left out.
        epochs: As for ``fit_full_batch``, like all that follow: how many updates in all.
        loss_fn: Takes scores and labels.
        micro_batch_size: Images taken at a time.
        device: Where to train and to test; ``best_device()`` where it is left out.
        checkpoint_every: Epochs from one checkpoint to the next.
        precision: How exactly numbers are multiplied.
        deterministic: Whether torch must refuse what gives other bits each time.
        progress: Whether to show a bar for each seed.
        together: Whether to train all seeds at once, in one stack of weights, as
            ``fit_ensemble`` does; for small networks on a GPU, which is idle most of the time
            with one of them. Then nothing is kept before all are done, and there is no bar.

    Returns:
        Seeds, accuracies on the test images, histories, and where each was trained. torch's own
        random numbers go on afterwards as if nothing had been drawn.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: ``seeds`` is empty or holds one twice, ``make_net`` makes the same network
            twice, ``folder`` is a file or holds results that are damaged or of another training,
            or ``fit_full_batch`` refuses.

    Examples:
        >>> import torch
        >>> from cnnbook.images import ImageSet
        >>> from cnnbook.seeds import train_over_seeds
        >>> images, labels = torch.tensor([[1.0], [-1.0]])[:, :, None, None], torch.tensor([0, 1])
        >>> data = ImageSet(images, labels, images, labels, ("light", "dark"), "two pixels", True)
        >>> def make_net():
        ...     return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 2))
        >>> def make_sgd(parameters):
        ...     return torch.optim.SGD(parameters, lr=10.0)
        >>> results = train_over_seeds(
        ...     make_net, data, range(3), epochs=50, make_optimizer=make_sgd, device="cpu"
        ... )
        >>> results.accuracies
        (1.0, 1.0, 1.0)
        >>> train_over_seeds(make_net, data, [1, 1])
        Traceback (most recent call last):
            ...
        ValueError: seeds: expected each once, got [1, 1]

    Source:
        Bouthillier et al. (2021), Accounting for variance in machine learning benchmarks,
        section 2.
    """
    _check_makers(make_net, make_optimizer)
    if not isinstance(data, ImageSet):
        raise TypeError(f"data: expected an ImageSet, got {type(data).__name__}")
    numbers = _all_seeds(seeds)
    epochs = check_int(epochs, name="epochs", minimum=1)
    together = check_bool(together, name="together")
    if folder is not None and not isinstance(folder, (str, os.PathLike)):
        raise TypeError(f"folder: expected the path of a folder, got {folder!r}")
    home = None if folder is None else Path(folder)
    if home is not None and home.exists() and not home.is_dir():
        raise ValueError(f"folder: expected the path of a folder, got the file {home}")
    device = best_device() if device is None else check_device(device)
    images = {}
    if home is not None:
        for part in ("train_images", "train_labels", "test_images", "test_labels"):
            images[f"data.{part}"] = [digest(getattr(data, part))]
    cards = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    found: dict[int, tuple[float, History, Provenance]] = {}
    waiting: dict[int, tuple[torch.nn.Module, dict[str, list[str]]]] = {}
    net = None

    def finish(
        seed: int, net: torch.nn.Module, history: History, fingerprint: dict[str, list[str]]
    ) -> None:
        scores = predict_scores(net, data.test_images, device=device)
        share, provenance = accuracy(scores, data.test_labels), _origin(history)
        found[seed] = share, history, provenance
        if home is not None and not init_distributed(device).rank:
            _keep(home / f"seed-{seed}.json", fingerprint, share, history, provenance)

    for seed in numbers:
        with torch.random.fork_rng(cards):
            torch.manual_seed(seed)
            net, optimizer = _make_both(make_net, make_optimizer, net)
            fingerprint: dict[str, list[str]] = {}
            if home is not None:
                rule = torch.optim.Adam(net.parameters()) if optimizer is None else optimizer
                loss = torch.nn.CrossEntropyLoss() if loss_fn is None else loss_fn
                parts = training_fingerprint(net, loss, rule)
                fingerprint = {
                    "make_net": parts["net"] + start_fingerprint(net),
                    **images,
                    "loss_fn": parts["loss_fn"],
                    "make_optimizer": parts["optimizer"],
                    "epochs": [str(epochs)],
                    "precision": [str(precision)],
                    "seeds": [str(seed)],
                }
                done = _read(home / f"seed-{seed}.json", fingerprint, device)
                if done is not None:
                    found[seed] = done
                    continue
            if together:
                waiting[seed] = net, fingerprint
                continue
            history = fit_full_batch(
                net,
                data.train_images,
                data.train_labels,
                optimizer=optimizer,
                checkpoint=None if home is None else home / f"seed-{seed}.ckpt",
                epochs=epochs,
                loss_fn=loss_fn,
                micro_batch_size=micro_batch_size,
                device=device,
                checkpoint_every=checkpoint_every,
                precision=precision,
                deterministic=deterministic,
                progress=progress,
            )
        finish(seed, net, history, fingerprint)
    if waiting:
        stacked = fit_ensemble(
            [net for net, _ in waiting.values()],
            data.train_images,
            data.train_labels,
            epochs=epochs,
            loss_fn=loss_fn,
            make_optimizer=make_optimizer,
            micro_batch_size=micro_batch_size,
            device=device,
            precision=precision,
            deterministic=deterministic,
        )
        for (seed, (net, fingerprint)), history in zip(waiting.items(), stacked, strict=True):
            finish(seed, net, replace(history, seed=seed), fingerprint)
    shares, histories, provenances = zip(*(found[seed] for seed in numbers), strict=True)
    return SeedResults(numbers, shares, histories, provenances)


def _read(
    path: Path, fingerprint: dict[str, list[str]], device: torch.device
) -> tuple[float, History, Provenance] | None:
    """Return what is kept of a seed, or None where nothing is."""
    processes = init_distributed(device)
    data = None
    if not processes.rank:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            data = None
    # One process reads and sends, so that all agree on whether there is something to train.
    data = processes.broadcast_bytes(data)
    if data is None:
        return None
    content = _unpack(data, path)
    check_fingerprint(fingerprint, content["identity"], kept=path, what="result, folder")
    history = History(
        tuple(content["losses"]),
        content["seconds"],
        content["device"],
        content["seed"],
        content["micro_batch_size"],
        processes=content["processes"],
    )
    return content["accuracy"], history, Provenance(**content["origin"])
