"""Train the networks of pages 4 and 5 from ten seeds, and keep the results beside the pages.

    python tests/benchmarks/measure_seeds.py [--names cnn mlp] [--seeds 0 1 2]

It takes about an hour on two idle cores. Started again after an interruption, it resumes; a seed
with a kept result is not trained again. To measure again, remove examples/1_why/kept_seeds first.
It needs Fashion-MNIST (``python -m cnnbook.images`` reports it), since results on drawn images
would mean nothing.
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
    """Return the linear classifier: no hidden layer."""
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))


# What is trained: a function that creates the network, and whether its pixels are shuffled.
RUNS: dict[str, tuple[Callable[[], torch.nn.Module], bool]] = {
    "linear": (linear, False),
    "matched": (partial(matched_mlp, count_parameters(small_cnn())), False),
    # As many multiplications as the CNN: 93 * (784 + 10) = 73,842 beside 73,696.
    "same_macs": (partial(mlp, hidden=93), False),
    "cnn": (small_cnn, False),
    "cnn_shuffled": (small_cnn, True),
    "mlp": (mlp, False),
    "mlp_shuffled": (mlp, True),
}


def main() -> None:
    """Train everything without a kept result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--names", nargs="+", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--checkpoints", type=Path, default=ROOT / "build" / "seeds")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(10)))
    options = parser.parse_args()
    data = load_fashion_mnist(n_train=5000, n_test=1000, fallback="error")
    shuffled = replace(
        data,
        train_images=shuffle_pixels(data.train_images),
        test_images=shuffle_pixels(data.test_images),
    )
    # Seed by seed, so that an unfinished run already has results to compare.
    for seed, name in itertools.product(options.seeds, options.names):
        make_net, is_shuffled = RUNS[name]
        chosen = shuffled if is_shuffled else data
        work, kept, result = options.checkpoints / name, KEPT / name, f"seed-{seed}.json"
        if (kept / result).exists():
            # Reading it refuses a result of another training now, not when the page is built.
            train_over_seeds(make_net, chosen, [seed], folder=kept)
            continue
        one = train_over_seeds(make_net, chosen, [seed], folder=work)
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(work / result, kept / f".{result}.part")
        (kept / f".{result}.part").replace(kept / result)
        # Finished checkpoints would add up to a gigabyte.
        for path in work.glob(f"seed-{seed}.ckpt*"):
            path.unlink()
        print(name, seed, f"{one.accuracies[0]:.4f}", one.histories[0], flush=True)


if __name__ == "__main__":
    main()
