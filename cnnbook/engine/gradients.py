"""Gradients of a batch, micro-batch by micro-batch."""

import torch

__all__ = ["is_out_of_memory"]


def is_out_of_memory(error: RuntimeError) -> bool:
    # On a CPU torch has no kind of its own for it.
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)
