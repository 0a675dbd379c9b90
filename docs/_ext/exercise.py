"""The directives ``exercise``, for one exercise, and ``exercises``, for all of them by page.

An exercise is a question, a field for the answer, a folded hint, a folded solution, and the lines
that check the answer in Python. A folded part is a ``<details>`` element, which needs no script.
Question and hint are paragraphs, and the titles are text, so that all of them enter the catalogues
for translation; code does not.
"""

import ast
from itertools import groupby
from pathlib import Path
from typing import ClassVar

from answer_field import answer_book, answer_field, answer_mark, answer_progress
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec
from sphinx.writers.html5 import HTML5Translator

import cnnbook.exercises
from cnnbook.exercises import exercise, exercises, solution
from cnnbook.exercises._answers import Function, Layer, Numbers
from cnnbook.exercises._export import JSON, exercise_data, is_typed
from cnnbook.exercises._grading import Exercise


class exercise_box(nodes.General, nodes.Element):
    """One exercise on a page."""


class exercise_title(nodes.General, nodes.TextElement):
    """The exercise's name."""


class exercise_fold(nodes.General, nodes.Element):
    """A part that shows its title until it is unfolded."""


class exercise_check(nodes.General, nodes.Element):
    """How an answer is checked; its ``code`` does so in Python."""


class fold_title(nodes.General, nodes.TextElement):
    """The title of a folded part, which is always shown."""


class ExerciseDirective(SphinxDirective):
    """Put an exercise of the library on the page, by its number."""

    required_arguments = 1
    option_spec: ClassVar[OptionSpec] = {}

    def run(self) -> list[nodes.Node]:
        """Return the exercise."""
        try:
            one = exercise(self.arguments[0])
        except ValueError as error:
            raise self.error(str(error)) from error
        # The page shows the module's text, so it is written again when the module changes.
        folder = Path(cnnbook.exercises.__file__).parent
        self.env.note_dependency(str(folder / f"page_{one.page:02d}.py"))
        source, line = self.get_source_info()

        def words(node: nodes.TextElement) -> nodes.TextElement:
            # Without source and line, a text does not enter the catalogue.
            node.source, node.line, node.rawsource = source, line, node.astext()
            return node

        def fold(title: str, *content: nodes.Node) -> exercise_fold:
            return exercise_fold("", words(fold_title("", title)), *content)

        name = nodes.make_id(f"exercise {one.number}")
        title = exercise_title("", f"Exercise {one.number}", ids=[f"{name}-title"])
        code = (
            "from cnnbook.exercises import check\n\n"
            f'answer = ...\nprint(check("{one.number}", answer))'
        )

        def check(*content: nodes.Node) -> exercise_check:
            return exercise_check("", *content, code=code)

        solved = solution(one.number)
        if is_typed(one):
            # A reader without Python sees what comes out, too.
            solved = f"{solved.rstrip()}\n# answer: {_right(one)}"
            first = check(answer_field(number=one.number))
            last = [check(fold("Check in Python", _code(code)))]
        else:
            sentence = words(nodes.paragraph("", _IN_PYTHON[type(one.kind)]))
            first = check(sentence, _code(code), answer_mark(number=one.number))
            last = []
        box = exercise_box(
            "",
            words(title),
            *self.parse_text_to_nodes(one.question),
            first,
            fold("Hint", *self.parse_text_to_nodes(one.hint)),
            fold("Solution", _code(solved)),
            *last,
            ids=[name],
            number=one.number,
        )
        return [box]


