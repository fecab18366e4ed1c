"""Where orders come from, as the index sees it. Body: the Allegro client, one account at a time.

In:  a cursor, or a span of time.
Out: events in their order, pages of orders, single orders.

Times are timezone-aware UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from awizo.model import Order

PAGE_MAX = 100  # GET /order/checkout-forms: limit at most 100
WINDOW_MAX = 10_000  # its offset + limit at most 10,000 (FACTS 2.2)
EVENTS_MAX = 1000  # GET /order/events: limit at most 1000


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """Something happened to an order; ``order`` is what the event itself tells of it.

    ``order`` is ``None`` for an event without a checkout form. ``type`` is one of BOUGHT,
    FILLED_IN, READY_FOR_PROCESSING, BUYER_CANCELLED, FULFILLMENT_STATUS_CHANGED,
    BUYER_MODIFIED, AUTO_CANCELLED, or a later invention of Allegro's.
    """

    id: str
    type: str
    occurred_at: datetime
    order: Order | None


@dataclass(frozen=True, slots=True)
class OrderPage:
    """``total`` counts all orders of the span, not of the page; ``size`` what the page held,
    orders that could not be read included."""

    orders: tuple[Order, ...]
    total: int
    size: int


class OrderSource(Protocol):
    """Methods raise Deferral and PermanentFailure; a missing order is ``order_missing``."""

    async def latest_event_id(self) -> str | None: ...

    async def events(self, after: str | None, limit: int) -> Sequence[OrderEvent]:
        """Events after a cursor, oldest first; from the oldest kept (60 days) without one."""

    async def orders_page(
        self, *, bought_from: datetime, bought_to: datetime, offset: int, limit: int
    ) -> OrderPage:
        """Orders bought within a span, newest first."""

    async def order(self, order_id: str) -> Order: ...
