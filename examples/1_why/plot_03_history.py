"""
3. Where did CNNs come from?
============================

*Who had the idea to use the same few weights everywhere, and why did CNNs become famous so late?*

You need the two networks of :doc:`/gallery/1_why/plot_01_accuracy` and the way their parameters
were counted in :doc:`/gallery/1_why/plot_02_parameters`. Most numbers of this page come from
publications, which are cited. The code contains them as data. Where a publication describes a
network well enough, we count its parameters again.
"""

# %%
# A cat, and a network without a loss
# -----------------------------------
#
# The lecture [Choi2025]_ says that its second network, the sloppy CNN, is of a famous kind, and
# links an article about it [Hvnpoet109]_. How many years passed from the first experiment until
# CNNs were famous? Make a guess before you look.
#
# .. guess:: Years

# Folded on the site: the years of the publications
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
# [Hubel1959]_. Each cell sees only a small part of the image, its :term:`receptive field`, and many
# cells respond if there is an edge or a bar of a certain direction in it.
#
# In 1962 they distinguished two kinds of cells [Hubel1962]_. A *simple* cell responds to its bar at
# one position. A *complex* cell responds to the same bar anywhere within a larger field. They
# proposed that a complex cell combines many simple cells that respond to the same bar.
#
# In 1980, Fukushima built a network with these two kinds of cells, the neocognitron
# [Fukushima1980]_. Its S-cells look for one pattern, with the same weights at all positions: today
# that is a :term:`convolution`. Its C-cells respond if any of several neighbouring S-cells
# responds: today that is :term:`pooling`. Layers of both kinds alternate, and the last cells
# recognize a digit at any position.
#
# It was not trained as networks are today. It had no :term:`loss` and no :term:`gradient`. It found
# its patterns without labels: the cells competed, and the cell with the strongest response learned.
#
# Zip codes
# ---------
#
# In 1989 such a network was trained with a gradient [LeCun1989]_. All layers together learned their
# :term:`weights <weight>` by :term:`backpropagation` [Rumelhart1986]_, from 7,291 images of
# handwritten digits, with 16 x 16 pixels each. They are from zip codes, the numbers in addresses on
# envelopes.
#
# Both convolutions have windows of 5 x 5 and a :term:`stride` of 2, so a :term:`feature map` has
# half as many rows and columns as the input. Windows may go over the edge of the image; the missing
# pixels have the value of the background (:term:`padding`). That is how 16 becomes 8, and 8 becomes
# 4 (:func:`~cnnbook.shapes.output_size` uses the formula of page 2, with a stride and a padding):

from cnnbook.shapes import output_size

print(output_size(16, 5, stride=2, padding=2), output_size(8, 5, stride=2, padding=2))
assert output_size(16, 5, stride=2, padding=2) == 8
assert output_size(8, 5, stride=2, padding=2) == 4

# %%
# The paper counts 64,660 connections. A connection is one use of a weight or a :term:`bias`. How
# many different weights and biases are there? Take a pencil: the first layer has 12 feature maps of
# 8 x 8 units, and the second has 12 of 4 x 4. A unit of the first layer has a window in the image.
# A unit of the second layer has windows in 8 of the 12 feature maps. The units of a feature map
# share their weights, but each has its own bias. Two linear layers follow, with 30 and 10 units.
# (The paper counts the pixels of the image as units, too.)
#
# .. guess:: Different weights and biases

connections = 12 * 8 * 8 * (5 * 5 + 1) + 12 * 4 * 4 * (8 * 5 * 5 + 1)
connections += 30 * (12 * 4 * 4 + 1) + 10 * (30 + 1)
parameters = 12 * 5 * 5 + 12 * 8 * 8 + 12 * 8 * 5 * 5 + 12 * 4 * 4
parameters += 30 * (12 * 4 * 4 + 1) + 10 * (30 + 1)
units = 16 * 16 + 12 * 8 * 8 + 12 * 4 * 4 + 30 + 10
print(f"{units:,} units, {connections:,} connections, {parameters:,} parameters")
assert (units, connections, parameters) == (1_256, 64_660, 9_760)
assert f"{64_660 / 9_760:.1f}" == "6.6"

