"""What only the SQLite body promises: durable commits, files, other processes."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from awizo.errors import NotFound, SettingsError, StoreError
from awizo.model import DeliveryState
from awizo.settings import Store
from awizo.spool.port import Ending
from awizo.store import Stores, open_store
from support.sqlite_parts import (
    content_files,
    database_of,
    elsewhere,
    environment,
    program,
    settings,
)
from support.store_parts import (
    BODY,
    GOES_ON,
    NOON,
    STOPPED,
    Desk,
    a_message,
    accepted,
    an_upload,
    deciding,
    seconds,
)

LARGE = bytes(range(256)) * 1024  # a file of its own


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    opened = await open_store(settings(tmp_path), now=lambda: NOON)
    yield opened
    await opened.close()


# -- durable -------------------------------------------------------------------------------------


async def test_every_commit_is_on_the_disk_before_it_is_told(stores: Stores) -> None:
    writer = database_of(stores)._connection
    assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert writer.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert writer.execute("PRAGMA foreign_keys").fetchone() == (1,)


async def test_a_large_content_and_its_name_are_on_the_disk_before_its_row(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, int]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        other = sqlite3.connect(tmp_path / "awizo.db")
        rows = other.execute("SELECT count(*) FROM messages").fetchone()[0]
        other.close()
        synced.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), rows))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    await accepted(stores.spool, body=LARGE)

    file = next(path for path in (tmp_path / "awizo.db.d").rglob("m*") if path.is_file())
    for path in (file, file.parent, file.parent.parent, tmp_path):
        assert (str(path), 0) in synced


async def test_many_that_wait_share_one_commit(stores: Stores) -> None:
    before = database_of(stores).commits
    await asyncio.gather(*(accepted(stores.spool, number) for number in range(100)))
    assert database_of(stores).commits - before < 50


async def test_what_was_accepted_before_a_kill_is_there_after_it(tmp_path: Path) -> None:
    script = """
        import itertools
        for number in itertools.count():
            body = bytes([number % 256]) * (200_000 if number % 5 == 0 else 500)
            await accepted(stores.spool, number, body=body)
            print(number, flush=True)
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program(tmp_path, script),
        stdout=asyncio.subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert process.stdout is not None
    told = 0
    while told < 60:
        told = int(await process.stdout.readline())
    process.kill()
    rest = await process.stdout.read()
    await process.wait()
    numbers = [*range(told + 1), *map(int, rest.split())]

    stores = await open_store(settings(tmp_path))
    for number in numbers:
        size = 200_000 if number % 5 == 0 else 500
        content = await stores.spool.content(a_message(number).id)
        assert content == bytes([number % 256]) * size
    await stores.close()


# -- content files -------------------------------------------------------------------------------


async def test_a_file_goes_with_its_content(stores: Stores, tmp_path: Path) -> None:
    await Desk(stores.spool).planned(1, ending=STOPPED, body=LARGE)
    assert content_files(tmp_path) == [a_message().id]
    await stores.spool.purge(
        content_before=NOON + seconds(1), history_before=NOON, now=NOON + seconds(1)
    )
    assert content_files(tmp_path) == []


async def test_a_file_that_a_crash_left_without_a_message_is_swept_up_later(
    stores: Stores, tmp_path: Path
) -> None:
    await accepted(stores.spool, body=LARGE)
    files = database_of(stores).files
    assert files is not None
    await files.put("orphan", io.BytesIO(LARGE))
    await files.put("fresh", io.BytesIO(LARGE))
    for name in (a_message().id, "orphan"):
        os.utime(files.path_of(name), (0, 0))

    await stores.spool.purge(content_before=NOON, history_before=NOON, now=NOON)
    assert content_files(tmp_path) == ["fresh", a_message().id]


async def test_a_message_whose_file_is_lost_says_so(stores: Stores) -> None:
    await accepted(stores.spool, body=LARGE)
    files = database_of(stores).files
    assert files is not None
    files.path_of(a_message().id).unlink()
    with pytest.raises(NotFound):
        await stores.spool.content(a_message().id)


