"""SQLite's log is moved into the database when it is long, and only then."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from awizo.store import Stores, open_store
from awizo.store.sqlite import SqliteDatabase
from awizo.store.sqlite_log import live_bytes
from support.sqlite_parts import database_of, settings
from support.store_parts import (
    NOON,
    accepted,
)

LARGE = bytes(range(256)) * 1024  # a file of its own


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    opened = await open_store(settings(tmp_path), now=lambda: NOON)
    yield opened
    await opened.close()


async def test_a_store_can_be_closed_while_its_log_is_being_moved(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awizo.store.sqlite_log.CHECKPOINT_BYTES", -1)
    database = database_of(stores)
    moving, go_on = threading.Event(), threading.Event()

    def held_up() -> None:
        moving.set()
        go_on.wait(30)

    monkeypatch.setattr(database._log._checkpointed, "set", held_up)
    database._log._grew.set()
    await asyncio.to_thread(moving.wait, 30)
    ending = asyncio.create_task(stores.close())
    while not database._log._grew.is_set():  # noqa: ASYNC110 - a state of another thread
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    go_on.set()
    async with asyncio.timeout(30):
        await ending


async def test_the_log_does_not_grow_for_ever(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awizo.store.sqlite_log.CHECKPOINT_BYTES", 256 * 1024)
    largest = 0
    for number in range(300):
        await accepted(stores.spool, number, body=b"x" * 20_000)
        largest = max(largest, (tmp_path / "awizo.db-wal").stat().st_size)
    assert largest < 4 * 1024 * 1024  # 300 mails of 20 kB would be 6 MB and more


async def test_a_log_that_was_long_once_is_not_moved_behind_each_commit(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awizo.store.sqlite_log.CHECKPOINT_BYTES", 1024 * 1024)
    monkeypatch.setattr("awizo.store.sqlite_log.LOOK_S", 0.001)
    database = stores.database
    assert isinstance(database, SqliteDatabase)
    log = tmp_path / "awizo.db-wal"
    for number in range(100):
        await accepted(stores.spool, number, body=b"x" * 20_000)
    assert log.stat().st_size > 1024 * 1024
    moves: list[str] = []
    database._connection.set_trace_callback(
        lambda statement: moves.append(statement) if "checkpoint" in statement else None
    )
    for number in range(100, 200):
        await accepted(stores.spool, number, body=b"x")
        await asyncio.sleep(0.002)
    database._connection.set_trace_callback(None)
    assert len(moves) <= 10  # half a dozen pages for each mail


def test_how_much_of_a_log_is_in_use_is_what_sqlite_says_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    log = tmp_path / "a.db-wal"
    assert live_bytes(log) == 0
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("CREATE TABLE t (x)")
        for count in (40, 1, 7, 300, 2):
            for _ in range(count):
                writer.execute("INSERT INTO t VALUES (randomblob(3000))")
            said = live_bytes(log)
            _, pages, moved = writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            assert pages == moved
            assert said == pages * (4096 + 24)
        assert log.stat().st_size > 2 * said
