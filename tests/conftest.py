"""What holds for every test: no network beyond this machine, and a cache folder of its own."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before any figure is made: tests have no screen.
os.environ["MPLBACKEND"] = "agg"

import matplotlib.pyplot as plt
import pytest
import torch


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Refuse connections that leave the machine, and keep the user's data out of the tests."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in (
            "127.0.0.1",
            "::1",
            "localhost",
        ):
            raise AssertionError(f"a test reached for the network: {address}")
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CNNBOOK_DATA", raising=False)
    monkeypatch.delenv("CNNBOOK_MIRROR", raising=False)
    torch.manual_seed(0)
    yield
    plt.close("all")
