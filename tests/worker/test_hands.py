"""Each smarthost has hands of its own: those that say nothing keep no others busy."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from awizo.model import Job
from awizo.settings import Settings, Store
from awizo.store import open_store
from awizo.worker.loop import FORWARDING, Worker
from support.store_parts import FORWARDED, NOON, SOMEBODY, Desk, accepted

SILENT = ("one", "two", "three", "four")
MAILS = 3 * FORWARDING


async def test_mails_leave_by_a_smarthost_that_is_well_while_all_others_say_nothing(
    tmp_path: Path,
) -> None:
    stores = await open_store(Store(url=f"sqlite:///{tmp_path}/awizo.db"))
    desk = Desk(stores.spool)
    settings = Settings.model_validate({"smarthosts": {name: {"host": name} for name in SILENT}})
    under_way: Counter[str] = Counter()
    left = 0

    async def send(jobs: Sequence[Job]) -> None:
        nonlocal left
        if jobs[0].smarthost in SILENT:
            under_way[jobs[0].smarthost] += 1
            await asyncio.Event().wait()
        for job in jobs:
            await desk.finish(job, FORWARDED)
        left += 1

    async def nothing(*_: Any) -> None:
        raise AssertionError("there is no such work here")

    for number in range(MAILS):
        for place, name in enumerate(SILENT):
            await accepted(
                stores.spool, number * 10 + place + 1, recipients=(SOMEBODY,),
                smarthost=name, route=f"{name}-{number % 3}",
            )  # fmt: skip
    worker = Worker(
        settings=settings, spool=stores.spool, owner="host:1", judge=nothing, act=nothing,
        send=send, follow_up=nothing, end_hold=nothing, now=lambda: NOON,
    )  # fmt: skip
    task = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(60):
            while any(under_way[name] < FORWARDING for name in SILENT):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            for number in range(5):
                await accepted(stores.spool, 9000 + number, recipients=(SOMEBODY,))
            while left < 5:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert max(under_way.values()) < 2 * FORWARDING
        kinds = await stores.spool.due_kinds(
            now=NOON, kinds=["forwards"], busy_smarthosts=[*under_way]
        )
        assert kinds == set(), "it would be looked for again and again"
        assert await stores.spool.due_kinds(now=NOON, kinds=["forwards"]) == {"forwards"}
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await stores.close()
