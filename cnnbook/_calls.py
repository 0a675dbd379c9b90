"""One forward pass, with the shapes of every call of a module and torch's count of its products."""

import inspect
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from torch.nn.utils.parametrize import is_parametrized
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry
from torch.utils.hooks import RemovableHandle

from cnnbook.networks import preserve_mode

__all__ = ["Call", "Unit", "computing_units", "record_calls"]


@dataclass(frozen=True)
class Call:
    """One call of a module for one image.

    Attributes:
        input_shape: Shape of its first tensor, without the batch axis; empty if it has none.
        output_shape: Shape of the first tensor that it returns, without the batch axis; None if it
            returns none.
        macs: Multiply-accumulate operations by torch.utils.flop_counter, without those of the
            modules that were called inside; None if they were not counted.

    Examples:
        >>> from cnnbook._calls import Call
        >>> Call((3,), (2,), 6).macs
        6
    """

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...] | None
    macs: int | None


@dataclass(eq=False)
class Unit:
    """A module with the tensors that belong to it alone.

    Attributes:
        module: The module.
        parameters: Its own parameters, and those of the holders in it.
        buffers: Its own buffers, and those of the holders in it.
        is_leaf: Whether no other module runs inside it.
    """

    module: torch.nn.Module
    parameters: list[torch.nn.Parameter] = field(default_factory=list)
    buffers: list[torch.Tensor] = field(default_factory=list)
    is_leaf: bool = True


def computing_units(net: torch.nn.Module) -> dict[str, Unit]:
    """Collect the modules of a network that compute outputs, each once, in the network's order.

    A ParameterList or ModuleList has no forward, and a parametrization computes a weight and not
    an output: they are holders, whose tensors belong to the module around them.

    Args:
        net: The network.

    Returns:
        The modules by name; the network itself has the name "".

    Examples:
        >>> import torch
        >>> from cnnbook._calls import computing_units
        >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 2))
        >>> units = computing_units(torch.nn.Sequential(layer, torch.nn.ReLU()))
        >>> list(units), [tuple(weight.shape) for weight in units["0"].parameters]
        (['', '0', '1'], [(2,), (2, 1), (2, 3)])
    """
    units: dict[str, Unit] = {}
    seen: set[torch.nn.Module] = set()

    def visit(name: str, module: torch.nn.Module, around: Unit | None) -> None:
        if module in seen:
            return
        seen.add(module)
        # Not getattr, which the forward of a scripted module refuses.
        forward = inspect.getattr_static(type(module), "forward")
        computes = forward is not torch.nn.Module.forward or "forward" in vars(module)
        if computes or around is None:
            if around is not None:
                around.is_leaf = False
            around = units[name] = Unit(module)
        around.parameters.extend(module.parameters(recurse=False))
        around.buffers.extend(module.buffers(recurse=False))
        for child_name, child in module.named_children():
            if child_name == "parametrizations" and is_parametrized(module):
                around.parameters.extend(child.parameters())
                around.buffers.extend(child.buffers())
            else:
                visit(f"{name}.{child_name}" if name else child_name, child, around)

    visit("", net, None)
    return units


def _tensors(value: object) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested tuples, lists and dicts."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(tuple(value.values()))


def _first_shape(value: object) -> tuple[int, ...] | None:
    """Return the shape of the first tensor without the batch axis, or None if there is none."""
    for tensor in _tensors(value):
        # A first axis of another size is not the batch but, for example, a sequence's steps.
        return tuple(tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape)
    return None