# %%
# 1,256 units, 64,660 connections, 9,760 parameters: these are the three numbers in the paper. On
# average, a :term:`parameter` is used 6.6 times.
#
# LeNet-5
# -------
#
# Nine years later the same group published a larger network for digits, LeNet-5 [LeCun1998]_. The
# paper says that it has 60,000 trainable parameters. The library can make this network
# (:func:`~cnnbook.lenet.lenet5`), so we can count them:

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
assert (6 * 2, 16 * 2) == (12, 32)

# %%
# Exactly 60,000. C stands for convolution, S for subsampling, which is pooling, and F for a linear
# layer ("fully connected"). Fukushima's C-cells correspond to the layers S, not to the layers C.
# The pooling of our sloppy CNN has no parameters. In LeNet-5, pooling has a weight and a bias for
# each feature map: 12 numbers in S2, for 6 feature maps, and 32 in S4, for 16.
#
# For comparison: our sloppy CNN has fewer parameters, and the desperate MLP has many more.

print(f"sloppy CNN {count_parameters(small_cnn()):,}")
print(f"desperate MLP {count_parameters(mlp()):,}")
assert count_parameters(small_cnn()) == 27_130 < 60_000 < 1_628_170 == count_parameters(mlp())

# %%
# So in 1998 the main ideas were known: shared weights, pooling, training with a gradient. What was
# missing? The next network has the same kinds of layers. Guess what is different.
#
# AlexNet
# -------
#
# Krizhevsky, Sutskever and Hinton trained a CNN on 1,200,000 photographs in 1,000 classes
# [Krizhevsky2012]_. The paper gives 60,000,000 parameters. How many times the number of LeNet-5 is
# that?
#
# .. guess:: How many times?

print(60_000_000 / 60_000)
assert 60_000_000 / 60_000 == 1_000

# %%
# A thousand times.
#
# 60,000,000 is a rounded number. What is the exact number? The paper gives the number of kernels of
# each layer and the size of a kernel, such as 3 channels times 11 x 11. Each kernel has one bias.
# The input of the first linear layer is 256 feature maps of 6 x 6.

convolutions = [(96, 3 * 11 * 11), (256, 48 * 5 * 5), (384, 256 * 3 * 3)]
convolutions += [(384, 192 * 3 * 3), (256, 192 * 3 * 3)]
linear = [(4096, 256 * 6 * 6), (4096, 4096), (1000, 4096)]
first, last = (sum(out * (seen + 1) for out, seen in part) for part in (convolutions, linear))
print(f"{first:,} + {last:,} = {first + last:,}")
print(f"{first / (first + last):.1%} in convolutions")
assert (first, last, first + last) == (2_334_080, 58_631_144, 60_965_224)
assert f"{2_334_080 / 60_965_224:.1%}" == "3.8%"

# %%
# 60,965,224. The five convolutions have 3.8 % of them, and the three linear layers have the rest.
# In the sloppy CNN, too, most parameters are in the linear layer. (A kernel of the second layer
# uses 48 feature maps and not all 96 of the first layer, because the network was divided into two
# halves: the memory of one graphics card was too small for it. Today such halves are called
# :term:`groups`.)
#
# Both the number of parameters and the number of images grew:

from cnnbook.figures import plot_bars

sizes = {"zip codes": 9_760, "LeNet-5": 60_000, "AlexNet": first + last}
images = {"zip codes": 7_291, "LeNet-5": 60_000, "AlexNet": 1_200_000}
figure = plot_bars({"parameters": sizes, "training images": images}, xscale="log", ratios=True)
for name in sizes:
    print(f"{name}: {sizes[name] / images[name]:.1f} parameters for each image")
assert [f"{sizes[name] / images[name]:.1f}" for name in sizes] == ["1.3", "1.0", "50.8"]
assert f"{sizes['AlexNet'] / sizes['zip codes']:.1f}" == "6246.4"

