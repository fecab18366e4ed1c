"""Move SQLite's write-ahead log into the database before it grows long.

In:  a look of the writer between two batches.
Out: a short log. Nearly all of it is moved by a thread beside the writer, which only does the
     small rest: a commit has never to wait for a whole log.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger()

CHECKPOINT_BYTES = 8 * 1024 * 1024  # of log, from which it is moved into the database
LOOK_S = 0.05  # between two looks at how long it is

# The head of the file, and of each page in it: https://sqlite.org/fileformat2.html#walformat
_HEAD = struct.Struct(">IIII8sII")  # magic, version, bytes of a page, sequence, salts, checksums
_FRAME = struct.Struct(">II8sII")  # page, size of the database, salts, checksums


class LogMover:
    """The thread beside the writer; it runs until :meth:`end`.

    Args:
        connect: Opens a connection of its own, when one is needed.
    """

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection]) -> None:
        self._path = path.with_name(path.name + "-wal")
        self._connect = connect
        self._closing = threading.Event()
        self._checkpointed = threading.Event()
        self._grew = threading.Event()
        self._thread = threading.Thread(target=self._move_loop, name="awizo-log", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._closing.set()
        self._grew.set()
        self._thread.join()

    def look_after(self, connection: sqlite3.Connection) -> None:
        """After a commit of the writer: have a long log moved, and finish the move.

        Args:
            connection: The writer's.
        """
        if not self._grew.is_set():
            self._grew.set()
        if self._checkpointed.is_set():
            # Nearly everything was moved beside us; with the rest done, SQLite begins the
            # log anew, and it stays short.
            self._checkpointed.clear()
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            except sqlite3.Error as error:
                log.warning("log_not_moved", error=str(error))

    def _move_loop(self) -> None:
        connection: sqlite3.Connection | None = None
        while True:
            self._grew.wait()
            self._closing.wait(LOOK_S)
            # Whoever closes says so first and sets the other after it, so it is looked at last.
            self._grew.clear()
            if self._closing.is_set():
                break
            try:
                if live_bytes(self._path) <= CHECKPOINT_BYTES:
                    continue
                if connection is None:
                    connection = self._connect()
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                self._checkpointed.set()
            except (sqlite3.Error, OSError) as error:
                log.warning("log_not_moved", error=str(error))
        if connection is not None:
            connection.close()


def live_bytes(path: Path) -> int:
    """How much of a write-ahead log is in use.

    Its length does not tell: begun anew, a log keeps the length that it had. But each page in it
    has the salts of its head, and what is left of an earlier round has others. (Its index would
    tell as well. To open and close that would end the locks that SQLite has on it.)

    Raises:
        OSError: It cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        head = os.pread(descriptor, _HEAD.size, 0)
        if len(head) < _HEAD.size:
            return 0
        _, _, page_bytes, _, salts, *_ = _HEAD.unpack(head)
        each = _FRAME.size + page_bytes
        first, last = 0, (os.fstat(descriptor).st_size - _HEAD.size) // each
        while first < last:  # pages in use come first
            middle = (first + last) // 2
            frame = os.pread(descriptor, _FRAME.size, _HEAD.size + middle * each)
            if len(frame) == _FRAME.size and _FRAME.unpack(frame)[2] == salts:
                first = middle + 1
            else:
                last = middle
        return int(first * each)
    finally:
        os.close(descriptor)
