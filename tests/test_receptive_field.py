"""Receptive fields against gradients and by hand, and the iteration over layers behind them."""

import pytest
import torch

from cnnbook._layers import as_pair, named_layers
from cnnbook.networks import small_cnn
from cnnbook.receptive_field import WindowStep, receptive_field


def test_an_output_of_the_lectures_cnn_depends_on_three_by_three_pixels() -> None:
    net = small_cnn()
    field = receptive_field(net[:3])
    assert field.size == (3, 3)
    assert field.jump == (2, 2)
    assert field.pixels(12, 0) == (range(24, 27), range(3))
    image = torch.rand(1, 1, 28, 28, requires_grad=True)
    # A large bias makes every ReLU active, so that every window has a gradient.
    with torch.no_grad():
        net[0].bias.fill_(100)  # type: ignore[operator]
    (gradient,) = torch.autograd.grad(net[:2](image)[0, :, 24:26, 0:2].sum(), image)
    assert gradient[0, 0].nonzero().tolist() == [[r, c] for r in (24, 25, 26) for c in (0, 1, 2)]


def test_padding_at_the_top_and_left_moves_the_start() -> None:
    field = receptive_field([torch.nn.Conv2d(1, 1, 5, padding="same"), torch.nn.ReLU()])
    assert field.start == (-2, -2)
    even = receptive_field([torch.nn.Conv2d(1, 1, 4, padding="same", dilation=(1, 3))])
    assert even.start == (-1, -4)
    assert receptive_field([torch.nn.Conv2d(1, 1, 3, padding="valid")]).start == (0, 0)
    assert receptive_field([torch.nn.ZeroPad2d((1, 2, 3, 4))]).start == (-3, -1)
    assert "Conv2d" in str(field)
    assert field._repr_html_().count("<tr>") == 1 + 3


def test_nested_layers_have_their_full_names() -> None:
    inner = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3), torch.nn.MaxPool2d(2, ceil_mode=True))
    field = receptive_field(torch.nn.Sequential(inner, torch.nn.AvgPool2d(2)))
    assert [row.name for row in field.rows] == [
        "input",
        "0.0 Conv2d",
        "0.1 MaxPool2d",
        "1 AvgPool2d",
    ]
    assert field.size == (6, 6)


def test_layers_without_windows_are_refused() -> None:
    for layer in (torch.nn.Linear(2, 2), torch.nn.Flatten()):
        name = type(layer).__name__
        with pytest.raises(ValueError, match=rf"^steps: expected conv.*got '1 {name}'; pass only"):
            receptive_field([torch.nn.ReLU(), layer])
    for bad in (3, None):
        with pytest.raises(TypeError, match=rf"^steps: expected layers of .*, got {bad} at 0$"):
            receptive_field([bad])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"^steps: expected a torch.nn.Sequential or a list of"):
        receptive_field(torch.nn.ReLU())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^kernel_size: expected at least 1, got 0"):
        receptive_field([WindowStep(0)])


@pytest.mark.parametrize(
    "layer",
    [
        torch.nn.GroupNorm(1, 1),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Upsample(scale_factor=2),
        torch.nn.ReflectionPad2d(1),
        torch.nn.Conv1d(1, 1, 1),
        torch.nn.BatchNorm1d(1),
        torch.nn.BatchNorm2d(1, track_running_stats=False),
        torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_whose_outputs_depend_on_other_pixels_are_refused(layer: torch.nn.Module) -> None:
    with pytest.raises(ValueError, match=rf"^steps: .*got '0 {type(layer).__name__}'.*; pass only"):
        receptive_field([layer])


class _Dilated(torch.nn.Conv2d):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images[:, :, ::2, ::2])


def test_layers_that_torch_would_refuse_or_that_compute_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^steps: '0 MaxPool2d' has padding 2, but torch accepts"):
        receptive_field([torch.nn.MaxPool2d(2, padding=2)])
    with pytest.raises(ValueError, match=r"^steps: '0 _Dilated' has a forward of its own"):
        receptive_field([_Dilated(1, 1, 3)])
    with pytest.raises(ValueError, match=r"^steps: '0 LazyConv2d' is lazy and has no sizes yet"):
        receptive_field([torch.nn.LazyConv2d(1, 3)])
    message = (
        r"^steps: expected layers that fit together, but '2 PReLU' accepts 4 channels and gets 3"
    )
    with pytest.raises(ValueError, match=message):
        receptive_field([torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU(), torch.nn.PReLU(4)])
    hooked = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3))
    hooked.register_forward_hook(lambda _, __, output: output)
    with pytest.raises(ValueError, match=r"^steps: expected a torch.nn.Sequential as it is, but"):
        receptive_field(hooked)
    with pytest.raises(ValueError, match=r"^padding: expected at least 0, got -1"):
        receptive_field([torch.nn.ZeroPad2d(-1)])


def test_a_layer_that_is_used_twice_has_two_steps() -> None:
    pool = torch.nn.MaxPool2d(2)
    assert receptive_field(torch.nn.Sequential(pool, torch.nn.ReLU6(), pool)).size == (4, 4)


def test_layers_are_yielded_in_order_with_the_names_that_torch_gives_them() -> None:
    inner = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Sequential(torch.nn.Tanh()))
    net = torch.nn.Sequential(torch.nn.Flatten(), inner, torch.nn.Linear(2, 2))
    named = list(named_layers(net))
    assert [name for name, _ in named] == ["0", "1.0", "1.1.0", "2"]
    assert all(net.get_submodule(name) is layer for name, layer in named)
    assert [name for name, _ in named_layers([net[0], inner])] == ["0", "1.0", "1.1.0"]


def test_an_option_is_a_pair_whether_torch_keeps_it_as_one_or_not() -> None:
    assert as_pair(3) == (3, 3)
    assert as_pair((1, 2)) == (1, 2)
