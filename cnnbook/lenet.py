"""LeNet-5 as published in 1998 and as it is written today."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

import torch

from cnnbook._checks import (
    check_image_shape,
    check_images,
    check_int,
    check_number_type,
    check_parameter_count,
    pair,
)

__all__ = ["PartialConv2d", "RadialBasis", "ScaledTanh", "Subsampling", "digit_codes", "lenet5"]

# Table I of LeCun et al. (1998): the maps of S2 that each map of C3 looks at.
_C3_CONNECTIONS = (
    (0, 1, 2),
    (1, 2, 3),
    (2, 3, 4),
    (3, 4, 5),
    (0, 4, 5),
    (0, 1, 5),
    (0, 1, 2, 3),
    (1, 2, 3, 4),
    (2, 3, 4, 5),
    (0, 3, 4, 5),
    (0, 1, 4, 5),
    (0, 1, 2, 5),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)

# The bars of a seven-segment display, each a block of rows and columns of a 12 x 7 drawing.
_BARS = {
    "top": (slice(0, 2), slice(0, 7)),
    "middle": (slice(5, 7), slice(0, 7)),
    "bottom": (slice(10, 12), slice(0, 7)),
    "upper left": (slice(0, 7), slice(0, 2)),
    "upper right": (slice(0, 7), slice(5, 7)),
    "lower left": (slice(5, 12), slice(0, 2)),
    "lower right": (slice(5, 12), slice(5, 7)),
}
# The bars that stay dark in each digit; in most they are fewer than the lit ones.
_DARK_BARS: tuple[tuple[str, ...], ...] = (
    ("middle",),
    ("top", "middle", "bottom", "upper left", "lower left"),
    ("upper left", "lower right"),
    ("upper left", "lower left"),
    ("top", "bottom", "lower left"),
    ("upper right", "lower left"),
    ("upper right",),
    ("middle", "bottom", "upper left", "lower left"),
    (),
    ("lower left",),
)


def _check_like(x: torch.Tensor, weight: torch.Tensor, *, name: str) -> None:
    """Refuse a tensor that a layer cannot compute with, of another dtype or place for instance."""
    # Under autocast torch converts as it goes.
    same_type = x.dtype == weight.dtype or torch.is_autocast_enabled(x.device.type)
    if not same_type or x.device != weight.device or x.layout != torch.strided:
        raise ValueError(
            f"{name}: expected a dense tensor of {weight.dtype} on {weight.device}, like the "
            f"layer's numbers, got {x.dtype} on {x.device} ({x.layout}); "
            f"move them together with .to()"
        )


class ScaledTanh(torch.nn.Module):
    """The squashing function of 1998, ``1.7159 * tanh(2/3 * x)``.

    The factors make it pass through ``(1, 1)`` and ``(-1, -1)``, where it bends most: targets of
    1 and -1 are reached without saturation, and signals keep about their size from layer to layer.

    Examples:
        >>> import torch
        >>> from cnnbook.lenet import ScaledTanh
        >>> [round(y, 4) for y in ScaledTanh()(torch.tensor([-1.0, 0.0, 1.0])).tolist()]
        [-1.0, 0.0, 1.0]
        >>> round(ScaledTanh()(torch.tensor(100.0)).item(), 4)
        1.7159

    Source:
        LeCun, Bottou, Bengio and Haffner (1998), equation 6 and appendix A.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``1.7159 * tanh(2/3 * x)``, number by number."""
        if not isinstance(x, torch.Tensor):
            raise TypeError(f"x: expected a torch.Tensor, got {type(x).__name__}")
        check_number_type(x, name="x")
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsampling(torch.nn.Module):
    """Halve rows and columns: four neighbours' sum times one weight of the map, plus one bias.

    It is what a CNN of 1998 had in the place of pooling. Unlike pooling it learns: with a small
    weight it blurs, with a large one and a squashing function behind it, it becomes an "or" or an
    "and" of the four, as the bias has it.

    Args:
        channels: Maps of the image; each has a weight and a bias.

    Attributes:
        weight: The factors, shape ``(channels,)``. Its start, like that of ``bias``, is drawn
            between -2.4/4 and 2.4/4, by the paper's rule for units with four inputs.
        bias: What is added, shape ``(channels,)``.

    Examples:
        >>> import torch
        >>> from cnnbook.lenet import Subsampling
        >>> layer = Subsampling(1)
        >>> with torch.no_grad():
        ...     _ = layer.weight.fill_(0.25), layer.bias.fill_(1)
        >>> image = torch.tensor([[[[1.0, 2.0, 9.0], [3.0, 4.0, 9.0]]]])
        >>> layer(image).tolist()
        [[[[3.5]]]]
        >>> 0.25 * (1 + 2 + 3 + 4) + 1
        3.5

        The nines are left out: a last row or column without a partner is dropped.

        >>> Subsampling(2)(image)
        Traceback (most recent call last):
            ...
        ValueError: images: expected 2 channels and at least 2 x 2 pixels, got (1, 1, 2, 3)

    Source:
        LeCun, Bottou, Bengio and Haffner (1998), section II.B, layer S2.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = check_int(channels, name="channels", minimum=1)
        check_parameter_count(2 * self.channels, channels=self.channels)
        self.weight = torch.nn.Parameter(torch.empty(self.channels))
        self.bias = torch.nn.Parameter(torch.empty(self.channels))
        _draw_as_in_1998(self, fan_in=4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return images ``(n, channels, h // 2, w // 2)``."""
        check_images(images)
        _check_like(images, self.weight, name="images")
        if images.shape[1] != self.channels or min(images.shape[2:]) < 2:
            raise ValueError(
                f"images: expected {self.channels} channels and at least 2 x 2 pixels, got "
                f"{tuple(images.shape)}"
            )
        sums = torch.nn.functional.avg_pool2d(images, 2, divisor_override=1)
        return sums * self.weight[:, None, None] + self.bias[:, None, None]

    def count_macs(self, given: tuple[int, ...], out: tuple[int, ...]) -> tuple[int, str]:
        """Return the multiplications for one image, one for each sum, and their formula."""
        return math.prod(out), _product(out)

    def extra_repr(self) -> str:
        """Return what ``print(net)`` shows in the brackets."""
        return str(self.channels)


class PartialConv2d(torch.nn.Module):
    """A convolution in which each output map looks at some of the input maps only.

    It breaks the symmetry between the maps, so that they have to learn different features, and it
    costs less than looking at all. Groups do not do it: in a table such as that of LeNet-5 the
    choices overlap.

    Args:
        in_channels: Maps of the image.
        connections: For each output map the numbers of the input maps that it looks at, from 0.
        kernel_size: Rows and columns of each kernel, one number or two.

    Attributes:
        connections: As given, as tuples.
        weight: The kernels, shape ``(k, rows, columns)``, one for each connection, in the order
            of ``connections``. Its start is drawn between -2.4/F and 2.4/F, where F is the number
            of inputs of a unit of that output map.
        bias: Shape ``(out_channels,)``, drawn like the weights of its map.
        places: Where the kernels lie in a full weight, shape ``(k,)``; not trained.

    Examples:
        >>> import torch
        >>> from cnnbook.lenet import PartialConv2d
        >>> layer = PartialConv2d(3, [(0, 1), (2,)], 1)
        >>> with torch.no_grad():
        ...     _ = layer.weight.copy_(torch.tensor([2.0, 3.0, 4.0]).reshape(3, 1, 1))
        ...     _ = layer.bias.copy_(torch.tensor([0.0, 1.0]))
        >>> layer(torch.tensor([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1)).flatten().tolist()
        [32.0, 401.0]
        >>> 2*1 + 3*10, 4*100 + 1
        (32, 401)

        Where every map looks at every map, it is ``torch.nn.Conv2d``.

        >>> PartialConv2d(2, [(0, 1), (0, 1)], 3).full_weight().shape
        torch.Size([2, 2, 3, 3])
        >>> PartialConv2d(3, [(0, 3)], 1)
        Traceback (most recent call last):
            ...
        ValueError: connections: expected different numbers from 0 to 2, got (0, 3) for map 0

    Source:
        LeCun, Bottou, Bengio and Haffner (1998), section II.B, layer C3 and table I.
    """

    places: torch.Tensor

    def __init__(
        self,
        in_channels: int,
        connections: Sequence[Sequence[int]],
        kernel_size: int | tuple[int, int],
    ) -> None:
        super().__init__()
        self.in_channels = check_int(in_channels, name="in_channels", minimum=1)
        self.connections = _connections(connections, self.in_channels)
        self.out_channels = len(self.connections)
        self.kernel_size = pair(kernel_size, name="kernel_size", minimum=1)
        count = sum(map(len, self.connections))
        # The full weight counts: it is made in every pass.
        check_parameter_count(
            self.out_channels * self.in_channels * math.prod(self.kernel_size),
            in_channels=self.in_channels,
            kernel_size=max(self.kernel_size),
        )
        self.weight = torch.nn.Parameter(torch.empty(count, *self.kernel_size))
        self.bias = torch.nn.Parameter(torch.empty(self.out_channels))
        places = [
            number * self.in_channels + one
            for number, some in enumerate(self.connections)
            for one in some
        ]
        self.register_buffer("places", torch.tensor(places))
        bounds = [2.4 / (len(some) * math.prod(self.kernel_size)) for some in self.connections]
        with torch.no_grad():
            kernels = torch.split(self.weight, [len(some) for some in self.connections])
            for kernel, bias, bound in zip(kernels, self.bias, bounds, strict=True):
                kernel.uniform_(-bound, bound)
                bias.uniform_(-bound, bound)

    def full_weight(self) -> torch.Tensor:
        """Return the weight of the full convolution, zero where there is no connection."""
        full = self.weight.new_zeros(self.out_channels * self.in_channels, *self.kernel_size)
        full = full.index_copy(0, self.places, self.weight)
        # From one kernel a row to (out, in, rows, columns).
        return full.reshape(self.out_channels, self.in_channels, *self.kernel_size)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return images ``(n, out_channels, h - rows + 1, w - columns + 1)``."""
        check_images(images)
        _check_like(images, self.weight, name="images")
        rows, columns = self.kernel_size
        if images.shape[1] != self.in_channels or (
            images.shape[2] < rows or images.shape[3] < columns
        ):
            raise ValueError(
                f"images: expected {self.in_channels} channels and at least {rows} x {columns} "
                f"pixels, got {tuple(images.shape)}"
            )
        return torch.nn.functional.conv2d(images, self.full_weight(), self.bias)

    def count_macs(self, given: tuple[int, ...], out: tuple[int, ...]) -> tuple[int, str]:
        """Return the products for one image, of the connections only, and their formula."""
        each = self.weight.shape
        return math.prod(out[1:]) * math.prod(each), f"{_product(out[1:])} * {_product(each)}"

    def extra_repr(self) -> str:
        """Return what ``print(net)`` shows in the brackets."""
        return (
            f"{self.in_channels}, {self.out_channels}, {len(self.weight)} connections, "
            f"kernel_size={self.kernel_size}"
        )


class RadialBasis(torch.nn.Module):
    """Score each class by how near the features are to its code.

    The score is minus the squared distance, ``-((x - code) ** 2).sum()``, so that the largest is
    the best, as everywhere in this book, and cross-entropy can be used. The paper's units put out
    the distance itself, and the smallest wins. The codes are fixed, not trained.

    Args:
        codes: One row for each class, shape ``(classes, features)``, floating-point; it is copied.

    Attributes:
        codes: The copy, a buffer.

    Examples:
        >>> import torch
        >>> from cnnbook.lenet import RadialBasis
        >>> layer = RadialBasis(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
        >>> layer(torch.tensor([[2.0, -1.0], [0.0, 3.0]])).tolist()
        [[-5.0, -1.0], [-5.0, -17.0]]
        >>> -((0 - 1) ** 2 + (3 - 1) ** 2)
        -5
        >>> layer(torch.zeros(3))
        Traceback (most recent call last):
            ...
        ValueError: features: expected (n, 2), got (3,)

    Source:
        LeCun, Bottou, Bengio and Haffner (1998), section II.B, equation 7.
    """

    codes: torch.Tensor

    def __init__(self, codes: torch.Tensor) -> None:
        super().__init__()
        if not isinstance(codes, torch.Tensor):
            raise TypeError(f"codes: expected a torch.Tensor, got {type(codes).__name__}")
        if not codes.is_floating_point():
            raise TypeError(
                f"codes: expected a floating-point dtype, got {codes.dtype}; "
                "convert with codes.float()"
            )
        if codes.layout != torch.strided or codes.ndim != 2 or 0 in codes.shape:
            raise ValueError(
                "codes: expected a dense (classes, features) with at least one of each, got "
                f"{tuple(codes.shape)} ({codes.layout})"
            )
        self.register_buffer("codes", codes.detach().clone())

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return scores ``(n, classes)`` of features ``(n, features)``."""
        if not isinstance(features, torch.Tensor):
            raise TypeError(f"features: expected a torch.Tensor, got {type(features).__name__}")
        if features.ndim != 2 or features.shape[1] != self.codes.shape[1]:
            raise ValueError(
                f"features: expected (n, {self.codes.shape[1]}), got {tuple(features.shape)}"
            )
        _check_like(features, self.codes, name="features")
        # The distances as they stand: |x|^2 - 2 x code + |code|^2 is faster and loses digits.
        return -(features[:, None] - self.codes).square().sum(dim=2)

    def count_macs(self, given: tuple[int, ...], out: tuple[int, ...]) -> tuple[int, str]:
        """Return the squares for one image, and their formula."""
        return self.codes.numel(), _product(self.codes.shape)

    def extra_repr(self) -> str:
        """Return what ``print(net)`` shows in the brackets."""
        classes, features = self.codes.shape
        return f"{features}, {classes}"


def _product(numbers: Sequence[int]) -> str:
    return "*".join(map(str, numbers))


def _draw_as_in_1998(layer: torch.nn.Module, *, fan_in: int) -> None:
    """Draw weights and biases between -2.4/F and 2.4/F, F being the inputs of a unit."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-2.4 / fan_in, 2.4 / fan_in)


def _connections(
    connections: Sequence[Sequence[int]], in_channels: int
) -> tuple[tuple[int, ...], ...]:
    if (
        not isinstance(connections, (tuple, list))
        or not connections
        or not all(isinstance(some, (tuple, list)) and some for some in connections)
    ):
        raise TypeError(
            "connections: expected for each output map a tuple of input maps, got "
            f"{connections!r}; one map that looks at the first two is [(0, 1)]"
        )
    checked = []
    for number, some in enumerate(connections):
        maps = tuple(check_int(one, name="connections", minimum=0) for one in some)
        if len(set(maps)) < len(maps) or max(maps) >= in_channels:
            raise ValueError(
                f"connections: expected different numbers from 0 to {in_channels - 1}, got "
                f"{maps} for map {number}"
            )
        checked.append(maps)
    return tuple(checked)


def digit_codes(*, classes: int = 10) -> torch.Tensor:
    """Draw the digits as codes of 84 = 12 x 7 numbers, 1 for ink and -1 for paper.

    LeNet-5 of 1998 compares its last features with a drawing of each digit. The paper's own
    drawings look like a printed font and are others; these are the digits of a seven-segment
    display. What matters is kept: fixed codes of 1 and -1 that look like what they stand for.

    Args:
        classes: How many digits, from 0 on; at most 10.

    Returns:
        Codes, shape ``(classes, 84)``, float32, row by row of each drawing.

    Raises:
        TypeError: ``classes`` is not a whole number.
        ValueError: ``classes`` is below 1 or above 10.

    Examples:
        >>> from cnnbook.lenet import digit_codes
        >>> for row in digit_codes()[4].reshape(12, 7).tolist():
        ...     print("".join("#" if number > 0 else "." for number in row))
        ##...##
        ##...##
        ##...##
        ##...##
        ##...##
        #######
        #######
        .....##
        .....##
        .....##
        .....##
        .....##
        >>> digit_codes(classes=1).shape
        torch.Size([1, 84])
        >>> digit_codes(classes=11)
        Traceback (most recent call last):
            ...
        ValueError: classes: expected at most 10, one for each digit, got 11

    Source:
        LeCun, Bottou, Bengio and Haffner (1998), section II.B and figure 3, for the idea; the
        drawings are made here.
    """
    classes = check_int(classes, name="classes", minimum=1)
    if classes > len(_DARK_BARS):
        raise ValueError(
            f"classes: expected at most {len(_DARK_BARS)}, one for each digit, got {classes}"
        )
    codes = torch.full((classes, 12, 7), -1.0)
    for drawing, dark in zip(codes, _DARK_BARS, strict=False):
        for bar, (rows, columns) in _BARS.items():
            if bar not in dark:
                drawing[rows, columns] = 1.0
    return codes.reshape(classes, 84)


def lenet5(
    variant: Literal["taught", "1998"] = "taught",
    *,
    image_shape: tuple[int, int, int] = (1, 28, 28),
    classes: int = 10,
) -> torch.nn.Sequential:
    """Make LeNet-5, as it is usually taught or as it was published.

    The two share the sizes and little else. What is taught has ReLU, max pooling and a linear
    layer at the end; the network of 1998 had a scaled tanh, pooling that learns, a table of
    connections that saves weights, and at the end fixed drawings of the digits.

    Args:
        variant: ``"taught"``: two convolutions of 5 x 5 with 6 and 16 kernels (the first padded
            by 2), each with ReLU and max pooling behind it, then linear layers of 120, 84 and
            ``classes``. ``"1998"``: the published network, see below.
        image_shape: Channels, rows and columns of an image. For ``"taught"`` at least 12 x 12
            pixels; for ``"1998"`` 28 x 28, which are padded to 32 x 32, or 32 x 32 as they are.
        classes: Scores per image; at most 10 for ``"1998"``, which has a drawing for each.

    Returns:
        The network; images ``(n, c, h, w)`` to scores ``(n, classes)``.

        ``"taught"`` has 61,706 parameters for 28 x 28 pixels of one channel, with torch's random
        start.

        ``"1998"`` has 60,000, and its layers have the paper's names: ``C1`` 6 maps (156
        parameters), ``S2`` subsampling (12), ``C3`` 16 maps with the connections of table I
        (1,516), ``S4`` subsampling (32), ``C5`` 120 maps (48,120), ``F6`` 84 units (10,164),
        ``output`` fixed codes (none). Behind each but the last is the scaled tanh. Weights and
        biases start between -2.4/F and 2.4/F, F being the number of inputs of a unit, as the paper
        has it. Its codes are not the paper's drawings but those of ``digit_codes``; its scores
        are minus the paper's distances; and it was trained on pixels from -0.1 (paper) to 1.175
        (ink) and with another loss, which is up to whoever trains it.

    Raises:
        TypeError: ``image_shape`` is not three whole numbers, or ``classes`` not a whole number.
        ValueError: ``variant`` is unknown, the image's size does not fit, ``classes`` is below 1
            or above what the variant has, or the network would have over 1,000,000,000
            parameters.

    Examples:
        >>> import torch
        >>> from cnnbook.lenet import lenet5
        >>> [sum(p.numel() for p in lenet5(name).parameters()) for name in ("taught", "1998")]
        [61706, 60000]
        >>> 156 + 12 + 1_516 + 32 + 48_120 + 10_164
        60000
        >>> lenet5("1998").C3
        PartialConv2d(6, 16, 60 connections, kernel_size=(5, 5))
        >>> lenet5("1998")(torch.zeros(3, 1, 28, 28)).shape
        torch.Size([3, 10])

        The smallest image leaves one pixel for each of the 16 maps: 12, 6, 2, 1.

        >>> lenet5(image_shape=(1, 12, 12))[7].in_features
        16
        >>> lenet5(image_shape=(1, 11, 11))
        Traceback (most recent call last):
            ...
        ValueError: image_shape: expected at least 12 x 12 pixels, got 11 x 11, of which nothing \
is left after two convolutions and two poolings

    Source:
        LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document
        recognition, section II.B and table I; Zhang, Lipton, Li and Smola (2023), Dive into Deep
        Learning, section 7.6, for the way it is taught.
    """
    if not isinstance(variant, str) or variant not in ("taught", "1998"):
        raise ValueError(f"variant: expected 'taught' or '1998', got {variant!r}")
    depth, height, width = check_image_shape(image_shape)
    classes = check_int(classes, name="classes", minimum=1)
    if variant == "1998":
        return _lenet5_of_1998(depth, height, width, classes)
    if min(height, width) < 12:
        raise ValueError(
            f"image_shape: expected at least 12 x 12 pixels, got {height} x {width}, of which "
            "nothing is left after two convolutions and two poolings"
        )
    # Padded by 2, the first convolution keeps the size; the second takes 4 off.
    features = 16 * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)
    count = 6 * (25 * depth + 1) + 16 * (25 * 6 + 1) + 120 * (features + 1) + 84 * 121
    check_parameter_count(count + classes * 85, image_shape=depth * height * width, classes=classes)
    return torch.nn.Sequential(
        torch.nn.Conv2d(depth, 6, 5, padding=2),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(6, 16, 5),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(features, 120),
        torch.nn.ReLU(),
        torch.nn.Linear(120, 84),
        torch.nn.ReLU(),
        torch.nn.Linear(84, classes),
    )


def _lenet5_of_1998(depth: int, height: int, width: int, classes: int) -> torch.nn.Sequential:
    paddings = {(28, 28): 2, (32, 32): 0}
    if (height, width) not in paddings:
        raise ValueError(
            "image_shape: expected 28 x 28 pixels, or 32 x 32 as published, got "
            f"{height} x {width}; lenet5('taught') takes every size from 12 x 12"
        )
    codes = digit_codes(classes=classes)
    check_parameter_count(6 * (25 * depth + 1), image_shape=depth * height * width)
    first = torch.nn.Conv2d(depth, 6, 5, padding=paddings[height, width])
    third = torch.nn.Conv2d(16, 120, 5)
    full = torch.nn.Linear(120, 84)
    for layer, fan_in in ((first, 25 * depth), (third, 16 * 25), (full, 120)):
        _draw_as_in_1998(layer, fan_in=fan_in)
    return torch.nn.Sequential(
        OrderedDict(
            C1=first,
            squash1=ScaledTanh(),
            S2=Subsampling(6),
            squash2=ScaledTanh(),
            C3=PartialConv2d(6, _C3_CONNECTIONS, 5),
            squash3=ScaledTanh(),
            S4=Subsampling(16),
            squash4=ScaledTanh(),
            C5=third,
            squash5=ScaledTanh(),
            flatten=torch.nn.Flatten(),
            F6=full,
            squash6=ScaledTanh(),
            output=RadialBasis(codes),
        )
    )
