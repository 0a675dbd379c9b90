"""Several processes on this machine: the same numbers as one, also after a process is killed."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
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
import json, sys
import victims

sys.exit(victims.train_as_rank(json.loads(sys.argv[1]), ".", {}))
"""


def _torchrun(folder: Path, processes: int, *, restarts: int = 0, **plan: Any) -> list[Any]:
    """Train under torchrun; return what each process left."""
    folder.joinpath("script.py").write_text(SCRIPT, "utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *(f"--nproc-per-node={processes}", f"--max-restarts={restarts}"),
            *("script.py", json.dumps({"file": None} | plan)),
        ],
        cwd=folder,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    return _results(folder, processes, done.stderr[-3000:])


def _start(folder: Path, processes: int, **plan: Any) -> list[Any]:
    """Do the same with torchrun's variables but without torchrun, which takes seconds to start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        victims.SERVER.Process(
            target=victims.train_as_rank,
            args=({"file": None} | plan, str(folder), ENVIRONMENT | world | {"RANK": str(rank)}),
        )
        for rank in range(processes)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
    return _results(folder, processes, str([process.exitcode for process in started]))


def _results(folder: Path, processes: int, why: str) -> list[Any]:
    results = sorted(folder.glob("rank*.json"))
    assert len(results) == processes, why
    return [json.loads(path.read_text("utf-8")) for path in results]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return _start(tmp_path_factory.mktemp("two"), 2)


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("launch", [_start, pytest.param(_torchrun, marks=pytest.mark.long)])
def test_any_number_of_processes_gives_the_losses_of_one(
    tmp_path: Path, launch: Callable[..., list[Any]], processes: int, two: list[Any]
) -> None:
    # 16 images: shards of 16, of 8 and 8, of 6, 5 and 5, in micro-batches of 5.
    alone, _ = victims.train("cnn", None, dropout=False)
    results = two if (launch, processes) == (_start, 2) else launch(tmp_path, processes)
    assert [result["processes"] for result in results] == [processes] * processes
    assert results[0]["losses"] == pytest.approx(list(alone.losses), rel=1e-5)
    for other in results[1:]:
        assert other["losses"] == results[0]["losses"], "bit for bit"
        assert other["digest"] == results[0]["digest"]


def test_torchrun_restarts_after_a_kill_and_the_end_is_the_same(
    tmp_path: Path, two: list[Any]
) -> None:
    for number in range(10 if LONG else 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        plan = {"after": 3 * number + 5, "rank": (number + 1) % 2, "attempts": ["0"], "signal": 9}
        began = time.monotonic()
        results = _torchrun(folder, 2, restarts=1, file="run.ckpt", **plan)
        # Including two starts of torch; longer only on an overloaded machine.
        assert time.monotonic() - began < (20 if LONG else 120)
        assert [result["losses"] for result in results] == [result["losses"] for result in two]
        assert [result["digest"] for result in results] == [result["digest"] for result in two]


def test_one_process_asked_to_stop_stops_all_after_the_same_update(tmp_path: Path) -> None:
    results = _start(tmp_path, 2, file="run.ckpt", after=7, rank=1, attempts=["0"], signal=15)
    first, second = results
    assert first["losses"] == second["losses"]
    # The next exchange is the first that can tell the others.
    assert len(first["losses"]) == 8
    ends = "after epoch 8 of 40; the same call resumes from"
    assert first["end"].startswith(f"another process was asked to stop {ends}")
    assert second["end"].startswith(f"SIGTERM {ends}")


def test_shards_cover_the_batch_once() -> None:
    for count in (1, 2, 3, 7):
        for total in (0, 1, 2, 6, 7, 20):
            images = torch.arange(total)
            cpu = images.device
            shards = [images[Processes(rank, count, cpu).shard(total)] for rank in range(count)]
            assert torch.equal(torch.cat(shards), images)
            assert max(map(len, shards)) - min(map(len, shards)) <= 1


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
