"""Whatever becomes of its jobs, whoever wishes what in between: every delivery comes to an end.

The real store, the real decisions and the real wishes of a person; the outcomes of the work are
drawn. Then all is left in peace, time goes on, and each delivery must be settled, with nothing
left to do for it. A held one must have a time at which its hold ends.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from awizo.errors import LeaseLost, NotAllowed
from awizo.model import (
    Delivery,
    DeliveryState,
    Disposition,
    Forward,
    FulfillmentStatus,
    Job,
    JobState,
    Plan,
    SetFulfillment,
)
from awizo.operations import Operations
from awizo.settings import Policy, Store
from awizo.spool.port import Ending, FollowUp, Judgement, StoredDelivery
from awizo.store import Stores, open_store
from awizo.worker.schedule import (
    FORWARD_HOLD_CODES,
    after_job,
    after_planning,
    history,
    when_hold_is_over,
    when_refused_later,
)
from support.store_parts import BUYER, NOON, ORDER, SOMEBODY, a_link, accepted, an_upload

STORIES = 32
STEPS = 60
POLICY = Policy()
CODES = (*sorted(FORWARD_HOLD_CODES), "smarthost_refused", "number_reused", "order_missing")
OPEN = (JobState.QUEUED, JobState.DEFERRED)


class Story:
    """One life of a few deliveries; everything in it follows from the seed."""

    def __init__(self, seed: int, stores: Stores) -> None:
        self.rng = random.Random(seed)
        self.spool = stores.spool
        self.now = NOON
        self.made = 0
        self.peace = False
        self.operations = Operations(spool=self.spool, now=lambda: self.now, actor="anna")
        self.told: list[str] = []
        self.ordered: Counter[str] = Counter()  # by a person: to send it

    async def live(self) -> None:
        for _ in range(STEPS):
            step = self.rng.choice(
                (self.a_mail, self.judging, self.judging, self.calls, self.calls, self.forwards,
                 self.forwards, self.follow_ups, self.holds, self.a_wish, self.a_wish,
                 self.a_death, self.time)
            )  # fmt: skip
            await step()
            self.told.append(step.__name__)

    async def end(self) -> None:
        """Nobody wishes anything more, every hop and Allegro take everything."""
        self.peace = True
        for _ in range(60):
            for work in (self.judging, self.forwards, self.calls, self.follow_ups, self.holds):
                await work()
            self.now += timedelta(hours=2)

    async def all(self) -> list[StoredDelivery]:
        return [one async for one in self.spool.list()]

    # -- what happens --------------------------------------------------------------------------

    async def a_mail(self) -> None:
        self.made += 1
        loop = self.rng.random() < 0.1
        await accepted(
            self.spool,
            self.made,
            recipients=(BUYER, SOMEBODY)[: self.rng.choice((1, 2))],
            received_at=self.now,
            state=DeliveryState.HELD if loop else DeliveryState.RECEIVED,
            problem="loop" if loop else None,
            held_until=self.now + timedelta(hours=24) if loop else None,
        )

    async def time(self) -> None:
        self.now += timedelta(minutes=self.rng.choice((1, 10, 300, 1500)))

    async def a_death(self) -> None:
        """Work is leased, and nobody ever reports on it."""
        await self.lease_something()
        if self.rng.random() < 0.5:
            await self.spool.take_back_leases()

    async def lease_something(self) -> None:
        lease: dict[str, Any] = {"owner": "dead", "now": self.now, "lease_s": 60.0, "limit": 2}
        await self.spool.lease_deliveries(**lease)
        await self.spool.lease_jobs(**lease, forward=self.rng.random() < 0.5)

    async def judging(self) -> None:
        for leased in await self.spool.lease_deliveries(
            owner="w", now=self.now, lease_s=60, limit=3
        ):
            plan = self.a_plan()
            try:
                if not self.peace and self.rng.random() < 0.3:
                    await self.spool.defer_delivery(
                        leased.delivery.id,
                        leased.lease,
                        due_at=self.now + timedelta(seconds=30),
                        problem="order_unknown",
                        forward_at=self.rng.choice((None, self.now)),
                    )
                    continue
                jobs, ending = after_planning(plan, now=self.now, policy=POLICY)
                await self.spool.store_plan(
                    leased.delivery.id,
                    leased.lease,
                    Judgement(plan=plan, account="default", order_id=ORDER),
                    now=self.now,
                    jobs=jobs,
                    ending=ending,
                    decide=partial(after_job, now=self.now, policy=POLICY),
                )
            except LeaseLost:
                pass

    def a_plan(self) -> Plan:
        actions = self.rng.choice(
            (
                (),
                (an_upload(),),
                (an_upload(), a_link()),
                (an_upload(), SetFulfillment(ORDER, FulfillmentStatus.SENT)),
            )
        )
        return Plan(
            actions=actions,
            disposition=self.rng.choice(tuple(d for d in Disposition if d != Disposition.BOUNCE)),
            fallback=self.rng.choice((Disposition.FORWARD, Disposition.HOLD)),
            reason="drawn",
        )

    async def calls(self) -> None:
        await self.jobs(forward=False)

    async def forwards(self) -> None:
        await self.jobs(forward=True)

    async def jobs(self, *, forward: bool) -> None:
        for job in await self.spool.lease_jobs(
            owner="w", now=self.now, lease_s=60, limit=3, forward=forward
        ):
            try:
                if not self.peace and self.rng.random() < 0.3:
                    await self.a_wish(job.delivery_id)  # while it is under way
                await self.report(job)
            except LeaseLost:
                pass

    async def report(self, job: Job) -> None:
        decide = partial(after_job, now=self.now, policy=POLICY)
        outcome = "done" if self.peace else self.rng.choice(("done", "deferred", "failed"))
        sent = isinstance(job.action, Forward) and outcome == "done"
        entry = history(self.now, "forwarded" if sent else "job_done", job)
        if outcome == "deferred":
            await self.spool.defer(
                job, due_at=self.now + timedelta(minutes=5), code="busy", reply="", entry=entry
            )
        elif outcome == "failed":
            await self.spool.fail(
                job, now=self.now, code=self.rng.choice(CODES), reply="", decide=decide,
                entry=entry,
            )  # fmt: skip
        else:
            scan = FollowUp(
                id=f"f{job.id}", delivery_id=job.delivery_id, account="default", kind="scan",
                due_at=self.now + timedelta(minutes=1), data={},
            )  # fmt: skip
            follow_ups = [] if isinstance(job.action, Forward) else [scan]
            await self.spool.finish(
                job, now=self.now, decide=decide, entry=entry, follow_ups=follow_ups
            )

    async def follow_ups(self) -> None:
        for one in await self.spool.lease_follow_ups(owner="w", now=self.now, lease_s=60, limit=3):
            reopen: Ending | None = None
            if not self.peace and self.rng.random() < 0.6:
                stored = await self.spool.show(one.delivery_id)
                reopen = when_refused_later(
                    stored.delivery, stored.jobs, problem="scan_rejected", now=self.now,
                    policy=POLICY,
                )  # fmt: skip
            await self.spool.end_follow_up(one, reopen=reopen)

    async def holds(self) -> None:
        for stored in await self.spool.due_holds(now=self.now, limit=10):

            def decide(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
                return when_hold_is_over(delivery, jobs)

            await self.spool.change(stored.delivery.id, now=self.now, decide=decide)

    async def a_wish(self, delivery_id: str | None = None) -> None:
        stored = await self.all()
        if not stored:
            return
        one = delivery_id or self.rng.choice(stored).delivery.id
        wish = self.rng.choice(
            (self.operations.release, self.operations.forward, self.operations.drop,
             self.operations.retry, self.operations.judge_again)
        )  # fmt: skip
        try:
            await wish(one)
        except NotAllowed:
            return
        self.told.append(f"{wish.__name__} {one}")
        if wish in (self.operations.release, self.operations.forward):
            self.ordered[one] += 1


def is_stuck(stored: StoredDelivery) -> bool:
    """Nothing will ever touch it again, and it is not at its end."""
    delivery = stored.delivery
    match delivery.state:
        case DeliveryState.SETTLED:
            return any(job.state in OPEN for job in stored.jobs)
        case DeliveryState.HELD:
            return delivery.due_at is None
        case DeliveryState.PLANNED:
            return not any(job.state in OPEN for job in stored.jobs)
        case DeliveryState.RECEIVED:
            return delivery.due_at is None
    return True


async def lived(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        story: Story
        stores = await open_store(Store(url=f"sqlite:///{folder}/awizo.db"), now=lambda: story.now)
        try:
            story = Story(seed, stores)
            await story.a_mail()
            await story.live()
            for stored in await story.all():
                assert not is_stuck(stored), (seed, stored, story.told)
            await story.end()
            for stored in await story.all():
                assert stored.delivery.state is DeliveryState.SETTLED, (seed, stored, story.told)
                assert stored.delivery.disposition is not None
                assert not any(job.state in OPEN for job in stored.jobs), (seed, stored)
                history = (await stores.spool.show(stored.delivery.id)).history
                sent = sum(entry.event == "forwarded" for entry in history)
                assert sent <= 1 + story.ordered[stored.delivery.id], (seed, stored, story.told)
        finally:
            await stores.close()


@pytest.mark.slow
def test_every_delivery_ends_whatever_happens_to_it() -> None:
    base = random.randrange(1_000_000)
    for seed in range(base, base + STORIES):
        asyncio.run(lived(seed))


@pytest.mark.parametrize("seed", range(5))
def test_every_delivery_ends(seed: int) -> None:
    asyncio.run(lived(seed))
