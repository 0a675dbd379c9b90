"""The networks that run in the browser, read back into torch; and some with random weights."""

import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from site_builds import Site

from cnnbook._data.synthetic import GARMENT_NAMES, draw_garments
from cnnbook.figures import browse_network
from cnnbook.networks import small_cnn


def garments(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw garments of ten classes, in the order of the classes."""
    images, labels = draw_garments(count, generator=torch.Generator().manual_seed(0))
    order = labels.argsort(stable=True)
    return images[order], labels[order]


def networks_of(data: Mapping[str, Any]) -> list[torch.nn.Sequential]:
    """Make the trained and the untrained network of the data for the browser."""
    made = []
    for name in ("trained", "untrained"):
        numbers = np.frombuffer(base64.b64decode(data["networks"][name]), "<f4")
        net = small_cnn()
        torch.nn.utils.vector_to_parameters(torch.tensor(numbers), net.parameters())
        made.append(net.requires_grad_(False))
    return made


def images_of(data: Mapping[str, Any]) -> torch.Tensor:
    """Read the images of the data for the browser."""
    pixels = np.frombuffer(base64.b64decode(data["images"]), np.uint8)
    return torch.tensor(pixels).reshape(-1, 1, 28, 28) / 255


@cache
def random_data() -> dict[str, Any]:
    """Make data of random weights, as large as trained ones, and of drawn garments."""
    generator = torch.Generator().manual_seed(1)
    net, start = small_cnn(), small_cnn()
    for one, scale in ((net, 0.2), (start, 0.02)):
        for parameter in one.parameters():
            torch.nn.init.normal_(parameter, std=scale, generator=generator)
    images, labels = garments(100)
    shown = browse_network(net, start, images, labels, class_names=GARMENT_NAMES, drawn=True)
    made: dict[str, Any] = json.loads(json.dumps(shown.data))
    return made


@cache
def site_data(site: Site) -> dict[str, Any] | None:
    """Return what the built site loads, or None where its pages were not run."""
    text = (site.folder / "_static/network-data.js").read_text("utf-8")
    data: dict[str, Any] | None = json.loads(
        text.partition("networkData = ")[2].removesuffix(";\n")
    )
    return data
