"""Numbers of documents as ledgers of seven countries print them, and what only looks like one."""

from __future__ import annotations

import pytest

from awizo.triage.invoice_numbers import Numbers, number_in_name, numbers_in

OWN = (Numbers.DOCUMENT, Numbers.CORRECTION, Numbers.RECEIPT)

TITLES = [
    ("FAKTURA VAT MARŻA VM/0017/11/2026", "VM/0017/11/2026"),
    ("FAKTURA KOŃCOWA FK/12/2026", "FK/12/2026"),
    ("FAKTURA ZALICZKOWA ZAL/3/2026", "ZAL/3/2026"),
    ("FAKTURA SPRZEDAŻY 12/11/2026", "12/11/2026"),
    ("FAKTURA DETALICZNA FD 12/2026", "FD 12/2026"),
    ("FAKTURA IMIENNA 12/2026", "12/2026"),
    ("FAKTURA UPROSZCZONA UPR/12/2026", "UPR/12/2026"),
    ("FAKTURA VAT ORYGINAŁ 12/2026", "12/2026"),
    ("FAKTURA VAT KOPIA 12/2026", "12/2026"),
    ("FAKTURA VAT OSS OSS/12/2026", "OSS/12/2026"),
    ("FAKTURA EKSPORTOWA EXP/12/2026", "EXP/12/2026"),
    ("FAKTURA BEZ VAT 12/2026", "12/2026"),
    ("FAKTURA VAT (MARŻA) 12/2026", "12/2026"),
    ("FAKTURA VAT - PROCEDURA MARŻY 12/2026", "12/2026"),
    ("FAKTURA ROZLICZENIOWA FR/12/2026", "FR/12/2026"),
    ("RACHUNEK UPROSZCZONY R/12/2026", "R/12/2026"),
    ("DUPLIKAT FAKTURY FV/12/2026", "FV/12/2026"),
    ("E-FAKTURA FE/12/2026", "FE/12/2026"),
    ("FAKTURA VAT NUMER 12/2026", "12/2026"),
    ("FAKTURA VAT NR FV 12/2026", "FV 12/2026"),
    ("FAKTURA DAŇOVÝ DOKLAD 2026000123", "2026000123"),
    ("FAKTURA - DAŇOVÝ DOKLAD Č. 2026000123", "2026000123"),
    ("FAKTURA ČÍSLO 2026000123", "2026000123"),
    ("FAKTURA (DAŇOVÝ DOKLAD) FV2026/0012", "FV2026/0012"),
    ("OSTRÁ FAKTURA 2026-0012", "2026-0012"),
    ("KONEČNÁ FAKTURA 2026-0012", "2026-0012"),
    ("FAKTURA VYDANÁ VF1-0012/2026", "VF1-0012/2026"),
    ("VYÚČTOVACIA FAKTÚRA VF/0012/2026", "VF/0012/2026"),
    ("OSTRÁ FAKTÚRA 20260012", "20260012"),
    ("FAKTÚRA ČÍSLO 20260012", "20260012"),
    ("FAKTÚRA ODBERATEĽSKÁ 20260012", "20260012"),
    ("VYSTAVENÁ FAKTÚRA VF 20260012", "VF 20260012"),
    ("ELEKTRONIKUS SZÁMLA E-ABC-2026-12", "E-ABC-2026-12"),
    ("E-SZÁMLA SORSZÁMA E-ABC-2026-12", "E-ABC-2026-12"),
    ("SZÁMLA SORSZÁM: SZ 2026/0012", "SZ 2026/0012"),
    ("ÁFÁS SZÁMLA KK-2026-12", "KK-2026-12"),
    ("SZÁMLA MÁSOLAT KK-2026-12", "KK-2026-12"),
    ("SZÁMLA EREDETI KK-2026-12", "KK-2026-12"),
    ("EGYSZERŰSÍTETT SZÁMLA KK-2026-12", "KK-2026-12"),
    ("VÉGSZÁMLA KK-2026-12", "KK-2026-12"),
    ("RECHNUNG NR. RE-2026-12", "RE-2026-12"),
    ("RECHNUNG KOPIE RE-2026-12", "RE-2026-12"),
    ("SCHLUSSRECHNUNG RE-2026-12", "RE-2026-12"),
    ("Sammelrechnung 2026-1234", "2026-1234"),
    ("Teilrechnung Nr. 2026-1234", "2026-1234"),
    ("RECHNUNG DUPLIKAT RE-2026-12", "RE-2026-12"),
    ("RECHNUNG ORIGINAL RE-2026-12", "RE-2026-12"),
    ("KLEINBETRAGSRECHNUNG 2026-12", "2026-12"),
    ("Rechnung / Lieferschein RE-2026-12", "RE-2026-12"),
    ("TAX INVOICE INV-2026-12", "INV-2026-12"),
    ("VAT INVOICE COPY INV-2026-12", "INV-2026-12"),
    ("INVOICE NUMBER INV-2026-12", "INV-2026-12"),
    ("SALES INVOICE SI-2026-12", "SI-2026-12"),
    ("COMMERCIAL INVOICE CI-2026-12", "CI-2026-12"),
    ("FINAL INVOICE 2026-12", "2026-12"),
    ("INVOICE ORIGINAL 2026-1234", "2026-1234"),
    ("MARGIN SCHEME INVOICE MS-2026-12", "MS-2026-12"),
    ("РАХУНОК-ФАКТУРА № СФ-0000012", "СФ-0000012"),
    ("РАХУНОК-ФАКТУРА СФ-0000012", "СФ-0000012"),
    ("ПОДАТКОВА НАКЛАДНА № 1245", "1245"),
    ("ФАКТУРА ПДВ ФВ/12/2026", "ФВ/12/2026"),
    ("ФАКТУРА МАРЖА ФМ/12/2026", "ФМ/12/2026"),
    ("ІНВОЙС INV-2026-12", "INV-2026-12"),
    ("ВИДАТКОВА НАКЛАДНА № РН-0000012", "РН-0000012"),
    ("РАХУНОК НОМЕР 12/2026", "12/2026"),
    ("Faktura VAT\nFV 12/2026", "FV 12/2026"),
    ("Faktura\nnr\nFV 12/2026", "FV 12/2026"),
    ("Faktura | Numer | FV 12/2026", "FV 12/2026"),
    ("Numer faktury\nFV 12/2026", "FV 12/2026"),
    ("Nr dokumentu: FV 12/2026", "FV 12/2026"),
    ("Nr faktury VAT: 12/2026", "12/2026"),
    ("Rechnungsnr.: 4471", "4471"),
    ("Rechnungs-Nr.: 4471", "4471"),
    ("Rechnungs-Nr. 11-26-3390", "11-26-3390"),
    ("Rechnung Nr. 11-26-3390", "11-26-3390"),
    ("Rechnung 11-26-3390", "11-26-3390"),
    ("Beleg-Nr. 4471", "4471"),
    ("Belegnr: BL-4471", "BL-4471"),
    ("Re.-Nr. 2026-4471", "2026-4471"),
    ("Faktura nr 12-11-26", "12-11-26"),
    ("Faktura nr 31-11-0007", "31-11-0007"),
    ("Faktura nr 11.26.3390", "11.26.3390"),
    ("Číslo faktury: 20261302", "20261302"),
    ("Číslo dokladu: 20261302", "20261302"),
    ("Evidenční číslo dokladu 20261302", "20261302"),
    ("Číslo faktúry: 20261302", "20261302"),
    ("Bizonylatszám: KK-2026-12", "KK-2026-12"),
    ("Bizonylat sorszáma: KK-2026-12", "KK-2026-12"),
    ("Számla száma: 2026/00012", "2026/00012"),
    ("Document no.: INV-12-2026", "INV-12-2026"),
    ("Номер рахунку: 12/2026", "12/2026"),
    ("Номер документа: РФ-12", "РФ-12"),
    ("Номер інвойсу INV-12-2026", "INV-12-2026"),
    ("Invoice No: 2026-11-0007", "2026-11-0007"),
    ("Faktura FV 12/2026 (KSeF 6793112850-20261120-0100A1-B2C3D4-5E)", "FV 12/2026"),
    ("Faktura FV/12/2026, zamówienie 12345, paczka 6380452367", "FV/12/2026"),
    ("vaše faktura 20261302", "20261302"),
    ("doklad 20261302 za keramický hrnek", "20261302"),
    ("Doklad č. 26-0012", "26-0012"),
    ("skan faktury 61/11/26", "61/11/26"),
    ("скан фактури 61/11/26 за лампу", "61/11/26"),
    ("фактуру 61/11/26", "61/11/26"),
    ("Rechnung 61/11/26", "61/11/26"),
    ("Faktura FV-2026-10-0012", "FV-2026-10-0012"),
    ("faktura VAT F-VAT/12/2026", "F-VAT/12/2026"),
    ("Faktura 2026/VF/0012", "2026/VF/0012"),
    ("Faktura FA 12/2026/A", "FA 12/2026/A"),
    ("Faktura A/12/2026", "A/12/2026"),
    ("Faktura S-12/26", "S-12/26"),
    ("Faktura nr 12", "12"),
    ("FAKTURA VAT OSS 12/2026", "OSS 12/2026"),
]

