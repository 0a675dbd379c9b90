"""The exercises of the book, page by page: question, hint, solution, known mistakes."""

import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from cnnbook.convolution import conv2d, conv_from_kernel
from cnnbook.judging import Function, Kind, Layer, Mistake, Numbers, Verdict, judge
from cnnbook.pooling import avg_pool2d, max_pool2d

__all__ = ["EXERCISES", "Exercise"]

# Half a unit of the third decimal, which is what the questions ask for.
_THREE_DECIMALS = 5e-4
# The library computes in float32, in an order that may differ from the reader's.
_FLOAT32 = 1e-4


@dataclass(frozen=True)
class Exercise:
    """One exercise. Printing it shows the question and nothing else.

    Attributes:
        number: Page and exercise, such as "6.1".
        question: What is asked, in plain text with code in double backticks.
        hint: What helps.
        solution: Python code that leaves a right answer in ``answer``.
        kind: What kind of answer is asked for.
        right: Makes a right answer in another way than the solution.
        mistakes: Wrong answers that are known, and what is said to them.
        remark: What a right answer is told.
        tolerance: By how much a number may differ.

    Examples:
        >>> from cnnbook.questions import EXERCISES
        >>> first = EXERCISES[0]
        >>> first.number
        '1.1'
        >>> first.judge(2)
        Not yet: 2 is too large.
    """

    number: str
    question: str
    hint: str = field(repr=False)
    solution: str = field(repr=False)
    kind: Kind = field(repr=False)
    right: Callable[[], object] = field(repr=False)
    mistakes: tuple[Mistake, ...] = field(repr=False)
    remark: str = field(default="", repr=False)
    tolerance: float = field(default=0.0, repr=False)

    def __str__(self) -> str:
        """Return number and question, in lines that fit a terminal."""
        return textwrap.fill(f"Exercise {self.number}. {self.question}", width=79)

    @property
    def page(self) -> int:
        """The number of the page that the exercise belongs to."""
        return int(self.number.partition(".")[0])

    def judge(self, answer: object) -> Verdict:
        """Say whether an answer is right, or what is wrong and why."""
        return judge(
            answer,
            kind=self.kind,
            right=self.right,
            mistakes=self.mistakes,
            tolerance=self.tolerance,
            remark=self.remark,
        )


def _counting(*shape: int) -> torch.Tensor:
    """Return an image whose numbers have no symmetry that could hide a flip or a swap."""
    count = torch.Size(shape).numel()
    return (torch.arange(count) ** 2 % 11).float().reshape(shape)


def _conv(*rows: list[float], bias: float = 0.0) -> torch.nn.Conv2d:
    return conv_from_kernel(torch.tensor(rows), bias)


def _with_padding(layer: torch.nn.Conv2d, padding: int) -> torch.nn.Conv2d:
    layer.padding = (padding, padding)
    return layer


# 1. Why a CNN? Accuracy.

_confusion_to_accuracy = Exercise(
    "1.1",
    "A network sorts 20 images into three classes. Its confusion matrix is "
    "``[[8, 2, 0], [1, 3, 0], [0, 1, 5]]``. What is its accuracy, from 0 to 1?",
    hint="Only on the diagonal do row and column, the actual and the called class, agree.",
    solution="""
import torch

matrix = torch.tensor([[8, 2, 0], [1, 3, 0], [0, 1, 5]])
answer = matrix.diagonal().sum() / matrix.sum()
""",
    kind=Numbers("one number"),
    right=lambda: 0.8,
    tolerance=_THREE_DECIMALS,
    mistakes=(
        Mistake(
            "that is how many are right, not which share",
            lambda: 16,
            "Divide by the number of all images.",
        ),
        Mistake(
            "that is the share of mistakes",
            lambda: 0.2,
            "Accuracy counts the images on the diagonal.",
        ),
        Mistake(
            "that is the mean over the classes",
            lambda: (8 / 10 + 3 / 4 + 5 / 6) / 3,
            "Accuracy counts images, so a class of many images weighs more.",
        ),
        Mistake(
            "the sum is divided by the number of fields",
            lambda: 16 / 9,
            "A field can hold many images; count the images.",
        ),
        Mistake("that is in percent", lambda: 80, "A share lies from 0 to 1."),
    ),
    remark="16 of 20 lie on the diagonal.",
)


def _accuracy(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return (scores.argmax(dim=1) == labels.argmax(dim=1)).float().mean()


_accuracy_function = Exercise(
    "1.2",
    "Write a function ``accuracy(scores, labels)``. Both are tensors of shape "
    "``(n, classes)``: what a network puts out, and one-hot labels. It returns the share of images "
    "whose largest score belongs to their class.",
    hint="``argmax(dim=1)`` finds the column of the largest number in each row. It does so for "
    "labels too. Only numbers have a mean: ``.float()`` makes 0 and 1 of false and true.",
    solution="""
def accuracy(scores, labels):
    return (scores.argmax(dim=1) == labels.argmax(dim=1)).float().mean()

answer = accuracy
""",
    kind=Function(
        lambda: [
            (
                torch.tensor([[2.0, 1, 0], [0, 3, 1], [1, 0, 4], [0, 2, 1], [5, 1, 2]]),
                torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
            ),
            (torch.tensor([[-3.0, -1.0], [-1.0, -2.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])),
        ]
    ),
    right=lambda: _accuracy,
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "that is how many are right, not which share",
            lambda: lambda s, y: (s.argmax(1) == y.argmax(1)).sum(),
            "The mean of zeros and ones is a share.",
        ),
        Mistake(
            "the largest is looked for in each column",
            lambda: lambda s, y: (s.argmax(0) == y.argmax(0)).float().mean(),
            "An image is a row: axis 0 runs over the images, axis 1 over the classes.",
        ),
        Mistake(
            "the scores themselves are compared with the labels",
            lambda: lambda s, y: (s == y).float().mean(),
            "Scores are any numbers; what counts is which one of a row is largest.",
        ),
        Mistake(
            "that is the share of mistakes",
            lambda: lambda s, y: (s.argmax(1) != y.argmax(1)).float().mean(),
            "Accuracy counts where the two agree.",
        ),
        Mistake(
            "that is in percent",
            lambda: lambda s, y: 100 * _accuracy(s, y),
            "A share lies from 0 to 1.",
        ),
    ),
    remark="It would have served on this page.",
)

_loss_of_a_guess = Exercise(
    "1.3",
    "A network that knows nothing gives each of ten classes the same score, and so the same "
    "probability. What is its cross-entropy? Three decimals are enough.",
    hint="The probability of the right class is 1/10. The loss is minus its natural logarithm, "
    "and the same for every image.",
    solution="""
import torch

scores = torch.zeros(4, 10)
answer = torch.nn.functional.cross_entropy(scores, torch.tensor([3, 1, 4, 1]))
""",
    kind=Numbers("one number"),
    right=lambda: 2.302585,
    tolerance=_THREE_DECIMALS,
    mistakes=(
        Mistake(
            "that is the probability",
            lambda: 0.1,
            "The loss is minus the logarithm of it.",
        ),
        Mistake(
            "the sign is wrong",
            lambda: -2.302585,
            "The logarithm of a probability is negative; the loss is minus that.",
        ),
        Mistake(
            "that is the logarithm to base 10",
            lambda: 1,
            "Cross-entropy uses the natural logarithm, ``math.log``.",
        ),
        Mistake(
            "that is the logarithm to base 2",
            lambda: 3.321928,
            "Cross-entropy uses the natural logarithm, ``math.log``.",
        ),
        Mistake(
            "that adds up over the classes",
            lambda: 23.02585,
            "Only the probability of the right class counts.",
        ),
    ),
    remark="A loss that starts far above that says that a network is sure and wrong.",
)

# 2. Why a CNN? Parameters.

_conv_parameters = Exercise(
    "2.1",
    "How many parameters does ``Conv2d(3, 8, 5)`` have: three channels in, eight out, windows of "
    "5 x 5?",
    hint="Each of the eight kernels sees all three channels, and each has one bias.",
    solution="""
weights = 8 * 3 * 5 * 5
biases = 8
answer = weights + biases
""",
    kind=Numbers("one number"),
    right=lambda: 608,
    mistakes=(
        Mistake("the biases are forgotten", lambda: 600, "Every kernel has one."),
        Mistake(
            "the input channels are forgotten",
            lambda: 208,
            "A kernel has weights of its own for each channel that it sees.",
        ),
        Mistake(
            "there is a bias for every pair of channels",
            lambda: 624,
            "A bias is added once, after the channels are added up.",
        ),
        Mistake(
            "there is only one bias",
            lambda: 601,
            "Every output channel has its own.",
        ),
        Mistake(
            "the window has only one side",
            lambda: 128,
            "A window has rows and columns.",
        ),
    ),
    remark="8*3*5*5 + 8.",
)

_largest_mlp = Exercise(
    "2.2",
    "An MLP with layers 784-h-10 shall have at most as many parameters as the sloppy CNN, 27,130. "
    "What is the largest h?",
    hint="Each hidden unit brings 784 weights, a bias, and 10 weights behind it. The ten output "
    "biases are there in any case.",
    solution="""
budget = 27_130 - 10
answer = budget // (784 + 1 + 10)
""",
    kind=Numbers("one number"),
    right=lambda: 34,
    mistakes=(
        Mistake(
            "that was rounded up",
            lambda: 35,
            "Count its parameters once more: are they still at most 27,130?",
        ),
        Mistake(
            "that is no whole number",
            lambda: 27_120 / 795,
            "There are no broken units, and one more would be too many.",
        ),
        Mistake(
            "the first layer is forgotten",
            lambda: 2712,
            "Each hidden unit has a weight for each of the 784 pixels.",
        ),
    ),
    remark="The desperate MLP has 2,048.",
)

_without_pooling = Exercise(
    "2.3",
    "Take ``MaxPool2d(2)`` out of the sloppy CNN: ``Conv2d(1, 16, 2)``, ReLU, Flatten and a linear "
    "layer to 10 classes, on images of 28 x 28. How many parameters does it have now?",
    hint="The convolution stays as it was, 80 parameters. Without pooling its sixteen pictures "
    "reach the linear layer in full size.",
    solution="""
from torch import nn

net = nn.Sequential(nn.Conv2d(1, 16, 2), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 27 * 27, 10))
answer = sum(parameter.numel() for parameter in net.parameters())
""",
    kind=Numbers("one number"),
    right=lambda: 116_730,
    mistakes=(
        Mistake(
            "the convolution is forgotten",
            lambda: 116_650,
            "It has parameters too, if few.",
        ),
        Mistake(
            "the biases of the linear layer are forgotten",
            lambda: 116_720,
            "It has one for each class.",
        ),
        Mistake(
            "only one of the sixteen pictures is counted",
            lambda: 7_380,
            "Flatten lays all of them in one row.",
        ),
        Mistake(
            "the size is off by one",
            lambda: 125_530,
            "A 2 x 2 window cannot stand at the last row or column of 28.",
        ),
        Mistake(
            "that is the network with its pooling",
            lambda: 27_130,
            "Without it, the linear layer gets more numbers.",
        ),
    ),
    remark="Over four times as many: pooling is what keeps the linear layer small.",
)

# 3. Is the comparison fair?

_half_width = Exercise(
    "3.1",
    "Five starts of a network get 85, 86, 87, 88 and 89 percent right. How many percentage points "
    "does the 95 % interval of the mean reach to either side? Student's t for five values is "
    "2.776. Three decimals are enough.",
    hint="It is t times the standard error of the mean: the sample standard deviation, with 4 "
    "below the sum of squares, divided by the root of 5.",
    solution="""
from cnnbook.scoring import mean_interval

interval = mean_interval([85, 86, 87, 88, 89])
answer = (interval.high - interval.low) / 2
""",
    kind=Numbers("one number"),
    right=lambda: 2.776445 * math.sqrt((4 + 1 + 0 + 1 + 4) / 4 / 5),
    tolerance=_THREE_DECIMALS,
    mistakes=(
        Mistake(
            "that is the width of the whole interval",
            lambda: 2 * 2.776445 * math.sqrt(10 / 4 / 5),
            "Asked for is how far it reaches to one side.",
        ),
        Mistake(
            "the root of the number of starts is forgotten",
            lambda: 2.776445 * math.sqrt(10 / 4),
            "So far single starts scatter; their mean scatters less.",
        ),
        Mistake(
            "that uses the 1.96 of the normal distribution",
            lambda: 1.96 * math.sqrt(10 / 4 / 5),
            "The deviation is itself only guessed from five values; Student's t allows for that.",
        ),
        Mistake(
            "the sum of squares is divided by the number of starts",
            lambda: 2.776445 * math.sqrt(10 / 5 / 5),
            "The mean was fitted to the same values, so one less is free.",
        ),
        Mistake(
            "that is the standard error",
            lambda: math.sqrt(10 / 4 / 5),
            "The interval is Student's t times as wide.",
        ),
    ),
    remark="With so few starts the interval is wide: Student's t for ten is 2.262.",
)

