"""
One update, four lines
======================

*What do the four lines of training do to a single weight?*

You need :doc:`/gallery/3_inside/plot_14_backpropagation`, for where a :term:`gradient` comes from.
:doc:`/gallery/1_why/plot_01_accuracy` trained 27,130 numbers at once. Here we train two, and
follow them with a pencil.
"""

# %%
# A network of two numbers
# ------------------------
#
# The smallest convolution there is has a window of 1 x 1: one :term:`weight` and one :term:`bias`.
# It gets two pictures of one pixel each, 0 and 2, and for them it should say 1 and 5. That is,
# twice the pixel plus 1; but the network starts with weight 1 and bias 0.

import torch

images = torch.tensor([0.0, 2.0]).reshape(2, 1, 1, 1)
targets = torch.tensor([[1.0], [5.0]])
net = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Flatten())
weight, bias = net.parameters()
torch.nn.init.ones_(weight)
torch.nn.init.zeros_(bias)
print(sum(parameter.numel() for parameter in net.parameters()), "parameters")
assert sum(parameter.numel() for parameter in net.parameters()) == 2

# %%
# The first line: forward
# -----------------------
#
# .. index:: ! loss
#
# The pictures go in and the scores come out. The :term:`loss` says how bad they are; ours is the
# mean of the squared misses, as in linear regression. Take the pencil: which two scores, and which
# loss?

scores = net(images)
loss = torch.nn.functional.mse_loss(scores, targets)
print(scores.flatten().tolist(), loss.item())
assert scores.flatten().tolist() == [1 * 0 + 0, 1 * 2 + 0] == [0, 2]
assert loss.item() == ((0 - 1) ** 2 + (2 - 5) ** 2) / 2 == 5

# %%
# The scores are 0 and 2, the misses -1 and -3, and the loss is (1 + 9) / 2 = 5. (If you count
# forward and loss as two lines, as the lecture does, there are five.)
#
# The second line: backward
# -------------------------
#
# The gradient of a squared miss is twice the miss. The weight met the pixel, so its gradient is
# twice the miss times the pixel; the bias met a 1. And the loss is a mean, so divide by two:

loss.backward()
print("weight", weight.grad.item(), "bias", bias.grad.item())
assert weight.grad.item() == (2 * -1 * 0 + 2 * -3 * 2) / 2 == -6
assert bias.grad.item() == (2 * -1 + 2 * -3) / 2 == -4
assert (weight.item(), bias.item()) == (1, 0)

# %%
# -6 and -4. Both are negative: if the weight or the bias grows, the loss shrinks. Nothing has
# changed yet. ``backward`` only writes down, beside each :term:`parameter`, what it found.
#
# The third line: step
# --------------------
#
# The optimizer takes from each parameter its gradient times the learning rate. With SGD and the
# round rate 1/8, where do you expect the two to be?

optimizer = torch.optim.SGD(net.parameters(), lr=1 / 8)
optimizer.step()
print(weight.item(), bias.item())
assert weight.item() == 1 - (-6) / 8 == 1.75
assert bias.item() == 0 - (-4) / 8 == 0.5

# %%
# 1.75 and 0.5, on the way to 2 and 1. The step went against the gradient, so minus a negative
# number: both grew.
#
# The fourth line: zero
# ---------------------
#
# What ``backward`` wrote down is still there, and the next ``backward`` will not write over it but
# add to it. Suppose we forget the fourth line. The new misses are -0.5 and -1; what will the two
# gradients be, and what should they be?

torch.nn.functional.mse_loss(net(images), targets).backward()
print("not zeroed:", weight.grad.item(), bias.grad.item())
assert (weight.grad.item(), bias.grad.item()) == (-6 - 2, -4 - 1.5) == (-8, -5.5)
optimizer.zero_grad()
torch.nn.functional.mse_loss(net(images), targets).backward()
print("zeroed:    ", weight.grad.item(), bias.grad.item())
assert (weight.grad.item(), bias.grad.item()) == (-2, -1.5)
assert (1.75 * 0 + 0.5 - 1, 1.75 * 2 + 0.5 - 5) == (-0.5, -1)

