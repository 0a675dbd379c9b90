"""The same training from several random starts, so that luck is not mistaken for skill."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch

from cnnbook._checks import check_bool, check_images, check_int, check_net, summarize
from cnnbook._devices import best_device, check_device, cpu_by_default
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
from cnnbook.engine.random_state import preserve_random_state
from cnnbook.images import ImageSet
from cnnbook.metrics import MeanInterval, accuracy, mean_interval, predict_scores
from cnnbook.training import History, Loss, fit_full_batch

__all__ = ["Provenance", "SeedResults", "train_over_seeds"]

# The number changes when the keys do.
_FORMAT = "cnnbook seed 2"


@dataclass(frozen=True)
class Provenance:
    """Where and when a network was trained.

    Attributes:
        device: The card's name, or ``"cpu with"`` the instructions that torch used on it.
        threads: How many threads torch had.
        torch_version: Such as ``"2.15.0"``.
        date: Such as ``"2026-11-24"``, UTC.

    Examples:
        >>> from cnnbook.seeds import Provenance
        >>> print(Provenance("cpu with AVX2", 2, "2.15.0", "2026-11-24"))
        cpu with AVX2 (2 threads), torch 2.15.0, 2026-11-24
    """

    device: str
    threads: int
    torch_version: str
    date: str

    def __str__(self) -> str:
        """Return device, threads, torch and date in one line."""
        threads = f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        return f"{self.device} ({threads}), torch {self.torch_version}, {self.date}"


@dataclass(frozen=True)
class SeedResults:
    """The results of the same training from several random starts.

    Attributes:
        seeds: The seeds, in the order in which they were given.
        accuracies: For each, the accuracy on the test images at the end.
        histories: For each, the history of the training.
        provenances: For each, where and when it was trained; for a result from a folder, perhaps
            elsewhere and long ago.

    Examples:
        >>> from cnnbook.seeds import Provenance, SeedResults
        >>> from cnnbook.training import History
        >>> first, second = (History((2.5, loss), 1.0, "cpu", 0, 8) for loss in (0.25, 0.5))
        >>> here = Provenance("cpu with AVX2", 2, "2.15.0", "2026-11-24")
        >>> print(SeedResults((0, 1), (0.875, 0.75), (first, second), (here, here)))
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
            confidence: The confidence level, between 0 and 1.

        Returns:
            Mean, bounds and deviation, as ``metrics.mean_interval`` returns them.

        Raises:
            TypeError: ``confidence`` is not a number.
            ValueError: There are fewer than two seeds, or ``confidence`` is not between 0 and 1.
        """
        return mean_interval(self.accuracies, confidence=confidence)

    def _lines(self) -> tuple[list[str], list[list[str]], list[str]]:
        losses = [history.losses[-1] for history in self.histories]
        rows = [
            [str(seed), f"{loss:.4f}", f"{value:.4f}"]
            for seed, loss, value in zip(self.seeds, losses, self.accuracies, strict=True)
        ]
        count = len(self.seeds)
        means = sum(losses) / count, sum(self.accuracies) / count
        header = ["seed", "last loss", "accuracy"]
        return header, rows, ["mean", *(f"{mean:.4f}" for mean in means)]

    def _trained(self) -> list[str]:
        """Return lines on where the seeds were trained, one if it is the same for all."""
        groups: dict[Provenance, list[int]] = {}
        for seed, provenance in zip(self.seeds, self.provenances, strict=False):
            groups.setdefault(provenance, []).append(seed)
        if len(groups) == 1:
            return [f"trained: {provenance}" for provenance in groups]
        return [
            f"trained: seed{'' if len(seeds) == 1 else 's'} {_join_seeds(seeds)}: {provenance}"
            for provenance, seeds in groups.items()
        ]

    def __str__(self) -> str:
        """Return a line for each seed, the means, the interval, and where it was trained."""
        if not self.seeds:
            return "no seed"
        header, rows, footer = self._lines()
        lines = [text_table(header, rows, footer, right=header)]
        # One seed does not show how much seeds differ.
        if len(self.seeds) > 1:
            lines.append(f"accuracy: {self.interval()}")
        return "\n".join([*lines, *self._trained()])

    def _repr_html_(self) -> str:
        if not self.seeds:
            return "<p>no seed</p>"
        caption = f"Accuracy: {self.interval()}" if len(self.seeds) > 1 else "Accuracy"
        return html_table("; ".join([caption, *self._trained()]), *self._lines())


def _join_seeds(seeds: Sequence[int]) -> str:
    """Write seeds in one line; three or more that follow one another as the first and the last."""
    first, last = seeds[0], seeds[-1]
    if len(seeds) > 2 and list(seeds) == list(range(first, last + 1)):
        return f"{first} to {last}"
    return ", ".join(map(str, seeds))


def _check_seeds(seeds: Iterable[int]) -> tuple[int, ...]:
    # A tensor or array without axes counts as iterable, but cannot be iterated over.
    axes = getattr(seeds, "ndim", 1)
    if isinstance(seeds, (str, bytes)) or not isinstance(seeds, Iterable) or axes == 0:
        raise TypeError(
            f"seeds: expected several whole numbers, got {summarize(seeds)}; write range(5) "
            "or [0, 1, 2]"
        )
    numbers = tuple(check_int(seed, name="seeds", minimum=0) for seed in seeds)
    if not numbers:
        raise ValueError("seeds: expected at least one, got none")
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"seeds: expected each once, got {list(numbers)}")
    return numbers


def _sha256(content: dict[str, Any]) -> str:
    """Compute the SHA-256 of a result, independent of key order and white space in its file."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _pack(content: dict[str, Any]) -> bytes:
    # A line for each key, so that people can read it. Python writes the shortest decimal number
    # that is read back to the same bits.
    signed = content | {"sha256": _sha256(content)}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in signed.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _unpack(data: bytes, path: Path) -> dict[str, Any]:
    problem = "its SHA-256 is not the one that was written with it: it is truncated or changed"
    try:
        content = json.loads(data)
        written = content.pop("sha256")
        if content["format"] != _FORMAT:
            problem = f"it is {content['format']!r} and not {_FORMAT!r}"
        elif written == _sha256(content):
            return dict(content)
    # The bytes may be anything: not text, not JSON, not a dict, a missing key, NaN.
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        pass
    raise ValueError(
        f"folder: expected undamaged results, got {path}: {problem}; delete it to train its "
        "seed again"
    )


