"""Python and the browser give the same verdict on the same typed text, down to the last character.

For every exercise that asks for numbers: what the tables of answers know, every known mistake, and
these changed in the ways in which answers are wrong, each written as people write it; then texts
drawn from the grammar's characters.
"""

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exercise_answers.table import NAMES, tables
from playwright.sync_api import Browser, Page
from site_browser import needs_browser

from cnnbook.exercises import check, exercises
from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._export import exercise_data, exercise_messages, is_typed
from cnnbook.exercises._grading import Exercise, Mistake
from cnnbook.exercises._language import translate
from cnnbook.exercises._messages import SHARED, Unreadable
from cnnbook.exercises._reading import to_tensor
from cnnbook.exercises._typed import _SAME

ROOT = Path(__file__).resolve().parents[1]


def _computed(one: Exercise) -> Exercise:
    """Compute the known answers once, since thousands of texts are compared with them."""

    def once(makes: Sequence[Callable[[], object]]) -> tuple[Callable[[], object], ...]:
        return tuple(partial(lambda done: done, to_tensor(make())) for make in makes)

    mistakes = tuple(
        replace(each, answer=once([each.answer])[0], others=once(each.others))
        for each in one.mistakes
    )
    return replace(one, right=once([one.right])[0], others=once(one.others), mistakes=mistakes)


TYPED = [_computed(one) for one in exercises() if is_typed(one)]
TABLES = tables()

NONSENSE = [
    *("", "  ", ";", "seven", "it's", "36 images", "True", "[True, False]", "[", "]", "((", "1 2]"),
    *("nan", "-inf", "[nan, 1]", "1e999", "1/0", "0/0", "1e999/1e999", "[]", "[[]]", "[[], []]"),
    *("[[1, 2], [3]]", "[1, [2]]", "2,5", "0,5", "-0,25%", "1 1/2", "1,234 5", "1 628 170", "2**3"),
    *("2 + 2", "7 x", "7 x 7", "7 \u314c 7", "1,2;3,4", "[1;]", "0x10", "1_000", "-0", "[-0.0]"),
    *("...", "None", "{1}", "{number}", "$&", "\\1", "\0", "\ufeff7\u200b", "\u0667", "7\u200b7"),
    *("\U0001f600" * 45, "\U0001f600" * 1001, "1" * 1000, "1" * 1001, "[" * 9 + "]" * 9, "\u3000"),
    *("x" * 50, "1," * 99, "a\tb\nc", "5\xb2", "\xbd", "tensor(7, dtype=torch.int8)", "[[7], [8]]"),
    *("[" * 8 + "1" + "]" * 8, "[" * 9 + "1" + "]" * 9, "4 / 5", "1/2,1/3", "1, 2,; 3, 4,"),
    *("7 [8]", "[8] 7", "5*469", " (5 x 469)", "2 \u314c 3\xd74", "7 x 1", "[5 x 469]", "5 x 4 x"),
]  # fmt: skip


def _python(exercise: Exercise, text: str, language: str) -> dict[str, object]:
    feedback = exercise.grade(text)
    names = ("right", "message", "mistake", "reading")
    found = {name: getattr(feedback, name) for name in names}
    # Python keeps the name of a mistake as it is in the code.
    return found | {"mistake": translate(feedback.mistake, language)}


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    for name in ("dom.js", "grading.js"):
        opened.add_script_tag(path=ROOT / "docs" / "_static" / name)
    yield opened
    opened.close()


def _compare(
    page: Page, cases: list[tuple[Exercise, list[str]]], language: str = "en"
) -> tuple[list[Any], list[Any]]:
    """Grade texts on both sides; return all verdicts of Python, and those that differ."""
    asked = [[exercise_data(one, language), texts] for one, texts in cases]
    # As one text, which is faster by far than the thousands of objects.
    browser = json.loads(
        page.evaluate(
            "(given) => { const [asked, messages] = JSON.parse(given);"
            " return JSON.stringify(asked.map(([data, texts]) =>"
            " texts.map((text) => window.cnnbook.grade(data, text, messages)))); }",
            json.dumps([asked, exercise_messages(language)], allow_nan=False),
        )
    )
    python = [[_python(one, text, language) for text in texts] for one, texts in cases]
    different = [
        (one.number, text, mine, theirs)
        for (one, texts), *verdicts in zip(cases, python, browser, strict=True)
        for text, mine, theirs in zip(texts, *verdicts, strict=True)
        if mine != theirs
    ]
    return [verdict for verdicts in python for verdict in verdicts], different


