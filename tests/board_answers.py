"""What the answers to the questions for the board must contain, computed.

``EXPECTED[page][question]`` are texts that must stand in the answer, each computed with the
library, with torch or by trying all cases. Words stand for a claim: ``word(claim, "No", "Yes")`` is
"No" only if the claim is true.
"""

import math
import statistics
from collections.abc import Callable
from itertools import permutations, product

import torch
from answer_texts import distinct, gradient_of, image_of, listed, word, written
from torch import Tensor, nn
from torch.nn import functional as F

from cnnbook.conv_matrix import conv_matrix
from cnnbook.convolution import conv2d, conv2d_bias_grad, conv2d_input_grad, conv2d_weight_grad
from cnnbook.counting import cost_table, count_parameters
from cnnbook.kernels import averaging_kernel, prewitt_kernel, sobel_kernel
from cnnbook.lenet import lenet5
from cnnbook.networks import mlp, small_cnn
from cnnbook.pooling import max_pool2d, relu
from cnnbook.receptive_field import receptive_field
from cnnbook.shapes import output_size, same_padding, shape_table
from cnnbook.windows import windows

LECTURE = torch.arange(16.0, dtype=torch.float64).reshape(1, 1, 4, 4)
FIRST_WEIGHTS = torch.tensor([-0.1733, -0.4235, 0.1802, 0.4668], dtype=torch.float64)
FIRST_BIAS = 0.2037
torch.manual_seed(0)
NOISE = torch.randn(1, 1, 28, 28, dtype=torch.float64)


def _accuracy() -> list[list[str]]:
    scores, label = torch.randn(1, 10, dtype=torch.float64), torch.tensor([3])
    change = F.cross_entropy(scores + 5, label) - F.cross_entropy(scores, label)
    two = (-math.log(1 / 2) - math.log(1 / 8)) / 2
    # All overlaps of 130 and 140 mistakes among 1,000 images.
    once = [130 + 140 - 2 * both for both in range(131)]
    return [
        [f"By {abs(change):.0f}."],
        [f"{two / math.log(2):g} times ln 2", f"{two:.3f}"],
        [f"least {min(once)}", f"most {max(once)}"],
    ]


def _parameters() -> list[list[str]]:
    conv, first = nn.Conv2d(1, 16, 2), nn.Linear(784, 2048)
    larger = nn.Linear(56 * 56, 2048)
    units = [n for n in range(80) if count_parameters(nn.Linear(784, n + 1)) <= 80]
    table = cost_table(small_cnn(), (1, 28, 28))
    used = table.rows[0].macs // (16 * 4)
    assert cost_table(mlp(), (1, 28, 28)).macs == 2048 * 784 + 10 * 2048
    return [
        [f"{count_parameters(conv)}", f"{larger.weight.numel() // first.weight.numel()} times"],
        [word(not units, "None", "Some"), f"= {count_parameters(nn.Linear(784, 1))}"],
        ["Once", f"{used} times"],
    ]


def _history() -> list[list[str]]:
    shared = nn.Conv2d(1, 12, 5, stride=2, padding=2, bias=False)
    units = shared(torch.zeros(1, 1, 16, 16)).numel()
    kernels = [(96, 3 * 11 * 11), (256, 48 * 5 * 5), (384, 256 * 9), (384, 192 * 9), (256, 192 * 9)]
    linear = [(4096, 256 * 6 * 6), (4096, 4096), (1000, 4096)]
    whole = sum(out * (seen + 1) for out, seen in kernels + linear)
    weights = 4096 * 256 * 6 * 6
    cells = list(product((0, 1), repeat=4))
    kinds: dict[str, Callable[[tuple[int, ...]], float]] = {
        "maximum": max,
        "sum": sum,
        "mean": statistics.mean,
    }
    right = [
        name for name, kind in kinds.items() if all(kind(four) == int(any(four)) for four in cells)
    ]
    return [
        [f"= {count_parameters(shared)}", f"= {units * 25}"],
        [word(weights > whole / 2, "Yes", "No"), f"{weights}", f"{weights / whole:.0%}"[:-1]],
        [f"The {' '.join(right)}."],
    ]


def _fair() -> list[list[str]]:
    error = [(0.87 * 0.13 / n) ** 0.5 for n in (1000, 4000)]
    assert math.isclose(error[0], 2 * error[1])
    wins = sum(all(tosses) for tosses in product((True, False), repeat=10))
    differences = [a - b for a, b in zip((85, 87, 89), (84, 86, 88), strict=True)]
    return [
        [f"{4000 // 1000} times"],
        [f"{wins}/{2**10}"],
        [
            f"mean is {statistics.mean(differences)}",
            f"deviation is {statistics.stdev(differences):g}",
        ],
    ]


