"""Train the small CNN with torch's DistributedDataParallel.

As two processes:   torchrun --nproc-per-node 2 train_ddp.py

Each process takes its share of the full batch. It trains twice from the same start: with the mean
loss of each share weighted by its size, and without the weights.
"""

import argparse
import json

import torch
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from cnnbook.images import load_fashion_mnist
from cnnbook.networks import small_cnn

parser = argparse.ArgumentParser(description="Train the small CNN with DistributedDataParallel.")
parser.add_argument("--images", type=int, default=5000, help="images in the full batch")
parser.add_argument("--epochs", type=int, default=499, help="updates, one an epoch")
parser.add_argument("--losses", help="file for the losses, as JSON")
options = parser.parse_args()

torch.distributed.init_process_group("gloo")
rank, world_size = torch.distributed.get_rank(), torch.distributed.get_world_size()
data = load_fashion_mnist(n_train=options.images, n_test=1, fallback="drawn")
images = data.train_images.tensor_split(world_size)[rank]
labels = data.train_labels.tensor_split(world_size)[rank]
weights = {"weighted": len(images) * world_size / options.images, "mean of means": 1.0}

losses: dict[str, list[float]] = {name: [] for name in weights}
for name, weight in weights.items():
    torch.manual_seed(0)
    net = DistributedDataParallel(small_cnn())
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(options.epochs):
        loss = cross_entropy(net(images), labels)
        (loss * weight).backward()  # and every gradient is the mean over the processes
        optimizer.step()
        optimizer.zero_grad()
        # The loss of the full batch, for the report; DDP averages gradients only.
        whole = loss.detach() * len(images) / options.images
        torch.distributed.all_reduce(whole)
        losses[name].append(whole.item())

if rank == 0:
    for name, values in losses.items():
        print(f"{name}: {len(values)} epochs, loss {values[0]:.6f} to {values[-1]:.6f}")
    if options.losses:
        with open(options.losses, "w", encoding="utf-8") as file:
            json.dump(losses, file)
torch.distributed.destroy_process_group()
