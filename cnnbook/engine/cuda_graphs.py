"""One update captured as a CUDA graph and replayed, so that the CPU need not launch each kernel."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from cnnbook.engine.allowlist import unknown_part

__all__ = ["WARM_UP", "can_capture", "side_stream", "try_capture"]

# Eager updates before the capture: during them libraries choose their algorithms and allocate their
# workspaces, which must not happen during a capture.
WARM_UP = 3

_CAPTURING_DEVICES = {"cuda"}


def can_capture(
    net: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    device: torch.device,
    updates: int,
    processes: int,
) -> bool:
    """Return whether to try a capture, and warn if it is known to fail on a GPU.

    Call it from a method of the trainer, so that the warning names the line that called the
    trainer.

    Args:
        net: The network.
        optimizer: What updates it.
        device: Where it is trained.
        updates: Number of remaining updates.
        processes: Number of processes that train it together.

    Returns:
        False on a CPU, for at most ``WARM_UP`` updates, and after a warning.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.cuda_graphs import can_capture
        >>> net = torch.nn.Linear(1, 1)
        >>> sgd, cpu = torch.optim.SGD(net.parameters()), torch.device("cpu")
        >>> can_capture(net, sgd, device=cpu, updates=499, processes=1)
        False

    Source:
        PyTorch documentation, "CUDA semantics", "CUDA graphs", "Constraints".
    """
    if device.type not in _CAPTURING_DEVICES or updates <= WARM_UP:
        return False
    name, reason = type(optimizer).__name__, None
    # Plain SGD keeps nothing but tensors; of the others only those that say so can be captured.
    needs_flag = type(optimizer) is not torch.optim.SGD
    if processes > 1:
        reason = "several processes exchange their gradients within the update"
    elif unknown_part(net):
        reason = "hooks on the network would run during the capture only"
    elif needs_flag and any("capturable" not in group for group in optimizer.param_groups):
        reason = f"{name} is not known to keep all its state on the GPU"
    elif needs_flag and not all(group["capturable"] for group in optimizer.param_groups):
        reason = f"{name} counts its steps on the CPU; make it with capturable=True"
    elif getattr(optimizer, "_optimizer_step_pre_hooks", None) or getattr(
        optimizer, "_optimizer_step_post_hooks", None
    ):
        reason = f"hooks on {name} would run during the capture only"
    if reason:
        warnings.warn(f"training without a CUDA graph, since {reason}", stacklevel=4)
    return reason is None


def try_capture(
    update: Callable[[], None], parameters: Sequence[torch.nn.Parameter], device: torch.device
) -> Callable[[], None] | None:
    """Capture one update, or warn and return None if torch cannot capture it.

    A capture records the kernels without running them. The update must read and write the same
    tensors each time, read no number on the CPU, and keep the gradients' tensors. Call it from a
    method of the trainer, so that the warning names the line that called the trainer.

    Args:
        update: Computes gradients and steps; it has run ``WARM_UP`` times.
        parameters: The network's, whose gradients the graph allocates itself.
        device: The GPU.

    Returns:
        A function that launches one more update without waiting for it; ``None`` if the updates
        must run eagerly.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.cuda_graphs import try_capture
        >>> if torch.cuda.is_available():
        ...     total, one = torch.zeros(2, device="cuda").unbind()
        ...     replay = try_capture(lambda: total.add_(1), [], total.device)
        ...     replay(), replay(), total.item()
        ... else:
        ...     None, None, 2.0
        (None, None, 2.0)

    Source:
        PyTorch documentation, "CUDA semantics", "CUDA graphs", "Whole-network capture".
    """
    for parameter in parameters:
        # The first backward within the capture then allocates them in the graph's own memory, and
        # each replay overwrites them instead of adding to the last ones.
        parameter.grad = None
    try:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            update()
    except RuntimeError as error:
        warnings.warn(
            "training without a CUDA graph, since the update cannot be captured (torch says: "
            f"{str(error).splitlines()[0]})",
            stacklevel=4,
        )
        torch.cuda.synchronize(device)
        return None
    return graph.replay


@contextmanager
def side_stream(device: torch.device) -> Iterator[None]:
    """Run the block on a separate CUDA stream, which a capture needs for its warm-up updates.

    Args:
        device: Where the network is trained; on a CPU nothing happens.

    Yields:
        Nothing.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.cuda_graphs import side_stream
        >>> with side_stream(torch.device("cpu")):
        ...     torch.ones(()).item()
        1.0

    Source:
        PyTorch documentation, "CUDA semantics", "CUDA graphs", "Whole-network capture".
    """
    if device.type != "cuda":
        yield
        return
    with torch.cuda.device(device):
        outside = torch.cuda.current_stream()
        own = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        own.wait_stream(outside)
        with torch.cuda.stream(own):
            yield
        outside.wait_stream(own)
