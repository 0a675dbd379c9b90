"""Answers to the exercises of page 17."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "17.1": Answers(
        right=(
            "[1.4, 0.3]",
            "(1.4, 0.3)",
            "torch.tensor([[1.4, 0.3]], requires_grad=True)",
            "np.array([1.4, 0.3])",
            "[torch.tensor([[1.4]]).item(), torch.tensor([0.3]).item()]",
            "[Fraction(7, 5), Decimal('0.3')]",
            "['1.4', '0.3']",
        ),
        wrong={
            "[0.6, -0.3]": "the step goes uphill",
            "[1.8, 0.6]": "the errors are added up and not averaged",
            "[1.2, 0.15]": "the 2 of the square is forgotten",
            "[-4, -3]": "that is the gradient",
            "[5, 3]": "the learning rate is forgotten",
            "[1.3, 0.3]": "the pixel is forgotten",
            "[0.4, 0.3]": "that is the step",
            "[1, 0]": "nothing has changed",
            "[0.3, 1.4]": "the right numbers in another order",
            "[1.5, 0.4]": "2 of 2 numbers are wrong",
            "[1.3, 0.2]": "2 of 2 numbers are wrong",
            "[1.4, 0]": "1 of 2 numbers is wrong, the one at index 1",
            "[[1.4], [0.3]]": "the numbers belong in one row",
            "1.4": "the answer is a single number, and the exercise asks for a row of weight and bias",
        },
    ),
    "17.2": Answers(
        right=(
            "-0.75",
            "Fraction(-3, 4)",
            "'-3/4'",
            "torch.tensor(-0.75, requires_grad=True)",
            "[-0.75]",
            "np.float16(-0.75)",
        ),
        wrong={
            "0.75": "the gradient is zeroed between the updates",
            "1.5": "that is one update",
            "-1.5": "the first gradient counts twice",
            "0.9375": "the 2 of the square is forgotten",
            "9": "that is the gradient in the second update",
            "0": "0 is too large",
            "-3": "-3 is too small",
            "-0.74": "-0.74 is too large",
            "3": "3 is too large",
            "[1.5, -0.75]": "the answer has 2 numbers, and the exercise asks for one number",
        },
    ),
    "17.3": Answers(
        right=(
            "[-0.5, 0.5, 0]",
            "torch.tensor([-0.5, 0.5, 0.0])",
            "np.array([[-0.5, 0.5, 0]])",
            "(Fraction(-1, 2), Fraction(1, 2), 0)",
            "'[-0.5, 0.5, 0]'",
            "[-0.4999998, 0.5, 0]",
        ),
        wrong={
            "[0.5, -0.5, 0]": "the steps go uphill",
            "[-0.01, 150, 0]": "the step of SGD",
            "[-1, 1, 0]": "the learning rate is forgotten",
            "[-0.5, 0.5, -0.5]": "the third one moves",
            "[-0.001, 0.001, 0]": "the default learning rate",
            "[0, 0, 0]": "nothing moves",
            "[0.5, 0.5, 0]": "1 of 3 numbers is wrong, the one at index 0",
            "[-0.05, 0.05, 0]": "2 of 3 numbers are wrong",
            "[-0.5, 0.5]": "2 numbers, which is too few",
            "[-0.5, 0.5, float('nan')]": 'contains NaN, "not a number"',
            "[-1.58, 1.58, 0]": "2 of 3 numbers are wrong",
        },
    ),
}
