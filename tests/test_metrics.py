"""Scores, accuracy, confusion matrix and top losses by counting; occlusion by hand and by loops."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from cnnbook.metrics import (
    accuracy,
    confusion_matrix,
    occlusion_map,
    predict_scores,
    top_losses,
)
from cnnbook.networks import small_cnn

SCORES = torch.tensor(
    [[5.0, 1.0, 0.0], [0.0, 3.0, 2.0], [0.0, 9.0, 1.0], [1.0, 0.0, 2.0], [4.0, 4.0, 0.0]]
)
LABELS = torch.tensor([0, 2, 0, 2, 1])


def test_counting_by_hand() -> None:
    # Predicted are 0, 1, 1, 2 and, of two equal scores, the first: 0.
    assert accuracy(SCORES, LABELS) == 2 / 5
    assert confusion_matrix(SCORES, LABELS).tolist() == [[1, 1, 0], [1, 0, 0], [0, 1, 1]]
    worst = top_losses(SCORES, LABELS)
    assert worst.indices.tolist() == [2, 1, 4]
    assert worst.actual.tolist() == [0, 2, 1]
    assert worst.predicted.tolist() == [1, 1, 0]
    assert worst.probability.tolist() == sorted(worst.probability.tolist())
    own = torch.softmax(SCORES.double(), dim=1)[[2, 1, 4], [0, 2, 1]]
    torch.testing.assert_close(worst.probability, own)


@pytest.mark.parametrize("score", [accuracy, confusion_matrix, top_losses])
def test_one_hot_labels_and_small_integers_are_the_same_as_class_numbers(score: Any) -> None:
    expected = str(score(SCORES, LABELS))
    one_hot = torch.nn.functional.one_hot(LABELS, 3)
    for labels in (one_hot, one_hot.float(), LABELS.to(torch.uint8), LABELS.int()):
        assert str(score(SCORES, labels)) == expected


def test_the_matrix_counts_every_image_once() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(500, 10, generator=generator)
    labels = torch.randint(0, 10, (500,), generator=generator)
    matrix = confusion_matrix(scores, labels)
    assert matrix.sum(dim=1).tolist() == torch.bincount(labels, minlength=10).tolist()
    assert matrix.diagonal().sum().item() == round(accuracy(scores, labels) * 500)
    mistakes = top_losses(scores, labels, count=500)
    assert len(mistakes.indices) == 500 - matrix.diagonal().sum()
    assert len(top_losses(scores, labels, count=7).indices) == 7


@pytest.mark.parametrize("score", [accuracy, confusion_matrix, top_losses])
@pytest.mark.parametrize(
    ("scores", "labels", "kind", "message"),
    [
        (SCORES.tolist(), LABELS, TypeError, "^scores: expected a torch.Tensor, got list"),
        (SCORES, LABELS.tolist(), TypeError, "^labels: expected a torch.Tensor, got list"),
        (SCORES[0], LABELS, ValueError, r"^scores: expected \(n, classes\)"),
        (SCORES[:0], LABELS[:0], ValueError, r"^scores: expected \(n, classes\)"),
        (SCORES, LABELS[:4], ValueError, r"^labels: expected class numbers \(5,\) or one-hot"),
        (SCORES, LABELS.float(), TypeError, r"convert with labels.long\(\)$"),
        (SCORES, LABELS.bool(), TypeError, r"convert with labels.long\(\)$"),
        (SCORES, LABELS + 1, ValueError, "^labels: expected class numbers 0 to 2"),
        (SCORES, LABELS - 1, ValueError, "^labels: expected class numbers 0 to 2"),
        (SCORES, torch.ones(5, 3), ValueError, "^labels: expected one 1 and otherwise 0"),
        (SCORES, torch.ones(5, 2), ValueError, "^labels: expected class numbers"),
        (SCORES * float("nan"), LABELS, ValueError, "got NaN for 5 of 5 images"),
        (
            SCORES > 1,
            LABELS,
            TypeError,
            r"^scores: expected real .* convert with scores.float\(\)$",
        ),
        (SCORES.to(torch.complex64), LABELS, TypeError, "^scores: expected real numbers, got"),
    ],
)
def test_every_mistake_is_named(
    score: Any, scores: Any, labels: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        score(scores, labels)


def test_nan_scores_do_not_count_as_predictions_of_class_0() -> None:
    scores, labels = torch.full((100, 10), float("nan")), torch.arange(100) % 10
    assert (scores.argmax(dim=1) == labels).float().mean().item() == pytest.approx(0.1)
    with pytest.raises(ValueError, match="got NaN for 100 of 100 images"):
        accuracy(scores, labels)


def test_scores_do_not_depend_on_the_batch_size_and_the_mode_is_restored() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Flatten(), torch.nn.Linear(4, 3))
    images = torch.rand(11, 1, 2, 2)
    results = [predict_scores(net, images, batch_size=size, device="cpu") for size in (1, 4, 99)]
    for result in results:
        torch.testing.assert_close(result, results[0])
        assert not result.requires_grad
    assert all(module.training for module in net.modules())


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"net": 3}, TypeError, "^net: expected a torch.nn.Module, got int"),
        ({"images": torch.zeros(2, 2)}, ValueError, "^images: expected"),
        ({"images": torch.zeros(0, 1, 2, 2)}, ValueError, "got an empty batch"),
        ({"batch_size": 0}, ValueError, "^batch_size: expected at least 1"),
        ({"device": "gpu"}, ValueError, "^device: expected a name"),
    ],
)
def test_predict_scores_names_every_mistake(
    changed: dict[str, Any], kind: type[Exception], message: str
) -> None:
    arguments: dict[str, Any] = {"net": torch.nn.Flatten(), "images": torch.zeros(2, 1, 2, 2)}
    with pytest.raises(kind, match=message):
        predict_scores(**(arguments | changed))


def test_boolean_labels_are_one_hot_labels_too() -> None:
    one_hot = torch.nn.functional.one_hot(LABELS, 3).bool()
    assert accuracy(SCORES, one_hot) == accuracy(SCORES, LABELS)
    assert accuracy(SCORES.long(), one_hot) == accuracy(SCORES.half(), one_hot)


def test_infinite_scores_are_refused() -> None:
    scores = SCORES.clone()
    scores[1, 2] = float("inf")
    scores[3, 0] = float("-inf")
    for score in (accuracy, confusion_matrix, top_losses):
        with pytest.raises(ValueError, match=r"^scores: expected finite .* infinity for 2 of 5 im"):
            score(scores, LABELS)


def test_a_matrix_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^scores: expected at most 10,000 classes, got 10,001$"):
        confusion_matrix(torch.zeros(1, 10_001), torch.tensor([0]))


def test_top_losses_are_complete_and_ordered_by_torchs_loss() -> None:
    generator = torch.Generator().manual_seed(1)
    scores = 3 * torch.randn(300, 10, generator=generator)
    labels = torch.randint(0, 10, (300,), generator=generator)
    worst = top_losses(scores, labels, count=10**6)
    wrong = (scores.argmax(dim=1) != labels).nonzero()[:, 0]
    assert sorted(worst.indices.tolist()) == wrong.tolist()
    losses = torch.nn.functional.cross_entropy(scores.double(), labels, reduction="none")
    assert losses[worst.indices].tolist() == sorted(losses[wrong].tolist(), reverse=True)
    torch.testing.assert_close(worst.probability, torch.exp(-losses[worst.indices]))
    assert torch.equal(worst.actual, labels[worst.indices])
    assert torch.equal(worst.predicted, scores.argmax(dim=1)[worst.indices])
    assert str(worst).count("\n") == len(wrong) - 1
    # Images with equal losses keep their order.
    equal = top_losses(torch.tensor([[1.0, 0.0]] * 4), torch.tensor([1, 0, 1, 1]))
    assert equal.indices.tolist() == [0, 2, 3]


@pytest.mark.parametrize("bad", [3, b"cpu", ["cpu"], 1.5, np.zeros(2), torch.zeros(1), True])
def test_values_that_are_no_device_are_refused(bad: Any) -> None:
    with pytest.raises(TypeError, match=r"^device: expected a torch.device or its name, got "):
        predict_scores(torch.nn.Flatten(), torch.ones(2, 1, 3, 3), device=bad)


def test_networks_that_return_no_scores_are_refused() -> None:
    images = torch.ones(5, 1, 3, 3)
    with pytest.raises(ValueError, match=r"^net: expected scores \(5, classes\) .*, got \(5, 1, 3"):
        predict_scores(torch.nn.ReLU(), images)
    with pytest.raises(ValueError, match=r"^net: expected scores .*, got \(1, 45\)$"):
        predict_scores(_Joined(), images)
    with pytest.raises(
        ValueError, match=r"^net: expected a network that takes images of shape \(1"
    ):
        predict_scores(torch.nn.Conv2d(3, 4, 2), images)


class _Joined(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.reshape(1, -1)


class _Double(torch.nn.Module):
    """A network that records where it computes, and returns scores with numbers, on the CPU."""

    shared: torch.Tensor
    scale: torch.Tensor

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()
        self.fails, self.computed_on = fails, list[str]()
        self.weight = torch.nn.Parameter(torch.arange(3.0))
        self.weight.grad = torch.ones(3)
        self.register_buffer("scale", torch.arange(2.0), persistent=False)
        self.first, self.second = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2).double()
        # One tensor in two layers, each of which would get a copy of its own.
        self.first.register_buffer("shared", self.scale)
        self.second.weight = self.first.weight

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        for tensor in (*self.parameters(), *self.buffers()):
            assert tensor.device == images.device
        self.computed_on.append(images.device.type)
        if self.fails:
            raise RuntimeError("out of memory")
        return torch.zeros(len(images), 2)


# The meta device serves as a second device, which the machine may lack. What is moved there loses
# its numbers, so that a copy that is moved back would be noticed.
@pytest.fixture
def other_device(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("cnnbook.metrics.check_device", torch.device)
    return "meta"


@contextmanager
def _left_as_it_was(net: torch.nn.Module) -> Iterator[None]:
    """Check that a network holds the same tensors afterwards, with the same numbers."""
    net.train()
    before = [
        (module, name, tensor, tensor.data_ptr(), tensor.clone(), tensor.grad)
        for module in net.modules()
        for name, tensor in (
            *module.named_parameters(recurse=False),
            *module.named_buffers(recurse=False),
        )
    ]
    yield
    assert len(before) > 5
    for module, name, tensor, address, numbers, gradient in before:
        assert getattr(module, name) is tensor
        assert tensor.data_ptr() == address
        assert tensor.device.type == "cpu"
        assert tensor.dtype == numbers.dtype
        assert torch.equal(tensor, numbers)
        assert tensor.grad is gradient
    assert all(module.training for module in net.modules())


def test_the_network_returns_to_its_device(other_device: str) -> None:
    net = _Double()
    with _left_as_it_was(net):
        predict_scores(net, torch.ones(5, 1, 3, 3), batch_size=3, device=other_device)
    assert net.computed_on == ["meta"] * 2


def test_the_network_returns_to_its_device_after_an_error(other_device: str) -> None:
    net = _Double(fails=True)
    message = r"got an error: out of memory$"
    with _left_as_it_was(net), pytest.raises(ValueError, match=message):
        predict_scores(net, torch.ones(5, 1, 3, 3), device=other_device)
    assert net.computed_on == ["meta"]


def test_an_occlusion_map_returns_the_network_to_its_device(other_device: str) -> None:
    net = _Double()
    with _left_as_it_was(net):
        occlusion_map(
            net, torch.ones(5, 1, 3, 3), torch.zeros(5).long(), patch=2, batch_size=8,
            device=other_device,
        )  # fmt: skip
    # 5 images, then 5 * 4 positions in batches of 8.
    assert net.computed_on == ["meta"] * (1 + 3)


class _WithTable(_Double):
    """Holds a tensor that is neither parameter nor buffer, and moves it itself."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.zeros(2)

    def to(self, device: torch.device) -> "_WithTable":  # type: ignore[override]
        self.table = torch.zeros(2, device=device)
        super().to(device)
        return self

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert self.table.device == images.device
        return super().forward(images)


