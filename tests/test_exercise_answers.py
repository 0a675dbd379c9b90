"""Every right answer is accepted in every form, every wrong one gets the feedback it deserves."""

import array
import itertools
import re
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from exercise_answers.table import NAMES, tables
from hypothesis import given
from hypothesis import strategies as st

from cnnbook.exercises import check, exercise, exercises
from cnnbook.exercises._grading import Exercise, Feedback

TABLES = tables()
EACH = pytest.mark.parametrize("one", exercises(), ids=lambda one: one.number)


def _answer(code: str) -> object:
    return eval(code, dict(NAMES))


def test_every_exercise_has_answers() -> None:
    assert list(TABLES) == [one.number for one in exercises()]
    for number, answers in TABLES.items():
        assert len(set(answers.right)) >= 5, number
        assert len(answers.wrong) >= 5, number
        assert not set(answers.right) & set(answers.wrong), number
        # Short enough to be part of any message would be no expectation.
        assert all(len(phrase) >= 9 for phrase in answers.wrong.values()), number


@EACH
def test_the_right_answer_is_right_in_every_form(one: Exercise) -> None:
    feedback = {code: check(one.number, _answer(code)) for code in TABLES[one.number].right}
    refused = {code: str(each) for code, each in feedback.items() if not each}
    assert refused == {}


@EACH
def test_a_wrong_answer_gets_the_feedback_that_it_deserves(one: Exercise) -> None:
    misjudged = {}
    for code, phrase in TABLES[one.number].wrong.items():
        feedback = check(one.number, _answer(code))
        if feedback or phrase not in str(feedback):
            misjudged[code] = str(feedback)
    assert misjudged == {}


@EACH
def test_the_feedback_on_a_wrong_answer_is_whole_and_keeps_the_secret(one: Exercise) -> None:
    right = one.right()
    for code in TABLES[one.number].wrong:
        message = str(check(one.number, _answer(code)))
        assert message.startswith("Not yet: ")
        # What an exception says ends as its author chose.
        assert message.endswith((".", "?")) or " raised " in message
        if isinstance(right, (int, float)):
            shown = re.findall(r"-?\d+(?:,\d{3})*(?:\.\d+)?", message)
            new = {float(number.replace(",", "")) for number in shown} - _numbers_in(code)
            assert right not in new, message


