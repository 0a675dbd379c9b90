"""Answers to the exercises of page 16."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "16.1": Answers(
        right=(
            "[-12, -12]",
            "[[-12, -12]]",
            "(-12.0, -12.0)",
            "torch.tensor([[[[-12.0, -12.0]]]])",
            "np.array([-12, -12])",
            "'-12, -12'",
            "['-12', '-12']",
        ),
        wrong={
            "[12, 12]": "the sign is reversed",
            "[0, 0]": "the other Sobel kernel",
            "[-3, -3]": "only one row is counted",
            "[-6, -6]": "only the middle row is counted",
            "[-9, -9]": "the middle row counts like the others",
            "[[-12], [-12]]": "rows and columns are swapped",
            "[-15, -15]": "2 of 2 numbers are wrong, the first at index 0",
            "[-11, -11]": "2 of 2 numbers are wrong, the first at index 0",
            "[-12, 0]": "1 of 2 numbers is wrong, the one at index 1",
            "-12": "the answer is a single number, and the exercise asks for two numbers in a row",
            "[-12, -12, -12]": "3 numbers, which is too many",
            "[[-12, -12]] * 3": "the shape (3, 2), and the exercise asks for two numbers in a row",
        },
    ),
    "16.2": Answers(
        right=(
            "conv([0.0, 1, 0], [1, -4, 1], [0, 1, 0], padding=1)",
            "conv([0.0, 1, 0], [1, -4, 1], [0, 1, 0], padding=1, bias=False)",
            "conv([0.0, 1, 0], [1, -4, 1], [0, 1, 0], padding='same')",
            "conv([0.0, 1, 0], [1, -4, 1], [0, 1, 0], padding=(1, 1)).double()",
            "nn.Sequential(conv([0.0, 1, 0], [1, -4, 1], [0, 1, 0], padding=1))",
            "conv([0.0] * 5, [0.0, 0, 1, 0, 0], [0.0, 1, -4, 1, 0], [0.0, 0, 1, 0, 0], [0.0] * 5, "
            "padding=2)",
        ),
        wrong={
            "conv([0.0, 1, 0], [1, -4, 1], [0, 1, 0])": "the padding is forgotten",
            "conv([0.0, -1, 0], [-1, 4, -1], [0, -1, 0], padding=1)": "the sign is wrong",
            "conv([1.0, 1, 1], [1, -8, 1], [1, 1, 1], padding=1)": "there are eight neighbours",
            "conv([0.0, 1, 0], [1, -1, 1], [0, 1, 0], padding=1)": "the pixel is subtracted once",
            "conv([0.0, 1, 0], [1, 0, 1], [0, 1, 0], padding=1)": "the pixel itself is forgotten",
            "conv([0.0, 1, 0], [1, 4, 1], [0, 1, 0], padding=1)": "the pixel is added",
            "conv([0.0, 1, 0], [1, -4, 1], [0, 1, 0], padding=1, bias=2.0)": "Check the bias",
            "conv([0.0, 1, 0], [1, -4, 1], [0, 1, 0], padding=1, padding_mode='replicate')": "the pixels around the image are not zeros",
            "conv([0.0, 1, 0], [1, -4, 1], [0, 1, 0], padding=2)": "the wrong shape, (2, 1, 6, 7)",
            "conv([1.0, 0, 1], [0, -4, 0], [1, 0, 1], padding=1)": "the neighbours are the diagonal ones",
            "conv([0.0, 1, 0], [1, -3, 1], [0, 1, 0], padding=1)": "numbers of the output are wrong",
        },
    ),
    "16.3": Answers(
        right=(
            "[0.6, -0.4]",
            "torch.tensor([[[[0.6, -0.4]]]])",
            "np.array([0.6, -0.4], dtype=np.float32)",
            "[Fraction(3, 5), Fraction(-2, 5)]",
            "('0.6', '-0.4')",
            "nn.Parameter(torch.tensor([0.6, -0.4]))",
        ),
        wrong={
            "[-0.6, 0.4]": "the step goes uphill",
            "[0.3, -0.2]": "the step is half as long",
            "[-6, 4]": "that is the gradient",
            "[6, -4]": "the learning rate is forgotten",
            "[-0.4, 0.6]": "the kernel is flipped",
            "[1, -1]": "the end of all steps",
            "[0, 0]": "that is the start",
            "[0.6, 0.4]": "1 of 2 numbers is wrong, the one at index 1",
            "[0.7, -0.3]": "2 of 2 numbers are wrong",
            "[0.595, -0.395]": "2 of 2 numbers are wrong",
            "[[0.6], [-0.4]]": "the numbers belong in one row",
            "0.6": "the answer is a single number, and the exercise asks for a row of two weights",
        },
    ),
}
