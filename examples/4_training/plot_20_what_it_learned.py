"""
20. What did it learn?
======================

*What has the sloppy CNN learned, and in which layer?*

You need the network of :doc:`/gallery/1_why/plot_01_accuracy`, the feature maps of
:doc:`/gallery/2_layers/plot_08_many_images`, and the updates of
:doc:`/gallery/4_training/plot_17_one_update`. We know all its numbers, but that does not mean that
we understand them.
"""

# %%
# A trained network, and its start
# --------------------------------
#
# Training changes the weights of the network itself, so we keep a copy of the start. We make 150
# updates here, less than a third of the 499 of the first page, to keep the page short. (With the
# full batch, an update is an epoch, as the progress bar calls it.) The numbers in the text are
# those of Fashion-MNIST.

from copy import deepcopy

import torch

from cnnbook.images import load_fashion_mnist
from cnnbook.networks import small_cnn
from cnnbook.training import fit_full_batch

data = load_fashion_mnist(n_train=5000, n_test=1000, fallback="drawn")
torch.manual_seed(0)
net = small_cnn()
start = deepcopy(net)
history = fit_full_batch(net, *data.train, epochs=150, progress=True)

# %%
# The ten scores for each test image, and the fraction that is classified correctly:

from cnnbook.metrics import accuracy, predict_scores

scores = predict_scores(net, data.test_images)
net = net.cpu()  # If there is a GPU, it is there now, and we want to look at it.
labels = data.test_labels.argmax(dim=1)
print(f"test {accuracy(scores, labels):.3f}")
assert len(history.losses) == 150 < 499 / 3
assert data.drawn or abs(accuracy(scores, labels) - 0.86) < 0.02

# %%
# 86 of 100. What the network knows about clothes is in its 27,130 parameters: 80 of them are
# kernels and their biases, all others belong to ``Linear``.

conv, linear = net[0], net[4]
kernels = conv.weight.detach()  # (16, 1, 2, 2)
assert kernels.numel() + conv.bias.numel() == 16 * 4 + 16 == 80
assert sum(parameter.numel() for parameter in net.parameters()) == 27_130

# %%
# The kernels
# -----------
#
# Every 2 x 2 kernel is a mixture of four patterns, in exactly one way: the average of the window,
# and the differences of right and left, of below and above, and of the two diagonals. How much of
# each is in it? Take a pencil for ``[[0, 2], [0, 2]]``: it is one part average and one part "right
# minus left".

patterns = {
    "average": [[1, 1], [1, 1]],
    "right - left": [[-1, 1], [-1, 1]],
    "below - above": [[-1, -1], [1, 1]],
    "diagonal": [[1, -1], [-1, 1]],
}
basis = torch.tensor(list(patterns.values())).reshape(4, 4) / 2
example = torch.tensor([0.0, 2.0, 0.0, 2.0])
print((basis @ example).tolist())
assert torch.equal(basis @ basis.T, torch.eye(4))
assert (basis @ example).tolist() == [2, 2, 0, 0]
assert example.square().sum() == 2**2 + 2**2 == 8

# %%
# The patterns are orthogonal, and the division by 2 gives each the length 1. So the squares add up,
# as with Pythagoras: 2 * 2 + 2 * 2 = 8, and the squares of the four weights have the same sum, 8.
# The fraction of a pattern is its square divided by that sum, here a half for each of the two.

fractions = (kernels.reshape(16, 4) @ basis.T).square()
fractions = fractions / fractions.sum(dim=1, keepdim=True)
initial = (start[0].weight.detach().reshape(16, 4) @ basis.T).square()
print("trained", fractions.argmax(dim=1).bincount(minlength=4).tolist())
print("initial", initial.argmax(dim=1).bincount(minlength=4).tolist())
assert torch.allclose(fractions.sum(dim=1), torch.ones(16))

