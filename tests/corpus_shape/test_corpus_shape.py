"""The corpus keeps what its README promises.

In:  the folders of tests/corpus, mails and labels.
Out: every label is well formed, and what it names is really in the mail.

Reads with the standard library and pypdfium2 only, so that a fault in our own parser cannot hide
a wrong label.
"""

from __future__ import annotations

import email
import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from functools import cache
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

CORPUS = Path(__file__).parent.parent / "corpus"
HALVES = ("dev", "held")
FOLDERS = (*HALVES, "fresh")
KINDS = {
    "invoice",
    "receipt_link",
    "invoice_link",
    "payment_received",
    "order_processing",
    "order_sent",
    "parcel_status",
    "rating_request",
    "conversation_reply",
    "fulfilment_correspondence",
    "other",
}
LANGUAGES = {"pl", "cs", "sk", "hu", "en", "de", "uk"}
STATUSES = {
    "NEW",
    "PROCESSING",
    "READY_FOR_SHIPMENT",
    "READY_FOR_PICKUP",
    "SENT",
    "PICKED_UP",
    None,
}
SALES_DOCUMENTS = {"invoice", "correction", "receipt"}
ATTACHMENT_KINDS = SALES_DOCUMENTS | {
    "proforma",
    "offer",
    "terms",
    "return_form",
    "label",
    "warranty",
    "manual",
    "goods_issue",
    "packing_slip",
    "payment_receipt",
    "price_list",
    "picture",
    "xml",
    "licence",
    "other",
}
FIELDS = {
    "file",
    "class",
    "secondary",
    "acceptable",
    "language",
    "order_id",
    "order_id_where",
    "recipient",
    "invoice_numbers",
    "invoice_attachments",
    "attachments",
    "document_urls",
    "waybills",
    "fulfillment_status",
    "hard",
    "why",
    "reply",
    "program",
}
GUESSES = ("utf-8", "windows-1250", "iso-8859-2", "windows-1251", "koi8-u")


