"""A clock that is set while work goes on: nothing is begun twice, nothing is left behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from awizo.errors import StoreError
from awizo.model import Job
from awizo.settings import Settings, Store
from awizo.spool.port import LeasedDelivery
from awizo.store import Stores, open_store
from awizo.worker import loop
from awizo.worker.loop import Worker
from support.store_parts import BUYER, FORWARDED, NOON, SOMEBODY, STOPPED, Desk, accepted


async def until_true(met: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await met():  # noqa: ASYNC110 - a state of the store, which nobody announces
            await asyncio.sleep(0.01)


class Bench:
    """A worker whose work waits until it is told to go on, under a clock of ours."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.desk = Desk(stores.spool)
        self.now = NOON
        self.begun: list[str] = []
        self.go_on = asyncio.Event()
        self.one_clock = False  # the machine's clock is not set: time itself goes on
        self.worker = Worker(
            settings=Settings.model_validate({}),
            spool=stores.spool,
            owner="host:1",
            judge=self.judge,
            act=self.nothing,
            send=self.send,
            follow_up=self.nothing,
            end_hold=self.nothing,
            now=lambda: self.now,
            clock=lambda: self.now.timestamp() if self.one_clock else time.monotonic(),
        )

    async def judge(self, leased: LeasedDelivery) -> None:
        self.begun.append(leased.delivery.id)
        await self.go_on.wait()
        await self.desk.plan(leased, ending=STOPPED)

    async def send(self, jobs: Sequence[Job]) -> None:
        self.begun += [job.id for job in jobs]
        await self.go_on.wait()
        for job in jobs:
            await self.desk.finish(job, FORWARDED)

    async def nothing(self, *_: Any) -> None:
        raise AssertionError("there is no such work here")

    async def until(self, count: int) -> None:
        async def met() -> bool:
            return len(self.begun) >= count

        await until_true(met)

    async def all_settled(self) -> bool:
        return (await self.stores.spool.counts()).by_state["settled"] == 3


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    stores = await open_store(Store(url=f"sqlite:///{tmp_path}/awizo.db"))
    yield Bench(stores)
    await stores.close()


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    task = asyncio.create_task(bench.worker.run())
    try:
        yield
    finally:
        bench.worker.stop()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    "jump", [timedelta(hours=3), timedelta(minutes=2), timedelta(hours=-3)], ids=str
)
async def test_work_under_way_is_not_begun_again_when_the_clock_is_set(
    jump: timedelta, bench: Bench
) -> None:
    await accepted(bench.stores.spool, 1, recipients=(BUYER, SOMEBODY))
    async with running(bench):
        await bench.until(2)
        bench.now += jump
        # The worker looks again, and takes what is new.
        await accepted(bench.stores.spool, 2, recipients=(SOMEBODY,), received_at=bench.now)
        await bench.until(3)
        assert len(bench.begun) == len(set(bench.begun)) == 3
        bench.go_on.set()
        await until_true(bench.all_settled)
    assert len(bench.begun) == 3


async def test_work_under_way_is_not_begun_again_after_the_store_was_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SICK_STORE_S", 0.01)
    bench.one_clock = True
    await accepted(bench.stores.spool, 1, recipients=(BUYER, SOMEBODY))
    spool = bench.stores.spool
    due_kinds, away, asked = spool.due_kinds, True, asyncio.Event()

    async def sick(**given: Any) -> Any:
        if away:
            asked.set()
            raise StoreError("disk I/O error")
        return await due_kinds(**given)

    async with running(bench):
        await bench.until(2)
        monkeypatch.setattr(spool, "due_kinds", sick)
        bench.worker._nudge.set()
        await asked.wait()
        bench.now += timedelta(minutes=10)
        away = False
        await accepted(spool, 2, recipients=(SOMEBODY,), received_at=bench.now)
        await bench.until(3)
        bench.go_on.set()
        await until_true(bench.all_settled)
    assert len(bench.begun) == 3


async def test_a_lease_of_a_dead_worker_is_over_when_the_clock_says_so(bench: Bench) -> None:
    await accepted(bench.stores.spool, 1)
    await Desk(bench.stores.spool, "host:dead").deliveries()
    bench.go_on.set()
    async with running(bench):
        bench.now = datetime(2026, 3, 2, 15, 0, tzinfo=NOON.tzinfo)
        await accepted(bench.stores.spool, 2, received_at=bench.now)  # wakes it
        await bench.until(2)
