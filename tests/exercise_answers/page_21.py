"""Answers to the exercises of page 21."""

from exercise_answers.table import Answers

ANSWERS = {
    "21.1": Answers(
        right=("300", "300.0", "'300'", "6 * 2 * 25", "torch.tensor([300])", "np.int64(300)"),
        wrong={
            "450": "the number of weights that the layer has now",
            "312": "a bias of its own",
            "50": "for one kernel",
            "2 * 61_706": "all layers are multiplied",
            "150": "one channel more",
            "456": "the number of weights that the layer has now",
            "62_006": "that is how many it has then",
            "299.5": "299.5 is not a whole number",
            "301": "301 is too large",
        },
    ),
    "21.2": Answers(
        right=("2345", "2345.0", "'2,345'", "5 * 469", "[2345]", "5 * -(-60_000 // 128)"),
        wrong={
            "2340": "the last mini-batch is left out",
            "2343.75": "not a whole number of updates per epoch",
            "469": "that is one epoch",
            "5": "the full batch",
            "2344": "the images of all epochs are split together",
            "2343": "2,343 is too small",
            "300_000": "every image is taken for an update",
            "468": "that is one epoch",
        },
    ),
    "21.3": Answers(
        right=(
            "lambda losses, sizes: (losses * sizes).sum() / sizes.sum()",
            "lambda x, n: sum(a * b for a, b in zip(x, n)) / sum(n)",
            "lambda x, n: np.average(x, weights=n)",
            "lambda x, n: (x * (n / n.sum())).sum(0, keepdim=True)",
            "lambda x, n: x.double() @ n.double() / n.sum()",
            "lambda x, n: x.repeat_interleave(n.long()).mean()",
        ),
        wrong={
            "lambda x, n: x.mean()": "every mini-batch counts the same",
            "lambda x, n: x.sum()": "the losses are added up",
            "lambda x, n: (x * n).sum()": "the sum over all images",
            "lambda x, n: (x * n).mean()": "divided by the number of mini-batches",
            "lambda x, n: (x / n).sum() / (1 / n).sum()": "small mini-batches count most",
            "lambda x, n: x[:-1].mean()": "is 1.5, which is too small",
            "lambda x, n: (x * n) / n.sum()": "has 3 numbers",
            "lambda x, n: x.sum() / n.sum()": "the sizes are left out of the sum",
            "lambda x, n: (4 * x[0] + 4 * x[1] + 2 * x[2]) / 10": "the result for [1.0, 3.0, 2.0",
            "lambda x, n: x.median()": "which is too small",
        },
    ),
}
