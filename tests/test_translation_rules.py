"""The rules of the Korean edition: each finds what it is for, and leaves good Korean alone."""

import gettext
import re
from pathlib import Path

import pydata_sphinx_theme
import pytest
import sphinx
from alt_text_patterns import translate_alt_text
from babel.messages.pofile import read_po
from catalogues import compile_catalogues, part_markup
from languages import THEME_TEXTS
from translation_rules import Rules

ROOT = Path(__file__).resolve().parents[1]
RULES = Rules(ROOT / "docs/locale/ko/terms.toml")

GOOD = [
    ("The kernel has 4 weights.", "커널에는 가중치가 4개 있습니다.", False),
    ("Two kernels, ``k`` and ``q``.", "두 커널 ``k``와 ``q``입니다.", False),
    ("Each has two parts.", "각각 2개의 부분이 있습니다.", False),
    (
        "See :term:`feature map` and 1.541.",
        ":term:`특징맵 <feature map>`\\ 과 1.541을 봅니다.",
        False,
    ),
    ("See :doc:`/install` for torch.", "torch는 :doc:`/install`\\ 을 보십시오.", False),
    ("[the page](install.md) has 10 images", "[페이지](install.md)에 이미지 10개가 있습니다", True),
    ("The mean is 7.5 [LeCun1998]_.", "평균은 7.5입니다 [LeCun1998]_.", False),
    ("**60.0 %** of all", "전체의 **60.0 %** 입니다", True),
    ("Adam at 100", "100으로 둔 Adam", False),
    ("a convolution (cross-correlation)", "합성곱(교차상관)을", False),
    ("Fashion-MNIST", "Fashion-MNIST", False),
    ("{count} images", "이미지 {count}개", False),
    ("{count} is too large.", "{count:은} 너무 큽니다.", False),
    ("500 million times smaller", "5억분의 1로 작습니다", False),
    ("Take a step of 2.", "2만큼 움직입니다.", False),
    ("in float64 for 3", "float64로 3입니다", False),
    ("from :func:`~cnnbook.pooling.relu`", ":func:`~cnnbook.pooling.relu`에서 옵니다", False),
    ("The {gradient} is {x}", "{gradient:은} {x}", False),
]
BAD = [
    ("The kernel has 4 weights.", "커널에는 가중치가 9개 있습니다.", False, "other numbers"),
    ("The kernel has 4 weights.", "커널에는 가중치가 있습니다.", False, "other numbers"),
    ("4 million", "400개", False, "other numbers"),
    ("It is 2.", "2만 2만입니다.", False, "other numbers"),
    ("The kernel ``k``.", "커널 ``q``.", False, "other code"),
    ("See :doc:`/install`.", ":doc:`/play`\\ 를 보십시오.", False, "other roles"),
    ("[the page](install.md)", "[페이지](play.md)", True, "other links"),
    ("A fact [LeCun1998]_.", "사실입니다.", False, "other citations"),
    ("{count} images", "이미지 {number}개", False, "other places"),
    ("A convolution.", "컨볼루션입니다.", False, "컨볼루션 instead of 합성곱"),
    ("A convolution.", "곱입니다.", False, "convolution without 합성곱"),
    ("The feature map.", "특성맵입니다.", False, "특성맵 instead of 특징맵"),
    ("An epoch.", "에포크입니다.", False, "에포크 instead of 에폭"),
    ("It is small.", "이것은 작다.", False, "does not end in -니다"),
    ("It is small.", "It is small.", False, "not Korean"),
    ("It is seen.", "값은(는) 보입니다.", False, "two particles"),
    ("**60.0%** of all", "전체의 **60.0%**입니다", True, "emphasis"),
    ("The code `k` here", "여기 `k`\\ 는", True, "backslash"),
    ("It is 10.", "10를 봅니다.", False, "10를 instead of 10을"),
    ("It is 1.541.", "1.541를 봅니다.", False, "1.541를 instead of 1.541을"),
    ("It is torch.", "torch이 합니다.", False, "torch이 instead of torch가"),
    ("By 1 it is.", "1으로 합니다.", False, "1으로 instead of 1로"),
    ("``relu`` is", "``frobnicate``\\ 은", False, "other code"),
    ("``frobnicate`` is", "``frobnicate``\\ 은 있습니다.", False, "no reading for 'frobnicate'"),
]


@pytest.mark.parametrize(("text", "translation", "markdown"), GOOD)
def test_good_korean_is_left_alone(text: str, translation: str, markdown: bool) -> None:
    assert list(RULES.problems(text, translation, markdown=markdown)) == []


@pytest.mark.parametrize(("text", "translation", "markdown", "found"), BAD)
def test_what_is_wrong_is_found(text: str, translation: str, markdown: bool, found: str) -> None:
    assert found in "; ".join(RULES.problems(text, translation, markdown=markdown))


def test_every_refused_word_is_another_word_than_the_one_in_its_place() -> None:
    assert len(RULES.refused) > 60
    for bad, good in RULES.refused.items():
        assert bad not in good


