"""Keep the index of orders as fresh as Allegro allows.

In:  the event log and the order list of one account (``OrderSource``).
Out: complete orders in the index, the cursor behind them in the same transaction.

Events come at least once, in any number, and are only a sign that something happened: what
is kept about an order is what its checkout form says. The cursor trails the newest event a
little, so that an event which turns up late behind a newer one is still seen; what was
worked on already is remembered and passed over. Everything here may be repeated at any time.

A fresh install notes the newest event first, then reads history, newest orders first: what
happens in between is in the log behind the noted event. Reading history may be interrupted
at any point and goes on where it was.

Source: FACTS 2.1 to 2.3 and 4.4.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from awizo.errors import ActionError, Deferral, PermanentFailure
from awizo.model import Order
from awizo.orders.port import OrderIndex, SyncState
from awizo.orders.source import EVENTS_MAX, PAGE_MAX, WINDOW_MAX, OrderEvent, OrderSource
from awizo.settings import Allegro
from awizo.triage.addresses import split

log = structlog.get_logger()

# Types that leave the order as the event tells it: nothing is final yet, the form may still
# be empty. All others, unknown ones too, are a reason to read the form.
NOT_FINAL = frozenset({"BOUGHT", "FILLED_IN"})
FINAL = "READY_FOR_PROCESSING"

OVERLAP_EVENTS = 20  # how far the stored cursor trails
REMEMBERED_EVENTS = 10_000
FORMS_AT_ONCE = 8

FIRST_SLICE = timedelta(days=7)
SHORTEST_SLICE = timedelta(minutes=1)

REREAD_AT_ONCE = 100
LOG_REACHES_BACK = timedelta(days=59)  # 60 (FACTS 2.1), less a day to be sure
UNPAID_WATCHED = timedelta(hours=1)  # a form may lag behind its event (FACTS 2.3)
MISSING_FORGOTTEN_AFTER = timedelta(minutes=15)  # an announced order may be 404 for minutes
GIVEN_UP_AFTER = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far the first sync has come: orders read, and the share of its span, 0..1."""

    orders: int
    share: float


Progress = Callable[[SyncProgress], None]


@dataclass(slots=True)
class _Forms:
    """Checkout forms that were opened; ids that Allegro does not know."""

    found: dict[str, Order] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)


