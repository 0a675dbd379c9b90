"""Parameters, multiplications and activations, against arithmetic and torch's own counter."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cnnbook.counting import (
    CostTable,
    CountsMacs,
    cost_table,
    count_parameters,
    parameter_table,
)
from cnnbook.lenet import lenet5
from cnnbook.networks import matched_mlp, mlp, preserve_mode, small_cnn


def test_counts_of_the_lecture() -> None:
    desperate, sloppy = cost_table(mlp(), (1, 28, 28)), cost_table(small_cnn(), (1, 28, 28))
    assert desperate.parameter_formula == "2048*784 + 2048 + 10*2048 + 10"
    assert sloppy.parameter_formula == "16*1*2*2 + 16 + 10*2704 + 10"
    assert (desperate.parameters, sloppy.parameters) == (1_628_170, 27_130)
    assert (desperate.macs, sloppy.macs) == (1_626_112, 73_696)
    assert (desperate.hidden_activations, sloppy.hidden_activations) == (2_048, 11_664)


NETS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "mlp": (mlp(), (1, 28, 28)),
    "small cnn": (small_cnn(), (1, 28, 28)),
    "groups, stride, no bias": (
        torch.nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2, bias=False),
        (4, 11, 9),
    ),
    "one dimension": (torch.nn.Conv1d(2, 3, 4), (2, 9)),
    "three dimensions": (torch.nn.Conv3d(1, 2, 2), (1, 4, 4, 4)),
    "transposed": (torch.nn.ConvTranspose2d(3, 4, 3, 2, groups=1), (3, 5, 5)),
    "linear on a sequence": (torch.nn.Linear(5, 7), (6, 5)),
    "lenet5": (lenet5(), (1, 28, 28)),
    "lenet5 of odd images": (lenet5(image_shape=(3, 33, 17), classes=7), (3, 33, 17)),
    "matched mlp": (matched_mlp(27_130), (1, 28, 28)),
    "batch norm": (
        torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4)),
        (1, 5, 5),
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_macs_are_half_of_torchs_flops_and_formulas_give_the_counts(name: str) -> None:
    net, shape = NETS[name]
    table = cost_table(net, shape)
    with FlopCounterMode(display=False) as counter, preserve_mode(net, training=False):
        net(torch.zeros(1, *shape))
    assert 2 * table.macs == counter.get_total_flops()
    assert table.parameters == count_parameters(net) == parameter_table(net).total
    for row in table.rows:
        assert eval(row.parameter_formula) == row.parameters
        assert eval(row.mac_formula) == row.macs


def _random_convolutions(count: int) -> Iterator[tuple[torch.nn.Module, tuple[int, ...]]]:
    """Draw convolutions with every option, and shapes of images for them."""
    generator = torch.Generator().manual_seed(0)

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    for number in range(count):
        groups = draw(1, 3)
        channels = (groups * draw(1, 3), groups * draw(1, 3))
        kernel, stride, dilation = ((draw(1, 3), draw(1, 3)) for _ in range(3))
        padding = (draw(0, 2), draw(0, 2))
        bias = bool(draw(0, 1))
        size = (draw(7, 11), draw(7, 11))
        if number % 2:
            # torch requires it to be smaller than the stride or the dilation.
            extra = (draw(0, max(stride[0], dilation[0]) - 1), draw(0, stride[1] - 1))
            yield (
                torch.nn.ConvTranspose2d(
                    *channels, kernel, stride, padding, extra, groups, bias, dilation
                ),
                (channels[0], *size),
            )
        else:
            yield (
                torch.nn.Conv2d(*channels, kernel, stride, padding, dilation, groups, bias),
                (channels[0], *size),
            )


def test_a_random_sample_of_convolutions_agrees_with_torchs_counter() -> None:
    kinds = set()
    for net, shape in _random_convolutions(120):
        table = cost_table(net, shape)
        with FlopCounterMode(display=False) as counter:
            out = net(torch.zeros(1, *shape))
        assert 2 * table.macs == counter.get_total_flops(), net
        assert eval(table.mac_formula) == table.macs
        assert eval(table.parameter_formula) == table.parameters == count_parameters(net)
        assert eval(table.activation_formula) == table.activations == out.numel()
        assert table.rows[0].output_shape == tuple(out.shape[1:])
        kinds.add((type(net).__name__, getattr(net, "groups", 0)))
    assert len(kinds) == 6


def test_lenet5_of_1998_counts_for_itself() -> None:
    table = cost_table(lenet5("1998"), (1, 28, 28))
    macs = {row.name: (row.macs, row.mac_formula) for row in table.rows if row.macs}
    assert macs == {
        "C1": (117_600, "6*28*28 * 1*5*5"),
        "S2": (1_176, "6*14*14"),
        "C3": (150_000, "10*10 * 60*5*5"),
        "S4": (400, "16*5*5"),
        "C5": (48_000, "120*1*1 * 16*5*5"),
        "F6": (10_080, "84*120"),
        "output": (840, "10*84"),
    }
    assert table.macs == 117_600 + 1_176 + 150_000 + 400 + 48_000 + 10_080 + 840 == 328_096
    assert table.parameters == 60_000 == eval(table.parameter_formula)
    assert eval(table.mac_formula) == table.macs
    assert eval(table.activation_formula) == table.activations
    # The codes, and the indices of the 60 kernels.
    assert table.buffers == 10 * 84 + 60
    # torch counts the full convolution of C3, with 16 * 6 kernels.
    with FlopCounterMode(display=False) as counter:
        lenet5("1998")(torch.zeros(1, 1, 28, 28))
    own = 1_176 + 400 + 840
    assert counter.get_total_flops() == 2 * (table.macs - own + (16 * 6 - 60) * 25 * 10 * 10)


def test_a_custom_layer_counts_for_itself() -> None:
    class Outer(torch.nn.Module):
        """Every product of two inputs; a container that needs a row for its own products."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Linear(3, 2)
            self.factor = torch.nn.Parameter(torch.ones(2, 2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.inner(x)
            return torch.as_tensor(y[:, :, None] * y[:, None] * self.factor)

        def count_macs(
            self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
        ) -> tuple[int, str]:
            assert (input_shape, output_shape) == ((3,), (2, 2))
            return 2 * 4, "2*2 + 2*2"

    assert isinstance(Outer(), CountsMacs)
    table = cost_table(Outer(), (3,))
    assert [(row.name, row.kind, row.macs) for row in table.rows] == [
        ("", "Outer", 8),
        ("inner", "Linear", 6),
    ]
    assert table.mac_formula == "2*2 + 2*2 + 2*3"
    assert table.parameters == 4 + 8


def test_shared_parameters_frozen_ones_and_buffers() -> None:
    layer = torch.nn.Linear(3, 3)
    frozen = torch.nn.Linear(3, 2).requires_grad_(False)
    net = torch.nn.Sequential(layer, torch.nn.BatchNorm1d(3), layer, frozen)
    assert count_parameters(net) == 12 + 6 + 8
    assert count_parameters(net, trainable_only=True) == 12 + 6
    table = parameter_table(net)
    assert table.total == 26
    assert table.buffers == 3 + 3 + 1
    assert "3.weight (frozen)" in str(table)
    assert "buffers (not trained): 7" in str(table)
    # The shared layer's weights count once, its multiplications twice.
    costs = cost_table(net, (3,))
    assert costs.parameters == 26
    assert costs.macs == 9 + 9 + 6
    assert costs.mac_formula == "3*3 + 3*3 + 2*3"
    assert (costs.frozen, table.frozen) == (8, 8)
    assert costs.buffers == table.buffers == 7
    for text in (str(costs), str(table), costs._repr_html_(), table._repr_html_()):
        assert "frozen (not trained): 8 of 26" in text
        assert "buffers (not trained): 7" in text
        assert text.count("(frozen)") == (1 if "Linear" in text else 2)
    # Tables without frozen parameters and buffers do not mention them.
    for text in (str(cost_table(layer, (3,))), parameter_table(layer)._repr_html_()):
        assert "frozen" not in text
        assert "buffers" not in text


def test_partly_frozen_and_tied_weights() -> None:
    first, second = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
    second.weight = first.weight
    first.bias.requires_grad_(False)
    table = cost_table(torch.nn.Sequential(first, second), (3,))
    assert [row.parameters for row in table.rows] == [9 + 3, 3]
    assert [row.parameter_formula for row in table.rows] == ["3*3 + 3", "3"]
    assert (table.parameters, table.frozen, table.macs) == (15, 3, 18)
    assert "0 Linear (partly frozen)" in str(table)
    assert count_parameters(torch.nn.Sequential(first, second), trainable_only=True) == 12


def test_shared_buffers_and_those_of_a_container_count_once() -> None:
    class Scaled(torch.nn.Module):
        factor: torch.Tensor

        def __init__(self, factor: torch.Tensor) -> None:
            super().__init__()
            self.register_buffer("factor", factor)
            self.inner = torch.nn.Linear(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.as_tensor(self.inner(x) * self.factor)

    factor = torch.ones(2)
    table = cost_table(torch.nn.Sequential(Scaled(factor), Scaled(factor)), (2,))
    assert table.buffers == parameter_table(torch.nn.ModuleList([Scaled(factor)])).buffers == 2
    assert [(row.name, row.buffers) for row in table.rows] == [
        ("0", 2), ("0.inner", 0), ("1", 0), ("1.inner", 0),
    ]  # fmt: skip


def test_keyword_arguments_and_inputs_without_a_batch_axis() -> None:
    class Steps(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(5, 7)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            # (1, 6, 5) to (6, 5), which has no batch axis.
            return torch.as_tensor(self.linear(input=x[0])[None])

    table = cost_table(Steps(), (6, 5))
    assert table.rows[0].mac_formula == "6*7*5"
    assert table.macs == 6 * 7 * 5


def test_counting_changes_nothing() -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 2), torch.nn.BatchNorm2d(2), torch.nn.Dropout())
    net[2].eval()
    before, state = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    cost_table(net, (1, 3, 3))
    assert [module.training for module in net.modules()] == [True, True, True, False]
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert not any(module._forward_hooks for module in net.modules())


def test_tables_are_rendered_with_headings_for_every_row_and_column() -> None:
    for table in (parameter_table(small_cnn()), cost_table(small_cnn(), (1, 28, 28))):
        page = table._repr_html_()
        assert page.count('scope="row"') == page.count("<tr>") - 1
        assert "27,130" in page
        assert "<caption>" in page


def test_a_layer_whose_multiplications_are_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got '0' \(LSTM\)"):
        cost_table(torch.nn.Sequential(torch.nn.LSTM(3, 3)), (2, 3))


@pytest.mark.parametrize("call", [count_parameters, parameter_table])
@pytest.mark.parametrize("bad", [None, 3, "net", torch.zeros(1), torch.nn.ReLU, [torch.nn.ReLU()]])
def test_only_a_network_has_parameters(call: Any, bad: Any) -> None:
    message = r"^net: expected a torch.nn.Module, got \w+$"
    with pytest.raises(TypeError, match=message):
        call(bad)
    with pytest.raises(TypeError, match=message):
        cost_table(bad, (1, 28, 28))


@pytest.mark.parametrize(
    "bad", [None, 28, "28", [], (), torch.ones(3), (1.0, 2.0), (0, 3), (True,)]
)
def test_only_a_tuple_of_sizes_is_an_input_shape(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^input_shape: expected .* got "):
        cost_table(torch.nn.ReLU(), bad)
    assert cost_table(torch.nn.ReLU(), [3]).input_shape == (3,)  # type: ignore[arg-type]


def test_which_parameters_is_true_or_false() -> None:
    for bad in (None, 0, 1, "no"):
        with pytest.raises(TypeError, match=r"^trainable_only: expected True or False, got "):
            count_parameters(mlp(hidden=1), trainable_only=bad)  # type: ignore[arg-type]


def test_an_image_shape_that_the_network_does_not_take_is_named() -> None:
    message = r"^input_shape: expected one that the network takes, got \(1, 3, 3\): .*mat1 and mat2"
    with pytest.raises(ValueError, match=message):
        cost_table(mlp(), (1, 3, 3))


def test_shapes_that_are_too_large_are_refused() -> None:
    message = r"^input_shape: expected at most 100,000,000 numbers, got \(1, 20000, 20000\)"
    with pytest.raises(ValueError, match=message):
        cost_table(torch.nn.ReLU(), (1, 20_000, 20_000))


def test_a_network_whose_error_has_no_message() -> None:
    class Silent(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise AssertionError

    net = Silent()
    with pytest.raises(ValueError, match=r"takes, got \(3,\): AssertionError$"):
        cost_table(net, (3,))
    assert net.training
    assert not net._forward_hooks


def test_a_lazy_network_and_a_layer_that_is_not_called() -> None:
    with pytest.raises(TypeError, match=r"lazy '0.weight'"):
        count_parameters(torch.nn.Sequential(torch.nn.LazyLinear(3)))
    with pytest.raises(TypeError, match=r"lazy 'running_mean'"):
        parameter_table(torch.nn.LazyBatchNorm1d(affine=False))

    class Half(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.as_tensor(self.used(x))

    table: CostTable = cost_table(Half(), (2,))
    assert [row.macs for row in table.rows] == [4, 0]
    assert "not used" in str(table)
