"""LeNet-5 as published in 1998 and as it is taught today, with the layers of 1998."""

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
    summarize,
)

__all__ = ["PartialConv2d", "RadialBasis", "ScaledTanh", "Subsampling", "digit_codes", "lenet5"]

# Table I of LeCun et al. (1998): the maps of S2 to which each map of C3 is connected.
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
# The bars that are off in each digit; most digits have fewer of them than bars that are on.
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
    """Refuse an input whose dtype or device is not that of the layer."""
    # Autocast converts dtypes by itself.
    same_type = x.dtype == weight.dtype or torch.is_autocast_enabled(x.device.type)
    if not same_type or x.device != weight.device:
        raise ValueError(
            f"{name}: expected {weight.dtype} on {weight.device}, like the layer, got {x.dtype} "
            f"on {x.device}; convert with {name}.to(...)"
        )


class ScaledTanh(torch.nn.Module):
    """The activation function of 1998, ``1.7159 * tanh(2/3 * x)``.

    The factors make it pass through ``(1, 1)`` and ``(-1, -1)``, where its curvature is largest:
    outputs reach targets of 1 and -1 without saturation, and the variance of the activations
    stays about the same from layer to layer.

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
        """Return ``1.7159 * tanh(2/3 * x)``, elementwise."""
        if not isinstance(x, torch.Tensor):
            raise TypeError(f"x: expected a torch.Tensor, got {type(x).__name__}")
        check_number_type(x, name="x")
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsampling(torch.nn.Module):
    """Halve rows and columns: the sum of four neighbours times a weight, plus a bias.

    CNNs of 1998 had this layer where later ones have pooling. Unlike pooling it learns. With a
    small weight it blurs. With a large weight and an activation function after it, it computes an
    "or" or an "and" of the four inputs, depending on the bias.

    Args:
        channels: Channels of the images; each has a weight and a bias.

    Attributes:
        weight: Shape ``(channels,)``. Like ``bias`` it is initialized uniformly between -2.4/4
            and 2.4/4, the paper's rule for units with four inputs.
        bias: Shape ``(channels,)``.

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

        The nines do not count: the last row or column of an odd size is dropped.

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
        _initialize_as_in_1998(self, fan_in=4)

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

    def count_macs(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> tuple[int, str]:
        """Return the multiplications for one image, one for each sum, and their formula."""
        return math.prod(output_shape), _product(output_shape)

    def extra_repr(self) -> str:
        """Return what ``print(net)`` shows in the parentheses."""
        return str(self.channels)


class PartialConv2d(torch.nn.Module):
    """A convolution in which each output channel uses only some of the input channels.

    This breaks the symmetry between the output channels, so that they have to learn different
    features, and it needs fewer weights. ``groups`` cannot express it: in a table such as that of
    LeNet-5 the sets of input channels overlap.

    Args:
        in_channels: Channels of the images.
        connections: For each output channel the indices of its input channels.
        kernel_size: Rows and columns of each kernel, one number or two.

    Attributes:
        connections: The argument, as tuples.
        weight: The kernels, shape ``(k, rows, columns)``, one for each connection, in the order
            of ``connections``. It is initialized uniformly between -2.4/F and 2.4/F, where F is
            the number of inputs of a unit of that output channel.
        bias: Shape ``(out_channels,)``, initialized like the weights of its channel.
        kernel_indices: Index of each kernel among the ``out_channels * in_channels`` kernels of
            the full weight, shape ``(k,)``; a buffer.

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

        With every connection it is ``torch.nn.Conv2d``.

        >>> PartialConv2d(2, [(0, 1), (0, 1)], 3).full_weight().shape
        torch.Size([2, 2, 3, 3])
        >>> PartialConv2d(3, [(0, 3)], 1)
        Traceback (most recent call last):
            ...
        ValueError: connections: expected different numbers from 0 to 2, got (0, 3) for output 0

    Source:
        LeCun, Bottou, Bengio and Haffner (1998), section II.B, layer C3 and table I.
    """

    kernel_indices: torch.Tensor

    def __init__(
        self,
        in_channels: int,
        connections: Sequence[Sequence[int]],
        kernel_size: int | tuple[int, int],
    ) -> None:
        super().__init__()
        self.in_channels = check_int(in_channels, name="in_channels", minimum=1)
        self.connections = _check_connections(connections, self.in_channels)
        self.out_channels = len(self.connections)
        self.kernel_size = pair(kernel_size, name="kernel_size", minimum=1)
        count = sum(map(len, self.connections))
        # The size of the full weight is checked because every forward pass builds it.
        check_parameter_count(
            self.out_channels * self.in_channels * math.prod(self.kernel_size),
            in_channels=self.in_channels,
            kernel_size=max(self.kernel_size),
        )
        self.weight = torch.nn.Parameter(torch.empty(count, *self.kernel_size))
        self.bias = torch.nn.Parameter(torch.empty(self.out_channels))
        indices = [
            output * self.in_channels + channel
            for output, channels in enumerate(self.connections)
            for channel in channels
        ]
        self.register_buffer("kernel_indices", torch.tensor(indices))
        with torch.no_grad():
            kernels = torch.split(self.weight, [len(channels) for channels in self.connections])
            for kernel, bias in zip(kernels, self.bias, strict=True):
                bound = 2.4 / kernel.numel()
                kernel.uniform_(-bound, bound)
                bias.uniform_(-bound, bound)

    def full_weight(self) -> torch.Tensor:
        """Return the weight of the full convolution, zero where there is no connection."""
        full = self.weight.new_zeros(self.out_channels * self.in_channels, *self.kernel_size)
        full = full.index_copy(0, self.kernel_indices, self.weight)
        # (out * in, rows, columns) to (out, in, rows, columns).
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

    def count_macs(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> tuple[int, str]:
        """Return the MACs for one image, of the connections only, and their formula."""
        positions, weights = output_shape[1:], self.weight.shape
        return (
            math.prod(positions) * math.prod(weights),
            f"{_product(positions)} * {_product(weights)}",
        )

    def extra_repr(self) -> str:
        """Return what ``print(net)`` shows in the parentheses."""
        return (
            f"{self.in_channels}, {self.out_channels}, {len(self.weight)} connections, "
            f"kernel_size={self.kernel_size}"
        )


class RadialBasis(torch.nn.Module):
    """Score each class by the distance of the features from its code.

    The score is minus the squared distance, ``-((x - code) ** 2).sum()``, so that the largest
    score is the prediction and cross-entropy can be used. The paper's units return the distance
    itself, and the smallest is the prediction. The codes are fixed, not trained.

    Args:
        codes: One row for each class, shape ``(classes, features)``, floating-point.

    Attributes:
        codes: A copy of the argument, as a buffer.

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
        if codes.ndim != 2 or 0 in codes.shape:
            raise ValueError(
                "codes: expected (classes, features) with at least one of each, got "
                f"{tuple(codes.shape)}"
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
        # Not |x|^2 - 2 x code + |code|^2, which is faster and loses digits by cancellation.
        return -(features[:, None] - self.codes).square().sum(dim=2)

    def count_macs(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> tuple[int, str]:
        """Return the number of squares for one image, and its formula."""
        return self.codes.numel(), _product(self.codes.shape)

    def extra_repr(self) -> str:
        """Return what ``print(net)`` shows in the parentheses."""
        classes, features = self.codes.shape
        return f"{features}, {classes}"


def _product(numbers: Sequence[int]) -> str:
    return "*".join(map(str, numbers))


def _initialize_as_in_1998(layer: torch.nn.Module, *, fan_in: int) -> None:
    """Draw weights and biases uniformly between -2.4/fan_in and 2.4/fan_in."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-2.4 / fan_in, 2.4 / fan_in)


def _check_connections(
    connections: Sequence[Sequence[int]], in_channels: int
) -> tuple[tuple[int, ...], ...]:
    if (
        not isinstance(connections, (tuple, list))
        or not connections
        or not all(isinstance(channels, (tuple, list)) and channels for channels in connections)
    ):
        raise TypeError(
            "connections: expected for each output channel a tuple of input channels, got "
            f"{summarize(connections)}; one output channel with the first two inputs is [(0, 1)]"
        )
    checked = []
    for output, given in enumerate(connections):
        channels = tuple(check_int(channel, name="connections", minimum=0) for channel in given)
        if len(set(channels)) < len(channels) or max(channels) >= in_channels:
            raise ValueError(
                f"connections: expected different numbers from 0 to {in_channels - 1}, got "
                f"{channels} for output {output}"
            )
        checked.append(channels)
    return tuple(checked)


def digit_codes(*, classes: int = 10) -> torch.Tensor:
    """Draw the digits as codes of 84 = 12 x 7 numbers, 1 for ink and -1 for paper.

    LeNet-5 of 1998 compares its last features with a drawing of each digit. The paper's drawings
    imitate a printed font; these are the digits of a seven-segment display. Both are fixed codes
    of 1 and -1 that look like their digits.

    Args:
        classes: Number of digits, counted from 0; at most 10.

    Returns:
        Codes, shape ``(classes, 84)``, float32, row by row of each drawing.

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
        LeCun, Bottou, Bengio and Haffner (1998), section II.B and figure 3, for the idea.
    """
    classes = check_int(classes, name="classes", minimum=1)
    if classes > len(_DARK_BARS):
        raise ValueError(
            f"classes: expected at most {len(_DARK_BARS)}, one for each digit, got {classes}"
        )
    codes = torch.full((classes, 12, 7), -1.0, device="cpu")
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

    The two have the same sizes and little else in common. The taught network has ReLU, max
    pooling and a linear layer at the end. The network of 1998 has a scaled tanh, subsampling with
    trained weights, a table of connections that saves weights, and at the end fixed drawings of
    the digits.

    Args:
        variant: ``"taught"``: two convolutions of 5 x 5 with 6 and 16 kernels (the first padded
            by 2), each followed by ReLU and max pooling, then linear layers of 120, 84 and
            ``classes``. ``"1998"``: the published network, see below.
        image_shape: Channels, rows and columns of an image. For ``"taught"`` at least 12 x 12
            pixels; for ``"1998"`` 28 x 28, which are padded to 32 x 32, or 32 x 32 unpadded.
        classes: Scores per image; at most 10 for ``"1998"``, which has a drawing for each.

    Returns:
        The network; images ``(n, c, h, w)`` to scores ``(n, classes)``.

        ``"taught"`` has 61,706 parameters for 28 x 28 pixels of one channel, with torch's
        initialization.

        ``"1998"`` has 60,000, and its layers have the paper's names: ``C1`` 6 channels (156
        parameters), ``S2`` subsampling (12), ``C3`` 16 channels with the connections of table I
        (1,516), ``S4`` subsampling (32), ``C5`` 120 channels (48,120), ``F6`` 84 units (10,164),
        ``output`` fixed codes (none). The scaled tanh follows each but the last. Weights and
        biases are initialized uniformly between -2.4/F and 2.4/F, where F is the number of inputs
        of a unit, as in the paper. Three things differ from the paper: the codes are those of
        ``digit_codes``; the scores are minus the paper's distances; and pixels and loss are the
        caller's choice (the paper's pixels go from -0.1 for paper to 1.175 for ink, and it has
        another loss).

    Raises:
        ValueError: The variant does not support the image's size or that many classes, or the
            network would have more than 1,000,000,000 parameters.

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

        The smallest image leaves one pixel in each of the 16 channels: 12, 6, 2, 1.

        >>> lenet5(image_shape=(1, 12, 12))[7].in_features
        16
        >>> lenet5(image_shape=(1, 11, 11))
        Traceback (most recent call last):
            ...
        ValueError: image_shape: expected at least 12 x 12 pixels, got 11 x 11: nothing is left \