def _shuffle() -> list[list[str]]:
    orders = list(permutations(range(4)))
    kept = sum((0, 1) in ((order[0], order[1]), (order[2], order[3])) for order in orders)
    pixels, weights = torch.tensor([1.0, 2, 3, 4]), torch.tensor([5.0, 6, 7, 8])
    survive = {
        "mean": {pixels[list(order)].mean().item() for order in orders},
        "largest pixel": {pixels[list(order)].max().item() for order in orders},
        "hidden unit": {(weights @ pixels[list(order)]).item() for order in orders},
    }
    same = [name for name, values in survive.items() if len(values) == 1]
    order = [2, 0, 3, 1]
    kernel = image_of([2.0, -1.0])
    moved = torch.equal(conv2d(LECTURE[:, :, order], kernel), conv2d(LECTURE, kernel)[:, :, order])
    return [
        [f"{len(orders)} orders", f"In {kept} of them"],
        [f"The {' and the '.join(same)}."],
        [word(moved, "rows in the new order", "")],
    ]


def _one_window() -> list[list[str]]:
    def output(pixels: Tensor) -> float:
        return (FIRST_WEIGHTS @ pixels + FIRST_BIAS).item()

    images = [torch.tensor(bits, dtype=torch.float64) for bits in product((0.0, 1.0), repeat=4)]
    best = max(images, key=output)
    brighter = output(torch.full((4,), 10.0, dtype=torch.float64)) - FIRST_BIAS
    pixels = torch.arange(4.0, dtype=torch.float64)
    doubled = output(2 * pixels)
    return [
        [written(best.reshape(2, 2)), f"{output(best):.4f}"],
        [f"{brighter:.3f}"],
        [word(f"{doubled:.3f}" != f"{2 * output(pixels):.3f}", "No", "Yes"), f"{doubled:.3f}"],
    ]


def _moving_average() -> list[list[str]]:
    mean = averaging_kernel(2).double()[None, None]
    twice = conv2d(conv2d(LECTURE, mean), mean)
    at_once = conv2d_input_grad(mean, mean, 3)
    changes = []
    for row, column in ((0, 0), (1, 1)):
        brighter = LECTURE.clone()
        brighter[0, 0, row, column] += 8
        change = (conv2d(brighter, mean) - conv2d(LECTURE, mean)).flatten()
        changes.append((int((change != 0).sum()), change.max().item()))
    board = (torch.arange(8)[:, None] + torch.arange(8)).double()[None, None] % 2
    halves = distinct(conv2d(board, mean))
    ninths = distinct((9 * conv2d(board, averaging_kernel(3).double()[None, None])).round())
    return [
        [
            "{} x {}".format(*twice.shape[2:]),
            "{:g}, {:g}, {:g} and {:g}".format(*twice.flatten().tolist()),
            f"{at_once[0, 0, 0, 0] * 16:g}/16 in its corners",
            f"{at_once[0, 0, 1, 1] * 16:g}/16 in the middle",
        ],
        [
            f"{changes[0][0]} output ",
            f"{changes[1][0]} outputs",
            f"= {changes[0][1]:g}",
            f"= {changes[1][1]:g}",
        ],
        [word(halves == [0.5], "1/2 everywhere", ""), "{:g}/9 or {:g}/9".format(*ninths)],
    ]


def _many_images() -> list[list[str]]:
    layer = nn.Conv2d(1, 16, 3)
    order = list(range(16))
    order[0], order[5] = 5, 0
    swapped = F.conv2d(LECTURE.float(), layer.weight[order], layer.bias[order])  # type: ignore[index]
    exchanged = torch.equal(swapped, layer(LECTURE.float())[:, order])
    macs = 2 * cost_table(nn.Sequential(layer), (1, 4, 4)).macs
    mirrored = conv2d(LECTURE.flip(3), prewitt_kernel("x").double()[None, None])
    (value,) = distinct(mirrored)
    return [
        [word(exchanged, "0 and 5 change places", "")],
        [f"{macs:,}"],
        [f"{value:g} everywhere"],
    ]


