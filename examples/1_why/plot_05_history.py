"""
Where did CNNs come from?
=========================

*Who had the idea to use the same few weights everywhere, and why did fame take so long?*

You need the two networks of :doc:`/gallery/1_why/plot_01_accuracy`, the way their parameters were
counted in :doc:`/gallery/1_why/plot_02_parameters`, and from :doc:`/gallery/1_why/plot_04_shuffle`
that a CNN lives on which pixels are neighbours. Most numbers of this page come from publications.
They stand in the code as data, and where a network is described well enough to be counted again,
it is counted again.
"""

# %%
# A cat, and a net that needs no teacher
# --------------------------------------
#
# The sloppy CNN is famous, or at least its family is. From the first experiment to the fame, how
# long did it take? Make a guess before you run the cell.

published = {
    "Hubel and Wiesel, cells that see lines": 1959,
    "Hubel and Wiesel, simple and complex cells": 1962,
    "Fukushima, neocognitron": 1980,
    "LeCun and others, zip codes": 1989,
    "LeCun and others, LeNet-5": 1998,
    "Krizhevsky and others, AlexNet": 2012,
}
for what, year in published.items():
    print(f"{year}  {year - 1959:2d} years  {what}")
assert list(published.values()) == [1959, 1962, 1980, 1989, 1998, 2012]
assert 2012 - 1959 == 53

# %%
# It took 53 years.
#
# In 1959, Hubel and Wiesel reported what single cells in the brain of a cat respond to
# [Hubel1959]_. Each cell watches a small part of the picture only, its :term:`receptive field`,
# and many want to see an edge or a bar of one direction there.
#
# In 1962 they distinguished two kinds [Hubel1962]_. A *simple* cell wants its bar at one place. A
# *complex* cell wants the same bar, but accepts it anywhere within a larger field. They proposed
# that a complex cell combines many simple cells with the same preference.
#
# In 1980, Fukushima built a network of these two parts, the neocognitron [Fukushima1980]_. Its
# S-cells look for one pattern, with the same weights at all positions: today that is a
# :term:`convolution`. Its C-cells respond if any of several neighbouring S-cells does: today that
# is :term:`pooling`. Layers of the two alternate, until the last cells know a digit wherever it
# stands.
#
# What it lacked was our way to train. It had neither a :term:`loss` nor a :term:`gradient`, and
# found its patterns by itself, cells competing for what they saw.
#
# Zip codes
# ---------
#
# In 1989 the gradient came in [LeCun1989]_: the layers learned their :term:`weights <weight>` from
# 7,291 pictures of handwritten digits, 16 x 16 pixels each, from envelopes. All layers learned
# together, by backpropagation [Rumelhart1986]_.
#
# The paper counts every connection, which is one use of a weight or a :term:`bias`: 64,660. How
# many different numbers lie behind them? Take a pencil: the first layer has 12 pictures of 8 x 8
# units, and the second 12 of 4 x 4. A unit sees a 5 x 5 window, in one picture in the first
# layer, and in 8 pictures in the second. The units of a picture share their weights, but each has
# a bias of its own. Then follow linear layers of 30 and 10 units.

connections = 12 * 8 * 8 * (5 * 5 + 1) + 12 * 4 * 4 * (8 * 5 * 5 + 1)
connections += 30 * (12 * 4 * 4 + 1) + 10 * (30 + 1)
parameters = 12 * 5 * 5 + 12 * 8 * 8 + 12 * 8 * 5 * 5 + 12 * 4 * 4
parameters += 30 * (12 * 4 * 4 + 1) + 10 * (30 + 1)
units = 16 * 16 + 12 * 8 * 8 + 12 * 4 * 4 + 30 + 10
print(f"{units:,} units, {connections:,} connections, {parameters:,} parameters")
assert (units, connections, parameters) == (1_256, 64_660, 9_760)
assert f"{64_660 / 9_760:.1f}" == "6.6"

# %%
# 1,256 units, 64,660 connections, 9,760 parameters: the three numbers that the paper gives. On
# average a :term:`parameter` is used 6.6 times.
#
# LeNet-5
# -------
#
# Nine years later the same group had a larger network for digits, with a name [LeCun1998]_. The
# paper says that it has 60,000 trainable parameters. The library can make the network of that year
# (:func:`~cnnbook.lenet.lenet5`), so we need not believe it:

from cnnbook.counting import count_parameters
from cnnbook.lenet import lenet5
from cnnbook.networks import mlp, small_cnn

lenet = lenet5("1998")
for name, layer in lenet.named_children():
    if count_parameters(layer):
        print(f"{name:>3} {count_parameters(layer):>7,}")
print(f"sum {count_parameters(lenet, trainable_only=True):>7,}")
assert count_parameters(lenet, trainable_only=True) == 60_000
assert 156 + 12 + 1_516 + 32 + 48_120 + 10_164 == 60_000
assert 1998 - 1989 == 9

# %%
# 60,000, to the last one. C stands for convolution, S for subsampling, which is pooling, and F for
# a linear layer. Fukushima's C-cells correspond to the layers S, not to the layers C.
#
# For comparison: our sloppy CNN has fewer, the desperate MLP many more.

print(f"sloppy CNN {count_parameters(small_cnn()):,}, desperate MLP {count_parameters(mlp()):,}")
assert count_parameters(small_cnn()) == 27_130 < 60_000 < 1_628_170 == count_parameters(mlp())

