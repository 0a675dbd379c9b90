"""Drawn garments: the same for a seed, ten classes, and neither trivial nor impossible."""

import subprocess
import sys

import pytest
import torch

from cnnbook.images import GARMENT_NAMES, draw_garments
from cnnbook.metrics import accuracy, predict_scores
from cnnbook.training import fit_full_batch


def _draw(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    return draw_garments(n, generator=torch.Generator().manual_seed(seed))


def test_shapes_and_range() -> None:
    images, labels = _draw(300, 0)
    assert (images.shape, images.dtype) == ((300, 1, 28, 28), torch.float32)
    assert (labels.shape, labels.dtype) == ((300,), torch.int64)
    assert images.min() == 0
    assert 0.9 < images.max() <= 1
    assert set(labels.tolist()) == set(range(10))
    assert len(GARMENT_NAMES) == len(set(GARMENT_NAMES)) == 10


def test_every_image_shows_something_on_black() -> None:
    images, _ = _draw(300, 1)
    covered = (images > 0).flatten(1).float().mean(dim=1)
    assert covered.min() > 0.05
    assert covered.max() < 0.95
    corners = images[:, 0, ::27, ::27]
    assert (corners == 0).float().mean() > 0.95


def test_a_seed_gives_the_same_images_in_another_process() -> None:
    code = (
        "import torch; from cnnbook.images import draw_garments; "
        "i, l = draw_garments(40, generator=torch.Generator().manual_seed(3)); "
        "print(l.tolist(), f'{i.double().sum().item():.3f}')"
    )
    images, labels = _draw(40, 3)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{labels.tolist()} {images.double().sum().item():.3f}"


def test_seeds_and_images_differ() -> None:
    images, _ = _draw(60, 0)
    others, _ = _draw(60, 1)
    assert not torch.equal(images, others)
    assert len(torch.unique(torch.cat([images, others]).flatten(1), dim=0)) == 120


def test_torchs_own_generator_is_left_alone() -> None:
    state = torch.get_rng_state()
    _draw(5, 0)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("n", [1, 255, 257])
def test_any_number(n: int) -> None:
    assert len(_draw(n, 0)[0]) == n


def test_classes_can_be_learned_but_are_not_trivial() -> None:
    """A linear model gets well above a guess and stays well below perfect."""
    images, labels = _draw(1500, 0)
    held_out, actual = _draw(500, 1)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    fit_full_batch(net, images, labels, epochs=60, optimizer=optimizer, device="cpu")
    got = accuracy(predict_scores(net, held_out), actual)
    assert 0.3 < got < 0.9


@pytest.mark.parametrize(
    ("n", "kind", "message"),
    [
        (0, ValueError, "at least 1, got 0"),
        (-1, ValueError, "at least 1, got -1"),
        (1.5, TypeError, "1.5"),
        (True, TypeError, "True"),
        ("3", TypeError, "'3'"),
    ],
)
def test_bad_counts(n: int, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        _draw(n, 0)


def test_bad_generator() -> None:
    with pytest.raises(TypeError, match=r"torch.Generator\(\).manual_seed"):
        draw_garments(3, generator=0)  # type: ignore[arg-type]
