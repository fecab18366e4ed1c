"""One story for each row of the table of what happens to a mail, through the whole service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from awizo.emulator.world import Order
from awizo.model import Disposition
from support.house import House, a_house, a_mail, as_sent
from support.pdfs import a_pdf


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as running:
        yield running


def an_invoice(number: str, order: Order, title: str = "Faktura VAT") -> bytes:
    return a_pdf(
        [
            f"{title} nr {number}",
            "Sprzedawca: Lampiony sp. z o.o., NIP: 6793112850",
            f"Nabywca: {order.first_name} {order.last_name}",
            "Lampion ogrodowy 1 szt.",
            f"Razem do zapłaty: {order.total} PLN",
        ]
    )


async def test_a_mail_to_no_buyer_is_forwarded_unchanged_and_not_read(house: House) -> None:
    sent = await house.send(
        a_mail("Faktura FV 1/11/2026", "W załączniku faktura."), "biuro@example.com"
    )

    stored = await house.settled("biuro@example.com")

    assert stored.delivery.disposition is Disposition.FORWARD
    assert stored.delivery.kind is None
    assert [mail.content for mail in house.caught_for("biuro@example.com")] == [sent]


async def test_a_vacation_reply_is_forwarded_and_never_acted_on(house: House) -> None:
    order = house.emulator.add_order()
    mail = a_mail(
        "Automatyczna odpowiedź: Faktura",
        "Jestem na urlopie do 1 grudnia.",
        to=order.email,
        headers={"Auto-Submitted": "auto-replied"},
    )
    sent = await house.send(mail, order.email, sender="")

    stored = await house.settled(order.email)

    assert stored.delivery.disposition is Disposition.FORWARD
    assert stored.jobs[0].code is None
    (caught,) = house.caught_for(order.email)
    assert (caught.reverse_path, caught.content) == ("", sent)


async def test_a_reply_in_a_conversation_is_forwarded_even_with_an_invoice(house: House) -> None:
    order = house.emulator.add_order()
    mail = a_mail(
        "Re: Pytanie o fakturę",
        "Dzień dobry,\n\nzgodnie z prośbą przesyłam fakturę.\n\n"
        "W dniu 25.11.2026 o 10:12 Jan pisze:\n> Poproszę o fakturę.\n",
        to=order.email,
        files=(("FV_2.pdf", an_invoice("FV 2/11/2026", order)),),
        headers={
            "In-Reply-To": "<8a1b@allegromail.pl>",
            "References": "<8a1b@allegromail.pl>",
            "X-Mailer": "Thunderbird",
        },
    )
    sent = await house.send(mail, order.email)

    stored = await house.settled(order.email)

    assert stored.delivery.kind == "conversation_reply"
    assert stored.delivery.disposition is Disposition.FORWARD
    assert [caught.content for caught in house.caught_for(order.email)] == [sent]
    assert house.order(order).invoices == []


async def test_free_form_mail_about_the_order_is_forwarded(house: House) -> None:
    order = house.emulator.add_order()
    sent = await house.send(
        a_mail(
            "Pana zamówienie",
            "Dzień dobry,\n\nniestety czerwony lampion jest chwilowo niedostępny. Czy może być "
            "zielony? Proszę o odpowiedź, wtedy wyślemy jeszcze dziś.\n\nPozdrawiam\nAnna",
            to=order.email,
        ),
        order.email,
    )

    stored = await house.settled(order.email)

    assert stored.delivery.kind == "fulfilment_correspondence"
    assert [caught.content for caught in house.caught_for(order.email)] == [sent]


async def test_an_invoice_is_uploaded_read_back_and_the_mail_stopped(house: House) -> None:
    order = house.emulator.add_order(buyer="Jan Kowalski", total="123.00")
    pdf = an_invoice("FV 3/11/2026", order)
    await house.send(
        a_mail(
            "Faktura FV 3/11/2026 do zamówienia",
            "Dzień dobry,\n\nw załączniku przesyłamy fakturę FV 3/11/2026.\n",
            to=order.email,
            files=(("FV_3_11_2026.pdf", pdf),),
        ),
        order.email,
    )

    stored = await house.settled(order.email)

    assert stored.delivery.disposition is Disposition.STOP
    assert stored.delivery.order_id == order.id
    (document,) = house.emulator.documents(order.id)
    assert (document.number, document.content) == ("FV 3/11/2026", pdf)
    assert house.caught_for(order.email) == []


@pytest.mark.parametrize(
    ("words", "url", "kind"),
    [
        (
            "Faktura do zamówienia jest gotowa. Można ją pobrać tutaj:",
            "https://lampiony.fakturownia.pl/invoice/VXFDejZ5o7bhAqAVpvBnp",
            "invoice_link",
        ),
        (
            "Twój e-paragon jest dostępny pod adresem:",
            "https://hub.eparagony.pl/p/kBMS3mGfh66D",
            "receipt_link",
        ),
    ],
)
async def test_a_link_to_a_document_is_added_to_the_order(
    words: str, url: str, kind: str, house: House
) -> None:
    order = house.emulator.add_order()
    await house.send(
        a_mail("Dokument sprzedaży", f"Dzień dobry,\n\n{words}\n{url}\n", to=order.email),
        order.email,
    )

    stored = await house.settled(order.email)

    assert (stored.delivery.kind, stored.delivery.disposition) == (kind, Disposition.STOP)
    assert [link.url for link in house.order(order).links] == [url]
    assert house.caught_for(order.email) == []


async def test_a_payment_received_is_stopped_without_any_call(house: House) -> None:
    order = house.emulator.add_order()
    await house.send(
        a_mail(
            "Otrzymaliśmy Twoją płatność",
            "Witaj,\n\npłatność za zamówienie 10452 została zaksięgowana. Dziękujemy.\n",
            to=order.email,
        ),
        order.email,
    )

    stored = await house.settled(order.email)

    assert stored.delivery.kind == "payment_received"
    assert (stored.delivery.disposition, stored.jobs) == (Disposition.STOP, ())
    assert house.caught_for(order.email) == []


@pytest.mark.parametrize(
    ("subject", "text", "status"),
    [
        (
            "Zamówienie 10452 w realizacji",
            "Rozpoczęliśmy realizację Twojego zamówienia. Pakujemy je właśnie w magazynie.",
            "PROCESSING",
        ),
        (
            "Zamówienie spakowane",
            "Twoje zamówienie nr 10452 zostało spakowane i czeka na kuriera.",
            "READY_FOR_SHIPMENT",
        ),
    ],
)
async def test_work_on_the_order_becomes_its_status(
    subject: str, text: str, status: str, house: House
) -> None:
    order = house.emulator.add_order()
    await house.send(a_mail(subject, f"Witaj,\n\n{text}\n", to=order.email), order.email)

    stored = await house.settled(order.email)

    assert stored.delivery.disposition is Disposition.STOP
    assert house.order(order).fulfillment == status
    assert "buyer_not_told" in stored.delivery.notes


async def test_a_mere_thank_you_is_stopped_and_sets_nothing(house: House) -> None:
    order = house.emulator.add_order()
    await house.send(
        a_mail(
            "Dziękujemy za złożenie zamówienia",
            "Witaj Jan,\n\npotwierdzamy przyjęcie zamówienia nr 10452. Dziękujemy za zakupy!\n",
            to=order.email,
        ),
        order.email,
    )

    stored = await house.settled(order.email)

    assert (stored.delivery.disposition, stored.jobs) == (Disposition.STOP, ())
    assert house.order(order).fulfillment == "NEW"


async def test_ready_for_pickup_in_the_shop_sets_the_status_and_goes_on(house: House) -> None:
    order = house.emulator.add_order()
    sent = await house.send(
        a_mail(
            "Zamówienie gotowe do odbioru",
            "Twoje zamówienie jest gotowe do odbioru osobistego w naszym sklepie "
            "przy ul. Długiej 4, w godzinach 9-17.\n",
            to=order.email,
        ),
        order.email,
    )

    stored = await house.settled(order.email)

    assert stored.delivery.disposition is Disposition.FORWARD
    assert house.order(order).fulfillment == "READY_FOR_PICKUP"
    assert [caught.content for caught in house.caught_for(order.email)] == [sent]


async def test_a_mail_that_asks_for_money_is_forwarded(house: House) -> None:
    order = house.emulator.add_order()
    await house.send(
        a_mail(
            "Zamówienie oczekuje na płatność",
            "Prosimy o wpłatę 120,00 zł na konto 61 1090 1014 0000 0712 1981 2874. "
            "Po zaksięgowaniu wpłaty rozpoczniemy realizację zamówienia.\n",
            to=order.email,
        ),
        order.email,
    )

    stored = await house.settled(order.email)

    assert stored.delivery.disposition is Disposition.FORWARD
    assert house.order(order).fulfillment == "NEW"
    assert len(house.caught_for(order.email)) == 1


async def test_a_sent_order_gets_its_waybill_and_status(house: House) -> None:
    order = house.emulator.add_order(delivery_method="Kurier DPD")
    await house.send(
        a_mail(
            "Zamówienie zostało wysłane",
            "Dzień dobry,\n\nTwoje zamówienie zostało wysłane kurierem DPD. "
            "Numer przesyłki: 1000713716065U\n",
            to=order.email,
        ),
        order.email,
    )

    stored = await house.settled(order.email)

    assert stored.delivery.disposition is Disposition.STOP
    at_allegro = house.order(order)
    assert [(one.carrier, one.waybill) for one in at_allegro.shipments] == [
        ("DPD", "1000713716065U")
    ]
    assert at_allegro.fulfillment == "SENT"
    assert house.caught_for(order.email) == []


async def test_a_part_of_the_order_sets_no_status_and_goes_on(house: House) -> None:
    order = house.emulator.add_order(delivery_method="Kurier DPD")
    await house.send(
        a_mail(
            "Część zamówienia została wysłana",
            "Dzień dobry,\n\nwysłaliśmy część zamówienia kurierem DPD, numer przesyłki "
            "1000713716065U. Pozostałe produkty wyślemy w osobnej paczce.\n",
            to=order.email,
        ),
        order.email,
    )

    stored = await house.settled(order.email)

    assert stored.delivery.disposition is Disposition.FORWARD
    assert house.order(order).fulfillment != "SENT"
    assert len(house.caught_for(order.email)) == 1


@pytest.mark.parametrize(
    ("carrier", "number", "disposition"),
    [
        ("DPD", "1000713716065U", Disposition.STOP),
        ("Firma Kurierska Strzała", "STRZ-55012", Disposition.FORWARD),
    ],
)
async def test_a_parcel_status_is_stopped_only_for_carriers_that_allegro_tracks(
    carrier: str, number: str, disposition: Disposition, house: House
) -> None:
    order = house.emulator.add_order()
    await house.send(
        a_mail(
            "Twoja paczka jest w doręczeniu",
            f"Paczka {number} jest dziś w doręczeniu. Przewoźnik: {carrier}. "
            "Kurier doręczy ją do godziny 16.\n",
            to=order.email,
        ),
        order.email,
    )

    stored = await house.settled(order.email)

    assert stored.delivery.kind == "parcel_status"
    assert stored.delivery.disposition is disposition


async def test_a_request_for_a_rating_is_stopped(house: House) -> None:
    order = house.emulator.add_order()
    await house.send(
        a_mail(
            "Oceń nas!",
            "Cześć,\n\njak podobają Ci się zakupy? Wystaw nam opinię na Allegro, to dla nas "
            "bardzo ważne.\n",
            to=order.email,
        ),
        order.email,
    )

    stored = await house.settled(order.email)

    assert (stored.delivery.kind, stored.delivery.disposition) == (
        "rating_request",
        Disposition.STOP,
    )


async def test_a_newsletter_is_forwarded(house: House) -> None:
    order = house.emulator.add_order()
    sent = await house.send(
        a_mail(
            "Zmiana hasła do konta",
            "Otrzymaliśmy prośbę o zmianę hasła do Twojego konta w sklepie. Kliknij, aby "
            "ustawić nowe: https://lampiony.example/haslo/8d7f\n",
            to=order.email,
        ),
        order.email,
    )

    stored = await house.settled(order.email)

    assert stored.delivery.disposition is Disposition.FORWARD
    assert [caught.content for caught in house.caught_for(order.email)] == [sent]


async def test_sent_and_invoice_in_one_mail_run_both_actions_before_it_is_stopped(
    house: House,
) -> None:
    order = house.emulator.add_order(delivery_method="Kurier DPD", total="123.00")
    pdf = an_invoice("FV 7/11/2026", order)
    await house.send(
        a_mail(
            "Zamówienie wysłane, faktura w załączniku",
            "Dzień dobry,\n\nTwoje zamówienie zostało wysłane kurierem DPD, numer przesyłki "
            "1000713716065U. W załączniku faktura FV 7/11/2026.\n",
            to=order.email,
            files=(("FV_7_11_2026.pdf", pdf),),
        ),
        order.email,
    )

    stored = await house.settled(order.email)

    assert stored.delivery.disposition is Disposition.STOP
    at_allegro = house.order(order)
    assert [one.content for one in house.emulator.documents(order.id)] == [pdf]
    assert [one.waybill for one in at_allegro.shipments] == ["1000713716065U"]
    assert at_allegro.fulfillment == "SENT"


async def test_an_invoice_beside_something_only_the_mail_says_is_filed_and_forwarded(
    house: House,
) -> None:
    order = house.emulator.add_order(total="123.00")
    pdf = an_invoice("FV 8/11/2026", order)
    sent = await house.send(
        a_mail(
            "Faktura i kod aktywacyjny",
            "Dzień dobry,\n\nw załączniku faktura FV 8/11/2026. Klucz licencyjny: "
            "X7KQ-99PL-22MN-40AB, wpisz go po instalacji programu.\n",
            to=order.email,
            files=(("FV_8_11_2026.pdf", pdf),),
        ),
        order.email,
    )

    stored = await house.settled(order.email)

    assert stored.delivery.disposition is Disposition.FORWARD
    assert [one.content for one in house.emulator.documents(order.id)] == [pdf]
    assert [caught.content for caught in house.caught_for(order.email)] == [sent]


async def test_recipients_of_one_mail_are_judged_each_by_itself(house: House) -> None:
    one = house.emulator.add_order()
    other = house.emulator.add_order()
    mail = a_mail(
        "Otrzymaliśmy Twoją płatność",
        "Płatność za zamówienie została zaksięgowana. Dziękujemy.\n",
        to=one.email,
    )
    sent = as_sent(mail)
    await house.send(sent, one.email, other.email, "archiwum@lampiony.example")

    await house.settled(one.email, other.email, "archiwum@lampiony.example")

    assert [caught.content for caught in house.smarthost.messages] == [sent]
    assert house.smarthost.messages[0].recipients == ("archiwum@lampiony.example",)