after two convolutions and two poolings

    Source:
        LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document
        recognition, section II.B and table I; Zhang, Lipton, Li and Smola (2023), Dive into Deep
        Learning, section 7.6, for the taught variant.
    """
    if not isinstance(variant, str) or variant not in ("taught", "1998"):
        raise ValueError(f"variant: expected 'taught' or '1998', got {summarize(variant)}")
    depth, height, width = check_image_shape(image_shape)
    classes = check_int(classes, name="classes", minimum=1)
    if variant == "1998":
        return _lenet5_of_1998(depth, height, width, classes)
    if min(height, width) < 12:
        raise ValueError(
            f"image_shape: expected at least 12 x 12 pixels, got {height} x {width}: nothing "
            "is left after two convolutions and two poolings"
        )
    # The first convolution is padded by 2 and keeps the size; the second makes it 4 smaller.
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
    c1 = torch.nn.Conv2d(depth, 6, 5, padding=paddings[height, width])
    c5 = torch.nn.Conv2d(16, 120, 5)
    f6 = torch.nn.Linear(120, 84)
    for layer, fan_in in ((c1, 25 * depth), (c5, 16 * 25), (f6, 120)):
        _initialize_as_in_1998(layer, fan_in=fan_in)
    return torch.nn.Sequential(
        OrderedDict(
            C1=c1,
            squash1=ScaledTanh(),
            S2=Subsampling(6),
            squash2=ScaledTanh(),
            C3=PartialConv2d(6, _C3_CONNECTIONS, 5),
            squash3=ScaledTanh(),
            S4=Subsampling(16),
            squash4=ScaledTanh(),
            C5=c5,
            squash5=ScaledTanh(),
            flatten=torch.nn.Flatten(),
            F6=f6,
            squash6=ScaledTanh(),
            # On torch's default device, as the layers above.
            output=RadialBasis(codes.to(f6.weight.device)),
        )
    )
