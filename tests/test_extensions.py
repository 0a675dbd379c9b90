"""The site's own extensions: what makes a page run again, its links back, its formulas."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import pytest
from accessible import name_summaries, nest_lists
from alt_texts import dark_name, described_figures
from backlinks import pages_by_name, used_names
from bs4 import BeautifulSoup
from cards import scale_dark, show_both, show_questions
from checks import split_cell
from colab import install_cell, notebook_address
from docutils import nodes
from docutils.utils.math import MathError
from gallery_state import code_of, digest, forget_stale, imported_modules, remove_orphans
from mathml import to_mathml
from matplotlib.colors import to_hex
from returns import mark_as_prose
from sphinx.errors import ExtensionError
from sphinx.search import js_index
from sphinx_gallery.scrapers import ImagePathIterator
from unbroken_numbers import split_at_numbers

from cnnbook.figures import alt_text, plot_curves
from cnnbook.figures._themes import in_dark

EXTENSIONS = Path(__file__).resolve().parents[1] / "docs/_ext"
EXAMPLE = '"""A page.\n\nIts text.\n"""\n\nfrom pack.first import f\n\nassert f() == 1\n'
FIRST = (
    '"""One."""\n\nfrom pack.second import g\n\n\ndef f() -> int:\n    """Say."""\n    return g()\n'
)
SECOND = '"""Two."""\n\n\ndef g() -> int:\n    return 1\n'


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A book of one page, its library of three modules, and the page's results."""
    for name, text in {
        "pack/first.py": FIRST,
        "pack/second.py": SECOND,
        "pack/third.py": "unused = 1\n",
        "examples/1_part/plot_01_page.py": EXAMPLE,
        "gallery/1_part/plot_01_page.py": EXAMPLE,
        "gallery/1_part/plot_01_page.py.md5": "digest of sphinx-gallery",
        "gallery/1_part/plot_01_page.run.json": json.dumps({"drawn": False}),
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return tmp_path


def _stale(book: Path) -> list[str]:
    forgotten = forget_stale(book / "examples", book / "gallery", book / "pack", executes=True)
    return [path.name for path in forgotten]


def test_modules_are_found_through_each_other(book: Path) -> None:
    found = imported_modules(book / "examples/1_part/plot_01_page.py", book / "pack")
    assert {path.name for path in found} == {"first.py", "second.py"}


def test_a_change_in_a_module_of_a_sub_package_runs_its_pages_again(book: Path) -> None:
    sub = book / "pack/sub"
    sub.mkdir()
    exports = "from pack.sub.used import f\nfrom pack.sub.other import g\n"
    (sub / "__init__.py").write_text(exports, "utf-8")
    (sub / "used.py").write_text("from pack.sub._inner import h\n\nf = h\n", "utf-8")
    (sub / "_inner.py").write_text("h = 1\n", "utf-8")
    (sub / "other.py").write_text("g = 1\n", "utf-8")
    page = book / "examples/1_part/plot_01_page.py"
    for line in ("from pack.sub import f", "import pack.sub.used", "from pack.sub.used import f"):
        page.write_text(f"{line}\n", "utf-8")
        found = {path.name for path in imported_modules(page, book / "pack")}
        assert found == {"used.py", "_inner.py"}, line
        _stale(book)
        assert _stale(book) == [], "nothing changed"
        (sub / "other.py").write_text(f"g = {line!r}\n", "utf-8")
        assert _stale(book) == [], "it does not use that module of the package"
        (sub / "_inner.py").write_text(f"h = {line!r}\n", "utf-8")
        assert _stale(book) == ["plot_01_page.py"], line
    page.write_text("import pack.sub\n", "utf-8")
    assert "other.py" in {path.name for path in imported_modules(page, book / "pack")}


def test_a_page_runs_again_when_code_that_it_uses_changes(book: Path) -> None:
    md5 = book / "gallery/1_part/plot_01_page.py.md5"
    assert _stale(book) == ["plot_01_page.py"], "nothing was noted yet"
    assert not md5.exists()
    md5.write_text("run again", "utf-8")
    assert _stale(book) == []
    assert md5.exists()
    (book / "pack/third.py").write_text("unused = 2\n", "utf-8")
    assert _stale(book) == [], "it does not use that module"
    (book / "pack/second.py").write_text(SECOND.replace("return 1", "return 2"), "utf-8")
    assert _stale(book) == ["plot_01_page.py"]
    assert not md5.exists()


def test_the_page_of_an_example_that_is_gone_goes_too(book: Path) -> None:
    page = book / "gallery/1_part/plot_01_page.rst"
    picture = book / "gallery/1_part/images/sphx_glr_plot_01_page_001.png"
    other = book / "gallery/1_part/plot_02_page.ipynb"
    picture.parent.mkdir()
    for file in (page, picture, other):
        file.write_text("", "utf-8")
    assert remove_orphans(book / "examples", book / "gallery") == []
    (book / "examples/1_part/plot_01_page.py").rename(book / "examples/1_part/plot_02_page.py")
    assert remove_orphans(book / "examples", book / "gallery") == [page]
    left = [file for file in (book / "gallery").rglob("*") if file.is_file()]
    assert left == [other]


def test_a_changed_comment_or_docstring_runs_no_page_again(book: Path) -> None:
    page, package = book / "examples/1_part/plot_01_page.py", book / "pack"
    before = digest(page, package)
    said = FIRST.replace("One.", "The first.").replace('"""Say."""', '"""Say it."""  # Why.')
    (package / "first.py").write_text(said, "utf-8")
    assert digest(page, package) == before
    (package / "first.py").write_text(said.replace("g()", "g() + 0"), "utf-8")
    assert digest(page, package) != before


def test_a_page_runs_again_when_a_script_that_it_starts_changes(book: Path) -> None:
    page, package = book / "examples/1_part/plot_01_page.py", book / "pack"
    before = digest(page, package)
    (page.parent / "other.py").write_text("import pack.third\n", "utf-8")
    assert digest(page, package) == before, "the page does not name it"
    page.write_text(EXAMPLE + "start('other.py')\n", "utf-8")
    named = digest(page, package)
    (page.parent / "other.py").write_text("import pack.third  # Shown.\n", "utf-8")
    said = digest(page, package)
    (package / "third.py").write_text("unused = 2\n", "utf-8")
    assert len({before, named, said, digest(page, package)}) == 4


def test_a_body_of_only_a_docstring_counts_as_code(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text('class E(Exception):\n    """Only words."""\n', "utf-8")
    assert "ClassDef" in code_of(file)


def test_pages_are_found_by_what_they_import(book: Path) -> None:
    assert used_names("from cnnbook.a import b, c\nfrom other.a import d\nimport torch") == {
        "cnnbook.a.b",
        "cnnbook.a.c",
    }
    page = book / "examples/1_part/plot_01_page.py"
    page.write_text("from cnnbook.windows import windows\n", "utf-8")
    assert pages_by_name(book / "examples") == {
        "cnnbook.windows.windows": ["/gallery/1_part/plot_01_page"]
    }


def test_a_colon_in_what_is_returned_makes_no_type() -> None:
    lines = ["Say.", "", "Returns:", "    The figure: large.", "    A: b.", "", "Yields:", "    X."]
    mark_as_prose(lines)
    assert lines[3:5] == ["    : The figure: large.", "    A: b."]
    assert lines[-1] == "    X."
    lines[:] = ["Returns:"]
    mark_as_prose(lines)
    assert lines == ["Returns:"]


def test_formulas_become_mathml_and_unknown_ones_are_refused() -> None:
    assert to_mathml("a^2", block=False).startswith("<math")
    assert 'display="block"' in to_mathml("a^2", block=True)
    with pytest.raises(MathError):
        to_mathml(r"\nonsense", block=False)


def test_fold_outs_are_named_by_their_links() -> None:
    tree = "<ul><li><a>Layers</a><details><summary></summary></details></li><li><a>x</a></li></ul>"
    assert 'aria-label="Layers"' in str(name_summaries(tree))


def test_lists_in_lists_are_put_into_their_entries() -> None:
    body = "<ul><li>a</li><ul><li>b</li><ul><li>c</li></ul></ul></ul><ul><ul><li>d</li></ul></ul>"
    soup = BeautifulSoup(nest_lists(body), "html.parser")
    assert not soup.select("ul > ul")
    assert [item.get_text() for item in soup.select("li")] == ["abc", "bc", "c", "d", "d"]
    assert len(soup.select("ul")) == 5


def _build(
    folder: Path, extension: str, pages: dict[str, str], **settings: object
) -> subprocess.CompletedProcess[str]:
    """Build a small book with one of the extensions, from ``folder`` into ``folder/out``."""
    conf = [f"extensions = [{extension!r}]", *(f"{key} = {settings[key]!r}" for key in settings)]
    for name, text in {"conf.py": "\n".join(conf), **pages}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    # In a process of its own: Sphinx registers its directives once for each process.
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", str(folder), str(folder / "out")],
        env={**os.environ, "PYTHONPATH": str(EXTENSIONS)},
        capture_output=True,
        text=True,
    )


def _built(folder: Path, page: str = "index") -> BeautifulSoup:
    return BeautifulSoup((folder / "out" / f"{page}.html").read_text("utf-8"), "html.parser")


def _small_site(folder: Path, **settings: str) -> str:
    """Build one page with a notebook to download; return its HTML, or what Sphinx says."""
    pages = {
        "page.ipynb": '{"cells": []}',
        "index.rst": "Page\n====\n\n.. container:: box\n\n"
        "   :download:`Download the notebook <page.ipynb>`\n",
    }
    done = _build(folder, "colab", pages, **settings)
    return (folder / "out/index.html").read_text("utf-8") if not done.returncode else done.stderr


def test_colab_is_offered_only_where_a_repository_is_named(tmp_path: Path) -> None:
    page = _small_site(tmp_path)
    assert "page.ipynb" in page
    assert "olab" not in page
    page = _small_site(tmp_path, colab_repository="someone/book", colab_folder="en")
    found = re.findall(r'href="(https://colab[^"]*)"', page)
    assert len(found) == 1
    # The very file that the page's own link downloads.
    (own,) = re.findall(r'href="_downloads/([^"]*)"', page)
    assert found[0] == notebook_address("someone/book", "gh-pages", "en", own)
    assert found[0].endswith(f"/blob/gh-pages/en/_downloads/{own}")
    assert (tmp_path / "out/_downloads" / own).exists()
    assert own == f"{hashlib.md5(b'page.ipynb').hexdigest()}/page.ipynb", "the same at each build"


@pytest.mark.parametrize("wrong", ["someone", "https://github.com/someone/book", "a b/c"])
def test_a_repository_is_an_owner_and_a_name(tmp_path: Path, wrong: str) -> None:
    said = " ".join(_small_site(tmp_path, colab_repository=wrong).split())
    assert "colab_repository: expected 'owner/name' of a repository on GitHub" in said
    assert f"or '', got {wrong!r}" in said


def test_a_notebook_for_colab_installs_the_library_first() -> None:
    command = "%pip install --quiet git+https://github.com/someone/book"
    assert install_cell("someone/book").splitlines()[-1] == command


HARD = "A \"curve\" of 'loss' <b> & \\1 *x* `y` |z| :a: 100 % {{0}}, ½ 한국어 – falls from 2 to 1."


def _scrape(folder: Path) -> str:
    (folder / "images").mkdir(exist_ok=True)
    names = ImagePathIterator(str(folder / "images" / "sphx_glr_page_{0:03d}.png"))
    known = {"image_path_iterator": names, "src_file": "plot_06_page.py"}
    settings: dict[str, Any] = {
        "image_srcset": [2.0],
        "matplotlib_animations": (False, None),
        "compress_images": [],
        "src_dir": str(folder),
    }
    return described_figures(("code", "", 17), known, settings)


def test_descriptions_reach_the_page_whole(tmp_path: Path) -> None:
    """Quotation marks, brackets, backslashes, letters of other scripts: from figure to HTML."""
    plot_curves({"loss": {"a": [2.0, 1.0]}}).set_label(HARD)
    second = alt_text(plot_curves({"loss": {"b": [5.0, 4.0]}}))
    plot_curves({"loss": {"c": [2.0, 1.0]}}).set_label(f"One line\n\nand another, \u2028 {HARD}")
    page = _scrape(tmp_path)
    assert not plt.get_fignums(), "figures are closed"
    assert len(list((tmp_path / "images").glob("*_2_00x.png"))) == 6
    pages = {"index.rst": f"Title\n=====\n\n{page}"}
    none: dict[str, list[str]] = {"examples_dirs": [], "gallery_dirs": []}
    done = _build(tmp_path, "alt_texts", pages, sphinx_gallery_conf=none)
    assert done.returncode == 0, done.stderr
    soup = _built(tmp_path)
    for theme in ("only-light", "only-dark"):
        images = soup.select(f"img.sphx-glr-multi-img.{theme}")
        assert [image["alt"] for image in images] == [HARD, second, f"One line and another, {HARD}"]
        for image in images:
            assert "2.00x" in str(image["srcset"])
            assert ("_dark" in str(image["src"])) == (theme == "only-dark")
            for name in (image["src"], *re.findall(r"\S+png", str(image["srcset"]))):
                assert (tmp_path / "out" / str(name)).is_file()
    assert len(soup.select("img")) == 6


def test_a_figure_is_saved_on_the_background_of_each_theme(tmp_path: Path) -> None:
    plot_curves({"loss": {"a": [2.0, 1.0]}})
    page = _scrape(tmp_path)
    assert page.count(":alt:") == 1, "the writer of the page adds the dark picture"
    pictures = sorted((tmp_path / "images").iterdir())
    assert [file.name.removeprefix("sphx_glr_page_001") for file in pictures] == [
        ".png",
        "_2_00x.png",
        "_dark.png",
        "_dark_2_00x.png",
    ]
    light, _, dark, dark_twice = (plt.imread(file) for file in pictures)
    assert to_hex(light[0, 0]) == "#ffffff"
    assert to_hex(dark[0, 0]) == to_hex(dark_twice[0, 0]) == to_hex(in_dark("white"))
    assert dark.shape == light.shape
    assert dark_twice.shape[:2] == (2 * dark.shape[0], 2 * dark.shape[1])


def test_the_names_of_dark_pictures() -> None:
    assert dark_name("a/b_001.png") == "a/b_001_dark.png"
    assert dark_name("a/b_001_2_00x.png") == "a/b_001_dark_2_00x.png"


@pytest.mark.parametrize("label", ["", "MLP, CNN"])
def test_a_figure_without_a_description_is_refused(label: str, tmp_path: Path) -> None:
    plot_curves({"loss": {"a": [2.0, 1.0]}})
    plot_curves({"loss": {"a": [2.0, 1.0]}}).set_label(label)
    with pytest.raises(ExtensionError, match=r"plot_06_page\.py, cell at line 17: a figure has no"):
        _scrape(tmp_path)
    assert not plt.get_fignums(), "the next page begins without this one's figures"


def test_a_cell_without_a_figure_gives_no_image(tmp_path: Path) -> None:
    assert _scrape(tmp_path) == ""


DRAWN = "from cnnbook.figures import plot_x\n\nfigure = plot_x(torch.ones(2))"
CELLS = {
    "nothing to fold": ("a = f()\nprint(a)", "a = f()\nprint(a)", "", 0),
    "at the end": ("a = f()\n\nassert a == 1\nassert a", "a = f()", "assert a == 1\nassert a", 2),
    "a whole cell": ("assert a == (\n    1\n)", "", "assert a == (\n    1\n)", 1),
    "its comment": ("a = f()\n# Why.\nassert a", "a = f()", "# Why.\nassert a", 1),
    "a comment above": ("# Why.\na = f()\nassert a", "# Why.\na = f()", "assert a", 1),
    "only what is last": ("assert a\nprint(a)", "assert a\nprint(a)", "", 0),
    "under conditions": (
        "a = f()\nif not drawn:\n    b = f(a)\n    assert a\n    for c in b:\n        assert c",
        "a = f()",
        "if not drawn:\n    b = f(a)\n    assert a\n    for c in b:\n        assert c",
        2,
    ),
    "a condition that does more": (
        "if a:\n    print(a)\n    assert a",
        "if a:\n    print(a)\n    assert a",
        "",
        0,
    ),
    "a loop that computes": (
        "for a in b:\n    c = f(a)\n    assert c",
        "for a in b:\n    c = f(a)\n    assert c",
        "",
        0,
    ),
    "what is expected": (
        "print(a)\nb = [1]\nassert a == b",
        "print(a)",
        "b = [1]\nassert a == b",
        1,
    ),
    "another name": ("b = [1]\nassert a", "b = [1]", "assert a", 1),
    "a result": ("b = f(1)\nassert a == b", "b = f(1)", "assert a == b", 1),
    "a figure": (DRAWN, "", DRAWN, 0),
    "a figure and a check": (f"{DRAWN}\nassert a", "", f"{DRAWN}\nassert a", 1),
    "a figure with its data": (f"a = f()\n{DRAWN}", f"a = f()\n{DRAWN}", "", 0),
    "a figure of what is there": (
        f"b = {{k: round(v, 2) for k, v in a.items()}}\n{DRAWN}",
        "",
        f"b = {{k: round(v, 2) for k, v in a.items()}}\n{DRAWN}",
        0,
    ),
    "a figure of what a call in it computes": (
        f"b = [net(x) for x in a]\n{DRAWN}",
        f"b = [net(x) for x in a]\n{DRAWN}",
        "",
        0,
    ),
    "arranging alone": ("b = list(a)", "b = list(a)", "", 0),
    "an import": (
        "from cnnbook.figures import plot_x",
        "from cnnbook.figures import plot_x",
        "",
        0,
    ),
    "not Python": ("%pip install x", "%pip install x", "", 0),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_is_split_into_what_is_shown_and_what_is_folded(name: str) -> None:
    code, shown, folded, claims = CELLS[name]
    cell = split_cell(code)
    assert (cell.shown, cell.folded, cell.claims) == (shown, folded, claims)
    assert cell.draws == ("figure =" in folded)


def test_a_cell_that_says_so_is_folded_whole() -> None:
    code = "again = 1\nassert again\nprint(1)"
    cell = split_cell(f"# Folded on the site: the same once more\n\n{code}")
    assert (cell.shown, cell.folded) == ("", code)
    assert cell.title == "the same once more"
    assert split_cell("again = 1\n# Folded on the site: no\nprint(again)").folded == ""


def test_checks_and_drawing_are_folded_below_the_output(tmp_path: Path) -> None:
    out = "\n.. rst-class:: sphx-glr-script-out\n\n .. code-block:: none\n\n    1 < 2 & 3\n\n"
    cells = ["print(a)\nassert a < 2\nassert a", "assert a", DRAWN, "print(a)"]
    page = "Title\n=====\n\n"
    for cell in cells:
        code = cell.replace("\n", "\n    ")
        page += f".. GENERATED FROM\n\n.. code-block:: Python\n\n    {code}\n\n"
        page += out if "print" in cell else ""
    page += "Text\n----\n\n.. code-block:: python\n\n    assert quoted\n"
    pages = {
        "gallery/page.rst": page,
        "index.rst": f"{page}\n.. toctree::\n\n   gallery/page\n",
    }
    done = _build(tmp_path, "checks", pages)
    assert done.returncode == 0, done.stderr
    built = _built(tmp_path, "gallery/page")
    parts = [part.get_text().strip() for part in built.select("section pre, section summary")]
    assert parts == [
        *("print(a)", "1 < 2 & 3", "checked: 2 claims", "assert a < 2\nassert a"),
        *("checked: 1 claim", "assert a", "code of the figure", DRAWN),
        *("print(a)", "1 < 2 & 3", "assert quoted"),
    ]
    folded = built.select("details.checked > summary ~ div pre")
    assert [part.get_text().strip() for part in folded] == [parts[3], parts[5], parts[7]]
    assert "<details" not in (tmp_path / "out/index.html").read_text("utf-8"), "not of the gallery"


def test_index_entries_of_unchanged_pages_stay_in_the_search_index(tmp_path: Path) -> None:
    """Sphinx alone keeps those of the pages that it writes again."""
    pages = {"index": "stride", "other": "padding", "gone": "kernel"}

    def write(name: str, more: str = "") -> None:
        text = f"{name}\n=====\n\n.. index:: ! {pages[name]}\n\nText. {more}\n"
        contents = "\n.. toctree::\n   :glob:\n\n   *\n" if name == "index" else ""
        (tmp_path / f"{name}.rst").write_text(text + contents, "utf-8")

    def build() -> dict[str, list[tuple[str, bool]]]:
        done = _build(tmp_path, "search_index", {})
        assert done.returncode == 0, done.stderr
        index = js_index.loads((tmp_path / "out/searchindex.js").read_text("utf-8"))
        return {
            entry: [(index["docnames"][number], bool(main)) for number, _, main in places]
            for entry, places in index["indexentries"].items()
        }

    for name in pages:
        write(name)
    first = build()
    assert first == {entry: [(name, True)] for name, entry in pages.items()}
    write("other", "It has changed.")
    assert build() == first
    (tmp_path / "gone.rst").unlink()
    write("other", "It has changed again.")
    assert build() == {"stride": [("index", True)], "padding": [("other", True)]}


def test_a_card_shows_the_dark_figure_on_the_dark_page(tmp_path: Path) -> None:
    page = tmp_path / "gallery/1_part/plot_01_page.py"
    thumbnails = page.parent / "images/thumb"
    thumbnails.mkdir(parents=True)
    page.write_text("# sphinx_gallery_thumbnail_number = 2\n", "utf-8")
    for number, grey in ((1, "0.9"), (2, "0.1")):
        image = page.parent / f"images/sphx_glr_plot_01_page_00{number}_dark.png"
        plt.figure(figsize=(1, 1)).savefig(image, facecolor=grey)
    book: Any = SimpleNamespace(
        srcdir=tmp_path, config=SimpleNamespace(sphinx_gallery_conf={"thumbnail_size": (40, 28)})
    )
    light = "/gallery/1_part/images/thumb/sphx_glr_plot_01_page_thumb.png"
    dark = dark_name(light)
    source = [f".. only:: html\n\n  .. image:: {light}\n    :alt:\n\n  :doc:`page`\n"]
    show_both(book, "gallery/index", source)
    assert "only-" not in source[0]
    scale_dark(book)
    pixels = plt.imread(tmp_path / dark.lstrip("/"))
    assert pixels.shape[:2] == (28, 40)
    assert pixels[14, 20, 0] == pytest.approx(0.1, abs=0.01)
    show_both(book, "gallery/index", source)
    cards = re.findall(r"  \.\. image:: (.*)\n    :alt:\n    :class: (.*)\n", source[0])
    assert cards == [(light, "only-light"), (dark, "only-dark")]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("below 1e-5 of it, or 5.3e-08.", ["1e-5", "5.3e-08"]),
        ("16 x 27 x 27 = 11,664 numbers, 7.3 %, 5 x 5.", ["16 x 27 x 27", "7.3 %", "5 x 5"]),
        ("On 2026-11-25, on 2 cores.", ["2026-11-25"]),
        ("-6 and -4, 2x + 1, im2col, 3 xylophones", []),
    ],
)
def test_numbers_that_a_line_could_break_are_kept_whole(text: str, whole: list[str]) -> None:
    parts = list(split_at_numbers(text))
    assert "".join(part.astext() for part in parts) == text
    assert [part.astext() for part in parts if isinstance(part, nodes.inline)] == whole


