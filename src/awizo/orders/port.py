"""The index of orders: masked address → orders, without asking Allegro.

In:  orders and events as the Allegro client read them.
Out: the orders behind an address, a base, an id, an invoice number or a waybill.

All addresses are lower-case. One look-up is one index hit.
Body: ``awizo.store.orders`` on SQLite and on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from awizo.model import Order


@dataclass(frozen=True, slots=True)
class SyncState:
    """How far an account's index has come.

    Attributes:
        last_event_id: Cursor in ``/order/events``; stored in the same transaction as its batch.
        orders_until: First-start history is read back to here (newest first), ``None`` before.
        first_sync_done: Events and history have both been read once.
        synced_at: End of the last successful poll.
    """

    last_event_id: str | None = None
    orders_until: datetime | None = None
    first_sync_done: bool = False
    synced_at: datetime | None = None


class OrderIndex(Protocol):
    async def upsert(
        self, account: str, orders: Sequence[Order], *, state: SyncState | None = None
    ) -> None:
        """Merge orders and store the sync state, in one transaction.

        A later ``updated_at`` wins, a complete record wins over an announcement whenever that
        was made, an empty field never overwrites a filled one. A later announcement of a
        complete order tells its status and makes it incomplete, to be read again.
        """

    async def forget(self, account: str, order_ids: Sequence[str]) -> None:
        """Drop ids that were merged into another order."""

    async def by_address(self, accounts: Sequence[str], address: str) -> tuple[Order, ...]: ...

    async def by_base(self, accounts: Sequence[str], base: str, domain: str) -> tuple[Order, ...]:
        """Orders of the buyer behind ``base+anything@domain``."""

    async def by_ids(self, accounts: Sequence[str], ids: Sequence[str]) -> tuple[Order, ...]: ...

    async def search(
        self, *, account: str | None = None, text: str, limit: int = 50
    ) -> tuple[Order, ...]:
        """For people: by id, address, login, name, waybill or invoice number."""

    async def incomplete(self, account: str, *, limit: int) -> tuple[Order, ...]:
        """Orders whose address is still empty or that were only announced by an event, newest
        first."""

    async def note_invoice(self, account: str, order_id: str, number: str) -> None:
        """Remember a document number filed on an order."""

    async def note_waybill(self, account: str, order_id: str, number: str) -> None: ...

    async def sync_state(self, account: str) -> SyncState: ...

    async def save_sync_state(self, account: str, state: SyncState) -> None: ...

    async def count(self, account: str | None = None) -> int: ...
