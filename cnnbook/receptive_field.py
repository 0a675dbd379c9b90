"""Receptive fields: the pixels on which each output of a layer depends."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from cnnbook._checks import check_int, per_axis, summarize
from cnnbook._layers import (
    ELEMENTWISE,
    as_pair,
    layer_channels,
    named_layers,
    unknown_computation,
)
from cnnbook._sizes import same_padding
from cnnbook._tables import html_table, text_table

__all__ = ["FieldRow", "ReceptiveField", "WindowStep", "receptive_field"]

_Size = int | tuple[int, int]


@dataclass(frozen=True)
class WindowStep:
    """The options of a layer that determine its receptive field.

    Attributes:
        kernel_size: Rows and columns of a window, one number or a pair.
        stride: Pixels from one window to the next.
        padding: Pixels added at the top and on the left; those at the other ends do not matter.
        dilation: Pixels from one element of a window to the next.
        name: The step's name in a table.

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
    """The receptive field after one layer, each number for (rows, columns).

    Attributes:
        name: The layer.
        size: Pixels from the first to the last on which one output can depend.
        jump: Pixels from the field of one output to that of its neighbour.
        start: The first pixel in the field of the first output; below 0 in the padding.

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
    """The receptive field of one output after each layer, for ``print``.

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
        """Rows and columns of the field of one output of the last layer."""
        return self.rows[-1].size

    @property
    def jump(self) -> tuple[int, int]:
        """Pixels from the field of one output of the last layer to that of its neighbour."""
        return self.rows[-1].jump

    @property
    def start(self) -> tuple[int, int]:
        """The first pixel in the field of the first output of the last layer."""
        return self.rows[-1].start

    def pixels(self, row: int, column: int) -> tuple[range, range]:
        """Return the rows and columns of the field of one output of the last layer.

        Args:
            row: The output's row, counted from 0.
            column: Its column, counted from 0.

        Returns:
            Rows and columns of the image; those outside it are padding.
        """
        row = check_int(row, name="row", minimum=0)
        column = check_int(column, name="column", minimum=0)
        top = self.start[0] + row * self.jump[0]
        left = self.start[1] + column * self.jump[1]
        return range(top, top + self.size[0]), range(left, left + self.size[1])

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [
                row.name,
                f"{row.size[0]} x {row.size[1]}",
                f"{row.jump[0]} x {row.jump[1]}",
                f"{row.start[0]}, {row.start[1]}",
            ]
            for row in self.rows
        ]
        return ["layer", "size", "jump", "start"], rows

    def __str__(self) -> str:
        """Return the table as text."""
        return text_table(*self._cells())

    def _repr_html_(self) -> str:
        return html_table("Receptive field", *self._cells())


def _leading_padding(layer: torch.nn.Conv2d) -> _Size:
    """Return the padding at the top and on the left, which torch keeps as a name or as numbers."""
    if layer.padding == "valid":
        return 0
    if isinstance(layer.padding, str):
        rows, columns = same_padding(as_pair(layer.kernel_size), dilation=as_pair(layer.dilation))
        return (rows[0], columns[0])
    return as_pair(layer.padding)


def _window_step(name: str, layer: object) -> WindowStep | None:
    """Return a layer's windows on its input; None for an elementwise layer."""
    if isinstance(layer, WindowStep):
        return layer
    label = f"{name} {type(layer).__name__}"
    if not isinstance(layer, torch.nn.Module):
        raise TypeError(
            f"steps: expected layers of torch or WindowStep, got {summarize(layer)} at {name}"
        )
    known = (torch.nn.Conv2d, torch.nn.MaxPool2d, torch.nn.AvgPool2d, torch.nn.ZeroPad2d)
    # Padding with pixels from inside makes an output depend on pixels that are not in its window.
    padded_by_pixels = getattr(layer, "padding_mode", "zeros") != "zeros"
    # Statistics of the image itself depend on every pixel.
    own_statistics = isinstance(layer, torch.nn.BatchNorm2d) and layer.running_mean is None
    if not isinstance(layer, (*known, *ELEMENTWISE)) or padded_by_pixels or own_statistics:
        detail = f" with padding_mode={layer.padding_mode!r}" if padded_by_pixels else ""
        detail = " with track_running_stats=False" if own_statistics else detail
        raise ValueError(
            "steps: expected convolutions and poolings with zeros as padding, and elementwise "
            f"layers, got {label!r}{detail}; pass only the layers before it, such as net[:3]"
        )
    reason = unknown_computation(layer)
    if reason is not None:
        raise ValueError(f"steps: {label!r} {reason}")
    if isinstance(layer, ELEMENTWISE):
        return None
    if isinstance(layer, torch.nn.ZeroPad2d):
        left, _, top, _ = layer.padding
        return WindowStep(1, 1, (top, left), 1, label)
    assert isinstance(layer, (torch.nn.Conv2d, torch.nn.MaxPool2d, torch.nn.AvgPool2d))
    return WindowStep(
        as_pair(layer.kernel_size),
        as_pair(layer.stride),
        _leading_padding(layer) if isinstance(layer, torch.nn.Conv2d) else as_pair(layer.padding),
        1 if isinstance(layer, torch.nn.AvgPool2d) else as_pair(layer.dilation),
        label,
    )


