"""Answers to the exercises of page 18."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "18.1": Answers(
        right=(
            "1.9",
            "Fraction(19, 10)",
            "'19/10'",
            "Decimal('1.9')",
            "torch.tensor([1.9])",
            "np.average([2, 1, 3.5], weights=[100, 100, 50])",
            "475 / 250",
        ),
        wrong={
            "6.5 / 3": "every micro-batch has the same weight",
            "6.5": "the means are added up",
            "475": "the sum of all images' losses",
            "1.5": "the last micro-batch is left out",
            "4.75": "the images of one micro-batch",
            "Fraction(13, 6)": "every micro-batch has the same weight",
            "475 / 3": "divided by the number of micro-batches",
            "2": "2 is too large",
            "1.89": "1.89 is too small",
            "[2, 1, 3.5]": "the answer has 3 numbers, and the exercise asks for one number",
        },
    ),
    "18.2": Answers(
        right=(
            "lambda weight, pixels, targets, size: sum((2 * (weight * x - t) * x).sum() "
            "for x, t in zip(pixels.split(size), targets.split(size))) / len(pixels)",
            "lambda w, x, t, s: sum((2 * (w * a - b) * a).mean() * len(a) "
            "for a, b in zip(x.split(s), t.split(s))) / len(x)",
            "lambda w, x, t, s: torch.stack([(2 * (w * x[i:i + s] - t[i:i + s]) * x[i:i + s]).sum() "
            "for i in range(0, len(x), s)]).sum(0, keepdim=True) / len(x)",
            "lambda w, x, t, s: float(sum((2 * (w * a - b) * a).sum() "
            "for a, b in zip(x.split(s), t.split(s)))) / len(x)",
            "lambda w, x, t, s: np.sum([(2 * (w * a - b) * a).sum() for a, b in "
            "zip(x.split(s), t.split(s))]) / len(x)",
            "lambda w, x, t, s: torch.func.grad(lambda v: sum(((v * a - b) ** 2).sum() for a, b in "
            "zip(x.split(s), t.split(s))) / len(x))(torch.tensor(w))",
        ),
        wrong={
            "lambda w, x, t, s: torch.stack([(2 * (w * a - b) * a).mean() for a, b in "
            "zip(x.split(s), t.split(s))]).mean()": "the mean of the micro-batches' means",
            "lambda w, x, t, s: sum((2 * (w * a - b) * a).sum() for a, b in "
            "zip(x.split(s), t.split(s)))": "the sum and not the mean",
            "lambda w, x, t, s: torch.stack([(2 * (w * a - b) * a).sum() for a, b in "
            "zip(x.split(s), t.split(s))]).mean()": "divided by the number of micro-batches",
            "lambda w, x, t, s: sum((2 * (w * a - b) * a).mean() for a, b in "
            "zip(x.split(s), t.split(s)))": "the means are added up",
            "lambda w, x, t, s: sum((2 * (w * a - b) * a).sum() for a, b in "
            "zip(x.split(s)[-1:], t.split(s)[-1:])) / len(x)": "only the last micro-batch counts",
            "lambda w, x, t, s: ((w * x - t) * x).sum() / len(x)": "the 2 of the square is forgotten",
            "lambda w, x, t, s: ((w * x - t) ** 2).mean()": "that is the loss",
            "lambda w, x, t, s: 2 * (w * x - t).mean()": "the pixel is forgotten",
            "lambda w, x, t, s: sum((2 * (w * x[i:i + s] - t[i:i + s]) * x[i:i + s]).sum() "
            "for i in range(0, len(x) - s + 1, s)) / len(x)": "the last micro-batch is left out",
            "lambda w, x, t, s: 2 * ((t - w * x) * x).mean()": "wrong only in its sign",
            "lambda w, x, t, s: (2 * (w * x - t) * x) / len(x)": "has 7 numbers",
            "lambda w, x, t, s: sum((2 * (w * a - b) * a).sum() for a, b in "
            "zip(x.split(s), t.split(s))) / s": "which is too",
            "lambda w, x, t: 0": "the function raised TypeError",
        },
    ),
    "18.3": Answers(
        right=(
            "36",
            "36.0",
            "'36'",
            "[36]",
            "torch.tensor(36)",
            "4 * 1024**2 // (32 * 30 * 30 * 4)",
        ),
        wrong={
            "145": "a number is counted as one byte",
            "32": "the output is as large as the image",
            "37": "that is more than fits",
            "1165": "only one channel is counted",
            "341": "the input is counted",
            "34": "a million bytes",
            "4_194_304 / 115_200": "not a whole number of images",
            "35": "35 is too small",
            "'36 images'": "the text '36 images' is not a number",
        },
    ),
}
