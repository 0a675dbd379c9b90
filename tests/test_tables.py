"""Tables as text and as HTML."""

from html.parser import HTMLParser

import pytest

from cnnbook._tables import html_table, text_table


def test_columns_are_aligned() -> None:
    table = text_table(["name", "n"], [["a", "1"], ["long name", "22"]], ["sum", "23"], right=["n"])
    assert table.splitlines() == [
        "name        n",
        "-------------",
        "a           1",
        "long name  22",
        "-------------",
        "sum        23",
    ]


def test_a_row_of_another_length_is_refused() -> None:
    for rows, footer in (([["a", "b"]], None), ([["a"]], ["x", "y"])):
        with pytest.raises(ValueError, match=r"^rows: expected 1 cells in each row, got 2$"):
            text_table(["name"], rows, footer)


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.scopes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scopes.append((tag, dict(attrs).get("scope") or ""))


def test_every_cell_has_two_headings_and_text_is_escaped() -> None:
    page = html_table("<c>", ["a", "b"], [["<script>", "1"], ["r", "2"]], ["sum", "3"])
    tags = _Tags(page).scopes
    assert tags.count(("th", "col")) == 2
    assert tags.count(("th", "row")) == 3
    assert ("script", "") not in tags
    assert "&lt;script&gt;" in page
