"""A scan is the invoice that its mail brings, where it can be no other file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from awizo.documents.facts import judge_text, near_words
from awizo.documents.scans import BELIEVED, believed
from awizo.model import DocumentFacts, DocumentKind, ParsedMessage

NOTE = judge_text("Wydanie zewnętrzne WZ 12/10\n1 Lampa 1 szt.", "WZ 12-10.pdf", "")
CARD = judge_text("KARTA GWARANCYJNA\nModel: A3", "karta.pdf", "")
INVOICE = judge_text(
    "Faktura FV 12/2026\nSprzedawca: X\nNIP: 6793112850\nRazem: 123,00 PLN", "FV 12.pdf", ""
)


def judged(text: str, *others: DocumentFacts, name: str = "doc6b64a0.pdf") -> DocumentFacts:
    subject, _, body = text.partition("\n")
    mail = ParsedMessage(subject=subject, text=body, new_text=body)
    scan = judge_text("", name, near_words(mail, name))
    return believed(mail, (scan, *others), [0])[0]


BROUGHT = [
    ("Dokumenty\nPrzesyłam skan faktury 61/11/26.", "invoice"),
    ("Faktura\nW załączeniu skan.", "invoice"),
    ("Faktura za lampę\nPrzesyłam skan faktury, oryginał jedzie w paczce.", "invoice"),
    ("Skan\nPodsyłam rachunek za krzesło.", "invoice"),
    ("Korekta\nPrzesyłam skan faktury korygującej.", "correction"),
    ("Paragon\nZałączam skan paragonu.", "receipt"),
    ("Dokumenty\nPosílám naskenovanou fakturu.", "invoice"),
    ("Doklad\nV příloze posíláme účtenku.", "receipt"),
    ("Dobropis\nV příloze najdete sken dobropisu.", "correction"),
    ("Doklady\nV prílohe posielam faktúru.", "invoice"),
    ("Blok\nNaskenovaný pokladničný blok je v prílohe.", "receipt"),
    ("Iratok\nCsatolom a számlát szkennelve.", "invoice"),
    ("Nyugta\nMellékelem a nyugtát.", "receipt"),
    ("Unterlagen\nIch schicke Ihnen die Rechnung eingescannt.", "invoice"),
    ("Kassenbon\nDer Bon hängt als Scan im Anhang.", "receipt"),
    ("Papers\nPlease find the invoice attached as a scan.", "invoice"),
    ("Receipt\nI am sending a scan of the receipt.", "receipt"),
    ("Документи\nШлю скан фактури 61/11/26 за лампу.", "invoice"),
    ("Чек\nСкан чека у вкладенні.", "receipt"),
]


@pytest.mark.parametrize(("text", "kind"), BROUGHT, ids=[case[0] for case in BROUGHT])
def test_a_scan_is_what_the_mail_says_it_brings(text: str, kind: str) -> None:
    scan = judged(text)

    assert scan.kind is DocumentKind(kind)
    assert scan.confidence >= BELIEVED


NOT_BROUGHT = [
    "Dokumenty\nW załączniku skan.",
    "Dokumenty\nFakturę wyślemy osobno, w załączniku skan instrukcji.",
    "Dokumenty\nFaktura jest w paczce. W załączniku karta gwarancyjna.",
    "Dokumenty\nJeśli potrzebują Państwo faktury, proszę odesłać załączony druk.",
    "Faktura\nFakturę wyślemy osobno, w załączniku skan instrukcji.",
    "Rechnung\nDie Rechnung folgt per Post, anbei die Skizze.",
    "Dane\nProszę uzupełnić dane do faktury w załączonym pliku.",
    "Dokumenty\nPrzesyłam skan faktury proforma.",
    "Dokumenty\nFakturu zašleme později, v příloze je záruční list.",
    "Doklady\nFaktúra bude v balíku, v prílohe posielam návod na použitie.",
    "Iratok\nA számlát külön küldjük, csatolom a leírást.",
    "Unterlagen\nDie Rechnung folgt per Post, anbei die Skizze.",
    "Papers\nThe invoice will be sent separately, the sketch is attached.",
    "Документи\nФактуру надішлемо пізніше, у вкладенні ескіз.",
]


@pytest.mark.parametrize("text", NOT_BROUGHT)
def test_a_scan_is_no_invoice_because_the_mail_mentions_one(text: str) -> None:
    scan = judged(text)

    assert not (scan.is_sales_document and scan.confidence >= BELIEVED)


def test_the_paper_that_could_be_read_is_the_other_one_the_mail_names() -> None:
    text = "Документи\nНадсилаю скан фактури за лампу. До неї додаю накладну: накладна 12."

    assert judged(text, NOTE).kind is DocumentKind.INVOICE
    assert judged(text).kind is not DocumentKind.INVOICE


@pytest.mark.parametrize("other", [INVOICE, replace(INVOICE, name="FV 13.pdf", confidence=0.6)])
def test_beside_an_invoice_that_was_read_a_scan_stays_unknown(other: DocumentFacts) -> None:
    assert judged("Dokumenty\nPrzesyłam fakturę.", other).confidence < BELIEVED


def test_of_two_scans_none_is_taken_for_the_invoice() -> None:
    mail = ParsedMessage(subject="Skany", new_text="Przesyłam skan faktury i karty.")
    scan = judge_text("", "skan001.pdf", "")

    assert believed(mail, (scan, scan), [0, 1]) == (scan, scan)


def test_a_scan_called_a_card_by_its_mail_is_none_of_the_invoices() -> None:
    text = "Dokumenty\nPrzesyłam skan: faktura i karta gwarancyjna."

    assert not judged(text).confidence >= BELIEVED
    assert judged(text, CARD).confidence >= BELIEVED