# %%
# Each row of the output says for how many of the sixteen kernels a pattern is the largest: average,
# right - left, below - above, diagonal. Below are the trained kernels, beginning with those that
# have the largest fraction of the average. The title of a kernel is its largest pattern with the
# fraction; blue is above 0 and orange below.

from cnnbook.figures import plot_feature_maps

order = fractions[:, 0].argsort(descending=True)
names = list(patterns)
titles = [f"{names[int(s.argmax())]}\n{s.max():.0%}" for s in fractions[order]]
figure = plot_feature_maps(kernels[order].transpose(0, 1), titles=titles, size=1.12)
ahead = (fractions[:, 1:].sum(dim=1) > fractions[:, 0]).sum()
print(ahead.item(), "of 16 are more difference than average")
assert data.drawn or 8 <= ahead <= 14

# %%
# In 12 of 16 kernels, the three differences together are larger than the average, so these kernels
# are edge detectors. Many texts would say here that the network has *learned* to find edges. Before
# you believe it, guess: for how many of the sixteen has the largest pattern changed since the
# random start?
#
# .. guess:: Kernels of sixteen

alike = torch.cosine_similarity(kernels.reshape(16, 4), start[0].weight.detach().reshape(16, 4))
changed = (fractions.argmax(dim=1) != initial.argmax(dim=1)).sum()
print(f"{changed} of 16 changed; cosine {alike.min():.2f} to {alike.max():.2f}")
moved = torch.cosine_similarity(linear.weight.flatten(), start[4].weight.flatten(), dim=0)
print(f"Linear: cosine {moved:.2f}")
assert data.drawn or changed <= 6
assert alike.min() > 0.75
assert data.drawn or abs(alike.min() - 0.87) < 0.06
assert alike.median() > 0.95
assert data.drawn or abs(moved - 0.14) < 0.1

# %%
# For 3 of 16. The cosine is 1 for two kernels of the same direction, and 0 for orthogonal ones. The
# lowest of the sixteen is 0.87, and half of them are above 0.95. ``Linear`` has changed much more:
# its cosine is 0.14.
#
# Then why do the kernels find edges? Here are ten thousand random kernels, and the mean fraction of
# each pattern in them:

random = torch.rand(10_000, 4) - 0.5
of_random = (random @ basis.T).square() / random.square().sum(dim=1, keepdim=True)
print([f"{fraction:.2f}" for fraction in of_random.mean(dim=0).tolist()])
assert (of_random.mean(dim=0) - 1 / 4).abs().max() < 0.02

# %%
# A quarter for each of the four patterns, and three of the four are differences. The kernels find
# edges because they are random: they did so from the start.
#
# .. guess-end::
#
# Kernels that are not trained
# ----------------------------
#
# If that is so, perhaps the kernels need no training. Take the network at the start, apply its
# convolution once to all images, and train only ``Linear``. Which accuracy do you expect?
#
# .. guess:: Accuracy

frozen = start[:3]
with torch.no_grad():
    train_features = torch.cat([frozen(images) for images in data.train_images.split(250)])
    test_features = frozen(data.test_images)
only_linear = deepcopy(start[3:])
fit_full_batch(only_linear, train_features, data.train_labels, epochs=150, progress=True)
without = accuracy(predict_scores(only_linear, test_features), labels)
print(f"random kernels {without:.3f}, trained kernels {accuracy(scores, labels):.3f}")
assert without < accuracy(scores, labels)
assert data.drawn or abs(without - 0.83) < 0.02

# %%
# With random kernels, 83 of 100 are correct. Training the kernels adds 3 of 100. So most of what
# the network has learned is in ``Linear``, and a smaller part in the kernels. This is so for this
# network and 150 updates. It says nothing about deeper networks, in which a convolution follows a
# convolution.
#
# The feature maps of a bag
# -------------------------
#
# Here is the first bag of the test images that is classified correctly, after convolution and ReLU.

