"""Answers to the exercises of page 25."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "25.1": Answers(
        right=(
            "30720",
            "30720.0",
            "'30,720'",
            "10 * 64 * 48",
            "torch.tensor([30720])",
            "np.int64(31370 - 650)",
        ),
        wrong={
            "31370": "that is how many it had",
            "31360": "that is how many it had",
            "650": "the linear layer has then",
            "640": "the linear layer has then",
            "30710": "the biases do not cancel in this result",
            "30730": "the biases do not cancel in this result",
            "3072": "that is for one class",
            "48": "the numbers of one map",
            "30719": "30,719 is too small",
            "30721.5": "30721.5 is not a whole number",
        },
    ),
    "25.2": Answers(
        right=(
            "lambda f, w: F.conv2d(f, w[:, :, None, None])",
            "lambda features, weight: torch.einsum('nchw,kc->nkhw', features, weight)",
            "lambda f, w: (f.movedim(1, 3) @ w.T).movedim(3, 1)",
            "lambda f, w: (w @ f.flatten(2)).unflatten(2, f.shape[2:]).numpy()",
            "lambda f, w: torch.stack([(f * row[:, None, None]).sum(1) for row in w], dim=1)",
            "lambda f, w: F.linear(f.permute(0, 2, 3, 1), w).permute(0, 3, 1, 2).tolist()",
        ),
        wrong={
            "lambda f, w: f.mean((2, 3)) @ w.T": "those are the scores",
            "lambda f, w: F.conv2d(f, w[:, :, None, None]).mean((2, 3), keepdim=True)": "those are the scores",
            "lambda f, w: F.conv2d(f, w[:, :, None, None]) / f.shape[1]": "the mean over the channels",
            "lambda f, w: F.conv2d(f, w[:, :, None, None]).relu()": "negative numbers are set to 0",
            "lambda f, w: F.conv2d(f, w[:, :, None, None]) / f[0, 0].numel()": "divided by the number of positions",
            "lambda f, w: f.movedim(1, 3) @ w.T": "the classes are the last axis",
            "lambda f, w: f.sum(1, keepdim=True).repeat(1, len(w), 1, 1)": "the weights are left out",
            "lambda f, w: F.conv2d(f, w)": "the function raised RuntimeError",
            "lambda f, w: F.conv2d(f, w[:, :, None, None])[0]": "and the exercise asks for a tensor of 4 axes",
            "lambda f, w: None": "the function returned None",
        },
    ),
    "25.3": Answers(
        right=(
            "0.083",
            "1 / 12",
            "Fraction(1, 12)",
            "'1/12'",
            "(2 / (32 * 9)) ** 0.5",
            "torch.tensor(2 / 288).sqrt()",
        ),
        wrong={
            "2 / 288": "that is the variance",
            "288 ** -0.5": "the 2 is missing",
            "(2 / 432) ** 0.5": "counts the kernels and not the channels",
            "(2 / 720) ** 0.5": "that is Xavier",
            "(2 / 9) ** 0.5": "only the window is counted",
            "(2 / 32) ** 0.5": "only the channels are counted",
            "(3 * 288) ** -0.5": "torch's default",
            "0.08": "0.08 is nearly right",
            "0.2": "0.2 is too large",
            "12": "12 is too large",
        },
    ),
}
