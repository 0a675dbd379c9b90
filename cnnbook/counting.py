"""Parameters, multiplications and activations of a network, each with the formula it comes from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch

from cnnbook._checks import check_bool, check_int
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
# Layers that have parameters but no sum of products: torch's own counter counts none either.
_Elementwise = (
    torch.nn.modules.batchnorm._NormBase,
    torch.nn.LayerNorm,
    torch.nn.GroupNorm,
    torch.nn.PReLU,
    torch.nn.Embedding,
)

# Numbers in the largest image that is put through a network: 400 MB in float32.
_MOST_NUMBERS = 10**8


@runtime_checkable
class CountsMacs(Protocol):
    """A layer that says itself how often it multiplies; ``cost_table`` asks it.

    ``cost_table`` knows torch's own layers. Any other layer with parameters needs this one
    method, and a layer without parameters may have it.

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
        ...     def count_macs(self, given, out):
        ...         return out[0], str(out[0])
        >>> isinstance(Scale(), CountsMacs), isinstance(torch.nn.ReLU(), CountsMacs)
        (True, False)
        >>> cost_table(Scale(), (5,)).macs
        5

    Source:
        Derived here.
    """

    def count_macs(self, given: tuple[int, ...], out: tuple[int, ...]) -> tuple[int, str]:
        """Return the MACs of one call for one image, and the formula that gives them.

        Args:
            given: Shape of the input, without the batch axis.
            out: Shape of the output, without the batch axis.

        Returns:
            The number, and a product or sum of whole numbers in Python's notation, such as
            ``"10*10 * 60*5*5"``.
        """


def count_parameters(net: torch.nn.Module, *, trainable_only: bool = False) -> int:
    """Count a network's parameters, shared ones once.

    Args:
        net: The network.
        trainable_only: Leave out frozen parameters (``requires_grad=False``).

    Returns:
        The number of single weights and biases.

    Raises:
        TypeError: ``net`` is not a torch.nn.Module, a lazy layer has no sizes yet, or
            ``trainable_only`` is neither True nor False.

    Examples:
        >>> import torch
        >>> from cnnbook.counting import count_parameters
        >>> count_parameters(torch.nn.Conv2d(1, 16, 2))
        80
        >>> 16*1*2*2 + 16
        80

        A layer without weights has none, and a layer that is used twice counts once.

        >>> count_parameters(torch.nn.ReLU())
        0
        >>> layer = torch.nn.Linear(3, 3)
        >>> count_parameters(torch.nn.Sequential(layer, torch.nn.ReLU(), layer))
        12
        >>> count_parameters("net")
        Traceback (most recent call last):
            ...
        TypeError: net: expected a torch.nn.Module, got str

    Source:
        Derived here.
    """
    _check_net(net)
    check_bool(trainable_only, name="trainable_only")
    return sum(
        parameter.numel()
        for parameter in net.parameters()
        if parameter.requires_grad or not trainable_only
    )


def _check_net(net: torch.nn.Module) -> None:
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"net: expected a torch.nn.Module, got {type(net).__name__}")
    for kind, tensors in (("parameter", net.named_parameters()), ("buffer", net.named_buffers())):
        for name, tensor in tensors:
            if torch.nn.parameter.is_lazy(tensor):
                raise TypeError(
                    f"net: expected sizes, got the lazy {kind} {name!r}, which has none yet; "
                    "put one image through the network first"
                )


def _notes(parameters: int, frozen: int, buffers: int) -> list[str]:
    """Return what a total of parameters does not tell, where there is something to tell."""
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
        count: How many numbers it holds.
        trainable: Whether training changes it.

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
        """The product of the shape, as one would write it."""
        return "*".join(map(str, self.shape)) or "1"


@dataclass(frozen=True)
class ParameterTable:
    """Every parameter tensor of a network, made to be printed.

    Attributes:
        rows: One for each tensor, in the network's order; shared ones once.
        buffers: Numbers that the network keeps without training them, such as running means.

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

    def _lines(self) -> tuple[list[str], list[list[str]], list[str]]:
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
                text_table(*self._lines(), right=["count"]),
                *_notes(self.total, self.frozen, self.buffers),
            ]
        )

    def _repr_html_(self) -> str:
        caption = "; ".join(["Parameters", *_notes(self.total, self.frozen, self.buffers)])
        return html_table(caption, *self._lines())