class ExercisesDirective(SphinxDirective):
    """Put all exercises on a Markdown page, under the titles of the gallery's pages."""

    option_spec: ClassVar[OptionSpec] = {}

    def run(self) -> list[nodes.Node]:
        """Return a section for each page of the gallery that has exercises."""
        pages = {name.rpartition("/")[2][:7]: name for name in self.env.found_docs}
        lines = []
        for number, on_page in groupby(exercises(), key=lambda one: one.page):
            name = pages.get(f"plot_{number:02d}")
            if name is None:
                raise self.error(f"exercises: expected a page plot_{number:02d}_*, got none")
            lines += [f"## {self._title(name)}", "", f"Belongs to {{doc}}`/{name}`.", ""]
            lines += [f"```{{exercise}} {one.number}\n```\n" for one in on_page]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)

    def _title(self, name: str) -> str:
        # The page itself may not have been read yet; the script beside it has its title.
        script = Path(self.env.doc2path(name)).with_suffix(".py")
        self.env.note_dependency(str(script))
        return (ast.get_docstring(ast.parse(script.read_text("utf-8"))) or name).splitlines()[0]


# What is said of exercises that cannot be answered in the page.
_IN_PYTHON: dict[type, str] = {
    Function: "The answer is a function, so it is checked in Python, where cnnbook is installed:",
    Layer: "The answer is a layer, so it is checked in Python, where cnnbook is installed:",
    Numbers: "The answer is checked in Python, where cnnbook is installed:",
}


def _add_progress(app: Sphinx, document: nodes.document) -> None:
    """Put what is solved before the first exercise of each page of the gallery."""
    more = {}
    if "exercises" in app.env.found_docs and next(document.findall(answer_book), None) is None:
        more["all"] = "exercises"
    started = set()
    for box in list(document.findall(exercise_box)):
        page = box["number"].partition(".")[0]
        if page not in started:
            started.add(page)
            box.parent.insert(box.parent.index(box), answer_progress(page=page, **more))


def _right(one: Exercise) -> JSON:
    """Return the right answer to an exercise that asks for numbers, with four decimals at most."""

    def rounded(value: JSON) -> JSON:
        if isinstance(value, list):
            return [rounded(part) for part in value]
        return round(value, 4) if isinstance(value, float) else value

    right = exercise_data(one)["right"]
    assert isinstance(right, list)
    return rounded(right[0])


def _code(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language="python")


def _visit_box(self: HTML5Translator, node: exercise_box) -> None:
    # A group with a name, for screen readers.
    named = {"role": "group", "aria-labelledby": f"{node['ids'][0]}-title"}
    self.body.append(self.starttag(node, "div", "\n", False, CLASS="exercise", **named))


def _depart_box(self: HTML5Translator, node: exercise_box) -> None:
    self.body.append("</div>\n")


def _visit_title(self: HTML5Translator, node: exercise_title) -> None:
    self.body.append(self.starttag(node, "p", "", CLASS="exercise-title"))


def _depart_title(self: HTML5Translator, node: exercise_title) -> None:
    self.body.append("</p>\n")


def _visit_fold(self: HTML5Translator, node: exercise_fold) -> None:
    self.body.append(self.starttag(node, "details"))


def _depart_fold(self: HTML5Translator, node: exercise_fold) -> None:
    self.body.append("</details>\n")


def _visit_fold_title(self: HTML5Translator, node: fold_title) -> None:
    self.body.append(self.starttag(node, "summary", ""))


def _depart_fold_title(self: HTML5Translator, node: fold_title) -> None:
    self.body.append("</summary>\n")


def _visit_check(self: HTML5Translator, node: exercise_check) -> None:
    """Write nothing but what is inside."""


def setup(app: Sphinx) -> dict[str, object]:
    """Register nodes and directives."""
    app.setup_extension("answer_field")
    app.add_node(exercise_box, html=(_visit_box, _depart_box))
    app.add_node(exercise_title, html=(_visit_title, _depart_title))
    app.add_node(exercise_fold, html=(_visit_fold, _depart_fold))
    app.add_node(fold_title, html=(_visit_fold_title, _depart_fold_title))
    app.add_node(exercise_check, html=(_visit_check, _visit_check))
    app.connect("doctree-read", _add_progress)
    app.add_directive("exercise", ExerciseDirective)
    app.add_directive("exercises", ExercisesDirective)
    # Pages are read again when an exercise is added or taken away.
    app.add_config_value("exercise_numbers", [one.number for one in exercises()], "env")
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
