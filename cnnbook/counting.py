"""Parameters, multiplications and activations of a network, each with its formula."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from cnnbook._checks import check_bool, check_int, check_net, summarize
from cnnbook._tables import html_table, text_table
from cnnbook.networks import preserve_mode

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

    ``cost_table`` knows torch's own layers. Any other layer with parameters needs this method,
    and a layer without parameters may have it.

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
        return sum([row.activations for row in self.rows if row.macs][:-1])

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
                *_notes(self.parameters, self.frozen, self.buffers),
            ]
        )

    def _repr_html_(self) -> str:
        caption = f"Cost for one image {' x '.join(map(str, self.input_shape))}"
        notes = _notes(self.parameters, self.frozen, self.buffers)
        return html_table("; ".join([caption, *notes]), *self._cells())


# Shapes of input and output, without the batch axis, for each call of a layer.
_Calls = list[tuple[tuple[int, ...], tuple[int, ...]]]


def _product(numbers: Sequence[int]) -> str:
    return "*".join(map(str, numbers)) or "1"


def _macs(
    layer: torch.nn.Module, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
) -> tuple[int, str]:
    """Return the MACs of one call of a layer, shapes without the batch axis, and their formula."""
    # First, so that a subclass of one of torch's layers can count for itself.
    if isinstance(layer, CountsMacs):
        return layer.count_macs(input_shape, output_shape)
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

    Only layers are counted. Products that a network computes in its own ``forward`` with functions
    such as ``torch.matmul`` have no row, unless the network counts them itself: see
    ``CountsMacs``.

    Args:
        net: The network, made of convolutions, ``Linear``, normalization, layers without
            parameters and layers with ``count_macs``.
        input_shape: Shape of one image ``(c, h, w)``, without the batch axis; at most
            100,000,000 numbers.

    Returns:
        The table; ``print()`` shows it, and a notebook renders it.

    Raises:
        ValueError: A layer with parameters is of another class, or the network does not accept
            images of that shape.

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
    layers = {
        name: module
        for name, module in net.named_modules()
        # A container with parameters, buffers or a count_macs of its own gets a row as well.
        if next(module.children(), None) is None
        or isinstance(module, CountsMacs)
        or next(module.parameters(recurse=False), None) is not None
        or next(module.buffers(recurse=False), None) is not None
    }
    for name, layer in layers.items():
        known = (*_Conv, *_ConvTranspose, torch.nn.Linear, *_Elementwise, CountsMacs)
        if next(layer.parameters(recurse=False), None) is not None and not isinstance(layer, known):
            raise ValueError(
                f"net: expected convolutions, Linear or normalization, got {name!r} "
                f"({type(layer).__name__}), whose multiplications are unknown; give it a method "
                "count_macs, see CountsMacs, or use count_parameters or parameter_table, which "
                "accept any network"
            )
    recorded = _record_calls(net, layers, shape)

    counted: set[int] = set()
    rows = []
    for name, layer in layers.items():
        own = [p for p in layer.parameters(recurse=False) if id(p) not in counted]
        buffers = [b for b in layer.buffers(recurse=False) if id(b) not in counted]
        counted.update(id(tensor) for tensor in (*own, *buffers))
        calls = recorded[name]
        costs = [_macs(layer, *shapes) for shapes in calls]
        rows.append(
            LayerCost(
                name=name,
                kind=type(layer).__name__,
                output_shape=calls[-1][1] if calls else (),
                parameters=sum(parameter.numel() for parameter in own),
                parameter_formula=_sum([_product(parameter.shape) for parameter in own]),
                macs=sum(macs for macs, _ in costs),
                mac_formula=_sum([formula for _, formula in costs]),
                activations=sum(math.prod(out) for _, out in calls),
                activation_formula=_sum([_product(out) for _, out in calls]),
                frozen=sum(p.numel() for p in own if not p.requires_grad),
                buffers=sum(buffer.numel() for buffer in buffers),
            )
        )
    return CostTable(tuple(rows), shape)


def _record_calls(
    net: torch.nn.Module, layers: dict[str, torch.nn.Module], shape: tuple[int, ...]
) -> dict[str, _Calls]:
    """Pass one image of zeros through the network and record the shapes of every layer."""
    recorded: dict[str, _Calls] = {name: [] for name in layers}

    def without_batch(tensor: torch.Tensor) -> tuple[int, ...]:
        # A first axis of another size is not the batch but, for example, a sequence's steps.
        return tuple(tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape)

    def add_hook(name: str) -> torch.utils.hooks.RemovableHandle:
        def hook(
            _: torch.nn.Module, args: tuple[object, ...], kwargs: dict[str, object], output: object
        ) -> None:
            tensors = [x for x in (*args, *kwargs.values()) if isinstance(x, torch.Tensor)]
            if tensors and isinstance(output, torch.Tensor):
                recorded[name].append((without_batch(tensors[0]), without_batch(output)))

        return layers[name].register_forward_hook(hook, with_kwargs=True)

    no_parameter = torch.zeros(0, device="cpu")
    like = next((p for p in net.parameters() if p.is_floating_point()), no_parameter)
    hooks = [add_hook(name) for name in layers]
    try:
        with preserve_mode(net, training=False), torch.no_grad():
            net(torch.zeros(1, *shape, dtype=like.dtype, device=like.device))
    # A network may raise anything for a shape that it does not accept.
    except Exception as error:
        message = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"input_shape: expected one that the network takes, got {shape}: {message}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    return recorded
