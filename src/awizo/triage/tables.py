"""Read the tables of a mail: what stands in a cell is what the head of its column says.

In:  clean text whose cells are parted by tabs, as ``awizo.triage.html`` writes tables.
Out: the row that a place lies in, with its head; numbers of documents in cells of their own.

Pure. The first row of a table is its head when no cell of it holds a figure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from awizo.triage.invoice_numbers import NUMBER, FoundNumber, kind_of_label, looks_numbered
from awizo.triage.words import plain

MAX_ROWS = 200
FIGURE = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: its cells with where they start, and the head above it, if any."""

    start: int
    end: int
    cells: tuple[tuple[int, str], ...]
    head: tuple[str, ...] = ()

    def head_of(self, cell: int) -> str:
        return self.head[cell] if cell < len(self.head) else ""


def rows_in(text: str) -> list[Row]:
    """Lines with at least two cells; a blank line or one without tabs ends a table."""
    if "\t" not in text:
        return []
    rows: list[Row] = []
    head: tuple[str, ...] = ()
    begun = False
    start = 0
    for line in text.split("\n"):
        cells = _cells(line, start)
        if sum(bool(cell) for _, cell in cells) < 2:
            head, begun = (), False
        elif not begun and not FIGURE.search(line):
            head, begun = tuple(cell for _, cell in cells), True
        elif len(rows) < MAX_ROWS:
            begun = True
            fits = len(head) == len(cells)
            rows.append(Row(start, start + len(line), cells, head if fits else ()))
        start += len(line) + 1
    return rows


def _cells(line: str, start: int) -> tuple[tuple[int, str], ...]:
    cells: list[tuple[int, str]] = []
    if "\t" not in line:
        return ()
    for cell in line.split("\t"):
        stripped = cell.strip()
        cells.append((start + cell.find(stripped), stripped))
        start += len(cell) + 1
    return tuple(cells)


def numbers_of_row(row: Row) -> list[FoundNumber]:
    """Numbers in a column whose head calls them a document's: "Faktura", "Nr dokladu"."""
    found: list[FoundNumber] = []
    for index, (start, cell) in enumerate(row.cells):
        head = row.head_of(index)
        if not head or len(cell) > 40 or NUMBER.fullmatch(cell) is None:
            continue
        of = kind_of_label(plain(head), cell)
        if of is not None and looks_numbered(cell):
            found.append(FoundNumber(cell, of, start, labelled=True))
    return found


def numbers_in_tables(text: str) -> list[FoundNumber]:
    return [number for row in rows_in(text) for number in numbers_of_row(row)]
