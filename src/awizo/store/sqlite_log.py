"""Move SQLite's write-ahead log into the database before it grows long.

In:  a look of the writer between two batches.
Out: a short log. Nearly all of it is moved by a thread beside the writer, which only does the
     small rest: a commit has never to wait for a whole log.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger()

CHECKPOINT_BYTES = 8 * 1024 * 1024  # of log, from which it is moved into the database


class LogMover:
    """The thread beside the writer; it runs until :meth:`end`.

    Args:
        connect: Opens a connection of its own, when one is needed.
    """

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection]) -> None:
        self._path = path
        self._connect = connect
        self._closing = False
        self._checkpointed = threading.Event()
        self._grew = threading.Event()
        self._thread = threading.Thread(target=self._move_loop, name="awizo-log", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._closing = True
        self._grew.set()
        self._thread.join()

    def look_after(self, connection: sqlite3.Connection) -> None:
        """Between two batches of the writer: have a long log moved, and finish the move.

        Args:
            connection: The writer's.
        """
        try:
            if self._checkpointed.is_set():
                # Nearly everything was moved beside us; with the rest done, SQLite begins the
                # log anew, and it stays short.
                self._checkpointed.clear()
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            elif not self._grew.is_set() and self._bytes() > CHECKPOINT_BYTES:
                self._grew.set()
        except sqlite3.Error as error:
            log.warning("log_not_moved", error=str(error))

    def _bytes(self) -> int:
        try:
            return self._path.with_name(self._path.name + "-wal").stat().st_size
        except OSError:
            return 0

    def _move_loop(self) -> None:
        connection: sqlite3.Connection | None = None
        while not self._closing:
            self._grew.wait()
            if self._closing:
                break
            try:
                if connection is None:
                    connection = self._connect()
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                self._checkpointed.set()
            except sqlite3.Error as error:
                log.warning("log_not_moved", error=str(error))
            # Whoever closes says so first and sets this after it: it may be cleared here.
            self._grew.clear()
        if connection is not None:
            connection.close()
