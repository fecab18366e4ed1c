"""Put the worker together: who judges, who calls Allegro, who sends, who looks again.

In:  the store, the two ways out, the book, the alerts.
Out: a worker and a keeper of the accounts, made and not yet started.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime

from awizo.actions.add_link import AddLinkExecutor
from awizo.actions.add_shipment import AddShipmentExecutor
from awizo.actions.set_fulfillment import SetFulfillmentExecutor
from awizo.actions.upload_invoice import UploadInvoiceExecutor
from awizo.allegro.client import AllegroClients
from awizo.allegro.conversations import Conversations
from awizo.app.housekeeping import end_hold
from awizo.book import BookKeeper
from awizo.documents import Inspector
from awizo.model import AddLink, AddShipment, SetFulfillment, UploadInvoice
from awizo.orders.sync import OrderSync
from awizo.settings import Settings
from awizo.smarthost.smarthosts import Smarthosts
from awizo.store import Stores
from awizo.worker.accounts import AccountKeeper
from awizo.worker.alerts import Alerts
from awizo.worker.execute import Execution
from awizo.worker.follow_up import FollowUps
from awizo.worker.leases import Leases
from awizo.worker.loop import Worker
from awizo.worker.outbox import Outbox
from awizo.worker.outcomes import Outcomes
from awizo.worker.triage import Surroundings, Triage
from awizo.worker.way_out import WayOut


def make_hands(
    settings: Settings,
    stores: Stores,
    *,
    inspector: Inspector,
    books: BookKeeper,
    clients: AllegroClients,
    smarthosts: Smarthosts,
    alerts: Alerts,
    outbox: Outbox,
    owner: str,
    hostname: str,
    now: Callable[[], datetime],
    new_id: Callable[[], str],
) -> tuple[Worker, AccountKeeper]:
    """Make the worker, and the keeper of the accounts that it asks.

    Args:
        owner: Whose leases they are: host, process and instance.
        hostname: Under which notices of non-delivery are written.
    """
    conversations = Conversations(clients, stores.memory, now=now)
    keeper = AccountKeeper(
        settings=settings,
        accounts=stores.accounts,
        memory=stores.memory,
        index=stores.orders,
        clients=clients,
        sync=lambda name: OrderSync(stores.orders, clients.account(name), settings.allegro),
        conversations=conversations,
        alerts=alerts,
        now=now,
    )
    triage = Triage(
        settings=settings,
        spool=stores.spool,
        orders=stores.orders,
        inspector=inspector,
        book=lambda: books.book,
        around=Surroundings(
            connected=keeper.connected,
            sync=keeper.sync,
            first_sync_running=keeper.first_sync_running,
            refused_link_hosts=keeper.refused_link_hosts,
            integrated_carriers=keeper.integrated_carriers,
            conversation=keeper.conversation,
            sender_known=keeper.sender_known,
        ),
        alerts=alerts,
        now=now,
    )
    leases = Leases(lease_s=settings.retry.lease_s)
    outcomes = Outcomes(
        retry=settings.retry,
        spool=stores.spool,
        alerts=alerts,
        now=now,
        jitter=lambda: random.uniform(-1, 1),
    )
    execution = Execution(
        settings=settings,
        spool=stores.spool,
        orders=stores.orders,
        ledger=stores.ledger,
        memory=stores.memory,
        inspector=inspector,
        clients=clients,
        executors={
            UploadInvoice: UploadInvoiceExecutor(),
            AddLink: AddLinkExecutor(),
            SetFulfillment: SetFulfillmentExecutor(),
            AddShipment: AddShipmentExecutor(),
        },
        outcomes=outcomes,
        now=now,
        new_id=new_id,
    )
    way_out = WayOut(
        settings=settings,
        spool=stores.spool,
        smarthosts=smarthosts,
        alerts=alerts,
        outbox=outbox,
        outcomes=outcomes,
        hostname=hostname,
        now=now,
        new_id=new_id,
        are_ours=leases.are_ours,
    )
    follow_ups = FollowUps(
        settings=settings,
        spool=stores.spool,
        ledger=stores.ledger,
        clients=clients,
        conversations=conversations,
        alerts=alerts,
        now=now,
    )

    worker = Worker(
        settings=settings,
        spool=stores.spool,
        owner=owner,
        judge=triage.handle,
        act=execution.act,
        send=way_out.send,
        follow_up=follow_ups.handle,
        end_hold=lambda stored: end_hold(stores.spool, stored, now=now),
        now=now,
        leases=leases,
    )
    return worker, keeper
