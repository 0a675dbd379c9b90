"""Bring the catalogues of a translation up to date, and check them.

``make translations`` runs ``python docs/translations.py update ko``: it extracts the texts, adds
the new ones to the catalogues in ``docs/locale`` and fills in what is translated elsewhere.
``make check`` runs ``python docs/translations.py check ko``, which fails on a text that is not
translated, no longer in the book, or translated against the rules of ``docs/locale/ko/terms.toml``.
"""

import argparse
import ast
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import sphinx_intl.basic
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po
from translation_rules import Rules

from cnnbook.exercises import exercises
from cnnbook.exercises._messages import LIBRARY, SHARED

DOCS = Path(__file__).resolve().parent
LOCALE = DOCS / "locale"
AUTHORS = "The cnnbook authors"
HEADER = "# Translation of cnnbook. Licence: CC BY 4.0, as of the text that it translates."
# Characters in a line of a catalogue.
LINE = 100

# What stays English, but for the titles of these pages.
ENGLISH = re.compile(r"api/(?!index\b)|changelog\b|contributing\b")
_TITLE = re.compile(r"^(?P<title>\S.*)\n(?P<line>[=\-~#])(?P=line){2,}$|^#+ (?P<heading>.+)$", re.M)


def extract(target: Path) -> None:
    """Write a template for each page, and ``sphinx.pot`` for theme, extensions and widgets.

    Args:
        target: The folder for the templates.
    """
    command = ["-m", "sphinx", "-q", "-b", "gettext", "-D", "plot_gallery=0"]
    with tempfile.TemporaryDirectory() as doctrees:
        subprocess.run(
            [sys.executable, *command, "-d", doctrees, str(DOCS), str(target)], check=True
        )
    path = target / "sphinx.pot"
    catalog = _read(path)
    for text in sorted(interface_texts()):
        if text not in catalog:
            catalog.add(text)
    _write(path, catalog)


def interface_texts() -> set[str]:
    """Return the texts that extensions put on the pages: what they give to ``_``, and ``TEXTS``.

    The name of a table of texts ends in ``TEXTS`` or ``STRINGS``; its values are the texts, and
    the elements if it is a tuple.
    """
    found: set[str] = set()
    for file in sorted((DOCS / "_ext").glob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
                found |= {str(a.value) for a in node.args if isinstance(a, ast.Constant)}
        names = [
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and target.id.endswith(("TEXTS", "STRINGS"))
        ]
        for name in names:
            table = getattr(importlib.import_module(file.stem), name)
            found |= set(table.values() if isinstance(table, dict) else table)
    mark: str = importlib.import_module("checks").MARK
    for script in sorted((DOCS.parent / "examples").rglob("plot_*.py")):
        found |= set(re.findall(rf"^{mark}(.+)$", script.read_text("utf-8"), re.M))
    return found | set(importlib.import_module("explorer_data").explorer_texts())


def verdict_texts() -> set[str]:
    """Return every text of a verdict: the sentences, and what the exercises put into them."""
    texts = {*SHARED.values(), *LIBRARY.values()}
    for one in exercises():
        texts |= {one.kind.description, one.remark}
        texts |= {text for mistake in one.mistakes for text in (mistake.name, mistake.advice)}
    return texts - {""}


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def _write(path: Path, catalog: Catalog) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=LINE, omit_header=False, ignore_obsolete=True)


def _messages(path: Path) -> dict[str, Message]:
    return {str(m.id): m for m in _read(path) if m.id} if path.is_file() else {}


def _texts(path: Path) -> set[str]:
    """Return the texts of a catalogue that have letters; numbers may be those of a run."""
    return {text for text in _messages(path) if re.search(r"[^\W\d_]", text)}


def _wanted(template: Path, name: str) -> set[str]:
    """Return the texts of a page that must be translated."""
    texts = _texts(template)
    if not ENGLISH.match(name):
        return texts
    if not name.startswith("api/"):
        return set()
    source = (DOCS / name).with_suffix(".rst")
    titles = _TITLE.finditer(source.read_text("utf-8")) if source.is_file() else ()
    return texts & {str(found["title"] or found["heading"]) for found in titles}


def catalogues(templates: Path, language: str) -> Iterator[tuple[str, Path, Path]]:
    """Yield the name of each page, its template, and its catalogue."""
    folder = LOCALE / language / "LC_MESSAGES"
    for template in sorted(templates.rglob("*.pot")):
        name = template.relative_to(templates).with_suffix("").as_posix()
        yield name, template, (folder / name).with_suffix(".po")


