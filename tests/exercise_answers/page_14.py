"""Answers to the exercises of page 14."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "14.1": Answers(
        right=(
            "[[12, 16], [24, 28]]",
            "torch.tensor([[[[12.0, 16], [24, 28]]]])",
            "np.array([[12, 16], [24, 28]])",
            "((12, 16), (24, 28))",
            "'[[12, 16], [24, 28]]'",
            "F.conv2d(torch.arange(1.0, 10).reshape(1, 1, 3, 3), torch.ones(1, 1, 2, 2))",
        ),
        wrong={
            "[[3, 4], [6, 7]]": "those are the means",
            "[[28, 24], [16, 12]]": "everything is flipped",
            "[[12, 24], [16, 28]]": "rows and columns are swapped",
            "[[1, 2], [4, 5]]": "only the first window is counted",
            "[[1, 2, 1], [2, 4, 2], [1, 2, 1]]": "the gradient with respect to the pixels",
            "[[45, 45], [45, 45]]": "every weight meets every pixel",
            "[12, 16, 24, 28]": "the numbers are right, but the answer has the shape (4,)",
            "[[16, 12], [28, 24]]": "columns in reverse order",
            "[[13, 17], [25, 29]]": "4 of 4 numbers are wrong",
            "80": "the answer is a single number",
        },
    ),
    "14.2": Answers(
        right=(
            "[[1, 3, 2], [4, 10, 6], [3, 7, 4]]",
            "torch.tensor([[[[1.0, 3, 2], [4, 10, 6], [3, 7, 4]]]])",
            "np.array([[1, 3, 2], [4, 10, 6], [3, 7, 4]])",
            "scipy.signal.convolve2d(np.ones((2, 2)), [[1, 2], [3, 4]])",
            "F.conv_transpose2d(torch.ones(1, 1, 2, 2), torch.tensor([[[[1.0, 2], [3, 4]]]]))",
            "'[[1, 3, 2], [4, 10, 6], [3, 7, 4]]'",
        ),
        wrong={
            "[[4, 7, 3], [6, 10, 4], [2, 3, 1]]": "the kernel is flipped",
            "[[1, 2, 1], [2, 4, 2], [1, 2, 1]]": "counts the windows of each pixel",
            "[[10] * 3] * 3": "every pixel meets every weight",
            "[[1, 4, 3], [3, 10, 7], [2, 6, 4]]": "rows and columns are swapped",
            "[[12, 16], [24, 28]]": "the gradient with respect to the weights",
            "[[0, 0], [0, 0]]": "the gradient with respect to the weights",
            "[[1, 3, 2], [4, 10, 6], [3, 7, 5]]": "the one at index [2, 2]",
            "[[1, 2], [3, 4]]": "that is the kernel",
            "[1, 3, 2, 4, 10, 6, 3, 7, 4]": "the numbers are right, but the answer has the shape (9,)",
            "[[-1, -3, -2], [-4, -10, -6], [-3, -7, -4]]": "has the wrong sign",
        },
    ),
    "14.3": Answers(
        right=(
            "1352",
            "1352.0",
            "'1,352'",
            "8 * 13 * 13",
            "torch.tensor([1352.0])",
            "np.int64(1352)",
        ),
        wrong={
            "169": "the batch is forgotten",
            "21_632": "all channels are counted",
            "16 * 13 * 13": "all channels are counted",
            "128": "all channels are counted",
            "1": "that is one window",
            "8": "the positions of the window are forgotten",
            "104": "only one side of the feature map",
            "0.125": "the mean over the batch",
            "1 / 16": "the mean over the batch",
            "[1352] * 16": "the answer has 16 numbers, and the exercise asks for one number",
            "8 * 14 * 14": "1,568 is too large",
            "0": "0 is too small",
        },
    ),
}