def test_a_layer_moves_its_other_tensors_itself(other_device: str) -> None:
    net = _WithTable()
    with _left_as_it_was(net):
        predict_scores(net, torch.ones(5, 1, 3, 3), device=other_device)
    assert net.table.device.type == "cpu"


def test_a_network_is_left_in_its_dtype_and_modes() -> None:
    net = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.BatchNorm1d(4), torch.nn.Dropout(), torch.nn.Linear(4, 3)
    ).double()
    net[1].eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    images, random = torch.rand(6, 1, 2, 2, dtype=torch.float64), torch.get_rng_state()
    occlusion_map(net, images, torch.zeros(6).long(), patch=1, device="cpu")
    assert [module.training for module in net.modules()] == [True, True, False, True, True]
    assert torch.equal(torch.get_rng_state(), random)
    for name, tensor in net.state_dict().items():
        assert tensor.dtype == before[name].dtype
        assert torch.equal(tensor, before[name])


def test_a_lazy_network_is_refused_and_stays_lazy() -> None:
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(3))
    with pytest.raises(TypeError, match=r"^net: expected parameters with values, got the lazy"):
        predict_scores(net, torch.zeros(2, 1, 2, 2), device="cpu")
    assert isinstance(net[1].weight, torch.nn.UninitializedParameter)


