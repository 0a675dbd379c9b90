"""Accuracy, confusion matrix and worst cases, by counting."""

from typing import Any

import pytest
import torch

from cnnbook.scoring import accuracy, confusion_matrix, most_wrong, predict_scores

SCORES = torch.tensor(
    [[5.0, 1.0, 0.0], [0.0, 3.0, 2.0], [0.0, 9.0, 1.0], [1.0, 0.0, 2.0], [4.0, 4.0, 0.0]]
)
LABELS = torch.tensor([0, 2, 0, 2, 1])


def test_counting_by_hand() -> None:
    # Called 0, 1, 1, 2 and, of two equal scores, the first: 0.
    assert accuracy(SCORES, LABELS) == 2 / 5
    assert confusion_matrix(SCORES, LABELS).tolist() == [[1, 1, 0], [1, 0, 0], [0, 1, 1]]
    worst = most_wrong(SCORES, LABELS)
    assert worst.indices.tolist() == [2, 1, 4]
    assert worst.actual.tolist() == [0, 2, 1]
    assert worst.predicted.tolist() == [1, 1, 0]
    assert worst.probability.tolist() == sorted(worst.probability.tolist())
    own = torch.softmax(SCORES.double(), dim=1)[[2, 1, 4], [0, 2, 1]]
    torch.testing.assert_close(worst.probability, own)


@pytest.mark.parametrize("score", [accuracy, confusion_matrix, most_wrong])
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
    mistakes = most_wrong(scores, labels, count=500)
    assert len(mistakes.indices) == 500 - matrix.diagonal().sum()
    assert len(most_wrong(scores, labels, count=7).indices) == 7


@pytest.mark.parametrize("score", [accuracy, confusion_matrix, most_wrong])
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
    ],
)
def test_every_mistake_is_named(
    score: Any, scores: Any, labels: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        score(scores, labels)


def test_broken_scores_are_never_a_tenth_right() -> None:
    scores, labels = torch.full((100, 10), float("nan")), torch.arange(100) % 10
    assert (scores.argmax(dim=1) == labels).float().mean().item() == pytest.approx(0.1)
    with pytest.raises(ValueError, match="got NaN for 100 of 100 images"):
        accuracy(scores, labels)


def test_scores_do_not_depend_on_the_pieces_and_the_mode_comes_back() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Flatten(), torch.nn.Linear(4, 3))
    images = torch.rand(11, 1, 2, 2)
    results = [predict_scores(net, images, chunk_size=size, device="cpu") for size in (1, 4, 99)]
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
        ({"chunk_size": 0}, ValueError, "^chunk_size: expected at least 1"),
        ({"device": "gpu"}, ValueError, "^device: expected a name"),
    ],
)
def test_predict_scores_names_every_mistake(
    changed: dict[str, Any], kind: type[Exception], message: str
) -> None:
    arguments: dict[str, Any] = {"net": torch.nn.Flatten(), "images": torch.zeros(2, 1, 2, 2)}
    with pytest.raises(kind, match=message):
        predict_scores(**(arguments | changed))
