"""Checkpoints: whole or refused, and a resumed training that ends with the same bits."""

import copy
import hashlib
import io
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import victims

from cnnbook.engine.checkpoints import (
    digest,
    pack,
    previous_path,
    read_checkpoint,
    unpack,
    write_checkpoint,
)
from cnnbook.networks import small_cnn
from cnnbook.training import fit_full_batch

CONTENT = {"weights": {"0.weight": torch.arange(100.0)}, "losses": [2.5, 0.25], "seed": 2**63 + 1}

# A few kills in every run; `make test-long` does as many as the project's bounds require.
LONG = bool(os.environ.get("CNNBOOK_LONG"))


def _run(target: Callable[..., None], *arguments: Any) -> int:
    process = victims.SERVER.Process(target=target, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def test_every_flipped_bit_is_refused() -> None:
    data = pack(CONTENT)
    draw = random.Random(0)
    for _ in range(1000):
        position, bit = draw.randrange(len(data)), draw.randrange(8)
        broken = data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]
        with pytest.raises(ValueError, match=r"it does not start like|its SHA-256 is not"):
            unpack(broken)


def test_every_truncation_is_refused() -> None:
    data = pack(CONTENT)
    for length in random.Random(0).sample(range(len(data)), 200):
        with pytest.raises(ValueError, match=r"it is empty|it does not start|its SHA-256"):
            unpack(data[:length])


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "run.ckpt"
    assert read_checkpoint(file) is None
    write_checkpoint(file, CONTENT)
    back = read_checkpoint(file)
    assert back is not None
    assert torch.equal(back["weights"]["0.weight"], torch.arange(100.0))
    assert (back["losses"], back["seed"]) == ([2.5, 0.25], 2**63 + 1)
    write_checkpoint(file, {"second": True})
    assert read_checkpoint(previous_path(file))["seed"] == 2**63 + 1  # type: ignore[index]
    assert sorted(path.name for path in file.parent.iterdir()) == ["run.ckpt", "run.ckpt.previous"]


def test_nothing_that_needs_code_goes_in_or_comes_out(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"^content\['a'\]\[1\]: expected tensors, numbers"):
        pack({"a": [0, object()]})

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "planted"),)

    buffer = io.BytesIO()
    torch.save({"net": Evil()}, buffer)
    payload = buffer.getvalue()
    head = b"cnnbook checkpoint 3\n"
    data = head + hashlib.sha256(head + payload).digest() + payload
    with pytest.raises(ValueError, match=r"^torch cannot load it: "):
        unpack(data)
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("fault", ["cut", "flip", "empty", "other"])
def test_a_damaged_file_is_refused_and_the_previous_one_used(tmp_path: Path, fault: str) -> None:
    file = tmp_path / "run.ckpt"
    write_checkpoint(file, {"number": 1})
    write_checkpoint(file, {"number": 2})
    data = file.read_bytes()
    broken = {
        "cut": data[: len(data) // 2],
        "flip": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
        "empty": b"",
        "other": b"PK" + data,
    }[fault]
    file.write_bytes(broken)
    with pytest.warns(UserWarning, match=r"run.ckpt: refused, since it"):
        assert read_checkpoint(file) == {"number": 1}
    assert (tmp_path / "run.ckpt.damaged").read_bytes() == broken
    # Again without a warning, and the next write keeps the good one.
    assert read_checkpoint(file) == {"number": 1}
    write_checkpoint(file, {"number": 2})
    assert read_checkpoint(previous_path(file)) == {"number": 1}
    file.write_bytes(b"")
    previous_path(file).write_bytes(b"")
    message = (
        "run.ckpt: expected an undamaged checkpoint, but it is empty; run.ckpt.previous cannot be "
        "used either, since it is empty; delete both"
    )
    with pytest.raises(ValueError, match=message):
        read_checkpoint(file)


@pytest.mark.parametrize(
    "call", [("fsync", 1), ("link", 1), ("replace", 1), ("replace", 2), ("fsync", 2)]
)
@pytest.mark.parametrize("hard_links", [True, False])
def test_killed_between_any_two_steps_of_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: tuple[str, int], hard_links: bool
) -> None:
    def no_hard_links(source: Path, _: Path) -> None:
        os.stat(source)  # A missing file is reported first.
        raise PermissionError("this file system has no hard links")

    if not hard_links:
        monkeypatch.setattr(os, "link", no_hard_links)
    file = tmp_path / "run.ckpt"
    write_checkpoint(file, {"number": 1})
    name, left = call
    real = getattr(os, name)

    def killed(*arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, name, killed)
        with pytest.raises(KeyboardInterrupt):
            write_checkpoint(file, {"number": 2})
    assert read_checkpoint(file) == {"number": 2 if call == ("fsync", 2) else 1}
    write_checkpoint(file, {"number": 3})
    assert read_checkpoint(file) == {"number": 3}


