"""A worker without work looks for it seldom, and begins at once what comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from awizo.model import Job
from awizo.settings import Settings, Store
from awizo.spool.port import Spool
from awizo.store import Stores, open_store
from awizo.worker.loop import Worker
from support.store_parts import FORWARDED, NOON, SOMEBODY, Desk, accepted


class Counted:
    """A spool that counts how often it is asked what is due."""

    def __init__(self, inner: Spool) -> None:
        self._inner = inner
        self.asked = 0

    async def next_due(self, **question: Any) -> datetime | None:
        self.asked += 1
        return await self._inner.next_due(**question)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    opened = await open_store(Store(url=f"sqlite:///{tmp_path}/awizo.db"))
    yield opened
    await opened.close()


async def test_an_idle_worker_sleeps_and_is_woken_by_what_comes(stores: Stores) -> None:
    spool = Counted(stores.spool)
    desk = Desk(stores.spool)
    sent = asyncio.Event()

    async def send(jobs: Sequence[Job]) -> None:
        for job in jobs:
            await desk.finish(job, FORWARDED)
        sent.set()

    async def nothing(*_: Any) -> None:
        raise AssertionError("there is no such work here")

    worker = Worker(
        settings=Settings.model_validate({}), spool=cast(Spool, spool), owner="host:1",
        judge=nothing, act=nothing, send=send, follow_up=nothing, end_hold=nothing,
        now=lambda: NOON,
    )  # fmt: skip
    task = asyncio.create_task(worker.run())
    await asyncio.sleep(1)

    assert spool.asked <= 3, "a look every few seconds, else a core burns for nothing"
    async with asyncio.timeout(4):  # less than the longest sleep: it was woken
        await accepted(stores.spool, recipients=(SOMEBODY,))
        await sent.wait()

    worker.stop()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