class _ProductWatcher(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers whose numbers were multiplied: the storages of all factors."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.factors: dict[int, torch.UntypedStorage] = {}

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: tuple[type, ...],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        result = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            # Kept, so that no later storage gets the same number.
            self.factors |= _storages(_tensors((args, kwargs or {})))
        return result


def _storages(tensors: Iterable[torch.Tensor]) -> dict[int, torch.UntypedStorage]:
    """Return the memory of tensors by its number; the views of a tensor share it."""
    storages = [tensor.untyped_storage() for tensor in tensors if tensor.layout == torch.strided]
    return {storage._cdata: storage for storage in storages}


@contextmanager
def _eager() -> Iterator[None]:
    """Run compiled networks without compilation: their code skips hooks added after compiling."""
    # Importing the compiler takes seconds, and nothing can be compiled before it is imported.
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with warnings.catch_warnings(), torch.compiler.set_stance("force_eager"):
        # FlopCounterMode uses global hooks, which do not matter to a network that runs eagerly.
        warnings.filterwarnings("ignore", message="Using `torch.compile")
        yield


def record_calls(
    net: torch.nn.Module, units: dict[str, Unit], image_shape: tuple[int, ...], *, count: bool
) -> dict[str, list[Call]]:
    """Pass one image of zeros through a network and record every call of its modules.

    Args:
        net: The network.
        units: Its modules, from ``computing_units``.
        image_shape: Shape of the image, without the batch axis.
        count: Whether torch counts the products. It takes a second to start, and a network whose
            every module is known to run and to multiply by a formula does not need it.

    Returns:
        The calls of each module, in their order; none if the network does not use the module.

    Raises:
        ValueError: The network does not accept the image, or a module computes without being
            called.

    Examples:
        >>> import torch
        >>> from cnnbook._calls import computing_units, record_calls
        >>> net = torch.nn.Linear(3, 2)
        >>> record_calls(net, computing_units(net), (3,), count=True)
        {'': [Call(input_shape=(3,), output_shape=(2,), macs=6)]}
    """
    recorded: dict[str, list[Call]] = {name: [] for name in units}
    counter, watcher = FlopCounterMode(display=False), _ProductWatcher()
    # Name, operations before the call, and operations in modules called inside.
    running: list[tuple[str, int, list[int]]] = []

    def add_hooks(name: str, module: torch.nn.Module) -> list[RemovableHandle]:
        def before(*_: object) -> None:
            running.append((name, counter.get_total_flops(), []))

        def after(_: object, args: object, kwargs: object, output: object) -> None:
            # A call that ended with an error, which the network caught, has no end: the calls that
            # seemed to be inside it came after it.
            while running[-1][0] != name:
                inside = running.pop()[2]
                running[-1][2].extend(inside)
            _, start, inner = running.pop()
            flops = counter.get_total_flops() - start
            if running:
                running[-1][2].append(flops)
            own = (flops - sum(inner)) // 2 if count else None
            shapes = _first_shape((args, kwargs)) or (), _first_shape(output)
            recorded[name].append(Call(*shapes, own))

        # Around all other hooks, which may compute, too.
        return [
            module.register_forward_pre_hook(before, prepend=True),
            module.register_forward_hook(after, with_kwargs=True),
        ]

    no_parameter = torch.zeros(0, device="cpu")
    like = next((p for p in net.parameters() if p.is_floating_point()), no_parameter)
    image = torch.zeros(1, *image_shape, dtype=like.dtype, device=like.device)
    hooks = [hook for name, unit in units.items() for hook in add_hooks(name, unit.module)]
    try:
        with preserve_mode(net, training=False), torch.no_grad(), _eager(), ExitStack() as modes:
            if count:
                modes.enter_context(watcher)
                modes.enter_context(counter)
            net(image)
    # A network may raise anything for a shape that it does not accept.
    except Exception as error:
        message = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"input_shape: expected one that the network takes, got {image_shape}: {message}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    _check_hooks(units, recorded, watcher.factors if count else None)
    return recorded


def _check_hooks(
    units: dict[str, Unit],
    recorded: dict[str, list[Call]],
    factors: dict[int, torch.UntypedStorage] | None,
) -> None:
    """Refuse a network in which a hook did not run, whose module would seem to cost nothing.

    A module that is not called may be unused: its weights are no factors of any product. Without
    ``factors``, every module is known to run.
    """
    called = [unit for name, unit in units.items() if recorded[name]]
    explained = _storages(weight for unit in called for weight in unit.parameters)
    for name, unit in units.items():
        if recorded[name]:
            continue
        own = _storages(unit.parameters).keys() - explained.keys()
        if factors is None or not name or factors.keys() & own:
            raise ValueError(
                f"net: expected layers that are called, so that their hooks run, but {name!r} "
                f"({type(unit.module).__name__}) computes without being called; write layer(x) "
                "instead of layer.forward(x) or a function of its weights, and do not trace or "
                "script the network; count_parameters and parameter_table accept any network"
            )
