"""PostgreSQL: units of work in threads, a connection each; any number of replicas beside it.

In:  units of work from any task.
Out: their results once their transaction is committed.

A unit is run again when the server asks for it (deadlock, serialization) and when the connection
broke before its COMMIT was sent. A COMMIT whose answer was lost is asked after by its
transaction id, so what was done is neither lost nor done twice.

Work is announced to other replicas by NOTIFY, gathered and sent beside the transactions: a
NOTIFY within each would let them commit one after the other only. Should it be lost, a worker
finds the work when it looks by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import random
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import psycopg
import structlog
from psycopg import errors as pg
from psycopg.rows import dict_row

from awizo.errors import StorageFull, StoreError
from awizo.store.database import (
    NOTHING,
    POSTGRESQL,
    Dialect,
    Files,
    NewRow,
    Params,
    Row,
    Together,
    Unit,
    adding,
)
from awizo.store.schema import outstanding
from awizo.store.waking import Bell

log = structlog.get_logger()
T = TypeVar("T")

CHANNEL = "awizo_work"
OLDEST_SERVER = 130000  # pg_xact_status and pg_current_xact_id
CONNECT_TIMEOUT_S = 10
RERUNS = 10  # of a unit that got into others' way; each waits a little longer
RECONNECT_STEPS_S = (0.0, 0.1, 0.3, 0.6, 1.0, 2.0)
ANNOUNCE_EVERY_S = 0.02  # work announced closer together shares one NOTIFY
LISTEN_S = 5.0  # how often a listener looks whether it should end
IN_DOUBT_S = 10.0  # how long a COMMIT whose answer was lost may still be under way
# A dead peer is noticed within half a minute instead of hours.
KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]\w*)", re.IGNORECASE)


@functools.lru_cache(maxsize=1024)
def with_percent(sql: str) -> str:
    """``:name`` as psycopg writes it: ``%(name)s``."""
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))


def lock_key(name: str) -> int:
    """An advisory lock's number: 64 bits of the name's digest."""
    return int.from_bytes(hashlib.sha256(f"awizo {name}".encode()).digest()[:8], "big", signed=True)


def place_of(url: str) -> str:
    """A URL as it may be shown: without user and password."""
    parts = urlsplit(url)
    return (
        f"postgresql://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
    )


class PostgresqlTransaction:
    """See :class:`awizo.store.database.Transaction`."""

    dialect = POSTGRESQL
    arrivals = None

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._cursor = connection.cursor(row_factory=dict_row)
        self.has_work = False

    def execute(self, sql: str, params: Params = NOTHING) -> int:
        self._cursor.execute(cast(Any, with_percent(sql)), _without_nul(params))
        return self._cursor.rowcount

    def execute_many(self, sql: str, params: Sequence[Params]) -> None:
        self._cursor.executemany(
            cast(Any, with_percent(sql)), [_without_nul(one) for one in params]
        )

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.execute_many(
            adding(table, columns), [dict(zip(columns, row, strict=True)) for row in rows]
        )

    def rows(self, sql: str, params: Params = NOTHING) -> list[Row]:
        self._cursor.execute(cast(Any, with_percent(sql)), _without_nul(params))
        return self._cursor.fetchall()

    def row(self, sql: str, params: Params = NOTHING) -> Row | None:
        found = self.rows(sql, params)
        return found[0] if found else None

    def exclusive(self, name: str) -> None:
        self.rows("SELECT pg_advisory_xact_lock(:key)", {"key": lock_key(name)})

    def work_added(self) -> None:
        self.has_work = True


def _without_nul(params: Params) -> Mapping[str, Any]:
    """PostgreSQL's text cannot hold a NUL, which a header may."""
    return {
        key: value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        if isinstance(value, str) and "\0" in value
        else value
        for key, value in params.items()
    }


class _InDoubt(Exception):
    """The connection broke while its COMMIT was under way."""

    def __init__(self, transaction_id: str | None, result: Any, has_work: bool) -> None:
        self.transaction_id = transaction_id
        self.result = result
        self.has_work = has_work
        super().__init__(transaction_id)


