"""The gradient of a full batch, computed micro-batch by micro-batch."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from cnnbook.engine.allowlist import is_stateless, may_overwrite_input
from cnnbook.engine.distributed import Processes
from cnnbook.engine.losses import Loss, check_loss
from cnnbook.engine.micro_batches import MicroBatches, split_into_micro_batches
from cnnbook.engine.precision import Precision
from cnnbook.engine.rewrites import fuse_gradient_accumulation, fused_parameters
from cnnbook.engine.threads import thread_pool

__all__ = ["GradientAccumulator", "gradient_sum_like", "is_out_of_memory", "within_memory"]


def gradient_sum_like(parameter: torch.Tensor) -> torch.Tensor:
    """Make the tensor in which a parameter's gradients are added up.

    A narrow dtype would lose small gradients beside a large sum.

    Args:
        parameter: The parameter.

    Returns:
        Zeros of its shape, in float32 or in its own dtype if that is wider.

    Examples:
        >>> import torch
        >>> from cnnbook.engine.gradients import gradient_sum_like
        >>> gradient_sum_like(torch.ones(1, dtype=torch.bfloat16))
        tensor([0.])
    """
    return torch.zeros_like(parameter, dtype=torch.promote_types(parameter.dtype, torch.float32))


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether torch failed because memory ran out.

    Args:
        error: What torch raised.

    Returns:
        True for a GPU's out-of-memory error and for the CPU allocator's.

    Examples:
        >>> from cnnbook.engine.gradients import is_out_of_memory
        >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"))
        True
        >>> is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
        False
    """
    # The CPU allocator raises a plain RuntimeError.
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)


@contextmanager
def within_memory(size: int, reason: str) -> Iterator[None]:
    """Say what to do if the block runs out of memory.

    Args:
        size: How many images the block computes at a time.
        reason: Why fewer at a time are not possible.

    Yields:
        Nothing.

    Raises:
        RuntimeError: torch ran out of memory.

    Examples:
        >>> from cnnbook.engine.gradients import within_memory
        >>> with within_memory(1, "one image is the minimum"):
        ...     raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")
        Traceback (most recent call last):
            ...
        RuntimeError: images: expected a batch that fits into memory, got 1 images at a time that \
do not fit and cannot be split, since one image is the minimum (torch says: DefaultCPUAllocator: \
can't allocate memory: 9 bytes)
    """
    try:
        yield
        return
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        message = str(error).splitlines()[0]
    # Outside the except block: the error's traceback keeps the layers' outputs alive.
    raise RuntimeError(
        f"images: expected a batch that fits into memory, got {size} images at a time that do not "
        f"fit and cannot be split, since {reason} (torch says: {message})"
    )


