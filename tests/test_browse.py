"""Figures to look inside: their words, their data, and the pictures in it."""

import base64
import io
import json
from typing import Any

import pytest
import torch
from bs4 import BeautifulSoup
from PIL import Image

from cnnbook.figures import browse_confusion, browse_shuffle
from cnnbook.figures._png import grey_data_url
from cnnbook.figures.browse import COLUMNS, Browsable
from cnnbook.images import shuffle_pixels
from cnnbook.metrics import confusion_matrix

NAMES = ["shirt <&>", "coat", "bag"]


def _decoded(address: str) -> torch.Tensor:
    head, _, content = address.partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        assert picture.format == "PNG"
        grey = picture.convert("L")
    rows = torch.tensor(list(grey.tobytes()), dtype=torch.float32)
    return rows.reshape(grey.height, grey.width) / 255


def _told(shown: Browsable) -> dict[str, Any]:
    (element,) = BeautifulSoup(shown._repr_html_(), "html.parser").find_all(recursive=False)
    told = json.loads(str(element["data-told"]))
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (5, 7)])
def test_a_picture_is_the_numbers_in_sixteen_greys(shape: tuple[int, int]) -> None:
    picture = torch.rand(shape)
    decoded = _decoded(grey_data_url(picture))
    assert decoded.shape == shape
    assert (decoded - picture).abs().max() < 1 / 30 + 0.01
    exact = torch.arange(16.0).reshape(4, 4) / 15
    torch.testing.assert_close(_decoded(grey_data_url(exact)), exact, rtol=0, atol=1e-3)
    # What is outside is black or white.
    assert _decoded(grey_data_url(torch.tensor([[-1.0, 2.0]]))).tolist() == [[0, 1]]


@pytest.fixture
def guessed() -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    images, labels = torch.rand(60, 1, 4, 6), torch.randint(3, (60,))
    return images, labels, {"MLP": torch.randn(60, 3), "CNN": torch.randn(60, 3)}


def test_counts_are_those_of_the_confusion_matrix_and_images_belong_to_them(
    guessed: tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]],
) -> None:
    images, labels, scores = guessed
    told = _told(browse_confusion(images, scores, labels, class_names=NAMES, most=100))
    assert told["networks"] == ["MLP", "CNN"]
    assert told["classes"] == NAMES
    for at, of_net in enumerate(scores.values()):
        assert told["counts"][at] == confusion_matrix(of_net, labels).tolist()
    columns = [labels, *(of_net.argmax(dim=1) for of_net in scores.values())]
    assert told["images"] == torch.stack(columns, dim=1).tolist(), "all are kept, in order"
    sprite = _decoded(told["sprite"])
    assert sprite.shape == (3 * 4, COLUMNS * 6)
    for at in (0, 19, 20, 59):
        top, left = at // COLUMNS * 4, at % COLUMNS * 6
        shown = sprite[top : top + 4, left : left + 6]
        assert (shown - images[at, 0]).abs().max() < 1 / 30 + 0.01


def test_at_most_so_many_images_of_each_field_are_kept(
    guessed: tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]],
) -> None:
    images, labels, scores = guessed
    one_hot = torch.nn.functional.one_hot(labels, 3)
    told = _told(browse_confusion(images, scores, one_hot, class_names=NAMES, most=2))
    for at in range(2):
        for row in range(3):
            for column in range(3):
                kept = [i for i in told["images"] if i[0] == row and i[1 + at] == column]
                assert len(kept) >= min(2, told["counts"][at][row][column])
    assert len(told["images"]) <= 2 * 2 * 9


def test_the_words_name_the_most_frequent_mistakes() -> None:
    labels = torch.tensor([0, 0, 0, 1, 2])
    called = torch.tensor([1, 1, 0, 2, 2])
    scores = {"CNN": torch.nn.functional.one_hot(called, 3).float()}
    shown = browse_confusion(torch.zeros(5, 1, 2, 2), scores, labels, class_names=NAMES)
    assert str(shown) == repr(shown)
    assert str(shown) == (
        "CNN: 3 of 5 images wrong; shirt <&> predicted as coat: 2; coat predicted as bag: 1"
    )
    (line,) = BeautifulSoup(shown._repr_html_(), "html.parser").select("li")
    assert line.get_text() == str(shown)
    right = {"CNN": torch.nn.functional.one_hot(labels, 3).float()}
    shown = browse_confusion(torch.zeros(5, 1, 2, 2), right, labels, class_names=NAMES)
    assert str(shown) == "CNN: 0 of 5 images wrong"


def test_images_scores_and_labels_that_do_not_belong_together_are_refused(
    guessed: tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]],
) -> None:
    images, labels, scores = guessed
    with pytest.raises(ValueError, match=r"MLP: expected scores \(59, 3\) for 59 images"):
        browse_confusion(images[1:], scores, labels, class_names=NAMES)
    with pytest.raises(ValueError, match=r"labels: expected \(60,\) or \(60, 3\), got \(59,\)"):
        browse_confusion(images, scores, labels[1:], class_names=NAMES)
    with pytest.raises(ValueError, match="labels: expected classes from 0 to 2"):
        browse_confusion(images, scores, labels + 1, class_names=NAMES)


def test_shuffled_images_are_shown_in_both_orders() -> None:
    images = torch.rand(2, 1, 5, 8)
    shuffled = shuffle_pixels(images)
    shown = browse_shuffle(images, shuffled, titles=["bag", "<boot>"])
    assert str(shown).splitlines()[1] == "<boot>: 40 pixels in order, and shuffled"
    pictures = BeautifulSoup(shown._repr_html_(), "html.parser").select("img")
    assert [picture["alt"] for picture in pictures] == [
        *("bag, in order", "<boot>, in order", "bag, shuffled", "<boot>, shuffled")
    ]
    for picture, expected in zip(pictures, [*images[:, 0], *shuffled[:, 0]], strict=True):
        assert (_decoded(str(picture["src"])) - expected).abs().max() < 1 / 30 + 0.01
        assert (picture["width"], picture["height"]) == ("32", "20")