NOT_OF_A_DOCUMENT = [
    "Faktura z dnia 12-11-2026",
    "Faktura 12.11.2026",
    "Rechnung vom 12.11.2026",
    "Invoice Date: 2026-11-07",
    "Faktura - data wystawienia: 2026-11-07",
    "Faktura za zamówienie nr 12345",
    "Faktura do zamówienia nr ZAM/12/2026",
    "Faktura k objednávce č. 20261302",
    "Faktura k objednávke 20261302",
    "Rechnung zu Ihrer Bestellung 20261302",
    "Rechnung zur Bestellung Nr. 30417",
    "Rechnung zum Auftrag AU-2026-77",
    "Invoice for order #30417",
    "Invoice for your order 20261302",
    "Számla a 10038817 rendeléshez",
    "A számla a 10038817 számú rendeléshez",
    "Рахунок до замовлення № 30417",
    "Рахунок за замовленням 20261302",
    "Faktura, variabilní symbol 20261302",
    "Fakturu uhraďte na účet 2900123456/2010",
    "Faktura - VS: 20261302",
    "Fakturę opłać na konto 12 1020 1026 0000 1234",
    "Numer KSeF faktury: 6793112850-20261120-0100A1-B2C3D4-5E",
    "Numer KSeF: 6793112850-20261120-0100A1-B2C3D4-5E",
    "Faktura w KSeF nr 6793112850-20261120-0100A1-B2C3D4-5E",
    "faktura KSeF: 6793112850-20261120-0100A1-B2C3D4-5E",
    "Faktura (nr KSeF 6793112850-20261120-0100A1B2C3D4-5E)",
    "Faktura NIP 6793112850",
    "Faktura na firmę, NIP: 679-311-28-50",
    "Szia, a számlát adószámra 12345678-2-42 állítottuk ki",
    "Rechnung an USt-IdNr. DE123456789",
    "Faktura na IČO 27074358",
    "Faktura IČO: 27074358",
    "faktura zakupu za 123.00 zł",
    "Faktura o wartości 1234,50 zł",
    "Kwota faktury: 1234,50 zł",
    "Faktura płatna w terminie 14 dni do 2026-11-20",
    "Faktura za 11/2026",
    "Faktura za październik 2026",
    "Faktury za okres 10/2026",
    "Rechnung für Oktober 10/2026",
    "faktura paczka 638045236705746863150614",
    "Fakturę wyślemy, tel. 600700800",
    "Fakturu zašleme, volejte 777123456",
    "Dokument WZ 12/2026",
    "Dokument WZ 12/MAG/2026",
    "Dokument dostawy 12/2026",
    "Dokument PZ/12/2026",
    "doklad o platbě 12345678",
    "Dodací doklad č. 12345",
    "Transaktionsbeleg 12345678",
]


