"""Parameters, multiplications and activations of a network, each with its formula."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from cnnbook._calls import Call, Unit, computing_units, record_calls
from cnnbook._checks import check_bool, check_int, check_net, summarize
from cnnbook._layers import unknown_computation
from cnnbook._tables import html_table, text_table

__all__ = [
    "CostTable",
    "CountsMacs",
    "LayerCost",
    "ParameterRow",
    "ParameterTable",
    "cost_table",
    "count_parameters",
    "parameter_table",
]

_Conv = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
_ConvTranspose = (torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d)
# Layers with parameters but without sums of products; torch.utils.flop_counter counts none either.
_Elementwise = (
    torch.nn.modules.batchnorm._NormBase,
    torch.nn.LayerNorm,
    torch.nn.GroupNorm,
    torch.nn.PReLU,
    torch.nn.Embedding,
)

# Numbers in the largest image that is passed through a network: 400 MB in float32.
_MAXIMUM_NUMBERS = 10**8


@runtime_checkable
class CountsMacs(Protocol):
    """A layer that counts its own multiply-accumulate operations for ``cost_table``.

    ``cost_table`` knows torch's own layers, and takes torch's figure for matrix products in others.
    A layer with parameters in which torch counts none, as in the one below, needs this method, and
    every other may have it.

    Examples:
        >>> import torch
        >>> from cnnbook.counting import CountsMacs, cost_table
        >>> class Scale(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = torch.nn.Parameter(torch.ones(1))
        ...
        ...     def forward(self, x):
        ...         return x * self.factor
        ...
        ...     def count_macs(self, input_shape, output_shape):
        ...         return output_shape[0], str(output_shape[0])
        >>> isinstance(Scale(), CountsMacs), isinstance(torch.nn.ReLU(), CountsMacs)
        (True, False)
        >>> cost_table(Scale(), (5,)).macs
        5
    """

    def count_macs(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> tuple[int, str]:
        """Return the MACs of one call for one image, and their formula.

        Args:
            input_shape: Shape of the input, without the batch axis.
            output_shape: Shape of the output, without the batch axis.

        Returns:
            The number, and a product or sum of integers in Python's notation, such as
            ``"10*10 * 60*5*5"``.
        """


def count_parameters(net: torch.nn.Module, *, trainable_only: bool = False) -> int:
    """Count a network's parameters, shared ones once.

    Args:
        net: The network.
        trainable_only: Leave out frozen parameters (``requires_grad=False``).

    Returns:
        The number of scalar weights and biases.

    Raises:
        TypeError: A lazy layer has no sizes yet.

    Examples:
        >>> import torch
        >>> from cnnbook.counting import count_parameters
        >>> count_parameters(torch.nn.Conv2d(1, 16, 2))
        80
        >>> 16*1*2*2 + 16
        80

        A layer without weights counts 0, and a layer that is used twice counts once.

        >>> count_parameters(torch.nn.ReLU())
        0
        >>> layer = torch.nn.Linear(3, 3)
        >>> count_parameters(torch.nn.Sequential(layer, torch.nn.ReLU(), layer))
        12
        >>> count_parameters("net")
        Traceback (most recent call last):
            ...
        TypeError: net: expected a torch.nn.Module, got str
    """
    check_net(net)
    check_bool(trainable_only, name="trainable_only")
    return sum(
        parameter.numel()
        for parameter in net.parameters()
        if parameter.requires_grad or not trainable_only
    )


def _notes(parameters: int, frozen: int, buffers: int) -> list[str]:
    """Return the lines below a total: how many parameters are frozen, how many are buffers."""
    return [
        *([f"frozen (not trained): {frozen:,} of {parameters:,}"] if frozen else []),
        *([f"buffers (not trained): {buffers:,}"] if buffers else []),
    ]


@dataclass(frozen=True)
class ParameterRow:
    """One parameter tensor of a network.

    Attributes:
        name: Its name in ``net.named_parameters()``.
        shape: Its shape.
        count: Number of its elements.
        trainable: Whether training changes it (``requires_grad``).

    Examples:
        >>> from cnnbook.counting import ParameterRow
        >>> ParameterRow("0.weight", (16, 1, 2, 2), 64, True).formula
        '16*1*2*2'
    """

    name: str
    shape: tuple[int, ...]
    count: int
    trainable: bool

    @property
    def formula(self) -> str:
        """The product of the shape, such as ``16*1*2*2``."""
        return "*".join(map(str, self.shape)) or "1"


@dataclass(frozen=True)
class ParameterTable:
    """Every parameter tensor of a network, for ``print``.

    Attributes:
        rows: One for each tensor, in the network's order; shared ones once.
        buffers: Elements of all buffers, such as running means, which are not trained.

    Examples:
        >>> import torch
        >>> from cnnbook.counting import parameter_table
        >>> table = parameter_table(torch.nn.Linear(3, 2))
        >>> table.total, table.formula
        (8, '2*3 + 2')
    """

    rows: tuple[ParameterRow, ...]
    buffers: int = 0

    @property
    def total(self) -> int:
        """The number of parameters in all tensors."""
        return sum(row.count for row in self.rows)

    @property
    def frozen(self) -> int:
        """How many of them training does not change (``requires_grad=False``)."""
        return sum(row.count for row in self.rows if not row.trainable)

    @property
    def formula(self) -> str:
        """The sum that gives the total, one product for each tensor."""
        return " + ".join(row.formula for row in self.rows) or "0"

    def _cells(self) -> tuple[list[str], list[list[str]], list[str]]:
        rows = [
            [
                row.name + ("" if row.trainable else " (frozen)"),
                str(row.shape),
                row.formula,
                f"{row.count:,}",
            ]
            for row in self.rows
        ]
        return (
            ["parameter", "shape", "formula", "count"],
            rows,
            ["total", "", "", f"{self.total:,}"],
        )

    def __str__(self) -> str:
        """Return the table as text."""
        return "\n".join(
            [
                text_table(*self._cells(), right=["count"]),
                *_notes(self.total, self.frozen, self.buffers),
            ]
        )

    def _repr_html_(self) -> str:
        caption = "; ".join(["Parameters", *_notes(self.total, self.frozen, self.buffers)])
        return html_table(caption, *self._cells())


def parameter_table(net: torch.nn.Module) -> ParameterTable:
    """List every parameter tensor of a network with shape and count.

    Args:
        net: The network.

    Returns:
        The table; ``print()`` shows it, and a notebook renders it.

    Raises:
        TypeError: A lazy layer has no sizes yet.

    Examples:
        >>> import torch
        >>> from cnnbook.counting import parameter_table
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU())
        >>> print(parameter_table(net))
        parameter  shape         formula  count
        ---------------------------------------
        0.weight   (4, 1, 3, 3)  4*1*3*3     36
        0.bias     (4,)          4            4
        ---------------------------------------
        total                                40
        >>> parameter_table(torch.nn.ReLU()).total
        0

        Frozen parameters and buffers are listed below the total.

        >>> print(parameter_table(torch.nn.BatchNorm2d(3).requires_grad_(False)))
        parameter        shape  formula  count
        --------------------------------------
        weight (frozen)  (3,)   3            3
        bias (frozen)    (3,)   3            3
        --------------------------------------
        total                                6
        frozen (not trained): 6 of 6
        buffers (not trained): 7
        >>> parameter_table(None)
        Traceback (most recent call last):
            ...
        TypeError: net: expected a torch.nn.Module, got NoneType
    """
    check_net(net)
    rows = tuple(
        ParameterRow(name, tuple(parameter.shape), parameter.numel(), parameter.requires_grad)
        for name, parameter in net.named_parameters()
    )
    return ParameterTable(rows, sum(buffer.numel() for buffer in net.buffers()))


@dataclass(frozen=True)
class LayerCost:
    """The cost of one layer for one image.

    Attributes:
        name: Its name in ``net.named_modules()``.
        kind: Its class, such as ``Conv2d``.
        output_shape: Shape of its output for one image, without the batch axis; empty if the layer
            was not called.
        parameters: Its own parameters that no earlier row has counted.
        parameter_formula: Their sum, such as ``16*1*2*2 + 16``.
        macs: Multiply-accumulate operations: one product and its addition.
        mac_formula: Output elements times the products in each, such as ``16*27*27 * 1*2*2``.
        activations: Elements of its output.
        activation_formula: Their product, such as ``16*27*27``.
        frozen: How many of ``parameters`` training does not change (``requires_grad=False``).
        buffers: Elements of its own buffers that no earlier row has counted.
        counted_by_torch: Whether ``macs`` is the figure of torch.utils.flop_counter, because the
            layer is none of torch's with a formula, or does not compute what its class does.

    Examples:
        >>> from cnnbook.counting import LayerCost
        >>> LayerCost("1", "ReLU", (16, 27, 27), 0, "0", 0, "0", 11664, "16*27*27").kind
        'ReLU'
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    parameter_formula: str
    macs: int
    mac_formula: str
    activations: int
    activation_formula: str
    frozen: int = 0
    buffers: int = 0
    counted_by_torch: bool = False


