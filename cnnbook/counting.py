"""Parameters, multiplications and activations of a network, each with the formula it comes from."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from cnnbook.arguments import whole_number
from cnnbook.networks import modes_kept

__all__ = [
    "CostTable",
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


def count_parameters(net: torch.nn.Module, *, trainable_only: bool = False) -> int:
    """Count a network's parameters, shared ones once.

    Args:
        net: The network.
        trainable_only: Leave out frozen parameters (``requires_grad=False``).

    Returns:
        The number of single weights and biases.

    Raises:
        TypeError: ``net`` is not a torch.nn.Module.

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
    return sum(
        parameter.numel()
        for parameter in net.parameters()
        if parameter.requires_grad or not trainable_only
    )


def _check_net(net: torch.nn.Module) -> None:
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"net: expected a torch.nn.Module, got {type(net).__name__}")
    for name, parameter in net.named_parameters():
        if isinstance(parameter, torch.nn.parameter.UninitializedParameter):
            raise TypeError(
                f"net: expected sizes, got the lazy parameter {name!r}, which has none yet; "
                "put one image through the network first"
            )


def _grid(header: Sequence[str], rows: Sequence[Sequence[str]], footer: Sequence[str]) -> str:
    """Return a text table: first column to the left, numbers to the right."""
    lines = [header, *rows, footer]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    # Names, shapes and formulas read from the left, plain numbers from the right.
    left = [title not in ("count", "activations") for title in header]

    def one(line: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if to_left else cell.rjust(width)
            for cell, width, to_left in zip(line, widths, left, strict=True)
        ]
        return "  ".join(cells).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([one(header), rule, *(one(row) for row in rows), rule, one(footer)])


def _html_grid(
    caption: str, header: Sequence[str], rows: Sequence[Sequence[str]], footer: Sequence[str]
) -> str:
    def cells(line: Sequence[str], tag: str, scope: str = "") -> str:
        return "".join(f"<{tag}{scope}>{html.escape(cell)}</{tag}>" for cell in line)

    def body(line: Sequence[str]) -> str:
        return f'<tr><th scope="row">{html.escape(line[0])}</th>{cells(line[1:], "td")}</tr>'

    heading = cells(header, "th", ' scope="col"')
    return (
        f"<table><caption>{html.escape(caption)}</caption><thead><tr>{heading}</tr></thead>"
        f"<tbody>{''.join(body(row) for row in rows)}</tbody>"
        f"<tfoot>{body(footer)}</tfoot></table>"
    )


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
        text = _grid(*self._lines())
        return f"{text}\nbuffers (not trained): {self.buffers:,}" if self.buffers else text

    def _repr_html_(self) -> str:
        return _html_grid("Parameters", *self._lines())


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

    Examples:
        >>> from cnnbook.counting import LayerCost
        >>> LayerCost("1", "ReLU", (16, 27, 27), 0, "0", 0, "0", 11664).kind
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
        >>> cost_table(net, (1, 2, 2)).macs
        8
    """

    rows: tuple[LayerCost, ...]
    input_shape: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """All parameters, shared ones once."""
        return sum(row.parameters for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations for one image."""
        return sum(row.macs for row in self.rows)

    @property
    def parameter_formula(self) -> str:
        """The sum that gives ``parameters``."""
        return " + ".join(row.parameter_formula for row in self.rows if row.parameters) or "0"

    @property
    def hidden_activations(self) -> int:
        """Outputs of the layers that multiply, but for the last of them, which gives the scores."""
        return sum([row.activations for row in self.rows if row.macs][:-1])

    def _lines(self) -> tuple[list[str], list[list[str]], list[str]]:
        header = ["layer", "output", "parameters", "count", "MACs", "count", "activations"]
        rows = [
            [
                f"{row.name} {row.kind}".strip(),
                " x ".join(map(str, row.output_shape)) or "not used",
                row.parameter_formula if row.parameters else "",
                f"{row.parameters:,}",
                row.mac_formula if row.macs else "",
                f"{row.macs:,}",
                f"{row.activations:,}",
            ]
            for row in self.rows
        ]
        total = ["total", "", "", f"{self.parameters:,}", "", f"{self.macs:,}", ""]
        return header, rows, total

    def __str__(self) -> str:
        """Return the table as text."""
        return _grid(*self._lines())

    def _repr_html_(self) -> str:
        caption = f"Cost for one image {' x '.join(map(str, self.input_shape))}"
        return _html_grid(caption, *self._lines())


