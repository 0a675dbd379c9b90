"""Answers to the exercises of page 10."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "10.1": Answers(
        right=(
            "[[3, 5], [4, 2]]",
            "((3.0, 5.0), (4.0, 2.0))",
            "torch.tensor([[[[3, 5], [4, 2]]]])",
            "np.array([[3, 5], [4, 2]])",
            "'[[3, 5], [4, 2]]'",
            "[torch.tensor([3.0, 5.0]), torch.tensor([4.0, 2.0])]",
        ),
        wrong={
            "[[3, 5, 9], [4, 2, 9], [9, 9, 9]]": "windows that are not full are counted",
            "[[3, 2, 5, 9], [3, 2, 5, 9], [4, 2, 2, 9], [9, 9, 9, 9]]": "the windows overlap",
            "[[1.5, 1.75], [1.25, 0.75]]": "those are the means",
            "[[3, 4], [5, 2]]": "rows and columns are swapped",
            "[[2, 9], [9, 9]]": "it starts at the wrong end",
            "[[3, 5], [4, 9]]": "1 of 4 numbers is wrong, the one at index [1, 1]",
            "[3, 5, 4, 2]": "the numbers are right, but the answer has the shape (4,)",
            "[[2, 4], [5, 3]]": "its rows and columns in reverse order",
            "9": "the answer is a single number, and the exercise asks for a grid of numbers",
        },
    ),
    "10.2": Answers(
        right=(
            "[[0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0]]",
            "[[False] * 4, [True, False, False, True], [False, False, True, False], [1, 0, 0, 0]]",
            "torch.tensor([[0.0] * 4, [1, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0]])[None, None]",
            "np.array([[0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0]], dtype=bool)",
            "'[[0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0]]'",
        ),
        wrong={
            "torch.full((4, 4), 0.25)": "every pixel gets a share",
            "torch.ones(4, 4)": "every pixel counts",
            "[[0, 0, 0, 0], [3, 0, 0, 5], [0, 0, 2, 0], [4, 0, 0, 0]]": "the pixels themselves",
            "[[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]": "the largest pixel of all",
            "[[1, 1], [1, 1]]": "one number for each window",
            "[[3, 5], [4, 2]]": "the output of the pooling",
            "[[0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]": "its rows and columns swapped",
            "[[0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]]": "the one at index [2, 2]",
            "torch.zeros(4, 4)": "4 of 16 numbers are wrong, the first at index [1, 0]",
            "torch.zeros(16)": "has the shape (16,), and the exercise asks for a grid of numbers",
        },
    ),
    "10.3": Answers(
        right=(
            "2704",
            "2704.0",
            "'2,704'",
            "16 * 13 * 13",
            "torch.tensor([2704])",
            "np.int16(2704)",
        ),
        wrong={
            "11_664": "the number without pooling",
            "2916": "exactly a quarter",
            "169": "only one of the sixteen feature maps",
            "3136": "half of 27 is rounded up",
            "16 * 13 * 27": "only the rows are halved",
            "16 * 13.5 * 13.5": "exactly a quarter",
            "2705": "2,705 is too large",
            "(16, 13, 13)": "the answer has 3 numbers, and the exercise asks for one number",
        },
    ),
}