def own_numbers(text: str) -> list[str]:
    return [one.number for one in numbers_in(text) if one.of in OWN]


@pytest.mark.parametrize(("text", "number"), TITLES, ids=[case[0] for case in TITLES])
def test_no_word_of_a_title_is_taken_for_a_part_of_the_number(text: str, number: str) -> None:
    assert own_numbers(text) == [number]


@pytest.mark.parametrize("text", NOT_OF_A_DOCUMENT)
def test_a_date_an_order_a_price_or_a_tax_id_is_no_number_of_a_document(text: str) -> None:
    assert own_numbers(text) == []


REFERRED = [
    "Dotyczy: FS 902/SKL/10/2026",
    "dotyczy faktury FS 902/SKL/10/2026",
    "Korekta faktury VAT FV 12/2026",
    "Dobropis k faktuře č. F2026-551",
    "Opravovaný doklad: 55/2026",
    "Pôvodná faktúra: 20260045",
    "Eredeti számla: E-ABC-2026-12",
    "Hivatkozott számla: E-ABC-2026-12",
    "zur Rechnung RG-2026-0970",
    "zu RG-2026-0970",
    "Korrektur der Rechnung RE-2026-12",
    "to your invoice INV-2026-12",
    "reversal of INV/2026/12",
    "до рахунку-фактури ФВ-12/2026",
]


