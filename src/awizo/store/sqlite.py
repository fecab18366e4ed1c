"""SQLite: one writer thread that commits for all who wait at once; readers beside it.

In:  units of work from any task.
Out: their results after one COMMIT, and so one fsync, for the whole batch. Where several processes
     take mail, what each accepts is synced in a file of its own instead (``sqlite_arrivals.py``).

WAL with ``synchronous=FULL``: a commit is on the disk before anybody hears of it, and there is
no switch that changes this. Where a unit of a batch fails, the batch is run again with a
savepoint around each, so that it takes only its own writes with it. The log is moved into the
database by a thread of its own; the writer only does the small rest, between two batches.

Other processes (``awizo queue`` beside the service) may write too: transactions begin as
writers and wait ``busy_timeout_s`` for each other, and the writer looks twice a second whether
somebody else has committed, to wake those that wait for work.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog

import awizo.store.inbox as inbox
from awizo.errors import StoreError
from awizo.store.content_files import ContentFiles
from awizo.store.database import SQLITE, Dialect, NewRow, Together, Unit
from awizo.store.sqlite_arrivals import KeptArrivals
from awizo.store.sqlite_file import as_store_error, connect, is_busy, is_sick, make_place, migrate
from awizo.store.sqlite_log import LogMover
from awizo.store.sqlite_readers import Readers
from awizo.store.sqlite_transaction import MAX_VALUES, SqliteTransaction, adding_many
from awizo.store.sqlite_units import Waiting, answer, run_step, steps_of, tell
from awizo.store.waking import Bell

log = structlog.get_logger()
T = TypeVar("T")

MAX_BATCH = 128  # units in one commit; more would only let the first wait longer
BUSY_LOOK_S = 0.0005
LOOK_AROUND_S = 0.5  # how often an idle writer looks for commits of other processes
# Larger contents become files: measured, see docs/performance.md. As large as what intake keeps
# in memory: what waits on disk there gets a name in place of a copy.
FILES_FROM_BYTES = 262_144


class SqliteDatabase:
    """See :class:`awizo.store.database.Database`."""

    dialect: Dialect = SQLITE
    files_from_bytes = FILES_FROM_BYTES

    def __init__(self, path: Path, *, busy_timeout_s: float = 30) -> None:
        """Open or make the database, bring its schema up to date, start the writer.

        Raises:
            StoreError: It cannot be opened, is no database of ours, or is newer than we are.
        """
        self.path = path
        self.place = f"sqlite:///{path}"
        self._busy_timeout_s = busy_timeout_s
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._bell = Bell()
        self._closing = False
        self.commits = 0
        make_place(path)
        try:
            self._connection = self._connect()
            migrate(self._connection, path)
            self._connection.execute("PRAGMA busy_timeout = 0")  # see _take_turn
        except sqlite3.Error as error:
            raise as_store_error(error, str(path)) from None
        self._seen_version = self._data_version()
        place = path.stat()
        self._identity = (place.st_dev, place.st_ino)
        beside = path.with_name(path.name + ".d")
        self.files: ContentFiles | None = ContentFiles(beside)
        self._arrivals = KeptArrivals(beside / "arrivals")
        self._readers = Readers(path, partial(self._connect, reader=True), self._arrivals.files)
        self._writer = threading.Thread(target=self._write_loop, name="awizo-write", daemon=True)
        self._log = LogMover(path, self._connect)
        self._writer.start()

    def _connect(self, *, reader: bool = False) -> sqlite3.Connection:
        return connect(self.path, busy_timeout_s=self._busy_timeout_s, reader=reader)

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    # -- writing -------------------------------------------------------------------------------

    async def write(self, unit: Unit[T]) -> T:
        loop = asyncio.get_running_loop()
        result: T = await self._written(Waiting(unit, loop, loop.create_future()))
        return result

    async def write_together(
        self, unit: Together[T], item: T, *, as_row: NewRow | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        await self._written(
            Waiting(lambda tx: unit(tx, [item]), loop, loop.create_future(), unit, item, as_row)
        )

    async def _written(self, waiting: Waiting) -> Any:
        if self._closing:
            raise StoreError("the store is closed")
        self._queue.put(waiting)
        return await waiting.done()

    def _write_loop(self) -> None:
        while True:
            try:
                first = self._queue.get(timeout=LOOK_AROUND_S)
            except queue.Empty:
                self._look_around()
                continue
            batch = []
            waiting: Waiting | None = first
            stop = False
            while True:
                if waiting is None:
                    stop = True
                    break
                if waiting.start():
                    batch.append(waiting)
                if len(batch) >= MAX_BATCH:
                    break
                try:
                    waiting = self._queue.get_nowait()
                except queue.Empty:
                    break
            commits = self.commits
            if batch:
                self._run(batch)
            if stop:
                return
            if self.commits != commits:
                self._log.look_after(self._connection)

    def _run(self, batch: list[Waiting]) -> None:
        """Run a batch in one transaction; whatever happens, everybody gets an answer."""
        try:
            self._see_that_it_is_ours()
            has_work = self._added_at_once(batch) or self._commit_together(batch)
        except BaseException as error:  # not a unit's own: the whole batch failed
            has_work = False
            told = answer(error, str(self.path))
            for waiting in batch:
                waiting.result = None
                waiting.error = waiting.error or told
            self._after_failure(error)
        tell(batch)
        if has_work:
            self._bell.ring()

    def _see_that_it_is_ours(self) -> None:
        """Refuse to write into a file that has no name any more: nobody would find it again."""
        try:
            place = self.path.stat()
            there = (place.st_dev, place.st_ino) == self._identity
        except OSError:
            there = False
        if not there:
            raise StoreError(
                f"{self.path} was moved or replaced under the running service; restart it"
            )

    def _added_at_once(self, batch: list[Waiting]) -> bool:
        """Do a batch that is nothing but new rows of a table by one statement, if it is one;
        accepted messages go into this process's file, where it has one.

        The statement is its own transaction. Each call into SQLite gives up the interpreter's
        lock and has to win it back from the loop, which costs more than the work itself.
        """
        first = batch[0].as_row
        if first is None:
            return False
        into = (first.table, first.columns)
        rows: list[Any] = []
        for waiting in batch:
            row = waiting.as_row
            if row is None or (row.table, row.columns) != into:
                return False
            rows.append(row.values)
        if first.table == inbox.VIEW and self._arrivals.put(rows, self._connection):
            return True
        values = [value for row in rows for value in row]
        if len(values) > MAX_VALUES:
            return False
        try:
            self._take_turn(adding_many(*into, len(batch)), values)
        except sqlite3.Error as error:
            if is_busy(error):
                raise  # it was waited for
            return False  # one is there already, or has no room: their units know what to do
        self.commits += 1
        return True

    def _commit_together(self, batch: list[Waiting]) -> bool:
        steps = steps_of(batch)
        if len(steps) > 1:  # nearly always none fails: then no savepoint is needed
            try:
                return self._commit_whole(steps)
            except BaseException as error:
                if isinstance(error, sqlite3.Error) and is_busy(error):
                    raise  # it was waited for
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        return self._commit_each(batch, steps)

    def _commit_whole(self, steps: list[list[Waiting]]) -> bool:
        tx = SqliteTransaction(self._connection, self._arrivals.files)
        self._take_turn("BEGIN IMMEDIATE")
        for step in steps:
            run_step(tx, step)
        self._connection.execute("COMMIT")
        self.commits += 1
        return tx.has_work

    def _commit_each(self, batch: list[Waiting], steps: list[list[Waiting]]) -> bool:
        """Commit what succeeds of a batch; each that fails takes only its own writes with it."""
        connection = self._connection
        tx = SqliteTransaction(connection, self._arrivals.files)
        self._take_turn("BEGIN IMMEDIATE")
        alone = len(steps) == 1
        succeeded = 0
        for step in steps:
            had_work = tx.has_work
            if not alone:
                connection.execute("SAVEPOINT unit")
            try:
                run_step(tx, step)
                succeeded += 1
            except BaseException as error:
                tx.has_work = had_work
                if len(step) > 1:  # one of them, but which?
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    return self._one_by_one(batch)
                failed = step[0]
                failed.error = answer(error, str(self.path))
                if not connection.in_transaction:
                    # SQLite gave up the whole transaction (no room, say): the writes of the
                    # units before this one are gone as well. Each is tried again by itself.
                    return self._one_by_one(batch)
                if alone:
                    connection.execute("ROLLBACK")
                    return False
                connection.execute("ROLLBACK TO unit")
            if not alone:
                connection.execute("RELEASE unit")
        if succeeded:
            connection.execute("COMMIT")
            self.commits += 1
        else:
            connection.execute("ROLLBACK")
        return tx.has_work

    def _take_turn(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run what begins to write, waiting for another process's turn to end.

        SQLite's own waiting sleeps longer each time, up to 100 ms: beside a process that
        commits all day its turn would hardly ever come.

        Raises:
            sqlite3.OperationalError: Busy for longer than ``busy_timeout_s``.
        """
        give_up_at = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                self._connection.execute(statement, values)
                return
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() >= give_up_at:
                    raise
            time.sleep(BUSY_LOOK_S)

    def _one_by_one(self, batch: list[Waiting]) -> bool:
        has_work = False
        for waiting in batch:
            if waiting.error is not None:
                continue
            try:
                has_work = self._commit_together([waiting]) or has_work
            except BaseException as error:
                waiting.error = answer(error, str(self.path))
                self._after_failure(error)
        return has_work

    def _after_failure(self, error: BaseException) -> None:
        log.error("store_failed", error=str(error))
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        if is_sick(error) or isinstance(error, sqlite3.ProgrammingError):
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            with contextlib.suppress(sqlite3.Error):
                self._connection = self._connect()
                self._connection.execute("PRAGMA busy_timeout = 0")

    def _look_around(self) -> None:
        """With nothing to do: wake those that wait for work if another process has written."""
        self._arrivals.look_after(self._connection)
        with contextlib.suppress(sqlite3.Error):
            version = self._data_version()
            if version != self._seen_version:
                self._seen_version = version
                self._bell.ring()

    # -- reading -------------------------------------------------------------------------------

    async def read(self, unit: Unit[T]) -> T:
        if self._closing:
            raise StoreError("the store is closed")
        return await self._readers.read(unit)

    def read_here(self, unit: Unit[T]) -> T:
        return self._readers.read_here(unit)

    async def wait_for_work(self, timeout_s: float) -> None:
        await self._bell.wait(timeout_s)

    def announce_work(self) -> None:
        self._bell.ring()

    async def keep_arrivals(self) -> None:
        await self._arrivals.keep(self)

    async def shut_arrivals(self) -> None:
        await self._arrivals.shut()

    async def sweep_arrivals(self) -> None:
        await self._arrivals.sweep(self)

    # -- backup and end ------------------------------------------------------------------------

    async def backup(self, path: Path) -> None:
        """Copy the database to *path* while it is in use, its content files beside it."""
        await self.write(inbox.take_in_all)
        await asyncio.to_thread(self._backup, path)

    def _backup(self, path: Path) -> None:
        if path.exists():
            raise StoreError(f"{path} exists already; a backup overwrites nothing")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            source = self._connect(reader=True)
            target = sqlite3.connect(path, isolation_level=None)
            try:
                # In one go: in WAL mode a reader keeps nobody from writing.
                source.backup(target, pages=-1)
                assert self.files is not None
                inbox.take_in_all(SqliteTransaction(target))
                target.execute("DELETE FROM arrivals")  # the files stay with the source
                names = target.execute("SELECT id FROM messages WHERE content_in = 'file'")
                self.files.copy([name for (name,) in names], path.with_name(path.name + ".d"))
                target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                source.close()
                target.close()
        except sqlite3.Error as error:
            raise as_store_error(error, f"backup to {path}") from error
        except OSError as error:
            raise StoreError(f"backup to {path}: {error.strerror}") from error

    async def close(self) -> None:
        """Finish what waits, then end. Safe to repeat."""
        if self._closing:
            return
        self._closing = True
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._queue.put(None)
        self._writer.join()
        self._arrivals.let_go(self._connection)
        self._log.end()
        self._readers.finish()
        if self.files is not None:
            self.files.close()
        self._readers.close()
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
