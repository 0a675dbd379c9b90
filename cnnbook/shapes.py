"""Output sizes of layers with their derivations, and shapes layer by layer through a network."""

import math
from dataclasses import dataclass
from typing import Any

import torch

from cnnbook._checks import check_int, check_net, summarize
from cnnbook._layers import (
    ELEMENTWISE,
    as_pair,
    layer_channels,
    named_layers,
    unknown_computation,
)
from cnnbook._sizes import (
    SizeDerivation,
    derive_output_size,
    derive_transposed_size,
    output_size,
    same_padding,
    transposed_output_size,
)
from cnnbook._tables import html_table, text_table

__all__ = [
    "ShapeRow",
    "ShapeTable",
    "SizeDerivation",
    "derive_output_size",
    "output_size",
    "same_padding",
    "shape_table",
    "transposed_output_size",
]

# Layers whose output has the shape of their input.
_KEEPING = (
    *ELEMENTWISE,
    torch.nn.BatchNorm1d,
    torch.nn.GroupNorm,
    torch.nn.Softmax,
    torch.nn.LogSoftmax,
)
# Layers that change the rows and columns only.
_RESIZING = (
    torch.nn.MaxPool2d,
    torch.nn.AvgPool2d,
    torch.nn.AdaptiveAvgPool2d,
    torch.nn.Upsample,
    torch.nn.ZeroPad2d,
    torch.nn.ReflectionPad2d,
)
_CONVOLUTIONS = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.ConvTranspose2d)
_IMAGE_LAYERS = (
    torch.nn.Conv2d,
    torch.nn.ConvTranspose2d,
    torch.nn.BatchNorm2d,
    # For other inputs torch announces an error.
    torch.nn.Dropout2d,
    *_RESIZING,
)
_UPSAMPLE_MODES = ("nearest", "nearest-exact", "area", "bilinear", "bicubic")


@dataclass(frozen=True)
class ShapeRow:
    """One layer of a shape table.

    Attributes:
        name: The layer's name in its network.
        kind: Its class, such as ``Conv2d``.
        output_shape: Shape of its output for one image, without the batch axis.
        derivation: The arithmetic behind that shape; empty where the layer keeps the shape.

    Examples:
        >>> from cnnbook.shapes import ShapeRow
        >>> ShapeRow("3", "Flatten", (2704,), "16*13*13 = 2704").kind
        'Flatten'
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    derivation: str


@dataclass(frozen=True)
class ShapeTable:
    """The shape after every layer of a network with its derivation, for ``print``.

    Attributes:
        input_shape: Shape of one image.
        rows: One for each layer.

    Examples:
        >>> import torch
        >>> from cnnbook.shapes import shape_table
        >>> shape_table(torch.nn.Sequential(torch.nn.Flatten()), (1, 2, 2)).output_shape
        (4,)
    """

    input_shape: tuple[int, ...]
    rows: tuple[ShapeRow, ...]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the network's output for one image."""
        return self.rows[-1].output_shape if self.rows else self.input_shape

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        first = ["input", _format_shape(self.input_shape), ""]
        others = [
            [f"{row.name} {row.kind}", _format_shape(row.output_shape), row.derivation]
            for row in self.rows
        ]
        return ["layer", "output", "because"], [first, *others]

    def __str__(self) -> str:
        """Return the table as text."""
        return text_table(*self._cells())

    def _repr_html_(self) -> str:
        return html_table("Shapes for one image", *self._cells())


def _format_shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


class _ShapeMismatch(Exception):
    """A layer does not accept the shape of its input."""


