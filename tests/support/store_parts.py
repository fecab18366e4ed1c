"""Messages, plans and reports for tests of the store, with valid defaults."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from awizo.model import (
    Action,
    AddLink,
    AllegroAction,
    Client,
    Delivery,
    DeliveryState,
    Disposition,
    Envelope,
    Forward,
    HistoryEntry,
    Job,
    Kind,
    Plan,
    Recipient,
    UploadInvoice,
    Verdict,
)
from awizo.spool.port import (
    Ending,
    FollowUp,
    Judgement,
    LeasedDelivery,
    NewDelivery,
    NewMessage,
    Spool,
    StoredDelivery,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BUYER = "8awgqyk6a5+cub31c122@allegromail.pl"
OTHER_BUYER = "4kzgq0k6b1+aaa11b222@allegromail.pl"
SOMEBODY = "friend@example.pl"
ORDER = "29738e61-7f6a-11e8-ac45-09db60ede9d6"
OTHER_ORDER = "5f0b6b3e-7f6a-11e8-ac45-09db60ede9d6"
LEASE_S = 60.0
BODY = b"Subject: FV-1\r\n\r\nhello\r\n"


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def a_message(
    number: int = 1,
    *,
    recipients: Sequence[str] = (BUYER,),
    body: bytes = BODY,
    route: str = "shop",
    smarthost: str = "default",
    accounts: tuple[str, ...] = ("default",),
    policy: str | None = None,
    received_at: datetime = NOON,
    message_id: str | None = None,
    state: DeliveryState = DeliveryState.RECEIVED,
    problem: str | None = None,
    held_until: datetime | None = None,
    **envelope: Any,
) -> NewMessage:
    """Message *number*; its deliveries are to buyers where the address is one's."""
    spool_id = f"m{number:025}"
    return NewMessage(
        id=spool_id,
        envelope=Envelope(
            **{
                "reverse_path": "shop@example.pl",
                "recipients": tuple(Recipient(address) for address in recipients),
                "client": Client("192.0.2.1", helo="shop.test", smtp_user="shop", tls=True),
                "received_at": received_at,
                **envelope,
            }
        ),
        route=route,
        smarthost=smarthost,
        accounts=accounts,
        policy=policy,
        size_bytes=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        message_id=message_id,
        deliveries=tuple(
            NewDelivery(
                id=f"d{number:022}.{index:02}",
                recipient_index=index,
                to_buyer=address.endswith("@allegromail.pl"),
                state=state,
                problem=problem,
                held_until=held_until,
            )
            for index, address in enumerate(recipients)
        ),
    )


async def accepted(
    spool: Spool, number: int = 1, *, body: bytes = BODY, **message: Any
) -> list[str]:
    """Accept message *number*; returns the ids of its deliveries."""
    new = a_message(number, body=body, **message)
    await spool.accept(new, io.BytesIO(body))
    return [delivery.id for delivery in new.deliveries]


def an_upload(order_id: str = ORDER, *, number: str = "FV 1/2026") -> UploadInvoice:
    return UploadInvoice(order_id, attachment="FV-1.pdf", part="2", number=number, sha256="ab")


def a_link(order_id: str = ORDER, *, url: str = "https://invoices.example/1") -> AddLink:
    return AddLink(order_id, url)


def a_judgement(
    *actions: AllegroAction,
    kind: Kind = Kind.INVOICE,
    account: str | None = "default",
    order_id: str | None = ORDER,
    disposition: Disposition = Disposition.STOP,
    history: tuple[HistoryEntry, ...] = (),
) -> Judgement:
    return Judgement(
        plan=Plan(actions=actions, disposition=disposition, reason="invoice_filed"),
        verdict=Verdict(kind, 0.97),
        account=account,
        order_id=order_id,
        history=history,
    )


PLANNED = Ending(state=DeliveryState.PLANNED)
STOPPED = Ending(state=DeliveryState.SETTLED, disposition=Disposition.STOP)
FORWARDED = Ending(state=DeliveryState.SETTLED, disposition=Disposition.FORWARD)
HELD = Ending(
    state=DeliveryState.HELD,
    disposition=Disposition.HOLD,
    problem="number_reused",
    due_at=NOON + timedelta(hours=24),
)


