"""A stand-in for a CUDA graph that works on a CPU: a tape of one update's tensor operations.

A graph replays the kernels of an update on the same memory and runs none of its Python. So the
tape holds what torch's dispatcher was asked to do, below autograd and below ``vmap``, and a replay
asks for the same again, on the same tensors. As with a graph, nothing is computed by the capture
itself: what it has written is put back, and so is the state of torch's random numbers. What needs
a number on the host fails as it does on a GPU.
"""

import contextlib
import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

# They hand a number, or a shape that depends on numbers, to Python.
_READ_ON_THE_HOST = {
    *("aten::_local_scalar_dense", "aten::item", "aten::equal", "aten::nonzero"),
    *("aten::is_nonzero", "aten::masked_select", "aten::_unique2"),
}

# They write to these arguments without saying so in their schema.
_WRITTEN = {"aten::native_batch_norm": {"running_mean", "running_var"}}


def _alias(value: Any) -> Any:
    # Another Python object on the same memory, which later changes of the first do not reach.
    return value.detach() if isinstance(value, torch.Tensor) else value


class TapedGraph:
    """Stands in for ``torch.cuda.CUDAGraph``."""

    made: list["TapedGraph"]

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[..., Any], Any, Any, Any]] = []
        self.replays = 0
        self.made.append(self)

    def replay(self) -> None:
        self.replays += 1
        with torch.no_grad():
            for call, arguments, options, outputs in self.calls:
                again = tree_leaves(call(*arguments, **options))
                for old, new in zip(tree_leaves(outputs), again, strict=True):
                    # A view, or what an operation in place returns, is on the old memory already.
                    if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)


class Taping(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Stands in for ``torch.cuda.graph``: within the block, a graph is captured."""

    def __init__(self, graph: TapedGraph, *, stream: object) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = graph
        self.before: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.random_state = torch.get_rng_state()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        # The last one first: then each tensor ends as it was before its first change.
        for tensor, content in reversed(self.before):
            tensor.copy_(content)
        torch.set_rng_state(self.random_state)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        schema = func._schema
        if schema.name in _READ_ON_THE_HOST:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        if func.namespace == "profiler":
            return func(*args, **options)
        for number, argument in enumerate(schema.arguments):
            declared = argument.alias_info is not None and argument.alias_info.is_write
            if declared or argument.name in _WRITTEN.get(schema.name, ()):
                given = args[number] if number < len(args) else options.get(argument.name)
                for tensor in tree_leaves(given):
                    if isinstance(tensor, torch.Tensor):
                        self.before.append((tensor.detach(), tensor.detach().clone()))
        taped = tree_map(_alias, (args, options))
        outputs = func(*args, **options)
        self.graph.calls.append((func, *taped, tree_map(_alias, outputs)))
        return outputs


def treat_cpu_as_gpu(patch: pytest.MonkeyPatch) -> list[TapedGraph]:
    """Let the trainers capture on a CPU with a tape; return the graphs that they make."""
    made: list[TapedGraph] = []
    patch.setattr(TapedGraph, "made", made, raising=False)
    patch.setattr("cnnbook.engine.cuda_graphs._CAPTURING_DEVICES", {"cpu"})
    patch.setattr("cnnbook.engine.cuda_graphs._capture_stream", lambda device: None)
    patch.setattr(torch.cuda, "CUDAGraph", TapedGraph)
    patch.setattr(torch.cuda, "graph", Taping)
    patch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    patch.setattr(torch.cuda, "synchronize", lambda device: None)
    # On a GPU there is one thread, and a tape sees its own thread only.
    patch.setattr(torch, "get_num_threads", lambda: 1)
    # torch accepts capturable=True on a GPU only.
    for name in ("adam", "nadam", "radam", "adamax", "adadelta", "rmsprop", "asgd", "rprop"):
        module = importlib.import_module(f"torch.optim.{name}")
        patch.setattr(module, "_get_capturable_supported_devices", lambda *_, **__: ["cpu"])
    return made
