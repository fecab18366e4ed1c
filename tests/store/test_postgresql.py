"""What only the PostgreSQL body promises: replicas, lost connections, one schema for all."""

from __future__ import annotations

import asyncio
import random
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

import awizo.store.postgresql as postgresql
from awizo.errors import SettingsError, StorageFull, StoreError
from awizo.model import DeliveryState
from awizo.settings import Store
from awizo.spool.port import Ending
from awizo.store import Stores, open_store
from awizo.store.database import Transaction
from awizo.store.postgresql import PostgresqlDatabase, place_of, with_percent
from support.postgresql import Server, Unavailable
from support.store_parts import (
    BUYER,
    GOES_ON,
    NOON,
    SOMEBODY,
    STOPPED,
    Desk,
    a_message,
    accepted,
    an_entry,
    an_upload,
    deciding,
)


@pytest.fixture
def settings(postgresql_url: str, tmp_path: Path) -> Store:
    key = tmp_path / "awizo.key"
    key.write_text("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=")
    return Store(url=postgresql_url, key_file=key)


@pytest.fixture
async def stores(settings: Store) -> AsyncIterator[Stores]:
    opened = await open_store(settings, now=lambda: NOON)
    yield opened
    await opened.close()


@asynccontextmanager
async def replicas(settings: Store, count: int) -> AsyncIterator[list[Desk]]:
    opened = [await open_store(settings) for _ in range(count)]
    try:
        yield [Desk(stores.spool, f"host:{number}") for number, stores in enumerate(opened)]
    finally:
        for stores in opened:
            await stores.close()


def cut_all(server: Server, database: str) -> None:
    """Cut every connection, as an administrator or a restart would."""
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{database}' AND pid <> pg_backend_pid()"
    )


def name_in(url: str) -> str:
    return url.split("?")[0].rpartition("/")[2]


# -- replicas ------------------------------------------------------------------------------------


async def test_replicas_share_the_work_and_none_is_done_twice(settings: Store) -> None:
    async with replicas(settings, 3) as desks:
        for number in range(60):
            await accepted(desks[number % 3].spool, number, recipients=(BUYER, SOMEBODY))

        async def work(desk: Desk) -> list[str]:
            done: list[str] = []
            while True:
                leased = await desk.deliveries(limit=4)
                forwards = await desk.forwards(limit=4)
                for one in leased:
                    await desk.plan(one, ending=STOPPED)
                for job in forwards:
                    await desk.finish(job, STOPPED)
                done += [one.delivery.id for one in leased] + [job.id for job in forwards]
                if not leased and not forwards:
                    return done

        rounds = await asyncio.gather(*map(work, desks))
        ids = [one for round_ in rounds for one in round_]
        assert len(ids) == len(set(ids)) == 120
        counts = await desks[0].spool.counts()
        assert counts.by_state["settled"] == 120


async def test_replicas_never_work_on_one_order_at_once(settings: Store) -> None:
    async with replicas(settings, 4) as desks:
        for number in range(12):
            await desks[0].planned(number, an_upload(number=str(number)))
        inside = most = 0

        async def work(desk: Desk) -> int:
            nonlocal inside, most
            done = 0
            for _ in range(200):
                for job in await desk.calls(limit=3):
                    inside += 1
                    most = max(most, inside)
                    await asyncio.sleep(0.002)
                    inside -= 1
                    await desk.finish(job, STOPPED)
                    done += 1
                counts = await desk.spool.counts()
                if counts.by_state["settled"] == 12:
                    break
            return done

        assert sum(await asyncio.gather(*map(work, desks))) == 12
        assert most == 1


async def test_a_worker_is_woken_by_what_another_replica_accepts(settings: Store) -> None:
    async with replicas(settings, 2) as (one, two):
        await two.spool.wait_for_work(0.01)
        waiting = asyncio.create_task(two.spool.wait_for_work(60))
        await asyncio.sleep(0.05)
        await accepted(one.spool)
        await asyncio.wait_for(waiting, 20)
        assert len(await two.deliveries()) == 1


async def test_the_leases_of_one_replica_are_taken_back_and_the_other_keeps_its_own(
    settings: Store,
) -> None:
    async with replicas(settings, 2) as (one, two):
        await accepted(one.spool, 1)
        await accepted(one.spool, 2)
        await one.deliveries(limit=1)
        (kept,) = await two.deliveries(limit=1)
        assert await two.spool.take_back_leases(owner_prefix="host:0") == 1
        await two.plan(kept, ending=STOPPED)


# -- lost connections ----------------------------------------------------------------------------


async def test_cut_connections_are_made_anew_and_nothing_is_lost(
    stores: Stores, settings: Store, postgresql_server: Server
) -> None:
    desk = Desk(stores.spool)
    for number in range(5):
        await accepted(desk.spool, number)
        cut_all(postgresql_server, name_in(settings.url))
    assert len(await desk.ids()) == 5
    cut_all(postgresql_server, name_in(settings.url))
    assert len(await desk.deliveries()) == 5


