"""Questions for the board: the directives ``board``, ``board-table``, ``course`` and ``exam``.

Each page of the gallery says how long it takes in class, and asks three questions that can be
answered with chalk::

    .. board::
       :minutes: 25

       1. A question?

          Its answer.

       2. ...

The site folds them into a box, with each answer folded once more. On paper the questions are
printed and the answers are not. The notebook leaves the box out. ``board-table`` lists minutes and
first questions of all pages; ``exam`` is a list of any number of questions that is not folded
itself. ``course`` is a plan, with a line for each week: the numbers of its pages, and, after a bar,
those of the exercises for homework. A line of words is a week without a page::

    ```{course} 120
    1 6 7 8 10 | 1.3 6.1
    examination
    ```
"""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec
from sphinx.writers.html5 import HTML5Translator

from cnnbook.exercises import exercise
from cnnbook.exercises._export import is_typed

_ = get_translation("sphinx")

QUESTIONS = 3
# The box in the script of a page: the minutes, and the first question up to the empty line.
_BOARD = re.compile(
    r"^# \.\. board::\n#    :minutes: (\d+)\n#\n#    1\. ((?:.+\n)+?)#\n", re.MULTILINE
)


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
        found = self.questions()
        found["classes"].append("exam")
        return [found]

    def questions(self, count: int | None = None) -> nodes.enumerated_list:
        """Read the content.

        Args:
            count: How many questions there must be, if that is fixed.

        Returns:
            The list, with all but the first paragraph of each entry in its answer.
        """
        content = self.parse_content_to_nodes()
        expected = f"{self.name}: expected one numbered list of questions, each with an answer"
        (found, *others) = content or [nodes.paragraph()]
        if others or not isinstance(found, nodes.enumerated_list):
            raise self.error(f"{expected}, got {_kinds(content)}")
        if count is not None and len(found) != count:
            raise self.error(f"{self.name}: expected {count} questions, got {len(found)}")
        for number, entry in enumerate(found.findall(nodes.list_item), 1):
            kinds = _kinds(entry.children)
            # "4. The answer" would be a list that begins with 4.
            if len(kinds) < 2 or {*kinds[:2]} != {"paragraph"} or "enumerated_list" in kinds:
                raise self.error(f"{expected}, got {kinds} in question {number}")
            answer = board_answer("", *entry.children[1:])
            del entry[1:]
            entry += answer
        return found


def _kinds(content: Sequence[nodes.Node]) -> list[str]:
    return [type(node).__name__ for node in content]


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


class _Page(NamedTuple):
    """A page of the gallery: its name in Sphinx, its minutes, first question and seconds."""

    name: str
    minutes: int
    question: str
    seconds: int | None


class _TableDirective(SphinxDirective):
    """A table on a Markdown page that is made from the pages of the gallery."""

    def pages(self) -> dict[int, _Page]:
        """Return the pages of the gallery by their numbers, in order."""
        pages = {}
        for name in self.env.found_docs:
            if number := re.search(r"/plot_(\d\d)_", name):
                script = Path(self.env.doc2path(name)).with_suffix(".py")
                self.env.note_dependency(str(script))
                found = read_board(script.read_text("utf-8"))
                if found is None:
                    raise self.error(f"{self.name}: expected a board on {name}, got none")
                pages[int(number[1])] = _Page(name, *found, _seconds_of_run(script))
        return dict(sorted(pages.items()))

    def table(self, columns: tuple[str, ...], widths: str, rows: list[str]) -> list[nodes.Node]:
        """Return a table whose rows are written as in Markdown."""
        lines = [" | ".join(map(str, columns)), widths, *rows]
        return self.parse_text_to_nodes("\n".join(f"| {line} |" for line in lines))


class BoardTableDirective(_TableDirective):
    """Put a table of all pages on the page: minutes, seconds of the run, first question."""

    option_spec: ClassVar[OptionSpec] = {}

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        pages = self.pages().values()
        rows = []
        for page in pages:
            run = "-" if page.seconds is None else page.seconds
            question = page.question.replace("``", "`").replace("|", "\\|")
            rows.append(f"{{doc}}`/{page.name}` | {page.minutes} | {run} | {question}")
        minutes = sum(page.minutes for page in pages)
        seconds = sum(page.seconds or 0 for page in pages)
        rows.append(f"{_('All pages')} | {minutes} | {seconds or '-'} |")
        columns = (_("Page"), _("Minutes"), _("Run, seconds"), _("First question for the board"))
        return self.table(columns, "--- | ---: | ---: | ---", rows)


class CourseDirective(_TableDirective):
    """Put the plan of a course on the page; the argument is the minutes of a class."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[OptionSpec] = {}

    def run(self) -> list[nodes.Node]:
        """Return a table with the pages, minutes and homework of each week."""
        pages, rows = self.pages(), []
        for week, line in enumerate(self.content, 1):
            if not re.match(r"\d", line):
                rows.append(f"{week} | {line} | |")
                continue
            named, _bar, homework = line.partition("|")
            try:
                chosen = {number: pages[int(number)] for number in named.split()}
                links = [self.link_to(pages, number) for number in homework.split()]
            except (KeyError, ValueError) as error:
                raise self.error(f"course: no page or no exercise for numbers: {error}") from error
            minutes = sum(page.minutes for page in chosen.values())
            if minutes > int(self.arguments[0]):
                raise self.error(f"course: week {week} takes {minutes} minutes")
            shown = ", ".join(f"[{number}](/{page.name})" for number, page in chosen.items())
            rows.append(f"{week} | {shown} | {minutes} | {', '.join(links)}")
        columns = (_("Week"), _("Pages"), _("Minutes"), _("Homework"))
        return self.table(columns, "---: | --- | ---: | ---", rows)

    def link_to(self, pages: dict[int, _Page], number: str) -> str:
        """Return a link to an exercise that the site grades."""
        one = exercise(number)
        if not is_typed(one):
            raise ValueError(f"{number} is not graded on the site")
        # MyST looks for a page under an address unless it is said to be external.
        builder = self.env.app.builder
        address = builder.get_relative_uri(self.env.docname, pages[one.page].name)
        return f"[{number}]({address}#exercise-{number.replace('.', '-')}){{.external}}"


def _seconds_of_run(script: Path) -> int | None:
    """Return how long the page took when it was built; None if it was not run."""
    record = script.with_suffix(".run.json")
    if not record.is_file():
        return None
    seconds: float = json.loads(record.read_text("utf-8"))["seconds"]
    return math.ceil(seconds)


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
    app.add_directive("course", CourseDirective)
    app.add_css_file("board.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
