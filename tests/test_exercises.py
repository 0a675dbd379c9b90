"""Every exercise: its solution is right, known mistakes are named, no answer is given away."""

import ast
import html
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cnnbook import exercises as exercises_module
from cnnbook.exercises import _answers, _grading, check, exercise, exercises, hint, solution
from cnnbook.exercises._answers import Function, Layer, Numbers
from cnnbook.exercises._grading import Exercise, Mistake, grade
from cnnbook.kernels import conv_from_kernel

ROOT = Path(__file__).resolve().parents[1]
# The gallery's pages by their number, which is in the file's name.
PAGES = {int(path.stem[5:7]): path for path in (ROOT / "examples").rglob("plot_*.py")}
EACH = pytest.mark.parametrize("one", exercises(), ids=lambda one: one.number)
DIRECTIVE = re.compile(r"^# \.\. exercise:: (\S+)$", re.MULTILINE)


def _solve(number: str) -> Any:
    names: dict[str, Any] = {}
    exec(solution(number), names)
    return names["answer"]


def test_each_page_of_the_gallery_has_two_or_three() -> None:
    count = {page: sum(one.page == page for one in exercises()) for page in PAGES}
    assert {one.page for one in exercises()} == set(PAGES)
    assert set(count.values()) <= {2, 3}
    numbers = [f"{page}.{k}" for page in sorted(PAGES) for k in range(1, count[page] + 1)]
    assert [one.number for one in exercises()] == numbers


def test_each_page_of_the_gallery_shows_its_own() -> None:
    for number, page in PAGES.items():
        own = [one.number for one in exercises() if one.page == number]
        shown = DIRECTIVE.findall(page.read_text("utf-8"))
        assert shown == own, f"{page.name}: put `.. exercise::` with {own} before the answer"


@EACH
def test_the_solution_is_right(one: Exercise) -> None:
    feedback = check(one.number, _solve(one.number))
    assert feedback, feedback
    assert str(feedback) == f"Right. {one.remark}".strip()


@EACH
def test_known_mistakes_are_named(one: Exercise) -> None:
    assert len(one.mistakes) >= 2
    messages = set()
    for mistake in one.mistakes:
        feedback = check(one.number, mistake.answer())
        assert not feedback
        assert feedback.mistake == mistake.name
        assert str(feedback) == f"Not yet: {mistake.name}. {mistake.advice}"
        messages.add(str(feedback))
    assert len(messages) == len(one.mistakes), "each has a message of its own"


