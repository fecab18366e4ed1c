"""Links to documents as programs of seven countries write them, and links that look like it."""

from __future__ import annotations

import pytest

from awizo.model import Kind, Link, ParsedMessage, References
from awizo.triage.references import find_references
from support.books import CARRIERS, HOSTS

INVOICE, RECEIPT = Kind.INVOICE_LINK, Kind.RECEIPT_LINK


def found_in(text: str, *links: tuple[str, str]) -> References:
    subject, _, body = text.partition("\n")
    message = ParsedMessage(
        subject=subject,
        text=body,
        new_text=body,
        links=tuple(Link(url, label) for url, label in links),
    )
    return find_references(message, (), HOSTS, CARRIERS)


# Subject and text with {} where the link stands, its address, its label, what it leads to.
DOCUMENTS = [
    (
        "Zamówienie\n{}",
        "https://sklep.example/invoice/ab12cd34ef/pdf",
        "Pobierz fakturę i potwierdzenie płatności",
        INVOICE,
    ),
    (
        "Faktura\nPobierz fakturę: {}",
        "https://sklep.example/form/faktura/8831.pdf",
        "Pobierz fakturę",
        INVOICE,
    ),
    (
        "Nowy dokument do zamówienia\nDostępny jest nowy dokument.\n\nFaktura nr LM-26-004417\n{}",
        "https://lampy.example/account/order/document/0192f6a7c31e7d0d9d5e8a4b6c1f2e30/kJ8sV2nQx7",
        "Pobierz dokument",
        INVOICE,
    ),
    (
        "Dowód zakupu 0041187\nDowód zarejestrowany na kasie fiskalnej online: {}",
        "https://dowod.apteka.example/pf?kasa=EAZ2201553810&dok=0041187&h=9d2f",
        "otwórz dokument",
        RECEIPT,
    ),
    (
        "Faktura 20261302\nHezký den, doklad 20261302 je uložený online. "
        "Kliknutím na {} ho otevřete bez hesla.",
        "https://app.idoklad.cz/s/k3sFSqmoSXpEe1",
        "zobrazit a stáhnout",
        INVOICE,
    ),
    (
        "Faktura\nDobrý den, {}",
        "https://app.idoklad.cz/s/k3sFSqmoSXpEe1",
        "Zobrazit doklad online",
        INVOICE,
    ),
    (
        "Faktúra 2026045\nDobrý deň, faktúru si pozrite {}.",
        "https://app.idoklad.sk/s/k3sFSqmoSXpEe1",
        "v prehliadači",
        INVOICE,
    ),
    (
        "Faktura\nDobrý den, {}",
        "https://app.fakturoid.cz/petrnovak/p/xY7abcD9qs/2026-0012",
        "Zobrazit fakturu",
        INVOICE,
    ),
    (
        "Faktura 2026-0012\nDobrý den, {}",
        "https://app.fakturoid.cz/petrnovak/p/xY7abcD9qs/2026-0012",
        "Otevřít v prohlížeči",
        INVOICE,
    ),
    (
        "Faktúra 2026045\nDobrý deň, {}",
        "https://moja.superfaktura.sk/slo/invoices/pdf/123456/token:a1b2c3d4/signature:1/"
        "bysquare:1",
        "Stiahnuť PDF",
        INVOICE,
    ),
    (
        "Számlája érkezett\nSzámlája letöltéséhez {}",
        "https://app.billingo.hu/document-access/K3drE0Gvb2eRwQNYlypfasdOlJADB4Y",
        "kattintson ide",
        INVOICE,
    ),
    (
        "Számlája érkezett\nKedves Vevőnk! {}",
        "https://app.billingo.hu/document-access/default/K3drE0Gvb2eRwQNYlypfasdOlJADB4Y",
        "Megtekintés",
        INVOICE,
    ),
    (
        "Számla\nA számla {} érhető el.",
        "https://www.szamlazz.hu/szamla/"
        "?action=szamlapdf&partguid=l2m4yyricg2a&szfejguid=ij5r8n809zu1",
        "itt",
        INVOICE,
    ),
    (
        "Rechnung 4471\nGuten Tag, {}",
        "https://app.lexware.de/permalink/invoices/view/19a84aac-b087-4101-9b7c-876ae0acf28c",
        "Beleg ansehen",
        INVOICE,
    ),
    (
        "Rechnung 4471\nGuten Tag, {}",
        "https://my.sevdesk.de/public/9a84aacb0874",
        "hier ansehen",
        INVOICE,
    ),
    (
        "Rechnung 4471\nHallo, {}",
        "https://app.easybill.de/p/d/9a84aacb0874",
        "Dokument öffnen",
        INVOICE,
    ),
    (
        "Rechnung 4471\nHallo, {}",
        "https://my.fastbill.com/download/b0Cc3d4e5f6a7",
        "Download",
        INVOICE,
    ),
    (
        "Rechnung 4471\nHallo, {}",
        "https://firma.billomat.net/share/b0cc3d4e5f6a7/",
        "Online ansehen",
        INVOICE,
    ),
    (
        "Faktura FV 12/2026\nDzień dobry, {}",
        "https://www.fakturowo.pl/pokaz?id=a1b2c3d4e5f6",
        "Podgląd dokumentu",
        INVOICE,
    ),
    (
        "Faktura FV 12/2026\nDzień dobry, {}",
        "https://app.infakt.pl/s/a1b2c3d4e5f6",
        "Zobacz w przeglądarce",
        INVOICE,
    ),
    (
        "Faktura FV 12/2026\nDzień dobry, {}",
        "https://wfirma.pl/s/a1b2c3d4e5f6",
        "Pobierz plik",
        INVOICE,
    ),
    (
        "Faktura FV 12/2026\nDzień dobry, {}",
        "https://efaktura.ifirma.pl/x/a1b2c3d4e5f6",
        "tutaj",
        INVOICE,
    ),
    (
        "Faktura FV 12/2026\nDzień dobry, {}",
        "https://sklep.fakturownia.pl/invoice/a1B2c3D4e5F6g7.pdf?locale=pl",
        "Pobierz dokument",
        INVOICE,
    ),
    ("Faktura\nDobrý deň, {}", "https://app.kros.sk/p/a1b2c3d4e5f6", "Zobraziť dokument", INVOICE),
    (
        "Рахунок-фактура\nДобрий день, {}",
        "https://app.vchasno.ua/d/a1b2c3d4e5f6",
        "Переглянути документ",
        INVOICE,
    ),
    (
        "Ваш чек\nДякуємо! {}",
        "https://kasa.vchasno.com.ua/check-viewer/a1b2c3d4e5",
        "Переглянути",
        RECEIPT,
    ),
    (
        "Чек\nДякуємо! {}",
        "https://cabinet.tax.gov.ua/cashregs/check?id=158221&fn=3001046175&sm=169.00&date=20260106",
        "Перевірити чек",
        RECEIPT,
    ),
    ("Faktura\nFakturę można {}", "https://sklep.example/d/a8f7e6d5", "pobrać tutaj", INVOICE),
    ("x\nFaktura VAT: {}", "https://sklep.example/d/a8f7e6d5", "FV 12/2026", INVOICE),
    ("x\nWystawiliśmy fakturę nr {}.", "https://sklep.example/d/a8f7e6d5", "FV 12/2026", INVOICE),
    (
        "x\n{} pobierzesz fakturę do zamówienia.",
        "https://sklep.example/d/a8f7e6d5",
        "Tutaj",
        INVOICE,
    ),
    (
        "x\n{} stáhnete fakturu ve formátu PDF.",
        "https://eshop.example.cz/d/a8f7e6d5",
        "Zde",
        INVOICE,
    ),
    ("x\n{} si stiahnete faktúru.", "https://eshop.example.sk/d/a8f7e6d5", "Tu", INVOICE),
    ("x\n{} letöltheti a számlát.", "https://bolt.example.hu/d/a8f7e6d5", "Itt", INVOICE),
    (
        "x\n{} können Sie Ihre Rechnung herunterladen.",
        "https://laden.example.de/d/a8f7e6d5",
        "Hier",
        INVOICE,
    ),
    (
        "x\n{} to download your invoice.",
        "https://shop.example.com/d/a8f7e6d5",
        "Click here",
        INVOICE,
    ),
    (
        "x\n{} можна завантажити рахунок-фактуру.",
        "https://shop.example.ua/d/a8f7e6d5",
        "Тут",
        INVOICE,
    ),
    ("x\nFakturu č. 20260012 najdete zde: {}", "https://eshop.example.cz/d/a8f7e6d5", "", INVOICE),
    ("x\nFaktura za 2 szt. lampy czeka: {}", "https://sklep.example/d/a8f7e6d5", "", INVOICE),
    (
        "x\nIhre Rechnung Nr. 4471 liegt bereit. Klicken Sie auf {}.",
        "https://laden.example.de/d/a8f7e6d5",
        "PDF öffnen",
        INVOICE,
    ),
    (
        "x\nVaše faktura je připravena. Klikněte na tlačítko {}",
        "https://eshop.example.cz/d/a8f7e6d5",
        "Stáhnout (PDF, 120 kB)",
        INVOICE,
    ),
    (
        "x\nA számlája elkészült. Kattintson a gombra: {}",
        "https://bolt.example.hu/d/a8f7e6d5",
        "Letöltés",
        INVOICE,
    ),
    (
        "x\nWystawiliśmy paragon. Kliknij: {}",
        "https://sklep.example/d/a8f7e6d5",
        "Otwórz PDF",
        RECEIPT,
    ),
]


