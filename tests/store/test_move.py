"""A spool on its way from one database to another, and its backup and return."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import awizo.store.moving as moving
from awizo.allegro.ports import AccountRecord, LedgerEntry, TokenPair
from awizo.errors import StoreError
from awizo.model import DeliveryState, Forward, Order
from awizo.orders.port import SyncState
from awizo.settings import Store
from awizo.store import (
    Stores,
    migrate,
    open_database,
    open_store,
    restore,
    undo_migration,
)
from awizo.store.database import Transaction
from awizo.store.moving import KEYS, copy_to_file
from support.postgresql import Server
from support.store_parts import (
    HELD,
    LEASE_S,
    NOON,
    ORDER,
    OTHER_ORDER,
    SOMEBODY,
    STOPPED,
    Desk,
    a_follow_up,
    a_message,
    accepted,
    an_upload,
    seconds,
)

LARGE = bytes(range(256)) * 2000
TOKENS = TokenPair("access-canary", "refresh-canary", NOON + timedelta(hours=12), NOON)
LATER = NOON + timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Road:
    source: Store
    target: Store


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "shared.key"
    path.write_text("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\n")
    path.chmod(0o600)
    return path


@pytest.fixture(
    params=["sqlite to postgresql", "postgresql to sqlite", "sqlite to sqlite"],
)
def road(request: pytest.FixtureRequest, tmp_path: Path, key: Path) -> Road:
    """Two stores that nobody has used yet, with one key."""

    def store(body: str, name: str) -> Store:
        if body == "sqlite":
            return Store(url=f"sqlite:///{tmp_path}/{name}.db", key_file=key)
        server: Server = request.getfixturevalue("postgresql_server")
        return Store(url=server.new_database(like="awizo_template"), key_file=key)

    source, target = request.param.split(" to ")
    return Road(store(source, "source"), store(target, "target"))


async def fill(stores: Stores) -> None:
    """Something of everything that is kept."""
    desk = Desk(stores.spool)
    await accepted(stores.spool, 1, body=LARGE, recipients=(SOMEBODY,), message_id="<1@shop>")
    await desk.planned(2, an_upload(), Forward(), body=b"")
    await desk.planned(3, an_upload(), ending=HELD)
    settled = await desk.planned(4, an_upload(OTHER_ORDER), body=LARGE)
    job = next(one for one in await desk.calls(limit=9) if one.delivery_id == settled)
    await desk.finish(job, STOPPED, follow_ups=(a_follow_up(delivery_id=settled, due_at=LATER),))
    await accepted(stores.spool, 5)
    await stores.spool.take_back_leases()
    await stores.spool.raise_alert(cause="x", account=None, text="t", now=NOON, repeat_after_h=1)
    order = Order("default", ORDER, email="a+b@allegromail.pl", complete=True, updated_at=NOON)
    await stores.orders.upsert("default", [order], state=SyncState("7", None, True, NOON))
    await stores.orders.note_invoice("default", ORDER, "FV 1/2026")
    await stores.accounts.save(AccountRecord("default", TOKENS, client_secret="s"))
    await stores.ledger.intend(LedgerEntry("j1", "default", ORDER, "invoice", "FV1", "ab"))
    await stores.memory.remember("default", "hosts", ["a"], until=None)


async def everything(stores: Stores) -> dict[str, Any]:
    """All that the ports tell."""
    spool = stores.spool
    listed = [await spool.show(one.delivery.id) async for one in spool.list()]
    return {
        "deliveries": listed,
        "contents": [await spool.content(one.delivery.message.id) for one in listed],
        "alerts": await spool.alerts(),
        "counts": await spool.counts(),
        "next_due": await spool.next_due(now=NOON),
        "automatic": await spool.seen_automatic("<1@shop>"),
        "orders": await stores.orders.by_address(["default"], "a+b@allegromail.pl"),
        "state": await stores.orders.sync_state("default"),
        "accounts": await stores.accounts.all(),
        "ledger": await stores.ledger.export(),
        "memory": await stores.memory.recall("default", "hosts", now=NOON),
    }


@pytest.fixture
async def source(road: Road) -> AsyncIterator[Stores]:
    """The source, filled and in use."""
    stores = await open_store(road.source, now=lambda: NOON)
    await fill(stores)
    yield stores
    await stores.close()


async def test_everything_arrives_and_goes_on_there(road: Road, source: Stores) -> None:
    before = await everything(source)
    told: dict[str, int] = {}

    moved = await migrate(road.source, road.target, now=NOON, progress=told.__setitem__)

    assert moved.lost_contents == 0
    assert {table: count for table, count in moved.rows.items() if count} == told
    assert set(told) >= {"messages", "deliveries", "jobs", "history", "orders", "accounts"}
    target = await open_store(road.target, now=lambda: NOON)
    assert await everything(target) == before
    desk = Desk(target.spool)
    assert len(await desk.forwards()) == 2
    assert len(await desk.calls()) == 1
    (fresh,) = await desk.deliveries()
    await desk.plan(fresh, ending=STOPPED)  # history goes on behind what came over
    assert await desk.events(fresh.delivery.id) == ["received", "settled"]
    await accepted(target.spool, 77, body=LARGE)
    assert len(await desk.follow_ups(now=LATER)) == 1
    await target.close()


async def test_a_running_service_is_fenced_off_and_keeps_nothing_that_would_be_lost(
    road: Road, source: Stores
) -> None:
    await migrate(road.source, road.target, now=NOON)
    desk = Desk(source.spool)
    for attempt in (
        accepted(source.spool, 99),
        accepted(source.spool, 98, body=LARGE),
        desk.deliveries(),
        desk.forwards(),
        desk.calls(),
        source.spool.probe(),
        source.accounts.save(AccountRecord("default", TOKENS)),
        source.accounts.pause("default", "x"),
        source.orders.upsert("default", [], state=SyncState("8")),
        source.memory.remember("default", "hosts", [], until=None),
        source.ledger.update("j1", now=NOON, state="filed"),
    ):
        with pytest.raises(StoreError, match="this spool has moved"):
            await attempt
    with pytest.raises(StoreError, match="this spool has moved"):
        async with source.accounts.refreshing("default"):
            pytest.fail("two stores would renew one token")
    assert len(await desk.all()) == 5  # it can still be read


async def test_a_spool_that_has_moved_says_where_to(road: Road, source: Stores) -> None:
    await migrate(road.source, road.target, now=NOON)
    with pytest.raises(StoreError, match=r"has moved to \w+://.*; set store\.url"):
        await open_store(road.source)
    with pytest.raises(StoreError, match=r"has moved to .* already"):
        await migrate(road.source, road.target, now=NOON)
    with pytest.raises(StoreError, match="move it back from there"):
        await undo_migration(road.source)


async def test_a_spool_can_move_back_into_a_third_place(
    road: Road, source: Stores, tmp_path: Path, key: Path
) -> None:
    before = await everything(source)
    third = Store(url=f"sqlite:///{tmp_path}/third.db", key_file=key)
    await migrate(road.source, road.target, now=NOON)
    await migrate(road.target, third, now=NOON)
    stores = await open_store(third, now=lambda: NOON)
    assert await everything(stores) == before
    await stores.close()


async def test_work_under_way_is_not_left_behind(road: Road, source: Stores) -> None:
    desk = Desk(source.spool)
    (job, _) = await desk.forwards()
    with pytest.raises(StoreError, match="the service works on 2 of its jobs"):
        await migrate(road.source, road.target, now=NOON)
    await desk.finish(job, STOPPED)  # nothing was fenced
    await accepted(source.spool, 99)
    # What a dead process had leased keeps nobody.
    await migrate(road.source, road.target, now=NOON + seconds(LEASE_S + 1))


async def test_a_target_that_is_in_use_is_refused_and_the_source_goes_on(
    road: Road, source: Stores
) -> None:
    target = await open_store(road.target)
    await accepted(target.spool, 1)
    with pytest.raises(StoreError, match="the target is not empty: it holds messages"):
        await migrate(road.source, road.target, now=NOON)
    await accepted(source.spool, 99)
    assert len(await Desk(source.spool).ids()) == 6
    assert len(await Desk(target.spool).ids()) == 1
    await target.close()
    await (await open_store(road.source)).close()


async def test_a_move_that_breaks_off_leaves_the_source_as_it_was_and_the_target_empty(
    road: Road, source: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await everything(source)
    insert = moving._insert

    def breaks(tx: Transaction, table: str, page: Any) -> None:
        if table == "ledger":
            raise StoreError("no room left")
        insert(tx, table, page)

    with monkeypatch.context() as patch:
        patch.setattr(moving, "_insert", breaks)
        with pytest.raises(StoreError, match="no room"):
            await migrate(road.source, road.target, now=NOON)

    assert await everything(source) == before
    await accepted(source.spool, 99)
    target = await open_database(road.target)
    assert await target.read(rows_in) == dict.fromkeys(KEYS, 0)
    await target.close()
    await migrate(road.source, road.target, now=NOON)


def rows_in(tx: Transaction) -> dict[str, int]:
    return {table: len(tx.rows(f"SELECT * FROM {table}")) for table in KEYS}


@pytest.mark.parametrize("when", ["_copy_once", "_note"])
async def test_a_move_whose_process_died_goes_on_with_the_same_command(
    when: str, road: Road, source: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the fence and the copy, and between the copy and the last word."""
    before = await everything(source)

    class Died(BaseException):
        pass

    calls: list[str] = []
    original: Callable[..., Any] = getattr(moving, when)

    def dies(*arguments: Any) -> Any:
        calls.append(when)
        if when == "_copy_once" or len(calls) == 2:
            raise Died
        return original(*arguments)

    async def cleans_nothing(*_: Any) -> None:
        """A dead process does not."""

    with monkeypatch.context() as patch:
        patch.setattr(moving, when, dies)
        patch.setattr(moving, "_give_up", cleans_nothing)
        with pytest.raises(Died):
            await migrate(road.source, road.target, now=NOON)

    with pytest.raises(StoreError, match="is being moved to"):
        await open_store(road.source)
    with pytest.raises(StoreError, match="this spool has moved"):
        await accepted(source.spool, 99)
    moved = await migrate(road.source, road.target, now=NOON)
    assert moved.rows["messages"] == 5
    target = await open_store(road.target, now=lambda: NOON)
    assert await everything(target) == before
    await target.close()