# %%
# They should be -2 and -1.5, and are -8 and -5.5: the old ones are still in the sum. torch raises
# no error, because adding is useful, as the end of this page shows. So we have to say when a new
# sum begins.
#
# All four
# --------
#
# Now from the start, with all four lines in a loop. Every number in it is a fraction with a power
# of two below, so it is exact, and can be compared with fractions that round nothing:

from fractions import Fraction

w, b, rate = Fraction(1), Fraction(0), Fraction(1, 8)
by_hand = []
for _ in range(3):
    first, second = b - 1, 2 * w + b - 5  # the two misses
    by_hand.append((first**2 + second**2) / 2)
    w, b = w - rate * 2 * second, b - rate * (first + second)
print("losses", *by_hand, "- weight", w, "- bias", b)
assert by_hand == [5, Fraction(5, 8), Fraction(25, 256)]

# %%
# The loss is 5, then 5/8, then 25/256. And the four lines, with an ``append`` among them only so
# that there is something to look at afterwards. Each round uses all images, so each is an
# :term:`epoch`, and this is training with the :term:`full batch`.

torch.nn.init.ones_(weight)
torch.nn.init.zeros_(bias)
losses = []
optimizer.zero_grad()  # the cells above have left gradients
for _ in range(3):
    loss = torch.nn.functional.mse_loss(net(images), targets)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    losses.append(loss.item())
assert losses == by_hand
assert (weight.item(), bias.item()) == (w, b)

# %%
# The same to the last digit. (An equals sign between a float and a fraction is strict: it would
# not forgive a single rounding.)
#
# The learning rate
# -----------------
#
# 1/8 was chosen to be handy. Would 1/2 get there faster, and 1/32 slower? Guess before you look.

curves: dict[str, list[float]] = {"rate 1/32": [], "rate 1/8": [], "rate 1/2": []}
for losses, below in zip(curves.values(), (32, 8, 2), strict=True):
    torch.nn.init.ones_(weight)
    torch.nn.init.zeros_(bias)
    sgd = torch.optim.SGD(net.parameters(), lr=1 / below)
    for _ in range(8):
        loss = torch.nn.functional.mse_loss(net(images), targets)
        loss.backward()
        sgd.step()
        sgd.zero_grad()
        losses.append(loss.item())

# %%
# Eight updates with each. The axis is logarithmic, so a straight line is a loss that shrinks, or
# grows, by the same factor in every update.

from cnnbook.figures import plot_curves

# sphinx_gallery_thumbnail_number = 1
figure = plot_curves({"loss before the update": curves}, yscale="log")
assert curves["rate 1/2"][:2] == [5, 13]

# %%
# 1/32 is slower, as one would think. 1/2 does not get there at all: after its first step the loss
# is 13, from 5, and then 34 and 89. The gradient says which way is down, and nothing about how far;
# with a step too long one lands higher up on the other side. (These are, by chance, every second
# Fibonacci number.)

for name, losses in curves.items():
    print(f"{name}:", [round(loss, 3) for loss in losses[:4]])
assert curves["rate 1/32"][-1] > curves["rate 1/8"][-1]
assert curves["rate 1/2"][:4] == [5, 13, 34, 89]

# %%
# All of them begin at 5, for the first loss is computed before anything was changed.
#
# Adam's first step
# -----------------
#
# The lecture uses Adam and not SGD [Kingma2015]_. Adam keeps two running means for each parameter,
# one of its gradient and one of its square, and steps by the first over the root of the second. In
# its first step each mean has seen one gradient. A number over the root of its own square: what is
# left of it?
#
# Here are four numbers, each at 0, with gradients of very different size.

numbers = torch.zeros(4, dtype=torch.float64, requires_grad=True)
adam = torch.optim.Adam([numbers])
numbers.grad = torch.tensor([-6.0, 0.004, 1e-8, 0.0], dtype=torch.float64)
adam.step()
print([f"{number:.6f}" for number in numbers.tolist()])
assert (adam.defaults["lr"], adam.defaults["eps"]) == (0.001, 1e-8)

# %%
# The sign. A gradient of -6 and one of 0.004 lead to steps of one length, the learning rate, here
# 0.001, which is Adam's default. Both signs are against the gradient, as before.
#
# Not quite the sign: so as not to divide by 0, Adam adds a tiny epsilon below, 1e-8. With it the
# whole formula of the first step is a single line:

