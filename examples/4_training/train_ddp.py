"""Train the small CNN with torch's DistributedDataParallel.

As two processes:   torchrun --nproc-per-node 2 train_ddp.py

Each process takes its share of the full batch. It trains twice from the same start: with the mean
loss of each share weighted by its size, and without the weights.
"""

import argparse
import json

import torch
import torch.distributed.nn  # Now: if an optimizer imports it later, it keeps the process group.
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from cnnbook.images import load_fashion_mnist
from cnnbook.networks import small_cnn


def train(
    images: torch.Tensor, labels: torch.Tensor, weight: float, part: float, epochs: int
) -> list[float]:
    """Train on this process's share, a part of the full batch; return the full batch's losses."""
    torch.manual_seed(0)
    net = DistributedDataParallel(small_cnn())
    optimizer = torch.optim.Adam(net.parameters())
    losses = []
    for _ in range(epochs):
        loss = cross_entropy(net(images), labels)
        (loss * weight).backward()  # and every gradient is the mean over the processes
        optimizer.step()
        optimizer.zero_grad()
        # For the report; DDP averages gradients only.
        whole = loss.detach() * part
        torch.distributed.all_reduce(whole)
        losses.append(whole.item())
    return losses


def main() -> None:
    """Train with and without the weights; print the losses."""
    parser = argparse.ArgumentParser(
        description="Train the small CNN with DistributedDataParallel."
    )
    parser.add_argument("--images", type=int, default=5000, help="images in the full batch")
    parser.add_argument("--epochs", type=int, default=499, help="updates, one an epoch")
    parser.add_argument("--losses", help="file for the losses, as JSON")
    options = parser.parse_args()

    torch.distributed.init_process_group("gloo")
    rank, world_size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    data = load_fashion_mnist(n_train=options.images, n_test=1, fallback="drawn")
    images = data.train_images.tensor_split(world_size)[rank]
    labels = data.train_labels.tensor_split(world_size)[rank]
    part = len(images) / options.images
    weights = {"weighted": part * world_size, "mean of means": 1.0}

    losses = {
        name: train(images, labels, weight, part, options.epochs)
        for name, weight in weights.items()
    }
    if rank == 0:
        for name, values in losses.items():
            print(f"{name}: {len(values)} epochs, loss {values[0]:.6f} to {values[-1]:.6f}")
        if options.losses:
            with open(options.losses, "w", encoding="utf-8") as file:
                json.dump(losses, file)
    # The networks are gone, so nothing holds the group any more, and gloo's threads end here. If
    # they live until the interpreter ends, they can abort the process.
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
