"""Ctrl-C, SIGTERM, NaN and infinity, too little memory: the state afterwards."""

import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import victims

from cnnbook.engine import allowlist
from cnnbook.engine.checkpoints import read_checkpoint
from cnnbook.engine.signals import stop_requested
from cnnbook.images import draw_garments
from cnnbook.networks import small_cnn
from cnnbook.training import Diverged, Interrupted, fit_full_batch


def _after(updates: int, act: Callable[[], None]) -> Callable[..., None]:
    """Return a hook that acts after a given number of updates."""
    left = updates

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            act()

    return count


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("updates", [1, 5, 39])
def test_a_signal_stops_after_a_whole_update_and_resuming_is_exact(
    tmp_path: Path, number: signal.Signals, updates: int
) -> None:
    file = str(tmp_path / "run.ckpt")
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    whole, expected = victims.train("cnn", None)
    message = rf"^{number.name} after epoch {updates} of 40; the same call resumes from "
    with pytest.raises(Interrupted, match=message):
        victims.train("cnn", file, after_step=_after(updates, lambda: signal.raise_signal(number)))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    content = read_checkpoint(file)
    assert content is not None
    assert content["losses"].tolist() == list(whole.losses[:updates])
    history, tensors = victims.train("cnn", file)
    assert history.losses == whole.losses
    assert all(torch.equal(x, y) for x, y in zip(tensors, expected, strict=True))


def test_the_interruption_carries_the_history_and_passes_except_exception() -> None:
    def script() -> None:
        try:
            victims.train(
                "mlp", None, after_step=_after(4, lambda: signal.raise_signal(signal.SIGINT))
            )
        except Exception:  # What a user's script may well do.
            pytest.fail("swallowed")

    with pytest.raises(Interrupted) as caught:
        script()
    assert len(caught.value.history.losses) == 4
    assert caught.value.history.losses == victims.train("mlp", None)[0].losses[:4]
    assert str(caught.value) == "SIGINT after epoch 4 of 40"


