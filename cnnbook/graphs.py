"""Record a GPU's work once and replay it, so that the CPU no longer has to hand it out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from cnnbook.layouts import has_hooks

__all__ = ["WARM_UP", "own_stream", "record", "why_not_recorded"]

# Updates that are taken one by one before the recording: libraries choose their algorithms and
# make their workspaces in them, which must not happen while recording.
WARM_UP = 3


def why_not_recorded(
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
        >>> from cnnbook.graphs import why_not_recorded
        >>> net = torch.nn.Linear(1, 1)
        >>> print(why_not_recorded(net, torch.optim.SGD(net.parameters()), processes=1))
        None
        >>> why_not_recorded(net, torch.optim.Adam(net.parameters()), processes=1)
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


def record(update: Callable[[], None], parameters: list[torch.nn.Parameter]) -> Callable[[], None]:
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
        >>> from cnnbook.graphs import record
        >>> if torch.cuda.is_available():
        ...     total, one = torch.zeros(2, device="cuda").unbind()
        ...     replay = record(lambda: total.add_(1), [])
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


@contextmanager
def own_stream(place: torch.device) -> Iterator[None]:
    """Let a GPU work on a stream of its own, as recording demands of the updates before it.

    Args:
        place: Where it computes; on a CPU nothing happens.

    Yields:
        Nothing.

    Examples:
        >>> import torch
        >>> from cnnbook.graphs import own_stream
        >>> with own_stream(torch.device("cpu")):
        ...     torch.ones(()).item()
        1.0

    Source:
        PyTorch documentation, "CUDA semantics", "CUDA graphs", "Whole-network capture".
    """
    if place.type != "cuda":
        yield
        return
    with torch.cuda.device(place):
        outside = torch.cuda.current_stream()
        own = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        own.wait_stream(outside)
        with torch.cuda.stream(own):
            yield
        outside.wait_stream(own)
