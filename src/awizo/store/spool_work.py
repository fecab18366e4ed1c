"""The worker's side of the spool on a database: leases, and reports of what became of them.

In:  what these methods of the port take, a Database.
Out: what the port promises, each in one unit of work; how it is done stands in ``leasing.py``
     and ``reports.py``.

Where the last round of leasing ended is remembered here, for each kind of work: the next one
begins behind it.
"""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import awizo.store.inbox as inbox
import awizo.store.leasing as leasing
import awizo.store.listing as listing
import awizo.store.reports as reports
import awizo.store.rows as rows
from awizo.model import Action, HistoryEntry, Job
from awizo.spool.port import (
    ALL_WORK,
    Decide,
    Ending,
    FollowUp,
    Judgement,
    LeasedDelivery,
    StoredDelivery,
    WorkKind,
)
from awizo.store.ahead import Ahead, Found, read_ahead
from awizo.store.catching_up import catch_up
from awizo.store.database import Database, Transaction, micros, moment_or_none

TOGETHER_S = 0.25


class SpoolWork:
    """What the worker asks of :class:`awizo.spool.port.Spool`.

    Args:
        now: Used only where the port's caller gives no time.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._served: dict[leasing.Kind, str] = {}
        self._ahead = Ahead()
        self._looked_in_at = 0.0  # into the inbox; by time.monotonic

    async def lease_deliveries(
        self, *, owner: str, now: datetime, lease_s: float, limit: int
    ) -> list[LeasedDelivery]:
        def unit(tx: Transaction) -> tuple[list[LeasedDelivery], str]:
            self._look_in(tx, limit)
            ids, last = self._lease(tx, leasing.DELIVERIES, owner, now, lease_s, limit)
            return leasing.leased_deliveries(tx, ids), last

        return await self._leased(leasing.DELIVERIES, unit)

    async def due_kinds(
        self,
        *,
        now: datetime,
        kinds: Collection[WorkKind],
        busy_smarthosts: Collection[str] = (),
    ) -> set[WorkKind]:
        return await self._database.read(
            functools.partial(
                leasing.due_kinds,
                kinds=kinds,
                now=micros(now),
                busy=busy_smarthosts,
                fresh=not self._inbox_in_s(busy_smarthosts),
            )
        )

    async def lease_jobs(
        self,
        *,
        owner: str,
        now: datetime,
        lease_s: float,
        limit: int,
        forward: bool,
        with_siblings: bool = False,
        busy_smarthosts: Collection[str] = (),
    ) -> list[Job]:
        kind = leasing.FORWARDS if forward else leasing.CALLS

        def unit(tx: Transaction) -> tuple[list[Job], str, Found | None]:
            self._look_in(tx, limit)
            ids, last = self._lease(
                tx, kind, owner, now, lease_s, limit, with_siblings, busy_smarthosts
            )
            jobs = rows.jobs_by_id(tx, ids)
            if not forward:
                return jobs, last, None
            known = self._ahead.known({job.message_id for job in jobs})
            return jobs, last, read_ahead(tx, jobs, known=known)

        jobs, self._served[kind], found = await self._database.write(unit)
        if found is not None:
            self._ahead.put(found)
        return jobs

    async def _leased(
        self, kind: leasing.Kind, unit: Callable[[Transaction], tuple[list[Any], str]]
    ) -> list[Any]:
        found, self._served[kind] = await self._database.write(unit)
        return found

    def _lease(
        self,
        tx: Transaction,
        kind: leasing.Kind,
        owner: str,
        now: datetime,
        lease_s: float,
        limit: int,
        with_siblings: bool = False,
        busy: Collection[str] = (),
    ) -> tuple[list[str], str]:
        return leasing.lease(
            tx,
            kind,
            now=micros(now),
            until=micros(now + timedelta(seconds=lease_s)),
            owner=owner,
            limit=limit,
            token=secrets.token_hex(8),
            after=self._served.get(kind, ""),
            with_siblings=with_siblings,
            busy=busy,
        )

    async def renew(
        self, leases: Sequence[str], *, now: datetime, lease_s: float
    ) -> Collection[str]:
        until = micros(now + timedelta(seconds=lease_s))
        return await self._database.write(lambda tx: leasing.renew(tx, leases, until=until))

    async def take_back_leases(self, *, owner_prefix: str | None = None) -> int:
        now = micros(self._now())
        return await self._database.write(
            lambda tx: leasing.take_back(tx, owner_prefix=owner_prefix, now=now)
        )

    async def store_plan(
        self,
        delivery_id: str,
        lease: str,
        judgement: Judgement,
        *,
        now: datetime,
        jobs: Sequence[Action],
        first_due_at: Mapping[int, datetime] | None = None,
        ending: Ending,
        decide: Decide | None = None,
    ) -> None:
        await self._database.write(
            lambda tx: reports.store_plan(
                tx,
                delivery_id,
                lease,
                judgement,
                now=now,
                jobs=jobs,
                first_due_at=first_due_at or {},
                ending=ending,
                decide=decide,
            )
        )

    async def defer_delivery(
        self,
        delivery_id: str,
        lease: str,
        *,
        due_at: datetime,
        history: Iterable[HistoryEntry] = (),
        problem: str | None = None,
        forward_at: datetime | None = None,
    ) -> None:
        entries = tuple(history)
        await self._database.write(
            lambda tx: reports.defer_delivery(
                tx,
                delivery_id,
                lease,
                due_at=due_at,
                history=entries,
                problem=problem,
                forward_at=forward_at,
            )
        )

    async def save_progress(self, job: Job, progress: Mapping[str, Any]) -> None:
        await self._database.write(lambda tx: reports.save_progress(tx, job, progress))

    async def finish(
        self,
        job: Job,
        *,
        now: datetime,
        decide: Decide,
        entry: HistoryEntry,
        progress: Mapping[str, Any] | None = None,
        follow_ups: Sequence[FollowUp] = (),
    ) -> None:
        await self._database.write(
            lambda tx: reports.finish(
                tx,
                job,
                now=now,
                decide=decide,
                entry=entry,
                progress=progress,
                follow_ups=follow_ups,
            )
        )

    async def defer(
        self,
        job: Job,
        *,
        due_at: datetime,
        code: str,
        reply: str,
        entry: HistoryEntry,
        progress: Mapping[str, Any] | None = None,
        count_attempt: bool = True,
    ) -> None:
        await self._database.write(
            lambda tx: reports.defer(
                tx,
                job,
                due_at=due_at,
                code=code,
                reply=reply,
                entry=entry,
                progress=progress,
                count_attempt=count_attempt,
            )
        )

    async def fail(
        self, job: Job, *, now: datetime, code: str, reply: str, decide: Decide, entry: HistoryEntry
    ) -> None:
        await self._database.write(
            lambda tx: reports.fail(
                tx, job, now=now, code=code, reply=reply, decide=decide, entry=entry
            )
        )

    async def lease_follow_ups(
        self, *, owner: str, now: datetime, lease_s: float, limit: int
    ) -> list[FollowUp]:
        def unit(tx: Transaction) -> tuple[list[FollowUp], str]:
            ids, last = self._lease(tx, leasing.FOLLOW_UPS, owner, now, lease_s, limit)
            return rows.follow_ups_by_id(tx, ids), last

        return await self._leased(leasing.FOLLOW_UPS, unit)

    async def end_follow_up(
        self,
        follow_up: FollowUp,
        *,
        again_at: datetime | None = None,
        data: Mapping[str, Any] | None = None,
        entry: HistoryEntry | None = None,
        reopen: Ending | None = None,
    ) -> None:
        now = self._now() if entry is None else entry.at
        await self._database.write(
            lambda tx: reports.end_follow_up(
                tx, follow_up, now=now, again_at=again_at, data=data, entry=entry, reopen=reopen
            )
        )

    async def due_holds(self, *, now: datetime, limit: int) -> list[StoredDelivery]:
        await catch_up(self._database)
        return await self._database.read(lambda tx: listing.due_holds(tx, now=now, limit=limit))

    async def next_due(
        self,
        *,
        now: datetime,
        kinds: Collection[WorkKind] = ALL_WORK,
        busy_smarthosts: Collection[str] = (),
    ) -> datetime | None:
        inbox_from = now + timedelta(seconds=self._inbox_in_s(busy_smarthosts))
        return moment_or_none(
            await self._database.read(
                functools.partial(
                    leasing.next_due,
                    now=micros(now),
                    kinds=kinds,
                    busy=busy_smarthosts,
                    inbox_from=micros(inbox_from),
                )
            )
        )

    def _inbox_in_s(self, busy_smarthosts: Collection[str]) -> float:
        """How long what was just accepted may stay in the inbox.

        With every hand of a smarthost taken it may be all for that one; then it is taken in
        for many together.
        """
        if not busy_smarthosts:
            return 0.0
        return max(0.0, self._looked_in_at + TOGETHER_S - time.monotonic())

    def _look_in(self, tx: Transaction, limit: int) -> None:
        self._looked_in_at = time.monotonic()
        contents: dict[str, bytes] = {}
        inbox.take_in(tx, most=max(limit, inbox.MOST_AT_ONCE), contents=contents)
        # Should this be rolled back: what an id stands for is the same the next time.
        self._ahead.put_contents(contents)
