"""Drawn garments of ten classes, a stand-in where Fashion-MNIST is unavailable.

Each garment is a few polygons of random size, at a random angle and position, filled with a random
pattern. Only the shape tells the class, and the shapes of the classes overlap: a shirt with short
sleeves and no buttons looks like a T-shirt, as it does in Fashion-MNIST.
"""

import math
from collections.abc import Callable

import torch

from cnnbook._checks import check_generator, check_int

__all__ = ["GARMENT_NAMES", "draw_garments"]

GARMENT_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

_PIXELS = 28
# Each pixel is the mean of 2 x 2 finer ones, which smooths the edges.
_FINE = 2 * _PIXELS
# Images drawn at a time; bounds the memory to some 50 MB.
_AT_A_TIME = 256

# A uniform random number for each image of a class, from the lower to the upper bound.
_Uniform = Callable[[float, float], torch.Tensor]
# Corners (n, k, 2) in a square from -1 to 1, y downwards, and a shade (n,): 1 is the garment's own
# brightness, 0 is black. Later parts lie on top.
_Part = tuple[torch.Tensor, torch.Tensor]


def _corners(*points: tuple[torch.Tensor | float, torch.Tensor | float], n: int) -> torch.Tensor:
    """Collect corners (x, y), each coordinate one number or one for each image."""
    columns = [torch.as_tensor(number).expand(n) for point in points for number in point]
    return torch.stack(columns, dim=1).reshape(n, len(points), 2)


def _mirrored(corners: torch.Tensor) -> torch.Tensor:
    return corners * torch.tensor([-1.0, 1.0])


def _torso(
    u: _Uniform,
    n: int,
    *,
    waist: tuple[float, float],
    hem: tuple[float, float],
    length: tuple[float, float],
    neck: tuple[float, float],
) -> tuple[_Part, torch.Tensor]:
    """Return a body from neck to hem, and the half width of its shoulders."""
    shoulder, middle, end = u(0.36, 0.5), u(*waist), u(*hem)
    bottom, opening, dip = u(*length), u(0.1, 0.22), u(*neck)
    right = ((shoulder, -0.66), (middle, 0.05), (end, bottom))
    left = tuple((-x, y) for x, y in reversed(right))
    outline = _corners((-opening, -0.78), (0.0, -0.78 + dip), (opening, -0.78), *right, *left, n=n)
    return (outline, torch.ones(n)), shoulder


def _sleeves(u: _Uniform, n: int, shoulder: torch.Tensor, length: torch.Tensor) -> list[_Part]:
    """Return two sleeves that hang from the shoulders."""
    angle, upper, lower = u(0.15, 0.5), u(0.22, 0.3), u(0.14, 0.22)
    x, y = shoulder + length * torch.sin(angle), -0.66 + length * torch.cos(angle)
    across, along = torch.cos(angle), torch.sin(angle)
    sleeve = _corners(
        (shoulder - 0.12, -0.7),
        (shoulder + 0.04, -0.64),
        (x + lower * across / 2, y - lower * along / 2),
        (x - lower * across / 2, y + lower * along / 2),
        (shoulder - 0.1, -0.62 + upper),
        n=n,
    )
    # A little darker than the body, so that sleeves close to it remain visible.
    shade = u(0.72, 0.95)
    return [(sleeve, shade), (_mirrored(sleeve), shade)]


def _front(u: _Uniform, n: int, *, share: float, shades: tuple[float, float]) -> list[_Part]:
    """Return a line of buttons or a zip down the front, on a share of the garments."""
    half, bottom = u(0.018, 0.04), u(0.6, 0.9)
    worn = u(0, 1) < share
    line = _corners((-half, -0.7), (half, -0.7), (half, bottom), (-half, bottom), n=n)
    # On the other garments the line shrinks to a point, which covers no pixel.
    return [(line * worn[:, None, None], u(*shades))]


def _t_shirt(u: _Uniform, n: int) -> list[_Part]:
    body, shoulder = _torso(
        u, n, waist=(0.32, 0.48), hem=(0.34, 0.5), length=(0.62, 0.88), neck=(0.06, 0.22)
    )
    return [*_sleeves(u, n, shoulder, u(0.22, 0.6)), body]


