"""The trainer's contract for networks: trained as they are, in their modes, or refused.

A network that is not known is trained whole by the plain loop, so every bit must be the plain
loop's. "auto" would take these small batches whole in any case, so ``small_budget`` makes it split
what it may.
"""

import copy
import random
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed
from plain_loop import (
    IMAGES,
    LABELS,
    check_refused,
    compare,
    fit,
    linear,
    patch_forward,
    sgd,
    state_of,
)
from torch.nn.utils import parametrizations, prune

from cnnbook.engine.options import ACTIVATION_BUDGET
from cnnbook.metrics import predict_scores

F = torch.nn.functional
nn = torch.nn


@pytest.fixture(autouse=True)
def small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACTIVATION_BUDGET, "cpu", 1)


def whole(
    make_net: Callable[[], torch.nn.Module], reason: str, *, exact: bool = True, **options: Any
) -> None:
    """Check that the batch is trained whole with the plain loop's bits, and never split."""
    history = compare(make_net, dtype=torch.float32, exact=exact, **options)
    assert history.micro_batch_size == 12
    check_refused(
        make_net(), IMAGES, LABELS, f"^micro_batch_size: expected .*since .*{reason}",
        micro_batch_size=5,
    )  # fmt: skip


# Networks whose layers are not only what their types say


def _patched_layer() -> nn.Module:
    net = linear(3)
    weight = net.get_parameter("1.weight")
    patch_forward(net[1], lambda images: F.linear(images, weight) * images.sum())
    return net


def _patched_net() -> nn.Module:
    net = linear(3)

    def forward(self: nn.Sequential, images: torch.Tensor) -> torch.Tensor:
        return self[1](self[0](images)) - images.mean()  # type: ignore[no-any-return]

    patch_forward(net, types.MethodType(forward, net))
    return net


def _patched_relu() -> nn.Module:
    """Make one in which pooling must not move before the layer that is called ReLU."""
    net = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 3)
    )
    patch_forward(net[1], torch.cos)
    return net


def _hooked(register: str, hook: Callable[..., Any]) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        # In the middle, so that gradients go in and out.
        net = nn.Sequential(*linear(4), nn.Linear(4, 4), nn.Linear(4, 3))
        getattr(net[2], register)(hook)
        return net

    return make


def _hooked_net() -> nn.Module:
    net = linear(3)
    net.register_forward_hook(lambda module, batch, scores: scores - scores.mean(0))
    return net


def _hooked_parameter(register: str, hook: Callable[..., Any]) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        net = linear(3)
        getattr(net.get_parameter("1.weight"), register)(hook)
        return net

    return make


def _clamp_in_place(parameter: torch.Tensor) -> None:
    assert parameter.grad is not None
    parameter.grad.clamp_(-0.01, 0.01)


class _Double(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight * weight.sum()


def _parametrized() -> nn.Module:
    net = linear(3)
    nn.utils.parametrize.register_parametrization(net[1], "weight", _Double())
    return net


def _old_weight_norm() -> nn.Module:
    net = nn.Sequential(nn.Flatten(), nn.utils.weight_norm(nn.Linear(4, 3)))
    # From now on its weight is a result, and the network cannot be copied.
    net(IMAGES)
    return net


def _old_spectral_norm() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.utils.spectral_norm(nn.Linear(4, 3)))


def _pruned() -> nn.Module:
    net = linear(3)
    prune.l1_unstructured(net[1], "weight", 4)  # type: ignore[no-untyped-call]
    return net


ALTERED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "forward of a layer patched": (_patched_layer, "forward"),
    "forward of the network patched": (_patched_net, "forward"),
    "forward of ReLU patched": (_patched_relu, "forward"),
    "forward hook": (_hooked("register_forward_hook", lambda m, x, y: y * 2), "hook"),
    "forward hook that mixes": (_hooked("register_forward_hook", lambda m, x, y: y - y[0]), "hook"),
    "forward hook on the network": (_hooked_net, "hook"),
    "forward pre-hook": (_hooked("register_forward_pre_hook", lambda m, x: x[0] ** 2), "hook"),
    "backward hook": (
        _hooked("register_full_backward_hook", lambda m, x, y: (x[0] * 2,)), "hook",
    ),
    "backward pre-hook": (
        _hooked("register_full_backward_pre_hook", lambda m, y: (y[0] / y[0].norm(),)), "hook",
    ),
    "gradient hook": (_hooked_parameter("register_hook", lambda g: g.clamp(-0.01, 0.01)), "hook"),
    "accumulation hook": (
        _hooked_parameter("register_post_accumulate_grad_hook", _clamp_in_place), "hook",
    ),
    "parametrization": (_parametrized, ""),
    "weight_norm": (
        lambda: nn.Sequential(nn.Flatten(), parametrizations.weight_norm(nn.Linear(4, 3))), "",
    ),
    "spectral_norm": (
        lambda: nn.Sequential(nn.Flatten(), parametrizations.spectral_norm(nn.Linear(4, 3))), "",
    ),
    "old weight_norm": (_old_weight_norm, ""),
    "old spectral_norm": (_old_spectral_norm, ""),
    "pruned": (_pruned, ""),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.torch.nn.utils.weight_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize("name", ALTERED)
