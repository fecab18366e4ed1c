"""What integrators met at Allegro, each told from the shop's mail to how the seller hears of it.

The whole service against the emulator, with the waits of production. Each story says how the
mail ends, what the seller reads, who is alerted, and that nothing stands twice at Allegro.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from awizo.emulator.world import Order
from awizo.model import DeliveryState, Disposition
from awizo.problems import described, noted
from awizo.spool.port import StoredDelivery
from support.house import House, a_mail
from support.hurry import HurriedHouse, a_hurried_house
from support.pdfs import a_pdf

LINK = "https://lampiony.fakturownia.pl/invoice/VXFDejZ5o7bhAqAVpvBnp"


def an_invoice(order: Order, number: str, title: str = "Faktura VAT") -> bytes:
    return a_pdf(
        [
            f"{title} nr {number}",
            "Sprzedawca: Lampiony sp. z o.o., NIP: 6793112850",
            f"Nabywca: {order.first_name} {order.last_name}",
            "Lampion ogrodowy 1 szt.",
            f"Razem do zapłaty: {order.total} PLN",
        ]
    )


async def send_invoice(
    house: House, order: Order, number: str = "FV 1/11/2026", *, link: str = "", pdf: bytes = b""
) -> bytes:
    """The shop's invoice mail; returns the PDF in it."""
    pdf = pdf or an_invoice(order, number)
    words = f"Faktura jest też pod adresem:\n{link}\n" if link else ""
    await house.send(
        a_mail(
            f"Faktura {number} do zamówienia",
            f"Dzień dobry,\n\nw załączniku przesyłamy fakturę {number}.\n{words}",
            to=order.email,
            files=((f"{number.replace('/', '_').replace(' ', '_')}.pdf", pdf),),
        ),
        order.email,
    )
    return pdf


def ended(stored: StoredDelivery) -> tuple[Disposition | None, str | None]:
    return stored.delivery.disposition, stored.delivery.problem


def waited_for(stored: StoredDelivery) -> list[str]:
    """Why the actions waited, in order."""
    return [str(one.data["code"]) for one in stored.history if one.event == "job_deferred"]


async def forwarded_with(work: HurriedHouse, stored: StoredDelivery, problem: str) -> None:
    """The buyer gets the mail after all; the seller reads why, and what to do."""
    assert ended(stored) == (Disposition.FORWARD, problem)
    assert len(work.house.caught_for(stored.delivery.recipient.address)) == 1
    alerts = await work.alerts()
    assert list(alerts) == [problem]
    assert described(problem).words in alerts[problem]
    assert described(problem).next_step in alerts[problem]


# --- documents ----------------------------------------------------------------------------------


async def test_a_file_that_allegro_drops_without_a_word_is_filed_as_the_mails_link(
    tmp_path: Path,
) -> None:
    """The silent 200 where the buyer asked for no invoice."""
    async with a_hurried_house(tmp_path, "silent-loss=60") as work:
        order = work.emulator.add_order(invoice_required=False)
        await send_invoice(work.house, order, link=LINK)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert "filed_as_link" in stored.delivery.notes
        assert [one.url for one in order.links] == [LINK]
        assert work.emulator.documents(order.id) == []
        assert work.calls("declare", "file") == [201, 200]
        assert work.house.caught_for(order.email) == []
        assert await work.alerts() == {}


async def test_a_file_that_allegro_drops_without_a_word_is_mailed_where_there_is_no_link(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path, "silent-loss=60") as work:
        order = work.emulator.add_order(invoice_required=False)
        await send_invoice(work.house, order)

        stored = await work.settled(order.email)

        assert "asked for no invoice" in described("order_without_invoice").words
        await forwarded_with(work, stored, "order_without_invoice")
        assert work.calls("declare", "file") == [201, 200], "never tried again"


