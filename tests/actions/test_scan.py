"""A filed document is followed until the scan has spoken."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from awizo.actions.base import Done
from awizo.actions.scan import ScanLook, look_at_scan
from awizo.actions.upload_invoice import UploadInvoiceExecutor
from awizo.model import UploadInvoice
from support.action_parts import ORDER, Bench
from support.little_allegro import LittleAllegro
from support.scripted import answer


async def a_filed_document() -> tuple[Bench, LittleAllegro, dict[str, Any]]:
    allegro = LittleAllegro(ORDER)
    work = Bench(allegro)
    action = UploadInvoice(ORDER, "FV 1.pdf", part="2", number="FV 1", sha256="a" * 64)
    done = await work.run(UploadInvoiceExecutor(), work.job(action))
    assert isinstance(done, Done)
    return work, allegro, dict(done.follow_ups[0].data)


async def look(work: Bench, data: dict[str, Any], attempts: int = 0) -> ScanLook:
    account = work.clients.account("default")
    return await look_at_scan(account, work.ledger, data, attempts=attempts, now=work.clock())


def scanned(allegro: LittleAllegro, verdict: str) -> None:
    allegro.invoices[ORDER][0]["file"]["securityVerification"]["status"] = verdict


async def test_an_accepted_document_ends_the_matter() -> None:
    work, allegro, data = await a_filed_document()
    scanned(allegro, "ACCEPTED")

    seen = await look(work, data)

    assert (seen.verdict, seen.again_at) == ("accepted", None)
    assert work.ledger.entries["job-1"].state == "accepted"


async def test_a_rejected_document_is_told_even_after_hours() -> None:
    work, allegro, data = await a_filed_document()
    work.clock.forward(hours=20)
    scanned(allegro, "REJECTED")

    seen = await look(work, data, attempts=9)

    assert (seen.verdict, seen.again_at) == ("rejected", None)
    assert work.ledger.entries["job-1"].state == "rejected"


async def test_a_scan_that_goes_on_is_looked_at_ever_more_seldom_for_a_day() -> None:
    work, _, data = await a_filed_document()
    started = work.clock()
    waits: list[float] = []

    for attempts in range(100):
        seen = await look(work, data, attempts)
        assert seen.verdict == "waiting"
        if seen.again_at is None:
            break
        waits.append((seen.again_at - work.clock()).total_seconds())
        work.clock.at = seen.again_at

    assert waits[:4] == [60, 300, 1800, 7200]
    assert timedelta(hours=21) < work.clock() - started <= timedelta(hours=24)


async def test_a_document_that_vanished_is_believed_gone_only_at_the_last_look() -> None:
    work, allegro, data = await a_filed_document()
    allegro.invoices[ORDER].clear()

    assert (await look(work, data)).verdict == "waiting"
    work.clock.forward(hours=23)
    assert (await look(work, data, attempts=9)).verdict == "gone"
    assert work.ledger.entries["job-1"].state == "refused"


async def test_a_look_is_one_question() -> None:
    work, allegro, data = await a_filed_document()
    allegro.requests.clear()
    allegro.after = lambda request: answer(200, {"invoices": [], "links": []})

    await look(work, data)

    assert len(allegro.requests) == 1
