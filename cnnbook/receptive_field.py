"""Which pixels a layer's output depends on."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from cnnbook._checks import check_int, per_axis
from cnnbook._layers import POINTWISE, as_pair, unrolled
from cnnbook._tables import html_table, text_table
from cnnbook.shapes import _each, _Size, same_padding

__all__ = ["FieldRow", "ReceptiveField", "WindowStep", "receptive_field"]


@dataclass(frozen=True)
class WindowStep:
    """What of a layer decides which pixels it sees.

    Attributes:
        kernel_size: Rows and columns of a window, one number or a pair.
        stride: Pixels from one window to the next.
        padding: Pixels added before the image; those behind it change nothing here.
        dilation: Pixels from one entry of a window to the next.
        name: What the step is called in a table.

    Examples:
        >>> from cnnbook.receptive_field import WindowStep, receptive_field
        >>> receptive_field([WindowStep(3), WindowStep(3)]).size
        (5, 5)
    """

    kernel_size: _Size
    stride: _Size = 1
    padding: _Size = 0
    dilation: _Size = 1
    name: str = "window"


@dataclass(frozen=True)
class FieldRow:
    """The receptive field after one layer, each as (rows, columns).

    Attributes:
        name: The layer.
        size: Pixels from the first to the last that one output number can see.
        jump: Pixels from the first pixel that an output sees to the first that its neighbour sees.
        start: The first pixel that the first output sees; below 0 in the padding.

    Examples:
        >>> from cnnbook.receptive_field import FieldRow
        >>> FieldRow("Conv2d", (3, 3), (1, 1), (-1, -1)).start
        (-1, -1)
    """

    name: str
    size: tuple[int, int]
    jump: tuple[int, int]
    start: tuple[int, int]


@dataclass(frozen=True)
class ReceptiveField:
    """How far one number sees, layer by layer, made to be printed.

    Attributes:
        rows: The input, then one row for each layer.

    Examples:
        >>> import torch
        >>> from cnnbook.receptive_field import receptive_field
        >>> field = receptive_field([torch.nn.Conv2d(1, 1, 2), torch.nn.MaxPool2d(2)])
        >>> field.size, field.jump
        ((3, 3), (2, 2))
        >>> field.pixels(0, 5)
        (range(0, 3), range(10, 13))
    """

    rows: tuple[FieldRow, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of pixels that one number of the last layer can see."""
        return self.rows[-1].size

    @property
    def jump(self) -> tuple[int, int]:
        """Pixels between the fields of neighbours in the last layer."""
        return self.rows[-1].jump

    @property
    def start(self) -> tuple[int, int]:
        """The first pixel that the first number of the last layer sees."""
        return self.rows[-1].start

    def pixels(self, row: int, column: int) -> tuple[range, range]:
        """Return the rows and the columns of pixels that one number of the last layer sees.

        Args:
            row: The number's row, counted from 0.
            column: Its column, counted from 0.

        Returns:
            Rows and columns, from the first to the last; those outside the image are padding.

        Raises:
            TypeError: A place is not a whole number.
            ValueError: A place is below 0.
        """
        places = (
            check_int(row, name="row", minimum=0),
            check_int(column, name="column", minimum=0),
        )
        first = [self.start[axis] + places[axis] * self.jump[axis] for axis in (0, 1)]
        rows, columns = (range(first[axis], first[axis] + self.size[axis]) for axis in (0, 1))
        return rows, columns

    def _lines(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [
                row.name,
                f"{row.size[0]} x {row.size[1]}",
                f"{row.jump[0]} x {row.jump[1]}",
                f"{row.start[0]}, {row.start[1]}",
            ]
            for row in self.rows
        ]
        return ["layer", "sees", "jump", "start"], rows

    def __str__(self) -> str:
        """Return the table as text."""
        return text_table(*self._lines())

    def _repr_html_(self) -> str:
        return html_table("Receptive field", *self._lines())


def _before(layer: torch.nn.Conv2d) -> _Size:
    """Return the padding before the image, for the three ways in which torch says it."""
    if layer.padding == "valid":
        return 0
    if isinstance(layer.padding, str):
        rows, columns = same_padding(as_pair(layer.kernel_size), dilation=as_pair(layer.dilation))
        return (rows[0], columns[0])
    return as_pair(layer.padding)


