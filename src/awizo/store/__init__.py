"""The store: one database behind all the ports that keep something.

In:  the section ``store`` of the settings.
Out: bodies of the spool, the order index, the accounts, the ledger and the memory.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from awizo.errors import SettingsError, StoreError
from awizo.settings import Store
from awizo.store.accounts import DatabaseAccounts
from awizo.store.database import Database
from awizo.store.ledger import DatabaseLedger
from awizo.store.memory import DatabaseMemory
from awizo.store.moving import Moved, Progress, copy, copy_to_file, move, refuse_moved, undo
from awizo.store.orders import DatabaseOrders
from awizo.store.sealing import HOW_TO_MAKE, KeyFile
from awizo.store.spool import DatabaseSpool
from awizo.store.sqlite import SqliteDatabase
from awizo.store.urls import is_postgresql, sqlite_path

__all__ = [
    "Moved",
    "Stores",
    "migrate",
    "open_database",
    "open_store",
    "restore",
    "undo_migration",
]


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that is kept, in one database."""

    database: Database
    spool: DatabaseSpool
    orders: DatabaseOrders
    accounts: DatabaseAccounts
    ledger: DatabaseLedger
    memory: DatabaseMemory

    async def backup(self, path: Path) -> None:
        """Copy the whole store to a new SQLite database at *path* while it is in use.

        The key file is not in it: keep a copy of that elsewhere.

        Raises:
            StoreError: *path* is there already, or cannot be written.
        """
        if isinstance(self.database, SqliteDatabase):
            await self.database.backup(path)
        else:
            await copy_to_file(self.database, path)

    async def close(self) -> None:
        """Finish what waits, then end. Safe to repeat."""
        await self.database.close()


def utc_now() -> datetime:
    return datetime.now(UTC)


async def open_database(settings: Store) -> Database:
    """Open the database of ``store.url`` and bring its schema up to date.

    Raises:
        SettingsError: The URL names no database that we know.
        StoreError: It cannot be opened.
    """
    path = sqlite_path(settings.url)
    if path is not None:
        return await asyncio.to_thread(SqliteDatabase, path, busy_timeout_s=settings.busy_timeout_s)
    from awizo.store.postgresql import PostgresqlDatabase  # its driver takes long to import

    return await asyncio.to_thread(PostgresqlDatabase, settings.url, pool_size=settings.pool_size)


async def migrate(
    source: Store, target: Store, *, now: datetime, progress: Progress | None = None
) -> Moved:
    """Move the spool from one database to another; see :func:`awizo.store.moving.move`.

    The tokens in it stay sealed with the key they were sealed with: ``store.key_file`` of the
    new settings must name that key.
    """
    await _must_exist(source.url)
    async with opened(source) as old, opened(target) as new:
        return await move(old, new, now=now, progress=progress)


async def undo_migration(source: Store) -> bool:
    """Stay with the old database after all; False when no move was begun."""
    await _must_exist(source.url)
    async with opened(source) as old:
        return await undo(old)


async def restore(backup: Path, target: Store, *, progress: Progress | None = None) -> Moved:
    """Fill an empty store from a backup.

    Raises:
        StoreError: There is no such backup, or the store is not empty.
    """
    url = f"sqlite:///{backup}"
    await _must_exist(url)
    async with opened(Store(url=url)) as old, opened(target) as new:
        return await copy(old, new, progress=progress)


async def _must_exist(url: str) -> None:
    """An SQLite database would be made where there is none."""
    path = sqlite_path(url)
    if path is not None and not await asyncio.to_thread(path.exists):
        raise StoreError(f"there is no database {path}")


@contextlib.asynccontextmanager
async def opened(settings: Store) -> AsyncIterator[Database]:
    """A database for the length of a ``with``."""
    database = await open_database(settings)
    try:
        yield database
    finally:
        await database.close()


def key_file(settings: Store) -> KeyFile:
    """The key that seals the tokens of this store.

    Raises:
        SettingsError: ``store.key_file`` or ``store.key`` must be set, since replicas share it.
    """
    path = sqlite_path(settings.url)
    if path is None and not is_postgresql(settings.url):
        raise SettingsError("store.url must begin with sqlite:/// or postgresql://")
    if settings.key is not None:
        return KeyFile(None, make=False, key=settings.key.get_secret_value())
    if settings.key_file is not None:
        return KeyFile(settings.key_file, make=False)
    if path is None:
        raise SettingsError(
            "store.key_file is not set; with PostgreSQL every replica needs the same key: "
            + HOW_TO_MAKE
        )
    return KeyFile(path.with_name(path.name + ".key"), make=True)


async def open_store(
    settings: Store,
    *,
    now: Callable[[], datetime] = utc_now,
    forget_secrets: bool = False,
) -> Stores:
    """Open the store and see that the key fits it.

    Args:
        forget_secrets: Drop all tokens first, because their key is lost for good; every account
            must be connected again then.

    Raises:
        SettingsError: URL or key file cannot be used; says what to set.
        StoreError: The database cannot be opened.
    """
    key = key_file(settings)
    database = await open_database(settings)
    try:
        await refuse_moved(database)
        accounts = DatabaseAccounts(database, key)
        if forget_secrets:
            await accounts.forget_secrets()
        await accounts.check_key()
        return Stores(
            database=database,
            spool=DatabaseSpool(database, now=now),
            orders=DatabaseOrders(database),
            accounts=accounts,
            ledger=DatabaseLedger(database, now=now),
            memory=DatabaseMemory(database),
        )
    except BaseException:
        await database.close()
        raise