class PostgresqlDatabase:
    """See :class:`awizo.store.database.Database`."""

    dialect: Dialect = POSTGRESQL
    files: Files | None = None  # replicas share nothing but the database
    files_from_bytes = 0

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        """Connect, bring the schema up to date, start to listen.

        Raises:
            StoreError: It cannot be reached, holds another program's tables, or is newer than we
                are.
        """
        self._url = url
        self.place = place_of(url)
        self._bell = Bell()
        self._closing = False
        self._local = threading.local()
        self._connections: set[psycopg.Connection[Any]] = set()
        self._connections_lock = threading.Lock()
        self._work = threading.Event()
        try:
            with self._connect() as connection:
                self._migrate(connection)
        except psycopg.Error as error:
            raise as_store_error(error, self.place) from None
        self._pool = ThreadPoolExecutor(pool_size, thread_name_prefix="awizo-pg")
        self._listening = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for target, name in (
                (self._listen_loop, "awizo-listen"),
                (self._announce_loop, "awizo-announce"),
            )
        ]
        for thread in self._threads:
            thread.start()
        # Nothing that is announced from now on may be missed.
        self._listening.wait(CONNECT_TIMEOUT_S)

    # -- connections ---------------------------------------------------------------------------

    def _connect(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="awizo",
            **KEEPALIVE,  # type: ignore[arg-type]
        )
        # A commit is on the disk before anybody hears of it; no setting of the server's changes
        # that for us. More than "on" (a standby must have it as well) is left as it is.
        row = connection.execute("SHOW synchronous_commit").fetchone()
        if row is not None and row[0] in ("off", "local"):
            connection.execute("SET synchronous_commit = on")
        return connection

    def _mine(self) -> psycopg.Connection[Any]:
        """This thread's connection, made anew if it broke."""
        connection: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = self._connect()
            self._local.connection = connection
            with self._connections_lock:
                self._connections.add(connection)
        return connection

    def _drop_mine(self) -> None:
        connection: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            with self._connections_lock:
                self._connections.discard(connection)
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def _migrate(self, connection: psycopg.Connection[Any]) -> None:
        if connection.info.server_version < OLDEST_SERVER:
            raise StoreError(f"{self.place}: PostgreSQL 13 or later is needed")
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("schema")])
            connection.execute("CREATE TABLE IF NOT EXISTS awizo_schema (version INTEGER NOT NULL)")
            row = connection.execute("SELECT version FROM awizo_schema").fetchone()
            version = 0 if row is None else row[0]
            if row is None:
                connection.execute("INSERT INTO awizo_schema (version) VALUES (0)")
            for migration in outstanding(version, self.place):
                for statement in migration.statements(POSTGRESQL):
                    try:
                        connection.execute(cast(Any, statement))
                    except (pg.DuplicateTable, pg.DuplicateFunction, pg.DuplicateObject) as error:
                        raise StoreError(
                            f"{self.place} holds tables of another program "
                            f"({error.diag.message_primary}); give Awizo a database of its own"
                        ) from None
                connection.execute("UPDATE awizo_schema SET version = %s", [migration.number])
                log.info("schema_migrated", migration=migration.name)
        row = connection.execute("SHOW fsync").fetchone()
        if row is not None and row[0] == "off":
            log.warning("server_without_fsync", consequence="a crash of the server loses mail")

    # -- units of work -------------------------------------------------------------------------

    async def write(self, unit: Unit[T]) -> T:
        return await self._in_thread(lambda: self.write_here(unit))

    async def write_together(
        self, unit: Together[T], item: T, *, as_row: NewRow | None = None
    ) -> None:
        """By itself: transactions of several connections share the server's syncs anyway."""
        await self.write(lambda tx: unit(tx, [item]))

    async def read(self, unit: Unit[T]) -> T:
        return await self._in_thread(lambda: self.read_here(unit))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._closing:
            raise StoreError("the store is closed")
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # What the unit reads from (a body, say) must stay as it is until it is done.
            while not future.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            if not future.cancelled():
                future.exception()  # seen: nobody else will ask
            raise

    def write_here(self, unit: Unit[T]) -> T:
        """As :meth:`write`, in the thread that calls."""
        result, has_work = self._patiently(lambda: self._write_once(unit))
        if has_work:
            self._bell.ring()
            self._work.set()
        return result

    def read_here(self, unit: Unit[T]) -> T:
        return self._patiently(lambda: self._read_once(unit))

    def _patiently(self, once: Callable[[], T]) -> T:
        """Run again what may be run again; everything else becomes a StoreError."""
        reruns = lost = 0
        while True:
            try:
                return once()
            except (pg.SerializationFailure, pg.DeadlockDetected) as error:
                reruns += 1
                if reruns > RERUNS:
                    raise as_store_error(error, self.place) from error
                time.sleep(random.uniform(0, 0.02 * reruns))
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                if not self._is_lost():
                    raise as_store_error(error, self.place) from error
                self._drop_mine()
                if lost >= len(RECONNECT_STEPS_S) or self._closing:
                    raise as_store_error(error, self.place) from error
                if lost == 0:
                    log.warning("store_connection_lost", error=_told(error))
                time.sleep(RECONNECT_STEPS_S[lost])
                lost += 1
            except psycopg.Error as error:
                raise as_store_error(error, self.place) from error
            except StopIteration as error:  # the one thing that a future cannot hold
                raise RuntimeError("a unit of work raised StopIteration") from error

    def _is_lost(self) -> bool:
        """Whether this thread's connection is gone, or could not be made."""
        connection: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        return connection is None or connection.closed or connection.broken

    def _write_once(self, unit: Unit[T]) -> tuple[T, bool]:
        while True:
            try:
                return self._commit_once(unit)
            except _InDoubt as doubt:
                self._drop_mine()
                if self._was_committed(doubt.transaction_id):
                    return cast(T, doubt.result), doubt.has_work

    def _commit_once(self, unit: Unit[T]) -> tuple[T, bool]:
        connection = self._mine()
        connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        try:
            tx = PostgresqlTransaction(connection)
            result = unit(tx)
            # What wrote nothing has no id, and then it does not matter how it ends.
            row = connection.execute("SELECT pg_current_xact_id_if_assigned()::text").fetchone()
        except BaseException:
            self._roll_back(connection)
            raise
        assert row is not None
        try:
            connection.execute("COMMIT")
        except psycopg.OperationalError as error:
            if connection.closed or connection.broken:
                raise _InDoubt(row[0], result, tx.has_work) from error
            raise
        return result, tx.has_work

    def _was_committed(self, transaction_id: str | None) -> bool:
        """Ask a new connection what became of a COMMIT whose answer was lost."""
        if transaction_id is None:
            return True

        def status() -> str | None:
            row = (
                self._mine()
                .execute("SELECT pg_xact_status(%s::text::xid8)", [transaction_id])
                .fetchone()
            )
            return None if row is None else row[0]

        give_up_at = time.monotonic() + IN_DOUBT_S
        while True:
            found = self._patiently(status)
            if found in ("committed", "aborted"):
                log.warning("commit_was_in_doubt", outcome=found)
                return found == "committed"
            if found is None or time.monotonic() > give_up_at:
                raise StoreError(f"{self.place}: the outcome of a commit is not known")
            time.sleep(0.05)

    def _read_once(self, unit: Unit[T]) -> T:
        connection = self._mine()
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            return unit(PostgresqlTransaction(connection))
        finally:
            self._roll_back(connection)

    def _roll_back(self, connection: psycopg.Connection[Any]) -> None:
        if not (connection.closed or connection.broken):
            with contextlib.suppress(psycopg.Error):
                connection.execute("ROLLBACK")

    # -- waking --------------------------------------------------------------------------------

    async def wait_for_work(self, timeout_s: float) -> None:
        await self._bell.wait(timeout_s)

    def announce_work(self) -> None:
        self._bell.ring()

    def _listen_loop(self) -> None:
        """Ring for what other replicas announce; ring once for what a lost connection missed."""
        while not self._closing:
            try:
                with self._connect() as connection:
                    connection.execute(cast(Any, f"LISTEN {CHANNEL}"))
                    self._listening.set()
                    self._bell.ring()
                    while not self._closing:
                        for _ in connection.notifies(timeout=LISTEN_S, stop_after=1):
                            self._bell.ring()
            except psycopg.Error as error:
                if not self._closing:
                    log.warning("not_listening", error=_told(error))
                    self._pause(1.0)

    def _announce_loop(self) -> None:
        connection: psycopg.Connection[Any] | None = None
        while True:
            self._work.wait()
            self._work.clear()
            try:
                if connection is None or connection.closed:
                    connection = self._connect()
                connection.execute(cast(Any, f"NOTIFY {CHANNEL}"))
            except psycopg.Error as error:
                log.warning("work_not_announced", error=_told(error))
                if connection is not None:
                    connection.close()
                self._pause(1.0)
            if self._closing:
                break
            time.sleep(ANNOUNCE_EVERY_S)
        if connection is not None:
            connection.close()

    def _pause(self, seconds: float) -> None:
        """Sleep, but not through the end."""
        until = time.monotonic() + seconds
        while not self._closing and time.monotonic() < until:
            time.sleep(0.05)

    # -- the end -------------------------------------------------------------------------------

    async def keep_arrivals(self) -> None:
        """Nothing to do: a commit here shares its sync with those of others."""

    async def shut_arrivals(self) -> None:
        """Nothing to do: there are none."""

    async def sweep_arrivals(self) -> None:
        """Nothing to do: there are none."""

    async def close(self) -> None:
        """Finish what runs, then end. Safe to repeat."""
        if self._closing:
            return
        self._closing = True
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._pool.shutdown(wait=True)
        self._work.set()  # its last NOTIFY wakes our own listener, which then ends
        for thread in self._threads:
            thread.join()
        with self._connections_lock:
            for connection in self._connections:
                with contextlib.suppress(psycopg.Error):
                    connection.close()


def as_store_error(error: psycopg.Error, place: str) -> StoreError:
    """A failure of PostgreSQL in our words."""
    if isinstance(error, pg.DiskFull):
        return StorageFull(f"{place}: no room left")
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return StoreError(f"{place} cannot be reached: {_told(error)}")
    return StoreError(
        f"{place}: {_told(error)}" + (f" ({error.sqlstate})" if error.sqlstate else "")
    )


def _told(error: Exception) -> str:
    """One line of the server's words, without the values that it may quote."""
    told = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return " ".join((told or str(error)).split()) or type(error).__name__