def _known(one: Exercise) -> tuple[list[torch.Tensor], list[str]]:
    """Return the numbers of all answers that are known, and those that are text."""
    makes = [one.right, *one.others]
    makes += [make for each in one.mistakes for make in (each.answer, *each.others)]
    numbers = [to_tensor(make()) for make in makes]
    texts = []
    known = TABLES.get(one.number)
    for code in (*known.right, *known.wrong) if known else ():
        answer = eval(code, dict(NAMES))
        if isinstance(answer, str):
            texts.append(answer)
        elif not callable(answer):
            try:
                numbers.append(to_tensor(answer))
            except Unreadable:
                texts.append(str(answer))
    return numbers, texts


def _changed(numbers: torch.Tensor, draw: random.Random) -> list[torch.Tensor]:
    """Change numbers in the ways in which answers are wrong."""
    made = [numbers + 1, numbers - 1, -numbers, numbers * 2, numbers.trunc(), numbers + 0.004]
    made += [numbers.round(decimals=digits) for digits in (0, 1, 2, 3)]
    made += [numbers + 4e-4, numbers.flatten(), numbers[None], numbers[..., None], numbers * 0]
    if numbers.ndim and numbers.numel():
        flat = numbers.flatten()
        place = draw.randrange(len(flat))
        order = draw.sample(range(len(flat)), len(flat))
        one_other, one_nan = flat.clone(), flat.clone()
        one_other[place] += draw.choice([1, -1, 0.5, 1e-3])
        one_nan[place] = draw.choice([torch.nan, torch.inf])
        made += [part.reshape(numbers.shape) for part in (flat[order], one_other, one_nan)]
        made += [numbers[:-1], torch.cat([numbers, numbers[:1]]), flat.sort().values]
        if numbers.ndim > 1:
            made += [numbers.mT, *(numbers.flip(axes) for axes in ((-2,), (-1,), (-2, -1)))]
            made += [numbers[..., :-1], numbers.sum(-1), numbers.reshape(-1, 1)]
        elif all(1 <= size <= 6 for size in flat.tolist()) and len(flat) <= 3:
            # What has the right shape, where the shape is asked for.
            made.append(torch.zeros([int(size) for size in flat]))
    return made


def _forms(numbers: torch.Tensor, draw: random.Random, most: int) -> list[str]:
    """Write numbers plainly, and in some of the other ways in which people write them."""
    plain = str(numbers.tolist()).replace(".0,", ",").replace(".0]", "]")
    if not numbers.ndim:
        number = numbers.item()
        whole = f"{number:.0f}" if float(number).is_integer() else f"{number!r}"
        forms = [whole, f" {whole} ", f"{whole}%", f"[{whole}]", f"tensor({number})", f"({whole})"]
        forms += [f"{number:,.4f}", f"{number:,.0f}", f"{number:.3e}", f"{number:.3f}"]
        forms += [whole.replace("-", "\u2212"), whole.replace(".", ","), f"{whole}/1", f"+{whole}"]
        wide = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
        forms += [whole.translate(wide), f"'{whole}'"]
        return [forms[0], *draw.sample(forms[1:], most)]
    forms = [plain, f"tensor({numbers.tolist()})", plain.replace("[", "(").replace("]", ")")]
    forms += [plain.replace(", ", ","), plain.replace(", ", " "), np.array2string(numbers.numpy())]
    inner = plain[1:-1]
    if numbers.ndim == 1:
        forms += [inner, inner.replace(", ", ","), inner.replace(", ", " ")]
        forms += [inner.replace(", ", sign) for sign in (" x ", "\xd7", "*", "\u314c", ";", "\n")]
        forms += [f"torch.Size({plain})", f"{inner},"]
    elif numbers.ndim == 2 and numbers.numel():
        rows = [str(row.tolist())[1:-1] for row in numbers]
        forms += ["; ".join(rows), "\n".join(rows), "\n".join(row.replace(",", "") for row in rows)]
        forms += [f"[{';'.join(rows)}]", inner, ";".join(rows).replace(" ", "")]
    return [forms[0], *draw.sample(forms[1:], min(most, len(forms) - 1))]


