"""Keep every connected account fresh: its orders, its tokens, its sender addresses.

In:  the accounts of the settings, the Allegro client, the order index.
Out: an index that is at most ``allegro.sync_interval_s`` old, tokens that never run out, and
     answers to what triage asks about the world.

One task per account; a mail that waits for its order asks for a sync of its own, and all
that wait at the same time share one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from awizo.actions.add_link import refused_hosts
from awizo.allegro.client import AllegroClients
from awizo.allegro.conversations import Conversations
from awizo.allegro.ports import Accounts, Memory
from awizo.allegro.senders import registered_senders
from awizo.errors import ActionError, AwizoError
from awizo.model import ConversationEvidence, Order
from awizo.orders.port import OrderIndex
from awizo.orders.sync import OrderSync
from awizo.settings import Settings
from awizo.telemetry import metrics
from awizo.triage.addresses import folded
from awizo.worker.alerts import Alerts

log = structlog.get_logger()

CONNECTION_CHECK_S = 5.0  # how soon a fresh 'awizo login' is noticed
SYNC_ON_DEMAND_S = 20.0  # a mail waits no longer for a sync it asked for
CONVERSATION_S = 5.0  # nor for the Message Center
INTEGRATED_S = 5.0
SENDER_S = 5.0
SENDERS_KEPT = timedelta(hours=1)
SENDERS_PAUSE = timedelta(minutes=5)  # after nobody could say
DEMAND_PAUSE_S = 0.5  # syncs on demand are no closer together; those who wait share one
NEVER = datetime.min.replace(tzinfo=UTC)

# What keeps an account from being kept, beyond passing trouble, and the alert of each.
KEEPING_ALERTS = {
    "account_paused": "invalid_grant",
    "client_refused": "client_refused",
    "access_denied": "access_denied",
}


@dataclass(slots=True)
class _Senders:
    """Addresses that Allegro takes mail from; ``None`` when it would not say."""

    known: frozenset[str] | None
    until: datetime
    warned: set[str] = field(default_factory=set)


class AccountKeeper:
    """Runs one task per account; answers for :class:`awizo.worker.triage.Surroundings`."""

    def __init__(
        self,
        *,
        settings: Settings,
        accounts: Accounts,
        memory: Memory,
        index: OrderIndex,
        clients: AllegroClients,
        sync: Callable[[str], OrderSync],
        conversations: Conversations,
        alerts: Alerts,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._memory = memory
        self._index = index
        self._clients = clients
        self._new_sync = sync
        self._syncs: dict[str, OrderSync] = {}
        self._conversations = conversations
        self._alerts = alerts
        self._now = now
        self._locks: dict[str, asyncio.Lock] = {}
        self._sync_began_at: dict[str, datetime] = {}
        self._senders: dict[str, _Senders] = {}
        self._settings_looked_at: set[str] = set()
        # Accounts without a standing alert about their tokens, by the login they use.
        self._well_since: dict[str, datetime | None] = {}

    async def run(self) -> None:
        """Keep all accounts until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name in self._settings.account_names:
                group.create_task(self._keep(name))

    async def _keep(self, name: str) -> None:
        with structlog.contextvars.bound_contextvars(account=name):
            while True:
                wait_s = CONNECTION_CHECK_S
                try:
                    if await self.connected(name):
                        await self._keep_once(name)
                        wait_s = self._settings.allegro.sync_interval_s
                    else:
                        self._well_since.pop(name, None)
                except ActionError as error:
                    log.info("sync_deferred", code=error.code, status=error.status)
                    wait_s = self._settings.allegro.sync_interval_s
                    if (cause := KEEPING_ALERTS.get(error.code)) is not None:
                        self._well_since.pop(name, None)
                        await self._alerts.raise_(cause, account=name)
                except AwizoError as error:
                    log.warning("sync_failed", error=str(error))
                except Exception:
                    log.exception("sync_crashed")
                await asyncio.sleep(wait_s)

    async def _keep_once(self, name: str) -> None:
        await self._clients.account(name).keep_fresh()
        record = await self._accounts.get(name)
        since = None if record is None else record.connected_at
        if self._well_since.get(name, NEVER) != since:  # a login, or trouble that has passed
            for cause in ("account_not_connected", "invalid_grant", "client_refused"):
                await self._alerts.clear(cause, account=name)
            self._well_since[name] = since
        await self._look_at_senders_of_settings(name)
        state = await self._index.sync_state(name)
        sync = self._sync_of(name)
        if not state.first_sync_done:
            async with self._lock(name):
                await sync.begin(name, self._now())
            await sync.first_sync(name, self._now())
            log.info("first_sync_done", orders=await self._index.count(name))
        async with self._lock(name):
            self._sync_began_at[name] = self._now()
            await sync.sync_events(name, self._now())
            await sync.reread_incomplete(name, self._now())
        metrics.ORDERS_INDEXED.labels(account=name).set(await self._index.count(name))

    async def _look_at_senders_of_settings(self, name: str) -> None:
        """Once after the start: the addresses that the account's routes name."""
        if name in self._settings_looked_at:
            return
        self._settings_looked_at.add(name)
        for route in self._settings.routes:
            if name in route.accounts:
                for address in (route.from_ or "", *route.allowed_senders):
                    if address and not address.startswith("@"):
                        await self.sender_known(name, address)

    def _sync_of(self, name: str) -> OrderSync:
        """One for each account: it remembers which events it has worked on."""
        if name not in self._syncs:
            self._syncs[name] = self._new_sync(name)
        return self._syncs[name]

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    # -- what triage asks ----------------------------------------------------------------------

    async def connected(self, name: str) -> bool:
        """Has tokens, even if they must be renewed by a person: its actions wait then."""
        record = await self._accounts.get(name)
        return record is not None and record.tokens is not None

    async def sync(self, names: Sequence[str]) -> None:
        """Bring the index of these accounts up to date; gives up quietly after a while."""
        asked_at = self._now()
        try:
            async with asyncio.timeout(SYNC_ON_DEMAND_S):
                for name in names:
                    await self._sync_for(name, asked_at)
        except TimeoutError:
            log.info("sync_on_demand_late")

    async def _sync_for(self, name: str, asked_at: datetime) -> None:
        if not await self.connected(name):
            return
        async with self._lock(name):
            last = self._sync_began_at.get(name)
            if last is not None and last >= asked_at:
                return  # a sync that began after the question has seen all there was to see
            if (
                last is not None
                and (pause_s := DEMAND_PAUSE_S - (self._now() - last).total_seconds()) > 0
            ):
                await asyncio.sleep(pause_s)  # whoever asks meanwhile shares this one
            self._sync_began_at[name] = self._now()
            try:
                sync = self._sync_of(name)
                await sync.sync_events(name, self._now())
                await sync.reread_incomplete(name, self._now())
            except ActionError as error:
                log.info("sync_deferred", code=error.code, account=name)

    async def first_sync_running(self, name: str) -> bool:
        if not await self.connected(name):
            return False
        return not (await self._index.sync_state(name)).first_sync_done

    async def refused_link_hosts(self, name: str) -> frozenset[str]:
        hosts = await refused_hosts(self._memory, name, now=self._now())
        policy = self._settings.policy_named(self._settings.account(name).policy)
        return hosts - {host.lower() for host in policy.approved_link_hosts}

    async def integrated_carriers(
        self, name: str, carriers: Sequence[str]
    ) -> frozenset[str] | None:
        """Those of *carriers* that Allegro tracks, learnt from it; ``None`` when it is silent."""
        tracked: set[str] = set()
        try:
            async with asyncio.timeout(INTEGRATED_S):
                for carrier in carriers:
                    if carrier != "OTHER" and await self._clients.account(name).trackable(carrier):
                        tracked.add(carrier)
        except (TimeoutError, ActionError):
            return None
        return frozenset(tracked)

    async def conversation(self, order: Order) -> ConversationEvidence | None:
        if not self._settings.allegro.messaging or not order.buyer_login:
            return None
        try:
            async with asyncio.timeout(CONVERSATION_S):
                return await self._conversations.buyer_wrote(order)
        except TimeoutError:
            return None

    async def sender_known(self, name: str, address: str) -> bool:
        """Whether Allegro takes mail from this address; one that it does not is warned about.

        True while nobody can say.
        """
        senders = self._senders.get(name)
        if senders is None or senders.until <= self._now():
            if not await self.connected(name):
                return True
            senders = self._senders[name] = await self._ask_for_senders(name)
        if senders.known is None or folded(address) in senders.known:
            return True
        if folded(address) not in senders.warned:
            senders.warned.add(folded(address))
            await self._alerts.raise_("sender_unknown", account=name, detail=f"({address})")
        return False

    async def _ask_for_senders(self, name: str) -> _Senders:
        try:
            async with asyncio.timeout(SENDER_S):
                known = await registered_senders(self._clients.account(name))
        except (TimeoutError, ActionError):
            # No mail waits for the same silence again.
            return _Senders(None, self._now() + SENDERS_PAUSE)
        return _Senders(known, self._now() + SENDERS_KEPT)
