"""
24. Backwards through the whole CNN
===================================

*How does the gradient get from the loss to every weight of the CNN, if you compute it yourself?*

You need :doc:`/gallery/3_inside/plot_14_backpropagation` for the gradients of a convolution,
:doc:`/gallery/2_layers/plot_10_max_pool` for those of ReLU and max pooling, and
:doc:`/gallery/4_training/plot_17_one_update` for Adam. This page puts them together. At its end,
the lecture's CNN is trained without ``loss.backward()`` and without an optimizer of torch.
"""

# %%
# A CNN for the pencil
# --------------------
#
# An image of 3 x 3 pixels, two kernels of 2 x 2, ReLU, max pooling, and a linear layer for two
# classes: a small copy of the lecture's CNN. All its weights are whole numbers.

import torch

from cnnbook.figures import plot_number_grids

image = torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0], [2.0, 0.0, 1.0]])[None, None]
kernels = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]]], [[[0.0, -1.0], [1.0, 0.0]]]])
biases = torch.tensor([-1.0, -2.0])
matrix = torch.tensor([[1.0, -1.0], [2.0, 1.0]])
offsets = torch.tensor([4.0, 0.0])
given = {"image": image[0, 0], "kernel A": kernels[0, 0], "kernel B": kernels[1, 0]}
figure = plot_number_grids(given | {"linear layer": matrix})

# %%
# The biases of the kernels are -1 and -2, those of the linear layer 4 and 0. A row of ``matrix``
# belongs to a class, a column to a feature. Take the pencil and go forward: two feature maps of
# 2 x 2, two features, two scores.
#
# .. guess:: Features and scores

from cnnbook.convolution import conv2d
from cnnbook.pooling import max_pool2d, relu

maps = conv2d(image, kernels, biases)
positive = relu(maps)
features = max_pool2d(positive, 2).flatten(1)
scores = features @ matrix.T + offsets
print("maps", maps[0].int().tolist())
print("features", features[0].tolist(), "scores", scores[0].tolist())
assert maps[0].tolist() == [[[1, 4], [-1, 1]], [[-4, -1], [-1, -5]]]
assert features[0].tolist() == [4, 0]
assert scores[0].tolist() == [1 * 4 - 1 * 0 + 4, 2 * 4 + 1 * 0 + 0] == [8, 8]

# %%
# Kernel A has its largest output at the upper right, 2 + 3 - 1 = 4. Kernel B has only negative
# sums, so after ReLU there are four zeros. Both scores are 8, so the :term:`softmax` gives both
# classes a probability of 1/2.
#
# Now backwards. We write *g* for a :term:`gradient`, and its index says with respect to what. The
# *chain rule* says how to get from the *g* of a layer's outputs to the *g* of its inputs: multiply
# by the derivative of the layer, and add up over all ways in which an input reaches the loss.
#
# The loss: softmax minus one-hot
# -------------------------------
#
# The *s* are the scores. For an image of class *t*, the :term:`cross-entropy` is minus the
# logarithm of the probability of this class:
#
# .. math:: L = -\log \frac{e^{s_t}}{\sum_j e^{s_j}} = -s_t + \log \sum_j e^{s_j}
#
# The derivative of a logarithm is 1 divided by what is inside, times the derivative of the inside.
# So the derivative of the last term with respect to one score is again a softmax, the probability
# *p* of that class:
#
# .. math:: \frac{\partial}{\partial s_k} \log \sum_j e^{s_j} = \frac{e^{s_k}}{\sum_j e^{s_j}} = p_k
#
# The first term adds -1 at the right class and nothing at the others, so together they are:
#
# .. math:: g_{s_k} = p_k - y_k
#
# Here *y* is the :term:`one-hot` label. So the gradient of the scores is the probabilities minus
# the label, without any logarithm. What is it for our image, which belongs to the second class?
#
# .. guess:: Gradient of the two scores

label = torch.tensor([[0.0, 1.0]])
g_scores = scores.softmax(dim=1) - label
print(g_scores[0].tolist())
assert g_scores[0].tolist() == [1 / 2 - 0, 1 / 2 - 1] == [0.5, -0.5]