def update(language: str) -> None:
    """Add new texts to the catalogues, drop those that are gone, and fill in known translations.

    A text that has changed a little keeps its translation, marked as fuzzy: read it again, and
    remove the mark.
    """
    with tempfile.TemporaryDirectory() as folder:
        templates = Path(folder)
        extract(templates)
        for name, template, path in catalogues(templates, language):
            wanted = _wanted(template, name)
            if not wanted:
                template.unlink()
                path.unlink(missing_ok=True)
            elif wanted != set(_messages(template)):
                catalog = _read(template)
                for text in _messages(template).keys() - wanted:
                    catalog.delete(text)
                _write(template, catalog)
        sphinx_intl.basic.update(str(LOCALE), folder, (language,), LINE, ignore_obsolete=True)
        paths = [path for _name, _template, path in catalogues(templates, language)]
    known: dict[str, str] = {}
    for path in paths:
        for text, message in _messages(path).items():
            if message.string and not message.fuzzy:
                known.setdefault(text, str(message.string))
    for path in paths:
        catalog = _read(path)
        new = [m for m in catalog if m.id and not m.string and m.id in known]
        for message in new:
            message.string = known[str(message.id)]
        if new or catalog.last_translator != AUTHORS:
            # In place of what a new catalogue asks its translator to fill in.
            catalog.header_comment = HEADER
            catalog.last_translator = catalog.language_team = AUTHORS
            catalog.revision_date = catalog.creation_date
            catalog.project, catalog.version, catalog.msgid_bugs_address = "cnnbook", "", ""
            _write(path, catalog)
        waiting = sum(not m.string or m.fuzzy for m in catalog if m.id)
        if waiting:
            print(f"{waiting:4} to translate  {path.relative_to(DOCS)}")


def problems(templates: Path, language: str, pages: str = "") -> list[str]:
    """Return what is wrong with a translation.

    Args:
        templates: What ``extract`` has written.
        language: The language's code.
        pages: A regular expression: only pages whose names it matches.

    Returns:
        A line for each problem: the page, what is wrong, and the text.
    """
    rules = Rules(LOCALE / language / "terms.toml")
    found = _problems_of_verdicts(rules, language) if re.match(pages, "verdicts") else []
    translations: dict[str, dict[str, str]] = defaultdict(dict)
    of_the_book = {path for _name, _template, path in catalogues(templates, language)}
    found += [
        f"{path.relative_to(DOCS)}: no longer in the book"
        for path in sorted((LOCALE / language).rglob("*.po"))
        if path not in of_the_book
    ]
    for name, template, path in catalogues(templates, language):
        if not re.match(pages, name):
            continue
        wanted, there = _wanted(template, name), _messages(path)
        for text in sorted(wanted):
            message = there.get(text)
            if message is None or not message.string:
                found.append(f"{name}: not translated: {text!r}")
            elif message.fuzzy:
                found.append(f"{name}: marked as fuzzy, read it again: {text!r}")
            else:
                translation = str(message.string)
                translations[text].setdefault(translation, name)
                markdown = (DOCS / name).with_suffix(".md").is_file()
                for wrong in rules.problems(text, translation, markdown=markdown):
                    found.append(f"{name}: {wrong}: {text!r} -> {translation!r}")
        gone = sorted(_texts(path) - _texts(template))
        found += [f"{name}: no longer in the book: {text!r}" for text in gone]
    for text, ways in translations.items():
        if len(ways) > 1 and text not in rules.two_meanings:
            each = "; ".join(f"{name}: {way!r}" for way, name in ways.items())
            found.append(f"two translations of {text!r}: {each}")
    return found


def _problems_of_verdicts(rules: Rules, language: str) -> list[str]:
    path = DOCS.parent / "cnnbook/exercises" / f"{language}.json"
    there: dict[str, str] = json.loads(path.read_text("utf-8"))
    wanted = verdict_texts()
    found = [f"verdicts: not translated: {text!r}" for text in sorted(wanted - there.keys())]
    found += [
        f"verdicts: no longer in the book: {text!r}" for text in sorted(there.keys() - wanted)
    ]
    for text in sorted(wanted & there.keys()):
        for wrong in rules.problems(text, there[text], markdown=True):
            found.append(f"verdicts: {wrong}: {text!r} -> {there[text]!r}")
    return found


def main() -> None:
    """Run ``update`` or ``check`` for a language."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("update", "check"))
    parser.add_argument("language")
    parser.add_argument("--pages", default="", help="only pages whose names match this")
    arguments = parser.parse_args()
    if arguments.command == "update":
        update(arguments.language)
        return
    with tempfile.TemporaryDirectory() as folder:
        extract(Path(folder))
        found = problems(Path(folder), arguments.language, arguments.pages)
    print("\n".join(found[:200]))
    kinds = Counter(line.split(": ")[1] for line in found)
    if found:
        sys.exit(f"{len(found)} problems: {dict(kinds)}")


if __name__ == "__main__":
    os.environ["DOCLANG"] = "en"
    sys.path[:0] = [str(DOCS / "_ext"), str(DOCS)]
    main()
