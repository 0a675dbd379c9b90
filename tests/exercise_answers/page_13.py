"""Answers to the exercises of page 13."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "13.1": Answers(
        right=(
            "[[4, 3], [2, 1]]",
            "torch.tensor([[4.0, 3], [2, 1]])",
            "torch.tensor([[[[4, 3], [2, 1]]]])",
            "np.array([[4, 3], [2, 1]])",
            "'[[4, 3], [2, 1]]'",
            "torch.tensor([[1.0, 2], [3, 4]]).flip(0, 1)",
        ),
        wrong={
            "[[1, 2], [3, 4]]": "the kernel is flipped",
            "[[2, 1], [4, 3]]": "only the columns are reversed",
            "[[3, 4], [1, 2]]": "only the rows are reversed",
            "[[4, 2], [3, 1]]": "rows and columns are swapped",
            "[[4, 3], [2, 0]]": "1 of 4 numbers is wrong, the one at index [1, 1]",
            "[4, 3, 2, 1]": "the numbers are right, but the answer has the shape (4,)",
            "[[0, 0, 0], [0, 4, 3], [0, 2, 1]]": "the shape (3, 3), which is off by one",
            "10": "the answer is a single number",
        },
    ),
    "13.2": Answers(
        right=(
            "lambda images, kernel: F.conv2d(images, kernel.flip(0, 1)[None, None])",
            "lambda images, kernel: conv2d(images, kernel.rot90(2)[None, None])",
            "lambda x, k: F.conv2d(x.flip(2, 3), k[None, None]).flip(2, 3)",
            "lambda x, k: F.conv2d(x.double(), k.double().flip((0, 1))[None, None])",
            "lambda x, k: np.stack([[scipy.signal.convolve2d(one[0], k, 'valid')] for one in x])",
            "lambda x, k: torch.cat([F.conv2d(i[None], k.flip(0, 1)[None, None]) for i in x])",
            "lambda x, k: F.conv2d(x, k.flip(0, 1)[None, None]).tolist()",
        ),
        wrong={
            "lambda x, k: F.conv2d(x, k[None, None])": "the kernel is not flipped",
            "lambda x, k: F.conv2d(x, k.flip(1)[None, None])": "only the columns of the kernel",
            "lambda x, k: F.conv2d(x, k.flip(0)[None, None])": "only the rows of the kernel",
            "lambda x, k: F.conv2d(x.flip(2, 3), k[None, None])": "the image is flipped instead",
            "lambda x, k: F.conv2d(x, k.flip(0, 1)[None, None])[0, 0]": "the axes for images and channels are lost",
            "lambda x, k: F.conv2d(x, k.flip(0, 1)[None, None])[:, 0]": "images have four axes, (images, channels, rows, columns)",
            "lambda x, k: F.conv2d(x, k.T[None, None])": "the kernel is transposed",
            "lambda x, k: F.conv2d(x, k.flip(0, 1)[None, None], padding=1)": "the wrong shape",
            "lambda x, k: F.conv2d(x, k.flip(0, 1))": "the function raised RuntimeError",
            "lambda x, k: -F.conv2d(x, k.flip(0, 1)[None, None])": "has the wrong sign",
            "lambda x, k: F.conv2d(x, k.flip(0, 1)[None, None]) + 1": "numbers of the result for",
            "lambda x, k: F.conv2d(x, k.flip(0, 1)[None, None]).mT": "rows and columns are swapped",
        },
    ),
    "13.3": Answers(
        right=(
            "[2, 5, 1, 0]",
            "[[2, 5, 1, 0]]",
            "torch.tensor([[[2.0, 5, 1, 0]]])",
            "(2, 5, 1, 0)",
            "np.array([2, 5, 1, 0])",
            "'2, 5, 1, 0'",
        ),
        wrong={
            "[2, 5, 0, 0]": "the pooled row without a shift",
            "[0, 2, 5, 0]": "the pooled row is shifted",
            "[5, 1, 0, 0]": "it is shifted to the left",
            "[1, 2.5, 0.5, 0]": "those are the means",
            "[2, 5, 1]": "3 numbers, which is too few",
            "[2, 5, 1, 1]": "1 of 4 numbers is wrong, the one at index 3",
            "[5, 2, 1, 0]": "the right numbers in another order",
            "[0, 2, 0, 5, 1, 0, 0, 0]": "that is the shifted row without pooling",
            "[2, 2, 5, 5, 1, 0, 0]": "the windows overlap",
            "[[2], [5], [1], [0]]": "the numbers belong in one row",
        },
    ),
}