def test_a_script_that_does_not_handle_it_ends_with_an_error(tmp_path: Path) -> None:
    script = (
        "import os, signal, victims\n"
        "def stop(*_): os.kill(os.getpid(), signal.SIGTERM)\n"
        "victims.train('cnn', 'run.ckpt', after_step=stop)\n"
        "print('went on')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert done.stdout == ""
    message = "Interrupted: SIGTERM after epoch 1 of 40; the same call resumes from run.ckpt"
    assert message in done.stderr
    assert len(read_checkpoint(tmp_path / "run.ckpt")["losses"]) == 1  # type: ignore[index]


def test_the_second_signal_does_what_it_always_does() -> None:
    with stop_requested() as requested:
        signal.raise_signal(signal.SIGINT)
        assert requested() == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_ignored_signals_stay_ignored_and_other_threads_keep_their_handlers() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with stop_requested() as requested:
            signal.raise_signal(signal.SIGTERM)
            assert requested() is None
    finally:
        signal.signal(signal.SIGTERM, before)
    results: list[object] = []
    handler = signal.getsignal(signal.SIGINT)

    def work() -> None:
        with stop_requested() as requested:
            results.extend([requested(), signal.getsignal(signal.SIGINT) is handler])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results == [None, True]


def _broken(what: str) -> tuple[dict[str, Any], str]:
    net, images, labels = victims.make("cnn")
    targets = torch.nn.functional.one_hot(labels, 10).float()
    call: dict[str, Any] = {"net": net, "images": images, "labels": targets, "epochs": 9}
    adam: torch.optim.Optimizer = torch.optim.Adam(net.parameters())

    def spoil() -> None:
        with torch.no_grad():
            net[5].get_parameter("weight")[0, 0] = float("inf")

    if what == "pixel":
        images[7, 0, 3, 3] = float("nan")
        message = (
            r"^epoch 1: .*got nan; look for NaN or infinity in the images: 1 of 16 have some, "
        )
        message += r"the first is number 7"
    elif what == "infinite pixel":
        images[2:4, 0, 3, 3] = float("inf")
        message = r"^epoch 1: .* in the images: 2 of 16 have some, the first is number 2"
    elif what == "label":
        targets[5, 5] = float("nan")
        message = r"^epoch 1: .* NaN or infinity in the labels: 1 of 16 have some, .* number 5"
    elif what == "start":
        spoil()
        message = r"^epoch 1: .* '5.weight': it is not finite before the first update"
    elif what == "weight":
        adam = victims.WatchedAdam(net.parameters(), _after(4, spoil))
        message = r"^epoch 5: .*; look for a learning rate that is too high: .* '5.weight' infinite"
    elif what == "rate":
        adam = torch.optim.Adam(net.parameters(), lr=float("inf"))
        message = r"^epoch 2: .*; look for a learning rate that is too high: .* '0.weight'"
    else:
        images.fill_(3e38)
        message = r"^epoch 1: .* look for very large numbers in the images, or lower the learning"
    return call | {"optimizer": adam, "device": "cpu"}, message


@pytest.mark.parametrize(
    "what", ["pixel", "infinite pixel", "label", "start", "weight", "rate", "scale"]
)
def test_a_value_that_is_not_finite_stops_the_training_and_names_the_cause(what: str) -> None:
    call, message = _broken(what)
    with pytest.raises(Diverged, match=message) as caught:
        fit_full_batch(**call)
    assert all(torch.isfinite(torch.tensor(caught.value.history.losses)))


@pytest.mark.parametrize("every", [1, 3, 100])
def test_the_last_finite_checkpoint_is_kept(tmp_path: Path, every: int) -> None:
    call, message = _broken("weight")
    file = tmp_path / "run.ckpt"
    # If a checkpoint is due before the next loss, the message is about the weights.
    message = message if every == 3 else r"^epoch (4|5): expected .*; the last finite state is in"
    with pytest.raises(Diverged, match=message):
        fit_full_batch(**call, checkpoint=file, checkpoint_every=every)
    content = read_checkpoint(file)
    assert content is not None
    assert all(torch.isfinite(value).all() for value in content["weights"].values())
    assert len(content["losses"]) == {1: 3, 3: 3, 100: 1}[every]


def test_broken_weights_after_the_last_update_are_noticed() -> None:
    call, _ = _broken("rate")
    with pytest.raises(Diverged, match=r"^epoch 1: expected finite weights after the update, got"):
        fit_full_batch(**(call | {"epochs": 1}))


class _LittleMemory(torch.nn.Module):
    """Fails as torch does if more than a given number of images come at a time."""

    def __init__(self, capacity: int, message: str = "can't allocate memory: 9 bytes") -> None:
        super().__init__()
        self.capacity, self.message = capacity, message

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled() and len(images) > self.capacity:
            raise RuntimeError(f"DefaultCPUAllocator: {self.message}\nmore lines")
        return images


@pytest.fixture
def known_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the trainer take the layer for one of torch's, since it splits no others."""
    monkeypatch.setattr(allowlist, "_STATELESS", {*allowlist._STATELESS, _LittleMemory})


def _training_with(capacity: int, **more: str) -> dict[str, Any]:
    net, images, labels = victims.make("cnn")
    torch.manual_seed(2)
    net = torch.nn.Sequential(*list(net)[:4], net[5], _LittleMemory(capacity, **more))
    return {"net": net, "images": images, "labels": labels, "epochs": 4, "device": "cpu"}


@pytest.mark.usefixtures("known_layer")
def test_if_memory_runs_out_the_micro_batches_are_halved() -> None:
    expected = fit_full_batch(**_training_with(99))
    assert expected.micro_batch_size == 16
    with pytest.warns(
        UserWarning, match=r"^memory ran out with \d+ images at a time; continuing with \d+ \(set"
    ) as caught:
        history = fit_full_batch(**_training_with(5))
    assert [str(warning.message).partition(" images")[0] for warning in caught] == [
        "memory ran out with 16",
        "memory ran out with 8",
    ]
    assert {warning.filename for warning in caught} == {__file__}, "the line that asked for it"
    assert history.micro_batch_size == 4
    assert history.losses == pytest.approx(expected.losses, rel=1e-5)


@pytest.mark.usefixtures("known_layer")
def test_if_not_even_one_image_fits_the_error_says_so() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(RuntimeError, match=r"^images: expected a batch that .* one image is"):
            fit_full_batch(**_training_with(0))
    assert [str(warning.message).split()[4] for warning in caught] == ["16", "8", "4", "2"]
    call = _training_with(5)
    call["net"].insert(0, torch.nn.BatchNorm2d(1))
    with pytest.raises(
        RuntimeError, match=r"got 16 images .* cannot be split, since layer '0' \(Bat"
    ):
        fit_full_batch(**call)
    with pytest.raises(RuntimeError, match=r"^DefaultCPUAllocator: something else"):
        fit_full_batch(**_training_with(5, message="something else"))


def test_accuracy_on_other_images_is_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = draw_garments(200, generator=torch.Generator().manual_seed(1))
    others = draw_garments(50, generator=torch.Generator().manual_seed(2))
    torch.manual_seed(0)
    plain = fit_full_batch(small_cnn(), images, labels, epochs=7, device="cpu")
    torch.manual_seed(0)
    net = small_cnn()
    history = fit_full_batch(
        net,
        images,
        labels,
        epochs=7,
        validation=others,
        validate_every=3,
        device="cpu",
        progress=True,
    )
    assert history.losses == plain.losses, "validation changes nothing"
    assert [epoch for epoch, _ in history.accuracies] == [3, 6, 7]
    with torch.no_grad():
        right = float((net(others[0]).argmax(1) == others[1]).double().mean())
    assert history.accuracies[-1][1] == right
    assert f", accuracy {right:.4f}, in " in str(history)
    assert "loss=" in capsys.readouterr().err
    one_hot = others[0], torch.nn.functional.one_hot(others[1], 10).float()
    torch.manual_seed(0)
    again = fit_full_batch(
        small_cnn(), images, labels, epochs=7, validation=one_hot, validate_every=7, device="cpu"
    )
    assert again.accuracies == history.accuracies[-1:]


@pytest.mark.parametrize(
    ("validation", "kind", "message"),
    [
        (torch.zeros(3), TypeError, r"^validation: expected images and labels, got Tensor; write"),
        ((torch.zeros(3, 28, 28), 0), ValueError, r"^validation images: expected \(n, c, h, w\)"),
        ((torch.zeros(0, 1, 28, 28), 0), ValueError, r"^validation images: expected at least one"),
        (
            (torch.zeros(2, 1, 9, 9), 0),
            ValueError,
            r"^validation images: expected the shape \(1, 2",
        ),
        ((torch.zeros(2, 1, 28, 28), [0, 1]), TypeError, r"^validation labels: expected a torch"),
        (
            (torch.zeros(2, 1, 28, 28), torch.tensor([0, 10])),
            ValueError,
            r"^validation labels: expected class numbers 0 to 9",
        ),
    ],
)
def test_mistakes_in_the_validation_are_named(
    validation: Any, kind: type[Exception], message: str
) -> None:
    net, images, labels = victims.make("cnn")
    with pytest.raises(kind, match=message):
        fit_full_batch(net, images, labels, epochs=1, validation=validation, device="cpu")