def _pullover(u: _Uniform, n: int) -> list[_Part]:
    body, shoulder = _torso(
        u, n, waist=(0.34, 0.5), hem=(0.34, 0.5), length=(0.6, 0.85), neck=(0.02, 0.14)
    )
    return [*_sleeves(u, n, shoulder, u(0.95, 1.4)), body]


def _coat(u: _Uniform, n: int) -> list[_Part]:
    body, shoulder = _torso(
        u, n, waist=(0.34, 0.5), hem=(0.36, 0.54), length=(0.72, 0.95), neck=(0.04, 0.3)
    )
    front = _front(u, n, share=0.8, shades=(0.3, 0.75))
    return [*_sleeves(u, n, shoulder, u(0.95, 1.4)), body, *front]


def _shirt(u: _Uniform, n: int) -> list[_Part]:
    body, shoulder = _torso(
        u, n, waist=(0.32, 0.48), hem=(0.34, 0.5), length=(0.62, 0.9), neck=(0.04, 0.28)
    )
    # One in four has short sleeves.
    short = u(0, 1) < 0.25
    sleeves = _sleeves(u, n, shoulder, torch.where(short, u(0.35, 0.65), u(0.85, 1.35)))
    return [*sleeves, body, *_front(u, n, share=0.6, shades=(0.6, 0.9))]


def _dress(u: _Uniform, n: int) -> list[_Part]:
    body, shoulder = _torso(
        u, n, waist=(0.18, 0.34), hem=(0.3, 0.6), length=(0.8, 0.98), neck=(0.06, 0.32)
    )
    # Half of them without sleeves: a shrunken length leaves a stump within the body.
    length = torch.where(u(0, 1) < 0.5, u(0.0, 0.06), u(0.2, 1.0))
    return [*_sleeves(u, n, shoulder * 0.92, length), body]


def _trouser(u: _Uniform, n: int) -> list[_Part]:
    waist, hip, crotch = u(0.2, 0.34), u(0.26, 0.42), u(-0.45, 0.0)
    inner, outer, bottom = u(0.02, 0.12), u(0.24, 0.44), u(0.75, 0.97)
    right = _corners(
        (0.0, -0.88), (waist, -0.88), (hip, -0.5), (outer, bottom), (inner, bottom), (0.0, crotch),
        n=n,
    )  # fmt: skip
    return [(right, torch.ones(n)), (_mirrored(right), torch.ones(n))]


def _shoe(u: _Uniform, n: int, *, shaft: torch.Tensor, heel: torch.Tensor) -> list[_Part]:
    """Return a shoe seen from the side, toe to the left, with its sole."""
    toe, instep, opening = u(0.0, 0.2), u(-0.35, 0.1), u(0.1, 0.3)
    sole, rise = u(0.34, 0.5), u(0.05, 0.18)
    upper = _corners(
        (-0.9, sole),
        (-0.86, sole - rise),
        (-0.5, toe),
        (instep, -shaft + opening * 0.3),
        (instep + 0.08, -shaft - 0.06),
        (0.72, -shaft - 0.1),
        (0.8, 0.1),
        (0.88, sole),
        n=n,
    )
    bottom = sole + u(0.06, 0.14)
    ground = _corners(
        (-0.92, sole),
        (0.9, sole),
        (0.9, bottom + heel),
        (0.5, bottom + heel),
        (0.4, bottom),
        (-0.88, bottom),
        n=n,
    )
    return [(upper, torch.ones(n)), (ground, u(0.3, 1.2))]


def _sneaker(u: _Uniform, n: int) -> list[_Part]:
    return _shoe(u, n, shaft=u(0.0, 0.32), heel=u(0.0, 0.03))


def _ankle_boot(u: _Uniform, n: int) -> list[_Part]:
    return _shoe(u, n, shaft=u(0.22, 0.8), heel=u(0.0, 0.3))


