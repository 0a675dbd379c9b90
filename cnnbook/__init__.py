"""Worked examples of convolutional neural networks, every number computed and checked.

``import cnnbook`` costs nothing: a module is imported when it is used, as in
``cnnbook.convolution.conv2d``. ``python -m cnnbook`` reports versions, device and data.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnbook import (
        conv_matrix,
        convolution,
        counting,
        exercises,
        figures,
        images,
        kernels,
        lenet,
        metrics,
        networks,
        pooling,
        receptive_field,
        seeds,
        shapes,
        training,
        windows,
    )

__version__ = "0.1.0"

__all__ = [
    "conv_matrix",
    "convolution",
    "counting",
    "exercises",
    "figures",
    "images",
    "kernels",
    "lenet",
    "metrics",
    "networks",
    "pooling",
    "receptive_field",
    "seeds",
    "shapes",
    "training",
    "windows",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
