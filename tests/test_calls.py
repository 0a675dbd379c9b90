"""Costs of networks that are no plain Sequential: what runs is counted, and nothing counts as 0."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from small_nets import Own
from torch.utils.flop_counter import FlopCounterMode

from cnnbook._calls import computing_units
from cnnbook.counting import cost_table, count_parameters
from cnnbook.lenet import lenet5
from cnnbook.networks import mlp, small_cnn

nn = torch.nn


def _net() -> torch.nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(8, 3)).eval()


# 2 channels of 2 x 2 windows with 4 products each, then 3 sums of 8 products.
MACS = 2 * 4 * 4 + 3 * 8


def _compiled() -> Iterator[tuple[str, torch.nn.Module]]:
    whole: Any = torch.compile(_net(), backend="eager")
    yield "whole", whole
    in_place = _net()
    in_place.compile(backend="eager")
    yield "in place", in_place
    layer = _net()
    convolution: Any = torch.compile(layer[0], backend="eager")
    layer[0] = convolution
    yield "one layer", layer
    layer = _net()
    layer[0].compile(backend="eager")
    yield "one layer in place", layer


# torch's advice to those who have exactly this version.
@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0")
@pytest.mark.parametrize("how", [name for name, _ in _compiled()])
def test_a_compiled_network_that_has_run(how: str) -> None:
    net = dict(_compiled())[how]
    image = torch.rand(1, 1, 3, 3)
    with torch.no_grad():
        expected = net(image)
        table = cost_table(net, (1, 3, 3))
        assert torch.equal(net(image), expected)
    assert table.macs == MACS
    assert [row.macs for row in table.rows] == [32, 0, 24]
    assert table.activations == 8 + 8 + 3
    assert not any(row.counted_by_torch for row in table.rows)


class _Products(torch.nn.Module):
    """Multiplies by matrices that only a ParameterList holds."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList([torch.ones(2, 3), torch.ones(3, 4)])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        for weight in self.weights:
            images = images @ weight
        return images