def receptive_field(
    steps: torch.nn.Sequential | Sequence[torch.nn.Module | WindowStep],
) -> ReceptiveField:
    """Compute the receptive field of one output after each layer.

    Args:
        steps: Convolutions, poolings and elementwise layers in their order: a Sequential, layers
            of torch, or ``WindowStep``.

    Returns:
        Size, jump and start after each layer, in pixels of the image; ``print()`` shows them.

    Raises:
        ValueError: A layer is of another kind: Flatten, Linear, GroupNorm and
            AdaptiveAvgPool2d(1), whose outputs depend on every pixel; Upsample, whose outputs lie
            between pixels; padding that repeats pixels from inside, such as ReflectionPad2d. Or a
            layer may not compute what its class does, because of a ``forward`` of its own or a
            hook, or does not accept as many channels as the layer before it returns.

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
        layer        size   jump   start
        --------------------------------
        input        1 x 1  1 x 1  0, 0
        0 Conv2d     2 x 2  1 x 1  0, 0
        1 ReLU       2 x 2  1 x 1  0, 0
        2 MaxPool2d  3 x 3  2 x 2  0, 0

        Without a layer, a pixel depends on itself only.

        >>> receptive_field([]).size
        (1, 1)
        >>> receptive_field(net)
        Traceback (most recent call last):
            ...
        ValueError: steps: expected convolutions and poolings with zeros as padding, and \
elementwise layers, got '3 Flatten'; pass only the layers before it, such as net[:3]

    Source:
        Araujo, Norris and Sim (2019), Computing receptive fields of convolutional neural
        networks, section 2.
    """
    if not isinstance(steps, (torch.nn.Sequential, torch.nn.ModuleList, list, tuple)):
        raise TypeError(
            f"steps: expected a torch.nn.Sequential or a list of layers, got {summarize(steps)}"
        )
    reason = None if isinstance(steps, (list, tuple)) else unknown_computation(steps)
    if reason is not None and isinstance(steps, torch.nn.Sequential):
        raise ValueError(f"steps: expected a torch.nn.Sequential as it is, but this one {reason}")
    channels: int | None = None
    size, jump, start = (1, 1), (1, 1), (0, 0)
    fields = [FieldRow("input", size, jump, start)]
    for name, layer in named_layers(steps):
        step = _window_step(name, layer)
        accepted, returned = layer_channels(layer)
        if None not in (accepted, channels) and accepted != channels:
            raise ValueError(
                f"steps: expected layers that fit together, but '{name} {type(layer).__name__}' "
                f"accepts {accepted} channels and gets {channels}"
            )
        channels = returned or channels
        if step is not None:
            (rows, columns), _ = per_axis(
                kernel_size=step.kernel_size,
                stride=step.stride,
                padding=step.padding,
                dilation=step.dilation,
            )
            size = (
                size[0] + rows["dilation"] * (rows["kernel_size"] - 1) * jump[0],
                size[1] + columns["dilation"] * (columns["kernel_size"] - 1) * jump[1],
            )
            start = (
                start[0] - rows["padding"] * jump[0],
                start[1] - columns["padding"] * jump[1],
            )
            jump = (jump[0] * rows["stride"], jump[1] * columns["stride"])
        label = layer.name if isinstance(layer, WindowStep) else f"{name} {type(layer).__name__}"
        fields.append(FieldRow(label, size, jump, start))
    return ReceptiveField(tuple(fields))