def shape_table(net: torch.nn.Sequential, input_shape: tuple[int, ...]) -> ShapeTable:
    """Compute the shape after every layer for one image, without running the network.

    torch reports a layer of the wrong size as "mat1 and mat2 shapes cannot be multiplied". Here
    the error names the layer and the size that would fit.

    Args:
        net: A Sequential of convolutions, transposed convolutions, poolings, padding layers,
            Upsample, Flatten, Linear and layers that keep the shape, such as activations and
            normalization.
        input_shape: Shape of one image, ``(c, h, w)``.

    Returns:
        A row for each layer with its output shape and the derivation of it.

    Raises:
        TypeError: A lazy layer has no sizes yet.
        ValueError: A layer does not fit its input, its class is not among those above, or it may
            not compute what its class does, because of a ``forward`` of its own or a hook.

    Examples:
        >>> import torch
        >>> from cnnbook.shapes import shape_table
        >>> net = torch.nn.Sequential(
        ...     torch.nn.Conv2d(1, 16, 2),
        ...     torch.nn.ReLU(),
        ...     torch.nn.MaxPool2d(2),
        ...     torch.nn.Flatten(),
        ...     torch.nn.Linear(2704, 10),
        ... )
        >>> print(shape_table(net, (1, 28, 28)))
        layer        output        because
        -----------------------------------------------------------------------
        input        1 x 28 x 28
        0 Conv2d     16 x 27 x 27  floor((28 + 2*0 - 1*(2 - 1) - 1)/1) + 1 = 27
        1 ReLU       16 x 27 x 27
        2 MaxPool2d  16 x 13 x 13  floor((27 + 2*0 - 1*(2 - 1) - 1)/2) + 1 = 13
        3 Flatten    2704          16*13*13 = 2704
        4 Linear     10            out_features = 10
        >>> shape_table(torch.nn.Sequential(), (3,)).output_shape
        (3,)
        >>> shape_table(net, (1, 32, 32))
        Traceback (most recent call last):
            ...
        ValueError: net: layer '4' (Linear) expects 2704 numbers, but gets 3600; \
use torch.nn.Linear(3600, 10)
    """
    if not isinstance(net, torch.nn.Sequential):
        raise TypeError(f"net: expected a torch.nn.Sequential, got {type(net).__name__}")
    check_net(net)
    reason = unknown_computation(net)
    if reason is not None:
        raise ValueError(f"net: expected a torch.nn.Sequential as it is, but this one {reason}")
    if not isinstance(input_shape, (tuple, list)) or not input_shape:
        raise TypeError(f"input_shape: expected (c, h, w), got {summarize(input_shape)}")
    first = shape = tuple(check_int(size, name="input_shape", minimum=1) for size in input_shape)
    rows = []
    for name, layer in named_layers(net):
        kind = type(layer).__name__
        try:
            shape, derivation = _layer_shape(layer, shape)
        except _ShapeMismatch as error:
            raise ValueError(f"net: layer {name!r} ({kind}) {error}") from None
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"net: layer {name!r} ({kind}) cannot take {_format_shape(shape)}: {error}"
            ) from None
        rows.append(ShapeRow(name, kind, shape, derivation))
    return ShapeTable(first, tuple(rows))


