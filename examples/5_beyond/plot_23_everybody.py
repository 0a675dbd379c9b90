"""
23. How does everybody else write it?
=====================================

*Which lines does nearly every PyTorch tutorial have that this book has left out so far?*

You need :doc:`/gallery/1_why/plot_01_accuracy` for the plain loop,
:doc:`/gallery/4_training/plot_18_micro_batches` for means of parts of unequal size, and
:doc:`/gallery/4_training/plot_21_lenet` for mini-batches. This page writes the same training in the
way that you find in tutorials and in other people's projects. Nearly all of its code is plain
torch.
"""

# %%
# The network as a class
# ----------------------
#
# Most tutorials begin with these three lines:

import torch
from torch import nn
from torch.nn import functional as F

# %%
# ``Sequential`` is enough if each layer takes the output of the one before. All other networks are
# written as a class: ``__init__`` makes the layers that have parameters, and ``forward`` says what
# happens to a batch. This is the lecture's CNN:


class SloppyCNN(nn.Module):
    """The lecture's CNN."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 2)
        self.linear = nn.Linear(2704, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return ten scores for each image."""
        maps = F.max_pool2d(F.relu(self.conv(images)), 2)
        return self.linear(maps.flatten(1))


# %%
# ``super().__init__()`` must come first: after it, torch notices each layer that is stored with
# ``self.name = ...``. ReLU and pooling have no parameters, so they can be functions. You call
# ``model(images)`` and never ``model.forward(images)``, which would skip the *hooks*, functions
# that torch calls before and after it.
#
# If both are made with the same :term:`seed`, do the class and the ``Sequential`` of the first page
# start with the same weights?
#
# .. guess:: Do they?
#    :choices: yes | no

from cnnbook.networks import small_cnn

torch.manual_seed(0)
model = SloppyCNN()
torch.manual_seed(0)
sequential = small_cnn()
pairs = zip(model.state_dict().items(), sequential.state_dict().items(), strict=True)
same = []
for (name, ours), (number, theirs) in pairs:
    same.append(torch.equal(ours, theirs))
    print(f"{name}, in Sequential {number}: {tuple(ours.shape)}, same numbers: {same[-1]}")
assert same == [True] * 4

# %%
# Yes. The layers are made in the same order, so they draw the same random numbers. Only the names
# differ: the class has ``conv.weight`` where ``Sequential`` has ``0.weight``. The dictionary of
# these names and their tensors is called the :term:`state dict`.
#
# Dataset: one image by its index
# -------------------------------
#
# .. index:: ! Dataset, ! DataLoader
#
# A ``Dataset`` says how many examples there are and returns one of them. Here all images are in
# memory already. In most projects ``__getitem__`` opens a file, and changes the image at random if
# that is wanted. The label is the number of the class, as nearly everybody writes it. On most other
# pages it is one-hot; the cross-entropy of torch takes both.

from torch.utils.data import Dataset

from cnnbook.images import load_fashion_mnist


