"""One batch on several processes: each takes a shard, and the gradients are summed."""

import atexit
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch

if torch.distributed.is_available():
    # Optimizers import this module, and it keeps the process group that exists at that moment (in
    # the defaults of its functions). Imported now, it finds none; see ``init_distributed``.
    import torch.distributed.nn

__all__ = ["Processes", "init_distributed"]

_LAUNCHED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Processes:
    """The processes that train one network together, and which of them this is.

    Attributes:
        rank: The number of this process, from 0.
        world_size: How many there are; with one, every method does nothing.
        device: Where a tensor must be to be exchanged.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.distributed import Processes
        >>> [Processes(rank, 3, torch.device("cpu")).shard(8) for rank in range(3)]
        [slice(0, 3, None), slice(3, 6, None), slice(6, 8, None)]
    """

    rank: int
    world_size: int
    device: torch.device

    def shard(self, total: int) -> slice:
        """Return which of the images this process takes; the first processes take one more.

        Args:
            total: Images of the whole batch; may be fewer than the processes.

        Returns:
            A slice; empty if there is no image for this process.
        """
        each, left = divmod(total, self.world_size)
        start = self.rank * each + min(self.rank, left)
        return slice(start, start + each + (self.rank < left))

    def all_reduce_gradients(
        self, parameters: Sequence[torch.nn.Parameter], loss: torch.Tensor, *, stop: bool
    ) -> tuple[torch.Tensor, bool]:
        """Sum gradients and loss over all processes, in one exchange.

        The sums are made in float32, or in float64 if any parameter has it. Each process's part,
        and the sum, have the parameter's own dtype.

        Args:
            parameters: The network's parameters, in the same order everywhere.
            loss: This process's part of the loss.
            stop: Whether this process was asked to stop.

        Returns:
            The whole loss, and whether any process was asked to stop. If so, all stop after the
            same update, and none waits for one that has ended.
        """
        if self.world_size == 1:
            return loss, stop
        double = any(parameter.dtype == torch.float64 for parameter in parameters)
        dtype = torch.float64 if double else torch.float32
        parts = [
            (torch.zeros_like(parameter) if parameter.grad is None else parameter.grad)
            .flatten()
            .to(self.device, dtype)
            for parameter in parameters
        ]
        # An optimizer skips a parameter without a gradient. A process without images has no
        # gradients at all, so the processes count for each parameter how many have one.
        present = [float(parameter.grad is not None) for parameter in parameters]
        flags = torch.tensor([*present, float(stop)], dtype=dtype, device=self.device)
        flat = torch.cat([*parts, flags, loss.detach().reshape(1).to(self.device, dtype)])
        torch.distributed.all_reduce(flat)
        start = 0
        counts = flat[sum(part.numel() for part in parts) :].tolist()
        for parameter, count in zip(parameters, counts, strict=False):
            if count:
                summed = flat[start : start + parameter.numel()]
                parameter.grad = summed.reshape(parameter.shape).to(parameter)
            start += parameter.numel()
        return flat[-1].to(loss), counts[-2] > 0

    @contextmanager
    def fail_together(self) -> Iterator[None]:
        """Let an error that one process raises within the block end the block in all of them.

        Without this, the others would wait in their next exchange for a process that is gone.

        Yields:
            Nothing.

        Raises:
            RuntimeError: Another process has raised an error, and this one has not.
        """
        try:
            yield
        except Exception:
            # The error itself matters, not that another process may be gone as well.
            with suppress(Exception):
                self._any_failed(failed=True)
            raise
        if self._any_failed(failed=False):
            raise RuntimeError(
                f"process {self.rank} of {self.world_size}: expected that all processes start the "
                "training, but another one has raised an error; its message says what to do"
            )

    def _any_failed(self, *, failed: bool) -> bool:
        return bool(self.gather(torch.tensor(failed, dtype=torch.uint8, device="cpu")).any())

    def check_same(self, values: Mapping[str, object]) -> None:
        """Refuse arguments that are not the same in all processes.

        A process that has other images than the first, for instance only its own share of them,
        would train on a share of that share, and nothing would show it.

        Args:
            values: For each argument's name something whose ``repr`` tells different values apart,
                such as a digest of a tensor.

        Raises:
            ValueError: In every process, if any of them differs from the first.

        Examples:
            >>> import torch
            >>> from cnnbook.engine.distributed import Processes
            >>> Processes(0, 1, torch.device("cpu")).check_same({"epochs": 499})
        """
        if self.world_size == 1:
            return
        for name, value in {"arguments": list(values), **values}.items():
            own = hashlib.sha256(repr(value).encode()).digest()
            found = self.gather(torch.tensor(list(own), dtype=torch.uint8, device="cpu"))
            others = [rank for rank, one in enumerate(found) if not torch.equal(one, found[0])]
            if others:
                raise ValueError(
                    f"{name}: expected the same in all {self.world_size} processes, got another "
                    f"value in process {others[0]} than in process 0; pass the same, and of the "
                    "images the whole batch, since the trainer takes each process's share itself"
                )

    def broadcast(self, tensors: Sequence[torch.Tensor]) -> None:
        """Copy the first process's tensors to all processes, in place.

        Args:
            tensors: Tensors of the same shapes in each process.
        """
        if self.world_size > 1:
            for tensor in tensors:
                torch.distributed.broadcast(tensor.detach(), 0)

    def broadcast_bytes(self, data: bytes | None) -> bytes | None:
        """Send the first process's bytes to all processes.

        Args:
            data: The first process's bytes, or ``None``; ignored in the others.

        Returns:
            The first process's bytes or ``None``.
        """
        if self.world_size == 1:
            return data
        # Bytes, not objects: objects would be unpickled where they arrive.
        length = -1 if data is None or self.rank else len(data)
        size = torch.tensor([length], device=self.device)
        torch.distributed.broadcast(size, 0)
        if int(size) < 0:
            return None
        content = torch.empty(int(size), dtype=torch.uint8, device="cpu")
        if data is not None and not self.rank:
            content = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        content = content.to(self.device)
        torch.distributed.broadcast(content, 0)
        return content.cpu().numpy().tobytes()

    def gather(self, tensor: torch.Tensor) -> torch.Tensor:
        """Collect one tensor from each process.

        Args:
            tensor: Of the same shape and dtype in each process.

        Returns:
            Shape ``(world_size, ...)``, on the CPU.
        """
        if self.world_size == 1:
            return tensor.cpu()[None]
        mine = tensor.to(self.device)
        collected = [torch.empty_like(mine) for _ in range(self.world_size)]
        torch.distributed.all_gather(collected, mine)
        return torch.stack(collected).cpu()