_images_needed = Exercise(
    "3.2",
    "A network gets 87 % of its test images right, and the standard error of that shall be half a "
    "percentage point, 0.005. How many test images does it take?",
    hint="The standard error is the root of 0.87 * 0.13 / n. Solve for n.",
    solution="""
variance = 0.87 * 0.13
answer = round(variance / 0.005**2)
""",
    kind=Numbers("one number"),
    right=lambda: 4524,
    mistakes=(
        Mistake(
            "that is for an error of one percentage point",
            lambda: 1131,
            "Half the error takes more images.",
        ),
        Mistake(
            "that is twice as many as for a whole percentage point",
            lambda: 2262,
            "The error shrinks with the root of the number: half of it takes more than that.",
        ),
        Mistake(
            "the root is forgotten",
            lambda: 22.62,
            "The standard error is a root; square both sides before you solve.",
        ),
        Mistake(
            "that makes two standard errors as small as that",
            lambda: 18_096,
            "Asked for is one standard error.",
        ),
        Mistake(
            "the share of wrong images is forgotten",
            lambda: 34_800,
            "The variance of one image is 0.87 times what is missing to 1.",
        ),
    ),
    remark="Fashion-MNIST has 10,000 of them.",
)


def _paired_t(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    differences = first - second
    count = len(differences)
    variance = (differences - differences.sum() / count).square().sum() / (count - 1)
    return differences.sum() / count / (variance / count).sqrt()


def _unpaired_t(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return (first.mean() - second.mean()) / ((first.var() + second.var()) / len(first)).sqrt()


_paired = Exercise(
    "3.3",
    "Write a function ``paired_t(first, second)``. Both are tensors ``(n,)`` with the accuracies "
    "of two networks, from the same seeds in the same order. It returns the mean of the "
    "differences, first minus second, divided by the standard error of that mean.",
    hint="Take the differences first; from there on it is one list of numbers. ``std()`` already "
    "divides by n - 1.",
    solution="""
def paired_t(first, second):
    differences = first - second
    return differences.mean() / (differences.std() / len(differences) ** 0.5)

answer = paired_t
""",
    kind=Function(
        lambda: [
            (torch.tensor([5.0, 7.0, 9.0]), torch.tensor([4.0, 5.0, 6.0])),
            (torch.tensor([1.0, 5.0, 2.0, 8.0]), torch.tensor([2.0, 5.5, 4.0, 8.0])),
        ]
    ),
    right=lambda: _paired_t,
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the seeds are not paired",
            lambda: _unpaired_t,
            "What counts is how much the differences scatter, not how much each network does.",
        ),
        Mistake(
            "the sign is wrong",
            lambda: lambda first, second: _paired_t(second, first),
            "First minus second.",
        ),
        Mistake(
            "the root of the number of seeds is forgotten",
            lambda: lambda first, second: (first - second).mean() / (first - second).std(),
            "That divides by the deviation of one difference, not of their mean.",
        ),
        Mistake(
            "that divides by n, not by n - 1",
            lambda: (
                lambda first, second: (
                    _paired_t(first, second) * (len(first) / (len(first) - 1)) ** 0.5
                )
            ),
            "The sample standard deviation has one less below the sum of squares.",
        ),
        Mistake(
            "that is the mean of the differences alone",
            lambda: lambda first, second: (first - second).mean(),
            "Measure it in standard errors.",
        ),
    ),
    remark="``compare_paired`` turns it into a p value.",
)

# 4. Is it the picture, or the pixels?

_way_back = Exercise(
    "4.1",
    "A row of five pixels is shuffled with ``shuffled = pixels[order]``, and ``order`` is "
    "``[3, 0, 4, 1, 2]``. With which list ``back`` does ``shuffled[back]`` give ``pixels`` again?",
    hint="Pixel 0 now stands at place 1, so the list starts with that. Where is pixel 1?",
    solution="""
import torch

order = torch.tensor([3, 0, 4, 1, 2])
answer = order.argsort()
""",
    kind=Numbers("five numbers"),
    right=lambda: [[3, 0, 4, 1, 2].index(place) for place in range(5)],
    mistakes=(
        Mistake(
            "that is the order itself",
            lambda: [3, 0, 4, 1, 2],
            "Shuffled twice in the same way, the pixels are shuffled.",
        ),
        Mistake(
            "that is the order read from the end",
            lambda: [2, 1, 4, 0, 3],
            "Ask of each pixel where it went.",
        ),
        Mistake(
            "that is the order applied twice",
            lambda: [1, 3, 2, 0, 4],
            "Ask of each pixel where it went.",
        ),
        Mistake("that counts from 1", lambda: [2, 4, 5, 1, 3], "Places are counted from 0."),
        Mistake(
            "that leaves everything where it is",
            lambda: [0, 1, 2, 3, 4],
            "The pixels would stay shuffled.",
        ),
    ),
    remark="So nothing is lost.",
)


def _follow(weight: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    followed = torch.empty_like(weight)
    for place, source in enumerate(order.tolist()):
        followed[:, place] = weight[:, source]
    return followed


_follow_the_pixels = Exercise(
    "4.2",
    "Write a function ``follow(weight, order)``. ``weight`` is that of a linear layer, of shape "
    "``(out, pixels)``. It returns the weight with which the layer gives for ``pixels[order]`` "
    "what it gave for ``pixels``.",
    hint="Each column of the weight belongs to one pixel.",
    solution="""
def follow(weight, order):
    return weight[:, order]

answer = follow
""",
    # Square, so that mixing up rows and columns is a mistake that can be told and no crash.
    kind=Function(
        lambda: [
            (torch.arange(16.0).reshape(4, 4), torch.tensor([2, 0, 3, 1])),
            (_counting(5, 5), torch.tensor([3, 0, 4, 1, 2])),
        ]
    ),
    right=lambda: _follow,
    mistakes=(
        Mistake(
            "the weight is as before",
            lambda: lambda weight, order: weight,
            "Each weight has to follow its pixel.",
        ),
        Mistake(
            "the rows were moved",
            lambda: lambda weight, order: weight[order],
            "A row belongs to an output; which axis belongs to the pixels?",
        ),
        Mistake(
            "rows and columns were moved",
            lambda: lambda weight, order: weight[order][:, order],
            "The outputs stay in the order in which they are.",
        ),
        Mistake(
            "that goes the way back",
            lambda: lambda weight, order: weight[:, order.argsort()],
            "The columns go the same way as the pixels.",
        ),
    ),
    remark="A convolution has no such function.",
)

_neighbours_left = Exercise(
    "4.3",
    "In 28 rows of 28 pixels, 756 pairs of places are side by side. After a random order, in how "
    "many of them do you expect a pixel and, to the right of it, the one that was to the right of "
    "it before? Three decimals are enough.",
    hint="Two pixels in two given places can be any of the 784*783 ordered pairs, all with the "
    "same probability. How many of these were such a pair?",
    solution="""
pairs = 28 * 27
answer = pairs * pairs / (784 * 783)
""",
    kind=Numbers("one number"),
    right=lambda: 27 / 28 * 756 / 783,
    tolerance=_THREE_DECIMALS,
    mistakes=(
        Mistake(
            "that is for one pair of places",
            lambda: 756 / (784 * 783),
            "Expectations add up, over all pairs of places.",
        ),
        Mistake(
            "pairs that were turned round are counted too",
            lambda: 2 * 756 * 756 / (784 * 783),
            "The right one shall be on the right again.",
        ),
        Mistake(
            "every pixel is given a right neighbour",
            lambda: 784 * 784 / (784 * 783),
            "The last pixel of each row has none, neither before nor after.",
        ),
        Mistake(
            "every place is given a right neighbour",
            lambda: 756 / 783,
            "The last place of each row has none.",
        ),
        Mistake(
            "that is the number of pairs",
            lambda: 756,
            "So many there are; few of them stay together.",
        ),
    ),
    remark="About one, of 756. To a kernel, next to nothing is left of the picture.",
)

# 5. Where did CNNs come from?

_connections_of_c1 = Exercise(
    "5.1",
    "The first layer of LeNet-5, C1, has six kernels of 5 x 5 weights, each with a bias, and looks "
    "at pictures of 32 x 32 pixels. It has 156 parameters. How many connections does it have, "
    "counting every use of a weight or a bias?",
    hint="Along a side, a window of 5 fits into 32 pixels at 28 places. At each of them a kernel "
    "uses all its weights and its bias once.",
    solution="""
places = (32 - 5 + 1) ** 2
answer = 6 * places * (5 * 5 + 1)
""",
    kind=Numbers("one number"),
    right=lambda: 122_304,
    mistakes=(
        Mistake(
            "the biases are forgotten",
            lambda: 117_600,
            "A bias is used at every position too.",
        ),
        Mistake(
            "the window stands at every pixel",
            lambda: 159_744,
            "It has to fit into the picture.",
        ),
        Mistake(
            "only one kernel is counted",
            lambda: 20_384,
            "There are six.",
        ),
        Mistake(
            "those are the parameters",
            lambda: 156,
            "Each is used at many positions; count the uses.",
        ),
        Mistake(
            "the places are counted along one side only",
            lambda: 4_368,
            "There are rows of them, and columns.",
        ),
    ),
    remark="The paper has the same number.",
)

_one_bias_a_kernel = Exercise(
    "5.2",
    "In the network of 1989, each unit of the two convolutions has its own bias. Today each "
    "kernel has one. How many of its 9,760 parameters would the network have today, all else "
    "unchanged?",
    hint="The two layers have 12 x 8 x 8 and 12 x 4 x 4 units, and twelve kernels each. The linear "
    "layers stay as they are.",
    solution="""
biases = 12 * 8 * 8 + 12 * 4 * 4
answer = 9_760 - biases + 12 + 12
""",
    kind=Numbers("one number"),
    right=lambda: 8_824,
    mistakes=(
        Mistake(
            "no bias is left in the convolutions",
            lambda: 8_800,
            "Each kernel keeps one.",
        ),
        Mistake(
            "only the first layer is changed",
            lambda: 9_004,
            "The second convolution has as many kernels.",
        ),
        Mistake(
            "only the second layer is changed",
            lambda: 9_580,
            "The first convolution has a bias for each unit too.",
        ),
        Mistake(
            "that is how many it loses",
            lambda: 936,
            "Take that from all of its parameters.",
        ),
    ),
    remark="A tenth of that network were biases.",
)


def _top5_error(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    # The right class is among the five if fewer than five scores are larger.
    right = scores[torch.arange(len(scores)), labels]
    return ((scores > right[:, None]).sum(dim=1) >= 5).float().mean()


_top5 = Exercise(
    "5.3",
    "Write a function ``top5_error(scores, labels)``. ``scores`` has shape ``(n, classes)``, "
    "``labels`` holds the number of the right class of each image, shape ``(n,)``. It returns the "
    "share of images whose class is not among their five largest scores.",
    hint="``scores.topk(5, dim=1).indices`` has the five classes of each row. Compare them with "
    "``labels[:, None]``.",
    solution="""
def top5_error(scores, labels):
    named = scores.topk(5, dim=1).indices
    found = (named == labels[:, None]).any(dim=1)
    return (~found).float().mean()

answer = top5_error
""",
    kind=Function(
        lambda: [
            (
                torch.tensor(
                    [
                        [9.0, 8, 7, 6, 5, 4, 3, 2],
                        [2.0, 9, 4, 8, 3, 7, 5, 6],
                        [1.0, 2, 3, 4, 5, 6, 7, 8],
                        [5.0, 1, 8, 2, 7, 3, 6, 4],
                        [-1.0, -9, -3, -5, -2, -8, -7, -4],
                    ]
                ),
                torch.tensor([0, 7, 1, 0, 6]),
            ),
            (torch.tensor([[3.0, 1, 2, 6, 5, 4]]), torch.tensor([0])),
        ]
    ),
    right=lambda: _top5_error,
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "only the largest score counts there",
            lambda: lambda s, y: (s.argmax(1) != y).float().mean(),
            "Five may be named; one of them has to be right.",
        ),
        Mistake(
            "that is the share of images that are found",
            lambda: lambda s, y: 1 - _top5_error(s, y),
            "The error is the share of the others.",
        ),
        Mistake(
            "those are the five smallest scores",
            lambda: lambda s, y: _top5_error(-s, y),
            "The program names what it thinks most likely.",
        ),
        Mistake(
            "that is in percent",
            lambda: lambda s, y: 100 * _top5_error(s, y),
            "A share lies from 0 to 1.",
        ),
        Mistake(
            "that is how many are not found, not which share",
            lambda: lambda s, y: _top5_error(s, y) * len(s),
            "Divide by the number of images.",
        ),
    ),
    remark="With ten classes it would be an easy contest.",
)

# 6. One window.

_sum_by_hand = Exercise(
    "6.1",
    "The window is ``[[5, 0], [1, 2]]``, the kernel ``[[1, 2], [3, 4]]``, the bias -1. What does "
    "the convolution put out? Use a pencil.",
    hint="Upper left times upper left, and so on; add the four products and the bias.",
    solution="""
answer = 1 * 5 + 2 * 0 + 3 * 1 + 4 * 2 + -1
""",
    kind=Numbers("one number"),
    right=lambda: 15,
    mistakes=(
        Mistake("the bias is forgotten", lambda: 16, "It is added at the end."),
        Mistake(
            "the bias is subtracted",
            lambda: 17,
            "It is added, and it is negative.",
        ),
        Mistake(
            "the kernel is flipped",
            lambda: 23,
            "Here it is laid on the window as it stands.",
        ),
        Mistake(
            "rows and columns of the kernel are swapped",
            lambda: 14,
            "The 2 is at the upper right, the 3 at the lower left.",
        ),
        Mistake(
            "the bias is added to every product",
            lambda: 12,
            "It is added once, to the sum.",
        ),
        Mistake(
            "the products are not added up",
            lambda: [[5, 0], [3, 8]],
            "One window gives one number.",
        ),
        Mistake(
            "that is a product of matrices",
            lambda: [[7, 4], [19, 8]],
            "Multiply only what lies on top of each other, and add all of it up.",
        ),
    ),
    remark="5 + 0 + 3 + 8 - 1.",
)