# Shapes and numbers that the exercises do not have.
EXTRA = [
    Exercise("", "", "", Numbers("a grid"), lambda: [[1, 2, 3], [4, 5, 7]], (), number="grid"),
    Exercise("", "", "", Numbers("a shape"), lambda: (2, 3), (), number="shape"),
    Exercise("", "", "", Numbers("one number"), lambda: -0.25, (), tolerance=0.0, number="below"),
    Exercise("", "", "", Numbers("one number"), lambda: 1 / 3, (), tolerance=5e-4, number="third"),
    Exercise("", "", "", Numbers("one number"), lambda: 123456.5, (), number="large"),
    Exercise("", "", "", Numbers("one number"), lambda: 0, (), tolerance=0.0, number="zero"),
    Exercise("", "", "", Numbers("a row"), lambda: [1, 5, 9], (), tolerance=1.0, number="row"),
    Exercise("", "", "", Numbers("one number"), lambda: 0.123456, (), tolerance=0, number="exact"),
]  # fmt: skip


@needs_browser
def test_every_answer_gets_the_same_verdict(page: Page) -> None:
    draw = random.Random(14)
    cases = []
    for one in [*TYPED, *EXTRA]:
        numbers, texts = _known(one)
        forms = [form for each in numbers for form in _forms(each, draw, 7)]
        for each in (to_tensor(one.right()), draw.choice(numbers)):
            for changed in _changed(each, draw):
                forms += _forms(changed, draw, 2)
        nonsense = NONSENSE if one in EXTRA else draw.sample(NONSENSE, 25)
        cases.append((one, list(dict.fromkeys([*texts, *nonsense, *forms]))))
    verdicts, different = _compare(page, cases)
    assert different == []
    assert len(cases) >= 60
    assert len(verdicts) >= 10_000, "fewer cases than promised"
    # A text that no case needs would have been compared with nothing.
    said = "\n".join({f"{each['message']}\n{each['reading']}" for each in verdicts})
    for key, text in SHARED.items():
        assert re.search(re.sub(r"\\\{[a-z]+\\\}", ".*", re.escape(text)), said), key
    print(f"{len(verdicts)} cases of parity")


