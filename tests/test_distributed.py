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
import ranks
import torch
import victims
from small_data import NO_MIRROR

from cnnbook.engine.distributed import Processes, init_distributed
from cnnbook.images import draw_garments
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
    return _spawn(victims.train_as_rank, {"file": None} | plan, folder, processes)


def _ask(work: Callable[[], Any], folder: Path, processes: int, *, seconds: float = 60) -> Any:
    """Call a function in several processes; return what it returned in each."""
    return _spawn(ranks.run_as_rank, work, folder, processes, seconds=seconds)


def _world(processes: int) -> dict[str, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


def _spawn(
    target: Callable[..., Any], what: Any, folder: Path, processes: int, *, seconds: float = 120
) -> list[Any]:
    environment = ENVIRONMENT | _world(processes)
    started = [
        victims.SERVER.Process(
            target=target, args=(what, str(folder), environment | {"RANK": str(rank)})
        )
        for rank in range(processes)
    ]
    for process in started:
        process.start()
    deadline = time.monotonic() + seconds
    for process in started:
        process.join(max(0.0, deadline - time.monotonic()))
    codes = [process.exitcode for process in started]
    for process in started:
        process.kill()
        process.join()
    return _results(folder, processes, f"exit codes {codes}; None: it waited for another process")


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


def test_a_wrapped_net_is_refused_in_every_process(tmp_path: Path) -> None:
    for found in _ask(ranks.refuse_wrapped, tmp_path, 2):
        history = json.loads(found.pop("module"))
        assert len(found) == 4
        for wrapper, message in found.items():
            wanted = f"TypeError: net: expected the network itself, got {wrapper}"
            assert message.startswith(wanted)
        torch.manual_seed(1)
        images, labels = draw_garments(4, generator=torch.Generator().manual_seed(5))
        alone = fit_full_batch(small_cnn(channels=2), images, labels, epochs=3, device="cpu")
        assert history == pytest.approx(list(alone.losses), rel=1e-5), "what is inside is trained"


@pytest.mark.parametrize("processes", [2, 3])
def test_an_error_in_one_process_ends_all(tmp_path: Path, processes: int) -> None:
    *others, last = _ask(ranks.fail_in_one, tmp_path, processes)
    assert last == "KeyError: 'here'"
    assert others == [
        f"RuntimeError: process {rank} of {processes}: expected that all processes start the "
        "training, but another one has raised an error; its message says what to do"
        for rank in range(processes - 1)
    ]


def test_a_process_that_refuses_its_arguments_leaves_none_waiting(tmp_path: Path) -> None:
    first, last = _ask(ranks.train_with_labels_missing_in_one, tmp_path, 2)
    assert last.startswith("ValueError: labels: expected ")
    assert first.startswith("RuntimeError: process 0 of 2: expected that all processes start")


def test_other_values_in_one_process_are_refused_in_all(tmp_path: Path) -> None:
    refused = "expected the same in all 3 processes, got another value in process 2 than in"
    for labels, names, ranks_seen in _ask(ranks.refuse_other_values, tmp_path, 3):
        assert labels.startswith(f"ValueError: labels: {refused} process 0; ")
        assert names.startswith(f"ValueError: arguments: {refused} process 0; ")
        assert ranks_seen == "[0, 1, 2]"


def test_processes_that_hand_in_their_own_shares_are_refused(tmp_path: Path) -> None:
    # Each would train on a share of its share, and the loss would be of no batch at all.
    for message in _ask(ranks.refuse_other_images, tmp_path, 2):
        assert message.startswith("ValueError: images: expected the same in all 2 processes, got ")


def test_gradients_of_narrow_dtypes_are_summed_in_float32(tmp_path: Path) -> None:
    # Of four processes, the last has no image and so no gradient.
    expected = [
        [[[258, 3]], 6, "torch.float64", False],
        [[[2050, 3], [258, 3]], 6, "torch.float64", False],
        # 2**24 + 1 is no number of float32: the sum of float32 depends on the order.
        [[[pytest.approx(2**24 + 2, abs=2), 3]], 6, "torch.float64", False],
    ]
    assert _ask(ranks.sum_gradients, tmp_path, 4) == [expected] * 4


def test_any_dtype_trains_alike_in_one_two_and_three_processes(tmp_path: Path) -> None:
    # Two images: of three processes, one has none.
    found = {}
    for processes in (1, 2, 3):
        folder = tmp_path / str(processes)
        folder.mkdir()
        found[processes], *others = _ask(ranks.train_dtypes, folder, processes)
        assert others == [found[processes]] * (processes - 1)
    tolerances = {"bfloat16": 2**-7, "float16": 2**-10, "float32": 1e-5, "float64": 1e-12}
    for name, tolerance in tolerances.items():
        one, two, three = (found[processes][f"torch.{name}"] for processes in (1, 2, 3))
        assert one[-1] < one[0] * (1 - 10 * tolerance)
        assert two == pytest.approx(one, rel=tolerance)
        assert three == pytest.approx(one, rel=tolerance)


# The process ends while a thread of gloo waits for the interpreter's lock, in order to free the
# tensor of the last exchange: ``sum``, the last of the calls at exit, keeps the lock to the end.
# Without a wait for that thread the process aborts; by chance that is 1 run in many. The import is
# one that torch's optimizers make; it keeps a group that is already there, and with it the threads.
LATE = """
import atexit, os, sys

rank = int(os.environ["RANK"])
if rank == 0:
    atexit.register(sum, range(60_000_000))
import time

import torch

from cnnbook.engine.distributed import init_distributed

if sys.argv[1] == "caller":
    torch.distributed.init_process_group("gloo")
init_distributed(torch.device("cpu"))
import torch.distributed.nn
torch.distributed.all_reduce(torch.ones(1))
if rank:
    time.sleep(0.5)
torch.distributed.all_reduce(torch.ones(10), async_op=rank == 0)
if rank:
    # Until the other one has ended: it would notice that this one is gone.
    sys.stdin.read()
    os._exit(0)
"""


@pytest.mark.parametrize("group_of", ["caller", "trainer"])
def test_a_process_ends_without_an_abort(group_of: str) -> None:
    environment = os.environ | ENVIRONMENT | _world(2)
    first, second = (
        subprocess.Popen(
            [sys.executable, "-c", LATE, group_of],
            env=environment | {"RANK": str(rank)},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    )
    try:
        _, errors = first.communicate(timeout=120)
        assert first.returncode == 0, errors.decode()
        second.communicate(timeout=120)
        assert second.returncode == 0
    finally:
        first.kill()
        second.kill()


# Runs page 19's script and prints how many threads of gloo there are before and after its group is
# destroyed.
DDP = """
import os, runpy, sys

import torch


def count():
    names = (open(f"/proc/self/task/{task}/comm").read() for task in os.listdir("/proc/self/task"))
    return sum("gloo_runloop" in name for name in names)


def watched():
    before = count()
    destroy()
    print(before, count())


destroy, torch.distributed.destroy_process_group = torch.distributed.destroy_process_group, watched
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_the_script_with_ddp_leaves_no_thread_of_gloo() -> None:
    script = Path(__file__).parents[1] / "examples/4_training/train_ddp.py"
    environment = os.environ | ENVIRONMENT | _world(2) | {"CNNBOOK_MIRROR": NO_MIRROR}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", DDP, str(script), "--images=3", "--epochs=2"],
            env=environment | {"RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for running in processes:
            printed, _ = running.communicate(timeout=120)
            assert running.returncode == 0
            before, after = map(int, printed.split()[-2:])
            assert before
            assert not after
    finally:
        for running in processes:
            running.kill()
            running.communicate()


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
    monkeypatch.setattr(Processes, "gather", lambda self, tensor: torch.stack([tensor, tensor]))
    net = small_cnn()
    net.insert(1, torch.nn.BatchNorm2d(16))
    with pytest.raises(ValueError, match=r"^net: expected a batch that 2 processes can share, but"):
        fit_full_batch(net, torch.rand(4, 1, 28, 28), torch.arange(4), device="cpu")
