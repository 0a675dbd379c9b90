"""
19. More than one machine
=========================

*How can several processes train one network, and what happens if one of them is killed?*

You need :doc:`/gallery/4_training/plot_18_micro_batches`: the :term:`gradient` of a batch is the
sum of the gradients of its micro-batches. A :term:`process` is a running program with memory of
its own, which no other process can read.
"""

# %%
# With a pencil
# -------------
#
# Here are the six images of the last page again. Their parts of the gradient were -2, -4, -2, 0,
# -12 and -4, their sum -24, their mean -4. Now there are four processes. Six images cannot be
# divided equally among four, so the first two processes take one more. The processes are numbered
# from 0, and torch calls that number the *rank*. Which process takes which images, and what does
# each have to send to the others so that all of them can compute the -4?
#
# .. guess:: What each process sends

import torch

from cnnbook.engine.distributed import Processes

parts = torch.tensor([-2.0, -4.0, -2.0, 0.0, -12.0, -4.0])
cpu = torch.device("cpu")
shares = [parts[Processes(rank, 4, cpu).shard(6)] for rank in range(4)]
for rank, share in enumerate(shares):
    print(f"process {rank}: {share.tolist()}, sum {share.sum().item()}, mean {share.mean().item()}")
assert [len(share) for share in shares] == [2, 2, 1, 1]
assert [share.sum().item() for share in shares] == [-6, -2, -12, -4]
assert [share.mean().item() for share in shares] == [-3, -1, -12, -4]

# %%
# Each sends one number, its sum: -6, -2, -12 and -4. Added up and divided by six, they give -4. If
# they send their means, each must be weighted with its share of the six. A plain mean of the four
# means would be -5, the mistake of the last page.

print(sum(share.mean().item() * len(share) / 6 for share in shares))
assert sum(share.sum() for share in shares) / 6 == -24 / 6 == -4
assert (2 * -3 + 2 * -1 + 1 * -12 + 1 * -4) / 6 == -4
assert (-3 - 1 - 12 - 4) / 4 == -5

# %%
# It is -4, up to rounding. And no process has sent a pixel to another.
#
# What everybody uses
# -------------------
#
# .. index:: ! DistributedDataParallel, data parallel training
#
# torch has a class for this, ``DistributedDataParallel``, DDP for short [Li2020]_. It wraps a
# network. Each process computes the mean loss of its own images and calls ``backward``; DDP
# exchanges the gradients, and then every process has their *mean over the processes*. That is the
# mean of means. With two processes of three images each, it is right:

two = [parts[Processes(rank, 2, cpu).shard(6)].mean().item() for rank in range(2)]
print(f"three and three: {two[0]:.2f} and {two[1]:.2f}, mean {sum(two) / 2:.2f}")
assert abs(sum(two) / 2 - -4) < 1e-6

# %%
# If the shares are equal, DDP computes the gradient of the full batch, -4. With the four shares
# from above it computes -5. The remedy is to weight the loss of each process before ``backward``.
# DDP divides by the number of processes, but we want to divide by the number of images, so the
# weight is the process's number of images, times the number of processes, divided by the number of
# all images: 8/6 for a share of two, and 4/6 for a share of one.

weights = [len(share) * 4 / 6 for share in shares]
means = [share.mean().item() for share in shares]
weighted = sum(weight * mean for weight, mean in zip(weights, means, strict=True)) / 4
print([f"{weight:.2f}" for weight in weights], f"{weighted:.2f}")
assert weights == [8 / 6, 8 / 6, 4 / 6, 4 / 6]
assert abs(weighted - -4) < 1e-6
assert (8 * -3 + 8 * -1 + 4 * -12 + 4 * -4) / 6 / 4 == -4

# %%
# (torch's ``DistributedSampler`` makes the shares equal by giving some images to two processes.
# Those images then count twice.)
#
# Here is a whole script, :download:`train_ddp.py </../examples/4_training/train_ddp.py>`. To run
# this page, both this script and the one that is used later must be in the folder of the page:

import os
import sys
from pathlib import Path

