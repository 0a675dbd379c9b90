"""Exercises on counting parameters."""

from cnnbook.exercises._answers import Numbers
from cnnbook.exercises._grading import Exercise, Mistake

__all__ = ["EXERCISES"]

_conv_parameters = Exercise(
    "How many parameters does ``Conv2d(3, 8, 5)`` have: three channels in, eight out, windows of "
    "5 x 5?",
    hint="Each of the eight kernels has weights for all three channels, and each has one bias.",
    solution="""
weights = 8 * 3 * 5 * 5
biases = 8
answer = weights + biases
""",
    kind=Numbers("one number"),
    right=lambda: 608,
    mistakes=(
        Mistake("the biases are forgotten", lambda: 600, "Every kernel has one."),
        Mistake(
            "the input channels are forgotten",
            lambda: 208,
            "A kernel has other weights for each input channel.",
        ),
        Mistake(
            "there is a bias for every pair of channels",
            lambda: 624,
            "A bias is added once, after the channels are added up.",
        ),
        Mistake(
            "there is only one bias",
            lambda: 601,
            "Every output channel has its own.",
        ),
        Mistake(
            "the window has only one side",
            lambda: 128,
            "A window has rows and columns.",
        ),
        Mistake(
            "that is one kernel",
            lambda: 75,
            "There are eight, and each has a bias.",
            others=(lambda: 76,),
        ),
    ),
    remark="8*3*5*5 + 8.",
)

_widest_mlp = Exercise(
    "An MLP with 784 inputs, h hidden units and 10 outputs must have at most as many parameters as "
    "the sloppy CNN, 27,130. What is the largest h?",
    hint="Each hidden unit adds 784 weights, a bias, and 10 weights of the next layer. The ten "
    "output biases do not depend on h.",
    solution="""
budget = 27_130 - 10
answer = budget // (784 + 1 + 10)
""",
    kind=Numbers("one number"),
    right=lambda: 34,
    mistakes=(
        Mistake(
            "that was rounded up",
            lambda: 35,
            "Count the parameters of that MLP: are they still at most 27,130?",
        ),
        Mistake(
            "that is not a whole number",
            lambda: 27_120 / 795,
            "A unit cannot be split, and one more would be too many.",
        ),
        Mistake(
            "the first layer is forgotten",
            lambda: 2712,
            "Each hidden unit has a weight for each of the 784 pixels.",
        ),
    ),
    remark="The desperate MLP has 2,048.",
)

_parameters_without_pooling = Exercise(
    "Take ``MaxPool2d(2)`` out of the sloppy CNN: ``Conv2d(1, 16, 2)``, ReLU, Flatten and a linear "
    "layer to 10 classes, on images of 28 x 28. How many parameters does it have now?",
    hint="The convolution has 80 parameters as before. Without pooling, the linear layer gets all "
    "numbers of its sixteen feature maps.",
    solution="""
from torch import nn

net = nn.Sequential(nn.Conv2d(1, 16, 2), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 27 * 27, 10))
answer = sum(parameter.numel() for parameter in net.parameters())
""",
    kind=Numbers("one number"),
    right=lambda: 116_730,
    mistakes=(
        Mistake(
            "the convolution is forgotten",
            lambda: 116_650,
            "It has few parameters, but it has some.",
        ),
        Mistake(
            "the biases of the linear layer are forgotten",
            lambda: 116_720,
            "It has one for each class.",
        ),
        Mistake(
            "only one of the sixteen feature maps is counted",
            lambda: 7_380,
            "Flatten puts all of them into one row.",
        ),
        Mistake(
            "the size is off by one",
            lambda: 125_530,
            "A 2 x 2 window cannot start at the last row or column of 28.",
        ),
        Mistake(
            "that is the network with its pooling",
            lambda: 27_130,
            "Without it, the linear layer gets more numbers.",
        ),
    ),
    remark="Over four times as many: pooling keeps the linear layer small.",
)


EXERCISES = (
    _conv_parameters,
    _widest_mlp,
    _parameters_without_pooling,
)
