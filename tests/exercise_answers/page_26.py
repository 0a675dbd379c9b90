"""Answers to the exercises of page 26."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "26.1": Answers(
        right=(
            "lambda x: (x - x.mean(dim=(0, 2, 3), keepdim=True)) / (x.var(dim=(0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()",
            "lambda x: (x - x.mean((0, 2, 3), True)) / x.std((0, 2, 3), correction=0, keepdim=True)",
            "lambda x: F.batch_norm(x, None, None, training=True)",
            "lambda x: nn.BatchNorm2d(x.shape[1])(x).detach()",
            "lambda x: ((x.numpy() - x.numpy().mean((0, 2, 3), keepdims=True)) / x.numpy().std((0, 2, 3), keepdims=True))",
            "lambda x: ((x.transpose(0, 1).flatten(1) - x.transpose(0, 1).flatten(1).mean(1, keepdim=True)) / x.transpose(0, 1).flatten(1).std(1, correction=0, keepdim=True)).reshape(x.transpose(0, 1).shape).transpose(0, 1)",
        ),
        wrong={
            "lambda x: (x - x.mean(dim=(0, 2, 3), keepdim=True)) / x.std(dim=(0, 2, 3), keepdim=True)": "the variance is the unbiased one",
            "lambda x: (x - x.mean()) / x.std()": "the channels are not kept apart",
            "lambda x: (x - x.mean()) / x.std(correction=0)": "the channels are not kept apart",
            "lambda x: nn.InstanceNorm2d(x.shape[1])(x)": "each image is normalized alone",
            "lambda x: nn.GroupNorm(1, x.shape[1])(x)": "each image is normalized alone",
            "lambda x: (x - x.mean(0)) / (x.var(0) + 1e-5).sqrt()": "each pixel is normalized alone",
            "lambda x: (x - x.mean((0, 2, 3), True)) / x.var((0, 2, 3), correction=0, keepdim=True)": "it is divided by the variance",
            "lambda x: x - x.mean((0, 2, 3), True)": "only the mean is subtracted",
            "lambda x: nn.BatchNorm2d(x.shape[1]).eval()(x)": "that is evaluation mode",
            "lambda x: x": "that is evaluation mode",
            "lambda x: (x - x.mean((0, 2, 3))) / x.std((0, 2, 3))": "the function raised RuntimeError",
            "lambda x: print(end='')": "the function returned None",
            "nn.BatchNorm2d(2)": "the function raised RuntimeError",
            "lambda x: -F.batch_norm(x, None, None, training=True)": "has the wrong sign",
            "[1, -1]": "the exercise asks for a function",
        },
    ),
    "26.2": Answers(
        right=(
            "1.76",
            "'1.76'",
            "torch.tensor([1.76])",
            "Fraction(44, 25)",
            "np.float64(1.76)",
            "0.9 * (0.9 + 0.1 * 5) + 0.1 * 5",
            "[[1.76]]",
        ),
        wrong={
            "1.57": "the variance of the batch is the biased one",
            "1.4": "that is after one batch",
            "1.3": "that is after one batch",
            "4.96": "the two weights are exchanged",
            "0.95": "the running variance begins at 0",
            "0.57": "that is the running mean",
            "5": "that is the variance of the batch",
            "4": "that is the variance of the batch",
            "1.327": "that is the standard deviation",
            "1.8": "nearly right",
            "2.5": "2.5 is too large",
        },
    ),
    "26.3": Answers(
        right=(
            "195",
            "195.0",
            "'195'",
            "torch.tensor(195.0)",
            "[195]",
            "3 * 5 * 13",
            "Fraction(195)",
        ),
        wrong={
            "8": "the shortcuts are forgotten",
            "96": "the shortcuts are forgotten",
            "27": "every block is taken at the first input",
            "21": "the derivatives are added",
            "42": "that is the output",
            "13": "that is the derivative of the last block alone",
            "15": "the derivative through two blocks",
            "-195": "wrong only in its sign",
            "196": "196 is too large",
            "194.5": "is not a whole number",
        },
    ),
}