def _write_result(
    path: Path,
    fingerprint: dict[str, list[str]],
    test_accuracy: float,
    history: History,
    provenance: Provenance,
) -> None:
    """Write the result of a seed atomically."""
    content = {
        "format": _FORMAT,
        "seed": history.seed,
        "accuracy": test_accuracy,
        "seconds": history.seconds,
        "device": history.device,
        "micro_batch_size": history.micro_batch_size,
        "processes": history.processes,
        "provenance": asdict(provenance),
        "fingerprint": fingerprint,
        "losses": list(history.losses),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    # Taking the lock removes what a killed program left; no process holds it for long.
    with exclusive_lock(path.parent, seconds=60), atomic_write(path) as file:
        file.write(_pack(content))


def _provenance(history: History) -> Provenance:
    return Provenance(
        device=device_name(torch.device(history.device)),
        threads=torch.get_num_threads(),
        torch_version=str(torch.__version__),
        date=datetime.now(UTC).date().isoformat(),
    )


def _make_net_and_optimizer(
    make_net: Callable[[], torch.nn.Module],
    make_optimizer: Callable[[Sequence[torch.nn.Parameter]], torch.optim.Optimizer] | None,
    previous: torch.nn.Module | None,
) -> tuple[torch.nn.Module, torch.optim.Optimizer | None]:
    """Make a network and its optimizer, and check that the network is a new one."""
    # On the CPU, so that a seed gives the same start whatever torch's default device is.
    with cpu_by_default():
        net = make_net()
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"make_net: expected a network, got {type(net).__name__}")
    check_net(net, name="make_net")
    if net is previous:
        raise ValueError(
            "make_net: expected a new network for each seed, got the same one again, which would "
            "continue where the previous seed ended; make it inside the function"
        )
    if make_optimizer is None:
        return net, None
    with cpu_by_default():
        optimizer = make_optimizer(list(net.parameters()))
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"make_optimizer: expected an optimizer, got {type(optimizer).__name__}; return one "
            "such as torch.optim.Adam(parameters)"
        )
    return net, optimizer


