"""Micro-batches on several CPU cores in parallel, each core with its own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

__all__ = ["thread_pool"]

_Result = TypeVar("_Result")


@contextmanager
def thread_pool(
    threads: int,
) -> Iterator[Callable[[Callable[[int], Any]], list[Any]]]:
    """Provide a pool of threads, each of which computes on one core.

    torch itself splits every operation among the cores and waits for the slowest core after each
    one. With many short operations, above all on a busy machine, most of the time is spent waiting.
    Here a core waits once per update.

    Args:
        threads: Number of threads.

    Yields:
        A function that calls a given function with 0, 1, ... in all threads in parallel and returns
        the results in that order. If a call fails, it waits for the others and raises the first
        failure. Within the block torch uses one core in each thread; afterwards as many as
        before.

    Examples:
        >>> from cnnbook.engine.threads import thread_pool
        >>> with thread_pool(3) as run_in_threads:
        ...     run_in_threads(lambda number: number * 10)
        [0, 10, 20]

    Source:
        PyTorch documentation, "CPU threading and TorchScript inference", on the two kinds of
        parallelism.
    """
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))

    def run_in_threads(work: Callable[[int], _Result]) -> list[_Result]:
        calls = [pool.submit(work, number) for number in range(threads)]
        wait(calls)
        return [call.result() for call in calls]

    try:
        yield run_in_threads
    finally:
        pool.shutdown()
        torch.set_num_threads(before)