class OrderSync:
    """Syncs one account. Keep the object: it remembers which events it has worked on."""

    def __init__(self, index: OrderIndex, source: OrderSource, settings: Allegro) -> None:
        self._index = index
        self._source = source
        self._settings = settings
        self._seen: OrderedDict[str, None] = OrderedDict()

    # -- the event log -------------------------------------------------------------------------

    async def begin(self, account: str, now: datetime) -> SyncState:
        """Note where the event log stands, once, before any history is read.

        An empty log is noted too (no cursor, but synced): it will be read from its beginning.
        After a pause longer than the log reaches back, history is read anew.
        """
        state = await self._index.sync_state(account)
        if state.synced_at is not None and now - state.synced_at > LOG_REACHES_BACK:
            log.warning("events_out_of_reach", account=account)
            state = SyncState()
        if state.last_event_id is None and state.synced_at is None:
            newest = await self._source.latest_event_id()
            state = replace(state, last_event_id=newest, synced_at=now)
            await self._index.save_sync_state(account, state)
        return state

    async def sync_events(self, account: str, now: datetime) -> int:
        """Read what has happened since the last time; returns the number of new events.

        Raises:
            Deferral: Allegro could not be asked; what was read before that is kept.
        """
        cursor = (await self.begin(account, now)).last_event_id
        news = 0
        recent: list[str] = [] if cursor is None else [cursor]
        while True:
            events = await self._source.events(cursor, EVENTS_MAX)
            fresh = [event for event in events if event.id not in self._seen]
            orders, gone = await self._read(account, fresh, now)
            recent = (recent + [event.id for event in events])[-OVERLAP_EVENTS - 1 :]
            if events:
                cursor = events[-1].id
            whole_page = len(events) >= EVENTS_MAX
            state = replace(
                await self._index.sync_state(account),
                last_event_id=cursor if whole_page or not recent else recent[0],
                synced_at=now,
            )
            await self._index.upsert(account, orders, state=state)
            if gone:
                await self._index.forget(account, gone)
            self._remember(fresh)
            news += len(fresh)
            if not whole_page:
                return news

    async def _read(
        self, account: str, events: Sequence[OrderEvent], now: datetime
    ) -> tuple[list[Order], list[str]]:
        """The orders that events speak of, and the ids that another order has taken over."""
        announced: dict[str, Order] = {}
        to_open: dict[str, None] = {}
        ready: dict[str, datetime] = {}
        for event in events:
            if event.order is None:
                continue
            order_id = event.order.order_id
            announced[order_id] = _later(announced.get(order_id), event.order)
            if event.type not in NOT_FINAL:
                to_open[order_id] = None
            if event.type == FINAL:
                ready[order_id] = event.occurred_at
        forms = await self._forms(to_open)
        orders: list[Order] = []
        gone: list[str] = []
        for order_id in to_open:
            form = forms.found.get(order_id)
            if form is None:
                # Announced, but not to be had yet: what the event told, to be read again.
                orders.append(replace(announced.pop(order_id), complete=False))
                continue
            announced.pop(order_id)
            if order_id in ready and form.status in NOT_FINAL:
                # The form lags behind its event (FACTS 2.3): watched from the event on.
                at = max(form.updated_at or ready[order_id], ready[order_id])
                form = replace(form, complete=False, updated_at=at)
            orders.append(form)
            if form.status == FINAL:
                gone += await self._merged_into(account, form)
        if announced:
            known = await self._index.by_ids([account], tuple(announced))
            complete = {order.order_id for order in known if order.complete}
            orders += [one for one in announced.values() if one.order_id not in complete]
        return [order for order in orders if order.order_id not in gone], gone

    async def _forms(self, order_ids: Iterable[str], *, all_may_fail: bool = False) -> _Forms:
        """Open checkout forms, a few at a time.

        One order that cannot be read must not hold up all others: it counts as unread, to be
        tried again with the incomplete ones.

        Raises:
            Deferral: Allegro could not be asked, or answered for no order at all, unless
                *all_may_fail*.
        """
        forms = _Forms()
        troubles: list[ActionError] = []
        turn = asyncio.Semaphore(FORMS_AT_ONCE)

        async def one(order_id: str) -> None:
            async with turn:
                try:
                    forms.found[order_id] = await self._source.order(order_id)
                except PermanentFailure as error:
                    if error.code == "order_missing":
                        forms.missing.add(order_id)
                    else:
                        troubles.append(error)
                except Deferral as error:
                    if error.code != "allegro_error":
                        raise
                    troubles.append(error)

        await asyncio.gather(*(one(order_id) for order_id in order_ids))
        if troubles and not (forms.found or forms.missing or all_may_fail):
            raise troubles[0]
        for trouble in troubles:
            log.warning("order_unread", code=trouble.code, status=trouble.status)
        return forms

    async def _merged_into(self, account: str, order: Order) -> list[str]:
        """Ids of purchases that were paid together and now live on in *order*.

        Several purchases paid at once get one new id and the old ones vanish (FACTS 2.3);
        they are known by their items.
        """
        items = {line.id for line in order.line_items}
        address = split(order.email)
        if not items or not address.base:
            return []
        return [
            other.order_id
            for other in await self._index.by_base([account], address.base, address.domain)
            if other.order_id != order.order_id
            and other.status != FINAL
            and other.line_items
            and items >= {line.id for line in other.line_items}
        ]

    def _remember(self, events: Sequence[OrderEvent]) -> None:
        for event in events:
            self._seen[event.id] = None
        while len(self._seen) > REMEMBERED_EVENTS:
            self._seen.popitem(last=False)

    # -- history -------------------------------------------------------------------------------

    async def first_sync(
        self, account: str, now: datetime, progress: Progress | None = None
    ) -> None:
        """Read a year of orders in slices of time, newest first, then 60 days of events.

        The slices keep offset + limit within 10,000. How far it has come is stored with each
        slice; a second call goes on from there, and does nothing once all is done.

        Raises:
            Deferral: Allegro could not be asked; call again.
        """
        state = await self.begin(account, now)
        if state.first_sync_done:
            return
        oldest = now - timedelta(days=self._settings.sync_orders_days)
        until = state.orders_until or now
        span = (now - oldest) / timedelta(seconds=1)
        width = FIRST_SLICE
        read = 0
        while until > oldest:
            since = max(until - width, oldest)
            count = await self._slice(account, since, until)
            if count is None:
                width = max((until - since) / 2, SHORTEST_SLICE)
                continue
            read += count
            until = since
            await self._save(account, orders_until=until)
            if progress is not None:
                share = (now - until) / timedelta(seconds=1) / span if span else 1.0
                progress(SyncProgress(read, min(1.0, share)))
            if count < WINDOW_MAX // 4:
                width = min(width * 2, timedelta(days=60))
        await self._events_of_history(account, now)
        await self._save(account, first_sync_done=True)

    async def _slice(self, account: str, since: datetime, until: datetime) -> int | None:
        """Index the orders of one span; ``None`` when they are too many for one window."""
        offset = 0
        while True:
            page = await self._source.orders_page(
                bought_from=since, bought_to=until, offset=offset, limit=PAGE_MAX
            )
            if page.total > WINDOW_MAX and until - since > SHORTEST_SLICE:
                return None
            await self._index.upsert(account, page.orders)
            offset += page.size
            if page.size == 0 or offset >= page.total:
                return offset
            if offset + PAGE_MAX > WINDOW_MAX:
                log.warning("orders_beyond_window", account=account, total=page.total)
                return offset

    async def _events_of_history(self, account: str, now: datetime) -> None:
        """Add the purchases that the list leaves out, such as those that are not paid yet."""
        since = now - timedelta(days=self._settings.sync_events_days)
        if self._settings.sync_events_days <= 0:
            return
        cursor: str | None = None
        while True:
            events = await self._source.events(cursor, EVENTS_MAX)
            told: dict[str, Order] = {}
            for event in events:
                if event.order is not None and event.occurred_at >= since:
                    order_id = event.order.order_id
                    told[order_id] = _later(told.get(order_id), event.order)
            known = await self._index.by_ids([account], tuple(told))
            for order in known:
                told.pop(order.order_id, None)
            forms = await self._forms(told)
            await self._index.upsert(account, list(forms.found.values()))
            if len(events) < EVENTS_MAX:
                return
            cursor = events[-1].id

    async def _save(
        self,
        account: str,
        *,
        orders_until: datetime | None = None,
        first_sync_done: bool | None = None,
    ) -> None:
        """Change its own part of the state; the cursor may have moved on meanwhile."""
        state = await self._index.sync_state(account)
        if orders_until is not None:
            state = replace(state, orders_until=orders_until)
        if first_sync_done is not None:
            state = replace(state, first_sync_done=first_sync_done)
        await self._index.save_sync_state(account, state)

    # -- single orders -------------------------------------------------------------------------

    async def reread_incomplete(self, account: str, now: datetime) -> int:
        """Read again what was empty or not to be had; returns how many are complete now.

        Unpaid purchases tell of themselves by events, so only fresh ones are looked at.
        """
        waiting = [
            order
            for order in await self._index.incomplete(account, limit=5 * REREAD_AT_ONCE)
            if _worth_reading(order, now)
        ][:REREAD_AT_ONCE]
        forms = await self._forms((order.order_id for order in waiting), all_may_fail=True)
        orders: list[Order] = []
        gone: list[str] = []
        for order in waiting:
            form = forms.found.get(order.order_id)
            if form is None:
                lost = order.order_id in forms.missing
                if lost and _age(order, now) > MISSING_FORGOTTEN_AFTER:
                    gone.append(order.order_id)
                continue
            if form.status in NOT_FINAL:
                # Nothing new; it stays among the incomplete ones, with the age it had.
                form = replace(form, complete=False, updated_at=order.updated_at)
            orders.append(form)
            if form.status == FINAL:
                gone += await self._merged_into(account, form)
        if orders:
            await self._index.upsert(account, orders)
        if gone:
            await self._index.forget(account, gone)
        return sum(order.complete for order in orders)


def _later(one: Order | None, other: Order) -> Order:
    """What two events tell of an order: the later one wins, an empty field never."""
    if one is None:
        return other
    return replace(
        other,
        email=other.email or one.email,
        status=other.status or one.status,
        line_items=other.line_items or one.line_items,
        bought_at=other.bought_at or one.bought_at,
    )


def _age(order: Order, now: datetime) -> timedelta:
    at = order.updated_at or order.bought_at
    return now - at if at is not None else timedelta(days=36_500)


def _worth_reading(order: Order, now: datetime) -> bool:
    age = _age(order, now)
    if order.status in NOT_FINAL:
        return age < UNPAID_WATCHED
    return age < GIVEN_UP_AFTER
