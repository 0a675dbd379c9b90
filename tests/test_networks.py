"""The lecture's networks, LeNet-5 as taught and as published, and the MLP of a given size."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from bad_values import check_refusals

from cnnbook.images import draw_garments
from cnnbook.lenet import PartialConv2d, RadialBasis, ScaledTanh, Subsampling, digit_codes, lenet5
from cnnbook.networks import matched_mlp, mlp, preserve_mode, small_cnn


def _count(net: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_the_networks_are_the_lectures() -> None:
    torch.manual_seed(1)
    lectures_mlp = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(784, 2048),
        torch.nn.ReLU(),
        torch.nn.Linear(2048, 10),
    )
    lectures_cnn = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 2),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(2704, 10),
    )
    torch.manual_seed(1)
    for lectures, ours in ((lectures_mlp, mlp()), (lectures_cnn, small_cnn())):
        assert str(lectures) == str(ours)
        for a, b in zip(lectures.parameters(), ours.parameters(), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("make", [mlp, small_cnn, lenet5])
def test_other_sizes(make: Any) -> None:
    net = make(image_shape=(3, 19, 16), classes=4)
    assert net(torch.zeros(2, 3, 19, 16)).shape == (2, 4)


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


# Of the layers of 1998, as printed in section II.B: parameters and connections.
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
    # 6 maps look at three maps, 9 at four and 1 at six.
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


# Rows are the maps of S2, columns those of C3.
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
    # The codes are not among what was trained.
    if variant == "1998":
        assert torch.equal(net.state_dict()["output.codes"], digit_codes())


@pytest.mark.parametrize("size", [(27, 28), (28, 32), (31, 31), (33, 33), (14, 14)])
def test_lenet5_of_1998_refuses_other_sizes(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"^image_shape: expected 28 x 28 .* got {size[0]} x "):
        lenet5("1998", image_shape=(1, *size))
    with pytest.raises(ValueError, match=r"^image_shape: expected at least 12 x 12 pixels, got 12"):
        lenet5(image_shape=(1, 12, 11))


def test_squashing_by_the_formula() -> None:
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
    position = 0
    for number, maps in enumerate(connections):
        kernels = layer.weight[position : position + len(maps)]
        position += len(maps)
        expected = torch.nn.functional.conv2d(
            images[:, list(maps)], kernels[None], layer.bias[number : number + 1]
        )
        torch.testing.assert_close(out[:, number : number + 1], expected)
    assert _count(layer) == (1 + 2 + 3 + 2) * 3 * 2 + 4
    assert layer(images[:0]).shape == (0, 4, 4, 4)


def test_partial_convolution_with_all_connections_is_torchs() -> None:
    layer = PartialConv2d(3, [(0, 1, 2)] * 5, 2)
    whole = torch.nn.Conv2d(3, 5, 2)
    with torch.no_grad():
        layer.weight.copy_(whole.weight.reshape(15, 2, 2))
        layer.bias.copy_(torch.as_tensor(whole.bias))
    images = torch.rand(2, 3, 4, 4)
    assert torch.equal(layer(images), whole(images))


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
    # Copied, kept with the network, and not trained.
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
    # Two drawings differ by at least one bar of 2 x 3 pixels, each 2 apart.
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
    # Bars: how many of the seven each digit lights, on any such display.
    ink = {1: 2, 2: 5, 3: 5, 4: 4, 5: 5, 6: 6, 7: 3, 8: 7, 9: 6, 0: 6}
    by_ink = sorted(range(10), key=lambda digit: codes[digit].sum().item())
    assert [ink[digit] for digit in by_ink] == sorted(ink.values())
    assert torch.equal(digit_codes(classes=4), codes[:4])


def test_the_matched_mlp_is_the_nearest() -> None:
    assert _count(matched_mlp(27_130)) == 34 * (784 + 1) + 10 * (34 + 1) == 27_040
    shape, classes = (2, 3, 2), 3
    counts = {width: _count(mlp(image_shape=shape, hidden=width, classes=classes))
              for width in range(1, 20)}  # fmt: skip
    assert counts[2] - counts[1] == 2 * 3 * 2 + 1 + 3 == 16
    ties = 0
    for wanted in range(18, 250):
        net = matched_mlp(wanted, image_shape=shape, classes=classes)
        distances = {width: abs(count - wanted) for width, count in counts.items()}
        nearest = min(distances.values())
        best = [width for width, distance in distances.items() if distance == nearest]
        assert net.get_submodule("1").out_features == best[0], wanted
        ties += len(best) == 2
    assert ties > 10
    with pytest.raises(ValueError, match=r"^parameters: expected about 19 or more, which one "):
        matched_mlp(17, image_shape=shape, classes=classes)


@pytest.mark.parametrize(
    "call",
    [
        lambda: mlp(hidden=10**9),
        lambda: mlp(image_shape=(1, 10**5, 10**5), hidden=1),
        lambda: mlp(classes=2 * 10**9),
        lambda: small_cnn(channels=10**8),
        lambda: small_cnn(image_shape=(3, 40_000, 40_000)),
        lambda: lenet5(image_shape=(1, 40_000, 40_000)),
        lambda: lenet5(classes=10**9),
        lambda: lenet5("1998", image_shape=(10**9, 28, 28)),
        lambda: matched_mlp(2 * 10**9),
        lambda: Subsampling(10**9),
        lambda: PartialConv2d(10**9, [(0,), (1,)], 5),
        lambda: PartialConv2d(1, [(0,)], (10**5, 10**5)),
    ],
)
def test_networks_beyond_any_machine_are_refused(call: Callable[[], object]) -> None:
    message = r"^\w+: expected a network of at most 1,000,000,000 parameters, got [\d,]+; choose"
    with pytest.raises(ValueError, match=message):
        call()


SIZES: dict[str, tuple[Any, dict[str, Any], dict[str, set[str]]]] = {
    "mlp": (mlp, {}, {"image_shape": set(), "hidden": {"one"}, "classes": {"one"}}),
    "small_cnn": (small_cnn, {}, {"image_shape": set(), "channels": {"one"}, "classes": {"one"}}),
    "matched_mlp": (
        matched_mlp,
        {"parameters": 27_130},
        {"parameters": set(), "image_shape": set(), "classes": {"one"}},
    ),
    "lenet5": (lenet5, {}, {"variant": set(), "image_shape": set(), "classes": {"one"}}),
    "lenet5 of 1998": (
        lenet5,
        {"variant": "1998"},
        {"variant": set(), "image_shape": set(), "classes": {"one"}},
    ),
    "digit_codes": (digit_codes, {}, {"classes": {"one"}}),
    "Subsampling": (Subsampling, {"channels": 3}, {"channels": {"one"}}),
    "PartialConv2d": (
        PartialConv2d,
        {"in_channels": 1, "connections": [(0,)], "kernel_size": 2},
        {"in_channels": {"one"}, "connections": set(), "kernel_size": {"one"}},
    ),
    "RadialBasis": (
        RadialBasis,
        {"codes": torch.ones(2, 3)},
        {
            "codes": {
                "tensor of two axes",
                "NaN scores",
                "infinite scores",
                "meta scores",
                "narrow floats",
            }
        },
    ),
    "Subsampling.forward": (
        Subsampling(1),
        {"images": torch.ones(1, 1, 4, 4)},
        {"images": {"tensor of four axes", "empty batch"}},
    ),
    "PartialConv2d.forward": (
        PartialConv2d(1, [(0,)], 2),
        {"images": torch.ones(1, 1, 4, 4)},
        {"images": {"tensor of four axes", "empty batch"}},
    ),
    "RadialBasis.forward": (
        RadialBasis(torch.ones(4, 3)),
        {"features": torch.ones(2, 3)},
        {"features": {"tensor of two axes", "NaN scores", "infinite scores"}},
    ),
}


@pytest.mark.parametrize(
    ("name", "argument"),
    [(name, argument) for name, (_, _, checks) in SIZES.items() for argument in checks],
)
def test_every_mistake_is_named(name: str, argument: str) -> None:
    call, arguments, checks = SIZES[name]
    # What other sizes make too many parameters, the wanted number does not fit.
    check_refusals(
        call, arguments, argument, taken=checks[argument], may_name=set(arguments) & {"parameters"}
    )


def test_layers_work_under_autocast_and_name_a_dtype_that_does_not_fit() -> None:
    net, images = lenet5("1998"), torch.rand(2, 1, 28, 28)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert net(images).argmax(dim=1).shape == (2,)
    assert net.double()(images.double()).dtype == torch.float64
    for layer in (Subsampling(1), PartialConv2d(1, [(0,)], 2)):
        with pytest.raises(
            ValueError, match=r"^images: expected .* torch.float32 on cpu, .* got t"
        ):
            layer(images.double())


@pytest.mark.parametrize(
    "connections",
    [[(0, 0)], [(0,), (2,)], [(-1,)], [(0.0,)], [0], [()], [(True,)], [("0",)], "00", ((),)],
)
def test_connections_that_are_none(connections: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^connections: expected .* got "):
        PartialConv2d(2, connections, 1)


def test_modes_come_back_even_after_an_error() -> None:
    net = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.BatchNorm2d(1), torch.nn.ReLU())
    net[1].eval()

    def fail(training: bool) -> None:
        with preserve_mode(net, training=training):
            assert [module.training for module in net.modules()] == [training] * 4
            raise KeyError

    for training in (True, False):
        with pytest.raises(KeyError):
            fail(training)
        assert [module.training for module in net.modules()] == [True, True, False, True]


NETWORKS = {"meta network", "network of other images", "lazy network", "network without forward"}


@pytest.mark.parametrize(
    ("argument", "taken"), [("net", NETWORKS), ("training", {"true", "false"})]
)
def test_modes_kept_names_every_mistake(argument: str, taken: set[str]) -> None:
    def call(net: Any, training: Any) -> None:
        with preserve_mode(net, training=training):
            pass

    check_refusals(call, {"net": mlp(), "training": True}, argument, taken=taken)
