"""Answers to the exercises of page 28."""

# An answer and what is said of it stay on one line.
# ruff: noqa: E501

from exercise_answers.table import Answers

ANSWERS = {
    "28.1": Answers(
        right=(
            "960",
            "960.0",
            "'960'",
            "16*25 + 16 + 32*16 + 32",
            "torch.tensor([960])",
            "sum(p.numel() for p in [*nn.Conv2d(16, 16, 5, groups=16).parameters(), *nn.Conv2d(16, 32, 1).parameters()])",
        ),
        wrong={
            "912": "the biases are forgotten",
            "16*25 + 16 + 32*16": "one of the two layers has no bias",
            "16*25 + 32*16 + 32": "one of the two layers has no bias",
            "'12,832'": "that is the ordinary convolution",
            "16*25 + 16": "the depthwise convolution alone",
            "544": "the 1 x 1 convolution alone",
            "32*25 + 32 + 32*32 + 32": "outputs 32 channels",
            "961": "961 is too large",
            "[416, 544]": "the answer has 2 numbers",
        },
    ),
    "28.2": Answers(
        right=(
            "lambda image: image.permute(2, 0, 1)[None].float() / 255",
            "lambda image: image.movedim(-1, 0).unsqueeze(0) / 255",
            "lambda image: torch.stack([image[..., c] for c in range(3)])[None] / 255",
            "lambda image: torch.einsum('hwc->chw', image.double())[None] / 255",
            "lambda image: (image.numpy().transpose(2, 0, 1) / 255)[None]",
            "lambda image: [[[[int(pixel[c]) / 255 for pixel in row] for row in image] for c in range(3)]]",
        ),
        wrong={
            "lambda image: image.reshape(1, 3, *image.shape[:2]) / 255": "the image is scrambled. `",
            "lambda image: image.permute(2, 0, 1)[None]": "the numbers still go from 0 to 255",
            "lambda image: image.view(1, 3, *image.shape[:2])": "scrambled, and its numbers",
            "lambda image: image.permute(2, 1, 0)[None] / 255": "rows and columns are swapped",
            "lambda image: image.transpose(0, 2)[None] / 255": "rows and columns are swapped",
            "lambda image: image.permute(2, 0, 1) / 255": "the axis of the images is missing",
            "lambda image: image[None] / 255": "the channels are still the last axis",
            "lambda image: image.flip(2).permute(2, 0, 1)[None] / 255": "red and blue are swapped",
            "lambda image: image.permute(2, 0, 1)[None] / 256": "divided by 256",
            "lambda image: image.permute(2, 0, 1)[None] // 255": "the fractions are cut off",
            "lambda image: image.permute(2, 0, 1)[None] / image.max()": "stretched to its own range",
            "lambda image: image.permute(0, 3, 1, 2) / 255": "raised RuntimeError",
            "torch.zeros(1, 3, 2, 4)": "asks for a function",
        },
    ),
    "28.3": Answers(
        right=(
            "14404",
            "'14,404'",
            "4 * 3600 + 4",
            "4 * (16 * 15 * 15 + 1)",
            "torch.tensor(14404.0)",
            "sum(p.numel() for p in nn.Linear(3600, 4).parameters())",
        ),
        wrong={
            "14404 + 208": "the convolution is counted too",
            "4 * 3600": "the biases are forgotten",
            "208": "those are the frozen parameters",
            "10 * 3600 + 10": "that is the old last layer",
            "36_218": "that is the old network",
            "4 * 2704 + 4": "for images of 28 x 28 pixels",
            "4 * 16 * 16 * 16 + 4": "pooling makes 16 of 31",
            "16 * 15 * 15": "3,600 is too small",
            "(4, 3600)": "the answer has 2 numbers",
        },
    ),
}
