"""What a person may do with a delivery: retry, release, forward, drop, reassign, replay, purge.

In:  a delivery's id and a wish, from the command line or the panel.
Out: the delivery changed in one transaction, with an entry in its history.

The wish is checked against the state inside that transaction; what the state forbids is
refused in words that say what to do instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from awizo.errors import NotAllowed
from awizo.model import (
    Delivery,
    DeliveryState,
    Disposition,
    Forward,
    HistoryEntry,
    Job,
    JobState,
    Plan,
)
from awizo.orders.port import OrderIndex
from awizo.settings import Retention
from awizo.spool.port import Decide, Ending, Spool, StoredDelivery
from awizo.triage.match import same_buyer
from awizo.worker.schedule import history

OPEN = (JobState.QUEUED, JobState.DEFERRED)


class Operations:
    """*actor* names who wishes, e.g. ``cli`` or ``panel``; it stands in the history."""

    def __init__(self, *, spool: Spool, now: Callable[[], datetime], actor: str) -> None:
        self._spool = spool
        self._now = now
        self._actor = actor

    async def retry(self, delivery_id: str) -> None:
        """Make what is deferred due now."""

        def decide(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
            if delivery.state is DeliveryState.SETTLED:
                raise NotAllowed("it is settled, nothing waits; 'release' or 'forward' sends it on")
            if delivery.state is DeliveryState.HELD:
                raise NotAllowed("it is held; 'release' carries out its plan")
            return Ending(history=(self._entry("retried"),))

        await self._spool.change(delivery_id, now=self._now(), decide=decide, retry_now=True)

    async def release(self, delivery_id: str) -> None:
        """Carry out a held plan, or send a stopped mail on."""
        delivery = (await self._with_content(delivery_id)).delivery
        if delivery.state is DeliveryState.HELD:
            await self._release_held(delivery_id)
        elif delivery.state is DeliveryState.SETTLED:
            await self._send_stopped(delivery_id)
        else:
            raise NotAllowed(
                "it is on its way already; 'retry' makes it due now, 'forward' sends it unchanged"
            )

    async def _with_content(self, delivery_id: str) -> StoredDelivery:
        """The delivery, if there is still something to send."""
        stored = await self._spool.show(delivery_id)
        if not stored.content_kept:
            raise NotAllowed("its content was removed when retention.keep_days were over")
        return stored

    async def _send_stopped(self, delivery_id: str) -> None:
        def decide(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
            if delivery.disposition is Disposition.FORWARD:
                raise NotAllowed("it was forwarded already; 'forward' sends it once more")
            return self._send_on("released")(delivery, jobs)

        await self._change(delivery_id, decide)

    async def _release_held(self, delivery_id: str) -> None:
        def decide(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
            plan = delivery.plan or Plan()
            # What it was held for has been seen and decided on: no problem any more.
            going_on = Ending(
                state=DeliveryState.PLANNED, problem="", history=(self._entry("released"),)
            )
            failed_forward = any(
                isinstance(job.action, Forward) and job.state is JobState.FAILED for job in jobs
            )
            waiting = any(job.state in OPEN for job in jobs)
            failed = any(job.state is JobState.FAILED and job.code != "cancelled" for job in jobs)
            if waiting or (failed and not failed_forward):
                return replace(going_on, requeue_failed=True)
            if plan.actions and not jobs:
                return replace(going_on, add_jobs=plan.actions)
            return replace(going_on, add_jobs=(Forward(),))

        await self._change(delivery_id, decide)

    async def forward(self, delivery_id: str) -> None:
        """Send it unchanged and cancel what is queued."""
        await self._with_content(delivery_id)

        def decide(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
            if any(isinstance(job.action, Forward) and job.state in OPEN for job in jobs):
                raise NotAllowed("it is being forwarded already; 'retry' makes it due now")
            return self._send_on("forward_ordered")(delivery, jobs)

        await self._change(delivery_id, decide)

    async def drop(self, delivery_id: str) -> None:
        """Settle as stopped without sending."""

        def decide(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
            if delivery.state is DeliveryState.SETTLED:
                raise NotAllowed(f"it is settled already ({delivery.disposition})")
            return Ending(
                state=DeliveryState.SETTLED,
                disposition=Disposition.STOP,
                cancel_jobs=True,
                history=(self._entry("dropped"),),
            )

        await self._change(delivery_id, decide)

    async def judge_again(self, delivery_id: str) -> None:
        """Judge it anew by the rules of today; what it has queued is cancelled."""

        def decide(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
            if any(job.state is JobState.DONE for job in jobs):
                raise NotAllowed("something was already done for it; judging again could repeat it")
            return Ending(
                state=DeliveryState.RECEIVED,
                cancel_jobs=True,
                history=(self._entry("judged_again"),),
            )

        await self._spool.change(delivery_id, now=self._now(), decide=decide, judge_again=True)

    async def reassign(self, delivery_id: str, order_id: str, *, orders: OrderIndex) -> None:
        """Give it to the order that the person names, and judge it anew with that one.

        Only before anything was done or begun for it: what is on an order stays there.
        """
        stored = await self._with_content(delivery_id)
        found = await orders.by_ids(stored.delivery.accounts, [order_id.strip().lower()])
        if not found:
            raise NotAllowed(
                "no such order is known to the accounts of its route; 'awizo orders find' "
                "shows those that are"
            )
        order = found[0]
        if not same_buyer(order, stored.delivery.recipient.address):
            raise NotAllowed("that order is another buyer's, who would see this one's address")

        def decide(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
            if any(job.state is JobState.DONE or job.progress for job in jobs):
                raise NotAllowed("something was already done for it, on the order it had")
            if any(job.lease for job in jobs):
                raise NotAllowed("it is being worked on right now; try again in a moment")
            return Ending(
                state=DeliveryState.RECEIVED,
                cancel_jobs=True,
                order=(order.account, order.order_id),
                notes=("reassigned",),
                history=(self._entry("reassigned", order_id=order.order_id),),
            )

        await self._change(delivery_id, decide, judge_again=True)

    async def purge(
        self, retention: Retention, *, everything_settled: bool = False
    ) -> tuple[int, int]:
        """Remove what is past its time (or all that is settled); returns contents, records."""
        now = self._now()
        if everything_settled:
            return await self._spool.purge(content_before=now, history_before=now, now=now)
        return await self._spool.purge(
            content_before=now - timedelta(days=retention.keep_days),
            history_before=now - timedelta(days=retention.history_days),
            now=now,
        )

    def _send_on(self, event: str) -> Decide:
        def decide(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
            return Ending(
                state=DeliveryState.PLANNED,
                add_jobs=(Forward(),),
                cancel_jobs=True,
                history=(self._entry(event),),
            )

        return decide

    async def _change(self, delivery_id: str, decide: Decide, *, judge_again: bool = False) -> None:
        before = (await self._spool.show(delivery_id)).delivery
        await self._spool.change(
            delivery_id, now=self._now(), decide=decide, judge_again=judge_again
        )
        if before.state is DeliveryState.HELD and before.problem is not None:
            await self.end_alert(before.problem, before.account)

    async def end_alert(self, cause: str, account: str | None) -> None:
        """The alert of a cause is over when no mail is held for it any more.

        The one without an account was raised before the mail's account was known, and stands
        for those of all accounts.
        """
        for owner in dict.fromkeys((account, None)):
            held = self._spool.list(states=(DeliveryState.HELD,), account=owner)
            if cause not in {stored.delivery.problem async for stored in held}:
                await self._spool.clear_alert(cause=cause, account=owner)

    def _entry(self, event: str, **data: Any) -> HistoryEntry:
        return history(self._now(), event, by=self._actor, **data)