# %%
# 1/2 and -1/2: the loss falls if the first score falls and the second rises. The numbers of an
# image always add up to 0. With *n* images there are *n* such rows, and because the loss is the
# mean over the images, each row is divided by *n*.
#
# The linear layer
# ----------------
#
# A score is a weighted sum of the features, plus an offset. *W* is ``matrix``, *f* are the features
# and *c* the offsets:
#
# .. math:: s_k = \sum_j W_{kj} f_j + c_k
#
# A weight is multiplied by its feature, an offset by 1, and a feature reaches all scores. So the
# three gradients are:
#
# .. math:: g_{W_{kj}} = g_{s_k} f_j \qquad g_{c_k} = g_{s_k}
#
# .. math:: g_{f_j} = \sum_k g_{s_k} W_{kj}
#
# Matrix products compute them for all classes, features and images. The number in row *k* and
# column *j* of ``g_scores.T @ features`` is the sum of :math:`g_{s_k} f_j` over the images, because
# every image uses the same weight. For one image it is a column times a row. For the offsets,
# ``sum(dim=0)`` adds up the images, and ``g_scores @ matrix`` adds up the classes, as in the last
# formula.
#
# Compute all three gradients with a pencil, from the two features, the matrix ``[[1, -1], [2,
# 1]]``, and the gradient of the scores. What is the last one, that of the two features?
#
# .. guess:: Gradient of the two features

g_matrix = g_scores.T @ features
g_offsets = g_scores.sum(dim=0)
g_features = g_scores @ matrix
print("matrix", g_matrix.int().tolist(), "offsets", g_offsets.tolist())
print("features", g_features.tolist())
assert g_matrix.tolist() == [[0.5 * 4, 0.5 * 0], [-0.5 * 4, -0.5 * 0]] == [[2, 0], [-2, 0]]
assert g_offsets.tolist() == [0.5, -0.5]
assert g_features[0].tolist() == [0.5 * 1 - 0.5 * 2, 0.5 * -1 - 0.5 * 1] == [-0.5, -1]

# %%
# The second column of the first result is 0, because feature B is 0: its weights had no influence.
# The features themselves get -1/2 and -1. Both are below 0, so the loss falls if a feature grows,
# and feature B would lower it twice as fast as feature A.
#
# Pooling and ReLU
# ----------------
#
# Max pooling sends the gradient of each window to the number that was the largest. ReLU has the
# input *z* and the output *a*, and lets the gradient pass where *z* was above 0:
#
# .. math:: g_{z} = g_{a} \text{ where } z > 0, \quad g_{z} = 0 \text{ elsewhere}
#
# What arrives at the four numbers of map A, and at those of map B?
#
# .. guess:: Map A and map B

from cnnbook.pooling import max_pool2d_grad, relu_grad

g_positive = max_pool2d_grad(g_features.reshape(1, 2, 1, 1), positive, 2)
g_maps = relu_grad(g_positive, maps)
print("output of ReLU", g_positive[0].tolist())
print("input of ReLU ", g_maps[0].tolist())
assert g_positive[0].tolist() == [[[0, -0.5], [0, 0]], [[-1, 0], [0, 0]]]
assert g_maps[0].tolist() == [[[0, -0.5], [0, 0]], [[0, 0], [0, 0]]]

# %%
# In map A, the 4 at the upper right gets all of the gradient, -1/2. In map B the four outputs of
# ReLU were all 0, and the first of them gets the -1. But its input was -4, so ReLU stops the
# gradient. Nothing arrives at kernel B, although a larger feature would lower the loss: a small
# change of the kernel does not change a 0 after ReLU.
#
# The convolution
# ---------------
#
# For one kernel *K* with the bias *b*, an image *x* and the feature map *z*:
#
# .. math:: z_{ij} = \sum_{u,v} K_{uv}\, x_{i+u,\,j+v} + b
#
# .. math:: g_{K_{uv}} = \sum_{i,j} g_{z_{ij}}\, x_{i+u,\,j+v}
#
# .. math:: g_b = \sum_{i,j} g_{z_{ij}}
#
# As :doc:`/gallery/3_inside/plot_14_backpropagation` shows, the gradient of a weight is the sum of
# the pixels that it meets, each times the gradient there. Only one number of map A has a gradient
# that is not 0, and the pixels of its window are 2, 0 and 1, 3.

from cnnbook.convolution import conv2d_bias_grad, conv2d_weight_grad