async def test_a_file_that_stays_unasked_is_believed_after_five_minutes_and_noted(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path, "not-requested") as work:
        order = work.emulator.add_order()
        began = work.clock()
        pdf = await send_invoice(work.house, order)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert "buyer_not_mailed" in stored.delivery.notes
        assert order.told == []
        assert [one.content for one in work.emulator.documents(order.id)] == [pdf]
        assert (work.clock() - began).total_seconds() > 300, "looked for twice, never at the 200"
        assert work.calls("declare") == [201]


async def test_a_504_that_had_stored_the_file_leaves_one_document(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path, "timeout-done,on=file,times=5") as work:
        order = work.emulator.add_order()
        pdf = await send_invoice(work.house, order)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert [one.content for one in work.emulator.documents(order.id)] == [pdf]
        assert len(order.invoices) == 1
        assert work.calls("declare") == [201]
        assert await work.alerts() == {}


async def test_a_document_waits_for_the_scan_of_the_one_before_and_other_orders_do_not(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path, "slow-scan=100") as work:
        order, other = work.emulator.add_order(), work.emulator.add_order()
        first = await send_invoice(work.house, order)
        await work.settled(order.email)
        second = await send_invoice(work.house, order, "FV 2/11/2026")
        third = await send_invoice(work.house, other, "FV 3/11/2026")

        elsewhere = await work.settled(other.email)
        stored = await work.settled(order.email)

        assert set(waited_for(stored)) == {"scan_in_progress"}
        assert "scan_in_progress" not in waited_for(elsewhere)
        assert ended(stored) == ended(elsewhere) == (Disposition.STOP, None)
        assert [one.content for one in work.emulator.documents(order.id)] == [first, second]
        assert [one.content for one in work.emulator.documents(other.id)] == [third]
        assert len(order.invoices) == 2, "a refused declaration leaves nothing"
        assert await work.alerts() == {}


@pytest.mark.parametrize("status", [409, 422])
async def test_a_clash_with_a_scan_at_the_very_first_call_is_waited_for(
    status: int, tmp_path: Path
) -> None:
    async with a_hurried_house(tmp_path, f"scan-clash=3,status={status}") as work:
        order = work.emulator.add_order()
        pdf = await send_invoice(work.house, order)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert waited_for(stored)[:3] == ["scan_in_progress"] * 3
        assert work.calls("declare") == [status, status, status, 201]
        assert [one.content for one in work.emulator.documents(order.id)] == [pdf]
        assert await work.alerts() == {}


async def test_a_scan_that_never_ends_is_given_up_and_the_mail_goes_on(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path, "scan-clash,times=1000") as work:
        order = work.emulator.add_order()
        await send_invoice(work.house, order)

        stored = await work.settled(order.email)

        await forwarded_with(work, stored, "scan_in_progress")
        assert order.invoices == []


async def test_content_that_allegro_calls_invalid_is_mailed_and_told(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path, "content-invalid,times=9") as work:
        order = work.emulator.add_order()
        await send_invoice(work.house, order)

        stored = await work.settled(order.email)

        await forwarded_with(work, stored, "content_invalid")
        assert work.calls("declare", "file") == [201, 422], "the same bytes are not sent again"
        assert work.emulator.documents(order.id) == []


