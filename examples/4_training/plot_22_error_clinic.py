"""
The error clinic
================

*It does not run, or it runs and learns nothing: what is wrong?*

You need :doc:`/gallery/4_training/plot_17_one_update`, the four lines in which everything below
goes wrong, and :doc:`/gallery/3_inside/plot_11_sizes` for the sizes. Six patients are waiting. Four
of them complain loudly. Two say nothing, and they are the sicker ones.
"""

# %%
# The waiting room
# ----------------
#
# A traceback is read from below: its last line says what happened, the lines above say where. So
# here is a function that tries something and, if it fails, gives us that line. (Where torch writes
# several, we take the first of them. In another version of torch the words may be a little
# different.)

from collections.abc import Callable

import torch


def attempt(action: Callable[[], object]) -> str:
    """Return what came out, or the last line of the traceback."""
    try:
        return f"works: {action()}"
    except (RuntimeError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


# %%
# For material we take 20 pictures of each class, and the small CNN of the first page.

from cnnbook.images import load_fashion_mnist
from cnnbook.networks import small_cnn

data = load_fashion_mnist(n_train=1000, n_test=1, one_hot=False, fallback="drawn")
chosen = torch.cat([(data.train_labels == kind).nonzero()[:20, 0] for kind in range(10)])
images, labels = data.train_images[chosen], data.train_labels[chosen]
torch.manual_seed(0)
net = small_cnn()
print(attempt(lambda: tuple(net(images).shape)))
assert labels.bincount().tolist() == [20] * 10
assert net(images).shape == (20 * 10, 10)

# %%
# Ten scores for each of 200 pictures: in health it looks like this.
#
# The missing axis
# ----------------
#
# The first patient has a single picture and wants its scores. ``images[0]`` has the shape
# ``(1, 28, 28)``. Before you look: which of the five layers will complain?

message = attempt(lambda: net(images[0]))
print(message)
assert "cannot be multiplied" in message
assert "16x169 and 2704x10" in message

# %%
# The last one, and it talks of matrices. The convolution accepted it: it takes three axes for a
# single picture, and makes sixteen :term:`feature maps <feature map>`. Then comes ``Flatten``,
# which leaves the first axis alone, since that is where the pictures are. So it took sixteen
# feature maps for sixteen pictures of 13 x 13 = 169 numbers each. All 2704 are there, along the
# wrong axes.

assert 13 * 13 == 169
assert 16 * 169 == 2704
print(attempt(lambda: tuple(net(images[0][None]).shape)))
assert torch.allclose(net(images[0][None]), net(images[:1]))

# %%
# The cure is an axis: ``images[0][None]``, or ``images[:1]``, a batch of one. A layer that
# complains is where the error was noticed, and not always where it was made.
#
# Why 2704?
# ---------
#
# The second has built the CNN alone and thought: 28 pixels, pooled in pairs, make 14.

layers = [torch.nn.Conv2d(1, 16, 2), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten()]
guessed = torch.nn.Sequential(*layers, torch.nn.Linear(16 * 14 * 14, 10))
message = attempt(lambda: guessed(images))
print(message)
assert "200x2704 and 3136x10" in message
assert 16 * 14 * 14 == 3136

# %%
# The same complaint as before, with other numbers, and the numbers are what one must read. First
# comes what arrived, 200 pictures of 2704; then what the layer was made for, 3136. So the layer
# has to be changed. But why 2704? :func:`~cnnbook.shapes.shape_table` follows the shape on paper,
# layer by layer, and where one does not fit says which number would:

from cnnbook.shapes import shape_table

message = attempt(lambda: shape_table(guessed, (1, 28, 28)))
print(message)
assert "use torch.nn.Linear(2704, 10)" in message
mended = torch.nn.Sequential(*layers, torch.nn.Linear(2704, 10))
table = shape_table(mended, (1, 28, 28))
print(table)
assert [row.output_shape[-1] for row in table.rows] == [27, 27, 13, 2704, 10]
assert mended(images).shape == (200, 10)

# %%
# The window of two costs a pixel: 27 remain. In 27 there are 13 pairs, and one pixel is left over.
# Sixteen times 13 times 13, and the patient may go.
#
# Two devices
# -----------
#
# The third has sent the pictures to the graphics card, and left the network at home. You may have
# no such card, so we take a device that every torch has: ``"meta"``, on which tensors have a shape
# and no numbers.

there = images.to("meta")
message = attempt(lambda: net(there))
print(message)
assert "device" in message
assert "meta" in message
assert images.device.type == "cpu"

# %%
# Two devices are named, and that is the diagnosis: what meets in a layer must be on one device.
# Note the last assertion, which is half the trouble in practice. ``net.to(...)`` moves the network
# itself; ``images.to(...)`` leaves the images where they are and returns others. Whoever writes the
# second without ``images =`` before it has moved nothing.

device = torch.device("meta")
moved = small_cnn()
moved.to(device)
images.to(device)
print(attempt(lambda: moved(images)))
print(attempt(lambda: tuple(moved(images.to(device)).shape)))
assert next(moved.parameters()).device == device
assert "device" in attempt(lambda: moved(images))
assert moved(images.to(device)).shape == (200, 10)

# %%
# With both on one device it works. The labels have to go there as well, or the loss will complain
# in the same words. (:func:`~cnnbook.training.fit_full_batch` takes everything with it.)
#
# Integer images
# --------------
#
# In its file a picture is made of bytes, whole numbers from 0 to 255. The fourth patient feeds them
# to the network as they are.

stored = (images * 255).round().to(torch.uint8)
message = attempt(lambda: net(stored))
print(message)
assert stored.max() == 255
assert message.startswith("RuntimeError")
assert "type" in message

# %%
# Weights are floating-point numbers, and torch does not mix the two dtypes by itself. "Then
# ``stored.float()``", says the patient, and the complaint is gone. Is he well? A network that knows
# nothing gives each of ten classes a tenth, so the :term:`loss` should begin near the logarithm of
# 10, which is 2.303. What do you expect of the three?

import math

cross_entropy = torch.nn.functional.cross_entropy
first = {"bytes as floats": cross_entropy(net(stored.float()), labels).item()}
first["divided by 255"] = cross_entropy(net(stored.float() / 255), labels).item()
first["know-nothing"] = math.log(10)
for name, loss in first.items():
    print(f"{name}: {loss:.3f}")
assert round(math.log(10), 3) == 2.303
assert abs(first["divided by 255"] - first["know-nothing"]) < 0.2
assert first["bytes as floats"] > 10

# %%
# Divided by 255, the loss begins within 0.2 of that. Undivided it begins above 10: the scores are
# large, and the network is very sure of what it does not know. That error has no traceback. It is
# seen in the first loss, by those who know what it should be.
#
# Softmax twice
# -------------
#
# From here on nobody complains. The fifth patient knows that scores become probabilities by a
# softmax, and has put one at the end of the network, before the :term:`cross-entropy`. It runs,
# and the loss even falls. We train with it and without it, 60 epochs each.

from cnnbook.training import fit_full_batch

torch.manual_seed(0)
plain = small_cnn()
torch.manual_seed(0)
twice = torch.nn.Sequential(*small_cnn(), torch.nn.Softmax(dim=1))
losses = {
    name: fit_full_batch(network, images, labels, epochs=60, device="cpu").losses
    for name, network in (("plain", plain), ("softmax", twice))
}

# %%
# Both began with the same weights. Guess how far apart they are at the end.

from cnnbook.figures import plot_curves

# sphinx_gallery_thumbnail_number = 1
figure = plot_curves({"loss before the update": losses}, yscale="log")
assert losses["plain"][-1] < 1
assert losses["softmax"][-1] > 1.461

# %%
# Without it the loss is below 1 and falling; with it, it creeps along above 1.461, and would do so
# for ever. torch's cross-entropy makes the softmax itself, so here it is made twice. After the
# first the scores lie between 0 and 1. At best the right one is 1 and the nine others 0, and the
# second softmax turns this into a probability of e / (e + 9):

best = torch.eye(10)[:1]
floor = cross_entropy(best, torch.tensor([0])).item()
print(f"probability {math.e / (math.e + 9):.3f}, loss {floor:.3f}")
assert round(math.e / (math.e + 9), 3) == 0.232
assert round(floor, 3) == round(math.log(math.e + 9) - 1, 3) == 1.461

# %%
# That is 0.232 at the very best, and a loss of 1.461. When a loss of ten classes will not go
# below 1.461, look for this illness first. The cure is to take the softmax out: scores go into the
# loss, and probabilities are for looking at.
#
# The 10 % plateau
# ----------------
#
# The last patient has read that pictures should be brought to mean 0 and standard deviation 1, and
# does it for each pixel. The network then gets a tenth right, however long it is trained.
# Exactly a tenth?

scaled = (images - images.mean(dim=0)) / images.std(dim=0)
scores = net(scaled)
right = int((scores.argmax(dim=1) == labels).sum())
print(right, "of", len(labels), "right; answers:", scores.argmax(dim=1).unique().tolist())
assert right / len(labels) == 20 / 200 == 0.1
assert scores.argmax(dim=1).unique().tolist() == [0]

# %%
# Exactly. Every answer is class 0, and there are 20 of these among 200. A network that learnt
# nothing would be about as bad, but hardly to the picture. Look at what is behind the answers:

print(scores[0, :3].tolist(), "NaN in", int(scores.isnan().any(dim=1).sum()), "pictures")
dead = images.std(dim=0) == 0
print("pixels that are the same in all pictures:", int(dead.sum()))
assert scores.isnan().all()
assert torch.equal(scaled.isnan().any(dim=0), dead)
assert dead.any()

# %%
# NaN, "not a number". Some pixels, in a corner, are black in all 200 pictures. There the standard
# deviation is 0, and 0 divided by 0 is NaN. The linear layer adds up all pixels, so a single one is
# enough for all ten scores. And then ``argmax``: asked for the largest of ten NaN it returns 0,
# without an error.
#
# The book's functions raise one. :func:`~cnnbook.metrics.accuracy` refuses such scores, and the
# trainer refuses such losses:

from cnnbook.metrics import accuracy

for message in (
    attempt(lambda: accuracy(scores, labels)),
    attempt(lambda: fit_full_batch(small_cnn(), scaled, labels, epochs=3, device="cpu")),
):
    print(message)
    assert "NaN" in message
    assert "200 of 200" in message

# %%
# Both messages say where to look. The cure is one mean and one standard deviation for all pixels
# together, which is not 0 as long as the pictures are not all the same grey:

scaled = (images - images.mean()) / images.std()
torch.manual_seed(0)
cured = small_cnn()
history = fit_full_batch(cured, scaled, labels, epochs=30, device="cpu")
share = accuracy(cured(scaled), labels)
print(f"loss {history.losses[-1]:.2f}, right {share:.2f}")
assert share > 0.5

# %%
# More than half of its training pictures right after 30 epochs, and not a tenth: discharged.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put
# ``from cnnbook.exercises import check`` before it, and see what the check says. Nothing is given
# away until you unfold it.
#
# .. exercise:: 22.1
#
# .. exercise:: 22.2
#
# .. exercise:: 22.3
#
# The answer
# ----------
#
# If it does not run, read the last line and its numbers: what arrived, and what was expected. Then
# look for the place where the first became so, which is often some layers earlier; an axis, a size,
# a device and a dtype are four of the usual suspects. If it runs and learns nothing, there are
# three numbers to know by heart, for ten classes: a loss begins near 2.303, a softmax too many
# keeps it above 1.461, and a share of exactly 0.1 points to NaN.
#
# That was the last page. :doc:`/api/index` has all functions by task, and :doc:`/exercises` what
# there is to try.
