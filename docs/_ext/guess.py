"""The directive ``guess``: the reader guesses first, and the result stays covered until then.

A page asks its question in a paragraph; ``guess`` below it puts a field or choices there::

    .. guess:: How many windows fit?
       :choices: 4 | 9 | 16

What follows is covered: the outputs and figures of the next cell, and the paragraph after them.
Code stays open, and a cover never goes beyond the section. Where the result needs more than that,
``guess-end`` says where the cover ends::

    .. guess-end::

Without JavaScript and on paper nothing is covered. In the script both lines are comments, and the
notebook leaves them out.
"""

import html
import json
from typing import ClassVar
from zlib import crc32

from checks import shown_code
from docutils import nodes
from docutils.parsers.rst import directives
from page_scripts import load_scripts, translated
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec
from sphinx.writers.html5 import HTML5Translator

_ = get_translation("sphinx")
logger = logging.getLogger(__name__)

# Every text that the script shows.
STRINGS = {
    "label": "Your guess",
    "commit": "This is my guess",
    "show": "Show the answer",
    "cover": "Cover again",
    "missing": "Write or choose a guess first, or show the answer.",
    "covered": "Covered until you guess.",
    "said": "You guessed: {guess}",
    "shown": "The answer is shown below.",
    "hidden": "The answer is covered again.",
}


class guess(nodes.General, nodes.Element):
    """Where the reader guesses; its children are the label and the choices."""


class guess_text(nodes.General, nodes.TextElement):
    """A label or a choice: a text of its own, so that it enters the catalogues."""


class guess_end(nodes.General, nodes.Invisible, nodes.Element):
    """Where the cover ends."""


class guess_cover(nodes.General, nodes.Element):
    """What is covered; ``guess`` is the id of its box."""


class GuessDirective(SphinxDirective):
    """Let the reader guess before the result is shown; the argument is the field's label."""

    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[OptionSpec] = {"choices": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return the box; what it covers is wrapped when the whole page has been read."""
        label = " ".join(self.arguments[0].split()) if self.arguments else ""
        choices = []
        if "choices" in self.options:
            choices = [" ".join(one.split()) for one in self.options["choices"].split("|")]
            if len(choices) < 2 or "" in choices:
                raise self.error("guess: expected two choices or more, with | between them")
        box = guess()
        source, line = self.get_source_info()
        for text in [label or str(_(STRINGS["label"])), *choices]:
            part = guess_text(text, text)
            # Without source and line, a text does not enter the catalogue.
            part.source, part.line = source, line
            box += part
        return [box]


class GuessEndDirective(SphinxDirective):
    """End what the guess above covers."""

    option_spec: ClassVar[OptionSpec] = {}

    def run(self) -> list[nodes.Node]:
        """Return the mark."""
        return [guess_end()]


def cover_results(document: nodes.document) -> None:
    """Wrap what each guess of a page covers.

    Args:
        document: The page, when its cells have been folded.
    """
    for number, box in enumerate(list(document.findall(guess)), 1):
        box["ids"] = [f"guess-{number}"]
        parent = box.parent
        place = parent.index(box)
        before = parent[place - 1] if place else box
        if isinstance(before, nodes.paragraph):
            before["ids"] = before["ids"] or [f"guess-{number}-question"]
            box["question"] = before["ids"][0]
        # The guess is kept by its question: another question has another guess.
        box["key"] = f"{crc32((before.astext() + box.astext()).encode()):08x}"
        runs = _runs(_results(parent.children[place + 1 :]))
        if not runs:
            logger.warning("guess: nothing follows that it could cover", location=box)
        for run in runs:
            cover = guess_cover(guess=box["ids"][0])
            parent.replace(run[0], cover)
            for node in run[1:]:
                parent.remove(node)
            cover += run
    for mark in list(document.findall(guess_end)):
        mark.parent.remove(mark)


def _results(after: list[nodes.Node]) -> list[nodes.Node]:
    """Return what is covered of the nodes after a guess, with the code between."""
    stop = next(
        (at for at, node in enumerate(after) if isinstance(node, (nodes.section, addnodes.only))),
        len(after),
    )
    stop = next((at for at, n in enumerate(after[:stop]) if isinstance(n, guess)), stop)
    end = next((at for at, n in enumerate(after[:stop]) if isinstance(n, guess_end)), None)
    if end is not None:
        return after[:end]
    first = next((at for at, n in enumerate(after[:stop]) if _is_code(n)), stop)
    in_text = False
    for at in range(first + 1, stop):
        node = after[at]
        # sphinx-gallery puts a comment between a cell and the text after it.
        in_text = in_text or isinstance(node, nodes.comment)
        if in_text and not isinstance(node, (nodes.Invisible, addnodes.index)):
            return after[: at if _is_code(node) else at + 1]
    return after[:stop]


def _is_code(node: nodes.Node) -> bool:
    # sphinx-gallery names the language of a cell so.
    return isinstance(node, shown_code) or (
        isinstance(node, nodes.literal_block) and node.get("language") == "Python"
    )


def _runs(covered: list[nodes.Node]) -> list[list[nodes.Node]]:
    """Divide nodes at the code, which stays open."""
    runs: list[list[nodes.Node]] = [[]]
    for node in covered:
        if _is_code(node):
            runs.append([])
        elif runs[-1] or not isinstance(node, (nodes.Invisible, nodes.comment)):
            runs[-1].append(node)
    return [run for run in runs if any(not isinstance(n, nodes.Invisible) for n in run)]


def _visit_guess(self: HTML5Translator, node: guess) -> None:
    label, *choices = (child.astext() for child in node.children)
    texts = translated(STRINGS)
    data = {"key": node["key"], "label": label, "choices": choices, "texts": texts}
    told = json.dumps(data, ensure_ascii=False)
    question = f' data-question="{node["question"]}"' if "question" in node else ""
    self.body.append(
        f'<guess-box id="{node["ids"][0]}"{question} data-guess="{html.escape(told)}">'
        "</guess-box>\n"
    )
    raise nodes.SkipNode


def _visit_cover(self: HTML5Translator, node: guess_cover) -> None:
    words = html.escape(str(_(STRINGS["covered"])))
    self.body.append(f'<guess-cover for="{node["guess"]}" data-text="{words}"><div>\n')


def _depart_cover(self: HTML5Translator, node: guess_cover) -> None:
    self.body.append("</div></guess-cover>\n")


def _skip(self: nodes.NodeVisitor, node: nodes.Node) -> None:
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, object]:
    """Register nodes and directives; cover after the cells have been folded."""
    app.add_node(guess, html=(_visit_guess, None), gettext=(_skip, None), text=(_skip, None))
    app.add_node(guess_text)
    app.add_node(guess_end, html=(_skip, None))
    app.add_node(guess_cover, html=(_visit_cover, _depart_cover))
    app.add_directive("guess", GuessDirective)
    app.add_directive("guess-end", GuessEndDirective)
    app.connect("doctree-read", lambda _, document: cover_results(document), priority=900)
    # Not deferred: a result must be covered before it is painted.
    load_scripts(app, guess, ["guess.js"], deferred=False)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
