"""Answers to the exercises of page 12."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "12.1": Answers(
        right=(
            "(15, 8)",
            "[15, 8]",
            "torch.Size([15, 8])",
            "np.zeros((15, 8)).shape",
            "'15 x 8'",
            "'(15, 8)'",
            "torch.tensor([15.0, 8.0])",
        ),
        wrong={
            "(8, 15)": "rows and columns are swapped",
            "(15, 15)": "the size is unchanged",
            "(5, 4)": "a matrix that mixes columns only",
            "(15, 4)": "the weights of one window",
            "(15, 2, 4)": "3 numbers, which is too many",
            "(2, 4)": "2 of 2 numbers are wrong",
            "torch.zeros(15, 8)": "that is the result and not its shape",
            "120": "the answer is a single number, and the exercise asks for a shape of two numbers",
            "(15, 9)": "1 of 2 numbers is wrong, the one at index 1",
        },
    ),
    "12.2": Answers(
        right=(
            "[[3, 0, 0], [-1, 3, 0], [0, -1, 3], [0, 0, -1]]",
            "torch.tensor([[3.0, 0, 0], [-1, 3, 0], [0, -1, 3], [0, 0, -1]])",
            "scipy.linalg.toeplitz([3, -1, 0, 0], [3, 0, 0])",
            "3 * torch.eye(4, 3) - torch.eye(4).roll(1, 0)[:, :3]",
            "torch.tensor([[3, 0, 0], [-1, 3, 0], [0, -1, 3], [0, 0, -1]]).to_sparse()",
            "'[[3, 0, 0], [-1, 3, 0], [0, -1, 3], [0, 0, -1]]'",
        ),
        wrong={
            "[[3, -1, 0, 0], [0, 3, -1, 0], [0, 0, 3, -1]]": "rows and columns are swapped",
            "[[-1, 0, 0], [3, -1, 0], [0, 3, -1], [0, 0, 3]]": "the kernel is flipped",
            "[[3, 0, 0, 0], [-1, 3, 0, 0], [0, -1, 3, 0], [0, 0, -1, 3]]": "one position too many",
            "[[3, 0, 0], [0, -1, 0], [0, 0, 0], [0, 0, 0]]": "each weight is used once",
            "[[-3, 0, 0], [1, -3, 0], [0, 1, -3], [0, 0, 1]]": "has the wrong sign",
            "[[0, 0, 3], [0, 3, -1], [3, -1, 0], [-1, 0, 0]]": "its columns in reverse order",
            "[[3, 0, 0], [-1, 3, 0], [0, -1, 3]]": "(3, 3), which is off by one",
            "[[3, 0, 0], [-1, 3, 0], [0, -1, 3], [0, 0, 1]]": "the one at index [3, 2]",
            "[3, -1]": "has the shape (2,), and the exercise asks for a matrix",
        },
    ),
    "12.3": Answers(
        right=(
            "[[0.5, 0.5, 0, 0, 0], [0, 0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5, 0], [0, 0, 0, 0.5, 0.5]]",
            "-(torch.eye(4, 5) + torch.eye(5).roll(1, 1)[:4]) / 2",
            "(torch.eye(4, 5) + torch.eye(5).roll(1, 1)[:4]) / 2",
            "np.array([[1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 1]]) / 2",
            "[[Fraction(int(0 <= c - r <= 1), 2) for c in range(5)] for r in range(4)]",
            "[[-0.5 * (0 <= c - r <= 1) for c in range(5)] for r in range(4)]",
        ),
        wrong={
            "(torch.eye(4, 5) + torch.eye(5).roll(1, 1)[:4]) / 4": "each factor has the whole quarter",
            "torch.eye(4, 5) + torch.eye(5).roll(1, 1)[:4]": "those are the sums",
            "(torch.eye(4, 5) + torch.eye(5).roll(1, 1)[:4]).T / 2": "rows and columns are swapped",
            "(torch.eye(5) + torch.eye(5).roll(1, 1).triu()) / 2": "one row too many",
            "(torch.eye(4, 5) - torch.eye(5).roll(1, 1)[:4]) / 2": "4 of 20 numbers are wrong",
            "(torch.eye(4, 5) + torch.eye(5).roll(1, 1)[:4]).flip(0) / 2": "its rows in reverse order",
            "(torch.eye(4, 5) + torch.eye(5).roll(1, 1)[:4] + torch.eye(5).roll(2, 1)[:4]) / 3": "numbers are wrong, the first at index [0, 0]",
            "[0.5, 0.5]": "has the shape (2,), and the exercise asks for a matrix",
        },
    ),
}
