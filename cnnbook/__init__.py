"""Worked examples of convolutional neural networks, each one executed.

Import from the module that holds the idea, for example
``from cnnbook.convolution import conv2d``; the package itself imports nothing, so that it costs
nothing.
"""

__version__ = "0.1.0"
