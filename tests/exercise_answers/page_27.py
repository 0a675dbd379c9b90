"""Answers to the exercises of page 27."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

_STOP = "next((e for e in range(len(losses)) if e - min(range(e + 1), key=losses.__getitem__) >= patience), len(losses) - 1)"

ANSWERS = {
    "27.1": Answers(
        right=(
            "[5, 0, -10, 0]",
            "torch.tensor([2.0, 6, -4, 8]) * torch.tensor([1, 0, 1, 0]) / 0.4",
            "np.array([5.0, 0, -10, 0])",
            "(5.0, 0.0, -10.0, -0.0)",
            "'[5, 0, -10, 0]'",
            "[[5, 0, -10, 0]]",
            "[2 * 2.5, 0, Fraction(-10), 0]",
        ),
        wrong={
            "[2, 0, -4, 0]": "the scaling is missing",
            "[3.333, 0, -6.667, 0]": "it is divided by p",
            "[0.8, 0, -1.6, 0]": "it is multiplied and not divided",
            "[1.2, 0, -2.4, 0]": "it is multiplied and not divided",
            "[0, 15, 0, 20]": "the wrong units are dropped",
            "[0, 6, 0, 8]": "the wrong units are dropped",
            "[2, 6, -4, 8]": "that is what evaluation gives",
            "[5, 15, -10, 20]": "that is what evaluation gives",
            "[5, -10]": "the answer has 2 numbers, which is too few",
            "[5, 0, 10, 0]": "1 of 4 numbers is wrong, the one at index 2",
            "[-5, 0, 10, 0]": "has the wrong sign",
            "nn.Dropout(0.6)": "call it and hand in the result",
        },
    ),
    "27.2": Answers(
        right=(
            "9.4",
            "(1 - 0.1 * 0.5) * 10 - 0.1",
            "torch.tensor([9.4])",
            "'9.4'",
            "Fraction(94, 10)",
            "Decimal('9.4')",
            "[9.4000001]",
        ),
        wrong={
            "9.9": "the decay has no effect",
            "9.3": "plain gradient descent with decay",
            "9.5": "only the decay is done",
            "9.8": "the gradient is taken as it is",
            "4.9": "the decay is not multiplied by the learning rate",
            "9.6": "the step goes up",
            "9.405": "9.405 is too large",
            "-9.4": "wrong only in its sign",
            "torch.optim.AdamW": "the exercise asks for one number",
        },
    ),
    "27.3": Answers(
        right=(
            f"lambda losses, patience: losses.index(min(losses[: {_STOP} + 1])) + 1",
            f"lambda losses, patience: 1 + int(np.argmin(losses[: {_STOP} + 1]))",
            f"lambda losses, patience: [1 + losses.index(min(losses[: 1 + {_STOP}]))]",
            f"lambda losses, patience: torch.tensor(1 + losses.index(min(losses[: 1 + {_STOP}])))",
            "lambda losses, patience: next(e for e in range(1, len(losses) + 1) if losses[e - 1] < min([9e9, *losses[: e - 1]]) and losses[e - 1] <= min(losses[e - 1 : e + patience]))",
        ),
        wrong={
            f"lambda losses, patience: losses.index(min(losses[: {_STOP} + 1]))": "the epochs are counted from 0",
            f"lambda losses, patience: {_STOP} + 1": "the epoch after which training stops",
            "lambda losses, patience: losses.index(min(losses)) + 1": "the training does not stop",
            "lambda losses, patience: int(np.argmin(losses)) + 1": "the training does not stop",
            f"lambda losses, patience: min(losses[: {_STOP} + 1])": "that is the loss and not the epoch",
            f"lambda losses, patience: (lambda patience: losses.index(min(losses[: {_STOP} + 1])) + 1)(patience + 1)": "it stops one epoch late",
            "lambda losses, patience: next((e for e in range(1, len(losses)) if losses[e] >= losses[e - 1]), len(losses))": "it has no patience",
            "lambda losses, patience: len(losses)": "is 13, which is too large",
            "lambda losses: 4": "the function raised TypeError",
            "lambda losses, patience: None": "returned None",
            "4": "the exercise asks for a function",
        },
    ),
}
