"""Put the parts together, start them, stop them in reverse.

In:  settings.
Out: a running service: intake, worker, account keeper, panel.

Nothing is decided here. Order of starting: store, intake, rules and helpers, worker, panel. A
shop's mail is taken as soon as there is a store to keep it; what takes long - rules to compile,
a panel to import - comes behind that, and the mail waits for it on the disk. Intake ends first.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import structlog

from awizo.actions.add_link import AddLinkExecutor
from awizo.actions.add_shipment import AddShipmentExecutor
from awizo.actions.set_fulfillment import SetFulfillmentExecutor
from awizo.actions.upload_invoice import UploadInvoiceExecutor
from awizo.allegro.client import AllegroClients
from awizo.allegro.conversations import Conversations
from awizo.book import BookKeeper
from awizo.documents import Inspector
from awizo.errors import AwizoError, SettingsError, StoreError
from awizo.intake.board import Board
from awizo.intake.listener import Intake, refuse_taken
from awizo.intake.processes import IntakeProcesses
from awizo.model import (
    AddLink,
    AddShipment,
    Delivery,
    DeliveryState,
    Job,
    SetFulfillment,
    UploadInvoice,
)
from awizo.operations import Operations
from awizo.orders.sync import OrderSync
from awizo.settings import Settings
from awizo.smarthost import Smarthosts, refuse_own_listener
from awizo.spool.ids import Ids
from awizo.spool.port import Ending, StoredDelivery
from awizo.store import Stores, open_store
from awizo.store.serving import ServingLock
from awizo.store.urls import sqlite_path
from awizo.telemetry import metrics
from awizo.telemetry.health import Health
from awizo.telemetry.logging import places
from awizo.worker.accounts import AccountKeeper
from awizo.worker.alerts import Alerts
from awizo.worker.execute import Execution
from awizo.worker.follow_up import FollowUps
from awizo.worker.leases import Leases
from awizo.worker.loop import Worker
from awizo.worker.outbox import Outbox
from awizo.worker.outcomes import Outcomes
from awizo.worker.schedule import when_hold_is_over
from awizo.worker.triage import Surroundings, Triage
from awizo.worker.way_out import WayOut

if TYPE_CHECKING:
    from awizo.panel.server import PanelServer

log = structlog.get_logger()

# How long the loop may go on while the store's writer wants its turn. With Python's own 5 ms
# every statement of a commit can wait as long as the commit itself; see docs/performance.md.
SWITCH_INTERVAL_S = 0.0005
FOLLOW_S = 1.0  # in which the intake processes of a killed service are gone too
HOUSEKEEPING_S = 5.0
PURGE_EVERY_S = 3600.0


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Bound:
    """Where it listens."""

    smtp: tuple[str, ...]
    panel: str | None


def _panel_server() -> type[PanelServer]:
    """Imported only now: it takes long, and no mail needs it."""
    from awizo.panel.server import PanelServer

    return PanelServer


async def _see_open(is_open: Callable[[], bool]) -> None:
    if not is_open():
        raise StoreError("intake is closed")


async def _drain_all(intake: Intake, processes: IntakeProcesses, timeout_s: float) -> None:
    await asyncio.gather(intake.drain(timeout_s), processes.drain(timeout_s))


class App:
    """One service in one event loop.

    Args:
        clock: Seconds that only go forward, by which the pace towards Allegro is kept.
        transport: Takes the place of the network towards Allegro, for tests.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.settings = settings
        self.now = now
        self.clock = clock
        self.transport = transport
        self.new_id = Ids(now, secrets.token_bytes)
        self.instance_id = secrets.token_hex(8)
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{self.instance_id}"
        self.health = Health()
        self.bound: Bound | None = None
        self._stack: list[tuple[str, Callable[[], object]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._crashed = asyncio.Event()
        self._reload: list[Callable[[], object]] = []
        self._telling: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> Bound:
        """Start everything; what was started is stopped again when a later part fails.

        Raises:
            SettingsError: The settings cannot be served; the text says what to set.
        """
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> Bound:
        settings = self.settings
        if not settings.smarthost.host:
            raise SettingsError(
                "smarthost.host is not set: name the seller's mail provider in the config file, "
                "or in AWIZO_SMARTHOST__HOST"
            )
        stores, lock = await self._open_store()
        hostname = settings.intake.hostname or socket.gethostname()
        outbox = Outbox(spool=stores.spool, now=self.now, new_id=self.new_id)

        async def send_mail(content: bytes, sender: str, recipients: tuple[str, ...]) -> None:
            await outbox.put(content, reverse_path=sender, recipients=recipients)

        alerts = Alerts(
            settings=settings.alerts, spool=stores.spool, now=self.now, send_mail=send_mail
        )
        smtp_at = await self._start_intake(stores, lock, alerts)
        # Both take long: a helper to start, rules to compile.
        inspector = Inspector(settings.documents)
        self._on_stop("documents", inspector.close)
        books, _ = await asyncio.gather(asyncio.to_thread(BookKeeper, settings), inspector.start())
        self._reload.append(books.refresh)
        smarthosts = Smarthosts(settings, now=self.now, instance_id=self.instance_id)
        self._on_stop("smarthosts", smarthosts.close)
        clients = AllegroClients(
            settings,
            stores.accounts,
            stores.memory,
            now=self.now,
            clock=self.clock,
            transport=self.transport,
        )
        self._on_stop("allegro", clients.close)

        conversations = Conversations(clients, stores.memory, now=self.now)
        keeper = AccountKeeper(
            settings=settings,
            accounts=stores.accounts,
            memory=stores.memory,
            index=stores.orders,
            clients=clients,
            sync=lambda name: OrderSync(stores.orders, clients.account(name), settings.allegro),
            conversations=conversations,
            alerts=alerts,
            now=self.now,
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
            now=self.now,
        )
        leases = Leases(lease_s=settings.retry.lease_s)
        outcomes = Outcomes(
            retry=settings.retry,
            spool=stores.spool,
            alerts=alerts,
            now=self.now,
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
            now=self.now,
            new_id=self.new_id,
        )
        way_out = WayOut(
            settings=settings,
            spool=stores.spool,
            smarthosts=smarthosts,
            alerts=alerts,
            outbox=outbox,
            outcomes=outcomes,
            hostname=hostname,
            now=self.now,
            new_id=self.new_id,
            are_ours=leases.are_ours,
        )
        follow_ups = FollowUps(
            settings=settings,
            spool=stores.spool,
            ledger=stores.ledger,
            clients=clients,
            conversations=conversations,
            alerts=alerts,
            now=self.now,
        )

        async def end_hold(stored: StoredDelivery) -> None:
            def decide(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
                if delivery.state is not DeliveryState.HELD or delivery.due_at != held_until:
                    return Ending()  # a person, or another replica, was quicker
                return when_hold_is_over(delivery, jobs)

            held_until = stored.delivery.due_at

            await stores.spool.change(stored.delivery.id, now=self.now(), decide=decide)
            log.warning("hold_expired", delivery_id=stored.delivery.id)
            if stored.delivery.problem == "loop":  # that it was held is all the harm it did
                housekeeper = Operations(spool=stores.spool, now=self.now, actor="awizo")
                await housekeeper.end_alert("loop", stored.delivery.account)

        worker = Worker(
            settings=settings,
            spool=stores.spool,
            owner=self.owner,
            judge=triage.handle,
            act=execution.act,
            send=way_out.send,
            follow_up=follow_ups.handle,
            end_hold=end_hold,
            now=self.now,
            leases=leases,
        )
        self._begin("worker", worker.run())
        self._on_stop("worker", lambda: self._stop_worker(worker))
        self._begin("accounts", keeper.run())
        self._begin("housekeeping", self._keep_house(stores, books))

        panel_at: str | None = None
        if settings.panel.enabled:
            panel = (await asyncio.to_thread(_panel_server))(
                settings=settings,
                stores=stores,
                operations=Operations(spool=stores.spool, now=self.now, actor="panel"),
                health=self.health,
                now=self.now,
            )
            panel_at = await panel.start()
            self._on_stop("panel", panel.close)

        self._stop_first("intake")
        self.bound = Bound(smtp=smtp_at, panel=panel_at)
        log.info(
            "listening",
            smtp=list(self.bound.smtp),
            panel=panel_at,
            mode=settings.mode,
            instance=self.instance_id,
        )
        return self.bound

    async def _start_intake(
        self, stores: Stores, lock: ServingLock | None, alerts: Alerts
    ) -> tuple[str, ...]:
        """Listen; returns the addresses."""
        settings = self.settings

        def tell_held(problem: str) -> None:
            if problem not in self._telling:  # else the alert is just being raised
                telling = asyncio.create_task(alerts.raise_(problem, account=None))
                self._telling[problem] = telling
                telling.add_done_callback(lambda _: self._telling.pop(problem))

        self._on_stop("alerts", self._all_told)
        several = settings.intake.processes > 1
        board = Board.made_for(settings.intake.processes) if several else None
        if several:
            refuse_taken(settings)
        intake = Intake(
            settings,
            stores.spool,
            now=self.now,
            instance_id=self.instance_id,
            new_id=self.new_id,
            on_held=tell_held,
            board=board,
        )
        bound = await intake.start(reuse_port=several)
        self._reload.append(intake.reload_tls)
        self._on_stop("intake", lambda: intake.drain(settings.intake.drain_s))
        self.health.add("store", stores.spool.probe)
        self.health.add("intake", partial(_see_open, lambda: intake.is_open))
        await refuse_own_listener(settings, bound)
        if board is not None:
            processes = IntakeProcesses(
                settings,
                instance_id=self.instance_id,
                board=board,
                on_work=stores.database.announce_work,
                on_held=tell_held,
                switch_interval_s=SWITCH_INTERVAL_S,
                keep_open=() if lock is None else (lock.descriptor,),
            )
            # In place of the above: all are drained at the same time.
            self._stack.pop()
            self._on_stop("intake", lambda: _drain_all(intake, processes, settings.intake.drain_s))
            await processes.start(bound)
            self.health.add("intake_processes", partial(_see_open, lambda: processes.are_open))
            self._reload.append(processes.reload)
        return tuple(str(address) for address in bound)

    async def wait(self, stopping: asyncio.Event) -> None:
        """Return when *stopping* is set, or raise when a part ended that must not end."""
        stop = asyncio.ensure_future(stopping.wait())
        crashed = asyncio.ensure_future(self._crashed.wait())
        await asyncio.wait({stop, crashed}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        crashed.cancel()
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def stop(self) -> None:
        """Stop every part, the last started first; each gets its chance."""
        for name, close in reversed(self._stack):
            try:
                result = close()
                if asyncio.iscoroutine(result):
                    await result
            except Exception:
                log.exception("stop_failed", part=name)
        self._stack.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        log.info("stopped")

    def reload(self) -> None:
        """Look at the rule files and certificates again (SIGHUP)."""
        for look_again in self._reload:
            look_again()

    async def _open_store(self) -> tuple[Stores, ServingLock | None]:
        """Open it; on SQLite as the only service, with what the one before had begun."""
        stores = await open_store(self.settings.store)
        self._on_stop("store", stores.close)
        self.stores = stores
        if (path := sqlite_path(self.settings.store.url)) is None:
            return stores, None
        lock = await asyncio.to_thread(ServingLock, path, patience_s=FOLLOW_S)
        self._on_stop("serving", lock.release)
        taken_back = await stores.spool.take_back_leases()
        if taken_back:
            log.info("leases_taken_back", count=taken_back)
        return stores, lock

    # -- parts ---------------------------------------------------------------------------------

    def _on_stop(self, name: str, close: Callable[[], object]) -> None:
        self._stack.append((name, close))

    def _stop_first(self, name: str) -> None:
        """Stop this part before all others, whenever it was started."""
        self._stack.sort(key=lambda part: part[0] == name)

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)

        def ended(done: asyncio.Task[None]) -> None:
            if not done.cancelled() and (error := done.exception()) is not None:
                log.error(
                    "part_crashed", part=name, error=type(error).__name__, places=places(error)
                )
                self._crashed.set()

        task.add_done_callback(ended)
        self._tasks.append(task)

    async def _stop_worker(self, worker: Worker) -> None:
        worker.stop()
        await worker.drain(self.settings.intake.drain_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _all_told(self) -> None:
        await asyncio.gather(*self._telling.values(), return_exceptions=True)

    async def _keep_house(self, stores: Stores, books: BookKeeper) -> None:
        """Metrics, changed rule files, retention."""
        operations = Operations(spool=stores.spool, now=self.now, actor="awizo")
        purge_due = self.now()
        while True:
            try:
                await asyncio.to_thread(books.refresh)
                counts = await stores.spool.counts()
                for state, count in counts.by_state.items():
                    metrics.DELIVERIES.labels(state=state).set(count)
                oldest = counts.oldest_unsettled_at
                age_s = 0.0 if oldest is None else (self.now() - oldest).total_seconds()
                metrics.OLDEST_UNSETTLED_SECONDS.set(max(0.0, age_s))
                metrics.ALERTS.clear()
                for alert in await stores.spool.alerts():
                    metrics.ALERTS.labels(cause=alert["cause"]).set(1)
                if self.now() >= purge_due:
                    contents, records = await operations.purge(self.settings.retention)
                    if contents or records:
                        log.info("purged", contents=contents, records=records)
                    purge_due = datetime.fromtimestamp(
                        self.now().timestamp() + PURGE_EVERY_S, tz=UTC
                    )
            except AwizoError as error:
                log.warning("housekeeping_failed", error=str(error))
            await asyncio.sleep(HOUSEKEEPING_S)