@pytest.mark.parametrize(("text", "url", "label", "kind"), DOCUMENTS, ids=[c[0] for c in DOCUMENTS])
def test_a_document_is_found_whatever_its_button_is_called(
    text: str, url: str, label: str, kind: Kind
) -> None:
    found = found_in(text.format(label or url), (url, label)).document_links

    assert [(link.url, link.kind) for link in found] == [(url, kind)]


OTHERS = [
    (
        "Potwierdzenie zakupu\nParagon został zarejestrowany. Fakturę na żądanie: {}.",
        "https://swiatlo-nocne.pl/faktura-na-zadanie",
        "zasady wystawiania faktur",
    ),
    (
        "Váš doklad\nFakturu k účtence vystavíme: {}",
        "https://zverimex-tlapka.cz/faktura-k-uctence",
        "faktura k účtence",
    ),
    (
        "Korekta\nCo to jest faktura korygująca: {}",
        "https://wiedza.przyklad.pl/-faktura-korygujaca",
        "przeczytaj",
    ),
    (
        "E-paragon\nTwój e-paragon jest w aplikacji. {}",
        "https://paragon.online/zgody/wypisz?m=9ab",
        "Nie chcę e-paragonów",
    ),
    (
        "Faktura\nDzień dobry, faktura w załączniku. {}",
        "https://www.idoklad.cz/registrace?ref=mail2026abc",
        "Vystaveno v iDokladu",
    ),
    (
        "Faktura\nDzień dobry, faktura w załączniku.\n\n{}",
        "https://fakturownia.pl/?utm_campaign=invoice2026footer",
        "Fakturownia",
    ),
    ("Faktura\nFaktura w załączniku.\n\n{}", "https://www.szamlazz.hu/", "Számlázz.hu"),
    ("Faktura w KSeF\nFakturę znajdziesz w KSeF: {}", "https://ksef.podatki.gov.pl/", ""),
    (
        "Faktura w KSeF\nFakturę pobierzesz po zalogowaniu do KSeF: {}",
        "https://ksef.mf.gov.pl/web/login",
        "portal KSeF",
    ),
    (
        "Faktura\nZweryfikuj fakturę w KSeF: {}",
        "https://qr.ksef.mf.gov.pl/invoice/6793112850/20-11-2026/"
        "UtQp9Gpc51y-u3xApZjIjgkpZ01js-J8KflSPW8WzIE",
        "Weryfikacja",
    ),
    (
        "Faktura\nFaktura w załączniku. Zamówienie: {}",
        "https://sklep.example/panel/zamowienie/12345",
        "Panel zamówienia",
    ),
    (
        "Faktura\nFaktura w załączniku. Zamówienie: {}",
        "https://sklep.example/panel/zamowienie/12345",
        "Zobacz",
    ),
    (
        "Faktura\nFaktura w załączniku. Przesyłkę śledź tutaj: {}",
        "https://inpost.pl/sledzenie-przesylek?number=638045236705746863150614",
        "tutaj",
    ),
    (
        "Faktura\nFaktura w załączniku. Regulamin pobierzesz tutaj: {}",
        "https://sklep.example/d/reg2026abc.pdf",
        "tutaj",
    ),
    (
        "Faktura\nFaktura w příloze. Návod ke stažení {}",
        "https://eshop.example.cz/d/a8f7e6d5.pdf",
        "zde",
    ),
    (
        "Faktura\nFakturu posíláme v příloze. Obchodní podmínky {}",
        "https://eshop.example.cz/d/op2026a.pdf",
        "zde",
    ),
    ("Faktúra\nFaktúra v prílohe. Odhlásenie {}", "https://news.example.sk/u/a8f7e6d5a8f7", "tu"),
    (
        "Számla\nA számla mellékelve. Értékelje a vásárlást {}",
        "https://bolt.example.hu/r/a8f7e6d5",
        "itt",
    ),
    (
        "Rechnung\nDie Rechnung liegt bei. Bewerten Sie uns {}",
        "https://laden.example.de/b/a8f7e6d5",
        "hier",
    ),
    (
        "Invoice\nInvoice attached. Manage your order {}",
        "https://shop.example.com/o/a8f7e6d5",
        "here",
    ),
    ("Invoice\nPay your invoice here: {}", "https://pay.example.com/p/a8f7e6d5", "Pay now"),
    (
        "Рахунок\nРахунок у вкладенні. Відстежити посилку {}",
        "https://shop.example.ua/t/a8f7e6d5",
        "тут",
    ),
    (
        "Faktura\nFaktura w załączniku.\n\n{}",
        "https://sklep.example/k/a8f7e6d5",
        "Karta gwarancyjna",
    ),
    (
        "Faktura\nDzień dobry, faktura w załączniku.\n\nPozdrawiamy\n{}",
        "https://sklep.example/a8f7e6d5",
        "Sklep Lampy",
    ),
    (
        "x\nFakturę wyślemy po nadaniu. {} sprawdzisz status zamówienia.",
        "https://sklep.example/s/a8f7e6d5",
        "Tutaj",
    ),
    ("x\nProformu {}", "https://app.idoklad.cz/s/k3sFSqmoSXpEe1", "stáhnete zde"),
    (
        "Zálohová faktura 12\nZálohovou fakturu otevřete {}",
        "https://app.idoklad.cz/s/k3sFSqmoSXpEe1",
        "zde",
    ),
    ("Oferta\nOfertę zobaczysz {}", "https://app.infakt.pl/s/a1b2c3d4e5f6", "tutaj"),
    ("x\nDane do faktury zmienisz {}", "https://sklep.example/dane/a8f7e6d5", "tutaj"),
    (
        "x\nJeśli woli Pani fakturę VAT, proszę uzupełnić NIP w {}.",
        "https://sklep.example/faktura/formularz?zam=88173",
        "formularzu faktury",
    ),
    ("x\nPobierz fakturę {}", "https://pay.infakt.pl/l/GT7731", "Szybka płatność online"),
    ("x\nJeśli potrzebujesz faktury, zgłoś to {}", "https://sklep.example/f/a8f7e6d5", "tutaj"),
    (
        "x\nPokud potřebujete fakturu na firmu, vyplňte {}",
        "https://eshop.example.cz/form/a8f7e6d5",
        "zde",
    ),
    ("x\nIf you need an invoice, request it {}", "https://shop.example.com/req/a8f7e6d5", "here"),
    ("x\nHa számlát kér, töltse ki {}", "https://bolt.example.hu/kerdoiv/a8f7e6d5", "itt"),
    (
        "x\nWenn Sie eine Rechnung benötigen, füllen Sie {} aus",
        "https://laden.example.de/form/a8f7e6d5",
        "dieses Formular",
    ),
    (
        "x\nЯкщо вам потрібен рахунок-фактура, заповніть {}",
        "https://shop.example.ua/form/a8f7e6d5",
        "форму тут",
    ),
]