_difference_layer = Exercise(
    "6.2",
    "Make a ``Conv2d`` with windows of 2 x 2 that puts out the lower right pixel minus the upper "
    "left one, plus 0.5. Hand in the layer.",
    hint="Two of the four weights are 0. Write into ``layer.weight`` and ``layer.bias`` under "
    "``torch.no_grad()``, or use ``conv_from_kernel`` of ``cnnbook.convolution``.",
    solution="""
import torch

layer = torch.nn.Conv2d(1, 1, 2)
with torch.no_grad():
    layer.weight.copy_(torch.tensor([[[[-1.0, 0.0], [0.0, 1.0]]]]))
    layer.bias.fill_(0.5)
answer = layer
""",
    kind=Layer(lambda: _counting(2, 1, 4, 5)),
    right=lambda: _conv([-1.0, 0.0], [0.0, 1.0], bias=0.5),
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the bias is forgotten",
            lambda: _conv([-1.0, 0.0], [0.0, 1.0]),
            "The 0.5 does not depend on any pixel.",
        ),
        Mistake(
            "the kernel is flipped",
            lambda: _conv([1.0, 0.0], [0.0, -1.0], bias=0.5),
            "It is laid on the window as it stands, so a weight stands where its pixel stands.",
        ),
        Mistake(
            "that is the other diagonal",
            lambda: _conv([0.0, -1.0], [1.0, 0.0], bias=0.5),
            "Upper left is row 0, column 0.",
        ),
        Mistake(
            "the upper left pixel is added",
            lambda: _conv([1.0, 0.0], [0.0, 1.0], bias=0.5),
            "What is taken away has a negative weight.",
        ),
    ),
    remark="It answers to edges that run from lower left to upper right.",
)


def _window_function(window: torch.Tensor, kernel: torch.Tensor, bias: float) -> torch.Tensor:
    return (window * kernel).sum() + bias


_window_by_function = Exercise(
    "6.3",
    "Write a function ``one_window(window, kernel, bias)``: two tensors of the same shape "
    "``(rows, columns)`` and a number. It returns what a convolution puts out at that place.",
    hint="``*`` multiplies two tensors entry by entry, ``.sum()`` adds all entries up.",
    solution="""
def one_window(window, kernel, bias):
    return (window * kernel).sum() + bias

answer = one_window
""",
    kind=Function(
        lambda: [
            (torch.tensor([[5.0, 0], [1, 2]]), torch.tensor([[1.0, 2], [3, 4]]), -1.0),
            (_counting(3, 3), torch.tensor([[1.0, 0, 2], [5, 1, 0], [0, 3, -1]]), 0.5),
        ]
    ),
    right=lambda: _window_function,
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the bias is forgotten",
            lambda: lambda w, k, b: (w * k).sum(),
            "It is the third argument.",
        ),
        Mistake(
            "the bias is added to every product",
            lambda: lambda w, k, b: (w * k + b).sum(),
            "It is added once, to the sum.",
        ),
        Mistake(
            "the kernel is flipped",
            lambda: lambda w, k, b: (w * k.flip(0, 1)).sum() + b,
            "Here it is laid on the window as it stands.",
        ),
        Mistake(
            "that is a product of matrices",
            lambda: lambda w, k, b: (w @ k).sum() + b,
            "``@`` multiplies rows with columns; entry by entry it is ``*``.",
        ),
        Mistake(
            "the products are not added up",
            lambda: lambda w, k, b: w * k + b,
            "One window gives one number.",
        ),
    ),
    remark="That is all that a convolution does at one place.",
)

# 7. The moving average.

_average_by_hand = Exercise(
    "7.1",
    "What is the 2 x 2 moving average of ``[[1, 3, 5], [3, 5, 7], [1, 1, 3]]``? Use a pencil, and "
    "hand in rows, as in ``[[1, 2], [3, 4]]``.",
    hint="The window can stand at two places in each direction.",
    solution="""
import torch

from cnnbook.convolution import moving_average

image = torch.tensor([[1.0, 3.0, 5.0], [3.0, 5.0, 7.0], [1.0, 1.0, 3.0]])
answer = moving_average(image[None, None], size=2)[0, 0]
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: [[3, 5], [2.5, 4]],
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "those are the sums",
            lambda: [[12, 20], [10, 16]],
            "The mean of four pixels is a quarter of their sum.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: [[3, 2.5], [5, 4]],
            "The window first goes to the right, along a row.",
        ),
        Mistake(
            "those are the largest pixels",
            lambda: [[5, 7], [5, 7]],
            "The window takes the mean.",
        ),
        Mistake(
            "the window has moved by two",
            lambda: 3,
            "It moves by one pixel at a time, and windows overlap.",
        ),
        Mistake(
            "the window is 3 x 3",
            lambda: 29 / 9,
            "It has two rows and two columns.",
        ),
    ),
    remark="Four windows, four means.",
)

_average_shape = Exercise(
    "7.2",
    "A photograph of 28 rows and 20 columns, a tensor of shape ``(1, 1, 28, 20)``, is averaged "
    "with windows of 5 x 5. What is the shape of the result? Hand in four numbers.",
    hint="How many places has a window of 5 in 28 rows? It can start at row 0, and its last row "
    "is row 27 at most.",
    solution="""
from cnnbook.shapes import output_size

answer = (1, 1, *output_size((28, 20), 5))
""",
    kind=Numbers("a shape of four numbers", loose=False),
    right=lambda: (1, 1, 24, 16),
    mistakes=(
        Mistake(
            "rows and columns are swapped",
            lambda: (1, 1, 16, 24),
            "Rows come first, and there are more of them.",
        ),
        Mistake(
            "the axes for images and channels are forgotten",
            lambda: (24, 16),
            "torch always has four: images, channels, rows, columns.",
        ),
        Mistake(
            "the size is off by one",
            lambda: (1, 1, 23, 15),
            "Count the places where the window can start, the first and the last among them.",
        ),
        Mistake(
            "the size is kept",
            lambda: (1, 1, 28, 20),
            "A window that hangs over the edge does not count.",
        ),
        Mistake(
            "the windows lie side by side",
            lambda: (1, 1, 5, 4),
            "The window moves by one pixel at a time, and windows overlap.",
        ),
    ),
    remark="Four rows and four columns are lost.",
)

_row_average = Exercise(
    "7.3",
    "Make a ``Conv2d`` that puts out the mean of a pixel and its two neighbours to the right, in "
    "the same row. Hand in the layer.",
    hint="The window has one row and three columns: ``kernel_size=(1, 3)``. What is the bias?",
    solution="""
from cnnbook.convolution import averaging_conv

answer = averaging_conv((1, 3))
""",
    kind=Layer(lambda: _counting(2, 1, 4, 5)),
    right=lambda: _conv([1 / 3, 1 / 3, 1 / 3]),
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "rows and columns are swapped",
            lambda: _conv([1 / 3], [1 / 3], [1 / 3]),
            "The size of a window is (rows, columns), and neighbours in a row stand in columns.",
        ),
        Mistake(
            "that is the sum",
            lambda: _conv([1.0, 1.0, 1.0]),
            "The weights of a mean add up to 1.",
        ),
        Mistake(
            "that is the mean of three rows",
            lambda: conv_from_kernel(torch.full((3, 3), 1 / 9)),
            "The window has a single row.",
        ),
        Mistake(
            "the neighbours are only one",
            lambda: _conv([1 / 2, 1 / 2]),
            "The window has three columns: the pixel itself and two more.",
        ),
    ),
    remark="It blurs upright edges and leaves level ones alone.",
)

# 8. Many images, many features.

_expanded_shape = Exercise(
    "8.1",
    "Five colour photographs of 32 rows and 48 columns, ``(5, 3, 32, 48)``, go through "
    "``Conv2d(3, 8, (3, 5))``. What shape comes out? Hand in four numbers.",
    hint="Images stay images, channels become the layer's output channels, and rows and columns "
    "are counted each with its own side of the window.",
    solution="""
import torch

answer = torch.nn.Conv2d(3, 8, (3, 5))(torch.zeros(5, 3, 32, 48)).shape
""",
    kind=Numbers("a shape of four numbers", loose=False),
    right=lambda: (5, 8, 30, 44),
    mistakes=(
        Mistake(
            "the channels are those of the input",
            lambda: (5, 3, 30, 44),
            "Each kernel makes one channel.",
        ),
        Mistake(
            "the input channels are kept apart",
            lambda: (5, 24, 30, 44),
            "A kernel adds up over all of them.",
        ),
        Mistake(
            "the axis of the images is missing",
            lambda: (8, 30, 44),
            "Many images go in, and as many come out.",
        ),
        Mistake(
            "rows and columns of the window are swapped",
            lambda: (5, 8, 28, 46),
            "The kernel size is (rows, columns).",
        ),
        Mistake(
            "the size is off by one",
            lambda: (5, 8, 29, 43),
            "Count the places where the window can start, the first and the last among them.",
        ),
        Mistake(
            "the size is kept",
            lambda: (5, 8, 32, 48),
            "A window that hangs over the edge does not count.",
        ),
    ),
    remark="Images, kernels, and the places of the window.",
)

_two_channels = Exercise(
    "8.2",
    "An image has two channels, ``[[1, 2], [3, 4]]`` and ``[[5, 6], [7, 9]]``. A kernel has "
    "``[[1, 0], [0, 1]]`` for the first and ``[[0, 1], [1, 0]]`` for the second, and the bias 2. "
    "What does this kernel put out? Use a pencil.",
    hint="Multiply and add up in each channel. One kernel gives one number.",
    solution="""
first = 1 * 1 + 4 * 1
second = 6 * 1 + 7 * 1
answer = first + second + 2
""",
    kind=Numbers("one number"),
    right=lambda: 20,
    mistakes=(
        Mistake("the bias is forgotten", lambda: 18, "It is added at the end."),
        Mistake(
            "the bias is added in each channel",
            lambda: 22,
            "A kernel has one, however many channels it sees.",
        ),
        Mistake(
            "only the first channel is used",
            lambda: 7,
            "A kernel sees all of them.",
        ),
        Mistake(
            "the channels are kept apart",
            lambda: [7, 15],
            "Their sums are added, and the bias after that.",
        ),
        Mistake(
            "the channels are kept apart, and the bias is forgotten",
            lambda: [5, 13],
            "One kernel gives one number, of all channels and its bias.",
        ),
        Mistake(
            "both channels use the same weights",
            lambda: 1 + 4 + 5 + 9 + 2,
            "Each channel has weights of its own.",
        ),
    ),
    remark="5 + 13 + 2.",
)


def _three_kernels(
    *order: int, scale: float = 0.25, sign: float = 1.0, flip: bool = False
) -> torch.nn.Conv2d:
    kernels = torch.tensor(
        [[[1.0, 0.0], [0.0, 0.0]], [[scale, scale], [scale, scale]], [[-sign, 0.0], [0.0, sign]]]
    )
    kernels = kernels.flip(1, 2) if flip else kernels
    return conv_from_kernel(kernels[list(order), None])


_three_features = Exercise(
    "8.3",
    "Make one ``Conv2d`` with windows of 2 x 2 that takes one channel and puts out three: the "
    "upper left pixel, the mean of the window, and the lower right pixel minus the upper left "
    "one, in this order. Hand in the layer.",
    hint="The weights have the shape ``(3, 1, 2, 2)``, one kernel below the other; the biases are "
    "0. ``conv_from_kernel`` takes such a tensor.",
    solution="""
import torch

from cnnbook.convolution import conv_from_kernel

corner = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
mean = torch.full((2, 2), 1 / 4)
edge = torch.tensor([[-1.0, 0.0], [0.0, 1.0]])
answer = conv_from_kernel(torch.stack([corner, mean, edge])[:, None])
""",
    kind=Layer(lambda: _counting(2, 1, 4, 5)),
    right=lambda: _three_kernels(0, 1, 2),
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the kernels stand in the opposite order",
            lambda: _three_kernels(2, 1, 0),
            "The first kernel makes the first channel.",
        ),
        Mistake(
            "the second channel is the sum",
            lambda: _three_kernels(0, 1, 2, scale=1.0),
            "The weights of a mean add up to 1.",
        ),
        Mistake(
            "the third channel has the opposite sign",
            lambda: _three_kernels(0, 1, 2, sign=-1.0),
            "What is taken away has a negative weight.",
        ),
        Mistake(
            "the kernels are flipped",
            lambda: _three_kernels(0, 1, 2, flip=True),
            "They are laid on the window as they stand.",
        ),
        Mistake(
            "the three are added up into one channel",
            lambda: _conv([0.25, 0.25], [0.25, 1.25]),
            "One kernel gives one channel; three kernels are needed.",
        ),
    ),
    remark="Three features of one image, from one layer.",
)

# 9. ReLU.

_stacked_kernels = Exercise(
    "9.1",
    "A row of pixels goes through the kernel ``[1, 2]``, and what comes out through ``[3, -1]``, "
    "with no bias and nothing in between. One kernel with three weights does the same at once. "
    "Which?",
    hint="Call three neighbours a, b, c. The first kernel makes a + 2b and b + 2c of them. What "
    "does the second make of these two? Sort by a, b, c.",
    solution="""
import torch

from cnnbook.convolution import conv2d

first, second = torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([[[[3.0, -1.0]]]])
# Put in a alone, then b, then c: what comes out is the weight of each.
alone = torch.eye(3)[:, None, None]
answer = conv2d(conv2d(alone, first), second).flatten()
""",
    kind=Numbers("a row of three weights"),
    right=lambda: [3, 5, -2],
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the kernel is flipped",
            lambda: [-2, 5, 3],
            "The first weight belongs to the first pixel.",
        ),
        Mistake(
            "one of the two kernels was flipped on the way",
            lambda: [-1, 1, 6],
            "The second kernel's 3 meets a + 2b, its -1 meets b + 2c.",
        ),
        Mistake(
            "the weights are multiplied one by one",
            lambda: [3, -2],
            "The second kernel sees two results of the first, and so three pixels.",
        ),
        Mistake(
            "the weights are added",
            lambda: [4, 1],
            "One after the other is not side by side: the results of the first are multiplied.",
        ),
    ),
    remark="3(a + 2b) - (b + 2c). With a ReLU in between, no single kernel does this.",
)

_stacked_size = Exercise(
    "9.2",
    "Three convolutions with kernels of 3 x 3 stand one behind the other, with no ReLU between "
    "them. A single kernel of k x k could do the same. What is k?",
    hint="Two of them are one of 5 x 5. How many pixels does each further one add?",
    solution="""
from torch import nn

from cnnbook.shapes import receptive_field

stack = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3))
answer = receptive_field(stack).size[0]
""",
    kind=Numbers("one number"),
    right=lambda: 7,
    mistakes=(
        Mistake(
            "the sides are added up",
            lambda: 9,
            "The windows overlap: a further kernel adds fewer pixels than it has.",
        ),
        Mistake(
            "the sides are multiplied",
            lambda: 27,
            "That would be right for windows that do not overlap.",
        ),
        Mistake("those are two convolutions", lambda: 5, "There is a third."),
        Mistake(
            "the weights are counted",
            lambda: 49,
            "The question is for the side of the window.",
        ),
    ),
    remark="1 + 2 + 2 + 2.",
)

_absolute = Exercise(
    "9.3",
    "Write a function ``absolute(x)`` that returns the absolute value of each number of a tensor, "
    "made of nothing but ReLU, plus and minus.",
    hint="ReLU keeps what is positive. What does it keep of ``-x``?",
    solution="""
