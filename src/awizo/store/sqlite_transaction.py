"""What a unit of work may do on SQLite.

In:  a connection with a transaction begun.
Out: the statements of :class:`awizo.store.database.Transaction`, in as few calls as they take.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from awizo.store.arrivals import ArrivalFiles
from awizo.store.database import NOTHING, SQLITE, Params, Row

MAX_VALUES = 900  # of one statement; SQLite's own limit was 999 before 3.32


def adding_many(table: str, columns: Sequence[str], count: int) -> str:
    """The statement that adds so many rows, all or none."""
    row = "(" + ", ".join("?" * len(columns)) + ")"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * count)}"


class SqliteTransaction:
    """See :class:`awizo.store.database.Transaction`."""

    dialect = SQLITE

    def __init__(
        self, connection: sqlite3.Connection, arrivals: ArrivalFiles | None = None
    ) -> None:
        self._connection = connection
        self.arrivals = arrivals
        self.has_work = False

    def execute(self, sql: str, params: Params = NOTHING) -> int:
        return self._connection.execute(sql, params).rowcount

    def execute_many(self, sql: str, params: Sequence[Params]) -> None:
        self._connection.executemany(sql, params)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        # One statement, for each gives up the interpreter's lock and has to wait for it again.
        at_once = MAX_VALUES // len(columns)
        for start in range(0, len(rows), at_once):
            some = rows[start : start + at_once]
            self._connection.execute(
                adding_many(table, columns, len(some)), [value for one in some for value in one]
            )

    def rows(self, sql: str, params: Params = NOTHING) -> list[Row]:
        cursor = self._connection.execute(sql, params)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def row(self, sql: str, params: Params = NOTHING) -> Row | None:
        found = self.rows(sql, params)
        return found[0] if found else None

    def exclusive(self, name: str) -> None:
        """Nothing to do: there is one writing transaction at a time."""

    def work_added(self) -> None:
        self.has_work = True
