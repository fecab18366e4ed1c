"""Promises about documents, parcels, talks and senders, kept by the service as a whole.

From a shop's mail to Allegro and back, the waits of production included.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from awizo.cli.shapes import document_shape
from awizo.emulator.calls import Rules
from awizo.emulator.world import Order
from awizo.model import DeliveryState, Disposition
from awizo.problems import described
from awizo.spool.port import StoredDelivery
from support.house import House, a_mail
from support.hurry import HurriedHouse, a_hurried_house
from support.pdfs import a_pdf

WAYBILL = "1000713716065U"


def an_invoice(order: Order, number: str, *, total: str = "", remark: str = "") -> bytes:
    return a_pdf(
        [
            f"Faktura VAT nr {number}",
            f"Nabywca: {order.first_name} {order.last_name}",
            remark or "Lampion ogrodowy 1 szt.",
            f"Razem do zapłaty: {total or order.total} PLN",
        ]
    )


async def send_invoice(
    house: House, order: Order, pdf: bytes, number: str = "FV 1/11/2026", **headers: str
) -> None:
    await house.send(
        a_mail(
            f"Faktura {number} do zamówienia",
            f"Dzień dobry,\n\nw załączniku przesyłamy fakturę {number}.\n",
            to=order.email,
            files=(("faktura.pdf", pdf),),
            headers=headers,
        ),
        order.email,
    )


async def send_sent(house: House, order: Order) -> None:
    await house.send(
        a_mail(
            "Zamówienie zostało wysłane",
            "Dzień dobry,\n\nTwoje zamówienie zostało wysłane kurierem DPD. "
            f"Numer przesyłki: {WAYBILL}\n",
            to=order.email,
        ),
        order.email,
    )


def ended(stored: StoredDelivery) -> tuple[Disposition | None, str | None]:
    return stored.delivery.disposition, stored.delivery.problem


def contents(work: HurriedHouse, order: Order) -> list[bytes | None]:
    return [one.content for one in work.emulator.documents(order.id)]


# --- documents ----------------------------------------------------------------------------------


async def test_the_same_invoice_of_shop_and_invoicing_program_is_filed_once(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order(total="123.00")
        first = an_invoice(order, "FV 12/11/2026")
        await send_invoice(work.house, order, first, "FV 12/11/2026")
        await work.settled(order.email)
        anew = an_invoice(order, "FV_12_11_2026", remark="Wygenerowano ponownie")
        await send_invoice(work.house, order, anew, "FV_12_11_2026")

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert "already_filed" in stored.delivery.notes
        assert contents(work, order) == [first]
        assert work.calls("declare") == [201]


async def test_an_invoice_that_another_channel_has_filed_is_not_filed_again(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        work.emulator.file_document(order.id, "FV/12/11/2026", b"%PDF-1.7 theirs")
        await send_invoice(work.house, order, an_invoice(order, "FV 12/11/2026"), "FV 12/11/2026")

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert contents(work, order) == [b"%PDF-1.7 theirs"]
        assert work.calls("declare") == []


async def test_a_number_used_for_another_total_waits_for_a_person_who_can_have_it_filed(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order(total="123.00")
        first = an_invoice(order, "FV 1/11/2026")
        await send_invoice(work.house, order, first)
        await work.settled(order.email)
        other = an_invoice(order, "FV 1/11/2026", total="99.00")
        await send_invoice(work.house, order, other)

        held = await work.until(lambda one: one.delivery.state is DeliveryState.HELD, order.email)

        assert ended(held) == (Disposition.HOLD, "number_reused")
        assert "another total" in described("number_reused").words
        await work.alerted("number_reused")
        assert work.house.caught_for(order.email) == []

        await work.house.operations.release(held.delivery.id)
        stored = await work.settled(order.email)
        assert ended(stored) == (Disposition.STOP, None)
        assert contents(work, order) == [first, other]


async def test_a_document_that_the_scan_rejects_later_reopens_its_mail(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path, "scan-rejects", rules=Rules(scan_s=90)) as work:
        order = work.emulator.add_order()
        await send_invoice(work.house, order, an_invoice(order, "FV 1/11/2026"))
        assert ended(await work.settled(order.email)) == (Disposition.STOP, None)
        assert work.house.caught_for(order.email) == []

        stored = await work.until(
            lambda one: (
                one.delivery.state is DeliveryState.SETTLED
                and one.delivery.disposition is Disposition.FORWARD
            ),
            order.email,
        )

        assert ended(stored) == (Disposition.FORWARD, "document_rejected")
        assert len(work.house.caught_for(order.email)) == 1
        await work.alerted("document_rejected")
        (entry,) = await work.house.app.stores.ledger.export()
        assert entry.state == "rejected"


async def test_what_was_filed_can_be_proven_with_ids_digest_times_and_trace_ids(
    tmp_path: Path,
) -> None:
    """Declared in one attempt, sent in the next, read back in a third: all of it is kept."""
    scenarios = ("orphan", "timeout,on=file,times=4", "not-requested")
    async with a_hurried_house(tmp_path, *scenarios) as work:
        order = work.emulator.add_order()
        await send_invoice(work.house, order, an_invoice(order, "FV 1/11/2026"))
        stored = await work.settled(order.email)
        (there,) = work.emulator.documents(order.id)

        (entry,) = await work.house.app.stores.ledger.export()

        shape = document_shape(entry)
        assert (shape["order_id"], shape["invoice_id"]) == (order.id, there.id)
        assert shape["number"] == "FV 1/11/2026"
        assert shape["sha256"] == shape["proof"]["sent_sha256"] == there.sha256
        assert shape["proof"]["size_bytes"] == len(there.content or b"")
        assert shape["delivery_id"] == stored.delivery.id
        assert {"declared_at", "filed_at", "listed_at", "uploaded_at"} <= set(shape["proof"])
        asked = {one.trace_id: one.operation for one in work.emulator.requests}
        told = [asked[one] for one in shape["proof"]["trace_ids"] if one in asked]
        assert told[-1] == "file"


async def test_every_call_stands_in_the_history_with_its_trace_id_and_no_secret(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path, "scan-clash=1") as work:
        order = work.emulator.add_order()
        await send_invoice(work.house, order, an_invoice(order, "FV 1/11/2026"))
        stored = await work.settled(order.email)

        calls = [call for entry in stored.history for call in entry.data.get("calls", ())]

        by_trace_id = {one.trace_id: one for one in work.emulator.requests}
        assert [by_trace_id[call["trace_id"]].status for call in calls] == [
            call["status"] for call in calls
        ]
        assert {"POST", "PUT", "GET"} == {call["method"] for call in calls}
        assert [call["status"] for call in calls if call["method"] == "POST"] == [409, 201]
        assert "Bearer" not in str(stored.history)


async def test_ten_documents_of_one_mail_are_each_filed_once_in_their_order(
    tmp_path: Path,
) -> None:
    """Each waits for the scan of the one before."""
    async with a_hurried_house(tmp_path, rules=Rules(scan_s=20)) as work:
        order = work.emulator.add_order()
        pdfs = [an_invoice(order, f"FV {number}/11/2026") for number in range(1, 11)]
        await work.house.send(
            a_mail(
                "Faktury do zamówienia",
                "Dzień dobry,\n\nw załączniku przesyłamy faktury.\n",
                to=order.email,
                files=[(f"FV_{number}_11_2026.pdf", pdf) for number, pdf in enumerate(pdfs, 1)],
            ),
            order.email,
        )

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert contents(work, order) == pdfs
        assert len(order.invoices) == 10


async def test_a_file_that_is_too_large_is_shrunk_and_the_proof_has_both_digests(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        large = a_pdf(
            ["Faktura VAT nr FV 1/11/2026", f"Nabywca: {order.first_name} {order.last_name}",
             f"Razem do zapłaty: {order.total} PLN"],
            padding_bytes=4_000_000,
        )  # fmt: skip
        await send_invoice(work.house, order, large)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        (kept,) = work.emulator.documents(order.id)
        assert kept.content is not None
        assert len(kept.content) <= 3_000_000 < len(large)
        (entry,) = await work.house.app.stores.ledger.export()
        assert entry.sha256 == hashlib.sha256(large).hexdigest()
        assert entry.proof["sent_sha256"] == kept.sha256


async def test_an_eleventh_document_is_mailed_and_told(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        for number in range(10):
            work.emulator.file_document(order.id, f"A {number}", b"%PDF-1.7")
        await send_invoice(work.house, order, an_invoice(order, "FV 1/11/2026"))

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.FORWARD, "invoice_limit")
        await work.alerted("invoice_limit")
        assert work.calls("declare") == []


# --- orders -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scenario", ["late-orders=100", "empty-email=100", "form-lags=100", "duplicate-events=3"]
)
async def test_a_mail_that_is_faster_than_its_order_waits_for_it(
    scenario: str, tmp_path: Path
) -> None:
    async with a_hurried_house(tmp_path) as work:
        await work.until_synced(work.emulator.add_order())
        work.emulator.set_scenario(scenario)
        order = work.emulator.add_order()
        pdf = an_invoice(order, "FV 1/11/2026")
        await send_invoice(work.house, order, pdf)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert contents(work, order) == [pdf]
        assert await work.alerts() == {}


async def test_an_unpaid_purchase_gets_nothing_until_it_is_paid_under_its_new_id(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path) as work:
        old = [work.emulator.add_order(login="jan_k", status="FILLED_IN") for _ in range(2)]
        await send_invoice(work.house, old[0], an_invoice(old[0], "FV 1/11/2026"))
        waiting = await work.until(lambda one: one.delivery.problem is not None, old[0].email)
        assert waiting.delivery.problem == "order_not_ready"

        paid = work.emulator.merge_orders([one.id for one in old])
        pdf = an_invoice(paid, "FV 2/11/2026")
        await send_invoice(work.house, paid, pdf, "FV 2/11/2026")
        stored = await work.settled(paid.email)

        assert stored.delivery.order_id == paid.id
        assert contents(work, paid) == [pdf]
        assert not any(one.invoices for one in old)


async def test_an_order_that_was_cancelled_gets_no_invoice(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        await work.until_synced(order)
        work.emulator.cancel(order.id)
        await send_invoice(work.house, order, an_invoice(order, "FV 1/11/2026"))

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.FORWARD, "order_cancelled")
        assert work.calls("declare") == []


# --- status and parcels -------------------------------------------------------------------------


async def test_a_buyers_changes_in_between_are_read_and_decided_on_anew(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path, "revision-change=2") as work:
        order = work.emulator.add_order(delivery_method="Kurier DPD")
        await send_sent(work.house, order)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert work.calls("fulfillment") == [409, 409, 204]


async def test_an_order_whose_changes_are_used_up_is_mailed_and_told(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path, "status-limit") as work:
        order = work.emulator.add_order(delivery_method="Kurier DPD")
        await send_sent(work.house, order)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.FORWARD, "operation_limit")
        assert work.calls("fulfillment") == [422]
        assert [one.waybill for one in order.shipments] == [WAYBILL]


async def test_an_order_of_allegros_own_warehouse_is_left_alone(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path, "own-warehouse") as work:
        order = work.emulator.add_order(delivery_method="Kurier DPD")
        await send_sent(work.house, order)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert "fulfilled_by_allegro" in stored.delivery.notes
        assert work.calls("fulfillment", "shipment") == []


async def test_a_number_that_allegros_label_service_adds_within_the_delay_is_not_added_again(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order(delivery_method="Allegro Kurier DPD")
        await send_sent(work.house, order)
        await work.until(lambda one: one.delivery.state is DeliveryState.PLANNED, order.email)
        work.emulator.add_waybill(order.id, "ALLEGRO", WAYBILL.lower())

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert "already_listed" in stored.delivery.notes
        assert [one.carrier for one in order.shipments] == ["ALLEGRO"]
        assert work.calls("shipment") == []


async def test_a_number_that_no_carrier_takes_goes_under_other_with_a_name(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path, "carrier-refuses,carrier=DPD") as work:
        order = work.emulator.add_order(delivery_method="Kurier DPD")
        await send_sent(work.house, order)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert [(one.carrier, one.carrier_name) for one in order.shipments] == [("OTHER", "DPD")]
        assert "filed_as_other_carrier" in stored.delivery.notes


# --- the Message Center -------------------------------------------------------------------------


async def send_by_hand(house: House, order: Order, pdf: bytes) -> None:
    """No Re:, no quote, no thread: what a help desk or a person's new mail looks like."""
    await house.send(
        a_mail(
            "Faktura",
            "Dzień dobry,\n\nw załączniku przesyłam fakturę.\n\nPozdrawiam\nAnna\n",
            to=order.email,
            files=(("faktura.pdf", pdf),),
            # It answers what was written a moment ago, so it bears the time of today.
            headers={"X-Mailer": "Thunderbird", "Date": format_datetime(datetime.now(UTC))},
        ),
        order.email,
    )


