"""SQLite: one writer thread that commits for all who wait at once; readers beside it.

In:  units of work from any task.
Out: their results after one COMMIT, and so one fsync, for the whole batch.

WAL with ``synchronous=FULL``: a commit is on the disk before anybody hears of it, and there is
no switch that changes this. Each unit of a batch runs in a savepoint, so that one that fails
takes only its own writes with it. The log is moved into the database by a thread of its own;
the writer only does the small rest, between two batches.

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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import structlog

import awizo.store.inbox as inbox
from awizo.errors import AwizoError, StoreError
from awizo.store.content_files import ContentFiles
from awizo.store.database import NOTHING, SQLITE, Dialect, Params, Row, Together, Unit
from awizo.store.sqlite_file import as_store_error, connect, is_sick, make_place, migrate
from awizo.store.waking import Bell

log = structlog.get_logger()
T = TypeVar("T")

MAX_VALUES = 900  # of one statement; SQLite's own limit was 999 before 3.32
MAX_BATCH = 128  # units in one commit; more would only let the first wait longer
READERS = 4
BUSY_LOOK_S = 0.0005
LOOK_AROUND_S = 0.5  # how often an idle writer looks for commits of other processes
CHECKPOINT_BYTES = 8 * 1024 * 1024  # of log, from which it is moved into the database
# Larger contents become files: measured, see docs/performance.md. As large as what intake keeps
# in memory: what waits on disk there gets a name in place of a copy.
FILES_FROM_BYTES = 262_144


class SqliteTransaction:
    """See :class:`awizo.store.database.Transaction`."""

    dialect = SQLITE

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.has_work = False

    def execute(self, sql: str, params: Params = NOTHING) -> int:
        return self._connection.execute(sql, params).rowcount

    def execute_many(self, sql: str, params: Sequence[Params]) -> None:
        self._connection.executemany(sql, params)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        # One statement, for each gives up the interpreter's lock and has to wait for it again.
        row = "(" + ", ".join("?" * len(columns)) + ")"
        at_once = MAX_VALUES // len(columns)
        for start in range(0, len(rows), at_once):
            some = rows[start : start + at_once]
            self._connection.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * len(some))}",
                [value for one in some for value in one],
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


@dataclass(slots=True)
class _Waiting:
    """A unit of work in the writer's queue; or an item for one that takes several."""

    unit: Callable[[Any], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    together: Together[Any] | None = None
    item: Any = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    started: bool = False
    abandoned: bool = False
    result: Any = None
    error: BaseException | None = None

    def start(self) -> bool:
        with self.lock:
            self.started = not self.abandoned
            return self.started

    def abandon(self) -> bool:
        """Take it back; False when it runs already."""
        with self.lock:
            self.abandoned = not self.started
            return self.abandoned


def _steps(batch: Sequence[_Waiting]) -> list[list[_Waiting]]:
    """What is run by itself, and what is run together, first."""
    groups: dict[Any, list[_Waiting]] = {}
    single = []
    for waiting in batch:
        if waiting.together is None:
            single.append([waiting])
        else:
            groups.setdefault(waiting.together, []).append(waiting)
    return [*groups.values(), *single]


def _run_step(tx: SqliteTransaction, step: Sequence[_Waiting]) -> None:
    first = step[0]
    if len(step) == 1:
        first.result = first.unit(tx)
    else:
        assert first.together is not None
        first.together(tx, [waiting.item for waiting in step])


def _tell(done: Sequence[_Waiting]) -> None:
    """On the loop: hand out the results of a batch."""
    for waiting in done:
        if waiting.future.done():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(waiting.error)
        else:
            waiting.future.set_result(waiting.result)


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
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._bell = Bell()
        self._closing = False
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()
        self._checkpointed = threading.Event()
        self._log_grew = threading.Event()
        self.commits = 0
        make_place(path)
        try:
            self._connection = self._connect()
            migrate(self._connection, path)
            self._connection.execute("PRAGMA busy_timeout = 0")  # see _begin
        except sqlite3.Error as error:
            raise as_store_error(error, str(path)) from None
        self._seen_version = self._data_version()
        place = path.stat()
        self._identity = (place.st_dev, place.st_ino)
        self.files: ContentFiles | None = ContentFiles(path.with_name(path.name + ".d"))
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="awizo-read")
        self._writer = threading.Thread(target=self._write_loop, name="awizo-write", daemon=True)
        self._mover = threading.Thread(target=self._move_loop, name="awizo-log", daemon=True)
        self._writer.start()
        self._mover.start()

    def _connect(self, *, reader: bool = False) -> sqlite3.Connection:
        return connect(self.path, busy_timeout_s=self._busy_timeout_s, reader=reader)

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    # -- writing -------------------------------------------------------------------------------

    async def write(self, unit: Unit[T]) -> T:
        loop = asyncio.get_running_loop()
        result: T = await self._written(_Waiting(unit, loop, loop.create_future()))
        return result

    async def write_together(self, unit: Together[T], item: T) -> None:
        loop = asyncio.get_running_loop()
        await self._written(
            _Waiting(lambda tx: unit(tx, [item]), loop, loop.create_future(), unit, item)
        )

    async def _written(self, waiting: _Waiting) -> Any:
        if self._closing:
            raise StoreError("the store is closed")
        self._queue.put(waiting)
        try:
            return await asyncio.shield(waiting.future)
        except asyncio.CancelledError:
            if not waiting.abandon():
                # It runs: what it reads from (a body, say) must stay as it is until it is done.
                await _until_done(waiting.future)
            raise

    def _write_loop(self) -> None:
        while True:
            try:
                first = self._queue.get(timeout=LOOK_AROUND_S)
            except queue.Empty:
                self._look_around()
                continue
            batch = []
            waiting: _Waiting | None = first
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
            if batch:
                self._run(batch)
            if stop:
                return
            self._look_after_log()

    def _run(self, batch: list[_Waiting]) -> None:
        """Run a batch in one transaction; whatever happens, everybody gets an answer."""
        try:
            self._see_that_it_is_ours()
            has_work = self._commit_together(batch)
        except BaseException as error:  # not a unit's own: the whole batch failed
            has_work = False
            told = _answer(error, str(self.path))
            for waiting in batch:
                waiting.result = None
                waiting.error = waiting.error or told
            self._after_failure(error)
        by_loop: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
        for waiting in batch:
            by_loop.setdefault(waiting.loop, []).append(waiting)
        for loop, done in by_loop.items():
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_tell, done)
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

    def _commit_together(self, batch: list[_Waiting]) -> bool:
        connection = self._connection
        tx = SqliteTransaction(connection)
        self._begin()
        steps = _steps(batch)
        alone = len(steps) == 1
        succeeded = 0
        for step in steps:
            had_work = tx.has_work
            if not alone:
                connection.execute("SAVEPOINT unit")
            try:
                _run_step(tx, step)
                succeeded += 1
            except BaseException as error:
                tx.has_work = had_work
                if len(step) > 1:  # one of them, but which?
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    return self._one_by_one(batch)
                failed = step[0]
                failed.error = _answer(error, str(self.path))
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

    def _begin(self) -> None:
        """Begin as the one writer, waiting for another process as long as that may be.

        SQLite's own waiting sleeps longer each time, up to 100 ms: beside a process that
        commits all day its turn would hardly ever come.
        """
        give_up_at = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() >= give_up_at:
                    raise
            time.sleep(BUSY_LOOK_S)

    def _one_by_one(self, batch: list[_Waiting]) -> bool:
        has_work = False
        for waiting in batch:
            if waiting.error is not None:
                continue
            try:
                has_work = self._commit_together([waiting]) or has_work
            except BaseException as error:
                waiting.error = _answer(error, str(self.path))
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
        """Wake those that wait for work if another process has written."""
        with contextlib.suppress(sqlite3.Error):
            version = self._data_version()
            if version != self._seen_version:
                self._seen_version = version
                self._bell.ring()

    # -- the log -------------------------------------------------------------------------------

    def _look_after_log(self) -> None:
        """Between two batches: have a long log moved, and finish the move."""
        try:
            if self._checkpointed.is_set():
                # Nearly everything was moved beside us; with the rest done, SQLite begins the
                # log anew, and it stays short.
                self._checkpointed.clear()
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            elif not self._log_grew.is_set() and self._log_bytes() > CHECKPOINT_BYTES:
                self._log_grew.set()
        except sqlite3.Error as error:
            log.warning("log_not_moved", error=str(error))

    def _log_bytes(self) -> int:
        try:
            return self.path.with_name(self.path.name + "-wal").stat().st_size
        except OSError:
            return 0

    def _move_loop(self) -> None:
        connection: sqlite3.Connection | None = None
        while not self._closing:
            self._log_grew.wait()
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
            self._log_grew.clear()
        if connection is not None:
            connection.close()

    # -- reading -------------------------------------------------------------------------------

    async def read(self, unit: Unit[T]) -> T:
        if self._closing:
            raise StoreError("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.read_here, unit)

    def read_here(self, unit: Unit[T]) -> T:
        try:
            connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._connect(reader=True)
                self._local.connection = connection
                with self._readers_lock:
                    self._readers.append(connection)
            connection.execute("BEGIN")
            try:
                return unit(SqliteTransaction(connection))
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            if is_sick(error):
                self._drop_reader()
            raise as_store_error(error, str(self.path)) from error
        except StopIteration as error:  # the one thing that a future cannot hold
            raise RuntimeError("a unit of work raised StopIteration") from error

    def _drop_reader(self) -> None:
        """Have this thread begin again with a fresh connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            with self._readers_lock:
                self._readers.remove(connection)
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    async def wait_for_work(self, timeout_s: float) -> None:
        await self._bell.wait(timeout_s)

    def announce_work(self) -> None:
        self._bell.ring()

    # -- backup and end ------------------------------------------------------------------------

    async def backup(self, path: Path) -> None:
        """Copy the database to *path* while it is in use, its content files beside it."""
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
        self._log_grew.set()
        self._mover.join()
        self._pool.shutdown(wait=True)
        if self.files is not None:
            self.files.close()
        for reader in self._readers:
            reader.close()
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()


def _answer(error: BaseException, place: str) -> BaseException:
    """What the caller of a failed unit hears; our own bugs stay what they are."""
    if isinstance(error, sqlite3.Error | OSError) and not isinstance(error, AwizoError):
        told = as_store_error(error, place)
        told.__cause__ = error
        return told
    if isinstance(error, StopIteration):  # the one thing that a future cannot hold
        return RuntimeError("a unit of work raised StopIteration")
    return error


async def _until_done(future: asyncio.Future[Any]) -> None:
    """Wait for a future through any further cancellation."""
    while not future.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([future])
    if not future.cancelled():
        future.exception()  # seen: nobody else will ask
