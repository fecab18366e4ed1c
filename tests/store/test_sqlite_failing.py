"""A disk that is full, ill or replaced: SQLite says so, keeps nothing half, and heals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from awizo.errors import StorageFull, StoreError
from awizo.store import Stores, open_store
from support.sqlite_parts import content_files, database_of, elsewhere, settings
from support.store_parts import (
    BODY,
    NOON,
    Desk,
    a_message,
    accepted,
)

LARGE = bytes(range(256)) * 1024  # a file of its own


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    opened = await open_store(settings(tmp_path), now=lambda: NOON)
    yield opened
    await opened.close()


async def test_a_full_database_says_so_keeps_nothing_half_and_heals(
    stores: Stores, tmp_path: Path
) -> None:
    desk = Desk(stores.spool)
    await accepted(stores.spool, 1)
    writer = database_of(stores)._connection
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages + 2}")

    results = await asyncio.gather(
        *(accepted(stores.spool, number, body=b"x" * 30_000) for number in range(10, 20)),
        return_exceptions=True,
    )
    assert {type(result) for result in results} == {StorageFull}
    assert await desk.ids() == [a_message(1).deliveries[0].id]
    assert await stores.spool.content(a_message(1).id) == BODY

    writer.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(50, 100):
        with contextlib.suppress(StorageFull):
            await accepted(stores.spool, number, body=LARGE)
    kept = [one.delivery.message.id for one in await desk.all()]
    assert len(kept) < 51
    assert set(content_files(tmp_path)) <= set(kept)  # no attempt left a file behind

    writer.execute("PRAGMA max_page_count = 1000000")
    await accepted(stores.spool, 2)
    assert len(await desk.ids()) == len(kept) + 1


async def test_small_mails_of_the_same_moment_get_through_beside_one_for_which_there_is_no_room(
    stores: Stores,
) -> None:
    await accepted(stores.spool, 1)
    writer = database_of(stores)._connection
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages + 6}")
    results = await asyncio.gather(
        accepted(stores.spool, 2),
        accepted(stores.spool, 3, body=b"x" * 60_000),
        accepted(stores.spool, 4),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [list, StorageFull, list]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 6 MB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=False)


async def test_a_full_disk_says_so_keeps_nothing_half_and_heals(small_disk: Path) -> None:
    stores = await open_store(settings(small_disk))
    (small_disk / "ballast").write_bytes(b"x" * 1_000_000)
    kept: list[int] = []
    full: list[int] = []
    for number in range(200):
        try:
            await accepted(stores.spool, number, body=LARGE if number % 2 else b"x" * 30_000)
            kept.append(number)
        except StorageFull:
            full.append(number)
    assert kept
    assert full
    assert len(await Desk(stores.spool).ids()) <= len(kept)  # a list is shown all the same

    (small_disk / "ballast").unlink()
    assert len(await Desk(stores.spool).ids()) == len(kept)
    for number in kept:
        assert len(await stores.spool.content(a_message(number).id)) in (len(LARGE), 30_000)
    await accepted(stores.spool, 1000)
    await stores.spool.probe()
    await stores.close()


async def test_a_disk_gone_read_only_is_told_and_heals_by_itself(stores: Stores) -> None:
    await accepted(stores.spool, 1)
    database_of(stores)._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="readonly"):
        await accepted(stores.spool, 2)
    await accepted(stores.spool, 2)  # with a fresh connection
    assert len(await Desk(stores.spool).ids()) == 2


async def test_an_io_error_is_told_and_heals_by_itself(tmp_path: Path) -> None:
    """The kernel refuses to write past a size: an error of the file system to SQLite."""
    told = await elsewhere(tmp_path, """
        import resource
        await accepted(stores.spool, 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        outcomes = []
        for number in (2, 3, 4):
            try:
                await accepted(stores.spool, number, body=b"x" * (300_000 if number == 3 else 9000))
                outcomes.append("kept")
            except StoreError as error:
                outcomes.append(type(error).__name__)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        await stores.spool.probe()
        await accepted(stores.spool, 5)
        print(json.dumps([outcomes, len(await desk.ids())]))
    """)  # fmt: skip
    outcomes, count = json.loads(told.splitlines()[-1])
    assert outcomes == ["StoreError", "StorageFull", "StoreError"]
    assert count == 2


async def test_a_store_whose_file_was_replaced_takes_nothing_that_nobody_would_find(
    stores: Stores, tmp_path: Path
) -> None:
    await accepted(stores.spool, 1)
    (tmp_path / "awizo.db").rename(tmp_path / "moved.db")
    with pytest.raises(StoreError, match="moved or replaced"):
        await accepted(stores.spool, 2)
    (tmp_path / "awizo.db").write_bytes(b"")
    with pytest.raises(StoreError, match="moved or replaced"):
        await accepted(stores.spool, 3)
    (tmp_path / "moved.db").rename(tmp_path / "awizo.db")
    await accepted(stores.spool, 4)
    assert len(await Desk(stores.spool).ids()) == 2
