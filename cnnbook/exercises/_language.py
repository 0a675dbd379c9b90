"""The language of the verdicts: English, or Korean from the catalogue ``ko.json`` beside this file.

In Korean, the form of a particle depends on how the word before it is read, so a place in a text
may name its particle: ``{number:은} ...`` is filled as ``8은`` and as ``2는``. The browser fills
the same texts (``docs/_static/dom.js``).
"""

import json
import locale
import os
import re
from functools import cache
from pathlib import Path

__all__ = ["LANGUAGES", "PARTICLES", "chosen_language", "fill", "final_consonant", "translate"]

LANGUAGES = ("en", "ko")

# Each particle after a consonant, and after a vowel.
PARTICLES = {"은": "는", "이": "가", "을": "를", "과": "와", "으로": "로", "이라": "라"}
# How digits and Latin letters are read: the last sound of each. A word is taken to end in a
# consonant if its last letter is read so in most loan words.
_DIGITS = dict(zip("0123456789", "영일이삼사오육칠팔구", strict=True))
_CONSONANTS = "lmn"


def chosen_language() -> str:
    """Return the language that the environment asks for.

    That is the one that ``CNNBOOK_LANGUAGE`` names, else Korean if it is the system's, or English.

    Raises:
        ValueError: ``CNNBOOK_LANGUAGE`` names a language that the verdicts do not have.

    Examples:
        >>> import os
        >>> from cnnbook.exercises._language import chosen_language
        >>> os.environ["CNNBOOK_LANGUAGE"] = "en"
        >>> chosen_language()
        'en'
    """
    named = os.environ.get("CNNBOOK_LANGUAGE", "").strip().lower()
    if named:
        code = re.split(r"[_.\-]", named)[0]
        if code not in LANGUAGES:
            raise ValueError(
                f"CNNBOOK_LANGUAGE: expected one of {list(LANGUAGES)}, got {named!r}; unset it to "
                "use the language of the system"
            )
        return code
    # "ko_KR"; on Windows "Korean_Korea".
    system = (locale.getlocale()[0] or "").lower()
    return "ko" if system.startswith("ko") else "en"


@cache
def _catalogue(language: str) -> dict[str, str]:
    if language == "en":
        return {}
    texts: dict[str, str] = json.loads(
        Path(__file__).with_name(f"{language}.json").read_text(encoding="utf-8")
    )
    return texts


def translate(text: str, language: str = "") -> str:
    """Return a text in a language; a text that is not in its catalogue stays as it is.

    Args:
        text: The English text.
        language: The language; if empty, the one that the environment asks for.

    Examples:
        >>> from cnnbook.exercises._language import translate
        >>> translate("Right.", "en"), translate("Right.", "ko")
        ('Right.', '맞습니다.')
    """
    return _catalogue(language or chosen_language()).get(text, text)


def final_consonant(word: str) -> str:
    """Return the final consonant with which a word's reading ends: ``"ㄹ"``, ``"other"`` or none.

    Args:
        word: A Korean word, a number, or a word in Latin letters.

    Examples:
        >>> from cnnbook.exercises._language import final_consonant
        >>> [final_consonant(word) for word in ("커널", "특징맵", "답", "패딩", "8", "2", "10")]
        ['ㄹ', 'other', 'other', 'other', 'ㄹ', '', 'other']
    """
    word = re.sub(r"[^\w%]+$", "", word)
    if not word:
        return ""
    last = word[-1]
    if last in _DIGITS:
        digits = re.search(r"[\d,.]*$", word)[0]  # type: ignore[index]
        # A number that ends in zeros is read with 십, 백, 천 or 만; 0 itself is 영.
        last = "만" if re.fullmatch(r"[\d,]*[1-9][\d,]*0", digits) else _DIGITS[last]
    elif not "가" <= last <= "힣":
        return "ㄹ" if last.lower() == "l" else "other" if last.lower() in _CONSONANTS else ""
    final = (ord(last) - ord("가")) % 28
    return "" if final == 0 else "ㄹ" if final == 8 else "other"


def _with_particle(word: str, particle: str) -> str:
    end = final_consonant(word)
    if particle == "으로":
        return word + ("으로" if end == "other" else "로")
    return word + (particle if end else PARTICLES.get(particle, particle))


def fill(text: str, values: dict[str, object]) -> str:
    """Fill the places of a text, each perhaps with a particle.

    Args:
        text: A text with places such as ``{number}`` or ``{number:은}``.
        values: What comes into each place.

    Examples:
        >>> from cnnbook.exercises._language import fill
        >>> fill("{number} is too large.", {"number": 8})
        '8 is too large.'
        >>> [fill("{number:은} 너무 큽니다.", {"number": number}) for number in (8, 2)]
        ['8은 너무 큽니다.', '2는 너무 큽니다.']
    """

    def filled(place: re.Match[str]) -> str:
        value = str(values[place["name"]])
        return _with_particle(value, place["particle"]) if place["particle"] else value

    return re.sub(r"\{(?P<name>\w+)(?::(?P<particle>[가-힣]+))?\}", filled, text)