class _Counted(_Products):
    def count_macs(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> tuple[int, str]:
        assert (input_shape, output_shape) == ((2,), (4,))
        return 2 * 3 + 3 * 4, "2*3 + 3*4"


def test_a_parameter_list_belongs_to_the_module_that_holds_it() -> None:
    counted = cost_table(nn.Sequential(_Counted()), (2,))
    assert [(row.name, row.mac_formula) for row in counted.rows] == [("0", "2*3 + 3*4")]
    assert counted.parameter_formula == "2*3 + 3*4"
    assert not counted.rows[0].counted_by_torch
    # Without count_macs, the figure is torch's, and the table says so.
    table = cost_table(nn.Sequential(_Products()), (2,))
    assert (table.macs, table.mac_formula) == (2 * 3 + 3 * 4, "18")
    assert table.rows[0].counted_by_torch
    note = "without a formula, counted by torch.utils.flop_counter: 0 _Products"
    assert str(table).splitlines()[-1] == note
    assert note in table._repr_html_()
    assert "flop_counter" not in str(counted)


def test_weight_norm_is_part_of_its_layer() -> None:
    layer = torch.nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    table = cost_table(nn.Sequential(layer, nn.ReLU()), (3,))
    assert [(row.name, row.macs, row.activations) for row in table.rows] == [
        ("0", 6, 2),
        ("1", 0, 2),
    ]
    assert table.rows[0].mac_formula == "2*3"
    assert table.rows[0].parameter_formula == "2 + 2*1 + 2*3"
    assert table.parameters == count_parameters(layer) == 10
    with pytest.warns(FutureWarning, match="weight_norm"):
        old = torch.nn.utils.weight_norm(nn.Linear(3, 2))
    assert cost_table(nn.Sequential(old), (3,)).mac_formula == "2*3"
    # A parametrization that multiplies matrices costs more than its layer's formula.
    table = cost_table(torch.nn.utils.parametrizations.orthogonal(nn.Linear(3, 3)), (3,))
    assert table.macs > 9
    assert table.rows[0].counted_by_torch


class _States(torch.nn.LSTM):
    """Returns a pair, as an LSTM does, and counts for itself."""

    def count_macs(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> tuple[int, str]:
        assert (input_shape, output_shape) == ((2, 3), (2, 4))
        return 2 * 4 * 4 * (3 + 4), "2 * 4*4 * (3 + 4)"


class _Dicts(torch.nn.Linear):
    def forward(self, images: Any) -> Any:
        return {"scores": super().forward(images["image"])}


class _ToDict(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> dict[str, Any]:
        return {"image": images}


def test_layers_that_return_several_tensors() -> None:
    pool = cost_table(nn.MaxPool2d(2, return_indices=True), (1, 4, 4))
    assert (pool.rows[0].output_shape, pool.activations, pool.macs) == ((1, 2, 2), 4, 0)
    states = cost_table(_States(3, 4, batch_first=True), (2, 3))
    assert (states.macs, states.rows[0].output_shape) == (224, (2, 4))
    dicts = cost_table(nn.Sequential(_ToDict(), _Dicts(3, 2)), (3,))
    assert [(row.macs, row.mac_formula, row.activations) for row in dicts.rows] == [
        (0, "0", 3),
        (6, "2*3", 2),
    ]

    class Silent(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> str:
            return str(tuple(images.shape))

    with pytest.raises(
        ValueError, match=r"^net: expected layers that return a tensor.*'' \(Silent"
    ):
        cost_table(Silent(), (3,))


def test_a_recurrent_layer_takes_torchs_figure() -> None:
    table = cost_table(nn.GRU(3, 4, batch_first=True), (2, 3))
    # Two steps, three gates with 4 units each, all of which see 3 inputs and 4 states.
    assert table.macs == 2 * 3 * 4 * (3 + 4)
    assert table.rows[0].counted_by_torch


class _Attention(torch.nn.Module):
    """A network whose own forward multiplies, beside its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.keys, self.values = nn.Linear(4, 2), nn.Linear(4, 5)

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        keys = self.keys(steps)
        return torch.as_tensor((keys @ keys.transpose(1, 2)) @ self.values(steps))


def test_products_outside_of_layers_have_a_row() -> None:
    table = cost_table(_Attention(), (3, 4))
    assert [(row.name, row.macs, row.counted_by_torch) for row in table.rows] == [
        ("", 3 * 3 * 2 + 3 * 5 * 3, True),
        ("keys", 3 * 2 * 4, False),
        ("values", 3 * 5 * 4, False),
    ]
    with FlopCounterMode(display=False) as counter:
        _Attention()(torch.zeros(1, 3, 4))
    assert 2 * table.macs == counter.get_total_flops()
    # The network's own row is that of the scores.
    assert table.hidden_activations == 3 * 2 + 3 * 5
    assert sum(map(eval, table.mac_formula.split(" + "))) == table.macs


class _Twice(torch.nn.Conv2d):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(super().forward(torch.as_tensor(super().forward(images))))


class _Skipped(torch.nn.Linear):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images


def test_a_layer_that_computes_more_or_less_than_its_class() -> None:
    table = cost_table(nn.Sequential(_Twice(1, 1, 2)), (1, 4, 4))
    assert table.macs == 3 * 3 * 4 + 2 * 2 * 4
    assert table.rows[0].counted_by_torch
    with pytest.raises(
        ValueError, match=r"got '0' \(_Skipped\), whose multiplications are unknown"
    ):
        cost_table(nn.Sequential(_Skipped(3, 3)), (3,))
    hooked = _net()
    hooked[2].register_forward_hook(lambda _, __, output: output @ torch.ones(3, 3))
    table = cost_table(hooked, (1, 3, 3))
    assert table.macs == MACS + 3 * 3
    assert [row.counted_by_torch for row in table.rows] == [False, False, True]
    patched = _net()
    patched[0].forward = lambda images: images.expand(-1, 2, -1, -1)[..., 1:, 1:]
    with pytest.raises(ValueError, match=r"got '0' \(Conv2d\), whose multiplications are unknown"):
        cost_table(patched, (1, 3, 3))


class _Calling(torch.nn.Module):
    """Uses its layer in the given way."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.layer, self.unused = how, nn.Linear(3, 2), nn.Linear(9, 9)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.how == "forward":
            return self.layer.forward(images)
        if self.how == "function":
            return nn.functional.linear(images, self.layer.weight, self.layer.bias)
        return torch.as_tensor(self.layer(images))


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_layer_whose_hook_does_not_run_is_an_error_and_not_0(device: str) -> None:
    message = (
        r"^net: expected layers that are called, so that their hooks run, but 'layer' \(Linear\)"
    )
    for how in ("forward", "function"):
        with pytest.raises(ValueError, match=message):
            cost_table(_Calling(how).to(device), (3,))
    table = cost_table(_Calling("call").to(device), (3,))
    assert [(row.name, row.macs) for row in table.rows] == [("layer", 6), ("unused", 0)]
    assert "not used" in str(table)


@pytest.mark.filterwarnings("ignore:`torch.jit.:FutureWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit.:DeprecationWarning")
def test_a_traced_network_is_refused() -> None:
    traced: torch.nn.Module = torch.jit.trace(_net(), torch.zeros(1, 1, 3, 3))  # type: ignore[no-untyped-call]
    with pytest.raises(ValueError, match=r"^net: expected layers that are called.* do not trace"):
        cost_table(traced, (1, 3, 3))


class _Tied(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
        self.decoder.weight = self.encoder.weight

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.encoder(self.encoder(images)))


def test_a_layer_that_shares_its_weight_may_be_unused() -> None:
    table = cost_table(_Tied(), (3,))
    assert [(row.name, row.macs) for row in table.rows] == [("encoder", 18), ("decoder", 0)]


class _Trying(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.large, self.small = nn.Linear(9, 2), nn.Linear(3, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        try:
            return torch.as_tensor(self.large(images))
        except RuntimeError:
            return torch.as_tensor(self.small(images))


def test_a_call_that_ends_with_an_error_counts_nothing() -> None:
    table = cost_table(_Trying(), (3,))
    assert [(row.name, row.macs) for row in table.rows] == [("large", 0), ("small", 6)]


def test_the_units_of_a_network() -> None:
    layer = torch.nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    blocks = nn.ModuleDict({"a": layer, "b": nn.ModuleList([_Products(), layer])})
    blocks.register_buffer("scale", torch.ones(7))

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = blocks

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images

    units = computing_units(Net())
    assert {name: (len(unit.parameters), unit.is_leaf) for name, unit in units.items()} == {
        "": (0, False),
        "blocks.a": (3, True),
        "blocks.b.0": (2, True),
    }
    # What a holder holds belongs to the module around it.
    assert [tuple(buffer.shape) for buffer in units[""].buffers] == [(7,)]


@contextmanager
def _preserved(net: torch.nn.Module) -> Iterator[None]:
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    modes, random = [module.training for module in net.modules()], torch.get_rng_state()
    yield
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())
    assert [module.training for module in net.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)
    hooks = [(*module._forward_hooks, *module._forward_pre_hooks) for module in net.modules()]
    assert not any(hooks)


def test_torchs_counter_changes_nothing_either() -> None:
    net = nn.Sequential(_Twice(1, 1, 2), nn.BatchNorm2d(1), nn.Dropout(), _ToDict())
    net[1].eval()
    with _preserved(net):
        cost_table(net, (1, 4, 4))
    calling = _Calling("call").double()
    with _preserved(calling):
        cost_table(calling, (3,))
    refused = _Calling("forward")
    with _preserved(refused), pytest.raises(ValueError, match="computes without being called"):
        cost_table(refused, (3,))


@pytest.mark.parametrize("make", [small_cnn, mlp, lenet5])
def test_the_books_networks_have_the_same_costs_by_both_ways(make: Any) -> None:
    net = make()
    own, known = cost_table(Own(net), (1, 28, 28)), cost_table(net, (1, 28, 28))
    assert [(row.macs, row.mac_formula, row.activations) for row in own.rows] == [
        (row.macs, row.mac_formula, row.activations) for row in known.rows
    ]


def test_a_network_of_known_layers_does_not_start_torchs_compiler() -> None:
    """Its import takes seconds, which is why such a network is counted by formulas alone."""
    program = (
        "import sys; from cnnbook.counting import cost_table; from cnnbook.networks import *; "
        "print(cost_table(small_cnn(), (1, 28, 28)).macs, 'torch._dynamo' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["73696", "False"]
