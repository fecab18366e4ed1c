"""What a document is, is told by its words; names and mails only where there are none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awizo.documents.facts import judge_text
from awizo.model import DocumentKind as K

PL = [
    "Sprzedawca: Firma Jan Nowak",
    "NIP: 6793112850",
    "Nabywca: Anna Kowalska",
    "Lp. Nazwa Ilość Cena netto VAT Wartość",
    "1 Lampa 1 szt. 100,00 23% 123,00",
    "Razem do zapłaty: 123,00 PLN",
]
CZ = [
    "Dodavatel: Firma s.r.o.",
    "IČO: 27074358",
    "DIČ: CZ27074358",
    "Odběratel: Jana Nováková",
    "Datum vystavení: 12.10.2026",
    "Lampa 1 ks 1 000,00 DPH 21% 1 210,00",
    "Celkem k úhradě: 1 210,00 Kč",
]
SK = [
    "Dodávateľ: Firma s.r.o.",
    "IČO: 31333532",
    "IČ DPH: SK2020317068",
    "Odberateľ: Jana Nováková",
    "Dátum vystavenia: 12.10.2026",
    "Lampa 1 ks 100,00 20% 120,00",
    "Spolu na úhradu: 120,00 €",
]
HU = [
    "Eladó: Cég Kft.",
    "Adószám: 12345676-2-42",
    "Vevő: Kovács Éva",
    "Teljesítés dátuma: 2026.10.12",
    "Lámpa 1 db 10 000 27% 12 700",
    "Fizetendő összesen: 12 700 Ft",
]
DE = [
    "Verkäufer: Firma GmbH",
    "USt-IdNr.: DE136695976",
    "Kunde: Klaus Schröder",
    "Rechnungsdatum: 12.10.2026",
    "Lampe 1 Stk 100,00 19% 119,00",
    "Gesamtbetrag: 119,00 €",
]
EN = [
    "Seller: Company Ltd",
    "VAT number: GB123456789",
    "Bill to: James Smith",
    "Date of issue: 12/10/2026",
    "Lamp 1 100.00 20% 120.00",
    "Total: 120.00 EUR",
]
UK = [
    "Продавець: Фірма",
    "ІПН: 1234567890",
    "Покупець: Олена Гриценко",
    "Дата виставлення: 12.10.2026",
    "Лампа 1 шт 100,00 ПДВ 20% 120,00",
    "Всього до сплати: 120,00 грн",
]


def expect(
    lines: list[str],
    kind: K,
    number: str | None = None,
    *,
    name: str = "dokument.pdf",
    refers: str | None = None,
    sure: float = 0.85,
) -> tuple[list[str], K, str | None, str, str | None, float]:
    return lines, kind, number, name, refers, sure


DOCUMENTS = [
    expect(["FAKTURA VAT nr FV 12/11/2026", *PL], K.INVOICE, "FV 12/11/2026"),
    expect(["Faktura końcowa FK/12/2026", *PL], K.INVOICE, "FK/12/2026"),
    expect(["Faktura zaliczkowa nr ZAL/3/2026", *PL], K.INVOICE, "ZAL/3/2026"),
    expect(
        ["Faktura marża 12/2026", "procedura marży - towary używane", *PL], K.INVOICE, "12/2026"
    ),
    expect(["Faktura uproszczona nr 12/2026", *PL], K.INVOICE),
    expect(["Rachunek nr 5/11/2026", *PL[:1], *PL[2:]], K.INVOICE, "5/11/2026"),
    expect(["DUPLIKAT", "Faktura VAT nr 12/2026", *PL], K.INVOICE, "12/2026"),
    expect(["Oryginał", "Faktura nr 12/2026", "Zamówienie: 123456", *PL], K.INVOICE, "12/2026"),
    expect(
        ["Lampy Nowak FAKTURA VAT FS 12/MAG/11/2026", "Miejsce wystawienia: Kraków", *PL],
        K.INVOICE,
        "FS 12/MAG/11/2026",
    ),
    expect(
        [
            "Faktura VAT korygująca nr KFS 3/2026",
            "do faktury nr FS 12/2026 z dnia 2026-10-01",
            "Przyczyna korekty: zwrot",
            *PL,
        ],
        K.CORRECTION,
        "KFS 3/2026",
        refers="FS 12/2026",
    ),
    expect(
        ["FAKTURA KORYGUJĄCA", "KOR/3/2026", "Dotyczy faktury: FV 12/2026", *PL],
        K.CORRECTION,
        "KOR/3/2026",
        refers="FV 12/2026",
    ),
    expect(
        ["Korekta faktury VAT nr FK 3/2026", "Faktura korygowana: FV 12/2026", *PL],
        K.CORRECTION,
        refers="FV 12/2026",
    ),
    expect(["FAKTURA PRO FORMA nr 7/10/2026", *PL], K.PROFORMA, name="faktura_7_10_2026.pdf"),
    expect(["Faktura proforma PF/7/2026", *PL], K.PROFORMA, name="faktura.pdf"),
    expect(
        ["Pro forma", "Nr 12/2026", *PL, "Dokument nie jest fakturą VAT"],
        K.PROFORMA,
        name="FV_12.pdf",
    ),
    expect(["PARAGON FISKALNY", "nr wydr. 123456", *PL], K.RECEIPT),
    expect(["e-Paragon nr 1234/2026", *PL], K.RECEIPT, "1234/2026"),
    expect(["Oferta handlowa nr 12/2026", *PL], K.OFFER),
    expect(["Potwierdzenie zamówienia nr 12345", *PL], K.ORDER_CONFIRMATION),
    expect(["Zamówienie ZK 12/MAG/11/2026", *PL], K.ORDER_CONFIRMATION),
    expect(
        ["Potwierdzenie płatności", "Kwota: 123,00 PLN", "Tytuł: Faktura FV 12/2026"],
        K.PAYMENT_RECEIPT,
    ),
    expect(
        ["KP - dowód wpłaty 12/2026", "Kasa przyjmie", "Kwota 123,00 zł", "Za fakturę FV 12/2026"],
        K.PAYMENT_RECEIPT,
    ),
    expect(
        ["List przewozowy", "Nadawca: Firma", "Odbiorca: Jan", "Nr 638045236705746863150614"],
        K.LABEL,
    ),
    expect(
        [
            "REGULAMIN SKLEPU INTERNETOWEGO",
            "§1 Postanowienia ogólne",
            "Do zamówienia wystawiamy fakturę VAT lub paragon. Ceny brutto zawierają VAT 23%",
            "§2 Razem 12,00 zł",
            "§3",
        ],
        K.TERMS,
    ),
    expect(
        ["Formularz zwrotu", "Numer faktury / paragonu: ________", "Nr konta: ____", "Kwota: ____"],
        K.RETURN_FORM,
    ),
    expect(
        ["Formularz odstąpienia od umowy", "Ja niniejszym informuję o odstąpieniu", "nr faktury"],
        K.RETURN_FORM,
    ),
    expect(["Oświadczenie o odstąpieniu od umowy"], K.RETURN_FORM),
    expect(
        [
            "Instrukcja obsługi",
            "Lampa LED 12 W",
            "Gwarancja 24 miesiące",
            "Zachowaj fakturę lub paragon",
        ],
        K.MANUAL,
    ),
    expect(
        ["KARTA GWARANCYJNA", "Nr faktury:", "Data sprzedaży:", "Sprzedawca (pieczęć)"], K.WARRANTY
    ),
    expect(
        ["WZ 12/MAG/2026", "Wydanie zewnętrzne", "Odbiorca: Jan", "1 Lampa 1 szt."], K.GOODS_ISSUE
    ),
    expect(
        [
            "Wezwanie do zapłaty",
            "Wzywamy do zapłaty faktury FV 12/2026 kwota 123,00 zł NIP 6793112850",
        ],
        K.UNKNOWN,
    ),
    expect(
        ["Nota korygująca 1/2026", "do faktury FV 12/2026", "NIP 6793112850"], K.UNKNOWN, sure=0.5
    ),
    expect(["Voucher", "Kod: ABCD-1234", "Wartość 100,00 zł"], K.CODE),
    expect(
        ["Numer KSeF: 6793112850-20261120-0100A1B2C3D4-5E", "Faktura", "FV 12/2026", *PL],
        K.INVOICE,
        "FV 12/2026",
    ),
    expect(
        ["Krajowy System e-Faktur", "Numer Faktury:", "FV 12/2026", "Faktura podstawowa", *PL],
        K.INVOICE,
        "FV 12/2026",
    ),
    expect(["Faktura - daňový doklad č. 2026000123", *CZ], K.INVOICE, "2026000123"),
    expect(
        ["FAKTURA č. 26100123", "daňový doklad", "Variabilní symbol: 26100123", *CZ],
        K.INVOICE,
        "26100123",
    ),
    expect(["Daňový doklad 2026-551", *CZ], K.INVOICE, "2026-551"),
    expect(
        ["Zálohová faktura č. 2026000123", "Není daňovým dokladem", *CZ],
        K.PROFORMA,
        name="faktura.pdf",
    ),
    expect(
        ["Opravný daňový doklad č. 2026-77", "k faktuře č. 2026-55", *CZ],
        K.CORRECTION,
        "2026-77",
        refers="2026-55",
    ),
    expect(["Dobropis č. 2026-7", "Původní doklad: 2026-551", *CZ], K.CORRECTION, "2026-7"),
    expect(["Účtenka č. 1234", "EET", *CZ], K.RECEIPT),
    expect(["Zjednodušený daňový doklad č. 1234", *CZ], K.RECEIPT),
    expect(["Dodací list č. 12", *CZ[:4], "Lampa 1 ks"], K.GOODS_ISSUE),
    expect(
        [
            "Obchodní podmínky",
            "I. Úvodní ustanovení",
            "Prodávající vystaví fakturu. IČO 27074358. DPH 21%. Celkem.",
        ],
        K.TERMS,
    ),
    expect(["Reklamační řád", "Faktura slouží jako záruční list."], K.TERMS),
    expect(["Záruční list", "Datum prodeje: "], K.WARRANTY),
    expect(["Nabídka č. 12", *CZ], K.OFFER),
    expect(["Potvrzení objednávky č. 12", *CZ], K.ORDER_CONFIRMATION),
    expect(["Příjmový pokladní doklad č. 3", *CZ], K.PAYMENT_RECEIPT),
    expect(["Faktura 2026-551", "Nejsme plátci DPH", *CZ], K.INVOICE, "2026-551"),
    expect(["FAKTÚRA č. 20260045", *SK], K.INVOICE, "20260045"),
    expect(["Faktúra - daňový doklad 20260045", *SK], K.INVOICE, "20260045"),
    expect(["Zálohová faktúra 2026", "nie je daňovým dokladom", *SK], K.PROFORMA),
    expect(
        ["Dobropis č. 2026007", "k faktúre č. 20260045", *SK],
        K.CORRECTION,
        "2026007",
        refers="20260045",
    ),
    expect(["Opravná faktúra č. 2026007", "k faktúre 20260045", *SK], K.CORRECTION, "2026007"),
    expect(["Pokladničný doklad", "eKasa", *SK], K.RECEIPT),
    expect(["Dodací list č. 12", *SK[:4]], K.GOODS_ISSUE),
    expect(["Všeobecné obchodné podmienky", "Čl. 1 Úvodné ustanovenia"], K.TERMS),
    expect(["Formulár na odstúpenie od zmluvy", "Číslo faktúry:"], K.RETURN_FORM),
    expect(["SZÁMLA", "Számla sorszáma: E-ABC-2026-12", *HU], K.INVOICE, "E-ABC-2026-12"),
    expect(["Számlaszám: 2026/00123", "Elektronikus számla", *HU], K.INVOICE, "2026/00123"),
    expect(["Előlegszámla", "Sorszám: E-2026-1", *HU], K.INVOICE),
    expect(["Díjbekérő D-ABC-2026-3", "Nem minősül számlának", *HU], K.PROFORMA, name="szamla.pdf"),
    expect(
        ["Sztornó számla", "Sorszám: E-ABC-2026-15", "Eredeti számla: E-ABC-2026-12", *HU],
        K.CORRECTION,
        "E-ABC-2026-15",
        refers="E-ABC-2026-12",
    ),
    expect(["Helyesbítő számla E-ABC-2026-16", *HU], K.CORRECTION),
    expect(["NYUGTA", "Nyugtaszám: 123", *HU], K.RECEIPT),
    expect(["Szállítólevél", "Szállítólevélszám: 12", *HU[:3]], K.GOODS_ISSUE),
    expect(["Általános Szerződési Feltételek", "Az eladó számlát állít ki"], K.TERMS),
    expect(["Jótállási jegy", "Számla száma:"], K.WARRANTY),
    expect(["Rendelés visszaigazolás", "Rendelésszám: 123", *HU], K.ORDER_CONFIRMATION),
    expect(["Elállási nyilatkozat"], K.RETURN_FORM),
    expect(["Rechnung Nr. RE-2026-0091", *DE], K.INVOICE, "RE-2026-0091"),
    expect(["RECHNUNG", "Rechnungsnummer: 10234", "Kundennummer: 555", *DE], K.INVOICE, "10234"),
    expect(
        ["Gutschrift Nr. GS-2026-4", "zu Rechnung RE-2026-91", *DE],
        K.CORRECTION,
        "GS-2026-4",
        refers="RE-2026-91",
    ),
    expect(["Stornorechnung ST-12", "Ursprungsrechnung: RE-2026-91", *DE], K.CORRECTION, "ST-12"),
    expect(
        ["Rechnungskorrektur RK-12", "zur Rechnung RE-2026-91", *DE],
        K.CORRECTION,
        "RK-12",
        refers="RE-2026-91",
    ),
    expect(["Proforma-Rechnung PR-12", *DE], K.PROFORMA, name="Rechnung.pdf"),
    expect(["Kassenbon", *DE], K.RECEIPT),
    expect(["Quittung Nr. 12", *DE], K.RECEIPT),
    expect(["Lieferschein Nr. 12", *DE[:3]], K.GOODS_ISSUE),
    expect(
        ["Allgemeine Geschäftsbedingungen", "§ 1 Geltungsbereich", "Die Rechnung wird..."], K.TERMS
    ),
    expect(["Muster-Widerrufsformular"], K.RETURN_FORM),
    expect(["Angebot Nr. 12", *DE], K.OFFER),
    expect(["Auftragsbestätigung Nr. 12", *DE], K.ORDER_CONFIRMATION),
    expect(["Zahlungsbestätigung", "Rechnung RE-1 bezahlt", *DE], K.PAYMENT_RECEIPT),
    expect(["Zahlungserinnerung", "Rechnung RE-2026-0091 ist fällig", *DE], K.UNKNOWN),
    expect(["Bedienungsanleitung", "Rechnung aufbewahren"], K.MANUAL),
    expect(["Garantiekarte"], K.WARRANTY),
    expect(["INVOICE", "Invoice number: INV/2026/00001", *EN], K.INVOICE, "INV/2026/00001"),
    expect(["Tax Invoice #10234", *EN], K.INVOICE, "10234"),
    expect(
        ["Credit Note RINV/2026/00002", "Reason: reversal of INV/2026/00001", *EN],
        K.CORRECTION,
        "RINV/2026/00002",
    ),
    expect(["Pro Forma Invoice PF-12", *EN], K.PROFORMA, name="invoice.pdf"),
    expect(["Receipt no. 1234", *EN], K.RECEIPT, "1234"),
    expect(
        [
            "Payment Receipt",
            "Payment Ref: BNK1/2026/0001",
            "Invoice INV/2026/00001",
            "Amount 120.00 EUR",
        ],
        K.PAYMENT_RECEIPT,
    ),
    expect(["Quotation S00012", *EN], K.OFFER),
    expect(["Order confirmation #123", *EN], K.ORDER_CONFIRMATION),
    expect(["Packing slip", "Order 123"], K.GOODS_ISSUE),
    expect(["Terms and Conditions", "1. Invoices ..."], K.TERMS),
    expect(["User manual", "Keep your receipt"], K.MANUAL),
    expect(["Warranty card", "Invoice no.:"], K.WARRANTY),
    expect(["Shipping label", "From: Company", "To: James"], K.LABEL),
    expect(["Gift card", "Code ABCD"], K.CODE),
    expect(["Рахунок-фактура № FV 12/2026", *UK], K.INVOICE, "FV 12/2026"),
    expect(["Фактура № 12/2026", *UK], K.INVOICE, "12/2026"),
    expect(["Рахунок на оплату № 12", *UK], K.PROFORMA),
    expect(["Видаткова накладна № 12", *UK], K.GOODS_ISSUE),
    expect(
        ["Коригувальна фактура № KFS 3/2026", "до рахунку-фактури FV 12/2026", *UK],
        K.CORRECTION,
        "KFS 3/2026",
    ),
    expect(["Фіскальний чек № 123", *UK], K.RECEIPT),
    expect(["Умови продажу", "Продавець видає рахунок-фактуру"], K.TERMS),
    expect(["Інструкція з експлуатації"], K.MANUAL),
    expect(["Гарантійний талон"], K.WARRANTY),
]


@pytest.mark.parametrize(
    ("lines", "kind", "number", "name", "refers", "sure"),
    DOCUMENTS,
    ids=[f"{case[0][0][:40]}" for case in DOCUMENTS],
)
def test_a_document_is_what_its_words_say(
    lines: list[str], kind: K, number: str | None, name: str, refers: str | None, sure: float
) -> None:
    facts = judge_text("\n".join(lines), name, "")

    assert facts.kind is kind
    assert facts.confidence >= sure
    if number is not None:
        assert facts.number == number
    if refers is not None:
        assert facts.refers_to == refers


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("FV_12.pdf", K.INVOICE),
        ("faktura.pdf", K.INVOICE),
        ("Faktura-Proforma-12.pdf", K.PROFORMA),
        ("regulamin.pdf", K.TERMS),
        ("invoice-1234.pdf", K.INVOICE),
        ("KFS_3_2026.pdf", K.CORRECTION),
        ("etykieta.pdf", K.LABEL),
        ("WZ_12.pdf", K.GOODS_ISSUE),
        ("paragon_123.pdf", K.RECEIPT),
        ("PF_12_2026.pdf", K.PROFORMA),
        ("rechnung_12.pdf", K.INVOICE),
        ("szamla_E-2026-1.pdf", K.INVOICE),
        ("účtenka.pdf", K.RECEIPT),
        ("dobropis_2026.pdf", K.CORRECTION),
        ("formularz_zwrotu.pdf", K.RETURN_FORM),
        ("skan001.pdf", K.UNKNOWN),
        ("рахунок-фактура_12.pdf", K.INVOICE),
        ("karta_gwarancyjna.pdf", K.WARRANTY),
        ("instrukcja.pdf", K.MANUAL),
        ("cennik_faktura.pdf", K.OFFER),
        ("AGB.pdf", K.TERMS),
        ("Lieferschein_12.pdf", K.GOODS_ISSUE),
        ("aszf.pdf", K.TERMS),
    ],
)
def test_a_file_without_text_is_judged_by_its_name(name: str, kind: K) -> None:
    facts = judge_text("", name, "")

    assert facts.kind is kind
    assert facts.confidence <= 0.85


def test_a_number_is_taken_from_the_print_rather_than_from_the_name() -> None:
    facts = judge_text("\n".join(["Faktura VAT nr FV/12/11/2026", *PL]), "FV_12_11_2026.pdf", "")

    assert facts.number == "FV/12/11/2026"


def test_seller_buyer_and_total_are_read() -> None:
    lines = [
        "Faktura VAT nr FV 1/2026",
        "Sprzedawca: Firma Jan Nowak",
        "NIP: 774-000-14-54",
        "Nabywca: Kowalski Meble Sp. z o.o.",
        "NIP: 5261040828",
        "Razem: 1 000,00 230,00 1 230,00 PLN",
        "Do zapłaty: 1 230,00 PLN",
    ]

    facts = judge_text("\n".join(lines), "FV.pdf", "")

    assert (facts.seller_tax_id, facts.buyer_tax_id) == ("7740001454", "5261040828")
    assert facts.buyer_name == "Kowalski Meble Sp. z o.o"
    assert (facts.total, facts.currency) == (Decimal("1230.00"), "PLN")


@pytest.mark.parametrize(
    ("line", "total", "currency"),
    [
        ("Razem 123,00 zł (zawiera 23,00 zł VAT)", "123.00", "PLN"),
        ("Razem 100,00 23,00 123,00\nPozostało do zapłaty: 0,00 PLN", "123.00", "PLN"),
        ("Celkem k úhradě: 1 210,00 Kč", "1210.00", "CZK"),
        ("Fizetendő összesen: 12 700 Ft", "12700", "HUF"),
        ("Gesamtbetrag: 1.119,00 €", "1119.00", "EUR"),
        ("Total: 1,120.50 EUR", "1120.50", "EUR"),
        ("Всього до сплати: 120,00 грн", "120.00", "UAH"),
        ("Do zwrotu, razem: -123,00 zł", "-123.00", "PLN"),
    ],
)
def test_the_gross_total_is_read_in_every_notation(line: str, total: str, currency: str) -> None:
    facts = judge_text(f"Faktura nr 1/2026\nNIP 7740001454\n{line}", "x.pdf", "")

    assert (facts.total, facts.currency) == (Decimal(total), currency)


def test_a_tax_id_with_a_wrong_check_digit_is_none() -> None:
    facts = judge_text("Faktura nr 1/2026\nNIP: 6793112851\nRazem: 1,00 zł", "x.pdf", "")

    assert facts.seller_tax_id is None


def test_an_allegro_order_in_the_document_is_found() -> None:
    order = "88b02cf8-0bf5-11f0-97d2-9ef45025f5e7"

    facts = judge_text(f"Faktura nr 1/2026\nZamówienie Allegro: {order}", "x.pdf", "")

    assert facts.order_ids == (order,)


def test_the_same_words_laid_out_anew_have_the_same_digest() -> None:
    one = judge_text("Faktura nr 1/2026\nRazem: 12,00 zł", "a.pdf", "")
    other = judge_text("Faktura  nr 1/2026\r\n\r\nRazem:  12,00 zł", "b.pdf", "")
    different = judge_text("Faktura nr 2/2026\nRazem: 12,00 zł", "a.pdf", "")

    assert one.text_sha256 == other.text_sha256 != different.text_sha256


@given(st.text(max_size=600), st.text(max_size=40), st.text(max_size=80))
def test_any_text_is_judged(text: str, name: str, hint: str) -> None:
    facts = judge_text(text, name, hint)

    assert 0 <= facts.confidence <= 1
    assert facts.name == name