@pytest.mark.parametrize("text", REFERRED)
def test_the_document_that_a_correction_corrects_is_only_referred_to(text: str) -> None:
    assert {one.of for one in numbers_in(text)} == {Numbers.REFERRED}


CORRECTIONS = [
    ("Korekta faktury VAT KFS 7/SKL/11/2026", "KFS 7/SKL/11/2026"),
    ("Korekta faktury KOR/3/2026", "KOR/3/2026"),
    ("Nr korekty: KFV 3/2026", "KFV 3/2026"),
    ("Korrekturnummer: RK-2026-3", "RK-2026-3"),
    ("Gutschriftsnummer: GS-2026-3", "GS-2026-3"),
    ("Credit memo no. CM-2026-3", "CM-2026-3"),
    ("Sztornó számla E-ABC-2026-15", "E-ABC-2026-15"),
    ("Opravná faktúra OF20260007", "OF20260007"),
    ("Opravný daňový doklad č. 2026-77", "2026-77"),
    ("Коригувальна фактура КФ-3/2026", "КФ-3/2026"),
]


@pytest.mark.parametrize(("text", "number"), CORRECTIONS)
def test_a_correction_has_a_number_of_its_own(text: str, number: str) -> None:
    (found,) = numbers_in(text)

    assert (found.number, found.of) == (number, Numbers.CORRECTION)


NAMES = [
    ("invoice_11-26-3390.pdf", "11-26-3390"),
    ("FAKTURA VAT MARŻA VM_17_2026.pdf", "VM 17/2026"),
    ("faktura_vat_marza_12_2026.pdf", "12/2026"),
    ("dokument_FVS0812.pdf", "FVS0812"),
    ("Faktura_c_20260012.pdf", "20260012"),
    ("faktura-20260012.pdf", "20260012"),
    ("Faktúra 20260045.pdf", "20260045"),
    ("szamla-KK-2026-12.pdf", "KK-2026-12"),
    ("Rechnung_Nr_RE-4471.pdf", "RE-4471"),
    ("Invoice-INV-2026-12.pdf", "INV-2026-12"),
    ("credit-note-CN-2026-3.pdf", "CN-2026-3"),
    ("рахунок-фактура_РФ-0012.pdf", "РФ-0012"),
    ("FV_12_2026_kopia.pdf", "FV 12/2026"),
    ("FV_12_2026 (1).pdf", "FV 12/2026"),
    ("korekta_faktury_KFS_3_2026.pdf", "KFS 3/2026"),
    ("korekta_faktury_FV_12_2026.pdf", None),
    ("korekta_do_FV_12_2026.pdf", None),
    ("SKLEP-LAMPY VM 17 11 2026.pdf", None),
    ("Rechnung_Bestellung_30417.pdf", None),
    ("faktura_do_zamowienia_12345.pdf", None),
    ("faktura_objednavka_30417.pdf", None),
    ("6793112850-20261120-0100A1-B2C3D4-5E.pdf", None),
    ("faktura_2026-11-20.pdf", None),
    ("WZ_12_2026.pdf", None),
]


@pytest.mark.parametrize(("name", "number"), NAMES)
def test_a_file_s_name_gives_its_own_number_or_none(name: str, number: str | None) -> None:
    assert number_in_name(name) == number
