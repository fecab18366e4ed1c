"""Mails that were just accepted: one row each, and everything that is promised of a mail."""

from __future__ import annotations

import asyncio
import io
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from awizo.errors import StoreError
from awizo.intake.body import Body
from awizo.settings import Store
from awizo.store import Stores, migrate, open_store
from awizo.store.content_files import ContentFiles
from awizo.store.inbox import MOST_AT_ONCE
from awizo.store.sqlite import SqliteDatabase
from support.store_parts import (
    BODY,
    FORWARDED,
    NOON,
    SOMEBODY,
    Desk,
    a_message,
    accepted,
    seconds,
)

LARGE = bytes(range(256)) * 2000


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    opened = await open_store(Store(url=f"sqlite:///{tmp_path}/awizo.db"), now=lambda: NOON)
    yield opened
    await opened.close()


def in_inbox(folder: Path) -> int:
    with sqlite3.connect(folder / "awizo.db") as other:
        found: int = other.execute("SELECT count(*) FROM inbox").fetchone()[0]
        return found


async def test_what_was_accepted_together_is_one_commit(stores: Stores, tmp_path: Path) -> None:
    before = stores.database.commits  # type: ignore[attr-defined]
    await asyncio.gather(*(accepted(stores.spool, number) for number in range(50)))

    assert stores.database.commits - before < 10  # type: ignore[attr-defined]
    assert in_inbox(tmp_path) == 50
    assert len(await Desk(stores.spool).ids()) == 50
    assert in_inbox(tmp_path) == 0


async def test_the_mails_of_a_moment_are_one_statement_that_commits_by_itself(
    stores: Stores,
) -> None:
    database = stores.database
    assert isinstance(database, SqliteDatabase)
    said: list[str] = []
    database._connection.set_trace_callback(said.append)
    await asyncio.gather(*(accepted(stores.spool, number) for number in range(30)))
    database._connection.set_trace_callback(None)

    statements = {
        one for one in said if not one.startswith("--")
    }  # it is told again by its trigger
    assert all(one.startswith("INSERT INTO accepted ") for one in statements)
    assert len(statements) == database.commits < 10


async def test_a_mail_that_is_there_takes_no_other_of_its_moment_with_it(stores: Stores) -> None:
    await accepted(stores.spool, 1)
    await Desk(stores.spool).ids()  # the first stands in its tables now
    await accepted(stores.spool, 2)
    await asyncio.gather(*(accepted(stores.spool, number) for number in range(6)))

    assert len(await Desk(stores.spool).ids()) == 6


async def test_one_mail_that_cannot_be_kept_takes_no_other_with_it(stores: Stores) -> None:
    short = a_message(7, body=BODY + b"more than will come")
    results = await asyncio.gather(
        *(accepted(stores.spool, number) for number in range(5)),
        stores.spool.accept(short, io.BytesIO(BODY)),
        *(accepted(stores.spool, number) for number in range(10, 15)),
        return_exceptions=True,
    )

    assert [type(one) for one in results if isinstance(one, BaseException)] == [StoreError]
    assert len(await Desk(stores.spool).ids()) == 10


async def test_a_mail_accepted_twice_is_there_once_before_and_after_it_was_taken_in(
    stores: Stores,
) -> None:
    for _ in range(2):
        await accepted(stores.spool, 1)
        await accepted(stores.spool, 1)
        assert len(await Desk(stores.spool).ids()) == 1


async def test_another_mail_with_an_id_that_is_taken_is_refused(stores: Stores) -> None:
    await accepted(stores.spool, 1)
    with pytest.raises(StoreError, match="another message"):
        await accepted(stores.spool, 1, route="other")


async def test_a_start_after_a_kill_finds_what_was_accepted(tmp_path: Path) -> None:
    settings = Store(url=f"sqlite:///{tmp_path}/awizo.db")
    stores = await open_store(settings, now=lambda: NOON)
    await accepted(stores.spool, 1, body=LARGE)
    await accepted(stores.spool, 2, recipients=(SOMEBODY,))
    await stores.close()
    assert in_inbox(tmp_path) == 2

    again = await open_store(settings, now=lambda: NOON)
    desk = Desk(again.spool)
    assert len(await desk.forwards()) == 1
    assert len(await desk.ids()) == 2
    assert await again.spool.content(a_message(1).id) == LARGE
    await again.close()