@pytest.mark.gpu
def test_a_network_computes_on_the_gpu_and_its_parameters_return_to_the_cpu() -> None:
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.BatchNorm1d(9), torch.nn.Linear(9, 3))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    parameters = list(net.parameters())
    images, classes = torch.rand(5, 1, 3, 3), torch.tensor([0, 1, 2, 0, 1])
    expected = predict_scores(net, images, device="cpu")
    torch.testing.assert_close(predict_scores(net, images, device="cuda"), expected)
    expected = occlusion_map(net, images, classes, patch=2, device="cpu")
    got = occlusion_map(net, images, classes, patch=2, device="cuda", batch_size=3)
    torch.testing.assert_close(got, expected)
    with pytest.raises(ValueError, match=r"^net: expected a network that takes images"):
        predict_scores(net, torch.rand(5, 1, 4, 4), device="cuda")
    for name, tensor in net.state_dict().items():
        assert tensor.device.type == "cpu"
        assert torch.equal(tensor, before[name])
    assert all(old is new for old, new in zip(parameters, net.parameters(), strict=True))


@pytest.mark.gpu
def test_a_network_on_two_devices_returns_to_both() -> None:
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 3), torch.nn.Linear(3, 2))
    net[2].cuda()
    predict_scores(net, torch.rand(5, 1, 3, 3), device="cpu")
    assert [parameter.device.type for parameter in net.parameters()] == ["cpu"] * 2 + ["cuda"] * 2


