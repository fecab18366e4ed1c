"""What was settled is looked after: scans of documents, fates of forwarded mails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from awizo.allegro.conversations import Conversations
from awizo.allegro.ports import LedgerEntry
from awizo.model import DeliveryState, Disposition, Forward
from awizo.settings import Alerts as AlertSettings
from awizo.settings import Store
from awizo.spool.port import FollowUp, StoredDelivery
from awizo.store import Stores, open_store
from awizo.worker.alerts import Alerts
from awizo.worker.follow_up import FollowUps
from support.allegro_parts import Clock, connected, some_clients
from support.little_allegro import LittleAllegro
from support.scripted import answer, refusal
from support.store_parts import FORWARDED, LEASE_S, NOON, ORDER, STOPPED, Desk, an_upload

MAIL = (
    b"From: shop@example.pl\r\nSubject: Dane do paczki\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
    b"Prosimy o numer mieszkania do przesylki.\r\n"
)


@dataclass
class MessageCenter:
    """One thread with the buyer of every order, and the fate of our mail in it."""

    status: str | None = None
    at: datetime = NOON
    text: str = "Prosimy o numer mieszkania do przesylki."
    asked: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response | None:
        path = request.url.path
        if not path.startswith("/messaging/"):
            return None
        self.asked.append(path)
        if path == "/messaging/threads":
            thread = {"id": "t1", "read": True, "lastMessageDateTime": NOON.isoformat(),
                      "interlocutor": {"login": "Login1", "avatarUrl": ""}}  # fmt: skip
            return answer(200, {"threads": [thread], "offset": 0, "limit": 20})
        messages = []
        if self.status is not None:
            messages.append(
                {
                    "id": "our-mail", "status": self.status, "type": "MAIL",
                    "createdAt": self.at.isoformat(), "thread": {"id": "t1"},
                    "author": {"login": "shop", "isInterlocutor": False},
                    "subject": "Dane do paczki", "text": self.text,
                    "relatesTo": {"offer": None, "order": None},
                    "hasAdditionalAttachments": False, "attachments": [],
                }
            )  # fmt: skip
        return answer(200, {"messages": messages, "offset": 0, "limit": 20})


@dataclass
class Bench:
    """The real store, a little Allegro, and a clock moved by hand."""

    stores: Stores
    desk: Desk
    allegro: LittleAllegro
    center: MessageCenter
    clock: Clock
    follow_ups: FollowUps

    async def settled(self, *follow_ups: FollowUp, ending: Any = STOPPED) -> str:
        """A delivery that was settled, with something to look at again."""
        action = Forward() if ending is FORWARDED else an_upload()
        delivery_id = await self.desk.planned(1, action, body=MAIL, received_at=self.clock())
        calls = self.desk.forwards if ending is FORWARDED else self.desk.calls
        (job,) = await calls(now=self.clock())
        made = [
            FollowUp(one.id, delivery_id, one.account, one.kind, one.due_at, data=one.data)
            for one in follow_ups
        ]
        await self.desk.finish(job, ending, now=self.clock(), follow_ups=made)
        return delivery_id

    async def look(self) -> bool:
        """Handle what is due; False when nothing is."""
        due = await self.stores.spool.lease_follow_ups(
            owner="host:1", now=self.clock(), lease_s=LEASE_S, limit=10
        )
        for one in due:
            await self.follow_ups.handle(one)
        return bool(due)

    async def looks(self, *, hours: float = 72) -> list[float]:
        """Look whenever something falls due; returns when that was, in seconds from now."""
        began = self.clock()
        seen: list[float] = []
        while (due := await self.stores.spool.next_due(now=self.clock())) is not None:
            self.clock.at = max(due, self.clock())
            if self.clock() - began > timedelta(hours=hours) or not await self.look():
                break
            seen.append((self.clock() - began).total_seconds())
        return seen

    async def show(self, delivery_id: str) -> StoredDelivery:
        return await self.stores.spool.show(delivery_id)

    async def causes(self) -> list[str]:
        return [str(alert["cause"]) for alert in await self.stores.spool.alerts()]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock = Clock(NOON)
    stores = await open_store(Store(url=f"sqlite:///{tmp_path}/awizo.db"), now=clock)
    allegro, center = LittleAllegro(ORDER), MessageCenter()
    allegro.before = center.answer
    clients = some_clients(
        allegro, accounts=connected(NOON, hours_left=24 * 30), memory=stores.memory, now=clock
    )
    yield Bench(
        stores,
        Desk(stores.spool),
        allegro,
        center,
        clock,
        FollowUps(
            settings=clients.settings,
            spool=stores.spool,
            ledger=stores.ledger,
            clients=clients,
            conversations=Conversations(clients, stores.memory, now=clock),
            alerts=Alerts(settings=AlertSettings(), spool=stores.spool, now=clock),
            now=clock,
        ),
    )
    await stores.close()


async def a_scan_to_follow(bench: Bench) -> FollowUp:
    invoice = bench.allegro.add_invoice(ORDER, "FV 1/2026")
    entry = LedgerEntry(
        "ledger-1", "default", ORDER, "invoice", "FV12026", "ab" * 32, invoice_id=invoice["id"]
    )
    await bench.stores.ledger.intend(entry)
    data = {
        "order_id": ORDER,
        "invoice_id": invoice["id"],
        "ledger_id": "ledger-1",
        "until": (bench.clock() + timedelta(hours=24)).isoformat(),
    }
    return FollowUp("f1", "", "default", "invoice_scan", bench.clock(), data=data)


def a_mail_to_follow(bench: Bench) -> FollowUp:
    data = {"order_id": ORDER, "forwarded_at": bench.clock().isoformat()}
    due_at = bench.clock() + timedelta(seconds=60)
    return FollowUp("f1", "", "default", "delivery_check", due_at, data=data)


def scan_says(bench: Bench, verdict: str) -> None:
    bench.allegro.invoices[ORDER][0]["file"]["securityVerification"]["status"] = verdict


def events(stored: StoredDelivery) -> Sequence[str]:
    return [entry.event for entry in stored.history]


class TestScan:
    async def test_an_accepted_document_leaves_the_delivery_as_it_is(self, bench: Bench) -> None:
        delivery_id = await bench.settled(await a_scan_to_follow(bench))
        scan_says(bench, "ACCEPTED")

        assert await bench.look()

        stored = await bench.show(delivery_id)
        assert stored.delivery.disposition is Disposition.STOP
        assert stored.history[-1].data["verdict"] == "accepted"
        assert not await bench.look()

    async def test_a_rejected_document_reopens_the_delivery_and_alerts(self, bench: Bench) -> None:
        delivery_id = await bench.settled(await a_scan_to_follow(bench))
        bench.clock.forward(hours=5)
        scan_says(bench, "REJECTED")

        await bench.look()

        stored = await bench.show(delivery_id)
        assert stored.delivery.state is DeliveryState.PLANNED
        assert stored.delivery.problem == "document_rejected"
        assert [type(job.action) for job in await bench.desk.forwards(now=bench.clock())] == [
            Forward
        ]
        assert await bench.causes() == ["document_rejected"]
        (entry,) = await bench.stores.ledger.export()
        assert entry.state == "rejected"

    async def test_a_rejected_document_whose_mail_has_left_only_marks_it(
        self, bench: Bench
    ) -> None:
        delivery_id = await bench.settled(await a_scan_to_follow(bench), ending=FORWARDED)
        scan_says(bench, "REJECTED")

        await bench.look()

        stored = await bench.show(delivery_id)
        assert stored.delivery.state is DeliveryState.SETTLED
        assert stored.delivery.problem == "document_rejected"
        assert await bench.desk.forwards(now=bench.clock()) == []

    async def test_a_vanished_document_reopens_the_delivery(self, bench: Bench) -> None:
        delivery_id = await bench.settled(await a_scan_to_follow(bench))
        bench.allegro.invoices[ORDER].clear()

        await bench.looks()

        stored = await bench.show(delivery_id)
        assert stored.delivery.problem == "verification_failed"
        assert stored.delivery.state is DeliveryState.PLANNED

    async def test_a_scan_without_a_verdict_is_followed_for_a_day_and_changes_nothing(
        self, bench: Bench
    ) -> None:
        delivery_id = await bench.settled(await a_scan_to_follow(bench))

        seen = await bench.looks()

        assert 21 * 3600 < seen[-1] <= 24 * 3600
        stored = await bench.show(delivery_id)
        assert stored.delivery.disposition is Disposition.STOP
        assert await bench.causes() == []

    async def test_an_allegro_out_of_reach_puts_the_look_off_and_loses_nothing(
        self, bench: Bench
    ) -> None:
        await bench.settled(await a_scan_to_follow(bench))
        bench.allegro.before = lambda request: httpx.ConnectError("no route")
        await bench.look()
        bench.allegro.before = lambda request: None
        scan_says(bench, "REJECTED")

        await bench.looks()

        assert await bench.causes() == ["document_rejected"]


class TestMail:
    async def test_a_delivered_mail_is_looked_at_no_more(self, bench: Bench) -> None:
        delivery_id = await bench.settled(a_mail_to_follow(bench), ending=FORWARDED)
        bench.center.status = "DELIVERED"

        assert await bench.looks() == [60]

        stored = await bench.show(delivery_id)
        assert stored.history[-1].data["status"] == "DELIVERED"
        assert (stored.delivery.problem, await bench.causes()) == (None, [])

    async def test_a_blocked_mail_alerts_and_is_marked_as_judged_wrongly(
        self, bench: Bench
    ) -> None:
        delivery_id = await bench.settled(a_mail_to_follow(bench), ending=FORWARDED)
        bench.center.status = "BLOCKED"

        await bench.looks()

        stored = await bench.show(delivery_id)
        assert stored.delivery.state is DeliveryState.SETTLED
        assert stored.delivery.disposition is Disposition.FORWARD
        assert stored.delivery.problem == "mail_blocked"
        assert "judged_wrongly" in stored.delivery.notes
        assert await bench.causes() == ["mail_blocked"]

    async def test_a_mail_verified_without_end_is_looked_at_as_set_and_alerts(
        self, bench: Bench
    ) -> None:
        delivery_id = await bench.settled(a_mail_to_follow(bench), ending=FORWARDED)
        bench.center.status = "VERIFYING"

        assert await bench.looks() == [60, 600, 3600, 21600]

        assert (await bench.show(delivery_id)).delivery.problem == "mail_still_verifying"
        assert await bench.causes() == ["mail_still_verifying"]

    async def test_a_mail_that_is_never_seen_proves_nothing(self, bench: Bench) -> None:
        delivery_id = await bench.settled(a_mail_to_follow(bench), ending=FORWARDED)

        assert await bench.looks() == [60, 600, 3600, 21600]

        stored = await bench.show(delivery_id)
        assert stored.history[-1].data["status"] == "not_seen"
        assert (stored.delivery.problem, await bench.causes()) == (None, [])

    async def test_a_look_that_comes_late_is_the_last_one(self, bench: Bench) -> None:
        await bench.settled(a_mail_to_follow(bench), ending=FORWARDED)
        bench.center.status = "VERIFYING"
        bench.clock.forward(days=1)

        assert await bench.look()

        assert not await bench.looks()
        assert await bench.causes() == ["mail_still_verifying"]

    async def test_without_the_messaging_permission_it_ends_with_one_alert(
        self, bench: Bench
    ) -> None:
        delivery_id = await bench.settled(a_mail_to_follow(bench), ending=FORWARDED)
        bench.allegro.before = lambda request: (
            refusal(403, "AccessDenied") if "/messaging/" in request.url.path else None
        )

        assert await bench.looks() == [60]

        assert events(await bench.show(delivery_id))[-1] == "follow_up_failed"
        assert await bench.causes() == ["access_denied"]


async def test_a_kind_of_follow_up_nobody_knows_ends(bench: Bench) -> None:
    later = FollowUp("f1", "", "default", "of_a_later_version", bench.clock())
    delivery_id = await bench.settled(later)

    await bench.look()

    assert events(await bench.show(delivery_id))[-1] == "follow_up_ended"
    assert not await bench.look()
