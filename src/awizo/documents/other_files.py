"""Say what an attachment is that is no PDF, by its first bytes, type and name.

In:  an attachment, the mail's words about it.
Out: DocumentFacts.

Pure. Nothing here can be filed: Allegro takes PDF alone (FACTS 2.5). So the question is only
whether the file is something that a buyer would miss if the mail were stopped.
"""

from __future__ import annotations

import hashlib
import re

from awizo.documents.facts import judge_text
from awizo.model import Attachment, DocumentFacts, DocumentKind
from awizo.triage.words import clean, plain

HEAD_BYTES = 65_536

# Kinds that a name alone may establish; never a sales document.
BY_NAME = frozenset(
    {
        DocumentKind.TERMS,
        DocumentKind.RETURN_FORM,
        DocumentKind.LABEL,
        DocumentKind.MANUAL,
        DocumentKind.GOODS_ISSUE,
        DocumentKind.WARRANTY,
        DocumentKind.OFFER,
        DocumentKind.ORDER_CONFIRMATION,
        DocumentKind.PAYMENT_RECEIPT,
        DocumentKind.PROFORMA,
        DocumentKind.CODE,
    }
)

PICTURE_MAGIC = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"RIFF", b"BM", b"<svg",
    b"\x00\x00\x01\x00",
)  # fmt: skip
# Pictures that belong to the dress of a mail.
DRESS_NAME = re.compile(
    r"logo|banner|icon|ikon|image\d{3}|img_?\d{1,2}\.|header|footer|stopka|naglowek|signature|"
    r"podpis|"
    r"facebook|instagram|youtube|twitter|linkedin|tiktok|spacer|pixel|bullet|divider|avatar|baner|"
    r"outlook-|att\d{5}|noname|paticka|fejlec|lablec|signatur|лого|банер"
)
SMALL_PICTURE_BYTES = 12_000  # a photograph of a parcel is larger
SIGNATURE_TYPES = frozenset(
    {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
)

# Roots of electronic invoices. KSeF FA(2), FA(3): namespace crd.gov.pl; UBL 2.1: OASIS;
# CII (Factur-X, ZUGFeRD): UN/CEFACT; ISDOC: the Czech one.
E_INVOICE = re.compile(
    rb"<(?:[A-Za-z0-9_]{1,20}:)?(?:Faktura|Invoice|CreditNote|CrossIndustryInvoice|"
    rb"CrossIndustryDocument|ISDOC|FakturaElektroniczna|JPK)[\s>]"
)
XML_NUMBER = re.compile(
    rb"<(?:[A-Za-z0-9_]{1,20}:)?(?P<tag>P_2|P_2A|ID)>\s{0,20}(?P<number>[^<]{1,60}?)\s{0,20}</"
)
UPO = re.compile(rb"<(?:[A-Za-z0-9_]{1,20}:)?(?:Potwierdzenie|UPO)[\s>]")


def judge_other(attachment: Attachment, mail_hint: str) -> DocumentFacts:
    """Facts of a file that does not begin as a PDF does."""
    content = attachment.content
    kind, confidence, number = DocumentKind.UNKNOWN, 0.5, None
    state = "ok" if content else "empty"
    if _called_pdf(attachment):
        named = judge_text("", attachment.name, mail_hint)
        kind, confidence, number = named.kind, named.confidence, named.number
        state = "not_pdf" if content else "empty"
    elif _is_dress(attachment):
        kind, confidence = DocumentKind.LOGO, 0.95
    elif E_INVOICE.search(content[:HEAD_BYTES]) or UPO.search(content[:HEAD_BYTES]):
        kind, confidence = DocumentKind.E_INVOICE_XML, 0.97
        number = _xml_number(content[:HEAD_BYTES])
    else:
        named = judge_text("", attachment.name, "")
        if named.kind in BY_NAME:
            kind, confidence = named.kind, named.confidence
    return DocumentFacts(
        part=attachment.part,
        name=attachment.name,
        kind=kind,
        state=state,
        number=number,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        confidence=confidence,
    )


def _called_pdf(attachment: Attachment) -> bool:
    name = attachment.name.lower().rstrip()
    return name.endswith(".pdf") or attachment.content_type in (
        "application/pdf",
        "application/x-pdf",
    )


def _is_dress(attachment: Attachment) -> bool:
    """A logo, a background, a signature of the transport: nothing that is read."""
    if attachment.content_type in SIGNATURE_TYPES:
        return True
    picture = attachment.content_type.startswith("image/") or attachment.content.startswith(
        PICTURE_MAGIC
    )
    if not picture:
        return False
    return (
        attachment.inline
        or bool(DRESS_NAME.search(plain(clean(attachment.name))))
        or len(attachment.content) <= SMALL_PICTURE_BYTES
    )


def _xml_number(head: bytes) -> str | None:
    match = XML_NUMBER.search(head)
    return match["number"].decode("utf-8", "replace") if match else None