@pytest.mark.parametrize("version", ["public.v1", "beta.v1"])
async def test_what_a_buyer_asked_in_the_message_center_speaks_for_a_reply(
    version: str, tmp_path: Path
) -> None:
    allegro: dict[str, Any] = {"messaging_version": version}
    async with a_hurried_house(tmp_path, allegro=allegro) as work:
        asked, silent = work.emulator.add_order(), work.emulator.add_order()
        work.emulator.add_message(asked.id, "Czy mogę prosić o fakturę?", sent_s_ago=600)
        for number, order in enumerate((asked, silent)):
            await send_by_hand(work.house, order, an_invoice(order, f"FV {number}/11/2026"))

        after_question = await work.settled(asked.email)
        unasked = await work.settled(silent.email)

        assert "structure.buyer-wrote" in rules_of(after_question)
        assert "structure.buyer-wrote" not in rules_of(unasked)


def rules_of(stored: StoredDelivery) -> set[str]:
    """What the verdict was built on."""
    assert stored.verdict is not None
    return {one["rule"] for one in stored.verdict["evidence"]}


async def forwarded(work: HurriedHouse, order: Order) -> None:
    """A mail about the order leaves; Allegro makes a message of it."""
    text = (
        "Dzień dobry,\n\nw załączniku przesyłamy fakturę FV 1/11/2026. Klucz licencyjny: "
        "X7KQ-99PL-22MN-40AB, wpisz go po instalacji programu.\n"
    )
    pdf = an_invoice(order, "FV 1/11/2026")
    await work.house.send(
        a_mail("Faktura i kod aktywacyjny", text, to=order.email, files=(("faktura.pdf", pdf),)),
        order.email,
    )
    stored = await work.settled(order.email)
    assert ended(stored) == (Disposition.FORWARD, None)
    work.emulator.add_message(
        order.id, text, author="seller", kind="MAIL", subject="Faktura i kod aktywacyjny"
    )


