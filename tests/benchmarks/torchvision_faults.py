"""Give torchvision's own loader the faults of the data tests, and ours beside it.

    PYTHONPATH=.:tests python tests/benchmarks/torchvision_faults.py > table.md

Both load the same small files, each fault in a process of its own that is ended after eight
seconds; a load that has not ended by then hangs, since the longest of ours takes two here. The
result is one of:

right         the published data
silent        other data than was published, or labels that are not one for each image
cryptic       an exception that does not name the file
named         an exception that names the file
hang          no end

and, for torchvision with a mirror at hand, what the next healthy load gives.
"""

import hashlib
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from data_faults import ARCHIVED, CACHED, NETWORK
from small_data import ARCHIVES, CONTENT, IMAGES, lay, publish, serving
from torchvision.datasets import FashionMNIST

from cnnbook._data.cache import raw_folder
from cnnbook.images import load_fashion_mnist

PATIENCE = 8


def theirs(root: Path, *, download: bool) -> tuple[torch.Tensor, ...]:
    """Load with torchvision."""
    sets = [FashionMNIST(str(root), train=train, download=download) for train in (True, False)]
    for one in sets:
        one[len(one) - 1]
    return tuple(tensor for one in sets for tensor in (one.data, one.targets))


def ours(root: Path, *, download: bool) -> tuple[torch.Tensor, ...]:
    """Load with cnnbook."""
    data = load_fashion_mnist(12, 7, root=root, download=download, one_hot=False)
    images = [(part[:, 0] * 255).round().byte() for part in (data.train_images, data.test_images)]
    return images[0], data.train_labels, images[1], data.test_labels


def right() -> tuple[torch.Tensor, ...]:
    """Return what was published."""
    parts = []
    for name, content in CONTENT.items():
        body = torch.tensor(list(content[16 if "images" in name else 8 :]), dtype=torch.uint8)
        parts.append(body.reshape(-1, 28, 28) if "images" in name else body.long())
    return tuple(parts)


def end(load: Callable[..., tuple[torch.Tensor, ...]], root: Path, *, download: bool) -> str:
    """Run a load in a process of its own; return how it ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        # torchvision prints a bar.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        signal.alarm(PATIENCE)
        try:
            got = load(root, download=download)
            same = all(
                one.shape == two.shape and torch.equal(one, two)
                for one, two in zip(got, right(), strict=True)
            )
            message = "right" if same else "silent"
        except BaseException as error:
            text = str(error)
            named = any(name in text for name in ARCHIVES | CONTENT)
            message = f"{'named' if named else 'cryptic'}: {type(error).__name__}: {text[:70]}"
        os.write(writing, json.dumps(message).encode())
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read()
    return "hang" if os.WIFSIGNALED(status) else str(json.loads(said))


def main() -> None:
    """Print the table."""
    publish(setattr)
    FashionMNIST.resources = [
        (name, hashlib.md5(data).hexdigest()) for name, data in ARCHIVES.items()
    ]
    totals: dict[str, dict[str, int]] = {"torchvision": {}, "cnnbook": {}}
    print("| fault | torchvision | then | cnnbook | then |\n|---|---|---|---|---|")

    def row(name: str, prepare: Callable[[Path], None], fault: str, *, download: bool) -> None:
        cells = []
        for who, load in (("torchvision", theirs), ("cnnbook", ours)):
            with tempfile.TemporaryDirectory() as folder, serving() as mirror:
                os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
                os.environ["CNNBOOK_MIRROR"] = mirror.mirror("one")
                FashionMNIST.mirrors = [f"{mirror.mirror('one')}/"]
                prepare(Path(folder))
                mirror.always["one"] = fault
                started = time.monotonic()
                message = end(load, Path(folder), download=download)
                seconds = time.monotonic() - started
                mirror.always.clear()
                after = end(load, Path(folder), download=True)
                kind = message.partition(":")[0]
                totals[who][kind] = totals[who].get(kind, 0) + 1
                after_kind = after.partition(":")[0]
                key = "next load not right"
                totals[who][key] = totals[who].get(key, 0) + (after_kind != "right")
                shown = message.replace("|", "/").replace("\n", " ").replace(folder, "...")
                cells += [
                    f"{shown if who == 'torchvision' else kind} ({seconds:.1f} s)",
                    after_kind,
                ]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)

    def damaged(name: str, content: bytes, extracted: bool) -> Callable[[Path], None]:
        def prepare(root: Path) -> None:
            (lay(root, extracted=extracted) / name).write_bytes(content)

        return prepare

    def beside(name: str, content: bytes) -> Callable[[Path], None]:
        def prepare(root: Path) -> None:
            raw = lay(root)
            for other, data in CONTENT.items():
                (raw / other).write_bytes(data)
            (raw / name).write_bytes(content)

        return prepare

    for name, (file, change) in CACHED.items():
        row(name, damaged(file, change(CONTENT[file]), True), "", download=False)
    for name in ("images: half", "labels: rolled by one"):
        file, change = CACHED[name]
        row(f"{name}, good archive", beside(file, change(CONTENT[file])), "", download=True)
    for name, change in ARCHIVED.items():
        archive = f"{IMAGES}.gz"
        row(name, damaged(archive, change(ARCHIVES[archive]), False), "404", download=True)
    for fault in NETWORK:
        row(
            f"network: {fault}",
            lambda root: raw_folder(root).mkdir(parents=True),
            fault,
            download=True,
        )
    for who, total in totals.items():
        print(f"\n{who}: {json.dumps(total)}")


if __name__ == "__main__":
    main()