# %%
# So everything was there in 1998: the shared weights, the pooling, the gradient. What was missing?
# Expect little that is new in the next network, and count it before you read on.
#
# AlexNet
# -------
#
# Krizhevsky, Sutskever and Hinton trained a CNN on 1,200,000 photographs in 1,000 classes
# [Krizhevsky2012]_. The paper says 60,000,000 parameters. How many times LeNet-5 is that?

print(60_000_000 / 60_000)
assert 60_000_000 / 60_000 == 1_000

# %%
# A thousand times. 60,000,000 is a round number; what is it exactly? The paper gives the
# kernels of each layer and the numbers that one of them sees, say 3 colours times 11 x 11. Each
# has one bias. The first linear layer sees 256 pictures of 6 x 6.

convolutions = [(96, 3 * 11 * 11), (256, 48 * 5 * 5), (384, 256 * 3 * 3)]
convolutions += [(384, 192 * 3 * 3), (256, 192 * 3 * 3)]
linear = [(4096, 256 * 6 * 6), (4096, 4096), (1000, 4096)]
first, last = (sum(out * (seen + 1) for out, seen in part) for part in (convolutions, linear))
print(f"{first:,} + {last:,} = {first + last:,}")
print(f"{first / (first + last):.1%} in convolutions")
assert (first, last, first + last) == (2_334_080, 58_631_144, 60_965_224)
assert f"{2_334_080 / 60_965_224:.1%}" == "3.8%"

# %%
# 60,965,224. Five convolutions have 3.8 % of them, and three linear layers the rest: what we saw
# in the sloppy CNN holds here too. (A kernel of the second layer sees 48 pictures, and not all 96
# that the first layer makes, because the network was cut in two halves. It did not fit into the
# memory of one graphics card.)
#
# What did grow, then? Both things at once:

from cnnbook.figures import plot_bars

sizes = {"zip codes": 9_760, "LeNet-5": 60_000, "AlexNet": first + last}
images = {"zip codes": 7_291, "LeNet-5": 60_000, "AlexNet": 1_200_000}
figure = plot_bars({"parameters": sizes, "training images": images}, xscale="log")
for name in sizes:
    print(f"{name}: {sizes[name] / images[name]:.1f} parameters for each image")
assert [f"{sizes[name] / images[name]:.1f}" for name in sizes] == ["1.3", "1.0", "50.8"]

# %%
# The axes are logarithmic. LeNet-5 had one parameter for each of its 60,000 training images, and
# that is a coincidence. AlexNet had 50.8 for each of its own. It needed help not to learn its
# photographs by heart: cut-outs, mirror images, and units switched off at random.
#
# And it needed machines. Training took two graphics cards between five and six days
# [Krizhevsky2012]_. Convolutions on such cards were not new either [Chellapilla2006]_.
#
# The year that made it famous
# ----------------------------
#
# Each year the ImageNet challenge asked: which of 1,000 classes does this photograph show? A
# program may name five, and errs if the right one is not among them: the *top-5 error*. Below are
# the winners', for 2010 to 2014 from [Russakovsky2015]_ (with no images but those handed out) and
# for 2015 from [He2016]_. Where would you guess the largest step?

# sphinx_gallery_thumbnail_number = 2
winners = {2010: 28.2, 2011: 25.8, 2012: 16.4, 2013: 11.7, 2014: 6.7, 2015: 3.57}
errors = {str(year): error for year, error in winners.items()}
figure = plot_bars({"top-5 error of the winner, %": errors}, highlight=["2012"])
steps = {year: round(winners[year - 1] - winners[year], 1) for year in range(2011, 2016)}
print(steps)
assert steps[2011] == 2.4
assert steps[2012] == 9.4 == max(steps.values())

# %%
# From 2010 to 2011 the error fell by 2.4 points, from 2011 to 2012 by 9.4. The orange bar is
# AlexNet. With more images to learn from than were handed out, its authors came down to 15.3 %; the
# best entry of anybody else had 26.2 % [Krizhevsky2012]_.

print(f"{26.2 - 15.3:.1f} points")
assert f"{26.2 - 15.3:.1f}" == "10.9"

# %%
# That is a lead of 10.9 points, where the whole year before had brought 2.4. The winners of the
# following years were CNNs.
#
# One person who had practised erred on 5.1 % of 1,500 such photographs [Russakovsky2015]_. The
# winner of 2015 is below that. It does not follow that it sees better than people do: many of the
# classes are breeds of dogs, which few people can tell apart.

person = {"top-5 error, %": 5.1, "photographs": 1_500}
print(person)
assert winners[2015] < person["top-5 error, %"] < winners[2014]

# %%
# All of this is copied from the publications, not measured here.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put
# ``from cnnbook.exercises import check`` before it, and see what the check says. Nothing is given
# away until you unfold it.
#
# .. exercise:: 5.1
#
# .. exercise:: 5.2
#
# .. exercise:: 5.3
#
# The answer
# ----------
#
# The idea came from cats: small fields, one pattern, and indifference to where exactly it is.
# Fukushima made a network of it, LeCun and others trained that with gradients. Fame came 53 years
# after the cats, when there were a million images, a thousand times as many parameters, and
# machines to bring them together. The layer itself had been ready since 1989.
#
# So it is worth knowing well, and it has hardly changed since. We look at a single window of it:
# :doc:`/gallery/2_layers/plot_06_one_window`.
