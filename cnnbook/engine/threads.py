"""Pieces of a batch on several cores, each core on its own, none waiting for another."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from cnnbook.engine.rewrites import has_hooks

__all__ = ["is_thread_safe", "thread_pool"]

_Result = TypeVar("_Result")

# Layers that keep nothing, count nothing and draw no random number, so that several threads may
# be in them at once and no order of theirs shows. Exact types: a subclass may do anything.
_WITHOUT_MEMORY = {
    *(torch.nn.Sequential, torch.nn.Identity, torch.nn.Flatten, torch.nn.Unflatten),
    *(torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.ConvTranspose2d),
    *(torch.nn.ReLU, torch.nn.LeakyReLU, torch.nn.GELU, torch.nn.SiLU, torch.nn.ELU),
    *(torch.nn.Sigmoid, torch.nn.Tanh, torch.nn.Softplus, torch.nn.Softmax, torch.nn.LogSoftmax),
    *(torch.nn.MaxPool2d, torch.nn.AvgPool2d, torch.nn.AdaptiveAvgPool2d, torch.nn.ZeroPad2d),
    *(torch.nn.LayerNorm, torch.nn.GroupNorm),
}


def is_thread_safe(net: torch.nn.Module) -> bool:
    """Tell whether several threads may use a network at once, with the same numbers every time.

    Args:
        net: The network.

    Returns:
        Whether all of its layers are among those known to keep nothing and draw nothing, and
        nobody has hooked anything onto them.

    Examples:
        >>> import torch
        >>> from cnnbook.networks import small_cnn
        >>> from cnnbook.engine.threads import is_thread_safe
        >>> is_thread_safe(small_cnn())
        True
        >>> is_thread_safe(torch.nn.Sequential(torch.nn.Dropout()))
        False

    Source:
        Derived here.
    """
    return all(type(module) in _WITHOUT_MEMORY for module in net.modules()) and not has_hooks(net)


@contextmanager
def thread_pool(
    threads: int,
) -> Iterator[Callable[[Callable[[int], Any]], list[Any]]]:
    """Keep so many threads, each of which computes on one core.

    torch itself divides each single operation among the cores and waits for the slowest after
    each; with many short operations, and above all on a machine that does something else too,
    most of the time goes into that. Here a core waits once an update.

    Args:
        threads: How many.

    Yields:
        A function that calls another with 0, 1, ... in all threads at once and returns the
        results in that order. Where a call fails, the others are waited for and the first
        failure is raised. While the block runs, torch uses one core in each thread; afterwards
        as many as before.

    Examples:
        >>> from cnnbook.engine.threads import thread_pool
        >>> with thread_pool(3) as in_all:
        ...     in_all(lambda number: number * 10)
        [0, 10, 20]

    Source:
        PyTorch documentation, "CPU threading and TorchScript inference", on the two kinds of
        parallelism.
    """
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))

    def in_all(work: Callable[[int], _Result]) -> list[_Result]:
        calls = [pool.submit(work, number) for number in range(threads)]
        wait(calls)
        return [call.result() for call in calls]

    try:
        yield in_all
    finally:
        pool.shutdown()
        torch.set_num_threads(before)
