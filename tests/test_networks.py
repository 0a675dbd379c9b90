"""The lecture's networks and their costs, against torch's own counter."""

import copy
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cnnbook.counting import CostTable, cost_table, count_parameters, parameter_table
from cnnbook.networks import mlp, modes_kept, small_cnn


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


@pytest.mark.parametrize("make", [mlp, small_cnn])
def test_other_sizes(make: Any) -> None:
    net = make(image_shape=(3, 9, 6), classes=4)
    assert net(torch.zeros(2, 3, 9, 6)).shape == (2, 4)


@pytest.mark.parametrize("make", [mlp, small_cnn])
@pytest.mark.parametrize(
    ("knob", "bad", "kind"),
    [
        ("image_shape", (28, 28), TypeError),
        ("image_shape", 28, TypeError),
        ("image_shape", (1, 28.0, 28), TypeError),
        ("image_shape", (1, 0, 28), ValueError),
        ("classes", 0, ValueError),
        ("classes", 2.5, TypeError),
        ("classes", True, TypeError),
    ],
)
def test_bad_sizes(make: Any, knob: str, bad: object, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"^{knob}: expected "):
        make(**{knob: bad})


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
    "batch norm": (
        torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4)),
        (1, 5, 5),
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_macs_are_half_of_torchs_flops_and_formulas_give_the_counts(name: str) -> None:
    net, shape = NETS[name]
    table = cost_table(net, shape)
    with FlopCounterMode(display=False) as counter, modes_kept(net, training=False):
        net(torch.zeros(1, *shape))
    assert 2 * table.macs == counter.get_total_flops()
    assert table.parameters == count_parameters(net) == parameter_table(net).total
    for row in table.rows:
        assert eval(row.parameter_formula) == row.parameters
        assert eval(row.mac_formula) == row.macs


def test_shared_frozen_and_kept_numbers() -> None:
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
    # The shared layer's weights are stored once and used twice.
    costs = cost_table(net, (3,))
    assert costs.parameters == 26
    assert costs.macs == 9 + 9 + 6


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


@pytest.mark.parametrize("bad", [None, 28, (), "abc", (1, 28.0, 28), (0, 1), [True]])
def test_bad_input_shapes(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^input_shape: expected "):
        cost_table(small_cnn(), bad)


def test_a_lazy_network_and_an_unused_layer() -> None:
    with pytest.raises(TypeError, match=r"lazy parameter '0.weight'"):
        count_parameters(torch.nn.Sequential(torch.nn.LazyLinear(3)))

    class Half(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.as_tensor(self.used(x))

    table: CostTable = cost_table(Half(), (2,))
    assert [row.macs for row in table.rows] == [4, 0]
    assert "not used" in str(table)
