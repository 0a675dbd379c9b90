"""Output sizes and shape tables against torch's own layers."""

import itertools
import re
from typing import Any

import pytest
import torch

from cnnbook.lenet import lenet5
from cnnbook.networks import mlp, small_cnn
from cnnbook.shapes import (
    derive_output_size,
    output_size,
    same_padding,
    shape_table,
    transposed_output_size,
)


def _sizes() -> list[tuple[int, int, int, int, int]]:
    return list(itertools.product(range(1, 9), range(1, 5), range(1, 4), range(3), range(1, 4)))


def test_output_size_is_that_of_conv2d_for_every_small_case() -> None:
    fitting = 0
    for size, kernel, stride, padding, dilation in _sizes():
        image, weight = torch.zeros(1, 1, 1, size), torch.zeros(1, 1, 1, kernel)
        if dilation * (kernel - 1) + 1 > size + 2 * padding:
            with pytest.raises(ValueError, match="use a smaller kernel or more padding"):
                output_size(size, kernel, stride=stride, padding=padding, dilation=dilation)
            continue
        fitting += 1
        torchs = torch.nn.functional.conv2d(
            image, weight, stride=stride, padding=(0, padding), dilation=dilation
        ).shape[3]
        ours = output_size(size, kernel, stride=stride, padding=padding, dilation=dilation)
        assert ours == torchs, (size, kernel, stride, padding, dilation)
    assert fitting > 500


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_output_size_is_that_of_max_pool2d_for_every_small_case(ceil_mode: bool) -> None:
    fitting = 0
    for size, kernel, stride, padding, dilation in _sizes():
        # torch's pooling allows padding of at most half a kernel.
        if padding > kernel // 2:
            continue
        pool = torch.nn.MaxPool2d((1, kernel), stride, (0, padding), dilation, False, ceil_mode)
        try:
            torchs = pool(torch.zeros(1, 1, 1, size)).shape[3]
        except RuntimeError:
            with pytest.raises(ValueError, match="use a smaller kernel or more padding"):
                output_size(
                    size, kernel, stride=stride, padding=padding, dilation=dilation,
                    ceil_mode=ceil_mode,
                )  # fmt: skip
            continue
        fitting += 1
        ours = derive_output_size(
            size, kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
        )
        assert ours.output_size == torchs, (size, kernel, stride, padding, dilation)
    assert fitting > 300


def test_the_derivation_is_arithmetic_that_python_agrees_with() -> None:
    for size, kernel, stride, padding, dilation in _sizes():
        if dilation * (kernel - 1) + 1 > size + 2 * padding:
            continue
        line = str(
            derive_output_size(size, kernel, stride=stride, padding=padding, dilation=dilation)
        )
        formula, result = line.split(" = ")
        pythons = re.sub(r"^floor\((.*)\)/(\d+)\) \+ 1$", r"(\1)) // \2 + 1", formula)
        assert eval(pythons) == int(result), line


def test_the_derivation_names_a_window_that_ceil_mode_drops() -> None:
    derivation = derive_output_size(3, 1, stride=3, padding=0, ceil_mode=True)
    assert str(derivation) == (
        "ceil((3 + 2*0 - 1*(1 - 1) - 1)/3) + 1 - 1 "
        "(the last window would start beyond the image) = 1"
    )


def test_ceil_mode_lets_a_kernel_reach_beyond_the_image_by_less_than_a_stride() -> None:
    # Two pixels hold the first two of three: one window, which hangs over the end.
    assert output_size(2, 3, stride=2, ceil_mode=True) == 1
    assert output_size((2, 2), 5, stride=4, ceil_mode=True) == (1, 1)
    table = shape_table(torch.nn.Sequential(torch.nn.MaxPool2d(3, 2, ceil_mode=True)), (1, 2, 2))
    assert table.output_shape == (1, 1, 1)
    assert table.rows[0].derivation == "ceil((2 + 2*0 - 1*(3 - 1) - 1)/2) + 1 = 1"
    message = (
        r"^kernel_size: expected at most the padded size 2 \+ 2\*0 = 2 plus stride - 1 = 2 with "
        r"ceil_mode, got a kernel that spans 1\*\(5 - 1\) \+ 1 = 5; use a smaller kernel"
    )
    with pytest.raises(ValueError, match=message):
        output_size(2, 5, stride=3, ceil_mode=True)


