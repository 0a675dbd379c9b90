"""Shape tables, costs and receptive fields of drawn networks, against what torch does with them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from drawn_cases import cases
from hypothesis import assume, given
from hypothesis import strategies as st
from small_nets import Own
from torch.utils.flop_counter import FlopCounterMode

from cnnbook.counting import cost_table, count_parameters, parameter_table
from cnnbook.receptive_field import receptive_field
from cnnbook.shapes import shape_table

pytestmark = [
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel"),
    pytest.mark.filterwarnings("ignore:Initializing zero-element tensors"),
]

nn = torch.nn


@dataclass(frozen=True)
class Stack:
    """Layers, the shape of an image, and what torch makes of it."""

    layers: list[torch.nn.Module]
    shape: tuple[int, ...]
    # After each layer that torch accepts.
    shapes: list[tuple[int, ...]]

    @property
    def net(self) -> torch.nn.Sequential:
        return torch.nn.Sequential(*self.layers).eval()

    @property
    def fits(self) -> bool:
        return len(self.shapes) == len(self.layers)


# Makes a layer for an input of the given shape, most of them such that they fit.
_Maker = Callable[[Any, tuple[int, ...]], torch.nn.Module]


def _nearly(draw: Any, right: int) -> int:
    return right if draw(st.integers(0, 9)) else draw(st.integers(1, 5))


def _size(draw: Any, low: int, high: int) -> Any:
    one = st.integers(low, high)
    return draw(st.one_of(one, st.tuples(one, one)))


def _conv(draw: Any, shape: tuple[int, ...]) -> torch.nn.Module:
    channels = _nearly(draw, shape[0])
    groups = channels if draw(st.booleans()) else 1
    mode = draw(st.sampled_from(["zeros", "zeros", "reflect", "replicate", "circular"]))
    padding: Any = _size(draw, 0, 4)
    stride: Any = _size(draw, 1, 3)
    if draw(st.integers(0, 4)) == 0:
        padding, stride = draw(st.sampled_from([("same", 1), ("valid", stride)]))
    return nn.Conv2d(
        channels, groups * draw(st.integers(1, 2)), _size(draw, 1, 4), stride, padding,
        _size(draw, 1, 2), groups, draw(st.booleans()), mode,
    )  # fmt: skip


def _transposed(draw: Any, shape: tuple[int, ...]) -> torch.nn.Module:
    return nn.ConvTranspose2d(
        _nearly(draw, shape[0]), draw(st.integers(1, 3)), _size(draw, 1, 3), _size(draw, 1, 2),
        draw(st.integers(-1, 3)), draw(st.integers(0, 2)), 1, True, draw(st.integers(1, 2)),
    )  # fmt: skip


def _conv1d(draw: Any, shape: tuple[int, ...]) -> torch.nn.Module:
    return nn.Conv1d(
        _nearly(draw, shape[0]), draw(st.integers(1, 3)), draw(st.integers(1, 4)),
        draw(st.integers(1, 3)), draw(st.integers(-1, 2)), draw(st.integers(1, 2)),
    )  # fmt: skip


def _max_pool(draw: Any, _: tuple[int, ...]) -> torch.nn.Module:
    kernel = _size(draw, 1, 4)
    return nn.MaxPool2d(
        [*kernel] if isinstance(kernel, tuple) else kernel,  # type: ignore[arg-type]
        draw(st.one_of(st.none(), st.integers(1, 4))), draw(st.integers(0, 2)),
        draw(st.integers(1, 2)), ceil_mode=draw(st.booleans()),
    )  # fmt: skip


def _avg_pool(draw: Any, _: tuple[int, ...]) -> torch.nn.Module:
    return nn.AvgPool2d(
        _size(draw, 1, 4), draw(st.one_of(st.none(), st.integers(1, 4))),
        draw(st.integers(0, 2)), ceil_mode=draw(st.booleans()),
        divisor_override=draw(st.sampled_from([None, None, 1, 3, 0])),
    )  # fmt: skip


def _upsample(draw: Any, _: tuple[int, ...]) -> torch.nn.Module:
    mode = draw(st.sampled_from(["nearest", "nearest-exact", "bilinear", "bicubic", "linear"]))
    align = draw(st.sampled_from([None, None, True]))
    if draw(st.booleans()):
        return nn.Upsample(size=_size(draw, 1, 9), mode=mode, align_corners=align)
    scale = st.floats(0.1, 2.5)
    factor = draw(st.one_of(scale, st.tuples(scale, scale)))
    return nn.Upsample(scale_factor=factor, mode=mode, align_corners=align)


def _pad(kind: type[torch.nn.Module]) -> _Maker:
    def make(draw: Any, _: tuple[int, ...]) -> torch.nn.Module:
        padding = st.integers(-3, 5)
        return kind(draw(st.one_of(padding, st.tuples(padding, padding, padding, padding))))

    return make


def _activation(draw: Any, _: tuple[int, ...]) -> torch.nn.Module:
    kinds = [nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.GELU, nn.Hardswish, nn.Mish, nn.SELU, nn.Dropout]
    return draw(st.sampled_from([*kinds, nn.Dropout2d, nn.Identity, nn.Tanh]))()  # type: ignore[no-any-return]


def _normalization(draw: Any, shape: tuple[int, ...]) -> torch.nn.Module:
    channels = _nearly(draw, shape[0])
    kind: Any = draw(st.sampled_from([nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.PReLU]))
    layer: torch.nn.Module = kind(1, channels) if kind is nn.GroupNorm else kind(channels)
    return layer


IMAGE: list[_Maker] = [
    _conv, _conv, _transposed, _max_pool, _avg_pool, _upsample, _activation, _normalization,
    _pad(nn.ZeroPad2d), _pad(nn.ReflectionPad2d),
    lambda draw, _: nn.AdaptiveAvgPool2d(draw(st.sampled_from([1, (2, 3), (None, 2), (1, None)]))),
    lambda draw, _: nn.Flatten(draw(st.sampled_from([1, 1, 1, 1, 2]))),
]  # fmt: skip
FLAT: list[_Maker] = [
    _activation, _normalization,
    lambda draw, shape: nn.Linear(_nearly(draw, shape[-1]), draw(st.integers(1, 4))),
    lambda draw, _: nn.Softmax(dim=draw(st.integers(-3, 3))),
    lambda draw, _: nn.Flatten(),
]  # fmt: skip
SEQUENCE: list[_Maker] = [_conv1d, *FLAT]


@st.composite
def stacks(draw: st.DrawFn, *, long: int = 5) -> Stack:
    first = tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=3)))
    layers: list[torch.nn.Module] = []
    shapes: list[tuple[int, ...]] = []
    # Two images, so that torch cannot take the batch for the channels of one image.
    value = torch.zeros(2, *first)
    for _ in range(draw(st.integers(1, long))):
        makers = {4: IMAGE, 3: SEQUENCE}.get(value.ndim, FLAT)
        # One in ten layers is for inputs with another number of axes.
        others = [*IMAGE, *SEQUENCE]
        maker = draw(st.sampled_from(makers if draw(st.integers(0, 9)) else others))
        layer = maker(draw, tuple(value.shape[1:]))
        layers.append(layer)
        try:
            with torch.no_grad():
                value = layer.eval()(value)
        # torch refuses with errors of many types.
        except Exception:
            break
        # torch makes empty images, which some of its kernels accept and others do not, and pads the
        # batch where there is no image.
        if value.numel() == 0 or len(value) != 2:
            break
        shapes.append(tuple(value.shape[1:]))
    return Stack(layers, first, shapes)


# torch accepts these inputs: it takes images without a channel axis for one image whose channels
# are the batch.
_STRICTER = (
    r"expects (c|\d+) x h x w, but gets \d+( x \d+)?$|expects \d+ x l, but gets \d+$|"
    r"is supported only with its default axes"
)


@cases(shape_table)
@given(stacks())
def test_the_table_has_torchs_shapes_or_refuses_what_torch_refuses(stack: Stack) -> None:
    try:
        table = shape_table(stack.net, stack.shape)
    except ValueError as error:
        message = str(error)
        at = int(message.partition("layer '")[2].partition("'")[0])
        # torch refuses the same layer, or an earlier one is refused here for a known reason.
        assert at <= len(stack.shapes)
        if at < len(stack.shapes):
            with pytest.raises(ValueError, match=_STRICTER):
                raise
        return
    assert stack.fits
    assert [row.output_shape for row in table.rows] == stack.shapes


@cases(cost_table, count_parameters, parameter_table)
@given(stacks())
def test_costs_are_those_of_torchs_counter(stack: Stack) -> None:
    fitting = stack.layers[: len(stack.shapes)]
    net = torch.nn.Sequential(*fitting).eval()
    # GroupNorm does not accept one image if that has a single number.
    single = any(math.prod(shape) == 1 for shape in stack.shapes)
    assume(fitting and not (single and any(isinstance(one, nn.GroupNorm) for one in fitting)))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, *stack.shape))
    for known, prefix in ((net, ""), (Own(net), "net.")):
        table = cost_table(known, stack.shape)
        assert 2 * table.macs == counter.get_total_flops()
        assert [row.name for row in table.rows] == [f"{prefix}{i}" for i in range(len(fitting))]
        assert [row.output_shape for row in table.rows] == stack.shapes
        assert not any(row.counted_by_torch for row in table.rows)
        assert table.parameters == count_parameters(net) == parameter_table(net).total
        for row in table.rows:
            assert eval(row.mac_formula) == row.macs
            assert eval(row.parameter_formula) == row.parameters


@st.composite
def monotone(draw: st.DrawFn) -> torch.nn.Sequential:
    """Draw a network that gives 0 for 0, and more for each pixel that an output depends on."""
    layers: list[torch.nn.Module] = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["conv", "max", "avg", "pad", "elementwise"]))
        kernel, stride = _size(draw, 1, 3), _size(draw, 1, 2)
        half = min(kernel if isinstance(kernel, tuple) else (kernel,)) // 2
        padding, gap, ceil_mode = draw(st.integers(0, half)), _size(draw, 1, 2), draw(st.booleans())
        if kind == "conv":
            border: Any = draw(st.sampled_from([padding, 2, "same"]))
            step = 1 if border == "same" else stride
            conv = nn.Conv2d(1, 1, kernel, step, border, gap, bias=False)
            nn.init.ones_(conv.weight)
            layers.append(conv)
        elif kind == "max":
            # With dilation and padding a window may have no pixel, and minus infinity is not 0.
            gap = 1 if padding else gap
            layers.append(nn.MaxPool2d(kernel, stride, padding, gap, ceil_mode=ceil_mode))
        elif kind == "avg":
            layers.append(nn.AvgPool2d(kernel, stride, padding, ceil_mode=ceil_mode))
        elif kind == "pad":
            sides: Any = tuple(draw(st.integers(0, 2)) for _ in range(4))
            layers.append(nn.ZeroPad2d(sides))
        else:
            kinds: Any = [nn.ReLU, nn.ReLU6, nn.PReLU, nn.ELU, nn.GELU, nn.Mish, nn.Hardswish]
            kinds += [nn.Dropout, nn.Dropout2d, lambda: nn.BatchNorm2d(1)]
            layers.append(draw(st.sampled_from(kinds))())
    return nn.Sequential(*layers).double().eval()


@cases(receptive_field)
@given(monotone(), st.integers(0, 10**6))
def test_an_output_changes_with_the_pixels_of_its_field_only(
    net: torch.nn.Sequential, seed: int
) -> None:
    height, width = 13, 12
    # As many images as pixels, each with one white pixel.
    images = torch.eye(height * width, dtype=torch.float64).reshape(-1, 1, height, width)
    try:
        with torch.no_grad():
            outputs = net(images)[:, 0]
    except RuntimeError:  # A kernel is larger than its input.
        assume(False)
    generator = torch.Generator().manual_seed(seed)
    row, column = (int(torch.randint(size, (), generator=generator)) for size in outputs.shape[1:])
    seen = (outputs[:, row, column] != 0).reshape(height, width).nonzero()
    for axis, pixels in enumerate(receptive_field(net).pixels(row, column)):
        # Dilation and large strides leave holes, and the ends may be padding.
        assert set(seen[:, axis].tolist()) <= set(pixels)
        inside = range((height, width)[axis])
        if len(seen) and pixels[0] in inside:
            assert int(seen[:, axis].min()) == pixels[0]
        if len(seen) and pixels[-1] in inside:
            assert int(seen[:, axis].max()) == pixels[-1]