def _linear(weight: torch.Tensor, bias: float = 0.0) -> torch.nn.Sequential:
    """Make a network with one score, the sum of weights ``(c, h, w)`` times pixels."""
    linear = torch.nn.Linear(weight.numel(), 1, dtype=weight.dtype)
    with torch.no_grad():
        linear.weight.copy_(weight.reshape(1, -1))
        linear.bias.fill_(bias)
    return torch.nn.Sequential(torch.nn.Flatten(), linear)


def _occlusion_by_loops(
    net: torch.nn.Module,
    images: torch.Tensor,
    classes: torch.Tensor,
    patch: tuple[int, int],
    stride: tuple[int, int],
    fill: float,
) -> torch.Tensor:
    drops = []
    for image, label in zip(images, classes.tolist(), strict=True):
        rows = []
        for top in range(0, image.shape[1] - patch[0] + 1, stride[0]):
            row = []
            for left in range(0, image.shape[2] - patch[1] + 1, stride[1]):
                covered = image.clone()
                covered[:, top : top + patch[0], left : left + patch[1]] = fill
                with torch.no_grad():
                    row.append(net(image[None])[0, label] - net(covered[None])[0, label])
            rows.append(torch.stack(row))
        drops.append(torch.stack(rows)[None])
    return torch.stack(drops)


def test_occlusion_by_hand() -> None:
    image = torch.tensor([[[[1.0, 2.0, 0.0], [3.0, 1.0, 2.0]]]])
    net = _linear(torch.tensor([[2.0, 0.0, 1.0], [1.0, -1.0, 3.0]]), bias=7)
    zero = torch.tensor([0])
    left, right = 2 * 1 + 0 * 2 + 1 * 3 - 1 * 1, 0 * 2 + 1 * 0 - 1 * 1 + 3 * 2
    assert occlusion_map(net, image, zero, patch=2, fill=0).tolist() == [[[[left, right]]]]
    left, right = 2 * 0 + 0 * 1 + 1 * 2 - 1 * 0, 0 * 1 + 1 * -1 - 1 * 0 + 3 * 1
    assert occlusion_map(net, image, zero, patch=2, fill=1).tolist() == [[[[left, right]]]]
    assert occlusion_map(net, image, zero, patch=2, stride=2, fill=1).tolist() == [[[[left]]]]


@pytest.mark.parametrize("seed", range(30))
def test_occlusion_position_by_position(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    n, channels, height, width = draw(1, 3), draw(1, 2), draw(3, 7), draw(3, 7)
    patch, stride = (draw(1, height), draw(1, width)), (draw(1, 3), draw(1, 3))
    fill = draw(-2, 2) / 2
    images = torch.rand(n, channels, height, width, generator=generator, dtype=torch.float64)
    classes = torch.randint(0, 4, (n,), generator=generator)
    net = small_cnn(image_shape=(channels, height, width), channels=3, classes=4).double()
    before = images.clone()
    got = occlusion_map(
        net, images, classes, patch=patch, stride=stride, fill=fill, batch_size=draw(1, 9)
    )
    expected = _occlusion_by_loops(net, images, classes, patch, stride, fill)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)
    assert got.shape[2:] == torch.nn.functional.max_pool2d(images, patch, stride).shape[2:]
    assert torch.equal(images, before)


