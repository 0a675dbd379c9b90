"""The colours of the figures by their roles, on a light page and on a dark one."""

import colorsys
import re
from collections.abc import Iterable, Sequence
from typing import Literal

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import Collection
from matplotlib.colors import Colormap, LinearSegmentedColormap, ListedColormap, to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

__all__ = [
    "COLOURS",
    "DARK",
    "FAINT",
    "FILL",
    "INK",
    "INK_COLORMAP",
    "LINE",
    "NEGATIVE",
    "PAPER",
    "POSITIVE",
    "SHADE",
    "SIGNED_COLORMAP",
    "SIZE_COLORMAP",
    "darken",
    "in_dark",
    "name_colours",
]

# What is written and drawn, what it is drawn on, and what may stand back: axes and notes, the
# lines between cells, cells that are not part of the image.
INK, PAPER = "#000000", "#FFFFFF"
FAINT, LINE, SHADE = "#555555", "#808080", "#EEEEEE"

# After the colours of Okabe and Ito, which colour-blind readers can tell apart; darker, because on
# white only three of theirs have the contrast that lines need, and one has that of text.
COLOURS = ("#0072B2", "#BF5000", "#007A59", "#A8528A", "#8A6200", "#4C5BD4", "#000000")
POSITIVE, NEGATIVE = COLOURS[0], COLOURS[1]
# A cell that is meant; numbers are written on it.
FILL = "#56B4E9"

# One colour for one thing in the whole book: what its name begins with, as in "CNN shuffled". None
# of them is the colour of a sign.
_THINGS = {
    r"CNN|sloppy CNN|small CNN": COLOURS[2],
    r"MLP|desperate MLP": COLOURS[3],
    r"matched|small MLP": COLOURS[4],
    r"same MACs": COLOURS[6],
    r"LeNet-5|LeNet": COLOURS[5],
    r"linear(?! layer)": FAINT,
}

# Each role on a dark page. The paper is the theme's background.
DARK = {
    INK: "#E3E9EF",
    PAPER: "#14181E",
    FAINT: "#A9B4BF",
    LINE: "#7D8894",
    SHADE: "#2B333D",
    COLOURS[0]: "#58B6F0",
    COLOURS[1]: "#FF9A4D",
    COLOURS[2]: "#3CCB9E",
    COLOURS[3]: "#E59BCB",
    COLOURS[4]: "#D9CB3A",
    COLOURS[5]: "#A5B0FF",
    FILL: "#1C6799",
}


def _make_colormap(name: str, *roles: str) -> Colormap:
    # An odd number of colours, so that one is exactly the middle.
    return LinearSegmentedColormap.from_list(name, roles, N=257)


# Below 0, at 0, above 0; and from 0 to the largest number.
_ROLES_OF_COLORMAPS = {
    "signed": (NEGATIVE, PAPER, POSITIVE),
    "size": (PAPER, FILL),
    "ink": (PAPER, INK),
}
SIGNED_COLORMAP, SIZE_COLORMAP, INK_COLORMAP = (
    _make_colormap(name, *roles) for name, roles in _ROLES_OF_COLORMAPS.items()
)


def in_dark(colour: object) -> tuple[float, float, float, float]:
    """Return a colour's counterpart on a dark page.

    Args:
        colour: Any colour of matplotlib.

    Returns:
        For a role its colour in the table, for another colour the same hue with the lightness
        turned round; as transparent as it was.
    """
    red, green, blue, alpha = to_rgba(colour)  # type: ignore[arg-type]
    role = DARK.get(to_hex((red, green, blue)).upper())
    if role is not None:
        return to_rgba(role, alpha)
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    # From the paper's lightness to the ink's.
    dark, light = (colorsys.rgb_to_hls(*to_rgba(DARK[name])[:3])[1] for name in (PAPER, INK))
    return (*colorsys.hls_to_rgb(hue, light - lightness * (light - dark), saturation), alpha)


