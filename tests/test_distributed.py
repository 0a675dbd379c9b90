"""Several processes on this machine: the same numbers as one, also after a process is killed."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import victims

from cnnbook.engine.distributed import Processes, init_distributed
from cnnbook.networks import small_cnn
from cnnbook.training import fit_full_batch

LONG = bool(os.environ.get("CNNBOOK_LONG"))

# One thread each: with 3 processes on 2 cores, more would only wait for one another.
ENVIRONMENT = {
    "PYTHONPATH": os.pathsep.join(sys.path),
    "OMP_NUM_THREADS": "1",
    "GLOO_SOCKET_IFNAME": "lo",
    "TORCH_CPP_LOG_LEVEL": "FATAL",
}

SCRIPT = """
import json, os, signal, sys
import torch
import victims
from cnnbook.training import Interrupted

rank, attempt = int(os.environ["RANK"]), os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
plan = json.loads(sys.argv[1])
left = plan.get("after", 0)

def act(*_):
    global left
    left -= 1
    if not left and rank == plan["rank"] and attempt in plan["attempts"]:
        os.kill(os.getpid(), plan["signal"])

try:
    history, tensors = victims.train("cnn", plan["file"], dropout=False, each=act, **plan["more"])
    end = "done"
except Interrupted as stop:
    history, tensors, end = stop.history, [], str(stop)
result = {
    "losses": history.losses, "accuracies": history.accuracies, "end": end,
    "processes": history.processes, "digest": [victims.digest(one) for one in tensors],
}
open(f"rank{rank}.json", "w").write(json.dumps(result))
sys.exit(end != "done")
"""


def _launch(
    folder: Path, processes: int, *, restarts: int = 0, file: str | None = None, **plan: Any
) -> list[dict[str, Any]]:
    folder.joinpath("script.py").write_text(SCRIPT, "utf-8")
    more = plan.pop("more", {})
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *(f"--nproc-per-node={processes}", f"--max-restarts={restarts}"),
            *("script.py", json.dumps({"file": file, "more": more, **plan})),
        ],
        cwd=folder,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    results = sorted(folder.glob("rank*.json"))
    assert len(results) == processes, done.stderr[-3000:]
    return [json.loads(path.read_text("utf-8")) for path in results]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return _launch(tmp_path_factory.mktemp("two"), 2)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_any_number_of_processes_gives_the_losses_of_one(
    tmp_path: Path, processes: int, two: list[dict[str, Any]]
) -> None:
    # 16 images: shares of 16, of 8 and 8, of 6, 5 and 5, in pieces of 5.
    alone, _ = victims.train("cnn", None, dropout=False)
    results = two if processes == 2 else _launch(tmp_path, processes)
    assert [one["processes"] for one in results] == [processes] * processes
    assert results[0]["losses"] == pytest.approx(list(alone.losses), rel=1e-5)
    for other in results[1:]:
        assert other["losses"] == results[0]["losses"], "bit for bit"
        assert other["digest"] == results[0]["digest"]


def test_a_killed_process_is_started_again_and_the_end_is_the_same(
    tmp_path: Path, two: list[dict[str, Any]]
) -> None:
    for number in range(10 if LONG else 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        plan = {"after": 3 * number + 5, "rank": (number + 1) % 2, "attempts": ["0"], "signal": 9}
        began = time.monotonic()
        results = _launch(folder, 2, restarts=1, file="run.ckpt", **plan)
        # With the time that two starts of torch take; more only on a machine that is overloaded.
        assert time.monotonic() - began < (20 if LONG else 120)
        assert [one["losses"] for one in results] == [one["losses"] for one in two]
        assert [one["digest"] for one in results] == [one["digest"] for one in two]


def test_one_process_asked_to_stop_stops_all_after_the_same_update(tmp_path: Path) -> None:
    results = _launch(tmp_path, 2, file="run.ckpt", after=7, rank=1, attempts=["0"], signal=15)
    first, second = results
    assert first["losses"] == second["losses"]
    # The next exchange is the first in which the others can hear of it.
    assert len(first["losses"]) == 8
    assert first["end"].startswith("another process was asked to stop after epoch 8 of 40; it goes")
    assert second["end"].startswith("SIGTERM after epoch 8 of 40; it goes on from")


def test_shares_cover_the_batch_once() -> None:
    for count in (1, 2, 3, 7):
        for total in (0, 1, 2, 6, 7, 20):
            some = torch.arange(total)
            shares = [some[Processes(r, count, some.device).shard(total)] for r in range(count)]
            assert torch.equal(torch.cat(shares), some)
            assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_alone_nothing_is_exchanged() -> None:
    alone = init_distributed(torch.device("cpu"))
    assert (alone.rank, alone.world_size) == (0, 1)
    loss = torch.tensor(2.5)
    assert alone.all_reduce_gradients([], loss, stop=True) == (loss, True)
    assert alone.broadcast_bytes(b"x") == b"x"
    assert alone.broadcast_bytes(None) is None
    assert alone.gather(torch.arange(2)).tolist() == [[0, 1]]
    assert not torch.distributed.is_initialized()


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    two = Processes(0, 2, torch.device("cpu"))
    monkeypatch.setattr("cnnbook.training.init_distributed", lambda device: two)
    net = small_cnn()
    net.insert(1, torch.nn.BatchNorm2d(16))
    with pytest.raises(ValueError, match=r"^net: expected a batch that 2 processes can share, but"):
        fit_full_batch(net, torch.rand(4, 1, 28, 28), torch.arange(4), device="cpu")
