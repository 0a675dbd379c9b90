"""Every exercise: its solution is right, known mistakes are named, no answer is given away."""

import ast
import html
import json
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
from cnnbook.exercises import (
    _answers,
    _difference,
    _export,
    _grading,
    _messages,
    _operations,
    _reading,
    _typed,
    check,
    exercise,
    exercises,
    hint,
    solution,
)
from cnnbook.exercises._answers import Function, Layer, Numbers
from cnnbook.exercises._grading import Exercise, Mistake, grade
from cnnbook.kernels import averaging_conv, conv_from_kernel

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
        for answer in (mistake.answer, *mistake.others):
            feedback = check(one.number, answer())
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
    own = (_answers, _difference, _export, _grading, _messages, _operations, _reading, _typed)
    for module in (exercises_module, *own):
        text = Path(module.__file__ or "").read_text("utf-8")
        shown = re.findall(r">>> (?:print\()?check\(.*\)\n +(.*)", text)
        assert not any(line.startswith("Right") for line in shown)
    pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.py")]
    assert not any("\nRight. " in page.read_text("utf-8") for page in pages)


@pytest.mark.parametrize("function", [exercise, hint, solution, lambda number: check(number, 1)])
def test_an_unknown_number_is_refused(function: Callable[[Any], object]) -> None:
    with pytest.raises(ValueError, match=r"^number: expected an exercise of page 6, one of 6\.1, "):
        function("6.10")
    for number in ("99.1", "", "six", "6,1x", 99.1, float("nan"), 0):
        with pytest.raises(
            ValueError, match=r"^number: expected a page with exercises, one of 1, "
        ):
            function(number)
    with pytest.raises(ValueError, match=r"^number: expected an exercise of page 6, one of 6\.1, "):
        function(6)
    for odd in (None, True, ["6.1"], 6j):
        with pytest.raises(TypeError, match=r'^number: expected text such as "6\.1", got '):
            function(odd)


@pytest.mark.parametrize("number", ["6.1", 6.1, np.float64(6.1), np.float32(6.1), " 6.1 "])
def test_a_number_may_be_a_number(number: Any) -> None:
    assert exercise(number) is exercise("6.1")
    assert check(number, 15)
    assert hint(number) == hint("6.1")
    assert solution(number) == solution("6.1")


ONE: dict[str, Any] = {"kind": Numbers("one number"), "right": lambda: 7}
GRID: dict[str, Any] = {"kind": Numbers("a grid"), "right": lambda: [[1, 2], [3, 5]]}
WIDE: dict[str, Any] = {"kind": Numbers("a grid"), "right": lambda: [[1, 2, 3], [4, 5, 7]]}
FOUR: dict[str, Any] = {"kind": Numbers("a shape"), "right": lambda: (5, 8, 30, 44)}
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


SCALAR: dict[str, Any] = {"kind": Numbers("one number"), "right": lambda: 1 / 3, "tolerance": 5e-4}
LAYER: dict[str, Any] = {
    "kind": Layer(lambda: torch.arange(12.0).reshape(1, 1, 3, 4)),
    "right": lambda: averaging_conv(2),
}