def darken(figure: Figure) -> None:
    """Recolour a figure for a dark page, every artist in it.

    Photographs, which are drawn with matplotlib's colour map "gray", stay as they are.

    Args:
        figure: The figure, which is changed.
    """
    for artist in figure.findobj():
        _recolour(artist)
    # Not figure.axes, which lacks axes within axes.
    for axes in figure.findobj(Axes):
        _recolour_ticks(axes, axes.xaxis, "x")
        _recolour_ticks(axes, axes.yaxis, "y")


def _recolour_ticks(axes: Axes, axis: Axis, name: Literal["x", "y"]) -> None:
    """Set the colours of ticks, also of those that matplotlib makes when it draws."""
    for which in ("major", "minor"):
        known = dict(axis.get_tick_params(which=which))
        axes.tick_params(
            axis=name,
            which=which,
            color=in_dark(known.get("color", INK)),
            labelcolor=in_dark(known.get("labelcolor", INK)),
            grid_color=in_dark(known.get("grid_color", mpl.rcParams["grid.color"])),
        )


def _recolour(artist: Artist) -> None:
    if isinstance(artist, Line2D):
        # Read first: by default a marker takes the colour of its line.
        face, edge = artist.get_markerfacecolor(), artist.get_markeredgecolor()
        artist.set_color(in_dark(artist.get_color()))
        artist.set_markerfacecolor(in_dark(face))
        artist.set_markeredgecolor(in_dark(edge))
    elif isinstance(artist, Text):
        artist.set_color(in_dark(artist.get_color()))
        # Neither is a child of its text.
        for patch in (artist.get_bbox_patch(), getattr(artist, "arrow_patch", None)):
            if patch is not None:
                _recolour(patch)
    elif isinstance(artist, Patch):
        # A transparent colour stays so; a patch gives its own transparency to any other.
        face, edge = in_dark(artist.get_facecolor()), in_dark(artist.get_edgecolor())
        artist.set_facecolor(face if face[3] else "none")
        artist.set_edgecolor(edge if edge[3] else "none")
    elif isinstance(artist, (AxesImage, Collection)):
        if isinstance(artist, Collection):
            artist.set_facecolor(_visible_in_dark(artist.get_facecolor()))
            artist.set_edgecolor(_visible_in_dark(artist.get_edgecolor()))
        artist.set_cmap(_colormap_in_dark(artist.get_cmap()))


def _visible_in_dark(colours: Iterable[object]) -> list[tuple[float, float, float, float]] | str:
    dark = [in_dark(colour) for colour in colours]
    # A list of transparent colours would be taken for one of colours: a contour would be filled.
    return dark if any(colour[3] for colour in dark) else "none"


def _colormap_in_dark(colormap: Colormap) -> Colormap:
    if isinstance(colormap, ListedColormap):
        return ListedColormap([in_dark(colour) for colour in colormap(range(colormap.N))])
    roles = _ROLES_OF_COLORMAPS.get(colormap.name)
    return _make_colormap(colormap.name, *(DARK[role] for role in roles)) if roles else colormap


def name_colours(names: Sequence[str], *, distinct: bool = False) -> dict[str, str]:
    """Choose a colour for each name: that of the thing that it names, or one that is free.

    Args:
        names: The names in one figure.
        distinct: Whether two names of one thing have two colours.

    Returns:
        Each name with its colour.
    """
    chosen: dict[str, str] = {}
    for name in names:
        colour = _colour_of_thing(name)
        if colour and not (distinct and colour in chosen.values()):
            chosen[name] = colour
    free = [colour for colour in COLOURS if colour not in chosen.values()]
    others = [name for name in names if name not in chosen]
    chosen |= {name: free[index % len(free)] for index, name in enumerate(others)}
    return {name: chosen[name] for name in names}


def _colour_of_thing(name: str) -> str | None:
    fitting = (colour for thing, colour in _THINGS.items() if re.match(rf"(?:{thing})\b", name))
    return next(fitting, None)
