"""Answers to the exercises of page 7."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "7.1": Answers(
        right=(
            "[[3, 5], [2.5, 4]]",
            "((3, 5), (2.5, 4))",
            "torch.tensor([[[[3, 5], [2.5, 4]]]])",
            "np.array([[3, 5], [2.5, 4]], dtype=np.float32)",
            "[[3, 5], [Fraction(5, 2), 4]]",
            "'[[3, 5], [2.5, 4]]'",
            "[['3', '5'], ['5/2', '4']]",
        ),
        wrong={
            "[[12, 20], [10, 16]]": "those are the sums",
            "[[3, 2.5], [5, 4]]": "rows and columns are swapped",
            "[[5, 7], [5, 7]]": "those are the largest pixels",
            "3": "the window moves by two",
            "29 / 9": "the window is 3 x 3",
            "[[3, 5], [2.5, 4.5]]": "1 of 4 numbers is wrong, the one at index [1, 1]",
            "[3, 5, 2.5, 4]": "the numbers are right, but the answer has the shape (4,)",
            "[[3, 5], [4]]": "the rows have different lengths",
            "[[5, 3], [4, 2.5]]": "columns in reverse order",
            "[[2.5, 4], [3, 5]]": "rows in reverse order",
            "[[4, 6], [3.5, 5]]": "4 of 4 numbers are wrong",
        },
    ),
    "7.2": Answers(
        right=(
            "(1, 1, 24, 16)",
            "[1, 1, 24, 16]",
            "torch.Size([1, 1, 24, 16])",
            "torch.tensor([1, 1, 24, 16])",
            "'1 x 1 x 24 x 16'",
            "'1×1×24×16'",
            "'(1, 1, 24, 16)'",
            "'torch.Size([1, 1, 24, 16])'",
            "np.zeros((1, 1, 24, 16)).shape",
        ),
        wrong={
            "(1, 1, 16, 24)": "rows and columns are swapped",
            "(24, 16)": "the axes for images and channels are forgotten",
            "'24 x 16'": "the axes for images and channels are forgotten",
            "(1, 1, 23, 15)": "the size is off by one",
            "(1, 1, 28, 20)": "the size is unchanged",
            "(1, 1, 5, 4)": "the windows lie side by side",
            "(1, 24, 16)": "3 numbers, which is too few",
            "(24, 16, 1, 1)": "the right numbers in another order",
            "torch.zeros(1, 1, 24, 16)": "that is the result and not its shape",
            "384": "the answer is a single number, and the exercise asks for a shape of four numbers",
        },
    ),
    "7.3": Answers(
        right=(
            "averaging_conv((1, 3))",
            "conv([1 / 3, 1 / 3, 1 / 3])",
            "conv([1 / 3] * 3, bias=False)",
            "conv([1 / 3] * 3).double()",
            "conv([0.0] * 3, [1 / 3] * 3, [0.0] * 3, padding=(1, 0))",
            "nn.Sequential(averaging_conv((1, 3)))",
            "conv([0.33333] * 3)",
        ),
        wrong={
            "conv([1 / 3], [1 / 3], [1 / 3])": "rows and columns are swapped",
            "conv([1.0, 1.0, 1.0])": "that is the sum",
            "conv([1 / 9] * 3, [1 / 9] * 3, [1 / 9] * 3)": "the mean of three rows",
            "conv([0.5, 0.5])": "only one neighbour is averaged",
            "conv([0.333] * 3)": "nearly right, as if something was rounded",
            "conv([0.33] * 3)": "nearly right, as if something was rounded",
            "conv([1 / 3] * 3, bias=1.0)": "Check the bias",
            "conv([1 / 3] * 3, padding=(0, 1))": "the neighbour to the left is averaged, too",
            "nn.AvgPool2d((1, 3), stride=1)": "the exercise asks for a Conv2d, and the answer is the layer Avg",
            "nn.AvgPool2d((1, 3))": "the exercise asks for a Conv2d, and the answer is the layer AvgPool2d",
            "conv([0.0, 0.5, 0.5])": "of 24 numbers of the output are wrong",
        },
    ),
}