async def test_a_listener_that_was_cut_listens_again(
    settings: Store, postgresql_server: Server
) -> None:
    async with replicas(settings, 2) as (one, two):
        cut_all(postgresql_server, name_in(settings.url))
        async with asyncio.timeout(30):
            for number in range(1000):
                waiting = asyncio.create_task(two.spool.wait_for_work(0.5))
                await asyncio.sleep(0.05)
                await accepted(one.spool, number)
                await waiting
                if await two.deliveries():
                    break


async def test_a_server_that_is_away_is_told_and_found_again(
    stores: Stores, postgresql_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "RECONNECT_STEPS_S", (0.0, 0.1))
    desk = Desk(stores.spool)
    await accepted(desk.spool, 1)
    postgresql_server.kill()
    try:
        with pytest.raises(StoreError, match="cannot be reached"):
            await accepted(desk.spool, 2)
        with pytest.raises(StoreError, match="cannot be reached"):
            await desk.spool.counts()
    finally:
        postgresql_server.start()
    await accepted(desk.spool, 3)
    await desk.spool.probe()
    assert len(await desk.ids()) == 2


async def test_a_restart_of_the_server_is_not_even_noticed(
    stores: Stores, postgresql_server: Server
) -> None:
    desk = Desk(stores.spool)
    await accepted(desk.spool, 1)
    postgresql_server.stop()
    asking = asyncio.create_task(accepted(desk.spool, 2))
    await asyncio.sleep(0.2)
    postgresql_server.start()  # in this thread: the server lives as long as the one that began it
    await asking
    assert len(await desk.ids()) == 2


