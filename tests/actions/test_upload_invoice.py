"""A document comes onto its order exactly once, and is proven there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from awizo.actions.base import Done
from awizo.actions.document import file_name
from awizo.actions.upload_invoice import UploadInvoiceExecutor
from awizo.errors import Deferral, PermanentFailure
from awizo.model import DocumentKind, UploadInvoice
from support.action_parts import ORDER, OTHER_ORDER, PDF, Bench
from support.little_allegro import LittleAllegro
from support.scripted import answer, refusal

UPLOAD = UploadInvoiceExecutor()


def an_upload(**changes: Any) -> UploadInvoice:
    action = UploadInvoice(
        order_id=ORDER,
        attachment="FV_12_11_2026.pdf",
        part="2",
        number="FV 12/11/2026",
        sha256="a" * 64,
        text_sha256="b" * 64,
        total="123.00",
        buyer_tax_id="PL5252674798",
    )
    return replace(action, **changes)


def rendered_anew(**changes: Any) -> UploadInvoice:
    """The same invoice from another program: other bytes, other text, another file name."""
    return an_upload(
        **{"sha256": "c" * 64, "text_sha256": "d" * 64, "attachment": "invoice.pdf"} | changes
    )


def bench(**kwargs: Any) -> tuple[Bench, LittleAllegro]:
    allegro = LittleAllegro(ORDER, OTHER_ORDER)
    return Bench(allegro, **kwargs), allegro


def posts(allegro: LittleAllegro) -> int:
    return allegro.count("POST", "/invoices")


def with_files(allegro: LittleAllegro, order_id: str = ORDER) -> int:
    return sum("uploadedAt" in one["file"] for one in allegro.invoices[order_id])


def asks_for_no_invoice(allegro: LittleAllegro) -> None:
    allegro.forms[ORDER]["invoice"] = {"required": False}


# --- the plain way ------------------------------------------------------------------------------


async def test_a_document_is_declared_sent_as_raw_bytes_and_read_back() -> None:
    work, allegro = bench()

    done = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(done, Done)
    assert done.note is None
    listed = allegro.invoices[ORDER][0]
    assert listed["invoiceNumber"] == "FV 12/11/2026"
    assert listed["file"]["name"] == "FV_12_11_2026.pdf"
    assert allegro.files[listed["id"]] == PDF
    assert allegro.requests[-1][0] == "GET"


async def test_the_ledger_knows_of_a_document_before_the_first_call_that_changes_anything() -> None:
    work, allegro = bench()
    states: list[str] = []

    def watch(request: httpx.Request) -> None:
        if request.method != "GET":
            states.extend(entry.state for entry in work.ledger.entries.values())

    allegro.before = watch

    await work.run(UPLOAD, work.job(an_upload()))

    assert states == ["intended", "declared"]


async def test_the_proof_holds_ids_digest_times_and_trace_ids() -> None:
    work, allegro = bench()

    done = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(done, Done)
    entry = work.ledger.entries["job-1"]
    assert entry.state == "listed"
    assert entry.invoice_id == allegro.invoices[ORDER][0]["id"]
    assert done.proof["trace_ids"] == ["trace-inv-1"]
    assert {"declared_at", "filed_at", "listed_at", "sent_sha256", "sha256"} <= set(entry.proof)


async def test_the_antivirus_verdict_is_followed_until_it_is_there() -> None:
    work, allegro = bench()
    done = await work.run(UPLOAD, work.job(an_upload()))
    assert isinstance(done, Done)
    assert [(spec.kind, spec.due_in_s) for spec in done.follow_ups] == [("invoice_scan", 15)]
    assert done.follow_ups[0].data["invoice_id"] == allegro.invoices[ORDER][0]["id"]

    work, allegro = bench()
    allegro.scan = "ACCEPTED"
    done = await work.run(UPLOAD, work.job(an_upload()))
    assert isinstance(done, Done)
    assert not done.follow_ups
    assert work.ledger.entries["job-1"].state == "accepted"


async def test_a_document_that_the_scan_rejects_at_once_is_not_filed() -> None:
    work, allegro = bench()
    allegro.scan = "REJECTED"

    failed = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "document_rejected"
    assert work.ledger.entries["job-1"].state == "rejected"


@pytest.mark.parametrize(
    ("pdf", "code"),
    [
        (b"", "document_empty"),
        (b" \r\n", "document_empty"),
        (b"PK\x03\x04 no pdf", "document_not_pdf"),
        (b"%PDF-1.7" + b"x" * 3_000_000, "document_too_large"),
        (b"%PDF-1.7\ntrailer << /Encrypt 9 0 R >>", "document_encrypted"),
    ],
)
async def test_what_allegro_would_not_take_is_told_before_any_call(pdf: bytes, code: str) -> None:
    work, allegro = bench(documents={"2": pdf})

    failed = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == code
    assert allegro.requests == []


def test_a_declared_file_name_is_harmless_and_ends_in_pdf() -> None:
    assert file_name(an_upload(attachment="FV 1/2.PDF")) == "FV 1_2.pdf"
    assert file_name(an_upload(attachment="../../etc/passwd")) == "etc_passwd.pdf"
    assert file_name(an_upload(attachment="", number="FV 1/2")) == "FV 1_2.pdf"
    assert file_name(an_upload(attachment="", number=None)) == "dokument.pdf"
    assert len(file_name(an_upload(attachment="x" * 500 + ".pdf"))) == 104


# --- never twice ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "again",
    [
        an_upload(),
        rendered_anew(),
        rendered_anew(number="FV_12_11_2026"),
        an_upload(number=None),
        an_upload(number=None, sha256="e" * 64),
    ],
    ids=["same", "same number", "number written otherwise", "same bytes", "same text"],
)
async def test_the_same_document_again_is_done_without_an_upload(again: UploadInvoice) -> None:
    work, allegro = bench()
    await work.run(UPLOAD, work.job(an_upload()))

    done = await work.run(UPLOAD, work.job(again, "job-2"))

    assert isinstance(done, Done)
    assert done.note == "already_filed"
    assert posts(allegro) == 1


async def test_a_document_that_another_program_has_filed_is_not_filed_again() -> None:
    work, allegro = bench()
    allegro.add_invoice(ORDER, "fv/12/11/2026")

    done = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(done, Done)
    assert done.note == "already_filed"
    assert posts(allegro) == 0


@pytest.mark.parametrize("name", ["FV_12_11_2026.pdf", "Faktura_FV_12_11_2026.PDF"])
async def test_a_number_may_stand_in_the_file_name_alone(name: str) -> None:
    work, allegro = bench()
    allegro.add_invoice(ORDER, name=name)

    done = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(done, Done)
    assert done.note == "already_filed"


async def test_a_correction_is_a_further_document() -> None:
    work, allegro = bench()
    await work.run(UPLOAD, work.job(an_upload()))

    correction = rendered_anew(number="FK 1/11/2026", kind=DocumentKind.CORRECTION, total="-23.00")
    done = await work.run(UPLOAD, work.job(correction, "job-2"))

    assert isinstance(done, Done)
    assert done.note is None
    assert with_files(allegro) == 2


@pytest.mark.parametrize(
    "other",
    [
        rendered_anew(total="99.00"),
        rendered_anew(buyer_tax_id="1234563218"),
        rendered_anew(kind=DocumentKind.RECEIPT),
        rendered_anew(total="99.00", order_id=OTHER_ORDER),
    ],
    ids=["total", "buyer", "kind", "on another order"],
)
async def test_a_number_used_for_something_else_waits_for_a_person(other: UploadInvoice) -> None:
    work, allegro = bench()
    await work.run(UPLOAD, work.job(an_upload()))

    failed = await work.run(UPLOAD, work.job(other, "job-2"))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "number_reused"
    assert posts(allegro) == 1


async def test_a_receipt_and_an_invoice_of_two_orders_may_share_a_number() -> None:
    work, _ = bench()
    await work.run(UPLOAD, work.job(an_upload()))

    receipt = rendered_anew(order_id=OTHER_ORDER, kind=DocumentKind.RECEIPT, total="5.00")
    done = await work.run(UPLOAD, work.job(receipt, "job-2"))

    assert isinstance(done, Done)
    assert done.note is None


async def test_one_invoice_for_two_orders_is_filed_on_both() -> None:
    work, allegro = bench()
    await work.run(UPLOAD, work.job(an_upload()))

    done = await work.run(UPLOAD, work.job(an_upload(order_id=OTHER_ORDER), "job-2"))

    assert isinstance(done, Done)
    assert with_files(allegro, OTHER_ORDER) == 1


async def test_a_person_can_have_a_reused_number_filed_all_the_same() -> None:
    work, allegro = bench()
    await work.run(UPLOAD, work.job(an_upload()))
    await work.run(UPLOAD, work.job(rendered_anew(total="99.00"), "job-2"))

    held = work.last_job
    released = replace(held, progress={**held.progress, "released": True})
    done = await work.run(UPLOAD, released)

    assert isinstance(done, Done)
    assert with_files(allegro) == 2


# --- lost answers and crashes ---------------------------------------------------------------------


def lose_answer(allegro: LittleAllegro, method: str, ending: str, times: int = 1) -> None:
    left = [times]

    def after(request: httpx.Request) -> Exception | None:
        if left[0] and request.method == method and request.url.path.endswith(ending):
            left[0] -= 1
            return httpx.ReadTimeout("lost")
        return None

    allegro.after = after


async def test_a_declaration_whose_answer_was_lost_is_found_and_used() -> None:
    work, allegro = bench()
    lose_answer(allegro, "POST", "/invoices")

    done = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(done, Done)
    assert (posts(allegro), with_files(allegro)) == (1, 1)


async def test_a_lost_declaration_without_a_number_is_known_by_its_file_name() -> None:
    work, allegro = bench()
    lose_answer(allegro, "POST", "/invoices")

    done = await work.run(UPLOAD, work.job(an_upload(number=None)))

    assert isinstance(done, Done)
    assert (posts(allegro), with_files(allegro)) == (1, 1)


async def test_a_lost_declaration_that_never_shows_is_repeated_after_a_while() -> None:
    work, allegro = bench()
    swallowed: list[int] = []

    def before(request: httpx.Request) -> Exception | None:
        if request.method == "POST" and not swallowed:
            swallowed.append(1)
            return httpx.ReadTimeout("swallowed")
        return None

    allegro.before = before
    started = work.clock()

    done = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(done, Done)
    assert with_files(allegro) == 1
    assert (work.clock() - started).total_seconds() >= 10


async def test_a_504_that_had_succeeded_is_found_filed() -> None:
    work, allegro = bench()
    allegro.after = lambda request: answer(504) if request.method == "PUT" else None

    done = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(done, Done)
    assert with_files(allegro) == 1
    assert posts(allegro) == 1


async def test_a_409_for_the_file_is_believed_only_when_it_is_listed() -> None:
    work, allegro = bench()
    allegro.before = lambda request: (
        refusal(409, "X", "already has file") if request.method == "PUT" else None
    )

    failed = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "verification_failed"


@pytest.mark.parametrize("saves", range(4))
async def test_a_crash_after_any_saved_step_leaves_one_document(saves: int) -> None:
    work, allegro = bench(crash_after_saves=saves)

    done = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(done, Done)
    assert (posts(allegro), with_files(allegro)) == (1, 1)


async def test_a_declaration_that_allegro_has_forgotten_is_made_again() -> None:
    work, allegro = bench()
    forgotten: list[int] = []

    def before(request: httpx.Request) -> None:
        if request.method == "PUT" and not forgotten:
            forgotten.append(1)
            allegro.invoices[ORDER].clear()

    allegro.before = before

    done = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(done, Done)
    assert (posts(allegro), with_files(allegro)) == (2, 1)


async def test_a_strangers_orphan_with_our_number_is_watched_then_adopted() -> None:
    work, allegro = bench()
    orphan = allegro.add_invoice(ORDER, "FV 12/11/2026", has_file=False)

    done = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(done, Done)
    assert work.codes == ["orphan_watched"]
    assert posts(allegro) == 0
    assert orphan["file"]["uploadedAt"]


async def test_a_stranger_who_sends_the_file_in_time_is_left_alone() -> None:
    work, allegro = bench()
    orphan = allegro.add_invoice(ORDER, "FV 12/11/2026", has_file=False)
    job, _ = await work.attempt(UPLOAD, work.job(an_upload()))
    allegro.put_file(orphan)

    done = await work.run(UPLOAD, job)

    assert isinstance(done, Done)
    assert done.note == "already_filed"
    assert allegro.files == {}


# --- Allegro says wait, or no ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "clash",
    [
        refusal(409, "X", "Security scan for SELLER invoice in given order is in progress"),
        refusal(422, "X", "previously uploaded file is still in scanning"),
        refusal(429, "X", "You're trying to add another metadata too fast"),
        refusal(409, "X", "Order with given id already has seller invoice"),
    ],
)
async def test_a_scan_in_progress_is_waited_for_and_leaves_no_orphan(clash: httpx.Response) -> None:
    work, allegro = bench()
    left = [2]

    def before(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST" and left[0]:
            left[0] -= 1
            return httpx.Response(clash.status_code, content=clash.content)
        return None

    allegro.before = before

    done = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(done, Done)
    assert len(work.codes) == 2
    assert len(allegro.invoices[ORDER]) == 1


async def test_ten_documents_are_the_end() -> None:
    work, allegro = bench()
    for number in range(10):
        allegro.add_invoice(ORDER, f"FV {number}/2025")

    failed = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "invoice_limit"


async def test_an_order_with_an_extended_payment_term_takes_one() -> None:
    work, allegro = bench()
    allegro.forms[ORDER]["payment"] = {"id": "p", "type": "EXTENDED_TERM", "provider": "EPT"}
    allegro.add_invoice(ORDER, "FV 1/2026")
    allegro.before = lambda request: (
        refusal(409, "X", "Order already has seller invoice") if request.method == "POST" else None
    )

    failed = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "invoice_limit"


@pytest.mark.parametrize(("status", "waits"), [("FILLED_IN", True), ("BOUGHT", True)])
async def test_nothing_is_filed_on_an_order_whose_id_may_still_change(
    status: str, waits: bool
) -> None:
    work, allegro = bench()
    allegro.forms[ORDER]["status"] = status
    job, _ = await work.attempt(UPLOAD, work.job(an_upload()))
    allegro.forms[ORDER]["status"] = "READY_FOR_PROCESSING"
    assert posts(allegro) == 0

    assert isinstance(await work.run(UPLOAD, job), Done)


async def test_a_cancelled_order_takes_corrections_only() -> None:
    work, allegro = bench()
    allegro.forms[ORDER]["status"] = "CANCELLED"

    failed = await work.run(UPLOAD, work.job(an_upload()))
    assert isinstance(failed, PermanentFailure)
    assert failed.code == "order_cancelled"

    correction = rendered_anew(number="FK 1", kind=DocumentKind.CORRECTION)
    assert isinstance(await work.run(UPLOAD, work.job(correction, "job-2")), Done)


class FailsOn:
    """Refuses the first declaration: the scan of another file goes on."""

    def __init__(self, ending: str) -> None:
        self.ending = ending
        self.failed = False

    def __call__(self, request: httpx.Request) -> httpx.Response | None:
        if self.failed or request.method != "POST" or not request.url.path.endswith(self.ending):
            return None
        self.failed = True
        return refusal(409, "X", "Security scan is in progress")


async def test_an_order_that_was_announced_just_now_may_be_missing_for_minutes() -> None:
    work, allegro = bench()
    form = allegro.forms.pop(ORDER)
    job, first = await work.attempt(UPLOAD, work.job(an_upload()))
    assert getattr(first, "code", "") == "order_missing"
    assert not isinstance(first, PermanentFailure)
    allegro.forms[ORDER] = form
    assert isinstance(await work.run(UPLOAD, job), Done)


async def test_an_order_that_is_missing_for_a_moment_later_on_is_awaited_too() -> None:
    """What was read an hour ago has not vanished: one 404 then is no reason to give up."""
    work, allegro = bench()
    job = work.job(an_upload())
    work.clock.forward(hours=1)
    form = allegro.forms.pop(ORDER)

    job, missed = await work.attempt(UPLOAD, job)
    allegro.forms[ORDER] = form

    assert isinstance(missed, Deferral)
    assert missed.code == "order_missing"
    assert isinstance(await work.run(UPLOAD, job), Done)


async def test_the_minutes_of_waiting_begin_anew_once_the_order_was_seen() -> None:
    work, allegro = bench()
    allegro.before = failing_once = FailsOn("/invoices")
    job = work.job(an_upload())
    form = allegro.forms.pop(ORDER)
    job, _ = await work.attempt(UPLOAD, job)
    allegro.forms[ORDER] = form
    work.clock.forward(minutes=9)
    job, seen = await work.attempt(UPLOAD, job)
    assert failing_once.failed
    assert getattr(seen, "code", "") == "scan_in_progress"
    allegro.forms.pop(ORDER)
    work.clock.forward(minutes=9)

    _, missed = await work.attempt(UPLOAD, job)

    assert isinstance(missed, Deferral)
    assert missed.code == "order_missing"


async def test_an_order_that_stays_missing_is_given_up() -> None:
    work, allegro = bench()
    allegro.forms.pop(ORDER)

    failed = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "order_missing"


# --- the buyer asked for no invoice ---------------------------------------------------------------


async def test_an_unasked_invoice_counts_only_when_it_is_still_there_after_minutes() -> None:
    work, allegro = bench()
    asks_for_no_invoice(allegro)
    started = work.clock()

    done = await work.run(UPLOAD, work.job(an_upload()))

    assert isinstance(done, Done)
    assert done.note == "buyer_not_mailed"
    assert work.codes == ["verifying", "verifying"]
    assert (work.clock() - started).total_seconds() >= 300
    assert posts(allegro) == 1


async def test_an_unasked_invoice_that_vanishes_silently_is_filed_as_its_link() -> None:
    work, allegro = bench()
    asks_for_no_invoice(allegro)
    allegro.drops_unasked = True

    done = await work.run(UPLOAD, work.job(an_upload(or_link="https://docs.example/1")))

    assert isinstance(done, Done)
    assert done.note == "filed_as_link"
    assert [one["url"] for one in allegro.links[ORDER]] == ["https://docs.example/1"]


async def test_an_unasked_invoice_that_is_refused_at_once_is_filed_as_its_link() -> None:
    work, allegro = bench()
    asks_for_no_invoice(allegro)
    allegro.before = lambda request: (
        refusal(422, "ORDER-WITHOUT-INVOICE", "cannot have an invoice")
        if request.method == "POST" and request.url.path.endswith("/invoices")
        else None
    )

    done = await work.run(UPLOAD, work.job(an_upload(or_link="https://docs.example/1")))

    assert isinstance(done, Done)
    assert done.note == "filed_as_link"


@pytest.mark.parametrize("link", [None, "https://unlisted.example/1"])
async def test_without_a_way_for_the_link_the_mail_is_not_stopped(link: str | None) -> None:
    work, allegro = bench()
    asks_for_no_invoice(allegro)
    allegro.drops_unasked = True
    allegro.before = lambda request: (
        refusal(422, "InvalidUrl") if request.url.path.endswith("/links") else None
    )

    failed = await work.run(UPLOAD, work.job(an_upload(or_link=link)))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "order_without_invoice"
    assert work.ledger.entries["job-1"].state == "refused"
