"""The JSON shapes of the command line: a contract with other programs.

In:  values of the house.
Out: plain mappings with exactly the documented names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from awizo.allegro.ports import LedgerEntry
from awizo.model import (
    Action,
    DocumentFacts,
    Forward,
    HistoryEntry,
    Job,
    JobState,
    Order,
    Plan,
    References,
    Verdict,
    action_name,
)
from awizo.spool.port import StoredDelivery

INTERNAL = frozenset({"part", "sha256", "text_sha256", "total", "buyer_tax_id"})


def rfc3339(moment: datetime | None) -> str | None:
    """UTC with fractions and ``Z``."""
    return (
        None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def action_shape(action: Action) -> dict[str, Any]:
    """``{"action": name, …its own fields}``; an order that is not known is ``null``."""
    shape: dict[str, Any] = {"action": action_name(action)}
    for one in fields(action):
        if one.name in INTERNAL:
            continue
        value = getattr(action, one.name)
        shape[one.name] = list(value) if isinstance(value, tuple) else value
    if "order_id" in shape:
        shape["order_id"] = shape["order_id"] or None
    return shape


def explained(
    *,
    file: str,
    recipient: str | None,
    verdict: Verdict,
    references: References,
    facts: Sequence[DocumentFacts],
    plan: Plan,
    order_id: str | None,
) -> dict[str, Any]:
    """One line of ``awizo explain --json``."""
    waybills = []
    for waybill in references.waybills:
        shape: dict[str, Any] = {"carrier": waybill.carrier, "number": waybill.number}
        if waybill.name:
            shape["name"] = waybill.name
        waybills.append(shape)
    return {
        "file": file,
        "recipient": recipient,
        "kind": verdict.kind,
        "secondary": list(verdict.secondary),
        "confidence": round(verdict.confidence, 4),
        "evidence": [
            {"rule": e.rule, "where": e.where, "text": e.text, "weight": round(e.weight, 3)}
            for e in verdict.evidence
        ],
        "order_id": order_id,
        "invoice_numbers": list(references.invoice_numbers),
        "documents": [fact.name for fact in facts if fact.is_sales_document],
        "document_urls": [link.url for link in references.document_links],
        "waybills": waybills,
        "fulfillment_status": verdict.fulfillment_status,
        "actions": [action_shape(action) for action in plan.actions],
        "disposition": plan.disposition,
    }


def job_shape(job: Job) -> dict[str, Any]:
    shape = action_shape(job.action)
    shape["state"] = job.state
    shape["attempts"] = job.attempts
    if job.state in (JobState.QUEUED, JobState.DEFERRED):
        shape["due_at"] = rfc3339(job.due_at)
    if job.code:
        shape["code"] = job.code
    if job.reply:
        shape["reply"] = job.reply
    return shape


def history_shape(entry: HistoryEntry) -> dict[str, Any]:
    return {
        "at": rfc3339(entry.at),
        "event": entry.event,
        **({"job_id": entry.job_id} if entry.job_id else {}),
        **entry.data,
    }


def queued(stored: StoredDelivery, *, with_history: bool = False) -> dict[str, Any]:
    """One line of ``awizo queue list --json``; with its history that of ``show``."""
    delivery = stored.delivery
    actions = [job for job in stored.jobs if not isinstance(job.action, Forward)]
    forwards = [job for job in stored.jobs if isinstance(job.action, Forward)]
    shape: dict[str, Any] = {
        "id": delivery.id,
        "message_id": delivery.message.message_id,
        "account": delivery.account or (delivery.accounts[0] if delivery.accounts else None),
        "recipient": delivery.recipient.address,
        "kind": delivery.kind,
        "state": delivery.state,
        "disposition": delivery.disposition,
        "order_id": delivery.order_id,
        "actions": [job_shape(job) for job in actions],
        "received_at": rfc3339(delivery.received_at),
        "problem": delivery.problem,
    }
    if not with_history:
        return shape
    return shape | {
        "notes": list(delivery.notes),
        "queue_id": delivery.message.id,
        "reverse_path": delivery.message.envelope.reverse_path,
        "route": delivery.message.route,
        "smarthost": delivery.message.smarthost,
        "size_bytes": delivery.message.size_bytes,
        "sha256": delivery.message.sha256,
        "settled_at": rfc3339(delivery.settled_at),
        "forward": job_shape(forwards[-1]) if forwards else None,
        "verdict": stored.verdict,
        "content_kept": stored.content_kept,
        "history": [history_shape(entry) for entry in stored.history],
    }


def order_shape(order: Order) -> dict[str, Any]:
    """One line of ``awizo orders find --json``."""
    return {
        "order_id": order.order_id,
        "account": order.account,
        "email": order.email or None,
        "buyer_login": order.buyer_login or None,
        "buyer_name": order.buyer_name or None,
        "company_name": order.company_name or None,
        "status": order.status or None,
        "fulfillment_status": order.fulfillment_status,
        "total": None if order.total is None else str(order.total),
        "currency": order.currency or None,
        "invoice_required": order.invoice_required,
        "invoice_numbers": list(order.invoice_numbers),
        "waybills": list(order.waybills),
        "delivery_method": order.delivery_method or None,
        "marketplace": order.marketplace or None,
        "bought_at": rfc3339(order.bought_at),
        "updated_at": rfc3339(order.updated_at),
        "complete": order.complete,
    }


def document_shape(entry: LedgerEntry) -> dict[str, Any]:
    """One line of ``awizo documents export``: a document or link, and the proof of it."""
    return {
        "id": entry.id,
        "account": entry.account,
        "order_id": entry.order_id,
        "kind": entry.kind,
        "document_kind": entry.document_kind or None,
        "number": entry.number,
        "url": entry.url,
        "state": entry.state,
        "invoice_id": entry.invoice_id,
        "sha256": entry.sha256 or None,
        "total": entry.total,
        "delivery_id": entry.delivery_id,
        "created_at": rfc3339(entry.created_at),
        "updated_at": rfc3339(entry.updated_at),
        "proof": dict(entry.proof),
    }