kinds = ("Bag", "Ankle boot", "Dress")
classes = torch.tensor([data.class_names.index(kind) for kind in kinds])
right = scores.argmax(dim=1) == labels
chosen = [int(((labels == kind) & right).nonzero()[0]) for kind in classes]
images = data.test_images[chosen]
with torch.no_grad():
    maps, pooled = net[:2](images), net[:3](images)
figure = plot_feature_maps(
    maps[:1, order], titles=[f"{fraction:.0%}" for fraction in fractions[order, 0]]
)

# %%
# The order is that of the kernels above, and the title is the fraction of the average. ReLU has set
# all numbers below 0 to 0. Some feature maps show the bag, some its outline, and some show
# everything except the bag. Those are above 0 where the image is black, because of their bias: all
# products are 0 there.

light = maps[0, :, 0, 0] > 0
print(light.sum().item(), "of 16 maps are above 0 in the corner")
if images[0, 0, :2, :2].count_nonzero() == 0:
    assert torch.allclose(maps[0, :, 0, 0], conv.bias.detach().clamp(min=0))
    assert torch.equal(light, conv.bias > 0)

# %%
# They are exactly those with a bias above 0.
#
# A feature map shows what a kernel *computes*. It does not show whether the next layer uses it.
#
# What votes for "bag"?
# ---------------------
#
# ``Linear`` is that layer. For each class it has 2704 weights, one for each number that arrives,
# and we know where each comes from: channel, row, column. So the flattening can be undone, and the
# weights of "Bag" are sixteen grids of 13 x 13.

votes = linear.weight.detach().reshape(10, 16, 13, 13)
figure = plot_feature_maps(votes[classes[:1]][:, order])
assert 16 * 13 * 13 == 2704
assert conv.weight.shape[0] == 16

# %%
# The grids are in the order of the kernels above. Blue: a large number at this position of the
# feature map speaks for a bag. Orange: it speaks against it. Some grids have a blue area at the
# middle of the top. They belong to kernels whose feature maps show everything except the clothes:
# where a shirt has its collar, a bag has only air, with or without a handle around it.
#
# A few are noisy and stronger in colour than all others. Do these votes count most?
#
# .. guess:: Do they?
#    :choices: yes | no

with torch.no_grad():
    strength = net[:3](data.test_images).mean(dim=(0, 2, 3))
sizes = votes.abs().mean(dim=(0, 2, 3))
largest_votes, weakest_maps = sizes.argsort(descending=True)[:4], strength.argsort()[:8]
print("largest weights:", sorted(largest_votes.tolist()))
print("weakest maps:", sorted(weakest_maps.tolist()))
assert data.drawn or set(largest_votes.tolist()) <= set(weakest_maps.tolist())

# %%
# No. The four kernels with the largest weights are among the eight with the weakest feature maps. A
# large weight times a number near 0 is near 0, so the weight hardly matters, and it looks like
# noise. To read weights, one needs the numbers that they are multiplied by.
#
# A weight is half a vote. The other half is the feature map. Their product, added up over the
# sixteen channels, says for each position how many points it gives to the class. All points and the
# bias make the score:

points = (votes[classes] * pooled).sum(dim=1, keepdim=True)
own = scores[chosen, classes]
for kind, image_points, score in zip(kinds, points, own, strict=True):
    print(f"{kind}: {image_points.sum():.3f} from 13 x 13 positions, score {score:.3f}")
sums = points.sum(dim=(1, 2, 3)) + linear.bias.detach()[classes]
assert torch.allclose(sums, own, rtol=0, atol=1e-4)
assert points.shape == (3, 1, 13, 13)

