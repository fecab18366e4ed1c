"""A mail on its way out: each recipient is settled, deferred, held or bounced as the hop said."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from awizo.errors import SettingsError, StoreError
from awizo.model import Disposition, HistoryEntry, Job
from awizo.settings import Alerts as AlertSettings
from awizo.settings import Settings, Smarthost, Store
from awizo.smarthost.smarthosts import Smarthosts
from awizo.spool.port import StoredDelivery
from awizo.store import Stores, open_store
from awizo.worker.alerts import Alerts
from awizo.worker.outbox import Outbox
from awizo.worker.outcomes import Outcomes
from awizo.worker.schedule import when_hold_is_over
from awizo.worker.way_out import WayOut
from support.peers import GOOD, HANG_UP, SmtpPeer, a_peer
from support.smarthost_parts import Clock, a_smarthost
from support.store_parts import BODY, Desk, accepted

A, B, C = "a@klient.test", "b@klient.test", "c@klient.test"
EIGHT_BIT = "Subject: FV\r\n\r\nZażółć\r\n".encode()
DAYS = timedelta(days=1)


@dataclass
class Post:
    """The real store, the real way out, one worker moved by hand."""

    stores: Stores
    desk: Desk
    clock: Clock
    way_out: WayOut
    lost: set[str]

    async def sends(self) -> int:
        """Send everything that is due now; returns how many jobs that were."""
        jobs = await self.desk.forwards(now=self.clock())
        for _, group in itertools.groupby(jobs, key=lambda job: job.message_id):
            await self.way_out.send(list(group))
        return len(jobs)

    async def all(self) -> dict[str, StoredDelivery]:
        return {one.delivery.recipient.address: one for one in await self.desk.all()}

    async def end_hold(self, delivery_id: str) -> None:
        stored = await self.desk.show(delivery_id)
        await self.stores.spool.change(
            delivery_id,
            now=self.clock(),
            decide=lambda delivery, jobs: when_hold_is_over(stored.delivery, stored.jobs),
        )

    async def causes(self) -> list[str]:
        return [str(alert["cause"]) for alert in await self.stores.spool.alerts()]


@asynccontextmanager
async def a_post_office(
    folder: Path, smarthost: Smarthost, **others: Smarthost
) -> AsyncIterator[Post]:
    clock = Clock()
    settings = Settings(smarthost=smarthost, smarthosts=others)
    stores = await open_store(Store(url=f"sqlite:///{folder}/awizo.db"), now=clock)
    smarthosts = Smarthosts(settings, now=clock, instance_id="0123456789abcdef")
    numbers = itertools.count(1000)
    alerts = Alerts(settings=AlertSettings(), spool=stores.spool, now=clock)
    lost: set[str] = set()
    way_out = WayOut(
        settings=settings,
        spool=stores.spool,
        smarthosts=smarthosts,
        alerts=alerts,
        outbox=Outbox(spool=stores.spool, now=clock, new_id=lambda: f"n{next(numbers):025}"),
        outcomes=Outcomes(
            retry=settings.retry,
            spool=stores.spool,
            alerts=alerts,
            now=clock,
            jitter=lambda: 0,
        ),
        hostname="mail.example.pl",
        now=clock,
        new_id=lambda: f"n{next(numbers):025}",
        are_ours=lost.isdisjoint,
    )
    try:
        yield Post(stores, Desk(stores.spool), clock, way_out, lost)
    finally:
        await smarthosts.close()
        await stores.close()


async def test_each_recipient_of_one_transaction_ends_as_the_hop_said(tmp_path: Path) -> None:
    peer = SmtpPeer(replies={f"RCPT {B}": "550 5.1.1 no such user", f"RCPT {C}": "450 4.2.0 later"})
    async with a_peer(peer), a_post_office(tmp_path, a_smarthost(peer)) as post:
        await accepted(post.stores.spool, recipients=(A, B, C))
        await post.sends()
        stored = await post.all()

        assert stored[A].delivery.disposition is Disposition.FORWARD
        assert stored[B].delivery.disposition is Disposition.BOUNCE
        assert stored[B].delivery.problem == "smarthost_refused"
        assert stored[C].delivery.disposition is None
        assert stored[C].jobs[0].code == "smarthost_busy"
        assert [mail.content for mail in peer.mails] == [BODY]


async def test_a_bounce_goes_to_the_sender_from_nobody_through_the_same_smarthost(
    tmp_path: Path,
) -> None:
    peer = SmtpPeer(replies={f"RCPT {B}": "550 5.1.1 no such user"})
    async with (
        a_peer() as default,
        a_peer(peer) as own,
        a_post_office(tmp_path, a_smarthost(default), own=a_smarthost(own)) as post,
    ):
        await accepted(post.stores.spool, recipients=(B,), smarthost="own")
        await post.sends()
        assert await post.sends() == 1

        (notice,) = own.mails
        assert notice.reverse_path == ""
        assert notice.recipients == ("shop@example.pl",)
        assert b"Final-Recipient: rfc822; b@klient.test" in notice.content
        assert b"Diagnostic-Code: smtp; 550 5.1.1 no such user" in notice.content
        assert not default.connections


async def test_a_bounce_that_cannot_be_delivered_is_not_bounced(tmp_path: Path) -> None:
    peer = SmtpPeer(replies={"RCPT": "550 5.1.1 no such user"})
    async with a_peer(peer), a_post_office(tmp_path, a_smarthost(peer)) as post:
        await accepted(post.stores.spool, recipients=(B,))
        while await post.sends():
            pass

        assert len(await post.desk.all()) == 2


@pytest.mark.parametrize(
    ("body", "envelope"),
    [
        (BODY, {"reverse_path": ""}),
        (BODY, {"reverse_path": "x1+y2@allegromail.pl"}),
        (b"Auto-Submitted: auto-replied\r\n\r\nI am away.\r\n", {}),
        (b"Content-Type: multipart/report; boundary=x\r\n\r\n--x--\r\n", {}),
    ],
    ids=["null", "buyer", "answer", "report"],
)
async def test_nobody_is_told_who_must_not_be(
    body: bytes, envelope: dict[str, Any], tmp_path: Path
) -> None:
    peer = SmtpPeer(replies={"RCPT": "550 5.1.1 no such user"})
    async with a_peer(peer), a_post_office(tmp_path, a_smarthost(peer)) as post:
        await accepted(post.stores.spool, recipients=(B,), body=body, **envelope)
        await post.sends()

        (stored,) = await post.desk.all()
        assert stored.delivery.disposition is Disposition.BOUNCE


async def test_a_mail_that_was_tried_for_four_days_is_returned(tmp_path: Path) -> None:
    peer = SmtpPeer(replies={f"RCPT {A}": "450 4.2.0 later"})
    async with a_peer(peer), a_post_office(tmp_path, a_smarthost(peer)) as post:
        (delivery_id,) = await accepted(post.stores.spool, recipients=(A,))
        while (stored := await post.desk.show(delivery_id)).delivery.disposition is None:
            due = stored.jobs[0].due_at
            assert due is not None
            post.clock.time = max(due, post.clock())
            await post.sends()
        await post.sends()

        assert stored.delivery.disposition is Disposition.BOUNCE
        assert post.clock() - stored.delivery.received_at > 3.9 * DAYS
        (notice,) = peer.mails
        assert b"Status: 4.2.0" in notice.content


async def test_an_eight_bit_mail_waits_for_a_person_and_is_returned_when_nobody_came(
    tmp_path: Path,
) -> None:
    peer = SmtpPeer(extensions=tuple(one for one in GOOD if one != "8BITMIME"))
    async with a_peer(peer), a_post_office(tmp_path, a_smarthost(peer)) as post:
        (delivery_id,) = await accepted(post.stores.spool, recipients=(A,), body=EIGHT_BIT)
        await post.sends()
        held = (await post.desk.show(delivery_id)).delivery
        assert (held.disposition, held.problem) == (Disposition.HOLD, "next_hop_lacks_8bitmime")
        assert await post.sends() == 0

        post.clock.tick(25 * 3600)
        await post.end_hold(delivery_id)
        await post.sends()
        await post.sends()

        ended = (await post.desk.show(delivery_id)).delivery
        assert ended.disposition is Disposition.BOUNCE
        (notice,) = peer.mails
        assert notice.recipients == ("shop@example.pl",)


async def test_trouble_at_the_smarthost_is_told_at_once_and_ends_when_it_is_over(
    tmp_path: Path,
) -> None:
    peer = SmtpPeer(replies={"CONNECT": [HANG_UP, None]})
    async with a_peer(peer), a_post_office(tmp_path, a_smarthost(peer)) as post:
        await accepted(post.stores.spool, recipients=(A,))
        await post.sends()
        assert await post.causes() == ["smarthost_unreachable"]

        post.clock.tick(61)
        await post.sends()
        assert await post.causes() == []
        assert len(peer.mails) == 1


async def test_a_smarthost_that_is_well_does_not_hide_another_that_is_not(
    tmp_path: Path,
) -> None:
    bad = SmtpPeer(replies={"CONNECT": HANG_UP})
    async with (
        a_peer() as good,
        a_peer(bad),
        a_post_office(tmp_path, a_smarthost(good), bad=a_smarthost(bad)) as post,
    ):
        await accepted(post.stores.spool, 1, recipients=(A,), smarthost="bad")
        await accepted(post.stores.spool, 2, recipients=(B,))
        await post.sends()

        assert len(good.mails) == 1
        assert await post.causes() == ["smarthost_unreachable"]


async def test_a_mail_that_left_is_written_down_though_the_store_was_sick_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awizo.worker.way_out.REPORT_AGAIN_S", 0.01)
    async with a_peer() as peer, a_post_office(tmp_path, a_smarthost(peer)) as post:
        await accepted(post.stores.spool, recipients=(A, B))
        finish, failures = post.stores.spool.finish, 3

        async def sick(job: Job, *, entry: HistoryEntry, **report: Any) -> None:
            nonlocal failures
            if failures > 0:
                failures -= 1
                raise StoreError("disk I/O error")
            await finish(job, entry=entry, **report)

        monkeypatch.setattr(post.stores.spool, "finish", sick)
        await post.sends()
        post.clock.tick(3600)

        assert await post.sends() == 0
        assert len(peer.mails) == 1
        assert {one.delivery.disposition for one in await post.desk.all()} == {Disposition.FORWARD}


async def test_a_mail_that_left_is_not_sent_again_however_long_the_store_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awizo.worker.way_out.REPORT_AGAIN_S", 0)
    async with a_peer() as peer, a_post_office(tmp_path, a_smarthost(peer)) as post:
        await accepted(post.stores.spool, recipients=(A,))
        finish, away = post.stores.spool.finish, 200

        async def sick(job: Job, *, entry: HistoryEntry, **report: Any) -> None:
            nonlocal away
            if away > 0:
                away -= 1
                post.clock.tick(10)  # half an hour in all, many times as long as a lease
                raise StoreError("disk I/O error")
            await finish(job, entry=entry, **report)

        monkeypatch.setattr(post.stores.spool, "finish", sick)
        await post.sends()

        assert await post.sends() == 0
        assert len(peer.mails) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (SettingsError("smarthost default: tls_ca_file /x: no such file"), "tls_ca_file"),
        (RuntimeError("canary-4711"), "RuntimeError"),
    ],
    ids=["settings", "ours"],
)
async def test_a_mail_that_meets_a_fault_of_ours_is_tried_again_and_told(
    fault: Exception, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_peer() as peer, a_post_office(tmp_path, a_smarthost(peer)) as post:
        (delivery_id,) = await accepted(post.stores.spool, recipients=(A,))
        with monkeypatch.context() as patched, structlog.testing.capture_logs() as logs:

            async def faulty(*_: Any, **__: Any) -> None:
                raise fault

            patched.setattr(Smarthosts, "send", faulty)
            await post.sends()

        (job,) = (await post.desk.show(delivery_id)).jobs
        assert (job.state, job.code, job.attempts) == ("deferred", "action_failed", 1)
        assert words in (job.reply or "")
        assert await post.causes() == ["action_failed"]
        assert "canary" not in repr(logs)
        post.clock.tick(90)
        await post.sends()
        assert len(peer.mails) == 1


async def test_mails_that_leave_side_by_side_after_a_start_are_all_written_down(
    tmp_path: Path,
) -> None:
    async with a_peer() as peer, a_post_office(tmp_path, a_smarthost(peer)) as post:
        for number in range(1, 9):
            await accepted(post.stores.spool, number, recipients=(A, B))
        jobs = await post.desk.forwards(limit=100)
        groups = [[*group] for _, group in itertools.groupby(jobs, key=lambda job: job.message_id)]

        await asyncio.gather(*(post.way_out.send(group) for group in groups))

        assert len(peer.mails) == 8
        assert {one.delivery.disposition for one in await post.desk.all()} == {Disposition.FORWARD}


async def test_a_report_that_meets_a_fault_does_not_lose_those_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_peer() as peer, a_post_office(tmp_path, a_smarthost(peer)) as post:
        await accepted(post.stores.spool, recipients=(A, B, C))
        sent, told = post.way_out._sent, 0

        async def faulty(*given: Any) -> None:
            nonlocal told
            told += 1
            if told == 1:
                raise KeyError("canary-4711")
            await sent(*given)

        monkeypatch.setattr(post.way_out, "_sent", faulty)
        with structlog.testing.capture_logs() as logs:
            await post.sends()

        done = [one.jobs[0].state for one in await post.desk.all()]
        assert sorted(done) == ["done", "done", "queued"]
        assert "canary" not in repr(logs)


async def test_one_lost_lease_does_not_lose_the_reports_of_the_others(tmp_path: Path) -> None:
    async with a_peer() as peer, a_post_office(tmp_path, a_smarthost(peer)) as post:
        await accepted(post.stores.spool, recipients=(A, B, C))
        first, *others = await post.desk.forwards()
        await post.desk.finish(first)  # as if by somebody else: its lease is gone
        with structlog.testing.capture_logs() as logs:
            await post.way_out.send([first, *others])

        assert [line["event"] for line in logs].count("lease_lost") == 1
        done = [one.jobs[0].state for one in await post.desk.all()]
        assert done == ["done", "done", "done"]


async def test_a_mail_whose_lease_may_have_passed_to_another_is_broken_off_before_its_end(
    tmp_path: Path,
) -> None:
    peer = SmtpPeer()
    async with a_peer(peer), a_post_office(tmp_path, a_smarthost(peer)) as post:
        (delivery_id, _) = await accepted(post.stores.spool, recipients=(A, B))
        jobs = await post.desk.forwards()
        post.lost.add(jobs[1].lease)  # one of a transaction is enough
        await post.way_out.send(jobs)

        assert not peer.mails
        assert peer.connections[0].commands[-1] == "DATA"
        (job,) = (await post.desk.show(delivery_id)).jobs
        assert (job.state, job.code, job.attempts) == ("deferred", "lease_lost", 0)
        assert await post.causes() == []

        post.lost.clear()
        post.clock.tick(2)
        assert await post.sends() == 2
        assert [mail.recipients for mail in peer.mails] == [(A, B)]


async def test_what_was_taken_of_a_mail_before_its_lease_was_lost_is_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awizo.smarthost.smarthosts.MAX_RECIPIENTS", 1)  # a transaction for each
    peer = SmtpPeer()
    async with a_peer(peer), a_post_office(tmp_path, a_smarthost(peer)) as post:
        await accepted(post.stores.spool, recipients=(A, B))
        jobs = await post.desk.forwards()
        asked = iter((True, False))
        monkeypatch.setattr(post.way_out, "_are_ours", lambda _: next(asked))
        await post.way_out.send(jobs)
        monkeypatch.setattr(post.way_out, "_are_ours", lambda _: True)

        stored = await post.all()
        assert stored[A].delivery.disposition is Disposition.FORWARD
        assert stored[B].delivery.disposition is None
        post.clock.tick(2)
        assert await post.sends() == 1
        assert [mail.recipients for mail in peer.mails] == [(A,), (B,)]
