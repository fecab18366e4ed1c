"""References as shops and carriers of seven languages write them, and what only looks like one."""

from __future__ import annotations

import pytest

from awizo.model import Kind, Link, ParsedMessage, References
from awizo.triage.invoice_numbers import Numbers, numbers_in
from awizo.triage.references import find_references
from support.books import CARRIERS, HOSTS

INVOICE, RECEIPT = Kind.INVOICE_LINK, Kind.RECEIPT_LINK


def found_in(text: str, *links: tuple[str, str]) -> References:
    message = ParsedMessage(
        text=text, new_text=text, links=tuple(Link(url, label) for url, label in links)
    )
    return find_references(message, (), HOSTS, CARRIERS)


WAYBILLS = [
    (
        "Csomagját átadtuk a Magyar Postának, azonosító: PNTM0123456789012345678901.",
        "OTHER:Magyar Posta",
        "PNTM0123456789012345678901",
    ),
    ("MPL csomagszám: JJH24AAAA12345678901", "OTHER:Magyar Posta", "JJH24AAAA12345678901"),
    (
        "Feladtuk ajánlott küldeményként a Magyar Postán: RL 1234 5678 9012 34",
        "OTHER:Magyar Posta",
        "RL12345678901234",
    ),
    (
        "Az MPL futár hozza, nyomkövetés: PNTAXR12345678901234567",
        "OTHER:Magyar Posta",
        "PNTAXR12345678901234567",
    ),
    ("ТТН Нової пошти: 20450123456789", "OTHER:Nova Poshta", "20450123456789"),
    (
        "Посилку відправлено Новою Поштою, експрес-накладна 59000123456789",
        "OTHER:Nova Poshta",
        "59000123456789",
    ),
    ("Номер накладної 20 4501 2345 6789", "OTHER:Nova Poshta", "20450123456789"),
    ("Відправили Укрпоштою, трек-номер 0503712345678.", "OTHER:Ukrposhta", "0503712345678"),
    ("Міжнародне відправлення Укрпошти RR123456785UA", "OTHER:Ukrposhta", "RR123456785UA"),
    ("Meest, номер відстеження: MST123456789", "MEEST", "MST123456789"),
    ("Předali jsme PPL, číslo zásilky 40112233445", "OTHER:PPL", "40112233445"),
    ("PPL zásilka č. 4 011 223 3445", "OTHER:PPL", "40112233445"),
    ("Česká pošta: podací číslo DR1234567890C", "OTHER:Česká pošta", "DR1234567890C"),
    ("Balíkovna NB1234567890C je na cestě", "OTHER:Česká pošta", "NB1234567890C"),
    ("Balík Do ruky, číslo DR1234567890E", "OTHER:Česká pošta", "DR1234567890E"),
    ("Doporučeně Českou poštou RR123456785CZ", "OTHER:Česká pošta", "RR123456785CZ"),
    ("Slovenská pošta, podacie číslo ZB123456789SK", "OTHER:Slovenská pošta", "ZB123456789SK"),
    ("Zásielku doručí Slovenská pošta EB123456789SK", "OTHER:Slovenská pošta", "EB123456789SK"),
    ("Kuriér SPS, číslo zásielky 12345678901", "OTHER:SPS", "12345678901"),
    ("SPS: zásielka 040-106-12345678", "OTHER:SPS", "04010612345678"),
    ("Hermes Sendungsnummer H1001234567890123456", "OTHER:Hermes", "H1001234567890123456"),
    ("An Hermes übergeben, Sendung 12345678901234", "OTHER:Hermes", "12345678901234"),
    ("Foxpost csomagszám: CLFOX123456789012", "OTHER:FOXPOST", "CLFOX123456789012"),
    ("Sameday csomagazonosító: 4EMGHU12345678", "OTHER:Sameday", "4EMGHU12345678"),
    ("Express One csomagszám: 12345678901", "EXPRESS_ONE", "12345678901"),
    ("Přepravce WE|DO, sledovací číslo 12345678901", "WEDO", "12345678901"),
    ("WE DO číslo zásilky: 1234567890", "WEDO", "1234567890"),
    ("DHL Sendungsnummer 00340434161094021501", "DHL", "00340434161094021501"),
    ("Mit DHL verschickt: 0034 0434 1610 9402 1501", "DHL", "00340434161094021501"),
    ("DHL Paket, Sendungsnr.: JJD000390012345678901", "DHL", "JJD000390012345678901"),
    ("Ihre DPD Paketnummer: 05008899001122", "DPD", "05008899001122"),
    ("DPD CZ zásilka 13951234567890", "DPD_CZ", "13951234567890"),
    ("Doručuje DPD, číslo balíku 05 00889 9001122", "DPD", "05008899001122"),
    ("A DPD futár viszi, csomagszám 05008899001122", "DPD", "05008899001122"),
    ("Zásielkovňa (Packeta) Z 123 4567 890", "PACKETA", "Z1234567890"),
    ("Packeta csomagszám: Z1234567890", "PACKETA", "Z1234567890"),
    ("Zásilkovna, kód zásilky: 1234567890", "PACKETA", "1234567890"),
    ("GLS csomagszám: 90112233445", "GLS", "90112233445"),
    ("GLS Paketnummer 90112233445, Track-ID ZX12AB34", "GLS", "90112233445"),
    ("UPS Trackingnummer 1Z999AA10123456784", "UPS", "1Z999AA10123456784"),
    ("Einschreiben der Deutschen Post: RR123456785DE", "OTHER:Deutsche Post", "RR123456785DE"),
    ("Geis číslo zásilky 1234567890123", "GEIS", "1234567890123"),
    ("Toptrans, číslo zásilky 1234567890", "OTHER:Toptrans", "1234567890"),
    ("Doručí Trans-o-flex, Sendungsnummer 12345678901", "OTHER:trans-o-flex", "12345678901"),
    ("Делівері, номер вантажу 1234567890", "OTHER:Delivery", "1234567890"),
    ("Rozetka Delivery, номер посилки 1234567890123", "OTHER:Rozetka Delivery", "1234567890123"),
    (
        "Zásielku sme odovzdali kuriérovi Remax, číslo 12345678901",
        "OTHER:ReMax Courier",
        "12345678901",
    ),
    ("InTime zásilka 12345678901", "WEDO", "12345678901"),
]

