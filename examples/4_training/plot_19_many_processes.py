"""
More than one machine
=====================

*How can several processes train one network, and what if one of them dies?*

You need :doc:`/gallery/4_training/plot_18_micro_batches`: the :term:`gradient` of a batch is the
sum of the gradients of its micro-batches. A :term:`process` is a program that runs, with a memory
of its own that no other can look into.
"""

# %%
# With a pencil
# -------------
#
# The six pictures of the last page again. Their parts of the gradient were -2, -4, -2, 0, -12 and
# -4, their sum -24, their mean -4. Now there are four processes. Six pictures cannot be shared out
# evenly among four; the first ones take one more. The processes are numbered from 0, and torch
# calls that number the *rank*. Who takes which pictures, and what does each have to send to the
# others so that all know the -4?

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
# One number each, its sum: -6, -2, -12 and -4. Added up and divided by six that is -4. If they send
# their means, each must be weighted with its share of the six. A plain mean of the four means would
# be -5: we have met this mistake.

assert sum(share.sum() for share in shares) / 6 == -24 / 6 == -4
assert (2 * -3 + 2 * -1 + 1 * -12 + 1 * -4) / 6 == -4
assert (-3 - 1 - 12 - 4) / 4 == -5
print(sum(share.mean().item() * len(share) / 6 for share in shares))

# %%
# Up to a rounding, -4. And no process has sent a pixel to another.
#
# Who does what
# -------------
#
# With real pictures and the small CNN: ten garments, four processes, and the gradient that each of
# them computes for the four weights of the first :term:`kernel`.

from torch.nn.functional import cross_entropy

from cnnbook.images import load_fashion_mnist
from cnnbook.networks import small_cnn

data = load_fashion_mnist(n_train=10, n_test=1, fallback="drawn")
torch.manual_seed(0)
net = small_cnn()
gradients, sizes = [], []
for rank in range(4):
    shard = Processes(rank, 4, cpu).shard(10)
    loss = cross_entropy(net(data.train_images[shard]), data.train_labels[shard], reduction="sum")
    gradients.append(torch.autograd.grad(loss, net[0].weight)[0][0, 0])
    sizes.append(shard.stop - shard.start)

# %%
# Four independent computations, until the sum is made (to two decimals):

from cnnbook.figures import plot_micro_batches

names = [f"process {rank}" for rank in range(4)]
shown = torch.stack(gradients).round(decimals=2)
figure = plot_micro_batches(data.train_images, shown, sizes=sizes, names=names)
assert sizes == [3, 3, 2, 2]

# %%
# Three, three, two and two pictures. After the exchange each process has the sum on the right, and
# takes the same step with it; so the four copies of the network stay equal without ever being
# compared. This is called *data parallel* training [Li2020]_.
#
# What travels
# ------------
#
# Before you look, guess: how many numbers does a process send in each update, if 5,000 pictures are
# shared between two? We replace the exchange by a mock, and look at its argument.

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
# pictures would be 72 times as many numbers; those stay where they are.

assert round(2500 * 784 / 27_136) == 72

# %%
# A script for all of them
# ------------------------
#
# The trainer is the one that we know. Started by ``torchrun``, which comes with torch,
# :func:`~cnnbook.training.fit_full_batch` notices that it is not alone, takes its share and sums
# the gradients. So a script that trains with others looks like one that trains alone. This is
# :download:`train_distributed.py </../examples/4_training/train_distributed.py>`, which must lie
# beside this page where it is run:

import os
import sys
from pathlib import Path

here = Path(__file__).parent if "__file__" in globals() else Path.cwd()
script = here / "train_distributed.py"
if not script.is_file():
    raise FileNotFoundError(
        f"{script}: expected the script beside this page, got nothing; copy it from the folder "
        "examples/4_training of the project, and start this page in the folder where it is"
    )
print(script.read_text("utf-8"))

# %%
# Most of it reads options and reports what is done. The training is one call. A shell starts it as
# ``python train_distributed.py``, or for two processes as ``torchrun --nproc-per-node 2
# train_distributed.py``. Here we start it from Python. The processes talk by a library named gloo,
# over an address of this machine that no other can reach.

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

# %%
# One thread for each process, since several processes now share the cores. ``--max-restarts`` is
# needed later. 102 images, because 102 is a number that four does not divide; 200 epochs, and every
# ten of them a :term:`checkpoint`.

torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--max-restarts=3"]
options = ["--device=cpu", "--images=102", "--epochs=200", "--checkpoint-every=10"]


def start(processes: int, name: str) -> subprocess.Popen[bytes]:
    """Start the script; its output and its checkpoint are kept in files of that name."""
    launcher = [*torchrun, f"--nproc-per-node={processes}"] if processes > 1 else [sys.executable]
    file = Path(folder.name, name)
    command = [*launcher, str(script), *options, f"--checkpoint={file}.ckpt"]
    with open(f"{file}.txt", "wb") as output, open(f"{file}.err", "wb") as errors:
        return subprocess.Popen(command, env=environment, stdout=output, stderr=errors)


# %%
# And a function that waits for the end, with a time limit, shows what was printed, and reads the
# checkpoint.

from typing import Any

from cnnbook.engine.checkpoints import read_checkpoint


def finish(running: subprocess.Popen[bytes], name: str) -> dict[str, Any]:
    """Wait for the end, show what was printed, and return the last checkpoint."""
    try:
        code = running.wait(timeout=300)
    except subprocess.TimeoutExpired:
        running.terminate()  # torchrun then ends the processes that it has started
        raise
    print(Path(folder.name, f"{name}.txt").read_text("utf-8"))
    assert code == 0, Path(folder.name, f"{name}.err").read_text("utf-8")
    return read_checkpoint(f"{Path(folder.name, name)}.ckpt") or {}


