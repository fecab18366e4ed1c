"""The file of an SQLite database: made, opened, brought up to date; its failures in our words.

In:  a path.
Out: connections that commit durably; StoreError with what is wrong.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import structlog

from awizo.errors import StorageFull, StoreError
from awizo.store.content_files import sync_folder
from awizo.store.database import SQLITE
from awizo.store.schema import outstanding

log = structlog.get_logger()

APPLICATION_ID = 0x4157495A  # "AWIZ": tells our files from others'
PAGE_BYTES = 4096

# What makes the writer start again with a fresh connection before the next batch.
_SICK = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
                   sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})  # fmt: skip


def as_store_error(error: Exception, what: str) -> StoreError:
    """A failure of SQLite or of the file system in our words."""
    code = getattr(error, "sqlite_errorcode", 0) or 0
    if code & 0xFF == sqlite3.SQLITE_FULL:
        return StorageFull(f"{what}: no room left")
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(f"{what}: another process holds the database; tried long enough")
    name = getattr(error, "sqlite_errorname", None)
    return StoreError(f"{what}: {error}" + (f" ({name})" if name else ""))


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection was writing."""
    return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF == sqlite3.SQLITE_BUSY


def is_sick(error: BaseException) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF in _SICK


def make_place(path: Path) -> None:
    """Make the file, empty and for this user alone, and its folder."""
    folder = path.parent
    try:
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
        if not path.exists():
            # Ours alone, whatever the umask; SQLite gives -wal and -shm the same mode.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            # SQLite makes only those names durable that it gives itself.
            for place in (folder, folder.parent):
                with contextlib.suppress(PermissionError):  # it may be another's
                    sync_folder(place)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be made: {error.strerror}; store.url must lie in a folder "
            "that this user may write to"
        ) from None


def connect(path: Path, *, busy_timeout_s: float, reader: bool = False) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time."""
    connection = sqlite3.connect(
        path,
        timeout=busy_timeout_s,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -16384")
    connection.execute("PRAGMA temp_store = MEMORY")  # a sort of some rows is no file
    if reader:
        connection.execute("PRAGMA query_only = ON")
    else:
        # What a purge removes is overwritten, where that costs no extra write.
        connection.execute("PRAGMA secure_delete = FAST")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA journal_size_limit = 67108864")
    return connection


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date; closes the connection when that cannot be.

    Raises:
        StoreError: It is another program's, or newer than we are.
    """
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != APPLICATION_ID and (owner or tables):
        connection.close()
        raise StoreError(f"{path} is a database of another program")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    try:
        outstanding(version, str(path))
    except StoreError:
        connection.close()
        raise
    if not tables:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        connection.close()
        raise StoreError(f"{path}: the file system allows no write-ahead log ({mode})")
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Read again: another process may have been quicker.
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for migration in outstanding(version, str(path)):
            for statement in migration.statements(SQLITE):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {migration.number}")
            log.info("schema_migrated", migration=migration.name)
        if owner != APPLICATION_ID:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        connection.close()
        raise
