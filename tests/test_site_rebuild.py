"""A second build: what has not changed is taken as it was."""

from pathlib import Path

from site_builds import build_site
from test_site import PAGE, small_book

__all__ = ["small_book"]


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".buildinfo"
    }


def test_a_build_without_a_change_writes_the_same_bytes_and_no_notebook_again(
    small_book: Path,
) -> None:
    settings = ("-D", "plot_gallery=0", "-d", "doctrees")
    assert build_site(small_book, *settings).returncode == 0
    first = _files(small_book / "site")
    kept = list((small_book / "doctrees/notebooks").rglob("*.ipynb"))
    assert [file.stem for file in kept] == [Path(PAGE).stem]
    written = kept[0].stat().st_mtime_ns
    assert build_site(small_book, *settings).returncode == 0
    assert kept[0].stat().st_mtime_ns == written
    again = _files(small_book / "site")
    # Sphinx adds the pages that it has read again to its lists of words, in another order.
    again["searchindex.js"] = first["searchindex.js"]
    assert {name for name in first if again.get(name) != first[name]} == set()
    (notebook,) = [content for name, content in again.items() if name.endswith(".ipynb")]
    assert notebook == kept[0].read_bytes()
    # A changed page gets a new notebook.
    page = small_book / PAGE
    with page.open("a", encoding="utf-8") as file:
        file.write("# One more sentence.\n")
    assert build_site(small_book, *settings).returncode == 0
    assert kept[0].stat().st_mtime_ns != written
