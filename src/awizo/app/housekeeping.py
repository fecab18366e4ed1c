"""What is looked after while the service runs, beside the mails that are due.

In:  the spool, the book, the time.
Out: current metrics, changed rule files in use, old contents and records gone, holds ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog

from awizo.book import BookKeeper
from awizo.errors import AwizoError
from awizo.model import Delivery, DeliveryState, Job
from awizo.operations import Operations
from awizo.settings import Retention
from awizo.spool.port import Ending, Spool, StoredDelivery
from awizo.telemetry import metrics
from awizo.worker.schedule import when_hold_is_over

log = structlog.get_logger()

HOUSEKEEPING_S = 5.0
PURGE_EVERY_S = 3600.0


async def keep_house(
    spool: Spool, books: BookKeeper, retention: Retention, *, now: Callable[[], datetime]
) -> None:
    """Metrics, changed rule files, retention; for as long as the service runs."""
    operations = Operations(spool=spool, now=now, actor="awizo")
    purge_due = now()
    while True:
        try:
            await asyncio.to_thread(books.refresh)
            await _measure(spool, now())
            if now() >= purge_due:
                contents, records = await operations.purge(retention)
                if contents or records:
                    log.info("purged", contents=contents, records=records)
                purge_due = datetime.fromtimestamp(now().timestamp() + PURGE_EVERY_S, tz=UTC)
        except AwizoError as error:
            log.warning("housekeeping_failed", error=str(error))
        await asyncio.sleep(HOUSEKEEPING_S)


async def _measure(spool: Spool, now: datetime) -> None:
    counts = await spool.counts()
    for state, count in counts.by_state.items():
        metrics.DELIVERIES.labels(state=state).set(count)
    oldest = counts.oldest_unsettled_at
    age_s = 0.0 if oldest is None else (now - oldest).total_seconds()
    metrics.OLDEST_UNSETTLED_SECONDS.set(max(0.0, age_s))
    metrics.ALERTS.clear()
    for alert in await spool.alerts():
        metrics.ALERTS.labels(cause=alert["cause"]).set(1)


async def end_hold(spool: Spool, stored: StoredDelivery, *, now: Callable[[], datetime]) -> None:
    """Let a delivery that was held long enough go on without a person."""

    def decide(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
        if delivery.state is not DeliveryState.HELD or delivery.due_at != held_until:
            return Ending()  # a person, or another replica, was quicker
        return when_hold_is_over(delivery, jobs)

    held_until = stored.delivery.due_at

    await spool.change(stored.delivery.id, now=now(), decide=decide)
    log.warning("hold_expired", delivery_id=stored.delivery.id)
    if stored.delivery.problem == "loop":  # that it was held is all the harm it did
        housekeeper = Operations(spool=spool, now=now, actor="awizo")
        await housekeeper.end_alert("loop", stored.delivery.account)
