"""Tables as text and as HTML."""

from html.parser import HTMLParser

import pytest

from cnnbook._tables import html_table, text_table


def test_columns_stand_below_each_other() -> None:
    table = text_table(["name", "n"], [["a", "1"], ["long name", "22"]], ["sum", "23"], right=["n"])
    assert table.splitlines() == [
        "name        n",
        "-------------",
        "a           1",
        "long name  22",
        "-------------",
        "sum        23",
    ]


def test_a_line_of_another_length_is_refused() -> None:
    for rows, footer in (([["a", "b"]], None), ([["a"]], ["x", "y"])):
        with pytest.raises(ValueError, match="expected 1 cells in each line, got 2"):
            text_table(["name"], rows, footer)


class _Cells(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs).get("scope") or ""))


def test_every_cell_has_two_headings_and_text_stays_text() -> None:
    page = html_table("<c>", ["a", "b"], [["<script>", "1"], ["r", "2"]], ["sum", "3"])
    cells = _Cells(page).seen
    assert cells.count(("th", "col")) == 2
    assert cells.count(("th", "row")) == 3
    assert ("script", "") not in cells
    assert "&lt;script&gt;" in page
