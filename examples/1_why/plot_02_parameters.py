"""
Why a CNN? Parameters
=====================

*How much does each of the two networks have to store, to compute and to remember?*

You need the two networks of :doc:`/gallery/1_why/plot_01_accuracy`, the desperate MLP and the
sloppy CNN. Nothing is trained here: all of it can be counted, and every count has a formula.
"""

# %%
# Counting parameters
# -------------------
#
# .. index:: ! parameter
#
# A :term:`parameter` is a number that training may change: a :term:`weight` or a :term:`bias`.
# Which network has more of them, and how many times more? Make a guess, then look.

from cnnbook.counting import parameter_table
from cnnbook.networks import mlp, small_cnn

desperate, sloppy = mlp(), small_cnn()
print(parameter_table(desperate))

# %%
# A linear layer from 784 numbers to 2,048 has a weight for every pair of them, and a bias for
# every output. Two layers, four tensors:

assert parameter_table(desperate).formula == "2048*784 + 2048 + 10*2048 + 10"
assert 2048 * 784 + 2048 + 10 * 2048 + 10 == parameter_table(desperate).total == 1_628_170

# %%
# 1,628,170 parameters, nearly all of them in the first layer. Now the CNN:

print(parameter_table(sloppy))

# %%
# The :term:`convolution` has sixteen :term:`kernels <kernel>` of 2 x 2 weights for one
# :term:`channel`, and sixteen biases. That is 80 numbers, and they see the whole picture, because
# the same 2 x 2 weights are used at every position of it.

assert parameter_table(sloppy).formula == "16*1*2*2 + 16 + 10*2704 + 10"
assert 16 * 1 * 2 * 2 + 16 == 80
assert 80 + 10 * 2704 + 10 == parameter_table(sloppy).total == 27_130
print(f"{1_628_170 / 27_130:.1f} times fewer")

# %%
# 27,130 parameters: 60.0 times fewer than the MLP's. Almost all of the CNN's, 27,050, sit in its
# *linear* layer, not in the convolution.

assert f"{1_628_170 / 27_130:.1f}" == "60.0"
assert 10 * 2704 + 10 == 27_050

# %%
# And why 2704? A 2 x 2 :term:`window` fits into 28 pixels at 27 places, :term:`pooling` takes them
# in pairs, which leaves 13, and there are 16 such pictures:

from cnnbook.shapes import derive_output_size

print(derive_output_size(28, 2))
print(derive_output_size(27, 2, stride=2))
print(f"16*13*13 = {16 * 13 * 13}")
assert derive_output_size(28, 2).output_size == 27
assert derive_output_size(27, 2, stride=2).output_size == 13
assert 16 * 13 * 13 == 2704
assert (28 - 2 + 1, 27 // 2) == (27, 13)

# %%
# ``floor`` rounds down. So the first line comes to 28 - 2 + 1 = 27, and the second to 27 / 2
# without its half, 13. The other numbers in them belong to options that have their default values
# here.
#
# What parameters leave out
# -------------------------
#
# Parameters say how much must be stored. They do not say how much must be computed, and a
# convolution uses each of its weights many times. What would you guess: does the CNN, with 60.0
# times fewer parameters, also compute 60.0 times less?

from cnnbook.counting import cost_table

costs = {"MLP": cost_table(desperate, (1, 28, 28)), "CNN": cost_table(sloppy, (1, 28, 28))}
print(costs["CNN"])

# %%
# A MAC is one product and its addition, *multiply-accumulate*. The convolution makes 16 x 27 x 27
# output numbers from four products each: 46,656 MACs out of 80 parameters.

assert 16 * 27 * 27 * 4 == 46_656
assert costs["CNN"].rows[0].macs == 46_656

# %%
# In the linear layer each weight is used once, so it has as many MACs as weights. All of the MLP is
# like that:

for name, cost in costs.items():
    print(f"{name}: {cost.parameters:,} parameters, {cost.macs:,} MACs per image")
print(f"{costs['MLP'].macs / costs['CNN'].macs:.1f} times fewer MACs")
assert (costs["MLP"].macs, costs["CNN"].macs) == (1_626_112, 73_696)
assert f"{1_626_112 / 73_696:.1f}" == "22.1"

# %%
# 73,696 MACs against 1,626,112: the CNN computes 22.1 times less. That is a lot, but far from
# 60.0.
#
# And what must be remembered
# ---------------------------
#
# To compute a gradient, training has to keep the outputs of the layers. Count those of the hidden
# layer that multiplies, its :term:`activations <activation>`: the MLP's 2,048 units, the CNN's
# sixteen pictures of 27 x 27.

from cnnbook.figures import plot_bars

hidden = {name: cost.hidden_activations for name, cost in costs.items()}
print(hidden, f"{hidden['CNN'] / hidden['MLP']:.1f} times more")
assert hidden == {"MLP": 2_048, "CNN": 11_664}
assert f"{11_664 / 2_048:.1f}" == "5.7"

# %%
# Here the CNN is the expensive one: 11,664 numbers for each image, 5.7 times *more* than the MLP.
# On one picture with three panels:

figure = plot_bars(
    {
        "parameters (stored)": {name: cost.parameters for name, cost in costs.items()},
        "MACs per image (computed)": {name: cost.macs for name, cost in costs.items()},
        "hidden activations (kept)": hidden,
    },
    xscale="log",
)

# %%
# Each panel has an axis of its own, and all are logarithmic: from one number below it to the next
# is a factor of ten.
#
# A second opinion
# ----------------
#
# These counts come from formulas. torch can count too, while the network runs; it counts a
# product and an addition as two operations, so its number is twice ours.

import torch
from torch.utils.flop_counter import FlopCounterMode

for net, cost in ((desperate, costs["MLP"]), (sloppy, costs["CNN"])):
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, 1, 28, 28))
    assert counter.get_total_flops() == 2 * cost.macs

# %%
# Both ways agree, for both networks.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put
# ``from cnnbook.exercises import check`` before it, and see what the check says. Nothing is given
# away until you unfold it.
#
# .. exercise:: 2.1
#
# .. exercise:: 2.2
#
# .. exercise:: 2.3
#
# The answer
# ----------
#
# The sloppy CNN stores 60.0 times less than the desperate MLP and computes 22.1 times less; it
# keeps 5.7 times more while it is trained. It is small because it uses the same few weights
# everywhere, and for the same reason it has to keep many activations.
#
# So the two were of very different size on page 1, and each network was trained only once. Was that
# fair? :doc:`/gallery/1_why/plot_03_fair`.
