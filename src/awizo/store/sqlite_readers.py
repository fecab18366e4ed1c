"""Read SQLite beside the writer: a few threads, each with a connection of its own.

In:  units of work.
Out: their results, each on one consistent view of the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from awizo.store.arrivals import ArrivalFiles
from awizo.store.database import Unit
from awizo.store.sqlite_file import as_store_error, is_sick
from awizo.store.sqlite_transaction import SqliteTransaction

T = TypeVar("T")

READERS = 4


class Readers:
    """The reading threads.

    Args:
        connect: Opens a connection that cannot write.
    """

    def __init__(
        self, path: Path, connect: Callable[[], sqlite3.Connection], arrivals: ArrivalFiles
    ) -> None:
        self._path = path
        self._arrivals = arrivals
        self._connect = connect
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="awizo-read")

    async def read(self, unit: Unit[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.read_here, unit)

    def read_here(self, unit: Unit[T]) -> T:
        try:
            connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._connect()
                self._local.connection = connection
                with self._lock:
                    self._open.append(connection)
            connection.execute("BEGIN")
            try:
                return unit(SqliteTransaction(connection, self._arrivals))
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            if is_sick(error):
                self._drop()
            raise as_store_error(error, str(self._path)) from error
        except StopIteration as error:  # the one thing that a future cannot hold
            raise RuntimeError("a unit of work raised StopIteration") from error

    def _drop(self) -> None:
        """Have this thread begin again with a fresh connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            with self._lock:
                self._open.remove(connection)
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def finish(self) -> None:
        """Wait for those that read."""
        self._pool.shutdown(wait=True)

    def close(self) -> None:
        for connection in self._open:
            connection.close()