def test_what_a_network_really_does_is_trained(name: str) -> None:
    make_net, reason = ALTERED[name]
    whole(make_net, reason)


@contextmanager
def _patched_class() -> Iterator[None]:
    original = nn.Linear.forward

    def forward(self: nn.Linear, images: torch.Tensor) -> torch.Tensor:
        return original(self, images) * images.sum()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Linear, "forward", forward)
        yield


@contextmanager
def _global_hook() -> Iterator[None]:
    hook = nn.modules.module.register_module_forward_hook(lambda module, batch, y: y * y.mean())
    try:
        yield
    finally:
        hook.remove()


@pytest.mark.parametrize("alter", [_patched_class, _global_hook], ids=lambda alter: alter.__name__)
def test_what_is_changed_for_all_networks_counts(alter: Any) -> None:
    with alter():
        whole(lambda: nn.Sequential(*linear(8), nn.Sequential(nn.ReLU(), nn.Linear(8, 3))), "")


# Layers of one's own, each between two others: both the scores and the gradients pass through it.


class _MixesAndDraws(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images - images.mean(dim=0) + 0.1 * torch.randn_like(images)


class _Draws(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images + 0.1 * torch.randn_like(images)


class _DrawsInTraining(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images * torch.rand(len(images), 1, 1, 1) if self.training else images


class _MixesALittle(nn.Module):
    """Mixes less than float32 rounds in most sums."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images + 1e-5 * images.mean(dim=0)


class _MixesLater(nn.Module):
    """Has a gate that is closed at the start, as in ReZero or self-attention of GANs."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images + self.gate * images.mean(dim=0)


class _MixesManyImages(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images - images.mean(dim=0) if len(images) > 4 else images


class _MixesInTheGradient(nn.Module):
    """Gives each image its own scores; only the gradient knows the batch."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        average = images.mean(dim=0, keepdim=True)
        return images * (1 + average - average.detach())


class _Counts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return images / self.calls


class _PythonsRandom(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images * random.random()


class _NumpysRandom(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images * float(np.random.rand())


class _Uncopyable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        with self.lock:
            return images - images.mean(dim=0)


class _Remembers(nn.Module):
    """Keeps a running mean in a buffer that is not persistent."""

    mean: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, 2, 2), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * images.detach().mean(dim=0)
        return images - self.mean


class _Subclass(nn.ReLU):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images - images.mean(dim=0)


class _OwnSequential(nn.Sequential):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        for layer in self:
            images = layer(images)
        return images - images.mean(dim=0)


OWN_LAYERS = (
    *(_MixesAndDraws, _Draws, _DrawsInTraining, _MixesALittle, _MixesLater, _MixesManyImages),
    *(_MixesInTheGradient, _Counts, _PythonsRandom, _NumpysRandom, _Uncopyable, _Remembers),
    *(_Subclass, _OwnSequential),
)


@pytest.mark.parametrize("layer", OWN_LAYERS, ids=lambda layer: layer.__name__)
def test_a_layer_of_ones_own_is_trained_as_it_is(layer: type[nn.Module]) -> None:
    # A large step, so that what mixes later does so soon.
    whole(
        lambda: nn.Sequential(nn.Conv2d(1, 1, 1), layer(), *linear(3)), "", epochs=4,
        make_optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1.0),
    )  # fmt: skip


def test_a_layer_that_is_alone_in_the_network_is_trained_as_it_is() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 4))
            self.calls = 0

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            noise = torch.rand(()) + random.random() + self.calls
            return (images.flatten(1) - images.flatten(1).mean(0)) @ self.weight.T * noise

    whole(Net, "")


def test_a_network_with_two_ways_is_trained() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 3), nn.Linear(4, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            flat = images.flatten(1)
            return self.first(flat) + self.second(flat).relu()  # type: ignore[no-any-return]

    compare(Net)
    compare(lambda: torch.fx.symbolic_trace(Net()))


# torch's own layers that mix the images or draw random numbers

MIXING: dict[str, Callable[[], nn.Module]] = {
    "BatchNorm2d": lambda: nn.Sequential(nn.BatchNorm2d(1), *linear(3)),
    "BatchNorm1d": lambda: nn.Sequential(*linear(3), nn.BatchNorm1d(3)),
    "BatchNorm2d, average": lambda: nn.Sequential(nn.BatchNorm2d(1, momentum=None), *linear(3)),
    "BatchNorm2d, evaluated without statistics": lambda: nn.Sequential(
        nn.BatchNorm2d(1, track_running_stats=False).eval(), *linear(3)
    ),
    "InstanceNorm2d with statistics": lambda: nn.Sequential(
        nn.InstanceNorm2d(1, track_running_stats=True), *linear(3)
    ),
    "Dropout": lambda: nn.Sequential(*linear(8), nn.Dropout(0.5), nn.Linear(8, 3)),
    "Dropout in a part": lambda: nn.Sequential(nn.Sequential(nn.Dropout(0.25)), *linear(3)),
    "Dropout2d": lambda: nn.Sequential(nn.Conv2d(1, 4, 2), nn.Dropout2d(), nn.Flatten()),
    "AlphaDropout": lambda: nn.Sequential(*linear(3), nn.AlphaDropout(0.1)),
    "FeatureAlphaDropout": lambda: nn.Sequential(nn.Conv2d(1, 4, 2), nn.FeatureAlphaDropout(0.1),
                                                 nn.Flatten()),
    "RReLU": lambda: nn.Sequential(*linear(8), nn.RReLU(), nn.Linear(8, 3)),
    "Softmax over the images": lambda: nn.Sequential(*linear(3), nn.Softmax(dim=0)),
    "Softmin over the images": lambda: nn.Sequential(*linear(3), nn.Softmin(dim=-2)),
    "LogSoftmax over the images": lambda: nn.Sequential(*linear(3), nn.LogSoftmax(dim=-2)),
    # Two axes are a sequence, so that the images attend to each other.
    "attention": lambda: nn.Sequential(
        nn.Flatten(), nn.TransformerEncoderLayer(4, 1, 4, dropout=0.0), nn.Linear(4, 3)
    ),
    "attention with dropout": lambda: nn.Sequential(
        nn.Flatten(), nn.TransformerEncoderLayer(4, 1, 4), nn.Linear(4, 3)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXING)
def test_torchs_layers_that_mix_or_draw_get_the_whole_batch(name: str) -> None:
    whole(MIXING[name], "")


# Modes


def _frozen(net: nn.Sequential) -> nn.Sequential:
    """Freeze the first layers as in transfer learning: no gradient, evaluation mode."""
    net[0].eval().requires_grad_(False)
    return net


def _body() -> nn.Sequential:
    body = nn.Sequential(
        nn.Conv2d(1, 4, 2, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5)
    )
    # Statistics that differ from those of the batch.
    body.get_buffer("1.running_mean").fill_(0.25)
    body.get_buffer("1.running_var").fill_(4.0)
    return body


MODES: dict[str, Callable[[], nn.Module]] = {
    "a frozen part": lambda: _frozen(nn.Sequential(_body(), nn.Flatten(), nn.Linear(36, 3))),
    "the whole network": lambda: nn.Sequential(_body(), nn.Flatten(), nn.Linear(36, 3)).eval(),
    "all but the container": lambda: nn.Sequential(_body().eval(), nn.Flatten(), nn.Linear(36, 3)),
}


@pytest.mark.parametrize("options", [{}, {"validation": (IMAGES, LABELS), "validate_every": 1}],
                         ids=["", "with validation"])  # fmt: skip
@pytest.mark.parametrize("name", MODES)
def test_what_was_handed_in_in_evaluation_mode_stays_so(name: str, options: Any) -> None:
    make_net = MODES[name]
    compare(make_net, dtype=torch.float32, epochs=3, **options)
    net = make_net()
    before = {key: value for key, value in state_of(net).items() if "0.1.running" in key}
    modes = [module.training for module in net.modules()]
    fit(net, IMAGES, LABELS, epochs=3, **options)
    assert len(before) == 2
    assert all(torch.equal(state_of(net)[key], value) for key, value in before.items())
    assert [module.training for module in net.modules()] == modes


@pytest.mark.parametrize("name", MODES)
def test_what_is_in_evaluation_mode_may_be_split(name: str) -> None:
    assert compare(MODES[name], micro_batch_size=5).micro_batch_size == 5


@pytest.mark.parametrize("training", [True, False])
def test_a_layer_sees_the_modes_that_were_handed_in(training: bool) -> None:
    seen: list[bool] = []

    class Sees(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            if torch.is_grad_enabled():
                seen.append(self.training)
            return images

    net = nn.Sequential(Sees().train(training), *linear(3).train(not training))
    fit(net, IMAGES, LABELS, epochs=3)
    assert seen
    assert set(seen) == {training}


def test_a_part_in_training_mode_within_one_in_evaluation_mode_is_trained() -> None:
    def make_net() -> nn.Module:
        net = nn.Sequential(_body(), nn.Flatten(), nn.Linear(36, 3)).eval()
        net.get_submodule("0.3").train()
        return net

    # Its layers are known, so convolutions work in the channels-last format and round differently.
    whole(make_net, "Dropout", exact=False)


@pytest.mark.parametrize("size", [3, 12, "auto"])
@pytest.mark.parametrize("first", [nn.ReLU, partial(nn.LeakyReLU, 0.5)], ids=["ReLU", "LeakyReLU"])
def test_a_first_layer_that_works_in_place_gets_the_images_as_they_are(
    first: Callable[..., nn.Module], size: Any
) -> None:
    """In every update, on every core: micro-batches are views of one tensor."""
    images = IMAGES - 0.5
    before, validation = images.clone(), (images.clone(), LABELS)
    rest, results = linear(3), []
    for inplace in (False, True):
        net = nn.Sequential(first(inplace=inplace), *copy.deepcopy(rest))
        options = {"epochs": 20, "micro_batch_size": size, "validation": validation}
        history = fit(net, images, LABELS, **options)
        scores = predict_scores(net, images, device="cpu").tolist()
        results.append((history.losses, history.accuracies, scores))
    assert results[0] == results[1]
    assert torch.equal(images, before)
    assert torch.equal(validation[0], before)


def test_a_window_that_sees_only_padding_gives_minus_infinity() -> None:
    """ReLU would turn it into 0 if pooling ran first, and a finite loss would hide it."""
    net = nn.Sequential(
        nn.ReLU(), nn.MaxPool2d(2, stride=3, padding=1, dilation=3), nn.Flatten(), nn.Linear(1, 3)
    )
    assert net[:2](IMAGES).isinf().all()
    with pytest.raises(RuntimeError, match=r"^epoch 1: expected a finite loss"):
        fit(net, IMAGES, LABELS)


# Outputs that are no scores, and wrapped networks


class _Gives(nn.Module):
    """Gives whatever a function makes of the scores."""

    def __init__(self, make: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.net, self.make = linear(3), make

    def forward(self, images: torch.Tensor) -> Any:
        return self.make(self.net(images))


class _TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, images: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.layer((images * mask).flatten(1))  # type: ignore[no-any-return]


NO_SCORES: dict[str, Callable[[], nn.Module]] = {
    "tuple": lambda: _Gives(lambda scores: (scores, scores)),
    "list": lambda: _Gives(lambda scores: [scores]),
    "dict": lambda: _Gives(lambda scores: {"logits": scores}),
    "nothing": lambda: _Gives(lambda scores: None),
    "a number": lambda: _Gives(lambda scores: scores.sum()),
    "one row for the batch": lambda: _Gives(lambda scores: scores.mean(0, keepdim=True)),
    "a row for each of the first images": lambda: _Gives(lambda scores: scores[:5]),
    "all in one row": lambda: _Gives(lambda scores: scores.flatten()),
    "class numbers": lambda: _Gives(lambda scores: scores.argmax(1)),
    "complex numbers": lambda: _Gives(lambda scores: scores.to(torch.complex64)),
    "(n, 3, 1, 1)": lambda: _Gives(lambda scores: scores[:, :, None, None]),
    "(n, 3, 1, 1) of known layers": lambda: nn.Sequential(
        nn.Conv2d(1, 3, 1), nn.AdaptiveAvgPool2d(1)
    ),
    "two inputs": _TwoInputs,
    "DataParallel": lambda: nn.DataParallel(linear(3)),
}


@pytest.mark.parametrize("micro_batch_size", ["auto", 5])
@pytest.mark.parametrize("name", NO_SCORES)
def test_outputs_that_are_no_scores_are_refused_at_entry(name: str, micro_batch_size: Any) -> None:
    check_refused(
        NO_SCORES[name](), IMAGES, LABELS, "^(net|labels|micro_batch_size): expected .*got",
        micro_batch_size=micro_batch_size,
    )  # fmt: skip


@pytest.fixture
def process_group() -> Iterator[None]:
    """Make this process a group of its own."""
    store = torch.distributed.HashStore()  # type: ignore[attr-defined]
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def _ddp() -> nn.Module:
    return nn.parallel.DistributedDataParallel(linear(3))


def _fsdp() -> nn.Module:
    return torch.distributed.fsdp.FullyShardedDataParallel(linear(3), device_id=torch.device("cpu"))


def _fsdp2() -> nn.Module:
    mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (1,))
    net = linear(3)
    torch.distributed.fsdp.fully_shard(net, mesh=mesh)
    return net


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch cannot")
@pytest.mark.filterwarnings("ignore:FSDP is switching to use `NO_SHARD`")
@pytest.mark.usefixtures("process_group")
@pytest.mark.parametrize("wrap", [_ddp, _fsdp, _fsdp2], ids=lambda wrap: wrap.__name__)
def test_networks_wrapped_for_several_processes_are_refused_at_entry(wrap: Any) -> None:
    net = wrap()
    kind = type(net).__name__
    before = state_of(net)
    with pytest.raises((ValueError, TypeError), match=f"^net: expected .*got {kind}"):
        fit(net, IMAGES, LABELS)
    for name, tensor in state_of(net).items():
        assert torch.equal(tensor, before[name])


def test_one_score_a_pixel_fits_class_numbers_of_pixels() -> None:
    """(n, 3, 1, 1) is right for labels (n, 1, 1)."""
    compare(
        lambda: nn.Sequential(nn.Conv2d(1, 3, 1), nn.AdaptiveAvgPool2d(1)),
        IMAGES, LABELS[:, None, None], micro_batch_size=5, make_optimizer=sgd,
    )  # fmt: skip


def test_a_network_with_a_hook_is_validated_as_others_are() -> None:
    """Its scores are not known before the first update; one-hot labels must count as classes."""
    accuracies = []
    for hooked in (False, True):
        torch.manual_seed(0)
        net = linear(3)
        if hooked:
            net.register_forward_hook(lambda *_: None)
        one_hot = F.one_hot(LABELS, 3).float()
        history = fit(net, IMAGES, LABELS, epochs=4, validation=(IMAGES, one_hot))
        accuracies.append(history.accuracies)
    assert accuracies[0] == accuracies[1]
    assert accuracies[0]


def test_a_hooked_network_is_refused_before_its_first_update() -> None:
    net = linear(1)
    net.register_forward_hook(lambda *_: None)
    check_refused(
        net, IMAGES, LABELS.float(), r"^labels: expected the shape \(12, 1\)", loss_fn=nn.MSELoss()
    )
    two = linear(3)
    two.register_forward_hook(lambda *_: None)
    several = torch.ones(12, 3)
    check_refused(two, IMAGES, LABELS, "^validation labels: expected", validation=(IMAGES, several))


SINGLE_IMAGES: dict[str, Callable[[], nn.Module]] = {
    "InstanceNorm2d": lambda: nn.InstanceNorm2d(2),
    "InstanceNorm2d with weights": lambda: nn.InstanceNorm2d(2, affine=True),
    "InstanceNorm2d, evaluated": lambda: nn.InstanceNorm2d(2, track_running_stats=True).eval(),
    "BatchNorm2d, evaluated": lambda: nn.BatchNorm2d(2).eval(),
    "GroupNorm": lambda: nn.GroupNorm(1, 2),
    "LayerNorm": lambda: nn.LayerNorm([2, 5, 5]),
    "LocalResponseNorm": lambda: nn.LocalResponseNorm(2),
    "PReLU": lambda: nn.PReLU(2),
    "Conv2d by channel": lambda: nn.Conv2d(2, 2, 3, padding=1, groups=2),
    "MaxPool2d": lambda: nn.MaxPool2d(3, 1, 1),
    "AvgPool2d": lambda: nn.AvgPool2d(3, 1, 1),
    "Softmax": lambda: nn.Softmax(dim=1),
}


@pytest.mark.parametrize("name", SINGLE_IMAGES)
def test_one_image_at_a_time_gives_the_same_gradient_in_float32(name: str) -> None:
    # In float32 the images are channels-last, and of one image that is also another format.
    images = torch.randn(3, 2, 5, 5, generator=torch.Generator().manual_seed(1))
    history = compare(
        lambda: nn.Sequential(
            nn.Conv2d(2, 2, 1), SINGLE_IMAGES[name](), nn.Flatten(), nn.Linear(50, 3)
        ),
        images, torch.arange(3), dtype=torch.float32, micro_batch_size=1,
    )  # fmt: skip
    assert history.micro_batch_size == 1
