"""What is known of a network: only this is split, rewritten, computed in threads or captured.

Everything else is trained as it is, whole: a layer of one's own, a hook or a replaced ``forward``
may do anything. So this is a list of what is known to be safe, never of what is known to fail.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.modules import module as torch_module
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

__all__ = [
    "altered_part",
    "batch_layer",
    "is_stateless",
    "may_depend_on_mode",
    "may_overwrite_input",
    "optimizer_hooks",
    "unknown_part",
]

# In a batch of known layers each image is a slice along axis 0, and each of these treats the slices
# alike: no state, no random numbers. Exact types: a subclass may do anything.
_STATELESS = {
    *(torch.nn.Sequential, torch.nn.Identity),
    *(torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d),
    *(torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d),
    *(torch.nn.ReLU, torch.nn.ReLU6, torch.nn.LeakyReLU, torch.nn.PReLU, torch.nn.ELU),
    *(torch.nn.SELU, torch.nn.CELU, torch.nn.GELU, torch.nn.SiLU, torch.nn.Mish),
    *(torch.nn.Hardtanh, torch.nn.Hardswish, torch.nn.Hardsigmoid, torch.nn.Softsign),
    *(torch.nn.Sigmoid, torch.nn.LogSigmoid, torch.nn.Tanh, torch.nn.Softplus),
    *(torch.nn.Threshold, torch.nn.Hardshrink, torch.nn.Softshrink, torch.nn.Tanhshrink),
    *(torch.nn.MaxPool1d, torch.nn.MaxPool2d, torch.nn.AvgPool1d, torch.nn.AvgPool2d),
    *(torch.nn.AdaptiveAvgPool1d, torch.nn.AdaptiveAvgPool2d, torch.nn.AdaptiveMaxPool2d),
    *(torch.nn.ZeroPad2d, torch.nn.ConstantPad2d),
    *(torch.nn.ReflectionPad2d, torch.nn.ReplicationPad2d),
    *(torch.nn.Upsample, torch.nn.PixelShuffle, torch.nn.PixelUnshuffle),
    *(torch.nn.LayerNorm, torch.nn.GroupNorm, torch.nn.LocalResponseNorm),
}

# Stateless as long as the axis on which they work is not the one of the images.
_STATELESS_BEYOND_AXIS_0: dict[type[torch.nn.Module], Callable[[Any], int]] = {
    torch.nn.Softmax: lambda layer: 0 if layer.dim is None else layer.dim,
    torch.nn.LogSoftmax: lambda layer: 0 if layer.dim is None else layer.dim,
    torch.nn.Flatten: lambda layer: layer.start_dim,
    torch.nn.Unflatten: lambda layer: layer.dim if isinstance(layer.dim, int) else 0,
}

_BATCH_NORM = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)
_INSTANCE_NORM = (torch.nn.InstanceNorm1d, torch.nn.InstanceNorm2d, torch.nn.InstanceNorm3d)
_DRAWING = (
    *(torch.nn.Dropout, torch.nn.Dropout1d, torch.nn.Dropout2d, torch.nn.Dropout3d),
    *(torch.nn.AlphaDropout, torch.nn.FeatureAlphaDropout, torch.nn.RReLU),
)
_DEPENDS_ON_MODE = {*_BATCH_NORM, *_INSTANCE_NORM, *_DRAWING}

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_GLOBAL_HOOKS = tuple(f"_global{name}" for name in _HOOKS)


def _name(name: str, module: torch.nn.Module) -> str:
    kind = type(module).__name__
    return f"layer {name!r} ({kind})" if name else f"the network ({kind})"


def altered_part(net: torch.nn.Module) -> str | None:
    """Find what observes a network, or replaces a part of it, from outside its classes.

    A copy of such a network need not behave like the network, and another order of its layers
    would be seen by its hooks.

    Args:
        net: The network or a loss.

    Returns:
        The first hook, replaced method or compiled call, in words; ``None`` if there is none.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.allowlist import altered_part
        >>> net = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.ReLU())
        >>> print(altered_part(net))
        None
        >>> hook = net[0].bias.register_hook(lambda gradient: gradient.clamp(-1, 1))
        >>> altered_part(net)
        "parameter '0.bias' has a hook"
        >>> hook.remove()
        >>> net[1].forward = torch.sigmoid
        >>> altered_part(net)
        "layer '1' (ReLU) has a 'forward' that is not its class's"

    Source:
        torch.nn.Module.register_forward_hook, torch.Tensor.register_hook.
    """
    if any(getattr(torch_module, name, None) for name in _GLOBAL_HOOKS):
        return "there is a hook on all modules"
    for name, module in net.named_modules():
        where = _name(name, module)
        if any(getattr(module, hooks, None) for hooks in _HOOKS):
            return f"{where} has a hook"
        if module._compiled_call_impl is not None or hasattr(module, "_orig_mod"):
            return f"{where} is compiled"
        kind = type(module)
        if kind.__module__.startswith("torch.nn.") and not str(
            getattr(kind.forward, "__module__", "")
        ).startswith("torch.nn."):
            return f"{where} has a 'forward' that is not torch's"
        for attribute in vars(module):
            if callable(getattr(type(module), attribute, None)):
                return f"{where} has a {attribute!r} that is not its class's"
    for name, parameter in net.named_parameters():
        if parameter._backward_hooks or getattr(parameter, "_post_accumulate_grad_hooks", None):
            return f"parameter {name!r} has a hook"
    return None


def unknown_part(
    net: torch.nn.Module, *, also: tuple[type[torch.nn.Module], ...] = ()
) -> str | None:
    """Find a part of a network of which it is not known what it does.

    Args:
        net: The network.
        also: Types of layers that are known besides those of torch.

    Returns:
        The first such part, in words; ``None`` if the network is made of layers of torch in
        containers (``Sequential``), which nothing observes or replaces.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.allowlist import unknown_part
        >>> from cnnbook.networks import small_cnn
        >>> print(unknown_part(small_cnn()))
        None
        >>> class Doubled(torch.nn.ReLU):
        ...     def forward(self, images):
        ...         return 2 * super().forward(images)
        >>> unknown_part(torch.nn.Sequential(Doubled()))
        "layer '0' (Doubled) is not a layer of torch that is known to treat images alike"
    """
    altered = altered_part(net)
    if altered:
        return altered
    for name, module in net.named_modules():
        kind = type(module)
        axis = _STATELESS_BEYOND_AXIS_0.get(kind)
        # Other negative axes may be the first one.
        if axis is not None and axis(module) < 1 and axis(module) != -1:
            return f"{_name(name, module)} may work on the axis of the images"
        if axis is None and kind not in {*_STATELESS, *_DEPENDS_ON_MODE, *also}:
            return (
                f"{_name(name, module)} is not a layer of torch that is known to treat images alike"
            )
        # torch refuses to normalize a single number, which one image may give and two do not.
        if isinstance(module, torch.nn.GroupNorm) and module.num_groups == module.num_channels:
            return f"{_name(name, module)} may normalize a single number of an image"
    for name, parameter in net.named_parameters():
        if type(parameter) is not torch.nn.Parameter:
            return f"parameter {name!r} is a {type(parameter).__name__}"
    return None


def batch_layer(net: torch.nn.Module) -> str | None:
    """Find a layer of torch whose result depends on how the images are grouped, in its mode.

    Args:
        net: The network, each layer in the mode in which it is trained.

    Returns:
        The first such layer, in words; ``None`` if there is none.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.allowlist import batch_layer
        >>> net = torch.nn.Sequential(torch.nn.BatchNorm2d(1), torch.nn.Dropout())
        >>> batch_layer(net)
        "layer '0' (BatchNorm2d) mixes the images of a batch"
        >>> batch_layer(net[1:])
        "layer '1' (Dropout) draws random numbers for the whole batch"
        >>> print(batch_layer(net.eval()))
        None

    Source:
        Ioffe and Szegedy (2015), Batch normalization, section 3.
    """
    for name, module in net.named_modules():
        if isinstance(module, _BATCH_NORM) and (
            module.training or module.running_mean is None or module.running_var is None
        ):
            return f"{_name(name, module)} mixes the images of a batch"
        if isinstance(module, _INSTANCE_NORM) and module.training and module.track_running_stats:
            return f"{_name(name, module)} counts the batches that it has seen"
        if isinstance(module, _DRAWING) and module.training:
            return f"{_name(name, module)} draws random numbers for the whole batch"
    return None


def is_stateless(net: torch.nn.Module) -> bool:
    """Return whether a network is known to treat each image by itself, without state.

    Several threads may then use it at the same time, each with its own images, and the result
    does not depend on their order.

    Args:
        net: The network, each layer in the mode in which it is trained.

    Returns:
        True if every part is known and none depends on the batch.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.allowlist import is_stateless
        >>> from cnnbook.networks import small_cnn
        >>> is_stateless(small_cnn()), is_stateless(torch.nn.Sequential(torch.nn.Dropout()))
        (True, False)
    """
    return unknown_part(net) is None and batch_layer(net) is None


def may_depend_on_mode(layer: torch.nn.Module) -> bool:
    """Return whether a layer may compute something else in evaluation mode than in training.

    Args:
        layer: A layer, without the layers in it.

    Returns:
        False for a layer of torch that is known to compute the same.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.allowlist import may_depend_on_mode
        >>> may_depend_on_mode(torch.nn.ReLU()), may_depend_on_mode(torch.nn.Dropout())
        (False, True)
    """
    return type(layer) not in {*_STATELESS, *_STATELESS_BEYOND_AXIS_0}


def may_overwrite_input(net: torch.nn.Module) -> bool:
    """Return whether a network has a layer that works in place.

    If it is the first one, it overwrites the images. Micro-batches are views of one tensor, and
    autograd counts changes per tensor, so that another thread's change would look like its own.

    Args:
        net: The network.

    Returns:
        True if a layer has a true ``inplace``. A ``forward`` that calls ``relu_`` is not found.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.allowlist import may_overwrite_input
        >>> may_overwrite_input(torch.nn.ReLU()), may_overwrite_input(torch.nn.ReLU(inplace=True))
        (False, True)
    """
    return any(getattr(layer, "inplace", False) for layer in net.modules())


def optimizer_hooks(optimizer: torch.optim.Optimizer) -> list[Callable[..., Any]]:
    """Collect the functions that run before or after each step of an optimizer.

    Args:
        optimizer: The optimizer.

    Returns:
        Its own hooks and those of all optimizers.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.allowlist import optimizer_hooks
        >>> sgd = torch.optim.SGD(torch.nn.Linear(1, 1).parameters())
        >>> optimizer_hooks(sgd)
        []
        >>> hook = sgd.register_step_post_hook(print)
        >>> optimizer_hooks(sgd)
        [<built-in function print>]

    Source:
        torch.optim.Optimizer.register_step_pre_hook, register_step_post_hook.
    """
    # A subclass that does not call torch's constructor has none of its own.
    return [
        *getattr(optimizer, "_optimizer_step_pre_hooks", {}).values(),
        *getattr(optimizer, "_optimizer_step_post_hooks", {}).values(),
        *_global_optimizer_pre_hooks.values(),
        *_global_optimizer_post_hooks.values(),
    ]
