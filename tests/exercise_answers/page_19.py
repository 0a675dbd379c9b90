"""Answers to the exercises of page 19."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "19.1": Answers(
        right=(
            "[5, 5, 5, 4, 4]",
            "(5, 5, 5, 4, 4)",
            "torch.tensor([[5, 5, 5, 4, 4]])",
            "[len(part) for part in np.array_split(range(23), 5)]",
            "np.array([5.0, 5, 5, 4, 4])",
            "'5, 5, 5, 4, 4'",
        ),
        wrong={
            "[5, 5, 5, 5, 3]": "the last process has too few",
            "[4, 4, 4, 4, 7]": "one process has too many",
            "[4, 4, 5, 5, 5]": "the last ones take one more",
            "[4, 4, 4, 4, 4]": "some images are lost",
            "[5, 5, 5, 5, 5]": "there are fewer images than that",
            "[7, 4, 4, 4, 4]": "one process has too many",
            "[5, 4, 5, 4, 5]": "the right numbers in another order",
            "[4.6] * 5": "an image cannot be divided",
            "[5, 5, 5, 4]": "4 numbers, which is too few",
            "23": "the answer is a single number, and the exercise asks for a row of five numbers",
        },
    ),
    "19.2": Answers(
        right=(
            "lambda gradients, counts: (gradients * counts[:, None]).sum(0) / counts.sum()",
            "lambda g, c: (g.T * c).sum(1) / c.sum()",
            "lambda g, c: np.average(g, axis=0, weights=c)",
            "lambda g, c: torch.einsum('pk,p->k', g, c.float()) / c.sum()",
            "lambda g, c: sum(row * n for row, n in zip(g, c)) / c.sum()",
            "lambda g, c: (c / c.sum()) @ g",
            "lambda g, c: [sum(r[k] * n for r, n in zip(g, c)) / sum(c) for k in range(3)]",
        ),
        wrong={
            "lambda g, c: g.mean(0)": "all processes have the same weight",
            "lambda g, c: g.sum(0)": "the means are added up",
            "lambda g, c: (g * c[:, None]).sum(0)": "the gradient of the sum",
            "lambda g, c: (g * c[:, None]).mean(0)": "divided by the number of processes",
            "lambda g, c: (g / c[:, None]).sum(0) / (1 / c).sum()": "with fewer images counts more",
            "lambda g, c: (g * c).sum(0) / c.sum()": "the columns are multiplied by the counts",
            "lambda g, c: (g * c[:, None]).sum(1) / c.sum()": "numbers of the result for",
            "lambda g, c: (g * c[:, None]).sum() / c.sum()": "is a single number, and the exercise asks for a row of numbers",
            "lambda g, c: ((g * c[:, None]).sum(0) / c.sum())[None]": "belong in one row",
            "lambda g, c: c @ g / c.sum()": "the function raised RuntimeError",
            "lambda g, c: (g * c[:, None]).sum(0) / 10": "the result for [[2.0, 0.0, -1.0], [-1.0, ",
        },
    ),
    "19.3": Answers(
        right=(
            "6512680",
            "'6,512,680'",
            "6_512_680.0",
            "torch.tensor([6512680.0])",
            "4 * 1_628_170",
            "np.float32(6512680)",
        ),
        wrong={
            "1_628_170": "the numbers and not their bytes",
            "4 * (2048 * 784 + 10 * 2048)": "the biases are forgotten",
            "4 * 27_130": "the small CNN",
            "32 * 1_628_170": "bits are taken for bytes",
            "8 * 1_628_170": "a number is counted as eight bytes",
            "6_512_681": "6,512,681 is too large",
            "6_512_640": "6,512,640 is too small",
            "6.5": "6.5 is not a whole number",
        },
    ),
}
