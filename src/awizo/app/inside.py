"""Start what works on mails once they are in: rules, helpers, the worker, the accounts.

In:  the store, the alerts, the settings.
Out: running parts, entered among those that are stopped with the service.

Apart from the doors, and imported after them, for it takes long: a shop finds the port open
while all this is still being read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import httpx

from awizo.allegro.client import AllegroClients
from awizo.app.hands import make_hands
from awizo.app.housekeeping import keep_house
from awizo.app.parts import Parts
from awizo.book import BookKeeper
from awizo.documents import Inspector
from awizo.settings import Settings
from awizo.smarthost.smarthosts import Smarthosts
from awizo.store import Stores
from awizo.worker.alerts import Alerts
from awizo.worker.outbox import Outbox


async def start_inside(
    settings: Settings,
    stores: Stores,
    *,
    parts: Parts,
    alerts: Alerts,
    outbox: Outbox,
    owner: str,
    hostname: str,
    instance_id: str,
    now: Callable[[], datetime],
    clock: Callable[[], float],
    transport: httpx.AsyncBaseTransport | None,
    new_id: Callable[[], str],
) -> None:
    """Start the worker and all that it asks.

    Args:
        owner: Whose leases the worker's are.
        hostname: Under which notices of non-delivery are written.
        clock: Seconds that only go forward, by which the pace towards Allegro is kept.
        transport: Takes the place of the network towards Allegro, for tests.

    Raises:
        RuleError: A rule file does not compile.
        SettingsError: A file cannot be read.
    """
    # Both take long: a helper to start, rules to compile.
    inspector = Inspector(settings.documents)
    parts.on_stop("documents", inspector.close)
    books, _ = await asyncio.gather(asyncio.to_thread(BookKeeper, settings), inspector.start())
    parts.on_reload(books.refresh)
    smarthosts = Smarthosts(settings, now=now, instance_id=instance_id)
    parts.on_stop("smarthosts", smarthosts.close)
    clients = AllegroClients(
        settings, stores.accounts, stores.memory, now=now, clock=clock, transport=transport
    )
    parts.on_stop("allegro", clients.close)

    worker, keeper = make_hands(
        settings,
        stores,
        inspector=inspector,
        books=books,
        clients=clients,
        smarthosts=smarthosts,
        alerts=alerts,
        outbox=outbox,
        owner=owner,
        hostname=hostname,
        now=now,
        new_id=new_id,
    )

    async def stop_worker() -> None:
        worker.stop()
        await worker.drain(settings.intake.drain_s)
        await parts.end_tasks()

    parts.begin("worker", worker.run())
    parts.on_stop("worker", stop_worker)
    parts.begin("accounts", keeper.run())
    parts.begin("housekeeping", keep_house(stores.spool, books, settings.retention, now=now))
