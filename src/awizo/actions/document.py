"""Compare sales documents, and see whether Allegro would take one. Pure.

In:  a document with what it says of itself; documents known from before or listed.
Out: fit or not, the same or not.

Source: FACTS 2.4 and 2.5.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from awizo.allegro.ports import LedgerEntry
from awizo.allegro.values import ListedInvoice, OrderInvoices
from awizo.errors import PermanentFailure
from awizo.model import UploadInvoice
from awizo.triage.invoice_numbers import number_in_name, same_number

PDF_MAX_BYTES = 3_000_000  # FACTS 2.5: 3 MB, unknown whether decimal; the smaller is safe

_ENCRYPTED = re.compile(rb"/Encrypt\s*(?:<<|\d+\s+\d+\s+R)")
_UNSAFE_IN_NAME = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]+")


def refuse_unfit(pdf: bytes) -> None:
    """Check what can be checked before anything is declared on the order.

    Raises:
        PermanentFailure: ``document_empty``, ``document_not_pdf``, ``document_too_large`` or
            ``document_encrypted``.

    Source: FACTS 2.5.
    """
    if not pdf.strip():
        raise PermanentFailure("document_empty")
    if not pdf.startswith(b"%PDF-"):
        raise PermanentFailure("document_not_pdf", "does not begin with %PDF-")
    if len(pdf) > PDF_MAX_BYTES:
        raise PermanentFailure("document_too_large", f"{len(pdf)} bytes")
    if _ENCRYPTED.search(pdf):
        raise PermanentFailure("document_encrypted")


def file_name(action: UploadInvoice) -> str:
    """A name for the declared file: the attachment's, made harmless, with ``.pdf``."""
    name = _UNSAFE_IN_NAME.sub("_", action.attachment).strip(" ._")
    if not name:
        name = _UNSAFE_IN_NAME.sub("_", action.number or "dokument").strip(" ._") or "dokument"
    stem = name[:-4] if name.lower().endswith(".pdf") else name
    return f"{stem[:100]}.pdf"


def differs(action: UploadInvoice, other: LedgerEntry, *, by_kind: bool) -> str | None:
    """What tells two documents of one number apart; ``None`` when they may be the same one.

    What is not known on either side tells nothing apart. Another rendering has other bytes
    and often other text, but never another total, buyer or kind.
    """
    if action.sha256 and action.sha256 == other.sha256:
        return None
    if action.text_sha256 and action.text_sha256 == other.text_sha256:
        return None
    one, two = _amount(action.total), _amount(other.total)
    if one is not None and two is not None and one != two:
        return "total"
    buyer, other_buyer = _tax_id(action.buyer_tax_id), _tax_id(other.buyer_tax_id)
    if buyer and other_buyer and buyer != other_buyer:
        return "buyer"
    if by_kind and other.document_kind and other.document_kind != str(action.kind):
        return "kind"
    return None


def listed_twin(
    listed: OrderInvoices, number: str | None, *, not_these: Sequence[str] = ()
) -> ListedInvoice | None:
    """A document on the order with this number, from whatever channel; those that the scan
    rejected do not count. One with a file goes before one that is only declared."""
    if not number:
        return None
    twins = [
        one
        for one in listed.invoices
        if one.id not in not_these and one.scan != "REJECTED" and _is_number_of(number, one)
    ]
    return next((one for one in twins if one.has_file), twins[0] if twins else None)


def _is_number_of(number: str, one: ListedInvoice) -> bool:
    """By the declared number; where none was declared, by the file's name."""
    if one.number:
        return same_number(number, one.number)
    stem = re.sub(r"(?i)\.pdf$", "", one.file_name)
    return same_number(number, stem) or same_number(number, number_in_name(one.file_name))


def _amount(value: str | None) -> Decimal | None:
    try:
        return Decimal(value) if value else None
    except InvalidOperation:
        return None


def _tax_id(value: str | None) -> str:
    """Digits alone: a country's letters come and go between renderings."""
    return re.sub(r"\D", "", value or "")