def parameter_table(net: torch.nn.Module) -> ParameterTable:
    """List every parameter tensor of a network with shape and count.

    Args:
        net: The network.

    Returns:
        The table; ``print()`` shows it, and a notebook renders it.

    Raises:
        TypeError: ``net`` is not a torch.nn.Module, or a lazy layer has no sizes yet.

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

        What is frozen and what is kept beside the parameters is told apart.

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

    Source:
        Derived here.
    """
    _check_net(net)
    rows = tuple(
        ParameterRow(name, tuple(parameter.shape), parameter.numel(), parameter.requires_grad)
        for name, parameter in net.named_parameters()
    )
    return ParameterTable(rows, sum(buffer.numel() for buffer in net.buffers()))


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs for one image.

    Attributes:
        name: Its name in ``net.named_modules()``.
        kind: Its class, such as ``Conv2d``.
        output_shape: Shape of its output for one image, without the batch axis; empty where the
            layer was not used.
        parameters: Its own parameters that no earlier row has counted.
        parameter_formula: The sum that gives them, such as ``16*1*2*2 + 16``.
        macs: Multiply-accumulate operations: one product and its addition.
        mac_formula: Output numbers times products in each, such as ``16*27*27 * 1*2*2``.
        activations: Numbers that it puts out.
        activation_formula: The product that gives them, such as ``16*27*27``.
        frozen: How many of ``parameters`` training does not change (``requires_grad=False``).
        buffers: Numbers that it keeps without training them and that no earlier row has counted.

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
    """What every layer of a network costs for one image, made to be printed.

    Attributes:
        rows: One for each layer, in the order of their definition.
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
        """Numbers that are kept without being trained, such as running means; shared ones once."""
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
        """Numbers that all layers put out, those of Flatten too, which only passes them on."""
        return sum(row.activations for row in self.rows)

    @property
    def activation_formula(self) -> str:
        """The sum that gives ``activations``."""
        return _sum([row.activation_formula for row in self.rows])

    @property
    def hidden_activations(self) -> int:
        """Outputs of the layers that multiply, but for the last of them, which gives the scores."""
        return sum([row.activations for row in self.rows if row.macs][:-1])

    def _lines(self) -> tuple[list[str], list[list[str]], list[str]]:
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
                text_table(*self._lines(), right=["count"]),
                *_notes(self.parameters, self.frozen, self.buffers),
            ]
        )

    def _repr_html_(self) -> str:
        caption = f"Cost for one image {' x '.join(map(str, self.input_shape))}"
        notes = _notes(self.parameters, self.frozen, self.buffers)
        return html_table("; ".join([caption, *notes]), *self._lines())


@dataclass
class _Seen:
    """What the hook of one layer saw: for each call the shapes of input and output."""

    shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)


def _product(numbers: Sequence[int]) -> str:
    return "*".join(map(str, numbers)) or "1"


def _macs(layer: torch.nn.Module, given: tuple[int, ...], out: tuple[int, ...]) -> tuple[int, str]:
    """Return the MACs of one call of a layer, shapes without the batch axis, and their formula."""
    # First, so that a subclass of a layer of torch can tell its own.
    if isinstance(layer, CountsMacs):
        return layer.count_macs(given, out)
    if isinstance(layer, _Conv):
        per_output = (layer.in_channels // layer.groups, *layer.kernel_size)
        return math.prod(out) * math.prod(per_output), f"{_product(out)} * {_product(per_output)}"
    if isinstance(layer, _ConvTranspose):
        # Each input pixel is spread over a kernel's worth of outputs.
        per_input = (layer.out_channels // layer.groups, *layer.kernel_size)
        return math.prod(given) * math.prod(per_input), f"{_product(given)} * {_product(per_input)}"
    if isinstance(layer, torch.nn.Linear):
        return math.prod(out) * layer.in_features, f"{_product(out)}*{layer.in_features}"
    return 0, "0"


def cost_table(net: torch.nn.Module, input_shape: tuple[int, ...]) -> CostTable:
    """Count parameters, multiplications and activations of each layer for one image.

    A multiply-accumulate operation (MAC) is one product with its addition; additions of biases,
    comparisons and normalisations are not counted, as is usual. An image of zeros is put through
    the network in evaluation mode, and the network is left as it was.

    Only layers are seen. Products that a network computes in its own ``forward`` with functions
    such as ``torch.matmul`` have no row, unless it is a layer that counts them: see
    ``CountsMacs``.

    Args:
        net: The network, made of convolutions, ``Linear``, normalisation, layers without
            parameters and layers that count for themselves.
        input_shape: Shape of one image ``(c, h, w)``, without the batch axis; at most
            100,000,000 numbers.

    Returns:
        The table; ``print()`` shows it, and a notebook renders it.

    Raises:
        TypeError: ``net`` is not a torch.nn.Module, or ``input_shape`` is no shape.
        ValueError: A layer has parameters and its multiplications are not known here, or the
            network does not take images of that shape.

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
        Sze, Chen, Yang and Emer (2017), Efficient processing of deep neural networks, section II
        (MACs and their reuse); agrees with torch.utils.flop_counter.
    """
    _check_net(net)
    if not isinstance(input_shape, (tuple, list)) or not input_shape:
        raise TypeError(f"input_shape: expected (c, h, w), got {input_shape!r}")
    shape = tuple(check_int(size, name="input_shape", minimum=1) for size in input_shape)
    if math.prod(shape) > _MOST_NUMBERS:
        raise ValueError(
            f"input_shape: expected at most {_MOST_NUMBERS:,} numbers, got {shape}, which is "
            f"{math.prod(shape):,}"
        )
    layers = {
        name: module
        for name, module in net.named_modules()
        # A container that keeps or counts something itself gets a row as well.
        if next(module.children(), None) is None
        or isinstance(module, CountsMacs)
        or next(module.parameters(recurse=False), None) is not None
        or next(module.buffers(recurse=False), None) is not None
    }
    for name, layer in layers.items():
        known = (*_Conv, *_ConvTranspose, torch.nn.Linear, *_Elementwise, CountsMacs)
        if next(layer.parameters(recurse=False), None) is not None and not isinstance(layer, known):
            raise ValueError(
                f"net: expected layers of convolution, Linear or normalisation, got {name!r} "
                f"({type(layer).__name__}), whose multiplications are not known here; give it a "
                "method count_macs, see CountsMacs, or use count_parameters and parameter_table, "
                "which take any network"
            )
    seen = {name: _Seen() for name in layers}
    _watch(net, layers, seen, shape)

    counted: set[int] = set()
    rows = []
    for name, layer in layers.items():
        own = [p for p in layer.parameters(recurse=False) if id(p) not in counted]
        kept = [b for b in layer.buffers(recurse=False) if id(b) not in counted]
        counted.update(id(tensor) for tensor in (*own, *kept))
        calls = seen[name].shapes
        costs = [_macs(layer, given, out) for given, out in calls]
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
                buffers=sum(buffer.numel() for buffer in kept),
            )
        )
    return CostTable(tuple(rows), shape)


def _watch(
    net: torch.nn.Module,
    layers: dict[str, torch.nn.Module],
    seen: dict[str, _Seen],
    shape: tuple[int, ...],
) -> None:
    """Put one image of zeros through the network and note every layer's shapes."""

    def of_one_image(tensor: torch.Tensor) -> tuple[int, ...]:
        # Where a network puts other axes first, such as the steps of a sequence, all of them count.
        return tuple(tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape)

    def note(name: str) -> torch.utils.hooks.RemovableHandle:
        def hook(
            _: torch.nn.Module, given: tuple[object, ...], named: dict[str, object], out: object
        ) -> None:
            first = next(
                (x for x in (*given, *named.values()) if isinstance(x, torch.Tensor)), None
            )
            if first is not None and isinstance(out, torch.Tensor):
                seen[name].shapes.append((of_one_image(first), of_one_image(out)))

        return layers[name].register_forward_hook(hook, with_kwargs=True)

    first = next((p for p in net.parameters() if p.is_floating_point()), torch.zeros(0))
    hooks = [note(name) for name in layers]
    try:
        with preserve_mode(net, training=False), torch.no_grad():
            net(torch.zeros(1, *shape, dtype=first.dtype, device=first.device))
    # What a network raises for a shape that it does not take is up to its author.
    except Exception as error:
        message = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"input_shape: expected one that the network takes, got {shape}: {message}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
