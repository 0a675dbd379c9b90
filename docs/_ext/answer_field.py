"""Answers in the page: a field under each exercise, what has been solved, and files of answers.

Pages hold only elements without content and what their scripts need; ``answers.js`` makes fields
and buttons of them. So without JavaScript there is no field that does nothing.
"""

import functools
import html
import json
from collections import Counter
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec
from sphinx.writers.html5 import HTML5Translator

from cnnbook.exercises import exercise, exercises
from cnnbook.exercises._answers import Numbers
from cnnbook.exercises._export import MESSAGES, exercise_data

_ = get_translation("sphinx")

# Every text of the scripts but the verdicts, which the library writes: whole sentences, so that
# they can be translated.
TEXTS = {
    "label": "Your answer: {kind}",
    "label_with_example": "Your answer: {kind}, such as {example}",
    "check": "Check",
    "read_as": "Read as {reading}",
    "solved": "solved",
    "marked": "I have solved it in Python",
    "page_progress": "{solved} of {total} solved.",
    "card_progress": "{solved} of {total} exercises solved",
    "book_progress": "{solved} of {total} exercises solved.",
    "kept": "This browser keeps what you type, on this device only.",
    "not_kept": "This browser does not keep what you type: save your answers as a file before you "
    "leave the page.",
    "per_page": "Firefox keeps answers separately for each page that is opened from disk, so this "
    "page counts only what was typed on it. To carry your answers to another page, save them as a "
    "file here and load that file there.",
    "files_link": "Save your answers as a file, or load them from one",
    "files_title": "Save the answers of this page as a file, or load them from one",
    "name": "Your name, if somebody collects the file (optional)",
    "export": "Save as a file",
    "import": "Load from a file",
    "reset": "Delete all answers",
    "reset_question": "Delete all your answers and marks? This cannot be undone. Files that you "
    "have saved are not deleted.",
    "reset_yes": "Delete them",
    "reset_no": "Keep them",
    "reset_done": "Your answers are deleted.",
    "exported": "Saved as {file}. Answers in the file: {count}.",
    "imported": "Loaded. Answers in the file: {found}. Taken over: {taken}. Solved now: "
    "{solved} of {total}.",
    "import_too_large": "Nothing was loaded: the file is larger than {limit} MB, so it is not a "
    "file of answers.",
    "import_failed": "Nothing was loaded: the browser could not read the file.",
    "import_foreign": "Nothing was loaded: this is not a file of answers that was saved here.",
    "import_version": "Nothing was loaded: the file has version {version}, and this page can load "
    "version {known}.",
    "import_damaged": "Nothing was loaded: answer {position} in the file is damaged.",
}
# How several numbers are typed, by the number of their axes.
EXAMPLES = {1: "[1, 2]", 2: "[[1, 2], [3, 4]]"}


class answer_field(nodes.General, nodes.Element):
    """The field for the answer to an exercise that asks for numbers."""


class answer_mark(nodes.General, nodes.Element):
    """The box to tick when an exercise was solved in Python."""


class answer_progress(nodes.General, nodes.Element):
    """How many exercises of a page are solved."""


class answer_book(nodes.General, nodes.Element):
    """How many exercises are solved in all, and the buttons to save, load and delete answers."""


class AnswerBook(SphinxDirective):
    """Put the count of solved exercises on the page, and the buttons for files of answers."""

    option_spec: ClassVar[OptionSpec] = {}

    def run(self) -> list[nodes.Node]:
        """Return the element."""
        return [answer_book()]


def _json(value: object) -> str:
    # An unescaped "<" could end the script element.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def shared_data(language: str, release: str) -> dict[str, Any]:
    """Collect what the scripts need once on a page, whatever exercises it has.

    Args:
        language: The language of the book.
        release: The version of the book.

    Returns:
        The key in the browser's storage, the number of exercises of each page, and all texts.
    """
    return {
        "key": f"cnnbook.{language}.answers",
        "edition": language,
        "release": release,
        "pages": dict(Counter(str(one.page) for one in exercises())),
        "texts": {name: str(_(text)) for name, text in TEXTS.items()},
        "messages": {name: str(_(text)) for name, text in MESSAGES.items()},
    }


@functools.cache
def _data(number: str) -> str:
    return _json(exercise_data(exercise(number)))


def _label(number: str) -> str:
    one = exercise(number)
    assert isinstance(one.kind, Numbers)
    right = one.kind.read(one.right())["the answer"]
    assert not isinstance(right, Exception)
    example = EXAMPLES.get(right.dim())
    text = TEXTS["label_with_example" if example else "label"]
    return str(_(text)).format(kind=_(one.kind.description), example=example)


def _visit_field(self: HTML5Translator, node: answer_field) -> None:
    number = node["number"]
    self.body.append(
        f'<answer-field number="{number}" label="{html.escape(_label(number))}">'
        f'<script type="application/json">{_data(number)}</script></answer-field>\n'
    )
    raise nodes.SkipNode


def _visit_mark(self: HTML5Translator, node: answer_mark) -> None:
    self.body.append(f'<answer-mark number="{node["number"]}"></answer-mark>\n')
    raise nodes.SkipNode


def _visit_progress(self: HTML5Translator, node: answer_progress) -> None:
    link = ""
    if "all" in node:
        address = self.builder.get_relative_uri(self.builder.current_docname, node["all"])
        link = f' all="{html.escape(address)}"'
    self.body.append(f'<answer-progress page="{node["page"]}"{link}></answer-progress>\n')
    raise nodes.SkipNode


def _visit_book(self: HTML5Translator, node: answer_book) -> None:
    self.body.append("<answer-book></answer-book>\n")
    raise nodes.SkipNode


def _page_context(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    answers = doctree is not None and any(
        isinstance(node, answer_field | answer_mark | answer_book) for node in doctree.findall()
    )
    # The pages with cards say what is solved on the pages to which they lead.
    if not answers and not (pagename.startswith("gallery/") and pagename.endswith("index")):
        return
    shared = dict(app.config.answers_shared)
    if not answers:
        del shared["messages"]
    app.add_js_file(None, body=_json(shared), type="application/json", id="cnnbook-answers")
    # Classic scripts: browsers refuse modules on pages that are opened from disk.
    scripts = ("grading.js", "answers-store.js", "answers.js")
    for script in scripts if answers else scripts[1:]:
        app.add_js_file(script, loading_method="defer")
    app.add_css_file("answers.css")


def setup(app: Sphinx) -> dict[str, object]:
    """Register nodes and texts."""
    app.add_node(answer_field, html=(_visit_field, None))
    app.add_node(answer_mark, html=(_visit_mark, None))
    app.add_node(answer_progress, html=(_visit_progress, None))
    app.add_node(answer_book, html=(_visit_book, None))
    app.add_directive("answer-book", AnswerBook)
    app.connect("html-page-context", _page_context)
    # A configuration, so that all pages are written again when a text changes.
    app.add_config_value("answers_shared", None, "html", types=(dict, type(None)))
    app.connect("config-inited", _set_shared)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}


def _set_shared(app: Sphinx, config: Config) -> None:
    config.answers_shared = shared_data(config.language, config.release)