async def test_a_move_that_was_begun_can_be_given_up(
    road: Road, source: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    async def dies(*_: Any) -> None:
        raise Died

    assert not await undo_migration(road.source)
    with monkeypatch.context() as patch:
        patch.setattr(moving, "_copy_once", dies)
        patch.setattr(moving, "_give_up", dies)
        with pytest.raises(Died):
            await migrate(road.source, road.target, now=NOON)
    assert await undo_migration(road.source)
    await accepted(source.spool, 99)
    await (await open_store(road.source)).close()


async def test_mail_that_comes_in_while_the_spool_moves_is_in_it_or_was_refused(
    road: Road, source: Stores
) -> None:
    accepted_ids: list[str] = []
    refused = 0

    async def keep_coming() -> None:
        nonlocal refused
        for number in range(100, 400):
            try:
                accepted_ids.extend(await accepted(source.spool, number))
            except StoreError:
                refused += 1
                if refused > 5:
                    return

    coming = asyncio.create_task(keep_coming())
    await asyncio.sleep(0.1)
    await migrate(road.source, road.target, now=NOON)
    await coming
    target = await open_store(road.target)
    ids = set(await Desk(target.spool).ids())
    await target.close()
    assert set(accepted_ids) <= ids
    assert len(ids) == 5 + len(accepted_ids)


async def test_a_content_whose_file_was_lost_does_not_hold_up_the_rest(
    tmp_path: Path, key: Path
) -> None:
    road = Road(
        Store(url=f"sqlite:///{tmp_path}/a.db", key_file=key),
        Store(url=f"sqlite:///{tmp_path}/b.db", key_file=key),
    )
    stores = await open_store(road.source, now=lambda: NOON)
    await fill(stores)
    assert stores.database.files is not None
    await stores.database.files.drop([a_message(1).id])
    await stores.close()
    moved = await migrate(road.source, road.target, now=NOON)
    assert moved.lost_contents == 1
    target = await open_store(road.target)
    assert [one.content_kept for one in await Desk(target.spool).all()] == [False] + [True] * 4
    await target.close()


async def test_there_is_nothing_to_move_where_nothing_is(tmp_path: Path, key: Path) -> None:
    missing = Store(url=f"sqlite:///{tmp_path}/typo.db", key_file=key)
    target = Store(url=f"sqlite:///{tmp_path}/b.db", key_file=key)
    with pytest.raises(StoreError, match="there is no database"):
        await migrate(missing, target, now=NOON)
    with pytest.raises(StoreError, match="there is no database"):
        await restore(tmp_path / "typo.db", target)
    assert not (tmp_path / "typo.db").exists()
    assert not (tmp_path / "b.db").exists()


# -- backup and return -----------------------------------------------------------------------------


async def test_a_backup_of_any_store_is_a_store_and_can_be_put_back(
    road: Road, source: Stores, tmp_path: Path, key: Path
) -> None:
    before = await everything(source)
    await source.backup(tmp_path / "backups" / "copy.db")
    await accepted(source.spool, 99)  # the store goes on

    copy = await open_store(
        Store(url=f"sqlite:///{tmp_path}/backups/copy.db", key_file=key), now=lambda: NOON
    )
    assert await everything(copy) == before
    await copy.close()

    await restore(tmp_path / "backups" / "copy.db", road.target)
    again = await open_store(road.target, now=lambda: NOON)
    assert await everything(again) == before
    await again.close()
    with pytest.raises(StoreError, match="not empty"):
        await restore(tmp_path / "backups" / "copy.db", road.target)
    with pytest.raises(StoreError, match="exists already"):
        await source.backup(tmp_path / "backups" / "copy.db")


async def test_a_backup_that_failed_leaves_no_file(
    source: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any) -> None:
        raise StoreError("broken")

    monkeypatch.setattr(moving, "_insert", breaks)
    with pytest.raises(StoreError, match="broken"):
        await copy_to_file(source.database, tmp_path / "copy.db")
    assert not any((tmp_path / f"copy.db{end}").exists() for end in ("", "-wal", "-shm", ".d"))


async def test_a_held_delivery_is_still_held_where_it_came_to(road: Road, source: Stores) -> None:
    await migrate(road.source, road.target, now=NOON)
    target = await open_store(road.target)
    held = await target.spool.due_holds(now=NOON + timedelta(hours=24), limit=9)
    assert [one.delivery.state for one in held] == [DeliveryState.HELD]
    await target.close()
