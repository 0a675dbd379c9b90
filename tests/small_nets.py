"""Small networks that several tests use."""

import torch

from cnnbook.networks import mlp

__all__ = ["Own", "batch_norm", "dropout"]


class Own(torch.nn.Module):
    """A module that is not torch's, around a network."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.net(images))


def batch_norm(momentum: float | None = 0.1) -> torch.nn.Module:
    """Make a network for garments that mixes the images of a batch."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 5, stride=3),
        torch.nn.BatchNorm2d(4, momentum=momentum),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 8 * 8, 10),
    )


def dropout(hidden: int = 8) -> torch.nn.Module:
    """Make a network for garments that draws random numbers."""
    return torch.nn.Sequential(torch.nn.Dropout(0.3), *mlp(hidden=hidden))