@pytest.mark.parametrize(("text", "url", "label"), OTHERS, ids=[c[0] for c in OTHERS])
def test_a_link_beside_an_invoice_is_not_a_link_to_one(text: str, url: str, label: str) -> None:
    assert found_in(text.format(label or url), (url, label)).document_links == ()


# Subject and text, links in order, how many of them lead to documents, the documents' numbers.
TABLES: list[tuple[str, list[tuple[str, str]], int, list[str]]] = [
    (
        "Dokumenty\nDzień dobry!\n\nZamówienie\tOpis\tFaktura\tPlik\nZA/11/2026/441\t"
        "Kubki 2 szt.\tFV 290/2026\tpobierz\nZA/11/2026/602\tTalerze 4 szt.\t"
        "FV 377/2026\tpobierz\n\nLinki działają przez miesiąc.",
        [
            ("https://panel.sklep.example/d/290-e4d7b0f92c.pdf", "pobierz"),
            ("https://panel.sklep.example/d/377-3c91de52af.pdf", "pobierz"),
            ("https://sklep.example/polityka.pdf", "polityka prywatności"),
        ],
        2,
        ["FV 290/2026", "FV 377/2026"],
    ),
    (
        "Dokumenty\nDobrý den\n\nObjednávka\tČíslo faktury\tOdkaz\n30417\t20260012\tstáhnout\n"
        "30418\t20260013\tstáhnout",
        [("https://e.cz/x/a1b2c3d4", "stáhnout"), ("https://e.cz/x/a1b2c3d5", "stáhnout")],
        2,
        ["20260012", "20260013"],
    ),
    (
        "Doklady\nDobrý deň\n\nObjednávka\tFaktúra\t\n30417\t20260012\tstiahnuť",
        [("https://e.sk/x/a1b2c3d4", "stiahnuť")],
        1,
        ["20260012"],
    ),
    (
        "Dokumentumok\nKedves Vevő!\n\nRendelés\tSzámla\tFájl\n30417\tKK-2026-12\tletöltés",
        [("https://b.hu/x/a1b2c3d4", "letöltés")],
        1,
        ["KK-2026-12"],
    ),
    (
        "Unterlagen\nGuten Tag\n\nBestellung\tRechnungsnr.\tDatei\n30417\tRE-4471\therunterladen",
        [("https://l.de/x/a1b2c3d4", "herunterladen")],
        1,
        ["RE-4471"],
    ),
    (
        "Files\nHello\n\nOrder\tInvoice\tFile\n30417\tINV-2026-12\tdownload",
        [("https://s.com/x/a1b2c3d4", "download")],
        1,
        ["INV-2026-12"],
    ),
    (
        "Документи\nДобрий день\n\nЗамовлення\tРахунок\tФайл\n30417\tРФ-0012\tзавантажити",
        [("https://s.ua/x/a1b2c3d4", "завантажити")],
        1,
        ["РФ-0012"],
    ),
    (
        "Pliki\nDzień dobry\n\nDokument\tLink\nFaktura FV 12/2026\tpobierz\nRegulamin\t"
        "pobierz\nInstrukcja obsługi\tpobierz",
        [
            ("https://s.pl/x/a1b2c3d4", "pobierz"),
            ("https://s.pl/x/a1b2c3d5", "pobierz"),
            ("https://s.pl/x/a1b2c3d6", "pobierz"),
        ],
        1,
        ["FV 12/2026"],
    ),
    (
        "Pliki\nDzień dobry\n\nNumer faktury\tFV 12/2026\nZamówienie\tZA/11/2026/441\nPlik PDF\t"
        "pobierz",
        [("https://s.pl/x/a1b2c3d4", "pobierz")],
        1,
        ["FV 12/2026"],
    ),
    (
        "Przesyłki\nDzień dobry\n\nZamówienie\tPrzesyłka\tLink\n30417\t638045236705\tśledź\n"
        "30418\t638045236706\tzobacz",
        [("https://s.pl/x/a1b2c3d4", "śledź"), ("https://s.pl/x/a1b2c3d5", "zobacz")],
        0,
        [],
    ),
    (
        "Zamówienie\nDzień dobry, faktura w załączniku\n\nProdukt\tCena\tLink\nLampa\t123,00\t"
        "zobacz",
        [("https://s.pl/x/a1b2c3d5", "zobacz")],
        0,
        [],
    ),
    (
        "Faktura\nDzień dobry\n\nData\tFaktura\tKwota\tPlik\n12.11.2026\tFV 12/2026\t"
        "123,00 zł\tPDF",
        [("https://s.pl/x/a1b2c3d5", "PDF")],
        1,
        ["FV 12/2026"],
    ),
]


