"""The trainer against the lecture's loop, and its errors for wrong arguments."""

import copy
import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch

from cnnbook.images import draw_garments
from cnnbook.networks import mlp, small_cnn
from cnnbook.training import History, best_device, fit_full_batch


def lecture_loop(
    net: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epochs: int,
    loss_fn: Any = None,
    optimizer: torch.optim.Optimizer | None = None,
) -> list[float]:
    """Train as the lecture does, and keep the losses."""
    loss_fn = loss_fn or torch.nn.CrossEntropyLoss()
    optimizer = optimizer or torch.optim.Adam(net.parameters())
    losses = []
    for _ in range(1, epochs + 1):
        # 1
        scores = net(images)
        # 2
        loss = loss_fn(scores, labels)
        # 3
        loss.backward()
        # 4
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


@pytest.fixture(scope="module")
def garments() -> tuple[torch.Tensor, torch.Tensor]:
    return draw_garments(300, generator=torch.Generator().manual_seed(5))


def _tiny() -> torch.nn.Sequential:
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))


def _batch(n: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    images = torch.rand(n, 1, 2, 2, generator=generator)
    return images, torch.randint(0, 3, (n,), generator=generator)


@pytest.mark.parametrize("make", [mlp, small_cnn])
@pytest.mark.parametrize("one_hot", [True, False])
def test_losses_are_the_lectures(
    make: Callable[[], torch.nn.Module], one_hot: bool, garments: tuple[torch.Tensor, torch.Tensor]
) -> None:
    images, labels = garments
    if one_hot:
        labels = torch.nn.functional.one_hot(labels, 10).float()
    torch.manual_seed(0)
    net = make()
    twin = copy.deepcopy(net)
    expected = lecture_loop(twin, images, labels, epochs=15)
    history = fit_full_batch(net, images, labels, epochs=15, device="cpu", micro_batch_size=70)
    torch.testing.assert_close(
        torch.tensor(history.losses), torch.tensor(expected), rtol=1e-4, atol=0
    )
    for ours, theirs in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


LOSSES: dict[str, Any] = {
    "mean": torch.nn.CrossEntropyLoss(),
    "sum": torch.nn.CrossEntropyLoss(reduction="sum"),
    "class weights": torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 0.25])),
    "label smoothing": torch.nn.CrossEntropyLoss(label_smoothing=0.1),
    "weights and smoothing": torch.nn.CrossEntropyLoss(
        weight=torch.tensor([1.0, 5.0, 0.25]), label_smoothing=0.1
    ),
    "a class ignored": torch.nn.CrossEntropyLoss(ignore_index=1),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("micro_batch_size", [1, 5, 12, 100])
def test_micro_batches_add_up_for_every_reduction(name: str, micro_batch_size: int) -> None:
    images, labels = _batch()
    net, twin = _tiny().double(), _tiny().double()
    images = images.double()
    loss_fn = copy.deepcopy(LOSSES[name]).double()
    expected = lecture_loop(twin, images, labels, epochs=4, loss_fn=loss_fn)
    history = fit_full_batch(
        net,
        images,
        labels,
        epochs=4,
        loss_fn=loss_fn,
        micro_batch_size=micro_batch_size,
        device="cpu",
    )
    assert history.losses == pytest.approx(expected, rel=1e-12)
    assert history.micro_batch_size == min(micro_batch_size, 12)
    for ours, theirs in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_mean_squared_error_and_another_optimizer() -> None:
    images, _ = _batch()
    targets = torch.rand(12, 3)
    net, twin = _tiny(), _tiny()
    history = fit_full_batch(
        net,
        images,
        targets,
        epochs=5,
        loss_fn=torch.nn.MSELoss(),
        optimizer=torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9),
        micro_batch_size=5,
        device="cpu",
    )
    expected = lecture_loop(
        twin,
        images,
        targets,
        epochs=5,
        loss_fn=torch.nn.MSELoss(),
        optimizer=torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9),
    )
    assert history.losses == pytest.approx(expected, rel=1e-5)


