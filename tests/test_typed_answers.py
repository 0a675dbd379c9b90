"""What people type is read as they mean it, or asked back, and never as something else."""

import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnbook.exercises import (
    _answers,
    _difference,
    _grading,
    _operations,
    _reading,
    _typed,
    check,
    page_23,
)
from cnnbook.exercises._export import exercise_messages
from cnnbook.exercises._messages import LIBRARY, SHARED, Unreadable, say
from cnnbook.exercises._reading import describe_reading, show_number, to_tensor
from cnnbook.exercises._typed import read_text

ROOT = Path(__file__).resolve().parents[1]
GRADING = ROOT / "docs" / "_static" / "grading.js"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        # One number
        ("0.8", 0.8),
        (".8", 0.8),
        ("8.", 8.0),
        ("-3", -3.0),
        ("\u22123", -3.0),
        ("- 3", -3.0),
        ("+3", 3.0),
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        (" 80 % ", 80.0),
        ("4/5", 0.8),
        ("-3 / 4", -0.75),
        ("1/-4", -0.25),
        ("1.5/2", 0.75),
        ("3\u20444", 0.75),
        ("27_130", 27_130.0),
        ("1,352", 1352.0),
        ("1,628,170", 1_628_170.0),
        ("-1,234,567.5 %", -1_234_567.5),
        ("(7)", 7.0),
        ("'7'", 7.0),
        ('"4/5"', 0.8),
        ("\uff17\uff0e\uff15", 7.5),
        ("\uff0d\uff11\uff0f\uff14", -0.25),
        ("\u200b608\ufeff", 608.0),
        ("tensor(0.8000)", 0.8),
        ("tensor(0.8000, grad_fn=<MeanBackward0>)", 0.8),
        ("np.float64(0.8)", 0.8),
        # A size
        ("7 x 7", [7.0, 7.0]),
        ("7x7", [7.0, 7.0]),
        ("7 X 7", [7.0, 7.0]),
        ("7*7", [7.0, 7.0]),
        ("1 \xd7 2\xd73", [1.0, 2.0, 3.0]),
        ("7 \u314c 7", [7.0, 7.0]),
        ("\uff17\uff58\uff17", [7.0, 7.0]),
        ("1\xd72X3", [1.0, 2.0, 3.0]),
        ("(7 x 7)", [7.0, 7.0]),
        # A row
        ("1, 2", [1.0, 2.0]),
        ("1, 2,", [1.0, 2.0]),
        ("7,", [7.0]),
        ("1 2 3", [1.0, 2.0, 3.0]),
        ("1, 2, 3", [1.0, 2.0, 3.0]),
        ("1,2,3", [1.0, 2.0, 3.0]),
        ("1\u3001 2\u3001 3", [1.0, 2.0, 3.0]),
        ("5,8,30,44", [5.0, 8.0, 30.0, 44.0]),
        ("0.5,1", [0.5, 1.0]),
        ("1/2,1/3", [0.5, 1 / 3]),
        ("2,-5", [2.0, -5.0]),
        ("1 -2 3", [1.0, -2.0, 3.0]),
        ("1; 2; 3", [1.0, 2.0, 3.0]),
        ("1\n2\r\n3\n", [1.0, 2.0, 3.0]),
        ("(2, 16, 2, 2)", [2.0, 16.0, 2.0, 2.0]),
        ("(2,16)", [2.0, 16.0]),
        ("[2,5]", [2.0, 5.0]),
        ("[1,352]", [1.0, 352.0]),
        ("[ 1  2]", [1.0, 2.0]),
        ("[True, False]", [1.0, 0.0]),
        ("[80 %, 20%]", [80.0, 20.0]),
        ("torch.Size([1, 2])", [1.0, 2.0]),
        ("tensor([1., 2.])", [1.0, 2.0]),
        ("tensor([1., 2.], dtype=torch.float64)", [1.0, 2.0]),
        ("array([1., 2.])", [1.0, 2.0]),
        ("\uff3b\uff11\uff0c\u3000\uff12\uff3d", [1.0, 2.0]),
        ("[]", []),
        # A grid
        ("[[1, 2.5], [3, 4]]", [[1.0, 2.5], [3.0, 4.0]]),
        ("[[3, 5], [5/2, 4]]", [[3.0, 5.0], [2.5, 4.0]]),
        ("((1, 2), (3, 4))", [[1.0, 2.0], [3.0, 4.0]]),
        ("[1, 2], [3, 4]", [[1.0, 2.0], [3.0, 4.0]]),
        ("[1, 2]\n[3, 4]", [[1.0, 2.0], [3.0, 4.0]]),
        ("1 2; 3 4", [[1.0, 2.0], [3.0, 4.0]]),
        ("1, 2; 3, 4;", [[1.0, 2.0], [3.0, 4.0]]),
        ("1, 2,\n3, 4\n", [[1.0, 2.0], [3.0, 4.0]]),
        ("[1 2; 3 4]", [[1.0, 2.0], [3.0, 4.0]]),
        ("[[1. 2.]\n [3. 4.]]", [[1.0, 2.0], [3.0, 4.0]]),
        ("tensor([[1., 2.],\n        [3., 4.]])", [[1.0, 2.0], [3.0, 4.0]]),
        ("[tensor(1), tensor(2)]", [1.0, 2.0]),
    ],
)
def test_what_is_typed_is_read(text: str, numbers: object) -> None:
    assert to_tensor(text).tolist() == numbers


