"""References: what a mail carries, links and names; never what it merely talks about."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awizo.errors import RuleError
from awizo.model import DocumentFacts, DocumentKind, Kind, Link, OrderReference, ParsedMessage
from awizo.triage.invoice_numbers import bare_numbers, normalised_number, number_in_name, numbers_in
from awizo.triage.references import compile_hosts, find_references
from awizo.triage.words import clean, plain
from support.books import CARRIERS, HOSTS

INVOICE, RECEIPT = Kind.INVOICE_LINK, Kind.RECEIPT_LINK
ORDER = "88b02cf8-0bf5-11f0-97d2-9ef45025f5e7"  # version 1, as Allegro's
RANDOM = "ab8868f6-8627-440c-a355-55639a779554"  # version 4, as everybody's
INVOICE_LINK = ("https://x.fakturownia.pl/invoice/VXFDejZ5o7bhAqAVpvBnp", "Otwórz")


def a_mail(
    text: str = "", *, subject: str = "", links: Sequence[tuple[str, str]] = (), quoted: str = "",
    headers: tuple[tuple[str, str], ...] = (), nested: tuple[ParsedMessage, ...] = (),
) -> ParsedMessage:  # fmt: skip
    return ParsedMessage(
        subject=subject,
        text=f"{text}\n{quoted}",
        new_text=text,
        quoted_text=quoted,
        links=tuple(Link(url, label) for url, label in links),
        headers=headers,
        nested=nested,
    )


def an_invoice(number: str | None, *, read: bool = True, **fields: object) -> DocumentFacts:
    values = {"kind": DocumentKind.INVOICE, "part": "2", "name": "FV.pdf"} | fields
    return DocumentFacts(number=number, text_sha256=str(number) if read else "", **values)  # type: ignore[arg-type]


# --- document links -------------------------------------------------------------------------

LINKS: list[tuple[str, str, str, Kind | None]] = [
    ("Pobierz fakturę", "https://sklep.pl/", "Pobierz fakturę", None),
    (
        "Fakturę pobierzesz w historii zamówień",
        "https://sklep.pl/historia-zamowien",
        "historii zamówień",
        None,
    ),
    (
        "Fakturę pobierzesz tutaj: Pobierz fakturę",
        "https://sklep.pl/dokumenty/8a7d6f5e4c",
        "Pobierz fakturę",
        INVOICE,
    ),
    ("Zobacz fakturę", "https://app.infakt.pl/faktura/abc123DEF", "Zobacz fakturę", INVOICE),
    (
        "Paragon do zamówienia",
        "https://mojsklep.fakturownia.pl/invoice/VXFDejZ5o7bhAqAVpvBnp",
        "Paragon nr 12/2026",
        RECEIPT,
    ),
    (
        "Proforma",
        "https://mojsklep.fakturownia.pl/invoice/VXFDejZ5o7bhAqAVpvBnp",
        "Otwórz proformę",
        None,
    ),
    (
        "Przesyłamy proformę: https://mojsklep.fakturownia.pl/invoice/VXFDejZ5o7bhAqAVpvBnp",
        "https://mojsklep.fakturownia.pl/invoice/VXFDejZ5o7bhAqAVpvBnp",
        "",
        None,
    ),
    (
        "Regulamin: jak otrzymać fakturę",
        "https://sklep.pl/jak-otrzymac-fakture-vat",
        "jak otrzymać fakturę",
        None,
    ),
    (
        "Vaši fakturu najdete zde: https://app.fakturoid.cz/p/abcdef/invoices/1234",
        "https://app.fakturoid.cz/p/abcdef/invoices/1234",
        "",
        INVOICE,
    ),
    ("Účtenku si stáhnete zde", "https://eshop.cz/uctenka/98f7a6", "zde", RECEIPT),
    (
        "Az e-számla itt érhető el: Számla megnyitása",
        "https://www.szamlazz.hu/szamla/pdf?x=ABC123",
        "Számla megnyitása",
        INVOICE,
    ),
    ("Számla letöltése", "https://bolt.hu/dok/8f7e6d5c", "Számla letöltése", INVOICE),
    ("Nyugta", "https://bolt.hu/d/8f7e6d5c", "Nyugta letöltése", RECEIPT),
    (
        "Rechnung herunterladen",
        "https://shop.de/rechnung/RE-2026-0091.pdf",
        "Rechnung herunterladen",
        INVOICE,
    ),
    ("Kassenbon ansehen", "https://bon.shop.de/v/9sd8f7sd98f7", "Kassenbon ansehen", RECEIPT),
    (
        "Чек за покупку: https://check.checkbox.ua/6f1c3c7e-1111-4222-8333-444455556666",
        "https://check.checkbox.ua/6f1c3c7e-1111-4222-8333-444455556666",
        "",
        RECEIPT,
    ),
    (
        "Відкрити рахунок-фактуру",
        "https://shop.ua/invoice/123456",
        "Відкрити рахунок-фактуру",
        INVOICE,
    ),
    ("Your invoice", "https://invoice.stripe.com/i/acct_1abc/live_xyz", "View invoice", INVOICE),
    ("Your receipt", "https://pay.stripe.com/receipts/acct_1/ch_2/rcpt_3", "View receipt", RECEIPT),
    (
        "View your invoice",
        "https://ninja.firma.pl/client/invoice/abc123def456",
        "View Invoice",
        INVOICE,
    ),
    ("View quote", "https://ninja.firma.pl/client/quote/abc123def456", "View Quote", None),
    (
        "Faktura",
        "https://orders-e.baselinker.com/587783771/0fapenq8d8/invoice/",
        "Faktura",
        INVOICE,
    ),
    (
        "Zamówienie",
        "https://orders-e.baselinker.com/587783771/0fapenq8d8/",
        "Zobacz zamówienie",
        None,
    ),
    (
        "Śledź paczkę",
        "https://inpost.pl/sledzenie-przesylek?number=638045236705746863150614",
        "Śledź",
        None,
    ),
    ("Oceń zakup i fakturę", "https://opinie.pl/ankieta/12345", "Oceń", None),
    ("wypisz", "https://news.pl/wypisz/12345?faktura=1", "Wypisz się", None),
    ("E-paragon", "https://eparagony.pl/", "eparagony.pl", None),
    ("E-paragon", "https://hub.eparagony.pl/p/xYz12345", "Pobierz e-paragon", RECEIPT),
    ("Zapłać fakturę online", "https://pay.firma.pl/p/abc123", "Zapłać", None),
    (
        "Faktúra je dostupná tu",
        "https://moja.superfaktura.sk/slovensko/invoices/view/98765",
        "tu",
        INVOICE,
    ),
    (
        "Faktúru nájdete na https://firma.sk/dokumenty/f98a7b6c5d",
        "https://firma.sk/dokumenty/f98a7b6c5d",
        "",
        INVOICE,
    ),
    (
        "Click",
        "https://u123.ct.sendgrid.net/ls/click?upn=AbC123",
        "Pobierz fakturę FV 12/2026",
        INVOICE,
    ),
    ("Click", "https://u123.ct.sendgrid.net/ls/click?upn=AbC123", "Śledź przesyłkę", None),
    (
        "faktury wystawiamy na życzenie. Więcej: https://sklep.pl/faq/12-faktury",
        "https://sklep.pl/faq/12-faktury",
        "",
        None,
    ),
    ("Sklep", "https://sklep.pl/kontakt?id=12", "faktury@sklep.pl", None),
    (
        "Mój sklep",
        "https://sklep.pl/produkt/12345-segregator-na-faktury",
        "Segregator na faktury",
        None,
    ),
    (
        "Dokument sprzedaży dostępny pod linkiem: https://sklep.pl/d/a8f7e6d5",
        "https://sklep.pl/d/a8f7e6d5",
        "",
        INVOICE,
    ),
    (
        "Faktura zostanie wystawiona po wysyłce. Status zamówienia: "
        "https://sklep.pl/zamowienie/12345",
        "https://sklep.pl/zamowienie/12345",
        "",
        None,
    ),
    (
        "Stáhnout daňový doklad",
        "https://eshop.cz/doklad/2026000123/stahnout",
        "Stáhnout daňový doklad",
        INVOICE,
    ),
    ("Odstúpenie a faktúra v účte", "https://shop.sk/ucet/faktury", "Môj účet", None),
    (
        "Pokladničný doklad eKasa nájdete na https://ekasa.firma.sk/doklad/9f8e7d6c5b",
        "https://ekasa.firma.sk/doklad/9f8e7d6c5b",
        "",
        RECEIPT,
    ),
    (
        "portál",
        "https://erp.firma.pl/my/invoices/475?access_token=ab88-1",
        "Zobacz fakturę",
        INVOICE,
    ),
    ("portál", "https://erp.firma.pl/my/orders/475?access_token=ab88-1", "Zobacz zamówienie", None),
    (
        "Korekta faktury: pobierz",
        "https://x.wfirma.pl/invoices/download/123abc",
        "pobierz",
        INVOICE,
    ),
    ("faktura", "https://sklep.pl/img/faktura.png?id=1", "", None),
    (
        "Na Twoje życzenie wystawiliśmy fakturę. Możesz ją wydrukować lub zapisać: "
        "https://sklep.pl/panel/dokumenty/F-1092-2026/tok-81cc",
        "https://sklep.pl/panel/dokumenty/F-1092-2026/tok-81cc",
        "",
        INVOICE,
    ),
    (
        "Die Rechnung rufen Sie bitte hier ab:",
        "https://software.de/mein-konto/rechnung/88193/?order_key=wc_order_KAfVhxrVX2HBNE",
        "Rechnung herunterladen",
        INVOICE,
    ),
    ("Dein Beleg", "https://bon.pfote.de/r/JFRfGbHkhPXW5z", "Bon anzeigen", RECEIPT),
    ("a blokk itt van", "https://bolt.hu/b.php?r=8b99ef1e17dd", "blokk megnyitása", RECEIPT),
    ("Certificate of amber", "https://amber.gifts/cert/77120", "", None),
]


@pytest.mark.parametrize(
    ("text", "url", "label", "kind"), LINKS, ids=[case[1][:70] for case in LINKS]
)
def test_links_to_documents_are_told_from_other_links(
    text: str, url: str, label: str, kind: Kind | None
) -> None:
    found = find_references(a_mail(text, links=[(url, label)]), (), HOSTS, CARRIERS)

    assert [(link.url, link.kind) for link in found.document_links] == (
        [(url, kind)] if kind else []
    )


def test_a_link_in_text_and_html_counts_once() -> None:
    mail = a_mail("Faktura: " + INVOICE_LINK[0], links=[INVOICE_LINK, (INVOICE_LINK[0], "")])

    assert len(find_references(mail, (), HOSTS, CARRIERS).document_links) == 1


def test_a_link_of_quoted_text_is_not_the_mails_own() -> None:
    mail = a_mail("Już wyjaśniam.", quoted="> Faktura: " + INVOICE_LINK[0], links=[INVOICE_LINK])

    assert find_references(mail, (), HOSTS, CARRIERS).document_links == ()


def test_a_shop_may_add_a_document_host() -> None:
    url = "https://dok.mojsklep.pl/x/abc"
    hosts = compile_hosts("", extra=["mojsklep.pl"])

    found = find_references(a_mail("x", links=[(url, "tu")]), (), hosts, CARRIERS)

    assert [link.url for link in found.document_links] == [url]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[host]]\nhost = "a.pl"\nkind = "bill"', "a.pl: kind"),
        ('[[host]]\nhost = "a.pl"\nkind = "invoice"\npath = "("', "a.pl"),
        ('[[host]]\nhost = "a.pl"\nkind = "invoice"\ncolor = 1', "color"),
        ("[[host", "hosts.toml"),
    ],
)
def test_a_wrong_list_of_hosts_is_refused_with_its_words(text: str, words: str) -> None:
    with pytest.raises(RuleError, match=words):
        compile_hosts(text)


# --- numbers of documents ---------------------------------------------------------------------

NUMBERS: list[tuple[str, list[str], str]] = [
    ("Faktura nr FV 12/11/2026 jest gotowa.", ["FV 12/11/2026"], "Faktura FV 12/11/2026"),
    ("Korekta KFS 3/2026 do faktury FS 12/2026 jest tu:", ["KFS 3/2026"], ""),
    ("Link do faktury FV 12/2026:", ["FV 12/2026"], ""),
    ("Faktura za zamówienie 12345 z dnia 12.10.2026", [], ""),
    ("Dokument", ["FS 64/M2/10/2026"], "FS 64/M2/10/2026"),
    ("Vystavili jsme Vám fakturu č. 2026000123.", ["2026000123"], ""),
    ("Faktúra č. 20260045 je pripravená", ["20260045"], ""),
    ("A(z) E-ABC-2026-12 számú számlája elkészült.", ["E-ABC-2026-12"], ""),
    ("Számlaszám: E-ABC-2026-12", ["E-ABC-2026-12"], ""),
    ("Elkészült a számla (sorszám: 2026/00123).", ["2026/00123"], ""),
    ("Ihre Rechnung Nr. 10234 vom 12.10.2026", ["10234"], ""),
    ("Ihre Rechnungsnummer lautet RE-10234", ["RE-10234"], ""),
    ("Your invoice #10234 is ready", ["10234"], ""),
    ("Invoice no. INV/2026/00001", ["INV/2026/00001"], "Firma Invoice (Ref INV/2026/00001)"),
    ("Ваш рахунок-фактура № FV 12/2026 готовий", ["FV 12/2026"], ""),
    ("Рахунок FA/12/2026 доступний за посиланням", ["FA/12/2026"], ""),
    ("Faktura VAT nr 12/2026/MAG", ["12/2026/MAG"], ""),
    ("Faktura numer: F/000123/26", ["F/000123/26"], ""),
    ("Dobropis č. 2026-7 k faktuře č. 2026-551", ["2026-7"], ""),
    ("Rechnungskorrektur (Gutschrift) GS-2026-19", ["GS-2026-19"], ""),
    ("Gutschrift GS-2026-4 zu Rechnung RE-2026-91", ["GS-2026-4"], ""),
    ("Credit note RINV/2026/2 for invoice INV/2026/1", ["RINV/2026/2"], ""),
    ("Sztornó számla: E-ABC-2026-15 (eredeti számla: E-ABC-2026-12)", ["E-ABC-2026-15"], ""),
    ("Paragon nr 1234/2026", [], "the till's own count"),
    ("Itt éred el a számládat a székről (HH-2026-00415):", ["HH-2026-00415"], ""),
    ("Wystawiliśmy fakturę. Numer: BP/118/26.", ["BP/118/26"], ""),
    ("Fakturę wystawiono. Zamówienie nr 12/34/56", [], ""),
    ("Tax document 226001877", ["226001877"], ""),
    ("Faktura FV 12/2026 za zamówienie nr 98765, kwota 123.00 zł", ["FV 12/2026"], ""),
    ("Faktury FV 1/2026 i FV 2/2026 są gotowe", ["FV 1/2026"], ""),
    ("e-faktura A-123/11/26", ["A-123/11/26"], ""),
    ("Faktura zaliczkowa ZAL 3/2026, faktura końcowa FV 9/2026", ["ZAL 3/2026"], ""),
    ("faktura nr 2026/11/0045", ["2026/11/0045"], ""),
    ("Załączamy fakturę VAT nr: 0045/11/2026.", ["0045/11/2026"], ""),
    ("W załączeniu FA/2026/11/123", ["FA/2026/11/123"], ""),
]


@pytest.mark.parametrize(("text", "numbers", "subject"), NUMBERS, ids=[c[0][:50] for c in NUMBERS])
def test_numbers_of_linked_documents_are_read_from_the_words(
    text: str, numbers: list[str], subject: str
) -> None:
    mail = a_mail(text, subject=subject, links=[INVOICE_LINK])

    assert list(find_references(mail, (), HOSTS, CARRIERS).invoice_numbers) == numbers


@pytest.mark.parametrize(
    ("text", "facts", "numbers"),
    [
        ("Faktura FV 12/2026 w załączniku", [an_invoice("FV/12/2026")], ["FV/12/2026"]),
        (
            "Faktury FV 12/2026 oraz FV 13/2026, poprzednia faktura FV 11/2026",
            [an_invoice("FV/12/2026"), an_invoice("FV/13/2026")],
            ["FV/12/2026", "FV/13/2026"],
        ),
        ("Faktura FV/13/2026", [an_invoice("FV 13/2026", read=False)], ["FV/13/2026"]),
        ("W załączniku faktura.", [an_invoice("FV 13/2026", read=False)], ["FV 13/2026"]),
        (
            "Korekta KOR/3/2026 do FV 12/2026",
            [an_invoice("KOR/3/2026", kind=DocumentKind.CORRECTION, refers_to="FV 12/2026")],
            ["KOR/3/2026"],
        ),
        ("Faktura FV 1/2026 zostanie wystawiona jutro.", [], []),
        ("Paragon", [an_invoice("W1180", kind=DocumentKind.RECEIPT)], ["W1180"]),
    ],
)
def test_numbers_of_attached_documents_are_the_printed_ones(
    text: str, facts: list[DocumentFacts], numbers: list[str]
) -> None:
    found = find_references(a_mail(text), facts, HOSTS, CARRIERS)

    assert list(found.invoice_numbers) == numbers


def test_an_order_that_only_the_quoted_mail_names_is_the_one() -> None:
    uuid, other = "b3254545-6b46-11f1-b25e-fada54d70e6f", "4785ff9c-bc15-11f1-bc45-39c9ea087fde"
    quoted = f"> Objednávku {uuid} mi mali doručiť v piatok!"

    alone = find_references(a_mail("Preverím to.", quoted=quoted), (), HOSTS, CARRIERS)
    beside = find_references(a_mail(f"Objednávka {other}", quoted=quoted), (), HOSTS, CARRIERS)

    assert [one.order_id for one in alone.order_ids] == [uuid]
    assert [one.order_id for one in beside.order_ids] == [other]


@pytest.mark.parametrize(
    ("url", "label", "is_order"),
    [
        ("https://allegro.pl/moje/ocen?orderId={}", "Oceń zakupy", True),
        ("https://sklep.example/zamowienie?order_token={}", "Zamówienie", False),
        ("https://sklep.example/zamowienia/{}", "Wypisz fakturę", True),
        ("https://sklep.example/zamowienia/{}", "Zrezygnuj z zamówienia", True),
        ("https://mail.example/u/{}", "Zrezygnuj z ankiet", False),
        ("https://ankiety.example/s/{}", "Zrezygnuj z ankiet", False),
    ],
)
def test_a_link_names_an_order_by_its_key(url: str, label: str, is_order: bool) -> None:
    uuid = "10702755-4686-11f1-ac4e-e8890d0a70bd"

    found = find_references(a_mail(label, links=[(url.format(uuid), label)]), (), HOSTS, CARRIERS)

    assert bool(found.order_ids) is is_order


def test_a_number_in_quoted_text_does_not_count() -> None:
    mail = a_mail(
        "Dziękuję.", quoted="> Faktura FV 12/2026", links=[("https://x.pl/faktura/1", "Faktura")]
    )

    assert find_references(mail, (), HOSTS, CARRIERS).invoice_numbers == ()


@pytest.mark.parametrize(
    "other", ["FV_12_11_2026", "FV-12-11-2026", "fv 12/11/2026", "FV12/11/2026"]
)
def test_spellings_of_one_number_are_one(other: str) -> None:
    assert normalised_number(other) == normalised_number("FV 12/11/2026")


def test_different_numbers_stay_different() -> None:
    keys = {normalised_number(n) for n in ("FV 1/2/2026", "FV 12/2026", "FV 1/22026", "FS 12/2026")}

    assert len(keys) == 4


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("FV_12_11_2026.pdf", "FV 12/11/2026"),
        ("faktura_2026-551.pdf", "2026-551"),
        ("FA000871.pdf", "FA000871"),
        ("INV_2026_00001.pdf", "INV/2026/00001"),
        ("d41d8cd98f00b204e9800998ecf8427e.pdf", None),
        ("skan001.pdf", None),
        ("regulamin_sklepu.pdf", None),
        ("2026-11-20.pdf", None),
    ],
)
def test_a_number_is_read_from_a_file_name(name: str, number: str | None) -> None:
    assert number_in_name(name) == number


# --- order ids ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mail", "where"),
    [
        (a_mail(f"Zamówienie {ORDER} wysłane."), "body"),
        (a_mail(f"Numer: {ORDER.upper()}"), "body"),
        (a_mail(subject=f"Zamówienie {ORDER}"), "subject"),
        (a_mail(headers=(("x-shop-order", ORDER),)), "header"),
        (a_mail(links=[(f"https://sklep.pl/zamowienie/{ORDER}", "")]), "link"),
        (a_mail(links=[(f"https://sklep.pl/z?order={ORDER}", "")]), "link"),
        (a_mail(nested=(a_mail(f"Zamówienie {ORDER}"),)), "nested"),
    ],
)
def test_an_order_id_is_found_wherever_it_stands(mail: ParsedMessage, where: str) -> None:
    found = find_references(mail, (), HOSTS, CARRIERS)

    assert found.order_ids == (OrderReference(ORDER, where),)


@pytest.mark.parametrize(
    "mail",
    [
        a_mail(headers=(("message-id", f"<{ORDER}@sklep.pl>"),)),
        a_mail(headers=(("x-mailer-message-token", ORDER),)),
        a_mail(headers=(("content-type", f"multipart/mixed; boundary={ORDER}"),)),
        a_mail(links=[(f"https://sklep.pl/unsubscribe/{ORDER}", "")]),
        a_mail(links=[(f"https://sklep.pl/o?access_token={ORDER}", "")]),
        a_mail(links=[(f"https://sklep.pl/my/invoices/4?access_token={RANDOM}", "")]),
        a_mail(f"Token sesji: {ORDER}"),
        a_mail(f"Identyfikator płatności: {ORDER}"),
        a_mail(f"Identyfikator: {RANDOM}"),
    ],
)
def test_other_peoples_uuids_are_no_order_ids(mail: ParsedMessage) -> None:
    assert find_references(mail, (), HOSTS, CARRIERS).order_ids == ()


def test_a_random_uuid_is_an_order_id_only_where_an_order_is_named() -> None:
    found = find_references(a_mail(f"Order {RANDOM} shipped"), (), HOSTS, CARRIERS)

    assert [one.order_id for one in found.order_ids] == [RANDOM]


# --- the rest -----------------------------------------------------------------------------------


def test_names_and_amounts_are_kept_for_tie_breaking() -> None:
    mail = a_mail("Dzień dobry Anna,\nkwota 1 234,50 zł i EUR 12,00.")

    found = find_references(mail, (), HOSTS, CARRIERS)

    assert found.names == ("Anna",)
    assert [str(amount) for amount in found.amounts] == ["1234.50", "12.00"]


@given(st.text(max_size=400))
def test_the_plain_form_is_as_long_as_the_clean_one(text: str) -> None:
    assert len(plain(clean(text))) == len(clean(text))


@given(st.text(max_size=500), st.text(max_size=60), st.lists(st.text(max_size=60), max_size=3))
def test_any_mail_gives_references_twice_the_same(text: str, subject: str, urls: list[str]) -> None:
    mail = a_mail(text, subject=subject, links=[("http://" + url, url) for url in urls])

    assert find_references(mail, (), HOSTS, CARRIERS) == find_references(mail, (), HOSTS, CARRIERS)


@given(st.text(alphabet="FVKRE0123456789/-_ .", min_size=1, max_size=30))
def test_normalising_twice_changes_nothing(number: str) -> None:
    once = normalised_number(number)

    assert normalised_number(once) == once


def test_a_long_hostile_text_is_read_in_bounded_time() -> None:
    for piece in ("faktura nr ", "1 2 3 4 5 6 ", "AAAA-", "0" * 50 + " ", "paczka ", "12/34/56/"):
        mail = a_mail(piece * (200_000 // len(piece)))
        started = time.process_time()
        find_references(mail, (), HOSTS, CARRIERS)
        assert time.process_time() - started < 2


def test_a_typical_mail_is_read_fast() -> None:
    text = (
        "Dzień dobry Anna,\nzamówienie 12345 wysłaliśmy kurierem DPD.\n" + "Lampa 12,00 zł\n" * 20
    )
    mail = a_mail(text + "Numer przesyłki: 0000797406976U", links=[INVOICE_LINK] * 3)
    times = []
    for _ in range(50):
        started = time.process_time()
        find_references(mail, (), HOSTS, CARRIERS)
        times.append(time.process_time() - started)

    # 0.7 ms on an idle core; a shared machine gets four times that.
    assert statistics.median(times) < 0.0028


def test_a_phone_behind_a_word_for_a_document_is_no_number_of_it() -> None:
    assert numbers_in("W razie pytań o fakturę: 123 456 789") == []
    assert [found.number for found in numbers_in("Faktura nr 123/456")] == ["123/456"]


def test_an_advance_invoice_is_known_by_its_prefix() -> None:
    found = bare_numbers("FZAL 31/2026 do zamówienia")

    assert [one.number for one in found] == ["FZAL 31/2026"]
