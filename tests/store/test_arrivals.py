"""Accepted mails in files of arrivals beside the database: taken in once, whatever happens."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import awizo.store.sqlite_arrivals as sqlite_arrivals
from awizo.errors import StoreError
from awizo.settings import Store
from awizo.store import Stores, migrate, open_store
from awizo.store.arrivals import (
    HEADER_BYTES,
)
from awizo.store.inbox import MOST_AT_ONCE, places, take_in_all
from awizo.store.sqlite import SqliteDatabase
from support.store_parts import BODY, FORWARDED, NOON, SOMEBODY, Desk, a_message, accepted

RING_BYTES = 65_536


def sick(*_: Any) -> Any:
    raise OSError(errno.EIO, "Input/output error")


@pytest.fixture(autouse=True)
def a_small_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_arrivals, "RING_BYTES", RING_BYTES)


def settings_of(folder: Path) -> Store:
    return Store(url=f"sqlite:///{folder}/awizo.db")


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    opened = await open_store(settings_of(tmp_path), now=lambda: NOON)
    await opened.database.keep_arrivals()
    yield opened
    await opened.close()


@pytest.fixture
async def worker(stores: Stores, tmp_path: Path) -> AsyncIterator[Stores]:
    """The store as another process has it, which works on what the first takes."""
    opened = await open_store(settings_of(tmp_path), now=lambda: NOON)
    yield opened
    await opened.close()


def file_of(folder: Path) -> Path:
    (path,) = (folder / "awizo.db.d" / "arrivals").iterdir()
    return path


def in_tables(folder: Path) -> int:
    with sqlite3.connect(folder / "awizo.db") as other:
        found: int = other.execute(
            "SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM messages)"
        ).fetchone()[0]
        return found


async def test_a_mail_waits_in_the_file_and_another_process_finds_it(
    stores: Stores, worker: Stores, tmp_path: Path
) -> None:
    await accepted(stores.spool, 1, recipients=(SOMEBODY,))
    assert in_tables(tmp_path) == 0
    assert await worker.spool.due_kinds(now=NOON, kinds=["forwards"]) == {"forwards"}
    desk = Desk(worker.spool)
    (job,) = await desk.forwards()
    assert await worker.spool.content(a_message(1).id) == BODY
    await desk.finish(job, FORWARDED)
    assert await desk.forwards() == []
    assert len(await desk.ids()) == 1


async def test_every_mail_is_taken_in_once_and_each_that_finds_no_room_goes_into_the_database(
    stores: Stores, worker: Stores, tmp_path: Path
) -> None:
    body = BODY + b"x" * 3000 + b"\r\n"
    count = MOST_AT_ONCE + 50
    for number in range(5):
        await accepted(stores.spool, number, body=body)
    await asyncio.gather(*(accepted(stores.spool, n, body=body) for n in range(5, count)))
    assert 0 < in_tables(tmp_path) < count, "nothing waits in the file, or all of it does"
    assert len(await Desk(worker.spool).ids()) == count
    for number in (0, 1, count // 2, count - 1):
        assert await worker.spool.content(a_message(number).id) == body
    for number in range(count, count + 5):  # there is room again
        await accepted(stores.spool, number, body=body)
    assert in_tables(tmp_path) == count
    assert len(await Desk(stores.spool).ids()) == count + 5


async def test_a_large_mail_lies_in_a_file_of_its_own_and_its_rows_in_the_arrivals(
    stores: Stores, worker: Stores, tmp_path: Path
) -> None:
    body = bytes(range(256)) * 2000
    await accepted(stores.spool, 1, body=body)
    assert in_tables(tmp_path) == 0
    assert len(await Desk(worker.spool).ids()) == 1
    assert await worker.spool.content(a_message(1).id) == body


@pytest.mark.parametrize("name", ["pwritev", "fdatasync"])
async def test_when_the_file_fails_the_database_takes_each_mail_and_none_twice(
    stores: Stores,
    worker: Stores,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    await accepted(stores.spool, 1)

    monkeypatch.setattr(os, name, sick)
    await asyncio.gather(*(accepted(stores.spool, number) for number in range(2, 6)))
    monkeypatch.undo()
    await accepted(stores.spool, 6)
    assert in_tables(tmp_path) == 5
    assert len(await Desk(worker.spool).ids()) == 6


async def test_a_mail_that_stands_in_both_is_there_once(
    stores: Stores, worker: Stores, tmp_path: Path
) -> None:
    await accepted(stores.spool, 1)
    await accepted(stores.spool, 2)
    other = await open_store(settings_of(tmp_path), now=lambda: NOON)
    database = other.database
    assert isinstance(database, SqliteDatabase)
    database._arrivals.files.folder = tmp_path / "nowhere"  # as if it did not know of the file
    await accepted(other.spool, 2)
    await other.close()
    assert len(await Desk(worker.spool).ids()) == 2


@pytest.mark.parametrize("how", ["removed", "replaced"])
async def test_a_file_that_went_under_the_running_service_takes_nothing_more(
    stores: Stores, tmp_path: Path, how: str
) -> None:
    path = file_of(tmp_path)
    path.unlink()
    if how == "replaced":
        path.write_bytes(b"")
    await accepted(stores.spool, 1)
    assert in_tables(tmp_path) == 1
    assert len(await Desk(stores.spool).ids()) == 1


async def test_after_a_kill_the_next_start_finds_what_waits_and_tidies_up(tmp_path: Path) -> None:
    first = await open_store(settings_of(tmp_path), now=lambda: NOON)
    await first.database.keep_arrivals()
    await accepted(first.spool, 1, recipients=(SOMEBODY,))
    await as_killed(first)
    old = file_of(tmp_path)

    for left in (1, 0):
        again = await open_store(settings_of(tmp_path), now=lambda: NOON)
        if left:
            assert old.exists()
        await again.database.keep_arrivals()
        assert not old.exists()
        desk = Desk(again.spool)
        jobs = await desk.forwards()
        assert len(jobs) == left
        for job in jobs:
            await desk.finish(job, FORWARDED)
        assert len(await desk.ids()) == 1
        await again.close()
    with sqlite3.connect(tmp_path / "awizo.db") as other:
        known = [name for (name,) in other.execute("SELECT name FROM arrivals")]
    assert old.name not in known


async def test_a_mail_that_was_purged_does_not_come_back_from_the_file(
    stores: Stores, tmp_path: Path
) -> None:
    await accepted(stores.spool, 1, recipients=(SOMEBODY,))
    desk = Desk(stores.spool)
    (job,) = await desk.forwards()
    await desk.finish(job, FORWARDED)
    later = NOON + timedelta(days=1000)
    await stores.spool.purge(content_before=later, history_before=later, now=later)
    assert await desk.ids() == []
    await as_killed(stores)

    again = await open_store(settings_of(tmp_path), now=lambda: NOON)
    await again.database.keep_arrivals()
    assert await Desk(again.spool).ids() == []
    assert await Desk(again.spool).forwards() == []
    await again.close()


async def test_several_that_begin_at_once_leave_each_others_files_alone(tmp_path: Path) -> None:
    dead = await open_store(settings_of(tmp_path), now=lambda: NOON)
    await dead.database.keep_arrivals()
    await accepted(dead.spool, 100)
    await as_killed(dead)
    for turn in range(10):
        several = [await open_store(settings_of(tmp_path), now=lambda: NOON) for _ in range(3)]
        await asyncio.gather(*(one.database.keep_arrivals() for one in several))
        before = in_tables(tmp_path)
        for number, one in enumerate(several):
            await accepted(one.spool, 3 * turn + number)
        assert in_tables(tmp_path) == before, "one of them has no file"
        assert len(await Desk(several[0].spool).ids()) == 3 * turn + 4
        for one in several:
            await one.close()
    assert list((tmp_path / "awizo.db.d" / "arrivals").iterdir()) == []


async def test_a_file_is_judged_by_how_far_it_is_taken_in_when_its_owner_is_gone(
    stores: Stores, worker: Stores, tmp_path: Path
) -> None:
    database = worker.database
    assert isinstance(database, SqliteDatabase)
    files = database._arrivals.files
    path = file_of(tmp_path)
    for number in (1, 2):
        await accepted(stores.spool, number)
    await Desk(worker.spool).ids()
    await accepted(stores.spool, 3)
    locked = files._locked

    def ends_first(name: str) -> Any:
        """The owner wipes what is taken in, and ends, when the sweep has begun already."""
        owner = stores.database
        assert isinstance(owner, SqliteDatabase)
        owner._arrivals.let_go(sqlite3.connect(tmp_path / "awizo.db"))
        return locked(name)

    files._locked = ends_first  # type: ignore[method-assign]
    await asyncio.to_thread(files.sweep, lambda: database.read_here(places))
    assert path.exists()
    assert len(await Desk(worker.spool).ids()) == 3
    await worker.database.sweep_arrivals()
    assert not path.exists()


async def test_a_purge_drops_no_content_of_a_mail_that_cannot_be_read_just_now(
    stores: Stores, worker: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = bytes(range(256)) * 2000
    await accepted(stores.spool, 1, body=body)
    later = NOON + timedelta(days=1000)
    monkeypatch.setattr("awizo.store.content_files.LEFT_ALONE_S", -10)

    async def purged() -> None:
        await worker.spool.purge(content_before=NOON, history_before=NOON, now=later)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", sick)
        await purged()
    await purged()
    assert len(await Desk(worker.spool).ids()) == 1
    assert await worker.spool.content(a_message(1).id) == body


async def test_a_purge_removes_a_file_that_was_let_go_too_early(
    stores: Stores, worker: Stores, tmp_path: Path
) -> None:
    await accepted(stores.spool, 1)
    path = file_of(tmp_path)
    path.chmod(0o400)  # shut, and the move was given up
    await accepted(stores.spool, 2)
    await Desk(worker.spool).ids()
    assert path.exists()
    await worker.spool.purge(content_before=NOON, history_before=NOON, now=NOON)
    assert not path.exists()
    assert len(await Desk(worker.spool).ids()) == 2


async def test_what_is_there_already_is_answered_well_though_another_file_cannot_be_read(
    stores: Stores, worker: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accepted(worker.spool, 7)
    await accepted(stores.spool, 1)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", sick)
        await accepted(worker.spool, 7)
    assert len(await Desk(worker.spool).ids()) == 2


async def test_a_folder_that_cannot_be_listed_makes_nobody_forget_a_file(
    stores: Stores, worker: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accepted(stores.spool, 1)

    def sick(*_: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "iterdir", sick)
        await worker.database.sweep_arrivals()
        await worker.database.keep_arrivals()
        with pytest.raises(StoreError, match="Too many open files"):
            await worker.database.shut_arrivals()
    await accepted(stores.spool, 2)
    assert len(await Desk(worker.spool).ids()) == 2


async def test_a_store_that_does_not_know_its_file_takes_the_mails_itself(
    stores: Stores, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "awizo.db") as other:
        other.execute("DELETE FROM arrivals")
    body = BODY + b"x" * 3000 + b"\r\n"
    for number in range(40):  # more than fit: then the database is asked
        await accepted(stores.spool, number, body=body)
    assert in_tables(tmp_path) > 10


async def test_with_a_clean_end_nothing_is_left_once_all_is_taken_in(
    stores: Stores, worker: Stores, tmp_path: Path
) -> None:
    for number in range(3):
        await accepted(stores.spool, number)
    path = file_of(tmp_path)
    await stores.close()
    assert path.exists()
    await worker.database.sweep_arrivals()
    assert not path.exists()
    with sqlite3.connect(tmp_path / "awizo.db") as other:
        assert other.execute("SELECT count(*) FROM arrivals").fetchone() == (0,)
    assert len(await Desk(worker.spool).ids()) == 3


async def test_what_stands_behind_half_a_record_was_never_answered_and_is_not_taken_in(
    tmp_path: Path,
) -> None:
    first = await open_store(settings_of(tmp_path), now=lambda: NOON)
    await first.database.keep_arrivals()
    for number in range(3):
        await accepted(first.spool, number)
    await as_killed(first)
    path = file_of(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(a_message(1).id.encode()) + 40] ^= 0xFF  # as a power cut within one write
    path.write_bytes(data)

    again = await open_store(settings_of(tmp_path), now=lambda: NOON)
    await again.database.keep_arrivals()
    assert len(await Desk(again.spool).ids()) == 1
    assert not path.exists()
    await again.close()


async def as_killed(stores: Stores) -> None:
    """End it without its letting go in good order: its lock goes, all else stays."""
    database = stores.database
    assert isinstance(database, SqliteDatabase)
    database._arrivals._drop()
    await stores.close()


async def until(true: Callable[[], bool]) -> None:
    over_at = time.monotonic() + 20
    while not true():
        assert time.monotonic() < over_at
        await asyncio.sleep(0.02)


async def test_nobodys_mail_stays_in_the_file_once_the_database_has_it(
    stores: Stores, worker: Stores, tmp_path: Path
) -> None:
    secret = b"Jan Kowalski, ul. Prosta 1"
    path = file_of(tmp_path)
    for number in range(60):  # more than a round
        await accepted(stores.spool, number, body=BODY + secret + b"x" * 1500)
        if number % 10 == 0:
            await Desk(worker.spool).ids()
    assert secret in path.read_bytes()
    await accepted(stores.spool, 60)
    assert len(await Desk(worker.spool).ids()) == 61
    await until(lambda: not any(path.read_bytes()[HEADER_BYTES:]))
    await accepted(stores.spool, 61)
    assert len(await Desk(worker.spool).ids()) == 62


async def test_a_file_with_nothing_to_do_with_it_disturbs_nobody(
    stores: Stores, tmp_path: Path
) -> None:
    folder = file_of(tmp_path).parent
    (folder / "notes.txt").write_text("mail" * 100)
    (folder / "a folder").mkdir()
    await accepted(stores.spool, 1)
    assert len(await Desk(stores.spool).ids()) == 1
    again = await open_store(settings_of(tmp_path), now=lambda: NOON)
    await again.database.keep_arrivals()
    await accepted(again.spool, 2)
    assert len(await Desk(again.spool).ids()) == 2
    await again.close()


async def test_where_there_is_little_room_there_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_arrivals, "RING_BYTES", 1 << 60)
    opened = await open_store(settings_of(tmp_path), now=lambda: NOON)
    await opened.database.keep_arrivals()
    await accepted(opened.spool, 1)
    assert in_tables(tmp_path) == 1
    assert not (tmp_path / "awizo.db.d" / "arrivals").exists()
    await opened.close()


# --- backup and move ----------------------------------------------------------------------------


async def test_a_backup_holds_what_waits_in_the_file_and_knows_nothing_of_the_file(
    stores: Stores, worker: Stores, tmp_path: Path
) -> None:
    for number in range(5):
        await accepted(stores.spool, number)
    await worker.backup(tmp_path / "backup" / "copy.db")
    key_file = tmp_path / "awizo.db.key"
    copy = await open_store(
        Store(url=f"sqlite:///{tmp_path}/backup/copy.db", key_file=key_file), now=lambda: NOON
    )
    assert len(await Desk(copy.spool).ids()) == 5
    await copy.close()
    with sqlite3.connect(tmp_path / "backup" / "copy.db") as other:
        assert other.execute("SELECT count(*) FROM arrivals").fetchone() == (0,)


def elsewhere(folder: Path) -> Store:
    return Store(url=f"sqlite:///{folder}/new/awizo.db", key_file=folder / "awizo.db.key")


async def test_neither_a_backup_nor_a_move_goes_on_without_mails_that_it_cannot_read(
    stores: Stores, worker: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accepted(stores.spool, 1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", sick)
        with pytest.raises(StoreError, match="cannot be read"):
            await worker.backup(tmp_path / "backup" / "copy.db")
        with pytest.raises(StoreError, match="cannot be read"):
            await migrate(settings_of(tmp_path), elsewhere(tmp_path), now=NOON)
        await accepted(stores.spool, 2, recipients=(SOMEBODY,))  # it is shut: into the database
        desk = Desk(worker.spool)
        assert len(await desk.forwards()) == 1  # the rest of the work goes on
    assert len(await desk.ids()) == 2


async def test_a_move_takes_what_waits_and_nothing_is_accepted_behind_its_back(
    stores: Stores, tmp_path: Path
) -> None:
    taken: list[int] = []
    refused: list[int] = []
    moved = asyncio.Event()

    async def hand_in() -> None:
        for number in range(10_000):
            try:
                await accepted(stores.spool, number)
                taken.append(number)
            except StoreError:
                refused.append(number)
            if moved.is_set() and refused:
                return
            await asyncio.sleep(0)

    shop = asyncio.create_task(hand_in())
    await until(lambda: len(taken) > 20)
    target = elsewhere(tmp_path)
    await migrate(settings_of(tmp_path), target, now=NOON)
    assert list((tmp_path / "awizo.db.d" / "arrivals").iterdir()) == []
    moved.set()
    await shop
    copy = await open_store(target, now=lambda: NOON)
    assert len(await Desk(copy.spool).ids()) == len(taken)
    await copy.close()


async def test_a_move_waits_for_no_process_that_does_not_let_go(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = stores.database
    assert isinstance(database, SqliteDatabase)
    monkeypatch.setattr(sqlite_arrivals, "LET_GO_S", 0.2)
    monkeypatch.setattr(database._arrivals, "look_after", lambda connection: None)
    with pytest.raises(StoreError, match="stop it first"):
        await migrate(settings_of(tmp_path), elsewhere(tmp_path), now=NOON)
    await accepted(stores.spool, 1)  # it is not fenced, and the shop does not notice
    assert len(await Desk(stores.spool).ids()) == 1


# --- killed -------------------------------------------------------------------------------------

SHOP = """
import asyncio, sys
from awizo.settings import Store
from awizo.store import open_store
import awizo.store.sqlite_arrivals as sqlite_arrivals
from support.store_parts import NOON, accepted