async def test_an_encrypted_pdf_is_never_declared(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        locked = io.BytesIO()
        with pikepdf.open(io.BytesIO(an_invoice(order, "FV 1/11/2026"))) as pdf:
            pdf.save(locked, encryption=pikepdf.Encryption(owner="tajne", user=""))
        await send_invoice(work.house, order, pdf=locked.getvalue())

        stored = await work.settled(order.email)

        await forwarded_with(work, stored, "document_encrypted")
        assert work.calls("declare", "file", order_id=order.id) == []


@pytest.mark.parametrize("hidden_s", [0, 3600])
async def test_a_declaration_whose_answer_was_lost_is_adopted_or_left_after_a_while(
    hidden_s: int, tmp_path: Path
) -> None:
    async with a_hurried_house(tmp_path, f"orphan,hidden={hidden_s}") as work:
        order = work.emulator.add_order()
        pdf = await send_invoice(work.house, order)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert [one.content for one in work.emulator.documents(order.id)] == [pdf]
        assert len(order.invoices) == (1 if hidden_s == 0 else 2), "one orphan at most is left"
        assert await work.alerts() == {}


async def test_another_programs_declaration_without_a_file_is_given_time_then_used(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        work.emulator.file_document(order.id, "FV_1_11_2026", None)
        pdf = await send_invoice(work.house, order)

        stored = await work.settled(order.email)

        assert waited_for(stored) == ["orphan_watched"]
        assert ended(stored) == (Disposition.STOP, None)
        assert [one.content for one in work.emulator.documents(order.id)] == [pdf]
        assert len(order.invoices) == 1


async def test_a_file_goes_as_raw_bytes_under_its_media_type_and_json_under_allegros(
    tmp_path: Path,
) -> None:
    """Multipart, base64 and a text encoding broke the files of others."""
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        binary = an_invoice(order, "FV 1/11/2026").replace(b"%%EOF", bytes(range(128, 256)))
        sent = await send_invoice(work.house, order, pdf=binary + b"\n%%EOF\n")

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert [one.content for one in work.emulator.documents(order.id)] == [sent]
        types = {one.operation: one.content_type for one in work.emulator.requests}
        assert types["file"] == "application/pdf"
        assert types["declare"] == "application/vnd.allegro.public.v1+json"


async def test_a_correction_is_a_further_document(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        invoice = await send_invoice(work.house, order)
        await work.settled(order.email)
        correction = a_pdf(
            [
                "Faktura korygująca nr FK 1/11/2026",
                "do faktury VAT nr FV 1/11/2026",
                f"Nabywca: {order.first_name} {order.last_name}",
                "Przyczyna korekty: zwrot towaru",
                "Razem do zwrotu: 10,00 PLN",
            ]
        )
        await work.house.send(
            a_mail(
                "Faktura korygująca FK 1/11/2026",
                "Dzień dobry,\n\nw załączniku przesyłamy fakturę korygującą FK 1/11/2026.\n",
                to=order.email,
                files=(("FK_1_11_2026.pdf", correction),),
            ),
            order.email,
        )

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        kept = work.emulator.documents(order.id)
        assert [one.content for one in kept] == [invoice, correction]
        assert [one.number for one in kept] == ["FV 1/11/2026", "FK 1/11/2026"]


async def test_an_order_with_an_extended_payment_term_takes_one_document(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path, "ept") as work:
        order = work.emulator.add_order()
        invoice = await send_invoice(work.house, order)
        assert ended(await work.settled(order.email)) == (Disposition.STOP, None)
        await send_invoice(work.house, order, "FV 2/11/2026")

        stored = await work.settled(order.email)

        await forwarded_with(work, stored, "invoice_limit")
        assert [one.content for one in work.emulator.documents(order.id)] == [invoice]


# --- links --------------------------------------------------------------------------------------


async def send_link(house: House, order: Order, url: str) -> None:
    await house.send(
        a_mail(
            "Twój e-paragon",
            f"Dzień dobry,\n\nTwój e-paragon jest dostępny pod adresem:\n{url}\n",
            to=order.email,
        ),
        order.email,
    )


async def test_a_receipt_goes_as_a_link_once_whatever_becomes_of_the_answer(
    tmp_path: Path,
) -> None:
    url = "https://hub.eparagony.pl/p/kBMS3mGfh66D?utm_source=mail&id=1"
    async with a_hurried_house(tmp_path, "lost-answer,on=link,times=6") as work:
        order = work.emulator.add_order()
        await send_link(work.house, order, url)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert [one.url for one in order.links] == [url], "once, and as the mail has it"
        assert await work.alerts() == {}


async def test_a_host_that_is_not_on_the_list_is_told_and_the_next_mail_planned_by_it(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path, "link-refused") as work:
        order, next_order = work.emulator.add_order(), work.emulator.add_order()
        await send_link(work.house, order, "https://hub.eparagony.pl/p/aaaaaaaaaaaa")
        await forwarded_with(work, await work.settled(order.email), "link_host_refused")
        asked = len(work.calls("link"))

        await send_link(work.house, next_order, "https://hub.eparagony.pl/p/bbbbbbbbbbbb")
        stored = await work.settled(next_order.email)

        assert ended(stored) == (Disposition.FORWARD, "link_host_refused")
        assert len(work.calls("link")) == asked == 1, "a refused host is not asked again"
        await work.alerted("link_host_refused")


async def test_a_host_that_the_seller_calls_approved_is_tried_again(tmp_path: Path) -> None:
    approved = {"approved_link_hosts": ("hub.eparagony.pl",)}
    async with a_hurried_house(tmp_path, "link-refused", policy=approved) as work:
        order, next_order = work.emulator.add_order(), work.emulator.add_order()
        await send_link(work.house, order, "https://hub.eparagony.pl/p/aaaaaaaaaaaa")
        await work.settled(order.email)

        await send_link(work.house, next_order, "https://hub.eparagony.pl/p/bbbbbbbbbbbb")
        await work.settled(next_order.email)

        assert len(work.calls("link")) == 2


# --- status and parcels -------------------------------------------------------------------------


async def send_sent(house: House, order: Order, number: str = "1000713716065U") -> None:
    await house.send(
        a_mail(
            "Zamówienie zostało wysłane",
            "Dzień dobry,\n\nTwoje zamówienie zostało wysłane kurierem DPD. "
            f"Numer przesyłki: {number}\n",
            to=order.email,
        ),
        order.email,
    )


async def test_a_status_that_allegro_denies_is_mailed_and_told_with_its_trace_id(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path, "forbidden") as work:
        order = work.emulator.add_order(delivery_method="Kurier DPD")
        await send_sent(work.house, order)

        stored = await work.settled(order.email)

        await forwarded_with(work, stored, "access_denied")
        assert work.calls("fulfillment") == [403], "a refusal is not asked again"
        (refused,) = [one for one in work.emulator.requests if one.operation == "fulfillment"]
        (failed,) = [one for one in stored.history if one.event == "job_failed"]
        assert failed.data["trace_id"] == refused.trace_id
        assert [one.waybill for one in order.shipments] == ["1000713716065U"]


@pytest.mark.parametrize("scenario", ["waybill-sets-sent", "status-mail"])
async def test_a_parcel_number_sets_no_status_unless_the_seller_pays_for_that(
    scenario: str, tmp_path: Path
) -> None:
    """Read before SENT is set: where Allegro has set it, no call is spent."""
    async with a_hurried_house(tmp_path, scenario) as work:
        order = work.emulator.add_order(delivery_method="Kurier DPD")
        began = work.clock()
        await send_sent(work.house, order)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert order.fulfillment == "SENT"
        assert [one.waybill for one in order.shipments] == ["1000713716065U"]
        assert work.calls("fulfillment") == ([] if scenario == "waybill-sets-sent" else [204])
        assert (work.clock() - began).total_seconds() >= 600, "Allegro's labels come first"


async def test_a_stopped_status_mail_says_that_the_buyer_may_not_be_told(tmp_path: Path) -> None:
    """Off at Allegro by default, shown by no interface; asked about at set-up."""
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order(delivery_method="Kurier DPD")
        await send_sent(work.house, order)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert "buyer_not_told" in stored.delivery.notes
        assert "allegro_status_mail" in noted("buyer_not_told")
        assert order.told == []


async def test_the_record_is_silent_once_the_seller_has_switched_status_mails_on(
    tmp_path: Path,
) -> None:
    policy = {"allegro_status_mail": "on"}
    async with a_hurried_house(tmp_path, "status-mail", policy=policy) as work:
        order = work.emulator.add_order(delivery_method="Kurier DPD")
        await send_sent(work.house, order)

        stored = await work.settled(order.email)

        assert stored.delivery.notes == ()
        assert [one["what"] for one in order.told] == ["status SENT"]


async def test_in_the_sandbox_no_mail_to_the_buyer_is_ever_claimed(tmp_path: Path) -> None:
    allegro = {"environment": "sandbox"}
    policy = {"allegro_status_mail": "on"}
    async with a_hurried_house(tmp_path, "no-mail", allegro=allegro, policy=policy) as work:
        order = work.emulator.add_order(delivery_method="Kurier DPD")
        await send_invoice(work.house, order)
        document = await work.settled(order.email)
        await send_sent(work.house, order)
        status = await work.settled(order.email)

        assert ended(document) == ended(status) == (Disposition.STOP, None)
        assert "buyer_not_mailed" in document.delivery.notes
        assert "buyer_not_told" in status.delivery.notes
        assert "sandbox" in noted("buyer_not_mailed")
        assert order.told == []


# --- accounts and pace --------------------------------------------------------------------------


async def paused_then_logged_in(work: HurriedHouse, order: Order) -> StoredDelivery:
    """An invoice waits for its account; a mail that needs none goes on; a person logs in."""
    pdf = await send_invoice(work.house, order)
    waiting = await work.until(lambda one: "account_paused" in waited_for(one), order.email)
    other = work.emulator.add_order()
    sent = await work.house.send(
        a_mail(
            "Pana zamówienie",
            "Dzień dobry,\n\nniestety czerwony lampion jest chwilowo niedostępny. Czy może być "
            "zielony? Proszę o odpowiedź, wtedy wyślemy jeszcze dziś.\n\nPozdrawiam\nAnna",
            to=other.email,
        ),
        other.email,
    )
    went = await work.settled(other.email)

    assert waiting.delivery.state is DeliveryState.PLANNED
    assert ended(went) == (Disposition.FORWARD, None)
    assert [one.content for one in work.house.caught_for(other.email)] == [sent]
    alerts = await work.alerts()
    assert list(alerts) == ["invalid_grant"]
    assert "awizo login" in alerts["invalid_grant"]
    assert work.calls("declare", "file") == []

    work.emulator.scenarios.clear()
    await work.house.connect()
    stored = await work.settled(order.email)
    assert ended(stored) == (Disposition.STOP, None)
    assert [one.content for one in work.emulator.documents(order.id)] == [pdf]
    return stored


async def test_a_refresh_token_that_somebody_else_used_pauses_actions_and_no_mail(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        await work.until_synced(order)
        work.emulator.set_scenario("token-theft")
        work.clock.forward(hours=11)

        await paused_then_logged_in(work, order)

        refused = [one for one in work.emulator.requests if one.operation == "token"]
        assert [one.status for one in refused] == [400], "a refused token is not tried again"


async def test_a_changed_password_pauses_actions_and_no_mail(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        await work.until_synced(order)
        work.emulator.set_scenario("password-change")

        await paused_then_logged_in(work, order)


async def test_a_paused_account_is_told_although_no_mail_comes(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path) as work:
        work.emulator.set_scenario("password-change")
        await work.alerted("invalid_grant")

        work.emulator.scenarios.clear()
        await work.house.connect()
        await work.alerted()


async def test_a_429_stops_all_calls_for_a_minute_and_nothing_is_lost_or_doubled(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path) as work:
        orders = [work.emulator.add_order() for _ in range(3)]
        await work.until_synced(*orders)
        work.emulator.set_scenario("busy=60")
        for number, order in enumerate(orders):
            await send_invoice(work.house, order, f"FV {number}/11/2026")
        await work.until(lambda one: "allegro_busy" in waited_for(one), *(o.email for o in orders))
        refused = [one for one in work.emulator.requests if one.status == 429]

        await work.settled(*(one.email for one in orders))

        assert len(refused) <= 3, "calling on would prolong the block"
        assert [len(one.invoices) for one in orders] == [1, 1, 1]
        assert all(len(work.emulator.documents(one.id)) == 1 for one in orders)
        assert await work.alerts() == {}


# --- orders -------------------------------------------------------------------------------------


async def test_an_order_of_another_marketplace_is_served_like_any(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path, "foreign-market=allegro-cz") as work:
        order = work.emulator.add_order(
            currency="CZK", language="cs-CZ", buyer="Jan Novák", total="499.00"
        )
        pdf = a_pdf(
            [
                "Faktura - daňový doklad č. 20260042",
                "Dodavatel: Lampiony sp. z o.o.",
                "Odběratel: Jan Novák",
                "Celkem k úhradě: 499,00 CZK",
            ]
        )
        await work.house.send(
            a_mail(
                "Faktura č. 20260042 k Vaší objednávce",
                "Dobrý den,\n\nv příloze Vám zasíláme fakturu č. 20260042 k Vaší objednávce.\n",
                to=order.email,
                files=(("faktura_20260042.pdf", pdf),),
            ),
            order.email,
        )

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert [one.content for one in work.emulator.documents(order.id)] == [pdf]
        assert work.house.caught_for(order.email) == []


async def test_the_part_after_the_plus_decides_between_two_orders_of_one_buyer(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path) as work:
        one, two = (work.emulator.add_order(login="jan_k", buyer="Jan Kowalski") for _ in range(2))
        pdf = await send_invoice(work.house, two)

        stored = await work.settled(two.email)

        assert stored.delivery.order_id == two.id
        assert [kept.content for kept in work.emulator.documents(two.id)] == [pdf]
        assert work.emulator.documents(one.id) == []


async def test_without_the_part_after_the_plus_nothing_is_filed_on_a_guess(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path) as work:
        same: dict[str, Any] = {"login": "jan_k", "buyer": "Jan Kowalski", "total": "10.00"}
        items = [{"name": "Lampion ogrodowy"}]
        orders = [work.emulator.add_order(items=items, **same) for _ in range(2)]
        bare = orders[0].email.partition("+")[0] + "@allegromail.pl"
        await work.until_synced(*orders)
        pdf = an_invoice(orders[0], "FV 1/11/2026")
        await work.house.send(
            a_mail(
                "Faktura FV 1/11/2026",
                "Dzień dobry,\n\nw załączniku przesyłamy fakturę FV 1/11/2026.\n",
                to=bare,
                files=(("FV_1_11_2026.pdf", pdf),),
            ),
            bare,
        )

        stored = await work.settled(bare)

        await forwarded_with(work, stored, "order_ambiguous")
        assert work.calls("declare") == []


async def test_an_order_that_is_listed_and_cannot_be_opened_is_awaited_then_told(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        await work.until_synced(order)
        work.emulator.set_scenario(f"order-missing,order={order.id}")
        began = work.clock()
        await send_invoice(work.house, order)

        stored = await work.settled(order.email)

        await forwarded_with(work, stored, "order_missing")
        assert set(waited_for(stored)) == {"order_missing"}
        assert (work.clock() - began).total_seconds() > 540
        assert work.calls("declare") == []


async def test_an_order_that_can_be_opened_only_after_minutes_is_served(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        await work.until_synced(order)
        work.emulator.set_scenario(f"order-missing,order={order.id},seconds=240")
        pdf = await send_invoice(work.house, order)

        stored = await work.settled(order.email)

        assert ended(stored) == (Disposition.STOP, None)
        assert [one.content for one in work.emulator.documents(order.id)] == [pdf]
        assert await work.alerts() == {}
