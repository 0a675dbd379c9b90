"""`make check` finds what is missing or old in a catalogue, and `make translations` mends it."""

from pathlib import Path

import pytest
import translations
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
FINE = {"A kernel.": "커널입니다.", "Two weights.": "가중치 두 개입니다."}


def _write(path: Path, texts: dict[str, str], fuzzy: tuple[str, ...] = ()) -> None:
    catalog = Catalog(locale="ko", charset="utf-8", fuzzy=False)
    for text, translation in texts.items():
        catalog.add(text, translation, flags=("fuzzy",) if text in fuzzy else ())
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog)


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the templates of a book with one page, and its catalogue, in a place of their own."""
    locale = tmp_path / "docs" / "locale"
    (locale / "ko").mkdir(parents=True)
    terms = (ROOT / "docs/locale/ko/terms.toml").read_text("utf-8")
    (locale / "ko" / "terms.toml").write_text(terms, "utf-8")
    monkeypatch.setattr(translations, "LOCALE", locale)
    monkeypatch.setattr(translations, "DOCS", tmp_path / "docs")
    _write(tmp_path / "templates" / "page.pot", dict.fromkeys(FINE, ""))
    _write(locale / "ko/LC_MESSAGES/page.po", FINE)
    return tmp_path


def _found(book: Path) -> list[str]:
    return translations.problems(book / "templates", "ko", "(?!verdicts)")


def test_a_whole_catalogue_is_fine(book: Path) -> None:
    assert _found(book) == []


@pytest.mark.parametrize(
    ("texts", "fuzzy", "complaint"),
    [
        ({"A kernel.": "커널입니다."}, (), "page: not translated: 'Two weights.'"),
        (FINE | {"A kernel.": ""}, (), "page: not translated: 'A kernel.'"),
        (FINE, ("A kernel.",), "page: marked as fuzzy, read it again: 'A kernel.'"),
        (FINE | {"A bias.": "편향입니다."}, (), "page: no longer in the book: 'A bias.'"),
        (FINE | {"A kernel.": "커넬입니다."}, (), "page: 커넬 instead of 커널"),
        (FINE | {"A kernel.": "커널 3개입니다."}, (), "page: other numbers"),
    ],
)
def test_what_is_wrong_with_a_catalogue_is_found(
    book: Path, texts: dict[str, str], fuzzy: tuple[str, ...], complaint: str
) -> None:
    _write(book / "docs/locale/ko/LC_MESSAGES/page.po", texts, fuzzy)
    assert any(line.startswith(complaint) for line in _found(book)), _found(book)


def test_a_page_that_is_gone_and_two_translations_of_a_text_are_found(book: Path) -> None:
    _write(book / "docs/locale/ko/LC_MESSAGES/gone.po", FINE)
    assert _found(book) == ["locale/ko/LC_MESSAGES/gone.po: no longer in the book"]
    _write(book / "templates" / "gone.pot", dict.fromkeys(FINE, ""))
    assert _found(book) == []
    _write(book / "docs/locale/ko/LC_MESSAGES/gone.po", FINE | {"A kernel.": "커널 하나입니다."})
    (line,) = _found(book)
    assert line.startswith("two translations of 'A kernel.'")


def test_an_update_adds_drops_marks_and_fills_in(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def extract(target: Path) -> None:
        page = {"A kernel.": "", "Two new weights.": "", "A bias.": ""}
        _write(target / "page.pot", page)
        _write(target / "other.pot", {"A kernel.": ""})

    monkeypatch.setattr(translations, "extract", extract)
    translations.update("ko")
    folder = book / "docs/locale/ko/LC_MESSAGES"
    with (folder / "page.po").open("rb") as file:
        page = {str(m.id): m for m in read_po(file) if m.id}
    assert page.keys() == {"A kernel.", "Two new weights.", "A bias."}
    assert page["A kernel."].string == FINE["A kernel."]
    # What has changed a little keeps its translation until somebody has read it again.
    assert page["Two new weights."].fuzzy
    assert page["Two new weights."].string == FINE["Two weights."]
    assert not page["A bias."].string
    with (folder / "other.po").open("rb") as file:
        (message,) = (m for m in read_po(file) if m.id)
    assert message.string == FINE["A kernel."]


def test_texts_of_interactive_elements_are_found_wherever_they_stand() -> None:
    texts = translations.interface_texts()
    for text in (
        "Your guess",
        "checked: 1 claim",
        "Every output a 1",
        "Sobel x: vertical edges",
        "the errors of the winners",
        "Back to top",
    ):
        assert text in texts