def _layer_shape(layer: object, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
    """Return a layer's output shape and its derivation, or raise why it does not fit."""
    known = (torch.nn.Linear, torch.nn.Flatten, *_CONVOLUTIONS, *_RESIZING, *_KEEPING)
    if not isinstance(layer, known):
        raise _ShapeMismatch("is not among the supported classes; cost_table runs any network")
    reason = unknown_computation(layer)
    if reason is not None:
        raise _ShapeMismatch(reason)
    _check_input(layer, shape)
    if isinstance(layer, torch.nn.Linear):
        return (*shape[:-1], layer.out_features), f"out_features = {layer.out_features}"
    if isinstance(layer, torch.nn.Flatten):
        count = math.prod(shape)
        return (count,), f"{'*'.join(map(str, shape))} = {count}"
    if isinstance(layer, _KEEPING):
        return shape, ""
    results = [_axis_size(layer, axis, size) for axis, size in enumerate(shape[1:])]
    sizes, reasons = zip(*results, strict=True)
    derivation = reasons[0]
    if reasons[0] != reasons[-1]:
        derivation = f"rows: {reasons[0]}; columns: {reasons[1]}"
    return (layer_channels(layer)[1] or shape[0], *sizes), derivation


def _check_input(layer: torch.nn.Module, shape: tuple[int, ...]) -> None:
    """Refuse an input whose axes or channels a layer does not accept."""
    got = _format_shape(shape)
    channels, _ = layer_channels(layer)
    if isinstance(layer, torch.nn.Linear) and shape[-1] != layer.in_features:
        raise _ShapeMismatch(
            f"expects {layer.in_features} numbers, but gets {shape[-1]}; "
            f"use torch.nn.Linear({shape[-1]}, {layer.out_features})"
        )
    if isinstance(layer, torch.nn.Flatten) and (layer.start_dim, layer.end_dim) != (1, -1):
        raise _ShapeMismatch("is supported only with its default axes")
    # torch takes a missing axis for that of the batch, and treats images as channels.
    if isinstance(layer, _IMAGE_LAYERS) and len(shape) != 3:
        raise _ShapeMismatch(f"expects {channels or 'c'} x h x w, but gets {got}")
    if isinstance(layer, torch.nn.Conv1d) and len(shape) != 2:
        raise _ShapeMismatch(f"expects {channels} x l, but gets {got}")
    if isinstance(layer, torch.nn.BatchNorm1d) and len(shape) > 2:
        raise _ShapeMismatch(f"expects {channels} numbers or {channels} x l, but gets {got}")
    if channels not in (None, shape[0]):
        axes = " channels"
        if isinstance(layer, _CONVOLUTIONS):
            axes = " x l" if isinstance(layer, torch.nn.Conv1d) else " x h x w"
        raise _ShapeMismatch(f"expects {channels}{axes}, but gets {got}")
    if isinstance(layer, (torch.nn.Softmax, torch.nn.LogSoftmax)) and layer.dim is not None:
        # With the batch, there is one axis more.
        axes_count = len(shape) + 1
        if not -axes_count <= layer.dim < axes_count:
            raise _ShapeMismatch(
                f"expects dim from {-axes_count} to {axes_count - 1} for a batch of {got}, but "
                f"has dim={layer.dim}"
            )


def _axis_size(layer: torch.nn.Module, axis: int, size: int) -> tuple[int, str]:
    """Return the output size of a layer along one axis of its input, and why."""
    if isinstance(layer, (torch.nn.ZeroPad2d, torch.nn.ReflectionPad2d)):
        return _padded_size(layer, axis, size)
    if isinstance(layer, torch.nn.AdaptiveAvgPool2d):
        target = as_pair(layer.output_size)[axis]
        if target is None:
            return size, f"None keeps {size}"
        return check_int(target, name="output_size", minimum=1), f"output_size = {target}"
    if isinstance(layer, torch.nn.Upsample):
        return _upsampled_size(layer, axis, size)
    if isinstance(layer, torch.nn.ConvTranspose2d):
        return derive_transposed_size(
            size=size,
            kernel_size=as_pair(layer.kernel_size)[axis],
            stride=as_pair(layer.stride)[axis],
            # torch accepts "same" when the layer is made and refuses it when it runs; so does this.
            padding=as_pair(layer.padding)[axis],
            output_padding=as_pair(layer.output_padding)[axis],
            dilation=as_pair(layer.dilation)[axis],
        )
    assert isinstance(layer, (*_CONVOLUTIONS, torch.nn.MaxPool2d, torch.nn.AvgPool2d))
    return _window_count(layer, axis, size)


def _padded_size(
    layer: torch.nn.ZeroPad2d | torch.nn.ReflectionPad2d, axis: int, size: int
) -> tuple[int, str]:
    """Return the size with its padding, which removes pixels where it is negative."""
    left, right, top, bottom = layer.padding
    before, after = ((top, bottom), (left, right))[axis]
    padded = size + before + after
    formula = f"{size} + {before} + {after} = {padded}"
    if isinstance(layer, torch.nn.ReflectionPad2d) and max(before, after) >= size:
        raise _ShapeMismatch(
            f"expects less padding than the {size} pixels that it reflects, but has "
            f"{max(before, after)}"
        )
    if padded < 1 or size + min(before, 0) + min(after, 0) < 0:
        raise _ShapeMismatch(f"leaves no pixel: {formula}")
    return padded, formula


def _upsampled_size(layer: torch.nn.Upsample, axis: int, size: int) -> tuple[int, str]:
    if layer.mode not in _UPSAMPLE_MODES:
        raise _ShapeMismatch(
            f"expects a mode for c x h x w ({', '.join(_UPSAMPLE_MODES)}), but has {layer.mode!r}"
        )
    if layer.align_corners is not None and layer.mode not in ("bilinear", "bicubic"):
        raise _ShapeMismatch(f"expects no align_corners with mode {layer.mode!r}")
    if layer.size is not None:
        target = check_int(as_pair(layer.size)[axis], name="size", minimum=1)
        return target, f"size = {target}"
    if layer.scale_factor is None:
        raise _ShapeMismatch("expects size or scale_factor, but has neither")
    scale = as_pair(layer.scale_factor)[axis]
    if not math.isfinite(scale) or math.floor(size * scale) < 1:
        raise _ShapeMismatch(f"leaves no pixel: {size}*{scale}")
    return math.floor(size * scale), f"floor({size}*{scale}) = {math.floor(size * scale)}"


def _window_count(layer: torch.nn.Module, axis: int, size: int) -> tuple[int, str]:
    """Return how many windows of a convolution or pooling fit along an axis, and why."""

    def option(name: str) -> int:
        # AvgPool2d has no dilation.
        value: Any = getattr(layer, name, 1)
        return int(value[0] if isinstance(layer, torch.nn.Conv1d) else as_pair(value)[axis])

    kernel_size, dilation = option("kernel_size"), option("dilation")
    if not isinstance(layer.padding, str):
        padding = option("padding")
        borders = padding, padding
    elif layer.padding == "same":
        borders = same_padding(kernel_size, dilation=dilation)
    else:
        padding, borders = 0, (0, 0)
    mode = getattr(layer, "padding_mode", "zeros")
    most = {"reflect": size - 1, "circular": size}.get(mode, math.inf)
    if max(borders) > most:
        raise _ShapeMismatch(
            f"expects a padding of at most {most} for padding_mode={mode!r} and {size} pixels, "
            f"but has {max(borders)}"
        )
    if layer.padding == "same":
        return size, f"'same' keeps {size}"
    derived = derive_output_size(
        size,
        kernel_size,
        stride=option("stride"),
        padding=padding,
        dilation=dilation,
        ceil_mode=getattr(layer, "ceil_mode", False),
    )
    return derived.output_size, str(derived)
