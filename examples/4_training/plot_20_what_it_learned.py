"""
What did it learn?
==================

*What has the sloppy CNN learned, and where in it does that lie?*

You need the network of :doc:`/gallery/1_why/plot_01_accuracy`, the feature maps of
:doc:`/gallery/2_layers/plot_08_many_images`, and the updates of
:doc:`/gallery/4_training/plot_17_one_update`. We know all its numbers. That does not mean that we
understand them.
"""

# %%
# A trained network, and the one it was
# -------------------------------------
#
# Training changes a network in place, so we keep a copy of the start. 150 updates have to do here,
# not a third of the 499 of the first page, so that you need not wait long.

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
# The ten scores for each test image, and how many of them are right:

from cnnbook.metrics import accuracy, predict_scores

scores = predict_scores(net, data.test_images)
net = net.cpu()  # If there is a GPU, it is there now, and we want to look at it.
labels = data.test_labels.argmax(dim=1)
print(f"test {accuracy(scores, labels):.3f}")
assert len(history.losses) == 150 < 499 / 3
assert data.drawn or 0.84 <= accuracy(scores, labels) <= 0.88

# %%
# Between 84 and 88 in a hundred. Its 27,130 numbers hold whatever it knows about clothes: 80 of
# them are kernels and their biases, all others belong to ``Linear``.

conv, linear = net[0], net[4]
kernels = conv.weight.detach()  # (16, 1, 2, 2)
assert kernels.numel() + conv.bias.numel() == 16 * 4 + 16 == 80
assert sum(parameter.numel() for parameter in net.parameters()) == 27_130

# %%
# The kernels
# -----------
#
# Four weights can do four things: average the window, or take a difference, of right and left, of
# below and above, or of the two diagonals. Every 2 x 2 kernel is a mixture of these four, in one
# way only. How much of each is in it? Take a pencil for ``[[0, 2], [0, 2]]``: it is one part
# average and one part "right minus left".

patterns = {
    "average": [[1, 1], [1, 1]],
    "right - left": [[-1, 1], [-1, 1]],
    "below - above": [[-1, -1], [1, 1]],
    "diagonal": [[1, -1], [-1, 1]],
}
basis = torch.tensor(list(patterns.values())).reshape(4, 4) / 2
assert torch.equal(basis @ basis.T, torch.eye(4))
example = torch.tensor([0.0, 2.0, 0.0, 2.0])
print((basis @ example).tolist())
assert (basis @ example).tolist() == [2, 2, 0, 0]
assert example.square().sum() == 2**2 + 2**2 == 8

# %%
# The patterns are at right angles to each other, and the division by 2 gives each the length 1. So
# squares add up, as with Pythagoras: 2 and 2 make 8, which is the sum of the squared weights. The
# share of a pattern is its square over that sum, here a half for each of the two.

shares = (kernels.reshape(16, 4) @ basis.T).square()
shares = shares / shares.sum(dim=1, keepdim=True)
initial = (start[0].weight.detach().reshape(16, 4) @ basis.T).square()
print("trained", shares.argmax(dim=1).bincount(minlength=4).tolist())
print("initial", initial.argmax(dim=1).bincount(minlength=4).tolist())
assert torch.allclose(shares.sum(dim=1), torch.ones(16))

# %%
# Each row counts in how many of the sixteen a pattern leads, in the order of the list. Here are the
# trained ones, beginning with those that have most of the average. Above each stands the leader and
# its share; blue is above 0 and orange below.

from cnnbook.figures import plot_feature_maps

order = shares[:, 0].argsort(descending=True)
names = list(patterns)
titles = [f"{names[int(s.argmax())]} {s.max():.0%}" for s in shares[order]]
figure = plot_feature_maps(kernels[order].transpose(0, 1), titles=titles, size=1.4)
ahead = (shares[:, 1:].sum(dim=1) > shares[:, 0]).sum()
print(ahead.item(), "of 16 are more difference than average")
assert data.drawn or 8 <= ahead <= 14

# %%
# More than half are more difference than average: edge detectors, so to speak. Many texts would say
# here that the network has *learned* to find edges. Before you believe it, guess: how many of the
# sixteen have changed their leader since they were drawn at random?

alike = torch.cosine_similarity(kernels.reshape(16, 4), start[0].weight.detach().reshape(16, 4))
changed = (shares.argmax(dim=1) != initial.argmax(dim=1)).sum()
print(f"{changed} of 16 changed; cosine {alike.min():.2f} to {alike.max():.2f}")
moved = torch.cosine_similarity(linear.weight.flatten(), start[4].weight.flatten(), dim=0)
print(f"Linear: cosine {moved:.2f}")
random = torch.rand(10_000, 4) - 0.5
of_random = (random @ basis.T).square() / random.square().sum(dim=1, keepdim=True)
assert (of_random.mean(dim=0) - 1 / 4).abs().max() < 0.02
assert data.drawn or changed <= 6
assert alike.min() > 0.75
assert alike.median() > 0.95
assert data.drawn or moved < 0.3

