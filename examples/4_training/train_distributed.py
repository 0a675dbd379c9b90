"""Train the small CNN on Fashion-MNIST, alone or together with other processes.

Alone:                       python train_distributed.py
As two processes:            torchrun --nproc-per-node 2 train_distributed.py
As two that may be killed:   torchrun --nproc-per-node 2 --max-restarts 3 train_distributed.py \
                                 --checkpoint run.ckpt

With a checkpoint, a training that was stopped resumes when the same command is given again. Each
process uses its own GPU if torch can use one; if there are fewer GPUs, add --device cpu.
"""

import argparse
import os

import torch

from cnnbook.engine.checkpoints import read_checkpoint
from cnnbook.engine.distributed import init_distributed
from cnnbook.images import load_fashion_mnist
from cnnbook.networks import small_cnn
from cnnbook.training import Interrupted, best_device, fit_full_batch


def main() -> int:
    """Train, print which process does what, and return the exit code."""
    parser = argparse.ArgumentParser(description="Train the small CNN, alone or together.")
    parser.add_argument("--images", type=int, default=5000, help="images in the full batch")
    parser.add_argument("--epochs", type=int, default=499, help="updates, one an epoch")
    parser.add_argument("--checkpoint", help="file from which a stopped training resumes")
    parser.add_argument(
        "--checkpoint-every", type=int, default=50, help="epochs from one to the next"
    )
    parser.add_argument("--device", help="such as cpu; default: a GPU if there is one")
    options = parser.parse_args()
    device = torch.device(options.device) if options.device else best_device()

    # Every process holds all images; the trainer decides which of them it works on.
    data = load_fashion_mnist(n_train=options.images, n_test=1, fallback="drawn")
    processes = init_distributed(device)
    shard = processes.shard(options.images)
    # The line break is part of the text; otherwise the lines of several processes would mix.
    print(
        f"process {processes.rank} of {processes.world_size} (pid {os.getpid()}) "
        f"takes {shard.stop - shard.start} images, from {shard.start}\n",
        end="",
        flush=True,
    )
    first = processes.rank == 0
    if first and options.checkpoint:
        before = read_checkpoint(options.checkpoint)
        if before is not None:
            print(f"goes on after epoch {len(before['losses'])}", flush=True)

    torch.manual_seed(0)
    try:
        history = fit_full_batch(
            small_cnn(),
            data.train_images,
            data.train_labels,
            epochs=options.epochs,
            device=device,
            checkpoint=options.checkpoint,
            checkpoint_every=options.checkpoint_every,
        )
    except Interrupted as stop:
        print(stop, flush=True)
        return 1
    if first:
        print(history)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