from cnnbook.pooling import relu

def absolute(x):
    return relu(x) + relu(-x)

answer = absolute
""",
    kind=Function(lambda: [(torch.tensor([-2.0, -0.5, 0.0, 3.0]),), (_counting(1, 1, 3, 3) - 4,)]),
    right=lambda: torch.abs,
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the two are subtracted",
            lambda: lambda x: torch.relu(x) - torch.relu(-x),
            "That is x again. Both parts are positive, and so is what you want.",
        ),
        Mistake(
            "the negative numbers are lost",
            lambda: torch.relu,
            "ReLU makes 0 of them; catch them with a second one.",
        ),
        Mistake(
            "the positive numbers are lost",
            lambda: lambda x: torch.relu(-x),
            "Catch them with a second ReLU.",
        ),
        Mistake(
            "the sign is wrong",
            lambda: lambda x: -torch.abs(x),
            "An absolute value is never negative.",
        ),
    ),
    remark="Two bends make a shape that no straight line has.",
)

# 10. MaxPool.


def _pooling_image() -> torch.Tensor:
    rows = [[1, 2, 0, 1, 9], [3, 0, 1, 5, 9], [0, 1, 2, 0, 9], [4, 0, 0, 1, 9], [9, 9, 9, 9, 9]]
    return torch.tensor(rows).float()[None, None]


_pool_by_hand = Exercise(
    "10.1",
    "What does ``MaxPool2d(2)`` make of ``[[1, 2, 0, 1, 9], [3, 0, 1, 5, 9], [0, 1, 2, 0, 9], "
    "[4, 0, 0, 1, 9], [9, 9, 9, 9, 9]]``? Use a pencil, and hand in rows.",
    hint="The windows lie side by side. Does the last column fill one?",
    solution="""
import torch

image = torch.tensor([
    [1.0, 2, 0, 1, 9],
    [3, 0, 1, 5, 9],
    [0, 1, 2, 0, 9],
    [4, 0, 0, 1, 9],
    [9, 9, 9, 9, 9],
])
answer = torch.nn.MaxPool2d(2)(image[None, None])[0, 0]
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: [[3, 5], [4, 2]],
    mistakes=(
        Mistake(
            "windows that are not full are counted",
            lambda: max_pool2d(_pooling_image(), 2, ceil_mode=True),
            "The last row and column are left over: torch rounds down.",
        ),
        Mistake(
            "the windows overlap",
            lambda: max_pool2d(_pooling_image(), 2, stride=1),
            "Pooling moves by the size of its window, unless it is told otherwise.",
        ),
        Mistake(
            "those are the means",
            lambda: avg_pool2d(_pooling_image(), 2),
            "MaxPool takes the largest of each window.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: [[3, 4], [5, 2]],
            "The window first goes to the right, along a row.",
        ),
        Mistake(
            "it begins at the wrong end",
            lambda: max_pool2d(_pooling_image()[..., 1:, 1:], 2),
            "The first window stands at the upper left; what is left over is at the end.",
        ),
    ),
    remark="None of the nines counts.",
)

_pool_gradient = Exercise(
    "10.2",
    "``MaxPool2d(2)`` is applied to ``[[1, 2, 0, 1], [3, 0, 1, 5], [0, 1, 2, 0], [4, 0, 0, 1]]``, "
    "and the loss is the sum of what comes out. What is the gradient of each pixel? Hand in four "
    "rows.",
    hint="Make one pixel a little brighter: does the loss change, and by how much?",
    solution="""
import torch

rows = [[1.0, 2, 0, 1], [3, 0, 1, 5], [0, 1, 2, 0], [4, 0, 0, 1]]
image = torch.tensor(rows).reshape(1, 1, 4, 4).requires_grad_()
torch.nn.MaxPool2d(2)(image).sum().backward()
answer = image.grad[0, 0]
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: [[0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0]],
    mistakes=(
        Mistake(
            "every pixel has a share",
            lambda: torch.full((4, 4), 0.25),
            "That is the gradient of the mean. Of each window only one pixel reached the loss.",
        ),
        Mistake(
            "every pixel counts",
            lambda: torch.ones(4, 4),
            "A pixel that is not the largest of its window does not reach the loss.",
        ),
        Mistake(
            "those are the pixels themselves",
            lambda: [[0, 0, 0, 0], [3, 0, 0, 5], [0, 0, 2, 0], [4, 0, 0, 0]],
            "The gradient says by how much the loss grows when a pixel grows by 1.",
        ),
        Mistake(
            "only the largest pixel of all has a gradient",
            lambda: [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]],
            "Each of the four windows has a largest one.",
        ),
        Mistake(
            "that is one number for each window",
            lambda: torch.ones(2, 2),
            "The question is for the pixels of the image.",
        ),
        Mistake(
            "that is what the pooling puts out",
            lambda: [[3, 5], [4, 2]],
            "The question is by how much each pixel of the image changes the sum of that.",
        ),
    ),
    remark="The four winners, and nothing for the others.",
)

_relu_after_pooling = Exercise(
    "10.3",
    "In the sloppy CNN, sixteen pictures of 27 x 27 come out of the convolution. If pooling by "
    "``MaxPool2d(2)`` stands before the ReLU, on how many numbers of one image must ReLU work?",
    hint="27 pixels hold how many whole pairs?",
    solution="""
from cnnbook.shapes import output_size

side = output_size(27, 2, stride=2)
answer = 16 * side * side
""",
    kind=Numbers("one number"),
    right=lambda: 2704,
    mistakes=(
        Mistake(
            "that is the number without pooling",
            lambda: 11_664,
            "Pooling comes first now, and leaves fewer.",
        ),
        Mistake(
            "that is exactly a quarter",
            lambda: 2916,
            "27 is odd: one row and one column are left over.",
        ),
        Mistake(
            "only one of the sixteen pictures is counted",
            lambda: 169,
            "ReLU works on all of them.",
        ),
        Mistake(
            "the half is rounded up",
            lambda: 3136,
            "A window that is not full does not count.",
        ),
        Mistake(
            "only the rows are halved",
            lambda: 16 * 13 * 27,
            "Pooling works in both directions.",
        ),
    ),
    remark="A little less than a quarter of 11,664.",
)

# 11. Which sizes come out?

_size_by_hand = Exercise(
    "11.1",
    "How many windows fit into a row of 28 pixels with ``kernel_size=5``, ``stride=2``, "
    "``padding=4`` and ``dilation=2``? Use a pencil.",
    hint="How many pixels does the kernel span, from its first weight to its last? How far can it "
    "move in the padded row, and how many steps of 2 are that?",
    solution="""
from cnnbook.shapes import output_size

answer = output_size(28, 5, stride=2, padding=4, dilation=2)
""",
    kind=Numbers("one number"),
    right=lambda: 14,
    mistakes=(
        Mistake(
            "that was rounded up",
            lambda: 15,
            "A last, incomplete step does not count.",
        ),
        Mistake(
            "the first window is forgotten",
            lambda: 13,
            "There is one more place than there are steps.",
        ),
        Mistake(
            "the padding is added at one end only",
            lambda: 12,
            "It is added at both.",
        ),
        Mistake(
            "the dilation is forgotten",
            lambda: 16,
            "With it, the kernel spans more pixels than it has weights.",
        ),
        Mistake(
            "the padding is forgotten",
            lambda: 10,
            "It makes the row longer, at both ends.",
        ),
    ),
    remark="The kernel spans 9, there is room for 27, and 27 holds 13 steps of 2 and a start.",
)


def _facts(
    layer: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor
) -> dict[str, object]:
    kernel = getattr(layer, "kernel_size", (0, 0))
    parameters = sum(one.numel() for one in layer.parameters())  # type: ignore[attr-defined]
    facts = (layer(images).shape, kernel, getattr(layer, "dilation", (0, 0)), parameters)
    names = ("the shape that comes out", "the kernel size", "the dilation", "the parameters")
    return dict(zip(names, facts, strict=True))


def _dilated(padding: int, *, groups: int = 4, dilation: int = 2) -> torch.nn.Conv2d:
    return torch.nn.Conv2d(4, 4, 3, padding=padding, dilation=dilation, groups=groups)


_depthwise = Exercise(
    "11.2",
    "Make a ``Conv2d`` of 3 x 3 weights with dilation 2 that takes four channels and gives four, "
    "each made of one channel alone, and that keeps rows and columns. Hand in the layer; its "
    "weights do not matter.",
    hint="``groups`` keeps channels apart. The kernel spans five pixels; how many are lost at each "
    "end without padding?",
    solution="""
from torch import nn

answer = nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4)
""",
    kind=Layer(lambda: torch.zeros(2, 4, 9, 12), _facts),
    right=lambda: _dilated(2),
    mistakes=(
        Mistake(
            "the padding is that of a kernel without dilation",
            lambda: _dilated(1),
            "With dilation the kernel spans more pixels, and more are lost.",
        ),
        Mistake(
            "the padding is forgotten",
            lambda: _dilated(0),
            "Without it, rows and columns are lost at every edge.",
        ),
        Mistake(
            "the dilation is forgotten",
            lambda: _dilated(1, dilation=1),
            "There shall be a gap of one pixel between the weights.",
        ),
        Mistake(
            "every output channel sees all four",
            lambda: _dilated(2, groups=1),
            "As many groups as channels keep each by itself.",
        ),
        Mistake(
            "the channels are in pairs",
            lambda: _dilated(2, groups=2),
            "As many groups as channels keep each by itself.",
        ),
    ),
    remark="40 parameters; without groups it would be 148.",
)

_group_parameters = Exercise(
    "11.3",
    "How many parameters does ``Conv2d(8, 16, 3, groups=4)`` have?",
    hint="Each kernel sees only the channels of its own group. How many are those?",
    solution="""
import torch

layer = torch.nn.Conv2d(8, 16, 3, groups=4)
answer = layer.weight.numel() + layer.bias.numel()
""",
    kind=Numbers("one number"),
    right=lambda: 304,
    mistakes=(
        Mistake("the biases are forgotten", lambda: 288, "Every kernel has one."),
        Mistake(
            "the groups are forgotten",
            lambda: 1168,
            "A kernel has no weights for the channels of other groups.",
        ),
        Mistake(
            "there is one bias for each group",
            lambda: 292,
            "Every output channel has its own.",
        ),
        Mistake(
            "input and output channels are both divided",
            lambda: 88,
            "There are still sixteen kernels; it is what each sees that gets less.",
        ),
    ),
    remark="16*2*3*3 + 16.",
)

# 12. conv(img) = img @ What?

_matrix_shape = Exercise(
    "12.1",
    "A convolution with one kernel of 2 x 2 on an image of 3 x 5 is written as "
    "``image.flatten() @ What``. What is the shape of ``What``? Hand in two numbers.",
    hint="``row @ matrix`` needs as many rows in the matrix as the row has numbers, and gives as "
    "many numbers as the matrix has columns.",
    solution="""
import torch

from cnnbook.convolution import conv_matrix

answer = conv_matrix(torch.ones(1, 1, 2, 2), (3, 5)).shape
""",
    kind=Numbers("a shape of two numbers", loose=False),
    right=lambda: (15, 8),
    mistakes=(
        Mistake(
            "rows and columns are swapped",
            lambda: (8, 15),
            "The image stands on the left, so its pixels meet the rows.",
        ),
        Mistake(
            "the size is kept",
            lambda: (15, 15),
            "There is a column for each place of the window, and those are fewer than pixels.",
        ),
        Mistake(
            "that is what would mix columns only",
            lambda: (5, 4),
            "The image is flattened first: all its pixels stand in one row.",
        ),
        Mistake(
            "those are the weights of one window",
            lambda: (15, 4),
            "A column belongs to a place of the window, not to a weight.",
        ),
    ),
    remark="15 pixels in, 2 x 4 places out.",
)

_matrix_of_a_row = Exercise(
    "12.2",
    "The image is a row of four pixels ``x``, the kernel is ``[3, -1]``. Write the matrix with "
    "which ``x @ matrix`` is the convolution. Hand in its rows.",
    hint="The first output is 3 times the first pixel minus the second. Those are the weights of "
    "the first column, from top to bottom.",
    solution="""