# %%
# At most six. The cosine is 1 for a kernel that still points where it did, and 0 for one at right
# angles to that. The lowest of the sixteen is above 0.75, and half of them are above 0.95. These
# kernels see edges because four random numbers seldom come out equal: of a random kernel, each of
# the four patterns has a quarter on average, and three of the four are differences. They were so
# from the start. ``Linear`` has been turned almost sideways: its cosine is below 0.3.
#
# Kernels that learn nothing
# --------------------------
#
# If that is so, the kernels need not learn at all. Take the network as it was at the start, let its
# convolution do its work once, on all images, and train nothing but ``Linear``. What do you expect
# of it?

frozen = start[:3]
with torch.no_grad():
    train_features = torch.cat([frozen(images) for images in data.train_images.split(250)])
    test_features = frozen(data.test_images)
only_linear = deepcopy(start[3:])
fit_full_batch(only_linear, train_features, data.train_labels, epochs=150, progress=True)
without = accuracy(predict_scores(only_linear, test_features), labels)
print(f"random kernels {without:.3f}, trained kernels {accuracy(scores, labels):.3f}")
assert without < accuracy(scores, labels)
assert data.drawn or without > 0.80

# %%
# With kernels that were never trained it still classifies more than 80 in a hundred correctly.
# Training them does help, by a few in a hundred. So the answer to "what did it learn?" lies for the
# greater part in ``Linear``, and in the kernels for the smaller one. That is so for this network
# and 150 updates; of deeper ones, in which kernels stand on kernels, it says nothing.
#
# What the kernels make of a bag
# ------------------------------
#
# Here is the first bag of the test images that the network calls one, behind convolution and ReLU.

kinds = ("Bag", "Ankle boot", "Dress")
classes = torch.tensor([data.class_names.index(kind) for kind in kinds])
right = scores.argmax(dim=1) == labels
chosen = [int(((labels == kind) & right).nonzero()[0]) for kind in classes]
images = data.test_images[chosen]
with torch.no_grad():
    maps, pooled = net[:2](images), net[:3](images)
figure = plot_feature_maps(maps[:1, order], titles=[f"{share:.0%}" for share in shares[order, 0]])

# %%
# In the order of the kernels above, with the share of the average as title. Below 0 nothing is
# left, that is what ReLU is for. Some kernels show the bag, some its outline, and some show
# everything but the bag: they say "here is nothing", and say it by their bias, which is all that
# they add where the picture is black.

light = maps[0, :, 0, 0] > 0
print(light.sum().item(), "of 16 maps are above 0 in the corner")
if images[0, 0, :2, :2].count_nonzero() == 0:
    assert torch.allclose(maps[0, :, 0, 0], conv.bias.detach().clamp(min=0))
    assert torch.equal(light, conv.bias > 0)

# %%
# They are those with a bias above 0, no more and no fewer.
#
# A feature map shows what a kernel *does*. Whether anybody makes use of it, it does not show.
#
# What votes for "bag"?
# ---------------------
#
# ``Linear`` makes use of it. For each class it has 2704 weights, one for each number that arrives,
# and we know where each comes from: channel, row, column. So the flattening can be undone, and the
# weights of "Bag" are sixteen pictures of 13 x 13.

votes = linear.weight.detach().reshape(10, 16, 13, 13)
figure = plot_feature_maps(votes[classes[:1]][:, order])
assert 16 * 13 * 13 == 2704
assert conv.weight.shape[0] == 16

# %%
# Blue: what this kernel finds here speaks for a bag. Orange: it speaks against. Some have a blue
# blot in the middle of the top. They belong to kernels that say "here is nothing": where a shirt
# has its collar, a bag has air, with or without a handle around it.
#
# A few are as rough as noise and darker than all others. Do the strongest votes come from there?

with torch.no_grad():
    strength = net[:3](data.test_images).mean(dim=(0, 2, 3))
sizes = votes.abs().mean(dim=(0, 2, 3))
largest_votes, weakest_maps = sizes.argsort(descending=True)[:4], strength.argsort()[:8]
print("largest weights:", sorted(largest_votes.tolist()))
print("weakest maps:", sorted(weakest_maps.tolist()))
assert data.drawn or set(largest_votes.tolist()) <= set(weakest_maps.tolist())

# %%
# No. The four kernels with the largest weights are among the eight with the weakest maps. A large
# weight times a number near 0 is near 0, so the weight hardly matters, and it looks like noise.
# Whoever reads weights without what they are multiplied with reads noise.
#
# A weight is half a vote. The other half is what arrives. Their product, added up over the sixteen
# channels, says for each place how many points it gave, and these points are all there is:

points = (votes[classes] * pooled).sum(dim=1, keepdim=True)
own = scores[chosen, classes]
for kind, image_points, score in zip(kinds, points, own, strict=True):
    print(f"{kind}: {image_points.sum():.3f} from 13 x 13 places, score {score:.3f}")
sums = points.sum(dim=(1, 2, 3)) + linear.bias.detach()[classes]
assert torch.allclose(sums, own, rtol=0, atol=1e-4)
assert points.shape == (3, 1, 13, 13)

# %%
# The difference of the two columns is the bias of the class. The score, taken apart by place,
# without remainder. A network of one convolution can be read like this; in a deeper one, the
# numbers that arrive at ``Linear`` are harder to say in words than "dark here" or "an edge".
#
# Grad-CAM
# --------
#
# For deeper ones there is Grad-CAM [Selvaraju2017]_. It asks autograd for the gradient of the score
# at the last convolution's maps, averages it over each map, weights the maps with these averages,
# adds them up and throws away what is below 0. What is that gradient here? Try to say it before you
# compute it.

inside = pooled.clone().requires_grad_()
net[3:](inside)[range(3), classes].sum().backward()
assert torch.equal(inside.grad, votes[classes])
average_vote = inside.grad.mean(dim=(2, 3), keepdim=True)
grad_cam = (average_vote * pooled).sum(dim=1, keepdim=True).relu()
before = maps.clone().requires_grad_()
net[2:](before)[range(3), classes].sum().backward()
in_front = before.grad.mean(dim=(2, 3), keepdim=True)
assert torch.allclose(in_front, average_vote * 169 / 729, rtol=1e-4, atol=1e-7)
print(f"votes {votes.abs().mean():.3f}, averaged {votes.mean(dim=(2, 3)).abs().mean():.3f}")
assert votes.mean(dim=(2, 3)).abs().mean() < votes.abs().mean() / 3

# %%
# The weights of ``Linear``, to the last bit, and the same for every picture. Then it averages them
# over the places, and less than a third of their size is left: blue and orange cancel. (We took the
# maps behind the pooling. In front of it, all averages are the same but for the factor 169/729.)

from cnnbook.figures import plot_map_rows

figure = plot_map_rows(images, {"points": points, "Grad-CAM": grad_cam}, titles=kinds, stride=2)

# %%
# The points lie where cloth is or where it might be: the boot gets most of them for its heel and
# sole, the dress for its middle, and the bag loses some at the middle of its top, where cloth
# speaks for other classes. The rows have different scales, written at the left. Averaging is fair
# where a map means the same wherever it responds, as in networks that average over the places
# before they decide. Ours knows *where*, and Grad-CAM averages just that away: what it draws is one
# colour for all the cloth, or nothing. That does not make it a bad method, but it does not fit this
# network.
#
# Cover it and see
# ----------------
#
# .. index:: ! occlusion
#
# Another way needs no look inside, and works for any network that gives scores: lay a patch on the
# picture, and see by how much the score drops. This is called :term:`occlusion` [Zeiler2014]_. By
# hand first. A network of six weights and no bias looks at six pixels, the patch is 2 x 2 and
# black, that is 0, and there are two places for it. Take the pencil: what is the score, and what
# are the two drops?

image = torch.tensor([[1.0, 2.0, 0.0], [3.0, 1.0, 2.0]])
weights = torch.tensor([[2.0, 0.0, 1.0], [1.0, -1.0, 3.0]])
tiny = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 1, bias=False))
with torch.no_grad():
    tiny[1].weight.copy_(weights.reshape(1, 6))
score = tiny(image[None, None]).item()
assert score == 2 * 1 + 0 * 2 + 1 * 0 + 1 * 3 - 1 * 1 + 3 * 2 == 10
left, right = score - (1 * 0 + 3 * 2), score - (2 * 1 + 1 * 3)
print(score, left, right)
assert (left, right) == (2 * 1 + 0 * 2 + 1 * 3 - 1 * 1, 0 * 2 + 1 * 0 - 1 * 1 + 3 * 2) == (4, 5)

# %%
# The score is 10. Under the left patch go 2 * 1 + 0 * 2 + 1 * 3 - 1 * 1 = 4 points, under the right
# one 5. And what if the patch is not black but grey, say of 1?

from cnnbook.figures import plot_number_grids
from cnnbook.metrics import occlusion_map

zero = torch.tensor([0])
black = occlusion_map(tiny, image[None, None], zero, patch=2, fill=0)
grey = occlusion_map(tiny, image[None, None], zero, patch=2, fill=1)
grids = {"image": image, "weights": weights, "black": black[0, 0], "grey": grey[0, 0]}
figure = plot_number_grids(grids)
assert black.flatten().tolist() == [4, 5]
ones = torch.ones(1, 1, 2, 2)
assert torch.equal(grey, torch.nn.functional.conv2d((weights * (image - 1))[None, None], ones))
assert grey.flatten().tolist() == [2, 2]

