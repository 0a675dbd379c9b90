"""Colours: enough contrast on a light and on a dark page, and one colour for one thing."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from cnnbook import figures
from cnnbook.figures._themes import (
    COLOURS,
    DARK,
    FAINT,
    FILL,
    INK,
    LINE,
    NEGATIVE,
    PAPER,
    POSITIVE,
    SHADE,
    SIGNED_COLORMAP,
    darken,
    in_dark,
    name_colours,
)


def contrast(first: Any, second: Any) -> float:
    """Return the contrast ratio of WCAG 2.2: of the luminances, each with 0.05 added."""

    def luminance(colour: Any) -> float:
        parts = np.asarray(to_rgb(colour), dtype=float)
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_known_colours() -> None:
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.005)


def light(colour: str) -> str:
    return colour


def dark(colour: str) -> str:
    return to_hex(in_dark(colour))


@pytest.mark.parametrize("theme", [light, dark])
def test_text_and_lines_have_contrast_in_both_themes(theme: Callable[[str], str]) -> None:
    for colour in (INK, FAINT, *COLOURS):
        assert contrast(theme(colour), theme(PAPER)) >= 4.5, colour
    assert contrast(theme(LINE), theme(PAPER)) >= 3
    for ground in (FILL, SHADE):
        assert contrast(theme(INK), theme(ground)) >= 4.5, ground
    pairs = itertools.combinations([theme(colour) for colour in COLOURS], 2)
    assert all(np.abs(np.subtract(to_rgb(a), to_rgb(b))).max() > 0.15 for a, b in pairs)


def test_a_role_has_its_dark_colour_and_others_turn_their_lightness() -> None:
    assert in_dark("white") == to_rgba(DARK[PAPER])
    assert in_dark((0, 0, 0, 0.25)) == to_rgba(DARK[INK], 0.25)
    grey, lighter = (in_dark(shade)[0] for shade in ("0.4", "0.7"))
    assert grey > lighter, "what was light is dark"
    red, green, blue, alpha = in_dark("#880000")
    assert alpha == 1
    assert red > 0.9 > green == blue, "still red"
    assert in_dark("none")[3] == 0


def test_one_colour_for_one_thing() -> None:
    colours = name_colours(["linear", "matched", "same MACs", "MLP", "CNN", "LeNet-5"])
    assert len(set(colours.values())) == 6
    assert not {POSITIVE, NEGATIVE} & set(colours.values()), "a network is not a sign"
    for names in (["CNN"], ["MLP", "CNN"], ["CNN shuffled"], ["CNN, ten seeds", "x"]):
        assert name_colours(names)[next(n for n in names if "CNN" in n)] == colours["CNN"]
    assert name_colours(["CNN", "CNN shuffled"]) == dict.fromkeys(
        ["CNN", "CNN shuffled"], colours["CNN"]
    )
    two = name_colours(["CNN", "CNN shuffled"], distinct=True)
    assert two["CNN"] == colours["CNN"] != two["CNN shuffled"]
    many = name_colours([f"rate {index}" for index in range(9)])
    assert list(many.values()) == [*COLOURS, *COLOURS[:2]]
    assert "CNNs" in name_colours(["CNNs"]), "another word"
    assert name_colours(["CNNs"])["CNNs"] != colours["CNN"]


def everything(figure: Figure) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Give the colours with which a figure is drawn, apart from its images."""
    figure.draw_without_rendering()
    for artist in figure.findobj(lambda one: one.get_visible()):
        if isinstance(artist, Text) and artist.get_text():
            yield "text", to_rgba(artist.get_color())
        elif isinstance(artist, Rectangle):
            yield "face", to_rgba(artist.get_facecolor())
            yield "edge", to_rgba(artist.get_edgecolor())


def test_nothing_light_is_left_below_dark_text() -> None:
    """Text of a figure for the dark page is light; what is written on is dark."""
    figure = figures.plot_number_grids({"a": torch.tensor([[1.0, -2.0, 0.0]])})
    before = [colour for kind, colour in everything(figure) if kind == "face" and colour[3]]
    darken(figure)
    after = list(everything(figure))
    assert len(before) == len([1 for kind, colour in after if kind == "face" and colour[3]])
    for kind, colour in after:
        if kind == "text":
            assert contrast(colour[:3], DARK[PAPER]) >= 4.5
        elif kind == "face" and colour[3] == 1:
            assert colour == to_rgba(DARK[PAPER])
    assert figure.get_facecolor() == to_rgba(DARK[PAPER])


def test_what_a_page_draws_itself_is_recoloured() -> None:
    figure, axes = plt.subplots()
    (line,) = axes.plot([1, 2], [1, 2], "o-", color="black", markerfacecolor="white")
    axes.scatter([1], [1], color=COLOURS[1])
    text = axes.text(1, 1, "a", bbox={"facecolor": "white", "edgecolor": "none"})
    box = axes.add_patch(Rectangle((0, 0), 1, 1, facecolor=FILL, alpha=0.3, edgecolor="none"))
    axes.contour(np.eye(3), [0.5], colors="#000000")
    signed = axes.imshow(np.eye(2), cmap=SIGNED_COLORMAP)
    photograph = axes.imshow(np.eye(2), cmap="gray")
    bar = figure.colorbar(signed)
    darken(figure)
    figure.draw_without_rendering()
    ground: Any = text.get_bbox_patch()
    dots, contour = axes.collections
    assert not np.asarray(contour.get_facecolor()).size, "a contour is not filled"
    for colour, role in (
        (line.get_color(), INK),
        (line.get_markerfacecolor(), PAPER),
        (np.asarray(dots.get_facecolor())[0], COLOURS[1]),
        (np.asarray(contour.get_edgecolor())[0], INK),
        (ground.get_facecolor(), PAPER),
        (signed.get_cmap()(0.5), PAPER),
        (signed.get_cmap()(1.0), POSITIVE),
    ):
        assert to_rgba(colour) == pytest.approx(to_rgba(DARK[role]))
    assert to_rgba(box.get_facecolor()) == to_rgba(DARK[FILL], 0.3)
    for patch in (ground, box):
        assert to_rgba(patch.get_edgecolor())[3] == 0, "no frame appears"
    assert photograph.get_cmap()(1.0) == (1, 1, 1, 1), "a photograph stays"
    # Also ticks that matplotlib makes when it draws once more.
    axes.set_xlim(-50, 90)
    figure.draw_without_rendering()
    for one in (axes, bar.ax):
        for label in one.get_xticklabels() + one.get_yticklabels():
            assert to_rgba(label.get_color()) == to_rgba(DARK[INK])


def test_every_list_of_colours_is_turned() -> None:
    figure = figures.plot_conv_matrix({"A": torch.tensor([[1.0, 0.0], [2.0, 1.0]])})
    darken(figure)
    colours = figure.axes[0].images[0].get_cmap()([0, 1, 2])
    assert [to_hex(colour) for colour in colours] == [
        DARK[role].lower() for role in (PAPER, COLOURS[0], COLOURS[1])
    ]