async def test_what_an_older_program_accepted_is_taken_in_without_what_it_did_not_know(
    stores: Stores, tmp_path: Path
) -> None:
    await accepted(stores.spool, 1)
    with sqlite3.connect(tmp_path / "awizo.db") as other:
        other.execute(
            "UPDATE inbox SET record = json_remove(record, '$.messages[0][#-1]')"
        )  # the facts of its content came last

    desk = Desk(stores.spool)
    (delivery_id,) = await desk.ids()
    found = await stores.spool.show(delivery_id)
    assert found.delivery.message.facts is None
    assert await stores.spool.content(a_message(1).id) == BODY


async def test_work_is_found_in_more_than_is_taken_in_at_once(stores: Stores) -> None:
    count = MOST_AT_ONCE + 20
    for number in range(count):
        await accepted(stores.spool, number, recipients=(SOMEBODY,))
    desk = Desk(stores.spool)
    left = 0
    while jobs := await desk.forwards(limit=50):
        for job in jobs:
            await desk.finish(job, FORWARDED)
            left += 1
    assert left == count


async def test_with_a_busy_smarthost_new_mails_are_looked_into_a_moment_later(
    stores: Stores,
) -> None:
    await accepted(stores.spool, 1, recipients=(SOMEBODY,))
    await Desk(stores.spool).forwards()
    await accepted(stores.spool, 2, recipients=(SOMEBODY,), smarthost="well")

    look = {"now": NOON, "kinds": ["forwards"], "busy_smarthosts": ["default"]}
    assert await stores.spool.due_kinds(**look) == set()  # type: ignore[arg-type]
    due = await stores.spool.next_due(**look)  # type: ignore[arg-type]
    assert due is not None
    assert NOON <= due <= NOON + seconds(0.3)
    async with asyncio.timeout(20):
        while not await stores.spool.due_kinds(**look):  # type: ignore[arg-type] # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_move_and_a_backup_take_what_was_just_accepted_with_them(
    stores: Stores, tmp_path: Path
) -> None:
    await accepted(stores.spool, 1, body=LARGE)
    await accepted(stores.spool, 2)
    await stores.backup(tmp_path / "backup" / "copy.db")
    await accepted(stores.spool, 3)
    await stores.close()
    await migrate(
        Store(url=f"sqlite:///{tmp_path}/awizo.db"),
        Store(url=f"sqlite:///{tmp_path}/new/awizo.db", key_file=tmp_path / "awizo.db.key"),
        now=NOON,
    )

    for url, count in (("backup/copy.db", 2), ("new/awizo.db", 3)):
        copy = await open_store(
            Store(url=f"sqlite:///{tmp_path}/{url}", key_file=tmp_path / "awizo.db.key")
        )
        assert len(await Desk(copy.spool).ids()) == count
        assert await copy.spool.content(a_message(1).id) == LARGE
        await copy.close()
    with pytest.raises(StoreError, match="moved"):
        await open_store(Store(url=f"sqlite:///{tmp_path}/awizo.db"))


def a_body_on_disk(folder: Path) -> Body:
    body = Body(memory_bytes=10, folder=folder)
    body.write(LARGE)
    assert body.on_disk
    return body


async def test_a_body_that_waits_on_disk_gets_a_name_in_place_of_a_copy(tmp_path: Path) -> None:
    files = ContentFiles(tmp_path / "contents")
    body = a_body_on_disk(tmp_path)
    inode = os.fstat(body.file().fileno()).st_ino

    assert await files.put("m1", body.file()) == len(LARGE)
    body.drop()

    assert files.path_of("m1").stat().st_ino == inode
    assert files.path_of("m1").read_bytes() == LARGE
    assert files.path_of("m1").stat().st_mode & 0o777 == 0o600
    files.close()


async def test_a_name_that_is_taken_is_left_or_replaced_as_asked(tmp_path: Path) -> None:
    files = ContentFiles(tmp_path / "contents")
    await files.put("m1", io.BytesIO(b"what an earlier attempt left"))
    body = a_body_on_disk(tmp_path)

    assert await files.put("m1", body.file(), replace=False) is None
    assert files.path_of("m1").read_bytes().startswith(b"what")
    assert await files.put("m1", body.file()) == len(LARGE)
    assert files.path_of("m1").read_bytes() == LARGE
    files.close()


async def test_where_no_name_can_be_given_the_body_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    files = ContentFiles(tmp_path / "contents")
    body = a_body_on_disk(tmp_path)

    assert await files.put("m1", body.file()) == len(LARGE)
    assert files.path_of("m1").read_bytes() == LARGE
    files.close()
