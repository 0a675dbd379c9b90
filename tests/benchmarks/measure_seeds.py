"""Train from ten starts what pages 3 and 4 compare, and keep what came out beside the pages.

    python tests/benchmarks/measure_seeds.py [--names cnn mlp] [--seeds 0 1 2]

Takes about an hour on two idle cores. Stopped, it goes on where it was; a seed that is kept is not
trained again. To measure anew, remove examples/1_why/kept_seeds first. The images must be at hand
(``python -m cnnbook.images`` tells), since drawn ones would show nothing.
"""

import argparse
import itertools
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from cnnbook.counting import count_parameters
from cnnbook.images import load_fashion_mnist, shuffle_pixels
from cnnbook.networks import matched_mlp, mlp, small_cnn
from cnnbook.seeds import train_over_seeds

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "examples" / "1_why" / "kept_seeds"


def linear() -> torch.nn.Module:
    """Make the linear classifier: no hidden layer."""
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))


# What is trained: how it is made, and whether on shuffled pixels.
RUNS: dict[str, tuple[Callable[[], torch.nn.Module], bool]] = {
    "linear": (linear, False),
    "matched": (partial(matched_mlp, count_parameters(small_cnn())), False),
    "cnn": (small_cnn, False),
    "cnn_shuffled": (small_cnn, True),
    "mlp": (mlp, False),
    "mlp_shuffled": (mlp, True),
}


def main() -> None:
    """Train all that is not kept yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--names", nargs="+", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--checkpoints", type=Path, default=ROOT / "build" / "seeds")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(10)))
    asked = parser.parse_args()
    data = load_fashion_mnist(n_train=5000, n_test=1000, fallback="error")
    shuffled = replace(
        data,
        train_images=shuffle_pixels(data.train_images),
        test_images=shuffle_pixels(data.test_images),
    )
    # Seed by seed, so that what is there at any time can be compared already.
    for seed, name in itertools.product(asked.seeds, asked.names):
        make_net, is_shuffled = RUNS[name]
        some = shuffled if is_shuffled else data
        work, kept, result = asked.checkpoints / name, KEPT / name, f"seed-{seed}.json"
        if (kept / result).exists():
            # Read, so that what is kept of another training is refused here already.
            train_over_seeds(make_net, some, [seed], folder=kept)
            continue
        one = train_over_seeds(make_net, some, [seed], folder=work)
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(work / result, kept / f".{result}.part")
        (kept / f".{result}.part").replace(kept / result)
        # Done, so that a gigabyte of them does not pile up.
        for path in work.glob(f"seed-{seed}.ckpt*"):
            path.unlink()
        print(name, seed, f"{one.accuracies[0]:.4f}", one.histories[0], flush=True)


if __name__ == "__main__":
    main()