g_kernels = conv2d_weight_grad(image, g_maps, 2)
g_biases = conv2d_bias_grad(g_maps)
print("kernel A", g_kernels[0, 0].tolist(), "bias", g_biases[0].item())
print("kernel B", g_kernels[1, 0].tolist(), "bias", g_biases[1].item())
assert g_kernels[0, 0].tolist() == [[-0.5 * 2, 0], [-0.5 * 1, -0.5 * 3]] == [[-1, 0], [-0.5, -1.5]]
assert g_kernels[1].count_nonzero() == 0
assert g_biases.tolist() == [-0.5, 0]

# %%
# Kernel A gets -1/2 times the pixels of this window, and its bias -1/2. Kernel B learns nothing
# from this image, but it may learn from others. We stop here. The gradient of the image could be
# computed as well, but no update changes a pixel. In a deeper network it would be the *g* of the
# layer before.
#
# Here is the whole backward pass, in the order of the computation: the features, the two maps, and
# the two kernels.

back = {"g of features": g_features, "g of map A": g_maps[0, 0], "g of map B": g_maps[0, 1]}
back |= {"g of kernel A": g_kernels[0, 0], "g of kernel B": g_kernels[1, 0]}
# sphinx_gallery_thumbnail_number = 2
figure = plot_number_grids(back)

# %%
# Does torch's autograd, which has recorded nothing so far, find the same gradients?

leaves = [tensor.clone().requires_grad_() for tensor in (kernels, biases, matrix, offsets)]
conv, linear = torch.nn.functional.conv2d, torch.nn.functional.linear
maps_of_torch = conv(image, *leaves[:2]).relu()
flat = torch.nn.functional.max_pool2d(maps_of_torch, 2).flatten(1)
torch.nn.functional.cross_entropy(linear(flat, *leaves[2:]), label).backward()
for ours, leaf in zip((g_kernels, g_biases, g_matrix, g_offsets), leaves, strict=True):
    print(torch.equal(ours, leaf.grad))
    assert torch.equal(ours, leaf.grad)

# %%
# The same numbers in all four tensors.
#
# The lecture's CNN
# -----------------
#
# The functions of the library work on many images, many kernels and many windows at once. So the
# lines above need no change for the real network. This is the *forward pass*; it also returns the
# intermediate results that the *backward pass* needs:


def forward(
    images: torch.Tensor, weights: list[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the scores, and the results of the layers before."""
    kernels, biases, matrix, offsets = weights
    maps = conv2d(images, kernels, biases)
    positive = relu(maps)
    features = max_pool2d(positive, 2)
    scores = features.flatten(1) @ matrix.T + offsets
    return scores, features, positive, maps


# %%
# This is the backward pass, in the opposite order:


def backward(
    images: torch.Tensor, labels: torch.Tensor, weights: list[torch.Tensor]
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return the gradient after the convolution, and those of all parameters."""
    scores, features, positive, maps = forward(images, weights)
    g_scores = (scores.softmax(dim=1) - labels) / len(images)
    g_features = (g_scores @ weights[2]).reshape(features.shape)
    g_maps = relu_grad(max_pool2d_grad(g_features, positive, 2), maps)
    g_kernels, g_biases = conv2d_weight_grad(images, g_maps, 2), conv2d_bias_grad(g_maps)
    return g_maps, [g_kernels, g_biases, g_scores.T @ features.flatten(1), g_scores.sum(dim=0)]


# %%
# We take 300 images of clothes, in float64, which has about sixteen digits, and the network with
# its 27,130 parameters:

from cnnbook.images import load_fashion_mnist
from cnnbook.networks import small_cnn

data = load_fashion_mnist(n_train=300, n_test=1, fallback="drawn")
images, labels = data.train_images.double(), data.train_labels.double()
torch.manual_seed(0)
net = small_cnn().double()
weights = [parameter.detach().clone() for parameter in net.parameters()]
assert sum(weight.numel() for weight in weights) == 27_130
assert 1e-17 < torch.finfo(torch.float64).eps < 1e-15

# %%
# How far will our gradients be from those of autograd?
#
# .. guess:: The gradients are
#    :choices: equal to the last bit | apart in the last digits | clearly apart

g_maps, gradients = backward(images, labels, weights)
torch.nn.functional.cross_entropy(net(images), labels).backward()
apart = []
for (name, parameter), ours in zip(net.named_parameters(), gradients, strict=True):
    largest, shape = ours.abs().max(), tuple(ours.shape)
    apart.append((ours - parameter.grad).abs().max().item())
    print(f"{name:8} {shape!s:15} largest {largest:.4f}, apart {apart[-1]:.0e}")
assert max(apart) < 1e-12

# %%
# The largest difference is far below 1e-12: only the last digits are rounded differently. These are
# 27,130 derivatives, in six lines.
#
# Our rules and autograd could make the same mistake. So here is a check that uses no derivative,
# only the loss:


def loss_of(weights: list[torch.Tensor]) -> float:
    """Return the mean cross-entropy."""
    log_probabilities = forward(images, weights)[0].log_softmax(dim=1)
    return -(labels * log_probabilities).sum(dim=1).mean().item()


# %%
# We let one weight grow and shrink by a millionth, and see how the loss changes. We try the weight
# with the largest gradient in each of the four tensors:

for position, gradient in enumerate(gradients):
    entry = int(gradient.abs().argmax())
    losses = []
    for step in (1e-6, -1e-6):
        changed = [weight.clone() for weight in weights]
        changed[position].view(-1)[entry] += step
        losses.append(loss_of(changed))
    slope = (losses[0] - losses[1]) / 2e-6
    print(f"by rule {gradient.flatten()[entry]:.6f}, by trying {slope:.6f}")
    assert abs(slope - gradient.flatten()[entry]) < 1e-6

# %%
# All six printed decimals are the same.
#
# What arrives
# ------------
#
# The convolution outputs 11,664 numbers for each image. How many of them get a gradient that is not
# 0? Pooling lets at most one of four through, and ReLU stops those that are not above 0.
#
# .. guess:: Percent

share = (g_maps != 0).double().mean().item()
print(f"{g_maps[0].numel():,} numbers an image, {share:.1%} of them get a gradient")
assert g_maps[0].numel() == 16 * 27 * 27 == 11_664
assert share <= 2_704 / 11_664 < 0.24
assert data.drawn or abs(share - 0.14) < 0.04

# %%
# 14 of 100 of them get a gradient.
#
# For four images, here are the feature maps of the first kernel and, below them, their gradients.
# Blue is above 0 and orange below. Where a number is 0, you see the colour of the page:

from cnnbook.figures import plot_map_rows

maps = forward(images, weights)[3]
rows = {"feature map": maps[:4, :1], "gradient": g_maps[:4, :1]}
figure = plot_map_rows(images[:4], rows, outline=False)

# %%
# The gradients are single points, at most one in each window of four. The gradients of the weights
# have no such gaps: a kernel adds up what arrives at all positions of all images.
#
# What it costs
# -------------
#
# In the forward pass, convolution and linear layer need 73,696 :term:`MACs <MAC>` for an image. In
# the backward pass, the gradients of a layer's weights need as many MACs as the layer, and so does
# the gradient that it sends on to the layer before. The convolution is the first layer and sends
# none. How many MACs does the whole backward pass need?
#
# .. guess:: MACs

from cnnbook.counting import cost_table

convolution, linear_layer = 16 * 27 * 27 * 4, 10 * 2_704
forwards, backwards = convolution + linear_layer, convolution + 2 * linear_layer
print(f"{forwards:,} forward, {backwards:,} back, {backwards / forwards:.2f} times as many")
assert forwards == cost_table(small_cnn(), (1, 28, 28)).macs == 73_696
assert backwards == 100_736
assert round(backwards / forwards, 2) == 1.37

# %%
# 100,736, which is 1.37 times as many. In a deep network nearly all layers send a gradient on, so
# the backward pass costs about twice as much as the forward pass. And it needs the images, the
# signs of the maps, the places of the largest numbers, and the features. They have to be kept until
# the backward pass, which is why training needs so much more memory than prediction
# (:doc:`/gallery/4_training/plot_18_micro_batches`).
#
# Ten updates
# -----------
#
# An update also needs an optimizer. Adam has a running mean of the gradients, *m*, and one of their
# squares, *v*. In step *t*:
#
# .. math:: m \leftarrow m + 0.1\,(g - m)
#
# .. math:: v \leftarrow v + 0.001\,(g^2 - v)
#
# .. math:: w \leftarrow w - 0.001\, \frac{m / (1 - 0.9^t)}{\sqrt{v / (1 - 0.999^t)} + 10^{-8}}
#
# The divisors of *m* and *v* are the bias correction of
# :doc:`/gallery/4_training/plot_17_one_update`, 0.1 and 0.001 in the first step.


def adam_step(
    weights: list[torch.Tensor],
    gradients: list[torch.Tensor],
    running: list[tuple[torch.Tensor, torch.Tensor]],
    step: int,
) -> None:
    """Update weights and running means in place."""
    for weight, gradient, (mean, square) in zip(weights, gradients, running, strict=True):
        mean += 0.1 * (gradient - mean)
        square += 0.001 * (gradient**2 - square)
        root = (square / (1 - 0.999**step)).sqrt()
        weight -= 0.001 * mean / (1 - 0.9**step) / (root + 1e-8)


# %%
# Here are ten updates with our own lines. Inside ``torch.no_grad`` autograd records nothing, so
# nothing but our functions can compute a gradient.

weights = [parameter.detach().clone() for parameter in net.parameters()]
running = [(torch.zeros_like(weight), torch.zeros_like(weight)) for weight in weights]
by_hand = []
with torch.no_grad():
    for step in range(1, 11):
        by_hand.append(loss_of(weights))
        _, gradients = backward(images, labels, weights)
        adam_step(weights, gradients, running, step)
assert not any(weight.requires_grad for weight in weights)
assert abs(0.1 - (1 - 0.9)) < 1e-12
assert abs(0.001 - (1 - 0.999)) < 1e-12

# %%
# Now ten updates with torch's autograd and Adam. After them, do you expect the same weights to
# about twelve digits, to six, or only similar ones?
#
# .. guess:: The weights agree
#    :choices: to about twelve digits | to six digits | only roughly

optimizer = torch.optim.Adam(net.parameters())
by_torch = []
for _ in range(10):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(net(images), labels)
    loss.backward()
    optimizer.step()
    by_torch.append(loss.item())

# %%
# The losses before the first, the second and the tenth update, and the largest difference of the
# weights at the end:

for step in (0, 1, 9):
    print(f"update {step + 1}: {by_hand[step]:.6f} by hand, {by_torch[step]:.6f} by torch")
apart = [(a - b).abs().max().item() for a, b in zip(weights, net.parameters(), strict=True)]
print(f"weights apart by at most {max(apart):.0e}")
assert max(abs(a - b) for a, b in zip(by_hand, by_torch, strict=True)) < 1e-12
assert max(apart) < 1e-10
assert by_hand[-1] < by_hand[0]
assert data.drawn or abs(by_hand[0] - 2.32) < 0.03
assert data.drawn or abs(by_hand[-1] - 1.55) < 0.1

# %%
# The loss has fallen from 2.32 to 1.55 in both. The weights are the same to twelve digits and more.
# Everything that ``loss.backward()`` and ``optimizer.step()`` compute for this network is on this
# page and on the pages it needs. Autograd can do one thing more: it finds these lines and their
# order by itself, for every network [Rumelhart1986]_.
#
# .. guess-end::
#
# .. board::
#    :minutes: 35
#
#    1. The probabilities of an image are 0.7, 0.2 and 0.1, and the last class is the right one.
#       What is the gradient of the scores, and what is the sum of its three numbers?
#
#       The gradient is 0.7, 0.2 and -0.9: the probabilities minus the label. The sum is 0, because
#       both the probabilities and the label add up to 1.
#
#    2. All features of an image are 0. Which gradients of the linear layer are then 0: those of the
#       weights or those of the offsets?
#
#       Those of the weights, because each is multiplied by its feature. The offsets get the
#       probabilities minus the label, which is not 0.
#
#    3. All weights and the bias of a kernel are doubled, and the linear layer's weights for its
#       feature map are halved. What happens to the scores, and to the gradient of the kernel?
#
#       The scores stay the same: ReLU and max pooling pass the factor 2 on, and the halved weights
#       take it away. The kernel's gradient is half as large, since it is multiplied by the halved
#       weights.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 24.1
#
# .. exercise:: 24.2
#
# .. exercise:: 24.3
#
# The answer
# ----------
#
# Layer by layer, from the end. The gradient of the scores is the probabilities minus the one-hot
# label. In the linear layer, a weight gets the gradient of its score times its feature, and a
# feature the sum over all scores. Pooling passes a gradient on to the largest number of its window,
# and ReLU to what was above 0. In the convolution, a weight gets the pixels that it meets, each
# times the gradient there. With six lines for this and four for Adam, ten updates of the lecture's
# CNN give the same weights as torch, to twelve digits and more.
#
# These rules are the same for any number of layers. What do more layers gain?
# :doc:`/gallery/5_beyond/plot_25_deeper`.
