"""Answers to the exercises of page 24."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "24.1": Answers(
        right=(
            "[-0.8, 0.3, 0.5]",
            "(-0.8, 0.3, 0.5)",
            "torch.tensor([[-0.8, 0.3, 0.5]])",
            "[Fraction(-4, 5), Fraction(3, 10), Fraction(1, 2)]",
            "np.array([2, 3, 5]) / 10 - np.array([1, 0, 0])",
            "'-0.8, 0.3, 0.5'",
        ),
        wrong={
            "[0.2, 0.3, 0.5]": "those are the probabilities",
            "[0.8, -0.3, -0.5]": "every sign is wrong",
            "[0.2, 0.3, -0.5]": "another class is taken for the right one",
            "[0.2, -0.7, 0.5]": "another class is taken for the right one",
            "[-0.307, 1.099, 1.609]": "the label is subtracted from the scores",
            "[-0.8, 0, 0]": "only the right class gets a gradient",
            "[-0.267, 0.1, 0.167]": "divided by the number of classes",
            "[1, 3, 5]": "the powers are not divided by their sum",
            "-0.8": "the answer is a single number",
            "[-0.8, 0.3, 0.6]": "the one at index 2",
        },
    ),
    "24.2": Answers(
        right=(
            "[[0, 10, 0, 0], [0, 0, 0, 0], [30, 0, 0, 0], [0, 0, 40, 0]]",
            "((0, 10, 0, 0), (0, 0, 0, 0), (30, 0, 0, 0), (0, 0, 40, 0))",
            "torch.tensor([[[[0.0, 10, 0, 0], [0, 0, 0, 0], [30, 0, 0, 0], [0, 0, 40, 0]]]])",
            "np.array([[0, 10, 0, 0], [0, 0, 0, 0], [30, 0, 0, 0], [0, 0, 40, 0]])",
            "'[[0, 10, 0, 0], [0, 0, 0, 0], [30, 0, 0, 0], [0, 0, 40, 0]]'",
        ),
        wrong={
            "[[0, 10, 0, 0], [0, 0, 0, 20], [30, 0, 0, 0], [0, 0, 40, 0]]": "ReLU is forgotten",
            "[[0, 10, 20, 0], [0, 0, 0, 0], [30, 0, 0, 0], [0, 0, 40, 0]]": "the first of the four zeros",
            "[[0, 10, 0, 0], [10, 10, 0, 0], [30, 30, 0, 40], [0, 0, 40, 40]]": "every positive number gets a gradient",
            "[[2.5, 2.5, 5, 5], [2.5, 2.5, 5, 5], [7.5, 7.5, 10, 10], [7.5, 7.5, 10, 10]]": "every number gets a share",
            "[[0, 30, 0, 0], [0, 0, 0, 0], [120, 0, 0, 0], [0, 0, 200, 0]]": "multiplied by the number itself",
            "[[0, 3, 0, 0], [0, 0, 0, 0], [4, 0, 0, 0], [0, 0, 5, 0]]": "those are the numbers that pass",
            "[[0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]": "the gradients are those of the sum",
            "[[10, 0], [30, 40]]": "one number for each window",
            "[[0, 0, 30, 0], [10, 0, 0, 0], [0, 0, 0, 40], [0, 0, 0, 0]]": "rows and columns swapped",
            "[[0, 10, 0, 0], [0, 0, 0, 0], [30, 0, 0, 0], [0, 0, 0, 40]]": "2 of 16 numbers are wrong",
            "10": "the answer is a single number",
        },
    ),
    "24.3": Answers(
        right=(
            "lambda f, s, t: ((s.softmax(1) - F.one_hot(t, s.shape[1])) / len(s)).T @ f",
            "lambda f, s, t: (s.softmax(1) - F.one_hot(t, s.shape[1])).T @ f / len(t)",
            "lambda f, s, t: torch.einsum('nc,nf->cf', s.softmax(1) - torch.eye(s.shape[1])[t], f) / len(f)",
            "lambda f, s, t: ((s.exp() / s.exp().sum(1, keepdim=True) - torch.eye(s.shape[1])[t])[:, :, None] * f[:, None]).mean(0)",
            "lambda f, s, t: torch.func.grad(lambda w: F.cross_entropy(s + F.linear(f, w), t))(torch.zeros(s.shape[1], f.shape[1]))",
        ),
        wrong={
            "lambda f, s, t: (s.softmax(1) - F.one_hot(t, s.shape[1])).T @ f": "the gradient of the sum and not of the mean",
            "lambda f, s, t: (F.one_hot(t, s.shape[1]) - s.softmax(1)).T @ f / len(t)": "the sign is wrong",
            "lambda f, s, t: s.softmax(1).T @ f / len(t)": "the label is missing",
            "lambda f, s, t: (s - F.one_hot(t, s.shape[1])).T @ f / len(t)": "the scores have not become probabilities",
            "lambda f, s, t: (s.softmax(0) - F.one_hot(t, s.shape[1])).T @ f / len(t)": "the softmax is taken over the images",
            "lambda f, s, t: (s.softmax(1) - F.one_hot(t, s.shape[1])).T @ f / s.numel()": "the number of all scores",
            "lambda f, s, t: f.T @ (s.softmax(1) - F.one_hot(t, s.shape[1])) / len(t)": "rows and columns are swapped",
            "lambda f, s, t: (s.softmax(1) - F.one_hot(t, s.shape[1])).T @ torch.ones_like(f) / len(t)": "the features are forgotten",
            "lambda f, s, t: (s.softmax(1) - t) @ f": "are wrong, the first at index",
            "lambda f, s, t: F.cross_entropy(s, t)": "is a single number",
            "lambda f, s, t: None": "it needs a `return`",
        },
    ),
}