@pytest.mark.parametrize(
    "text",
    ["seven", "36 images", "", " ", ";", "True", "1,,2", ",5", "1 2, 3 4", "[1, 2 3]", "7 x",
     "x 7", "[1, 2", "1, 2]", "[1)", "1.2.3", "1.628.170", "0.8.", "5\xb2", "\xbd", "1_", "1__0",
     "0b1", "1j", "__import__('os')", "[['3', '5']]", "[" * 9 + "1" + "]" * 9, "[" * 10_000,
     "1" * 10_000, "\u0667", "1\u200b2", "7 [8]", "e5", "5e", "1 ; ; x", "[;1]", "[1;]", "{1, 2}",
     "\0", "\ud800"],
)  # fmt: skip
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match=r"^the text '.*' is not a number: write only numbers, "):
        read_text(text)


@pytest.mark.parametrize(
    "text",
    ["2 + 2", "8*3*5*5 + 8", "1/2/3", "1/0", "1-2", "1 - 2", "5 x -3", "5 x 2.5", "2**3", "2^3",
     "(1 + 2)/3", "2(3)"],
)  # fmt: skip
def test_a_calculation_is_not_evaluated(text: str) -> None:
    with pytest.raises(Unreadable, match=r"^the text '.*' is a calculation: hand in its result\.$"):
        read_text(text)


@pytest.mark.parametrize("text", ["5*469", "5 x 469", "(5 x 469)", "5\xd7469", "1 x 2 x 3"])
def test_a_product_is_a_calculation_where_one_number_is_asked_for(text: str) -> None:
    found = check("2.1", text)
    assert str(found) == f"Not yet: the text '{text}' is a calculation: hand in its result."
    assert found.reading == ""
    for numbers in ("5, 469", "[5, 469]"):
        assert str(check("2.1", numbers)).startswith("Not yet: the answer has 2 numbers, and ")
    # Several numbers are asked for.
    assert check("7.2", text).reading.endswith(", ".join(re.findall("[0-9]+", text)))


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("2,5", "2,5 can be 2.5 or the two numbers 2 and 5: write 2.5, or [2, 5]."),
        ("0,5", "0,5 can be 0.5 or the two numbers 0 and 5: write 0.5, or [0, 5]."),
        ("-2,50 %", "-2,50 can be -2.50 or the two numbers -2 and 50: write -2.50, or [-2, 50]."),
        ("0,123", "0,123 can be 0.123 or the two numbers 0 and 123: write 0.123, or [0, 123]."),
        ("1,2345", "1,2345 can be 1.2345 or the two numbers 1 and 2345: write 1.2345, or "),
        ("1,5e3", "1,5e3 can be 1.5e3 or the two numbers 1 and 5e3: write 1.5e3, or [1, 5e3]."),
        ("1,2;3,4", "1,2 can be 1.2 or the two numbers 1 and 2: write 1.2, or [1, 2]."),
        ("2,5 3,5", "2,5 can be 2.5 or the two numbers 2 and 5: write 2.5, or [2, 5]."),
        ("5, 8,30, 44", "8,30 can be 8.30 or the two numbers 8 and 30: write 8.30, or [8, 30]."),
        ("1,2/3", "1,2/3 can be 1.2/3 or the two numbers 1 and 2/3: write 1.2/3, or [1, 2/3]."),
        ("\uff12\uff0c\uff15", "2,5 can be 2.5 or the two numbers 2 and 5: write 2.5, or [2, 5]."),
        ("1 1/2", "1 1/2 can be 3/2 or the two numbers 1 and 1/2: write 3/2, or [1, 1/2]."),
        ("1,234 5", "1,234 can be one number or several: write 1234, or [1, 234]."),
        ("1,234, 5,678", "1,234 can be one number or several: write 1234, or [1, 234]."),
        ("1,000/3", "1,000/3 can be one number or several: write 1000/3, or [1, 000/3]."),
        ("1 628 170", "1 628 170 can be one number or several: write 1628170, or [1, 628, 170]."),
        ("1\xa0000", "1 000 can be one number or several: write 1000, or [1, 000]."),
    ],
)
def test_what_can_be_read_in_two_ways_is_asked_back(text: str, question: str) -> None:
    with pytest.raises(Unreadable) as asked:
        read_text(text)
    assert str(asked.value).startswith(question)
    # What the question proposes is not asked back again.
    for proposal in re.findall(r"write ([^,]*), or (\[.*\])\.$", str(asked.value)):
        assert all(read_text(each) is not None for each in proposal)


