"""Tables as text for ``print`` and as HTML for a notebook or a page."""

import html
from collections.abc import Collection, Sequence

__all__ = ["html_table", "text_table"]


def text_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    footer: Sequence[str] | None = None,
    *,
    right: Collection[str] = (),
) -> str:
    """Lay out a table as text.

    Args:
        header: The titles of the columns.
        rows: The cells, row by row.
        footer: A last row below a second rule, or None.
        right: Titles of the columns that are right-aligned, as numbers are.

    Returns:
        The lines, without trailing spaces.

    Examples:
        >>> from cnnbook._tables import text_table
        >>> print(text_table(["name", "count"], [["a", "7"], ["b", "12"]], right=["count"]))
        name  count
        -----------
        a         7
        b        12
        >>> text_table(["name"], [["a", "7"]])
        Traceback (most recent call last):
            ...
        ValueError: rows: expected 1 cells in each row, got 2
    """
    every_row = [header, *rows, *([footer] if footer else [])]
    for row in every_row:
        if len(row) != len(header):
            raise ValueError(f"rows: expected {len(header)} cells in each row, got {len(row)}")
    widths = [max(len(row[column]) for row in every_row) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if title in right else cell.ljust(width)
            for cell, width, title in zip(row, widths, header, strict=True)
        ]
        return "  ".join(cells).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    last = [rule, line(footer)] if footer else []
    return "\n".join([line(header), rule, *map(line, rows), *last])


def html_table(
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    footer: Sequence[str] | None = None,
) -> str:
    """Write a table as HTML in which a screen reader finds both headings of every cell.

    Args:
        caption: What the table shows.
        header: The titles of the columns.
        rows: The cells, row by row; the first of each is the row's heading.
        footer: A last row, or None.

    Returns:
        A ``<table>`` element; all text in it is escaped.

    Examples:
        >>> from cnnbook._tables import html_table
        >>> html_table("c", ["a", "b"], [["1", "<2"]])
        '<table><caption>c</caption><thead><tr><th scope="col">a</th><th scope="col">b</th></tr>\
</thead><tbody><tr><th scope="row">1</th><td>&lt;2</td></tr></tbody></table>'

    Source:
        W3C (2019), WAI tutorials: tables with two headers.
    """

    def row(cells: Sequence[str]) -> str:
        first, *others = map(html.escape, cells)
        return f'<tr><th scope="row">{first}</th>{"".join(f"<td>{c}</td>" for c in others)}</tr>'

    titles = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in header)
    foot = f"<tfoot>{row(footer)}</tfoot>" if footer else ""
    return (
        f"<table><caption>{html.escape(caption)}</caption><thead><tr>{titles}</tr></thead>"
        f"<tbody>{''.join(map(row, rows))}</tbody>{foot}</table>"
    )
