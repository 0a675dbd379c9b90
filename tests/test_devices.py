"""Choosing a device: the one that works, a warning where a card does not, an error for others."""

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


def test_under_torchrun_each_process_has_a_card_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert best_device() == torch.device("cuda:0")
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert best_device() == torch.device("cuda:3")


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