def _numbers_in(code: str) -> set[float]:
    return {float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", code.replace("_", ""))}


class Hostile:
    """An object that raises whatever is asked of it."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)

    def _fail(self, *given: object) -> Any:
        raise RuntimeError

    __array__ = __bool__ = __eq__ = __float__ = __iter__ = __len__ = __repr__ = _fail


class ItsOwnArray:
    """An object that is its own array, so that there is no end to reading it."""

    def __array__(self, *given: object) -> object:
        holder = np.empty((), dtype=object)
        holder[()] = self
        return holder


def _numbers_nested(depth: int) -> object:
    return [_numbers_nested(depth - 1)] if depth else 1


ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)

# Made anew for each exercise, since an iterator can be read once.
ODD: dict[str, Callable[[], object]] = {
    "None": lambda: None,
    "True": lambda: True,
    "text": lambda: "text",
    "empty text": lambda: "",
    "code": lambda: "__import__('os').abort()",
    "much text": lambda: "1" * 10_000,
    "many brackets": lambda: "[" * 10_000,
    "a large exponent": lambda: "1e999999999",
    "a division by zero": lambda: "1/0",
    "a null byte": lambda: "\0",
    "a number in words of bytes": lambda: b"15",
    "a bytearray": lambda: bytearray(b"15"),
    "a memoryview": lambda: memoryview(b"15"),
    "a dict": lambda: {"a": 1},
    "a set": lambda: {1.25},
    "an object": object,
    "a hostile object": Hostile,
    "a list of hostile objects": lambda: [Hostile(), Hostile()],
    "its own array": ItsOwnArray,
    "NaN": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "a large integer": lambda: 10**400,
    "a large fraction": lambda: Fraction(10**400, 3),
    "a decimal NaN": lambda: Decimal("NaN"),
    "a signalling NaN": lambda: Decimal("sNaN"),
    "a complex number": lambda: 1 + 1j,
    "an empty list": list,
    "an empty row": lambda: [[]],
    "a ragged list": lambda: [[1, 2], [3]],
    "a list with None": lambda: [None, 1],
    "a list of text": lambda: ["one", "two"],
    "a list in itself": lambda: ENDLESS,
    "many lists in each other": lambda: _numbers_nested(90),
    "a long range": lambda: range(10**12),
    "a deque": lambda: deque([1.25, 2.5]),
    "an array of the standard library": lambda: array.array("d", [1.25]),
    "a generator": lambda: (k for k in [1.25]),
    "an endless iterator": itertools.count,
    "the values of a dict": lambda: {"a": 1.25}.values(),
    "complex tensor": lambda: torch.ones(2, dtype=torch.complex64),
    "tensor on meta": lambda: torch.ones(2, device="meta"),
    "sparse tensor": lambda: torch.eye(9).to_sparse(),
    "nested tensor": lambda: torch.nested.nested_tensor([torch.ones(2)], layout=torch.jagged),
    "quantized tensor": lambda: torch.quantize_per_tensor(torch.ones(9), 0.1, 0, torch.qint8),
    "tensor without memory": lambda: torch.zeros(1).expand(10**9),
    "empty tensor": lambda: torch.zeros(0, 3),
    "three axes": lambda: torch.zeros(7, 7, 7),
    "float8": lambda: torch.ones(9).to(torch.float8_e5m2),
    "array of text": lambda: np.array(["a"]),
    "array of objects": lambda: np.array([object(), None]),
    "array of dates": lambda: np.array(["2025-04-01"], dtype="datetime64"),
    "array of records": lambda: np.zeros(2, dtype=[("a", "f8")]),
    "masked array": lambda: np.ma.masked_equal([1.25, 2.5], 2.5),
    "complex array": lambda: np.array([1j]),
    "numpy's bool": lambda: np.bool_(False),
    "numpy's void": lambda: np.void(b"15"),
    "a module": lambda: torch,
    "Identity": torch.nn.Identity,
    "Linear": lambda: torch.nn.Linear(3, 3),
    "Module": torch.nn.Module,
    "Sequential": torch.nn.Sequential,
    "LazyConv2d": lambda: torch.nn.LazyConv2d(1, 1),
    "Conv2d on meta": lambda: torch.nn.Conv2d(1, 1, 2, device="meta"),
    "complex Conv2d": lambda: torch.nn.Conv2d(1, 1, 2, dtype=torch.complex64),
    "Conv2d": lambda: torch.nn.Conv2d,
    "a class": lambda: Hostile,
    "a function of nothing": lambda: lambda: 1,
    "print": lambda: partial(print, end=""),
    "len": lambda: len,
    "a function that fails": lambda: lambda *given: 1 / 0,
    "a function that ends the program": lambda: lambda *given: exit(),
    "a function that returns None": lambda: lambda *given: None,
    "a function that returns text": lambda: lambda *given: "0.8",
    "a function that returns NaN": lambda: lambda *given: float("nan"),
    "a function that returns itself": lambda: lambda *given: lambda *more: 1,
    "a function that returns a hostile object": lambda: lambda *given: Hostile(),
    "a function that returns complex": lambda: lambda *given: torch.ones(2) * 1j,
    "a function that returns a range": lambda: lambda *given: range(10**12),
    "a function that empties its arguments": lambda: lambda *given: given[0].set_(),
}


@EACH
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype")
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_no_answer_raises_an_exception(one: Exercise) -> None:
    for name, make in ODD.items():
        feedback = check(one.number, make())
        assert type(feedback) is Feedback
        assert not feedback, name
        message = str(feedback)
        assert message.startswith(("Not yet: ", "No answer yet: ")), name
        assert message.endswith((".", "?")) or " raised " in message, name
        assert len(message) < 700, name


SIMPLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.fractions(),
    st.decimals(),
    st.complex_numbers(),
    st.text(max_size=12),
    st.text("0123456789.,-+/%x×[]() e_'", max_size=12),
    st.binary(max_size=4),
)


@pytest.mark.parametrize("number", ["1.1", "7.1", "7.2", "9.2", "19.1"])
@given(answer=st.recursive(SIMPLE, lambda part: st.lists(part, max_size=4), max_leaves=8))
def test_no_drawn_answer_raises_an_exception(number: str, answer: object) -> None:
    assert type(check(number, answer)) is Feedback


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_readers_mode_does_not_matter(mode: Callable[[], Any]) -> None:
    with mode():
        for one in exercises():
            for code in TABLES[one.number].right[:2]:
                assert check(one.number, _answer(code)), (one.number, code)


def test_the_readers_default_dtype_does_not_matter() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        for one in exercises():
            for code in TABLES[one.number].right[:2]:
                assert check(one.number, _answer(code)), (one.number, code)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "one",
    [one for one in exercises() if isinstance(one.right(), (int, float))],
    ids=lambda one: one.number,
)
def test_a_single_number_may_stand_in_brackets_or_in_quotes(one: Exercise) -> None:
    right: Any = one.right()
    forms: list[object] = [right, [right], [[right]], np.array(right), torch.tensor([[[[right]]]])]
    forms += [f"{right}", f" {right} ", Fraction(right), Decimal(right), np.float64(right)]
    assert [form for form in forms if not one.grade(form)] == []


def test_a_count_may_be_computed_with_floating_point_numbers() -> None:
    assert check("4.2", 0.87 * 0.13 / 0.005**2)
    assert check("4.2", 4523.999)
    assert str(check("4.2", 4523.9)) == "Not yet: 4523.9 is not a whole number."
    assert not check("19.3", exercise("19.3").right() + 1)  # type: ignore[operator]