NO_WAYBILLS = [
    "Volejte 777 123 456, IČO 12345678, účet 2900123456/2010.",
    "Objednávka 20261188, GLS doručuje do 2 dnů.",
    "Tel. kuriéra DPD: 0907 123 456",
    "Rendelésszám: 20261188001, a GLS futár hívja: +36 30 123 4567",
    "Adószám: 12345678-2-42, bankszámla 11773016-11111018-00000000, a szállítás MPL-lel",
    "Bestellnummer 202611880001 wird mit DHL versandt. USt-IdNr. DE123456789",
    "IBAN DE89 3704 0044 0532 0130 00, Versand mit Hermes",
    "Замовлення 20261188, телефон Нової пошти 0800500609",
    "Код ЄДРПОУ 12345678, IBAN UA213223130000026007233566001, доставка Укрпоштою",
    "EAN 5901234123457, dopravce PPL",
    "Částka 12345678901 Kč",
    "PSČ 60200, PPL",
    "Variabilní symbol: 20261188001, zásilku doručí PPL",
    "Invoice 202611880012 — shipped with GLS soon",
    "Kundennummer 12345678901, Versand DPD",
    "Číslo faktúry 20261188001, doručí SPS",
]

# The text with {} for the address, the address, its label, what it leads to.
LINKS = [
    (
        "Doklad 26FV00451 stáhnete zde: {}",
        "https://doklady.kutil.shop/26FV00451/stahnout",
        "",
        INVOICE,
    ),
    ("Ihr Beleg DE26-80015: {}", "https://beleg.laden.example/b/DE26-80015", "", INVOICE),
    ("Faktura do zamówienia: {}", "https://sklep.example/return.php?doc=fv&id=5", "", INVOICE),
    (
        "Kliknutím otevřete fakturu: {}",
        "https://eshop.example.cz/index.php?route=account/invoice&order=5512&key=9fa2c",
        "",
        INVOICE,
    ),
    (
        "Kattintson a számla megnyitásához: {}",
        "https://bolt.example.hu/index.php?route=account/invoice&order=5512&key=9fa2c",
        "",
        INVOICE,
    ),
    (
        "Натисніть, щоб відкрити рахунок: {}",
        "https://shop.example.ua/index.php?route=account/invoice&order=5512&key=9fa2c",
        "",
        INVOICE,
    ),
    (
        "Dziękujemy.",
        "https://sklep.example/pdf-invoice?id_order=512&secure_key=0a9f8e7d6c",
        "Pobierz fakturę PDF",
        INVOICE,
    ),
    (
        "Dziękujemy.",
        "https://sklep.example/index.php?controller=pdf-invoice&id_order=512",
        "Pobierz",
        INVOICE,
    ),
    (
        "Vaša faktúra je pripravená: {}",
        "https://obchod.example.sk/doklady/26FV00451.pdf",
        "",
        INVOICE,
    ),
    ("", "https://obchod.example.sk/d/9f8e7d6c5b", "Stiahnuť faktúru", INVOICE),
    (
        "Rechnung RE-2026-451: {}",
        "https://erp.example.de/my/invoices/451?access_token=ab88-11",
        "",
        INVOICE,
    ),
    (
        "",
        "https://odoo.example.hu/my/invoices/451?access_token=ab88-11aa&report_type=pdf&download=true",
        "Számla letöltése",
        INVOICE,
    ),
    (
        "Számláját itt töltheti le: {}",
        "https://szamlak.barkacs.shop/26SZ00451/letoltes",
        "",
        INVOICE,
    ),
    ("Účtenka: {}", "https://uctenky.kutil.shop/u/AB77-1901", "", RECEIPT),
    ("Svou účtenku si zobrazíte na {}", "https://pokladna.example/uctenka/77-2026", "", RECEIPT),
    ("Ihren Kassenbon sehen Sie hier: {}", "https://bon.werkzeug.shop/u/AB77-1901", "", RECEIPT),
    ("Nyugtáját itt nézheti meg: {}", "https://nyugta.barkacs.shop/u/AB77-1901", "", RECEIPT),
    ("Свій чек дивіться тут: {}", "https://chek.maister.shop/u/AB77-1901", "", RECEIPT),
    ("Paragon: {}", "https://paragony.sklep.example/p/AB77-1901", "", RECEIPT),
    ("Bloček si stiahnete tu: {}", "https://blocky.kutil.shop/u/AB77-1901", "", RECEIPT),
    ("Your receipt is here: {}", "https://till.example/r/AB77-1901", "", RECEIPT),
    (
        "",
        "https://shop.example/wp-admin/admin-ajax.php?action=generate_wpo_wcpdf&document_type=invoice&order_ids=512&access_key=9fa2c3",
        "Download invoice (PDF)",
        INVOICE,
    ),
    (
        "",
        "https://sklep.example/wp-admin/admin-ajax.php?action=generate_wpo_wcpdf&document_type=invoice&order_ids=512&access_key=9fa2c3",
        "Pobierz fakturę",
        INVOICE,
    ),
    (
        "Download your invoice: {}",
        "https://magento.example/sales/guest/printInvoice/order_id/512/",
        "",
        INVOICE,
    ),
    ("Doklad o koupi: {}", "https://eshop.example.cz/objednavka/doklad/?h=9fa2c3d4e5", "", INVOICE),
    ("Dobropis 26D0004 je tady: {}", "https://doklady.kutil.shop/26D0004", "", INVOICE),
    ("Korekta faktury: {}", "https://panel.sklep.example/k/9fa2c3d4e5", "", INVOICE),
    ("Видаткова накладна: {}", "https://dokumenty.maister.shop/26VN0045/pdf", "", INVOICE),
    (
        "Рахунок-фактуру завантажте тут: {}",
        "https://dokumenty.maister.shop/26R00451/zavantazhyty",
        "",
        INVOICE,
    ),
    ("Die Gutschrift finden Sie unter {}", "https://rechnungen.laden.example/G26-15", "", INVOICE),
    (
        "Dokument sprzedaży FV 12/2026: {}",
        "https://b2b.sklep.example/docs/view?id=9812",
        "",
        INVOICE,
    ),
    (
        "Faktura je dostupná v portálu: {}",
        "https://portal.example.cz/dokument/f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "",
        INVOICE,
    ),
    ("E-bon: {}", "https://ebon.laden.example/2026/AB77", "", RECEIPT),
    ("Az e-számla letölthető: {}", "https://e-szamla.bolt.example/x/9f8e7d6c", "", INVOICE),
    (
        "Számlája: {}",
        "https://clients.szamlazz.hu/szamla/?action=szamlapdf&x=abc123def",
        "",
        INVOICE,
    ),
    ("Účtenka ke stažení", "https://shop.example/dl/AA11BB22", "Stáhnout účtenku", RECEIPT),
    ("Pobierz e-paragon: {}", "https://sklep.example/dokumenty/ep/77182", "", RECEIPT),
    ("Faktura VAT w serwisie: {}", "https://erp.sklep.example/f/77182?t=abcDEF123", "", INVOICE),
]