def test_killed_in_mid_save(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"
    draw = random.Random(0)
    for _ in range(50 if LONG else 5):
        process = victims.SERVER.Process(target=victims.write_forever, args=(str(file),))
        process.start()
        started = file.with_suffix(".started")
        until = time.monotonic() + 60
        while not started.exists() and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(draw.random() * 0.05)
        process.kill()
        process.join(10)
        content = read_checkpoint(file)
        assert content is not None
        assert len(content["zeros"]) == 50_000
        started.unlink()


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_killed_at_random_epochs_it_ends_with_the_same_bits(tmp_path: Path, name: str) -> None:
    file = str(tmp_path / "run.ckpt")
    history, expected = victims.train(name, None)
    draw = random.Random(7)
    # There are 3 epochs between two checkpoints, so no training ends before its last kill.
    for _ in range(20 if LONG else 3):
        assert (
            _run(
                victims.train_and_die,
                name,
                file,
                draw.randint(1, 11 if not LONG else 4),
                signal.SIGKILL,
            )
            == -9
        )
    resumed, tensors = victims.train(name, file)
    assert resumed.losses == history.losses
    assert resumed.seed == history.seed
    assert all(torch.equal(x, y) for x, y in zip(tensors, expected, strict=True))


def test_a_finished_training_is_not_done_again_and_can_be_prolonged(tmp_path: Path) -> None:
    file = str(tmp_path / "run.ckpt")
    whole, expected = victims.train("cnn", None, epochs=12)
    first, _ = victims.train("cnn", file, epochs=7)
    calls: list[int] = []
    again, _ = victims.train("cnn", file, epochs=7, after_step=lambda: calls.append(0))
    assert (again.losses, calls) == (first.losses, [])
    longer, tensors = victims.train("cnn", file, epochs=12)
    assert longer.losses == whole.losses
    assert all(torch.equal(x, y) for x, y in zip(tensors, expected, strict=True))
    with pytest.raises(ValueError, match=r"^epochs: expected at least the 12 that the checkpoint"):
        victims.train("cnn", file, epochs=5)


def _start(tmp_path: Path) -> tuple[dict[str, Any], Path]:
    net, images, labels = victims.make("cnn")
    file = tmp_path / "run.ckpt"
    fit_full_batch(net, images, labels, epochs=2, checkpoint=file, device="cpu")
    again: dict[str, Any] = {"net": copy.deepcopy(net), "images": images, "labels": labels}
    return again | {"epochs": 3, "checkpoint": file, "device": "cpu"}, file


def test_a_checkpoint_of_another_training_is_refused_by_name(tmp_path: Path) -> None:
    call, _ = _start(tmp_path)
    wider = small_cnn(channels=5)
    wider.insert(4, torch.nn.Dropout(0.25))
    weakly = torch.nn.Sequential(*call["net"][:4], torch.nn.Dropout(0.5), call["net"][5])
    images = call["images"].clone()
    images[3, 0, 7, 7] += 1e-3
    weighted = torch.nn.CrossEntropyLoss(weight=torch.ones(10))
    slow = torch.optim.Adam(call["net"].parameters(), lr=1e-4)
    for change, message in (
        ({"net": wider}, r"^net: expected .* that is layer '0': Conv2d\(1, 4, .* got layer '0': "),
        ({"net": weakly}, r"^net: expected .* Dropout\(p=0.25.* got layer '4': Dropout\(p=0.5"),
        ({"images": images}, "^images: expected the same as in the checkpoint"),
        ({"labels": call["labels"].flip(0)}, "^labels: expected the same as in the checkpoint"),
        ({"loss_fn": torch.nn.CrossEntropyLoss(label_smoothing=0.1)}, "^loss_fn: .*smoothing=0.0"),
        ({"loss_fn": weighted}, "^loss_fn: expected the same"),
        ({"optimizer": slow}, r"^optimizer: .* that is lr=0.001, got lr=0.0001"),
    ):
        with pytest.raises(ValueError, match=message):
            fit_full_batch(**(call | change))
    assert len(fit_full_batch(**call).losses) == 3


def test_a_warning_names_another_environment(tmp_path: Path) -> None:
    call, file = _start(tmp_path)
    content = read_checkpoint(file)
    assert content is not None
    content["environment"] |= {"torch": "1.13", "threads": 64}
    write_checkpoint(file, content)
    threads = torch.get_num_threads()
    message = rf"torch: 1.13 then, {torch.__version__} now; threads: 64 then, {threads} now"
    with pytest.warns(UserWarning, match=message.replace("+", r"\+")) as caught:
        fit_full_batch(**call)
    assert {warning.filename for warning in caught} == {__file__}, "the line that asked for it"
    # Written again in the present environment: no warning, which would be an error here.
    fit_full_batch(**(call | {"epochs": 4}))


def test_a_path_that_cannot_be_written_is_noticed_before_training(tmp_path: Path) -> None:
    net, images, labels = victims.make("cnn")
    before = copy.deepcopy(net.state_dict())
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file"):
        fit_full_batch(net, images, labels, checkpoint=tmp_path / "file" / "x", device="cpu")
    with pytest.raises(ValueError, match=r"^checkpoint: expected the path of a file, got the fol"):
        fit_full_batch(net, images, labels, checkpoint=tmp_path, device="cpu")
    with pytest.raises(TypeError, match=r"^checkpoint: expected the path of a file, got 3"):
        fit_full_batch(net, images, labels, checkpoint=3, device="cpu")  # type: ignore[arg-type]
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_digest_depends_on_the_numbers_and_not_on_their_memory_format() -> None:
    numbers = torch.arange(24.0).reshape(2, 3, 2, 2)
    assert digest(numbers) == digest(numbers.contiguous(memory_format=torch.channels_last))
    assert digest(numbers) != digest(numbers.double())
    assert digest(numbers) != digest(numbers.flatten())
    assert digest(numbers) != digest(numbers + 1e-6)
    assert digest(torch.tensor(1.0)) != digest(torch.tensor([1.0]))
    assert len(digest(torch.zeros(0, 3))) == 64
    assert len(digest(torch.zeros(2, dtype=torch.bfloat16))) == 64


def test_killed_on_two_cores_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    """The two cores' sums are added in one order, whichever is ready first."""
    file = str(tmp_path / "run.ckpt")
    history, expected = victims.train("cnn", None, dropout=False, threads=2)
    more = {"dropout": False, "threads": 2}
    assert _run(victims.train_and_die, "cnn", file, 17, signal.SIGKILL, more) == -9
    resumed, tensors = victims.train("cnn", file, **more)
    assert resumed.losses == history.losses
    assert all(torch.equal(x, y) for x, y in zip(tensors, expected, strict=True))
    with pytest.warns(UserWarning, match="threads: 2 then, 1 now"):
        victims.train("cnn", file, dropout=False, epochs=victims.EPOCHS + 1)
