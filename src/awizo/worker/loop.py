"""The worker's heartbeat: lease what is due, run it side by side, sleep until more is due.

In:  the spool.
Out: every leased piece of work handled; leases renewed while it goes on.

Four lanes, so that none waits behind another: judging, the way out, calls to Allegro,
follow-ups. A lane leases no more than it can start at once. One look tells which lanes have
work; a lane that is full is not looked at. Rounds do not follow each other at once: while much
goes on, several pieces end meanwhile, and one lease takes their successors.

On the way out each smarthost has hands of its own: one that takes connections and then says
nothing keeps those, and no others.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from awizo.errors import StoreError
from awizo.model import Job
from awizo.settings import Settings
from awizo.spool.port import FollowUp, LeasedDelivery, Spool, StoredDelivery, WorkKind
from awizo.telemetry.logging import places
from awizo.worker.leases import Leases

log = structlog.get_logger()

IDLE_S = 5.0  # longest sleep: another process may have changed the spool
LISTENING_S = 60.0
SICK_STORE_S = 2.0  # pause before asking a store again that just failed
# A store that was away for as long as leases last: so long we leave to other replicas to report
# what they have sent meanwhile, before their leases are taken for those of the dead.
REPORTING_S = 8.0

NOT_TO_BE_HAD_S = 0.05  # until due work is looked at again that a round did not get
BREATH_S = 0.003  # from the beginning of one round of leasing to that of the next
LONGEST_BREATH_S = 0.024  # while round after round finds nothing that it may begin

JUDGING = 4
FORWARDING = 32  # by one smarthost, some of them ahead of a connection; no more is leased for it
MOST_FORWARDING = 256  # by all of them
ACTING = 16
FOLLOWING_UP = 4


@dataclass(slots=True)
class _Lane:
    """Work of one sort: how many may run, and the tasks that do."""

    limit: int
    running: dict[asyncio.Task[None], tuple[str, ...]] = field(default_factory=dict)  # leases

    @property
    def free(self) -> int:
        return self.limit - len(self.running)


class Worker:
    """Runs until cancelled or told to stop; :meth:`drain` waits for what has begun."""

    def __init__(
        self,
        *,
        settings: Settings,
        spool: Spool,
        owner: str,
        judge: Callable[[LeasedDelivery], Awaitable[None]],
        act: Callable[[Job], Awaitable[None]],
        send: Callable[[Sequence[Job]], Awaitable[None]],
        follow_up: Callable[[FollowUp], Awaitable[None]],
        end_hold: Callable[[StoredDelivery], Awaitable[None]],
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
        leases: Leases | None = None,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._owner = owner
        self._judge = judge
        self._act = act
        self._send = send
        self._follow_up = follow_up
        self._end_hold = end_hold
        self._now = now
        self._clock = clock
        self._seen: tuple[datetime, float] | None = None
        self._unsure = False  # the store was sick: leases could not be renewed
        self._sick_since: float | None = None
        self._lease_s = settings.retry.lease_s
        self._leases = Leases(lease_s=self._lease_s, clock=clock) if leases is None else leases
        self._judging = _Lane(JUDGING)
        # Twice what one may have: a round may begin as much again for the last that is not busy.
        ways_out = 1 + len(settings.smarthosts)
        self._forwarding = _Lane(
            FORWARDING if ways_out == 1 else min(2 * FORWARDING * ways_out, MOST_FORWARDING)
        )
        self._by_smarthost: Counter[str] = Counter()
        self._acting = _Lane(ACTING)
        self._following_up = _Lane(FOLLOWING_UP)
        self._stopping = False
        self._nudge = asyncio.Event()
        self._hand_freed = asyncio.Event()

    @property
    def _lanes(self) -> tuple[_Lane, ...]:
        return (self._judging, self._forwarding, self._acting, self._following_up)

    async def run(self) -> None:
        """Work until :meth:`stop`; a store that fails is asked again, nothing is given up."""
        breath_s = BREATH_S
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._renew_leases()),
                group.create_task(self._listen()),
            ]
            try:
                while not self._stopping:
                    round_began = asyncio.get_running_loop().time()
                    self._hand_freed.clear()
                    try:
                        if await self._begin_what_is_due():
                            breath_s = BREATH_S
                        else:
                            breath_s = min(2 * breath_s, LONGEST_BREATH_S)
                            await self._sleep()
                    except StoreError as error:
                        log.warning("store_not_well", error=str(error))
                        self._unsure = True
                        if self._sick_since is None:
                            self._sick_since = self._clock()
                        await asyncio.sleep(SICK_STORE_S)
                    await self._breathe(round_began, breath_s)
            finally:
                for helper in helpers:
                    helper.cancel()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopping = True
        self._hand_freed.set()
        self._nudge.set()

    async def drain(self, timeout_s: float) -> None:
        """Let what has begun end; what takes longer is cancelled and its lease runs out."""
        tasks = [task for lane in self._lanes for task in lane.running]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _begin_what_is_due(self) -> int:
        now = self._now()
        ticks = self._clock()
        jumped = self._seen is not None and self._jumped(self._seen, (now, ticks))
        if jumped or self._unsure:
            # Our own leases may look as if they were over; they must not be handed out again.
            await self._renew_running(now)
            self._unsure = False
            if await self._let_others_report():
                return 1
        self._seen = (now, ticks)
        kinds = self._kinds_with_hands_free()
        due: set[WorkKind] = set()
        if kinds:
            due = await self._spool.due_kinds(now=now, kinds=kinds, busy_smarthosts=self._busy)
        began = 0
        if "forwards" in due:
            jobs = await self._spool.lease_jobs(
                owner=self._owner, now=now, lease_s=self._lease_s, forward=True,
                limit=min(self._forwarding.free, FORWARDING), with_siblings=True,
                busy_smarthosts=self._busy,
            )  # fmt: skip
            for group in _together(jobs):
                self._begin_sending(group, ticks)
                began += 1
        if "deliveries" in due:
            for leased in await self._spool.lease_deliveries(
                owner=self._owner, now=now, lease_s=self._lease_s, limit=self._judging.free
            ):
                self._begin(self._judging, self._judge(leased), (leased.lease,), ticks)
                began += 1
        if "calls" in due:
            for job in await self._spool.lease_jobs(
                owner=self._owner, now=now, lease_s=self._lease_s,
                limit=self._acting.free, forward=False,
            ):  # fmt: skip
                self._begin(self._acting, self._act(job), (job.lease,), ticks)
                began += 1
        if "follow_ups" in due:
            for follow_up in await self._spool.lease_follow_ups(
                owner=self._owner, now=now, lease_s=self._lease_s, limit=self._following_up.free
            ):
                self._begin(
                    self._following_up, self._follow_up(follow_up), (follow_up.lease,), ticks
                )
                began += 1
        if "holds" in due:
            for stored in await self._spool.due_holds(now=now, limit=50):
                await self._end_hold(stored)
                began += 1
        return began

    def _kinds_with_hands_free(self) -> list[WorkKind]:
        lanes: dict[WorkKind, _Lane] = {
            "forwards": self._forwarding,
            "deliveries": self._judging,
            "calls": self._acting,
            "follow_ups": self._following_up,
            "holds": self._following_up,
        }
        return [kind for kind, lane in lanes.items() if lane.free > 0]

    @property
    def _busy(self) -> list[str]:
        """Smarthosts that have all the hands that one may have."""
        return [name for name, count in self._by_smarthost.items() if count >= FORWARDING]

    def _begin_sending(self, group: Sequence[Job], ticks: float) -> None:
        smarthost = group[0].smarthost
        leases = tuple(job.lease for job in group)
        self._by_smarthost[smarthost] += 1
        task = self._begin(self._forwarding, self._send(group), leases, ticks)
        task.add_done_callback(lambda _: self._by_smarthost.subtract((smarthost,)))

    def _begin(
        self, lane: _Lane, work: Awaitable[None], leases: tuple[str, ...], ticks: float
    ) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        lane.running[task] = leases
        self._leases.taken(leases, asked_at=ticks)

        def ended(done: asyncio.Future[None]) -> None:
            lane.running.pop(task, None)
            self._leases.ended(leases)
            self._hand_freed.set()
            self._nudge.set()
            if not done.cancelled() and (error := done.exception()) is not None:
                log.error("work_crashed", error=type(error).__name__, places=places(error))

        task.add_done_callback(ended)
        return task

    async def _breathe(self, round_began: float, breath_s: float) -> None:
        """After a rest this costs nothing; under load it makes rounds larger.

        Args:
            breath_s: How long a round may last while none of our hands becomes free.
        """
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(max(0.0, round_began + BREATH_S - clock()))
        left_s = round_began + breath_s - clock()
        if left_s > 0 and not self._hand_freed.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._hand_freed.wait()

    async def _let_others_report(self) -> bool:
        """After a store was away for long: wait, once; whether that was so."""
        since, self._sick_since = self._sick_since, None
        if since is None or self._clock() - since < self._lease_s / 2:
            return False
        await asyncio.sleep(REPORTING_S)
        return True

    async def _sleep(self) -> None:
        """Until work is announced, one of ours ends, or something falls due."""
        if self._nudge.is_set():  # meanwhile: no need to ask when the next is due
            self._nudge.clear()
            return
        now = self._now()
        kinds = self._kinds_with_hands_free()
        due = None
        if kinds:
            due = await self._spool.next_due(now=now, kinds=kinds, busy_smarthosts=self._busy)
        wait_s = IDLE_S
        if due is not None:
            # Due but not to be had: another owner, or waiting for a sibling.
            wait_s = min(IDLE_S, max(NOT_TO_BE_HAD_S, (due - now).total_seconds()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._nudge.wait()
        self._nudge.clear()  # before work is looked for: what is announced from now on wakes again

    async def _listen(self) -> None:
        """Pass on what the spool announces. In one task for good, which the spool knows by what
        it has heard: to a new one everything is news, and a sleep that is none burns a core."""
        while True:
            await self._spool.wait_for_work(LISTENING_S)
            self._nudge.set()

    def _jumped(self, before: tuple[datetime, float], after: tuple[datetime, float]) -> bool:
        """Whether the clock has gone on by much more than time has: it was set, or we slept."""
        ahead_s = (after[0] - before[0]).total_seconds() - (after[1] - before[1])
        return ahead_s > self._lease_s / 3

    async def _renew_running(self, now: datetime) -> None:
        leases = [token for lane in self._lanes for one in lane.running.values() for token in one]
        if leases:
            asked_at = self._clock()
            kept = await self._spool.renew(leases, now=now, lease_s=self._lease_s)
            self._leases.renewed(leases, kept, asked_at=asked_at)

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 3)
            try:
                await self._renew_running(self._now())
            except StoreError as error:
                self._unsure = True
                log.warning("leases_not_renewed", error=str(error))


def _together(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that leave in one transaction: those of one message."""
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.message_id, []).append(job)
    return list(groups.values())
