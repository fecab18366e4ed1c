"""A document's own number beside the numbers of orders, payments and corrected documents."""

from __future__ import annotations

import pytest

from awizo.documents.facts import judge_text
from awizo.model import DocumentKind

PL = (
    "Sprzedawca: Firma Jan Nowak\nNIP: 6793112850\nNabywca: Anna Kowalska\n"
    "Lp. Nazwa Ilość Cena netto VAT Wartość\n1 Lampa 1 szt. 100,00 23% 123,00\n"
    "Razem do zapłaty: 123,00 PLN"
)
CZ = (
    "Dodavatel: Firma s.r.o.\nIČO: 27074358\nDIČ: CZ27074358\n"
    "Odběratel: Jana Nováková\nDatum vystavení: 12.10.2026\n"
    "Lampa 1 ks 1 000,00 DPH 21% 1 210,00\nCelkem k úhradě: 1 210,00 Kč"
)
SK = (
    "Dodávateľ: Firma s.r.o.\nIČO: 31333532\nIČ DPH: SK2020317068\n"
    "Odberateľ: Jana Nováková\nDátum vystavenia: 12.10.2026\n"
    "Lampa 1 ks 100,00 20% 120,00\nSpolu na úhradu: 120,00 €"
)
HU = (
    "Eladó: Cég Kft.\nAdószám: 12345676-2-42\nVevő: Kovács Éva\n"
    "Teljesítés dátuma: 2026.10.12\nLámpa 1 db 10 000 27% 12 700\n"
    "Fizetendő összesen: 12 700 Ft"
)
DE = (
    "Verkäufer: Firma GmbH\nUSt-IdNr.: DE136695976\nKunde: Klaus Schröder\n"
    "Rechnungsdatum: 12.10.2026\nLampe 1 Stk 100,00 19% 119,00\n"
    "Gesamtbetrag: 119,00 €"
)
EN = (
    "Seller: Company Ltd\nVAT number: GB123456789\nBill to: James Smith\n"
    "Date of issue: 12/10/2026\nLamp 1 100.00 20% 120.00\nTotal: 120.00 EUR"
)
UK = (
    "Продавець: Фірма\nІПН: 1234567890\nПокупець: Олена Гриценко\n"
    "Дата виставлення: 12.10.2026\nЛампа 1 шт 100,00 ПДВ 20% 120,00\n"
    "Всього до сплати: 120,00 грн"
)

