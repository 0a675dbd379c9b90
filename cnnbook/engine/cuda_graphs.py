"""Record a GPU's work once and replay it, so that the CPU no longer has to hand it out."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from cnnbook.engine.rewrites import has_hooks

__all__ = [
    "WARM_UP",
    "can_capture",
    "capture",
    "side_stream",
    "try_capture",
    "uncapturable_reason",
]

# Updates that are taken one by one before the recording: libraries choose their algorithms and
# make their workspaces in them, which must not happen while recording.
WARM_UP = 3


def uncapturable_reason(
    net: torch.nn.Module, optimizer: torch.optim.Optimizer, *, processes: int
) -> str | None:
    """Say why an update cannot be recorded as a CUDA graph, if it is known beforehand.

    Args:
        net: The network.
        optimizer: What updates it.
        processes: How many processes train it together.

    Returns:
        The reason, in words; ``None`` where it may be tried.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.cuda_graphs import uncapturable_reason
        >>> net = torch.nn.Linear(1, 1)
        >>> print(uncapturable_reason(net, torch.optim.SGD(net.parameters()), processes=1))
        None
        >>> uncapturable_reason(net, torch.optim.Adam(net.parameters()), processes=1)
        'Adam counts its steps on the CPU; make it with capturable=True'

    Source:
        PyTorch documentation, "CUDA semantics", "CUDA graphs", "Constraints".
    """
    if processes > 1:
        return "several processes exchange their gradients within the update"
    if has_hooks(net):
        return "hooks on the network would run at the recording only"
    name = type(optimizer).__name__
    # Plain SGD keeps nothing but tensors; of others only those that say so can be recorded.
    if type(optimizer) is not torch.optim.SGD:
        if any("capturable" not in group for group in optimizer.param_groups):
            return f"{name} is not known to keep all its numbers on the GPU"
        if not all(group["capturable"] for group in optimizer.param_groups):
            return f"{name} counts its steps on the CPU; make it with capturable=True"
    if getattr(optimizer, "_optimizer_step_pre_hooks", None) or getattr(
        optimizer, "_optimizer_step_post_hooks", None
    ):
        return f"hooks on {name} would run at the recording only"
    return None


def capture(
    update: Callable[[], None], parameters: Sequence[torch.nn.Parameter]
) -> Callable[[], None]:
    """Record one update on the present GPU and return what replays it.

    Recording runs nothing. The update must read and write the same tensors each time, look at no
    number on the CPU, and leave the gradients where they are.

    Args:
        update: Computes gradients and steps; it has run ``WARM_UP`` times.
        parameters: The network's, whose gradients the recording makes for itself.

    Returns:
        A function that takes the update once more and returns at once.

    Raises:
        RuntimeError: Something in the update cannot be recorded, or there is no GPU.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.cuda_graphs import record
        >>> if torch.cuda.is_available():
        ...     total, one = torch.zeros(2, device="cuda").unbind()
        ...     replay = capture(lambda: total.add_(1), [])
        ...     replay(), replay(), total.item()
        ... else:
        ...     None, None, 2.0
        (None, None, 2.0)

    Source:
        PyTorch documentation, "CUDA semantics", "CUDA graphs", "Whole-network capture".
    """
    for parameter in parameters:
        # So that the first backward within the recording makes them in the graph's own memory,
        # and each replay writes them anew instead of adding to the last.
        parameter.grad = None
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        update()
    return graph.replay


def _can_capture(device: torch.device) -> bool:
    return device.type == "cuda"


def can_capture(
    net: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    device: torch.device,
    updates: int,
    processes: int,
) -> bool:
    """Tell whether to try to record, and warn where a GPU has to do without for a known reason.

    Called by what the user's function calls, so that the warning names the user's line.

    Args:
        net: The network.
        optimizer: What updates it.
        device: Where it is trained.
        updates: How many updates there are still to take.
        processes: How many processes train it together.

    Returns:
        False on a CPU, where the updates are no more than ``WARM_UP``, and after a warning.

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
    if not _can_capture(device) or updates <= WARM_UP:
        return False
    why = uncapturable_reason(net, optimizer, processes=processes)
    if why:
        warnings.warn(f"training without a CUDA graph, since {why}", stacklevel=4)
    return why is None


def try_capture(
    update: Callable[[], None], parameters: Sequence[torch.nn.Parameter], device: torch.device
) -> Callable[[], None] | None:
    """Record one update, or warn and return None where torch refuses to.

    Called by what the user's function calls, so that the warning names the user's line.

    Args:
        update: Computes gradients and steps; it has run ``WARM_UP`` times.
        parameters: The network's.
        device: The GPU.

    Returns:
        What ``capture`` returns; None where the updates have to be taken one by one.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.cuda_graphs import try_capture
        >>> if torch.cuda.is_available():
        ...     total, one = torch.zeros(2, device="cuda").unbind()
        ...     replay = try_capture(lambda: total.add_(1), [], total.device)
        ...     replay(), total.item()
        ... else:
        ...     None, 1.0
        (None, 1.0)

    Source:
        PyTorch documentation, "CUDA semantics", "CUDA graphs", "Whole-network capture".
    """
    try:
        return capture(update, parameters)
    except RuntimeError as error:
        warnings.warn(
            "training without a CUDA graph, since the update cannot be recorded (torch says: "
            f"{str(error).splitlines()[0]})",
            stacklevel=4,
        )
        torch.cuda.synchronize(device)
        return None


@contextmanager
def side_stream(device: torch.device) -> Iterator[None]:
    """Let a GPU work on a stream of its own, as recording demands of the updates before it.

    Args:
        device: Where it computes; on a CPU nothing happens.

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
