"""Units of work that accept many messages in one go, and give them their rows later.

In:  new messages with their bodies; those that wait in files of arrivals.
Out: one row for each in the inbox, which a commit makes durable; later, for many at once, the
     rows of all tables.

A message in the inbox, or in a file of arrivals (``arrivals.py``), is accepted: nothing is missing
but indexes. Whoever looks for work or lists deliveries has it taken in first. Where a database has
no inbox (PostgreSQL, whose commits do not rewrite pages), a message gets all its rows as it is
accepted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, BinaryIO

import awizo.store.messages as messages
from awizo.errors import StoreError
from awizo.store.arrivals import Unreadable
from awizo.store.codec import read_json, to_json
from awizo.store.database import NewRow, Transaction, among
from awizo.store.messages import MessageRows
from awizo.store.rows import HISTORY_COLUMNS, NEW_JOB_COLUMNS

VIEW, COLUMNS = "accepted", ("id", "record", "content")  # migrations/0003_accepted.sql
MOST_AT_ONCE = 256  # in one transaction, so that an accept never waits long behind it
MOST_BYTES_AT_ONCE = 4 * 1024 * 1024  # of a file of arrivals


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message on its way into the store; *body* is ``None`` when its content is in a file."""

    rows: MessageRows
    body: BinaryIO | None


def accept(tx: Transaction, accepted: Sequence[Accepted]) -> None:
    """Store messages, all or none. Safe to repeat, see :func:`awizo.store.messages.accept`."""
    if not tx.dialect.has_inbox or is_there(tx, [one.rows.id for one in accepted]):
        while take_in(tx):
            pass
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
    if tx.row("SELECT 1 AS waits FROM inbox LIMIT 1") is not None:
        return True
    files = tx.arrivals
    if files is not None:
        for name, taken in places(tx).items():
            with contextlib.suppress(Unreadable):
                if files.waits(name, taken):
                    return True
    return False


def places(tx: Transaction) -> dict[str, int]:
    """The files of arrivals that belong to this database, and how far each is taken in."""
    return {row["name"]: row["taken"] for row in tx.rows("SELECT name, taken FROM arrivals")}


def begin_file(tx: Transaction, *, name: str) -> None:
    """Take messages in from this file too, from now on."""
    tx.insert("arrivals", ("name", "taken"), [(name, 0)])


def forget_files(tx: Transaction, *, names: Collection[str]) -> None:
    """Files that are gone."""
    some, params = among("name", sorted(names))
    tx.execute(f"DELETE FROM arrivals WHERE name IN {some}", params)


def take_in(
    tx: Transaction, *, most: int = MOST_AT_ONCE, contents: dict[str, bytes] | None = None
) -> bool:
    """Give the oldest messages their rows; whether more may wait.

    What is in a file that cannot be read just now is left there.

    Args:
        contents: Gets the contents that were in our hands, by the ids of their messages.
    """
    if not tx.dialect.has_inbox:
        return False
    more = _take_in_table(tx, most)
    for name, taken in places(tx).items():
        with contextlib.suppress(Unreadable):
            more = _take_in_file(tx, name, taken, most, contents) or more
    return more


def take_in_all(tx: Transaction) -> None:
    """Give every message its rows.

    Raises:
        StoreError: Some are in a file that cannot be read.
    """
    if not tx.dialect.has_inbox:
        return
    while _take_in_table(tx, MOST_AT_ONCE):
        pass
    for name in places(tx):
        try:
            while _take_in_file(tx, name, places(tx)[name], MOST_AT_ONCE):
                pass
        except Unreadable as error:
            raise StoreError(f"accepted mails cannot be read: {error}") from error


def _take_in_table(tx: Transaction, most: int) -> bool:
    waiting = tx.rows("SELECT id, record FROM inbox ORDER BY id LIMIT :limit", {"limit": most})
    if waiting:
        _add_rows(tx, [row["record"] for row in waiting])
        tx.execute("DELETE FROM inbox WHERE id <= :id", {"id": waiting[-1]["id"]})
    return len(waiting) == most


def _take_in_file(
    tx: Transaction,
    name: str,
    taken: int,
    most: int,
    contents: dict[str, bytes] | None = None,
) -> bool:
    if tx.arrivals is None:
        return False
    arrived = tx.arrivals.read(name, taken, most=most, most_bytes=MOST_BYTES_AT_ONCE)
    if not arrived:
        return False
    there = _those_there(tx, [one.id for one in arrived])
    new = {one.id: one for one in arrived if one.id not in there}.values()
    _add_rows(tx, [one.record for one in new])
    bodies = {one.id: one.content for one in new if one.content is not None}
    if bodies:
        rows = [(message_id, 0, content) for message_id, content in bodies.items()]
        tx.insert("contents", ("message_id", "seq", "data"), rows)
        if contents is not None:
            contents.update(bodies)
    tx.execute(
        "UPDATE arrivals SET taken = :taken WHERE name = :name",
        {"taken": arrived[-1].ends, "name": name},
    )
    return len(arrived) == most or arrived[-1].ends - taken >= MOST_BYTES_AT_ONCE


def _those_there(tx: Transaction, ids: Sequence[str]) -> set[str]:
    """Those of these messages that the database has: one that was given to it after all, when
    the file failed."""
    some, params = among("id", ids)
    return {
        row["id"]
        for row in tx.rows(
            f"SELECT id FROM messages WHERE id IN {some} "
            f"UNION ALL SELECT id FROM inbox WHERE id IN {some}",
            params,
        )
    }


def _add_rows(tx: Transaction, written: Sequence[str]) -> None:
    records = [read_json(record) for record in written]
    for table, columns in _TABLES.items():
        if rows := [_whole(row, columns) for record in records for row in record[table]]:
            tx.insert(table, columns, rows)


def _whole(row: list[Any], columns: Sequence[str]) -> list[Any]:
    """A row with all columns: an older program did not know those at the end."""
    missing = len(columns) - len(row)
    return row + [None] * missing if missing else row


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
