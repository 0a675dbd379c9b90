"""The networks that a page collects for the browser, and the file that the site makes of them."""

import base64
import json
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import live_network
import numpy as np
import pytest
import torch
from network_data import garments, images_of, networks_of

from cnnbook.figures import browse_network
from cnnbook.figures.live import BrowsableNetwork
from cnnbook.networks import small_cnn

NAMES = [f"class {number}" for number in range(10)]


@pytest.fixture(scope="module")
def made() -> tuple[torch.nn.Module, torch.nn.Module, torch.Tensor, torch.Tensor, BrowsableNetwork]:
    images, labels = garments(60)
    start = small_cnn()
    net = deepcopy(start)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return net, start, images, labels, browse_network(net, start, images, labels, class_names=NAMES)


def test_weights_images_and_labels_come_back_as_they_were(made: Any) -> None:
    net, start, images, labels, shown = made
    data = json.loads(json.dumps(shown.data))
    for original, read in zip((net, start), networks_of(data), strict=True):
        for one, other in zip(original.parameters(), read.parameters(), strict=True):
            assert torch.equal(one, other)
    assert (images_of(data) - images).abs().max() <= 0.5 / 255 + 1e-6
    assert data["labels"] == labels.tolist()
    assert data["classes"] == NAMES
    assert data["drawn"] is False
    weights = base64.b64decode(data["networks"]["trained"])
    assert len(weights) == 27_130 * 4
    assert np.frombuffer(weights, "<f4")[0] == net[0].weight[0, 0, 0, 0].item()


def test_the_table_counts_what_each_network_classifies_correctly(made: Any) -> None:
    *_, labels, shown = made
    nets, images = networks_of(shown.data), images_of(shown.data)
    # Eight more columns of black at each side, of which another part is cut out.
    wide = torch.nn.functional.pad(images, (4, 4, 4, 4))
    changed = {
        "unchanged": images,
        "left": wide[:, :, 4:32, 8:],
        "right": wide[:, :, 4:32, :28],
        "up": wide[:, :, 8:, 4:32],
        "down": wide[:, :, :28, 4:32],
        "mirrored": images[:, :, :, torch.arange(27, -1, -1)],
    }
    assert list(shown.correct) == list(changed)
    lines = str(shown).splitlines()
    assert lines[0].split() == ["correct", "of", "60", "trained", "untrained"]
    seen = set()
    for (name, those), line in zip(changed.items(), lines[1:], strict=True):
        counts = tuple(int((net(those).argmax(dim=1) == labels).sum()) for net in nets)
        assert shown.correct[name] == counts
        assert line.split()[0] == name
        assert tuple(map(int, line.split()[-2:])) == counts
        seen.add(counts)
    assert len(seen) > 2, "the changes make a difference"


def test_what_does_not_belong_together_is_refused(made: Any) -> None:
    net, start, images, labels, _ = made
    with pytest.raises(ValueError, match=r"images: expected \(n, 1, 28, 28\), got \(60, 1, 27, 28"):
        browse_network(net, start, images[:, :, 1:], labels, class_names=NAMES)
    with pytest.raises(ValueError, match=r"labels: expected \(60,\), got \(59,\)"):
        browse_network(net, start, images, labels[1:], class_names=NAMES)
    with pytest.raises(ValueError, match="labels: expected classes from 0 to 9, got another"):
        browse_network(net, start, images, labels + 1, class_names=NAMES)
    with pytest.raises(ValueError, match="trained: expected the parameters of small_cnn"):
        browse_network(torch.nn.ReLU(), start, images, labels, class_names=NAMES)
    with pytest.raises(ValueError, match=r"untrained: .* got \(8, 1, 2, 2\)"):
        browse_network(net, small_cnn(channels=8), images, labels, class_names=NAMES)


def test_the_site_keeps_what_a_page_has_collected_and_writes_it_as_a_script(
    made: Any, tmp_path: Path
) -> None:
    shown = made[-1]
    page = tmp_path / "docs/gallery/4_training/plot_20_page.py"
    page.parent.mkdir(parents=True)
    app: Any = SimpleNamespace(
        srcdir=tmp_path / "docs",
        outdir=tmp_path / "site",
        builder=SimpleNamespace(format="html"),
    )
    script = tmp_path / "site/_static/network-data.js"
    start = "(window.cnnbook = window.cnnbook || {}).networkData = "
    live_network._write_script(app)
    assert script.read_text("utf-8") == f"{start}null;\n", "the gallery was not run"
    variables = {"target_file": str(page), "example_globals": {"net": 1}}
    assert live_network.keep_data(("code", "", 1), variables, {}) == ""
    assert not list(page.parent.iterdir())
    variables["example_globals"] = {"net": 1, "live": shown}
    assert live_network.keep_data(("code", "", 1), variables, {}) == ""
    live_network._write_script(app)
    text = script.read_text("utf-8")
    assert text.startswith(start)
    assert json.loads(text.removeprefix(start).removesuffix(";\n")) == json.loads(
        json.dumps(shown.data)
    )
    live_network._write_script(app)
    assert script.read_text("utf-8") == text, "a build without a change"
