"""
2. Why a CNN? Parameters
========================

*How many numbers does each of the two networks have to store, and how much does it compute?*

You need the two networks of :doc:`/gallery/1_why/plot_01_accuracy`, the desperate MLP and the
sloppy CNN. Nothing is trained here: we only count, and every count has a formula.
"""

# %%
# Counting parameters
# -------------------
#
# .. index:: ! parameter
#
# A :term:`parameter` is a number that training may change: a :term:`weight` or a :term:`bias`.
# Which network has more of them, and how many times more? Make a guess before you read on.
#
# .. guess:: Which one, how many times more?

from cnnbook.counting import parameter_table
from cnnbook.networks import mlp, small_cnn

desperate, sloppy = mlp(), small_cnn()
print(parameter_table(desperate))

# %%
# A linear layer from 784 numbers to 2,048 has a weight for each pair of an input and an output, and
# a bias for each output. The MLP has two such layers, so it has four tensors, one in each row of
# the table. ``1.weight`` is the weight of layer 1: torch counts the layers from 0, and ``Flatten``
# is layer 0. Layers without parameters are not in the table.

assert parameter_table(desperate).formula == "2048*784 + 2048 + 10*2048 + 10"
assert 2048 * 784 + 2048 + 10 * 2048 + 10 == parameter_table(desperate).total == 1_628_170

# %%
# It has 1,628,170 parameters, and nearly all of them are in the first layer. Now the CNN:

print(parameter_table(sloppy))

# %%
# The :term:`convolution` has sixteen :term:`kernels <kernel>` of 2 x 2 weights for one
# :term:`channel`, and sixteen biases. These are only 80 numbers for the whole image, because the
# same 2 x 2 weights are used at every position.

totals = [parameter_table(net).total for net in (desperate, sloppy)]
print(f"{totals[0] / totals[1]:.1f} times fewer")
assert parameter_table(sloppy).formula == "16*1*2*2 + 16 + 10*2704 + 10"
assert 16 * 1 * 2 * 2 + 16 == 80
assert 80 + 10 * 2704 + 10 == parameter_table(sloppy).total == 27_130

# %%
# The CNN has 27,130 parameters, 60.0 times fewer than the MLP. Almost all of them, 27,050, are in
# its *linear* layer, not in the convolution. The drawing of page 1 shows the number for each layer:

from cnnbook.figures import plot_networks

figure = plot_networks({"desperate MLP": desperate, "sloppy CNN": sloppy}, (1, 28, 28))
assert f"{1_628_170 / 27_130:.1f}" == "60.0"
assert 10 * 2704 + 10 == 27_050

# %%
# .. guess-end::
#
# Why 2704? In each direction, a 2 x 2 :term:`window` has 27 positions in 28 pixels. :term:`Pooling
# <pooling>` makes one number of every two, and one of the 27 is left over, so 27 become 13. And
# there are 16 such :term:`feature maps <feature map>`:

from cnnbook.shapes import derive_output_size