# %%
# The difference of the two numbers in a row is the bias of the class. Apart from it, the score is
# the sum of the points of all positions, and nothing is missing. A network of one convolution can
# be read like this. In a deeper one, the numbers that arrive at ``Linear`` are harder to describe
# than "dark here" or "an edge".
#
# Grad-CAM
# --------
#
# For deeper networks there is :term:`Grad-CAM` [Selvaraju2017]_. It computes the gradient of the
# score with respect to the last convolution's feature maps, takes the mean of it over each map,
# multiplies each map by its mean gradient, adds up the results and sets what is below 0 to 0. What
# is that gradient here? Make a guess before you run the cell.
#
# .. guess:: The gradient is

inside = pooled.clone().requires_grad_()
net[3:](inside)[range(3), classes].sum().backward()
average_vote = inside.grad.mean(dim=(2, 3), keepdim=True)
grad_cam = (average_vote * pooled).sum(dim=1, keepdim=True).relu()
before = maps.clone().requires_grad_()
net[2:](before)[range(3), classes].sum().backward()
in_front = before.grad.mean(dim=(2, 3), keepdim=True)
print(f"votes {votes.abs().mean():.3f}, averaged {votes.mean(dim=(2, 3)).abs().mean():.3f}")
assert torch.equal(inside.grad, votes[classes])
assert torch.allclose(in_front, average_vote * 169 / 729, rtol=1e-4, atol=1e-7)
assert votes.mean(dim=(2, 3)).abs().mean() < votes.abs().mean() / 3

# %%
# It is the weights of ``Linear``, to the last bit, and the same for every image. Then Grad-CAM
# takes the mean over the positions, and about a quarter of their size is left: blue and orange
# cancel. (We took the feature maps after the pooling. Before it, all means are the same except for
# the factor 169/729.)

from cnnbook.figures import plot_map_rows

figure = plot_map_rows(images, {"points": points, "Grad-CAM": grad_cam}, titles=kinds, stride=2)
assert data.drawn or points[2, 0].sum(dim=0).argmax() in (4, 5)  # of 13 columns

# %%
# Most points are where cloth is or where it might be. The boot gets most of them for its heel and
# sole, the dress for a strip on the left of its middle, and the bag loses some at the middle of its
# top, where cloth speaks for other classes. The rows have different scales, written at the right.
#
# The mean is the right weight where a feature map means the same at every position, as in networks
# that take the mean over the positions before they decide; there this is the class activation map
# (:term:`CAM`). Our network knows *where*, and Grad-CAM loses exactly this by taking the mean: it
# draws all cloth in one colour, or nothing. Grad-CAM is not a bad method, but it does not fit this
# network.
#
# Cover it and see
# ----------------
#
# .. index:: ! occlusion
#
# Another way works for any network, because it uses only the scores: put a patch on the image, and
# see by how much the score drops. This is called :term:`occlusion` [Zeiler2014]_. By hand first. A
# network of six weights and no bias takes six pixels, the patch is 2 x 2 and black, that is 0, and
# there are two positions for it. The pixels and the weights are in the first two lines of the cell.
# Take the pencil: what is the score, and what are the two drops?
#
# .. guess:: Score and two drops

image = torch.tensor([[1.0, 2.0, 0.0], [3.0, 1.0, 2.0]])
weights = torch.tensor([[2.0, 0.0, 1.0], [1.0, -1.0, 3.0]])
tiny = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 1, bias=False))
with torch.no_grad():
    tiny[1].weight.copy_(weights.reshape(1, 6))
score = tiny(image[None, None]).item()
left, right = score - (1 * 0 + 3 * 2), score - (2 * 1 + 1 * 3)
print(score, left, right)
assert score == 2 * 1 + 0 * 2 + 1 * 0 + 1 * 3 - 1 * 1 + 3 * 2 == 10
assert (left, right) == (2 * 1 + 0 * 2 + 1 * 3 - 1 * 1, 0 * 2 + 1 * 0 - 1 * 1 + 3 * 2) == (4, 5)