here = Path(__file__).parent if "__file__" in globals() else Path.cwd()
ddp_script, script = here / "train_ddp.py", here / "train_distributed.py"
for file in (ddp_script, script):
    if not file.is_file():
        raise FileNotFoundError(
            f"{file}: expected the script beside this page, got nothing; copy it from the folder "
            "examples/4_training of the project, and start this page in the folder where it is"
        )
print(ddp_script.read_text("utf-8"))

# %%
# The box shows the beginning; scroll in it for the rest. Two lines matter most. The first wraps the
# network: ``net = DistributedDataParallel(small_cnn())``. The second weights the loss:
# ``(loss * weight).backward()``. The script trains twice, the second time without the weights. A
# shell starts it in two processes with ``torchrun --nproc-per-node 2 train_ddp.py``; ``torchrun``
# comes with torch. Here we start it from Python. The processes communicate through a library named
# gloo.

import subprocess
import tempfile

gloo = torch.distributed.is_available() and torch.distributed.is_gloo_available()
if os.name != "posix" or not gloo:
    raise RuntimeError(
        "torch.distributed: expected Linux or macOS, with gloo, got something else; on Windows, "
        "run this page in WSL"
    )
folder = tempfile.TemporaryDirectory()
loopback = "lo" if sys.platform == "linux" else "lo0"
environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": loopback}
torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]

# %%
# ``OMP_NUM_THREADS`` gives each process one thread, since several processes now share the cores.
# The next function starts a script in several processes.


# Folded on the site: start a script
def start(
    processes: int, name: str, *command: object, restarts: int = 0
) -> subprocess.Popen[bytes]:
    """Start a script; what it prints is kept in files of that name."""
    several = [*torchrun, f"--nproc-per-node={processes}", f"--max-restarts={restarts}"]
    full = [*(several if processes > 1 else [sys.executable]), *map(str, command)]
    file = Path(folder.name, name)
    with open(f"{file}.txt", "wb") as output, open(f"{file}.err", "wb") as errors:
        return subprocess.Popen(full, env=environment, stdout=output, stderr=errors)


# %%
# And this one waits for the end, with a time limit, and shows what was printed.


# Folded on the site: wait for its end
def finish(running: subprocess.Popen[bytes], name: str) -> str:
    """Wait for the end; show and return what was printed."""
    try:
        code = running.wait(timeout=300)
    except subprocess.TimeoutExpired:
        running.terminate()  # torchrun then ends the processes that it has started
        print(Path(folder.name, f"{name}.err").read_text("utf-8"))
        raise
    printed = Path(folder.name, f"{name}.txt").read_text("utf-8")
    print(printed)
    assert code == 0, Path(folder.name, f"{name}.err").read_text("utf-8")
    return printed


# %%
# 101 images for two processes: one takes 51 and the other 50. We train for 50 epochs. How much do
# you expect the loss to change because one process has one image more?
#
# .. guess:: The loss changes
#    :choices: not at all | a little | by more than a half

losses_file = Path(folder.name, "ddp.json")
options = ["--images=101", "--epochs=50", f"--losses={losses_file}"]
printed = finish(start(2, "ddp", ddp_script, *options), "ddp")
assert printed.count("50 epochs") == 2
for line in ("net = DistributedDataParallel(small_cnn())", "(loss * weight).backward()"):
    assert line in ddp_script.read_text("utf-8")
assert [len(share) for share in torch.arange(101).tensor_split(2)] == [51, 50]

# %%
# Which of the two is the loss of the full batch? The plain loop on one process shows it:

import json

from torch.nn.functional import cross_entropy

from cnnbook.images import load_fashion_mnist
from cnnbook.networks import small_cnn

data = load_fashion_mnist(n_train=101, n_test=1, fallback="drawn")
torch.manual_seed(0)
net = small_cnn()

# %%
# The same start as in the script.

by_loop = []
optimizer = torch.optim.Adam(net.parameters())
for _ in range(50):
    loss = cross_entropy(net(data.train_images), data.train_labels)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    by_loop.append(loss.item())
print(f"one process: {len(by_loop)} epochs, loss {by_loop[0]:.6f} to {by_loop[-1]:.6f}")

# %%
# How far is DDP from it, with the weights and without?

right = torch.tensor(by_loop, dtype=torch.float64)
apart = {
    name: ((torch.tensor(values, dtype=torch.float64) - right) / right).abs().max().item()
    for name, values in json.loads(losses_file.read_text("utf-8")).items()
}
for name, largest in apart.items():
    print(f"{name}: apart by at most {largest:.0e} of the loss")
