"""
13. Correlation, convolution, equivariance
==========================================

*Is torch's convolution a convolution, and what does it do when the image moves?*

You need the windows of :doc:`/gallery/2_layers/plot_07_moving_average`, the pooling of
:doc:`/gallery/2_layers/plot_10_max_pool`, and padding from :doc:`/gallery/3_inside/plot_11_sizes`.
"""

# %%
# One bright pixel
# ----------------
#
# A quick way to see what a kernel does is to apply it to a black image with a single bright pixel.
# Take the numbers from 1 to 9 as weights, and put the pixel into the middle of 5 x 5. It lies in
# nine windows. With a pencil: what is the output of the first window, in the upper left corner?
#
# .. guess:: Output

import torch

from cnnbook.convolution import conv2d

kernel = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
dot = torch.zeros(1, 1, 5, 5)
dot[0, 0, 2, 2] = 1
print(torch.nn.functional.conv2d(dot, kernel)[0, 0].int())
assert conv2d(dot, kernel)[0, 0].tolist() == [[9, 8, 7], [6, 5, 4], [3, 2, 1]]
assert torch.equal(conv2d(dot, kernel), torch.nn.functional.conv2d(dot, kernel))
# sphinx_gallery_thumbnail_number = 1

# %%
# It is 9. The first window has the pixel in its lower right corner, and the kernel is not flipped,
# so the pixel meets the last weight. The next window is one pixel further to the right, so the
# pixel is one further to the left in it: 8. The output is the kernel, rotated by half a turn.
#
# .. index:: ! cross-correlation
#
# Nothing is wrong with that, except the name. Mathematicians call this operation
# :term:`cross-correlation`. Their :term:`convolution` *flips* the kernel first: it reverses the
# order of its rows and of its columns. Let us do the same:

flipped = kernel.flip(2, 3)
print(flipped[0, 0].int())
print(conv2d(dot, flipped)[0, 0].int())
assert flipped[0, 0].tolist() == [[9, 8, 7], [6, 5, 4], [3, 2, 1]]
assert torch.equal(conv2d(dot, flipped), kernel)

# %%
# Now the output is the kernel as we wrote it, at the place of the pixel. That is how to imagine a
# true convolution: every pixel writes the kernel around itself, multiplied by its brightness, and
# all of these are added up.
#
# Multiplying polynomials is such a convolution. To multiply (1 + 2x) by (3 + 4x), you sort the
# products by powers of x: 1*3, then 1*4 + 2*3, then 2*4. With a kernel of two weights and a 0 at
# both ends of the row (``padding=(0, 1)``), a convolution also gives three numbers. Which of the
# two lines below is the product?
#
# .. guess:: The product is
#    :choices: the first line | the second line

row = torch.tensor([1.0, 2.0])[None, None, None]
other = torch.tensor([3.0, 4.0])[None, None, None]
print(conv2d(row, other, padding=(0, 1)).flatten().tolist())
print(conv2d(row, other.flip(3), padding=(0, 1)).flatten().tolist())
assert conv2d(row, other, padding=(0, 1)).flatten().tolist() == [1 * 4, 1 * 3 + 2 * 4, 2 * 3]
assert conv2d(row, other.flip(3), padding=(0, 1)).flatten().tolist() == [
    1 * 3,
    1 * 4 + 2 * 3,
    2 * 4,
]

# %%
# The second one, with the flip: 3 + 10x + 8x². The factors of a product may be swapped, and so may
# the two arguments of a true convolution. Those of a cross-correlation may not: if they are
# swapped, the result is reversed.

swapped = conv2d(other, row.flip(3), padding=(0, 1)).flatten().tolist()
print("swapped, with the flip:", swapped)
print("swapped, without:", conv2d(other, row, padding=(0, 1)).flatten().tolist())
assert swapped == [3, 10, 8]
assert conv2d(other, row, padding=(0, 1)).flatten().tolist() == [6, 11, 4]

