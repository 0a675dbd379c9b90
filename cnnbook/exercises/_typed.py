"""Reads numbers that were typed. `docs/_static/grading.js` reads them by the same rules.

A text is one number or several:

- a number: ``0.8``, ``.8``, ``-3``, ``1e-3``, a fraction ``4/5``. A percent sign changes nothing,
  so that a percentage is not taken for a fraction;
- thousands may be grouped where the number is all there is: ``1,628,170``, and so ``1,234``;
- several numbers, separated by commas, by blanks or by ``x``: ``1, 2, 3``, ``1 2 3``, ``7 x 7``;
- rows, separated by ``;`` or new lines: ``1 2; 3 4``. Rows of one number each are one row;
- brackets: ``[[1, 2], [3, 4]]``, ``(2, 16)``, ``[1 2; 3 4]``, ``tensor(...)``. Within them a comma
  always separates numbers.

What can be read in two ways is asked back: ``2,5``, ``1 1/2``, ``1 000``. Nothing is computed but a
fraction.
"""

import re
from typing import NamedTuple

from cnnbook.exercises._messages import Unreadable, say

__all__ = ["Nested", "describe_product", "is_blank", "read_text"]

# A number, or a list of such.
Nested = float | list["Nested"]

_LONGEST = 1000
_DEEPEST = 8