def _relu() -> list[list[str]]:
    again = torch.equal(relu(relu(NOISE)), relu(NOISE))
    (zero,) = distinct(relu(-relu(NOISE)).abs())
    a, b = torch.tensor([1.0]), torch.tensor([-1.0])
    together, apart = relu(a + b).item(), (relu(a) + relu(b)).item()
    other = NOISE.flip(3)
    never = bool((relu(NOISE + other) <= relu(NOISE) + relu(other)).all())
    three = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2), nn.Linear(2, 1))
    return [
        [word(again, "Yes", "No"), f"is {zero:g} for every x"],
        [
            word(together != apart, "No", "Yes"),
            f"the first is {together:g} and the second is {apart:g}",
            word(never, "The first is never the larger one", ""),
        ],
        [f"= {count_parameters(three)}", f"= {count_parameters(nn.Linear(4, 1))}"],
    ]


def _max_pool() -> list[list[str]]:
    twice = max_pool2d(max_pool2d(NOISE, 2), 2)
    smallest = -max_pool2d(-image_of([1, 2], [3, 0]), 2)
    counts = [
        max(
            int((max_pool2d(_lit(place, 6), 2, stride=stride) != 0).sum())
            for place in product(range(6), range(6))
        )
        for stride in (2, 1)
    ]
    return [
        [
            "{} x {}".format(*twice.shape[2:]),
            word(torch.equal(twice, max_pool2d(NOISE, 4)), "it is the same", ""),
        ],
        ["-max(-x)", f"smallest is {smallest.item():g}"],
        [f"Only {counts[0]} can", f"up to {counts[1]} windows"],
    ]


def _lit(place: tuple[int, int], size: int) -> Tensor:
    """Return a black image with one bright pixel."""
    image = torch.zeros(1, 1, size, size, dtype=torch.float64)
    image[0, 0, place[0], place[1]] = 1
    return image


def _sizes() -> list[list[str]]:
    paddings = [same_padding(7), same_padding(3, dilation=2)]
    assert all(before == after for before, after in paddings)
    counts = [output_size(10, 3, stride=stride) for stride in (1, 2, 3)]
    last = [(count - 1) * stride + 2 for stride, count in zip((1, 2, 3), counts, strict=True)]
    assert last == [9, 8, 8]
    one, eight = (nn.Conv2d(8, 8, 3, groups=groups).weight.numel() for groups in (1, 8))
    return [
        [f"padding of {paddings[0][0]}", f"one of {paddings[1][0]}"],
        ["{}, {} and {} windows".format(*counts), f"ends at pixel {last[1]}"],
        [f"= {one}", f"= {eight}"],
    ]


def _img_at_what() -> list[list[str]]:
    seen = windows(LECTURE, 3).reshape(4, 9)
    copies = [int((seen == pixel).sum()) for pixel in (0, 5)]
    what = conv_matrix(torch.full((1, 1, 1, 1), 3.0), 4)
    assert torch.equal(what, 3 * torch.eye(16))
    ranks = [
        int(torch.linalg.matrix_rank(torch.tensor(kernel)))
        for kernel in ([[1.0, 2], [2, 4]], [[1.0, 2], [2, 5]])
    ]
    times = {1: "once", 4: "4 times"}
    return [
        [
            "{} x {}".format(*seen.shape),
            f"corner is held {times[copies[0]]}",
            f"in the middle {times[copies[1]]}",
            f"{seen.numel()} numbers for {LECTURE.numel()} pixels",
        ],
        ["3 times the 16 x 16 identity", f"{int(what.count_nonzero())} of its {what.numel()}"],
        [word(ranks == [1, 2], "The first", "")],
    ]


def _equivariance() -> list[list[str]]:
    found = conv2d(image_of([0, 1, 1, 0]), image_of([1, -1]).flip(3))
    kernels = [torch.tensor(bits).reshape(2, 2) for bits in product((0, 1), repeat=4)]
    kept = sum(torch.equal(kernel, kernel.flip(0, 1)) for kernel in kernels)
    places = []
    for shift in range(6):
        row = torch.zeros(1, 1, 1, 8)
        row[..., 2 + shift] = 1
        places.append(int(max_pool2d(row, (1, 2)).argmax()))
    further = [shift for shift, place in enumerate(places) if place == places[0] + 1]
    return [
        [f"[{listed(image_of([1, -1]).flip(3))}]", f"[{listed(found)}]"],
        [f"{kept} of them"],
        ["shifts by {} and by {}".format(*further)],
    ]