def _check_makers(make_net: object, make_optimizer: object) -> None:
    if not callable(make_net):
        raise TypeError(
            f"make_net: expected a function that makes a network, got {summarize(make_net)}"
        )
    # A network can be called, but does not return a network.
    if isinstance(make_net, torch.nn.Module):
        raise TypeError(
            "make_net: expected a function that makes a network, got a network, "
            f"{type(make_net).__name__}; write make_net=small_cnn, without parentheses, or "
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


def _check_test_data(net: torch.nn.Module, data: ImageSet, device: torch.device) -> None:
    """Refuse test images and labels with which the network could not be tested after training."""
    try:
        check_images(data.test_images)
        if not torch.isfinite(data.test_images).all():
            raise ValueError("images: expected finite numbers, got NaN or infinity among them")
        # As many images at a time as in the test; some networks do not accept a single one.
        first = predict_scores(net, data.test_images[:250], device=device)
        # Labels are checked against the number of images and of scores; the scores do not matter.
        scores = torch.zeros(len(data.test_images), first.shape[1], device="cpu")
        accuracy(scores, data.test_labels)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"data: expected test images and labels that fit the network, got others: {error}"
        ) from error


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
    ensemble: bool = False,
) -> SeedResults:
    """Train the same network from several random starts and test each.

    A single training proves little: with another seed, the other of two networks may be better.

    Args:
        make_net: Makes a network; called once for each seed, after ``torch.manual_seed(seed)``.
        data: Training and test images.
        seeds: Whole numbers, each once.
        folder: For the checkpoint of each seed, ``seed-0.ckpt`` and so on, and for its result when
            it is done, ``seed-0.json``. The same call made again resumes unfinished seeds. A seed
            with a result is neither trained nor written again; its result needs no checkpoint and
            may have been computed elsewhere.
        make_optimizer: Makes an optimizer from the parameters; Adam by default.
        epochs: Number of updates; this and the arguments below are as for ``fit_full_batch``.
        loss_fn: Takes scores and labels.
        micro_batch_size: How many images go through the network at a time.
        device: Where to train and to test; ``best_device()`` if it is left out.
        checkpoint_every: Epochs from one checkpoint to the next.
        precision: How exactly numbers are multiplied.
        deterministic: Whether torch must refuse operations that are not deterministic.
        progress: Whether to show a bar for each seed.
        ensemble: Whether to train all seeds at once, as ``fit_ensemble`` does. It is for small
            networks, each of which alone would leave a GPU idle most of the time. Nothing is
            written before all seeds are done, and there is no progress bar.

    Returns:
        Seeds, accuracies on the test images, histories, and where each was trained. torch's random
        state is the same afterwards as before.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: ``seeds`` is empty or holds one twice, ``make_net`` returns the same network
            twice, the test images or labels do not fit the network, ``folder`` is a file or holds
            results that are damaged or of another training, or ``fit_full_batch`` refuses an
            argument.

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
    tensor_names = ("train_images", "train_labels", "test_images", "test_labels")
    for part in tensor_names:
        if not isinstance(getattr(data, part), torch.Tensor):
            raise TypeError(
                f"data: expected tensors, got {type(getattr(data, part)).__name__} as {part}"
            )
    numbers = _check_seeds(seeds)
    epochs = check_int(epochs, name="epochs", minimum=1)
    ensemble = check_bool(ensemble, name="ensemble")
    if folder is not None and not isinstance(folder, (str, os.PathLike)):
        raise TypeError(f"folder: expected the path of a folder, got {summarize(folder)}")
    root = None if folder is None else Path(folder)
    if root is not None and root.exists() and not root.is_dir():
        raise ValueError(f"folder: expected the path of a folder, got the file {root}")
    device = best_device() if device is None else check_device(device)
    data_digests = {}
    if root is not None:
        for part in tensor_names:
            data_digests[f"data.{part}"] = [digest(getattr(data, part))]
    gpus = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    results: dict[int, tuple[float, History, Provenance]] = {}
    # Trained together, after all have been made.
    pending: dict[int, tuple[torch.nn.Module, dict[str, list[str]]]] = {}
    net = None

    def finish(
        seed: int, net: torch.nn.Module, history: History, fingerprint: dict[str, list[str]]
    ) -> None:
        scores = predict_scores(net, data.test_images, device=device)
        test_accuracy, provenance = accuracy(scores, data.test_labels), _provenance(history)
        results[seed] = test_accuracy, history, provenance
        if root is not None and not init_distributed(device).rank:
            path = root / f"seed-{seed}.json"
            _write_result(path, fingerprint, test_accuracy, history, provenance)

    for seed in numbers:
        with torch.random.fork_rng(gpus):
            torch.manual_seed(seed)
            net, optimizer = _make_net_and_optimizer(make_net, make_optimizer, net)
            fingerprint: dict[str, list[str]] = {}
            if root is not None:
                parts = training_fingerprint(
                    net,
                    torch.nn.CrossEntropyLoss() if loss_fn is None else loss_fn,
                    torch.optim.Adam(net.parameters()) if optimizer is None else optimizer,
                )
                fingerprint = {
                    "make_net": parts["net"] + start_fingerprint(net),
                    **data_digests,
                    "loss_fn": parts["loss_fn"],
                    "make_optimizer": parts["optimizer"],
                    "epochs": [str(epochs)],
                    "precision": [str(precision)],
                    "seeds": [str(seed)],
                }
                result = _read_result(root / f"seed-{seed}.json", fingerprint, device)
                if result is not None:
                    results[seed] = result
                    continue
            # Now, since after the training it would be lost. Whatever the network draws for it, the
            # training starts from the same random state.
            with preserve_random_state(device):
                _check_test_data(net, data, device)
            if ensemble:
                pending[seed] = net, fingerprint
                continue
            history = fit_full_batch(
                net,
                data.train_images,
                data.train_labels,
                optimizer=optimizer,
                checkpoint=None if root is None else root / f"seed-{seed}.ckpt",
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
    if pending:
        stacked = fit_ensemble(
            [net for net, _ in pending.values()],
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
        for (seed, (net, fingerprint)), history in zip(pending.items(), stacked, strict=True):
            finish(seed, net, replace(history, seed=seed), fingerprint)
    accuracies, histories, provenances = zip(*(results[seed] for seed in numbers), strict=True)
    return SeedResults(numbers, accuracies, histories, provenances)


def _read_result(
    path: Path, fingerprint: dict[str, list[str]], device: torch.device
) -> tuple[float, History, Provenance] | None:
    """Return the result of a seed, or None if there is none."""
    processes = init_distributed(device)
    data = None
    if not processes.rank:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            data = None
    # One process reads the file and sends it, so that all agree on whether to train.
    data = processes.broadcast_bytes(data)
    if data is None:
        return None
    content = _unpack(data, path)
    check_fingerprint(fingerprint, content["fingerprint"], kind="result", path=path)
    history = History(
        tuple(content["losses"]),
        content["seconds"],
        content["device"],
        content["seed"],
        content["micro_batch_size"],
        processes=content["processes"],
    )
    return content["accuracy"], history, Provenance(**content["provenance"])
