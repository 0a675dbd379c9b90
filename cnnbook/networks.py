"""The networks that the book trains, and looking at a network without changing it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cnnbook.arguments import whole_number

__all__ = ["mlp", "modes_kept", "small_cnn"]


def _image_shape(image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    if not isinstance(image_shape, (tuple, list)) or len(image_shape) != 3:
        raise TypeError(f"image_shape: expected (c, h, w), got {image_shape!r}")
    channels, height, width = (
        whole_number(size, name="image_shape", least=1) for size in image_shape
    )
    return channels, height, width


def mlp(
    *, image_shape: tuple[int, int, int] = (1, 28, 28), hidden: int = 2048, classes: int = 10
) -> torch.nn.Sequential:
    """Make the "desperate" network: one wide hidden layer that sees every pixel at once.

    It is what one would use without convolution: the image is flattened, so which pixels are
    neighbours is lost, and every hidden unit has a weight for every pixel.

    Args:
        image_shape: Channels, rows and columns of an image.
        hidden: Units of the hidden layer.
        classes: Scores per image.

    Returns:
        ``Flatten, Linear, ReLU, Linear`` with torch's random start; images ``(n, c, h, w)`` to
        scores ``(n, classes)``.

    Raises:
        TypeError: ``image_shape`` is not three whole numbers, or another is not a whole number.
        ValueError: A number is below 1.

    Examples:
        >>> import torch
        >>> from cnnbook.networks import mlp
        >>> mlp()(torch.zeros(3, 1, 28, 28)).shape
        torch.Size([3, 10])
        >>> [tuple(tensor.shape) for tensor in mlp().parameters()]
        [(2048, 784), (2048,), (10, 2048), (10,)]
        >>> mlp(hidden=0)
        Traceback (most recent call last):
            ...
        ValueError: hidden: expected at least 1, got 0

    Source:
        The lecture; Rumelhart, Hinton and Williams (1986), Learning representations by
        back-propagating errors, for the kind of network.
    """
    channels, height, width = _image_shape(image_shape)
    hidden = whole_number(hidden, name="hidden", least=1)
    classes = whole_number(classes, name="classes", least=1)
    return torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(channels * height * width, hidden),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden, classes),
    )


def small_cnn(
    *, image_shape: tuple[int, int, int] = (1, 28, 28), channels: int = 16, classes: int = 10
) -> torch.nn.Sequential:
    """Make the "sloppy" network: one convolution, one pooling, one linear layer.

    Args:
        image_shape: Channels, rows and columns of an image; at least 3 rows and columns.
        channels: Kernels of the convolution, each 2 x 2.
        classes: Scores per image.

    Returns:
        ``Conv2d, ReLU, MaxPool2d, Flatten, Linear`` with torch's random start; images
        ``(n, c, h, w)`` to scores ``(n, classes)``.

    Raises:
        TypeError: ``image_shape`` is not three whole numbers, or another is not a whole number.
        ValueError: A number is below 1, or an image is smaller than 3 x 3.

    Examples:
        >>> import torch
        >>> from cnnbook.networks import small_cnn
        >>> small_cnn()(torch.zeros(3, 1, 28, 28)).shape
        torch.Size([3, 10])
        >>> [tuple(tensor.shape) for tensor in small_cnn().parameters()]
        [(16, 1, 2, 2), (16,), (10, 2704), (10,)]

        The 2704 is 16 channels of 13 x 13: 28 pixels hold 27 windows of two, and 27 hold 13
        pairs.

        >>> small_cnn(image_shape=(1, 2, 2))
        Traceback (most recent call last):
            ...
        ValueError: image_shape: expected at least 3 x 3 pixels, got 2 x 2, of which nothing is \
left after a 2 x 2 convolution and a 2 x 2 pooling

    Source:
        The lecture; LeCun et al. (1989), Backpropagation applied to handwritten zip code
        recognition, for the kind of network.
    """
    depth, height, width = _image_shape(image_shape)
    channels = whole_number(channels, name="channels", least=1)
    classes = whole_number(classes, name="classes", least=1)
    if min(height, width) < 3:
        raise ValueError(
            f"image_shape: expected at least 3 x 3 pixels, got {height} x {width}, of which "
            "nothing is left after a 2 x 2 convolution and a 2 x 2 pooling"
        )
    return torch.nn.Sequential(
        torch.nn.Conv2d(depth, channels, 2),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(channels * ((height - 1) // 2) * ((width - 1) // 2), classes),
    )


@contextmanager
def modes_kept(net: torch.nn.Module, *, training: bool) -> Iterator[None]:
    """Put every layer into training or evaluation mode, and back into its own afterwards.

    Args:
        net: The network.
        training: Which mode holds inside the ``with`` block.

    Yields:
        Nothing.

    Examples:
        >>> import torch
        >>> from cnnbook.networks import modes_kept
        >>> net = torch.nn.Dropout()
        >>> with modes_kept(net, training=False):
        ...     net(torch.ones(3)).tolist()
        [1.0, 1.0, 1.0]
        >>> net.training
        True

    Source:
        Derived here.
    """
    modes = {module: module.training for module in net.modules()}
    try:
        net.train(training)
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
