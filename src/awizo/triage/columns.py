"""Find what stands at the head of a table's column.

In:  clean text in which tabs part the cells of a row, a place in it.
Out: where the head of that place's column is written.

Pure. A row of cells says nothing itself: "Lampa, 13805007441926" under "Produkt, Nr paczki DPD".
"""

from __future__ import annotations

MAX_ROWS = 40  # of one table; an order has fewer lines


def head_of(text: str, place: int) -> tuple[int, int] | None:
    """Span of the topmost cell over *place*; none outside a table and in its first row."""
    row = text.rfind("\n", 0, place) + 1
    end = text.find("\n", place)
    cells = text.count("\t", row, len(text) if end < 0 else end)
    if not cells:
        return None
    head = None
    upper = row
    for _ in range(MAX_ROWS):
        above = text.rfind("\n", 0, upper - 1) + 1 if upper > 0 else upper
        if above == upper or text.count("\t", above, upper - 1) != cells:
            break
        head = upper = above
    if head is None:
        return None
    column = text.count("\t", row, place)
    written = text[head : text.find("\n", head)].split("\t")[column]
    start = head
    for _ in range(column):
        start = text.find("\t", start) + 1
    return start, start + len(written)