@dataclass
class _Seen:
    """What the hook of one layer saw."""

    shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)


def _product(numbers: Sequence[int]) -> str:
    return "*".join(map(str, numbers))


def _macs(layer: torch.nn.Module, given: tuple[int, ...], out: tuple[int, ...]) -> tuple[int, str]:
    """Return the MACs of one call of a layer, shapes without the batch axis, and their formula."""
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

    Parameters are what must be stored and learned, multiply-accumulates (MACs) what must be
    computed, activations what must be kept for the backward pass. Convolution trades between
    the three, so one number alone does not tell what a network costs.

    Args:
        net: The network; one image of zeros goes through it, in evaluation mode.
        input_shape: Shape of one image, ``(c, h, w)``, or of one row of numbers, ``(k,)``.

    Returns:
        The table; ``print()`` shows it, and a notebook renders it. MACs are those of weights
        times inputs, half of what ``torch.utils.flop_counter`` calls FLOPs; adding a bias,
        taking a maximum and scaling by a norm count as nothing.

    Raises:
        TypeError: ``net`` is not a torch.nn.Module, a lazy layer has no sizes yet, or
            ``input_shape`` is not a tuple of whole numbers.
        ValueError: A size is below 1, the network cannot take such an image, or it has a layer
            with parameters whose multiplications are not known here.

    Examples:
        >>> import torch
        >>> from cnnbook.counting import cost_table
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 2), torch.nn.MaxPool2d(2))
        >>> print(cost_table(net, (1, 5, 5)))
        layer        output     parameters   count  MACs           count  activations
        -----------------------------------------------------------------------------
        0 Conv2d     2 x 4 x 4  2*1*2*2 + 2     10  2*4*4 * 1*2*2    128           32
        1 MaxPool2d  2 x 2 x 2                   0                     0            8
        -----------------------------------------------------------------------------
        total                                   10                   128
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
    shape = tuple(whole_number(size, name="input_shape", least=1) for size in input_shape)
    layers = {
        name: module
        for name, module in net.named_modules()
        # A container's own parameters, if it has any, get a row as well.
        if next(module.children(), None) is None
        or next(module.parameters(recurse=False), None) is not None
    }
    seen = {name: _Seen() for name in layers}
    _watch(net, layers, seen, shape)

    counted: set[int] = set()
    rows = []
    for name, layer in layers.items():
        own = [p for p in layer.parameters(recurse=False) if id(p) not in counted]
        counted.update(id(parameter) for parameter in own)
        known = isinstance(layer, (*_Conv, *_ConvTranspose, torch.nn.Linear, *_Elementwise))
        if own and not known:
            raise ValueError(
                f"net: expected layers of convolution, Linear or normalisation, got {name!r} "
                f"({type(layer).__name__}), whose multiplications are not known here; "
                "count_parameters and parameter_table take any network"
            )
        costs = [_macs(layer, given, out) for given, out in seen[name].shapes]
        rows.append(
            LayerCost(
                name=name,
                kind=type(layer).__name__,
                output_shape=seen[name].shapes[-1][1] if seen[name].shapes else (),
                parameters=sum(parameter.numel() for parameter in own),
                parameter_formula=" + ".join(_product(p.shape) or "1" for p in own) or "0",
                macs=sum(macs for macs, _ in costs),
                mac_formula=" + ".join(formula for _, formula in costs) or "0",
                activations=sum(math.prod(out) for _, out in seen[name].shapes),
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

    def note(name: str) -> torch.utils.hooks.RemovableHandle:
        def hook(_: torch.nn.Module, given: tuple[torch.Tensor, ...], out: object) -> None:
            if given and isinstance(out, torch.Tensor):
                seen[name].shapes.append((tuple(given[0].shape[1:]), tuple(out.shape[1:])))

        return layers[name].register_forward_hook(hook)

    first = next(net.parameters(), torch.zeros(0))
    hooks = [note(name) for name in layers]
    try:
        with modes_kept(net, training=False), torch.no_grad():
            net(torch.zeros(1, *shape, dtype=first.dtype, device=first.device))
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"input_shape: expected one that the network takes, got {shape}: "
            f"{str(error).splitlines()[0]}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