assert apart["weighted"] < 1e-5
assert apart["mean of means"] > 10 * apart["weighted"]

# %%
# With the weights, the loss is that of one process except for roundings, below 1e-5 of its size in
# all 50 epochs. Without them it is another one, although 51 and 50 are almost equal. The mistake
# grows with the difference of the shares: :doc:`/gallery/4_training/plot_18_micro_batches` had one
# share of a single image and another of all the rest, and there the mistake was longer than the
# gradient itself. No error is raised.
#
# .. guess-end::
#
# Sums instead of means
# ---------------------
#
# The library's trainer exchanges *sums*, so that nobody has to remember the weights. How that
# works, with real images and the small CNN: ten garments, four processes, and the gradient that
# each of them computes for the four weights of the first :term:`kernel`.

images, labels = data.train_images[:10], data.train_labels[:10]
torch.manual_seed(0)
net = small_cnn()
gradients, sizes = [], []
for rank in range(4):
    shard = Processes(rank, 4, cpu).shard(10)
    loss = cross_entropy(net(images[shard]), labels[shard], reduction="sum")
    gradients.append(torch.autograd.grad(loss, net[0].weight)[0][0, 0])
    sizes.append(shard.stop - shard.start)

# %%
# Four independent computations, until the sum is made (to two decimals):

from cnnbook.figures import plot_micro_batches

names = [f"process {rank}" for rank in range(4)]
shown = torch.stack(gradients).round(decimals=2)
figure = plot_micro_batches(images, shown, sizes=sizes, names=names)
assert sizes == [3, 3, 2, 2]

# %%
# Three, three, two and two images. After the exchange each process has the sum on the right,
# divides by ten, and takes the same step; so the four copies of the network stay equal without ever
# being compared. This is called *data parallel* training, with DDP as well as here.
#
# What is sent
# ------------
#
# Before you look, guess: how many numbers does a process send in each update, if 5,000 images are
# shared between two? We replace the exchange by a function that only records its argument (a
# *mock*).
#
# .. guess:: Numbers

from unittest.mock import patch

parameters = list(net.parameters())
with patch("torch.distributed.all_reduce") as exchange:
    Processes(0, 2, cpu).all_reduce_gradients(parameters, torch.tensor(2.3), stop=False)
(handed,) = exchange.call_args.args
print(f"{handed.numel():,} numbers, {handed.numel() * 4:,} bytes")
assert exchange.call_count == 1
assert sum(parameter.numel() for parameter in parameters) == 27_130
assert handed.numel() == 27_130 + len(parameters) + 2 == 27_136
assert len(parameters) + 2 == 6

# %%
# 27,136 numbers in one go: the 27,130 of the gradient and six more. These are the loss, whether the
# process was asked to stop, and for each of the four tensors whether it has a gradient at all. No
# image is among them, and the number does not depend on how many there are. Half of the 5,000
# images would be 72 times as many numbers; those stay where they are.

assert round(2500 * 784 / 27_136) == 72

# %%
# A script for one or many
# ------------------------
#
# Started by ``torchrun``, :func:`~cnnbook.training.fit_full_batch` notices that it is not alone,
# takes its share and sums the gradients. So a script that trains with others looks like one that
# trains alone, and the network is *not* wrapped by DDP. This is
# :download:`train_distributed.py </../examples/4_training/train_distributed.py>`:

print(script.read_text("utf-8"))

# %%
# Most of it reads options and reports what is done. The training is one call, further down in the
# box, and it looks like that of every other page. The script starts alone as ``python
# train_distributed.py``, or in two processes as ``torchrun --nproc-per-node 2
# train_distributed.py``. 102 images, because 102 is a number that four does not divide; 200 epochs,
# and every ten of them a :term:`checkpoint`:

from typing import Any

from cnnbook.engine.checkpoints import read_checkpoint

options = ["--device=cpu", "--images=102", "--epochs=200", "--checkpoint-every=10"]

# %%
# Two functions that start it and read what it has saved:


def start_training(processes: int, name: str, restarts: int = 0) -> subprocess.Popen[bytes]:
    """Start the script with a checkpoint of that name."""
    file = Path(folder.name, f"{name}.ckpt")
    return start(processes, name, script, *options, f"--checkpoint={file}", restarts=restarts)


def last_checkpoint(name: str) -> dict[str, Any]:
    """Return the last checkpoint of that name."""
    return read_checkpoint(f"{Path(folder.name, name)}.ckpt") or {}


# %%
# One, two, four
# --------------
#
# First alone, then two processes, then four. The :term:`full batch` is the same 102 images each
# time. What do you expect of the losses?
#
# .. guess:: The losses are
#    :choices: equal to the last bit | nearly equal | different

ends = {}
for processes, name in ((1, "alone"), (2, "two"), (4, "four")):
    printed = finish(start_training(processes, name), name)
    ends[name] = last_checkpoint(name)
losses = {name: end["losses"] for name, end in ends.items()}
assert all(len(loss) == 200 for loss in losses.values())
for process in ("0 of 4", "1 of 4", "2 of 4", "3 of 4"):
    assert f"process {process}" in printed
assert "takes 26 images, from 26" in printed
assert "takes 25 images, from 77" in printed

# %%
# Each process says who it is and which images it takes; with four, two of them take 26 and two 25.
# Only the first one, number 0, reports at the end, since all the others have the same results. Are
# the 200 losses the same for one, two and four processes?

for name in ("two", "four"):
    apart = ((losses[name] - losses["alone"]) / losses["alone"]).abs()
    first, whole = apart[:100].max().item(), apart.max().item()
    print(f"{name}: apart by {first:.0e} of their size in 100 epochs, by {whole:.0e} in 200")
    assert first < 1e-5
    assert whole < 1e-3
assert 2 * 26 + 2 * 25 == 102

# %%
# Nearly. In the first 100 epochs they differ by less than 1e-5 of their size. The sums have the
# same terms in another order, so they are rounded differently. Each update begins with the result
# of the one before, so the differences can grow; in all 200 epochs they stay below 1e-3. No weights
# were needed: four unequal shares give what one process gives.
#
# .. guess-end::
#
# (Ignore the times. Four processes on two cores do not make so small a task faster. Sharing pays
# when a share is much more work than the exchange.)
#
# One of them is killed
# ---------------------
#
# Machines fail, and with more machines it happens more often. The others then wait
# for a gradient that never comes. ``torchrun`` notices, ends them too, and starts all of them
# again, as often as ``--max-restarts`` allows, here three times. Then the script begins from the
# start; but the trainer finds the checkpoint. Let us see. A function that reads how far a training
# is:

from cnnbook.engine.checkpoints import unpack


def epochs_kept(name: str) -> int:
    """Return how many epochs the newest checkpoint holds."""
    try:
        return len(unpack(Path(folder.name, f"{name}.ckpt").read_bytes())["losses"])
    except FileNotFoundError:  # None yet, or just taking the place of the one before.
        return 0


# %%
# Two processes start. As soon as fifty epochs are saved, process 1 gets the signal SIGKILL. A
# program cannot react to this signal: it ends at once, as in a power failure.

import re
import signal
import time

running, deadline = start_training(2, "killed", restarts=3), time.monotonic() + 300
while epochs_kept("killed") < 50 and running.poll() is None and time.monotonic() < deadline:
    time.sleep(0.01)
printed = Path(folder.name, "killed.txt").read_text("utf-8")
victim = re.search(r"process 1 of 2 \(pid (\d+)\)", printed)
assert victim
os.kill(int(victim[1]), signal.SIGKILL)
printed = finish(running, "killed")
ends["killed"] = last_checkpoint("killed")

# %%
# Read what was printed: two processes, two processes again, with other numbers (*pid*), because
# these are new processes, and a line that says after which epoch they go on. (Several processes
# print at the same time, so the order of their lines can differ.) Before the next cell: how far
# will the 200 losses be from those of the two processes that ran without a kill?
#
# .. guess:: The losses are
#    :choices: equal to the last bit | nearly equal | different

