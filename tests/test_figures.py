"""Figures: what is on them, since what they look like is for the eye."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from cnnbook import figures
from cnnbook.convolution import conv2d

IMAGE = torch.arange(16.0).reshape(1, 1, 4, 4)
MEAN = torch.full((1, 1, 2, 2), 0.25)


def boxes(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_image_grid_shows_every_pixel_of_every_image() -> None:
    images = torch.rand(5, 1, 3, 4)
    figure = figures.image_grid(images, columns=2)
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(shown) == 5
    for got, image in zip(shown, images, strict=True):
        assert got is not None
        assert torch.equal(torch.as_tensor(got.data), image[0])
    assert len(figure.axes) == 6, "three rows of two"
    assert [axes.get_visible() for axes in figure.axes] == [True] * 5 + [False]


def test_image_grid_takes_a_tensor_with_a_gradient() -> None:
    figures.image_grid(torch.rand(1, 1, 2, 2, requires_grad=True))


@pytest.mark.parametrize(
    ("images", "kind", "told"),
    [
        (torch.zeros(1, 3, 4, 4), ValueError, r"\(n, 1, h, w\)"),
        (torch.zeros(0, 1, 4, 4), ValueError, "at least one image"),
        (torch.zeros(4, 4), ValueError, r"\(4, 4\)"),
        ([[0.0]], TypeError, "list"),
    ],
)
def test_image_grid_refuses(images: torch.Tensor, kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        figures.image_grid(images)


def test_loss_curves_start_at_epoch_one() -> None:
    figure = figures.loss_curves({"a": [3.0, 2.0, 1.0], "b": [1.0]})
    lines = figure.axes[0].lines
    points = [np.asarray(line.get_xydata()).T.tolist() for line in lines]
    assert points == [[[1, 2, 3], [3, 2, 1]], [[1], [1]]]
    assert len({line.get_linestyle() for line in lines}) == 2, "told apart without colour"


def test_confusion_heatmaps_write_every_count_but_zeros() -> None:
    counts = torch.tensor([[50, 0, 3], [1, 40, 0], [0, 0, 7]])
    figure = figures.confusion_heatmaps({"net": counts}, class_names=["a", "b", "c"])
    written = {text.get_position(): int(text.get_text()) for text in figure.axes[0].texts}
    assert written == {(0, 0): 50, (2, 0): 3, (0, 1): 1, (1, 1): 40, (2, 2): 7}
    # Rows are the actual class, so the axis that says so is the vertical one.
    assert figure.axes[0].get_ylabel() == "actual class"
    assert figure.axes[0].get_xlabel() == "called"


def test_confusion_heatmaps_colour_mistakes_on_one_scale() -> None:
    few, many = torch.tensor([[9, 1], [0, 9]]), torch.tensor([[9, 6], [0, 9]])
    figure = figures.confusion_heatmaps({"few": few, "many": many}, class_names=["a", "b"])
    assert {axes.images[0].get_clim() for axes in figure.axes} == {(0.0, 6.0)}


def test_bars_are_as_long_as_their_numbers() -> None:
    figure = figures.bars({"one": {"a": 10, "b": 1000}, "two": {"a": 5}})
    widths = [[box.get_width() for box in boxes(axes)] for axes in figure.axes]
    assert widths == [[10, 1000], [5]]


def test_window_picture_writes_the_numbers_that_conv2d_gives() -> None:
    figure = figures.window_picture(IMAGE, MEAN, torch.tensor([1.0]), row=2, column=0)
    pixels, kernel, output = (
        [float(text.get_text()) for text in axes.texts] for axes in figure.axes
    )
    assert pixels == IMAGE.flatten().tolist()
    assert kernel == MEAN.flatten().tolist()
    assert output == conv2d(IMAGE, MEAN, torch.tensor([1.0])).flatten().tolist()
    assert figure.get_supxlabel() == "0.25*8 + 0.25*9 + 0.25*12 + 0.25*13 + 1 = 11.5"


def test_window_picture_marks_the_window() -> None:
    figure = figures.window_picture(IMAGE, MEAN, row=2, column=1)
    marked = [
        [
            (*box.get_xy(), box.get_width(), box.get_height())
            for box in boxes(axes)
            if box.get_linewidth() > 2
        ]
        for axes in figure.axes
    ]
    assert marked == [[(1, 2, 2, 2)], [(0, 0, 2, 2)], [(1, 2, 1, 1)]]


def test_window_picture_refuses_what_it_cannot_show() -> None:
    with pytest.raises(ValueError, match="one grey image"):
        figures.window_picture(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 2, 2), row=0, column=0)


def test_colours_can_be_told_apart_in_grey() -> None:
    """No two of the first four, which the pages use together, are equally bright."""
    grey = sorted(0.299 * r + 0.587 * g + 0.114 * b for r, g, b in map(to_rgb, figures.COLOURS[:4]))
    assert len(figures.COLOURS) == 7
    assert grey[-1] - grey[0] > 0.15


def test_nothing_is_shown() -> None:
    plt.close("all")
    figures.loss_curves({"a": [1.0]})
    assert plt.get_backend().lower() == "agg"
    assert len(plt.get_fignums()) == 1


def test_knob_panels_mark_the_pixels_of_two_windows() -> None:
    settings = {"both": {"padding": 1, "stride": 2}, "far": {"dilation": 2}}
    figure = figures.knob_panels(5, 2, settings)
    filled, dots = [], []
    for axes in figure.axes:
        filled.append(
            [box.get_xy() for box in boxes(axes) if box.get_facecolor()[:3] == to_rgb("#56B4E9")]
        )
        dots.append(np.asarray(axes.collections[0].get_offsets()).tolist())
    assert filled[0] == [(-1, -1), (0, -1), (-1, 0), (0, 0)]
    assert dots[0] == [[1.5, -0.5], [2.5, -0.5], [1.5, 0.5], [2.5, 0.5]]
    assert filled[1] == [(0, 0), (2, 0), (0, 2), (2, 2)]
    assert dots[1] == [[1.5, 0.5], [3.5, 0.5], [1.5, 2.5], [3.5, 2.5]]
    assert [axes.get_title() for axes in figure.axes] == ["both: 3 x 3", "far: 3 x 3"]
    hatched = [box for box in boxes(figure.axes[0]) if box.get_hatch()]
    assert len(hatched) == 7 * 7 - 5 * 5


def test_knob_panels_show_a_single_window_and_hide_what_is_empty() -> None:
    figure = figures.knob_panels(2, 2, {"a": {}, "b": {}, "c": {}})
    assert [axes.get_visible() for axes in figure.axes] == [True, True, True, False]
    assert not figure.axes[0].collections
    with pytest.raises(TypeError, match="ceil"):
        figures.knob_panels(2, 2, {"a": {"ceil": 1}})


def test_matrix_pictures_lose_no_entry_of_a_large_matrix() -> None:
    large = torch.zeros(500, 1000)
    large[137, 613] = -1.0
    figure = figures.matrix_pictures({"large": large, "sparse": large.to_sparse()})
    for axes in figure.axes:
        drawn = torch.as_tensor(np.asarray(axes.images[0].get_array()))
        assert drawn.shape == (100, 112)
        assert drawn.nonzero().tolist() == [[137 // 5, 613 // 9]]
        assert axes.get_xlabel() == "1 of 500,000 entries, 0.0002 %"


def test_matrix_pictures_give_equal_numbers_equal_colours() -> None:
    few = torch.tensor([[3.0, 0.0, 5.0], [5.0, 3.0, -1.0]])
    many = torch.arange(9.0).reshape(3, 3)
    figure = figures.matrix_pictures({"few": few, "many": many})
    drawn = [np.asarray(axes.images[0].get_array()).tolist() for axes in figure.axes]
    assert drawn[0] == [[2, 0, 3], [3, 2, 1]]
    assert drawn[1] == [[0, 1, 1], [1, 1, 1], [1, 1, 1]]


def test_two_ways_show_the_corners_in_reading_order() -> None:
    corners = [torch.rand(1, 1, 3, 3) + index for index in range(3)]
    figure = figures.two_ways([*corners, -corners[0]], across="a", down="b")
    for axes, corner in zip(figure.axes, [*corners, -corners[0]], strict=True):
        shown = axes.images[0].get_array()
        assert shown is not None
        assert torch.equal(torch.as_tensor(shown.data), corner[0, 0])
    lowest = [axes.images[0].get_clim()[0] for axes in figure.axes]
    assert lowest[:3] == [0, 0, 0]
    assert lowest[3] == pytest.approx(-float(corners[0].max()))
    left, right = figure.axes[0].get_position(), figure.axes[1].get_position()
    assert left.x1 < right.x0
    assert left.y0 == right.y0


def test_pooling_strips_write_the_largest_of_each_window() -> None:
    strip = torch.tensor([1.0, 2.0, 3.0, 6.0, 5.0, 4.0])
    figure = figures.pooling_strips({"strip": strip}, size=3)
    assert [text.get_text() for text in figure.axes[1].texts] == ["3", "6"]
    marked = [box.get_xy() for box in boxes(figure.axes[0]) if box.get_linewidth() > 2]
    assert marked == [(0, 0), (3, 0)]


@pytest.mark.parametrize("strips", [{}, {"a": torch.zeros(1, 2)}, {"a": torch.zeros(0)}])
def test_pooling_strips_refuse(strips: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="rows"):
        figures.pooling_strips(strips)
