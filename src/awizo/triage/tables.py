"""Read the tables of a mail: what stands in a cell is what the head of its column says.

In:  clean text whose cells are parted by tabs, as ``awizo.triage.html`` writes tables.
Out: its rows, each with its head; the row that a place lies in.

Pure. The first row of a table is its head when no cell of it holds a figure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_ROWS = 200
FIGURE = re.compile(r"\d")

Cell = tuple[int, str]
"""Where a cell starts in the text, and what is written in it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: its cells, and those of the head above it, if any."""

    start: int
    end: int
    cells: tuple[Cell, ...]
    head: tuple[Cell, ...] = ()

    def head_of(self, cell: int) -> str:
        """What stands at the head of a column, by its number."""
        return self.head[cell][1] if cell < len(self.head) else ""

    def head_over(self, place: int) -> tuple[int, int] | None:
        """Span of the head's cell above a place of this row; ``None`` without a head."""
        column = sum(start <= place for start, _ in self.cells) - 1
        if not 0 <= column < len(self.head):
            return None
        start, written = self.head[column]
        return start, start + len(written)


def row_at(place: int, rows: Sequence[Row]) -> Row | None:
    return next((row for row in rows if row.start <= place <= row.end), None)


def rows_in(text: str) -> list[Row]:
    """Lines with at least two cells; a blank line or one without tabs ends a table."""
    if "\t" not in text:
        return []
    rows: list[Row] = []
    head: tuple[Cell, ...] = ()
    begun = False
    start = 0
    for line in text.split("\n"):
        cells = _cells(line, start)
        if sum(bool(cell) for _, cell in cells) < 2:
            head, begun = (), False
        elif not begun and not FIGURE.search(line):
            head, begun = cells, True
        elif len(rows) < MAX_ROWS:
            begun = True
            fits = len(head) == len(cells)
            rows.append(Row(start, start + len(line), cells, head if fits else ()))
        start += len(line) + 1
    return rows


def _cells(line: str, start: int) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    if "\t" not in line:
        return ()
    for cell in line.split("\t"):
        stripped = cell.strip()
        cells.append((start + cell.find(stripped), stripped))
        start += len(cell) + 1
    return tuple(cells)