@pytest.mark.parametrize(
    ("text", "parted"),
    [
        ("``kernel``을 봅니다.", "``kernel``\\ 을 봅니다."),
        (":term:`특징맵 <feature map>`과", ":term:`특징맵 <feature map>`\\ 과"),
        ("*강조*는, **굵게**는", "*강조*\\ 는, **굵게**\\ 는"),
        ("[LeCun1998]_에서", "[LeCun1998]_\\ 에서"),
        ("`논문 <https://a.b>`_은", "`논문 <https://a.b>`_\\ 은"),
        ("값``a``", "값\\ ``a``"),
        ("(``a``), ``b``.", "(``a``), ``b``."),
        ("2 * 3 * 4는", "2 * 3 * 4는"),
        ("``a``\\ 는", "``a``\\ 는"),
        ("2*0개가 1*(2 - 1)픽셀", "2*0개가 1*(2 - 1)픽셀"),
        (":term:`가중치 <weight>`(weight)는", ":term:`가중치 <weight>`\\ (weight)는"),
    ],
)
def test_markup_is_parted_from_the_particle(text: str, parted: str) -> None:
    assert part_markup(text) == parted


def test_catalogues_are_compiled_when_they_are_newer(tmp_path: Path) -> None:
    folder, sources = tmp_path / "LC_MESSAGES", tmp_path / "docs"
    folder.mkdir()
    sources.mkdir()
    (sources / "page.md").write_text("", "utf-8")
    entry = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    entry += 'msgid "see ``k``"\nmsgstr "``k``를"\n\nmsgid "5. A"\nmsgstr "5. 가"\n'
    entry += '\nmsgid "+ B"\nmsgstr "+ 나"\n'
    for name in ("page.po", "lesson.po"):
        (folder / name).write_text(entry, "utf-8")
    written = compile_catalogues(folder, sources)
    assert [path.name for path in written] == ["lesson.mo", "page.mo"]
    assert "``k``\\ 를".encode() in written[0].read_bytes()
    assert "``k``를".encode() in written[1].read_bytes()
    # Otherwise these would be lists.
    for path in written:
        for part in ("5\\. 가\0", "\0\\+ 나\0"):
            assert part.encode() in path.read_bytes()
    assert compile_catalogues(folder, sources) == []


TEXTS = ROOT / "docs/locale/ko/alt_texts.toml"


@pytest.mark.parametrize(
    ("text", "translation"),
    [
        (
            "Ten grey images of 28 x 28 pixels, 5 in a row. Bright pixels cover 2.7 % of Coat to "
            "63 % of Shirt. Coat; Shirt and 3 more.",
            "28 x 28 픽셀의 흑백 이미지 10장, 한 줄에 5장. 밝은 픽셀의 비율: Coat 2.7 %부터 Shirt "
            "63 %까지. Coat; Shirt, 그 밖에 3개.",
        ),
        (
            "One panel of curves against the epoch, on a linear axis. loss: plain falls from 2.32 "
            "to 1e-05 in 60 epochs, lowest 1e-06 at epoch 9.",
            "에폭에 따른 곡선 그림 1개, 세로축은 선형. loss: plain: 60에폭 동안 2.32에서 1e-05까지 "
            "내려감, 가장 낮은 값은 9에폭의 1e-06.",
        ),
        (
            "An image of 5 x 5 pixels, from -1.8 to 2.3, in framed windows of 2 x 2. Of each "
            "window the largest stays: 1.2 2 / 0.7 -0.3.",
            "5 x 5 픽셀 이미지(-1.8부터 2.3까지)를 2 x 2 윈도우로 나누어 테두리를 그림. 윈도우마다 "
            "남는 가장 큰 수: 1.2 2 / 0.7 -0.3.",
        ),
        (
            "Two colour images of 6 x 6 pixels. permute: red, green; black.",
            "6 x 6 픽셀의 색 이미지 2장. permute: 빨강, 초록; 검정.",
        ),
        ("black, 1 x 2: 4 5", "black, 1 x 2: 4 5"),
    ],
)
def test_alternative_texts_keep_their_numbers_and_labels(text: str, translation: str) -> None:
    assert translate_alt_text(text, TEXTS) == translation


def test_every_text_of_the_theme_is_in_our_catalogue_or_in_that_of_sphinx() -> None:
    theme = Path(pydata_sphinx_theme.__file__).parent / "theme"
    asked = {
        text
        for template in theme.rglob("*.html")
        for text in re.findall(r"""\b_\(\s*["']([^"']+)["']\s*\)""", template.read_text("utf-8"))
    }
    assert len(asked) > 20
    of_sphinx = gettext.translation("sphinx", Path(sphinx.__file__).parent / "locale", ["ko"])
    missing = {text for text in asked if of_sphinx.gettext(text) == text} - set(THEME_TEXTS)
    assert not missing
    with (ROOT / "docs/locale/ko/LC_MESSAGES/sphinx.po").open("rb") as file:
        messages = read_po(file)
    assert all(messages[text].string for text in THEME_TEXTS)
