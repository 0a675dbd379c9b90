"""Answers to the exercises of page 9."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "9.1": Answers(
        right=(
            "[3, 5, -2]",
            "torch.tensor([[[[3.0, 5, -2]]]])",
            "np.array([3, 5, -2])",
            "(3.0, 5.0, -2.0)",
            "'[3, 5, -2]'",
            "'3, 5, -2'",
            "np.convolve([1, 2], [3, -1])",
        ),
        wrong={
            "[-2, 5, 3]": "the kernel is flipped",
            "[-1, 1, 6]": "one of the two kernels was flipped",
            "[3, -2]": "the weights are multiplied one by one",
            "[4, 1]": "the weights are added",
            "[5, 3, -2]": "the right numbers in another order",
            "[3, 5, 2]": "1 of 3 numbers is wrong, the one at index 2",
            "[-3, -5, 2]": "every number of the answer has the wrong sign",
            "[[3], [5], [-2]]": "the numbers belong in one row",
            "[3, 7, -2]": "1 of 3 numbers is wrong, the one at index 1",
            "[4, 6, -1]": "3 of 3 numbers are wrong, the first at index 0",
            "6": "the exercise asks for a row of three weights",
        },
    ),
    "9.2": Answers(
        right=("7", "7.0", "(7, 7)", "'7'", "'7 x 7'", "'7x7'", "'7×7'", "torch.tensor([7])"),
        wrong={
            "9": "the sides are added up",
            "'9 x 9'": "the sides are added up",
            "27": "the sides are multiplied",
            "5": "those are two convolutions",
            "(5, 5)": "those are two convolutions",
            "49": "the weights are counted",
            "8": "8 is too large",
            "6": "6 is too small",
            "(7, 5)": "the answer has 2 numbers, and the exercise asks for one number",
        },
    ),
    "9.3": Answers(
        right=(
            "lambda x: relu(x) + relu(-x)",
            "lambda x: torch.relu(x) + torch.relu(-x)",
            "lambda x: F.relu(x) + F.relu(0 - x)",
            "lambda x: torch.relu(x) + torch.relu(x) - x",
            "lambda x: 2 * torch.relu(x) - x",
            "lambda x: nn.ReLU()(x) + nn.ReLU()(-1 * x)",
            "lambda x: x.clamp(min=0) + (-x).clamp(min=0)",
            "lambda x: torch.clamp_min(x, 0).sub(x.neg().relu().neg())",
            "lambda x: torch.maximum(x, torch.zeros_like(x)) + torch.maximum(-x, torch.zeros_like(x))",
            "lambda x: torch.where(x > 0, x, 0) + torch.where(x < 0, -x, 0)",
            "lambda x: F.relu(x.clone(), inplace=True) + F.relu(-x, inplace=True)",
            "lambda x: torch.stack([v.relu() + (-v).relu() for v in x.flatten()]).reshape(x.shape)",
        ),
        wrong={
            "lambda x: torch.relu(x) - torch.relu(-x)": "that is x again",
            "lambda x: x": "that is x again",
            "torch.relu": "the negative numbers are lost",
            "lambda x: torch.relu(-x)": "the positive numbers are lost",
            "lambda x: -torch.relu(x) - torch.relu(-x)": "the sign is wrong",
            "lambda x: x.abs()": "the function uses `abs`",
            "torch.abs": "the function uses `abs`",
            "abs": "the function uses `abs`",
            "lambda x: torch.maximum(x, -x)": "the function uses `maximum`",
            "lambda x: torch.where(x > 0, x, -x)": "the function uses `where`",
            "lambda x: x * x.sign()": "the function uses `sign`",
            "lambda x: (x * x).sqrt()": "the function uses `mul`",
            "lambda x: F.relu(x.abs())": "the function uses `abs`",
            "lambda x: x.clamp(min=0) - x.clamp(max=0)": "the function uses `clamp`",
            "lambda x: np.abs(x.numpy())": "the function does not use torch's ReLU",
            "lambda x: torch.tensor(np.abs(x.tolist()))": "the function does not use torch's ReLU",
            "lambda x: (torch.relu(x) + torch.relu(-x)).sum()": "is a single number, and",
            "lambda x: torch.relu(x) + torch.relu(-x) + 1": "numbers of the result for",
        },
    ),
}