def looks(stored: StoredDelivery) -> list[str]:
    """What the Message Center said of a mail, look by look."""
    return [str(one.data["status"]) for one in stored.history if one.event == "mail_looked_at"]


async def test_a_forwarded_mail_that_allegro_blocks_alerts_and_is_marked_as_judged_wrongly(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path, "blocked-messages") as work:
        order = work.emulator.add_order()
        await forwarded(work, order)

        stored = await work.until(lambda one: one.delivery.problem is not None, order.email)

        assert ended(stored) == (Disposition.FORWARD, "mail_blocked")
        assert "judged_wrongly" in stored.delivery.notes
        await work.alerted("mail_blocked")
        assert len(work.house.caught_for(order.email)) == 1, "it is not sent again"


async def test_a_forwarded_mail_that_stays_in_verification_alerts_after_hours(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path, "verifying-for-ever") as work:
        order = work.emulator.add_order()
        began = work.clock()
        await forwarded(work, order)

        stored = await work.until(lambda one: one.delivery.problem is not None, order.email)

        assert ended(stored) == (Disposition.FORWARD, "mail_still_verifying")
        await work.alerted("mail_still_verifying")
        assert (work.clock() - began).total_seconds() >= 21_600


async def test_a_forwarded_mail_that_arrives_is_shown_as_delivered_and_alerts_nobody(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        await forwarded(work, order)

        stored = await work.until(lambda one: looks(one)[-1:] == ["DELIVERED"], order.email)

        await work.everything_done()
        assert stored.delivery.problem is None
        assert await work.alerts() == {}


# --- sender addresses ---------------------------------------------------------------------------


async def test_a_sender_that_allegro_does_not_know_is_noted_on_the_mail_and_never_held(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        pdf = an_invoice(order, "FV 1/11/2026")
        await send_invoice(work.house, order, pdf, From="Nowy adres <nowy@lampiony.example>")

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert "sender_unknown" in stored.delivery.notes
        alerts = await work.alerts()
        assert list(alerts) == ["sender_unknown"]
        assert "nowy@lampiony.example" in alerts["sender_unknown"]


async def test_the_senders_that_the_routes_name_are_looked_at_when_the_service_starts(
    tmp_path: Path,
) -> None:
    routes = [{"from": "stary@lampiony.example", "accounts": ["default"]}]
    async with a_hurried_house(tmp_path, routes=routes) as work:
        await work.alerted("sender_unknown")

        assert "stary@lampiony.example" in (await work.alerts())["sender_unknown"]