def _backpropagation() -> list[list[str]]:
    quarter = torch.full((1, 1, 2, 2), 1 / 4, dtype=torch.float64)
    (strided,) = distinct(
        conv2d_input_grad(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2), 4, stride=2)
    )
    first = image_of([1, 0], [0, 0])
    weights = conv2d_weight_grad(LECTURE, first, 3)
    pixels = conv2d_input_grad(first, averaging_kernel(3).double()[None, None], 4)
    return [
        [
            f"are {conv2d_bias_grad(quarter).item():g} and ",
            f"and {conv2d_weight_grad(LECTURE, quarter, 3)[0, 0, 1, 1]:g}",
        ],
        [f"{strided:g} for every pixel"],
        [
            written(weights),
            f"bias gets {conv2d_bias_grad(first).item():g}",
            f"{int(pixels.count_nonzero())} pixels",
        ],
    ]


def _receptive_field() -> list[list[str]]:
    two = [nn.Conv2d(1, 1, 5), nn.Conv2d(1, 1, 5)]
    four = [nn.Conv2d(1, 1, 3) for _ in range(4)]
    sizes = {receptive_field(layers).size[0] for layers in (two, four)}
    dilated = [nn.Conv2d(1, 1, 3, dilation=dilation) for dilation in (1, 2, 4)]
    mixed = [nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Conv2d(1, 1, 3)]
    rows, columns = receptive_field(mixed).size
    assert receptive_field(mixed[::-1]).size == (rows, columns)
    (both,) = sizes
    return [
        [
            f"Both see {both} pixels",
            f"= {sum(layer.weight.numel() for layer in four)}",
            f"= {sum(layer.weight.numel() for layer in two)}",
        ],
        [f"sees {receptive_field(dilated).size[0]}."],
        [f"= {rows * columns}"],
    ]


def _edges() -> list[list[str]]:
    difference = image_of([-1, 1])
    row = image_of([0, 1, 4, 9, 16])
    once = conv2d(row, difference)
    both = conv2d_input_grad(difference, difference, (1, 3))
    assert torch.equal(conv2d(row, both), conv2d(once, difference))
    slope = (3 * torch.arange(6.0) + 7).expand(1, 1, 4, 6)
    (sobel,) = distinct(conv2d(slope, sobel_kernel("x")[None, None]))
    third = [
        w for w in range(-9, 10) if conv2d(image_of([5, 5, 5]), image_of([1, -3, w])).item() == 0
    ]
    return [
        [listed(once), listed(conv2d(once, difference)), f"[{listed(both)}]"],
        [f"{sobel:g} everywhere"],
        [f"is {listed(torch.tensor(third))},"],
    ]