# The lines at its top, the rest, its own number, the number that it corrects, its file name.
DOCUMENTS = [
    (
        "Wystawiono: 2026-11-18\nKorekta faktury VAT KFS 7/SKL/11/2026\n"
        "Dotyczy: FS 902/SKL/10/2026 z dnia 2026-10-26",
        PL,
        "KFS 7/SKL/11/2026",
        "FS 902/SKL/10/2026",
        "dokument.pdf",
    ),
    ("Korekta faktury KFS 3/2026\ndo FS 12/2026", PL, "KFS 3/2026", None, "dokument.pdf"),
    (
        "KOREKTA FAKTURY VAT\nKOR/3/2026\ndotyczy dokumentu FV/12/2026",
        PL,
        "KOR/3/2026",
        "FV/12/2026",
        "dokument.pdf",
    ),
    (
        "Faktura korygująca\nNumer: 3/11/2026/K\nDane faktury korygowanej\nNumer: 12/10/2026",
        PL,
        "3/11/2026/K",
        None,
        "dokument.pdf",
    ),
    (
        "FAKTURA KORYGUJĄCA VAT NR FK/3/11/2026\nKORYGUJE FAKTURĘ NR FV/12/10/2026",
        PL,
        "FK/3/11/2026",
        "FV/12/10/2026",
        "dokument.pdf",
    ),
    (
        "Faktura VAT korekta 3/KOR/2026\nDo dokumentu: 12/2026",
        PL,
        "3/KOR/2026",
        None,
        "dokument.pdf",
    ),
    (
        "Korekta do faktury FV 12/2026\nNr korekty: KFV 3/2026",
        PL,
        "KFV 3/2026",
        "FV 12/2026",
        "dokument.pdf",
    ),
    (
        "Korekta sprzedaży KFS-3/11/2026\nDokument pierwotny: FS-12/10/2026",
        PL,
        "KFS-3/11/2026",
        None,
        "dokument.pdf",
    ),
    (
        "Faktura korygująca KOR 3/2026 do faktury VAT FV 12/2026",
        PL,
        "KOR 3/2026",
        "FV 12/2026",
        "dokument.pdf",
    ),
    ("Korekta faktury VAT nr 5/11/2026", PL, "5/11/2026", None, "korekta_5_11_2026.pdf"),
    (
        "Zwrotna faktura korygująca ZFK 3/2026\nFaktura źródłowa: FV 12/2026",
        PL,
        "ZFK 3/2026",
        None,
        "dokument.pdf",
    ),
    (
        "OPRAVNÝ DAŇOVÝ DOKLAD Č. 2026-77\nK DOKLADU Č. 2026-55",
        CZ,
        "2026-77",
        "2026-55",
        "dokument.pdf",
    ),
    (
        "Opravný daňový doklad 77/2026\nOpravovaný doklad: 55/2026",
        CZ,
        "77/2026",
        "55/2026",
        "dokument.pdf",
    ),
    (
        "Dobropis D2026-7\nDobropis k faktuře č. F2026-551",
        CZ,
        "D2026-7",
        "F2026-551",
        "dokument.pdf",
    ),
    (
        "Dobropis k faktuře F2026-551\nČíslo dobropisu: D2026-7",
        CZ,
        "D2026-7",
        "F2026-551",
        "dokument.pdf",
    ),
    ("DOBROPIS 2026007\nK FAKTÚRE 20260045", SK, "2026007", "20260045", "dokument.pdf"),
    (
        "Opravná faktúra OF20260007\nPôvodná faktúra: 20260045",
        SK,
        "OF20260007",
        "20260045",
        "dokument.pdf",
    ),
    ("Ťarchopis č. 2026009\nk faktúre č. 20260045", SK, "2026009", "20260045", "dokument.pdf"),
    (
        "SZTORNÓ SZÁMLA E-ABC-2026-15\nEREDETI SZÁMLA SORSZÁMA: E-ABC-2026-12",
        HU,
        "E-ABC-2026-15",
        "E-ABC-2026-12",
        "dokument.pdf",
    ),
    (
        "Helyesbítő számla\nSzámla sorszáma: E-ABC-2026-16\nHivatkozott számla: E-ABC-2026-12",
        HU,
        "E-ABC-2026-16",
        None,
        "dokument.pdf",
    ),
    (
        "Érvénytelenítő számla EE-2026-3\nAz E-2026-1 sorszámú számla érvénytelenítése",
        HU,
        "EE-2026-3",
        None,
        "dokument.pdf",
    ),
    (
        "Módosító számla M-2026-3\nMódosított számla: E-2026-1",
        HU,
        "M-2026-3",
        "E-2026-1",
        "dokument.pdf",
    ),
    (
        "Rechnungskorrektur\nNummer RK-2026-0081 vom 12.11.2026\n"
        "zur Rechnung RG-2026-0970 vom 29.10.2026",
        DE,
        "RK-2026-0081",
        "RG-2026-0970",
        "dokument.pdf",
    ),
    (
        "Stornorechnung Nr. SR-2026-3\nStorno zu Rechnung RE-2026-12",
        DE,
        "SR-2026-3",
        "RE-2026-12",
        "dokument.pdf",
    ),
    (
        "GUTSCHRIFT GS-2026-3\nBEZUG: RECHNUNG RE-2026-12",
        DE,
        "GS-2026-3",
        "RE-2026-12",
        "dokument.pdf",
    ),
    (
        "Korrekturrechnung KR 2026-3\nKorrektur der Rechnung RE-2026-12",
        DE,
        "KR 2026-3",
        None,
        "dokument.pdf",
    ),
    (
        "Rechnungskorrektur zur Rechnung RE-2026-12\nKorrekturnummer: RK-2026-3",
        DE,
        "RK-2026-3",
        "RE-2026-12",
        "dokument.pdf",
    ),
    (
        "Gutschrift\nGutschriftsnummer: GS-2026-3\nRechnungsnummer: RE-2026-12",
        DE,
        "GS-2026-3",
        None,
        "dokument.pdf",
    ),
    (
        "CREDIT NOTE CN-2026-3\nOriginal invoice: INV-2026-12",
        EN,
        "CN-2026-3",
        "INV-2026-12",
        "dokument.pdf",
    ),
    (
        "Credit memo\nCredit memo no. CM-2026-3\nInvoice no. INV-2026-12",
        EN,
        "CM-2026-3",
        "INV-2026-12",
        "dokument.pdf",
    ),
    (
        "Corrective invoice CI/3/2026 to invoice FV/12/2026",
        EN,
        "CI/3/2026",
        "FV/12/2026",
        "dokument.pdf",
    ),
    (
        "Credit note number: CN-3-2026\nApplied to invoice INV-2026-12",
        EN,
        "CN-3-2026",
        None,
        "dokument.pdf",
    ),
    (
        "Коригувальна фактура КФ-3/2026\nдо фактури ФВ-12/2026",
        UK,
        "КФ-3/2026",
        "ФВ-12/2026",
        "dokument.pdf",
    ),
    ("Кредит-нота № КН-3\nОригінальний рахунок: РФ-12/2026", UK, "КН-3", None, "dokument.pdf"),
    (
        "Sklep Nowak, Kraków, 20.11.2026\nNIP 6793112850\n"
        "FAKTURA VAT MARŻA VM/0017/11/2026\nNr KSeF: 6793112850-20261120-0100A1-B2C3D4-5E",
        PL,
        "VM/0017/11/2026",
        None,
        "dokument.pdf",
    ),
    ("Rechnung Nr. 11-26-3390\nDatum: 28.10.2026", DE, "11-26-3390", None, "dokument.pdf"),
    ("Faktura VAT\nnr\nFV 12/2026", PL, "FV 12/2026", None, "dokument.pdf"),
    (
        "Faktura VAT\nNumer dokumentu\nFV 12/2026\nData wystawienia\n2026-11-12",
        PL,
        "FV 12/2026",
        None,
        "dokument.pdf",
    ),
    (
        "FAKTURA\nData wystawienia: 2026-11-12\nNumer: FV 12/2026",
        PL,
        "FV 12/2026",
        None,
        "dokument.pdf",
    ),
    ("Nr: 12/11/2026\nFaktura VAT", PL, "12/11/2026", None, "dokument.pdf"),
    (
        "FV/12/11/2026\nFaktura VAT\nZamówienie nr 12345/2026",
        PL,
        "FV/12/11/2026",
        None,
        "dokument.pdf",
    ),
    (
        "Faktura\nNumer zamówienia: ZAM/12345/2026\nNumer faktury: F-12/2026",
        PL,
        "F-12/2026",
        None,
        "dokument.pdf",
    ),
    ("Faktura VAT do zamówienia 12345/2026\n12/11/2026/M", PL, None, None, "dokument.pdf"),
    ("Faktura VAT do zamówienia 12345/2026", PL, "F 12/2026", None, "F_12_2026.pdf"),
    (
        "FAKTURA\nČíslo: 2026000123\nVariabilní symbol: 2026000123",
        CZ,
        "2026000123",
        None,
        "dokument.pdf",
    ),
    (
        "FAKTURA - DAŇOVÝ DOKLAD\nObjednávka č. 55123\nVS 2026000123",
        CZ,
        "2026000123",
        None,
        "dokument.pdf",
    ),
    ("Faktura\nEvidenční číslo: FV-2026-0012", CZ, "FV-2026-0012", None, "dokument.pdf"),
    ("FAKTÚRA\nčíslo\n20260045\nObjednávka: 55123", SK, "20260045", None, "dokument.pdf"),
    ("SZÁMLA\nSorszám: KK-2026-12\nRendelésszám: 55123", HU, "KK-2026-12", None, "dokument.pdf"),
    ("SZÁMLA\nBizonylatszám: KK-2026-12", HU, "KK-2026-12", None, "dokument.pdf"),
    ("Rechnung\nNr. 2026-4471\nBestellnummer: 30417", DE, "2026-4471", None, "dokument.pdf"),
    ("Rechnung\nKundennummer 55512\nRechnungs-Nr.\nRE-4471", DE, "RE-4471", None, "dokument.pdf"),
    ("Rechnung zur Bestellung 30417\nRechnungsnummer RE-4471", DE, "RE-4471", None, "dokument.pdf"),
    ("Invoice\nOrder #30417\nInvoice # 10234", EN, "10234", None, "dokument.pdf"),
    ("INVOICE\nReference: INV-2026-12\nPO number: 30417", EN, "INV-2026-12", None, "dokument.pdf"),
    ("Рахунок-фактура\n№ 12/2026\nЗамовлення № 30417", UK, "12/2026", None, "dokument.pdf"),
]