# %%
# The score is 10. The left patch covers 2 * 1 + 0 * 2 + 1 * 3 - 1 * 1 = 4 points, the right one 5.
#
# And what if the patch is not black but grey, say 1?
#
# .. guess:: The two drops

from cnnbook.figures import plot_number_grids
from cnnbook.metrics import occlusion_map

zero = torch.tensor([0])
black = occlusion_map(tiny, image[None, None], zero, patch=2, fill=0)
grey = occlusion_map(tiny, image[None, None], zero, patch=2, fill=1)
grids = {"image": image, "weights": weights, "black": black[0, 0], "grey": grey[0, 0]}
figure = plot_number_grids(grids)
ones = torch.ones(1, 1, 2, 2)
assert black.flatten().tolist() == [4, 5]
assert torch.equal(grey, torch.nn.functional.conv2d((weights * (image - 1))[None, None], ones))
assert grey.flatten().tolist() == [2, 2]

# %%
# Then the drops are 2 and 2, and the right position is no longer the more important one. A patch is
# not a hole: it replaces the pixels by others, so each pixel counts with its weight times *pixel
# minus patch*, and the drop is the sum of these over the window. That sum is itself a convolution,
# with a kernel of ones.
#
# Now the images of clothes, with a patch of 5 x 5, black and then mid-grey.
# :func:`~cnnbook.metrics.occlusion_map` tries all 24 x 24 positions. In the last row is the network
# as it was before training.

drops = {
    "black patch": occlusion_map(net, images, classes, patch=5, fill=0),
    "grey patch": occlusion_map(net, images, classes, patch=5, fill=0.5),
    "untrained, grey": occlusion_map(start, images, classes, patch=5, fill=0.5),
}
figure = plot_map_rows(images, drops, titles=kinds)
assert drops["black patch"].shape == (3, 1, 24, 24)
# sphinx_gallery_thumbnail_number = 6

# %%
# Blue is where the score drops: what was there spoke for the class. A black patch on black changes
# nothing, so the row "black patch" is empty around the clothes, and shows which *cloth* counts. The
# row "grey patch" shows something else. The strongest blue of the boot is not on the boot. It is
# the air above the front of the foot: grey cloth there costs the boot more points than at any other
# position. Both rows are right. A map depends on its patch.

for image, drop in zip(images[:, 0], drops["black patch"][:, 0], strict=True):
    lit = torch.nn.functional.max_pool2d(image[None], 5, 1)[0] > 0  # Not only black is covered.
    assert (drop[~lit].abs() < 1e-4).all()