# %%
# The axes are logarithmic, because on a linear axis only the bar of AlexNet could be seen. On a
# logarithmic axis, a step of the same length always means the same factor. The factors are written
# beside the bars: AlexNet has 6,246.4 times as many parameters as the network for zip codes.
#
# LeNet-5 had one parameter for each of its 60,000 training images, which is a coincidence. AlexNet
# had 50.8 for each image. It was trained with parts of the photographs and with mirror images
# (:term:`data augmentation`), and with units switched off at random (:term:`dropout`), so that it
# would not learn the photographs by heart.
#
# It also needed fast computers. The training took five to six days on two graphics cards
# [Krizhevsky2012]_. Others had computed convolutions on graphics cards before [Chellapilla2006]_.
#
# The year that made it famous
# ----------------------------
#
# Each year the ImageNet challenge asked: which of 1,000 classes does this photograph show? A
# program names five classes. The *top-5 error* is the share of photographs whose class is not among
# the five. Here are the errors of the winners, for 2010 to 2014 from [Russakovsky2015]_ (trained
# only with the images of the challenge) and for 2015 from [He2016]_. Guess: in which year did the
# error fall most?
#
# .. guess:: The error fell most in
#    :choices: 2011 | 2012 | 2013 | 2014 | 2015

# Folded on the site: the errors of the winners
# sphinx_gallery_thumbnail_number = 1
winners = {2010: 28.2, 2011: 25.8, 2012: 16.4, 2013: 11.7, 2014: 6.7, 2015: 3.57}
errors = {str(year): error for year, error in winners.items()}
figure = plot_bars({"top-5 error of the winner, %": errors}, highlight=["2012"])
steps = {year: round(winners[year - 1] - winners[year], 1) for year in range(2011, 2016)}
print(steps)
assert steps[2011] == 2.4
assert steps[2012] == 9.4 == max(steps.values())

# %%
# From 2010 to 2011 the error fell by 2.4 percentage points, from 2011 to 2012 by 9.4. The orange
# bar is AlexNet. With additional training images, its authors reached 15.3 %; the best result of
# all other teams was 26.2 % [Krizhevsky2012]_.

print(f"{26.2 - 15.3:.1f} points")
assert f"{26.2 - 15.3:.1f}" == "10.9"

# %%
# That is a lead of 10.9 points; in the year before, the error of the winners had fallen by 2.4. The
# winners of the following years were CNNs, too.
#
# .. guess-end::
#
# A person who had practised had an error of 5.1 % on 1,500 such photographs [Russakovsky2015]_. The
# winner of 2015 has a smaller error. This does not mean that it sees better than people do: many of
# the classes are breeds of dogs, which few people can tell apart.

person = {"top-5 error, %": 5.1, "photographs": 1_500}
print(person)
assert winners[2015] < person["top-5 error, %"] < winners[2014]

# %%
# All these errors are copied from the publications, not measured here.
#
# .. board::
#    :minutes: 25
#
#    1. The first layer of 1989 has 12 feature maps of 8 x 8 units, each with a window of 5 x 5. How
#       many different weights does it have, biases not counted? How many would it have without
#       sharing?
#
#       ``12*5*5 = 300`` weights. Without sharing, each of the 64 units of a map would have its own:
#       ``300*64 = 19200``.
#
#    2. The first linear layer of AlexNet has 4,096 units and takes 256 feature maps of 6 x 6. Does
#       this layer alone have more than half of the 60,965,224 parameters?
#
#       Yes. It has ``256*6*6*4096 = 37748736`` weights, 62 % of all parameters.
#
#    3. A cell says 1 or 0. Fukushima's C-cell says 1 if any of its four S-cells says 1. Is that the
#       sum, the mean or the maximum of the four?
#
#       The maximum. The sum of two active cells is 2, and their mean is 1/2.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 3.1
#
# .. exercise:: 3.2
#
# .. exercise:: 3.3
#
# The answer
# ----------
#
# The idea came from experiments with cats: a cell sees a small field and looks for one pattern, and
# other cells respond to this pattern at any position. Fukushima made a network of such cells, and
# LeCun and others trained one with gradients. CNNs became famous 53 years after the first
# experiment, when there were a million images, a thousand times as many parameters, and computers
# that were fast enough. The layer itself has hardly changed since 1989.
#
# AlexNet and its successors were compared on many thousands of photographs. Our two networks were
# compared once, on 1,000 images. Was that fair? :doc:`/gallery/1_why/plot_04_fair`.