def _step(name: str, layer: object) -> WindowStep | None:
    """Return what a layer sees of the layer before it; None where that is one number."""
    label = f"{name} {type(layer).__name__}"
    if isinstance(layer, WindowStep):
        return layer
    if isinstance(layer, torch.nn.Conv2d):
        return WindowStep(
            as_pair(layer.kernel_size),
            as_pair(layer.stride),
            _before(layer),
            as_pair(layer.dilation),
            label,
        )
    if isinstance(layer, torch.nn.MaxPool2d):
        return WindowStep(
            as_pair(layer.kernel_size),
            as_pair(layer.stride),
            as_pair(layer.padding),
            as_pair(layer.dilation),
            label,
        )
    if isinstance(layer, torch.nn.AvgPool2d):
        return WindowStep(
            as_pair(layer.kernel_size), as_pair(layer.stride), as_pair(layer.padding), 1, label
        )
    if isinstance(layer, torch.nn.ZeroPad2d):
        left, _, top, _ = layer.padding
        return WindowStep(1, 1, (top, left), 1, label)
    if isinstance(layer, POINTWISE):
        return None
    if not isinstance(layer, torch.nn.Module):
        raise TypeError(f"steps: expected layers of torch or WindowStep, got {layer!r} at {name}")
    raise ValueError(
        f"steps: expected layers that look through windows or at one number each, got {label!r}; "
        "hand in the layers before it, such as net[:3]"
    )


def receptive_field(
    steps: torch.nn.Sequential | Sequence[torch.nn.Module | WindowStep],
) -> ReceptiveField:
    """Follow how far one number sees, from layer to layer.

    Args:
        steps: Convolutions, poolings and layers that look at one number each, in their order: a
            Sequential, layers of torch, or ``WindowStep``.

    Returns:
        Size, jump and start after each layer, in pixels of the image; ``print()`` shows them.

    Raises:
        TypeError: ``steps`` is no list of layers.
        ValueError: A layer sees in another way, such as Flatten or Linear, which see everything,
            or a number of a step is too small.

    Examples:
        >>> import torch
        >>> from cnnbook.receptive_field import receptive_field
        >>> net = torch.nn.Sequential(
        ...     torch.nn.Conv2d(1, 16, 2),
        ...     torch.nn.ReLU(),
        ...     torch.nn.MaxPool2d(2),
        ...     torch.nn.Flatten(),
        ... )
        >>> print(receptive_field(net[:3]))
        layer        sees   jump   start
        --------------------------------
        input        1 x 1  1 x 1  0, 0
        0 Conv2d     2 x 2  1 x 1  0, 0
        1 ReLU       2 x 2  1 x 1  0, 0
        2 MaxPool2d  3 x 3  2 x 2  0, 0

        No layer: one pixel sees itself.

        >>> receptive_field([]).size
        (1, 1)
        >>> receptive_field(net)
        Traceback (most recent call last):
            ...
        ValueError: steps: expected layers that look through windows or at one number each, got \
'3 Flatten'; hand in the layers before it, such as net[:3]

    Source:
        Araujo, Norris and Sim (2019), Computing receptive fields of convolutional neural
        networks, section 2.
    """
    if not isinstance(steps, (torch.nn.Sequential, torch.nn.ModuleList, list, tuple)):
        raise TypeError(f"steps: expected a torch.nn.Sequential or a list of layers, got {steps!r}")
    size, jump, start = (1, 1), (1, 1), (0, 0)
    rows = [FieldRow("input", size, jump, start)]
    for name, layer in unrolled(steps):
        step = _step(name, layer)
        if step is not None:
            axes, _ = per_axis(
                kernel_size=step.kernel_size,
                stride=step.stride,
                padding=step.padding,
                dilation=step.dilation,
            )
            numbers = list(axes)
            size = _each(
                size[axis]
                + numbers[axis]["dilation"] * (numbers[axis]["kernel_size"] - 1) * jump[axis]
                for axis in (0, 1)
            )
            start = _each(start[axis] - numbers[axis]["padding"] * jump[axis] for axis in (0, 1))
            jump = _each(jump[axis] * numbers[axis]["stride"] for axis in (0, 1))
        label = layer.name if isinstance(layer, WindowStep) else f"{name} {type(layer).__name__}"
        rows.append(FieldRow(label, size, jump, start))
    return ReceptiveField(tuple(rows))
