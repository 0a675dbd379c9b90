"""
17. One update, four lines
==========================

*What do the four lines of training do to a single weight?*

You need :doc:`/gallery/3_inside/plot_14_backpropagation`, for where a :term:`gradient` comes from.
:doc:`/gallery/1_why/plot_01_accuracy` trained 27,130 parameters at once. Here we train two, and
compute each step with a pencil.
"""

# %%
# A network of two numbers
# ------------------------
#
# The smallest convolution has a window of 1 x 1: one :term:`weight` and one :term:`bias`. It gets
# two images of one pixel each, 0 and 2, and its outputs should be 1 and 5, that is, twice the pixel
# plus 1. The network starts with weight 1 and bias 0.

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
# The images go in and the scores come out. The :term:`loss` says how wrong they are; ours is the
# mean of the squared errors, as in linear regression. Take the pencil: which two scores, and which
# loss?
#
# .. guess:: Scores and loss

scores = net(images)
loss = torch.nn.functional.mse_loss(scores, targets)
print(scores.flatten().tolist(), loss.item())
assert scores.flatten().tolist() == [1 * 0 + 0, 1 * 2 + 0] == [0, 2]
assert loss.item() == ((0 - 1) ** 2 + (2 - 5) ** 2) / 2 == 5

# %%
# The scores are 0 and 2, the errors -1 and -3, and the loss is (1 + 9) / 2 = 5. (If you count
# forward and loss as two lines, as the lecture does, there are five.)
#
# The second line: backward
# -------------------------
#
# The gradient of a squared error is twice the error. The weight was multiplied by the pixel, so its
# gradient is twice the error times the pixel. For the bias the pixel is replaced by 1. The loss is
# a mean, so divide by two:

loss.backward()
print("weight", weight.grad.item(), "bias", bias.grad.item())
assert weight.grad.item() == (2 * -1 * 0 + 2 * -3 * 2) / 2 == -6
assert bias.grad.item() == (2 * -1 + 2 * -3) / 2 == -4
assert (weight.item(), bias.item()) == (1, 0)

# %%
# -6 and -4. Both are negative: if the weight or the bias grows, the loss shrinks. Nothing has
# changed yet. ``backward`` only stores the gradient in ``.grad`` of each :term:`parameter`.
#
# The third line: step
# --------------------
#
# The :term:`optimizer` subtracts from each parameter its gradient times the :term:`learning rate`.
# With SGD and a rate of 1/8, where do you expect the two to be?
#
# .. guess:: Weight and bias

optimizer = torch.optim.SGD(net.parameters(), lr=1 / 8)
optimizer.step()
print(weight.item(), bias.item())
assert weight.item() == 1 - (-6) / 8 == 1.75
assert bias.item() == 0 - (-4) / 8 == 0.5

# %%
# 1.75 and 0.5, on the way to 2 and 1. The step goes against the gradient, so a negative gradient
# makes a parameter larger.
#
# The fourth line: zero
# ---------------------
#
# The gradient is still in ``.grad``, and the next ``backward`` does not replace it but adds to it.
# Suppose we forget the fourth line. The new errors are -0.5 and -1; what will the two gradients be,
# and what should they be?
#
# .. guess:: The two gradients

torch.nn.functional.mse_loss(net(images), targets).backward()
added = weight.grad.item(), bias.grad.item()
print("not zeroed:", *added)
optimizer.zero_grad()
emptied = weight.grad, bias.grad
print("after zero_grad:", *emptied)
torch.nn.functional.mse_loss(net(images), targets).backward()
print("zeroed:    ", weight.grad.item(), bias.grad.item())
assert added == (-6 - 2, -4 - 1.5) == (-8, -5.5)
assert emptied == (None, None)
assert (weight.grad.item(), bias.grad.item()) == (-2, -1.5)
assert (1.75 * 0 + 0.5 - 1, 1.75 * 2 + 0.5 - 5) == (-0.5, -1)

# %%
# They should be -2 and -1.5, and are -8 and -5.5: the old gradients are still in the sum. torch
# raises no error, because adding is useful, as the end of this page shows. So we have to say when a
# new sum begins. The name ``zero_grad`` is older than what it does today: it sets ``.grad`` to
# ``None``, which saves memory, and ``zero_grad(set_to_none=False)`` writes zeros. Either way, the
# next ``backward`` starts a new sum.
#
# All four
# --------
#
# Now from the start, with all four lines in a loop. Every number in it is a fraction whose
# denominator is a power of two, so no float is rounded, and the floats can be compared with exact
# fractions:

from fractions import Fraction

w, b, rate = Fraction(1), Fraction(0), Fraction(1, 8)
by_hand = []
for _ in range(3):
    first, second = b - 1, 2 * w + b - 5  # the two errors
    by_hand.append((first**2 + second**2) / 2)
    w, b = w - rate * 2 * second, b - rate * (first + second)
print("losses", *by_hand, "- weight", w, "- bias", b)
assert by_hand == [5, Fraction(5, 8), Fraction(25, 256)]

# %%
# The loss is 5, then 5/8, then 25/256. Here are the four lines. The ``append`` only keeps the
# losses for the comparison. Each pass of the loop uses all images, so each is an :term:`epoch`, and
# this is training with the :term:`full batch`.

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
# They are the same to the last digit. (``==`` between a float and a fraction is strict: a single
# rounding would make it false.)
#
# The learning rate
# -----------------
#
# Would a rate of 1/2 get there faster than 1/8, and 1/32 slower? Guess before you look.
#
# .. guess:: The rates
#    :choices: 1/2 is faster, 1/32 is slower | both are faster
#      | 1/2 does not get there, 1/32 is slower

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
# Eight updates with each. The axis is logarithmic, so a straight line is a loss that changes by the
# same factor in every update.

from cnnbook.figures import plot_curves

# sphinx_gallery_thumbnail_number = 1
figure = plot_curves({"loss before the update": curves}, yscale="log")
assert curves["rate 1/2"][:2] == [5, 13]

# %%
# 1/32 is slower, as expected. With 1/2 the loss grows: after its first step it is 13, from 5, and
# then 34 and 89. The gradient says which way is down, but not how far: if the step is too long, it
# ends higher up on the other side. And the curve of 1/8 has a kink: it falls fast, and then slowly.

for name, losses in curves.items():
    print(f"{name}:", [round(loss, 3) for loss in losses[:4]])
assert curves["rate 1/32"][-1] > curves["rate 1/8"][-1]
assert curves["rate 1/2"][:4] == [5, 13, 34, 89]

# %%
# All of them begin at 5, because the first loss is computed before the first update.
#
# .. guess-end::
#
# How long may a step be?
# -----------------------
#
# Suppose first that there is only one parameter. The loss is then a parabola, and its slope is 0 at
# the minimum and grows in proportion to the distance d from it: the slope is c times d. The number
# c, which is the second derivative, is called the *curvature*. A step subtracts the rate times the
# slope, so the distance d becomes ``d - rate * c * d``: each step multiplies it by ``1 - rate *
# c``. With a curvature of 4, a rate of 1/8 halves the distance. A rate of 3/4 multiplies it by -2:
# the step passes the minimum, and ends twice as far away on the other side. Take the pencil: above
# which rate does the distance grow?
#
# .. guess:: The rate, for the curvature c

assert 1 - 4 / 8 == 1 / 2
assert 1 - 4 * 3 / 4 == -2
assert 1 - 4 * (2 / 4) == -1

# %%
# It grows if the factor is below -1, that is, if the rate is above 2/c, here 1/2.
#
# We have two parameters, and the minimum is at weight 2 and bias 1. We go a distance of 1 away from
# it, in some direction, and ask for the gradient there. Mostly the gradient has another direction
# than the one in which we went. In two directions it has the same:


def loss_of(parameters: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of weight and bias, which come in one tensor."""
    return (parameters[0] * images.flatten() + parameters[1] - targets[:, 0]).square().mean()


minimum = torch.tensor([2.0, 1.0])
quotients = []
for direction in torch.tensor([[0.5257, -0.8507], [0.8507, 0.5257]]):
    gradient = torch.autograd.functional.jacobian(loss_of, minimum + direction)
    went, found = ([round(x, 2) for x in pair.tolist()] for pair in (direction, gradient))
    print(f"direction {went}, gradient {found}")
    quotients += (gradient / direction).tolist()
assert [round(quotient, 2) for quotient in quotients] == [0.76, 0.76, 5.24, 5.24]
assert (went, found) == ([0.85, 0.53], [4.45, 2.75])

# %%
# In the first line, both numbers of the gradient are 0.76 times those of the direction: 0.76 times
# 0.53 is 0.40, and 0.76 times -0.85 is -0.65. In the second line, the factor is 5.24. So along each
# of these two directions, a step does the same as with one parameter. The two curvatures are 0.76
# and 5.24: one direction is flat, the other steep.
#
# How does one find these directions? Linear algebra calls them the *eigenvectors* of the matrix of
# the second derivatives, and the curvatures its *eigenvalues*. The matrix is called the *Hessian*.
# torch computes all of this. What do you expect of the rates 1/8 and 1/2 in the steep direction?
#
# .. guess:: By what each multiplies the distance

hessian = torch.autograd.functional.hessian(loss_of, torch.tensor([1.0, 0.0]))
flat, steep = torch.linalg.eigvalsh(hessian).tolist()
print(hessian.tolist(), f"curvatures {flat:.2f} and {steep:.2f}")
print(f"limit of the rate: 2 / {steep:.2f} = {2 / steep:.2f}")
factors = {name: 1 - steep / below for name, below in (("1/8", 8), ("1/2", 2))}
print("steep direction:", {name: round(factor, 2) for name, factor in factors.items()})
assert hessian.tolist() == [[4, 2], [2, 2]]
assert loss_of(minimum) == 0
assert [round(0.76 * x, 2) for x in (0.53, -0.85)] == [0.40, -0.65]
assert (round(flat, 2), round(steep, 2), round(2 / steep, 2)) == (0.76, 5.24, 0.38)
assert (round(factors["1/8"], 2), round(factors["1/2"], 2)) == (0.35, -1.62)

# %%
# In the steep direction, 1/8 multiplies the distance by 0.35, and 1/2 by -1.62: each step goes to
# the other side, and further away. The limit is a rate of 2/5.24 = 0.38; above it the loss grows.
# In the flat direction, 1/8 multiplies the distance by 0.90 only. That is the kink: at first the
# steep direction makes the loss fall fast, and when its distance is nearly 0, only the slow, flat
# direction is left. The loss grows with the square of the distance, so its factor is the square of
# 0.90. Here are the factors of the loss, update by update:

from itertools import pairwise

quotients = [after / before for before, after in pairwise(curves["rate 1/8"])]
print("loss after over loss before:", [round(quotient, 2) for quotient in quotients])
assert round(1 - flat / 8, 2) == 0.90
assert abs(quotients[-1] - 0.82) < 0.01
assert round((1 - flat / 8) ** 2, 2) == 0.82
assert quotients[0] < 0.13

# %%
# In the end each update multiplies the loss by 0.82, which is the square of 0.90. The steep
# direction limits the rate, and the flat one then takes many updates. This is why the learning rate
# must be tried out, and one reason for optimizers that choose the length for each parameter.
#
# Adam's first step
# -----------------
#
# The lecture uses :term:`Adam` and not :term:`SGD` [Kingma2015]_. Adam keeps two running means for
# each parameter, one of its gradient and one of its square. Both start at 0. Each step moves the
# first mean a tenth of the way to the new gradient, and the second mean a thousandth of the way to
# the square of the new gradient. So after the first step they are 0.1 times the gradient and 0.001
# times its square: much too small. The *bias correction* therefore divides the first mean by 0.1
# and the second by 0.001. Then Adam divides the first mean by the root of the second.
#
# The next cell has four parameters, each at 0, with gradients of very different size. Adam divides
# each gradient by the root of its own square: what is left of it?
#
# .. guess:: What is left

numbers = torch.zeros(4, dtype=torch.float64, requires_grad=True)
adam = torch.optim.Adam([numbers])
numbers.grad = torch.tensor([-6.0, 0.004, 1e-8, 0.0], dtype=torch.float64)
adam.step()
print([f"{number:.6f}" for number in numbers.tolist()])
uncorrected = 0.1 * 6 / (0.001 * 6**2) ** 0.5
print(f"without the bias correction, {uncorrected:.2f} times the rate")
assert (adam.defaults["lr"], adam.defaults["eps"]) == (0.001, 1e-8)
assert adam.defaults["betas"] == (1 - 0.1, 1 - 0.001)
assert round(uncorrected, 2) == 3.16

# %%
# The sign is left. A gradient of -6 and one of 0.004 lead to steps of the same length, the learning
# rate, here 0.001, which is Adam's default. Both go against the gradient, as before. Without the
# bias correction, the first step would be 3.16 times as long.
#
# This is not quite exact. Adam adds a small epsilon, 1e-8, to the root, so that it never divides by
# 0. With it the formula of the first step is a single line:

gradient = numbers.grad
formula = -0.001 * gradient / (gradient.abs() + 1e-8)
sizes = (numbers.abs() / 0.001).tolist()
print([f"{size:.9f}" for size in sizes])
assert torch.allclose(numbers, formula, rtol=1e-9, atol=0)
assert 1 - 1e-8 < sizes[0] < 1
assert 1 - 1e-5 < sizes[1] < 1
assert round(sizes[2], 6) == 0.5
assert sizes[3] == 0

# %%
# The first step is shorter than the rate by less than 1e-8 of it, the second by less than 1e-5.
# Only a gradient as small as epsilon changes this: the third number went half the way. Where the
# gradient is 0, nothing moves. In later steps the means contain several gradients, and the step is
# as long as the rate only where these agree.
#
# The library's trainer
# ---------------------
#
# The book trains with :func:`~cnnbook.training.fit_full_batch`. It takes the images in
# micro-batches, and ``backward`` adds up their gradients. This is what the adding is good for, and
# it is called :term:`gradient accumulation`. First, our two images, one at a time:

from cnnbook.training import fit_full_batch

torch.nn.init.ones_(weight)
torch.nn.init.zeros_(bias)
options = {"loss_fn": torch.nn.MSELoss(), "device": "cpu", "micro_batch_size": 1, "epochs": 3}
sgd = torch.optim.SGD(net.parameters(), lr=1 / 8)
history = fit_full_batch(net, images, targets, optimizer=sgd, **options)
print(history.losses)
assert list(history.losses) == by_hand

# %%
# 5, 5/8 and 25/256 again, although the trainer never took both images at once. Now the small CNN,
# 300 images of clothes, :term:`cross-entropy` and Adam. There are two networks with the same start,
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
# One is trained by the four lines, five times, and the other by the trainer, whose default
# optimizer is Adam.

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
#
# .. guess:: The losses are
#    :choices: equal to the last digit | nearly equal | different

for epoch, (mine, its) in enumerate(zip(ours, theirs.losses, strict=True), start=1):
    print(f"epoch {epoch}: {mine:.4f} and {its:.4f}, apart {abs(mine - its):.0e}")
print("images at a time:", theirs.micro_batch_size)
assert max(abs(mine - its) for mine, its in zip(ours, theirs.losses, strict=True)) < 1e-5
assert theirs.micro_batch_size < 300

# %%
# Nearly: they differ by less than 1e-5. These numbers are not fractions of powers of two, so every
# sum is rounded, and the rounding depends on the order of the sum. That is the only difference
# between the four lines and the trainer. The mathematics is the same.
#
# .. board::
#    :minutes: 35
#
#    1. The loss is (w - 3) squared, and w starts at 0. Where is w after one step with the rate 1/2,
#       and where after one and two steps with the rate 1?
#
#       With 1/2 it is at 3, the minimum, after one step: the gradient at 0 is -6. With 1 it is at 6
#       and then at 0 again, and so on for ever.
#
#    2. The gradient is 1 in each of four updates, the rate is 1, and nobody calls ``zero_grad``.
#       How far does the weight move in all? And how far if it is called?
#
#       By 10: the gradients add up, so the steps are ``1 + 2 + 3 + 4 = 10``. With ``zero_grad`` it
#       moves by 4.
#
#    3. The loss is multiplied by 100. How does the first step of SGD change, and how does that of
#       Adam?
#
#       The step of SGD becomes 100 times as long. That of Adam stays the same, up to epsilon, since
#       Adam divides the gradient by its own size.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
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
# Forward computes how wrong the output is, backward in which direction it gets better, step goes
# there, and zero removes the gradient. Our weight went from 1 to 1.75 because its gradient was -6
# and the rate 1/8, and the loss fell from 5 to 5/8. The length of Adam's first step hardly depends
# on the gradient, only its direction does. In a network with 27,130 parameters, the same happens to
# each of them at the same time.
#
# The trainer took the images in micro-batches, and got the same losses. Why that is correct, what
# it saves, and where it goes wrong: :doc:`/gallery/4_training/plot_18_micro_batches`.
