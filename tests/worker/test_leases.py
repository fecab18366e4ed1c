"""What a worker has leased is its own only as long as nobody else can have taken it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from awizo.errors import StoreError
from awizo.model import Job
from awizo.settings import Settings, Store
from awizo.store import open_store
from awizo.worker import loop
from awizo.worker.leases import Leases
from awizo.worker.loop import Worker
from support.store_parts import FORWARDED, NOON, SOMEBODY, Desk, Hand, accepted, seconds


def test_a_lease_is_sure_a_little_shorter_than_it_lasts() -> None:
    clock = Hand()
    leases = Leases(lease_s=60, clock=clock)
    leases.taken(["a", "b"], asked_at=clock())
    clock.at += 50
    assert leases.are_ours(["a", "b"])
    clock.at += 9
    assert not leases.are_ours(["a"])


def test_a_renewal_counts_from_when_it_was_asked_for_and_only_for_what_was_kept() -> None:
    clock = Hand()
    leases = Leases(lease_s=60, clock=clock)
    leases.taken(["a", "b"], asked_at=clock())
    asked_at = clock.at + 20
    clock.at += 70  # the answer took long
    leases.renewed(["a", "b"], {"a"}, asked_at=asked_at)
    assert leases.are_ours(["a"])
    assert not leases.are_ours(["a", "b"])
    clock.at += 5
    assert not leases.are_ours(["a"])


def test_what_has_ended_takes_no_room_and_is_not_brought_back_by_a_late_renewal() -> None:
    leases = Leases(lease_s=60, clock=Hand())
    leases.taken(["a"], asked_at=0)
    leases.ended(["a"])
    leases.renewed(["a"], ["a"], asked_at=100)
    assert len(leases) == 0


async def test_a_worker_that_cannot_renew_knows_that_its_mail_may_be_anothers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = await open_store(Store(url=f"sqlite:///{tmp_path}/awizo.db"))
    settings = Settings.model_validate({"retry": {"lease_s": 0.6}})
    leases = Leases(lease_s=0.6)
    begun = asyncio.Event()
    ours: list[bool] = []
    away = False
    renew = stores.spool.renew

    async def renewing(*given: Any, **more: Any) -> Any:
        if away:
            raise StoreError("the database is away")
        return await renew(*given, **more)

    async def send(jobs: Sequence[Job]) -> None:
        nonlocal away
        tokens = [job.lease for job in jobs]
        begun.set()
        await asyncio.sleep(1.2)  # twice as long as the lease lasts, but it is renewed
        ours.append(leases.are_ours(tokens))
        away = True
        await asyncio.sleep(1)
        ours.append(leases.are_ours(tokens))

    async def nothing(*_: Any) -> None:
        raise AssertionError("there is no such work here")

    monkeypatch.setattr(stores.spool, "renew", renewing)
    worker = Worker(
        settings=settings, spool=stores.spool, owner="host:1", judge=nothing, act=nothing,
        send=send, follow_up=nothing, end_hold=nothing, now=lambda: NOON, leases=leases,
    )  # fmt: skip
    task = asyncio.create_task(worker.run())
    await accepted(stores.spool, recipients=(SOMEBODY,))
    await begun.wait()
    async with asyncio.timeout(30):
        while len(ours) < 2:  # noqa: ASYNC110 - the work tells nobody
            await asyncio.sleep(0.02)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await stores.close()

    assert ours == [True, False]


@pytest.mark.parametrize(("away_s", "waits"), [(40, True), (10, False)])
async def test_after_a_long_absence_of_the_store_others_may_report_before_their_work_is_taken(
    away_s: float, waits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SICK_STORE_S", 0.01)
    monkeypatch.setattr(loop, "REPORTING_S", 0.5)
    stores = await open_store(Store(url=f"sqlite:///{tmp_path}/awizo.db"))
    other = Desk(stores.spool, "host:other")
    await accepted(stores.spool, recipients=(SOMEBODY,))
    (theirs,) = await other.forwards()  # sent, and not yet written down
    sent: list[str] = []
    ahead = 0.0
    due_kinds, away, asked = stores.spool.due_kinds, True, asyncio.Event()

    async def sick(**given: Any) -> Any:
        if away:
            asked.set()
            raise StoreError("the database is away")
        return await due_kinds(**given)

    async def send(jobs: Sequence[Job]) -> None:
        sent.extend(job.id for job in jobs)

    async def nothing(*_: Any) -> None:
        raise AssertionError("there is no such work here")

    monkeypatch.setattr(stores.spool, "due_kinds", sick)
    worker = Worker(
        settings=Settings.model_validate({}), spool=stores.spool, owner="host:1",
        judge=nothing, act=nothing, send=send, follow_up=nothing, end_hold=nothing,
        now=lambda: NOON + seconds(100), clock=lambda: time.monotonic() + ahead,
    )  # fmt: skip
    task = asyncio.create_task(worker.run())
    await asked.wait()
    ahead, away = away_s, False
    await asyncio.sleep(0.25)
    assert sent == ([] if waits else [theirs.id])
    if waits:
        await other.finish(theirs, FORWARDED)
        await asyncio.sleep(0.6)
        assert sent == []
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await stores.close()
