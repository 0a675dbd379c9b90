"""Python and the browser give the same verdict on the same typed text, down to the last character.

For every exercise that asks for numbers: what the tables of answers know, every known mistake, and
these changed in the ways in which answers are wrong, each written as people write it; then texts
drawn from the grammar's characters.
"""

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exercise_answers.table import NAMES, tables
from playwright.sync_api import Page, sync_playwright

from cnnbook.exercises import check, exercises
from cnnbook.exercises._answers import Function, Numbers
from cnnbook.exercises._export import exercise_data, exercise_messages, is_typed
from cnnbook.exercises._grading import Exercise, Mistake
from cnnbook.exercises._messages import SHARED, Unreadable
from cnnbook.exercises._reading import to_tensor

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

TYPED = [one for one in exercises() if is_typed(one)]
TABLES = tables()

NONSENSE = [
    *("", "  ", ";", "seven", "it's", "36 images", "True", "[True, False]", "[", "]", "((", "1 2]"),
    *("nan", "-inf", "[nan, 1]", "1e999", "1/0", "0/0", "1e999/1e999", "[]", "[[]]", "[[], []]"),
    *("[[1, 2], [3]]", "[1, [2]]", "2,5", "0,5", "-0,25%", "1 1/2", "1,234 5", "1 628 170", "2 + 2"),
    *("2**3", "7 x", "7 x 7", "7 \u314c 7", "1,2;3,4", "[1;]", "0x10", "1_000", "-0", "[-0.0]"),
    *("...", "None", "{1}", "{number}", "$&", "\\1", "\0", "\ufeff7\u200b", "\u0667", "7\u200b7"),
    *("\U0001f600" * 45, "\U0001f600" * 1001, "1" * 1000, "1" * 1001, "[" * 9 + "]" * 9, "\u3000"),
    *("x" * 50, "1," * 499, "a\tb\nc", "\ud83d\ude00", "5\xb2", "\xbd", "tensor(7, dtype=torch.int8)"),
]  # fmt: skip


def _python(exercise: Exercise, text: str) -> dict[str, object]:
    feedback = exercise.grade(text)
    names = ("right", "message", "mistake", "reading")
    return {name: getattr(feedback, name) for name in names}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        opened = browser.new_page()
        opened.add_script_tag(path=ROOT / "docs" / "_static" / "grading.js")
        yield opened
        browser.close()


def _differences(page: Page, cases: list[tuple[Exercise, list[str]]]) -> list[Any]:
    """Grade texts on both sides, and return those with different verdicts."""
    asked = [[exercise_data(one), texts] for one, texts in cases]
    browser = page.evaluate(
        "([asked, messages]) => asked.map(([data, texts]) =>"
        " texts.map((text) => window.cnnbook.grade(data, text, messages)))",
        [asked, exercise_messages()],
    )
    return [
        (one.number, text, mine, theirs)
        for (one, texts), verdicts in zip(cases, browser, strict=True)
        for text, theirs in zip(texts, verdicts, strict=True)
        if (mine := _python(one, text)) != theirs
    ]


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


def _forms(numbers: torch.Tensor, draw: random.Random) -> list[str]:
    """Write numbers as people write them."""
    plain = str(numbers.tolist()).replace(".0,", ",").replace(".0]", "]")
    if not numbers.ndim:
        number = numbers.item()
        whole = f"{number:.0f}" if number == round(number) else f"{number!r}"
        forms = [whole, f" {whole} ", f"{whole}%", f"[{whole}]", f"tensor({number})", f"({whole})"]
        forms += [f"{number:,.4f}", f"{number:,.0f}", f"{number:.3e}", f"{number:.3f}"]
        forms += [whole.replace("-", "\u2212"), whole.replace(".", ","), f"{whole}/1", f"+{whole}"]
        wide = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
        return [*forms, whole.translate(wide), f"'{whole}'"]
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
    return [forms[0], *draw.sample(forms[1:], min(4, len(forms) - 1))]


