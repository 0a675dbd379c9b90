"""Answers to the exercises of page 23."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "23.1": Answers(
        right=("96", "96.0", "'96'", "60_000 % 128", "torch.tensor([96])", "np.int64(96)"),
        wrong={
            "32": "how many are missing in the last mini-batch",
            "59_904": "that is how many are used",
            "468": "that is the number of mini-batches",
            "469": "that is the number of mini-batches",
            "468.75": "that is the number of mini-batches",
            "0": "every image is used",
            "128": "a whole mini-batch is left out",
            "0.75": "that is the share of a mini-batch",
            "95": "95 is too small",
            "[96] * 2": "the exercise asks for one number",
        },
    ),
    "23.2": Answers(
        right=(
            "torch.no_grad()(lambda net, images: (lambda m: (net.eval()(images), net.train(m))[0])(net.training))",
            "torch.inference_mode()(lambda net, images: (lambda m: (net.eval()(images), net.train(m))[0])(net.training))",
            "lambda net, images: (lambda m: (net.eval()(images).detach(), net.train(m))[0])(net.training)",
            "lambda net, images: __import__('copy').deepcopy(net).eval()(images).detach()",
            "lambda net, images: __import__('copy').deepcopy(net).eval()(images).detach().numpy()",
            "lambda net, images: __import__('copy').deepcopy(net).eval()(images).tolist()",
        ),
        wrong={
            "lambda net, images: net(images)": "in the mode in which it was",
            "torch.no_grad()(lambda net, images: net(images))": "in the mode in which it was",
            "torch.no_grad()(lambda net, images: net.train()(images))": "computed in training mode",
            "lambda net, images: net.eval()(images)": "torch has recorded them for `backward`",
            "torch.no_grad()(lambda net, images: net.eval()(images))": "was in training mode is in evaluation mode",
            "torch.no_grad()(lambda net, images: (net.eval()(images), net.train())[0])": "was in evaluation mode is in training mode",
            "torch.no_grad()(lambda net, images: net.eval()(images).argmax(dim=1))": "the number of the class",
            "torch.no_grad()(lambda net, images: net.eval()(images).softmax(dim=1))": "those are probabilities",
            "torch.no_grad()(lambda net, images: net.eval()(images).amax(dim=1))": "the largest score of each image",
            "lambda net, images: images": "have not gone through the network",
            "lambda net, images: net.eval()": "something else than numbers",
            "lambda net, images: None": "it needs a `return`",
            "lambda net: net": "the function raised TypeError",
            "lambda net, images: 2 * net.eval()(images)": "numbers of the result for",
        },
    ),
    "23.3": Answers(
        right=("3", "3.0", "'3'", "Fraction(3)", "torch.tensor([[3.0]])", "np.float64(3)"),
        wrong={
            "2.25": "one update with both images",
            "4.5": "both gradients are computed with the first weight",
            "1.5": "after the first image",
            "1.875": "the factor of the square is forgotten",
            "-6": "the steps go along the gradient",
            "-2.25": "the steps go along the gradient",
            "3.75": "in the other order",
            "5": "5 is too large",
            "[1.5, 3]": "the exercise asks for one number",
        },
    ),
}
