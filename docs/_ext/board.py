"""Questions for the board: the directives ``board``, ``board-table`` and ``exam``.

Each page of the gallery says how long it takes in class, and asks three questions that can be
answered with chalk::

    .. board::
       :minutes: 25

       1. A question?

          Its answer.

       2. ...

The site folds them into a box, with each answer folded once more. On paper the questions are printed
and the answers are not. The notebook leaves the box out. ``board-table`` lists minutes and first
questions of all pages; ``exam`` is a list of any number of questions that is not folded itself.
"""

import json
import re
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec
from sphinx.writers.html5 import HTML5Translator

_ = get_translation("sphinx")

QUESTIONS = 3
# The box in the script of a page: the minutes, and the first question up to the empty line.
_BOARD = re.compile(r"^# \.\. board::\n#    :minutes: (\d+)\n#\n#    1\. ((?:.+\n)+?)#\n", re.MULTILINE)


class board(nodes.General, nodes.Element):
    """The questions of a page, and how many minutes it takes."""


class board_answer(nodes.General, nodes.Element):
    """An answer, which is folded."""


class ExamDirective(SphinxDirective):
    """Put questions on the page, each with its answer folded below it."""

    has_content = True
    option_spec: ClassVar[OptionSpec] = {}

    def run(self) -> list[nodes.Node]:
        """Return the list of questions."""
        return [self.questions()]

    def questions(self, count: int | None = None) -> nodes.enumerated_list:
        """Read the content.

        Args:
            count: How many questions there must be, if that is fixed.

        Returns:
            The list, with all but the first paragraph of each entry in its answer.
        """
        content = self.parse_content_to_nodes()
        expected = f"{self.name}: expected one numbered list of questions, each with an answer"
        if len(content) != 1 or not isinstance(content[0], nodes.enumerated_list):
            raise self.error(f"{expected}, got {[node.tagname for node in content]}")
        if count is not None and len(content[0]) != count:
            raise self.error(f"{self.name}: expected {count} questions, got {len(content[0])}")
        for number, entry in enumerate(content[0], 1):
            kinds = [node.tagname for node in entry.children]
            # "4. The answer" would be a list that begins with 4.
            if len(kinds) < 2 or {*kinds[:2]} != {"paragraph"} or "enumerated_list" in kinds:
                raise self.error(f"{expected}, got {kinds} in question {number}")
            answer = board_answer("", *entry.children[1:])
            del entry[1:]
            entry += answer
        content[0]["classes"].append(self.name)
        return content[0]


class BoardDirective(ExamDirective):
    """Put the three questions of a page into a folded box."""

    option_spec: ClassVar[OptionSpec] = {"minutes": directives.positive_int}

    def run(self) -> list[nodes.Node]:
        """Return the box."""
        if "minutes" not in self.options:
            raise self.error("board: expected the option 'minutes', got none")
        return [board("", self.questions(QUESTIONS), minutes=self.options["minutes"])]


def read_board(script: str) -> tuple[int, str] | None:
    """Find the box in the script of a page.

    Args:
        script: The text of the script.

    Returns:
        The minutes, and the first question on one line; None if there is no box.
    """
    found = _BOARD.search(script)
    if not found:
        return None
    return int(found[1]), " ".join(found[2].replace("\n#", " ").split())


class BoardTableDirective(SphinxDirective):
    """Put a table of all pages on a Markdown page: minutes, seconds of the run, first question."""

    option_spec: ClassVar[OptionSpec] = {}

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        columns = (_("Page"), _("Minutes"), _("Run, seconds"), _("First question for the board"))
        rows, minutes, seconds = [], 0, 0
        pages = [name for name in self.env.found_docs if "/plot_" in name]
        for name in sorted(pages, key=lambda name: name.rpartition("/")[2]):
            script = Path(self.env.doc2path(name)).with_suffix(".py")
            self.env.note_dependency(str(script))
            found = read_board(script.read_text("utf-8"))
            if found is None:
                raise self.error(f"board-table: expected a board on {name}, got none")
            run = _seconds_of_run(script)
            shown = "-" if run is None else str(run)
            question = found[1].replace("``", "`").replace("|", "\\|")
            rows.append(f"{{doc}}`/{name}` | {found[0]} | {shown} | {question}")
            minutes, seconds = minutes + found[0], seconds + (run or 0)
        rows.append(f"{_('All pages')} | {minutes} | {seconds or '-'} |")
        lines = [" | ".join(map(str, columns)), "--- | ---: | ---: | ---", *rows]
        return self.parse_text_to_nodes("\n".join(f"| {line} |" for line in lines))


def _seconds_of_run(script: Path) -> int | None:
    """Return how long the page took when it was built; None if it was not run."""
    record = script.with_suffix(".run.json")
    if not record.is_file():
        return None
    return round(json.loads(record.read_text("utf-8"))["seconds"])


def _visit_board(self: HTML5Translator, node: board) -> None:
    title = _("For class: {minutes} minutes, three questions for the board")
    words = self.encode(title.format(minutes=node["minutes"]))
    self.body.append(f'<details class="board"><summary>{words}</summary>\n')


def _visit_answer(self: HTML5Translator, node: board_answer) -> None:
    self.body.append(f"<details><summary>{self.encode(str(_('Answer')))}</summary>\n")


def _depart(self: HTML5Translator, node: nodes.Node) -> None:
    self.body.append("</details>\n")


def setup(app: Sphinx) -> dict[str, object]:
    """Register nodes and directives."""
    app.add_node(board, html=(_visit_board, _depart))
    app.add_node(board_answer, html=(_visit_answer, _depart))
    app.add_directive("board", BoardDirective)
    app.add_directive("exam", ExamDirective)
    app.add_directive("board-table", BoardTableDirective)
    app.add_css_file("board.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
