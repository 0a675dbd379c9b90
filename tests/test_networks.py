"""The lecture's networks, the MLP of a given size, and modes that are preserved."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from cnnbook.networks import matched_mlp, mlp, preserve_mode, small_cnn


def _count(net: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_the_networks_are_the_lectures() -> None:
    torch.manual_seed(1)
    lectures_mlp = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(784, 2048),
        torch.nn.ReLU(),
        torch.nn.Linear(2048, 10),
    )
    lectures_cnn = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 2),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(2704, 10),
    )
    torch.manual_seed(1)
    for lectures, ours in ((lectures_mlp, mlp()), (lectures_cnn, small_cnn())):
        assert str(lectures) == str(ours)
        for a, b in zip(lectures.parameters(), ours.parameters(), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("make", [mlp, small_cnn])
def test_other_sizes(make: Any) -> None:
    net = make(image_shape=(3, 19, 16), classes=4)
    assert net(torch.zeros(2, 3, 19, 16)).shape == (2, 4)


def test_the_matched_mlp_is_the_nearest() -> None:
    assert _count(matched_mlp(27_130)) == 34 * (784 + 1) + 10 * (34 + 1) == 27_040
    shape, classes = (2, 3, 2), 3
    counts = {width: _count(mlp(image_shape=shape, hidden=width, classes=classes))
              for width in range(1, 20)}  # fmt: skip
    assert counts[2] - counts[1] == 2 * 3 * 2 + 1 + 3 == 16
    ties = 0
    for parameters in range(18, 250):
        net = matched_mlp(parameters, image_shape=shape, classes=classes)
        distances = {width: abs(count - parameters) for width, count in counts.items()}
        nearest = min(distances.values())
        best = [width for width, distance in distances.items() if distance == nearest]
        assert net.get_submodule("1").out_features == best[0], parameters
        ties += len(best) == 2
    assert ties > 10
    with pytest.raises(ValueError, match=r"^parameters: expected about 19 or more, which one "):
        matched_mlp(17, image_shape=shape, classes=classes)


@pytest.mark.parametrize(
    "call",
    [
        lambda: mlp(hidden=10**9),
        lambda: mlp(image_shape=(1, 10**5, 10**5), hidden=1),
        lambda: mlp(classes=2 * 10**9),
        lambda: small_cnn(channels=10**8),
        lambda: small_cnn(image_shape=(3, 40_000, 40_000)),
        lambda: matched_mlp(2 * 10**9),
    ],
)
def test_networks_that_are_too_large_are_refused(call: Callable[[], object]) -> None:
    message = r"^\w+: expected a network of at most 1,000,000,000 parameters, got [\d,]+; choose"
    with pytest.raises(ValueError, match=message):
        call()


def test_modes_are_restored_even_after_an_error() -> None:
    net = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.BatchNorm2d(1), torch.nn.ReLU())
    net[1].eval()

    def fail(training: bool) -> None:
        with preserve_mode(net, training=training):
            assert [module.training for module in net.modules()] == [training] * 4
            raise KeyError

    for training in (True, False):
        with pytest.raises(KeyError):
            fail(training)
        assert [module.training for module in net.modules()] == [True, True, False, True]


@pytest.mark.parametrize("bad", [None, 3, "net", torch.zeros(1), torch.nn.ReLU])
def test_only_a_network_has_a_mode(bad: Any) -> None:
    with pytest.raises(TypeError, match=r"^net: expected a torch.nn.Module, got \w+$"):
        preserve_mode(bad, training=True).__enter__()


@pytest.mark.parametrize("bad", [None, 0, 1, "no", torch.tensor(True)])
def test_a_mode_is_true_or_false(bad: Any) -> None:
    with pytest.raises(TypeError, match=r"^training: expected True or False, got "):
        preserve_mode(mlp(hidden=1), training=bad).__enter__()
