"""Answers to the exercises of page 2."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "2.1": Answers(
        right=(
            "608",
            "608.0",
            "[608]",
            "torch.tensor(608)",
            "np.array([[608]])",
            "sum(p.numel() for p in nn.Conv2d(3, 8, 5).parameters())",
            "'608'",
        ),
        wrong={
            "600": "the biases are forgotten",
            "208": "the input channels are forgotten",
            "624": "a bias for every pair of channels",
            "601": "there is only one bias",
            "128": "the window has only one side",
            "75": "that is one kernel",
            "76": "that is one kernel",
            "607.5": "607.5 is not a whole number",
            "(600, 8)": "the answer has 2 numbers, and the exercise asks for one number",
            "nn.Conv2d(3, 8, 5)": "the exercise asks for one number, and the answer is the layer Conv2d",
        },
    ),
    "2.2": Answers(
        right=("34", "34.0", "(34,)", "np.int64(34)", "27_120 // 795", "' 34 '", "Fraction(34)"),
        wrong={
            "35": "that was rounded up",
            "27_120 / 795": "that is not a whole number",
            "34.113": "that is not a whole number",
            "2712": "the first layer is forgotten",
            "33": "33 is too small",
            "2048": "2,048 is too large",
        },
    ),
    "2.3": Answers(
        right=(
            "116730",
            "116_730.0",
            "'116,730'",
            "'116_730'",
            "torch.tensor([[116730]])",
            "16 * 4 + 16 + 16 * 27 * 27 * 10 + 10",
        ),
        wrong={
            "116_650": "the convolution is forgotten",
            "116_720": "the biases of the linear layer are forgotten",
            "7_380": "only one of the sixteen feature maps",
            "125_530": "the size is off by one",
            "'27,130'": "the network with its pooling",
            "116_729": "116,729 is too small",
            "116_731": "116,731 is too large",
        },
    ),
}