NO_LINKS = [
    ("Faktury najdete v historii objednávek: {}", "https://eshop.cz/ucet/objednavky", ""),
    ("Reklamace: {}", "https://eshop.cz/reklamace/formular/512", ""),
    ("Obchodní podmínky, faktura přijde poštou. {}", "https://eshop.cz/obchodni-podminky", ""),
    ("Sledujte zásilku: {}", "https://www.ppl.cz/vyhledat-zasilku?shipmentId=40998877665", ""),
    ("Fakturu posíláme v příloze. Ohodnoťte nás: {}", "https://eshop.cz/hodnoceni/512abc", ""),
    ("Zálohová faktura: {}", "https://doklady.kutil.shop/26ZF00451/stahnout", ""),
    ("Proforma: {}", "https://sklep.example/pro/9f8e7d6c5b", "Pobierz proformę"),
    ("Rechnung liegt bei. Retoure: {}", "https://laden.example/retoure/512", ""),
    ("Díjbekérő: {}", "https://bolt.hu/dijbekero/512abc", ""),
    ("Výzva k platbě: {}", "https://eshop.cz/platba/9f8e7d6c", ""),
    ("Zwrot zgłosisz tu: {}", "https://sklep.example/return.php?order=5", ""),
    ("Zobrazit objednávku", "https://eshop.cz/objednavka/detail/512", "Zobrazit objednávku"),
    ("Stáhněte si e-book: {}", "https://knihy.example/dl/77fa99", ""),
    ("Navod ke stazeni: {}", "https://eshop.cz/navody/TX-200.pdf", "Stáhnout návod"),
    ("Angebot: {}", "https://laden.example/angebot/26-44", ""),
    ("Рахунок на оплату: {}", "https://maister.shop/pay/26R00451", ""),
    ("Štítek pro vrácení: {}", "https://eshop.cz/stitek/9fa2c3d4", ""),
    ("Zapłać fakturę: {}", "https://sklep.example/platnosc/9fa2c3d4", "Zapłać fakturę"),
]