# %%
# Then the drops are 2 and 2, and the right place, which was the more important one, no longer is.
# For the patch is not a hole. It takes away what was there and puts something else in its place, so
# each pixel counts with its weight times *pixel minus patch*, and the drop is the sum of these over
# the window. That sum is itself a convolution, with a kernel of ones.
#
# Now the real pictures, with a patch of 5 x 5, black and then mid-grey.
# :func:`~cnnbook.metrics.occlusion_map` tries all 24 x 24 places. Beside it, for once, the
# network as it was before training, which knows nothing.

drops = {
    "black patch": occlusion_map(net, images, classes, patch=5, fill=0),
    "grey patch": occlusion_map(net, images, classes, patch=5, fill=0.5),
    "untrained, grey": occlusion_map(start, images, classes, patch=5, fill=0.5),
}
figure = plot_map_rows(images, drops, titles=kinds)
assert drops["black patch"].shape == (3, 1, 24, 24)
# sphinx_gallery_thumbnail_number = 6

# %%
# Blue is where the score drops: what was there spoke for the class. Black on black changes nothing,
# so the second row is white around the clothes, and shows which *cloth* counts. The third row shows
# something else. The darkest blue of the boot is no part of the boot. It is the air above the
# instep, and grey cloth in that place costs the boot more points than anything else. Both rows are
# right. A map depends on its patch.

for image, drop in zip(images[:, 0], drops["black patch"][:, 0], strict=True):
    lit = torch.nn.functional.max_pool2d(image[None], 5, 1)[0] > 0  # Something under the patch.
    assert (drop[~lit].abs() < 1e-4).all()
largest = {name: drop.abs().max().item() for name, drop in drops.items()}
print({name: f"{size:.2f}" for name, size in largest.items()})
assert largest["untrained, grey"] < largest["grey patch"] / 5
both = torch.stack([drops["grey patch"].flatten(), drops["untrained, grey"].flatten()])
print(f"correlation, trained and untrained: {torch.corrcoef(both)[0, 1]:.2f}")
assert data.drawn or torch.corrcoef(both)[0, 1].abs() < 0.3
position = int(drops["grey patch"][1].argmax())
under = images[1, 0, position // 24 :, position % 24 :][:5, :5]
assert data.drawn or under.mean() < 0.05

# %%
# The fourth row is the check that every such picture should pass and that some well-known methods
# do not [Adebayo2018]_: ask the same of a network that has learned nothing. If the map looked
# alike, it would be a picture of the photograph and not of the network. Ours does not. The drops
# are less than a fifth as large, and the correlation of the two maps is below 0.3 in size.
#
# The largest losses
# ------------------
#
# :func:`~cnnbook.metrics.top_losses` gives the pictures with the largest loss. For each there are
# two maps: what spoke for its own class, and what for the one that it was called.

from cnnbook.metrics import top_losses

worst = top_losses(scores, labels, count=4)
wrong_images = data.test_images[worst.indices]
called = [data.class_names[kind] for kind in worst.predicted]
actual = [data.class_names[kind] for kind in worst.actual]
titles = [f"{wrong}?\nno, {right}" for wrong, right in zip(called, actual, strict=True)]
wrong_drops = {
    "for its class": occlusion_map(net, wrong_images, worst.actual, patch=5),
    "for the other": occlusion_map(net, wrong_images, worst.predicted, patch=5),
}
figure = plot_map_rows(wrong_images, wrong_drops, titles=titles)

# %%
# The lower row suggests explanations. It is the air again: at both sides it speaks for a dress, and
# above the third shoe it speaks for a sneaker as it does for a sandal. But be careful with such
# explanations. The map says where the score is sensitive, to this patch, one place at a time.
# "Because of the air" is a story that we add, and a story fits nearly any map.

print(worst)
assert (worst.predicted != worst.actual).all()
assert (worst.probability < 0.1).all() or data.drawn

# %%
# They got less than 0.1 for their own class, so the network was sure, and wrong.
#
# Exercises
# ---------
#
# Compute or build what is asked for, call it ``answer``, put
# ``from cnnbook.exercises import check`` before it, and see what the check says. Nothing is given
# away until you unfold it.
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
# x 13 places they speak for it and where against, and "nothing here" is as good an argument as
# cloth. Occlusion shows the same from outside, as long as one says what the patch was, and asks an
# untrained network too. Why a place counts, no such picture says.
#
# A network with one layer of kernels has little use for training them. What happens with two, of 5
# x 5, and three linear layers behind? :doc:`/gallery/4_training/plot_21_lenet`.
