"""The README, the licences, and the moving picture: their statements are true."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from cnnbook import seeds
from cnnbook.counting import cost_table, count_parameters, parameter_table
from cnnbook.metrics import mean_interval
from cnnbook.networks import matched_mlp, mlp, small_cnn

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PICTURE = ROOT / "docs" / "_static" / "moving-window.gif"


def test_the_six_lines_print_what_the_sixth_says(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    *_, last = lines = [line for line in block.splitlines() if line]
    assert len(lines) == 6
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert last == f"# {done.stdout.strip()}"
    assert last.startswith("# [[2.5, 3.5, 4.5], ")


def test_the_korean_readme_has_the_same_code_and_picture_and_links_that_lead_to_files() -> None:
    korean = (ROOT / "README.ko.md").read_text("utf-8")
    parts = r"^```python\n.*?^```", r"\]\((docs/_static/.*?)\)", r"make (?:site|test) "
    for part in parts:
        found = re.findall(part, korean, re.MULTILINE | re.DOTALL)
        assert found
        assert set(found) <= set(re.findall(part, README, re.MULTILINE | re.DOTALL))
    links = re.findall(r"\]\(([^)]*)\)", korean)
    assert "README.md" in links
    assert "README.ko.md" in README
    assert not [link for link in links if not (ROOT / link).is_file()]


def test_the_table_has_the_numbers_of_the_library_and_of_the_kept_seeds() -> None:
    table = re.findall(r"^\| ?([^|]*) \| (.*) \|$", README, re.MULTILINE)
    rows = {title: cells.split(" | ") for title, cells in table}
    networks = [mlp(), matched_mlp(count_parameters(small_cnn())), small_cnn()]
    costs = [cost_table(network, (1, 28, 28)) for network in networks]
    assert rows["parameters"] == [f"{cost.parameters:,}" for cost in costs]
    assert rows["multiplications per image"] == [f"{cost.macs:,}" for cost in costs]
    means, ranges = [], []
    for name in ("mlp", "matched", "cnn"):
        files = sorted((ROOT / "examples/1_why/kept_seeds" / name).glob("*.json"))
        accuracies = [seeds._unpack(file.read_bytes(), file)["accuracy"] for file in files]
        assert len(accuracies) == 10
        interval = mean_interval(accuracies)
        means.append(f"{interval.mean:.3f} ± {interval.high - interval.mean:.3f}")
        assert str(interval).startswith(means[-1].replace("±", "+-"))
        ranges.append(f"{min(accuracies):.3f} to {max(accuracies):.3f}")
    assert rows["accuracy on 1,000 new images, mean of ten starts"] == means
    assert rows["lowest and highest of the ten"] == ranges
    assert round(costs[0].parameters / costs[2].parameters) == 60


def test_the_table_of_the_home_page_has_the_numbers_of_the_library_and_of_the_kept_seeds() -> None:
    home = (ROOT / "docs" / "index.md").read_text("utf-8")
    table = re.findall(r"^\| ?([^|]*) \| (.*) \|$", home, re.MULTILINE)
    rows = {title: cells.split(" | ") for title, cells in table}
    costs = [cost_table(network, (1, 28, 28)) for network in (mlp(), small_cnn())]
    formulas = [parameter_table(network).formula for network in (mlp(), small_cnn())]
    assert rows["parameters"] == [
        f"`{formula}` = {cost.parameters:,}" for formula, cost in zip(formulas, costs, strict=True)
    ]
    assert rows["multiplications per image"] == [f"{cost.macs:,}" for cost in costs]
    first, means = [], []
    for name in ("mlp", "cnn"):
        kept = ROOT / "examples/1_why/kept_seeds" / name
        results = [seeds._unpack(file.read_bytes(), file) for file in sorted(kept.glob("*.json"))]
        first += [f"{1000 * one['accuracy']:.0f}" for one in results if one["seed"] == 0]
        means.append(f"{1000 * mean_interval([one['accuracy'] for one in results]).mean:.0f}")
    assert rows["correct of 1,000 new images of Fashion-MNIST, first random start"] == first
    assert rows["the same, mean of ten random starts"] == means


def test_the_readme_is_short_and_its_links_lead_to_files_or_to_the_licence() -> None:
    assert len(README.splitlines()) <= 120
    links = re.findall(r"\]\(([^)]*)\)", README)
    outside = {link for link in links if "://" in link}
    assert outside == {"https://creativecommons.org/licenses/by/4.0/"}
    assert not [link for link in links if link not in outside and not (ROOT / link).is_file()]


def _frames(file: Path) -> tuple[list[Image.Image], list[int]]:
    with Image.open(file) as picture:
        # After three times it stops, complete.
        assert picture.info["loop"] == 2
        frames = [
            (one.convert("RGB"), one.info["duration"]) for one in ImageSequence.Iterator(picture)
        ]
    return [frame for frame, _ in frames], [milliseconds for _, milliseconds in frames]


def test_the_script_draws_the_picture_that_the_readme_shows(tmp_path: Path) -> None:
    alt, file = re.findall(r"^!\[(.*)\]\((.*)\)$", README, re.MULTILINE)[0]
    assert ROOT / file == PICTURE
    assert len(alt) > 100
    assert PICTURE.stat().st_size < 300_000
    again = tmp_path / "again.gif"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "docs/make_moving_window.py"), str(again)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    (kept, times), (drawn, times_again) = _frames(PICTURE), _frames(again)
    assert times == times_again
    assert times.count(20) > 300
    assert len(kept) == 13 * 26 + 5 + 1 + 13, "each window up to the held one, then each row"
    for number in (0, 100, times.index(4000), len(kept) - 1):
        # Another version of matplotlib may draw its letters another way.
        difference = np.abs(np.asarray(kept[number], float) - np.asarray(drawn[number], float))
        assert difference.mean() < 2, number
    assert (np.asarray(kept[-1])[0, 0] == 255).all(), "white, so that it is readable on black"


def test_the_notice_quotes_zalando_and_names_the_licences() -> None:
    notice = (ROOT / "NOTICE").read_text("utf-8")
    assert "The MIT License (MIT) Copyright © 2017 Zalando SE, https://tech.zalando.com" in notice
    assert "The above copyright notice and this permission notice shall be included" in notice
    assert "https://creativecommons.org/licenses/by/4.0/" in notice
    for path in re.findall(
        r"\b(?:docs|examples|cnnbook|tests)/[\w*./]*|README\.md|LICENSE", notice
    ):
        assert list(ROOT.glob(path)), path
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License\n")


@pytest.mark.parametrize("file", ["README.md", "NOTICE", "docs/index.md", "docs/references.rst"])
def test_the_lecture_is_named_as_the_source_of_the_idea(file: str) -> None:
    text = " ".join((ROOT / file).read_text("utf-8").split())
    for words in ("Guebin Choi", "DL2025", "07wk-1: (합성곱신경망) – CNN 자랑, CNN 핵심레이어"):
        assert words in text
