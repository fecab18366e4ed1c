"""A source of orders with the oddities of the real one, and an index in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from awizo.errors import ActionError, Deferral, PermanentFailure
from awizo.model import LineItem, Order
from awizo.orders.port import SyncState
from awizo.orders.source import OrderEvent, OrderPage
from support.allegro_parts import START

ACCOUNT = "default"


def an_order(number: int = 1, **changes: object) -> Order:
    """A paid order of buyer ``buyer<number>``; ids and addresses follow the number."""
    order = Order(
        account=ACCOUNT,
        order_id=f"{number:08x}-7f6a-11e8-ac45-09db60ede9d6",
        email=f"buyer{number}+abc{number}@allegromail.pl",
        buyer_login=f"Login{number}",
        status="READY_FOR_PROCESSING",
        revision="r1",
        line_items=(LineItem(id=f"line-{number}"),),
        bought_at=START - timedelta(hours=1),
        updated_at=START - timedelta(hours=1),
        complete=True,
    )
    return replace(order, **changes)  # type: ignore[arg-type]


class LittleSource:
    """Orders and events as Allegro would tell of them; counts what it is asked."""

    def __init__(self) -> None:
        self.forms: dict[str, Order] = {}
        self.log: list[OrderEvent] = []
        self.opened: list[str] = []
        self.pages: list[tuple[datetime, datetime, int]] = []
        self.fail_page_number: int | None = None
        self.broken: dict[str, ActionError] = {}

    def happens(self, kind: str, order: Order, *, at: datetime = START, event_id: str = "") -> None:
        """Log an event with what the event itself would tell."""
        told = replace(
            order,
            status={"BOUGHT": "BOUGHT", "FILLED_IN": "FILLED_IN"}.get(kind, ""),
            complete=False,
            updated_at=at,
        )
        self.log.append(OrderEvent(event_id or f"{len(self.log) + 1:06}", kind, at, told))

    async def latest_event_id(self) -> str | None:
        return self.log[-1].id if self.log else None

    async def events(self, after: str | None, limit: int) -> Sequence[OrderEvent]:
        found = [event for event in self.log if after is None or event.id > after]
        return sorted(found, key=lambda event: event.id)[:limit]

    async def orders_page(
        self, *, bought_from: datetime, bought_to: datetime, offset: int, limit: int
    ) -> OrderPage:
        if self.fail_page_number == len(self.pages):
            raise Deferral("allegro_unreachable")
        self.pages.append((bought_from, bought_to, offset))
        assert limit <= 100
        assert offset + limit <= 10_000
        inside = sorted(
            (
                form
                for form in self.forms.values()
                if form.bought_at is not None and bought_from <= form.bought_at <= bought_to
            ),
            key=lambda form: form.bought_at or START,
            reverse=True,
        )
        page = tuple(inside[offset : offset + limit])
        return OrderPage(page, len(inside), len(page))

    async def order(self, order_id: str) -> Order:
        self.opened.append(order_id)
        if order_id in self.broken:
            raise self.broken[order_id]
        if order_id not in self.forms:
            raise PermanentFailure("order_missing", status=404)
        return self.forms[order_id]


class MemoryIndex:
    """The port, in memory and to the letter of its docstrings."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.state = SyncState()
        self.states: list[SyncState] = []

    async def upsert(
        self, account: str, orders: Sequence[Order], *, state: SyncState | None = None
    ) -> None:
        for order in orders:
            known = self.orders.get(order.order_id)
            if known is not None and known.complete and not order.complete:
                order = replace(known, status=order.status or known.status, complete=order.complete)
            elif known is not None:
                order = replace(
                    order,
                    email=order.email or known.email,
                    line_items=order.line_items or known.line_items,
                    status=order.status or known.status,
                )
            self.orders[order.order_id] = order
        if state is not None:
            await self.save_sync_state(account, state)

    async def forget(self, account: str, order_ids: Sequence[str]) -> None:
        for order_id in order_ids:
            self.orders.pop(order_id, None)

    async def by_address(self, accounts: Sequence[str], address: str) -> tuple[Order, ...]:
        return tuple(one for one in self.orders.values() if one.email == address)

    async def by_base(self, accounts: Sequence[str], base: str, domain: str) -> tuple[Order, ...]:
        return tuple(
            one
            for one in self.orders.values()
            if one.email.split("+")[0].split("@")[0] == base and one.email.endswith("@" + domain)
        )

    async def by_ids(self, accounts: Sequence[str], ids: Sequence[str]) -> tuple[Order, ...]:
        return tuple(self.orders[one] for one in ids if one in self.orders)

    async def search(
        self, *, account: str | None = None, text: str, limit: int = 50
    ) -> tuple[Order, ...]:
        return ()

    async def incomplete(self, account: str, *, limit: int) -> tuple[Order, ...]:
        waiting = [one for one in self.orders.values() if not one.complete or not one.email]
        return tuple(waiting[:limit])

    async def note_invoice(self, account: str, order_id: str, number: str) -> None:
        order = self.orders.get(order_id)
        if order is not None:
            numbers = (*order.invoice_numbers, number)
            self.orders[order_id] = replace(order, invoice_numbers=numbers)

    async def note_waybill(self, account: str, order_id: str, number: str) -> None:
        order = self.orders.get(order_id)
        if order is not None:
            self.orders[order_id] = replace(order, waybills=(*order.waybills, number))

    async def sync_state(self, account: str) -> SyncState:
        return self.state

    async def save_sync_state(self, account: str, state: SyncState) -> None:
        self.state = state
        self.states.append(state)

    async def count(self, account: str | None = None) -> int:
        return len(self.orders)
