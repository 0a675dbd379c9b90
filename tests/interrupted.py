"""Small trainings that end in the middle, for the tests of what a checkpoint resumes."""

from pathlib import Path
from typing import Any

import pytest
import torch

from cnnbook.training import History, fit_full_batch

__all__ = [
    "CROSS_ENTROPY",
    "IMAGES",
    "LABELS",
    "Adam",
    "Killed",
    "Noted",
    "Scaled",
    "TemperatureLoss",
    "all_equal",
    "bits",
    "check_refused",
    "fit",
    "make_net",
]

# 12 images of 2 by 2 pixels in 3 classes.
IMAGES = torch.rand(12, 1, 2, 2, generator=torch.Generator().manual_seed(3))
LABELS = torch.arange(12) % 3

CROSS_ENTROPY = torch.nn.functional.cross_entropy


class Killed(Exception):
    """Stands for a program that ends here: nothing of its memory is used again."""


class Adam(torch.optim.Adam):
    """Adam during whose step the program ends."""

    def __init__(self, parameters: Any, *, updates: int | None = None, **options: Any) -> None:
        super().__init__(parameters, **options)
        self._left = updates

    def step(self, closure: Any = None) -> Any:
        if self._left is not None:
            if self._left == 0:
                raise Killed
            self._left -= 1
        return super().step(closure)


def make_net(seed: int = 0) -> torch.nn.Sequential:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))


def fit(net: torch.nn.Module, file: Path | None = None, **more: Any) -> History:
    call: dict[str, Any] = {"epochs": 6, "device": "cpu", "checkpoint_every": 2}
    return fit_full_batch(net, IMAGES, LABELS, checkpoint=file, **(call | more))


def bits(*modules: torch.nn.Module) -> list[torch.Tensor]:
    return [
        tensor.detach().clone()
        for module in modules
        for tensor in (*module.parameters(), *module.buffers())
    ]


def all_equal(left: list[torch.Tensor], right: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(left, right, strict=True))


def check_refused(
    net: torch.nn.Module, file: Path, message: str, error: type[Exception] = ValueError, **more: Any
) -> None:
    """Assert that a call is refused and leaves the network and the files as they were."""
    kept = {path: path.read_bytes() for path in file.parent.iterdir()}
    before, random_state = bits(net), torch.get_rng_state()
    with pytest.raises(error, match=message):
        fit(net, file, **more)
    assert all_equal(bits(net), before)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert {path: path.read_bytes() for path in file.parent.iterdir()} == kept


class TemperatureLoss(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.temperature = torch.nn.Parameter(torch.zeros(1))

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return CROSS_ENTROPY(scores, labels) + ((self.temperature - 3) ** 2).sum()


class Scaled(torch.nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        return scores * self.scale


class Noted(torch.nn.Module):
    """Adds what it remembers of all batches: in two buffers, one of which grows."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: torch.Tensor
        self.hidden: torch.Tensor
        self.grows: torch.Tensor
        self.register_buffer("kept", torch.zeros(3))
        self.register_buffer("hidden", torch.zeros(3), persistent=False)
        self.register_buffer("grows", torch.zeros(0), persistent=False)

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        if self.training:
            with torch.no_grad():
                self.kept += scores.mean(0)
                self.hidden += scores.mean(0)
                self.grows = torch.cat([self.grows, scores.mean().reshape(1)])
        return scores + self.hidden + self.kept + self.grows.sum()
