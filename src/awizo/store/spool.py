"""The spool on a database: each method of the port is one unit of work in one transaction.

In:  what the port takes, a Database.
Out: what the port promises; how it is done stands in the units of work beside this file.

What the worker asks stands in ``spool_work.py``; here is what intake and people ask.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, BinaryIO

import awizo.store.listing as listing
import awizo.store.messages as messages
import awizo.store.reports as reports
import awizo.store.rows as rows
import awizo.store.upkeep as upkeep
from awizo.errors import NotFound
from awizo.model import Delivery, DeliveryState, Disposition, HistoryEntry, Kind
from awizo.spool.port import Counts, Decide, NewMessage, StoredDelivery, Tally
from awizo.store.catching_up import catch_up
from awizo.store.contents import Contents
from awizo.store.database import Database, Transaction
from awizo.store.spool_work import SpoolWork


class DatabaseSpool(SpoolWork):
    """See :class:`awizo.spool.port.Spool`."""

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        super().__init__(database, now=now)
        self._contents = Contents(database, self._ahead)

    # -- intake --------------------------------------------------------------------------------

    async def accept(self, message: NewMessage, body: BinaryIO) -> None:
        await self._contents.accept(message, body)

    async def same_digest_since(self, sha256: str, recipient: str, since: datetime) -> int:
        await catch_up(self._database)
        return await self._database.read(
            lambda tx: messages.same_digest_since(tx, sha256, recipient, since)
        )

    async def seen_automatic(self, message_id: str) -> bool:
        return await self._database.read(lambda tx: messages.seen_automatic(tx, message_id))

    # -- people --------------------------------------------------------------------------------

    async def change(
        self,
        delivery_id: str,
        *,
        now: datetime,
        decide: Decide,
        judge_again: bool = False,
        retry_now: bool = False,
    ) -> None:
        await catch_up(self._database)
        await self._database.write(
            lambda tx: reports.change(
                tx,
                delivery_id,
                now=now,
                decide=decide,
                judge_again=judge_again,
                retry_now=retry_now,
            )
        )

    async def list(
        self,
        *,
        states: Sequence[DeliveryState] | None = None,
        account: str | None = None,
        kind: Kind | None = None,
        problem_only: bool = False,
        limit: int | None = None,
        after: str | None = None,
        newest_first: bool = False,
        search: str | None = None,
        disposition: Disposition | None = None,
    ) -> AsyncIterator[StoredDelivery]:
        narrowing = listing.Narrowing(
            states=None if states is None else tuple(states),
            account=account,
            kind=kind,
            problem_only=problem_only,
            search=search,
            newest_first=newest_first,
            disposition=disposition,
        )
        left = limit
        while left is None or left > 0:
            await catch_up(self._database)
            size = listing.PAGE_ROWS if left is None else min(left, listing.PAGE_ROWS)
            page = await self._database.read(
                functools.partial(listing.page, narrowing=narrowing, after=after, limit=size)
            )
            for stored in page:
                yield stored
            if len(page) < size:
                return
            after = page[-1].delivery.id
            left = None if left is None else left - len(page)

    async def deliveries(self, ids: Collection[str]) -> dict[str, Delivery]:
        ahead = self._ahead.deliveries(ids)
        if ahead is not None:
            return ahead
        return await self._database.read(lambda tx: rows.deliveries_by_id(tx, ids))

    async def show(self, delivery_id: str) -> StoredDelivery:
        await catch_up(self._database)
        stored = await self._database.read(lambda tx: listing.show(tx, delivery_id))
        if stored is None:
            raise NotFound(f"no delivery {delivery_id}")
        return stored

    async def content(self, message_id: str) -> bytes:
        return b"".join([chunk async for chunk in self.content_chunks(message_id)])

    def content_chunks(self, message_id: str) -> AsyncIterator[bytes]:
        return self._contents.chunks(message_id)

    async def add_history(self, delivery_id: str, entry: HistoryEntry) -> None:
        def unit(tx: Transaction) -> None:
            rows.add_history(tx, rows.delivery_row(tx, delivery_id), [entry])

        await catch_up(self._database)
        await self._database.write(unit)

    async def purge(
        self, *, content_before: datetime, history_before: datetime, now: datetime
    ) -> tuple[int, int]:
        await catch_up(self._database)
        await self._database.sweep_arrivals()
        contents = await self._contents.purge(before=content_before)
        records = 0
        while True:
            gone = await self._database.write(
                functools.partial(upkeep.purge_records, before=history_before)
            )
            records += gone
            if gone < upkeep.BATCH_ROWS:
                break
        await self._database.write(lambda tx: upkeep.forget_expired(tx, now=now))
        await self._contents.sweep_files()
        return contents, records

    async def counts(self) -> Counts:
        await catch_up(self._database)
        return await self._database.read(listing.counts)

    async def tally(self, *, since: datetime) -> Tally:
        await catch_up(self._database)
        return await self._database.read(functools.partial(listing.tally, since=since))

    async def probe(self) -> None:
        name = f"probe {secrets.token_hex(8)}"
        await self._database.write(lambda tx: upkeep.probe(tx, name=name))

    # -- alerts --------------------------------------------------------------------------------

    async def raise_alert(
        self, *, cause: str, account: str | None, text: str, now: datetime, repeat_after_h: float
    ) -> bool:
        return await self._database.write(
            lambda tx: listing.raise_alert(
                tx,
                cause=cause,
                account=account,
                text=text,
                now=now,
                repeat_after=timedelta(hours=repeat_after_h),
            )
        )

    async def clear_alert(self, *, cause: str, account: str | None) -> None:
        if any(
            alert["cause"] == cause and alert["account"] == account for alert in await self.alerts()
        ):
            await self._database.write(
                lambda tx: listing.clear_alert(tx, cause=cause, account=account)
            )

    async def alerts(self) -> Sequence[Mapping[str, Any]]:
        return await self._database.read(listing.alerts)

    async def wait_for_work(self, timeout_s: float) -> None:
        await self._database.wait_for_work(timeout_s)
