"""What a Korean translation must keep of the English text, and how it must be written.

A rule that needs words takes them from ``docs/locale/ko/terms.toml``. The rules find what a machine
can find: numbers, code, links and references that were lost, a term in another spelling, a particle
that does not fit what is read before it. Whether a sentence says the same, a reader must judge.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_ROLE = re.compile(r":(?P<role>[\w:+-]+):`(?P<text>[^`]+)`|\{(?P<myst>\w+)\}`(?P<words>[^`]+)`")
_RST_CODE = re.compile(r"``(?P<code>.+?)``")
_MD_CODE = re.compile(r"(?<![`}])(?P<ticks>`+)(?P<code>.+?)(?P=ticks)(?!`)")
_LINK = re.compile(r"\]\((?P<target>[^)]+)\)|`[^`<]+<(?P<rst>[^>]+)>`_")
_CITATION = re.compile(r"\[(\w+)\]_")
_MATH = re.compile(r":math:`([^`]+)`|\$([^$]+)\$")
# CommonMark takes ** after punctuation and before a letter for an opening mark.
_BROKEN_EMPHASIS = re.compile(r"(\*+)(?=\S)[^*]*[^\w\s*]\1(?=[가-힣])")
_PLACE = re.compile(r"\{(\w+)(?::[^}]*)?\}")

# The English words for numbers that a translation may write with digits.
_WORDS = {
    **dict.fromkeys(("zero", "zeros", "no", "none"), "0"),
    **dict.fromkeys(("a", "an", "one", "once", "single", "first", "other"), "1"),
    **dict.fromkeys(("two", "twice", "both", "second", "pair", "half"), "2"),
    **dict.fromkeys(("three", "third", "thirds"), "3"),
    **dict.fromkeys(("four", "fourth", "quarter", "quarters"), "4"),
    **dict.fromkeys(("five", "fifth", "fifths"), "5"),
    **dict.fromkeys(("six", "sixth"), "6"),
    **dict.fromkeys(("seven", "seventh"), "7"),
    **dict.fromkeys(("eight", "eighth"), "8"),
    **dict.fromkeys(("nine", "ninth", "nines"), "9"),
    **dict.fromkeys(("ten", "tenth"), "10"),
    **dict.fromkeys(("eleven", "eleventh"), "11"),
    **dict.fromkeys(("twelve", "twelfth", "dozen"), "12"),
    **dict.fromkeys(("thirteen",), "13"),
    **dict.fromkeys(("fourteen",), "14"),
    **dict.fromkeys(("fifteen",), "15"),
    **dict.fromkeys(("sixteen", "sixteenth", "sixteenths"), "16"),
    **dict.fromkeys(("twenty",), "20"),
    **dict.fromkeys(("thirty", "thirtieth"), "30"),
    **dict.fromkeys(("fifty",), "50"),
    **dict.fromkeys(("sixty", "sixtieth"), "60"),
    **dict.fromkeys(("hundred", "hundreds", "hundredth", "hundredths"), "100"),
    **dict.fromkeys(("thousand", "thousands", "thousandth"), "1000"),
    **dict.fromkeys(("million", "millions", "millionth"), "1000000"),
}

# Particles in two forms: after a consonant, after a vowel.
PARTICLES = {"은": "는", "이": "가", "을": "를", "과": "와", "으로": "로", "이나": "나"}
_FORMS = sorted({*PARTICLES, *PARTICLES.values()}, key=len, reverse=True)
# How the last digit is read, where nothing follows it: 0 as in 10 (십), 100 (백), 1000 (천).
_DIGITS = {"0": "영", "1": "일", "2": "이", "3": "삼", "4": "사", "5": "오"} | {
    "6": "육",
    "7": "칠",
    "8": "팔",
    "9": "구",
}
_ROUND = {1: "십", 2: "백", 3: "천"}
# The last syllable with which a letter is read: 에이, 비, 시, ...
_READ = "이비시디이프지치이이이엘엠엔오피큐알스티유이유스이트"
_LETTERS = dict(zip("abcdefghijklmnopqrstuvwxyz", _READ, strict=True))
# How most English words with these endings are read, by the last syllable. Others, as those in p,
# t, k or le, are read in two ways, so they need a reading of their own.
_ENDINGS = {
    "ng": "잉",
    "[lL]": "얼",
    "[mM]": "음",
    "[nN]": "은",
    "[aiouyrRsSdvzhfgwx_]": "으",
    "[zsdvcg]e": "으",
}
_UNITS = {"%": "퍼센트", "s": "초", "MB": "메가바이트", "GB": "기가바이트", "ms": "밀리초"}


def ends_in(word: str) -> str:
    """Return what the last syllable of a Korean word ends in: a final consonant, or nothing.

    Args:
        word: A word whose last character is a Hangul syllable.

    Returns:
        ``""`` for a vowel, ``"ㄹ"``, or ``"other"`` for any other consonant.
    """
    final = (ord(word[-1]) - 0xAC00) % 28
    return "" if final == 0 else "ㄹ" if final == 8 else "other"


def choose(particle: str, reading: str) -> str:
    """Return the form of a particle that fits a word.

    Args:
        particle: The form after a consonant, a key of ``PARTICLES``.
        reading: How the word is read, in Hangul.

    Returns:
        That form, or the one after a vowel; after ㄹ it is 로.
    """
    end = ends_in(reading)
    if particle == "으로":
        return "으로" if end == "other" else "로"
    return particle if end else PARTICLES[particle]


def read_number(text: str) -> str:
    """Return how the end of a number is read in Korean: ``십`` for 10, ``오`` for 1.5.

    Args:
        text: Digits, perhaps with commas or a decimal point.

    Returns:
        The last syllable.
    """
    digits = text.replace(",", "")
    if "." in digits or digits == "0":
        return _DIGITS[digits[-1]]
    zeros = len(digits) - len(digits.rstrip("0"))
    if not zeros:
        return _DIGITS[digits[-1]]
    # 10,000 is 만, 10^8 is 억: both end in a consonant, as do 십만, 백만 and 천만.
    return _ROUND.get(zeros, "만")


class Rules:
    """The rules of a language, with its terms.

    Attributes:
        terms: For each term: the English words, the Korean one, and what is refused.
        readings: How names and English words are read.
        two_meanings: English texts that may have two translations.
    """

    def __init__(self, path: Path) -> None:
        data: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        self.refused: dict[str, str] = {
            bad: term["ko"] for term in data["term"] for bad in term.get("refused", ())
        }
        self.required = [
            (re.compile(rf"\b(?:{'|'.join(term['en'])})(?:s|es)?\b", re.I), term)
            for term in data["term"]
            if term.get("required")
        ]
        self.readings: dict[str, str] = {k.lower(): v for k, v in data["readings"].items()}
        self.same: set[str] = {same.strip() for same in data["same"]["texts"]}
        self.two_meanings: set[str] = set(data["two_meanings"]["texts"])

    def problems(self, text: str, translation: str, *, markdown: bool) -> Iterator[str]:
        """Yield what is wrong with the translation of one text."""
        if text.strip() == translation.strip() and text.strip() in self.same:
            return
        yield from self._lost(text, translation, markdown=markdown)
        yield from self._style(text, translation, markdown=markdown)
        yield from self._terms(text, translation)
        yield from self._particles(translation, markdown=markdown)

    def _lost(self, text: str, translation: str, *, markdown: bool) -> Iterator[str]:
        kinds: dict[str, Callable[[str], Counter[str]]] = {
            "code": lambda t: _code(t, markdown=markdown),
            "roles": _roles,
            "links": lambda t: Counter(m["target"] or m["rst"] for m in _LINK.finditer(t)),
            "citations": lambda t: Counter(_CITATION.findall(t)),
            "formulas": lambda t: Counter(a or b for a, b in _MATH.findall(t)),
            "places": lambda t: Counter(_PLACE.findall(t)),
        }
        for kind, count in kinds.items():
            before, after = count(text), count(translation)
            if before != after:
                yield f"other {kind} (lost {dict(before - after)}, new {dict(after - before)})"
        as_written = _other_numbers(text, translation)
        if as_written and _other_numbers(_in_digits(text), _in_digits(translation)):
            yield as_written

    def _style(self, text: str, translation: str, *, markdown: bool) -> Iterator[str]:
        prose = _without_markup(translation)
        if not re.search("[가-힣]", translation):
            words = re.findall(r"[A-Za-z]{2,}", _without_markup(text))
            if len(words) > 1 and text.strip() not in self.same:
                yield "not Korean"
        for found in re.finditer(r"(\S*(?<!니)다)\.(?=\s|$)", prose):
            yield f"a sentence that does not end in -니다 ({found[1]})"
        for found in re.finditer(r"[은이을과]\([는가를와]\)|\(으\)로|\(이\)", prose):
            yield f"two particles ({found[0]})"
        if markdown and "\\ " in translation:
            yield "a backslash before a space, which Markdown shows as it is"
        if markdown and _BROKEN_EMPHASIS.search(translation):
            yield "emphasis that ends in punctuation before Hangul, which Markdown does not see"
        if "**" in prose:
            yield "markup that is shown as it is"

    def _terms(self, text: str, translation: str) -> Iterator[str]:
        prose = _without_markup(translation)
        for bad, good in self.refused.items():
            if bad in prose:
                yield f"{bad} instead of {good}"
        english = _without_markup(text)
        for words, term in self.required:
            allowed = [term["ko"], *term.get("also", ())]
            if words.search(english) and not any(one in translation for one in allowed):
                yield f"{words.search(english)[0]} without {term['ko']}"  # type: ignore[index]

    def _particles(self, translation: str, *, markdown: bool) -> Iterator[str]:
        """Check the particle after code, a number or an English word."""
        code = _MD_CODE if markdown else _RST_CODE
        plain = code.sub(lambda m: f"{m['code']}", translation).replace("\\ ", "")
        # Such a reference shows the title of its page, which is not known here.
        plain = re.sub(r":(?:doc|ref):`[^`<]+`|\{(?:doc|ref)\}`[^`<]+`", ")", plain)
        plain = re.sub(r"\s*<[^>]*>`_?", "`", plain)
        plain = re.sub(r"[*$]|:\w+:`|\{\w+\}`|`_?", "", plain)
        pattern = rf"(?P<word>[A-Za-z0-9._/,%)\]]+)(?P<form>{'|'.join(_FORMS)})(?![가-힣])"
        for found in re.finditer(pattern, plain):
            word, form = found["word"], found["form"]
            reading = self.reading(word)
            if reading is None:
                if word.endswith((")", "]")):
                    continue  # The particle follows the word before the brackets.
                yield f"no reading for {word!r} (add it to [readings])"
                continue
            after_consonant = next((a for a, b in PARTICLES.items() if form in (a, b)), form)
            right = choose(after_consonant, reading)
            if form != right:
                yield f"{word}{form} instead of {word}{right} (read {reading})"

    def reading(self, word: str) -> str | None:
        """Return how the end of a word is read, or None if that is not known."""
        word = word.rstrip(".,")
        known = self.readings.get(word.lower()) or self.readings.get(
            word.rpartition(".")[2].lower()
        )
        if known:
            return known
        digits = re.search(r"[A-Za-z_](\d+)$", word)
        if digits:
            return read_number(digits[1])
        unit = re.fullmatch(r"([\d.,]*\d)\s*(%|[A-Za-z]{1,2})", word)
        if unit and unit[2] in _UNITS:
            return _UNITS[unit[2]]
        # 1/9 is read 9분의 1.
        number = re.fullmatch(r"([\d.,]*\d)(?:/\d+)?", word)
        if number:
            return read_number(number[1])
        if re.fullmatch(r"[A-Za-z]", word):
            return _LETTERS[word.lower()]
        end = next((end for end in _ENDINGS if re.search(rf"[A-Za-z_]{end}$", word)), None)
        return _ENDINGS[end] if end else None


def _code(text: str, *, markdown: bool) -> Counter[str]:
    if markdown:
        return Counter(m["code"] for m in _MD_CODE.finditer(_ROLE.sub("", text)))
    return Counter(m["code"] for m in _RST_CODE.finditer(text))


def _roles(text: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for role in _ROLE.finditer(text):
        name, words = role["role"] or role["myst"], role["text"] or role["words"]
        if name == "math":
            continue
        target = re.search(r"<([^>]+)>\s*$", words)
        found[f"{name}:{(target[1] if target else words).lstrip('~')}"] += 1
    return found


def _without_markup(text: str) -> str:
    text = _PLACE.sub(" ", text)
    # A reference to code, or to a page whose title is put in, has no words of its own.
    text = re.sub(r":(?:func|class|mod|meth|attr|data|py:\w+):`[^`]*`", " ", text)
    text = re.sub(r"(?::(?:doc|ref):|\{(?:doc|ref|func|class|mod)\})`[^`<]*`", " ", text)
    text = re.sub(r"``.+?``", " ", text)
    text = _MATH.sub(" ", text)
    text = re.sub(r":[\w:+-]+:`([^`<]*)(?:<[^>]*>)?`", r"\1", text)
    text = re.sub(r"\{\w+\}`([^`<]*)(?:<[^>]*>)?`", r"\1", text)
    text = re.sub(r"`([^`<]+)<[^>]+>`_", r"\1", text)
    text = re.sub(r"\]\([^)]+\)(?:\{\.\w+\})?", "]", text)
    text = re.sub(r"(?<!`)`[^`]+`(?!`)", " ", text)
    text = re.sub(r"(?<![\\*])\*\*(?=\S)(.+?)(?<=\S)\*\*", r"\1", text)
    return text.replace("\\ ", "")


def _other_numbers(text: str, translation: str) -> str:
    """Say which numbers are lost or new, or nothing."""
    before, after = _numbers(text), _numbers(translation)
    words = Counter(_WORDS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _WORDS)
    # 4분의 1
    parts = r"\b(?:hal(?:f|ves)|third|quarter|fifth|tenth)s?\b|\btimes (?:smaller|fewer|less)\b"
    words["1"] += len(re.findall(parts, text))
    lost, new = before - after, after - before - words
    # What English writes with digits Korean writes with digits, too.
    if lost or any(value not in words for value in new):
        return f"other numbers (lost {dict(lost)}, new {dict(new)})"
    return ""


def _numbers(text: str) -> Counter[str]:
    return Counter(
        number.replace(",", "").rstrip(".")
        for number in re.findall(
            r"(?<![A-Za-z_])(?<![A-Za-z_]\d)\d[\d,]*(?:\.\d+)?", _without_markup(text)
        )
    )


def _in_digits(text: str) -> str:
    """Write large numbers with digits only: 500 million, and 5억 before 분의 or a counter."""
    text = re.sub(r"([\d.]+) million\b", lambda m: f"{float(m[1]) * 1e6:.0f}", text)
    units = {"억": 10**8, "만": 10**4}
    counted = r"(\d+)(억|만)(?=분의|개|배|장|번| ?바이트)"
    return re.sub(counted, lambda m: str(int(m[1]) * units[m[2]]), text)
