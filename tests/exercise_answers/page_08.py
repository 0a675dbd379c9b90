"""Answers to the exercises of page 8."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "8.1": Answers(
        right=(
            "(5, 8, 30, 44)",
            "[5, 8, 30, 44]",
            "torch.Size((5, 8, 30, 44))",
            "np.array([5, 8, 30, 44])",
            "'5 x 8 x 30 x 44'",
            "'5, 8, 30, 44'",
            "nn.Conv2d(3, 8, (3, 5))(torch.zeros(5, 3, 32, 48)).shape",
        ),
        wrong={
            "(5, 3, 30, 44)": "the channels are those of the input",
            "(5, 24, 30, 44)": "the input channels are kept apart",
            "(8, 30, 44)": "the axis of the images is missing",
            "(5, 8, 28, 46)": "rows and columns of the window are swapped",
            "(5, 8, 29, 43)": "the size is off by one",
            "(5, 8, 32, 48)": "the size is unchanged",
            "(5, 8, 44, 30)": "rows and columns are swapped",
            "(8, 5, 30, 44)": "the axes are in another order",
            "(5, 30, 44, 8)": "the axes are in another order",
            "(44, 30, 8, 5)": "the right numbers in another order",
            "(30, 44)": "2 numbers, which is too few",
            "torch.zeros(5, 8, 30, 44)": "that is the result and not its shape",
            "(5, 8, 30, 45)": "1 of 4 numbers is wrong, the one at index 3",
        },
    ),
    "8.2": Answers(
        right=("20", "20.0", "'20'", "torch.tensor([[[[20.0]]]])", "np.float64(20)", "[20]"),
        wrong={
            "18": "the bias is forgotten",
            "22": "the bias is added in each channel",
            "7": "only the first channel is used",
            "15": "only the second channel is used",
            "[7, 15]": "the channels are kept apart",
            "[5, 13]": "the channels are kept apart, and the bias is forgotten",
            "21": "both channels use the same weights",
            "9": "9 is too small",
            "65": "65 is too large",
        },
    ),
    "8.3": Answers(
        right=(
            "kernels([[1.0, 0], [0, 0]], [[0.25, 0.25], [0.25, 0.25]], [[-1, 0], [0, 1]])",
            "kernels([[1.0, 0], [0, 0]], [[0.25] * 2] * 2, [[-1, 0], [0, 1]]).double()",
            "nn.Sequential(kernels([[1.0, 0], [0, 0]], [[0.25] * 2] * 2, [[-1, 0], [0, 1]]))",
            "kernels([[1.0, 0], [0, 0]], [[0.25] * 2] * 2, [[-1, 0], [0, 1]]).train()",
            "conv_from_kernel(torch.tensor([[[[1.0, 0], [0, 0]]], [[[0.25] * 2] * 2], "
            "[[[-1, 0], [0, 1]]]]))",
        ),
        wrong={
            "kernels([[-1.0, 0], [0, 1]], [[0.25] * 2] * 2, [[1, 0], [0, 0]])": "the kernels stand in the opposite order",
            "kernels([[1.0, 0], [0, 0]], [[-1, 0], [0, 1]], [[0.25] * 2] * 2)": "the right channels in another order",
            "kernels([[0.25] * 2] * 2, [[1.0, 0], [0, 0]], [[-1, 0], [0, 1]])": "the right channels in another order",
            "kernels([[0.25] * 2] * 2, [[-1, 0], [0, 1]], [[1.0, 0], [0, 0]])": "the right channels in another order",
            "kernels([[1.0, 0], [0, 0]], [[1.0] * 2] * 2, [[-1, 0], [0, 1]])": "the second channel is the sum",
            "kernels([[1.0, 0], [0, 0]], [[0.25] * 2] * 2, [[1, 0], [0, -1]])": "the third channel has the opposite sign",
            "kernels([[0, 0], [0, 1.0]], [[0.25] * 2] * 2, [[1, 0], [0, -1]])": "the kernels are flipped",
            "conv([0.25, 0.25], [0.25, 1.25])": "the three are added up into one channel",
            "kernels([[1.0, 0], [0, 0]], [[0.25] * 2] * 2, [[-1, 0], [0, 1]], biases=(0, 1, 2))": "in each channel, the output is off by the same amount",
            "kernels([[1.0, 0], [0, 0]], [[0.25] * 2] * 2, [[-1, 0], [0, 0]])": "of 72 numbers of the output are wrong",
            "nn.ModuleList([conv([1.0, 0], [0, 0])])": "the answer is the layer ModuleList",
            "[conv([1.0, 0], [0, 0])]": "the answer is a value of type list",
        },
    ),
}