import torch

from cnnbook.convolution import conv_matrix

answer = conv_matrix(torch.tensor([[[[3.0, -1.0]]]]), (1, 4))
""",
    kind=Numbers("a matrix"),
    right=lambda: [[3, 0, 0], [-1, 3, 0], [0, -1, 3], [0, 0, -1]],
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "rows and columns are swapped",
            lambda: [[3, -1, 0, 0], [0, 3, -1, 0], [0, 0, 3, -1]],
            "That is for ``matrix @ x``. Here the pixels stand on the left.",
        ),
        Mistake(
            "the kernel is flipped",
            lambda: [[-1, 0, 0], [3, -1, 0], [0, 3, -1], [0, 0, 3]],
            "Read a column from top to bottom: first comes the weight of the first pixel.",
        ),
        Mistake(
            "there is a place too many",
            lambda: [[3, 0, 0, 0], [-1, 3, 0, 0], [0, -1, 3, 0], [0, 0, -1, 3]],
            "Count where a window of two can stand in four pixels.",
        ),
        Mistake(
            "each weight is used once",
            lambda: [[3, 0, 0], [0, -1, 0], [0, 0, 0], [0, 0, 0]],
            "The same two weights stand in every column, each time one pixel further on.",
        ),
    ),
    remark="Twelve entries, two weights.",
)

_averaging_sides = Exercise(
    "12.3",
    "For the 2 x 2 moving average of an image of 5 x 5 there is a matrix ``A`` with which the "
    "result is ``A @ image @ A.T``. Which? Hand in its rows.",
    hint="``A @ image`` mixes rows: it must give the means of neighbouring rows. ``A.T`` then does "
    "the same to columns. Each pixel is multiplied by both, and ends up with a quarter.",
    solution="""
import torch

from cnnbook.convolution import band_matrix

# Made for ``row @ matrix``: for a matrix on the left, rows and columns change places.
answer = band_matrix(torch.tensor([0.5, 0.5]), 5).T
""",
    kind=Numbers("a matrix"),
    right=lambda: [[0.5 * (column - row in (0, 1)) for column in range(5)] for row in range(4)],
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "each side takes the whole quarter",
            lambda: [[0.25 * (column - row in (0, 1)) for column in range(5)] for row in range(4)],
            "A stands on both sides, and the weights of the two are multiplied.",
        ),
        Mistake(
            "those are the sums",
            lambda: [[column - row in (0, 1) for column in range(5)] for row in range(4)],
            "Every row of A takes a mean, so its weights add up to 1.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: [[0.5 * (row - column in (0, 1)) for column in range(4)] for row in range(5)],
            "A stands on the left of five rows and makes four of them.",
        ),
        Mistake(
            "there is a row too many",
            lambda: [[0.5 * (column - row in (0, 1)) for column in range(5)] for row in range(5)],
            "Count where a window of two can stand in five rows.",
        ),
    ),
    remark="Rows and columns one after the other: the kernel is separable.",
)

# 13. Correlation, convolution, equivariance.

_impulse = Exercise(
    "13.1",
    "The image is 0 but for a 1 in the middle: ``[[0, 0, 0], [0, 1, 0], [0, 0, 0]]``. What does "
    "torch's ``conv2d`` make of it with the kernel ``[[1, 2], [3, 4]]``? Use a pencil, and hand in "
    "rows.",
    hint="In the first window the 1 lies at the lower right. Which weight does it meet?",
    solution="""
import torch

image = torch.zeros(1, 1, 3, 3)
image[0, 0, 1, 1] = 1
kernel = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
answer = torch.nn.functional.conv2d(image, kernel[None, None])[0, 0]
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: [[4, 3], [2, 1]],
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the kernel is flipped",
            lambda: [[1, 2], [3, 4]],
            "That is the mathematical convolution. torch lays the kernel on as it stands.",
        ),
        Mistake(
            "only the columns are turned round",
            lambda: [[2, 1], [4, 3]],
            "Look at the rows as well: in the upper windows the 1 lies in the lower row.",
        ),
        Mistake(
            "only the rows are turned round",
            lambda: [[3, 4], [1, 2]],
            "Look at the columns as well: in the left windows the 1 lies in the right column.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: [[4, 2], [3, 1]],
            "The second window stands to the right of the first.",
        ),
    ),
    remark="The kernel comes out turned by half a turn; what flips it first gives it back upright.",
)


def _true_convolution(images: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    return conv2d(images, kernel.flip(0, 1)[None, None])


_mathematical = Exercise(
    "13.2",
    "Write a function ``convolve(images, kernel)``: images of shape ``(n, 1, rows, columns)``, a "
    "kernel of two axes. It returns the mathematical convolution of each image, which flips the "
    "kernel, wherever the kernel fits; the result has four axes as well.",
    hint="``kernel.flip(0, 1)`` flips both axes. torch's ``conv2d`` wants a kernel of four axes: "
    "``kernel[None, None]``.",
    solution="""
from torch.nn.functional import conv2d

def convolve(images, kernel):
    return conv2d(images, kernel.flip(0, 1)[None, None])

answer = convolve
""",
    kind=Function(
        lambda: [
            (_counting(2, 1, 4, 5), torch.tensor([[1.0, 2.0], [3.0, 5.0]])),
            (_counting(1, 1, 5, 4), torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])),
        ]
    ),
    right=lambda: _true_convolution,
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the kernel is not flipped",
            lambda: lambda images, kernel: conv2d(images, kernel[None, None]),
            "That is cross-correlation.",
        ),
        Mistake(
            "only the columns of the kernel are flipped",
            lambda: lambda images, kernel: conv2d(images, kernel.flip(1)[None, None]),
            "Both axes must be.",
        ),
        Mistake(
            "only the rows of the kernel are flipped",
            lambda: lambda images, kernel: conv2d(images, kernel.flip(0)[None, None]),
            "Both axes must be.",
        ),
        Mistake(
            "the image is flipped instead",
            lambda: lambda images, kernel: conv2d(images.flip(2, 3), kernel[None, None]),
            "Then the result comes out turned round as well. Flip the kernel.",
        ),
        Mistake(
            "the axes for images and channels are lost",
            lambda: lambda images, kernel: _true_convolution(images, kernel)[0, 0],
            "Many images go in, and as many come out.",
        ),
    ),
    remark="For a kernel that looks the same after half a turn there is no difference.",
)

_shifted_pooling = Exercise(
    "13.3",
    "The row ``[2, 0, 5, 1, 0, 0, 0, 0]`` is shifted one pixel to the right, a 0 comes in, and "
    "then pooled by maximum in pairs. What comes out? Hand in four numbers.",
    hint="Write the shifted row down, and draw a line after every second number.",
    solution="""
import torch

row = torch.tensor([2.0, 0, 5, 1, 0, 0, 0, 0])
shifted = torch.cat([torch.zeros(1), row[:-1]])
answer = shifted.reshape(4, 2).max(dim=1).values
""",
    kind=Numbers("a row of four numbers", loose=False),
    right=lambda: [2, 5, 1, 0],
    mistakes=(
        Mistake(
            "that is the pooled row without a shift",
            lambda: [2, 5, 0, 0],
            "Shift first: the pairs are others then.",
        ),
        Mistake(
            "the pooled row is shifted",
            lambda: [0, 2, 5, 0],
            "One pixel is half a pair: shift first, then pool.",
        ),
        Mistake(
            "it is shifted to the left",
            lambda: [5, 1, 0, 0],
            "To the right, the first number becomes a 0.",
        ),
        Mistake(
            "those are the means",
            lambda: [1, 2.5, 0.5, 0],
            "The largest of each pair counts.",
        ),
    ),
    remark="That is no shift of ``[2, 5, 0, 0]``: pooling in pairs respects even shifts only.",
)

# 14. Backpropagation by hand.

_weight_gradient = Exercise(
    "14.1",
    "A kernel of 2 x 2 is applied to ``[[1, 2, 3], [4, 5, 6], [7, 8, 9]]``, and the loss is the "
    "sum of what comes out. What is the gradient of the four weights? Hand in two rows.",
    hint="Which pixels does the upper left weight meet while the window moves? The loss grows by "
    "their sum when that weight grows by 1.",
    solution="""
import torch

image = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
weight = torch.zeros(1, 1, 2, 2, requires_grad=True)
torch.nn.functional.conv2d(image, weight).sum().backward()
answer = weight.grad[0, 0]
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: [[12, 16], [24, 28]],
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "those are the means",
            lambda: [[3, 4], [6, 7]],
            "The loss is the sum, so every window counts in full.",
        ),
        Mistake(
            "everything is flipped",
            lambda: [[28, 24], [16, 12]],
            "The upper left weight meets the upper left pixels.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: [[12, 24], [16, 28]],
            "The upper right weight meets what lies one column further to the right.",
        ),
        Mistake(
            "only the first window is counted",
            lambda: [[1, 2], [4, 5]],
            "Each weight is used in all four.",
        ),
        Mistake(
            "the gradient of the pixels is not asked for",
            lambda: [[1, 2, 1], [2, 4, 2], [1, 2, 1]],
            "There is one number for each weight.",
        ),
    ),
    remark="Each is the sum of one window of 2 x 2: the gradient is a convolution again.",
)

_input_gradient = Exercise(
    "14.2",
    "The kernel ``[[1, 2], [3, 4]]`` is applied to an image of 3 x 3, and the loss is the sum of "
    "what comes out. What is the gradient of the nine pixels? Hand in three rows.",
    hint="The upper left pixel lies in one window, under one weight. The middle one lies in all "
    "four. Lay the kernel down at every place, and add up.",
    solution="""
import torch

image = torch.zeros(1, 1, 3, 3, requires_grad=True)
kernel = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
torch.nn.functional.conv2d(image, kernel[None, None]).sum().backward()
answer = image.grad[0, 0]
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: [[1, 3, 2], [4, 10, 6], [3, 7, 4]],
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the kernel is flipped",
            lambda: [[4, 7, 3], [6, 10, 4], [2, 3, 1]],
            "The upper left pixel only ever meets the upper left weight.",
        ),
        Mistake(
            "that counts the windows of each pixel",
            lambda: [[1, 2, 1], [2, 4, 2], [1, 2, 1]],
            "In each window it meets a weight: add those up.",
        ),
        Mistake(
            "every pixel meets every weight",
            lambda: torch.full((3, 3), 10.0),
            "Only the one in the middle does; a corner lies in one window.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: [[1, 4, 3], [3, 10, 7], [2, 6, 4]],
            "The 2 of the kernel is at its upper right.",
        ),
        Mistake(
            "the gradient of the weights is not asked for",
            lambda: torch.zeros(2, 2),
            "There is one number for each pixel.",
        ),
    ),
    remark="The pixels themselves do not matter: the layer is linear in them.",
)

_bias_gradient = Exercise(
    "14.3",
    "A convolution turns 8 images into 16 channels of 13 x 13 each, and the loss is the sum of "
    "all that comes out. What is the gradient of the bias of the first channel?",
    hint="In how many numbers of the output does this bias stand?",
    solution="""
import torch

layer = torch.nn.Conv2d(1, 16, 2)
layer(torch.zeros(8, 1, 14, 14)).sum().backward()
answer = layer.bias.grad[0]
""",
    kind=Numbers("one number"),
    right=lambda: 1352,
    mistakes=(
        Mistake(
            "the batch is forgotten",
            lambda: 169,
            "The same bias is added in every image.",
        ),
        Mistake(
            "all channels are counted",
            lambda: 21_632,
            "Each channel has a bias of its own.",
        ),
        Mistake(
            "that is one window",
            lambda: 1,
            "The bias is added in every window, and the loss adds all of them.",
        ),
        Mistake(
            "the places of the window are forgotten",
            lambda: 8,
            "The bias is added in every window of an image.",
        ),
    ),
    remark="8*13*13: once for each image and each place.",
)

# 15. How far does a pixel see?

_field_by_hand = Exercise(
    "15.1",
    "``Conv2d`` with windows of 3 x 3, then ``MaxPool2d(2)``, then ``Conv2d`` with windows of "
    "3 x 3 again. How many pixels of a row of the image does one number at the end see?",
    hint="Go backwards. One number sees 3 in front of the last layer. How many pixels do 3 "
    "neighbouring pools see, and how many does the first layer add?",
    solution="""
from torch import nn

from cnnbook.shapes import receptive_field

answer = receptive_field([nn.Conv2d(1, 1, 3), nn.MaxPool2d(2), nn.Conv2d(1, 1, 3)]).size[1]
""",
    kind=Numbers("one number"),
    right=lambda: 8,
    mistakes=(
        Mistake(
            "the stride of the pooling is forgotten",
            lambda: 6,
            "Behind it, neighbours are two pixels of the image apart.",
        ),
        Mistake(
            "the pooling is forgotten",
            lambda: 5,
            "It makes the last layer look at a larger part of the image.",
        ),
        Mistake(
            "the sides are multiplied",
            lambda: 18,
            "Windows of stride 1 overlap.",
        ),
        Mistake(
            "the pooling counts twice",
            lambda: 9,
            "Its own window adds pixels at the distance in front of it, not behind it.",
        ),
    ),
    remark="3 pools see 6 pixels of the first layer's output, and those see 2 more.",
)