def test_one_number_gives_one_and_a_pair_gives_two() -> None:
    assert output_size(28, 2) == 27
    assert output_size((28, 28), 2) == (27, 27)
    assert output_size(28, (2, 3)) == (27, 26)
    assert output_size((5, 4), (2, 4), stride=(2, 1), padding=(1, 0), dilation=1) == (3, 1)


@pytest.mark.parametrize(
    ("name", "minimum"),
    [("size", 1), ("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1)],
)
@pytest.mark.parametrize("bad", [2.5, "3", None, True, (1, 2, 3), -1, float("nan"), [1.0, 2.0]])
def test_bad_numbers_are_named(name: str, minimum: int, bad: object) -> None:
    arguments: dict[str, object] = {"size": 8, "kernel_size": 2}
    arguments[name] = bad
    kind: type[Exception] = ValueError if bad == -1 else TypeError
    expected = f"at least {minimum}, got -1$" if bad == -1 else "a whole number"
    message = f"^{name}: expected {expected}"
    with pytest.raises(kind, match=message):
        output_size(**arguments)  # type: ignore[call-overload]
    with pytest.raises(kind, match=message):
        derive_output_size(**arguments)  # type: ignore[arg-type]


def test_transposed_sizes_are_those_of_torchs_layer() -> None:
    for size, kernel, stride, padding, dilation in _sizes():
        for added in range(max(stride, dilation)):
            layer = torch.nn.ConvTranspose1d(
                1, 1, kernel, stride, padding, added, 1, True, dilation
            )
            options = {"stride": stride, "padding": padding, "dilation": dilation}
            expected = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + added + 1
            if expected < 1:
                with pytest.raises(ValueError, match=r"^padding: expected at least one pixel"):
                    transposed_output_size(size, kernel, output_padding=added, **options)
                continue
            got = transposed_output_size(size, kernel, output_padding=added, **options)
            assert got == expected
            if size % 3 == 1:  # Running all of them would take three times as long.
                assert layer(torch.zeros(1, 1, size)).shape[2] == got


def test_a_transposed_size_holds_as_many_windows_as_the_input_has_pixels() -> None:
    for size, kernel, stride, padding, dilation in _sizes():
        options: Any = {"stride": stride, "padding": padding, "dilation": dilation}
        for added in range(stride):
            if (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + added + 1 >= 1:
                back = transposed_output_size(size, kernel, output_padding=added, **options)
                assert output_size(back, kernel, **options) == size


def test_too_much_output_padding_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^output_padding: expected fewer pixels than stride 2 or"
    ):
        transposed_output_size(4, 3, stride=2, output_padding=2)


def test_same_padding_for_each_axis() -> None:
    assert same_padding(2) == (0, 1)
    assert same_padding((3, 4), dilation=(1, 2)) == ((1, 1), (3, 3))
    assert same_padding(3, dilation=(1, 2)) == ((1, 1), (2, 2))


NETS: dict[str, tuple[torch.nn.Sequential, tuple[int, ...]]] = {
    "small cnn": (small_cnn(), (1, 28, 28)),
    "mlp": (mlp(), (1, 28, 28)),
    "lenet5": (lenet5(), (1, 28, 28)),
    "every kind": (
        torch.nn.Sequential(
            torch.nn.ZeroPad2d((1, 2, 0, 3)),
            torch.nn.Conv2d(2, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2),
            torch.nn.BatchNorm2d(6),
            torch.nn.LeakyReLU(),
            torch.nn.MaxPool2d((2, 3), 2, (1, 1), 1, ceil_mode=True),
            torch.nn.Conv2d(6, 4, 3, padding="same"),
            torch.nn.Conv2d(4, 4, 1, padding="valid"),
            torch.nn.AvgPool2d(2, 1, 1, ceil_mode=True),
            torch.nn.ConvTranspose2d(4, 3, 3, 2, 1, 1),
            torch.nn.ReflectionPad2d((2, 0, 1, 3)),
            torch.nn.GroupNorm(3, 3),
            torch.nn.ReLU6(),
            torch.nn.Upsample(scale_factor=(1.3, 0.7), mode="bilinear"),
            torch.nn.PReLU(3),
            torch.nn.AdaptiveAvgPool2d((5, None)),
            torch.nn.Dropout(),
            torch.nn.Flatten(),
            torch.nn.Sequential(torch.nn.LazyLinear(7), torch.nn.Softmax(dim=1)),
        ),
        (2, 17, 15),
    ),
    "one dimension": (
        torch.nn.Sequential(
            torch.nn.Conv1d(2, 4, 3, 2, 1, 2, 2),
            torch.nn.BatchNorm1d(4),
            torch.nn.Conv1d(4, 3, 3, padding="same"),
            torch.nn.Flatten(),
            torch.nn.BatchNorm1d(12),
        ),
        (2, 10),
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_the_table_has_the_shapes_of_a_forward_pass(name: str) -> None:
    net, shape = NETS[name]
    net.eval()
    net(torch.zeros(1, *shape))  # Gives the lazy layer its size.
    rows = shape_table(net, shape).rows
    value, expected = torch.zeros(1, *shape), []
    for layer in net:
        for inner in layer if isinstance(layer, torch.nn.Sequential) else [layer]:
            value = inner(value)
            expected.append(tuple(value.shape[1:]))
    assert [row.output_shape for row in rows] == expected
    # The number after the equals sign is the size.
    for row in rows:
        for line in row.derivation.split("; "):
            if " = " in line:
                assert int(line.rpartition(" = ")[2]) in (*row.output_shape, *row.output_shape[-1:])


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            torch.nn.Linear(5, 2),
            r"layer '1' \(Linear\) expects 5 numbers, but gets 4; use torch.nn.L",
        ),
        (torch.nn.Conv2d(3, 1, 1), r"layer '1' \(Conv2d\) expects 3 x h x w, but gets 2 x 4 x 4"),
        (torch.nn.Conv2d(2, 1, 5), r"layer '1' \(Conv2d\) cannot take 2 x 4 x 4: kernel_size: exp"),
        (torch.nn.BatchNorm2d(3), "expects 3 channels, but gets 2 x 4 x 4"),
        (torch.nn.PReLU(3), "expects 3 channels, but gets 2 x 4 x 4"),
        (torch.nn.GroupNorm(1, 3), "expects 3 channels, but gets 2 x 4 x 4"),
        (torch.nn.BatchNorm1d(2), "expects 2 numbers or 2 x l, but gets 2 x 4 x 4"),
        (torch.nn.Conv1d(2, 1, 1), "expects 2 x l, but gets 2 x 4 x 4"),
        (torch.nn.MaxPool2d(2, padding=2), "has padding 2, but torch accepts at most half of the"),
        (torch.nn.AvgPool2d((4, 3), padding=2), "at most half of the kernel size 3"),
        (torch.nn.AvgPool2d(2, divisor_override=0), "divides by divisor_override=0"),
        (torch.nn.MaxPool2d(2, return_indices=True), "returns indices as well, which no layer"),
        (torch.nn.MaxPool2d((2, 2, 2)), r"expected options of one number or two, got \(2, 2, 2\)"),
        (torch.nn.ZeroPad2d(-2), r"leaves no pixel: 4 \+ -2 \+ -2 = 0"),
        (torch.nn.ZeroPad2d((-5, 5, 0, 0)), "leaves no pixel"),
        (torch.nn.ReflectionPad2d(-2), "leaves no pixel"),
        (torch.nn.ReflectionPad2d(4), "expects less padding than the 4 pixels that it reflects"),
        (
            torch.nn.Conv2d(2, 1, 3, padding=4, padding_mode="reflect"),
            "expects a padding of at most 3 for padding_mode='reflect' and 4 pixels, but has 4",
        ),
        (
            torch.nn.Conv2d(2, 1, 3, padding=5, padding_mode="circular"),
            "expects a padding of at most 4 for padding_mode='circular' and 4 pixels, but has 5",
        ),
        (torch.nn.Conv2d(2, 1, 3, padding=-1), "padding: expected at least 0, got -1"),
        (torch.nn.ConvTranspose2d(2, 1, 3, padding=-1), "padding: expected at least 0, got -1"),
        (
            torch.nn.ConvTranspose2d(2, 1, 3, padding="same"),  # type: ignore[arg-type]
            "expected options of one number or two",
        ),
        (torch.nn.AdaptiveAvgPool2d((1, 2, 3)), "expected options of one number or two"),
        (torch.nn.Upsample(scale_factor=0.1), "leaves no pixel"),
        (torch.nn.Upsample(scale_factor=float("inf")), "leaves no pixel"),
        (torch.nn.Upsample(), "expects size or scale_factor, but has neither"),
        (torch.nn.Upsample(2, mode="linear"), "expects a mode for c x h x w"),
        (torch.nn.Upsample(2, align_corners=True), "expects no align_corners with mode 'nearest'"),
        (torch.nn.Softmax(dim=4), "expects dim from -4 to 3 for a batch of 2 x 4 x 4, but has dim"),
        (torch.nn.Flatten(0), "is supported only with its default axes"),
        (torch.nn.LSTM(3, 3), "is not among the supported classes; cost_table runs any network"),
    ],
)
def test_the_error_names_the_layer_that_does_not_fit(layer: torch.nn.Module, message: str) -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), layer)
    with pytest.raises(ValueError, match=f"^net: .*{message}"):
        shape_table(net, (1, 4, 4))


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (torch.nn.MaxPool2d(2), "c x h x w"),
        (torch.nn.AdaptiveAvgPool2d(1), "c x h x w"),
        (torch.nn.Upsample(scale_factor=2), "c x h x w"),
        (torch.nn.ZeroPad2d(1), "c x h x w"),
        (torch.nn.Dropout2d(), "c x h x w"),
        (torch.nn.BatchNorm2d(4), "4 x h x w"),
        (torch.nn.Conv1d(4, 1, 1), "4 x l"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_layer_for_images_does_not_follow_flatten(layer: torch.nn.Module, expected: str) -> None:
    flat = torch.nn.Sequential(torch.nn.Flatten(), layer)
    with pytest.raises(ValueError, match=f"expects {expected}, but gets 4$"):
        shape_table(flat, (1, 2, 2))


def test_a_layer_that_is_used_twice_counts_twice() -> None:
    pool = torch.nn.MaxPool2d(2)
    table = shape_table(torch.nn.Sequential(pool, torch.nn.Sequential(pool, pool)), (1, 16, 16))
    assert [(row.name, row.output_shape) for row in table.rows] == [
        ("0", (1, 8, 8)),
        ("1.0", (1, 4, 4)),
        ("1.1", (1, 2, 2)),
    ]


class _Strided(torch.nn.Conv2d):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(super().forward(images))[:, :, ::2, ::2]


class _Residual(torch.nn.Sequential):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.cat([images, super().forward(images)], dim=1)  # type: ignore[no-untyped-call]


class _Named(torch.nn.Conv2d):
    """A convolution with a constructor of its own, which computes what torch's does."""

    def __init__(self) -> None:
        super().__init__(1, 2, 3)


def test_a_layer_that_may_not_compute_what_its_class_does_is_refused() -> None:
    assert shape_table(torch.nn.Sequential(_Named()), (1, 4, 4)).output_shape == (2, 2, 2)
    with pytest.raises(ValueError, match=r"layer '0' \(_Strided\) has a forward of its own"):
        shape_table(torch.nn.Sequential(_Strided(1, 2, 1)), (1, 4, 4))
    inner = torch.nn.Sequential(_Residual(torch.nn.ReLU()), torch.nn.Conv2d(1, 1, 1))
    with pytest.raises(ValueError, match=r"layer '0' \(_Residual\) is not among the supported"):
        shape_table(inner, (1, 4, 4))
    with pytest.raises(ValueError, match=r"^net: expected .* as it is, but this one has a forward"):
        shape_table(_Residual(torch.nn.ReLU()), (1, 4, 4))
    patched = torch.nn.ReLU()
    patched.forward = lambda input: input[:, :1]  # type: ignore[method-assign]
    with pytest.raises(ValueError, match=r"layer '0' \(ReLU\) has a forward of its own"):
        shape_table(torch.nn.Sequential(patched), (2, 4, 4))
    hooked = torch.nn.Sequential(torch.nn.ReLU())
    hooked[0].register_forward_hook(lambda _, __, output: output[:, :1])
    with pytest.raises(ValueError, match=r"layer '0' \(ReLU\) has a forward hook, which may"):
        shape_table(hooked, (2, 4, 4))
    hooked = torch.nn.Sequential(torch.nn.ReLU())
    hooked.register_forward_pre_hook(lambda _, images: images)
    with pytest.raises(ValueError, match=r"^net: expected .*but this one has a forward hook"):
        shape_table(hooked, (2, 4, 4))
    # It computes the weight, and the shapes stay.
    normed = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv2d(1, 2, 3))
    assert shape_table(torch.nn.Sequential(normed), (1, 4, 4)).output_shape == (2, 2, 2)


def test_a_lazy_layer_is_refused_until_it_has_sizes() -> None:
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(3))
    message = r"^net: expected parameters with values, got the lazy '1.weight'; pass one image"
    with pytest.raises(TypeError, match=message):
        shape_table(net, (1, 2, 2))
    net(torch.zeros(1, 1, 2, 2))
    assert shape_table(net, (1, 2, 2)).output_shape == (3,)
