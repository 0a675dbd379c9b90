"""The trainers that the benchmark compares: the lecture's loop, the book's trainer, libraries.

Between the lecture's loop and the book's trainer stand the steps from one to the other.

All train the same network from the same weights on the whole batch, with Adam at a learning rate of
0.001 and cross-entropy, without validation, logging, checkpoints or a progress bar. Each library is
used in the fastest form that its documentation describes. The batch is in memory (on a GPU: in the
GPU's memory) before the clock starts, and is loaded as one batch in the same process. Assembled
image by image, as the libraries' loaders do by default, a batch of 5,000 would take longer than the
training.

A library is imported where it is used, so that a missing one does not affect the others.
"""

import functools
import importlib.metadata
import os
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from cnnbook.engine.gradients import GradientAccumulator
from cnnbook.engine.options import plan_batch
from cnnbook.engine.rewrites import (
    channels_last_gradients,
    inplace_relu,
    pool_before_relu,
    to_channels_last,
)
from cnnbook.training import fit_full_batch

# The default of torch's Adam; skorch, Keras and fastai have other defaults.
RATE = 1e-3


class OneBatch(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """A dataset whose only item is the whole batch."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.batch = images, labels

    def __len__(self) -> int:
        """Return 1."""
        return 1

    def __getitem__(self, _: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return all images and labels."""
        return self.batch


def one_batch_loader(images: torch.Tensor, labels: torch.Tensor) -> Any:
    """Return the batch as it is: ``batch_size=None`` disables torch's collation."""
    return torch.utils.data.DataLoader(OneBatch(images, labels), batch_size=None)


def lecture(
    net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int
) -> list[float]:
    """Train as the lecture does, line by line."""
    loss_fn = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters())
    losses = []
    for _ in range(epochs):
        scores = net(images)
        loss = loss_fn(scores, labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def ours(
    net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int
) -> list[float]:
    """Train with the book's trainer and its defaults."""
    return list(fit_full_batch(net, images, labels, epochs=epochs, device=images.device).losses)


def in_micro_batches(
    net: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    epochs: int,
    *,
    parts: Iterable[str] = (),
) -> list[float]:
    """Train in micro-batches, with some of the other parts of the book's trainer."""
    loss_fn = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters())
    plan = plan_batch(net, images, labels, loss_fn, micro_batch_size="auto", device=images.device)
    optimized_net = net
    if "pool_first" in parts:
        optimized_net = pool_before_relu(optimized_net)
    if "channels_last" in parts:
        images = to_channels_last(images)
        optimized_net = channels_last_gradients(optimized_net)
    if "inplace_relu" in parts:
        optimized_net = inplace_relu(optimized_net)
    gradients = GradientAccumulator(
        net,
        optimized_net,
        images,
        labels,
        labels,
        loss_fn,
        list(net.parameters()),
        plan.micro_batch_size,
        scores=plan.scores,
        fuse="fused" in parts,
    )
    losses = []
    with gradients.use_cores() if "threads" in parts else nullcontext():
        for _ in range(epochs):
            loss = gradients.accumulate()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
    return losses


def lightning(
    net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int
) -> list[float]:
    """Train with Lightning's ``Trainer``; ``barebones`` disables everything that costs speed."""
    import pytorch_lightning

    losses: list[torch.Tensor] = []
    loss_fn = torch.nn.CrossEntropyLoss()

    class Classifier(pytorch_lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def training_step(self, batch: Any, _: int) -> torch.Tensor:
            inputs, targets = batch
            loss: torch.Tensor = loss_fn(self.net(inputs), targets)
            losses.append(loss.detach())
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters())

    trainer = pytorch_lightning.Trainer(
        max_epochs=epochs,
        accelerator="gpu" if images.is_cuda else "cpu",
        devices=1,
        barebones=True,
    )
    trainer.fit(Classifier(), one_batch_loader(images, labels))
    return [loss.item() for loss in losses]


def skorch(
    net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int
) -> list[float]:
    """Train with skorch's ``NeuralNet``, without its split for validation and its callbacks."""
    from skorch import NeuralNet

    model = NeuralNet(
        net,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=RATE,
        max_epochs=epochs,
        # Passed to its DataLoader, as in one_batch_loader. Its own batch_size=-1 would split the
        # batch into images and collate them again in each epoch.
        iterator_train__batch_size=None,
        train_split=None,
        callbacks="disable",
        verbose=0,
        device=str(images.device),
    )
    model.fit(OneBatch(images, labels), y=None)
    return [float(loss) for loss in model.history[:, "batches", 0, "train_loss"]]