NUMBERS = [
    ("V příloze najdete fakturu č. 2026000451.", ["2026000451"]),
    ("Faktura FV-26-0451 je ke stažení.", ["FV-26-0451"]),
    ("Daňový doklad číslo 26FV00451 v příloze.", ["26FV00451"]),
    ("Dobropis č. D26-0004 k faktuře 26FV00451.", ["D26-0004"]),
    ("Opravný daňový doklad 2026/OD/4 v příloze.", ["2026/OD/4"]),
    ("Faktúra č. 20260451 v prílohe.", ["20260451"]),
    ("V prílohe je faktúra 2026/0451.", ["2026/0451"]),
    ("Mellékeljük a SZ-2026/00451 számú számlát.", ["SZ-2026/00451"]),
    ("Számlaszám: E-BARK-2026-451 (számla sorszáma)", ["E-BARK-2026-451"]),
    ("A számla sorszáma: BRK-2026-451.", ["BRK-2026-451"]),
    ("Számla: 2026-000451", ["2026-000451"]),
    ("Anbei die Rechnung Nr. RE-2026-0451.", ["RE-2026-0451"]),
    ("Ihre Rechnungsnummer lautet R26/0451.", ["R26/0451"]),
    ("Rechnung 2026-10451 im Anhang", ["2026-10451"]),
    ("Gutschrift GS-2026-0015 zur Rechnung RE-2026-0451", ["GS-2026-0015"]),
    ("Рахунок-фактура № РФ-0000451 у вкладенні.", ["РФ-0000451"]),
    ("Видаткова накладна № 451 від 12.11.2026", ["451"]),
    ("Рахунок № 26Р-00451 у вкладенні.", ["26Р-00451"]),
    ("Invoice INV-2026-0451 is attached.", ["INV-2026-0451"]),
    ("Your invoice no. 26/0451 is attached.", ["26/0451"]),
    ("Credit note CN-26-15 to invoice INV-2026-0451", ["CN-26-15"]),
    ("Faktura VAT nr FV/451/11/2026 w załączniku.", ["FV/451/11/2026"]),
    ("Faktura 451/11/2026/ALL", ["451/11/2026/ALL"]),
    ("Korekta KFV 12/11/2026 do faktury FV/451/11/2026", ["KFV 12/11/2026"]),
    ("Paragon nr PA/77/11/2026", ["PA/77/11/2026"]),
    ("Účtenka č. 77/2026", ["77/2026"]),
    ("Objednávka 20260451 byla odeslána.", []),
    ("Zálohová faktura č. 26ZF00451", []),
    ("Díjbekérő D-2026-451", []),
    ("Bankszámlaszám: 11773016-11111018-00000000", []),
    ("Angebot AN-2026-44", []),
    ("Proforma PF/12/2026", []),
]