gradient = numbers.grad
formula = -0.001 * gradient / (gradient.abs() + 1e-8)
assert torch.allclose(numbers, formula, rtol=1e-9, atol=0)
sizes = (numbers.abs() / 0.001).tolist()
print([f"{size:.9f}" for size in sizes])
assert 1 - 1e-8 < sizes[0] < 1
assert 1 - 1e-5 < sizes[1] < 1
assert round(sizes[2], 6) == 0.5
assert sizes[3] == 0

# %%
# The first step is short of the rate by less than 1e-8 of it, the second by less than 1e-5. Only a
# gradient as small as epsilon itself notices: the third number went half the way. And where the
# gradient is 0, nothing moves. In later steps the means have seen several gradients, and the step
# is as long as the rate only where these agree.
#
# The library's trainer
# ---------------------
#
# The book trains with :func:`~cnnbook.training.fit_full_batch`. It takes the images in
# micro-batches and adds up what ``backward`` writes down, which is what the adding is good for.
# First, our two pictures, one at a time:

from cnnbook.training import fit_full_batch

torch.nn.init.ones_(weight)
torch.nn.init.zeros_(bias)
options = {"loss_fn": torch.nn.MSELoss(), "device": "cpu", "micro_batch_size": 1, "epochs": 3}
sgd = torch.optim.SGD(net.parameters(), lr=1 / 8)
history = fit_full_batch(net, images, targets, optimizer=sgd, **options)
print(history.losses)
assert list(history.losses) == by_hand

# %%
# 5, 5/8 and 25/256 again, though it never saw both pictures at once. Now the real thing: the small
# CNN, 300 pictures of clothes, :term:`cross-entropy` and Adam. Two networks with the same start,
# one for each way.

from copy import deepcopy

from cnnbook.images import load_fashion_mnist
from cnnbook.networks import small_cnn

data = load_fashion_mnist(n_train=300, n_test=1, fallback="drawn")
torch.manual_seed(0)
by_loop = small_cnn()
by_trainer = deepcopy(by_loop)
assert sum(parameter.numel() for parameter in by_loop.parameters()) == 27_130

# %%
# One goes through the four lines five times, the other to the trainer, whose default optimizer is
# Adam.

optimizer, loss_fn = torch.optim.Adam(by_loop.parameters()), torch.nn.CrossEntropyLoss()
ours = []
for _ in range(5):
    loss = loss_fn(by_loop(data.train_images), data.train_labels)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    ours.append(loss.item())
theirs = fit_full_batch(by_trainer, data.train_images, data.train_labels, epochs=5, device="cpu")

# %%
# Do you expect the same losses to the last digit?

for epoch, (mine, its) in enumerate(zip(ours, theirs.losses, strict=True), start=1):
    print(f"epoch {epoch}: {mine:.4f} and {its:.4f}, apart {abs(mine - its):.0e}")
print("pictures at a time:", theirs.micro_batch_size)
assert max(abs(mine - its) for mine, its in zip(ours, theirs.losses, strict=True)) < 1e-5
assert theirs.micro_batch_size < 300

# %%
# Nearly: they differ by less than 1e-5. These numbers are no fractions of powers of two, so every
# sum is rounded, and a sum in another order is rounded otherwise. That is all there is between the
# four lines and the trainer; the mathematics is the same.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put
# ``from cnnbook.exercises import check`` before it, and see what the check says. Nothing is given
# away until you unfold it.
#
# .. exercise:: 17.1
#
# .. exercise:: 17.2
#
# .. exercise:: 17.3
#
# The answer
# ----------
#
# Forward says how bad the weight is, backward which way is better, step goes there, and zero clears
# the gradient. Our weight went from 1 to 1.75 because its gradient was -6 and the rate 1/8, and the
# loss fell from 5 to 5/8. Adam's first step depends on hardly more than the sign of the gradient.
# And in a network with 27,130 parameters the same happens to each of them, all at once.
#
# The trainer took the images in micro-batches, and got the same. Why that is allowed, what it
# saves, and where it goes wrong: :doc:`/gallery/4_training/plot_18_micro_batches`.