def deciding(ending: Ending) -> Callable[[Delivery, Sequence[Job]], Ending]:
    def decide(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
        return ending

    return decide


GOES_ON = deciding(Ending())


def an_entry(event: str = "job_done", *, at: datetime = NOON, **data: Any) -> HistoryEntry:
    return HistoryEntry(at, event, data)


class Hand:
    """Moves a clock of seconds, which only goes forward."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@dataclass(frozen=True, slots=True)
class Desk:
    """A worker at the spool: short verbs for what the tests do again and again."""

    spool: Spool
    owner: str = "host:1"

    def at(self, owner: str) -> Desk:
        return replace(self, owner=owner)

    async def deliveries(
        self, *, now: datetime = NOON, limit: int = 10, lease_s: float = LEASE_S
    ) -> list[LeasedDelivery]:
        return await self.spool.lease_deliveries(
            owner=self.owner, now=now, lease_s=lease_s, limit=limit
        )

    async def calls(
        self, *, now: datetime = NOON, limit: int = 10, lease_s: float = LEASE_S
    ) -> list[Job]:
        return await self.spool.lease_jobs(
            owner=self.owner, now=now, lease_s=lease_s, limit=limit, forward=False
        )

    async def forwards(
        self,
        *,
        now: datetime = NOON,
        limit: int = 10,
        lease_s: float = LEASE_S,
        with_siblings: bool = False,
    ) -> list[Job]:
        return await self.spool.lease_jobs(
            owner=self.owner,
            now=now,
            lease_s=lease_s,
            limit=limit,
            forward=True,
            with_siblings=with_siblings,
        )

    async def follow_ups(self, *, now: datetime = NOON, limit: int = 10) -> list[FollowUp]:
        return await self.spool.lease_follow_ups(
            owner=self.owner, now=now, lease_s=LEASE_S, limit=limit
        )

    async def plan(
        self,
        leased: LeasedDelivery,
        *jobs: Action,
        ending: Ending = PLANNED,
        now: datetime = NOON,
        first_due_at: dict[int, datetime] | None = None,
        **judgement: Any,
    ) -> None:
        actions = tuple(job for job in jobs if not isinstance(job, Forward))
        orders = [action.order_id for action in actions]
        told = {"order_id": orders[0]} if orders else {}
        await self.spool.store_plan(
            leased.delivery.id,
            leased.lease,
            a_judgement(*actions, **told | judgement),
            now=now,
            jobs=jobs,
            first_due_at=first_due_at,
            ending=ending,
        )

    async def planned(
        self, number: int = 1, *jobs: Action, ending: Ending = PLANNED, **message: Any
    ) -> str:
        """Message *number* to one buyer, judged, with these jobs; returns the delivery's id."""
        judgement = {"account": message["accounts"][0]} if "accounts" in message else {}
        (delivery_id,) = await accepted(self.spool, number, **message)
        leased = {one.delivery.id: one for one in await self.deliveries(limit=1000)}
        await self.plan(leased[delivery_id], *jobs, ending=ending, **judgement)
        return delivery_id

    async def finish(
        self,
        job: Job,
        ending: Ending = Ending(),  # noqa: B008
        *,
        now: datetime = NOON,
        **report: Any,
    ) -> None:
        await self.spool.finish(
            job, now=now, decide=deciding(ending), entry=an_entry("job_done", at=now), **report
        )

    async def fail(
        self,
        job: Job,
        ending: Ending = Ending(),  # noqa: B008
        *,
        now: datetime = NOON,
        code: str = "order_missing",
    ) -> None:
        await self.spool.fail(
            job,
            now=now,
            code=code,
            reply="no such order",
            decide=deciding(ending),
            entry=an_entry("job_failed", at=now, code=code),
        )

    async def defer(self, job: Job, *, due_at: datetime, **report: Any) -> None:
        await self.spool.defer(
            job,
            due_at=due_at,
            code="allegro_busy",
            reply="slow down",
            entry=an_entry("job_deferred", code="allegro_busy"),
            **report,
        )

    async def show(self, delivery_id: str) -> StoredDelivery:
        return await self.spool.show(delivery_id)

    async def events(self, delivery_id: str) -> list[str]:
        return [entry.event for entry in (await self.show(delivery_id)).history]

    async def all(self, **narrowing: Any) -> list[StoredDelivery]:
        return [stored async for stored in self.spool.list(**narrowing)]

    async def ids(self, **narrowing: Any) -> list[str]:
        return [stored.delivery.id for stored in await self.all(**narrowing)]


def a_follow_up(
    number: int = 1, *, delivery_id: str, due_at: datetime = NOON, **changes: Any
) -> FollowUp:
    return replace(
        FollowUp(
            id=f"f{number}",
            delivery_id=delivery_id,
            account="default",
            kind="invoice_scan",
            due_at=due_at,
            data={"invoice_id": "1"},
        ),
        **changes,
    )