# Shapes and numbers that the exercises do not have.
EXTRA = [
    Exercise("", "", "", Numbers("a grid"), lambda: [[1, 2, 3], [4, 5, 7]], (), number="grid"),
    Exercise("", "", "", Numbers("a shape"), lambda: (2, 3), (), number="shape"),
    Exercise("", "", "", Numbers("one number"), lambda: -0.25, (), tolerance=0.0, number="negative"),
    Exercise("", "", "", Numbers("one number"), lambda: 1 / 3, (), tolerance=5e-4, number="third"),
    Exercise("", "", "", Numbers("one number"), lambda: 123456.5, (), number="large"),
    Exercise("", "", "", Numbers("one number"), lambda: 0, (), tolerance=0.0, number="zero"),
]  # fmt: skip


@needs_browser
def test_every_answer_gets_the_same_verdict(page: Page) -> None:
    draw = random.Random(14)
    cases = []
    for one in [*TYPED, *EXTRA]:
        numbers, texts = _known(one)
        forms = [form for each in numbers for form in _forms(each, draw)]
        right = to_tensor(one.right())
        for each in (right, *draw.sample(numbers, min(2, len(numbers)))):
            forms += [form for changed in _changed(each, draw) for form in _forms(changed, draw)]
        cases.append((one, list(dict.fromkeys([*texts, *NONSENSE, *forms]))))
    count = sum(len(texts) for _, texts in cases)
    assert len(cases) >= 60
    assert count >= 15_000, "the cases that the text above promises"
    assert _differences(page, cases) == []


PIECES = [
    *("0", "1", "2", "7", "12", "0.5", ".5", "1,234", "123", "1e3", "1/3", "-4", "\u22122", "nan"),
    *(" ", " ", " ", ", ", ", ", ",", ";", "\n", "x", " x ", "\u314c", "[", "]", "[", "]", "(", ")"),
    *("/", "%", "+", "-", "*", ".", "e", "_", "'", "tensor(", "True", "\u3000", "\uff15", "a", "="),
]  # fmt: skip


@needs_browser
def test_drawn_texts_get_the_same_verdict(page: Page) -> None:
    draw = random.Random(15)
    grid, row, number = (
        next(one for one in TYPED if one.number == k) for k in ("7.1", "7.2", "2.1")
    )
    texts = ["".join(draw.choices(PIECES, k=draw.randint(1, 9))) for _ in range(4000)]
    readable = sum(bool(grid.grade(text).reading) for text in texts)
    assert readable > 400, "texts that are all refused say little about reading"
    assert _differences(page, [(grid, texts), (row, texts[:1000]), (number, texts[:1000])]) == []


@needs_browser
def test_numbers_of_every_size_are_written_alike(page: Page) -> None:
    draw = random.Random(16)
    numbers = [draw.uniform(-1, 1) * 10.0 ** draw.randint(-12, 22) for _ in range(1500)]
    # Halves of the last digit, which are rounded up.
    numbers += [draw.randrange(-(2**24), 2**24) / 2 ** draw.randint(0, 12) for _ in range(1000)]
    numbers += [10.0**k for k in range(-10, 24)] + [2.0**k for k in range(-60, 90)]
    numbers += [10.0**k - 2.0 ** (3 * k - 50) for k in range(1, 16)]
    texts = [repr(number) for number in numbers]
    one = next(one for one in EXTRA if one.number == "negative")
    assert _differences(page, [(one, texts)]) == []


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
    assert found != _python(one, "9")


def test_the_cases_reach_every_text() -> None:
    """A text that no case needs would be compared with nothing."""
    draw = random.Random(14)
    unseen = {
        key: re.sub(r"\\\{[a-z]+\\\}", "(?s:.)*", re.escape(text)) for key, text in SHARED.items()
    }
    for one in [*EXTRA, *TYPED]:
        numbers, texts = _known(one)
        changed = [*numbers, *_changed(to_tensor(one.right()), draw)]
        for text in [*NONSENSE, *texts, *(str(each.tolist()) for each in changed)]:
            verdict = _python(one, text)
            said = f"{verdict['message']}\n{verdict['reading']}"
            unseen = {key: what for key, what in unseen.items() if not re.search(what, said)}
        if not unseen:
            break
    assert unseen == {}


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
        ({"right": lambda: []}, "expected finite numbers"),
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