def test_occlusion_of_a_linear_network_is_a_convolution_with_ones() -> None:
    generator = torch.Generator().manual_seed(0)
    images, weight = torch.randint(-9, 10, (2, 3, 2, 6, 5), generator=generator).double()
    weight, fill = weight[0], 2
    got = occlusion_map(
        _linear(weight, bias=3), images, torch.zeros(3).long(), patch=(3, 2), stride=2, fill=fill
    )
    ones = torch.ones(1, 2, 3, 2, dtype=torch.float64)
    expected = torch.nn.functional.conv2d(weight * (images - fill), ones, stride=2)
    assert torch.equal(got, expected)


def test_a_black_patch_on_black_pixels_changes_nothing() -> None:
    image = torch.zeros(1, 1, 9, 9)
    image[..., 4:, 4:] = torch.rand(5, 5)
    drop = occlusion_map(
        small_cnn(image_shape=(1, 9, 9)), image, torch.tensor([3]), patch=4, fill=0
    )
    assert drop[0, 0, 0, 0].abs() < 1e-5
    assert drop.abs().max() > 1e-3


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_occlusion_restores_the_mode_and_takes_every_integer_dtype(dtype: torch.dtype) -> None:
    net = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Flatten())
    images = torch.ones(2, 1, 2, 2)
    drop = occlusion_map(net, images, torch.tensor([0, 3], dtype=dtype), patch=1, fill=0)
    assert drop.tolist() == [[[[1, 0], [0, 0]]], [[[0, 0], [0, 1]]]], "evaluation mode: no dropout"
    assert net.training
    assert not drop.requires_grad


ARGUMENTS: dict[str, Any] = {
    "net": torch.nn.Flatten(),
    "images": torch.ones(2, 1, 3, 3),
    "classes": torch.tensor([0, 8]),
    "patch": 2,
    "stride": 1,
    "fill": 0.5,
    "batch_size": 250,
    "device": "cpu",
}


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"patch": (4, 1)}, ValueError, r"^patch: expected at most the image's 3 x 3 pixels, got"),
        ({"classes": torch.tensor([0, 9])}, ValueError, "^classes: expected class numbers 0 to 8"),
        ({"classes": torch.tensor([-1, 0])}, ValueError, r"got -1 to 0$"),
        ({"classes": torch.eye(2)}, ValueError, r"convert with classes\.argmax\(dim=1\)$"),
        ({"classes": torch.eye(2).bool()}, ValueError, r"classes\.float\(\)\.argmax\(dim=1\)$"),
        ({"classes": torch.zeros(2)}, TypeError, r"^classes: expected an integer dtype, got torch"),
        ({"classes": [0, 8]}, TypeError, r"^classes: expected a torch.Tensor, got list; convert"),
        ({"classes": torch.tensor([0, 8, 1])}, ValueError, r"^classes: .* \(2,\), one for each im"),
        ({"patch": 0}, ValueError, "^patch: expected at least 1, got 0$"),
        ({"stride": 0}, ValueError, "^stride: expected at least 1, got 0$"),
        ({"fill": torch.inf}, ValueError, "^fill: expected a finite number, got inf$"),
        ({"fill": "black"}, TypeError, "^fill: expected a number, got 'black'$"),
        ({"batch_size": 2.5}, TypeError, "^batch_size: expected a whole number, got 2.5$"),
        ({"images": torch.ones(2, 1, 3, 3).long()}, TypeError, "^images: expected a floating-poi"),
        ({"device": "gpu"}, ValueError, "^device: expected a name such as"),
        ({"images": torch.full((2, 1, 3, 3), torch.nan)}, ValueError, "^images: expected finite"),
        ({"images": torch.ones(2, 1, 3, 3).to(torch.complex64)}, TypeError, "^images: expected re"),
        ({"images": torch.ones(2, 1, 3, 3).half(), "fill": 1e5}, ValueError, "^fill: expected a n"),
        ({"net": _linear(torch.full((1, 3, 3), torch.inf)), "classes": torch.zeros(2).long()},
         ValueError, "^net: expected finite scores"),
    ],
)  # fmt: skip
def test_arguments_of_occlusion_that_do_not_fit_are_refused(
    changed: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        occlusion_map(**(ARGUMENTS | changed))