# %%
# .. guess-end::
#
# Why does torch not flip?
# ------------------------
#
# Because the weights are learned. A network that flips its kernels would learn them in reverse
# order and compute the same. Most libraries do not flip and still call it convolution
# [Goodfellow2016]_, and so does this book. For some kernels it makes no difference. What does the
# flip do to an average, and what to Sobel's kernel, which finds edges: ``[[-1, 0, 1], [-2, 0, 2],
# [-1, 0, 1]]``? Guess.
#
# .. guess:: The average, and Sobel's kernel

from cnnbook.kernels import averaging_kernel, sobel_kernel

print(torch.equal(averaging_kernel(3).flip(0, 1), averaging_kernel(3)))
print(sobel_kernel("x").int().tolist())
print(sobel_kernel("x").flip(0, 1).int().tolist())
assert torch.equal(averaging_kernel(3).flip(0, 1), averaging_kernel(3))
assert torch.equal(sobel_kernel("x").flip(0, 1), -sobel_kernel("x"))

# %%
# The average stays the same; Sobel's kernel changes its sign. If you copy an edge kernel from a
# book that flips, your output has the opposite sign, and this is the reason.
#
# When the image moves
# --------------------
#
# A shoe is a shoe wherever it is in the image. Suppose we shift the image and then look for edges.
# Or we look for edges first, and then shift the feature map. Before you run it: is there a
# difference?
#
# We put a wide black border around the image, so that nothing is lost at the edge, and we use whole
# numbers from 0 to 255, so that sums are exact.
#
# .. guess:: Is there a difference?
#    :choices: yes | no

from cnnbook.figures import plot_equivariance
from cnnbook.images import load_fashion_mnist

data = load_fashion_mnist(n_train=100, n_test=1, one_hot=False, fallback="drawn")
is_boot = data.train_labels == data.class_names.index("Ankle boot")
boot = torch.nn.functional.pad((data.train_images[is_boot][:1] * 255).round(), (8, 8, 8, 8))
sobel = sobel_kernel("x")[None, None]