def _sum(formulas: Sequence[str]) -> str:
    """Return the sum of those formulas that are not zero."""
    return " + ".join(formula for formula in formulas if formula != "0") or "0"


@dataclass(frozen=True)
class CostTable:
    """The cost of every layer of a network for one image, for ``print``.

    Attributes:
        rows: One for each layer, in the order of ``net.named_modules()``.
        input_shape: Shape of one image.

    Examples:
        >>> import torch
        >>> from cnnbook.counting import cost_table
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
        >>> table = cost_table(net, (1, 2, 2))
        >>> table.macs, table.mac_formula
        (8, '2*4')
        >>> table.parameters, table.parameter_formula
        (10, '2*4 + 2')
        >>> table.activations, table.activation_formula
        (6, '4 + 2')
    """

    rows: tuple[LayerCost, ...]
    input_shape: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """All parameters, shared ones once."""
        return sum(row.parameters for row in self.rows)

    @property
    def parameter_formula(self) -> str:
        """The sum that gives ``parameters``."""
        return _sum([row.parameter_formula for row in self.rows])

    @property
    def frozen(self) -> int:
        """How many of ``parameters`` training does not change (``requires_grad=False``)."""
        return sum(row.frozen for row in self.rows)

    @property
    def buffers(self) -> int:
        """Elements of all buffers, such as running means; shared ones once."""
        return sum(row.buffers for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations for one image."""
        return sum(row.macs for row in self.rows)

    @property
    def mac_formula(self) -> str:
        """The sum that gives ``macs``."""
        return _sum([row.mac_formula for row in self.rows])

    @property
    def activations(self) -> int:
        """Elements of all layers' outputs, including layers that only reshape, such as Flatten."""
        return sum(row.activations for row in self.rows)

    @property
    def activation_formula(self) -> str:
        """The sum that gives ``activations``."""
        return _sum([row.activation_formula for row in self.rows])

    @property
    def hidden_activations(self) -> int:
        """Outputs of the layers that multiply, except for the last, which returns the scores."""
        multiplying = [row for row in self.rows if row.macs]
        # A network that multiplies outside its layers has a row of its own, the first, for scores.
        own = multiplying and not multiplying[0].name
        return sum(row.activations for row in (multiplying[1:] if own else multiplying[:-1]))

    def _notes(self) -> list[str]:
        by_torch = [f"{row.name} {row.kind}".strip() for row in self.rows if row.counted_by_torch]
        return [
            *_notes(self.parameters, self.frozen, self.buffers),
            *(
                [f"without a formula, counted by torch.utils.flop_counter: {', '.join(by_torch)}"]
                if by_torch
                else []
            ),
        ]

    def _cells(self) -> tuple[list[str], list[list[str]], list[str]]:
        header = ["layer", "parameters", "count", "MACs", "count", "activations", "count"]
        rows = []
        for row in self.rows:
            mark = ""
            if row.frozen:
                mark = " (frozen)" if row.frozen == row.parameters else " (partly frozen)"
            rows.append(
                [
                    f"{row.name} {row.kind}{mark}".strip(),
                    row.parameter_formula if row.parameters else "",
                    f"{row.parameters:,}",
                    row.mac_formula if row.macs else "",
                    f"{row.macs:,}",
                    row.activation_formula if row.activations else "not used",
                    f"{row.activations:,}",
                ]
            )
        total = ["total", "", f"{self.parameters:,}", "", f"{self.macs:,}"]
        return header, rows, [*total, "", f"{self.activations:,}"]

    def __str__(self) -> str:
        """Return the table as text."""
        return "\n".join(
            [
                text_table(*self._cells(), right=["count"]),
                *self._notes(),
            ]
        )

    def _repr_html_(self) -> str:
        caption = f"Cost for one image {' x '.join(map(str, self.input_shape))}"
        return html_table("; ".join([caption, *self._notes()]), *self._cells())


def _product(numbers: Sequence[int]) -> str:
    return "*".join(map(str, numbers)) or "1"


def _macs(
    layer: torch.nn.Module, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
) -> tuple[int, str]:
    """Return the MACs of one call of a layer, shapes without the batch axis, and their formula."""
    count, formula = math.prod(output_shape), _product(output_shape)
    if isinstance(layer, _Conv):
        per_output = (layer.in_channels // layer.groups, *layer.kernel_size)
        return count * math.prod(per_output), f"{formula} * {_product(per_output)}"
    if isinstance(layer, _ConvTranspose):
        # Each input element is multiplied by every weight of its kernels.
        per_input = (layer.out_channels // layer.groups, *layer.kernel_size)
        return (
            math.prod(input_shape) * math.prod(per_input),
            f"{_product(input_shape)} * {_product(per_input)}",
        )
    if isinstance(layer, torch.nn.Linear):
        return count * layer.in_features, f"{formula}*{layer.in_features}"
    return 0, "0"


def cost_table(net: torch.nn.Module, input_shape: tuple[int, ...]) -> CostTable:
    """Count parameters, multiplications and activations of each layer for one image.

    A multiply-accumulate operation (MAC) is one product with its addition; additions of biases,
    comparisons and normalization are not counted, as is usual. An image of zeros is passed through
    the network in evaluation mode; the network is left as it was.

    Convolutions, ``Linear`` and normalization have a formula, and a module with ``count_macs``
    counts for itself: see ``CountsMacs``. Every other module that multiplies, such as a network
    with ``torch.matmul`` in its own ``forward``, gets the figure of torch.utils.flop_counter, and
    the table says so. So does a layer that computes more or less than its class. Of several tensors
    that a layer returns, the first is its output.

    Args:
        net: The network.
        input_shape: Shape of one image ``(c, h, w)``, without the batch axis; at most
            100,000,000 numbers.

    Returns:
        The table; ``print()`` shows it, and a notebook renders it.

    Raises:
        ValueError: Neither a formula nor torch counts the products of a layer with parameters, or
            one computes without being called, or the network does not accept images of that shape.

    Examples:
        >>> import torch
        >>> from cnnbook.counting import cost_table
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 2), torch.nn.MaxPool2d(2))
        >>> print(cost_table(net, (1, 5, 5)))
        layer        parameters   count  MACs           count  activations  count
        -------------------------------------------------------------------------
        0 Conv2d     2*1*2*2 + 2     10  2*4*4 * 1*2*2    128  2*4*4           32
        1 MaxPool2d                   0                     0  2*2*2            8
        -------------------------------------------------------------------------
        total                        10                   128                  40
        >>> cost_table(torch.nn.Linear(3, 2), (3,)).macs
        6
        >>> cost_table(net, (1, 1, 1))
        Traceback (most recent call last):
            ...
        ValueError: input_shape: expected one that the network takes, got (1, 1, 1): Calculated \
padded input size per channel: (1 x 1). Kernel size: (2 x 2). Kernel size can't be greater than \
actual input size

    Source:
        Sze, Chen, Yang and Emer (2017), Efficient processing of deep neural networks, section II;
        torch.utils.flop_counter counts two FLOPs for each MAC.
    """
    check_net(net)
    if not isinstance(input_shape, (tuple, list)) or not input_shape:
        raise TypeError(f"input_shape: expected (c, h, w), got {summarize(input_shape)}")
    shape = tuple(check_int(size, name="input_shape", minimum=1) for size in input_shape)
    if math.prod(shape) > _MAXIMUM_NUMBERS:
        raise ValueError(
            f"input_shape: expected at most {_MAXIMUM_NUMBERS:,} numbers, got {shape}, which is "
            f"{math.prod(shape):,}"
        )
    units = computing_units(net)
    known = all(_is_known(unit) for unit in units.values())
    recorded = record_calls(net, units, shape, count=not known)

    counted: set[int] = set()
    rows = []
    for name, unit in units.items():
        calls = recorded[name]
        multiplies = isinstance(unit.module, CountsMacs) or any(call.macs for call in calls)
        if not (unit.is_leaf or multiplies or unit.parameters or unit.buffers):
            continue
        own = [p for p in unit.parameters if id(p) not in counted]
        buffers = [b for b in unit.buffers if id(b) not in counted]
        counted.update(id(tensor) for tensor in (*own, *buffers))
        costs = [_call_cost(name, unit, call) for call in calls]
        outputs = [call.output_shape for call in calls if call.output_shape is not None]
        rows.append(
            LayerCost(
                name=name,
                kind=type(unit.module).__name__,
                output_shape=outputs[-1] if outputs else (),
                parameters=sum(parameter.numel() for parameter in own),
                parameter_formula=_sum([_product(parameter.shape) for parameter in own]),
                macs=sum(macs for macs, _, _ in costs),
                mac_formula=_sum([formula for _, formula, _ in costs]),
                activations=sum(math.prod(out) for out in outputs),
                activation_formula=_sum([_product(out) for out in outputs]),
                frozen=sum(p.numel() for p in own if not p.requires_grad),
                buffers=sum(buffer.numel() for buffer in buffers),
                counted_by_torch=any(by_torch for _, _, by_torch in costs),
            )
        )
    return CostTable(tuple(rows), shape)


def _has_formula(layer: torch.nn.Module) -> bool:
    return isinstance(layer, (*_Conv, *_ConvTranspose, torch.nn.Linear, *_Elementwise))


def _is_known(unit: Unit) -> bool:
    """Return whether a module surely runs and multiplies by its formula, or not at all."""
    layer = unit.module
    if not type(layer).__module__.startswith("torch.nn.modules.") or unknown_computation(layer):
        return False
    without_products = unit.is_leaf and not unit.parameters
    return isinstance(layer, torch.nn.Sequential) or _has_formula(layer) or without_products


def _call_cost(name: str, unit: Unit, call: Call) -> tuple[int, str, bool]:
    """Return the MACs of one call, their formula, and whether torch counted them instead."""
    layer = unit.module
    if call.output_shape is None:
        raise ValueError(
            f"net: expected layers that return a tensor, or a tuple, list or dict with tensors, "
            f"but {name!r} ({type(layer).__name__}) returns none"
        )
    if isinstance(layer, CountsMacs):
        return *layer.count_macs(call.input_shape, call.output_shape), False
    macs, formula = _macs(layer, call.input_shape, call.output_shape)
    if call.macs is None or (macs == call.macs and (_has_formula(layer) or not unit.parameters)):
        return macs, formula, False
    if call.macs == 0:
        raise ValueError(
            f"net: expected convolutions, Linear or normalization, got {name!r} "
            f"({type(layer).__name__}), whose multiplications are unknown, since "
            "torch.utils.flop_counter counts none; give it a method count_macs, see CountsMacs, or "
            "use count_parameters or parameter_table, which accept any network"
        )
    # The layer is none of torch's with a formula, or it computes more or less than its class.
    return call.macs, str(call.macs), True
