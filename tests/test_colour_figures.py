"""Figures of colour images: the colours and numbers that are drawn, and what is refused."""

import pytest
import torch

from cnnbook import figures
from cnnbook.figures import alt_text
from cnnbook.figures.colour import _name_colour


def test_a_colour_image_is_drawn_with_its_own_colours() -> None:
    images = torch.zeros(2, 3, 2, 4)
    images[0, 0, 0, 1] = 1  # Red, in row 0 and column 1.
    images[1, 2, 1, 3] = 0.5  # A darker blue, in row 1 and column 3.
    panels = figures.plot_colour_images(images, titles=["a", "b"]).axes
    assert [axes.get_title() for axes in panels] == ["a", "b"]
    first, second = (axes.images[0].get_array() for axes in panels)
    assert first is not None
    assert second is not None
    assert first.shape == (2, 4, 3)
    assert first[0, 1].tolist() == [1, 0, 0]
    assert second[1, 3].tolist() == [0, 0, 0.5]
    assert (first.sum(), second.sum()) == (1, 0.5)


def test_images_stand_in_rows_and_the_last_places_stay_empty() -> None:
    figure = figures.plot_colour_images(torch.rand(3, 3, 2, 2, requires_grad=True), columns=2)
    assert [axes.get_visible() for axes in figure.axes] == [True, True, True, False]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 1, 2, 2), r"expected \(n, 3, h, w\) with at least one image, got \(1, 1"),
        (torch.zeros(1, 2, 2, 3), r"expected \(n, 3, h, w\)"),
        (torch.zeros(0, 3, 2, 2), r"at least one image"),
        (torch.full((1, 3, 2, 2), 255.0), r"0 to 1, got 255 to 255; divide bytes by 255$"),
        (torch.full((1, 3, 2, 2), -1.0), r"0 to 1, got -1 to -1$"),
        (torch.full((1, 3, 2, 2), float("nan")), r"expected finite numbers"),
    ],
)
def test_what_is_no_colour_image_is_refused(images: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^images: .*{message}"):
        figures.plot_colour_images(images)


@pytest.mark.parametrize(
    ("pixel", "name"),
    [
        ((1, 0, 0), "red"),
        ((0, 0.6, 0.1), "green"),
        ((0.2, 0.3, 0.9), "blue"),
        ((1, 0.8, 0), "yellow"),
        ((0, 1, 1), "cyan"),
        ((0.9, 0, 0.9), "magenta"),
        ((0, 0, 0.1), "black"),
        ((0.5, 0.5, 0.6), "grey"),
        ((1, 1, 0.9), "white"),
    ],
)
def test_colours_are_named(pixel: tuple[float, float, float], name: str) -> None:
    assert _name_colour(torch.tensor(pixel)) == name


def test_long_lines_of_colours_are_cut() -> None:
    image = torch.zeros(1, 3, 1, 8)
    image[:, 0, :, ::2] = 1
    text = alt_text(figures.plot_colour_images(image))
    assert "; red, black, red, black, red, black, ...." in text


def test_the_sum_over_channels_is_that_of_torch() -> None:
    image = torch.arange(1.0, 28).reshape(1, 3, 3, 3) % 5
    weight = torch.tensor([1.0, 0, 0, -1, 0, 2, 1, 0, 1, 1, 1, 1]).reshape(1, 3, 2, 2)
    figure = figures.plot_channel_sum(image, weight)
    drawn = {
        axes.get_title(): [float(text.get_text()) for text in axes.texts]
        for axes in figure.axes
        if axes.get_title()
    }
    expected = torch.nn.functional.conv2d(image, weight).flatten().tolist()
    assert drawn["sum"] == expected
    parts = [drawn[f"result, {name}"] for name in ("red", "green", "blue")]
    assert [sum(numbers) for numbers in zip(*parts, strict=True)] == expected
    assert drawn["green"] == image[0, 1].flatten().tolist()
    assert drawn["kernel, blue"] == weight[0, 2].flatten().tolist()


def test_signs_say_how_the_grids_of_a_channel_sum_belong_together() -> None:
    figure = figures.plot_channel_sum(torch.ones(1, 3, 3, 3), torch.ones(1, 3, 2, 2))
    figure.draw_without_rendering()
    middles = {axes.get_title(): axes.bbox.get_points().mean(axis=0) for axes in figure.axes}
    signs = [
        (text.get_text(), text.get_window_extent().get_points().mean(axis=0))
        for axes in figure.axes
        if not axes.get_title()
        for text in axes.texts
    ]
    assert [sign for sign, _ in signs] == ["×", "=", "+", "×", "=", "+", "×", "=", "="]
    for row, name in enumerate(("red", "green", "blue")):
        (_, times), (_, equals), (_, below) = signs[3 * row : 3 * row + 3]
        kernel, result = middles[f"kernel, {name}"], middles[f"result, {name}"]
        assert middles[name][0] < times[0] < kernel[0] < equals[0] < result[0]
        assert abs(times[1] - kernel[1]) < 5
        assert abs(equals[1] - kernel[1]) < 5
        next_title = ("result, green", "result, blue", "sum")[row]
        assert result[1] > below[1] > middles[next_title][1]
        assert abs(below[0] - result[0]) < 5


def test_only_one_image_and_one_kernel_of_three_channels_are_drawn() -> None:
    with pytest.raises(ValueError, match=r"^image: expected one colour image .* got \(2, 3, 2, 2"):
        figures.plot_channel_sum(torch.zeros(2, 3, 2, 2), torch.zeros(1, 3, 1, 1))
    with pytest.raises(ValueError, match=r"^weight: expected one kernel .* got \(1, 1, 1, 1"):
        figures.plot_channel_sum(torch.zeros(1, 3, 2, 2), torch.zeros(1, 1, 1, 1))