@pytest.mark.parametrize(
    ("top", "rest", "number", "refers_to", "name"),
    DOCUMENTS,
    ids=[case[0][:60] for case in DOCUMENTS],
)
def test_a_document_s_own_number_is_told_from_all_others(
    top: str, rest: str, number: str | None, refers_to: str | None, name: str
) -> None:
    facts = judge_text(f"{top}\n{rest}", name, "")

    assert facts.is_sales_document
    assert facts.number == number
    assert refers_to in (None, facts.refers_to)


def test_a_correction_is_the_one_that_its_file_is_called_after() -> None:
    text = "Korekta faktury nr 5/11/2026\ndo faktury nr 12/10/2026\n" + PL

    facts = judge_text(text, "korekta_5_11_2026.pdf", "")

    assert (facts.number, facts.refers_to) == ("5/11/2026", "12/10/2026")


def test_a_house_number_in_the_head_is_no_number_of_the_document() -> None:
    facts = judge_text("Sklep, ul. Długa nr 1234/56\nFaktura\n" + PL, "x.pdf", "")

    assert facts.number is None


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ("2026-10-30 nr: PAR/5120/10/26\nPARAGON FISKALNY\n#0412 KASA 1", "PAR/5120/10/26"),
        (
            "nr wydr. 018834\nPARAGON FISKALNY\nSUMA PLN 79,90\nNr: PA 5518/11/2026",
            "PA 5518/11/2026",
        ),
        ("PARAGON FISKALNY\nul. Rynek 10/4\nNr W/1180/26 2026-11-19", "W/1180/26"),
    ],
)
def test_of_a_receipt_s_numbers_the_ledger_s_is_its_own(lines: str, number: str) -> None:
    facts = judge_text(f"SKLEP Jan Filar\nNIP 7522159559\n{lines}\nPTU A 23% 17,95", "x.pdf", "")

    assert (facts.kind, facts.number) == (DocumentKind.RECEIPT, number)


