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
import secrets
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING

import structlog

from awizo.app.doors import open_doors
from awizo.app.parts import Parts
from awizo.errors import SettingsError
from awizo.operations import Operations
from awizo.settings import Settings
from awizo.spool.ids import Ids
from awizo.store import Stores, open_store
from awizo.store.serving import ServingLock
from awizo.store.urls import sqlite_path
from awizo.telemetry.health import Health
from awizo.worker.alerts import Alerts
from awizo.worker.outbox import Outbox

if TYPE_CHECKING:
    import httpx

    from awizo.panel.server import PanelServer

log = structlog.get_logger()

# How long the loop may go on while the store's writer wants its turn. With Python's own 5 ms
# every statement of a commit can wait as long as the commit itself; see docs/performance.md.
SWITCH_INTERVAL_S = 0.0005
FOLLOW_S = 1.0  # in which the intake processes of a killed service are gone too


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
        self._parts = Parts()

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
        outbox = Outbox(spool=stores.spool, now=self.now, new_id=self.new_id)

        async def send_mail(content: bytes, sender: str, recipients: tuple[str, ...]) -> None:
            await outbox.put(content, reverse_path=sender, recipients=recipients)

        alerts = Alerts(
            settings=settings.alerts, spool=stores.spool, now=self.now, send_mail=send_mail
        )
        smtp_at = await open_doors(
            settings,
            stores,
            alerts,
            lock=lock,
            parts=self._parts,
            health=self.health,
            now=self.now,
            instance_id=self.instance_id,
            new_id=self.new_id,
            switch_interval_s=SWITCH_INTERVAL_S,
        )
        # Only now: a mail can be taken in before anybody is there to judge it.
        await asyncio.to_thread(import_module, "awizo.app.inside")
        from awizo.app.inside import start_inside

        await start_inside(
            settings,
            stores,
            parts=self._parts,
            alerts=alerts,
            outbox=outbox,
            owner=self.owner,
            hostname=settings.intake.hostname or socket.gethostname(),
            instance_id=self.instance_id,
            now=self.now,
            clock=self.clock,
            transport=self.transport,
            new_id=self.new_id,
        )

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
            self._parts.on_stop("panel", panel.close)

        self._parts.stop_first("intake")
        self.bound = Bound(smtp=smtp_at, panel=panel_at)
        log.info(
            "listening",
            smtp=list(self.bound.smtp),
            panel=panel_at,
            mode=settings.mode,
            instance=self.instance_id,
        )
        await stores.database.sweep_arrivals()  # of processes that were killed
        return self.bound

    async def wait(self, stopping: asyncio.Event) -> None:
        """Return when *stopping* is set, or raise when a part ended that must not end."""
        await self._parts.wait(stopping)

    async def stop(self) -> None:
        """Stop every part, the last started first; each gets its chance."""
        await self._parts.stop()

    def reload(self) -> None:
        """Look at the rule files and certificates again (SIGHUP)."""
        self._parts.reload()

    async def _open_store(self) -> tuple[Stores, ServingLock | None]:
        """Open it; on SQLite as the only service, with what the one before had begun."""
        stores = await open_store(self.settings.store)
        self._parts.on_stop("store", stores.close)
        self._parts.on_stop("arrivals", stores.database.sweep_arrivals)
        self.stores = stores
        if (path := sqlite_path(self.settings.store.url)) is None:
            return stores, None
        lock = await asyncio.to_thread(ServingLock, path, patience_s=FOLLOW_S)
        self._parts.on_stop("serving", lock.release)
        taken_back = await stores.spool.take_back_leases()
        if taken_back:
            log.info("leases_taken_back", count=taken_back)
        return stores, lock