went_on = re.search(r"goes on after epoch (\d+)", printed)
print("equal losses:", torch.equal(ends["killed"]["losses"], losses["two"]))
folder.cleanup()
assert went_on
assert 50 <= int(went_on[1]) < 200
assert printed.count("process 1 of 2") >= 2
assert torch.equal(ends["killed"]["losses"], losses["two"])
for key, values in ends["two"]["weights"].items():
    assert torch.equal(ends["killed"]["weights"][key], values)

# %%
# Not at all. Every loss and every weight is equal to the last bit. A checkpoint contains everything
# that the rest of the training depends on: the weights, Adam's running means, the losses so far,
# and the state of the random numbers. It is written beside the old one and takes its place only
# when it is whole, so it does not matter when the process is killed.
#
# (For the restart, the library had to solve a problem. ``torchrun`` keeps the addresses of the
# processes that have ended, and the new ones would try to connect to them.
# :func:`~cnnbook.engine.distributed.init_distributed` says how this is avoided. ``train_ddp.py``
# does not avoid it, and new processes can wait for ever; so it was started without restarts.)
#
# Several machines
# ----------------
#
# For the trainer it makes no difference whether the processes are on one machine or on several.
# Give the same command on each of the machines; ``first`` stands for the name of the first one.

command = (
    "torchrun --nnodes 2 --nproc-per-node 2 --rdzv-backend c10d --rdzv-id garments \\\n"
    "    --rdzv-endpoint first:29400 train_distributed.py --checkpoint run.ckpt"
)
print(command)
assert "first:29400" in command

# %%
# **This has not been tried here on more than one machine.** What is known: every machine needs its
# own copy of the images, and all the same one. The process with number 0 reads and writes the
# checkpoint, and after a restart that may be one on another machine, so put the file where all can
# reach it. The restart works within one machine only; across machines, give the command again when
# it has ended.
#
# The processes send their numbers through *ports*. A port is a number at which a program on a
# machine waits for messages from the network, and a firewall can close it. Which ports are open?
#
# * Port 29400 of the first machine, which the command names. There the processes find each other.
# * Perhaps a second port of ``torchrun``.
# * One port for each process, at which gloo exchanges the gradients (on GPUs it is NCCL, NVIDIA's
#   library for this).
#
# The system chooses all but the first at random, so a firewall between the machines must let all
# ports through. None of them asks for a password: anyone who can reach them can join or disturb the
# training. So use them only in a network that you trust.
#
# On this page, ``GLOO_SOCKET_IFNAME`` keeps the ports of gloo on the *loopback* address. A machine
# uses this address to send messages to itself, and no other machine can reach it. The ports of
# ``torchrun`` are open to the network for as long as it runs.
#
# .. board::
#    :minutes: 30
#
#    1. Two processes have 30 and 10 images, and their mean gradients are 2 and 6. Which gradient
#       does ``DistributedDataParallel`` use, and which is that of the full batch?
#
#       It uses the mean of the two, ``(2 + 6)/2 = 4``. The full batch has ``(30*2 + 10*6)/40 = 3``.
#
#    2. An update takes 12 seconds on one process. The work can be shared, and the exchange adds 1
#       second. How long does an update take on 2, 4 and 12 processes, and how many times faster are
#       12?
#
#       7, 4 and 2 seconds: ``12/2 + 1 = 7``, ``12/4 + 1 = 4``, ``12/12 + 1 = 2``. So 12 processes
#       are 6 times faster, not 12 times.
#
#    3. A checkpoint is written every 10 epochs, and a process is killed after epoch 57. How many
#       epochs are computed a second time?
#
#       It is 7 epochs. The last checkpoint has 50 epochs, and ``57 - 50 = 7``.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 19.1
#
# .. exercise:: 19.2
#
# .. exercise:: 19.3
#
# The answer
# ----------
#
# Each process takes a share of the images, all exchange their gradients, 27,130 numbers an update
# for the small CNN, and each takes the same step. ``DistributedDataParallel`` takes the mean of the
# processes' gradients; that is the gradient of the full batch if the shares are equal, or if each
# loss is weighted with the size of its share. The trainer sums instead. One, two and four processes
# agree, for 100 epochs to 1e-5. If one is killed, all are started again, go on from the last
# checkpoint, and end with exactly the result that they would have had.
#
# So much for how to train. What is in the weights when it is over?
# :doc:`/gallery/4_training/plot_20_what_it_learned`.
