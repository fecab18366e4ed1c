"""Sales documents over HTTP: declare one, send its file, list them; links to them.

The antivirus scan is asynchronous, a declaration is not idempotent, nothing is ever deleted
or replaced.

Source: openapi.yaml; FACTS 1.3 and 2.4 to 2.7.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from awizo.emulator.calls import Answer, Call, Refusal
from awizo.emulator.world import Invoice, Link, Order, World, moment, newest

URL_MAX_CHARS = 2000
ONE_DOCUMENT = ("EPT",)  # payment providers with one document for each order (FACTS 2.4)

_ENCRYPTED = re.compile(rb"/Encrypt\s*(?:<<|\d+\s+\d+\s+R)")


def listing(call: Call) -> Answer:
    """GET /order/checkout-forms/{id}/invoices."""
    order = call.order()
    now = call.now
    return Answer(
        200,
        {
            "orderMode": "REGULAR",
            "invoices": [_listed(call.world, one) for one in order.listed_invoices(now)],
            "links": [
                {"id": one.id, "url": one.url, "createdAt": moment(one.created_at)}
                for one in order.links
            ],
            "hasExternalInvoices": order.has_external_invoices,
        },
    )


def _listed(world: World, invoice: Invoice) -> dict[str, Any]:
    now = world.now()
    file: dict[str, Any] = {"name": invoice.name}
    if invoice.uploaded_at is not None:
        scan = invoice.scan(now)
        file["uploadedAt"] = moment(invoice.uploaded_at)
        file["securityVerification"] = {"status": scan}
        if scan != "WAITING" and invoice.scanned_at is not None:
            file["securityVerification"]["verifiedAt"] = moment(invoice.scanned_at)
        file["verification"] = {"status": "NOT_APPLICABLE", "details": []}
    body: dict[str, Any] = {
        "id": invoice.id,
        "createdAt": moment(invoice.created_at),
        "file": file,
    }
    if invoice.number is not None:
        body["invoiceNumber"] = invoice.number
    return body


def declare(call: Call) -> Answer:
    """POST /order/checkout-forms/{id}/invoices. Each call makes a further object."""
    order = call.order()
    body = call.json()
    file, number = body.get("file"), body.get("invoiceNumber")
    name = file.get("name") if isinstance(file, dict) else None
    if not isinstance(name, str) or not name.strip():
        raise Refusal(422, "VALIDATION_ERROR", "file.name must not be empty", path="file.name")
    if number is not None and not isinstance(number, str):
        raise Refusal(422, "VALIDATION_ERROR", "invoiceNumber is a text", path="invoiceNumber")
    _refuse_payment(order)
    if not order.invoice_required and call.strike("order-without-invoice", order.id):
        raise Refusal(422, "ORDER-WITHOUT-INVOICE", "This order cannot have an invoice")
    _refuse_scanning(call, order)
    if call.strike("metadata-too-fast", order.id) or _too_fast(call, order):
        raise Refusal(
            429,
            "TOO_MANY_REQUESTS",
            "You're trying to add another metadata too fast. Upload a file to previously added "
            "metadata or wait a few seconds before adding next one",
        )
    most = 1 if order.payment_provider in ONE_DOCUMENT else call.rules.invoices_max
    if len(order.kept_invoices(call.now)) >= most:
        raise Refusal(
            409,
            "INVOICE-ALREADY-EXISTS",
            f"Order with given id already has {most} seller invoice{'s' * (most > 1)}",
        )
    orphan = call.strike("orphan", order.id)
    invoice = add_invoice(call.world, order, number, name.strip())
    if orphan is not None:
        invoice.visible_at = call.world.in_s(orphan.number("hidden"))
    return Answer(201, {"id": invoice.id})


def add_invoice(world: World, order: Order, number: str | None, name: str) -> Invoice:
    now = world.now()
    invoice = Invoice(world.new_uuid(), number, name, created_at=now, visible_at=now)
    order.invoices.append(invoice)
    order.declared_at = now
    return invoice


def _refuse_payment(order: Order) -> None:
    if order.payment_rejected:
        raise Refusal(422, "PAYMENT-REJECTED", "The payment of this order is rejected")


def _refuse_scanning(call: Call, order: Order) -> None:
    """While a file of the order is being scanned no further one is taken (FACTS 2.4)."""
    clash = call.strike("scan-clash", order.id)
    if clash is not None or any(
        one.scan(call.now) == "WAITING" for one in order.kept_invoices(call.now)
    ):
        status = int(clash.number("status")) if clash is not None else 409
        raise Refusal(
            status,
            "SECURITY-SCAN-IN-PROGRESS",
            f"Security scan for SELLER invoice in given order {order.id} is in progress",
        )


def _too_fast(call: Call, order: Order) -> bool:
    last = newest(order.kept_invoices(call.now))
    if last is None or last.content is not None:
        return False
    return call.now - last.created_at < timedelta(seconds=call.rules.metadata_gap_s)


def put_file(call: Call) -> Answer:
    """PUT /order/checkout-forms/{id}/invoices/{invoiceId}/file: raw bytes of a PDF."""
    order = call.order()
    _refuse_payment(order)
    known = order.kept_invoices(call.now)
    invoice = next((one for one in known if one.id == call.parts["invoice_id"]), None)
    if invoice is None:
        raise Refusal(404, "NotFoundException", None)  # without detail (FACTS 2.5)
    if call.strike("ghost-file", order.id):
        invoice.gone_at = call.now
        invoice.content = None
        raise _has_file(invoice)
    if invoice.content is not None:
        raise _has_file(invoice)
    if len(call.content) > call.rules.max_file_bytes:
        raise Refusal(413, "FILE-TOO-LARGE", "The file is too large. Max file size is 3MB")
    if not call.content or _ENCRYPTED.search(call.content):
        raise Refusal(422, "EMPTY-ATTACHMENT", "Attachment is empty")
    if not call.content.startswith(b"%PDF-") or call.strike("content-invalid", order.id):
        raise Refusal(422, "FILE-CONTENT-INVALID", "File must have PDF content")
    store_file(call.world, invoice, call.content, scan_s=_scan_s(call))
    if call.strike("scan-rejects", order.id):
        invoice.verdict = "REJECTED"
    if not order.invoice_required:
        loss = call.strike("silent-loss", order.id)
        if loss is not None:
            invoice.gone_at = call.world.in_s(loss.number("delay"))
    elif invoice.verdict == "ACCEPTED" and not call.strike("no-mail"):
        # Sent by itself where the buyer requested an invoice (FACTS 2.6).
        at = invoice.scanned_at or call.now
        order.told.append({"what": f"invoice {invoice.number or invoice.name}", "at": moment(at)})
    return Answer(200)


def _has_file(invoice: Invoice) -> Refusal:
    return Refusal(
        409,
        "INVOICE-FILE-ALREADY-EXISTS",
        f"Invoice with given id {invoice.id} already has invoice file uploaded",
    )


def _scan_s(call: Call) -> float:
    slow = call.strike("slow-scan")
    return slow.number("delay") if slow is not None else call.rules.scan_s


def store_file(world: World, invoice: Invoice, content: bytes, *, scan_s: float) -> None:
    invoice.content = content
    invoice.uploaded_at = world.now()
    invoice.scanned_at = world.in_s(scan_s)


def add_link(call: Call) -> Answer:
    """POST /order/{orderId}/billing-documents/links: hosts of a list that nobody knows."""
    order = call.order()
    url = call.json().get("url")
    if not isinstance(url, str) or not url:
        raise Refusal(422, "VALIDATION_ERROR", "url must not be empty", path="url")
    if any(one.url == url for one in order.links):
        raise Refusal(409, "LINK-ALREADY-EXISTS", "The given URL already exists", path="url")
    if not _may_link(url, call.rules.link_hosts) or call.strike("link-refused", order.id):
        raise Refusal(422, "INVALID-URL", "The given URL is invalid", path="url")
    if len(order.links) >= call.rules.links_max:
        raise Refusal(422, "LINKS-LIMIT-REACHED", f"At most {call.rules.links_max} links")
    order.links.append(Link(call.world.new_uuid(), url, call.now))
    return Answer(201)


def _may_link(url: str, hosts: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return False
    if parts.scheme != "https" or len(url) > URL_MAX_CHARS:
        return False
    return any(host == one or host.endswith(f".{one}") for one in hosts)