def test_a_network_that_mixes_images_gets_the_whole_batch() -> None:
    images, labels = _batch()
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.BatchNorm2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 3), torch.nn.Dropout(0.0)
    )
    twin = copy.deepcopy(net)
    expected = lecture_loop(twin, images, labels, epochs=3)
    history = fit_full_batch(net, images, labels, epochs=3, device="cpu")
    assert history.losses == pytest.approx(expected, rel=1e-6)
    assert history.micro_batch_size == 12
    assert torch.equal(net[0].running_mean, twin[0].running_mean)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"since layer '0' \(BatchNorm2d\) mixes the images"):
        fit_full_batch(net, images, labels, epochs=1, micro_batch_size=5, device="cpu")


def test_a_loss_that_is_not_known_to_add_up_gets_the_whole_batch() -> None:
    def worst(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(scores, labels, reduction="none").max()

    images, labels = _batch()
    history = fit_full_batch(_tiny(), images, labels, epochs=2, loss_fn=worst, device="cpu")
    assert history.losses == pytest.approx(
        lecture_loop(_tiny(), images, labels, epochs=2, loss_fn=worst)
    )
    with pytest.raises(ValueError, match="since loss worst is not known to be a sum or a mean"):
        fit_full_batch(_tiny(), images, labels, loss_fn=worst, micro_batch_size=5, device="cpu")


def test_the_automatic_micro_batch_size_depends_on_sizes_only() -> None:
    images, labels = torch.zeros(400, 1, 28, 28), torch.zeros(400, dtype=torch.int64)
    sizes = {
        fit_full_batch(small_cnn(), images, labels, epochs=1, device="cpu").micro_batch_size
        for _ in range(2)
    }
    # 4 MiB divided by the outputs for one image: the image, convolution, pooling (before ReLU),
    # ReLU, flattened, scores.
    image_bytes = 4 * (784 + 11_664 + 2_704 + 2_704 + 2_704 + 10)
    assert sizes == {(4 << 20) // image_bytes}
    net = mlp()
    weights = 4 * sum(parameter.numel() for parameter in net.parameters())
    images, labels = torch.zeros(600, 1, 28, 28), torch.zeros(600, dtype=torch.int64)
    wide = fit_full_batch(net, images, labels, epochs=1, device="cpu").micro_batch_size
    # The image, flattened, hidden, rectified, scores.
    assert wide == 2 * weights // (4 * (784 + 784 + 2048 + 2048 + 10))


def test_two_calls_from_one_start_give_the_same_history() -> None:
    images, labels = _batch()
    first = fit_full_batch(_tiny(), images, labels, epochs=6, device="cpu", micro_batch_size=5)
    second = fit_full_batch(_tiny(), images, labels, epochs=6, device="cpu", micro_batch_size=5)
    assert first.losses == second.losses


def test_modes_come_back_and_nothing_handed_in_changes() -> None:
    images, labels = _batch()
    before = images.clone(), labels.clone()
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(4, 3))
    net.eval()
    net[1].train()
    fit_full_batch(net, images, labels, epochs=2, device="cpu")
    assert [module.training for module in net.modules()] == [False, False, True, False]
    assert torch.equal(images, before[0])
    assert torch.equal(labels, before[1])
    assert all(parameter.grad is None for parameter in net.parameters())


def test_old_gradients_do_not_count() -> None:
    images, labels = _batch()
    net = _tiny()
    for parameter in net.parameters():
        parameter.grad = torch.full_like(parameter, 1e6)
    history = fit_full_batch(net, images, labels, epochs=3, device="cpu")
    assert history.losses == pytest.approx(lecture_loop(_tiny(), images, labels, epochs=3))


def test_the_history_says_what_happened(caplog: pytest.LogCaptureFixture) -> None:
    images, labels = _batch()
    torch.manual_seed(77)
    with caplog.at_level(logging.INFO, "cnnbook.training"):
        history = fit_full_batch(_tiny(), images, labels, epochs=3, device="cpu")
    assert history.seed == 3, "the network's own seed was the last"
    assert (history.device, len(history.losses)) == ("cpu", 3)
    assert history.seconds > 0
    assert str(history).startswith(f"3 epochs, loss {history.losses[0]:.4f} to ")
    assert [record.__dict__["device"] for record in caplog.records] == ["cpu"]


def test_the_bar_is_shown_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = _batch()
    fit_full_batch(_tiny(), images, labels, epochs=3, device="cpu")
    assert capsys.readouterr().err == ""
    fit_full_batch(_tiny(), images, labels, epochs=3, device="cpu", progress=True)
    assert "3/3" in capsys.readouterr().err


def test_a_loss_that_is_not_a_number_stops_the_training() -> None:
    images, labels = _batch()
    images[7, 0, 1, 1] = float("nan")
    with pytest.raises(RuntimeError, match=r"^epoch 1: expected a finite loss, got nan; look for"):
        fit_full_batch(_tiny(), images, labels, epochs=3, device="cpu")


IMAGES, LABELS = _batch()
OTHER = torch.nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"net": "net"}, TypeError, "^net: expected a torch.nn.Module, got str"),
        ({"net": torch.nn.Flatten()}, ValueError, "^net: expected at least one trainable"),
        ({"net": torch.nn.Linear(9, 3)}, ValueError, r"^net: expected a network that takes images"),
        ({"images": IMAGES[:, 0]}, ValueError, r"^images: expected \(n, c, h, w\), got \(12, 2, 2"),
        ({"images": IMAGES[:0]}, ValueError, "^images: expected at least one image"),
        ({"images": (IMAGES * 255).byte()}, TypeError, r"convert with images.float\(\) / 255$"),
        ({"images": IMAGES.tolist()}, TypeError, "^images: expected a torch.Tensor"),
        ({"images": None}, TypeError, "^images: expected a torch.Tensor"),
        ({"labels": LABELS[:11]}, ValueError, "^labels: expected one for each of the 12 images"),
        ({"labels": LABELS[0]}, ValueError, "^labels: expected one for each of the 12 images"),
        ({"labels": LABELS.tolist()}, TypeError, "^labels: expected a torch.Tensor, got list"),
        ({"labels": LABELS.int()}, TypeError, r"convert with labels.long\(\)$"),
        ({"labels": LABELS.bool()}, TypeError, r"got torch.bool .* convert with labels.long\(\)$"),
        (
            {"labels": torch.ones(12, 3).bool()},
            TypeError,
            r"got torch.bool of shape \(12, 3\); convert with labels.float\(\)$",
        ),
        ({"labels": torch.ones(12, 3).byte()}, TypeError, r"convert with labels.float\(\)$"),
        (
            {"validation": (IMAGES, torch.ones(12, 3).bool())},
            TypeError,
            r"^validation labels: .* convert with validation labels.float\(\)$",
        ),
        ({"labels": LABELS + 1}, ValueError, "^labels: expected class numbers 0 to 2"),
        ({"labels": LABELS - 1}, ValueError, "^labels: expected class numbers 0 to 2"),
        ({"labels": torch.rand(12, 4)}, ValueError, r"^labels: expected \(12, 3\), one column"),
        ({"labels": torch.ones(12, 3).long()}, ValueError, "convert one-hot with labels.float"),
        ({"epochs": 0}, ValueError, "^epochs: expected at least 1, got 0"),
        ({"epochs": -1}, ValueError, "^epochs: expected at least 1, got -1"),
        ({"epochs": 1.5}, TypeError, "^epochs: expected a whole number"),
        ({"epochs": None}, TypeError, "^epochs: expected a whole number"),
        ({"micro_batch_size": 0}, ValueError, "^micro_batch_size: expected at least 1, got 0"),
        (
            {"micro_batch_size": "all"},
            TypeError,
            "^micro_batch_size: expected a whole number, got 'all'",
        ),
        ({"micro_batch_size": None}, TypeError, "^micro_batch_size: expected a whole number"),
        ({"loss_fn": "mse"}, TypeError, "^loss_fn: expected a function or a loss of torch"),
        ({"loss_fn": torch.nn.MSELoss}, TypeError, r"got the class MSELoss; write MSELoss\(\)$"),
        ({"loss_fn": lambda scores, _: 3.0}, TypeError, "^loss_fn: expected a .* got float"),
        ({"loss_fn": lambda scores, _: None}, TypeError, "^loss_fn: expected a .* got NoneType"),
        ({"loss_fn": lambda scores, _: scores}, ValueError, r"shape \(12, 3\); take the mean or"),
        ({"loss_fn": lambda scores, _: scores.argmax()}, ValueError, "got torch.int64 of shape"),
        ({"loss_fn": lambda scores, _: scores.sum().detach()}, ValueError, "without a gradient"),
        (
            {"loss_fn": torch.nn.CrossEntropyLoss(reduction="none")},
            ValueError,
            r"shape \(12,\); take the mean or the sum",
        ),
        ({"optimizer": "adam"}, TypeError, "^optimizer: expected a torch.optim.Optimizer"),
        (
            {"optimizer": torch.optim.SGD(OTHER.parameters(), lr=0.1)},
            ValueError,
            "holds none of this network's parameters",
        ),
        ({"optimizer": torch.optim.LBFGS(OTHER.parameters())}, ValueError, "got LBFGS"),
        ({"device": "gpu"}, ValueError, "^device: expected a name such as 'cpu'"),
        ({"device": "cuda:99"}, RuntimeError, "^device: expected one that this machine has"),
        ({"checkpoint_every": 0}, ValueError, "^checkpoint_every: expected at least 1, got 0"),
        ({"validate_every": 2.5}, TypeError, "^validate_every: expected a whole number, got 2.5"),
        ({"precision": "half"}, ValueError, "^precision: expected 'full', 'tf32' or 'bf16', got"),
        ({"precision": "tf32"}, ValueError, "^precision: expected a GPU for 'tf32', got device"),
        ({"deterministic": "yes"}, TypeError, "^deterministic: expected True or False, got 'yes'"),
        ({"progress": 1}, TypeError, "^progress: expected True or False, got 1"),
        ({"device": 3}, TypeError, "^device: expected a torch.device or its name"),
    ],
)
def test_every_mistake_is_named_and_the_network_left_alone(
    changed: dict[str, Any], kind: type[Exception], message: str
) -> None:
    net = _tiny()
    before = copy.deepcopy(net.state_dict())
    arguments: dict[str, Any] = {
        "net": net,
        "images": IMAGES,
        "labels": LABELS,
        "epochs": 1,
        "device": "cpu",
    }
    with pytest.raises(kind, match=message):
        fit_full_batch(**(arguments | changed))
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_reduced_precision_only_when_asked_for(garments: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = garments
    losses = []
    for precision in ("full", "bf16"):
        torch.manual_seed(0)
        net = small_cnn()
        history = fit_full_batch(
            net,
            images,
            labels,
            epochs=5,
            device="cpu",
            precision=precision,
        )
        assert all(parameter.dtype == torch.float32 for parameter in net.parameters())
        losses.append(history.losses)
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


@pytest.mark.parametrize("before", [False, True])
def test_the_setting_for_deterministic_operations_is_restored(before: bool) -> None:
    images, labels = _batch()
    seen = []
    net = _tiny()
    net[1].register_forward_hook(
        lambda *_: seen.append(torch.are_deterministic_algorithms_enabled())
    )
    torch.use_deterministic_algorithms(before)
    try:
        fit_full_batch(net, images, labels, epochs=1, deterministic=True, device="cpu")
        assert torch.are_deterministic_algorithms_enabled() is before
        assert all(seen)
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_warning_names_a_gpu_that_torch_cannot_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("cnnbook.training.Path.exists", lambda path: str(path) == "/dev/nvidia0")
    with pytest.warns(UserWarning, match="has an NVIDIA card that torch cannot use, so the CPU"):
        assert best_device().type == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert best_device().type == "cpu"


def test_best_device_is_one_that_works() -> None:
    assert torch.ones(2, device=best_device()).sum().item() == 2
    assert best_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.gpu
def test_on_a_gpu_the_losses_are_the_same(garments: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = garments
    torch.manual_seed(0)
    net = small_cnn()
    twin = copy.deepcopy(net)
    expected = lecture_loop(twin, images, labels, epochs=10)
    history: History = fit_full_batch(net, images, labels, epochs=10)
    assert history.device.startswith("cuda")
    assert history.losses == pytest.approx(expected, rel=1e-3)


def test_a_history_of_many_epochs_is_shown_in_few_words() -> None:
    history = History(tuple(1 / (1 + n) for n in range(499)), 12.5, "cpu", 0, 250, ((499, 0.87),))
    assert repr(history) == f"<History: {history}>"
    assert len(repr(history).splitlines()) == 1
    assert len(repr(history)) < 200
    table = history._repr_html_()
    assert table.count("<tr>") == 8
    for number in ("499", "1.0000, 0.0020", "0.8700", "12.5"):
        assert number in table
    assert "loss" not in History((), 0.0, "cpu", 0, 1)._repr_html_()