def _seen(rows: range, columns: range) -> torch.Tensor:
    mask = torch.zeros(5, 5)
    mask[rows.start : rows.stop, columns.start : columns.stop] = 1
    return mask


_seen_pixels = Exercise(
    "15.2",
    "An image of 5 x 5 goes through two convolutions with windows of 2 x 2, one after the other. "
    "Which pixels can change the output in row 0, column 1? Hand in five rows, with 1 for a pixel "
    "that can and 0 for one that cannot.",
    hint="Two windows of 2 see three pixels together. Where do the first of them lie?",
    solution="""
import torch

image = torch.zeros(1, 1, 5, 5, requires_grad=True)
ones = torch.ones(1, 1, 2, 2)
conv2d = torch.nn.functional.conv2d
conv2d(conv2d(image, ones), ones)[0, 0, 0, 1].backward()
answer = (image.grad[0, 0] != 0).int()
""",
    kind=Numbers("a grid of numbers"),
    right=lambda: _seen(range(3), range(1, 4)),
    mistakes=(
        Mistake(
            "rows and columns are swapped",
            lambda: _seen(range(1, 4), range(3)),
            "Row 0 is at the top, column 1 is one to the right.",
        ),
        Mistake(
            "only one convolution is counted",
            lambda: _seen(range(2), range(1, 3)),
            "The second sees several outputs of the first.",
        ),
        Mistake(
            "the place is that of column 0",
            lambda: _seen(range(3), range(3)),
            "One step to the right in the output is one step to the right in the image.",
        ),
        Mistake(
            "the windows do not overlap",
            lambda: _seen(range(4), range(1, 5)),
            "With stride 1 a further window of two adds a single pixel.",
        ),
        Mistake(
            "that is how strongly they count",
            lambda: [[0, 1, 2, 1, 0], [0, 2, 4, 2, 0], [0, 1, 2, 1, 0], [0] * 5, [0] * 5],
            "Only whether they can is asked for: 1 or 0.",
        ),
    ),
    remark="The gradient of one output finds them all.",
)

_layers_needed = Exercise(
    "15.3",
    "How many convolutions with windows of 3 x 3 and stride 1 must stand one behind the other "
    "until one number at the end sees 28 pixels of a row or more?",
    hint="The first sees 3. How many pixels does each further one add?",
    solution="""
layers, sees = 0, 1
while sees < 28:
    layers, sees = layers + 1, sees + 2
answer = layers
""",
    kind=Numbers("one number"),
    right=lambda: 14,
    mistakes=(
        Mistake(
            "one is missing",
            lambda: 13,
            "These see 27 pixels.",
        ),
        Mistake(
            "the windows do not overlap",
            lambda: 10,
            "With stride 1 a further window of three adds two pixels.",
        ),
        Mistake(
            "the sides are multiplied",
            lambda: 4,
            "That would need a stride of 3 in every layer.",
        ),
        Mistake(
            "each adds one pixel",
            lambda: 27,
            "A window of three adds one pixel on either side.",
        ),
    ),
    remark="That is many. Pooling gets there faster.",
)

# 16. Edges, and learning a kernel.

_sobel_by_hand = Exercise(
    "16.1",
    "All three rows of an image are ``[5, 5, 2, 2]``. What does the Sobel kernel "
    "``[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]`` make of it? Use a pencil, and hand in the two "
    "numbers.",
    hint="In the first window, the left column is all 5 and the right one all 2.",
    solution="""
import torch

from cnnbook.convolution import conv2d
from cnnbook.kernels import sobel_kernel

image = torch.tensor([[5.0, 5.0, 2.0, 2.0]] * 3)[None, None]
answer = conv2d(image, sobel_kernel("x")[None, None])[0, 0]
""",
    kind=Numbers("two numbers in a row"),
    right=lambda: [[-12, -12]],
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the kernel is flipped",
            lambda: [12, 12],
            "It takes right minus left, and here it gets darker to the right.",
        ),
        Mistake(
            "that is the other Sobel kernel",
            lambda: [0, 0],
            "This one compares columns, and they differ.",
        ),
        Mistake(
            "only one row is counted",
            lambda: [-3, -3],
            "Every row of the kernel has its weights, and the middle one doubles them.",
        ),
        Mistake(
            "the middle row counts like the others",
            lambda: [-9, -9],
            "Its weights are -2 and 2.",
        ),
        Mistake(
            "rows and columns are swapped",
            lambda: [[-12], [-12]],
            "The window moves to the right: the two stand side by side.",
        ),
    ),
    remark="A negative answer: the edge goes from light to dark.",
)

_laplacian_layer = Exercise(
    "16.2",
    "Make a ``Conv2d`` that puts out, for every pixel, the sum of its four neighbours minus four "
    "times the pixel itself, with zeros around the image, so that the size is kept. Hand in the "
    "layer.",
    hint="A kernel of 3 x 3 with 0 in its corners, and ``padding=1``. What is the bias?",
    solution="""
import torch

from cnnbook.kernels import laplacian_kernel

layer = torch.nn.Conv2d(1, 1, 3, padding=1, bias=False)
with torch.no_grad():
    layer.weight.copy_(laplacian_kernel(4))
answer = layer
""",
    kind=Layer(lambda: _counting(2, 1, 4, 5)),
    right=lambda: _with_padding(_conv([0.0, 1, 0], [1.0, -4, 1], [0.0, 1, 0]), 1),
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the padding is forgotten",
            lambda: _conv([0.0, 1, 0], [1.0, -4, 1], [0.0, 1, 0]),
            "Without it the window cannot stand at the edge, and the picture gets smaller.",
        ),
        Mistake(
            "the sign is wrong",
            lambda: _with_padding(_conv([0.0, -1, 0], [-1.0, 4, -1], [0.0, -1, 0]), 1),
            "The neighbours are added and the pixel is taken away.",
        ),
        Mistake(
            "there are eight neighbours",
            lambda: _with_padding(_conv([1.0, 1, 1], [1.0, -8, 1], [1.0, 1, 1]), 1),
            "Those across the corners do not count.",
        ),
        Mistake(
            "the pixel is taken away once",
            lambda: _with_padding(_conv([0.0, 1, 0], [1.0, -1, 1], [0.0, 1, 0]), 1),
            "On an even surface the result must be 0, so the weights must add up to 0.",
        ),
        Mistake(
            "the pixel itself is forgotten",
            lambda: _with_padding(_conv([0.0, 1, 0], [1.0, 0, 1], [0.0, 1, 0]), 1),
            "On an even surface the result must be 0, so the weights must add up to 0.",
        ),
    ),
    remark="It is 0 wherever the picture is even or rises evenly.",
)

_one_step = Exercise(
    "16.3",
    "A kernel of two weights starts at ``[0, 0]``. On the row ``[1, 2, 0]`` it shall give "
    "``[-1, 2]``. The loss is the sum of the squared differences, the learning rate 0.1, there is "
    "no bias. What are the weights after one step of gradient descent?",
    hint="At the start both results are 0, so the differences are 1 and -2. The gradient of a "
    "weight is twice the sum of difference times pixel. A step goes against it.",
    solution="""
import torch

row, target = torch.tensor([[[1.0, 2.0, 0.0]]]), torch.tensor([[[-1.0, 2.0]]])
weight = torch.zeros(1, 1, 2, requires_grad=True)
loss = (torch.nn.functional.conv1d(row, weight) - target).square().sum()
loss.backward()
answer = (weight - 0.1 * weight.grad).flatten()
""",
    kind=Numbers("a row of two weights"),
    right=lambda: [0.6, -0.4],
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the step goes uphill",
            lambda: [-0.6, 0.4],
            "The gradient points to where the loss grows; go the other way.",
        ),
        Mistake(
            "the step is half as long",
            lambda: [0.3, -0.2],
            "A square has a factor of 2 in its gradient, and the loss is a sum, not a mean.",
        ),
        Mistake(
            "that is the gradient",
            lambda: [-6, 4],
            "Multiply it with the learning rate, and take it from the weights.",
        ),
        Mistake(
            "the learning rate is forgotten",
            lambda: [6, -4],
            "The step is a tenth of that.",
        ),
        Mistake(
            "the kernel is flipped",
            lambda: [-0.4, 0.6],
            "The first weight meets the first pixel of each window.",
        ),
        Mistake(
            "those are the weights at the end of all steps",
            lambda: [1, -1],
            "One step does not get there.",
        ),
    ),
    remark="Already on the way to [1, -1].",
)

# 17. One update, four lines.

_one_update = Exercise(
    "17.1",
    "A network gives weight times pixel plus bias; its weight is 1, its bias 0. For the pixels "
    "``[1, 2]`` it should give ``[3, 3]``. The loss is the mean of the squared misses, and SGD has "
    "the learning rate 0.1. What are weight and bias after one update? Use a pencil.",
    hint="The misses are -2 and -1. The weight's gradient is the mean of twice the miss times the "
    "pixel. What does the bias have in place of the pixel?",
    solution="""
import torch

pixels, targets = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 3.0])
parameters = torch.tensor([1.0, 0.0], requires_grad=True)
loss = (parameters[0] * pixels + parameters[1] - targets).square().mean()
loss.backward()
answer = parameters - 0.1 * parameters.grad
""",
    kind=Numbers("a row of weight and bias"),
    right=lambda: [1.4, 0.3],
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the step goes uphill",
            lambda: [0.6, -0.3],
            "The optimizer takes the gradient away; it does not add it.",
        ),
        Mistake(
            "the misses are added up and not averaged",
            lambda: [1.8, 0.6],
            "The loss is a mean over two pixels, so its gradient is one too.",
        ),
        Mistake(
            "the 2 of the square is forgotten",
            lambda: [1.2, 0.15],
            "The gradient of a squared miss is twice the miss.",
        ),
        Mistake(
            "that is the gradient",
            lambda: [-4, -3],
            "Multiply it with the learning rate, and take it from weight and bias.",
        ),
        Mistake(
            "the learning rate is forgotten",
            lambda: [5, 3],
            "The step is a tenth of that.",
        ),
        Mistake(
            "the pixel is forgotten",
            lambda: [1.3, 0.3],
            "The weight met the pixel, so its gradient counts each miss times its pixel.",
        ),
    ),
    remark="The gradients were -4 and -3.",
)

_not_zeroed = Exercise(
    "17.2",
    "A loss is the square of its only weight, which starts at 3. SGD has the learning rate 0.25, "
    "and somebody has forgotten ``zero_grad``. Where is the weight after two updates?",
    hint="The gradient of a square is twice the weight. What is beside the weight when the second "
    "``backward`` comes?",
    solution="""
import torch

weight = torch.tensor(3.0, requires_grad=True)
sgd = torch.optim.SGD([weight], lr=0.25)
for _ in range(2):
    weight.square().backward()
    sgd.step()
answer = weight
""",
    kind=Numbers("one number"),
    right=lambda: (3 - 0.25 * 6) - 0.25 * (6 + 3),
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the gradient is zeroed between the updates",
            lambda: 0.75,
            "Here it is not: the second is added to the first.",
        ),
        Mistake(
            "that is one update",
            lambda: 1.5,
            "Make a second one, with the old gradient still there.",
        ),
        Mistake(
            "the first gradient counts twice",
            lambda: -1.5,
            "The second gradient is that of the new place.",
        ),
        Mistake(
            "the 2 of the square is forgotten",
            lambda: 0.9375,
            "The gradient of a square is twice the weight.",
        ),
    ),
    remark="Past the goal, which is 0: old gradients push on like a ball that rolls.",
)

_adam_first = Exercise(
    "17.3",
    "Three parameters have the gradients ``[0.02, -300, 0]``. Adam takes its first step, with the "
    "learning rate 0.5. By how much does each parameter change? Three decimals will do.",
    hint="In its first step, Adam divides each gradient by the root of its square. Which way does "
    "a step go?",
    solution="""
import torch

parameters = torch.zeros(3, requires_grad=True)
adam = torch.optim.Adam([parameters], lr=0.5)
parameters.grad = torch.tensor([0.02, -300.0, 0.0])
adam.step()
answer = parameters
""",
    kind=Numbers("a row of three changes"),
    right=lambda: [-0.5, 0.5, 0],
    tolerance=_THREE_DECIMALS,
    mistakes=(
        Mistake(
            "the steps go uphill",
            lambda: [0.5, -0.5, 0],
            "A step goes against the gradient.",
        ),
        Mistake(
            "that is the step of SGD",
            lambda: [-0.01, 150, 0],
            "Adam does not ask how large a gradient is when it has seen no other.",
        ),
        Mistake(
            "the learning rate is forgotten",
            lambda: [-1, 1, 0],
            "The sign is multiplied with it.",
        ),
        Mistake(
            "the third one moves",
            lambda: [-0.5, 0.5, -0.5],
            "Where nothing is divided by something, nothing comes out.",
        ),
        Mistake(
            "the default learning rate is taken",
            lambda: [-0.001, 0.001, 0],
            "The rate is given in the question.",
        ),
    ),
    remark="Gradients 15,000 times apart in size, and steps of one length.",
)

# 20. What did it learn?