@needs_browser
def test_every_answer_gets_the_same_verdict_in_korean(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The texts are others, and particles depend on what is filled in."""
    monkeypatch.setenv("CNNBOOK_LANGUAGE", "ko")
    draw = random.Random(16)
    cases = []
    for one in [*TYPED, *EXTRA]:
        numbers, texts = _known(one)
        forms = [form for each in numbers for form in _forms(each, draw, 1)]
        for changed in _changed(to_tensor(one.right()), draw):
            forms += _forms(changed, draw, 0)
        nonsense = NONSENSE if one is EXTRA[0] else draw.sample(NONSENSE, 3)
        cases.append((one, list(dict.fromkeys([*texts, *nonsense, *forms]))))
    verdicts, different = _compare(page, cases, "ko")
    assert different == []
    assert len(verdicts) >= 2_000, "fewer cases than promised"
    said = "\n".join({f"{each['message']}\n{each['reading']}" for each in verdicts})
    for key, text in SHARED.items():
        korean = re.sub(r"\\\{[^}]+\\\}", ".*", re.escape(translate(text, "ko")))
        assert re.search(korean, said), key


VALUES = [
    *("0", "1", "2", "3", "7", "12", "24", "0.5", ".5", "5.", "1,234", "123", "1e3", "1/3", "-4"),
    *("\u22122", "nan", "\uff15", "80%", "True", "[1, 2]", "[3, 4]", "(5)", "- 3", "1_0"),
]
BETWEEN = [
    *(" ", " ", ", ", ", ", ", ", ",", ";", "\n", "x", " x ", "\u314c", "[", "]", "(", ")", "], ["),
    *("/", "%", "+", "-", "*", ".", "e", "_", "'", "tensor(", "\u3000", "a", "="),
]


@needs_browser
def test_drawn_texts_get_the_same_verdict(page: Page) -> None:
    draw = random.Random(15)
    grid, row, one = (next(one for one in TYPED if one.number == k) for k in ("7.1", "7.2", "2.1"))
    texts = ["1 2 3"]
    while len(texts) < 3000:
        # Mostly values with the same sign between them, as people type, and sometimes others.
        usual = draw.choice(BETWEEN)
        parts = [draw.choice(VALUES)]
        for _ in range(draw.randint(0, 4)):
            between = usual if draw.random() < 0.8 else draw.choice(BETWEEN)
            parts += [between, draw.choice(VALUES if draw.random() < 0.9 else BETWEEN)]
        texts.append("".join(parts))
    verdicts, different = _compare(page, [(grid, texts), (row, texts[:1000]), (one, texts[:1000])])
    assert different == []
    read = sum(bool(verdict["reading"]) for verdict in verdicts)
    assert 0.2 < read / len(verdicts) < 0.8, "reading or refusing would hardly be compared"


@needs_browser
def test_numbers_of_every_size_are_written_alike(page: Page) -> None:
    draw = random.Random(16)
    numbers = [draw.uniform(-1, 1) * 10.0 ** draw.randint(-12, 22) for _ in range(1500)]
    # Halves of the last digit, which are rounded up.
    numbers += [draw.randrange(-(2**24), 2**24) / 2 ** draw.randint(0, 12) for _ in range(1000)]
    numbers += [10.0**k for k in range(-10, 24)] + [2.0**k for k in range(-60, 90)]
    numbers += [10.0**k - 2.0 ** (3 * k - 50) for k in range(1, 16)]
    texts = [repr(number) for number in numbers]
    one = next(one for one in EXTRA if one.number == "below")
    verdicts, different = _compare(page, [(one, texts)])
    assert different == []
    assert len({verdict["reading"] for verdict in verdicts}) > 2000


@needs_browser
def test_characters_of_every_keyboard_are_read_alike(page: Page) -> None:
    letters = [chr(code) for code in (*range(0x250), *range(0x1FF0, 0x2070), *_SAME)]
    letters += [chr(code) for code in (*range(0x2FF0, 0x3010), *range(0x3130, 0x3150), 0x1D7D9)]
    texts = [text for one in letters for text in (f"1{one}2", f"1 {one} 2", f"{one}3", f"3{one}")]
    grid = next(one for one in EXTRA if one.number == "grid")
    verdicts, different = _compare(page, [(grid, texts)])
    assert different == []
    assert 0.05 < sum(bool(verdict["reading"]) for verdict in verdicts) / len(verdicts) < 0.8


EDGES = {
    # Rounded to one, two and three decimals, and a little beside that.
    "exact": ["0.1", "0.12", "0.123", "0.1230005", "0.123005", "0.13", "-0.123456", "-0.1234"],
    "large": ["-123456.5", "-123460", "-123480", "123457", "123456"],
    "below": ["0.25", "-0.2", "-0.3", "-0.30", "0.2", "-0.249", "0.2504"],
    # One number is off by the tolerance, another by more.
    "row": ["2, 5, 11", "2, 6, 11.5", "3, 7, 11", "0, 4, 8", "1, 5, 10.001", "9, 5, 1", "9, 4, 1"],
    "zero": ["1e-9", "-1e-9", "0.0005", "0.5", "-0"],
}


@needs_browser
def test_edges_of_the_rules_are_the_same(page: Page) -> None:
    cases = [(one, EDGES[one.number]) for one in EXTRA if one.number in EDGES]
    assert len(cases) == len(EDGES)
    assert _compare(page, cases)[1] == []


@needs_browser
def test_a_difference_would_be_noticed(page: Page) -> None:
    one = EXTRA[0]
    other = Exercise("", "", "", Numbers("another grid"), one.right, (), number="grid")
    data = exercise_data(other)
    found = page.evaluate(
        "([data, messages]) => window.cnnbook.grade(data, '9', messages)",
        [data, exercise_messages()],
    )
    assert found["message"].endswith("and the exercise asks for another grid.")
    assert found != _python(one, "9", "en")


def test_the_data_of_an_exercise_say_what_the_exercise_says() -> None:
    for one in TYPED:
        data: Any = exercise_data(one)
        assert [check(one.number, numbers).right for numbers in data["right"]] == [True] * len(
            data["right"]
        )
        for mistake, known in zip(data["mistakes"], one.mistakes, strict=True):
            for numbers in mistake["answers"]:
                feedback = check(one.number, numbers)
                assert feedback.mistake == mistake["name"] == known.name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": Function(lambda: [(1,)])}, "expected one that asks for numbers without a condi"),
        ({"condition": lambda answer: ""}, "expected one that asks for numbers without a condi"),
        ({"right": lambda: float("nan")}, "expected finite numbers, got nan"),
        ({"right": list}, "expected finite numbers"),
        ({"right": lambda: torch.zeros(1, 1, 2, 2)}, "expected right answers of at most two axes"),
        ({"mistakes": (Mistake("m", lambda: float("inf"), "A."),)}, "expected finite numbers, got"),
    ],
)
def test_an_exercise_that_a_browser_cannot_grade_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    settings: dict[str, Any] = {"kind": Numbers("one number"), "right": lambda: 7, "mistakes": ()}
    with pytest.raises(ValueError, match=f"^exercise: {message}"):
        exercise_data(Exercise("", "", "", number="0.1", **(settings | changes)))