@pytest.fixture
def broken_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[bool], list[str]]:
    """Have the next COMMIT lose its connection, after or before the server has done it."""
    execute = psycopg.Connection.execute

    def arrange(done: bool) -> list[str]:
        broken: list[str] = []

        def watched(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
            if query == "COMMIT" and not broken:
                broken.append("commit")
                if done:
                    execute(self, query)
                self.close()
                raise psycopg.OperationalError("server closed the connection unexpectedly")
            return execute(self, query, *args, **kwargs)

        monkeypatch.setattr(psycopg.Connection, "execute", watched)
        return broken

    return arrange


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
async def test_a_commit_whose_answer_was_lost_counts_once(
    done: bool, stores: Stores, broken_commit: Callable[[bool], list[str]]
) -> None:
    desk = Desk(stores.spool)
    delivery_id = await desk.planned(1, an_upload())
    broken = broken_commit(done)
    with capture_logs() as logs:
        await desk.spool.add_history(delivery_id, an_entry("odd"))
    assert broken
    assert (await desk.events(delivery_id)).count("odd") == 1
    outcomes = [log["outcome"] for log in logs if log["event"] == "commit_was_in_doubt"]
    assert outcomes == ["committed" if done else "aborted"]


async def test_a_unit_that_gets_into_a_deadlock_is_run_again(stores: Stores) -> None:
    first = await Desk(stores.spool).planned(1, an_upload())
    second = await Desk(stores.spool).planned(2, an_upload())
    met = asyncio.Event()
    loop = asyncio.get_running_loop()
    runs: list[str] = []

    def crossing(one: str, other: str) -> Callable[[Transaction], None]:
        def unit(tx: Transaction) -> None:
            runs.append(one)
            tx.execute("UPDATE deliveries SET problem = :x WHERE id = :id", {"x": one, "id": one})
            if len(runs) >= 2:
                loop.call_soon_threadsafe(met.set)
            asyncio.run_coroutine_threadsafe(met.wait(), loop).result(30)
            tx.execute("UPDATE deliveries SET problem = :x WHERE id = :id", {"x": one, "id": other})

        return unit

    await asyncio.gather(
        stores.database.write(crossing(first, second)),
        stores.database.write(crossing(second, first)),
    )
    assert len(runs) > 2
    problems = {one.delivery.problem for one in await Desk(stores.spool).all()}
    assert len(problems) == 1


async def test_reports_on_one_delivery_from_two_replicas_see_each_other(settings: Store) -> None:
    async with replicas(settings, 2) as (one, two):
        delivery_id = await one.planned(1, an_upload())
        await asyncio.gather(
            *(
                desk.spool.change(
                    delivery_id,
                    now=NOON,
                    decide=lambda delivery, jobs: Ending(notes=(f"n{len(delivery.notes)}",)),
                )
                for desk in (one, two) * 10
            )
        )
        notes = (await one.show(delivery_id)).delivery.notes
        assert notes == tuple(f"n{number}" for number in range(20))


# -- the schema ----------------------------------------------------------------------------------


async def test_replicas_that_start_at_once_migrate_once(postgresql_server: Server) -> None:
    url = postgresql_server.new_database()
    opened = await asyncio.gather(*(asyncio.to_thread(PostgresqlDatabase, url) for _ in range(4)))
    row = await opened[0].read(lambda tx: tx.rows("SELECT version FROM awizo_schema"))
    assert len(row) == 1
    for database in opened:
        await database.close()


async def test_a_newer_schema_is_refused(fresh_postgresql_url: str) -> None:
    with psycopg.connect(fresh_postgresql_url) as connection:
        connection.execute("UPDATE awizo_schema SET version = 9999")
    with pytest.raises(StoreError, match=r"newer Awizo \(schema 9999"):
        PostgresqlDatabase(fresh_postgresql_url)


async def test_tables_of_another_program_are_left_alone(postgresql_server: Server) -> None:
    url = postgresql_server.new_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")
    with pytest.raises(StoreError, match="another program"):
        PostgresqlDatabase(url)
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchall() == [("orders",)]


async def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    settings = Store(
        url="postgresql://awizo:canary-4411@127.0.0.1:1/awizo", key_file=Path("/nonexistent")
    )
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        await open_store(settings)
    assert "canary" not in str(caught.value)
    assert place_of(settings.url) == "postgresql://127.0.0.1:1/awizo"


async def test_a_key_file_must_be_named_and_the_error_says_how_to_make_one() -> None:
    with pytest.raises(SettingsError, match=r"every replica needs the same key: make one with"):
        await open_store(Store(url="postgresql://127.0.0.1:1/awizo"))


# -- odds and ends -------------------------------------------------------------------------------


async def test_what_text_cannot_hold_is_replaced_and_found_again(stores: Stores) -> None:
    await accepted(stores.spool, 1, message_id="<a\0b@shop>")
    (leased,) = await Desk(stores.spool).deliveries()
    await Desk(stores.spool).plan(leased, ending=STOPPED)
    assert await stores.spool.seen_automatic("<a\0b@shop>")


async def test_a_commit_is_on_the_disk_whatever_the_server_is_set_to(
    fresh_postgresql_url: str, postgresql_server: Server
) -> None:
    name = name_in(fresh_postgresql_url)
    postgresql_server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    database = PostgresqlDatabase(fresh_postgresql_url)
    row = await database.write(lambda tx: tx.row("SHOW synchronous_commit"))
    await database.close()
    assert row == {"synchronous_commit": "on"}


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A database on a real file system of 32 MB, a quarter of which can be freed."""

    url: str
    ballast: Path


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    with tempfile.TemporaryDirectory(prefix="awizo-small-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server must get there
        mount = ["mount", "-t", "tmpfs", "-o", "size=32m,mode=755", "tmpfs", name]
        done = subprocess.run(mount, capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
        server = None
        try:
            server = Server()  # its own: a server without one of its disks is of no use to others
            place = folder / "space"
            place.mkdir()
            server.own(place)
            server.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
            ballast = folder / "ballast"
            ballast.write_bytes(b"x" * 8_000_000)
            yield SmallDisk(server.new_database(like="template1 TABLESPACE small"), ballast)
        except Unavailable as error:
            pytest.skip(f"no PostgreSQL here: {error}")
        finally:
            if server is not None:
                server.close()
            subprocess.run(["umount", "--lazy", name], check=False)


async def test_a_full_disk_says_so_keeps_nothing_half_and_heals(
    small_disk: SmallDisk, tmp_path: Path
) -> None:
    key = tmp_path / "awizo.key"
    key.write_text("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=")
    stores = await open_store(Store(url=small_disk.url, key_file=key))
    desk = Desk(stores.spool)
    kept = 0

    async def fill() -> None:
        nonlocal kept
        for number in range(100):
            await accepted(desk.spool, number, body=random.Random(number).randbytes(1_000_000))
            kept += 1

    with pytest.raises(StorageFull):
        await fill()
    small_disk.ballast.unlink()
    assert len(await desk.ids()) == kept
    for number in range(kept):
        content = await desk.spool.content(a_message(number).id)
        assert content == random.Random(number).randbytes(1_000_000)
    await accepted(desk.spool, 1000)
    await stores.close()


async def test_a_cancelled_wish_leaves_a_connection_that_works(stores: Stores) -> None:
    desk = Desk(stores.spool)
    delivery_id = await desk.planned(1, an_upload())
    for _ in range(30):
        task = asyncio.create_task(
            stores.spool.change(delivery_id, now=NOON, decide=deciding(Ending(notes=("x",))))
        )
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await stores.spool.change(delivery_id, now=NOON, decide=GOES_ON)
    assert (await desk.show(delivery_id)).delivery.state is DeliveryState.PLANNED


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("SELECT :a, :b_1", "SELECT %(a)s, %(b_1)s"),
        ("x LIKE '%y' AND z = :z", "x LIKE '%%y' AND z = %(z)s"),
        ("SELECT '1'::text, :a::bigint", "SELECT '1'::text, %(a)s::bigint"),
    ],
)
def test_parameters_are_written_as_the_driver_wants_them(ours: str, theirs: str) -> None:
    assert with_percent(ours) == theirs
