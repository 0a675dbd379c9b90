"""Answers in the page: a field under each exercise, what has been solved, and files of answers.

Pages hold only elements without content; ``answers.js`` makes fields and buttons of them, so
without JavaScript there is no field that does nothing. What the scripts need is written once for
all pages, into ``answers-data.js``: a script, since pages opened from disk may not load JSON.
"""

import html
import json
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from page_scripts import translated
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec
from sphinx.writers.html5 import HTML5Translator

from cnnbook.exercises import exercise, exercises
from cnnbook.exercises._answers import Numbers
from cnnbook.exercises._export import exercise_data, exercise_messages, is_typed
from cnnbook.exercises._language import translate

_ = get_translation("sphinx")

# Every text of the scripts but the verdicts, which the library writes: whole sentences, so that
# they can be translated.
TEXTS = {
    "label": "Your answer: {kind}",
    "label_with_example": "Your answer: {kind}, written as in {example}",
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
    "page does not know what you type on other pages. To carry your answers over, save them as a "
    "file here and load that file there.",
    "per_page_short": "Opened from disk, Firefox counts for each page separately.",
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


def answers_data(language: str, release: str) -> dict[str, Any]:
    """Collect what the scripts need.

    Args:
        language: The language of the book.
        release: The version of the book.

    Returns:
        The key in the browser's storage, the number of exercises of each page, all texts, and what
        is needed to grade each exercise that asks for numbers.
    """
    return {
        "key": f"cnnbook.{language}.answers",
        "edition": language,
        "release": release,
        "pages": dict(Counter(str(one.page) for one in exercises())),
        "texts": translated(TEXTS),
        "messages": exercise_messages(language),
        "exercises": {
            one.number: exercise_data(one, language) for one in exercises() if is_typed(one)
        },
    }


def _write_data(app: Sphinx) -> None:
    if app.builder.format != "html":
        return
    data = answers_data(app.config.language, app.config.release)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    script = f"(window.cnnbook = window.cnnbook || {{}}).answersData = {text};\n"
    target = Path(app.outdir, "_static/answers-data.js")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(script, "utf-8")


def _label(number: str, language: str) -> str:
    one = exercise(number)
    assert isinstance(one.kind, Numbers)
    (right,) = one.kind.read(one.right()).values()
    assert not isinstance(right, Exception)
    example = EXAMPLES.get(right.dim())
    text = TEXTS["label_with_example" if example else "label"]
    return str(_(text)).format(kind=translate(one.kind.description, language), example=example)


def _visit_field(self: HTML5Translator, node: answer_field) -> None:
    number = node["number"]
    label = html.escape(_label(number, self.config.language))
    self.body.append(f'<answer-field number="{number}" label="{label}"></answer-field>\n')
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
    here = doctree is not None and any(
        isinstance(node, answer_field | answer_mark | answer_book) for node in doctree.findall()
    )
    # The pages with cards say what is solved on the pages to which they lead.
    if here or (pagename.startswith("gallery/") and pagename.endswith("index")):
        # Classic scripts: browsers refuse modules on pages that are opened from disk.
        for script in ("answers-data.js", "grading.js", "answers-store.js", "answers.js"):
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
    app.connect("builder-inited", _write_data)
    # So that pages are written again when a label changes.
    app.add_config_value("answer_texts", list(TEXTS.values()), "html")
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
