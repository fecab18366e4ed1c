"""Units of work that accept many messages in one go, and give them their rows later.

In:  new messages with their bodies.
Out: one row for each in the inbox, which a commit makes durable; later, for many at once, the
     rows of all tables.

A message in the inbox is accepted: nothing is missing but indexes. Whoever looks for work or
lists deliveries has it taken in first. Where a database has no inbox (PostgreSQL, whose commits
do not rewrite pages), a message gets all its rows as it is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, BinaryIO

import awizo.store.messages as messages
from awizo.store.codec import read_json, to_json
from awizo.store.database import NewRow, Transaction, among
from awizo.store.messages import MessageRows
from awizo.store.rows import HISTORY_COLUMNS, NEW_JOB_COLUMNS

VIEW, COLUMNS = "accepted", ("id", "record", "content")  # migrations/0003_accepted.sql
MOST_AT_ONCE = 256  # in one transaction, so that an accept never waits long behind it


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message on its way into the store; *body* is ``None`` when its content is in a file."""

    rows: MessageRows
    body: BinaryIO | None


def accept(tx: Transaction, accepted: Sequence[Accepted]) -> None:
    """Store messages, all or none. Safe to repeat, see :func:`awizo.store.messages.accept`."""
    if not tx.dialect.has_inbox or is_there(tx, [one.rows.id for one in accepted]):
        take_in_all(tx)
        for one in accepted:
            messages.accept(tx, one.rows, one.body)
        return
    tx.insert(VIEW, COLUMNS, [as_row(one).values for one in accepted])
    tx.work_added()


def as_row(accepted: Accepted) -> NewRow:
    """A message as one row of the view that divides it among its tables.

    Raises:
        StoreError: Its body is not as long as it should be.
    """
    rows, body = accepted.rows, accepted.body
    content = None if body is None else b"".join(messages.chunks_of(rows, body))
    return NewRow(VIEW, COLUMNS, (rows.id, _written(rows), content))


def is_there(tx: Transaction, ids: Sequence[str]) -> bool:
    """Whether one of these messages was accepted already."""
    some, params = among("id", ids)
    there = f"EXISTS (SELECT 1 FROM messages WHERE id IN {some})"
    if tx.dialect.has_inbox:
        there += f" OR EXISTS (SELECT 1 FROM inbox WHERE id IN {some})"
    return tx.row(f"SELECT 1 AS there WHERE {there}", params) is not None


def has_some(tx: Transaction) -> bool:
    """Whether any message waits for its rows."""
    if not tx.dialect.has_inbox:
        return False
    return tx.row("SELECT 1 AS waits FROM inbox LIMIT 1") is not None


def newest(tx: Transaction) -> str | None:
    """The last message that waits for its rows."""
    if not tx.dialect.has_inbox:
        return None
    row = tx.row("SELECT max(id) AS id FROM inbox")
    return None if row is None else row["id"]


def take_in(tx: Transaction, *, most: int = MOST_AT_ONCE) -> int:
    """Give the oldest messages their rows; returns how many there were."""
    if not tx.dialect.has_inbox:
        return 0
    waiting = tx.rows("SELECT id, record FROM inbox ORDER BY id LIMIT :limit", {"limit": most})
    if not waiting:
        return 0
    records = [read_json(row["record"]) for row in waiting]
    for table, columns in _TABLES.items():
        if rows := [_whole(row, columns) for record in records for row in record[table]]:
            tx.insert(table, columns, rows)
    return tx.execute("DELETE FROM inbox WHERE id <= :id", {"id": waiting[-1]["id"]})


def _whole(row: list[Any], columns: Sequence[str]) -> list[Any]:
    """A row with all columns: an older program did not know those at the end."""
    missing = len(columns) - len(row)
    return row + [None] * missing if missing else row


def take_in_some(tx: Transaction) -> str | None:
    """:func:`take_in`; returns the oldest of those that are left."""
    if take_in(tx) < MOST_AT_ONCE:
        return None
    row = tx.row("SELECT min(id) AS id FROM inbox")
    return None if row is None else row["id"]


def take_in_all(tx: Transaction) -> None:
    while take_in(tx):
        pass


# --- as JSON ------------------------------------------------------------------------------------


_TABLES = {
    "messages": messages.MESSAGE_COLUMNS,
    "deliveries": messages.NEW_DELIVERY_COLUMNS,
    "jobs": NEW_JOB_COLUMNS,
    "history": HISTORY_COLUMNS,
}


_VALUES = {table: itemgetter(*columns) for table, columns in _TABLES.items()}


def _written(rows: MessageRows) -> str:
    """All rows of a message: for each table, lists of values in the order of its columns."""
    parts: dict[str, Sequence[Mapping[str, Any]]] = {
        "messages": [rows.message],
        "deliveries": rows.deliveries,
        "jobs": rows.jobs,
        "history": rows.history,
    }
    return to_json(
        {table: [values(row) for row in parts[table]] for table, values in _VALUES.items()}
    )