# What other keyboards type for a character: first the full-width ones, then signs for minus, times
# (also the letter in the place of x on a Korean keyboard), division, comma, point, blank, new line.
_SAME = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_SAME |= dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2212, 0xFE63), "-")
_SAME |= dict.fromkeys((*map(ord, "X*"), 0xD7, 0x1110, 0x2217, 0x2715, 0x2716, 0x2A2F, 0x314C), "x")
_SAME |= dict.fromkeys((0xFF0A, 0xFF38), "x")
_SAME |= dict.fromkeys((0xF7, 0x2044, 0x2215), "/")
_SAME |= dict.fromkeys((0x3001, 0xFF64), ",")
_SAME |= {0x3002: "."}
_SAME |= dict.fromkeys((*b"\t\v\f", 0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " ")
_SAME |= dict.fromkeys((*b"\r", 0x85, 0x2028, 0x2029), "\n")

_ENDS = re.compile(r"^[ \n;\u200b-\u200f\ufeff]+|[ \n;\u200b-\u200f\ufeff]+$")
_QUOTED = re.compile("^(['\"])([^'\"]*)\\1$")
_OPTION = re.compile(
    r", *(?:dtype|device|requires_grad|grad_fn|size) *= *(?:[A-Za-z0-9_.:<>']+|\([0-9, ]*\))"
)
_MAKER = re.compile(
    r"\b(?:(?:torch\.)?(?:tensor|Size)|(?:(?:np|numpy)\.)?array|np\.(?:float|int)[0-9]+)\(",
    re.ASCII,
)
_UNSHOWN = re.compile(
    r"[\x00-\x20\x7f-\xa0\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\udfff\ufeff]+"
)

_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_SPACED = re.compile(r"[+-]?[1-9][0-9]{0,2}(?: [0-9]{3})+")
_CALCULATION = re.compile(r"[-+x/^().,0-9 ]*[0-9)] *[-+x/^(][-+x/^( ]*[.0-9][-+x/^().,0-9 ]*")
_PRODUCT = re.compile(r"\(? *[0-9]+(?: *x *[0-9]+)+ *\)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]+)?")
_MIXED = re.compile(r"([0-9]{1,6}) +([0-9]{1,6}) */ *([0-9]{1,6})")

_DECIMAL = r"(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_WORD = r"[nN][aA][nN]|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|True|False"
_TOKEN = re.compile(
    rf"( *)(?:([+-]?)( *)(?:({_WORD})|({_DECIMAL})(?: */ *([+-]?{_DECIMAL}))?(?: *%)?)|([][(),;x]))"
)


def read_text(text: str) -> Nested:
    """Read a text as a number or as numbers in lists.

    Args:
        text: What was typed.

    Raises:
        Unreadable: It is something else, or can be read in two ways.

    Examples:
        >>> from cnnbook.exercises._typed import read_text
        >>> read_text("1,628,170"), read_text("7 x 7"), read_text("1 2; 3 4")
        (1628170.0, [7.0, 7.0], [[1.0, 2.0], [3.0, 4.0]])
        >>> read_text("2,5")
        Traceback (most recent call last):
            ...
        cnnbook.exercises._messages.Unreadable: 2,5 can be 2.5 or the two numbers 2 and 5: write \
2.5, or [2, 5].
    """
    # What is longer is no answer to any exercise.
    plain = _normalized(text) if len(text) <= _LONGEST else ""
    key = "calculation" if _CALCULATION.fullmatch(plain) else "not_a_number"
    refusal = Unreadable(say(key, text=_shown(text)))
    if not plain:
        raise refusal
    if not re.search(r"[][()]", plain):
        whole = re.sub(" *%$", "", plain)
        if _GROUPED.fullmatch(whole):
            return float(whole.replace(",", ""))
        if _SPACED.fullmatch(whole):
            one, several = whole.replace(" ", ""), whole.replace(" ", ", ")
            raise Unreadable(say("one_or_several", text=whole, one=one, several=several))
        _refuse_doubtful(plain)
    try:
        value, _ = _read_level(_tokens(plain), 0, "", 0)
    except (ValueError, ZeroDivisionError):
        raise refusal from None
    # True and False count as 1 and 0 in a list, as in a mask, and are no answer by themselves.
    if not isinstance(value, list) and re.search("True|False", plain):
        raise refusal
    return value


def is_blank(text: str) -> bool:
    """Return whether nothing was typed.

    Examples:
        >>> from cnnbook.exercises._typed import is_blank
        >>> is_blank("  "), is_blank("0")
        (True, False)
    """
    return len(text) <= _LONGEST and not _normalized(text)


def describe_product(text: str) -> str:
    """Say that a product is a calculation, for an exercise that asks for one number.

    Elsewhere ``7 x 7`` is a size, and so it is read as several numbers.

    Args:
        text: What was typed, which can be read.

    Returns:
        A sentence, or an empty text for what is not a product.

    Examples:
        >>> from cnnbook.exercises._typed import describe_product
        >>> describe_product("5*469")
        "the text '5*469' is a calculation: hand in its result."
        >>> describe_product("5, 469")
        ''
    """
    if not _PRODUCT.fullmatch(_normalized(text)):
        return ""
    return say("calculation", text=_shown(text))


def _shown(text: str) -> str:
    """Shorten a text for a message, without what a terminal cannot show."""
    shown = _UNSHOWN.sub(" ", text)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."


def _normalized(text: str) -> str:
    plain = _QUOTED.sub(r"\2", _ENDS.sub("", text.translate(_SAME)))
    plain = _MAKER.sub("(", _OPTION.sub("", plain))
    # A new line within brackets is a blank; elsewhere it ends a row.
    depth, letters = 0, []
    for letter in plain:
        depth += (letter in "([") - (letter in ")]")
        letters.append(letter if letter != "\n" else " " if depth else ";")
    return _ENDS.sub("", re.sub(" *;[ ;]*", ";", "".join(letters)))


def _refuse_doubtful(plain: str) -> None:
    """Ask back where a comma or a blank can be read in two ways."""
    mixed = _MIXED.fullmatch(plain)
    if mixed:
        whole, numerator, denominator = (int(part) for part in mixed.groups())
        one, second = (
            f"{whole * denominator + numerator}/{denominator}",
            f"{numerator}/{denominator}",
        )
        raise Unreadable(say("one_or_two", text=plain, one=one, first=whole, second=second))
    for chunk in re.split("[ ;x]+", plain):
        tight = chunk.strip("%,")
        several, parts = tight.split(","), tight.split("/")
        if len(parts) > 2:
            continue
        if any(_GROUPED.fullmatch(part) for part in parts):
            one, shown = "".join(several), ", ".join(several)
            raise Unreadable(say("one_or_several", text=tight, one=one, several=shown))
        if len(several) == 2 and any(_DECIMAL_COMMA.fullmatch(part) for part in parts):
            one, (first, second) = ".".join(several), several
            raise Unreadable(say("one_or_two", text=tight, one=one, first=first, second=second))


class _Token(NamedTuple):
    """A bracket or separator, whose value is None, or a number.

    Attributes:
        text: The token without the blanks around it.
        value: The number.
        apart: Whether a blank is before it.
        loose: Whether a blank is between its sign and its digits.
    """

    text: str
    value: float | None
    apart: bool
    loose: bool


def _tokens(plain: str) -> list[_Token]:
    tokens = []
    at = 0
    while at < len(plain):
        found = _TOKEN.match(plain, at)
        if not found:
            raise ValueError("neither a number nor a bracket")
        blank, sign, gap, word, decimal, divisor, mark = found.groups()
        value = None
        if not mark:
            value = _to_number(word or decimal) / (_to_number(divisor) if divisor else 1)
            value = -value if sign == "-" else value
        tokens.append(_Token(mark or found[0].strip(" "), value, bool(blank), bool(gap)))
        at = found.end()
    return tokens


def _to_number(text: str) -> float:
    return float(text == "True") if text in ("True", "False") else float(text)


def _read_level(tokens: list[_Token], at: int, closing: str, depth: int) -> tuple[Nested, int]:
    """Read the whole text, or what is between brackets; return it and where it ends."""
    rows: list[list[Nested]] = [[]]
    separators: set[str] = set()
    plain_digits = True
    before = ""  # "item", a separator, or nothing at the start of a row
    while at < len(tokens) and tokens[at].text != closing:
        token = tokens[at]
        at += 1
        if token.text == ";":
            if before not in ("item", ","):
                raise ValueError("an empty row")
            rows.append([])
            before = ""
        elif token.text in (",", "x"):
            if before != "item":
                raise ValueError("nothing before a separator")
            separators.add(token.text)
            before = token.text
        else:
            item: Nested
            if token.value is None:
                if token.text in ")]" or depth == _DEEPEST:
                    raise ValueError("a bracket that closes nothing, or too many brackets")
                item, at = _read_level(tokens, at, ")" if token.text == "(" else "]", depth + 1)
                if at == len(tokens):
                    raise ValueError("a bracket that is not closed")
                at += 1
            else:
                item = token.value
            if before == "item":
                alike = isinstance(rows[-1][-1], list) == isinstance(item, list)
                if not token.apart or token.loose or not alike:
                    raise ValueError("nothing separates two numbers")
                separators.add(" ")
            plain_digits &= token.text.isascii() and token.text.isdigit()
            rows[-1].append(item)
            before = "item"
    if len(separators) > 1 or before == "x" or ("x" in separators and not plain_digits):
        raise ValueError("more than one kind of separator")
    if len(rows) == 1:
        single = closing != "]" and len(rows[0]) == 1 and not separators
        return (rows[0][0] if single else rows[0]), at
    if not rows[-1]:
        raise ValueError("an empty row")
    return ([row[0] for row in rows] if all(len(row) == 1 for row in rows) else list(rows)), at
