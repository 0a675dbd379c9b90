"""Answers to the exercises of page 1."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "1.1": Answers(
        right=(
            "0.8",
            "16 / 20",
            "Fraction(4, 5)",
            "Decimal('0.8')",
            "torch.tensor([0.8])",
            "np.float32(0.8)",
            "'0.8'",
            "'4/5'",
        ),
        wrong={
            "16": "the number of correct images",
            "0.2": "the fraction of mistakes",
            "Fraction(1, 5)": "the fraction of mistakes",
            "(8 / 10 + 3 / 4 + 5 / 6) / 3": "the mean over the classes",
            "80": "in percent",
            "'80%'": "in percent",
            "'80 %'": "in percent",
            "16 / 9": "the number of entries",
            "0.85": "0.85 is too large",
            "-0.8": "wrong only in its sign",
            "0.79": "0.79 is too small",
            "[8, 3, 5]": "the answer has 3 numbers, and the exercise asks for one number",
            "'four fifths'": "the text 'four fifths' is not a number",
        },
    ),
    "1.2": Answers(
        right=(
            "lambda scores, labels: (scores.argmax(1) == labels.argmax(1)).float().mean()",
            "lambda scores, labels: (scores.argmax(1) == labels.argmax(1)).float().mean().item()",
            "lambda s, y: (s.argmax(-1) == y.argmax(-1)).float().mean(dim=0, keepdim=True)",
            "lambda s, y: sum(a == b for a, b in zip(s.argmax(1), y.argmax(1))) / len(s)",
            "lambda s, y: np.mean(np.argmax(s.numpy(), 1) == np.argmax(y.numpy(), 1))",
            "lambda s, y: (s.max(1).values == (s * y).sum(1)).double().mean()",
            "lambda s, y: Fraction(int((s.argmax(1) == y.argmax(1)).sum()), len(s))",
        ),
        wrong={
            "lambda s, y: (s.argmax(1) == y.argmax(1)).sum()": "the number of correct images",
            "lambda s, y: (s.argmax(0) == y.argmax(0)).float().mean()": "maximum is taken in each col",
            "lambda s, y: (s == y).float().mean()": "the scores themselves are compared",
            "lambda s, y: (s.argmax(1) != y.argmax(1)).float().mean()": "the fraction of mistakes",
            "lambda s, y: 100 * (s.argmax(1) == y.argmax(1)).float().mean()": "in percent",
            "lambda s, y: (s.argmax(1) == y.argmax(1)).float()": "has 5 numbers, and the exercise asks for one number",
            "lambda s, y: (s.argmax(1) == y.argmax(1)).mean()": "the function raised",
            "lambda s, y: (s.argmax(1) == y).float().mean()": "the function raised RuntimeError",
            "lambda s, y: (s.abs().argmax(1) == y.argmax(1)).float().mean()": "the result for [[-3.0, -1.0], [-1.0, -2.0]]",
            "lambda s, y: (s.argmax(1) == y.argmax(1)).sum() / 5": "is 0.4, which is too small",
            "lambda s, y: print(end='')": "the function returned None: it needs a `return`",
            "0.8": "the exercise asks for a function, and the answer is a value of type float",
            "'accuracy'": "the exercise asks for a function, and the answer is text",
        },
    ),
    "1.3": Answers(
        right=(
            "2.303",
            "np.log(10)",
            "-torch.tensor(0.1).log()",
            "torch.full((4,), 2.3026).mean()",
            "F.cross_entropy(torch.zeros(4, 10), torch.tensor([3, 1, 4, 1]), reduction='none')[:1]",
            "'2.303'",
        ),
        wrong={
            "0.1": "that is the probability",
            "-2.303": "the sign is wrong",
            "1": "the logarithm to base 10",
            "3.322": "the logarithm to base 2",
            "23.026": "adds up over the classes",
            "2.3": "2.3 is nearly right: compute with more decimals",
            "10": "10 is too large",
            "float('nan')": 'the answer contains NaN, "not a number"',
            "float('inf')": "the answer contains infinity",
        },
    ),
}
