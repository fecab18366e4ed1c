"""A service whose waits pass at once: what is due in five minutes is due when it is asked for.

In:  the settings' real waits, scenarios of the emulator.
Out: a house whose time of day jumps to the next thing that is due.

So a story may take a day: the waits, the steps and the patience are those of production, and
only nobody sits through them. Service and emulator share one clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import awizo.worker.loop
from awizo.emulator.calls import Rules
from awizo.emulator.server import Emulator
from awizo.emulator.world import Order
from awizo.model import DeliveryState
from awizo.settings import Allegro, Policy, Retry
from awizo.spool.port import StoredDelivery
from awizo.store.database import Transaction
from support.house import SHOP, House, a_house, merged

OFTEN_S = 0.05
PATIENCE_S = 90.0  # of a test, for a machine that has much else to do
NEVER_S = 1e8  # a lease must not run out because the clock has jumped


class Ahead:
    """The time of day, as far ahead of the real one as was jumped."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def forward(self, **units: float) -> None:
        self._ahead += timedelta(**units)


@dataclass
class HurriedHouse:
    """A house with a clock that jumps; see :class:`support.house.House`."""

    house: House
    clock: Ahead

    @property
    def emulator(self) -> Emulator:
        return self.house.emulator

    async def settled(self, *recipients: str) -> StoredDelivery:
        """Let time pass until the newest deliveries to these are settled."""
        return await self.until(
            lambda one: one.delivery.state is DeliveryState.SETTLED, *recipients
        )

    async def until(
        self, reached: Callable[[StoredDelivery], bool], *recipients: str
    ) -> StoredDelivery:
        """Let time pass until the newest deliveries to these are as is wanted."""
        stored = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                for recipient in recipients:
                    while not reached(stored := await self.house.delivery_to(recipient)):
                        await self._pass_time()
        except TimeoutError:
            raise AssertionError(f"never so: {stored}") from None
        return await self.house.delivery_to(recipients[0])

    async def until_synced(self, *orders: Order) -> None:
        """Wait until the index knows these orders whole, and its first sync is over."""
        index = self.house.app.stores.orders

        async def synced(order: Order) -> bool:
            known = await index.by_ids([order.seller], [order.id])
            state = await index.sync_state(order.seller)
            return state.first_sync_done and any(one.complete for one in known)

        for order in orders:
            await self._see(partial(synced, order))

    async def first_syncs(self) -> None:
        """Wait until every account's history has been read."""
        index = self.house.app.stores.orders

        async def done() -> bool:
            names = self.house.settings.account_names
            return all([(await index.sync_state(name)).first_sync_done for name in names])

        await self._see(done)

    async def alerted(self, *causes: str) -> None:
        """Wait until exactly these alerts stand."""

        async def stand() -> bool:
            return set(await self.alerts()) == set(causes)

        await self._see(stand)

    async def _see(self, wanted: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if await wanted():
                    return
                await asyncio.sleep(OFTEN_S)

    async def everything_done(self) -> None:
        """Let time pass until nothing is due any more, follow-ups included."""
        spool = self.house.app.stores.spool
        async with asyncio.timeout(PATIENCE_S):
            quiet = 0
            while quiet < 5:
                due = await spool.next_due(now=self.clock())
                quiet = quiet + 1 if due is None else 0
                await self._pass_time()

    async def _pass_time(self) -> None:
        """Jump to what is due next, once nothing has been under way for a moment."""
        spool = self.house.app.stores.spool
        due = await spool.next_due(now=self.clock())
        await asyncio.sleep(OFTEN_S)
        if due is None or await self._under_way():
            return
        if due == await spool.next_due(now=self.clock()):
            wait = due - self.clock()
            if wait > timedelta(0):
                self.clock.forward(seconds=wait.total_seconds())

    async def _under_way(self) -> bool:
        def unit(tx: Transaction) -> bool:
            return any(
                tx.row(f"SELECT 1 AS one FROM {table} WHERE lease IS NOT NULL LIMIT 1", {})
                for table in ("deliveries", "jobs", "follow_ups")
            )

        return await self.house.app.stores.database.read(unit)

    async def alerts(self) -> dict[str, str]:
        """Standing alerts: cause and text."""
        return {
            str(one["cause"]): str(one["text"])
            for one in await self.house.app.stores.spool.alerts()
        }

    def calls(self, *operations: str, order_id: str = "") -> list[int]:
        """Statuses of the calls of these operations, oldest first."""
        return [
            one.status
            for one in self.emulator.requests
            if one.operation in operations and order_id in one.path
        ]


# Where a house of quick tests waits less than the real one.
PATIENT: dict[str, Any] = {
    "retry": {
        "allegro_steps_s": Retry().allegro_steps_s,
        "smarthost_steps_s": Retry().smarthost_steps_s,
        "lease_s": NEVER_S,
    },
    "policy": {
        "order_wait_s": Policy().order_wait_s,
        "verify_after_s": Policy().verify_after_s,
    },
    "allegro": {
        "waybill_delay_s": Allegro().waybill_delay_s,
        "delivery_check_after_s": Allegro().delivery_check_after_s,
    },
}


@asynccontextmanager
async def a_hurried_house(
    tmp_path: Path, *scenarios: str, rules: Rules | None = None, **settings: Any
) -> AsyncIterator[HurriedHouse]:
    """A running service with the waits of production, none of which is sat through."""
    clock = Ahead()
    connected: bool = settings.pop("connected", True)
    clients: dict[str, str] | None = settings.pop("clients", None)
    emulator = Emulator(now=clock, scenarios=scenarios, rules=rules, clients=clients)
    idle_s, awizo.worker.loop.IDLE_S = awizo.worker.loop.IDLE_S, OFTEN_S
    try:
        async with a_house(
            tmp_path,
            emulator=emulator,
            connected=connected,
            now=clock,
            **merged(PATIENT, settings),
        ) as house:
            for account in house.settings.account_names:
                known = emulator.world.seller(account).additional_emails
                for address in (SHOP, f"sklep@{account}.example"):
                    known.append({"id": address, "email": address})
            work = HurriedHouse(house, clock)
            if connected:
                await work.first_syncs()
            yield work
    finally:
        awizo.worker.loop.IDLE_S = idle_s