@cache
def labels(half: str) -> tuple[dict[str, Any], ...]:
    lines = (CORPUS / half / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


each_kind = pytest.mark.parametrize(
    ("half", "kind"), [(half, kind) for half in FOLDERS for kind in sorted(KINDS)]
)


def of_kind(half: str, kind: str) -> Iterator[dict[str, Any]]:
    """The labels of one kind; a failure shows the mail by its label."""
    return (label for label in labels(half) if label["class"] == kind)


def parsed(half: str, name: str) -> EmailMessage:
    content = (CORPUS / half / name).read_bytes()
    message = email.message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def leaves(message: Message) -> Iterator[EmailMessage]:
    for part in message.walk():
        if not part.is_multipart():
            assert isinstance(part, EmailMessage)
            yield part


def decoded(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def file_name(part: EmailMessage) -> str | None:
    """The name a mail program shows, RFC 2047 words in a parameter decoded as they do."""
    name = part.get_filename()
    if name is None:
        return None
    name = str(make_header(decode_header(name))) if "=?" in name else name
    return name.encode("ascii", "surrogateescape").decode() if "\udcc5" in name else name


def pdf_text(content: bytes) -> str:
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError:
        return ""
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def readings(part: EmailMessage) -> Iterator[str]:
    """The text of a part in every charset it may be meant in."""
    content = decoded(part)
    if content[:1024].find(b"%PDF") >= 0:
        yield pdf_text(content)
    elif part.get_content_maintype() == "text":
        for charset in (part.get_content_charset() or "utf-8", *GUESSES):
            try:
                yield html.unescape(content.decode(charset, "replace"))
            except LookupError:
                continue


@cache
def everything(half: str, name: str) -> str:
    message = parsed(half, name)
    headers = [f"{key}: {value}" for key, value in message.items()]
    texts = [text for part in leaves(message) for text in readings(part)]
    return "\n".join([*headers, *texts])


def squeezed(text: str) -> str:
    return re.sub(r"[\s\u00a0]", "", text)


@pytest.mark.parametrize("half", FOLDERS)
def test_every_mail_has_one_label_of_a_known_kind_and_every_label_a_mail(half: str) -> None:
    files = sorted(path.name for path in (CORPUS / half).glob("*.eml"))

    assert sorted(label["file"] for label in labels(half)) == files
    assert {label["class"] for label in labels(half)} == KINDS


@each_kind
def test_a_label_is_well_formed(half: str, kind: str) -> None:
    for label in of_kind(half, kind):
        assert set(label) == FIELDS
        assert set(label["secondary"]) <= KINDS - {label["class"]}
        assert set(label["acceptable"]) <= KINDS - {label["class"]}
        assert label["language"] in LANGUAGES
        assert label["fulfillment_status"] in STATUSES
        assert isinstance(label["hard"], bool)
        assert isinstance(label["reply"], bool)
        assert label["why"]
        assert bool(label["order_id"]) == bool(label["order_id_where"])
        assert set(label["order_id_where"]) <= {"body", "subject", "header", "pdf", "nested"}
        assert {item["kind"] for item in label["attachments"]} <= ATTACHMENT_KINDS
        for waybill in label["waybills"]:
            assert set(waybill) == {"carrier", "number"} | (
                {"name"} if waybill["carrier"] == "OTHER" else set()
            )


@each_kind
def test_a_mail_ends_its_lines_with_crlf(half: str, kind: str) -> None:
    for label in of_kind(half, kind):
        content = (CORPUS / half / label["file"]).read_bytes()

        assert content.endswith(b"\r\n")
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)", content)


@each_kind
def test_what_a_label_names_is_in_the_mail(half: str, kind: str) -> None:
    for label in of_kind(half, kind):
        text = everything(half, label["file"])
        dense = squeezed(text)

        assert label["recipient"].lower() in text.lower()
        assert not label["order_id"] or label["order_id"] in dense
        for url in label["document_urls"]:
            assert url in text
        for waybill in label["waybills"]:
            assert waybill["number"] in dense


@each_kind
def test_attachments_are_named_as_in_the_mail(half: str, kind: str) -> None:
    for label in of_kind(half, kind):
        parts = list(leaves(parsed(half, label["file"])))
        names = [
            file_name(part)
            for part in parts
            if file_name(part)
            and not (part.get_content_maintype() == "image" and part["Content-ID"])
        ]
        sales = [item["name"] for item in label["attachments"] if item["kind"] in SALES_DOCUMENTS]

        assert sorted(name for name in names if name) == sorted(
            item["name"] for item in label["attachments"]
        )
        assert set(sales) <= set(label["invoice_attachments"])


@each_kind
def test_the_classes_agree_with_what_the_mail_holds(half: str, kind: str) -> None:
    for label in of_kind(half, kind):
        classes = {label["class"], *label["secondary"]}

        assert ("invoice" in classes) == bool(label["invoice_attachments"])
        assert bool(label["document_urls"]) == bool(classes & {"invoice_link", "receipt_link"})
        assert not label["reply"] or parsed(half, label["file"])["In-Reply-To"]


def both_halves() -> list[dict[str, Any]]:
    return [label for half in HALVES for label in labels(half)]


def test_every_kind_is_there_in_every_language_in_both_halves() -> None:
    for half in HALVES:
        seen = {(label["class"], label["language"]) for label in labels(half)}
        assert seen == {(kind, language) for kind in KINDS for language in LANGUAGES}


def test_polish_leads_and_no_language_is_rare() -> None:
    per_language = Counter(label["language"] for label in both_halves())
    total = per_language.total()

    assert total >= 360
    assert 0.4 <= per_language["pl"] / total <= 0.6  # most sellers are Polish
    assert min(per_language.values()) >= 25


def test_many_mails_are_tricky_and_every_kind_has_some_that_are() -> None:
    hard = Counter(label["class"] for label in both_halves() if label["hard"])

    assert hard.total() >= 90
    assert set(hard) == KINDS


def test_the_halves_have_the_same_spread() -> None:
    for field in ("class", "language", "hard"):
        dev, held = (Counter(label[field] for label in labels(half)) for half in HALVES)
        for value in dev | held:
            shares = dev[value] / dev.total(), held[value] / held.total()
            assert abs(shares[0] - shares[1]) <= 0.1, (value, shares)


def test_the_corpus_stays_small() -> None:
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < 18_000_000