_occlusion_by_hand = Exercise(
    "20.1",
    "A network with the weights ``[1, -2, 3, 0]`` and the bias 5 scores a row of four pixels, "
    "``[4, 1, 2, 6]``. A grey patch of two pixels, both 1, is moved along the row. What are the "
    "drops of the score at its three places?",
    hint="Each pixel under the patch counts with its weight times the difference of pixel and "
    "patch.",
    solution="""
import torch

row, weights = torch.tensor([4.0, 1.0, 2.0, 6.0]), torch.tensor([1.0, -2.0, 3.0, 0.0])
answer = []
for place in range(3):
    covered = row.clone()
    covered[place : place + 2] = 1
    answer.append(weights @ row - weights @ covered)
""",
    kind=Numbers("a row of three drops"),
    right=lambda: [1 * 3 + -2 * 0, -2 * 0 + 3 * 1, 3 * 1 + 0 * 5],
    mistakes=(
        Mistake(
            "the patch is black",
            lambda: [2, 4, 6],
            "A grey patch takes a pixel away and puts another in its place.",
        ),
        Mistake(
            "those are rises",
            lambda: [-3, -3, -3],
            "A drop is the score without the patch minus the score with it.",
        ),
        Mistake(
            "those are the scores with the patch",
            lambda: [10, 10, 10],
            "How far are they below the score of the row as it was?",
        ),
        Mistake(
            "those are the scores with the patch, without the bias",
            lambda: [5, 5, 5],
            "And a drop is a difference of two scores.",
        ),
        Mistake(
            "the weights are left out",
            lambda: [3, 1, 6],
            "A pixel changes the score by as much as its weight makes of it.",
        ),
    ),
    remark="Three places that count alike, for this patch; a black one would tell them apart.",
)

_share_of_average = Exercise(
    "20.2",
    "What is the share of the average in the kernel ``[[4, 2], [1, 1]]``, from 0 to 1? Three "
    "decimals will do.",
    hint="Half the sum of the weights, squared, is the part of the average; the whole is the sum "
    "of the squared weights.",
    solution="""
import torch

kernel = torch.tensor([[4.0, 2.0], [1.0, 1.0]])
answer = (kernel.sum() / 2).square() / kernel.square().sum()
""",
    kind=Numbers("one number"),
    right=lambda: 16 / 22,
    tolerance=_THREE_DECIMALS,
    mistakes=(
        Mistake(
            "the part is not squared",
            lambda: 4 / 22,
            "Lengths at right angles add up by their squares, as with Pythagoras.",
        ),
        Mistake(
            "the pattern does not have the length 1",
            lambda: 64 / 22,
            "A share cannot be above 1; four ones make a pattern of length 2.",
        ),
        Mistake(
            "that is the mean of the weights",
            lambda: 2,
            "A share compares it with all that is in the kernel.",
        ),
        Mistake(
            "that is the share of all the differences",
            lambda: 6 / 22,
            "They are what is left when the average is taken out.",
        ),
        Mistake(
            "that is the square of the average's part",
            lambda: 16,
            "Divide by the sum of the squared weights.",
        ),
    ),
    remark="16 of 22 parts; what is left is mostly above minus below.",
)


def _arriving() -> tuple[torch.Tensor, torch.Tensor]:
    return _counting(12) - 4, _counting(2, 2, 3) + 1


_vote_map = Exercise(
    "20.3",
    "Write a function ``points(weights, maps)``. It gets the weights of one class, ``(c*h*w,)``, "
    "as they are in ``Linear``, and the maps of one image before flattening, ``(c, h, w)``. "
    "It returns ``(h, w)``: how many points each place gives to the class. Hand in the function.",
    hint="Undo the flattening first: channels, then rows, then columns. Which axis is not in the "
    "result?",
    solution="""
def points(weights, maps):
    return (weights.reshape(maps.shape) * maps).sum(dim=0)


answer = points
""",
    kind=Function(lambda: [_arriving()]),
    right=lambda: (
        lambda weights, maps: torch.einsum("chw,chw->hw", weights.view_as(maps), maps).double()
    ),
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "that is the mean over the channels",
            lambda: lambda weights, maps: (weights.reshape(maps.shape) * maps).mean(dim=0),
            "Points add up, so that all places together make the score.",
        ),
        Mistake(
            "the maps are left out",
            lambda: lambda weights, maps: weights.reshape(maps.shape).sum(dim=0),
            "A weight is half a vote; the other half is what arrives.",
        ),
        Mistake(
            "the channels are taken for the last axis",
            lambda: (
                lambda weights, maps: (
                    weights.reshape(*maps.shape[1:], -1).permute(2, 0, 1) * maps
                ).sum(dim=0)
            ),
            "Flatten lays one channel behind the other.",
        ),
        Mistake(
            "that is what each channel gives",
            lambda: lambda weights, maps: (weights.reshape(maps.shape) * maps).sum(dim=(1, 2)),
            "Add up over the channels, and keep rows and columns.",
        ),
        Mistake(
            "that is Grad-CAM",
            lambda: (
                lambda weights, maps: (
                    weights.reshape(maps.shape).mean(dim=(1, 2), keepdim=True) * maps
                ).sum(dim=0)
            ),
            "Each place has weights of its own; leave out the mean.",
        ),
    ),
    remark="Their sum, and the bias, is the score.",
)

# 21. A bigger network: LeNet-5.

_colour_lenet = Exercise(
    "21.1",
    "LeNet-5, as it is taught, gets colour images with three channels in place of grey ones, of "
    "the same 28 x 28 pixels. How many parameters more does it have?",
    hint="Only the first layer meets the image. Each of its six kernels gets a slice of weights "
    "for each channel.",
    solution="""
from cnnbook.counting import count_parameters
from cnnbook.networks import lenet5

colour = count_parameters(lenet5(image_shape=(3, 28, 28)))
answer = colour - count_parameters(lenet5())
""",
    kind=Numbers("one number"),
    right=lambda: 6 * 2 * 5 * 5,
    mistakes=(
        Mistake(
            "that is how many weights the layer has now",
            lambda: 6 * 3 * 5 * 5,
            "One of the three channels was there before.",
        ),
        Mistake(
            "each channel gets a bias of its own",
            lambda: 6 * 2 * (5 * 5 + 1),
            "A kernel has one bias, over however many channels it looks.",
        ),
        Mistake(
            "that is for one kernel",
            lambda: 2 * 5 * 5,
            "There are several kernels, and each looks at all channels.",
        ),
        Mistake(
            "all layers are multiplied",
            lambda: 2 * 61_706,
            "What the first layer puts out has as many channels as before.",
        ),
        Mistake(
            "that is one channel more",
            lambda: 6 * 5 * 5,
            "From one to three is a step of two.",
        ),
    ),
    remark="Less than half a percent of the network: colour is cheap.",
)

_count_updates = Exercise(
    "21.2",
    "A training has 60,000 images, mini-batches of 128 and 5 epochs; the last mini-batch of an "
    "epoch may be smaller. How many updates are made?",
    hint="How many mini-batches does an epoch have, when none of the images is left out?",
    solution="""
import torch

answer = 5 * len(torch.arange(60_000).split(128))
""",
    kind=Numbers("one number"),
    right=lambda: 5 * math.ceil(60_000 / 128),
    mistakes=(
        Mistake(
            "the last mini-batch is left out",
            lambda: 5 * (60_000 // 128),
            "It is smaller, and it is used.",
        ),
        Mistake(
            "that is not a whole number of updates in an epoch",
            lambda: 5 * 60_000 / 128,
            "Round up in each epoch.",
        ),
        Mistake(
            "that is one epoch",
            lambda: math.ceil(60_000 / 128),
            "There are more epochs than one.",
        ),
        Mistake(
            "that is the full batch",
            lambda: 5,
            "There is an update for each mini-batch, not for each epoch.",
        ),
        Mistake(
            "the images of all epochs are laid in one row",
            lambda: math.ceil(5 * 60_000 / 128),
            "A mini-batch ends where its epoch ends.",
        ),
    ),
    remark="With the full batch there would have been five.",
)

_loss_of_an_epoch = Exercise(
    "21.3",
    "Write a function ``epoch_loss(losses, sizes)``. It gets the losses of the mini-batches of an "
    "epoch, each the mean over its images, and how many images each had. It returns the mean over "
    "all images, one number. Hand in the function.",
    hint="A mean is a sum divided by a count. Which sum belongs to each mini-batch, and how many "
    "images are there in all?",
    solution="""
def epoch_loss(losses, sizes):
    return (losses * sizes).sum() / sizes.sum()


answer = epoch_loss
""",
    kind=Function(
        lambda: [(torch.tensor([2.0, 1.0, 6.0]), torch.tensor([4.0, 4.0, 2.0]))],
    ),
    right=lambda: (
        lambda losses, sizes: torch.dot(losses.double(), sizes.double() / sizes.double().sum())
    ),
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "every mini-batch counts alike",
            lambda: lambda losses, sizes: losses.mean(),
            "A smaller one has fewer images, and each image should count alike.",
        ),
        Mistake(
            "the losses are added up",
            lambda: lambda losses, sizes: losses.sum(),
            "Each is a mean already, and over a different number of images.",
        ),
        Mistake(
            "that is the sum over all images",
            lambda: lambda losses, sizes: (losses * sizes).sum(),
            "Divide by how many they are.",
        ),
        Mistake(
            "it is divided by the number of mini-batches",
            lambda: lambda losses, sizes: (losses * sizes).mean(),
            "Divide by the number of images.",
        ),
        Mistake(
            "the small ones count most",
            lambda: lambda losses, sizes: (losses / sizes).sum() / (1 / sizes).sum(),
            "A mini-batch of many images should count more.",
        ),
    ),
    remark="The full batch, in pieces, is added up in the same way.",
)

# 22. The error clinic.

_right_flatten = Exercise(
    "22.1",
    "An image of 1 x 32 x 32 goes through ``Conv2d(1, 8, 3)``, ``ReLU()``, ``MaxPool2d(2)`` and "
    "``Flatten()``. How many inputs must the ``Linear`` behind them have?",
    hint="How many places are there for a window of three in 32 pixels? And how many pairs in "
    "these?",
    solution="""
import torch

from cnnbook.shapes import shape_ledger

net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 8, 3),
    torch.nn.ReLU(),
    torch.nn.MaxPool2d(2),
    torch.nn.Flatten(),
)
answer = shape_ledger(net, (1, 32, 32)).output_shape[0]
""",
    kind=Numbers("one number"),
    right=lambda: 8 * 15 * 15,
    mistakes=(
        Mistake(
            "the window costs no pixel here",
            lambda: 8 * 16 * 16,
            "Without padding, a window of three cannot stand at the last two pixels.",
        ),
        Mistake(
            "the pooling is forgotten",
            lambda: 8 * 30 * 30,
            "It halves rows and columns.",
        ),
        Mistake(
            "only one channel is counted",
            lambda: 15 * 15,
            "Every kernel makes a picture of its own, and all are laid in one row.",
        ),
        Mistake(
            "only the rows are pooled",
            lambda: 8 * 15 * 30,
            "The pooling window is 2 x 2.",
        ),
        Mistake(
            "that is one side",
            lambda: 15,
            "Flatten lays all channels, rows and columns in one row.",
        ),
    ),
    remark="32 - 2 = 30, half of that is 15, and 8*15*15 = 1800.",
)

_two_class_floor = Exercise(
    "22.2",
    "A network for two classes ends with a softmax, and its loss is torch's cross-entropy, which "
    "makes another. How low can the loss get? Three decimals will do.",
    hint="At best, what goes into the loss is ``[1, 0]``, with the 1 at the right class.",
    solution="""
import torch

best = torch.tensor([[1.0, 0.0]])
answer = torch.nn.functional.cross_entropy(best, torch.tensor([0]))
""",
    kind=Numbers("one number"),
    right=lambda: math.log(1 + math.exp(-1)),
    tolerance=_THREE_DECIMALS,
    mistakes=(
        Mistake(
            "so low it gets with one softmax",
            lambda: 0,
            "The second softmax makes of 1 and 0 two probabilities that are neither.",
        ),
        Mistake(
            "that is for ten classes",
            lambda: math.log(math.e + 9) - 1,
            "With two there is one other score below the line, not nine.",
        ),
        Mistake(
            "that is the loss of a network that knows nothing",
            lambda: math.log(2),
            "It may know everything; the scores are still 1 and 0 at best.",
        ),
        Mistake(
            "that is the probability",
            lambda: math.e / (math.e + 1),
            "The loss is minus its logarithm.",
        ),
        Mistake(
            "the right score is forgotten",
            lambda: math.log(math.e + 1),
            "The loss is the logarithm of the sum, minus the score of the right class.",
        ),
    ),
    remark="log(e + 1) - 1 = 0.313.",
)


def _stored_images() -> torch.Tensor:
    return (torch.arange(24) * 11 + 2).to(torch.uint8).reshape(2, 3, 4)


_made_ready = Exercise(
    "22.3",
    "Write a function ``ready(images)``. It gets grey images as they are stored, of shape "
    "``(n, h, w)``, in whole numbers from 0 to 255, and returns what a CNN takes: "
    "``(n, 1, h, w)``, with numbers from 0 to 1. Hand in the function.",
    hint="An axis can be put in with ``None``, and its place is that of the channels.",
    solution="""
def ready(images):
    return images[:, None].float() / 255


answer = ready
""",
    kind=Function(lambda: [(_stored_images(),)]),
    right=lambda: lambda images: images.unsqueeze(1).to(torch.float64).div(255),
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "the channels' axis is missing",
            lambda: lambda images: images / 255,
            "A CNN would take the images for the channels of a single one.",
        ),
        Mistake(
            "the axis is in front",
            lambda: lambda images: images[None] / 255,
            "That is one image of many channels; the images come first, then the channel.",
        ),
        Mistake(
            "the numbers go up to 255",
            lambda: lambda images: images[:, None].float(),
            "The largest number that can be stored should become 1.",
        ),
        Mistake(
            "the fractions are cut off",
            lambda: lambda images: images[:, None] // 255,
            "Nearly everything is black now: a single stroke divides, two cut off.",
        ),
        Mistake(
            "the axis is behind",
            lambda: lambda images: images[..., None] / 255,
            "torch has the channel before rows and columns.",
        ),
    ),
    remark="An axis and a division: two patients less.",
)

