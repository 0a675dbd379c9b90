"""Where a loss that is not finite comes from."""

import torch

__all__ = ["broken_parameter", "likely_cause"]


def likely_cause(net: torch.nn.Module, tensors: dict[str, torch.Tensor], *, first: bool) -> str:
    """Say where a loss that is not finite comes from, as far as it can be seen."""
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            continue
        bad = (~torch.isfinite(tensor)).flatten(1).any(dim=1).nonzero()[:, 0].tolist()
        if bad:
            return (
                f"NaN or infinity in the {name}: {len(bad)} of {len(tensor)} have some, "
                f"the first is number {bad[0]}"
            )
    broken = broken_parameter(net)
    if broken and first:
        return f"what made the parameter {broken!r}, which is not finite from the start"
    if broken:
        return f"a learning rate that is too high: the last update made {broken!r} infinite or NaN"
    return (
        "very large numbers in the images, or lower the learning rate: the weights are finite, "
        "but what the network computes is not"
    )


def broken_parameter(net: torch.nn.Module) -> str | None:
    for name, parameter in net.named_parameters():
        if not torch.isfinite(parameter).all():
            return name
    return None
