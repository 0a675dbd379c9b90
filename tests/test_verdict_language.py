"""Verdicts in Korean: who gets them, and particles that fit what is before them."""

import locale

import pytest

from cnnbook.exercises import check
from cnnbook.exercises._language import chosen_language, fill, final_consonant


@pytest.mark.parametrize(
    ("named", "system", "language"),
    [
        ("", "ko_KR", "ko"),
        ("", "Korean_Korea", "ko"),
        ("", "en_US", "en"),
        ("", None, "en"),
        ("ko", "en_US", "ko"),
        ("ko_KR.UTF-8", "en_US", "ko"),
        ("en", "ko_KR", "en"),
    ],
)
def test_the_language_is_that_of_the_variable_or_of_the_system(
    monkeypatch: pytest.MonkeyPatch, named: str, system: str | None, language: str
) -> None:
    monkeypatch.setenv("CNNBOOK_LANGUAGE", named)
    monkeypatch.setattr(locale, "getlocale", lambda: (system, "UTF-8"))
    assert chosen_language() == language


def test_a_verdict_is_in_the_language_of_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNBOOK_LANGUAGE", "ko")
    assert str(check("6.1", "")) == "아직 답이 없습니다. 입력한 것이 없습니다."


def test_an_unknown_language_is_refused_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CNNBOOK_LANGUAGE", "fr")
    with pytest.raises(ValueError, match=r"expected one of \['en', 'ko'\], got 'fr'"):
        check("6.1", 1)


@pytest.mark.parametrize(
    ("text", "value", "filled"),
    [
        ("{a:은}", 8, "8은"),
        ("{a:은}", 2, "2는"),
        ("{a:을}", 10, "10을"),
        ("{a:을}", "0.5", "0.5를"),
        ("{a:으로}", 1, "1로"),
        ("{a:으로}", 3, "3으로"),
        ("{a:으로}", "커널", "커널로"),
        ("{a:이}", "특징맵", "특징맵이"),
        ("{a:과}", "이미지", "이미지와"),
        ("{a:은}", "2 x 2", "2 x 2는"),
        ("{a:은}", "[[1, 2], [3, 4]]", "[[1, 2], [3, 4]]는"),
        ("{a:은}", "'seven'", "'seven'은"),
        ("{a}", "8", "8"),
    ],
)
def test_a_particle_fits_the_word_before_it(text: str, value: object, filled: str) -> None:
    assert fill(text, {"a": value}) == filled


def test_zero_and_round_numbers_end_in_a_consonant() -> None:
    assert {final_consonant(number) for number in ("0", "10", "300", "5,000", "60,000")} == {
        "other"
    }
    assert final_consonant("") == ""