largest = {name: drop.abs().max().item() for name, drop in drops.items()}
print({name: f"{size:.2f}" for name, size in largest.items()})
both = torch.stack([drops["grey patch"].flatten(), drops["untrained, grey"].flatten()])
print(f"correlation, trained and untrained: {torch.corrcoef(both)[0, 1]:.2f}")
position = int(drops["grey patch"][1].argmax())
under = images[1, 0, position // 24 :, position % 24 :][:5, :5]
assert largest["untrained, grey"] < largest["grey patch"] / 5
assert data.drawn or abs(torch.corrcoef(both)[0, 1] - 0.02) < 0.2
assert data.drawn or under.mean() < 0.05

# %%
# The last row is a check that every such map should pass and that some well-known methods do not
# pass [Adebayo2018]_: make the same map for a network that was not trained. If the two maps were
# alike, they would show the image and not the network. Ours are not alike. The largest drop of the
# untrained network is about a thirtieth of that of the trained one, and the correlation of the two
# maps is 0.02.
#
# The largest losses
# ------------------
#
# :func:`~cnnbook.metrics.top_losses` finds the images with the largest loss. For each there are two
# maps: what spoke for its own class, and what for the predicted one. Above each image is the
# predicted class, and after "no" the class that is right.

from cnnbook.metrics import top_losses

worst = top_losses(scores, labels, count=4)
wrong_images = data.test_images[worst.indices]
predicted = [data.class_names[kind] for kind in worst.predicted]
actual = [data.class_names[kind] for kind in worst.actual]
titles = [f"{wrong}?\nno, {right}" for wrong, right in zip(predicted, actual, strict=True)]
wrong_drops = {
    "for its class": occlusion_map(net, wrong_images, worst.actual, patch=5),
    "for the other": occlusion_map(net, wrong_images, worst.predicted, patch=5),
}
figure = plot_map_rows(wrong_images, wrong_drops, titles=titles)

# %%
# The lower row suggests explanations. It is the air again: at both sides of the second and the
# fourth garment it speaks for a dress. Above the shoe it speaks for a sneaker, and, in the row
# above, for a sandal as well. But be careful with such explanations. The map says where the score
# is sensitive to this patch, one position at a time. "Because of the air" is a story that we add,
# and a story fits nearly any map.

print(worst)
assert (worst.predicted != worst.actual).all()
assert (worst.probability < 0.1).all() or data.drawn

# %%
# The network gives each right class a probability of about 1 in 100 or less, so it was sure, and
# wrong.
#
# Try it
# ------
#
# The site runs both networks in your browser, for ten test images of each class. If all of them are
# shifted by 4 pixels, or mirrored, how many of the 100 does the trained network still classify
# correctly?
#
# .. guess:: Shifted to the left, and mirrored

from cnnbook.figures import browse_network

ten_each = torch.cat([(labels == kind).nonzero()[:10, 0] for kind in range(10)])
shown, names, drawn = data.test_images[ten_each], data.class_names, data.drawn
live = browse_network(net, start, shown, labels[ten_each], class_names=names, drawn=drawn)
print(live)
unchanged, left, mirrored = (live.correct[how][0] for how in ("unchanged", "left", "mirrored"))
assert max(left, mirrored) < unchanged
assert data.drawn or abs(unchanged - 81) < 6
assert data.drawn or abs(left - 31) < 12
assert data.drawn or abs(mirrored - 60) < 12

# %%
# As they are, 81 of the 100 are classified correctly; shifted to the left, 31; mirrored, 60. The
# feature maps move with the garment (:doc:`/gallery/3_inside/plot_13_equivariance`), but the votes
# of ``Linear`` stay where they are. On the site you can move, mirror and cover an image, or draw
# one, and see feature maps, scores and votes of both networks.
#
# .. live-network::
#
# .. board::
#    :minutes: 35
#
#    1. How much of each of the four patterns is in the kernel ``[[4, 0], [0, 0]]``?
#
#       A quarter of each. The products with the four patterns, each divided by 2, are 2, -2, -2 and
#       2. Their squares are 4 each, of ``4*4 = 16`` in all.
#
#    2. A network without a hidden layer gives an image the score 10, and its bias is 2. A black
#       patch covers the whole image. By how much does the score drop?
#
#       By 8. All products become 0, and only the bias is left: ``10 - 2 = 8``.
#
#    3. At one position the weight is 4 and the feature map is 0; at another the weight is 1 and the
#       map is 3. How many points does each position give to the class?
#
#       They give 0 and 3, the products ``4*0 = 0`` and ``1*3 = 3``. The larger weight gives nothing
#       here.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 20.1
#
# .. exercise:: 20.2
#
# .. exercise:: 20.3
#
# The answer
# ----------
#
# Mostly, it has learned where things are. Its kernels average and take differences, as sixteen
# random ones do, and they have changed little. ``Linear`` has learned for each class at which of 13
# x 13 positions each feature map speaks for it or against it, and the air around the clothes counts
# as much as the cloth. Occlusion shows the same from outside, if one says what the patch was, and
# compares with an untrained network. No such map says why a position counts.
#
# In a network with one convolution, training the kernels adds little. What happens with two
# convolutions, of 5 x 5, and three linear layers after them?
# :doc:`/gallery/4_training/plot_21_lenet`.
