"""Answers to the exercises of page 11."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "11.1": Answers(
        right=("14", "14.0", "'14'", "[14]", "(28 + 8 - 9) // 2 + 1", "np.array([[14]])"),
        wrong={
            "15": "that was rounded up",
            "14.5": "14.5 is not a whole number",
            "13": "the first window is forgotten",
            "12": "the padding is added at one end only",
            "16": "the dilation is forgotten",
            "10": "the padding is forgotten",
            "28": "the stride is forgotten",
            "(14, 14, 14)": "the answer has 3 numbers, and the exercise asks for one number",
        },
    ),
    "11.2": Answers(
        right=(
            "nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4)",
            "nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4, bias=False)",
            "nn.Conv2d(4, 4, (3, 3), padding='same', dilation=(2, 2), groups=4)",
            "nn.LazyConv2d(4, 3, padding=2, dilation=2, groups=4)",
            "nn.Sequential(nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4))",
            "nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4, padding_mode='reflect')",
            "nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4, dtype=torch.float64)",
        ),
        wrong={
            "nn.Conv2d(4, 4, 3, padding=1, dilation=2, groups=4)": "a kernel without dilation",
            "nn.Conv2d(4, 4, 3, dilation=2, groups=4)": "the padding is forgotten",
            "nn.Conv2d(4, 4, 3, padding=1, groups=4)": "the dilation is forgotten",
            "nn.Conv2d(4, 4, 3, padding=2, dilation=2)": "every output channel sees all four",
            "nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2)": "the channels are in pairs",
            "nn.Conv2d(4, 4, 5, padding=2, groups=4)": "the kernel size, (5, 5), is not the one",
            "nn.Conv2d(4, 4, 5, padding=4, dilation=2, groups=4)": "the kernel size, (5, 5), is not",
            "nn.Conv2d(4, 4, 1, groups=4)": "the kernel size, (1, 1), is not the one",
            "nn.Conv2d(4, 4, 3, padding=3, dilation=3, groups=4)": "the dilation, (3, 3), is not the",
            "nn.Conv2d(4, 8, 3, padding=2, dilation=2, groups=4)": "the shape of the output, (2, 8, 9, 12), is not the one",
            "nn.Conv2d(4, 4, 3, stride=2, padding=2, dilation=2, groups=4)": "the shape of the output, (2, 4, 5, 6), is not the one",
            "nn.Conv2d(1, 1, 3, padding=2, dilation=2)": "the layer raised RuntimeError",
            "nn.ConvTranspose2d(4, 4, 3, padding=2, dilation=2, groups=4)": "the exercise asks for a Conv2d, and the answer is the layer ConvTranspose2d",
            "nn.Sequential(nn.ZeroPad2d(2), nn.Conv2d(4, 4, 3, dilation=2, groups=4))": "the exercise asks for a Conv2d, and the answer is the layer Sequential",
            "40": "the exercise asks for a Conv2d, and the answer is a value of type int",
        },
    ),
    "11.3": Answers(
        right=(
            "304",
            "'304'",
            "304.0",
            "torch.tensor([304])",
            "sum(p.numel() for p in nn.Conv2d(8, 16, 3, groups=4).parameters())",
            "Fraction(304)",
        ),
        wrong={
            "288": "the biases are forgotten",
            "1168": "the groups are forgotten",
            "292": "one bias for each group",
            "88": "input and output channels are both divided",
            "76": "that is one group",
            "160": "160 is too small",
            "303.9": "303.9 is not a whole number",
        },
    ),
}