def test_nothing_typed_is_no_answer() -> None:
    for text in ("", "  ", "\n", "\u3000", "''"):
        feedback = check("2.1", text)
        assert str(feedback) == "No answer yet: the text is empty."
        assert not feedback
        assert feedback.reading == ""


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("0.8", "one number: 0.8"),
        ("80%", "one number: 80"),
        ("1,628,170", "one number: 1628170"),
        ("1/3", "one number: 0.3333333333"),
        ("[7]", "one number: 7"),
        ("-0", "one number: 0"),
        ("-inf", "one number: -inf"),
        ("7 x 7 x 1", "3 numbers: 7, 7, 1"),
        ("1 2; 3 4.5", "2 x 2 numbers: [[1, 2], [3, 4.5]]"),
        ("[]", "no number"),
    ],
)
def test_it_is_said_how_a_text_was_read(text: str, reading: str) -> None:
    assert describe_reading(to_tensor(text)) == reading
    assert check("7.2", text).reading == reading
    assert check("2.1", to_tensor(text)).reading == ""


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (-1234567.0, "-1,234,567"),
        (1e14, "100,000,000,000,000"),
        (1e15, "1e+15"),
        (1.5e300, "1.5e+300"),
        (0.1 + 0.2, "0.3"),
        (2 / 3, "0.666667"),
        (99999.9999999, "100000"),
        (99999.75, "99999.8"),
        (123456.5, "123456.5"),
        (-123456.789, "-123456.789"),
        (0.0001, "0.0001"),
        (0.000001, "0.000001"),
        (0.0000001, "1e-7"),
        (0.5 + 2**-20, "0.500001"),
        (1.0000005, "1"),
    ],
)
def test_numbers_are_written_alike(number: float, text: str) -> None:
    assert show_number(number) == text


def _read_or_reason(text: str) -> torch.Tensor | str:
    try:
        return to_tensor(text)
    except Unreadable as reason:
        return str(reason)


@given(st.text("0123456789.,-+/%x*[]() ;\n\t'e_", max_size=14))
def test_a_text_is_read_or_refused_with_a_whole_sentence(text: str) -> None:
    found = _read_or_reason(text)
    if isinstance(found, str):
        assert found.endswith(".")
        assert "{" not in found
    else:
        assert found.numel() <= len(text)


def test_a_comma_is_never_dropped_between_two_digits_but_in_thousands() -> None:
    for first in ("0", "5", "12", "123", "1234", "0.5", "1/2"):
        for second in ("0", "5", "50", "500", "5000", "5.5", "1/2"):
            for text in (f"{first},{second}", f"-{first},{second}", f"{first},{second}%"):
                grouped = re.fullmatch(r"[1-9]\d{0,2},\d{3}", f"{first},{second}")
                found = _read_or_reason(text)
                if isinstance(found, str):
                    assert not grouped
                else:
                    assert found.numel() == (1 if grouped else 2), text


def test_every_text_is_used_and_filled_by_name() -> None:
    modules = (_answers, _difference, _grading, _operations, _reading, _typed, page_23)
    code = "".join(Path(module.__file__ or "").read_text("utf-8") for module in modules)
    made = {f"result_{key}" for key in ("sign", "rounded", "too_large", "too_small")}
    made |= {
        f"{kind}_{end}" for kind in ("layer", "function") for end in ("raised", "none", "other")
    }
    made |= {"one_wrong_of", "several_wrong_of"}
    assert not SHARED.keys() & LIBRARY.keys()
    for key, text in (SHARED | LIBRARY).items():
        assert key in made or f'"{key}"' in code, f"{key} is not used"
        assert not re.search(r"[{}]", re.sub(r"\{[a-z]+\}", "", text)), key
    with pytest.raises(KeyError):
        say("too_large", count=8)


def test_the_browser_uses_the_shared_texts_and_no_others() -> None:
    code = GRADING.read_text("utf-8")
    assert set(re.findall(r'say\(\s*"(\w+)"', code)) | {"calculation", "not_a_number"} == set(
        SHARED
    )
    assert exercise_messages() == SHARED


def test_nothing_of_a_translation_is_in_the_code_of_the_browser() -> None:
    """Sentences are in the table of texts, so that another language can take their place."""
    code = re.sub(r"/\*.*?\*/", "", GRADING.read_text("utf-8"), flags=re.DOTALL)
    code = re.sub(r" // .*", "", code)
    found = re.findall(r"\"([^\"\n]*)\"|`([^`\n]*)`", re.sub(r"new NotANumber\(.*?\)", "", code))
    words = [text for pair in found for text in pair if re.search(r"[a-z]{2,} [a-z]{2,}", text)]
    assert words == ["use strict"]
