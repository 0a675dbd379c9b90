"""Answers to the exercises of page 15."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "15.1": Answers(
        right=("8", "8.0", "'8'", "[8]", "torch.tensor(8)", "np.uint8(8)"),
        wrong={
            "6": "the stride of the pooling is forgotten",
            "5": "the pooling is forgotten",
            "18": "the sides are multiplied",
            "9": "the pooling counts twice",
            "7": "7 is too small",
            "64": "the pixels of the whole square are counted",
            "3": "that is the last layer alone",
            "(8, 8, 8)": "the answer has 3 numbers, and the exercise asks for one number",
        },
    ),
    "15.2": Answers(
        right=(
            "[[0, 1, 1, 1, 0]] * 3 + [[0] * 5] * 2",
            "[[False, True, True, True, False]] * 3 + [[False] * 5] * 2",
            "torch.tensor([[0, 1, 1, 1, 0]] * 3 + [[0] * 5] * 2)[None, None]",
            "np.array([[0, 1, 1, 1, 0]] * 3 + [[0] * 5] * 2, dtype=bool)",
            "F.pad(torch.ones(3, 3), (1, 1, 0, 2))",
            "'[[0,1,1,1,0], [0,1,1,1,0], [0,1,1,1,0], [0,0,0,0,0], [0,0,0,0,0]]'",
        ),
        wrong={
            "F.pad(torch.ones(3, 3), (0, 2, 1, 1))": "rows and columns are swapped",
            "F.pad(torch.ones(2, 2), (1, 2, 0, 3))": "only one convolution is counted",
            "F.pad(torch.ones(3, 3), (0, 2, 0, 2))": "the pixels of column 0",
            "F.pad(torch.ones(4, 4), (1, 0, 0, 1))": "the windows do not overlap",
            "[[0, 1, 2, 1, 0], [0, 2, 4, 2, 0], [0, 1, 2, 1, 0], [0] * 5, [0] * 5]": "how strongly each pixel counts",
            "F.pad(torch.ones(3, 3), (2, 0, 0, 2))": "6 of 25 numbers are wrong",
            "F.pad(torch.ones(3, 3), (1, 1, 2, 0))": "its rows in reverse order",
            "torch.ones(3, 3)": "has the wrong shape, (3, 3)",
            "torch.ones(5, 5)": "16 of 25 numbers are wrong",
            "[[0, 1, 1, 1, 0]] * 3": "has the wrong shape, (3, 5)",
        },
    ),
    "15.3": Answers(
        right=("14", "14.0", "'14'", "(14,)", "torch.tensor([[14]])", "Decimal(14)"),
        wrong={
            "13": "that is not enough",
            "13.5": "13.5 is not a whole number",
            "10": "the windows do not overlap",
            "4": "the sides are multiplied",
            "27": "each adds one pixel",
            "15": "15 is too large",
            "28": "28 is too large",
        },
    ),
}
