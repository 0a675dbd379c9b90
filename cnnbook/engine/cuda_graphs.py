"""One update captured as a CUDA graph and replayed, so that the CPU need not launch each kernel."""

import functools
import gc
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.optim import lr_scheduler

from cnnbook.engine.allowlist import optimizer_hooks, unknown_part
from cnnbook.engine.losses import Loss, unknown_loss

__all__ = ["WARM_UP", "can_capture", "side_stream", "try_capture"]

#: Eager updates before the capture: during them libraries choose their algorithms and allocate
#: their workspaces, which must not happen during a capture.
WARM_UP = 3

_CAPTURING_DEVICES = {"cuda"}

# Their state is on the GPU and their update reads no number on the CPU if they are made with
# capturable=True. Exact types: a subclass may do anything.
_CAPTURABLE_OPTIMIZERS = {
    *(torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam, torch.optim.RAdam),
    *(torch.optim.Adamax, torch.optim.Adadelta, torch.optim.RMSprop, torch.optim.ASGD),
    torch.optim.Rprop,
}

# They change the learning rate and nothing else. CyclicLR and OneCycleLR also change the momentum,
# a Python number, which a graph would keep as it was during the capture.
_RATE_SCHEDULERS = {
    *(lr_scheduler.LambdaLR, lr_scheduler.MultiplicativeLR, lr_scheduler.StepLR),
    *(lr_scheduler.MultiStepLR, lr_scheduler.ConstantLR, lr_scheduler.LinearLR),
    *(lr_scheduler.ExponentialLR, lr_scheduler.PolynomialLR, lr_scheduler.CosineAnnealingLR),
    *(lr_scheduler.CosineAnnealingWarmRestarts, lr_scheduler.ReduceLROnPlateau),
}
_NESTED_SCHEDULERS = {lr_scheduler.SequentialLR, lr_scheduler.ChainedScheduler}


def can_capture(
    net: torch.nn.Module,
    loss_fn: Loss,
    optimizer: torch.optim.Optimizer,
    *,
    device: torch.device,
    updates: int,
    processes: int,
    scheduler: lr_scheduler.LRScheduler | None = None,
) -> bool:
    """Return whether to try a capture, and warn if an update must not or cannot be captured.

    A replay repeats the kernels of the captured update and runs no Python. A random number drawn
    by Python, a counter, or a loss that changes from epoch to epoch would keep the value that it
    had during the capture, and nobody would notice. So only what is known to read nothing but
    tensors is captured. Call this from a method of the trainer, so that the warning names the
    line that called the trainer.

    Args:
        net: The network.
        loss_fn: The loss.
        optimizer: What updates the network.
        device: Where it is trained.
        updates: Number of remaining updates.
        processes: Number of processes that train it together.
        scheduler: What sets the learning rate between two updates; ``None`` if nothing does.

    Returns:
        False on a CPU, for at most ``WARM_UP`` updates, and after a warning.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.cuda_graphs import can_capture
        >>> net, loss_fn = torch.nn.Linear(1, 1), torch.nn.MSELoss()
        >>> sgd, cpu = torch.optim.SGD(net.parameters()), torch.device("cpu")
        >>> can_capture(net, loss_fn, sgd, device=cpu, updates=499, processes=1)
        False

    Source:
        PyTorch documentation, "CUDA semantics", "CUDA graphs", "Constraints".
    """
    if device.type not in _CAPTURING_DEVICES or updates <= WARM_UP:
        return False
    reason = (
        ("several processes exchange their gradients within the update" if processes > 1 else None)
        or unknown_part(net)
        or _counting_layer(net)
        or unknown_loss(loss_fn)
        or _uncapturable_optimizer(optimizer)
        or _uncapturable_rate(optimizer, scheduler)
    )
    if reason:
        warnings.warn(f"training without a CUDA graph, since {reason}", stacklevel=4)
    return reason is None


def _counting_layer(net: torch.nn.Module) -> str | None:
    for name, module in net.named_modules():
        # The weight of the new batch in the running statistics is then 1 / (number of batches).
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.momentum is None:
            return (
                f"layer {name!r} ({type(module).__name__}) reads its number of batches on the CPU; "
                "give it a momentum, such as 0.1"
            )
    return None


def _uncapturable_optimizer(optimizer: torch.optim.Optimizer) -> str | None:
    name = type(optimizer).__name__
    if type(optimizer) not in {torch.optim.SGD, *_CAPTURABLE_OPTIMIZERS}:
        return f"{name} is not known to keep all its state on the GPU"
    step = vars(optimizer).get("step")
    # A scheduler replaces the step by one that also notes that it was called.
    if step is not None and not getattr(step, "_wrapped_by_lr_sched", False):
        return f"{name} has a step of its own, which would run during the capture only"
    if optimizer_hooks(optimizer):
        return f"hooks on {name} would run during the capture only"
    # Plain SGD counts nothing.
    if type(optimizer) is not torch.optim.SGD and not all(
        group["capturable"] for group in optimizer.param_groups
    ):
        return f"{name} counts its steps on the CPU; make it with capturable=True"
    return None