async def test_files_are_for_this_user_alone(stores: Stores, tmp_path: Path) -> None:
    await accepted(stores.spool, body=LARGE)
    for path in (tmp_path / "awizo.db", *(tmp_path / "awizo.db.d").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


async def test_a_folder_that_was_tidied_up_is_made_again(stores: Stores, tmp_path: Path) -> None:
    await accepted(stores.spool, 1, body=LARGE)
    files = database_of(stores).files
    assert files is not None
    path = files.path_of(a_message(1).id)
    path.unlink()
    path.parent.rmdir()
    again = replace(a_message(2, body=LARGE), id="x" + a_message(1).id[1:])
    await stores.spool.accept(again, io.BytesIO(LARGE))
    assert await stores.spool.content(again.id) == LARGE


# -- backup --------------------------------------------------------------------------------------


async def test_a_backup_taken_while_mail_comes_in_is_whole(stores: Stores, tmp_path: Path) -> None:
    for number in range(20):
        await accepted(stores.spool, number, body=LARGE if number % 4 == 0 else BODY)

    async def keep_coming() -> None:
        for number in range(100, 140):
            await accepted(stores.spool, number, body=LARGE if number % 4 == 0 else BODY)

    await asyncio.gather(keep_coming(), stores.backup(tmp_path / "backup" / "copy.db"))

    copy = await open_store(Store(url=f"sqlite:///{tmp_path}/backup/copy.db"))
    stored = [one async for one in copy.spool.list()]
    assert len(stored) >= 20
    for one in stored:
        content = await copy.spool.content(one.delivery.message.id)
        assert len(content) == one.delivery.message.size_bytes
    await accepted(copy.spool, 500)  # it is a store like any other
    await copy.close()


async def test_a_backup_overwrites_nothing(stores: Stores, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(StoreError, match="exists already"):
        await stores.backup(tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "precious"


# -- other processes -----------------------------------------------------------------------------


async def test_another_process_sees_and_changes_what_this_one_holds(
    stores: Stores, tmp_path: Path
) -> None:
    desk = Desk(stores.spool)
    first = await desk.planned(1, an_upload())
    second = await desk.planned(2, an_upload())
    (job,) = await desk.calls(limit=1)

    told = await elsewhere(tmp_path, f"""
        ids = await desk.ids()
        dropped = replace(STOPPED, cancel_jobs=True)
        await stores.spool.change("{second}", now=NOON, decide=lambda d, j: dropped)
        print(json.dumps([ids, [job.id for job in await desk.calls()]]))
    """)  # fmt: skip

    assert json.loads(told) == [[first, second], []]
    await desk.finish(job, STOPPED)
    assert {one.delivery.state for one in await desk.all()} == {DeliveryState.SETTLED}


async def test_a_worker_is_woken_by_what_another_process_writes(
    stores: Stores, tmp_path: Path
) -> None:
    await stores.spool.wait_for_work(0.01)
    waiting = asyncio.create_task(stores.spool.wait_for_work(60))
    await elsewhere(tmp_path, """
        await accepted(stores.spool, 1)
    """)  # fmt: skip
    await asyncio.wait_for(waiting, 20)
    assert len(await Desk(stores.spool).deliveries()) == 1


async def test_processes_that_write_at_once_wait_for_each_other(
    stores: Stores, tmp_path: Path
) -> None:
    def of(first: int) -> str:
        return f"""
        for number in range({first}, {first + 50}):
            await accepted(stores.spool, number)
        """

    async def here() -> None:
        for number in range(50):
            await accepted(stores.spool, number)

    await asyncio.gather(elsewhere(tmp_path, of(100)), elsewhere(tmp_path, of(200)), here())
    assert len(await Desk(stores.spool).ids()) == 150


async def test_processes_that_open_a_new_store_at_once_all_succeed(tmp_path: Path) -> None:
    told = await asyncio.gather(
        *(
            elsewhere(tmp_path, f"""
        await accepted(stores.spool, {number})
        print("well")
            """)
            for number in range(4)
        )
    )  # fmt: skip
    assert [one.strip() for one in told] == ["well"] * 4


async def test_a_store_that_another_process_holds_for_too_long_says_so(tmp_path: Path) -> None:
    stores = await open_store(settings(tmp_path, busy_timeout_s=0.1))
    other = sqlite3.connect(tmp_path / "awizo.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process holds the database"):
        await accepted(stores.spool, 1)
    other.execute("ROLLBACK")
    other.close()
    await accepted(stores.spool, 2)
    await stores.close()


# -- what cannot be opened -----------------------------------------------------------------------


async def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    await (await open_store(settings(tmp_path))).close()
    with sqlite3.connect(tmp_path / "awizo.db") as newer:
        newer.execute("PRAGMA user_version = 9999")
    with pytest.raises(StoreError, match=r"newer Awizo \(schema 9999"):
        await open_store(settings(tmp_path))
    with sqlite3.connect(tmp_path / "awizo.db") as newer:
        assert newer.execute("PRAGMA user_version").fetchone() == (9999,)


async def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "awizo.db") as other:
        other.execute("CREATE TABLE songs (id INTEGER)")
    with pytest.raises(StoreError, match="another program"):
        await open_store(settings(tmp_path))


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "awizo.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        await open_store(settings(tmp_path))


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"store\.url must lie in a folder"):
        await open_store(settings(tmp_path / "file"))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://awizo.db",
        "mysql://x/y",
    ],
)
async def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"store\.url"):
        await open_store(Store(url=url))


async def test_three_slashes_are_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await (await open_store(Store(url="sqlite:///var/awizo.db"))).close()
    assert (tmp_path / "var" / "awizo.db").exists()
    assert (tmp_path / "var").stat().st_mode & 0o077 == 0


async def test_a_closed_store_refuses_work(tmp_path: Path) -> None:
    stores = await open_store(settings(tmp_path))
    await stores.close()
    await stores.close()
    with pytest.raises(StoreError, match="closed"):
        await accepted(stores.spool)
    with pytest.raises(StoreError, match="closed"):
        await stores.spool.counts()


async def test_what_was_asked_before_the_end_is_done_before_the_end(tmp_path: Path) -> None:
    stores = await open_store(settings(tmp_path))
    asked = [asyncio.create_task(accepted(stores.spool, number)) for number in range(50)]
    await asyncio.sleep(0)
    await stores.close()
    await asyncio.gather(*asked)
    again = await open_store(settings(tmp_path))
    assert len(await Desk(again.spool).ids()) == 50
    await again.close()


async def test_a_cancelled_wish_is_not_carried_out_by_halves(stores: Stores) -> None:
    desk = Desk(stores.spool)
    delivery_id = await desk.planned(1, an_upload())
    for _ in range(20):
        task = asyncio.create_task(
            stores.spool.change(delivery_id, now=NOON, decide=deciding(Ending(notes=("x",))))
        )
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await stores.spool.change(delivery_id, now=NOON, decide=GOES_ON)
    assert (await desk.show(delivery_id)).delivery.notes in ((), ("x",))
