"""The directive ``exercise``: question, folded hint, the line of the check, folded solution.

What is folded is a ``<details>`` element, which needs no script. Question and hint are paragraphs,
and the titles are text, so that all of them enter the catalogues for translation; code does not.
"""

from pathlib import Path
from typing import ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec
from sphinx.writers.html5 import HTML5Translator

import cnnbook.exercises
from cnnbook.exercises import exercise, solution


class exercise_box(nodes.General, nodes.Element):
    """One exercise on a page."""


class exercise_title(nodes.General, nodes.TextElement):
    """The exercise's name."""


class exercise_fold(nodes.General, nodes.Element):
    """A part that shows its title until it is unfolded."""


class fold_title(nodes.General, nodes.TextElement):
    """What is shown of a folded part."""


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
        # The page says what the module says, so it is written again when the module changes.
        folder = Path(cnnbook.exercises.__file__).parent
        self.env.note_dependency(str(folder / f"page_{one.page:02d}.py"))
        source, line = self.get_source_info()

        def words(node: nodes.TextElement) -> nodes.TextElement:
            # Without a place, a text is not taken into the catalogue.
            node.source, node.line, node.rawsource = source, line, node.astext()
            return node

        def fold(title: str, *content: nodes.Node) -> exercise_fold:
            return exercise_fold("", words(fold_title("", title)), *content)

        name = nodes.make_id(f"exercise {one.number}")
        title = exercise_title("", f"Exercise {one.number}", ids=[f"{name}-title"])
        box = exercise_box(
            "",
            words(title),
            *self.parse_text_to_nodes(one.question),
            fold("Hint", *self.parse_text_to_nodes(one.hint)),
            _code(f'print(check("{one.number}", answer))'),
            fold("Solution", _code(solution(one.number))),
            ids=[name],
        )
        return [box]


def _code(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language="python")


def _visit_box(self: HTML5Translator, node: exercise_box) -> None:
    # A group with a name, for whoever hears the page.
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


def setup(app: Sphinx) -> dict[str, object]:
    """Register nodes and directive."""
    app.add_node(exercise_box, html=(_visit_box, _depart_box))
    app.add_node(exercise_title, html=(_visit_title, _depart_title))
    app.add_node(exercise_fold, html=(_visit_fold, _depart_fold))
    app.add_node(fold_title, html=(_visit_fold_title, _depart_fold_title))
    app.add_directive("exercise", ExerciseDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
