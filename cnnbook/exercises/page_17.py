"""Exercises on single updates by SGD and Adam."""

from cnnbook.exercises._answers import Numbers
from cnnbook.exercises._grading import FLOAT32_TOLERANCE, THREE_DECIMALS, Exercise, Mistake

__all__ = ["EXERCISES"]

_sgd_update = Exercise(
    "A network computes weight times pixel plus bias; its weight is 1, its bias 0. For the pixels "
    "``[1, 2]`` the targets are ``[3, 3]``. The loss is the mean of the squared errors, and SGD "
    "has the learning rate 0.1. What are weight and bias after one update? Use a pencil.",
    hint="The errors are -2 and -1. The gradient of the weight is the mean of twice the error "
    "times the pixel. What does the bias have in place of the pixel?",
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
    tolerance=FLOAT32_TOLERANCE,
    mistakes=(
        Mistake(
            "the step goes uphill",
            lambda: [0.6, -0.3],
            "The optimizer subtracts the gradient; it does not add it.",
        ),
        Mistake(
            "the errors are added up and not averaged",
            lambda: [1.8, 0.6],
            "The loss is a mean over two pixels, so its gradient is a mean, too.",
        ),
        Mistake(
            "the 2 of the square is forgotten",
            lambda: [1.2, 0.15],
            "The gradient of a squared error is twice the error.",
        ),
        Mistake(
            "that is the gradient",
            lambda: [-4, -3],
            "Multiply it by the learning rate, and subtract it from weight and bias.",
        ),
        Mistake(
            "the learning rate is forgotten",
            lambda: [5, 3],
            "The step is a tenth of that.",
        ),
        Mistake(
            "the pixel is forgotten",
            lambda: [1.3, 0.3],
            "The weight is multiplied by the pixel, so its gradient has each error times its "
            "pixel.",
        ),
        Mistake(
            "that is the step",
            lambda: [0.4, 0.3],
            "Add it to the weight and the bias, which start at 1 and 0.",
        ),
        Mistake(
            "nothing has changed",
            lambda: [1, 0],
            "The errors are not 0, so weight and bias move.",
        ),
    ),
    remark="The gradients were -4 and -3.",
)

_update_without_zero_grad = Exercise(
    "A loss is the square of its only weight, which starts at 3. SGD has the learning rate 0.25, "
    "and ``zero_grad`` is never called. What is the weight after two updates?",
    hint="The gradient of a square is twice the weight. What is in ``weight.grad`` when "
    "``backward`` is called for the second time?",
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
    tolerance=FLOAT32_TOLERANCE,
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
            "Compute the second gradient at the new weight.",
        ),
        Mistake(
            "the 2 of the square is forgotten",
            lambda: 0.9375,
            "The gradient of a square is twice the weight.",
        ),
        Mistake(
            "that is the gradient in the second update",
            lambda: 9,
            "The weight moves by the learning rate times the gradient.",
        ),
    ),
    remark="Beyond the minimum, which is at 0: old gradients keep pushing, like a rolling ball.",
)

_adam_first_step = Exercise(
    "Three parameters have the gradients ``[0.02, -300, 0]``. Adam takes its first step, with the "
    "learning rate 0.5. By how much does each parameter change? Three decimals are enough.",
    hint="In its first step, after the bias correction, Adam divides each gradient by the root of "
    "its square. What is the direction of the step?",
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
    tolerance=THREE_DECIMALS,
    mistakes=(
        Mistake(
            "the steps go uphill",
            lambda: [0.5, -0.5, 0],
            "A step goes against the gradient.",
        ),
        Mistake(
            "that is the step of SGD",
            lambda: [-0.01, 150, 0],
            "In its first step, Adam does not depend on how large a gradient is.",
        ),
        Mistake(
            "the learning rate is forgotten",
            lambda: [-1, 1, 0],
            "The sign is multiplied by it.",
        ),
        Mistake(
            "the third one moves",
            lambda: [-0.5, 0.5, -0.5],
            "0 divided by any positive number is 0.",
        ),
        Mistake(
            "nothing moves",
            lambda: [0, 0, 0],
            "Only a parameter whose gradient is 0 stays.",
        ),
        Mistake(
            "the default learning rate is taken",
            lambda: [-0.001, 0.001, 0],
            "The rate is given in the question.",
        ),
    ),
    remark="The gradients differ by a factor of 15,000, and the steps have the same length.",
)


EXERCISES = (
    _sgd_update,
    _update_without_zero_grad,
    _adam_first_step,
)
