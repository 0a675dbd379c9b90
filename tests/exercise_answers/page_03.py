"""Answers to the exercises of page 3."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "3.1": Answers(
        right=(
            "122304",
            "122_304.0",
            "'122,304'",
            "6 * 28 * 28 * 26",
            "np.array(122304)",
            "torch.tensor([[[[122304]]]])",
        ),
        wrong={
            "117_600": "the biases are forgotten",
            "159_744": "the window stands at every pixel",
            "20_384": "only one kernel is counted",
            "156": "those are the parameters",
            "4_368": "along one side only",
            "117_606": "a bias is counted once",
            "150 * 27 * 27": "109,350 is too small",
            "122_305": "122,305 is too large",
        },
    ),
    "3.2": Answers(
        right=(
            "8824",
            "'8,824'",
            "9_760 - 960 + 24",
            "[8824.0]",
            "torch.tensor(8824)",
            "Decimal(8824)",
        ),
        wrong={
            "8_800": "the convolutions have no bias",
            "9_004": "only the first layer is changed",
            "9_580": "only the second layer is changed",
            "936": "how many it loses",
            "960": "the biases of the two convolutions in 1989",
            "9_760": "9,760 is too large",
            "8_802": "8,802 is too small",
            "8_824.5": "not a whole number",
        },
    ),
    "3.3": Answers(
        right=(
            "lambda s, y: 1 - (s.topk(5).indices == y[:, None]).any(1).float().mean()",
            "lambda s, y: (~(s.topk(5).indices == y[:, None]).any(1)).float().mean().reshape(1)",
            "lambda s, y: (s.argsort(1, descending=True)[:, :5] != y[:, None]).all(1).double().mean()",
            "lambda s, y: sum(int(b) not in a.tolist() for a, b in zip(s.topk(5).indices, y)) / len(y)",
            "lambda s, y: np.mean([b not in np.argsort(-a)[:5] for a, b in zip(s.numpy(), y.numpy())])",
            "lambda s, y: ((s > s.gather(1, y[:, None])).sum(1) >= 5).float().mean()",
        ),
        wrong={
            "lambda s, y: (s.argmax(1) != y).float().mean()": "the largest score only",
            "lambda s, y: (s.topk(5).indices == y[:, None]).any(1).float().mean()": "the fraction of images that are found",
            "lambda s, y: 1 - ((-s).topk(5).indices == y[:, None]).any(1).float().mean()": "the five smallest scores",
            "lambda s, y: 100 - 100 * (s.topk(5).indices == y[:, None]).any(1).float().mean()": "in percent",
            "lambda s, y: (~(s.topk(5).indices == y[:, None]).any(1)).sum()": "the number of images that are not found",
            "lambda s, y: 1 - (s.topk(3).indices == y[:, None]).any(1).float().mean()": "another number of classes is named",
            "lambda s, y: 1 - (s.topk(4).indices == y[:, None]).any(1).float().mean()": "another number of classes is named",
            "lambda s, y: 1 - (s.topk(6).indices == y[:, None]).any(1).float().mean()": "another number of classes is named",
            "lambda s, y: (s.topk(5).indices != y[:, None]).float().mean()": "each of the five named classes is counted by itself",
            "lambda s, y: (s.topk(5).values != y[:, None]).all(1).float().mean()": "which is too large",
            "lambda s, y: 1 - (s.topk(5).indices == y).any(1).float().mean()": "the function raised RuntimeError",
            "lambda s, y: (~(s.topk(5).indices == y[:, None]).any(1)).float()": "has 9 numbers, and the exercise asks",
            "lambda s, y: 0.0": "is 0, which is too small",
        },
    ),
}
