"""Page 16's experiment has the images with which the page ran, whatever a later build finds."""

import base64
from pathlib import Path
from typing import Any

import pytest
import torch
from kernel_learner import IMAGES, LOADED, keep_images, learner_data

from cnnbook.images import ImageSet, load_fashion_mnist

PAGE = "'''A page.'''\n# %%\n# Choose a rate.\n#\n# .. kernel-learner::\n#\n# And then?\n"


@pytest.fixture
def data() -> ImageSet:
    return load_fashion_mnist(LOADED, 1, one_hot=False, download=False, fallback="drawn")


def _run(page: Path, found: dict[str, Any]) -> None:
    variables = {"target_file": str(page), "example_globals": found}
    assert keep_images(("code", "", 1), variables, {}) == ""


def _pixels(page: Path) -> torch.Tensor:
    kept = base64.b64decode(learner_data(page)["pixels"])
    return torch.frombuffer(bytearray(kept), dtype=torch.float32)


def test_the_images_are_those_of_the_run(tmp_path: Path, data: ImageSet) -> None:
    page = tmp_path / "plot_16_page.py"
    page.write_text(PAGE, "utf-8")
    _run(page, {"net": 1})
    assert list(tmp_path.iterdir()) == [page], "nothing is kept before the page has loaded them"
    assert torch.equal(_pixels(page), data.train_images[:IMAGES].flatten()), "it has not run"

    data.train_images.mul_(0.5)
    _run(page, {"data": data})
    assert torch.equal(_pixels(page), data.train_images[:IMAGES].flatten())
    # The same for the page that is read, a file of another kind with the same name.
    assert learner_data(page.with_suffix(".rst")) == learner_data(page)


def test_a_page_without_the_experiment_keeps_no_images(tmp_path: Path, data: ImageSet) -> None:
    page = tmp_path / "plot_17_page.py"
    page.write_text(PAGE.replace(".. kernel-learner::", "The kernel-learner"), "utf-8")
    _run(page, {"data": data})
    assert list(tmp_path.iterdir()) == [page]