@pytest.mark.parametrize(
    ("answer", "asked", "message"),
    [
        (8, ONE, "8 is too large."),
        (6, ONE, "6 is too small."),
        (12_345_678, ONE, "12,345,678 is too large."),
        (6.5, ONE, "6.5 is not a whole number."),
        (-7, ONE, "-7 is wrong only in its sign."),
        (0.33, SCALAR, "0.33 is nearly right: compute with more decimals, and round at the end."),
        (0.3, SCALAR, "0.3 is nearly right: compute with more decimals, and round at the end."),
        (0.331, SCALAR, "0.331 is too small."),
        ([7, 8], ONE, "the answer has 2 numbers, and the exercise asks for one number."),
        (float("nan"), ONE, 'the answer contains NaN, "not a number", as 0 / 0 gives it.'),
        (float("-inf"), ONE, "the answer contains infinity: a number was divided by 0 or grew"),
        ([], ONE, "the answer is empty: its shape is (0,)."),
        ([[1], [2, 3]], ONE, "the rows have different lengths."),
        (torch.nn.ReLU(), ONE,
         "the exercise asks for one number, and the answer is the layer ReLU: call it and hand in"),
        (abs, ONE, "the exercise asks for one number, and the answer is a function: call it and"),
        ([[5, 3], [2, 1]], GRID, "the answer has its rows and columns in reverse order: something"),
        ([[3, 5], [1, 2]], GRID, "the answer has its rows in reverse order: something was"),
        ([[2, 1], [5, 3]], GRID, "the answer has its columns in reverse order: something was"),
        ([[1, 3], [2, 5]], GRID, "the answer has its rows and columns swapped."),
        ([[-1, -2], [-3, -5]], GRID, "every number of the answer has the wrong sign."),
        ([[2, 3], [4, 6]], GRID, "4 of 4 numbers are wrong, the first at index [0, 0]."),
        ([[1, 9], [9, 5]], GRID, "2 of 4 numbers are wrong, the first at index [0, 1]."),
        ([[9, 9], [9, 9], [9, 9]], WIDE,
         "the answer has the shape (3, 2): rows and columns are swapped."),
        ([[9, 9], [9, 9]], WIDE, "the answer has the shape (2, 2), which is off by one."),
        ([[9] * 7] * 7, WIDE, "the answer has the wrong shape, (7, 7)."),
        ([1, 2, 3, 4, 5, 7], WIDE,
         "the numbers are right, but the answer has the shape (6,): an axis is missing."),
        ([[1, 2], [3, 4], [5, 7]], WIDE,
         "the numbers are right, but the answer has the shape (3, 2): look at the order of its"),
        ([3, 4], WIDE, "the answer has the shape (2,), and the exercise asks for a grid."),
        (9, WIDE, "the answer is a single number, and the exercise asks for a grid."),
        (torch.zeros(2, 8, 3, 4), FOUR,
         "the answer has the shape (2, 8, 3, 4), and the exercise asks for a shape."),
        (torch.zeros(5, 8, 30, 44), FOUR,
         "that is the result and not its shape: hand in the shape."),
        ((5, 30, 8, 44), FOUR, "the answer has the right numbers in another order."),
        ((5, 8, 30, 45), FOUR, "1 of 4 numbers is wrong, the one at index 3."),
        ((5, 8, 30), FOUR, "the answer has 3 numbers, which is too few."),
        ((1, 5, 8, 30, 44), FOUR, "the answer has 5 numbers, which is too many."),
        ([[5], [8], [30], [44]], FOUR,
         "the numbers are right, but the answer has the shape (4, 1): the numbers belong in one"),
        (lambda x: x + torch.tensor([[[1.0]], [[2.0]]]), CHANNELS, "12 of 12 numbers of the"),
        (lambda x: x.flip(1), CHANNELS, "the result for a float32 tensor of shape (1, 2, 2, 3) has "
         "the right channels in another order."),
        (lambda x: x.mean(), CHANNELS, "the result for a float32 tensor of shape (1, 2, 2, 3) is a "
         "single number, and the exercise asks for a tensor of 4 axes."),
        (lambda x: x, MEAN,
         "the result for [0.0, 1.0, 2.0] has 3 numbers, and the exercise asks for one number."),
        (lambda x: x.mean() + 1, MEAN, "the result for [0.0, 1.0, 2.0] is 2, which is too large."),
        (lambda x: x.mean() + 0.01, MEAN, "the result for [0.0, 1.0, 2.0] is 1.01, which is too"),
        (lambda x: x[None], ROW,
         "the numbers are right, but the result for [0.0, 1.0, 2.0] has the shape (1, 3): the"),
        (lambda x: -x.mean(), MEAN, "the result for [0.0, 1.0, 2.0] is -1, which is wrong only in"),
        (lambda x: x[:2], ROW, "the result for [0.0, 1.0, 2.0] has 2 numbers, which is too few."),
        (lambda images: images[0], IMAGES, "the result for a float32 tensor of shape (2, 1, 2, 3) "
         "has the shape (1, 2, 3), and the exercise asks for a tensor of 4 axes."),
        (lambda images: images.mT, IMAGES, "the result for a float32 tensor of shape (2, 1, 2, 3) "
         "has the shape (2, 1, 3, 2): rows and columns are swapped."),
        (lambda images: images[:, 0], IMAGES, "the numbers are right, but the result for a float32 "
         "tensor of shape (2, 1, 2, 3) has the shape (2, 2, 3): images have four axes, "),
        (lambda images: images[:, 0, 0, 0, 0], IMAGES, "the function raised IndexError when called "
         "with a float32 tensor of shape (2, 1, 2, 3): too"),
        (lambda images: None, IMAGES, "the function returned None: it needs a `return`."),
        (lambda images: "0", IMAGES, "the function returned something else than numbers: that was"),
        (lambda images: {}, IMAGES, "the function returned something else than numbers: a value of "
         "type dict is not a number."),
        (3, IMAGES, "the exercise asks for a function, and the answer is a value of type int:"),
        (torch.nn.ReLU, IMAGES,
         "the exercise asks for a function, and the answer is the class ReLU: hand in the"),
        (conv_from_kernel(torch.full((2, 2), 0.25), 1.0), LAYER,
         "every number of the output is off by the same amount. Check the bias."),
        (conv_from_kernel(torch.full((2, 2), 0.247)), LAYER,
         "every number of the output is nearly right, as if something was rounded on the way: "),
        (conv_from_kernel(torch.full((2, 2), 0.3)), LAYER,
         "6 of 6 numbers of the output are wrong, the first at index [0, 0, 0, 0]."),
        (averaging_conv(3), LAYER, "the output has the shape (1, 1, 1, 2), which is off by one."),
        (torch.nn.AvgPool2d(2, 1), LAYER,
         "the exercise asks for a Conv2d, and the answer is the layer AvgPool2d."),
        (torch.nn.Conv2d, LAYER, "the exercise asks for a Conv2d, and the answer is the class "
         "Conv2d: make a layer of it, with Conv2d(...)."),
        ([averaging_conv(2)], LAYER, "the exercise asks for a Conv2d, and the answer is a value of "
         "type list: hand in the layer itself."),
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


class CountingConv2d(torch.nn.Conv2d):
    """A layer that changes when it is called, as batch normalization does in training mode."""

    def __init__(self) -> None:
        super().__init__(1, 1, 2)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert not self.training
        self.get_buffer("calls").add_(1)
        return super().forward(images)


def test_checking_leaves_layer_images_and_random_state_alone() -> None:
    lazy = torch.nn.LazyConv2d(1, 2)
    norm = CountingConv2d()
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
    feedback = check("11.2", torch.nn.Conv2d(4, 4, 5, padding=4, dilation=2, groups=4))
    assert str(feedback) == "Not yet: the kernel size, (5, 5), is not the one that is asked for."
    feedback = check("11.2", torch.nn.Conv2d(4, 4, 3, stride=2, groups=4))
    assert str(feedback).startswith(
        "Not yet: the shape of the output, (2, 4, 4, 5), is not the one "
    )


def test_a_call_that_fails_does_not_hide_the_calls_before_it() -> None:
    calls = [(torch.ones(2, 2),), (torch.ones(2, 3),)]
    asked: dict[str, Any] = {"kind": Function(lambda: calls), "right": lambda: torch.sum}
    square = Mistake("that needs a square", lambda: lambda x: (x @ x).sum(), "Not every one is.")
    assert grade(lambda x: (x @ x).sum(), **asked, mistakes=[square]).mistake == square.name
    assert str(grade(lambda x: (x @ x).mean(), **asked)).endswith(" is 2, which is too small.")
    failing = grade(lambda x: x.sum() if x.shape == (2, 2) else 1 / 0, **asked)
    assert " raised ZeroDivisionError when called with [[1.0, 1.0, 1.0], " in str(failing)


def test_a_function_that_changes_its_arguments_is_judged_by_its_result() -> None:
    assert check("18.2", lambda w, x, t, size: 2 * ((x.mul_(w) - t) * (x / w)).mean())
    assert check("4.3", lambda a, b: a.sub_(b).mean() / (a.std() / len(a) ** 0.5))


def test_a_function_is_judged_by_its_operations_even_if_it_fails_later() -> None:
    for absolute, right in ((lambda x: torch.relu(x) + torch.relu(-x), True), (torch.abs, False)):
        left = [1, 2]

        def fails_at_the_third_call(
            x: torch.Tensor,
            absolute: Callable[[torch.Tensor], torch.Tensor] = absolute,
            left: list[int] = left,
        ) -> torch.Tensor:
            result = absolute(x)
            left.pop()
            return result

        assert check("9.3", fails_at_the_third_call).right is right


def test_a_right_answer_may_have_others_and_a_condition() -> None:
    others = (lambda: -7, lambda: (7, 7))
    for answer in (7, -7, [7, 7]):
        assert grade(answer, **ONE, others=others)
        refused = grade(answer, **ONE, others=others, condition=lambda given: f"{given} is odd.")
        assert not refused
        assert str(refused) == f"Not yet: {answer} is odd."
    assert not grade(8, **ONE, condition=lambda given: "")


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
    assert page.count("<answer-field") == page.count("<summary>Check in Python</summary>")
    assert page.count("<answer-field") == page.count("# answer: "), "a solution says its result"
    assert "# answer: [[3, 5], [2.5, 4]]" in page
    assert "# answer: " not in outside
    # Not an answer: the line in which the reader writes one.
    outside = outside.replace("answer = ...", "")
    for one in exercises():
        line = f'print(check("{one.number}", answer))'
        assert line in _without_tags(page)
        assert (line in outside) == (not isinstance(one.kind, Numbers)), "numbers have a field"
        for line in solution(one.number).splitlines():
            assert not line.startswith("answer") or line not in outside
    assert "answer =" not in outside
    assert exercise("6.1").hint not in outside


def test_an_exercise_is_a_named_group(site: Path) -> None:
    page = (site / "one.html").read_text("utf-8")
    assert 'aria-labelledby="exercise-6-1-title"' in page
    assert '<p class="exercise-title" id="exercise-6-1-title">Exercise 6.1</p>' in page
    assert "<code" in page, "code in a question is set as code"


def test_an_exercise_has_a_field_for_numbers_and_a_box_to_tick_for_all_else(site: Path) -> None:
    page = (site / "index.html").read_text("utf-8")
    labels = dict(
        re.findall(r'<answer-field number="([\d.]+)" label="(.*?)"></answer-field>', page)
    )
    assert labels["6.1"] == "Your answer: one number"
    assert labels["7.1"] == "Your answer: a grid of numbers, written as in [[1, 2], [3, 4]]"
    marks = re.findall(r'<answer-mark number="([\d.]+)"></answer-mark>', page)
    assert sorted([*labels, *marks]) == sorted(one.number for one in exercises())
    assert {type(exercise(number).kind) for number in marks} == {Function, Layer}
    # What the browser grades with, once for all pages.
    script = (site / "_static/answers-data.js").read_text("utf-8")
    data = json.loads(script.partition(".answersData = ")[2].removesuffix(";\n"))
    assert sorted(data["exercises"]) == sorted(labels)
    assert sum(data["pages"].values()) == len(exercises())
    assert data["key"] == "cnnbook.en.answers"


def test_the_page_of_all_exercises_lists_them_under_their_pages(site: Path) -> None:
    assert "```{exercises}" in (ROOT / "docs" / "exercises.md").read_text("utf-8")
    page = (site / "index.html").read_text("utf-8")
    found = re.findall(
        r'<h2>(.*?)<a class="headerlink"|<p>Belongs to .*?href="(.*?)"|>Exercise (\d+\.\d+)</p>',
        page,
    )
    expected = []
    for number in sorted(PAGES):
        expected.append((_title(PAGES[number]), "", ""))
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
        _title(PAGES[2]),
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
