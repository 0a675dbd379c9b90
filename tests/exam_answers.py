"""What the answers to the examination of the page for teachers must contain, computed.

``EXPECTED[k]`` has texts that must stand in the answer to question k + 1.
"""

import statistics

import torch
from answer_texts import gradient_of, image_of, listed, written
from torch import nn

from cnnbook.conv_matrix import conv_matrix
from cnnbook.convolution import conv2d, conv2d_bias_grad, conv2d_weight_grad
from cnnbook.counting import cost_table
from cnnbook.pooling import max_pool2d, relu
from cnnbook.receptive_field import receptive_field
from cnnbook.shapes import shape_table


def _exam() -> list[list[str]]:
    image = image_of([1, 0, 2], [3, 1, 0], [0, 2, 4])
    net = nn.Sequential(
        *(nn.Conv2d(3, 8, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(784, 10)),
    )
    rows = shape_table(net, (3, 32, 32)).rows
    sizes = [row.output_shape[-1] for row in rows if row.kind in ("Conv2d", "MaxPool2d")]
    costs = cost_table(net, (3, 32, 32))
    signs = image_of([-1, 2, -3, -4], [0, 1, -2, -5], [3, -6, 0, 1], [5, 2, 1, 7])
    assert torch.equal(max_pool2d(relu(signs), 2), relu(max_pool2d(signs, 2)))
    what = conv_matrix(image_of([1, 2, -1]), (1, 5))
    gradient = image_of([1, 0], [2, -1])
    field = receptive_field([nn.Conv2d(1, 1, 3), nn.MaxPool2d(2), nn.Conv2d(1, 1, 3, stride=2)])
    starts = [field.pixels(0, column)[1].start for column in (0, 1)]
    slopes = gradient_of(lambda leaf: (leaf[0] * 3 + leaf[1] - 5) ** 2, 2.0, 1.0)
    losses, counts = (1.2, 0.6, 2.4), (50, 50, 20)
    whole = sum(n * loss for n, loss in zip(counts, losses, strict=True)) / sum(counts)
    layer = nn.BatchNorm2d(1, eps=1e-12)
    with torch.no_grad():
        layer.weight.fill_(2)
        layer.bias.fill_(1)
        normal = layer(image_of([2, 2, 8, 8]).float()).flatten().round(decimals=4)
    assert layer.running_mean is not None
    return [
        [written(conv2d(image, image_of([1, -1], [2, 0]), torch.tensor([3.0]).double()))],
        ["{}, {}, {} and {} rows".format(*sizes), f"= {rows[6].output_shape[0]}"],
        [*(f"= {row.parameters}" for row in costs.rows if row.parameters), f"{costs.parameters:,}"],
        [written(max_pool2d(relu(signs), 2))],
        ["{} x {}".format(*what.shape), f"is {listed(what[:, 0])} ("],
        [
            f"{written(conv2d_weight_grad(image, gradient, 2))}` and "
            f"{conv2d_bias_grad(gradient).item():g}"
        ],
        [f"sees {field.size[0]},", f"begins {starts[1] - starts[0]} further"],
        [f"{2 - 0.05 * slopes[0]:g} and {1 - 0.05 * slopes[1]:g}.", *(f"= {s:g}" for s in slopes)],
        [f"= {whole:g}", f"= {statistics.mean(losses):g}"],
        ["{:g}, {:g}, {:g} and {:g}".format(*normal), f"mean is {layer.running_mean.item():g},"],
    ]


EXPECTED = _exam()