# %%
# One, two, four
# --------------
#
# First alone, then two processes, then four. The :term:`full batch` is the same 102 images each
# time. What do you expect of the losses?

ends = {}
for processes, name in ((1, "alone"), (2, "two"), (4, "four")):
    ends[name] = finish(start(processes, name), name)
losses = {name: end["losses"] for name, end in ends.items()}
assert all(len(loss) == 200 for loss in losses.values())
printed = Path(folder.name, "four.txt").read_text("utf-8")
for process in ("0 of 4", "1 of 4", "2 of 4", "3 of 4"):
    assert f"process {process}" in printed
assert "takes 26 images, from 26" in printed
assert "takes 25 images, from 77" in printed

# %%
# Each process says who it is and which images it takes; with four, two of them take 26 and two 25.
# Only the first one, number 0, reports at the end, since all the others have the same results. Are
# the 200 losses the same, whoever computed them?

for name in ("two", "four"):
    apart = ((losses[name] - losses["alone"]) / losses["alone"]).abs()
    first, whole = apart[:100].max().item(), apart.max().item()
    print(f"{name}: apart by {first:.0e} of their size in 100 epochs, by {whole:.0e} in 200")
    assert first < 1e-5
    assert whole < 1e-3
assert 2 * 26 + 2 * 25 == 102

# %%
# Nearly. In the first 100 epochs they differ by less than 1e-5 of their size. The sums are the
# same, but made in another order, and so rounded otherwise. Each update builds on the last and
# hands its roundings on, so later it may be more; below 1e-3 in all 200.
#
# (Ignore the times. Four processes on two cores do not make so small a task faster. Sharing pays
# when a share is much more work than the exchange.)
#
# One of them dies
# ----------------
#
# Machines fail, and the more of them work together the more often one does. The others then wait
# for a gradient that never comes. ``torchrun`` notices, ends them too, and starts all of them
# again, as often as ``--max-restarts`` allows. Then the script begins from the start; but the
# trainer finds the checkpoint. Let us see. A function that reads how far a training is:

from cnnbook.engine.checkpoints import unpack


def epochs_kept(name: str) -> int:
    """Return how many epochs the newest checkpoint holds."""
    try:
        return len(unpack(Path(folder.name, f"{name}.ckpt").read_bytes())["losses"])
    except FileNotFoundError:  # None yet, or just taking the place of the one before.
        return 0


# %%
# Two processes start. As soon as fifty epochs are saved, process 1 gets the signal SIGKILL, which
# no program can refuse or even notice. It is like pulling the plug.

import re
import signal
import time

running, name, deadline = start(2, "killed"), "killed", time.monotonic() + 300
while epochs_kept(name) < 50 and running.poll() is None and time.monotonic() < deadline:
    time.sleep(0.01)
printed = Path(folder.name, f"{name}.txt").read_text("utf-8")
victim = re.search(r"process 1 of 2 \(pid (\d+)\)", printed)
assert victim
os.kill(int(victim[1]), signal.SIGKILL)
ends[name] = finish(running, name)

# %%
# Read what was printed: two processes, then one line from which epoch it goes on, and two processes
# again, with other numbers (*pid*), for those are new ones. Before the next cell: how far will the
# 200 losses be from those of the two processes that ran without a kill?

printed = Path(folder.name, "killed.txt").read_text("utf-8")
went_on = re.search(r"goes on after epoch (\d+)", printed)
assert went_on
assert 50 <= int(went_on[1]) < 200
assert printed.count("process 1 of 2") >= 2
print("equal losses:", torch.equal(ends["killed"]["losses"], losses["two"]))
assert torch.equal(ends["killed"]["losses"], losses["two"])
for key, values in ends["two"]["weights"].items():
    assert torch.equal(ends["killed"]["weights"][key], values)
folder.cleanup()

# %%
# Not at all. Every loss and every weight is equal to the last bit. A checkpoint holds all that the
# rest of the training depends on: the weights, Adam's running means, the losses so far, and the
# state of the random numbers. It is written beside the old one and takes its place only when it is
# whole, so it does not matter at which moment the process dies.
#
# (The restart itself needed care. ``torchrun`` keeps the addresses of the dead processes, and the
# new ones would try to connect to them; :func:`~cnnbook.engine.distributed.init_distributed` says
# how it is avoided.)
#
# Several machines
# ----------------
#
# For the trainer it makes no difference whether the processes are on one machine or on several. The
# same command is given on each of them; ``first`` stands for the name of the first, whose port
# 29400 the others must be able to reach.

command = (
    "torchrun --nnodes 2 --nproc-per-node 2 --rdzv-backend c10d "
    "--rdzv-id garments --rdzv-endpoint first:29400 train_distributed.py --checkpoint run.ckpt"
)
print(command)
assert "first:29400" in command

# %%
# **This has not been tried here on more than one machine.** What is known: every machine needs its
# own copy of the pictures, and all the same one. The process with number 0 reads and writes the
# checkpoint, and after a restart that may be one on another machine, so put the file where all can
# reach it. The restart works within one machine only; across machines, give the command again when
# it has ended. And whoever reaches the port can join: use it in a network that you trust.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put
# ``from cnnbook.exercises import check`` before it, and see what the check says. Nothing is given
# away until you unfold it.
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
# for the small CNN, and each takes the same step. One, two and four processes agree, for 100 epochs
# to 1e-5. If one dies, all are started again, go on from the last checkpoint, and end with exactly
# the result that they would have had.
#
# So much for how to train. What is in the weights when it is over?
# :doc:`/gallery/4_training/plot_20_what_it_learned`.