def shift(images: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """Move the pixels; what leaves at one side comes back at the other."""
    return images.roll((down, right), dims=(2, 3))


# %%
# ``roll`` moves the rows and columns in a circle. The border is black, so what comes in on the
# other side is black too.

edges = conv2d(boot, sobel, padding=1)
shift_first = conv2d(shift(boot, 4, 6), sobel, padding=1)
shift_last = shift(edges, 4, 6)
print("largest difference:", (shift_first - shift_last).abs().max().item())
figure = plot_equivariance(
    [boot, edges, shift(boot, 4, 6), shift_last], across="convolve", down="shift"
)
assert torch.equal(shift_first, shift_last)

# %%
# There is no difference. The feature maps on the right are blue where the image gets brighter to
# the right, orange where it gets darker, and empty where nothing changes. Both ways from the upper
# left to the lower right give the same numbers. This must be so: every window uses the same
# weights, so each window that contained the shoe before the shift corresponds to one that contains
# it afterwards.
#
# .. guess-end::
#
# This is called :term:`equivariance`, here *translation equivariance*, since a shift is also called
# a :term:`translation`: the output moves with the input. It is not *invariance*, which would mean
# that the output does not change at all.
#
# Is it true for other shifts and other kernels? Here are all shifts by up to seven pixels in each
# direction, and another kernel, our 1 to 9:

steps = range(-7, 8)
features = conv2d(boot, kernel, padding=1)
for down in steps:
    for right in steps:
        moved = conv2d(shift(boot, down, right), kernel, padding=1)
        assert torch.equal(moved, shift(features, down, right))
print(len(steps) ** 2, "shifts, all equal")
assert len(steps) ** 2 == 15 * 15 == 225

# %%
# All 225 agree, in every pixel. The MLP of the first pages does not have this property: there, each
# pixel has weights of its own, and a shoe one pixel further right must be learned again.
#
# At the edges
# ------------
#
# The black border prevented a difference. Now let the object fill the whole image: 5 x 5 pixels,
# all 1, and a kernel of nine ones with padding 1, which counts the pixels in its window. Shift by
# one to the right. The last column is lost, and zeros come in at the left. Where will the two ways
# differ? Guess the columns.
#
# .. guess:: Columns

ones, nine = torch.ones(1, 1, 5, 5), torch.ones(1, 1, 3, 3)


def push(images: torch.Tensor) -> torch.Tensor:
    """Move the pixels to the right by one; what leaves is lost."""
    return torch.nn.functional.pad(images, (1, -1))


first = conv2d(push(ones), nine, padding=1)[0, 0].int()
last = push(conv2d(ones, nine, padding=1))[0, 0].int()
print(first, last, first - last, sep="\n")

# %%
# The first table is shift, then convolve; the second is convolve, then shift; the third is their
# difference. Ten of 25 numbers differ, all of them in the first and in the last column. In the
# first column, the first way counts the ones beside the new zeros, and the second way has only
# zeros, which its shift put there. In the last column, the first way does not count the pixels that
# were lost.

assert (first[2].tolist(), last[2].tolist()) == ([3, 6, 9, 9, 6], [0, 6, 9, 9, 9])
assert (first - last)[2].tolist() == [3, 0, 0, 0, -3]
assert int((first != last).sum()) == 10
assert first.numel() == 25
assert torch.equal(first[:, 1:4], last[:, 1:4])

# %%
# The three columns between agree. Equivariance fails only at the two edges over which something
# moved.
#
# Pooling is equivariant to even shifts
# -------------------------------------
#
# Pooling with a window of 2 also does the same in each window, but its windows start at every
# second pixel only. Take one row, with a 3 and a 7 side by side. Unshifted, both are in one window,
# and pooling gives 0, 7, 0, 0. What does it give after a shift by 1? And by 2?
#
# .. guess:: By 1, and by 2

from cnnbook.figures import plot_pooling_shift
from cnnbook.pooling import max_pool2d

pair = torch.tensor([0.0, 0, 3, 7, 0, 0, 0, 0])
strips = {"not shifted": pair} | {f"by {step}": pair.roll(step) for step in (1, 2, 3)}
pooled = {name: max_pool2d(strip[None, None, None], (1, 2)) for name, strip in strips.items()}
for name, numbers in pooled.items():
    print(f"{name:12}", numbers.flatten().int().tolist())
figure = plot_pooling_shift(strips)

# %%
# The blue frames are the windows. They stay, and the numbers move through them. After a shift by 2,
# the 7 is one position further: half the shift, since the pooled row has half as many numbers.
# After a shift by 1, the 3 and the 7 are in different windows, and both of them remain. That is not
# the old row shifted. It is a different row.

assert pooled["not shifted"].flatten().tolist() == [0, 7, 0, 0]
assert pooled["by 1"].flatten().tolist() == [0, 3, 7, 0]
assert pooled["by 2"].flatten().tolist() == [0, 0, 7, 0]
assert pooled["by 3"].flatten().tolist() == [0, 0, 3, 7]

# %%
# Now the boot, shifted by 0 to 6. Is what comes out a shifted copy of what came out before? We try
# every shift of the old result, and print those that give the new one, for pooling and for a
# convolution with stride 2. What do you expect of the convolution?
#
# .. guess:: The convolution gives a shift of the old result
#    :choices: for every shift | for even shifts | for no shift but 0

layers = {
    "pooling": lambda images: max_pool2d(images, 2),
    "stride 2": lambda images: conv2d(images, sobel, stride=2),
}
found = {}
for name, layer in layers.items():
    before = layer(boot)
    for step in range(7):
        after = layer(shift(boot, 0, step))
        places = range(before.shape[3])
        found[name, step] = [p for p in places if torch.equal(after, shift(before, 0, p))]
    print(f"{name:8}", {step: found[name, step] for step in range(7)})

# %%
# Shifts by 0, 2, 4 and 6 give the old result shifted by 0, 1, 2 and 3. After an odd shift, the list
# is empty: the result is not a shift of the old one. The convolution with stride 2 behaves like
# pooling, so the reason is not the maximum. It is the stride.

for name in layers:
    assert [found[name, step] for step in (0, 2, 4, 6)] == [[0], [1], [2], [3]]
    assert [found[name, step] for step in (1, 3, 5)] == [[], [], []]

# %%
# After two layers of stride 2, only shifts by multiples of 4 are safe, after three of them
# multiples of 8. In deep networks this can change the predicted class when an image moves by a
# single pixel. Blurring before each such layer helps [Zhang2019]_.
#
# .. guess-end::
#
# Now convolution, ReLU and pooling together, as in the lecture's CNN with its sixteen kernels:

from cnnbook.networks import small_cnn

torch.manual_seed(0)
front = small_cnn()[:3]
with torch.no_grad():
    before, by_two, by_one = (front(shift(boot / 255, 0, step)) for step in (0, 2, 1))
print("by 2:", torch.allclose(by_two, shift(before, 0, 1), atol=1e-5))
print("by 1:", any(torch.allclose(by_one, shift(before, 0, p), atol=1e-5) for p in range(21)))
assert before.shape == (1, 16, 21, 21)
assert torch.allclose(by_two, shift(before, 0, 1), atol=1e-5)
assert not any(torch.allclose(by_one, shift(before, 0, p), atol=1e-5) for p in range(21))

# %%
# As expected: after the even shift, all sixteen feature maps are shifted by one; after the odd one
# they are different. ReLU does not matter here, since it changes one number at a time.
#
# .. board::
#    :minutes: 30
#
#    1. Multiply (1 + x) by (1 - x) with torch's ``conv2d``. The image is the row ``[0, 1, 1, 0]``.
#       Which kernel do you give to torch, and what comes out?
#
#       The kernel ``[-1, 1]``, which is ``[1, -1]`` flipped. The result is ``[1, 0, -1]``, so the
#       product is 1 - x².
#
#    2. A kernel of 2 x 2 contains only zeros and ones. How many of the 16 such kernels does the
#       flip of rows and columns leave as they are?
#
#       It leaves 4 of them. The flip exchanges the two corners of each diagonal, so both must be
#       equal: two free choices, ``2*2 = 4``.
#
#    3. A row of eight numbers is 0 except for a 1 at place 2, counted from 0. It is shifted to the
#       right, and then max-pooled in pairs. For which shifts is the 1 of the result one place
#       further than without a shift?
#
#       For shifts by 2 and by 3. The 1 is in pair 1 at first. Places 4 and 5 are pair 2, and 2 + 2
#       = 4 and 2 + 3 = 5.
#
# Exercises
# ---------
#
# Find the answer and check it: on the site, type numbers into the field below the question. In
# Python, where functions and layers are checked, call the answer ``answer`` (:doc:`/install`
# explains how to install ``cnnbook``). Hint and solution stay hidden until you open them.
#
# .. exercise:: 13.1
#
# .. exercise:: 13.2
#
# .. exercise:: 13.3
#
# The answer
# ----------
#
# torch's convolution is what mathematics calls cross-correlation: it does not flip the kernel, and
# since the weights are learned, it does not need to. When the image moves, its feature maps move
# with it, exactly, except at the edges. Pooling in pairs is equivariant to even shifts only. The
# linear layer at the end is not equivariant: it has weights of its own for each position.
#
# We flipped a kernel by hand here, although torch never does. The flip is needed when gradients go
# backwards through a layer: :doc:`/gallery/3_inside/plot_14_backpropagation`.