_loss_of_pieces = Exercise(
    "18.1",
    "A batch is cut into pieces of 100, 100 and 50 images. Their mean losses are 2, 1 and 3.5. "
    "What is the mean loss of the whole batch?",
    hint="A piece of 50 images has half as much to say as one of 100.",
    solution="""
sizes, means = [100, 100, 50], [2, 1, 3.5]
answer = sum(size * mean for size, mean in zip(sizes, means)) / sum(sizes)
""",
    kind=Numbers("one number"),
    right=lambda: 475 / 250,
    tolerance=_THREE_DECIMALS,
    mistakes=(
        Mistake(
            "every piece has the same say",
            lambda: 6.5 / 3,
            "Weight each mean with its number of images.",
        ),
        Mistake(
            "the means are added up",
            lambda: 6.5,
            "A mean lies between the smallest and the largest.",
        ),
        Mistake(
            "that is the sum of all images' losses",
            lambda: 475,
            "It still has to be divided by the number of images.",
        ),
        Mistake(
            "the last piece is left out",
            lambda: 1.5,
            "Its images belong to the batch like all others.",
        ),
        Mistake(
            "the sum is divided by the images of one piece",
            lambda: 4.75,
            "Divide by the images of all pieces together.",
        ),
    ),
    remark="(200 + 100 + 175) / 250 = 1.9.",
)


def _pixels_and_targets() -> list[tuple[object, ...]]:
    pixels = torch.tensor([1.0, 2.0, -1.0, 3.0, 0.5, 2.0, 4.0])
    targets = torch.tensor([2.0, 0.0, 1.0, 4.0, 3.0, -2.0, 5.0])
    return [(1.5, pixels, targets, size) for size in (3, 7, 1, 5)]


def _by_pieces(
    combine: Callable[[list[torch.Tensor], int], torch.Tensor], *, twice: float = 2.0
) -> Callable[[float, torch.Tensor, torch.Tensor, int], torch.Tensor]:
    """Return a function that puts the gradients of pieces together in a way of its own."""

    def gradient(
        weight: float, pixels: torch.Tensor, targets: torch.Tensor, size: int
    ) -> torch.Tensor:
        parts = twice * (weight * pixels - targets) * pixels
        return combine(list(torch.split(parts, size)), len(pixels))

    return gradient


_gradient_in_pieces = Exercise(
    "18.2",
    "A network gives weight times pixel, and the loss is the mean of all squared misses. Write a "
    "function ``gradient(weight, pixels, targets, size)`` that takes ``size`` pixels at a time, "
    "the last ones of which may be fewer, and returns the gradient of the weight for the whole "
    "batch. ``pixels`` and ``targets`` are tensors of shape ``(n,)``. Hand in the function.",
    hint="``pixels.split(size)`` gives the pieces. Add up twice the miss times the pixel, and "
    "divide when all have been added.",
    solution="""
def gradient(weight, pixels, targets, size):
    total = 0
    for some, wanted in zip(pixels.split(size), targets.split(size)):
        total = total + (2 * (weight * some - wanted) * some).sum()
    return total / len(pixels)


answer = gradient
""",
    kind=Function(_pixels_and_targets),
    right=lambda: (
        lambda weight, pixels, targets, size: (
            (2 * weight * pixels @ pixels - 2 * targets @ pixels) / len(pixels)
        )
    ),
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "it is the mean of the pieces' means",
            lambda: _by_pieces(lambda parts, n: torch.stack([p.mean() for p in parts]).mean()),
            "Where the last piece is shorter, its pixels get too much say.",
        ),
        Mistake(
            "it is the sum and not the mean",
            lambda: _by_pieces(lambda parts, n: torch.stack([p.sum() for p in parts]).sum()),
            "The loss is a mean over all pixels, so its gradient is one too.",
        ),
        Mistake(
            "it is divided by the number of pieces",
            lambda: _by_pieces(lambda parts, n: torch.stack([p.sum() for p in parts]).mean()),
            "The mean is over pixels; into how many pieces they were cut must not matter.",
        ),
        Mistake(
            "the means are added up",
            lambda: _by_pieces(lambda parts, n: torch.stack([p.mean() for p in parts]).sum()),
            "Add up sums, and divide once, at the end.",
        ),
        Mistake(
            "only the last piece is left",
            lambda: _by_pieces(lambda parts, n: parts[-1].sum() / n),
            "Add to the total within the loop; do not begin it anew.",
        ),
        Mistake(
            "the 2 of the square is forgotten",
            lambda: _by_pieces(lambda parts, n: torch.cat(parts).sum() / n, twice=1.0),
            "The gradient of a squared miss is twice the miss.",
        ),
    ),
    remark="Any size gives the same, and that is why the size is free.",
)


_images_that_fit = Exercise(
    "18.3",
    "``Conv2d(3, 32, 3)`` takes images of 3 x 32 x 32 in float32. How many images can it take at a "
    "time if what it puts out for them shall fit into 4 MiB, that is ``4 * 1024 * 1024`` bytes?",
    hint="How many numbers does it put out for one image, and how many bytes are these?",
    solution="""
from cnnbook.shapes import output_size

side = output_size(32, 3)
answer = 4 * 1024 * 1024 // (32 * side * side * 4)
""",
    kind=Numbers("one number"),
    right=lambda: 4_194_304 // 115_200,
    mistakes=(
        Mistake(
            "a number is counted as one byte",
            lambda: 4_194_304 // 28_800,
            "A number in float32 has four.",
        ),
        Mistake(
            "the window costs no pixel here",
            lambda: 4_194_304 // 131_072,
            "Without padding, a window of three cannot stand at the last two pixels.",
        ),
        Mistake(
            "one more than fits",
            lambda: 4_194_304 // 115_200 + 1,
            "The last one hangs over.",
        ),
        Mistake(
            "only one channel is counted",
            lambda: 4_194_304 // 3_600,
            "There are as many feature maps as kernels.",
        ),
        Mistake(
            "what goes in is counted",
            lambda: 4_194_304 // 12_288,
            "The question is what comes out.",
        ),
        Mistake(
            "a MiB is taken for a million bytes",
            lambda: 4_000_000 // 115_200,
            "It is a little more than that.",
        ),
        Mistake(
            "that is no whole number of images",
            lambda: 4_194_304 / 115_200,
            "Part of an image cannot be taken.",
        ),
    ),
    remark="32*30*30 numbers of 4 bytes are 115,200 bytes, and these fit 36 times.",
)


_shares = Exercise(
    "19.1",
    "A batch of 23 images is shared among five processes as evenly as possible; where it cannot be "
    "even, the first ones take one more. How many images does each take?",
    hint="``divmod(23, 5)``: how many has each at least, and how many are left over?",
    solution="""
import torch

from cnnbook.distributed import Processes

cpu = torch.device("cpu")
shares = [Processes(rank, 5, cpu).share(23) for rank in range(5)]
answer = [share.stop - share.start for share in shares]
""",
    kind=Numbers("a row of five numbers"),
    right=lambda: [5, 5, 5, 4, 4],
    mistakes=(
        Mistake(
            "the last one has too little to do",
            lambda: [5, 5, 5, 5, 3],
            "No two may differ by more than one.",
        ),
        Mistake(
            "the last one has too much to do",
            lambda: [4, 4, 4, 4, 7],
            "What is left over is shared out too, one image each.",
        ),
        Mistake(
            "the last ones take one more",
            lambda: [4, 4, 5, 5, 5],
            "It is the first ones that do.",
        ),
        Mistake(
            "some images are lost",
            lambda: [4, 4, 4, 4, 4],
            "Add them up: it must be the whole batch.",
        ),
        Mistake(
            "there are more images than that",
            lambda: [5, 5, 5, 5, 5],
            "Add them up: it must be the whole batch.",
        ),
    ),
    remark="The slowest sets the pace, and it has at most one image more than the others.",
)


def _means_and_counts() -> list[tuple[object, ...]]:
    gradients = torch.tensor([[2.0, 0.0, -1.0], [-1.0, 3.0, 5.0], [4.0, 6.0, 2.0]])
    return [
        (gradients, torch.tensor([5, 3, 2])),
        (gradients[:2], torch.tensor([1, 4])),
    ]


_joined = Exercise(
    "19.2",
    "Each process has the gradient of the *mean* loss of its own images. Write a function "
    "``joined(gradients, counts)``. It gets these gradients, one process a row, of shape "
    "``(processes, parameters)``, and how many images each process had, ``(processes,)``, and "
    "returns the gradient of the mean loss of all images, ``(parameters,)``. Hand in the function.",
    hint="Make each row a sum again, by the number of its images: ``counts[:, None]`` is a column.",
    solution="""
def joined(gradients, counts):
    sums = gradients * counts[:, None]
    return sums.sum(dim=0) / counts.sum()


answer = joined
""",
    kind=Function(_means_and_counts),
    right=lambda: lambda gradients, counts: (counts.to(gradients) @ gradients) / counts.sum(),
    tolerance=_FLOAT32,
    mistakes=(
        Mistake(
            "all processes have the same say",
            lambda: lambda gradients, counts: gradients.mean(dim=0),
            "Who had more images must count for more.",
        ),
        Mistake(
            "the means are added up",
            lambda: lambda gradients, counts: gradients.sum(dim=0),
            "The sum of means is no mean; weight them so that the weights add up to 1.",
        ),
        Mistake(
            "that is the gradient of the sum",
            lambda: lambda gradients, counts: (gradients * counts[:, None]).sum(dim=0),
            "It still has to be divided by the number of all images.",
        ),
        Mistake(
            "it is divided by the number of processes",
            lambda: lambda gradients, counts: (gradients * counts[:, None]).mean(dim=0),
            "The mean is over images.",
        ),
        Mistake(
            "who had fewer images counts for more",
            lambda: (
                lambda gradients, counts: (
                    (gradients / counts[:, None]).sum(dim=0) / (1 / counts).sum()
                )
            ),
            "Multiply with the number of images; do not divide by it.",
        ),
    ),
    remark="The trainer spares itself the detour: its processes hand over sums.",
)


_bytes_of_a_gradient = Exercise(
    "19.3",
    "Several processes train the desperate MLP: ``Linear(784, 2048)``, ReLU, ``Linear(2048, 10)``. "
    "How many bytes has the gradient that each of them hands over in an update, in float32?",
    hint="The gradient has one number for each parameter. The biases are parameters too.",
    solution="""
from cnnbook.counting import count_parameters
from cnnbook.networks import mlp

answer = 4 * count_parameters(mlp())
""",
    kind=Numbers("one number"),
    right=lambda: 4 * (2048 * 784 + 2048 + 10 * 2048 + 10),
    mistakes=(
        Mistake(
            "those are the numbers and not their bytes",
            lambda: 2048 * 784 + 2048 + 10 * 2048 + 10,
            "A number in float32 has four bytes.",
        ),
        Mistake(
            "the biases are forgotten",
            lambda: 4 * (2048 * 784 + 10 * 2048),
            "Each unit has one, and it is trained like the weights.",
        ),
        Mistake(
            "that is for the small CNN",
            lambda: 4 * 27_130,
            "The MLP has many more parameters.",
        ),
        Mistake(
            "bits are taken for bytes",
            lambda: 32 * (2048 * 784 + 2048 + 10 * 2048 + 10),
            "The 32 in the name of float32 are bits, and eight of them are a byte.",
        ),
        Mistake(
            "a number is counted with eight bytes",
            lambda: 8 * (2048 * 784 + 2048 + 10 * 2048 + 10),
            "That would be float64.",
        ),
    ),
    remark="Sixty times as much as for the CNN: who has few parameters is also quick to tell.",
)

EXERCISES: tuple[Exercise, ...] = (
    *(_confusion_to_accuracy, _accuracy_function, _loss_of_a_guess),
    *(_conv_parameters, _largest_mlp, _without_pooling),
    *(_half_width, _images_needed, _paired),
    *(_way_back, _follow_the_pixels, _neighbours_left),
    *(_connections_of_c1, _one_bias_a_kernel, _top5),
    *(_sum_by_hand, _difference_layer, _window_by_function),
    *(_average_by_hand, _average_shape, _row_average),
    *(_expanded_shape, _two_channels, _three_features),
    *(_stacked_kernels, _stacked_size, _absolute),
    *(_pool_by_hand, _pool_gradient, _relu_after_pooling),
    *(_size_by_hand, _depthwise, _group_parameters),
    *(_matrix_shape, _matrix_of_a_row, _averaging_sides),
    *(_impulse, _mathematical, _shifted_pooling),
    *(_weight_gradient, _input_gradient, _bias_gradient),
    *(_field_by_hand, _seen_pixels, _layers_needed),
    *(_sobel_by_hand, _laplacian_layer, _one_step),
    *(_one_update, _not_zeroed, _adam_first),
    *(_loss_of_pieces, _gradient_in_pieces, _images_that_fit),
    *(_shares, _joined, _bytes_of_a_gradient),
    *(_occlusion_by_hand, _share_of_average, _vote_map),
    *(_colour_lenet, _count_updates, _loss_of_an_epoch),
    *(_right_flatten, _two_class_floor, _made_ready),
)
