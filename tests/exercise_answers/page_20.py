"""Answers to the exercises of page 20."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "20.1": Answers(
        right=(
            "[3, 3, 3]",
            "(3.0, 3.0, 3.0)",
            "torch.tensor([[3, 3, 3]])",
            "np.full(3, 3)",
            "[torch.tensor(3.0)] * 3",
            "'[3, 3, 3]'",
        ),
        wrong={
            "[2, 4, 6]": "the patch is black",
            "[-3, -3, -3]": "the sign is wrong",
            "[10, 10, 10]": "the scores with the patch",
            "[5, 5, 5]": "without the bias",
            "[3, 1, 6]": "the weights are left out",
            "[3, 0, 3]": "1 of 3 numbers is wrong, the one at index 1",
            "[4, 4, 4]": "3 of 3 numbers are wrong",
            "3": "the answer is a single number, and the exercise asks for a row of three drops",
            "[3, 3, 3, 3]": "4 numbers, which is too many",
            "[3, 0, 3, 0]": "the answer has 4 numbers, which is too many",
        },
    ),
    "20.2": Answers(
        right=(
            "0.727",
            "8 / 11",
            "Fraction(16, 22)",
            "'16/22'",
            "torch.tensor([[0.7273]])",
            "np.float32(16 / 22)",
        ),
        wrong={
            "4 / 22": "the part is not squared",
            "64 / 22": "not normalized to length 1",
            "2": "the mean of the weights",
            "6 / 22": "all the differences",
            "16": "the square of the average's part",
            "72.727": "in percent",
            "'72.727%'": "in percent",
            "0.73": "0.73 is nearly right",
            "22": "22 is too large",
            "0.5": "0.5 is too small",
        },
    ),
    "20.3": Answers(
        right=(
            "lambda weights, maps: (weights.reshape(maps.shape) * maps).sum(0)",
            "lambda w, m: (w.view_as(m) * m).sum(dim=0).numpy()",
            "lambda w, m: torch.einsum('chw,chw->hw', w.reshape(m.shape), m)",
            "lambda w, m: (w * m.flatten()).reshape(m.shape).sum(0).tolist()",
            "lambda w, m: sum(a * b for a, b in zip(w.reshape(m.shape), m))",
            "lambda w, m: (w.unflatten(0, m.shape) * m).double().sum(0)",
        ),
        wrong={
            "lambda w, m: (w.reshape(m.shape) * m).mean(0)": "the mean over the channels",
            "lambda w, m: w.reshape(m.shape).sum(0)": "the maps are left out",
            "lambda w, m: (w.reshape(*m.shape[1:], -1).permute(2, 0, 1) * m).sum(0)": "the channels are taken for the last axis",
            "lambda w, m: (w.reshape(m.shape) * m).sum((1, 2))": "what each channel gives",
            "lambda w, m: (w.reshape(m.shape).mean((1, 2), keepdim=True) * m).sum(0)": "that is Grad-CAM",
            "lambda w, m: (w.reshape(2, 2, 3) * m).sum(0)": "the function raised RuntimeError",
            "lambda w, m: (w.reshape(m.shape) * m).sum()": "is a single number, and the exercise asks for a tensor of 2 axes",
            "lambda w, m: w.reshape(m.shape) * m": "has the shape (2, 2, 3), and the exercise asks for a tensor of 2 axes",
            "lambda w, m: (w.reshape(m.shape) * m).sum(0).relu()": "negative points are set to 0",
            "lambda w, m: (w.reshape(m.shape) * m).sum(0, keepdim=True)": "that is an axis too many",
            "lambda w, m: (w.reshape(m.shape) * m).sum(0).T": "rows and columns are swapped",
            "lambda w, m: w * m": "the function raised RuntimeError",
        },
    ),
}
