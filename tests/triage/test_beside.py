"""What stands beside something stronger: labels in sentences, parcels beside documents, codes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from awizo.model import DocumentFacts, DocumentKind, FulfillmentStatus, Kind, ParsedMessage, Verdict
from awizo.triage.judge import Book, judge
from awizo.triage.parse import parse
from support.books import CARRIERS, HOSTS, WORDS
from support.language_rules import all_rules, told

INVOICE = DocumentFacts(
    part="2", name="FV 12_2026.pdf", kind=DocumentKind.INVOICE, number="FV 12/2026",
    text_sha256="x", confidence=0.97,
)  # fmt: skip


def a_mail(subject: str, body: str, *, html: bool = False) -> ParsedMessage:
    kind = "html" if html else "plain"
    head = (
        "From: Sklep <sklep@example.com>\r\nTo: abcdefghij+123456789@allegromail.pl\r\n"
        f"Subject: {subject}\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n"
    )
    return parse((head + body).encode())


def verdict_on(message: ParsedMessage, *facts: DocumentFacts) -> Verdict:
    return judge(message, facts, Book(all_rules(), WORDS, HOSTS, CARRIERS)).verdict


def test_a_links_label_is_part_of_its_sentence_and_no_second_witness() -> None:
    text = "Kurier DPD oddał paczkę o godz. 16:58. Jeśli lampa świeci, {}."
    plain = verdict_on(a_mail("Doręczono", text.format("zostaw opinię")))
    link = '<a href="https://example.com/opinia/1">zostaw opinię</a>'
    linked = verdict_on(a_mail("Doręczono", f"<p>{text.format(link)}</p>", html=True))

    assert plain.kind is linked.kind is Kind.PARCEL_STATUS
    assert linked.fulfillment_status is FulfillmentStatus.PICKED_UP


def test_a_parcels_number_beside_a_document_tells_that_it_was_sent() -> None:
    message = a_mail("Faktura", "W załączniku faktura FV 12/2026. Paczka DPD 0000123456789U.")

    verdict = verdict_on(message, INVOICE)

    assert verdict.kinds == (Kind.INVOICE, Kind.ORDER_SENT)
    assert verdict.fulfillment_status is FulfillmentStatus.SENT


def test_the_parcel_beside_a_correction_may_be_the_one_that_came_back() -> None:
    message = a_mail(
        "Korekta", "W załączniku faktura korygująca do zwrotu. Paczka DPD 0000123456789U."
    )

    verdict = verdict_on(message, replace(INVOICE, kind=DocumentKind.CORRECTION))

    assert verdict.kinds == (Kind.INVOICE,)
    assert verdict.fulfillment_status is None


def test_a_subject_alone_sets_no_status_beside_a_document() -> None:
    message = a_mail("Zamówienie zrealizowane – dokumenty", "W załączniku faktura FV 12/2026.")

    verdict = verdict_on(message, INVOICE)

    assert verdict.kinds == (Kind.INVOICE,)
    assert verdict.fulfillment_status is None


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Wysłano", "Zamówienie wysłane. Zaloguj się, aby zobaczyć nowości. DPD 0000123456789U."),
        ("Odesláno", "Objednávka byla odeslána. Přihlášením získáte slevu. GLS 92100448171."),
    ],
)
def test_a_mail_with_a_parcels_number_is_no_advertising(subject: str, body: str) -> None:
    assert told(subject, body).kind == "order_sent"


def test_a_licence_key_in_a_template_is_the_goods_themselves() -> None:
    outcome = told("Dzięki za zakup!", "Twój kod do aktywacji gry:\n\n7HQ2M-K9TVX-4DNPW\n")

    assert outcome.kind == "fulfilment_correspondence"
    assert outcome.ends == "forward"


def test_a_shop_called_hub_is_no_sorting_centre() -> None:
    outcome = told("Leather Hub: order received", "Leather Hub has received your order 71.")

    assert outcome.kind == "order_processing"


def test_a_damaged_parcel_that_came_back_is_no_advice_for_the_delivery() -> None:
    outcome = told("Poškozený balík", "Poškozený balík nám kurýr vrátil, chystáme nový kus.")

    assert outcome.kind == "fulfilment_correspondence"
    assert "defect_or_problem" in outcome.verdict.flags