@pytest.mark.parametrize(("text", "links", "count", "numbers"), TABLES, ids=[c[0] for c in TABLES])
def test_a_row_of_a_table_says_what_its_link_leads_to(
    text: str, links: list[tuple[str, str]], count: int, numbers: list[str]
) -> None:
    found = found_in(text, *links)

    assert [link.url for link in found.document_links] == [url for url, _ in links[:count]]
    assert list(found.invoice_numbers) == numbers


def test_each_link_of_a_table_has_the_number_of_its_row() -> None:
    text, links, _, numbers = TABLES[0]

    assert [link.number for link in found_in(text, *links).document_links] == numbers


def test_an_order_s_number_in_the_row_below_the_head_is_no_invoice_s() -> None:
    text = "Dokumenty\nZamówienie\tFaktura\nZA/11/2026/441\tFV 12/2026"

    found = found_in(text, ("https://sklep.example/faktura/a8f7e6d5", "Pobierz fakturę"))

    assert found.invoice_numbers == ("FV 12/2026",)


def test_a_number_in_label_and_address_is_the_document_s() -> None:
    text = "Elindult\nA számlát most sem nyomtattuk ki: PSZ-2026-1188 letöltése."
    link = ("https://bolt.example/szamla/PSZ-2026-1188?k=a0c41f", "PSZ-2026-1188 letöltése")

    assert found_in(text, link).invoice_numbers == ("PSZ-2026-1188",)


def test_a_link_to_a_correction_has_its_number_not_that_of_what_it_corrects() -> None:
    text = (
        "Korekta\nPomyłka na fakturze FV/2026/11/0440. Poprawiony zapis to "
        "faktura korygująca KOR/2026/11/0009."
    )
    link = ("https://kawa.example/dokumenty/kor/CbWX7XMYKzLkBbh6DnaZ7", "KOR/2026/11/0009")

    assert found_in(text, link).invoice_numbers == ("KOR/2026/11/0009",)