def _numbers_in(text: str) -> set[float]:
    # Without the thousands' separator, but not without the comma between two numbers.
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    return {float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", text)}


@EACH
def test_nothing_is_given_away(one: Exercise) -> None:
    right = one.right()
    if isinstance(right, (int, float)):
        for text in (one.question, one.hint, *(f"{m.name} {m.advice}" for m in one.mistakes)):
            assert right not in _numbers_in(text), text
    elif isinstance(right, (list, tuple)):
        written = re.sub(r"[\s()\[\]]", "", str(right))
        for text in (one.question, one.hint, *(f"{m.name} {m.advice}" for m in one.mistakes)):
            assert written not in re.sub(r"[\s()\[\]]", "", text), text
    shown = str(one) + repr(one)
    for line in (one.hint, *solution(one.number).splitlines()):
        assert len(line) < 12 or line not in shown
    assert one.number in str(one)
    assert all(len(line) <= 79 for line in str(one).splitlines())


def test_no_docstring_and_no_page_shows_a_right_answer() -> None:
    for module in (exercises_module, _answers, _grading):
        text = Path(module.__file__ or "").read_text("utf-8")
        shown = re.findall(r">>> (?:print\()?check\(.*\)\n +(.*)", text)
        assert not any(line.startswith("Right") for line in shown)
    pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.py")]
    assert not any("\nRight. " in page.read_text("utf-8") for page in pages)


@EACH
def test_not_a_number_and_odd_answers_get_feedback(one: Exercise) -> None:
    odd: tuple[object, ...] = (
        float("nan"),
        float("inf"),
        10**400,
        [],
        [[1, 2], [3]],
        torch.zeros(7, 7, 7),
        -123.0,
    )
    layers = (
        torch.nn.Identity(),
        torch.nn.Linear(3, 3),
        torch.nn.Module(),
        torch.nn.LazyConv2d(1, 1),
    )
    functions: tuple[Callable[..., Any], ...] = (
        lambda: 1,
        lambda *given: None,
        lambda *given: "text",
        lambda *given: given[0] * float("nan"),
        lambda *given: 1 / 0,
    )
    for answer in (*odd, *layers, *functions):
        feedback = check(one.number, answer)
        assert not feedback
        assert str(feedback).startswith("Not yet: ")
        assert str(feedback).endswith((".", ":", "?", "!")) or " raised " in str(feedback)


@pytest.mark.parametrize(
    "answer",
    ["15", b"15", None, True, {"a": 1}, {1}, object(), 1 + 1j, torch.nn.Conv2d, ["15"],
     torch.ones(2, dtype=torch.complex64), torch.ones(2, device="meta"), np.array(["a"])],
    ids=lambda value: re.sub(r"0x\w+", "", str(value)),
)  # fmt: skip
def test_what_cannot_be_graded_is_refused(answer: object) -> None:
    with pytest.raises(TypeError, match=r"^answer: expected a number, .*got "):
        check("6.1", answer)


def test_a_class_is_refused_with_the_way_to_make_a_layer() -> None:
    with pytest.raises(TypeError, match=r"make one of it with Conv2d\(\.\.\.\)$"):
        check("6.2", torch.nn.Conv2d)


@pytest.mark.parametrize("function", [exercise, hint, solution, lambda number: check(number, 1)])
def test_an_unknown_number_is_refused(function: Callable[[Any], object]) -> None:
    with pytest.raises(ValueError, match=r"^number: expected an exercise of page 6, one of 6\.1, "):
        function("6.10")
    for number in ("99.1", "", "six", "6,1x"):
        with pytest.raises(
            ValueError, match=r"^number: expected a page with exercises, one of 1, "
        ):
            function(number)
    for odd in (6.1, 6, None, ["6.1"]):
        with pytest.raises(TypeError, match=r'^number: expected text such as "6\.1", in quotes, '):
            function(odd)


ONE: dict[str, Any] = {"kind": Numbers("one number"), "right": lambda: 7}
GRID: dict[str, Any] = {"kind": Numbers("a grid"), "right": lambda: [[1, 2], [3, 5]]}
WIDE: dict[str, Any] = {"kind": Numbers("a grid"), "right": lambda: [[1, 2, 3], [4, 5, 7]]}
FOUR: dict[str, Any] = {"kind": Numbers("a shape", squeeze=False), "right": lambda: (5, 8, 30, 44)}
IMAGES: dict[str, Any] = {
    "kind": Function(lambda: [(torch.arange(12.0).reshape(2, 1, 2, 3),)]),
    "right": lambda: lambda images: images,
}
CHANNELS: dict[str, Any] = {
    "kind": Function(lambda: [(torch.arange(12.0).reshape(1, 2, 2, 3),)]),
    "right": lambda: lambda images: images,
}
MEAN: dict[str, Any] = {
    "kind": Function(lambda: [(torch.arange(3.0),)]),
    "right": lambda: torch.mean,
}
ROW: dict[str, Any] = {**MEAN, "right": lambda: lambda numbers: numbers}


@pytest.mark.parametrize(
    ("answer", "asked", "message"),
    [
        (8, ONE, "8 is too large."),
        (6, ONE, "6 is too small."),
        (6.5, ONE, "6.5 is not a whole number."),
        ([7, 8], ONE, "expected one number, got 2 numbers."),
        (float("nan"), ONE, 'the answer contains NaN, "not a number": somewhere'),
        (float("-inf"), ONE, "the answer contains infinity"),
        ([], ONE, "the answer is empty, its shape is (0,)."),
        ([[1], [2, 3]], ONE, "the rows have different lengths."),
        (torch.nn.ReLU(), ONE, "expected one number, got a layer. Call it"),
        (abs, ONE, "expected one number, got a function. Call it"),
        ([[5, 3], [2, 1]], GRID, "rows and columns are in reverse order"),
        ([[1, 3], [2, 5]], GRID, "rows and columns are swap"),
        ([[2, 3], [4, 6]], GRID, "every number is off by the"),
        ([[1, 9], [9, 5]], GRID,
         "2 of 4 numbers are wrong, the first at index [0, 1]."),
        ([[9, 9], [9, 9], [9, 9]], WIDE, "rows and columns are swapped: the shape is (3, 2)."),
        ([[9, 9], [9, 9]], WIDE, "the shape (2, 2) is off by one."),
        ([[9] * 7] * 7, WIDE, "the shape (7, 7) is wrong."),
        ([1, 2, 3, 4, 5, 7], WIDE, "the numbers are right, but an axis is missing"),
        ([3, 4], WIDE, "the shape (2,) has 1 axis, expected 2."),
        (9, WIDE, "expected a grid, got one number."),
        (torch.zeros(2, 8, 3, 4), FOUR, "expected a shape, got numbers in 4 axes."),
        (lambda x: x + torch.tensor([[[1.0]], [[2.0]]]), CHANNELS, "in each channel, every number"),
        (lambda x: x.mean(), CHANNELS, "expected more than one number, got one number."),
        (lambda x: x, MEAN, "expected one number, got 3 numbers."),
        (lambda x: x[:2], ROW, "expected another count, got 2 numbers."),
        ((5, 8, 30, 45), FOUR, "1 of 4 numbers is wrong, the one at index 3."),
        ((5, 8, 30), FOUR, "expected a shape, got 3 numbers."),
        (lambda images: images[0], IMAGES, "the shape (1, 2, 3) has 3 axes, expected 4."),
        (lambda images: images.mT, IMAGES, "rows and columns are swapped: the shape is (2, 1, 3,"),
        (lambda images: images[:, 0], IMAGES, "the numbers are right, but an axis is missing"),
        (lambda images: images[:, 0, 0, 0, 0], IMAGES,
         "the function raised IndexError when called with a tensor of shape (2, 1, 2, 3): too"),
        (lambda images: None, IMAGES, "the function returned None, not numbers."),
        (3, IMAGES, "expected a function, got numbers."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(answer: object, asked: dict[str, Any], message: str) -> None:
    feedback = grade(answer, **asked)
    assert not feedback
    assert str(feedback).startswith(f"Not yet: {message}"), feedback


@EACH
def test_the_placeholder_is_not_an_answer(one: Exercise) -> None:
    feedback = check(one.number, ...)
    assert not feedback
    assert str(feedback) == "No answer yet: put yours in the place of `...`."
    assert feedback.mistake == ""


def test_a_known_mistake_goes_first_and_the_right_answer_before_it() -> None:
    mistakes = [Mistake("one", lambda: 7.0005, "First."), Mistake("two", lambda: 8, "Second.")]
    assert grade(7, **ONE, mistakes=mistakes)
    assert grade(8, **ONE, mistakes=mistakes).mistake == "two"
    assert grade(7.0004, **ONE, mistakes=mistakes).mistake == "one"
    assert grade(7.0004, **ONE, mistakes=mistakes, tolerance=1e-3)


@pytest.mark.parametrize(
    "right",
    [15, 15.0, (15,), [[15]], torch.tensor(15), torch.tensor([[[[15.0]]]]), np.int64(15),
     np.array([15.0]), torch.tensor(15.0, requires_grad=True), torch.tensor(15, dtype=torch.uint8)],
    ids=repr,
)  # fmt: skip
def test_a_number_may_have_any_type(right: object) -> None:
    assert check("6.1", right)


def test_checking_leaves_layer_images_and_random_state_alone() -> None:
    lazy = torch.nn.LazyConv2d(1, 2)
    norm = torch.nn.Sequential(torch.nn.BatchNorm2d(1), torch.nn.Conv2d(1, 1, 2))
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    assert not check("6.2", lazy)
    assert not check("6.2", norm)
    assert not check("11.2", norm)
    assert torch.equal(torch.rand(3), expected)
    assert lazy.has_uninitialized_params()
    assert norm.training
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


def test_a_layer_in_double_precision_is_graded_like_any_other() -> None:
    layer = conv_from_kernel(torch.tensor([[-1.0, 0.0], [0.0, 1.0]], dtype=torch.float64), 0.5)
    assert check("6.2", layer)
    assert layer.weight.dtype == torch.float64


def test_the_feedback_on_a_measured_layer_names_what_differs() -> None:
    feedback = check("11.2", torch.nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4, bias=False))
    assert str(feedback) == "Not yet: the parameters: 36 is too small."
    assert "the kernel size" in str(check("11.2", torch.nn.Conv2d(4, 4, 1, groups=4)))
    assert Layer(lambda: torch.ones(1)).description == "a layer"


CONF = f"""
import sys
sys.path[:0] = [{str(ROOT / "docs" / "_ext")!r}, {str(ROOT)!r}]
extensions = ["myst_parser", "exercise"]
project = "x"
"""


def _build(folder: Path, builder: str, pages: dict[str, str]) -> subprocess.CompletedProcess[str]:
    source = folder / "source"
    for name, text in {"conf.py": CONF, **pages}.items():
        file = source / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    command = ["-m", "sphinx", "-W", "-q", "-b", builder, str(source), str(folder / builder)]
    return subprocess.run([sys.executable, *command], capture_output=True, text=True)


def _title(page: Path) -> str:
    return (ast.get_docstring(ast.parse(page.read_text("utf-8"))) or "").splitlines()[0]


def _small_site(*, without: int | None = None) -> dict[str, str]:
    """Return the page of all exercises, with pages of the gallery that are only a title."""
    all_of_them = "# All\n\n```{exercises}\n```\n\nNext: the end.\n"
    pages = {"index.md": all_of_them, "one.rst": ":orphan:\n\nOne\n===\n\n.. exercise:: 6.1\n"}
    for number, page in PAGES.items():
        if number != without:
            title, name = _title(page), f"gallery/{page.stem}"
            pages[f"{name}.rst"] = f":orphan:\n\n{title}\n{'=' * len(title)}\n"
            pages[f"{name}.py"] = page.read_text("utf-8")
    return pages


def _without_tags(text: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", text)))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = _build(folder, "html", _small_site())
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"


def test_an_exercise_folds_its_hint_and_solution(site: Path) -> None:
    page = (site / "index.html").read_text("utf-8")
    assert page.count("<summary>Hint</summary>") == page.count('class="exercise"')
    assert page.count("<summary>Solution</summary>") == page.count('class="exercise"')
    assert "<details open" not in page
    outside = _without_tags(re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL))
    for one in exercises():
        assert f'print(check("{one.number}", answer))' in outside
        for line in solution(one.number).splitlines():
            assert not line.startswith("answer") or line not in outside
    assert "answer =" not in outside
    assert exercise("6.1").hint not in outside


def test_an_exercise_is_a_named_group(site: Path) -> None:
    page = (site / "one.html").read_text("utf-8")
    assert 'aria-labelledby="exercise-6-1-title"' in page
    assert '<p class="exercise-title" id="exercise-6-1-title">Exercise 6.1</p>' in page
    assert "<code" in page, "code in a question is set as code"


def test_the_page_of_all_exercises_lists_them_under_their_pages(site: Path) -> None:
    assert "```{exercises}" in (ROOT / "docs" / "exercises.md").read_text("utf-8")
    page = (site / "index.html").read_text("utf-8")
    found = re.findall(
        r'<h2>(.*?)<a class="headerlink"|<p>Belongs to .*?href="(.*?)"|>Exercise (\d+\.\d+)</p>',
        page,
    )
    expected = []
    for number in sorted(PAGES):
        expected.append((f"{number}. {_title(PAGES[number])}", "", ""))
        expected.append(("", f"gallery/{PAGES[number].stem}.html", ""))
        expected += [("", "", one.number) for one in exercises() if one.page == number]
    assert [(html.unescape(title), link, number) for title, link, number in found] == expected
    assert _without_tags(page).count("Next: the end.") == 1


def test_exercises_of_a_page_that_is_missing_stop_the_build(tmp_path: Path) -> None:
    done = _build(tmp_path, "html", _small_site(without=7))
    assert done.returncode != 0
    assert "expected a page plot_07_*, got none" in done.stderr


def test_the_directives_can_be_translated(tmp_path: Path) -> None:
    done = _build(tmp_path, "gettext", _small_site())
    assert done.returncode == 0, done.stderr
    found = (tmp_path / "gettext" / "index.pot").read_text("utf-8").replace('"\n"', "")
    for text in (
        f"2. {_title(PAGES[2])}",
        f"Belongs to {{doc}}`/gallery/{PAGES[2].stem}`.",
        "Exercise 2.1",
        "Hint",
        "Solution",
        exercise("2.1").hint,
        exercise("2.1").question,
    ):
        assert f'msgid "{text}"' in found
    assert "answer = " not in found


def test_an_unknown_exercise_stops_the_build(tmp_path: Path) -> None:
    done = _build(tmp_path, "html", {"index.md": "# One\n\n```{exercise} 2.9\n```\n"})
    assert done.returncode != 0
    assert "expected an exercise of page 2" in done.stderr