def test_a_title_set_wide_is_read() -> None:
    facts = judge_text(f"Sklep\nF A K T U R A V A T\nNumer: FS-3309/26/LOZ\n{PL}", "3f9ac2.bin", "")

    assert (facts.kind, facts.number) == (DocumentKind.INVOICE, "FS-3309/26/LOZ")


def test_a_date_above_the_number_that_the_file_is_named_after_is_none() -> None:
    facts = judge_text(
        f"FAKTURA\n13/10/2026 #FA000512\nCislo faktury Datum\n#FA000512 13/10/2026\n{PL}",
        "FA000512.pdf",
        "",
    )

    assert facts.number == "FA000512"


def test_an_invoice_to_a_receipt_is_an_invoice_with_its_own_number() -> None:
    text = (
        "Faktura do paragonu FP 61/11/2026\nParagon: PA 1203/11/2026\nNr unikatowy kasy: BFX 22\n"
        f"{PL}\nParagon fiskalny pozostaje u sprzedawcy."
    )

    facts = judge_text(text, "FP_61_11_2026.pdf", "")

    assert (facts.kind, facts.number) == (DocumentKind.INVOICE, "FP 61/11/2026")


@pytest.mark.parametrize(
    ("text", "name", "number"),
    [
        ("FAKTURA VAT nr FV/55/2026\nNumer zamówienia: 10234", "faktura_10234.pdf", "FV/55/2026"),
        ("FAKTURA VAT nr FV/55/2026\nData: 20261012", "20261012.pdf", "FV/55/2026"),
        ("Faktura FV/55/2026\nNIP 5260250274", "faktura 5260250274.pdf", "FV/55/2026"),
        ("Faktura FV/55/2026\nNumer rachunku: 18 1600 1462 6243 6444", "x.pdf", "FV/55/2026"),
    ],
)
def test_a_file_s_name_is_no_number_beside_the_one_that_is_called_so(
    text: str, name: str, number: str
) -> None:
    assert judge_text(f"{text}\n{PL}", name, "").number == number


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ("ul. Dluga nr 12/4\nPARAGON FISKALNY\nNr paragonu: 1187", "1187"),
        (
            "PARAGON FISKALNY\nZamowienie nr 4455/10/2026\nNr dok. PAR/12/10/2026",
            "PAR/12/10/2026",
        ),
    ],
)
def test_streets_and_orders_number_no_receipt(lines: str, number: str) -> None:
    facts = judge_text(f"SKLEP Jan Filar\nNIP 7522159559\n{lines}\nPTU A 23% 17,95", "x.pdf", "")

    assert facts.number == number


@pytest.mark.parametrize(
    ("text", "own", "refers_to"),
    [
        (
            "Faktura korygująca do faktury: FK/3/2026\nNumer korekty: K/8/2026",
            "K/8/2026",
            "FK/3/2026",
        ),
        (
            "Faktura korygująca nr KOR/1/2026 do faktury nr FK/3/2026",
            "KOR/1/2026",
            "FK/3/2026",
        ),
    ],
)
def test_the_invoice_that_is_corrected_keeps_its_number(
    text: str, own: str, refers_to: str
) -> None:
    facts = judge_text(f"{text}\nPrzyczyna korekty: zwrot\n{PL}", "x.pdf", "")

    assert (facts.number, facts.refers_to) == (own, refers_to)


def test_a_receipt_that_offers_an_invoice_stays_one() -> None:
    text = (
        "SKLEP Jan Filar\nNIP 7522159559\nPARAGON FISKALNY\nHerbata 1 x 12,00\nSUMA PLN 12,00\n"
        "PTU A 23% 2,24\nFaktura do paragonu na życzenie w ciągu 3 miesięcy"
    )

    assert judge_text(text, "dokument.pdf", "").kind is DocumentKind.RECEIPT