print(derive_output_size(28, 2))
print(derive_output_size(27, 2, stride=2))
print(f"16*13*13 = {16 * 13 * 13}")
assert derive_output_size(28, 2).output_size == 27
assert derive_output_size(27, 2, stride=2).output_size == 13
assert 16 * 13 * 13 == 2704
assert (28 - 2 + 1, 27 // 2) == (27, 13)

# %%
# ``floor`` rounds down. So the first line is 28 - 2 + 1 = 27, and the second is 27 / 2, rounded
# down to 13. The other numbers in the formulas belong to options that have their default values
# here.
#
# Multiplications
# ---------------
#
# The number of parameters says how much must be stored. It does not say how much must be computed,
# because a convolution uses each of its weights many times. Guess: the CNN has 60.0 times fewer
# parameters. Does it also need 60.0 times fewer multiplications?
#
# .. guess:: The CNN needs
#    :choices: 60 times fewer | fewer, but not 60 times | more than 60 times fewer
#      | more than the MLP

from cnnbook.counting import cost_table

costs = {"MLP": cost_table(desperate, (1, 28, 28)), "CNN": cost_table(sloppy, (1, 28, 28))}
print(costs["CNN"])

# %%
# A :term:`MAC`, *multiply-accumulate*, is one multiplication and one addition. The convolution
# computes 16 x 27 x 27 numbers, with four multiplications for each: 46,656 MACs with only 80
# parameters.

assert 16 * 27 * 27 * 4 == 46_656
assert costs["CNN"].rows[0].macs == 46_656

# %%
# A linear layer uses each weight once per image, so it has as many MACs as weights. The MLP has
# only linear layers:

for name, cost in costs.items():
    print(f"{name}: {cost.parameters:,} parameters, {cost.macs:,} MACs per image")
print(f"{costs['MLP'].macs / costs['CNN'].macs:.1f} times fewer MACs")
assert (costs["MLP"].macs, costs["CNN"].macs) == (1_626_112, 73_696)
assert f"{1_626_112 / 73_696:.1f}" == "22.1"

# %%
# The CNN needs 73,696 MACs and the MLP 1,626,112. That is 22.1 times as many, not 60.0 times.
#
# .. guess-end::
#
# Activations
# -----------
#
# To compute a gradient, training has to keep the outputs of the layers, the
# :term:`activations <activation>`. Here we count those of the hidden layer with weights: the 2,048
# units of the MLP, and the sixteen feature maps of 27 x 27 of the CNN.

hidden = {name: cost.hidden_activations for name, cost in costs.items()}
print(hidden, f"{hidden['CNN'] / hidden['MLP']:.1f} times more")
assert hidden == {"MLP": 2_048, "CNN": 11_664}
assert f"{11_664 / 2_048:.1f}" == "5.7"

# %%
# Here the CNN needs more: 11,664 numbers for each image, 5.7 times *more* than the MLP. The three
# counts in one figure:

from cnnbook.figures import plot_bars

figure = plot_bars(
    {
        "parameters (stored)": {name: cost.parameters for name, cost in costs.items()},
        "MACs per image (computed)": {name: cost.macs for name, cost in costs.items()},
        "hidden activations (kept)": hidden,
    },
    ratios=True,
)

# %%
# Each panel has its own axis, which begins at 0. So the length of a bar is proportional to its
# number: for 60.0 times as many parameters, the bar is 60.0 times as long. The number in brackets
# is this ratio, of the longer bar to the shorter one.
#
# torch counts, too
# -----------------
#
# These counts come from formulas. torch can count the operations while the network runs. It counts
# a multiplication and an addition as two operations, so its number is twice the number of MACs.

import torch
from torch.utils.flop_counter import FlopCounterMode

for net, cost in ((desperate, costs["MLP"]), (sloppy, costs["CNN"])):
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, 1, 28, 28))
    assert counter.get_total_flops() == 2 * cost.macs

# %%
# The two counts agree for both networks.
#
# .. board::
#    :minutes: 15
#
#    1. The images get 56 x 56 pixels in place of 28 x 28. How many parameters does ``Conv2d(1, 16,
#       2)`` have now, and how many times as many weights does the MLP's first layer have?
#
#       The convolution still has 80. The first layer has 4 times as many weights, since there are
#       ``56*56/(28*28) = 4`` times as many pixels.
#
#    2. The convolution of the CNN has 80 parameters. How many hidden units can a linear layer on
#       784 pixels have with 80 parameters?
#
#       None. A single unit needs ``784 + 1 = 785`` parameters, a weight for each pixel and a bias.
#
#    3. How often is one weight of the MLP used for one image, and how often is one weight of the
#       convolution used?
#
#       Once, and 729 times: a kernel is used at ``27*27 = 729`` positions.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
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
# The sloppy CNN has 60.0 times fewer parameters than the desperate MLP and needs 22.1 times fewer
# MACs, but it keeps 5.7 times more hidden activations during training. Its convolution has few
# parameters, because it uses the same few weights at every position, and many activations, because
# each position gives a number for each kernel.
#
# In the run of page 1, a small network that shares its weights classified more test images
# correctly than a large one. The lecture calls this kind of network famous. Where does it come
# from? :doc:`/gallery/1_why/plot_03_history`.