def init_distributed(device: torch.device) -> Processes:
    """Join the processes that ``torchrun`` started with this one, if it did.

    If ``torchrun``'s variables are set and ``torch.distributed`` is not initialised yet, it is
    initialised: with NCCL for a GPU, with gloo otherwise. On one machine each attempt of
    ``torchrun --max-restarts`` gets its own keys in the store in which the processes find each
    other; the keys of killed processes would lead to addresses that no longer answer.

    When the interpreter ends, the group is destroyed, also one that the caller has initialised with
    gloo. gloo's threads free the tensors of the last exchange, for which they need the
    interpreter's lock; one that waits for it while the interpreter ends aborts the process
    ("terminate called without an active exception"). Destroying the group waits for the threads if
    nothing else holds the group, such as a network within ``DistributedDataParallel``, or torch's
    own modules if the caller has initialised the group before importing ``cnnbook.training``.

    Args:
        device: Where the network is trained.

    Returns:
        Which process this is; rank 0 of 1 if there is no other.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.distributed import init_distributed
        >>> init_distributed(torch.device("cpu"))
        Processes(rank=0, world_size=1, device=device(type='cpu'))

    Source:
        PyTorch documentation, torchrun and torch.distributed; pytorch issue 135712 for the keys,
        pull request 179291 for the threads.
    """
    dist = torch.distributed
    if not dist.is_available():
        return Processes(0, 1, torch.device("cpu"))
    own = not dist.is_initialized() and all(name in os.environ for name in _LAUNCHED)
    if own:
        rank, world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        backend = "nccl" if device.type == "cuda" else "gloo"
        if os.environ.get("GROUP_WORLD_SIZE", "1") == "1":
            store = dist.TCPStore(  # type: ignore[attr-defined]
                os.environ["MASTER_ADDR"],
                int(os.environ["MASTER_PORT"]),
                world_size,
                is_master=rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True",
                wait_for_workers=False,
            )
            attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
            own_keys = dist.PrefixStore(f"cnnbook/{attempt}", store)  # type: ignore[attr-defined]
            dist.init_process_group(backend, store=own_keys, rank=rank, world_size=world_size)
        else:
            # Each machine counts its attempts by itself, so the keys cannot hold them.
            dist.init_process_group(backend)
    if not dist.is_initialized():
        return Processes(0, 1, torch.device("cpu"))
    if own or dist.get_backend() != "nccl":
        # Once, however often this function is called.
        atexit.unregister(_destroy_process_group)
        atexit.register(_destroy_process_group)
    exchange_device = device if dist.get_backend() == "nccl" else torch.device("cpu")
    return Processes(dist.get_rank(), dist.get_world_size(), exchange_device)


def _destroy_process_group() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
