"""Answers to the exercises of page 22."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "22.1": Answers(
        right=("1800", "1800.0", "'1,800'", "8 * 15 * 15", "[[1800]]", "torch.tensor(1800)"),
        wrong={
            "2048": "as large as the image",
            "7200": "the pooling is forgotten",
            "225": "only one channel is counted",
            "3600": "only the rows are pooled",
            "15": "that is one side",
            "(8, 15, 15)": "the answer has 3 numbers, and the exercise asks for one number",
            "1799": "1,799 is too small",
            "1568": "1,568 is too small",
        },
    ),
    "22.2": Answers(
        right=(
            "0.313",
            "np.log(1 + np.exp(-1))",
            "F.cross_entropy(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))",
            "[0.3133]",
            "'0.313'",
            "Decimal('0.3133')",
        ),
        wrong={
            "0": "one softmax",
            "np.log(np.e + 9) - 1": "for ten classes",
            "0.693": "a network that has learned nothing",
            "0.731": "that is the probability",
            "1.313": "the right score is forgotten",
            "-0.313": "wrong only in its sign",
            "0.31": "0.31 is nearly right",
            "0.5": "0.5 is too large",
            "0.269": "the probability of the wrong class",
        },
    ),
    "22.3": Answers(
        right=(
            "lambda images: images[:, None].float() / 255",
            "lambda images: images[:, None] / 255",
            "lambda images: (images.double() / 255).unsqueeze(1)",
            "lambda images: images[:, None].half() / 255",
            "lambda images: (images.numpy() / 255)[:, None]",
            "lambda images: torch.stack([one[None] / 255 for one in images])",
            "lambda images: (images / 255).reshape(-1, 1, *images.shape[1:])",
        ),
        wrong={
            "lambda images: images / 255": "the channel axis is missing",
            "lambda images: images[None] / 255": "the axis is inserted first",
            "lambda images: images[:, None].float()": "the numbers go up to 255",
            "lambda images: images[:, None]": "the numbers go up to 255",
            "lambda images: images[:, None] // 255": "the fractions are cut off",
            "lambda images: images[..., None] / 255": "the axis is inserted last",
            "lambda images: images[:, None] / images.max()": "its own largest number",
            "lambda images: (images / images.amax((1, 2), keepdim=True))[:, None]": "each image is divided by its own largest number",
            "lambda images: images[:, None] / 256": "divided by 256",
            "lambda images: images[:, None].bfloat16() / 255": "as if something was rounded",
            "lambda images: images[:, None] / 127.5 - 1": "the numbers are from -1 to 1",
            "lambda images: 1 - images[:, None] / 255": "light and dark are exchanged",
            "lambda images: images[:, None].mT / 255": "rows and columns are swapped",
            "lambda images: images.reshape(1, -1)": "has the shape (1, 24), and the exercise asks for a tensor of 4 axes",
        },
    ),
}
