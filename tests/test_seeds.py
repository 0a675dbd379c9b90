"""Many starts: each as if trained alone, and nothing done twice."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from cnnbook.garments import draw_garments
from cnnbook.images import ImageSet
from cnnbook.networks import small_cnn
from cnnbook.scoring import accuracy, mean_interval, predict_scores
from cnnbook.seeds import SeedResults, compare_over_seeds
from cnnbook.training import Interrupted, fit_full_batch


@pytest.fixture(scope="module")
def data() -> ImageSet:
    train = draw_garments(40, generator=torch.Generator().manual_seed(1))
    test = draw_garments(30, generator=torch.Generator().manual_seed(2))
    return ImageSet(*train, *test, tuple("0123456789"), "drawn", True)


def _net() -> torch.nn.Module:
    return small_cnn(channels=4)


def test_each_seed_is_trained_as_if_alone(data: ImageSet) -> None:
    random = torch.get_rng_state()
    results = compare_over_seeds(_net, data, [3, 1], epochs=20, device="cpu")
    assert torch.equal(torch.get_rng_state(), random)
    assert results.seeds == (3, 1)
    for seed, share, history in zip(
        results.seeds, results.accuracies, results.histories, strict=True
    ):
        torch.manual_seed(seed)
        net = _net()
        alone = fit_full_batch(net, data.train_images, data.train_labels, epochs=20, device="cpu")
        assert history.losses == alone.losses
        assert history.seed == seed
        assert share == accuracy(predict_scores(net, data.test_images), data.test_labels)
    # A title, a rule, two seeds, a rule, the means, the interval.
    assert len(str(results).splitlines()) == 7
    assert results.interval() == mean_interval(results.accuracies)
    assert str(results).endswith(f"accuracy: {results.interval()}")
    assert results._repr_html_().count("<tr>") == 4
    one = SeedResults(results.seeds[:1], results.accuracies[:1], results.histories[:1])
    assert "interval" not in str(one)


def test_what_is_done_is_left_out_and_what_is_half_done_goes_on(
    data: ImageSet, tmp_path: Path
) -> None:
    call: dict[str, Any] = {"epochs": 9, "device": "cpu"}
    whole = compare_over_seeds(_net, data, range(3), **call)
    steps = 0

    def make_adam(parameters: Sequence[torch.nn.Parameter]) -> torch.optim.Optimizer:
        adam = torch.optim.Adam(parameters)

        def count(*_: object) -> None:
            nonlocal steps
            steps += 1
            if steps == 9 + 4:
                signal.raise_signal(signal.SIGINT)

        adam.register_step_post_hook(count)
        return adam

    call |= {"folder": tmp_path / "runs", "make_optimizer": make_adam}
    with pytest.raises(Interrupted, match=r"^SIGINT after epoch 4 of 9; it goes on from .*seed-1"):
        compare_over_seeds(_net, data, range(3), **call)
    again = compare_over_seeds(_net, data, range(3), **call)
    assert steps == 3 * 9, "no update was taken twice"
    assert again.accuracies == whole.accuracies
    assert [one.losses for one in again.histories] == [one.losses for one in whole.histories]


def test_the_table() -> None:
    assert str(SeedResults((), (), ())) == "no seed"


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"make_net": "net"}, TypeError, r"^make_net: expected a function"),
        ({"make_net": lambda: "net"}, TypeError, r"^make_net: expected a network, got str"),
        ({"data": torch.zeros(3)}, TypeError, r"^data: expected an ImageSet, got Tensor"),
        ({"seeds": 3}, TypeError, r"^seeds: expected several whole numbers, got 3; write range"),
        ({"seeds": "12"}, TypeError, r"^seeds: expected several whole numbers, got '12'"),
        ({"seeds": []}, ValueError, r"^seeds: expected at least one, got none"),
        ({"seeds": [1.5]}, TypeError, r"^seeds: expected a whole number, got 1.5"),
        ({"seeds": [-1]}, ValueError, r"^seeds: expected at least 0, got -1"),
        ({"seeds": [1, 2, 1]}, ValueError, r"^seeds: expected each once"),
        ({"folder": 3}, TypeError, r"^folder: expected the path of a folder, got 3"),
        ({"make_optimizer": 3}, TypeError, r"^make_optimizer: expected a function, got 3"),
        ({"epochs": 0}, ValueError, r"^epochs: expected at least 1"),
    ],
)
def test_mistakes_are_named(
    data: ImageSet, changed: dict[str, Any], kind: type[Exception], message: str
) -> None:
    call: dict[str, Any] = {"make_net": _net, "data": data, "seeds": [0], "device": "cpu"}
    with pytest.raises(kind, match=message):
        compare_over_seeds(**(call | changed))