def keras_model(net: torch.nn.Module) -> Any:
    """Rebuild a torch network from Keras layers with the same weights."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    # torch's order of axes. Keras' own default would be transposed in every layer.
    order = {"data_format": "channels_first"}
    layers: list[Any] = []
    weights: list[Any] = []
    for layer in net.children():
        if isinstance(layer, torch.nn.Conv2d):
            layers.append(keras.layers.Conv2D(layer.out_channels, layer.kernel_size, **order))
            weights += [layer.weight.permute(2, 3, 1, 0), layer.bias]
        elif isinstance(layer, torch.nn.Linear):
            layers.append(keras.layers.Dense(layer.out_features))
            weights += [layer.weight.T, layer.bias]
        elif isinstance(layer, torch.nn.MaxPool2d):
            layers.append(keras.layers.MaxPooling2D(layer.kernel_size, **order))
        elif isinstance(layer, torch.nn.ReLU):
            layers.append(keras.layers.ReLU())
        elif isinstance(layer, torch.nn.Flatten):
            # Here channels_last means no transpose, so the next layer's weights keep torch's order.
            layers.append(keras.layers.Flatten(data_format="channels_last"))
        else:
            raise TypeError(f"net: expected layers that Keras has, got {type(layer).__name__}")
    model = keras.Sequential([keras.Input((1, 28, 28)), *layers])
    model.set_weights([weight.detach().cpu().numpy() for weight in weights])
    return model


def keras(model: Any, images: torch.Tensor, labels: torch.Tensor, epochs: int) -> list[float]:
    """Train a Keras model with ``compile`` and ``fit`` on torch tensors."""
    import keras

    model.compile(
        # The epsilon of torch's Adam; Keras' default is ten times larger.
        optimizer=keras.optimizers.Adam(RATE, epsilon=1e-8),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    history = model.fit(
        images, labels, batch_size=len(images), epochs=epochs, shuffle=False, verbose=0
    )
    return [float(loss) for loss in history.history["loss"]]


def fastai(
    net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int
) -> list[float]:
    """Train with fastai's ``Learner``, torch's loader and Adam, as its migration guide does."""
    from fastai.callback.core import Callback, CancelValidException
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    losses: list[torch.Tensor] = []

    class KeepLosses(Callback):
        def after_loss(self) -> None:
            losses.append(self.learn.loss.detach())

        def before_validate(self) -> None:
            # fastai has no option to skip the validation; this is its documented way.
            raise CancelValidException

    loader = one_batch_loader(images, labels)
    learner = Learner(
        DataLoaders(loader, loader, device=images.device),
        net,
        loss_func=torch.nn.CrossEntropyLoss(),
        # fastai's Adam has other defaults for its moments, and weight decay.
        opt_func=functools.partial(OptimWrapper, opt=torch.optim.Adam),
        cbs=KeepLosses(),
    )
    with learner.no_logging():
        learner.fit(epochs, lr=RATE)
    return [loss.item() for loss in losses]


@dataclass(frozen=True)
class Way:
    """A way to train: one of the compared trainers.

    Attributes:
        title: Its name on the page.
        package: The package to install for it; empty for what the book itself needs.
        train: Takes the result of ``prepare``, images, labels and epochs; returns the losses.
        prepare: Turns a torch network into what is trained. It is not timed, since creating the
            torch network is not timed either.
    """

    title: str
    package: str
    train: Callable[[Any, torch.Tensor, torch.Tensor, int], list[float]]
    prepare: Callable[[torch.nn.Module], Any] = lambda net: net

    def version(self) -> str | None:
        """Return the installed version, or None."""
        try:
            return importlib.metadata.version(self.package or "torch")
        except importlib.metadata.PackageNotFoundError:
            return None


@dataclass(frozen=True)
class Step(Way):
    """A step from the lecture's loop to the book's trainer, with all steps before it.

    Attributes:
        needs: Types of layers; the step changes nothing for a network that has none of them.
    """

    needs: tuple[type[torch.nn.Module], ...] = (torch.nn.Module,)

    def applies(self, net: torch.nn.Module) -> bool:
        """Return whether the step changes how a network is trained."""
        return any(isinstance(layer, self.needs) for layer in net.modules())


def _steps(*added: tuple[str, str, tuple[type[torch.nn.Module], ...]]) -> dict[str, Step]:
    names = [name for name, _, _ in added]
    return {
        name: Step(
            title,
            "",
            functools.partial(in_micro_batches, parts=names[: number + 1]),
            needs=needs,
        )
        for number, (name, title, needs) in enumerate(added)
    }


WAYS = {
    "lecture": Way("the lecture's loop", "", lecture),
    "ours": Way("fit_full_batch", "", ours),
    "lightning": Way("Lightning", "pytorch-lightning", lightning),
    "skorch": Way("skorch", "skorch", skorch),
    "keras": Way("Keras on torch", "keras", keras, keras_model),
    "fastai": Way("fastai", "fastai", fastai),
}

# Each adds its part to those of the steps above it; the last one is what fit_full_batch does.
STEPS = _steps(
    ("micro_batches", "+ micro-batches", (torch.nn.Module,)),
    ("channels_last", "+ channels last", (torch.nn.Conv2d,)),
    ("pool_first", "+ pooling before ReLU", (torch.nn.MaxPool2d,)),
    ("inplace_relu", "+ ReLU in place", (torch.nn.ReLU,)),
    ("threads", "+ each core has its own micro-batches", (torch.nn.Module,)),
    ("fused", "+ fused gradient accumulation", (torch.nn.Linear,)),
)