class Clothes(Dataset):
    """Images with the numbers of their classes."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.images[index], self.labels[index]


# %%
# The images are the 5,000 of the first page. (Many tutorials take the class ``FashionMNIST`` of
# torchvision here, which is also a ``Dataset``.)

data = load_fashion_mnist(n_train=5000, n_test=1000, fallback="drawn")
dataset = Clothes(data.train_images, data.train_labels.argmax(dim=1))
image, label = dataset[0]
print(len(dataset), "examples; the first is", tuple(image.shape), data.class_names[label])
assert len(dataset) == 5000
assert image.shape == (1, 28, 28)

# %%
# DataLoader: many of them at a time
# ----------------------------------
#
# A ``DataLoader`` takes examples from a dataset and stacks them into :term:`mini-batches
# <mini-batch>`. Take a pencil: with 5,000 images and ``batch_size=64``, how many mini-batches does
# one :term:`epoch` have, and how many images are in the last one?
#
# .. guess:: Mini-batches, and images in the last

from torch.utils.data import DataLoader

loader = DataLoader(dataset, batch_size=64, shuffle=True)
sizes = [len(labels) for images, labels in loader]
print(len(loader), "mini-batches, the first has", sizes[0], "images, the last", sizes[-1])
images, labels = next(iter(loader))
print(tuple(images.shape), tuple(labels.shape))
assert sizes == [64] * 78 + [8]
assert len(loader) == 79
assert 78 * 64 + 8 == 4992 + 8 == 5000
assert images.shape == (64, 1, 28, 28)

# %%
# 79: 78 are full, which makes 4,992 images, and the last one has 8.
#
# A loader can read everything that has a length and an index, for example ``range(5000)``. With it
# we can see in which order a loader takes the examples. Will two epochs with ``shuffle=True`` have
# the same order? Will each contain every example?
#
# .. guess:: In the second epoch
#    :choices: the same order | another order, every example once
#      | another order, some examples twice

shuffled = DataLoader(range(5000), batch_size=64, shuffle=True)
first, second = (torch.cat(list(shuffled)) for epoch in range(2))
print("two epochs begin with", first[:5].tolist(), "and", second[:5].tolist())
dropped = DataLoader(range(5000), batch_size=64, shuffle=True, drop_last=True)
kept = torch.cat(list(dropped))
print("with drop_last:", len(dropped), "mini-batches,", len(kept), "examples")
assert first.sort().values.tolist() == second.sort().values.tolist() == list(range(5000))
assert not torch.equal(first, second)
assert len(dropped) == 78
assert len(kept) == 4992

# %%
# Each epoch takes each example once, in a new order. These are the options that you will meet:
#
# - ``shuffle=True`` draws a new order for each epoch. Without it the order is always the same, and
#   if a file is sorted by class, a mini-batch contains only one class. It is meant for training;
#   a measurement does not need it.
# - ``drop_last=True`` leaves out the last mini-batch if it is not full, here eight images,
#   different ones in each epoch. It is used where a small mini-batch does harm, as it does to
#   :term:`batch normalization`.
# - ``num_workers=4`` starts four processes that prepare the next mini-batches while the network
#   trains. This helps if images are read from files. For images that are in memory it costs more
#   time than it saves. On Windows and macOS, the script must then protect what it runs with
#   ``if __name__ == "__main__":``.
# - ``pin_memory=True`` puts each mini-batch into memory that the operating system may not move. A
#   GPU copies from there faster, and with ``images.to(device, non_blocking=True)`` the CPU does not
#   wait for the copy. Without a GPU it does nothing useful.
#
# .. guess-end::
#
# One epoch
# ---------
#
# The four lines of :doc:`/gallery/4_training/plot_17_one_update` are in the middle. Here the
# gradients are cleared before ``backward`` and not after the step, which makes no difference.

loss_fn = nn.CrossEntropyLoss()


def train(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer) -> float:
    """Train for one epoch, and return the mean loss of its images."""
    model.train()
    total = 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(images)
    return total / len(loader.dataset)


# %%
# ``model.train()`` puts all layers into training mode, which matters for dropout and batch
# normalization; this network has neither. With a GPU there are two more lines:
# ``model.to(device)`` before the optimizer is made, and in the loop ``images, labels =
# images.to(device), labels.to(device)``. The last two lines of the function are explained below.
#
# Is it the same training?
# ------------------------
#
# If the mini-batch has all 5,000 images, an epoch is one update, as on the first page. The next
# cell makes the update of the first page, with one-hot labels; after it comes one epoch of the
# class. Will the weights be the same, to the last bit, to about seven digits, or only roughly? And
# with ``shuffle=True``? Make a guess.
#
# .. guess:: In the order of the file, the weights are the same
#    :choices: to the last bit | to about seven digits | only roughly

from copy import deepcopy

page_1 = deepcopy(sequential)
optimizer = torch.optim.Adam(page_1.parameters())
loss_of_page_1 = F.cross_entropy(page_1(data.train_images), data.train_labels)
loss_of_page_1.backward()
optimizer.step()
optimizer.zero_grad()
print(f"loss {loss_of_page_1:.7f}")

# %%
# Then one epoch of the class with ``batch_size=5000``, in the order of the file and shuffled, and
# one epoch of the library's trainer, which adds up micro-batches:

from cnnbook.training import fit_full_batch

networks, losses = {}, {}
for name, shuffle in (("in order", False), ("shuffled", True)):
    networks[name] = deepcopy(model)
    optimizer = torch.optim.Adam(networks[name].parameters())
    whole = DataLoader(dataset, batch_size=5000, shuffle=shuffle)
    losses[name] = train(networks[name], whole, optimizer)
networks["fit_full_batch"] = deepcopy(sequential)
history = fit_full_batch(networks["fit_full_batch"], *data.train, epochs=1, device="cpu")
losses["fit_full_batch"] = history.losses[0]

# %%
# How far is each from the first page?

apart = {}
for name, net in networks.items():
    weights = zip(net.parameters(), page_1.parameters(), strict=True)
    apart[name] = max((ours - theirs).abs().max().item() for ours, theirs in weights)
    print(f"{name}: loss {losses[name]:.7f}, weights apart by at most {apart[name]:.0e}")
assert all(abs(loss - loss_of_page_1.item()) < 1e-5 for loss in losses.values())
assert apart["in order"] == 0
assert sum(parameter.numel() for parameter in page_1.parameters()) == 27_130

# %%
# In order, all 27,130 parameters are the same to the last bit. So a class, a dataset, a loader and
# other labels are another way to write the same training, and nothing else. Shuffled, the gradients
# are added up in another order, and each sum is rounded differently: the weights differ by less
# than 0.000001. The same holds for micro-batches. The update itself changed weights by up to 0.001,
# which is Adam's first step.
#
# .. guess-end::

steps = zip(page_1.parameters(), sequential.parameters(), strict=True)
longest = max((after - before).abs().max().item() for after, before in steps)
print(f"longest step {longest:.6f}")
assert abs(longest - 0.001) < 1e-6
assert apart["shuffled"] < 0.000001
assert apart["fit_full_batch"] < 0.000001

# %%
# Validation
# ----------
#
# .. index:: ! validation
#
# How long should we train? If you look at the test images to decide this, you choose what is best
# for these images, and you cannot use them to judge the result any more. So a part of the
# *training* images is set aside for such decisions: the :term:`validation` images. ``random_split``
# chooses them at random.

from torch.utils.data import random_split

torch.manual_seed(0)
training, validation = random_split(dataset, [4000, 1000])
print(len(training), "to train with and", len(validation), "to decide with")
assert set(training.indices).isdisjoint(validation.indices)
assert len(training) + len(validation) == 5000

# %%
# ``model.eval()`` is the opposite of ``model.train()``, and ``torch.no_grad()`` records nothing for
# ``backward``. These are two different things, and a measurement needs both.


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> tuple[float, float]:
    """Return the mean loss and the accuracy."""
    model.eval()
    total, correct = 0.0, 0
    for images, labels in loader:
        scores = model(images)
        total += loss_fn(scores, labels).item() * len(images)
        correct += (scores.argmax(dim=1) == labels).sum().item()
    return total / len(loader.dataset), correct / len(loader.dataset)


# %%
# The weights do not change here, so the order and the size of the mini-batches do not matter: no
# shuffling, and as many images at a time as fit into memory.

validation_loader = DataLoader(validation, batch_size=250)
print(len(validation_loader), "mini-batches")

# %%
# Now the whole training, with mini-batches of 64 and a progress bar from the package *tqdm*, which
# is shown for seed 0 only (the other seeds come at the end of the page). After each epoch we look
# at the validation images. Guess: what will the validation accuracy be after one epoch, and after
# five?
#
# .. guess:: After one and after five

from tqdm import tqdm


def fit(seed: int, epochs: int = 5) -> tuple[nn.Module, list[tuple[float, float, float]]]:
    """Return a trained network, and for each epoch its losses and its validation accuracy."""
    torch.manual_seed(seed)
    model, history = SloppyCNN(), []
    optimizer = torch.optim.Adam(model.parameters())
    loader = DataLoader(training, batch_size=64, shuffle=True)
    for _ in (bar := tqdm(range(epochs), unit="epoch", disable=seed > 0)):
        loss = train(model, loader, optimizer)
        history.append((loss, *evaluate(model, validation_loader)))
        bar.set_postfix(loss=f"{loss:.3f}", accuracy=f"{history[-1][2]:.3f}")
    return model, history


# %%
# ``manual_seed`` determines the first weights of the network and the order of the images. In a
# terminal the bar stays on one line; on this page each of its states is a line of its own.

model, history = fit(seed=0)
for epoch, (loss, validation_loss, accuracy) in enumerate(history, start=1):
    print(f"epoch {epoch}: loss {loss:.3f}, validation {validation_loss:.3f}, {accuracy:.3f}")

# %%
# After one epoch 74 of 100 validation images are classified correctly, after five 85. In the first
# epoch, the training loss is larger than the validation loss, although the network was not trained
# on the validation images. It is no mistake: the training loss is a mean over the whole epoch,
# while the network was still worse, and the validation loss is measured at its end.
#
# .. guess-end::

if not data.drawn:
    assert abs(history[0][2] - 0.74) < 0.04
    assert abs(history[-1][2] - 0.85) < 0.03
    assert history[0][0] > history[0][1]

# %%
# The mean of the means
# ---------------------
#
# Many tutorials add up the losses of the mini-batches and divide by the number of mini-batches. In
# our functions, each loss is multiplied by ``len(images)`` first, and the sum is divided by the
# number of images. Does that matter? Here are the losses of the 1,000 validation images, first in
# mini-batches of 64, so that the last one has 40, and then in one of 999 and one of a single image:

model.eval()
with torch.no_grad():
    images, labels = next(iter(DataLoader(validation, batch_size=1000)))
    each = F.cross_entropy(model(images), labels, reduction="none")
means = {}
for size in (64, 999):
    parts = each.split(size)
    means[size] = (sum(part.mean() for part in parts) / len(parts)).item()
    weighted = (sum(part.mean() * len(part) for part in parts) / len(each)).item()
    print(f"last of {len(parts[-1])}: mean of means {means[size]:.4f}, weighted {weighted:.4f}")
    assert abs(weighted - each.mean().item()) < 1e-5

# %%
# Weighted, both are the mean of all images. The mean of the means differs a little from it for
# mini-batches of 64. For 999 and 1 it differs a lot, because the single image counts as much as the
# 999 others. This is the mistake from :doc:`/gallery/4_training/plot_18_micro_batches`. There it
# made a gradient wrong; here it only makes a printed number wrong.

assert 1000 - 15 * 64 == 40
assert 1000 / len(validation_loader) == 250
assert 1000 - 999 == 1
assert abs(means[999] - (each[:999].mean() + each[999]).item() / 2) < 1e-5
assert data.drawn or abs(means[64] - weighted) < 0.02

# %%
# (With ``drop_last=True``, ``len(loader.dataset)`` would be the wrong number to divide by: then
# count the images in the loop.)
#
# Save and load
# -------------
#
# The training has changed the numbers in the state dict and nothing else, so the state dict is what
# we save. To load it, make a network of the same class first. Will the loaded network give exactly
# the same scores, or nearly the same?
#
# .. guess:: The scores are
#    :choices: exactly the same | nearly the same

import tempfile
from pathlib import Path

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "sloppy.pt"
torch.save(model.state_dict(), path)
print(f"{path.stat().st_size:,} bytes; 27,130 numbers of 4 bytes are {4 * 27_130:,}")
loaded = SloppyCNN()
print(loaded.load_state_dict(torch.load(path, weights_only=True)))
loaded.eval()
assert torch.equal(loaded(images), model(images))
assert 108_520 == 4 * 27_130 <= path.stat().st_size < 1.1 * 108_520

# %%
# Exactly the same: nothing is rounded. The file has 108,520 bytes of numbers, and a little more for
# the names and shapes.
#
# Two errors are frequent. The first: the file does not fit the network. Here the other network is
# the ``Sequential`` of the first page, which has the same layers.

message = ""
try:
    small_cnn().load_state_dict(torch.load(path, weights_only=True))
except RuntimeError as error:
    message = str(error)
print(message)
assert 'Missing key(s) in state_dict: "0.weight"' in message
assert 'Unexpected key(s) in state_dict: "conv.weight"' in message

# %%
# The names tell which tensor belongs where. *Missing* are the names that the network has and the
# file does not have, *unexpected* are those that only the file has. The second error: somebody has
# saved the whole network, with ``torch.save(model, path)``.

torch.save(model, path)
message = ""
try:
    torch.load(path, weights_only=True)
except Exception as error:
    message = str(error)
print(message[:25], "It names SloppyCNN:", "SloppyCNN" in message)
assert message.startswith("Weights only load failed.")
assert "SloppyCNN" in message

# %%
# A file with a whole network contains Python objects, and when they are loaded, they can run any
# code that the author of the file has chosen. ``weights_only=True``, the default since torch 2.6,
# accepts tensors and simple containers only, and refuses this file. The rest of the message, not
# printed here, says that ``weights_only=False`` would probably load it. Do that only with a file
# that you trust. It is better to save the state dict.

assert torch.__version__ >= "2.6"

# %%
# The weights are enough for predictions. To *continue* a training, save the optimizer as well,
# because Adam has two running means for each weight. We train for an epoch with 500 images, save
# both, and train for a second epoch:

few = DataLoader(torch.utils.data.Subset(dataset, range(500)), batch_size=64)
torch.manual_seed(0)
net = SloppyCNN()
optimizer = torch.optim.Adam(net.parameters())
train(net, few, optimizer)
torch.save({"model": net.state_dict(), "optimizer": optimizer.state_dict()}, path)
without_a_break = train(net, few, optimizer)
print(f"loss of the second epoch {without_a_break:.6f}")

# %%
# The same second epoch, from the file, with the optimizer's state and with a new optimizer:

second_epochs = {}
for name in ("both loaded", "weights only, Adam new"):
    saved = torch.load(path, weights_only=True)
    net = SloppyCNN()
    net.load_state_dict(saved["model"])
    optimizer = torch.optim.Adam(net.parameters())
    if name == "both loaded":
        optimizer.load_state_dict(saved["optimizer"])
    second_epochs[name] = train(net, few, optimizer)
    print(f"{name}: loss of the second epoch {second_epochs[name]:.6f}")
folder.cleanup()

# %%
# With both, the training goes on as if it had not been interrupted, to the last bit. With a new
# Adam it is a different training.

assert second_epochs["both loaded"] == without_a_break
assert abs(second_epochs["weights only, Adam new"] - without_a_break) > 1e-4

# %%
# Mini-batches or the full batch?
# -------------------------------
#
# Everybody else uses mini-batches. We compare five epochs of them, as above, with five epochs of
# the full batch, on the same 4,000 images. The same number of images go through the network, but
# the mini-batches make 315 updates and the full batch five. Each has three seeds. For the full
# batch we take ``fit_full_batch``, whose update we have compared above. How many of 100 validation
# images will be correct with the full batch?
#
# .. guess:: Of 100

picks = {"training": training.indices, "validation": validation.indices}
parts = {name: (data.train_images[at], data.train_labels[at]) for name, at in picks.items()}


def full_batch(seed: int) -> list[float]:
    """Return the validation accuracy after each of five updates with all images."""
    torch.manual_seed(seed)
    settings = {"epochs": 5, "validation": parts["validation"], "validate_every": 1}
    history = fit_full_batch(small_cnn(), *parts["training"], **settings)
    return [fraction for _, fraction in history.accuracies]


assert 5 * len(DataLoader(training, batch_size=64)) == 5 * 63 == 315

# %%
# A dot for each seed, and a line at their mean:

from cnnbook.figures import plot_seeds

runs = {
    "mini-batches of 64": [[row[2] for row in history]],
    "full batch": [full_batch(seed) for seed in range(3)],
}
runs["mini-batches of 64"] += [[row[2] for row in fit(seed)[1]] for seed in (1, 2)]
last = {name: [run[-1] for run in three] for name, three in runs.items()}
# sphinx_gallery_thumbnail_number = 1
figure = plot_seeds(last, label="validation accuracy after 5 epochs")

# %%
# On average, 84 of 100 are correct with mini-batches and 62 with the full batch. The three seeds of
# each are close together, and far from those of the other.

from cnnbook.metrics import mean_interval

for name, fractions in last.items():
    print(f"{name:20} {mean_interval(fractions)}")
if not data.drawn:
    assert min(last["mini-batches of 64"]) > max(last["full batch"]) + 0.1
    assert abs(sum(last["mini-batches of 64"]) / 3 - 0.84) < 0.03
    assert abs(sum(last["full batch"]) / 3 - 0.62) < 0.05

# %%
# Epoch by epoch, for the first seed:

from cnnbook.figures import plot_curves

first = {name: three[0] for name, three in runs.items()}
figure = plot_curves({"validation accuracy": first})
assert data.drawn or first["mini-batches of 64"][0] > first["full batch"][-1]

# %%
# One epoch of mini-batches, with its 63 updates, is already better than five updates of the full
# batch. For the same number of *updates* the full batch would be ahead, as
# :doc:`/gallery/4_training/plot_21_lenet` shows; it needs more than sixty times as many images for
# each.
#
# .. guess-end::
#
# At the very end, we use the test images, once. No decision was based on them:

test = Clothes(data.test_images, data.test_labels.argmax(dim=1))
loss, accuracy = evaluate(model, DataLoader(test, batch_size=64))
print(f"test loss {loss:.3f}, accuracy {accuracy:.3f}")
assert data.drawn or abs(accuracy - 0.84) < 0.03
assert round(4000 / 64, 1) == 62.5

# %%
# 84 of 100 are correct, nearly as many as of the validation images.
#
# .. board::
#    :minutes: 35
#
#    1. A dataset has three images, and ``shuffle=True``. In how many orders can an epoch take them?
#       How likely is it that two epochs have the same order?
#
#       6 orders, ``3*2*1 = 6``, all equally likely. So two epochs have the same order with
#       probability 1/6.
#
#    2. A network with dropout is tested. Anna forgets ``eval()``, and Ben forgets
#       ``torch.no_grad()``. Whose scores are wrong?
#
#       Anna's: her network drops units at random. Ben's scores are right; his test only needs more
#       memory, since torch keeps what ``backward`` would need.
#
#    3. A mini-batch of four images has the mean loss 1, and a last one of one image has the loss 6.
#       What is the mean of the two means, and what is the mean over all images?
#
#       ``(1 + 6)/2 = 3.5`` and ``(4*1 + 1*6)/5 = 2``.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 23.1
#
# .. exercise:: 23.2
#
# .. exercise:: 23.3
#
# The answer
# ----------
#
# A class with ``__init__`` and ``forward`` in place of ``Sequential``; ``Dataset`` and
# ``DataLoader``, which return mini-batches; ``train()`` and ``eval()``; a validation after each
# epoch; ``state_dict``, to save and load; and a progress bar. The lines of the update are the same
# as before. With ``batch_size=5000`` and no shuffling, one epoch is the first page's update to the
# last bit. What makes the difference is the size of the mini-batch: five epochs with 64 images at a
# time classify 84 of 100 validation images correctly, and five with all of them 62.
#
# One of these lines does most of the work, and so far you have seen only parts of what it computes:
# ``loss.backward()``. The next page does all of it by hand:
# :doc:`/gallery/5_beyond/plot_24_backwards`.