@dataclass(eq=False)
class GradientAccumulator:
    """Computes the loss and the gradients of a batch without holding all its activations.

    Gradients of the micro-batches are added up in float32 or the wider dtype of the parameter. On a
    CPU, several cores share the micro-batches if the layers allow it; each core keeps sums of its
    own, and these are added in a fixed order, so that the result does not depend on which core
    finishes first.

    Attributes:
        net: The network that is trained.
        optimized_net: The same layers, rewritten for speed (``cnnbook.engine.rewrites``).
        images: This process's images ``(n, c, h, w)``.
        labels: Their labels.
        all_labels: The labels of the whole batch, over all processes.
        loss_fn: The loss of the whole batch.
        parameters: The parameters to compute gradients for.
        micro_batch_size: How many images go through the network at a time.
        unsplittable: Why the batch must not be split; ``None`` if it may be.
        precision: ``"bf16"`` for bfloat16 matrix products; otherwise the dtype of the parameters.
        scores: The network's scores for one image, ``(1, ...)``, whose shape a split needs.
        fuse: Whether, on a CPU, linear layers add their gradients to the sums by themselves
            (``cnnbook.engine.rewrites.fuse_gradient_accumulation``).

    Examples:
        The score is weight times pixel, the weight is 0 and every target is 1, so the loss is
        1 + 1 + 1 and its derivative is -2 * (1 + 2 + 3).

        >>> import torch
        >>> from cnnbook.engine.gradients import GradientAccumulator
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 1, bias=False))
        >>> weight = torch.nn.init.zeros_(net[1].weight)
        >>> images = torch.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1, 1)
        >>> targets, loss_fn = torch.ones(3, 1), torch.nn.MSELoss(reduction="sum")
        >>> gradients = GradientAccumulator(
        ...     net, net, images, targets, targets, loss_fn, [weight], micro_batch_size=2,
        ...     scores=torch.zeros(1, 1),
        ... )
        >>> gradients.accumulate().item(), weight.grad.item()
        (3.0, -12.0)
    """

    net: torch.nn.Module
    optimized_net: torch.nn.Module
    images: torch.Tensor
    labels: torch.Tensor
    all_labels: torch.Tensor
    loss_fn: Loss
    parameters: list[torch.nn.Parameter]
    micro_batch_size: int
    unsplittable: str | None = None
    precision: Precision = "full"
    scores: torch.Tensor | None = None
    fuse: bool = True

    def __post_init__(self) -> None:
        self.device = self.images.device
        # Read here, before ``thread_pool`` changes it.
        self.threads = torch.get_num_threads()
        self._copies_images = may_overwrite_input(self.net)
        thread_safe = self.device.type == "cpu" and is_stateless(self.net)
        self._cores = self.threads if thread_safe and self.unsplittable is None else 1
        self._run_in_threads: Callable[[Callable[[int], Any]], list[Any]] | None = None
        self._split()

    def resize(self, micro_batch_size: int) -> None:
        """Split the batch into micro-batches of another size.

        Args:
            micro_batch_size: How many images go through the network at a time from now on.
        """
        self.micro_batch_size = micro_batch_size
        self._split()

    def _split(self) -> None:
        # For a single micro-batch, a second core costs more time than it saves.
        cores = self._cores if len(self.images) > self.micro_batch_size else 1
        self._micro_batches: list[MicroBatches] = []
        for core in range(cores):
            shard = Processes(core, cores, self.device).shard(len(self.images))
            images, labels = self.images[shard], self.labels[shard]
            if self.scores is None:
                assert self.unsplittable or len(self.images) <= self.micro_batch_size
                micro_batches = MicroBatches((images,), (labels,), (1.0,), self.loss_fn)
            else:
                micro_batches = split_into_micro_batches(
                    images,
                    labels,
                    self.loss_fn,
                    size=self.micro_batch_size,
                    scores=self.scores,
                    all_labels=self.all_labels,
                )
            self._micro_batches.append(micro_batches)
        # For each core, its sums of gradients and a network that adds to them.
        self._sums: list[dict[torch.Tensor, torch.Tensor]] = []
        self._nets = [self.optimized_net] * cores
        if cores > 1 or len(self._micro_batches[0].images) > 1:
            for _ in range(cores):
                self._sums.append({p: gradient_sum_like(p) for p in self.parameters})
        # In bfloat16, weights are cast for each product, which is left to autograd.
        if self.fuse and self.precision == "full" and self.device.type == "cpu":
            self._nets = [
                fuse_gradient_accumulation(net, sums)
                for net, sums in zip(self._nets, self._sums or [{}], strict=False)
            ]

    @contextmanager
    def use_cores(self) -> Iterator[None]:
        """Compute on all cores within the block, if the layers allow it.

        Yields:
            Nothing.
        """
        if self._cores == 1:
            yield
            return
        with thread_pool(self._cores) as self._run_in_threads:
            yield
        self._run_in_threads = None

    def autocast(self) -> torch.autocast:
        """Return the context in which scores and loss are computed.

        Returns:
            torch's, which does nothing unless ``precision`` is ``"bf16"``.
        """
        # The cache of cast weights would outlive a captured graph.
        return torch.autocast(
            self.device.type, torch.bfloat16, self.precision == "bf16", cache_enabled=False
        )

    def scores_of(self, net: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
        """Compute scores without changing the images.

        Args:
            net: The network, or a rewritten one.
            images: Some of the images, or others.

        Returns:
            The network's output.
        """
        scores: torch.Tensor = net(images.clone() if self._copies_images else images)
        return scores

    def accumulate(self) -> torch.Tensor:
        """Add up the gradients of this process's images.

        Returns:
            Their part of the batch's loss, float64.
        """
        if not self._sums:
            total = torch.zeros((), dtype=torch.float64, device=self.device)
            for loss in self._losses(0):
                torch.autograd.backward(loss, inputs=self.parameters)
                total += loss.detach()
            return total
        cores = range(len(self._micro_batches))
        run = self._run_in_threads or (lambda work: [work(core) for core in cores])
        losses, touched = zip(*run(self._accumulate_on_core), strict=True)
        for parameter in self.parameters:
            # In the order of the cores, not in that in which they finish: the sum is always the
            # same.
            parts = [self._sums[core][parameter] for core in cores if parameter in touched[core]]
            if parts:
                for part in parts[1:]:
                    parts[0] += part
                parameter.grad = parts[0].to(parameter.dtype)
        return torch.stack(losses).sum()

    def _losses(self, core: int) -> Iterator[torch.Tensor]:
        """Yield the losses of one core's micro-batches, each as its part of the batch's loss."""
        micro_batches = self._micro_batches[core]
        for images, labels, loss_weight in zip(
            micro_batches.images, micro_batches.labels, micro_batches.loss_weights, strict=True
        ):
            with self.autocast():
                loss = micro_batches.loss_fn(self.scores_of(self._nets[core], images), labels)
            yield check_loss(loss) * loss_weight

    def _accumulate_on_core(self, core: int) -> tuple[torch.Tensor, set[torch.Tensor]]:
        """Add up one core's gradients; return its loss and the parameters that have a gradient."""
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        sums = self._sums[core]
        for gradient_sum in sums.values():
            gradient_sum.zero_()
        touched: set[torch.Tensor] = set()
        for loss in self._losses(core):
            total += loss.detach()
            gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                if gradient is not None:
                    sums[parameter] += gradient
                    touched.add(parameter)
            touched.update(fused_parameters(self._nets[core]))
        return total, touched

    def accumulate_within_memory(self) -> torch.Tensor:
        """Add up the gradients; if memory runs out, retry with micro-batches half as large.

        Returns:
            The same as ``accumulate``, with a warning each time memory ran out.

        Raises:
            RuntimeError: One image does not fit into memory, or a batch that must not be split
                does not.
        """
        while True:
            size = min(self.micro_batch_size, len(self.images))
            if self.unsplittable or size <= 1:
                with within_memory(size, self.unsplittable or "one image is the minimum"):
                    return self.accumulate()
            try:
                return self.accumulate()
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                message = str(error).splitlines()[0]
            # Outside the except block: the error's traceback keeps the layers' outputs alive.
            for parameter in self.parameters:
                parameter.grad = None
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self.resize(size // 2)
            warnings.warn(
                f"memory ran out with {size} images at a time; continuing with "
                f"{self.micro_batch_size} (set micro_batch_size={self.micro_batch_size} to start "
                f"with that; torch says: {message})",
                # The line that called ``fit_full_batch``.
                stacklevel=5,
            )