def _sandal(u: _Uniform, n: int) -> list[_Part]:
    sole, thick, heel = u(0.3, 0.5), u(0.06, 0.16), u(-0.1, 0.45)
    high = torch.clamp(heel, min=0.0)
    ground = _corners(
        (-0.92, sole),
        (0.1, sole - 0.02),
        (0.86, sole - high),
        (0.9, sole + thick),
        (0.66, sole + thick),
        (0.55, sole + thick - high * 0.8),
        (-0.88, sole + thick),
        n=n,
    )

    def strap(foot: torch.Tensor, top: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
        peak = sole - u(0.22, 0.6)
        return _corners((foot, sole), (top, peak), (top + width, peak), (foot + width, sole), n=n)

    straps = [
        strap(u(-0.8, -0.4), u(-0.6, -0.1), u(0.1, 0.3)),
        strap(u(-0.3, 0.1), u(-0.1, 0.4), u(0.08, 0.25)),
        strap(u(0.4, 0.65), u(0.3, 0.7), u(0.08, 0.22)),
    ]
    return [(ground, torch.ones(n)), *((one, u(0.7, 1.1)) for one in straps)]


def _bag(u: _Uniform, n: int) -> list[_Part]:
    wide, narrow, top, bottom = u(0.55, 0.9), u(0.45, 0.9), u(-0.45, 0.05), u(0.45, 0.85)
    handle, thick, height = u(0.2, 0.5), u(0.06, 0.14), u(0.2, 0.5)
    outer = _corners(
        (-handle, top + 0.05), (-handle * 0.7, top - height), (handle * 0.7, top - height),
        (handle, top + 0.05), n=n,
    )  # fmt: skip
    inside = _corners(
        (-handle + thick, top + 0.05), (-handle * 0.7 + thick, top - height + thick),
        (handle * 0.7 - thick, top - height + thick), (handle - thick, top + 0.05), n=n,
    )  # fmt: skip
    body = _corners((-narrow, top), (narrow, top), (wide, bottom), (-wide, bottom), n=n)
    flap = top + u(0.0, 0.3)
    cover = _corners((-narrow, top), (narrow, top), (narrow, flap), (-narrow, flap), n=n)
    return [
        (outer, u(0.6, 1.0)),
        (inside, torch.zeros(n)),
        (body, torch.ones(n)),
        (cover, u(0.7, 1.1)),
    ]


_TEMPLATES: tuple[Callable[[_Uniform, int], list[_Part]], ...] = (
    _t_shirt,
    _trouser,
    _pullover,
    _dress,
    _coat,
    _sandal,
    _shirt,
    _sneaker,
    _bag,
    _ankle_boot,
)


def _posed(parts: list[_Part], u: _Uniform) -> list[_Part]:
    """Turn, lean, scale and shift each garment as a whole."""
    angle, lean = u(-0.16, 0.16), u(-0.1, 0.1)
    size, stretch = u(0.8, 1.02), u(0.92, 1.08)
    cos, sin = torch.cos(angle), torch.sin(angle)
    turn = torch.stack([cos, -sin, sin, cos], dim=1).reshape(-1, 2, 2)
    shear = torch.stack(
        [size * stretch, lean, torch.zeros_like(size), size / stretch], dim=1
    ).reshape(-1, 2, 2)
    place = torch.stack([u(-0.12, 0.12), u(-0.1, 0.1)], dim=1)[:, None]
    return [(corners @ (turn @ shear).mT + place, shade) for corners, shade in parts]


def _inside(corners: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Return which fine pixels are inside a polygon, by counting the edges to their right."""
    covered = torch.zeros(len(corners), len(centres), len(centres), dtype=torch.bool)
    for start, end in zip(corners.unbind(1), corners.roll(-1, dims=1).unbind(1), strict=True):
        (x0, y0), (x1, y1) = start.T[..., None], end.T[..., None]
        crosses = (y0 > centres) != (y1 > centres)
        rise = torch.where(crosses, y1 - y0, 1.0)
        at = x0 + (centres - y0) * (x1 - x0) / rise
        # An edge that does not cross a row is put to the left of all its pixels.
        at = torch.where(crosses, at, -torch.inf)
        covered ^= centres < at[:, :, None]
    return covered


def _patterns(u: _Uniform, centres: torch.Tensor) -> torch.Tensor:
    """Return the cloth of each garment on the fine grid, from 0 to 1."""
    kind = u(0, 6).floor()[:, None, None]
    wave, phase = u(5, 15)[:, None, None], u(0, math.tau)[:, None, None]
    across = torch.sin(wave * centres[None, None, :] + phase)
    down = torch.sin(wave * centres[None, :, None] + phase)
    slope = 0.5 + 0.5 * (
        u(-1, 1)[:, None, None] * centres[None, None, :]
        + u(-1, 1)[:, None, None] * centres[None, :, None]
    )
    pattern = torch.zeros(len(kind), len(centres), len(centres))
    # Kinds 0 and 1 are plain.
    for number, cloth in (
        (2, (across > 0).float()),
        (3, (down > 0).float()),
        (4, (across * down > 0).float()),
        (5, slope),
    ):
        pattern = torch.where(kind == number, cloth, pattern)
    brightness, contrast = u(0.4, 1.0)[:, None, None], u(0.15, 0.6)[:, None, None]
    return brightness * (1 - contrast * pattern)


def _draw_class(label: int, n: int, generator: torch.Generator) -> torch.Tensor:
    """Draw ``n`` garments of one class, shape ``(n, 28, 28)``."""

    def u(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    centres = (torch.arange(_FINE) + 0.5) * (2 / _FINE) - 1
    parts = _posed(_TEMPLATES[label](u, n), u)
    cloth = _patterns(u, centres)
    canvas = torch.zeros(n, _FINE, _FINE)
    for corners, shade in parts:
        canvas = torch.where(_inside(corners, centres), cloth * shade[:, None, None], canvas)
    image = torch.nn.functional.avg_pool2d(canvas, 2)
    noise = torch.randn(image.shape, generator=generator) * u(0.02, 0.1)[:, None, None]
    # The background stays black, as in Fashion-MNIST.
    return torch.where(image > 0, image + noise, image).clamp_(0, 1)


def draw_garments(n: int, *, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw garments of ten classes at random.

    They replace Fashion-MNIST where it is unavailable, so that every page runs without a network.
    An accuracy measured on them says nothing about Fashion-MNIST.

    Args:
        n: How many, at least 1.
        generator: The source of all random numbers; a generator on the CPU.

    Returns:
        Images ``(n, 1, 28, 28)``, float32 from 0 (black) to 1 (white), and labels ``(n,)``,
        int64 from 0 to 9, whose names are in ``GARMENT_NAMES``. The same state of the generator
        gives the same images.

    Raises:
        ValueError: ``n`` is below 1, or ``generator`` is on another device.

    Examples:
        >>> import torch
        >>> from cnnbook.images import GARMENT_NAMES, draw_garments
        >>> images, labels = draw_garments(8, generator=torch.Generator().manual_seed(0))
        >>> images.shape, labels.shape
        (torch.Size([8, 1, 28, 28]), torch.Size([8]))
        >>> again, _ = draw_garments(8, generator=torch.Generator().manual_seed(0))
        >>> torch.equal(images, again)
        True
        >>> GARMENT_NAMES[8]
        'Bag'
        >>> draw_garments(0, generator=torch.Generator())
        Traceback (most recent call last):
            ...
        ValueError: n: expected at least 1, got 0

    Source:
        Xiao, Rasul and Vollgraf (2017), Fashion-MNIST, section 2, for the classes.
    """
    n = check_int(n, name="n", minimum=1)
    check_generator(generator)
    # The generator is on the CPU, and the functions above do not name a device.
    with torch.device("cpu"):
        labels = torch.randint(len(GARMENT_NAMES), (n,), generator=generator)
        images = torch.empty(n, 1, _PIXELS, _PIXELS)
        for label in range(len(GARMENT_NAMES)):
            for places in torch.split((labels == label).nonzero()[:, 0], _AT_A_TIME):
                if len(places):
                    images[places, 0] = _draw_class(label, len(places), generator)
    return images, labels
