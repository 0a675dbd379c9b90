"""The content of figures of images and windows: the numbers, colours and limits."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from cnnbook import figures
from cnnbook.convolution import conv2d
from cnnbook.figures._drawing import SIGNED_COLORMAP

IMAGE = torch.arange(16.0).reshape(1, 1, 4, 4)
MEAN = torch.full((1, 1, 2, 2), 0.25)


def boxes(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_images_shows_every_pixel_of_every_image() -> None:
    images = torch.rand(5, 1, 3, 4)
    figure = figures.plot_images(images, columns=2)
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(shown) == 5
    for got, image in zip(shown, images, strict=True):
        assert got is not None
        assert torch.equal(torch.as_tensor(got.data), image[0])
    assert len(figure.axes) == 6, "three rows of two"
    assert [axes.get_visible() for axes in figure.axes] == [True] * 5 + [False]


def test_images_takes_a_tensor_with_a_gradient() -> None:
    figures.plot_images(torch.rand(1, 1, 2, 2, requires_grad=True))


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (torch.zeros(1, 3, 4, 4), ValueError, r"\(n, 1, h, w\)"),
        (torch.zeros(0, 1, 4, 4), ValueError, "at least one image"),
        (torch.zeros(4, 4), ValueError, r"\(4, 4\)"),
        ([[0.0]], TypeError, "list"),
    ],
)
def test_images_refuses(images: torch.Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        figures.plot_images(images)


def test_window_writes_the_numbers_that_conv2d_gives() -> None:
    figure = figures.plot_window(IMAGE, MEAN, torch.tensor([1.0]), row=2, column=0)
    pixels, kernel, bias, output = (
        [float(text.get_text()) for text in axes.texts] for axes in figure.axes
    )
    assert bias == [1]
    assert pixels == IMAGE.flatten().tolist()
    assert kernel == MEAN.flatten().tolist()
    assert output == conv2d(IMAGE, MEAN, torch.tensor([1.0])).flatten().tolist()
    assert figure.get_supxlabel() == "0.25*8 + 0.25*9 + 0.25*12 + 0.25*13 + 1 = 11.5"
    assert [text.get_text() for text in figure.texts if len(text.get_text()) == 1] == [
        "×",
        "+",
        "=",
    ]


def test_window_breaks_a_sum_that_is_wider_than_the_figure() -> None:
    image = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    weight = torch.tensor([[[[-0.1733, -0.4235], [0.1802, 0.4668]]]])
    figure = figures.plot_window(image, weight, torch.tensor([0.2037]), row=0, column=0)
    figure.draw_without_rendering()
    (message,) = (text for text in figure.texts if " = " in text.get_text())
    first, second = message.get_text().splitlines()
    assert first == "(-0.1733)*0 + (-0.4235)*1 + 0.1802*2 +"
    assert second == "0.4668*3 + 0.2037 = 1.541"
    assert message.get_window_extent().x0 >= 0
    assert message.get_window_extent().x1 <= figure.bbox.width


def test_window_marks_the_window() -> None:
    figure = figures.plot_window(IMAGE, MEAN, row=2, column=1)
    marked = [
        [
            (*box.get_xy(), box.get_width(), box.get_height())
            for box in boxes(axes)
            if box.get_linewidth() > 2
        ]
        for axes in figure.axes
    ]
    assert marked == [[(1, 2, 2, 2)], [(0, 0, 2, 2)], [(1, 2, 1, 1)]]


def test_window_refuses_what_it_cannot_show() -> None:
    with pytest.raises(ValueError, match="one grey image"):
        figures.plot_window(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 2, 2), row=0, column=0)


def test_nothing_is_shown() -> None:
    plt.close("all")
    figures.plot_curves({"loss": {"a": [1.0]}})
    assert plt.get_backend().lower() == "agg"
    assert len(plt.get_fignums()) == 1


def test_conv_options_mark_the_pixels_of_two_windows() -> None:
    settings = {"both": {"padding": 1, "stride": 2}, "far": {"dilation": 2}}
    figure = figures.plot_conv_options(5, 2, settings)
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


def test_conv_options_show_a_single_window_and_hide_what_is_empty() -> None:
    figure = figures.plot_conv_options(2, 2, {"a": {}, "b": {}, "c": {}})
    assert [axes.get_visible() for axes in figure.axes] == [True, True, True, False]
    assert not figure.axes[0].collections
    with pytest.raises(TypeError, match="ceil"):
        figures.plot_conv_options(2, 2, {"a": {"ceil": 1}})


def test_conv_matrix_lose_no_entry_of_a_large_matrix() -> None:
    large = torch.zeros(500, 1000)
    large[137, 613] = -1.0
    figure = figures.plot_conv_matrix({"large": large, "sparse": large.to_sparse()})
    for axes in figure.axes:
        drawn = torch.as_tensor(np.asarray(axes.images[0].get_array()))
        assert drawn.shape == (100, 112)
        assert drawn.nonzero().tolist() == [[137 // 5, 613 // 9]]
        assert axes.get_xlabel() == "1 of 500,000 entries,\n0.0002 %"


def test_conv_matrix_give_equal_numbers_equal_colours() -> None:
    few = torch.tensor([[3.0, 0.0, 5.0], [5.0, 3.0, -1.0]])
    many = torch.arange(9.0).reshape(3, 3)
    figure = figures.plot_conv_matrix({"few": few, "many": many})
    drawn = [np.asarray(axes.images[0].get_array()).tolist() for axes in figure.axes]
    assert drawn[0] == [[2, 0, 3], [3, 2, 1]]
    assert drawn[1] == [[0, 1, 1], [1, 1, 1], [1, 1, 1]]


def test_equivariance_shows_the_corners_in_reading_order() -> None:
    corners = [torch.rand(1, 1, 3, 3) + index for index in range(3)]
    figure = figures.plot_equivariance([*corners, -corners[0]], across="a", down="b")
    for axes, corner in zip(figure.axes, [*corners, -corners[0]], strict=True):
        shown = axes.images[0].get_array()
        assert shown is not None
        assert torch.equal(torch.as_tensor(shown.data), corner[0, 0])
    lowest = [axes.images[0].get_clim()[0] for axes in figure.axes]
    assert lowest[:3] == [0, 0, 0]
    assert lowest[3] == pytest.approx(-float(corners[0].max()))
    colours = [axes.images[0].get_cmap().name for axes in figure.axes]
    assert colours == ["gray", "gray", "gray", SIGNED_COLORMAP.name], "one colour for one sign"
    left, right = figure.axes[0].get_position(), figure.axes[1].get_position()
    assert left.x1 < right.x0
    assert left.y0 == right.y0


def test_pooling_shift_write_the_largest_of_each_window() -> None:
    strip = torch.tensor([1.0, 2.0, 3.0, 6.0, 5.0, 4.0])
    figure = figures.plot_pooling_shift({"strip": strip}, size=3)
    assert [text.get_text() for text in figure.axes[1].texts] == ["3", "6"]
    marked = [box.get_xy() for box in boxes(figure.axes[0]) if box.get_linewidth() > 2]
    assert marked == [(0, 0), (3, 0)]


@pytest.mark.parametrize("strips", [{}, {"a": torch.zeros(1, 2)}, {"a": torch.zeros(0)}])
def test_pooling_shift_refuses(strips: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match=r"^strips: expected (rows|at least one name with a row)"):
        figures.plot_pooling_shift(strips)


def test_feature_maps_share_one_scale_around_zero() -> None:
    features = torch.tensor([[[[-4.0, 0.0]], [[1.0, 2.0]], [[0.0, 0.5]]]], requires_grad=True)
    figure = figures.plot_feature_maps(features, titles=["a", "b", "c"], columns=2)
    shown = [axes for axes in figure.axes if axes.images]
    assert {axes.images[0].get_clim() for axes in shown} == {(-4.0, 4.0)}
    assert [axes.get_title() for axes in shown] == ["a", "b", "c"]
    signed = shown[0].images[0].get_cmap()
    ends = [tuple(signed(value)[:3]) for value in (0.0, 1.0)]
    assert ends == [to_rgb(figures.COLOURS[1]), to_rgb(figures.COLOURS[0])]
    assert min(signed(0.5)[:3]) > 0.98, "white at 0"


def test_feature_maps_of_zeros_and_of_no_channel() -> None:
    figure = figures.plot_feature_maps(torch.zeros(1, 1, 2, 2))
    assert figure.axes[0].images[0].get_clim() == (-1.0, 1.0)
    with pytest.raises(ValueError, match="at least one channel"):
        figures.plot_feature_maps(torch.zeros(1, 0, 2, 2))


def test_number_grids_are_coloured_by_sign_in_cells_of_one_size() -> None:
    grids = {"one": torch.tensor([[-1.0, 0.0, 2.0]]), "two": torch.ones(3, 2)}
    figure = figures.plot_number_grids(grids)
    tints = [box for box in boxes(figure.axes[0]) if box.get_alpha()]
    assert [box.get_xy() for box in tints] == [(0, 0), (2, 0)]
    assert [to_rgb(box.get_facecolor()[:3]) for box in tints] == [
        to_rgb(figures.COLOURS[1]),
        to_rgb(figures.COLOURS[0]),
    ]
    figure.draw_without_rendering()
    cells = {
        round(box.get_window_extent().height, 3)
        for axes in figure.axes
        for box in boxes(axes)
        if not box.get_alpha()
    }
    assert len(cells) == 1, "cells of one size"
    with pytest.raises(ValueError, match="at least one name with a grid"):
        figures.plot_number_grids({})


def test_feature_table_writes_each_image_through_each_kernel() -> None:
    images = torch.arange(32.0).reshape(2, 1, 4, 4)
    weight = torch.stack([torch.ones(1, 3, 3), torch.zeros(1, 3, 3), -torch.ones(1, 3, 3)])
    figure = figures.plot_feature_table(
        images, weight, image_titles=["a", "b"], kernel_titles=["x", "y", "z"]
    )
    written = [
        [text if text in "×=" else float(text) for text in (one.get_text() for one in axes.texts)]
        for axes in figure.axes
    ]
    features = conv2d(images, weight)
    assert written[:5] == [["×"], [], *[kernel.flatten().tolist() for kernel in weight]]
    for row in (0, 1):
        line = written[5 * (row + 1) : 5 * (row + 2)]
        assert line == [
            images[row].flatten().tolist(),
            ["="],
            *[features[row, kernel].flatten().tolist() for kernel in range(3)],
        ]
    titles = [axes.get_title() for axes in figure.axes]
    assert [title for title in titles if title] == ["x", "y", "z", "a", "b"]


def test_feature_table_refuses_what_it_cannot_show() -> None:
    image, weight = torch.zeros(1, 1, 2, 2), torch.ones(2, 1, 1, 1)
    with pytest.raises(ValueError, match="kernel_titles: expected one for each of the 2 kernels"):
        figures.plot_feature_table(image, weight, image_titles=["a"], kernel_titles=["x"])
    with pytest.raises(ValueError, match="at least one image"):
        figures.plot_feature_table(image[:0], weight, image_titles=[], kernel_titles=["x", "y"])


def test_pooling_frames_windows_and_hatches_pixels_in_none() -> None:
    figure = figures.plot_pooling(torch.arange(25.0).reshape(1, 1, 5, 5))
    before, after = figure.axes
    assert [text.get_text() for text in after.texts] == ["6", "8", "16", "18"]
    crossed = {box.get_xy() for box in boxes(before) if box.get_hatch()}
    assert crossed == {(4, i) for i in range(5)} | {(i, 4) for i in range(5)}
    kept = {box.get_xy() for box in boxes(before) if box.get_alpha()}
    assert kept == {(1, 1), (3, 1), (1, 3), (3, 3)}
    frames = [[box for box in boxes(axes) if box.get_linewidth() > 2] for axes in (before, after)]
    assert [len(found) for found in frames] == [4, 4]
    for window, pixel in zip(*frames, strict=True):
        assert window.get_edgecolor() == pixel.get_edgecolor()


def test_overlap_adds_up_the_parts() -> None:
    parts = torch.zeros(2, 1, 2, 2)
    parts[0, 0, 0], parts[1, 0, :, 1] = 1, 5
    figure = figures.plot_overlap(parts)
    written = [
        {text.get_position(): float(text.get_text()) for text in axes.texts} for axes in figure.axes
    ]
    assert sorted(map(len, written)) == [2, 2, 3]
    assert {(0.5, 0.5): 1, (1.5, 0.5): 6, (1.5, 1.5): 5} in written


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ([[1.0]], TypeError, "list"),
        (torch.ones(2, 2), ValueError, r"\(oh, ow, h, w\)"),
        (torch.ones(0, 1, 2, 2), ValueError, r"\(0, 1, 2, 2\)"),
    ],
)
def test_overlap_refuses(parts: torch.Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        figures.plot_overlap(parts)


def test_receptive_field_shows_every_gradient_however_small() -> None:
    image = torch.zeros(1, 1, 3, 3)
    image[0, 0, 0, 0], image[0, 0, 1, 2] = 1, 1e-9
    figure = figures.plot_receptive_field(image, [(range(2), range(3))], margin=1)
    (axes,) = figure.axes
    shown = axes.images[0].get_array()
    assert shown is not None
    assert torch.equal(torch.as_tensor(shown.data) > 0.1, image[0, 0] > 0)
    (frame,) = boxes(axes)
    assert (*frame.get_xy(), frame.get_width(), frame.get_height()) == (-0.5, -0.5, 3, 2)
    assert axes.get_xlim() == (-1.5, 3.5)
    assert axes.get_ylim() == (2.5, -1.5), "row 0 is on top"


def test_receptive_field_takes_an_image_without_a_gradient() -> None:
    figure = figures.plot_receptive_field(torch.zeros(1, 1, 3, 3), [(range(1), range(1))])
    shown = figure.axes[0].images[0].get_array()
    assert shown is not None
    assert not torch.as_tensor(shown.data).any()


def test_receptive_field_refuses() -> None:
    image, field = torch.ones(1, 1, 3, 3), (range(1), range(1))
    with pytest.raises(ValueError, match="no number below 0"):
        figures.plot_receptive_field(-image, [field])
    with pytest.raises(ValueError, match="titles: expected one"):
        figures.plot_receptive_field(image, [field], titles=["a", "b"])
    with pytest.raises(ValueError, match=r"\(n, 1, h, w\)"):
        figures.plot_receptive_field(torch.ones(1, 2, 3, 3), [field])
    with pytest.raises(ValueError, match="margin"):
        figures.plot_receptive_field(image, [field], margin=-1)


def test_receptive_field_growth_starts_with_the_input() -> None:
    figure = figures.plot_receptive_field_growth({"a": [1, 3, 5], "b": [1, 40]}, image_size=28)
    line, *networks = figure.axes[0].lines
    assert set(np.asarray(line.get_ydata()).tolist()) == {28}
    points = [np.asarray(one.get_xydata()).T.tolist() for one in networks]
    assert points == [[[0, 1, 2], [1, 3, 5]], [[0, 1], [1, 40]]]
    assert len({one.get_marker() for one in networks}) == 2, "distinct without colour"


def test_receptive_field_growth_refuses_a_size_below_one() -> None:
    with pytest.raises(ValueError, match=r"^sizes: expected at least 1, got 0"):
        figures.plot_receptive_field_growth({"a": [0, 1]}, image_size=28)
    with pytest.raises(ValueError, match="image_size"):
        figures.plot_receptive_field_growth({"a": [1]}, image_size=0)


def test_map_rows_have_white_at_zero_and_a_scale_of_their_own() -> None:
    x = torch.tensor([[[[-2.0, 0.0]]], [[[1.0, 1.0]]]])
    y = torch.tensor([[[[0.5, 0.0]]], [[[0.0, 0.25]]]])
    images = torch.rand(2, 1, 3, 4)
    figure = figures.plot_map_rows(images, {"x": x, "y": y}, titles=["a", "b"], outline=False)
    shown = [axes.images[0] for axes in figure.axes if axes.images]
    assert [image.get_clim() for image in shown[2:]] == [(-2, 2)] * 2 + [(-0.5, 0.5)] * 2
    below, zero, above = shown[2].to_rgba(np.array([[-2.0, 0.0, 2.0]]))[0, :, :3]
    assert zero == pytest.approx(np.ones(3), abs=0.01)
    assert tuple(below) == pytest.approx(to_rgb(figures.COLOURS[1]))
    assert tuple(above) == pytest.approx(to_rgb(figures.COLOURS[0]))
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "", "", "", ""]
    bars = [scale for axes in figure.axes for scale in axes.child_axes]
    scales = [[text.get_text() for text in bar.get_yticklabels()] for bar in bars]
    assert scales == [["-2", "0", "2"], ["-0.5", "0", "0.5"]]
    assert not any(axes.collections for axes in figure.axes), "no outline"
    with_outline = figures.plot_map_rows(images, {"x": x})
    assert [bool(axes.collections) for axes in with_outline.axes] == [False] * 2 + [True] * 2


def test_map_rows_put_a_map_in_the_middle_of_its_image() -> None:
    images, few = torch.rand(2, 1, 8, 6), torch.tensor([[[[-3.0]]], [[[2.0]]]])
    figure = figures.plot_map_rows(images, {"a": torch.rand(2, 1, 4, 3), "b": few}, stride=2)
    assert len(figure.axes) == 6
    first, second = figure.axes[2], figure.axes[4]
    assert tuple(first.images[0].get_extent()) == (-0.5, 5.5, 7.5, -0.5)
    assert tuple(second.images[0].get_extent()) == (1.5, 3.5, 4.5, 2.5)
    assert second.images[0].get_clim() == figure.axes[5].images[0].get_clim() == (-3, 3)
    assert second.get_ylabel() == "b"
    assert figure.axes[5].get_ylabel() == ""
    assert first.get_xlim() == (-0.5, 5.5)
    assert first.get_ylim() == (7.5, -0.5), "row 0 is on top"


def test_map_rows_take_an_image_without_an_outline() -> None:
    figure = figures.plot_map_rows(torch.ones(1, 1, 3, 3), {"a": torch.zeros(1, 1, 3, 3)})
    assert not figure.axes[1].collections
    figures.plot_map_rows(torch.eye(3)[None, None, :1], {"a": torch.zeros(1, 1, 1, 3)})


def test_map_rows_refuse() -> None:
    image = torch.ones(1, 1, 3, 3)
    with pytest.raises(ValueError, match=r"^maps: expected at least one name with maps"):
        figures.plot_map_rows(image, {})
    with pytest.raises(ValueError, match=r"^a: expected \(1, 1, rows, columns\)"):
        figures.plot_map_rows(image, {"a": torch.ones(1, 2, 3, 3)})
    with pytest.raises(ValueError, match=r"^titles: expected one for each"):
        figures.plot_map_rows(image, {"a": image}, titles=["a", "b"])
