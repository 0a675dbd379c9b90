"""Losses and weights that are no longer finite: detected at once, with their likely cause."""

from collections.abc import Callable, Mapping

import torch

from cnnbook.engine.history import Diverged, History

__all__ = ["broken_parameter", "check_losses", "check_weights", "likely_cause"]


def check_losses(
    losses: torch.Tensor,
    net: torch.nn.Module,
    data: Mapping[str, torch.Tensor],
    *,
    updates: int,
    history: Callable[[int], History],
    hint: str = "",
) -> None:
    """Stop a training whose losses are not all finite.

    On a GPU the losses are checked late, so that the host need not wait for each. The weights have
    then had further updates, with gradients that are not finite either, and no longer show the
    cause.

    Args:
        losses: The losses of all epochs so far.
        net: The network, searched for the cause.
        data: Names and tensors that went into the loss, searched for the cause.
        updates: How many updates the network has had. As many as finite losses, if the check comes
            before the update.
        history: Makes the history of a given number of epochs.
        hint: The end of the message, such as where the last finite state is.

    Raises:
        Diverged: A loss is NaN or infinite; with the history of the epochs before it.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.divergence import check_losses
        >>> from cnnbook.training import History
        >>> losses, net = torch.tensor([2.5, float("inf")]), torch.nn.Linear(1, 1)
        >>> def history(epochs):
        ...     return History(tuple(losses[:epochs].tolist()), 1.0, "cpu", 0, 10)
        >>> check_losses(losses[:1], net, {}, updates=0, history=history)
        >>> check_losses(losses, net, {"images": torch.tensor([[1.0], [float("nan")]])},
        ...              updates=1, history=history)
        Traceback (most recent call last):
            ...
        cnnbook.engine.history.Diverged: epoch 2: expected a finite loss, got inf; look for NaN or \
infinity in the images: 1 of 2 have some, the first is number 1
    """
    finite = torch.isfinite(losses)
    if finite.all():
        return
    epoch = int(finite.logical_not().nonzero()[0, 0])
    # An epoch's loss is computed before its update: epoch 1 is number 0 and had no update.
    cause = likely_cause(net, data, epoch=epoch, updates=updates)
    raise Diverged(
        f"epoch {epoch + 1}: expected a finite loss, got {losses[epoch].item()}; "
        f"look for {cause}{hint}",
        history(epoch),
    )


def check_weights(
    net: torch.nn.Module, epoch: int, *, history: Callable[[int], History], hint: str = ""
) -> None:
    """Stop a training whose weights are not all finite.

    Args:
        net: The network.
        epoch: How many updates it has had.
        history: Makes the history of a given number of epochs.
        hint: The end of the message, such as where the last finite state is.

    Raises:
        Diverged: A weight is NaN or infinite.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.divergence import check_weights
        >>> from cnnbook.training import History
        >>> net = torch.nn.Linear(1, 1)
        >>> _ = torch.nn.init.constant_(net.bias, float("nan"))
        >>> check_weights(net, 3, history=lambda epochs: History((2.5,) * epochs, 1.0, "cpu", 0, 1))
        Traceback (most recent call last):
            ...
        cnnbook.engine.history.Diverged: epoch 3: expected finite weights after the update, got \
NaN or infinity in 'bias'; lower the learning rate
    """
    broken = broken_parameter(net)
    if broken:
        raise Diverged(
            f"epoch {epoch}: expected finite weights after the update, got NaN or infinity in "
            f"{broken!r}; lower the learning rate{hint}",
            history(epoch),
        )


def likely_cause(
    net: torch.nn.Module, data: Mapping[str, torch.Tensor], *, epoch: int, updates: int
) -> str:
    """Describe the likely reason why a loss is not finite, judging by data and weights.

    Args:
        net: The network.
        data: Names and tensors that went into the loss, an entry along the first axis for each
            image.
        epoch: How many updates the network had had when the loss was computed.
        updates: How many it has had by now. If more, its weights are not looked at.

    Returns:
        What to look for, as the end of a sentence.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.divergence import likely_cause
        >>> net = torch.nn.Linear(1, 1)
        >>> labels = torch.tensor([[1.0], [float("inf")]])
        >>> likely_cause(net, {"labels": labels}, epoch=0, updates=0)
        'NaN or infinity in the labels: 1 of 2 have some, the first is number 1'
        >>> _ = torch.nn.init.constant_(net.weight, float("nan"))
        >>> likely_cause(net, {}, epoch=0, updates=0)
        "a wrong initialization of 'weight': it is not finite before the first update"
        >>> likely_cause(net, {}, epoch=4, updates=4)
        "a learning rate that is too high: the last update made 'weight' infinite or NaN"
        >>> likely_cause(net, {}, epoch=4, updates=10)
        'a learning rate that is too high: the loss was finite before update 4 and not after it'
        >>> likely_cause(net, {}, epoch=0, updates=10)
        'NaN or infinity in the initial weights, or very large numbers in them or in the images: \
the loss was not finite before the first update'
    """
    for name, tensor in data.items():
        if not tensor.is_floating_point():
            continue
        bad = (~torch.isfinite(tensor)).flatten(1).any(dim=1).nonzero()[:, 0].tolist()
        if bad:
            return (
                f"NaN or infinity in the {name}: {len(bad)} of {len(tensor)} have some, "
                f"the first is number {bad[0]}"
            )
    if updates > epoch:
        if epoch == 0:
            return (
                "NaN or infinity in the initial weights, or very large numbers in them or in the "
                "images: the loss was not finite before the first update"
            )
        return (
            f"a learning rate that is too high: the loss was finite before update {epoch} and not "
            "after it"
        )
    broken = broken_parameter(net)
    if broken and epoch == 0:
        return f"a wrong initialization of {broken!r}: it is not finite before the first update"
    if broken:
        return f"a learning rate that is too high: the last update made {broken!r} infinite or NaN"
    return (
        "very large numbers in the images, or lower the learning rate: the weights are finite, "
        "but what the network computes is not"
    )


def broken_parameter(net: torch.nn.Module) -> str | None:
    """Find a parameter that is not finite.

    Args:
        net: The network.

    Returns:
        The first one's name; ``None`` if all are finite.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.divergence import broken_parameter
        >>> net = torch.nn.Linear(1, 1)
        >>> print(broken_parameter(net))
        None
        >>> _ = torch.nn.init.constant_(net.bias, float("inf"))
        >>> broken_parameter(net)
        'bias'
    """
    for name, parameter in net.named_parameters():
        if not torch.isfinite(parameter).all():
            return name
    return None
