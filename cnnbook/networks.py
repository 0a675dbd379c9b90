"""The networks that the book trains, and the mode in which a network is evaluated."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cnnbook._checks import check_bool, check_image_shape, check_int, check_parameter_count

__all__ = ["matched_mlp", "mlp", "preserve_mode", "small_cnn"]


def mlp(
    *, image_shape: tuple[int, int, int] = (1, 28, 28), hidden: int = 2048, classes: int = 10
) -> torch.nn.Sequential:
    """Make the lecture's "desperate" network: one wide hidden layer connected to every pixel.

    Without convolution one would use this network. Flattening the image loses which pixels are
    neighbours, and every hidden unit has a weight for every pixel.

    Args:
        image_shape: Channels, rows and columns of an image.
        hidden: Units of the hidden layer.
        classes: Scores per image.

    Returns:
        ``Flatten, Linear, ReLU, Linear`` with torch's initialization; images ``(n, c, h, w)`` to
        scores ``(n, classes)``.

    Raises:
        ValueError: The network would have more than 1,000,000,000 parameters.

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
        back-propagating errors, for networks with a hidden layer.
    """
    channels, height, width = check_image_shape(image_shape)
    hidden = check_int(hidden, name="hidden", minimum=1)
    classes = check_int(classes, name="classes", minimum=1)
    pixels = channels * height * width
    count = hidden * (pixels + 1) + classes * (hidden + 1)
    check_parameter_count(count, hidden=hidden, image_shape=pixels, classes=classes)
    return torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(pixels, hidden),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden, classes),
    )


def small_cnn(
    *, image_shape: tuple[int, int, int] = (1, 28, 28), channels: int = 16, classes: int = 10
) -> torch.nn.Sequential:
    """Make the lecture's "sloppy" network: one convolution, one pooling, one linear layer.

    Args:
        image_shape: Channels, rows and columns of an image; at least 3 rows and columns.
        channels: Kernels of the convolution, each 2 x 2.
        classes: Scores per image.

    Returns:
        ``Conv2d, ReLU, MaxPool2d, Flatten, Linear`` with torch's initialization; images
        ``(n, c, h, w)`` to scores ``(n, classes)``.

    Raises:
        ValueError: An image is smaller than 3 x 3, or the network would have more than
            1,000,000,000 parameters.

    Examples:
        >>> import torch
        >>> from cnnbook.networks import small_cnn
        >>> small_cnn()(torch.zeros(3, 1, 28, 28)).shape
        torch.Size([3, 10])
        >>> [tuple(tensor.shape) for tensor in small_cnn().parameters()]
        [(16, 1, 2, 2), (16,), (10, 2704), (10,)]

        2704 is 16 channels of 13 x 13: along each axis, 28 pixels hold 27 windows of two, and 27
        hold 13 pairs.

        >>> small_cnn(image_shape=(1, 2, 2))
        Traceback (most recent call last):
            ...
        ValueError: image_shape: expected at least 3 x 3 pixels, got 2 x 2: nothing is left \
after a 2 x 2 convolution and a 2 x 2 pooling

    Source:
        The lecture; LeCun et al. (1989), Backpropagation applied to handwritten zip code
        recognition, for convolutional networks.
    """
    depth, height, width = check_image_shape(image_shape)
    channels = check_int(channels, name="channels", minimum=1)
    classes = check_int(classes, name="classes", minimum=1)
    if min(height, width) < 3:
        raise ValueError(
            f"image_shape: expected at least 3 x 3 pixels, got {height} x {width}: nothing is "
            "left after a 2 x 2 convolution and a 2 x 2 pooling"
        )
    features = channels * ((height - 1) // 2) * ((width - 1) // 2)
    count = channels * (4 * depth + 1) + classes * (features + 1)
    check_parameter_count(
        count, channels=channels, image_shape=depth * height * width, classes=classes
    )
    return torch.nn.Sequential(
        torch.nn.Conv2d(depth, channels, 2),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(features, classes),
    )


def matched_mlp(
    parameters: int, *, image_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10
) -> torch.nn.Sequential:
    """Make the MLP whose number of parameters is nearest to that of another network.

    A comparison of an MLP of 1,628,170 parameters with a CNN of 27,130 leaves open whether the
    architecture or the size makes the difference. This is the MLP of the CNN's size.

    Args:
        parameters: Number of parameters of the other network.
        image_shape: Channels, rows and columns of an image.
        classes: Scores per image.

    Returns:
        ``mlp`` with the hidden width whose number of parameters is nearest to ``parameters``; of
        two that are equally near, the narrower.

    Raises:
        ValueError: One hidden unit needs over 10 % more than ``parameters``, or the network would
            have more than 1,000,000,000.

    Examples:
        >>> from cnnbook.networks import matched_mlp
        >>> net = matched_mlp(27_130)
        >>> net[1].out_features
        34
        >>> sum(parameter.numel() for parameter in net.parameters())
        27040
        >>> 34*784 + 34 + 10*34 + 10
        27040

        The smallest has one hidden unit.

        >>> matched_mlp(805)[1].out_features
        1
        >>> matched_mlp(80)
        Traceback (most recent call last):
            ...
        ValueError: parameters: expected about 805 or more, which one hidden unit needs, got 80
    """
    parameters = check_int(parameters, name="parameters", minimum=1)
    channels, height, width = check_image_shape(image_shape)
    classes = check_int(classes, name="classes", minimum=1)
    # A hidden unit has a weight for each pixel, a bias, and a weight for each class.
    per_unit = channels * height * width + 1 + classes
    smallest = per_unit + classes
    if 10 * smallest > 11 * parameters:
        raise ValueError(
            f"parameters: expected about {smallest:,} or more, which one hidden unit needs, "
            f"got {parameters:,}"
        )
    # Integer division that rounds half down; dividing floats would lose the last digits.
    hidden = max(1, -((per_unit - 2 * (parameters - classes)) // (2 * per_unit)))
    check_parameter_count(hidden * per_unit + classes, parameters=parameters)
    return mlp(image_shape=(channels, height, width), hidden=hidden, classes=classes)


@contextmanager
def preserve_mode(net: torch.nn.Module, *, training: bool) -> Iterator[None]:
    """Put every layer into training or evaluation mode, and afterwards back into its own.

    Args:
        net: The network.
        training: The mode inside the ``with`` block.

    Yields:
        Nothing.

    Examples:
        >>> import torch
        >>> from cnnbook.networks import preserve_mode
        >>> net = torch.nn.Dropout()
        >>> with preserve_mode(net, training=False):
        ...     net(torch.ones(3)).tolist()
        [1.0, 1.0, 1.0]
        >>> net.training
        True
        >>> with preserve_mode(net, training="no"):
        ...     pass
        Traceback (most recent call last):
            ...
        TypeError: training: expected True or False, got 'no'
    """
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"net: expected a torch.nn.Module, got {type(net).__name__}")
    check_bool(training, name="training")
    modes = {module: module.training for module in net.modules()}
    try:
        net.train(training)
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