sqlite_arrivals.RING_BYTES = 1 << 20

async def shop() -> None:
    stores = await open_store(Store(url=sys.argv[1]), now=lambda: NOON)
    await stores.database.keep_arrivals()
    number = int(sys.argv[2])

    async def hand_in(number: int) -> None:
        await accepted(stores.spool, number)
        print(number, flush=True)

    while True:
        await asyncio.gather(*(hand_in(number + n) for n in range(5)))
        number += 5
        await asyncio.sleep(0.003)

asyncio.run(shop())
"""


@pytest.mark.slow
async def test_killed_at_any_moment_every_mail_that_was_answered_is_there_once(
    tmp_path: Path,
) -> None:
    worker = await open_store(settings_of(tmp_path), now=lambda: NOON)
    desk = Desk(worker.spool)
    answered: set[int] = set()
    rng = random.Random()
    for life in range(6):
        process = subprocess.Popen(  # noqa: ASYNC220 - it is read in a thread
            [sys.executable, "-c", SHOP, settings_of(tmp_path).url, str(life * 1_000_000)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert process.stdout is not None
        until_then = rng.randint(1, 60)
        for _ in range(until_then):
            answered.add(int(await asyncio.to_thread(process.stdout.readline)))
            if rng.random() < 0.1:
                await worker.database.write(take_in_all)
        process.kill()
        answered |= {int(line) for line in process.stdout.read().splitlines(keepends=True)
                     if line.endswith(b"\n")}  # fmt: skip
        process.wait()
    ids = await desk.ids()
    assert len(ids) == len(set(ids))
    there = {int(one.rpartition(".")[0][1:]) for one in ids}
    assert answered <= there
    assert len(there - answered) <= 6 * 10, "more are there than were under way"
    await worker.close()
