"""Answers to the exercises of page 5."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "5.1": Answers(
        right=(
            "[1, 3, 4, 0, 2]",
            "(1, 3, 4, 0, 2)",
            "np.argsort([3, 0, 4, 1, 2])",
            "torch.tensor([[1.0, 3, 4, 0, 2]])",
            "'[1, 3, 4, 0, 2]'",
            "'1, 3, 4, 0, 2'",
        ),
        wrong={
            "[3, 0, 4, 1, 2]": "the order itself",
            "[2, 1, 4, 0, 3]": "the order read from the end",
            "[1, 3, 2, 0, 4]": "the order applied twice",
            "[2, 4, 5, 1, 3]": "counts from 1",
            "range(5)": "that changes nothing",
            "[1, 3, 4, 2, 0]": "the right numbers in another order",
            "[1, 3, 4, 0]": "4 numbers, which is too few",
            "[1, 3, 4, 0, 9]": "1 of 5 numbers is wrong, the one at index 4",
            "[[1], [3], [4], [0], [2]]": "the numbers belong in one row",
        },
    ),
    "5.2": Answers(
        right=(
            "lambda weight, order: weight[:, order]",
            "lambda weight, order: weight.index_select(1, order)",
            "lambda weight, order: weight.T[order].T",
            "lambda weight, order: torch.stack([weight[:, k] for k in order], dim=1)",
            "lambda weight, order: weight.numpy()[:, order.numpy()]",
            "lambda weight, order: weight[:, order].tolist()",
            "lambda weight, order: weight @ torch.eye(len(order))[:, order]",
            "lambda weight, order: weight.copy_(weight[:, order].clone())",
        ),
        wrong={
            "lambda weight, order: weight": "the weight is unchanged",
            "lambda weight, order: weight[order]": "the rows were moved",
            "lambda weight, order: weight[order][:, order]": "rows and columns were moved",
            "lambda weight, order: weight[:, order.argsort()]": "the inverse order",
            "lambda weight, order: weight[:, order].T": "rows and columns swapped",
            "lambda weight, order: weight[:, order].flip(1)": "columns in reverse order",
            "lambda weight, order: weight[:, order].flatten()": "the numbers are right, but the result for",
            "lambda weight, order: weight[torch.arange(len(order))[:, None], order]": "the function raised IndexError",
            "lambda weight, order: order": "and the exercise asks for a tensor of 2 axes",
        },
    ),
    "5.3": Answers(
        right=(
            "0.931",
            "756 * 756 / (784 * 783)",
            "Fraction(756 * 756, 784 * 783)",
            "torch.tensor([0.931])",
            "'0.931'",
            "np.float16(0.931)",
        ),
        wrong={
            "756 / (784 * 783)": "for one pair of positions",
            "0.001": "for one pair of positions",
            "1.862": "pairs in reverse order",
            "784 / 783": "every pixel is given a right neighbour",
            "756 / 783": "every position is given a right neighbour",
            "756": "the number of pairs",
            "0.93": "0.93 is nearly right",
            "0.5": "0.5 is too small",
            "1": "1 is too large",
            "0": "0 is too small",
        },
    ),
}