def test_numbers_and_short_code_in_paragraphs_are_kept_whole(tmp_path: Path) -> None:
    long = "(1 + 2 + 3 + 4 + 5 + 6) / 6"
    text = f"Below *1e-5* or ``(0 + 1e-6) / 4``, not ``{long}``."
    pages = {"index.rst": f"Page\n====\n\n{text}\n"}
    done = _build(tmp_path, "unbroken_numbers", pages)
    assert done.returncode == 0, done.stderr
    page = _built(tmp_path)
    whole = ["1e-5", "(0 + 1e-6) / 4"]
    assert [part.get_text() for part in page.select(".unbroken")] == whole
    code = [part.get_text() for part in page.select("code")]
    assert code == ["(0 + 1e-6) / 4", long]


def test_a_card_shows_its_question_and_keeps_no_tooltip() -> None:
    source = [
        '    <div class="sphx-glr-thumbcontainer" tooltip="Is &#x27;a*b&#x27; one | two?">\n\n'
        ".. only:: html\n\n  .. image:: /x_thumb.png\n    :alt:\n\n  :doc:`/gallery/page`\n\n"
        ".. raw:: html\n"
    ]
    book: Any = None
    elsewhere = list(source)
    show_questions(book, "index", elsewhere)
    assert elsewhere == source
    show_questions(book, "gallery/1_part/index", source)
    assert "tooltip" not in source[0]
    assert "  :doc:`/gallery/page`\n\n  Is 'a\\*b' one \\| two?\n\n.. raw:: html" in source[0]
