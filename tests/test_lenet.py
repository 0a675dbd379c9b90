"""LeNet-5 as taught and as published: the paper's numbers, loops, torch and gradients."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from cnnbook.images import draw_garments
from cnnbook.lenet import PartialConv2d, RadialBasis, ScaledTanh, Subsampling, digit_codes, lenet5


def _count(net: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_lenet5_is_what_is_taught() -> None:
    torch.manual_seed(1)
    taught = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 5, padding=2),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(6, 16, 5),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(400, 120),
        torch.nn.ReLU(),
        torch.nn.Linear(120, 84),
        torch.nn.ReLU(),
        torch.nn.Linear(84, 10),
    )
    torch.manual_seed(1)
    ours = lenet5()
    assert str(ours) == str(taught)
    for a, b in zip(ours.parameters(), taught.parameters(), strict=True):
        assert torch.equal(a, b)
    first, second = 6 * 1 * 5 * 5 + 6, 16 * 6 * 5 * 5 + 16
    linear = (120 * 400 + 120) + (84 * 120 + 84) + (10 * 84 + 10)
    assert _count(ours) == first + second + linear == 61_706


@pytest.mark.parametrize("size", range(12, 37))
def test_lenet5_takes_every_size_from_12(size: int) -> None:
    net = lenet5(image_shape=(2, size, 48 - size), classes=3)
    assert net(torch.zeros(1, 2, size, 48 - size)).shape == (1, 3)


# The layers of 1998, as printed in section II.B: parameters and connections.
PUBLISHED = {
    "C1": (156, 122_304),
    "S2": (12, 5_880),
    "C3": (1_516, 151_600),
    "S4": (32, 2_000),
    "C5": (48_120, 48_120),
    "F6": (10_164, 10_164),
}


def test_lenet5_of_1998_has_the_published_numbers() -> None:
    net = lenet5("1998")
    assert _count(net) == sum(count for count, _ in PUBLISHED.values()) == 60_000
    outputs = {}
    x = torch.zeros(1, 1, 28, 28)
    for name, layer in net.named_children():
        x = layer(x)
        outputs[name] = x.shape[1:]
    # Inputs of each unit, and its bias.
    inputs = {"C1": 25 + 1, "S2": 4 + 1, "S4": 4 + 1, "C5": 16 * 25 + 1, "F6": 120 + 1}
    for name, (parameters, connections) in PUBLISHED.items():
        assert _count(net.get_submodule(name)) == parameters, name
        if name in inputs:
            assert math.prod(outputs[name]) * inputs[name] == connections, name
    # 6 maps have three inputs, 9 have four and 1 has six.
    units = 6 * (3 * 25 + 1) + 9 * (4 * 25 + 1) + (6 * 25 + 1)
    assert 10 * 10 * units == 151_600
    layer = net.get_submodule("C3")
    assert isinstance(layer, PartialConv2d)
    assert sorted(map(len, layer.connections)) == [3] * 6 + [4] * 9 + [6]
    assert [tuple(outputs[name]) for name in (*PUBLISHED, "output")] == [
        (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120, 1, 1), (84,), (10,),
    ]  # fmt: skip
    assert [name for name, layer in net.named_children() if isinstance(layer, ScaledTanh)] == [
        f"squash{number}" for number in range(1, 7)
    ]


# Rows are the maps of S2, columns are those of C3.
TABLE_I = """
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX
"""


def test_the_connections_are_those_of_table_i() -> None:
    layer = lenet5("1998").get_submodule("C3")
    assert isinstance(layer, PartialConv2d)
    drawn = ["".join("X" if s2 in maps else "." for maps in layer.connections) for s2 in range(6)]
    assert drawn == TABLE_I.split()
    assert "".join(drawn).count("X") == 60
    full = layer.full_weight()
    assert full.shape == (16, 6, 5, 5)
    for s2, row in enumerate(drawn):
        for c3, mark in enumerate(row):
            assert (full[c3, s2] != 0).all().item() == (mark == "X")


def test_weights_of_1998_start_within_the_published_bounds() -> None:
    torch.manual_seed(0)
    net = lenet5("1998")
    fan_in = {"C1": 25, "S2": 4, "S4": 4, "C5": 400, "F6": 120}
    for name, inputs in fan_in.items():
        numbers = torch.cat([p.flatten() for p in net.get_submodule(name).parameters()])
        assert numbers.abs().max() <= 2.4 / inputs, name
        assert numbers.abs().max() > 0.7 * 2.4 / inputs, name
        assert numbers.min() < 0 < numbers.max(), name
    layer = net.get_submodule("C3")
    assert isinstance(layer, PartialConv2d)
    for number, maps in enumerate(layer.connections):
        bound = 2.4 / (25 * len(maps))
        kernels = layer.full_weight()[number]
        assert 0.8 * bound < kernels.abs().max() <= bound
        assert abs(layer.bias[number].item()) <= bound
    torch.manual_seed(0)
    again = lenet5("1998")
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))


def test_28_pixels_are_padded_to_the_published_32() -> None:
    small, large = lenet5("1998"), lenet5("1998", image_shape=(1, 32, 32))
    large.load_state_dict(small.state_dict())
    images = torch.rand(3, 1, 28, 28)
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    torch.testing.assert_close(large(padded), small(images))


@pytest.mark.parametrize("variant", ["taught", "1998"])
def test_lenet5_learns(variant: Any) -> None:
    images, labels = draw_garments(40, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    net = lenet5(variant)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    losses = []
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(net(images), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
        optimizer.step()
    assert losses[-1] < losses[0] / 3
    # The codes are not trained.
    if variant == "1998":
        assert torch.equal(net.state_dict()["output.codes"], digit_codes())


@pytest.mark.parametrize("size", [(27, 28), (28, 32), (31, 31), (33, 33), (14, 14)])
def test_lenet5_of_1998_refuses_other_sizes(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"^image_shape: expected 28 x 28 .* got {size[0]} x "):
        lenet5("1998", image_shape=(1, *size))
    with pytest.raises(ValueError, match=r"^image_shape: expected at least 12 x 12 pixels, got 12"):
        lenet5(image_shape=(1, 12, 11))


def test_scaled_tanh_by_the_formula() -> None:
    x = torch.linspace(-5, 5, 41, dtype=torch.float64)
    expected = [1.7159 * math.tanh(2 / 3 * number) for number in x.tolist()]
    torch.testing.assert_close(ScaledTanh()(x), torch.tensor(expected, dtype=torch.float64))
    assert ScaledTanh()(torch.tensor(1.0)).item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("size", [(2, 2), (4, 6), (5, 3), (7, 8)])
def test_subsampling_by_loops(size: tuple[int, int]) -> None:
    layer = Subsampling(3).double()
    images = torch.rand(2, 3, *size, dtype=torch.float64)
    out = layer(images)
    assert out.shape == (2, 3, size[0] // 2, size[1] // 2)
    for n in range(2):
        for c in range(3):
            for row in range(size[0] // 2):
                for column in range(size[1] // 2):
                    four = images[n, c, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
                    expected = layer.weight[c] * four.sum() + layer.bias[c]
                    torch.testing.assert_close(out[n, c, row, column], expected)
    pooled = torch.nn.functional.avg_pool2d(images, 2)
    with torch.no_grad():
        layer.weight.fill_(0.25)
        layer.bias.zero_()
    torch.testing.assert_close(layer(images), pooled)
    assert layer(images[:0]).shape == (0, *out.shape[1:])


def test_partial_convolution_map_by_map() -> None:
    connections = [(0,), (3, 1), [2, 0, 1], (1, 3)]
    layer = PartialConv2d(4, connections, (3, 2)).double()
    images = torch.rand(2, 4, 6, 5, dtype=torch.float64)
    out = layer(images)
    assert out.shape == (2, 4, 4, 4)
    start = 0
    for number, maps in enumerate(connections):
        kernels = layer.weight[start : start + len(maps)]
        start += len(maps)
        expected = torch.nn.functional.conv2d(
            images[:, list(maps)], kernels[None], layer.bias[number : number + 1]
        )
        torch.testing.assert_close(out[:, number : number + 1], expected)
    assert _count(layer) == (1 + 2 + 3 + 2) * 3 * 2 + 4
    assert layer(images[:0]).shape == (0, 4, 4, 4)


def test_partial_convolution_with_all_connections_is_torchs() -> None:
    layer = PartialConv2d(3, [(0, 1, 2)] * 5, 2)
    full = torch.nn.Conv2d(3, 5, 2)
    with torch.no_grad():
        layer.weight.copy_(full.weight.reshape(15, 2, 2))
        layer.bias.copy_(torch.as_tensor(full.bias))
    images = torch.rand(2, 3, 4, 4)
    assert torch.equal(layer(images), full(images))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Subsampling(2), (2, 2, 4, 5)),
        (PartialConv2d(3, [(0, 2), (1,)], 2), (2, 3, 3, 4)),
        (RadialBasis(torch.tensor([[1.0, -1.0, 1.0], [0.5, 2.0, 0.0]])), (4, 3)),
        (ScaledTanh(), (5,)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_gradients(layer: torch.nn.Module, shape: tuple[int, ...]) -> None:
    layer = copy.deepcopy(layer).double()
    x = torch.rand(shape, dtype=torch.float64, requires_grad=True)
    parameters = dict(layer.named_parameters())

    def function(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        result = torch.func.functional_call(layer, dict(zip(parameters, values, strict=True)), (x,))
        assert isinstance(result, torch.Tensor)
        return result

    assert torch.autograd.gradcheck(function, (x, *parameters.values()))


def test_radial_basis_by_torch_and_by_its_own_codes() -> None:
    codes = digit_codes()
    layer = RadialBasis(codes)
    features = torch.randn(20, 84)
    torch.testing.assert_close(layer(features), -torch.cdist(features, codes).square())
    own = layer(codes)
    assert own.argmax(dim=1).tolist() == list(range(10))
    assert (own.diagonal() == 0).all()
    assert own.max() == 0
    # A copy, saved with the network, and not trained.
    codes.zero_()
    assert layer.codes.abs().min() == 1
    assert list(layer.parameters()) == []
    assert list(layer.state_dict()) == ["codes"]
    assert layer(features[:0]).shape == (0, 10)


def test_codes_are_different_drawings_in_ink_and_paper() -> None:
    codes = digit_codes()
    assert codes.shape == (10, 84)
    assert set(codes.flatten().tolist()) == {-1.0, 1.0}
    distances = torch.cdist(codes, codes).square()
    # Two drawings differ in at least one bar of 2 x 3 pixels, each of which differs by 2.
    others = distances[~torch.eye(10, dtype=torch.bool)]
    assert others.min().item() == pytest.approx(6 * 2**2, rel=1e-4)
    drawn = ["".join("#" if x > 0 else "." for x in row) for row in codes[3].reshape(12, 7)]
    assert drawn == [
        "#######",
        "#######",
        ".....##",
        ".....##",
        ".....##",
        "#######",
        "#######",
        ".....##",
        ".....##",
        ".....##",
        "#######",
        "#######",
    ]
    # How many of the seven bars each digit lights on such a display.
    ink = {1: 2, 2: 5, 3: 5, 4: 4, 5: 5, 6: 6, 7: 3, 8: 7, 9: 6, 0: 6}
    by_ink = sorted(range(10), key=lambda digit: codes[digit].sum().item())
    assert [ink[digit] for digit in by_ink] == sorted(ink.values())
    assert torch.equal(digit_codes(classes=4), codes[:4])


@pytest.mark.parametrize(
    "call",
    [
        lambda: lenet5(image_shape=(1, 40_000, 40_000)),
        lambda: lenet5(classes=10**9),
        lambda: lenet5("1998", image_shape=(10**9, 28, 28)),
        lambda: Subsampling(10**9),
        lambda: PartialConv2d(10**9, [(0,), (1,)], 5),
        lambda: PartialConv2d(1, [(0,)], (10**5, 10**5)),
    ],
)
def test_networks_that_are_too_large_are_refused(call: Callable[[], object]) -> None:
    message = r"^\w+: expected a network of at most 1,000,000,000 parameters, got [\d,]+; choose"
    with pytest.raises(ValueError, match=message):
        call()


def test_layers_work_under_autocast_and_name_a_dtype_that_does_not_fit() -> None:
    net, images = lenet5("1998"), torch.rand(2, 1, 28, 28)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert net(images).argmax(dim=1).shape == (2,)
    assert net.double()(images.double()).dtype == torch.float64
    for layer in (Subsampling(1), PartialConv2d(1, [(0,)], 2)):
        with pytest.raises(
            ValueError, match=r"^images: expected torch.float32 on cpu, .* got torch.float64 on"
        ):
            layer(images.double())


@pytest.mark.parametrize(
    "bad", [[(0, 0)], [(0,), (2,)], [(-1,)], [(0.0,)], [0], [()], [(True,)], [("0",)], "00", ((),)]
)
def test_connections_that_do_not_exist_are_refused(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^connections: expected .* got "):
        PartialConv2d(2, bad, 1)


@pytest.mark.parametrize("layer", [Subsampling(1), PartialConv2d(1, [(0,)], 2)])
@pytest.mark.parametrize(
    "bad",
    [None, 3, [[1.0]], torch.ones(4, 4), torch.ones(1, 4, 4), torch.ones(1, 2, 4, 4),
     torch.ones(1, 1, 4, 1), torch.ones(1, 1, 4, 4, dtype=torch.int64), torch.ones(1, 1, 0, 4)],
    ids=str,
)  # fmt: skip
def test_images_that_a_layer_does_not_take_are_named(layer: torch.nn.Module, bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^images: expected .* got "):
        layer(bad)


@pytest.mark.parametrize(
    ("bad", "kind", "message"),
    [
        ([[1.0]], TypeError, r"^codes: expected a torch.Tensor, got list$"),
        (torch.ones(2, 3).long(), TypeError, r"convert with codes.float\(\)$"),
        (torch.ones(3), ValueError, r"^codes: expected \(classes, features\) .* got \(3,\)$"),
        (torch.ones(0, 3), ValueError, r"with at least one of each, got \(0, 3\)$"),
    ],
)
def test_codes_that_are_no_matrix_are_refused(
    bad: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        RadialBasis(bad)


@pytest.mark.parametrize(
    "bad", [None, [1.0], torch.ones(3), torch.ones(2, 4), torch.ones(2, 3).half()]
)
def test_features_that_do_not_fit_the_codes_are_refused(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^features: expected .* got "):
        RadialBasis(torch.ones(4, 3))(bad)


@pytest.mark.parametrize("bad", [None, "2012", "", 1998, 5, ["taught"]])
def test_variants_that_do_not_exist_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"^variant: expected 'taught' or '1998', got "):
        lenet5(bad)
