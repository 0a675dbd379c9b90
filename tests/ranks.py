"""Functions that tests run as one of several processes; each leaves its result in a file."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cnnbook.engine.distributed import init_distributed
from cnnbook.images import draw_garments
from cnnbook.networks import small_cnn
from cnnbook.training import fit_full_batch

__all__ = [
    "fail_in_one",
    "refuse_other_images",
    "refuse_other_values",
    "refuse_wrapped",
    "run_as_rank",
    "sum_gradients",
    "train_dtypes",
    "train_with_labels_missing_in_one",
]

CPU = torch.device("cpu")


def run_as_rank(work: Callable[[], Any], folder: str, environment: dict[str, str]) -> None:
    """Call a function as the process that ``environment`` names; keep what it returns as JSON."""
    os.environ.update(environment)
    torch.set_num_threads(1)
    path = Path(folder, f"rank{os.environ['RANK']}.json")
    path.write_text(json.dumps(work()), "utf-8")


def _error(work: Callable[[], Any]) -> str:
    try:
        return f"no error, but {work()}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _garments(count: int, seed: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    return draw_garments(count, generator=torch.Generator().manual_seed(seed))


def refuse_wrapped() -> dict[str, str]:
    """Hand in a network in each of torch's wrappers, and after that the network itself."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard

    torch.distributed.init_process_group("gloo")
    mesh = init_device_mesh("cpu", (2,))
    wrappers: dict[str, Callable[[torch.nn.Module], Any]] = {
        "DistributedDataParallel": torch.nn.parallel.DistributedDataParallel,
        "FullyShardedDataParallel": lambda net: FullyShardedDataParallel(net, device_id=CPU),
        "FSDPSequential": lambda net: fully_shard(net, mesh=mesh),
        "DataParallel": torch.nn.DataParallel,
    }
    images, labels = _garments(4)
    found = {}
    for name, wrap in wrappers.items():
        net = wrap(small_cnn(channels=2))
        found[name] = _error(partial(fit_full_batch, net, images, labels, epochs=1, device="cpu"))
    torch.manual_seed(1)
    wrapped = torch.nn.parallel.DistributedDataParallel(small_cnn(channels=2))
    history = fit_full_batch(wrapped.module, images, labels, epochs=3, device="cpu")
    return found | {"module": json.dumps(history.losses)}


def fail_in_one() -> str:
    """Raise an error in the last of the processes."""
    processes = init_distributed(CPU)

    def work() -> str:
        with processes.fail_together():
            if processes.rank == processes.world_size - 1:
                raise KeyError("here")
        return "the end of the block"

    return _error(work)


def train_with_labels_missing_in_one() -> str:
    """Hand in one label too few in the last of the processes."""
    images, labels = _garments(4)
    if int(os.environ["RANK"]) == int(os.environ["WORLD_SIZE"]) - 1:
        labels = labels[:3]
    return _error(lambda: fit_full_batch(small_cnn(), images, labels, epochs=1, device="cpu"))


def refuse_other_values() -> list[str]:
    """Compare values that are the same in all processes, and one that is not."""
    processes = init_distributed(CPU)
    last = processes.rank == processes.world_size - 1
    processes.check_same({"images": "same", "epochs": 3})
    return [
        _error(lambda: processes.check_same({"images": "same", "labels": "b" if last else "a"})),
        _error(lambda: processes.check_same({"net": 1} if last else {"net": 1, "loss_fn": 2})),
        # The processes have not lost step with each other.
        str(processes.gather(torch.tensor(processes.rank)).tolist()),
    ]


def refuse_other_images() -> str:
    """Hand in a share of the images in each process, as for DistributedDataParallel."""
    images, labels = _garments(4, seed=int(os.environ["RANK"]))
    return _error(lambda: fit_full_batch(small_cnn(), images, labels, epochs=1, device="cpu"))


def sum_gradients() -> list[Any]:
    """Sum gradients that a sum in their own dtype would get wrong; the last process has none."""
    processes = init_distributed(CPU)
    large = {torch.bfloat16: 256, torch.float16: 2048, torch.float32: 2**24, torch.float64: 2**53}
    found: list[Any] = []
    for dtypes in ([torch.bfloat16], [torch.float16, torch.bfloat16], [torch.float32]):
        parameters = [torch.nn.Parameter(torch.zeros(2, dtype=dtype)) for dtype in dtypes]
        for parameter in parameters:
            if processes.rank < processes.world_size - 1:
                # 2, 1 and 1: the last two are lost beside a large number, one by one.
                first = large[parameter.dtype] if processes.rank == 0 else 1
                parameter.grad = torch.tensor([first, 1], dtype=parameter.dtype)
        unused = torch.nn.Parameter(torch.zeros(1))
        loss = torch.tensor(float(processes.rank), dtype=torch.float64)
        loss, stop = processes.all_reduce_gradients([*parameters, unused], loss, stop=False)
        assert unused.grad is None
        gradients = [p.grad for p in parameters if p.grad is not None]
        assert [gradient.dtype for gradient in gradients] == dtypes
        found.append([[g.tolist() for g in gradients], loss.item(), str(loss.dtype), stop])
    return found


def train_dtypes() -> dict[str, list[float]]:
    """Train networks of four dtypes on two images: a third process has none."""
    images, labels = _garments(2)
    found = {}
    for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.float64):
        torch.manual_seed(1)
        net = small_cnn(channels=2).to(dtype)
        sgd = torch.optim.SGD(net.parameters(), lr=0.05)
        history = fit_full_batch(
            net, images.to(dtype), labels, epochs=5, optimizer=sgd, micro_batch_size=1, device="cpu"
        )
        found[str(dtype)] = list(history.losses)
    return found