def _uncapturable_rate(
    optimizer: torch.optim.Optimizer, scheduler: lr_scheduler.LRScheduler | None
) -> str | None:
    name = type(optimizer).__name__
    unknown = None if scheduler is None else _unknown_scheduler(scheduler)
    if unknown:
        return f"{unknown} is not known to change the learning rate only"
    for group in optimizer.param_groups:
        rate, on = group["lr"], group["params"][0].device
        if not isinstance(rate, torch.Tensor):
            if scheduler is None:
                continue
            return (
                f"{type(scheduler).__name__} changes the learning rate, a Python number, which a "
                f"graph would keep; make the optimizer with lr=torch.tensor({rate}, "
                f"device={str(on)!r})"
            )
        if rate.device != on:
            return (
                f"the learning rate is a tensor on {rate.device}, whose number a graph would keep; "
                f"make it on {on}"
            )
        if type(optimizer) is torch.optim.SGD and not group.get("fused"):
            return "SGD reads a learning rate in a tensor on the CPU; make it with fused=True"
        if type(optimizer) not in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
            return f"{name} is not known to leave a learning rate in a tensor on the GPU"
    return None


def _unknown_scheduler(scheduler: lr_scheduler.LRScheduler) -> str | None:
    if type(scheduler) in _NESTED_SCHEDULERS:
        parts: Sequence[lr_scheduler.LRScheduler] = getattr(scheduler, "_schedulers", ())
        return next((name for part in parts if (name := _unknown_scheduler(part))), None)
    return None if type(scheduler) in _RATE_SCHEDULERS else type(scheduler).__name__


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
        must run eagerly. The parameters then have no gradients.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.cuda_graphs import side_stream, try_capture
        >>> if torch.cuda.is_available():
        ...     total, one = torch.zeros(2, device="cuda").unbind()
        ...     with side_stream(total.device):
        ...         replay = try_capture(lambda: total.add_(1), [], total.device)
        ...         replay(), replay(), total.item()
        ... else:
        ...     None, None, 2.0
        (None, None, 2.0)

    Source:
        PyTorch documentation, "CUDA semantics", "CUDA graphs", "Whole-network capture".
    """
    if _older_graph_is_alive(parameters):
        # It may only be waiting for the garbage collector, in a cycle with a traceback.
        gc.collect()
        if _older_graph_is_alive(parameters):
            warnings.warn(
                "training without a CUDA graph, since an older autograd graph of this network is "
                "still alive and ties its gradients to another CUDA stream; before the training, "
                "delete what holds it, such as the loss and the scores of an earlier loop "
                "('del loss, scores'; in a notebook also '%reset -f out', which clears Out[...])",
                stacklevel=4,
            )
            return None
    _drop_gradients(parameters)
    try:
        graph = torch.cuda.CUDAGraph()
        # torch's own stream for captures is made once a process, on the device of the first one.
        with torch.cuda.device(device), torch.cuda.graph(graph, stream=_capture_stream(device)):
            update()
    except RuntimeError as error:
        warnings.warn(
            "training without a CUDA graph, since the update cannot be captured (torch says: "
            f"{str(error).splitlines()[0]})",
            stacklevel=4,
        )
        # They are in the memory of a graph that will never run.
        _drop_gradients(parameters)
        torch.cuda.synchronize(device)
        return None
    return graph.replay


def _drop_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    # The first backward within a capture then allocates them in the graph's own memory, and each
    # replay overwrites them instead of adding to the last ones.
    for parameter in parameters:
        parameter.grad = None


def _older_graph_is_alive(parameters: Sequence[torch.nn.Parameter]) -> bool:
    """Return whether something still holds an autograd graph that ends in one of the parameters.

    Every graph that uses a parameter shares one node that accumulates its gradient, and that node
    belongs to the stream on which the first of them was built. Without a graph it is made anew for
    each question, so a mark on it is found again only if a graph keeps it.
    """

    def metadata(parameter: torch.nn.Parameter) -> Any:  # noqa: ANN401
        return torch.autograd.graph.get_gradient_edge(parameter).node.metadata

    for parameter in parameters:
        metadata(parameter)["cnnbook"] = True
        if "cnnbook" in metadata(parameter):
            # Leave no mark behind.
            del metadata(parameter)["cnnbook"]
            return True
    return False


def _capture_stream(device: torch.device) -> torch.cuda.Stream:
    index = torch.cuda.current_device() if device.index is None else device.index
    return _stream_of(index)


# One stream a device for warm-up and capture: libraries keep a workspace for each stream, and one
# made during a capture would be in the memory of the graph.
@functools.cache
def _stream_of(index: int) -> torch.cuda.Stream:
    return torch.cuda.Stream(index)  # type: ignore[no-untyped-call]


@contextmanager
def side_stream(device: torch.device) -> Iterator[None]:
    """Run the block on the stream of later captures, which their warm-up updates must use.

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
        outside, own = torch.cuda.current_stream(), _capture_stream(device)
        own.wait_stream(outside)
        try:
            with torch.cuda.stream(own):
                yield
        finally:
            # After an error, too: what is read next must not overtake the updates so far.
            outside.wait_stream(own)