def _one_update() -> list[list[str]]:
    def step(w: float, rate: float) -> float:
        (slope,) = gradient_of(lambda leaf: ((leaf - 3) ** 2).sum(), w)
        return w - rate * slope

    moved = {}
    for zeroed in (True, False):
        weight = torch.zeros(1, requires_grad=True)
        sgd = torch.optim.SGD([weight], lr=1)
        for _ in range(4):
            weight.sum().backward()  # type: ignore[no-untyped-call]
            sgd.step()
            if zeroed:
                sgd.zero_grad()
        moved[zeroed] = abs(weight.item())
    first = {}
    for kind in (torch.optim.SGD, torch.optim.Adam):
        for scale in (1, 100):
            weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
            optimizer = kind([weight], lr=0.001)
            (2 * scale * weight.sum()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            first[kind, scale] = weight.item()
    sgd_ratio = first[torch.optim.SGD, 100] / first[torch.optim.SGD, 1]
    adam_ratio = first[torch.optim.Adam, 100] / first[torch.optim.Adam, 1]
    return [
        [f"at {step(0, 1 / 2):g}, the", f"at {step(0, 1):g} and then at {step(step(0, 1), 1):g}"],
        [f"By {moved[False]:g}:", f"moves by {moved[True]:g}"],
        [
            f"{sgd_ratio:g} times as long",
            word(abs(adam_ratio - 1) < 1e-6, "Adam stays the same", ""),
        ],
    ]


def _micro_batches() -> list[list[str]]:
    shares = [len(part) / 10 for part in torch.chunk(torch.arange(10), 3)]
    parts = [max(1, 3), max(2, 5)]
    return [
        ["{:g}, {:g} and {:g}".format(*shares)],
        [f"With {1:g} each", f"= {-8 - 16}"],
        [
            word(sum(parts) != max(1, 3, 2, 5), "No", "Yes"),
            f"= {sum(parts)}",
            f"all four is {max(1, 3, 2, 5)}",
        ],
    ]


def _processes() -> list[list[str]]:
    seconds = [12 / count + 1 for count in (2, 4, 12)]
    return [
        [f"= {(2 + 6) / 2:g}", f"= {(30 * 2 + 10 * 6) / 40:g}"],
        ["{:g}, {:g} and {:g} seconds".format(*seconds), f"{12 / seconds[2]:g} times faster"],
        [f"{57 - 57 // 10 * 10} epochs"],
    ]


def _what_it_learned() -> list[list[str]]:
    patterns = [[1, 1, 1, 1], [-1, 1, -1, 1], [-1, -1, 1, 1], [1, -1, -1, 1]]
    basis = torch.tensor(patterns).double() / 2
    parts = basis @ torch.tensor([4.0, 0, 0, 0], dtype=torch.float64)
    fractions = distinct(parts.square() / 16)
    return [
        [
            word(fractions == [0.25], "A quarter of each", ""),
            "{:g}, {:g}, {:g} and {:g}".format(*parts.tolist()),
        ],
        [f"By {10 - 2}."],
        [f"{4 * 0} and {1 * 3},"],
    ]


def _lenet() -> list[list[str]]:
    unpadded = nn.Sequential(nn.Conv2d(1, 6, 5), *lenet5()[1:-5])
    sizes = shape_table(unpadded, (1, 28, 28))
    flat = sizes.output_shape[0]
    sides = [row.output_shape[-1] for row in sizes.rows if row.kind in ("Conv2d", "MaxPool2d")]
    layers = [nn.Conv2d(6, 32, 5), nn.Linear(32 * 25, 120)]
    before = [nn.Conv2d(6, 16, 5), nn.Linear(16 * 25, 120)]
    gained = [
        count_parameters(a) - count_parameters(b) for a, b in zip(layers, before, strict=True)
    ]
    depth = next(n for n in range(1, 99) if (1 / 6) ** (n / 2) < 1 / 100)
    return [
        [f"{flat} numbers", "{}, {}, {}, {} and {}".format(28, *sides)],
        [f"{sum(gained):,}", *(f"= {part}" for part in gained)],
        [f"After {depth}.", f"below 1/{100:,} when the mean square is below 1/{100**2:,}"],
    ]


def _error_clinic() -> list[list[str]]:
    wrong = nn.Linear(1568, 10)
    message = ""
    try:
        wrong(torch.zeros(64, 1152))
    except RuntimeError as error:
        message = str(error)
    assert "64x1152 and 1568x10" in message
    try:
        nn.Conv2d(1, 16, 2)(torch.zeros(200, 28, 28))
    except RuntimeError as error:
        message = str(error)
    assert "to have 1 channels, but got 200 channels" in message
    assert nn.Conv2d(1, 16, 2)(torch.zeros(200, 28, 28)[:, None]).shape == (200, 16, 27, 27)
    classes = next(n for n in range(2, 999) if f"{math.log(n):.3f}" == "4.605")
    return [
        ["64 images", "Linear(1152, 10)"],
        [f"has {classes}.", f"ln {classes} = {math.log(classes):.3f}"],
        ["one image with 200 channels", "images[:, None]"],
    ]


def _everybody() -> list[list[str]]:
    orders = len(list(permutations(range(3))))
    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(500, 1))
    with torch.no_grad():
        anna = torch.equal(net(torch.ones(1, 500)), net(torch.ones(1, 500)))
    net.eval()
    ben = torch.equal(net(torch.ones(1, 500)), net(torch.ones(1, 500)))
    return [
        [f"{orders} orders", f"1/{orders}"],
        [word(not anna and ben, "Anna's", "")],
        [f"= {(1 + 6) / 2:g}", f"= {(4 * 1 + 1 * 6) / 5:g}"],
    ]


