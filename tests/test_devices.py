"""Choosing a device: the one that works, a warning where a card does not, an error for others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cnnbook._devices import best_device, check_device, cpu_by_default


def test_a_device_or_its_name_is_accepted() -> None:
    assert check_device("cpu") == torch.device("cpu")
    assert check_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("bad", [0, 1.5, None, True, b"cpu", ["cpu"], torch.zeros(1)])
def test_other_types_are_refused(bad: Any) -> None:
    with pytest.raises(TypeError, match=r"^device: expected a torch.device or its name, got "):
        check_device(bad)


@pytest.mark.parametrize("bad", ["gpu", "", "cuda:", "cpu 0"])
def test_names_that_torch_does_not_know_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=rf"^target: expected a name such as .* got '{bad}'$"):
        check_device(bad, name="target")


def test_a_device_that_the_machine_lacks_is_refused_with_those_that_it_has() -> None:
    missing = f"cuda:{torch.cuda.device_count() + 7}"
    with pytest.raises(RuntimeError, match=rf"\(cpu.*\), got '{missing}'; leave device out to"):
        check_device(missing)


def test_the_best_device_is_one_that_works() -> None:
    assert torch.ones(2, device=best_device()).sum().item() == 2
    assert best_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch find two cards, of which the second is the current one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.delenv("LOCAL_RANK", raising=False)


Choose = Callable[[], torch.device]
CHOICES: list[Choose] = [best_device, lambda: check_device("cuda")]


@pytest.mark.parametrize("choose", CHOICES, ids=["best", "cuda"])
def test_each_process_of_torchrun_has_a_card_of_its_own(
    choose: Choose, two_cards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose() == torch.device("cuda:1"), "torch's current one"
    for rank in ("0", "1"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        assert choose() == torch.device(f"cuda:{rank}")


@pytest.mark.parametrize("choose", CHOICES, ids=["best", "cuda"])
def test_more_processes_than_cards_are_refused(
    choose: Choose, two_cards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(
        RuntimeError,
        match=r"^device: expected a card for each process of torchrun, got LOCAL_RANK 2 on a "
        r"machine with cpu, cuda:0, cuda:1; start fewer processes, or name the card or 'cpu' as "
        r"device$",
    ):
        choose()
    monkeypatch.setenv("LOCAL_RANK", "first")
    with pytest.raises(ValueError, match=r"^LOCAL_RANK: expected a whole number, .*got 'first'"):
        choose()


def test_a_card_that_is_named_is_not_exchanged(
    two_cards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[torch.device] = []
    zeros = torch.zeros

    def pretend(*size: int, device: torch.device) -> torch.Tensor:
        asked.append(device)
        return zeros(*size)

    monkeypatch.setattr(torch, "zeros", pretend)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert check_device("cuda:0") == torch.device("cuda:0")
    assert asked == [torch.device("cuda:0")]


def test_a_card_beyond_the_last_is_refused_before_torch_is_asked(
    two_cards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("torch was asked for a card that is not there")

    monkeypatch.setattr(torch, "zeros", never)
    with pytest.raises(
        RuntimeError,
        match=r"^target: expected one that this machine has \(cpu, cuda:0, cuda:1\), got 'cuda:2'; "
        r"leave target out to use the best one$",
    ):
        check_device("cuda:2", name="target")


def test_the_gpu_of_a_mac_is_refused_and_never_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device() == torch.device("cpu")
    for name in ("mps", "mps:0"):
        with pytest.raises(
            ValueError,
            match=rf"^device: expected 'cpu' or a CUDA device, got '{name}', which has no float64 "
            r"to add up losses in; pass device='cpu'$",
        ):
            check_device(name)


@pytest.mark.parametrize("other", ["meta", "xpu", "hpu:1"])
def test_devices_of_other_kinds_are_refused(other: str) -> None:
    with pytest.raises(ValueError, match=rf"^device: expected 'cpu' or .*, got '{other}'; pass"):
        check_device(other)


def test_there_is_a_warning_if_torch_cannot_use_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(Path, "exists", lambda path: str(path) == "/dev/nvidia0")
    with pytest.warns(UserWarning, match="has an NVIDIA card that torch cannot use, so the CPU"):
        assert best_device().type == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert best_device().type == "cpu"


def test_the_cpu_is_the_default_device_within_the_block_only() -> None:
    with torch.device("meta"):
        with cpu_by_default():
            assert torch.zeros(1).device.type == "cpu"
        assert torch.zeros(1).device.type == "meta"
    with cpu_by_default() as context:
        assert context is None, "nothing to be slowed down by"
        assert torch.zeros(1).device.type == "cpu"