@pytest.mark.parametrize(("text", "carrier", "number"), WAYBILLS, ids=lambda value: value[:24])
def test_a_parcel_number_is_found_with_its_carrier(text: str, carrier: str, number: str) -> None:
    (waybill,) = found_in(text).waybills

    name = f":{waybill.name}" if waybill.carrier == "OTHER" else ""
    assert (waybill.carrier + name, waybill.number) == (carrier, number)


@pytest.mark.parametrize("text", NO_WAYBILLS)
def test_a_number_of_something_else_is_no_parcel_beside_a_carrier(text: str) -> None:
    assert found_in(text).waybills == ()


@pytest.mark.parametrize(("text", "url", "label", "kind"), LINKS, ids=lambda value: str(value)[:32])
def test_a_document_is_found_on_the_shop_s_own_host(
    text: str, url: str, label: str, kind: Kind
) -> None:
    (link,) = found_in(text.format(url), (url, label)).document_links

    assert (link.url, link.kind) == (url, kind)


@pytest.mark.parametrize(("text", "url", "label"), NO_LINKS, ids=lambda value: value[:32])
def test_a_page_about_documents_is_none(text: str, url: str, label: str) -> None:
    assert found_in(text.format(url), (url, label)).document_links == ()


@pytest.mark.parametrize(("text", "numbers"), NUMBERS, ids=lambda value: str(value)[:32])
def test_the_number_of_a_document_is_read_in_its_language(text: str, numbers: list[str]) -> None:
    wanted = (Numbers.DOCUMENT, Numbers.CORRECTION, Numbers.RECEIPT)

    assert [one.number for one in numbers_in(text) if one.of in wanted] == numbers


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Váš doklad z registračnej pokladnice: https://kvety.example/doklad/A1B2C3D4", RECEIPT),
        ("Pokladní doklad najdete zde: https://kvety.example/doklad/A1B2C3D4", RECEIPT),
        ("Váš daňový doklad: https://kvety.example/doklad/A1B2C3D4", INVOICE),
        ("Doklad k objednávce: https://kvety.example/doklad/A1B2C3D4", INVOICE),
        ("Hier ist Ihr Bon: https://beleg.laden.example/b/DE26-90011", RECEIPT),
        ("Bon podarunkowy czeka: https://sklep.example/bony/A1B2C3D4", None),
    ],
)
def test_a_doklad_or_beleg_is_what_the_words_around_say(text: str, kind: Kind | None) -> None:
    url = text.rpartition(" ")[2]

    found = found_in(text, (url, "")).document_links

    assert [link.kind for link in found] == ([] if kind is None else [kind])
