"""The spool on a database: each method of the port is one unit of work in one transaction.

In:  what the port takes, a Database.
Out: what the port promises; how it is done stands in the units of work beside this file.

Where the last round of leasing ended is remembered here, for each kind of work: the next one
begins behind it.
"""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, BinaryIO

import structlog

import awizo.store.inbox as inbox
import awizo.store.leasing as leasing
import awizo.store.listing as listing
import awizo.store.messages as messages
import awizo.store.reports as reports
import awizo.store.rows as rows
import awizo.store.upkeep as upkeep
from awizo.errors import NotFound, StorageFull, StoreError
from awizo.model import Action, Delivery, DeliveryState, Disposition, HistoryEntry, Job, Kind
from awizo.spool.port import (
    ALL_WORK,
    Counts,
    Decide,
    Ending,
    FollowUp,
    Judgement,
    LeasedDelivery,
    NewMessage,
    StoredDelivery,
    Tally,
    WorkKind,
)
from awizo.store.ahead import Ahead, Found, read_ahead
from awizo.store.database import Database, Row, Transaction, micros, moment_or_none

log = structlog.get_logger()

READ_BYTES = messages.CHUNK_BYTES
TOGETHER_S = 0.25


class DatabaseSpool:
    """See :class:`awizo.spool.port.Spool`.

    Args:
        now: Used only where the port's caller gives no time.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._served: dict[leasing.Kind, str] = {}
        self._ahead = Ahead()
        self._looked_in_at = 0.0  # into the inbox; by time.monotonic

    # -- intake --------------------------------------------------------------------------------

    async def accept(self, message: NewMessage, body: BinaryIO) -> None:
        database, files = self._database, self._database.files
        if files is None or message.size_bytes < database.files_from_bytes:
            new = inbox.Accepted(messages.rows_of(message, content_in="table"), body)
            await database.write_together(inbox.accept, new)
            return
        new = inbox.Accepted(messages.rows_of(message, content_in="file"), None)
        size_bytes = await files.put(message.id, body, replace=False)
        if size_bytes is None and not await self._is_there(message.id):
            size_bytes = await files.put(message.id, body)  # what an earlier attempt left
        if size_bytes is not None:
            try:
                messages.check_size(new.rows, size_bytes)
            except StoreError:
                await files.drop([message.id])
                raise
        try:
            await database.write_together(inbox.accept, new)
        except StorageFull:
            if size_bytes is not None:  # else it is the content of a message that is there
                await files.drop([message.id])  # or each attempt would make the want greater
            raise
        # After any other failure the file stays until it is swept up: a commit that was reported
        # as failed may yet turn out to be on the disk after a crash, and then needs its content.

    async def _is_there(self, message_id: str) -> bool:
        return await self._database.read(lambda tx: inbox.is_there(tx, [message_id]))

    async def _take_in(self) -> bool:
        """Have every message that is accepted by now in its tables; whether one was missing."""
        if not self._database.dialect.has_inbox:
            return False
        last = await self._database.read(inbox.newest)
        oldest = last
        try:
            while last is not None and oldest is not None and oldest <= last:
                oldest = await self._database.write(inbox.take_in_some)
        except StoreError as error:  # what is there already can still be shown
            reason = "storage_full" if isinstance(error, StorageFull) else "store_error"
            log.warning("inbox_waits", reason=reason)
            return False
        return last is not None

    async def same_digest_since(self, sha256: str, recipient: str, since: datetime) -> int:
        await self._take_in()
        return await self._database.read(
            lambda tx: messages.same_digest_since(tx, sha256, recipient, since)
        )

    async def seen_automatic(self, message_id: str) -> bool:
        return await self._database.read(lambda tx: messages.seen_automatic(tx, message_id))

    # -- work ----------------------------------------------------------------------------------

    async def lease_deliveries(
        self, *, owner: str, now: datetime, lease_s: float, limit: int
    ) -> list[LeasedDelivery]:
        def unit(tx: Transaction) -> tuple[list[LeasedDelivery], str]:
            self._look_in(tx, limit)
            ids, last = self._lease(tx, leasing.DELIVERIES, owner, now, lease_s, limit)
            return leasing.leased_deliveries(tx, ids), last

        return await self._leased(leasing.DELIVERIES, unit)

    async def due_kinds(
        self,
        *,
        now: datetime,
        kinds: Collection[WorkKind],
        busy_smarthosts: Collection[str] = (),
    ) -> set[WorkKind]:
        return await self._database.read(
            functools.partial(
                leasing.due_kinds,
                kinds=kinds,
                now=micros(now),
                busy=busy_smarthosts,
                fresh=not self._inbox_in_s(busy_smarthosts),
            )
        )

    async def lease_jobs(
        self,
        *,
        owner: str,
        now: datetime,
        lease_s: float,
        limit: int,
        forward: bool,
        with_siblings: bool = False,
        busy_smarthosts: Collection[str] = (),
    ) -> list[Job]:
        kind = leasing.FORWARDS if forward else leasing.CALLS

        def unit(tx: Transaction) -> tuple[list[Job], str, Found | None]:
            self._look_in(tx, limit)
            ids, last = self._lease(
                tx, kind, owner, now, lease_s, limit, with_siblings, busy_smarthosts
            )
            jobs = rows.jobs_by_id(tx, ids)
            return jobs, last, read_ahead(tx, jobs) if forward else None

        jobs, self._served[kind], found = await self._database.write(unit)
        if found is not None:
            self._ahead.put(found)
        return jobs

    async def _leased(
        self, kind: leasing.Kind, unit: Callable[[Transaction], tuple[list[Any], str]]
    ) -> list[Any]:
        found, self._served[kind] = await self._database.write(unit)
        return found

    def _lease(
        self,
        tx: Transaction,
        kind: leasing.Kind,
        owner: str,
        now: datetime,
        lease_s: float,
        limit: int,
        with_siblings: bool = False,
        busy: Collection[str] = (),
    ) -> tuple[list[str], str]:
        return leasing.lease(
            tx,
            kind,
            now=micros(now),
            until=micros(now + timedelta(seconds=lease_s)),
            owner=owner,
            limit=limit,
            token=secrets.token_hex(8),
            after=self._served.get(kind, ""),
            with_siblings=with_siblings,
            busy=busy,
        )

    async def renew(
        self, leases: Sequence[str], *, now: datetime, lease_s: float
    ) -> Collection[str]:
        until = micros(now + timedelta(seconds=lease_s))
        return await self._database.write(lambda tx: leasing.renew(tx, leases, until=until))

    async def take_back_leases(self, *, owner_prefix: str | None = None) -> int:
        now = micros(self._now())
        return await self._database.write(
            lambda tx: leasing.take_back(tx, owner_prefix=owner_prefix, now=now)
        )

    async def store_plan(
        self,
        delivery_id: str,
        lease: str,
        judgement: Judgement,
        *,
        now: datetime,
        jobs: Sequence[Action],
        first_due_at: Mapping[int, datetime] | None = None,
        ending: Ending,
        decide: Decide | None = None,
    ) -> None:
        await self._database.write(
            lambda tx: reports.store_plan(
                tx,
                delivery_id,
                lease,
                judgement,
                now=now,
                jobs=jobs,
                first_due_at=first_due_at or {},
                ending=ending,
                decide=decide,
            )
        )

    async def defer_delivery(
        self,
        delivery_id: str,
        lease: str,
        *,
        due_at: datetime,
        history: Iterable[HistoryEntry] = (),
        problem: str | None = None,
        forward_at: datetime | None = None,
    ) -> None:
        entries = tuple(history)
        await self._database.write(
            lambda tx: reports.defer_delivery(
                tx,
                delivery_id,
                lease,
                due_at=due_at,
                history=entries,
                problem=problem,
                forward_at=forward_at,
            )
        )

    async def save_progress(self, job: Job, progress: Mapping[str, Any]) -> None:
        await self._database.write(lambda tx: reports.save_progress(tx, job, progress))

    async def finish(
        self,
        job: Job,
        *,
        now: datetime,
        decide: Decide,
        entry: HistoryEntry,
        progress: Mapping[str, Any] | None = None,
        follow_ups: Sequence[FollowUp] = (),
    ) -> None:
        await self._database.write(
            lambda tx: reports.finish(
                tx,
                job,
                now=now,
                decide=decide,
                entry=entry,
                progress=progress,
                follow_ups=follow_ups,
            )
        )

    async def defer(
        self,
        job: Job,
        *,
        due_at: datetime,
        code: str,
        reply: str,
        entry: HistoryEntry,
        progress: Mapping[str, Any] | None = None,
        count_attempt: bool = True,
    ) -> None:
        await self._database.write(
            lambda tx: reports.defer(
                tx,
                job,
                due_at=due_at,
                code=code,
                reply=reply,
                entry=entry,
                progress=progress,
                count_attempt=count_attempt,
            )
        )

    async def fail(
        self, job: Job, *, now: datetime, code: str, reply: str, decide: Decide, entry: HistoryEntry
    ) -> None:
        await self._database.write(
            lambda tx: reports.fail(
                tx, job, now=now, code=code, reply=reply, decide=decide, entry=entry
            )
        )

    async def lease_follow_ups(
        self, *, owner: str, now: datetime, lease_s: float, limit: int
    ) -> list[FollowUp]:
        def unit(tx: Transaction) -> tuple[list[FollowUp], str]:
            ids, last = self._lease(tx, leasing.FOLLOW_UPS, owner, now, lease_s, limit)
            return rows.follow_ups_by_id(tx, ids), last

        return await self._leased(leasing.FOLLOW_UPS, unit)

    async def end_follow_up(
        self,
        follow_up: FollowUp,
        *,
        again_at: datetime | None = None,
        data: Mapping[str, Any] | None = None,
        entry: HistoryEntry | None = None,
        reopen: Ending | None = None,
    ) -> None:
        now = self._now() if entry is None else entry.at
        await self._database.write(
            lambda tx: reports.end_follow_up(
                tx, follow_up, now=now, again_at=again_at, data=data, entry=entry, reopen=reopen
            )
        )

    async def due_holds(self, *, now: datetime, limit: int) -> list[StoredDelivery]:
        await self._take_in()
        return await self._database.read(lambda tx: listing.due_holds(tx, now=now, limit=limit))

    async def next_due(
        self,
        *,
        now: datetime,
        kinds: Collection[WorkKind] = ALL_WORK,
        busy_smarthosts: Collection[str] = (),
    ) -> datetime | None:
        inbox_from = now + timedelta(seconds=self._inbox_in_s(busy_smarthosts))
        return moment_or_none(
            await self._database.read(
                functools.partial(
                    leasing.next_due,
                    now=micros(now),
                    kinds=kinds,
                    busy=busy_smarthosts,
                    inbox_from=micros(inbox_from),
                )
            )
        )

    def _inbox_in_s(self, busy_smarthosts: Collection[str]) -> float:
        """How long what was just accepted may stay in the inbox.

        With every hand of a smarthost taken it may be all for that one; then it is taken in
        for many together.
        """
        if not busy_smarthosts:
            return 0.0
        return max(0.0, self._looked_in_at + TOGETHER_S - time.monotonic())

    def _look_in(self, tx: Transaction, limit: int) -> None:
        self._looked_in_at = time.monotonic()
        inbox.take_in(tx, most=max(limit, inbox.MOST_AT_ONCE))

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
        await self._take_in()
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
            await self._take_in()
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
        await self._take_in()
        stored = await self._database.read(lambda tx: listing.show(tx, delivery_id))
        if stored is None:
            raise NotFound(f"no delivery {delivery_id}")
        return stored

    async def content(self, message_id: str) -> bytes:
        return b"".join([chunk async for chunk in self.content_chunks(message_id)])

    async def content_chunks(self, message_id: str) -> AsyncIterator[bytes]:
        if (ahead := self._ahead.content(message_id)) is not None:
            yield ahead
            return

        def begin(tx: Transaction) -> tuple[Row, bytes | None]:
            return messages.content_begin(tx, message_id)

        try:
            place, first = await self._database.read(begin)
        except NotFound:
            if not await self._take_in():
                raise
            place, first = await self._database.read(begin)
        in_file = place["content_in"] == "file"
        got_bytes = seq = 0
        while got_bytes < place["size_bytes"]:
            chunk: bytes | None
            if seq == 0 and first is not None:
                chunk = first
            elif in_file:
                chunk = await self._from_file(message_id, got_bytes)
            else:
                chunk = await self._database.read(
                    functools.partial(messages.content_chunk, message_id=message_id, seq=seq)
                )
            if not chunk:
                raise NotFound(f"the content of {message_id} was removed meanwhile")
            yield chunk
            got_bytes += len(chunk)
            seq += 1

    async def _from_file(self, message_id: str, offset: int) -> bytes:
        files = self._database.files
        if files is None:
            raise StoreError(f"the content of {message_id} lies in a file of another store")
        return await files.read(message_id, offset=offset, size=READ_BYTES)

    async def add_history(self, delivery_id: str, entry: HistoryEntry) -> None:
        def unit(tx: Transaction) -> None:
            rows.add_history(tx, rows.delivery_row(tx, delivery_id), [entry])

        await self._take_in()
        await self._database.write(unit)

    async def purge(
        self, *, content_before: datetime, history_before: datetime, now: datetime
    ) -> tuple[int, int]:
        await self._take_in()
        contents = records = 0
        after: upkeep.Place | None = upkeep.BEGINNING
        while after is not None:
            purged = await self._database.write(
                functools.partial(upkeep.purge_contents, before=content_before, after=after)
            )
            if purged.file_names and self._database.files is not None:
                await self._database.files.drop(purged.file_names)
            contents += purged.contents
            after = purged.after
        while True:
            gone = await self._database.write(
                functools.partial(upkeep.purge_records, before=history_before)
            )
            records += gone
            if gone < upkeep.BATCH_ROWS:
                break
        await self._database.write(lambda tx: upkeep.forget_expired(tx, now=now))
        await self._sweep_files()
        return contents, records

    async def _sweep_files(self) -> None:
        """Remove content files that no message came to need: left by a crash or a full disk."""
        files = self._database.files
        if files is None:
            return
        names = await files.left_alone()
        for start in range(0, len(names), upkeep.BATCH_ROWS):
            some = names[start : start + upkeep.BATCH_ROWS]
            needed = await self._database.read(functools.partial(upkeep.files_needed, names=some))
            await files.drop([name for name in some if name not in needed])

    async def counts(self) -> Counts:
        await self._take_in()
        return await self._database.read(listing.counts)

    async def tally(self, *, since: datetime) -> Tally:
        await self._take_in()
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