def _backwards() -> list[list[str]]:
    given, label = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64), torch.tensor([2])
    scores = given.log().requires_grad_()
    (to_scores,) = torch.autograd.grad(F.cross_entropy(scores, label), scores)
    linear = nn.Linear(2, 2)
    loss = F.cross_entropy(linear(torch.zeros(1, 2)), label - 1)
    gradients = torch.autograd.grad(loss, (linear.weight, linear.bias))
    zeros = [not gradient.any() for gradient in gradients]

    def scores_and_gradient(factor: float) -> tuple[Tensor, Tensor]:
        torch.manual_seed(0)
        conv, last = nn.Conv2d(1, 1, 2).double(), nn.Linear(9, 2).double()
        kernel = (factor * conv.weight).detach().requires_grad_()
        assert conv.bias is not None
        maps = F.max_pool2d(F.conv2d(NOISE[..., :7, :7], kernel, factor * conv.bias).relu(), 2)
        output = F.linear(maps.flatten(1), last.weight / factor, last.bias)
        return output, torch.autograd.grad(F.cross_entropy(output, label - 1), kernel)[0]

    (scores_1, kernel_1), (scores_2, kernel_2) = map(scores_and_gradient, (1, 2))
    assert kernel_1.any()
    return [
        [
            "{:.1f}, {:.1f} and {:.1f}".format(*to_scores[0]),
            f"sum is {abs(to_scores.sum()):.0f}",
        ],
        [word(zeros == [True, False], "Those of the weights", "")],
        [
            word(torch.allclose(scores_1, scores_2), "scores stay the same", ""),
            word(torch.allclose(kernel_1, 2 * kernel_2), "half as large", ""),
        ],
    ]


def _deeper() -> list[list[str]]:
    three = [nn.Conv2d(16, 16, 3, padding=1, bias=False) for _ in range(3)]
    one = nn.Conv2d(16, 16, 7, padding=3, bias=False)
    assert receptive_field(three).size == receptive_field([one]).size == (7, 7)
    mix = nn.Sequential(nn.Conv2d(64, 16, 1, bias=False))
    factor = 0.01 * 50 / 2
    return [
        [f"= {sum(map(count_parameters, three))}", f"= {count_parameters(one)}"],
        [f"= {count_parameters(mix)}", f"= {cost_table(mix, (64, 7, 7)).macs}"],
        [f"= {factor:g}", f"1/{1 / factor ** (10 / 2):g}"],
    ]


def _normalize() -> list[list[str]]:
    def normal(*numbers: float) -> str:
        channel = torch.tensor(numbers).double()
        left = (channel - channel.mean()) / channel.std(correction=0)
        return "{:g}, {:g}, {:g} and {:g}".format(*left.tolist())

    assert normal(1, 1, 5, 5) == normal(10, 10, 50, 50)
    with_norm = [nn.Conv2d(1, 16, 2, bias=False), nn.BatchNorm2d(16)]
    x = torch.tensor([5.0], requires_grad=True)
    y = x + -x
    (derivative,) = torch.autograd.grad(y, x)
    return [
        [normal(1, 1, 5, 5)],
        [
            f"= {sum(map(count_parameters, with_norm))}",
            f"= {count_parameters(nn.Conv2d(1, 16, 2))}",
        ],
        [word(y.item() == derivative.item() == 0, "Both are 0", "")],
    ]


def _by_heart() -> list[list[str]]:
    masks = list(product((0, 1), repeat=3))
    image = torch.arange(25.0).reshape(1, 5, 5)
    padded = F.pad(image, (1, 1, 1, 1))
    shifts = [padded[:, r : r + 5, c : c + 5] for r, c in product(range(3), repeat=2)]
    versions = {str(v.tolist()) for s in shifts for v in (s, s.flip(-1))}
    outcomes = [max(pair) for pair in product((0, 1), repeat=2)]
    return [
        [f"= {len(masks)}", f"1/{len(masks) // sum(not any(mask) for mask in masks)}"],
        [f"= {len(versions)}"],
        [f"{sum(outcomes)}/{len(outcomes)} on this", "1/2 on a new one"],
    ]


def _colour() -> list[list[str]]:
    more = count_parameters(nn.Conv2d(3, 16, 3)) - count_parameters(nn.Conv2d(1, 16, 3))
    photo = torch.arange(4 * 6 * 3).reshape(4, 6, 3)
    mean = torch.full((1, 3, 1, 1), 1 / 3)
    grey = F.conv2d(torch.tensor([0.9, 0.6, 0.0]).reshape(1, 3, 1, 1), mean)
    return [
        [f"{more} more"],
        [f"At {photo.permute(2, 0, 1)[1, 1, 2]}."],
        [str(tuple(mean.shape)), f"= {grey.item():g}"],
    ]


EXPECTED = {
    page: make()
    for page, make in enumerate(
        [
            *(_accuracy, _parameters, _history, _fair, _shuffle),
            *(_one_window, _moving_average, _many_images, _relu, _max_pool),
            *(_sizes, _img_at_what, _equivariance, _backpropagation, _receptive_field, _edges),
            *(_one_update, _micro_batches, _processes, _what_it_learned, _lenet, _error_clinic),
            *(_everybody, _backwards, _deeper, _normalize, _by_heart, _colour),
        ],
        start=1,
    )
}
